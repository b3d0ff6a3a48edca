/*
 * The API over TCP, beside the Unix socket and by the same routes: an address of this machine only, and a token for everything but
 * /healthz. It is a server of its own, so that whoever holds all of its connections holds none of the socket's.
 *
 * What is refused here is refused before its body is read. Whoever shows no good token waits, is told, and has to connect again.
 */
#include "api_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define PENALTY_MS   300            /* before an answer that no good token was shown */
#define LOG_EVERY    (10 * SECOND)  /* such attempts stand in the log at most so often */
#define WATCH_MS     1000
#define HEADER_LIMIT (10 * SECOND)  /* from the connection to its first request */
#define IDLE_LIMIT   (60 * SECOND)  /* … and to each further one */
#define BODY_GRACE   (10 * SECOND)
#define BODY_RATE    1024           /* bytes a second behind that */

/* ---- listening ---- */

int api_listen_tcp(const char *listen_at, struct err *e)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	const char *colon = strrchr(listen_at, ':');
	bool six = *listen_at == '[';
	const struct sockaddr *at = six ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;
	char host[64];
	int64_t port;
	int fd, on = 1;

	/* The configuration was read with the same rule; no mistake there may open this to others. */
	snprintf(host, sizeof(host), "%.*s", colon ? (int)(colon - listen_at) : 0, listen_at);
	if (!strcmp(host, "localhost"))
		str_copy(host, "127.0.0.1");
	if (!colon || !str_to_i64(colon + 1, 1, 65535, &port) ||
	    (six ? strcmp(host, "[::1]") != 0 : inet_pton(AF_INET, host, &v4.sin_addr) != 1 || ntohl(v4.sin_addr.s_addr) >> 24 != 127))
		return err_set(e, ERR_USAGE, "'%s' is no loopback address with a port", listen_at);
	v4.sin_port = v6.sin6_port = htons((uint16_t)port);
	fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, at, six ? sizeof(v6) : sizeof(v4)) < 0 || listen(fd, 128) < 0) {
		err_errno(e, ERR_FAILED, "cannot listen on '%s' ('listen' in the configuration)", listen_at);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* ---- connections ---- */

/* What a connection owes us, and since when. */
enum owes { OWES_FIRST, OWES_NEXT, OWES_BODY, OWES_NOTHING };

struct peer {
	struct list link;
	int fd;
	enum owes owes;
	duration since; /* of the boot clock */
	int64_t got;
};

static struct peer *peer_of(const struct request *r)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->mc, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void owes(struct request *r, enum owes what)
{
	struct peer *p = r->listener->tcp ? peer_of(r) : NULL;

	if (!p)
		return;
	p->owes = what;
	p->since = clock_boot();
	p->got = 0;
}

void tcp_connection(void *cls, struct MHD_Connection *mc, void **context, enum MHD_ConnectionNotificationCode what)
{
	struct listener *l = cls;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct peer *p = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		p = xcalloc(1, sizeof(*p));
		p->fd = info ? info->connect_fd : -1;
		p->since = clock_boot();
		list_append(&l->peers, &p->link);
		*context = p;
	} else if (p) {
		list_remove(&p->link);
		free(p);
		*context = NULL;
	}
}

void tcp_body(struct request *r, size_t n)
{
	struct peer *p = r->listener->tcp ? peer_of(r) : NULL;

	if (p)
		p->got += (int64_t)n;
}

void tcp_whole(struct request *r)
{
	owes(r, OWES_NOTHING);
}

void tcp_over(struct request *r)
{
	owes(r, OWES_NEXT);
}

static bool too_slow(const struct peer *p, duration now)
{
	duration waited = now - p->since;

	switch (p->owes) {
	case OWES_FIRST: return waited > HEADER_LIMIT;
	case OWES_NEXT: return waited > IDLE_LIMIT;
	case OWES_BODY: return waited > BODY_GRACE && p->got < (waited - BODY_GRACE) / SECOND * BODY_RATE;
	case OWES_NOTHING: break;
	}
	return false;
}

static void on_watch(uv_timer_t *t)
{
	struct listener *l = t->data;
	duration now = clock_boot();

	list_for_each(n, &l->peers) {
		struct peer *p = CONTAINER_OF(n, struct peer, link);

		/* The server sees the end of the connection and closes it. */
		if (too_slow(p, now))
			shutdown(p->fd, SHUT_RDWR);
	}
}

void tcp_open(struct listener *l)
{
	uv_timer_init(engine_loop(l->api->en), &l->watch);
	uv_timer_init(engine_loop(l->api->en), &l->penance);
	l->watch.data = l->penance.data = l;
	uv_timer_start(&l->watch, on_watch, WATCH_MS, WATCH_MS);
}

void tcp_close(struct listener *l)
{
	uv_close((uv_handle_t *)&l->watch, NULL);
	uv_close((uv_handle_t *)&l->penance, NULL);
}

/* ---- who may come in ---- */

struct counted {
	const char *key;
	int count;
};

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct counted *c = cls;

	(void)kind;
	(void)value;
	c->count += str_ieq(key, c->key);
	return MHD_YES;
}

/* A header that may stand there once. False: it stands there more often, and nobody can say which one is meant. */
static bool once(const struct request *r, const char *key, const char **value)
{
	struct counted c = { .key = key };

	MHD_get_connection_values(r->mc, MHD_HEADER_KIND, count_header, &c);
	*value = c.count == 1 ? MHD_lookup_connection_value(r->mc, MHD_HEADER_KIND, key) : NULL;
	return c.count <= 1;
}

static bool comes_from_here(const struct request *r)
{
	const struct config *c = engine_config(r->api->en);
	const char *host, *origin, *site;

	return once(r, "Host", &host) && once(r, "Origin", &origin) && once(r, "Sec-Fetch-Site", &site) && guard_host(c, host) &&
	       (!origin || guard_origin(c, origin)) && guard_fetch(site);
}

static void name_of_peer(const struct request *r, char out[80])
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->mc, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *at = info ? info->client_addr : NULL;
	char text[INET6_ADDRSTRLEN] = "?";
	int port = 0;

	if (at && at->sa_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)at)->sin_addr, text, sizeof(text));
		port = ntohs(((const struct sockaddr_in *)(const void *)at)->sin_port);
	} else if (at && at->sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)at)->sin6_addr, text, sizeof(text));
		port = ntohs(((const struct sockaddr_in6 *)(const void *)at)->sin6_port);
	}
	snprintf(out, 80, "%s port %d", text, port);
}

/* What was shown is never said: it may be a good token with a letter too much. */
static void log_attempt(const struct request *r, const char *why)
{
	struct listener *l = r->listener;
	duration now = clock_boot();
	char from[80];

	l->refused++;
	l->attempts++;
	if (l->attempts_logged && now - l->attempts_logged < LOG_EVERY)
		return;
	name_of_peer(r, from);
	if (l->attempts > 1)
		log_warn("%s %.100s over TCP from %s: %s; %lld attempts since the last such line", r->method, r->path, from, why,
		    (long long)l->attempts);
	else
		log_warn("%s %.100s over TCP from %s: %s", r->method, r->path, from, why);
	l->attempts = 0;
	l->attempts_logged = now;
}

static void on_penance(uv_timer_t *t)
{
	struct listener *l = t->data;
	duration now = clock_boot(), next = 0;

	list_for_each_safe(n, &l->api->requests) {
		struct request *r = CONTAINER_OF(n, struct request, link);

		if (r->listener != l || !r->held_until)
			continue;
		if (r->held_until <= now) {
			r->held_until = 0;
			request_resume(r);
		} else if (!next || r->held_until < next) {
			next = r->held_until;
		}
	}
	if (next)
		uv_timer_start(t, on_penance, (uint64_t)((next - now) / MSEC) + 1, 0);
}

static void refuse_token(struct request *r)
{
	struct err e;

	err_set(&e, ERR_REFUSED, "a token of this daemon is needed, as 'Authorization: Bearer TOKEN'");
	log_attempt(r, "no good token");
	request_problem(r, &e, json_pack("{s:i}", "status", MHD_HTTP_UNAUTHORIZED));
	r->status = MHD_HTTP_UNAUTHORIZED;
	r->held_until = clock_boot() + PENALTY_MS * MSEC;
	if (!uv_is_active((uv_handle_t *)&r->listener->penance))
		uv_timer_start(&r->listener->penance, on_penance, PENALTY_MS, 0);
}

static void take_token(struct request *r, const struct config_token *t)
{
	snprintf(r->actor, sizeof(r->actor), "token:%s", t->name);
	str_copy(r->user, *t->owner ? t->owner : r->actor);
	r->role = !strcmp(t->role, "admin") ? ROLE_ADMIN : !strcmp(t->role, "operator") ? ROLE_OPERATOR : ROLE_VIEWER;
}

void tcp_admit(struct request *r)
{
	const struct config_token *t;
	const char *authorization;
	struct err e;

	owes(r, OWES_BODY);
	r->uid = (uid_t)-1; /* nobody that the kernel knows */
	r->gid = (gid_t)-1;
	if (!comes_from_here(r)) {
		err_set(&e, ERR_REFUSED, "this is not for requests that are sent to another name or by another site ('listen_names')");
		log_attempt(r, "foreign Host, Origin or site");
		request_error(r, &e);
		return;
	}
	if (!strcmp(r->path, "/healthz")) {
		str_copy(r->actor, "nobody");
		str_copy(r->user, "nobody");
		request_route(r);
		return;
	}
	t = once(r, "Authorization", &authorization) ? guard_token(engine_config(r->api->en), authorization) : NULL;
	if (!t) {
		refuse_token(r);
		return;
	}
	take_token(r, t);
	request_route(r);
}

#include "api_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define TCP_CONNECTIONS 64
#define PING_MS         15000

/* ---- answers ---- */

struct hold *request_hold(struct request *r)
{
	r->hold = xcalloc(1, sizeof(*r->hold));
	r->hold->r = r;
	return r->hold;
}

struct request *hold_take(struct hold *h)
{
	struct request *r = h->r;

	if (r)
		r->hold = NULL;
	free(h);
	return r;
}

static void on_timer(uv_timer_t *t);

static void kick(struct listener *l)
{
	if (!l->api->closing)
		uv_timer_start(&l->timer, on_timer, 0, 0);
}

void request_resume(struct request *r)
{
	if (!r->suspended)
		return;
	r->suspended = false;
	MHD_resume_connection(r->mc);
	kick(r->listener);
}

void request_answer(struct request *r, int status, const char *type, char *text, size_t n)
{
	if (r->answered) {
		free(text);
		return;
	}
	r->answered = true;
	r->status = status;
	r->type = type;
	r->text = text;
	r->text_len = n;
	request_resume(r);
}

void request_json(struct request *r, int status, json_t *body)
{
	char *text = json_text(body);

	json_decref(body);
	request_answer(r, status, "application/json", text, strlen(text));
}

void request_problem(struct request *r, const struct err *e, json_t *more)
{
	json_t *o = json_object();
	char *text;

	json_put_str(o, "type", "about:blank");
	json_put_str(o, "title", err_name(e->code));
	json_put_int(o, "status", err_http_status(e->code));
	json_put_str(o, "detail", e->msg);
	json_put_str(o, "code", err_name(e->code));
	if (more)
		json_object_update(o, more);
	json_decref(more);
	text = json_text(o);
	json_decref(o);
	request_answer(r, err_http_status(e->code), "application/problem+json", text, strlen(text));
}

void request_error(struct request *r, const struct err *e)
{
	request_problem(r, e, NULL);
}

void request_bytes(struct request *r, const char *type, char *data, size_t n)
{
	request_answer(r, 200, type, data, n);
}

/* ---- streams ---- */

static ssize_t read_stream(void *cls, uint64_t pos, char *out, size_t max)
{
	struct request *r = cls;
	size_t n;

	(void)pos;
	/* The reader has all of it: there may be more than was put when it was behind. */
	if (!r->out.len && r->pump && !r->ended)
		r->pump(r);
	n = r->out.len < max ? r->out.len : max;
	if (n) {
		memcpy(out, r->out.data, n);
		buf_consume(&r->out, n);
		return (ssize_t)n;
	}
	if (r->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	r->suspended = true;
	MHD_suspend_connection(r->mc);
	return 0;
}

void request_stream(struct request *r)
{
	r->streaming = r->answered = true;
	r->status = 200;
	r->type = "application/x-ndjson";
	request_resume(r);
}

void stream_put(struct request *r, json_t *line)
{
	char *text = json_text(line);

	json_decref(line);
	if (!r->ended && (!buf_puts(&r->out, text) || !buf_putc(&r->out, '\n')))
		r->ended = true; /* too far behind: let go */
	free(text);
	request_resume(r);
}

void stream_end(struct request *r)
{
	r->ended = true;
	request_resume(r);
}

static void on_ping(uv_timer_t *t)
{
	struct api *a = t->data;

	list_for_each_safe(n, &a->requests) {
		struct request *r = CONTAINER_OF(n, struct request, link);

		if (r->streaming && !r->ended)
			stream_put(r, json_pack("{s:b}", "ping", 1));
	}
}

static void on_events(void *arg, const struct event *events, size_t count)
{
	struct api *a = arg;

	list_for_each_safe(n, &a->requests) {
		struct request *r = CONTAINER_OF(n, struct request, link);

		for (size_t k = 0; k < count && r->event && !r->ended; k++)
			r->event(r, &events[k]);
		if (r->pump && !r->ended)
			r->pump(r);
	}
}

static void on_output(void *arg, int64_t run_id)
{
	struct api *a = arg;

	(void)run_id;
	list_for_each_safe(n, &a->requests) {
		struct request *r = CONTAINER_OF(n, struct request, link);

		if (r->pump && !r->ended)
			r->pump(r);
	}
}

/* ---- requests ---- */

const char *query(const struct request *r, const char *key, const char *fallback)
{
	const char *v = MHD_lookup_connection_value(r->mc, MHD_GET_ARGUMENT_KIND, key);

	return v ? v : fallback;
}

int64_t query_int(const struct request *r, const char *key, int64_t fallback)
{
	const char *v = query(r, key, "");
	int64_t n;

	return str_to_i64(v, INT64_MIN, INT64_MAX, &n) ? n : fallback;
}

bool query_bool(const struct request *r, const char *key)
{
	const char *v = query(r, key, "");

	return *v && strcmp(v, "0") != 0 && strcmp(v, "false") != 0;
}

bool check_keys(struct request *r, const char *const *known)
{
	const char *key, *near;
	json_t *v;
	struct err e;

	json_object_foreach(r->in, key, v) {
		bool found = false;

		for (size_t k = 0; known[k]; k++)
			found |= !strcmp(known[k], key);
		if (found)
			continue;
		near = str_nearest(key, known);
		err_set(&e, ERR_USAGE, near ? "unknown key '%.60s'; did you mean '%s'?" : "unknown key '%.60s'", key, near);
		request_error(r, &e);
		return false;
	}
	return true;
}

bool may_touch(struct request *r, const char *owner)
{
	struct err e;

	if (r->role == ROLE_ADMIN || !strcmp(owner, r->user))
		return true;
	err_set(&e, ERR_REFUSED, "it belongs to %s; only they or an administrator may do that", *owner ? owner : "nobody");
	request_error(r, &e);
	return false;
}

static bool in_group(const struct request *r, const char *name)
{
	gid_t groups[64];
	int n = ARRAY_LEN(groups);
	const struct group *g = *name ? getgrnam(name) : NULL;

	if (!g)
		return false;
	if (getgrouplist(r->user, r->gid, groups, &n) < 0)
		n = ARRAY_LEN(groups);
	for (int k = 0; k < n; k++)
		if (groups[k] == g->gr_gid)
			return true;
	return r->gid == g->gr_gid;
}

static void identify(struct request *r)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->mc, MHD_CONNECTION_INFO_CONNECTION_FD);
	const struct config *c = engine_config(r->api->en);
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	const struct passwd *pw;

	if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return;
	r->uid = peer.uid;
	r->gid = peer.gid;
	pw = getpwuid(peer.uid);
	if (pw)
		str_copy(r->user, pw->pw_name);
	else
		snprintf(r->user, sizeof(r->user), "uid%u", (unsigned)peer.uid);
	str_copy(r->actor, r->user);
	if (peer.uid == 0 || peer.uid == geteuid() || in_group(r, c->roles.admin_group))
		r->role = ROLE_ADMIN;
	else if (in_group(r, c->roles.operator_group))
		r->role = ROLE_OPERATOR;
	else if (in_group(r, c->roles.viewer_group))
		r->role = ROLE_VIEWER;
}

static enum MHD_Result queue(struct request *r)
{
	struct MHD_Response *res;
	enum MHD_Result result;

	if (r->streaming)
		res = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 65536, read_stream, r, NULL);
	else
		res = MHD_create_response_from_buffer(r->text_len, r->text, MHD_RESPMEM_MUST_COPY);
	if (!res)
		return MHD_NO;
	request_remember(r);
	r->queued = true;
	MHD_add_response_header(res, "Content-Type", r->type);
	MHD_add_response_header(res, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(res, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
	MHD_add_response_header(res, "Cache-Control", "no-store");
	if (r->status == MHD_HTTP_UNAUTHORIZED) {
		MHD_add_response_header(res, "WWW-Authenticate", "Bearer realm=\"gpufleet\"");
		MHD_add_response_header(res, "Connection", "close");
	}
	result = MHD_queue_response(r->mc, (unsigned)r->status, res);
	MHD_destroy_response(res);
	return result;
}

/* What was answered before the body came: now, or when it has waited for long enough. */
static enum MHD_Result refuse(struct request *r)
{
	if (!r->held_until)
		return queue(r);
	r->suspended = true;
	MHD_suspend_connection(r->mc);
	return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mc, const char *url, const char *method, const char *version,
    const char *data, size_t *n, void **state)
{
	struct listener *l = cls;
	struct api *a = l->api;
	struct request *r = *state;

	(void)version;
	if (!r) {
		r = xcalloc(1, sizeof(*r));
		r->api = a;
		r->listener = l;
		r->mc = mc;
		str_copy(r->method, method);
		str_copy(r->path, url);
		r->body.max = !strcmp(url, "/v1/runs") || !strcmp(url, "/v1/imports") ? RUN_BODY_MAX : BODY_MAX;
		r->out.max = STREAM_MAX;
		list_append(&a->requests, &r->link);
		*state = r;
		if (l->tcp)
			tcp_admit(r);
		else
			identify(r);
		return r->answered ? refuse(r) : MHD_YES;
	}
	if (*n) {
		tcp_body(r, *n);
		r->too_big |= !buf_append(&r->body, data, *n);
		*n = 0;
		return MHD_YES;
	}
	if (r->queued)
		return MHD_YES;
	tcp_whole(r);
	if (!r->answered) {
		struct engine_span span = engine_enter(r->path[4] ? "api request" : "api");

		request_dispatch(r);
		engine_leave(span);
	}
	if (r->answered)
		return queue(r);
	r->suspended = true;
	MHD_suspend_connection(mc);
	return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *mc, void **state, enum MHD_RequestTerminationCode why)
{
	struct request *r = *state;

	(void)cls;
	(void)mc;
	(void)why;
	if (!r)
		return;
	tcp_over(r);
	if (r->gone)
		r->gone(r);
	if (r->hold)
		r->hold->r = NULL;
	list_remove(&r->link);
	json_decref(r->in);
	buf_free(&r->body);
	buf_free(&r->out);
	free(r->text);
	free(r);
	*state = NULL;
}

/* ---- the loop ---- */

static void run_mhd(struct listener *l)
{
	struct api *a = l->api;
	MHD_UNSIGNED_LONG_LONG ms = 0;

	if (a->closing)
		return;
	MHD_run(l->mhd);
	if (MHD_get_timeout(l->mhd, &ms) == MHD_YES)
		uv_timer_start(&l->timer, on_timer, ms, 0);
	/* Only here: who stops closes the server, and it must not be closed from inside one of its own calls. */
	if (a->stop_asked && a->shutdown) {
		a->stop_asked = false;
		a->shutdown(a->shutdown_arg);
	}
}

static void on_timer(uv_timer_t *t)
{
	run_mhd(t->data);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	(void)status;
	(void)events;
	run_mhd(p->data);
}

static void PRINTF_LIKE(2, 0) log_mhd(void *cls, const char *fmt, va_list ap)
{
	char text[512];

	(void)cls;
	vsnprintf(text, sizeof(text), fmt, ap);
	log_debug("http server: %s", text);
}

/* Takes the listening socket over. */
static int start(struct listener *l, struct api *a, int fd, bool tcp, struct err *e)
{
	const union MHD_DaemonInfo *info;

	l->api = a;
	l->tcp = tcp;
	list_init(&l->peers);
	l->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, l,
	    MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, a,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)(tcp ? TCP_CONNECTIONS : CONNECTIONS_MAX), MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
	    MHD_OPTION_CONNECTION_TIMEOUT, 120u, tcp ? MHD_OPTION_NOTIFY_CONNECTION : MHD_OPTION_END, tcp_connection, l, MHD_OPTION_END);
	info = l->mhd ? MHD_get_daemon_info(l->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		close(fd);
		return err_set(e, ERR_FAILED, "the HTTP server cannot be started on '%s'", tcp ? engine_config(a->en)->listen : a->socket_path);
	}
	uv_poll_init(engine_loop(a->en), &l->poll, info->epoll_fd);
	uv_timer_init(engine_loop(a->en), &l->timer);
	l->poll.data = l->timer.data = l;
	uv_poll_start(&l->poll, UV_READABLE, on_poll);
	if (tcp)
		tcp_open(l);
	return 0;
}

int api_open(struct api **out, struct engine *en, const struct api_options *o, struct err *e)
{
	const struct config *c = engine_config(en);
	struct api *a;
	int fd, tcp = -1;

	if (*c->listen && (tcp = api_listen_tcp(c->listen, e)) < 0)
		return -1;
	/* With groups in the configuration everybody may knock; the peer's credentials decide, and nobody is the default. */
	fd = api_listen(o->socket_path, *c->roles.admin_group || *c->roles.operator_group || *c->roles.viewer_group, e);
	if (fd < 0) {
		if (tcp >= 0)
			close(tcp);
		return -1;
	}
	a = xcalloc(1, sizeof(*a));
	a->en = en;
	str_copy(a->socket_path, o->socket_path);
	str_copy(a->db_path, o->db_path);
	str_copy(a->version, o->version);
	list_init(&a->requests);
	list_init(&a->askings);
	list_init(&a->remembered);
	if (start(&a->local, a, fd, false, e) < 0 || (tcp >= 0 && start(&a->remote, a, tcp, true, e) < 0))
		return -1; /* the process ends */
	if (tcp >= 0 && !c->token_count)
		log_warn("'listen' is set and 'tokens' is not: nobody can use the API on %s", c->listen);
	uv_timer_init(engine_loop(en), &a->ping);
	a->ping.data = a;
	a->started = clock_steady();
	uv_timer_start(&a->ping, on_ping, PING_MS, PING_MS);
	engine_on_events(en, on_events, a);
	engine_on_output(en, on_output, a);
	*out = a;
	return 0;
}

void api_on_shutdown(struct api *a, void (*cb)(void *arg), void *arg)
{
	a->shutdown = cb;
	a->shutdown_arg = arg;
}

static void stop(struct listener *l)
{
	uv_poll_stop(&l->poll);
	MHD_stop_daemon(l->mhd);
	uv_close((uv_handle_t *)&l->poll, NULL);
	uv_close((uv_handle_t *)&l->timer, NULL);
}

void api_close(struct api *a)
{
	struct err e;

	err_set(&e, ERR_UNREACHABLE, "the daemon is stopping; machines and runs go on, ask again when it is back");
	list_for_each_safe(n, &a->requests) {
		struct request *r = CONTAINER_OF(n, struct request, link);

		if (r->streaming)
			stream_end(r);
		else if (!r->answered)
			request_error(r, &e);
	}
	for (int k = 0; k < 5; k++) {
		MHD_run(a->local.mhd);
		if (a->remote.mhd)
			MHD_run(a->remote.mhd);
	}
	a->closing = true;
	market_close(a);
	engine_on_events(a->en, NULL, NULL);
	engine_on_output(a->en, NULL, NULL);
	list_for_each_safe(n, &a->requests) {
		struct request *r = CONTAINER_OF(n, struct request, link);

		if (r->suspended)
			MHD_resume_connection(r->mc);
		r->suspended = false;
	}
	stop(&a->local);
	if (a->remote.mhd) {
		stop(&a->remote);
		tcp_close(&a->remote);
	}
	unlink(a->socket_path);
	uv_close((uv_handle_t *)&a->ping, NULL);
}

void api_free(struct api *a)
{
	if (!a)
		return;
	again_free(a);
	free(a);
}

#include "api_private.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define PING_MS         15000
#define REMEMBER_MAX    1000

struct remembered {
	struct list link;
	uid_t uid;
	char key[65];
	uint8_t digest[SHA256_LEN];
	int status;
	char *text;
	const char *type;
};

static void get_version(struct request *r)
{
	json_t *o = json_object();

	json_put_str(o, "version", r->api->version);
	json_put_str(o, "site", engine_model(r->api->en)->site);
	json_put_int(o, "api", 1);
	json_put_int(o, "pid", (int64_t)getpid());
	request_json(r, 200, o);
}

static void get_health(struct request *r)
{
	request_bytes(r, "text/plain", xstrdup("ok\n"), 3);
}

static void post_shutdown(struct request *r)
{
	json_t *o = json_object();

	json_put_bool(o, "stopping", true);
	request_json(r, 202, o);
	r->api->stop_asked = true;
}

static const struct route {
	const char *method, *pattern; /* '*' stands for one segment, "**" at the end for all that follows */
	enum role role;
	void (*handle)(struct request *r);
} routes[] = {
	{ "GET", "/v1/version", ROLE_VIEWER, get_version },
	{ "GET", "/healthz", ROLE_NOBODY, get_health },
	{ "GET", "/v1/offers", ROLE_VIEWER, get_offers },
	{ "POST", "/v1/plans", ROLE_VIEWER, post_plans },
	{ "POST", "/v1/fleets", ROLE_OPERATOR, post_fleets },
	{ "GET", "/v1/fleets", ROLE_VIEWER, get_fleets },
	{ "GET", "/v1/status", ROLE_VIEWER, get_status },
	{ "GET", "/v1/fleets/*", ROLE_VIEWER, get_fleet },
	{ "DELETE", "/v1/fleets/*", ROLE_OPERATOR, delete_fleet },
	{ "POST", "/v1/fleets/*/extend", ROLE_OPERATOR, post_extend },
	{ "POST", "/v1/fleets/*/resolve", ROLE_OPERATOR, post_resolve },
	{ "POST", "/v1/fleets/*/trust", ROLE_ADMIN, post_trust },
	{ "POST", "/v1/fleets/*/authorize", ROLE_OPERATOR, post_authorize },
	{ "POST", "/v1/fleets/*/exec", ROLE_OPERATOR, post_exec },
	{ "POST", "/v1/runs", ROLE_OPERATOR, post_runs },
	{ "GET", "/v1/runs", ROLE_VIEWER, get_runs },
	{ "GET", "/v1/runs/*", ROLE_VIEWER, get_run },
	{ "DELETE", "/v1/runs/*", ROLE_OPERATOR, delete_run },
	{ "GET", "/v1/runs/*/logs", ROLE_VIEWER, get_logs },
	{ "GET", "/v1/runs/*/results", ROLE_VIEWER, get_results },
	{ "GET", "/v1/runs/*/files/**", ROLE_VIEWER, get_file },
	{ "GET", "/v1/runs/*/report", ROLE_VIEWER, get_report },
	{ "GET", "/v1/compare", ROLE_VIEWER, get_compare },
	{ "GET", "/v1/imports", ROLE_VIEWER, get_imports },
	{ "POST", "/v1/imports", ROLE_OPERATOR, post_imports },
	{ "DELETE", "/v1/imports/*", ROLE_OPERATOR, delete_import },
	{ "GET", "/v1/instances/*/console", ROLE_VIEWER, get_console },
	{ "POST", "/v1/campaigns", ROLE_OPERATOR, post_campaigns },
	{ "GET", "/v1/campaigns", ROLE_VIEWER, get_campaigns },
	{ "GET", "/v1/campaigns/*", ROLE_VIEWER, get_campaign },
	{ "DELETE", "/v1/campaigns/*", ROLE_OPERATOR, delete_campaign },
	{ "POST", "/v1/campaigns/*/pause", ROLE_OPERATOR, post_campaign_pause },
	{ "POST", "/v1/campaigns/*/run", ROLE_OPERATOR, post_campaign_run },
	{ "POST", "/v1/campaigns/*/stop", ROLE_OPERATOR, post_campaign_stop },
	{ "GET", "/v1/campaigns/*/nights", ROLE_VIEWER, get_nights },
	{ "GET", "/v1/campaigns/*/nights/*", ROLE_VIEWER, get_night },
	{ "GET", "/v1/campaigns/*/next", ROLE_VIEWER, get_next },
	{ "GET", "/v1/campaigns/*/report", ROLE_VIEWER, get_night_report },
	{ "GET", "/v1/cost", ROLE_VIEWER, get_cost },
	{ "GET", "/v1/cost/report", ROLE_VIEWER, get_cost_report },
	{ "GET", "/v1/cost/focus", ROLE_VIEWER, get_cost_focus },
	{ "GET", "/v1/forecast", ROLE_VIEWER, get_forecast },
	{ "GET", "/v1/what-if", ROLE_VIEWER, get_what_if },
	{ "GET", "/v1/audit/ledger", ROLE_VIEWER, get_ledger },
	{ "GET", "/v1/budgets", ROLE_VIEWER, get_budgets },
	{ "GET", "/v1/budgets/*", ROLE_VIEWER, get_budget },
	{ "POST", "/v1/budgets", ROLE_ADMIN, post_budgets },
	{ "DELETE", "/v1/budgets/*", ROLE_ADMIN, delete_budget },
	{ "GET", "/v1/volumes", ROLE_VIEWER, get_volumes },
	{ "POST", "/v1/volumes", ROLE_OPERATOR, post_volumes },
	{ "GET", "/v1/volumes/*", ROLE_VIEWER, get_volume },
	{ "POST", "/v1/volumes/*/keep", ROLE_OPERATOR, post_volume_keep },
	{ "POST", "/v1/volumes/*/attach", ROLE_OPERATOR, post_volume_attach },
	{ "POST", "/v1/volumes/*/detach", ROLE_OPERATOR, post_volume_detach },
	{ "DELETE", "/v1/volumes/*", ROLE_OPERATOR, delete_volume },
	{ "GET", "/v1/snapshots", ROLE_VIEWER, get_snapshots },
	{ "POST", "/v1/snapshots", ROLE_OPERATOR, post_snapshots },
	{ "GET", "/v1/snapshots/*", ROLE_VIEWER, get_snapshot },
	{ "POST", "/v1/snapshots/*/keep", ROLE_OPERATOR, post_snapshot_keep },
	{ "DELETE", "/v1/snapshots/*", ROLE_OPERATOR, delete_snapshot },
	{ "GET", "/v1/events", ROLE_VIEWER, get_events },
	{ "GET", "/v1/why/*", ROLE_VIEWER, get_why },
	{ "GET", "/v1/providers", ROLE_VIEWER, get_providers },
	{ "POST", "/v1/check", ROLE_OPERATOR, post_check },
	{ "GET", "/v1/recipes", ROLE_VIEWER, get_recipes },
	{ "GET", "/v1/doctor", ROLE_VIEWER, get_doctor },
	{ "GET", "/v1/audit", ROLE_VIEWER, get_audit },
	{ "POST", "/v1/shutdown", ROLE_ADMIN, post_shutdown },
};

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

static void kick(struct api *a)
{
	if (!a->closing)
		uv_timer_start(&a->timer, on_timer, 0, 0);
}

static void resume(struct request *r)
{
	if (!r->suspended)
		return;
	r->suspended = false;
	MHD_resume_connection(r->mc);
	kick(r->api);
}

static void answer(struct request *r, int status, const char *type, char *text, size_t n)
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
	resume(r);
}

void request_json(struct request *r, int status, json_t *body)
{
	char *text = json_text(body);

	json_decref(body);
	answer(r, status, "application/json", text, strlen(text));
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
	answer(r, err_http_status(e->code), "application/problem+json", text, strlen(text));
}

void request_error(struct request *r, const struct err *e)
{
	request_problem(r, e, NULL);
}

void request_bytes(struct request *r, const char *type, char *data, size_t n)
{
	answer(r, 200, type, data, n);
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
	resume(r);
}

void stream_put(struct request *r, json_t *line)
{
	char *text = json_text(line);

	json_decref(line);
	if (!r->ended && (!buf_puts(&r->out, text) || !buf_putc(&r->out, '\n')))
		r->ended = true; /* too far behind: let go */
	free(text);
	resume(r);
}

void stream_end(struct request *r)
{
	r->ended = true;
	resume(r);
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
	if (peer.uid == 0 || peer.uid == geteuid() || in_group(r, c->roles.admin_group))
		r->role = ROLE_ADMIN;
	else if (in_group(r, c->roles.operator_group))
		r->role = ROLE_OPERATOR;
	else if (in_group(r, c->roles.viewer_group))
		r->role = ROLE_VIEWER;
}

static bool match(struct request *r, const char *pattern)
{
	const char *p = r->path;
	int star = 0;

	for (; *pattern; pattern++) {
		if (*pattern != '*') {
			if (*p++ != *pattern)
				return false;
			continue;
		}
		size_t n = pattern[1] == '*' ? strlen(p) : strcspn(p, "/");

		if (!n || n >= sizeof(r->arg[0]))
			return false;
		memcpy(r->arg[star], p, n);
		r->arg[star++][n] = '\0';
		p += n;
		pattern += pattern[1] == '*';
	}
	return !*p;
}

static struct remembered *recall(struct request *r, const char *key, const uint8_t digest[SHA256_LEN])
{
	struct err e;

	list_for_each(n, &r->api->remembered) {
		struct remembered *m = CONTAINER_OF(n, struct remembered, link);

		if (m->uid != r->uid || strcmp(m->key, key) != 0)
			continue;
		if (memcmp(m->digest, digest, SHA256_LEN) != 0) {
			err_set(&e, ERR_CONFLICT, "this Idempotency-Key was used with another request");
			request_error(r, &e);
		}
		return m;
	}
	return NULL;
}

static void request_digest(const struct request *r, uint8_t out[SHA256_LEN])
{
	struct buf b = BUF(RUN_BODY_MAX + 1024);

	buf_printf(&b, "%s %s\n", r->method, r->path);
	buf_append(&b, r->body.data, r->body.len);
	crypto_sha256(buf_str(&b), b.len, out);
	buf_free(&b);
}

static const char *idempotency_key(const struct request *r)
{
	const char *key = strcmp(r->method, "POST") ? NULL : MHD_lookup_connection_value(r->mc, MHD_HEADER_KIND, "Idempotency-Key");

	return key && *key && strlen(key) <= 64 ? key : NULL;
}

static void forget(struct remembered *m)
{
	list_remove(&m->link);
	free(m->text);
	free(m);
}

static void remember(struct request *r)
{
	const char *key = idempotency_key(r);
	struct api *a = r->api;
	struct remembered *m;

	if (!key || r->streaming || r->status >= 400)
		return;
	m = xcalloc(1, sizeof(*m));
	m->uid = r->uid;
	str_copy(m->key, key);
	request_digest(r, m->digest);
	m->status = r->status;
	m->text = xstrndup(r->text, r->text_len);
	m->type = r->type;
	list_append(&a->remembered, &m->link);
	if (++a->remembered_count > REMEMBER_MAX) {
		forget(CONTAINER_OF(a->remembered.next, struct remembered, link));
		a->remembered_count--;
	}
}

static bool parse_body(struct request *r)
{
	struct err e;

	if (r->too_big) {
		err_set(&e, ERR_USAGE, "the request is too large");
		request_error(r, &e);
		return false;
	}
	if (!r->body.len)
		return true;
	r->in = json_read(r->body.data, r->body.len, &e);
	if (r->in && !json_is_object(r->in))
		err_set(&e, ERR_USAGE, "the body must be a JSON object");
	if (!r->in || !json_is_object(r->in)) {
		request_error(r, &e);
		return false;
	}
	return true;
}

static void dispatch(struct request *r)
{
	const char *key = idempotency_key(r);
	const struct route *found = NULL;
	struct remembered *old;
	uint8_t digest[SHA256_LEN];
	bool path_known = false;
	struct err e;

	for (size_t k = 0; k < ARRAY_LEN(routes) && !found; k++) {
		if (!match(r, routes[k].pattern))
			continue;
		path_known = true;
		if (!strcmp(routes[k].method, r->method))
			found = &routes[k];
	}
	if (!found) {
		err_set(&e, path_known ? ERR_USAGE : ERR_NOT_FOUND, path_known ? "%s is not possible on %.200s" : "nothing answers %s %.200s",
		    r->method, r->path);
		request_error(r, &e);
	} else if (r->role < found->role) {
		err_set(&e, ERR_REFUSED, "%s may not do that here; ask an administrator of gpufleet", r->user);
		request_error(r, &e);
	} else if (parse_body(r)) {
		if (key) {
			request_digest(r, digest);
			old = recall(r, key, digest);
			if (old) {
				answer(r, old->status, old->type, xstrdup(old->text), strlen(old->text));
				return;
			}
		}
		found->handle(r);
	}
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
	remember(r);
	r->queued = true;
	MHD_add_response_header(res, "Content-Type", r->type);
	MHD_add_response_header(res, "X-Content-Type-Options", "nosniff");
	result = MHD_queue_response(r->mc, (unsigned)r->status, res);
	MHD_destroy_response(res);
	return result;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mc, const char *url, const char *method, const char *version,
    const char *data, size_t *n, void **state)
{
	struct api *a = cls;
	struct request *r = *state;

	(void)version;
	if (!r) {
		r = xcalloc(1, sizeof(*r));
		r->api = a;
		r->mc = mc;
		str_copy(r->method, method);
		str_copy(r->path, url);
		r->body.max = !strcmp(url, "/v1/runs") || !strcmp(url, "/v1/imports") ? RUN_BODY_MAX : BODY_MAX;
		r->out.max = STREAM_MAX;
		list_append(&a->requests, &r->link);
		identify(r);
		*state = r;
		return MHD_YES;
	}
	if (*n) {
		r->too_big |= !buf_append(&r->body, data, *n);
		*n = 0;
		return MHD_YES;
	}
	if (r->queued)
		return MHD_YES;
	if (!r->answered) {
		struct engine_span span = engine_enter(r->path[4] ? "api request" : "api");

		dispatch(r);
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

/* ---- history in the thread pool ---- */

struct question {
	uv_work_t work;
	struct hold *hold;
	ask_fn *ask;
	void *arg;
	char path[600];
	json_t *out;
	struct err error;
	int result;
	history_then_fn *then;
	void *then_arg;
};

static void ask_work(uv_work_t *w)
{
	struct question *q = CONTAINER_OF(w, struct question, work);
	struct history *h;

	q->result = history_open(&h, q->path, &q->error);
	if (q->result < 0)
		return;
	q->result = q->ask(h, q->arg, &q->out, &q->error);
	history_close(h);
}

static void ask_done(uv_work_t *w, int status)
{
	struct question *q = CONTAINER_OF(w, struct question, work);
	struct request *r = hold_take(q->hold);

	(void)status;
	if (!r)
		json_decref(q->out);
	else if (q->result < 0)
		request_error(r, &q->error);
	else if (q->then)
		q->then(r, q->out, q->then_arg);
	else
		request_json(r, 200, q->out);
	if (q->then && r && q->result == 0)
		json_decref(q->out);
	free(q->then_arg);
	free(q->arg);
	free(q);
}

void request_history(struct request *r, ask_fn *ask, void *arg)
{
	request_history_then(r, ask, arg, NULL, NULL);
}

void request_history_then(struct request *r, ask_fn *ask, void *arg, history_then_fn *then, void *then_arg)
{
	struct question *q = xcalloc(1, sizeof(*q));

	q->hold = request_hold(r);
	q->ask = ask;
	q->arg = arg;
	q->then = then;
	q->then_arg = then_arg;
	str_copy(q->path, r->api->db_path);
	uv_queue_work(engine_loop(r->api->en), &q->work, ask_work, ask_done);
}

/* ---- the loop ---- */

static void run_mhd(struct api *a)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;

	MHD_run(a->mhd);
	if (MHD_get_timeout(a->mhd, &ms) == MHD_YES)
		uv_timer_start(&a->timer, on_timer, ms, 0);
	/* Only here: who stops closes the server, and it must not be closed from inside one of its own calls. */
	if (a->stop_asked && a->shutdown) {
		a->stop_asked = false;
		a->shutdown(a->shutdown_arg);
	}
}

static void on_timer(uv_timer_t *t)
{
	struct api *a = t->data;

	if (!a->closing)
		run_mhd(a);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	struct api *a = p->data;

	(void)status;
	(void)events;
	if (!a->closing)
		run_mhd(a);
}

static void PRINTF_LIKE(2, 0) log_mhd(void *cls, const char *fmt, va_list ap)
{
	char text[512];

	(void)cls;
	vsnprintf(text, sizeof(text), fmt, ap);
	log_debug("http server: %s", text);
}

/* ---- the socket ---- */

static bool somebody_answers(const struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

/* Bound under a temporary name with its final mode and renamed into place: nobody ever meets a half-made socket. */
static int listen_on(const char *path, bool groups, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX }, final = { .sun_family = AF_UNIX };
	char dir[512], *slash;
	int fd;

	if (!str_copy(final.sun_path, path) || strlen(path) + 5 > sizeof(addr.sun_path))
		return err_set(e, ERR_USAGE, "the socket path '%s' is longer than %zu bytes; set 'socket:' to a shorter one", path,
		    sizeof(addr.sun_path) - 6);
	if (somebody_answers(&final))
		return err_set(e, ERR_CONFLICT, "another daemon answers on '%s'", path);
	str_copy(dir, path);
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		if (mkdir(dir, groups ? 0755 : 0700) < 0 && errno != EEXIST)
			return err_errno(e, ERR_FAILED, "cannot make the directory of the socket '%s'", dir);
	}
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s.new", path);
	unlink(addr.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 128) < 0 ||
	    chmod(addr.sun_path, groups ? 0666 : 0600) < 0 || rename(addr.sun_path, path) < 0) {
		err_errno(e, ERR_FAILED, "cannot listen on '%s'", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

int api_open(struct api **out, struct engine *en, const struct api_options *o, struct err *e)
{
	const struct config *c = engine_config(en);
	struct api *a;
	const union MHD_DaemonInfo *info;
	int fd;

	if (*c->listen)
		return err_set(e, ERR_USAGE, "'listen' is set, but this version serves the Unix socket only; leave it empty");
	/* With groups in the configuration everybody may knock; the peer's credentials decide, and nobody is the default. */
	fd = listen_on(o->socket_path, *c->roles.admin_group || *c->roles.operator_group || *c->roles.viewer_group, e);
	if (fd < 0)
		return -1;
	a = xcalloc(1, sizeof(*a));
	a->en = en;
	str_copy(a->socket_path, o->socket_path);
	str_copy(a->db_path, o->db_path);
	str_copy(a->version, o->version);
	list_init(&a->requests);
	list_init(&a->askings);
	list_init(&a->remembered);
	a->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, a,
	    MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, a,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
	    MHD_OPTION_CONNECTION_TIMEOUT, 120u, MHD_OPTION_END);
	info = a->mhd ? MHD_get_daemon_info(a->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		close(fd);
		free(a);
		return err_set(e, ERR_FAILED, "the HTTP server cannot be started on '%s'", o->socket_path);
	}
	uv_poll_init(engine_loop(en), &a->poll, info->epoll_fd);
	uv_timer_init(engine_loop(en), &a->timer);
	uv_timer_init(engine_loop(en), &a->ping);
	a->poll.data = a->timer.data = a->ping.data = a;
	uv_poll_start(&a->poll, UV_READABLE, on_poll);
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
	for (int k = 0; k < 5; k++)
		MHD_run(a->mhd);
	a->closing = true;
	market_close(a);
	engine_on_events(a->en, NULL, NULL);
	engine_on_output(a->en, NULL, NULL);
	uv_poll_stop(&a->poll);
	list_for_each_safe(n, &a->requests) {
		struct request *r = CONTAINER_OF(n, struct request, link);

		if (r->suspended)
			MHD_resume_connection(r->mc);
		r->suspended = false;
	}
	MHD_stop_daemon(a->mhd);
	unlink(a->socket_path);
	uv_close((uv_handle_t *)&a->poll, NULL);
	uv_close((uv_handle_t *)&a->timer, NULL);
	uv_close((uv_handle_t *)&a->ping, NULL);
}

void api_free(struct api *a)
{
	if (!a)
		return;
	list_for_each_safe(n, &a->remembered)
		forget(CONTAINER_OF(n, struct remembered, link));
	free(a);
}

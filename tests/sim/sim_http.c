/*
 * The HTTP front: libmicrohttpd on the libuv loop. An answer may be late, cut short, or never come; the model has acted by then.
 */
#include "sim.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_MAX    (4u * 1024 * 1024)
#define HEADERS_MAX 64
#define STREAM_LOOK SECOND /* how often an endless answer looks whether its client is still there */

struct front {
	struct sim *sim;
	struct MHD_Daemon *mhd;
	uv_poll_t poll;
	uv_timer_t timer, late;
	struct heap waiting; /* exchanges whose answer is due later; FOREVER: never */
};

struct exchange {
	struct front *front;
	struct MHD_Connection *connection;
	char *uri;
	struct buf body;
	bool too_large, started, handled;
	struct sim_response response;
	struct heap_node node;
	size_t sent; /* of a body that will be cut */
};

static void run(struct front *f);
static void arm_late(struct front *f);

static void *begin(void *context, const char *uri, struct MHD_Connection *connection)
{
	struct exchange *x = xcalloc(1, sizeof(*x));

	x->front = context;
	x->connection = connection;
	x->uri = xstrdup(uri);
	x->body.max = BODY_MAX;
	sim_response_init(&x->response);
	return x;
}

static void finished(void *context, struct MHD_Connection *connection, void **state,
    enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *state;

	(void)connection;
	(void)why;
	if (!x)
		return;
	heap_remove(&((struct front *)context)->waiting, &x->node);
	sim_response_free(&x->response);
	buf_free(&x->body);
	free(x->uri);
	free(x);
	*state = NULL;
}

/* ---- to the model ---- */

struct header_list {
	struct sim_header rows[HEADERS_MAX];
	size_t n;
};

static enum MHD_Result header(
    void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct header_list *h = context;

	(void)kind;
	if (h->n < HEADERS_MAX)
		h->rows[h->n++] = (struct sim_header){ name, value ? value : "" };
	return MHD_YES;
}

/*
 * Hugging Face, as far as it says who may read a model: meta-llama/ is gated and opens for "hf_granted", a token "hf_other" is
 * valid and has no access, missing/ does not exist for anybody with a token.
 */
static void hub_handle(const char *path, const struct sim_request *q, struct sim_response *r)
{
	const char *token = "";

	for (size_t i = 0; i < q->header_count; i++)
		if (str_ieq(q->headers[i].name, "Authorization"))
			token = q->headers[i].value;
	if (str_starts(path, "/meta-llama/") && !*token)
		sim_answer_text(r, 401, "Access to this model is restricted. You must be authenticated to access it.");
	else if (*token && strcmp(token, "Bearer hf_granted") != 0 && strcmp(token, "Bearer hf_other") != 0)
		sim_answer_text(r, 401, "Invalid credentials in Authorization header");
	else if (str_starts(path, "/meta-llama/") && strcmp(token, "Bearer hf_granted") != 0)
		sim_answer_text(r, 403, "Access to this model is restricted and you are not in the authorized list.");
	else if (str_starts(path, "/missing/"))
		sim_answer_text(r, *token ? 404 : 401, "Repository not found");
	else
		sim_answer_text(r, 200, "{}");
}

static void dispatch(struct exchange *x, const char *method)
{
	struct sim *s = x->front->sim;
	struct header_list headers = { .n = 0 };
	char *query = strchr(x->uri, '?');
	struct sim_request q = { .method = method, .path = x->uri };

	if (query)
		*query++ = '\0';
	MHD_get_connection_values(x->connection, MHD_HEADER_KIND, header, &headers);
	q.query = query;
	q.headers = headers.rows;
	q.header_count = headers.n;
	q.body = x->body.data;
	q.len = x->body.len;
	if (x->too_large) {
		sim_answer_text(&x->response, 413, "body too large");
		return;
	}
	for (int i = 0; i < SIM_CLOUDS; i++) {
		size_t n = strlen(s->clouds[i]->model->prefix);

		if (strncmp(x->uri, s->clouds[i]->model->prefix, n) || x->uri[n] != '/')
			continue;
		q.path = x->uri + n;
		cloud_handle(s->clouds[i], sim_now(s), &q, &x->response);
		return;
	}
	if (str_starts(x->uri, "/hub/"))
		hub_handle(x->uri + 4, &q, &x->response);
	else if (str_starts(x->uri, "/sim/"))
		control_handle(s, &q, &x->response);
	else
		sim_answer_text(&x->response, 404,
		    "gpufleet-sim serves /hotaisle/api, /runpod, /digitalocean, /vastai, /hub and /sim/");
}

/* ---- to the client ---- */

static ssize_t half(void *context, uint64_t at, char *out, size_t max)
{
	struct exchange *x = context;
	size_t end = x->response.body.len / 2, n;

	if (at >= end)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = end - (size_t)at < max ? end - (size_t)at : max;
	memcpy(out, x->response.body.data + at, n);
	return (ssize_t)n;
}

/* All of the body, then nothing more until the client goes away. */
static ssize_t endless(void *context, uint64_t at, char *out, size_t max)
{
	struct exchange *x = context;
	size_t left = x->response.body.len - (size_t)at, n = left < max ? left : max;

	if (!n && x->front->sim->stopping)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (!n) {
		MHD_suspend_connection(x->connection);
		heap_set(&x->front->waiting, &x->node, clock_boot() + STREAM_LOOK);
		arm_late(x->front);
		return 0;
	}
	memcpy(out, x->response.body.data + at, n);
	return (ssize_t)n;
}

static enum MHD_Result answer(struct exchange *x)
{
	struct sim_response *r = &x->response;
	struct MHD_Response *m;
	enum MHD_Result rc;
	char *rest, *line;

	if (r->cut == SIM_CUT_BEFORE)
		return MHD_NO;
	if (r->cut == SIM_CUT_OPEN)
		m = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, endless, x, NULL);
	else if (r->cut == SIM_CUT_MID)
		m = MHD_create_response_from_callback(r->body.len, 4096, half, x, NULL);
	else
		m = MHD_create_response_from_buffer(
		    r->body.len, (void *)buf_str(&r->body), MHD_RESPMEM_MUST_COPY);
	if (*r->type)
		MHD_add_response_header(m, "Content-Type", r->type);
	rest = r->headers.data;
	while (rest && *rest) {
		char *value;

		line = str_split(&rest, "\n");
		value = strstr(line, ": ");
		if (!value)
			continue;
		*value = '\0';
		MHD_add_response_header(m, line, value + 2);
	}
	rc = MHD_queue_response(x->connection, (unsigned)r->status, m);
	MHD_destroy_response(m);
	return rc;
}

static enum MHD_Result access_handler(void *context, struct MHD_Connection *connection,
    const char *url, const char *method, const char *version, const char *upload,
    size_t *upload_size, void **state)
{
	struct front *f = context;
	struct exchange *x = *state;

	(void)connection;
	(void)url;
	(void)version;
	if (!x->started) {
		x->started = true;
		return MHD_YES;
	}
	if (*upload_size) {
		if (!buf_append(&x->body, upload, *upload_size))
			x->too_large = true;
		*upload_size = 0;
		return MHD_YES;
	}
	if (!x->handled) {
		duration wait;

		x->handled = true;
		dispatch(x, method);
		sim_update(f->sim);
		wait =
		    x->response.cut == SIM_CUT_HANG ? FOREVER : sim_real(f->sim, x->response.delay);
		if (wait > 0) {
			MHD_suspend_connection(connection);
			heap_set(
			    &f->waiting, &x->node, wait == FOREVER ? FOREVER : clock_boot() + wait);
			arm_late(f);
			return MHD_YES;
		}
	}
	return answer(x);
}

/* ---- the loop ---- */

static void resume_due(struct front *f, duration now)
{
	struct heap_node *n;

	while ((n = heap_first(&f->waiting)) && n->due <= now) {
		struct exchange *x = CONTAINER_OF(n, struct exchange, node);

		heap_remove(&f->waiting, n);
		/* Whatever was to hang is cut when the server stops. */
		if (x->response.cut == SIM_CUT_HANG)
			x->response.cut = SIM_CUT_BEFORE;
		MHD_resume_connection(x->connection);
	}
}

static void on_late(uv_timer_t *t)
{
	struct front *f = t->data;

	resume_due(f, clock_boot());
	run(f);
	arm_late(f);
}

static void arm_late(struct front *f)
{
	struct heap_node *n = heap_first(&f->waiting);
	duration wait;

	if (!n || n->due == FOREVER) {
		uv_timer_stop(&f->late);
		return;
	}
	wait = n->due - clock_boot();
	uv_timer_start(&f->late, on_late, wait > 0 ? (uint64_t)(wait / MSEC + 1) : 0, 0);
}

static void on_timer(uv_timer_t *t)
{
	run(t->data);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	(void)status;
	(void)events;
	run(p->data);
}

static void run(struct front *f)
{
	MHD_UNSIGNED_LONG_LONG wait;

	MHD_run(f->mhd);
	if (MHD_get_timeout(f->mhd, &wait) == MHD_YES)
		uv_timer_start(&f->timer, on_timer, wait, 0);
	else
		uv_timer_stop(&f->timer);
}

static void quiet(void *context, const char *format, va_list ap)
{
	/* Cut and aborted connections are ordinary here. */
	(void)context;
	(void)format;
	(void)ap;
}

int front_open(struct sim *s, struct err *e)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)s->options.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct front *f = xcalloc(1, sizeof(*f));
	const union MHD_DaemonInfo *info;
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	s->front = f;
	f->sim = s;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1024) ||
	    getsockname(fd, (struct sockaddr *)&at, &len))
		return err_errno(
		    e, ERR_FAILED, "cannot listen on 127.0.0.1 port %d", s->options.port);
	s->port = ntohs(at.sin_port);
	f->mhd = MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL,
	    NULL, access_handler, f, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, begin, f,
	    MHD_OPTION_NOTIFY_COMPLETED, finished, f, MHD_OPTION_CONNECTION_LIMIT, (unsigned)4000,
	    MHD_OPTION_END);
	if (!f->mhd)
		return err_set(e, ERR_FAILED, "libmicrohttpd did not start");
	info = MHD_get_daemon_info(f->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	uv_poll_init(&s->loop, &f->poll, info->epoll_fd);
	uv_timer_init(&s->loop, &f->timer);
	uv_timer_init(&s->loop, &f->late);
	f->poll.data = f->timer.data = f->late.data = f;
	uv_poll_start(&f->poll, UV_READABLE, on_poll);
	return 0;
}

void front_close(struct sim *s)
{
	struct front *f = s->front;

	resume_due(f, FOREVER);
	MHD_run(f->mhd);
	MHD_stop_daemon(f->mhd);
	f->mhd = NULL;
	uv_close((uv_handle_t *)&f->poll, NULL);
	uv_close((uv_handle_t *)&f->timer, NULL);
	uv_close((uv_handle_t *)&f->late, NULL);
	heap_free(&f->waiting);
}

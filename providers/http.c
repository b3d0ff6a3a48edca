#include "providers/http.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT  (30 * SECOND)
#define CONNECT_MS       10000L
#define HEADER_BYTES_MAX (256u * 1024)
#define HOST_CONNECTIONS 32L /* creates and deletes may hold one each for minutes */
#define KEPT_CONNECTIONS                                                                           \
	256L /* more than are ever at work at once: fewer makes curl reconnect for every request */
#define STREAMS           100L
#define STALL_BYTES       32L /* a second; slower than this is a stall, once an answer has begun */
#define STALL_SECONDS_MAX 20
#define UNACKED_MS        30000u /* a connection whose bytes nobody confirms for so long is dead */

struct http {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer;
	char *user_agent;
	struct list transfers;
	struct list stillborn; /* transfers that failed before curl saw them; told from the timer */
	struct map sockets;    /* fd + 1 → struct socket */
	int in_flight;
	int handles; /* libuv handles not yet closed */
	bool closing;
};

struct socket {
	uv_poll_t poll;
	struct http *http;
	curl_socket_t fd;
};

struct http_transfer {
	struct list link;
	struct http *http;
	CURL *easy;
	struct curl_slist *headers;
	struct buf body;
	size_t header_bytes;
	struct http_response res;
	char *url, *data;
	const char *method;
	char error[CURL_ERROR_SIZE];
	http_done_fn *done;
	void *arg;
	duration began, timeout;
	bool fresh;
	bool open;   /* a stream: what has come by the timeout is the answer */
	bool begun;  /* the connection stands and bytes of the request may be leaving */
	bool headed; /* the empty line behind the headers has come */
	bool told;   /* the callback is running or has run */
};

/* ---- URLs ---- */

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	char bare[64];
	size_t n = strlen(host);

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (n > 2 && n < sizeof(bare) && host[0] == '[') {
		memcpy(bare, host + 1, n - 2);
		bare[n - 2] = '\0';
		return inet_pton(AF_INET6, bare, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
	}
	return str_ieq(host, "localhost");
}

bool http_url_ok(const char *url)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *user = NULL;
	bool ok = u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
		  !curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) &&
		  !curl_url_get(u, CURLUPART_HOST, &host, 0) && *host &&
		  curl_url_get(u, CURLUPART_USER, &user, 0);

	ok = ok && (!strcmp(scheme, "https") || (!strcmp(scheme, "http") && is_loopback(host)));
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_url_cleanup(u);
	return ok;
}

/* ---- the end of a transfer ---- */

static void easy_drop(struct http_transfer *t)
{
	if (!t->easy)
		return;
	curl_multi_remove_handle(t->http->multi, t->easy);
	curl_easy_cleanup(t->easy);
	t->easy = NULL;
}

static void transfer_free(struct http_transfer *t)
{
	struct http *h = t->http;

	list_remove(&t->link);
	easy_drop(t);
	curl_slist_free_all(t->headers);
	if (t->data)
		explicit_bzero(t->data, strlen(t->data));
	free(t->data);
	free(t->url);
	buf_free(&t->body);
	free(t);
	h->in_flight--;
}

static void trace(const struct http_transfer *t)
{
	double seconds = (double)(clock_boot() - t->began) / (double)SECOND;
	int path = (int)strcspn(t->url, "?");

	if (t->res.outcome == HTTP_ANSWERED)
		log_debug("%s %.*s: %d, %zu bytes, %.3f s", t->method, path, t->url, t->res.status,
		    t->res.len, seconds);
	else
		log_debug("%s %.*s: %s (%s), %.3f s", t->method, path, t->url, t->res.trouble,
		    t->res.outcome == HTTP_NOT_SENT ? "not sent" : "sent", seconds);
}

/* The callback may send, cancel and close everything: curl must not know this transfer any more. */
static void tell(struct http_transfer *t)
{
	t->told = true;
	easy_drop(t);
	t->res.body = buf_str(&t->body);
	t->res.len = t->body.len;
	trace(t);
	t->done(t->arg, &t->res);
	transfer_free(t);
}

static void finished(struct http_transfer *t, CURLcode code)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	t->res.status = (int)status;
	/* An answer cut inside its headers is success to curl. */
	if ((code == CURLE_OK || (t->open && code == CURLE_OPERATION_TIMEDOUT)) && status > 0 && t->headed) {
		t->res.outcome = HTTP_ANSWERED;
	} else {
		t->res.outcome = t->begun ? HTTP_BROKEN : HTTP_NOT_SENT;
		if (t->body.overflow || code == CURLE_FILESIZE_EXCEEDED)
			snprintf(t->res.trouble, sizeof(t->res.trouble),
			    "the answer is over %u bytes", JSON_BYTES_MAX);
		else if (!*t->res.trouble)
			str_copy(t->res.trouble, *t->error ? t->error
						 : code    ? curl_easy_strerror(code)
							   : "the answer was cut short");
		buf_reset(&t->body);
	}
	tell(t);
}

static void collect(struct http *h)
{
	CURLMsg *m;
	int left;

	while (!h->closing && (m = curl_multi_info_read(h->multi, &left))) {
		struct http_transfer *t = NULL;
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		finished(t, code);
	}
}

/* ---- sockets and the timer: curl asks, libuv watches (libraries.md §3) ---- */

static void handle_closed(struct http *h)
{
	if (--h->handles || !h->closing)
		return;
	map_free(&h->sockets);
	free(h->user_agent);
	free(h);
	curl_global_cleanup();
}

static void on_timer_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct socket *s = handle->data;
	struct http *h = s->http;

	free(s);
	handle_closed(h);
}

static void socket_drop(struct http *h, curl_socket_t fd)
{
	struct socket *s = map_get(&h->sockets, (int64_t)fd + 1);

	if (!s)
		return;
	map_remove(&h->sockets, (int64_t)fd + 1);
	uv_poll_stop(&s->poll);
	uv_close((uv_handle_t *)&s->poll, on_socket_closed);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct socket *s = poll->data;
	struct http *h = s->http;
	int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
		    (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0),
	    running;

	curl_multi_socket_action(h->multi, s->fd, status < 0 ? CURL_CSELECT_ERR : flags, &running);
	collect(h);
}

static struct socket *socket_watch(struct http *h, curl_socket_t fd)
{
	struct socket *s = xcalloc(1, sizeof(*s));

	s->http = h;
	s->fd = fd;
	if (uv_poll_init_socket(h->loop, &s->poll, fd) < 0) {
		/* The transfer ends by its timeout. */
		log_error("cannot watch a connection; is the limit of open files reached?");
		free(s);
		return NULL;
	}
	s->poll.data = s;
	h->handles++;
	map_set(&h->sockets, (int64_t)fd + 1, s);
	return s;
}

static int ask_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	struct http *h = arg;
	struct socket *s;

	(void)easy;
	(void)assigned;
	if (what == CURL_POLL_REMOVE) {
		socket_drop(h, fd);
		return 0;
	}
	s = map_get(&h->sockets, (int64_t)fd + 1);
	if (!s)
		s = socket_watch(h, fd);
	if (s)
		uv_poll_start(&s->poll,
		    (what & CURL_POLL_IN ? UV_READABLE : 0) |
			(what & CURL_POLL_OUT ? UV_WRITABLE : 0),
		    on_socket);
	return 0;
}

/* curl may close a socket that it never told us to forget; libuv aborts on a stale descriptor. */
static int close_socket(void *arg, curl_socket_t fd)
{
	socket_drop(arg, fd);
	return close(fd);
}

static int socket_options(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	unsigned unacked = UNACKED_MS;

	(void)arg;
	(void)purpose;
	/*
	 * Best effort: without it a dead connection shared by many requests lives until the kernel
	 * gives up.
	 */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked, sizeof(unacked));
	return CURL_SOCKOPT_OK;
}

static void on_timer(uv_timer_t *timer)
{
	struct http *h = timer->data;
	int running;

	while (!h->closing && !list_empty(&h->stillborn))
		tell(CONTAINER_OF(h->stillborn.next, struct http_transfer, link));
	if (h->closing)
		return;
	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(h);
}

static int ask_timer(CURLM *multi, long ms, void *arg)
{
	struct http *h = arg;

	(void)multi;
	if (h->closing)
		return 0;
	if (!list_empty(&h->stillborn))
		ms = 0;
	if (ms < 0)
		uv_timer_stop(&h->timer);
	else
		uv_timer_start(&h->timer, on_timer, (uint64_t)ms, 0);
	return 0;
}

/* ---- bytes ---- */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;

	return buf_append(&t->body, data, size * n) ? size * n : 0;
}

/* "Name: value\r\n" → value into out, if the name is this one. */
static void take_header(const char *line, size_t n, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);
	char value[128];

	if (n <= len || strncasecmp(line, name, len) != 0 || line[len] != ':')
		return;
	line += len + 1;
	n -= len + 1;
	while (n && (*line == ' ' || *line == '\t'))
		line++, n--;
	while (n && strchr(" \t\r\n", line[n - 1]))
		n--;
	if (n >= sizeof(value))
		n = sizeof(value) - 1;
	memcpy(value, line, n);
	value[n] = '\0';
	str_copy_n(out, size, value);
}

/*
 * An answer has begun: from here on silence is a stall. Before, a create may rightly think for
 * minutes.
 */
static void watch_for_stall(struct http_transfer *t)
{
	long seconds = (long)(t->timeout / 2 / SECOND);

	if (seconds > STALL_SECONDS_MAX)
		seconds = STALL_SECONDS_MAX;
	if (t->open) /* what is there comes at once */
		seconds = 1;
	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES);
	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, seconds > 0 ? seconds : 1L);
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct http_transfer *t = arg;
	struct http_response *r = &t->res;
	size_t n = size * count;

	t->header_bytes += n;
	if (t->header_bytes > HEADER_BYTES_MAX) {
		str_copy(r->trouble, "the headers of the answer are too long");
		return 0;
	}
	if (n > 5 && !strncasecmp(line, "HTTP/", 5)) {
		const char *status = memchr(line, ' ', n - 1);

		t->headed = false;
		r->content_type[0] = r->retry_after[0] = r->rate_remaining[0] = r->rate_reset[0] =
		    r->date[0] = '\0';
		if (status && status[1] != '1')
			watch_for_stall(t);
		return n;
	}
	if (*line == '\r' || *line == '\n')
		t->headed = true;
	take_header(line, n, "content-type", r->content_type, sizeof(r->content_type));
	take_header(line, n, "retry-after", r->retry_after, sizeof(r->retry_after));
	take_header(line, n, "date", r->date, sizeof(r->date));
	take_header(line, n, "ratelimit-remaining", r->rate_remaining, sizeof(r->rate_remaining));
	take_header(line, n, "x-ratelimit-remaining", r->rate_remaining, sizeof(r->rate_remaining));
	take_header(line, n, "ratelimit-reset", r->rate_reset, sizeof(r->rate_reset));
	take_header(line, n, "x-ratelimit-reset", r->rate_reset, sizeof(r->rate_reset));
	return n;
}

/*
 * curl is about to write the request: the last moment at which nothing has left. A create passes
 * here once.
 */
static int on_request(void *arg, char *to, char *from, int to_port, int from_port)
{
	struct http_transfer *t = arg;

	(void)to;
	(void)from;
	(void)to_port;
	(void)from_port;
	if (t->fresh && t->begun) {
		str_copy(t->res.trouble, "a second copy of the request was held back");
		return CURL_PREREQFUNC_ABORT;
	}
	t->begun = true;
	return CURL_PREREQFUNC_OK;
}

/* ---- sending ---- */

static void set_headers(struct http_transfer *t, const struct http_request *req)
{
	bool typed = false;

	for (int i = 0; i < req->header_count; i++) {
		t->headers = curl_slist_append(t->headers, req->headers[i]);
		typed = typed || str_istarts(req->headers[i], "content-type:");
	}
	/* What curl would add by itself. */
	t->headers = curl_slist_append(t->headers, "Expect:");
	if (!typed)
		t->headers = curl_slist_append(t->headers, "Content-Type:");
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_method(struct http_transfer *t)
{
	bool post = !strcmp(t->method, "POST"), get = !strcmp(t->method, "GET");

	if (t->data || post) {
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)(t->data ? strlen(t->data) : 0));
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->data ? t->data : "");
	}
	if (!(get && !t->data) && !post)
		curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, t->method);
}

static void set_limits(struct http_transfer *t)
{
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(t->timeout / MSEC));
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)JSON_BYTES_MAX);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(
	    e, CURLOPT_PROTOCOLS_STR, str_istarts(t->url, "https:") ? "https" : "http");
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, 30L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, 10L);
	if (t->fresh) {
		curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
		curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	} else {
		curl_easy_setopt(e, CURLOPT_PIPEWAIT, 1L);
	}
}

static void set_callbacks(struct http_transfer *t)
{
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_request);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, socket_options);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, t->http);
}

static void stillborn(struct http_transfer *t, const char *why)
{
	struct http *h = t->http;

	t->res.outcome = HTTP_NOT_SENT;
	str_copy(t->res.trouble, why);
	if (t->easy)
		curl_easy_cleanup(t->easy);
	t->easy = NULL;
	list_remove(&t->link);
	list_append(&h->stillborn, &t->link);
	uv_timer_start(&h->timer, on_timer, 0, 0);
}

struct http_transfer *http_send(
    struct http *h, const struct http_request *req, bool fresh, http_done_fn *done, void *arg)
{
	struct http_transfer *t = xcalloc(1, sizeof(*t));

	*t = (struct http_transfer){ .http = h,
		.body = BUF(JSON_BYTES_MAX),
		.url = xstrdup(req->url),
		.data = xstrdup(req->body),
		.method = req->method,
		.done = done,
		.arg = arg,
		.fresh = fresh,
		.open = req->open,
		.began = clock_boot(),
		.timeout = req->timeout > 0 ? req->timeout : TIMEOUT_DEFAULT };
	list_append(&h->transfers, &t->link);
	h->in_flight++;
	if (h->closing)
		BUG("a request after http_close");
	if (!http_url_ok(t->url)) {
		stillborn(t, "the address is not https (plain http is for loopback only)");
		return t;
	}
	t->easy = curl_easy_init();
	if (!t->easy) {
		stillborn(t, "no memory for a transfer");
		return t;
	}
	curl_easy_setopt(t->easy, CURLOPT_URL, t->url);
	curl_easy_setopt(t->easy, CURLOPT_USERAGENT, h->user_agent);
	set_method(t);
	set_headers(t, req);
	set_limits(t);
	set_callbacks(t);
	if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
		stillborn(t, "the transfer could not be started");
	return t;
}

void http_cancel(struct http_transfer *t)
{
	if (t && !t->told)
		transfer_free(t);
}

int http_in_flight(const struct http *h)
{
	return h->in_flight;
}

/* ---- opening and closing ---- */

int http_open(struct http **out, uv_loop_t *loop, const char *user_agent, struct err *e)
{
	struct http *h;

	*out = NULL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return err_set(e, ERR_FAILED, "libcurl cannot start");
	h = xcalloc(1, sizeof(*h));
	h->loop = loop;
	h->user_agent = xstrdup(user_agent);
	list_init(&h->transfers);
	list_init(&h->stillborn);
	h->multi = curl_multi_init();
	if (!h->multi) {
		free(h->user_agent);
		free(h);
		curl_global_cleanup();
		return err_set(e, ERR_FAILED, "libcurl cannot start");
	}
	uv_timer_init(loop, &h->timer);
	h->timer.data = h;
	h->handles = 1;
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, ask_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, ask_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, HOST_CONNECTIONS);
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
	curl_multi_setopt(h->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, STREAMS);
	*out = h;
	return 0;
}

void http_close(struct http *h)
{
	if (!h || h->closing)
		return;
	h->closing = true;
	list_for_each_safe (n, &h->transfers) {
		struct http_transfer *t = CONTAINER_OF(n, struct http_transfer, link);

		/* The one whose callback is calling us is freed when it returns. */
		if (!t->told)
			transfer_free(t);
	}
	list_for_each_safe (n, &h->stillborn) {
		struct http_transfer *t = CONTAINER_OF(n, struct http_transfer, link);

		if (!t->told)
			transfer_free(t);
	}
	curl_multi_cleanup(h->multi);
	uv_close((uv_handle_t *)&h->timer, on_timer_closed);
}

const char *http_library_version(void)
{
	return curl_version_info(CURLVERSION_NOW)->version;
}

void http_global_init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

void http_global_cleanup(void)
{
	curl_global_cleanup();
}

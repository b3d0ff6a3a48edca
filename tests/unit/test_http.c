/*
 * providers/http.c against a small server in a thread that answers well, badly, slowly or not at
 * all; the path says how.
 */
#include "providers/http.h"

#include "base/clock.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- the server ---- */

#define CONNECTIONS_MAX 512
#define REQUEST_MAX     (2u * 1024 * 1024)

struct server {
	int fd, port;
	pthread_t thread, workers[CONNECTIONS_MAX];
	int fds[CONNECTIONS_MAX];
	atomic_int connections, requests;
	atomic_bool stop;
	pthread_mutex_t lock;
	char last[8192]; /* the newest request, head and body */
};

struct connection {
	struct server *server;
	int fd;
};

static bool put(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

static bool say(int fd, const char *s)
{
	return put(fd, s, strlen(s));
}

static void nap(struct server *s, int ms)
{
	for (; ms > 0 && !s->stop; ms -= 10)
		usleep(10000);
}

static bool good(int fd)
{
	return say(fd,
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 7\r\n"
	    "Retry-After:  12 \r\nratelimit-remaining: 0\r\nRateLimit-Reset: 99\r\n\r\n{\"a\":1}");
}

static void much(int fd, bool counted)
{
	static char block[65536];

	memset(block, 'x', sizeof(block));
	say(fd, counted ? "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n"
			: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 160; i++)
		if ((!counted && !say(fd, "10000\r\n")) || !put(fd, block, sizeof(block)) ||
		    (!counted && !say(fd, "\r\n")))
			return;
}

/* Answer one request. False: close the connection. */
static bool serve(struct server *s, int fd, const char *path, int nth)
{
	if (!strcmp(path, "/ok"))
		return good(fd);
	if (!strcmp(path, "/late")) {
		nap(s, 300);
		return good(fd);
	}
	if (!strcmp(path,
		"/once")) /* the first request of a connection is served, the next finds it dying */
		return nth == 1 && good(fd);
	if (!strcmp(path, "/nobody"))
		return say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
	if (!strcmp(path, "/redirect"))
		return say(fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
	if (!strcmp(path, "/closing"))
		return say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end"), false;
	if (!strcmp(path, "/interim"))
		return say(fd, "HTTP/1.1 102 Processing\r\nRetry-After: 5\r\n\r\n"), nap(s, 1600),
		       say(fd, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}");
	if (!strcmp(path, "/cut-body"))
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":\"m1\"");
	else if (!strcmp(path, "/cut-chunk"))
		say(fd,
		    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n10\r\nxx");
	else if (!strcmp(path, "/cut-head"))
		say(fd, "HTTP/1.1 200 OK\r\nContent-Le");
	else if (!strcmp(path, "/garbage"))
		say(fd, "\x16\x03\x01 this is not HTTP\r\n\r\n");
	else if (!strcmp(path, "/silence"))
		nap(s, 20000);
	else if (!strcmp(path, "/much"))
		much(fd, true);
	else if (!strcmp(path, "/much-chunked"))
		much(fd, false);
	else if (!strcmp(path, "/headers"))
		for (int i = 0; i < 20000 && say(fd, i ? "X-More: and more and more and more\r\n"
						       : "HTTP/1.1 200 OK\r\n");
		     i++)
			;
	else if (!strcmp(path, "/drip")) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
		for (int i = 0; i < 1000 && !s->stop && say(fd, "x"); i++)
			nap(s, 200);
	} else if (!strcmp(path, "/reset")) {
		struct linger now = { 1, 0 };

		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	}
	return false;
}

/* Reads one request with its body into `text`; false at the end of the connection. */
static bool receive(int fd, char *text, size_t size)
{
	size_t n = 0, want = 0;

	while (n + 1 < size) {
		ssize_t got = recv(fd, text + n, size - 1 - n, 0);
		const char *head, *length;

		if (got <= 0)
			return false;
		n += (size_t)got;
		text[n] = '\0';
		head = strstr(text, "\r\n\r\n");
		if (!head)
			continue;
		length = str_icontains(text, "\r\nContent-Length:");
		want = (size_t)(head + 4 - text) + (length ? strtoul(length + 17, NULL, 10) : 0);
		if (n >= want)
			return true;
	}
	return false;
}

static void *work(void *arg)
{
	struct connection *k = arg;
	struct server *s = k->server;
	char *text = xmalloc(REQUEST_MAX), path[256];
	int nth = 0;

	while (receive(k->fd, text, REQUEST_MAX)) {
		if (sscanf(text, "%*s %255s", path) != 1)
			break;
		pthread_mutex_lock(&s->lock);
		str_copy(s->last, text);
		pthread_mutex_unlock(&s->lock);
		s->requests++;
		if (!serve(s, k->fd, path, ++nth))
			break;
	}
	shutdown(k->fd, SHUT_WR);
	close(k->fd);
	free(text);
	free(k);
	return NULL;
}

static void *listening(void *arg)
{
	struct server *s = arg;

	while (!s->stop) {
		int fd = accept(s->fd, NULL, NULL), n = s->connections;
		struct connection *k;

		if (fd < 0)
			break;
		if (n == CONNECTIONS_MAX) {
			close(fd);
			continue;
		}
		k = xcalloc(1, sizeof(*k));
		k->server = s;
		k->fd = fd;
		s->fds[n] = dup(fd);
		pthread_create(&s->workers[n], NULL, work, k);
		s->connections++;
	}
	return NULL;
}

static int listen_here(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void server_start(struct server *s)
{
	s->fd = listen_here(&s->port);
	assert_int_equal(listen(s->fd, 512), 0);
	pthread_mutex_init(&s->lock, NULL);
	assert_int_equal(pthread_create(&s->thread, NULL, listening, s), 0);
}

static void server_stop(struct server *s)
{
	s->stop = true;
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	for (int i = 0; i < s->connections; i++) {
		shutdown(s->fds[i], SHUT_RDWR);
		pthread_join(s->workers[i], NULL);
		close(s->fds[i]);
	}
	pthread_mutex_destroy(&s->lock);
}

/* ---- a client and what it was told ---- */

struct world {
	uv_loop_t loop;
	struct http *http;
	struct server server;
	int told;    /* callbacks so far */
	bool inside; /* inside http_send */
	bool broken_promise;
	struct http_response res; /* the newest; its body is in `body` */
	char body[256];
	struct http_transfer *victim;
	void (*then)(struct world *w); /* run inside the callback, once */
};

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct err e = { 0 };

	uv_loop_init(&w->loop);
	assert_int_equal(http_open(&w->http, &w->loop, "gpufleet/test", &e), 0);
	server_start(&w->server);
	alarm(60);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	http_close(w->http);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	server_stop(&w->server);
	free(w);
	return 0;
}

static void on_done(void *arg, const struct http_response *res)
{
	struct world *w = arg;
	void (*then)(struct world *) = w->then;

	w->broken_promise |= w->inside;
	w->told++;
	w->res = *res;
	assert_int_equal(strlen(res->body) <= res->len, 1);
	str_copy(w->body, res->body);
	w->then = NULL;
	if (then)
		then(w);
}

static struct http_transfer *sending(struct world *w, const char *method, const char *url,
    const char *body, bool fresh, duration timeout)
{
	struct http_request req = { .timeout = timeout };
	struct http_transfer *t;

	http_request_url(&req, method, "%s", url);
	http_request_header(&req, "Authorization: Token %s", "secret");
	if (body)
		http_request_json(&req, json_pack("{ss}", "k", body));
	w->inside = true;
	t = http_send(w->http, &req, fresh, on_done, w);
	w->inside = false;
	http_request_free(&req); /* the request was copied */
	return t;
}

static struct http_transfer *asking(
    struct world *w, const char *method, const char *path, const char *body, bool fresh)
{
	char url[256];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", w->server.port, path);
	return sending(w, method, url, body, fresh, 5 * SECOND);
}

static void until(struct world *w, int told)
{
	while (w->told < told)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_int_equal(w->told, told);
	assert_false(w->broken_promise);
}

static void ask(struct world *w, const char *method, const char *path, const char *body, bool fresh)
{
	int told = w->told;

	asking(w, method, path, body, fresh);
	until(w, told + 1);
	assert_int_equal(http_in_flight(w->http), 0);
}

static void expect_broken(struct world *w, const char *path)
{
	ask(w, "GET", path, NULL, false);
	assert_int_equal(w->res.outcome, HTTP_BROKEN);
	assert_string_not_equal(w->res.trouble, "");
	assert_int_equal(w->res.len, 0);
}

static const char *last_request(struct world *w)
{
	return w->server.last;
}

/* ---- what arrives ---- */

static void an_answer_arrives(void **state)
{
	struct world *w = *state;

	ask(w, "GET", "/ok", NULL, false);
	assert_int_equal(w->res.outcome, HTTP_ANSWERED);
	assert_int_equal(w->res.status, 200);
	assert_string_equal(w->body, "{\"a\":1}");
	assert_int_equal(w->res.len, 7);
	assert_string_equal(w->res.content_type, "application/json; charset=utf-8");
	assert_string_equal(w->res.retry_after, "12");
	assert_string_equal(w->res.rate_remaining, "0");
	assert_string_equal(w->res.rate_reset, "99");
	ask(w, "DELETE", "/nobody", NULL, false);
	assert_int_equal(w->res.status, 204);
	assert_string_equal(w->body, "");
	assert_string_equal(w->res.retry_after, "");
	ask(w, "GET", "/closing", NULL, false);
	assert_int_equal(w->res.outcome, HTTP_ANSWERED);
	assert_string_equal(w->body, "until the end");
}

static void the_request_is_what_was_asked_for(void **state)
{
	struct world *w = *state;

	ask(w, "GET", "/ok", NULL, false);
	assert_true(str_starts(last_request(w), "GET /ok HTTP/1.1\r\n"));
	assert_non_null(strstr(last_request(w), "\r\nAuthorization: Token secret\r\n"));
	assert_non_null(strstr(last_request(w), "\r\nUser-Agent: gpufleet/test\r\n"));
	assert_null(str_icontains(last_request(w), "content-"));
	ask(w, "POST", "/ok", "v", false);
	assert_true(str_starts(last_request(w), "POST /ok HTTP/1.1\r\n"));
	assert_non_null(strstr(last_request(w), "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(last_request(w), "\r\n\r\n{\"k\":\"v\"}"));
	ask(w, "POST", "/ok", NULL, true);
	assert_non_null(strstr(last_request(w), "\r\nContent-Length: 0\r\n"));
	assert_null(str_icontains(last_request(w), "content-type"));
	ask(w, "PATCH", "/nobody", "v", false);
	assert_true(str_starts(last_request(w), "PATCH /nobody HTTP/1.1\r\n"));
	assert_non_null(strstr(last_request(w), "{\"k\":\"v\"}"));
	ask(w, "PUT", "/ok", "v", false);
	assert_true(str_starts(last_request(w), "PUT "));
	ask(w, "DELETE", "/nobody", NULL, false);
	assert_true(str_starts(last_request(w), "DELETE /nobody HTTP/1.1\r\n"));
	ask(w, "DELETE", "/nobody", "v", false);
	assert_non_null(strstr(last_request(w), "{\"k\":\"v\"}"));
}

static void a_long_body_asks_for_no_permission(void **state)
{
	struct world *w = *state;
	size_t n = REQUEST_MAX - 8192; /* curl begins to ask at 1 MiB */
	char *long_text = xmalloc(n + 1);

	memset(long_text, 'a', n);
	long_text[n] = '\0';
	ask(w, "POST", "/ok", long_text, true);
	free(long_text);
	assert_int_equal(w->res.status, 200);
	assert_null(str_icontains(last_request(w), "expect"));
}

static void a_path_is_sent_as_it_is(void **state)
{
	struct world *w = *state;

	ask(w, "DELETE", "/a/../b", NULL, false);
	assert_true(str_starts(last_request(w), "DELETE /a/../b "));
}

static void a_redirect_is_an_answer(void **state)
{
	struct world *w = *state;

	ask(w, "GET", "/redirect", NULL, false);
	assert_int_equal(w->res.outcome, HTTP_ANSWERED);
	assert_int_equal(w->res.status, 302);
	assert_int_equal(w->server.requests, 1);
}

static void an_interim_answer_is_not_the_answer(void **state)
{
	struct world *w = *state;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/interim", w->server.port);
	sending(w, "POST", url, "v", true, 3 * SECOND); /* a stall of 1 s would end it */
	until(w, 1);
	assert_int_equal(w->res.outcome, HTTP_ANSWERED);
	assert_int_equal(w->res.status, 201);
	assert_string_equal(w->res.retry_after, "");
}

/* ---- what breaks ---- */

static void an_answer_cut_short_is_none(void **state)
{
	static const char *const paths[] = { "/cut-body", "/cut-chunk", "/cut-head", "/close",
		"/reset", "/garbage" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		expect_broken(w, paths[i]);
}

static void too_much_is_broken_off(void **state)
{
	struct world *w = *state;

	expect_broken(w, "/much");
	assert_non_null(strstr(w->res.trouble, "8388608"));
	expect_broken(w, "/much-chunked");
	assert_non_null(strstr(w->res.trouble, "8388608"));
	expect_broken(w, "/headers");
}

static duration time_to_break(struct world *w, const char *path, duration timeout)
{
	duration began = clock_boot();
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", w->server.port, path);
	sending(w, "GET", url, NULL, false, timeout);
	until(w, w->told + 1);
	assert_int_equal(w->res.outcome, HTTP_BROKEN);
	return clock_boot() - began;
}

static void silence_ends_by_the_timeout(void **state)
{
	struct world *w = *state;

	assert_in_range(time_to_break(w, "/silence", 700 * MSEC), 600 * MSEC, 5 * SECOND);
}

static void a_dripping_answer_is_a_stall(void **state)
{
	struct world *w = *state;

	assert_in_range(time_to_break(w, "/drip", 4 * SECOND), 1900 * MSEC, 3800 * MSEC);
}

static void a_refused_connection_sent_nothing(void **state)
{
	struct world *w = *state;
	char url[64];
	int port, fd = listen_here(&port); /* bound, not listening */

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/ok", port);
	sending(w, "POST", url, "v", true, 5 * SECOND);
	until(w, 1);
	assert_int_equal(w->res.outcome, HTTP_NOT_SENT);
	assert_string_not_equal(w->res.trouble, "");
	close(fd);
}

static void a_failed_tls_handshake_sent_nothing(void **state)
{
	struct world *w = *state;
	char url[64];

	snprintf(url, sizeof(url), "https://127.0.0.1:%d/ok", w->server.port);
	sending(w, "POST", url, "v", true, 1 * SECOND); /* our server waits for a plain request */
	until(w, 1);
	assert_int_equal(w->res.outcome, HTTP_NOT_SENT);
	assert_int_equal(w->server.requests, 0);
}

/* ---- where to ---- */

static void plain_http_is_for_loopback(void **state)
{
	static const struct {
		const char *url;
		bool ok;
	} rows[] = {
		{ "https://api.example.com", true },
		{ "https://api.example.com:8443/v2?x=1", true },
		{ "HTTPS://api.example.com", true },
		{ "http://127.0.0.1:8080", true },
		{ "http://127.9.8.7", true },
		{ "http://localhost:1", true },
		{ "http://[::1]:1/x", true },
		{ "http://api.example.com", false },
		{ "http://128.0.0.1", false },
		{ "http://10.0.0.1", false },
		{ "http://127.0.0.1.example.com", false },
		{ "http://localhost.example.com", false },
		{ "http://[::2]", false },
		{ "http://127.0.0.1@example.com/", false },
		{ "https://token@api.example.com", false },
		{ "ftp://127.0.0.1", false },
		{ "file:///etc/passwd", false },
		{ "127.0.0.1", false },
		{ "https://", false },
		{ "", false },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (http_url_ok(rows[i].url) != rows[i].ok)
			fail_msg("http_url_ok(\"%s\") is %d", rows[i].url, !rows[i].ok);
	sending(w, "GET", "http://192.0.2.1/ok", NULL, false, 5 * SECOND);
	assert_int_equal(w->told, 0); /* not from inside http_send */
	assert_int_equal(http_in_flight(w->http), 1);
	until(w, 1);
	assert_int_equal(w->res.outcome, HTTP_NOT_SENT);
	assert_non_null(strstr(w->res.trouble, "https"));
}

static void proxies_are_ignored(void **state)
{
	struct world *w = *state;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	ask(w, "GET", "/ok", NULL, false);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	assert_int_equal(w->res.status, 200);
}

/* ---- connections ---- */

static void connections_are_kept_unless_fresh(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++)
		ask(w, "POST", "/ok", "v", true);
	assert_int_equal(w->server.connections, 3);
	/* A fresh one is not left for others. */
	for (int i = 0; i < 3; i++)
		ask(w, "GET", "/ok", NULL, false);
	assert_int_equal(w->server.connections, 4);
	assert_int_equal(w->server.requests, 6);
}

/*
 * The server closes kept connections when the next request comes: curl sends that again by itself,
 * but never a fresh one.
 */
static void a_dying_connection_doubles_reads_but_never_a_create(void **state)
{
	struct world *w = *state;

	ask(w, "GET", "/once", NULL, false);
	ask(w, "GET", "/once", NULL, false);
	assert_int_equal(w->res.outcome, HTTP_ANSWERED);
	assert_int_equal(w->server.requests, 3); /* the second one twice */
	ask(w, "POST", "/close", "v", true);
	assert_int_equal(w->res.outcome, HTTP_BROKEN);
	assert_int_equal(w->server.requests, 4);
	ask(w, "POST", "/reset", "v", true);
	assert_int_equal(w->res.outcome, HTTP_BROKEN);
	assert_int_equal(w->server.requests, 5);
	ask(w, "POST", "/once", "v", true);
	assert_int_equal(w->res.outcome, HTTP_ANSWERED);
	assert_int_equal(w->server.requests, 6);
}

static void many_at_once(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 200; i++)
		asking(w, i % 3 ? "GET" : "POST", "/ok", NULL, i % 10 == 0);
	assert_int_equal(http_in_flight(w->http), 200);
	while (w->told < 200) {
		uv_run(&w->loop, UV_RUN_ONCE);
		if (w->told)
			assert_int_equal(w->res.outcome, HTTP_ANSWERED);
	}
	assert_int_equal(w->server.requests, 200);
	assert_in_range(w->server.connections, 20, 100);
	assert_int_equal(http_in_flight(w->http), 0);
}

/* ---- cancelling and closing ---- */

static void spin(struct world *w, int ms)
{
	for (; ms > 0; ms -= 10) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(10000);
	}
}

static void a_cancelled_transfer_says_nothing(void **state)
{
	struct world *w = *state;
	struct http_transfer *early = asking(w, "GET", "/ok", NULL, false),
			     *late = asking(w, "GET", "/late", NULL, true);
	struct http_transfer *never = sending(w, "GET", "http://192.0.2.1/", NULL, false, SECOND);

	http_cancel(early);
	http_cancel(never);
	http_cancel(NULL);
	spin(w, 100);
	http_cancel(late);
	spin(w, 400);
	assert_int_equal(w->told, 0);
	assert_int_equal(http_in_flight(w->http), 0);
}

static void cancel_victim(struct world *w)
{
	http_cancel(w->victim);
}

static void a_callback_may_cancel_another(void **state)
{
	struct world *w = *state;

	asking(w, "GET", "/ok", NULL, false);
	w->victim = asking(w, "GET", "/late", NULL, false);
	w->then = cancel_victim;
	until(w, 1);
	spin(w, 400);
	assert_int_equal(w->told, 1);
	/* Itself: too late, and harmless. */
	w->then = cancel_victim;
	w->victim = asking(w, "GET", "/ok", NULL, false);
	until(w, 2);
	assert_int_equal(http_in_flight(w->http), 0);
}

static void send_more(struct world *w)
{
	asking(w, "GET", "/ok", NULL, false);
	sending(w, "GET", "http://192.0.2.1/", NULL, false, SECOND);
}

static void a_callback_may_send(void **state)
{
	struct world *w = *state;

	w->then = send_more;
	asking(w, "GET", "/nobody", NULL, false);
	until(w, 3);
	assert_int_equal(http_in_flight(w->http), 0);
}

static void close_all(struct world *w)
{
	http_close(w->http);
}

static void a_callback_may_close(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 5; i++)
		asking(w, "GET", "/ok", NULL, i % 2);
	asking(w, "GET", "/silence", NULL, false);
	sending(w, "GET", "http://192.0.2.1/", NULL, false, SECOND);
	w->then = close_all;
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->told, 1);
	w->http = NULL;
}

static void closing_ends_what_is_in_flight(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 5; i++)
		asking(w, "GET", "/silence", NULL, i % 2);
	spin(w, 100);
	http_close(w->http);
	http_close(w->http);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->told, 0);
	w->http = NULL;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_arrives),
		TEST(the_request_is_what_was_asked_for),
		TEST(a_long_body_asks_for_no_permission),
		TEST(a_path_is_sent_as_it_is),
		TEST(a_redirect_is_an_answer),
		TEST(an_interim_answer_is_not_the_answer),
		TEST(an_answer_cut_short_is_none),
		TEST(too_much_is_broken_off),
		TEST(silence_ends_by_the_timeout),
		TEST(a_dripping_answer_is_a_stall),
		TEST(a_refused_connection_sent_nothing),
		TEST(a_failed_tls_handshake_sent_nothing),
		TEST(plain_http_is_for_loopback),
		TEST(proxies_are_ignored),
		TEST(connections_are_kept_unless_fresh),
		TEST(a_dying_connection_doubles_reads_but_never_a_create),
		TEST(many_at_once),
		TEST(a_cancelled_transfer_says_nothing),
		TEST(a_callback_may_cancel_another),
		TEST(a_callback_may_send),
		TEST(a_callback_may_close),
		TEST(closing_ends_what_is_in_flight),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

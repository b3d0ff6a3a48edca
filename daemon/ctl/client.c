#include "ctl/client.h"
#include "base/secret.h"
#include "base/str.h"
#include "ctl/term.h"

#include <curl/curl.h>
#include <errno.h>
#include <unistd.h>

#define CONNECT_MS   10000L
#define CALL_SECONDS 180L /* asking all providers for offers takes up to 30 s */
#define DEAD_SECONDS 60L  /* a stream pings every 15 s */
#define LOOK_MS      200
#define PROBLEM_MAX  (256 * 1024)
#define AGAIN_MAX    5

struct client {
	CURLM *multi;
	CURL *easy;
	char *socket; /* or … */
	char *url;    /* … this, with … */
	struct secret token;
	char *token_where, *ca_file;
};

static struct client *new(bool tls)
{
	struct client *c = xcalloc(1, sizeof(*c));

	/* TLS takes milliseconds to set up, and a Unix socket never needs it. */
	if (curl_global_init(tls ? CURL_GLOBAL_SSL : CURL_GLOBAL_NOTHING) != CURLE_OK)
		BUG("libcurl does not start");
	c->multi = curl_multi_init();
	c->easy = curl_easy_init();
	if (!c->multi || !c->easy)
		BUG("libcurl gives no handle");
	return c;
}

struct client *client_new(const char *socket)
{
	struct client *c = new(false);

	c->socket = xstrdup(socket);
	return c;
}

struct client *client_new_url(const char *url, const char *token, const char *token_where, const char *ca_file)
{
	struct client *c = new(str_starts(url, "https://"));

	c->url = xstrdup(url);
	c->token_where = xstrdup(token_where);
	c->ca_file = ca_file && *ca_file ? xstrdup(ca_file) : NULL;
	secret_set(&c->token, token);
	return c;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->easy);
	curl_multi_cleanup(c->multi);
	secret_wipe(&c->token);
	free(c->socket);
	free(c->url);
	free(c->token_where);
	free(c->ca_file);
	free(c);
}

/* ---- one exchange ---- */

/* Where the bytes of an answer go. */
struct sink {
	struct client *client;
	struct buf body;      /* a document, a problem, or the line that is being read */
	client_line_fn *line; /* a stream */
	void *arg;
	int fd; /* a download; -1: none */
	bool failed;  /* `error` says why the transfer was ended here */
	int stopped;  /* what `line` said */
	struct err error;
};

static bool is_problem(struct sink *s)
{
	long status = 0;

	curl_easy_getinfo(s->client->easy, CURLINFO_RESPONSE_CODE, &status);
	return status >= 400;
}

static bool take_line(struct sink *s, const char *text, size_t n)
{
	json_t *j;

	if (!n)
		return true;
	j = json_read(text, n, &s->error);
	if (!j) {
		err_wrap(&s->error, "the daemon's stream");
		s->error.code = ERR_FAILED;
		s->failed = true;
		return false;
	}
	s->stopped = s->line(s->arg, j);
	json_decref(j);
	return s->stopped == 0;
}

static bool take_lines(struct sink *s, const char *data, size_t n)
{
	const char *end;

	while ((end = memchr(data, '\n', n))) {
		size_t part = (size_t)(end - data);
		bool going;

		if (s->body.len) {
			buf_append(&s->body, data, part);
			going = !s->body.overflow && take_line(s, s->body.data, s->body.len);
			buf_reset(&s->body);
		} else {
			going = take_line(s, data, part);
		}
		if (!going)
			return false;
		data += part + 1;
		n -= part + 1;
	}
	if (n)
		buf_append(&s->body, data, n);
	return !s->body.overflow;
}

static bool write_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t put = write(fd, data, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		data += put;
		n -= (size_t)put;
	}
	return true;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct sink *s = arg;
	size_t n = size * count;

	if (s->line && !is_problem(s))
		return take_lines(s, data, n) ? n : 0;
	if (s->fd >= 0 && !is_problem(s)) {
		if (write_all(s->fd, data, n))
			return n;
		err_errno(&s->error, ERR_FAILED, "cannot write what arrives");
		s->failed = true;
		return 0;
	}
	return buf_append(&s->body, data, n) ? n : 0;
}

/* Over TLS, or to this machine: a token never travels in the clear. Nothing is followed elsewhere with it. */
static void prepare_remote(struct client *c, struct curl_slist **headers)
{
	char *line = xasprintf("Authorization: Bearer %s", c->token.value);

	curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, str_starts(c->url, "https://") ? "https" : "http");
	curl_easy_setopt(c->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (c->ca_file)
		curl_easy_setopt(c->easy, CURLOPT_CAINFO, c->ca_file);
	*headers = curl_slist_append(*headers, line);
	explicit_bzero(line, strlen(line));
	free(line);
}

static void free_headers(struct curl_slist *headers)
{
	for (struct curl_slist *h = headers; h; h = h->next)
		if (str_starts(h->data, "Authorization:"))
			explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(headers);
}

static void prepare(struct client *c, const struct request *r, struct sink *s, const char *body, struct curl_slist **headers)
{
	char *url = xasprintf("%s%s", c->url ? c->url : "http://gpufleet", r->path);
	char line[128];

	curl_easy_reset(c->easy);
	curl_easy_setopt(c->easy, CURLOPT_URL, url);
	curl_easy_setopt(c->easy, CURLOPT_NOPROXY, "*");
	if (c->url) {
		prepare_remote(c, headers);
	} else {
		curl_easy_setopt(c->easy, CURLOPT_UNIX_SOCKET_PATH, c->socket);
		curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http");
	}
	curl_easy_setopt(c->easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, r->method);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, s);
	if (!s->line && s->fd < 0)
		curl_easy_setopt(c->easy, CURLOPT_TIMEOUT, CALL_SECONDS);
	if (r->quiet_is_dead) {
		curl_easy_setopt(c->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(c->easy, CURLOPT_LOW_SPEED_TIME, DEAD_SECONDS);
	}
	if (body) {
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
		*headers = curl_slist_append(*headers, "Content-Type: application/json");
	}
	*headers = curl_slist_append(*headers, "Accept: application/json, application/x-ndjson");
	*headers = curl_slist_append(*headers, "Expect:");
	if (r->key) {
		snprintf(line, sizeof(line), "Idempotency-Key: %s", r->key);
		*headers = curl_slist_append(*headers, line);
	}
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, *headers);
	free(url);
}

/* Drive the transfer; a stream ends at Ctrl-C. CURLE_ABORTED_BY_CALLBACK: it did. */
static CURLcode drive(struct client *c, bool stream)
{
	CURLcode result = CURLE_OK;
	int running = 1, left;
	CURLMsg *m;

	curl_multi_add_handle(c->multi, c->easy);
	while (running) {
		struct curl_waitfd extra = { .fd = term_interrupt_fd(), .events = CURL_WAIT_POLLIN };
		bool watch = stream && extra.fd >= 0;

		if (curl_multi_perform(c->multi, &running) != CURLM_OK)
			BUG("libcurl stumbles");
		if (watch && term_interrupts()) {
			result = CURLE_ABORTED_BY_CALLBACK;
			break;
		}
		if (running)
			curl_multi_poll(c->multi, &extra, watch ? 1 : 0, LOOK_MS, NULL);
	}
	while (!running && (m = curl_multi_info_read(c->multi, &left)))
		if (m->msg == CURLMSG_DONE)
			result = m->data.result;
	curl_multi_remove_handle(c->multi, c->easy);
	return result;
}

static CURLcode exchange(struct client *c, const struct request *r, struct sink *s, long *status)
{
	char *body = r->body ? json_text(r->body) : !strcmp(r->method, "POST") ? xstrdup("") : NULL;
	struct curl_slist *headers = NULL;
	CURLcode result;

	buf_reset(&s->body);
	s->client = c;
	s->failed = false;
	prepare(c, r, s, body, &headers);
	result = drive(c, s->line != NULL);
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, status);
	free_headers(headers);
	if (body)
		explicit_bzero(body, strlen(body)); /* a run's body may hold a secret */
	free(body);
	return result;
}

/* ---- what went wrong ---- */

static int transport_error(const struct client *c, const struct sink *s, CURLcode result, struct err *e)
{
	long os = 0;

	if (s->failed) {
		*e = s->error;
		return -1;
	}
	curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &os);
	if (result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST)
		return err_set(e, ERR_UNREACHABLE, "no daemon answers on '%.200s': %s", c->url ? c->url : c->socket,
		    result == CURLE_COULDNT_RESOLVE_HOST ? "there is no such host" : os ? strerror((int)os) : "connection failed");
	if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE || result == CURLE_SSL_CONNECT_ERROR)
		return err_set(e, ERR_UNREACHABLE, "'%.200s' does not prove who it is: %s (GPUFLEET_CA_FILE names certificates of your own)",
		    c->url ? c->url : c->socket, curl_easy_strerror(result));
	if (result == CURLE_WRITE_ERROR && s->body.overflow)
		return err_set(e, ERR_FAILED, "the daemon's answer is larger than %zu bytes", s->body.max);
	if (result == CURLE_OPERATION_TIMEDOUT)
		return err_set(e, ERR_TIMEOUT, "the daemon has taken the request and does not answer");
	return err_set(e, ERR_UNREACHABLE, "the connection to the daemon broke: %s", curl_easy_strerror(result));
}

static int problem_error(const struct sink *s, long status, json_t **problem, struct err *e)
{
	const struct client *c = s->client;
	json_t *j = json_read(buf_str(&s->body), s->body.len, NULL);
	const char *code = json_str(j, "code", NULL), *detail = json_str(j, "detail", NULL);
	struct buf safe = BUF(2048);

	if (status == 401 && c->url) {
		err_set(e, ERR_REFUSED, "'%.200s' does not know the token from %.200s", c->url, c->token_where);
	} else if (!detail) {
		err_set(e, ERR_FAILED, "the daemon answered with HTTP status %ld and no explanation", status);
	} else {
		str_safe(&safe, detail, strlen(detail), true);
		err_set(e, code ? err_from_name(code) : ERR_FAILED, "%s", buf_str(&safe));
	}
	buf_free(&safe);
	if (problem && json_is_object(j))
		*problem = j;
	else
		json_decref(j);
	return -1;
}

static bool broke(CURLcode result)
{
	return result == CURLE_COULDNT_CONNECT || result == CURLE_GOT_NOTHING || result == CURLE_RECV_ERROR ||
	       result == CURLE_SEND_ERROR || result == CURLE_PARTIAL_FILE;
}

int client_call(struct client *c, const struct request *r, json_t **answer, json_t **problem, struct err *e)
{
	struct sink s = { .body = BUF(JSON_BYTES_MAX), .fd = -1 };
	CURLcode result = CURLE_OK;
	json_t *j = NULL;
	long status = 0;
	int rc = -1;

	/* With a key the daemon gives the first answer again, so nothing is bought twice. */
	for (int again = 0; again < AGAIN_MAX; again++) {
		result = exchange(c, r, &s, &status);
		if (!r->key || !broke(result) || (result == CURLE_COULDNT_CONNECT && !again) || term_sleep(SECOND))
			break;
	}
	if (result != CURLE_OK) {
		transport_error(c, &s, result, e);
	} else if (status >= 400) {
		problem_error(&s, status, problem, e);
	} else {
		j = json_read(buf_str(&s.body), s.body.len, e);
		rc = j ? 0 : -1;
		if (rc < 0) {
			err_wrap(e, "the daemon's answer to %s %s", r->method, r->path);
			e->code = ERR_FAILED;
		}
	}
	buf_free(&s.body);
	if (answer)
		*answer = j;
	else
		json_decref(j);
	return rc;
}

int client_stream(struct client *c, const struct request *r, client_line_fn *line, void *arg, json_t **problem, struct err *e)
{
	struct sink s = { .body = BUF(CLIENT_LINE_MAX), .fd = -1, .line = line, .arg = arg };
	long status = 0;
	CURLcode result = exchange(c, r, &s, &status);
	int rc;

	if (s.stopped)
		rc = s.stopped;
	else if (result == CURLE_ABORTED_BY_CALLBACK)
		rc = CLIENT_INTERRUPTED;
	else if (result != CURLE_OK)
		rc = transport_error(c, &s, result, e);
	else if (status >= 400)
		rc = problem_error(&s, status, problem, e);
	else
		rc = CLIENT_ENDED;
	buf_free(&s.body);
	return rc;
}

int client_download(struct client *c, const char *path, int fd, json_t **problem, struct err *e)
{
	struct sink s = { .body = BUF(PROBLEM_MAX), .fd = fd };
	const struct request r = { .method = "GET", .path = path };
	long status = 0;
	CURLcode result = exchange(c, &r, &s, &status);
	int rc = 0;

	if (result != CURLE_OK)
		rc = transport_error(c, &s, result, e);
	else if (status >= 400)
		rc = problem_error(&s, status, problem, e);
	buf_free(&s.body);
	return rc;
}

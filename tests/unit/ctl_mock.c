#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "ctl/ctl.h"
#include "ctl_mock.h"

#define LIMIT_S  60
#define ARGV_MAX 64

struct mock {
	const struct mock_row *rows;
	int used[64];
	char dir[64], socket[96], url[64];
	int listener, stop[2];
	pthread_t thread;
	pthread_mutex_t lock;
	struct buf log;
	char *copy;
};

/* ---- the server ---- */

static const struct mock_row *pick(struct mock *m, const char *method, const char *target, const char *body)
{
	for (int i = 0; m->rows[i].method; i++) {
		const struct mock_row *r = &m->rows[i];

		if (strcmp(r->method, method) != 0 || strncmp(target, r->path, strlen(r->path)) != 0)
			continue;
		if ((r->wants && !strstr(body, r->wants)) || (r->times && m->used[i] >= r->times))
			continue;
		m->used[i]++;
		return r;
	}
	return NULL;
}

static void put(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t done = send(fd, text, n, MSG_NOSIGNAL);

		if (done <= 0)
			return;
		text += done;
		n -= (size_t)done;
	}
}

static void put_stream(struct mock *m, int fd, const struct mock_row *r)
{
	char size[32];
	struct pollfd p[2] = { { fd, POLLIN, 0 }, { m->stop[0], POLLIN, 0 } };

	for (const char *s = r->body; *s;) {
		size_t n = strcspn(s, "\n") + 1;

		snprintf(size, sizeof(size), "%zx\r\n", n);
		put(fd, size, strlen(size));
		put(fd, s, n);
		put(fd, "\r\n", 2);
		s += n;
	}
	if (r->hold_ms)
		poll(p, 2, r->hold_ms);
	put(fd, "0\r\n\r\n", 5);
}

static void answer(struct mock *m, int fd, const struct mock_row *r)
{
	struct buf head = BUF(65536);
	const char *body = r && r->body ? r->body : "{}";
	int status = !r ? 404 : r->status ? r->status : 200;

	if (!r)
		body = "{\"code\":\"not_found\",\"detail\":\"the script has no row for this\",\"status\":404}";
	if (status < 0)
		return;
	buf_printf(&head, "HTTP/1.1 %d X\r\nConnection: close\r\nContent-Type: application/json\r\n", status);
	if (r && r->stream)
		buf_puts(&head, "Transfer-Encoding: chunked\r\n\r\n");
	else
		buf_printf(&head, "Content-Length: %zu\r\n\r\n", strlen(body));
	put(fd, buf_str(&head), head.len);
	if (r && r->stream)
		put_stream(m, fd, r);
	else
		put(fd, body, strlen(body));
	buf_free(&head);
}

static void serve(struct mock *m, int fd)
{
	struct buf in = BUF(128 * 1024 * 1024);
	char chunk[65536], method[16] = "", target[2048] = "";
	char *body = NULL, *length;
	size_t need = 0;
	ssize_t n;

	while ((!body || strlen(body) < need) && (n = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
		buf_append(&in, chunk, (size_t)n);
		body = strstr(in.data, "\r\n\r\n");
		if (!body)
			continue;
		length = strcasestr(in.data, "\r\nContent-Length:");
		need = length && length < body ? strtoul(length + 17, NULL, 10) : 0;
		body += 4;
	}
	if (body && sscanf(in.data, "%15s %2047s", method, target) == 2) {
		const struct mock_row *r;

		pthread_mutex_lock(&m->lock);
		buf_printf(&m->log, "%s %s %s%s%s\n", method, target, strcasestr(in.data, "\r\nIdempotency-Key:") ? "key " : "",
		    strstr(in.data, "\r\nAuthorization: Bearer " MOCK_TOKEN "\r\n") ? "bearer " : "", body);
		r = pick(m, method, target, body);
		pthread_mutex_unlock(&m->lock);
		answer(m, fd, r);
	}
	buf_free(&in);
	close(fd);
}

static void *loop(void *arg)
{
	struct mock *m = arg;
	struct pollfd p[2] = { { m->listener, POLLIN, 0 }, { m->stop[0], POLLIN, 0 } };

	while (poll(p, 2, -1) >= 0 && !p[1].revents) {
		int fd = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			serve(m, fd);
	}
	return NULL;
}

static struct mock *start(const struct mock_row *rows, const struct sockaddr *at, socklen_t size, struct mock *m)
{
	m->rows = rows;
	m->log = (struct buf)BUF(256 * 1024 * 1024);
	pthread_mutex_init(&m->lock, NULL);
	m->listener = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(m->listener, at, size) < 0 || listen(m->listener, 16) < 0 || pipe2(m->stop, O_CLOEXEC) < 0 ||
	    pthread_create(&m->thread, NULL, loop, m))
		BUG("no server: %s", strerror(errno));
	return m;
}

static struct mock *new(void)
{
	struct mock *m = xcalloc(1, sizeof(*m));

	str_copy(m->dir, "/tmp/gf-ctl-XXXXXX");
	if (!mkdtemp(m->dir))
		BUG("no directory");
	return m;
}

struct mock *mock_start(const struct mock_row *rows)
{
	struct mock *m = new();
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(m->socket, sizeof(m->socket), "%s/sock", m->dir);
	str_copy(sa.sun_path, m->socket);
	return start(rows, (struct sockaddr *)&sa, sizeof(sa), m);
}

struct mock *mock_start_tcp(const struct mock_row *rows)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct mock *m = start(rows, (struct sockaddr *)&sa, sizeof(sa), new());
	socklen_t size = sizeof(sa);

	getsockname(m->listener, (struct sockaddr *)&sa, &size);
	snprintf(m->url, sizeof(m->url), "http://127.0.0.1:%d", ntohs(sa.sin_port));
	return m;
}

const char *mock_url(const struct mock *m)
{
	return m->url;
}

const char *mock_socket(const struct mock *m)
{
	return m->socket;
}

const char *mock_dir(const struct mock *m)
{
	return m->dir;
}

const char *mock_log(struct mock *m)
{
	pthread_mutex_lock(&m->lock);
	free(m->copy);
	m->copy = xstrdup(buf_str(&m->log));
	pthread_mutex_unlock(&m->lock);
	return m->copy;
}

int mock_count(struct mock *m, const char *text)
{
	int n = 0;

	for (const char *s = mock_log(m); (s = strstr(s, text)); s += strlen(text))
		n++;
	return n;
}

/* ---- the program ---- */

static void remove_tree(const char *dir)
{
	pid_t pid = fork();

	if (pid == 0) {
		execlp("rm", "rm", "-rf", dir, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

void mock_stop(struct mock *m)
{
	if (write(m->stop[1], "x", 1) != 1)
		BUG("cannot stop");
	pthread_join(m->thread, NULL);
	close(m->listener);
	close(m->stop[0]);
	close(m->stop[1]);
	remove_tree(m->dir);
	buf_free(&m->log);
	free(m->copy);
	free(m);
}

/* An environment that does not depend on who runs the tests. */
static void environment(const struct mock *m, bool tty)
{
	static const char *const gone[] = { "GPUFLEET_CONFIG", "GPUFLEET_SOCKET", "GPUFLEET_URL", "GPUFLEET_TOKEN", "GPUFLEET_TOKEN_FILE",
		"GPUFLEET_CA_FILE", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME",
		"XDG_RUNTIME_DIR", "SSH_AUTH_SOCK", "NO_COLOR", "COLUMNS", "http_proxy", "https_proxy", "all_proxy" };

	for (size_t i = 0; i < ARRAY_LEN(gone); i++)
		unsetenv(gone[i]);
	setenv("HOME", m ? m->dir : "/nonexistent", 1);
	setenv("TERM", tty ? "xterm" : "dumb", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	if (m && *m->url) {
		setenv("GPUFLEET_URL", m->url, 1);
		setenv("GPUFLEET_TOKEN", MOCK_TOKEN, 1);
	} else if (m) {
		setenv("GPUFLEET_SOCKET", m->socket, 1);
	}
	alarm(LIMIT_S);
}

static int collect_args(va_list ap, char **argv)
{
	int argc = 0;
	char *s;

	argv[argc++] = xstrdup("gpufleetctl");
	while ((s = va_arg(ap, char *)) && argc < ARGV_MAX)
		argv[argc++] = xstrdup(s);
	argv[argc] = NULL;
	return argc;
}

static int child_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			BUG("waitpid: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void free_args(char **argv)
{
	for (int i = 0; argv[i]; i++)
		free(argv[i]);
}

_Noreturn static void become(const struct mock *m, bool tty, int argc, char **argv)
{
	int status;

	environment(m, tty);
	status = ctl_main(argc, argv);
	free_args(argv);
	/* What the parent had allocated is nobody's here: no leak check of this half. */
	fflush(NULL);
	_exit(status);
}

static char *slurp(FILE *f)
{
	struct buf b = BUF(64 * 1024 * 1024);
	char chunk[65536];
	size_t n;

	rewind(f);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_append(&b, chunk, n);
	fclose(f);
	return buf_take(&b);
}

struct ran mock_run(struct mock *m, ...)
{
	FILE *out = tmpfile(), *err = tmpfile();
	char *argv[ARGV_MAX + 1];
	struct ran r;
	va_list ap;
	pid_t pid;
	int argc;

	va_start(ap, m);
	argc = collect_args(ap, argv);
	va_end(ap);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);

		dup2(null, STDIN_FILENO);
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(err), STDERR_FILENO);
		become(m, false, argc, argv);
	}
	r.status = child_status(pid);
	r.out = slurp(out);
	r.err = slurp(err);
	free_args(argv);
	return r;
}

struct ran mock_run_tty(struct mock *m, const struct typed *typed, ...)
{
	struct winsize size = { .ws_row = 40, .ws_col = 100 };
	struct buf screen = BUF(16 * 1024 * 1024);
	char *argv[ARGV_MAX + 1], chunk[4096];
	size_t from = 0;
	struct ran r;
	va_list ap;
	ssize_t n;
	pid_t pid;
	int argc, fd;

	va_start(ap, typed);
	argc = collect_args(ap, argv);
	va_end(ap);
	fflush(NULL);
	pid = forkpty(&fd, NULL, NULL, &size);
	if (pid == 0)
		become(m, true, argc, argv);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR)) {
		const char *found;

		if (n > 0)
			buf_append(&screen, chunk, (size_t)n);
		while (typed && typed->expect && (found = strstr(buf_str(&screen) + from, typed->expect))) {
			from = (size_t)(found - screen.data) + strlen(typed->expect);
			if (write(fd, typed->send, strlen(typed->send)) < 0)
				break;
			typed++;
		}
	}
	close(fd);
	r.status = child_status(pid);
	r.out = buf_take(&screen);
	r.err = xstrdup(typed && typed->expect ? typed->expect : ""); /* what was never shown */
	free_args(argv);
	return r;
}

void ran_free(struct ran *r)
{
	free(r->out);
	free(r->err);
}

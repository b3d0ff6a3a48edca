#include "ctl/forward.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIES 100

static bool parse_port(const char *text, size_t n, int *port)
{
	char *word = xstrndup(text, n);
	int64_t value;
	bool ok = str_to_i64(word, 1, 65535, &value);

	if (ok)
		*port = (int)value;
	free(word);
	return ok;
}

int forward_parse(const char *text, struct forward_port *p, struct err *e)
{
	size_t local = strcspn(text, ":");
	const char *remote = text[local] ? text + local + 1 : text;

	if (parse_port(text, local, &p->local) && parse_port(remote, strlen(remote), &p->remote))
		return 0;
	return err_set(e, ERR_USAGE, "'%.64s' names no ports; write 8000, or 9000:8000 for port 9000 here and 8000 there", text);
}

static bool is_free(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	bool ok;

	if (fd < 0)
		return false;
	/* As ssh does: what a connection of a minute ago has left is no obstacle. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ok = bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
	close(fd);
	return ok;
}

int forward_free_port(int wanted)
{
	for (int port = wanted; port < wanted + TRIES && port <= 65535; port++)
		if (is_free(port))
			return port;
	return 0;
}

char **forward_argv(const struct login *l, const struct forward_port *ports, size_t count)
{
	char **argv = xcalloc(LOGIN_ARGS_MAX + 24 + 2 * count, sizeof(*argv));
	size_t n = 0;

	argv[n++] = xstrdup("ssh");
	n += login_options(l, argv + n);
	argv[n++] = xstrdup("-o");
	argv[n++] = xstrdup("ExitOnForwardFailure=yes");
	argv[n++] = xstrdup("-o");
	argv[n++] = xstrdup("ServerAliveInterval=15");
	argv[n++] = xstrdup("-o");
	argv[n++] = xstrdup("ServerAliveCountMax=4");
	argv[n++] = xstrdup("-N");
	for (size_t k = 0; k < count; k++) {
		argv[n++] = xstrdup("-L");
		argv[n++] = xasprintf("127.0.0.1:%d:127.0.0.1:%d", ports[k].local, ports[k].remote);
	}
	argv[n++] = xstrdup("-p");
	argv[n++] = xasprintf("%lld", (long long)json_int(l->where, "port", 22));
	argv[n++] = xstrdup("-l");
	argv[n++] = xstrdup(json_str(l->where, "user", ""));
	argv[n++] = xstrdup("--");
	argv[n++] = xstrdup(json_str(l->where, "address", ""));
	return argv;
}

pid_t forward_start(const struct login *l, const struct forward_port *port, struct err *e)
{
	char **argv = forward_argv(l, port, 1);
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() == parent)
			execvp(argv[0], argv);
		_exit(127);
	}
	for (size_t k = 0; argv[k]; k++)
		free(argv[k]);
	free(argv);
	if (pid < 0)
		err_errno(e, ERR_FAILED, "cannot run 'ssh'");
	return pid;
}

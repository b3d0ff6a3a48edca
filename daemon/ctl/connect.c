#include "ctl/connect.h"
#include "base/str.h"
#include "config/parse.h"
#include "config/paths.h"
#include "ctl/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DAEMON      "gpufleetd"
#define SOCKET_NAME "gpufleetd.sock"

/* ---- where ---- */

/* Two keys of the configuration are all a client needs; whether the rest is right is the daemon's business. */
static int read_keys(struct where *w, struct err *e)
{
	struct parse *p = parse_file(w->config, e);
	const struct node *socket, *state;

	if (!p)
		return -1;
	socket = node_get(parse_root(p), "socket");
	state = node_get(parse_root(p), "state_dir");
	if (socket && socket->kind == NODE_TEXT)
		str_copy(w->socket, socket->text);
	if (state && state->kind == NODE_TEXT)
		str_copy(w->state_dir, state->text);
	parse_free(p);
	return 0;
}

/* The first configuration there is. A file that somebody named must exist. */
static int find_config(struct where *w, const char *option, struct err *e)
{
	bool named = option != NULL;
	char *path;

	if (option && !str_copy(w->config, option))
		return err_set(e, ERR_USAGE, "the path in --config is too long");
	if (option && access(option, F_OK) < 0)
		return err_errno(e, ERR_USAGE, "cannot read '%s'", option);
	for (int n = 0; !option && (path = paths_config(n, &named)); n++) {
		bool there = access(path, F_OK) == 0;

		if (there)
			str_copy(w->config, path);
		else if (named)
			err_errno(e, ERR_USAGE, "cannot read '%s' (GPUFLEET_CONFIG)", path);
		free(path);
		if (there || named)
			return there ? 0 : -1;
	}
	return 0;
}

static int default_socket(struct where *w, struct err *e)
{
	char fallback[CONNECT_PATH_MAX];
	bool own_state = *w->state_dir;

	if (!own_state && paths_state_dir(w->state_dir, sizeof(w->state_dir), e) < 0)
		return -1;
	if (paths_socket(fallback, sizeof(fallback), w->state_dir, e) < 0)
		return -1;
	str_copy(w->socket, fallback);
	return 0;
}

static bool system_config(const struct where *w)
{
	return !strcmp(w->config, PATHS_SYSTEM_CONFIG);
}

int connect_where(struct where *w, const char *socket_option, const char *config_option, struct err *e)
{
	const char *env = getenv("GPUFLEET_SOCKET");
	const char *named = socket_option ? socket_option : env && *env ? env : NULL;

	*w = (struct where){ 0 };
	if (find_config(w, config_option, e) < 0)
		return -1;
	/* The system's file need not be readable to everybody who may use the system's daemon. */
	if (*w->config && read_keys(w, e) < 0 && !system_config(w) && !named)
		return -1;
	if (!*w->socket && system_config(w))
		str_copy(w->socket, PATHS_SYSTEM_SOCKET);
	if (!*w->state_dir && paths_state_dir(w->state_dir, sizeof(w->state_dir), e) < 0)
		return -1;
	if (!*w->socket && default_socket(w, e) < 0)
		return -1;
	w->startable = !system_config(w) || geteuid() == 0;
	if (named && strcmp(named, w->socket) != 0) {
		w->startable = false;
		if (!str_copy(w->socket, named))
			return err_set(e, ERR_USAGE, "the path of the socket is too long");
	} else if (!*w->config && access(w->socket, F_OK) < 0 && access(PATHS_SYSTEM_SOCKET, F_OK) == 0) {
		str_copy(w->socket, PATHS_SYSTEM_SOCKET);
		w->startable = false;
	}
	return paths_check_socket(w->socket, e);
}

/* ---- is it there ---- */

int connect_probe(const char *socket_path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, rc;

	if (!str_copy(sa.sun_path, socket_path))
		return ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	rc = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? errno : 0;
	close(fd);
	return rc;
}

/* ---- start ---- */

char *connect_daemon(void)
{
	const char *path = getenv("PATH");
	char self[CONNECT_PATH_MAX], *copy, *rest, *dir, *found = NULL;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		found = xasprintf("%s/" DAEMON, self);
		if (access(found, X_OK) == 0)
			return found;
		free(found);
	}
	copy = rest = xstrdup(path ? path : "/usr/local/bin:/usr/bin:/bin");
	for (found = NULL; !found && (dir = str_split(&rest, ":"));) {
		found = xasprintf("%s/" DAEMON, *dir ? dir : ".");
		if (access(found, X_OK) < 0) {
			free(found);
			found = NULL;
		}
	}
	free(copy);
	return found;
}

/* The last line that says something, without the program's name in front. */
static void last_words(struct buf *said, char *out, size_t size)
{
	char *rest = said->data, *line;
	struct buf safe = BUF(4096);

	str_copy_n(out, size, "it said nothing");
	while (rest && (line = str_split(&rest, "\n"))) {
		if (!*line)
			continue;
		if (str_starts(line, DAEMON ": "))
			line += strlen(DAEMON ": ");
		buf_reset(&safe);
		str_safe(&safe, line, strlen(line), false);
		str_copy_n(out, size, buf_str(&safe));
	}
	buf_free(&safe);
}

int connect_start(const struct where *w, struct err *e)
{
	char background[] = "--background", config[] = "--config", file[CONNECT_PATH_MAX], words[400];
	char *daemon = connect_daemon();
	char *argv[5] = { daemon, background, NULL };
	struct buf said = BUF(64 * 1024);
	int status;

	if (!daemon)
		return err_set(e, ERR_UNREACHABLE,
		    "no daemon runs at '%s', and " DAEMON " is neither next to gpufleetctl nor in PATH", w->socket);
	if (*w->config) {
		str_copy(file, w->config);
		argv[2] = config;
		argv[3] = file;
	}
	status = spawn_wait(argv, NULL, &said, e);
	if (status < 0) {
		err_wrap(e, "no daemon runs at '%s'", w->socket);
		e->code = ERR_UNREACHABLE;
	} else if (status > 0) {
		last_words(&said, words, sizeof(words));
		err_set(e, ERR_UNREACHABLE, "the daemon did not start: %s", words);
		status = -1;
	}
	buf_free(&said);
	free(daemon);
	return status;
}

int connect_ensure(const struct where *w, struct err *e)
{
	int no = connect_probe(w->socket);

	if (!no)
		return 0;
	if (no == EACCES || no == EPERM)
		return err_set(e, ERR_UNREACHABLE,
		    "you may not use the daemon's socket '%s'; ask its administrator to put you into a group named by 'roles'",
		    w->socket);
	if (w->startable && (no == ENOENT || no == ECONNREFUSED)) {
		if (connect_start(w, e) < 0)
			return -1;
		no = connect_probe(w->socket);
		if (!no)
			return 0;
		return err_set(e, ERR_UNREACHABLE, "the daemon was started and does not listen on '%s': %s", w->socket,
		    strerror(no));
	}
	errno = no;
	return err_errno(e, ERR_UNREACHABLE, "no daemon answers on '%s'", w->socket);
}

/*
 * The other way to a machine: the system's ssh, for hosts that libssh2 cannot reach (RSA host keys only, jump hosts, hardware
 * keys, certificates). The same states, the same queue, the same wrapper around commands as with libssh2; only the steps differ:
 *
 *	RESOLVING   a master is started: ssh -M -S SOCKET … 'echo …; exec cat', whose input stays open as long as we live
 *	AUTH        until it has said its word: then SOCKET is there, and the host key is in a known_hosts file of our own
 *	RUNNING     a second ssh -S SOCKET … COMMAND, whose pipes are ours
 *
 * When the daemon dies the master's input ends, and with it the master: nothing is left behind. One touch of a hardware key, one
 * login, serves all commands of a connection.
 */
#include "ssh_priv.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define HELLO "gf-open"

/* One process with its three pipes; lives until the loop has given all four back. */
struct child {
	struct ssh *ssh; /* NULL: nobody cares any more */
	uv_process_t process;
	uv_pipe_t pipe[3];
	uv_write_t write;
	int handles; /* not given back yet */
	bool master, over, ended[3];
	int status;
	char said[600]; /* the end of the master's standard error: why it does not work */
	size_t said_len;
	int64_t moved; /* of the command's input, when it was looked at last */
	bool hello;
};

struct spawned {
	struct child *master, *command;
	char path[64]; /* DIRECTORY/N, the beginning of the names of its files */
};

/* ---- files: a directory of the pool, for as long as it lives ---- */

static bool put_file(const char *path, const char *text, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = fd >= 0 && write(fd, text, n) == (ssize_t)n;

	if (fd >= 0)
		close(fd);
	return ok;
}

static const char *tail(const struct ssh *s, const char *end, char out[80])
{
	snprintf(out, 80, "%s.%s", s->spawned->path, end);
	return out;
}

static bool make_directory(struct ssh_pool *p)
{
	const char *base = getenv("RUNTIME_DIRECTORY");
	struct buf key = BUF(4096);
	char path[80];
	bool ok;

	if (*p->spawn_dir)
		return true;
	/* A socket's path has 108 bytes at the most. */
	snprintf(p->spawn_dir, sizeof(p->spawn_dir), "%s/gf-ssh-XXXXXX", base && strlen(base) < 24 ? base : "/tmp");
	if (!mkdtemp(p->spawn_dir)) {
		*p->spawn_dir = '\0';
		return false;
	}
	snprintf(path, sizeof(path), "%s/key", p->spawn_dir);
	ok = ssh_key_openssh(p->key, &key) == 0 && put_file(path, buf_str(&key), key.len);
	if (key.data)
		explicit_bzero(key.data, key.cap);
	buf_free(&key);
	return ok;
}

void ssh_spawn_forget(struct ssh_pool *p)
{
	char path[80];

	if (!*p->spawn_dir)
		return;
	snprintf(path, sizeof(path), "%s/key", p->spawn_dir);
	unlink(path);
	rmdir(p->spawn_dir);
}

/* ---- processes ---- */

static void put_child(uv_handle_t *h)
{
	struct child *c = h->data;

	if (--c->handles == 0)
		free(c);
}

static void close_pipe(struct child *c, int k)
{
	if (!uv_is_closing((uv_handle_t *)&c->pipe[k]))
		uv_close((uv_handle_t *)&c->pipe[k], put_child);
}

/* Nothing of it is heard any more. */
static void let_go(struct child **child)
{
	struct child *c = *child;

	if (!c)
		return;
	*child = NULL;
	c->ssh = NULL;
	for (int k = 0; k < 3; k++)
		close_pipe(c, k);
	if (!c->over)
		uv_process_kill(&c->process, SIGTERM);
}

static void master_ended(struct child *c);
static void command_ended(struct child *c);

static void look(struct child *c)
{
	if (!c->ssh || !c->over || !c->ended[1] || !c->ended[2])
		return;
	if (c->master)
		master_ended(c);
	else
		command_ended(c);
}

static void on_ended(uv_process_t *process, int64_t status, int sig)
{
	struct child *c = process->data;

	c->status = sig ? 255 : (int)status;
	c->over = true;
	uv_close((uv_handle_t *)process, put_child);
	look(c);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *out)
{
	struct child *c = h->data;

	(void)size;
	*out = c->ssh ? uv_buf_init(c->ssh->pool->scratch, sizeof(c->ssh->pool->scratch)) : uv_buf_init(NULL, 0);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b);

/* `in`: a descriptor for its standard input, or -1: a pipe. NULL: it cannot be started. */
static struct child *child_start(struct ssh *s, bool master, const char *const *args, int in)
{
	static const char *const kept[] = { "HOME", "PATH", "USER", "LOGNAME", "LANG", "TMPDIR", "SSH_AUTH_SOCK" };
	struct child *c = xcalloc(1, sizeof(*c));
	uv_stdio_container_t stdio[3];
	char *env[ARRAY_LEN(kept) + 1];
	size_t n = 0;
	int rc;

	/* No token of a provider goes along. */
	for (size_t k = 0; k < ARRAY_LEN(kept); k++)
		if (getenv(kept[k]))
			env[n++] = xasprintf("%s=%s", kept[k], getenv(kept[k]));
	env[n] = NULL;
	c->ssh = s;
	c->master = master;
	for (int k = 0; k < 3; k++) {
		uv_pipe_init(s->pool->loop, &c->pipe[k], 0);
		c->pipe[k].data = c;
		stdio[k] = (uv_stdio_container_t){ .flags = UV_CREATE_PIPE | (k ? UV_WRITABLE_PIPE : UV_READABLE_PIPE),
			.data.stream = (uv_stream_t *)&c->pipe[k] };
	}
	if (in >= 0)
		stdio[0] = (uv_stdio_container_t){ .flags = UV_INHERIT_FD, .data.fd = in };
	c->process.data = c;
	c->handles = 4;
	rc = uv_spawn(s->pool->loop, &c->process, &(uv_process_options_t){ .file = "ssh", .args = (char **)(uintptr_t)args, .env = env,
	    .exit_cb = on_ended, .flags = UV_PROCESS_DETACHED, .stdio = stdio, .stdio_count = 3 });
	while (n)
		free(env[--n]);
	if (rc < 0) {
		c->ssh = NULL;
		uv_close((uv_handle_t *)&c->process, put_child);
		for (int k = 0; k < 3; k++)
			close_pipe(c, k);
		snprintf(s->message, sizeof(s->message), "the system's ssh cannot be started: %s", uv_strerror(rc));
		return NULL;
	}
	if (in >= 0)
		close_pipe(c, 0);
	uv_read_start((uv_stream_t *)&c->pipe[1], on_alloc, on_read);
	uv_read_start((uv_stream_t *)&c->pipe[2], on_alloc, on_read);
	return c;
}

/* ---- the master ---- */

/* What a person may have configured is in a file that they named; what must hold is said here and wins. */
static void master_start(struct ssh *s)
{
	const struct ssh_target *t = &s->target;
	char known[80], control[80], key[80], known_opt[110], port[12], user[40];
	struct buf line = BUF(2048);
	const char *args[64];
	size_t n = 0;

	if (!make_directory(s->pool)) {
		ssh_fail(s, SSH_REFUSED, "no directory for the system's ssh can be made below /tmp");
		return;
	}
	snprintf(s->spawned->path, sizeof(s->spawned->path), "%s/%d", s->pool->spawn_dir, ++s->pool->spawn_count);
	if (*t->host_key)
		buf_printf(&line, "gpufleet %s\n", t->host_key);
	if (!put_file(tail(s, "known", known), buf_str(&line), line.len)) {
		buf_free(&line);
		ssh_fail(s, SSH_REFUSED, "cannot write '%s'", known);
		return;
	}
	buf_free(&line);
	snprintf(known_opt, sizeof(known_opt), "UserKnownHostsFile=%s", known);
	snprintf(key, sizeof(key), "%s/key", s->pool->spawn_dir);
	snprintf(port, sizeof(port), "%d", t->port);
	snprintf(user, sizeof(user), "%s", t->user);
	args[n++] = "ssh";
	args[n++] = "-F";
	args[n++] = *t->config ? t->config : "none";
	args[n++] = "-M";
	args[n++] = "-S";
	args[n++] = tail(s, "ctl", control);
	args[n++] = "-i";
	args[n++] = key;
	static const char *const always[] = { "BatchMode=yes", "ControlPersist=no", "HostKeyAlias=gpufleet", "HashKnownHosts=no",
		"GlobalKnownHostsFile=/dev/null", "UpdateHostKeys=no", "CheckHostIP=no", "ForwardAgent=no", "ForwardX11=no",
		"ClearAllForwardings=yes", "PermitLocalCommand=no", "RequestTTY=no", "ServerAliveInterval=15", "ServerAliveCountMax=4",
		"ConnectTimeout=10", "LogLevel=ERROR" };
	for (size_t k = 0; k < ARRAY_LEN(always); k++) {
		args[n++] = "-o";
		args[n++] = always[k];
	}
	args[n++] = "-o";
	args[n++] = known_opt;
	args[n++] = "-o";
	args[n++] = *t->host_key ? "StrictHostKeyChecking=yes" : "StrictHostKeyChecking=accept-new";
	args[n++] = "-p";
	args[n++] = port;
	args[n++] = "-l";
	args[n++] = user;
	args[n++] = "--";
	args[n++] = t->address;
	args[n++] = "echo " HELLO "; exec cat >/dev/null";
	args[n] = NULL;
	if (n >= ARRAY_LEN(args))
		BUG("%zu words for ssh", n);
	s->spawned->master = child_start(s, true, args, -1);
	if (!s->spawned->master) {
		ssh_fail(s, SSH_REFUSED, "%s", s->message);
		return;
	}
	ssh_set_state(s, ST_AUTH);
}

/* The key that the master met: the line it wrote, or the one that it found. */
static void learn_key(struct ssh *s)
{
	char path[80], text[1024], *rest = text, *line, *key;
	int fd = open(tail(s, "known", path), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	line = str_split(&rest, "\n");
	key = line ? strchr(line, ' ') : NULL;
	str_copy(s->host_key, key ? key + 1 : s->target.host_key);
}

static void hello(struct child *c, const char *data, size_t n)
{
	struct ssh *s = c->ssh;

	if (c->hello || !memmem(data, n, HELLO, strlen(HELLO)))
		return;
	c->hello = true;
	learn_key(s);
	ssh_set_state(s, ST_IDLE);
	ssh_logged_in(s);
}

static bool says(const struct child *c, const char *what)
{
	return memmem(c->said, c->said_len, what, strlen(what)) != NULL;
}

static void master_ended(struct child *c)
{
	struct ssh *s = c->ssh;
	enum ssh_outcome outcome = s->reported ? SSH_LOST : says(c, "Host key verification failed") ? SSH_HOST_KEY :
	    says(c, "Permission denied") || says(c, "Too many authentication failures") ? SSH_AUTH :
	    says(c, "no matching") || says(c, "Bad configuration") || says(c, "Can't open user config") ? SSH_REFUSED : SSH_UNREACHABLE;
	struct buf safe = BUF(160);
	const char *last = c->said;

	c->said[c->said_len] = '\0';
	for (const char *line = c->said; (line = strchr(line, '\n')) && line[1];)
		last = ++line;
	str_safe(&safe, last, strcspn(last, "\r\n"), false);
	ssh_fail(s, outcome, "%s: ssh: %s", s->target.address, safe.len ? buf_str(&safe) : "it ended without a word");
	buf_free(&safe);
}

/* ---- a command ---- */

static void on_written(uv_write_t *w, int status)
{
	struct child *c = w->data;

	(void)status; /* a command that does not read its input says so by its own status */
	close_pipe(c, 0);
}

static void command_start(struct ssh *s)
{
	struct command *cmd = s->current;
	char control[80];
	const char *args[] = { "ssh", "-F", "none", "-S", tail(s, "ctl", control), "-o", "ControlMaster=no", "-o", "BatchMode=yes", "-o",
		"LogLevel=QUIET", "-o", "ProxyCommand=false", "-T", "--", "gpufleet", cmd->line, NULL };
	struct child *c = child_start(s, false, args, cmd->fd);

	s->spawned->command = c;
	if (!c) {
		ssh_set_state(s, ST_IDLE);
		ssh_command_done(s, SSH_REFUSED, "%s", s->message);
		return;
	}
	ssh_set_state(s, ST_RUNNING);
	if (cmd->fd >= 0)
		return;
	if (cmd->input_len) {
		uv_buf_t b = uv_buf_init(cmd->input, (unsigned)cmd->input_len);

		c->write.data = c;
		if (uv_write(&c->write, (uv_stream_t *)&c->pipe[0], &b, 1, on_written) == 0)
			return;
	}
	close_pipe(c, 0);
}

static void next_command(struct ssh *s)
{
	let_go(&s->spawned->command);
	ssh_set_state(s, ST_IDLE);
	if (!list_empty(&s->commands))
		ssh_kick(s);
}

/* It ended without our trailers: 255 is ssh's own word for a connection that went, or for a shell that a signal ended. */
static void command_ended(struct child *c)
{
	struct ssh *s = c->ssh;
	bool began = s->current->frame[0].phase != FRAME_BEFORE || s->current->frame[1].phase != FRAME_BEFORE;
	int status = c->status;

	next_command(s);
	if (began && status != 255)
		ssh_command_finish(s, status);
	else if (began || status == 255)
		ssh_command_done(s, SSH_LOST, "the command at %s ended without a status", s->target.address);
	else
		ssh_command_done(s, SSH_REFUSED, "%s does not run commands through a POSIX shell", s->target.address);
}

static void command_read(struct ssh *s, enum ssh_stream stream, const char *data, size_t n)
{
	struct command *c = s->current;

	c->moved = s->last_read = ssh_now(s);
	if (!ssh_command_feed(s, stream, data, n))
		return;
	if (c->frame[0].phase == FRAME_ENDED && c->frame[1].phase == FRAME_ENDED) {
		next_command(s);
		ssh_command_finish(s, c->frame[1].status);
	} else if (c->received > c->max_output + 4096) {
		next_command(s);
		ssh_command_cut(s);
	}
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
	struct child *c = stream->data;
	int k = (int)((uv_pipe_t *)stream - c->pipe);

	if (!c->ssh || !n)
		return;
	if (n < 0) {
		c->ended[k] = true;
		close_pipe(c, k);
		look(c);
		return;
	}
	c->ssh->last_read = ssh_now(c->ssh);
	if (!c->master) {
		command_read(c->ssh, k == 1 ? SSH_STDOUT : SSH_STDERR, b->base, (size_t)n);
	} else if (k == 1) {
		hello(c, b->base, (size_t)n);
	} else {
		size_t most = sizeof(c->said) - 1, take = (size_t)n < most ? (size_t)n : most;
		size_t keep = c->said_len < most - take ? c->said_len : most - take;

		memmove(c->said, c->said + c->said_len - keep, keep);
		memcpy(c->said + keep, b->base + n - take, take);
		c->said_len = keep + take;
	}
}

/* ---- what ssh.c calls ---- */

/* A file is read by the process itself, at the offset that we share with it. */
void ssh_spawn_quiet(struct ssh *s)
{
	struct child *c = s->spawned->command;
	struct command *cmd = s->current;
	int64_t at;

	s->last_read = ssh_now(s); /* ServerAliveInterval looks after the silence */
	if (!c || !cmd)
		return;
	at = cmd->fd >= 0 ? (int64_t)lseek(cmd->fd, 0, SEEK_CUR) :
	    (int64_t)(cmd->input_len - uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe[0]));
	if (at != c->moved)
		cmd->moved = ssh_now(s);
	c->moved = at;
}

void ssh_spawn_open(struct ssh *s)
{
	s->spawned = xcalloc(1, sizeof(*s->spawned));
}

enum step ssh_spawn_step(struct ssh *s)
{
	if (s->state == ST_RESOLVING)
		master_start(s);
	else if (s->state == ST_IDLE && !list_empty(&s->commands))
		return ssh_step_idle(s); /* to OPENING */
	else if (s->state == ST_OPENING)
		command_start(s);
	return STEP_WAIT;
}

void ssh_spawn_stop(struct ssh *s)
{
	static const char *const files[] = { "known", "ctl" };
	char path[80];

	let_go(&s->spawned->command);
	let_go(&s->spawned->master);
	for (size_t k = 0; k < ARRAY_LEN(files) && *s->spawned->path; k++)
		unlink(tail(s, files[k], path));
	s->spawned->path[0] = '\0';
}

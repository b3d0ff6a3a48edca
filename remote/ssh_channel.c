/*
 * One command over one channel:
 *
 *	IDLE ─command queued─→ OPENING ─→ STARTING ─→ RUNNING ─both trailers──────→ CLOSING ─→ IDLE
 *	                                    │            │  └──end without them─→ ENDING ──┘
 *	                                    └─refused────┴──too much output──────→ CLOSING
 *
 * RUNNING moves input and both outputs until none of them gets anywhere and nothing more comes from the socket: each of these
 * calls takes in packets meant for the others (a window that opens, data of the other stream), and the loop would not wake us
 * for what is already inside the library. The result is reported on the way into CLOSING; the goodbye of the channel costs the
 * caller nothing.
 */
#include "ssh_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW     (1024u * 1024)
#define TURN_WRITE ((size_t)512 * 1024)
#define CHUNK      ((size_t)32 * 1024) /* libssh2 sends at most 32,700 bytes per call */
#define OUTPUT_MAX ((size_t)1024 * 1024)
#define IDLE_MAX   (60 * SECOND)

void command_free(struct command *c)
{
	if (!c)
		return;
	if (c->input) {
		explicit_bzero(c->input, c->input_len);
		free(c->input);
	}
	if (c->fd >= 0)
		close(c->fd);
	frame_free(&c->frame[0]);
	frame_free(&c->frame[1]);
	free(c->chunk);
	free(c->input_file);
	free(c->line);
	free(c);
}

static struct command *command_new(const struct ssh_command *from)
{
	struct command *c = xcalloc(1, sizeof(*c));
	struct buf line = BUF(SSH_COMMAND_MAX);

	list_init(&c->link);
	c->fd = -1;
	frame_make_nonce(c->nonce);
	frame_wrap(&line, c->nonce, from->command);
	c->too_long = line.overflow;
	c->line = buf_take(&line);
	if (from->input_len) {
		c->input = xmalloc(from->input_len);
		memcpy(c->input, from->input, from->input_len);
		c->input_len = from->input_len;
	}
	c->input_file = xstrdup(from->input_file);
	c->max_output = from->max_output ? from->max_output : OUTPUT_MAX;
	c->idle_limit = from->idle_limit > 0 ? from->idle_limit : IDLE_MAX;
	c->total_limit = from->total_limit;
	frame_init(&c->frame[0]);
	frame_init(&c->frame[1]);
	c->output = from->output;
	c->done = from->done;
	c->arg = from->arg;
	return c;
}

void ssh_exec(struct ssh *s, const struct ssh_command *from)
{
	if (s->closed)
		BUG("ssh_exec on a connection that was closed");
	list_append(&s->commands, &command_new(from)->link);
	if (s->state == ST_IDLE || s->state == ST_DEAD)
		ssh_kick(s);
}

void ssh_command_done(struct ssh *s, enum ssh_outcome outcome, const char *fmt, ...)
{
	struct command *c = s->current;
	va_list ap;

	s->current = NULL;
	c->exit.outcome = outcome;
	va_start(ap, fmt);
	vsnprintf(c->exit.message, sizeof(c->exit.message), fmt, ap);
	va_end(ap);
	if (c->done)
		c->done(c->arg, &c->exit);
	command_free(c);
}

/* ---- beginning ---- */

static bool open_input(struct ssh *s, struct command *c)
{
	struct stat st;

	if (!c->input_file)
		return true;
	c->fd = open(c->input_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (c->fd >= 0 && (fstat(c->fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(c->fd);
		c->fd = -1;
		errno = EINVAL;
	}
	if (c->fd < 0) {
		ssh_command_done(
		    s, SSH_REFUSED, "cannot read '%s': %s", c->input_file, strerror(errno));
		return false;
	}
	c->chunk = xmalloc(CHUNK);
	c->input_len = 0;
	return true;
}

enum step ssh_step_idle(struct ssh *s)
{
	struct command *c;
	char byte;
	ssize_t n;

	if (list_empty(&s->commands)) {
		/* Nothing to read for: look whether the other side went away, leave what it sent for later. */
		n = recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return ssh_fail(s, SSH_LOST, "%s closed the connection", s->target.address);
		s->unread = n > 0;
		return STEP_WAIT;
	}
	s->unread = false;
	c = CONTAINER_OF(s->commands.next, struct command, link);
	list_remove(&c->link);
	s->current = c;
	if (c->too_long) {
		ssh_command_done(
		    s, SSH_REFUSED, "the command is longer than %d bytes", SSH_COMMAND_MAX);
		return s->closed ? STEP_WAIT : STEP_NEXT;
	}
	if (!open_input(s, c))
		return s->closed ? STEP_WAIT : STEP_NEXT;
	c->began = c->moved = s->last_read = s->last_keepalive = ssh_now(s);
	ssh_set_state(s, ST_OPENING);
	return STEP_NEXT;
}

static enum step lost(struct ssh *s)
{
	char why[TEXT_MAX];

	return ssh_fail(s, SSH_LOST, "lost %s: %s", s->target.address, ssh_session_error(s, why));
}

enum step ssh_step_open(struct ssh *s)
{
	s->channel = libssh2_channel_open_ex(
	    s->session, "session", 7, WINDOW, LIBSSH2_CHANNEL_PACKET_DEFAULT, NULL, 0);
	if (s->channel) {
		ssh_set_state(s, ST_STARTING);
		return STEP_NEXT;
	}
	if (libssh2_session_last_errno(s->session) == LIBSSH2_ERROR_EAGAIN)
		return STEP_WAIT;
	if (libssh2_session_last_errno(s->session) != LIBSSH2_ERROR_CHANNEL_FAILURE)
		return lost(s);
	ssh_set_state(s, ST_IDLE);
	ssh_command_done(s, SSH_REFUSED, "%s refuses to open a session", s->target.address);
	return s->closed ? STEP_WAIT : STEP_NEXT;
}

enum step ssh_step_start(struct ssh *s)
{
	struct command *c = s->current;
	int rc = libssh2_channel_process_startup(
	    s->channel, "exec", 4, c->line, (unsigned)strlen(c->line));

	if (rc == LIBSSH2_ERROR_EAGAIN)
		return STEP_WAIT;
	if (!rc) {
		ssh_set_state(s, ST_RUNNING);
		return STEP_NEXT;
	}
	if (rc != LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED && rc != LIBSSH2_ERROR_SOCKET_NONE)
		return lost(s);
	ssh_set_state(s, ST_CLOSING);
	if (!c->retried) {
		c->retried = true;
		return STEP_NEXT; /* closing finds the command still current and opens again */
	}
	ssh_command_done(s, SSH_REFUSED, "%s refuses to run commands", s->target.address);
	return s->closed ? STEP_WAIT : STEP_NEXT;
}

/* ---- running ---- */

static bool may(const struct ssh *s, enum call call)
{
	return s->pending == CALL_ANY || s->pending == call;
}

/* Remember a call that left half a packet behind. */
static void called(struct ssh *s, enum call call, ssize_t rc)
{
	bool half = rc == LIBSSH2_ERROR_EAGAIN &&
		    (libssh2_session_block_directions(s->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND);

	s->pending = half ? call : CALL_ANY;
}

static void take_data(void *arg, const char *data, size_t n, enum ssh_stream stream)
{
	struct ssh *s = arg;

	if (!s->closed && s->current->output)
		s->current->output(s->current->arg, stream, data, n);
}

static void take_stdout(void *arg, const char *data, size_t n)
{
	take_data(arg, data, n, SSH_STDOUT);
}

static void take_stderr(void *arg, const char *data, size_t n)
{
	take_data(arg, data, n, SSH_STDERR);
}

static void take_noise(void *arg, const char *data, size_t n)
{
	struct ssh *s = arg;
	struct command *c = s->current;
	size_t room = sizeof(c->noise) - c->noise_len;

	if (n > room)
		n = room;
	memcpy(c->noise + c->noise_len, data, n);
	c->noise_len += n;
}

bool ssh_command_feed(struct ssh *s, enum ssh_stream stream, const char *data, size_t n)
{
	struct command *c = s->current;

	c->received += n;
	frame_feed(&c->frame[stream], c->nonce, data, n, stream == SSH_STDOUT ? take_stdout : take_stderr, take_noise, s);
	return !s->closed;
}

/* 1: moved, 0: nothing there, -1: connection gone or closed. */
static int pump_output(struct ssh *s, enum ssh_stream stream)
{
	struct command *c = s->current;
	enum call call = stream == SSH_STDOUT ? CALL_STDOUT : CALL_STDERR;
	ssize_t n;

	if (!may(s, call))
		return 0;
	n = libssh2_channel_read_ex(s->channel, stream == SSH_STDOUT ? 0 : SSH_EXTENDED_DATA_STDERR,
	    s->pool->scratch, sizeof(s->pool->scratch));
	called(s, call, n);
	if (n == LIBSSH2_ERROR_EAGAIN || n == 0)
		return 0;
	if (n < 0) {
		lost(s);
		return -1;
	}
	c->moved = ssh_now(s);
	return ssh_command_feed(s, stream, s->pool->scratch, (size_t)n) ? 1 : -1;
}

/* Fill what is written next; false when there is nothing more or the file cannot be read (which ends the command). */
static bool refill(struct ssh *s, struct command *c)
{
	ssize_t n;

	if (c->input_at < c->input_len)
		return true;
	if (c->fd < 0) {
		c->input_ended = true;
		return false;
	}
	n = read(c->fd, c->chunk, CHUNK);
	if (n < 0) {
		ssh_set_state(s, ST_CLOSING);
		ssh_command_done(
		    s, SSH_REFUSED, "cannot read '%s': %s", c->input_file, strerror(errno));
		return false;
	}
	c->input_at = 0;
	c->input_len = (size_t)n;
	c->input_ended = n == 0;
	return n > 0;
}

static int pump_eof(struct ssh *s)
{
	int rc;

	if (s->current->eof_sent || !may(s, CALL_EOF))
		return 0;
	rc = libssh2_channel_send_eof(s->channel);
	called(s, CALL_EOF, rc);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return 0;
	if (rc < 0) {
		lost(s);
		return -1;
	}
	s->current->eof_sent = true;
	return 1;
}

static int pump_input(struct ssh *s, size_t *budget)
{
	struct command *c = s->current;
	ssize_t n;

	if (!may(s, CALL_WRITE) || c->input_ended)
		return c->input_ended ? pump_eof(s) : 0;
	if (!*budget && s->pending != CALL_WRITE) {
		s->more_input = true;
		return 0;
	}
	if (!refill(s, c))
		return s->closed || s->state != ST_RUNNING ? -1 : 1;
	n = libssh2_channel_write_ex(s->channel, 0, (c->fd < 0 ? c->input : c->chunk) + c->input_at,
	    c->input_len - c->input_at);
	called(s, CALL_WRITE, n);
	if (n == LIBSSH2_ERROR_EAGAIN || n == 0)
		return 0;
	if (n < 0) {
		lost(s);
		return -1;
	}
	c->moved = ssh_now(s);
	c->input_at += (size_t)n;
	*budget -= (size_t)n < *budget ? (size_t)n : *budget;
	return 1;
}

void ssh_command_finish(struct ssh *s, int status)
{
	static const char *const names[] = { "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS",
		"FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM" };
	struct command *c = s->current;
	int sig = status - 128;

	c->exit.status = status;
	if (sig > 0 && (size_t)sig < ARRAY_LEN(names))
		str_copy(c->exit.signal, names[sig]);
	else if (sig == 24 || sig == 25)
		str_copy(c->exit.signal, sig == 24 ? "XCPU" : "XFSZ");
	ssh_command_done(s, SSH_OK, "%s", "");
}

void ssh_command_cut(struct ssh *s)
{
	s->current->exit.cut = true;
	ssh_command_done(s, SSH_REFUSED, "more than %zu bytes of output", s->current->max_output);
}

static enum step finish(struct ssh *s, int status)
{
	ssh_set_state(s, ST_CLOSING);
	ssh_command_finish(s, status);
	return s->closed ? STEP_WAIT : STEP_NEXT;
}

static enum step cut(struct ssh *s)
{
	ssh_set_state(s, ST_CLOSING);
	ssh_command_cut(s);
	return s->closed ? STEP_WAIT : STEP_NEXT;
}

static int pump(struct ssh *s, size_t *budget)
{
	int in, out = 0, err = 0;

	in = pump_input(s, budget);
	if (in >= 0)
		out = pump_output(s, SSH_STDOUT);
	if (in >= 0 && out >= 0)
		err = pump_output(s, SSH_STDERR);
	if (in < 0 || out < 0 || err < 0)
		return -1;
	return in + out + err;
}

enum step ssh_step_run(struct ssh *s)
{
	struct command *c = s->current;
	size_t budget = TURN_WRITE, before;
	int moved;

	s->more_input = false;
	do {
		before = s->read_total;
		moved = pump(s, &budget);
		if (moved < 0)
			return s->closed || s->state == ST_DEAD ? STEP_WAIT : STEP_NEXT;
		if (c->frame[0].phase == FRAME_ENDED && c->frame[1].phase == FRAME_ENDED &&
		    s->pending == CALL_ANY)
			return finish(s, c->frame[1].status);
		/* The marks of ours are not the command's output. */
		if (c->received > c->max_output + 4096 && s->pending == CALL_ANY)
			return cut(s);
	} while (moved > 0 || s->read_total != before);
	if (s->pending != CALL_ANY || libssh2_channel_eof(s->channel) != 1)
		return STEP_WAIT;
	ssh_set_state(s, ST_ENDING);
	return STEP_NEXT;
}

/* ---- end ---- */

static void take_signal(struct ssh *s)
{
	char *name = NULL;
	size_t len = 0;

	libssh2_channel_get_exit_signal(s->channel, &name, &len, NULL, NULL, NULL, NULL);
	if (name) {
		for (size_t i = 0; i < len; i++)
			if (name[i] < 'A' || name[i] > 'Z')
				len = 0;
		snprintf(s->current->exit.signal, sizeof(s->current->exit.signal), "%.*s", (int)len,
		    name);
		libssh2_free(s->session, name);
	}
}

/* The channel ended cleanly but not through our wrapper: the shell itself was killed, or there is none. */
static void ended_without_trailer(struct ssh *s)
{
	struct command *c = s->current;
	struct buf noise = BUF(200);
	int status = libssh2_channel_get_exit_status(s->channel);

	take_signal(s);
	c->exit.status = status & 255;
	for (int i = 0; i < 2; i++)
		if (c->frame[i].phase == FRAME_ENDED)
			c->exit.status = c->frame[i].status;
	str_safe(&noise, c->noise, c->noise_len > 40 ? 40 : c->noise_len, false);
	if (c->frame[0].phase == FRAME_BEFORE && c->frame[1].phase == FRAME_BEFORE &&
	    !c->exit.signal[0])
		ssh_command_done(s, SSH_REFUSED,
		    "%s does not run commands through a POSIX shell%s%s", s->target.address,
		    noise.len ? ": " : "", buf_str(&noise));
	else if (c->exit.signal[0] || status || c->frame[0].phase == FRAME_ENDED ||
		 c->frame[1].phase == FRAME_ENDED)
		ssh_command_done(s, SSH_OK, "%s", "");
	else
		ssh_command_done(
		    s, SSH_LOST, "the command at %s ended without a status", s->target.address);
	buf_free(&noise);
}

enum step ssh_step_end(struct ssh *s)
{
	int rc = libssh2_channel_close(s->channel);

	if (!rc)
		rc = libssh2_channel_wait_closed(s->channel);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return STEP_WAIT;
	if (rc && s->io_ended)
		return lost(s);
	ssh_set_state(s, ST_CLOSING);
	ended_without_trailer(s);
	return s->closed ? STEP_WAIT : STEP_NEXT;
}

enum step ssh_step_close(struct ssh *s)
{
	int rc = libssh2_channel_free(s->channel);

	if (rc == LIBSSH2_ERROR_EAGAIN)
		return STEP_WAIT;
	s->channel = NULL;
	if (s->io_ended)
		return lost(s);
	ssh_set_state(s, s->current ? ST_OPENING : ST_IDLE);
	return STEP_NEXT;
}

/*
 * libssh2 formats the request on its stack, so it must go out whole: only when no packet is half sent and the socket has room.
 */
void ssh_keepalive(struct ssh *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };
	int next;

	if (s->spawned) {
		ssh_spawn_quiet(s);
		return;
	}
	if (s->state != ST_RUNNING || s->pending != CALL_ANY || poll(&p, 1, 0) != 1 ||
	    !(p.revents & POLLOUT))
		return;
	libssh2_keepalive_config(s->session, 1, 1);
	libssh2_keepalive_send(s->session, &next);
}

/*
 * The engine under the steps: what the loop is asked to watch, what happens when time is up, how a connection ends.
 */
#include "ssh_priv.h"

#include <unistd.h>

uint64_t ssh_now(const struct ssh *s)
{
	return uv_now(s->pool->loop);
}

/* ---- the machine ---- */

static void arm_timer(struct ssh *s);
static void flush_dead(struct ssh *s);

void ssh_set_state(struct ssh *s, enum state to)
{
	s->state = to;
	s->phase_began = ssh_now(s);
}

/* The one place where what libssh2 waits for becomes what the loop watches. */
static int wanted(struct ssh *s)
{
	int dirs;

	if (s->state == ST_CONNECTING)
		return UV_WRITABLE;
	if (s->state == ST_IDLE)
		return s->unread ? UV_DISCONNECT : UV_READABLE | UV_DISCONNECT;
	dirs = libssh2_session_block_directions(s->session);
	if (s->pending != CALL_ANY)
		return UV_WRITABLE; /* nothing may be read before the half packet is out: readable data would only spin */
	return (dirs & LIBSSH2_SESSION_BLOCK_OUTBOUND || s->more_input ? UV_WRITABLE : 0) |
	       (dirs & LIBSSH2_SESSION_BLOCK_INBOUND || s->state == ST_RUNNING ||
			   !(dirs & LIBSSH2_SESSION_BLOCK_OUTBOUND)
		       ? UV_READABLE
		       : 0);
}

static void on_poll(uv_poll_t *handle, int status, int events);

static void arm(struct ssh *s)
{
	int events;

	arm_timer(s);
	if (!s->poller)
		return;
	events = wanted(s);
	if (events == s->events)
		return;
	s->events = events;
	uv_poll_start(&s->poller->handle, events, on_poll);
}

static enum step step(struct ssh *s)
{
	if (s->spawned && s->state != ST_DEAD)
		return ssh_spawn_step(s);
	switch (s->state) {
	case ST_WAITING: return STEP_WAIT;
	case ST_RESOLVING: return s->resolver ? STEP_WAIT : ssh_step_resolve(s);
	case ST_PAUSED: return STEP_WAIT;
	case ST_CONNECTING: return ssh_step_connect(s);
	case ST_HANDSHAKE: return ssh_step_handshake(s);
	case ST_AUTH: return ssh_step_auth(s);
	case ST_IDLE: return ssh_step_idle(s);
	case ST_OPENING: return ssh_step_open(s);
	case ST_STARTING: return ssh_step_start(s);
	case ST_RUNNING: return ssh_step_run(s);
	case ST_ENDING: return ssh_step_end(s);
	case ST_CLOSING: return ssh_step_close(s);
	case ST_DEAD: flush_dead(s); return STEP_WAIT;
	}
	return STEP_WAIT;
}

void ssh_drive(struct ssh *s)
{
	s->read_turn = 0;
	while (!s->closed && step(s) == STEP_NEXT)
		;
	if (!s->closed && s->state != ST_DEAD)
		arm(s);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct ssh *s = CONTAINER_OF(handle, struct poller, handle)->ssh;

	(void)status; /* an error shows in the next read or write, with its reason */
	if (!s)
		return;
	if (s->state == ST_IDLE && (events & UV_DISCONNECT) && list_empty(&s->commands))
		ssh_fail(s, SSH_LOST, "%s closed the connection", s->target.address);
	else
		ssh_drive(s);
}

void ssh_logged_in(struct ssh *s)
{
	ssh_pool_shook(s);
	s->reported = true;
	if (!list_empty(&s->commands))
		ssh_kick(s);
	s->opened(s->opened_arg, SSH_OK, "", s->host_key);
}

/* ---- time ---- */

static uint64_t in_ms(duration d)
{
	return (uint64_t)(d / MSEC);
}

static duration phase_limit(const struct ssh *s)
{
	const struct ssh_limits *l = &s->pool->limits;

	switch (s->state) {
	case ST_PAUSED: return s->pause;
	case ST_RESOLVING:
	case ST_CONNECTING: return l->connect;
	case ST_HANDSHAKE: return l->handshake;
	case ST_AUTH: return s->spawned ? 3 * l->auth : l->auth; /* somebody may have to touch a key */
	case ST_OPENING:
	case ST_STARTING:
	case ST_ENDING:
	case ST_CLOSING: return l->channel;
	case ST_WAITING:
	case ST_IDLE:
	case ST_RUNNING:
	case ST_DEAD: return 0;
	}
	return 0;
}

/* The next moment at which something about a running command must be looked at. */
static uint64_t command_due(const struct ssh *s)
{
	const struct command *c = s->current;
	uint64_t due = c->moved + in_ms(c->idle_limit), other;

	other = s->last_read + in_ms(s->pool->limits.silence);
	due = other < due ? other : due;
	other = (s->last_keepalive > s->last_read ? s->last_keepalive : s->last_read) +
		in_ms(s->pool->limits.keepalive);
	due = other < due ? other : due;
	if (c->total_limit) {
		other = c->began + in_ms(c->total_limit);
		due = other < due ? other : due;
	}
	return due;
}

static void check_command(struct ssh *s)
{
	struct command *c = s->current;
	uint64_t now = ssh_now(s);

	if (c->total_limit && now >= c->began + in_ms(c->total_limit)) {
		ssh_fail(s, SSH_LOST, "the command at %s took longer than %lld s",
		    s->target.address, (long long)(c->total_limit / SECOND));
	} else if (now >= s->last_read + in_ms(s->pool->limits.silence)) {
		ssh_fail(s, SSH_LOST, "%s has been silent for %lld s", s->target.address,
		    (long long)(s->pool->limits.silence / SECOND));
	} else if (now >= c->moved + in_ms(c->idle_limit)) {
		ssh_fail(s, SSH_LOST, "the command at %s moved no byte for %lld s",
		    s->target.address, (long long)(c->idle_limit / SECOND));
	} else if (now >= s->last_keepalive + in_ms(s->pool->limits.keepalive) &&
		   now >= s->last_read + in_ms(s->pool->limits.keepalive)) {
		s->last_keepalive = now;
		ssh_keepalive(s);
	}
}

static void phase_over(struct ssh *s)
{
	static const char *const doing[] = { "waiting", "looking up the name of", "pausing before",
		"connecting to", "ssh key exchange with", "login at", "idle",
		"opening a session at", "starting a command at", "running a command at",
		"ending a command at", "closing a session at", "dead" };

	if (s->state == ST_PAUSED) {
		ssh_set_state(s, ST_CONNECTING);
		ssh_drive(s);
		return;
	}
	if (s->state == ST_CONNECTING && s->address->ai_next) {
		ssh_next_address(s, "timed out");
		ssh_drive(s);
		return;
	}
	ssh_fail(s, s->state < ST_IDLE ? SSH_UNREACHABLE : SSH_LOST, "%s %s port %d timed out",
	    doing[s->state], s->target.address, s->target.port);
}

static void on_timer(uv_timer_t *timer)
{
	struct ssh *s = timer->data;
	duration limit = phase_limit(s);

	if (s->closed || s->state == ST_DEAD)
		return;
	if (s->state == ST_RUNNING)
		check_command(s);
	else if (limit && ssh_now(s) >= s->phase_began + in_ms(limit))
		phase_over(s);
	if (!s->closed && s->state != ST_DEAD)
		arm_timer(s);
}

static void arm_timer(struct ssh *s)
{
	duration limit = phase_limit(s);
	uint64_t due, now = ssh_now(s);

	if (s->state == ST_RUNNING) {
		due = command_due(s);
	} else if (limit) {
		due = s->phase_began + in_ms(limit);
	} else {
		uv_timer_stop(&s->timer);
		return;
	}
	if (uv_is_active((uv_handle_t *)&s->timer) && now + uv_timer_get_due_in(&s->timer) <= due)
		return; /* it comes early enough and looks again */
	uv_timer_start(&s->timer, on_timer, due > now ? due - now : 1, 0);
}

/* ---- sockets ---- */

bool ssh_watch(struct ssh *s, int fd)
{
	struct poller *p = xcalloc(1, sizeof(*p));

	if (uv_poll_init(s->pool->loop, &p->handle, fd) < 0) {
		free(p);
		close(fd);
		return false;
	}
	p->ssh = s;
	s->poller = p;
	s->fd = fd;
	s->events = 0;
	return true;
}

static void poller_closed(uv_handle_t *handle)
{
	free(CONTAINER_OF((uv_poll_t *)handle, struct poller, handle));
}

void ssh_unwatch(struct ssh *s)
{
	if (!s->poller)
		return;
	s->poller->ssh = NULL;
	uv_close((uv_handle_t *)&s->poller->handle, poller_closed);
	s->poller = NULL;
	close(s->fd);
	s->fd = -1;
}

/* ---- endings ---- */

/* Everything that touches the network or the libraries goes; the struct stays for whoever holds it. */
static void tear_down(struct ssh *s, bool politely)
{
	ssh_pool_shook(s);
	ssh_resolve_stop(s);
	ssh_session_stop(s, politely);
	if (s->spawned)
		ssh_spawn_stop(s);
	ssh_unwatch(s);
	uv_timer_stop(&s->timer);
}

static void flush_dead(struct ssh *s)
{
	while (!s->closed && !list_empty(&s->commands)) {
		s->current = CONTAINER_OF(s->commands.next, struct command, link);
		list_remove(&s->current->link);
		ssh_command_done(s, SSH_LOST, "%s", s->message);
	}
}

enum step ssh_fail(struct ssh *s, enum ssh_outcome outcome, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->message, sizeof(s->message), fmt, ap);
	va_end(ap);
	tear_down(s, outcome == SSH_HOST_KEY);
	s->state = ST_DEAD;
	if (!s->reported) {
		s->reported = true;
		s->opened(s->opened_arg, outcome, s->message, s->host_key);
	} else if (s->current) {
		ssh_command_done(s, outcome, "%s", s->message);
	} else if (list_empty(&s->commands) && s->lost) {
		s->lost(s->lost_arg, s->message);
	}
	flush_dead(s);
	return STEP_WAIT;
}

/* Commands are freed here and not in ssh_close(): it may have been called from inside the output of one of them. */
static void timer_closed(uv_handle_t *handle)
{
	struct ssh *s = handle->data;
	struct ssh_pool *p = s->pool;

	command_free(s->current);
	list_for_each_safe (n, &s->commands)
		command_free(CONTAINER_OF(n, struct command, link));
	free(s->spawned);
	free(s);
	ssh_pool_put(p);
}

void ssh_close(struct ssh *s)
{
	if (!s || s->closed)
		return;
	s->closed = true;
	ssh_pool_leave(s);
	tear_down(s, s->state >= ST_IDLE);
	uv_close((uv_handle_t *)&s->timer, timer_closed);
}

/* ---- public ---- */

struct ssh *ssh_open(struct ssh_pool *p, const struct ssh_target *t, ssh_open_fn *done, void *arg)
{
	struct ssh *s = xcalloc(1, sizeof(*s));

	if (p->closing)
		BUG("ssh_open on a pool that was closed");
	s->pool = p;
	s->target = *t;
	if (!s->target.port)
		s->target.port = 22;
	s->opened = done;
	s->opened_arg = arg;
	s->fd = -1;
	if (!s->target.key)
		s->target.key = p->key;
	s->sign_key = (void *)(uintptr_t)s->target.key; /* libssh2 takes no const */
	list_init(&s->blocks);
	list_init(&s->commands);
	uv_timer_init(p->loop, &s->timer);
	s->timer.data = s;
	if (t->system)
		ssh_spawn_open(s);
	ssh_set_state(s, ST_WAITING);
	ssh_pool_enter(s);
	return s;
}

void ssh_on_lost(struct ssh *s, void (*lost)(void *arg, const char *message), void *arg)
{
	s->lost = lost;
	s->lost_arg = arg;
}

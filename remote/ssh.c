/*
 * The pool and the engine under the steps: who may shake hands now, what the loop is asked to watch, what happens when time
 * is up, and how a connection ends.
 */
#include "ssh_priv.h"

#include <unistd.h>

const struct ssh_limits ssh_default_limits = {
	.connect = 10 * SECOND,
	.handshake = 20 * SECOND,
	.auth = 20 * SECOND,
	.channel = 30 * SECOND,
	.keepalive = 15 * SECOND,
	.silence = 60 * SECOND,
	.handshakes = 128,
	.handshakes_per_endpoint = 8,
};

uint64_t ssh_now(const struct ssh *s)
{
	return uv_now(s->pool->loop);
}

/* ---- endpoints: how many are shaking hands with one address ---- */

static struct endpoint *endpoint_get(struct ssh_pool *p, const char *address, int port)
{
	uint32_t hash = 2166136261u ^ (uint32_t)port;
	struct endpoint *ep;
	struct list *head;

	for (const char *c = address; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	head = &p->endpoints[hash % ARRAY_LEN(p->endpoints)];
	list_for_each(n, head) {
		ep = CONTAINER_OF(n, struct endpoint, link);
		if (ep->port == port && !strcmp(ep->address, address)) {
			ep->users++;
			return ep;
		}
	}
	ep = xcalloc(1, sizeof(*ep));
	str_copy(ep->address, address);
	ep->port = port;
	ep->users = 1;
	list_append(head, &ep->link);
	return ep;
}

static void endpoint_put(struct endpoint *ep)
{
	if (--ep->users)
		return;
	list_remove(&ep->link);
	free(ep);
}

/* ---- admission ---- */

static void pool_kick(struct ssh_pool *p);

static void admit(struct ssh *s)
{
	list_remove(&s->waiting);
	s->admitted = true;
	s->pool->handshakes++;
	s->endpoint->handshakes++;
	ssh_set_state(s, ST_RESOLVING);
	ssh_kick(s);
}

static void release(struct ssh *s)
{
	if (!s->admitted)
		return;
	s->admitted = false;
	s->pool->handshakes--;
	s->endpoint->handshakes--;
	if (!list_empty(&s->pool->waiting))
		pool_kick(s->pool);
}

static void admit_waiting(struct ssh_pool *p)
{
	list_for_each_safe(n, &p->waiting) {
		struct ssh *s = CONTAINER_OF(n, struct ssh, waiting);

		if (p->handshakes >= p->limits.handshakes)
			return;
		if (s->endpoint->handshakes < p->limits.handshakes_per_endpoint)
			admit(s);
	}
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

static void drive(struct ssh *s)
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
		drive(s);
}

static void on_kick(uv_timer_t *timer)
{
	struct ssh_pool *p = timer->data;
	struct list batch = LIST_HEAD(batch);

	admit_waiting(p);
	while (!list_empty(&p->runnable)) {
		struct list *n = p->runnable.next;

		list_remove(n);
		list_append(&batch, n);
	}
	while (!list_empty(&batch)) {
		struct ssh *s = CONTAINER_OF(batch.next, struct ssh, runnable);

		list_remove(&s->runnable);
		drive(s);
	}
}

static void pool_kick(struct ssh_pool *p)
{
	if (!p->closing && !uv_is_active((uv_handle_t *)&p->kick))
		uv_timer_start(&p->kick, on_kick, 0, 0);
}

void ssh_kick(struct ssh *s)
{
	if (s->closed)
		return;
	if (list_empty(&s->runnable))
		list_append(&s->pool->runnable, &s->runnable);
	pool_kick(s->pool);
}

void ssh_logged_in(struct ssh *s)
{
	release(s);
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
	case ST_AUTH: return l->auth;
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
	other = (s->last_keepalive > s->last_read ? s->last_keepalive : s->last_read) + in_ms(s->pool->limits.keepalive);
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
		ssh_fail(s, SSH_LOST, "the command at %s took longer than %lld s", s->target.address,
		    (long long)(c->total_limit / SECOND));
	} else if (now >= s->last_read + in_ms(s->pool->limits.silence)) {
		ssh_fail(s, SSH_LOST, "%s has been silent for %lld s", s->target.address,
		    (long long)(s->pool->limits.silence / SECOND));
	} else if (now >= c->moved + in_ms(c->idle_limit)) {
		ssh_fail(s, SSH_LOST, "the command at %s moved no byte for %lld s", s->target.address,
		    (long long)(c->idle_limit / SECOND));
	} else if (now >= s->last_keepalive + in_ms(s->pool->limits.keepalive) &&
		   now >= s->last_read + in_ms(s->pool->limits.keepalive)) {
		s->last_keepalive = now;
		ssh_keepalive(s);
	}
}

static void phase_over(struct ssh *s)
{
	static const char *const doing[] = { "waiting", "looking up the name of", "pausing before", "connecting to", "ssh key exchange with",
		"login at", "idle", "opening a session at", "starting a command at", "running a command at",
		"ending a command at", "closing a session at", "dead" };

	if (s->state == ST_PAUSED) {
		ssh_set_state(s, ST_CONNECTING);
		drive(s);
		return;
	}
	if (s->state == ST_CONNECTING && s->address->ai_next) {
		ssh_next_address(s, "timed out");
		drive(s);
		return;
	}
	ssh_fail(s, s->state < ST_IDLE ? SSH_UNREACHABLE : SSH_LOST, "%s %s port %d timed out", doing[s->state],
	    s->target.address, s->target.port);
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
	list_remove(&s->waiting);
	list_remove(&s->runnable);
	release(s);
	ssh_resolve_stop(s);
	ssh_session_stop(s, politely);
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

static void pool_put(struct ssh_pool *p)
{
	if (--p->refs)
		return;
	libssh2_exit();
	free(p);
}

/* Commands are freed here and not in ssh_close(): it may have been called from inside the output of one of them. */
static void timer_closed(uv_handle_t *handle)
{
	struct ssh *s = handle->data;
	struct ssh_pool *p = s->pool;

	command_free(s->current);
	list_for_each_safe(n, &s->commands)
		command_free(CONTAINER_OF(n, struct command, link));
	endpoint_put(s->endpoint);
	free(s);
	pool_put(p);
}

void ssh_close(struct ssh *s)
{
	if (!s || s->closed)
		return;
	s->closed = true;
	s->pool->open--;
	list_remove(&s->link);
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
	s->sign_key = (void *)(uintptr_t)p->key; /* libssh2 takes no const */
	list_init(&s->waiting);
	list_init(&s->runnable);
	list_init(&s->blocks);
	list_init(&s->commands);
	s->endpoint = endpoint_get(p, s->target.address, s->target.port);
	uv_timer_init(p->loop, &s->timer);
	s->timer.data = s;
	list_append(&p->all, &s->link);
	p->open++;
	p->refs++;
	ssh_set_state(s, ST_WAITING);
	list_append(&p->waiting, &s->waiting);
	pool_kick(p);
	return s;
}

void ssh_on_lost(struct ssh *s, void (*lost)(void *arg, const char *message), void *arg)
{
	s->lost = lost;
	s->lost_arg = arg;
}

struct ssh_pool *ssh_pool_new(uv_loop_t *loop, const struct ssh_key *key)
{
	struct ssh_pool *p = xcalloc(1, sizeof(*p));

	if (libssh2_init(0))
		BUG("libssh2 cannot be initialised");
	p->loop = loop;
	p->key = key;
	p->limits = ssh_default_limits;
	p->refs = 1;
	list_init(&p->all);
	list_init(&p->waiting);
	list_init(&p->runnable);
	for (size_t i = 0; i < ARRAY_LEN(p->endpoints); i++)
		list_init(&p->endpoints[i]);
	uv_timer_init(loop, &p->kick);
	p->kick.data = p;
	return p;
}

void ssh_pool_set_limits(struct ssh_pool *p, const struct ssh_limits *l)
{
	p->limits = *l;
}

static void kick_closed(uv_handle_t *handle)
{
	pool_put(handle->data);
}

void ssh_pool_close(struct ssh_pool *p)
{
	if (!p || p->closing)
		return;
	p->closing = true;
	while (!list_empty(&p->all))
		ssh_close(CONTAINER_OF(p->all.next, struct ssh, link));
	uv_close((uv_handle_t *)&p->kick, kick_closed);
}

int ssh_pool_open_count(const struct ssh_pool *p)
{
	return p->open;
}

/*
 * All connections of a loop: who may shake hands now, and who is driven next. Whatever a public function starts goes on from
 * the kick timer, so that no callback is ever called from inside the function that was given it.
 */
#include "ssh_priv.h"

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

/* ---- endpoints: how many are shaking hands with one address ---- */

static struct endpoint *endpoint_get(struct ssh_pool *p, const char *address, int port)
{
	uint32_t hash = 2166136261u ^ (uint32_t)port;
	struct endpoint *ep;
	struct list *head;

	for (const char *c = address; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	head = &p->endpoints[hash % ARRAY_LEN(p->endpoints)];
	list_for_each (n, head) {
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

void ssh_pool_shook(struct ssh *s)
{
	list_remove(&s->waiting);
	list_remove(&s->runnable);
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
	list_for_each_safe (n, &p->waiting) {
		struct ssh *s = CONTAINER_OF(n, struct ssh, waiting);

		if (p->handshakes >= p->limits.handshakes)
			return;
		if (s->endpoint->handshakes < p->limits.handshakes_per_endpoint)
			admit(s);
	}
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
		ssh_drive(s);
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

void ssh_pool_enter(struct ssh *s)
{
	struct ssh_pool *p = s->pool;

	list_init(&s->waiting);
	list_init(&s->runnable);
	s->endpoint = endpoint_get(p, s->target.address, s->target.port);
	list_append(&p->all, &s->link);
	list_append(&p->waiting, &s->waiting);
	p->open++;
	p->refs++;
	pool_kick(p);
}

void ssh_pool_leave(struct ssh *s)
{
	ssh_pool_shook(s);
	list_remove(&s->link);
	endpoint_put(s->endpoint);
	s->endpoint = NULL;
	s->pool->open--;
}

void ssh_pool_put(struct ssh_pool *p)
{
	if (--p->refs)
		return;
	libssh2_exit();
	ssh_spawn_forget(p);
	free(p);
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
	ssh_pool_put(handle->data);
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

#include "engine.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "execute.h"

#define COMMIT_AGAIN    1000        /* ms between tries while the store cannot commit */
#define LOOP_LIMIT      (10 * MSEC) /* architecture §16 */
#define LOAD_BACK       (2 * DAY)   /* ended and settled objects younger than this are loaded too */

struct waiter {
	struct list link;
	engine_durable_fn *durable;
	void *arg;
	int64_t id;
};

struct engine {
	uv_loop_t *loop;
	const struct config *config;
	struct store *store;
	struct execute *execute;
	struct rng rng;
	struct model model;
	uv_timer_t timer;   /* the one timer: next deadline, or the next turn */
	uv_async_t wake;    /* the store's writer has answers */
	bool committing, closing, degraded;
	struct actions held;    /* wait for the commit in flight */
	struct list waiters;    /* for the next commit */
	struct list in_flight;  /* for the commit in flight */
	struct event *events;   /* in the commit in flight */
	size_t event_count;
	struct result_row *results;
	size_t result_count;
	void (*on_events)(void *arg, const struct event *events, size_t count);
	void *on_events_arg;
	void (*on_output)(void *arg, int64_t run_id);
	void *on_output_arg;
	char trouble[TEXT_MAX];
	int handles;
};

/* Loop health is one per process: there is one loop. */
static struct engine_health health;

static void turn(struct engine *en);
static void arm(struct engine *en);

/* ---- commit ---- */

static struct object *object_at(struct list *n)
{
	return CONTAINER_OF(n, struct object, dirty_link);
}

static void add_row(struct store_batch *b, struct object *o)
{
	switch (o->kind) {
	case OBJECT_FLEET: store_batch_fleet(b, CONTAINER_OF(o, struct fleet, object)); break;
	case OBJECT_INSTANCE: store_batch_instance(b, CONTAINER_OF(o, struct instance, object)); break;
	case OBJECT_RUN: store_batch_run(b, CONTAINER_OF(o, struct run, object)); break;
	case OBJECT_ACCOUNT: store_batch_account(b, CONTAINER_OF(o, struct account_state, object)); break;
	}
}

/* Rows refer to each other: fleets before instances before runs. */
static struct store_batch *make_batch(struct engine *en)
{
	static const enum object_kind order[] = { OBJECT_FLEET, OBJECT_INSTANCE, OBJECT_RUN, OBJECT_ACCOUNT };
	struct store_batch *b = store_batch_new();
	struct model *m = &en->model;

	for (size_t k = 0; k < ARRAY_LEN(order); k++) {
		list_for_each_safe(n, &m->dirty) {
			struct object *o = object_at(n);

			if (o->kind != order[k])
				continue;
			add_row(b, o);
			o->dirty = false;
			list_remove(n);
		}
	}
	for (size_t k = 0; k < m->event_count; k++)
		store_batch_event(b, &m->events[k]);
	for (size_t k = 0; k < en->result_count; k++)
		store_batch_result(b, &en->results[k]);
	return b;
}

static void run_actions(struct engine *en, bool spending_too)
{
	struct actions list = en->held;

	memset(&en->held, 0, sizeof(en->held));
	for (size_t k = 0; k < list.count; k++) {
		const struct action *a = &list.items[k];

		if (!spending_too && action_spends(a->kind)) {
			actions_add(&en->held, a->kind, a->id);
			en->held.items[en->held.count - 1] = *a;
		} else {
			execute_action(en->execute, a);
		}
	}
	actions_free(&list);
}

static void answer_waiters(struct list *waiters, const struct err *error)
{
	list_for_each_safe(n, waiters) {
		struct waiter *w = CONTAINER_OF(n, struct waiter, link);

		list_remove(n);
		w->durable(w->arg, w->id, error);
		free(w);
	}
}

/* Everything that exists goes into the next batch again: cheap to say, and it happens only when the disk is in trouble. */
static void dirty_all(struct model *m)
{
	const struct map *maps[] = { &m->fleets, &m->instances, &m->runs };
	size_t at;

	for (size_t k = 0; k < ARRAY_LEN(maps); k++) {
		void *p;

		for (at = 0; (p = model_each(maps[k], &at));) {
			struct object *o = p; /* the object is the first member of each */

			if (!o->dirty) {
				o->dirty = true;
				list_append(&m->dirty, &o->dirty_link);
			}
		}
	}
}

static void committed(void *arg, const struct err *error)
{
	struct engine *en = arg;
	struct engine_span span = engine_enter("commit answer");

	en->committing = false;
	if (error) {
		if (!en->degraded)
			log_error("the store cannot commit: %s; nothing is rented until it can, deletes go on", error->msg);
		en->degraded = true;
		str_copy(en->trouble, error->msg);
		dirty_all(&en->model);
		answer_waiters(&en->in_flight, error);
		run_actions(en, false);
	} else {
		if (en->degraded)
			log_info("the store commits again");
		en->degraded = false;
		en->trouble[0] = '\0';
		answer_waiters(&en->in_flight, NULL);
		if (en->on_events && en->event_count)
			en->on_events(en->on_events_arg, en->events, en->event_count);
		free(en->events);
		en->events = NULL;
		en->event_count = 0;
		run_actions(en, true);
	}
	engine_leave(span);
	if (!en->closing)
		arm(en);
}

/* Events of a failed commit are kept in front of the new ones. */
static void take_events(struct engine *en)
{
	struct model *m = &en->model;

	en->events = xreallocarray(en->events, en->event_count + m->event_count, sizeof(*en->events));
	if (m->event_count)
		memcpy(en->events + en->event_count, m->events, m->event_count * sizeof(*en->events));
	en->event_count += m->event_count;
	m->event_count = 0;
}

static void commit(struct engine *en)
{
	struct model *m = &en->model;
	struct store_batch *b;

	if (en->event_count) { /* left over from a commit that failed */
		take_events(en);
		m->events = xreallocarray(m->events, en->event_count, sizeof(*m->events));
		memcpy(m->events, en->events, en->event_count * sizeof(*m->events));
		m->event_count = m->event_cap = en->event_count;
		en->event_count = 0;
	}
	b = make_batch(en);
	take_events(en);
	en->result_count = 0;
	list_for_each_safe(n, &en->waiters) {
		list_remove(n);
		list_append(&en->in_flight, n);
	}
	if (store_batch_empty(b)) {
		store_batch_free(b);
		answer_waiters(&en->in_flight, NULL);
		run_actions(en, !en->degraded);
		return;
	}
	en->committing = true;
	store_commit(en->store, b, committed, en);
}

/* ---- the wheel ---- */

static void turn(struct engine *en)
{
	struct engine_span span = engine_enter("turn");
	instant now = clock_wall();

	health.turns++;
	core_decide(&en->model, now, &en->held);
	if (!en->committing)
		commit(en);
	engine_leave(span);
	arm(en);
}

static void on_timer(uv_timer_t *t)
{
	struct engine *en = t->data;

	/* While a commit is in flight deciding goes on only when it has answered: one batch, one set of actions. */
	if (!en->committing)
		turn(en);
}

static bool work_waits(const struct engine *en)
{
	return !list_empty(&en->model.touched) || !list_empty(&en->model.dirty) || en->model.event_count ||
	       !list_empty(&en->waiters) || en->result_count;
}

static void arm(struct engine *en)
{
	instant now = clock_wall(), wake;
	uint64_t ms;

	if (en->closing || en->committing)
		return;
	wake = work_waits(en) ? now : core_next_wake(&en->model, now);
	if (en->degraded)
		ms = COMMIT_AGAIN;
	else if (wake == FOREVER)
		ms = 60000;
	else
		ms = wake > now ? (uint64_t)((wake - now + MSEC - 1) / MSEC) : 0;
	if (ms > 60000)
		ms = 60000; /* a wall clock that was set forward is noticed within a minute */
	uv_update_time(en->loop);
	uv_timer_start(&en->timer, on_timer, ms, 0);
}

void engine_fact(struct engine *en, struct fact *f)
{
	if (en->closing)
		return;
	f->time = clock_wall();
	core_apply(&en->model, f);
	arm(en);
}

int engine_request(struct engine *en, struct fact *f, engine_durable_fn *durable, void *arg)
{
	if (en->closing)
		return err_set(&f->error, ERR_UNREACHABLE, "the daemon is shutting down");
	engine_fact(en, f);
	if (f->error.code)
		return -1;
	if (durable) {
		struct waiter *w = xcalloc(1, sizeof(*w));

		w->durable = durable;
		w->arg = arg;
		w->id = f->answer_id;
		list_append(&en->waiters, &w->link);
		arm(en);
	}
	return 0;
}

void engine_results(struct engine *en, const struct result_row *rows, size_t count)
{
	en->results = xreallocarray(en->results, en->result_count + count, sizeof(*en->results));
	if (count)
		memcpy(en->results + en->result_count, rows, count * sizeof(*rows));
	en->result_count += count;
	arm(en);
}

/* ---- life ---- */

static void on_wake(uv_async_t *a)
{
	struct engine *en = a->data;

	store_deliver(en->store);
}

void engine_store_wake(void *arg)
{
	struct engine *en = __atomic_load_n((struct engine **)arg, __ATOMIC_ACQUIRE);

	if (en)
		uv_async_send(&en->wake);
}

static void set_policy(struct policy *p, const struct config *c)
{
	*p = (struct policy){ .poll_boot = c->poll.boot, .poll_steady = c->poll.steady, .poll_sweep = c->poll.sweep,
		.settle = c->proof.settle, .settle_single_flight = c->proof.settle_hotaisle,
		.absence_listings = c->proof.absence_listings, .absence_spacing = c->proof.absence_spacing,
		.gone_listings = c->proof.gone_listings, .gone_spacing = c->proof.gone_spacing, .late_watch = c->proof.late_watch,
		.orphan_grace = c->proof.orphan_grace, .bill_poll = c->proof.bill_poll, .bill_watch = c->proof.bill_watch,
		.contact_lost = c->proof.contact_lost, .run_poll = c->poll.run, .run_poll_watched = c->poll.run_watched };
}

static void add_accounts(struct engine *en)
{
	for (size_t k = 0; k < en->config->account_count; k++) {
		struct account_facts facts;

		execute_account_facts(en->config, &en->config->accounts[k], &facts);
		model_add_account(&en->model, &facts)->configured = true;
	}
}

/* I8: a provider that still has machines of ours cannot be taken out of the configuration. */
static int check_accounts(const struct model *m, struct err *e)
{
	for (size_t k = 0; k < m->account_count; k++) {
		const struct account_state *a = m->accounts[k];

		if (!a->configured && a->live)
			return err_set(e, ERR_REFUSED,
			    "account '%s' is not in the configuration any more, but %d machine%s of it may still be billing; "
			    "put it back and end them with: gpufleetctl down --all", a->facts.name, a->live, a->live == 1 ? "" : "s");
	}
	return 0;
}

int engine_open(struct engine **out, const struct engine_options *o, struct err *e)
{
	struct engine *en = xcalloc(1, sizeof(*en));
	struct fact restarted = { .kind = FACT_RESTARTED };

	en->loop = o->loop;
	en->config = o->config;
	en->store = o->store;
	list_init(&en->waiters);
	list_init(&en->in_flight);
	rng_kernel(&en->rng);
	model_init(&en->model, &en->rng);
	str_copy(en->model.site, o->site);
	memcpy(en->model.mark_key, o->mark_key, sizeof(en->model.mark_key));
	set_policy(&en->model.policy, en->config);
	add_accounts(en);
	if (store_load(en->store, &en->model, clock_wall() - LOAD_BACK, e) < 0 || check_accounts(&en->model, e) < 0 ||
	    execute_open(&en->execute, en, o->key, e) < 0) {
		model_free(&en->model);
		free(en);
		return -1;
	}
	uv_timer_init(en->loop, &en->timer);
	uv_async_init(en->loop, &en->wake, on_wake);
	en->timer.data = en->wake.data = en;
	en->handles = 2;
	*out = en;
	engine_fact(en, &restarted);
	return 0;
}

void engine_close(struct engine *en)
{
	struct store_batch *b;

	if (en->closing)
		return;
	en->closing = true;
	b = make_batch(en);
	if (store_batch_empty(b))
		store_batch_free(b);
	else
		store_commit(en->store, b, committed, en);
	answer_waiters(&en->waiters, NULL);
	execute_close(en->execute);
	uv_close((uv_handle_t *)&en->timer, NULL);
	uv_close((uv_handle_t *)&en->wake, NULL);
}

void engine_free(struct engine *en)
{
	if (!en)
		return;
	execute_free(en->execute);
	answer_waiters(&en->in_flight, NULL);
	actions_free(&en->held);
	model_free(&en->model);
	free(en->events);
	free(en->results);
	free(en);
}

struct model *engine_model(struct engine *en)
{
	return &en->model;
}

struct execute *engine_execute(struct engine *en)
{
	return en->execute;
}

const struct config *engine_config(const struct engine *en)
{
	return en->config;
}

struct store *engine_store(struct engine *en)
{
	return en->store;
}

uv_loop_t *engine_loop(const struct engine *en)
{
	return en->loop;
}

instant engine_now(const struct engine *en)
{
	(void)en;
	return clock_wall();
}

void engine_on_events(struct engine *en, void (*listen)(void *arg, const struct event *events, size_t count), void *arg)
{
	en->on_events = listen;
	en->on_events_arg = arg;
}

void engine_on_output(struct engine *en, void (*listen)(void *arg, int64_t run_id), void *arg)
{
	en->on_output = listen;
	en->on_output_arg = arg;
}

void engine_output_grew(struct engine *en, int64_t run_id)
{
	if (en->on_output)
		en->on_output(en->on_output_arg, run_id);
}

/* ---- health ---- */

static int depth; /* spans nest: only the outermost counts */

struct engine_span engine_enter(const char *name)
{
	return (struct engine_span){ name, depth++ ? -1 : clock_thread_cpu() };
}

void engine_leave(struct engine_span span)
{
	duration used;

	depth--;
	if (span.cpu < 0)
		return;
	used = clock_thread_cpu() - span.cpu;
	if (used > health.worst_cpu) {
		health.worst_cpu = used;
		health.worst_name = span.name;
	}
	if (used > LOOP_LIMIT) {
		health.over_limit++;
		log_warn("the loop was held for %lld ms by '%s'", (long long)(used / MSEC), span.name);
	}
}

void engine_get_health(const struct engine *en, struct engine_health *out)
{
	*out = health;
	out->degraded = en->degraded;
	str_copy(out->trouble, en->trouble);
}

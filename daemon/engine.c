#include "engine.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "compile.h"
#include "execute.h"
#include "generation.h"
#include "hostclock.h"
#include "operation.h"
#include "trace.h"

#define LONGEST_SLEEP   60000       /* ms: a wall clock that was set forward is noticed within a minute */
#define LOOP_LIMIT      (10 * MSEC) /* architecture §16 */
#define NOTE_EVERY      (10 * SECOND)
#define LOAD_BACK       (2 * DAY)   /* ended and settled objects younger than this are loaded too, and those whose bill may be revised */
#define BILL_REREAD     DAY

struct engine {
	uv_loop_t *loop;
	const struct config *config;
	struct store *store;
	struct execute *execute;
	struct rng rng;
	struct model model;
	struct wheel wheel;
	struct trace *trace; /* NULL: none is wanted */
	struct generation *generation;
	struct engine_booked *booked; /* by account of the configuration */
	int64_t durable; /* the newest event that is on disk */
	instant noted;   /* when that was noted beside the key */
	uv_timer_t timer;   /* the one timer: next deadline, or the next turn */
	uv_async_t wake;    /* the store's writer has answers */
	bool closing;
	void (*on_events)(void *arg, const struct event *events, size_t count);
	void *on_events_arg;
	void (*on_output)(void *arg, int64_t run_id);
	void *on_output_arg;
};

/* Loop health is one per process: there is one loop. */
static struct engine_health health;

static void arm(struct engine *en);

/* ---- turning ---- */

static void on_timer(uv_timer_t *t)
{
	struct engine *en = t->data;
	struct engine_span span = engine_enter("turn");
	instant now = clock_steady();
	duration began = clock_boot(), took;

	trace_turn(en->trace, now);
	wheel_turn(&en->wheel, now);
	took = clock_boot() - began;
	health.turn_time += took;
	if (took > health.turn_worst)
		health.turn_worst = took;
	engine_leave(span);
	arm(en);
}

static void arm(struct engine *en)
{
	instant now = clock_steady(), wake = wheel_wake(&en->wheel, now);
	uint64_t ms = LONGEST_SLEEP;

	if (en->closing || en->wheel.committing)
		return;
	if (wake - now < LONGEST_SLEEP * MSEC)
		ms = wake > now ? (uint64_t)((wake - now + MSEC - 1) / MSEC) : 0;
	uv_update_time(en->loop);
	uv_timer_start(&en->timer, on_timer, ms, 0);
}

void engine_fact(struct engine *en, struct fact *f)
{
	f->time = clock_steady();
	trace_fact(en->trace, f);
	wheel_fact(&en->wheel, f);
	trace_answer(en->trace, f);
	arm(en);
}

int engine_request(struct engine *en, struct fact *f, wheel_durable_fn *durable, void *arg)
{
	int r;

	f->time = clock_steady();
	trace_fact(en->trace, f);
	r = wheel_request(&en->wheel, f, durable, arg);
	trace_answer(en->trace, f);
	arm(en);
	return r;
}

void engine_results(struct engine *en, const struct result_row *rows, size_t count)
{
	wheel_results(&en->wheel, rows, count);
	arm(en);
}

bool engine_is_durable(const struct engine *en, const struct object *o)
{
	return wheel_is_durable(&en->wheel, o);
}

static void act(void *arg, const struct action *a)
{
	struct engine *en = arg;

	trace_act(en->trace, clock_steady(), a);
	execute_action(en->execute, a);
}

static void events_durable(void *arg, const struct event *events, size_t count)
{
	struct engine *en = arg;

	if (count)
		en->durable = events[count - 1].seq;
	if (clock_steady() - en->noted >= NOTE_EVERY || clock_steady() < en->noted) {
		en->noted = clock_steady();
		generation_note(en->generation, en->config->state_dir, en->durable);
		hostclock_note(en->config->state_dir);
	}
	if (en->on_events)
		en->on_events(en->on_events_arg, events, count);
}

static void postings_durable(void *arg, const struct posting *postings, size_t count)
{
	struct engine *en = arg;

	for (size_t n = 0; n < count; n++) {
		const struct posting *p = &postings[n];
		size_t k = 0;

		if (p->kind == POSTING_HOLD || !str_starts(p->credit, "provider:"))
			continue;
		while (k < en->config->account_count && strcmp(en->config->accounts[k].name, p->credit + strlen("provider:")) != 0)
			k++;
		if (k == en->config->account_count)
			continue;
		if (p->kind == POSTING_USE && p->amount > 0)
			en->booked[k].used = money_add(en->booked[k].used, p->amount);
		else
			en->booked[k].adjusted = money_add(en->booked[k].adjusted, p->amount);
	}
}

static void on_wake(uv_async_t *a)
{
	struct engine *en = a->data;
	struct engine_span span = engine_enter("commit answer");

	if (store_deliver(en->store))
		trace_stored(en->trace, clock_steady(), !en->wheel.degraded);
	engine_leave(span);
	arm(en);
}

/* ---- life ---- */

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
		.orphan_grace = c->proof.orphan_grace, .bill_poll = c->proof.bill_poll, .bill_watch = c->proof.bill_watch, .bill_reread = BILL_REREAD,
		.key_keep = c->proof.key_keep, .contact_lost = c->proof.contact_lost, .lease = c->proof.lease,
	        .run_poll = c->poll.run, .run_poll_watched = c->poll.run_watched,
		.adopt_orphans = !strcmp(c->on_orphan, "adopt"), .finish_lost = !strcmp(c->on_lost, "finish_until_deadline") };
}

static void add_accounts(struct engine *en)
{
	for (size_t k = 0; k < en->config->account_count; k++) {
		struct account_facts facts;

		operation_account_facts(en->config, &en->config->accounts[k], &facts);
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

/*
 * A database that lags behind what was noted beside the key was lost, or is an older copy. The new generation is noted with the
 * first commit: if the process ends before, the next one sees the same.
 */
static void check_generation(struct engine *en, struct fact *restarted)
{
	int64_t newest = en->model.next_event - 1;

	restarted->flag = generation_rolled_back(en->generation, newest);
	if (!restarted->flag)
		return;
	log_error("the database %s: generation %lld begins; machines are found by their names, those that it does not know are %s",
	    newest ? "is an older copy" : "was lost", (long long)en->generation->number,
	    en->model.policy.adopt_orphans ? "adopted" : "deleted after their grace");
}

/* Checked when a budget is set; should it not be there any more, the days of UTC are the next best. */
static struct zone *find_zone(const char *name)
{
	struct err e;
	struct zone *z = zone_load(name, &e);

	if (!z)
		log_error("time zone '%s': %s; the days of UTC are taken", name, e.msg);
	return z;
}

int engine_open(struct engine **out, const struct engine_options *o, struct err *e)
{
	struct engine *en = xcalloc(1, sizeof(*en));
	struct fact restarted = { .kind = FACT_RESTARTED };
	instant since = clock_steady() - (o->config->proof.bill_watch > LOAD_BACK ? o->config->proof.bill_watch : LOAD_BACK);

	en->loop = o->loop;
	en->config = o->config;
	en->store = o->store;
	en->generation = o->generation;
	rng_kernel(&en->rng);
	model_init(&en->model, &en->rng);
	str_copy(en->model.site, o->site);
	memcpy(en->model.mark_key, o->mark_key, sizeof(en->model.mark_key));
	set_policy(&en->model.policy, en->config);
	en->model.compile = compile_for_model;
	en->model.find_zone = find_zone;
	en->model.compile_arg = (void *)(uintptr_t)en->config;
	add_accounts(en);
	if ((o->trace && trace_create(&en->trace, o->trace, en->store, &en->model, since, e) < 0) ||
	    store_load(en->store, &en->model, since, e) < 0 || check_accounts(&en->model, e) < 0 ||
	    execute_open(&en->execute, en, o->key, e) < 0) {
		trace_close(en->trace);
		model_free(&en->model);
		free(en);
		return -1;
	}
	check_generation(en, &restarted);
	wheel_init(&en->wheel, &(struct wheel_options){ .store = en->store, .model = &en->model, .act = act, .events = events_durable,
	    .postings = postings_durable, .arg = en });
	en->booked = xcalloc(en->config->account_count + 1, sizeof(*en->booked));
	uv_timer_init(en->loop, &en->timer);
	uv_async_init(en->loop, &en->wake, on_wake);
	en->timer.data = en->wake.data = en;
	*out = en;
	engine_fact(en, &restarted);
	return 0;
}

void engine_close(struct engine *en)
{
	if (en->closing)
		return;
	en->closing = true;
	wheel_close(&en->wheel);
	execute_close(en->execute);
	store_flush(en->store); /* its writer calls engine_store_wake() no more */
	generation_note(en->generation, en->config->state_dir, en->durable);
	hostclock_note(en->config->state_dir);
	uv_close((uv_handle_t *)&en->timer, NULL);
	uv_close((uv_handle_t *)&en->wake, NULL);
}

void engine_free(struct engine *en)
{
	if (!en)
		return;
	execute_free(en->execute);
	wheel_free(&en->wheel);
	trace_close(en->trace);
	model_free(&en->model);
	free(en->booked);
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

const struct engine_booked *engine_booked(const struct engine *en)
{
	return en->booked;
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
	return clock_steady();
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
	out->turns = en->wheel.turns;
	out->degraded = en->wheel.degraded;
	str_copy(out->trouble, en->wheel.trouble);
}

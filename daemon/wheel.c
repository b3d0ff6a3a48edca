#include "wheel.h"
#include "base/mutant.h"
#include "base/log.h"
#include "base/str.h"
#include "core/ledger.h"

#define COMMIT_AGAIN SECOND /* between tries while the store cannot commit */

struct waiter {
	struct list link;
	wheel_durable_fn *durable;
	void *arg;
	int64_t id;
};

void wheel_init(struct wheel *w, const struct wheel_options *o)
{
	memset(w, 0, sizeof(*w));
	w->o = *o;
	list_init(&w->waiters);
	list_init(&w->in_flight);
}

static void answer_waiters(struct list *waiters, const struct err *error)
{
	list_for_each_safe(n, waiters) {
		struct waiter *a = CONTAINER_OF(n, struct waiter, link);

		list_remove(n);
		a->durable(a->arg, a->id, error);
		free(a);
	}
}

void wheel_free(struct wheel *w)
{
	answer_waiters(&w->waiters, NULL);
	answer_waiters(&w->in_flight, NULL);
	actions_free(&w->held);
	free(w->events);
	free(w->postings);
	free(w->results);
	free(w->results_in_flight);
}

/* ---- actions ---- */

static void hand_out(struct wheel *w, bool spending_too)
{
	struct actions list = w->held;

	memset(&w->held, 0, sizeof(w->held));
	for (size_t k = 0; k < list.count && !w->closing; k++) {
		const struct action *a = &list.items[k];

		if (!spending_too && action_spends(a->kind)) {
			actions_add(&w->held, a->kind, a->id);
			w->held.items[w->held.count - 1] = *a;
		} else {
			w->o.act(w->o.arg, a);
		}
	}
	actions_free(&list);
}

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
	case OBJECT_EXTRA: store_batch_extra(b, CONTAINER_OF(o, struct extra, object)); break;
	case OBJECT_ACCOUNT: store_batch_account(b, CONTAINER_OF(o, struct account_state, object)); break;
	case OBJECT_CAMPAIGN: store_batch_campaign(b, CONTAINER_OF(o, struct campaign, object)); break;
	case OBJECT_NIGHT: store_batch_night(b, CONTAINER_OF(o, struct night, object)); break;
	case OBJECT_TRIAL: store_batch_trial(b, CONTAINER_OF(o, struct trial, object)); break;
	case OBJECT_NOTICE: store_batch_notice(b, CONTAINER_OF(o, struct notice, object)); break;
	case OBJECT_BUDGET: store_batch_budget(b, CONTAINER_OF(o, struct budget, object)); break;
	case OBJECT_KINDS: break;
	}
}

/* Events wait here from the turn they happened in until they are durable: those of a failed commit go in front of the new ones. */
static void take_events(struct wheel *w)
{
	struct model *m = w->o.model;

	if (!m->event_count)
		return;
	w->events = xreallocarray(w->events, w->event_count + m->event_count, sizeof(*w->events));
	memcpy(w->events + w->event_count, m->events, m->event_count * sizeof(*w->events));
	w->event_count += m->event_count;
	m->event_count = 0;
}

static void take_postings(struct wheel *w)
{
	struct model *m = w->o.model;

	if (!m->posting_count)
		return;
	w->postings = xreallocarray(w->postings, w->posting_count + m->posting_count, sizeof(*w->postings));
	memcpy(w->postings + w->posting_count, m->postings, m->posting_count * sizeof(*w->postings));
	w->posting_count += m->posting_count;
	m->posting_count = 0;
}

/* The order of the tables (db/rows.h): rows refer to rows of those before their own. */
static struct store_batch *make_batch(struct wheel *w)
{
	static const enum object_kind order[] = { OBJECT_CAMPAIGN, OBJECT_NIGHT, OBJECT_TRIAL, OBJECT_FLEET, OBJECT_INSTANCE, OBJECT_RUN,
		OBJECT_ACCOUNT, OBJECT_EXTRA, OBJECT_BUDGET, OBJECT_NOTICE };
	struct store_batch *b = store_batch_new();

	ledger_post(w->o.model); /* no change of an instance without its money */
	for (size_t k = 0; k < ARRAY_LEN(order); k++) {
		list_for_each_safe(n, &w->o.model->dirty) {
			struct object *o = object_at(n);

			if (o->kind != order[k])
				continue;
			add_row(b, o);
			o->dirty = false;
			list_remove(n);
		}
	}
	take_events(w);
	for (size_t k = 0; k < w->event_count; k++)
		store_batch_event(b, &w->events[k]);
	take_postings(w);
	for (size_t k = 0; k < w->posting_count; k++)
		store_batch_posting(b, &w->postings[k]);
	return b;
}

static void make_dirty(struct model *m, struct object *o)
{
	if (o->dirty)
		return;
	o->dirty = true;
	list_append(&m->dirty, &o->dirty_link);
}

/* Everything that exists goes into the next batch again: cheap to say, and it happens only when the disk is in trouble. */
static void dirty_all(struct model *m)
{
	const struct map *maps[] = { &m->fleets, &m->instances, &m->runs, &m->extras, &m->campaigns, &m->nights, &m->trials, &m->notices, &m->budgets };
	struct object *o;

	for (size_t k = 0; k < ARRAY_LEN(maps); k++) {
		size_t at = 0;

		while ((o = model_each(maps[k], &at))) /* the object is the first member of each */
			make_dirty(m, o);
	}
	for (size_t k = 0; k < m->account_count; k++)
		make_dirty(m, &m->accounts[k]->object);
}

static void disk_failed(struct wheel *w, const struct err *error)
{
	if (!w->degraded)
		log_error("the store cannot commit: %s; nothing is rented until it can, deletes go on", error->msg);
	w->degraded = true;
	str_copy(w->trouble, error->msg);
	if (!MUTANT("failed_commit_forgotten", false, true))
		dirty_all(w->o.model);
}

static void disk_works(struct wheel *w)
{
	if (w->degraded)
		log_info("the store commits again");
	w->degraded = false;
	w->trouble[0] = '\0';
}

static void succeeded(struct wheel *w)
{
	struct event *events = w->events;
	size_t count = w->event_count;

	disk_works(w);
	w->events = NULL;
	w->event_count = 0;
	answer_waiters(&w->in_flight, NULL);
	if (w->o.postings && w->posting_count)
		w->o.postings(w->o.arg, w->postings, w->posting_count);
	w->posting_count = 0;
	if (w->o.events && count)
		w->o.events(w->o.arg, events, count);
	free(events);
	hand_out(w, true);
}

static void failed(struct wheel *w, const struct err *error)
{
	disk_failed(w, error);
	answer_waiters(&w->in_flight, error);
	hand_out(w, MUTANT("spend_while_degraded", false, true));
}

static void commit(struct wheel *w);

static void committed(void *arg, const struct err *error)
{
	struct wheel *w = arg;

	w->committing = false;
	if (error)
		failed(w, error);
	else
		succeeded(w);
	if (w->closing && !error)
		commit(w); /* what changed while it was in flight */
}

/*
 * ---- results: a batch of their own, so that a figure nobody can store never holds up the rows that hold money. It goes first:
 * whoever sees that a run has ended finds its figures. ----
 */

static bool busy(const struct wheel *w)
{
	return w->committing || w->results_in_flight;
}

static void commit_results(struct wheel *w);

static void results_committed(void *arg, const struct err *error)
{
	struct wheel *w = arg;

	if (error && error->code != ERR_CONFLICT) {
		/* The disk: again with the next commit, in front of what came since. */
		w->results = xreallocarray(w->results, w->result_count + w->results_in_flight_count, sizeof(*w->results));
		memmove(w->results + w->results_in_flight_count, w->results, w->result_count * sizeof(*w->results));
		memcpy(w->results, w->results_in_flight, w->results_in_flight_count * sizeof(*w->results));
		w->result_count += w->results_in_flight_count;
		disk_failed(w, error);
	} else if (error) {
		log_error("%zu result figures cannot be stored and stay in the run's files only: %s", w->results_in_flight_count,
		    error->msg);
	}
	free(w->results_in_flight);
	w->results_in_flight = NULL;
	w->results_in_flight_count = 0;
	if (w->closing && !error)
		commit_results(w);
}

static void commit_results(struct wheel *w)
{
	struct store_batch *b;

	if (!w->result_count || w->results_in_flight)
		return;
	b = store_batch_new();
	for (size_t k = 0; k < w->result_count; k++)
		store_batch_result(b, &w->results[k]);
	w->results_in_flight = w->results;
	w->results_in_flight_count = w->result_count;
	w->results = NULL;
	w->result_count = 0;
	store_commit(w->o.store, b, results_committed, w);
}

static void commit(struct wheel *w)
{
	struct store_batch *b = make_batch(w);

	commit_results(w);
	list_for_each_safe(n, &w->waiters) {
		list_remove(n);
		list_append(&w->in_flight, n);
	}
	if (store_batch_empty(b)) {
		store_batch_free(b);
		answer_waiters(&w->in_flight, NULL);
		hand_out(w, !w->degraded);
	} else {
		w->committing = true;
		if (MUTANT("act_before_commit", false, true))
			hand_out(w, true);
		store_commit(w->o.store, b, committed, w);
	}
}

/* ---- turning ---- */

void wheel_fact(struct wheel *w, struct fact *f)
{
	if (!w->closing)
		core_apply(w->o.model, f);
}

int wheel_request(struct wheel *w, struct fact *f, wheel_durable_fn *durable, void *arg)
{
	struct waiter *a;

	if (w->closing)
		return err_set(&f->error, ERR_UNREACHABLE, "the daemon is shutting down");
	core_apply(w->o.model, f);
	if (f->error.code)
		return -1;
	if (!durable)
		return 0;
	a = xcalloc(1, sizeof(*a));
	a->durable = durable;
	a->arg = arg;
	a->id = f->answer_id;
	list_append(&w->waiters, &a->link);
	return 0;
}

void wheel_results(struct wheel *w, const struct result_row *rows, size_t count)
{
	if (!count)
		return;
	w->results = xreallocarray(w->results, w->result_count + count, sizeof(*w->results));
	memcpy(w->results + w->result_count, rows, count * sizeof(*rows));
	w->result_count += count;
}

bool wheel_is_durable(const struct wheel *w, const struct object *o)
{
	return w->degraded || (!busy(w) && !o->dirty && !w->result_count);
}

void wheel_turn(struct wheel *w, instant now)
{
	/* While a commit is in flight deciding waits for its answer: one batch, one set of actions. */
	if (busy(w) || w->closing)
		return;
	w->again_at = now + COMMIT_AGAIN;
	w->turns++;
	core_decide(w->o.model, now, &w->held);
	commit(w);
}

static bool work_waits(const struct wheel *w)
{
	const struct model *m = w->o.model;

	return !list_empty(&m->touched) || !list_empty(&m->dirty) || m->event_count || m->posting_count || !list_empty(&w->waiters) ||
	       w->result_count;
}

instant wheel_wake(const struct wheel *w, instant now)
{
	if (busy(w) || w->closing)
		return FOREVER;
	if (w->degraded)
		return instant_max(now, w->again_at); /* not put off by what happens meanwhile */
	return work_waits(w) ? now : core_next_wake(w->o.model, now);
}

void wheel_close(struct wheel *w)
{
	if (w->closing)
		return;
	w->closing = true;
	if (!w->committing)
		commit(w);
}

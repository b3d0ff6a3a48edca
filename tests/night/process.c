/*
 * One life of the daemon: what daemon/engine.c does with libuv, done in virtual time. Keep the two alike.
 */
#include "base/str.h"
#include "books.h"
#include "night.h"
#include "daemon/operation.h"
#include "season.h"

#define LOAD_BACK     (2 * DAY)
#define LONGEST_SLEEP MINUTE

/* The clock since the boot is the one that nobody can set. */
instant process_now(struct sim_night *n)
{
	return clock_steady_at(&n->clock, trouble_wall(n), n->now);
}

/* As engine.c arms its one timer: anew after everything that happens, for a length of time. */
static void arm(struct sim_night *n)
{
	struct process *p = n->p;
	instant now, wake;

	if (!p || p->wheel.committing)
		return;
	now = process_now(n);
	wake = wheel_wake(&p->wheel, now);
	p->turn_at = n->now + (wake == FOREVER ? LONGEST_SLEEP : instant_min(wake > now ? wake - now : 0, LONGEST_SLEEP));
}

static void deliver(struct sim_night *n, struct tick *t)
{
	struct process *p = n->p;

	(void)t;
	store_deliver(p->store);
	arm(n);
}

/* The writer is another thread: its answer reaches the loop a moment later, and facts come in between. */
static void on_store_wake(void *arg)
{
	struct sim_night *n = arg;
	struct process *p = n->p;
	duration took = night_random(&n->life_rng, 0, 4 * MSEC);

	if (!p || n->dying || p->delivery.node.at)
		return;
	if (trouble_active(n, TROUBLE_DISK_SLOW) && trouble_strikes(n, TROUBLE_DISK_SLOW, -1))
		took = night_random(&n->life_rng, SECOND / 10, 40 * SECOND);
	if (p->waited) /* for a lock, as long as db/open.c lets SQLite wait */
		took += 5 * SECOND;
	p->waited = false;
	night_at(n, &p->delivery, n->now + took, deliver);
	night_point(n, "committed");
}

static void act(void *arg, const struct action *a)
{
	struct sim_night *n = arg;

	if (!n->p || n->dying || night_point(n, action_name(a->kind)))
		return;
	if (a->kind == ACTION_COUNT)
		books_count(n, a);
	else if (a->kind >= ACTION_SUBMIT)
		season_action(n, a);
	else if (a->kind < ACTION_CONNECT)
		wire_action(n, a);
	else
		box_action(n, a);
}

static void durable(void *arg, const struct event *events, size_t count)
{
	struct sim_night *n = arg;

	for (size_t k = 0; k < count && n->p; k++) {
		const struct event *e = &events[k];

		n->durable_event = e->seq > n->durable_event ? e->seq : n->durable_event;
		night_note(n, "#%lld %s -%s-> %s %s %s", (long long)e->object_id, e->from, e->event, e->to, cause_name(e->cause), e->text);
		judge_event(n, e);
	}
}

static void booked(void *arg, const struct posting *postings, size_t count)
{
	struct sim_night *n = arg;

	if (n->p)
		books_posted(n, postings, count);
}

static void set_policy(struct policy *p, const struct config *c, bool reread)
{
	*p = (struct policy){ .poll_boot = c->poll.boot, .poll_steady = c->poll.steady, .poll_sweep = c->poll.sweep,
		.settle = c->proof.settle, .settle_single_flight = c->proof.settle_hotaisle,
		.absence_listings = c->proof.absence_listings, .absence_spacing = c->proof.absence_spacing,
		.gone_listings = c->proof.gone_listings, .gone_spacing = c->proof.gone_spacing, .late_watch = c->proof.late_watch,
		.orphan_grace = c->proof.orphan_grace, .bill_poll = c->proof.bill_poll, .bill_watch = c->proof.bill_watch,
		.key_keep = c->proof.key_keep, .contact_lost = c->proof.contact_lost, .lease = c->proof.lease,
		.bill_reread = reread ? 8 * HOUR : 0, .run_poll = c->poll.run, .run_poll_watched = c->poll.run_watched };
}

static void add_accounts(struct sim_night *n, struct model *m)
{
	for (size_t k = 0; k < n->config.account_count; k++) {
		struct account_facts facts;

		operation_account_facts(&n->config, &n->accounts[k], &facts);
		if (!n->plan.slow_bills)
			facts.billing.settle_delay = 10 * MINUTE;
		model_add_account(m, &facts)->configured = true;
	}
}

static void come_back(struct sim_night *n, struct tick *t)
{
	(void)t;
	process_start(n);
}

/* systemd starts what failed again. */
static void later(struct sim_night *n)
{
	if (!n->orphaned)
		night_at(n, &n->restart, n->now + night_random(&n->life_rng, SECOND, 2 * MINUTE), come_back);
}

static void forget(struct sim_night *n, struct process *p)
{
	wire_forget(n, p);
	night_not(n, &p->delivery);
	n->p = NULL; /* callbacks of the zombie find nobody */
	p->wheel.closing = true;
	if (p->store)
		store_flush(p->store);
	wheel_free(&p->wheel);
	store_close(p->store);
	model_free(&p->model);
	for (size_t k = 0; k < ARRAY_LEN(p->keys); k++)
		free(p->keys[k]);
	free(p);
}

static int load(struct sim_night *n, struct process *p, struct err *e)
{
	struct store_options o = { .path = "night.db", .wake = on_store_wake, .wake_arg = n };

	disk_current = &n->disk;
	if (store_open(&p->store, &o, e) < 0)
		return -1;
	return store_load(p->store, &p->model, process_now(n) - LOAD_BACK, e);
}

void process_start(struct sim_night *n)
{
	struct process *p = xcalloc(1, sizeof(*p));
	struct fact restarted = { .kind = FACT_RESTARTED };
	int64_t failures = n->disk_failures;
	struct err e = { 0 };

	p->epoch = ++n->epochs;
	p->turn_at = FOREVER;
	list_init(&p->tasks);
	rng_seed(&p->rng, n->plan.seed * 1000 + (uint64_t)p->epoch);
	model_init(&p->model, &p->rng);
	str_copy(p->model.site, NIGHT_SITE);
	memcpy(p->model.mark_key, n->mark_key, sizeof(p->model.mark_key));
	set_policy(&p->model.policy, &n->config, n->plan.months);
	p->model.compile = n->season ? season_compile : NULL;
	add_accounts(n, &p->model);
	wheel_init(&p->wheel, &(struct wheel_options){ .model = &p->model, .act = act, .events = durable, .postings = booked,
	    .arg = n });
	n->p = p;
	if (load(n, p, &e) < 0) {
		bool trouble = failures != n->disk_failures || trouble_active(n, TROUBLE_DISK_FULL) ||
		    trouble_active(n, TROUBLE_DISK_ERROR) || trouble_active(n, TROUBLE_DISK_LOCKED);

		if (!n->dying && !trouble)
			night_violation(n, "the database does not open after a crash: %s", e.msg);
		night_note(n, "process %lld does not start: %s", (long long)p->epoch, e.msg);
		forget(n, p);
		n->dying = false;
		disk_restart(&n->disk);
		later(n);
		return;
	}
	p->wheel.o.store = p->store;
	night_note(n, "process %lld starts", (long long)p->epoch);
	if (p->model.next_event <= n->durable_event)
		night_violation(n, "event %lld was durable and is lost", (long long)n->durable_event);
	judge_restarted(n);
	process_fact(n, &restarted);
}

void process_end(struct sim_night *n, enum disk_end how)
{
	struct process *p = n->p;

	if (!p)
		return;
	disk_stop(&n->disk, how);
	night_note(n, "process %lld is dead", (long long)p->epoch);
	forget(n, p);
	disk_restart(&n->disk);
	n->dying = false;
	n->kill_in = 0;
	later(n);
}

void process_shutdown(struct sim_night *n)
{
	struct fact f = { .kind = FACT_SHUTDOWN };
	struct process *p = n->p;

	if (!p)
		return;
	night_note(n, "process %lld shuts down", (long long)p->epoch);
	process_fact(n, &f);
	wheel_close(&p->wheel);
	store_flush(p->store);
	if (n->dying)
		return; /* killed on its way out */
	forget(n, p);
	disk_restart(&n->disk);
	n->kill_in = 0;
	later(n);
}

void process_fact(struct sim_night *n, struct fact *f)
{
	if (!n->p || n->dying)
		return;
	f->time = process_now(n);
	wheel_fact(&n->p->wheel, f);
	arm(n);
}

int process_request(struct sim_night *n, struct fact *f)
{
	if (!n->p || n->dying)
		return -1;
	f->time = process_now(n);
	if (wheel_request(&n->p->wheel, f, NULL, NULL) < 0)
		return -1;
	arm(n);
	return 0;
}

void process_turn(struct sim_night *n)
{
	n->p->turn_at = FOREVER;
	wheel_turn(&n->p->wheel, process_now(n));
	arm(n);
}

void process_free(struct sim_night *n)
{
	struct process *p = n->p;

	disk_stop(&n->disk, DISK_KILLED);
	if (p)
		forget(n, p);
}

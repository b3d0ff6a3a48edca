#include "core_world.h"
#include "core/internal.h"
#include "core/ledger.h"

static const struct account_facts FACTS = { .title = "Cloud", .mark_at_create = true, .bill_by_machine = true,
	.billing = { .quantum = SECOND, .start = METER_FROM_CREATE, .settle_delay = MINUTE }, .create_timeout = MINUTE,
	.boot_allowance = 10 * MINUTE, .teardown_allowance = 10 * MINUTE };

static const struct policy POLICY = { .poll_boot = 5 * SECOND, .poll_steady = 30 * SECOND, .poll_sweep = 2 * MINUTE,
	.settle = 10 * MINUTE, .settle_single_flight = 20 * MINUTE, .absence_listings = 5, .absence_spacing = 30 * SECOND,
	.gone_listings = 2, .gone_spacing = MINUTE, .late_watch = DAY, .orphan_grace = 10 * MINUTE, .bill_poll = 5 * MINUTE,
	.bill_watch = 35 * DAY, .contact_lost = 10 * MINUTE, .lease = 15 * MINUTE, .run_poll = 5 * SECOND, .run_poll_watched = SECOND };

static void model_fresh(struct world *w)
{
	model_init(&w->m, &w->rng);
	str_copy(w->m.site, "abc234");
	memset(w->m.mark_key, 7, sizeof(w->m.mark_key));
	w->m.policy = POLICY;
	w->m.now = w->now;
	w->m.compile = w->compile;
}

int world_setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->text = (struct buf)BUF(1024 * 1024);
	rng_seed(&w->rng, 1);
	w->now = WORLD_START;
	model_fresh(w);
	w->want = (struct fleet){ .gpu = "H100", .owner = "ann", .gpu_count = 1, .instances = 1, .lifetime = 4 * HOUR };
	*state = w;
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;

	model_free(&w->m);
	free(w->books);
	buf_free(&w->text);
	free(w);
	return 0;
}

struct account_state *world_account(struct world *w, const char *name)
{
	struct account_facts facts = FACTS;
	struct account_state *a;

	str_copy(facts.name, name);
	str_copy(facts.provider, name);
	facts.takes_image = facts.takes_disk = true;
	a = model_add_account(&w->m, &facts);
	a->configured = true;
	core_touch(&w->m, &a->object);
	return a;
}

struct offer *world_offer(struct world *w, const char *account, const char *key, money price)
{
	struct offer *o = &w->market[w->market_count++];

	assert_true(w->market_count <= ARRAY_LEN(w->market));
	*o = (struct offer){ .gpu = "H100", .gpu_count = 1, .price_hour = price, .available = -1 };
	str_copy(o->account, account);
	str_copy(o->provider, account);
	str_copy(o->key, key);
	return o;
}

void world_simple(struct world *w)
{
	world_account(w, "cloud");
	world_offer(w, "cloud", "a", 2 * USD);
}

void world_single_flight(struct world *w)
{
	struct account_state *a = world_account(w, "cloud");

	a->facts.single_flight = a->facts.exclusive = true;
	a->facts.mark_at_create = false;
	world_offer(w, "cloud", "a", 2 * USD);
}

struct unit *world_unit(struct world *w, const char *account, const char *mark, int64_t whose)
{
	struct unit *u = &w->units[w->unit_count++];

	assert_true(w->unit_count < WORLD_IDS);
	*u = (struct unit){ .instance = whose, .state = MACHINE_RUNNING, .born = w->now, .gpu = "H100", .gpu_count = 1,
		.price_hour = 2 * USD };
	snprintf(u->id, sizeof(u->id), "vm-%zu", w->unit_count);
	str_copy(u->account, account);
	str_copy(u->mark, mark ? mark : "");
	return u;
}

void world_fact(struct world *w, struct fact *f)
{
	f->time = w->now;
	core_apply(&w->m, f);
}

struct fleet *world_up(struct world *w)
{
	struct fact f = { .kind = FACT_FLEET_OPEN, .fleet = &w->want };

	snprintf(w->want.name, sizeof(w->want.name), "f%d", ++w->names);
	world_fact(w, &f);
	assert_int_equal(f.error.code, ERR_NONE);
	return model_fleet(&w->m, f.answer_id);
}

static struct run *submit(struct world *w, struct run row)
{
	struct fact f = { .kind = FACT_RUN_SUBMIT, .run = &row };

	str_copy(row.recipe, "script");
	row.setup_timeout = 10 * MINUTE;
	row.run_timeout = HOUR;
	snprintf(row.key, sizeof(row.key), "run%d", ++w->names);
	world_fact(w, &f);
	return f.error.code ? NULL : model_run(&w->m, f.answer_id);
}

struct run *world_submit(struct world *w, const struct fleet *fleet)
{
	return world_submit_ranks(w, fleet, 0);
}

struct run *world_submit_ranks(struct world *w, const struct fleet *fleet, int ranks)
{
	struct run *r = submit(w, (struct run){ .fleet_id = fleet->object.id, .ranks = ranks });

	assert_non_null(r);
	return r;
}

struct run *world_submit_pinned(struct world *w, const struct fleet *fleet, int slot)
{
	return submit(w, (struct run){ .fleet_id = fleet->object.id, .pinned = slot + 1 });
}

void world_close_fleet(struct world *w, const struct fleet *f)
{
	world_fact(w, &(struct fact){ .kind = FACT_FLEET_CLOSE, .id = f->object.id, .actor = "ann" });
}

void world_cancel(struct world *w, const struct run *r)
{
	world_fact(w, &(struct fact){ .kind = FACT_RUN_CANCEL, .id = r->object.id, .actor = "ann" });
}

/* ---- time ---- */

/* As the wheel does: rows and events become durable before anything is done. */
static void commit(struct world *w)
{
	ledger_post(&w->m);
	books_take(w);
	list_for_each_safe(n, &w->m.dirty) {
		struct object *o = CONTAINER_OF(n, struct object, dirty_link);

		o->dirty = false;
		list_remove(n);
	}
	for (size_t k = 0; k < w->m.event_count; k++) {
		const struct event *e = &w->m.events[k];

		w->illegal += !strcmp(e->to, "illegal");
		w->price_moved |= !strcmp(e->event, "price");
		str_copy(w->last_event, e->event);
		str_copy(w->last_text, e->text);
		if (!strcmp(e->to, "illegal"))
			fail_msg("%s %lld: %s in %s is forbidden: %s", e->kind == OBJECT_RUN ? "run" : "object",
			    (long long)e->object_id, e->event, e->from, e->text);
	}
	w->m.event_count = 0;
}

void world_turn(struct world *w)
{
	struct actions out = { NULL, 0, 0 };

	core_decide(&w->m, w->now, &out);
	commit(w);
	for (size_t k = 0; k < out.count; k++)
		world_take(w, &out.items[k]);
	actions_free(&out);
	world_check(w);
}

static instant first_answer(const struct world *w)
{
	instant first = FOREVER;

	for (size_t k = 0; k < w->answer_count; k++)
		if (!w->k.held[w->answers[k].action.kind])
			first = instant_min(first, instant_max(w->answers[k].due, w->now));
	return first;
}

static void deliver(struct world *w)
{
	for (size_t k = 0; k < w->answer_count;) {
		struct answer a = w->answers[k];

		if (a.due > w->now || w->k.held[a.action.kind]) {
			k++;
			continue;
		}
		w->answer_count--;
		memmove(&w->answers[k], &w->answers[k + 1], (w->answer_count - k) * sizeof(w->answers[0]));
		world_answer(w, &a);
	}
}

/* One turn, then time goes on to whatever comes next. False: nothing comes before `end`. */
static bool step(struct world *w, instant end, int *still)
{
	instant next;

	world_turn(w);
	next = instant_min(core_next_wake(&w->m, w->now), first_answer(w));
	if (next > end) {
		w->now = end;
		return false;
	}
	*still = next > w->now ? 0 : *still + 1;
	if (*still > 50)
		fail_msg("the core spins: it wants to be woken at once for ever");
	w->now = instant_max(next, w->now);
	deliver(w);
	return true;
}

void world_pass(struct world *w, duration span)
{
	instant end = w->now + span;
	int still = 0;

	while (step(w, end, &still))
		;
	world_turn(w);
}

bool world_until(struct world *w, const struct instance *i, enum instance_state s, duration most)
{
	instant end = w->now + most;
	int still = 0;

	while (i->state != s && step(w, end, &still))
		;
	return i->state == s;
}

bool world_until_fleet(struct world *w, const struct fleet *f, enum fleet_state s, duration most)
{
	instant end = w->now + most;
	int still = 0;

	while (f->state != s && step(w, end, &still))
		;
	return f->state == s;
}

bool world_until_run(struct world *w, const struct run *r, enum run_state s, duration most)
{
	instant end = w->now + most;
	int still = 0;

	while (r->state != s && step(w, end, &still))
		;
	return r->state == s;
}

int world_instances(const struct world *w)
{
	return (int)w->m.instances.count;
}

struct instance *world_instance(const struct world *w, int n)
{
	for (int64_t id = 1; id < w->m.next_id; id++) {
		struct instance *i = model_instance(&w->m, id);

		if (i && !n--)
			return i;
	}
	return NULL;
}

struct instance *world_until_planned(struct world *w, int n, duration most)
{
	instant end = w->now + most;
	int still = 0;

	while (world_instances(w) <= n && step(w, end, &still))
		;
	return world_instance(w, n);
}

size_t world_alive(const struct world *w)
{
	size_t n = 0;

	for (size_t k = 0; k < w->unit_count; k++)
		n += !w->units[k].gone && w->units[k].instance != FOREIGN;
	return n;
}

/* ---- restart ---- */

static void carry_instance(struct model *m, const struct instance *old)
{
	struct instance row = *old;

	row.offer_spec = old->offer_spec ? xstrdup(old->offer_spec) : NULL;
	row.snapshot = old->snapshot ? xstrdup(old->snapshot) : NULL;
	row.activity = ACTIVITY_NONE;
	row.retry_at = 0;
	row.tries = 0;
	model_add_instance(m, &row);
}

static void carry_run(struct model *m, const struct run *old)
{
	struct run row = *old;

	row.params = old->params ? xstrdup(old->params) : NULL;
	row.env = xstrdup(old->env);
	row.spec = old->spec ? xstrdup(old->spec) : NULL;
	row.activity = ACTIVITY_NONE;
	row.retry_at = row.stop_deadline = 0;
	row.tries = 0;
	row.watched = row.stop_said = false;
	model_add_run(m, &row);
}

static void unlink_all(struct list *head)
{
	list_for_each_safe(n, head)
		list_remove(n);
}

/* Rows refer to rows with smaller ids: in their order they are loaded. */
static void carry_campaigns(struct model *m, const struct model *old)
{
	for (int64_t id = 1; id < old->next_id; id++) {
		const struct campaign *c = map_get(&old->campaigns, id);
		const struct night *n = model_night(old, id);

		if (c) {
			struct campaign row = *c;

			row.text = xstrdup(c->text);
			row.plan = NULL;
			model_add_campaign(m, &row);
		} else if (n) {
			struct night row = *n;

			row.text = xstrdup(n->text);
			row.plan = NULL;
			model_add_night(m, &row);
		} else if (model_budget(old, id)) {
			model_add_budget(m, model_budget(old, id));
		} else if (model_trial(old, id)) {
			model_add_trial(m, model_trial(old, id));
		} else if (model_notice(old, id)) {
			struct notice row = *model_notice(old, id);

			row.retry_at = 0;
			model_add_notice(m, &row);
		}
	}
}

static void carry_extra(struct model *m, const struct extra *x)
{
	struct extra row = *x;

	if (x->state == EXTRA_GONE && (x->kind == EXTRA_KEY || x->settled))
		return;
	row.retry_at = row.absent_at = row.bill_at = 0;
	row.tries = row.bill_tries = 0;
	row.bill_busy = false;
	row.recharged = 0;
	row.machine[0] = '\0';
	model_add_extra(m, &row);
}

void world_restart(struct world *w)
{
	struct account_state *a;
	struct model old;

	/* The heads of these two lists live in the model itself: nothing may be linked to them when it moves. */
	ledger_post(&w->m);
	books_take(w);
	unlink_all(&w->m.dirty);
	unlink_all(&w->m.touched);
	old = w->m;
	model_fresh(w);
	for (size_t k = 0; k < old.account_count; k++) {
		a = model_add_account(&w->m, &old.accounts[k]->facts);
		a->configured = old.accounts[k]->configured;
		a->window_balance = old.accounts[k]->window_balance;
		a->window_since = old.accounts[k]->window_since;
		a->window_balance_known = old.accounts[k]->window_balance_known;
	}
	carry_campaigns(&w->m, &old);
	for (int64_t id = 1; id < old.next_id; id++) {
		const struct fleet *f = model_fleet(&old, id);
		struct fleet row;

		if (!f)
			continue;
		row = *f;
		row.env = xstrdup(f->env);
		row.place_retry_at = 0;
		row.extend_error[0] = '\0';
		model_add_fleet(&w->m, &row);
	}
	for (int64_t id = 1; id < old.next_id; id++) {
		if (model_instance(&old, id))
			carry_instance(&w->m, model_instance(&old, id));
		if (model_run(&old, id))
			carry_run(&w->m, model_run(&old, id));
		if (model_extra(&old, id))
			carry_extra(&w->m, model_extra(&old, id));
	}
	w->m.next_id = old.next_id;
	w->m.next_event = old.next_event;
	w->m.next_posting = old.next_posting;
	w->answer_count = 0;
	model_free(&old);
	world_fact(w, &(struct fact){ .kind = FACT_RESTARTED });
}

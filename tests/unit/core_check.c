/* What must hold after every turn, whatever happened (reliability §2.2). */
#include "core_world.h"

/* Rows for machines that the account showed us: nobody reserved money for them. */
static bool taken_in(const struct instance *i)
{
	return i->cause == CAUSE_DUPLICATE || i->cause == CAUSE_LATE || i->cause == CAUSE_RESURRECTED || i->cause == CAUSE_ORPHAN;
}

/* What is held pays for the machine up to the deadline in its name. */
static void check_hold(const struct world *w, const struct instance *i)
{
	const struct account_state *a = model_account(&w->m, i->account);
	const struct fleet *f = model_fleet(&w->m, i->fleet_id);
	money worst = cost_hold_until(&a->facts, i, i->deadline);

	if (i->state == INSTANCE_GONE)
		assert_int_equal(i->hold, 0);
	else if (!taken_in(i) && i->hold < worst && !(f && f->cause == CAUSE_MONEY)) /* it ends since a dearer one cannot be held */
		fail_msg("instance %lld in %s holds %lld, its worst case is %lld", (long long)i->object.id,
		    instance_fsm.state_names[i->state], (long long)i->hold, (long long)worst);
}

static void check_instance(struct world *w, const struct instance *i)
{
	const struct run *r = model_run(&w->m, i->run_id);
	int64_t id = i->object.id;

	assert_true(id < WORLD_IDS);
	assert_true(w->creates[id] <= 1);
	assert_false(w->creates[id] && i->state == INSTANCE_PLANNED);
	if (w->last_state[id] == INSTANCE_GONE)
		assert_int_equal(i->state, INSTANCE_GONE);
	w->last_state[id] = (uint8_t)i->state;
	check_hold(w, i);
	if (i->state == INSTANCE_BUSY) {
		assert_non_null(r);
		assert_int_equal(r->instance_id, id);
		assert_true(r->state != RUN_QUEUED && r->state != RUN_DONE);
	}
	if (i->state < INSTANCE_BUSY)
		assert_int_equal(i->run_id, 0);
	if (i->state >= INSTANCE_BOOTING && i->state <= INSTANCE_DELETING)
		assert_true(*i->provider_id != '\0');
}

static void check_run(const struct world *w, const struct run *r)
{
	const struct instance *i = model_instance(&w->m, r->instance_id);

	if (r->pinned && i)
		assert_int_equal(i->slot, r->pinned - 1);
	if (r->state == RUN_DONE) {
		assert_true(r->outcome != OUTCOME_NONE && r->done != 0);
	} else if (r->state != RUN_QUEUED) {
		assert_non_null(i);
		assert_true(i->state == INSTANCE_DELETING || i->run_id == r->object.id);
	}
}

/* At most one machine is kept for each slot, and what is reserved stays below the fleet's cap. */
static void check_fleet(const struct world *w, const struct fleet *f)
{
	uint64_t kept = 0;
	money sum = 0;
	bool surprised = w->price_moved;

	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);
		const struct account_state *a = model_account(&w->m, i->account);
		money spent = cost_of_instance(&a->facts, i, w->now);

		surprised |= taken_in(i) || i->meter_end > i->deadline || (i->state == INSTANCE_DELETING && w->now > i->deadline);
		sum += spent > i->hold ? spent : i->hold;
		if (i->state >= INSTANCE_DELETING)
			continue;
		if (kept & 1ull << i->slot)
			fail_msg("two machines are kept for slot %d", i->slot);
		kept |= 1ull << i->slot;
	}
	if (f->max_cost && !surprised && sum > f->max_cost)
		fail_msg("%lld is spent or held, the cap is %lld", (long long)sum, (long long)f->max_cost);
	if (f->state == FLEET_CLOSED)
		list_for_each(n, &f->run_list)
			assert_int_equal(RUN_OF(n)->state, RUN_DONE);
}

/* The deadline in a name may be old, but never later than what the daemon acts on, except while a rename is under way. */
static void check_units(const struct world *w)
{
	for (size_t k = 0; k < w->unit_count; k++)
		if (w->units[k].instance == FOREIGN)
			assert_int_equal(w->units[k].gone, 0);
}

void world_check(struct world *w)
{
	const struct instance *i;
	const struct fleet *f;
	const struct run *r;
	size_t at;

	assert_int_equal(w->illegal, 0);
	assert_int_equal(w->foreign_destroys, 0);
	for (at = 0; (i = model_each(&w->m.instances, &at));)
		check_instance(w, i);
	for (at = 0; (r = model_each(&w->m.runs, &at));)
		check_run(w, r);
	for (at = 0; (f = model_each(&w->m.fleets, &at));)
		check_fleet(w, f);
	check_units(w);
	books_check(w);
	if (core_next_wake(&w->m, w->now) < w->now - DAY)
		fail_msg("the core wants to be woken in the past");
}

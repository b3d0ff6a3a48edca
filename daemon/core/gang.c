/*
 * A run of several instances: one row for each, ranks 0 … N-1, tied by the id of rank 0's run. Each is pushed, set up, watched and
 * collected as any run; here is what they have in common.
 *
 *	machines    all in one turn, or none: they are of one account and region, so that they reach each other
 *	beginning   who is set up waits; the turn that sees the last one set up releases all of them, in one commit
 *	end         one that fails, is lost or is cancelled stops the others; the run (rank 0) is ok when all are, and ends last
 */
#include "base/str.h"
#include "core/gang.h"
#include "core/internal.h"

struct run *gang_leader(const struct model *m, const struct run *r)
{
	struct run *first = r->ranks > 1 ? model_run(m, r->gang_id) : NULL;

	return first ? first : model_run(m, r->object.id);
}

struct run *gang_rank(const struct model *m, const struct run *r, int rank)
{
	const struct fleet *f = model_fleet(m, r->fleet_id);

	if (f && r->ranks > 1)
		list_for_each(n, &f->run_list)
			if (RUN_OF(n)->gang_id == r->gang_id && RUN_OF(n)->rank == rank)
				return RUN_OF(n);
	return r->rank == rank ? model_run(m, r->object.id) : NULL;
}

void gang_key(char out[16], const char *key, int rank)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

	if (rank)
		snprintf(out, 16, "%.13s%c%c", key, digits[rank / 32 % 32], digits[rank % 32]);
	else
		snprintf(out, 16, "%.15s", key);
}

/* ---- machines ---- */

/* Containers are reached by a few mapped ports only: what the ranks say to each other would not arrive. */
static bool may_join(const struct model *m, const struct instance *i)
{
	return i->state < INSTANCE_DRAINING && !account_of(m, i)->facts.container;
}

static bool same_place(const struct instance *a, const struct instance *b)
{
	return !strcmp(a->account, b->account) && str_ieq(a->region, b->region);
}

/* The machines that could work together with `i`; `now`: those that are free now. */
static int neighbours(const struct model *m, const struct fleet *f, const struct instance *i, bool now)
{
	int n = 0;

	list_for_each(l, &f->instance_list) {
		const struct instance *other = INSTANCE_OF(l);

		n += may_join(m, other) && same_place(i, other) && (!now || (other->state == INSTANCE_READY && !other->run_id));
	}
	return n;
}

/* As many as there can ever be in one place: those that are there, and what is still on its way or to be ordered. */
static int at_most(const struct model *m, const struct fleet *f)
{
	int most = 0, taken = 0, here;

	list_for_each(l, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(l);
		bool over = i->state >= INSTANCE_DRAINING;

		taken += !over || (i->ready_at && i->cause != CAUSE_BAD_MACHINE); /* its slot is not filled again */
		here = may_join(m, i) ? neighbours(m, f, i, false) : 0;
		most = here > most ? here : most;
	}
	return most + (taken < f->instances ? f->instances - taken : 0);
}

static bool only_containers(const struct model *m, const struct fleet *f)
{
	int containers = 0, others = 0;

	list_for_each(l, &f->instance_list)
		if (INSTANCE_OF(l)->state < INSTANCE_DRAINING) {
			if (account_of(m, INSTANCE_OF(l))->facts.container)
				containers++;
			else
				others++;
		}
	return containers && !others;
}

bool gang_admits(const struct model *m, const struct fleet *f, int ranks, struct err *e)
{
	int most = at_most(m, f);

	if (ranks < 2)
		return true;
	if (f->instances < ranks)
		err_set(e, ERR_CONFLICT, "the run wants %d instances; fleet '%s' has %d", ranks, f->name, f->instances);
	else if (only_containers(m, f))
		err_set(e, ERR_CONFLICT, "the machines of '%s' are containers, which reach each other by mapped ports only: a run of several "
		    "instances wants virtual machines (Hot Aisle, DigitalOcean) or hosts of your own", f->name);
	else if (most < ranks)
		err_set(e, ERR_CONFLICT, "the run wants %d instances of one account and region; fleet '%s' has %d such", ranks, f->name, most);
	else
		return true;
	return false;
}

void gang_make(struct model *m, struct run *first)
{
	first->gang_id = first->object.id;
	for (int rank = 1; rank < first->ranks; rank++) {
		struct run row = *first, *r;

		row.object.id = m->next_id;
		row.rank = rank;
		row.params = row.spec = row.env = NULL; /* what is run is rank 0's to say */
		gang_key(row.key, first->key, rank);
		r = model_add_run(m, &row);
		core_event(m, &r->object, "", "submit", "QUEUED", CAUSE_NONE, NULL, "rank %d of run %lld", rank, (long long)first->object.id);
		core_dirty(m, &r->object);
	}
}

bool gang_is_before(const struct fleet *f, const struct run *r)
{
	list_for_each(n, &f->run_list) {
		const struct run *o = RUN_OF(n);

		if (o->ranks > 1 && o->rank == 0 && o->state == RUN_QUEUED && o->object.id < r->object.id)
			return true;
	}
	return false;
}

/* The addresses by which they reach each other: private ones when all have one. */
bool gang_is_private(const struct model *m, const struct run *r)
{
	for (int rank = 0; rank < r->ranks; rank++) {
		const struct run *o = gang_rank(m, r, rank);
		const struct instance *i = o ? model_instance(m, o->instance_id) : NULL;

		if (!i || !*i->private_address)
			return false;
	}
	return r->ranks > 1;
}

const char *gang_address(const struct model *m, const struct run *r, int rank)
{
	const struct run *o = gang_rank(m, r, rank);
	const struct instance *i = o ? model_instance(m, o->instance_id) : NULL;

	if (r->ranks < 2)
		return "127.0.0.1";
	return !i ? "" : gang_is_private(m, r) ? i->private_address : i->address;
}

static struct instance *free_in_slot(const struct model *m, const struct fleet *f, const struct instance *near, int slot)
{
	list_for_each(n, &f->instance_list) {
		struct instance *i = INSTANCE_OF(n);

		if (i->slot == slot && i->state == INSTANCE_READY && !i->run_id && may_join(m, i) && same_place(i, near))
			return i;
	}
	return NULL;
}

static void take_all(struct model *m, struct run *first, const struct fleet *f, const struct instance *near)
{
	int rank = 0;

	for (int slot = 0; slot < f->instances && rank < first->ranks; slot++) {
		struct instance *i = free_in_slot(m, f, near, slot);

		if (i)
			run_assign(m, gang_rank(m, first, rank++), i);
	}
	core_event(m, &first->object, "PUSHING", "gathered", "PUSHING", CAUSE_NONE, NULL, "%d instances at %s%s%s, by their %s addresses",
	    first->ranks, near->account, *near->region ? " in " : "", near->region, gang_is_private(m, first) ? "private" : "public");
}

void gang_assign(struct model *m, struct run *first, const struct fleet *f)
{
	list_for_each(n, &f->instance_list) {
		struct instance *i = INSTANCE_OF(n);

		if (i->state == INSTANCE_READY && !i->run_id && may_join(m, i) && neighbours(m, f, i, true) >= first->ranks) {
			take_all(m, first, f, i);
			return;
		}
	}
	if (at_most(m, f) < first->ranks)
		run_stop(m, first, CAUSE_LOST, NULL, "its fleet has not enough instances any more that reach each other");
}

/* ---- beginning ---- */

void gang_set_up(struct model *m, struct run *r)
{
	struct run *first = gang_leader(m, r), *o;

	for (int rank = 0; rank < r->ranks; rank++) {
		o = gang_rank(m, r, rank);
		if (!o || o->state != RUN_SETUP || !o->set_up || o->released)
			return;
	}
	for (int rank = 0; rank < r->ranks; rank++) {
		o = gang_rank(m, r, rank);
		o->released = m->now;
		o->retry_at = 0;
		core_dirty(m, &o->object);
		core_touch(m, &o->object);
	}
	core_event(m, &first->object, "SETUP", "release", "SETUP", CAUSE_NONE, NULL, "all %d instances are set up: they begin", r->ranks);
}

/* ---- end ---- */

bool gang_over(const struct model *m, const struct run *r, bool but_first)
{
	for (int rank = but_first; rank < r->ranks; rank++) {
		const struct run *o = gang_rank(m, r, rank);

		if (o && o->state != RUN_DONE)
			return false;
	}
	return r->ranks > 1 || r->state == RUN_DONE;
}

/* The run fails by what befell one of its ranks. */
static void blame(struct model *m, struct run *first, const struct run *r, const char *text)
{
	if (first->outcome != OUTCOME_NONE && first->outcome != OUTCOME_OK)
		return;
	first->outcome = r->outcome;
	first->cause = r->cause;
	str_copy(first->reason, text);
	first->version++;
	core_dirty(m, &first->object);
}

static void stop_others(struct model *m, struct run *r)
{
	struct run *first = gang_leader(m, r);
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "rank %d: %.220s", r->rank, r->reason);
	if (first != r && first->exit_status <= 0)
		first->exit_status = r->exit_status;
	for (int rank = 0; rank < r->ranks; rank++) {
		struct run *o = gang_rank(m, r, rank);

		if (!o || o == r || o->state == RUN_DONE || o->stop_requested)
			continue;
		o->halted = true;
		run_stop(m, o, r->cause, NULL, text);
	}
	if (first != r)
		blame(m, first, r, text);
}

void gang_changed(struct model *m, struct run *r)
{
	bool over = r->state == RUN_STOPPING || r->state == RUN_COLLECTING || r->state == RUN_DONE;

	if (over && r->outcome != OUTCOME_OK && !r->halted) {
		r->halted = true; /* said once */
		stop_others(m, r);
	}
	if (r->state == RUN_DONE)
		core_touch(m, &gang_leader(m, r)->object);
}

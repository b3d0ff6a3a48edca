/*
 * What a complete listing says (reliability §2.6, §2.7, §2.9): about machines we know, about creates nobody answered, and about
 * machines nobody knows. A listing is a claim: it can be void, and one absence proves nothing.
 */
#include "base/str.h"
#include "base/mutant.h"
#include "core/internal.h"
#include "core/mark.h"

const struct machine *listing_find(const struct fact *f, const char *id)
{
	for (size_t k = 0; k < f->machine_count; k++)
		if (!strcmp(f->machines[k].id, id))
			return &f->machines[k];
	return NULL;
}

/* Count an absence only when it is far enough from the last one, and only for what existed before the listing began. */
static void count_absence(struct model *m, struct instance *i, duration spacing)
{
	if (i->absent_at && m->now - i->absent_at < spacing)
		return;
	if (!i->absent_listings)
		i->first_absent = m->now;
	i->absent_listings++;
	i->absent_at = m->now;
	core_dirty(m, &i->object);
	core_touch(m, &i->object);
}

static duration settle_time(const struct model *m, const struct account_state *a)
{
	return a->facts.single_flight ? m->policy.settle_single_flight : m->policy.settle;
}

static void not_listed(struct model *m, struct account_state *a, struct instance *i, instant began)
{
	const struct policy *p = &m->policy;
	struct run *r = model_run(m, i->run_id);

	switch (i->state) {
	case INSTANCE_DELETING:
		if (began > i->deleting_at && (i->delete_accepted || i->describe_absent))
			count_absence(m, i, p->gone_spacing);
		break;
	case INSTANCE_AMBIGUOUS:
		if (began <= i->sent)
			break;
		count_absence(m, i, p->absence_spacing);
		if (i->absent_listings >= MUTANT("one_absence_is_proof", p->absence_listings, 1) &&
		    m->now - i->sent >= MUTANT("absent_at_once", settle_time(m, a), 0) &&
		    !(a->facts.single_flight && !a->facts.exclusive))
			instance_move(m, i, INSTANCE_EV_ABSENT, CAUSE_ABSENT, NULL, "absent in %d complete listings over %lld s",
			    i->absent_listings, (long long)((m->now - i->sent) / SECOND));
		break;
	case INSTANCE_BOOTING:
	case INSTANCE_CONNECTING:
	case INSTANCE_READY:
	case INSTANCE_BUSY:
	case INSTANCE_DRAINING:
		if (began <= i->created || m->now - i->created < settle_time(m, a) / 10)
			break; /* not yet visible */
		count_absence(m, i, p->absence_spacing);
		if (i->absent_listings < p->absence_listings || (i->state < INSTANCE_READY && m->now - i->created < settle_time(m, a)))
			break;
		if (!i->meter_end)
			i->meter_end = i->last_seen; /* an estimate until the bill arrives */
		instance_move(m, i, INSTANCE_EV_LOST, i->ready_at ? CAUSE_LOST : CAUSE_BOOT_FAILED, NULL,
		    "absent in %d complete listings", i->absent_listings);
		if (r)
			run_machine_lost(m, r, "the provider does not list the machine any more");
		break;
	case INSTANCE_PLANNED:
	case INSTANCE_DISPATCHING:
	case INSTANCE_GONE:
	case INSTANCE_STATES: break;
	}
}

/* A second machine of one request, a late arrival, something back from the dead, or ours without a row: a new row that deletes it. */
static void take_in(struct model *m, const struct account_state *a, const struct machine *seen, const struct instance *like,
    enum cause cause, const char *why)
{
	struct instance row = { .object.id = m->next_id, .state = INSTANCE_DELETING, .cause = cause }, *i;
	struct mark mark;

	str_copy(row.account, a->facts.name);
	str_copy(row.provider, a->facts.provider);
	str_copy(row.provider_id, seen->id);
	str_copy(row.mark, seen->mark);
	str_copy(row.reason, why);
	str_copy(row.gpu, *seen->gpu ? seen->gpu : like ? like->gpu : "");
	row.gpu_count = seen->gpu_count ? seen->gpu_count : like ? like->gpu_count : 0;
	row.price_hour = seen->price_hour ? seen->price_hour : like ? like->price_hour : 0;
	row.fleet_id = like ? like->fleet_id : 0;
	row.slot = like ? like->slot : 0;
	row.marked = *seen->mark != '\0';
	row.planned = row.sent = row.created = seen->created ? seen->created : m->now;
	row.meter_start = row.created;
	row.last_seen = m->now;
	row.running_at = row.created;
	row.deleting_at = m->now;
	if (mark_read(&mark, seen->mark, m->mark_key, a->facts.provider, m->site) == MARK_OURS)
		row.deadline = mark.deadline;
	i = model_add_instance(m, &row);
	core_event(m, &i->object, "", cause_name(cause), "DELETING", cause, NULL, "%s: %s", seen->id, why);
	core_dirty(m, &i->object);
	core_touch(m, &i->object);
}

#ifdef GPUFLEET_MUTANTS
static void ignore(struct model *m, const struct account_state *a, const struct machine *seen, const struct instance *like,
    enum cause cause, const char *why)
{
	(void)m, (void)a, (void)seen, (void)like, (void)cause, (void)why;
}
#endif

static struct instance *known(const struct account_state *a, const struct machine *seen)
{
	struct instance *gone = NULL;

	list_for_each(n, &a->instance_list) {
		struct instance *i = CONTAINER_OF(n, struct instance, account_link);

		if (strcmp(i->provider_id, seen->id) != 0)
			continue;
		if (i->state != INSTANCE_GONE)
			return i;
		gone = i;
	}
	return gone;
}

static struct instance *same_intent(const struct account_state *a, const struct machine *seen, bool open)
{
	list_for_each(n, &a->instance_list) {
		struct instance *i = CONTAINER_OF(n, struct instance, account_link);

		if (mark_same_intent(i->mark, seen->mark) && (i->state == INSTANCE_AMBIGUOUS) == open)
			return i;
	}
	return NULL;
}

/*
 * Does another account at this provider know the machine? Then both are one account there, under two tokens or two names: what one of
 * them ordered is no stray of the other.
 */
static const struct account_state *elsewhere(const struct model *m, const struct account_state *a, const struct machine *seen)
{
	for (size_t k = 0; k < m->account_count; k++) {
		const struct account_state *other = m->accounts[k];
		const struct instance *i;

		if (other == a || strcmp(other->facts.provider, a->facts.provider) != 0)
			continue;
		i = *seen->mark ? NULL : known(other, seen);
		if ((i && i->state != INSTANCE_GONE) || (*seen->mark && (same_intent(other, seen, true) || same_intent(other, seen, false))))
			return other;
	}
	return NULL;
}

static bool is_elsewhere(const struct model *m, struct account_state *a, const struct machine *seen)
{
	const struct account_state *other = elsewhere(m, a, seen);

	if (!other)
		return false;
	a->unmanaged++;
	snprintf(a->trouble, sizeof(a->trouble), "it lists machines of '%s': both are the same account at %s; remove one of them from the configuration",
	    other->facts.name, a->facts.title);
	return true;
}

/* A machine with our valid mark that no row has under its id. */
static void unknown_ours(struct model *m, struct account_state *a, const struct machine *seen)
{
	struct instance *i = same_intent(a, seen, true);

	if (i) {
		instance_adopt(m, i, seen);
		return;
	}
	i = same_intent(a, seen, false);
	if (!i && m->policy.adopt_orphans && instance_adopt_orphan(m, a, seen))
		return;
	if (!i)
		MUTANT("orphans_ignored", take_in, ignore)(m, a, seen, NULL, CAUSE_ORPHAN, "carries our mark, but the database does not know it");
	else if (i->state == INSTANCE_DISPATCHING)
		return; /* the answer is still on its way */
	else if (i->state == INSTANCE_GONE && !*i->provider_id)
		MUTANT("late_ones_ignored", take_in, ignore)(m, a, seen, i, CAUSE_LATE, "appeared after its create was proved absent");
	else
		MUTANT("twins_ignored", take_in, ignore)(m, a, seen, i, CAUSE_DUPLICATE, "a second machine of one request");
}

static bool in_snapshot(const struct instance *i, const char *id)
{
	char quoted[ID_MAX + 4];

	snprintf(quoted, sizeof(quoted), "\"%s\"", id);
	return i->snapshot && strstr(i->snapshot, quoted);
}

/*
 * Hot Aisle: the create left no name. What is new since the snapshot, unmarked and unknown, is the machine, if the account is
 * only ours (reliability §2.6): the first becomes the instance, further ones are duplicates.
 */
static void claim_unmarked(struct model *m, struct account_state *a, const struct fact *f)
{
	struct instance *i = model_instance(m, a->create_lock);
	bool claimed = false;

	if (!a->facts.exclusive || !i || i->state != INSTANCE_AMBIGUOUS || f->began <= i->sent)
		return;
	for (size_t k = 0; k < f->machine_count; k++) {
		const struct machine *seen = &f->machines[k];
		const struct instance *row = known(a, seen);

		/* Hot Aisle gives the name of a machine that is gone to the next one. */
		if (*seen->mark || in_snapshot(i, seen->id) || (row && row->state != INSTANCE_GONE))
			continue;
		if (claimed)
			take_in(m, a, seen, i, CAUSE_DUPLICATE, "a second machine of one request");
		else
			instance_adopt(m, i, seen);
		claimed = true;
	}
}

/* By a machine's id: is it somebody else's for certain? */
static bool taken(struct account_state *a, const struct instance *i, const char *id, struct err *e)
{
	if (in_snapshot(i, id)) {
		err_set(e, ERR_REFUSED, "%s was there before the order: it is not the machine that was ordered", id);
		return true;
	}
	list_for_each(n, &a->instance_list) {
		const struct instance *other = CONTAINER_OF(n, struct instance, account_link);

		if (other != i && other->state != INSTANCE_GONE && !strcmp(other->provider_id, id)) {
			err_set(e, ERR_CONFLICT, "%s is instance %lld already", id, (long long)other->object.id);
			return true;
		}
	}
	return false;
}

void instance_resolve(struct model *m, struct fact *f)
{
	struct instance *i = model_instance(m, f->id);

	if (!i) {
		err_set(&f->error, ERR_NOT_FOUND, "no such instance");
		return;
	}
	f->answer_id = i->fleet_id;
	if (i->state != INSTANCE_AMBIGUOUS) {
		err_set(&f->error, ERR_CONFLICT, "it is %s: only an order in doubt (AMBIGUOUS) can be resolved",
		    instance_fsm.state_names[i->state]);
	} else if (!*f->text) {
		instance_move(m, i, INSTANCE_EV_ABSENT, CAUSE_ABSENT, f->actor, "said not to exist");
	} else if (!taken(account_of(m, i), i, f->text, &f->error)) {
		str_copy(i->provider_id, f->text);
		instance_move(m, i, INSTANCE_EV_FOUND, CAUSE_NONE, f->actor, "said to be %s", i->provider_id);
		if (i->stop_requested)
			instance_move(m, i, INSTANCE_EV_STOP, i->cause, NULL, "%s", *i->reason ? i->reason : "stop was asked for");
	}
}

static void take_snapshot(struct model *m, struct account_state *a, const struct fact *f)
{
	struct instance *i = model_instance(m, a->create_lock);
	struct buf b = BUF(1u << 20);

	if (!i || i->state != INSTANCE_PLANNED || i->snapshot)
		return;
	buf_putc(&b, '[');
	for (size_t k = 0; k < f->machine_count; k++)
		buf_printf(&b, "%s\"%s\"", k ? "," : "", f->machines[k].id);
	buf_putc(&b, ']');
	i->snapshot = buf_take(&b);
	core_dirty(m, &i->object);
	core_touch(m, &i->object);
}

/* One of ours that was given up before it could be named; in an account where everything is ours, and while none is ordered. */
static bool came_back_unmarked(const struct account_state *a, const struct instance *i, const struct machine *seen)
{
	return a->facts.exclusive && !a->create_lock && !i->marked && !*seen->mark;
}

void listing_apply(struct model *m, struct account_state *a, const struct fact *f)
{
	struct mark mark;

	if (listing_is_void(m, a, f))
		return;
	a->unmanaged = 0;
	for (size_t k = 0; k < f->machine_count; k++) {
		const struct machine *seen = &f->machines[k];
		struct instance *i = known(a, seen);
		enum mark_verdict whose = mark_read(&mark, seen->mark, m->mark_key, a->facts.provider, m->site);
		bool ours = whose == MARK_OURS || (whose != MARK_NONE && MUTANT("any_mark_is_ours", false, true));

		if (i && i->state != INSTANCE_GONE && instance_is_other(m, i, seen)) {
			a->unmanaged++;
		} else if (i && i->state != INSTANCE_GONE) {
			if (i->state == INSTANCE_DELETING && MUTANT("ended_is_over", seen->over, seen->state == MACHINE_ENDED) && i->delete_accepted)
				continue; /* some providers list the dead for a while */
			instance_seen(m, i, seen);
		} else if (MUTANT("ended_is_over", seen->over, seen->state == MACHINE_ENDED)) {
			continue;
		} else if (i && came_back_unmarked(a, i, seen)) {
			if (f->began > i->gone)
				take_in(m, a, seen, i, CAUSE_RESURRECTED, "came back after it was gone, before it ever had its name");
		} else if (i && !(ours && mark_same_intent(i->mark, seen->mark))) {
			a->unmanaged += !ours; /* an id or a name given to somebody else's machine */
		} else if (i) {
			if (f->began > i->gone)
				MUTANT("resurrected_ones_ignored", take_in, ignore)(m, a, seen, i, CAUSE_RESURRECTED,
				    "came back after it was gone");
		} else if (is_elsewhere(m, a, seen)) {
			continue;
		} else if (ours) {
			unknown_ours(m, a, seen);
		} else if ((a->facts.exclusive || MUTANT("every_account_is_ours", false, true)) && !a->create_lock && !*seen->mark) {
			/* The twin of a create that could not be named, if not worse (§2.9). */
			MUTANT("unnamed_twins_ignored", take_in, ignore)(m, a, seen, NULL, CAUSE_ORPHAN,
			    "without a name in an account where everything is ours");
		} else {
			a->unmanaged++;
		}
	}
	if (a->facts.single_flight && !MUTANT("unnamed_not_claimed", false, true)) {
		claim_unmarked(m, a, f);
		take_snapshot(m, a, f);
	}
	list_for_each_safe(n, &a->instance_list) {
		struct instance *i = CONTAINER_OF(n, struct instance, account_link);
		const struct machine *seen = *i->provider_id ? listing_find(f, i->provider_id) : NULL;

		if (!seen || (seen->over && i->state == INSTANCE_DELETING) || instance_is_other(m, i, seen))
			not_listed(m, a, i, f->began);
	}
}

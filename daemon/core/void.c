/*
 * Listings that are complete and still not to be believed (reliability §2.7): those that do not show machines which answered by SSH
 * moments ago, and those that show less than the provider itself counts.
 */
#include "core/internal.h"
#include "core/mark.h"

#define COUNT_AGAIN (10 * SECOND) /* between two questions for the count */
#define COUNT_FRESH MINUTE

static bool reached_lately(const struct model *m, const struct instance *i)
{
	return i->last_contact && (i->state == INSTANCE_READY || i->state == INSTANCE_BUSY) &&
	       m->now - i->last_contact < 2 * m->policy.poll_steady;
}

/* Canaries: a listing that shows none of several that answer, or that is empty while one does, is void (H21, H22, H25). */
static bool denied_by_canaries(const struct model *m, const struct account_state *a, const struct fact *f)
{
	int alive = 0, shown = 0;

	list_for_each(n, &a->instance_list) {
		const struct instance *i = CONTAINER_OF(n, struct instance, account_link);

		if (i->state < INSTANCE_BOOTING || i->state > INSTANCE_BUSY || !reached_lately(m, i))
			continue;
		alive++;
		shown += listing_find(f, i->provider_id) != NULL;
	}
	return alive && !shown && (alive > 1 || !f->machine_count);
}

static bool intent_listed(const struct fact *f, const struct instance *i)
{
	for (size_t k = 0; k < f->machine_count; k++)
		if (mark_same_intent(i->mark, f->machines[k].mark))
			return true;
	return false;
}

/* Would its absence from this listing count against some machine? */
static bool somebody_missing(const struct account_state *a, const struct fact *f)
{
	list_for_each(n, &a->instance_list) {
		const struct instance *i = CONTAINER_OF(n, struct instance, account_link);

		if (i->state == INSTANCE_AMBIGUOUS && f->began > i->sent && !intent_listed(f, i))
			return true;
		if (i->state >= INSTANCE_BOOTING && i->state <= INSTANCE_DRAINING && f->began > i->created && !listing_find(f, i->provider_id))
			return true;
		/* A count of everybody's machines says nothing about the end of ours. */
		if (i->state == INSTANCE_DELETING && a->facts.exclusive && f->began > i->deleting_at && !listing_find(f, i->provider_id))
			return true;
	}
	return false;
}

static int still_there(const struct fact *f)
{
	int n = 0;

	for (size_t k = 0; k < f->machine_count; k++)
		n += !f->machines[k].over;
	return n;
}

instant count_due(const struct account_state *a, instant now)
{
	if (!a->count_wanted || a->counted_at >= a->count_wanted)
		return FOREVER;
	return now - a->balance_at < COUNT_AGAIN ? a->balance_at + COUNT_AGAIN : now;
}

static void say(struct model *m, struct account_state *a, const char *why)
{
	snprintf(a->trouble, sizeof(a->trouble), "a listing was void: %s", why);
	core_event(m, &a->object, "", "void", "", CAUSE_NONE, NULL, "%s: %s", a->facts.name, a->trouble);
}

bool listing_is_void(struct model *m, struct account_state *a, const struct fact *f)
{
	bool fresh = a->counted_at && a->counted_at >= m->now - COUNT_FRESH && a->counted_at >= a->count_wanted;

	if (denied_by_canaries(m, a, f)) {
		say(m, a, "it does not show machines that answer");
		return true;
	}
	if (!a->facts.counts || !somebody_missing(a, f) || (fresh && a->counted <= still_there(f))) {
		a->count_wanted = a->doubt_since = 0;
		return false;
	}
	if (!a->doubt_since)
		a->doubt_since = m->now;
	/* A provider that does not count, or counts wrong, must not keep everything in doubt for ever. */
	if (m->now - a->doubt_since > m->policy.settle)
		return false;
	if (!a->count_wanted || a->counted_at >= a->count_wanted) {
		a->count_wanted = m->now;
		core_touch(m, &a->object);
	}
	if (fresh)
		say(m, a, "the provider counts more machines than it lists");
	return true;
}

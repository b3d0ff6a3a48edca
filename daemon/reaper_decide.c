/*
 * What a listing means for the reaper: reads names and times, asks nobody.
 */
#include "base/str.h"
#include "reaper.h"

const char *reap_kind_name(enum reap_kind k)
{
	static const char *const names[REAP_KINDS] = { "over", "foreign", "other_site", "forged", "live", "grace", "overdue", "unmarked",
		"unmarked_overdue" };

	return names[k];
}

static struct reap_seen *find(struct reap_memory *m, const char *id)
{
	for (size_t k = 0; k < m->seen_count; k++)
		if (!strcmp(m->seen[k].id, id))
			return &m->seen[k];
	return NULL;
}

static struct reap_seen *remember(struct reap_memory *m, const char *id)
{
	struct reap_seen *s = find(m, id);

	if (s)
		return s;
	m->seen = xreallocarray(m->seen, m->seen_count + 1, sizeof(*m->seen));
	s = &m->seen[m->seen_count++];
	memset(s, 0, sizeof(*s));
	str_copy(s->id, id);
	return s;
}

void reap_remember_delete(struct reap_memory *m, const char *id, instant now)
{
	struct reap_seen *s = remember(m, id);

	s->deleted = now;
	s->deletes++;
}

void reap_memory_free(struct reap_memory *m)
{
	free(m->seen);
	m->seen = NULL;
	m->seen_count = 0;
}

bool reap_believable(struct reap_memory *m, size_t listed, const struct balance *balance, char why[TEXT_MAX])
{
	if (balance && balance->machines > 0 && (size_t)balance->machines > listed) {
		snprintf(why, TEXT_MAX, "the provider counts %d machines but lists %zu", balance->machines, listed);
		return false;
	}
	if (listed || !m->machines) {
		m->empty = 0;
		return true;
	}
	/* A count of none is a second witness. */
	if (balance && balance->machines == 0) {
		m->empty = 0;
		return true;
	}
	if (++m->empty >= REAP_EMPTY_BELIEVED) {
		m->empty = 0;
		return true;
	}
	snprintf(why, TEXT_MAX, "the listing is empty, the one before had %d machine%s: not believed before %d passes agree (%d so far)",
	    m->machines, m->machines == 1 ? "" : "s", REAP_EMPTY_BELIEVED, m->empty);
	return false;
}

static void judge(struct reap_memory *m, struct reap_item *item, const struct reap_place *place, const struct reap_rules *rules,
    instant now)
{
	const struct machine *x = item->machine;
	struct mark mark = { .deadline = 0 };
	struct reap_seen *seen;

	if (x->over) {
		item->kind = REAP_OVER;
		return;
	}
	switch (mark_read(&mark, x->mark, place->site->key, place->provider, place->site->id)) {
	case MARK_OTHER: item->kind = REAP_OTHER_SITE; return;
	case MARK_FORGED: item->kind = REAP_FORGED; return;
	case MARK_OURS:
		item->deadline = mark.deadline;
		item->kind = now < mark.deadline ? REAP_LIVE : now < mark.deadline + rules->grace ? REAP_GRACE_TIME : REAP_OVERDUE;
		return;
	case MARK_NONE: break;
	}
	if (*x->mark || !place->exclusive) {
		item->kind = REAP_FOREIGN;
		return;
	}
	/* Only our own memory counts: what the provider says about its age may belong to a clock that is wrong. */
	seen = remember(m, x->id);
	if (!seen->first)
		seen->first = now;
	item->kind = now - seen->first < REAP_UNMARKED_AFTER ? REAP_UNMARKED : REAP_UNMARKED_OVERDUE;
}

static bool due(const struct reap_item *i)
{
	return i->kind == REAP_OVERDUE || i->kind == REAP_UNMARKED_OVERDUE;
}

/* Among what may be deleted: the dearest, then the longest overdue. */
static struct reap_item *next_to_act(struct reap_item *items, size_t count)
{
	struct reap_item *best = NULL;

	for (size_t k = 0; k < count; k++) {
		struct reap_item *i = &items[k];

		if (!due(i) || i->act || *i->held)
			continue;
		if (!best || i->machine->price_hour > best->machine->price_hour ||
		    (i->machine->price_hour == best->machine->price_hour && i->deadline < best->deadline))
			best = i;
	}
	return best;
}

static void hold_back(struct reap_memory *m, struct reap_item *i, const struct reap_place *place, instant now)
{
	const struct reap_seen *seen = find(m, i->machine->id);
	char ago[24];

	if (place->read_only) {
		str_copy(i->held, place->why);
	} else if (seen && seen->deleted && now - seen->deleted >= 0 && now - seen->deleted < REAP_AGAIN) {
		duration_format(now - seen->deleted, ago);
		snprintf(i->held, sizeof(i->held), "its delete was taken %s ago", ago);
	}
}

static void forget_unlisted(struct reap_memory *m, const struct machine *machines, size_t count)
{
	size_t kept = 0;

	for (size_t k = 0; k < m->seen_count; k++) {
		bool listed = false;

		for (size_t n = 0; n < count; n++)
			listed |= !strcmp(machines[n].id, m->seen[k].id);
		if (listed)
			m->seen[kept++] = m->seen[k];
	}
	m->seen_count = kept;
}

void reap_decide(struct reap_memory *m, const struct machine *machines, size_t count, const struct reap_place *place,
    const struct reap_rules *rules, instant now, struct reap_item *items, struct reap_tally *tally)
{
	struct reap_item *i;
	int left;

	memset(tally, 0, sizeof(*tally));
	memset(items, 0, count * sizeof(*items));
	forget_unlisted(m, machines, count);
	for (size_t k = 0; k < count; k++) {
		i = &items[k];
		i->machine = &machines[k];
		judge(m, i, place, rules, now);
		if (i->kind >= REAP_LIVE) {
			tally->ours++;
			tally->rate = money_add(tally->rate, machines[k].price_hour);
		} else if (i->kind != REAP_OVER) {
			tally->others++;
			tally->forged += i->kind == REAP_FORGED;
		}
		if (!due(i))
			continue;
		tally->due++;
		hold_back(m, i, place, now);
	}
	left = rules->limit ? rules->limit : (int)count;
	while ((i = next_to_act(items, count))) {
		if (left-- > 0) {
			i->act = true;
			tally->acting++;
		} else {
			snprintf(i->held, sizeof(i->held), "%d deletions in one pass are the limit", rules->limit);
			tally->held_by_limit++;
		}
	}
}

bool reap_confirm(struct reap_item *item, const struct machine *looked, const struct reap_place *place,
    const struct reap_rules *rules, instant now)
{
	struct mark mark;

	if (item->kind == REAP_UNMARKED_OVERDUE) {
		if (*looked->mark)
			snprintf(item->held, sizeof(item->held), "it has got a name meanwhile");
	} else if (mark_read(&mark, looked->mark, place->site->key, place->provider, place->site->id) != MARK_OURS ||
	    !mark_same_intent(looked->mark, item->machine->mark)) {
		snprintf(item->held, sizeof(item->held), "it carries another name than in the listing");
	} else if (now < mark.deadline + rules->grace) {
		item->deadline = mark.deadline;
		snprintf(item->held, sizeof(item->held), "its deadline was extended meanwhile");
	}
	return !*item->held;
}

/*
 * A campaign: a schedule that begins nights. Its definition is the text of its file; a night keeps the text that it began with.
 *
 * One firing begins one night: the night, its trials and the tick that was dealt with are one commit (reliability §2.15).
 */
#include "base/str.h"
#include "core/internal.h"

#define UNREADABLE "its definition cannot be used by this version: %.180s"

static struct plan *compile(const struct model *m, const char *text, char trouble[TEXT_MAX])
{
	*trouble = '\0';
	return m->compile && text ? m->compile(m->compile_arg, text, trouble) : NULL;
}

static void said(struct model *m, struct campaign *c, const char *event, const char *actor, const char *text)
{
	c->version++;
	core_event(m, &c->object, "", event, c->deleted ? "DELETED" : c->paused ? "PAUSED" : "ACTIVE", CAUSE_NONE, actor, "%s", text);
	core_dirty(m, &c->object);
	core_touch(m, &c->object);
}

static void apply_definition(struct model *m, struct fact *f)
{
	char trouble[TEXT_MAX];
	struct plan *plan = compile(m, f->text, trouble);
	struct campaign *c = plan ? model_campaign_by_name(m, plan->name) : NULL, row = { .last_tick = m->now };

	if (!plan) {
		err_set(&f->error, ERR_USAGE, "%s", *trouble ? trouble : "this daemon reads no campaigns");
		return;
	}
	if (!c) {
		row.object.id = m->next_id;
		row.created = m->now;
		str_copy(row.name, plan->name);
		str_copy(row.owner, f->owner ? f->owner : f->actor ? f->actor : "");
		c = model_add_campaign(m, &row);
	}
	free(c->text);
	plan_free(c->plan);
	c->text = xstrdup(f->text);
	c->plan = plan;
	c->number++;
	c->updated = m->now;
	/* A new schedule does not make up for what an old one would not have done. */
	c->last_tick = m->now;
	c->trouble[0] = '\0';
	said(m, c, "apply", f->actor, plan->name);
	f->answer_id = c->object.id;
}

static struct night *active_night(struct campaign *c)
{
	list_for_each(n, &c->night_list)
		if (NIGHT_OF(n)->state != NIGHT_DONE)
			return NIGHT_OF(n);
	return NULL;
}

static struct night *night_row(struct model *m, struct campaign *c, instant tick)
{
	struct night row = { .campaign_id = c->object.id, .number = ++c->nights, .definition = c->number, .tick = tick, .begun = m->now };

	row.object.id = m->next_id;
	row.text = xstrdup(c->text);
	core_dirty(m, &c->object);
	return model_add_night(m, &row);
}

static struct night *begin_night(struct model *m, struct campaign *c, instant tick, bool poc, const char *actor)
{
	struct night *n = night_row(m, c, tick);
	char trouble[TEXT_MAX];

	n->poc = poc;
	n->plan = compile(m, n->text, trouble);
	n->finish_by = n->plan ? plan_finish(n->plan, m->now) : 0;
	night_begin(m, n, actor);
	return n;
}

/* A night that nobody began has a row, too: history has no holes. */
static void missed_night(struct model *m, struct campaign *c, instant tick, int count, const char *why)
{
	struct night *n = night_row(m, c, tick);

	n->state = NIGHT_DONE;
	n->outcome = NIGHT_MISSED;
	n->ended = m->now;
	if (count > 1)
		snprintf(n->reason, sizeof(n->reason), "%s, and %d before it", why, count - 1);
	else
		str_copy(n->reason, why);
	core_event(m, &n->object, "", "missed", "DONE", CAUSE_NONE, NULL, "%s night %lld: %s", c->name, (long long)n->number, n->reason);
	core_dirty(m, &n->object);
	notice_night(m, n, c->plan, NEWS_MISSED);
}

static void run_now(struct model *m, struct campaign *c, struct fact *f)
{
	struct night *active = active_night(c);

	if (m->closing)
		err_set(&f->error, ERR_UNREACHABLE, "the daemon is shutting down and begins nothing new");
	else if (!c->plan)
		err_set(&f->error, ERR_REFUSED, UNREADABLE, c->trouble);
	else if (active)
		err_set(&f->error, ERR_CONFLICT, "night %lld of '%s' is running; see: gpufleetctl campaign show %s", (long long)active->number,
		    c->name, c->name);
	else
		f->answer_id = begin_night(m, c, 0, f->flag, f->actor)->object.id;
}

void campaign_apply(struct model *m, struct fact *f)
{
	struct campaign *c;

	if (f->kind == FACT_CAMPAIGN_APPLY) {
		apply_definition(m, f);
		return;
	}
	c = model_campaign(m, f->id);
	if (!c || c->deleted) {
		err_set(&f->error, ERR_NOT_FOUND, "no such campaign");
		return;
	}
	f->answer_id = c->object.id;
	if (f->kind == FACT_CAMPAIGN_RUN) {
		run_now(m, c, f);
	} else if (f->kind == FACT_CAMPAIGN_DELETE) {
		c->deleted = m->now;
		said(m, c, "delete", f->actor, "its nights stay in the history");
		if (active_night(c))
			night_stop(m, active_night(c), CAUSE_CANCELLED, f->actor, "the campaign was deleted");
	} else if (c->paused != f->flag) {
		c->paused = f->flag;
		if (!c->paused)
			c->last_tick = m->now; /* what fell into the pause was not to happen */
		said(m, c, f->flag ? "pause" : "resume", f->actor, "");
	}
	core_touch(m, &c->object);
}

void campaign_loaded(struct model *m, struct campaign *c)
{
	plan_free(c->plan);
	c->plan = compile(m, c->text, c->trouble);
	core_touch(m, &c->object);
}

void campaign_decide(struct model *m, struct campaign *c, instant now)
{
	const struct plan *p = c->plan;
	struct night *active = active_night(c);
	struct due due;

	if (!p || !p->scheduled || c->paused || c->deleted || m->closing)
		return;
	due = schedule_due(&p->schedule, p->zone, c->last_tick, c->created, now);
	if (due.begin && active && p->queue) /* waits; touched when that one ends */
		return;
	if (due.missed || due.begin) {
		c->last_tick = due.last;
		core_dirty(m, &c->object);
	}
	if (due.begin && active) {
		char why[TEXT_MAX];

		snprintf(why, sizeof(why), "night %lld was still running", (long long)active->number);
		missed_night(m, c, due.firing.tick, 1, why);
	} else if (due.missed) {
		missed_night(m, c, due.begin ? due.firing.tick - 1 : due.firing.tick, due.missed, "nobody was there to begin it in time");
	}
	if (due.begin && !active)
		begin_night(m, c, due.firing.tick, false, NULL);
	core_wake(m, &c->object, due.wake);
}

/*
 * Messages about nights and budgets: rows that wait until a webhook has taken them, so that neither a restart nor an outage of whoever listens
 * loses one. The id of the row goes with the message: who hears it twice can tell.
 */
#include "base/str.h"
#include "core/internal.h"

#define FIRST_WAIT (10 * SECOND)
#define LONGEST    HOUR
#define PATIENCE   (3 * DAY)

static void add(struct model *m, struct notice *row)
{
	struct notice *x;

	row->object.id = m->next_id;
	x = model_add_notice(m, row);
	core_event(m, &x->object, "", "wait", "WAITING", CAUSE_NONE, NULL, "%s: %s", x->webhook, x->news);
	core_dirty(m, &x->object);
	core_touch(m, &x->object);
}

void notice_night(struct model *m, const struct night *n, const struct plan *p, unsigned news)
{
	for (int k = 0; p && k < p->notify_count; k++) {
		struct notice row = { .campaign_id = n->campaign_id, .night_id = n->object.id, .created = m->now };
		unsigned wanted = p->notify[k].news & news;

		if (!wanted)
			continue;
		str_copy(row.webhook, p->notify[k].webhook);
		news_format(wanted, row.news);
		add(m, &row);
	}
}

void notice_budget(struct model *m, const struct budget *b, const char *news)
{
	struct notice row = { .budget_id = b->object.id, .created = m->now };

	str_copy(row.webhook, b->notify);
	str_copy(row.news, news);
	add(m, &row);
}

static void move(struct model *m, struct notice *x, enum notice_event ev, const char *text)
{
	int next = fsm_next(&notice_fsm, (int)x->state, (int)ev);
	const char *from = notice_fsm.state_names[x->state];

	if (next >= 0) {
		x->state = (enum notice_state)next;
		x->done = m->now;
		x->version++;
	}
	core_event(m, &x->object, from, notice_fsm.event_names[ev], next < 0 ? "illegal" : notice_fsm.state_names[x->state], CAUSE_NONE, NULL,
	    "%s: %s", x->webhook, text);
	core_dirty(m, &x->object);
}

static duration wait_of(int tries)
{
	duration d = FIRST_WAIT;

	while (tries-- > 1 && d < LONGEST)
		d *= 2;
	return d < LONGEST ? d : LONGEST;
}

void notice_apply(struct model *m, struct fact *f)
{
	struct notice *x = model_notice(m, f->id);

	if (!x || x->state != NOTICE_WAITING)
		return;
	x->activity = ACTIVITY_NONE;
	x->tries++;
	if (f->flag) {
		move(m, x, NOTICE_EV_TAKEN, x->news);
		return;
	}
	str_copy(x->reason, f->message ? f->message : "");
	x->retry_at = m->now + wait_of(x->tries);
	core_dirty(m, &x->object);
	core_touch(m, &x->object);
}

void notice_decide(struct model *m, struct notice *x, instant now, struct actions *out)
{
	if (x->state != NOTICE_WAITING || x->activity || m->closing)
		return;
	if (now >= x->created + PATIENCE) {
		move(m, x, NOTICE_EV_GIVE_UP, x->reason);
		return;
	}
	if (now < x->retry_at) {
		core_wake(m, &x->object, x->retry_at);
		return;
	}
	x->activity = ACTIVITY_NOTIFY;
	actions_add(out, ACTION_NOTIFY, x->object.id);
}

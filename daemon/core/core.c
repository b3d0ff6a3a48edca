#include "core/internal.h"
#include "base/mutant.h"
#include "core/budget.h"

void core_dirty(struct model *m, struct object *o)
{
	if (o->dirty)
		return;
	o->dirty = true;
	list_append(&m->dirty, &o->dirty_link);
}

void core_touch(struct model *m, struct object *o)
{
	if (list_empty(&o->touch_link))
		list_append(&m->touched, &o->touch_link);
}

void core_wake(struct model *m, struct object *o, instant at)
{
	if (at != FOREVER && (!o->wake.at || MUTANT("later_wake_wins", at < o->wake.due, at > o->wake.due)))
		heap_set(&m->wakes, &o->wake, at);
}

static int64_t fleet_id_of(const struct object *o)
{
	switch (o->kind) {
	case OBJECT_FLEET: return o->id;
	case OBJECT_INSTANCE: return CONTAINER_OF(o, const struct instance, object)->fleet_id;
	case OBJECT_RUN: return CONTAINER_OF(o, const struct run, object)->fleet_id;
	case OBJECT_TRIAL: return CONTAINER_OF(o, const struct trial, object)->fleet_id;
	case OBJECT_ACCOUNT:
	case OBJECT_EXTRA:
	case OBJECT_CAMPAIGN:
	case OBJECT_NIGHT:
	case OBJECT_NOTICE:
	case OBJECT_BUDGET:
	case OBJECT_KINDS: return 0;
	}
	return 0;
}

static struct event *next_event(struct model *m)
{
	if (m->event_count == m->event_cap) {
		m->event_cap = m->event_cap ? 2 * m->event_cap : 64;
		m->events = xreallocarray(m->events, m->event_cap, sizeof(*m->events));
	}
	return memset(&m->events[m->event_count++], 0, sizeof(struct event));
}

void core_event(struct model *m, const struct object *o, const char *from, const char *event, const char *to, enum cause cause,
    const char *actor, const char *fmt, ...)
{
	struct event *e = next_event(m);
	va_list ap;

	e->seq = m->next_event++;
	e->time = m->now;
	e->kind = o->kind;
	e->object_id = o->id;
	e->fleet_id = fleet_id_of(o);
	snprintf(e->from, sizeof(e->from), "%s", from);
	snprintf(e->event, sizeof(e->event), "%s", event);
	snprintf(e->to, sizeof(e->to), "%s", to);
	e->cause = cause;
	snprintf(e->actor, sizeof(e->actor), "%s", actor ? actor : "daemon");
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
}

duration core_backoff(int tries, duration most)
{
	duration d = SECOND;

	for (int i = 1; i < tries && d < most; i++)
		d *= 2;
	return d < most ? d : most;
}

/*
 * Who held the account's single create when the daemon ended: a machine that may be there without our name. Nobody else may be
 * ordered before it is known, or the two could not be told apart. What was not sent yet looks at the account anew.
 */
static void restore_create_lock(struct model *m, struct instance *i)
{
	struct account_state *a = model_account(m, i->account);

	if (!a || !a->facts.single_flight || i->marked || i->state == INSTANCE_DELETING || i->state == INSTANCE_GONE)
		return;
	if (i->state != INSTANCE_PLANNED) {
		a->create_lock = i->object.id;
	} else if (i->snapshot) {
		free(i->snapshot);
		i->snapshot = NULL;
		core_dirty(m, &i->object);
	}
}

/* In a database that is older than what was done with it, a plan may have been carried out long ago (L11). */
static void doubt_plan(struct model *m, struct instance *i)
{
	if (i->state != INSTANCE_PLANNED || account_of(m, i)->facts.local)
		return;
	i->sent = m->now;
	instance_move(m, i, INSTANCE_EV_DISPATCH, CAUSE_NONE, NULL, "the database was rolled back: perhaps it was sent");
}

void core_apply(struct model *m, struct fact *f)
{
	m->now = f->time;
	f->error.code = ERR_NONE;
	switch (f->kind) {
	case FACT_FLEET_OPEN:
	case FACT_FLEET_CLOSE:
	case FACT_FLEET_EXTEND:
	case FACT_FLEET_TOUCH: fleet_apply(m, f); break;
	case FACT_RUN_SUBMIT:
	case FACT_RUN_CANCEL:
	case FACT_RUN_WATCH:
	case FACT_RUN_PUSHED:
	case FACT_RUN_STARTED:
	case FACT_RUN_RELEASED:
	case FACT_RUN_STATUS:
	case FACT_RUN_STOPPED:
	case FACT_RUN_COLLECTED: run_apply(m, f); break;
	case FACT_CAMPAIGN_APPLY:
	case FACT_CAMPAIGN_PAUSE:
	case FACT_CAMPAIGN_DELETE:
	case FACT_CAMPAIGN_RUN: campaign_apply(m, f); break;
	case FACT_NIGHT_STOP:
	case FACT_NIGHT_JUDGED:
	case FACT_TRIAL_REFUSED: night_apply(m, f); break;
	case FACT_NOTIFIED: notice_apply(m, f); break;
	case FACT_BUDGET_SET:
	case FACT_BUDGET_DELETE:
	case FACT_COUNTED: budget_apply(m, f); break;
	case FACT_OFFERS:
	case FACT_LISTED:
	case FACT_BALANCE:
	case FACT_CHARGES:
	case FACT_CHECKED: account_apply(m, f); break;
	case FACT_RESOLVE: instance_resolve(m, f); break;
	case FACT_TRUST: instance_trust(m, f); break;
	case FACT_CREATED:
	case FACT_DESCRIBED:
	case FACT_MARKED:
	case FACT_DESTROYED:
	case FACT_BILLED:
	case FACT_CONNECTED:
	case FACT_CLEANED:
	case FACT_RELEASED: instance_apply(m, f); break;
	case FACT_STORAGE:
	case FACT_STORAGE_WANT:
	case FACT_STORAGE_DROP:
	case FACT_STORAGE_KEEP:
	case FACT_STORAGE_MADE:
	case FACT_STORAGE_LOOKED:
	case FACT_STORAGE_BILLED:
	case FACT_VOLUME_MOVE:
	case FACT_VOLUME_MOVED: storage_apply(m, f); break;
	case FACT_KEY:
	case FACT_EXTRA_ENDED: extra_apply(m, f); break;
	case FACT_RESTARTED: {
		size_t at = 0;
		struct fleet *fleet;
		struct instance *i;
		struct run *r;
		struct extra *x;
		struct campaign *c;
		struct night *night;
		struct notice *notice;
		struct budget *budget;

		for (at = 0; (i = model_each(&m->instances, &at));) {
			if (f->flag)
				doubt_plan(m, i);
			/* Perhaps sent: only evidence from the provider tells (reliability §2.14 C5–C8); of one's own host nobody is asked. */
			if (i->state == INSTANCE_DISPATCHING && account_of(m, i)->facts.local)
				instance_move(m, i, INSTANCE_EV_REFUSED, CAUSE_NOT_SENT, NULL, "the daemon ended before it was taken");
			else if (i->state == MUTANT("restart_forgets_orders", INSTANCE_DISPATCHING, INSTANCE_STATES))
				instance_move(m, i, INSTANCE_EV_UNSURE, CAUSE_NONE, NULL,
				    "the daemon ended before the answer came");
			restore_create_lock(m, i);
			core_touch(m, &i->object);
		}
		for (at = 0; (r = model_each(&m->runs, &at));)
			core_touch(m, &r->object);
		for (at = 0; (fleet = model_each(&m->fleets, &at));)
			core_touch(m, &fleet->object);
		for (at = 0; (x = model_each(&m->extras, &at));)
			core_touch(m, &x->object);
		for (at = 0; (c = model_each(&m->campaigns, &at));)
			campaign_loaded(m, c);
		for (at = 0; (night = model_each(&m->nights, &at));)
			night_loaded(m, night);
		for (at = 0; (notice = model_each(&m->notices, &at));)
			core_touch(m, &notice->object);
		for (at = 0; (budget = model_each(&m->budgets, &at));)
			budget_count_anew(m, budget);
		for (size_t k = 0; k < m->account_count; k++) {
			core_touch(m, &m->accounts[k]->object);
			if (f->flag)
				core_event(m, &m->accounts[k]->object, "", "rolled_back", "", CAUSE_NONE, NULL,
				    "%s: the database lags behind what this site has done; machines are found again by their names",
				    m->accounts[k]->facts.name);
		}
		break;
	}
	case FACT_SHUTDOWN: m->closing = true; break;
	}
}

static void due_objects(struct model *m, instant now)
{
	struct heap_node *n;

	while ((n = heap_first(&m->wakes)) && n->due <= now) {
		heap_remove(&m->wakes, n);
		core_touch(m, CONTAINER_OF(n, struct object, wake));
	}
}

static void decide_one(struct model *m, struct object *o, instant now, struct actions *out)
{
	switch (o->kind) {
	case OBJECT_FLEET: fleet_decide(m, CONTAINER_OF(o, struct fleet, object), now, out); break;
	case OBJECT_INSTANCE: instance_decide(m, CONTAINER_OF(o, struct instance, object), now, out); break;
	case OBJECT_RUN: run_decide(m, CONTAINER_OF(o, struct run, object), now, out); break;
	case OBJECT_EXTRA: extra_decide(m, CONTAINER_OF(o, struct extra, object), now, out); break;
	case OBJECT_ACCOUNT: account_decide(m, CONTAINER_OF(o, struct account_state, object), now, out); break;
	case OBJECT_CAMPAIGN: campaign_decide(m, CONTAINER_OF(o, struct campaign, object), now); break;
	case OBJECT_NIGHT: night_decide(m, CONTAINER_OF(o, struct night, object), now, out); break;
	case OBJECT_NOTICE: notice_decide(m, CONTAINER_OF(o, struct notice, object), now, out); break;
	case OBJECT_BUDGET: budget_decide(m, CONTAINER_OF(o, struct budget, object), now, out); break;
	case OBJECT_TRIAL:
	case OBJECT_KINDS: break;
	}
}

/*
 * Fleets first: their endings decide what instances and runs do. Then runs (a stop saves results), instances, then nights, which
 * open and close fleets, and accounts. An object touched while its kind is being worked through is looked at again in this turn, once more at the most.
 */
void core_decide(struct model *m, instant now, struct actions *out)
{
	static const enum object_kind order[] = { OBJECT_FLEET, OBJECT_RUN, OBJECT_INSTANCE, OBJECT_CAMPAIGN, OBJECT_NIGHT, OBJECT_FLEET,
		OBJECT_RUN, OBJECT_INSTANCE, OBJECT_ACCOUNT, OBJECT_EXTRA, OBJECT_BUDGET, OBJECT_NOTICE };
	struct list batch;

	m->now = now;
	due_objects(m, now);
	for (size_t k = 0; k < ARRAY_LEN(order); k++) {
		list_init(&batch);
		list_for_each_safe(n, &m->touched) {
			struct object *o = CONTAINER_OF(n, struct object, touch_link);

			if (o->kind != order[k])
				continue;
			list_remove(n);
			list_append(&batch, n);
		}
		while (!list_empty(&batch)) {
			struct list *n = batch.next;

			list_remove(n);
			decide_one(m, CONTAINER_OF(n, struct object, touch_link), now, out);
		}
	}
}

instant core_next_wake(const struct model *m, instant now)
{
	const struct heap_node *n = heap_first(&m->wakes);

	if (!list_empty(&m->touched))
		return now;
	return n ? n->due : FOREVER;
}

const char *action_name(enum action_kind k)
{
	static const char *const names[] = { "offers", "list", "balance", "charges", "create", "describe", "mark", "destroy", "bill", "end_extra", "storage",
		"storage_make", "volume_attach", "volume_detach", "storage_look", "storage_bill", "connect",
		"disconnect", "clean", "release", "push", "start", "go", "poll", "stop", "collect", "submit", "judge", "notify", "count" };

	return names[k];
}

bool action_spends(enum action_kind k)
{
	/* Counting reads what was booked: all of it must be on the disk. */
	return k == ACTION_CREATE || k == ACTION_STORAGE_MAKE || k == ACTION_START || k == ACTION_GO || k == ACTION_COUNT;
}

void actions_add(struct actions *a, enum action_kind kind, int64_t id)
{
	if (a->count == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 32;
		a->items = xreallocarray(a->items, a->cap, sizeof(*a->items));
	}
	a->items[a->count] = (struct action){ .kind = kind, .id = id };
	a->count++;
}

void actions_free(struct actions *a)
{
	free(a->items);
	memset(a, 0, sizeof(*a));
}

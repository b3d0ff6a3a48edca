/*
 * A night: the cells of a campaign's plan, measured on machines that are rented for it and shared where cells take the same kind.
 *
 * Which trial goes to which fleet is decided when the fleet is opened, and stored: a restart finds each where it was. A fleet that
 * ends under its trials gives them back, and why it ended decides whether they wait for another one (architecture §11 `retry`).
 */
#include "base/str.h"
#include "core/cost.h"
#include "core/internal.h"

#define JUDGE_AGAIN   (30 * SECOND)

static struct night *night_of(const struct model *m, const struct trial *t)
{
	return model_night(m, t->night_id);
}

/* ---- moves ---- */

/* What there is to tell of it. */
static unsigned news_of(const struct night *n)
{
	unsigned news = NEWS_SUMMARY | (n->outcome != NIGHT_COMPLETE ? NEWS_FAILED : 0) | (n->worse ? NEWS_REGRESSION : 0);

	list_for_each(l, &n->trial_list)
		news |= TRIAL_OF(l)->cause == CAUSE_MONEY ? NEWS_BUDGET : 0;
	list_for_each(l, &n->fleet_list)
		list_for_each(k, &NIGHT_FLEET_OF(l)->instance_list) {
			enum cause c = INSTANCE_OF(k)->cause;

			news |= c == CAUSE_DUPLICATE || c == CAUSE_LATE || c == CAUSE_RESURRECTED || c == CAUSE_ORPHAN ? NEWS_LEAK : 0;
		}
	return news;
}

static void night_move(struct model *m, struct night *n, enum night_event ev, const char *actor, const char *fmt, ...) PRINTF_LIKE(5, 6);
static void night_move(struct model *m, struct night *n, enum night_event ev, const char *actor, const char *fmt, ...)
{
	int next = fsm_next(&night_fsm, (int)n->state, (int)ev);
	const char *from = night_fsm.state_names[n->state];
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (next < 0) {
		core_event(m, &n->object, from, night_fsm.event_names[ev], "illegal", CAUSE_NONE, actor, "%s", text);
		return;
	}
	n->state = (enum night_state)next;
	n->activity = ACTIVITY_NONE;
	n->version++;
	core_event(m, &n->object, from, night_fsm.event_names[ev], night_fsm.state_names[n->state], CAUSE_NONE, actor, "%s", text);
	core_dirty(m, &n->object);
	core_touch(m, &n->object);
	if (n->state == NIGHT_DONE) {
		n->ended = m->now;
		notice_night(m, n, n->plan, news_of(n));
		if (model_campaign(m, n->campaign_id))
			core_touch(m, &model_campaign(m, n->campaign_id)->object); /* the next one may wait for it */
	}
}

static void trial_move(struct model *m, struct trial *t, enum trial_event ev, enum cause cause, const char *fmt, ...) PRINTF_LIKE(5, 6);
static void trial_move(struct model *m, struct trial *t, enum trial_event ev, enum cause cause, const char *fmt, ...)
{
	int next = fsm_next(&trial_fsm, (int)t->state, (int)ev);
	const char *from = trial_fsm.state_names[t->state];
	struct night *n = night_of(m, t);
	va_list ap;
	char text[TEXT_MAX];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (next < 0) {
		core_event(m, &t->object, from, trial_fsm.event_names[ev], "illegal", cause, NULL, "%s", text);
		return;
	}
	t->state = (enum trial_state)next;
	t->activity = ACTIVITY_NONE;
	t->cause = cause;
	memcpy(t->reason, text, sizeof(t->reason));
	if (t->state >= TRIAL_DONE)
		t->ended = m->now;
	t->version++;
	core_event(m, &t->object, from, trial_fsm.event_names[ev], trial_fsm.state_names[t->state], cause, NULL, "%s: %.150s", t->title, text);
	core_dirty(m, &t->object);
	if (n)
		core_touch(m, &n->object);
}

void trial_give_up(struct model *m, struct trial *t, enum cause cause, const char *why)
{
	trial_move(m, t, TRIAL_EV_GIVE_UP, cause, "%s", why);
}

/* ---- its beginning ---- */

static struct trial *add_trial(struct model *m, struct night *n, size_t cell, int repeat, bool again)
{
	const struct plan_cell *x = &n->plan->cells[cell];
	struct trial row = { .night_id = n->object.id, .cell = (int)cell, .repeat = repeat, .again = again, .gpu_count = x->gpu_count,
		.instances = x->instances }, *t;

	row.object.id = m->next_id;
	str_copy(row.title, x->title);
	str_copy(row.gpu, x->gpu);
	t = model_add_trial(m, &row);
	core_dirty(m, &t->object);
	return t;
}

static bool first_of_its_kind(const struct plan *p, size_t cell)
{
	for (size_t k = 0; k < cell; k++)
		if (plan_same_machine(&p->cells[k], &p->cells[cell]))
			return false;
	return true;
}

void night_begin(struct model *m, struct night *n, const char *actor)
{
	const struct campaign *c = model_campaign(m, n->campaign_id);
	const struct plan *p = n->plan;

	for (int repeat = 0; p && repeat < (n->poc ? 1 : p->runs); repeat++)
		for (size_t k = 0; k < p->cell_count; k++)
			if (!n->poc || first_of_its_kind(p, k))
				add_trial(m, n, k, repeat, false);
	core_event(m, &n->object, "", "begin", "RUNNING", CAUSE_NONE, actor, "%s night %lld%s", c ? c->name : "", (long long)n->number,
	    n->poc ? ", a proof of concept" : "");
	core_dirty(m, &n->object);
	core_touch(m, &n->object);
}

void night_loaded(struct model *m, struct night *n)
{
	char trouble[TEXT_MAX] = "";

	if (n->state == NIGHT_DONE)
		return;
	plan_free(n->plan);
	n->plan = m->compile ? m->compile(m->compile_arg, n->text, trouble) : NULL;
	if (!n->plan && m->compile)
		night_stop(m, n, CAUSE_REFUSED, NULL, trouble);
	core_touch(m, &n->object);
}

void night_stop(struct model *m, struct night *n, enum cause cause, const char *actor, const char *why)
{
	if (n->stop_requested || n->state == NIGHT_DONE)
		return;
	n->stop_requested = true;
	n->cause = cause;
	str_copy(n->reason, why);
	core_event(m, &n->object, night_fsm.state_names[n->state], "stop", night_fsm.state_names[n->state], cause, actor, "%s", why);
	core_dirty(m, &n->object);
	core_touch(m, &n->object);
}

/* ---- runs of its trials ---- */

struct trial *trial_takes(struct model *m, struct fact *f, int64_t trial_id)
{
	struct trial *t = model_trial(m, trial_id);
	const struct fleet *fleet = t ? model_fleet(m, t->fleet_id) : NULL;

	if (t && t->state == TRIAL_WAITING && fleet && fleet->state == FLEET_OPEN)
		return t;
	if (t)
		t->activity = ACTIVITY_NONE;
	err_set(&f->error, ERR_CONFLICT, "the trial does not wait for a run any more");
	return NULL;
}

void trial_has_run(struct model *m, struct trial *t, const struct run *r)
{
	t->run_id = r->object.id;
	trial_move(m, t, TRIAL_EV_SUBMITTED, CAUSE_NONE, "run %lld", (long long)r->object.id);
}

/* Whose fault it was decides which patience it costs. */
static bool machine_is_to_blame(const struct run *r)
{
	return r->outcome == OUTCOME_LOST || r->cause == CAUSE_BAD_MACHINE || r->cause == CAUSE_LOST || r->cause == CAUSE_HOST_KEY ||
	       r->cause == CAUSE_PUSH_FAILED;
}

void trial_run_ended(struct model *m, const struct run *r)
{
	struct trial *t = model_trial(m, r->trial_id);
	const struct night *n = t ? night_of(m, t) : NULL;
	bool lost = machine_is_to_blame(r);

	if (!t || t->state != TRIAL_RUNNING || t->run_id != r->object.id)
		return;
	t->outcome = r->outcome;
	t->lost += lost;
	t->failed += !lost && r->outcome != OUTCOME_OK;
	if (r->outcome == OUTCOME_OK)
		trial_move(m, t, TRIAL_EV_ENDED, CAUSE_NONE, "run %lld is ok", (long long)r->object.id);
	else if (r->outcome != OUTCOME_CANCELLED && n && n->plan && !n->stop_requested &&
	    (lost ? t->lost <= n->plan->retry_lost : t->failed <= n->plan->retry_failed))
		trial_move(m, t, TRIAL_EV_AGAIN, r->cause, "run %lld: %.180s; once more", (long long)r->object.id, r->reason);
	else
		trial_move(m, t, TRIAL_EV_ENDED, r->cause, "run %lld: %.200s", (long long)r->object.id, r->reason);
}

/* ---- its fleets ---- */

void night_of_fleet_changed(struct model *m, const struct fleet *f)
{
	struct night *n = f && f->night_id ? model_night(m, f->night_id) : NULL;

	if (n && n->state != NIGHT_DONE)
		core_touch(m, &n->object);
}

bool night_needs(const struct model *m, const struct fleet *f)
{
	const struct night *n = f->night_id ? model_night(m, f->night_id) : NULL;

	return n && n->state != NIGHT_DONE;
}

/* ---- deciding ---- */

static void stop_all(struct model *m, struct night *n)
{
	list_for_each(l, &n->trial_list) {
		struct trial *t = TRIAL_OF(l);
		struct run *r = t->state == TRIAL_RUNNING ? model_run(m, t->run_id) : NULL;

		if (t->state == TRIAL_WAITING)
			trial_give_up(m, t, n->cause, n->reason);
		else if (r)
			run_stop(m, r, n->cause == CAUSE_EXPIRED ? CAUSE_TIMED_OUT : CAUSE_CANCELLED, NULL, n->reason);
	}
}

static bool all_trials_ended(const struct night *n)
{
	list_for_each(l, &n->trial_list)
		if (TRIAL_OF(l)->state < TRIAL_DONE)
			return false;
	return true;
}

static bool all_fleets_closed(const struct night *n)
{
	list_for_each(l, &n->fleet_list)
		if (NIGHT_FLEET_OF(l)->state != FLEET_CLOSED)
			return false;
	return true;
}

static void conclude(struct night *n)
{
	int ok = 0, all = 0;

	list_for_each(l, &n->trial_list) {
		if (TRIAL_OF(l)->again)
			continue;
		all++;
		ok += TRIAL_OF(l)->state == TRIAL_DONE && TRIAL_OF(l)->outcome == OUTCOME_OK;
	}
	n->outcome = n->cause == CAUSE_CANCELLED ? NIGHT_CANCELLED : ok == all && all ? NIGHT_COMPLETE : ok ? NIGHT_PARTIAL : NIGHT_FAILED;
}

static void decide_running(struct model *m, struct night *n, instant now, struct actions *out)
{
	if (n->finish_by && now >= n->finish_by)
		night_stop(m, n, CAUSE_EXPIRED, NULL, "it had to end by finish_by");
	list_for_each(l, &n->fleet_list)
		if (NIGHT_FLEET_OF(l)->state != FLEET_OPEN)
			night_take_back(m, n, NIGHT_FLEET_OF(l));
	if (n->stop_requested)
		stop_all(m, n);
	else
		night_rent(m, n, now);
	list_for_each(l, &n->fleet_list) {
		struct fleet *f = NIGHT_FLEET_OF(l);

		if (f->state != FLEET_OPEN)
			continue;
		night_feed(m, n, f, out);
		night_release(m, n, f);
	}
	if (all_trials_ended(n)) {
		if (!n->measured)
			n->measured = now;
		conclude(n);
		night_move(m, n, NIGHT_EV_MEASURED, NULL, "%s", night_outcome_name(n->outcome));
	} else if (n->finish_by && !n->stop_requested) {
		core_wake(m, &n->object, n->finish_by);
	}
}

void night_decide(struct model *m, struct night *n, instant now, struct actions *out)
{
	if (n->state != NIGHT_DONE && !n->plan && m->compile) {
		if (!n->stop_requested)
			night_stop(m, n, CAUSE_REFUSED, NULL, "its definition cannot be used");
		stop_all(m, n);
		list_for_each(l, &n->fleet_list)
			fleet_close(m, NIGHT_FLEET_OF(l), CAUSE_RUN_ENDED, NULL, "the night is over");
		if (n->state == NIGHT_RUNNING && all_trials_ended(n)) {
			conclude(n);
			night_move(m, n, NIGHT_EV_MEASURED, NULL, "%s", n->reason);
		}
	} else if (n->state == NIGHT_RUNNING && n->plan) {
		decide_running(m, n, now, out);
	}
	if (n->state == NIGHT_JUDGING && !n->activity && !m->closing) {
		n->activity = ACTIVITY_JUDGE;
		actions_add(out, ACTION_JUDGE, n->object.id);
		core_wake(m, &n->object, now + JUDGE_AGAIN);
	}
	if (n->state == NIGHT_CLOSING && all_fleets_closed(n))
		night_move(m, n, NIGHT_EV_EMPTY, NULL, "%s", night_outcome_name(n->outcome));
}

/* ---- facts ---- */

/* Where it was measured; "": nobody remembers. */
static const char *account_of_trial(const struct model *m, const struct trial *t)
{
	const struct run *r = model_run(m, t->run_id);
	const struct instance *i = r ? model_instance(m, r->instance_id) : NULL;

	return i ? i->account : t->account;
}

/* "12,15": measured once more, each on a machine that it was not on before, since theirs are given back by now. */
static bool repeat_trials(struct model *m, struct night *n, const char *list)
{
	char copy[4096], *rest = copy, *one;
	bool any = false;

	str_copy(copy, list);
	while ((one = str_split(&rest, ","))) {
		int64_t id;
		const struct trial *t = str_to_i64(one, 1, INT64_MAX, &id) ? model_trial(m, id) : NULL;

		if (!t || t->night_id != n->object.id || !n->plan || t->cell < 0 || (size_t)t->cell >= n->plan->cell_count)
			continue;
		str_copy(add_trial(m, n, (size_t)t->cell, t->repeat, true)->account, account_of_trial(m, t));
		any = true;
	}
	return any;
}

static void judged(struct model *m, struct night *n, const struct fact *f)
{
	n->activity = ACTIVITY_NONE;
	if (n->state != NIGHT_JUDGING)
		return;
	if (!n->repeated && !n->stop_requested && f->text && *f->text && (!n->finish_by || m->now < n->finish_by) &&
	    repeat_trials(m, n, f->text)) {
		n->repeated = true;
		night_move(m, n, NIGHT_EV_AGAIN, NULL, "what looks worse is measured once more, elsewhere");
		return;
	}
	n->series = (int)(f->count >> 32);
	n->worse = (int)(f->count & INT32_MAX);
	night_move(m, n, NIGHT_EV_JUDGED, NULL, "%s", f->message ? f->message : "");
}

void night_apply(struct model *m, struct fact *f)
{
	struct trial *t;
	struct night *n;

	if (f->kind == FACT_TRIAL_REFUSED) {
		t = model_trial(m, f->id);
		if (t) {
			t->activity = ACTIVITY_NONE;
			if (t->state == TRIAL_WAITING)
				trial_give_up(m, t, f->cause ? f->cause : CAUSE_REFUSED, f->message ? f->message : "it cannot be run");
		}
		return;
	}
	n = model_night(m, f->id);
	if (!n) {
		err_set(&f->error, ERR_NOT_FOUND, "no such night");
		return;
	}
	f->answer_id = n->object.id;
	if (f->kind == FACT_NIGHT_JUDGED)
		judged(m, n, f);
	else if (n->state == NIGHT_DONE || n->state == NIGHT_CLOSING)
		err_set(&f->error, ERR_CONFLICT, "the night is over");
	else
		night_stop(m, n, CAUSE_CANCELLED, f->actor, "stopped");
	core_touch(m, &n->object);
}

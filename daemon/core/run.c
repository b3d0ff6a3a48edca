/*
 * A run: files pushed to an instance, started detached, watched, collected.
 *
 *	QUEUED ─▶ PUSHING ─▶ SETUP ─▶ RUNNING ─▶ COLLECTING ─▶ DONE
 *	              └──────────┴───────┴─▶ STOPPING ─┘
 *
 * A run of several instances is one of these for each (gang.c): in SETUP, set up, it waits until all are.
 *
 * Everything on the machine is repeatable: push and start find what is there already (reliability §2.14 C14–C18), so a restart
 * continues from the state that was stored.
 */
#include "base/str.h"
#include "base/mutant.h"
#include "core/gang.h"
#include "core/internal.h"

#define PUSH_TRIES     5
#define COLLECT_TRIES  6
#define STOP_GRACE     (10 * SECOND)
#define STOP_LIMIT     (2 * MINUTE)  /* after this a run that will not stop is collected as it is */
#define LATE_BY        (2 * MINUTE)  /* the supervisor enforces time-outs; this is the net below it */
#define RETRY_MOST     (10 * SECOND)
#define UNFIT_MOST     2 /* machines that are not fit before a run gives up: then it is probably the run */
#define PREEMPTED_MOST 4 /* machines that were taken away: then spot costs more than it saves */

static void touch_around(struct model *m, struct run *r)
{
	struct instance *i = model_instance(m, r->instance_id);
	struct fleet *f = model_fleet(m, r->fleet_id);

	core_touch(m, &r->object);
	if (i)
		core_touch(m, &i->object);
	if (f)
		core_touch(m, &f->object);
}

/* A run that was made for its own fleet ends it; a failure may keep the machine for a look. */
static void end_fleet(struct model *m, struct run *r)
{
	struct fleet *f = model_fleet(m, r->fleet_id);
	char text[24];

	if (!f || !f->for_run || f->state != FLEET_OPEN)
		return;
	if (r->outcome != OUTCOME_OK && r->outcome != OUTCOME_CANCELLED && f->keep_on_failure && f->ready_at) {
		f->keep_until = m->now + f->keep_on_failure;
		duration_format(f->keep_on_failure, text);
		core_event(m, &f->object, "OPEN", "keep", "OPEN", r->cause, NULL, "kept for %s after a failed run", text);
		core_dirty(m, &f->object);
		return;
	}
	if (r->outcome == OUTCOME_OK && *f->snapshot_as && storage_snapshot_machine(m, f, model_instance(m, r->instance_id)))
		return; /* the end of the snapshot closes it */
	fleet_close(m, f, CAUSE_RUN_ENDED, NULL, "run %lld ended: %s", (long long)r->object.id, outcome_name(r->outcome));
}

static void finished(struct model *m, struct run *r)
{
	struct instance *i = model_instance(m, r->instance_id);

	r->done = m->now;
	if (!r->ended)
		r->ended = m->now;
	if (r->outcome == OUTCOME_NONE)
		r->outcome = OUTCOME_LOST;
	if (i && i->run_id == r->object.id) {
		i->run_id = 0;
		core_dirty(m, &i->object);
		if (i->state == INSTANCE_BUSY || i->state == INSTANCE_DRAINING)
			instance_move(m, i, INSTANCE_EV_RELEASED, CAUSE_NONE, NULL, "run %lld is done", (long long)r->object.id);
	}
	if (gang_over(m, r, false))
		end_fleet(m, gang_leader(m, r));
	if (r->trial_id)
		trial_run_ended(m, r);
}

bool run_move(struct model *m, struct run *r, enum run_event ev, enum cause cause, const char *actor, const char *fmt, ...)
{
	int next = fsm_next(&run_fsm, (int)r->state, (int)ev);
	const char *from = run_fsm.state_names[r->state];
	char text[TEXT_MAX];
	va_list ap;
	bool moved;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (next < 0) {
		core_event(m, &r->object, from, run_fsm.event_names[ev], "illegal", cause, actor, "%s", text);
		return false;
	}
	moved = next != (int)r->state;
	r->state = (enum run_state)next;
	if (cause && !r->cause) {
		r->cause = cause;
		memcpy(r->reason, text, sizeof(r->reason));
	}
	r->version++;
	core_event(m, &r->object, from, run_fsm.event_names[ev], run_fsm.state_names[r->state], cause, actor, "%s", text);
	core_dirty(m, &r->object);
	if (moved) {
		/* What is under way answers first; only a push is overtaken, because what was pushed does nothing by itself. */
		if (r->state == RUN_DONE || (r->state == RUN_STOPPING && r->activity == ACTIVITY_PUSH))
			r->activity = ACTIVITY_NONE;
		r->pushed = r->stop_said = false;
		r->tries = 0;
		r->retry_at = 0;
		if (r->state == RUN_RUNNING)
			r->run_started = m->now;
		if (r->state == RUN_STOPPING)
			r->stop_deadline = m->now + STOP_LIMIT;
		if (r->state == RUN_COLLECTING)
			r->ended = m->now;
		if (r->state == RUN_DONE)
			finished(m, r);
		if (r->ranks > 1)
			gang_changed(m, r);
	}
	touch_around(m, r);
	return true;
}

static enum run_outcome outcome_of(enum cause c)
{
	switch ((int)c) {
	case CAUSE_TIMED_OUT: return OUTCOME_TIMED_OUT;
	case CAUSE_CANCELLED:
	case CAUSE_RELEASED:
	case CAUSE_IDLE: return OUTCOME_CANCELLED;
	case CAUSE_EXPIRED:
	case CAUSE_MONEY: return OUTCOME_TIMED_OUT;
	case CAUSE_FAILED:
	case CAUSE_BAD_MACHINE:
	case CAUSE_PUSH_FAILED:
	case CAUSE_SECRET:
	case CAUSE_UNPLACEABLE: return OUTCOME_FAILED;
	default: return OUTCOME_LOST;
	}
}

void run_stop(struct model *m, struct run *r, enum cause cause, const char *actor, const char *why)
{
	if (r->state == RUN_DONE || r->state == RUN_COLLECTING || r->stop_requested)
		return;
	r->stop_requested = true;
	r->outcome = outcome_of(cause);
	run_move(m, r, RUN_EV_STOP, cause, actor, "%s", why);
}

void run_machine_lost(struct model *m, struct run *r, const char *why)
{
	const struct instance *i = model_instance(m, r->instance_id);

	if (r->state == RUN_DONE)
		return;
	if (r->outcome == OUTCOME_NONE)
		r->outcome = OUTCOME_LOST;
	run_move(m, r, RUN_EV_LOST, i && i->cause == CAUSE_PREEMPTED ? CAUSE_PREEMPTED : CAUSE_LOST, NULL, "%s", why);
}

static void submit(struct model *m, struct fact *f)
{
	struct run row = *f->run, *r;
	struct trial *trial = row.trial_id ? trial_takes(m, f, row.trial_id) : NULL;
	struct fleet *fleet;

	if (trial)
		row.fleet_id = trial->fleet_id;
	fleet = model_fleet(m, row.fleet_id);
	if (f->error.code) {
		free(row.params);
		free(row.env);
		free(row.spec);
		return;
	}
	if (!fleet || fleet->state != FLEET_OPEN)
		err_set(&f->error, ERR_CONFLICT, "the fleet is %s and takes no runs", !fleet ? "not there" : "closing");
	else if (row.pinned > fleet->instances)
		err_set(&f->error, ERR_USAGE, "fleet '%s' has no instance %d; its %d begin at 0", fleet->name, row.pinned - 1, fleet->instances);
	if (f->error.code || !gang_admits(m, fleet, row.ranks, &f->error)) {
		if (trial)
			trial->activity = ACTIVITY_NONE;
		free(row.params);
		free(row.env);
		free(row.spec);
		return;
	}
	row.object.id = m->next_id;
	row.state = RUN_QUEUED;
	row.created = m->now;
	row.exit_status = -1;
	r = model_add_run(m, &row);
	core_event(m, &r->object, "", "submit", "QUEUED", CAUSE_NONE, f->actor, "%s on %s", r->recipe, fleet->name);
	core_dirty(m, &r->object);
	if (r->ranks > 1)
		gang_make(m, r);
	touch_around(m, r);
	if (trial)
		trial_has_run(m, trial, r);
	f->answer_id = r->object.id;
}

/* Contact with the machine failed: try again; whether it is lost is the instance's business. */
static void again(struct model *m, struct run *r)
{
	struct instance *i = model_instance(m, r->instance_id);

	r->tries++;
	r->retry_at = m->now + core_backoff(r->tries, RETRY_MOST);
	if (i && i->tries < 100) {
		i->tries++;
		i->retry_at = m->now;
		core_touch(m, &i->object);
	}
}

static void contact_made(struct model *m, const struct run *r)
{
	struct instance *i = model_instance(m, r->instance_id);

	if (i) {
		i->last_contact = m->now;
		i->tries = 0;
	}
}

static void answered(struct run *r, enum activity what)
{
	if (r->activity == what)
		r->activity = ACTIVITY_NONE;
}

static void pushed(struct model *m, struct run *r, const struct fact *f)
{
	answered(r, ACTIVITY_PUSH);
	if (r->state != RUN_PUSHING)
		return;
	if (f->contact == SSH_OK && !f->flag) {
		contact_made(m, r);
		r->tries = 0;
		r->assigned = r->assigned ? r->assigned : m->now;
		r->pushed = true;
	} else if (f->flag || r->tries + 1 >= PUSH_TRIES) {
		r->outcome = OUTCOME_FAILED;
		run_move(m, r, RUN_EV_LOST, f->cause ? f->cause : CAUSE_PUSH_FAILED, NULL, "%s",
		    f->message ? f->message : "the files could not be pushed");
	} else {
		again(m, r);
	}
}

static void started(struct model *m, struct run *r, const struct fact *f)
{
	answered(r, ACTIVITY_START);
	if (r->state != RUN_PUSHING)
		return;
	if (f->contact == SSH_OK && !f->flag) {
		contact_made(m, r);
		r->started = m->now;
		run_move(m, r, RUN_EV_STARTED, CAUSE_NONE, NULL, "%s", f->message ? f->message : "started");
	} else if (f->flag) {
		r->outcome = OUTCOME_FAILED;
		run_move(m, r, RUN_EV_LOST, CAUSE_PUSH_FAILED, NULL, "%s", f->message ? f->message : "could not be started");
	} else {
		again(m, r);
	}
}

/* It was told to begin, as all of its gang are. */
static void released(struct model *m, struct run *r, const struct fact *f)
{
	answered(r, ACTIVITY_GO);
	if (r->state != RUN_SETUP)
		return;
	if (f->contact == SSH_OK) {
		contact_made(m, r);
		r->tries = 0;
		r->retry_at = 0;
		r->go_said = true;
	} else if (f->contact == SSH_REFUSED && r->tries + 1 >= PUSH_TRIES) {
		run_stop(m, r, CAUSE_FAILED, NULL, f->message && *f->message ? f->message : "it could not be told to begin");
	} else {
		again(m, r);
	}
}

/*
 * The run leaves its machine, to begin again on another one, which the fleet orders. NULL: it has seen enough machines, or there
 * will be no other; else the machine that it left. One of several shares its work with the others: it does not leave.
 */
static struct instance *leave_machine(struct model *m, struct run *r, int most)
{
	struct instance *i = model_instance(m, r->instance_id);
	const struct fleet *f = model_fleet(m, r->fleet_id);

	if (!i || !f || f->state != FLEET_OPEN || m->closing || r->ranks > 1 || r->requeues >= most)
		return NULL;
	r->requeues++;
	r->out_base = r->out_size;
	r->err_base = r->err_size;
	r->instance_id = 0;
	r->started = r->run_started = 0;
	i->run_id = 0;
	return i;
}

/* A script says that the machine is not fit: it is given back. */
static bool moved_on(struct model *m, struct run *r, const struct fact_status *s)
{
	struct instance *i = leave_machine(m, r, UNFIT_MOST);

	if (!i)
		return false;
	instance_move(m, i, INSTANCE_EV_LOST, CAUSE_BAD_MACHINE, NULL, "not fit: %.200s", s->progress);
	run_move(m, r, RUN_EV_REQUEUE, CAUSE_NONE, NULL, "%s/%d is not fit: %.180s", model_fleet(m, r->fleet_id)->name, i->slot, s->progress);
	return true;
}

/* A night has a patience of its own for lost machines (`retry: { machine_lost }`): its trial begins again, not the run. */
void run_preempted(struct model *m, struct run *r)
{
	bool under_way = r->state == RUN_PUSHING || r->state == RUN_SETUP || r->state == RUN_RUNNING;
	const struct instance *i = under_way && !r->trial_id && !r->stop_requested ? leave_machine(m, r, PREEMPTED_MOST) : NULL;

	if (i)
		run_move(m, r, RUN_EV_REQUEUE, CAUSE_NONE, NULL, "%s/%d was preempted; it begins again on another machine",
		    model_fleet(m, r->fleet_id)->name, i->slot);
	else
		run_machine_lost(m, r, "its spot machine was taken away");
}

static void ended(struct model *m, struct run *r, const struct fact_status *s)
{
	bool unfit = r->outcome == OUTCOME_NONE && s->exit_status == STATUS_BAD_MACHINE && !s->stopped && !s->timed_out;
	enum cause cause = CAUSE_NONE;
	bool lapsed = false;

	if (unfit && moved_on(m, r, s))
		return;
	/* A gang's status is that of the rank that failed, not of those that were stopped for it. */
	if (r->ranks < 2 || !r->stop_requested || r->exit_status < 0) {
		r->exit_status = s->exit_status;
		str_copy(r->signal, s->signal);
	}
	if (r->outcome == OUTCOME_NONE) {
		if (s->stopped) {
			r->outcome = OUTCOME_LOST;
			cause = CAUSE_LOST;
			lapsed = true;
		} else if (s->timed_out) {
			r->outcome = OUTCOME_TIMED_OUT;
			cause = CAUSE_TIMED_OUT;
		} else if (s->exit_status == MUTANT("any_end_is_ok", 0, s->exit_status) && !*s->signal && !s->setup_failed) {
			r->outcome = OUTCOME_OK;
		} else {
			r->outcome = OUTCOME_FAILED;
			cause = unfit ? CAUSE_BAD_MACHINE : CAUSE_FAILED;
		}
	}
	if (lapsed)
		run_move(m, r, RUN_EV_EXITED, cause, NULL, "it was ended on the machine: nobody had renewed its lease");
	else if (unfit)
		run_move(m, r, RUN_EV_EXITED, cause, NULL, "the machine is not fit: %.200s", s->progress);
	else if (s->stopped && r->set_up && !r->run_started)
		run_move(m, r, RUN_EV_EXITED, cause, NULL, "stopped before it began");
	else if (s->timed_out)
		run_move(m, r, RUN_EV_EXITED, cause, NULL, "%s took longer than its limit", s->setup_failed ? "setup" : "the script");
	else if (*s->signal)
		run_move(m, r, RUN_EV_EXITED, cause, NULL, "%s was ended by signal %s", s->setup_failed ? "setup" : "the script", s->signal);
	else if (s->exit_status < 0)
		run_move(m, r, RUN_EV_EXITED, cause, NULL, "exit status unknown");
	else
		run_move(m, r, RUN_EV_EXITED, cause, NULL, "%s exited with %d", s->setup_failed ? "setup" : "the script", s->exit_status);
}

static void status(struct model *m, struct run *r, const struct fact *f)
{
	const struct fact_status *s = f->status;

	answered(r, ACTIVITY_POLL);
	if (r->state != RUN_SETUP && r->state != RUN_RUNNING && r->state != RUN_STOPPING)
		return;
	if (f->contact != SSH_OK || !s) {
		again(m, r);
		core_touch(m, &r->object);
		return;
	}
	contact_made(m, r);
	r->tries = 0;
	if (r->state != RUN_STOPPING || r->stop_said) /* a stop does not wait for the pace of reading */
		r->retry_at = s->more ? m->now : m->now + (r->watched ? m->policy.run_poll_watched : m->policy.run_poll);
	if (s->out_size != r->out_size || s->err_size != r->err_size || strcmp(s->progress, r->progress) != 0) {
		r->out_size = s->out_size;
		r->err_size = s->err_size;
		str_copy(r->progress, s->progress);
		core_dirty(m, &r->object);
	}
	if (r->state == RUN_SETUP && s->job == FACT_JOB_READY && !r->set_up) {
		r->set_up = m->now;
		core_dirty(m, &r->object);
		gang_set_up(m, r);
	}
	if (r->state == RUN_SETUP && r->released && !r->go_said)
		r->retry_at = m->now; /* the others begin just now */
	if (r->state == RUN_SETUP && (s->job == FACT_JOB_RUNNING || (s->job == FACT_JOB_DONE && !s->setup_failed)))
		run_move(m, r, RUN_EV_SETUP_DONE, CAUSE_NONE, NULL, "running");
	if (s->more)
		core_touch(m, &r->object);
	else if (s->job == FACT_JOB_DONE)
		ended(m, r, s);
	else if (s->job == FACT_JOB_VANISHED || s->job == FACT_JOB_NONE) {
		if (r->outcome == OUTCOME_NONE)
			r->outcome = MUTANT("vanished_is_ok", OUTCOME_LOST, OUTCOME_OK);
		run_move(m, r, RUN_EV_EXITED, CAUSE_LOST, NULL,
		    s->job == FACT_JOB_NONE ? "its directory on the machine is gone" : "the machine was rebooted or the run was killed");
	}
	core_touch(m, &r->object);
}

static void collected(struct model *m, struct run *r, const struct fact *f)
{
	answered(r, ACTIVITY_COLLECT);
	if (r->state != RUN_COLLECTING)
		return;
	if (f->contact == SSH_OK || ++r->tries >= COLLECT_TRIES) {
		r->results_bytes = f->contact == SSH_OK ? f->count : 0;
		if (r->ranks > 1 && r->rank == 0 && !gang_over(m, r, true)) {
			r->collected = true;
			return;
		}
		run_move(m, r, RUN_EV_COLLECTED, CAUSE_NONE, NULL, "%s",
		    f->message && *f->message ? f->message : f->contact == SSH_OK ? "results are here" : "results could not be collected");
	} else {
		r->retry_at = m->now + core_backoff(r->tries, RETRY_MOST);
	}
}

static void watch(struct model *m, struct run *r, bool on)
{
	r->watched = on;
	if (on && r->retry_at > m->now + m->policy.run_poll_watched)
		r->retry_at = m->now;
	core_touch(m, &r->object);
}

void run_apply(struct model *m, struct fact *f)
{
	struct run *r;

	if (f->kind == FACT_RUN_SUBMIT) {
		submit(m, f);
		return;
	}
	r = model_run(m, f->id);
	if (!r) {
		err_set(&f->error, ERR_NOT_FOUND, "no such run");
		return;
	}
	f->answer_id = r->object.id;
	switch ((int)f->kind) {
	case FACT_RUN_CANCEL: run_stop(m, r, CAUSE_CANCELLED, f->actor, "cancelled"); break;
	case FACT_RUN_WATCH:
		watch(m, r, f->flag);
		for (int rank = 1; rank < r->ranks && r->rank == 0; rank++) /* it goes on when all of them do */
			watch(m, gang_rank(m, r, rank), f->flag);
		break;
	case FACT_RUN_PUSHED: pushed(m, r, f); break;
	case FACT_RUN_STARTED: started(m, r, f); break;
	case FACT_RUN_RELEASED: released(m, r, f); break;
	case FACT_RUN_STATUS: status(m, r, f); break;
	case FACT_RUN_STOPPED:
		answered(r, ACTIVITY_STOP);
		r->stop_said |= f->contact == SSH_OK;
		r->retry_at = m->now + (f->contact == SSH_OK ? SECOND / 2 : 2 * SECOND);
		break;
	case FACT_RUN_COLLECTED: collected(m, r, f); break;
	default: BUG("fact %d is not about a run", (int)f->kind);
	}
	core_touch(m, &r->object);
}

void run_assign(struct model *m, struct run *r, struct instance *i)
{
	i->run_id = r->object.id;
	r->instance_id = i->object.id;
	r->assigned = m->now;
	instance_move(m, i, INSTANCE_EV_ASSIGNED, CAUSE_NONE, NULL, "run %lld", (long long)r->object.id);
	run_move(m, r, RUN_EV_ASSIGNED, CAUSE_NONE, NULL, "on %s/%d", model_fleet(m, r->fleet_id)->name, i->slot);
}

/* The machines of a gang come together at last only if nobody younger takes one of them. */
static void assign(struct model *m, struct run *r, struct fleet *f)
{
	char why[128];

	if (gang_is_before(f, r))
		return;
	if (r->ranks > 1) {
		if (r->rank == 0)
			gang_assign(m, r, f);
		return;
	}
	list_for_each(n, &f->instance_list) {
		struct instance *i = INSTANCE_OF(n);

		if (i->state != INSTANCE_READY || i->run_id || (r->pinned && i->slot != r->pinned - 1))
			continue;
		run_assign(m, r, i);
		return;
	}
	if (r->pinned && fleet_slot_is_over(f, r->pinned - 1)) {
		snprintf(why, sizeof(why), "its instance %s/%d is gone", f->name, r->pinned - 1);
		run_stop(m, r, CAUSE_LOST, NULL, why);
	}
}

static void act(struct run *r, enum activity what, struct actions *out, enum action_kind kind)
{
	r->activity = what;
	actions_add(out, kind, r->object.id);
}

static instant decide_running(struct model *m, struct run *r, instant now, struct actions *out)
{
	duration limit = r->state == RUN_SETUP ? r->setup_timeout : r->run_timeout;
	instant since = r->state == RUN_SETUP ? r->started : r->run_started;
	bool waits = r->state == RUN_SETUP && r->set_up; /* for others, whose limits count */
	instant late = limit && !waits ? since + limit + LATE_BY : FOREVER;

	if (now >= late) {
		run_stop(m, r, CAUSE_TIMED_OUT, NULL, "took longer than its limit, and its supervisor did not end it");
		return FOREVER;
	}
	if (now < r->retry_at)
		return instant_min(late, r->retry_at);
	if (waits && r->released && !r->go_said) {
		act(r, ACTIVITY_GO, out, ACTION_GO);
		return FOREVER;
	}
	act(r, ACTIVITY_POLL, out, ACTION_POLL);
	return late;
}

/* Stop is said until the machine has heard it, then the status is read until the run is over or the limit has passed. */
static instant decide_stopping(struct model *m, struct run *r, instant now, struct actions *out)
{
	if (!r->stop_deadline)
		r->stop_deadline = now + STOP_LIMIT;
	if (now >= r->stop_deadline) {
		run_move(m, r, RUN_EV_EXITED, CAUSE_NONE, NULL, "it did not stop in time; collected as it is");
		return FOREVER;
	}
	if (now < r->retry_at)
		return instant_min(r->retry_at, r->stop_deadline);
	if (r->stop_said)
		act(r, ACTIVITY_POLL, out, ACTION_POLL);
	else
		act(r, ACTIVITY_STOP, out, ACTION_STOP);
	return r->stop_deadline;
}

void run_decide(struct model *m, struct run *r, instant now, struct actions *out)
{
	struct fleet *f = model_fleet(m, r->fleet_id);
	struct instance *i = model_instance(m, r->instance_id);
	instant wake = FOREVER;

	if (r->state != RUN_DONE && r->state != RUN_QUEUED && (!i || i->state == INSTANCE_GONE || i->state == INSTANCE_DELETING)) {
		run_machine_lost(m, r, i && *i->reason ? i->reason : "its machine is gone");
		return;
	}
	if (r->activity)
		return;
	switch (r->state) {
	case RUN_QUEUED:
		if (f && f->state == FLEET_OPEN)
			assign(m, r, f);
		break;
	case RUN_PUSHING:
		if (now < r->retry_at)
			wake = r->retry_at;
		else if (r->pushed)
			act(r, ACTIVITY_START, out, ACTION_START);
		else
			act(r, ACTIVITY_PUSH, out, ACTION_PUSH);
		break;
	case RUN_SETUP:
	case RUN_RUNNING: wake = decide_running(m, r, now, out); break;
	case RUN_STOPPING: wake = decide_stopping(m, r, now, out); break;
	case RUN_COLLECTING:
		if (r->collected && gang_over(m, r, true))
			run_move(m, r, RUN_EV_COLLECTED, CAUSE_NONE, NULL, "every rank has ended");
		else if (now < r->retry_at)
			wake = r->retry_at;
		else if (!r->collected)
			act(r, ACTIVITY_COLLECT, out, ACTION_COLLECT);
		break;
	case RUN_DONE:
	case RUN_STATES: break;
	}
	core_wake(m, &r->object, wake);
}

/*
 * The state machines of architecture §5 as data, and the words for what ends things. FSM_TO cells; an empty cell is forbidden.
 */
#include "core/model.h"

static const char *const fleet_states[] = { "OPEN", "CLOSING", "CLOSED" };
static const char *const fleet_events[] = { "close", "empty" };
static const unsigned char fleet_next[FLEET_STATES][FLEET_EVENTS] = {
	[FLEET_OPEN] = { [FLEET_EV_CLOSE] = FSM_TO(FLEET_CLOSING) },
	[FLEET_CLOSING] = { [FLEET_EV_CLOSE] = FSM_TO(FLEET_CLOSING), [FLEET_EV_EMPTY] = FSM_TO(FLEET_CLOSED) },
};
const struct fsm fleet_fsm = { "fleet", FLEET_STATES, FLEET_EVENTS, &fleet_next[0][0], fleet_states, fleet_events };

static const char *const instance_states[] = { "PLANNED", "DISPATCHING", "AMBIGUOUS", "BOOTING", "CONNECTING", "READY", "BUSY",
	"DRAINING", "DELETING", "GONE" };
static const char *const instance_events[] = { "dispatch", "created", "refused", "unsure", "found", "absent", "running",
	"reachable", "assigned", "released", "stop", "timeout", "ended", "lost", "wrong", "gone" };

#define DISPATCHING FSM_TO(INSTANCE_DISPATCHING)
#define AMBIGUOUS   FSM_TO(INSTANCE_AMBIGUOUS)
#define BOOTING     FSM_TO(INSTANCE_BOOTING)
#define CONNECTING  FSM_TO(INSTANCE_CONNECTING)
#define READY       FSM_TO(INSTANCE_READY)
#define BUSY        FSM_TO(INSTANCE_BUSY)
#define DRAINING    FSM_TO(INSTANCE_DRAINING)
#define DELETING    FSM_TO(INSTANCE_DELETING)
#define GONE        FSM_TO(INSTANCE_GONE)
static const unsigned char instance_next[INSTANCE_STATES][INSTANCE_EVENTS] = {
	[INSTANCE_PLANNED] = { [INSTANCE_EV_DISPATCH] = DISPATCHING, [INSTANCE_EV_STOP] = GONE, [INSTANCE_EV_REFUSED] = GONE },
	/* A stop in these two is remembered and carried out on the verdict. */
	[INSTANCE_DISPATCHING] = { [INSTANCE_EV_CREATED] = BOOTING, [INSTANCE_EV_REFUSED] = GONE, [INSTANCE_EV_UNSURE] = AMBIGUOUS,
		[INSTANCE_EV_STOP] = DISPATCHING },
	[INSTANCE_AMBIGUOUS] = { [INSTANCE_EV_FOUND] = BOOTING, [INSTANCE_EV_ABSENT] = GONE, [INSTANCE_EV_STOP] = AMBIGUOUS },
	[INSTANCE_BOOTING] = { [INSTANCE_EV_RUNNING] = CONNECTING, [INSTANCE_EV_TIMEOUT] = DELETING,
		[INSTANCE_EV_ENDED] = DELETING, [INSTANCE_EV_STOP] = DELETING, [INSTANCE_EV_ABSENT] = GONE,
		[INSTANCE_EV_LOST] = DELETING },
	[INSTANCE_CONNECTING] = { [INSTANCE_EV_REACHABLE] = READY, [INSTANCE_EV_TIMEOUT] = DELETING,
		[INSTANCE_EV_WRONG] = DELETING, [INSTANCE_EV_STOP] = DELETING, [INSTANCE_EV_ENDED] = DELETING,
		[INSTANCE_EV_LOST] = DELETING },
	[INSTANCE_READY] = { [INSTANCE_EV_ASSIGNED] = BUSY, [INSTANCE_EV_LOST] = DELETING, [INSTANCE_EV_ENDED] = DELETING,
		[INSTANCE_EV_STOP] = DELETING },
	[INSTANCE_BUSY] = { [INSTANCE_EV_RELEASED] = READY, [INSTANCE_EV_STOP] = DRAINING, [INSTANCE_EV_LOST] = DELETING,
		[INSTANCE_EV_ENDED] = DELETING },
	[INSTANCE_DRAINING] = { [INSTANCE_EV_RELEASED] = DELETING, [INSTANCE_EV_TIMEOUT] = DELETING,
		[INSTANCE_EV_ENDED] = DELETING, [INSTANCE_EV_LOST] = DELETING, [INSTANCE_EV_STOP] = DRAINING },
	[INSTANCE_DELETING] = { [INSTANCE_EV_GONE] = GONE, [INSTANCE_EV_STOP] = DELETING },
};
const struct fsm instance_fsm = { "instance", INSTANCE_STATES, INSTANCE_EVENTS, &instance_next[0][0], instance_states,
	instance_events };

static const char *const run_states[] = { "QUEUED", "PUSHING", "SETUP", "RUNNING", "COLLECTING", "STOPPING", "DONE" };
static const char *const run_events[] = { "assigned", "started", "setup_done", "exited", "stop", "collected", "lost", "requeue" };
static const unsigned char run_next[RUN_STATES][RUN_EVENTS] = {
	[RUN_QUEUED] = { [RUN_EV_ASSIGNED] = FSM_TO(RUN_PUSHING), [RUN_EV_STOP] = FSM_TO(RUN_DONE),
		[RUN_EV_LOST] = FSM_TO(RUN_DONE) },
	[RUN_PUSHING] = { [RUN_EV_STARTED] = FSM_TO(RUN_SETUP), [RUN_EV_STOP] = FSM_TO(RUN_STOPPING),
		[RUN_EV_LOST] = FSM_TO(RUN_DONE), [RUN_EV_REQUEUE] = FSM_TO(RUN_QUEUED) },
	[RUN_SETUP] = { [RUN_EV_SETUP_DONE] = FSM_TO(RUN_RUNNING), [RUN_EV_EXITED] = FSM_TO(RUN_COLLECTING),
		[RUN_EV_STOP] = FSM_TO(RUN_STOPPING), [RUN_EV_LOST] = FSM_TO(RUN_DONE), [RUN_EV_REQUEUE] = FSM_TO(RUN_QUEUED) },
	[RUN_RUNNING] = { [RUN_EV_EXITED] = FSM_TO(RUN_COLLECTING), [RUN_EV_STOP] = FSM_TO(RUN_STOPPING),
		[RUN_EV_LOST] = FSM_TO(RUN_DONE), [RUN_EV_REQUEUE] = FSM_TO(RUN_QUEUED) },
	[RUN_STOPPING] = { [RUN_EV_EXITED] = FSM_TO(RUN_COLLECTING), [RUN_EV_LOST] = FSM_TO(RUN_DONE),
		[RUN_EV_STOP] = FSM_TO(RUN_STOPPING) },
	[RUN_COLLECTING] = { [RUN_EV_COLLECTED] = FSM_TO(RUN_DONE), [RUN_EV_LOST] = FSM_TO(RUN_DONE),
		[RUN_EV_STOP] = FSM_TO(RUN_COLLECTING) },
};
const struct fsm run_fsm = { "run", RUN_STATES, RUN_EVENTS, &run_next[0][0], run_states, run_events };

static const char *const night_states[] = { "RUNNING", "JUDGING", "CLOSING", "DONE" };
static const char *const night_events[] = { "measured", "again", "judged", "empty" };
static const unsigned char night_next[NIGHT_STATES][NIGHT_EVENTS] = {
	[NIGHT_RUNNING] = { [NIGHT_EV_MEASURED] = FSM_TO(NIGHT_JUDGING) },
	[NIGHT_JUDGING] = { [NIGHT_EV_AGAIN] = FSM_TO(NIGHT_RUNNING), [NIGHT_EV_JUDGED] = FSM_TO(NIGHT_CLOSING) },
	[NIGHT_CLOSING] = { [NIGHT_EV_EMPTY] = FSM_TO(NIGHT_DONE) },
};
const struct fsm night_fsm = { "night", NIGHT_STATES, NIGHT_EVENTS, &night_next[0][0], night_states, night_events };

static const char *const trial_states[] = { "WAITING", "RUNNING", "DONE", "GIVEN_UP" };
static const char *const trial_events[] = { "submitted", "ended", "again", "give_up" };
static const unsigned char trial_next[TRIAL_STATES][TRIAL_EVENTS] = {
	[TRIAL_WAITING] = { [TRIAL_EV_SUBMITTED] = FSM_TO(TRIAL_RUNNING), [TRIAL_EV_GIVE_UP] = FSM_TO(TRIAL_GIVEN_UP) },
	[TRIAL_RUNNING] = { [TRIAL_EV_ENDED] = FSM_TO(TRIAL_DONE), [TRIAL_EV_AGAIN] = FSM_TO(TRIAL_WAITING) },
};
const struct fsm trial_fsm = { "trial", TRIAL_STATES, TRIAL_EVENTS, &trial_next[0][0], trial_states, trial_events };

static const char *const notice_states[] = { "WAITING", "SENT", "GIVEN_UP" };
static const char *const notice_events[] = { "taken", "give_up" };
static const unsigned char notice_next[NOTICE_STATES][NOTICE_EVENTS] = {
	[NOTICE_WAITING] = { [NOTICE_EV_TAKEN] = FSM_TO(NOTICE_SENT), [NOTICE_EV_GIVE_UP] = FSM_TO(NOTICE_GIVEN_UP) },
};
const struct fsm notice_fsm = { "notice", NOTICE_STATES, NOTICE_EVENTS, &notice_next[0][0], notice_states, notice_events };

static const char *const night_outcomes[] = { [NIGHT_UNKNOWN] = "", [NIGHT_COMPLETE] = "complete", [NIGHT_PARTIAL] = "partial",
	[NIGHT_FAILED] = "failed", [NIGHT_CANCELLED] = "cancelled", [NIGHT_MISSED] = "missed" };

const char *night_outcome_name(enum night_outcome o)
{
	return night_outcomes[o];
}

int night_outcome_from_name(const char *s)
{
	for (size_t k = 0; k < ARRAY_LEN(night_outcomes); k++)
		if (!strcmp(night_outcomes[k], s))
			return (int)k;
	return -1;
}

static const char *const object_kinds[OBJECT_KINDS] = { [OBJECT_FLEET] = "fleet", [OBJECT_INSTANCE] = "instance", [OBJECT_RUN] = "run",
	[OBJECT_ACCOUNT] = "account", [OBJECT_EXTRA] = "extra", [OBJECT_CAMPAIGN] = "campaign", [OBJECT_NIGHT] = "night",
	[OBJECT_TRIAL] = "trial", [OBJECT_NOTICE] = "notice", [OBJECT_BUDGET] = "budget" };

const char *object_kind_name(enum object_kind k)
{
	return object_kinds[k];
}

int object_kind_from_name(const char *s)
{
	for (size_t k = 0; k < ARRAY_LEN(object_kinds); k++)
		if (!strcmp(object_kinds[k], s))
			return (int)k;
	return -1;
}

static const char *const extra_states[] = { "WANTED", "MAKING", "DOUBT", "BUILDING", "LIVE", "DELETING", "GONE" };
static const char *const extra_events[] = { "dispatch", "begun", "made", "refused", "again", "unsure", "absent", "end", "kept", "gone" };
static const unsigned char extra_next[EXTRA_STATES][EXTRA_EVENTS] = {
	[EXTRA_WANTED] = { [EXTRA_EV_DISPATCH] = FSM_TO(EXTRA_MAKING), [EXTRA_EV_REFUSED] = FSM_TO(EXTRA_GONE),
		[EXTRA_EV_END] = FSM_TO(EXTRA_GONE) },
	[EXTRA_MAKING] = { [EXTRA_EV_BEGUN] = FSM_TO(EXTRA_BUILDING), [EXTRA_EV_MADE] = FSM_TO(EXTRA_LIVE),
		[EXTRA_EV_REFUSED] = FSM_TO(EXTRA_GONE), [EXTRA_EV_AGAIN] = FSM_TO(EXTRA_WANTED), [EXTRA_EV_UNSURE] = FSM_TO(EXTRA_DOUBT) },
	[EXTRA_DOUBT] = { [EXTRA_EV_MADE] = FSM_TO(EXTRA_LIVE), [EXTRA_EV_ABSENT] = FSM_TO(EXTRA_GONE) },
	[EXTRA_BUILDING] = { [EXTRA_EV_MADE] = FSM_TO(EXTRA_LIVE), [EXTRA_EV_REFUSED] = FSM_TO(EXTRA_GONE),
		[EXTRA_EV_UNSURE] = FSM_TO(EXTRA_DOUBT) },
	[EXTRA_LIVE] = { [EXTRA_EV_END] = FSM_TO(EXTRA_DELETING), [EXTRA_EV_GONE] = FSM_TO(EXTRA_GONE) },
	/* Kept: whose credentials may not delete it is asked again when it is next unused. */
	[EXTRA_DELETING] = { [EXTRA_EV_KEPT] = FSM_TO(EXTRA_LIVE), [EXTRA_EV_GONE] = FSM_TO(EXTRA_GONE) },
};
const struct fsm extra_fsm = { "extra", EXTRA_STATES, EXTRA_EVENTS, &extra_next[0][0], extra_states, extra_events };

static const char *const extra_kinds[] = { "ssh_key", "volume", "snapshot" };

const char *extra_kind_name(enum extra_kind k)
{
	return extra_kinds[k];
}

int extra_kind_from_name(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(extra_kinds); i++)
		if (!strcmp(extra_kinds[i], s))
			return (int)i;
	return -1;
}

static const struct {
	const char *name, *text;
} gaps[GAPS] = {
	[GAP_NONE] = { "", "" },
	[GAP_CLOCK] = { "clock", "no more than our clock is good to, and the record rounds" },
	[GAP_TRAFFIC] = { "traffic", "traffic is charged by the GB, which our clock does not see" },
	[GAP_LATE_DELETE] = { "late delete", "its delete was taken late, or its end not seen" },
	[GAP_UNEXPLAINED] = { "unexplained", "more than our clock explains; see its invoice" },
	[GAP_NOT_STARTED] = { "not started", "what did not start was not charged, or not in full" },
	[GAP_ENDED_UNSEEN] = { "ended unseen", "it ended before we saw it" },
	[GAP_OTHER_MOMENTS] = { "other moments", "charged from a later moment, or to an earlier one, than we counted" },
	[GAP_SHARE] = { "share", "its share of what the balance moved: the provider tells no more" },
	[GAP_NO_RECORD] = { "no record", "no bill of it came: what we metered stands" },
};

const char *gap_name(enum gap g)
{
	return gaps[g].name;
}

const char *gap_text(enum gap g)
{
	return gaps[g].text;
}

enum gap gap_from_name(const char *s)
{
	enum gap g = GAP_NONE;

	while (g < GAPS && strcmp(gaps[g].name, s) != 0)
		g++;
	return g;
}

static const struct {
	const char *name, *words;
} causes[CAUSE_NR] = {
	[CAUSE_NONE] = { "", "" },
	[CAUSE_RELEASED] = { "released", "released" },
	[CAUSE_EXPIRED] = { "expired", "its time ran out" },
	[CAUSE_IDLE] = { "idle", "idle for too long" },
	[CAUSE_MONEY] = { "money", "its money ran out" },
	[CAUSE_UNPLACEABLE] = { "unplaceable", "nobody sells it now" },
	[CAUSE_RUN_ENDED] = { "run_ended", "its run has ended" },
	[CAUSE_NO_CAPACITY] = { "no_capacity", "sold out" },
	[CAUSE_REFUSED] = { "refused", "refused by the provider" },
	[CAUSE_LIMIT] = { "limit", "quota or balance at the provider" },
	[CAUSE_DENIED] = { "denied", "credentials not accepted" },
	[CAUSE_NOT_SENT] = { "not_sent", "the request never left" },
	[CAUSE_ABSENT] = { "absent", "proved not to exist" },
	[CAUSE_BOOT_TIMEOUT] = { "boot_timeout", "did not boot in time" },
	[CAUSE_BOOT_FAILED] = { "boot_failed", "failed to boot" },
	[CAUSE_SSH_TIMEOUT] = { "ssh_timeout", "SSH did not answer in time" },
	[CAUSE_SSH_AUTH] = { "ssh_auth", "SSH did not take our key" },
	[CAUSE_HOST_KEY] = { "host_key", "SSH host key changed" },
	[CAUSE_WRONG_MACHINE] = { "wrong_machine", "not the machine that was ordered" },
	[CAUSE_LOST] = { "lost", "the machine died or was taken away" },
	[CAUSE_DUPLICATE] = { "duplicate", "second machine of one request" },
	[CAUSE_LATE] = { "late", "appeared after it was proved absent" },
	[CAUSE_RESURRECTED] = { "resurrected", "came back after it was gone" },
	[CAUSE_ORPHAN] = { "orphan", "ours by its mark, unknown to the database" },
	[CAUSE_FAILED] = { "failed", "the script failed" },
	[CAUSE_TIMED_OUT] = { "timed_out", "took longer than its limit" },
	[CAUSE_CANCELLED] = { "cancelled", "cancelled" },
	[CAUSE_PUSH_FAILED] = { "push_failed", "the files could not be pushed" },
	[CAUSE_SECRET] = { "secret", "a secret it needs is not known any more" },
	[CAUSE_SURPLUS] = { "surplus", "not needed any more" },
	[CAUSE_BAD_MACHINE] = { "bad_machine", "the machine was not fit" },
	[CAUSE_PREEMPTED] = { "preempted", "taken away from a spot machine" },
};

const char *cause_name(enum cause c)
{
	return causes[c].name;
}

const char *cause_words(enum cause c)
{
	return causes[c].words;
}

enum cause cause_from_name(const char *s)
{
	for (int i = 0; i < CAUSE_NR; i++)
		if (!strcmp(causes[i].name, s))
			return (enum cause)i;
	return CAUSE_NONE;
}

static const char *const outcomes[] = { "", "ok", "failed", "timed_out", "cancelled", "lost" };

const char *outcome_name(enum run_outcome o)
{
	return outcomes[o];
}

enum run_outcome outcome_from_name(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
		if (!strcmp(outcomes[i], s))
			return (enum run_outcome)i;
	return OUTCOME_NONE;
}

static int find_name(const char *const *names, int count, const char *s)
{
	for (int k = 0; k < count; k++)
		if (!strcmp(names[k], s))
			return k;
	return -1;
}

static const char *const parts[] = { "boot", "setup", "run", "idle", "teardown", "rounding", "storage", "unsplit", "" };

const char *part_name(enum part p)
{
	return parts[p];
}

enum part part_from_name(const char *s)
{
	int k = find_name(parts, PARTS, s);

	return k < 0 ? PARTS : (enum part)k;
}

static const char *const posting_kinds[] = { "hold", "use", "bill" };

const char *posting_kind_name(enum posting_kind k)
{
	return posting_kinds[k];
}

int posting_kind_from_name(const char *s)
{
	return find_name(posting_kinds, POSTING_KINDS, s);
}

static const char *const scopes[] = { "all", "named", "owner", "campaign", "provider", "label" };

const char *scope_name(enum scope s)
{
	return scopes[s];
}

int scope_from_name(const char *s)
{
	return find_name(scopes, SCOPES, s);
}

static const char *const periods[] = { "day", "week", "month", "rolling", "total" };

const char *period_name(enum period p)
{
	return periods[p];
}

int period_from_name(const char *s)
{
	return find_name(periods, PERIODS, s);
}

static const char *const trusts[] = { [TRUST_TOFU] = "tofu", [TRUST_OOB] = "oob", [TRUST_PRESET] = "preset" };

const char *trust_name(enum trust t)
{
	return trusts[t];
}

enum trust trust_from_name(const char *s)
{
	enum trust t = TRUST_TOFU;

	while (t < TRUST_NR && strcmp(trusts[t], s) != 0)
		t++;
	return t;
}

static const char *const watchdogs[] = { [WATCHDOG_NONE] = "none", [WATCHDOG_STOPS] = "stops", [WATCHDOG_DELETES] = "deletes" };

const char *watchdog_name(enum watchdog w)
{
	return watchdogs[w];
}

enum watchdog watchdog_from_name(const char *s)
{
	enum watchdog w = WATCHDOG_NONE;

	while (w < WATCHDOG_NR && strcmp(watchdogs[w], s) != 0)
		w++;
	return w;
}

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = { "ok", "more", "refused", "no_capacity", "limit", "retry", "unsure", "denied",
		"absent" };

	return names[v];
}

const char *ssh_outcome_name(enum ssh_outcome o)
{
	static const char *const names[] = { "ok", "unreachable", "host_key", "auth", "lost", "refused" };

	return names[o];
}

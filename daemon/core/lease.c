/*
 * The lease of a machine: how long it may go on when it hears nothing from us (reliability §2.10). Its watchdog counts it on the
 * machine's boot clock, so it is a span and never a time.
 *
 * It covers policy.lease, and the whole time that the run there may take with as much again for its collection, so that a restart
 * or a lost network costs no night; and it never reaches beyond the deadline, which is what the hold pays for.
 */
#include "core/core.h"
#include "core/internal.h"

static instant wanted_until(const struct model *m, const struct instance *i, instant now)
{
	const struct run *r = model_run(m, i->run_id);
	instant until = now + m->policy.lease, since;

	if (r && r->state < RUN_DONE) {
		/* A run without a limit may go on until the deadline. */
		since = r->run_started ? r->run_started : (r->started ? r->started : now) + r->setup_timeout;
		until = instant_max(until, r->run_timeout ? since + r->run_timeout + m->policy.lease : FOREVER);
	}
	return i->deadline ? instant_min(until, i->deadline) : until;
}

duration lease_span(const struct model *m, const struct instance *i, instant now)
{
	instant until = wanted_until(m, i, now);

	return until > now ? until - now : SECOND;
}

bool lease_due(const struct model *m, const struct instance *i, instant now)
{
	return wanted_until(m, i, now) - i->leased_until > m->policy.lease / 3;
}

void lease_renewed(struct model *m, struct instance *i, const struct fact_probe *p)
{
	static const char *const words[] = {
		[WATCHDOG_NONE] = "no watchdog could be armed on it: only we and the reaper end it",
		[WATCHDOG_STOPS] = "without contact its watchdog ends the work there; the machine itself only we and the reaper end",
		[WATCHDOG_DELETES] = "without contact its watchdog ends the work there and deletes the machine",
	};

	if (p->watchdog != i->watchdog || !i->leased_until)
		core_event(m, &i->object, instance_fsm.state_names[i->state], "watchdog", instance_fsm.state_names[i->state], CAUSE_NONE, NULL,
		    "%s", words[p->watchdog]);
	i->watchdog = p->watchdog;
	i->leased_until = p->watchdog ? m->now + p->leased : 0;
}

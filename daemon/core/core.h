/*
 * The pure core: apply folds one fact into the model, decide looks at what changed or is due and lists what should be done.
 * No I/O, no clock: facts carry their time, decide is given it. Edge-triggered in, level-triggered out: a lost fact costs a poll
 * interval and never a machine; a restart is "load rows, FACT_RESTARTED, decide" (architecture §1, §6).
 */
#ifndef GPUFLEET_CORE_H
#define GPUFLEET_CORE_H

#include "core/action.h"
#include "core/fact.h"

void core_apply(struct model *m, struct fact *f);
/* Saves before it spends: endings and teardown come before placement and runs. Calls cost what changed, not what exists. */
void core_decide(struct model *m, instant now, struct actions *out);
/* When decide wants to be called again without a new fact; FOREVER when nothing is due. `now` when work is waiting. */
instant core_next_wake(const struct model *m, instant now);

/* How long a machine may go on from now when it hears nothing from us (lease.c). */
duration lease_span(const struct model *m, const struct instance *i, instant now);

#endif

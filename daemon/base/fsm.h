/*
 * A state machine as data: a table of (state, event) → next state, with names for people.
 *
 * Cells hold state + 1 so that a zero cell means "not allowed"; use FSM_TO(). A cell that names its own state is allowed
 * and changes nothing.
 */
#ifndef GPUFLEET_FSM_H
#define GPUFLEET_FSM_H

#include "mem.h"

#define FSM_TO(state) ((unsigned char)((state) + 1))

struct fsm {
	const char *object;              /* "instance" */
	int states, events;
	const unsigned char *next;       /* [states][events], row-major */
	const char *const *state_names;  /* [states] */
	const char *const *event_names;  /* [events] */
};

/* The next state, or -1 when the table forbids it. */
static inline int fsm_next(const struct fsm *f, int state, int event)
{
	return (int)f->next[state * f->events + event] - 1;
}

/* The state called `name`, or -1. */
static inline int fsm_state(const struct fsm *f, const char *name)
{
	for (int i = 0; i < f->states; i++)
		if (!strcmp(f->state_names[i], name))
			return i;
	return -1;
}

#endif

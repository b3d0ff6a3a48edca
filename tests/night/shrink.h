/*
 * A night that went wrong, made smaller: whatever can be left out of its plan with the same thing still going wrong is left out.
 */
#ifndef GPUFLEET_NIGHT_SHRINK_H
#define GPUFLEET_NIGHT_SHRINK_H

#include "night.h"

/* Turns items of *p off until each that is left is needed. False: nothing goes wrong in that night. */
bool shrink(struct sim_plan *p, const struct night_options *o, char *violation, size_t size);
/* What is left, one line per item. */
void shrink_print(const struct sim_plan *p);

#endif

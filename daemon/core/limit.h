/*
 * What an account may hold at most, as its owner configured it: machines (max_instances) and what they cost an hour together
 * (max_hourly). Only new machines are measured; one that is not proved gone counts.
 */
#ifndef GPUFLEET_LIMIT_H
#define GPUFLEET_LIMIT_H

#include "core/model.h"

/* How many machines of this offer the account has room for, INT_MAX without limits; *why gets one sentence when none. */
int limit_room(const struct account_state *a, const struct offer *o, char why[TEXT_MAX]);
/* Do all accounts of these candidates together have room for so many? *why gets one sentence when not. */
bool limit_admits(const struct model *m, const struct offer *const *list, size_t count, int wanted, char why[TEXT_MAX]);

#endif

/* What the commands about money have in common: how cost is grouped, and of which time and what it is asked. */
#ifndef GPUFLEET_CTL_COST_H
#define GPUFLEET_CTL_COST_H

#include "ctl/ctl.h"

extern const char *const cost_ways[];    /* for --by */
extern const char *const cost_periods[]; /* for --since and --until */

/* Is that a way to group cost, or two of them? */
int cost_check_by(const char *by, struct err *e);
/* Append --since, --until and --filter, as far as the command knows them, to a path that has a query already. */
int cost_put_query(const struct args *a, struct buf *path, struct err *e);

#endif

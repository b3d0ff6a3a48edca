/*
 * One command on many machines: this program itself once for each, side by side, their lines behind their names.
 */
#ifndef GPUFLEET_CTL_MANY_H
#define GPUFLEET_CTL_MANY_H

#include "ctl/ctl.h"

#define MANY_AT_ONCE 32

struct many {
	char **words; /* "fleet/0" … */
	size_t count;
};
void many_add(struct many *m, const char *fmt, ...) PRINTF_LIKE(2, 3);
void many_free(struct many *m);

/* exec WORD with the command of `c`, for each word. Returns the highest exit status; failures are named at the end. */
int many_run(const struct many *m, struct ctl *c, struct err *e);

#endif

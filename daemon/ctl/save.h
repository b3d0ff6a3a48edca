/* An answer that is a file: to standard output as it comes, or into a file that has its name only when it is whole. */
#ifndef GPUFLEET_CTL_SAVE_H
#define GPUFLEET_CTL_SAVE_H

#include "ctl/ctl.h"

int save_answer(struct ctl *c, const char *path, const char *out /* NULL: standard output */, struct err *e);

#endif

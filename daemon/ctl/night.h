/*
 * A night on the terminal: as it goes on, as a list, and what an apply changes.
 */
#ifndef GPUFLEET_CTL_NIGHT_H
#define GPUFLEET_CTL_NIGHT_H

#include "ctl/ctl.h"

/* Waits for the end, telling what happens. Exit status: 0 complete, 1 not. Ctrl-C leaves it running. */
int night_follow(struct ctl *c, const char *campaign, int64_t number, struct err *e);
void night_print(const json_t *night); /* one that is running */
void night_print_list(const json_t *nights);
/* Lines that went and lines that came. */
void night_print_changes(const char *before, const char *after);

#endif

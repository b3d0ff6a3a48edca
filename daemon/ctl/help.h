/*
 * What the command table says about itself.
 */
#ifndef GPUFLEET_CTL_HELP_H
#define GPUFLEET_CTL_HELP_H

#include "ctl/args.h"

void help_all(FILE *to);
void help_command(FILE *to, const struct command *c);
/* One line per command and option, for the check of the manual page: "up\tGPU[:N] [option ...]", "up\t--count\tN". */
void help_dump(FILE *to);

#endif

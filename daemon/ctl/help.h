/*
 * What the command table says about itself.
 */
#ifndef GPUFLEET_CTL_HELP_H
#define GPUFLEET_CTL_HELP_H

#include "ctl/args.h"

void help_all(FILE *to);
void help_command(FILE *to, const struct command *c);
/* The parts of gpufleetctl(1) that are made from the table, in mdoc. */
void help_mdoc(FILE *to);

#endif

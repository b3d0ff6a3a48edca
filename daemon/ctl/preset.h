/*
 * --preset: a documented stack in place of options that are not given.
 */
#ifndef GPUFLEET_CTL_PRESET_H
#define GPUFLEET_CTL_PRESET_H

#include "ctl/args.h"

/*
 * Adds what the preset stands for, as though it stood on the command line: the recipe where none is named, each option and each
 * parameter that a person did not give. With --on only the parameters and secrets: the machine is there.
 * Then, or without --preset, -1 when no recipe is named.
 */
int preset_apply(struct args *a, struct err *e);

#endif

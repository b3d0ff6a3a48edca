/*
 * Planted bugs, for the simulator to catch (make sim-mutants). In every other build MUTANT() is its second argument and costs
 * nothing. In that one GPUFLEET_MUTANT in the environment names the bug that is in force; tests/night/mutants.c lists them.
 *
 *	if (MUTANT("retry_create", false, true)) ...      name, what is right, what is wrong
 */
#ifndef GPUFLEET_MUTANT_H
#define GPUFLEET_MUTANT_H

#ifdef GPUFLEET_MUTANTS
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool mutant_is(const char *name)
{
	const char *on = getenv("GPUFLEET_MUTANT");

	return on && !strcmp(on, name);
}
#define MUTANT(name, normal, broken) (mutant_is(name) ? (broken) : (normal))
#else
#define MUTANT(name, normal, broken) (normal)
#endif

#endif

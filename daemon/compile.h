/*
 * From the text of a campaign's file to what a night does (core/plan.h): the file is read, its recipe found among the shipped ones,
 * every cell checked against the recipe's parameters.
 */
#ifndef GPUFLEET_COMPILE_H
#define GPUFLEET_COMPILE_H

#include "config/config.h"
#include "core/plan.h"

/*
 * The caller owns the plan; NULL: *e says the first mistake and *report (may be NULL) all of those that the file itself has. c NULL:
 * what it says of accounts, secrets and defaults is left out.
 */
struct plan *compile_campaign(const struct config *c, const char *file, const char *text, struct buf *report, struct err *e);
/* The same for the model; arg: the configuration. */
struct plan *compile_for_model(void *arg, const char *text, char trouble[TEXT_MAX]);

#endif

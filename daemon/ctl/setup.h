/*
 * `up --setup`: one run on each instance of a fresh fleet, before anything else gets there.
 *
 *	struct setup s = { NULL };
 *	setup_read(c, "vllm-serve", order, &s, e);          before a plan is shown
 *	setup_submit(c, &s, fleet, e);                      right behind the order
 *	setup_wait(c, &watch, &s, "demo", e);               when the fleet is ready
 *	setup_free(&s);
 */
#ifndef GPUFLEET_CTL_SETUP_H
#define GPUFLEET_CTL_SETUP_H

#include "ctl/ctl.h"
#include "ctl/watch.h"

struct setup {
	json_t *body;  /* of POST /v1/runs, without where; NULL: nothing is set up */
	int64_t *runs; /* by slot */
	size_t count;
};

/* A script or a directory without recipe.yaml is run; of a recipe its setup alone. `what` NULL: nothing. ERR_USAGE: it cannot work. */
int setup_read(struct ctl *c, const char *what, const json_t *order, struct setup *s, struct err *e);
/* On failure *e says what stays up. */
int setup_submit(struct ctl *c, struct setup *s, const json_t *fleet, struct err *e);
/* Until all have ended. 0: well; -2: Ctrl-C; -1: *e says on which it failed. */
int setup_wait(struct ctl *c, struct watch *w, const struct setup *s, const char *fleet, struct err *e);
void setup_free(struct setup *s);

#endif

/* What `run`, `prepare` and `serve` share: the body of a run from options; submitted, followed, reported. */
#ifndef GPUFLEET_CTL_RUN_H
#define GPUFLEET_CTL_RUN_H

#include "ctl/ctl.h"

/* Options of what is run, for the commands' tables. */
#define RUN_OPTS \
	{ "gpu", 'g', ARG_TEXT, "GPU[:N]", "rent a machine for it and give it back afterwards; takes the options of up", NULL, 0, 0, false }, \
	{ "preset", 0, ARG_TEXT, "PRESET", "a documented stack; what else is given takes the place of its words; see: gpufleetctl presets", NULL, 0, 0, \
	  false }, \
	{ "set", 's', ARG_PAIR, "NAME=VALUE", "a parameter of the recipe", NULL, 0, 0, true }, \
	{ "secret", 0, ARG_NAME, "NAME", "a secret it may have: this variable here, else the daemon's configuration", NULL, 0, 0, true }, \
	{ "title", 0, ARG_TEXT, "TEXT", "what the run is called", NULL, 0, 0, false }, \
	{ "timeout", 't', ARG_DURATION, "DURATION", "end it after this long", NULL, SECOND, 30 * DAY, false }, \
	{ "qualify", 0, ARG_FLAG, NULL, "gpu-check looks at the machine first; one that is not fit is replaced", NULL, 0, 0, false }, \
	{ "no-qualify", 0, ARG_FLAG, NULL, "not even where the recipe says so", NULL, 0, 0, false }, \
	{ "trust-first-use", 0, ARG_FLAG, NULL, "send its secrets also where secrets_min_trust asks for more than a key seen once", NULL, 0, 0, \
	  false }, \
	{ "keep-on-failure", 0, ARG_DURATION, "DURATION", "keep a rented machine this long for a look; 0: give it back at once", NULL, 0, \
	  365 * DAY, false }

/* Put the keys of POST /v1/runs into `body`, without where it runs. */
int run_put_work(const struct args *a, json_t *body, struct err *e);
/* The same without what is run: --set, --secret, --title … */
int run_put_options(const struct args *a, json_t *body, struct err *e);
/* Where it runs, of --on FLEET[/I]. */
int run_put_place(const struct args *a, json_t *body, struct err *e);
/* What is wrong with the recipe, its parameters, its secrets or the GPU is said before a plan is shown or a volume is made for it. */
int run_check(struct ctl *c, const json_t *body, const json_t *order, struct err *e);
/*
 * With --gpu it is checked, and the plan of `order` and a yes come first; then `start` with `body` and `order` in one. Both are freed.
 * `rc`: how making them went; below 0 nothing else happens.
 */
int run_ordered(struct ctl *c, int rc, json_t *body, json_t *order, int (*start)(struct ctl *c, const json_t *body, struct err *e), struct err *e);
/* Submit, follow its output to the end, say what came of it. Returns the exit status of the script. */
int run_start(struct ctl *c, const json_t *body, struct err *e);

#endif

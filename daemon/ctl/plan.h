/*
 * What `up` and `run --gpu` share: the body of an order from options, the plan, and the yes of a person.
 */
#ifndef GPUFLEET_CTL_PLAN_H
#define GPUFLEET_CTL_PLAN_H

#include "ctl/ctl.h"

/* Options of an order, for both commands' tables; `up` alone has --together, `prepare` no --instances. */
#define ORDER_OPTS \
	{ "count", 'c', ARG_COUNT, "N", "GPUs in each instance (GPU:N says the same)", NULL, 1, 64, false }, \
	{ "name", 'n', ARG_NAME, "NAME", "what the fleet is called", NULL, 0, 40, false }, \
	{ "for", 'f', ARG_DURATION, "DURATION", "how long it lives, counted from the moment when it is ready", NULL, MINUTE, 365 * DAY, false }, \
	{ "idle", 0, ARG_DURATION, "DURATION", "give it back when nobody uses it for this long; 0: never", NULL, 0, 365 * DAY, false }, \
	{ "max-cost", 0, ARG_MONEY, "USD", "what the whole fleet may cost", NULL, 0, 0, false }, \
	{ "max-price", 0, ARG_MONEY, "USD", "per GPU and hour", NULL, 0, 0, false }, \
	{ "accept-minimum", 0, ARG_MONEY, "USD", "take offers that charge at least this much", NULL, 0, 0, false }, \
	{ "provider", 'p', ARG_NAME, "ACCOUNT", "only from this account or provider", NULL, 0, 0, true }, \
	{ "region", 'r', ARG_TEXT, "REGION", "only there", NULL, 0, 0, false }, \
	{ "spot", 0, ARG_FLAG, NULL, "spot machines only: cheaper, and taken away when somebody pays more", NULL, 0, 0, false }, \
	{ "image", 0, ARG_TEXT, "IMAGE", "image that machines start from", NULL, 0, 0, false }, \
	{ "volume", 'v', ARG_NAME, "NAME", "a volume that the machine has; see: gpufleetctl volumes", NULL, 0, 40, false }, \
	{ "snapshot", 0, ARG_NAME, "NAME", "a snapshot that it starts from instead of an image", NULL, 0, 40, false }, \
	{ "env", 'e', ARG_PAIR, "NAME=VALUE", "an environment variable of its runs; no secrets, those are --secret", NULL, 0, 0, true }, \
	{ "own-key", 0, ARG_FLAG, NULL, "let in an SSH key pair of its own on its machines, not the site's", NULL, 0, 0, false }, \
	{ "disk", 0, ARG_COUNT, "GB", "disk, where it can be chosen", NULL, 1, 100000, false }, \
	{ "owner", 0, ARG_NAME, "NAME", "who answers for it; you when not given", NULL, 0, 60, false }, \
	{ "budget", 'b', ARG_NAME, "NAME", "the budget that it counts against, beside those that count it anyway", NULL, 0, 40, false }, \
	{ "label", 'l', ARG_PAIR, "KEY=VALUE", "note on the fleet", NULL, 0, 0, true }, \
	{ "retry-until-up", 0, ARG_DURATION, "DURATION", "when nobody sells it now, try for this long", NULL, 0, 0, false }, \
	{ "yes", 'y', ARG_FLAG, NULL, "buy without asking", NULL, 0, 0, false }, \
	{ "dry-run", 0, ARG_FLAG, NULL, "show the plan and buy nothing", NULL, 0, 0, false }

/* Put the keys of POST /v1/fleets into `body`. `gpu` is "MI300X" or "MI300X:8". */
int order_body(const struct args *a, const char *gpu, json_t *body, struct err *e);

/* --env: its runs' variables, for a run on a fleet that is up too. */
void order_env(const struct args *a, json_t *body);

enum consent { CONSENT_YES, CONSENT_NO, CONSENT_DRY };

/*
 * Ask for the plan, print it (standard error; with --dry-run standard output) and get the yes. When nobody sells it in one piece
 * a person may take an alternative, which changes `body` (where the command knows --together, which is `up`: on more instances a
 * run would be another run). -1: no capacity, not allowed to ask, …
 */
int order_consent(struct ctl *c, json_t *body, enum consent *consent, struct err *e);

/* The fleet ended before it was of use: a sentence and the exit status. */
int order_fleet_failed(const json_t *fleet, struct err *e);

#endif

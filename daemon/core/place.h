/*
 * Placement: which offer a fleet's next instance should take. Prices are compared per GPU-hour, which at a fixed GPU count is
 * per instance. An unreliable host, and an offer whose latest machines failed (past.h), counts as dearer by the share of tries that
 * it wastes; what said "sold out" within five minutes comes last; hosts that proved bad, or that the account's avoid_hosts names,
 * are left out. Ties go to known stock, then to the account named first in the configuration.
 */
#ifndef GPUFLEET_PLACE_H
#define GPUFLEET_PLACE_H

#include "core/model.h"

/* Does the account belong to what the fleet allows? (name or provider in its comma-separated list; empty: all) */
bool place_account_allowed(const struct fleet *f, const struct account_state *a);
/* Does the offer fit what the fleet wants, whatever was tried before? *why (optional) gets one sentence when not. */
bool place_fits(const struct fleet *f, const struct account_facts *a, const struct offer *o, char why[TEXT_MAX]);

/* All offers of the model's market that fit, in the order in which they would be tried. Caller frees the array, not the offers. */
const struct offer **place_candidates(const struct model *m, const struct fleet *f, instant now, size_t *count);

/* The offers of the wanted GPU, in any count, that the slot would not take now, and why; the nearest misses first, at most `max`. */
struct passed {
	const struct offer *offer;
	char why[TEXT_MAX]; /* "costs $2.59 per GPU-hour, above --max-price $2.00" */
};
size_t place_passed(const struct model *m, const struct fleet *f, int slot, instant now, struct passed *out, size_t max);

/*
 * The next offer for a slot: the first candidate not tried before (or not lately, with retry_for), not used up by our own
 * plans, at an account that has room (core/limit.h), whose worst case fits the fleet's money, every budget that counts it and the
 * balance at its provider. NULL with a sentence in why; *money_stops: there are such offers, none was tried before, and money is
 * why none is taken. *lifetime: how long --max-cost lasts, at most the fleet's own; what budgets and balances leave is for all open
 * slots at once, and shortens nothing.
 */
const struct offer *place_next(const struct model *m, const struct fleet *f, int slot, instant now, duration *lifetime,
    bool *money_stops, char why[TEXT_MAX]);

/* The packings nobody sells whole: fewer GPUs in more instances, same total, cheapest first. Caller frees; at most `max`. */
struct packing {
	int instances, gpu_count;
	const struct offer *offer;
	money price_hour; /* of all instances */
};
size_t place_packings(const struct model *m, const struct fleet *f, instant now, struct packing *out, size_t max);

/* Money of the fleet not yet reserved or spent: FOREVER-like INT64_MAX without a limit. */
money place_money_left(const struct model *m, const struct fleet *f, instant now);

#endif

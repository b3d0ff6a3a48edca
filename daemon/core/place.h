/*
 * Placement: which offer a fleet's next instance should take. Prices are compared per GPU-hour, which at a fixed GPU count is
 * per instance; ties go to the account named first in the configuration.
 */
#ifndef GPUFLEET_PLACE_H
#define GPUFLEET_PLACE_H

#include "core/model.h"

/* Does the account belong to what the fleet allows? (name or provider in its comma-separated list; empty: all) */
bool place_account_allowed(const struct fleet *f, const struct account_state *a);
/* Does the offer fit what the fleet wants, whatever was tried before? *why (optional) gets one sentence when not. */
bool place_fits(const struct fleet *f, const struct offer *o, char why[TEXT_MAX]);

/* All offers of the model's market that fit, in the order in which they would be tried. Caller frees the array, not the offers. */
const struct offer **place_candidates(const struct model *m, const struct fleet *f, size_t *count);

/*
 * The next offer for a slot: the first candidate not tried before (or not lately, with retry_for), not used up by our own
 * plans, whose worst case fits the fleet's money, every budget that counts it and the balance at its provider. NULL with a sentence
 * in why; *money_stops: there are such offers, none was tried before, and money is why none is taken. *lifetime: how long --max-cost lasts, at most the
 * fleet's own; what budgets and balances leave is for all open slots at once, and shortens nothing.
 */
const struct offer *place_next(const struct model *m, const struct fleet *f, int slot, instant now, duration *lifetime,
    bool *money_stops, char why[TEXT_MAX]);

/* The packings nobody sells whole: fewer GPUs in more instances, same total, cheapest first. Caller frees; at most `max`. */
struct packing {
	int instances, gpu_count;
	const struct offer *offer;
	money price_hour; /* of all instances */
};
size_t place_packings(const struct model *m, const struct fleet *f, struct packing *out, size_t max);

/* Money of the fleet not yet reserved or spent: FOREVER-like INT64_MAX without a limit. */
money place_money_left(const struct model *m, const struct fleet *f, instant now);

#endif

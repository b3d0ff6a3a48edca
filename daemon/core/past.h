/*
 * What became of earlier orders, for placement: hosts of a marketplace that proved bad, offers that said "sold out" a moment ago,
 * and how often the machines of an offer came up. Derived from the rows of instances, so that a restart forgets nothing.
 */
#ifndef GPUFLEET_PAST_H
#define GPUFLEET_PAST_H

#include "core/model.h"

/* Of one offer, in its account's latest orders; none is older than a day. */
struct past {
	int ready, failed; /* machines that came up and did not fail later; that did not come up, or proved bad */
	instant sold_out;  /* the latest order was refused for lack of machines then; 0: it was not */
};
void past_of_offer(const struct account_state *a, const struct offer *o, instant now, struct past *out);

/*
 * Is the machine behind the offer left alone at present (vastai.md §4: a broken host is otherwise the cheapest offer again)? For an
 * hour when it did not start or could not be reached, for a day when it was not what it said it was. *why gets one sentence.
 */
bool past_host_is_bad(const struct model *m, const struct offer *o, instant now, char why[TEXT_MAX]);

#endif

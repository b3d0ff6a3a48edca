/*
 * The parts of call.c: when a request may leave (call_pace.c), and what of an answer is believed
 * (call_facts.c). Pure.
 */
#ifndef GPUFLEET_CALL_PRIV_H
#define GPUFLEET_CALL_PRIV_H

#include "providers/call.h"

#define RETRY_AFTER_CAP (15 * MINUTE)

/* One token bucket in use: credit is time, a request costs the spacing. */
struct pace {
	struct call_limits *limits;
	enum provider_op_kind op; /* whose bucket it is */
	struct rate_rule rule;
};

/* When a request may leave; `now` or earlier: at once. Brings the credit up to date. */
instant pace_permitted(const struct pace *p, instant now);
void pace_spend(const struct pace *p); /* one request leaves, permitted just now */
/*
 * Heed what status and headers say about haste, for this call and all others of the account. `told`
 * is what the adapter read in the body, or 0. Returns how long to wait before trying again; 0:
 * nothing was said.
 */
duration pace_heed(
    const struct pace *p, instant now, const struct http_response *res, duration told);

/* How many facts of each kind a reply holds. */
struct facts {
	size_t offers, machines, bills, storages;
};
struct facts facts_count(const struct op_reply *r);
/* Cut the arrays back to these lengths. */
void facts_drop(struct op_reply *r, const struct facts *to);
/*
 * The facts of a finished operation: duplicates merged, unusable ones dropped; may turn the verdict
 * from OK to RETRY, or to UNSURE where something was made and not named.
 */
void facts_check(const struct provider *p, const struct account *account, enum provider_op_kind op,
    struct op_reply *r);
/* What counts as an answer to a request that makes (reliability §2.5), whatever the adapter makes of it. */
enum verdict facts_judge_made(const struct provider *p, enum provider_op_kind op, struct op_reply *r, int status, enum verdict v);

#endif

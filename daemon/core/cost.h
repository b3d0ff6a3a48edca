/*
 * What a machine costs: the worst case that is reserved, what our clock says, and how a bill without lines is shared out.
 * Pure arithmetic on micro-dollars; provider rules are data (architecture §8).
 */
#ifndef GPUFLEET_COST_H
#define GPUFLEET_COST_H

#include "core/model.h"

/* Billed time from start to end under the rule: at least the minimum, rounded up to the quantum. 0 when it never started. */
duration cost_billed_time(const struct billing_rule *rule, instant start, instant end);
/* That time at the price, and never less than the minimum charge once started. */
money cost_metered(const struct billing_rule *rule, money price_hour, money minimum_charge, instant start, instant end);
/* What `i` costs when it ends then: its rates one after the other, minimum and quantum of the rule. */
money cost_until(const struct account_facts *facts, const struct instance *i, instant end);
/* What instance `i` has cost by `now` (fixed once GONE). */
money cost_of_instance(const struct account_facts *facts, const struct instance *i, instant now);
/* The worst case of one instance that lives for `lifetime` after READY: create, boot and teardown allowances included. */
money cost_hold(const struct account_facts *facts, money price_hour, money minimum_charge, duration lifetime);
/* The same of an offer, with the traffic that is held for each machine where it is charged; and the traffic alone. */
money cost_hold_offer(const struct account_facts *facts, const struct offer *o, duration lifetime);
money cost_traffic_hold(const struct account_facts *facts, const struct offer *o);
/* What `i` costs when it lives until `deadline` and not longer, its traffic included. */
money cost_hold_until(const struct account_facts *facts, const struct instance *i, instant deadline);
/* The longest lifetime whose hold fits into `limit`; negative when not even boot and teardown fit. */
duration cost_lifetime_for(const struct account_facts *facts, money price_hour, money minimum_charge, money limit);
duration cost_lifetime_of_offer(const struct account_facts *facts, const struct offer *o, money limit); /* traffic included */
/* The most that can still be lost on `i` if this daemon died now and its watchdog, or the reaper, took over (reliability §2.10). */
money cost_leak_bound(const struct account_facts *facts, const struct instance *i, instant now);
/* What `gb` of storage cost in that time. */
money cost_storage(const struct storage_rule *rule, int64_t gb, duration time);
/* What so many bytes cost at so much for each GB (10^9 bytes) in and out, rounded up to the micro-dollar; 0 where traffic is included. */
money cost_traffic(money in_gb, money out_gb, int64_t bytes_in, int64_t bytes_out);
/* How near our clock comes to the bill of `i`, as long as its provider answers: a quantum, and what answers and polls take. */
money cost_meter_bound(const struct account_facts *facts, const struct instance *i);
/* The same of a volume or snapshot, up to the step that is read. */
enum gap cost_storage_gap(const struct account_facts *facts, const struct extra *x);
/* Why the bill of `i` is not what our clock says, as far as can be told. */
enum gap cost_gap(const struct account_facts *facts, const struct instance *i);
/* Split `total` in proportion to weights[n] by largest remainder; parts add up to total exactly. All weights 0: equal parts. */
void cost_split(money total, const money *weights, size_t n, money *parts);

#endif

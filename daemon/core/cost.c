#include "core/cost.h"

/* The reaper acts 10 min after the deadline; its period and the provider's slowest delete come on top (reliability §2.10). */
#define REAPER_GRACE  (10 * MINUTE)
#define REAPER_PERIOD (10 * MINUTE)
#define GB 1000000000
#define SENT_SHARE    20 /* a machine sends a twentieth of what it receives: results, not models */
#define METER_SLACK   (30 * SECOND)  /* what an answer, a poll and a boot that is seen late take together */
#define STORAGE_SLACK (5 * MINUTE)   /* from being wanted to being there, and from its delete to the answer */
#define WATCHDOG_STOPS_WORK (2 * MINUTE) /* it looks every five seconds and gives the work 60 to end (remote/watchdog.sh) */

duration cost_billed_time(const struct billing_rule *rule, instant start, instant end)
{
	duration d;

	if (!start)
		return 0;
	d = end > start ? end - start : 0;
	if (d < rule->minimum)
		d = rule->minimum;
	if (rule->quantum > 1)
		d = (d + rule->quantum - 1) / rule->quantum * rule->quantum;
	return d;
}

money cost_metered(const struct billing_rule *rule, money price_hour, money minimum_charge, instant start, instant end)
{
	money m;

	if (!start)
		return 0;
	m = money_for(price_hour, cost_billed_time(rule, start, end));
	return m < minimum_charge ? minimum_charge : m;
}

money cost_until(const struct account_facts *facts, const struct instance *i, instant end)
{
	instant from = i->rate_since ? i->rate_since : i->meter_start;
	duration d = cost_billed_time(&facts->billing, i->meter_start, end);
	money m;

	if (!i->meter_start)
		return 0;
	m = i->rate_before;
	if (i->meter_start + d > from)
		m = money_add(m, money_for(i->price_hour, i->meter_start + d - from));
	return m < i->minimum_charge ? i->minimum_charge : m;
}

money cost_of_instance(const struct account_facts *facts, const struct instance *i, instant now)
{
	if (i->state == INSTANCE_GONE)
		return i->metered;
	return cost_until(facts, i, i->meter_end ? i->meter_end : now);
}

/* The meter may start when the create is sent, and its answer may take as long as it is waited for. */
static duration allowances(const struct account_facts *facts)
{
	return facts->create_timeout + facts->boot_allowance + facts->teardown_allowance;
}

money cost_hold(const struct account_facts *facts, money price_hour, money minimum_charge, duration lifetime)
{
	duration d = lifetime + allowances(facts);
	money m = money_for(price_hour, cost_billed_time(&facts->billing, 1, 1 + d));

	return m < minimum_charge ? minimum_charge : m;
}

money cost_traffic_hold(const struct account_facts *facts, const struct offer *o)
{
	int64_t bytes = (int64_t)facts->traffic_gb * 1000000000;

	return facts->traffic ? cost_traffic(o->in_gb, o->out_gb, bytes, bytes / SENT_SHARE) : 0;
}

money cost_hold_offer(const struct account_facts *facts, const struct offer *o, duration lifetime)
{
	return money_add(cost_hold(facts, o->price_hour, o->minimum_charge, lifetime), cost_traffic_hold(facts, o));
}

money cost_hold_until(const struct account_facts *facts, const struct instance *i, instant deadline)
{
	struct instance from_then = *i;

	from_then.meter_start = i->meter_start ? i->meter_start : i->sent ? i->sent : i->planned;
	return money_add(cost_until(facts, &from_then, deadline), i->traffic_hold);
}

duration cost_lifetime_for(const struct account_facts *facts, money price_hour, money minimum_charge, money limit)
{
	__int128 affordable;
	duration quantum = facts->billing.quantum, most;

	if (cost_hold(facts, price_hour, minimum_charge, 0) > limit)
		return -1;
	if (price_hour <= 0)
		return FOREVER;
	affordable = (__int128)limit * HOUR / price_hour;
	most = affordable > (__int128)(365 * DAY) ? 365 * DAY : (duration)affordable;
	if (quantum > 1)
		most = most / quantum * quantum;
	return most - allowances(facts);
}

duration cost_lifetime_of_offer(const struct account_facts *facts, const struct offer *o, money limit)
{
	return cost_lifetime_for(facts, o->price_hour, o->minimum_charge, limit == INT64_MAX ? limit : limit - cost_traffic_hold(facts, o));
}

money cost_leak_bound(const struct account_facts *facts, const struct instance *i, instant now)
{
	instant end = instant_max(i->deadline, now) + REAPER_GRACE + REAPER_PERIOD;
	money m;

	if (i->watchdog == WATCHDOG_DELETES)
		end = instant_min(end, instant_max(i->leased_until, now) + WATCHDOG_STOPS_WORK);
	m = money_for(i->price_hour, end - now + facts->teardown_allowance);
	return m < i->minimum_charge ? i->minimum_charge : m;
}

money cost_storage(const struct storage_rule *rule, int64_t gb, duration time)
{
	int64_t above = rule->above_gb && gb > rule->above_gb ? gb - rule->above_gb : 0;
	__int128 month = (__int128)(gb - above) * rule->gb_month + (__int128)above * rule->above_gb_month;
	money m = (money)((month * time + rule->month / 2) / rule->month);

	return gb > 0 && m < rule->minimum ? rule->minimum : m;
}

money cost_traffic(money in_gb, money out_gb, int64_t bytes_in, int64_t bytes_out)
{
	__int128 in = (__int128)(in_gb > 0 ? in_gb : 0) * (bytes_in > 0 ? bytes_in : 0);
	__int128 out = (__int128)(out_gb > 0 ? out_gb : 0) * (bytes_out > 0 ? bytes_out : 0);
	__int128 cost = (in + out + GB - 1) / GB;

	return cost > INT64_MAX ? INT64_MAX : (money)cost;
}

money cost_meter_bound(const struct account_facts *facts, const struct instance *i)
{
	return money_for(i->price_hour, facts->billing.quantum + METER_SLACK) + CENT;
}

enum gap cost_gap(const struct account_facts *facts, const struct instance *i)
{
	money gap = i->billed - i->metered, bound = cost_meter_bound(facts, i);

	if (!gap)
		return GAP_NONE;
	if (gap >= -bound && gap <= bound)
		return GAP_CLOCK;
	if (gap > 0)
		return i->delete_sent - i->deleting_at > 2 * MINUTE ? GAP_LATE_DELETE : facts->traffic ? GAP_TRAFFIC : GAP_UNEXPLAINED;
	return !i->ready_at ? GAP_NOT_STARTED : i->cause == CAUSE_LOST || i->cause == CAUSE_PREEMPTED ? GAP_ENDED_UNSEEN : GAP_OTHER_MOMENTS;
}

enum gap cost_storage_gap(const struct account_facts *facts, const struct extra *x)
{
	money gap = x->billed - x->bill_metered, bound = money_share(x->price_month, facts->billing.quantum + STORAGE_SLACK, STORAGE_MONTH) + CENT;

	if (!gap)
		return GAP_NONE;
	if (gap >= -bound && gap <= bound)
		return GAP_CLOCK;
	if (gap > 0)
		return x->dropped_at && x->dropped_at - x->deleting_at > 2 * MINUTE ? GAP_LATE_DELETE : GAP_UNEXPLAINED;
	return x->cause == CAUSE_LOST ? GAP_ENDED_UNSEEN : GAP_OTHER_MOMENTS;
}

void cost_split(money total, const money *weights, size_t n, money *parts)
{
	money_split(total, weights, n, parts);
}

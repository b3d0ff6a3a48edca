#include "view_budget.h"
#include "core/budget.h"

/* At the rate of the period so far. */
static bool forecast(const struct budget *b, money spent, instant now, int64_t first, int64_t last, money *out)
{
	instant from, end;

	if (b->period == PERIOD_TOTAL || b->period == PERIOD_ROLLING || b->period == PERIOD_DAY)
		return false;
	from = day_begin(b->tz, first);
	end = day_begin(b->tz, last + 1);
	if (now - from < DAY || end <= from)
		return false;
	*out = (money)((__int128)spent * (end - from) / (now - from));
	return true;
}

static void put_days(json_t *o, int64_t first, int64_t last)
{
	char day[16];

	if (first == INT64_MIN) {
		json_put(o, "from", json_null());
		json_put(o, "to", json_null());
		return;
	}
	day_format(first, day);
	json_put_str(o, "from", day);
	day_format(last, day);
	json_put_str(o, "to", day);
}

json_t *view_budget(const struct model *m, const struct budget *b, instant now)
{
	json_t *o = json_object();
	int64_t first, last;
	money spent = budget_spent(b, now), running, held = budget_held(m, b, now, &running), at_end;
	char reached[16];

	budget_period(b, now, &first, &last);
	snprintf(reached, sizeof(reached), "%d%%", b->told);
	json_put_str(o, "name", b->name);
	json_put_str(o, "scope", scope_name(b->scope));
	json_put_str(o, "subject", b->subject);
	json_put_str(o, "per", period_name(b->period));
	if (b->period == PERIOD_ROLLING)
		json_put_int(o, "days", b->rolling_days);
	json_put_str(o, "zone", *b->zone ? b->zone : "UTC");
	json_put_money(o, "cap", b->cap);
	json_put_bool(o, "warn_only", b->warn_only);
	json_put_str(o, "notify", b->notify);
	json_put_str(o, "set_by", b->actor);
	json_put_time(o, "updated", b->updated);
	put_days(o, first, last);
	json_put_str(o, "state", !b->counted ? "counting" : spent + held > b->cap ? "over" : b->told ? reached : "ok");
	json_put_money(o, "spent", spent);
	json_put_money(o, "running", running);
	json_put_money(o, "held", held);
	json_put_money(o, "left", b->cap - spent - held);
	if (b->counted && forecast(b, spent + running, now, first, last, &at_end))
		json_put_money(o, "forecast", at_end);
	else
		json_put(o, "forecast", json_null());
	return o;
}

json_t *view_budget_message(const struct model *m, const struct budget *b, const char *news, instant now)
{
	json_t *o = json_object();
	char spent[32], cap[32], *text;

	money_format(budget_spent(b, now), spent);
	money_format(b->cap, cap);
	text = xasprintf("budget '%s': %s of its %s are reached; %s is booked%s", b->name, news, cap, spent,
	    b->warn_only ? "" : ", and what does not fit is refused");
	json_put_str(o, "event", "budget");
	json_put_str(o, "news", news);
	json_put_str(o, "text", text);
	json_put(o, "budget", view_budget(m, b, now));
	free(text);
	return o;
}

#include "ctl/cost.h"
#include "base/clock.h"
#include "base/days.h"
#include "base/str.h"

const char *const cost_ways[] = { "owner", "budget", "campaign", "fleet", "provider", "account", "gpu", "region", "recipe", "run",
	"label:", "part", "day", "week", "month", NULL };
const char *const cost_periods[] = { "today", "yesterday", "this-week", "last-week", "this-month", "last-month", NULL };

/* The beginning of a period (UTC), by its name. */
static bool read_period(const char *text, instant now, instant *out)
{
	int64_t today = day_of(NULL, now), week = day_of_week_begin(today), month = day_of_month_begin(today);
	const int64_t days[] = { today, today - 1, week, week - 7, month, day_of_month_begin(month - 1) };

	for (size_t k = 0; k < ARRAY_LEN(days); k++)
		if (!strcmp(cost_periods[k], text)) {
			*out = day_begin(NULL, days[k]);
			return true;
		}
	return false;
}

/* "last-month", "7d" before now, "2026-11-01", or a full RFC 3339 time. */
static int read_time(const char *option, const char *text, char out[32], struct err *e)
{
	char *day = xasprintf("%.64sT00:00:00Z", text);
	duration back;
	instant t = 0;
	bool ok = instant_parse(text, &t) || instant_parse(day, &t) || read_period(text, clock_wall(), &t);

	free(day);
	if (!ok && str_to_duration(text, &back)) {
		t = clock_wall() - back;
		ok = back > 0 && back <= 20 * 366 * DAY;
	}
	if (!ok)
		return err_set(e, ERR_USAGE, "--%s wants a day like 2026-11-01 (UTC), a time like 2026-11-01T08:00:00Z, last-month, this-month, "
					     "last-week, this-week, yesterday, today, or how long ago, like 7d; not '%.64s'",
		    option, text);
	instant_format(t, false, out);
	return 0;
}

int cost_check_by(const char *by, struct err *e)
{
	char copy[160], *rest = copy, *one;
	const char *near;

	if (!str_copy_n(copy, sizeof(copy), by))
		return err_set(e, ERR_USAGE, "--by is too long");
	while ((one = str_split(&rest, ","))) {
		bool known = str_starts(one, "label:") && one[6];

		for (size_t k = 0; cost_ways[k]; k++)
			known |= !strcmp(cost_ways[k], one) && strcmp(one, "label:") != 0;
		if (known)
			continue;
		near = str_nearest(one, cost_ways);
		return err_set(e, ERR_USAGE, "--by wants owner, budget, campaign, fleet, provider, account, gpu, region, recipe, run, label:KEY, part, "
		    "day, week or month, or two of them like owner,month; not '%.40s'%s%s%s", one, near ? " (did you mean '" : "", near ? near : "",
		    near ? "'?)" : "");
	}
	return 0;
}

int cost_put_query(const struct args *a, struct buf *path, struct err *e)
{
	static const char *const limits[] = { "since", "until" };
	const char *one;
	char text[32];

	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		if (!args_knows(a, limits[i]) || !args_has(a, limits[i]))
			continue;
		if (read_time(limits[i], args_text(a, limits[i]), text, e) < 0)
			return -1;
		buf_printf(path, "&%s=", limits[i]);
		str_percent_encode(path, text);
	}
	for (size_t n = 0; args_knows(a, "filter") && (one = args_nth(a, "filter", n)); n++) {
		str_percent_encode(path, n ? "," : "");
		buf_puts(path, n ? "" : "&filter=");
		str_percent_encode(path, one);
	}
	return 0;
}

#include "core/cron.h"
#include "base/str.h"

#define SET_MOST   (3 * HOUR)
#define YEARS_MOST 30 /* February 29 on a given weekday comes within 28 years, or 40 around 2100 */

struct field {
	const char *name;
	int least, most;
	const char *const *words; /* for least, least + 1, … */
};

static const char *const months[] = { "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", NULL };
static const char *const weekdays[] = { "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL };
static const struct field fields[] = { { "minute", 0, 59, NULL }, { "hour", 0, 23, NULL }, { "day", 1, 31, NULL },
	{ "month", 1, 12, months }, { "weekday", 0, 7, weekdays } };

static int wrong(const struct field *f, const char *text, struct err *e)
{
	return err_set(e, ERR_USAGE, "'%.40s' is no %s: it is %d to %d%s, a range like %d-%d, a list, * or a step like */5", text, f->name,
	    f->least, f->most, f->words ? *f->words[0] == 'J' ? ", JAN to DEC" : ", SUN to SAT" : "", f->least, f->least + 1);
}

static bool one_value(const struct field *f, const char *text, int *out)
{
	int64_t v;

	for (int k = 0; f->words && f->words[k]; k++)
		if (str_ieq(text, f->words[k])) {
			*out = f->least + k;
			return true;
		}
	if (!str_to_i64(text, f->least, f->most, &v))
		return false;
	*out = (int)v;
	return true;
}

/* One part of a list: "*", "5", "1-5", each with "/2". */
static int read_part(const struct field *f, char *part, uint64_t *bits, bool *open, struct err *e)
{
	char whole[64], *rest = part, *range = str_split(&rest, "/"), *step = rest, *low, *high;
	int from = f->least, to = f->most;
	int64_t by = 1;

	str_copy(whole, part);
	if (step && !str_to_i64(step, 1, f->most, &by))
		return wrong(f, step, e);
	if (strcmp(range, "*") != 0) {
		high = range;
		low = str_split(&high, "-");
		if (!one_value(f, low, &from))
			return wrong(f, low, e);
		to = high || step ? f->most : from;
		if (high && !one_value(f, high, &to))
			return wrong(f, high, e);
		if (to < from)
			return err_set(e, ERR_USAGE, "the %s '%.40s' goes backwards; write it as two, like 22-23,0-6", f->name, range);
	}
	*open |= step != NULL || !strcmp(range, "*");
	for (int v = from; v <= to; v += (int)by)
		*bits |= 1ull << v;
	return 0;
}

static int read_field(const struct field *f, const char *text, uint64_t *bits, bool *open, struct err *e)
{
	char copy[256], *rest = copy, *part;

	*bits = 0;
	*open = false;
	if (strlen(text) >= sizeof(copy))
		return err_set(e, ERR_USAGE, "the %s of a schedule is longer than %zu characters", f->name, sizeof(copy) - 1);
	str_copy(copy, text);
	while ((part = str_split(&rest, ",")))
		if (read_part(f, part, bits, open, e) < 0)
			return -1;
	return 0;
}

static const char *nickname(const char *text)
{
	static const struct { const char *name, *fields; } names[] = { { "@hourly", "0 * * * *" }, { "@daily", "0 0 * * *" },
		{ "@midnight", "0 0 * * *" }, { "@nightly", "0 2 * * *" }, { "@weekly", "0 0 * * 0" }, { "@monthly", "0 0 1 * *" },
		{ "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" } };

	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		if (str_ieq(text, names[k].name))
			return names[k].fields;
	return NULL;
}

int cron_parse(struct cron *c, const char *text, struct err *e)
{
	const char *nick = *text == '@' ? nickname(text) : NULL;
	char copy[512], *rest = copy, *word, *words[5];
	uint64_t bits[5];
	bool open[5];
	size_t n = 0;

	*c = (struct cron){ 0 };
	if (*text == '@' && !nick)
		return err_set(e, ERR_USAGE, "'%.40s' is no schedule; there are @hourly, @daily, @nightly, @weekly, @monthly and @yearly", text);
	str_copy(copy, nick ? nick : text);
	if (strlen(nick ? nick : text) >= sizeof(copy))
		return err_set(e, ERR_USAGE, "a schedule has less than %zu characters", sizeof(copy));
	while ((word = str_split(&rest, " \t")))
		if (*word && n++ < ARRAY_LEN(fields))
			words[n - 1] = word;
	if (n != ARRAY_LEN(fields))
		return err_set(e, ERR_USAGE, "a schedule has five fields, minute hour day month weekday, like '0 2 * * *'; this one has %zu", n);
	for (size_t k = 0; k < ARRAY_LEN(fields); k++)
		if (read_field(&fields[k], words[k], &bits[k], &open[k], e) < 0)
			return -1;
	c->any_day = *words[2] == '*';
	c->any_weekday = *words[4] == '*';
	c->minutes = bits[0];
	c->hours = (uint32_t)bits[1];
	c->days = (uint32_t)bits[2];
	c->months = (uint32_t)bits[3];
	c->weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7f);
	c->on_the_wall = !open[0] && !open[1];
	return 0;
}

static bool day_matches(const struct cron *c, int month, int day, int64_t days)
{
	int weekday = (int)(((days + 4) % 7 + 7) % 7);
	bool by_day = c->days >> day & 1, by_weekday = c->weekdays >> weekday & 1;

	if (!(c->months >> month & 1))
		return false;
	return c->any_day || c->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/* The first firing of this local day after `after`; FOREVER: none. */
static instant on_day(const struct cron *c, const struct zone *z, int64_t days, instant after)
{
	instant best = FOREVER, at[2];

	for (int hour = 0; hour < 24; hour++) {
		int64_t local = days * DAY + hour * HOUR;

		/* Clocks are set back by less than three hours: what lies further away from the answer need not be looked at. */
		if (!(c->hours >> hour & 1) || local + HOUR + SET_MOST < after + zone_offset(z, after))
			continue;
		if (best != FOREVER && local - SET_MOST > best + zone_offset(z, best))
			break;
		for (int minute = 0; minute < 60; minute++) {
			int n;

			if (!(c->minutes >> minute & 1))
				continue;
			n = zone_local(z, local + minute * MINUTE, at);
			if (!n && !c->on_the_wall)
				continue;
			if (at[0] > after)
				best = instant_min(best, at[0]);
			if (n == 2 && !c->on_the_wall && at[1] > after)
				best = instant_min(best, at[1]);
		}
	}
	return best;
}

static int month_length(int year, int month)
{
	return (int)(instant_days(month == 12 ? year + 1 : year, month % 12 + 1, 1) - instant_days(year, month, 1));
}

/* Local days from the one before `after` on: the clocks may have been set back over midnight. */
instant cron_next(const struct cron *c, const struct zone *z, instant after)
{
	int64_t first = (after + zone_offset(z, after)) / DAY - 1;
	int year = 1970 + (int)(first / 366), found = 0;
	instant best = FOREVER;

	for (int end = year + YEARS_MOST + 12; year < end; year++)
		for (int month = 1; month <= 12; month++) {
			int64_t days = instant_days(year, month, 1);

			if (!(c->months >> month & 1) || days + 31 < first)
				continue;
			for (int day = 1; day <= month_length(year, month); day++) {
				if (days + day - 1 < first || !day_matches(c, month, day, days + day - 1))
					continue;
				best = instant_min(best, on_day(c, z, days + day - 1, after));
				/* One more day: its hours may come before the second showing of this one's. */
				if (best != FOREVER && ++found == 2)
					return best;
			}
			if (best != FOREVER && days + 31 > (best + zone_offset(z, best)) / DAY + 1)
				return best;
		}
	return best;
}

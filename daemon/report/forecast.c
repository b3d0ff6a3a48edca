#include "report/forecast.h"
#include "base/days.h"
#include "base/str.h"

#include <math.h>

#define FOUR_IN_FIVE 1.2816

struct sums {
	char key[128];
	double month;               /* this month, today included */
	double day[FORECAST_DAYS];  /* yesterday first */
};

struct frame {
	int64_t today, month, next_month, first; /* first: the earliest day that there is anything of */
	instant now;
};

static int64_t day_read(const char *text)
{
	int y, m, d;

	return sscanf(text, "%4d-%2d-%2d", &y, &m, &d) == 3 ? instant_days(y, m, d) : INT64_MIN;
}

static void count(struct sums *s, const struct frame *f, int64_t day, double spent)
{
	if (day >= f->month)
		s->month += spent;
	if (day < f->today && day >= f->today - FORECAST_DAYS)
		s->day[f->today - 1 - day] += spent;
}

static json_t *forecast_json(const struct sums *s, const struct frame *f, int days)
{
	/* What today will still cost counts by the part of it that is left. */
	double left = (double)(day_begin(NULL, f->next_month) - f->now) / (double)DAY, mean = 0, square = 0, sd;
	json_t *o = json_object();

	if (*s->key)
		json_put_str(o, "key", s->key);
	json_put(o, "spent", json_real(s->month));
	if (days < FORECAST_LEAST) {
		json_put(o, "mean", json_null());
		json_put(o, "month_end", json_null());
		return o;
	}
	for (int k = 0; k < days; k++)
		mean += s->day[k] / days;
	for (int k = 0; k < days; k++)
		square += (s->day[k] - mean) * (s->day[k] - mean);
	sd = FOUR_IN_FIVE * sqrt(square / (days - 1));
	json_put(o, "mean", json_real(mean));
	json_put(o, "low", json_real(fmax(0, mean - sd)));
	json_put(o, "high", json_real(mean + sd));
	json_put(o, "month_end", json_real(s->month + mean * left));
	json_put(o, "month_end_low", json_real(s->month + fmax(0, mean * left - sd * sqrt(left))));
	json_put(o, "month_end_high", json_real(s->month + mean * left + sd * sqrt(left)));
	json_put(o, "next_30_days", json_real(mean * 30));
	return o;
}

static struct sums *sums_of(struct sums **list, size_t *count, const char *key)
{
	for (size_t k = 0; k < *count; k++)
		if (!strcmp((*list)[k].key, key))
			return &(*list)[k];
	*list = xreallocarray(*list, *count + 1, sizeof(**list));
	memset(&(*list)[*count], 0, sizeof(**list));
	str_copy((*list)[*count].key, key);
	return &(*list)[(*count)++];
}

static int by_month(const void *x, const void *y)
{
	const struct sums *a = x, *b = y;

	return a->month != b->month ? (a->month < b->month ? 1 : -1) : strcmp(a->key, b->key);
}

json_t *forecast_of(const json_t *rows, bool grouped, instant now)
{
	int64_t today = day_of(NULL, now), day;
	struct frame f = { today, day_of_month_begin(today), day_of_next_month(today), today, now };
	struct sums total = { .key = "" }, *list = NULL;
	json_t *o = json_object(), *out = json_array();
	const json_t *row;
	size_t n = 0, k;
	char end[16];
	int days;

	json_array_foreach(rows, k, row) {
		double spent = json_num(row, "metered", 0) + json_num(row, "gap", 0);

		day = day_read(json_str(row, grouped ? "key2" : "key", ""));
		if (day == INT64_MIN || day > today)
			continue;
		if (spent > 0 && day < f.first)
			f.first = day;
		count(&total, &f, day, spent);
		if (grouped)
			count(sums_of(&list, &n, json_str(row, "key", "")), &f, day, spent);
	}
	days = today - f.first < FORECAST_DAYS ? (int)(today - f.first) : FORECAST_DAYS;
	if (n)
		qsort(list, n, sizeof(*list), by_month);
	for (k = 0; k < n; k++)
		json_array_append_new(out, forecast_json(&list[k], &f, days));
	free(list);
	day_format(f.next_month - 1, end);
	json_put_int(o, "days", days);
	json_put_str(o, "month_end", end);
	json_put(o, "total", forecast_json(&total, &f, days));
	json_put(o, "rows", out);
	return o;
}

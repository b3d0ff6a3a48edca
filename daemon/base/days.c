#include "days.h"
#include "str.h"

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

int64_t day_of(const struct zone *z, instant t)
{
	return floor_div(t + (z ? zone_offset(z, t) : 0), DAY);
}

instant day_begin(const struct zone *z, int64_t day)
{
	instant at[2];

	if (!z)
		return day * DAY;
	zone_local(z, day * DAY, at);
	return at[0];
}

/* Year, month and day of the month; the civil calendar in days since 1970 (eras of 400 years beginning in March). */
static void civil(int64_t day, int *year, int *month, int *mday)
{
	int64_t z = day + 719468, era = floor_div(z, 146097), doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*mday = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

int64_t day_of_month_begin(int64_t day)
{
	int y, m, d;

	civil(day, &y, &m, &d);
	return day - d + 1;
}

int64_t day_of_next_month(int64_t day)
{
	return day_of_month_begin(day_of_month_begin(day) + 31);
}

int64_t day_of_week_begin(int64_t day)
{
	return day - ((day + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
}

void day_format(int64_t day, char out[16])
{
	int y, m, d;

	civil(day, &y, &m, &d);
	snprintf(out, 16, "%04d-%02d-%02d", y % 10000, m, d);
}

void days_add(struct days *d, int64_t day, money amount)
{
	size_t at = d->count;

	while (at && d->items[at - 1].day >= day)
		at--; /* nearly always the last one */
	if (at == d->count || d->items[at].day != day) {
		if (d->count == d->cap) {
			d->cap = d->cap ? 2 * d->cap : 8;
			d->items = xreallocarray(d->items, d->cap, sizeof(*d->items));
		}
		memmove(d->items + at + 1, d->items + at, (d->count - at) * sizeof(*d->items));
		d->items[at] = (struct day_sum){ .day = day };
		d->count++;
	}
	d->items[at].sum = money_add(d->items[at].sum, amount);
}

void days_spread(struct days *d, const struct zone *z, instant since, instant until, money amount)
{
	int64_t day = day_of(z, since), last = until > since ? day_of(z, until - 1) : day;
	money given = 0;

	for (; day < last; day++) {
		instant end = day_begin(z, day + 1);
		money so_far = (money)((__int128)amount * (end - since) / (until - since));

		days_add(d, day, so_far - given);
		given = so_far;
	}
	days_add(d, last, amount - given);
}

money days_sum(const struct days *d, int64_t first, int64_t last)
{
	money sum = 0;

	for (size_t k = d->count; k-- && d->items[k].day >= first;)
		if (d->items[k].day <= last)
			sum = money_add(sum, d->items[k].sum);
	return sum;
}

void days_write(const struct days *d, struct buf *out)
{
	for (size_t k = 0; k < d->count; k++)
		buf_printf(out, "%s%lld:%lld", k ? "," : "", (long long)d->items[k].day, (long long)d->items[k].sum);
}

bool days_read(struct days *d, const char *text)
{
	long long day, sum;
	int n;

	while (*text) {
		if (sscanf(text, "%lld:%lld%n", &day, &sum, &n) != 2)
			return false;
		days_add(d, day, sum);
		text += n;
		text += *text == ',';
	}
	return true;
}

void days_free(struct days *d)
{
	free(d->items);
	*d = (struct days){ 0 };
}

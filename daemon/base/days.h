/*
 * Money by the days of somebody's calendar: what budgets count and reports sum up. Pure.
 *
 * A day is the number of days since 1970-01-01 as the clocks of a zone (NULL: UTC) show it.
 */
#ifndef GPUFLEET_DAYS_H
#define GPUFLEET_DAYS_H

#include "money.h"
#include "zone.h"

struct day_sum {
	int64_t day;
	money sum;
};

struct days {
	struct day_sum *items; /* in the order of their days; owned */
	size_t count, cap;
};

int64_t day_of(const struct zone *z, instant t);
instant day_begin(const struct zone *z, int64_t day); /* midnight, or what the clocks show first that day */
int64_t day_of_month_begin(int64_t day);              /* the first of its month */
int64_t day_of_next_month(int64_t day);
int64_t day_of_week_begin(int64_t day);               /* the Monday before or at it */
void day_format(int64_t day, char out[16]);           /* "2026-11-21" */

/* `amount` for the time since … until, shared among its days by their length; the parts add up to it. since == until: that day. */
void days_spread(struct days *d, const struct zone *z, instant since, instant until, money amount);
void days_add(struct days *d, int64_t day, money amount);
money days_sum(const struct days *d, int64_t first, int64_t last);
/* "20776:1500000,20777:-20": what days_read() adds to *d. False: not that. */
void days_write(const struct days *d, struct buf *out);
bool days_read(struct days *d, const char *text);
void days_free(struct days *d);

#endif

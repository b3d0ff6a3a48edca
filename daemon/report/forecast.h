/*
 * What will be spent, from what was: the mean of the last whole days and how much they differ. Pure.
 */
#ifndef GPUFLEET_FORECAST_H
#define GPUFLEET_FORECAST_H

#include "base/json.h"

#define FORECAST_DAYS 28 /* whole days that are looked at, at the most */
#define FORECAST_LEAST 3 /* … and at the least */

/*
 * `rows` are those of history_cost() by day, or (grouped) by something and day. {"days": looked at, "month_end": day, "total": FORECAST,
 * "rows": [FORECAST with "key"…]}; FORECAST: {spent (this month), mean, low, high (a day, null: too few days), month_end, month_end_low,
 * month_end_high, next_30_days}. low and high hold four in five days, or months, if days are independent of each other.
 */
json_t *forecast_of(const json_t *rows, bool grouped, instant now);

#endif

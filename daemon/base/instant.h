/*
 * Time as values. An `instant` is a point on the UTC wall clock in microseconds since 1970; a `duration` is a length in
 * microseconds. 0 as an instant means "never" or "not yet". Nothing here reads a clock: see clock.h.
 */
#ifndef GPUFLEET_INSTANT_H
#define GPUFLEET_INSTANT_H

#include "buf.h"

typedef int64_t instant;
typedef int64_t duration;

#define USEC    ((duration)1)
#define MSEC    (1000 * USEC)
#define SECOND  (1000 * MSEC)
#define MINUTE  (60 * SECOND)
#define HOUR    (60 * MINUTE)
#define DAY     (24 * HOUR)
#define FOREVER INT64_MAX

static inline instant instant_min(instant a, instant b)
{
	return a < b ? a : b;
}

static inline instant instant_max(instant a, instant b)
{
	return a > b ? a : b;
}

/* RFC 3339 in UTC, "2026-11-20T02:00:00Z" (milliseconds with `ms`); "-" for 0. Writes at most 32 bytes. */
void instant_format(instant t, bool ms, char out[32]);
/* RFC 3339 with Z or an offset, any fraction, 'T' or a space. False: not a time; *out untouched. */
bool instant_parse(const char *s, instant *out);
/* HTTP date ("Sun, 06 Nov 1994 08:49:37 GMT"). */
bool instant_parse_http(const char *s, instant *out);

/* The two largest units: "2d 3h", "1h 05m", "3m 20s", "4.2s", "0s". Writes at most 24 bytes. */
void duration_format(duration d, char out[24]);

/* Days since 1970-01-01 of a proleptic Gregorian date. */
int64_t instant_days(int year, int month, int day);

#endif

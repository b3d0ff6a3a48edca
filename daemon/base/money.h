/*
 * Money: integer micro-dollars (1 USD = 1,000,000), checked arithmetic, no floating point beyond the JSON edge.
 */
#ifndef GPUFLEET_MONEY_H
#define GPUFLEET_MONEY_H

#include "instant.h"

typedef int64_t money;

#define USD       ((money)1000000)
#define CENT      (USD / 100)
#define MONEY_MAX (1000000000 * USD) /* a thousand million dollars: beyond it input is refused */

/* All saturate at ±INT64_MAX instead of wrapping. */
money money_add(money a, money b);
money money_times(money a, int64_t n);
/* rate (per hour) over a duration, rounded up to the micro-dollar: never under-reserve. */
money money_for(money per_hour, duration d);

/* What `part` of `whole` costs when the whole costs m, to the nearest micro-dollar: a day of a month. Nothing of it is negative. */
money money_share(money m, int64_t part, int64_t whole);

/* Split `total` in proportion to weights[n] (none negative) by largest remainder: the parts add up to it exactly. All weights 0:
 * equal parts. Good for any integer amount. */
void money_split(money total, const int64_t *weights, size_t n, money *parts);

/* A JSON or API number in dollars. False: NaN, infinite, negative or beyond MONEY_MAX. */
bool money_from_double(double usd, money *out);
/* "12", "12.5", "$12.50", "0.000001": what people type and what providers send as strings. At most six decimals count. */
bool money_parse(const char *s, money *out);

/* "$12.34"; below ten cents up to four decimals ("$0.0042"); "-$1.00". Writes at most 32 bytes. */
void money_format(money m, char out[32]);
/* Plain decimal dollars, exact, no symbol: "12.345678", trailing zeros dropped to two places. For JSON text and CSV. */
void money_decimal(money m, char out[32]);

#endif

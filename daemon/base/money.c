#include "money.h"

#include <ctype.h>
#include <math.h>

money money_add(money a, money b)
{
	money sum;

	if (__builtin_add_overflow(a, b, &sum))
		return a < 0 ? -INT64_MAX : INT64_MAX;
	return sum < -INT64_MAX ? -INT64_MAX : sum;
}

money money_times(money a, int64_t n)
{
	money product;

	if (__builtin_mul_overflow(a, n, &product))
		return (a < 0) != (n < 0) ? -INT64_MAX : INT64_MAX;
	return product < -INT64_MAX ? -INT64_MAX : product;
}

money money_share(money m, int64_t part, int64_t whole)
{
	__int128 product = ((__int128)m * part + whole / 2) / whole;

	return product > INT64_MAX ? INT64_MAX : (money)product;
}

money money_for(money per_hour, duration d)
{
	__int128 product;

	if (d <= 0 || per_hour <= 0)
		return 0;
	product = ((__int128)per_hour * d + HOUR - 1) / HOUR;
	return product > INT64_MAX ? INT64_MAX : (money)product;
}

static size_t largest(const __int128 *rest, size_t n)
{
	size_t best = 0;

	for (size_t i = 1; i < n; i++)
		if (rest[i] > rest[best])
			best = i;
	return best;
}

void money_split(money total, const int64_t *weights, size_t n, money *parts)
{
	__int128 sum = 0, *rest = xcalloc(n ? n : 1, sizeof(*rest));
	money left = total, sign = total < 0 ? -1 : 1;
	size_t best;

	for (size_t i = 0; i < n; i++)
		sum += weights[i];
	for (size_t i = 0; i < n; i++) {
		__int128 exact = (__int128)total * sign * (sum ? weights[i] : 1), whole = sum ? sum : (__int128)n;

		parts[i] = (money)(exact / whole) * sign;
		rest[i] = exact % whole;
		left -= parts[i];
	}
	/* Fewer units than parts are left: one each to those that lost most. */
	for (; n && left; left -= sign) {
		best = largest(rest, n);
		parts[best] += sign;
		rest[best] = -1;
	}
	free(rest);
}

bool money_from_double(double usd, money *out)
{
	if (!isfinite(usd) || usd < 0 || usd > (double)(MONEY_MAX / USD))
		return false;
	*out = (money)llround(usd * (double)USD);
	return true;
}

bool money_parse(const char *s, money *out)
{
	money whole = 0, part = 0, unit = USD / 10;
	const char *p = *s == '$' ? s + 1 : s;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		whole = whole * 10 + (*p - '0');
		if (whole > MONEY_MAX / USD)
			return false;
	}
	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			return false;
		for (; isdigit((unsigned char)*p); p++, unit /= 10)
			part += (*p - '0') * unit;
	}
	if (*p || whole * USD + part > MONEY_MAX)
		return false;
	*out = whole * USD + part;
	return true;
}

void money_format(money m, char out[32])
{
	const char *sign = m < 0 ? "-" : "";
	uint64_t v = m < 0 ? -(uint64_t)m : (uint64_t)m;

	if (v && v < 10 * CENT) {
		v = (v + 50) / 100;
		snprintf(out, 32, "%s$0.%04u", sign, (unsigned)v);
		return;
	}
	v = (v + CENT / 2) / CENT;
	snprintf(out, 32, "%s$%llu.%02u", sign, (unsigned long long)(v / 100), (unsigned)(v % 100));
}

void money_decimal(money m, char out[32])
{
	const char *sign = m < 0 ? "-" : "";
	uint64_t v = m < 0 ? -(uint64_t)m : (uint64_t)m;
	int n = snprintf(out, 32, "%s%llu.%06u", sign, (unsigned long long)(v / (uint64_t)USD),
	    (unsigned)(v % (uint64_t)USD));

	while (out[n - 1] == '0' && out[n - 3] != '.')
		out[--n] = '\0';
}

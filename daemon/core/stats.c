#include "core/stats.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CONFIDENCE 0.95
#define WARN_DROP  0.03
#define WARN_Z     3.5
#define ALERT_DROP 0.05
#define ALERT_Z    5.0
#define FLOOR      0.005 /* of the median: the least scale of z */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double middle(const double *sorted, size_t n)
{
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

bool stats_of(const double *x, size_t n, struct stats *out)
{
	double v[STATS_MAX], squares = 0;

	memset(out, 0, sizeof(*out));
	n = n < STATS_MAX ? n : STATS_MAX;
	if (!n)
		return false;
	memcpy(v, x, n * sizeof(*v));
	qsort(v, n, sizeof(*v), by_value);
	out->n = n;
	out->min = v[0];
	out->max = v[n - 1];
	out->median = middle(v, n);
	for (size_t k = 0; k < n; k++)
		out->mean += v[k] / (double)n;
	for (size_t k = 0; k < n; k++)
		squares += (v[k] - out->mean) * (v[k] - out->mean);
	out->sd = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
	out->population_sd = sqrt(squares / (double)n);
	out->cv = out->mean != 0 ? out->sd / fabs(out->mean) : 0;
	for (size_t k = 0; k < n; k++)
		v[k] = fabs(v[k] - out->median);
	qsort(v, n, sizeof(*v), by_value);
	out->mad = middle(v, n);
	return true;
}

/* ---- ranks ---- */

struct ranked {
	double value;
	bool first;  /* of the first sample */
	int twice;   /* its rank among all, doubled: mid-ranks are halves */
};

static int by_ranked(const void *a, const void *b)
{
	return by_value(&((const struct ranked *)a)->value, &((const struct ranked *)b)->value);
}

static void rank(struct ranked *all, size_t n)
{
	size_t end;

	qsort(all, n, sizeof(*all), by_ranked);
	for (size_t k = 0; k < n; k = end) {
		for (end = k; end < n && all[end].value == all[k].value; end++)
			;
		for (size_t i = k; i < end; i++)
			all[i].twice = (int)(k + 1 + end);
	}
}

/*
 * How many of the ways to choose `na` of these doubled ranks have each sum: ways[sum] / (all of them) is the chance of that sum
 * when both samples are from one place. *size sums; the caller frees.
 */
static double *distribution(const struct ranked *all, size_t n, size_t na, size_t *size)
{
	size_t width = n * (n + 1) + 1;
	double *ways = xcalloc((na + 1) * width, sizeof(*ways)), *out;

	ways[0] = 1;
	for (size_t k = 0; k < n; k++)
		for (size_t taken = k + 1 < na ? k + 1 : na; taken > 0; taken--)
			for (size_t sum = width; sum-- > (size_t)all[k].twice;)
				ways[taken * width + sum] += ways[(taken - 1) * width + sum - (size_t)all[k].twice];
	out = xcalloc(width, sizeof(*out));
	memcpy(out, ways + na * width, width * sizeof(*out));
	free(ways);
	*size = width;
	return out;
}

double stats_mann_whitney(const double *a, size_t na, const double *b, size_t nb, double *u)
{
	struct ranked all[2 * STATS_MAX] = { { 0 } };
	double sum = 0, centre, total = 0, far = 0, u1, *ways;
	size_t n, size;

	na = na < STATS_MAX ? na : STATS_MAX;
	nb = nb < STATS_MAX ? nb : STATS_MAX;
	n = na + nb;
	if (!na || !nb)
		return 1;
	if (na > nb) /* the work goes with the first sample */
		return stats_mann_whitney(b, nb, a, na, u);
	for (size_t k = 0; k < n; k++)
		all[k] = (struct ranked){ k < na ? a[k] : b[k - na], k < na, 0 };
	rank(all, n);
	for (size_t k = 0; k < n; k++)
		sum += all[k].first ? all[k].twice : 0;
	ways = distribution(all, n, na, &size);
	centre = (double)(na * (n + 1)); /* doubled, like the sums */
	for (size_t s = 0; s < size; s++) {
		total += ways[s];
		/* Sums are whole numbers: half a step of tolerance lets no rounding decide. */
		far += fabs((double)s - centre) >= fabs(sum - centre) - 0.5 ? ways[s] : 0;
	}
	free(ways);
	u1 = sum / 2 - (double)(na * (na + 1)) / 2;
	if (u)
		*u = fmin(u1, (double)(na * nb) - u1);
	return far / total;
}

/* ---- ratios ---- */

/* The largest k with P(U < k) <= (1 - CONFIDENCE) / 2, at least 1; *tail is that chance. */
static size_t cut(size_t na, size_t nb, double *tail)
{
	struct ranked all[2 * STATS_MAX];
	size_t n = na + nb, size, k = 0, low = na * (na + 1); /* the doubled rank sum with U = 0 */
	double total = 0, below = 0, *ways;

	for (size_t i = 0; i < n; i++)
		all[i].twice = (int)(2 * (i + 1));
	ways = distribution(all, n, na, &size);
	for (size_t s = 0; s < size; s++)
		total += ways[s];
	do {
		*tail = below = below + ways[low + 2 * k] / total;
		k++;
	} while (k <= na * nb / 2 && below + ways[low + 2 * k] / total <= (1 - CONFIDENCE) / 2);
	free(ways);
	return k;
}

bool stats_ratio(const double *a, size_t na, const double *b, size_t nb, struct stats_ratio *out)
{
	struct stats sa, sb;
	double *pairs, tail = 0;
	size_t k;

	memset(out, 0, sizeof(*out));
	if (!stats_of(a, na, &sa) || !stats_of(b, nb, &sb) || sa.min <= 0 || sb.min <= 0)
		return false;
	out->ratio = sa.median / sb.median;
	if (sa.n < 2 || sb.n < 2)
		return true;
	pairs = xcalloc(sa.n * sb.n, sizeof(*pairs));
	for (size_t i = 0; i < sa.n; i++)
		for (size_t j = 0; j < sb.n; j++)
			pairs[i * sb.n + j] = a[i] / b[j];
	qsort(pairs, sa.n * sb.n, sizeof(*pairs), by_value);
	k = cut(sa.n, sb.n, &tail);
	out->low = pairs[k - 1];
	out->high = pairs[sa.n * sb.n - k];
	out->confidence = 1 - 2 * tail;
	free(pairs);
	return true;
}

/* ---- nights ---- */

struct stats_night stats_night(double value, const double *baseline, size_t n, bool lower_is_better)
{
	struct stats_night out = { .level = STATS_NO_BASELINE };
	struct stats s;
	double bad;

	if (!stats_of(baseline, n, &s) || s.n < STATS_BASELINE_MIN || s.median <= 0)
		return out;
	out.drop = 1 - value / s.median;
	out.z = (value - s.median) / fmax(STATS_MAD_SCALE * s.mad, FLOOR * s.median);
	bad = lower_is_better ? -out.drop : out.drop;
	out.level = bad >= ALERT_DROP && fabs(out.z) >= ALERT_Z ? STATS_ALERT
	            : bad >= WARN_DROP && fabs(out.z) >= WARN_Z ? STATS_WARN
	                                                        : STATS_OK;
	return out;
}

/* ---- money ---- */

double stats_usd_per_million(double usd_per_hour, double tokens_per_second)
{
	return usd_per_hour > 0 && tokens_per_second > 0 ? usd_per_hour / (tokens_per_second * 3600) * 1e6 : 0;
}

double stats_break_even(double usd_per_hour, double usd_per_million)
{
	return usd_per_hour > 0 && usd_per_million > 0 ? usd_per_hour / (3600 * usd_per_million) * 1e6 : 0;
}

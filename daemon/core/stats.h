/*
 * The arithmetic of results (benchmarks §8, §9): pure, for small samples, in doubles. Decisions use median and MAD; mean and
 * deviation are for people. Values must be finite; what is missing is left out by the caller, never passed as 0.
 */
#ifndef GPUFLEET_STATS_H
#define GPUFLEET_STATS_H

#include <stdbool.h>
#include <stddef.h>

#define STATS_MAX       100    /* values of one sample that are looked at */
#define STATS_MAD_SCALE 1.4826 /* of a MAD, to compare it with a standard deviation */

struct stats {
	size_t n;
	double mean, sd;     /* sd with n-1; 0 when n is 1 */
	double population_sd;
	double cv;           /* sd / mean; 0 when the mean is 0 */
	double median, mad;  /* the plain MAD, not scaled */
	double min, max;
};
/* false: there are no values, *out is zero. */
bool stats_of(const double *x, size_t n, struct stats *out);

/* Two-sided Mann-Whitney U: exact, ties by mid-rank. Returns p; *u (may be NULL) is the smaller U. 1 when one side is empty. */
double stats_mann_whitney(const double *a, size_t na, const double *b, size_t nb, double *u);

/*
 * How much larger `a` is than `b`: the ratio of the medians, and the interval that the order of all a[i]/b[j] gives for it
 * (Hodges and Lehmann, exact under the null distribution of U). `confidence` is what the interval really covers: at least 0.95
 * where the samples are large enough, else all that they allow (3 against 3: 0.9). All values must be above 0.
 */
struct stats_ratio {
	double ratio, low, high, confidence; /* low, high 0 and confidence 0: too few values for any interval */
};
bool stats_ratio(const double *a, size_t na, const double *b, size_t nb, struct stats_ratio *out);

/*
 * One night against a baseline (benchmarks §9.5, level A). Throughput: a drop is bad; latency and cost: pass lower_is_better.
 * drop: 1 - value/median; z: robust, its scale never below 0.5 % of the median, because rounded values have a MAD of 0.
 */
enum stats_level { STATS_OK, STATS_WARN, STATS_ALERT, STATS_NO_BASELINE };
#define STATS_BASELINE_MIN 7
struct stats_night {
	double drop, z;
	enum stats_level level;
};
struct stats_night stats_night(double value, const double *baseline, size_t n, bool lower_is_better);

/*
 * Money and speed. usd_per_hour is of the whole instance, tokens per second of the whole instance. 0: there is no such figure
 * (a speed of 0 costs nothing that could be named, never an infinity).
 */
double stats_usd_per_million(double usd_per_hour, double tokens_per_second);
double stats_break_even(double usd_per_hour, double usd_per_million); /* tokens per second */

#endif

/*
 * Is tonight's figure worth waking somebody (benchmarks §9)? One series is one recipe, scenario, concurrency, GPU, provider and
 * stack; its nights are the valid ones, oldest first, the last one tonight. Pure.
 *
 *	struct finding f[9];
 *	for each series: f[k] = series_judge(&series[k], &rules);
 *	findings_settle(f, 9, &rules);      Holm's correction over the series of one night; now f[k].kind is final
 */
#ifndef GPUFLEET_SERIES_H
#define GPUFLEET_SERIES_H

#include "core/stats.h"

#define SERIES_REPEATS_MAX 20
#define SERIES_NIGHTS_MAX  400

struct series_night {
	double repeats[SERIES_REPEATS_MAX];
	size_t n;
};

struct series {
	const struct series_night *nights;
	size_t count;
	bool lower_is_better; /* latency, cost */
};

struct series_rules {
	size_t baseline;      /* nights before tonight that are looked at: 14 */
	double warn, alert;   /* shares: 0.03, 0.05 */
	double warn_z, alert_z; /* robust distances: 3.5, 5 */
	double p;             /* of level B, over all series of the night: 0.01 */
};
extern const struct series_rules series_rules;

enum finding_kind {
	FINDING_NO_BASELINE, /* fewer than seven nights before this one */
	FINDING_STEADY,
	FINDING_WATCHED,     /* level A says worse, level B does not agree, and it is the first night: run it again elsewhere */
	FINDING_WARNING,     /* both agree, or level A says so for the second night in a row */
	FINDING_REGRESSION,  /* the same, at the size of an alert */
	FINDING_BETTER,      /* as large a change, for the better */
};
const char *finding_name(enum finding_kind k); /* "no_baseline" */

struct finding {
	enum finding_kind kind;
	double tonight, baseline;  /* medians */
	size_t nights;             /* of the baseline */
	double drop, z;            /* level A; drop > 0 is worse, whatever the direction of the figure */
	enum stats_level level;    /* of tonight, for the worse or the better */
	enum stats_level before;   /* of the night before tonight, against its own baseline */
	double p, p_holm;          /* level B: of this series, and corrected */
};

struct finding series_judge(const struct series *s, const struct series_rules *rules);
void findings_settle(struct finding *f, size_t count, const struct series_rules *rules);

/*
 * Level C: where the nightly medians changed, by binary segmentation: Welch's t-test between the two sides with p < 0.001, a change
 * of 2 % at least, four nights on each side. `at` is the first night of the new level; oldest first. Returns how many.
 */
struct step {
	size_t at;
	double before, after; /* medians of the two sides */
	double p;
};
size_t series_steps(const struct series *s, struct step *out, size_t max);

/* Two-sided p of Welch's t-test; 1 when a side has fewer than two values or both are constant and equal. */
double stats_welch(const double *a, size_t na, const double *b, size_t nb);

#endif

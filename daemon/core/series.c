#include "core/series.h"
#include "base/mem.h"

#include <math.h>

#define STEP_P       0.001
#define STEP_SHARE   0.02
#define STEP_NIGHTS  4

const struct series_rules series_rules = { .baseline = 14, .warn = 0.03, .alert = 0.05, .warn_z = 3.5, .alert_z = 5, .p = 0.01 };

const char *finding_name(enum finding_kind k)
{
	static const char *const names[] = { "no_baseline", "steady", "watched", "warning", "regression", "better" };

	return names[k];
}

static double median_of(const struct series_night *n)
{
	struct stats s;

	stats_of(n->repeats, n->n, &s);
	return s.median;
}

/* ---- level A ---- */

struct level_a {
	size_t nights;
	double tonight, baseline, drop, z;
	enum stats_level level; /* of the size of the change, in either direction */
};

/* Night `at` against the nights before it. */
static struct level_a level_a(const struct series *s, size_t at, const struct series_rules *rules)
{
	size_t from = at > rules->baseline ? at - rules->baseline : 0;
	struct level_a a = { .nights = at - from, .tonight = median_of(&s->nights[at]), .level = STATS_NO_BASELINE };
	double medians[SERIES_NIGHTS_MAX], share, distance;
	struct stats_night night;
	struct stats b;

	for (size_t k = from; k < at; k++)
		medians[k - from] = median_of(&s->nights[k]);
	night = stats_night(a.tonight, medians, a.nights, s->lower_is_better);
	if (night.level == STATS_NO_BASELINE)
		return a;
	stats_of(medians, a.nights, &b);
	a.baseline = b.median;
	a.drop = s->lower_is_better ? -night.drop : night.drop;
	a.z = night.z;
	share = fabs(a.drop);
	distance = fabs(a.z);
	/* The thresholds are the campaign's, and a change for the better is one too. */
	a.level = share >= rules->alert && distance >= rules->alert_z ? STATS_ALERT :
	    share >= rules->warn && distance >= rules->warn_z ? STATS_WARN : STATS_OK;
	return a;
}

/* ---- level B: tonight's repeats against the pooled ones of the baseline ---- */

static double level_b(const struct series *s, size_t at, const struct series_rules *rules)
{
	size_t from = at > rules->baseline ? at - rules->baseline : 0, n = 0;
	double pool[STATS_MAX];

	/* The newest nights first: a sample has room for so many. */
	for (size_t k = at; k-- > from;)
		for (size_t i = 0; i < s->nights[k].n && n < STATS_MAX; i++)
			pool[n++] = s->nights[k].repeats[i];
	return stats_mann_whitney(s->nights[at].repeats, s->nights[at].n, pool, n, NULL);
}

static bool worse(const struct level_a *a)
{
	return a->drop > 0 && (a->level == STATS_WARN || a->level == STATS_ALERT);
}

struct finding series_judge(const struct series *s, const struct series_rules *rules)
{
	struct finding f = { .kind = FINDING_NO_BASELINE, .level = STATS_NO_BASELINE, .before = STATS_NO_BASELINE, .p = 1, .p_holm = 1 };
	struct level_a tonight, before;

	if (!s->count || s->count > SERIES_NIGHTS_MAX || !s->nights[s->count - 1].n)
		return f;
	tonight = level_a(s, s->count - 1, rules);
	f.tonight = tonight.tonight;
	f.baseline = tonight.baseline;
	f.nights = tonight.nights;
	f.drop = tonight.drop;
	f.z = tonight.z;
	f.level = tonight.level;
	if (tonight.level == STATS_NO_BASELINE)
		return f;
	f.kind = FINDING_STEADY;
	f.p = f.p_holm = level_b(s, s->count - 1, rules);
	if (s->count >= 2) {
		before = level_a(s, s->count - 2, rules);
		f.before = worse(&before) ? before.level : STATS_OK;
	}
	return f;
}

/* Holm: the smallest p against p/m, the next against p/(m-1), …; said as corrected values that are compared with p itself. */
static void correct(struct finding *f, size_t count)
{
	size_t left = 0;
	double last = 0;

	for (size_t k = 0; k < count; k++)
		left += f[k].kind != FINDING_NO_BASELINE;
	while (left) {
		size_t least = count;

		for (size_t k = 0; k < count; k++) /* in the order of p, equal ones in theirs; p_holm < 0 marks who waits */
			if (f[k].kind != FINDING_NO_BASELINE && f[k].p_holm < 0 && (least == count || f[k].p < f[least].p))
				least = k;
		if (least == count)
			break;
		last = fmax(last, fmin(1, f[least].p * (double)left));
		f[least].p_holm = last;
		left--;
	}
}

void findings_settle(struct finding *f, size_t count, const struct series_rules *rules)
{
	for (size_t k = 0; k < count; k++)
		if (f[k].kind != FINDING_NO_BASELINE)
			f[k].p_holm = -1;
	correct(f, count);
	for (size_t k = 0; k < count; k++) {
		bool changed = f[k].level == STATS_WARN || f[k].level == STATS_ALERT, sure = f[k].p_holm < rules->p;
		bool again = f[k].before == STATS_WARN || f[k].before == STATS_ALERT;

		if (f[k].kind == FINDING_NO_BASELINE || !changed)
			continue;
		if (f[k].drop < 0)
			f[k].kind = sure ? FINDING_BETTER : FINDING_STEADY;
		else if (!sure && !again)
			f[k].kind = FINDING_WATCHED;
		else
			f[k].kind = f[k].level == STATS_ALERT ? FINDING_REGRESSION : FINDING_WARNING;
	}
}

/* ---- level C ---- */

/* The incomplete beta function's continued fraction (Lentz). */
static double beta_fraction(double a, double b, double x)
{
	double c = 1, d = 1 - (a + b) * x / (a + 1), h;

	d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
	h = d;
	for (int m = 1; m <= 300; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double step;

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
		c = fabs(c) < 1e-300 ? 1e-300 : c;
		h *= d * c;
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
		c = fabs(c) < 1e-300 ? 1e-300 : c;
		step = d * c;
		h *= step;
		if (fabs(step - 1) < 1e-14)
			break;
	}
	return h;
}

/* Two-sided tail of Student's t. */
static double student_p(double t, double freedom)
{
	double x = freedom / (freedom + t * t), a = freedom / 2, b = 0.5, front;

	if (!(t * t > 0))
		return 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double stats_welch(const double *a, size_t na, const double *b, size_t nb)
{
	struct stats x, y;
	double vx, vy;

	if (na < 2 || nb < 2 || !stats_of(a, na, &x) || !stats_of(b, nb, &y))
		return 1;
	vx = x.sd * x.sd / (double)na;
	vy = y.sd * y.sd / (double)nb;
	if (!(vx + vy > 0))
		return fabs(x.mean - y.mean) > 0 ? 0 : 1;
	return student_p((x.mean - y.mean) / sqrt(vx + vy),
	    (vx + vy) * (vx + vy) / (vx * vx / (double)(na - 1) + vy * vy / (double)(nb - 1)));
}

/* The best place to cut m[from..to); false: none is good enough. */
static bool best_cut(const double *m, size_t from, size_t to, struct step *out)
{
	*out = (struct step){ .p = 1 };
	for (size_t at = from + STEP_NIGHTS; at + STEP_NIGHTS <= to; at++) {
		/* A sample has room for a hundred: the nights nearest to the cut. */
		size_t left = at - from > STATS_MAX ? at - STATS_MAX : from, right = to - at > STATS_MAX ? at + STATS_MAX : to;
		double p = stats_welch(m + left, at - left, m + at, right - at);
		struct stats before, after;

		if (p >= out->p)
			continue;
		stats_of(m + left, at - left, &before);
		stats_of(m + at, right - at, &after);
		*out = (struct step){ at, before.median, after.median, p };
	}
	return out->p < STEP_P && fabs(out->after / out->before - 1) >= STEP_SHARE;
}

size_t series_steps(const struct series *s, struct step *out, size_t max)
{
	double m[SERIES_NIGHTS_MAX];
	size_t edges[SERIES_NIGHTS_MAX + 1], cuts = 0, count = s->count < SERIES_NIGHTS_MAX ? s->count : SERIES_NIGHTS_MAX, n = 0;

	for (size_t k = 0; k < count; k++)
		m[k] = median_of(&s->nights[s->count - count + k]);
	edges[cuts++] = 0;
	edges[cuts++] = count;
	/* Cut every piece where it is best cut, until none can be. */
	for (size_t k = 0; k + 1 < cuts && n < max;) {
		struct step found;
		size_t j;

		if (!best_cut(m, edges[k], edges[k + 1], &found)) {
			k++;
			continue;
		}
		memmove(edges + k + 2, edges + k + 1, (cuts - k - 1) * sizeof(*edges));
		edges[k + 1] = found.at;
		cuts++;
		for (j = n++; j && out[j - 1].at > found.at; j--)
			out[j] = out[j - 1];
		out[j] = found;
	}
	return n;
}

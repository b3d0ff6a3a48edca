#include "report/verdicts.h"
#include "base/str.h"
#include "core/types.h"
#include "report/bench.h"

#include <math.h>

#define NIGHT_MAX    2000 /* figures of all its runs */
#define SCENARIO_MAX 61   /* with its end: a series says all of it */

/* ---- figures ---- */

static json_t *figure_new(const json_t *trial, const struct bench *b, const char *scenario, int concurrency, const char *metric)
{
	const char *gpu = json_str(trial, "gpu", ""), *provider = json_str(trial, "provider", "");
	int64_t count = json_int(trial, "gpu_count", 0), instances = json_int(trial, "instances", 1);
	char series[TEXT_MAX], machines[16] = "";
	json_t *o = json_object();

	if (instances > 1)
		snprintf(machines, sizeof(machines), "x%d", (int)instances);
	snprintf(series, sizeof(series), "%.40s|%.60s|%d|%.30s:%d%s|%.20s|%.16s|%.40s", b->recipe, scenario, concurrency, gpu, (int)count,
	    machines, provider, b->stack_id, metric);
	json_put_str(o, "series", series);
	json_put_str(o, "scenario", scenario);
	json_put_int(o, "concurrency", concurrency);
	json_put_str(o, "gpu", gpu);
	json_put_int(o, "gpu_count", count);
	json_put_int(o, "instances", instances);
	json_put_str(o, "provider", provider);
	json_put_str(o, "stack_id", b->stack_id);
	json_put_str(o, "metric", metric);
	json_put_int(o, "run", json_int(trial, "run", 0));
	json_put_int(o, "trial", json_int(trial, "id", 0));
	return o;
}

static json_t *figure_find(json_t *figures, const char *series)
{
	json_t *f;
	size_t k;

	json_array_foreach(figures, k, f)
		if (!strcmp(json_str(f, "series", ""), series))
			return f;
	return NULL;
}

/*
 * The same series again tonight: repeats of the campaign are more of the same; once more, on another machine, stands in the place of
 * the first.
 */
static void figure_add(json_t *figures, json_t *figure, json_t *measured, bool again)
{
	json_t *old = figure_find(figures, json_str(figure, "series", ""));

	if (!old) {
		json_put(figure, "measured", measured);
		json_put_bool(figure, "again", again);
		json_array_append_new(figures, figure);
		return;
	}
	if (again && !json_bool(old, "again", false)) {
		json_put(old, "first", json_incref(json_object_get(old, "measured")));
		json_put(old, "measured", measured);
		json_put_int(old, "run", json_int(figure, "run", 0));
		json_put_bool(old, "again", true);
	} else {
		json_array_extend(json_object_get(old, "measured"), measured);
		json_decref(measured);
	}
	json_decref(figure);
}

/* Takes the figure. */
static void add_values(json_t *figures, json_t *figure, const char *unit, bool lower, const double *v, size_t n, const json_t *trial)
{
	json_t *measured = json_array();

	json_put_str(figure, "unit", unit);
	json_put_bool(figure, "lower_is_better", lower);
	for (size_t k = 0; k < n; k++)
		json_array_append_new(measured, json_real(v[k]));
	figure_add(figures, figure, measured, json_bool(trial, "again", false));
}

static void bench_figures(json_t *figures, const struct bench *b, const json_t *trial)
{
	for (size_t k = 0; k < b->cell_count; k++) {
		const struct bench_cell *c = &b->cells[k];
		enum bench_figure which = bench_judged(c);
		const struct bench_values *v = &c->figures[which];

		if (!strcmp(c->status, "ok") && v->n) /* invalid ones are kept, and judge nothing */
			add_values(figures, figure_new(trial, b, c->scenario, c->concurrency, bench_keys[which]), bench_units[which],
			    which == BENCH_LATENCY, v->v, v->n, trial);
	}
}

static void plain_figures(json_t *figures, const struct bench *b, const json_t *trial)
{
	for (size_t k = 0; k < b->figures.count; k++) {
		const struct figure *x = &b->figures.items[k];
		char what[SCENARIO_MAX];

		if (!x->judged)
			continue;
		figure_words(x, what, sizeof(what));
		add_values(figures, figure_new(trial, b, what, 0, x->metric), x->unit, x->lower_is_better, x->v, x->n, trial);
	}
}

void verdicts_figures(json_t *figures, const json_t *source, const json_t *trial)
{
	struct bench b;

	if (json_array_size(figures) >= NIGHT_MAX)
		return;
	bench_read(&b, source);
	if (!*b.recipe)
		str_copy(b.recipe, json_str(trial, "recipe", ""));
	if (b.cell_count)
		bench_figures(figures, &b, trial);
	else
		plain_figures(figures, &b, trial);
	bench_free(&b);
}

/* ---- judging ---- */

static void read_night(const json_t *measured, struct series_night *n)
{
	const json_t *v;
	size_t k;

	json_array_foreach(measured, k, v)
		if (n->n < SERIES_REPEATS_MAX && json_is_number(v) && isfinite(json_number_value(v)))
			n->repeats[n->n++] = json_number_value(v);
}

/* The nights of one series, oldest first, at most SERIES_NIGHTS_MAX; findings are in the order of nights. */
static size_t read_series(const json_t *findings, const char *series, struct series_night *nights)
{
	const json_t *f;
	size_t k, n = 0;

	json_array_foreach(findings, k, f) {
		if (strcmp(json_str(f, "series", ""), series) != 0)
			continue;
		if (n == SERIES_NIGHTS_MAX - 1) {
			memmove(nights, nights + 1, (n - 1) * sizeof(*nights));
			n--;
		}
		memset(&nights[n], 0, sizeof(nights[n]));
		read_night(json_object_get(f, "measured"), &nights[n]);
		n += nights[n].n > 0;
	}
	return n;
}

static void put_number(json_t *o, const char *key, double v, bool known)
{
	json_put(o, key, known && isfinite(v) ? json_real(v) : json_null());
}

static json_t *finding_of(const json_t *figure, const struct finding *f)
{
	json_t *o = json_deep_copy(figure);
	bool known = f->kind != FINDING_NO_BASELINE;

	json_put_str(o, "kind", finding_name(f->kind));
	json_put_int(o, "nights", (int64_t)f->nights);
	put_number(o, "median", f->tonight, true);
	put_number(o, "baseline", f->baseline, known);
	put_number(o, "worse", f->drop, known);
	put_number(o, "z", f->z, known);
	put_number(o, "p", f->p, known);
	put_number(o, "p_holm", f->p_holm, known);
	return o;
}

json_t *verdicts_judge(const json_t *figures, const json_t *earlier, const struct series_rules *rules)
{
	size_t count = json_array_size(figures), k;
	struct finding *all = xcalloc(count + 1, sizeof(*all));
	struct series_night *nights = xcalloc(SERIES_NIGHTS_MAX, sizeof(*nights));
	json_t *out = json_array();
	const json_t *figure;

	json_array_foreach(figures, k, figure) {
		struct series s = { .nights = nights, .lower_is_better = json_bool(figure, "lower_is_better", false) };

		s.count = read_series(earlier, json_str(figure, "series", ""), nights);
		memset(&nights[s.count], 0, sizeof(*nights));
		read_night(json_object_get(figure, "measured"), &nights[s.count++]);
		all[k] = series_judge(&s, rules);
	}
	findings_settle(all, count, rules);
	json_array_foreach(figures, k, figure)
		json_array_append_new(out, finding_of(figure, &all[k]));
	free(all);
	free(nights);
	return out;
}

bool verdict_is_worse(const json_t *finding)
{
	const char *kind = json_str(finding, "kind", "");

	return !strcmp(kind, "watched") || !strcmp(kind, "warning") || !strcmp(kind, "regression");
}

json_t *verdicts_steps(const json_t *findings)
{
	struct series_night *nights = xcalloc(SERIES_NIGHTS_MAX, sizeof(*nights));
	const char *series = json_str(json_array_get(findings, 0), "series", "");
	struct series s = { .nights = nights, .lower_is_better = json_bool(json_array_get(findings, 0), "lower_is_better", false) };
	struct step steps[16];
	json_t *out = json_array();
	size_t first, n;

	s.count = read_series(findings, series, nights);
	first = json_array_size(findings) - (s.count < json_array_size(findings) ? s.count : json_array_size(findings));
	n = series_steps(&s, steps, ARRAY_LEN(steps));
	for (size_t k = 0; k < n; k++)
		json_array_append_new(out, json_pack("{sI sf sf sf}", "night",
		    json_int(json_array_get(findings, first + steps[k].at), "night", 0), "before", steps[k].before, "after", steps[k].after, "p",
		    steps[k].p));
	free(nights);
	return out;
}

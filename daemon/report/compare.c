#include "report/compare.h"
#include "base/str.h"
#include "report/manifest.h"

#include <math.h>

/* ---- manifests ---- */

static const json_t *manifest_value(const struct bench *b, const char *key, const char *inner)
{
	const json_t *v = json_object_get(b->manifest, key);

	return inner ? json_object_get(v, inner) : v;
}

static bool all_equal(const struct bench *all, size_t count, const char *key, const char *inner)
{
	const json_t *first = manifest_value(&all[0], key, inner), *v;

	for (size_t k = 1; k < count; k++) {
		v = manifest_value(&all[k], key, inner);
		if (!first != !v || (first && !json_equal(first, v)))
			return false;
	}
	return true;
}

static bool listed(const json_t *rows, const char *name)
{
	const json_t *row;
	size_t k;

	json_array_foreach(rows, k, row)
		if (!strcmp(json_str(row, "key", ""), name))
			return true;
	return false;
}

static void put_difference(json_t *rows, const struct bench *all, size_t count, const char *key, const char *inner)
{
	json_t *row, *values;
	char name[200];

	snprintf(name, sizeof(name), "%.90s%s%.90s", key, inner ? "." : "", inner ? inner : "");
	if (all_equal(all, count, key, inner) || listed(rows, name))
		return;
	row = json_object();
	values = json_array();
	for (size_t k = 0; k < count; k++) {
		const json_t *v = manifest_value(&all[k], key, inner);

		json_array_append_new(values, v ? json_deep_copy(v) : json_null());
	}
	json_put_str(row, "key", name);
	json_put(row, "values", values);
	json_array_append_new(rows, row);
}

json_t *compare_manifests(const struct bench *all, size_t count)
{
	json_t *rows = json_array();
	bool known = true;

	for (size_t k = 0; k < count; k++)
		known = known && all[k].manifest;
	for (size_t k = 0; known && k < count; k++) {
		const char *key, *inner;
		json_t *v, *below;

		json_object_foreach(all[k].manifest, key, v) {
			if (!manifest_counts(key))
				continue;
			if (!json_is_object(v)) {
				put_difference(rows, all, count, key, NULL);
				continue;
			}
			json_object_foreach(v, inner, below)
				put_difference(rows, all, count, key, inner);
		}
	}
	return rows;
}

/* ---- rows ---- */

struct overall {
	double ratio, low, high, per_gpu, per_dollar; /* sums of logarithms */
	size_t n, with_interval, with_price;
	int lost;
	double spread; /* the widest coefficient of variation of the other's repeats */
};

#define STABLE 0.05 /* repeats that vary by more are no ground for a decision */

static double per_gpu(const struct bench *b, double v)
{
	return v / (b->gpu_count ? b->gpu_count : 1);
}

static json_t *cell_json(const struct bench *b, const struct bench_cell *c)
{
	json_t *o = json_object();
	double v;

	json_put_str(o, "status", c->status);
	json_put(o, "reason", *c->reason ? json_string(c->reason) : json_null());
	json_put_int(o, "n", (int64_t)c->figures[bench_headline(c)].n);
	for (enum bench_figure f = 0; f < BENCH_FIGURES; f++)
		json_put(o, bench_keys[f], bench_median(c, f, &v) ? json_real(v) : json_null());
	if (!bench_median(c, bench_headline(c), &v))
		return o;
	json_put(o, "per_gpu", json_real(per_gpu(b, v)));
	json_put(o, "usd_per_million_output", c->usd_per_million > 0 ? json_real(c->usd_per_million) : json_null());
	json_put(o, "tokens_per_dollar", b->usd_per_hour > 0 ? json_real(v * 3600 / b->usd_per_hour) : json_null());
	return o;
}

static void set_against(json_t *o, const struct bench *base, const struct bench_cell *a, const struct bench *b,
    const struct bench_cell *c, struct overall *sum)
{
	const struct bench_values *x = &c->figures[bench_headline(c)], *y = &a->figures[bench_headline(a)];
	struct stats_ratio r;
	struct stats s;
	double gpus, dollars;

	if (!strcmp(a->status, "ok") && strcmp(c->status, "ok") != 0)
		sum->lost++;
	if (!stats_ratio(x->v, x->n, y->v, y->n, &r))
		return;
	gpus = r.ratio * (base->gpu_count ? base->gpu_count : 1) / (b->gpu_count ? b->gpu_count : 1);
	json_put(o, "ratio", json_real(r.ratio));
	json_put(o, "low", r.confidence > 0 ? json_real(r.low) : json_null());
	json_put(o, "high", r.confidence > 0 ? json_real(r.high) : json_null());
	json_put(o, "confidence", r.confidence > 0 ? json_real(r.confidence) : json_null());
	json_put(o, "per_gpu_ratio", json_real(gpus));
	if (stats_of(x->v, x->n, &s))
		sum->spread = fmax(sum->spread, s.cv);
	sum->n++;
	sum->ratio += log(r.ratio);
	sum->per_gpu += log(gpus);
	if (r.confidence > 0) {
		sum->with_interval++;
		sum->low += log(r.low);
		sum->high += log(r.high);
	}
	if (base->usd_per_hour > 0 && b->usd_per_hour > 0) {
		dollars = r.ratio * base->usd_per_hour / b->usd_per_hour;
		json_put(o, "per_dollar_ratio", json_real(dollars));
		sum->per_dollar += log(dollars);
		sum->with_price++;
	}
}

static json_t *row_json(const struct bench *all, size_t count, const struct bench_cell *like, struct overall *sums)
{
	json_t *row = json_object(), *cells = json_array();
	const struct bench_cell *base = bench_find(&all[0], like->scenario, like->concurrency);

	json_put_str(row, "scenario", like->scenario);
	json_put_int(row, "input", like->input);
	json_put_int(row, "output", like->output);
	json_put_int(row, "concurrency", like->concurrency);
	for (size_t k = 0; k < count; k++) {
		const struct bench_cell *c = bench_find(&all[k], like->scenario, like->concurrency);
		json_t *o = c ? cell_json(&all[k], c) : json_null();

		if (k && c && base)
			set_against(o, &all[0], base, &all[k], c, &sums[k]);
		json_array_append_new(cells, o);
	}
	json_put(row, "cells", cells);
	return row;
}

/* ---- figures that are no benchmark of tokens ---- */

/* How many times as good `x` is: of a time, how many times as short. Nothing where nobody knows which way it is better. */
static void set_figure_ratio(json_t *o, const struct figure *x, const struct figure *base)
{
	struct stats_ratio r = { 0 };
	bool known = base && x->judged && (x->lower_is_better ? stats_ratio(base->v, base->n, x->v, x->n, &r) :
	    stats_ratio(x->v, x->n, base->v, base->n, &r));

	json_put(o, "ratio", known ? json_real(r.ratio) : json_null());
	json_put(o, "low", known && r.confidence > 0 ? json_real(r.low) : json_null());
	json_put(o, "high", known && r.confidence > 0 ? json_real(r.high) : json_null());
	json_put(o, "confidence", known && r.confidence > 0 ? json_real(r.confidence) : json_null());
}

static json_t *figure_json(const struct bench *all, size_t count, const struct figure *like)
{
	const struct figure *base = figures_find(&all[0].figures, like);
	json_t *row = json_object(), *cells = json_array();
	char words[160];

	figure_words(like, words, sizeof(words));
	json_put_str(row, "metric", like->metric);
	json_put_str(row, "unit", like->unit);
	json_put(row, "labels", json_deep_copy(like->labels));
	json_put_str(row, "label", words);
	json_put(row, "better", like->judged ? json_string(like->lower_is_better ? "lower" : "higher") : json_null());
	for (size_t k = 0; k < count; k++) {
		const struct figure *x = figures_find(&all[k].figures, like);
		json_t *o = x ? json_object() : json_null();
		struct stats s;

		if (x && stats_of(x->v, x->n, &s)) {
			json_put_int(o, "n", (int64_t)s.n);
			json_put(o, "median", json_real(s.median));
			json_put(o, "mad", json_real(s.mad));
			set_figure_ratio(o, x, k ? base : NULL);
		}
		json_array_append_new(cells, o);
	}
	json_put(row, "cells", cells);
	return row;
}

static json_t *figures_json(const struct bench *all, size_t count)
{
	json_t *rows = json_array();

	for (size_t k = 0; k < count; k++)
		for (size_t f = 0; f < all[k].figures.count; f++) {
			const struct figure *like = &all[k].figures.items[f];
			bool new = figures_find(&all[k].figures, like) == like;

			for (size_t before = 0; before < k; before++)
				new = new && !figures_find(&all[before].figures, like);
			if (new)
				json_array_append_new(rows, figure_json(all, count, like));
		}
	return rows;
}

/* ---- all of it ---- */

/* What the other found about its answers, behind a verdict; an unknown quality is said, too. */
static const char *quality_words(const char *quality)
{
	return !strcmp(quality, "pass") ? ", and its answers are right" : *quality ? "" : "; nothing is known of its answers";
}

static void decide(json_t *o, const struct overall *s, const char *quality, double wanted)
{
	double ratio = s->n ? exp(s->ratio / (double)s->n) : 0, low = ratio, high = ratio;
	const char *verdict;
	char why[200];

	if (s->n && s->with_interval == s->n) {
		low = exp(s->low / (double)s->n);
		high = exp(s->high / (double)s->n);
	}
	if (!s->n) {
		verdict = "undecided";
		snprintf(why, sizeof(why), "they have no scenario at one concurrency in common");
	} else if (s->lost) {
		verdict = "keep";
		snprintf(why, sizeof(why), "%d of the scenarios that the base passes do not pass", s->lost);
	} else if (!strcmp(quality, "fail")) {
		verdict = "keep";
		snprintf(why, sizeof(why), "its answers are not as good, whatever its speed (%.2fx)", ratio);
	} else if (s->with_interval < s->n) {
		verdict = "undecided";
		snprintf(why, sizeof(why), "%.2fx, from single repeats: at least 2 on both sides are needed for an interval", ratio);
	} else if (low >= wanted && s->spread > STABLE) {
		verdict = "undecided";
		snprintf(why, sizeof(why), "%.2fx, but its repeats vary by %.0f %%: it is not stable", ratio, s->spread * 100);
	} else if (low >= wanted) {
		verdict = "adopt";
		snprintf(why, sizeof(why), "%.2fx (%.2f to %.2f) is at least the wanted %.2fx%s", ratio, low, high, wanted, quality_words(quality));
	} else if (high < wanted) {
		verdict = "keep";
		snprintf(why, sizeof(why), "%.2fx (%.2f to %.2f) does not reach the wanted %.2fx", ratio, low, high, wanted);
	} else {
		verdict = "undecided";
		snprintf(why, sizeof(why), "the wanted %.2fx lies between %.2f and %.2f: more repeats would tell", wanted, low, high);
	}
	json_put_str(o, "verdict", verdict);
	json_put_str(o, "why", why);
}

static json_t *overall_json(const struct overall *s, const char *quality, double wanted)
{
	json_t *o = json_object();
	double n = (double)s->n;

	json_put_int(o, "n", (int64_t)s->n);
	json_put_int(o, "lost", s->lost);
	json_put(o, "ratio", s->n ? json_real(exp(s->ratio / n)) : json_null());
	json_put(o, "low", s->n && s->with_interval == s->n ? json_real(exp(s->low / n)) : json_null());
	json_put(o, "high", s->n && s->with_interval == s->n ? json_real(exp(s->high / n)) : json_null());
	json_put(o, "per_gpu_ratio", s->n ? json_real(exp(s->per_gpu / n)) : json_null());
	json_put(o, "per_dollar_ratio", s->n && s->with_price == s->n ? json_real(exp(s->per_dollar / n)) : json_null());
	if (wanted > 0)
		decide(o, s, quality, wanted);
	return o;
}

/* What a reader must know before he believes a ratio. */
static json_t *warnings(const struct bench *all, size_t count)
{
	json_t *a = json_array();
	char text[300];

	for (size_t k = 0; k < count; k++) {
		if (!all[k].cell_count && !all[k].figures.count) {
			snprintf(text, sizeof(text), "%s has no results that could be compared", all[k].name);
			json_array_append_new(a, json_string(text));
		}
		if (!all[k].manifest) {
			snprintf(text, sizeof(text), "%s has no manifest: its stack is not known", all[k].name);
			json_array_append_new(a, json_string(text));
		}
		for (size_t d = 0; d < all[k].doubt_count; d++) {
			snprintf(text, sizeof(text), "%s: %s", all[k].name, all[k].doubts[d]);
			json_array_append_new(a, json_string(text));
		}
		if (k && *all[k].model && *all[0].model && strcmp(all[k].model, all[0].model) != 0) {
			snprintf(text, sizeof(text), "not one model: %s ran %.80s, %s ran %.80s", all[0].name, all[0].model, all[k].name, all[k].model);
			json_array_append_new(a, json_string(text));
		}
	}
	return a;
}

json_t *compare_json(const struct bench *all, size_t count, const struct compare_options *options)
{
	json_t *o = json_object(), *runs = json_array(), *rows = json_array(), *overall = json_array();
	struct overall sums[COMPARE_MAX] = { { 0 } };

	count = count < COMPARE_MAX ? count : COMPARE_MAX;
	for (size_t k = 0; k < count; k++) {
		json_t *b = bench_json(&all[k]);

		json_object_del(b, "cells");
		json_array_append_new(runs, b);
		for (size_t c = 0; c < all[k].cell_count; c++) {
			const struct bench_cell *cell = &all[k].cells[c];
			bool new = true;

			for (size_t before = 0; before < k; before++)
				new = new && !bench_find(&all[before], cell->scenario, cell->concurrency);
			if (new)
				json_array_append_new(rows, row_json(all, count, cell, sums));
		}
	}
	for (size_t k = 0; k < count; k++)
		json_array_append_new(overall, k ? overall_json(&sums[k], all[k].quality, options->adopt_if) : json_null());
	json_put(o, "runs", runs);
	json_put(o, "rows", rows);
	json_put(o, "figures", figures_json(all, count));
	json_put(o, "overall", overall);
	json_put(o, "manifest", compare_manifests(all, count));
	json_put(o, "warnings", warnings(all, count));
	return o;
}

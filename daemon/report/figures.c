#include "report/figures.h"
#include "base/crypto.h"
#include "base/str.h"

#include <math.h>

static const char *const times[] = { "s", "ms", "us", "ns", NULL };
static const char *const rates[] = { "FLOPS", "GFLOPS", "TFLOPS", "PFLOPS", "GOPS", "TOPS", NULL };

static bool is_among(const char *const *words, const char *word)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

bool figure_judged(const json_t *judge, const char *metric, const char *unit, bool *lower_is_better)
{
	const json_t *said = json_object_get(judge, metric);

	*lower_is_better = said ? !strcmp(json_str(judge, metric, ""), "lower") : is_among(times, unit);
	if (said)
		return *lower_is_better || !strcmp(json_str(judge, metric, ""), "higher");
	return *lower_is_better || is_among(rates, unit) || strstr(unit, "/s");
}

/* ---- reading ---- */

static json_t *labels_of(const json_t *row)
{
	const json_t *labels = json_object_get(row, "labels");
	json_t *own = json_is_object(labels) ? json_copy((json_t *)(uintptr_t)labels) : json_object();

	json_object_del(own, "repeat");
	return own;
}

/* The one that this row belongs to, a new one where there is none yet; NULL: there are too many. Takes the labels. */
static struct figure *figure_of(struct figures *f, const json_t *judge, const json_t *row, json_t *labels)
{
	const char *metric = json_str(row, "metric", ""), *unit = json_str(row, "unit", "");
	struct figure *x = NULL;

	for (size_t k = 0; k < f->count && !x; k++)
		if (!strcmp(f->items[k].metric, metric) && !strcmp(f->items[k].unit, unit) && json_equal(f->items[k].labels, labels))
			x = &f->items[k];
	if (x || f->count == FIGURES_MAX) {
		json_decref(labels);
		return x;
	}
	f->items = xreallocarray(f->items, f->count + 1, sizeof(*f->items));
	x = &f->items[f->count++];
	memset(x, 0, sizeof(*x));
	str_copy(x->metric, metric);
	str_copy(x->unit, unit);
	x->labels = labels;
	x->judged = figure_judged(judge, x->metric, x->unit, &x->lower_is_better);
	return x;
}

void figures_read(struct figures *f, const json_t *source)
{
	const json_t *judge = json_object_get(source, "judge"), *row;
	size_t k;

	*f = (struct figures){ NULL, 0 };
	json_array_foreach(json_object_get(source, "results"), k, row) {
		const json_t *value = json_object_get(row, "value");
		struct figure *x;

		if (!json_is_number(value) || !isfinite(json_number_value(value)) ||
		    !strcmp(json_str(judge, json_str(row, "metric", ""), ""), "none"))
			continue;
		x = figure_of(f, judge, row, labels_of(row));
		if (x && x->n < STATS_MAX)
			x->v[x->n++] = json_number_value(value);
	}
}

void figures_free(struct figures *f)
{
	for (size_t k = 0; k < f->count; k++)
		json_decref(f->items[k].labels);
	free(f->items);
	*f = (struct figures){ NULL, 0 };
}

/* ---- looking ---- */

static bool all_in(const json_t *some, const json_t *other)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)some, key, v)
		if (strcmp(key, "with") != 0 && !json_equal(json_object_get(other, key), v))
			return false;
	return true;
}

const struct figure *figures_find(const struct figures *f, const struct figure *like)
{
	for (size_t k = 0; k < f->count; k++) {
		const struct figure *x = &f->items[k];

		if (!strcmp(x->metric, like->metric) && !strcmp(x->unit, like->unit) && all_in(x->labels, like->labels) &&
		    all_in(like->labels, x->labels))
			return x;
	}
	return NULL;
}

void figure_words(const struct figure *f, char *out, size_t size)
{
	struct buf b = BUF(64 * 1024);
	uint8_t digest[SHA256_LEN];
	const char *key;
	json_t *v;

	json_object_foreach(f->labels, key, v) {
		char *text = json_is_string(v) ? xstrdup(json_string_value(v)) : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

		buf_printf(&b, "%s%s=%s", b.len ? " " : "", key, text ? text : "?");
		free(text);
	}
	str_copy_n(out, size, buf_str(&b));
	if (b.len >= size && size > 16) {
		crypto_sha256(b.data, b.len, digest);
		out[size - 14] = '~';
		str_hex(digest, 6, out + size - 13);
	}
	buf_free(&b);
}

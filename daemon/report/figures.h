/*
 * Figures that are no benchmark of tokens: TFLOPS of a multiplication, a kernel's milliseconds, a perplexity. One figure is one metric
 * under one set of labels; the label `repeat` only tells its measurements apart. Made from what the database says; pure.
 */
#ifndef GPUFLEET_FIGURES_H
#define GPUFLEET_FIGURES_H

#include "base/json.h"
#include "core/stats.h"
#include "core/types.h"

#define FIGURES_MAX 500 /* of one run; further ones are left out */

struct figure {
	char metric[NAME_MAX_], unit[32];
	json_t *labels; /* owned; without `repeat` */
	bool judged, lower_is_better; /* not judged: neither more nor less of it is better, as far as anybody says */
	double v[STATS_MAX];
	size_t n;
};

struct figures {
	struct figure *items; /* in the order in which they come */
	size_t count;
};

/*
 * Which way is better: what the recipe says of the metric (`judge` in gpufleet-recipe(5), as {"perplexity":"lower"}), else its unit: a
 * rate is good when it is high, a time when it is short. False: of anything else nobody here knows.
 */
bool figure_judged(const json_t *judge, const char *metric, const char *unit, bool *lower_is_better);

/* From {"results":[rows], "judge":{…}|absent}; texts are none, nor is what the recipe calls "none". figures_free() releases them. */
void figures_read(struct figures *f, const json_t *source);
void figures_free(struct figures *f);

/* The same figure of another run. What it was measured with (label `with`) may differ: that is what comparisons are for. NULL: none. */
const struct figure *figures_find(const struct figures *f, const struct figure *like);

/* "dtype=fp16 gpu=0"; "" without labels. Where not all of it fits, a digest takes the place of the rest. */
void figure_words(const struct figure *f, char *out, size_t size);

#endif

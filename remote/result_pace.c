#include "remote/result_pace.h"
#include "base/str.h"
#include "remote/result_jsonl.h"
#include "remote/result_vllm.h"
#include "remote/result_vllm_run.h"

#include <math.h>

#define TOLERANCE 0.01 /* between figures that were rounded each by itself */

static bool has_tail(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n > t && !strcmp(name + n - t, tail);
}

static bool figure(const json_t *o, const char *key, double *out)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_number(v) || !isfinite(json_number_value(v)))
		return false;
	*out = json_number_value(v);
	return true;
}

static int small(const json_t *o, const char *key)
{
	int64_t v = json_int(o, key, 0);

	return v > 0 && v < 100000000 ? (int)v : 0;
}

static bool agrees(double got, double wanted)
{
	return fabs(got - wanted) <= TOLERANCE * fabs(wanted);
}

/* What is suspect about the figures of one framework; "" when nothing is. Totals are summed over runs and batch (§3). */
static void check(const json_t *doc, const json_t *m, double rate, char doubt[160])
{
	const json_t *asked = json_object_get(doc, "generation_args");
	double generated, runs = small(doc, "num_runs"), seconds, wanted;

	*doubt = '\0';
	if (!figure(m, "total_gen_tokens", &generated) || runs <= 0)
		return;
	wanted = runs * small(asked, "output_tokens") * (small(asked, "batch_size") ? small(asked, "batch_size") : 1);
	if (figure(m, "average_gen_time", &seconds) && seconds > 0 && !agrees(rate * seconds * runs, generated))
		snprintf(doubt, 160, "%.6g tok/s in %.0f runs of %.6g s are not its %.0f tokens", rate, runs, seconds, generated);
	else if (wanted > 0 && generated != wanted)
		snprintf(doubt, 160, "%.0f output tokens are not the %.0f that were asked for", generated, wanted);
}

static void read_framework(const json_t *doc, const json_t *one, const struct result_cell *c, struct results *out)
{
	static const struct {
		const char *key, *metric, *unit;
		double factor; /* times are in seconds */
	} figures[] = {
		{ "total_tps", "total_token_throughput", "tok/s", 1 },
		{ "average_gen_time", "mean_e2el_ms", "ms", 1000 },
		{ "average_ttft", "mean_ttft_ms", "ms", 1000 },
		{ "total_gen_tokens", "total_output_tokens", "tokens", 1 },
		{ "mean_accepted_tokens", "mean_accepted_tokens", "tokens", 1 },
	};
	const json_t *m = json_object_get(one, "metrics");
	char labels[TEXT_MAX], doubt[160];
	double rate = 0, x;

	if (!json_is_object(m) || (json_object_get(m, "output_tps") && (!figure(m, "output_tps", &rate) || rate <= 0))) {
		result_status(c, "failed", "parse_error", "the document has no output_tps", out);
		return;
	}
	result_cell_labels(c, labels);
	if (rate > 0)
		results_number(out, "output_throughput", rate, "tok/s", labels);
	for (size_t k = 0; k < ARRAY_LEN(figures); k++)
		if (figure(m, figures[k].key, &x) && x > 0)
			results_number(out, figures[k].metric, x * figures[k].factor, figures[k].unit, labels);
	if (figure(json_object_get(one, "system_metrics"), "peak_ram_usage", &x) && x > 0)
		results_number(out, "peak_ram", x, "MiB", labels);
	if (rate > 0)
		check(doc, m, rate, doubt);
	else
		snprintf(doubt, sizeof(doubt), "it has no output_tps: a version that calls it otherwise");
	result_status(c, *doubt ? "suspect" : "ok", "", doubt, out);
}

static bool is_pace(const json_t *doc)
{
	return json_is_array(json_object_get(doc, "benchmark_results")) && json_is_object(json_object_get(doc, "generation_args"));
}

/* `like`: what the plan calls it, or NULL. */
static void read_document(const json_t *doc, const struct result_cell *like, int repeat, struct results *out)
{
	const json_t *asked = json_object_get(doc, "generation_args"), *one;
	size_t k;

	json_array_foreach(json_object_get(doc, "benchmark_results"), k, one) {
		struct result_cell c = { .input = small(asked, "input_tokens"), .output = small(asked, "output_tokens"), .repeat = repeat };
		const char *framework = json_str(one, "framework", "");

		c.concurrency = small(asked, "batch_size") ? small(asked, "batch_size") : 1;
		if (like) {
			c = *like;
			c.reason[0] = c.detail[0] = '\0';
		} else {
			snprintf(c.scenario, sizeof(c.scenario), "%dx%d", c.input, c.output);
		}
		if (strcmp(framework, "pace") != 0) {
			struct buf b = BUF(16);

			str_safe(&b, framework, strnlen(framework, 12), false);
			snprintf(c.scenario + strlen(c.scenario), sizeof(c.scenario) - strlen(c.scenario), " %.12s", buf_str(&b));
			buf_free(&b);
		}
		read_framework(doc, one, &c, out);
	}
}

/* What ran is the same in all documents of a run. */
static void read_facts(const json_t *doc, struct results *out)
{
	const json_t *m = json_object_get(doc, "model_args"), *draft = json_object_get(m, "spec_config");
	const char *dtype = json_str(m, "dtype", "");

	results_text(out, "framework", "AMD PACE", "{}");
	if (*json_str(m, "model_name", ""))
		results_text(out, "model", json_str(m, "model_name", ""), "{}");
	/* As PyTorch calls it. */
	if (*dtype)
		results_text(out, "dtype", str_starts(dtype, "torch.") ? dtype + strlen("torch.") : dtype, "{}");
	if (*json_str(draft, "model_name", ""))
		results_text(out, "draft_model", json_str(draft, "model_name", ""), "{}");
}

static json_t *document_of(const struct result_file *f, struct err *e)
{
	json_t *doc = vllm_document(f->text, f->n, NULL, e);

	if (!doc || is_pace(doc))
		return doc;
	json_decref(doc);
	err_set(e, ERR_FAILED, "it is not a document of AMD PACE's benchmark");
	return NULL;
}

static void read_planned(const struct result_file *files, size_t count, const struct result_planned *p, bool *known, struct results *out)
{
	struct err e = { 0 };
	char path[160];
	const struct result_file *f;
	json_t *doc = NULL;

	if (strcmp(p->status, "ran") != 0) {
		result_status(&p->cell, p->status, p->cell.reason, p->cell.detail, out);
		return;
	}
	snprintf(path, sizeof(path), "%s.json", p->file);
	f = result_file_find(files, count, path);
	if (f)
		doc = document_of(f, &e);
	else
		err_set(&e, ERR_FAILED, "there is no %s", path);
	if (!doc) {
		result_status(&p->cell, "failed", "parse_error", e.msg, out);
		return;
	}
	if (!*known)
		read_facts(doc, out);
	*known = true;
	read_document(doc, &p->cell, p->cell.repeat, out);
	json_decref(doc);
}

static bool owns(const struct result_file *f)
{
	json_t *doc = document_of(f, &(struct err){ 0 });

	json_decref(doc);
	return doc != NULL;
}

static bool wants(const char *file)
{
	return strcmp(file, "manifest.json") != 0 && (has_tail(file, ".json") || !strcmp(file, "scenarios.jsonl") || !strcmp(file, "results.jsonl"));
}

static void read_files(const struct result_file *files, size_t count, struct results *out)
{
	const struct result_file *plan = result_file_find(files, count, "scenarios.jsonl");
	const struct result_file *said = result_file_find(files, count, "results.jsonl"); /* what it found about its answers */
	struct result_planned *planned = xcalloc(RESULT_CELLS_MAX, sizeof(*planned));
	size_t cells = plan ? result_plan(plan, planned, out) : 0;
	bool known = false;
	int repeat = 0;

	for (size_t k = 0; k < cells; k++)
		read_planned(files, count, &planned[k], &known, out);
	for (size_t k = 0; !plan && k < count; k++) {
		struct err e = { 0 };
		json_t *doc = &files[k] == said ? NULL : document_of(&files[k], &e);

		if (!doc) {
			out->bad += has_tail(files[k].name, "_results.json");
			continue;
		}
		if (!known)
			read_facts(doc, out);
		known = true;
		read_document(doc, NULL, ++repeat, out);
		json_decref(doc);
	}
	free(planned);
	if (said)
		result_jsonl_read(said->text, said->n, out);
	if (out->bad)
		snprintf(out->message, sizeof(out->message), "%zu documents or lines were not understood", out->bad);
}

const struct result_reader result_pace = { "pace", wants, owns, read_files };

#include "remote/result.h"
#include "base/str.h"
#include "remote/result_jsonl.h"
#include "remote/result_llama.h"
#include "remote/result_pace.h"
#include "remote/result_telemetry.h"
#include "remote/result_vllm_run.h"

#include <math.h>

static const struct result_reader *const readers[] = { &result_jsonl, &result_vllm_run, &result_llama, &result_pace };

const struct result_reader *result_reader_find(const char *name)
{
	for (size_t k = 0; k < ARRAY_LEN(readers); k++)
		if (!strcmp(readers[k]->name, name))
			return readers[k];
	return NULL;
}

const char *const *result_reader_names(void)
{
	static const char *names[ARRAY_LEN(readers) + 1];

	for (size_t k = 0; k < ARRAY_LEN(readers); k++)
		names[k] = readers[k]->name;
	return names;
}

const struct result_reader *result_reader_of(const struct result_file *f)
{
	for (size_t k = 0; k < ARRAY_LEN(readers); k++)
		if (readers[k]->owns(f))
			return readers[k];
	return NULL;
}

const struct result_file *result_file_find(const struct result_file *files, size_t count, const char *name)
{
	for (size_t k = 0; k < count; k++)
		if (!strcmp(files[k].name, name))
			return &files[k];
	return NULL;
}

static struct result_metric *add(struct results *r, const char *metric, const char *labels)
{
	struct result_metric *m;

	if (r->count == RESULT_ROWS_MAX)
		return NULL;
	if (r->count == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 64;
		r->rows = xreallocarray(r->rows, r->cap, sizeof(*r->rows));
	}
	m = &r->rows[r->count];
	memset(m, 0, sizeof(*m));
	if (!str_copy(m->metric, metric))
		return NULL;
	if (!labels || !str_copy(m->labels, labels))
		str_copy(m->labels, "{}");
	r->count++;
	return m;
}

void results_number(struct results *r, const char *metric, double value, const char *unit, const char *labels)
{
	struct result_metric *m = isfinite(value) ? add(r, metric, labels) : NULL;

	if (!m)
		return;
	m->number = true;
	m->value = value;
	str_copy(m->unit, unit);
}

void results_text(struct results *r, const char *metric, const char *text, const char *labels)
{
	struct result_metric *m = add(r, metric, labels);

	if (m)
		str_copy(m->text, text);
}

void results_span(struct results *r, const struct result_span *span)
{
	if (r->span_count == RESULT_SPANS_MAX)
		return;
	if (r->span_count == r->span_cap) {
		r->span_cap = r->span_cap ? 2 * r->span_cap : 16;
		r->spans = xreallocarray(r->spans, r->span_cap, sizeof(*r->spans));
	}
	r->spans[r->span_count++] = *span;
}

bool result_wants(const struct result_reader *r, const char *file)
{
	return r->wants(file) || telemetry_wants(file);
}

void result_read(const struct result_reader *r, const struct result_file *files, size_t count, struct results *out)
{
	struct result_file *own = xcalloc(count + 1, sizeof(*own));
	size_t n = 0;

	for (size_t k = 0; k < count; k++)
		if (!telemetry_wants(files[k].name))
			own[n++] = files[k];
	r->read(own, n, out);
	free(own);
	telemetry_rows(files, count, out);
}

void results_free(struct results *r)
{
	free(r->rows);
	free(r->spans);
	memset(r, 0, sizeof(*r));
}

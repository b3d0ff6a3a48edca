#include "remote/result_jsonl.h"
#include "base/str.h"

static bool is_label(const char *key)
{
	return strcmp(key, "metric") != 0 && strcmp(key, "value") != 0 && strcmp(key, "unit") != 0 && strcmp(key, "text") != 0;
}

static bool read_line(const char *line, size_t n, struct results *out)
{
	json_t *j = json_read(line, n, NULL), *v, *labels = json_object();
	const char *metric = json_str(j, "metric", ""), *key;
	const json_t *text = json_object_get(j, "text");
	char *packed;
	bool ok = false;

	v = json_object_get(j, "value");
	/* A value that is no number, and no text beside it, is no result. */
	if (!*metric || strlen(metric) >= NAME_MAX_ || (v && !json_is_number(v) && !json_is_null(v) && !json_is_string(text)))
		goto out;
	json_object_foreach(j, key, v)
		if (is_label(key))
			json_object_set(labels, key, v);
	packed = json_text(labels);
	v = json_object_get(j, "value");
	if (json_is_number(v))
		results_number(out, metric, json_number_value(v), json_str(j, "unit", ""), packed);
	else
		results_text(out, metric, json_is_string(text) ? json_string_value(text) : "", packed);
	free(packed);
	ok = true;
out:
	json_decref(labels);
	json_decref(j);
	return ok;
}

void result_jsonl_read(const char *text, size_t n, struct results *out)
{
	for (size_t at = 0; at < n && out->count < RESULT_ROWS_MAX;) {
		const char *nl = memchr(text + at, '\n', n - at);
		size_t len = nl ? (size_t)(nl - text) - at : n - at;

		if (len && !read_line(text + at, len, out))
			out->bad++;
		at += len + 1;
	}
}

static bool wants(const char *file)
{
	return !strcmp(file, "results.jsonl");
}

/* Its first line is a figure. */
static bool owns(const struct result_file *f)
{
	size_t from = 0, len;
	const char *nl;
	json_t *line;
	bool is;

	while (from < f->n && strchr(" \t\r\n", f->text[from]))
		from++;
	nl = memchr(f->text + from, '\n', f->n - from);
	len = nl ? (size_t)(nl - f->text) - from : f->n - from;
	line = len && f->text[from] == '{' ? json_read(f->text + from, len, NULL) : NULL;
	is = *json_str(line, "metric", "") && (json_object_get(line, "value") || json_object_get(line, "text"));
	json_decref(line);
	return is;
}

static void read_files(const struct result_file *files, size_t count, struct results *out)
{
	for (size_t k = 0; k < count; k++)
		result_jsonl_read(files[k].text, files[k].n, out);
	if (out->bad)
		snprintf(out->message, sizeof(out->message), "%zu lines of results.jsonl are not results", out->bad);
}

const struct result_reader result_jsonl = { "gpufleet-jsonl", wants, owns, read_files };

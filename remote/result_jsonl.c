#include "remote/result_jsonl.h"
#include "base/json.h"
#include "base/str.h"

static bool read_line(const char *line, size_t n, struct result_metric *out)
{
	json_t *j = json_read(line, n, NULL), *v, *labels = NULL;
	const char *metric = json_str(j, "metric", ""), *key;
	char *text;
	bool ok = false;

	memset(out, 0, sizeof(*out));
	if (!json_is_object(j) || !*metric || !str_copy(out->metric, metric))
		goto out;
	v = json_object_get(j, "value");
	out->number = json_is_number(v);
	if (out->number)
		out->value = json_number_value(v);
	else if (json_is_string(json_object_get(j, "text")))
		str_copy(out->text, json_str(j, "text", ""));
	else if (v && !json_is_null(v))
		goto out; /* a value that is no number, and no text beside it */
	str_copy(out->unit, json_str(j, "unit", ""));
	labels = json_object();
	json_object_foreach(j, key, v)
		if (strcmp(key, "metric") != 0 && strcmp(key, "value") != 0 && strcmp(key, "unit") != 0 && strcmp(key, "text") != 0)
			json_object_set(labels, key, v);
	text = json_text(labels);
	if (!str_copy(out->labels, text))
		str_copy(out->labels, "{}");
	free(text);
	ok = true;
out:
	json_decref(labels);
	json_decref(j);
	return ok;
}

size_t result_jsonl_read(const char *text, size_t n, struct result_metric **rows, size_t *bad)
{
	size_t count = 0, cap = 0;

	*rows = NULL;
	*bad = 0;
	for (size_t at = 0; at < n && count < RESULT_ROWS_MAX;) {
		const char *nl = memchr(text + at, '\n', n - at);
		size_t len = nl ? (size_t)(nl - text) - at : n - at;

		if (len) {
			if (count == cap) {
				cap = cap ? 2 * cap : 16;
				*rows = xreallocarray(*rows, cap, sizeof(**rows));
			}
			if (read_line(text + at, len, &(*rows)[count]))
				count++;
			else
				(*bad)++;
		}
		at += len + 1;
	}
	return count;
}

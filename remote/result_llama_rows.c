/* The five formats of llama-bench, each into the objects of the JSON one; what llama-speculative prints. */
#include "base/str.h"
#include "remote/result_llama.h"
#include "remote/result_vllm.h"

#include <ctype.h>
#include <math.h>

#define ROWS_MAX    4000
#define COLUMNS_MAX 128
#define CELL_MAX    512

bool llama_number(const json_t *row, const char *key, double *out)
{
	const json_t *v = json_object_get(row, key);
	const char *text = json_is_string(v) ? json_string_value(v) : NULL;

	if (json_is_boolean(v))
		*out = json_is_true(v);
	else if (json_is_number(v) && isfinite(json_number_value(v)))
		*out = json_number_value(v);
	else if (text && (!strcmp(text, "true") || !strcmp(text, "on")))
		*out = 1;
	else if (text && (!strcmp(text, "false") || !strcmp(text, "off")))
		*out = 0;
	else if (text && !strcmp(text, "auto"))
		*out = -1;
	else
		return text && str_to_double(text, out) && isfinite(*out);
	return true;
}

/* ---- JSON and JSON lines ---- */

static bool is_row(const json_t *o)
{
	return json_object_get(o, "n_prompt") || json_object_get(o, "n_gen") || json_object_get(o, "avg_ts") || json_object_get(o, "avg_ns");
}

static void read_json(const char *text, size_t n, json_t *rows, size_t *bad)
{
	for (size_t at = 0, end; at < n && json_array_size(rows) < ROWS_MAX; at = end) {
		struct err e;
		json_t *o;

		while (at < n && (isspace((unsigned char)text[at]) || text[at] == '[' || text[at] == ',' || text[at] == ']'))
			at++;
		if (at == n)
			return;
		if (text[at] != '{') { /* a line of standard error */
			const char *nl = memchr(text + at, '\n', n - at);

			end = nl ? (size_t)(nl - text) + 1 : n;
			continue;
		}
		end = json_object_end(text, n, at);
		o = end ? vllm_document(text + at, end - at, NULL, &e) : NULL;
		if (is_row(o))
			json_array_append(rows, o);
		else if (!o)
			++*bad;
		json_decref(o);
		if (!end)
			return;
	}
}

/* Bytes that are no text are in no row. */
static void put_cell(json_t *row, const char *name, const char *value)
{
	if (str_is_utf8(name, strlen(name)) && str_is_utf8(value, strlen(value)))
		json_put_str(row, name, value);
}

/* ---- CSV and SQL: lists of cells ---- */

struct cells {
	char text[COLUMNS_MAX][CELL_MAX];
	size_t count;
};

/*
 * Cells between commas up to `stop` (')' or the end of the line), in either kind of quotes or none; a doubled quote is one. Behind
 * the list, or NULL when it does not end.
 */
static const char *read_cells(const char *s, const char *end, char stop, struct cells *out)
{
	out->count = 0;
	while (s < end) {
		struct buf b = BUF(CELL_MAX - 1);
		char quote = '\0';

		while (s < end && (*s == ' ' || *s == '\t'))
			s++;
		if (s < end && (*s == '"' || *s == '\''))
			quote = *s++;
		for (; s < end; s++) {
			if (quote && *s == quote && s + 1 < end && s[1] == quote)
				s++;
			else if (quote ? *s == quote : *s == ',' || *s == stop || *s == '\n')
				break;
			buf_putc(&b, *s);
		}
		if (out->count < COLUMNS_MAX)
			str_copy_n(out->text[out->count++], CELL_MAX, buf_str(&b));
		buf_free(&b);
		if (quote && s < end)
			s++;
		while (s < end && (*s == ' ' || *s == '\t' || *s == '\r'))
			s++;
		if (s == end)
			return stop == '\n' && !quote ? s : stop == '\n' && end[-1] == quote ? s : NULL;
		if (*s == stop)
			return s + 1;
		if (*s++ != ',')
			return NULL;
	}
	return NULL;
}

static bool append_row(json_t *rows, const struct cells *names, const struct cells *values)
{
	json_t *o = json_object();
	bool whole = names->count == values->count && json_array_size(rows) < ROWS_MAX;

	for (size_t k = 0; whole && k < names->count; k++)
		put_cell(o, names->text[k], values->text[k]);
	whole = whole && is_row(o);
	if (whole)
		json_array_append(rows, o);
	json_decref(o);
	return whole;
}

static void read_csv(const char *text, const char *head, size_t n, json_t *rows, size_t *bad)
{
	struct cells *names = xcalloc(1, sizeof(*names)), *values = xcalloc(1, sizeof(*values));
	const char *end = text + n, *s = read_cells(head, end, '\n', names);

	while (s && s < end && json_array_size(rows) < ROWS_MAX) {
		const char *nl = memchr(s, '\n', (size_t)(end - s)), *line = s;

		s = nl ? nl + 1 : end;
		/* A line of standard error has no quotes; a row always has. */
		if (*line == '"' && (!read_cells(line, s, '\n', values) || !append_row(rows, names, values)))
			++*bad;
	}
	free(names);
	free(values);
}

static void read_sql(const char *text, size_t n, json_t *rows, size_t *bad)
{
	struct cells *names = xcalloc(1, sizeof(*names)), *values = xcalloc(1, sizeof(*values));
	const char *end = text + n, *s = text;

	while (json_array_size(rows) < ROWS_MAX && (s = memmem(s, (size_t)(end - s), "INSERT INTO", 11))) {
		const char *open = memchr(s, '(', (size_t)(end - s)), *behind = open ? read_cells(open + 1, end, ')', names) : NULL;

		s += 11;
		open = behind ? memchr(behind, '(', (size_t)(end - behind)) : NULL;
		behind = open ? read_cells(open + 1, end, ')', values) : NULL;
		if (!behind || !append_row(rows, names, values))
			++*bad;
		else
			s = behind;
	}
	free(names);
	free(values);
}

/* ---- Markdown: names for people ---- */

/* "pp512", "pp 512", "tg128 @ d4096", "pp512+tg128" */
static bool read_test(const char *text, json_t *row)
{
	int prompt = 0, answer = 0, depth = 0, used = 0;

	if (sscanf(text, "pp%d+tg%d%n", &prompt, &answer, &used) < 2 && sscanf(text, "pp%d%n", &prompt, &used) < 1 &&
	    sscanf(text, "tg%d%n", &answer, &used) < 1)
		return false;
	sscanf(text + used, " @ d%d", &depth);
	json_put_int(row, "n_prompt", prompt);
	json_put_int(row, "n_gen", answer);
	json_put_int(row, "n_depth", depth);
	return prompt >= 0 && answer >= 0 && depth >= 0;
}

static bool read_markdown_cell(json_t *row, const char *name, const char *value)
{
	static const struct {
		const char *name, *key;
	} keys[] = { { "model", "model_type" }, { "backend", "backends" }, { "ngl", "n_gpu_layers" }, { "threads", "n_threads" },
		{ "fa", "flash_attn" }, { "sm", "split_mode" } };
	const char *sign = strstr(value, " ± ");
	char rate[64];

	if (!strcmp(name, "test"))
		return read_test(value, row);
	if (!strcmp(name, "t/s")) {
		snprintf(rate, sizeof(rate), "%.*s", (int)(sign ? sign - value : 60), value);
		put_cell(row, "avg_ts", rate);
		if (sign)
			put_cell(row, "stddev_ts", sign + strlen(" ± "));
		return true;
	}
	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		if (!strcmp(name, keys[k].name))
			name = keys[k].key;
	put_cell(row, name, value);
	return true;
}

static void read_markdown(char *text, json_t *rows, size_t *bad)
{
	char *line, *names[COLUMNS_MAX];
	size_t count = 0;

	while ((line = str_split(&text, "\n"))) {
		json_t *row = json_object();
		bool head = !count, whole = true;
		size_t column = 0;
		char *cell;

		if (*line++ != '|' || strspn(line, " -:|\r") == strlen(line) || json_array_size(rows) == ROWS_MAX) {
			json_decref(row);
			continue;
		}
		while ((cell = str_split(&line, "|")) && column < COLUMNS_MAX) {
			cell = str_trim(cell);
			if (head && *cell)
				names[count++] = cell;
			else if (!head && column < count)
				whole = read_markdown_cell(row, names[column], cell) && whole;
			column++;
		}
		if (!head && whole && column > count && is_row(row))
			json_array_append(rows, row);
		else if (!head)
			++*bad;
		json_decref(row);
	}
}

/* ---- which of them it is ---- */

/* The line that begins with `start` (a quote before it does not matter) and holds `other`. */
static const char *line_with(const char *text, size_t n, const char *start, const char *other)
{
	for (const char *s = text, *end = text + n; s && s < end;) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		size_t len = (size_t)((nl ? nl : end) - s);

		if (str_starts(s + (*s == '"'), start) && memmem(s, len, other, strlen(other)))
			return s;
		s = nl ? nl + 1 : NULL;
	}
	return NULL;
}

json_t *llama_rows(const char *text, size_t n, size_t *bad)
{
	json_t *rows = json_array();
	const char *head = line_with(text, n, "build_", "avg_ts");
	char *copy;

	if (head) {
		read_csv(text, head, n, rows, bad);
	} else if (memmem(text, n, "INSERT INTO", 11)) {
		read_sql(text, n, rows, bad);
	} else if (line_with(text, n, "| model", "t/s")) {
		copy = xstrndup(text, n);
		read_markdown(copy, rows, bad);
		free(copy);
	} else {
		read_json(text, n, rows, bad);
	}
	return rows;
}

/* ---- llama-speculative ---- */

bool llama_speculative(const char *text, size_t n, struct llama_speculative *out)
{
	char *copy = xstrndup(text, n), *at = copy, *line;
	bool decoded = false;

	*out = (struct llama_speculative){ .drafted = -1, .accepted = -1, .percent = -1 };
	while ((line = str_split(&at, "\n"))) {
		line += strspn(line, " \t\r");
		if (sscanf(line, "encoded %lf tokens in %lf seconds", &out->prompt, &out->prompt_seconds) == 2)
			continue;
		if (sscanf(line, "decoded %lf tokens in %lf seconds, speed: %lf", &out->decoded, &out->decoded_seconds, &out->speed) == 3)
			decoded = true;
		sscanf(line, "n_drafted = %lf", &out->drafted);
		sscanf(line, "n_accept = %lf", &out->accepted);
		sscanf(line, "accept = %lf%%", &out->percent);
	}
	free(copy);
	return decoded && isfinite(out->prompt) && isfinite(out->prompt_seconds) && isfinite(out->decoded) && isfinite(out->decoded_seconds) &&
	       isfinite(out->speed) && isfinite(out->drafted) && isfinite(out->accepted) && isfinite(out->percent);
}

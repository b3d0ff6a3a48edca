#include "report/published.h"
#include "base/instant.h"
#include "base/str.h"

#include <ctype.h>
#include <math.h>

/* One decimal, as published (benchmarks §7.2). */
static double rounded(double v)
{
	return floor(v * 10 + 0.5) / 10;
}

static void gpu_name(const struct bench *b, char out[96])
{
	snprintf(out, 96, "%dx %s", b->gpu_count ? b->gpu_count : 1, *b->gpu ? b->gpu : "unknown GPU");
}

static int tensor_parallel(const struct bench *b)
{
	return b->gpu_count ? b->gpu_count : 1;
}

/* ---- writing ---- */

static json_t *row_json(const struct bench *b, const struct bench_cell *c)
{
	json_t *o = json_object();
	double v;
	static const struct {
		const char *key;
		enum bench_figure figure;
	} more[] = { { "median_ttft_ms", BENCH_TTFT_P50 }, { "median_tpot_ms", BENCH_TPOT_P50 }, { "median_e2el_ms", BENCH_E2E_P50 },
		{ "peak_memory_mib", BENCH_MEMORY } };

	json_put_int(o, "input_length", c->input);
	json_put_int(o, "output_length", c->output);
	json_put(o, "throughput_tokens_per_sec", bench_median(c, BENCH_OUTPUT, &v) ? json_real(rounded(v)) : json_null());
	json_put_int(o, "pp", 1);
	json_put_int(o, "tp", tensor_parallel(b));
	json_put_str(o, "status", c->status);
	json_put(o, "failure_reason", *c->reason ? json_string(c->reason) : json_null());
	json_put(o, "concurrency", c->concurrency ? json_integer(c->concurrency) : json_null());
	json_put_int(o, "runs", (int64_t)c->figures[BENCH_OUTPUT].n);
	for (size_t k = 0; k < ARRAY_LEN(more); k++)
		json_put(o, more[k].key, bench_median(c, more[k].figure, &v) ? json_real(v) : json_null());
	json_put(o, "cost_per_1m_output_tokens_usd", c->usd_per_million > 0 ? json_real(c->usd_per_million) : json_null());
	return o;
}

void published_json(const struct bench *b, struct buf *out)
{
	json_t *o = json_object(), *meta = json_object(), *rows = json_array();
	char gpu[96], time[40] = "";
	instant made;
	char *text;

	/* UTC with microseconds: what is kept has milliseconds. */
	if (*b->made && instant_parse(b->made, &made)) {
		instant_format(made, true, time);
		if (strlen(time) == 24)
			memcpy(time + 23, "000Z", 5);
	} else {
		str_copy(time, b->made);
	}
	gpu_name(b, gpu);
	json_put_str(meta, "timestamp", time);
	json_put_str(meta, "model", b->model);
	json_put_str(meta, "gpu", gpu);
	json_put_str(meta, "server", b->server);
	json_put_str(meta, "precision", b->precision);
	json_put_str(meta, "framework", b->framework);
	json_put(meta, "gpu_memory_gb", b->gpu_memory_gb ? json_integer(b->gpu_memory_gb) : json_null());
	if (*b->stack_id)
		json_put_str(meta, "manifest_sha256", b->stack_id);
	for (size_t k = 0; k < b->cell_count; k++)
		json_array_append_new(rows, row_json(b, &b->cells[k]));
	json_put(o, "metadata", meta);
	json_put(o, "benchmarks", rows);
	text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(10) | JSON_ENSURE_ASCII);
	buf_puts(out, text);
	buf_putc(out, '\n');
	free(text);
	json_decref(o);
}

static void csv_number(struct buf *out, const char *format, bool known, double v)
{
	char text[48];

	/* The formats are of this file. */
	if (known) {
		if (!strcmp(format, "%.0f"))
			snprintf(text, sizeof(text), "%.0f", v);
		else if (!strcmp(format, "%.4f"))
			snprintf(text, sizeof(text), "%.4f", v);
		else
			snprintf(text, sizeof(text), "%.3f", v);
		buf_puts(out, text);
	}
}

static void csv_figure(struct buf *out, const struct bench_cell *c, enum bench_figure f)
{
	double v = 0;
	bool known = bench_median(c, f, &v);

	buf_putc(out, ',');
	csv_number(out, "%.3f", known, v);
}

static void extended_cells(const struct bench *b, const struct bench_cell *c, struct buf *out)
{
	static const enum bench_figure latencies[] = { BENCH_TTFT_P50, BENCH_TTFT_P99, BENCH_TPOT_P50, BENCH_ITL_P99, BENCH_E2E_P50,
		BENCH_MEMORY };
	struct stats s;
	bool some = stats_of(c->figures[BENCH_OUTPUT].v, c->figures[BENCH_OUTPUT].n, &s);
	char text[96];

	snprintf(text, sizeof(text), "%s", b->gpu);
	buf_putc(out, ',');
	str_csv(out, text);
	buf_putc(out, ',');
	str_csv(out, c->status);
	buf_putc(out, ',');
	str_csv(out, c->reason);
	buf_putc(out, ',');
	csv_number(out, "%.0f", c->concurrency > 0, c->concurrency);
	buf_printf(out, ",%zu,", c->figures[BENCH_OUTPUT].n);
	csv_number(out, "%.3f", some, s.median);
	buf_putc(out, ',');
	csv_number(out, "%.3f", some, s.mad);
	for (size_t k = 0; k < ARRAY_LEN(latencies); k++)
		csv_figure(out, c, latencies[k]);
	buf_putc(out, ',');
	csv_number(out, "%.3f", b->weights_gib > 0, b->weights_gib);
	buf_putc(out, ',');
	csv_number(out, "%.3f", b->kv_cache_gib > 0, b->kv_cache_gib);
	csv_figure(out, c, BENCH_POWER);
	buf_putc(out, ',');
	csv_number(out, "%.4f", b->usd_per_hour > 0, b->usd_per_hour);
	buf_putc(out, ',');
	csv_number(out, "%.4f", c->usd_per_million > 0, c->usd_per_million);
}

void published_csv(const struct bench *b, bool extended, struct buf *out)
{
	char gpu[96];

	buf_puts(out, "Model,PP,TP,Input Length,Output Length,Throughput,GPU,Server,Precision,Framework");
	if (extended)
		buf_puts(out, ",GPU Version,Status,Failure Reason,Concurrency,Runs,Throughput Median,Throughput MAD,TTFT p50 ms,TTFT p99 ms,"
			      "TPOT p50 ms,ITL p99 ms,E2E p50 ms,Peak VRAM MiB,Weights GiB,KV Cache GiB,Mean Power W,USD per Hour,"
			      "USD per 1M Output Tokens");
	buf_putc(out, '\n');
	gpu_name(b, gpu);
	for (size_t k = 0; k < b->cell_count; k++) {
		const struct bench_cell *c = &b->cells[k];
		const char *const tail[] = { gpu, b->server, b->precision, b->framework };
		double v;

		str_csv(out, b->model);
		buf_printf(out, ",1,%d,%d,%d,", tensor_parallel(b), c->input, c->output);
		if (bench_median(c, BENCH_OUTPUT, &v))
			buf_printf(out, "%.1f output tokens/sec", rounded(v));
		else
			buf_puts(out, "N/A");
		for (size_t i = 0; i < ARRAY_LEN(tail); i++) {
			buf_putc(out, ',');
			str_csv(out, tail[i]);
		}
		if (extended)
			extended_cells(b, c, out);
		buf_putc(out, '\n');
	}
}

/* ---- reading ---- */


static void put_row(json_t *rows, const char *metric, json_t *value, const char *text, json_t *labels)
{
	json_t *o = json_object();

	json_put_str(o, "metric", metric);
	if (value)
		json_put(o, "value", value);
	else
		json_put_str(o, "text", text);
	json_put(o, "labels", labels);
	json_array_append_new(rows, o);
}

static void add_result(json_t *rows, int64_t input, int64_t output, int64_t concurrency, double rate, const char *reason)
{
	json_t *labels = json_object(), *said;
	char scenario[32];
	int repeat = 1;
	size_t k;
	const json_t *row;

	snprintf(scenario, sizeof(scenario), "%lldx%lld", (long long)input, (long long)output);
	json_array_foreach(rows, k, row)
		repeat += !strcmp(json_str(row, "metric", ""), "status") && !strcmp(json_str(row, "labels.scenario", ""), scenario) &&
		          json_int(row, "labels.concurrency", 0) == concurrency;
	json_put_str(labels, "scenario", scenario);
	json_put_int(labels, "input", input);
	json_put_int(labels, "output", output);
	json_put_int(labels, "concurrency", concurrency);
	json_put_int(labels, "repeat", repeat);
	said = json_copy(labels);
	if (rate > 0) {
		put_row(rows, "output_throughput", json_real(rate), NULL, labels);
	} else {
		json_put_str(said, "reason", reason);
		json_decref(labels);
	}
	put_row(rows, "status", NULL, rate > 0 ? "ok" : "failed", said);
}

/* "1x MI300X" → 1, "MI300X". */
static void put_gpu(json_t *import, const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);
	bool counted = n > 0 && n < 10000 && (*end == 'x' || *end == 'X') && end[1] == ' ';

	json_put_str(import, "gpu", counted ? end + 2 : text);
	json_put_int(import, "gpu_count", counted ? n : 1);
}

static json_t *read_json(const json_t *doc, struct err *e)
{
	const json_t *meta = json_object_get(doc, "metadata"), *list = json_object_get(doc, "benchmarks"), *row;
	static const char *const copied[] = { "timestamp", "model", "server", "precision", "framework", "gpu_memory_gb", "weights_gib",
		"max_model_len", "price_hour" };
	json_t *out = json_object(), *import = json_object(), *rows = json_array();
	size_t k;

	json_put(out, "import", import);
	json_put(out, "results", rows);
	for (k = 0; k < ARRAY_LEN(copied); k++)
		if (json_object_get(meta, copied[k]))
			json_object_set(import, copied[k], json_object_get(meta, copied[k]));
	put_gpu(import, json_str(meta, "gpu", ""));
	json_array_foreach(list, k, row) {
		int64_t input = json_int(row, "input_length", -1), output = json_int(row, "output_length", -1);
		int64_t concurrency = json_int(row, "concurrency", 1);

		if (input < 0 || output < 0 || input > 100000000 || output > 100000000 || concurrency < 1 || concurrency > 1000000) {
			err_set(e, ERR_USAGE, "benchmarks.%zu: it has no input_length and output_length", k);
			json_decref(out);
			return NULL;
		}
		add_result(rows, input, output, concurrency, json_num(row, "throughput_tokens_per_sec", 0),
		    json_str(row, "failure_reason", "request_errors"));
	}
	return out;
}

/* One cell of RFC 4180 text; *at moves behind it. The caller frees. *last: the line ends here. */
static char *csv_next(const char **at, bool *last)
{
	struct buf b = BUF(65536);
	bool quoted = **at == '"';
	const char *s = *at + quoted;

	for (; *s && (quoted || (*s != ',' && *s != '\n' && *s != '\r')); s++) {
		if (quoted && *s == '"') {
			if (s[1] != '"') {
				quoted = false;
				continue;
			}
			s++;
		}
		buf_putc(&b, *s);
	}
	*last = *s != ',';
	while (*s == '\r')
		s++;
	*at = *s ? s + 1 : s;
	return buf_take(&b);
}

#define COLUMNS_MAX 64

static int column_of(char *const *names, size_t count, const char *name)
{
	for (size_t k = 0; k < count; k++)
		if (str_ieq(names[k], name))
			return (int)k;
	return -1;
}

static size_t csv_line(const char **at, char *cells[COLUMNS_MAX])
{
	bool last = false;
	size_t n = 0;

	while (!last) {
		char *cell = csv_next(at, &last);

		if (n < COLUMNS_MAX)
			cells[n++] = cell;
		else
			free(cell);
	}
	return n;
}

static void free_cells(char **cells, size_t n)
{
	for (size_t k = 0; k < n; k++)
		free(cells[k]);
}

/* "4,336 output tokens/sec" → 4336; "N/A", "0 …" → 0. */
static double speed(const char *text)
{
	char digits[32];
	size_t k = 0;
	double v;

	for (; *text && k + 1 < sizeof(digits) && (isdigit((unsigned char)*text) || *text == '.' || *text == ','); text++)
		if (*text != ',')
			digits[k++] = *text;
	digits[k] = '\0';
	return str_to_double(digits, &v) ? v : 0;
}

static int csv_row(json_t *import, json_t *rows, char *const *names, size_t columns, char *const *cells, size_t n, struct err *e)
{
	static const struct {
		const char *column, *key;
	} texts[] = { { "Model", "model" }, { "Server", "server" }, { "Precision", "precision" }, { "Framework", "framework" } };
	int in = column_of(names, columns, "Input Length"), out = column_of(names, columns, "Output Length"), at;
	int rate = column_of(names, columns, "Throughput"), level = column_of(names, columns, "Concurrency");
	int64_t input, output, concurrency = 1;

	if ((size_t)in >= n || (size_t)out >= n || (size_t)rate >= n || !str_to_i64(cells[in], 0, 100000000, &input) ||
	    !str_to_i64(cells[out], 0, 100000000, &output))
		return err_set(e, ERR_USAGE, "it has no input and output length");
	for (size_t k = 0; k < ARRAY_LEN(texts); k++)
		if ((at = column_of(names, columns, texts[k].column)) >= 0 && (size_t)at < n)
			json_put_str(import, texts[k].key, cells[at]);
	if ((at = column_of(names, columns, "GPU")) >= 0 && (size_t)at < n)
		put_gpu(import, cells[at]);
	if (level >= 0 && (size_t)level < n && *cells[level] && !str_to_i64(cells[level], 1, 1000000, &concurrency))
		return err_set(e, ERR_USAGE, "'%.40s' is no concurrency", cells[level]);
	at = column_of(names, columns, "Failure Reason");
	add_result(rows, input, output, concurrency, speed(cells[rate]), at >= 0 && (size_t)at < n && *cells[at] ? cells[at] : "request_errors");
	return 0;
}

static json_t *read_csv(const char *text, struct err *e)
{
	json_t *out = json_object(), *import = json_object(), *rows = json_array();
	char *names[COLUMNS_MAX], *cells[COLUMNS_MAX];
	size_t columns, line = 1, n;
	int r = 0;

	json_put(out, "import", import);
	json_put(out, "results", rows);
	columns = csv_line(&text, names);
	if (column_of(names, columns, "Input Length") < 0 || column_of(names, columns, "Output Length") < 0 ||
	    column_of(names, columns, "Throughput") < 0)
		r = err_set(e, ERR_USAGE, "line 1: the columns 'Input Length', 'Output Length' and 'Throughput' are not all there");
	while (r == 0 && *text) {
		line++;
		n = csv_line(&text, cells);
		if (n > 1 || *cells[0])
			r = csv_row(import, rows, names, columns, cells, n, e);
		free_cells(cells, n);
	}
	free_cells(names, columns);
	if (r == 0)
		return out;
	if (line > 1)
		err_wrap(e, "line %zu", line);
	json_decref(out);
	return NULL;
}

bool published_owns(const char *text, size_t n)
{
	const char *at = text + strspn(text, " \t\r\n\xef\xbb\xbf"), *nl = strchr(at, '\n');
	json_t *doc;
	char *head;
	bool is;

	if (strlen(text) != n)
		return false;
	if (*at != '{') {
		head = xstrndup(at, nl ? (size_t)(nl - at) : strlen(at));
		is = str_icontains(head, "Input Length") && str_icontains(head, "Output Length") && str_icontains(head, "Throughput");
		free(head);
		return is;
	}
	/* Only what begins so is read as a whole: files of other kinds may be large. */
	doc = strstr(at, "\"benchmarks\"") ? json_read(at, strlen(at), NULL) : NULL;
	is = json_is_array(json_object_get(doc, "benchmarks"));
	json_decref(doc);
	return is;
}

json_t *published_read(const char *name, const char *text, size_t n, struct err *e)
{
	size_t blank = strspn(text, " \t\r\n\xef\xbb\xbf");
	json_t *doc, *out;

	if (strlen(text) != n || !str_is_utf8(text, n)) {
		err_set(e, ERR_USAGE, "%.60s: it is not text", name);
		return NULL;
	}
	text += blank;
	if (*text != '{' && *text != '[') {
		out = read_csv(text, e);
	} else {
		doc = json_read(text, strlen(text), e);
		if (doc && !json_object_get(doc, "benchmarks")) {
			err_set(e, ERR_USAGE, "it has no 'benchmarks'");
			out = NULL;
		} else {
			out = doc ? read_json(doc, e) : NULL;
		}
		json_decref(doc);
	}
	if (!out)
		err_wrap(e, "%.60s", name);
	return out;
}

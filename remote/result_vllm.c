#include "remote/result_vllm.h"
#include "base/str.h"
#include "core/stats.h"

#include <ctype.h>
#include <math.h>

#define TOLERANCE 0.001 /* of the cross-checks (benchmarks §1.2) */

/* ---- JSON as Python writes it ---- */

static bool is_word(const char *text, size_t at, size_t n, const char *word)
{
	size_t len = strlen(word);

	return n - at >= len && !strncmp(text + at, word, len) && (at + len == n || !isalnum((unsigned char)text[at + len]));
}

/* NaN, Infinity and -Infinity as values become something that is no number, in place. */
static void no_bare_words(char *text, size_t n)
{
	static const char *const words[] = { "NaN", "Infinity", "-Infinity" };
	bool quoted = false;

	for (size_t at = 0; at < n; at++) {
		if (quoted && text[at] == '\\')
			at++;
		else if (text[at] == '"')
			quoted = !quoted;
		else if (!quoted && (text[at] == 'N' || text[at] == 'I' || text[at] == '-'))
			for (size_t k = 0; k < ARRAY_LEN(words); k++)
				if (is_word(text, at, n, words[k])) {
					/* "NaN" has no room for "null"; an empty object is no figure either. */
					memset(text + at, ' ', strlen(words[k]));
					memcpy(text + at, k ? "null" : "{}", k ? 4 : 2);
					at += strlen(words[k]) - 1;
					break;
				}
	}
}

size_t json_object_end(const char *text, size_t n, size_t at)
{
	bool quoted = false;
	size_t depth = 0;

	for (; at < n; at++) {
		if (quoted && text[at] == '\\')
			at++;
		else if (text[at] == '"')
			quoted = !quoted;
		else if (!quoted && text[at] == '{')
			depth++;
		else if (!quoted && text[at] == '}' && --depth == 0)
			return at + 1;
	}
	return 0;
}

json_t *vllm_document(const char *text, size_t n, size_t *used, struct err *e)
{
	size_t from = 0, end;
	json_error_t je;
	json_t *doc;
	char *copy;

	while (from < n && text[from] != '{') {
		const char *nl = memchr(text + from, '\n', n - from);

		/* The document begins a line, perhaps behind blanks or the bracket of an array around it. */
		if (isspace((unsigned char)text[from]) || text[from] == '[' || text[from] == ',')
			from++;
		else
			from = nl ? (size_t)(nl - text) + 1 : n;
	}
	if (used)
		*used = n;
	if (from == n) {
		err_set(e, ERR_FAILED, "there is no JSON document in it");
		return NULL;
	}
	end = json_object_end(text, n, from);
	if (used && end)
		*used = end;
	copy = xstrndup(text + from, (end ? end : n) - from);
	no_bare_words(copy, strlen(copy));
	doc = json_loads(copy, JSON_DISABLE_EOF_CHECK, &je);
	free(copy);
	if (!json_is_object(doc)) {
		json_decref(doc);
		err_set(e, ERR_FAILED, "line %d, column %d: %.100s", je.line, je.column, je.text);
		return NULL;
	}
	if (used)
		*used = from + (size_t)je.position;
	return doc;
}

/* ---- what was printed ---- */

/* Colours and what else a terminal does. */
static void no_escapes(char *line)
{
	char *to = line;

	for (const char *s = line; *s; s++) {
		if (*s == 0x1b && s[1] == '[') {
			s += 2 + strcspn(s + 2, "ABCDEFGHJKSTfhlmnsu");
			if (!*s)
				break;
			continue;
		}
		*to++ = *s;
	}
	*to = '\0';
}

static const struct {
	const char *label, *key;
} printed[] = {
	{ "Successful requests", "completed" },
	{ "Failed requests", "failed" },
	{ "Benchmark duration (s)", "duration" },
	{ "Total input tokens", "total_input_tokens" },
	{ "Total generated tokens", "total_output_tokens" },
	{ "Request throughput (req/s)", "request_throughput" },
	{ "Request goodput (req/s)", "request_goodput" },
	{ "Output token throughput (tok/s)", "output_throughput" },
	{ "Peak output token throughput (tok/s)", "max_output_tokens_per_s" },
	{ "Peak concurrent requests", "max_concurrent_requests" },
	{ "Total token throughput (tok/s)", "total_token_throughput" },
	{ "Maximum request concurrency", "max_concurrency" },
};

/* "P99 TTFT (ms)" is p99_ttft_ms. */
static bool key_of_latency(const char *label, char key[64])
{
	static const char *const heads[] = { "mean ", "median ", "std " };
	static const char *const kinds[][2] = { { "ttft", "ttft" }, { "tpot", "tpot" }, { "itl", "itl" }, { "e2el", "e2el" } };
	const char *rest = NULL;
	char head[16] = "";
	double p;

	for (size_t k = 0; k < ARRAY_LEN(heads) && !rest; k++)
		if (str_istarts(label, heads[k])) {
			rest = label + strlen(heads[k]);
			snprintf(head, sizeof(head), "%.*s", (int)strlen(heads[k]) - 1, heads[k]);
		}
	if (!rest && (*label == 'P' || *label == 'p') && strchr(label, ' ')) {
		snprintf(head, sizeof(head), "%.*s", (int)(strchr(label, ' ') - label - 1), label + 1);
		if (!str_to_double(head, &p))
			return false;
		snprintf(head, sizeof(head), "p%.*s", (int)(strchr(label, ' ') - label - 1), label + 1);
		rest = strchr(label, ' ') + 1;
	}
	for (size_t k = 0; rest && k < ARRAY_LEN(kinds); k++)
		if (str_istarts(rest, kinds[k][0]) && !strcmp(rest + strlen(kinds[k][0]), " (ms)")) {
			snprintf(key, 64, "%.15s_%s_ms", head, kinds[k][1]);
			return true;
		}
	return false;
}

static void read_printed(json_t *doc, char *line)
{
	char *colon = strrchr(line, ':'), *value, *end, key[64];
	const char *name = NULL;
	double v;

	if (!colon)
		return;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	for (end = value + strlen(value); end > value && isspace((unsigned char)end[-1]);)
		*--end = '\0';
	while (isspace((unsigned char)*line))
		line++;
	for (size_t k = 0; k < ARRAY_LEN(printed) && !name; k++)
		if (str_ieq(line, printed[k].label))
			name = printed[k].key;
	if (!name && key_of_latency(line, key))
		name = key;
	if (!name || !str_to_double(value, &v))
		return;
	json_put(doc, name, v == floor(v) && fabs(v) < 1e15 && !strchr(value, '.') ? json_integer((json_int_t)v) : json_real(v));
}

/* "Throughput: 2.57 requests/s, 1890.10 total tokens/s, 640.12 output tokens/s" of an offline benchmark, the last one (§1.4). */
static json_t *printed_throughput(char *text)
{
	double requests, total, output, prompt_tokens = 0, output_tokens = 0;
	json_t *doc = NULL;
	char *line;

	while ((line = str_split(&text, "\n"))) {
		char *cr = strrchr(line, '\r');

		line = cr && cr[1] ? cr + 1 : line;
		no_escapes(line);
		line += strspn(line, " \t");
		sscanf(line, "Total num prompt tokens: %lf", &prompt_tokens);
		sscanf(line, "Total num output tokens: %lf", &output_tokens);
		requests = total = output = 0;
		if (sscanf(line, "Throughput: %lf requests/s, %lf total tokens/s, %lf output tokens/s", &requests, &total, &output) < 2 &&
		    sscanf(line, "Throughput: %lf requests/s, %lf tokens/s", &requests, &total) < 2)
			continue;
		json_decref(doc);
		doc = json_object();
		json_put(doc, "requests_per_second", json_real(isfinite(requests) ? requests : 0));
		json_put(doc, "tokens_per_second", json_real(isfinite(total) ? total : 0));
		if (output > 0 && isfinite(output))
			json_put(doc, "output_tokens_per_second", json_real(output));
	}
	if (doc && isfinite(prompt_tokens) && prompt_tokens > 0)
		json_put(doc, "total_input_tokens", json_real(prompt_tokens));
	if (doc && isfinite(output_tokens) && output_tokens > 0)
		json_put(doc, "total_output_tokens", json_real(output_tokens));
	return doc;
}

json_t *vllm_printed(const char *text, size_t n)
{
	static const char head[] = "Serving Benchmark Result";
	char *copy = xstrndup(text, n), *at = copy, *block = NULL, *line;
	json_t *doc = NULL;

	while ((at = strstr(at, head)))
		block = at += strlen(head);
	if (block && strchr(block, '\n')) {
		doc = json_object();
		block = strchr(block, '\n') + 1;
		while ((line = str_split(&block, "\n")) && strncmp(line, "=====", 5) != 0) {
			char *cr = strrchr(line, '\r');

			if (cr && cr[1]) /* a progress bar wrote over the line's start */
				line = cr + 1;
			no_escapes(line);
			read_printed(doc, line);
		}
	} else if (!block) {
		doc = printed_throughput(copy);
	}
	free(copy);
	return doc;
}

/* ---- figures ---- */

/* Numbers only: a value of another type is not there. */
static bool figure(const json_t *doc, const char *key, double *out)
{
	const json_t *v = json_object_get(doc, key);

	if (!json_is_number(v) || !isfinite(json_number_value(v)))
		return false;
	*out = json_number_value(v);
	return true;
}

enum vllm_kind vllm_kind_of(const json_t *doc)
{
	double v;

	if (json_object_get(doc, "avg_latency"))
		return VLLM_LATENCY;
	if ((figure(doc, "elapsed_time", &v) && figure(doc, "num_requests", &v)) || figure(doc, "requests_per_second", &v))
		return VLLM_THROUGHPUT;
	if (json_object_get(doc, "completed") || json_object_get(doc, "output_throughput") || json_object_get(doc, "mean_ttft_ms") ||
	    json_object_get(doc, "num_prompts"))
		return VLLM_SERVE;
	return VLLM_NONE;
}

static const struct {
	const char *key, *unit, *metric;
	bool zero; /* 0 can be measured; elsewhere it says that nothing was */
} serve_figures[] = {
	{ "duration", "s", NULL, false },
	{ "completed", "1", NULL, false },
	{ "failed", "1", NULL, true },
	{ "total_input_tokens", "tokens", NULL, false },
	{ "total_output_tokens", "tokens", NULL, false },
	{ "request_throughput", "req/s", NULL, false },
	{ "request_goodput", "req/s", NULL, true },
	{ "request_goodput:", "req/s", "request_goodput", true }, /* with a colon up to mid-2025 */
	{ "output_throughput", "tok/s", NULL, false },
	{ "total_token_throughput", "tok/s", NULL, false },
	{ "max_output_tokens_per_s", "tok/s", NULL, false },
	{ "max_concurrent_requests", "1", NULL, false },
	{ "spec_decode_acceptance_rate", "%", NULL, true },
	{ "spec_decode_acceptance_length", "tokens", NULL, false },
	{ "spec_decode_num_drafts", "1", NULL, false },
	{ "spec_decode_draft_tokens", "tokens", NULL, false },
	{ "spec_decode_accepted_tokens", "tokens", NULL, true },
};

/* mean_ttft_ms, p99.9_itl_ms: a statistic and what it is of. */
static bool is_latency_key(const char *key)
{
	static const char *const tails[] = { "_ttft_ms", "_tpot_ms", "_itl_ms", "_e2el_ms" };
	size_t n = strlen(key);

	for (size_t k = 0; k < ARRAY_LEN(tails); k++) {
		size_t t = strlen(tails[k]), head = n > t ? n - t : 0;

		if (!head || strcmp(key + head, tails[k]) != 0)
			continue;
		return (head == 4 && !strncmp(key, "mean", 4)) || (head == 6 && !strncmp(key, "median", 6)) ||
		       (head == 3 && !strncmp(key, "std", 3)) ||
		       (*key == 'p' && head > 1 && head < 8 && strspn(key + 1, "0123456789.") == head - 1);
	}
	return false;
}

static bool agrees(double got, double wanted)
{
	return fabs(got - wanted) <= TOLERANCE * fmax(fabs(wanted), 1e-9) + 1e-9;
}

static void suspect(struct vllm_verdict *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void suspect(struct vllm_verdict *v, const char *fmt, ...)
{
	va_list ap;

	if (strcmp(v->status, "ok") != 0)
		return;
	v->status = "suspect";
	va_start(ap, fmt);
	vsnprintf(v->detail, sizeof(v->detail), fmt, ap);
	va_end(ap);
}

/* Requests that gave no token, where a document keeps them all; versions of 2024 count them as completed (§1.2). */
static size_t without_token(const json_t *doc)
{
	const json_t *list = json_object_get(doc, "output_lens"), *x;
	size_t k, n = 0;

	if (!json_array_size(list))
		list = json_object_get(doc, "ttfts");
	json_array_foreach(list, k, x)
		n += json_is_number(x) && json_number_value(x) <= 0;
	return n;
}

static void cross_checks(const json_t *doc, const struct vllm_asked *asked, double completed, struct vllm_verdict *v)
{
	double seconds, rate, total, prompts, failed;
	/* What was printed has two decimals: its products are as good as they can be. */
	bool exact = json_object_get(doc, "num_prompts") != NULL;

	if (exact && figure(doc, "duration", &seconds)) {
		if (figure(doc, "output_throughput", &rate) && figure(doc, "total_output_tokens", &total) && !agrees(rate * seconds, total))
			suspect(v, "%.6g tok/s for %.6g s are not its %.0f output tokens", rate, seconds, total);
		if (figure(doc, "request_throughput", &rate) && !agrees(rate * seconds, completed))
			suspect(v, "%.6g req/s for %.6g s are not its %.0f requests", rate, seconds, completed);
	}
	if (figure(doc, "num_prompts", &prompts) && figure(doc, "failed", &failed) && completed + failed != prompts)
		suspect(v, "%.0f completed and %.0f failed are not the %.0f prompts", completed, failed, prompts);
	if (asked->output && figure(doc, "total_output_tokens", &total) && total != completed * asked->output)
		suspect(v, "%.0f output tokens are not %.0f requests of %d", total, completed, asked->output);
	if (without_token(doc))
		suspect(v, "%zu of its %.0f completed requests gave no token", without_token(doc), completed);
}

static struct vllm_verdict serve_rows(const json_t *doc, const struct vllm_asked *asked, const char *labels, struct results *out)
{
	struct vllm_verdict v = { .status = "ok", .reason = "" };
	double completed = 0, failed = 0, prompts = 0, tokens, x, rate = 0;
	size_t before = out->count;
	bool known = figure(doc, "completed", &completed);
	json_t *value;
	const char *key;

	figure(doc, "num_prompts", &prompts);
	if (!figure(doc, "failed", &failed))
		failed = known && prompts > completed ? prompts - completed : 0;
	if (known && completed <= 0)
		return (struct vllm_verdict){ "failed", "request_errors", "all requests failed" };
	if (figure(doc, "total_output_tokens", &tokens) && tokens <= 0)
		return (struct vllm_verdict){ "failed", "request_errors", "no request gave a token" };
	figure(doc, "output_throughput", &rate);
	if (rate <= 0 && json_object_get(doc, "output_throughput")) {
		v = (struct vllm_verdict){ "failed", "parse_error", "its output_throughput is no number above 0" };
	} else if (failed > 0) {
		v.status = "invalid";
		v.reason = "request_errors";
		snprintf(v.detail, sizeof(v.detail), "%.0f of %.0f requests failed", failed, failed + completed);
	} else if (rate <= 0) {
		suspect(&v, "it has no output_throughput: another program's document, or a version that calls it otherwise");
	} else if (known) {
		cross_checks(doc, asked, completed, &v);
	} else {
		suspect(&v, "it does not say how many requests were completed");
	}
	for (size_t k = 0; k < ARRAY_LEN(serve_figures); k++)
		if (figure(doc, serve_figures[k].key, &x) && (x > 0 || (x == 0 && serve_figures[k].zero)))
			results_number(out, serve_figures[k].metric ? serve_figures[k].metric : serve_figures[k].key, x, serve_figures[k].unit,
			    labels);
	/* Versions of 2024 said the two halves. */
	if (!json_object_get(doc, "total_token_throughput") && figure(doc, "input_throughput", &x) && rate > 0)
		results_number(out, "total_token_throughput", x + rate, "tok/s", labels);
	json_object_foreach((json_t *)(uintptr_t)doc, key, value)
		if (is_latency_key(key) && figure(doc, key, &x) && (x > 0 || (x == 0 && *key == 's'))) /* no deviation is one */
			results_number(out, key, x, "ms", labels);
	if (rate <= 0 && out->count == before)
		v = (struct vllm_verdict){ "failed", "parse_error", "the document has no output_throughput, and nothing else" };
	return v;
}

static struct vllm_verdict throughput_rows(const json_t *doc, const struct vllm_asked *asked, const char *labels, struct results *out)
{
	struct vllm_verdict v = { .status = "ok", .reason = "" };
	double elapsed = 0, requests = 0, total, rate = 0, wanted;
	bool whole; /* what was printed has rates only */

	figure(doc, "elapsed_time", &elapsed);
	figure(doc, "num_requests", &requests);
	figure(doc, "requests_per_second", &rate);
	whole = elapsed > 0 && requests > 0;
	if (!whole && (json_object_get(doc, "elapsed_time") || json_object_get(doc, "num_requests") || rate <= 0))
		return (struct vllm_verdict){ "failed", "request_errors", "no request was measured" };
	if (whole) {
		results_number(out, "duration", elapsed, "s", labels);
		results_number(out, "completed", requests, "1", labels);
	}
	if (rate > 0) {
		results_number(out, "request_throughput", rate, "req/s", labels);
		if (whole && !agrees(rate * elapsed, requests))
			suspect(&v, "%.6g req/s for %.6g s are not its %.0f requests", rate, elapsed, requests);
	}
	/* tokens_per_second counts the prompts, too; there is no output-only key (benchmarks §1.4). */
	if (figure(doc, "tokens_per_second", &rate) && rate > 0) {
		results_number(out, "total_token_throughput", rate, "tok/s", labels);
		if (whole && figure(doc, "total_num_tokens", &total) && !agrees(rate * elapsed, total))
			suspect(&v, "%.6g tok/s for %.6g s are not its %.0f tokens", rate, elapsed, total);
	}
	/* A prompt may have a few tokens more or less than was asked for; an answer that ended early is more than that. */
	wanted = requests * (asked->input + asked->output);
	if (asked->input && asked->output && figure(doc, "total_num_tokens", &total) && total > 0 && fabs(total - wanted) > 0.02 * wanted)
		suspect(&v, "%.0f tokens are not %.0f requests of %d and %d", total, requests, asked->input, asked->output);
	if (figure(doc, "total_input_tokens", &total) && total > 0)
		results_number(out, "total_input_tokens", total, "tokens", labels);
	if (figure(doc, "total_output_tokens", &total) && total > 0)
		results_number(out, "total_output_tokens", total, "tokens", labels);
	if (figure(doc, "output_tokens_per_second", &rate) && rate > 0)
		results_number(out, "output_throughput", rate, "tok/s", labels);
	else if (whole && asked->output)
		results_number(out, "output_throughput", requests * asked->output / elapsed, "tok/s", labels);
	return v;
}

/* The first iterations are slow (benchmarks §1.5): the median of what was measured, not the average. */
static struct vllm_verdict latency_rows(const json_t *doc, const struct vllm_asked *asked, const char *labels, struct results *out)
{
	struct vllm_verdict v = { .status = "ok", .reason = "" };
	const json_t *list = json_object_get(doc, "latencies"), *x;
	double all[STATS_MAX], average = 0, median = 0;
	struct stats s;
	size_t k, n = 0;

	figure(doc, "avg_latency", &average);
	json_array_foreach(list, k, x)
		if (n < STATS_MAX && json_is_number(x) && json_number_value(x) > 0)
			all[n++] = json_number_value(x);
	if (stats_of(all, n, &s)) {
		median = s.median;
	} else {
		if (!figure(json_object_get(doc, "percentiles"), "50", &median) || median <= 0)
			median = average;
		suspect(&v, "it does not say how long each iteration took");
	}
	if (median <= 0)
		return (struct vllm_verdict){ "failed", "request_errors", "no iteration was measured" };
	results_number(out, "median_latency", median, "s", labels);
	results_number(out, "median_e2el_ms", median * 1000, "ms", labels); /* all prompts of a batch begin and end together */
	if (average > 0)
		results_number(out, "mean_latency", average, "s", labels);
	if (n)
		results_number(out, "iterations", (double)n, "1", labels);
	if (asked->output)
		results_number(out, "output_throughput", (asked->batch ? asked->batch : 1) * asked->output / median, "tok/s", labels);
	return v;
}

struct vllm_verdict vllm_rows(const json_t *doc, const struct vllm_asked *asked, const char *labels, struct results *out)
{
	switch (vllm_kind_of(doc)) {
	case VLLM_SERVE: return serve_rows(doc, asked, labels, out);
	case VLLM_THROUGHPUT: return throughput_rows(doc, asked, labels, out);
	case VLLM_LATENCY: return latency_rows(doc, asked, labels, out);
	case VLLM_NONE: break;
	}
	return (struct vllm_verdict){ "failed", "parse_error", "it is not a document of vllm bench" };
}

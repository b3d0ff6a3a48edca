#include "remote/result_vllm_log.h"
#include "base/str.h"

/* The line without ANSI codes, in `out`. */
static void plain_line(const char *line, size_t n, char *out, size_t size)
{
	size_t k = 0;

	for (size_t i = 0; i < n && k + 1 < size; i++) {
		if (line[i] == 0x1b && i + 1 < n && line[i + 1] == '[') {
			for (i += 2; i < n && (line[i] < '@' || line[i] > '~'); i++)
				;
			continue;
		}
		if (line[i] != '\r' && line[i] != '\0')
			out[k++] = line[i];
	}
	out[k] = '\0';
}

/* The number behind `words`, with thousands commas; false: the line does not have it. */
static bool number_behind(const char *line, const char *words, double *out)
{
	const char *at = str_icontains(line, words);
	char digits[32];
	size_t k = 0;

	if (!at)
		return false;
	for (at += strlen(words); *at == ' '; at++)
		;
	for (; k + 1 < sizeof(digits) && ((*at >= '0' && *at <= '9') || *at == '.' || *at == ','); at++)
		if (*at != ',')
			digits[k++] = *at;
	while (k && digits[k - 1] == '.') /* the end of a sentence */
		k--;
	digits[k] = '\0';
	return str_to_double(digits, out);
}

/* The word behind `key` up to a comma, bracket or blank, without quotes. */
static bool word_behind(const char *line, const char *key, char *out, size_t size)
{
	const char *at = strstr(line, key);
	size_t n;

	if (!at)
		return false;
	at += strlen(key);
	at += *at == '\'' || *at == '"';
	n = strcspn(at, ", )'\"");
	if (!n || n >= size)
		return false;
	memcpy(out, at, n);
	out[n] = '\0';
	return true;
}

struct facts {
	double weights, kv, kv_tokens, max_len;
	char version[64], quantization[32], dtype[32], kv_dtype[32];
};

static void read_line(const char *line, struct facts *f)
{
	double v;
	char word[64];

	if (number_behind(line, "Model loading took ", &v))
		f->weights = v;
	if (number_behind(line, "Available KV cache memory:", &v) || number_behind(line, "memory reserved for KV Cache is ", &v))
		f->kv = v;
	if (number_behind(line, "GPU KV cache size:", &v))
		f->kv_tokens = v;
	if (number_behind(line, "rocm blocks:", &v) || number_behind(line, "cuda blocks:", &v))
		f->kv_tokens = v * 16; /* the V0 engine counts blocks of 16 tokens */
	if (number_behind(line, "max_seq_len=", &v) || number_behind(line, "max_model_len=", &v))
		f->max_len = v;
	if (!f->max_len && number_behind(line, "Maximum concurrency for ", &v))
		f->max_len = v;
	if (word_behind(line, "vLLM API server version ", word, sizeof(word)))
		str_copy(f->version, word);
	else if (word_behind(line, "LLM engine (v", word, sizeof(word)) && !*f->version)
		str_copy(f->version, word);
	if (strstr(line, "LLM engine (") && word_behind(line, "quantization=", word, sizeof(word)))
		str_copy(f->quantization, word);
	if (strstr(line, "LLM engine (") && word_behind(line, " dtype=", word, sizeof(word)))
		str_copy(f->dtype, word);
	if (strstr(line, "LLM engine (") && word_behind(line, "kv_cache_dtype=", word, sizeof(word)))
		str_copy(f->kv_dtype, word);
}

static void text_row(struct results *out, const char *metric, const char *text)
{
	struct buf b = BUF(TEXT_MAX - 1);

	if (*text) {
		str_safe(&b, text, strlen(text), false);
		results_text(out, metric, buf_str(&b), "{}");
	}
	buf_free(&b);
}

static void number_row(struct results *out, const char *metric, double v, const char *unit)
{
	if (v > 0)
		results_number(out, metric, v, unit, "{}");
}

void vllm_log_rows(const char *text, size_t n, struct results *out)
{
	struct facts f = { 0 };
	char line[4096];

	for (size_t at = 0; at < n;) {
		const char *nl = memchr(text + at, '\n', n - at);
		size_t len = nl ? (size_t)(nl - text) - at : n - at;

		plain_line(text + at, len, line, sizeof(line));
		read_line(line, &f);
		at += len + 1;
	}
	number_row(out, "weights", f.weights, "GiB");
	number_row(out, "kv_cache", f.kv, "GiB");
	number_row(out, "kv_cache_tokens", f.kv_tokens, "tokens");
	number_row(out, "max_model_len", f.max_len, "tokens");
	text_row(out, "vllm_version", f.version);
	text_row(out, "quantization", f.quantization);
	text_row(out, "dtype", f.dtype);
	text_row(out, "kv_cache_dtype", f.kv_dtype);
}

const char *vllm_log_reason(const char *text, size_t n)
{
	static const struct {
		const char *words, *reason;
	} causes[] = {
		{ "Cannot access gated repo", "model_access" },
		{ "GatedRepoError", "model_access" },
		{ "401 Client Error", "model_access" },
		{ "403 Client Error", "model_access" },
		{ "RepositoryNotFoundError", "model_access" },
		{ "No space left on device", "disk_full" },
		{ "out of memory", "oom" },
		{ "No available memory for the cache blocks", "oom" },
		{ "HSA_STATUS_ERROR_OUT_OF_RESOURCES", "oom" },
		{ "HSA_STATUS_ERROR", "gpu_fault" },
		{ "Memory access fault by GPU", "gpu_fault" },
		{ "uncorrectable ECC error", "gpu_fault" },
		{ "is greater than the derived max_model_len", "context_exceeded" },
	};
	char *copy = xstrndup(text, n);
	const char *reason = NULL;

	for (size_t k = 0; k < ARRAY_LEN(causes) && !reason; k++)
		if (str_icontains(copy, causes[k].words))
			reason = causes[k].reason;
	free(copy);
	return reason;
}

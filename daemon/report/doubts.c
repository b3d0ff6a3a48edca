#include "report/doubts.h"
#include "base/gpu.h"
#include "base/str.h"

#include <ctype.h>
#include <math.h>

#define GIB              1073741824.0
#define CHEAPEST_MILLION 0.01
#define DEAREST_MILLION  200.0
#define BF16_NEAR        0.03 /* of parameters times two bytes */

static void doubt(struct bench *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void doubt(struct bench *b, const char *fmt, ...)
{
	va_list ap;

	if (b->doubt_count == ARRAY_LEN(b->doubts))
		return;
	va_start(ap, fmt);
	vsnprintf(b->doubts[b->doubt_count++], sizeof(b->doubts[0]), fmt, ap);
	va_end(ap);
}

double model_parameters(const char *name)
{
	static const struct {
		const char *part;
		double parameters;
	} exact[] = {
		{ "Llama-3.3-70B", 70553706496.0 },
		{ "Llama v3.3 70B", 70553706496.0 },
		{ "Llama-3.1-70B", 70553706496.0 },
		{ "Llama-3.1-8B", 8030261248.0 },
		{ "Qwen2.5-7B", 7615616512.0 },
		{ "Qwen2.5-32B", 32763876352.0 },
	};

	for (size_t k = 0; k < ARRAY_LEN(exact); k++)
		if (str_icontains(name, exact[k].part))
			return exact[k].parameters;
	/* "-7B-", " 0.5b": digits behind a separator and before the letter. */
	for (const char *s = name; *s; s++) {
		size_t n = strspn(s, "0123456789.");
		char digits[16];
		double v;

		if (!n || (s > name && (isalnum((unsigned char)s[-1]) || s[-1] == '.')))
			continue;
		if (n < sizeof(digits) && (s[n] == 'B' || s[n] == 'b') && !isalnum((unsigned char)s[n + 1])) {
			snprintf(digits, sizeof(digits), "%.*s", (int)n, s);
			if (str_to_double(digits, &v))
				return v * 1e9;
		}
		s += n - 1;
	}
	return 0;
}

static bool claims_fp8(const struct bench *b)
{
	return str_icontains(b->precision, "fp8") || str_icontains(b->model, "fp8");
}

/* One request at a time reads all weights for each token: no GPU does that faster than its memory. */
static void check_roofline(struct bench *b)
{
	const struct gpu *g = gpu_find(b->gpu);
	double worst = 0, rate;

	if (!g || !g->bandwidth_gbs || b->weights_gib <= 0)
		return;
	for (size_t k = 0; k < b->cell_count; k++)
		if (b->cells[k].concurrency == 1 && bench_median(&b->cells[k], BENCH_OUTPUT, &rate))
			worst = fmax(worst, rate);
	if (worst * b->weights_gib * GIB > g->bandwidth_gbs * 1e9)
		doubt(b, "%.1f tok/s of one request and %.1f GiB of weights are %.2f TB/s per GPU: an %s has %.2f", worst, b->weights_gib,
		    worst * b->weights_gib * GIB / 1e12, g->name, g->bandwidth_gbs / 1e3);
}

static void check_precision(struct bench *b)
{
	double parameters = model_parameters(b->model), whole = b->weights_gib * GIB * (b->gpu_count ? b->gpu_count : 1);

	if (parameters <= 0 || b->weights_gib <= 0 || !claims_fp8(b))
		return;
	if (fabs(whole / (parameters * 2) - 1) <= BF16_NEAR)
		doubt(b, "called FP8, but %.1f GiB of weights are what %.2f billion parameters take in BF16 (FP8: about %.1f GiB)",
		    whole / GIB, parameters / 1e9, parameters / GIB);
}

static void check_cells(struct bench *b)
{
	for (size_t k = 0; k < b->cell_count; k++) {
		const struct bench_cell *c = &b->cells[k];

		if (c->usd_per_million > 0 && (c->usd_per_million < CHEAPEST_MILLION || c->usd_per_million > DEAREST_MILLION))
			doubt(b, "%s at concurrency %d: $%.4g per 1M output tokens is outside $%.2f to $%.0f", c->scenario, c->concurrency,
			    c->usd_per_million, CHEAPEST_MILLION, DEAREST_MILLION);
		if (!strcmp(c->reason, "context_exceeded") && b->max_model_len && c->input + c->output <= b->max_model_len)
			doubt(b, "%s is called context_exceeded, but %d tokens fit into the %d of max-model-len", c->scenario, c->input + c->output,
			    b->max_model_len);
		if (c->throttled)
			doubt(b, "%s at concurrency %d: a GPU said that it was throttled", c->scenario, c->concurrency);
	}
}

void bench_doubts(struct bench *b)
{
	b->doubt_count = 0;
	check_roofline(b);
	check_precision(b);
	check_cells(b);
}

/* compare and diff: runs and imports side by side. */
#include "base/str.h"
#include "ctl/bench.h"
#include "ctl/cmd.h"

static const char *const format_words[] = { "table", "json", "csv", "md", "html", NULL };

/* "/v1/compare?runs=1,2&…", the caller's; NULL with *e. */
static char *compare_path(const struct ctl *c, const char *format, struct err *e)
{
	const char *wanted = args_knows(&c->args, "adopt-if") ? args_text(&c->args, "adopt-if") : NULL;
	struct buf b = BUF(8192);
	char word[64];
	double factor;

	buf_printf(&b, "/v1/compare?format=%s&runs=", format);
	for (size_t k = 0; k < c->args.word_count; k++) {
		if (bench_reference(c->args.words[k], word, sizeof(word), e) < 0)
			goto failed;
		buf_printf(&b, "%s%s", k ? "," : "", word);
	}
	if (wanted) {
		/* "2.0x" as people write it. */
		char *text = xstrndup(wanted, strlen(wanted) - (*wanted && wanted[strlen(wanted) - 1] == 'x'));
		bool good = str_to_double(text, &factor) && factor > 0;

		if (good)
			buf_printf(&b, "&adopt_if=%s", text);
		free(text);
		if (!good) {
			err_set(e, ERR_USAGE, "--adopt-if wants a factor like 2.0x, not '%.40s'", wanted);
			goto failed;
		}
	}
	return buf_take(&b);
failed:
	buf_free(&b);
	return NULL;
}

static int compare(struct ctl *c, const char *format, void (*print)(const json_t *, FILE *), struct err *e)
{
	bool text = strcmp(format, "table") != 0 && strcmp(format, "json") != 0;
	char *path = compare_path(c, text ? format : "json", e);
	json_t *doc = NULL;
	int rc;

	if (!path)
		return -1;
	rc = text ? bench_copy(c, path, e) : ctl_get(c, path, &doc, e);
	free(path);
	if (rc == 0 && !text && (c->json || !strcmp(format, "json")))
		ctl_print_json(doc);
	else if (rc == 0 && !text)
		print(doc, stdout);
	json_decref(doc);
	return rc;
}

static int run_compare(struct ctl *c, struct err *e)
{
	const char *format = args_text(&c->args, "format");

	return compare(c, format ? format : "table", bench_print_comparison, e);
}

static int run_diff(struct ctl *c, struct err *e)
{
	return compare(c, "table", bench_print_diff, e);
}

static const struct opt opts[] = {
	{ "format", 'f', ARG_WORD, "FORMAT", "table, json, csv, md or html", format_words, 0, 0, false },
	{ "adopt-if", 0, ARG_TEXT, "FACTOR", "decide: adopt when the throughput is surely this many times the first one's", NULL, 0, 0, false },
};

const struct command command_compare = {
	.name = "compare",
	.group = "Work",
	.synopsis = "RUN|IMPORT RUN|IMPORT ... [options]",
	.summary = "results side by side: the first is the base",
	.details = "Rows are scenarios at one concurrency; of what is no benchmark of tokens (matmul, a kernel, a perplexity) they are figures "
		   "of one metric with the same labels. The ratio is of the medians, above 1 where it is better than the base; behind it stands "
		   "the interval that the repeats on both sides allow. Decisions are about throughput, and need at least two repeats on each side.",
	.min = 2,
	.max = 8,
	.operand = "run",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_compare,
};

const struct command command_diff = {
	.name = "diff",
	.group = "Work",
	.synopsis = "RUN|IMPORT RUN|IMPORT",
	.summary = "what differs between two benchmarks: their stacks, and their figures",
	.min = 2,
	.max = 2,
	.operand = "run",
	.run = run_diff,
};

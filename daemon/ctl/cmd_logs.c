#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/bench.h"
#include "ctl/output.h"
#include "ctl/runs.h"

/* By the number of an instance, as events and `why` show it. */
static int console(struct ctl *c, struct err *e)
{
	char *path = ctl_path("/v1/instances/%s/console", c->args.words[0]);
	int rc = bench_copy(c, path, e);

	free(path);
	return rc;
}

static int show_log(struct ctl *c, int64_t id, const char *prefix, struct err *e)
{
	struct tail t;
	int rc;

	tail_init(&t, id);
	t.follow = args_has(&c->args, "follow");
	t.lines = c->json;
	t.output.prefix = prefix;
	rc = tail_read(c, &t, e);
	if (prefix && !t.output.last_newline)
		putchar('\n');
	tail_free(&t);
	return rc;
}

static const json_t *of_rank(const json_t *ranks, int64_t rank)
{
	const json_t *one;
	size_t n;

	json_array_foreach(ranks, n, one)
		if (json_int(one, "rank", -1) == rank)
			return one;
	return NULL;
}

/* Of the ranks of a run of several instances: one, or each in turn with its number in front of its lines. */
static int show_ranks(struct ctl *c, int64_t id, const char *which, struct err *e)
{
	bool all = !strcmp(which, "all");
	int64_t rank = -1, count;
	char prefix[32];
	json_t *run;
	int rc = 0;

	if (!all && !str_to_i64(which, 0, 1000, &rank))
		return err_set(e, ERR_USAGE, "--rank is a number, or all; not '%.40s'", which);
	if (all && args_has(&c->args, "follow"))
		return err_set(e, ERR_USAGE, "--rank all shows what is there; follow one of them: --rank N -f");
	if (ctl_get_run(c, id, &run, e) < 0)
		return -1;
	count = (int64_t)json_array_size(json_path(run, "ranks"));
	if (!all && rank && rank >= count)
		rc = err_set(e, ERR_USAGE, count ? "run %lld has ranks 0 to %lld" : "run %lld has one instance, of rank 0", (long long)id,
		    (long long)count - 1);
	for (int64_t k = all ? 0 : rank; rc == 0 && k <= (all ? count - 1 : rank); k++) {
		const json_t *one = of_rank(json_path(run, "ranks"), k);

		snprintf(prefix, sizeof(prefix), "[%lld] ", (long long)k);
		rc = show_log(c, json_int(one, "run", id), all ? prefix : NULL, e);
	}
	if (rc == 0 && all && !count)
		rc = show_log(c, id, "[0] ", e);
	json_decref(run);
	return rc;
}

static int run_logs(struct ctl *c, struct err *e)
{
	int64_t id;

	if (args_has(&c->args, "console"))
		return console(c, e);
	if (ctl_run_id(c->args.words[0], &id, e) < 0)
		return -1;
	if (args_has(&c->args, "rank"))
		return show_ranks(c, id, args_text(&c->args, "rank"), e);
	return show_log(c, id, NULL, e);
}

static const struct opt opts[] = {
	{ "console", 0, ARG_FLAG, NULL, "what a machine that failed wrote to its console, by the number of the instance", NULL, 0, 0, false },
	{ "rank", 0, ARG_TEXT, "N|all", "of a run of several instances: another one than rank 0, or all, each line behind [N]", NULL, 0, 0, false },
	{ "follow", 'f', ARG_FLAG, NULL, "go on until the run has ended", NULL, 0, 0, false },
};

const struct command command_logs = {
	.name = "logs",
	.group = "Work",
	.synopsis = "RUN [--rank N|all] [-f] | --console INSTANCE",
	.summary = "what a run has written, to standard output and standard error",
	.min = 1,
	.max = 1,
	.operand = "run",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_logs,
};

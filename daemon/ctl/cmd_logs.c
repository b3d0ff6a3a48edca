#include "ctl/cmd.h"
#include "ctl/bench.h"
#include "ctl/output.h"

/* By the number of an instance, as events and `why` show it. */
static int console(struct ctl *c, struct err *e)
{
	char *path = ctl_path("/v1/instances/%s/console", c->args.words[0]);
	int rc = bench_copy(c, path, e);

	free(path);
	return rc;
}

static int run_logs(struct ctl *c, struct err *e)
{
	struct tail t;
	int64_t id;
	int rc;

	if (args_has(&c->args, "console"))
		return console(c, e);
	if (ctl_run_id(c->args.words[0], &id, e) < 0)
		return -1;
	tail_init(&t, id);
	t.follow = args_has(&c->args, "follow");
	t.lines = c->json;
	rc = tail_read(c, &t, e);
	tail_free(&t);
	return rc;
}

static const struct opt opts[] = {
	{ "console", 0, ARG_FLAG, NULL, "what a machine that failed wrote to its console, by the number of the instance", NULL, 0, 0, false },
	{ "follow", 'f', ARG_FLAG, NULL, "go on until the run has ended", NULL, 0, 0, false },
};

const struct command command_logs = {
	.name = "logs",
	.group = "Work",
	.synopsis = "RUN [-f] | --console INSTANCE",
	.summary = "what a run has written, to standard output and standard error",
	.min = 1,
	.max = 1,
	.operand = "run",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_logs,
};

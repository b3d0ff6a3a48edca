#include "ctl/cmd.h"
#include "ctl/output.h"

static int run_logs(struct ctl *c, struct err *e)
{
	struct tail t;
	int64_t id;
	int rc;

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
	{ "follow", 'f', ARG_FLAG, NULL, "go on until the run has ended", NULL, 0, 0, false },
};

const struct command command_logs = {
	.name = "logs",
	.group = "Work",
	.synopsis = "RUN [-f]",
	.summary = "what a run has written, to standard output and standard error",
	.min = 1,
	.max = 1,
	.operand = "run",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_logs,
};

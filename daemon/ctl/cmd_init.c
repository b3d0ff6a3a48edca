#include "ctl/cmd.h"
#include "base/str.h"

static int run_init(struct ctl *c, struct err *e)
{
	(void)c;
	return err_set(e, ERR_FAILED, "x");
}

const struct command command_init = {
	.name = "init",
	.group = "To begin with",
	.synopsis = "[options]",
	.summary = "write a configuration: providers, tokens, hosts",
	.run = run_init,
};

#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/help.h"

/* In the order in which help lists them; rows of one group stand together. */
const struct command *const commands[] = {
	&command_init,
	&command_offers,
	&command_up,
	&command_status,
	&command_extend,
	&command_ssh,
	&command_exec,
	&command_down,
	&command_run,
	&command_runs,
	&command_logs,
	&command_results,
	&command_wait,
	&command_cancel,
	&command_recipes,
	&command_cost,
	&command_events,
	&command_why,
	&command_providers,
	&command_doctor,
	&command_version,
	&command_completion,
	&command_help,
	NULL,
};

static int run_help(struct ctl *c, struct err *e)
{
	const struct command *command;

	if (args_has(&c->args, "dump")) {
		help_dump(stdout);
		return 0;
	}
	if (!c->args.word_count) {
		help_all(stdout);
		return 0;
	}
	command = command_find(c->args.words[0]);
	if (!command)
		return err_set(e, ERR_USAGE, "there is no command '%.64s'; see: gpufleetctl help", c->args.words[0]);
	help_command(stdout, command);
	return 0;
}

static const struct opt help_opts[] = {
	{ "dump", 0, ARG_FLAG, NULL, "commands and options as lines with tabs, for scripts", NULL, 0, 0, false },
};

const struct command command_help = {
	.name = "help",
	.group = "Setup and trouble",
	.synopsis = "[COMMAND]",
	.summary = "explain a command, or list them",
	.max = 1,
	.operand = "command",
	.opts = help_opts,
	.opt_count = ARRAY_LEN(help_opts),
	.run = run_help,
};

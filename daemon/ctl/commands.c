#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/connect.h"
#include "ctl/help.h"
#include "ctl/remote.h"

/* In the order in which help lists them; rows of one group stand together. */
const struct command *const ctl_commands[] = {
	&command_init,
	&command_offers,
	&command_gpus,
	&command_up,
	&command_status,
	&command_extend,
	&command_resolve,
	&command_trust,
	&command_ssh,
	&command_exec,
	&command_forward,
	&command_cp,
	&command_down,
	&command_volumes,
	&command_snapshots,
	&command_run,
	&command_prepare,
	&command_serve,
	&command_runs,
	&command_logs,
	&command_results,
	&command_compare,
	&command_diff,
	&command_campaign,
	&command_wait,
	&command_cancel,
	&command_recipes,
	&command_presets,
	&command_cost,
	&command_forecast,
	&command_what_if,
	&command_budget,
	&command_events,
	&command_why,
	&command_providers,
	&command_audit,
	&command_token,
	&command_doctor,
	&command_version,
	&command_completion,
	&command_help,
	NULL,
};

/* What the shell may complete. A daemon that is not there gives no names, and is not started for them. */
static int print_names(struct ctl *c, const char *kind, struct err *e)
{
	const char *path = !strcmp(kind, "fleet") ? "/v1/fleets?brief=1" : !strcmp(kind, "run") ? "/v1/runs?limit=50" : "/v1/recipes";
	const char *list = !strcmp(kind, "fleet") ? "fleets" : !strcmp(kind, "run") ? "runs" : "recipes";
	struct where w;
	const json_t *row;
	json_t *answer;
	size_t n;

	if (!remote_url(c)) {
		if (connect_where(&w, c->socket_option, c->config_option, e) < 0)
			return -1;
		if (connect_probe(w.socket) != 0)
			return err_set(e, ERR_UNREACHABLE, "no daemon answers on '%s'", w.socket);
	}
	if (ctl_get(c, path, &answer, e) < 0)
		return -1;
	json_array_foreach(json_path(answer, list), n, row) {
		if (!strcmp(kind, "run"))
			printf("%lld\n", (long long)json_int(row, "id", 0));
		else if (str_is_name(json_str(row, "name", ""), 63))
			puts(json_str(row, "name", ""));
	}
	json_decref(answer);
	return 0;
}

static int run_help(struct ctl *c, struct err *e)
{
	const struct command *command;

	if (args_has(&c->args, "names"))
		return print_names(c, args_text(&c->args, "names"), e);
	if (args_has(&c->args, "mdoc")) {
		help_mdoc(stdout);
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

static const char *const name_words[] = { "fleet", "run", "recipe", NULL };

static const struct opt help_opts[] = {
	{ "names", 0, ARG_WORD, "KIND", "names of fleets, runs or recipes, for completion", name_words, 0, 0, false },
	{ "mdoc", 0, ARG_FLAG, NULL, "the same for all commands, as a part of the manual page", NULL, 0, 0, false },
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

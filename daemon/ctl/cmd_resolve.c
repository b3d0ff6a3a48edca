/* The word of a person on an order whose answer was lost, in an account where others order too. */
#include "ctl/cmd.h"
#include "base/str.h"

static int run_resolve(struct ctl *c, struct err *e)
{
	const char *machine = args_has(&c->args, "machine") ? args_text(&c->args, "machine") : NULL;
	json_t *body, *answer = NULL;
	char label[96];

	if ((machine != NULL) == args_has(&c->args, "absent"))
		return err_set(e, ERR_USAGE, "say --machine ID when the machine is there, or --absent when it is not");
	body = json_object();
	json_put(body, "machine", machine ? json_string(machine) : json_null());
	if (ctl_post_instance(c, c->args.words[0], "resolve", body, label, &answer, e) < 0)
		return -1;
	if (c->json)
		ctl_print_json(answer);
	else if (machine)
		ctl_print(stdout, STYLE_PLAIN, "%s is taken to be %s", label, machine);
	else
		ctl_print(stdout, STYLE_PLAIN, "%s is taken not to exist", label);
	json_decref(answer);
	return 0;
}

static const struct opt opts[] = {
	{ "machine", 'm', ARG_TEXT, "ID", "it exists: this is the provider's id of it, see: gpufleetctl audit", NULL, 0, 0, false },
	{ "absent", 0, ARG_FLAG, NULL, "it does not exist, and the account may order again", NULL, 0, 0, false },
};

const struct command command_resolve = {
	.name = "resolve",
	.group = "Machines",
	.synopsis = "FLEET[/I] --machine ID | --absent",
	.summary = "say what became of an order in doubt, where only a person can know",
	.details =
	    "In a Hot Aisle account that is not exclusive a new machine without a name may be anybody's: an order whose answer was lost "
	    "stays 'in doubt', and the account orders nothing more, until somebody has looked.",
	.min = 1,
	.max = 1,
	.operand = "fleet",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_resolve,
};

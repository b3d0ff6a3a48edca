/* The word of a person on an order whose answer was lost, in an account where others order too. */
#include "ctl/cmd.h"
#include "base/str.h"

static int run_resolve(struct ctl *c, struct err *e)
{
	const char *machine = args_has(&c->args, "machine") ? args_text(&c->args, "machine") : NULL;
	json_t *body, *answer = NULL;
	char *path, key[33], name[64];
	int64_t slot;
	int rc;

	if (ctl_fleet_slot(c->args.words[0], name, sizeof(name), &slot, e) < 0)
		return -1;
	if ((machine != NULL) == args_has(&c->args, "absent"))
		return err_set(e, ERR_USAGE, "say --machine ID when the machine is there, or --absent when it is not");
	path = ctl_path("/v1/fleets/%s/resolve", name);
	body = json_object();
	ctl_new_key(key);
	json_put_int(body, "instance", slot);
	json_put(body, "machine", machine ? json_string(machine) : json_null());
	rc = ctl_post(c, path, body, key, &answer, e);
	free(path);
	json_decref(body);
	if (rc == 0 && c->json)
		ctl_print_json(answer);
	else if (rc == 0)
		ctl_print(stdout, STYLE_PLAIN, machine ? "%s/%lld is taken to be %s" : "%s/%lld is taken not to exist%s", name, (long long)slot,
		    machine ? machine : "");
	json_decref(answer);
	return rc;
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

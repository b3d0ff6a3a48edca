/* The word of a person on the host key of a machine. */
#include "ctl/cmd.h"

static int run_trust(struct ctl *c, struct err *e)
{
	const char *print = args_text(&c->args, "fingerprint");
	json_t *body, *answer = NULL;
	char *path, key[33], name[64];
	int64_t slot;
	int rc;

	if (ctl_fleet_slot(c->args.words[0], name, sizeof(name), &slot, e) < 0)
		return -1;
	path = ctl_path("/v1/fleets/%s/trust", name);
	body = json_object();
	ctl_new_key(key);
	json_put_int(body, "instance", slot);
	json_put_str(body, "fingerprint", print);
	rc = ctl_post(c, path, body, key, &answer, e);
	free(path);
	json_decref(body);
	if (rc == 0 && c->json)
		ctl_print_json(answer);
	else if (rc == 0)
		ctl_print(stdout, STYLE_PLAIN, "%s/%lld is trusted as %s", name, (long long)slot, print);
	json_decref(answer);
	return rc;
}

static const struct opt opts[] = {
	{ "fingerprint", 0, ARG_TEXT, "SHA256:...", "of its ed25519 host key, as its console shows it", NULL, 0, 0, false },
};

const struct command command_trust = {
	.name = "trust",
	.group = "Machines",
	.synopsis = "FLEET[/I] --fingerprint SHA256:...",
	.summary = "say which host key a machine has, after reading it where nobody can stand in between",
	.details =
	    "A machine whose provider proves no key (Hot Aisle) is trusted at first contact. Whoever has read the fingerprint on its "
	    "console can have it compared: then secrets may go there also under secrets_min_trust 'proven'. Said before the first contact, "
	    "that must show it. A key that is another one is refused, and nothing changes. For administrators; see: gpufleetctl events.",
	.min = 1,
	.max = 1,
	.operand = "fleet",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_trust,
};

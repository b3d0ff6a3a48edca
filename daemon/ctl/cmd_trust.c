/* The word of a person on the host key of a machine. */
#include "ctl/cmd.h"

static int run_trust(struct ctl *c, struct err *e)
{
	const char *print = args_text(&c->args, "fingerprint");
	json_t *body, *answer = NULL;
	char label[96];

	if (!print)
		return err_set(e, ERR_USAGE, "say --fingerprint SHA256:..., as the machine's console shows it");
	body = json_object();
	json_put_str(body, "fingerprint", print);
	if (ctl_post_instance(c, c->args.words[0], "trust", body, label, &answer, e) < 0)
		return -1;
	if (c->json)
		ctl_print_json(answer);
	else
		ctl_print(stdout, STYLE_PLAIN, "%s is trusted as %s", label, print);
	json_decref(answer);
	return 0;
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

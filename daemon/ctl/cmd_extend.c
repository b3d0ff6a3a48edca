#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/show.h"
#include "ctl/watch.h"

#define PATIENCE (3 * MINUTE)

/* The deadline inside a machine's name moves at the provider; the daemon grants the extension when it sees the new name. */
static int wait_granted(struct ctl *c, const char *name, json_t **fleet, struct err *e)
{
	struct progress p;

	progress_begin(&p);
	for (;;) {
		if (ctl_get_fleet(c, name, fleet, e) < 0)
			return -1;
		if (!json_path(*fleet, "extend_pending") || json_is_null(json_path(*fleet, "extend_pending")))
			return 0;
		if (progress_elapsed(&p) > PATIENCE)
			return err_set(e, ERR_TIMEOUT, "the providers have not confirmed the new end yet; see: gpufleetctl status %s",
			    name);
		json_decref(*fleet);
		*fleet = NULL;
		term_sleep(SECOND / 2);
	}
}

static int extend(struct ctl *c, const char *name, int64_t lifetime, struct err *e)
{
	char *path = ctl_path("/v1/fleets/%s/extend", name), key[33];
	json_t *body = json_object(), *fleet = NULL;
	const char *refused;
	int rc;

	ctl_new_key(key);
	json_put_int(body, "for", lifetime / SECOND);
	rc = ctl_post(c, path, body, key, NULL, e);
	free(path);
	json_decref(body);
	if (rc == 0)
		rc = wait_granted(c, name, &fleet, e);
	refused = json_str(fleet, "extend_error", "");
	if (rc == 0 && *refused)
		rc = err_set(e, ERR_REFUSED, "'%s' was not extended: %s", name, refused);
	if (rc == 0 && c->json) {
		json_t *document = json_pack("{s:O}", "fleet", fleet);

		ctl_print_json(document);
		json_decref(document);
	} else if (rc == 0) {
		ctl_print(stdout, STYLE_PLAIN, "%s lives until %s (%s from now)", name, show_when(fleet, "expires").s,
		    show_left(fleet, "expires").s);
	}
	json_decref(fleet);
	return rc;
}

static int run_extend(struct ctl *c, struct err *e)
{
	int64_t lifetime;

	if (!str_is_name(c->args.words[0], 63))
		return err_set(e, ERR_USAGE, "'%.64s' is no name of a fleet; see: gpufleetctl status", c->args.words[0]);
	if (!args_number(&c->args, "for", &lifetime))
		return err_set(e, ERR_USAGE, "for how long? say --for DURATION, counted from the moment when the fleet was ready");
	return extend(c, c->args.words[0], lifetime, e);
}

static const struct opt opts[] = {
	{ "for", 'f', ARG_DURATION, "DURATION", "the new lifetime, counted from the moment when the fleet was ready", NULL, 0, 0,
	    false },
};

const struct command command_extend = {
	.name = "extend",
	.group = "Machines",
	.synopsis = "FLEET --for DURATION",
	.summary = "let a fleet live longer, or shorter",
	.min = 1,
	.max = 1,
	.operand = "fleet",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_extend,
};

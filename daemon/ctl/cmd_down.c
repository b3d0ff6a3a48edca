#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/down.h"
#include "ctl/show.h"
#include "ctl/term.h"

static int close_fleet(struct ctl *c, const char *name, json_t **fleet, struct err *e)
{
	char *path = ctl_path("/v1/fleets/%s", name);
	json_t *answer;
	int rc = ctl_delete(c, path, &answer, e);

	free(path);
	*fleet = NULL;
	if (rc < 0)
		return -1;
	*fleet = json_incref((json_t *)(uintptr_t)json_path(answer, "fleet"));
	json_decref(answer);
	return 0;
}

static int wait_down(struct ctl *c, const char *name, json_t **fleet, struct err *e)
{
	enum watch_end end = WATCH_ENDED;
	struct watch w;
	int rc;

	term_catch(true);
	watch_begin(&w);
	rc = watch_down(c, &w, name, 0, fleet, &end, e);
	watch_free(&w);
	term_catch(false);
	if (rc < 0 || end != WATCH_INTERRUPTED)
		return rc;
	ctl_say("'%s' is ending all the same; see: gpufleetctl status %s", name, name);
	return EXIT_INTERRUPTED;
}

int down_fleet(struct ctl *c, const char *name, bool detach, json_t **last, struct err *e)
{
	json_t *fleet, *after = NULL;
	int rc = close_fleet(c, name, &fleet, e);

	if (rc == 0 && !detach) {
		rc = wait_down(c, name, &after, e);
		if (after) {
			json_decref(fleet);
			fleet = after;
		}
	}
	if (last)
		*last = fleet;
	else
		json_decref(fleet);
	return rc;
}

/* The names of all live fleets; only what is this user's can be ended, and the daemon says so. */
static int all_names(struct ctl *c, json_t **names, struct err *e)
{
	const json_t *f;
	json_t *answer;
	size_t n;

	if (ctl_get(c, "/v1/fleets?brief=1", &answer, e) < 0)
		return -1;
	*names = json_array();
	json_array_foreach(json_path(answer, "fleets"), n, f)
		json_array_append_new(*names, json_string(json_str(f, "name", "")));
	json_decref(answer);
	return 0;
}

static int given_names(const struct args *a, json_t **names, struct err *e)
{
	for (size_t i = 0; i < a->word_count; i++)
		if (!str_is_name(a->words[i], 63))
			return err_set(e, ERR_USAGE, "'%.64s' is no name of a fleet; see: gpufleetctl status", a->words[i]);
	*names = json_array();
	for (size_t i = 0; i < a->word_count; i++)
		json_array_append_new(*names, json_string(a->words[i]));
	return 0;
}

static int choose_names(struct ctl *c, json_t **names, struct err *e)
{
	const struct args *a = &c->args;
	bool all = args_has(a, "all");
	char question[96];

	if (all && a->word_count)
		return err_set(e, ERR_USAGE, "name fleets or say --all, not both");
	if (!all && !a->word_count)
		return err_set(e, ERR_USAGE, "which fleet? name it or say --all; see: gpufleetctl status");
	if (!all)
		return given_names(a, names, e);
	if (all_names(c, names, e) < 0)
		return -1;
	if (!json_array_size(*names) || args_has(a, "yes"))
		return 0;
	snprintf(question, sizeof(question), "end all %zu fleets?", json_array_size(*names));
	if (!term_can_ask())
		err_set(e, ERR_USAGE, "--all ends %zu fleets: add --yes, or answer on a terminal", json_array_size(*names));
	else if (!term_confirm(question))
		err_set(e, ERR_FAILED, "nothing was ended");
	if (!e->code)
		return 0;
	json_decref(*names);
	return -1;
}

static void say_ended(const json_t *fleet, bool detach)
{
	const char *name = json_str(fleet, "name", "?");

	if (detach)
		ctl_print(stdout, STYLE_PLAIN, "%s is ending", name);
	else
		ctl_print(stdout, STYLE_PLAIN, "%s is down; it cost %s%s", name,
		    show_money(fleet, json_bool(fleet, "settled", false) ? "billed" : "metered").s,
		    json_bool(fleet, "settled", false) ? "" : " by our clock");
}

/* Every fleet is asked to end before the first is waited for: they end side by side. The first failure is reported at the end. */
static int end_all(struct ctl *c, const json_t *names, json_t *out, struct err *e)
{
	bool detach = args_has(&c->args, "detach");
	struct err first = { 0 }, now;
	const json_t *name;
	json_t *fleet;
	int rc = 0, got;
	size_t n;

	json_array_foreach(names, n, name) {
		now = (struct err){ 0 };
		if (json_array_size(names) > 1 && down_fleet(c, json_string_value(name), true, NULL, &now) < 0 && !first.code)
			first = now;
	}
	json_array_foreach(names, n, name) {
		fleet = NULL;
		now = (struct err){ 0 };
		got = down_fleet(c, json_string_value(name), detach, &fleet, &now);
		if (got < 0 && json_array_size(names) > 1)
			ctl_say("%s: %s", json_string_value(name), now.msg);
		if (got < 0 && !first.code)
			first = now;
		if (got == 0 && !c->json)
			say_ended(fleet, detach);
		if (fleet)
			json_array_append_new(out, fleet);
		if (got == EXIT_INTERRUPTED)
			return got;
		rc = got < 0 ? -1 : rc;
	}
	if (rc == 0)
		return 0;
	*e = first;
	return -1;
}

static int run_down(struct ctl *c, struct err *e)
{
	json_t *names = NULL, *out;
	int rc;

	if (choose_names(c, &names, e) < 0)
		return -1;
	out = json_array();
	if (!json_array_size(names) && !c->json)
		ctl_say("no fleet is up");
	rc = end_all(c, names, out, e);
	if (c->json && rc >= 0) {
		json_t *document = json_pack("{s:O}", "fleets", out);

		ctl_print_json(document);
		json_decref(document);
	}
	json_decref(names);
	json_decref(out);
	return rc;
}

static const struct opt opts[] = {
	{ "all", 'a', ARG_FLAG, NULL, "every fleet that is up", NULL, 0, 0, false },
	{ "yes", 'y', ARG_FLAG, NULL, "with --all: do not ask", NULL, 0, 0, false },
	{ "detach", 'd', ARG_FLAG, NULL, "do not wait until the machines are given back", NULL, 0, 0, false },
};

const struct command command_down = {
	.name = "down",
	.group = "Machines",
	.synopsis = "FLEET ... | --all",
	.summary = "give machines back",
	.details =
	    "Returns when the provider has taken every delete and shows none of the machines any more; that they stay gone is watched "
	    "on, see: gpufleetctl status",
	.max = -1,
	.operand = "fleet",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_down,
};

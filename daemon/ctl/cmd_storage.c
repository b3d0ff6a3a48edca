/* volumes and snapshots: what keeps data between machines. One set of subcommands for both. */
#include "base/str.h"
#include "ctl/cmd.h"
#include "ctl/show.h"
#include "ctl/storage.h"

static const char *kind_of(const struct ctl *c)
{
	return c->args.command == &command_volumes ? "volume" : "snapshot";
}

static bool is_volume(const struct ctl *c)
{
	return c->args.command == &command_volumes;
}

/* ---- looking ---- */

static enum style style_of(const json_t *o)
{
	const char *state = json_str(o, "state", "");

	return !strcmp(state, "LIVE") ? STYLE_GREEN : !strcmp(state, "GONE") ? STYLE_DIM : STYLE_YELLOW;
}

static const char *state_of(const json_t *o)
{
	static const char *const words[][2] = { { "WANTED", "ordered" }, { "MAKING", "ordered" }, { "DOUBT", "looked for" }, { "BUILDING", "being taken" },
		{ "LIVE", "ready" }, { "DELETING", "deleting" }, { "GONE", "gone" } };

	for (size_t k = 0; k < ARRAY_LEN(words); k++)
		if (!strcmp(words[k][0], json_str(o, "state", "")))
			return words[k][1];
	return json_str(o, "state", "");
}

static void put_row(struct table *t, const json_t *o)
{
	const char *user = json_str(o, "used_by", ""), *gpu = json_str(o, "gpu", "");
	const char *place = *json_str(o, "host", "") ? json_str(o, "host", "") : json_str(o, "region", "");

	table_row(t);
	table_cell(t, STYLE_BOLD, "%s", json_str(o, "name", ""));
	table_cell(t, style_of(o), "%s", state_of(o));
	table_cell(t, STYLE_PLAIN, "%s", json_str(o, "account", ""));
	table_cell(t, STYLE_PLAIN, "%s", place);
	table_cell(t, STYLE_PLAIN, "%s", show_count(o, "size_gb").s);
	table_cell(t, STYLE_PLAIN, "%s", *user ? user : gpu);
	table_cell(t, STYLE_PLAIN, "%s", show_money(o, "price_month").s);
	table_cell(t, STYLE_PLAIN, "%s", show_money(o, "metered").s);
	table_cell(t, STYLE_PLAIN, "%s", json_str(o, "owner", ""));
	table_cell(t, STYLE_PLAIN, "%s", *json_str(o, "keep_until", "") ? show_left(o, "keep_until").s : "until deleted");
}

static int list(struct ctl *c, struct err *e)
{
	const struct column columns[] = { { is_volume(c) ? "VOLUME" : "SNAPSHOT", LEFT, 10, 0 }, { "STATE", LEFT, 0, 0 }, { "ACCOUNT", LEFT, 0, 4 },
		{ is_volume(c) ? "PLACE" : "REGION", LEFT, 0, 0 }, { "GB", RIGHT, 0, 0 }, { is_volume(c) ? "USED BY" : "GPU", LEFT, 0, 0 },
		{ "$/MONTH", RIGHT, 0, 0 }, { "COST", RIGHT, 0, 2 }, { "OWNER", LEFT, 0, 5 }, { "KEPT FOR", LEFT, 0, 3 } };
	const json_t *o;
	json_t *answer;
	struct table t;
	size_t n;

	if (ctl_get(c, is_volume(c) ? "/v1/volumes" : "/v1/snapshots", &answer, e) < 0)
		return -1;
	if (c->json) {
		ctl_print_json(answer);
	} else if (!json_array_size(json_path(answer, is_volume(c) ? "volumes" : "snapshots"))) {
		ctl_print(stdout, STYLE_PLAIN, is_volume(c) ? "there is no volume; make one: gpufleetctl volumes create NAME --size GB --region R" :
			"there is no snapshot; take one: gpufleetctl snapshots create NAME --of FLEET");
	} else {
		table_init(&t, columns, ARRAY_LEN(columns));
		json_array_foreach(json_path(answer, is_volume(c) ? "volumes" : "snapshots"), n, o)
			put_row(&t, o);
		table_print(&t, stdout, term_width(stdout));
		table_free(&t);
	}
	json_decref(answer);
	return 0;
}

static void say_what_it_is(const json_t *o)
{
	const char *reason = json_str(o, "reason", "");

	ctl_print(stdout, STYLE_BOLD, "%s %s: %s", json_str(o, "kind", ""), json_str(o, "name", ""), state_of(o));
	ctl_print(stdout, STYLE_PLAIN, "  at      %s%s%s, %s (%s)", json_str(o, "account", ""), *json_str(o, "region", "") ? " in " : "",
	    json_str(o, "region", ""), *json_str(o, "provider_id", "") ? json_str(o, "provider_id", "") : "no id yet", json_str(o, "provider_name", ""));
	ctl_print(stdout, STYLE_PLAIN, "  size    %s GB, %s a month", *show_count(o, "size_gb").s ? show_count(o, "size_gb").s : "unknown",
	    show_money(o, "price_month").s);
	ctl_print(stdout, STYLE_PLAIN, "  cost    %s so far, %s held", show_money(o, "metered").s, show_money(o, "held").s);
	if (*json_str(o, "billed_until", ""))
		ctl_print(stdout, STYLE_PLAIN, "  billed  up to %s, %s beyond the meter%s", show_when(o, "billed_until").s, show_money(o, "gap").s,
		    json_bool(o, "settled", false) ? "; final" : "");
	ctl_print(stdout, STYLE_PLAIN, "  kept    %s%s", *json_str(o, "keep_until", "") ? "until " : "until somebody deletes it",
	    *json_str(o, "keep_until", "") ? show_when(o, "keep_until").s : "");
	if (*json_str(o, "used_by", ""))
		ctl_print(stdout, STYLE_PLAIN, "  used by %s", json_str(o, "used_by", ""));
	if (*reason)
		ctl_print(stdout, STYLE_PLAIN, "  %s", reason);
}

static int show(struct ctl *c, struct err *e)
{
	json_t *o;

	if (storage_get(c, kind_of(c), c->args.words[1], &o, e) < 0)
		return -1;
	if (c->json)
		ctl_print_json(o);
	else
		say_what_it_is(o);
	json_decref(o);
	return 0;
}

/* ---- making ---- */

static void put_text(json_t *body, const struct args *a, const char *option, const char *key)
{
	if (args_knows(a, option) && args_has(a, option))
		json_put_str(body, key, args_text(a, option));
}

static int put_source(const struct args *a, json_t *body, struct err *e)
{
	const char *of = args_text(a, "of"), *volume = args_text(a, "of-volume");
	char name[96];
	int64_t slot;

	if (!of == !volume)
		return err_set(e, ERR_USAGE, "of what? say --of FLEET[/I] or --of-volume NAME");
	if (volume) {
		json_put_str(body, "volume", volume);
		return 0;
	}
	if (ctl_fleet_slot(of, name, sizeof(name), &slot, e) < 0)
		return -1;
	json_put_str(body, "fleet", name);
	json_put_int(body, "slot", slot);
	return 0;
}

static int create_body(const struct ctl *c, json_t *body, struct err *e)
{
	const struct args *a = &c->args;
	int64_t n;

	json_put_str(body, "name", a->words[1]);
	if (args_number(a, "keep", &n))
		json_put_int(body, "keep", n / SECOND);
	put_text(body, a, "owner", "owner");
	put_text(body, a, "budget", "budget");
	if (!is_volume(c))
		return put_source(a, body, e);
	if (args_number(a, "size", &n))
		json_put_int(body, "size", n);
	else if (!args_has(a, "from"))
		return err_set(e, ERR_USAGE, "how big? say --size GB");
	put_text(body, a, "provider", "account");
	put_text(body, a, "region", "region");
	put_text(body, a, "host", "host");
	put_text(body, a, "from", "from");
	return 0;
}

static int create(struct ctl *c, struct err *e)
{
	json_t *body = json_object(), *answer = NULL, *o = NULL;
	char key[33];
	int rc = create_body(c, body, e);

	ctl_new_key(key);
	if (rc == 0)
		rc = ctl_post(c, is_volume(c) ? "/v1/volumes" : "/v1/snapshots", body, key, &answer, e);
	json_decref(body);
	if (rc < 0)
		return -1;
	if (args_has(&c->args, "detach"))
		o = json_incref(json_object_get(answer, kind_of(c)));
	else
		rc = storage_wait(c, kind_of(c), json_int(json_path(answer, kind_of(c)), "id", 0), &o, e);
	json_decref(answer);
	if (rc != 0) {
		if (rc == EXIT_INTERRUPTED)
			ctl_say("it goes on without you; see: gpufleetctl %ss", kind_of(c));
		return rc;
	}
	if (c->json)
		ctl_print_json(o);
	else
		say_what_it_is(o);
	json_decref(o);
	return 0;
}

static int keep(struct ctl *c, struct err *e)
{
	json_t *body, *answer;
	char *path;
	int64_t n;
	int rc;

	if (!args_number(&c->args, "for", &n))
		return err_set(e, ERR_USAGE, "for how long, from now on? say --for 30d");
	body = json_object();
	json_put_int(body, "for", n / SECOND);
	path = is_volume(c) ? ctl_path("/v1/volumes/%s/keep", c->args.words[1]) : ctl_path("/v1/snapshots/%s/keep", c->args.words[1]);
	rc = ctl_post(c, path, body, NULL, &answer, e);
	free(path);
	json_decref(body);
	if (rc < 0)
		return -1;
	if (c->json)
		ctl_print_json(answer);
	else
		say_what_it_is(json_path(answer, kind_of(c)));
	json_decref(answer);
	return 0;
}

static int move(struct ctl *c, bool attach, struct err *e)
{
	json_t *body = json_object(), *answer = NULL, *o = NULL;
	const char *to = args_knows(&c->args, "to") ? args_text(&c->args, "to") : NULL;
	char name[96], *path;
	int64_t slot;
	int rc = 0;

	if (!is_volume(c))
		rc = err_set(e, ERR_USAGE, "a snapshot is not attached; a machine starts from it: up --snapshot %s", c->args.words[1]);
	else if (attach && !to)
		rc = err_set(e, ERR_USAGE, "to which machine? say --to FLEET[/I]");
	else if (attach)
		rc = ctl_fleet_slot(to, name, sizeof(name), &slot, e);
	if (rc == 0 && attach) {
		json_put_str(body, "fleet", name);
		json_put_int(body, "slot", slot);
	}
	path = attach ? ctl_path("/v1/volumes/%s/attach", c->args.words[1]) : ctl_path("/v1/volumes/%s/detach", c->args.words[1]);
	if (rc == 0)
		rc = ctl_post(c, path, body, NULL, &answer, e);
	free(path);
	json_decref(body);
	if (rc == 0 && !args_has(&c->args, "detach"))
		rc = storage_wait_moved(c, json_int(answer, "volume.id", 0), attach, &o, e);
	if (rc == 0 && c->json)
		ctl_print_json(o ? o : answer);
	else if (rc == 0 && o)
		say_what_it_is(o);
	json_decref(answer);
	json_decref(o);
	return rc;
}

static int attach(struct ctl *c, struct err *e)
{
	return move(c, true, e);
}

static int detach(struct ctl *c, struct err *e)
{
	return move(c, false, e);
}

static int drop(struct ctl *c, struct err *e)
{
	char question[256];
	json_t *o, *answer;
	char *path;
	int rc;

	if (storage_get(c, kind_of(c), c->args.words[1], &o, e) < 0)
		return -1;
	snprintf(question, sizeof(question), "delete %s %s, %s GB, and all that is on it?", kind_of(c), json_str(o, "name", ""),
	    *show_count(o, "size_gb").s ? show_count(o, "size_gb").s : "?");
	rc = args_has(&c->args, "yes") ? 0 : !term_can_ask() ? err_set(e, ERR_USAGE, "nothing is deleted without a yes: add --yes") :
	    term_confirm(question) ? 0 : err_set(e, ERR_FAILED, "nothing was deleted");
	if (rc == 0) {
		path = is_volume(c) ? ctl_path("/v1/volumes/%s", c->args.words[1]) : ctl_path("/v1/snapshots/%s", c->args.words[1]);
		rc = ctl_delete(c, path, &answer, e);
		free(path);
		if (rc == 0 && !args_has(&c->args, "detach"))
			rc = storage_wait_gone(c, kind_of(c), json_int(o, "id", 0), e);
		if (rc == 0 && c->json)
			ctl_print_json(answer);
		else if (rc == 0)
			ctl_print(stdout, STYLE_PLAIN, "%s '%s' is %s; it cost %s by our clock", kind_of(c), json_str(o, "name", ""),
			    args_has(&c->args, "detach") ? "being deleted" : "deleted", show_money(o, "metered").s);
		json_decref(answer);
	}
	json_decref(o);
	return rc;
}

static int run_storage(struct ctl *c, struct err *e)
{
	static const struct {
		const char *word;
		bool name;
		int (*run)(struct ctl *c, struct err *e);
	} subs[] = { { "list", false, list }, { "create", true, create }, { "show", true, show }, { "keep", true, keep },
		{ "attach", true, attach }, { "detach", true, detach }, { "delete", true, drop } };
	const char *words[ARRAY_LEN(subs) + 1] = { NULL }, *word = c->args.word_count ? c->args.words[0] : "list", *near;

	for (size_t k = 0; k < ARRAY_LEN(subs); k++) {
		words[k] = subs[k].word;
		if (strcmp(subs[k].word, word) != 0)
			continue;
		if (subs[k].name != (c->args.word_count == 2))
			return err_set(e, ERR_USAGE, "usage: gpufleetctl %ss %s%s", kind_of(c), word, subs[k].name ? " NAME" : "");
		return subs[k].run(c, e);
	}
	near = str_nearest(word, words);
	return err_set(e, ERR_USAGE, near ? "there is no '%ss %.30s'; did you mean '%s'?" : "there is no '%ss %.30s'; see: gpufleetctl %ss --help",
	    kind_of(c), word, near ? near : kind_of(c));
}

#define STORAGE_OPTS \
	{ "keep", 'k', ARG_DURATION, "DURATION", "with create: delete it by itself after this long; 30 days when not given", NULL, HOUR, 366 * DAY, \
	  false }, \
	{ "for", 'f', ARG_DURATION, "DURATION", "with keep: from now on this long", NULL, HOUR, 366 * DAY, false }, \
	{ "owner", 0, ARG_NAME, "NAME", "who answers for it; you when not given", NULL, 0, 60, false }, \
	{ "budget", 'b', ARG_NAME, "NAME", "the budget that it counts against", NULL, 0, 40, false }, \
	{ "yes", 'y', ARG_FLAG, NULL, "delete without asking", NULL, 0, 0, false }, \
	{ "detach", 'd', ARG_FLAG, NULL, "do not wait until the provider has done it", NULL, 0, 0, false }

static const struct opt volume_opts[] = {
	{ "size", 's', ARG_COUNT, "GB", "how big", NULL, 1, 16384, false },
	{ "provider", 'p', ARG_NAME, "ACCOUNT", "at this account or provider", NULL, 0, 0, false },
	{ "region", 'r', ARG_TEXT, "REGION", "where it is used: only there", NULL, 0, 0, false },
	{ "host", 0, ARG_TEXT, "MACHINE", "at vast.ai: inside this machine of the marketplace (offers --json says which)", NULL, 0, 0, false },
	{ "from", 0, ARG_NAME, "SNAPSHOT", "with what is in this snapshot of a volume", NULL, 0, 40, false },
	{ "to", 0, ARG_TEXT, "FLEET[/I]", "with attach: the machine that is to have it", NULL, 0, 0, false },
	STORAGE_OPTS,
};

const struct command command_volumes = {
	.name = "volumes",
	.group = "Machines",
	.synopsis = "[list] | create NAME --size GB --region R [options] | show|delete|detach NAME | keep NAME --for DURATION | "
		    "attach NAME --to FLEET[/I]",
	.summary = "disks that outlive machines: models, data sets, caches",
	.details =
	    "A machine has a volume that 'up' or 'run --volume NAME' names; runs find it at $GPUFLEET_VOLUME, people at ~/volumes/NAME. A file "
	    "system is made on it only where there is certainly none. It is paid for by the month, used or not, and deleted when --keep is over "
	    "(a machine that uses it is waited for) or by 'delete'; its cost counts against budgets, and stands in 'cost' as storage.\n"
	    "DigitalOcean: one machine at a time, in its region; attach and detach while it runs. RunPod: several at the same time, in its data "
	    "center, secure cloud. vast.ai: inside one machine of the marketplace, whose price is known when it is made: until then $0.30 a GB and "
	    "month are held, and a dearer one is not taken.",
	.max = 2,
	.opts = volume_opts,
	.opt_count = ARRAY_LEN(volume_opts),
	.run = run_storage,
};

static const struct opt snapshot_opts[] = {
	{ "of", 0, ARG_TEXT, "FLEET[/I]", "of this machine's disk (volumes and scratch disks are not in it)", NULL, 0, 0, false },
	{ "of-volume", 0, ARG_NAME, "NAME", "of this volume", NULL, 0, 40, false },
	STORAGE_OPTS,
};

const struct command command_snapshots = {
	.name = "snapshots",
	.group = "Machines",
	.synopsis = "[list] | create NAME --of FLEET[/I] | --of-volume NAME | show|delete NAME | keep NAME --for DURATION",
	.summary = "machines and volumes as they were: later ones start from them",
	.details =
	    "A machine of 'up' or 'run --snapshot NAME' starts from it: what setup scripts left is there. It is in one region, "
	    "needs a machine whose disk is at least as big as that of the one it was taken of, and has the driver of its GPU in it. "
	    "'gpufleetctl prepare' takes one behind the run that sets everything up.",
	.max = 2,
	.opts = snapshot_opts,
	.opt_count = ARRAY_LEN(snapshot_opts),
	.run = run_storage,
};

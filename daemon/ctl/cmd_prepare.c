/* prepare: the first run of a workload, which leaves a volume with the model and a snapshot of the machine. */
#include "base/str.h"
#include "ctl/cmd.h"
#include "ctl/plan.h"
#include "ctl/preset.h"
#include "ctl/run.h"
#include "ctl/show.h"
#include "ctl/storage.h"

#define VOLUME_GB 500

static int check(const struct args *a, struct err *e)
{
	if (!args_has(a, "gpu"))
		return err_set(e, ERR_USAGE, "on what? say --gpu GPU:N");
	if (!args_has(a, "volume") && !args_has(a, "snapshot-as"))
		return err_set(e, ERR_USAGE, "what is to be left? say --volume NAME, --snapshot-as NAME, or both");
	return 0;
}

/* ---- the volume, where there is none of that name yet ---- */

/* `account`: where it is. */
static int exists(struct ctl *c, const char *name, bool *there, char account[64], struct err *e)
{
	struct err problem = { 0 };
	json_t *o;

	*there = storage_get(c, "volume", name, &o, &problem) == 0;
	if (*there)
		str_copy_n(account, 64, json_str(o, "account", ""));
	if (*there)
		json_decref(o);
	else if (problem.code != ERR_NOT_FOUND)
		*e = problem;
	return e->code ? -1 : 0;
}

/* `what`: "volumes", "snapshots" */
static bool has(const json_t *accounts, const char *name, const char *what)
{
	const json_t *a;
	size_t k;

	json_array_foreach(accounts, k, a)
		if (!strcmp(json_str(a, "account", ""), name))
			return json_bool(a, what, false);
	return false;
}

/* Of the accounts and providers that the caller names, or of all. */
static bool is_asked(const json_t *names, const json_t *account)
{
	const json_t *name;
	size_t k;

	json_array_foreach(names, k, name)
		if (!strcmp(json_string_value(name), json_str(account, "account", "")) ||
		    !strcmp(json_string_value(name), json_str(account, "provider", "")))
			return true;
	return !names;
}

/* Only accounts that can keep the machine as a snapshot, where that is wanted; `at`: the account of a volume that is there, or "". */
static int keep_to_snapshots(const json_t *accounts, const char *at, json_t *order, struct err *e)
{
	json_t *list = json_array();
	const json_t *a;
	size_t k;

	if (*at && !has(accounts, at, "snapshots")) {
		json_decref(list);
		return err_set(e, ERR_USAGE, "the volume is at %s, which has no snapshots: leave --snapshot-as out, or take another volume", at);
	}
	json_array_foreach(accounts, k, a)
		if (json_bool(a, "snapshots", false) && is_asked(json_path(order, "providers"), a))
			json_array_append_new(list, json_string(json_str(a, "account", "")));
	json_put(order, "providers", list);
	return json_array_size(list) ? 0 : err_set(e, ERR_USAGE, "none of these accounts has snapshots; leave --snapshot-as out");
}

/* The volume is made where the first offer of somebody who has volumes is; the machine is then looked for there and nowhere else. */
static int find_place(struct ctl *c, const json_t *accounts, json_t *order, json_t *volume, struct err *e)
{
	json_t *plan = NULL, *list;
	const json_t *o;
	size_t k;
	int rc = ctl_post(c, "/v1/plans", order, NULL, &plan, e);

	json_array_foreach(rc == 0 ? json_path(plan, "offers") : NULL, k, o) {
		if (!has(accounts, json_str(o, "account", ""), "volumes"))
			continue;
		list = json_array();
		json_array_append_new(list, json_string(json_str(o, "account", "")));
		json_put(order, "providers", list);
		json_put_str(order, "region", json_str(o, "region", ""));
		json_put_str(volume, "account", json_str(o, "account", ""));
		json_put_str(volume, "region", json_str(o, "region", ""));
		json_put_str(volume, "host", json_str(o, "host", ""));
		break;
	}
	if (rc == 0 && !json_path(volume, "account"))
		rc = err_set(e, ERR_CAPACITY, "nobody who has volumes sells %s:%lld now%s%s", json_str(order, "gpu", ""),
		    (long long)json_int(order, "count", 1), *json_str(plan, "text", "") ? "; " : "", json_str(plan, "text", ""));
	json_decref(plan);
	return rc;
}

static json_t *volume_body(const struct args *a)
{
	json_t *body = json_object();
	int64_t n;

	json_put_str(body, "name", args_text(a, "volume"));
	json_put_int(body, "size", args_number(a, "size", &n) ? n : VOLUME_GB);
	if (args_number(a, "keep", &n))
		json_put_int(body, "keep", n / SECOND);
	if (args_has(a, "budget"))
		json_put_str(body, "budget", args_text(a, "budget"));
	if (args_has(a, "owner"))
		json_put_str(body, "owner", args_text(a, "owner"));
	return body;
}

static int make_volume(struct ctl *c, const json_t *body, struct err *e)
{
	json_t *answer, *o = NULL;
	char key[33];
	int rc;

	ctl_new_key(key);
	if (ctl_post(c, "/v1/volumes", body, key, &answer, e) < 0)
		return -1;
	rc = storage_wait(c, "volume", json_int(answer, "volume.id", 0), &o, e);
	if (rc == 0)
		ctl_say("volume %s is there: %s GB at %s, %s a month", json_str(o, "name", ""), show_count(o, "size_gb").s, json_str(o, "account", ""),
		    show_money(o, "price_month").s);
	json_decref(answer);
	json_decref(o);
	return rc;
}

/* ---- the whole ---- */

static int wait_snapshot(struct ctl *c, const char *name, struct err *e)
{
	json_t *o;
	int rc = storage_get(c, "snapshot", name, &o, e);
	int64_t id;

	if (rc < 0)
		return -1;
	id = json_int(o, "id", 0);
	json_decref(o);
	rc = storage_wait(c, "snapshot", id, &o, e);
	if (rc == 0)
		ctl_say("snapshot %s is taken: %s GB, %s a month", name, show_count(o, "size_gb").s, show_money(o, "price_month").s);
	json_decref(o);
	return rc;
}

static void say_next(const struct ctl *c)
{
	const char *volume = args_text(&c->args, "volume"), *snapshot = args_text(&c->args, "snapshot-as");

	ctl_say("from now on: gpufleetctl run %s --gpu %s%s%s%s%s", c->args.words[0], args_text(&c->args, "gpu"), volume ? " --volume " : "",
	    volume ? volume : "", snapshot ? " --snapshot " : "", snapshot ? snapshot : "");
}

static int prepare(struct ctl *c, json_t *order, json_t *body, struct err *e)
{
	const char *name = args_text(&c->args, "volume"), *snapshot = args_text(&c->args, "snapshot-as");
	json_t *volume = NULL, *answer = NULL;
	enum consent consent = CONSENT_NO;
	bool there = true;
	char at[64] = "";
	int rc = name ? exists(c, name, &there, at, e) : 0;

	if (rc == 0 && !there)
		json_object_del(order, "volume");
	if (rc == 0)
		rc = run_check(c, body, order, e);
	if (rc == 0)
		rc = ctl_get(c, "/v1/providers", &answer, e);
	if (rc == 0 && snapshot)
		rc = keep_to_snapshots(json_path(answer, "providers"), at, order, e);
	if (rc == 0 && !there) {
		volume = volume_body(&c->args);
		rc = find_place(c, json_path(answer, "providers"), order, volume, e);
	}
	json_decref(answer);
	if (rc == 0 && volume)
		ctl_say("a new volume first: %s, %lld GB at %s in %s", name, (long long)json_int(volume, "size", 0), json_str(volume, "account", ""),
		    json_str(volume, "region", ""));
	if (rc == 0)
		rc = order_consent(c, order, &consent, e);
	if (rc == 0 && consent == CONSENT_NO)
		rc = err_set(e, ERR_FAILED, "nothing was bought");
	if (rc == 0 && consent == CONSENT_YES && volume) {
		rc = make_volume(c, volume, e);
		json_put_str(order, "volume", name);
	}
	json_decref(volume);
	if (rc != 0 || consent != CONSENT_YES)
		return rc;
	json_object_update(body, order);
	rc = run_start(c, body, e);
	if (rc == 0 && snapshot && !args_has(&c->args, "detach"))
		rc = wait_snapshot(c, snapshot, e);
	if (rc == 0)
		say_next(c);
	return rc;
}

static int run_prepare(struct ctl *c, struct err *e)
{
	json_t *body = json_object(), *order = json_object();
	int rc = preset_apply(&c->args, e);

	if (rc == 0)
		rc = check(&c->args, e);
	json_put_bool(body, "prepare", true);
	if (args_has(&c->args, "snapshot-as"))
		json_put_str(body, "snapshot_as", args_text(&c->args, "snapshot-as"));
	if (rc == 0)
		rc = run_put_work(&c->args, body, e);
	if (rc == 0)
		rc = order_body(&c->args, args_text(&c->args, "gpu"), order, e);
	if (rc == 0)
		rc = prepare(c, order, body, e);
	json_decref(order);
	json_decref(body);
	return rc;
}

static const struct opt opts[] = {
	RUN_OPTS,
	{ "size", 0, ARG_COUNT, "GB", "of the volume, when it has to be made; 500 when not given", NULL, 1, 16384, false },
	{ "keep", 'k', ARG_DURATION, "DURATION", "delete a new volume by itself after this long; 30 days when not given", NULL, HOUR, 366 * DAY, false },
	{ "snapshot-as", 0, ARG_NAME, "NAME", "leave a snapshot of the machine", NULL, 0, 40, false },
	{ "detach", 'd', ARG_FLAG, NULL, "start it and return", NULL, 0, 0, false },
	ORDER_OPTS,
};

const struct command command_prepare = {
	.name = "prepare",
	.group = "Work",
	.synopsis = "RECIPE|DIRECTORY|--preset PRESET --gpu GPU[:N] --volume NAME [--snapshot-as NAME] [options]",
	.summary = "set a machine up once: the model on a volume, the rest in a snapshot, no benchmark",
	.details =
	    "Makes the volume where there is none of that name, rents a machine with it, runs the recipe's setup and prepare scripts (download the "
	    "model), takes a snapshot of the machine when that went well, and gives the machine back. Later runs start from both: 'run --volume "
	    "NAME --snapshot NAME', in the same region. What is kept costs money until it is deleted or its time is over; see: gpufleetctl volumes.",
	.max = 1,
	.operand = "recipe",
	.remote_status = true,
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_prepare,
};

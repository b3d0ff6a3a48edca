#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/show.h"
#include "ctl/watch.h"

#define WATCH_PERIOD (2 * SECOND)

/* "3/4": ready of wanted; accounts of the living. */
static void summarize(const json_t *fleet, struct word *ready, struct buf *accounts)
{
	const json_t *a;
	size_t n;

	json_array_foreach(json_path(fleet, "accounts"), n, a)
		buf_printf(accounts, "%s%s", n ? "," : "", json_string_value(a));
	snprintf(ready->s, sizeof(ready->s), "%lld/%lld", (long long)json_int(fleet, "ready", 0), (long long)json_int(fleet, "instances_wanted", 1));
}

static void fleet_row(struct table *t, const json_t *f)
{
	struct buf accounts = BUF(1024);
	struct word ready;
	bool open = !strcmp(json_str(f, "state", ""), "OPEN"), closed = !strcmp(json_str(f, "state", ""), "CLOSED");

	summarize(f, &ready, &accounts);
	table_row(t);
	table_cell(t, STYLE_BOLD, "%s", json_str(f, "name", "?"));
	table_cell(t, show_fleet_style(f), "%s", json_str(f, "phase", json_str(f, "state", "")));
	table_cell(t, STYLE_PLAIN, "%s", show_gpu(f).s);
	table_cell(t, STYLE_PLAIN, "%s", open ? ready.s : "");
	table_cell(t, STYLE_PLAIN, "%s", buf_str(&accounts));
	table_cell(t, STYLE_PLAIN, "%s", json_str(f, "owner", ""));
	table_cell(t, STYLE_PLAIN, "%s", show_between(f, "created", "closed").s);
	table_cell(t, STYLE_PLAIN, "%s", open ? show_left(f, "expires").s : "");
	table_cell(t, STYLE_PLAIN, "%s", closed ? "" : show_money(f, "hourly").s);
	table_cell(t, STYLE_PLAIN, "%s", show_money(f, json_bool(f, "settled", false) ? "billed" : "metered").s);
	table_cell(t, STYLE_PLAIN, "%s", json_str(f, "reason", ""));
	buf_free(&accounts);
}

static void show_troubles(const json_t *accounts)
{
	const json_t *a;
	size_t n;

	json_array_foreach(accounts, n, a)
		if (!json_bool(a, "ok", true) || json_int(a, "unmanaged", 0) > 0)
			ctl_print(stdout, STYLE_YELLOW, "%s: %s", json_str(a, "account", "?"),
			    json_str(a, "message", "needs a look; see: gpufleetctl providers"));
}

static void show_list(const json_t *answer)
{
	static const struct column columns[] = {
		{ "FLEET", LEFT, 8, 0 },
		{ "STATE", LEFT, 0, 0 },
		{ "GPU", LEFT, 0, 4 },
		{ "READY", LEFT, 0, 0 },
		{ "ACCOUNT", LEFT, 8, 5 },
		{ "OWNER", LEFT, 6, 8 },
		{ "AGE", RIGHT, 0, 7 },
		{ "ENDS IN", RIGHT, 0, 3 },
		{ "$/H", RIGHT, 0, 6 },
		{ "COST", RIGHT, 0, 0 },
		{ "WHY", LEFT, 16, 9 },
	};
	const json_t *f, *fleets = json_path(answer, "fleets");
	struct table t;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(fleets, n, f)
		fleet_row(&t, f);
	if (json_array_size(fleets))
		table_print(&t, stdout, term_width(stdout));
	else
		puts("no fleet is up");
	table_free(&t);
	if (json_array_size(fleets) > 1)
		ctl_print(stdout, STYLE_PLAIN, "%lld instances, %s, %s so far", (long long)json_int(answer, "totals.instances", 0),
		    show_rate(answer, "totals.hourly").s, show_money(answer, "totals.metered").s);
	if (json_num(answer, "totals.storage_month", 0) > 0)
		ctl_print(stdout, STYLE_PLAIN, "volumes and snapshots: %s a month; see: gpufleetctl volumes", show_money(answer, "totals.storage_month").s);
	show_troubles(json_path(answer, "accounts"));
}

static void line(const char *title, const char *text)
{
	if (*text)
		ctl_print(stdout, STYLE_PLAIN, "%-10s %s", title, text);
}

/* What ends a machine when this daemon does not, and what that can cost. */
static void show_net(const char *fleet, const json_t *i)
{
	const char *watchdog = json_str(i, "watchdog", "none");
	const struct word lease = show_when(i, "leased_until");
	struct buf text = BUF(512);

	if (json_is_null(json_path(i, "leak_bound")))
		return;
	if (!strcmp(watchdog, "deletes"))
		buf_printf(&text, "without contact it deletes itself at %s", lease.s);
	else if (!strcmp(watchdog, "stops"))
		buf_printf(&text, "without contact its work ends at %s, the machine itself only by the daemon or the reaper", lease.s);
	else
		buf_puts(&text, "no watchdog is on it, only the daemon or the reaper ends it");
	ctl_print(stdout, STYLE_PLAIN, "%s/%lld  %s; at most %s more if the daemon died now", fleet, (long long)json_int(i, "slot", 0),
	    buf_str(&text), show_money(i, "leak_bound").s);
	buf_free(&text);
}

static void show_fleet(const json_t *f)
{
	const json_t *id;
	struct buf text = BUF(4096);
	size_t n;

	ctl_print(stdout, STYLE_BOLD, "%s  %s", json_str(f, "name", "?"), json_str(f, "phase", json_str(f, "state", "")));
	buf_printf(&text, "%lld x %s", (long long)json_int(f, "instances_wanted", 1), show_gpu(f).s);
	line("GPUs", buf_str(&text));
	line("owner", json_str(f, "owner", ""));
	line("labels", show_labels(json_path(f, "labels")).s);
	line("why", json_str(f, "reason", ""));
	line("created", show_when(f, "created").s);
	line("ready", show_when(f, "ready_at").s);
	line("ends", show_when(f, "expires").s);
	line("kept until", show_when(f, "keep_until").s);
	line("closed", show_when(f, "closed").s);
	line("not longer", json_str(f, "extend_error", ""));
	buf_reset(&text);
	buf_printf(&text, "%s metered", show_money(f, "metered").s);
	if (*show_money(f, "billed").s && !json_is_null(json_path(f, "billed")))
		buf_printf(&text, ", %s billed%s", show_money(f, "billed").s, json_bool(f, "settled", false) ? "" : " so far");
	if (*show_money(f, "held").s)
		buf_printf(&text, ", %s held", show_money(f, "held").s);
	line("money", buf_str(&text));
	buf_reset(&text);
	json_array_foreach(json_path(f, "runs"), n, id)
		buf_printf(&text, "%s%lld", n ? ", " : "", (long long)json_integer_value(id));
	line("runs", buf_str(&text));
	buf_free(&text);
	puts("");
	show_instances(f, stdout);
	json_array_foreach(json_path(f, "instances"), n, id) {
		show_net(json_str(f, "name", "?"), id);
		if (json_bool(id, "in_doubt", false))
			ctl_print(stdout, STYLE_BOLD, "%s/%lld  was it made? The account is not only ours: look, and say gpufleetctl resolve %s/%lld "
			    "--machine ID, or --absent", json_str(f, "name", "?"), (long long)json_int(id, "slot", 0), json_str(f, "name", "?"),
			    (long long)json_int(id, "slot", 0));
	}
	if (*json_str(f, "warning", ""))
		ctl_say("%s", json_str(f, "warning", ""));
}

static int once(struct ctl *c, struct err *e)
{
	const char *name = c->args.word_count ? c->args.words[0] : NULL;
	const char *brief = c->json ? "0" : "1"; /* a line of each is shown */
	char *path = name ? ctl_path("/v1/fleets/%s", name) : ctl_path(args_has(&c->args, "all") ? "/v1/fleets?all=1&brief=%s" : "/v1/status?brief=%s", brief);
	json_t *answer;
	int rc = ctl_get(c, path, &answer, e);

	free(path);
	if (rc < 0)
		return -1;
	if (args_has(&c->args, "watch") && !c->json)
		fputs("\033[H\033[J", stdout);
	if (c->json)
		ctl_print_json(answer);
	else if (name)
		show_fleet(json_path(answer, "fleet"));
	else
		show_list(answer);
	fflush(stdout);
	json_decref(answer);
	return 0;
}

static int run_status(struct ctl *c, struct err *e)
{
	bool watch = args_has(&c->args, "watch");
	int rc;

	if (c->args.word_count && !str_is_name(c->args.words[0], 63))
		return err_set(e, ERR_USAGE, "'%.64s' is no name of a fleet", c->args.words[0]);
	if (!watch)
		return once(c, e);
	if (!c->json && !term_is_out())
		return err_set(e, ERR_USAGE, "--watch draws on a terminal; with --json it prints a document every two seconds");
	term_catch(true);
	do {
		rc = once(c, e);
	} while (rc == 0 && !term_sleep(WATCH_PERIOD));
	term_catch(false);
	return rc;
}

static const struct opt opts[] = {
	{ "all", 'a', ARG_FLAG, NULL, "fleets of the last days that are closed, too", NULL, 0, 0, false },
	{ "watch", 'w', ARG_FLAG, NULL, "draw it again every two seconds", NULL, 0, 0, false },
};

const struct command command_status = {
	.name = "status",
	.alias = "ps",
	.group = "Machines",
	.synopsis = "[FLEET] [options]",
	.summary = "what is up, what it costs and when it ends",
	.max = 1,
	.operand = "fleet",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_status,
};

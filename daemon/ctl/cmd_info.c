#include "ctl/cmd.h"
#include "base/str.h"
#include "base/version.h"
#include "ctl/connect.h"
#include "ctl/show.h"

/* ---- providers ---- */

void providers_print(const json_t *list, FILE *to)
{
	static const struct column columns[] = {
		{ "ACCOUNT", LEFT, 8, 0 },
		{ "PROVIDER", LEFT, 8, 4 },
		{ "OK", LEFT, 0, 0 },
		{ "BALANCE", RIGHT, 0, 2 },
		{ "$/H", RIGHT, 0, 3 },
		{ "LIVE", RIGHT, 0, 0 },
		{ "OTHERS", RIGHT, 0, 5 },
		{ "CHECKED", LEFT, 0, 6 },
		{ "MESSAGE", LEFT, 16, 0 },
	};
	struct table t;
	const json_t *p;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, n, p) {
		const json_t *ok = json_path(p, "ok");

		table_row(&t);
		table_cell(&t, STYLE_BOLD, "%s", json_str(p, "account", "?"));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(p, "title", json_str(p, "provider", "")));
		table_cell(&t, json_is_true(ok) ? STYLE_GREEN : STYLE_RED, "%s",
		    json_is_true(ok)    ? "yes"
		    : json_is_false(ok) ? "no"
					: "?");
		table_cell(&t, STYLE_PLAIN, "%s", show_money(p, "balance").s);
		table_cell(&t, STYLE_PLAIN, "%s", show_money(p, "hourly").s);
		if (json_int(p, "max_instances", 0))
			table_cell(&t, STYLE_PLAIN, "%lld of %lld", (long long)json_int(p, "live", 0), (long long)json_int(p, "max_instances", 0));
		else
			table_cell(&t, STYLE_PLAIN, "%lld", (long long)json_int(p, "live", 0));
		table_cell(&t, STYLE_YELLOW, "%s", show_count(p, "unmanaged").s);
		table_cell(&t, STYLE_PLAIN, "%s", show_ago(p, "checked").s);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(p, "message", ""));
	}
	if (t.row_count)
		table_print(&t, to, term_width(to));
	table_free(&t);
	json_array_foreach(list, n, p)
		if (json_is_false(json_path(p, "ok")) && *json_str(p, "token_where", ""))
			ctl_print(to, STYLE_PLAIN, "%s: the token comes from %s", json_str(p, "account", "?"), json_str(p, "token_where", ""));
}

static int run_providers(struct ctl *c, struct err *e)
{
	json_t *answer;
	int rc = args_has(&c->args, "check") ? ctl_post(c, "/v1/check", NULL, NULL, &answer, e)
					     : ctl_get(c, "/v1/providers", &answer, e);

	if (rc < 0)
		return -1;
	if (c->json)
		ctl_print_json(answer);
	else if (json_array_size(json_path(answer, "providers")))
		providers_print(json_path(answer, "providers"), stdout);
	else
		puts("no provider is configured; run: gpufleetctl init");
	json_decref(answer);
	return 0;
}

/* ---- recipes ---- */

static void show_parameter(const json_t *p)
{
	const char *fallback = json_str(p, "default", NULL);
	struct buf line = BUF(4096);
	const json_t *v;
	size_t n;

	buf_printf(&line, "    %s  %s", json_str(p, "name", "?"), json_str(p, "type", "text"));
	json_array_foreach(json_path(p, "values"), n, v)
		buf_printf(&line, "%s%s", n ? "|" : " ", json_is_string(v) ? json_string_value(v) : show_number(v).s);
	if (fallback)
		buf_printf(&line, " = %s", fallback);
	else
		buf_puts(&line, " (must be set)");
	if (*json_str(p, "help", ""))
		buf_printf(&line, "  %s", json_str(p, "help", ""));
	ctl_print(stdout, STYLE_PLAIN, "%s", buf_str(&line));
	buf_free(&line);
}

static int run_recipes(struct ctl *c, struct err *e)
{
	const json_t *r, *p;
	json_t *answer;
	size_t n, k, shown = 0;

	if (ctl_get(c, "/v1/recipes", &answer, e) < 0)
		return -1;
	json_array_foreach(json_path(answer, "recipes"), n, r) {
		if (c->json || (c->args.word_count && strcmp(c->args.words[0], json_str(r, "name", "")) != 0))
			continue;
		shown++;
		ctl_print(stdout, STYLE_BOLD, "%s", json_str(r, "name", "?"));
		ctl_print(stdout, STYLE_PLAIN, "    %s", json_str(r, "description", ""));
		json_array_foreach(json_path(r, "parameters"), k, p)
			show_parameter(p);
	}
	if (c->json)
		ctl_print_json(answer);
	json_decref(answer);
	if (!c->json && !shown && c->args.word_count)
		return err_set(e, ERR_NOT_FOUND, "no recipe is called '%.64s'; see: gpufleetctl recipes", c->args.words[0]);
	return 0;
}

/* ---- version ---- */

static int run_version(struct ctl *c, struct err *e)
{
	struct where w;
	struct err why = { 0 };
	json_t *answer = NULL, *document = json_object();

	(void)e;
	/* A question about versions starts nothing. */
	if (connect_where(&w, c->socket_option, c->config_option, &why) == 0 && connect_probe(w.socket) == 0)
		ctl_get(c, "/v1/version", &answer, &why);
	json_put_str(document, "gpufleetctl", GPUFLEET_VERSION);
	json_object_set(document, "daemon", answer ? answer : json_null());
	if (c->json) {
		ctl_print_json(document);
	} else {
		printf("gpufleetctl %s\n", GPUFLEET_VERSION);
		if (answer)
			ctl_print(stdout, STYLE_PLAIN, "gpufleetd %s, site %s, on %s", json_str(answer, "version", "?"),
			    json_str(answer, "site", "?"), w.socket);
		else
			puts("no daemon runs");
	}
	json_decref(answer);
	json_decref(document);
	return 0;
}

/* ---- tables ---- */

static const struct opt providers_opts[] = {
	{ "check", 0, ARG_FLAG, NULL, "ask every provider now whether the credentials are good", NULL, 0, 0, false },
};

const struct command command_providers = {
	.name = "providers",
	.group = "Setup and trouble",
	.synopsis = "[--check]",
	.summary = "accounts: are they good, what is their balance, what runs there",
	.opts = providers_opts,
	.opt_count = ARRAY_LEN(providers_opts),
	.run = run_providers,
};

const struct command command_recipes = {
	.name = "recipes",
	.group = "Work",
	.synopsis = "[RECIPE]",
	.summary = "workloads that are part of gpufleet, and their parameters",
	.max = 1,
	.operand = "recipe",
	.run = run_recipes,
};

const struct command command_version = {
	.name = "version",
	.group = "Setup and trouble",
	.synopsis = "",
	.summary = "versions of this program and of the daemon",
	.run = run_version,
};

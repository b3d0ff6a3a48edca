#include "ctl/cmd.h"
#include "base/str.h"
#include "base/version.h"
#include "ctl/connect.h"
#include "ctl/remote.h"
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

/* ---- version ---- */

static int run_version(struct ctl *c, struct err *e)
{
	const char *url = remote_url(c);
	struct where w;
	struct err why = { 0 };
	json_t *answer = NULL, *document = json_object();

	(void)e;
	/* A question about versions starts nothing. */
	if (url || (connect_where(&w, c->socket_option, c->config_option, &why) == 0 && connect_probe(w.socket) == 0))
		ctl_get(c, "/v1/version", &answer, &why);
	json_put_str(document, "gpufleetctl", GPUFLEET_VERSION);
	json_object_set(document, "daemon", answer ? answer : json_null());
	if (c->json) {
		ctl_print_json(document);
	} else {
		printf("gpufleetctl %s\n", GPUFLEET_VERSION);
		if (answer)
			ctl_print(stdout, STYLE_PLAIN, "gpufleetd %s, site %s, on %s", json_str(answer, "version", "?"),
			    json_str(answer, "site", "?"), url ? url : w.socket);
		else if (url)
			ctl_print(stdout, STYLE_PLAIN, "no answer: %s", why.msg);
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

const struct command command_version = {
	.name = "version",
	.group = "Setup and trouble",
	.synopsis = "",
	.summary = "versions of this program and of the daemon",
	.run = run_version,
};

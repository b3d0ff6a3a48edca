#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/show.h"

static void show_intents(const json_t *i)
{
	ctl_print(stdout, STYLE_PLAIN,
	    "%lld orders: %lld open, %lld deleted and proved gone, %lld refused, %lld proved never made, %lld never sent",
	    (long long)json_int(i, "total", 0), (long long)json_int(i, "open", 0), (long long)json_int(i, "gone", 0),
	    (long long)json_int(i, "refused", 0), (long long)json_int(i, "absent", 0), (long long)json_int(i, "never_sent", 0));
}

static void show_accounts(const json_t *list)
{
	static const struct column columns[] = {
		{ "ACCOUNT", LEFT, 8, 0 },
		{ "LISTED", LEFT, 0, 0 },
		{ "OURS", RIGHT, 0, 0 },
		{ "OTHERS", RIGHT, 0, 0 },
		{ "$/H", RIGHT, 0, 0 },
		{ "COUNTED", RIGHT, 0, 2 },
		{ "COUNTED $/H", RIGHT, 0, 3 },
		{ "BALANCE", RIGHT, 0, 1 },
		{ "HOURS LEFT", RIGHT, 0, 4 },
	};
	struct table t;
	const json_t *a;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, n, a) {
		const json_t *listed = json_path(a, "listed");

		table_row(&t);
		table_cell(&t, STYLE_BOLD, "%s", json_str(a, "account", "?"));
		table_cell(&t, json_is_false(listed) ? STYLE_RED : STYLE_PLAIN, "%s",
		    json_is_true(listed)    ? "yes"
		    : json_is_false(listed) ? "NO"
					    : "own hosts");
		table_cell(&t, STYLE_PLAIN, "%lld", (long long)(json_int(a, "ours", 0) + json_int(a, "unknown", 0)));
		table_cell(&t, STYLE_PLAIN, "%s", show_count(a, "others").s);
		table_cell(&t, STYLE_PLAIN, "%s", show_money(a, "rate_hour").s);
		if (json_is_integer(json_path(a, "counted")))
			table_cell(&t, STYLE_PLAIN, "%lld", (long long)json_int(a, "counted", 0));
		else
			table_cell(&t, STYLE_PLAIN, "%s", "");
		table_cell(&t, STYLE_PLAIN, "%s", show_money(a, "counted_rate_hour").s);
		table_cell(&t, STYLE_PLAIN, "%s", show_money(a, "balance").s);
		if (json_is_number(json_path(a, "hours_left")))
			table_cell(&t, STYLE_PLAIN, "%.1f", json_num(a, "hours_left", 0));
		else
			table_cell(&t, STYLE_PLAIN, "%s", "");
	}
	if (t.row_count)
		table_print(&t, stdout, term_width(stdout));
	table_free(&t);
}

/* What bills now: ours, and what is neither ours nor counted for. Other people's machines are a number above. */
static void show_billing(const json_t *list)
{
	static const struct column columns[] = {
		{ "BILLING NOW", LEFT, 12, 0 },
		{ "ACCOUNT", LEFT, 8, 0 },
		{ "FLEET", LEFT, 8, 0 },
		{ "STATE", LEFT, 0, 2 },
		{ "GPU", LEFT, 0, 0 },
		{ "$/H", RIGHT, 0, 0 },
		{ "AT THE LATEST UNTIL", LEFT, 0, 3 },
	};
	struct table t;
	const json_t *m;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, n, m) {
		const char *whose = json_str(m, "whose", "");
		bool known = !strcmp(whose, "ours");

		if (!known && strcmp(whose, "unknown") != 0 && strcmp(whose, "forged") != 0)
			continue;
		table_row(&t);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(m, "id", "?"));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(m, "account", "?"));
		table_cell(&t, known ? STYLE_BOLD : STYLE_RED, "%s", known ? json_str(m, "fleet", "") : "UNKNOWN");
		table_cell(&t, STYLE_PLAIN, "%s", json_str(m, "state", ""));
		table_cell(&t, STYLE_PLAIN, "%s", show_gpu(m).s);
		table_cell(&t, STYLE_PLAIN, "%s", show_money(m, "price_hour").s);
		table_cell(&t, STYLE_PLAIN, "%s", show_when(m, "deadline").s);
	}
	if (t.row_count)
		table_print(&t, stdout, term_width(stdout));
	table_free(&t);
}

/* What we made there beside machines. A key costs nothing; storage does, by the month. */
static void show_extras(const json_t *list)
{
	static const struct column columns[] = {
		{ "BESIDE MACHINES", LEFT, 12, 0 },
		{ "ACCOUNT", LEFT, 8, 0 },
		{ "NAME", LEFT, 8, 0 },
		{ "OWNER", LEFT, 0, 3 },
		{ "GB", RIGHT, 0, 2 },
		{ "$/MONTH", RIGHT, 0, 0 },
		{ "KEPT UNTIL", LEFT, 0, 1 },
	};
	struct table t;
	const json_t *x;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, n, x) {
		const char *kind = json_str(x, "kind", "?");

		table_row(&t);
		table_cell(&t, STYLE_PLAIN, "%s", !strcmp(kind, "ssh_key") ? "ssh key" : kind);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(x, "account", "?"));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(x, "name", ""));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(x, "owner", ""));
		table_cell(&t, STYLE_PLAIN, "%s", show_count(x, "size_gb").s);
		table_cell(&t, STYLE_PLAIN, "%s", json_num(x, "price_month", 0) > 0 ? show_money(x, "price_month").s : "");
		table_cell(&t, STYLE_PLAIN, "%s", show_when(x, "keep_until").s);
	}
	if (t.row_count)
		table_print(&t, stdout, term_width(stdout));
	table_free(&t);
}

static void show_list(const json_t *list, enum style style, const char *title)
{
	const json_t *f;
	size_t n;

	json_array_foreach(list, n, f)
		ctl_print(stdout, style, "%s: %s: %s", title, json_str(f, "account", "?"), json_str(f, "text", ""));
}

/* The proof of the ledger. */
static int run_ledger(struct ctl *c, struct err *e)
{
	static const struct column columns[] = { { "ACCOUNT", LEFT, 12, 0 }, { "BALANCE", RIGHT, 0, 0 } };
	const json_t *row;
	json_t *answer;
	struct table t;
	size_t n;
	bool ok;

	if (ctl_get(c, "/v1/audit/ledger", &answer, e) < 0)
		return -1;
	ok = json_bool(answer, "ok", false);
	if (c->json) {
		ctl_print_json(answer);
	} else {
		table_init(&t, columns, ARRAY_LEN(columns));
		json_array_foreach(json_path(answer, "balances"), n, row) {
			table_row(&t);
			table_cell(&t, STYLE_PLAIN, "%s", json_str(row, "account", ""));
			table_cell(&t, STYLE_PLAIN, "%s", show_money(row, "balance").s);
		}
		table_print(&t, stdout, term_width(stdout));
		table_free(&t);
		json_array_foreach(json_path(answer, "wrong"), n, row)
			ctl_print(stdout, STYLE_RED, "WRONG: instance %lld: %s: the ledger says %s, its row %s", (long long)json_int(row, "instance", 0),
			    json_str(row, "what", ""), show_number(json_path(row, "ledger")).s, show_number(json_path(row, "row")).s);
		ctl_print(stdout, ok ? STYLE_GREEN : STYLE_RED, ok ? "%lld postings: debits and credits are equal, no key comes twice, and replaying them "
		    "gives every machine's figures" : "%lld postings: the ledger does not prove what it should", (long long)json_int(answer, "postings", 0));
	}
	json_decref(answer);
	return ok ? 0 : 1;
}

static int run_audit(struct ctl *c, struct err *e)
{
	json_t *answer;
	size_t findings;

	if (args_has(&c->args, "ledger"))
		return run_ledger(c, e);
	if (ctl_get(c, "/v1/audit", &answer, e) < 0)
		return -1;
	findings = json_array_size(json_path(answer, "findings"));
	if (c->json) {
		ctl_print_json(answer);
	} else {
		show_intents(json_path(answer, "intents"));
		show_accounts(json_path(answer, "accounts"));
		show_billing(json_path(answer, "billing"));
		show_extras(json_path(answer, "extras"));
		show_list(json_path(answer, "pending"), STYLE_PLAIN, "under way");
		show_list(json_path(answer, "findings"), STYLE_RED, "WRONG");
		if (findings)
			ctl_print(stdout, STYLE_RED, "%zu thing%s not add up; %s/h of ours bills now", findings,
			    findings == 1 ? " does" : "s do", show_money(answer, "rate_hour").s);
		else
			ctl_print(stdout, STYLE_GREEN, "everything adds up; %s/h of ours bills now", show_money(answer, "rate_hour").s);
	}
	json_decref(answer);
	return findings ? 1 : 0;
}

static const struct opt opts[] = {
	{ "ledger", 0, ARG_FLAG, NULL, "the books instead: debits equal credits, no key twice, every machine's figures are what was booked", NULL, 0, 0,
	    false },
};

const struct command command_audit = {
	.name = "audit",
	.group = "Setup and trouble",
	.synopsis = "[--ledger]",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.summary = "prove that every order has an end or a live machine; what bills now, compared with the providers' own figures",
	.run = run_audit,
};

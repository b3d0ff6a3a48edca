/*
 * Hot Aisle: virtual machines of one team (facts: providers/hotaisle.md; section numbers below are
 * that sheet's).
 *
 * What is special: a create takes no name and no key, blocks, and goes on when the client hangs up,
 * so machines are found by list difference (CAP_SINGLE_FLIGHT) and marked afterwards by their
 * description. Errors are plain text, and only plain text is believed to come from the provider:
 * HTML or JSON in an error is somebody in between. Names of machines are recycled, so
 * `deployment_id` is the id wherever it is given (§4.1). Bare metal is left alone: a mistake there
 * costs a month (§2.13).
 */
#include "providers/hotaisle.h"
#include "base/str.h"

/* ---- check: who are we, and may we (§2.1, §1 "Roles") ---- */

static void check_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	(void)c;
	if (!hotaisle_team_ok(a, req, r))
		return;
	http_request_url(req, "GET", "%s/user/", a->account->api_url);
	hotaisle_authenticate(a, req);
}

/* What this key may do; a server that does not list roles is not held against the key. */
static bool may_operate(const json_t *team)
{
	const json_t *roles = json_object_get(team, "effective_roles"), *role;
	size_t i;

	if (!json_is_array(roles))
		return true;
	json_array_foreach (roles, i, role)
		if (json_is_string(role) && !strcmp(json_string_value(role), "operator"))
			return true;
	return false;
}

static enum verdict judge_team(const struct op_args *a, const json_t *team, struct op_reply *r)
{
	int64_t most = json_int(team, "maximum_virtual_machines", -1);

	if (json_bool(team, "invitation", false))
		return op_fail(r, VERDICT_DENIED,
		    "the invitation to team '%s' has not been accepted: ssh admin.hotaisle.app",
		    a->account->team);
	if (!may_operate(team))
		return op_fail(r, VERDICT_DENIED,
		    "the API key lacks the role operator in team '%s'", a->account->team);
	str_copy(r->account_id, a->account->team);
	if (most >= 0)
		return op_fail(r, VERDICT_OK, "team '%s', at most %lld virtual machines",
		    a->account->team, (long long)most);
	return op_fail(r, VERDICT_OK, "team '%s'", a->account->team);
}

static enum verdict check_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	json_t *j;
	const json_t *teams, *team;
	size_t i;
	enum verdict v;

	(void)c;
	v = hotaisle_json(res, r, false, &j);
	if (v != VERDICT_OK)
		return v;
	teams = json_object_get(j, "teams");
	if (!json_is_array(teams))
		v = op_fail(r, VERDICT_RETRY, "Hot Aisle's answer lists no teams");
	else
		v = op_fail(r, VERDICT_DENIED, "the API key does not belong to team '%s'",
		    a->account->team);
	json_array_foreach (teams, i, team) {
		if (strcmp(json_str(team, "handle", ""), a->account->team))
			continue;
		v = judge_team(a, team, r);
		break;
	}
	json_decref(j);
	return v;
}

/* ---- balance (§2.2) ---- */

static void balance_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	(void)c;
	hotaisle_team_url(a, req, r, "GET", "balance/");
}

static enum verdict balance_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	int64_t machines;
	enum verdict v;
	json_t *j;

	(void)a;
	(void)c;
	v = hotaisle_json(res, r, false, &j);
	if (v != VERDICT_OK)
		return v;
	machines = json_int(j, "virtual_machine_count", -1);
	r->balance.known = hotaisle_cents(j, "available_balance", &r->balance.available);
	if (r->balance.available < 0)
		r->balance.available = 0;
	r->balance.hourly_known =
	    hotaisle_cents(j, "hourly_rate", &r->balance.hourly) && r->balance.hourly >= 0;
	r->balance.machines = machines >= 0 && machines <= INT32_MAX ? (int)machines : -1;
	json_decref(j);
	if (!r->balance.known)
		return op_fail(r, VERDICT_RETRY, "Hot Aisle told no balance");
	return VERDICT_OK;
}

/*
 * No rate limit is published (§1), so ours are modest. Bills do not exist: money is the balance's
 * movement (§5), which is late by some minutes. Charged by the minute from the create on; the
 * minimum is part of each offer. There are no volumes and no snapshots (§2.14): a machine's disk goes with
 * it, and is in its price, as traffic is.
 */
const struct provider provider_hotaisle = {
	.name = "hotaisle",
	.title = "Hot Aisle",
	.api_url = "https://admin.hotaisle.app/api",
	.token_env = "HOTAISLE_TOKEN",
	.token_where = "ssh admin.hotaisle.app, API keys: user role owner (to register the SSH key) and team role operator",
	.user = "hotaisle",
	.ssh_port = 22,
	.caps = CAP_SINGLE_FLIGHT | CAP_COUNTS | CAP_PREPAID,
	.create_timeout = HOTAISLE_CREATE_TIME,
	.boot_allowance = 10 * MINUTE,
	.teardown_allowance = 10 * MINUTE,
	.billing = { .quantum = MINUTE, .start = METER_FROM_CREATE, .settle_delay = 15 * MINUTE, .bills_stopped = true },
	.rate = {
		[OP_CHECK] = { SECOND, 5 },
		[OP_OFFERS] = { SECOND, 5 },
		[OP_KEY] = { SECOND, 5 },
		[OP_KEY_DROP] = { SECOND, 5 },
		[OP_CREATE] = { SECOND, 2 },
		[OP_DESCRIBE] = { SECOND / 2, 20 },
		[OP_LIST] = { SECOND, 10 },
		[OP_MARK] = { SECOND / 2, 10 },
		[OP_DESTROY] = { SECOND / 2, 20 },
		[OP_BALANCE] = { SECOND, 5 },
	},
	.op = {
		[OP_CHECK] = { check_build, check_read },
		[OP_OFFERS] = { hotaisle_offers_build, hotaisle_offers_read },
		[OP_KEY] = { hotaisle_key_build, hotaisle_key_read },
		[OP_KEY_DROP] = { hotaisle_key_drop_build, hotaisle_key_drop_read },
		[OP_CREATE] = { hotaisle_create_build, hotaisle_create_read },
		[OP_DESCRIBE] = { hotaisle_describe_build, hotaisle_describe_read },
		[OP_LIST] = { hotaisle_list_build, hotaisle_list_read },
		[OP_MARK] = { hotaisle_mark_build, hotaisle_changed_read },
		[OP_DESTROY] = { hotaisle_destroy_build, hotaisle_changed_read },
		[OP_BALANCE] = { balance_build, balance_read },
	},
};

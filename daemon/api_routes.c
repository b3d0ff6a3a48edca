/*
 * The routes in one table, who may take them, and the way from a request to its handler.
 */
#include "api_private.h"
#include "base/str.h"

#include <unistd.h>

static void get_version(struct request *r)
{
	json_t *o = json_object();

	json_put_str(o, "version", r->api->version);
	json_put_str(o, "site", engine_model(r->api->en)->site);
	json_put_int(o, "api", 1);
	json_put_int(o, "pid", (int64_t)getpid());
	request_json(r, 200, o);
}

static void get_health(struct request *r)
{
	request_bytes(r, "text/plain", xstrdup("ok\n"), 3);
}

static void post_shutdown(struct request *r)
{
	json_t *o = json_object();

	json_put_bool(o, "stopping", true);
	request_json(r, 202, o);
	r->api->stop_asked = true;
}

static const struct route {
	const char *method, *pattern; /* '*' stands for one segment, "**" at the end for all that follows */
	enum role role;
	void (*handle)(struct request *r);
} routes[] = {
	{ "GET", "/v1/version", ROLE_VIEWER, get_version },
	{ "GET", "/healthz", ROLE_NOBODY, get_health },
	{ "GET", "/v1/openapi.json", ROLE_VIEWER, get_openapi },
	{ "GET", "/metrics", ROLE_VIEWER, get_metrics },
	{ "GET", "/v1/offers", ROLE_VIEWER, get_offers },
	{ "POST", "/v1/plans", ROLE_VIEWER, post_plans },
	{ "POST", "/v1/fleets", ROLE_OPERATOR, post_fleets },
	{ "GET", "/v1/fleets", ROLE_VIEWER, get_fleets },
	{ "GET", "/v1/status", ROLE_VIEWER, get_status },
	{ "GET", "/v1/fleets/*", ROLE_VIEWER, get_fleet },
	{ "DELETE", "/v1/fleets/*", ROLE_OPERATOR, delete_fleet },
	{ "POST", "/v1/fleets/*/extend", ROLE_OPERATOR, post_extend },
	{ "POST", "/v1/fleets/*/resolve", ROLE_OPERATOR, post_resolve },
	{ "POST", "/v1/fleets/*/trust", ROLE_ADMIN, post_trust },
	{ "POST", "/v1/fleets/*/authorize", ROLE_OPERATOR, post_authorize },
	{ "POST", "/v1/fleets/*/exec", ROLE_OPERATOR, post_exec },
	{ "POST", "/v1/runs", ROLE_OPERATOR, post_runs },
	{ "GET", "/v1/runs", ROLE_VIEWER, get_runs },
	{ "GET", "/v1/runs/*", ROLE_VIEWER, get_run },
	{ "DELETE", "/v1/runs/*", ROLE_OPERATOR, delete_run },
	{ "GET", "/v1/runs/*/logs", ROLE_VIEWER, get_logs },
	{ "GET", "/v1/runs/*/results", ROLE_VIEWER, get_results },
	{ "GET", "/v1/runs/*/files/**", ROLE_VIEWER, get_file },
	{ "GET", "/v1/runs/*/report", ROLE_VIEWER, get_report },
	{ "GET", "/v1/compare", ROLE_VIEWER, get_compare },
	{ "GET", "/v1/imports", ROLE_VIEWER, get_imports },
	{ "POST", "/v1/imports", ROLE_OPERATOR, post_imports },
	{ "DELETE", "/v1/imports/*", ROLE_OPERATOR, delete_import },
	{ "GET", "/v1/instances/*/console", ROLE_VIEWER, get_console },
	{ "POST", "/v1/campaigns", ROLE_OPERATOR, post_campaigns },
	{ "GET", "/v1/campaigns", ROLE_VIEWER, get_campaigns },
	{ "GET", "/v1/campaigns/*", ROLE_VIEWER, get_campaign },
	{ "DELETE", "/v1/campaigns/*", ROLE_OPERATOR, delete_campaign },
	{ "POST", "/v1/campaigns/*/pause", ROLE_OPERATOR, post_campaign_pause },
	{ "POST", "/v1/campaigns/*/run", ROLE_OPERATOR, post_campaign_run },
	{ "POST", "/v1/campaigns/*/stop", ROLE_OPERATOR, post_campaign_stop },
	{ "GET", "/v1/campaigns/*/nights", ROLE_VIEWER, get_nights },
	{ "GET", "/v1/campaigns/*/nights/*", ROLE_VIEWER, get_night },
	{ "GET", "/v1/campaigns/*/next", ROLE_VIEWER, get_next },
	{ "GET", "/v1/campaigns/*/report", ROLE_VIEWER, get_night_report },
	{ "GET", "/v1/cost", ROLE_VIEWER, get_cost },
	{ "GET", "/v1/cost/report", ROLE_VIEWER, get_cost_report },
	{ "GET", "/v1/cost/focus", ROLE_VIEWER, get_cost_focus },
	{ "GET", "/v1/forecast", ROLE_VIEWER, get_forecast },
	{ "GET", "/v1/what-if", ROLE_VIEWER, get_what_if },
	{ "GET", "/v1/audit/ledger", ROLE_VIEWER, get_ledger },
	{ "GET", "/v1/budgets", ROLE_VIEWER, get_budgets },
	{ "GET", "/v1/budgets/*", ROLE_VIEWER, get_budget },
	{ "POST", "/v1/budgets", ROLE_ADMIN, post_budgets },
	{ "DELETE", "/v1/budgets/*", ROLE_ADMIN, delete_budget },
	{ "GET", "/v1/volumes", ROLE_VIEWER, get_volumes },
	{ "POST", "/v1/volumes", ROLE_OPERATOR, post_volumes },
	{ "GET", "/v1/volumes/*", ROLE_VIEWER, get_volume },
	{ "POST", "/v1/volumes/*/keep", ROLE_OPERATOR, post_volume_keep },
	{ "POST", "/v1/volumes/*/attach", ROLE_OPERATOR, post_volume_attach },
	{ "POST", "/v1/volumes/*/detach", ROLE_OPERATOR, post_volume_detach },
	{ "DELETE", "/v1/volumes/*", ROLE_OPERATOR, delete_volume },
	{ "GET", "/v1/snapshots", ROLE_VIEWER, get_snapshots },
	{ "POST", "/v1/snapshots", ROLE_OPERATOR, post_snapshots },
	{ "GET", "/v1/snapshots/*", ROLE_VIEWER, get_snapshot },
	{ "POST", "/v1/snapshots/*/keep", ROLE_OPERATOR, post_snapshot_keep },
	{ "DELETE", "/v1/snapshots/*", ROLE_OPERATOR, delete_snapshot },
	{ "GET", "/v1/events", ROLE_VIEWER, get_events },
	{ "GET", "/v1/why/*", ROLE_VIEWER, get_why },
	{ "GET", "/v1/providers", ROLE_VIEWER, get_providers },
	{ "POST", "/v1/check", ROLE_OPERATOR, post_check },
	{ "GET", "/v1/recipes", ROLE_VIEWER, get_recipes },
	{ "GET", "/v1/doctor", ROLE_VIEWER, get_doctor },
	{ "GET", "/v1/audit", ROLE_VIEWER, get_audit },
	{ "POST", "/v1/shutdown", ROLE_ADMIN, post_shutdown },
};

static bool match(struct request *r, const char *pattern)
{
	const char *p = r->path;
	int star = 0;

	for (; *pattern; pattern++) {
		if (*pattern != '*') {
			if (*p++ != *pattern)
				return false;
			continue;
		}
		size_t n = pattern[1] == '*' ? strlen(p) : strcspn(p, "/");

		if (!n || n >= sizeof(r->arg[0]))
			return false;
		memcpy(r->arg[star], p, n);
		r->arg[star++][n] = '\0';
		p += n;
		pattern += pattern[1] == '*';
	}
	return !*p;
}

static bool parse_body(struct request *r)
{
	struct err e;

	if (r->too_big) {
		err_set(&e, ERR_USAGE, "the request is too large");
		request_error(r, &e);
		return false;
	}
	if (!r->body.len)
		return true;
	r->in = json_read(r->body.data, r->body.len, &e);
	if (r->in && !json_is_object(r->in))
		err_set(&e, ERR_USAGE, "the body must be a JSON object");
	if (!r->in || !json_is_object(r->in)) {
		request_error(r, &e);
		return false;
	}
	return true;
}

const struct route *request_route(struct request *r)
{
	const struct route *found = NULL;
	bool path_known = false;
	struct err e;

	for (size_t k = 0; k < ARRAY_LEN(routes) && !found; k++) {
		if (!match(r, routes[k].pattern))
			continue;
		path_known = true;
		if (!strcmp(routes[k].method, r->method))
			found = &routes[k];
	}
	if (!found) {
		err_set(&e, path_known ? ERR_USAGE : ERR_NOT_FOUND, path_known ? "%s is not possible on %.200s" : "nothing answers %s %.200s",
		    r->method, r->path);
		request_error(r, &e);
	} else if (r->role < found->role) {
		err_set(&e, ERR_REFUSED, "%s may not do that here; ask an administrator of gpufleet", r->actor);
		request_error(r, &e);
	} else {
		return found;
	}
	return NULL;
}

void request_dispatch(struct request *r)
{
	const struct route *found = request_route(r);

	if (found && parse_body(r) && !request_again(r))
		found->handle(r);
}

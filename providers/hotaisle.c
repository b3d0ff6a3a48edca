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
#include "providers/provider.h"

#include "base/gpu.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <math.h>

#define REGION       "us-michigan-1" /* the API knows no regions; there is one site (§1) */
#define MINUTES_MAX  (366 * 24 * 60)
#define ERROR_MAX    4096           /* the provider's error sentences are short; a page is not */
#define CREATE_TIME  (300 * SECOND) /* §1: create and delete block */
#define DESTROY_TIME (300 * SECOND)

/* ---- requests ---- */

static void answer(struct http_request *req, struct op_reply *r, const char *why)
{
	req->answered = true;
	op_fail(r, VERDICT_REFUSED, "%s", why);
}

static void authenticate(const struct op_args *a, struct http_request *req)
{
	http_request_header(
	    req, "Authorization: Token %s", a->account->token.value ? a->account->token.value : "");
	http_request_header(req, "Accept: application/json");
}

/*
 * What goes into a path is a plain name: nothing else is an id or a team, and "..", '/' and '?'
 * would be other requests.
 */
static bool team_ok(const struct op_args *a, struct http_request *req, struct op_reply *r)
{
	if (str_is_name(a->account->team, NAME_MAX_ - 1))
		return true;
	answer(req, r,
	    "no usable team: set providers.hotaisle.team to the handle of the Hot Aisle team");
	return false;
}

static bool machine_url(const struct op_args *a, struct http_request *req, struct op_reply *r,
    const char *method, const char *tail)
{
	if (!team_ok(a, req, r))
		return false;
	if (!a->id || !str_is_name(a->id, ID_MAX - 1)) {
		answer(req, r, "not an id of a Hot Aisle machine");
		return false;
	}
	http_request_url(req, method, "%s/teams/%s/virtual_machines/%s/%s", a->account->api_url,
	    a->account->team, a->id, tail);
	authenticate(a, req);
	return true;
}

static bool team_url(const struct op_args *a, struct http_request *req, struct op_reply *r,
    const char *method, const char *tail)
{
	if (!team_ok(a, req, r))
		return false;
	http_request_url(
	    req, method, "%s/teams/%s/%s", a->account->api_url, a->account->team, tail);
	authenticate(a, req);
	return true;
}

/* ---- answers ---- */

static bool is_success(const struct http_response *res)
{
	return res->status >= 200 && res->status < 300;
}

/* Is this an error sentence as this provider writes them (§1)? */
static bool is_plain_text(const struct http_response *res)
{
	const char *p = res->body;

	if (*res->content_type && !str_istarts(res->content_type, "text/plain"))
		return false;
	while (p && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p && *p && !strchr("<{[", *p) && res->len <= ERROR_MAX &&
	       strlen(res->body) == res->len && str_is_utf8(res->body, res->len);
}

static enum verdict fail(
    const struct http_response *res, struct op_reply *r, enum verdict v, const char *more)
{
	struct buf line = BUF(ERROR_MAX);

	if (is_plain_text(res)) {
		buf_append(&line, res->body, strcspn(res->body, "\r\n"));
		op_fail(r, v, "Hot Aisle: %s (%d)%s", buf_str(&line), res->status, more);
	} else {
		op_fail(r, v, "Hot Aisle answered %d%s", res->status, more);
	}
	buf_free(&line);
	return v;
}

/* Errors of everything but create. A claim that a machine is gone must be the provider's own. */
static enum verdict failed(const struct http_response *res, struct op_reply *r, bool machine)
{
	switch (res->status) {
	case 401: return fail(res, r, VERDICT_DENIED, ": the API key is not accepted");
	case 403: return fail(res, r, VERDICT_DENIED, ": the API key lacks a role");
	case 404:
		if (machine && is_plain_text(res))
			return fail(res, r, VERDICT_ABSENT, "");
		return fail(res, r, machine ? VERDICT_RETRY : VERDICT_REFUSED,
		    ": is the team handle right?");
	case 400:
	case 422: return fail(res, r, VERDICT_REFUSED, "");
	default: return fail(res, r, VERDICT_RETRY, "");
	}
}

static json_t *body_of(const struct http_response *res, struct op_reply *r, enum verdict otherwise)
{
	struct err e = { 0 };
	json_t *j = json_read(res->body, res->len, &e);

	if (!j)
		op_fail(r, otherwise, "Hot Aisle's answer cannot be read: %s", e.msg);
	return j;
}

/* Whole cents or, in newer servers, a fraction of them (§2.2). */
static bool cents(const json_t *j, const char *key, money *out)
{
	double c = json_num(json_object_get(j, key), "", NAN);

	if (!isfinite(c) || fabs(c) > (double)(MONEY_MAX / CENT))
		return false;
	*out = (money)llround(c * (double)CENT);
	return true;
}

/* The GPUs of a machine: one model, any number. False: none, or mixed, or not a number. */
static bool gpus_of(const json_t *specs, char name[GPU_MAX], int *count)
{
	const json_t *gpus = json_object_get(specs, "gpus"), *row;
	char model[GPU_MAX];
	int64_t total = 0;
	size_t i;

	json_array_foreach (gpus, i, row) {
		int64_t n = json_int(row, "count", 0);

		gpu_canonical(json_str(row, "model", ""), model, sizeof(model));
		if (n < 1 || n > 64 || !*model || (i && strcmp(model, name)) || i > 64)
			return false;
		str_copy_n(name, GPU_MAX, model);
		total += n;
	}
	*count = (int)total;
	return total > 0;
}

/* ---- check: who are we, and may we (§2.1, §1 "Roles") ---- */

static void check_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	(void)c;
	if (!team_ok(a, req, r))
		return;
	http_request_url(req, "GET", "%s/user/", a->account->api_url);
	authenticate(a, req);
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
	if (!is_success(res))
		return failed(res, r, false);
	j = body_of(res, r, VERDICT_RETRY);
	if (!j)
		return VERDICT_RETRY;
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

/* ---- offers (§2.3) ---- */

static void offers_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	(void)c;
	team_url(a, req, r, "GET", "virtual_machines/available/");
}

static bool wanted(const struct op_args *a, const char *gpu, int count)
{
	char want[GPU_MAX];

	if (a->gpu_count && a->gpu_count != count)
		return false;
	if (!*a->gpu)
		return true;
	gpu_canonical(a->gpu, want, sizeof(want));
	return !strcmp(want, gpu);
}

static int gigabytes(const json_t *specs, const char *key)
{
	int64_t bytes = json_int(specs, key, 0);

	return bytes > 0 && bytes >> 30 < 1 << 24 ? (int)(bytes >> 30) : 0;
}

/* An offer has no id: its specs name it. */
static void name_offer(struct offer *o, const json_t *specs)
{
	snprintf(o->key, sizeof(o->key), "vm/%dx%s/%dc/%lld/%lld", o->gpu_count, o->gpu, o->cpus,
	    (long long)json_int(specs, "ram_capacity", 0),
	    (long long)json_int(specs, "disk_capacity", 0));
}

/* One row, or nothing where it cannot be rented by its price: unpriced, mixed, absurd. */
static void offer_from(const struct op_args *a, const json_t *row, struct op_reply *r)
{
	const json_t *specs = json_object_get(row, "Specs");
	int64_t minutes = json_int(row, "MinimumReservationMinutes", 0),
		left = json_int(row, "Quantity", 0);
	int64_t cores = json_int(specs, "cpu_cores", 0);
	const struct gpu *known;
	char gpu[GPU_MAX] = "";
	struct offer *o;
	money price;
	int count;

	if (!json_is_object(specs) || !gpus_of(specs, gpu, &count) || !wanted(a, gpu, count))
		return;
	if (!cents(row, "OnDemandPrice", &price) || price <= 0 || minutes < 0 ||
	    minutes > MINUTES_MAX)
		return;
	o = op_reply_add_offer(r);
	known = gpu_find(gpu);
	str_copy(o->gpu, gpu);
	o->gpu_count = count;
	o->gpu_memory_gb = known ? known->memory_gb : 0;
	str_copy(o->region, REGION);
	o->cpus = cores > 0 && cores < 4096 ? (int)cores : 0;
	o->ram_gb = gigabytes(specs, "ram_capacity");
	o->disk_gb = gigabytes(specs, "disk_capacity");
	o->price_hour = price;
	o->minimum_charge = money_for(price, minutes * MINUTE);
	o->available = left < 0 ? 0 : left > 100000 ? 100000 : (int)left;
	o->spec = json_text(specs);
	name_offer(o, specs);
}

static enum verdict offers_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	const json_t *row;
	json_t *j;
	size_t i;

	(void)c;
	if (!is_success(res))
		return failed(res, r, false);
	j = body_of(res, r, VERDICT_RETRY);
	if (!j)
		return VERDICT_RETRY;
	if (!json_is_array(j)) {
		json_decref(j);
		return op_fail(r, VERDICT_RETRY, "Hot Aisle's list of offers is not a list");
	}
	json_array_foreach (j, i, row)
		offer_from(a, row, r);
	json_decref(j);
	return VERDICT_OK;
}

/* ---- our SSH key (§2.11): look first, so that a key which a person registered is enough ---- */

enum { KEY_LOOK, KEY_ADD };

static void key_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req,
    struct op_reply *r)
{
	json_t *body;

	if (!a->public_key || !*a->public_key) {
		answer(req, r, "no public key to register");
		return;
	}
	http_request_url(
	    req, c->step == KEY_ADD ? "POST" : "GET", "%s/user/ssh_keys/", a->account->api_url);
	authenticate(a, req);
	if (c->step != KEY_ADD)
		return;
	body = json_object();
	json_put_str(body, "authorized_key", a->public_key);
	http_request_json(req, body);
}

/* "ssh-ed25519 AAAA… comment": is the base64 word in it this one? */
static bool same_key(const char *line, const char *base64)
{
	const char *blob = strchr(line, ' ');
	size_t n;

	if (!blob || !*base64)
		return false;
	blob += strspn(blob, " ");
	n = strcspn(blob, " \r\n");
	return strlen(base64) == n && !memcmp(blob, base64, n);
}

static bool key_known(const struct op_args *a, const json_t *keys, struct op_reply *r)
{
	const json_t *key;
	size_t i;

	json_array_foreach (keys, i, key) {
		if (!same_key(a->public_key, json_str(key, "public_key", "")))
			continue;
		str_copy(r->key_id, json_str(key, "fingerprint", ""));
		return true;
	}
	return false;
}

static enum verdict key_looked(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	json_t *j = NULL;
	bool known;

	if (res->status == 401 || res->status == 429 || res->status >= 500 || res->status < 200)
		return failed(res, r, false);
	if (is_success(res))
		j = json_read(res->body, res->len, NULL);
	known = key_known(a, j, r);
	json_decref(j);
	c->step = KEY_ADD;
	return known ? VERDICT_OK : VERDICT_MORE;
}

static enum verdict key_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	json_t *j;

	if (c->step == KEY_LOOK)
		return key_looked(a, c, res, r);
	if (res->status == 409)
		return VERDICT_OK;
	if (res->status == 403)
		return op_fail(r, VERDICT_REFUSED,
		    "the API key lacks the user role owner and cannot register SSH keys: register "
		    "the site's public key by hand for a member of team '%s' (gpufleetctl doctor prints it)",
		    a->account->team);
	if (!is_success(res))
		return failed(res, r, false);
	j = json_read(res->body, res->len, NULL);
	str_copy(r->key_id, json_str(j, "fingerprint", ""));
	json_decref(j);
	return VERDICT_OK;
}

/* ---- machines (§2.4 to §2.7) ---- */

/* False: nothing in it can be used to find or delete the machine again. */
static bool id_of(const json_t *vm, char id[ID_MAX])
{
	const json_t *uuid = json_object_get(vm, "deployment_id");
	const char *s = json_string_value(uuid);

	/*
	 * Older servers do not have it. One that is there and makes no sense is not replaced by a
	 * guess.
	 */
	if (!uuid || json_is_null(uuid) || (s && !*s))
		s = json_str(vm, "name", "");
	return s && str_is_name(s, ID_MAX - 1) && str_copy_n(id, ID_MAX, s);
}

static bool is_address(const char *s)
{
	unsigned char any[16];

	return inet_pton(AF_INET, s, any) == 1 || inet_pton(AF_INET6, s, any) == 1;
}

/*
 * A machine is listed only once it exists: with an address it runs as far as the list can tell; SSH
 * decides.
 */
static bool machine_from(const json_t *vm, struct machine *m)
{
	const char *address = json_str(vm, "ssh_access.ip_address", "");
	int64_t port = json_int(vm, "ssh_access.port", 22);

	if (!json_is_object(vm) || !id_of(vm, m->id))
		return false;
	if (!is_address(address))
		address = json_str(vm, "ip_address", "");
	if (is_address(address)) {
		str_copy(m->address, address);
		m->port = port > 0 && port < 65536 ? (int)port : 22;
	}
	m->state = *m->address ? MACHINE_RUNNING : MACHINE_STARTING;
	/* A text longer than any mark is no mark. */
	if (!str_copy(m->mark, json_str(vm, "description", "")))
		str_copy(m->mark, "?");
	if (!gpus_of(vm, m->gpu, &m->gpu_count)) {
		m->gpu[0] = '\0';
		m->gpu_count = 0;
	}
	return true;
}

static void list_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req,
    struct op_reply *r)
{
	(void)c;
	team_url(a, req, r, "GET", "virtual_machines/");
}

/* Complete or nothing: an entry that cannot be read may be ours. */
static enum verdict list_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	enum verdict v = VERDICT_OK;
	const json_t *vm;
	json_t *j;
	size_t i;

	(void)a;
	(void)c;
	if (!is_success(res))
		return failed(res, r, false);
	j = body_of(res, r, VERDICT_RETRY);
	if (!j)
		return VERDICT_RETRY;
	if (!json_is_array(j))
		v = op_fail(r, VERDICT_RETRY, "Hot Aisle's list of machines is not a list");
	json_array_foreach (j, i, vm)
		if (!machine_from(vm, op_reply_add_machine(r)))
			v = op_fail(
			    r, VERDICT_RETRY, "Hot Aisle listed a machine without a usable id");
	json_decref(j);
	return v;
}

/* Two requests: the machine, then its state, which the first does not tell. */
static void describe_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	machine_url(a, req, r, "GET", c->step ? "state/" : "");
}

static enum machine_state state_from(const char *word)
{
	static const char *const halted[] = { "shut off", "shutoff", "paused", "pmsuspended",
		"crashed", "in shutdown" };

	if (str_ieq(word, "running"))
		return MACHINE_RUNNING;
	for (size_t i = 0; i < ARRAY_LEN(halted); i++)
		if (str_ieq(word, halted[i]))
			return MACHINE_STOPPED;
	return MACHINE_UNKNOWN;
}

static enum verdict described(
    const json_t *j, struct op_cursor *c, const char *id, struct op_reply *r)
{
	struct machine m = { 0 };
	const char *state;

	if (!c->step) {
		if (!machine_from(j, &m))
			return op_fail(
			    r, VERDICT_RETRY, "Hot Aisle described a machine without a usable id");
		/*
		 * By a recycled name another machine may answer (§4.1): it comes with its own id.
		 */
		if (strcmp(m.id, id) && strcmp(json_str(j, "name", ""), id))
			return op_fail(r, VERDICT_RETRY,
			    "Hot Aisle described '%s' when asked for '%s'", m.id, id);
		*op_reply_add_machine(r) = m;
		c->step = 1;
		return VERDICT_MORE;
	}
	state = json_str(j, "state", NULL);
	if (!state || !r->machine_count)
		return op_fail(r, VERDICT_RETRY, "Hot Aisle told no state");
	r->machines[0].state = state_from(state);
	str_copy(r->machines[0].note, state);
	return VERDICT_OK;
}

static enum verdict describe_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	enum verdict v;
	json_t *j;

	if (!is_success(res))
		return failed(res, r, true);
	j = body_of(res, r, VERDICT_RETRY);
	if (!j)
		return VERDICT_RETRY;
	v = described(j, c, a->id, r);
	json_decref(j);
	return v;
}

/* ---- create (§2.4, §4.2) ---- */

static void create_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	json_t *specs = a->offer && a->offer->spec
			    ? json_read(a->offer->spec, strlen(a->offer->spec), NULL)
			    : NULL;

	(void)c;
	if (!json_is_object(specs)) {
		json_decref(specs);
		answer(req, r,
		    "the offer does not say what to ask Hot Aisle for; list the offers again");
		return;
	}
	if (!team_url(a, req, r, "POST", "virtual_machines/")) {
		json_decref(specs);
		return;
	}
	req->timeout = CREATE_TIME;
	http_request_json(req, specs);
}

/*
 * The answers after which certainly nothing was made: these statuses, in the provider's own plain
 * words.
 */
static enum verdict create_failed(const struct http_response *res, struct op_reply *r)
{
	if (!is_plain_text(res))
		return fail(res, r, VERDICT_UNSURE, " to the create, and not in its own words");
	switch (res->status) {
	case 400:
	case 422: return fail(res, r, VERDICT_REFUSED, "");
	case 401:
		return fail(res, r, VERDICT_LIMIT,
		    ": the team's limit of machines is reached, or the key is bad");
	case 402: return fail(res, r, VERDICT_LIMIT, ": add credit to the team");
	case 403:
		if (str_icontains(res->body, "limit") || str_icontains(res->body, "maximum"))
			return fail(res, r, VERDICT_LIMIT, "");
		return fail(res, r, VERDICT_REFUSED,
		    ": the API key lacks the role operator, or the team's limit is reached");
	case 404: return fail(res, r, VERDICT_NO_CAPACITY, "");
	case 428:
		return fail(
		    res, r, VERDICT_REFUSED, ": register an SSH key for a member of the team");
	case 429: return fail(res, r, VERDICT_RETRY, "");
	default: return fail(res, r, VERDICT_UNSURE, " to the create");
	}
}

static enum verdict create_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	enum verdict v = VERDICT_OK;
	json_t *j;

	(void)a;
	(void)c;
	if (!is_success(res))
		return create_failed(res, r);
	j = body_of(res, r, VERDICT_UNSURE);
	if (!j)
		return VERDICT_UNSURE;
	if (!json_is_object(j) || !id_of(j, r->id))
		v = op_fail(r, VERDICT_UNSURE, "Hot Aisle took the create and told no usable id");
	json_decref(j);
	return v;
}

/* ---- mark and destroy (§2.8, §2.9) ---- */

static void mark_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req,
    struct op_reply *r)
{
	json_t *body;

	(void)c;
	if (!machine_url(a, req, r, "PATCH", ""))
		return;
	body = json_object();
	json_put_str(body, "description", a->mark ? a->mark : "");
	http_request_json(req, body);
}

/*
 * Always by force: without it the minimum reservation keeps the machine, and the money is gone
 * either way.
 */
static void destroy_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	(void)c;
	if (machine_url(a, req, r, "DELETE", "?force=true"))
		req->timeout = DESTROY_TIME;
}

static enum verdict changed_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	(void)a;
	(void)c;
	return is_success(res) ? VERDICT_OK : failed(res, r, true);
}

/* ---- key, taken away: machines ask for the team's keys at every login, so this is for an account without any (§2.11) ---- */

/* A fingerprint in a path: without "SHA256:", and what base64 has beyond letters and digits escaped. */
static void escape_fingerprint(const char *print, char out[3 * ID_MAX + 1])
{
	size_t n = 0;

	if (!strncmp(print, "SHA256:", 7))
		print += 7;
	for (out[0] = '\0'; *print && n < 3 * ID_MAX - 3; print++)
		n += (size_t)snprintf(out + n, 3 * ID_MAX + 1 - n, strchr("+/=%?#", *print) ? "%%%02X" : "%c", (unsigned char)*print);
}

static void key_drop_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	char escaped[3 * ID_MAX + 1];

	if (!c->step) {
		key_build(a, c, req, r);
		return;
	}
	escape_fingerprint(c->token, escaped);
	http_request_url(req, "DELETE", "%s/user/ssh_keys/%s/", a->account->api_url, escaped);
	authenticate(a, req);
}

static enum verdict key_drop_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	json_t *j;
	bool known;

	if (c->step)
		return is_success(res) ? VERDICT_OK : failed(res, r, true);
	j = is_success(res) ? json_read(res->body, res->len, NULL) : NULL;
	if (!json_is_array(j)) {
		json_decref(j);
		return is_success(res) ? op_fail(r, VERDICT_RETRY, "Hot Aisle's answer has no list of keys") : failed(res, r, false);
	}
	known = key_known(a, j, r);
	json_decref(j);
	if (!known || !*r->key_id)
		return op_fail(r, VERDICT_ABSENT, "our key is not there");
	str_copy(c->token, r->key_id);
	c->step = 1;
	return VERDICT_MORE;
}

/* ---- balance (§2.2) ---- */

static void balance_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	(void)c;
	team_url(a, req, r, "GET", "balance/");
}

static enum verdict balance_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	int64_t machines;
	json_t *j;

	(void)a;
	(void)c;
	if (!is_success(res))
		return failed(res, r, false);
	j = body_of(res, r, VERDICT_RETRY);
	if (!j)
		return VERDICT_RETRY;
	machines = json_int(j, "virtual_machine_count", -1);
	r->balance.known = cents(j, "available_balance", &r->balance.available);
	if (r->balance.available < 0)
		r->balance.available = 0;
	r->balance.hourly_known =
	    cents(j, "hourly_rate", &r->balance.hourly) && r->balance.hourly >= 0;
	r->balance.machines = machines >= 0 && machines <= INT32_MAX ? (int)machines : -1;
	json_decref(j);
	if (!r->balance.known)
		return op_fail(r, VERDICT_RETRY, "Hot Aisle told no balance");
	return VERDICT_OK;
}

/*
 * No rate limit is published (§1), so ours are modest. Bills do not exist: money is the balance's
 * movement (§5), which is late by some minutes. Charged by the minute from the create on; the
 * minimum is part of each offer.
 */
const struct provider provider_hotaisle = {
	.name = "hotaisle",
	.title = "Hot Aisle",
	.api_url = "https://admin.hotaisle.app/api",
	.token_env = "HOTAISLE_TOKEN",
	.token_where = "ssh admin.hotaisle.app, API keys: user role owner (to register the SSH key) and team role operator",
	.user = "hotaisle",
	.ssh_port = 22,
	.caps = CAP_SINGLE_FLIGHT | CAP_COUNTS,
	.create_timeout = CREATE_TIME,
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
		[OP_OFFERS] = { offers_build, offers_read },
		[OP_KEY] = { key_build, key_read },
		[OP_KEY_DROP] = { key_drop_build, key_drop_read },
		[OP_CREATE] = { create_build, create_read },
		[OP_DESCRIBE] = { describe_build, describe_read },
		[OP_LIST] = { list_build, list_read },
		[OP_MARK] = { mark_build, changed_read },
		[OP_DESTROY] = { destroy_build, changed_read },
		[OP_BALANCE] = { balance_build, balance_read },
	},
};

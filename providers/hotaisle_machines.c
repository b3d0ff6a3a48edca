#include "providers/hotaisle.h"
#include "base/gpu.h"
#include "base/str.h"

#include <arpa/inet.h>

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
	if (!hotaisle_gpus_of(vm, m->gpu, &m->gpu_count)) {
		m->gpu[0] = '\0';
		m->gpu_count = 0;
	}
	return true;
}

void hotaisle_list_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req,
    struct op_reply *r)
{
	(void)c;
	hotaisle_team_url(a, req, r, "GET", "virtual_machines/");
}

/* Complete or nothing: an entry that cannot be read may be ours. */
enum verdict hotaisle_list_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	enum verdict v;
	const json_t *vm;
	json_t *j;
	size_t i;

	(void)a;
	(void)c;
	v = hotaisle_json(res, r, false, &j);
	if (v != VERDICT_OK)
		return v;
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
void hotaisle_describe_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	hotaisle_machine_url(a, req, r, "GET", c->step ? "state/" : "");
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

enum verdict hotaisle_describe_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	enum verdict v;
	json_t *j;

	v = hotaisle_json(res, r, true, &j);
	if (v != VERDICT_OK)
		return v;
	v = described(j, c, a->id, r);
	json_decref(j);
	return v;
}

/* ---- create (§2.4, §4.2) ---- */

void hotaisle_create_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	json_t *specs = a->offer && a->offer->spec
			    ? json_read(a->offer->spec, strlen(a->offer->spec), NULL)
			    : NULL;

	(void)c;
	if (!json_is_object(specs)) {
		json_decref(specs);
		hotaisle_answer(req, r,
		    "the offer does not say what to ask Hot Aisle for; list the offers again");
		return;
	}
	if (!hotaisle_team_url(a, req, r, "POST", "virtual_machines/")) {
		json_decref(specs);
		return;
	}
	req->timeout = HOTAISLE_CREATE_TIME;
	http_request_json(req, specs);
}

/*
 * The answers after which certainly nothing was made: these statuses, in the provider's own plain
 * words.
 */
static enum verdict create_failed(const struct http_response *res, struct op_reply *r)
{
	if (!hotaisle_is_plain_text(res))
		return hotaisle_fail(res, r, VERDICT_UNSURE, " to the create, and not in its own words");
	switch (res->status) {
	case 400:
	case 422: return hotaisle_fail(res, r, VERDICT_REFUSED, "");
	case 401:
		return hotaisle_fail(res, r, VERDICT_LIMIT,
		    ": the team's limit of machines is reached, or the key is bad");
	case 402: return hotaisle_fail(res, r, VERDICT_LIMIT, ": add credit to the team");
	case 403:
		if (str_icontains(res->body, "limit") || str_icontains(res->body, "maximum"))
			return hotaisle_fail(res, r, VERDICT_LIMIT, "");
		return hotaisle_fail(res, r, VERDICT_REFUSED,
		    ": the API key lacks the role operator, or the team's limit is reached");
	case 404: return hotaisle_fail(res, r, VERDICT_NO_CAPACITY, "");
	case 428:
		return hotaisle_fail(
		    res, r, VERDICT_REFUSED, ": register an SSH key for a member of the team");
	case 429: return hotaisle_fail(res, r, VERDICT_RETRY, "");
	default: return hotaisle_fail(res, r, VERDICT_UNSURE, " to the create");
	}
}

enum verdict hotaisle_create_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	enum verdict v = VERDICT_OK;
	json_t *j;

	(void)a;
	(void)c;
	if (!hotaisle_is_success(res))
		return create_failed(res, r);
	j = hotaisle_body_of(res, r, VERDICT_UNSURE);
	if (!j)
		return VERDICT_UNSURE;
	if (!json_is_object(j) || !id_of(j, r->id))
		v = op_fail(r, VERDICT_UNSURE, "Hot Aisle took the create and told no usable id");
	json_decref(j);
	return v;
}

/* ---- mark and destroy (§2.8, §2.9) ---- */

void hotaisle_mark_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req,
    struct op_reply *r)
{
	json_t *body;

	(void)c;
	if (!hotaisle_machine_url(a, req, r, "PATCH", ""))
		return;
	body = json_object();
	json_put_str(body, "description", a->mark ? a->mark : "");
	http_request_json(req, body);
}

/*
 * Always by force: without it the minimum reservation keeps the machine, and the money is gone
 * either way.
 */
void hotaisle_destroy_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	(void)c;
	if (hotaisle_machine_url(a, req, r, "DELETE", "?force=true"))
		req->timeout = HOTAISLE_DESTROY_TIME;
}

enum verdict hotaisle_changed_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	(void)a;
	(void)c;
	return hotaisle_is_success(res) ? VERDICT_OK : hotaisle_failed(res, r, true);
}

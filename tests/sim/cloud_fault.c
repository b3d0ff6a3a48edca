/*
 * The fault switches: what they are called, who knows them, and those that work the same in every cloud.
 */
#include "cloud.h"

#define ANY NULL

const struct sim_fault_info sim_faults[FAULT_NR] = {
	[FAULT_RATE_LIMIT] = { "rate_limit", ANY, 0, "429 in the provider's shape; nothing done; @N: and a Retry-After of N seconds" },
	[FAULT_AUTH_REVOKED] = { "auth_revoked", ANY, 0, "the key is not valid any more" },
	[FAULT_TRUNCATE_BODY] = { "truncate_body", ANY, 0,
	    "done; half of the body, correct framing" },
	[FAULT_CUT_BODY] = { "cut_body", ANY, 0, "done; connection cut in the middle of the body" },
	[FAULT_CUT_BEFORE] = { "cut_before", ANY, 0, "not done; connection cut before any byte" },
	[FAULT_GARBAGE_BODY] = { "garbage_body", ANY, 0, "done; the body is not JSON" },
	[FAULT_CDN_502] = { "cdn_502", ANY, 0, "not done; 502 with an HTML page" },
	[FAULT_SLOW] = { "slow", ANY, 5, "done; answered so many seconds later" },
	[FAULT_HANG] = { "hang", ANY, 0, "not done; never answered" },
	[FAULT_REDIRECT] = { "redirect", ANY, 0, "301 to another host" },
	[FAULT_CREATE_500_BEFORE] = { "create_500_before", ANY, 0, "500, nothing made" },
	[FAULT_CREATE_500_AFTER] = { "create_500_after", ANY, 0, "made, then 500" },
	[FAULT_CREATE_CUT_BEFORE] = { "create_cut_before", ANY, 0,
	    "nothing made, connection cut before any byte" },
	[FAULT_CREATE_CUT_AFTER] = { "create_cut_after", ANY, 0,
	    "made, connection cut before any byte" },
	[FAULT_CREATE_HANG_BEFORE] = { "create_hang_before", ANY, 0,
	    "nothing made, never answered" },
	[FAULT_CREATE_HANG_AFTER] = { "create_hang_after", ANY, 0, "made, never answered" },
	[FAULT_CREATE_TRUNCATED] = { "create_truncated", ANY, 0,
	    "made, half of the answer's body" },
	[FAULT_CREATE_NO_ID] = { "create_no_id", ANY, 0, "made, success with the body {}" },
	[FAULT_CREATE_NO_CAPACITY] = { "create_no_capacity", ANY, 0, "refused: no stock" },
	[FAULT_CREATE_NO_MONEY] = { "create_no_money", ANY, 0, "refused: balance too low" },
	[FAULT_CREATE_QUOTA] = { "create_quota", ANY, 0, "refused: the account's limit" },
	[FAULT_CREATE_DENIED] = { "create_denied", ANY, 0, "refused: the key may not do this" },
	[FAULT_CREATE_TWICE] = { "create_twice", ANY, 0, "two machines for one request" },
	[FAULT_CREATE_DEARER] = { "create_dearer", ANY, 0,
	    "made at one and a half times the quoted price" },
	[FAULT_CREATE_LATE] = { "create_late", ANY, 60,
	    "made and billed, shown only so many seconds later" },
	[FAULT_CREATE_ASYNC_FAIL] = { "create_async_fail", "digitalocean", 0,
	    "202, then the action errs and the droplet goes" },
	[FAULT_CREATE_SUCCESS_FALSE_WITH_ID] = { "create_success_false_with_id", "vastai", 0,
	    "success:false with new_contract: stopped, its disk billed" },
	[FAULT_WRONG_GPU_COUNT] = { "wrong_gpu_count", ANY, 0, "a quarter of the GPUs are there; @1: as many, but of another model" },
	[FAULT_LIST_500] = { "list_500", ANY, 0, "listings answer 500" },
	[FAULT_LIST_STALE] = { "list_stale", ANY, 60,
	    "listings show the state of so many seconds ago" },
	[FAULT_LIST_EMPTY] = { "list_empty", ANY, 0, "200 with an empty list" },
	[FAULT_LIST_DROPS_ONE] = { "list_drops_one", ANY, 0, "a listing lacks one machine" },
	[FAULT_LIST_REPEATS] = { "list_repeats", ANY, 0,
	    "a listing shows its first machine twice" },
	[FAULT_LIST_LOOP] = { "list_loop", ANY, 0,
	    "the next page is for ever the same page (not at Hot Aisle: no pages)" },
	[FAULT_DELETE_500] = { "delete_500", ANY, 0, "500, not deleted" },
	[FAULT_DELETE_IGNORED] = { "delete_ignored", ANY, 0,
	    "success, but the machine stays and bills" },
	[FAULT_DELETE_LAG] = { "delete_lag", ANY, 60, "deleted, still shown for so many seconds" },
	[FAULT_DELETE_404] = { "delete_404", ANY, 0,
	    "404 although the machine is there and stays" },
	[FAULT_DELETE_BUSY] = { "delete_busy", ANY, 0, "refused: another event is running" },
	[FAULT_DELETE_UNDONE] = { "delete_undone", ANY, 600,
	    "success, and for so many seconds it is not shown; then it is there again and was billed all the time" },
	[FAULT_READ_404] = { "read_404", ANY, 0, "asked for alone it is absent, although it is there and listed" },
	[FAULT_BOOT_NEVER] = { "boot_never", ANY, 0, "never reaches running" },
	[FAULT_SSH_NEVER] = { "ssh_never", ANY, 0, "runs, sshd never answers" },
	[FAULT_HOST_DIES] = { "host_dies", ANY, 5,
	    "sshd and all that runs there end so many seconds after it answered" },
	[FAULT_STATE_UNKNOWN] = { "state_unknown", ANY, 0,
	    "its state is a word nobody documented" },
	[FAULT_LOSE_FIRST_PATCH] = { "lose_first_patch", "hotaisle", 0,
	    "204 for a description that is not stored" },
	[FAULT_LIMIT_403] = { "limit_403", "hotaisle", 0, "over the VM limit: 403 instead of 401" },
	[FAULT_CREATE_201] = { "create_201", "hotaisle", 0, "create answers 201 instead of 200" },
	[FAULT_NO_DEPLOYMENT_ID] = { "no_deployment_id", "hotaisle", 0,
	    "the older API: machines have a name only" },
	[FAULT_HIDE_SOLD_OUT] = { "hide_sold_out", "hotaisle", 0,
	    "sold-out types are missing instead of 0" },
	[FAULT_SPEC_STATES] = { "spec_states", "runpod", 0,
	    "PROVISIONING and STARTING before RUNNING, as documented" },
	[FAULT_NO_PAGING] = { "no_paging", "runpod", 0, "the API of August 2026: no pages" },
	[FAULT_ERROR_BODY] = { "legacy_errors", "runpod", 0, "errors as {\"error\": text}" },
	[FAULT_AUTH_401] = { "auth_401", "vastai", 0, "a wrong key answers 401 instead of 404" },
	[FAULT_RATE_JSON] = { "rate_json", "vastai", 0, "429 with a JSON body and retry_after" },
	[FAULT_GONE_410] = { "gone_410", "vastai", 0, "an offer that is gone: 410 instead of 404" },
	[FAULT_GONE_400] = { "gone_400", "vastai", 0, "an offer that is gone: 400 instead of 404" },
	[FAULT_IGNORE_FILTERS] = { "ignore_filters", "vastai", 0,
	    "searches ignore numeric filters" },
	[FAULT_IMAGE_FAILS] = { "image_fails", "vastai", 0,
	    "stays in created: OCI runtime create failed" },
	[FAULT_BID_LOST] = { "bid_lost", "vastai", 0,
	    "the next search of own instances finds the newest outbid" },
	/* Of volumes and snapshots: not at Hot Aisle, which sells none. */
	[FAULT_STORAGE_500_BEFORE] = { "storage_500_before", ANY, 0, "a volume or snapshot is asked for: 500, nothing made" },
	[FAULT_STORAGE_500_AFTER] = { "storage_500_after", ANY, 0, "a volume or snapshot is made, then 500" },
	[FAULT_STORAGE_HANG_AFTER] = { "storage_hang_after", ANY, 0, "a volume or snapshot is made, never answered" },
	[FAULT_STORAGE_LATE] = { "storage_late", ANY, 30, "a volume or snapshot is made and billed, shown only so many seconds later" },
	[FAULT_STORAGE_LIST_500] = { "storage_list_500", ANY, 0, "lists of volumes and snapshots answer 500" },
	[FAULT_STORAGE_DELETE_500] = { "storage_delete_500", ANY, 0, "a volume or snapshot is not deleted: 500" },
	[FAULT_SNAPSHOT_ERRS] = { "snapshot_errs", "digitalocean", 0, "the action that makes or transfers a snapshot errs: nothing made" },
	[FAULT_ATTACH_ERRS] = { "attach_errs", "digitalocean", 0, "the action that attaches or detaches a volume errs: nothing changed" },
	[FAULT_VOLUME_BUSY_409] = { "volume_busy_409", "runpod", 0, "delete of a volume in use: 409 instead of 400" },
	[FAULT_TRAFFIC] = { "traffic", "vastai", 40, "machines pull an image of so many GB, and send a twentieth of that: both are billed" },
};

int cloud_set_fault(struct cloud *c, const char *name, int count, int seconds, struct err *e)
{
	for (int i = 0; i < FAULT_NR; i++) {
		const struct sim_fault_info *f = &sim_faults[i];

		if (strcmp(f->name, name))
			continue;
		if (f->cloud && strcmp(f->cloud, c->model->name))
			return err_set(e, ERR_USAGE, "%s has no fault '%s'; it belongs to %s",
			    c->model->name, name, f->cloud);
		c->fault_left[i] = count;
		c->fault_seconds[i] = seconds >= 0 ? seconds : f->seconds;
		return 0;
	}
	return err_set(
	    e, ERR_USAGE, "there is no fault '%s'; gpufleet-sim --list-faults shows them", name);
}

int cloud_set_fault_text(struct cloud *c, const char *text, struct err *e)
{
	int64_t count = -1, seconds = -1;
	char name[64], *at, *eq;

	if (!str_copy(name, text))
		return err_set(e, ERR_USAGE, "fault '%s' is too long", text);
	at = strchr(name, '@');
	if (at)
		*at++ = '\0';
	eq = strchr(name, '=');
	if (eq)
		*eq++ = '\0';
	if ((at && !str_to_i64(at, 0, 86400 * 365, &seconds)) ||
	    (eq && !str_to_i64(eq, -1, 1000000000, &count)))
		return err_set(e, ERR_USAGE, "fault '%s' is not name[=count][@seconds]", text);
	return cloud_set_fault(c, name, (int)count, (int)seconds, e);
}

bool cloud_fault_on(const struct cloud *c, enum sim_fault f)
{
	return c->fault_left[f] != 0;
}

bool cloud_fault(struct cloud *c, enum sim_fault f)
{
	if (!c->fault_left[f])
		return false;
	if (c->fault_left[f] > 0)
		c->fault_left[f]--;
	c->fault_fired[f]++;
	return true;
}

duration cloud_fault_time(const struct cloud *c, enum sim_fault f)
{
	return c->fault_seconds[f] * SECOND;
}

bool cloud_create_refused(struct cloud *c, struct sim_response *r)
{
	static const struct {
		enum sim_fault fault;
		enum sim_error error;
	} refusals[] = {
		{ FAULT_CREATE_500_BEFORE, SIM_E_SERVER },
		{ FAULT_CREATE_NO_CAPACITY, SIM_E_CAPACITY },
		{ FAULT_CREATE_NO_MONEY, SIM_E_MONEY },
		{ FAULT_CREATE_QUOTA, SIM_E_QUOTA },
		{ FAULT_CREATE_DENIED, SIM_E_DENIED },
	};

	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		if (cloud_fault(c, refusals[i].fault)) {
			c->model->error(c, r, refusals[i].error);
			return true;
		}
	}
	if (cloud_fault(c, FAULT_CREATE_CUT_BEFORE))
		r->cut = SIM_CUT_BEFORE;
	else if (cloud_fault(c, FAULT_CREATE_HANG_BEFORE))
		r->cut = SIM_CUT_HANG;
	return r->cut != SIM_CUT_NONE;
}

static void halve(struct sim_response *r)
{
	if (r->body.len > 1) {
		r->body.len /= 2;
		r->body.data[r->body.len] = '\0';
	}
}

void cloud_create_answered(struct cloud *c, struct sim_response *r)
{
	if (cloud_fault(c, FAULT_CREATE_500_AFTER))
		c->model->error(c, r, SIM_E_SERVER);
	else if (cloud_fault(c, FAULT_CREATE_CUT_AFTER))
		r->cut = SIM_CUT_BEFORE;
	else if (cloud_fault(c, FAULT_CREATE_HANG_AFTER))
		r->cut = SIM_CUT_HANG;
	else if (cloud_fault(c, FAULT_CREATE_TRUNCATED))
		halve(r);
	else if (cloud_fault(c, FAULT_CREATE_NO_ID))
		sim_answer_json(r, r->status, json_object());
}

bool cloud_list_refused(struct cloud *c, struct sim_response *r)
{
	if (!cloud_fault(c, FAULT_LIST_500))
		return false;
	c->model->error(c, r, SIM_E_SERVER);
	return true;
}

/* Faults that keep the request from the model. */
static bool intercepted(struct cloud *c, struct sim_response *r)
{
	if (cloud_fault(c, FAULT_CUT_BEFORE)) {
		r->cut = SIM_CUT_BEFORE;
	} else if (cloud_fault(c, FAULT_HANG)) {
		r->cut = SIM_CUT_HANG;
	} else if (cloud_fault(c, FAULT_RATE_LIMIT)) {
		c->model->error(c, r, SIM_E_RATE);
		if (cloud_fault_time(c, FAULT_RATE_LIMIT))
			sim_add_header(r, "Retry-After", "%d", (int)(cloud_fault_time(c, FAULT_RATE_LIMIT) / SECOND));
	} else if (cloud_fault(c, FAULT_AUTH_REVOKED)) {
		c->model->error(c, r, SIM_E_AUTH);
	} else if (cloud_fault(c, FAULT_CDN_502)) {
		sim_answer_text(r, 502,
		    "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n");
		str_copy(r->type, "text/html");
	} else if (cloud_fault(c, FAULT_REDIRECT)) {
		sim_answer_empty(r, 301);
		sim_add_header(r, "Location", "https://moved.invalid/");
	} else {
		return false;
	}
	return true;
}

static void spoil(struct cloud *c, struct sim_response *r)
{
	if (cloud_fault(c, FAULT_SLOW))
		r->delay += cloud_fault_time(c, FAULT_SLOW);
	if (r->cut != SIM_CUT_NONE || r->status < 200 || r->status > 299 || r->body.len < 2)
		return;
	if (cloud_fault(c, FAULT_TRUNCATE_BODY)) {
		halve(r);
	} else if (cloud_fault(c, FAULT_GARBAGE_BODY)) {
		buf_reset(&r->body);
		buf_append(&r->body, "\x00\xff<!doctype html>{\"id\":", 23);
	} else if (cloud_fault(c, FAULT_CUT_BODY)) {
		r->cut = SIM_CUT_MID;
	}
}

static void log_request(struct cloud *c, const struct sim_request *q, const struct sim_response *r)
{
	struct sim_log *l;

	/* Long simulations keep the newest requests; the count goes on. */
	if (c->log_count == 200000) {
		memmove(c->log, c->log + 100000, 100000 * sizeof(*c->log));
		c->log_count = 100000;
	}
	if (c->log_count == c->log_cap) {
		c->log_cap = c->log_cap ? c->log_cap * 2 : 64;
		c->log = xreallocarray(c->log, c->log_cap, sizeof(*c->log));
	}
	l = &c->log[c->log_count++];
	memset(l, 0, sizeof(*l));
	l->number = ++c->requests;
	l->time = c->now;
	str_copy(l->method, q->method);
	str_copy(l->path, q->path);
	str_copy(l->query, q->query ? q->query : "");
	l->status = r->cut == SIM_CUT_NONE || r->cut == SIM_CUT_MID ? r->status : 0;
}

void cloud_handle(struct cloud *c, instant now, const struct sim_request *q, struct sim_response *r)
{
	cloud_tick(c, now);
	if (!intercepted(c, r)) {
		c->model->handle(c, q, r);
		spoil(c, r);
	}
	log_request(c, q, r);
}

/*
 * vast.ai: instances, from create to destroy (providers/vastai.md §2.4–2.11).
 */
#include "base/str.h"
#include "providers/vastai.h"

#define LIST_ROWS 25
#define TAIL      "5000" /* BOOTLOG_LINES */
#define LOG_WAIT  (5 * SECOND)

/* All paths end in a slash: without it the server redirects or finds nothing (§1). */
static void request_instance(const struct op_args *a, const char *method, json_t *body, struct http_request *req)
{
	struct buf id = BUF(4 * ID_MAX);

	str_percent_encode(&id, a->id);
	http_request_url(req, method, "%s/api/v0/instances/%s/", vastai_base_url(a), buf_str(&id));
	buf_free(&id);
	vastai_add_headers(a, req);
	if (body)
		http_request_json(req, body);
}

/* `value` without the white space around it, which comes with addresses (§2.5). False: too long. */
static bool read_trimmed(const json_t *j, const char *path, char *out, size_t size)
{
	const char *s = json_str(j, path, "");
	size_t n;

	s += strspn(s, " \t\r\n");
	n = strcspn(s, " \t\r\n");
	out[0] = '\0';
	if (n >= size)
		return false;
	memcpy(out, s, n);
	out[n] = '\0';
	return true;
}

static void answer(struct http_request *req, struct op_reply *r, enum verdict v)
{
	req->answered = true;
	r->verdict = v;
}

/* ---- create ---------------------------------------------------------------------------------------------------------- */

/*
 * Logins drop into tmux unless told otherwise, and the container's environment is not that of an SSH session (§2.8).
 * It runs at every start of the container: the marker keeps it from writing the environment twice.
 */
#define ON_START \
	"touch ~/.no_auto_tmux; [ -e ~/.gpufleet-env ] || " \
	"{ env | grep -E '^[A-Za-z_][A-Za-z0-9_]*=' >> /etc/environment && touch ~/.gpufleet-env; }; " \
	"(" BOOTLOG_PRINT_KEYS ") >/proc/1/fd/1 2>&1"

static const char *image_of(const struct op_args *a, const json_t *spec)
{
	extern const struct provider provider_vastai;

	if (a->image && *a->image)
		return a->image;
	if (a->account->image[0])
		return a->account->image;
	return strcmp(json_str(spec, "arch", ""), "amd") ? provider_vastai.image_nvidia : provider_vastai.image_amd;
}

/* The disk is what the offer was priced with, unless the caller insists. */
static int64_t disk_to_create(const struct op_args *a, const json_t *spec)
{
	int64_t priced = json_int(spec, "disk", 0);

	return a->disk_gb > 0 || priced < VASTAI_DISK_MIN ? vastai_disk_of(a) : priced;
}

static json_t *volume_info(const struct op_args *a)
{
	json_t *info = json_object();

	json_put_bool(info, "create_new", false);
	json_put_int(info, "volume_id", strtoll(a->volume->id, NULL, 10));
	json_put_str(info, "mount_path", a->volume_path);
	return info;
}

/* What cannot work, in one sentence; NULL: nothing. A volume never leaves its machine (§2.15). */
static const char *misfit(const struct op_args *a)
{
	int64_t id;

	if (a->snapshot)
		return "vast.ai has no snapshots to start an instance from";
	if (!a->volume)
		return NULL;
	if (!str_to_i64(a->volume->id, 1, INT64_MAX, &id) || !a->volume_path || *a->volume_path != '/')
		return "a volume needs its id and an absolute path in the instance";
	return !*a->volume->host || strcmp(a->volume->host, a->offer->host) != 0 ? "the offer is on another machine than the volume" : NULL;
}

static json_t *create_body(const struct op_args *a, const json_t *spec)
{
	json_t *body = json_object();
	money bid;

	json_put_str(body, "client_id", "me");
	json_put_str(body, "image", image_of(a, spec));
	json_put_str(body, "label", a->mark);
	json_put_int(body, "disk", disk_to_create(a, spec));
	json_put_str(body, "runtype", "ssh_direct");
	json_put_str(body, "onstart", ON_START);
	json_put_str(body, "target_state", "running");
	json_put_bool(body, "cancel_unavail", true); /* else a stopped, billing instance is left behind (§2.4) */
	if (a->volume)
		json_put(body, "volume_info", volume_info(a));
	if (json_money(spec, "bid", &bid) && bid > 0) /* its presence alone makes the rental interruptible (§2.12) */
		json_put_money(body, "price", bid);
	return body;
}

void vastai_create_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	json_t *spec = NULL;
	char ask[ID_MAX] = "";
	money bid;

	(void)c;
	if (a->offer && a->offer->spec)
		spec = json_read(a->offer->spec, strlen(a->offer->spec), NULL);
	vastai_read_id(spec, "ask", ask);
	if (!*ask || !a->mark || !*a->mark || (a->offer->spot && !json_money(spec, "bid", &bid))) {
		answer(req, r, op_fail(r, VERDICT_REFUSED, "the instance was not asked for: its offer or mark is missing"));
	} else if (misfit(a)) {
		answer(req, r, op_fail(r, VERDICT_REFUSED, "%s", misfit(a)));
	} else {
		http_request_url(req, "PUT", "%s/api/v0/asks/%s/", vastai_base_url(a), ask);
		vastai_add_headers(a, req);
		http_request_json(req, create_body(a, spec));
	}
	json_decref(spec);
}

/*
 * A definite no needs vast.ai's own words and a status of the sheet (§2.4); everything else may have made something.
 * "invalid_price" means that the floor for bids has risen since the search: another offer may do.
 */
enum verdict vastai_refusal_of(const struct http_response *res, const json_t *j)
{
	bool too_fast = str_istarts(res->body, "API requests too frequent") ||
	    str_icontains(vastai_text_of(j), "too frequent") || !strcmp(json_str(j, "error", ""), "rate_limit_exceeded");
	enum vastai_complaint kind = vastai_complaint_of(j);

	switch (res->status) {
	case 429: return too_fast ? VERDICT_RETRY : VERDICT_UNSURE;
	case 400: case 401: case 402: case 403: case 404: case 410: case 422: break;
	default: return VERDICT_UNSURE;
	}
	switch (kind) {
	case VASTAI_AUTH: return VERDICT_DENIED;
	case VASTAI_NO_ASK: return VERDICT_NO_CAPACITY;
	case VASTAI_MONEY: return VERDICT_LIMIT;
	case VASTAI_NONE: return VERDICT_UNSURE;
	case VASTAI_NO_INSTANCE: case VASTAI_NO_VOLUME: case VASTAI_OTHER: break;
	}
	if (!strcmp(json_str(j, "error", ""), "invalid_price"))
		return VERDICT_NO_CAPACITY;
	switch (res->status) {
	case 401: return VERDICT_DENIED;
	case 402: return VERDICT_LIMIT;
	case 400: case 403: case 422: return VERDICT_REFUSED;
	default: return VERDICT_UNSURE; /* a 404 or 410 that does not name the ask */
	}
}

enum verdict vastai_create_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = res->outcome == HTTP_ANSWERED ? json_read(res->body, res->len, NULL) : NULL;
	char text[TEXT_MAX];

	(void)a;
	(void)c;
	if (res->outcome != HTTP_ANSWERED)
		return op_fail(r, res->outcome == HTTP_NOT_SENT ? VERDICT_RETRY : VERDICT_UNSURE, "%s", res->trouble);
	vastai_own_words(j, res, text);
	if (vastai_read_id(j, "new_contract", r->id)) {
		r->destroy_now = !vastai_is_success(res) || !json_bool(j, "success", !*json_str(j, "error", ""));
		r->verdict = VERDICT_OK;
		if (r->destroy_now)
			op_fail(r, VERDICT_OK, "%s", text);
	} else if (vastai_is_success(res)) {
		op_fail(r, VERDICT_UNSURE, "vast.ai did not say what the create made: %s", text);
	} else {
		if (res->status == 429)
			vastai_read_haste(j, r);
		op_fail(r, vastai_refusal_of(res, j), "%s", text);
	}
	json_decref(j);
	return r->verdict;
}

/* ---- describe and list ----------------------------------------------------------------------------------------------- */

/* A start that failed says so only here and stays "created" or "loading" for ever (§2.7). */
static bool start_failed(const char *status_msg)
{
	static const char *const signs[] = {
		"OCI runtime create failed", "manifest unknown", "manifest for ", "pull access denied", "unauthorized:",
		"no matching manifest", "repository does not exist", "invalid reference format",
	};

	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		if (str_icontains(status_msg, signs[i]))
			return true;
	}
	return false;
}

static enum machine_state state_of(const json_t *row)
{
	static const struct { const char *status; enum machine_state state; } states[] = {
		{ "", MACHINE_STARTING }, { "created", MACHINE_STARTING }, { "loading", MACHINE_STARTING },
		{ "rebooting", MACHINE_STARTING }, { "recycling", MACHINE_STARTING }, { "restarting", MACHINE_STARTING },
		{ "running", MACHINE_RUNNING }, { "stopped", MACHINE_STOPPED }, { "frozen", MACHINE_STOPPED },
		{ "exited", MACHINE_ENDED }, /* never comes back alone; the disk is billed until it is destroyed */
	};
	const char *intended = json_str(row, "intended_status", "");
	const char *actual = json_str(row, "actual_status", json_is_null(json_path(row, "actual_status")) ? "" : "missing");
	enum machine_state state = MACHINE_UNKNOWN; /* "unknown", "offline": may come back */

	/* Outbid, taken back by the host or out of credit: all three say stopped, whatever the container still reports. */
	if (!strcmp(intended, "stopped"))
		return MACHINE_STOPPED;
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		if (!strcmp(actual, states[i].status))
			state = states[i].state;
	}
	if (state == MACHINE_STARTING && start_failed(json_str(row, "status_msg", "")))
		state = MACHINE_ENDED;
	return state;
}

/* A host name or address that is safe to hand to a resolver and to show; never an option in disguise. */
static bool is_host(const char *s)
{
	return *s && *s != '-' &&
	    strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:-") == strlen(s);
}

static bool put_address(const struct account *account, const json_t *row, const char *host, const char *port,
    struct machine *m)
{
	int64_t number = account->ssh_port ? account->ssh_port : json_int(row, port, 0);
	char text[ADDRESS_MAX];

	if (!read_trimmed(row, host, text, sizeof(text)) || !is_host(text) || number < 1 || number > 65535 ||
	    json_int(row, port, 0) < 1)
		return false;
	str_copy(m->address, text);
	m->port = (int)number;
	return true;
}

/* The mapped port when there is one, else vast.ai's proxy, which is there from the beginning and so is taken last (§2.8). */
static void read_address(const struct account *account, const json_t *row, struct machine *m)
{
	if (!put_address(account, row, "public_ipaddr", "ports.22/tcp.0.HostPort", m) && m->state == MACHINE_RUNNING)
		put_address(account, row, "ssh_host", "ssh_port", m);
}

static void read_note(const json_t *row, struct machine *m)
{
	const char *status = json_str(row, "actual_status", "provisioning"), *more = json_str(row, "status_msg", "");
	struct buf b = BUF(8 * TEXT_MAX);

	str_safe(&b, status, strnlen(status, 32), false);
	if (*more) {
		buf_puts(&b, ": ");
		str_safe(&b, more, strnlen(more, 160), false);
	}
	str_copy(m->note, buf_str(&b));
	buf_free(&b);
}

static bool read_instance(const struct account *account, const json_t *row, struct machine *m)
{
	int64_t count = json_int(row, "num_gpus", 0);
	int gb;

	memset(m, 0, sizeof(*m));
	if (!vastai_read_id(row, "id", m->id))
		return false;
	str_copy(m->mark, json_str(row, "label", ""));
	m->state = state_of(row);
	read_address(account, row, m);
	if (*json_str(row, "gpu_name", ""))
		vastai_name_gpu(row, m->gpu, &gb);
	m->gpu_count = count > 0 && count <= 1024 ? (int)count : 0;
	if (m->state != MACHINE_STOPPED && m->state != MACHINE_ENDED)
		json_money(row, "dph_total", &m->price_hour);
	json_time(row, "start_date", &m->created);
	read_note(row, m);
	return true;
}

void vastai_describe_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c;
	(void)r;
	request_instance(a, "GET", NULL, req);
}

/* One object below a plural key; an array was seen too. Null: destroyed, unknown or not yet visible (§2.6). */
enum verdict vastai_describe_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res,
    struct op_reply *r)
{
	json_t *j = vastai_body_of(res, r);
	const json_t *row = json_path(j, "instances");
	struct machine m;

	(void)c;
	if (!j)
		return r->verdict;
	if (json_array_size(row) == 1)
		row = json_array_get(row, 0);
	if (json_is_null(row)) {
		op_fail(r, VERDICT_ABSENT, "vast.ai knows no instance %s", a->id);
	} else if (!read_instance(a->account, row, &m) || strcmp(m.id, a->id)) {
		vastai_unreadable(r, "instance of that id");
	} else {
		*op_reply_add_machine(r) = m;
		r->verdict = VERDICT_OK;
	}
	json_decref(j);
	return r->verdict;
}

void vastai_list_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	struct buf b = BUF(4 * sizeof(c->token) + 256);

	(void)r;
	vastai_put_query(&b, "order_by", json_pack("[{s:s,s:s}]", "col", "id", "dir", "asc"));
	vastai_put_token(&b, c);
	http_request_url(req, "GET", "%s/api/v1/instances/?limit=%d%s", vastai_base_url(a), LIST_ROWS, buf_str(&b));
	buf_free(&b);
	vastai_add_headers(a, req);
}

static int by_id(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int64_t distinct(const struct op_reply *r)
{
	const char **ids = xcalloc(r->machine_count + 1, sizeof(*ids));
	int64_t n = 0;

	for (size_t i = 0; i < r->machine_count; i++)
		ids[i] = r->machines[i].id;
	qsort(ids, r->machine_count, sizeof(*ids), by_id);
	for (size_t i = 0; i < r->machine_count; i++)
		n += !i || strcmp(ids[i], ids[i - 1]) != 0;
	free(ids);
	return n;
}

/*
 * Is there more? A token that is neither null nor usable makes the listing void, and so does a total that changed on the way
 * or that we did not reach. cursor: number is the first page's total plus one, 0 before it is known.
 */
static enum verdict page_end(const json_t *j, struct op_cursor *c, struct op_reply *r)
{
	const json_t *next = json_path(j, "next_token");
	int64_t total = json_int(j, "total_instances", -1);

	if (total >= 0 && c->number && c->number != total + 1)
		return op_fail(r, VERDICT_RETRY, "the number of instances changed while vast.ai listed them");
	if (!next || json_is_null(next) || (json_is_string(next) && !*json_string_value(next)))
		return total >= 0 && distinct(r) < total ? vastai_unreadable(r, "and complete list of instances") : VERDICT_OK;
	if (!json_is_string(next) || !strcmp(json_string_value(next), c->token) || !str_copy(c->token, json_string_value(next)))
		return vastai_unreadable(r, "token for the next page");
	c->page++;
	c->number = total >= 0 ? total + 1 : 0;
	return VERDICT_MORE;
}

enum verdict vastai_list_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = vastai_listing_of(res, r);
	const json_t *rows = json_path(j, "instances"), *row;
	int64_t count = (int64_t)json_array_size(rows);
	enum verdict v = VERDICT_OK;
	struct machine m;
	size_t i;

	if (!j)
		return r->verdict;
	if (!json_is_array(rows) || json_int(j, "instances_found", count) != count)
		v = vastai_unreadable(r, "list of instances");
	json_array_foreach(rows, i, row) {
		if (v != VERDICT_OK)
			break;
		if (!read_instance(a->account, row, &m)) /* the one we cannot read may be ours */
			v = vastai_unreadable(r, "id for one of the instances");
		else
			*op_reply_add_machine(r) = m;
	}
	if (v == VERDICT_OK)
		v = page_end(j, c, r);
	json_decref(j);
	return r->verdict = v;
}

/* ---- mark and destroy ------------------------------------------------------------------------------------------------ */

/* For requests that only do something: `success` has to be there and true. */
static enum verdict done_or_failed(const struct http_response *res, struct op_reply *r)
{
	json_t *j = vastai_body_of(res, r);

	if (!j)
		return r->verdict;
	r->verdict = json_bool(j, "success", false) ? VERDICT_OK : vastai_unreadable(r, "word on whether it was done");
	json_decref(j);
	return r->verdict;
}

void vastai_mark_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	json_t *body = json_object();

	(void)c;
	(void)r;
	json_put_str(body, "label", a->mark);
	request_instance(a, "PUT", body, req);
}

enum verdict vastai_mark_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	(void)a;
	(void)c;
	return done_or_failed(res, r);
}

void vastai_destroy_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c;
	(void)r;
	request_instance(a, "DELETE", json_object(), req);
}

enum verdict vastai_destroy_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res,
    struct op_reply *r)
{
	(void)a;
	(void)c;
	return done_or_failed(res, r);
}

/* ---- log ------------------------------------------------------------------------------------------------------- */

/* cursor: step 0 asks for the log, which vast.ai then puts where token says; step 1 fetches it (§2.14). */
void vastai_log_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)r;
	if (c->step == 1) { /* a storage service: our token is none of its business */
		http_request_url(req, "GET", "%s", c->token);
		return;
	}
	http_request_url(req, "PUT", "%s/api/v0/instances/request_logs/%s", vastai_base_url(a), a->id);
	vastai_add_headers(a, req);
	http_request_json(req, json_pack("{ss}", "tail", TAIL));
}

static enum verdict read_place(const json_t *j, struct op_cursor *c, struct op_reply *r)
{
	const char *url = json_str(j, "result_url", "");

	if (!json_bool(j, "success", false) || !*url || !str_copy(c->token, url))
		return vastai_unreadable(r, "place of the log");
	c->step = 1;
	return VERDICT_MORE;
}

enum verdict vastai_log_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res,
    struct op_reply *r)
{
	struct bootlog b = { .lines = 0 };
	enum verdict v;
	json_t *j;

	(void)a;
	if (c->step == 0) {
		j = vastai_body_of(res, r);
		v = j ? read_place(j, c, r) : r->verdict;
		json_decref(j);
		return r->verdict = v;
	}
	if (!vastai_is_success(res)) { /* 403 or 404 until the machine has sent it */
		op_fail(r, VERDICT_RETRY, "the log is not there yet (HTTP %d)", res->status);
		r->retry_after = LOG_WAIT;
		return r->verdict;
	}
	bootlog_text(&b, res->body, res->len);
	op_reply_log(r, res->body, res->len);
	str_copy(r->host_keys, bootlog_proves(&b) ? b.prints : "");
	return r->verdict = VERDICT_OK;
}

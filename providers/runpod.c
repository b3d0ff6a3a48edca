/*
 * RunPod: pods of GPUs, spoken to by REST v2. GraphQL only for the balance, which v2 does not have (providers/runpod.md §0, §9).
 *
 * What is particular here:
 *   - a create has no idempotency key and names repeat: the mark is the name, and the core finds it again by listing (§6);
 *   - a 5xx may hide a success, so it is UNSURE and never retried;
 *   - "sold out" is a 400 told apart by its sentence only (§5);
 *   - a 403 that is not a problem document comes from the CDN in front and says nothing about the key (§0.2);
 *   - RUNNING is not readiness: a pod counts as running once `ssh.direct` is there (§0.4); `ssh.proxy` is never used;
 *   - our public key goes into the pod's environment, so the account's list of keys is never written (§7).
 */
#include "base/gpu.h"
#include "base/str.h"
#include "providers/provider.h"

#define API_URL  "https://api.runpod.io/v2"
#define PAGE_MAX 1000 /* the largest `limit` that lists accept (§1) */
#define DISK_GB  150  /* container disk when nobody says: an image and a model of 70 billion parameters in FP8 */

/* Container disk costs $0.10 per GB-month on top of the GPU (§8). A month of 720 hours reserves a little too much, never too little. */
#define DISK_MONTH     (10 * CENT)
#define HOURS_IN_MONTH 720

static const int offered_counts[] = { 1, 2, 4, 8 };

/* ---- requests -------------------------------------------------------------------------------------------------------- */

static const char *base_url(const struct op_args *a)
{
	return a->account->api_url[0] ? a->account->api_url : API_URL;
}

static void add_headers(const struct op_args *a, struct http_request *req)
{
	const char *token = a->account->token.value;

	http_request_header(req, "Authorization: Bearer %s", token ? token : "");
	http_request_header(req, "Accept: application/json, application/problem+json");
}

static void request_pod(const struct op_args *a, const char *method, struct http_request *req)
{
	struct buf id = BUF(4 * ID_MAX);

	str_percent_encode(&id, a->id);
	http_request_url(req, method, "%s/pods/%s", base_url(a), buf_str(&id));
	buf_free(&id);
	add_headers(a, req);
}

static void answer(struct http_request *req, struct op_reply *r, enum verdict v)
{
	req->answered = true;
	r->verdict = v;
}

/* ---- answers: what every operation shares ---------------------------------------------------------------------------- */

/* RunPod's words in an error: problem documents say `detail`, older bodies `error` or `message`, GraphQL a list (§1). */
static void own_words(const json_t *j, char out[TEXT_MAX])
{
	static const char *const places[] = { "detail", "error", "message", "error.message", "errors.0.message", "errors.0" };
	struct buf b = BUF(8 * TEXT_MAX);
	const char *text = "", *first = json_str(j, "errors.0", "");

	for (size_t i = 0; !*text && i < ARRAY_LEN(places); i++)
		text = json_str(j, places[i], "");
	str_safe(&b, text, strnlen(text, TEXT_MAX), false);
	if (*text && *first && first != text) { /* a 422 names the offending field only in its list */
		buf_puts(&b, ": ");
		str_safe(&b, first, strnlen(first, TEXT_MAX), false);
	}
	str_copy_n(out, TEXT_MAX, buf_str(&b));
	buf_free(&b);
}

static bool is_success(const struct http_response *res)
{
	return res->outcome == HTTP_ANSWERED && res->status >= 200 && res->status <= 299;
}

/*
 * What an answer other than success means. `doubt` is the verdict where nothing is certain: UNSURE for a create, RETRY elsewhere.
 * Only an error that RunPod itself wrote is definite, and only for the statuses that the document lists (§1).
 */
static enum verdict failed(const struct http_response *res, enum verdict doubt, struct op_reply *r)
{
	enum verdict v = doubt;
	char text[TEXT_MAX];
	json_t *j;
	bool own;

	if (res->outcome != HTTP_ANSWERED)
		return op_fail(r, res->outcome == HTTP_NOT_SENT ? VERDICT_RETRY : doubt, "%s", res->trouble);
	j = json_read(res->body, res->len, NULL);
	own_words(j, text);
	own = *text && !json_path(j, "id") && str_icontains(res->content_type, "json");
	if (res->status == 403)
		own = own && str_icontains(res->content_type, "problem+json");
	json_decref(j);
	if (!own)
		return op_fail(r, doubt, "HTTP %d that RunPod's API did not write (a proxy or its CDN)", res->status);
	switch (res->status) {
	case 401: v = VERDICT_DENIED; break;
	case 402: v = VERDICT_LIMIT; break;
	case 403: v = doubt == VERDICT_UNSURE ? VERDICT_REFUSED : VERDICT_DENIED; break; /* create: this pool is not for us */
	case 400: case 404: case 409: case 410: case 413: case 422: v = VERDICT_REFUSED; break;
	case 429: v = VERDICT_RETRY; break;
	}
	return op_fail(r, v, "%s", text);
}

/* The object in a successful answer, or NULL with the reply filled: a body that should be whole and is not is never believed. */
static json_t *body_of(const struct http_response *res, enum verdict doubt, struct op_reply *r)
{
	struct err e;
	json_t *j;

	if (!is_success(res)) {
		failed(res, doubt, r);
		return NULL;
	}
	j = json_read(res->body, res->len, &e);
	if (json_is_object(j))
		return j;
	op_fail(r, doubt, "RunPod answered %d with a body that is %s", res->status, j ? "not an object" : e.msg);
	json_decref(j);
	return NULL;
}

static enum verdict unreadable(struct op_reply *r, const char *what)
{
	return op_fail(r, VERDICT_RETRY, "RunPod's answer has no usable %s", what);
}

/* ---- check ----------------------------------------------------------------------------------------------------------- */

/* The right that matters is to list pods; v2 has nothing that names the account. */
static void check_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c;
	(void)r;
	http_request_url(req, "GET", "%s/pods?includeClusterPods=true&limit=1", base_url(a));
	add_headers(a, req);
}

static enum verdict check_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = body_of(res, VERDICT_RETRY, r);
	enum verdict v;

	(void)a;
	(void)c;
	if (!j)
		return r->verdict;
	if (json_is_array(json_path(j, "pods")))
		v = op_fail(r, VERDICT_OK, "the key may list pods; RunPod's own ceiling is $80 an hour unless support raised it");
	else
		v = unreadable(r, "list of pods");
	json_decref(j);
	return v;
}

/* ---- offers: one request per GPU count and cloud, because stock is told for one count in one cloud (§3.1) ------------- */

static int counts_to_ask(const struct op_args *a)
{
	return a->gpu_count ? 1 : (int)ARRAY_LEN(offered_counts);
}

static int clouds_to_ask(const struct op_args *a)
{
	return a->account->community ? 2 : 1;
}

static int count_of(const struct op_args *a, const struct op_cursor *c)
{
	return a->gpu_count ? a->gpu_count : offered_counts[c->step / clouds_to_ask(a) % (int)ARRAY_LEN(offered_counts)];
}

static bool is_community(const struct op_args *a, const struct op_cursor *c)
{
	return c->step % clouds_to_ask(a) == 1;
}

static int disk_of(const struct op_args *a)
{
	return a->disk_gb > 0 ? a->disk_gb : a->account->disk_gb > 0 ? a->account->disk_gb : DISK_GB;
}

static void offers_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	if (a->spot) { /* v2 sells no spot pods (§0.6) */
		answer(req, r, VERDICT_OK);
		return;
	}
	http_request_url(req, "GET", "%s/catalog/gpus?include=AVAILABILITY&product=POD&count=%d&cloud=%s", base_url(a),
	    count_of(a, c), is_community(a, c) ? "COMMUNITY" : "SECURE");
	add_headers(a, req);
}

/* MIG slices have ids of their own and must not pass for the whole GPU; only the id tells them apart. */
static void name_gpu(const char *id, const char *name, char out[GPU_MAX])
{
	if (*name && !gpu_find(id) && !str_icontains(id, "MIG ") && gpu_find(name))
		id = name;
	gpu_canonical(id, out, GPU_MAX);
}

static bool has_region(const struct account *account, const char *region)
{
	for (int i = 0; i < account->region_count; i++) {
		if (str_ieq(account->regions[i], region))
			return true;
	}
	return !account->region_count;
}

/*
 * Is there stock where we may go? The levels are a hint, so "some" is all that is said. Region: the only or first data center
 * with stock, "" when the account does not care and several have it.
 */
static int stock(const struct account *account, const json_t *gpu, char region[REGION_MAX])
{
	const json_t *centers = json_path(gpu, "dataCenters"), *center;
	int found = 0;
	size_t i;

	json_array_foreach(centers, i, center) {
		const char *id = json_str(center, "id", "");

		if (!*id || !has_region(account, id) || !strcmp(json_str(center, "availability", "NONE"), "NONE"))
			continue;
		if (!found++)
			str_copy_n(region, REGION_MAX, id);
	}
	if (!strcmp(json_str(gpu, "availability", ""), "NONE") || (account->region_count && !found))
		return 0;
	if (!account->region_count && found != 1)
		region[0] = '\0';
	return -1;
}

static char *spec_text(const struct account *account, const char *gpu_id, int count, const char *cloud)
{
	json_t *spec = json_object(), *centers = json_array();
	char *text;

	json_put_str(spec, "gpuId", gpu_id);
	json_put_int(spec, "count", count);
	json_put_str(spec, "cloud", cloud);
	for (int i = 0; i < account->region_count; i++) {
		char id[REGION_MAX];

		str_copy(id, account->regions[i]);
		for (char *p = id; *p; p++) { /* upper case only: lower case misbehaves (§3.2) */
			if (*p >= 'a' && *p <= 'z')
				*p = (char)(*p - 'a' + 'A');
		}
		if (json_array_append_new(centers, json_string(id)) < 0)
			break;
	}
	if (json_array_size(centers))
		json_put(spec, "dataCenterIds", centers);
	else
		json_decref(centers);
	text = json_text(spec);
	json_decref(spec);
	return text;
}

/* One GPU of the catalogue as an offer; rows that are not sold, or that make no sense, are left out. */
static void add_offer(const struct op_args *a, const struct op_cursor *c, const json_t *gpu, struct op_reply *r)
{
	bool community = is_community(a, c);
	const char *id = json_str(gpu, "id", "");
	int count = count_of(a, c);
	struct offer o = { .gpu_count = count, .disk_gb = disk_of(a), .marketplace = community };
	int64_t memory = json_int(gpu, "memory", 0);
	money price;

	if (!*id || strlen(id) > 96 || !json_bool(gpu, community ? "community" : "secure", false) ||
	    json_int(gpu, community ? "maxCount.community" : "maxCount.secure", 0) < count ||
	    !json_money(gpu, community ? "price.community" : "price.secure", &price) || price <= 0)
		return;
	name_gpu(id, json_str(gpu, "name", ""), o.gpu);
	if (a->gpu[0] && !str_ieq(a->gpu, o.gpu))
		return;
	str_copy(o.account, a->account->name);
	str_copy(o.provider, "runpod");
	snprintf(o.key, sizeof(o.key), "%s/%d/%s", id, count, community ? "community" : "secure");
	o.gpu_memory_gb = memory > 0 && memory < 10000 ? (int)memory : 0;
	o.price_hour = money_add(money_times(price, count),
	    (money_times(DISK_MONTH, o.disk_gb) + HOURS_IN_MONTH - 1) / HOURS_IN_MONTH);
	o.available = stock(a->account, gpu, o.region);
	o.spec = spec_text(a->account, id, count, community ? "COMMUNITY" : "SECURE");
	*op_reply_add_offer(r) = o;
}

static enum verdict offers_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = body_of(res, VERDICT_RETRY, r);
	const json_t *gpus = json_path(j, "gpus"), *gpu;
	size_t i;

	if (!j)
		return r->verdict;
	if (!json_is_array(gpus)) {
		json_decref(j);
		return unreadable(r, "catalogue of GPUs");
	}
	json_array_foreach(gpus, i, gpu)
		add_offer(a, c, gpu, r);
	json_decref(j);
	return ++c->step < counts_to_ask(a) * clouds_to_ask(a) ? VERDICT_MORE : VERDICT_OK;
}

/* ---- key: nothing to do, the key travels in each pod's environment ---------------------------------------------------- */

static void key_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)a;
	(void)c;
	answer(req, r, VERDICT_OK);
}

/* Never asked; here because a pair without its second half would mean "not offered". */
static enum verdict key_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	(void)a;
	(void)c;
	(void)res;
	(void)r;
	return VERDICT_OK;
}

/* ---- create ---------------------------------------------------------------------------------------------------------- */

/*
 * RunPod's own images start sshd when PUBLIC_KEY is set (§7). Any other image gets this start command, which installs sshd when
 * the image has none and hands the image's search paths to the sessions, which sshd would otherwise begin afresh.
 */
#define START_SSHD \
	"mkdir -p /run/sshd ~/.ssh && chmod 700 ~/.ssh && printf '%s\\n' \"$PUBLIC_KEY\" >> ~/.ssh/authorized_keys && " \
	"chmod 600 ~/.ssh/authorized_keys; PATH=$PATH:/usr/sbin:/sbin; export PATH; " \
	"command -v sshd >/dev/null || { apt-get update && " \
	"DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openssh-server; }; ssh-keygen -A; " \
	"exec \"$(command -v sshd)\" -D -e -o \"SetEnv=PATH=$PATH LD_LIBRARY_PATH=$LD_LIBRARY_PATH\""

static char *start_command(void)
{
	json_t *j = json_pack("{s:[s,s],s:[s]}", "entrypoint", "/bin/sh", "-c", "cmd", START_SSHD);
	char *text = json_text(j);

	json_decref(j);
	return text;
}

static const char *image_of(const struct op_args *a, const char *gpu_id)
{
	const struct gpu *gpu = gpu_find(gpu_id);
	extern const struct provider provider_runpod;

	if (a->image && *a->image)
		return a->image;
	if (a->account->image[0])
		return a->account->image;
	if (gpu ? gpu->vendor == GPU_VENDOR_AMD : str_istarts(gpu_id, "AMD"))
		return provider_runpod.image_amd;
	return provider_runpod.image_nvidia;
}

/* `gpu`, `cloud`, `dataCenterIds` as the offer's spec says. False: not a spec of ours. */
static bool put_place(json_t *body, const json_t *spec)
{
	const char *id = json_str(spec, "gpuId", ""), *cloud = json_str(spec, "cloud", "");
	int64_t count = json_int(spec, "count", 0);
	const json_t *centers = json_path(spec, "dataCenterIds");
	json_t *gpu = json_object();

	json_put_str(gpu, "id", id);
	json_put_int(gpu, "count", count);
	json_put(body, "gpu", gpu);
	json_put_str(body, "cloud", cloud);
	if (json_is_array(centers))
		json_put(body, "dataCenterIds", json_deep_copy(centers));
	return *id && *cloud && count > 0;
}

static json_t *create_body(const struct op_args *a, const json_t *spec)
{
	json_t *body = json_object(), *env = json_object(), *ports = json_array();
	const char *image = image_of(a, json_str(spec, "gpuId", ""));

	json_put_str(body, "name", a->mark);
	json_put_str(body, "image", image);
	if (!put_place(body, spec) || json_array_append_new(ports, json_string("22/tcp")) < 0) {
		json_decref(body);
		json_decref(env);
		json_decref(ports);
		return NULL;
	}
	json_put_int(body, "disk", disk_of(a)); /* always: leaving it out fails late, with a sentence about capacity (§4.1) */
	json_put(body, "ports", ports);
	json_put_str(env, "PUBLIC_KEY", a->public_key);
	json_put_str(env, "GPUFLEET_MARK", a->mark); /* the name can be edited in the console; this says what it was */
	json_put(body, "env", env);
	if (!str_starts(image, "runpod/")) {
		char *start = start_command();

		json_put_str(body, "args", start);
		free(start);
	}
	return body;
}

static void create_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	extern const struct provider provider_runpod;
	json_t *spec = NULL, *body = NULL;

	(void)c;
	if (a->offer && a->offer->spec)
		spec = json_read(a->offer->spec, strlen(a->offer->spec), NULL);
	if (spec && a->mark && *a->mark && a->public_key && *a->public_key)
		body = create_body(a, spec);
	json_decref(spec);
	if (!body) {
		answer(req, r, op_fail(r, VERDICT_REFUSED, "the pod was not asked for: its offer, mark or public key is missing"));
		return;
	}
	http_request_url(req, "POST", "%s/pods", base_url(a));
	add_headers(a, req);
	http_request_json(req, body);
	req->timeout = provider_runpod.create_timeout;
}

/* What "400" means is told by its sentence only (§5). Anything that is not known to be passing is a fault of the request. */
static enum verdict refusal_kind(const char *text)
{
	static const char *const limits[] = { "balance", "funds", "credit", "spend limit", "spending limit", "quota" };
	static const char *const sold_out[] = {
		"no longer any instances available", "no instances currently available", "no instances available",
		"not enough free gpus", "does not have the resources", "try a different machine", "insufficient capacity",
		"out of capacity", "out of stock", "sold out", "please refresh and try again",
	};

	if (str_icontains(text, "template id or pod configuration parameters")) /* the late form of "no disk size" */
		return VERDICT_REFUSED;
	for (size_t i = 0; i < ARRAY_LEN(sold_out); i++) {
		if (str_icontains(text, sold_out[i]))
			return VERDICT_NO_CAPACITY;
	}
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		if (str_icontains(text, limits[i]))
			return VERDICT_LIMIT;
	}
	return VERDICT_REFUSED;
}

static enum verdict create_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j;

	(void)a;
	(void)c;
	if (!is_success(res)) {
		enum verdict v = failed(res, VERDICT_UNSURE, r);

		if (v == VERDICT_REFUSED && res->status == 400)
			r->verdict = refusal_kind(r->message);
		return r->verdict;
	}
	j = body_of(res, VERDICT_UNSURE, r);
	if (!j)
		return r->verdict;
	if (!str_copy(r->id, json_str(j, "id", "")) || !r->id[0]) {
		r->id[0] = '\0';
		op_fail(r, VERDICT_UNSURE, "RunPod answered %d to the create without a usable id", res->status);
	} else {
		json_money(j, "cost", &r->price_hour); /* the whole pod */
		r->verdict = VERDICT_OK;
	}
	json_decref(j);
	return r->verdict;
}

/* ---- describe and list ----------------------------------------------------------------------------------------------- */

static enum machine_state state_of(const char *status)
{
	static const struct { const char *status; enum machine_state state; } states[] = {
		{ "PROVISIONING", MACHINE_STARTING }, { "STARTING", MACHINE_STARTING }, { "RUNNING", MACHINE_RUNNING },
		{ "EXITED", MACHINE_STOPPED }, { "ERROR", MACHINE_ENDED }, { "TERMINATED", MACHINE_ENDED },
	};

	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		if (!strcmp(status, states[i].status))
			return states[i].state;
	}
	return MACHINE_UNKNOWN;
}

/* A host name or address that is safe to hand to a resolver and to show; never an option in disguise. */
static bool is_host(const char *s)
{
	return *s && *s != '-' && strlen(s) < ADDRESS_MAX &&
	    strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:-") == strlen(s);
}

/* Where sshd listens: only `ssh.direct`; the port changes at each restart (§4.2). */
static void read_address(const struct account *account, const json_t *pod, struct machine *m)
{
	const char *host = json_str(pod, "ssh.direct.host", ""), *user = json_str(pod, "ssh.direct.username", "");
	int64_t port = account->ssh_port ? account->ssh_port : json_int(pod, "ssh.direct.port", 0);

	if (!is_host(host) || port < 1 || port > 65535)
		return;
	str_copy(m->address, host);
	m->port = (int)port;
	if (!account->user[0] && str_is_name(user, sizeof(m->user) - 1))
		str_copy(m->user, user);
}

static bool read_pod(const struct account *account, const json_t *pod, struct machine *m)
{
	const char *status = json_str(pod, "status", ""), *gpu = json_str(pod, "gpu.id", "");
	int64_t count = json_int(pod, "gpu.count", 0);
	struct buf note = BUF(TEXT_MAX);

	memset(m, 0, sizeof(*m));
	if (!str_copy(m->id, json_str(pod, "id", "")) || !m->id[0])
		return false;
	str_copy(m->mark, json_str(pod, "name", ""));
	m->state = state_of(status);
	read_address(account, pod, m);
	str_safe(&note, status, strnlen(status, 64), false);
	if (m->state == MACHINE_RUNNING && !m->address[0]) {
		m->state = MACHINE_STARTING;
		buf_puts(&note, ", no SSH address yet");
	}
	if (json_is_object(json_path(pod, "cluster")))
		buf_puts(&note, ", member of a cluster");
	str_copy(m->note, buf_str(&note));
	buf_free(&note);
	if (*gpu)
		name_gpu(gpu, "", m->gpu);
	m->gpu_count = count > 0 && count < 1000 ? (int)count : 0;
	if (m->state != MACHINE_STOPPED && m->state != MACHINE_ENDED) /* a stopped pod was seen still showing its cost (§4.2) */
		json_money(pod, "cost", &m->price_hour);
	json_time(pod, "createdAt", &m->created);
	return true;
}

static void describe_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c;
	(void)r;
	request_pod(a, "GET", req);
}

/* 404 from the API itself; the same status from anything in front of it says nothing about the pod. */
static enum verdict failed_or_absent(const struct http_response *res, struct op_reply *r)
{
	enum verdict v = failed(res, VERDICT_RETRY, r);

	return r->verdict = v == VERDICT_REFUSED && res->status == 404 ? VERDICT_ABSENT : v;
}

static enum verdict describe_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	struct machine m;
	json_t *j;

	(void)c;
	if (!is_success(res))
		return failed_or_absent(res, r);
	j = body_of(res, VERDICT_RETRY, r);
	if (!j)
		return r->verdict;
	if (!read_pod(a->account, j, &m) || strcmp(m.id, a->id)) {
		unreadable(r, "pod of that id");
	} else {
		*op_reply_add_machine(r) = m;
		r->verdict = VERDICT_OK;
	}
	json_decref(j);
	return r->verdict;
}

/* Newer servers page by cursor, older ones ignore both parameters and send everything (§1). */
static void list_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	struct buf b = BUF(4 * sizeof(c->token));

	(void)r;
	if (c->token[0]) {
		buf_puts(&b, "&cursor=");
		str_percent_encode(&b, c->token);
	}
	http_request_url(req, "GET", "%s/pods?includeClusterPods=true&limit=%d%s", base_url(a), PAGE_MAX, buf_str(&b));
	buf_free(&b);
	add_headers(a, req);
}

/* The cursor of the next page. A page that promises more and does not say where makes the whole listing void. */
static enum verdict next_page(const json_t *j, struct op_cursor *c, struct op_reply *r)
{
	const char *next = json_str(j, "pagination.nextCursor", "");
	const json_t *more = json_path(j, "pagination.hasNextPage");

	if (!more || json_is_null(more) || json_is_false(more))
		return VERDICT_OK;
	if (!json_is_true(more) || !*next || !strcmp(next, c->token) || !str_copy(c->token, next))
		return unreadable(r, "cursor for the next page");
	c->page++;
	return VERDICT_MORE;
}

static enum verdict list_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = body_of(res, VERDICT_RETRY, r);
	const json_t *pods = json_path(j, "pods"), *pod;
	enum verdict v = VERDICT_OK;
	struct machine m;
	size_t i;

	if (!j)
		return r->verdict;
	if (!json_is_array(pods))
		v = unreadable(r, "list of pods");
	json_array_foreach(pods, i, pod) {
		if (!read_pod(a->account, pod, &m)) { /* the one we cannot read may be ours */
			v = unreadable(r, "id for one of the pods");
			break;
		}
		*op_reply_add_machine(r) = m;
	}
	if (v == VERDICT_OK)
		v = next_page(j, c, r);
	json_decref(j);
	return v;
}

/* ---- mark and destroy ------------------------------------------------------------------------------------------------ */

static void mark_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	json_t *body = json_object();

	(void)c;
	(void)r;
	json_put_str(body, "name", a->mark); /* the name alone: any other field would restart the container (§4.5) */
	request_pod(a, "PATCH", req);
	http_request_json(req, body);
}

static enum verdict mark_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	(void)a;
	(void)c;
	return is_success(res) ? VERDICT_OK : failed_or_absent(res, r);
}

static void destroy_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c;
	(void)r;
	request_pod(a, "DELETE", req);
}

static enum verdict destroy_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	(void)a;
	(void)c;
	if (is_success(res))
		return VERDICT_OK;
	if (failed_or_absent(res, r) == VERDICT_REFUSED && res->status == 409) {
		r->verdict = VERDICT_RETRY; /* something else is going on with the pod: wait, do not hammer */
		r->retry_after = 30 * SECOND;
	}
	return r->verdict;
}

/* ---- balance and bill ------------------------------------------------------------------------------------------------ */

/* The GraphQL address belongs to the same place as the REST one: a simulator's token never goes to the real cloud. */
static void balance_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	const char *base = base_url(a);
	size_t n = strlen(base);
	json_t *body = json_object();

	(void)c;
	(void)r;
	if (n > 3 && !strcmp(base + n - 3, "/v2"))
		n -= 3;
	if (a->account->graphql_url[0])
		http_request_url(req, "POST", "%s", a->account->graphql_url);
	else
		http_request_url(req, "POST", "%.*s/graphql", (int)n, base);
	add_headers(a, req);
	json_put_str(body, "query", "query { myself { id clientBalance currentSpendPerHr } }");
	http_request_json(req, body);
}

/* GraphQL reports its errors with status 200 (§9). A negative balance is owed: nothing is left to spend. */
static enum verdict balance_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = body_of(res, VERDICT_RETRY, r);
	struct balance *b = &r->balance;
	char text[TEXT_MAX];

	(void)a;
	(void)c;
	if (!j)
		return r->verdict;
	b->machines = -1;
	b->known = json_money_signed(j, "data.myself.clientBalance", &b->available);
	b->hourly_known = json_money(j, "data.myself.currentSpendPerHr", &b->hourly);
	own_words(j, text);
	if (json_array_size(json_path(j, "errors")) || !b->known) {
		memset(b, 0, sizeof(*b));
		op_fail(r, VERDICT_RETRY, "RunPod did not tell the balance%s%s", *text ? ": " : "", text);
	} else {
		b->available = b->available > 0 ? b->available : 0;
		str_copy(r->account_id, json_str(j, "data.myself.id", ""));
		r->verdict = VERDICT_OK;
	}
	json_decref(j);
	return r->verdict;
}

static void put_time(struct buf *b, const char *name, instant t)
{
	char text[32];

	if (t <= 0)
		return;
	instant_format(t, false, text);
	buf_printf(b, "&%s=%s", name, text);
}

static void bill_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	struct buf b = BUF(1024);

	(void)c;
	(void)r;
	buf_printf(&b, "%s/billing/pods?bucketSize=hour", base_url(a));
	if (a->id) {
		buf_puts(&b, "&podId=");
		str_percent_encode(&b, a->id);
	}
	put_time(&b, "startTime", a->from); /* left out: 30 days ago and now (§8) */
	put_time(&b, "endTime", a->until);
	http_request_url(req, "GET", "%s", buf_str(&b));
	buf_free(&b);
	add_headers(a, req);
}

static bool read_charge(const struct op_args *a, const json_t *record, struct op_reply *r)
{
	struct bill_line line = { .amount = 0 };

	if (!str_copy(line.id, json_str(record, "podId", "")) || !line.id[0] ||
	    !json_money_signed(record, "totalAmount", &line.amount))
		return false;
	json_time(record, "startTime", &line.from);
	json_time(record, "endTime", &line.until);
	if (!a->id || !strcmp(a->id, line.id)) /* unknown parameters are ignored silently (§1): filter again */
		*op_reply_add_bill(r) = line;
	return true;
}

static enum verdict bill_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = body_of(res, VERDICT_RETRY, r);
	const json_t *records = json_path(j, "records"), *record;
	enum verdict v = VERDICT_OK;
	size_t i;

	(void)c;
	if (!j)
		return r->verdict;
	if (!json_is_array(records) ||
	    json_int(j, "metadata.recordCount", (int64_t)json_array_size(records)) != (int64_t)json_array_size(records))
		v = unreadable(r, "and complete list of charges");
	json_array_foreach(records, i, record) {
		if (v == VERDICT_OK && !read_charge(a, record, r))
			v = unreadable(r, "amount in one of the charges");
	}
	json_decref(j);
	return v;
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

const struct provider provider_runpod = {
	.name = "runpod",
	.title = "RunPod",
	.api_url = API_URL,
	.token_env = "RUNPOD_API_KEY",
	.token_where = "https://console.runpod.io/user/settings, \"API Keys\": a key that may read and write pods and read billing",
	.user = "root",
	.ssh_port = 0,
	.image_amd = "runpod/base:1.0.2-rocm644-ubuntu2404-py312-pytorch271",
	.image_nvidia = "runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404",
	.disk_gb = DISK_GB,
	.caps = CAP_MARK_AT_CREATE | CAP_BILL_BY_MACHINE | CAP_CONTAINER,
	.create_timeout = 60 * SECOND,
	.boot_allowance = 20 * MINUTE, /* a large image is pulled first (§4.4) */
	.teardown_allowance = 5 * MINUTE,
	/* By the second from the 201 on (§8). A stopped pod's container disk is free, and no other disk is ever asked for. */
	.billing = { .quantum = SECOND, .start = METER_FROM_CREATE, .settle_delay = 2 * HOUR, .bills_stopped = false },
	/* 60 a minute and 3,000 an hour for all operations together (§1): the refills add up to 49 a minute. */
	.rate = {
		[OP_CHECK] = { 30 * SECOND, 3 },
		[OP_OFFERS] = { 10 * SECOND, 8 },
		[OP_CREATE] = { 10 * SECOND, 8 },
		[OP_DESCRIBE] = { 10 * SECOND, 6 },
		[OP_LIST] = { 5 * SECOND, 6 },
		[OP_MARK] = { 20 * SECOND, 4 },
		[OP_DESTROY] = { 5 * SECOND, 10 },
		[OP_BALANCE] = { 30 * SECOND, 3 },
		[OP_BILL] = { 30 * SECOND, 4 },
	},
	.op = {
		[OP_CHECK] = { check_build, check_read },
		[OP_OFFERS] = { offers_build, offers_read },
		[OP_KEY] = { key_build, key_read },
		[OP_CREATE] = { create_build, create_read },
		[OP_DESCRIBE] = { describe_build, describe_read },
		[OP_LIST] = { list_build, list_read },
		[OP_MARK] = { mark_build, mark_read },
		[OP_DESTROY] = { destroy_build, destroy_read },
		[OP_BALANCE] = { balance_build, balance_read },
		[OP_BILL] = { bill_build, bill_read },
	},
};

/*
 * DigitalOcean GPU droplets, and the AMD Developer Cloud, which is the same API on another host (providers/digitalocean.md).
 *
 * What is particular here:
 *   - lists hide GPU droplets unless asked with type=gpus, and a tag cannot be asked for together with a type: two listings (§0.1);
 *   - a create answers 202, which promises nothing; the mark is the name, which may repeat (§0.3, §0.4);
 *   - "sold out", "over quota" and "wrong request" are all 422, told apart by their sentence (§8);
 *   - off is billed like on: only destroying ends the bill (§0.2);
 *   - the next page is a link that names the production host: only its page number is taken (§1);
 *   - the balance says what is owed; only credit is money left to spend (§2).
 */
#include "base/crypto.h"
#include "base/gpu.h"
#include "base/str.h"
#include "providers/provider.h"

#define API_URL "https://api.digitalocean.com"
#define TAG     "gpufleet" /* one for all machines; the mark is in the name, so that no tags are left behind */
#define UUID_LEN 36

/* ---- requests -------------------------------------------------------------------------------------------------------- */

static const char *base_url(const struct op_args *a)
{
	return a->account->api_url[0] ? a->account->api_url : API_URL;
}

static void add_headers(const struct op_args *a, struct http_request *req)
{
	const char *token = a->account->token.value;

	http_request_header(req, "Authorization: Bearer %s", token ? token : "");
	http_request_header(req, "Accept: application/json");
}

static void request(const struct op_args *a, struct http_request *req, const char *method, const char *path)
{
	http_request_url(req, method, "%s/v2/%s", base_url(a), path);
	add_headers(a, req);
}

static void request_page(const struct op_args *a, const struct op_cursor *c, struct http_request *req, const char *path)
{
	http_request_url(req, "GET", "%s/v2/%s%cper_page=200&page=%d", base_url(a), path, strchr(path, '?') ? '&' : '?',
	    c->page ? c->page : 1);
	add_headers(a, req);
}

static void request_droplet(const struct op_args *a, struct http_request *req, const char *method, const char *suffix)
{
	struct buf path = BUF(8 * ID_MAX);

	buf_puts(&path, "droplets/");
	str_percent_encode(&path, a->id);
	buf_puts(&path, suffix);
	request(a, req, method, buf_str(&path));
	buf_free(&path);
}

/* ---- answers: what every operation shares ---------------------------------------------------------------------------- */

static bool is_success(const struct http_response *res)
{
	return res->outcome == HTTP_ANSWERED && res->status >= 200 && res->status <= 299;
}

/*
 * What an answer other than success means. `doubt` is the verdict where nothing is certain: UNSURE for a create, RETRY elsewhere.
 * Definite is only an error that DigitalOcean itself wrote ({"id": kind, "message": sentence}), for the documented statuses (§1).
 */
static enum verdict failed(const struct http_response *res, enum verdict doubt, struct op_reply *r)
{
	struct buf text = BUF(8 * TEXT_MAX);
	enum verdict v = doubt;
	const char *message;
	json_t *j;

	if (res->outcome != HTTP_ANSWERED)
		return op_fail(r, res->outcome == HTTP_NOT_SENT ? VERDICT_RETRY : doubt, "%s", res->trouble);
	if (res->status >= 300 && res->status <= 399) /* never followed: the AMD host is known to have moved (§13) */
		return op_fail(r, doubt, "HTTP %d: the API is at another address now; set api_url", res->status);
	j = json_read(res->body, res->len, NULL);
	message = json_str(j, "message", "");
	if (!*message || !json_is_string(json_path(j, "id"))) {
		json_decref(j);
		return op_fail(r, doubt, "HTTP %d that DigitalOcean's API did not write (a proxy?)", res->status);
	}
	switch (res->status) {
	case 401: case 403: v = VERDICT_DENIED; break;
	case 400: case 404: case 409: case 422: v = VERDICT_REFUSED; break;
	case 429: v = VERDICT_RETRY; break;
	}
	str_safe(&text, message, strnlen(message, TEXT_MAX), false);
	op_fail(r, v, "%s", buf_str(&text));
	buf_free(&text);
	json_decref(j);
	return v;
}

/* 404 from the API itself; the same status from anything in front of it says nothing about the droplet. */
static enum verdict failed_or_absent(const struct http_response *res, struct op_reply *r)
{
	enum verdict v = failed(res, VERDICT_RETRY, r);

	return r->verdict = v == VERDICT_REFUSED && res->status == 404 ? VERDICT_ABSENT : v;
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
	op_fail(r, doubt, "DigitalOcean answered %d with a body that is %s", res->status, j ? "not an object" : e.msg);
	json_decref(j);
	return NULL;
}

static enum verdict unreadable(struct op_reply *r, const char *what)
{
	return op_fail(r, VERDICT_RETRY, "DigitalOcean's answer has no usable %s", what);
}

/* A page number out of "https://…?page=2&per_page=200"; 0: none. */
static int page_in(const char *link)
{
	char digits[8] = "";
	int64_t page;

	for (const char *p = strchr(link, '?'); p; p = strchr(p, '&')) {
		p++;
		if (!str_starts(p, "page="))
			continue;
		p += 5;
		snprintf(digits, sizeof(digits), "%.*s", (int)strcspn(p, "&#"), p);
		return str_to_i64(digits, 1, 100000, &page) ? (int)page : 0;
	}
	return 0;
}

/* Moves the cursor to the next page. OK: this was the last one; RETRY: the link cannot be followed or leads backwards. */
static enum verdict next_page(const json_t *j, struct op_cursor *c, struct op_reply *r)
{
	const json_t *next = json_path(j, "links.pages.next");
	int page;

	if (!next || json_is_null(next))
		return VERDICT_OK;
	page = json_is_string(next) ? page_in(json_string_value(next)) : 0;
	if (page <= (c->page ? c->page : 1))
		return unreadable(r, "link to the next page");
	c->page = page;
	return VERDICT_MORE;
}

static const char *id_text(const json_t *j, const char *path, char out[ID_MAX])
{
	int64_t id = json_int(j, path, 0);

	snprintf(out, ID_MAX, "%lld", (long long)id);
	return id > 0 ? out : NULL;
}

/* ---- check ----------------------------------------------------------------------------------------------------------- */

static void check_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c, (void)r;
	request(a, req, "GET", "account");
}

static enum verdict check_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = body_of(res, VERDICT_RETRY, r);
	const char *id, *status;

	(void)a, (void)c;
	if (!j)
		return r->verdict;
	id = json_str(j, "account.team.uuid", json_str(j, "account.uuid", "")); /* the team is what is billed */
	status = json_str(j, "account.status", "");
	if (!*id || !str_copy(r->account_id, id))
		unreadable(r, "account id");
	else if (!strcmp(status, "locked"))
		op_fail(r, VERDICT_LIMIT, "the account is locked; DigitalOcean's support says why");
	else
		op_fail(r, VERDICT_OK, "at most %lld droplets of all kinds%s; a GPU limit shows only when a create is refused",
		    (long long)json_int(j, "account.droplet_limit", 0),
		    strcmp(status, "warning") ? "" : ", the account carries a warning");
	json_decref(j);
	return r->verdict;
}

/* ---- offers ---------------------------------------------------------------------------------------------------------- */

static void offers_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)r;
	request_page(a, c, req, "sizes");
}

static bool has_region(const struct account *account, const char *region)
{
	for (int i = 0; i < account->region_count; i++) {
		if (str_ieq(account->regions[i], region))
			return true;
	}
	return !account->region_count;
}

static int whole(const json_t *j, const char *path)
{
	int64_t n = json_int(j, path, 0);

	return n > 0 && n < 100000000 ? (int)n : 0;
}

/* What all regions of one size share. False: not a GPU size, not wanted, or it makes no sense. */
static bool read_size(const struct op_args *a, const json_t *size, struct offer *o)
{
	const char *slug = json_str(size, "slug", ""), *model = json_str(size, "gpu_info.model", "");
	size_t n = strlen(slug);

	memset(o, 0, sizeof(*o));
	o->gpu_count = whole(size, "gpu_info.count");
	if (!n || n > 90 || !*model || !o->gpu_count || !json_bool(size, "available", false) ||
	    !json_money(size, "price_hourly", &o->price_hour) || o->price_hour <= 0) /* per droplet, all GPUs (§0.7) */
		return false;
	o->spot = n > 5 && !strcmp(slug + n - 5, "-spot"); /* reclaimed on unknown terms: only when asked for (§3) */
	gpu_canonical(model, o->gpu, sizeof(o->gpu));
	if (o->spot != a->spot || (a->gpu_count && a->gpu_count != o->gpu_count) || (a->gpu[0] && !str_ieq(a->gpu, o->gpu)))
		return false;
	str_copy(o->account, a->account->name);
	str_copy(o->provider, "digitalocean");
	o->gpu_memory_gb = whole(size, "gpu_info.vram.amount") / o->gpu_count; /* the figure is the total (§3) */
	o->cpus = whole(size, "vcpus");
	o->ram_gb = whole(size, "memory") / 1024;
	o->disk_gb = whole(size, "disk");
	o->available = -1;
	return true;
}

static void add_offers(const struct op_args *a, const json_t *size, struct op_reply *r)
{
	const json_t *region;
	struct offer o;
	size_t i;

	if (!read_size(a, size, &o))
		return;
	json_array_foreach(json_path(size, "regions"), i, region) {
		const char *slug = json_string_value(region);
		json_t *spec;

		if (!slug || !*slug || !str_copy(o.region, slug) || !has_region(a->account, slug))
			continue;
		snprintf(o.key, sizeof(o.key), "%s/%s", json_str(size, "slug", ""), slug);
		spec = json_object();
		json_put_str(spec, "size", json_str(size, "slug", ""));
		json_put_str(spec, "region", slug);
		o.spec = json_text(spec);
		json_decref(spec);
		*op_reply_add_offer(r) = o;
	}
}

static enum verdict offers_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = body_of(res, VERDICT_RETRY, r);
	const json_t *sizes = json_path(j, "sizes"), *size;
	enum verdict v;
	size_t i;

	if (!j)
		return r->verdict;
	json_array_foreach(sizes, i, size)
		add_offers(a, size, r);
	v = json_is_array(sizes) ? next_page(j, c, r) : unreadable(r, "list of sizes");
	json_decref(j);
	return v;
}

/* ---- key: look it up by fingerprint, register it, look again when somebody else just did (§4) ------------------------- */

enum key_step { KEY_LOOK, KEY_ADD, KEY_LOOK_AGAIN };

/* MD5 in colon form, which names a key in the API. False: not an OpenSSH public key. */
static bool fingerprint(const char *public_key, char out[48])
{
	const char *blob = public_key ? strchr(public_key, ' ') : NULL;
	uint8_t digest[16], *data;
	char *text;
	size_t n;

	if (!blob)
		return false;
	text = xstrndup(blob + 1, strcspn(blob + 1, " \n"));
	data = crypto_base64_decode(text, &n);
	free(text);
	if (!data || n < 16) {
		free(data);
		return false;
	}
	crypto_md5(data, n, digest);
	free(data);
	for (int i = 0; i < 16; i++)
		snprintf(out + 3 * i, i < 15 ? 4 : 3, "%02x%s", digest[i], i < 15 ? ":" : "");
	return true;
}

static void key_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	char print[48], path[80];
	json_t *body;

	if (!fingerprint(a->public_key, print)) {
		req->answered = true;
		op_fail(r, VERDICT_REFUSED, "our public key is not in OpenSSH's form");
		return;
	}
	if (c->step == KEY_ADD) {
		request(a, req, "POST", "account/keys");
		body = json_object();
		json_put_str(body, "name", "gpufleet");
		json_put_str(body, "public_key", a->public_key);
		http_request_json(req, body);
		return;
	}
	snprintf(path, sizeof(path), "account/keys/%s", print);
	request(a, req, "GET", path);
}

static enum verdict key_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j;

	(void)a;
	if (!is_success(res)) {
		enum verdict v = failed(res, VERDICT_RETRY, r);

		if (c->step == KEY_LOOK && v == VERDICT_REFUSED && res->status == 404)
			c->step = KEY_ADD;
		else if (c->step == KEY_ADD && v == VERDICT_REFUSED && res->status == 422 && str_icontains(r->message, "already in use"))
			c->step = KEY_LOOK_AGAIN;
		else if (c->step == KEY_LOOK_AGAIN && v == VERDICT_REFUSED && res->status == 404)
			return r->verdict = VERDICT_RETRY; /* a new key may stay unseen for a moment */
		else
			return v;
		r->message[0] = '\0';
		return VERDICT_MORE;
	}
	j = body_of(res, VERDICT_RETRY, r);
	if (!j)
		return r->verdict;
	if (id_text(j, "ssh_key.id", r->key_id)) {
		r->verdict = VERDICT_OK;
	} else {
		r->key_id[0] = '\0';
		unreadable(r, "id of our key");
	}
	json_decref(j);
	return r->verdict;
}

/* ---- create ---------------------------------------------------------------------------------------------------------- */

/* A slug is a string, a snapshot an integer (§5.1). */
static json_t *image_value(const struct op_args *a)
{
	extern const struct provider provider_digitalocean;
	const struct gpu *gpu = gpu_find(a->offer->gpu);
	const char *image = a->image && *a->image ? a->image : a->account->image;
	int64_t number;

	if (!*image && gpu && gpu->vendor == GPU_VENDOR_AMD)
		image = provider_digitalocean.image_amd;
	else if (!*image)
		image = a->offer->gpu_count > 1 ? "gpu-h100x8-base" : provider_digitalocean.image_nvidia; /* the x8 image links GPUs (§11) */
	return str_to_i64(image, 1, INT64_MAX, &number) ? json_integer(number) : json_string(image);
}

static json_t *create_body(const struct op_args *a, const json_t *spec)
{
	const char *size = json_str(spec, "size", ""), *region = json_str(spec, "region", "");
	json_t *body, *keys = json_array();
	int64_t key;

	if (!*size || !*region) {
		json_decref(keys);
		return NULL;
	}
	if (str_to_i64(a->key_id, 1, INT64_MAX, &key))
		json_array_append_new(keys, json_integer(key));
	else
		json_array_append_new(keys, json_string(a->key_id));
	body = json_object();
	json_put_str(body, "name", a->mark);
	json_put_str(body, "region", region); /* never left out: it would mean "anywhere" (§3) */
	json_put_str(body, "size", size);
	json_put(body, "image", image_value(a));
	json_put(body, "ssh_keys", keys);
	json_put(body, "tags", json_pack("[s]", TAG));
	json_put_bool(body, "backups", false);
	json_put_bool(body, "ipv6", false);
	json_put_bool(body, "monitoring", false);
	return body;
}

static void create_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	extern const struct provider provider_digitalocean;
	json_t *spec = NULL, *body = NULL;

	(void)c;
	if (a->offer && a->offer->spec)
		spec = json_read(a->offer->spec, strlen(a->offer->spec), NULL);
	if (spec && a->mark && *a->mark && a->key_id && *a->key_id) /* without a key a password is mailed to the owner */
		body = create_body(a, spec);
	json_decref(spec);
	if (!body) {
		req->answered = true;
		op_fail(r, VERDICT_REFUSED, "the droplet was not asked for: its offer, mark or SSH key is missing");
		return;
	}
	request(a, req, "POST", "droplets");
	http_request_json(req, body);
	req->timeout = provider_digitalocean.create_timeout;
}

static bool any_in(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (str_icontains(text, *words))
			return true;
	}
	return false;
}

/* A 422 never leaves a droplet behind; which kind it is, only its sentence says (§8). */
static enum verdict refusal_kind(const char *text)
{
	static const char *const quota[] = { "exceed", "payment", NULL };
	static const char *const wrong[] = { "valid", "image", "key identifier", "hostname", NULL };
	static const char *const passing[] = { "try again", "pending event", NULL };
	static const char *const sold_out[] = { "capacity", "unavailable", "not available", NULL };

	if (any_in(text, quota))
		return VERDICT_LIMIT;
	if (any_in(text, wrong))
		return VERDICT_REFUSED;
	return any_in(text, passing) && !any_in(text, sold_out) ? VERDICT_RETRY : VERDICT_NO_CAPACITY;
}

static enum verdict create_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	char action[ID_MAX];
	json_t *j;

	(void)a, (void)c;
	if (!is_success(res)) {
		enum verdict v = failed(res, VERDICT_UNSURE, r);

		if (v == VERDICT_REFUSED && res->status == 422)
			r->verdict = refusal_kind(r->message);
		return r->verdict;
	}
	j = body_of(res, VERDICT_UNSURE, r);
	if (!j)
		return r->verdict;
	if (!id_text(j, "droplet.id", r->id)) {
		r->id[0] = '\0';
		op_fail(r, VERDICT_UNSURE, "DigitalOcean answered %d to the create without a usable id", res->status);
	} else {
		json_money(j, "droplet.size.price_hourly", &r->price_hour);
		if (id_text(j, "links.actions.0.id", action)) /* told nowhere else; the log keeps it (§5.1) */
			op_fail(r, VERDICT_OK, "create action %s", action);
		r->verdict = VERDICT_OK;
	}
	json_decref(j);
	return r->verdict;
}

/* ---- describe and list ----------------------------------------------------------------------------------------------- */

static enum machine_state state_of(const char *status)
{
	static const struct { const char *status; enum machine_state state; } states[] = {
		{ "new", MACHINE_STARTING }, { "active", MACHINE_RUNNING }, { "off", MACHINE_STOPPED }, { "archive", MACHINE_STOPPED },
	};

	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		if (!strcmp(status, states[i].status))
			return states[i].state;
	}
	return MACHINE_UNKNOWN;
}

static void read_address(const struct op_args *a, const json_t *droplet, struct machine *m)
{
	const json_t *net;
	size_t i;

	json_array_foreach(json_path(droplet, "networks.v4"), i, net) {
		const char *ip = json_str(net, "ip_address", "");

		if (strcmp(json_str(net, "type", ""), "public") || !*ip || strspn(ip, "0123456789.") != strlen(ip) || !str_copy(m->address, ip))
			continue;
		m->port = a->account->ssh_port ? a->account->ssh_port : 22;
		return;
	}
	m->address[0] = '\0';
}

static bool read_droplet(const struct op_args *a, const json_t *droplet, struct machine *m)
{
	const char *status = json_str(droplet, "status", ""), *model;
	const json_t *gpu = json_path(droplet, "gpu_info");
	struct buf note = BUF(TEXT_MAX);

	memset(m, 0, sizeof(*m));
	if (!id_text(droplet, "id", m->id))
		return false;
	str_copy(m->mark, json_str(droplet, "name", ""));
	m->state = state_of(status);
	read_address(a, droplet, m);
	str_safe(&note, status, strnlen(status, 64), false);
	if (m->state == MACHINE_RUNNING && !m->address[0]) { /* the address may come seconds later (§5.3) */
		m->state = MACHINE_STARTING;
		buf_puts(&note, ", no public address yet");
	}
	str_copy(m->note, buf_str(&note));
	buf_free(&note);
	gpu = json_is_object(gpu) ? gpu : json_path(droplet, "size.gpu_info");
	model = json_str(gpu, "model", "");
	if (*model)
		gpu_canonical(model, m->gpu, sizeof(m->gpu));
	m->gpu_count = whole(gpu, "count");
	json_money(droplet, "size.price_hourly", &m->price_hour); /* off or on */
	json_time(droplet, "created_at", &m->created);
	return true;
}

static void describe_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c, (void)r;
	request_droplet(a, req, "GET", "");
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
	if (!read_droplet(a, json_path(j, "droplet"), &m) || strcmp(m.id, a->id)) {
		unreadable(r, "droplet of that id");
	} else {
		*op_reply_add_machine(r) = m;
		r->verdict = VERDICT_OK;
	}
	json_decref(j);
	return r->verdict;
}

enum list_step { LIST_GPUS, LIST_TAGGED };

static void list_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)r;
	request_page(a, c, req, c->step == LIST_GPUS ? "droplets?type=gpus" : "droplets?tag_name=" TAG);
}

/* The end of one of the two listings: it must hold as many droplets as it says there are, on every page. */
static enum verdict list_page_done(const json_t *j, struct op_cursor *c, struct op_reply *r)
{
	int64_t total = json_int(j, "meta.total", -1);
	char text[24];
	enum verdict v;

	snprintf(text, sizeof(text), "%lld", (long long)total);
	if (c->token[0] && strcmp(c->token, text))
		return op_fail(r, VERDICT_RETRY, "the list of droplets changed while it was read (%s, then %s)", c->token, text);
	v = next_page(j, c, r);
	if (v == VERDICT_MORE)
		str_copy(c->token, text);
	if (v != VERDICT_OK)
		return v;
	if (c->number < total)
		return op_fail(r, VERDICT_RETRY, "the list shows %lld of %lld droplets", (long long)c->number, (long long)total);
	if (c->step == LIST_TAGGED)
		return VERDICT_OK;
	*c = (struct op_cursor){ .step = LIST_TAGGED };
	return VERDICT_MORE;
}

static enum verdict list_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	const json_t *droplets, *droplet;
	enum verdict v = VERDICT_OK;
	struct machine m;
	json_t *j;
	size_t i;

	/* A tag that was never used may be unknown instead of empty; the droplets with GPUs are listed already. */
	if (!is_success(res) && failed_or_absent(res, r) == VERDICT_ABSENT && c->step == LIST_TAGGED && c->page <= 1)
		return op_fail(r, VERDICT_OK, "%s", "");
	if (!is_success(res))
		return r->verdict = r->verdict == VERDICT_ABSENT ? VERDICT_REFUSED : r->verdict;
	j = body_of(res, VERDICT_RETRY, r);
	if (!j)
		return r->verdict;
	droplets = json_path(j, "droplets");
	if (!json_is_array(droplets))
		v = unreadable(r, "list of droplets");
	json_array_foreach(droplets, i, droplet) {
		if (!read_droplet(a, droplet, &m)) { /* the one we cannot read may be ours */
			v = unreadable(r, "id for one of the droplets");
			break;
		}
		*op_reply_add_machine(r) = m;
	}
	if (v == VERDICT_OK) {
		c->number += (int64_t)json_array_size(droplets);
		v = list_page_done(j, c, r);
	}
	json_decref(j);
	return v;
}

/* ---- mark and destroy ------------------------------------------------------------------------------------------------ */

static void mark_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	json_t *body = json_object();

	(void)c, (void)r;
	json_put_str(body, "type", "rename");
	json_put_str(body, "name", a->mark);
	request_droplet(a, req, "POST", "/actions");
	http_request_json(req, body);
}

/* While another event runs, the API refuses with 422: that passes; asking again at once would be hammering (§5.4, §5.6). */
static enum verdict change_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	(void)a, (void)c;
	if (is_success(res))
		return VERDICT_OK;
	if (failed_or_absent(res, r) == VERDICT_REFUSED &&
	    (res->status == 409 || (res->status == 422 && str_icontains(r->message, "pending event")))) {
		r->verdict = VERDICT_RETRY;
		r->retry_after = 30 * SECOND;
	}
	return r->verdict;
}

/* By id only. Deleting by tag, or with what is attached, would take things that are not ours to take (reliability §2.8). */
static void destroy_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c, (void)r;
	request_droplet(a, req, "DELETE", "");
}

/* ---- balance and bill ------------------------------------------------------------------------------------------------ */

static void balance_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c, (void)r;
	request(a, req, "GET", "customers/my/balance");
}

/*
 * A positive figure is owed and will be charged to a card: it does not bound what may be spent, so nothing is "known". A
 * negative one is credit, which does.
 */
static enum verdict balance_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = body_of(res, VERDICT_RETRY, r);
	char text[32];
	money owed;

	(void)a, (void)c;
	if (!j)
		return r->verdict;
	r->balance = (struct balance){ .machines = -1 };
	if (!json_money_signed(j, "month_to_date_balance", &owed)) {
		unreadable(r, "balance");
	} else {
		r->balance.known = owed < 0;
		r->balance.available = owed < 0 ? -owed : 0;
		money_format(owed < 0 ? -owed : owed, text);
		op_fail(r, VERDICT_OK, "%s %s", text, owed < 0 ? "of credit" : "owed");
	}
	json_decref(j);
	return r->verdict;
}

/*
 * The bill is spread over monthly invoices and a preview of the running month. First the list of invoices is read and the ones
 * that matter are queued in the cursor's token; then their items, page by page. When more matter than the token holds, the list
 * is read again: `number` counts the invoices taken so far.
 */
enum bill_step { BILL_INVOICES, BILL_ITEMS, BILL_ITEMS_AND_MORE };

static void bill_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	char path[96];

	(void)r;
	if (c->step == BILL_INVOICES) {
		request_page(a, c, req, "customers/my/invoices");
		return;
	}
	snprintf(path, sizeof(path), "customers/my/invoices/%.*s", (int)strcspn(c->token, " "), c->token);
	request_page(a, c, req, path);
}

/* Does a month ("2026-11") touch the window? A day of margin on both sides for clocks and time zones. */
static bool month_matters(const struct op_args *a, const char *period)
{
	char first[32] = "", last[32] = "";

	if (strlen(period) != 7)
		return true;
	if (a->from > DAY)
		instant_format(a->from - DAY, false, first);
	if (a->until > 0)
		instant_format(a->until + DAY, false, last);
	return (!*first || strncmp(period, first, 7) >= 0) && (!*last || strncmp(period, last, 7) <= 0);
}

static bool is_uuid(const char *s)
{
	return strlen(s) == UUID_LEN && strspn(s, "0123456789abcdefABCDEF-") == UUID_LEN;
}

/* Queues what fits of one more invoice; false: the queue is full. *seen counts those that matter, taken earlier or now. */
static bool queue_invoice(const struct op_args *a, struct op_cursor *c, const json_t *invoice, int64_t *seen)
{
	const char *uuid = json_str(invoice, "invoice_uuid", "");
	size_t used = strlen(c->token);

	if (!is_uuid(uuid) || strstr(c->token, uuid) || !month_matters(a, json_str(invoice, "invoice_period", "")))
		return true;
	if ((*seen)++ < c->number)
		return true;
	if (used + UUID_LEN + 2 > sizeof(c->token))
		return false;
	snprintf(c->token + used, sizeof(c->token) - used, "%s%s", used ? " " : "", uuid);
	return true;
}

static enum verdict read_invoices(const struct op_args *a, struct op_cursor *c, const json_t *j, struct op_reply *r)
{
	const json_t *invoices = json_path(j, "invoices"), *invoice;
	int64_t seen = 0, queued;
	bool all;
	size_t i;

	if (!json_is_array(invoices))
		return unreadable(r, "list of invoices");
	c->token[0] = '\0';
	all = queue_invoice(a, c, json_path(j, "invoice_preview"), &seen);
	json_array_foreach(invoices, i, invoice)
		all = all && queue_invoice(a, c, invoice, &seen);
	queued = (int64_t)((strlen(c->token) + 1) / (UUID_LEN + 1));
	if (!queued) /* 200 invoices fit on the page: sixteen years */
		return VERDICT_OK;
	c->number += queued;
	c->step = all ? BILL_ITEMS : BILL_ITEMS_AND_MORE;
	c->page = 0;
	return VERDICT_MORE;
}

/* One line of an invoice. False: it is for a droplet that was asked for, and has no amount. */
static bool read_item(const struct op_args *a, const json_t *item, struct op_reply *r)
{
	struct bill_line line = { .amount = 0 };

	if (!id_text(item, "resource_id", line.id))
		return true;
	if (a->id ? strcmp(a->id, line.id) != 0 : !str_icontains(json_str(item, "product", ""), "droplet"))
		return true;
	if (!json_money_signed(item, "amount", &line.amount))
		return false;
	json_time(item, "start_time", &line.from);
	json_time(item, "end_time", &line.until);
	if (!a->id && ((a->from && line.until && line.until <= a->from) || (a->until && line.from >= a->until)))
		return true;
	*op_reply_add_bill(r) = line;
	return true;
}

/* To the next invoice of the queue, to the list for more, or to the end. */
static enum verdict next_invoice(struct op_cursor *c)
{
	char *rest = strchr(c->token, ' ');

	c->page = 0;
	if (rest) {
		memmove(c->token, rest + 1, strlen(rest));
		return VERDICT_MORE;
	}
	if (c->step == BILL_ITEMS)
		return VERDICT_OK;
	c->step = BILL_INVOICES;
	c->token[0] = '\0';
	return VERDICT_MORE;
}

static enum verdict bill_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = body_of(res, VERDICT_RETRY, r);
	const json_t *items = json_path(j, "invoice_items"), *item;
	enum verdict v = VERDICT_OK;
	size_t i;

	if (!j)
		return r->verdict;
	if (c->step == BILL_INVOICES) {
		v = read_invoices(a, c, j, r);
		json_decref(j);
		return v;
	}
	if (!json_is_array(items))
		v = unreadable(r, "list of charges");
	json_array_foreach(items, i, item) {
		if (v == VERDICT_OK && !read_item(a, item, r))
			v = unreadable(r, "amount in one of the charges");
	}
	if (v == VERDICT_OK)
		v = next_page(j, c, r);
	if (v == VERDICT_OK)
		v = next_invoice(c);
	json_decref(j);
	return v;
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

const struct provider provider_digitalocean = {
	.name = "digitalocean",
	.title = "DigitalOcean",
	.api_url = API_URL,
	.token_env = "DIGITALOCEAN_TOKEN",
	.token_where = "https://cloud.digitalocean.com/account/api/tokens: scopes droplet (all), ssh_key (create, read), tag (create, read), "
		       "account, sizes, actions and billing (read)",
	.user = "root",
	.ssh_port = 22,
	.image_amd = "gpu-amd-base",
	.image_nvidia = "gpu-h100x1-base",
	.disk_gb = 0,
	.caps = CAP_MARK_AT_CREATE | CAP_BILL_BY_MACHINE,
	.create_timeout = 60 * SECOND,
	.boot_allowance = 15 * MINUTE,
	.teardown_allowance = 5 * MINUTE,
	/* By the second, at least one minute, on or off; the preview of the invoice is refreshed about daily (§10). */
	.billing = { .quantum = SECOND, .minimum = MINUTE, .start = METER_FROM_CREATE, .settle_delay = 26 * HOUR, .bills_stopped = true },
	/* 5,000 an hour and 250 a minute for all operations together (§1): the refills add up to 71 a minute. */
	.rate = {
		[OP_CHECK] = { 30 * SECOND, 5 },
		[OP_OFFERS] = { 15 * SECOND, 8 },
		[OP_KEY] = { 10 * SECOND, 6 },
		[OP_CREATE] = { 10 * SECOND, 16 },
		[OP_DESCRIBE] = { 5 * SECOND, 16 },
		[OP_LIST] = { 3 * SECOND, 30 },
		[OP_MARK] = { 15 * SECOND, 16 },
		[OP_DESTROY] = { 5 * SECOND, 30 },
		[OP_BALANCE] = { 30 * SECOND, 4 },
		[OP_BILL] = { 10 * SECOND, 20 },
	},
	.op = {
		[OP_CHECK] = { check_build, check_read },
		[OP_OFFERS] = { offers_build, offers_read },
		[OP_KEY] = { key_build, key_read },
		[OP_CREATE] = { create_build, create_read },
		[OP_DESCRIBE] = { describe_build, describe_read },
		[OP_LIST] = { list_build, list_read },
		[OP_MARK] = { mark_build, change_read },
		[OP_DESTROY] = { destroy_build, change_read },
		[OP_BALANCE] = { balance_build, balance_read },
		[OP_BILL] = { bill_build, bill_read },
	},
};

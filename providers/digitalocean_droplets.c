/*
 * DigitalOcean: droplets, from create to destroy (providers/digitalocean.md §5, §8).
 */
#include "base/gpu.h"
#include "base/str.h"
#include "providers/digitalocean.h"

static void request_droplet(const struct op_args *a, struct http_request *req, const char *method, const char *suffix)
{
	struct buf path = BUF(8 * ID_MAX);

	buf_puts(&path, "droplets/");
	str_percent_encode(&path, a->id);
	buf_puts(&path, suffix);
	digitalocean_request(a, req, method, buf_str(&path));
	buf_free(&path);
}

/* ---- create ---- */

/* Ids are integers; slugs and fingerprints are strings (§5.1). */
static json_t *integer_or_string(const char *s)
{
	int64_t number;

	return str_to_i64(s, 1, INT64_MAX, &number) ? json_integer(number) : json_string(s);
}

static const char *image_of(const struct op_args *a)
{
	const struct gpu *gpu = gpu_find(a->offer->gpu);

	if (a->snapshot)
		return a->snapshot->id;
	if (a->image && *a->image)
		return a->image;
	if (a->account->image[0])
		return a->account->image;
	if (gpu && gpu->vendor == GPU_VENDOR_AMD)
		return DIGITALOCEAN_IMAGE_AMD;
	return a->offer->gpu_count > 1 ? DIGITALOCEAN_IMAGE_X8 : DIGITALOCEAN_IMAGE;
}

/* cloud-init puts the key in place before sshd begins (digitalocean.md §user_data: ASCII, at most 64 KiB). */
static void put_host_key(json_t *body, const struct op_args *a)
{
	struct buf text = BUF(8192);

	if (!a->host_private || !a->host_public)
		return;
	buf_puts(&text, "#cloud-config\nssh_deletekeys: true\nssh_keys:\n  ed25519_private: |\n");
	for (const char *line = a->host_private; *line; line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n'))
		buf_printf(&text, "    %.*s\n", (int)strcspn(line, "\n"), line);
	buf_printf(&text, "  ed25519_public: %s\n", a->host_public);
	json_put_str(body, "user_data", buf_str(&text));
	explicit_bzero(text.data, text.cap);
	buf_free(&text);
}

/* NULL: the spec is not one of ours. Never `names`: one request, one droplet. */
static json_t *create_body(const struct op_args *a, const json_t *spec)
{
	const char *size = json_str(spec, "size", ""), *region = json_str(spec, "region", "");
	json_t *body, *image = integer_or_string(image_of(a)), *key = integer_or_string(a->key_id);

	if (!*size || !*region || !image || !key) {
		json_decref(image);
		json_decref(key);
		return NULL;
	}
	body = json_object();
	json_put_str(body, "name", a->mark);
	json_put_str(body, "region", region); /* never left out: it would mean "anywhere" (§3) */
	json_put_str(body, "size", size);
	json_put(body, "image", image);
	json_put(body, "ssh_keys", json_pack("[o]", key));
	json_put(body, "tags", json_pack("[s]", DIGITALOCEAN_TAG));
	if (a->volume)
		json_put(body, "volumes", json_pack("[s]", a->volume->id));
	json_put_bool(body, "backups", false);
	json_put_bool(body, "ipv6", false);
	json_put_bool(body, "monitoring", false);
	put_host_key(body, a);
	return body;
}

/* What cannot work, in one sentence; NULL: nothing. A volume stays in its region; a snapshot needs the disk that it was taken of (§6). */
static const char *misfit(const struct op_args *a, const json_t *spec, char text[TEXT_MAX])
{
	const struct storage *image = a->snapshot;
	int64_t disk = json_int(spec, "disk", a->offer->disk_gb), number;

	if (a->volume && (!*a->volume->id || strcmp(a->volume->region, json_str(spec, "region", "")) != 0))
		snprintf(text, TEXT_MAX, "the volume is in %s and cannot be used in %s", *a->volume->region ? a->volume->region : "an unknown region",
		    json_str(spec, "region", ""));
	else if (image && (image->of_volume || !str_to_i64(image->id, 1, INT64_MAX, &number)))
		snprintf(text, TEXT_MAX, "a droplet starts from a snapshot of a droplet, and '%s' is none", image->id);
	else if (image && disk > 0 && disk < image->disk_gb)
		snprintf(text, TEXT_MAX, "the snapshot needs a disk of %d GB, and %s has %lld", image->disk_gb, json_str(spec, "size", ""), (long long)disk);
	else
		return NULL;
	return text;
}

DIGITALOCEAN_BUILD(create)
{
	json_t *spec = NULL, *body = NULL;
	char text[TEXT_MAX];
	const char *why = NULL;

	(void)c;
	if (a->offer && a->offer->spec)
		spec = json_read(a->offer->spec, strlen(a->offer->spec), NULL);
	/* Without a key a password would be mailed to the owner of the account. */
	if (spec && a->mark && *a->mark && a->key_id && *a->key_id) {
		why = misfit(a, spec, text);
		body = why ? NULL : create_body(a, spec);
	}
	json_decref(spec);
	if (!body) {
		digitalocean_refuse(req, r, why ? why : "the droplet was not asked for: its offer, mark or SSH key is missing");
		return;
	}
	digitalocean_request(a, req, "POST", "droplets");
	http_request_json(req, body);
}

static bool has_any(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (str_icontains(text, *words))
			return true;
	return false;
}

/* A 422 never leaves a droplet behind; which kind it is only its sentence tells (§8). */
static enum verdict refusal_kind(const char *text)
{
	static const char *const quota[] = { "exceed", "payment", NULL };
	static const char *const wrong[] = { "valid", "image", "key identifier", "hostname", "volume", NULL };
	static const char *const sold_out[] = { "capacity", "unavailable", "not available", NULL };
	static const char *const passing[] = { "try again", "pending event", NULL };

	if (has_any(text, quota))
		return VERDICT_LIMIT;
	if (has_any(text, wrong))
		return VERDICT_REFUSED;
	if (has_any(text, passing) && !has_any(text, sold_out))
		return VERDICT_RETRY;
	return VERDICT_NO_CAPACITY;
}

DIGITALOCEAN_READ(create)
{
	char action[ID_MAX];
	json_t *j;

	(void)a;
	(void)c;
	if (!digitalocean_is_success(res)) {
		enum verdict v = digitalocean_failed(res, VERDICT_UNSURE, r);

		return r->verdict = v == VERDICT_REFUSED && res->status == 422 ? refusal_kind(r->message) : v;
	}
	j = digitalocean_body_of(res, VERDICT_UNSURE, r);
	if (!j)
		return r->verdict;
	if (!digitalocean_read_id(j, "droplet.id", r->id)) {
		op_fail(r, VERDICT_UNSURE, "DigitalOcean answered %d to the create without a usable id", res->status);
	} else {
		json_money(j, "droplet.size.price_hourly", &r->price_hour);
		/* The id of the create action is told nowhere else (§5.1): the message keeps it. */
		if (digitalocean_read_id(j, "links.actions.0.id", action))
			op_fail(r, VERDICT_OK, "create action %s", action);
		r->verdict = VERDICT_OK;
	}
	json_decref(j);
	return r->verdict;
}

/* ---- one droplet as a machine ---- */

static enum machine_state state_of(const char *status)
{
	static const struct {
		const char *status;
		enum machine_state state;
	} states[] = {
		{ "new", MACHINE_STARTING },
		{ "active", MACHINE_RUNNING },
		{ "off", MACHINE_STOPPED },
		{ "archive", MACHINE_STOPPED },
	};

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (!strcmp(status, states[i].status))
			return states[i].state;
	return MACHINE_UNKNOWN;
}

static void read_address(const struct op_args *a, const json_t *droplet, struct machine *m)
{
	const json_t *nets = json_path(droplet, "networks.v4"), *net;
	size_t i;

	json_array_foreach (nets, i, net) {
		const char *ip = json_str(net, "ip_address", ""), *type = json_str(net, "type", "");

		if (!*ip || strlen(ip) > 15 || strspn(ip, "0123456789.") != strlen(ip))
			continue;
		if (!strcmp(type, "private") && !*m->private_address) {
			str_copy(m->private_address, ip);
		} else if (!strcmp(type, "public") && !*m->address) {
			str_copy(m->address, ip);
			m->port = a->account->ssh_port ? a->account->ssh_port : DIGITALOCEAN_SSH_PORT;
		}
	}
}

static void read_state(const json_t *droplet, struct machine *m)
{
	const char *status = json_str(droplet, "status", "");
	struct buf note = BUF(TEXT_MAX - 1);

	m->state = state_of(status);
	str_safe(&note, status, strnlen(status, 64), false);
	if (m->state == MACHINE_RUNNING && !m->address[0]) { /* the address may come seconds later (§5.3) */
		m->state = MACHINE_STARTING;
		buf_puts(&note, ", no public address yet");
	}
	str_copy(m->note, buf_str(&note));
	buf_free(&note);
}

static bool read_droplet(const struct op_args *a, const json_t *droplet, struct machine *m)
{
	const json_t *gpu = json_path(droplet, "gpu_info");
	const char *model;

	memset(m, 0, sizeof(*m));
	if (!digitalocean_read_id(droplet, "id", m->id))
		return false;
	str_copy(m->mark, json_str(droplet, "name", ""));
	read_address(a, droplet, m);
	read_state(droplet, m);
	gpu = json_is_object(gpu) ? gpu : json_path(droplet, "size.gpu_info");
	model = json_str(gpu, "model", "");
	if (*model)
		gpu_canonical(model, m->gpu, sizeof(m->gpu));
	m->gpu_count = digitalocean_whole(gpu, "count");
	json_money(droplet, "size.price_hourly", &m->price_hour); /* off or on */
	json_time(droplet, "created_at", &m->created);
	return true;
}

/* ---- describe ---- */

DIGITALOCEAN_BUILD(describe)
{
	(void)c;
	(void)r;
	request_droplet(a, req, "GET", "");
}

DIGITALOCEAN_READ(describe)
{
	struct machine m;
	json_t *j;

	(void)c;
	if (!digitalocean_is_success(res))
		return digitalocean_failed_or_absent(res, r);
	j = digitalocean_body_of(res, VERDICT_RETRY, r);
	if (!j)
		return r->verdict;
	if (!read_droplet(a, json_path(j, "droplet"), &m) || strcmp(m.id, a->id) != 0) {
		digitalocean_unreadable(r, "droplet of that id");
	} else {
		*op_reply_add_machine(r) = m;
		r->verdict = VERDICT_OK;
	}
	json_decref(j);
	return r->verdict;
}

/* ---- list: all with GPUs, then all with our tag ---- */

enum list_step { LIST_GPUS, LIST_TAGGED };

DIGITALOCEAN_BUILD(list)
{
	(void)r;
	digitalocean_request_page(a, c, req, c->step == LIST_GPUS ? "droplets?type=gpus" : "droplets?tag_name=" DIGITALOCEAN_TAG);
}

static enum verdict end_of_page(const json_t *j, size_t shown, struct op_cursor *c, struct op_reply *r)
{
	enum verdict v = digitalocean_end_of_page(j, shown, "droplets", c, r);

	if (v != VERDICT_OK || c->step == LIST_TAGGED)
		return v;
	*c = (struct op_cursor){ .step = LIST_TAGGED };
	return VERDICT_MORE;
}

static enum verdict list_failed(const struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	enum verdict v = digitalocean_failed_or_absent(res, r);

	if (v != VERDICT_ABSENT)
		return v;
	/* A tag never used may be unknown instead of empty; what has GPUs is listed already. */
	if (c->step == LIST_TAGGED && c->page <= 1)
		return op_fail(r, VERDICT_OK, "%s", "");
	return r->verdict = VERDICT_REFUSED;
}

DIGITALOCEAN_READ(list)
{
	const json_t *droplets, *droplet;
	enum verdict v = VERDICT_OK;
	struct machine m;
	json_t *j;
	size_t i;

	if (!digitalocean_is_success(res))
		return list_failed(c, res, r);
	j = digitalocean_body_of(res, VERDICT_RETRY, r);
	if (!j)
		return r->verdict;
	droplets = json_path(j, "droplets");
	if (!json_is_array(droplets))
		v = digitalocean_unreadable(r, "list of droplets");
	json_array_foreach (droplets, i, droplet) {
		if (!read_droplet(a, droplet, &m)) { /* the one we cannot read may be ours */
			v = digitalocean_unreadable(r, "id for one of the droplets");
			break;
		}
		*op_reply_add_machine(r) = m;
	}
	if (v == VERDICT_OK)
		v = end_of_page(j, json_array_size(droplets), c, r);
	json_decref(j);
	return v;
}

/* ---- mark and destroy ---- */

DIGITALOCEAN_BUILD(mark)
{
	json_t *body = json_object();

	(void)c;
	(void)r;
	json_put_str(body, "type", "rename");
	json_put_str(body, "name", a->mark);
	request_droplet(a, req, "POST", "/actions");
	http_request_json(req, body);
}

/* By id only: by tag, or with what is attached, would take what is not ours to take (reliability §2.8). */
DIGITALOCEAN_BUILD(destroy)
{
	(void)c;
	(void)r;
	request_droplet(a, req, "DELETE", "");
}

/* While another event runs the API refuses with 422. It passes; asking again at once would be hammering (§5.4, §5.6). */
DIGITALOCEAN_READ(change)
{
	(void)a;
	(void)c;
	if (digitalocean_is_success(res))
		return VERDICT_OK;
	if (digitalocean_failed_or_absent(res, r) == VERDICT_REFUSED && (res->status == 409 || digitalocean_is_pending(res, r))) {
		r->verdict = VERDICT_RETRY;
		r->retry_after = 30 * SECOND;
	}
	return r->verdict;
}

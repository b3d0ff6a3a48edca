/*
 * vast.ai: instances (providers/vastai.md §2.5–2.12).
 */
#include "cloud_vastai.h"

#define LOG_DELAY (3 * SECOND) /* between a request for a log and the log */

#include "base/crypto.h"

/* null → created → loading → running, in the time the boot takes. */
const char *vast_status(const struct cloud *c, const struct sim_machine *m)
{
	duration boot = c->options.timing.boot, since = c->now - m->created;

	if (m->odd_state)
		return "hibernating";
	if (m->stopped)
		return c->now - m->created < boot / 7 ? NULL : "stopped";
	if (c->now >= m->running)
		return "running";
	if (since < boot / 7)
		return NULL;
	if (since < boot / 3 || json_bool(m->extra, "image_fails", false))
		return "created";
	return "loading";
}

static const char *message(const struct cloud *c, const struct sim_machine *m)
{
	const char *s = vast_status(c, m);

	if (json_bool(m->extra, "image_fails", false))
		return "Error response from daemon: OCI runtime create failed: container_linux.go: starting container process";
	if (s && !strcmp(s, "running"))
		return "success, running image/ssh";
	return s && !strcmp(s, "loading") ? "Pulling from registry" : NULL;
}

static json_t *environment(const struct sim_machine *m)
{
	json_t *out = json_array(), *v;
	const char *name;

	json_object_foreach (json_object_get(m->ask, "env"), name, v)
		if (json_is_string(v))
			json_array_append_new(out, json_pack("[ss]", name, json_string_value(v)));
	return out;
}

static void put_place(const struct cloud *c, const struct sim_machine *m, json_t *j)
{
	bool addressed = m->running != FOREVER && c->now >= m->running + c->options.timing.address;
	bool direct = strstr(json_str(m->ask, "runtype", "ssh"), "direct") != NULL;
	char address[64], port[16];

	snprintf(address, sizeof(address), "%s ", m->address); /* stray white space, as seen live */
	snprintf(port, sizeof(port), "%d", m->port);
	json_put_str(j, "public_ipaddr", addressed ? address : NULL);
	json_put(j, "ports", json_object());
	if (addressed && direct)
		json_put(json_object_get(j, "ports"), "22/tcp",
		    json_pack("[{ss ss}]", "HostIp", "0.0.0.0", "HostPort", port));
	/* The proxy reaches the same sshd; on loopback its name is the machine's own address. */
	json_put_str(j, "ssh_host", m->address);
	json_put_int(j, "ssh_port", m->port);
}

json_t *vast_view(const struct cloud *c, const struct sim_machine *m)
{
	const struct vast_ask *a = &((struct vast *)c->own)->asks[m->offer];
	const char *power = m->stopped ? "stopped" : "running",
		   *cur = c->now >= m->running && !m->stopped ? "running" : "unloaded";
	int64_t disk = json_int(m->ask, "disk", 8), id = 0;
	money total = m->price + (a->storage * disk + 360) / 720;
	bool nvidia = m->gpu && !strcmp(m->gpu->vendor, "nvidia");
	json_t *j = json_object();

	str_to_i64(m->id, 1, INT64_MAX, &id);
	json_put_int(j, "id", id);
	json_put_str(j, "label", *m->name ? m->name : NULL);
	json_put_str(j, "actual_status", vast_status(c, m));
	json_put_str(j, "cur_state", m->stopped ? "stopped" : cur);
	json_put_str(j, "next_state", power);
	json_put_str(j, "intended_status", power);
	json_put_str(j, "status_msg", message(c, m));
	json_put_int(j, "machine_id", a->machine_id);
	json_put_int(j, "host_id", a->host_id);
	json_put_str(j, "gpu_name", a->name);
	json_put_str(j, "gpu_arch", nvidia ? "nvidia" : "amd");
	json_put_int(j, "gpu_ram", m->gpu ? m->gpu->memory_mib : 0);
	json_put_int(j, "num_gpus", m->count);
	json_put_bool(j, "is_bid", json_bool(m->extra, "bid", false));
	json_put_money(j, "dph_base", m->price);
	json_put_money(j, "dph_total", total);
	json_put_money(j, "min_bid", a->min_bid);
	json_put_money(j, "storage_cost", a->storage);
	json_put(j, "disk_space", json_real((double)disk));
	json_put_str(j, "image_uuid", json_str(m->ask, "image", ""));
	json_put_str(j, "image_runtype", "ssh_direc ssh_proxy");
	put_place(c, m, j);
	json_put(j, "start_date", json_real((double)m->created / (double)SECOND));
	json_put(j, "end_date", json_real((double)a->ends / (double)SECOND));
	json_put(j, "duration", json_real((double)(a->ends - c->now) / (double)SECOND));
	json_put_str(j, "geolocation", a->place);
	json_put_str(j, "verification", a->verified ? "verified" : "unverified");
	json_put_str(j, "onstart", json_str(m->ask, "onstart", ""));
	json_put(j, "extra_env", environment(m));
	json_put(j, "uptime_mins", json_null());
	json_put(j, "search", json_object());
	json_put_money(json_object_get(j, "search"), "totalHour", total);
	json_put(j, "instance", json_object());
	json_put_money(json_object_get(j, "instance"), "totalHour", total);
	json_put(j, "volume_info", json_array());
	return j;
}

/* ---- list: pages of 25 at most, behind a cursor ---- */

static const char *const computed[] = { "dph_total", "dph_base", "num_gpus", "duration",
	"uptime_mins", "ports", NULL };

static bool filters_allowed(const json_t *filters)
{
	const char *key;
	json_t *v;

	json_object_foreach ((json_t *)filters, key, v)
		for (const char *const *f = computed; *f; f++)
			if (!strcmp(*f, key))
				return false;
	return true;
}

static json_t *columns(json_t *row, const json_t *wanted)
{
	json_t *out, *v;
	size_t i;

	if (!json_array_size(wanted) || !strcmp(json_str(wanted, "0", ""), "*"))
		return row;
	out = json_object();
	json_array_foreach ((json_t *)wanted, i, v) {
		const char *name = json_string_value(v);
		json_t *cell = name ? json_object_get(row, name) : NULL;

		if (name)
			json_put(out, name, cell ? json_incref(cell) : json_null());
	}
	json_decref(row);
	return out;
}

static json_t *label_counts(struct sim_machine *const *all, size_t n)
{
	json_t *out = json_object();

	for (size_t i = 0; i < n; i++)
		json_put_int(
		    out, all[i]->name, json_integer_value(json_object_get(out, all[i]->name)) + 1);
	return out;
}

static json_t *parameter(const struct sim_request *q, const char *name)
{
	char text[4096];

	return sim_query(q, name, text, sizeof(text)) ? json_read(text, strlen(text), NULL) : NULL;
}

/* The cursor is base64 of {"values": {"id": N}}. */
static char *token(const struct sim_machine *m)
{
	char text[96];

	snprintf(text, sizeof(text), "{\"values\": {\"id\": %lld}}", (long long)m->serial);
	return str_base64(text, strlen(text));
}

static bool token_read(const char *text, int64_t *serial)
{
	size_t n = 0;
	uint8_t *raw = crypto_base64_decode(text, &n);
	json_t *j = raw ? json_read((const char *)raw, n, NULL) : NULL;

	*serial = json_int(j, "values.id", -1);
	json_decref(j);
	free(raw);
	return *serial >= 0;
}

/* Host reclaims or a higher bid wins: stopped without anybody having asked. */
static void lose_bid(struct cloud *c)
{
	for (size_t i = c->machine_count; i-- > 0;) {
		struct sim_machine *m = c->machines[i];

		if (m->deleted || m->stopped)
			continue;
		if (cloud_fault(c, FAULT_BID_LOST))
			vast_stop(c, m);
		return;
	}
}

static bool list_arguments(const struct sim_request *q, const json_t *filters,
    struct sim_response *r, int64_t *limit, int64_t *after)
{
	char text[300];

	*limit = 25;
	*after = 0;
	if (SIM_QUERY(q, "limit", text))
		str_to_i64(text, INT64_MIN, INT64_MAX, limit);
	*limit = *limit <= 0 ? 5 : *limit > 25 ? 25 : *limit;
	if (SIM_QUERY(q, "after_token", text) && *text && !token_read(text, after))
		vast_error(r, 400, "invalid_token", "error 400/9001: invalid after_token");
	else if (!filters_allowed(filters))
		vast_error(r, 400, "invalid_request",
		    "error 400/9002: computed columns cannot be filtered");
	else
		return true;
	return false;
}

static bool row_fits(const json_t *row, const json_t *filters)
{
	const char *key;
	json_t *ops;

	json_object_foreach ((json_t *)filters, key, ops)
		if (!vast_filter(ops, json_object_get(row, key)))
			return false;
	return true;
}

/* Volumes are shown by the list only (§2.6). */
static json_t *listed(const struct cloud *c, const struct sim_machine *m)
{
	json_t *row = vast_view(c, m);

	json_put(row, "volume_info", vast_volume_info(c, m));
	return row;
}

void vast_list(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	json_t *filters = parameter(q, "select_filters"), *cols = parameter(q, "select_cols"),
	       *order = parameter(q, "order_by");
	json_t *rows = json_array();
	bool down = !strcmp(json_str(order, "0.dir", "asc"), "desc"), loop;
	int64_t limit, after, total = 0, rest = 0;
	struct sim_machine **all, *last = NULL;
	char *next = NULL;
	size_t n;

	lose_bid(c);
	if (cloud_list_refused(c, r) || !list_arguments(q, filters, r, &limit, &after))
		goto out;
	loop = cloud_fault(c, FAULT_LIST_LOOP);
	all = cloud_listing(c, &n);
	for (size_t i = 0; i < n; i++) {
		struct sim_machine *m = all[down ? n - 1 - i : i];
		json_t *row = listed(c, m);
		bool fits = row_fits(row, filters),
		     later = !after || (down ? m->serial < after : m->serial > after);

		total += fits;
		if (!fits || (!later && !loop)) {
			json_decref(row);
		} else if ((int64_t)json_array_size(rows) < limit) {
			json_array_append_new(rows, columns(row, cols));
			last = m;
		} else {
			rest++;
			json_decref(row);
		}
	}
	if (last && (rest || loop))
		next = token(last);
	sim_answer_json(r, 200,
	    json_pack("{sb sI sI so ss? sO}", "success", 1, "instances_found",
		(json_int_t)json_array_size(rows), "total_instances", (json_int_t)total,
		"label_counts", label_counts(all, n), "next_token", next, "instances", rows));
	free(all);
out:
	free(next);
	json_decref(rows);
	json_decref(filters);
	json_decref(cols);
	json_decref(order);
}

/* ---- one instance ---- */

void vast_stop(struct cloud *c, struct sim_machine *m)
{
	cloud_power(c, m, false);
	cloud_meter_stop(c, m, "gpu");
}

static void start(struct cloud *c, struct sim_machine *m)
{
	if (!m->stopped)
		return;
	cloud_power(c, m, true);
	m->port = cloud_random_port(c);
	cloud_meter_start(c, m, "gpu", m->price, HOUR);
	m->meters[m->meter_count - 1].from = m->running;
}

static void ok(struct sim_response *r)
{
	sim_answer_json(r, 200, json_pack("{sb}", "success", 1));
}

static void manage(
    struct cloud *c, const struct sim_request *q, struct sim_machine *m, struct sim_response *r)
{
	json_t *body = sim_body(q);
	const char *state = json_str(body, "state", NULL), *label = json_str(body, "label", NULL);

	if (label && strlen(label) > 1024) {
		vast_error(r, 400, "label_too_long", "error 400/4002: label_too_long");
	} else if (state && !strcmp(state, "running") && c->deposit - cloud_total(c, c->now) <= 0) {
		vast_error(r, 400, "missing_billing", "error 400/4003: missing_billing");
	} else if (!label && (!state || (strcmp(state, "stopped") && strcmp(state, "running")))) {
		vast_error(r, 400, "invalid_args", "error 400/4001: state or label is required");
	} else {
		if (label)
			str_copy(m->name, label);
		if (state && !strcmp(state, "stopped") && !m->stopped)
			vast_stop(c, m);
		else if (state && !strcmp(state, "running"))
			start(c, m);
		ok(r);
	}
	json_decref(body);
}

static void bid(
    struct cloud *c, const struct sim_request *q, const char *id, struct sim_response *r)
{
	struct sim_machine *m = cloud_find(c, id);
	json_t *body = sim_body(q);
	money price = 0;

	if (!m || !cloud_shown(c, m) || m->deleted) {
		c->model->error(c, r, SIM_E_ABSENT);
	} else if (!json_money(body, "price", &price) || price < 1000 ||
		   price > 32 * USD * m->count) {
		vast_error(r, 400, "invalid_price", "error 400/3490: invalid_price");
	} else {
		m->price = price;
		if (!m->stopped) {
			cloud_meter_stop(c, m, "gpu");
			cloud_meter_start(c, m, "gpu", price, HOUR);
			m->meters[m->meter_count - 1].from = instant_max(c->now, m->running);
		}
		ok(r);
	}
	json_decref(body);
}

static void attach_key(
    struct cloud *c, const struct sim_request *q, struct sim_machine *m, struct sim_response *r)
{
	json_t *body = sim_body(q);
	const char *key = json_str(body, "ssh_key", NULL);
	char type[64], base64[2048], comment[256];

	if (!key || !cloud_key_parse(key, type, base64, comment)) {
		vast_error(r, 400, "no_ssh_key", "No ssh key provided");
	} else {
		buf_printf(&m->keys, "%s\n", key);
		c->keys_changed++;
		ok(r);
	}
	json_decref(body);
}

static void destroy(struct cloud *c, struct sim_machine *m, struct sim_response *r)
{
	if (m->deleted)
		c->model->error(c, r, SIM_E_ABSENT);
	else if (cloud_delete(c, m, r))
		ok(r);
}

/* The log is sent to a storage service; there it is some time later (§2.14). */
static void request_logs(struct cloud *c, const struct sim_request *q, struct sim_machine *m, struct sim_response *r)
{
	const char *host = sim_header(q, "Host");
	char url[256];
	json_t *body = sim_body(q);
	int64_t tail;

	if (body && (!json_is_object(body) || !str_to_i64(json_str(body, "tail", "1000"), 1, 1000000, &tail))) {
		vast_error(r, 400, "invalid_args", "error 400/2101: Invalid args: tail is a number, as text");
		json_decref(body);
		return;
	}
	json_decref(body);
	snprintf(url, sizeof(url), "%s%s%s/instance_logs/%s.log", host ? "http://" : "https://s3.amazonaws.com/vast.ai", host ? host : "",
	    host ? c->model->prefix : "", m->id);
	json_put_int(m->extra, "log_ready", c->now + LOG_DELAY);
	sim_answer_json(r, 200, json_pack("{sb ss}", "success", 1, "result_url", url));
}

void vast_stored_log(struct cloud *c, const struct sim_request *q, const char *name, struct sim_response *r)
{
	char id[64];
	const struct sim_machine *m;
	int64_t ready;

	str_copy(id, name);
	id[strcspn(id, ".")] = '\0';
	m = cloud_find(c, id);
	ready = m ? json_int(m->extra, "log_ready", 0) : 0;
	if (sim_header(q, "Authorization"))
		sim_answer_text(r, 400, "Only one auth mechanism allowed");
	else if (!ready || c->now < ready)
		sim_answer_text(r, ready ? 404 : 403, "<Error><Code>NoSuchKey</Code></Error>");
	else
		sim_answer_text(r, 200, buf_str(&m->log));
}

void vast_instance(
    struct cloud *c, const struct sim_request *q, const char *id, struct sim_response *r)
{
	struct sim_machine *m = cloud_find(c, id);
	bool get = !strcmp(q->method, "GET"), put = !strcmp(q->method, "PUT"),
	     shown = cloud_answers_for(c, m, q);
	struct sim_path p;

	sim_path_parse(&p, q->path);
	if (p.n == 4 && get) {
		/* Unknown, destroyed and not yet visible look the same. */
		sim_answer_json(
		    r, 200, json_pack("{so}", "instances", shown ? vast_view(c, m) : json_null()));
		return;
	}
	if (p.n == 5 && put && !strcmp(id, "bid_price")) {
		bid(c, q, p.part[4], r);
		return;
	}
	if (p.n == 5 && put && !strcmp(id, "request_logs")) {
		m = cloud_find(c, p.part[4]);
		if (m && cloud_shown(c, m))
			request_logs(c, q, m, r);
		else
			c->model->error(c, r, SIM_E_ABSENT);
		return;
	}
	if (p.n == 5 && put && (!strcmp(id, "reboot") || !strcmp(id, "recycle"))) {
		m = cloud_find(c, p.part[4]);
		if (!m || !cloud_shown(c, m)) {
			c->model->error(c, r, SIM_E_ABSENT);
			return;
		}
		cloud_power(c, m, true);
		ok(r);
		return;
	}
	if (!shown)
		c->model->error(c, r, SIM_E_ABSENT);
	else if (p.n == 4 && put)
		manage(c, q, m, r);
	else if (p.n == 4 && !strcmp(q->method, "DELETE"))
		destroy(c, m, r);
	else if (p.n == 5 && !strcmp(q->method, "POST") && !strcmp(p.part[4], "ssh"))
		attach_key(c, q, m, r);
	else
		sim_answer_text(r, 404, "Not Found");
}

/*
 * RunPod: pods (providers/runpod.md §4–7).
 */
#include "cloud_runpod.h"

#define MONTH (720 * HOUR) /* storage is priced per GB and month; thirty days */

/* ---- what a body may hold ---- */

bool runpod_only_keys(struct cloud *c, struct sim_response *r, const json_t *o, const char *where,
    const char *const *allowed)
{
	const char *key;
	json_t *v;

	json_object_foreach ((json_t *)o, key, v) {
		const char *const *a = allowed;
		char text[300];

		while (*a && strcmp(*a, key))
			a++;
		if (*a)
			continue;
		snprintf(text, sizeof(text), "%s: additional properties '%.100s' not allowed",
		    where, key);
		runpod_invalid(c, r, text);
		return false;
	}
	return true;
}

static bool typed(
    struct cloud *c, struct sim_response *r, const json_t *o, const char *key, json_type type)
{
	const json_t *v = json_object_get(o, key);
	char text[128];

	if (!v || json_typeof(v) == type || (type == JSON_TRUE && json_is_boolean(v)))
		return true;
	snprintf(text, sizeof(text), "$.%s: wrong type", key);
	runpod_invalid(c, r, text);
	return false;
}

static bool strings(struct cloud *c, struct sim_response *r, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	const char *name;
	json_t *item;
	size_t i;
	bool ok = true;

	if (json_is_array(v))
		json_array_foreach ((json_t *)v, i, item)
			ok = ok && json_is_string(item);
	else
		json_object_foreach ((json_t *)v, name, item)
			ok = ok && json_is_string(item);
	if (!ok)
		runpod_invalid(c, r, "$: values must be strings");
	return ok;
}

static bool valid(struct cloud *c, struct sim_response *r, const json_t *b, bool patch)
{
	static const char *const create_keys[] = { "name", "image", "args", "disk", "env", "ports",
		"registry", "cloud", "cpu", "dataCenterIds", "globalNetworking", "gpu", "mounts",
		"startJupyter", "startSsh", "templateId", NULL };
	static const char *const patch_keys[] = { "name", "image", "args", "disk", "env", "ports",
		"registry", "globalNetworking", "locked", "mounts", "templateId", NULL };
	static const char *const gpu_keys[] = { "id", "count", "allowedCudaVersions",
		"minCudaVersion", "minRamPerGpu", "minVcpuCountPerGpu", NULL };
	static const char *const mount_keys[] = { "persistent", "network", NULL };

	if (!json_is_object(b)) {
		runpod_invalid(c, r, "$: object required");
		return false;
	}
	if (!runpod_only_keys(c, r, b, "$", patch ? patch_keys : create_keys) ||
	    !runpod_only_keys(c, r, json_object_get(b, "gpu"), "$.gpu", gpu_keys) ||
	    !runpod_only_keys(c, r, json_object_get(b, "mounts"), "$.mounts", mount_keys))
		return false;
	if (!typed(c, r, b, "name", JSON_STRING) || !typed(c, r, b, "image", JSON_STRING) ||
	    !typed(c, r, b, "args", JSON_STRING) || !typed(c, r, b, "disk", JSON_INTEGER) ||
	    !typed(c, r, b, "env", JSON_OBJECT) || !typed(c, r, b, "ports", JSON_ARRAY) ||
	    !typed(c, r, b, "dataCenterIds", JSON_ARRAY) || !typed(c, r, b, "gpu", JSON_OBJECT) ||
	    !typed(c, r, b, "mounts", JSON_OBJECT) || !typed(c, r, b, "startSsh", JSON_TRUE) ||
	    !typed(c, r, b, "startJupyter", JSON_TRUE) || !typed(c, r, b, "cloud", JSON_STRING))
		return false;
	return strings(c, r, b, "env") && strings(c, r, b, "ports") &&
	       strings(c, r, b, "dataCenterIds") && runpod_mount_valid(c, r, b);
}

static bool valid_create(struct cloud *c, struct sim_response *r, const json_t *b)
{
	const char *cloud = json_str(b, "cloud", "SECURE");
	const json_t *gpu = json_object_get(b, "gpu"), *network = json_path(b, "mounts.network");
	char text[160];

	if (!valid(c, r, b, false))
		return false;
	if (!*json_str(b, "name", ""))
		runpod_invalid(c, r, "$: missing property 'name'");
	else if (!json_object_get(b, "image") && !json_object_get(b, "templateId"))
		runpod_invalid(c, r, "$: missing property 'image'");
	else if (strcmp(cloud, "SECURE") && strcmp(cloud, "COMMUNITY"))
		runpod_invalid(c, r, "$.cloud: value must be one of 'SECURE', 'COMMUNITY'");
	else if (gpu && !*json_str(gpu, "id", ""))
		runpod_invalid(c, r, "$.gpu: missing property 'id'");
	else if (gpu && json_object_get(gpu, "count") && json_int(gpu, "count", 0) < 1)
		runpod_invalid(c, r, "$.gpu.count: minimum 1");
	else if (json_object_get(b, "disk") && json_int(b, "disk", 0) < 1)
		runpod_invalid(c, r, "$.disk: minimum 1");
	else if (json_path(b, "mounts.persistent") && json_int(b, "mounts.persistent.size", 0) < 10)
		runpod_invalid(c, r, "$.mounts.persistent.size: minimum 10");
	else if (!gpu == !json_object_get(b, "cpu"))
		runpod_problem(
		    c, r, 400, "Bad Request", "exactly one of gpu and cpu must be given");
	else if (json_path(b, "mounts.persistent") && network)
		runpod_problem(c, r, 400, "Bad Request",
		    "mounts.persistent and mounts.network exclude each other");
	else if (json_object_size(json_object_get(b, "env")) > 50)
		runpod_problem(
		    c, r, 400, "Bad Request", "a pod may have at most 50 environment variables");
	else if (json_object_get(b, "templateId"))
		runpod_problem(c, r, 404, "Not Found", "template not found");
	else if (!runpod_mount_fits(c, r, b))
		return false;
	else if (!json_object_get(b, "disk"))
		runpod_problem(c, r, 400, "Bad Request",
		    "Something went wrong: check the template id or pod configuration parameters.");
	else if (!gpu || !runpod_type_find(c, json_str(gpu, "id", ""))) {
		snprintf(
		    text, sizeof(text), "gpu type '%.80s' is not known", json_str(gpu, "id", ""));
		runpod_problem(c, r, 400, "Bad Request", text);
	} else
		return true;
	return false;
}

/* ---- views ---- */

const char *runpod_state(const struct cloud *c, const struct sim_machine *m)
{
	if (m->odd_state)
		return "MIGRATING";
	if (m->deleted)
		return "TERMINATED";
	if (m->stopped)
		return "EXITED";
	if (cloud_fault_on(c, FAULT_SPEC_STATES) && c->now < m->running)
		return c->now < m->created + c->options.timing.boot / 2 ? "PROVISIONING"
									: "STARTING";
	/* Seen live: RUNNING in the very first reads, whatever the document says. */
	return "RUNNING";
}

static json_t *actions(const char *state)
{
	if (!strcmp(state, "RUNNING"))
		return json_pack("[sss]", "stop", "restart", "terminate");
	if (!strcmp(state, "EXITED"))
		return json_pack("[ss]", "start", "terminate");
	if (!strcmp(state, "TERMINATED"))
		return json_array();
	return json_pack("[ss]", "stop", "terminate");
}

static bool has_port(const json_t *ask, const char *port)
{
	json_t *v;
	size_t i;

	json_array_foreach (json_object_get(ask, "ports"), i, v)
		if (!strcmp(json_string_value(v), port))
			return true;
	return false;
}

static json_t *runtime(const struct cloud *c, const struct sim_machine *m, bool direct)
{
	json_t *ports = json_array(), *gpus = json_array();

	if (direct)
		json_array_append_new(ports, json_pack("{si si ss ss}", "private", 22, "public",
						 m->port, "type", "tcp", "ip", m->address));
	json_array_append_new(ports, json_pack("{si si ss ss}", "private", 19123, "public", 60821,
					 "type", "http", "ip", "100.65.14.155"));
	for (int i = 0; i < m->count; i++)
		json_array_append_new(gpus, json_pack("{si si}", "util", 0, "memoryUtil", 0));
	return json_pack("{sI so s{si} s{si} so}", "uptime",
	    (json_int_t)((c->now - m->running) / SECOND), "gpus", gpus, "cpu", "util", 0, "memory",
	    "util", 0, "ports", ports);
}

static json_t *ssh(const struct cloud *c, const struct sim_machine *m, bool direct)
{
	const char *user = c->options.login_user ? c->options.login_user : "root";
	char command[160], proxy[96], proxy_command[160];
	json_t *d = json_null();

	snprintf(proxy, sizeof(proxy), "%s-64411eb2", m->id);
	snprintf(proxy_command, sizeof(proxy_command), "ssh %s@ssh.runpod.io", proxy);
	if (direct) {
		snprintf(command, sizeof(command), "ssh %s@%s -p %d", user, m->address, m->port);
		d = json_pack("{ss si ss ss}", "host", m->address, "port", m->port, "username",
		    user, "command", command);
	}
	return json_pack("{so s{ss si ss ss}}", "direct", d, "proxy", "host", "ssh.runpod.io",
	    "port", 22, "username", proxy, "command", proxy_command);
}

static json_t *or_default(const json_t *ask, const char *key, json_t *fallback)
{
	json_t *v = json_object_get(ask, key);

	if (!v)
		return fallback;
	json_decref(fallback);
	return json_deep_copy(v);
}

json_t *runpod_view(const struct cloud *c, const struct sim_machine *m)
{
	const char *state = runpod_state(c, m);
	bool up = c->now >= m->running && !m->stopped && !m->deleted,
	     direct = up && has_port(m->ask, "22/tcp");
	const struct runpod_type *t = &((struct runpod *)c->own)->types[m->offer];
	json_t *j = json_object();

	json_put_str(j, "id", m->id);
	json_put_str(j, "name", m->name);
	json_put_str(j, "status", state);
	json_put(j, "actions", actions(state));
	json_put(j, "image", or_default(m->ask, "image", json_string("")));
	json_put(j, "args", or_default(m->ask, "args", json_string("")));
	json_put(j, "disk", or_default(m->ask, "disk", json_integer(50)));
	json_put(j, "ports", or_default(m->ask, "ports", json_array()));
	json_put(j, "env", or_default(m->ask, "env", json_object()));
	json_put(j, "registry", json_null());
	json_put(j, "template", json_null());
	json_put(j, "mounts", or_default(m->ask, "mounts", json_object()));
	json_put(j, "gpu", json_pack("{ss si}", "id", t->id, "count", m->count));
	json_put_str(j, "cloud", m->kind);
	json_put_str(j, "dataCenterId", m->host);
	json_put_str(j, "cudaVersion", m->gpu && !strcmp(m->gpu->vendor, "nvidia") ? "12.8" : NULL);
	/* Not zero for a stopped pod, although the document says so. */
	json_put_money(j, "cost", m->price);
	json_put_bool(j, "locked", json_bool(m->extra, "locked", false));
	json_put(j, "globalNetworking", json_pack("{sb}", "enabled", 0));
	json_put(j, "ssh", ssh(c, m, direct));
	json_put(j, "runtime", up ? runtime(c, m, direct) : json_null());
	json_put_time(j, "createdAt", m->created);
	json_put_time(j, "startedAt", c->now >= m->running ? m->running : 0);
	return j;
}

/* ---- create ---- */

void runpod_storage(struct cloud *c, struct sim_machine *m)
{
	int64_t disk = json_int(m->ask, "disk", 50),
		volume = json_int(m->ask, "mounts.persistent.size", 0);

	cloud_meter_stop(c, m, "disk");
	if (!m->stopped)
		cloud_meter_start(c, m, "disk", disk * (USD / 10), MONTH);
	if (volume)
		cloud_meter_start(c, m, "disk", volume * (m->stopped ? USD / 5 : USD / 10), MONTH);
}

/* sshd is the image's doing: RunPod's images start it when PUBLIC_KEY is set; others need a start command that does. */
static void login(struct cloud *c, struct sim_machine *m)
{
	const char *key = json_str(m->ask, "env.PUBLIC_KEY", NULL);
	bool starts = str_starts(json_str(m->ask, "image", ""), "runpod/") ||
		      strstr(json_str(m->ask, "args", ""), "ssh");
	json_t *v;
	size_t i;

	if (key)
		buf_printf(&m->keys, "%s\n", key);
	else if (json_bool(m->ask, "startSsh", false))
		json_array_foreach (c->keys, i, v)
			buf_printf(&m->keys, "%s\n", json_string_value(v));
	/* NVIDIA's tools come from the host; ROCm comes with the image or not at all. */
	m->drivers = !m->gpu || strcmp(m->gpu->vendor, "amd") ||
		     str_icontains(json_str(m->ask, "image", ""), "rocm");
	if (!m->keys.len || !starts || !has_port(m->ask, "22/tcp"))
		m->ssh = FOREVER;
	json_object_update(m->env, json_object_get(m->ask, "env"));
	json_put_str(m->env, "RUNPOD_POD_ID", m->id);
	json_put_str(m->env, "RUNPOD_API_KEY", json_str(m->extra, "key", ""));
}

static void random_word(struct cloud *c, char *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[rng_below(&c->rng, 36)];
	out[n] = '\0';
}

static struct sim_machine *make(struct cloud *c, struct runpod_type *t, struct runpod_site *site,
    int count, money price, const json_t *body)
{
	struct sim_machine *m = cloud_machine_new(c, t->gpu, count, price, body);
	char key[48] = "rpa_POD";

	buf_printf(&m->log, "create container %s\nstart container\n", json_str(body, "image", ""));
	random_word(c, m->id, 14);
	random_word(c, key + 7, 32);
	json_put_str(m->extra, "key", key);
	str_copy(m->name, json_str(body, "name", ""));
	str_copy(m->kind, json_str(body, "cloud", "SECURE"));
	str_copy(m->host, site->id);
	m->offer = (size_t)(t - ((struct runpod *)c->own)->types);
	m->port = cloud_random_port(c);
	site->stock -= count;
	login(c, m);
	cloud_meter_start(c, m, "gpu", m->price, HOUR);
	runpod_storage(c, m);
	runpod_mount(c, m);
	return m;
}

void runpod_create(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	json_t *body = sim_body(q);
	const struct sim_store *volume;
	json_t *sites = NULL;
	struct runpod_type *t;
	struct runpod_site *site;
	struct sim_machine *m = NULL;
	int count, copies;
	money price;
	bool secure;

	if (!valid_create(c, r, body) || cloud_create_refused(c, r))
		goto out;
	t = runpod_type_find(c, json_str(body, "gpu.id", ""));
	count = (int)json_int(body, "gpu.count", 1);
	secure = !strcmp(json_str(body, "cloud", "SECURE"), "SECURE");
	price = (secure ? t->secure : t->community) * count;
	/* A volume pins its pod to where it is. */
	volume = runpod_volume_of(c, body);
	sites = volume ? json_pack("[s]", volume->place) : json_incref(json_object_get(body, "dataCenterIds"));
	site = runpod_place(t, count, sites);
	if (!price || !site || count > (secure ? t->max_secure : t->max_community)) {
		c->model->error(c, r, SIM_E_CAPACITY);
		goto out;
	}
	if (c->deposit - cloud_total(c, c->now) < price) {
		c->model->error(c, r, SIM_E_MONEY);
		goto out;
	}
	for (copies = cloud_fault(c, FAULT_CREATE_TWICE) && site->stock >= 2 * count ? 2 : 1;
	     copies; copies--)
		m = make(c, t, site, count, price, body);
	sim_answer_json(r, 201, runpod_view(c, m));
	cloud_create_answered(c, r);
out:
	json_decref(sites);
	json_decref(body);
}

/* ---- list, in pages that may be shorter than asked ---- */

#define PAGE_MAX 25

static bool page_start(struct cloud *c, const struct sim_request *q, struct sim_response *r,
    int64_t *limit, int64_t *after)
{
	char text[64];
	int64_t n;

	*limit = INT64_MAX;
	*after = 0;
	if (SIM_QUERY(q, "limit", text)) {
		if (!str_to_i64(text, 1, 1000, limit)) {
			runpod_invalid(c, r, "limit: must be within 1..1000");
			return false;
		}
		*limit = *limit < PAGE_MAX ? *limit : PAGE_MAX;
	}
	if (SIM_QUERY(q, "cursor", text)) {
		if (!str_starts(text, "pods-") || !str_to_i64(text + 5, 1, INT64_MAX, &n)) {
			runpod_invalid(c, r, "cursor: not valid");
			return false;
		}
		*after = n;
	}
	return true;
}

static void list(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	bool paging = !cloud_fault_on(c, FAULT_NO_PAGING), more = false;
	int64_t limit = INT64_MAX, after = 0, last = 0, count = 0;
	struct sim_machine **all;
	json_t *pods, *j;
	char cursor[48];
	size_t n;

	if (cloud_list_refused(c, r) || (paging && !page_start(c, q, r, &limit, &after)))
		return;
	all = cloud_listing(c, &n);
	pods = json_array();
	for (size_t i = 0; i < n; i++) {
		if (all[i]->serial <= after)
			continue;
		if (count == limit) {
			more = true;
			break;
		}
		json_array_append_new(pods, runpod_view(c, all[i]));
		last = instant_max(last, all[i]->serial);
		count++;
	}
	free(all);
	if (cloud_fault(c, FAULT_LIST_LOOP)) {
		more = true;
		last = after ? after : 1;
	}
	j = json_pack("{so}", "pods", pods);
	snprintf(cursor, sizeof(cursor), "pods-%lld", (long long)last);
	if (paging)
		json_put(j, "pagination",
		    json_pack("{ss? sb}", "nextCursor", more ? cursor : NULL, "hasNextPage", more));
	sim_answer_json(r, 200, j);
}

/* ---- one pod ---- */

void runpod_stop(struct cloud *c, struct sim_machine *m)
{
	c->model->released(c, m);
	cloud_power(c, m, false);
	cloud_meter_stop(c, m, "gpu");
	runpod_storage(c, m);
}

static bool start(struct cloud *c, struct sim_machine *m, struct sim_response *r)
{
	struct runpod_type *t = &((struct runpod *)c->own)->types[m->offer];
	json_t *here = json_pack("[s]", m->host);
	struct runpod_site *site = runpod_place(t, m->count, here);

	json_decref(here);
	if (!site) {
		runpod_problem(c, r, 400, "Bad Request",
		    "There are not enough free GPUs on the host machine to start this pod.");
		return false;
	}
	site->stock -= m->count;
	cloud_power(c, m, true);
	m->port = cloud_random_port(c);
	cloud_meter_start(c, m, "gpu", m->price, HOUR);
	runpod_storage(c, m);
	return true;
}

static void delete (struct cloud *c, struct sim_machine *m, struct sim_response *r)
{
	if (cloud_delete(c, m, r))
		sim_answer_empty(r, 204);
}

static void action(
    struct cloud *c, const struct sim_request *q, struct sim_machine *m, struct sim_response *r)
{
	json_t *body = sim_body(q);
	const char *verb = json_str(body, "action", "");
	bool stopped = m->stopped, locked = json_bool(m->extra, "locked", false);

	if (strcmp(verb, "start") && strcmp(verb, "stop") && strcmp(verb, "restart") &&
	    strcmp(verb, "terminate"))
		runpod_invalid(
		    c, r, "$.action: value must be one of 'start', 'stop', 'restart', 'terminate'");
	else if (!strcmp(verb, "terminate"))
		delete (c, m, r);
	else if (m->deleted || stopped != !strcmp(verb, "start") ||
		 (locked && !strcmp(verb, "stop")))
		runpod_problem(
		    c, r, 409, "Conflict", "action is not allowed in the pod's current status");
	else if (strcmp(verb, "start") || start(c, m, r)) {
		if (!strcmp(verb, "stop"))
			runpod_stop(c, m);
		else if (!strcmp(verb, "restart")) {
			cloud_power(c, m, true);
			m->port = cloud_random_port(c);
		}
		sim_answer_json(r, 200, runpod_view(c, m));
	}
	json_decref(body);
}

static void patch(
    struct cloud *c, const struct sim_request *q, struct sim_machine *m, struct sim_response *r)
{
	json_t *body = sim_body(q), *v;
	const char *key;
	bool restart = false;

	if (!valid(c, r, body, true) ||
	    !runpod_mount_kept(c, r, json_object_get(body, "mounts"), json_object_get(m->ask, "mounts")))
		goto out;
	if (json_object_get(body, "name") && !*json_str(body, "name", "")) {
		runpod_invalid(c, r, "$.name: minimum length 1");
		goto out;
	}
	json_object_foreach (body, key, v) {
		if (!strcmp(key, "name"))
			str_copy(m->name, json_string_value(v));
		else if (!strcmp(key, "locked"))
			json_put_bool(m->extra, "locked", json_is_true(v));
		else {
			json_object_set(m->ask, key, v);
			restart = true;
		}
	}
	if (restart && !m->stopped) {
		cloud_power(c, m, true);
		m->port = cloud_random_port(c);
		runpod_storage(c, m);
	}
	sim_answer_json(r, 200, runpod_view(c, m));
out:
	json_decref(body);
}

/* The last `tail` lines of the container's log as events; the stream stays open (§4.3). */
static void logs(struct cloud *c, const struct sim_request *q, const struct sim_machine *m, struct sim_response *r)
{
	char source[32], tail[16], ts[32];
	const char *text = buf_str(&m->log), *from = text + m->log.len;
	int64_t most = 100, n = 0;
	json_t *j;

	SIM_QUERY(q, "source", source);
	if ((SIM_QUERY(q, "tail", tail) && !str_to_i64(tail, 0, 5000, &most)) ||
	    (*source && strcmp(source, "container") && strcmp(source, "system"))) {
		runpod_invalid(c, r, "tail: 0..5000; source: container or system");
		return;
	}
	while (from > text && (from[-1] != '\n' || n++ < most))
		from--;
	sim_answer_text(r, 200, "");
	str_copy(r->type, "text/event-stream");
	r->cut = SIM_CUT_OPEN;
	instant_format(c->now, false, ts);
	for (n = 0; *from && strcmp(source, "system"); from += strcspn(from, "\n") + 1) {
		j = json_pack("{ss ss so}", "ts", ts, "source", "container", "line",
		    json_stringn(from, strcspn(from, "\n")));
		char *line = json_text(j);

		buf_printf(&r->body, "id: %s/%012lld\ndata: %s\n\n", ts, (long long)++n, line);
		free(line);
		json_decref(j);
	}
}

void runpod_pods(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	bool get = !strcmp(q->method, "GET"), post = !strcmp(q->method, "POST");
	struct sim_machine *m = p->n >= 3 ? cloud_find(c, p->part[2]) : NULL;

	if (p->n == 2 && get)
		list(c, q, r);
	else if (p->n == 2 && post)
		runpod_create(c, q, r);
	else if (!cloud_answers_for(c, m, q))
		c->model->error(c, r, SIM_E_ABSENT);
	else if (p->n == 3 && get)
		sim_answer_json(r, 200, runpod_view(c, m));
	else if (p->n == 3 && !strcmp(q->method, "PATCH"))
		patch(c, q, m, r);
	else if (p->n == 3 && !strcmp(q->method, "DELETE"))
		delete (c, m, r);
	else if (p->n == 4 && get && !strcmp(p->part[3], "logs"))
		logs(c, q, m, r);
	else if (p->n == 4 && post && !strcmp(p->part[3], "action"))
		action(c, q, m, r);
	else
		c->model->error(c, r, SIM_E_ABSENT);
}

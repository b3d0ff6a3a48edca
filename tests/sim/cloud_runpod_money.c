/*
 * RunPod: the catalog, billing records and GraphQL (providers/runpod.md §3, §8, §9).
 */
#include "cloud_runpod.h"

/* ---- catalog ---- */

static const char *level(int free, int count)
{
	if (free < count)
		return "NONE";
	if (free < 4 * count)
		return "LOW";
	return free < 16 * count ? "MEDIUM" : "HIGH";
}

static json_t *type_view(const struct runpod_type *t, bool stock, int count)
{
	json_t *j = json_object(), *sites;
	const char *best = "NONE";
	static const char *const order[] = { "NONE", "LOW", "MEDIUM", "HIGH" };

	json_put_str(j, "id", t->id);
	json_put_str(j, "name", json_str(t->row, "name", t->gpu));
	json_put_str(j, "pool", json_str(t->row, "pool", NULL));
	json_put_str(j, "manufacturer", json_str(t->row, "manufacturer", "NVIDIA"));
	json_put_int(j, "memory", json_int(t->row, "memory", 80));
	json_put_bool(j, "secure", t->secure > 0);
	json_put_bool(j, "community", t->community > 0);
	json_put(j, "price", json_object());
	json_put_money(json_object_get(j, "price"), "secure", t->secure);
	json_put_money(json_object_get(j, "price"), "community", t->community);
	json_put(j, "maxCount",
	    json_pack("{si si}", "secure", t->max_secure, "community", t->max_community));
	if (!stock)
		return j;
	sites = json_array();
	for (size_t i = 0; i < t->site_count; i++) {
		const char *l = level(t->sites[i].stock, count);

		for (size_t k = 0; k < ARRAY_LEN(order); k++)
			if (!strcmp(order[k], l) || !strcmp(order[k], best))
				best = order[k];
		if (strcmp(l, "NONE"))
			json_array_append_new(
			    sites, json_pack("{ss ss ss}", "id", t->sites[i].id, "name",
				       t->sites[i].id, "availability", l));
	}
	json_put_str(j, "availability", best);
	if (json_array_size(sites))
		json_put(j, "dataCenters", sites);
	else
		json_decref(sites);
	if (!strcmp(json_str(t->row, "manufacturer", "NVIDIA"), "NVIDIA"))
		json_put(
		    j, "cudaVersions", json_pack("[{ss sb}]", "version", "12.8", "available", 1));
	return j;
}

static void gpu_list(
    struct cloud *c, const struct sim_request *q, const char *id, struct sim_response *r)
{
	static const char *const need_include[] = { "count", "cloud", "countryCodes",
		"cudaVersions", "minCudaVersion" };
	struct runpod *o = c->own;
	char include[64], product[32], text[128];
	bool stock = SIM_QUERY(q, "include", include),
	     has_product = SIM_QUERY(q, "product", product), loose = false;
	int64_t count = 1;
	json_t *gpus;

	for (size_t i = 0; i < ARRAY_LEN(need_include); i++)
		loose = loose || (!stock && SIM_QUERY(q, need_include[i], text));
	if (stock != has_product || loose) {
		runpod_problem(c, r, 400, "Bad Request",
		    "product is required with include and forbidden without it");
		return;
	}
	if ((stock && strcmp(include, "AVAILABILITY")) ||
	    (has_product && strcmp(product, "POD") && strcmp(product, "CLUSTER") &&
		strcmp(product, "SERVERLESS")) ||
	    (SIM_QUERY(q, "count", text) && !str_to_i64(text, 1, 1000, &count))) {
		runpod_invalid(c, r, "query: value not allowed");
		return;
	}
	if (id) {
		struct runpod_type *t = runpod_type_find(c, id);

		if (t)
			sim_answer_json(r, 200, type_view(t, stock, (int)count));
		else
			c->model->error(c, r, SIM_E_ABSENT);
		return;
	}
	gpus = json_array();
	for (size_t i = 0; i < o->count; i++)
		json_array_append_new(gpus, type_view(&o->types[i], stock, (int)count));
	sim_answer_json(r, 200, json_pack("{so}", "gpus", gpus));
}

static void site_list(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	struct runpod *o = c->own;
	char include[64];
	bool stock = SIM_QUERY(q, "include", include);
	json_t *out = json_array(), *row;
	size_t i;

	json_array_foreach (json_object_get(c->inventory, "dataCenters"), i, row) {
		json_t *j = json_deep_copy(row), *gpus = json_array();

		for (size_t k = 0; k < o->count; k++)
			for (size_t s = 0; s < o->types[k].site_count; s++)
				if (!strcmp(o->types[k].sites[s].id, json_str(row, "id", "")))
					json_array_append_new(
					    gpus, json_pack("{ss ss ss}", "id", o->types[k].id,
						      "name", json_str(o->types[k].row, "name", ""),
						      "availability",
						      level(o->types[k].sites[s].stock, 1)));
		if (stock)
			json_put(j, "gpuAvailability", gpus);
		else
			json_decref(gpus);
		json_array_append_new(out, j);
	}
	sim_answer_json(r, 200, json_pack("{so}", "dataCenters", out));
}

void runpod_catalog(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	if (strcmp(q->method, "GET"))
		c->model->error(c, r, SIM_E_ABSENT);
	else if (sim_path_is(p, "v2/catalog/gpus"))
		gpu_list(c, q, NULL, r);
	else if (sim_path_is(p, "v2/catalog/gpus/?"))
		gpu_list(c, q, p->part[3], r);
	else if (sim_path_is(p, "v2/catalog/datacenters"))
		site_list(c, q, r);
	else
		c->model->error(c, r, SIM_E_ABSENT);
}

/* ---- billing: buckets aligned to the epoch; months and years as thirty days and 365 ---- */

bool runpod_span_read(struct cloud *c, const struct sim_request *q, struct sim_response *r, struct runpod_span *s)
{
	static const struct {
		const char *name;
		duration length;
	} sizes[] = { { "hour", HOUR }, { "day", DAY }, { "week", 7 * DAY }, { "month", 30 * DAY },
		{ "year", 365 * DAY } };
	char size[16], start[64], end[64], last[32];
	bool has_last = SIM_QUERY(q, "lastN", last), has_start = SIM_QUERY(q, "startTime", start);
	bool has_end = SIM_QUERY(q, "endTime", end), bad = false;
	int64_t n = 0;

	*s = (struct runpod_span){ .to = c->now, .bucket = DAY, .name = "day" };
	if (SIM_QUERY(q, "bucketSize", size)) {
		s->name = NULL;
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
			if (!strcmp(sizes[i].name, size)) {
				s->name = sizes[i].name;
				s->bucket = sizes[i].length;
			}
	}
	s->from = s->to - 30 * DAY;
	bad = (has_start && !instant_parse(start, &s->from)) ||
	      (has_end && !instant_parse(end, &s->to)) || !s->name ||
	      (has_last && !str_to_i64(last, 1, 10000, &n));
	if (bad || (has_last && (has_start || has_end))) {
		runpod_problem(c, r, bad ? 422 : 400, bad ? "Unprocessable Entity" : "Bad Request",
		    "startTime and endTime, or lastN; bucketSize is hour, day, week, month or year");
		return false;
	}
	/* Snapped outwards to bucket edges. */
	s->to = (s->to + s->bucket - 1) / s->bucket * s->bucket;
	s->from = has_last ? s->to - n * s->bucket : s->from / s->bucket * s->bucket;
	return true;
}

struct amounts {
	money total, gpu, disk;
};

static money within(const struct sim_machine *m, const char *part, instant from, instant to)
{
	return cloud_metered(m, part, to, SECOND) - cloud_metered(m, part, from, SECOND);
}

static void put_amounts(json_t *j, const struct amounts *a)
{
	json_put_money(j, "totalAmount", a->total);
	json_put_money(j, "gpuAmount", a->gpu);
	json_put_int(j, "cpuAmount", 0);
	json_put_money(j, "diskAmount", a->disk);
}

/* The account's view: one total, named after what was used. */
static void put_account(const struct cloud *c, const struct runpod_span *s, const struct amounts *pods, json_t *j)
{
	static const char *const unused[] = { "podCpuAmount", "serverlessGpuAmount", "serverlessCpuAmount", "serverlessDiskAmount",
		"serverlessFeeAmount", "endpointAmount", "clusterGpuAmount", "clusterDiskAmount", "clusterNetworkingAmount" };
	money standard, high;

	runpod_volumes_cost(c, s->from, instant_min(s->to, c->now - c->options.timing.bill), &standard, &high);
	json_put_money(j, "totalAmount", pods->total + standard + high);
	json_put_money(j, "podGpuAmount", pods->gpu);
	json_put_money(j, "podDiskAmount", pods->disk);
	json_put_money(j, "storageStandardAmount", standard);
	json_put_money(j, "storageHighPerformanceAmount", high);
	for (size_t i = 0; i < ARRAY_LEN(unused); i++)
		json_put_int(j, unused[i], 0);
}

static json_t *account(const struct cloud *c, const struct runpod_span *s, const struct amounts *pods)
{
	char from[32], to[32];
	json_t *j;

	instant_format(s->from, false, from);
	instant_format(s->to, false, to);
	j = json_pack("{ss ss}", "startTime", from, "endTime", to);
	put_account(c, s, pods, j);
	return j;
}

void runpod_billing(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	instant posted = c->now - c->options.timing.bill;
	bool all = sim_path_is(p, "v2/billing");
	struct amounts sum = { 0 };
	json_t *records, *query, *totals;
	char pod[64], from[32], to[32];
	int64_t pods = 0;
	struct runpod_span s;

	if (!strcmp(q->method, "GET") && sim_path_is(p, "v2/billing/network-volumes")) {
		runpod_volumes_billing(c, q, r);
		return;
	}
	if (strcmp(q->method, "GET") || (!all && !sim_path_is(p, "v2/billing/pods"))) {
		c->model->error(c, r, SIM_E_ABSENT);
		return;
	}
	if (!runpod_span_read(c, q, r, &s))
		return;
	SIM_QUERY(q, "podId", pod);
	records = json_array();
	for (size_t i = 0; i < c->machine_count; i++) {
		const struct sim_machine *m = c->machines[i];
		instant end = instant_min(s.to, posted);
		bool any = false;

		if (*pod && strcmp(pod, m->id))
			continue;
		for (instant at = instant_max(s.from, m->created / s.bucket * s.bucket); at < end;
		     at += s.bucket) {
			instant stop = instant_min(at + s.bucket, end);
			struct amounts a = { .gpu = within(m, "gpu", at, stop),
				.disk = within(m, "disk", at, stop) };
			json_t *row;

			a.total = a.gpu + a.disk;
			if (!a.total)
				continue;
			sum.total += a.total;
			sum.gpu += a.gpu;
			sum.disk += a.disk;
			any = true;
			instant_format(at, false, from);
			instant_format(at + s.bucket, false, to);
			row = json_pack(
			    "{ss ss ss}", "startTime", from, "endTime", to, "podId", m->id);
			put_amounts(row, &a);
			json_array_append_new(records, row);
		}
		pods += any;
	}
	instant_format(s.from, false, from);
	instant_format(s.to, false, to);
	totals = json_object();
	if (all) {
		json_decref(records);
		records = json_array();
		json_array_append_new(records, account(c, &s, &sum));
		put_account(c, &s, &sum, totals);
	} else {
		put_amounts(totals, &sum);
	}
	query = json_pack("{ss ss ss ss?}", "startTime", from, "endTime", to, "bucketSize", s.name,
	    "podId", *pod ? pod : NULL);
	sim_answer_json(r, 200,
	    json_pack("{so s{so sI sI so}}", "records", records, "metadata", "query", query,
		"recordCount", (json_int_t)json_array_size(records), "uniquePodCount",
		(json_int_t)pods, "totals", totals));
}

/* ---- GraphQL: errors come as 200 ---- */

static void graphql_error(struct sim_response *r, const char *message, const char *field)
{
	json_t *data = json_object();

	json_put(data, field, json_null());
	sim_answer_json(
	    r, 200, json_pack("{s[{ss}] so}", "errors", "message", message, "data", data));
}

static void myself(struct cloud *c, const char *query, struct sim_response *r)
{
	json_t *me = json_object();
	money rate = 0;

	for (size_t i = 0; i < c->machine_count; i++)
		if (!c->machines[i]->deleted && !c->machines[i]->stopped)
			rate += c->machines[i]->price;
	if (strstr(query, " id") || strstr(query, "{id"))
		json_put_str(me, "id", "user_2simulated");
	if (strstr(query, "email"))
		json_put_str(me, "email", "ops@example.com");
	if (strstr(query, "clientBalance"))
		json_put(me, "clientBalance",
		    json_real((double)(c->deposit - cloud_total(c, c->now)) / (double)USD));
	if (strstr(query, "currentSpendPerHr"))
		json_put_money(me, "currentSpendPerHr", rate);
	if (strstr(query, "spendLimit"))
		json_put_int(me, "spendLimit", 80);
	sim_answer_json(r, 200, json_pack("{s{so}}", "data", "myself", me));
}

static void terminate(struct cloud *c, const char *query, struct sim_response *r)
{
	const char *at = strstr(query, "podId");
	char id[64] = "";
	struct sim_machine *m;

	at = at ? strchr(at, '"') : NULL;
	if (at && strcspn(at + 1, "\"\\") < sizeof(id))
		str_copy_n(id, strcspn(at + 1, "\"\\") + 1, at + 1);
	m = cloud_find(c, id);
	if (!m || !cloud_shown(c, m))
		graphql_error(r, "pod not found to terminate", "podTerminate");
	else if (cloud_delete(c, m, r))
		sim_answer_json(r, 200, json_pack("{s{sn}}", "data", "podTerminate"));
}

void runpod_graphql(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	json_t *body = sim_body(q);
	const char *query = json_str(body, "query", NULL);

	if (strcmp(q->method, "POST") || !query)
		sim_answer_json(
		    r, 400, json_pack("{s[{ss}]}", "errors", "message", "POST body missing"));
	else if (strstr(query, "podTerminate"))
		terminate(c, query, r);
	else if (strstr(query, "myself"))
		myself(c, query, r);
	else
		graphql_error(
		    r, "Something went wrong. Please try again later or contact support.", "query");
	json_decref(body);
}

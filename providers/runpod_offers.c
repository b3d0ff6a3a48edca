/*
 * RunPod: what its catalogue of GPUs offers (providers/runpod.md §3). One request per GPU count and cloud, because stock is told
 * for one count in one cloud.
 */
#include "base/gpu.h"
#include "base/str.h"
#include "providers/runpod.h"

static const int offered_counts[] = { 1, 2, 4, 8 };

struct question {
	int count;
	bool community;
};

static int questions(const struct op_args *a)
{
	return (a->gpu_count ? 1 : (int)ARRAY_LEN(offered_counts)) * (a->account->community ? 2 : 1);
}

static struct question question(const struct op_args *a, const struct op_cursor *c)
{
	int clouds = a->account->community ? 2 : 1;

	return (struct question){
		.count = a->gpu_count ? a->gpu_count : offered_counts[c->step / clouds % (int)ARRAY_LEN(offered_counts)],
		.community = c->step % clouds == 1,
	};
}

RUNPOD_BUILD(offers)
{
	struct question q = question(a, c);

	if (a->spot) { /* v2 sells no spot pods (§0.6) */
		runpod_answer(req, r, VERDICT_OK);
		return;
	}
	http_request_url(req, "GET", "%s/catalog/gpus?include=AVAILABILITY&product=POD&count=%d&cloud=%s",
	    runpod_base_url(a), q.count, q.community ? "COMMUNITY" : "SECURE");
	runpod_add_headers(a, req);
}

/* ---- places: an offer's region is where its spec pins the pod; no region: anywhere ---- */

/* The levels are hints; "some" is all that is said. */
static bool some(const json_t *row)
{
	return strcmp(json_str(row, "availability", ""), "NONE") != 0;
}

static bool stocked_in(const json_t *gpu, const char *region)
{
	const json_t *centers = json_path(gpu, "dataCenters"), *center;
	size_t i;

	json_array_foreach (centers, i, center) {
		if (str_ieq(json_str(center, "id", ""), region))
			return some(center);
	}
	return false;
}

/* The only data center with stock, or "". */
static const char *only_center(const json_t *gpu)
{
	const json_t *centers = json_path(gpu, "dataCenters"), *center;
	const char *only = "";
	size_t i;

	json_array_foreach (centers, i, center) {
		const char *id = json_str(center, "id", "");

		if (!*id || !some(center))
			continue;
		if (*only)
			return "";
		only = id;
	}
	return only;
}

/* ---- offers ---- */

static char *spec_text(const char *gpu_id, struct question q, const char *region)
{
	json_t *spec = json_object();
	char *text;

	json_put_str(spec, "gpuId", gpu_id);
	json_put_int(spec, "count", q.count);
	json_put_str(spec, "cloud", q.community ? "COMMUNITY" : "SECURE");
	if (*region)
		json_put(spec, "dataCenterIds", json_pack("[s]", region));
	text = json_text(spec);
	json_decref(spec);
	return text;
}

/* `region` may be "". */
static void add_offer(struct op_reply *r, const struct offer *like, const char *gpu_id, struct question q,
    const char *region, bool stocked)
{
	struct offer *o = op_reply_add_offer(r);

	*o = *like;
	runpod_data_center(region, o->region);
	snprintf(o->key, sizeof(o->key), "%s/%d/%s%s%s", gpu_id, q.count, q.community ? "community" : "secure",
	    *o->region ? "/" : "", o->region);
	o->available = stocked ? -1 : 0;
	o->spec = spec_text(gpu_id, q, o->region);
}

/* What the offers of one GPU type share. False: not sold like this, not wanted, or it makes no sense. */
static bool read_type(const struct op_args *a, const json_t *gpu, struct question q, struct offer *o)
{
	const char *id = json_str(gpu, "id", "");
	int64_t memory = json_int(gpu, "memory", 0);
	money price;

	*o = (struct offer){ .gpu_count = q.count, .disk_gb = runpod_disk_of(a), .marketplace = q.community };
	/* Sold or not is said by the flags; the price is per GPU. */
	if (!*id || strlen(id) > 70 || !json_bool(gpu, q.community ? "community" : "secure", false) ||
	    json_int(gpu, q.community ? "maxCount.community" : "maxCount.secure", 0) < q.count ||
	    !json_money(gpu, q.community ? "price.community" : "price.secure", &price) || price <= 0)
		return false;
	runpod_name_gpu(id, json_str(gpu, "name", ""), o->gpu);
	o->gpu_memory_gb = memory > 0 && memory < 10000 ? (int)memory : 0;
	o->price_hour = money_add(money_times(price, q.count), runpod_disk_price(o->disk_gb));
	return !a->gpu[0] || str_ieq(a->gpu, o->gpu);
}

static void add_offers(const struct op_args *a, const json_t *gpu, struct question q, struct op_reply *r)
{
	const char *id = json_str(gpu, "id", "");
	struct offer o;
	int found = 0;

	if (!read_type(a, gpu, q, &o))
		return;
	for (int i = 0; i < a->account->region_count; i++) {
		if (!some(gpu) || !stocked_in(gpu, a->account->regions[i]))
			continue;
		add_offer(r, &o, id, q, a->account->regions[i], true);
		found++;
	}
	if (a->account->region_count && !found)
		add_offer(r, &o, id, q, a->account->regions[0], false);
	else if (!found)
		add_offer(r, &o, id, q, only_center(gpu), some(gpu));
}

RUNPOD_READ(offers)
{
	json_t *j = runpod_body_of(res, VERDICT_RETRY, r);
	const json_t *gpus = json_path(j, "gpus"), *gpu;
	size_t i;

	if (!j)
		return r->verdict;
	if (!json_is_array(gpus)) {
		json_decref(j);
		return runpod_unreadable(r, "catalogue of GPUs");
	}
	json_array_foreach (gpus, i, gpu)
		add_offers(a, gpu, question(a, c), r);
	json_decref(j);
	return ++c->step < questions(a) ? VERDICT_MORE : VERDICT_OK;
}

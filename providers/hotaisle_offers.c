/* What is for sale (hotaisle.md §2.3). */
#include "providers/hotaisle.h"
#include "base/gpu.h"
#include "base/str.h"

#define MINUTES_MAX (366 * 24 * 60)

void hotaisle_offers_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	(void)c;
	hotaisle_team_url(a, req, r, "GET", "virtual_machines/available/");
}

static bool wanted(const struct op_args *a, const char *gpu, int count)
{
	char want[GPU_MAX];

	if (a->gpu_count && a->gpu_count != count)
		return false;
	if (!*a->gpu)
		return true;
	gpu_canonical(a->gpu, want, sizeof(want));
	return !strcmp(want, gpu);
}

static int gigabytes(const json_t *specs, const char *key)
{
	int64_t bytes = json_int(specs, key, 0);

	return bytes > 0 && bytes >> 30 < 1 << 24 ? (int)(bytes >> 30) : 0;
}

/* An offer has no id: its specs name it. */
static void name_offer(struct offer *o, const json_t *specs)
{
	snprintf(o->key, sizeof(o->key), "vm/%dx%s/%dc/%lld/%lld", o->gpu_count, o->gpu, o->cpus,
	    (long long)json_int(specs, "ram_capacity", 0),
	    (long long)json_int(specs, "disk_capacity", 0));
}

/* One row, or nothing where it cannot be rented by its price: unpriced, mixed, absurd. */
static void offer_from(const struct op_args *a, const json_t *row, struct op_reply *r)
{
	const json_t *specs = json_object_get(row, "Specs");
	int64_t minutes = json_int(row, "MinimumReservationMinutes", 0),
		left = json_int(row, "Quantity", 0);
	int64_t cores = json_int(specs, "cpu_cores", 0);
	const struct gpu *known;
	char gpu[GPU_MAX] = "";
	struct offer *o;
	money price;
	int count;

	if (!json_is_object(specs) || !hotaisle_gpus_of(specs, gpu, &count) || !wanted(a, gpu, count))
		return;
	if (!hotaisle_cents(row, "OnDemandPrice", &price) || price <= 0 || minutes < 0 ||
	    minutes > MINUTES_MAX)
		return;
	o = op_reply_add_offer(r);
	known = gpu_find(gpu);
	str_copy(o->gpu, gpu);
	o->gpu_count = count;
	o->gpu_memory_gb = known ? known->memory_gb : 0;
	str_copy(o->region, HOTAISLE_REGION);
	o->cpus = cores > 0 && cores < 4096 ? (int)cores : 0;
	o->ram_gb = gigabytes(specs, "ram_capacity");
	o->disk_gb = gigabytes(specs, "disk_capacity");
	o->price_hour = price;
	o->minimum_charge = money_for(price, minutes * MINUTE);
	o->available = left < 0 ? 0 : left > 100000 ? 100000 : (int)left;
	o->spec = json_text(specs);
	name_offer(o, specs);
}

enum verdict hotaisle_offers_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	const json_t *row;
	enum verdict v;
	json_t *j;
	size_t i;

	(void)c;
	v = hotaisle_json(res, r, false, &j);
	if (v != VERDICT_OK)
		return v;
	if (!json_is_array(j)) {
		json_decref(j);
		return op_fail(r, VERDICT_RETRY, "Hot Aisle's list of offers is not a list");
	}
	json_array_foreach (j, i, row)
		offer_from(a, row, r);
	json_decref(j);
	return VERDICT_OK;
}

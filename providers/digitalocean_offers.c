/*
 * DigitalOcean: GPU sizes in the regions where they can be had (providers/digitalocean.md §3).
 */
#include "base/gpu.h"
#include "base/str.h"
#include "providers/digitalocean.h"

DIGITALOCEAN_BUILD(offers)
{
	(void)r;
	digitalocean_request_page(a, c, req, "sizes");
}

static bool wants_region(const struct account *account, const char *region)
{
	for (int i = 0; i < account->region_count; i++)
		if (str_ieq(account->regions[i], region))
			return true;
	return !account->region_count;
}

/* What all regions of one size share. False: no GPU, not wanted, not to be had, or it makes no sense. */
static bool read_size(const struct op_args *a, const json_t *size, struct offer *o)
{
	const char *slug = json_str(size, "slug", ""), *model = json_str(size, "gpu_info.model", "");
	size_t n = strlen(slug);

	*o = (struct offer){ .gpu_count = digitalocean_whole(size, "gpu_info.count"), .available = -1 };
	/* The price is per droplet, all GPUs together (§0.7). */
	if (!n || n > 90 || !*model || !o->gpu_count || !json_bool(size, "available", false) ||
	    !json_money(size, "price_hourly", &o->price_hour) || o->price_hour <= 0)
		return false;
	gpu_canonical(model, o->gpu, sizeof(o->gpu));
	/* Reclaimed on unknown terms: only for those who ask for it (§3). */
	o->spot = n > 5 && !strcmp(slug + n - 5, "-spot");
	o->gpu_memory_gb = digitalocean_whole(size, "gpu_info.vram.amount") / o->gpu_count; /* the figure is the total */
	o->cpus = digitalocean_whole(size, "vcpus");
	o->ram_gb = digitalocean_whole(size, "memory") / 1024;
	o->disk_gb = digitalocean_whole(size, "disk");
	return o->spot == a->spot && (!a->gpu_count || a->gpu_count == o->gpu_count) &&
	       (!a->gpu[0] || str_ieq(a->gpu, o->gpu));
}

/* The disk is for whoever starts a droplet from a snapshot (§6). */
static char *spec_text(const char *size, const char *region, int disk_gb)
{
	json_t *spec = json_object();
	char *text;

	json_put_str(spec, "size", size);
	json_put_str(spec, "region", region);
	if (disk_gb)
		json_put_int(spec, "disk", disk_gb);
	text = json_text(spec);
	json_decref(spec);
	return text;
}

/* A size without regions cannot be created by this account, whatever "available" says (§0.5). */
static void add_offers(const struct op_args *a, const json_t *size, struct op_reply *r)
{
	const char *slug = json_str(size, "slug", "");
	const json_t *regions = json_path(size, "regions"), *region;
	struct offer like, *o;
	size_t i;

	if (!read_size(a, size, &like))
		return;
	json_array_foreach (regions, i, region) {
		const char *where = json_string_value(region);

		if (!where || !*where || strlen(where) >= REGION_MAX || !wants_region(a->account, where))
			continue;
		o = op_reply_add_offer(r);
		*o = like;
		str_copy(o->region, where);
		snprintf(o->key, sizeof(o->key), "%s/%s", slug, where);
		o->spec = spec_text(slug, where, like.disk_gb);
	}
}

DIGITALOCEAN_READ(offers)
{
	json_t *j = digitalocean_body_of(res, VERDICT_RETRY, r);
	const json_t *sizes = json_path(j, "sizes"), *size;
	enum verdict v;
	size_t i;

	if (!j)
		return r->verdict;
	json_array_foreach (sizes, i, size)
		add_offers(a, size, r);
	v = json_is_array(sizes) ? digitalocean_next_page(j, c, r) : digitalocean_unreadable(r, "list of sizes");
	json_decref(j);
	return v;
}

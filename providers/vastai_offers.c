/*
 * vast.ai: searching the market (providers/vastai.md §2.2, §2.3).
 */
#include "base/gpu.h"
#include "base/str.h"
#include "providers/vastai.h"

#define SEARCH_ROWS     64 /* whatever `limit` says (§2.2) */
#define HOURS_IN_MONTH  720 /* of storage_cost (§2.2) */
#define BID_MIN         (USD / 1000)
#define BID_MAX         (128 * USD)
#define RELIABILITY_PPM 950000 /* when the account does not say */
#define DOWN_MBIT       500    /* when the account does not say; slower hosts pull an image until the boot deadline (§4) */
#define STAY            (6 * HOUR) /* a rental cannot outlive the host's end date: shorter offers are not worth a start */

/*
 * Searches are sorted by price and end after some pages, so cheap cards would hide what this program is for. A search for
 * everything is therefore made in three: AMD, large cards, the rest.
 */
enum search { SEARCH_AMD, SEARCH_LARGE, SEARCH_SMALL, SEARCH_NR };

static const int pages_at_most[SEARCH_NR] = { 4, 4, 2 };

#define LARGE_MB 40000

static double reliability_of(const struct op_args *a)
{
	int ppm = a->account->min_reliability_ppm;

	return (ppm > 0 ? ppm : RELIABILITY_PPM) / 1e6;
}

static int down_of(const struct op_args *a)
{
	return a->account->min_inet_down > 0 ? a->account->min_inet_down : DOWN_MBIT;
}

/* 0: any. The configuration has seen to it that it is a number. */
static double cuda_of(const struct op_args *a)
{
	double version = 0;

	return *a->account->min_cuda && str_to_double(a->account->min_cuda, &version) ? version : 0;
}

/* vast.ai's spellings where they are not the canonical name (§2.3); the canonical one is always asked for too. */
static const struct { const char *name, *spelling; } spellings[] = {
	{ "H100", "H100 SXM" }, { "H100 PCIe", "H100 PCIE" }, { "GH200", "GH200 SXM" },
	{ "A100", "A100 SXM4" }, { "A100", "A100 SXM" }, { "A100 PCIe", "A100 PCIE" },
	{ "A100 40GB", "A100 SXM4" }, { "A100 40GB", "A100 SXM" }, { "A100 40GB", "A100 PCIE" },
	{ "V100", "Tesla V100" }, { "V100 32GB", "Tesla V100" }, { "T4", "Tesla T4" }, { "P100", "Tesla P100" },
	{ "P40", "Tesla P40" }, { "RTX 6000 Ada", "RTX 6000Ada" }, { "RTX 5880 Ada", "RTX 5880Ada" },
	{ "RTX 5000 Ada", "RTX 5000Ada" }, { "RTX 4500 Ada", "RTX 4500Ada" }, { "RTX 4000 Ada", "RTX 4000Ada" },
	{ "RTX 2000 Ada", "RTX 2000Ada" }, { "RTX PRO 6000", "RTX PRO 6000 WS" }, { "RTX PRO 6000", "RTX PRO 6000 S" },
	{ "RTX 4090 D", "RTX 4090D" }, { "RTX 4080 SUPER", "RTX 4080S" }, { "RTX 4070 SUPER", "RTX 4070S" },
	{ "RTX 4070 Ti SUPER", "RTX 4070S Ti" }, { "Quadro RTX 8000", "Q RTX 8000" }, { "Quadro RTX 6000", "Q RTX 6000" },
};

static void add_name(json_t *names, const char *name)
{
	json_t *text = json_string(name); /* NULL for what is not UTF-8, which names no GPU */

	if (text && json_array_append_new(names, text) < 0)
		BUG("cannot append to an array");
}

static json_t *names_of(const char *gpu)
{
	json_t *names = json_array();

	add_name(names, gpu);
	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		if (!strcmp(gpu, spellings[i].name))
			add_name(names, spellings[i].spelling);
	}
	return names;
}

/* AMD's names are not in vast.ai's list for the newer models: search by maker and match the names here (§2.3). */
static bool wants_amd(const struct op_args *a, const struct op_cursor *c)
{
	const struct gpu *gpu = gpu_find(a->gpu);

	return a->gpu[0] ? gpu && gpu->vendor == GPU_VENDOR_AMD : c->step == SEARCH_AMD;
}

static void put_gpu(const struct op_args *a, const struct op_cursor *c, json_t *q)
{
	if (wants_amd(a, c))
		vastai_put_filter(q, "gpu_arch", "eq", json_string("amd"));
	else if (a->gpu[0])
		vastai_put_filter(q, "gpu_name", "in", names_of(a->gpu));
	else
		vastai_put_filter(q, "gpu_ram", c->step == SEARCH_LARGE ? "gte" : "lt", json_integer(LARGE_MB));
}

/* cursor: step is the search, page counts its pages, number is the price to go on from, in micro-dollars. */
void vastai_offers_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	json_t *q = json_object();

	(void)r;
	vastai_put_filter(q, "verified", "eq", json_true());
	vastai_put_filter(q, "rentable", "eq", json_true());
	vastai_put_filter(q, "rented", "eq", json_false());
	put_gpu(a, c, q);
	if (a->gpu_count > 0)
		vastai_put_filter(q, "num_gpus", "eq", json_integer(a->gpu_count));
	vastai_put_filter(q, "reliability", "gte", json_real(reliability_of(a)));
	vastai_put_filter(q, "direct_port_count", "gte", json_integer(1));
	vastai_put_filter(q, "inet_down", "gte", json_integer(down_of(a)));
	if (cuda_of(a) > 0 && !wants_amd(a, c)) /* of an AMD host the field means nothing (§2.3) */
		vastai_put_filter(q, "cuda_max_good", "gte", json_real(cuda_of(a)));
	vastai_put_filter(q, "disk_space", "gte", json_integer(vastai_disk_of(a)));
	vastai_put_filter(q, "duration", "gte", json_integer(STAY / SECOND));
	if (c->number)
		vastai_put_filter(q, "dph_total", "gte", json_real((double)c->number / (double)USD));
	json_put_int(q, "allocated_storage", vastai_disk_of(a));
	json_put_str(q, "type", a->spot ? "bid" : "ondemand");
	json_put(q, "order", json_pack("[[s,s]]", "dph_total", "asc"));
	json_put_int(q, "limit", SEARCH_ROWS);
	http_request_url(req, "POST", "%s/api/v0/bundles/", vastai_base_url(a));
	vastai_add_headers(a, req);
	http_request_json(req, q);
}

/* "Texas, US" → "US": what people write into `regions`. Anything else is cut to fit. */
void vastai_read_region(const json_t *row, char out[REGION_MAX])
{
	const char *place = json_str(row, "geolocation", ""), *comma = strrchr(place, ',');

	if (comma)
		place = comma + 1;
	place += strspn(place, " ");
	str_copy_n(out, REGION_MAX, place);
	if (!str_is_utf8(out, strlen(out)))
		out[0] = '\0';
}

static bool region_wanted(const struct account *account, const char *region)
{
	for (int i = 0; i < account->region_count; i++) {
		if (str_ieq(account->regions[i], region))
			return true;
	}
	return !account->region_count;
}

static double reliability_in(const json_t *row)
{
	return json_num(row, "reliability", json_num(row, "reliability2", 0));
}

/* Filters are not always applied (§2.2): everything that was asked for is looked at again. Optional fields may be missing. */
static bool as_asked(const struct op_args *a, const json_t *row)
{
	const char *verification = json_str(row, "verification", "verified");

	return json_bool(row, "rentable", true) && !json_bool(row, "rented", false) && json_bool(row, "verified", true) &&
	    !strcmp(verification, "verified") && reliability_in(row) >= reliability_of(a) &&
	    json_num(row, "direct_port_count", 1) >= 1 && json_num(row, "inet_down", down_of(a)) >= down_of(a) &&
	    (!strcmp(json_str(row, "gpu_arch", ""), "amd") || json_num(row, "cuda_max_good", cuda_of(a)) >= cuda_of(a)) &&
	    json_num(row, "duration", (double)STAY) >= (double)(STAY / SECOND) &&
	    json_num(row, "disk_space", 0) >= vastai_disk_of(a);
}

/* The disk's dollars per hour, rounded up; 0 when the row does not say what a gigabyte costs. */
static money disk_price(const json_t *row, int gb)
{
	money month;

	if (!json_money(row, "storage_cost", &month))
		return 0;
	return (money_times(month, gb) + HOURS_IN_MONTH - 1) / HOURS_IN_MONTH;
}

/*
 * What one hour costs with our disk. On demand: the dearer of the total, whose disk is the server's idea, and our own sum.
 * Spot: what we bid, which is the least that can win, and the disk.
 */
static money price_of(const struct op_args *a, const json_t *row, money *bid)
{
	money total = 0, base = 0, disk = disk_price(row, vastai_disk_of(a));

	*bid = 0;
	json_money(row, "dph_total", &total);
	if (a->spot) {
		if (!json_money(row, "min_bid", bid) || *bid <= 0 || *bid > BID_MAX)
			return 0;
		*bid = *bid < BID_MIN ? BID_MIN : *bid;
		return disk ? money_add(*bid, disk) : instant_max(total, *bid);
	}
	if (total > 0 && json_money(row, "dph_base", &base))
		total = instant_max(total, money_add(base, disk));
	return total;
}

static char *spec_text(const struct op_args *a, const char *ask, const char *arch, money bid)
{
	json_t *spec = json_object();
	char *text;

	json_put_str(spec, "ask", ask);
	json_put_int(spec, "disk", vastai_disk_of(a));
	json_put_str(spec, "arch", arch);
	if (bid)
		json_put_money(spec, "bid", bid);
	text = json_text(spec);
	json_decref(spec);
	return text;
}

static int small_int(double d)
{
	return d > 0 && d < 1e6 ? (int)d : 0;
}

static void read_host(const json_t *row, struct offer *o)
{
	double cores = json_num(row, "cpu_cores", 0), ours = json_num(row, "cpu_cores_effective", 0);
	double share = cores > 0 && ours > 0 && ours <= cores ? ours / cores : json_num(row, "gpu_frac", 1);

	o->cpus = small_int(ours);
	o->ram_gb = small_int(json_num(row, "cpu_ram", 0) * share / 1000);
	o->reliability_ppm = small_int(reliability_in(row) * 1e6 + 0.5);
	if (reliability_in(row) >= 1)
		o->reliability_ppm = 1000000;
}

/* Dollars per GB, beside the price by the hour (§2.2, §3). */
static void read_traffic(const json_t *row, struct offer *o)
{
	json_money(row, "inet_down_cost", &o->in_gb);
	json_money(row, "inet_up_cost", &o->out_gb);
}

static void add_offer(const struct op_args *a, const json_t *row, struct op_reply *r)
{
	struct offer o = { .disk_gb = vastai_disk_of(a), .available = 1, .spot = a->spot, .marketplace = true };
	const struct gpu *gpu;
	char ask[ID_MAX], host[ID_MAX]; /* ids have at most 19 digits */
	money bid;

	o.gpu_count = (int)json_int(row, "num_gpus", 0);
	o.price_hour = price_of(a, row, &bid);
	if (!as_asked(a, row) || !vastai_read_id(row, "id", ask) || json_int(row, "num_gpus", 0) < 1 ||
	    json_int(row, "num_gpus", 0) > 1024 || o.price_hour <= 0 || o.price_hour > MONEY_MAX)
		return;
	vastai_name_gpu(row, o.gpu, &o.gpu_memory_gb);
	vastai_read_region(row, o.region);
	if ((a->gpu_count > 0 && o.gpu_count != a->gpu_count) || (a->gpu[0] && !str_ieq(a->gpu, o.gpu)) ||
	    !region_wanted(a->account, o.region))
		return;
	str_copy(o.account, a->account->name);
	str_copy(o.provider, "vastai");
	if (vastai_read_id(row, "machine_id", host))
		str_copy(o.host, host);
	read_traffic(row, &o);
	snprintf(o.key, sizeof(o.key), "ask-%.24s/host-%.24s", ask, *host ? host : "unknown");
	gpu = gpu_find(o.gpu);
	o.spec = spec_text(a, ask, json_str(row, "gpu_arch", gpu && gpu->vendor == GPU_VENDOR_AMD ? "amd" : "nvidia"), bid);
	read_host(row, &o);
	o.stays = (duration)small_int(json_num(row, "duration", 0) / 60) * MINUTE;
	*op_reply_add_offer(r) = o;
}

/* The dearest row of a page: the next page begins there. */
static money last_price(const json_t *rows)
{
	money last = 0, price;
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		if (json_money(row, "dph_total", &price) && price > last)
			last = price;
	}
	return last;
}

/*
 * After a full page the next begins at its last price, a hair below because prices have more digits than ours; just above it
 * when the whole page cost the same. Prices that went backwards: the server does not filter, and there is no next page.
 */
static bool next_page(const json_t *rows, struct op_cursor *c)
{
	money last = last_price(rows);

	if (json_array_size(rows) < SEARCH_ROWS || c->page + 1 >= pages_at_most[c->step] || last < c->number)
		return false;
	c->number = last - 1 > c->number ? last - 1 : last + 1;
	c->page++;
	return true;
}

enum verdict vastai_offers_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = vastai_listing_of(res, r);
	const json_t *rows = json_path(j, "offers"), *row;
	enum verdict v = VERDICT_OK;
	size_t i;

	if (!j)
		return r->verdict;
	if (!json_is_array(rows))
		v = vastai_unreadable(r, "list of offers");
	json_array_foreach(rows, i, row)
		add_offer(a, row, r);
	if (v == VERDICT_OK && next_page(rows, c)) {
		v = VERDICT_MORE;
	} else if (v == VERDICT_OK && !a->gpu[0] && c->step + 1 < SEARCH_NR) {
		c->step++;
		c->page = 0;
		c->number = 0;
		v = VERDICT_MORE;
	}
	json_decref(j);
	return r->verdict = v;
}

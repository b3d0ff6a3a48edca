#include "ctl/cmd.h"
#include "base/gpu.h"
#include "base/str.h"
#include "ctl/show.h"

/* Does the catalogue's row lie under what was asked for? "h100" means H100, H100 PCIe and H100 NVL. */
static bool wanted(const struct ctl *c, const char *name)
{
	const struct gpu *g;

	if (!c->args.word_count || str_icontains(name, c->args.words[0]))
		return true;
	g = gpu_find(c->args.words[0]);
	return g && !strcmp(g->name, name);
}

/* The cheapest offer of a model, per GPU; NULL: nobody sells it now. */
static const json_t *cheapest(const json_t *offers, const char *gpu)
{
	const json_t *o, *best = NULL;
	size_t n;

	json_array_foreach(offers, n, o)
		if (!strcmp(json_str(o, "gpu", ""), gpu) && json_int(o, "available", -1) != 0 &&
		    (!best || json_num(o, "price_gpu_hour", 0) < json_num(best, "price_gpu_hour", 0)))
			best = o;
	return best;
}

/* The most GPUs that anybody sells in one instance. */
static int64_t most(const json_t *offers, const char *gpu)
{
	const json_t *o;
	int64_t n = 0;
	size_t k;

	json_array_foreach(offers, k, o)
		if (!strcmp(json_str(o, "gpu", ""), gpu) && json_int(o, "available", -1) != 0 && json_int(o, "gpu_count", 0) > n)
			n = json_int(o, "gpu_count", 0);
	return n;
}

static void add(json_t *list, const char *name, const struct gpu *g, const json_t *offers)
{
	const json_t *o = cheapest(offers, name);
	json_t *row = json_object();

	json_put_str(row, "gpu", name);
	json_put_str(row, "vendor", gpu_vendor_name(g ? g->vendor : GPU_VENDOR_UNKNOWN));
	json_put(row, "memory_gb", g ? json_integer(g->memory_gb) : json_null());
	json_put_str(row, "arch", g ? g->arch : "");
	json_put(row, "bandwidth_gbs", g && g->bandwidth_gbs ? json_integer(g->bandwidth_gbs) : json_null());
	json_put(row, "price_gpu_hour", o ? json_incref(json_object_get(o, "price_gpu_hour")) : json_null());
	json_put(row, "account", o ? json_incref(json_object_get(o, "account")) : json_null());
	json_put_int(row, "most_in_one", most(offers, name));
	json_array_append_new(list, row);
}

static bool is_listed(const json_t *list, const char *name)
{
	const json_t *row;
	size_t n;

	json_array_foreach(list, n, row)
		if (!strcmp(json_str(row, "gpu", ""), name))
			return true;
	return false;
}

/* The catalogue in its order, then what is sold and not in it, by its raw name. */
static json_t *rows(const struct ctl *c, const json_t *offers)
{
	bool all = args_has(&c->args, "all");
	json_t *list = json_array();
	const json_t *o;
	const struct gpu *g;
	size_t count, n;

	g = gpu_all(&count);
	for (size_t k = 0; k < count; k++)
		if (wanted(c, g[k].name) && (all || cheapest(offers, g[k].name)))
			add(list, g[k].name, &g[k], offers);
	json_array_foreach(offers, n, o) {
		const char *name = json_str(o, "gpu", "");

		if (*name && !gpu_find(name) && wanted(c, name) && !is_listed(list, name) && (all || cheapest(offers, name)))
			add(list, name, NULL, offers);
	}
	return list;
}

static void print(const json_t *list, FILE *to)
{
	static const struct column columns[] = {
		{ "GPU", LEFT, 0, 0 },
		{ "VENDOR", LEFT, 0, 4 },
		{ "GB", RIGHT, 0, 0 },
		{ "GB/S", RIGHT, 0, 3 },
		{ "ARCH", LEFT, 0, 2 },
		{ "MOST", RIGHT, 0, 5 },
		{ "FROM $/GPU-H", RIGHT, 0, 0 },
		{ "AT", LEFT, 0, 1 },
	};
	struct table t;
	const json_t *row;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, n, row) {
		enum style style = json_is_null(json_object_get(row, "account")) ? STYLE_DIM : STYLE_PLAIN;

		table_row(&t);
		table_cell(&t, style, "%s", json_str(row, "gpu", ""));
		table_cell(&t, style, "%s", json_str(row, "vendor", ""));
		table_cell(&t, style, "%s", show_count(row, "memory_gb").s);
		table_cell(&t, style, "%s", show_count(row, "bandwidth_gbs").s);
		table_cell(&t, style, "%s", json_str(row, "arch", ""));
		table_cell(&t, style, "%s", show_count(row, "most_in_one").s);
		table_cell(&t, style, "%s", show_money(row, "price_gpu_hour").s);
		table_cell(&t, style, "%s", json_str(row, "account", ""));
	}
	table_print(&t, to, term_width(to));
	table_free(&t);
}

static int run_gpus(struct ctl *c, struct err *e)
{
	json_t *answer = NULL, *list, *whole;
	const json_t *a;
	size_t n;
	int rc = 0;

	/* The catalogue needs nobody; its prices do. */
	if (ctl_get(c, "/v1/offers", &answer, e) < 0) {
		if (!args_has(&c->args, "all"))
			return -1;
		ctl_say("no prices: %s", e->msg);
	}
	list = rows(c, json_path(answer, "offers"));
	json_array_foreach(json_path(answer, "accounts"), n, a)
		if (!json_bool(a, "ok", true))
			ctl_say("%s could not be asked: %s", json_str(a, "account", "?"), json_str(a, "message", "no reason given"));
	if (c->json) {
		whole = json_object();
		json_put(whole, "gpus", json_incref(list));
		ctl_print_json(whole);
		json_decref(whole);
	} else if (json_array_size(list)) {
		print(list, stdout);
	} else if (args_has(&c->args, "all")) {
		rc = err_set(e, ERR_NOT_FOUND, "no GPU is called '%.64s'", c->args.words[0]);
	} else {
		rc = err_set(e, ERR_CAPACITY, "nobody sells that now; --all shows every GPU of the catalogue");
	}
	json_decref(list);
	json_decref(answer);
	return rc;
}

static const struct opt opts[] = {
	{ "all", 'a', ARG_FLAG, NULL, "every GPU of the catalogue, sold now or not", NULL, 0, 0, false },
};

const struct command command_gpus = {
	.name = "gpus",
	.group = "Machines",
	.synopsis = "[GPU] [options]",
	.summary = "which GPUs there are, what they are, and the cheapest now",
	.max = 1,
	.operand = "gpu",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_gpus,
};

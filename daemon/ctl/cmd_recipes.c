/* recipes: what can be run by name, what each needs, and what it costs at the cheapest offer of this moment. */
#include "base/gpu.h"
#include "base/str.h"
#include "ctl/cmd.h"
#include "ctl/show.h"

/* ---- the cheapest offer that will do ---- */

static bool fits(const json_t *recipe, const json_t *offer)
{
	const struct gpu *gpu = gpu_find(json_str(offer, "gpu", ""));
	const char *vendor = json_str(recipe, "needs.vendor", "any");
	int64_t memory = json_int(offer, "gpu_memory_gb", 0), instances = json_int(recipe, "needs.instances", 1);

	if (memory < json_int(recipe, "needs.gpu_memory_gb", 0) ||
	    memory * json_int(offer, "gpu_count", 1) < json_int(recipe, "usual_memory_gb", 0))
		return false;
	/* Containers do not reach each other. */
	if (instances > 1 && (json_bool(offer, "container", false) || json_int(offer, "available", instances) < instances))
		return false;
	return !strcmp(vendor, "any") || (gpu && !strcmp(gpu_vendor_name(gpu->vendor), vendor));
}

/* What its usual time costs there, on as many machines as it needs; below 0: that cannot be said. */
static money cost_of(const json_t *recipe, const json_t *offer)
{
	int64_t usual = json_int(recipe, "usual", 0);
	money price, minimum, cost;

	if (!usual || !json_money(offer, "price_hour", &price))
		return -1;
	cost = money_for(price, usual * SECOND);
	if (json_money(offer, "minimum_charge", &minimum) && minimum > cost)
		cost = minimum;
	return cost * json_int(recipe, "needs.instances", 1);
}

/* "cheapest": {"offer", "cost"} into each recipe, null where nobody sells what it needs. */
static void put_cheapest(json_t *recipe, const json_t *offers)
{
	const json_t *offer, *best = NULL;
	json_t *o = NULL;
	money price, least = 0;
	size_t n;

	json_array_foreach(offers, n, offer)
		if (fits(recipe, offer) && json_money(offer, "price_hour", &price) && (!best || price < least)) {
			best = offer;
			least = price;
		}
	if (best) {
		o = json_object();
		json_object_set(o, "offer", (json_t *)(uintptr_t)best);
		if (cost_of(recipe, best) >= 0)
			json_put_money(o, "cost", cost_of(recipe, best));
		else
			json_put(o, "cost", json_null());
	}
	json_put(recipe, "cheapest", o ? o : json_null());
}

/* Offers of the GPU that was named, or of all. Nobody who sells is no mistake: the recipes are still there to be read. */
static int get_offers(struct ctl *c, json_t **answer, struct err *e)
{
	const char *text = args_text(&c->args, "gpu");
	struct buf path = BUF(1024);
	struct err problem = { 0 };
	char gpu[64];
	int count = 0;

	*answer = NULL;
	buf_puts(&path, "/v1/offers");
	if (text && !gpu_spec_parse(text, gpu, sizeof(gpu), &count))
		return err_set(e, ERR_USAGE, "'%.64s' is no GPU; write a model like MI300X, or MI300X:8", text);
	if (text) {
		buf_puts(&path, "?gpu=");
		str_percent_encode(&path, gpu);
		buf_printf(&path, "&count=%d", count ? count : 1);
	}
	if (ctl_get(c, buf_str(&path), answer, &problem) < 0)
		ctl_say("what it costs cannot be said: %s", problem.msg);
	buf_free(&path);
	return 0;
}

/* ---- all of them ---- */

static struct word needs_of(const json_t *r)
{
	const char *vendor = json_str(r, "needs.vendor", "any");
	int64_t memory = json_int(r, "needs.gpu_memory_gb", 0), disk = json_int(r, "needs.disk_gb", 0);
	struct buf b = BUF(sizeof(struct word));
	struct word w;

	if (strcmp(vendor, "any") != 0)
		buf_printf(&b, "%s", vendor);
	if (memory)
		buf_printf(&b, "%s%lld GB per GPU", b.len ? ", " : "", (long long)memory);
	if (disk)
		buf_printf(&b, "%s%lld GB of disk", b.len ? ", " : "", (long long)disk);
	if (json_bool(r, "needs.docker", false))
		buf_printf(&b, "%sdocker", b.len ? ", " : "");
	if (json_int(r, "needs.instances", 1) > 1)
		buf_printf(&b, "%s%lld instances", b.len ? ", " : "", (long long)json_int(r, "needs.instances", 1));
	str_copy(w.s, buf_str(&b));
	buf_free(&b);
	return w;
}

static struct word where_of(const json_t *cheapest)
{
	const json_t *o = json_path(cheapest, "offer");
	struct word w = { "" };

	if (o)
		snprintf(w.s, sizeof(w.s), "%.60s at %.60s", show_gpu(o).s, json_str(o, "account", "?"));
	return w;
}

static void show_all(const json_t *recipes)
{
	static const struct column columns[] = {
		{ "RECIPE", LEFT, 0, 0 },
		{ "WHAT IT MEASURES", LEFT, 20, 0 },
		{ "NEEDS", LEFT, 10, 3 },
		{ "TAKES", RIGHT, 0, 1 },
		{ "COSTS", RIGHT, 0, 0 },
		{ "ON", LEFT, 12, 2 },
	};
	struct table t;
	const json_t *r;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(recipes, n, r) {
		table_row(&t);
		table_cell(&t, STYLE_BOLD, "%s", json_str(r, "name", "?"));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(r, "description", ""));
		table_cell(&t, STYLE_PLAIN, "%s", needs_of(r).s);
		table_cell(&t, STYLE_PLAIN, "%s", show_seconds(r, "usual").s);
		table_cell(&t, STYLE_PLAIN, "%s", show_money(r, "cheapest.cost").s);
		table_cell(&t, STYLE_DIM, "%s", json_int(r, "usual", 0) ? where_of(json_path(r, "cheapest")).s : "");
	}
	table_print(&t, stdout, term_width(stdout));
	table_free(&t);
	ctl_say("\nmore of one: gpufleetctl recipes show NAME");
}

/* ---- one ---- */

static void show_parameters(const json_t *list)
{
	static const struct column columns[] = {
		{ "PARAMETER", LEFT, 0, 0 },
		{ "TYPE", LEFT, 6, 1 },
		{ "DEFAULT", LEFT, 12, 0 },
		{ "MEANING", LEFT, 20, 0 },
	};
	struct table t;
	const json_t *p, *v;
	size_t n, k;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, n, p) {
		struct buf type = BUF(1024);

		json_array_foreach(json_path(p, "values"), k, v)
			buf_printf(&type, "%s%s", k ? "|" : "", json_is_string(v) ? json_string_value(v) : show_number(v).s);
		table_row(&t);
		table_cell(&t, STYLE_BOLD, "%s", json_str(p, "name", "?"));
		table_cell(&t, STYLE_PLAIN, "%s", type.len ? buf_str(&type) : json_str(p, "type", "text"));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(p, "default", "(must be set)"));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(p, "help", ""));
		buf_free(&type);
	}
	if (t.row_count) {
		putchar('\n');
		table_print(&t, stdout, term_width(stdout));
	}
	table_free(&t);
}

static void line(const char *name, const char *text)
{
	if (*text)
		ctl_print(stdout, STYLE_PLAIN, "  %-9s %s", name, text);
}

static void show_cost(const json_t *r)
{
	const json_t *cheapest = json_path(r, "cheapest");
	bool known = json_is_object(cheapest);

	if (known && json_is_number(json_path(cheapest, "cost")))
		ctl_print(stdout, STYLE_PLAIN, "  %-9s about %s now: %s, %s, and what booting takes", "costs", show_money(cheapest, "cost").s,
		    where_of(cheapest).s, show_rate(cheapest, "offer.price_hour").s);
	else if (known)
		ctl_print(stdout, STYLE_PLAIN, "  %-9s %s now: %s", "costs", show_rate(cheapest, "offer.price_hour").s, where_of(cheapest).s);
	else
		line("costs", "nobody sells what it needs now");
}

static void show_one(const json_t *r, const char *gpu)
{
	const char *name = json_str(r, "name", "?");
	const json_t *s;
	struct word takes = show_seconds(r, "usual");
	const json_t *offer = json_path(r, "cheapest.offer");
	struct word needs = needs_of(r), on = show_gpu(offer);
	const char *where = gpu ? gpu : offer ? on.s : "GPU";
	int64_t memory = json_int(r, "usual_memory_gb", 0), instances = json_int(r, "needs.instances", 1);
	char several[40] = "";
	size_t n;

	ctl_print(stdout, STYLE_BOLD, "%s", name);
	line("measures", json_str(r, "description", ""));
	line("needs", *needs.s ? needs.s : "any GPU");
	if (memory > 0)
		ctl_print(stdout, STYLE_PLAIN, "  %-9s %lld GB of GPU memory in each machine", "defaults", (long long)memory);
	line("takes", *takes.s ? takes.s : "as long as what is run");
	show_cost(r);
	json_array_foreach(json_path(r, "secrets"), n, s)
		line("secret", json_is_string(s) ? json_string_value(s) : "");
	show_parameters(json_path(r, "parameters"));
	if (instances > 1)
		snprintf(several, sizeof(several), " --instances %lld", (long long)instances);
	/* "RTX 4090:1" has a blank. */
	ctl_print(stdout, STYLE_PLAIN, "\nrun it:   gpufleetctl run %s%s --gpu %s%s%s%s", name, json_bool(r, "directory", false) ? " DIRECTORY" : "",
	    strchr(where, ' ') ? "'" : "", where, strchr(where, ' ') ? "'" : "", several);
	if (json_bool(r, "serves", false))
		ctl_print(stdout, STYLE_PLAIN, "serve it: gpufleetctl serve %s --gpu GPU", name);
	if (json_bool(r, "prepares", false))
		ctl_print(stdout, STYLE_PLAIN, "prepare:  gpufleetctl prepare %s --gpu GPU --volume NAME", name);
}

/* ---- the command ---- */

/* The recipe's name of "NAME" and "show NAME"; NULL: all of them. */
static int which(const struct args *a, const char **name, struct err *e)
{
	bool show = a->word_count && !strcmp(a->words[0], "show");

	*name = show ? (a->word_count > 1 ? a->words[1] : NULL) : a->word_count ? a->words[0] : NULL;
	if (show && !*name)
		return err_set(e, ERR_USAGE, "which one? gpufleetctl recipes show NAME");
	if (!show && a->word_count > 1)
		return err_set(e, ERR_USAGE, "'%.64s' is one word too many; usage: gpufleetctl recipes show NAME", a->words[1]);
	return 0;
}

static int run_recipes(struct ctl *c, struct err *e)
{
	json_t *answer = NULL, *offers = NULL, *shown = json_array(), *r;
	const char *name;
	size_t n;
	int rc = which(&c->args, &name, e);

	if (rc == 0)
		rc = ctl_get(c, "/v1/recipes", &answer, e);
	json_array_foreach(json_path(answer, "recipes"), n, r)
		if (!name || !strcmp(name, json_str(r, "name", "")))
			json_array_append(shown, r);
	if (rc == 0 && name && !json_array_size(shown))
		rc = err_set(e, ERR_NOT_FOUND, "no recipe is called '%.64s'; see: gpufleetctl recipes", name);
	if (rc == 0)
		rc = get_offers(c, &offers, e);
	json_array_foreach(rc == 0 ? shown : NULL, n, r)
		put_cheapest(r, json_path(offers, "offers"));
	if (rc == 0 && c->json) {
		json_object_set(answer, "recipes", shown);
		ctl_print_json(answer);
	} else if (rc == 0 && name) {
		show_one(json_array_get(shown, 0), args_text(&c->args, "gpu"));
	} else if (rc == 0) {
		show_all(shown);
	}
	json_decref(shown);
	json_decref(offers);
	json_decref(answer);
	return rc;
}

static const struct opt opts[] = {
	{ "gpu", 'g', ARG_TEXT, "GPU[:N]", "what they cost on this one, not on the cheapest", NULL, 0, 0, false },
};

const struct command command_recipes = {
	.name = "recipes",
	.group = "Work",
	.synopsis = "[[show] RECIPE] [--gpu GPU[:N]]",
	.summary = "workloads that are part of gpufleet: what they measure, need, take and cost",
	.details = "Costs are the usual time at the cheapest offer of this moment that has what the recipe needs and its defaults take, "
		   "without the time of booting.",
	.max = 2,
	.operand = "recipe",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_recipes,
};

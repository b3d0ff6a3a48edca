#include "ctl/cmd.h"
#include "base/gpu.h"
#include "base/str.h"
#include "ctl/show.h"

static const char *const sort_words[] = { "price", "gpu-price", "gpu", "account", NULL };

static void add(struct buf *path, const char *key, const char *value)
{
	buf_printf(path, "%c%s=", strchr(buf_str(path), '?') ? '&' : '?', key);
	str_percent_encode(path, value);
}

static int build_path(const struct args *a, struct buf *path, struct err *e)
{
	char gpu[64], number[32];
	int count = 0;
	int64_t n;

	buf_puts(path, "/v1/offers");
	if (a->word_count && !gpu_spec_parse(a->words[0], gpu, sizeof(gpu), &count))
		return err_set(e, ERR_USAGE, "'%.64s' is no GPU; write a model like MI300X, or MI300X:8", a->words[0]);
	if (a->word_count)
		add(path, "gpu", gpu);
	n = count;
	if (args_number(a, "count", &n) && count && n != count)
		return err_set(e, ERR_USAGE, "'%.64s' and --count %lld contradict each other", a->words[0], (long long)n);
	if (n) {
		snprintf(number, sizeof(number), "%lld", (long long)n);
		add(path, "count", number);
	}
	if (args_has(a, "provider"))
		add(path, "provider", args_text(a, "provider"));
	if (args_has(a, "region"))
		add(path, "region", args_text(a, "region"));
	if (args_number(a, "max-price", &n)) {
		money_decimal(n, number);
		add(path, "max_price", number);
	}
	if (args_has(a, "spot"))
		add(path, "spot", "1");
	if (args_has(a, "all"))
		add(path, "all", "1");
	return 0;
}

static const char *sort_key;

static int compare(const void *left, const void *right)
{
	const json_t *a = *(json_t *const *)left, *b = *(json_t *const *)right;
	double d = 0;
	int order = 0;

	if (!strcmp(sort_key, "gpu") || !strcmp(sort_key, "account"))
		order = strcmp(json_str(a, sort_key, ""), json_str(b, sort_key, ""));
	else if (!strcmp(sort_key, "price"))
		d = json_num(a, "price_hour", 0) - json_num(b, "price_hour", 0);
	if (!order && d == 0)
		d = json_num(a, "price_gpu_hour", 0) - json_num(b, "price_gpu_hour", 0);
	return order ? order : d < 0 ? -1 : d > 0;
}

/* The daemon's order is by price of a GPU-hour already. */
static json_t *sorted(const json_t *offers, const char *key)
{
	size_t count = json_array_size(offers);
	json_t **rows = xcalloc(count + 1, sizeof(*rows)), *out = json_array();

	for (size_t i = 0; i < count; i++)
		rows[i] = json_array_get(offers, i);
	sort_key = key;
	qsort(rows, count, sizeof(*rows), compare);
	for (size_t i = 0; i < count; i++)
		json_array_append(out, rows[i]);
	free(rows);
	return out;
}

/* Accounts that could not be asked change what "cheapest" means. */
static void say_troubles(const json_t *accounts)
{
	const json_t *a;
	size_t n;

	json_array_foreach(accounts, n, a) {
		if (json_bool(a, "ok", true))
			continue;
		ctl_say("%s could not be asked: %s", json_str(a, "account", "?"), json_str(a, "message", "no reason given"));
	}
}

static int run_offers(struct ctl *c, struct err *e)
{
	struct buf path = BUF(2048);
	json_t *answer = NULL, *list;
	const char *key = args_text(&c->args, "sort");
	int rc = build_path(&c->args, &path, e);

	if (rc == 0)
		rc = ctl_get(c, buf_str(&path), &answer, e);
	buf_free(&path);
	if (rc < 0)
		return -1;
	if (c->json) {
		ctl_print_json(answer);
	} else {
		list = sorted(json_path(answer, "offers"), key ? key : "gpu-price");
		if (json_array_size(list))
			show_offers(list, stdout);
		say_troubles(json_path(answer, "accounts"));
		if (!json_array_size(list))
			rc = err_set(e, ERR_CAPACITY, "nobody sells that now%s",
			    args_has(&c->args, "all") ? "" : "; --all shows what is sold out too");
		json_decref(list);
	}
	json_decref(answer);
	return rc;
}

static const struct opt opts[] = {
	{ "count", 'c', ARG_COUNT, "N", "GPUs in one instance; every size when not given", NULL, 1, 1024, false },
	{ "provider", 'p', ARG_NAME, "ACCOUNT", "only from this account or provider", NULL, 0, 0, false },
	{ "region", 'r', ARG_TEXT, "REGION", "only there", NULL, 0, 0, false },
	{ "max-price", 0, ARG_MONEY, "USD", "per GPU and hour", NULL, 0, 0, false },
	{ "spot", 0, ARG_FLAG, NULL, "spot machines only", NULL, 0, 0, false },
	{ "all", 'a', ARG_FLAG, NULL, "what is sold out too", NULL, 0, 0, false },
	{ "sort", 0, ARG_WORD, "BY", "price (of an instance), gpu-price (of a GPU), gpu or account", sort_words, 0, 0, false },
};

const struct command command_offers = {
	.name = "offers",
	.group = "Machines",
	.synopsis = "[GPU[:N]] [options]",
	.summary = "what can be rented now, the cheapest GPU first",
	.max = 1,
	.operand = "gpu",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_offers,
};

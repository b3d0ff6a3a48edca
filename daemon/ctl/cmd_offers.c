#include "ctl/cmd.h"
#include "base/gpu.h"
#include "base/str.h"
#include "ctl/progress.h"
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

/* Accounts that failed, or whose offers are old, change what "cheapest" means. */
static void say_troubles(const json_t *accounts)
{
	const json_t *a;
	size_t n;

	json_array_foreach(accounts, n, a)
		if (!json_bool(a, "ok", true))
			ctl_say("%s: %s", json_str(a, "account", "?"), json_str(a, "message", "no reason given"));
}

/* ---- on a terminal: who has answered, while the others are waited for ---- */

struct gather {
	struct progress progress;
	struct buf came;   /* "runpod: 12 offers" … */
	json_t *waiting;   /* a member for each account that is waited for */
	json_t *end;       /* the whole answer */
};

static void draw_waiting(struct gather *g)
{
	struct buf text = BUF(4096);
	const char *name;
	json_t *unused;
	size_t n = 0;

	buf_puts(&text, buf_str(&g->came));
	json_object_foreach(g->waiting, name, unused)
		buf_printf(&text, "%s%s", n++ ? ", " : "waiting for ", name);
	progress_draw(&g->progress, buf_str(&text));
	buf_free(&text);
}

static int take_line(void *arg, const json_t *line)
{
	const json_t *name, *account = json_path(line, "account"), *end = json_path(line, "end");
	struct gather *g = arg;
	size_t n;

	json_array_foreach(json_path(line, "asked"), n, name)
		if (json_is_string(name))
			json_object_set_new(g->waiting, json_string_value(name), json_true());
	if (account) {
		n = json_array_size(json_path(line, "offers"));
		json_object_del(g->waiting, json_str(account, "account", ""));
		buf_printf(&g->came, "%s: %zu offer%s%s\n", json_str(account, "account", "?"), n, n == 1 ? "" : "s",
		    json_bool(account, "ok", true) ? "" : ", and a problem");
	}
	if (end)
		g->end = json_deep_copy(end);
	else
		draw_waiting(g);
	return 0;
}

static int get_live(struct ctl *c, struct gather *g, struct buf *path, json_t **answer, struct err *e)
{
	int rc;

	add(path, "stream", "1");
	if (ctl_connect(c, e) < 0)
		return -1;
	rc = client_stream(c->client, &(struct request){ .method = "GET", .path = buf_str(path), .quiet_is_dead = true }, take_line, g, &c->problem,
	    e);
	*answer = g->end;
	if (rc == CLIENT_INTERRUPTED)
		return EXIT_INTERRUPTED;
	return rc < 0 ? -1 : g->end ? 0 : err_set(e, ERR_UNREACHABLE, "the daemon ended the list of offers in the middle");
}

/* The daemon's answer; a person sees who is waited for. */
static int get_offers(struct ctl *c, struct buf *path, json_t **answer, struct err *e)
{
	struct gather g = { .came = BUF(4096) };
	int rc;

	progress_begin(&g.progress);
	if (c->json || !g.progress.live)
		return ctl_get(c, buf_str(path), answer, e);
	g.waiting = json_object();
	rc = get_live(c, &g, path, answer, e);
	progress_clear(&g.progress);
	json_decref(g.waiting);
	buf_free(&g.came);
	return rc;
}

static int run_offers(struct ctl *c, struct err *e)
{
	struct buf path = BUF(2048);
	json_t *answer = NULL, *list;
	const char *key = args_text(&c->args, "sort");
	int rc = build_path(&c->args, &path, e);

	if (rc == 0)
		rc = get_offers(c, &path, &answer, e);
	buf_free(&path);
	if (rc)
		return rc;
	if (c->json) {
		ctl_print_json(answer);
	} else {
		list = sorted(json_path(answer, "offers"), key ? key : "gpu-price");
		if (json_array_size(list))
			show_offers(list, stdout);
		fflush(stdout);
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

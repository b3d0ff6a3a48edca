/*
 * The market: every account that is allowed is asked for its offers at the same time, and nobody is waited for longer than
 * poll.offers. What comes later is kept for the next question. GET /v1/offers is here too.
 */
#include "api_private.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/place.h"

#define OFFERS_KEPT HOUR /* older ones are not shown for an account that does not answer */

struct market {
	struct {
		enum { SAID_NOTHING, SAID_OFFERS, SAID_FAILURE } said;
		char text[TEXT_MAX]; /* the failure */
	} of[CONFIG_ACCOUNTS_MAX];   /* in the order of the configuration */
	duration patience;
};

struct asking {
	struct list link;
	struct api *api;
	struct hold *hold; /* NULL: its request was answered */
	struct fleet fleet;
	planned_fn *then;
	void *arg;
	bool stream;       /* each account's offers are told as they come */
	int open;          /* questions under way */
	uv_timer_t deadline;
	bool closed;       /* … is, as a handle */
	struct market market;
};

/* ---- what is known of an account ---- */

static size_t index_of(const struct config *c, const char *account)
{
	size_t k = 0;

	while (k + 1 < c->account_count && strcmp(c->accounts[k].name, account) != 0)
		k++;
	return k;
}

/* Offers that were told before: for the same question, and not too long ago? */
static bool usable(const struct account_state *a, const struct fleet *f, instant now)
{
	return a->offers_at && now - a->offers_at < OFFERS_KEPT && (!*a->offers_gpu || str_ieq(a->offers_gpu, f->gpu)) &&
	       (!a->offers_gpu_count || a->offers_gpu_count == f->gpu_count) && a->offers_spot == f->spot && a->offers_disk_gb == f->disk_gb;
}

static void put_age(struct buf *b, duration age)
{
	if (age < 2 * MINUTE)
		buf_printf(b, "%lld s", (long long)(age / SECOND));
	else
		buf_printf(b, "%lld minutes", (long long)(age / MINUTE));
}

static json_t *account_json(const struct market *market, const struct config *c, const struct account_state *a, const struct fleet *f)
{
	size_t k = index_of(c, a->facts.name);
	bool fresh = market->of[k].said == SAID_OFFERS, failed = market->of[k].said == SAID_FAILURE;
	instant now = clock_steady();
	bool shown = fresh || usable(a, f, now);
	struct buf text = BUF(2 * TEXT_MAX);
	json_t *o = json_object();

	if (failed)
		buf_puts(&text, market->of[k].text);
	else if (!fresh)
		buf_printf(&text, "no answer within %lld s", (long long)(market->patience / SECOND));
	if (!fresh && shown) {
		buf_puts(&text, "; these are its offers of ");
		put_age(&text, now - a->offers_at);
		buf_puts(&text, " ago");
	} else if (!fresh && !failed) {
		buf_puts(&text, ", and there are no offers of its from before");
	}
	json_put_str(o, "account", a->facts.name);
	json_put_str(o, "state", fresh ? "fresh" : failed ? "failed" : shown ? "stale" : "waiting");
	json_put_bool(o, "ok", fresh);
	json_put_str(o, "message", buf_str(&text));
	json_put(o, "age", shown ? json_integer((now - a->offers_at) / SECOND) : json_null());
	json_put_int(o, "offers", shown ? (int64_t)a->offer_count : 0);
	buf_free(&text);
	return o;
}

bool market_answered(const struct market *market, const struct config *c, const char *account)
{
	return market->of[index_of(c, account)].said == SAID_OFFERS;
}

json_t *market_accounts(const struct market *market, struct engine *en, const struct fleet *f)
{
	const struct model *m = engine_model(en);
	json_t *list = json_array();

	for (size_t k = 0; k < m->account_count; k++)
		if (place_account_allowed(f, m->accounts[k]))
			json_array_append_new(list, account_json(market, engine_config(en), m->accounts[k], f));
	return list;
}

/* ---- asking ---- */

static json_t *offers_of(const struct request *r, const struct fleet *f, const struct account_state *a);

static void stream_account(const struct asking *q, const char *name)
{
	struct engine *en = q->api->en;
	const struct account_state *a = model_account(engine_model(en), name);
	json_t *line;

	if (!q->stream || !q->hold || !q->hold->r || !a)
		return;
	line = json_object();
	json_put(line, "account", account_json(&q->market, engine_config(en), a, &q->fleet));
	json_put(line, "offers", offers_of(q->hold->r, &q->fleet, a));
	stream_put(q->hold->r, line);
}

static void free_when_over(struct asking *q)
{
	if (q->open || !q->closed)
		return;
	list_remove(&q->link);
	free(q);
}

static void deadline_closed(uv_handle_t *h)
{
	struct asking *q = h->data;

	q->closed = true;
	free_when_over(q);
}

/* Everybody has answered, or nobody is waited for any longer. */
static void answer(struct asking *q)
{
	struct hold *h = q->hold;
	struct request *r;

	if (!h)
		return;
	q->hold = NULL;
	r = hold_take(h);
	if (r)
		q->then(r, &q->fleet, &q->market, q->arg);
	uv_close((uv_handle_t *)&q->deadline, deadline_closed);
}

static void on_deadline(uv_timer_t *t)
{
	answer(t->data);
}

static void answered_one(struct asking *q)
{
	q->open--;
	if (!q->open)
		answer(q);
	free_when_over(q);
}

static void got_offers(void *arg, const struct account *a, struct op_reply *reply)
{
	struct asking *q = arg;
	size_t k = index_of(engine_config(q->api->en), a->name);
	struct fact f = { .kind = FACT_OFFERS, .account = a->name, .verdict = reply->verdict, .message = reply->message,
		.offers = reply->offers, .offer_count = reply->offer_count, .gpu = q->fleet.gpu, .gpu_count = q->fleet.gpu_count,
		.flag = q->fleet.spot, .count = q->fleet.disk_gb };

	reply->offers = NULL;
	reply->offer_count = 0;
	engine_fact(q->api->en, &f);
	for (size_t n = 0; n < f.offer_count; n++)
		free(f.offers[n].spec);
	free(f.offers);
	q->market.of[k].said = reply->verdict == VERDICT_OK ? SAID_OFFERS : SAID_FAILURE;
	if (reply->verdict != VERDICT_OK)
		snprintf(q->market.of[k].text, TEXT_MAX, "%s: %.200s", reply->verdict == VERDICT_DENIED ? "credentials refused" :
		    "could not be asked", *reply->message ? reply->message : verdict_name(reply->verdict));
	stream_account(q, a->name);
	answered_one(q);
}

static void got_balance(void *arg, const struct account *a, struct op_reply *reply)
{
	struct asking *q = arg;
	struct fact f = { .kind = FACT_BALANCE, .account = a->name, .verdict = reply->verdict, .message = reply->message,
		.balance = &reply->balance };

	engine_fact(q->api->en, &f);
	answered_one(q);
}

static struct asking *asking_new(struct request *r, const struct fleet *f, planned_fn *then, void *arg)
{
	struct asking *q = xcalloc(1, sizeof(*q));

	q->api = r->api;
	q->hold = request_hold(r);
	q->fleet = *f;
	q->then = then;
	q->arg = arg;
	q->open = 1;
	q->market.patience = engine_config(r->api->en)->poll.offers;
	list_append(&r->api->askings, &q->link);
	uv_timer_init(engine_loop(r->api->en), &q->deadline);
	q->deadline.data = q;
	uv_timer_start(&q->deadline, on_deadline, (uint64_t)(q->market.patience / MSEC), 0);
	return q;
}

static void ask(struct asking *q)
{
	struct engine *en = q->api->en;
	const struct config *c = engine_config(en);
	const struct fleet *f = &q->fleet;
	/* Without a count in mind, or when nobody has it whole, other sizes matter: ask for every count. */
	struct op_args args = { .spot = f->spot };

	str_copy(args.gpu, f->gpu);
	for (size_t k = 0; k < c->account_count; k++) {
		const struct account_state *a = model_account(engine_model(en), c->accounts[k].name);

		if (!a || !place_account_allowed(f, a))
			continue;
		q->open++;
		args.disk_gb = f->disk_gb ? f->disk_gb : c->accounts[k].disk_gb;
		execute_operation(engine_execute(en), &c->accounts[k], OP_OFFERS, &args, got_offers, q);
		/* A prepaid balance may be what decides. */
		if (a->facts.prepaid && clock_steady() - a->balance_at >= MINUTE) {
			q->open++;
			execute_operation(engine_execute(en), &c->accounts[k], OP_BALANCE, &args, got_balance, q);
		}
	}
	answered_one(q);
}

void fleet_market(struct request *r, const struct fleet *f, planned_fn *then, void *arg)
{
	ask(asking_new(r, f, then, arg));
}

static void forgotten(uv_handle_t *h)
{
	free(h->data);
}

void market_close(struct api *a)
{
	list_for_each_safe(n, &a->askings) {
		struct asking *q = CONTAINER_OF(n, struct asking, link);

		list_remove(&q->link);
		if (q->hold)
			hold_take(q->hold);
		if (!uv_is_closing((uv_handle_t *)&q->deadline))
			uv_close((uv_handle_t *)&q->deadline, forgotten);
	}
}

/* ---- GET /v1/offers ---- */

static bool wanted(const struct request *r, const struct fleet *f, const struct account_state *a, const struct offer *o)
{
	struct fleet one = *f;

	one.gpu_count = o->gpu_count;
	if (!*f->gpu)
		str_copy(one.gpu, o->gpu);
	one.spot = query_bool(r, "spot") ? true : o->spot;
	one.accept_minimum = INT64_MAX;
	if (f->gpu_count && o->gpu_count != f->gpu_count)
		return false;
	return place_fits(&one, &a->facts, o, NULL) || (query_bool(r, "all") && !o->available && str_ieq(one.gpu, o->gpu));
}

static int by_gpu_price(const void *x, const void *y)
{
	const struct offer *a = *(const struct offer *const *)x, *b = *(const struct offer *const *)y;
	money pa = a->price_hour / a->gpu_count, pb = b->price_hour / b->gpu_count;

	return pa != pb ? (pa < pb ? -1 : 1) : a->gpu_count != b->gpu_count ? a->gpu_count - b->gpu_count : strcmp(a->key, b->key);
}

struct rows {
	const struct offer **list;
	size_t count;
};

static void add_rows(struct rows *rows, const struct request *r, const struct fleet *f, const struct account_state *a)
{
	if (!usable(a, f, clock_steady()))
		return;
	rows->list = xreallocarray(rows->list, rows->count + a->offer_count + 1, sizeof(const struct offer *));
	for (size_t j = 0; j < a->offer_count; j++)
		if (wanted(r, f, a, &a->offers[j]))
			rows->list[rows->count++] = &a->offers[j];
}

static json_t *rows_json(const struct model *m, struct rows *rows)
{
	json_t *offers = json_array();

	if (rows->count)
		qsort(rows->list, rows->count, sizeof(const struct offer *), by_gpu_price);
	for (size_t k = 0; k < rows->count; k++)
		json_array_append_new(offers, view_offer(m, rows->list[k]));
	free(rows->list);
	return offers;
}

static json_t *offers_of(const struct request *r, const struct fleet *f, const struct account_state *a)
{
	struct rows rows = { NULL, 0 };

	add_rows(&rows, r, f, a);
	return rows_json(engine_model(r->api->en), &rows);
}

static void offers_asked(struct request *r, struct fleet *f, const struct market *market, void *arg)
{
	const struct model *m = engine_model(r->api->en);
	struct rows rows = { NULL, 0 };
	json_t *o = json_object(), *end;

	(void)arg;
	for (size_t k = 0; k < m->account_count; k++)
		if (place_account_allowed(f, m->accounts[k]))
			add_rows(&rows, r, f, m->accounts[k]);
	json_put(o, "offers", rows_json(engine_model(r->api->en), &rows));
	json_put(o, "accounts", market_accounts(market, r->api->en, f));
	if (!r->streaming) {
		request_json(r, 200, o);
		return;
	}
	end = json_object();
	json_put(end, "end", o);
	stream_put(r, end);
	stream_end(r);
}

/* The first line of a stream: who is asked. */
static void stream_begin(struct request *r, const struct fleet *f)
{
	const struct model *m = engine_model(r->api->en);
	json_t *line = json_object(), *names = json_array();

	for (size_t k = 0; k < m->account_count; k++)
		if (place_account_allowed(f, m->accounts[k]))
			json_array_append_new(names, json_string(m->accounts[k]->facts.name));
	json_put(line, "asked", names);
	request_stream(r);
	stream_put(r, line);
}

/* False: it has been answered. */
static bool read_question(struct request *r, struct fleet *f)
{
	const char *gpu = query(r, "gpu", ""), *provider = query(r, "provider", "");
	json_t *list = json_array();
	struct err e = { 0 };
	int64_t count = query_int(r, "count", 0);

	if (*provider)
		json_array_append_new(list, json_string(provider));
	if (fleet_read_accounts(r, list, f, &e) == 0 && *gpu)
		fleet_read_gpu(r, gpu, f, &e);
	if (!e.code && *query(r, "max_price", "") && !money_parse(query(r, "max_price", ""), &f->max_price))
		err_set(&e, ERR_USAGE, "max_price must be dollars");
	if (!e.code && (count < 0 || count > 64))
		err_set(&e, ERR_USAGE, "count must be from 1 to 64");
	json_decref(list);
	if (e.code)
		request_error(r, &e);
	f->gpu_count = count ? (int)count : f->gpu_count;
	str_copy(f->region, query(r, "region", ""));
	return !e.code;
}

void get_offers(struct request *r)
{
	struct fleet f = { .spot = query_bool(r, "spot"), .accept_minimum = INT64_MAX };
	struct asking *q;

	if (!read_question(r, &f))
		return;
	q = asking_new(r, &f, offers_asked, NULL);
	q->stream = query_bool(r, "stream");
	if (q->stream)
		stream_begin(r, &f);
	ask(q);
}

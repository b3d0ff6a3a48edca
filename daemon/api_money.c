/*
 * Money: what was spent, in tables, pages and files; what will be; what it would be.
 */
#include "api_private.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/cost.h"
#include "core/place.h"
#include "report/forecast.h"
#include "report/spending.h"

#define PAGE_BYTES  (16u << 20)
#define FOCUS_BYTES (256u << 20)

/* ---- what was spent ---- */

struct cost_question {
	struct cost_query q;
	char by[160], filter[1024], format[8];
};

static struct cost_question *cost_question(struct request *r)
{
	struct cost_question *c = xcalloc(1, sizeof(*c));

	str_copy(c->by, query(r, "by", "fleet"));
	str_copy(c->filter, query(r, "filter", ""));
	c->q.by[0] = c->by;
	c->q.count = 1;
	c->q.filter = c->filter;
	c->q.now = clock_steady();
	c->q.efficiency = query_bool(r, "efficiency");
	if (query_time(r, "since", &c->q.since) && query_time(r, "until", &c->q.until))
		return c;
	free(c);
	return NULL;
}

static int ask_cost(struct history *h, void *arg, json_t **out, struct err *e)
{
	const struct cost_question *c = arg;
	json_t *doc;

	if (history_cost(h, &c->q, &doc, e) < 0)
		return -1;
	*out = json_object();
	json_put_str(*out, "by", c->by);
	json_put_time(*out, "since", c->q.since);
	json_put_time(*out, "until", c->q.until);
	json_put(*out, "rows", json_incref(json_object_get(json_array_get(json_object_get(doc, "tables"), 0), "rows")));
	json_put(*out, "total", json_incref(json_object_get(doc, "total")));
	json_put(*out, "complete", json_incref(json_object_get(doc, "complete")));
	json_decref(doc);
	return 0;
}

void get_cost(struct request *r)
{
	struct cost_question *c = cost_question(r);

	if (c)
		request_history(r, ask_cost, c);
}

/* ---- the report ---- */

static int ask_report(struct history *h, void *arg, json_t **out, struct err *e)
{
	struct cost_question *c = arg;
	struct buf text = BUF(PAGE_BYTES);
	json_t *doc;

	c->q.count = 0;
	for (size_t k = 0; spending_tables[k]; k++)
		c->q.by[c->q.count++] = spending_tables[k];
	c->q.efficiency = true;
	if (history_cost(h, &c->q, &doc, e) < 0)
		return -1;
	json_put_time(doc, "since", c->q.since);
	json_put_time(doc, "until", c->q.until);
	json_put_time(doc, "made", c->q.now);
	json_put_str(doc, "filter", c->filter);
	if (!strcmp(c->format, "json")) {
		*out = doc;
		return 0;
	}
	if (!strcmp(c->format, "md"))
		spending_markdown(doc, &text);
	else
		spending_html(doc, &text);
	*out = json_object();
	json_put_str(*out, "text", buf_str(&text));
	buf_free(&text);
	json_decref(doc);
	return 0;
}

static void send_html(struct request *r, json_t *out, void *arg)
{
	const char *text = json_str(out, "text", "");

	(void)arg;
	request_bytes(r, "text/html; charset=utf-8", xstrdup(text), strlen(text));
}

static void send_markdown(struct request *r, json_t *out, void *arg)
{
	const char *text = json_str(out, "text", "");

	(void)arg;
	request_bytes(r, "text/markdown; charset=utf-8", xstrdup(text), strlen(text));
}

static void send_csv(struct request *r, json_t *out, void *arg)
{
	const char *text = json_str(out, "text", "");

	(void)arg;
	request_bytes(r, "text/csv; charset=utf-8", xstrdup(text), strlen(text));
}

void get_cost_report(struct request *r)
{
	const char *format = query(r, "format", "json");
	struct cost_question *c;
	struct err e;

	if (strcmp(format, "json") != 0 && strcmp(format, "md") != 0 && strcmp(format, "html") != 0) {
		err_set(&e, ERR_USAGE, "there is no format '%.30s'; there are json, md and html", format);
		request_error(r, &e);
		return;
	}
	c = cost_question(r);
	if (!c)
		return;
	str_copy(c->format, format);
	request_history_then(r, ask_report, c, !strcmp(format, "md") ? send_markdown : !strcmp(format, "html") ? send_html : NULL, NULL);
}

/* ---- FOCUS ---- */

static int ask_focus(struct history *h, void *arg, json_t **out, struct err *e)
{
	const struct cost_question *c = arg;
	struct buf text = BUF(FOCUS_BYTES);
	int r = history_focus(h, c->q.since, c->q.until, &text, e);

	if (r == 0) {
		*out = json_object();
		json_put_str(*out, "text", buf_str(&text));
	}
	buf_free(&text);
	return r;
}

void get_cost_focus(struct request *r)
{
	struct cost_question *c = cost_question(r);

	if (c)
		request_history_then(r, ask_focus, c, send_csv, NULL);
}

/* ---- the proof ---- */

static int ask_ledger(struct history *h, void *arg, json_t **out, struct err *e)
{
	(void)arg;
	return history_ledger(h, out, e);
}

void get_ledger(struct request *r)
{
	request_history(r, ask_ledger, NULL);
}

/* ---- what will be spent ---- */

static int ask_forecast(struct history *h, void *arg, json_t **out, struct err *e)
{
	struct cost_question *c = arg;
	instant today = c->q.now / DAY * DAY;
	char by[170];
	json_t *doc;

	snprintf(by, sizeof(by), "%s%sday", c->by, *c->by ? "," : "");
	c->q.by[0] = by;
	c->q.since = instant_min(today - FORECAST_DAYS * DAY, day_begin(NULL, day_of_month_begin(day_of(NULL, c->q.now))));
	if (history_cost(h, &c->q, &doc, e) < 0)
		return -1;
	*out = forecast_of(json_object_get(json_array_get(json_object_get(doc, "tables"), 0), "rows"), *c->by != '\0', c->q.now);
	json_put_str(*out, "by", c->by);
	json_decref(doc);
	return 0;
}

void get_forecast(struct request *r)
{
	struct cost_question *c = cost_question(r);

	if (!c)
		return;
	str_copy(c->by, query(r, "by", ""));
	request_history(r, ask_forecast, c);
}

/* ---- what it would cost ---- */

struct what_if {
	duration time;
	int64_t volume_gb, traffic_gb;
};

/* At each account the cheapest offer that fits; sold out ones are told too. */
static const struct offer *cheapest_at(const struct fleet *f, const struct account_state *a)
{
	const struct offer *best = NULL;

	for (size_t k = 0; k < a->offer_count; k++) {
		const struct offer *o = &a->offers[k];

		if (!str_ieq(o->gpu, f->gpu) || o->gpu_count != f->gpu_count || o->spot != f->spot)
			continue;
		if (!best || (o->available != 0) > (best->available != 0) ||
		    ((o->available != 0) == (best->available != 0) && o->price_hour < best->price_hour))
			best = o;
	}
	return best;
}

static json_t *what_if_row(const struct account_state *a, const struct fleet *f, const struct offer *o, const struct what_if *w)
{
	const struct storage_rule *volume = provider_find(a->facts.provider)->volume;
	duration time = w->time;
	money traffic = money_times(cost_traffic(o->in_gb, o->out_gb, w->traffic_gb * 1000000000, 0), f->instances);
	money storage = w->volume_gb && volume ? cost_storage(volume, w->volume_gb, time) : 0;
	money cost = money_times(cost_metered(&a->facts.billing, o->price_hour, o->minimum_charge, 1, 1 + time), f->instances);
	json_t *row = json_object();

	json_put_str(row, "account", a->facts.name);
	json_put_str(row, "provider", a->facts.provider);
	json_put_str(row, "offer", o->key);
	json_put_str(row, "region", o->region);
	json_put_money(row, "price_hour", money_times(o->price_hour, f->instances));
	json_put_money(row, "price_gpu_hour", o->price_hour / o->gpu_count);
	json_put_money(row, "minimum_charge", money_times(o->minimum_charge, f->instances));
	json_put(row, "storage", w->volume_gb && !volume ? json_null() : json_real((double)storage / (double)USD));
	json_put_money(row, "traffic", traffic);
	json_put_money(row, "cost", money_add(money_add(cost, storage), traffic));
	json_put_money(row, "worst_case", money_times(cost_hold_offer(&a->facts, o, time), f->instances));
	json_put_bool(row, "available", o->available != 0);
	return row;
}

static int by_money(const void *x, const void *y)
{
	double a = json_num(*(json_t *const *)x, "cost", 0), b = json_num(*(json_t *const *)y, "cost", 0);

	return a < b ? -1 : a > b;
}

static void tell_what_if(struct request *r, struct fleet *f, const struct market *market, void *arg)
{
	struct what_if *w = arg;
	const struct model *m = engine_model(r->api->en);
	json_t *o = json_object(), *rows = json_array(), *silent = json_array(), **sorted = xcalloc(m->account_count + 1, sizeof(*sorted));
	size_t n = 0;

	for (size_t k = 0; k < m->account_count; k++) {
		const struct account_state *a = m->accounts[k];
		const struct offer *best = place_account_allowed(f, a) ? cheapest_at(f, a) : NULL;

		if (best)
			sorted[n++] = what_if_row(a, f, best, w);
		else if (place_account_allowed(f, a) && !market_answered(market, engine_config(r->api->en), a->facts.name))
			json_array_append_new(silent, json_string(a->facts.name));
	}
	if (n)
		qsort(sorted, n, sizeof(*sorted), by_money);
	for (size_t k = 0; k < n; k++)
		json_array_append_new(rows, sorted[k]);
	free(sorted);
	json_put_str(o, "gpu", f->gpu);
	json_put_int(o, "count", f->gpu_count);
	json_put_int(o, "instances", f->instances);
	json_put(o, "hours", json_real((double)w->time / (double)HOUR));
	json_put(o, "rows", rows);
	json_put(o, "not_answered", silent);
	free(w);
	request_json(r, 200, o);
}

void get_what_if(struct request *r)
{
	json_t *in = json_object();
	double hours = strtod(query(r, "hours", "0"), NULL);
	struct what_if *w;
	struct fleet f;
	struct err e;

	json_put_str(in, "gpu", query(r, "gpu", ""));
	json_put_int(in, "count", query_int(r, "count", 1));
	json_put_int(in, "instances", query_int(r, "instances", 1));
	json_put_bool(in, "spot", query_bool(r, "spot"));
	if (fleet_from_body(r, in, &f, &e) < 0) {
		request_error(r, &e);
	} else if (!(hours > 0 && hours <= 366 * 24)) {
		err_set(&e, ERR_USAGE, "'hours' is above 0 and at most a year of them");
		request_error(r, &e);
	} else if (query_int(r, "volume", 0) < 0 || query_int(r, "volume", 0) > 1000000) {
		err_set(&e, ERR_USAGE, "'volume' is gigabytes, at most a million of them");
		request_error(r, &e);
	} else if (query_int(r, "traffic", 0) < 0 || query_int(r, "traffic", 0) > 1000000) {
		err_set(&e, ERR_USAGE, "'traffic' is gigabytes, at most a million of them");
		request_error(r, &e);
	} else if (!engine_model(r->api->en)->account_count) {
		err_set(&e, ERR_REFUSED, "no account is set up yet, so nobody can be asked; see: gpufleetctl init");
		request_error(r, &e);
	} else {
		f.accept_minimum = INT64_MAX;
		w = xcalloc(1, sizeof(*w));
		w->time = (duration)(hours * (double)HOUR);
		w->volume_gb = query_int(r, "volume", 0);
		w->traffic_gb = query_int(r, "traffic", 0);
		fleet_market(r, &f, tell_what_if, w);
	}
	json_decref(in);
}

/*
 * Campaigns: apply, look, pause, run now, delete; their nights.
 */
#include "api_private.h"
#include "base/clock.h"
#include "base/str.h"
#include "compile.h"
#include "core/place.h"
#include "report/compare.h"
#include "report/night.h"
#include "view_nights.h"

#define REPORT_NIGHTS 60 /* as many are in a chart */
#define PAGE_MAX_     (16u << 20)

static const char *const apply_keys[] = { "text", "file", "dry_run", NULL };
static const char *const pause_keys[] = { "paused", NULL };
static const char *const run_keys[] = { "poc", NULL };
static const char *const no_keys[] = { NULL };

static struct campaign *campaign_named(struct request *r)
{
	struct campaign *c = model_campaign_by_name(engine_model(r->api->en), r->arg[0]);
	struct err e;

	if (!c) {
		err_set(&e, ERR_NOT_FOUND, "there is no campaign '%.60s'; see: gpufleetctl campaign list", r->arg[0]);
		request_error(r, &e);
	}
	return c;
}

/* ---- apply ---- */

static void applied(void *arg, int64_t id, const struct err *error)
{
	struct hold *h = arg;
	struct api *a = h->r ? h->r->api : NULL;
	struct request *r = hold_take(h);
	const struct campaign *c = a ? model_campaign(engine_model(a->en), id) : NULL;
	json_t *o;

	(void)error; /* in memory, and on disk as soon as that works */
	if (!r || !c)
		return;
	o = json_object();
	json_put(o, "campaign", view_campaign(engine_model(a->en), c, clock_steady()));
	request_json(r, c->number == 1 && !*r->arg[0] ? 201 : 200, o);
}

static void ask_for(struct request *r, struct fact *f, void (*durable)(void *arg, int64_t id, const struct err *error))
{
	struct hold *h = request_hold(r);

	if (engine_request(r->api->en, f, durable, h) < 0) {
		hold_take(h);
		request_error(r, &f->error);
	}
}

static void tell_check(struct request *r, const struct plan *p, const struct campaign *old)
{
	json_t *o = json_object();

	json_put(o, "plan", view_plan(p));
	json_put(o, "next", view_firings(p, clock_steady(), 5));
	json_put(o, "applied", old ? json_string(old->text) : json_null());
	request_json(r, 200, o);
}

static int check_budget(struct request *r, const struct plan *p, struct err *e)
{
	if (!*p->budget || model_budget_by_name(engine_model(r->api->en), p->budget))
		return 0;
	return err_set(e, ERR_USAGE, "'budget': there is no budget '%.40s'; set it first: gpufleetctl budget set %.40s --named --cap USD", p->budget,
	    p->budget);
}

/* Machines that work together reach each other: not everybody rents out such ones. */
static int check_places(struct request *r, const struct plan *p, struct err *e)
{
	const struct model *m = engine_model(r->api->en);

	for (size_t k = 0; k < p->cell_count; k++) {
		const struct plan_cell *x = &p->cells[k];
		struct fleet like = { .together = true };
		bool any = x->instances < 2;

		str_copy(like.accounts, x->accounts);
		for (size_t i = 0; i < m->account_count && !any; i++)
			any = place_account_allowed(&like, m->accounts[i]);
		if (!any)
			return err_set(e, ERR_USAGE, "cell %.80s: instances that reach each other are virtual machines (Hot Aisle, DigitalOcean) or hosts "
			    "of your own: containers have mapped ports only", x->title);
	}
	return 0;
}

/* May whoever applies it use the secrets that it names? */
static int check_secrets(struct request *r, const struct plan *p, struct err *e)
{
	char copy[TEXT_MAX], *rest = copy, *one;
	struct secret value = { NULL };
	int result = 0;

	str_copy(copy, p->secrets);
	while (result == 0 && (one = str_split(&rest, ",")))
		if (*one) {
			result = config_secret_read(engine_config(r->api->en), one, r->user, &value, e);
			secret_wipe(&value);
		}
	return result;
}

void post_campaigns(struct request *r)
{
	const char *text = json_str(r->in, "text", ""), *file = json_str(r->in, "file", "campaign");
	struct fact f = { .kind = FACT_CAMPAIGN_APPLY, .actor = r->actor, .owner = r->user, .text = text };
	struct buf report = BUF(65536);
	const struct campaign *old;
	struct plan *p;
	struct err e;

	if (!check_keys(r, apply_keys))
		return;
	p = compile_campaign(engine_config(r->api->en), file, text, &report, &e);
	old = p ? model_campaign_by_name(engine_model(r->api->en), p->name) : NULL;
	if (!p)
		request_problem(r, &e, json_pack("{ss}", "report", buf_str(&report)));
	else if (check_budget(r, p, &e) < 0 || check_places(r, p, &e) < 0 || check_secrets(r, p, &e) < 0)
		request_error(r, &e);
	else if (json_bool(r->in, "dry_run", false))
		tell_check(r, p, old);
	else if (!old || may_touch(r, old->owner))
		ask_for(r, &f, applied);
	plan_free(p);
	buf_free(&report);
}

/* ---- changes ---- */

static void night_begun(void *arg, int64_t id, const struct err *error)
{
	struct hold *h = arg;
	struct api *a = h->r ? h->r->api : NULL;
	struct request *r = hold_take(h);
	const struct night *n = a ? model_night(engine_model(a->en), id) : NULL;
	json_t *o;

	(void)error;
	if (!r || !n)
		return;
	o = json_object();
	json_put(o, "night", view_night(engine_model(a->en), n, clock_steady()));
	request_json(r, 202, o);
}

void post_campaign_pause(struct request *r)
{
	struct campaign *c = campaign_named(r);
	struct fact f = { .kind = FACT_CAMPAIGN_PAUSE, .actor = r->actor, .flag = json_bool(r->in, "paused", true) };

	if (!c || !check_keys(r, pause_keys) || !may_touch(r, c->owner))
		return;
	f.id = c->object.id;
	ask_for(r, &f, applied);
}

void post_campaign_run(struct request *r)
{
	struct campaign *c = campaign_named(r);
	struct fact f = { .kind = FACT_CAMPAIGN_RUN, .actor = r->actor, .flag = json_bool(r->in, "poc", false) };

	if (!c || !check_keys(r, run_keys) || !may_touch(r, c->owner))
		return;
	f.id = c->object.id;
	ask_for(r, &f, night_begun);
}

void post_campaign_stop(struct request *r)
{
	struct campaign *c = campaign_named(r);
	struct fact f = { .kind = FACT_NIGHT_STOP, .actor = r->actor };
	struct err e;

	if (!c || !check_keys(r, no_keys) || !may_touch(r, c->owner))
		return;
	list_for_each(l, &c->night_list)
		if (NIGHT_OF(l)->state != NIGHT_DONE)
			f.id = NIGHT_OF(l)->object.id;
	if (f.id) {
		ask_for(r, &f, night_begun);
	} else {
		err_set(&e, ERR_CONFLICT, "no night of '%s' is running", c->name);
		request_error(r, &e);
	}
}

static void deleted(void *arg, int64_t id, const struct err *error)
{
	struct request *r = hold_take(arg);

	(void)id;
	(void)error;
	if (r)
		request_json(r, 200, json_pack("{ss}", "deleted", r->arg[0]));
}

void delete_campaign(struct request *r)
{
	struct campaign *c = campaign_named(r);
	struct fact f = { .kind = FACT_CAMPAIGN_DELETE, .actor = r->actor };

	if (!c || !may_touch(r, c->owner))
		return;
	f.id = c->object.id;
	ask_for(r, &f, deleted);
}

/* ---- looking ---- */

static int by_name(const void *x, const void *y)
{
	return strcmp((*(struct campaign *const *)x)->name, (*(struct campaign *const *)y)->name);
}

void get_campaigns(struct request *r)
{
	const struct model *m = engine_model(r->api->en);
	struct campaign **list = xcalloc(m->campaigns.count + 1, sizeof(struct campaign *)), *c;
	json_t *o = json_object(), *rows = json_array();
	size_t n = 0, at = 0;

	while ((c = model_each(&m->campaigns, &at)))
		if (!c->deleted)
			list[n++] = c;
	qsort(list, n, sizeof(*list), by_name);
	for (size_t k = 0; k < n; k++)
		json_array_append_new(rows, view_campaign(m, list[k], clock_steady()));
	free(list);
	json_put(o, "campaigns", rows);
	request_json(r, 200, o);
}

void get_campaign(struct request *r)
{
	struct campaign *c = campaign_named(r);
	json_t *o;

	if (!c)
		return;
	o = json_object();
	json_put(o, "campaign", view_campaign(engine_model(r->api->en), c, clock_steady()));
	json_put_str(o, "text", c->text);
	request_json(r, 200, o);
}

struct night_query {
	const struct engine *en;
	char name[NAME_MAX_];
	int64_t number;
	int limit;
	char format[8];
};

static struct night_query *night_query(struct request *r)
{
	struct night_query *q = xcalloc(1, sizeof(*q));

	q->en = r->api->en;
	str_copy(q->name, r->arg[0]);
	q->limit = (int)query_int(r, "limit", 50);
	return q;
}

static int64_t campaign_id(struct history *h, const char *name, struct err *e)
{
	json_t *row;
	int64_t id;

	if (history_campaign(h, name, &row, e) < 0)
		return -1;
	id = json_int(row, "id", -1);
	json_decref(row);
	return id;
}

static int ask_nights(struct history *h, void *arg, json_t **out, struct err *e)
{
	const struct night_query *q = arg;
	int64_t id = campaign_id(h, q->name, e);

	return id < 0 ? -1 : history_nights(h, id, q->limit, out, e);
}

void get_nights(struct request *r)
{
	request_history(r, ask_nights, night_query(r));
}

static int ask_night(struct history *h, void *arg, json_t **out, struct err *e)
{
	const struct night_query *q = arg;
	int64_t id = campaign_id(h, q->name, e);

	return id < 0 ? -1 : history_night(h, id, q->number, out, e);
}

void get_night(struct request *r)
{
	struct night_query *q = night_query(r);
	struct err e;

	if (!str_to_i64(r->arg[1], 1, INT64_MAX, &q->number)) {
		free(q);
		err_set(&e, ERR_USAGE, "'%.40s' is not the number of a night", r->arg[1]);
		request_error(r, &e);
		return;
	}
	request_history(r, ask_night, q);
}

/* ---- what is to come ---- */

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return a < b ? -1 : a > b;
}

/* The median of what the last complete nights cost; < 0: there was none. */
static double typical_cost(const json_t *nights)
{
	double cost[10];
	const json_t *n;
	size_t k, count = 0;

	json_array_foreach(nights, k, n)
		if (count < ARRAY_LEN(cost) && !strcmp(json_str(n, "outcome", ""), "complete") && !json_bool(n, "poc", false))
			cost[count++] = json_num(n, "metered", 0);
	if (!count)
		return -1;
	qsort(cost, count, sizeof(*cost), by_value);
	return count % 2 ? cost[count / 2] : (cost[count / 2 - 1] + cost[count / 2]) / 2;
}

static void send_next(struct request *r, json_t *out, void *arg)
{
	const struct campaign *c = model_campaign_by_name(engine_model(r->api->en), r->arg[0]);
	double typical = typical_cost(json_object_get(out, "nights"));
	int64_t count = query_int(r, "n", 5);
	struct err e;
	json_t *o;

	(void)arg;
	if (!c || !c->plan) {
		err_set(&e, ERR_REFUSED, "the definition of '%.60s' cannot be used: %.150s", r->arg[0], c ? c->trouble : "it is gone");
		request_error(r, &e);
		return;
	}
	o = json_object();
	json_put(o, "next", view_firings(c->plan, clock_steady(), count < 1 ? 1 : count > 1000 ? 1000 : (int)count));
	json_put(o, "cost", typical >= 0 ? json_real(typical) : json_null());
	if (c->plan->per_night)
		json_put_money(o, "per_night", c->plan->per_night);
	else
		json_put(o, "per_night", json_null());
	json_put_bool(o, "paused", c->paused);
	request_json(r, 200, o);
}

void get_next(struct request *r)
{
	if (campaign_named(r))
		request_history_then(r, ask_nights, night_query(r), send_next, NULL);
}

/* ---- reports ---- */

/* What is different in the stack of two runs; NULL: it is not known. */
static json_t *stack_change(const struct engine *en, struct history *h, int64_t before, int64_t now)
{
	struct bench both[2] = { { .doubt_count = 0 } };
	json_t *source[2] = { NULL }, *out = NULL;
	char ref[32];
	struct err e;

	for (int k = 0; k < 2; k++) {
		snprintf(ref, sizeof(ref), "%lld", (long long)(k ? now : before));
		if (report_source(en, h, ref, &source[k], &e) == 0)
			bench_read(&both[k], source[k]);
	}
	if (source[0] && source[1])
		out = json_pack("{sI sI so}", "before", before, "now", now, "differences", compare_manifests(both, 2));
	for (int k = 0; k < 2; k++) {
		if (source[k])
			bench_free(&both[k]);
		json_decref(source[k]);
	}
	return out;
}

static void put_stack_changes(const struct night_query *q, struct history *h, json_t *doc)
{
	json_t *series = json_object_get(doc, "series"), *list = json_array(), *f, *known;
	size_t k, i;

	json_array_foreach(series, k, f) {
		int64_t before = json_int(f, "run_of_old_stack", 0), now = json_int(f, "run", 0);
		json_t *change = NULL;
		bool seen = !before;

		json_array_foreach(list, i, known)
			seen |= json_int(known, "now", 0) == now;
		if (!seen)
			change = stack_change(q->en, h, before, now);
		if (change)
			json_array_append_new(list, change);
	}
	json_put(doc, "stack_changes", list);
}

static int ask_night_report(struct history *h, void *arg, json_t **out, struct err *e)
{
	const struct night_query *q = arg;
	int64_t id = campaign_id(h, q->name, e), number;
	json_t *source = json_object(), *night = NULL, *nights = NULL, *findings = NULL, *machines = NULL, *doc = NULL;
	struct buf text = BUF(PAGE_MAX_);

	if (id < 0 || history_night(h, id, q->number, &night, e) < 0)
		goto failed;
	number = json_int(night, "number", 0);
	if (history_nights(h, id, REPORT_NIGHTS, &nights, e) < 0 || history_findings(h, id, number - REPORT_NIGHTS, number, &findings, e) < 0 ||
	    history_machines(h, id, number - REPORT_NIGHTS, number, &machines, e) < 0)
		goto failed;
	json_put_str(source, "campaign", q->name);
	json_put(source, "night", json_incref(night));
	json_put(source, "nights", json_incref(json_object_get(nights, "nights")));
	json_put(source, "findings", json_incref(findings));
	json_put(source, "machines", json_incref(machines));
	doc = night_report(source);
	put_stack_changes(q, h, doc);
	if (!strcmp(q->format, "json")) {
		*out = json_incref(doc);
	} else {
		if (!strcmp(q->format, "md"))
			night_markdown(doc, &text);
		else
			night_html(doc, &text);
		*out = json_object();
		json_put_str(*out, "text", buf_str(&text));
	}
failed:
	json_decref(doc);
	json_decref(machines);
	buf_free(&text);
	json_decref(source);
	json_decref(night);
	json_decref(nights);
	json_decref(findings);
	return *out ? 0 : -1;
}

static void send_night_report(struct request *r, json_t *out, void *arg)
{
	const char *text = json_str(out, "text", NULL);

	(void)arg;
	if (text)
		request_bytes(r, !strcmp(query(r, "format", ""), "md") ? "text/markdown; charset=utf-8" : "text/html; charset=utf-8",
		    xstrdup(text), strlen(text));
	else
		request_json(r, 200, json_incref(out));
}

void get_night_report(struct request *r)
{
	static const char *const formats[] = { "json", "md", "html" };
	struct night_query *q = night_query(r);
	const char *format = query(r, "format", "json");
	struct err e;

	q->number = query_int(r, "night", 0);
	for (size_t k = 0; k < ARRAY_LEN(formats); k++)
		if (!strcmp(formats[k], format))
			str_copy(q->format, format);
	if (!*q->format) {
		free(q);
		err_set(&e, ERR_USAGE, "there is no format '%.30s'", format);
		request_error(r, &e);
		return;
	}
	request_history_then(r, ask_night_report, q, send_night_report, NULL);
}

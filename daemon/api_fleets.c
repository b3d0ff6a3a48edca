/*
 * Plans and fleets: what would be taken, what it would cost, open, extend, close.
 */
#include "api_private.h"
#include "base/clock.h"
#include "base/gpu.h"
#include "base/str.h"
#include "core/cost.h"
#include "core/place.h"
#include "core/storage.h"
#include "heartbeat.h"
#include "variables.h"

#define INSTANCES_MAX 1000
#define LIFE_MAX      (365 * DAY)
#define PASSED_MOST    40 /* offers whose reasons a plan tells */
#define PASSED_IN_TEXT 5

static const char *const fleet_keys[] = { "gpu", "count", "instances", "name", "for", "idle", "max_cost", "max_price", "providers",
	"region", "spot", "own_key", "budget", "image", "disk", "owner", "labels", "volume", "snapshot", "retry_for",
	"accept_minimum", "keep_on_failure", "env", "together", NULL };

/* ---- the wish ---- */

static int read_int(const json_t *in, const char *key, int64_t min, int64_t max, int64_t fallback, int *out, struct err *e)
{
	const json_t *v = json_object_get(in, key);
	int64_t n = json_int(in, key, INT64_MIN);

	if (!v || json_is_null(v))
		n = fallback;
	else if (n < min || n > max)
		return err_set(e, ERR_USAGE, "'%s' must be a whole number from %lld to %lld", key, (long long)min, (long long)max);
	*out = (int)n;
	return 0;
}

static int read_duration(const json_t *in, const char *key, duration min, duration fallback, duration *out, struct err *e)
{
	const json_t *v = json_object_get(in, key);
	double s = json_num(in, key, -1);

	*out = fallback;
	if (!v || json_is_null(v))
		return 0;
	if (s < 0 || s * (double)SECOND > (double)LIFE_MAX || (duration)(s * (double)SECOND) < min)
		return err_set(e, ERR_USAGE, "'%s' must be from %lld s to a year", key, (long long)(min / SECOND));
	*out = (duration)(s * (double)SECOND);
	return 0;
}

static int read_money(const json_t *in, const char *key, money fallback, money *out, struct err *e)
{
	const json_t *v = json_object_get(in, key);

	*out = fallback;
	if (!v || json_is_null(v))
		return 0;
	return json_money(in, key, out) ? 0 : err_set(e, ERR_USAGE, "'%s' must be an amount of dollars", key);
}

int fleet_read_accounts(struct request *r, const json_t *list, struct fleet *f, struct err *e)
{
	const struct config *c = engine_config(r->api->en);
	struct buf b = BUF(sizeof(f->accounts) - 1);
	const json_t *v;
	size_t k;

	json_array_foreach(list, k, v) {
		const char *name = json_string_value(v);
		bool known = false;

		for (size_t a = 0; name && a < c->account_count; a++)
			known |= !strcmp(c->accounts[a].name, name) || !strcmp(c->accounts[a].provider, name);
		if (!known) {
			const char *names[CONFIG_ACCOUNTS_MAX + 1] = { NULL }, *near;

			for (size_t a = 0; a < c->account_count; a++)
				names[a] = c->accounts[a].name;
			near = name ? str_nearest(name, names) : NULL;
			buf_free(&b);
			return err_set(e, ERR_USAGE, near ? "no account or provider '%.60s' is configured; did you mean %s?" :
							    "no account or provider '%.60s' is configured", name ? name : "", near);
		}
		buf_printf(&b, "%s%s", k ? "," : "", name);
	}
	str_copy(f->accounts, buf_str(&b));
	buf_free(&b);
	return 0;
}

static int read_labels(const json_t *labels, struct fleet *f, struct err *e)
{
	struct buf b = BUF(sizeof(f->labels) - 1);
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)labels, key, v) {
		if (!str_is_name(key, 40) || !json_is_string(v) || !str_is_name(json_string_value(v), 60)) {
			buf_free(&b);
			return err_set(e, ERR_USAGE, "label '%.40s': keys and values are letters, digits, '.', '_' and '-'", key);
		}
		buf_printf(&b, "%s%s=%s", b.len ? "," : "", key, json_string_value(v));
	}
	str_copy(f->labels, buf_str(&b));
	buf_free(&b);
	return 0;
}

/* Known by the catalogue, or sold by somebody under its raw name. */
int fleet_read_gpu(struct request *r, const char *text, struct fleet *f, struct err *e)
{
	const struct model *m = engine_model(r->api->en);
	const struct config *c = engine_config(r->api->en);
	const char *near;
	char word[GPU_MAX];
	int count;

	if (!*text)
		return err_set(e, ERR_USAGE, "'gpu' is missing: say which GPU, for example MI300X or H100");
	if (!gpu_spec_parse(text, word, sizeof(word), &count))
		return err_set(e, ERR_USAGE, "'%.60s' is not GPU or GPU:COUNT", text);
	str_copy(f->gpu, word);
	if (count)
		f->gpu_count = count;
	if (gpu_find(word))
		return 0;
	for (size_t k = 0; k < m->account_count; k++)
		for (size_t j = 0; j < m->accounts[k]->offer_count; j++)
			if (str_ieq(m->accounts[k]->offers[j].gpu, word))
				return 0;
	for (size_t k = 0; k < c->account_count; k++)
		for (int h = 0; h < c->accounts[k].host_count; h++)
			if (str_ieq(c->accounts[k].hosts[h].gpu, word))
				return 0;
	near = gpu_nearest(word);
	return err_set(e, ERR_USAGE, near ? "unknown GPU '%s'; did you mean %s?" : "unknown GPU '%s'; see: gpufleetctl offers", word, near);
}

static bool anywhere(const struct model *m, const struct fleet *f)
{
	for (size_t k = 0; k < m->account_count; k++)
		if (place_account_allowed(f, m->accounts[k]))
			return true;
	return false;
}

int fleet_from_body(struct request *r, const json_t *in, struct fleet *f, struct err *e)
{
	const struct config *c = engine_config(r->api->en);
	const char *name = json_str(in, "name", ""), *owner = json_str(in, "owner", "");

	memset(f, 0, sizeof(*f));
	if (read_int(in, "count", 1, 64, 1, &f->gpu_count, e) < 0 || read_int(in, "instances", 1, INSTANCES_MAX, 1, &f->instances, e) < 0 ||
	    fleet_read_gpu(r, json_str(in, "gpu", ""), f, e) < 0 || read_int(in, "disk", 1, 100000, 0, &f->disk_gb, e) < 0 ||
	    read_duration(in, "for", MINUTE, c->defaults.lifetime, &f->lifetime, e) < 0 ||
	    read_duration(in, "idle", 0, c->defaults.idle, &f->idle_limit, e) < 0 ||
	    read_duration(in, "retry_for", 0, 0, &f->retry_for, e) < 0 ||
	    read_duration(in, "keep_on_failure", 0, 0, &f->keep_on_failure, e) < 0 ||
	    read_money(in, "max_cost", c->defaults.max_cost, &f->max_cost, e) < 0 ||
	    read_money(in, "max_price", c->defaults.max_price, &f->max_price, e) < 0 ||
	    read_money(in, "accept_minimum", c->defaults.accept_minimum, &f->accept_minimum, e) < 0 ||
	    fleet_read_accounts(r, json_object_get(in, "providers"), f, e) < 0 || read_labels(json_object_get(in, "labels"), f, e) < 0)
		return -1;
	if (*name && !str_is_name(name, 40))
		return err_set(e, ERR_USAGE, "a name is up to 40 letters, digits, '.', '_' and '-', and begins with a letter or digit");
	if (*name && strspn(name, "0123456789") == strlen(name))
		return err_set(e, ERR_USAGE, "a name must not be a number only");
	if (*owner && !str_is_name(owner, 60))
		return err_set(e, ERR_USAGE, "'owner' is letters, digits, '.', '_' and '-'");
	if (*owner && strcmp(owner, r->user) != 0 && r->role != ROLE_ADMIN)
		return err_set(e, ERR_REFUSED, "only an administrator may open a fleet for somebody else");
	str_copy(f->name, name);
	str_copy(f->owner, *owner ? owner : r->user);
	f->owner_uid = r->uid;
	str_copy(f->region, json_str(in, "region", ""));
	str_copy(f->image, json_str(in, "image", ""));
	f->spot = json_bool(in, "spot", false);
	f->own_key = json_bool(in, "own_key", false);
	f->together = json_bool(in, "together", false);
	str_copy(f->budget, json_str(in, "budget", ""));
	str_copy(f->volume, json_str(in, "volume", ""));
	str_copy(f->snapshot, json_str(in, "snapshot", ""));
	if (storage_order_ok(engine_model(r->api->en), f, e) < 0)
		return -1;
	if (*f->budget && !model_budget_by_name(engine_model(r->api->en), f->budget))
		return err_set(e, ERR_USAGE, "there is no budget '%.40s'; see: gpufleetctl budget list", f->budget);
	if (f->own_key && !anywhere(engine_model(r->api->en), f))
		return err_set(e, ERR_USAGE, "none of the accounts can give a machine a key of its own: hosts of one's own let in the site's");
	if (f->together && !anywhere(engine_model(r->api->en), f))
		return err_set(e, ERR_USAGE, "instances that reach each other are virtual machines (Hot Aisle, DigitalOcean) or hosts of your own: "
		    "containers have mapped ports only");
	return 0;
}

void fleet_name_free(struct api *a, struct fleet *f)
{
	const struct model *m = engine_model(a->en);
	char word[GPU_MAX];
	size_t n = 0;

	if (*f->name)
		return;
	for (const char *p = f->gpu; *p && n + 1 < sizeof(word); p++)
		if ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9'))
			word[n++] = *p;
		else if (*p >= 'A' && *p <= 'Z')
			word[n++] = (char)(*p - 'A' + 'a');
	word[n] = '\0';
	for (int k = 1; !*f->name || model_fleet_by_name(m, f->name); k++)
		snprintf(f->name, sizeof(f->name), "%s-%d", n ? word : "fleet", k);
}

/* ---- plans ---- */

static void say_trouble(const json_t *accounts, struct buf *text)
{
	const json_t *a;
	size_t k;

	json_array_foreach(accounts, k, a)
		if (!json_bool(a, "ok", true))
			buf_printf(text, "\n%s: %s", json_str(a, "account", "?"), json_str(a, "message", ""));
}

static json_t *packings_json(const struct model *m, const struct fleet *f, struct buf *text)
{
	struct packing p[8];
	size_t n = place_packings(m, f, clock_steady(), p, ARRAY_LEN(p));
	json_t *list = json_array();
	char price[32];

	if (n)
		buf_puts(text, "\nWhat is sold in smaller pieces:");
	for (size_t k = 0; k < n; k++) {
		json_t *o = json_object();

		json_put_int(o, "instances", p[k].instances);
		json_put_int(o, "count", p[k].gpu_count);
		json_put(o, "offer", view_offer(m, p[k].offer));
		json_put_money(o, "price_hour", p[k].price_hour);
		json_array_append_new(list, o);
		money_format(p[k].price_hour, price);
		buf_printf(text, "\n  --instances %d --count %d   %s/h at %s (%s)", p[k].instances, p[k].gpu_count, price, p[k].offer->account,
		    p[k].offer->key);
	}
	return list;
}

/* What is sold of this GPU and not taken, with the reason; into `text` (NULL: not) the nearest misses, in the count that was wanted. */
static json_t *passed_json(const struct model *m, const struct fleet *f, struct buf *text)
{
	struct passed *p = xcalloc(PASSED_MOST, sizeof(*p));
	size_t n = place_passed(m, f, 0, clock_steady(), p, PASSED_MOST);
	json_t *list = json_array();

	for (size_t k = 0; k < n; k++) {
		const struct offer *o = p[k].offer;
		json_t *one = json_object();

		json_put(one, "offer", view_offer(m, o));
		json_put_str(one, "why", p[k].why);
		json_array_append_new(list, one);
		if (text && k < PASSED_IN_TEXT && o->gpu_count == f->gpu_count)
			buf_printf(text, "\n  %s: %s:%d%s%s (%s) %s", o->account, o->gpu, o->gpu_count, *o->region ? " in " : "", o->region, o->key, p[k].why);
	}
	free(p);
	return list;
}

/* The plan as people read it; *first is the offer that is tried first, NULL when there is none. */
static json_t *plan_json(struct engine *en, struct fleet *f, const struct market *market, const struct offer **first)
{
	const struct model *m = engine_model(en);
	size_t count;
	const struct offer **list = place_candidates(m, f, clock_steady(), &count);
	json_t *o = json_object(), *offers = json_array(), *alternatives = json_array(), *accounts;
	struct buf text = BUF(16384);
	char why[TEXT_MAX], price[32], worst[32], life[24];
	duration lifetime = f->lifetime;
	bool money_stops;
	money hold = 0;

	list_init(&f->instance_list);
	list_init(&f->run_list);
	*first = place_next(m, f, 0, clock_steady(), &lifetime, &money_stops, why);
	/* First what is taken first: one that was sold meanwhile may stand before it among the candidates. */
	if (*first)
		json_array_append_new(offers, view_offer(m, *first));
	for (size_t k = 0; k < count && k < 20; k++)
		if (list[k] != *first)
			json_array_append_new(offers, view_offer(m, list[k]));
	free(list);
	if (*first) {
		hold = money_times(cost_hold_offer(&model_account(m, (*first)->account)->facts, *first, lifetime), f->instances);
		money_format(money_times((*first)->price_hour, f->instances), price);
		money_format(hold, worst);
		duration_format(lifetime, life);
		buf_printf(&text, "%d x %s:%d at %s (%s), %s/h; at the worst %s for %s with boot and teardown", f->instances, f->gpu,
		    f->gpu_count, (*first)->account, (*first)->key, price, worst, life);
		if (lifetime < f->lifetime)
			buf_puts(&text, "; shortened to fit --max-cost");
	} else {
		buf_puts(&text, why);
		json_put(o, "passed", passed_json(m, f, &text));
		if (!count && f->gpu_count > 1) {
			json_decref(alternatives);
			alternatives = packings_json(m, f, &text);
		}
	}
	if (*first)
		json_put(o, "passed", passed_json(m, f, NULL));
	accounts = market_accounts(market, en, f);
	say_trouble(accounts, &text);
	json_put_str(o, "gpu", f->gpu);
	json_put_int(o, "count", f->gpu_count);
	json_put_int(o, "instances", f->instances);
	json_put(o, "offers", offers);
	json_put_money(o, "price_hour", *first ? money_times((*first)->price_hour, f->instances) : 0);
	json_put_money(o, "worst_case", hold);
	json_put(o, "lifetime", json_real((double)lifetime / (double)SECOND));
	json_put_bool(o, "shortened", lifetime < f->lifetime);
	json_put_bool(o, "placeable", *first != NULL);
	json_put(o, "alternatives", alternatives);
	json_put(o, "accounts", accounts);
	json_put_str(o, "text", buf_str(&text));
	buf_free(&text);
	return o;
}

bool fleet_placeable(struct request *r, struct fleet *f, const struct market *market)
{
	const struct model *m = engine_model(r->api->en);
	const struct offer *first;
	json_t *plan = plan_json(r->api->en, f, market, &first), *more;
	size_t count;
	struct err e;

	if (first || f->retry_for) {
		json_decref(plan);
		return true;
	}
	free(place_candidates(m, f, clock_steady(), &count));
	/* There are offers, but the money does not reach: that is a refusal, not a lack of machines. */
	err_set(&e, count ? ERR_REFUSED : ERR_CAPACITY, "%s", json_str(plan, "text", ""));
	more = json_object();
	json_put(more, "alternatives", json_incref(json_object_get(plan, "alternatives")));
	json_put(more, "plan", plan);
	request_problem(r, &e, more);
	return false;
}

static void planned(struct request *r, struct fleet *f, const struct market *market, void *arg)
{
	const struct offer *first;
	json_t *plan = plan_json(r->api->en, f, market, &first);
	struct heartbeat reaper;

	(void)arg;
	/* Whoever is about to spend should know that nothing would end it if this host died (reliability §2.10). */
	if (first && !model_account(engine_model(r->api->en), first->account)->facts.local && api_reaper(r, &reaper) && reaper.ok != 1)
		json_put_str(plan, "warning", reaper.text);
	request_json(r, 200, plan);
}

/* What POST /v1/plans and /v1/fleets have in common: nobody is asked for offers before the whole wish makes sense. */
static void ask_market(struct request *r, planned_fn *then)
{
	struct fleet f;
	struct err e;
	char *env;

	if (!check_keys(r, fleet_keys))
		return;
	if (fleet_from_body(r, r->in, &f, &e) < 0 || variables_read(json_object_get(r->in, "env"), &env, &e) < 0) {
		request_error(r, &e);
		return;
	}
	free(env); /* read again when the fleet is opened */
	fleet_market(r, &f, then, NULL);
}

void post_plans(struct request *r)
{
	ask_market(r, planned);
}

static void fleet_durable(void *arg, int64_t id, const struct err *error)
{
	struct hold *h = arg;
	struct api *a = h->r ? h->r->api : NULL;
	struct request *r = hold_take(h);
	struct fleet *f = a ? model_fleet(engine_model(a->en), id) : NULL;
	json_t *o;

	(void)error; /* it stands in memory and is committed as soon as the disk allows; nothing is bought before */
	if (!r || !f)
		return;
	o = json_object();
	json_put(o, "fleet", view_fleet(engine_model(a->en), f, clock_steady()));
	request_json(r, strcmp(r->method, "POST") || *r->arg[0] ? 202 : 201, o);
}

static void open_planned(struct request *r, struct fleet *f, const struct market *market, void *arg)
{
	struct fact fact = { .kind = FACT_FLEET_OPEN, .actor = r->actor, .fleet = f };
	struct hold *h;
	struct err e;

	(void)arg;
	if (!fleet_placeable(r, f, market))
		return;
	fleet_name_free(r->api, f);
	variables_read(json_object_get(r->in, "env"), &f->env, &e);
	h = request_hold(r);
	if (engine_request(r->api->en, &fact, fleet_durable, h) < 0) {
		hold_take(h);
		request_error(r, &fact.error);
	}
	free(f->env);
	f->env = NULL;
}

void post_fleets(struct request *r)
{
	ask_market(r, open_planned);
}

/* ---- fleets ---- */

struct fleet *fleet_named(struct request *r, const char *name)
{
	struct model *m = engine_model(r->api->en);
	int64_t id;

	if (str_to_i64(name, 1, INT64_MAX, &id))
		return model_fleet(m, id);
	return model_fleet_by_name(m, name);
}

bool no_fleet(struct request *r, const struct fleet *f)
{
	struct err e;

	if (f)
		return false;
	err_set(&e, ERR_NOT_FOUND, "there is no fleet '%.60s'; see: gpufleetctl status", r->arg[0]);
	request_error(r, &e);
	return true;
}

void get_status(struct request *r)
{
	request_json(r, 200, view_status(engine_model(r->api->en), false, query_bool(r, "brief"), clock_steady()));
}

void get_fleets(struct request *r)
{
	request_json(r, 200, view_status(engine_model(r->api->en), query_bool(r, "all"), query_bool(r, "brief"), clock_steady()));
}

static int ask_fleet(struct history *h, void *arg, json_t **out, struct err *e)
{
	const char *name = arg;
	json_t *fleet;
	int64_t id = 0;

	if (!str_to_i64(name, 1, INT64_MAX, &id))
		id = 0;
	if (history_fleet(h, name, id, &fleet, e) < 0)
		return -1;
	*out = json_object();
	json_put(*out, "fleet", fleet);
	return 0;
}

void get_fleet(struct request *r)
{
	struct fleet *f = fleet_named(r, r->arg[0]);
	struct heartbeat reaper;
	json_t *o;

	if (!f) {
		request_history(r, ask_fleet, xstrdup(r->arg[0]));
		return;
	}
	o = json_object();
	json_put(o, "fleet", view_fleet(engine_model(r->api->en), f, clock_steady()));
	if (f->state != FLEET_CLOSED && api_reaper(r, &reaper) && reaper.ok != 1)
		json_put_str(json_object_get(o, "fleet"), "warning", reaper.text);
	request_json(r, 200, o);
}

void fleet_change(struct request *r, struct fact *fact)
{
	struct hold *h = request_hold(r);

	if (engine_request(r->api->en, fact, fleet_durable, h) < 0) {
		hold_take(h);
		request_error(r, &fact->error);
	}
}

void delete_fleet(struct request *r)
{
	struct fleet *f = fleet_named(r, r->arg[0]);
	struct fact fact = { .kind = FACT_FLEET_CLOSE, .actor = r->actor, .cause = CAUSE_RELEASED };

	if (no_fleet(r, f) || !may_touch(r, f->owner))
		return;
	fact.id = f->object.id;
	fleet_change(r, &fact);
}

void post_extend(struct request *r)
{
	static const char *const keys[] = { "for", NULL };
	struct fleet *f = fleet_named(r, r->arg[0]);
	struct fact fact = { .kind = FACT_FLEET_EXTEND, .actor = r->actor };
	struct err e;

	if (no_fleet(r, f) || !may_touch(r, f->owner) || !check_keys(r, keys))
		return;
	if (read_duration(r->in, "for", MINUTE, 0, &fact.span, &e) < 0 || !fact.span) {
		if (!fact.span)
			err_set(&e, ERR_USAGE, "'for' is missing: the new lifetime in seconds, counted from READY");
		request_error(r, &e);
		return;
	}
	fact.id = f->object.id;
	fleet_change(r, &fact);
}

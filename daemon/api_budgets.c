/*
 * Budgets: look, set, delete. Setting says only what changes; what a budget had before is kept.
 */
#include "api_private.h"
#include "base/clock.h"
#include "base/str.h"
#include "view_budget.h"

#define DAYS_MAX 366

static const char *const set_keys[] = { "name", "scope", "subject", "per", "days", "zone", "cap", "warn_only", "notify", "drain", NULL };

static void changed(void *arg, int64_t id, const struct err *error)
{
	struct hold *h = arg;
	struct api *a = h->r ? h->r->api : NULL;
	struct request *r = hold_take(h);
	const struct budget *b = a ? model_budget(engine_model(a->en), id) : NULL;
	json_t *o;

	(void)error; /* in memory, and on disk as soon as that works */
	if (!r || !b)
		return;
	o = json_object();
	json_put(o, "budget", view_budget(engine_model(a->en), b, clock_steady()));
	request_json(r, 200, o);
}

static void ask_for(struct request *r, struct fact *f)
{
	struct hold *h = request_hold(r);

	if (engine_request(r->api->en, f, changed, h) < 0) {
		hold_take(h);
		request_error(r, &f->error);
	}
}

static int read_scope(const json_t *in, struct budget *b, struct err *e)
{
	const char *scope = json_str(in, "scope", NULL), *subject = json_str(in, "subject", NULL);
	bool for_any;

	if (scope && scope_from_name(scope) < 0)
		return err_set(e, ERR_USAGE, "'scope' is all, named, owner, campaign, provider or label");
	if (scope) {
		b->scope = (enum scope)scope_from_name(scope);
		b->subject[0] = '\0';
	}
	if (subject && !str_copy_n(b->subject, sizeof(b->subject), subject))
		return err_set(e, ERR_USAGE, "'subject' is too long");
	for_any = b->scope == SCOPE_ALL || b->scope == SCOPE_NAMED;
	if (for_any != !*b->subject)
		return err_set(e, ERR_USAGE, for_any ? "a budget of scope '%s' has no subject" : "a budget for one %s says which: 'subject'",
		    scope_name(b->scope));
	if (b->scope == SCOPE_LABEL && (!strchr(b->subject, '=') || strchr(b->subject, ',')))
		return err_set(e, ERR_USAGE, "a label is KEY=VALUE");
	return 0;
}

static int read_period(const json_t *in, struct budget *b, struct err *e)
{
	const char *per = json_str(in, "per", NULL), *zone = json_str(in, "zone", NULL);
	int64_t days = json_int(in, "days", b->rolling_days);
	struct zone *z;

	if (per && period_from_name(per) < 0)
		return err_set(e, ERR_USAGE, "'per' is day, week, month, rolling or total");
	if (per)
		b->period = (enum period)period_from_name(per);
	if (b->period == PERIOD_ROLLING && (days < 1 || days > DAYS_MAX))
		return err_set(e, ERR_USAGE, "'days' of a rolling budget is 1 to %d", DAYS_MAX);
	b->rolling_days = b->period == PERIOD_ROLLING ? (int)days : 0;
	if (!zone)
		return 0;
	if (!strcmp(zone, "UTC"))
		zone = "";
	if (*zone) {
		z = zone_load(zone, e);
		if (!z)
			return -1;
		zone_free(z);
	}
	return str_copy_n(b->zone, sizeof(b->zone), zone) ? 0 : err_set(e, ERR_USAGE, "'zone' is too long");
}

static int read_budget(struct request *r, struct budget *b, struct err *e)
{
	const char *notify = json_str(r->in, "notify", NULL);

	if (!str_is_name(b->name, 40))
		return err_set(e, ERR_USAGE, "a budget's name is up to 40 letters, digits, '.', '_' and '-'");
	if (read_scope(r->in, b, e) < 0 || read_period(r->in, b, e) < 0)
		return -1;
	if (json_path(r->in, "cap") && !json_money(r->in, "cap", &b->cap))
		return err_set(e, ERR_USAGE, "'cap' is an amount of dollars, 0 or more");
	if (!json_path(r->in, "cap") && !b->created)
		return err_set(e, ERR_USAGE, "'cap' is missing: how many dollars may be spent");
	b->warn_only = json_bool(r->in, "warn_only", b->warn_only);
	if (notify && *notify && !config_webhook(engine_config(r->api->en), notify))
		return err_set(e, ERR_USAGE, "no webhook '%.60s' is configured (webhooks in gpufleetd.yaml(5))", notify);
	if (notify)
		str_copy(b->notify, notify);
	return 0;
}

void post_budgets(struct request *r)
{
	const char *name = json_str(r->in, "name", "");
	const struct budget *old = model_budget_by_name(engine_model(r->api->en), name);
	struct budget want = { .period = PERIOD_MONTH };
	struct fact f = { .kind = FACT_BUDGET_SET, .actor = r->actor, .budget = &want, .flag = json_bool(r->in, "drain", false) };
	struct err e;

	if (!check_keys(r, set_keys))
		return;
	if (old)
		want = *old;
	else
		str_copy(want.name, name);
	if (read_budget(r, &want, &e) < 0)
		request_error(r, &e);
	else
		ask_for(r, &f);
}

static struct budget *budget_named(struct request *r)
{
	struct budget *b = model_budget_by_name(engine_model(r->api->en), r->arg[0]);
	struct err e;

	if (!b) {
		err_set(&e, ERR_NOT_FOUND, "there is no budget '%.60s'; see: gpufleetctl budget list", r->arg[0]);
		request_error(r, &e);
	}
	return b;
}

static int by_name(const void *x, const void *y)
{
	const struct budget *a = *(const struct budget *const *)x, *b = *(const struct budget *const *)y;

	return strcmp(a->name, b->name);
}

void get_budgets(struct request *r)
{
	const struct model *m = engine_model(r->api->en);
	const struct budget **list = xcalloc(m->budgets.count + 1, sizeof(struct budget *)), *b;
	json_t *o = json_object(), *rows = json_array();
	size_t at = 0, n = 0;

	while ((b = model_each(&m->budgets, &at)))
		if (!b->deleted)
			list[n++] = b;
	if (n)
		qsort(list, n, sizeof(*list), by_name);
	for (size_t k = 0; k < n; k++)
		json_array_append_new(rows, view_budget(m, list[k], clock_steady()));
	free(list);
	json_put(o, "budgets", rows);
	request_json(r, 200, o);
}

void get_budget(struct request *r)
{
	const struct budget *b = budget_named(r);
	json_t *o;

	if (!b)
		return;
	o = json_object();
	json_put(o, "budget", view_budget(engine_model(r->api->en), b, clock_steady()));
	request_json(r, 200, o);
}

void delete_budget(struct request *r)
{
	const struct budget *b = budget_named(r);
	struct fact f = { .kind = FACT_BUDGET_DELETE, .actor = r->actor };

	if (!b)
		return;
	f.id = b->object.id;
	ask_for(r, &f);
}

/*
 * GET /v1/audit: ask every provider what it lists and counts, then the database, then judge (audit.h).
 */
#include "api_private.h"
#include "audit.h"
#include "base/clock.h"
#include "base/str.h"
#include "providers/provider.h"

struct evidence {
	struct audit_account facts;
	struct machine *machines; /* owned */
};

struct asking {
	struct hold *hold;
	struct api *api;
	int waiting;
	struct evidence *evidence; /* parallel to the configuration's accounts */
	size_t count;
};

static int ask_audit(struct history *h, void *arg, json_t **out, struct err *e)
{
	return audit_judge(arg, h, out, e);
}

static struct audit *gather(const struct asking *g)
{
	const struct model *m = engine_model(g->api->en);
	size_t machines = 0, at = 0;
	struct audit *a;

	for (size_t k = 0; k < g->count; k++)
		machines += g->evidence[k].facts.count;
	a = audit_new(g->count, machines);
	str_copy(a->site, m->site);
	memcpy(a->key, m->mark_key, sizeof(a->key));
	a->now = clock_steady();
	a->settle = m->policy.settle > m->policy.settle_single_flight ? m->policy.settle : m->policy.settle_single_flight;
	for (size_t k = 0; k < g->count; k++) {
		a->accounts[k] = g->evidence[k].facts;
		a->accounts[k].first = at;
		if (a->accounts[k].count)
			memcpy(&a->machines[at], g->evidence[k].machines, a->accounts[k].count * sizeof(*a->machines));
		at += a->accounts[k].count;
	}
	return a;
}

static void answered_all(struct asking *g)
{
	struct request *r = hold_take(g->hold);

	if (r)
		request_history(r, ask_audit, gather(g));
	for (size_t k = 0; k < g->count; k++)
		free(g->evidence[k].machines);
	free(g->evidence);
	free(g);
}

static struct evidence *evidence_of(struct asking *g, const struct account *a)
{
	return &g->evidence[a - engine_config(g->api->en)->accounts];
}

static void got_list(void *arg, const struct account *a, struct op_reply *reply)
{
	struct asking *g = arg;
	struct evidence *v = evidence_of(g, a);

	v->facts.listed = reply->verdict == VERDICT_OK;
	str_copy(v->facts.message, reply->verdict == VERDICT_OK ? "" : reply->message);
	if (v->facts.listed) {
		v->machines = reply->machines;
		v->facts.count = reply->machine_count;
		reply->machines = NULL;
		reply->machine_count = 0;
	}
	if (!--g->waiting)
		answered_all(g);
}

static void got_balance(void *arg, const struct account *a, struct op_reply *reply)
{
	struct asking *g = arg;

	if (reply->verdict == VERDICT_OK)
		evidence_of(g, a)->facts.balance = reply->balance;
	if (!--g->waiting)
		answered_all(g);
}

static void ask(struct asking *g, const struct account *a)
{
	const struct provider *p = provider_find(a->provider);
	struct audit_account *f = &evidence_of(g, a)->facts;
	const struct account_state *state = model_account(engine_model(g->api->en), a->name);
	struct op_args args = { .account = a };

	str_copy(f->name, a->name);
	str_copy(f->provider, a->provider);
	str_copy(f->title, p->title);
	f->local = p->caps & CAP_LOCAL;
	if (state) {
		f->strays = state->strays;
		f->stray_sum = state->stray_sum;
		str_copy(f->stray, state->stray);
	}
	f->balance.machines = -1;
	if (f->local)
		return;
	g->waiting++;
	execute_operation(engine_execute(g->api->en), a, OP_LIST, &args, got_list, g);
	if (p->op[OP_BALANCE].build) {
		g->waiting++;
		execute_operation(engine_execute(g->api->en), a, OP_BALANCE, &args, got_balance, g);
	}
}

void get_audit(struct request *r)
{
	const struct config *c = engine_config(r->api->en);
	struct asking *g = xcalloc(1, sizeof(*g));

	g->hold = request_hold(r);
	g->api = r->api;
	g->count = c->account_count;
	g->evidence = xcalloc(g->count ? g->count : 1, sizeof(*g->evidence));
	g->waiting = 1;
	for (size_t k = 0; k < c->account_count; k++)
		ask(g, &c->accounts[k]);
	if (!--g->waiting)
		answered_all(g);
}

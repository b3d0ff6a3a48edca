#include "months.h"
#include "base/str.h"
#include "books.h"
#include "tests/sim/cloud_storage.h"

#define MONTHS    (61 * DAY)
#define FLEETS    130
#define PRICES_MOVE (3 * DAY)
#define VOLUMES   3
#define KEPT      (40 * DAY)

/* ---- what people set ---- */

static bool set_budget(struct sim_night *n, const char *name, enum scope scope, const char *subject, enum period period, int days, money cap)
{
	struct budget b = { .scope = scope, .period = period, .rolling_days = days, .cap = cap };
	struct fact f = { .kind = FACT_BUDGET_SET, .actor = "bea", .budget = &b };

	str_copy(b.name, name);
	str_copy(b.subject, subject);
	return process_request(n, &f) == 0;
}

/* Until somebody is there to hear it. */
static void set_budgets(struct sim_night *n, struct tick *t)
{
	struct months *m = CONTAINER_OF(t, struct months, budgets);
	money scale = 1 + (money)(n->plan.seed % 3);

	if (m->set == 0 && set_budget(n, "all", SCOPE_ALL, "", PERIOD_MONTH, 0, 60 * scale * USD))
		m->set++;
	if (m->set == 1 && set_budget(n, "ann", SCOPE_OWNER, "ann", PERIOD_ROLLING, 7, 20 * scale * USD))
		m->set++;
	if (m->set == 2 && set_budget(n, "vast", SCOPE_PROVIDER, "vastai", PERIOD_DAY, 0, 5 * scale * USD))
		m->set++;
	if (m->set < 3)
		night_at(n, t, n->now + MINUTE, set_budgets);
}

/* One at each provider that has some: small, for the budgets. */
static bool want_volume(struct sim_night *n, int k)
{
	static const struct {
		const char *account, *region, *host;
		int gb;
	} kept[VOLUMES] = { { "runpod", "EU-RO-1", "", 10 }, { "digitalocean", "atl1", "", 12 }, { "vastai", "", "88001", 5 } };
	struct extra x = { .kind = EXTRA_VOLUME, .owner = "cyd", .size_gb = kept[k].gb, .keep_until = process_now(n) + KEPT };
	struct fact f = { .kind = FACT_STORAGE_WANT, .actor = "cyd", .extra = &x };

	snprintf(x.name, sizeof(x.name), "kept-%s", kept[k].account);
	str_copy(x.account, kept[k].account);
	str_copy(x.region, kept[k].region);
	str_copy(x.host, kept[k].host);
	return process_request(n, &f) == 0;
}

static void want_volumes(struct sim_night *n, struct tick *t)
{
	struct months *m = CONTAINER_OF(t, struct months, volumes);

	if (n->p && want_volume(n, m->kept))
		m->kept++;
	if (m->kept < VOLUMES)
		night_at(n, t, n->now + HOUR, want_volumes);
}

/* Dearer and cheaper by up to a tenth, for machines that are made from now on. */
static void move_prices(struct sim_night *n, struct tick *t)
{
	for (int k = 0; k < CLOUDS; k++)
		if (n->clouds[k] && n->clouds[k]->model->reprice)
			n->clouds[k]->model->reprice(n->clouds[k], (int)night_random(&n->life_rng, 90, 110));
	night_at(n, t, n->now + PRICES_MOVE, move_prices);
}

static void look_at_books(struct sim_night *n, struct tick *t)
{
	books_prove(n, false);
	night_at(n, t, n->now + DAY, look_at_books);
}

void months_event(struct sim_night *n, const struct event *e)
{
	if (e->kind == OBJECT_EXTRA && !strcmp(e->event, "settled"))
		n->months->settled++;
	n->months->refused += e->kind == OBJECT_FLEET && !strcmp(e->to, "CLOSING") && strstr(e->text, "budget '");
}

/* ---- the plan ---- */

static struct item *add(struct sim_plan *p, enum item_kind kind, int what, instant at, duration span, struct rng *r)
{
	struct item *i = &p->items[p->count++];

	*i = (struct item){ .kind = kind, .what = what, .at = at, .span = span, .cloud = -1, .count = -1, .seconds = -1, .per_cent = 30 };
	i->luck = rng_u64(r);
	return i;
}

static instant some_time(struct rng *r)
{
	return night_random(r, MINUTE, MONTHS - DAY);
}

/* What people want: a fleet, mostly with work for it, sometimes longer, sometimes ended by hand. */
static void plan_people(struct sim_plan *p, struct rng *r)
{
	for (int k = 0; k < FLEETS; k++) {
		int up = p->count;
		instant at = some_time(r);

		add(p, ITEM_UP, 0, at, 0, r)->count = 0;
		if (rng_below(r, 3))
			add(p, ITEM_RUN, up, at + night_random(r, SECOND, 10 * MINUTE), 0, r);
		if (!rng_below(r, 4))
			add(p, ITEM_EXTEND, up, at + night_random(r, 5 * MINUTE, 20 * MINUTE), 0, r);
		if (!rng_below(r, 4))
			add(p, ITEM_DOWN, up, at + night_random(r, 10 * MINUTE, HOUR), 0, r);
	}
}

static void plan_faults(struct sim_plan *p, struct rng *r)
{
	static const int deaths[] = { TROUBLE_KILLED, TROUBLE_POWER_LOST, TROUBLE_RESTARTED };
	static const int losses[] = { TROUBLE_HOST_DIES, TROUBLE_VANISHES, TROUBLE_STOPPED };
	static const int network[] = { TROUBLE_LOST_ANSWER, TROUBLE_SILENT_AFTER, TROUBLE_PROXY_504_AFTER };
	static const int switches[] = { FAULT_CREATE_CUT_AFTER, FAULT_CREATE_500_AFTER, FAULT_CREATE_HANG_AFTER, FAULT_DELETE_500,
		FAULT_DELETE_IGNORED, FAULT_DELETE_LAG, FAULT_CREATE_DEARER, FAULT_BID_LOST };

	for (int k = 0; k < 25; k++)
		add(p, ITEM_TROUBLE, deaths[rng_below(r, 3)], some_time(r), 0, r)->count = 1 + (int)rng_below(r, 30);
	for (int k = 0; k < 10; k++)
		add(p, ITEM_TROUBLE, losses[rng_below(r, 3)], some_time(r), 0, r);
	for (int k = 0; k < 12; k++)
		add(p, ITEM_TROUBLE, network[rng_below(r, 3)], some_time(r), 3 * HOUR, r);
	for (int k = 0; k < 24; k++) {
		int what = switches[rng_below(r, ARRAY_LEN(switches))];

		add(p, ITEM_SWITCH, what, some_time(r), 12 * HOUR, r)->cloud = what == FAULT_BID_LOST ? 3 : (int)rng_below(r, CLOUDS);
		p->items[p->count - 1].count = 2;
	}
}

static void plan_months(struct sim_plan *p, uint64_t seed)
{
	struct rng r;

	*p = (struct sim_plan){ .seed = seed, .faults = seed % 4 != 0, .clouds = 0xf, .season = true, .months = true };
	rng_seed(&r, seed * 91 + 3);
	p->work = MONTHS;
	p->chaos = MONTHS;
	plan_people(p, &r);
	if (p->faults)
		plan_faults(p, &r);
}

/* ---- two months ---- */

static void live(struct sim_night *n, struct months *m, uint64_t seed, bool trace)
{
	struct sim_plan *p = xcalloc(1, sizeof(*p));
	struct night_options o = { .trace = trace };

	plan_months(p, seed);
	night_prepare(n, p, &o);
	n->months = m;
	night_begin_process(n);
	night_at(n, &m->budgets, n->now + SECOND, set_budgets);
	night_at(n, &m->prices, n->now + PRICES_MOVE, move_prices);
	night_at(n, &m->books, n->now + DAY, look_at_books);
	night_at(n, &m->volumes, n->now + 2 * DAY, want_volumes);
	night_live(n);
	free(p);
}

void months_violation(uint64_t seed, char *out, size_t size)
{
	struct sim_night *n = xmalloc(sizeof(*n));
	struct months m = { .set = 0 };

	live(n, &m, seed, false);
	str_copy_n(out, size, n->violation);
	night_close(n);
	free(n);
}

static int one(uint64_t seed, bool trace)
{
	struct sim_night *n = xmalloc(sizeof(*n));
	struct months m = { .set = 0 };
	money bill = 0, kept = 0;
	char text[32], kept_text[32];
	int bad;

	live(n, &m, seed, trace);
	for (size_t k = 0; k < n->box_count; k++)
		if (!n->boxes[k]->foreign)
			bill += cloud_cost(n->boxes[k]->m->cloud, n->boxes[k]->m);
	money_format(bill, text);
	for (int k = 0; k < CLOUDS; k++)
		kept += n->clouds[k] ? cloud_stores_total(n->clouds[k], n->now) : 0;
	money_format(kept, kept_text);
	bad = *n->violation != '\0' || !m.refused || m.set < 3 || m.kept < VOLUMES || m.settled < VOLUMES;
	printf("months %llu: %zu machines for %s, %d volumes for %s, %d fleets refused by a budget, %lld restarts: %s%s\n",
	    (unsigned long long)seed, n->box_count, text, m.kept, kept_text, m.refused, (long long)n->epochs - 1, bad ? "WRONG " : "ok",
	    n->violation);
	night_close(n);
	free(n);
	return bad;
}

int months_many(int64_t from, int64_t count, bool trace)
{
	int bad = 0;

	for (int64_t k = 0; k < count; k++)
		bad += one((uint64_t)(from + k), trace);
	printf("%lld times two months, %d wrong\n", (long long)count, bad);
	return bad ? 1 : 0;
}

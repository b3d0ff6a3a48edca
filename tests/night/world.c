/*
 * The world before the daemon starts: the clouds with accounts at them, machines of other people, of another site and with a
 * forged name, and one of ours that the database does not know.
 */
#include "base/str.h"
#include "core/mark.h"
#include "night.h"
#include "visitor.h"

static const char *const gpus[CLOUDS] = { "MI300X", "A100", "L40S", "L40S" };

static int model_index(const char *provider)
{
	for (int k = 0; k < CLOUDS; k++)
		if (!strcmp(cloud_models[k]->name, provider))
			return k;
	BUG("no cloud model '%s'", provider);
}

static void open_cloud(struct sim_night *n, int k)
{
	const struct cloud_model *model = cloud_models[k];
	struct cloud_options o = { .seed = n->plan.seed, .start = n->now, .index = k, .inventory = n->o.inventory[k] };
	struct account *a = &n->accounts[n->config.account_count];

	sim_timing_real(&o.timing, model->name);
	if (!n->plan.slow_bills)
		o.timing.bill = MINUTE + (duration)(n->plan.seed % 7) * MINUTE / 2;
	n->clouds[k] = cloud_new(model, &o);
	str_copy(a->name, model->name);
	str_copy(a->provider, model->name);
	snprintf(a->api_url, sizeof(a->api_url), "http://127.0.0.1:1%s%s", model->prefix, strcmp(model->name, "runpod") ? "" : "/v2");
	if (!strcmp(model->name, "hotaisle")) {
		str_copy(a->team, "acme");
		a->exclusive = !n->plan.shared_hotaisle;
	}
	if (!strcmp(model->name, "runpod")) {
		snprintf(a->graphql_url, sizeof(a->graphql_url), "http://127.0.0.1:1%s/graphql", model->prefix);
		a->community = true;
	}
	a->token.value = (char *)model->token;
	n->cloud_of[n->config.account_count++] = k;
}

static void set_config(struct sim_night *n)
{
	struct config *c = &n->config;

	c->accounts = n->accounts;
	c->poll.boot = 5 * SECOND;
	c->poll.steady = 30 * SECOND;
	c->poll.sweep = 2 * MINUTE;
	c->poll.run = 20 * SECOND;
	c->poll.run_watched = SECOND;
	c->proof.settle = 10 * MINUTE;
	c->proof.settle_hotaisle = 20 * MINUTE;
	c->proof.absence_listings = 5;
	c->proof.absence_spacing = 30 * SECOND;
	c->proof.gone_listings = 2;
	c->proof.gone_spacing = MINUTE;
	c->proof.late_watch = 40 * MINUTE;
	c->proof.orphan_grace = 10 * MINUTE;
	c->proof.bill_poll = 5 * MINUTE;
	c->proof.bill_watch = 30 * HOUR;
	c->proof.key_keep = 20 * MINUTE;
	c->proof.contact_lost = 10 * MINUTE;
	c->proof.lease = 15 * MINUTE;
}

/* ---- machines that are there already, rented through the same API by somebody else ---- */

/* Somebody rents one machine under this name. NULL: the account has none to sell. */
static struct box *rent(struct visitor *r, const char *gpu, const char *name)
{
	struct op_args args = { .gpu_count = 1 };
	struct call *market, *key, *made, *mark;
	struct op_reply *offers;
	struct cloud *c = r->n->clouds[r->n->cloud_of[r->account]];
	struct box *b = NULL;
	size_t k = 0;

	str_copy(args.gpu, gpu);
	market = visit(r, OP_OFFERS, &args);
	offers = call_reply(market);
	while (k < offers->offer_count && (!offers->offers[k].available || offers->offers[k].spot))
		k++;
	if (k == offers->offer_count) {
		call_free(market);
		return NULL;
	}
	key = visit(r, OP_KEY, &args);
	args.offer = &offers->offers[k];
	args.mark = name;
	args.key_id = call_reply(key)->key_id;
	made = visit(r, OP_CREATE, &args);
	args.id = call_reply(made)->id;
	if (*args.id) {
		mark = visit(r, OP_MARK, &args);
		call_free(mark);
		b = box_of(r->n, c->machines[c->machine_count - 1]);
	}
	call_free(made);
	call_free(key);
	call_free(market);
	return b;
}

/* Who rents there may leave the name empty. */
static bool unnamed_sold(int k)
{
	return cloud_models[k] == &cloud_hotaisle || cloud_models[k] == &cloud_vastai;
}

static void others(struct sim_night *n)
{
	struct visitor r = { .n = n };
	uint8_t other_key[32] = { 9, 9, 9 };

	rng_seed(&r.rng, n->plan.seed * 16 + 6);
	for (r.account = 0; r.account < (int)n->config.account_count; r.account++) {
		const struct account *a = &n->accounts[r.account];
		int k = model_index(a->provider);
		uint64_t luck = rng_below(&r.rng, 6);
		char name[ID_MAX] = "somebody-elses";
		struct box *b;

		if (a->exclusive)
			continue;
		/* Colleague's, another site's, a look-alike of ours, ours without a row. */
		if (luck == 1)
			mark_make(name, n->mark_key, a->provider, "othr22", rng_u64(&r.rng), n->now + HOUR);
		else if (luck == 2)
			mark_make(name, other_key, a->provider, NIGHT_SITE, rng_u64(&r.rng), n->now);
		else if (luck == 3)
			mark_make(name, n->mark_key, a->provider, NIGHT_SITE, rng_u64(&r.rng), n->now + (rng_below(&r.rng, 2) ? HOUR : 0));
		else if (luck == 4)
			continue;
		else if (unnamed_sold(k) && rng_below(&r.rng, 2))
			name[0] = '\0';
		memset(&r.limits, 0, sizeof(r.limits));
		b = rent(&r, gpus[k], name);
		if (!b)
			continue;
		b->foreign = luck != 3;
		b->adopt = luck == 3;
		str_copy(b->name, b->m->name);
	}
	n->now += 10 * SECOND; /* they have had their turn: the limits of the clouds are the daemon's now */
}

struct box *box_of(struct sim_night *n, struct sim_machine *m)
{
	struct box *b = m->front;

	if (b)
		return b;
	b = xcalloc(1, sizeof(*b));
	b->m = m;
	b->cloud = model_index(m->cloud->model->name);
	b->running = m->running;
	b->excused = n->now;
	m->front = b;
	n->boxes = xreallocarray(n->boxes, n->box_count + 1, sizeof(*n->boxes));
	n->boxes[n->box_count++] = b;
	return b;
}

/* The empty database, made once for all nights of this process. */
static void give_database(struct sim_night *n)
{
	static struct disk first;
	static bool made;
	struct store_options o = { .path = "night.db" };
	struct store *s;
	struct err e = { 0 };

	if (!made) {
		disk_reset(&first, 1);
		disk_install();
		disk_current = &first;
		if (store_open(&s, &o, &e) < 0)
			BUG("%s", e.msg);
		store_close(s);
		made = true;
	}
	disk_copy(&n->disk, &first);
	disk_current = &n->disk;
}

void world_open(struct sim_night *n)
{
	for (size_t k = 0; k < sizeof(n->mark_key); k++)
		n->mark_key[k] = (uint8_t)(k * 7 + 1);
	for (int k = 0; k < CLOUDS; k++)
		if (n->plan.clouds & 1u << k)
			open_cloud(n, k);
	set_config(n);
	give_database(n);
	others(n);
}

void world_close(struct sim_night *n)
{
	for (size_t k = 0; k < n->box_count; k++)
		free(n->boxes[k]);
	free(n->boxes);
	for (int k = 0; k < CLOUDS; k++)
		cloud_free(n->clouds[k]);
}

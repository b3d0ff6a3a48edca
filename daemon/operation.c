#include "operation.h"
#include "base/mutant.h"
#include "base/str.h"

static void join_hosts(const struct account *a, char *out, size_t size)
{
	size_t n = 0;

	*out = '\0';
	for (int k = 0; k < a->avoid_host_count && n < size; k++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", k ? "," : "", a->avoid_hosts[k]);
}

void operation_account_facts(const struct config *c, const struct account *a, struct account_facts *out)
{
	const struct provider *p = provider_find(a->provider);

	if (!p)
		BUG("account '%s' has unknown provider '%s'", a->name, a->provider);
	memset(out, 0, sizeof(*out));
	str_copy(out->name, a->name);
	str_copy(out->provider, a->provider);
	str_copy(out->title, p->title);
	out->mark_at_create = p->caps & CAP_MARK_AT_CREATE;
	out->single_flight = p->caps & CAP_SINGLE_FLIGHT;
	out->local = p->caps & CAP_LOCAL;
	out->bill_by_machine = p->caps & CAP_BILL_BY_MACHINE;
	out->counts = p->caps & CAP_COUNTS;
	out->container = p->caps & CAP_CONTAINER;
	out->prepaid = p->caps & CAP_PREPAID;
	out->takes_key = p->op[OP_KEY].build;
	out->takes_image = p->image_amd || p->image_nvidia;
	out->takes_disk = p->disk_gb > 0;
	out->keeps_key = p->op[OP_KEY_DROP].build;
	out->exclusive = a->exclusive;
	join_hosts(a, out->avoid_hosts, sizeof(out->avoid_hosts));
	out->max_instances = a->max_instances;
	out->max_hourly = a->max_hourly;
	out->billing = p->billing;
	out->traffic = p->traffic;
	out->traffic_gb = a->traffic_gb;
	out->volumes = p->op[OP_VOLUME_MAKE].build;
	out->snapshots = p->op[OP_SNAPSHOT_MAKE].build;
	out->storage_bills = p->op[OP_STORAGE_BILL].build;
	out->attaches = p->op[OP_VOLUME_ATTACH].build;
	out->volume_shared = p->caps & CAP_VOLUME_SHARED;
	if (p->volume)
		out->volume_rule = *p->volume;
	else if (p->volume_most)
		out->volume_rule = (struct storage_rule){ .gb_month = p->volume_most, .month = STORAGE_MONTH };
	if (p->snapshot)
		out->snapshot_rule = *p->snapshot;
	out->create_timeout = p->create_timeout;
	out->boot_allowance = c->defaults.boot ? c->defaults.boot : p->boot_allowance;
	out->teardown_allowance = p->teardown_allowance;
	/* A simulated cloud settles in seconds; the configuration may say how soon to believe a bill. */
	if (c->proof.bill_poll < out->billing.settle_delay && c->proof.bill_poll < MINUTE)
		out->billing.settle_delay = c->proof.bill_poll;
}

static bool about_the_account(enum action_kind k)
{
	return k == ACTION_OFFERS || k == ACTION_LIST || k == ACTION_BALANCE || k == ACTION_CHARGES || k == ACTION_STORAGE;
}

static bool about_an_extra(enum action_kind k)
{
	return k == ACTION_END_EXTRA || k == ACTION_STORAGE_MAKE || k == ACTION_STORAGE_LOOK || k == ACTION_VOLUME_ATTACH ||
	       k == ACTION_VOLUME_DETACH || k == ACTION_STORAGE_BILL;
}

static const struct extra *of_extra(const struct model *m, const struct action *a)
{
	return about_an_extra(a->kind) ? model_extra(m, a->id) : NULL;
}

/* NULL: the action is about something else. */
static const struct instance *of_instance(const struct model *m, const struct action *a)
{
	return about_the_account(a->kind) || about_an_extra(a->kind) ? NULL : model_instance(m, a->id);
}

const struct account *operation_account(const struct config *c, const struct model *m, const struct action *a)
{
	const struct extra *x = of_extra(m, a);
	const struct instance *i;

	if (about_the_account(a->kind))
		return config_account(c, m->accounts[a->id - 1]->facts.name);
	if (about_an_extra(a->kind))
		return x ? config_account(c, x->account) : NULL;
	i = model_instance(m, a->id);
	return i ? config_account(c, i->account) : NULL;
}

enum provider_op_kind operation_kind(const struct model *m, const struct action *a)
{
	static const enum provider_op_kind ops[] = { [ACTION_OFFERS] = OP_OFFERS, [ACTION_LIST] = OP_LIST, [ACTION_BALANCE] = OP_BALANCE,
		[ACTION_CHARGES] = OP_BILL, [ACTION_CREATE] = OP_CREATE, [ACTION_DESCRIBE] = OP_DESCRIBE, [ACTION_MARK] = OP_MARK,
		[ACTION_DESTROY] = OP_DESTROY, [ACTION_BILL] = OP_BILL, [ACTION_END_EXTRA] = OP_KEY_DROP, [ACTION_STORAGE] = OP_STORAGE,
		[ACTION_STORAGE_MAKE] = OP_VOLUME_MAKE, [ACTION_STORAGE_LOOK] = OP_SNAPSHOT_LOOK,
		[ACTION_VOLUME_ATTACH] = OP_VOLUME_ATTACH, [ACTION_VOLUME_DETACH] = OP_VOLUME_DETACH, [ACTION_STORAGE_BILL] = OP_STORAGE_BILL };
	const struct extra *x = of_extra(m, a);

	if ((size_t)a->kind >= ARRAY_LEN(ops))
		BUG("%s asks no provider", action_name(a->kind));
	if (x && x->kind == EXTRA_SNAPSHOT && a->kind == ACTION_STORAGE_MAKE)
		return OP_SNAPSHOT_MAKE;
	if (x && x->kind != EXTRA_KEY && a->kind == ACTION_END_EXTRA)
		return x->kind == EXTRA_VOLUME ? OP_VOLUME_DROP : OP_SNAPSHOT_DROP;
	return ops[a->kind];
}

/* The offer as it was when it was chosen: a restart knows no other. */
static void set_offer(struct offer *o, const struct instance *i)
{
	free(o->spec);
	memset(o, 0, sizeof(*o));
	str_copy(o->account, i->account);
	str_copy(o->provider, i->provider);
	str_copy(o->key, i->offer_key);
	o->spec = xstrdup(i->offer_spec);
	str_copy(o->gpu, i->gpu);
	o->gpu_count = i->gpu_count;
	str_copy(o->region, i->region);
	str_copy(o->host, i->host);
	o->price_hour = i->price_hour;
	o->minimum_charge = i->minimum_charge;
	o->spot = i->spot;
	o->marketplace = i->marketplace;
}

/* A volume or snapshot as the adapters know it. */
static const struct storage *set_storage(struct storage *s, const struct extra *x)
{
	if (!x)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->kind = x->kind == EXTRA_VOLUME ? STORAGE_VOLUME : STORAGE_SNAPSHOT;
	s->state = x->state == EXTRA_BUILDING ? STORAGE_MAKING : STORAGE_READY;
	str_copy(s->id, x->provider_id);
	str_copy(s->name, x->mark);
	str_copy(s->region, x->region);
	str_copy(s->host, x->host);
	s->size_gb = x->size_gb;
	s->disk_gb = x->disk_gb;
	str_copy(s->source, x->source);
	s->of_volume = x->of_volume;
	str_copy(s->machine, x->machine);
	return s;
}

void operation_room_free(struct operation_room *room)
{
	free(room->offer.spec);
	memset(room, 0, sizeof(*room));
}

static void instance_args(struct op_args *out, struct operation_room *room, const struct model *m, const struct account *account,
    const struct action *a, const struct instance *i)
{
	const struct fleet *f = model_fleet(m, i->fleet_id);
	const struct extra *volume = model_extra(m, i->volume_id);

	out->id = i->provider_id;
	out->mark = a->kind == ACTION_MARK && *i->new_mark ? i->new_mark : i->mark;
	out->from = i->planned;
	out->until = i->gone ? i->gone + HOUR : 0;
	out->spot = i->spot;
	set_offer(&room->offer, i);
	out->offer = &room->offer;
	out->image = f && *f->image ? f->image : NULL;
	out->disk_gb = f && f->disk_gb ? f->disk_gb : account->disk_gb;
	out->volume = set_storage(&room->volume, volume);
	if (volume) {
		snprintf(room->volume_path, sizeof(room->volume_path), OPERATION_VOLUMES "%s", volume->name);
		out->volume_path = room->volume_path;
	}
	out->snapshot = set_storage(&room->snapshot, model_extra(m, i->snapshot_id));
}

void operation_args(struct op_args *out, struct operation_room *room, const struct model *m, const struct account *account,
    const struct action *a, const char *public_key, const char *key_id)
{
	const struct instance *i = of_instance(m, a);
	const struct extra *x = of_extra(m, a);

	memset(out, 0, sizeof(*out));
	out->account = account;
	str_copy(out->gpu, a->gpu);
	out->gpu_count = a->gpu_count;
	out->spot = a->spot;
	out->disk_gb = a->disk_gb ? a->disk_gb : account->disk_gb;
	out->public_key = public_key;
	if (a->kind == ACTION_CHARGES)
		out->from = m->now - m->policy.bill_watch;
	if (x && x->kind != EXTRA_KEY) {
		out->storage = set_storage(&room->storage, x);
		out->work = x->work;
		out->machine = x->mover && model_instance(m, x->mover) ? model_instance(m, x->mover)->provider_id : NULL;
	}
	if (x && a->kind == ACTION_STORAGE_BILL) {
		out->from = x->created;
		out->until = x->settled ? x->settled_until : x->bill_due;
	}
	if (i) {
		out->key_id = key_id;
		instance_args(out, room, m, account, a, i);
	}
}

bool operation_needs_key(const struct account *account, enum provider_op_kind op, const char *key_id)
{
	return op == OP_CREATE && !key_id && provider_find(account->provider)->op[OP_KEY].build;
}

int64_t operation_key_fleet(const struct model *m, const struct action *a)
{
	const struct extra *x = of_extra(m, a);
	const struct instance *i = of_instance(m, a);
	const struct fleet *f = i ? model_fleet(m, i->fleet_id) : NULL;

	return x && x->kind == EXTRA_KEY ? x->fleet_id : f && f->own_key ? f->object.id : 0;
}

void operation_key_fact(struct fact *f, const struct account *account, int64_t fleet_id, const struct op_reply *r)
{
	*f = (struct fact){ .kind = FACT_KEY, .account = account->name, .id = fleet_id, .verdict = r->verdict, .text = r->key_id };
}

static money bill_total(const struct op_reply *r, const char *id)
{
	money sum = 0;

	for (size_t k = 0; k < r->bill_count; k++)
		if (!strcmp(r->bills[k].id, id))
			sum = money_add(MUTANT("one_line_of_the_bill", sum, 0), r->bills[k].amount);
	return sum;
}

static int by_id(const void *x, const void *y)
{
	const struct bill_line *a = x, *b = y;

	return strcmp(a->id, b->id);
}

/* The lines of an account's record, one machine each. */
static void add_up(struct op_reply *r)
{
	struct machine *m = NULL;

	if (r->bill_count)
		qsort(r->bills, r->bill_count, sizeof(*r->bills), by_id);
	for (size_t k = 0; k < r->bill_count; k++) {
		const struct bill_line *line = &r->bills[k];

		if (!m || strcmp(m->id, line->id) != 0) {
			m = op_reply_add_machine(r);
			str_copy(m->id, line->id);
		}
		if (*line->mark)
			str_copy(m->mark, line->mark);
		m->price_hour = money_add(m->price_hour, line->amount);
	}
}

void operation_fact(struct fact *f, const struct model *m, const struct account *account, const struct action *a, instant began,
    struct op_reply *r)
{
	static const enum fact_kind kinds[] = { [ACTION_OFFERS] = FACT_OFFERS, [ACTION_LIST] = FACT_LISTED,
		[ACTION_BALANCE] = FACT_BALANCE, [ACTION_CHARGES] = FACT_CHARGES, [ACTION_CREATE] = FACT_CREATED, [ACTION_DESCRIBE] = FACT_DESCRIBED,
		[ACTION_MARK] = FACT_MARKED, [ACTION_DESTROY] = FACT_DESTROYED, [ACTION_BILL] = FACT_BILLED,
		[ACTION_END_EXTRA] = FACT_EXTRA_ENDED, [ACTION_STORAGE] = FACT_STORAGE, [ACTION_STORAGE_MAKE] = FACT_STORAGE_MADE,
		[ACTION_STORAGE_LOOK] = FACT_STORAGE_LOOKED, [ACTION_VOLUME_ATTACH] = FACT_VOLUME_MOVED,
		[ACTION_VOLUME_DETACH] = FACT_VOLUME_MOVED, [ACTION_STORAGE_BILL] = FACT_STORAGE_BILLED };
	const struct instance *i = of_instance(m, a);
	const struct extra *x = of_extra(m, a);

	if (a->kind == ACTION_CHARGES)
		add_up(r);
	*f = (struct fact){ .kind = kinds[a->kind], .id = a->id, .account = account->name, .verdict = r->verdict,
		.message = r->message, .text = r->id, .flag = a->kind == ACTION_VOLUME_ATTACH || r->destroy_now, .price = r->price_hour,
		.retry_after = r->retry_after, .began = began, .machines = r->machines, .machine_count = r->machine_count, .storages = r->storages,
		.storage_count = r->storage_count, .work = r->work, .balance = &r->balance, .gpu = a->gpu,
		.gpu_count = a->gpu_count };
	if (a->kind == ACTION_OFFERS) {
		f->flag = a->spot;
		f->count = a->disk_gb;
		f->offers = r->offers;
		f->offer_count = r->offer_count;
		r->offers = NULL;
		r->offer_count = 0;
	} else if (a->kind == ACTION_CREATE) {
		f->began = r->sent_at;
	} else if (a->kind == ACTION_CHARGES) {
		f->began = m->now - m->policy.bill_watch;
	} else if (a->kind == ACTION_BILL && i) {
		f->price = bill_total(r, i->provider_id);
	} else if (a->kind == ACTION_STORAGE_BILL && x) {
		f->price = bill_total(r, x->provider_id);
		f->count = (int64_t)r->bill_count;
	}
}

void operation_fact_free(struct fact *f)
{
	for (size_t k = 0; k < f->offer_count; k++)
		free(f->offers[k].spec);
	free(f->offers);
}

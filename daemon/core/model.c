#include "core/model.h"
#include "base/str.h"

static void object_init(struct object *o, enum object_kind kind)
{
	o->kind = kind;
	o->dirty = false;
	list_init(&o->dirty_link);
	list_init(&o->touch_link);
	memset(&o->wake, 0, sizeof(o->wake));
}

static void object_unlink(struct model *m, struct object *o)
{
	list_remove(&o->dirty_link);
	list_remove(&o->touch_link);
	heap_remove(&m->wakes, &o->wake);
}

void model_init(struct model *m, struct rng *rng)
{
	memset(m, 0, sizeof(*m));
	m->rng = rng;
	m->next_id = m->next_event = m->next_posting = 1;
	list_init(&m->dirty);
	list_init(&m->touched);
}

static void instance_free(struct model *m, struct instance *i)
{
	object_unlink(m, &i->object);
	list_remove(&i->fleet_link);
	list_remove(&i->account_link);
	map_remove(&m->instances, i->object.id);
	free(i->offer_spec);
	free(i->snapshot);
	free(i);
}

static void run_free(struct model *m, struct run *r)
{
	object_unlink(m, &r->object);
	list_remove(&r->fleet_link);
	map_remove(&m->runs, r->object.id);
	free(r->params);
	free(r->env);
	free(r->spec);
	free(r);
}

void model_drop_fleet(struct model *m, struct fleet *f)
{
	list_for_each_safe(n, &f->instance_list)
		instance_free(m, INSTANCE_OF(n));
	list_for_each_safe(n, &f->run_list)
		run_free(m, RUN_OF(n));
	object_unlink(m, &f->object);
	list_remove(&f->night_link);
	map_remove(&m->fleets, f->object.id);
	free(f->env);
	free(f);
}

static void trial_free(struct model *m, struct trial *t)
{
	object_unlink(m, &t->object);
	list_remove(&t->night_link);
	map_remove(&m->trials, t->object.id);
	free(t);
}

static void night_free(struct model *m, struct night *n)
{
	list_for_each_safe(l, &n->trial_list)
		trial_free(m, TRIAL_OF(l));
	list_for_each_safe(l, &n->fleet_list)
		list_remove(l);
	object_unlink(m, &n->object);
	list_remove(&n->campaign_link);
	map_remove(&m->nights, n->object.id);
	plan_free(n->plan);
	free(n->text);
	free(n);
}

static void campaign_free_row(struct model *m, struct campaign *c)
{
	list_for_each_safe(l, &c->night_list)
		night_free(m, NIGHT_OF(l));
	object_unlink(m, &c->object);
	map_remove(&m->campaigns, c->object.id);
	plan_free(c->plan);
	free(c->text);
	free(c);
}

static void notice_free(struct model *m, struct notice *x)
{
	object_unlink(m, &x->object);
	map_remove(&m->notices, x->object.id);
	free(x);
}

static void budget_free(struct model *m, struct budget *b)
{
	object_unlink(m, &b->object);
	map_remove(&m->budgets, b->object.id);
	zone_free(b->tz);
	days_free(&b->days);
	free(b);
}

static void extra_free(struct model *m, struct extra *x)
{
	object_unlink(m, &x->object);
	map_remove(&m->extras, x->object.id);
	free(x);
}

static void account_free(struct model *m, struct account_state *a)
{
	object_unlink(m, &a->object);
	for (size_t i = 0; i < a->offer_count; i++)
		free(a->offers[i].spec);
	free(a->offers);
	free(a);
}

void model_free(struct model *m)
{
	struct fleet *f;
	struct instance *i;
	struct extra *x;
	struct campaign *c;
	struct notice *notice;
	struct budget *b;
	size_t at = 0;

	/* The maps shrink while we walk: start over after each. */
	while ((f = model_each(&m->fleets, &at))) {
		model_drop_fleet(m, f);
		at = 0;
	}
	for (at = 0; (i = model_each(&m->instances, &at)); at = 0)
		instance_free(m, i);
	for (at = 0; (x = model_each(&m->extras, &at)); at = 0)
		extra_free(m, x);
	for (at = 0; (notice = model_each(&m->notices, &at)); at = 0)
		notice_free(m, notice);
	for (at = 0; (b = model_each(&m->budgets, &at)); at = 0)
		budget_free(m, b);
	for (at = 0; (c = model_each(&m->campaigns, &at)); at = 0)
		campaign_free_row(m, c);
	for (size_t k = 0; k < m->account_count; k++)
		account_free(m, m->accounts[k]);
	free(m->accounts);
	free(m->events);
	free(m->postings);
	map_free(&m->fleets);
	map_free(&m->instances);
	map_free(&m->runs);
	map_free(&m->extras);
	map_free(&m->campaigns);
	map_free(&m->nights);
	map_free(&m->trials);
	map_free(&m->notices);
	map_free(&m->budgets);
	heap_free(&m->wakes);
	explicit_bzero(m->mark_key, sizeof(m->mark_key));
}

static void claim_id(struct model *m, int64_t id)
{
	if (id >= m->next_id)
		m->next_id = id + 1;
}

struct fleet *model_add_fleet(struct model *m, const struct fleet *row)
{
	struct fleet *f = xmalloc(sizeof(*f));

	*f = *row;
	object_init(&f->object, OBJECT_FLEET);
	list_init(&f->instance_list);
	list_init(&f->run_list);
	list_init(&f->night_link);
	if (f->night_id && map_get(&m->nights, f->night_id))
		list_append(&((struct night *)map_get(&m->nights, f->night_id))->fleet_list, &f->night_link);
	map_set(&m->fleets, f->object.id, f);
	claim_id(m, f->object.id);
	return f;
}

struct instance *model_add_instance(struct model *m, const struct instance *row)
{
	struct instance *i = xmalloc(sizeof(*i));
	struct fleet *f;
	struct account_state *a;

	*i = *row;
	object_init(&i->object, OBJECT_INSTANCE);
	list_init(&i->fleet_link);
	list_init(&i->account_link);
	i->activity = ACTIVITY_NONE;
	map_set(&m->instances, i->object.id, i);
	claim_id(m, i->object.id);
	f = model_fleet(m, i->fleet_id);
	if (f)
		list_append(&f->instance_list, &i->fleet_link);
	a = model_account(m, i->account);
	if (a) {
		list_append(&a->instance_list, &i->account_link);
		a->live += i->state != INSTANCE_GONE;
	}
	return i;
}

struct run *model_add_run(struct model *m, const struct run *row)
{
	struct run *r = xmalloc(sizeof(*r));
	struct fleet *f;

	*r = *row;
	object_init(&r->object, OBJECT_RUN);
	list_init(&r->fleet_link);
	r->activity = ACTIVITY_NONE;
	map_set(&m->runs, r->object.id, r);
	claim_id(m, r->object.id);
	f = model_fleet(m, r->fleet_id);
	if (f)
		list_append(&f->run_list, &r->fleet_link);
	return r;
}

struct campaign *model_add_campaign(struct model *m, const struct campaign *row)
{
	struct campaign *c = xmalloc(sizeof(*c));

	*c = *row;
	object_init(&c->object, OBJECT_CAMPAIGN);
	list_init(&c->night_list);
	map_set(&m->campaigns, c->object.id, c);
	claim_id(m, c->object.id);
	return c;
}

struct night *model_add_night(struct model *m, const struct night *row)
{
	struct night *n = xmalloc(sizeof(*n));
	struct campaign *c = map_get(&m->campaigns, row->campaign_id);

	*n = *row;
	object_init(&n->object, OBJECT_NIGHT);
	list_init(&n->campaign_link);
	list_init(&n->trial_list);
	list_init(&n->fleet_list);
	n->activity = ACTIVITY_NONE;
	map_set(&m->nights, n->object.id, n);
	claim_id(m, n->object.id);
	if (c)
		list_append(&c->night_list, &n->campaign_link);
	return n;
}

struct trial *model_add_trial(struct model *m, const struct trial *row)
{
	struct trial *t = xmalloc(sizeof(*t));
	struct night *n = map_get(&m->nights, row->night_id);

	*t = *row;
	object_init(&t->object, OBJECT_TRIAL);
	list_init(&t->night_link);
	t->activity = ACTIVITY_NONE;
	map_set(&m->trials, t->object.id, t);
	claim_id(m, t->object.id);
	if (n)
		list_append(&n->trial_list, &t->night_link);
	return t;
}

struct notice *model_add_notice(struct model *m, const struct notice *row)
{
	struct notice *x = xmalloc(sizeof(*x));

	*x = *row;
	object_init(&x->object, OBJECT_NOTICE);
	x->activity = ACTIVITY_NONE;
	map_set(&m->notices, x->object.id, x);
	claim_id(m, x->object.id);
	return x;
}

struct budget *model_add_budget(struct model *m, const struct budget *row)
{
	struct budget *b = xmalloc(sizeof(*b));

	*b = *row;
	object_init(&b->object, OBJECT_BUDGET);
	b->activity = ACTIVITY_NONE;
	b->counted = false;
	b->days = (struct days){ 0 };
	b->tz = m->find_zone && *b->zone ? m->find_zone(b->zone) : NULL;
	map_set(&m->budgets, b->object.id, b);
	claim_id(m, b->object.id);
	return b;
}

struct budget *model_budget(const struct model *m, int64_t id)
{
	return map_get(&m->budgets, id);
}

struct budget *model_budget_by_name(const struct model *m, const char *name)
{
	struct budget *b;
	size_t at = 0;

	while ((b = model_each(&m->budgets, &at)))
		if (!b->deleted && !strcmp(b->name, name))
			return b;
	return NULL;
}

struct notice *model_notice(const struct model *m, int64_t id)
{
	return map_get(&m->notices, id);
}

struct extra *model_add_extra(struct model *m, const struct extra *row)
{
	struct extra *x = xmalloc(sizeof(*x));

	*x = *row;
	object_init(&x->object, OBJECT_EXTRA);
	x->activity = ACTIVITY_NONE;
	map_set(&m->extras, x->object.id, x);
	claim_id(m, x->object.id);
	return x;
}

struct account_state *model_add_account(struct model *m, const struct account_facts *facts)
{
	struct account_state *a = xcalloc(1, sizeof(*a));

	object_init(&a->object, OBJECT_ACCOUNT);
	list_init(&a->instance_list);
	a->facts = *facts;
	m->accounts = xreallocarray(m->accounts, m->account_count + 1, sizeof(*m->accounts));
	m->accounts[m->account_count++] = a;
	a->object.id = (int64_t)m->account_count;
	return a;
}

struct fleet *model_fleet(const struct model *m, int64_t id)
{
	return map_get(&m->fleets, id);
}

struct instance *model_instance(const struct model *m, int64_t id)
{
	return map_get(&m->instances, id);
}

struct run *model_run(const struct model *m, int64_t id)
{
	return map_get(&m->runs, id);
}

struct extra *model_extra(const struct model *m, int64_t id)
{
	return map_get(&m->extras, id);
}

struct extra *model_key_at(const struct model *m, const char *account, int64_t fleet_id)
{
	struct extra *x;
	size_t at = 0;

	while ((x = model_each(&m->extras, &at)))
		if (x->kind == EXTRA_KEY && x->state != EXTRA_GONE && x->fleet_id == fleet_id && !strcmp(x->account, account))
			return x;
	return NULL;
}

struct extra *model_storage(const struct model *m, enum extra_kind kind, const char *name)
{
	struct extra *x;
	size_t at = 0;

	while ((x = model_each(&m->extras, &at)))
		if (x->kind == kind && x->state != EXTRA_GONE && !strcmp(x->name, name))
			return x;
	return NULL;
}

struct account_state *model_account(const struct model *m, const char *name)
{
	for (size_t i = 0; i < m->account_count; i++)
		if (!strcmp(m->accounts[i]->facts.name, name))
			return m->accounts[i];
	return NULL;
}

struct campaign *model_campaign(const struct model *m, int64_t id)
{
	return map_get(&m->campaigns, id);
}

struct campaign *model_campaign_by_name(const struct model *m, const char *name)
{
	struct campaign *c;
	size_t at = 0;

	while ((c = model_each(&m->campaigns, &at)))
		if (!c->deleted && !strcmp(c->name, name))
			return c;
	return NULL;
}

struct night *model_night(const struct model *m, int64_t id)
{
	return map_get(&m->nights, id);
}

struct trial *model_trial(const struct model *m, int64_t id)
{
	return map_get(&m->trials, id);
}

void *model_each(const struct map *map, size_t *cursor)
{
	while (*cursor < map->cap) {
		const struct map_slot *s = &map->slots[(*cursor)++];

		if (s->key)
			return s->value;
	}
	return NULL;
}

struct fleet *model_fleet_by_name(const struct model *m, const char *name)
{
	struct fleet *best = NULL, *f;
	size_t at = 0;

	while ((f = model_each(&m->fleets, &at))) {
		if (strcmp(f->name, name) != 0)
			continue;
		if (f->state != FLEET_CLOSED)
			return f;
		if (!best || f->object.id > best->object.id)
			best = f;
	}
	return best;
}

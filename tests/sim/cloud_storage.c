/*
 * What the models share about volumes and snapshots: their life, who uses them, what they cost.
 */
#include "cloud_storage.h"

const char *sim_store_kind_name(enum sim_store_kind kind)
{
	static const char *const names[] = { "volume", "disk_snapshot", "volume_snapshot" };

	return names[kind];
}

struct sim_store *cloud_store_new(struct cloud *c, enum sim_store_kind kind, const char *name, const char *place)
{
	struct sim_store *s = xcalloc(1, sizeof(*s));

	s->cloud = c;
	s->kind = kind;
	s->serial = (int64_t)c->store_count + 1;
	str_copy(s->name, name);
	str_copy(s->place, place);
	s->created = s->ready = s->visible = c->now;
	if (cloud_fault(c, FAULT_STORAGE_LATE))
		s->visible += cloud_fault_time(c, FAULT_STORAGE_LATE);
	s->extra = json_object();
	c->stores = xreallocarray(c->stores, c->store_count + 1, sizeof(struct sim_store *));
	c->stores[c->store_count++] = s;
	return s;
}

void cloud_stores_free(struct cloud *c)
{
	for (size_t i = 0; i < c->store_count; i++) {
		free(c->stores[i]->uses);
		free(c->stores[i]->meters);
		json_decref(c->stores[i]->extra);
		free(c->stores[i]);
	}
	free(c->stores);
}

struct sim_store *cloud_store_find(const struct cloud *c, const char *id)
{
	for (size_t i = c->store_count; i-- > 0;)
		if (!strcmp(c->stores[i]->id, id))
			return c->stores[i];
	return NULL;
}

bool cloud_store_shown(const struct cloud *c, const struct sim_store *s)
{
	return !s->deleted && c->now >= s->visible && c->now >= s->ready;
}

static void stop_meters(struct sim_store *s, instant at)
{
	for (size_t i = 0; i < s->meter_count; i++)
		if (!s->meters[i].to)
			s->meters[i].to = instant_max(at, s->meters[i].from);
}

void cloud_store_delete(struct cloud *c, struct sim_store *s)
{
	s->deleted = c->now;
	stop_meters(s, c->now);
}

void cloud_store_rate(struct cloud *c, struct sim_store *s, money per, duration unit)
{
	stop_meters(s, c->now);
	s->meters = xreallocarray(s->meters, s->meter_count + 1, sizeof(*s->meters));
	s->meters[s->meter_count++] = (struct sim_meter){ "storage", per, unit, instant_max(c->now, s->ready), 0 };
}

money cloud_store_cost(const struct sim_store *s, instant at)
{
	money used = sim_metered(s->meters, s->meter_count, NULL, at, SECOND);

	return at > s->ready && used < s->least ? s->least : used;
}

bool cloud_store_billing(const struct cloud *c, const struct sim_store *s)
{
	return !s->deleted && c->now >= s->ready;
}

money cloud_stores_total(const struct cloud *c, instant at)
{
	money sum = 0;

	for (size_t i = 0; i < c->store_count; i++)
		sum += cloud_store_cost(c->stores[i], at);
	return sum;
}

/* ---- uses ---- */

struct sim_use *cloud_store_attach(struct sim_store *s, struct sim_machine *m, const char *path, instant from)
{
	struct sim_use *u;

	s->uses = xreallocarray(s->uses, s->use_count + 1, sizeof(*s->uses));
	u = &s->uses[s->use_count++];
	*u = (struct sim_use){ .machine = m, .from = from };
	str_copy(u->path, path);
	return u;
}

static bool open_at(const struct sim_use *u, instant t)
{
	return !u->to || t < u->to;
}

void cloud_store_detach(struct sim_store *s, const struct sim_machine *m, instant at)
{
	for (size_t i = 0; i < s->use_count; i++)
		if (s->uses[i].machine == m && open_at(&s->uses[i], at))
			s->uses[i].to = at;
}

void cloud_store_release(struct cloud *c, const struct sim_machine *m)
{
	for (size_t i = 0; i < c->store_count; i++)
		cloud_store_detach(c->stores[i], m, c->now + c->options.timing.release);
}

bool cloud_store_busy(const struct cloud *c, const struct sim_store *s)
{
	for (size_t i = 0; i < s->use_count; i++)
		if (open_at(&s->uses[i], c->now))
			return true;
	return false;
}

const struct sim_use *cloud_store_used(const struct cloud *c, const struct sim_store *s, const struct sim_machine *m)
{
	for (size_t i = 0; i < s->use_count; i++)
		if ((!m || s->uses[i].machine == m) && c->now >= s->uses[i].from && open_at(&s->uses[i], c->now))
			return &s->uses[i];
	return NULL;
}

int cloud_store_count_of(const struct cloud *c, const struct sim_machine *m)
{
	int n = 0;

	for (size_t i = 0; i < c->store_count; i++)
		for (size_t k = 0; k < c->stores[i]->use_count; k++)
			n += c->stores[i]->uses[k].machine == m && open_at(&c->stores[i]->uses[k], c->now);
	return n;
}

instant cloud_stores_next(const struct cloud *c)
{
	instant next = FOREVER;

	for (size_t i = 0; i < c->store_count; i++) {
		const struct sim_store *s = c->stores[i];

		if (s->visible > c->now)
			next = instant_min(next, s->visible);
		if (s->ready > c->now)
			next = instant_min(next, s->ready);
		for (size_t k = 0; k < s->use_count; k++) {
			if (s->uses[k].from > c->now)
				next = instant_min(next, s->uses[k].from);
			if (s->uses[k].to > c->now)
				next = instant_min(next, s->uses[k].to);
		}
	}
	return next;
}

/* ---- faults ---- */

static bool refused(struct cloud *c, struct sim_response *r, enum sim_fault f)
{
	if (!cloud_fault(c, f))
		return false;
	c->model->error(c, r, SIM_E_SERVER);
	return true;
}

bool cloud_store_refused(struct cloud *c, struct sim_response *r)
{
	return refused(c, r, FAULT_STORAGE_500_BEFORE);
}

void cloud_store_answered(struct cloud *c, struct sim_response *r)
{
	if (!refused(c, r, FAULT_STORAGE_500_AFTER) && cloud_fault(c, FAULT_STORAGE_HANG_AFTER))
		r->cut = SIM_CUT_HANG;
}

bool cloud_store_list_refused(struct cloud *c, struct sim_response *r)
{
	return refused(c, r, FAULT_STORAGE_LIST_500);
}

bool cloud_store_delete_refused(struct cloud *c, struct sim_response *r)
{
	return refused(c, r, FAULT_STORAGE_DELETE_500);
}

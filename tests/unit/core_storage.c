/* Volumes and snapshots of the cloud of core_world.h. */
#include "core_world.h"

#define SNAPSHOT_TAKES (5 * MINUTE)

struct storage *world_stored(struct world *w, const char *id)
{
	for (size_t k = 0; k < w->stored_count; k++)
		if (!strcmp(w->stored[k].id, id))
			return &w->stored[k];
	return NULL;
}

struct storage *world_store(struct world *w, enum storage_kind kind, const char *name, int size_gb)
{
	struct storage *s = &w->stored[w->stored_count++];

	assert_true(w->stored_count <= ARRAY_LEN(w->stored));
	*s = (struct storage){ .kind = kind, .state = STORAGE_READY, .size_gb = size_gb, .created = w->now };
	snprintf(s->id, sizeof(s->id), "s-%zu", w->stored_count);
	str_copy(s->name, name);
	return s;
}

void storage_make(struct world *w, struct answer *ans)
{
	const struct extra *x = model_extra(&w->m, ans->action.id);
	struct storage *s;

	w->creates[x->object.id]++;
	assert_int_equal(x->state, EXTRA_MAKING);
	if (w->k.idle[ACTION_STORAGE_MAKE] || (ans->verdict != VERDICT_OK && ans->verdict != VERDICT_UNSURE))
		return;
	s = world_store(w, x->kind == EXTRA_VOLUME ? STORAGE_VOLUME : STORAGE_SNAPSHOT, x->mark, x->kind == EXTRA_VOLUME ? x->size_gb : 0);
	str_copy(s->region, x->region);
	if (x->kind == EXTRA_SNAPSHOT)
		s->state = STORAGE_MAKING;
	str_copy(ans->id, s->id);
}

void storage_drop(struct world *w, const struct answer *ans)
{
	const struct extra *x = model_extra(&w->m, ans->action.id);
	struct storage *s = world_stored(w, x->provider_id);

	if (!s || ans->verdict != VERDICT_OK || w->k.idle[ACTION_END_EXTRA])
		return;
	assert_true(str_starts(s->name, "gf1")); /* nobody else's data is ever deleted */
	memset(s, 0, sizeof(*s));
}

/* Snapshots become ready with time; what is being taken is not listed (digitalocean.md §6). */
static size_t show(struct world *w, struct storage *list)
{
	size_t n = 0;

	for (size_t k = 0; k < w->stored_count; k++) {
		struct storage *s = &w->stored[k];

		if (s->state == STORAGE_MAKING && w->now >= s->created + SNAPSHOT_TAKES) {
			s->state = STORAGE_READY;
			s->size_gb = 28;
			s->disk_gb = 720;
		}
		if (*s->id && s->state == STORAGE_READY)
			list[n++] = *s;
	}
	return n;
}

void storage_answer(struct world *w, const struct answer *a, struct fact *f)
{
	struct storage list[ARRAY_LEN(w->stored)];
	const struct extra *x = a->action.kind == ACTION_STORAGE ? NULL : model_extra(&w->m, a->action.id);
	const struct storage *s = x ? world_stored(w, *x->work ? x->work : x->provider_id) : NULL;
	size_t n = show(w, list);

	f->began = a->sent;
	if (a->action.kind == ACTION_STORAGE) {
		f->kind = FACT_STORAGE;
		f->account = w->m.accounts[a->action.id - 1]->facts.name;
		f->storages = list;
		f->storage_count = w->k.list_empty ? 0 : n;
	} else if (a->action.kind == ACTION_STORAGE_MAKE) {
		f->kind = FACT_STORAGE_MADE;
		f->text = x->kind == EXTRA_VOLUME && a->verdict == VERDICT_OK ? a->id : "";
		f->work = x->kind == EXTRA_SNAPSHOT && a->verdict == VERDICT_OK ? a->id : "";
	} else if (a->action.kind == ACTION_VOLUME_ATTACH || a->action.kind == ACTION_VOLUME_DETACH) {
		f->kind = FACT_VOLUME_MOVED;
		f->flag = a->action.kind == ACTION_VOLUME_ATTACH;
	} else if (a->action.kind == ACTION_STORAGE_BILL) {
		f->kind = FACT_STORAGE_BILLED;
		f->count = !w->k.storage_silent;
		f->price = (x->settled ? x->posted : x->bill_metered) + w->k.storage_more;
	} else if (a->action.kind == ACTION_STORAGE_LOOK) {
		f->kind = FACT_STORAGE_LOOKED;
		f->storages = s;
		f->storage_count = s != NULL;
	} else {
		f->kind = FACT_EXTRA_ENDED;
	}
	world_fact(w, f);
}

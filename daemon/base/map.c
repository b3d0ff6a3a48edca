#include "map.h"

static size_t home(const struct map *m, int64_t key)
{
	return (size_t)((uint64_t)key * 0x9e3779b97f4a7c15u >> 20) & (m->cap - 1);
}

static struct map_slot *find(const struct map *m, int64_t key)
{
	size_t i = home(m, key);

	while (m->slots[i].key && m->slots[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

static void grow(struct map *m)
{
	struct map old = *m;

	m->cap = old.cap ? 2 * old.cap : 64;
	m->slots = xcalloc(m->cap, sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].key)
			*find(m, old.slots[i].key) = old.slots[i];
	free(old.slots);
}

void map_set(struct map *m, int64_t key, void *value)
{
	struct map_slot *s;

	if (key <= 0)
		BUG("map key %lld", (long long)key);
	if (2 * (m->count + 1) > m->cap)
		grow(m);
	s = find(m, key);
	m->count += !s->key;
	*s = (struct map_slot){ key, value };
}

void *map_get(const struct map *m, int64_t key)
{
	return m->cap && key > 0 ? find(m, key)->value : NULL;
}

void map_remove(struct map *m, int64_t key)
{
	size_t i, j;

	if (!m->cap || !find(m, key)->key)
		return;
	i = (size_t)(find(m, key) - m->slots);
	m->count--;
	/* Close the gap: move back what would no longer be found. */
	for (j = (i + 1) & (m->cap - 1); m->slots[j].key; j = (j + 1) & (m->cap - 1)) {
		size_t h = home(m, m->slots[j].key);

		if (((j - h) & (m->cap - 1)) >= ((j - i) & (m->cap - 1))) {
			m->slots[i] = m->slots[j];
			i = j;
		}
	}
	m->slots[i] = (struct map_slot){ 0 };
}

void map_free(struct map *m)
{
	free(m->slots);
	memset(m, 0, sizeof(*m));
}

#include "words.h"

static uint32_t hash_of(const char *s)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

static void grow(struct words *w)
{
	size_t cap = w->cap ? 2 * w->cap : 256;
	uint32_t *slots = xcalloc(cap, sizeof(*slots)); /* number + 1; 0: free */

	for (size_t k = 0; k < w->count; k++) {
		size_t at = hash_of(w->text[k]) & (cap - 1);

		while (slots[at])
			at = (at + 1) & (cap - 1);
		slots[at] = (uint32_t)k + 1;
	}
	free(w->slots);
	w->slots = slots;
	w->cap = cap;
	w->text = xreallocarray(w->text, cap, sizeof(*w->text));
}

uint32_t words_number(struct words *w, const char *text)
{
	size_t at;

	if (2 * w->count >= w->cap)
		grow(w);
	for (at = hash_of(text) & (w->cap - 1); w->slots[at]; at = (at + 1) & (w->cap - 1))
		if (!strcmp(w->text[w->slots[at] - 1], text))
			return w->slots[at] - 1;
	if (w->count >= WORDS_MAX)
		return WORDS_MAX - 1;
	w->text[w->count] = xstrdup(text);
	w->slots[at] = (uint32_t)++w->count;
	return (uint32_t)w->count - 1;
}

void words_free(struct words *w)
{
	for (size_t k = 0; k < w->count; k++)
		free(w->text[k]);
	free(w->text);
	free(w->slots);
	memset(w, 0, sizeof(*w));
}

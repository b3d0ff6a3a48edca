#include "heap.h"

static bool before(const struct heap_node *a, const struct heap_node *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void put(struct heap *h, size_t i, struct heap_node *n)
{
	h->nodes[i] = n;
	n->at = i + 1;
}

static void rise(struct heap *h, size_t i, struct heap_node *n)
{
	while (i && before(n, h->nodes[(i - 1) / 2])) {
		put(h, i, h->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(h, i, n);
}

static void sink(struct heap *h, size_t i, struct heap_node *n)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= h->count)
			break;
		if (child + 1 < h->count && before(h->nodes[child + 1], h->nodes[child]))
			child++;
		if (!before(h->nodes[child], n))
			break;
		put(h, i, h->nodes[child]);
		i = child;
	}
	put(h, i, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
	size_t i = n->at;
	struct heap_node *last;

	if (!i)
		return;
	i--;
	n->at = 0;
	last = h->nodes[--h->count];
	if (last == n)
		return;
	if (i && before(last, h->nodes[(i - 1) / 2]))
		rise(h, i, last);
	else
		sink(h, i, last);
}

void heap_set(struct heap *h, struct heap_node *n, instant due)
{
	if (n->at && n->due == due)
		return;
	heap_remove(h, n);
	if (h->count == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 64;
		h->nodes = xreallocarray(h->nodes, h->cap, sizeof(*h->nodes));
	}
	n->due = due;
	n->order = h->next_order++;
	rise(h, h->count++, n);
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->count ? h->nodes[0] : NULL;
}

void heap_free(struct heap *h)
{
	free(h->nodes);
	memset(h, 0, sizeof(*h));
}

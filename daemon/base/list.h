/*
 * An intrusive, circular, doubly linked list. The head is a node of its own; an unlinked node points at itself.
 *
 *	struct list runs = LIST_HEAD(runs);
 *	list_append(&runs, &run->link);
 *	list_for_each(n, &runs) { struct run *r = CONTAINER_OF(n, struct run, link); ... }
 */
#ifndef GPUFLEET_LIST_H
#define GPUFLEET_LIST_H

#include "mem.h"

struct list {
	struct list *next, *prev;
};

#define LIST_HEAD(name) { &(name), &(name) }

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Safe to call twice: the node is left pointing at itself. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

#define list_for_each(n, head) for (struct list *n = (head)->next; n != (head); n = n->next)
#define list_for_each_safe(n, head)                                                                \
	for (struct list *n = (head)->next, *n##_next = n->next; n != (head);                      \
	     n = n##_next, n##_next = n->next)

#endif

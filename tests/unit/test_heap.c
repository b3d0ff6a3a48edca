/* The heap of deadlines against a sorted array: same order, equal deadlines in the order of setting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/rng.h"

#define NODES 200

static struct heap_node nodes[NODES];

static struct model {
	bool in;
	instant due;
	uint64_t order;
} model[NODES];

static int first_of_model(void)
{
	int best = -1;

	for (int i = 0; i < NODES; i++)
		if (model[i].in && (best < 0 || model[i].due < model[best].due ||
				    (model[i].due == model[best].due && model[i].order < model[best].order)))
			best = i;
	return best;
}

static void check(const struct heap *h)
{
	int want = first_of_model();
	size_t count = 0;

	assert_ptr_equal(heap_first(h), want < 0 ? NULL : &nodes[want]);
	for (int i = 0; i < NODES; i++) {
		assert_int_equal(nodes[i].at != 0, model[i].in);
		if (!model[i].in)
			continue;
		count++;
		assert_ptr_equal(h->nodes[nodes[i].at - 1], &nodes[i]);
	}
	assert_int_equal(h->count, count);
}

static void test_against_an_array(void **state)
{
	struct heap h = { 0 };
	struct rng rng;
	uint64_t order = 0;

	(void)state;
	rng_seed(&rng, 12);
	for (int round = 0; round < 20000; round++) {
		int i = (int)rng_below(&rng, NODES);
		instant due = (instant)rng_below(&rng, 50); /* many equal ones */

		switch (rng_below(&rng, 4)) {
		case 0:
			heap_remove(&h, &nodes[i]); /* in the heap or not */
			model[i].in = false;
			break;
		case 1:
			i = first_of_model();
			if (i >= 0) {
				heap_remove(&h, heap_first(&h));
				model[i].in = false;
			}
			break;
		default:
			heap_set(&h, &nodes[i], due);
			if (!model[i].in || model[i].due != due) /* setting the same deadline again keeps the place */
				model[i] = (struct model){ true, due, order++ };
		}
		if (round % 50 == 0)
			check(&h);
		else
			assert_ptr_equal(heap_first(&h), first_of_model() < 0 ? NULL : &nodes[first_of_model()]);
	}
	while (heap_first(&h)) {
		int i = first_of_model();

		assert_ptr_equal(heap_first(&h), &nodes[i]);
		heap_remove(&h, &nodes[i]);
		model[i].in = false;
	}
	check(&h);
	heap_free(&h);
	assert_null(heap_first(&h));
}

static void test_first_in_first_out(void **state)
{
	struct heap_node n[100] = { 0 };
	struct heap h = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		heap_set(&h, &n[i], 7);
	for (int i = 0; i < 100; i++) {
		assert_ptr_equal(heap_first(&h), &n[i]);
		heap_remove(&h, &n[i]);
		heap_remove(&h, &n[i]);
	}
	heap_set(&h, &n[0], FOREVER);
	heap_set(&h, &n[1], INT64_MIN);
	assert_ptr_equal(heap_first(&h), &n[1]);
	heap_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_an_array),
		cmocka_unit_test(test_first_in_first_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

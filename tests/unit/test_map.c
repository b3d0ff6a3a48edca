/* The map of ids against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/rng.h"

#define KEYS 500

static void test_against_an_array(void **state)
{
	void *model[KEYS] = { NULL };
	int64_t keys[KEYS];
	struct map m = { 0 };
	struct rng rng;
	size_t count = 0;

	(void)state;
	rng_seed(&rng, 13);
	/* Small ids, huge ids, and ids that differ only high up, so that chains form. */
	for (int i = 0; i < KEYS; i++)
		keys[i] = i % 3 == 0 ? i + 1 : i % 3 == 1 ? INT64_MAX - i : (int64_t)(i + 1) << 40;
	for (int round = 0; round < 200000; round++) {
		int i = (int)rng_below(&rng, round < 100000 ? KEYS : 40);
		void *value = (void *)(uintptr_t)(rng_below(&rng, 1000) + 1);

		if (rng_below(&rng, 2)) {
			map_set(&m, keys[i], value);
			count += !model[i];
			model[i] = value;
		} else {
			map_remove(&m, keys[i]);
			count -= !!model[i];
			model[i] = NULL;
		}
		assert_int_equal(m.count, count);
		if (round % 1000 == 0)
			for (int k = 0; k < KEYS; k++)
				assert_ptr_equal(map_get(&m, keys[k]), model[k]);
	}
	for (int k = 0; k < KEYS; k++) {
		assert_ptr_equal(map_get(&m, keys[k]), model[k]);
		map_remove(&m, keys[k]);
		map_remove(&m, keys[k]);
	}
	assert_int_equal(m.count, 0);
	map_free(&m);
}

static void test_edges(void **state)
{
	struct map m = { 0 };
	int x, y;

	(void)state;
	assert_null(map_get(&m, 1));
	map_remove(&m, 1);
	map_set(&m, 1, &x);
	map_set(&m, 1, &y); /* replaces */
	assert_int_equal(m.count, 1);
	assert_ptr_equal(map_get(&m, 1), &y);
	assert_null(map_get(&m, 0));
	assert_null(map_get(&m, -1));
	map_remove(&m, 0);
	map_remove(&m, -1);
	assert_int_equal(m.count, 1);
	map_free(&m);
	assert_null(map_get(&m, 1));
	map_set(&m, INT64_MAX, &x); /* usable again */
	assert_ptr_equal(map_get(&m, INT64_MAX), &x);
	map_free(&m);
}

static void test_many(void **state)
{
	struct map m = { 0 };

	(void)state;
	for (int64_t k = 1; k <= 100000; k++)
		map_set(&m, k, (void *)(uintptr_t)k);
	for (int64_t k = 1; k <= 100000; k += 2)
		map_remove(&m, k);
	for (int64_t k = 1; k <= 100000; k++)
		assert_ptr_equal(map_get(&m, k), (void *)(uintptr_t)(k % 2 ? 0 : k));
	map_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_an_array),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

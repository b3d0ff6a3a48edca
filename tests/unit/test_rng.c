/* Random bytes: the published sequence when seeded, the kernel's otherwise, even in any range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

static void test_sequence(void **state)
{
	struct rng a, b;
	uint8_t bytes[20];
	uint64_t first;

	(void)state;
	rng_seed(&a, 0); /* SplitMix64 from 0 into xoshiro256**, computed apart */
	assert_true(rng_u64(&a) == 0x99ec5f36cb75f2b4);
	assert_true(rng_u64(&a) == 0xbf6e1f784956452a);
	assert_true(rng_u64(&a) == 0x1a5f849d4933e6e0);
	rng_seed(&a, 77);
	rng_seed(&b, 77);
	for (int i = 0; i < 100; i++)
		assert_true(rng_u64(&a) == rng_u64(&b));
	rng_seed(&b, 78);
	assert_true(rng_u64(&a) != rng_u64(&b));
	/* Bytes are the same sequence, and no more of them are written than were asked for. */
	rng_seed(&a, 0);
	memset(bytes, 0xee, sizeof(bytes));
	rng_fill(&a, bytes, 11);
	memcpy(&first, bytes, 8);
	assert_true(first == 0x99ec5f36cb75f2b4);
	for (size_t i = 11; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0xee);
	rng_fill(&a, bytes, 0);
}

static void test_below(void **state)
{
	unsigned seen[7] = { 0 };
	struct rng r;

	(void)state;
	rng_seed(&r, 5);
	for (int i = 0; i < 70000; i++)
		seen[rng_below(&r, 7)]++;
	for (int i = 0; i < 7; i++)
		assert_in_range(seen[i], 9500, 10500);
	for (int i = 0; i < 1000; i++) {
		assert_true(rng_below(&r, 1) == 0);
		assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
		assert_true(rng_below(&r, (UINT64_MAX >> 1) + 2) <= (UINT64_MAX >> 1) + 1);
	}
}

static void test_kernel(void **state)
{
	uint8_t bytes[64] = { 0 };
	struct rng r;
	unsigned zeros = 0;

	(void)state;
	rng_seed(&r, 1);
	rng_kernel(&r);
	assert_false(r.seeded);
	assert_true(rng_u64(&r) != rng_u64(&r));
	rng_fill(&r, bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		zeros += !bytes[i];
	assert_true(zeros < 16);
	assert_true(rng_below(&r, 10) < 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

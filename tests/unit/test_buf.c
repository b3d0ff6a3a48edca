/* The growable buffer: never beyond its ceiling, never half an append, always terminated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/rng.h"

static void test_empty(void **state)
{
	struct buf b = BUF(10);
	char *taken;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	buf_consume(&b, 5);
	buf_reset(&b);
	taken = buf_take(&b);
	assert_string_equal(taken, "");
	free(taken);
	buf_free(&b);
	buf_free(&b);
	assert_true(buf_append(&b, NULL, 0));
	buf_free(&b);
}

static void test_ceiling(void **state)
{
	struct buf b = BUF(10);

	(void)state;
	assert_true(buf_puts(&b, "0123456789")); /* exactly full */
	assert_false(b.overflow);
	assert_false(buf_putc(&b, 'x'));
	assert_true(b.overflow);
	assert_string_equal(buf_str(&b), "0123456789");
	buf_reset(&b);
	assert_false(b.overflow);
	assert_true(buf_puts(&b, "abcdef"));
	assert_false(buf_puts(&b, "ghijk")); /* dropped whole */
	assert_string_equal(buf_str(&b), "abcdef");
	assert_false(buf_printf(&b, "%d", 12345));
	assert_string_equal(buf_str(&b), "abcdef");
	assert_true(buf_printf(&b, "%d", 1234));
	assert_string_equal(buf_str(&b), "abcdef1234");
	assert_true(b.overflow); /* sticky */
	assert_false(buf_append(&b, "x", SIZE_MAX));
	assert_false(buf_append(&b, "x", SIZE_MAX - 3));
	buf_free(&b);
}

static void test_bytes(void **state)
{
	struct buf b = BUF(100);
	char *taken;

	(void)state;
	buf_append(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
	buf_consume(&b, 2);
	assert_string_equal(buf_str(&b), "b");
	buf_consume(&b, 99);
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_str(&b), "");
	buf_puts(&b, "kept");
	taken = buf_take(&b);
	assert_string_equal(taken, "kept");
	assert_int_equal(b.len, 0);
	assert_true(buf_puts(&b, "again"));
	assert_string_equal(buf_str(&b), "again");
	free(taken);
	buf_free(&b);
}

/* Any sequence of operations agrees with a plain array. */
static void test_against_an_array(void **state)
{
	struct buf b = BUF(700);
	char model[701] = "", piece[64];
	size_t len = 0;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 9);
	for (int round = 0; round < 50000; round++) {
		size_t n = (size_t)rng_below(&rng, sizeof(piece));

		switch (rng_below(&rng, 8)) {
		case 0:
			buf_consume(&b, n);
			n = n < len ? n : len;
			memmove(model, model + n, len - n);
			len -= n;
			break;
		case 1:
			if (n < 3) {
				buf_reset(&b);
				len = 0;
			}
			break;
		default:
			rng_fill(&rng, piece, n);
			assert_int_equal(buf_append(&b, piece, n), len + n <= 700);
			if (len + n <= 700) {
				memcpy(model + len, piece, n);
				len += n;
			}
		}
		assert_int_equal(b.len, len);
		if (b.data) {
			assert_memory_equal(b.data, model, len);
			assert_int_equal(b.data[len], 0);
		}
	}
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_against_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

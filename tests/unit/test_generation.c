/* The note beside the key that tells a lost or older database from the newest one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_help.h"

#include "generation.h"

static void write_note(const struct db_place *p, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/site.generation", p->dir);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_first_start(void **state)
{
	const struct db_place *p = *state;
	struct generation g;
	struct err e = { 0 };

	assert_int_equal(generation_load(&g, p->dir, &e), 0);
	assert_int_equal(g.number, 1);
	assert_false(generation_rolled_back(&g, 0));
	assert_false(generation_rolled_back(&g, 50)); /* a database that was used before there were notes */
}

static void test_rolled_back(void **state)
{
	const struct db_place *p = *state;
	struct generation g;
	struct err e = { 0 };

	assert_int_equal(generation_load(&g, p->dir, &e), 0);
	generation_note(&g, p->dir, 120);
	generation_note(&g, p->dir, 90); /* never back */
	assert_int_equal(generation_load(&g, p->dir, &e), 0);
	assert_int_equal(g.events, 120);
	assert_false(generation_rolled_back(&g, 120));
	assert_false(generation_rolled_back(&g, 121)); /* notes lag */
	assert_true(generation_rolled_back(&g, 119));
	assert_int_equal(g.number, 2);

	/* The process ends before its first commit: the next one sees the same. */
	assert_int_equal(generation_load(&g, p->dir, &e), 0);
	assert_true(generation_rolled_back(&g, 0));
	generation_note(&g, p->dir, 3);
	assert_int_equal(generation_load(&g, p->dir, &e), 0);
	assert_int_equal(g.number, 2);
	assert_int_equal(g.events, 3);
	assert_false(generation_rolled_back(&g, 3));
}

static void test_damaged(void **state)
{
	static const char *const bad[] = { "", "\n", "1", "1 ", "x 2\n", "0 5\n", "-1 5\n", "1 -5\n", "1 2 3\n", "99999999999999999999 1\n" };
	const struct db_place *p = *state;
	struct generation g;
	struct err e;

	for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
		memset(&e, 0, sizeof(e));
		write_note(p, bad[k]);
		assert_int_equal(generation_load(&g, p->dir, &e), -1);
		assert_non_null(strstr(e.msg, "site.generation"));
	}
	write_note(p, "7 123");
	assert_int_equal(generation_load(&g, p->dir, &e), 0);
	assert_int_equal(g.number, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DB_TEST(test_first_start),
		DB_TEST(test_rolled_back),
		DB_TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

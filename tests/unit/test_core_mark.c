/* The names that machines carry: gf1-<site>-<intent>-<deadline>-<mac> (reliability §2.3). */
#include "core_world.h"

static const uint8_t KEY[MARK_KEY_LEN] = { 1, 2, 3 };
static const instant WHEN = (instant)1795132800 * SECOND;

static void made_and_read(void **state)
{
	char text[ID_MAX];
	struct mark m;

	(void)state;
	for (uint64_t k = 0; k < 200; k++) {
		instant deadline = WHEN + (instant)(k * k) * 7 * SECOND;

		mark_make(text, KEY, "cloud", "abc234", k * 0x9e3779b97f4a7c15ull, deadline);
		assert_int_equal(strlen(text), MARK_LEN);
		assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-"), MARK_LEN);
		assert_int_equal(mark_read(&m, text, KEY, "cloud", "abc234"), MARK_OURS);
		assert_true(m.deadline >= deadline && m.deadline < deadline + MINUTE && m.deadline % MINUTE == 0);
		assert_int_equal(strlen(m.intent), 13);
	}
}

static void whole_minutes_stay(void **state)
{
	char text[ID_MAX];
	struct mark m;

	(void)state;
	mark_make(text, KEY, "cloud", "abc234", 1, WHEN);
	assert_int_equal(mark_read(&m, text, KEY, "cloud", "abc234"), MARK_OURS);
	assert_int_equal(m.deadline, WHEN);
}

/* Any change of one character, another key, another provider: not ours. Another site: said to be another's. */
static void nothing_else_is_ours(void **state)
{
	uint8_t other[MARK_KEY_LEN] = { 1, 2, 4 };
	char text[ID_MAX], changed[ID_MAX];
	struct mark m;

	(void)state;
	mark_make(text, KEY, "cloud", "abc234", 42, WHEN);
	for (size_t k = 0; k < MARK_LEN; k++) {
		str_copy(changed, text);
		changed[k] = changed[k] == 'a' ? 'b' : 'a';
		assert_int_not_equal(mark_read(&m, changed, KEY, "cloud", "abc234"), MARK_OURS);
	}
	assert_int_equal(mark_read(&m, text, other, "cloud", "abc234"), MARK_FORGED);
	assert_int_equal(mark_read(&m, text, KEY, "other", "abc234"), MARK_FORGED);
	assert_int_equal(mark_read(&m, text, KEY, "cloud", "zzz234"), MARK_OTHER);
}

static void what_people_type(void **state)
{
	static const struct {
		const char *text;
		enum mark_verdict verdict;
	} cases[] = { { "", MARK_NONE }, { "jupyter", MARK_NONE }, { "gf1", MARK_NONE }, { "GF1-abc234-x", MARK_NONE },
		{ "gf2-abc234-aaaaaaaaaaaaa-aaaaaa-aaaaaaaa", MARK_NONE }, { "gf1-", MARK_FORGED }, { "gf1-abc234", MARK_FORGED },
		{ "gf1-abc234-aaaaaaaaaaaaa-aaaaaa-aaaaaaaa", MARK_FORGED },
		{ "gf1-abc234-aaaaaaaaaaaaa-111111-aaaaaaaa", MARK_FORGED },
		{ "gf1-abc234-aaaaaaaaaaaaa-aaaaaa-aaaaaaaaa", MARK_FORGED },
		{ "gf1-abc234-aaaaaaaaaaaaa-aaaaaa-aaaaaaa;", MARK_FORGED },
		{ "gf1-zzz234-aaaaaaaaaaaaa-aaaaaa-aaaaaaaa", MARK_OTHER } };
	struct mark m;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++)
		if (mark_read(&m, cases[k].text, KEY, "cloud", "abc234") != cases[k].verdict)
			fail_msg("'%s' is read as %d", cases[k].text, (int)mark_read(&m, cases[k].text, KEY, "cloud", "abc234"));
}

static void extended(void **state)
{
	char text[ID_MAX], longer[ID_MAX], other[ID_MAX];
	struct mark a, b;

	(void)state;
	mark_make(text, KEY, "cloud", "abc234", 42, WHEN);
	mark_make(other, KEY, "cloud", "abc234", 43, WHEN);
	mark_extend(longer, KEY, "cloud", "abc234", text, WHEN + HOUR);
	assert_int_equal(mark_read(&a, text, KEY, "cloud", "abc234"), MARK_OURS);
	assert_int_equal(mark_read(&b, longer, KEY, "cloud", "abc234"), MARK_OURS);
	assert_string_equal(a.intent, b.intent);
	assert_int_equal(b.deadline, WHEN + HOUR);
	assert_true(mark_same_intent(text, longer));
	assert_false(mark_same_intent(text, other));
	assert_false(mark_same_intent(text, "jupyter"));
	assert_false(mark_same_intent("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_and_read),
		cmocka_unit_test(whole_minutes_stay),
		cmocka_unit_test(nothing_else_is_ours),
		cmocka_unit_test(what_people_type),
		cmocka_unit_test(extended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The host key of an order: the same whenever it is asked for, and nobody else's. */
#include "daemon/hostkey.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char *of(const struct model *m, int64_t id, instant planned)
{
	struct instance i = { .object.id = id, .planned = planned };
	struct ssh_key *k = hostkey_of(m, &i);
	char *text = xstrdup(ssh_key_public(k));

	ssh_key_free(k);
	return text;
}

static void one_order_one_key(void **state)
{
	struct model m = { .site = "abcdef", .mark_key = { 1, 2, 3 } }, other_site = m, other_key = m;
	char *same[2], *others[4];

	(void)state;
	str_copy(other_site.site, "fedcba");
	other_key.mark_key[31] = 1;
	same[0] = of(&m, 7, 1000);
	same[1] = of(&m, 7, 1000);
	assert_string_equal(same[0], same[1]);
	assert_true(str_starts(same[0], "ssh-ed25519 AAAA"));
	others[0] = of(&m, 8, 1000);
	others[1] = of(&m, 7, 1001);
	others[2] = of(&other_site, 7, 1000);
	others[3] = of(&other_key, 7, 1000);
	for (int k = 0; k < 4; k++) {
		assert_string_not_equal(same[0], others[k]);
		free(others[k]);
	}
	free(same[0]);
	free(same[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(one_order_one_key) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Host keys known beforehand: of an order, the same whenever asked for; and what the log of a boot proves. */
#include "daemon/derived_key.h"
#include "base/str.h"
#include "providers/bootlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char *of(const struct model *m, int64_t id, instant planned, enum hostkey which)
{
	struct instance i = { .object.id = id, .planned = planned };
	struct ssh_key *k = derived_host_key(m, &i, which);
	char *text = xstrdup(ssh_key_public(k));

	ssh_key_free(k);
	return text;
}

static void one_order_one_key(void **state)
{
	struct model m = { .site = "abcdef", .mark_key = { 1, 2, 3 } }, other_site = m, other_key = m;
	char *same[2], *others[5];

	(void)state;
	str_copy(other_site.site, "fedcba");
	other_key.mark_key[31] = 1;
	same[0] = of(&m, 7, 1000, HOSTKEY_FIRST);
	same[1] = of(&m, 7, 1000, HOSTKEY_FIRST);
	assert_string_equal(same[0], same[1]);
	assert_true(str_starts(same[0], "ssh-ed25519 AAAA"));
	others[0] = of(&m, 8, 1000, HOSTKEY_FIRST);
	others[1] = of(&m, 7, 1001, HOSTKEY_FIRST);
	others[2] = of(&other_site, 7, 1000, HOSTKEY_FIRST);
	others[3] = of(&other_key, 7, 1000, HOSTKEY_FIRST);
	others[4] = of(&m, 7, 1000, HOSTKEY_LASTING);
	for (int k = 0; k < 5; k++) {
		assert_string_not_equal(same[0], others[k]);
		free(others[k]);
	}
	free(same[0]);
	free(same[1]);
}

static void one_fleet_one_key(void **state)
{
	struct model m = { .site = "abcdef", .mark_key = { 1, 2, 3 } };
	struct fleet one = { .object.id = 7, .created = 1000 }, other = { .object.id = 8, .created = 1000 };
	struct ssh_key *k = derived_fleet_key(&m, &one), *again = derived_fleet_key(&m, &one), *others = derived_fleet_key(&m, &other);
	struct instance i = { .object.id = 7, .planned = 1000 };
	struct ssh_key *host = derived_host_key(&m, &i, HOSTKEY_FIRST);

	(void)state;
	assert_string_equal(ssh_key_public(k), ssh_key_public(again));
	assert_string_not_equal(ssh_key_public(k), ssh_key_public(others));
	assert_true(strncmp(ssh_key_public(k), ssh_key_public(host), 60) != 0);
	ssh_key_free(k);
	ssh_key_free(again);
	ssh_key_free(others);
	ssh_key_free(host);
}

/* Made by `ssh-keygen -t ed25519`, and what `ssh-keygen -lf` says of it. */
#define LINE  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPIjc8kIEQDT8pHpCqSOOOU2ANl6cj6bv8YaM17u16R/ a comment"
#define PRINT "SHA256:HmIxk+UMm5oEShasvw/pCI7ZGycMhfY4sDzhs9kAZWI"
#define OTHER "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void fingerprints_are_those_of_openssh(void **state)
{
	char print[SSH_PRINT_MAX];

	(void)state;
	assert_true(ssh_key_print(LINE, print));
	assert_string_equal(print, PRINT);
	assert_true(ssh_key_printed(LINE, OTHER "\n" PRINT "\n"));
	assert_true(ssh_key_printed(LINE, PRINT));
	assert_true(ssh_print_valid(PRINT));
	assert_false(ssh_print_valid(PRINT "x"));
	assert_false(ssh_print_valid("MD5:" PRINT));
	assert_false(ssh_key_printed(LINE, OTHER "\n"));
	assert_false(ssh_key_printed(LINE, PRINT "x\n"));
	assert_false(ssh_key_printed(LINE, ""));
	assert_false(ssh_key_print("ssh-ed25519", print));
	assert_false(ssh_key_print("ssh-ed25519 !!!!", print));
}

static const char *prints_of(struct bootlog *b, const char *text)
{
	*b = (struct bootlog){ .lines = 0 };
	bootlog_text(b, text, strlen(text));
	return bootlog_proves(b) ? b->prints : "nothing";
}

static void only_the_first_block_of_a_log_counts(void **state)
{
	static const char started[] = "Starting Nginx service...\nSetting up SSH...\nRSA key fingerprint:\n"
				      "3072 " OTHER " root@pod (RSA)\nED25519 key fingerprint:\r\n256 " PRINT " root@pod (ED25519)\r\n";
	struct bootlog b;
	struct buf spoofed = BUF(4096), flood = BUF(1024 * 1024);

	(void)state;
	assert_string_equal(prints_of(&b, started), OTHER "\n" PRINT "\n");
	buf_printf(&spoofed, "SSH host keys:\nKey: /etc/ssh/x.pub\n256 " PRINT " root@pod (ED25519)\nEpoch 1\n256 " OTHER " me@pod (ED25519)\n");
	assert_string_equal(prints_of(&b, buf_str(&spoofed)), PRINT "\n");
	/* Almost a fingerprint, and none. */
	assert_string_equal(prints_of(&b, ""), "nothing");
	assert_string_equal(prints_of(&b, "256 SHA256:short root@pod (ED25519)\n"), "nothing");
	assert_string_equal(prints_of(&b, "256 " PRINT "\n"), "nothing");
	assert_string_equal(prints_of(&b, "256 " PRINT " root@pod (DSA)\n"), "nothing");
	assert_string_equal(prints_of(&b, "said: 256 " PRINT " root@pod (ED25519)\n"), "nothing");
	assert_string_equal(prints_of(&b, "256 MD5:00:11:22 root@pod (ED25519)\n"), "nothing");
	/* So many lines that the first ones may be missing: it could have been written by whatever runs there. */
	buf_puts(&flood, buf_str(&spoofed));
	for (int i = 5; i < BOOTLOG_LINES - 1; i++)
		buf_puts(&flood, "y\n");
	assert_string_equal(prints_of(&b, buf_str(&flood)), PRINT "\n");
	buf_puts(&flood, "y\n");
	assert_string_equal(prints_of(&b, buf_str(&flood)), "nothing");
	/* More keys than there is room for: those that fit. */
	buf_reset(&flood);
	for (int i = 0; i < 100; i++)
		buf_puts(&flood, "256 " PRINT " root@pod (ED25519)\n");
	assert_true(strlen(prints_of(&b, buf_str(&flood))) < PRINTS_MAX);
	buf_free(&spoofed);
	buf_free(&flood);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(one_order_one_key),
		cmocka_unit_test(one_fleet_one_key), cmocka_unit_test(fingerprints_are_those_of_openssh),
		cmocka_unit_test(only_the_first_block_of_a_log_counts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

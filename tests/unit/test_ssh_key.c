/* The site key: made once, kept private, and understood by OpenSSH. */
#include "remote/ssh_key.h"

#include "base/str.h"
#include "sshd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <cmocka.h>

static char dir[64], path[128];

static int setup(void **state)
{
	(void)state;
	temp_dir(dir);
	snprintf(path, sizeof(path), "%s/site_key", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	remove_dir(dir);
	return 0;
}

static void made_once(void **state)
{
	struct ssh_key *k, *again;
	struct stat st;
	struct err e;

	(void)state;
	assert_int_equal(ssh_key_load(&k, path, "gpufleet-ab12cd", &e), 0);
	assert_true(str_starts(ssh_key_public(k), "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"));
	assert_non_null(strstr(ssh_key_public(k), " gpufleet-ab12cd"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(ssh_key_load(&again, path, NULL, &e), 0);
	assert_int_equal(
	    strncmp(ssh_key_public(k), ssh_key_public(again), strlen(ssh_key_public(again))), 0);
	assert_null(strchr(strchr(ssh_key_public(again), ' ') + 1, ' '));
	ssh_key_free(k);
	ssh_key_free(again);
	ssh_key_free(NULL);
}

static void comments_stay_on_their_line(void **state)
{
	struct ssh_key *k;
	struct err e;

	(void)state;
	assert_int_equal(ssh_key_load(&k, path, "a\nssh-rsa AAAA", &e), 0);
	assert_null(strchr(ssh_key_public(k), '\n'));
	ssh_key_free(k);
}

static void refuses_what_is_not_private(void **state)
{
	struct ssh_key *k;
	struct err e;
	char other[160];

	(void)state;
	assert_int_equal(ssh_key_load(&k, path, NULL, &e), 0);
	ssh_key_free(k);
	chmod(path, 0640);
	assert_int_equal(ssh_key_load(&k, path, NULL, &e), -1);
	assert_null(k);
	assert_non_null(strstr(e.msg, "chmod 600"));
	chmod(path, 0600);
	snprintf(other, sizeof(other), "%s/link", dir);
	assert_int_equal(symlink(path, other), 0);
	assert_int_equal(ssh_key_load(&k, other, NULL, &e), -1);
}

static void refuses_other_keys(void **state)
{
	static const char *const kinds[][8] = {
		{ "-t", "rsa", "-m", "PKCS8", "-N", "" },
		{ "-t", "rsa", "-m", "PKCS8", "-N", "pass phrase" },
		{ "-t", "ed25519", "-N", "" }, /* OpenSSH's own format */
	};
	struct ssh_key *k;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const char *argv[16] = { "/usr/bin/ssh-keygen", "-q", "-f", path };

		for (size_t j = 0; kinds[i][j]; j++)
			argv[4 + j] = kinds[i][j];
		unlink(path);
		assert_int_equal(run_program(argv), 0);
		assert_int_equal(ssh_key_load(&k, path, NULL, &e), -1);
		assert_non_null(strstr(e.msg, "PKCS#8"));
	}
	snprintf(path, sizeof(path), "%s/no/such/dir/key", dir);
	assert_int_equal(ssh_key_load(&k, path, NULL, &e), -1);
}

static void signatures_verify(void **state)
{
	uint8_t sig[64];
	EVP_PKEY *public;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct ssh_key *k;
	const uint8_t *blob;
	size_t len;
	struct err e;

	(void)state;
	assert_int_equal(ssh_key_load(&k, path, NULL, &e), 0);
	blob = ssh_key_blob(k, &len);
	assert_int_equal(len, 51);
	assert_memory_equal(blob, "\0\0\0\x0bssh-ed25519\0\0\0\x20", 19);
	assert_int_equal(ssh_key_sign(k, "data", 4, sig), 0);
	public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, blob + 19, 32);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, public), 1);
	assert_int_equal(EVP_DigestVerify(ctx, sig, 64, (const unsigned char *)"data", 4), 1);
	assert_int_equal(EVP_DigestVerify(ctx, sig, 64, (const unsigned char *)"Data", 4), 0);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(public);
	ssh_key_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(comments_stay_on_their_line, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_not_private, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_other_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(signatures_verify, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

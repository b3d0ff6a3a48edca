/* Digests and MAC against published vectors; base64 that takes nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/rng.h"
#include "base/str.h"

static void test_digests(void **state)
{
	uint8_t out[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	(void)state;
	crypto_sha256("abc", 3, out); /* FIPS 180-4 */
	str_hex(out, 32, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	crypto_sha256("", 0, out);
	str_hex(out, 32, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	crypto_md5("message digest", 14, out); /* RFC 1321 */
	str_hex(out, 16, hex);
	assert_string_equal(hex, "f96b697d7cb7938d525a2f31aaf161d0");
}

static void test_hmac(void **state)
{
	uint8_t key[131], out[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	(void)state;
	memset(key, 0x0b, 20); /* RFC 4231, case 1 */
	crypto_hmac_sha256(key, 20, "Hi There", 8, out);
	str_hex(out, 32, hex);
	assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	crypto_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out); /* case 2 */
	str_hex(out, 32, hex);
	assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key)); /* case 6: a key longer than a block */
	crypto_hmac_sha256(key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First", 54, out);
	str_hex(out, 32, hex);
	assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_base64(void **state)
{
	static const struct {
		const char *text, *want;
	} good[] = {
		{ "", "" },      { "Zg==", "f" },     { "Zg", "f" },           { "Zm8=", "fo" },
		{ "Zm8", "fo" }, { "Zm9v", "foo" },   { "Zm9vYmFy", "foobar" },
	};
	static const char *const bad[] = { "Z", "Zg=", "Zg===", "=", "====", "Zm9vY", "Zm=v", "Zg==x", "Zm9v Zm9v", "Zm9v\n", "Zm-v", "Z_9v",
		"Zm9\xff" };
	struct rng rng;
	uint8_t *out;
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		out = crypto_base64_decode(good[i].text, &n);
		assert_non_null(out);
		assert_int_equal(n, strlen(good[i].want));
		assert_memory_equal(out, good[i].want, n);
		free(out);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		n = 7;
		out = crypto_base64_decode(bad[i], &n);
		if (out)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(n, 0);
	}
	rng_seed(&rng, 14);
	for (int i = 0; i < 5000; i++) {
		uint8_t raw[64];
		size_t len = (size_t)rng_below(&rng, sizeof(raw) + 1);
		char *text;

		rng_fill(&rng, raw, len);
		text = str_base64(raw, len);
		out = crypto_base64_decode(text, &n);
		assert_non_null(out);
		assert_int_equal(n, len);
		assert_memory_equal(out, raw, len);
		free(out);
		text[strcspn(text, "=")] = '\0'; /* padding is optional */
		out = crypto_base64_decode(text, &n);
		assert_int_equal(n, len);
		free(out);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

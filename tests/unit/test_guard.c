/* Who is let in over TCP: hosts, origins, tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "config/bearer.h"
#include "guard.h"

static struct config at(const char *listen_at)
{
	struct config c = { .listen_name_count = 2 };

	str_copy(c.listen, listen_at);
	str_copy(c.listen_names[0], "gpufleet.example.org");
	str_copy(c.listen_names[1], "other.example.org:8443");
	return c;
}

static void hosts(void **state)
{
	static const char *const good[] = { "127.0.0.1:8470", "localhost:8470", "LocalHost:8470", "gpufleet.example.org",
		"GPUFleet.Example.ORG", "other.example.org:8443" };
	static const char *const bad[] = { "", "127.0.0.1", "127.0.0.1:8471", "127.0.0.1:08470", "127.0.0.2:8470", "localhost", "evil.org",
		"evil.org:8470", "127.0.0.1:8470.evil.org", "evil.org@127.0.0.1:8470", "gpufleet.example.org:8470", "gpufleet.example.org.",
		"xgpufleet.example.org", "other.example.org", "127.0.0.1:8470 ", "[::1]:8470" };
	struct config c = at("127.0.0.1:8470"), six = at("[::1]:8470"), usual = at("localhost:80"), none = at("");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!guard_host(&c, good[i]))
			fail_msg("'%s' is refused", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (guard_host(&c, bad[i]))
			fail_msg("'%s' is let in", bad[i]);
	assert_false(guard_host(&c, NULL));
	assert_true(guard_host(&six, "[::1]:8470"));
	assert_true(guard_host(&six, "localhost:8470"));
	assert_false(guard_host(&six, "127.0.0.1:8470"));
	assert_false(guard_host(&six, "[::1]"));
	assert_true(guard_host(&usual, "localhost"));
	assert_true(guard_host(&usual, "127.0.0.1"));
	assert_true(guard_host(&usual, "127.0.0.1:80"));
	assert_false(guard_host(&none, "gpufleet.example.org"));
}

static void origins(void **state)
{
	struct config c = at("127.0.0.1:8470");

	(void)state;
	assert_true(guard_origin(&c, "http://127.0.0.1:8470"));
	assert_true(guard_origin(&c, "https://gpufleet.example.org"));
	assert_false(guard_origin(&c, "null"));
	assert_false(guard_origin(&c, ""));
	assert_false(guard_origin(&c, "http://evil.org"));
	assert_false(guard_origin(&c, "http://localhost:3000"));
	assert_false(guard_origin(&c, "file://127.0.0.1:8470"));
	assert_false(guard_origin(&c, "127.0.0.1:8470"));
	assert_true(guard_fetch(NULL));
	assert_true(guard_fetch("none"));
	assert_true(guard_fetch("same-origin"));
	assert_false(guard_fetch("same-site"));
	assert_false(guard_fetch("cross-site"));
	assert_false(guard_fetch("Same-Origin, cross-site"));
	assert_false(guard_fetch(""));
}

static void tokens(void **state)
{
	struct config_token list[3] = { { .name = "a", .known = true }, { .name = "b", .known = true }, { .name = "unread" } };
	struct config c = at("127.0.0.1:8470"), empty = at("127.0.0.1:8470");
	char text[BEARER_MAX + 64], token[BEARER_LEN + 1], shown[80];
	uint8_t zero[SHA256_LEN] = { 0 };

	(void)state;
	c.tokens = list;
	c.token_count = 3;
	bearer_digest("gft_aaaaaaaaaaaaaaaaaaaaaaaa", list[0].digest);
	bearer_new(token);
	bearer_digest(token, list[1].digest);
	snprintf(text, sizeof(text), "Bearer %s", token);
	assert_ptr_equal(guard_token(&c, text), &list[1]);
	assert_ptr_equal(guard_token(&c, "bearer   gft_aaaaaaaaaaaaaaaaaaaaaaaa"), &list[0]);
	assert_null(guard_token(&c, NULL));
	assert_null(guard_token(&c, ""));
	assert_null(guard_token(&c, "Bearer"));
	assert_null(guard_token(&c, "Bearer "));
	assert_null(guard_token(&c, "Basic gft_aaaaaaaaaaaaaaaaaaaaaaaa"));
	assert_null(guard_token(&c, "gft_aaaaaaaaaaaaaaaaaaaaaaaa"));
	assert_null(guard_token(&c, "Bearer gft_aaaaaaaaaaaaaaaaaaaaaaaA"));
	assert_null(guard_token(&c, "Bearer gft_aaaaaaaaaaaaaaaaaaaaaaa"));
	assert_null(guard_token(&c, "Bearer gft_aaaaaaaaaaaaaaaaaaaaaaaa,x"));
	assert_null(guard_token(&empty, text));
	/* The digest itself opens nothing, and neither does a token whose file was not read. */
	bearer_digest_text(list[1].digest, shown);
	snprintf(text, sizeof(text), "Bearer %s", shown + 7);
	assert_null(guard_token(&c, text));
	assert_memory_equal(list[2].digest, zero, SHA256_LEN);
	bearer_digest("", list[2].digest);
	assert_null(guard_token(&c, "Bearer "));
	assert_null(guard_token(&c, NULL));
	memset(text, 'x', sizeof(text));
	memcpy(text, "Bearer ", 7);
	text[sizeof(text) - 1] = '\0';
	bearer_digest(text + 7, list[2].digest);
	list[2].known = true;
	assert_null(guard_token(&c, text)); /* longer than any token */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts),
		cmocka_unit_test(origins),
		cmocka_unit_test(tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

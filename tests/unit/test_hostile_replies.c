/*
 * Every operation of every adapter hears what nobody should believe: nothing, HTML, halves, eight megabytes, and its own recorded
 * answers with each value in turn of a wrong kind. What is promised of that stands in replies.c.
 */
#include "replies.h"
#include "base/str.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const char *const bodies[] = {
	"", " ", "\n\n", "null", "true", "false", "0", "-1", "1e999", "NaN", "\"text\"", "[]", "[[]]", "[null]", "[{}]", "{}", "{", "}", "[", "{\"",
	"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>",
	"<!DOCTYPE html><title>Just a moment...</title>", "error code: 1010", "upstream connect error or disconnect/reset before headers",
	"\xef\xbb\xbf{}", "\xff\xfe", "\x1f\x8b\x08", "{\"id\":\"\xc3\x28\"}", "{\"id\":\"a\",\"id\":\"b\"}", "{}{}", "{\"id\":1},",
	"{\"id\":null}", "{\"id\":\"\"}", "{\"id\":0}", "{\"id\":-5}", "{\"id\":1e30}", "{\"id\":1.5}", "{\"id\":[1]}", "{\"id\":\"\\u0000\"}",
	"{\"id\":\"../../account\"}", "{\"id\":\"a/b?c#d\"}", "{\"id\":\"\\r\\nX-Evil: 1\"}", "{\"id\":\"--\"}", "{\"id\":\"%2e%2e\"}",
	"{\"error\":{\"message\":5}}", "{\"errors\":[[[]]]}", "{\"message\":\"\\u001b[2J\\u202e\"}", "{\"msg\":\"" REPLIES_TOKEN "\"}",
	"{\"error\":\"" REPLIES_TOKEN "\"}", "{\"message\":\"bad token " REPLIES_TOKEN "\"}", "{\"detail\":\"" REPLIES_TOKEN "\"}",
	REPLIES_TOKEN, "{\"success\":true}", "{\"success\":false}", "{\"success\":\"yes\",\"new_contract\":\"12\"}",
	"{\"success\":true,\"new_contract\":-7}", "{\"droplet\":{\"id\":\"../1\"}}", "{\"pods\":[],\"pagination\":{\"hasNextPage\":true}}",
	"{\"droplets\":[],\"meta\":{\"total\":9},\"links\":{}}", "{\"instances\":[],\"next_token\":\"t\"}", "{\"instances\":[],\"total_instances\":3}",
	"{\"data\":{\"myself\":null}}", "{\"droplets\":[],\"links\":{\"pages\":{\"next\":\"https://evil.example/v2/droplets?page=2\"}}}",
	"{\"result_url\":\"https://evil.example/log\"}", "{\"result_url\":\"file:///etc/passwd\"}",
};

/* 200 with every body, the others by turns. */
static const int statuses[] = { 201, 204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 503, 0 };

static const char *const types[] = { "application/json", "text/html" };

static void play(const struct provider *p, enum provider_op_kind op, const struct http_response *res, const char *about)
{
	const char *wrong = replies_play(p, op, res, 1);

	for (int step = 0; step < 4 && !*wrong; step++)
		wrong = replies_read(p, op, step, res);
	if (*wrong)
		fail_msg("%s, operation %d, %s, status %d, %.200s: %s", p->name, (int)op, about, res->status, res->body, wrong);
}

static void play_all(const struct http_response *res, const char *about)
{
	for (const struct provider *const *p = replies_providers(); *p; p++)
		for (int op = 0; op < OP_NR; op++)
			if ((*p)->op[op].build)
				play(*p, (enum provider_op_kind)op, res, about);
}

static void nothing_hostile_is_believed(void **state)
{
	(void)state;
	for (size_t b = 0; b < ARRAY_LEN(bodies); b++)
		for (size_t turn = 0; turn < 3; turn++) {
			struct http_response res = { .outcome = HTTP_ANSWERED, .status = 200, .body = bodies[b], .len = strlen(bodies[b]) };

			if (turn)
				res.status = statuses[(b * 2 + turn) % ARRAY_LEN(statuses)];
			str_copy(res.content_type, types[turn % ARRAY_LEN(types)]);
			play_all(&res, "a hostile body");
		}
}

static void a_broken_connection_is_no_answer(void **state)
{
	(void)state;
	for (int outcome = HTTP_NOT_SENT; outcome <= HTTP_BROKEN; outcome++) {
		struct http_response res = { .outcome = (enum http_outcome)outcome, .status = 200, .body = "" };

		str_copy(res.trouble, "connection reset");
		play_all(&res, "a broken connection");
	}
}

/* Eight megabytes: a page of HTML, a list that never ends, one text; by turns, as each takes its time. */
static void eight_megabytes_are_survived(void **state)
{
	static const char *const begins[] = { "<html>", "[", "{\"id\":\"" };
	const size_t size = 8u * 1024 * 1024;
	char *big = xmalloc(size + 1);

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(begins); k++) {
		struct http_response res = { .outcome = HTTP_ANSWERED, .status = 200, .body = big, .len = size, .content_type = "application/json" };
		size_t turn = 0;

		memset(big, k == 1 ? '[' : 'x', size);
		memcpy(big, begins[k], strlen(begins[k]));
		big[size] = '\0';
		for (const struct provider *const *p = replies_providers(); *p; p++)
			for (int op = 0; op < OP_NR; op++) {
				bool mine = (*p)->op[op].read && (turn++ + k) % (2 * ARRAY_LEN(begins)) == 0;
				const char *wrong = mine ? replies_read(*p, (enum provider_op_kind)op, 0, &res) : "";

				if (*wrong)
					fail_msg("%s, operation %d: %s", (*p)->name, op, wrong);
			}
	}
	free(big);
}

/* ---- recorded answers ---- */

static char *read_file(const char *path, size_t *n)
{
	struct buf b = BUF(1024 * 1024);
	char block[4096];
	FILE *f = fopen(path, "r");

	if (!f)
		fail_msg("cannot read %s", path);
	while ((*n = fread(block, 1, sizeof(block), f)) > 0)
		buf_append(&b, block, *n);
	fclose(f);
	*n = b.len;
	return buf_take(&b);
}

/* To those operations that find something in it as it was recorded; to the others it is one more stranger. */
static void hear(const struct provider *p, const char *body, size_t n, const bool *believes, const char *about)
{
	struct http_response res = { .outcome = HTTP_ANSWERED, .status = 200, .body = body, .len = n, .content_type = "application/json" };

	for (int op = 0; op < OP_NR; op++) {
		const char *wrong = believes[op] ? replies_play(p, (enum provider_op_kind)op, &res, 1) : "";

		if (*wrong)
			fail_msg("%s, operation %d, %s, %.300s: %s", p->name, op, about, body, wrong);
	}
}

/* Each value in turn is of every wrong kind; of lists the first two rows. */
static void spoil_values(const struct provider *p, const bool *believes, json_t *whole, json_t *at, const char *about)
{
	static const char *const kinds[] = { "null", "[{}]", "-1", "1e308", "\"\\u001b[2J/../x\"" };
	const char *key;
	json_t *was;
	void *next;
	size_t k;

	for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
		json_object_foreach_safe(at, next, key, was) {
			char *text;

			json_incref(was);
			json_object_set_new(at, key, json_loads(kinds[kind], JSON_DECODE_ANY, NULL));
			text = json_text(whole);
			hear(p, text, strlen(text), believes, about);
			free(text);
			json_object_set_new(at, key, was);
		}
	}
	json_object_foreach(at, key, was)
		spoil_values(p, believes, whole, was, about);
	json_array_foreach(at, k, was)
		if (k < 2)
			spoil_values(p, believes, whole, was, about);
}

/* Which operations take this document for an answer? They are spoiled; a create believes what a describe would. */
static void find_believers(const struct provider *p, const char *body, size_t n, bool *believes)
{
	struct http_response res = { .outcome = HTTP_ANSWERED, .status = 200, .body = body, .len = n, .content_type = "application/json" };

	for (int op = 0; op < OP_NR; op++)
		believes[op] = replies_believed(p, (enum provider_op_kind)op, &res);
}

static void recorded_answers_with_wrong_values(void **state)
{
	int heard = 0;

	(void)state;
	for (const struct provider *const *p = replies_providers(); *p; p++) {
		char path[300];
		struct dirent *e;
		DIR *d;

		snprintf(path, sizeof(path), "tests/fixtures/%s", (*p)->name);
		d = opendir(path);
		assert_non_null(d);
		while ((e = readdir(d))) {
			bool believes[OP_NR];
			json_t *whole;
			char *body;
			size_t n;

			if (*e->d_name == '.')
				continue;
			snprintf(path, sizeof(path), "tests/fixtures/%s/%.200s", (*p)->name, e->d_name);
			body = read_file(path, &n);
			find_believers(*p, body, n, believes);
			for (size_t cut = 0; cut < n; cut += 1 + n / 40)
				hear(*p, body, cut, believes, path);
			whole = json_read(body, n, NULL);
			spoil_values(*p, believes, whole, whole, path);
			json_decref(whole);
			free(body);
			heard++;
		}
		closedir(d);
	}
	assert_true(heard > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_hostile_is_believed),
		cmocka_unit_test(a_broken_connection_is_no_answer),
		cmocka_unit_test(eight_megabytes_are_survived),
		cmocka_unit_test(recorded_answers_with_wrong_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

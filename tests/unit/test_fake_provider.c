/*
 * Adding a provider takes one file (fake_provider.c) and nothing else: a whole life through call.c against the HTTP of a cloud that
 * somebody made up, and the answers that no adapter may believe.
 */
#include "adapter_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

extern const struct provider provider_fake;

/* ---- a script of requests and answers ---- */

struct line {
	const char *method, *tail, *body; /* what is asked for */
	int status;
	const char *answer;
};

#define API_URL "https://cloud.example/v1"

static void answer(struct call *c, instant now, const struct http_request *req, const struct line *l)
{
	struct http_response res = {
		.outcome = HTTP_ANSWERED, .status = l->status, .content_type = JSON, .body = l->answer, .len = strlen(l->answer)
	};

	assert_string_equal(req->method, l->method);
	assert_true(str_starts(req->url, API_URL));
	assert_string_equal(req->url + strlen(API_URL), l->tail);
	assert_string_equal(req->headers[0], "Authorization: Bearer " WORLD_TOKEN);
	assert_string_equal(req->body ? req->body : "", l->body ? l->body : "");
	call_answer(c, now, &res);
}

/* Performs `op` over these lines, each asked for once and in this order. The call is the caller's. */
static struct call *perform_over(enum provider_op_kind op, struct op_args *args, const struct line *lines, int count)
{
	static char token[] = WORLD_TOKEN;
	static struct account account = { .name = "cumulus", .provider = "cumulus", .api_url = API_URL, .token = { token } };
	static struct call_limits limits;
	const struct http_request *req;
	instant now = DRIVE_START, wake;
	struct rng rng;
	struct call *c;
	int asked = 0;

	rng_seed(&rng, 1);
	args->account = &account;
	c = call_new(&provider_fake, op, args, &limits, &rng);
	for (;;) {
		switch (call_next(c, now, &req, &wake)) {
		case CALL_SEND:
			assert_true(asked < count);
			answer(c, now, req, &lines[asked++]);
			break;
		case CALL_WAIT: now = wake; break;
		case CALL_DONE:
			assert_int_equal(asked, count);
			return c;
		}
	}
}

#define PERFORM(op, args, ...)                                                                                                     \
	perform_over(op, args, (const struct line[]){ __VA_ARGS__ },                                                               \
	    (int)(sizeof((const struct line[]){ __VA_ARGS__ }) / sizeof(struct line)))

#define MACHINE "{\"id\":\"m1\",\"label\":\"" MARK "\",\"state\":\"up\",\"ip\":\"192.0.2.7\",\"gpu\":\"MI300X\",\"gpus\":8,\"usd\":15.92}"

/* ---- tests ---- */

static void it_has_what_the_core_relies_on(void **state)
{
	(void)state;
	expect_whole_cloud(&provider_fake);
}

static void who_we_are(void **state)
{
	struct op_args args = { .mark = NULL };
	struct call *c = PERFORM(OP_CHECK, &args, { "GET", "/me", NULL, 200, "{\"account\":\"acme\",\"credit\":41.5}" });

	(void)state;
	expect_verdict(call_reply(c)->verdict, VERDICT_OK);
	assert_string_equal(call_reply(c)->account_id, "acme");
	call_free(c);
	c = PERFORM(OP_BALANCE, &args, { "GET", "/me", NULL, 503, "busy" },
	    { "GET", "/me", NULL, 200, "{\"account\":\"acme\",\"credit\":41.5}" });
	assert_true(call_reply(c)->balance.known && call_reply(c)->balance.available == 4150 * CENT);
	call_free(c);
	c = PERFORM(OP_CHECK, &args, { "GET", "/me", NULL, 401, "{\"reason\":\"unknown key\"}" });
	expect_verdict(call_reply(c)->verdict, VERDICT_DENIED);
	call_free(c);
}

static void from_offer_to_end(void **state)
{
	struct op_args args = { .gpu = "MI300X", .gpu_count = 8, .mark = MARK, .public_key = DRIVE_KEY };
	struct offer offer;
	struct call *c;

	(void)state;
	c = PERFORM(OP_OFFERS, &args,
	    { "GET", "/prices", NULL, 200,
		"{\"prices\":[{\"type\":\"a8\",\"gpu\":\"mi300x\",\"gpus\":8,\"usd\":15.92,\"left\":2},"
		"{\"type\":\"a1\",\"gpu\":\"mi300x\",\"gpus\":1,\"usd\":1.99,\"left\":9},{\"type\":\"free\",\"gpu\":\"mi300x\",\"gpus\":8}]}" });
	assert_int_equal(call_reply(c)->offer_count, 1);
	offer = call_reply(c)->offers[0];
	call_reply(c)->offers[0].spec = NULL;
	call_free(c);
	assert_string_equal(offer.provider, "cumulus");
	assert_true(offer.price_hour == 1592 * CENT);
	args.offer = &offer;

	c = PERFORM(OP_CREATE, &args,
	    { "POST", "/machines", "{\"type\":\"a8\",\"label\":\"" MARK "\",\"ssh_key\":\"" DRIVE_KEY "\"}", 201, "{\"id\":\"m1\"}" });
	expect_verdict(call_reply(c)->verdict, VERDICT_OK);
	assert_string_equal(call_reply(c)->id, "m1");
	call_free(c);
	args.id = "m1";
	c = PERFORM(OP_DESCRIBE, &args, { "GET", "/machines/m1", NULL, 200, MACHINE });
	assert_int_equal(call_reply(c)->machines[0].state, MACHINE_RUNNING);
	assert_string_equal(call_reply(c)->machines[0].address, "192.0.2.7");
	call_free(c);
	c = PERFORM(OP_LIST, &args, { "GET", "/machines", NULL, 200, "{\"machines\":[" MACHINE "],\"next\":\"p 2\"}" },
	    { "GET", "/machines?after=p%202", NULL, 200, "{\"machines\":[{\"id\":\"m2\",\"state\":\"melting\"}]}" });
	assert_int_equal(call_reply(c)->machine_count, 2);
	assert_string_equal(call_reply(c)->machines[0].mark, MARK);
	assert_int_equal(call_reply(c)->machines[1].state, MACHINE_UNKNOWN);
	call_free(c);
	c = PERFORM(OP_MARK, &args, { "PATCH", "/machines/m1", "{\"label\":\"" MARK "\"}", 204, "" });
	expect_verdict(call_reply(c)->verdict, VERDICT_OK);
	call_free(c);
	c = PERFORM(OP_DESTROY, &args, { "DELETE", "/machines/m1", NULL, 204, "" });
	expect_verdict(call_reply(c)->verdict, VERDICT_OK);
	call_free(c);
	c = PERFORM(OP_DESCRIBE, &args, { "GET", "/machines/m1", NULL, 404, "{\"reason\":\"no such machine\"}" });
	expect_verdict(call_reply(c)->verdict, VERDICT_ABSENT);
	call_free(c);
	free(offer.spec);
}

static void what_a_create_came_to(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum verdict v;
	} rows[] = {
		{ 409, "{\"reason\":\"sold out\"}", VERDICT_NO_CAPACITY },
		{ 402, "{\"reason\":\"no credit\"}", VERDICT_LIMIT },
		{ 400, "{\"reason\":\"no such type\"}", VERDICT_REFUSED },
		{ 409, "<html>", VERDICT_UNSURE },
		{ 500, "{\"reason\":\"oops\"}", VERDICT_UNSURE },
		{ 201, "{}", VERDICT_UNSURE },
	};
	struct offer offer = { .spec = (char *)"a8" };
	struct op_args args = { .offer = &offer, .mark = MARK, .public_key = DRIVE_KEY };
	struct call *c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		c = PERFORM(OP_CREATE, &args,
		    { "POST", "/machines", "{\"type\":\"a8\",\"label\":\"" MARK "\",\"ssh_key\":\"" DRIVE_KEY "\"}", rows[i].status,
			rows[i].body });
		expect_verdict(call_reply(c)->verdict, rows[i].v);
		call_free(c);
	}
}

/* The trial that every adapter goes through. */
static void hostile_answers_are_survived(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, &provider_fake);
	world_hears_hostile_answers(&w);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_what_the_core_relies_on),
		cmocka_unit_test(who_we_are),
		cmocka_unit_test(from_offer_to_end),
		cmocka_unit_test(what_a_create_came_to),
		cmocka_unit_test(hostile_answers_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * providers/call.c against a provider made of scripted answers: what is retried, what never is, and
 * how fast.
 */
#include "providers/call.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define T0 ((instant)1794000000 * SECOND)

/*
 * ---- a provider whose answers say what to make of them: "ok a b", "more TOKEN a b", "retry",
 * "denied" … ----
 */

static struct {
	int builds, reads;
	struct op_cursor at; /* of the last build */
	duration ask;        /* reply.retry_after that read sets */
	const char *method;
} fake;

static void fake_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req,
    struct op_reply *r)
{
	(void)r;
	fake.builds++;
	fake.at = *c;
	http_request_url(req, fake.method ? fake.method : "GET", "%s/x?page=%d&token=%s",
	    a->account->api_url, c->page, c->token);
	http_request_header(req, "Authorization: Bearer %s", "s3cret");
}

static void found(struct op_reply *r, const char *id)
{
	struct machine *m = op_reply_add_machine(r);
	struct offer *o = op_reply_add_offer(r);

	str_copy(m->id, strcmp(id, "-") ? id : "");
	m->state = MACHINE_RUNNING;
	str_copy(o->key, id);
	str_copy(o->gpu, "MI300X");
	o->gpu_count = 1;
	o->price_hour = 2 * USD;
	o->spec = xstrdup("{}");
	str_copy(r->id, id);
}

static enum verdict fake_read(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	static const struct {
		const char *word;
		enum verdict v;
	} words[] = { { "ok", VERDICT_OK }, { "retry", VERDICT_RETRY },
		{ "denied", VERDICT_DENIED }, { "absent", VERDICT_ABSENT },
		{ "refused", VERDICT_REFUSED }, { "capacity", VERDICT_NO_CAPACITY },
		{ "limit", VERDICT_LIMIT }, { "unsure", VERDICT_UNSURE } };
	char text[512], *rest = text, *word;
	enum verdict v = VERDICT_RETRY;

	(void)a;
	fake.reads++;
	str_copy(text, res->body);
	word = str_split(&rest, " ");
	r->retry_after = fake.ask;
	if (!strcmp(word, "more")) {
		v = VERDICT_MORE;
		c->page++;
		str_copy(c->token, str_split(&rest, " "));
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcmp(word, words[i].word))
			v = words[i].v;
	while (rest && *rest)
		found(r, str_split(&rest, " "));
	if (v == VERDICT_RETRY)
		c->page = 99; /* an adapter may leave the cursor anywhere when it fails */
	return v;
}

static const struct provider provider_fake = {
	.name = "fake",
	.title = "Fake",
	.create_timeout = 77 * SECOND,
	.rate = { [OP_LIST] = { SECOND, 3 } },
	.op = {
		[OP_CHECK] = { fake_build, fake_read }, [OP_OFFERS] = { fake_build, fake_read },
		[OP_KEY] = { fake_build, fake_read }, [OP_CREATE] = { fake_build, fake_read },
		[OP_DESCRIBE] = { fake_build, fake_read }, [OP_LIST] = { fake_build, fake_read },
		[OP_MARK] = { fake_build, fake_read }, [OP_DESTROY] = { fake_build, fake_read },
	},
};

static const struct account account = {
	.name = "acc", .provider = "fake", .api_url = "http://127.0.0.1:1"
};

/* ---- one call and its surroundings ---- */

struct world {
	struct call_limits limits;
	struct rng rng;
	struct call *c;
	instant now;
	const struct http_request *req;
	instant wake;
	duration waited;
};

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	memset(&fake, 0, sizeof(fake));
	rng_seed(&w->rng, 7);
	w->now = T0;
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	call_free(w->c);
	free(w);
	return 0;
}

static void begin(struct world *w, enum provider_op_kind op)
{
	struct op_args args = { .account = &account, .id = "m1", .mark = "gf1-mark" };

	call_free(w->c);
	w->c = call_new(&provider_fake, op, &args, &w->limits, &w->rng);
	w->waited = 0;
}

/* Sleep as told until the call sends (true) or is done (false). */
static bool until_send(struct world *w)
{
	for (;;) {
		switch (call_next(w->c, w->now, &w->req, &w->wake)) {
		case CALL_SEND: return true;
		case CALL_DONE: return false;
		case CALL_WAIT:
			assert_true(w->wake > w->now);
			w->waited += w->wake - w->now;
			w->now = w->wake;
		}
	}
}

static void reply_with(struct world *w, int status, const char *body, const char *retry_after)
{
	struct http_response res = {
		.outcome = HTTP_ANSWERED, .status = status, .body = body, .len = strlen(body)
	};

	if (retry_after)
		str_copy(res.retry_after, retry_after);
	call_answer(w->c, w->now, &res);
}

static void reply_none(struct world *w, enum http_outcome outcome)
{
	struct http_response res = { .outcome = outcome, .trouble = "connection lost", .body = "" };

	call_answer(w->c, w->now, &res);
}

static void sends(struct world *w, int status, const char *body)
{
	assert_true(until_send(w));
	reply_with(w, status, body, NULL);
}

static const struct op_reply *ends(struct world *w, enum verdict v)
{
	const struct op_reply *r;

	assert_false(until_send(w));
	r = call_reply(w->c);
	assert_string_equal(verdict_name(r->verdict), verdict_name(v));
	if (v != VERDICT_OK)
		assert_string_not_equal(r->message, "");
	return r;
}

/* ---- pages ---- */

static void pages_are_followed(void **state)
{
	struct world *w = *state;
	const struct op_reply *r;

	begin(w, OP_LIST);
	sends(w, 200, "more t1 a b");
	assert_true(until_send(w));
	assert_string_equal(w->req->url, "http://127.0.0.1:1/x?page=1&token=t1");
	reply_with(w, 200, "more t2 c", NULL);
	sends(w, 200, "ok d");
	r = ends(w, VERDICT_OK);
	assert_int_equal(r->machine_count, 4);
	assert_string_equal(r->machines[3].id, "d");
	assert_int_equal(call_requests_sent(w->c), 3);
}

static void a_failed_page_is_asked_again_from_where_it_was(void **state)
{
	struct world *w = *state;
	const struct op_reply *r;

	begin(w, OP_LIST);
	sends(w, 200, "more t1 a");
	sends(w, 500, "retry half of it");
	assert_true(until_send(w));
	assert_int_equal(fake.at.page, 1);
	assert_string_equal(fake.at.token, "t1");
	reply_with(w, 200, "more t2", NULL);
	assert_true(until_send(w));
	assert_int_equal(fake.at.page, 2);
	reply_with(w, 200, "ok b", NULL);
	r = ends(w, VERDICT_OK);
	assert_int_equal(r->machine_count, 2);
	assert_string_equal(r->machines[0].id, "a");
	assert_string_equal(r->machines[1].id, "b");
}

static void a_list_that_breaks_off_is_void(void **state)
{
	struct world *w = *state;
	const struct op_reply *r;

	begin(w, OP_LIST);
	sends(w, 200, "more t1 a");
	for (int i = 0; i < 3; i++)
		sends(w, 502, "retry");
	r = ends(w, VERDICT_RETRY);
	assert_int_equal(r->machine_count, 0);
	assert_int_equal(r->offer_count, 0);
}

static void a_cursor_that_comes_again_is_a_loop(void **state)
{
	struct world *w = *state;

	begin(w, OP_LIST);
	sends(w, 200, "more A a");
	sends(w, 200, "more B b");
	sends(w, 200, "more A c");
	assert_int_equal(ends(w, VERDICT_RETRY)->machine_count, 0);
	assert_int_equal(call_requests_sent(w->c), 3);
}

static void endless_pages_end(void **state)
{
	struct world *w = *state;
	char body[32];
	int n = 0;

	begin(w, OP_OFFERS);
	while (until_send(w)) {
		snprintf(body, sizeof(body), "more t%d x%d", n, n);
		n++;
		assert_in_range(n, 1, 200);
		reply_with(w, 200, body, NULL);
	}
	assert_int_equal(n, 200);
	assert_int_equal(ends(w, VERDICT_RETRY)->offer_count, 0);
}

static void duplicates_are_merged(void **state)
{
	struct world *w = *state;
	const struct op_reply *r;

	begin(w, OP_LIST);
	sends(w, 200, "more t1 a b a");
	sends(w, 200, "ok b c a b d");
	r = ends(w, VERDICT_OK);
	assert_int_equal(r->machine_count, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(r->machines[i].id[0], 'a' + i);
	assert_int_equal(r->offer_count, 4);
}

static enum verdict two_sights(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	struct machine *m = op_reply_add_machine(r);

	(void)a;
	(void)c;
	(void)res;
	str_copy(m->id, "a");
	m->state = MACHINE_ENDED;
	m = op_reply_add_machine(r);
	str_copy(m->id, "a");
	str_copy(m->mark, "gf1-x");
	str_copy(m->address, "10.0.0.1");
	m->port = 2222;
	m->state = MACHINE_RUNNING;
	m->price_hour = -5;
	return VERDICT_OK;
}

static void of_two_sights_the_one_that_bills_counts(void **state)
{
	struct world *w = *state;
	struct provider p = provider_fake;
	struct op_args args = { .account = &account };
	const struct op_reply *r;

	p.op[OP_LIST].read = two_sights;
	w->c = call_new(&p, OP_LIST, &args, &w->limits, &w->rng);
	sends(w, 200, "");
	r = ends(w, VERDICT_OK);
	assert_int_equal(r->machine_count, 1);
	assert_int_equal(r->machines[0].state, MACHINE_RUNNING);
	assert_string_equal(r->machines[0].mark, "gf1-x");
	assert_string_equal(r->machines[0].address, "10.0.0.1");
	assert_int_equal(r->machines[0].port, 2222);
	assert_true(r->machines[0].price_hour == 0);
}

static void a_machine_without_id_voids_the_list(void **state)
{
	struct world *w = *state;

	begin(w, OP_LIST);
	sends(w, 200, "ok a - b");
	assert_int_equal(ends(w, VERDICT_RETRY)->machine_count, 0);
}

static enum verdict bad_offers(const struct op_args *a, struct op_cursor *c,
    const struct http_response *res, struct op_reply *r)
{
	static const money prices[] = { 0, -USD, MONEY_MAX + 1, INT64_MIN, 3 * USD };

	(void)a;
	(void)c;
	(void)res;
	for (size_t i = 0; i < ARRAY_LEN(prices); i++) {
		char id[8];

		snprintf(id, sizeof(id), "o%zu", i);
		found(r, id);
		r->offers[i].price_hour = prices[i];
	}
	found(r, "none");
	r->offers[5].gpu_count = 0;
	found(r, "min");
	r->offers[6].minimum_charge = -1;
	return VERDICT_OK;
}

static void offers_without_a_sane_price_are_left_out(void **state)
{
	struct world *w = *state;
	struct provider p = provider_fake;
	struct op_args args = { .account = &account };
	const struct op_reply *r;

	p.op[OP_OFFERS].read = bad_offers;
	w->c = call_new(&p, OP_OFFERS, &args, &w->limits, &w->rng);
	sends(w, 200, "");
	r = ends(w, VERDICT_OK);
	assert_int_equal(r->offer_count, 1);
	assert_string_equal(r->offers[0].key, "o4");
	assert_string_equal(r->offers[0].account, "acc");
	assert_string_equal(r->offers[0].provider, "fake");
}

/* ---- retries ---- */

static void reads_are_tried_three_times(void **state)
{
	struct world *w = *state;

	for (enum http_outcome o = HTTP_NOT_SENT; o <= HTTP_BROKEN; o++) {
		begin(w, OP_DESCRIBE);
		for (int i = 0; i < 3; i++) {
			assert_true(until_send(w));
			reply_none(w, o);
		}
		assert_non_null(strstr(ends(w, VERDICT_RETRY)->message, "connection lost"));
		assert_int_equal(call_requests_sent(w->c), 3);
		assert_in_range(w->waited, 2 * MSEC, 3 * SECOND + SECOND / 2);
	}
}

static void retries_are_spread_by_chance(void **state)
{
	struct world *w = *state;
	duration least = FOREVER, most = 0;

	for (int i = 0; i < 50; i++) {
		begin(w, OP_DESCRIBE);
		assert_true(until_send(w));
		reply_none(w, HTTP_BROKEN);
		assert_true(until_send(w));
		least = instant_min(least, w->waited);
		most = instant_max(most, w->waited);
	}
	assert_in_range(least, MSEC, 300 * MSEC);
	assert_in_range(most, 600 * MSEC, 1001 * MSEC);
}

static void final_verdicts_are_not_retried(void **state)
{
	struct world *w = *state;

	begin(w, OP_LIST);
	sends(w, 401, "denied");
	ends(w, VERDICT_DENIED);
	assert_int_equal(call_requests_sent(w->c), 1);
	begin(w, OP_DESCRIBE);
	sends(w, 404, "absent");
	ends(w, VERDICT_ABSENT);
	assert_int_equal(call_requests_sent(w->c), 1);
}

static void describe_without_a_machine_is_trouble(void **state)
{
	struct world *w = *state;

	begin(w, OP_DESCRIBE);
	sends(w, 200, "ok");
	ends(w, VERDICT_RETRY);
}

static void a_long_list_may_stumble_more_often_but_not_for_ever(void **state)
{
	struct world *w = *state;
	int n = 0, failures = 0;
	char body[32];

	begin(w, OP_OFFERS);
	while (until_send(w)) {
		n++;
		if (n % 2) {
			failures++;
			reply_with(w, 503, "retry", NULL);
		} else {
			snprintf(body, sizeof(body), "more t%d x%d", n, n);
			reply_with(w, 200, body, NULL);
		}
	}
	ends(w, VERDICT_RETRY);
	assert_int_equal(failures, 3);
	assert_in_range(n, 5, 6);
}

static void one_page_is_tried_three_times_in_a_long_list_too(void **state)
{
	struct world *w = *state;
	char body[32];
	int n;

	begin(w, OP_OFFERS);
	for (n = 0; n < 60; n++) {
		snprintf(body, sizeof(body), "more t%d x%d", n, n);
		sends(w, 200, body);
	}
	for (; until_send(w); n++)
		reply_with(w, 503, "retry", NULL);
	ends(w, VERDICT_RETRY);
	assert_int_equal(n, 63);
}

static void the_deadline_ends_a_slow_list(void **state)
{
	struct world *w = *state;
	char body[32];
	int n = 0;

	begin(w, OP_OFFERS);
	while (until_send(w)) {
		w->now += 20 * SECOND; /* each answer takes so long */
		snprintf(body, sizeof(body), "more t%d x%d", n, n);
		n++;
		reply_with(w, 200, body, NULL);
	}
	ends(w, VERDICT_RETRY);
	assert_int_equal(n, 15);
	assert_true(w->now - T0 == 5 * MINUTE);
}

/* ---- changes are sent once ---- */

static void create_is_sent_once_whatever_comes(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum verdict v;
	} rows[] = {
		{ 200, "ok new", VERDICT_OK },
		{ 201, "ok new", VERDICT_OK },
		{ 200, "ok", VERDICT_UNSURE },
		{ 200, "", VERDICT_UNSURE },
		{ 200, "retry", VERDICT_UNSURE },
		{ 200, "refused", VERDICT_UNSURE },
		{ 200, "denied", VERDICT_UNSURE },
		{ 200, "more t", VERDICT_UNSURE },
		{ 202, "capacity", VERDICT_UNSURE },
		{ 302, "refused", VERDICT_UNSURE },
		{ 301, "ok new", VERDICT_UNSURE },
		{ 400, "refused", VERDICT_REFUSED },
		{ 400, "ok", VERDICT_UNSURE },
		{ 400, "ok new", VERDICT_OK },
		{ 400, "more t", VERDICT_UNSURE },
		{ 401, "denied", VERDICT_DENIED },
		{ 402, "limit", VERDICT_LIMIT },
		{ 404, "capacity", VERDICT_NO_CAPACITY },
		{ 404, "absent", VERDICT_UNSURE },
		{ 408, "refused", VERDICT_UNSURE },
		{ 429, "retry", VERDICT_RETRY },
		{ 418, "unsure", VERDICT_UNSURE },
		{ 500, "ok new", VERDICT_UNSURE },
		{ 500, "refused", VERDICT_UNSURE },
		{ 503, "retry", VERDICT_UNSURE },
		{ 599, "capacity", VERDICT_UNSURE },
		{ 600, "refused", VERDICT_UNSURE },
		{ 99, "refused", VERDICT_UNSURE },
		{ 101, "refused", VERDICT_UNSURE },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct op_reply *r;

		memset(&w->limits, 0, sizeof(w->limits));
		begin(w, OP_CREATE);
		sends(w, rows[i].status, rows[i].body);
		r = ends(w, rows[i].v);
		assert_string_equal(r->id, rows[i].v == VERDICT_OK ? "new" : "");
		assert_int_equal(call_requests_sent(w->c), 1);
	}
	for (enum http_outcome o = HTTP_NOT_SENT; o <= HTTP_BROKEN; o++) {
		begin(w, OP_CREATE);
		assert_true(until_send(w));
		reply_none(w, o);
		ends(w, o == HTTP_NOT_SENT ? VERDICT_RETRY : VERDICT_UNSURE);
		assert_int_equal(call_requests_sent(w->c), 1);
	}
}

static void create_has_its_own_timeout(void **state)
{
	struct world *w = *state;

	begin(w, OP_CREATE);
	assert_true(until_send(w));
	assert_true(w->req->timeout == 77 * SECOND);
	reply_none(w, HTTP_BROKEN);
	begin(w, OP_LIST);
	assert_true(until_send(w));
	assert_true(w->req->timeout == 0);
}

static void other_changes_are_sent_once_too(void **state)
{
	static const enum provider_op_kind ops[] = { OP_DESTROY, OP_MARK, OP_KEY };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		fake.method = "POST";
		begin(w, ops[i]);
		sends(w, 503, "retry");
		ends(w, VERDICT_RETRY);
		begin(w, ops[i]);
		assert_true(until_send(w));
		reply_none(w, HTTP_BROKEN);
		ends(w, VERDICT_RETRY);
		assert_int_equal(call_requests_sent(w->c), 1);
		/* A look before the change is a read. */
		fake.method = "GET";
		begin(w, ops[i]);
		sends(w, 503, "retry");
		sends(w, 200, "ok");
		ends(w, VERDICT_OK);
		assert_int_equal(call_requests_sent(w->c), 2);
	}
}

/* ---- haste ---- */

static duration waited_after(struct world *w, enum provider_op_kind op, const char *retry_after)
{
	memset(&w->limits, 0, sizeof(w->limits));
	begin(w, op);
	assert_true(until_send(w));
	reply_with(w, 429, "ok", retry_after);
	if (!until_send(w))
		return -1;
	return w->waited;
}

static void retry_after_is_honoured(void **state)
{
	struct world *w = *state;
	char date[64];

	assert_in_range(waited_after(w, OP_DESCRIBE, "7"), 7 * SECOND, 8 * SECOND + MSEC);
	assert_in_range(waited_after(w, OP_DESCRIBE, "2.5"), 2500 * MSEC, 3501 * MSEC);
	w->now = (instant)784111777 * SECOND; /* Sun, 06 Nov 1994 08:49:37 GMT */
	str_copy(date, "Sun, 06 Nov 1994 08:50:07 GMT");
	assert_in_range(waited_after(w, OP_DESCRIBE, date), 30 * SECOND, 31 * SECOND + MSEC);
}

static void nonsense_in_retry_after_is_ignored(void **state)
{
	static const char *const bad[] = { "-5", "soon", "", "0", "nan", "-inf",
		"Sun, 06 Nov 1994 08:49:37 GMT", "1e", "0x10" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_in_range(waited_after(w, OP_DESCRIBE, bad[i]), MSEC, 4 * SECOND);
}

static void a_wait_beyond_the_deadline_is_handed_up_and_capped(void **state)
{
	struct world *w = *state;

	assert_true(waited_after(w, OP_DESCRIBE, "400") == -1);
	assert_true(call_reply(w->c)->retry_after == 400 * SECOND);
	assert_true(waited_after(w, OP_DESCRIBE, "99999999999999999999") == -1);
	assert_true(call_reply(w->c)->retry_after == 15 * MINUTE);
	assert_true(w->limits.blocked_until - w->now == 15 * MINUTE);
}

static void too_fast_holds_back_the_account_but_no_delete(void **state)
{
	struct world *w = *state;
	instant from;

	assert_true(waited_after(w, OP_CREATE, "100") == -1);
	assert_int_equal(call_reply(w->c)->verdict, VERDICT_UNSURE); /* "ok" without an id */
	from = w->now;
	begin(w, OP_DESTROY);
	assert_true(until_send(w));
	assert_true(w->now == from);
	reply_with(w, 204, "ok", NULL);
	begin(w, OP_LIST);
	assert_true(until_send(w));
	assert_true(w->waited == 100 * SECOND);
}

/* Who looks before he deletes is told at once that he cannot look. */
static void a_look_does_not_wait_for_a_long_retry_after(void **state)
{
	struct world *w = *state;

	w->limits.blocked_until = T0 + 2 * MINUTE;
	begin(w, OP_DESCRIBE);
	assert_true(ends(w, VERDICT_RETRY)->retry_after == 2 * MINUTE);
	assert_true(w->waited == 0 && call_requests_sent(w->c) == 0);
	w->limits.blocked_until = T0 + 20 * SECOND;
	begin(w, OP_DESCRIBE);
	sends(w, 200, "ok a");
	ends(w, VERDICT_OK);
	assert_true(w->waited == 20 * SECOND);
}

/* However often a delete is told "too often": its turn comes again in a quarter of a minute, and soon at the usual pace. */
static void deletes_keep_their_share(void **state)
{
	struct world *w = *state;
	instant last = 0;
	duration gap = 0;

	fake.method = "DELETE";
	for (int i = 0; i < 40; i++) {
		begin(w, OP_DESTROY);
		assert_true(until_send(w));
		gap = w->now - last;
		last = w->now;
		reply_with(w, 429, "retry", NULL);
		ends(w, VERDICT_RETRY);
	}
	assert_in_range(gap, 14 * SECOND, 15 * SECOND);
	for (int i = 0; i < 6; i++) {
		begin(w, OP_DESTROY);
		sends(w, 204, "ok");
		ends(w, VERDICT_OK);
	}
	assert_true(w->now - last < MINUTE);
	assert_true(w->limits.bucket[OP_DESTROY].every < SECOND);
}

/* The meter of what was ordered begins when the order leaves, not when it began to wait for its turn. */
static void it_is_known_when_a_request_left(void **state)
{
	struct world *w = *state;

	w->limits.blocked_until = T0 + MINUTE;
	begin(w, OP_CREATE);
	assert_true(until_send(w));
	reply_with(w, 201, "ok new", NULL);
	assert_true(ends(w, VERDICT_OK)->sent_at == T0 + MINUTE);
}

static void a_create_that_may_not_be_sent_in_time_was_not_sent(void **state)
{
	struct world *w = *state;

	w->limits.blocked_until = T0 + 10 * MINUTE;
	begin(w, OP_CREATE);
	assert_true(ends(w, VERDICT_RETRY)->retry_after == 10 * MINUTE);
	assert_int_equal(call_requests_sent(w->c), 0);
}

/* Of any provider, for any operation: never followed, and said to be a matter of the configuration. */
static void a_redirect_names_the_option(void **state)
{
	static const enum provider_op_kind ops[] = { OP_LIST, OP_CREATE, OP_DESTROY };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		begin(w, ops[i]);
		while (until_send(w))
			reply_with(w, 301, "retry", NULL);
		assert_string_equal(verdict_name(call_reply(w->c)->verdict), ops[i] == OP_CREATE ? "unsure" : "retry");
		assert_string_equal(call_reply(w->c)->message,
		    "HTTP 301: the API of Fake has moved to another address; set 'api_url' of the account 'acc'");
	}
}

static void a_clock_set_back_shortens_the_wait(void **state)
{
	struct world *w = *state;

	w->limits.blocked_until = T0 + 10 * DAY;
	begin(w, OP_LIST);
	assert_true(ends(w, VERDICT_RETRY)->retry_after == 15 * MINUTE);
	assert_true(w->limits.blocked_until == T0 + 15 * MINUTE);
}

static void a_clock_set_back_while_waiting_ends_the_wait(void **state)
{
	struct world *w = *state;

	begin(w, OP_DESCRIBE);
	assert_true(until_send(w));
	reply_none(w, HTTP_BROKEN);
	w->now -= 10 * DAY;
	assert_int_equal(call_next(w->c, w->now, &w->req, &w->wake), CALL_SEND);
	reply_with(w, 200, "ok a", NULL);
	ends(w, VERDICT_OK);
}

static void silence_about_haste_is_learned_from(void **state)
{
	struct world *w = *state;
	instant last = 0;
	duration gap = 0;

	fake.method = "DELETE";
	for (int i = 0; i < 4; i++) {
		begin(w, OP_DESTROY);
		assert_true(until_send(w));
		gap = w->now - last;
		last = w->now;
		reply_with(w, 429, "retry", NULL);
		ends(w, VERDICT_RETRY);
	}
	assert_in_range(gap, 3375 * MSEC, 3376 * MSEC); /* 1 s × 1.5³ */
	for (int i = 0; i < 200; i++) {
		begin(w, OP_DESTROY);
		sends(w, 204, "ok");
	}
	assert_true(w->limits.bucket[OP_DESTROY].every == 0);
}

static void the_adapter_may_say_how_long(void **state)
{
	struct world *w = *state;

	fake.ask = 9 * SECOND;
	assert_in_range(waited_after(w, OP_DESCRIBE, NULL), 9 * SECOND, 10 * SECOND + MSEC);
	fake.ask = -9 * SECOND;
	assert_in_range(waited_after(w, OP_DESCRIBE, NULL), MSEC, 4 * SECOND);
	fake.ask = INT64_MAX;
	assert_true(waited_after(w, OP_DESCRIBE, NULL) == -1);
	assert_true(call_reply(w->c)->retry_after == 15 * MINUTE);
}

/*
 * Many calls of one account, at random times: never more than burst + elapsed/every requests in any
 * window.
 */
static void buckets_are_never_exceeded(void **state)
{
	struct world *w = *state;
	instant sent[400];
	int n = 0;

	while (n < 400) {
		begin(w, OP_LIST);
		assert_true(until_send(w));
		sent[n++] = w->now;
		reply_with(w, 200, "ok a", NULL);
		if (!rng_below(&w->rng, 4))
			w->now += (instant)rng_below(&w->rng, 4 * SECOND);
	}
	for (int i = 0; i < n; i++)
		for (int j = i; j < n; j++)
			assert_true(j - i + 1 <= 3 + (sent[j] - sent[i]) / SECOND);
	/* And the permitted rate is used: the burst at once, then one a second. */
	memset(&w->limits, 0, sizeof(w->limits));
	for (int i = 0; i < 5; i++) {
		begin(w, OP_LIST);
		sends(w, 200, "ok a");
		assert_true(w->waited == (i < 3 ? 0 : SECOND));
	}
}

/* What one endpoint answers is asked for in one pace, whatever the operation. */
static void operations_of_one_endpoint_share_a_bucket(void **state)
{
	struct world *w = *state;
	struct op_args args = { .account = &account, .id = "m1" };
	struct provider p = provider_fake;

	p.rate[OP_DESCRIBE] = p.rate[OP_LIST];
	p.paced_with[OP_DESCRIBE] = OP_LIST;
	for (int i = 0; i < 5; i++) {
		call_free(w->c);
		w->c = call_new(&p, i % 2 ? OP_DESCRIBE : OP_LIST, &args, &w->limits, &w->rng);
		w->waited = 0;
		sends(w, 200, "ok a");
		assert_true(w->waited == (i < 3 ? 0 : SECOND));
	}
}

/* ---- no request at all ---- */

static void local_build(const struct op_args *a, const struct op_cursor *c,
    struct http_request *req, struct op_reply *r)
{
	(void)a;
	(void)c;
	req->answered = true;
	str_copy(r->id, "host1");
}

static void an_operation_may_be_answered_without_a_request(void **state)
{
	struct world *w = *state;
	struct provider p = provider_fake;
	struct op_args args = { .account = &account };

	p.op[OP_CREATE] = (struct provider_op){ local_build, NULL };
	w->c = call_new(&p, OP_CREATE, &args, &w->limits, &w->rng);
	assert_string_equal(ends(w, VERDICT_OK)->id, "host1");
	assert_int_equal(call_requests_sent(w->c), 0);
}

static void an_operation_that_is_not_offered_is_refused(void **state)
{
	struct world *w = *state;

	begin(w, OP_BILL);
	ends(w, VERDICT_REFUSED);
	assert_int_equal(call_requests_sent(w->c), 0);
}

static void arguments_are_copied(void **state)
{
	struct world *w = *state;
	struct offer *offer = xcalloc(1, sizeof(*offer));
	char *id = xstrdup("m9");
	struct op_args args = { .account = &account, .id = id, .offer = offer };

	offer->spec = xstrdup("{\"a\":1}");
	w->c = call_new(&provider_fake, OP_CREATE, &args, &w->limits, &w->rng);
	free(offer->spec);
	free(offer);
	free(id);
	sends(w, 200, "ok new");
	ends(w, VERDICT_OK);
}

/* ---- helpers of provider.h ---- */

static void messages_are_made_printable_and_cut_at_a_character(void **state)
{
	struct op_reply r = { 0 };
	char text[TEXT_MAX + 64];

	(void)state;
	op_fail(&r, VERDICT_REFUSED, "bad \x1b[31m\xff\n end");
	assert_string_equal(r.message, "bad \\x1b[31m\\xff\\x0a end");
	for (size_t i = 0; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x82\xac", 4);
	assert_int_equal(op_fail(&r, VERDICT_LIMIT, "%s", text), VERDICT_LIMIT);
	assert_true(str_is_utf8(r.message, strlen(r.message)));
	assert_in_range(strlen(r.message), TEXT_MAX - 4, TEXT_MAX - 1);
}

static void a_header_stays_one_header(void **state)
{
	struct http_request r = { 0 };

	(void)state;
	http_request_header(&r, "X: %s", "a\r\nEvil: b");
	assert_string_equal(r.headers[0], "X: a");
	http_request_free(&r);
}

static void replies_have_a_ceiling(void **state)
{
	struct op_reply r = { 0 };

	(void)state;
	for (int i = 0; i < OP_ITEMS_MAX + 10; i++) {
		struct offer *o = op_reply_add_offer(&r);

		assert_null(o->spec);
		o->spec = xstrdup("x");
	}
	assert_int_equal(r.offer_count, OP_ITEMS_MAX);
	assert_true(r.overflow);
	op_reply_free(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages_are_followed),
		TEST(a_failed_page_is_asked_again_from_where_it_was),
		TEST(a_list_that_breaks_off_is_void),
		TEST(a_cursor_that_comes_again_is_a_loop),
		TEST(endless_pages_end),
		TEST(duplicates_are_merged),
		TEST(of_two_sights_the_one_that_bills_counts),
		TEST(a_machine_without_id_voids_the_list),
		TEST(offers_without_a_sane_price_are_left_out),
		TEST(reads_are_tried_three_times),
		TEST(retries_are_spread_by_chance),
		TEST(final_verdicts_are_not_retried),
		TEST(describe_without_a_machine_is_trouble),
		TEST(a_long_list_may_stumble_more_often_but_not_for_ever),
		TEST(one_page_is_tried_three_times_in_a_long_list_too),
		TEST(the_deadline_ends_a_slow_list),
		TEST(create_is_sent_once_whatever_comes),
		TEST(create_has_its_own_timeout),
		TEST(other_changes_are_sent_once_too),
		TEST(retry_after_is_honoured),
		TEST(nonsense_in_retry_after_is_ignored),
		TEST(a_wait_beyond_the_deadline_is_handed_up_and_capped),
		TEST(too_fast_holds_back_the_account_but_no_delete),
		TEST(a_look_does_not_wait_for_a_long_retry_after),
		TEST(deletes_keep_their_share),
		TEST(it_is_known_when_a_request_left),
		TEST(a_create_that_may_not_be_sent_in_time_was_not_sent),
		TEST(a_redirect_names_the_option),
		TEST(a_clock_set_back_shortens_the_wait),
		TEST(a_clock_set_back_while_waiting_ends_the_wait),
		TEST(silence_about_haste_is_learned_from),
		TEST(the_adapter_may_say_how_long),
		TEST(buckets_are_never_exceeded),
		TEST(operations_of_one_endpoint_share_a_bucket),
		TEST(an_operation_may_be_answered_without_a_request),
		TEST(an_operation_that_is_not_offered_is_refused),
		TEST(arguments_are_copied),
		TEST(messages_are_made_printable_and_cut_at_a_character),
		TEST(a_header_stays_one_header),
		TEST(replies_have_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

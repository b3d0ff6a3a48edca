/*
 * providers/call.c where something that bills is made: volumes and snapshots, with looks before and after the one request that
 * makes. A provider whose answers say what to make of them.
 */
#include "providers/call.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define T0 ((instant)1794000000 * SECOND)

/* Step 0 looks by POST, step 1 makes, step 2 looks by GET. */
enum step { SEARCH, MAKE, FIND };

static void fake_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)r;
	http_request_url(req, c->step == FIND ? "GET" : "POST", "%s/%d/%s", a->account->api_url, c->step, a->storage ? a->storage->name : "");
	req->looks = c->step == SEARCH;
}

/* "ok ID", "work ID", "more STEP", "storage v|s ID …", "refused" … */
static enum verdict fake_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	char text[256], *rest = text, *word;

	(void)a;
	str_copy(text, res->body);
	word = str_split(&rest, " ");
	if (!strcmp(word, "ok") && rest)
		str_copy(r->id, rest);
	if (!strcmp(word, "work"))
		str_copy(r->work, rest);
	if (!strcmp(word, "more")) {
		c->step = *rest - '0';
		return VERDICT_MORE;
	}
	for (; !strcmp(word, "storage") && rest;) {
		struct storage *s = op_reply_add_storage(r);

		s->kind = *str_split(&rest, " ") == 'v' ? STORAGE_VOLUME : STORAGE_SNAPSHOT;
		s->state = STORAGE_READY;
		s->size_gb = -5 + (int)r->storage_count * 10;
		s->gb_month = -1;
		str_copy(s->id, str_split(&rest, " "));
		str_copy(s->name, "name\033[2J");
	}
	if (!strcmp(word, "making"))
		op_reply_add_storage(r)->state = STORAGE_MAKING;
	return !strcmp(word, "refused")  ? VERDICT_REFUSED
	       : !strcmp(word, "limit")  ? VERDICT_LIMIT
	       : !strcmp(word, "retry")  ? VERDICT_RETRY
	       : !strcmp(word, "absent") ? VERDICT_ABSENT
					 : VERDICT_OK;
}

static const struct provider provider_fake = {
	.name = "fake",
	.title = "Fake",
	.create_timeout = 77 * SECOND,
	.op = {
		[OP_STORAGE] = { fake_build, fake_read }, [OP_VOLUME_MAKE] = { fake_build, fake_read },
		[OP_VOLUME_DROP] = { fake_build, fake_read }, [OP_VOLUME_ATTACH] = { fake_build, fake_read },
		[OP_SNAPSHOT_MAKE] = { fake_build, fake_read }, [OP_SNAPSHOT_LOOK] = { fake_build, fake_read },
	},
};

static const struct account account = { .name = "acc", .provider = "fake", .api_url = "http://127.0.0.1:1" };

struct world {
	struct call_limits limits;
	struct rng rng;
	struct call *c;
	instant now;
	const struct http_request *req;
};

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

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

static bool until_send(struct world *w)
{
	instant wake = 0;

	for (;;) {
		switch (call_next(w->c, w->now, &w->req, &wake)) {
		case CALL_SEND: return true;
		case CALL_DONE: return false;
		case CALL_WAIT: w->now = wake;
		}
	}
}

static void hears(struct world *w, enum http_outcome outcome, int status, const char *body)
{
	struct http_response res = { .outcome = outcome, .status = status, .body = body, .len = strlen(body), .trouble = "reset" };

	call_answer(w->c, w->now, &res);
}

static void answered(struct world *w, int status, const char *body)
{
	assert_true(until_send(w));
	hears(w, HTTP_ANSWERED, status, body);
}

/* An operation that has come to `step`: the search before MAKE was answered. */
static void begin(struct world *w, enum provider_op_kind op, enum step step)
{
	struct storage wanted = { .name = "vol" };
	struct op_args args = { .account = &account, .storage = &wanted, .machine = "m1", .work = "w1" };

	call_free(w->c);
	w->c = call_new(&provider_fake, op, &args, &w->limits, &w->rng);
	memset(&wanted, 'x', sizeof(wanted) - 1); /* it was copied */
	if (step == MAKE)
		answered(w, 200, "more 1");
}

static const struct op_reply *ends(struct world *w, enum verdict v)
{
	assert_false(until_send(w));
	assert_string_equal(verdict_name(call_reply(w->c)->verdict), verdict_name(v));
	if (v != VERDICT_OK)
		assert_string_not_equal(call_reply(w->c)->message, "");
	return call_reply(w->c);
}

/* ---- what makes is sent once ---- */

static void only_the_request_that_makes_is_treated_as_one(void **state)
{
	struct world *w = *state;

	begin(w, OP_VOLUME_MAKE, SEARCH);
	assert_true(until_send(w));
	assert_false(call_makes(w->c)); /* a search */
	assert_int_equal(w->req->timeout, 0);
	assert_string_equal(w->req->url, "http://127.0.0.1:1/0/vol");
	hears(w, HTTP_ANSWERED, 502, "retry"); /* … which may be asked again */
	assert_true(until_send(w));
	hears(w, HTTP_BROKEN, 0, "");
	answered(w, 200, "more 1");
	assert_true(until_send(w));
	assert_true(call_makes(w->c));
	assert_int_equal(w->req->timeout, 77 * SECOND); /* as long as a create */
	hears(w, HTTP_ANSWERED, 201, "ok v1");
	assert_string_equal(ends(w, VERDICT_OK)->id, "v1");
	assert_int_equal(call_requests_sent(w->c), 4);
	begin(w, OP_VOLUME_DROP, FIND);
	assert_true(until_send(w));
	assert_false(call_makes(w->c));
	hears(w, HTTP_ANSWERED, 204, "");
	ends(w, VERDICT_OK);
}

static void a_search_that_fails_has_made_nothing(void **state)
{
	struct world *w = *state;

	begin(w, OP_VOLUME_MAKE, SEARCH);
	for (int i = 0; i < 3; i++) {
		assert_true(until_send(w));
		hears(w, HTTP_BROKEN, 0, "");
	}
	ends(w, VERDICT_RETRY);
	begin(w, OP_VOLUME_MAKE, SEARCH);
	answered(w, 200, "refused");
	ends(w, VERDICT_REFUSED);
}

static void whatever_is_not_definite_is_unsure(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum verdict v;
	} rows[] = {
		{ 201, "ok v1", VERDICT_OK }, { 201, "ok", VERDICT_UNSURE }, { 200, "refused", VERDICT_UNSURE }, { 200, "absent", VERDICT_UNSURE },
		{ 500, "refused", VERDICT_UNSURE }, { 503, "retry", VERDICT_UNSURE }, { 408, "retry", VERDICT_UNSURE },
		{ 302, "retry", VERDICT_UNSURE }, { 500, "more 2", VERDICT_UNSURE }, { 422, "refused", VERDICT_REFUSED },
		{ 422, "limit", VERDICT_LIMIT }, { 429, "retry", VERDICT_RETRY }, { 404, "absent", VERDICT_UNSURE },
	};
	static const enum provider_op_kind makers[] = { OP_VOLUME_MAKE, OP_SNAPSHOT_MAKE };
	struct world *w = *state;

	for (size_t k = 0; k < ARRAY_LEN(makers); k++) {
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			begin(w, makers[k], MAKE);
			answered(w, rows[i].status, rows[i].body);
			assert_string_equal(ends(w, rows[i].v)->id, rows[i].v == VERDICT_OK ? "v1" : "");
			assert_int_equal(call_requests_sent(w->c), 2);
		}
		begin(w, makers[k], MAKE);
		assert_true(until_send(w));
		hears(w, HTTP_BROKEN, 0, "");
		ends(w, VERDICT_UNSURE);
		begin(w, makers[k], MAKE);
		assert_true(until_send(w));
		hears(w, HTTP_NOT_SENT, 0, "");
		ends(w, VERDICT_RETRY);
	}
}

/* An action's id stands for a snapshot that has none yet; a volume must have its own. */
static void work_names_a_snapshot_and_no_volume(void **state)
{
	struct world *w = *state;

	begin(w, OP_SNAPSHOT_MAKE, MAKE);
	answered(w, 201, "work a7");
	assert_string_equal(ends(w, VERDICT_OK)->work, "a7");
	begin(w, OP_VOLUME_MAKE, MAKE);
	answered(w, 201, "work a7");
	assert_string_equal(ends(w, VERDICT_UNSURE)->work, "");
}

/* After "there is one already", or a success without an id, what is there is looked for, and the doubt lasts until it is found. */
static void what_was_made_is_looked_for(void **state)
{
	static const int statuses[] = { 200, 409 };
	static const char *const failures[] = { "refused", "retry", "absent", "ok", "limit" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		begin(w, OP_VOLUME_MAKE, MAKE);
		answered(w, statuses[i], "more 2");
		assert_true(until_send(w));
		assert_false(call_makes(w->c));
		hears(w, HTTP_BROKEN, 0, ""); /* asked again: it is a GET */
		answered(w, 200, "ok v9");
		assert_string_equal(ends(w, VERDICT_OK)->id, "v9");
		for (size_t k = 0; k < ARRAY_LEN(failures); k++) {
			begin(w, OP_VOLUME_MAKE, MAKE);
			answered(w, statuses[i], "more 2");
			while (until_send(w))
				hears(w, HTTP_ANSWERED, 200, failures[k]);
			ends(w, VERDICT_UNSURE);
		}
	}
}

static void other_changes_of_storage_are_plain(void **state)
{
	struct world *w = *state;

	begin(w, OP_VOLUME_ATTACH, MAKE);
	assert_true(until_send(w));
	assert_false(call_makes(w->c));
	hears(w, HTTP_BROKEN, 0, "");
	ends(w, VERDICT_RETRY);
	begin(w, OP_VOLUME_DROP, SEARCH);
	answered(w, 404, "absent");
	ends(w, VERDICT_ABSENT);
}

/* ---- the list ---- */

static void a_list_of_storage_is_merged_by_kind_and_id(void **state)
{
	struct world *w = *state;
	const struct op_reply *r;

	begin(w, OP_STORAGE, FIND);
	answered(w, 200, "storage v 7 s 7 v 8 v 7");
	r = ends(w, VERDICT_OK);
	assert_int_equal(r->storage_count, 3);
	assert_int_equal(r->storages[0].kind, STORAGE_VOLUME);
	assert_int_equal(r->storages[1].kind, STORAGE_SNAPSHOT);
	assert_string_equal(r->storages[2].id, "8");
	assert_int_equal(r->storages[0].size_gb, 35); /* the larger of two */
	for (size_t i = 0; i < r->storage_count; i++) {
		assert_true(r->storages[i].size_gb >= 0 && r->storages[i].gb_month == 0);
		assert_string_equal(r->storages[i].name, "name");
	}
}

static void storage_without_a_usable_id_voids_the_list(void **state)
{
	static const char *const bodies[] = { "storage v a s ", "storage v \x01", "storage s \xc3\xa9" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		begin(w, OP_STORAGE, FIND);
		answered(w, 200, bodies[i]);
		assert_int_equal(ends(w, VERDICT_RETRY)->storage_count, 0);
	}
}

static void a_failed_list_of_storage_keeps_nothing(void **state)
{
	struct world *w = *state;

	begin(w, OP_STORAGE, FIND);
	answered(w, 200, "more 2");
	for (int i = 0; i < 3; i++)
		answered(w, 500, "retry");
	assert_int_equal(ends(w, VERDICT_RETRY)->storage_count, 0);
}

static void a_look_tells_of_one_snapshot(void **state)
{
	struct world *w = *state;

	begin(w, OP_SNAPSHOT_LOOK, FIND);
	answered(w, 200, "making"); /* has no id yet */
	assert_int_equal(ends(w, VERDICT_OK)->storages[0].state, STORAGE_MAKING);
	begin(w, OP_SNAPSHOT_LOOK, FIND);
	answered(w, 200, "ok");
	ends(w, VERDICT_RETRY);
	begin(w, OP_SNAPSHOT_LOOK, FIND);
	answered(w, 200, "storage s "); /* ready, and has none */
	ends(w, VERDICT_RETRY);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_the_request_that_makes_is_treated_as_one),
		TEST(a_search_that_fails_has_made_nothing),
		TEST(whatever_is_not_definite_is_unsure),
		TEST(work_names_a_snapshot_and_no_volume),
		TEST(what_was_made_is_looked_for),
		TEST(other_changes_of_storage_are_plain),
		TEST(a_list_of_storage_is_merged_by_kind_and_id),
		TEST(storage_without_a_usable_id_voids_the_list),
		TEST(a_failed_list_of_storage_keeps_nothing),
		TEST(a_look_tells_of_one_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

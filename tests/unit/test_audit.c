/* The audit's judgement: what adds up, and every way in which something does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_help.h"

#include "audit.h"
#include "base/str.h"

#define NOW ((instant)1795200000 * SECOND)

static const uint8_t key[MARK_KEY_LEN] = { 4, 5, 6 };

struct world {
	struct store *s;
	struct store_batch *b;
	struct audit *a;
	int64_t seq;
};

static struct world start(const struct db_place *p, size_t accounts, size_t machines)
{
	struct world w = { .s = db_open(p, false), .b = store_batch_new(), .a = audit_new(accounts, machines) };
	struct fleet f = db_fleet(1);

	store_batch_fleet(w.b, &f);
	str_copy(w.a->site, "abc234");
	memcpy(w.a->key, key, sizeof(key));
	w.a->now = NOW;
	w.a->settle = 10 * MINUTE;
	for (size_t k = 0; k < accounts; k++) {
		struct audit_account *x = &w.a->accounts[k];

		str_copy(x->name, k ? "hotaisle" : "runpod");
		str_copy(x->provider, x->name);
		str_copy(x->title, k ? "Hot Aisle" : "RunPod");
		x->listed = true;
		x->balance.machines = -1;
	}
	return w;
}

static void mark(char out[ID_MAX], const uint8_t *with, int64_t intent, instant deadline)
{
	mark_make(out, with, "runpod", "abc234", (uint64_t)intent, deadline);
}

/* Row `id`, whose machine is called "m<id>", and the event that brought it where it is. */
static struct instance row(struct world *w, int64_t id, enum instance_state state, const char *event)
{
	struct instance i = db_instance(id, 1);
	struct event v = { .seq = ++w->seq, .time = NOW - HOUR, .kind = OBJECT_INSTANCE, .object_id = id, .fleet_id = 1 };

	i.state = state;
	i.planned = i.sent = i.created = NOW - HOUR;
	i.deleting_at = state == INSTANCE_DELETING ? NOW - MINUTE : 0;
	i.price_hour = 2 * USD;
	if (state != INSTANCE_PLANNED && state != INSTANCE_DISPATCHING && state != INSTANCE_AMBIGUOUS)
		snprintf(i.provider_id, sizeof(i.provider_id), "m%d", (int)id);
	mark(i.mark, key, id, NOW + HOUR);
	if (state == INSTANCE_GONE) {
		i.describe_absent = true;
		i.absent_listings = 2;
		i.gone = NOW - MINUTE;
		str_copy(v.from, "DELETING");
		str_copy(v.to, "GONE");
	}
	if (event) {
		str_copy(v.event, event);
		store_batch_event(w->b, &v);
	}
	return i;
}

static void add(struct world *w, int64_t id, enum instance_state state, const char *event)
{
	struct instance i = row(w, id, state, event);

	store_batch_instance(w->b, &i);
}

/* The k-th machine of the only listing. */
static struct machine *lists(struct world *w, size_t k, const char *id, int64_t intent, money price)
{
	struct machine *m = &w->a->machines[k];

	str_copy(m->id, id);
	m->state = MACHINE_RUNNING;
	m->price_hour = price;
	if (intent)
		mark(m->mark, key, intent, NOW + HOUR);
	w->a->accounts[0].count = k + 1;
	return m;
}

static json_t *judge(const struct db_place *p, struct world *w)
{
	struct history *h = NULL;
	struct err e = { 0 };
	json_t *out = NULL;

	db_commit(w->s, w->b);
	store_close(w->s);
	if (history_open(&h, p->path, &e) < 0 || audit_judge(w->a, h, &out, &e) < 0)
		fail_msg("%s", e.msg);
	history_close(h);
	free(w->a);
	return out;
}

/* "kind kind " of a list of findings. */
static void expect_kinds(const json_t *out, const char *list, const char *wanted)
{
	struct buf b = BUF(4096);
	const json_t *f;
	size_t k;

	json_array_foreach(json_path(out, list), k, f)
		buf_printf(&b, "%s ", json_str(f, "kind", "?"));
	assert_string_equal(buf_str(&b), wanted);
	buf_free(&b);
}

static void test_adds_up(void **state)
{
	struct world w = start(*state, 1, 3);
	struct instance i;
	json_t *out;

	add(&w, 1, INSTANCE_READY, "reachable");
	add(&w, 2, INSTANCE_GONE, "gone");
	i = row(&w, 3, INSTANCE_GONE, "refused");
	i.provider_id[0] = '\0';
	i.absent_listings = 0;
	i.describe_absent = false;
	store_batch_instance(w.b, &i);
	i = row(&w, 4, INSTANCE_GONE, "absent");
	i.provider_id[0] = '\0';
	i.describe_absent = false;
	store_batch_instance(w.b, &i);
	i = row(&w, 5, INSTANCE_GONE, "stop");
	i.sent = 0;
	i.provider_id[0] = '\0';
	i.absent_listings = 0;
	store_batch_instance(w.b, &i);
	i = row(&w, 6, INSTANCE_GONE, "gone"); /* a host of our own is given back */
	str_copy(i.provider, "static");
	i.absent_listings = 0;
	i.describe_absent = false;
	store_batch_instance(w.b, &i);
	lists(&w, 0, "m1", 1, 2 * USD);
	lists(&w, 1, "x9", 0, 5 * USD); /* a colleague's */
	str_copy(w.a->machines[1].mark, "colleague");
	lists(&w, 2, "m2", 2, 0)->over = true;
	w.a->accounts[0].balance = (struct balance){ .machines = 2, .hourly = 7 * USD, .hourly_known = true, .known = true,
		.available = 70 * USD };
	out = judge(*state, &w);
	expect_kinds(out, "findings", "");
	expect_kinds(out, "pending", "");
	assert_true(json_bool(out, "ok", false));
	assert_int_equal(json_int(out, "intents.total", 0), 6);
	assert_int_equal(json_int(out, "intents.open", 0), 1);
	assert_int_equal(json_int(out, "intents.gone", 0), 2);
	assert_int_equal(json_int(out, "intents.refused", 0), 1);
	assert_int_equal(json_int(out, "intents.absent", 0), 1);
	assert_int_equal(json_int(out, "intents.never_sent", 0), 1);
	assert_int_equal(json_int(out, "intents.unproved", -1), 0);
	assert_int_equal(json_array_size(json_path(out, "billing")), 2);
	assert_string_equal(json_str(out, "billing.0.whose", ""), "foreign"); /* the dearest first */
	assert_string_equal(json_str(out, "billing.1.fleet", ""), "fleet-1");
	assert_int_equal(json_int(out, "billing.1.instance", 0), 1);
	assert_true(json_num(out, "rate_hour", 0) == 2.0); /* ours only */
	assert_true(json_num(out, "accounts.0.hours_left", 0) == 10.0);
	json_decref(out);
}

static void test_listed_and_wrong(void **state)
{
	static const uint8_t other[MARK_KEY_LEN] = { 9 };
	struct world w = start(*state, 1, 7);
	struct machine *m;
	json_t *out;

	add(&w, 1, INSTANCE_READY, "reachable");
	add(&w, 2, INSTANCE_GONE, "gone");
	lists(&w, 0, "m1", 1, 0); /* its row knows the price */
	lists(&w, 1, "m2", 2, USD);
	lists(&w, 2, "m7", 7, USD); /* no row */
	m = lists(&w, 3, "f", 0, USD);
	mark(m->mark, other, 8, NOW + HOUR);
	m = lists(&w, 4, "o", 0, USD);
	mark_make(m->mark, key, "runpod", "zzz777", 9, NOW);
	m = lists(&w, 5, "m1b", 0, USD);
	mark(m->mark, key, 1, NOW - MINUTE); /* of the same create as m1, and overdue */
	out = judge(*state, &w);
	expect_kinds(out, "findings", "resurrected orphan forged overdue orphan twin ");
	assert_false(json_bool(out, "ok", true));
	assert_int_equal(json_int(out, "accounts.0.unknown", 0), 2);
	assert_int_equal(json_int(out, "accounts.0.ours", 0), 2);
	assert_int_equal(json_int(out, "accounts.0.others", 0), 2);
	assert_true(json_num(out, "rate_hour", 0) == 5.0);
	json_decref(out);
}

static void test_rows_and_wrong(void **state)
{
	struct world w = start(*state, 1, 1);
	struct instance i;
	json_t *out;

	add(&w, 1, INSTANCE_BUSY, "assigned"); /* not listed */
	i = row(&w, 2, INSTANCE_BOOTING, "created");
	i.created = NOW - MINUTE; /* not listed yet */
	store_batch_instance(w.b, &i);
	add(&w, 3, INSTANCE_AMBIGUOUS, "unsure"); /* sent an hour ago */
	i = row(&w, 4, INSTANCE_DISPATCHING, "dispatch");
	i.sent = NOW - 10 * SECOND;
	store_batch_instance(w.b, &i);
	add(&w, 5, INSTANCE_PLANNED, "plan");
	add(&w, 6, INSTANCE_DELETING, "stop");
	i = row(&w, 7, INSTANCE_DELETING, "stop");
	i.deleting_at = NOW - 20 * MINUTE;
	store_batch_instance(w.b, &i);
	i = row(&w, 8, INSTANCE_READY, "reachable");
	str_copy(i.account, "elsewhere");
	store_batch_instance(w.b, &i);
	out = judge(*state, &w);
	expect_kinds(out, "findings", "missing unanswered deleting unconfigured ");
	expect_kinds(out, "pending", "missing unanswered planned deleting ");
	json_decref(out);
}

static void test_ends_without_evidence(void **state)
{
	struct world w = start(*state, 1, 1);
	struct instance i;
	json_t *out;

	add(&w, 1, INSTANCE_GONE, NULL);   /* no event at all */
	add(&w, 2, INSTANCE_GONE, "stop"); /* it was sent */
	i = row(&w, 3, INSTANCE_GONE, "gone");
	i.describe_absent = false; /* the provider was not asked for it */
	store_batch_instance(w.b, &i);
	i = row(&w, 4, INSTANCE_GONE, "gone");
	i.absent_listings = 1;
	store_batch_instance(w.b, &i);
	i = row(&w, 5, INSTANCE_GONE, "absent");
	i.absent_listings = 0;
	store_batch_instance(w.b, &i);
	add(&w, 6, INSTANCE_GONE, "timeout"); /* nothing ends by waiting */
	add(&w, 7, INSTANCE_GONE, "gone");    /* this one is fine */
	out = judge(*state, &w);
	expect_kinds(out, "findings", "unproved unproved unproved unproved unproved unproved ");
	assert_int_equal(json_int(out, "intents.unproved", 0), 6);
	json_decref(out);
}

static void test_counters(void **state)
{
	struct world w = start(*state, 2, 1);
	json_t *out;

	add(&w, 1, INSTANCE_READY, "reachable");
	lists(&w, 0, "m1", 1, 2 * USD);
	w.a->accounts[0].balance = (struct balance){ .machines = 2, .hourly = 4 * USD, .hourly_known = true };
	w.a->accounts[1].listed = false;
	str_copy(w.a->accounts[1].message, "HTTP 500");
	out = judge(*state, &w);
	expect_kinds(out, "findings", "count rate unlisted ");
	assert_true(json_is_null(json_path(out, "accounts.0.balance")));
	assert_true(json_is_false(json_path(out, "accounts.1.listed")));
	json_decref(out);
}

/* What is rounded, or not told, is no finding. */
static void test_counters_in_order(void **state)
{
	struct world w = start(*state, 2, 1);
	json_t *out;

	add(&w, 1, INSTANCE_READY, "reachable");
	lists(&w, 0, "m1", 1, 2 * USD);
	w.a->accounts[0].balance = (struct balance){ .machines = 1, .hourly = 2 * USD + 9 * CENT, .hourly_known = true };
	w.a->accounts[1].local = true;
	w.a->accounts[1].listed = false;
	out = judge(*state, &w);
	expect_kinds(out, "findings", "");
	assert_true(json_is_null(json_path(out, "accounts.1.listed")));
	json_decref(out);
}

/* Hot Aisle: a machine without a name is known by its id, and one whose create has no answer by its mark. */
static void test_whose_row(void **state)
{
	struct world w = start(*state, 1, 2);
	json_t *out;

	add(&w, 1, INSTANCE_BOOTING, "created");
	add(&w, 2, INSTANCE_AMBIGUOUS, "unsure");
	lists(&w, 0, "m1", 0, USD);
	lists(&w, 1, "new", 2, USD);
	w.a->settle = DAY;
	out = judge(*state, &w);
	expect_kinds(out, "findings", "");
	expect_kinds(out, "pending", "unanswered ");
	assert_int_equal(json_int(out, "accounts.0.ours", 0), 2);
	json_decref(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DB_TEST(test_adds_up),
		DB_TEST(test_listed_and_wrong),
		DB_TEST(test_rows_and_wrong),
		DB_TEST(test_ends_without_evidence),
		DB_TEST(test_counters),
		DB_TEST(test_counters_in_order),
		DB_TEST(test_whose_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Questions about the past: every field of every answer, and sums that add up to the micro-dollar however they are grouped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_help.h"

#include "base/rng.h"
#include "base/str.h"
#include "db/history.h"

#include <math.h>
#include <sys/stat.h>

static struct history *open_history(const struct db_place *p)
{
	struct history *h = NULL;
	struct err e = { 0 };

	if (history_open(&h, p->path, &e) < 0)
		fail_msg("%s", e.msg);
	return h;
}

static void expect(const json_t *got, const char *wanted)
{
	json_t *w = json_read(wanted, strlen(wanted), NULL);
	char *text;

	assert_non_null(w);
	if (json_equal(got, w)) {
		json_decref(w);
		return;
	}
	text = json_text(got);
	fail_msg("got    %s\nwanted %s", text, wanted);
}

static instant at(const char *text)
{
	instant t = 0;

	assert_true(instant_parse(text, &t));
	return t;
}

/* ---- events ---- */

static void write_events(const struct db_place *p)
{
	static const struct {
		enum object_kind kind;
		int64_t object, fleet;
	} of[] = { { OBJECT_FLEET, 1, 1 }, { OBJECT_INSTANCE, 3, 1 }, { OBJECT_RUN, 5, 1 }, { OBJECT_FLEET, 2, 2 }, { OBJECT_INSTANCE, 4, 2 },
		{ OBJECT_RUN, 3, 2 }, { OBJECT_ACCOUNT, 1, 0 }, { OBJECT_INSTANCE, 3, 1 } };
	struct store *s = db_open(p, false);
	struct store_batch *b = store_batch_new();
	struct fleet f = db_fleet(1), g = db_fleet(2);

	store_batch_fleet(b, &f);
	store_batch_fleet(b, &g);
	for (size_t k = 0; k < ARRAY_LEN(of); k++) {
		struct event v = { .seq = (int64_t)k + 1, .time = at("2026-11-20T02:00:00.5Z") + (instant)k * SECOND, .kind = of[k].kind,
			.object_id = of[k].object, .fleet_id = of[k].fleet, .from = "BOOTING", .event = "lost", .to = "DELETING",
			.cause = CAUSE_LOST, .actor = "daemon", .text = "gone \xff away" };

		store_batch_event(b, &v);
	}
	db_commit(s, b);
	store_close(s);
}

/* The sequence numbers of an answer, as "1 2 3". */
static void expect_events(struct history *h, struct history_event_query q, const char *wanted)
{
	struct buf got = BUF(4096);
	struct err e = { 0 };
	json_t *out = NULL, *v;
	size_t k;

	if (history_events(h, &q, &out, &e) < 0)
		fail_msg("%s", e.msg);
	json_array_foreach(json_object_get(out, "events"), k, v)
		buf_printf(&got, "%s%d", k ? " " : "", (int)json_int(v, "seq", -1));
	assert_string_equal(buf_str(&got), wanted);
	buf_free(&got);
	json_decref(out);
}

static void test_events(void **state)
{
	instant third = at("2026-11-20T02:00:02.5Z");
	struct history *h;
	struct err e = { 0 };
	json_t *out = NULL;

	write_events(*state);
	h = open_history(*state);
	expect_events(h, (struct history_event_query){ 0 }, "1 2 3 4 5 6 7 8");
	expect_events(h, (struct history_event_query){ .after = 3, .limit = 2 }, "4 5");
	expect_events(h, (struct history_event_query){ .limit = 2 }, "1 2");
	expect_events(h, (struct history_event_query){ .limit = 3, .newest = true }, "6 7 8");
	expect_events(h, (struct history_event_query){ .after = 7, .limit = 3, .newest = true }, "8");
	expect_events(h, (struct history_event_query){ .since = third }, "3 4 5 6 7 8");
	expect_events(h, (struct history_event_query){ .fleet_id = 1 }, "1 2 3 8");
	expect_events(h, (struct history_event_query){ .fleet_id = 1, .limit = 2, .newest = true }, "3 8");
	expect_events(h, (struct history_event_query){ .instance_id = 3 }, "2 8"); /* not run 3 */
	expect_events(h, (struct history_event_query){ .instance_id = 3, .limit = 1, .newest = true }, "8");
	expect_events(h, (struct history_event_query){ .run_id = 3 }, "6");
	expect_events(h, (struct history_event_query){ .run_id = 3, .newest = true }, "6");
	expect_events(h, (struct history_event_query){ .fleet_id = 9 }, "");
	expect_events(h, (struct history_event_query){ .after = 8 }, "");

	assert_int_equal(history_events(h, &(struct history_event_query){ .run_id = 3 }, &out, &e), 0);
	expect(out, "{\"events\":[{\"seq\":6,\"time\":\"2026-11-20T02:00:05.500Z\",\"kind\":\"run\",\"id\":3,\"fleet\":\"fleet-2\","
		    "\"from\":\"BOOTING\",\"event\":\"lost\",\"to\":\"DELETING\",\"cause\":\"lost\",\"actor\":\"daemon\","
		    "\"text\":\"gone \\\\xff away\"}]}");
	json_decref(out);
	history_close(h);
}

/* ---- runs, results, fleets ---- */

static void write_life(const struct db_place *p)
{
	struct store *s = db_open(p, false);
	struct store_batch *b = store_batch_new();
	struct fleet f = db_fleet(1), again = db_fleet(20);
	struct instance i = db_instance(2, 1);
	struct run r = db_run(3, 1, 2), queued = db_run(4, 1, 0), other = db_run(21, 20, 2), second = db_run(22, 20, 2);
	struct result_row x = { .run_id = 3, .metric = "tokens", .unit = "1/s", .number = true, .value = 12.5, .labels = "{\"batch\":8}",
		.seq = 1 };

	str_copy(f.name, "demo");
	str_copy(again.name, "demo");
	f.state = FLEET_CLOSED;
	f.cause = CAUSE_IDLE;
	str_copy(f.reason, "idle for 30 minutes");
	str_copy(f.labels, "team=a");
	f.created = at("2026-11-20T02:00:00Z");
	f.ready_at = at("2026-11-20T02:05:00Z");
	f.closed = at("2026-11-20T04:00:00Z");
	f.lifetime = 4 * HOUR;
	f.idle_limit = 30 * MINUTE;
	f.max_cost = 12500000;
	f.version = 9;
	i.slot = 1;
	i.state = INSTANCE_GONE;
	i.cause = CAUSE_RELEASED;
	str_copy(i.offer_key, "mi300x/tor1");
	str_copy(i.region, "tor1");
	str_copy(i.mark, "gf1-x");
	str_copy(i.provider_id, "abc");
	str_copy(i.address, "192.0.2.7");
	str_copy(i.user, "root");
	str_copy(i.host_key, "ssh-ed25519 AAAA");
	i.port = 22;
	i.price_hour = 1990000;
	i.spot = true;
	i.deadline = at("2026-11-20T07:00:00Z");
	i.planned = at("2026-11-20T02:00:01Z");
	i.created = at("2026-11-20T02:00:03Z");
	i.deleting_at = at("2026-11-20T03:59:00Z");
	i.gone = at("2026-11-20T04:00:00Z");
	i.metered = 3980001;
	i.billed = 3970000;
	i.billed_known = true;
	i.delete_accepted = true;
	r.state = RUN_DONE;
	r.outcome = OUTCOME_FAILED;
	r.cause = CAUSE_FAILED;
	str_copy(r.title, "check it");
	str_copy(r.reason, "exit status 3");
	str_copy(r.secrets, "HF_TOKEN");
	str_copy(r.progress, "3 of 4");
	r.params = xstrdup("{\"size\":\"big\"}");
	r.env = xstrdup("{\"HTTP_PROXY\":\"p\"}");
	r.exit_status = 3;
	r.created = at("2026-11-20T02:00:00Z");
	r.assigned = at("2026-11-20T02:06:00Z");
	r.started = at("2026-11-20T02:07:00Z");
	r.ended = at("2026-11-20T02:17:00.25Z");
	r.done = at("2026-11-20T02:17:01Z");
	r.out_size = 100;
	r.setup_timeout = 90 * SECOND + 500 * MSEC;
	r.run_timeout = HOUR;
	other.ranks = second.ranks = 2;
	other.gang_id = second.gang_id = 21;
	second.rank = 1;
	other.assigned = second.assigned = at("2026-11-20T05:00:00Z");
	other.done = at("2026-11-20T06:00:00Z");
	second.done = at("2026-11-20T05:30:00Z");
	store_batch_fleet(b, &f);
	store_batch_fleet(b, &again);
	store_batch_instance(b, &i);
	store_batch_run(b, &r);
	store_batch_run(b, &queued);
	store_batch_run(b, &other);
	store_batch_run(b, &second);
	free(r.params);
	free(r.env);
	store_batch_result(b, &x);
	x.seq = 0;
	x.number = false;
	str_copy(x.metric, "gpu");
	str_copy(x.text, "gfx942");
	str_copy(x.unit, "");
	str_copy(x.labels, "");
	store_batch_result(b, &x);
	db_commit(s, b);
	store_close(s);
}

#define RUN_3                                                                                                            \
	"{\"id\":3,\"key\":\"key3\",\"fleet\":\"demo\",\"fleet_id\":1,\"instance\":2,\"recipe\":\"gpu-check\",\"title\":\"check it\","  \
	"\"owner\":\"ann\",\"state\":\"DONE\",\"outcome\":\"failed\",\"cause\":\"failed\",\"reason\":\"exit status 3\","             \
	"\"progress\":\"3 of 4\",\"exit_status\":3,\"signal\":\"\",\"created\":\"2026-11-20T02:00:00.000Z\","                        \
	"\"started\":\"2026-11-20T02:07:00.000Z\",\"ended\":\"2026-11-20T02:17:00.250Z\",\"done\":\"2026-11-20T02:17:01.000Z\",\"out_size\":100,"            \
	"\"err_size\":0,\"params\":{\"size\":\"big\"},\"env\":{\"HTTP_PROXY\":\"p\"},\"secrets\":\"HF_TOKEN\","                       \
	"\"results_bytes\":0,\"requeues\":0,\"rank\":0,\"instances\":1,\"ranks\":[],\"metered\":0.365386,"                     \
	"\"setup_timeout\":90.5,\"run_timeout\":3600.0,\"gpu\":\"MI300X\",\"gpu_count\":1,\"provider\":\"runpod\",\"region\":\"tor1\",\"price_hour\":1.99}"

static void expect_runs(struct history *h, int64_t fleet, int limit, const char *wanted)
{
	struct buf got = BUF(4096);
	struct err e = { 0 };
	json_t *out = NULL, *r;
	size_t k;

	if (history_runs(h, fleet, limit, &out, &e) < 0)
		fail_msg("%s", e.msg);
	json_array_foreach(json_object_get(out, "runs"), k, r)
		buf_printf(&got, "%s%d", k ? " " : "", (int)json_int(r, "id", -1));
	assert_string_equal(buf_str(&got), wanted);
	buf_free(&got);
	json_decref(out);
}

static void expect_run_cost(struct history *h, int64_t run, double wanted)
{
	struct err e = { 0 };
	json_t *out = NULL;

	if (history_run(h, run, &out, &e) < 0)
		fail_msg("%s", e.msg);
	assert_float_equal(json_num(out, "metered", -1), wanted, 1e-9);
	json_decref(out);
}

static void test_runs(void **state)
{
	struct history *h;
	struct err e = { 0 };
	json_t *out = NULL;

	write_life(*state);
	h = open_history(*state);
	expect_runs(h, 0, 0, "21 4 3");
	expect_runs(h, 0, 2, "21 4");
	expect_run_cost(h, 4, 0);
	expect_run_cost(h, 21, 1.99 + 0.995); /* both instances of it */
	expect_run_cost(h, 22, 0.995);
	expect_runs(h, 1, 0, "4 3");
	expect_runs(h, -1, 0, "");
	assert_int_equal(history_run(h, 3, &out, &e), 0);
	expect(out, RUN_3);
	json_decref(out);
	assert_int_equal(history_run(h, 4, &out, &e), 0);
	assert_true(json_is_null(json_object_get(out, "exit_status"))); /* not known */
	assert_true(json_is_null(json_object_get(out, "params")));
	json_decref(out);
	assert_int_equal(history_run(h, 5, &out, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_string_equal(e.msg, "there is no run 5");
	history_close(h);
}

static void test_results(void **state)
{
	struct history *h;
	struct err e = { 0 };
	json_t *out = NULL;

	write_life(*state);
	h = open_history(*state);
	assert_int_equal(history_results(h, 3, &out, &e), 0);
	expect(out, "{\"results\":[{\"metric\":\"gpu\",\"text\":\"gfx942\",\"unit\":\"\",\"labels\":{}},"
		    "{\"metric\":\"tokens\",\"value\":12.5,\"unit\":\"1/s\",\"labels\":{\"batch\":8}}]}");
	json_decref(out);
	assert_int_equal(history_results(h, 4, &out, &e), 0);
	expect(out, "{\"results\":[]}");
	json_decref(out);
	history_close(h);
}

static void test_fleet(void **state)
{
	struct history *h;
	struct err e = { 0 };
	json_t *out = NULL;

	write_life(*state);
	h = open_history(*state);
	assert_int_equal(history_fleet(h, "demo", 1, &out, &e), 0);
	expect(out, "{\"id\":1,\"name\":\"demo\",\"owner\":\"ann\",\"state\":\"CLOSED\",\"cause\":\"idle\",\"reason\":\"idle for 30 minutes\","
		    "\"labels\":\"team=a\",\"gpu\":\"MI300X\",\"gpu_count\":1,\"instances_wanted\":1,\"created\":\"2026-11-20T02:00:00.000Z\","
		    "\"ready_at\":\"2026-11-20T02:05:00.000Z\",\"expires\":null,\"idle_since\":null,\"closed\":\"2026-11-20T04:00:00.000Z\","
		    "\"keep_until\":null,\"lifetime\":14400.0,\"idle_limit\":1800.0,\"max_cost\":12.5,\"env\":{},\"version\":9,\"instances\":[{\"id\":2,"
		    "\"slot\":1,\"state\":\"GONE\",\"cause\":\"released\",\"reason\":\"\",\"account\":\"runpod\",\"provider\":\"runpod\","
		    "\"offer\":\"mi300x/tor1\",\"gpu\":\"MI300X\",\"gpu_count\":1,\"region\":\"tor1\",\"price_hour\":1.99,\"spot\":true,"
		    "\"marketplace\":false,\"name\":\"gf1-x\",\"provider_id\":\"abc\",\"address\":\"192.0.2.7\",\"port\":22,\"user\":\"root\","
		    "\"host_key\":\"ssh-ed25519 AAAA\",\"deadline\":\"2026-11-20T07:00:00.000Z\",\"planned\":\"2026-11-20T02:00:01.000Z\","
		    "\"created\":\"2026-11-20T02:00:03.000Z\",\"ready_at\":null,\"deleting_at\":\"2026-11-20T03:59:00.000Z\","
		    "\"gone\":\"2026-11-20T04:00:00.000Z\",\"held\":0.0,\"metered\":3.980001,\"billed\":3.97,\"settled_at\":null,"
		    "\"settled\":false,\"run\":0,\"accepted\":true}]}");
	json_decref(out);
	/* The newest of that name. */
	assert_int_equal(history_fleet(h, "demo", 0, &out, &e), 0);
	assert_int_equal(json_int(out, "id", 0), 20);
	assert_int_equal(json_array_size(json_object_get(out, "instances")), 0);
	json_decref(out);
	assert_int_equal(history_fleet(h, "none", 0, &out, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_string_equal(e.msg, "there is no fleet 'none'");
	assert_int_equal(history_fleet(h, NULL, 77, &out, &e), -1);
	assert_string_equal(e.msg, "there is no fleet 77");
	history_close(h);
}

/* ---- cost ---- */

static int64_t micro(const json_t *row, const char *key)
{
	return llround(json_num(row, key, 0) * 1e6);
}

/* A row tells why its bills differ exactly where they do, and the reasons add up; taken out, so that rows compare at a glance. */
static void check_gaps(json_t *row)
{
	const json_t *gaps = json_object_get(row, "gaps"), *gap;
	int64_t sum = 0;
	size_t k;

	assert_int_equal(json_array_size(gaps) != 0, micro(row, "gap") != 0);
	json_array_foreach(gaps, k, gap) {
		assert_string_equal(json_str(gap, "reason", ""), "late delete");
		assert_string_equal(json_str(gap, "text", ""), "its delete was taken late, or its end not seen");
		sum += micro(gap, "gap");
	}
	assert_int_equal(sum, micro(row, "gap"));
	json_object_del(row, "gaps");
}

static json_t *cost_of(struct history *h, const char *by, const char *filter, instant since, instant until, instant now)
{
	struct cost_query q = { .by = { by }, .count = 1, .since = since, .until = until, .now = now, .filter = filter };
	struct err e = { 0 };
	json_t *out = NULL, *table, *row;
	size_t k;

	if (history_cost(h, &q, &out, &e) < 0)
		fail_msg("%s", e.msg);
	table = json_array_get(json_object_get(out, "tables"), 0);
	assert_string_equal(json_str(table, "by", ""), by);
	json_put(out, "rows", json_incref(json_object_get(table, "rows")));
	json_array_foreach(json_object_get(out, "rows"), k, row)
		check_gaps(row);
	check_gaps(json_object_get(out, "total"));
	return out;
}

static void expect_cost(struct history *h, const char *by, instant now, const char *rows)
{
	json_t *out = cost_of(h, by, "", 0, 0, now);

	expect(json_object_get(out, "rows"), rows);
	json_decref(out);
}

#define ROW(key, instances, hours, held, metered, billed, gap, settled, count)                                             \
	"{\"key\":\"" key "\",\"instances\":" #instances ",\"gpu_hours\":" #hours ",\"held\":" #held ",\"metered\":" #metered    \
	",\"billed\":" #billed ",\"gap\":" #gap ",\"settled\":" #settled ",\"settled_instances\":" #count "}"
#define ROW2(key, two, instances, hours, held, metered, billed, gap, settled, count)                                       \
	"{\"key\":\"" key "\",\"key2\":\"" two "\",\"instances\":" #instances ",\"gpu_hours\":" #hours ",\"held\":" #held      \
	",\"metered\":" #metered ",\"billed\":" #billed ",\"gap\":" #gap ",\"settled\":" #settled ",\"settled_instances\":" #count "}"

static int64_t postings;

static void book(struct store_batch *b, struct instance *i, enum posting_kind kind, enum part part, int64_t run, instant since, duration time,
    money amount)
{
	struct posting p = { .seq = ++postings, .time = since + time, .kind = kind, .subject_id = i->object.id, .number = ++i->postings,
		.part = part, .run_id = run, .since = since, .until = since + time, .amount = amount };

	p.gpu_time = kind == POSTING_USE ? time * i->gpu_count : 0;
	str_copy(p.debit, kind == POSTING_BILL ? "adjust" : i->fleet_id ? "cost" : "loss");
	snprintf(p.credit, sizeof(p.credit), "provider:%s", i->account);
	store_batch_posting(b, &p);
}

/*
 * A: 2 GPUs for 3 hours over the month's end, metered 6.000001, settled at 6.00, in fleet-1 of ann, budget "team": x for one hour, y for
 *    one, x again for half an hour, which failed, and half an hour of nothing.
 * B: 8 GPUs, running since 90 minutes at 10.00 an hour in fleet-2 of bob, label team=x: booked for 45 minutes, with run z since then.
 * C: an orphan without a fleet, gone, metered 0.30, no bill yet.   D: an order that became nothing.
 */
static instant write_costs(const struct db_place *p)
{
	instant now = at("2026-12-01T12:00:00Z"), midnight = at("2026-12-01T00:00:00Z");
	struct store *s = db_open(p, false);
	struct store_batch *b = store_batch_new();
	struct fleet f = db_fleet(1), g = db_fleet(2);
	struct instance a = db_instance(11, 1), c = db_instance(13, 0), d = db_instance(14, 1), run = db_instance(12, 2);
	struct run r;

	postings = 0;
	str_copy(f.budget, "team");
	str_copy(f.labels, "");
	str_copy(g.owner, "bob");
	str_copy(g.labels, "team=x,night=1");
	a.state = INSTANCE_GONE;
	a.gpu_count = 2;
	a.meter_start = midnight - 2 * HOUR;
	a.meter_end = midnight + HOUR;
	a.metered = 6000001;
	a.billed = 6 * USD;
	a.gap = GAP_LATE_DELETE;
	a.billed_known = true;
	a.settled = now - HOUR;
	str_copy(a.provider_id, "a");

	run.state = INSTANCE_BUSY;
	run.gpu_count = 8;
	run.price_hour = 10 * USD;
	run.hold = 40 * USD;
	run.meter_start = now - 90 * MINUTE;
	run.booked_until = now - 45 * MINUTE;
	run.part = PART_RUN;
	run.part_run = 23;
	str_copy(run.provider_id, "b");
	str_copy(run.account, "spare");
	str_copy(run.provider, "hotaisle");
	str_copy(run.gpu, "H100");

	c.state = INSTANCE_GONE;
	c.meter_start = now - 30 * MINUTE;
	c.meter_end = now - 15 * MINUTE;
	c.metered = 300000;
	str_copy(c.provider_id, "c");

	d.state = INSTANCE_GONE;
	d.cause = CAUSE_NO_CAPACITY;

	store_batch_fleet(b, &f);
	store_batch_fleet(b, &g);
	store_batch_instance(b, &a);
	store_batch_instance(b, &run);
	store_batch_instance(b, &c);
	store_batch_instance(b, &d);
	for (int k = 0; k < 4; k++) {
		r = db_run(20 + k, k < 3 ? 1 : 2, k < 3 ? 11 : 12);
		snprintf(r.recipe, sizeof(r.recipe), "%s", k == 3 ? "z" : k == 1 ? "y" : "x");
		r.outcome = k == 3 ? OUTCOME_NONE : k == 2 ? OUTCOME_FAILED : OUTCOME_OK;
		store_batch_run(b, &r);
	}
	book(b, &a, POSTING_USE, PART_RUN, 20, midnight - 2 * HOUR, HOUR, 2 * USD);
	book(b, &a, POSTING_USE, PART_SETUP, 21, midnight - HOUR, 20 * MINUTE, 666667);
	book(b, &a, POSTING_USE, PART_RUN, 21, midnight - 40 * MINUTE, 40 * MINUTE, 1333333);
	book(b, &a, POSTING_USE, PART_RUN, 22, midnight, 30 * MINUTE, USD);
	book(b, &a, POSTING_USE, PART_IDLE, 0, midnight + 30 * MINUTE, 30 * MINUTE, USD);
	book(b, &a, POSTING_USE, PART_ROUNDING, 0, midnight + HOUR, 0, 1);
	book(b, &a, POSTING_BILL, PART_ROUNDING, 0, midnight + HOUR, 0, -1);
	book(b, &run, POSTING_USE, PART_BOOT, 0, run.meter_start, 45 * MINUTE, 7500000);
	book(b, &c, POSTING_USE, PART_TEARDOWN, 0, c.meter_start, 15 * MINUTE, 300000);
	db_commit(s, b);
	store_close(s);
	return now;
}

static void test_cost(void **state)
{
	instant now = write_costs(*state);
	struct history *h = open_history(*state);
	struct cost_query wrong = { .by = { "colour" }, .count = 1, .now = now, .filter = "" };
	struct err e = { 0 };
	json_t *out = NULL;

	expect_cost(h, "fleet", now, "[" ROW("fleet-2", 1, 12.0, 40.0, 15.0, null, 0.0, false, 0) ","
	    ROW("fleet-1", 1, 6.0, 0.0, 6.000001, 6.0, -1e-6, true, 1) ",{\"key\":\"(none)\",\"instances\":1,\"gpu_hours\":0.25,\"held\":0.0,"
	    "\"metered\":0.3,\"billed\":null,\"gap\":0.0,\"loss\":0.3,\"settled\":false,\"settled_instances\":0}]");
	expect_cost(h, "budget,part", now, "[" ROW2("(none)", "boot", 1, 6.0, 0.0, 7.5, null, 0.0, false, 0) ","
	    ROW2("(none)", "run", 1, 6.0, 40.0, 7.5, null, 0.0, false, 0) ","
	    ROW2("team", "run", 1, 4.333333333333333, 0.0, 4.333333, 4.333333, 0.0, true, 1) "," ROW2("team", "idle", 1, 1.0, 0.0, 1.0, 1.0, 0.0, true, 1) ","
	    ROW2("team", "setup", 1, 0.6666666666666666, 0.0, 0.666667, 0.666667, 0.0, true, 1)
	    ",{\"key\":\"(none)\",\"key2\":\"teardown\",\"instances\":1,\"gpu_hours\":0.25,\"held\":0.0,\"metered\":0.3,\"billed\":null,"
	    "\"gap\":0.0,\"loss\":0.3,\"settled\":false,\"settled_instances\":0}," ROW2("team", "rounding", 1, 0.0, 0.0, 1e-6, 0.0, -1e-6, true, 1) "]");
	/* What was spent in a month, or on a day, is what its own hours cost. */
	out = cost_of(h, "month", "fleet=fleet-1", 0, 0, now);
	expect(json_object_get(out, "rows"), "[" ROW("2026-11", 1, 4.0, 0.0, 4.0, 4.0, 0.0, true, 1) ","
	    ROW("2026-12", 1, 2.0, 0.0, 2.000001, 2.0, -1e-6, true, 1) "]");
	json_decref(out);
	out = cost_of(h, "week", "provider=hotaisle", 0, 0, now);
	expect(json_object_get(out, "rows"), "[" ROW("2026-11-30", 1, 12.0, 40.0, 15.0, null, 0.0, false, 0) "]");
	json_decref(out);
	out = cost_of(h, "recipe", "owner=ann", 0, 0, now);
	expect(json_object_get(out, "rows"), "[" ROW("x", 1, 3.0, 0.0, 3.0, 3.0, 0.0, true, 1) "," ROW("y", 1, 2.0, 0.0, 2.0, 2.0, 0.0, true, 1) ","
	    ROW("(none)", 1, 1.0, 0.0, 1.000001, 1.0, -1e-6, true, 1) "]");
	json_decref(out);
	out = cost_of(h, "label:team", "", 0, 0, now);
	assert_string_equal(json_str(json_array_get(json_object_get(out, "rows"), 0), "key", ""), "x");
	assert_int_equal(json_array_size(json_object_get(out, "rows")), 2);
	json_decref(out);

	out = cost_of(h, "fleet", "", 0, 0, now);
	expect(json_object_get(out, "total"), "{\"key\":\"total\",\"instances\":3,\"gpu_hours\":18.25,\"held\":40.0,\"metered\":21.300001,"
	    "\"billed\":6.0,\"gap\":-1e-6,\"loss\":0.3,\"settled\":false,\"settled_instances\":1}");
	assert_true(json_is_false(json_object_get(out, "complete")));
	json_decref(out);

	/* [since, until) is about the time that was paid for; what lives belongs to now. */
	out = cost_of(h, "fleet", "", at("2026-12-01T00:00:00Z"), at("2026-12-01T10:00:00Z"), now);
	expect(json_object_get(out, "total"), ROW("total", 1, 2.0, 0.0, 2.000001, 2.0, -1e-6, true, 1));
	assert_true(json_is_true(json_object_get(out, "complete")));
	json_decref(out);
	out = cost_of(h, "fleet", "", now - 30 * MINUTE, 0, now);
	assert_int_equal(json_int(out, "total.instances", 0), 2);
	json_decref(out);
	out = cost_of(h, "recipe", "gpu=none", 1, 2, now);
	expect(json_object_get(out, "rows"), "[]");
	json_decref(out);

	assert_int_equal(history_cost(h, &wrong, &out, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_non_null(strstr(e.msg, "'colour'; choose owner"));
	wrong.by[0] = "owner,gpu,day";
	assert_int_equal(history_cost(h, &wrong, &out, &e), -1);
	assert_non_null(strstr(e.msg, "two ways at the most"));
	wrong.by[0] = "owner";
	wrong.filter = "owner";
	assert_int_equal(history_cost(h, &wrong, &out, &e), -1);
	assert_non_null(strstr(e.msg, "a filter is WHAT=VALUE"));
	history_close(h);
}

/* Every table of one walk adds up to the total, to the micro-dollar. */
static void test_every_table_adds_up(void **state)
{
	static const char *const ways[] = { "owner", "budget", "campaign", "fleet", "provider", "account", "gpu", "region", "recipe", "run", "part",
		"day", "week", "month", "label:team", "owner,part" };
	instant now = write_costs(*state);
	struct history *h = open_history(*state);
	struct cost_query q = { .count = ARRAY_LEN(ways), .now = now, .filter = "", .efficiency = true };
	struct err e = { 0 };
	json_t *out = NULL, *table, *row, *total;
	size_t k, n;

	for (k = 0; k < ARRAY_LEN(ways); k++)
		q.by[k] = ways[k];
	assert_int_equal(history_cost(h, &q, &out, &e), 0);
	total = json_object_get(out, "total");
	json_array_foreach(json_object_get(out, "tables"), k, table) {
		static const char *const sums[] = { "metered", "held", "billed", "gap", "failed" };

		for (size_t f = 0; f < ARRAY_LEN(sums); f++) {
			int64_t sum = 0;

			json_array_foreach(json_object_get(table, "rows"), n, row)
				sum += micro(row, sums[f]);
			assert_int_equal(sum, micro(total, sums[f]));
		}
	}
	assert_int_equal(json_int(total, "runs", 0), 4);
	assert_int_equal(json_int(total, "runs_ok", 0), 2);
	assert_true(json_num(total, "failed", 0) == 1.0);
	assert_true(json_num(total, "parts.setup", 0) == 0.666667);
	assert_true(fabs(json_num(total, "run_gpu_hours", 0) - 4.333333 - 6) < 1e-5);
	json_decref(out);
	history_close(h);
}

static void test_the_ledger_is_proved(void **state)
{
	struct history *h;
	struct err e = { 0 };
	json_t *out = NULL;
	sqlite3 *db;

	write_costs(*state);
	h = open_history(*state);
	/* The rows of that fixture say nothing of their postings: each of them is wrong, and told. */
	assert_int_equal(history_ledger(h, &out, &e), 0);
	assert_true(json_is_false(json_object_get(out, "ok")));
	assert_true(json_num(out, "sum", 1) == 0);
	assert_true(json_array_size(json_object_get(out, "wrong")) > 3);
	json_decref(out);
	history_close(h);
	db = db_shell(*state);
	db_do(db, "UPDATE instances SET postings = 7, posted = metered, adjusted = -1 WHERE id = 11");
	db_do(db, "UPDATE instances SET postings = 1, posted = 7500000, hold = 0 WHERE id = 12");
	db_do(db, "UPDATE instances SET postings = 1, posted = metered WHERE id = 13");
	h = open_history(*state);
	assert_int_equal(history_ledger(h, &out, &e), 0);
	if (!json_is_true(json_object_get(out, "ok")))
		fail_msg("%s", json_text(out));
	assert_int_equal(json_int(out, "postings", 0), 9);
	json_decref(out);
	history_close(h);
	/* Nobody changes a posting, not even by hand. */
	assert_int_not_equal(sqlite3_exec(db, "UPDATE postings SET amount = 0", NULL, NULL, NULL), SQLITE_OK);
	assert_int_not_equal(sqlite3_exec(db, "DELETE FROM postings", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_focus(void **state)
{
	struct history *h;
	struct buf text = BUF(65536);
	struct err e = { 0 };
	char *line;
	int columns = 1;

	write_costs(*state);
	h = open_history(*state);
	assert_int_equal(history_focus(h, 0, 0, &text, &e), 0);
	assert_true(str_starts(buf_str(&text), "AvailabilityZone,BilledCost,BillingAccountId,"));
	line = strstr(buf_str(&text), "\r\n");
	*line = '\0';
	for (const char *p = buf_str(&text); *p; p++)
		columns += *p == ',';
	assert_int_equal(columns, 43); /* of FOCUS 1.0 */
	*line = '\r';
	assert_non_null(strstr(buf_str(&text), ",-0.000001,runpod,runpod,USD,2027-01-01T00:00:00Z,2026-12-01T00:00:00Z,Adjustment,"));
	assert_non_null(strstr(buf_str(&text), ",0.666667,"));
	buf_free(&text);
	history_close(h);
}

static void test_what_a_budget_counts(void **state)
{
	static const struct {
		struct budget b;
		int64_t before;
		money november, december;
	} cases[] = { { { .scope = SCOPE_ALL }, 100, 4 * USD, 2 * USD + 7500000 + 300000 },
		{ { .scope = SCOPE_OWNER, .subject = "ann" }, 100, 4 * USD, 2 * USD },
		{ { .scope = SCOPE_OWNER, .subject = "ann" }, 3, 2666667, 0 },
		{ { .scope = SCOPE_NAMED, .name = "team" }, 100, 4 * USD, 2 * USD },
		{ { .scope = SCOPE_PROVIDER, .subject = "spare" }, 100, 0, 7500000 },
		{ { .scope = SCOPE_PROVIDER, .subject = "hotaisle" }, 100, 0, 7500000 },
		{ { .scope = SCOPE_LABEL, .subject = "team=x" }, 100, 0, 7500000 },
		{ { .scope = SCOPE_LABEL, .subject = "eam=x" }, 100, 0, 0 },
		{ { .scope = SCOPE_CAMPAIGN, .subject = "founding" }, 100, 0, 0 } };
	int64_t december = at("2026-12-01T00:00:00Z") / DAY;
	struct err e = { 0 };
	struct history *h;

	write_costs(*state);
	h = open_history(*state);
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct days d = { 0 };

		assert_int_equal(history_booked(h, &cases[k].b, NULL, cases[k].before, 0, &d, &e), 0);
		assert_int_equal(days_sum(&d, INT64_MIN, december - 1), cases[k].november);
		assert_int_equal(days_sum(&d, december, INT64_MAX), cases[k].december);
		days_free(&d);
	}
	history_close(h);
}

static void test_cost_of_running_ones(void **state)
{
	instant now = at("2026-12-01T12:00:00Z");
	struct store *s = db_open(*state, false);
	struct store_batch *b = store_batch_new();
	struct fleet f = db_fleet(1);
	struct instance i = db_instance(2, 1);
	struct history *h;

	i.planned = now - DAY;
	i.state = INSTANCE_READY;
	i.price_hour = USD;
	i.minimum_charge = 5 * USD;
	i.meter_start = now - HOUR;
	store_batch_fleet(b, &f);
	store_batch_instance(b, &i);
	i.object.id = 3; /* paid for, but the meter has not begun */
	i.meter_start = 0;
	i.hold = 7;
	store_batch_instance(b, &i);
	i.object.id = 4; /* waits for the proof that it is gone: the meter has stopped */
	i.state = INSTANCE_DELETING;
	i.hold = 0;
	i.minimum_charge = 0;
	i.meter_start = now - 10 * HOUR;
	i.meter_end = now - 9 * HOUR;
	store_batch_instance(b, &i);
	db_commit(s, b);
	store_close(s);
	h = open_history(*state);
	expect_cost(h, "fleet", now, "[" ROW("fleet-1", 3, 2.0, 7e-6, 6.0, null, 0.0, false, 0) "]");
	expect_cost(h, "fleet", now + 9 * HOUR, "[" ROW("fleet-1", 3, 11.0, 7e-6, 11.0, null, 0.0, false, 0) "]");
	/* A clock that went back costs nothing and takes nothing off. */
	expect_cost(h, "fleet", now - 5 * HOUR, "[" ROW("fleet-1", 3, 1.0, 7e-6, 6.0, null, 0.0, false, 0) "]");
	expect_cost(h, "recipe", now - 5 * HOUR, "[" ROW("(none)", 3, 1.0, 7e-6, 6.0, null, 0.0, false, 0) "]");
	history_close(h);
}

static void check_sums(const json_t *out)
{
	static const char *const keys[] = { "held", "metered", "billed", "gap", "loss" };
	const json_t *rows = json_object_get(out, "rows"), *total = json_object_get(out, "total"), *row;
	double hours = 0;
	size_t k;

	for (size_t n = 0; n < ARRAY_LEN(keys); n++) {
		int64_t sum = 0;

		json_array_foreach(rows, k, row)
			sum += micro(row, keys[n]);
		assert_int_equal(sum, micro(total, keys[n]));
	}
	json_array_foreach(rows, k, row)
		hours += json_num(row, "gpu_hours", 0);
	assert_true(fabs(hours - json_num(total, "gpu_hours", -1)) < 1e-6);
}

/* Odd amounts and times, many runs on a machine, live ones that are booked in part or not at all, bills of either sign. */
static void test_sums_are_exact(void **state)
{
	static const char *const ways[] = { "fleet", "provider", "account", "gpu", "owner", "recipe", "day", "week", "month", "part", "run",
		"recipe,day", "part,owner" };
	instant now = at("2026-12-01T12:00:00Z");
	struct store *s = db_open(*state, false);
	struct store_batch *b = store_batch_new();
	struct history *h;
	struct rng rng;
	int64_t id = 100;

	postings = 0;
	rng_seed(&rng, 4);
	for (int64_t k = 1; k <= 60; k++) {
		struct fleet f = db_fleet(k);
		struct instance i = db_instance(id++, k % 7 ? k : 0);
		int runs = (int)rng_below(&rng, k % 10 ? 6 : 150);
		instant t = now - (duration)rng_below(&rng, 90 * (uint64_t)DAY);

		i.meter_start = k % 11 ? t : 0;
		i.state = k % 3 ? INSTANCE_GONE : INSTANCE_BUSY;
		i.settled = k % 3 && k % 2;
		i.billed_known = i.settled;
		i.gap = GAP_LATE_DELETE;
		i.gpu_count = 1 + (int)rng_below(&rng, 8);
		i.price_hour = (money)rng_below(&rng, 30 * (uint64_t)USD);
		i.hold = (money)rng_below(&rng, 100);
		store_batch_fleet(b, &f);
		store_batch_instance(b, &i);
		for (int n = 0; n < runs; n++) {
			struct run r = db_run(id++, k, i.object.id);
			duration time = (duration)rng_below(&rng, (uint64_t)HOUR);

			snprintf(r.recipe, sizeof(r.recipe), "%s%d", n % 9 ? "r" : "", (int)rng_below(&rng, 12));
			if (n % 13 == 5)
				r.recipe[0] = '\0';
			store_batch_run(b, &r);
			book(b, &i, n % 17 == 16 ? POSTING_BILL : POSTING_USE, (enum part)rng_below(&rng, PARTS), n % 4 ? r.object.id : 0, t, time,
			    (money)rng_below(&rng, 9 * (uint64_t)USD) - (n % 5 ? 0 : USD));
			t += time;
		}
		i.booked_until = k % 4 ? t : 0;
	}
	db_commit(s, b);
	store_close(s);
	h = open_history(*state);
	for (size_t k = 0; k < ARRAY_LEN(ways); k++) {
		json_t *out = cost_of(h, ways[k], "", 0, 0, now);

		assert_true(json_int(out, "total.instances", 0) > 50);
		assert_true(json_array_size(json_object_get(out, "rows")) > 0);
		check_sums(out);
		json_decref(out);
	}
	history_close(h);
}

/* ---- storage ---- */

static void book_kept(struct store_batch *b, struct extra *x, enum posting_kind kind, enum part part, instant since, instant until, money amount)
{
	struct posting p = { .seq = ++postings, .time = since, .kind = kind, .subject_id = x->object.id, .number = ++x->postings, .part = part,
		.since = since, .until = until, .amount = amount, .debit = "cost" };

	str_copy(p.debit, kind == POSTING_BILL ? "adjust" : "cost");
	snprintf(p.credit, sizeof(p.credit), "provider:%s", x->account);
	*(kind == POSTING_BILL ? &x->adjusted : &x->posted) += amount;
	store_batch_posting(b, &p);
}

static struct extra kept(int64_t id, enum extra_kind kind, const char *name)
{
	struct extra x = { .object.id = id, .kind = kind, .state = EXTRA_LIVE, .owner = "ann", .account = "ocean", .provider = "digitalocean" };

	str_copy(x.name, name);
	return x;
}

/* As the daemon answers it, reasons of gaps included. */
static json_t *cost_by_fleet(struct history *h, instant since, instant until, instant now)
{
	struct cost_query q = { .by = { "fleet" }, .count = 1, .since = since, .until = until, .now = now, .filter = "" };
	struct err e = { 0 };
	json_t *out = NULL;

	if (history_cost(h, &q, &out, &e) < 0)
		fail_msg("%s", e.msg);
	json_put(out, "rows", json_incref(json_object_get(json_array_get(json_object_get(out, "tables"), 0), "rows")));
	return out;
}

static void expect_row(const json_t *out, const char *key, const char *want)
{
	static const char *const names[] = { "metered", "billed", "gap", "gaps", "settled" };
	json_t *shown = json_object();
	char *text;
	size_t k;
	json_t *row;

	json_array_foreach(json_object_get(out, "rows"), k, row)
		if (!strcmp(json_str(row, "key", ""), key))
			for (size_t n = 0; n < ARRAY_LEN(names); n++)
				if (json_object_get(row, names[n]))
					json_put(shown, names[n], json_incref(json_object_get(row, names[n])));
	text = json_text(shown);
	assert_string_equal(text, want);
	free(text);
	json_decref(shown);
}

/*
 * V lives: two days of November are settled, half a day of December is not. W is gone and settled, down to what its least charge added.
 * S is gone, and nobody ever sent a bill of it.
 */
static instant write_kept(const struct db_place *p)
{
	instant midnight = at("2026-12-01T00:00:00Z"), now = midnight + 12 * HOUR;
	struct extra v = kept(51, EXTRA_VOLUME, "v"), w = kept(52, EXTRA_VOLUME, "w"), s = kept(53, EXTRA_SNAPSHOT, "s");
	struct store *store = db_open(p, false);
	struct store_batch *b = store_batch_new();

	postings = 0;
	v.price_month = 730 * USD; /* a dollar an hour */
	v.hold = 100 * USD;
	v.booked_until = v.settled_until = midnight;
	v.gap = GAP_UNEXPLAINED;
	book_kept(b, &v, POSTING_USE, PART_STORAGE, midnight - 2 * DAY, midnight - DAY, USD);
	book_kept(b, &v, POSTING_USE, PART_STORAGE, midnight - DAY, midnight, USD);
	book_kept(b, &v, POSTING_BILL, PART_STORAGE, midnight - 2 * DAY, midnight, 5 * CENT);
	v.billed = v.posted + v.adjusted;
	w.state = s.state = EXTRA_GONE;
	w.settled = s.settled = now;
	w.booked_until = w.settled_until = midnight - DAY;
	book_kept(b, &w, POSTING_USE, PART_STORAGE, midnight - 2 * DAY, midnight - DAY, 40 * CENT);
	book_kept(b, &w, POSTING_USE, PART_ROUNDING, midnight - DAY, midnight - DAY, 10 * CENT);
	w.billed = w.posted;
	s.gap = GAP_NO_RECORD;
	s.booked_until = midnight - DAY;
	book_kept(b, &s, POSTING_USE, PART_STORAGE, midnight - 2 * DAY, midnight - DAY, 20 * CENT);
	store_batch_extra(b, &v);
	store_batch_extra(b, &w);
	store_batch_extra(b, &s);
	db_commit(store, b);
	store_close(store);
	return now;
}

#define UNEXPLAINED "\"gaps\":[{\"reason\":\"unexplained\",\"text\":\"more than our clock explains; see its invoice\",\"gap\":0.05}]"
#define NO_RECORD   "\"gaps\":[{\"reason\":\"no record\",\"text\":\"no bill of it came: what we metered stands\",\"gap\":0.0,\"metered\":0.2}]"

static void test_cost_of_storage(void **state)
{
	instant now = write_kept(*state), november = at("2026-11-01T00:00:00Z"), december = at("2026-12-01T00:00:00Z");
	struct history *h = open_history(*state);
	json_t *out = cost_by_fleet(h, 0, 0, now);
	struct err e = { 0 };

	expect_row(out, "volume v", "{\"metered\":14.0,\"billed\":2.05,\"gap\":0.05," UNEXPLAINED ",\"settled\":false}");
	expect_row(out, "volume w", "{\"metered\":0.5,\"billed\":0.5,\"gap\":0.0,\"settled\":true}");
	expect_row(out, "snapshot s", "{\"metered\":0.2,\"billed\":null,\"gap\":0.0," NO_RECORD ",\"settled\":true}");
	assert_false(json_bool(out, "complete", true));
	json_decref(out);
	/* A month whose days are all settled is final, although the volume lives on. */
	out = cost_by_fleet(h, november, december, now);
	expect_row(out, "volume v", "{\"metered\":2.0,\"billed\":2.05,\"gap\":0.05," UNEXPLAINED ",\"settled\":true}");
	assert_true(json_bool(out, "complete", false));
	json_decref(out);
	assert_int_equal(history_ledger(h, &out, &e), 0);
	assert_true(json_bool(out, "ok", false));
	json_decref(out);
	history_close(h);
}

/* ---- the connection ---- */

static void test_it_only_reads(void **state)
{
	struct db_place *p = *state, none = *p;
	struct store *s = db_open(p, true);
	struct history *h;
	struct err e = { 0 };
	char wal[200];
	struct stat st;
	int done = 0;

	/* While the daemon writes, it sees what is committed; afterwards it leaves the log to the daemon. */
	h = open_history(p);
	expect_events(h, (struct history_event_query){ 0 }, "");
	store_commit(s, db_event_batch(1), NULL, NULL);
	while (!done)
		done = store_deliver(s);
	expect_events(h, (struct history_event_query){ 0 }, "1");
	store_close(s);
	expect_events(h, (struct history_event_query){ 0 }, "1");
	snprintf(wal, sizeof(wal), "%s/test.db-wal", p->dir);
	assert_int_equal(stat(wal, &st), 0);
	history_close(h);
	assert_int_equal(stat(wal, &st), 0);
	history_close(NULL);

	snprintf(none.path, sizeof(none.path), "%s/none.db", p->dir);
	assert_int_equal(history_open(&h, none.path, &e), -1);
	assert_non_null(strstr(e.msg, "none.db"));
	assert_int_equal(stat(none.path, &st), -1); /* nor made */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DB_TEST(test_events), DB_TEST(test_runs), DB_TEST(test_results), DB_TEST(test_fleet), DB_TEST(test_cost), DB_TEST(test_cost_of_storage),
		DB_TEST(test_every_table_adds_up),
		DB_TEST(test_the_ledger_is_proved), DB_TEST(test_focus), DB_TEST(test_what_a_budget_counts),
		DB_TEST(test_cost_of_running_ones), DB_TEST(test_sums_are_exact), DB_TEST(test_it_only_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

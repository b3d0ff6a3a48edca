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
	struct run r = db_run(3, 1, 2), queued = db_run(4, 1, 0), other = db_run(21, 20, 0);
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
	r.exit_status = 3;
	r.created = at("2026-11-20T02:00:00Z");
	r.assigned = at("2026-11-20T02:06:00Z");
	r.started = at("2026-11-20T02:07:00Z");
	r.ended = at("2026-11-20T02:17:00.25Z");
	r.out_size = 100;
	r.setup_timeout = 90 * SECOND + 500 * MSEC;
	r.run_timeout = HOUR;
	store_batch_fleet(b, &f);
	store_batch_fleet(b, &again);
	store_batch_instance(b, &i);
	store_batch_run(b, &r);
	store_batch_run(b, &queued);
	store_batch_run(b, &other);
	free(r.params);
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
	"\"started\":\"2026-11-20T02:07:00.000Z\",\"ended\":\"2026-11-20T02:17:00.250Z\",\"done\":null,\"out_size\":100,"            \
	"\"err_size\":0,\"params\":{\"size\":\"big\"},\"secrets\":\"HF_TOKEN\",\"results_bytes\":0,\"requeues\":0,"                  \
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

static void test_runs(void **state)
{
	struct history *h;
	struct err e = { 0 };
	json_t *out = NULL;

	write_life(*state);
	h = open_history(*state);
	expect_runs(h, 0, 0, "21 4 3");
	expect_runs(h, 0, 2, "21 4");
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
		    "\"keep_until\":null,\"lifetime\":14400.0,\"idle_limit\":1800.0,\"max_cost\":12.5,\"version\":9,\"instances\":[{\"id\":2,"
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

static json_t *cost(struct history *h, const char *by, instant since, instant until, instant now)
{
	struct err e = { 0 };
	json_t *out = NULL;

	if (history_cost(h, by, since, until, now, &out, &e) < 0)
		fail_msg("%s", e.msg);
	return out;
}

static void expect_cost(struct history *h, const char *by, instant now, const char *rows)
{
	json_t *out = cost(h, by, 0, 0, now);

	assert_string_equal(json_str(out, "by", ""), by);
	expect(json_object_get(out, "rows"), rows);
	json_decref(out);
}

#define ROW(key, instances, hours, held, metered, billed, settled, count)                                                 \
	"{\"key\":\"" key "\",\"instances\":" #instances ",\"gpu_hours\":" #hours ",\"held\":" #held ",\"metered\":" #metered       \
	",\"billed\":" #billed ",\"settled\":" #settled ",\"settled_instances\":" #count "}"

/*
 * A: 2 GPUs for 3 hours, settled at 6.00, ordered on the 30th of November in fleet-1.
 * B: 8 GPUs, running since 90 minutes at 10.00 an hour, ordered on the 1st of December in fleet-2.
 * C: an orphan without a fleet, gone, metered 0.30, no bill yet.   D: an order that became nothing.
 */
static instant write_costs(const struct db_place *p)
{
	instant now = at("2026-12-01T12:00:00Z");
	struct store *s = db_open(p, false);
	struct store_batch *b = store_batch_new();
	struct fleet f = db_fleet(1), g = db_fleet(2);
	struct instance a = db_instance(11, 1), c = db_instance(13, 0), d = db_instance(14, 1), run = db_instance(12, 2);
	struct run r;

	str_copy(g.owner, "bob");
	a.planned = at("2026-11-30T23:59:59Z");
	a.state = INSTANCE_GONE;
	a.gpu_count = 2;
	a.meter_start = at("2026-12-01T00:00:00Z");
	a.meter_end = a.meter_start + 3 * HOUR;
	a.metered = 6000001;
	a.billed = 6 * USD;
	a.billed_known = true;
	a.settled = now - HOUR;
	str_copy(a.provider_id, "a");

	run.planned = at("2026-12-01T10:00:00Z");
	run.state = INSTANCE_BUSY;
	run.gpu_count = 8;
	run.price_hour = 10 * USD;
	run.hold = 40 * USD;
	run.meter_start = now - 90 * MINUTE;
	str_copy(run.provider_id, "b");
	str_copy(run.account, "spare");
	str_copy(run.provider, "hotaisle");
	str_copy(run.gpu, "H100");

	c.planned = at("2026-12-01T11:00:00Z");
	c.state = INSTANCE_GONE;
	c.meter_start = now - 30 * MINUTE;
	c.meter_end = now - 15 * MINUTE;
	c.metered = 300000;
	str_copy(c.provider_id, "c");

	d.planned = now - HOUR;
	d.state = INSTANCE_GONE;
	d.cause = CAUSE_NO_CAPACITY;

	store_batch_fleet(b, &f);
	store_batch_fleet(b, &g);
	store_batch_instance(b, &a);
	store_batch_instance(b, &run);
	store_batch_instance(b, &c);
	store_batch_instance(b, &d);
	/* On A: x for one hour, y for one, x again for half an hour, and half an hour of nothing. On B: z, since 45 minutes. */
	for (int k = 0; k < 4; k++) {
		r = db_run(20 + k, k < 3 ? 1 : 2, k < 3 ? 11 : 12);
		snprintf(r.recipe, sizeof(r.recipe), "%s", k == 3 ? "z" : k == 1 ? "y" : "x");
		r.assigned = k == 3 ? now - 45 * MINUTE : a.meter_start + k * HOUR;
		r.done = k == 3 ? 0 : r.assigned + (k == 2 ? 30 * MINUTE : HOUR);
		store_batch_run(b, &r);
	}
	/* Waits for a machine. */
	r = db_run(30, 1, 0);
	store_batch_run(b, &r);
	db_commit(s, b);
	store_close(s);
	return now;
}

static void test_cost(void **state)
{
	instant now = write_costs(*state);
	struct history *h = open_history(*state);
	struct err e = { 0 };
	json_t *out = NULL;

	expect_cost(h, "fleet", now, "[" ROW("fleet-2", 1, 12.0, 40.0, 15.0, null, false, 0) ","
	    ROW("fleet-1", 1, 6.0, 0.0, 6.000001, 6.0, true, 1) "," ROW("(none)", 1, 0.25, 0.0, 0.3, null, false, 0) "]");
	expect_cost(h, "owner", now, "[" ROW("bob", 1, 12.0, 40.0, 15.0, null, false, 0) ","
	    ROW("ann", 1, 6.0, 0.0, 6.000001, 6.0, true, 1) "," ROW("(none)", 1, 0.25, 0.0, 0.3, null, false, 0) "]");
	expect_cost(h, "account", now, "[" ROW("spare", 1, 12.0, 40.0, 15.0, null, false, 0) ","
	    ROW("runpod", 2, 6.25, 0.0, 6.300001, 6.0, false, 1) "]");
	expect_cost(h, "provider", now, "[" ROW("hotaisle", 1, 12.0, 40.0, 15.0, null, false, 0) ","
	    ROW("runpod", 2, 6.25, 0.0, 6.300001, 6.0, false, 1) "]");
	expect_cost(h, "gpu", now, "[" ROW("H100", 1, 12.0, 40.0, 15.0, null, false, 0) ","
	    ROW("MI300X", 2, 6.25, 0.0, 6.300001, 6.0, false, 1) "]");
	expect_cost(h, "day", now, "[" ROW("2026-12-01", 2, 12.25, 40.0, 15.3, null, false, 0) ","
	    ROW("2026-11-30", 1, 6.0, 0.0, 6.000001, 6.0, true, 1) "]");
	expect_cost(h, "month", now, "[" ROW("2026-12", 2, 12.25, 40.0, 15.3, null, false, 0) ","
	    ROW("2026-11", 1, 6.0, 0.0, 6.000001, 6.0, true, 1) "]");
	/* A: x 3/6, y 2/6, nothing 1/6 of 6.000001. B: z half. C: nothing. */
	expect_cost(h, "recipe", now, "[" ROW("(none)", 3, 7.25, 20.0, 8.8, 1.0, false, 1) "," ROW("z", 1, 6.0, 20.0, 7.5, null, false, 0) ","
	    ROW("x", 1, 3.0, 0.0, 3.000001, 3.0, true, 1) "," ROW("y", 1, 2.0, 0.0, 2.0, 2.0, true, 1) "]");

	out = cost(h, "fleet", 0, 0, now);
	expect(json_object_get(out, "total"), ROW("total", 3, 18.25, 40.0, 21.300001, 6.0, false, 1));
	assert_true(json_is_false(json_object_get(out, "complete")));
	json_decref(out);

	/* [since, until) is about the order. */
	out = cost(h, "fleet", at("2026-11-30T23:59:59Z"), at("2026-12-01T10:00:00Z"), now);
	expect(json_object_get(out, "total"), ROW("total", 1, 6.0, 0.0, 6.000001, 6.0, true, 1));
	assert_true(json_is_true(json_object_get(out, "complete")));
	json_decref(out);
	out = cost(h, "fleet", at("2026-12-01T10:00:00Z"), 0, now);
	assert_int_equal(json_int(out, "total.instances", 0), 2);
	json_decref(out);
	out = cost(h, "recipe", 1, 2, now);
	expect(out, "{\"by\":\"recipe\",\"rows\":[],\"total\":" ROW("total", 0, 0.0, 0.0, 0.0, 0.0, true, 0) ",\"complete\":true}");
	json_decref(out);

	assert_int_equal(history_cost(h, "colour", 0, 0, now, &out, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_non_null(strstr(e.msg, "'colour'; choose fleet"));
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
	expect_cost(h, "fleet", now, "[" ROW("fleet-1", 3, 2.0, 0.000007, 6.0, null, false, 0) "]");
	expect_cost(h, "fleet", now + 9 * HOUR, "[" ROW("fleet-1", 3, 11.0, 0.000007, 11.0, null, false, 0) "]");
	/* A clock that went back costs nothing and takes nothing off. */
	expect_cost(h, "fleet", now - 5 * HOUR, "[" ROW("fleet-1", 3, 1.0, 0.000007, 6.0, null, false, 0) "]");
	expect_cost(h, "recipe", now - 5 * HOUR, "[" ROW("(none)", 3, 1.0, 0.000007, 6.0, null, false, 0) "]");
	history_close(h);
}

static int64_t micro(const json_t *row, const char *key)
{
	return llround(json_num(row, key, 0) * 1e6);
}

static void check_sums(const json_t *out)
{
	static const char *const keys[] = { "held", "metered", "billed" };
	const json_t *rows = json_object_get(out, "rows"), *total = json_object_get(out, "total"), *row;
	double hours = 0;
	size_t k;

	for (size_t n = 0; n < ARRAY_LEN(keys); n++) {
		int64_t sum = 0;

		json_array_foreach(rows, k, row)
			sum += micro(row, keys[n]);
		assert_int_equal(sum, micro(total, keys[n]));
	}
	json_array_foreach(rows, k, row) {
		hours += json_num(row, "gpu_hours", 0);
		assert_true(k == 0 || micro(row, "metered") <= micro(json_array_get(rows, k - 1), "metered"));
	}
	assert_true(fabs(hours - json_num(total, "gpu_hours", -1)) < 1e-6);
}

/* Odd amounts and times, many runs on a machine, some that began before the meter, some that go on, some with no time at all. */
static void test_sums_are_exact(void **state)
{
	static const char *const ways[] = { "fleet", "provider", "account", "gpu", "owner", "recipe", "day", "month" };
	instant now = at("2026-12-01T12:00:00Z");
	struct store *s = db_open(*state, false);
	struct store_batch *b = store_batch_new();
	struct history *h;
	struct rng rng;
	int64_t id = 100;

	rng_seed(&rng, 4);
	for (int64_t k = 1; k <= 60; k++) {
		struct fleet f = db_fleet(k);
		struct instance i = db_instance(id++, k % 7 ? k : 0);
		int runs = (int)rng_below(&rng, k % 10 ? 6 : 150);

		i.planned = now - (duration)rng_below(&rng, 90 * (uint64_t)DAY);
		i.meter_start = k % 11 ? i.planned + (duration)rng_below(&rng, (uint64_t)HOUR) : 0;
		i.state = k % 3 ? INSTANCE_GONE : INSTANCE_BUSY;
		i.meter_end = i.meter_start && k % 3 ? i.meter_start + (duration)rng_below(&rng, k % 5 ? (uint64_t)DAY : 1) : 0;
		i.gpu_count = 1 + (int)rng_below(&rng, 8);
		i.price_hour = (money)rng_below(&rng, 30 * (uint64_t)USD);
		i.metered = (money)rng_below(&rng, 90 * (uint64_t)USD);
		i.billed = k % 2 ? (money)rng_below(&rng, 90 * (uint64_t)USD) : k % 4 ? 0 : -(money)rng_below(&rng, (uint64_t)USD);
		i.billed_known = i.billed != 0;
		i.hold = (money)rng_below(&rng, 100);
		store_batch_fleet(b, &f);
		store_batch_instance(b, &i);
		for (int n = 0; n < runs; n++) {
			struct run r = db_run(id++, k, i.object.id);

			snprintf(r.recipe, sizeof(r.recipe), "%s%d", n % 9 ? "r" : "", (int)rng_below(&rng, 12));
			if (n % 13 == 5)
				r.recipe[0] = '\0';
			r.assigned = i.planned + (duration)rng_below(&rng, (uint64_t)DAY);
			r.done = n % 5 ? r.assigned + (duration)rng_below(&rng, (uint64_t)HOUR) : 0;
			store_batch_run(b, &r);
		}
	}
	db_commit(s, b);
	store_close(s);
	h = open_history(*state);
	for (size_t k = 0; k < ARRAY_LEN(ways); k++) {
		json_t *out = cost(h, ways[k], 0, 0, now);

		assert_int_equal(json_int(out, "total.instances", 0), 60);
		assert_true(json_array_size(json_object_get(out, "rows")) > 0);
		check_sums(out);
		json_decref(out);
	}
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
		DB_TEST(test_events), DB_TEST(test_runs), DB_TEST(test_results), DB_TEST(test_fleet), DB_TEST(test_cost),
		DB_TEST(test_cost_of_running_ones), DB_TEST(test_sums_are_exact), DB_TEST(test_it_only_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

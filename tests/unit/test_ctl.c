/* gpufleetctl as a whole, against a daemon that follows a script: what it asks, what it prints, how it exits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/str.h"
#include "ctl_mock.h"

#define OFFER \
	"{\"account\":\"runpod\",\"provider\":\"runpod\",\"key\":\"k1\",\"gpu\":\"MI300X\",\"gpu_count\":8,\"gpu_memory_gb\":192," \
	"\"region\":\"EU-RO-1\",\"price_hour\":15.92,\"price_gpu_hour\":1.99,\"minimum_charge\":0,\"available\":2,\"spot\":false," \
	"\"marketplace\":false,\"reliability\":null}"
#define PLAN \
	"{\"gpu\":\"MI300X\",\"count\":8,\"instances\":1,\"offers\":[" OFFER "],\"price_hour\":15.92,\"worst_case\":63.68," \
	"\"lifetime\":14400,\"shortened\":false,\"alternatives\":[],\"text\":\"\"}"
#define INSTANCE(state, more) \
	"{\"id\":11,\"slot\":0,\"state\":\"" state "\",\"cause\":\"\",\"account\":\"runpod\",\"gpu\":\"MI300X\",\"gpu_count\":8," \
	"\"region\":\"EU-RO-1\",\"price_hour\":15.92,\"metered\":0.5,\"address\":\"10.0.0.1\"" more "}"
#define FLEET(state, phase, more, instances) \
	"{\"fleet\":{\"id\":3,\"name\":\"perf-1\",\"owner\":\"ada\",\"state\":\"" state "\",\"phase\":\"" phase "\",\"gpu\":\"MI300X\"," \
	"\"gpu_count\":8,\"instances_wanted\":1,\"hourly\":15.92,\"metered\":0.5,\"held\":63.68,\"settled\":false," \
	"\"created\":\"2026-11-20T02:00:00.000Z\"" more ",\"instances\":[" instances "],\"runs\":[]}}"
#define PLACING FLEET("OPEN", "placing", "", "")
#define BOOTING FLEET("OPEN", "booting", "", INSTANCE("BOOTING", ""))
#define READY   FLEET("OPEN", "ready", "", INSTANCE("READY", ""))
#define CLOSED(cause, reason) FLEET("CLOSED", "closed", ",\"cause\":\"" cause "\",\"reason\":\"" reason "\"", "")
#define PROBLEM(code, text) "{\"code\":\"" code "\",\"detail\":\"" text "\"}"

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' in:\n%s", part, text);
}

/* Status, and both texts must hold their part (NULL: empty). */
static void expect(struct ran *r, int status, const char *out, const char *err)
{
	if (r->status != status)
		fail_msg("status %d, wanted %d\n--- out\n%s\n--- err\n%s", r->status, status, r->out, r->err);
	if (out)
		assert_has(r->out, out);
	else
		assert_string_equal(r->out, "");
	if (err)
		assert_has(r->err, err);
	else
		assert_string_equal(r->err, "");
	ran_free(r);
}

#define EXPECT(m, status, out, err, ...) \
	do { \
		struct ran ran_ = mock_run(m, __VA_ARGS__, NULL); \
		expect(&ran_, status, out, err); \
	} while (0)

/* ---- up ---- */

static void test_up(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/plans", .body = PLAN },
		{ "POST", "/v1/fleets", .status = 201, .body = PLACING },
		{ "GET", "/v1/fleets/perf-1", .body = PLACING, .times = 1 },
		{ "GET", "/v1/fleets/perf-1", .body = BOOTING, .times = 1 },
		{ "GET", "/v1/fleets/perf-1", .body = READY },
		{ 0 },
	};
	struct mock *m = mock_start(rows);
	struct ran r = mock_run(m, "up", "mi300x:8", "--name", "perf-1", "--for", "4h", "--max-cost", "80", "--idle", "15m", "-p",
	    "runpod", "-p", "vastai", "--label", "team=perf", "-e", "http_proxy=http://a=b", "--env", "N=", "--yes", NULL);

	(void)state;
	assert_int_equal(r.status, 0);
	assert_has(r.err, "$63.68");
	assert_has(r.err, "perf-1/0: booting at runpod EU-RO-1");
	assert_has(r.out, "perf-1 is ready");
	assert_has(r.out, "gpufleetctl ssh perf-1");
	ran_free(&r);
	assert_has(mock_log(m), "POST /v1/fleets key {\"gpu\":\"MI300X\",\"count\":8,\"instances\":1,\"name\":\"perf-1\",\"for\":14400,"
				"\"idle\":900,\"max_cost\":80.0,\"env\":{\"http_proxy\":\"http://a=b\",\"N\":\"\"},"
				"\"providers\":[\"runpod\",\"vastai\"],\"labels\":{\"team\":\"perf\"}}");
	mock_stop(m);
}

static void test_up_refuses_to_buy_unasked(void **state)
{
	static const struct mock_row rows[] = { { "POST", "/v1/plans", .body = PLAN }, { 0 } };
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 2, NULL, "nothing is bought without a yes: add --yes", "up", "MI300X:8");
	EXPECT(m, 0, "$63.68", NULL, "up", "MI300X:8", "--dry-run");
	EXPECT(m, 0, "\"worst_case\":63.68", NULL, "up", "MI300X:8", "--dry-run", "--json");
	assert_int_equal(mock_count(m, "POST /v1/fleets"), 0);
	mock_stop(m);
}

static void test_up_bad_words_ask_nobody(void **state)
{
	static const struct mock_row rows[] = { { 0 } };
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 2, NULL, "--count wants", "up", "MI300X", "--count", "0", "--yes");
	EXPECT(m, 2, NULL, "contradict", "up", "MI300X:8", "--count", "4", "--yes");
	EXPECT(m, 2, NULL, "is no GPU", "up", "MI300X:-1", "--yes");
	EXPECT(m, 2, NULL, "did you mean 'status'?", "staus");
	EXPECT(m, 2, NULL, "no name of a fleet", "down", "a b");
	EXPECT(m, 2, NULL, "which fleet?", "down");
	EXPECT(m, 122, NULL, "where? say --on", "run", "gpu-check");
	EXPECT(m, 122, NULL, "not both", "run", "gpu-check", "--on", "a", "--gpu", "H100");
	EXPECT(m, 122, NULL, "which command?", "exec", "perf-1");
	EXPECT(m, 2, NULL, "is no run", "logs", "perf-1");
	EXPECT(m, 2, NULL, "--since wants", "cost", "--since", "someday");
	EXPECT(m, 2, NULL, "(did you mean 'fleet'?)", "cost", "--by", "fleets");
	EXPECT(m, 2, NULL, "--by wants owner, budget", "cost", "--by", "owner,zzz");
	EXPECT(m, 2, NULL, "for how long?", "extend", "perf-1");
	assert_string_equal(mock_log(m), "");
	mock_stop(m);
}

static void test_up_nobody_sells(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/plans", .wants = "\"count\":8", .body = "{\"offers\":[],\"placeable\":false,\"text\":\"nobody sells 8 in one instance now\","
			"\"alternatives\":[{\"instances\":2,\"count\":4,\"offer\":" OFFER ",\"price_hour\":16}]}" },
		{ "POST", "/v1/plans", .wants = "\"count\":4,\"instances\":2", .body = PLAN },
		{ "POST", "/v1/plans", .status = 409, .body = PROBLEM("no_capacity", "nobody sells MI300X now") },
		{ "POST", "/v1/fleets", .status = 201, .body = READY },
		{ "GET", "/v1/fleets/perf-1", .body = READY },
		{ 0 },
	};
	static const struct typed takes[] = { { "1  2 x MI300X:4 at runpod EU-RO-1, $16.00/h", "" },
		{ "take it? [1, N]", "1\n" }, { "buy this? [y/N]", "y\n" }, { 0 } };
	struct mock *m = mock_start(rows);
	struct ran r;

	(void)state;
	EXPECT(m, 4, NULL, "nobody sells 8 in one instance now\ngpufleetctl: nothing was bought", "up", "MI300X:8", "--yes");
	EXPECT(m, 4, NULL, "gpufleetctl: nobody sells MI300X now", "up", "MI300X:4", "--yes");
	EXPECT(m, 4, "\"code\":\"no_capacity\"", "nobody", "up", "MI300X:4", "--yes", "--json");
	assert_int_equal(mock_count(m, "POST /v1/fleets"), 0);
	r = mock_run_tty(m, takes, "up", "MI300X:8", NULL);
	assert_int_equal(r.status, 0);
	ran_free(&r);
	assert_has(mock_log(m), "POST /v1/fleets key {\"gpu\":\"MI300X\",\"count\":4,\"instances\":2}");
	mock_stop(m);
}

/* It is sold, but not for this money; waiting for it is possible all the same. */
static void test_up_too_dear(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/plans", .body = "{\"offers\":[" OFFER "],\"placeable\":false,\"price_hour\":0,\"worst_case\":0,"
			"\"text\":\"the cheapest costs $15.92, more than --max-cost\",\"alternatives\":[]}" },
		{ "POST", "/v1/fleets", .wants = "\"retry_for\":7200", .status = 201, .body = READY },
		{ "GET", "/v1/fleets/perf-1", .body = READY },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 3, NULL, "the cheapest costs $15.92, more than --max-cost", "up", "MI300X:8", "--max-cost", "1", "-y");
	assert_int_equal(mock_count(m, "POST /v1/fleets"), 0);
	EXPECT(m, 0, "perf-1 is ready", "the cheapest costs", "up", "MI300X:8", "-y", "--retry-until-up", "2h");
	mock_stop(m);
}

static void test_up_ends_badly(void **state)
{
	static const struct {
		const char *fleet;
		int status;
	} cases[] = {
		{ CLOSED("unplaceable", "nobody sells it now"), 4 },
		{ CLOSED("money", "its money ran out"), 3 },
		{ CLOSED("expired", "its time ran out"), 6 },
		{ CLOSED("released", "ada said down"), 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct mock_row rows[] = {
			{ "POST", "/v1/plans", .body = PLAN },
			{ "POST", "/v1/fleets", .status = 201, .body = PLACING },
			{ "GET", "/v1/fleets/perf-1", .body = cases[i].fleet },
			{ 0 },
		};
		struct mock *m = mock_start(rows);

		EXPECT(m, cases[i].status, NULL, "fleet 'perf-1' has ended: ", "up", "MI300X:8", "-y");
		mock_stop(m);
	}
}

/* A connection that breaks after the order was sent: sent again with the same key, so nothing is bought twice. */
static void test_up_connection_breaks(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/plans", .body = PLAN },
		{ "POST", "/v1/fleets", .status = -1, .times = 2 },
		{ "POST", "/v1/fleets", .status = 201, .body = READY },
		{ "GET", "/v1/fleets/perf-1", .status = -1, .times = 1 },
		{ "GET", "/v1/fleets/perf-1", .body = READY },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 0, "perf-1 is ready", "the daemon does not answer", "up", "MI300X:8", "-y");
	assert_int_equal(mock_count(m, "POST /v1/fleets key"), 3);
	mock_stop(m);
}

static void test_up_refused(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/plans", .body = PLAN },
		{ "POST", "/v1/fleets", .status = 403, .body = PROBLEM("refused", "you are a viewer\\u001b[2J") },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 3, NULL, "gpufleetctl: you are a viewer\\x1b[2J\n", "up", "MI300X:8", "-y");
	mock_stop(m);
}

static void test_up_detach(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/plans", .body = PLAN },
		{ "POST", "/v1/fleets", .status = 201, .body = PLACING },
		{ 0 },
	};
	struct mock *m = mock_start(rows);
	struct ran r = mock_run(m, "up", "MI300X:8", "-y", "--detach", "--json", NULL);

	(void)state;
	assert_int_equal(r.status, 0);
	assert_has(r.out, "\"name\":\"perf-1\"");
	ran_free(&r);
	assert_int_equal(mock_count(m, "GET /v1/fleets"), 0);
	mock_stop(m);
}

static void test_up_terminal(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/plans", .body = PLAN },
		{ "POST", "/v1/fleets", .status = 201, .body = BOOTING },
		{ "GET", "/v1/fleets/perf-1", .body = BOOTING, .times = 2 },
		{ "GET", "/v1/fleets/perf-1", .body = READY },
		{ 0 },
	};
	static const struct typed yes[] = { { "buy this? [y/N]", "y\n" }, { "0 of 1 ready", "" }, { "is ready", "" }, { 0 } };
	static const struct typed no[] = { { "buy this? [y/N]", "\n" }, { 0 } };
	struct mock *m = mock_start(rows);
	struct ran r = mock_run_tty(m, no, "up", "MI300X:8", NULL);

	(void)state;
	assert_int_equal(r.status, 1);
	assert_has(r.out, "nothing was bought");
	ran_free(&r);
	assert_int_equal(mock_count(m, "POST /v1/fleets"), 0);
	r = mock_run_tty(m, yes, "up", "MI300X:8", NULL);
	assert_int_equal(r.status, 0);
	assert_string_equal(r.err, "");
	assert_has(r.out, "\033[32m");
	ran_free(&r);
	mock_stop(m);
}

static void test_up_interrupted(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/plans", .body = PLAN },
		{ "POST", "/v1/fleets", .status = 201, .body = BOOTING },
		{ "GET", "/v1/fleets/perf-1", .body = BOOTING, .times = 4 },
		{ "DELETE", "/v1/fleets/perf-1", .status = 202, .body = FLEET("CLOSING", "closing", "", INSTANCE("DELETING", "")) },
		{ "GET", "/v1/fleets/perf-1",
			.body = FLEET("CLOSING", "closing", "", INSTANCE("DELETING", ",\"accepted\":true,\"shown\":false")) },
		{ 0 },
	};
	static const struct mock_row keeps[] = {
		{ "POST", "/v1/plans", .body = PLAN },
		{ "POST", "/v1/fleets", .status = 201, .body = BOOTING },
		{ "GET", "/v1/fleets/perf-1", .body = BOOTING },
		{ 0 },
	};
	static const struct typed tear[] = { { "0 of 1 ready", "\003" }, { "[k/t/w]", "t\n" }, { 0 } };
	static const struct typed twice[] = { { "0 of 1 ready", "\003" }, { "[k/t/w]", "w\n" }, { "0 of 1 ready", "\003" },
		{ "[k/t/w]", "\003" }, { "gpufleetctl down perf-1", "" }, { 0 } };
	struct mock *m = mock_start(rows);
	struct ran r = mock_run_tty(m, tear, "up", "MI300X:8", "-y", NULL);

	(void)state;
	assert_int_equal(r.status, 130);
	assert_string_equal(r.err, "");
	ran_free(&r);
	assert_int_equal(mock_count(m, "DELETE /v1/fleets/perf-1"), 1);
	mock_stop(m);
	m = mock_start(keeps);
	r = mock_run_tty(m, twice, "up", "MI300X:8", "-y", NULL);
	assert_int_equal(r.status, 130);
	assert_string_equal(r.err, "");
	ran_free(&r);
	assert_int_equal(mock_count(m, "DELETE"), 0);
	mock_stop(m);
}

/* ---- down, status ---- */

static void test_down(void **state)
{
	static const struct mock_row rows[] = {
		{ "DELETE", "/v1/fleets/perf-1", .status = 202, .body = FLEET("CLOSING", "closing", "", INSTANCE("DELETING", "")) },
		{ "DELETE", "/v1/fleets/other", .status = 404, .body = PROBLEM("not_found", "no fleet is called 'other'") },
		{ "GET", "/v1/fleets/perf-1", .times = 1,
			.body = FLEET("CLOSING", "closing", "", INSTANCE("DELETING", ",\"accepted\":true,\"shown\":true")) },
		{ "GET", "/v1/fleets/perf-1",
			.body = FLEET("CLOSING", "closing", "", INSTANCE("DELETING", ",\"accepted\":true,\"shown\":false")) },
		{ "GET", "/v1/fleets", .body = "{\"fleets\":[{\"name\":\"perf-1\"}]}" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 0, "perf-1 is down; it cost $0.50 by our clock", "delete taken", "down", "perf-1");
	assert_int_equal(mock_count(m, "GET /v1/fleets/perf-1"), 2);
	EXPECT(m, 0, "perf-1 is ending", NULL, "down", "perf-1", "-d");
	EXPECT(m, 2, NULL, "no fleet is called 'other'", "down", "other");
	EXPECT(m, 2, "perf-1 is down", "other: no fleet is called 'other'", "down", "other", "perf-1");
	EXPECT(m, 2, NULL, "--all ends 1 fleets: add --yes", "down", "--all");
	EXPECT(m, 0, "perf-1 is down", "", "down", "--all", "--yes");
	EXPECT(m, 0, "{\"fleets\":[{", "", "down", "perf-1", "--json");
	mock_stop(m);
}

static void test_status(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/status", .body = "{\"fleets\":[],\"totals\":{\"hourly\":0,\"metered\":0,\"instances\":0},\"accounts\":["
			"{\"account\":\"vastai\",\"ok\":false,\"message\":\"token refused\"}]}" },
		{ "GET", "/v1/fleets/perf-1", .body = READY },
		{ "GET", "/v1/fleets?all=1&brief=1", .body = "{\"fleets\":[{\"name\":\"perf-1\\u001b[1m\",\"state\":\"OPEN\",\"phase\":\"ready\","
			"\"gpu\":\"MI300X\",\"gpu_count\":8,\"instances_wanted\":1,\"hourly\":15.92,\"metered\":0.5,\"instances\":[]}]}" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 0, "no fleet is up\nvastai: token refused\n", NULL, "status");
	EXPECT(m, 0, "\"message\":\"token refused\"", NULL, "ps", "--json");
	EXPECT(m, 0, "perf-1/0  ready  runpod   MI300X:8", NULL, "status", "perf-1");
	EXPECT(m, 0, "perf-1\\x1b[1m", NULL, "status", "--all");
	EXPECT(m, 2, NULL, "--watch draws on a terminal", "status", "--watch");
	mock_stop(m);
}

/* ---- run ---- */

#define RUN(state, more) \
	"{\"id\":12,\"fleet\":\"perf-1\",\"title\":\"hello.sh\",\"state\":\"" state "\",\"started\":\"2026-11-20T02:00:00.000Z\"," \
	"\"ended\":\"2026-11-20T02:01:00.000Z\",\"metered\":0.25" more "}"
#define DONE_OK     RUN("DONE", ",\"outcome\":\"ok\",\"exit_status\":0")
#define DONE_FAILED RUN("DONE", ",\"outcome\":\"failed\",\"cause\":\"failed\",\"exit_status\":7")
#define RESULTS(run) \
	"{\"run\":" run ",\"results\":[{\"metric\":\"tflops\",\"value\":512.25,\"unit\":\"TFLOPS\",\"labels\":{\"gpu\":\"0\"}}," \
	"{\"metric\":\"driver\",\"text\":\"6.10\",\"unit\":\"1\",\"labels\":null}],\"files\":[{\"name\":\"out/a b.json\",\"bytes\":5}," \
	"{\"name\":\"../evil\",\"bytes\":5}]}"
#define STREAM(run) \
	"{\"stream\":\"stdout\",\"offset\":0,\"text\":\"hello \"}\n{\"ping\":true}\n" \
	"{\"stream\":\"stderr\",\"offset\":0,\"text\":\"oops\\n\"}\n{\"stream\":\"stdout\",\"offset\":6,\"text\":\"world\\n\"}\n" \
	"{\"end\":" run "}\n"

static void write_file(const char *dir, const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

static void run_ends(const char *run, int status, const char *says)
{
	char *stream = xasprintf("{\"stream\":\"stdout\",\"offset\":0,\"text\":\"hello \"}\n{\"ping\":true}\n"
				 "{\"stream\":\"stderr\",\"offset\":0,\"text\":\"oops\\n\"}\n"
				 "{\"stream\":\"stdout\",\"offset\":6,\"text\":\"world\\n\"}\n{\"end\":%s}\n",
	    run);
	char *results = xasprintf("{\"run\":%s,\"results\":[{\"metric\":\"tflops\",\"value\":512.25,\"unit\":\"TFLOPS\"}],\"files\":[]}", run);
	const struct mock_row rows[] = {
		{ "POST", "/v1/runs", .status = 201, .body = "{\"run\":" RUN("QUEUED", "") ",\"fleet\":null}" },
		{ "GET", "/v1/runs/12/logs?stdout=0&stderr=0&follow=1", .body = stream, .stream = true },
		{ "GET", "/v1/runs/12/results", .body = results },
		{ "GET", "/v1/runs/12", .body = "{\"run\":" RUN("PUSHING", "") "}", .times = 1 },
		{ "GET", "/v1/runs/12", .body = "{\"run\":" RUN("RUNNING", "") "}" },
		{ "GET", "/v1/fleets/perf-1", .body = READY },
		{ 0 },
	};
	struct mock *m = mock_start(rows);
	char *script = xasprintf("%s/hello.sh", mock_dir(m));
	struct ran r;

	write_file(mock_dir(m), "hello.sh", "#!/bin/sh\necho hello\n", 0644);
	r = mock_run(m, "run", script, "--on", "perf-1", "--set", "size=4", "--timeout", "10m", "--", "-x", "a b", NULL);
	assert_string_equal(r.out, "hello world\n");
	expect(&r, status, "hello", says);
	assert_has(mock_log(m), "POST /v1/runs key {\"payload\":{\"files\":[{\"name\":\"hello.sh\",\"text\":\"#!/bin/sh\\necho hello\\n\","
				"\"executable\":true}],\"run\":\"hello.sh\"},\"title\":\"hello.sh\",\"set\":{\"size\":\"4\"},"
				"\"args\":[\"-x\",\"a b\"],\"timeout\":600,\"fleet\":\"perf-1\"}");
	mock_stop(m);
	free(script);
	free(stream);
	free(results);
}

static void test_run(void **state)
{
	(void)state;
	run_ends(DONE_OK, 0, "run 12: ok in 1m 00s, $0.25");
	run_ends(DONE_FAILED, 7, "run 12: failed (exit 7)");
	run_ends(RUN("DONE", ",\"outcome\":\"timed_out\",\"cause\":\"timed_out\",\"exit_status\":143"), 126, "took longer than its limit");
	run_ends(RUN("DONE", ",\"outcome\":\"lost\",\"cause\":\"lost\",\"reason\":\"the machine died\""), 121, "lost its machine");
	run_ends(RUN("DONE", ",\"outcome\":\"cancelled\",\"cause\":\"cancelled\""), 121, "was cancelled");
	run_ends(RUN("DONE", ",\"outcome\":\"failed\",\"cause\":\"unplaceable\",\"reason\":\"nobody sells it\""), 124, "nobody sells it");
	run_ends(RUN("DONE", ",\"outcome\":\"failed\",\"cause\":\"money\",\"exit_status\":143"), 123, "run 12: failed");
}

/* Each rank of a run of several instances is a run with a number of its own. */
/* Its last word may be read only when the script has ended already: while results are fetched, or with the end itself. */
static void test_serve_ends(void **state)
{
	static const char *const later[] = { "COLLECTING", "STOPPING" };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(later); k++) {
		char *body = xasprintf("{\"run\":{\"id\":9,\"state\":\"%s\",\"fleet\":\"k\",\"progress\":\"the server has ended: out of memory\"}}", later[k]);
		const struct mock_row rows[] = {
			{ "POST", "/v1/runs", .body = "{\"run\":{\"id\":9}}" },
			{ "GET", "/v1/runs/9", .times = 1, .body = "{\"run\":{\"id\":9,\"state\":\"SETUP\",\"fleet\":\"k\",\"progress\":\"installing\"}}" },
			{ "GET", "/v1/runs/9", .times = 1, .body = "{\"run\":{\"id\":9,\"state\":\"RUNNING\",\"fleet\":\"k\",\"progress\":\"loading\"}}" },
			{ "GET", "/v1/runs/9", .times = 1, .body = body },
			{ "GET", "/v1/runs/9", .body = "{\"run\":{\"id\":9,\"state\":\"DONE\",\"outcome\":\"failed\",\"exit_status\":1,\"fleet\":\"k\","
						       "\"progress\":\"the server has ended: out of memory\",\"metered\":0.5}}" },
			{ "GET", "/v1/fleets/k", .body = "{\"name\":\"k\",\"instances\":[]}" },
			{ 0 },
		};
		struct mock *m = mock_start(rows);
		struct ran r = mock_run(m, "serve", "vllm-serve", "--on", "k", NULL);

		assert_int_equal(r.status, 1);
		assert_has(r.err, "the server has ended: out of memory");
		assert_has(r.err, "the server is gone: run 9 failed (exit 1)");
		ran_free(&r);
		mock_stop(m);
		free(body);
	}
}

static void test_logs_of_ranks(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/runs/12/logs?stdout=0&stderr=0&follow=0", .stream = true,
			.body = "{\"stream\":\"stdout\",\"offset\":0,\"text\":\"one\\ntwo\\n\"}\n" },
		{ "GET", "/v1/runs/13/logs?stdout=0&stderr=0&follow=0", .stream = true,
			.body = "{\"stream\":\"stdout\",\"offset\":0,\"text\":\"three\"}\n" },
		{ "GET", "/v1/runs/12", .body = "{\"run\":{\"id\":12,\"instances\":2,\"ranks\":[{\"rank\":0,\"run\":12},{\"rank\":1,\"run\":13}]}}" },
		{ "GET", "/v1/runs/14", .body = "{\"run\":{\"id\":14,\"instances\":1,\"ranks\":[]}}" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 0, "three", NULL, "logs", "12", "--rank", "1");
	EXPECT(m, 0, "[0] one\n[0] two\n[1] three\n", NULL, "logs", "12", "--rank", "all");
	EXPECT(m, 2, NULL, "ranks 0 to 1", "logs", "12", "--rank", "2");
	EXPECT(m, 2, NULL, "one instance", "logs", "14", "--rank", "1");
	EXPECT(m, 2, NULL, "a number, or all", "logs", "12", "--rank", "first");
	EXPECT(m, 2, NULL, "--rank N -f", "logs", "12", "--rank", "all", "-f");
	mock_stop(m);
}

/* The daemon restarts while a run is followed: the log goes on behind the last byte. */
static void test_run_log_goes_on(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/runs/12/logs?stdout=0&stderr=0&follow=1", .stream = true,
			.body = "{\"stream\":\"stdout\",\"offset\":0,\"next\":9,\"text\":\"one\\n\"}\n" },
		{ "GET", "/v1/runs/12/logs?stdout=9&stderr=0&follow=1", .times = 1, .status = -1 },
		{ "GET", "/v1/runs/12/logs?stdout=9&stderr=0&follow=1", .stream = true,
			.body = "{\"stream\":\"stdout\",\"offset\":9,\"text\":\"two\\n\"}\n{\"end\":" DONE_OK "}\n" },
		{ "GET", "/v1/runs/12/logs?stdout=0&stderr=0&follow=0", .stream = true,
			.body = "{\"stream\":\"stdout\",\"offset\":0,\"text\":\"one\\n\"}\n" },
		{ "GET", "/v1/runs/13/logs", .status = 404, .body = PROBLEM("not_found", "there is no run 13") },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 0, "one\ntwo\n", NULL, "logs", "12", "-f");
	EXPECT(m, 0, "one\n", NULL, "logs", "run-12");
	EXPECT(m, 0, "{\"stream\":\"stdout\",\"offset\":0,\"text\":\"one\\n\"}\n", NULL, "logs", "12", "--json");
	EXPECT(m, 2, NULL, "there is no run 13", "logs", "13", "-f");
	mock_stop(m);
}

static void test_run_gpu(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/plans", .body = PLAN },
		{ "POST", "/v1/runs", .status = 201, .body = "{\"run\":" RUN("QUEUED", "") "}" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 122, NULL, "nothing is bought without a yes", "run", "gpu-check", "--gpu", "MI300X:8");
	EXPECT(m, 0, "run 12 on perf-1", "$63.68", "run", "gpu-check", "--gpu", "MI300X:8", "-y", "--detach", "--keep-on-failure", "0",
	    "--secret", "HF_TOKEN", "--max-cost", "9");
	assert_has(mock_log(m), "POST /v1/plans {\"gpu\":\"MI300X\",\"count\":8,\"instances\":1,\"max_cost\":9.0}");
	assert_has(mock_log(m), "POST /v1/runs key {\"recipe\":\"gpu-check\",\"secrets\":{\"HF_TOKEN\":null},\"keep_on_failure\":0,"
				"\"gpu\":\"MI300X\",\"count\":8,\"instances\":1,\"max_cost\":9.0}");
	mock_stop(m);
}

/* A preset is what was not typed: each of its words gives way to the command line. */
static void test_run_preset(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/plans", .body = PLAN },
		{ "POST", "/v1/runs", .status = 201, .body = "{\"run\":" RUN("QUEUED", "") "}" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);
	char *file = xasprintf("%s/mine.yaml", mock_dir(m));

	(void)state;
	EXPECT(m, 122, NULL, "what? name a recipe", "run", "--on", "perf-1");
	EXPECT(m, 122, NULL, "did you mean h200-runpod?", "run", "--preset", "h200-runpd", "-y");
	write_file(mock_dir(m), "mine.yaml",
	    "preset: mine\nrecipe: vllm-serve\ngpu: \"MI300X:8\"\nproviders: [runpod, hotaisle]\nimage: a/b:c\ndisk: 200\nfor: 4h\n"
	    "secrets: [HF_TOKEN]\nwith: { model: x/y, max_model_len: 8192, concurrency: 1 8 }\n", 0600);
	EXPECT(m, 0, "run 12", "$63.68", "run", "--preset", file, "-y", "-d");
	assert_has(mock_log(m), "POST /v1/runs key {\"recipe\":\"vllm-serve\",\"set\":{\"model\":\"x/y\",\"max_model_len\":\"8192\","
				"\"concurrency\":\"1 8\"},\"secrets\":{\"HF_TOKEN\":null},\"gpu\":\"MI300X\",\"count\":8,\"instances\":1,"
				"\"for\":14400,\"image\":\"a/b:c\",\"disk\":200,\"providers\":[\"runpod\",\"hotaisle\"]}");
	EXPECT(m, 0, "run 12", "$63.68", "run", "gpu-check", "--preset", file, "-y", "-d", "--gpu", "H100:8", "--provider", "vastai", "--set",
	    "Max-Model-Len=1", "--for", "1h", "--image", "d", "--disk", "9");
	assert_has(mock_log(m), "POST /v1/runs key {\"recipe\":\"gpu-check\",\"set\":{\"Max-Model-Len\":\"1\",\"model\":\"x/y\","
				"\"concurrency\":\"1 8\"},\"secrets\":{\"HF_TOKEN\":null},\"gpu\":\"H100\",\"count\":8,\"instances\":1,"
				"\"for\":3600,\"image\":\"d\",\"disk\":9,\"providers\":[\"vastai\"]}");
	/* The machine is there: only what is run, and how. */
	EXPECT(m, 0, "run 12", NULL, "run", "--preset", file, "--on", "perf-1", "-d");
	assert_has(mock_log(m), "POST /v1/runs key {\"recipe\":\"vllm-serve\",\"set\":{\"model\":\"x/y\",\"max_model_len\":\"8192\","
				"\"concurrency\":\"1 8\"},\"secrets\":{\"HF_TOKEN\":null},\"fleet\":\"perf-1\"}");
	EXPECT(m, 0, "h200-runpod          vllm-serve", NULL, "presets");
	EXPECT(m, 0, "preset: h200-runpod\n", NULL, "presets", "h200-runpod");
	EXPECT(m, 0, "{\"option\":\"gpu\",\"value\":\"H100:2\"}", NULL, "presets", "--json");
	mock_stop(m);
	free(file);
}

static void test_run_directory(void **state)
{
	static const struct mock_row rows[] = { { "POST", "/v1/runs", .status = 201, .body = "{\"run\":" RUN("QUEUED", "") "}" }, { 0 } };
	struct mock *m = mock_start(rows);
	char *dir = xasprintf("%s/job", mock_dir(m)), *git = xasprintf("%s/.git", dir), *link = xasprintf("%s/link", dir);
	char *slash = xasprintf("%s/", dir);

	(void)state;
	mkdir(dir, 0755);
	mkdir(git, 0755);
	EXPECT(m, 122, NULL, "holds neither recipe.yaml nor run.sh", "run", dir, "--on", "perf-1");
	write_file(dir, "run.sh", "echo\n", 0755);
	write_file(dir, "data", "\xff\xfe", 0644);
	write_file(git, "config", "secret", 0644);
	EXPECT(m, 0, "run 12", NULL, "run", slash, "--on", "perf-1", "-d");
	assert_has(mock_log(m), "{\"payload\":{\"files\":[{\"name\":\"data\",\"base64\":\"//4=\"},{\"name\":\"run.sh\",\"text\":\"echo\\n\","
				"\"executable\":true}],\"run\":\"run.sh\"},\"title\":\"job\",\"fleet\":\"perf-1\"}");
	write_file(dir, "recipe.yaml", "name: x\nrun: run.sh\n", 0644);
	EXPECT(m, 0, "run 12", NULL, "run", dir, "--on", "perf-1", "-d");
	assert_has(mock_log(m), "\"title\":\"job\",\"fleet\":\"perf-1\"}");
	assert_int_equal(symlink("/etc/passwd", link), 0);
	EXPECT(m, 122, NULL, "/job/link' is a symbolic link; only regular files are sent", "run", dir, "--on", "perf-1", "-d");
	EXPECT(m, 122, NULL, "cannot read '/no/such/thing'", "run", "/no/such/thing", "--on", "perf-1", "-d");
	assert_int_equal(mock_count(m, "POST /v1/runs"), 2);
	free(slash);
	free(link);
	free(git);
	free(dir);
	mock_stop(m);
}

static void test_run_interrupted(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/runs", .status = 201, .body = "{\"run\":" RUN("RUNNING", "") "}" },
		{ "GET", "/v1/runs/12/logs?stdout=0", .stream = true, .hold_ms = 20000,
			.body = "{\"stream\":\"stdout\",\"offset\":0,\"text\":\"working\\n\"}\n" },
		{ "GET", "/v1/runs/12/logs?stdout=8", .stream = true, .body = "{\"end\":" RUN("DONE", ",\"outcome\":\"cancelled\"") "}\n" },
		{ "GET", "/v1/runs/12/results", .body = "{\"results\":[],\"files\":[]}" },
		{ "GET", "/v1/runs/12", .body = "{\"run\":" RUN("RUNNING", "") "}" },
		{ "DELETE", "/v1/runs/12", .status = 202, .body = "{\"run\":" RUN("STOPPING", "") "}" },
		{ 0 },
	};
	static const struct typed cancels[] = { { "working", "\003" }, { "[c/d/w]", "c\n" }, { "was cancelled", "" }, { 0 } };
	static const struct typed detaches[] = { { "working", "\003" }, { "[c/d/w]", "d\n" }, { "gpufleetctl logs -f 12", "" }, { 0 } };
	struct mock *m = mock_start(rows);
	struct ran r = mock_run_tty(m, cancels, "run", "gpu-check", "--on", "perf-1", NULL);

	(void)state;
	assert_string_equal(r.err, "");
	assert_int_equal(r.status, 121);
	ran_free(&r);
	assert_int_equal(mock_count(m, "DELETE /v1/runs/12"), 1);
	r = mock_run_tty(m, detaches, "run", "gpu-check", "--on", "perf-1", NULL);
	assert_string_equal(r.err, "");
	assert_int_equal(r.status, 130);
	ran_free(&r);
	assert_int_equal(mock_count(m, "DELETE /v1/runs/12"), 1);
	mock_stop(m);
}

static void test_results(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/runs/12/results", .body = RESULTS(DONE_OK) },
		{ "GET", "/v1/runs/12/report", .body = "{\"bench\":{\"cells\":[]}}" },
		{ "GET", "/v1/runs/12/files/out/a%20b.json", .body = "[1,2]" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);
	char *dir = xasprintf("%s/saved", mock_dir(m)), *file = xasprintf("%s/out/a b.json", dir), *evil = xasprintf("%s/evil", mock_dir(m));
	struct stat st;

	(void)state;
	EXPECT(m, 0, "tflops  512.25  TFLOPS  gpu=0", NULL, "results", "12");
	EXPECT(m, 0, "metric,value,unit,labels\r\ntflops,512.25,TFLOPS,gpu=0\r\n", NULL, "results", "12", "--format", "csv");
	EXPECT(m, 0, "| tflops | 512.25 |", NULL, "results", "12", "-f", "md");
	EXPECT(m, 0, "\"value\":512.25", NULL, "results", "12", "--json");
	EXPECT(m, 0, "run 12: ok", "a file with a harmful name was left out: ../evil", "results", "12", "-o", dir);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(stat(evil, &st), -1);
	free(dir);
	free(file);
	free(evil);
	mock_stop(m);
}

#define BENCH                                                                                                            \
	"{\"bench\":{\"name\":\"pub\",\"cells\":[{\"scenario\":\"128x2048\",\"concurrency\":1,\"status\":\"ok\",\"values\":[33.1],"          \
	"\"output_throughput\":33.1,\"mad\":0,\"usd_per_million_output\":16.78},{\"scenario\":\"20000x2000\",\"concurrency\":1,"        \
	"\"status\":\"skipped\",\"reason\":\"context_exceeded\",\"values\":[]}],\"summaries\":[],\"doubts\":[\"it is \\u001b[31mred\"]}}"

static void test_benchmarks(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/runs/12/results", .body = RESULTS(DONE_OK) },
		{ "GET", "/v1/runs/12/report?format=nvidia-csv", .body = "Model,PP\n" },
		{ "GET", "/v1/runs/12/report", .body = BENCH },
		{ "GET", "/v1/runs/pub/report?format=html", .body = "<html>" },
		{ "GET", "/v1/runs/pub/report", .body = BENCH },
		{ "POST", "/v1/imports", .wants = "\"price_hour\":2.0", .status = 201, .body = "{\"import\":\"pub\"}" },
		{ "GET", "/v1/imports", .body = "{\"imports\":[{\"name\":\"pub\",\"owner\":\"ann\"}]}" },
		{ "DELETE", "/v1/imports/pub", .body = "{\"import\":\"pub\"}" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);
	char *file = xasprintf("%s/a.csv", mock_dir(m));
	FILE *f = fopen(file, "w");

	(void)state;
	fputs("Input Length,Output Length,Throughput\n", f);
	fclose(f);
	EXPECT(m, 0, "128x2048       1  ok        33.1", NULL, "results", "12");
	EXPECT(m, 0, "context_exceeded", NULL, "results", "pub");
	EXPECT(m, 0, "suspect: it is \\x1b[31mred", NULL, "results", "pub");
	EXPECT(m, 0, "Model,PP\n", NULL, "results", "12", "--format", "nvidia-csv");
	EXPECT(m, 0, "<html>", NULL, "results", "pub", "--format", "html");
	EXPECT(m, 0, "33.1", "compare with it", "results", "import", file, "--name", "pub", "--price", "2");
	EXPECT(m, 2, NULL, "--price wants a number above 0", "results", "import", file, "--name", "pub", "--price", "-2");
	EXPECT(m, 2, NULL, "say --name NAME", "results", "import", file);
	EXPECT(m, 2, NULL, "which files?", "results", "import", "--name", "x");
	EXPECT(m, 2, NULL, "cannot read '/nowhere/x'", "results", "import", "/nowhere/x", "--name", "x");
	EXPECT(m, 0, "ann", NULL, "results", "imports");
	EXPECT(m, 0, NULL, NULL, "results", "forget", "pub");
	EXPECT(m, 2, NULL, "which import?", "results", "forget");
	EXPECT(m, 2, NULL, "one run at a time", "results", "12", "13");
	free(file);
	mock_stop(m);
}

#define COMPARED                                                                                                         \
	"{\"runs\":[{\"name\":\"run 1\",\"gpu\":\"MI300X\",\"gpu_count\":1},{\"name\":\"run 2\",\"gpu\":\"H100\",\"gpu_count\":1}],"        \
	"\"rows\":[{\"scenario\":\"128x2048\",\"concurrency\":1,\"cells\":[{\"output_throughput\":33.0},{\"output_throughput\":66.0,"        \
	"\"ratio\":2.0,\"low\":1.98,\"high\":2.02}]}],\"overall\":[null,{\"n\":1,\"ratio\":2.0,\"low\":1.98,\"high\":2.02,"            \
	"\"per_dollar_ratio\":1.5,\"verdict\":\"undecided\",\"why\":\"more repeats\"}],\"warnings\":[],"                            \
	"\"manifest\":[{\"key\":\"kernel\",\"values\":[\"6.8\",null]}]}"

static void test_compare(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/compare?format=csv&runs=1,pub", .body = "scenario,input\n" },
		{ "GET", "/v1/compare?format=json&runs=1,2&adopt_if=2.0", .body = COMPARED },
		{ "GET", "/v1/compare?format=json&runs=1,2", .body = COMPARED },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 0, "2.00x (1.98-2.02)", NULL, "compare", "1", "2", "--adopt-if", "2.0x");
	EXPECT(m, 0, "undecided: more repeats", NULL, "compare", "1", "2", "--adopt-if", "2.0");
	EXPECT(m, 0, "per dollar 1.50x", NULL, "compare", "1", "2");
	EXPECT(m, 0, "scenario,input\n", NULL, "compare", "1", "pub", "--format", "csv");
	EXPECT(m, 0, "kernel  6.8  (not there)", NULL, "diff", "1", "2");
	EXPECT(m, 2, NULL, "--adopt-if wants a factor like 2.0x", "compare", "1", "2", "--adopt-if", "much");
	EXPECT(m, 2, NULL, "neither the number of a run", "compare", "1", "a/b");
	EXPECT(m, 2, NULL, "usage: gpufleetctl compare", "compare", "1");
	mock_stop(m);
}

/* ---- exec, ssh, cp ---- */

static void test_exec_on_all(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/fleets/perf", .body = "{\"fleet\":{\"name\":\"perf\",\"instances\":[{\"slot\":0,\"state\":\"READY\"},"
			"{\"slot\":1,\"state\":\"BUSY\"},{\"slot\":2,\"state\":\"GONE\"}]}}" },
		{ "GET", "/v1/fleets/none", .body = "{\"fleet\":{\"name\":\"none\",\"instances\":[]}}" },
		{ "POST", "/v1/fleets/perf/exec", .wants = "\"instance\":0", .stream = true,
			.body = "{\"stream\":\"stdout\",\"text\":\"one\\ntwo\"}\n{\"exit\":0}\n" },
		{ "POST", "/v1/fleets/perf/exec", .wants = "\"instance\":1", .stream = true,
			.body = "{\"stream\":\"stderr\",\"text\":\"oh\\n\"}\n{\"exit\":7}\n" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 7, "perf/0 one\nperf/0 two\n", "perf/1 oh\n", "exec", "perf", "--all", "--", "ls", "a b");
	EXPECT(m, 7, "perf/0 one\nperf/0 two\n", "perf/1 ended with status 7\n1 of 2 failed\n", "exec", "perf", "--all", "--", "ls", "a b");
	EXPECT(m, 123, NULL, "no machine of 'none' is ready", "exec", "none", "--all", "--", "ls");
	assert_int_equal(mock_count(m, "\"'ls' 'a b'\""), 4);
	mock_stop(m);
}

static void test_cp(void **state)
{
	struct mock *m = mock_start((const struct mock_row[]){ { 0 } });

	(void)state;
	EXPECT(m, 2, NULL, "neither side is on a machine", "cp", "a", "b");
	EXPECT(m, 2, NULL, "neither side is on a machine", "cp", "./a:b", "/c:d");
	EXPECT(m, 2, NULL, "both sides are on a machine", "cp", "perf:a", "perf:b");
	EXPECT(m, 2, NULL, "from one machine to another", "cp", "perf/0:a", "perf/1:b", "c");
	EXPECT(m, 2, NULL, "usage: gpufleetctl cp", "cp", "a");
	mock_stop(m);
}

static void test_exec(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/fleets/perf-1/exec", .wants = "\"'ls' '-la' 'a b'\"", .stream = true,
			.body = "{\"stream\":\"stdout\",\"text\":\"x\\n\"}\n{\"exit\":3}\n" },
		{ "POST", "/v1/fleets/perf-1/exec", .wants = "\"instance\":2", .stream = true,
			.body = "{\"error\":\"the machine does not answer\",\"code\":\"unreachable\"}\n" },
		{ "POST", "/v1/fleets/perf-1/exec", .wants = "\"cd / && ls\"", .stream = true, .body = "{\"exit\":0}\n" },
		{ "POST", "/v1/fleets/perf-1/exec", .stream = true, .body = "{\"stream\":\"stdout\",\"text\":\"cut\"}\n" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 3, "x\n", NULL, "exec", "perf-1", "--", "ls", "-la", "a b");
	EXPECT(m, 125, NULL, "the machine does not answer", "exec", "perf-1/2", "--", "true");
	EXPECT(m, 0, NULL, NULL, "exec", "perf-1", "cd / && ls");
	EXPECT(m, 121, "cut", "ended before the command did", "exec", "perf-1", "--", "z");
	EXPECT(m, 122, NULL, "the script has no row", "exec", "other", "--", "z");
	mock_stop(m);
}

#define PUBLIC "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUN8vGmTfPvAxKMGZXbY4yrMiqTpSRIu+GgSLnuKMnu"

static void test_ssh(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/fleets/perf-1/authorize", .wants = PUBLIC " ada",
			.body = "{\"address\":\"10.0.0.1\",\"port\":2222,\"user\":\"root\",\"host_key\":\"" PUBLIC "\"}" },
		{ "POST", "/v1/fleets/evil/authorize",
			.body = "{\"address\":\"-oProxy\",\"port\":22,\"user\":\"root\",\"host_key\":\"" PUBLIC "\"}" },
		{ "POST", "/v1/fleets/bare/authorize", .body = "{\"address\":\"10.0.0.1\",\"port\":22,\"user\":\"root\",\"host_key\":null}" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);
	char *ssh = xasprintf("%s/.ssh", mock_dir(m)), *bin = xasprintf("%s/bin", mock_dir(m)), *path;
	char *old = xstrdup(getenv("PATH"));

	(void)state;
	EXPECT(m, 122, NULL, "make one with: ssh-keygen -t ed25519", "ssh", "perf-1");
	assert_string_equal(mock_log(m), "");
	mkdir(ssh, 0700);
	mkdir(bin, 0700);
	write_file(ssh, "id_ed25519.pub", PUBLIC " ada\n", 0644);
	write_file(ssh, "id_bad.pub", "command=\"x\" ssh-rsa AAAA\n", 0644);
	write_file(bin, "ssh",
	    "#!/bin/sh\nfor a; do echo \"[$a]\"; case $a in UserKnownHostsFile*) f=${a#*=}; f=${f#?}; cat \"${f%?}\";; esac; done; exit 9\n", 0755);
	path = xasprintf("%s:%s", bin, old);
	setenv("PATH", path, 1);
	EXPECT(m, 9, "gpufleet " PUBLIC "\n", NULL, "ssh", "perf-1", "--", "ls", "-l");
	EXPECT(m, 9, "[StrictHostKeyChecking=yes]\n", NULL, "ssh", "perf-1");
	EXPECT(m, 9, "[-p]\n[2222]\n[-l]\n[root]\n[--]\n[10.0.0.1]\n[ls]\n[-l]\n", NULL, "ssh", "perf-1", "--", "ls", "-l");
	EXPECT(m, 0, "\"port\":2222", NULL, "ssh", "perf-1", "--json");
	EXPECT(m, 121, NULL, "no address", "ssh", "evil");
	EXPECT(m, 121, NULL, "no host key", "ssh", "bare");
	assert_lacks(mock_log(m), "command=");
	setenv("PATH", old, 1);
	free(old);
	free(path);
	free(ssh);
	free(bin);
	mock_stop(m);
}

/* ---- the rest ---- */

#define STALE "no answer within 10 s; these are its offers of 3 minutes ago"
static void test_offers(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/offers?gpu=MI300X&count=8&provider=runpod&max_price=2.50&spot=1",
			.body = "{\"offers\":[" OFFER "],\"accounts\":[{\"account\":\"vastai\",\"ok\":false,\"state\":\"stale\","
				"\"message\":\"" STALE "\"}]}" },
		{ "GET", "/v1/offers", .body = "{\"offers\":[],\"accounts\":[]}" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 0, "MI300X:8  runpod   EU-RO-1    $1.99  $15.92     2", "vastai: " STALE, "offers", "mi300x:8",
	    "--provider", "runpod", "--max-price", "2.5", "--spot");
	EXPECT(m, 4, NULL, "nobody sells that now", "offers");
	EXPECT(m, 0, "{\"offers\":[],\"accounts\":[]}\n", NULL, "offers", "--json");
	mock_stop(m);
}

/* On a terminal it is shown who is waited for, and in the end the same table. */
static void test_offers_as_they_come(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/offers?gpu=MI300X&stream=1", .stream = true, .body = "{\"asked\":[\"runpod\",\"vastai\"]}\n"
			"{\"account\":{\"account\":\"runpod\",\"ok\":true},\"offers\":[" OFFER "]}\n{\"ping\":true}\n"
			"{\"end\":{\"offers\":[" OFFER "],\"accounts\":[{\"account\":\"runpod\",\"ok\":true},{\"account\":\"vastai\","
			"\"ok\":false,\"message\":\"no answer within 10 s, and there are no offers of its from before\"}]}}\n" },
		{ "GET", "/v1/offers?gpu=H100&stream=1", .stream = true, .body = "{\"asked\":[\"runpod\"]}\n" },
		{ 0 },
	};
	static const struct typed nothing[] = { { 0 } };
	struct mock *m = mock_start(rows);
	struct ran r = mock_run_tty(m, nothing, "offers", "mi300x", NULL);

	(void)state;
	assert_int_equal(r.status, 0);
	assert_has(r.out, "waiting for runpod, vastai");
	assert_has(r.out, "MI300X:8  runpod");
	assert_has(r.out, "vastai: no answer within 10 s, and there are no offers of its from before");
	ran_free(&r);
	r = mock_run_tty(m, nothing, "offers", "h100", NULL);
	assert_int_equal(r.status, 5);
	assert_has(r.out, "ended the list of offers in the middle");
	ran_free(&r);
	mock_stop(m);
}

static void test_gpus(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/offers", .body = "{\"offers\":[" OFFER ",{\"account\":\"vastai\",\"gpu\":\"Odd 9\",\"gpu_count\":2,\"price_gpu_hour\":0.3,"
			"\"available\":null},{\"account\":\"late\",\"gpu\":\"H200\",\"gpu_count\":1,\"price_gpu_hour\":3,\"available\":0}],\"accounts\":[]}" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);
	struct ran r;

	(void)state;
	r = mock_run(m, "gpus", NULL);
	assert_int_equal(r.status, 0);
	assert_has(r.out, "MI300X  AMD      192  5300  gfx942     8         $1.99  runpod");
	assert_has(r.out, "Odd 9   unknown");
	assert_lacks(r.out, "H200");
	ran_free(&r);
	EXPECT(m, 0, "H200 NVL  NVIDIA  141  4800  sm_90", NULL, "gpus", "h200", "--all");
	EXPECT(m, 4, NULL, "--all shows every GPU", "gpus", "h200");
	EXPECT(m, 2, NULL, "no GPU is called 'nonsense'", "gpus", "nonsense", "--all");
	EXPECT(m, 0, "{\"gpus\":[{\"gpu\":\"MI300X\",\"vendor\":\"AMD\",\"memory_gb\":192,\"arch\":\"gfx942\",\"bandwidth_gbs\":5300", NULL, "gpus",
	    "mi300x", "--json");
	mock_stop(m);
}

#define GAPS "\"gaps\":[{\"reason\":\"clock\",\"text\":\"as good as it gets\",\"gap\":-0.005678}," \
	"{\"reason\":\"no record\",\"text\":\"none came\",\"gap\":0,\"metered\":1.5}],"
static void test_cost(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/cost?by=gpu&since=2026-11-01T00%3A00%3A00Z",
			.body = "{\"by\":\"gpu\",\"rows\":[{\"key\":\"MI300X\",\"instances\":2,\"gpu_hours\":16.5,\"held\":0,\"metered\":31.845678,"
				"\"billed\":31.84,\"gap\":-0.005678," GAPS "\"settled\":true},"
				"{\"key\":\"=H100\",\"instances\":1,\"gpu_hours\":1,\"held\":0,\"metered\":2,"
				"\"billed\":null,\"gap\":0,\"settled\":false}],\"total\":{\"instances\":3,\"gpu_hours\":17.5,\"held\":0,\"metered\":33.845678,"
				"\"billed\":31.84,\"gap\":-0.005678," GAPS "\"settled\":false},\"complete\":false}" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 0, "total           3      17.50  $0.00   $33.85  $31.84  -$0.0057  clock …  no\n",
	    "clock, -$0.0057: as good as it gets\nno record, $1.50 metered: none came\nnot complete", "cost", "--by", "gpu", "--since", "2026-11-01");
	EXPECT(m, 0, "gpu,instances,gpu_hours,held,metered,billed,gap,why,settled\r\nMI300X,2,16.50,0.00,31.845678,31.84,-0.005678,clock …,yes\r\n",
	    NULL, "cost", "-b", "gpu", "-s", "2026-11-01", "--format", "csv");
	mock_stop(m);
}

static void test_events_and_why(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/events?limit=50&fleet=perf-1", .body = "{\"events\":[{\"seq\":1,\"time\":\"2026-11-20T02:00:00.000Z\",\"kind\":"
			"\"instance\",\"id\":11,\"fleet\":\"perf-1\",\"from\":\"BOOTING\",\"event\":\"running\",\"to\":\"CONNECTING\",\"cause\":\"\","
			"\"actor\":\"daemon\",\"text\":\"\"}]}" },
		{ "GET", "/v1/why/run-12", .body = "{\"subject\":\"run-12\",\"summary\":\"it failed\",\"attempts\":[{\"account\":\"runpod\","
			"\"outcome\":\"no_capacity\",\"text\":\"sold out\"}],\"events\":[]}" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 0, "2026-11-20 02:00:00Z  instance 11     perf-1: running BOOTING -> CONNECTING\n", NULL, "events", "perf-1");
	EXPECT(m, 0, "it failed\n\nattempts\n", NULL, "why", "12");
	mock_stop(m);
}

static void test_extend_and_wait(void **state)
{
	static const struct mock_row rows[] = {
		{ "POST", "/v1/fleets/perf-1/extend", .wants = "{\"for\":28800}", .status = 202, .body = READY },
		{ "GET", "/v1/fleets/perf-1", .times = 1, .body = FLEET("OPEN", "ready", ",\"extend_pending\":28800", INSTANCE("READY", "")) },
		{ "GET", "/v1/fleets/perf-1", .times = 1,
			.body = FLEET("OPEN", "ready", ",\"extend_pending\":null,\"extend_error\":\"not enough money\"", INSTANCE("READY", "")) },
		{ "GET", "/v1/fleets/perf-1", .body = READY },
		{ "GET", "/v1/fleets/slow", .body = BOOTING },
		{ "GET", "/v1/runs/12", .body = "{\"run\":" DONE_FAILED "}" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 3, NULL, "'perf-1' was not extended: not enough money", "extend", "perf-1", "--for", "8h");
	EXPECT(m, 0, "perf-1 is ready", "", "wait", "perf-1");
	EXPECT(m, 6, NULL, "'slow' is not ready", "wait", "slow", "--timeout", "1s");
	EXPECT(m, 7, "run 12: failed (exit 7)", NULL, "wait", "12");
	mock_stop(m);
}

/* ---- init ---- */

static char *read_all(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	struct buf b = BUF(65536);
	FILE *f = fopen(path, "r");
	char chunk[4096];
	size_t n;

	if (!f)
		fail_msg("no file %s", path);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_append(&b, chunk, n);
	fclose(f);
	free(path);
	return buf_take(&b);
}

static mode_t mode_of(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	free(path);
	return st.st_mode & 07777;
}

#define TAIL "\ndefaults:\n  for: 4h    # how long a fleet lives when up says no --for\n" \
	     "  idle: 15m  # given back when nobody uses it for this long\n"
#define HEAD "# Configuration of gpufleetd(8), written by: gpufleetctl init\n" \
	     "# What else can be set, and the defaults: gpufleetd.yaml(5)\n\nproviders:\n"

static void test_init_by_options(void **state)
{
	static const struct mock_row rows[] = { { 0 } };
	struct mock *m = mock_start(rows);
	char *token = xasprintf("%s/t", mock_dir(m)), *wanted, *text;

	(void)state;
	write_file(mock_dir(m), "t", "secret-token\n", 0644);
	EXPECT(m, 2, NULL, "no terminal to ask questions on", "init");
	EXPECT(m, 2, NULL, "runpod needs --token-file, or RUNPOD_API_KEY in the environment", "init", "--provider", "runpod");
	EXPECT(m, 2, NULL, "run: chmod 600", "init", "-p", "runpod", "--token-file", token);
	assert_int_equal(chmod(token, 0600), 0);
	EXPECT(m, 2, NULL, "stands behind the --provider", "init", "--token-file", token, "-p", "runpod");
	EXPECT(m, 2, NULL, "did you mean 'address'?", "init", "--host", "name=a,adress=b");
	EXPECT(m, 2, NULL, "static needs at least one --host", "init", "-p", "static");
	EXPECT(m, 2, NULL, "did you mean 'runpod'?", "init", "-p", "runpot");
	EXPECT(m, 0, NULL, "Wrote ", "init", "--no-check", "-p", "hotaisle", "--token-file", token, "--team", "acme", "--host",
	    "name=lab1,address=10.0.0.7,gpu=R9700:2,user=bench,port=2222,price=0.35");
	text = read_all(mock_dir(m), ".config/gpufleet/gpufleetd.yaml");
	wanted = xasprintf(HEAD "  hotaisle:\n    token_file: %s\n    team: acme\n  static:\n    hosts:\n      - name: lab1\n"
				"        address: 10.0.0.7\n        user: bench\n        port: 2222\n        gpu: R9700:2\n"
				"        price_per_hour: 0.35\n" TAIL, token);
	assert_string_equal(text, wanted);
	assert_int_equal(mode_of(mock_dir(m), ".config/gpufleet/gpufleetd.yaml"), 0600);
	assert_int_equal(mode_of(mock_dir(m), ".config/gpufleet"), 0700);
	EXPECT(m, 2, NULL, "is there already; --force replaces it", "init", "--no-check", "-p", "runpod", "--token-file", token);
	EXPECT(m, 0, NULL, "Wrote ", "init", "--no-check", "--force", "-p", "runpod", "--token-file", token);
	free(text);
	free(wanted);
	EXPECT(m, 2, NULL, "stands behind the --provider", "init", "--force", "--exclusive", "-p", "hotaisle");
	EXPECT(m, 2, NULL, "hosts of your own need no --api-url", "init", "--force", "-p", "static", "--api-url", "http://127.0.0.1:1");
	EXPECT(m, 0, NULL, "Wrote ", "init", "--no-check", "--force", "-p", "hotaisle", "--token-file", token, "--exclusive", "-p", "runpod",
	    "--token-file", token, "--api-url", "http://127.0.0.1:1/v2");
	text = read_all(mock_dir(m), ".config/gpufleet/gpufleetd.yaml");
	wanted = xasprintf(HEAD "  hotaisle:\n    token_file: %s\n    exclusive: true\n  runpod:\n    token_file: %s\n"
				"    api_url: http://127.0.0.1:1/v2\n    graphql_url: http://127.0.0.1:1/graphql\n" TAIL, token, token);
	assert_string_equal(text, wanted);
	assert_string_equal(mock_log(m), "");
	free(text);
	free(wanted);
	free(token);
	mock_stop(m);
}

static void test_init_by_questions(void **state)
{
	static const struct mock_row rows[] = { { 0 } };
	static const struct typed answers[] = { { "providers: ", "runpot static\n" }, { "'runpot' is none of them", "" },
		{ "providers: ", "RunP\n" }, { "(not shown): ", "two words\n" }, { "no token has", "" }, { "(not shown): ", "rp_secret123\n" },
		{ "kept in ", "" }, { "name: ", "lab1\n" }, { "address: ", "10.0.0.7\n" }, { "user [root]: ", "\n" }, { "port [22]: ", "99999\n" },
		{ "a number up to", "" }, { "port [22]: ", "\n" }, { "R9700:2: ", "R9700:2\n" }, { "reports [0]: ", "\n" },
		{ "another host? [y/N]", "n\n" }, { "Wrote ", "" }, { 0 } };
	static const struct typed keeps[] = { { "replace it? [y/N]", "n\n" }, { "nothing was written", "" }, { 0 } };
	struct mock *m = mock_start(rows);
	struct ran r = mock_run_tty(m, answers, "init", "--no-check", NULL);
	char *text;

	(void)state;
	assert_string_equal(r.err, "");
	assert_int_equal(r.status, 0);
	assert_lacks(r.out, "rp_secret123");
	ran_free(&r);
	text = read_all(mock_dir(m), ".config/gpufleet/runpod.token");
	assert_string_equal(text, "rp_secret123\n");
	assert_int_equal(mode_of(mock_dir(m), ".config/gpufleet/runpod.token"), 0600);
	free(text);
	text = read_all(mock_dir(m), ".config/gpufleet/gpufleetd.yaml");
	assert_has(text, "  static:\n    hosts:\n      - name: lab1\n        address: 10.0.0.7\n        user: root\n        port: 22\n");
	assert_has(text, "/.config/gpufleet/runpod.token\n");
	assert_lacks(text, "rp_secret123");
	free(text);
	r = mock_run_tty(m, keeps, "init", "--no-check", NULL);
	assert_string_equal(r.err, "");
	assert_int_equal(r.status, 1);
	ran_free(&r);
	mock_stop(m);
}

static void test_no_daemon(void **state)
{
	(void)state;
	EXPECT(NULL, 5, NULL, "no daemon answers on '/nonexistent/sock'", "--socket", "/nonexistent/sock", "status");
	EXPECT(NULL, 5, "{\"code\":\"unreachable\"", "no daemon answers", "--socket", "/nonexistent/sock", "status", "--json");
	EXPECT(NULL, 125, NULL, "no daemon answers", "--socket", "/nonexistent/sock", "run", "gpu-check", "--on", "x");
	EXPECT(NULL, 0, "gpufleetctl ", NULL, "--version");
	EXPECT(NULL, 0, "no daemon runs", NULL, "--socket", "/nonexistent/sock", "version");
	EXPECT(NULL, 2, NULL, "usage: gpufleetctl", "--json");
	EXPECT(NULL, 0, "usage: gpufleetctl up GPU[:N]", NULL, "up", "--help");
	EXPECT(NULL, 2, NULL, "cannot read '/nonexistent/c.yaml'", "--config", "/nonexistent/c.yaml", "status");
}

static void test_broken_daemon(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/status", .body = "{\"fleets\":[", .times = 1 },
		{ "GET", "/v1/status", .status = 500, .body = "<html>", .times = 1 },
		{ "GET", "/v1/status", .status = -1 },
		{ "GET", "/v1/runs/12/logs", .stream = true, .body = "not json\n" },
		{ 0 },
	};
	struct mock *m = mock_start(rows);

	(void)state;
	EXPECT(m, 1, NULL, "the daemon's answer to GET /v1/status?brief=1: not valid JSON", "status");
	EXPECT(m, 1, NULL, "HTTP status 500 and no explanation", "status");
	EXPECT(m, 5, NULL, "the connection to the daemon broke", "status");
	EXPECT(m, 1, NULL, "the daemon's stream: not valid JSON", "logs", "12");
	mock_stop(m);
}

static void test_elsewhere(void **state)
{
	static const struct mock_row rows[] = {
		{ "GET", "/v1/status", .body = "{\"fleets\":[]}", .times = 1 },
		{ "GET", "/v1/status", .status = 401, .body = "{\"code\":\"refused\",\"detail\":\"a token is needed\"}", .times = 1 },
		{ "GET", "/v1/status", .status = 502, .body = "<html>" },
		{ "GET", "/v1/version", .body = "{\"version\":\"9\",\"site\":\"abcdef\"}" },
		{ "POST", "/v1/fleets/x/authorize", .body = "{\"address\":\"127.0.0.1\",\"port\":22,\"user\":\"u\",\"host_key\":\"\"}" },
		{ "DELETE", "/v1/runs/7", .status = 202, .body = "{\"run\":{\"id\":7,\"state\":\"STOPPING\"}}" },
		{ 0 },
	};
	struct mock *m = mock_start_tcp(rows);

	(void)state;
	EXPECT(m, 0, "no fleet is up", NULL, "status");
	EXPECT(m, 3, NULL, "does not know the token from GPUFLEET_TOKEN", "status");
	EXPECT(m, 1, NULL, "HTTP status 502 and no explanation", "status");
	EXPECT(m, 0, mock_url(m), NULL, "version");
	EXPECT(m, 0, "run 7", NULL, "cancel", "7");
	EXPECT(m, 2, NULL, "--socket and --url name two daemons", "--socket", "/x", "--url", "http://127.0.0.1:1", "status");
	EXPECT(m, 2, NULL, "leave out --url", "--url", "http://127.0.0.1:1", "init", "--provider", "runpod");
	EXPECT(m, 5, NULL, "no daemon answers on '/nonexistent/sock'", "--socket", "/nonexistent/sock", "status");
	EXPECT(m, 5, NULL, "no daemon answers on 'http://127.0.0.1:1'", "--url", "http://127.0.0.1:1/", "status");
	EXPECT(NULL, 2, NULL, "the daemon at 'https://g.example.org' wants a token", "--url", "https://g.example.org", "status");
	EXPECT(NULL, 2, NULL, "'--url' wants an https:// URL (http:// only to this machine), not 'http://g.example.org'", "--url",
	    "http://g.example.org", "status");
	EXPECT(NULL, 2, NULL, "'--url' wants an https:// URL", "--url", "g.example.org:8470", "status");
	EXPECT(NULL, 2, NULL, "'--url' wants an https:// URL", "--url", "https://ana:secret@g.example.org", "status");
	assert_int_equal(mock_count(m, "/v1/"), 5);
	assert_int_equal(mock_count(m, " bearer "), 5);
	mock_stop(m);
}

static void test_token(void **state)
{
	static const struct mock_row rows[] = { { 0 } };
	struct mock *m = mock_start(rows);
	struct ran r = mock_run(m, "token", NULL), again = mock_run(m, "token", NULL);
	char *text, *path = xasprintf("%s/other", mock_dir(m));

	(void)state;
	assert_int_equal(r.status, 0);
	assert_true(str_starts(r.out, "sha256:"));
	assert_int_equal(strlen(r.out), 72);
	text = read_all(mock_dir(m), ".config/gpufleet/token");
	assert_true(str_starts(text, "gft_"));
	assert_int_equal(mode_of(mock_dir(m), ".config/gpufleet/token"), 0600);
	text[strlen(text) - 1] = '\0';
	assert_lacks(r.out, text);
	assert_lacks(r.err, text);
	assert_int_equal(again.status, 0);
	assert_string_equal(again.out, r.out); /* it stays */
	assert_has(again.err, "already");
	free(text);
	ran_free(&r);
	ran_free(&again);
	EXPECT(m, 0, "\"digest\":\"sha256:", NULL, "token", path, "--json");
	assert_int_equal(chmod(path, 0644), 0);
	EXPECT(m, 2, NULL, "can be read by others (mode 0644)", "token", path);
	EXPECT(m, 1, NULL, "cannot make '/nonexistent/token'", "token", "/nonexistent/token");
	free(path);
	mock_stop(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up),
		cmocka_unit_test(test_up_refuses_to_buy_unasked),
		cmocka_unit_test(test_up_bad_words_ask_nobody),
		cmocka_unit_test(test_up_nobody_sells),
		cmocka_unit_test(test_up_too_dear),
		cmocka_unit_test(test_up_ends_badly),
		cmocka_unit_test(test_up_connection_breaks),
		cmocka_unit_test(test_up_refused),
		cmocka_unit_test(test_up_detach),
		cmocka_unit_test(test_up_terminal),
		cmocka_unit_test(test_up_interrupted),
		cmocka_unit_test(test_down),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_run_log_goes_on),
		cmocka_unit_test(test_serve_ends),
		cmocka_unit_test(test_logs_of_ranks),
		cmocka_unit_test(test_run_gpu),
		cmocka_unit_test(test_run_preset),
		cmocka_unit_test(test_run_directory),
		cmocka_unit_test(test_run_interrupted),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_benchmarks),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_exec_on_all),
		cmocka_unit_test(test_cp),
		cmocka_unit_test(test_ssh),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_offers_as_they_come),
		cmocka_unit_test(test_gpus),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_events_and_why),
		cmocka_unit_test(test_extend_and_wait),
		cmocka_unit_test(test_init_by_options),
		cmocka_unit_test(test_init_by_questions),
		cmocka_unit_test(test_no_daemon),
		cmocka_unit_test(test_broken_daemon),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

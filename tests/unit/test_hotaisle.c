/*
 * providers/hotaisle.c: answers as the fact sheet has them, hostile ones, and a whole life against
 * the model of the cloud.
 */
#include "providers/call.h"

#include "base/str.h"
#include "cloud_drive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

extern const struct provider provider_hotaisle;

#define UUID "3d4cfb6e-9a55-4b6f-8f55-5f1f30a9d1c2"
#define MARK "gf1-abc234-aaaaaaaaaaaaa-zzzzzz-mmmmmmmm"
#define KEY  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAISite gpufleet"

static char token[] = "0123456789abcdef01234567.secret";
static struct account account = { .name = "hot",
	.provider = "hotaisle",
	.api_url = "https://admin.hotaisle.app/api",
	.team = "bench",
	.token = { token } };

/* ---- fixtures and one operation at a time ---- */

static char *fixture(const char *name)
{
	char path[256];
	struct buf b = BUF(1024 * 1024);
	char block[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "tests/fixtures/hotaisle/%s", name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("cannot read %s", path);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_append(&b, block, n);
	fclose(f);
	return buf_take(&b);
}

struct world {
	struct op_args args;
	struct op_cursor cursor;
	struct http_request req;
	struct op_reply r;
	struct offer offer;
};

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	str_copy(account.team, "bench");
	w->args.account = &account;
	*state = w;
	return 0;
}

static void forget(struct world *w)
{
	http_request_free(&w->req);
	op_reply_free(&w->r);
	memset(&w->cursor, 0, sizeof(w->cursor));
}

static int tear_down(void **state)
{
	struct world *w = *state;

	forget(w);
	free(w);
	return 0;
}

static void build(struct world *w, enum provider_op_kind op)
{
	http_request_free(&w->req);
	provider_hotaisle.op[op].build(&w->args, &w->cursor, &w->req, &w->r);
}

static void expect_request(
    struct world *w, enum provider_op_kind op, const char *method, const char *tail)
{
	build(w, op);
	assert_false(w->req.answered);
	assert_string_equal(w->req.method, method);
	assert_true(str_starts(w->req.url, account.api_url));
	assert_string_equal(w->req.url + strlen(account.api_url), tail);
	assert_string_equal(
	    w->req.headers[0], "Authorization: Token 0123456789abcdef01234567.secret");
}

static enum verdict hear(
    struct world *w, enum provider_op_kind op, int status, const char *type, const char *body)
{
	struct http_response res = {
		.outcome = HTTP_ANSWERED, .status = status, .body = body, .len = strlen(body)
	};

	str_copy(res.content_type, type);
	return provider_hotaisle.op[op].read(&w->args, &w->cursor, &res, &w->r);
}

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"

static enum verdict hear_file(
    struct world *w, enum provider_op_kind op, int status, const char *type, const char *name)
{
	char *body = fixture(name);
	enum verdict v = hear(w, op, status, type, body);

	free(body);
	return v;
}

static void expect_verdict(enum verdict got, enum verdict want)
{
	assert_string_equal(verdict_name(got), verdict_name(want));
}

/* ---- requests ---- */

static void requests_are_as_documented(void **state)
{
	struct world *w = *state;

	expect_request(w, OP_CHECK, "GET", "/user/");
	expect_request(w, OP_OFFERS, "GET", "/teams/bench/virtual_machines/available/");
	expect_request(w, OP_LIST, "GET", "/teams/bench/virtual_machines/");
	expect_request(w, OP_BALANCE, "GET", "/teams/bench/balance/");
	w->args.id = UUID;
	expect_request(w, OP_DESCRIBE, "GET", "/teams/bench/virtual_machines/" UUID "/");
	w->cursor.step = 1;
	expect_request(w, OP_DESCRIBE, "GET", "/teams/bench/virtual_machines/" UUID "/state/");
	w->cursor.step = 0;
	expect_request(
	    w, OP_DESTROY, "DELETE", "/teams/bench/virtual_machines/" UUID "/?force=true");
	assert_true(w->req.timeout >= 2 * MINUTE);
	assert_null(w->req.body);
	w->args.mark = MARK;
	expect_request(w, OP_MARK, "PATCH", "/teams/bench/virtual_machines/" UUID "/");
	assert_string_equal(w->req.body, "{\"description\":\"" MARK "\"}");
	w->args.public_key = KEY;
	expect_request(w, OP_KEY, "GET", "/user/ssh_keys/");
	w->cursor.step = 1;
	expect_request(w, OP_KEY, "POST", "/user/ssh_keys/");
	assert_string_equal(w->req.body, "{\"authorized_key\":\"" KEY "\"}");
}

static void what_is_no_name_never_gets_into_a_path(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "../user", "a?force=true", "a b",
		"a%2f", "a\r\nX: y", "é",
		"0123456789012345678901234567890123456789012345678901234567890123456789" };
	static const enum provider_op_kind by_id[] = { OP_DESCRIBE, OP_DESTROY, OP_MARK };
	static const enum provider_op_kind by_team[] = { OP_CHECK, OP_OFFERS, OP_LIST, OP_BALANCE };
	struct world *w = *state;

	for (size_t i = 0; i <= ARRAY_LEN(bad); i++) {
		w->args.id = i < ARRAY_LEN(bad) ? bad[i] : NULL;
		for (size_t k = 0; k < ARRAY_LEN(by_id); k++) {
			build(w, by_id[k]);
			assert_true(w->req.answered);
			assert_null(w->req.url);
			expect_verdict(w->r.verdict, VERDICT_REFUSED);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		str_copy(account.team, bad[i]);
		if (strlen(bad[i]) >= sizeof(account.team))
			continue;
		for (size_t k = 0; k < ARRAY_LEN(by_team); k++) {
			build(w, by_team[k]);
			assert_true(w->req.answered);
			expect_verdict(w->r.verdict, VERDICT_REFUSED);
		}
	}
}

/* ---- check ---- */

static void check_reads_team_and_roles(void **state)
{
	static const struct {
		const char *team;
		enum verdict v;
		const char *says;
	} rows[] = {
		{ "bench", VERDICT_OK, "at most 2" },
		{ "old", VERDICT_OK, "old" },
		{ "guests", VERDICT_DENIED, "invitation" },
		{ "readers", VERDICT_DENIED, "operator" },
		{ "others", VERDICT_DENIED, "does not belong" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		str_copy(account.team, rows[i].team);
		forget(w);
		expect_verdict(hear_file(w, OP_CHECK, 200, JSON, "user.json"), rows[i].v);
		assert_non_null(strstr(w->r.message, rows[i].says));
		assert_string_equal(w->r.account_id, rows[i].v == VERDICT_OK ? rows[i].team : "");
	}
	expect_verdict(hear(w, OP_CHECK, 401, TEXT, "Unauthorized"), VERDICT_DENIED);
	expect_verdict(hear(w, OP_CHECK, 200, JSON, "{}"), VERDICT_RETRY);
	expect_verdict(
	    hear(w, OP_CHECK, 200, JSON, "{\"teams\":{\"handle\":\"bench\"}}"), VERDICT_RETRY);
	expect_verdict(
	    hear(w, OP_CHECK, 200, JSON, "{\"teams\":[1,null,{\"handle\":[]}]}"), VERDICT_DENIED);
}

/* ---- offers ---- */

static void offers_are_read(void **state)
{
	struct world *w = *state;
	const struct offer *o;
	json_t *spec;

	expect_verdict(hear_file(w, OP_OFFERS, 200, JSON, "available.json"), VERDICT_OK);
	assert_int_equal(w->r.offer_count, 3);
	o = &w->r.offers[0];
	assert_string_equal(o->key, "vm/1xMI300X/8c/240518168576/13194139533312");
	assert_string_equal(o->gpu, "MI300X");
	assert_int_equal(o->gpu_count, 1);
	assert_int_equal(o->gpu_memory_gb, 192);
	assert_int_equal(o->cpus, 8);
	assert_int_equal(o->ram_gb, 224);
	assert_int_equal(o->disk_gb, 12288);
	assert_int_equal(o->available, 3);
	assert_true(o->price_hour == 299 * CENT);
	assert_true(o->minimum_charge == money_for(299 * CENT, MINUTE));
	assert_int_equal(w->r.offers[1].available, 0);
	/* What goes back at create is all of it, also what we do not know. */
	spec = json_read(w->r.offers[1].spec, strlen(w->r.offers[1].spec), NULL);
	assert_non_null(json_path(spec, "a_field_of_tomorrow.1"));
	assert_int_equal(json_int(spec, "cpus.frequency", 0), 2000000000);
	json_decref(spec);
	assert_int_equal(w->r.offers[2].gpu_count, 2);
	assert_true(w->r.offers[2].price_hour == 5985 * CENT / 10);
	assert_true(w->r.offers[2].minimum_charge == 5985 * CENT / 10);
}

static void offers_are_filtered(void **state)
{
	struct world *w = *state;

	str_copy(w->args.gpu, "mi300x");
	w->args.gpu_count = 2;
	expect_verdict(hear_file(w, OP_OFFERS, 200, JSON, "available.json"), VERDICT_OK);
	assert_int_equal(w->r.offer_count, 1);
	op_reply_free(&w->r);
	str_copy(w->args.gpu, "H100");
	w->args.gpu_count = 0;
	expect_verdict(hear_file(w, OP_OFFERS, 200, JSON, "available.json"), VERDICT_OK);
	assert_int_equal(w->r.offer_count, 0);
}

static void hostile_offers_are_left_out(void **state)
{
	struct world *w = *state;

	expect_verdict(hear_file(w, OP_OFFERS, 200, JSON, "available-hostile.json"), VERDICT_OK);
	assert_int_equal(w->r.offer_count, 2);
	assert_true(str_is_utf8(w->r.offers[0].gpu, strlen(w->r.offers[0].gpu)));
	assert_null(strchr(w->r.offers[0].gpu, '\x1b'));
	assert_int_equal(w->r.offers[0].available, 0);
	assert_int_equal(w->r.offers[0].cpus, 0);
	assert_int_equal(w->r.offers[0].ram_gb, 0);
	assert_int_equal(w->r.offers[1].available, 0);
	assert_int_equal(w->r.offers[1].ram_gb, 0);
	expect_verdict(hear(w, OP_OFFERS, 200, JSON, "{\"offers\":[]}"), VERDICT_RETRY);
	expect_verdict(hear_file(w, OP_OFFERS, 200, "text/html", "gateway.html"), VERDICT_RETRY);
}

/* ---- the key ---- */

static void a_key_that_is_there_is_enough(void **state)
{
	struct world *w = *state;

	w->args.public_key = KEY;
	expect_verdict(hear_file(w, OP_KEY, 200, JSON, "keys.json"), VERDICT_OK);
	assert_string_equal(w->r.key_id, "SHA256:site");
}

static void a_key_is_registered(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum verdict v;
	} rows[] = {
		{ 200, "{\"fingerprint\":\"SHA256:new\"}", VERDICT_OK },
		{ 201, "", VERDICT_OK },
		{ 409, "Conflict: SSH key already registered", VERDICT_OK },
		{ 403, "Forbidden: Permission denied", VERDICT_REFUSED },
		{ 401, "Unauthorized", VERDICT_DENIED },
		{ 422, "Unprocessable Entity: invalid SSH key format", VERDICT_REFUSED },
		{ 500, "Internal Server Error", VERDICT_RETRY },
	};
	struct world *w = *state;

	w->args.public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMine";
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		forget(w);
		expect_verdict(hear_file(w, OP_KEY, 200, JSON, "keys.json"), VERDICT_MORE);
		build(w, OP_KEY);
		assert_string_equal(w->req.method, "POST");
		expect_verdict(hear(w, OP_KEY, rows[i].status, rows[i].status < 300 ? JSON : TEXT,
				   rows[i].body),
		    rows[i].v);
		if (rows[i].status == 200)
			assert_string_equal(w->r.key_id, "SHA256:new");
		if (rows[i].status == 403) {
			assert_non_null(strstr(w->r.message, "owner"));
			assert_non_null(strstr(w->r.message, "by hand"));
			assert_in_range(
			    strlen(w->r.message), 50, TEXT_MAX - 2); /* all of it fits */
		}
	}
	/* A list that may not be read, or makes no sense, does not stop us. */
	forget(w);
	expect_verdict(hear(w, OP_KEY, 403, TEXT, "Forbidden"), VERDICT_MORE);
	forget(w);
	expect_verdict(hear(w, OP_KEY, 200, JSON, "{\"x\":[{\"public_key\":7}"), VERDICT_MORE);
	forget(w);
	expect_verdict(hear(w, OP_KEY, 401, TEXT, "Unauthorized"), VERDICT_DENIED);
	forget(w);
	expect_verdict(hear(w, OP_KEY, 503, TEXT, "Unavailable"), VERDICT_RETRY);
}

/* ---- create ---- */

static void create_sends_the_specs_back(void **state)
{
	struct world *w = *state;
	char spec[] =
	    "{\"cpu_cores\":8,\"gpus\":[{\"count\":1,\"model\":\"MI300X\"}],\"odd\":[1,{\"b\":2.5}]}";

	w->offer.spec = spec;
	w->args.offer = &w->offer;
	expect_request(w, OP_CREATE, "POST", "/teams/bench/virtual_machines/");
	assert_string_equal(w->req.body, spec);
	assert_true(w->req.timeout == 300 * SECOND);
	spec[0] = '!';
	build(w, OP_CREATE);
	assert_true(w->req.answered);
	expect_verdict(w->r.verdict, VERDICT_REFUSED);
	w->args.offer = NULL;
	build(w, OP_CREATE);
	assert_true(w->req.answered);
}

static void create_takes_the_id(void **state)
{
	static const struct {
		const char *body, *id;
	} rows[] = {
		{ "{\"name\":\"enc1-gpuvm007\",\"deployment_id\":\"" UUID "\"}", UUID },
		{ "{\"name\":\"enc1-gpuvm007\"}", "enc1-gpuvm007" },
		{ "{\"name\":\"enc1-gpuvm007\",\"deployment_id\":null}", "enc1-gpuvm007" },
		{ "{\"name\":\"enc1-gpuvm007\",\"deployment_id\":12}", NULL },
		{ "{\"name\":\"enc1-gpuvm007\",\"deployment_id\":\"../../user\"}", NULL },
		{ "{\"name\":12}", NULL },
		{ "{\"name\":\"..\"}", NULL },
		{ "{\"name\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}",
		    NULL },
		{ "{}", NULL },
		{ "[]", NULL },
		{ "null", NULL },
		{ "\"ok\"", NULL },
		{ "", NULL },
		{ "{\"name\":\"a\",\"name\":\"b\"}", NULL },
		{ "created", NULL },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		forget(w);
		expect_verdict(hear(w, OP_CREATE, i % 2 ? 201 : 200, JSON, rows[i].body),
		    rows[i].id ? VERDICT_OK : VERDICT_UNSURE);
		assert_string_equal(w->r.id, rows[i].id ? rows[i].id : "");
	}
	forget(w);
	expect_verdict(hear_file(w, OP_CREATE, 200, JSON, "vm.json"), VERDICT_OK);
	assert_string_equal(w->r.id, UUID);
	forget(w);
	expect_verdict(hear_file(w, OP_CREATE, 200, JSON, "vm-truncated.txt"), VERDICT_UNSURE);
	expect_verdict(hear_file(w, OP_CREATE, 200, "text/html", "gateway.html"), VERDICT_UNSURE);
}

static void create_believes_only_plain_refusals(void **state)
{
	static const struct {
		int status;
		const char *type, *body;
		enum verdict v;
	} rows[] = {
		{ 400, TEXT, "Bad Request: invalid request body", VERDICT_REFUSED },
		{ 401, TEXT, "Unauthorized: Maximum VMs already provisioned for this team",
		    VERDICT_LIMIT },
		{ 401, TEXT, "Unauthorized", VERDICT_LIMIT },
		{ 402, TEXT, "Payment Required: Insufficient balance", VERDICT_LIMIT },
		{ 403, TEXT, "Forbidden: Permission denied", VERDICT_REFUSED },
		{ 403, TEXT, "Forbidden: VM limit reached", VERDICT_LIMIT },
		{ 404, TEXT,
		    "Not Found: No available virtual machine matching requested specifications",
		    VERDICT_NO_CAPACITY },
		{ 404, "", "Not Found", VERDICT_NO_CAPACITY },
		{ 422, TEXT, "Unprocessable Entity", VERDICT_REFUSED },
		{ 428, TEXT, "Precondition Required: no SSH key", VERDICT_REFUSED },
		{ 429, TEXT, "Too Many Requests", VERDICT_RETRY },
		/* somebody in between, or nobody knows */
		{ 404, "text/html", "<html>Not Found</html>", VERDICT_UNSURE },
		{ 404, TEXT, "<!DOCTYPE html>", VERDICT_UNSURE },
		{ 404, TEXT, "", VERDICT_UNSURE },
		{ 404, TEXT, " \n ", VERDICT_UNSURE },
		{ 402, JSON, "{\"error\":\"balance\"}", VERDICT_UNSURE },
		{ 400, TEXT, "bad \xff bytes", VERDICT_UNSURE },
		{ 405, TEXT, "Method Not Allowed", VERDICT_UNSURE },
		{ 408, TEXT, "Request Timeout", VERDICT_UNSURE },
		{ 409, TEXT, "Conflict", VERDICT_UNSURE },
		{ 302, TEXT, "Found", VERDICT_UNSURE },
		{ 500, TEXT, "Internal Server Error", VERDICT_UNSURE },
		{ 503, "text/html", "<h1>busy</h1>", VERDICT_UNSURE },
		{ 599, TEXT, "?", VERDICT_UNSURE },
	};
	struct world *w = *state;
	char *page = xmalloc(8192);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		forget(w);
		expect_verdict(
		    hear(w, OP_CREATE, rows[i].status, rows[i].type, rows[i].body), rows[i].v);
		assert_string_not_equal(w->r.message, "");
		assert_string_equal(w->r.id, "");
	}
	memset(page, 'x', 8191);
	page[8191] = '\0';
	expect_verdict(hear(w, OP_CREATE, 404, TEXT, page), VERDICT_UNSURE);
	free(page);
}

/* ---- machines ---- */

static void machines_are_listed(void **state)
{
	struct world *w = *state;
	const struct machine *m;

	expect_verdict(hear_file(w, OP_LIST, 200, JSON, "list.json"), VERDICT_OK);
	assert_int_equal(w->r.machine_count, 3);
	m = &w->r.machines[0];
	assert_string_equal(m->id, UUID);
	assert_string_equal(m->mark, MARK);
	assert_string_equal(m->address, "203.0.113.8");
	assert_int_equal(m->port, 2207);
	assert_int_equal(m->state, MACHINE_RUNNING);
	assert_string_equal(m->gpu, "MI300X");
	assert_int_equal(m->gpu_count, 1);
	m = &w->r.machines[1];
	assert_string_equal(m->id, "enc1-gpuvm009");
	assert_string_equal(m->mark, "");
	assert_string_equal(m->address, "203.0.113.9");
	assert_int_equal(m->port, 22);
	assert_int_equal(m->gpu_count, 2);
	m = &w->r.machines[2];
	assert_string_equal(m->id, "enc1-gpuvm010");
	assert_int_equal(m->state, MACHINE_STARTING);
	assert_string_equal(m->address, "");
	assert_int_equal(m->port, 0);
}

static void an_empty_team_has_an_empty_list(void **state)
{
	struct world *w = *state;

	expect_verdict(hear(w, OP_LIST, 200, JSON, "[]"), VERDICT_OK);
	assert_int_equal(w->r.machine_count, 0);
}

static void a_list_is_whole_or_none(void **state)
{
	static const struct {
		int status;
		const char *type, *body;
		enum verdict v;
	} rows[] = {
		{ 200, JSON, "", VERDICT_RETRY },
		{ 200, JSON, "null", VERDICT_RETRY },
		{ 200, JSON, "{\"items\":[]}", VERDICT_RETRY },
		{ 200, JSON, "[{\"name\":\"a\"}", VERDICT_RETRY },
		{ 200, JSON, "[{\"name\":\"a\"}, null]", VERDICT_RETRY },
		{ 200, JSON, "[[]]", VERDICT_RETRY },
		{ 200, JSON, "[{\"name\":\"a\"}] []", VERDICT_RETRY },
		{ 200, "text/html", "<html></html>", VERDICT_RETRY },
		{ 500, TEXT, "Internal Server Error", VERDICT_RETRY },
		{ 302, TEXT, "Found", VERDICT_RETRY },
		{ 401, TEXT, "Unauthorized", VERDICT_DENIED },
		{ 403, TEXT, "Forbidden: Permission denied", VERDICT_DENIED },
		{ 404, TEXT, "Not Found: Resource not found", VERDICT_REFUSED },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		forget(w);
		expect_verdict(
		    hear(w, OP_LIST, rows[i].status, rows[i].type, rows[i].body), rows[i].v);
	}
	forget(w);
	expect_verdict(hear_file(w, OP_LIST, 200, JSON, "list-no-id.json"), VERDICT_RETRY);
}

static void a_machine_is_described_in_two_steps(void **state)
{
	static const struct {
		const char *word;
		enum machine_state s;
	} rows[] = { { "running", MACHINE_RUNNING }, { "shut off", MACHINE_STOPPED },
		{ "paused", MACHINE_STOPPED }, { "crashed", MACHINE_STOPPED },
		{ "no state", MACHINE_UNKNOWN }, { "migrating \\u001b[2J", MACHINE_UNKNOWN },
		{ "", MACHINE_UNKNOWN } };
	struct world *w = *state;
	char body[128];

	w->args.id = UUID;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		forget(w);
		expect_verdict(hear_file(w, OP_DESCRIBE, 200, JSON, "vm.json"), VERDICT_MORE);
		assert_int_equal(w->cursor.step, 1);
		snprintf(body, sizeof(body), "{\"state\":\"%s\",\"host\":\"h\"}", rows[i].word);
		expect_verdict(hear(w, OP_DESCRIBE, 200, JSON, body), VERDICT_OK);
		assert_int_equal(w->r.machine_count, 1);
		assert_int_equal(w->r.machines[0].state, rows[i].s);
	}
	forget(w);
	hear_file(w, OP_DESCRIBE, 200, JSON, "vm.json");
	expect_verdict(hear(w, OP_DESCRIBE, 200, JSON, "{\"state\":3}"), VERDICT_RETRY);
	expect_verdict(
	    hear(w, OP_DESCRIBE, 404, TEXT, "Not Found: Resource not found"), VERDICT_ABSENT);
}

static void absence_is_the_providers_word(void **state)
{
	struct world *w = *state;

	w->args.id = UUID;
	for (enum provider_op_kind op = 0; op < OP_NR; op++) {
		if (op != OP_DESCRIBE && op != OP_MARK && op != OP_DESTROY)
			continue;
		expect_verdict(
		    hear(w, op, 404, TEXT, "Not Found: Resource not found"), VERDICT_ABSENT);
		expect_verdict(hear_file(w, op, 404, "text/html", "gateway.html"), VERDICT_RETRY);
		expect_verdict(hear(w, op, 404, "", ""), VERDICT_RETRY);
		expect_verdict(hear(w, op, 410, TEXT, "Gone"), VERDICT_RETRY);
		expect_verdict(hear(w, op, 401, TEXT, "Unauthorized"), VERDICT_DENIED);
		expect_verdict(hear(w, op, 403, TEXT, "Forbidden"), VERDICT_DENIED);
		expect_verdict(hear(w, op, 400, TEXT, "Bad Request"), VERDICT_REFUSED);
		expect_verdict(
		    hear(w, op, 409, TEXT, "Conflict: Operation in progress"), VERDICT_RETRY);
		expect_verdict(hear(w, op, 500, TEXT, "Internal Server Error"), VERDICT_RETRY);
	}
	expect_verdict(hear(w, OP_DESTROY, 204, "", ""), VERDICT_OK);
	expect_verdict(hear(w, OP_MARK, 204, "", ""), VERDICT_OK);
}

static void a_hostile_machine_is_kept_at_arms_length(void **state)
{
	struct world *w = *state;
	const struct machine *m;

	w->args.id = "3d4cfb6e-0000-4b6f-8f55-5f1f30a9d1c2";
	expect_verdict(hear_file(w, OP_DESCRIBE, 200, JSON, "vm-hostile.json"), VERDICT_MORE);
	m = &w->r.machines[0];
	assert_string_equal(m->address, "");
	assert_int_equal(m->state, MACHINE_STARTING);
	assert_string_equal(m->mark, "?");
	assert_string_equal(m->gpu, "");
	forget(w);
	/* Another machine than the one asked for. */
	expect_verdict(hear_file(w, OP_DESCRIBE, 200, JSON, "vm.json"), VERDICT_RETRY);
	assert_int_equal(w->r.machine_count, 0);
	/* Asked for by name, as it is where a create answered without deployment_id. */
	w->args.id = "enc1-gpuvm007";
	expect_verdict(hear_file(w, OP_DESCRIBE, 200, JSON, "vm.json"), VERDICT_MORE);
}

/* ---- balance ---- */

static void the_balance_is_in_cents(void **state)
{
	struct world *w = *state;

	expect_verdict(hear_file(w, OP_BALANCE, 200, JSON, "balance.json"), VERDICT_OK);
	assert_true(w->r.balance.known && w->r.balance.available == 4920 * CENT);
	assert_true(w->r.balance.hourly_known && w->r.balance.hourly == 2995 * CENT / 10);
	assert_int_equal(w->r.balance.machines, 1);
	forget(w);
	expect_verdict(
	    hear(w, OP_BALANCE, 200, JSON, "{\"available_balance\":-100,\"hourly_rate\":-1}"),
	    VERDICT_OK);
	assert_true(w->r.balance.known && w->r.balance.available == 0);
	assert_false(w->r.balance.hourly_known);
	assert_int_equal(w->r.balance.machines, -1);
	forget(w);
	expect_verdict(
	    hear(w, OP_BALANCE, 200, JSON, "{\"available_balance\":1e300}"), VERDICT_RETRY);
	expect_verdict(hear(w, OP_BALANCE, 200, JSON, "[]"), VERDICT_RETRY);
	expect_verdict(hear(w, OP_BALANCE, 403, TEXT, "Forbidden"), VERDICT_DENIED);
}

/* Every cut of every good answer: no crash, and never a fact from half an answer. */
static void truncated_answers_are_never_facts(void **state)
{
	static const struct {
		enum provider_op_kind op;
		const char *file;
		enum verdict v;
	} rows[] = {
		{ OP_CHECK, "user.json", VERDICT_RETRY },
		{ OP_OFFERS, "available.json", VERDICT_RETRY },
		{ OP_LIST, "list.json", VERDICT_RETRY },
		{ OP_DESCRIBE, "vm.json", VERDICT_RETRY },
		{ OP_CREATE, "vm.json", VERDICT_UNSURE },
		{ OP_BALANCE, "balance.json", VERDICT_RETRY },
	};
	struct world *w = *state;

	w->args.id = UUID;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *body = fixture(rows[i].file);

		for (size_t n = strrchr(body, body[0] == '[' ? ']' : '}') - body; n-- > 0;) {
			forget(w);
			body[n] = '\0';
			expect_verdict(hear(w, rows[i].op, 200, JSON, body), rows[i].v);
			assert_int_equal(w->r.machine_count + w->r.offer_count, 0);
		}
		free(body);
	}
}

/* Bytes changed, cut out and doubled by chance: whatever is taken for a fact is well formed. */
static void mutate(struct rng *rng, char *s, size_t n)
{
	static const char junk[] = "\"{}[],:0-9eE.\\\x01\xff<n";

	for (uint64_t times = 1 + rng_below(rng, 4); times--;) {
		size_t at = rng_below(rng, n), from = rng_below(rng, n),
		       len = rng_below(rng, n / 8 + 1);

		switch (rng_below(rng, 3)) {
		case 0: s[at] = junk[rng_below(rng, sizeof(junk) - 1)]; break;
		case 1: s[at] = (char)rng_u64(rng); break;
		default:
			if (at + len <= n && from + len <= n)
				memmove(s + at, s + from, len);
		}
	}
}

static void mutated_answers_are_survived(void **state)
{
	static const struct {
		enum provider_op_kind op;
		const char *file;
	} rows[] = {
		{ OP_CHECK, "user.json" },
		{ OP_OFFERS, "available.json" },
		{ OP_LIST, "list.json" },
		{ OP_DESCRIBE, "vm.json" },
		{ OP_CREATE, "vm.json" },
		{ OP_BALANCE, "balance.json" },
		{ OP_KEY, "keys.json" },
		{ OP_OFFERS, "available-hostile.json" },
	};
	struct world *w = *state;
	struct rng rng;

	rng_seed(&rng, 11);
	w->args.id = UUID;
	w->args.public_key = KEY;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *body = fixture(rows[i].file), *copy = xstrdup(body);
		size_t n = strlen(body);

		for (int k = 0; k < 1500; k++) {
			enum verdict v;

			memcpy(copy, body, n);
			mutate(&rng, copy, n);
			forget(w);
			v = hear(w, rows[i].op, k % 9 ? 200 : 404, JSON, copy);
			if (rows[i].op == OP_CREATE && v == VERDICT_OK)
				assert_true(str_is_name(w->r.id, ID_MAX - 1));
			for (size_t m = 0; v == VERDICT_OK && m < w->r.machine_count; m++)
				assert_true(str_is_name(w->r.machines[m].id, ID_MAX - 1));
			for (size_t o = 0; o < w->r.offer_count; o++)
				assert_true(
				    w->r.offers[o].price_hour > 0 && w->r.offers[o].gpu_count > 0);
			assert_true(w->r.balance.available >= 0);
			assert_true(str_is_utf8(w->r.message, strlen(w->r.message)));
		}
		free(copy);
		free(body);
	}
}

/* ---- a whole life against the model of the cloud ---- */

struct life {
	struct drive d;
	struct call_limits limits;
	struct rng rng;
	struct call *c;
	struct account account;
	int status;
};

static void transfer(struct life *l, const struct http_request *req)
{
	struct http_response res = { .outcome = HTTP_ANSWERED };

	assert_true(str_starts(req->headers[0], "Authorization: "));
	l->d.auth = req->headers[0] + strlen("Authorization: ");
	res.status = drive(&l->d, req->method, req->url + strlen(l->account.api_url), req->body);
	if (l->d.r.cut != SIM_CUT_NONE) {
		res.outcome = HTTP_BROKEN;
		str_copy(res.trouble, "connection reset");
	}
	str_copy(res.content_type, l->d.r.type);
	res.body = buf_str(&l->d.r.body);
	res.len = l->d.r.body.len;
	l->status = res.status;
	drive_pass(&l->d, l->d.r.delay);
	call_answer(l->c, l->d.now, &res);
}

static struct op_reply *perform(
    struct life *l, enum provider_op_kind op, const struct op_args *given)
{
	struct op_args args = *given;
	const struct http_request *req;
	instant wake;

	args.account = &l->account;
	call_free(l->c);
	l->c = call_new(&provider_hotaisle, op, &args, &l->limits, &l->rng);
	for (;;) {
		switch (call_next(l->c, l->d.now, &req, &wake)) {
		case CALL_SEND: transfer(l, req); break;
		case CALL_WAIT: drive_pass(&l->d, wake - l->d.now); break;
		case CALL_DONE: return call_reply(l->c);
		}
	}
}

static void life_begins(struct life *l)
{
	extern const struct cloud_model cloud_hotaisle;

	memset(l, 0, sizeof(*l));
	rng_seed(&l->rng, 3);
	drive_open(&l->d, &cloud_hotaisle, NULL, NULL);
	str_copy(l->account.api_url, "http://127.0.0.1:1");
	str_copy(l->account.team, "acme");
	l->account.token.value = (char *)cloud_hotaisle.token;
}

static void life_ends(struct life *l)
{
	call_free(l->c);
	drive_close(&l->d);
}

static struct offer take_offer(struct life *l, size_t nth)
{
	struct op_reply *r = perform(l, OP_OFFERS, &(struct op_args){ 0 });
	struct offer o;

	expect_verdict(r->verdict, VERDICT_OK);
	assert_true(nth < r->offer_count);
	o = r->offers[nth];
	r->offers[nth].spec = NULL;
	return o;
}

static void a_whole_life(void **state)
{
	struct life l;
	struct op_reply *r;
	struct offer o;
	char id[ID_MAX];
	money before;

	(void)state;
	life_begins(&l);
	expect_verdict(perform(&l, OP_CHECK, &(struct op_args){ 0 })->verdict, VERDICT_OK);
	r = perform(&l, OP_BALANCE, &(struct op_args){ 0 });
	before = r->balance.available;
	assert_true(before > 0);
	o = take_offer(&l, 2);
	/* Without a key nobody could log in. */
	expect_verdict(
	    perform(&l, OP_CREATE, &(struct op_args){ .offer = &o })->verdict, VERDICT_REFUSED);
	assert_int_equal(l.status, 428);
	expect_verdict(
	    perform(&l, OP_KEY, &(struct op_args){ .public_key = DRIVE_KEY })->verdict, VERDICT_OK);
	assert_int_equal(call_requests_sent(l.c), 2);
	expect_verdict(
	    perform(&l, OP_KEY, &(struct op_args){ .public_key = DRIVE_KEY })->verdict, VERDICT_OK);
	assert_int_equal(call_requests_sent(l.c), 1);

	r = perform(&l, OP_CREATE, &(struct op_args){ .offer = &o });
	expect_verdict(r->verdict, VERDICT_OK);
	str_copy(id, r->id);
	r = perform(&l, OP_LIST, &(struct op_args){ 0 });
	assert_int_equal(r->machine_count, 1);
	assert_string_equal(r->machines[0].id, id);
	assert_string_equal(r->machines[0].mark, "");
	assert_int_equal(r->machines[0].gpu_count, 2);
	expect_verdict(
	    perform(&l, OP_MARK, &(struct op_args){ .id = id, .mark = MARK })->verdict, VERDICT_OK);
	drive_pass(&l.d, 5 * MINUTE);
	r = perform(&l, OP_DESCRIBE, &(struct op_args){ .id = id });
	expect_verdict(r->verdict, VERDICT_OK);
	assert_string_equal(r->machines[0].mark, MARK);
	assert_int_equal(r->machines[0].state, MACHINE_RUNNING);
	assert_string_not_equal(r->machines[0].address, "");
	r = perform(&l, OP_BALANCE, &(struct op_args){ 0 });
	assert_int_equal(r->balance.machines, 1);
	assert_true(r->balance.hourly == o.price_hour);
	assert_true(before - r->balance.available >= o.minimum_charge);

	expect_verdict(perform(&l, OP_DESTROY, &(struct op_args){ .id = id })->verdict, VERDICT_OK);
	drive_pass(&l.d, MINUTE);
	expect_verdict(
	    perform(&l, OP_DESTROY, &(struct op_args){ .id = id })->verdict, VERDICT_ABSENT);
	expect_verdict(
	    perform(&l, OP_DESCRIBE, &(struct op_args){ .id = id })->verdict, VERDICT_ABSENT);
	assert_int_equal(perform(&l, OP_LIST, &(struct op_args){ 0 })->machine_count, 0);
	assert_int_equal(perform(&l, OP_BALANCE, &(struct op_args){ 0 })->balance.machines, 0);
	free(o.spec);
	life_ends(&l);
}

static void troubles_of_the_model_are_understood(void **state)
{
	static const struct {
		const char *fault;
		enum provider_op_kind op;
		enum verdict v;
	} rows[] = {
		{ "create_no_capacity", OP_CREATE, VERDICT_NO_CAPACITY },
		{ "create_no_money", OP_CREATE, VERDICT_LIMIT },
		{ "create_quota", OP_CREATE, VERDICT_LIMIT },
		{ "create_denied", OP_CREATE, VERDICT_REFUSED },
		{ "create_500_before", OP_CREATE, VERDICT_UNSURE },
		{ "create_500_after", OP_CREATE, VERDICT_UNSURE },
		{ "create_cut_before", OP_CREATE, VERDICT_UNSURE },
		{ "create_cut_after", OP_CREATE, VERDICT_UNSURE },
		{ "create_truncated", OP_CREATE, VERDICT_UNSURE },
		{ "create_no_id", OP_CREATE, VERDICT_UNSURE },
		{ "create_201", OP_CREATE, VERDICT_OK },
		{ "no_deployment_id", OP_CREATE, VERDICT_OK },
		{ "cdn_502", OP_CREATE, VERDICT_UNSURE },
		{ "redirect", OP_CREATE, VERDICT_UNSURE },
		{ "auth_revoked", OP_LIST, VERDICT_DENIED },
		{ "list_500=1", OP_LIST, VERDICT_OK },
		{ "garbage_body=1", OP_LIST, VERDICT_OK },
		{ "cut_body=1", OP_LIST, VERDICT_OK },
		{ "cdn_502=1", OP_LIST, VERDICT_OK },
		{ "delete_500", OP_DESTROY, VERDICT_RETRY },
		{ "delete_busy", OP_DESTROY, VERDICT_RETRY },
		{ "delete_404", OP_DESTROY, VERDICT_ABSENT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct life l;
		struct offer o;
		struct op_reply *r;
		char id[ID_MAX];

		life_begins(&l);
		perform(&l, OP_KEY, &(struct op_args){ .public_key = DRIVE_KEY });
		o = take_offer(&l, 0);
		r = perform(&l, OP_CREATE, &(struct op_args){ .offer = &o });
		expect_verdict(r->verdict, VERDICT_OK);
		str_copy(id, r->id);
		drive_fault(&l.d, rows[i].fault);
		r = perform(&l, rows[i].op, &(struct op_args){ .offer = &o, .id = id });
		if (r->verdict != rows[i].v)
			fail_msg(
			    "%s: %s (%s)", rows[i].fault, verdict_name(r->verdict), r->message);
		if (rows[i].op == OP_CREATE)
			assert_int_equal(call_requests_sent(l.c), 1);
		free(o.spec);
		life_ends(&l);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_as_documented),
		TEST(what_is_no_name_never_gets_into_a_path),
		TEST(check_reads_team_and_roles),
		TEST(offers_are_read),
		TEST(offers_are_filtered),
		TEST(hostile_offers_are_left_out),
		TEST(a_key_that_is_there_is_enough),
		TEST(a_key_is_registered),
		TEST(create_sends_the_specs_back),
		TEST(create_takes_the_id),
		TEST(create_believes_only_plain_refusals),
		TEST(machines_are_listed),
		TEST(an_empty_team_has_an_empty_list),
		TEST(a_list_is_whole_or_none),
		TEST(a_machine_is_described_in_two_steps),
		TEST(absence_is_the_providers_word),
		TEST(a_hostile_machine_is_kept_at_arms_length),
		TEST(the_balance_is_in_cents),
		TEST(truncated_answers_are_never_facts),
		TEST(mutated_answers_are_survived),
		TEST(a_whole_life),
		TEST(troubles_of_the_model_are_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

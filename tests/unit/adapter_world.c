#include "adapter_world.h"
#include "providers/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define API_URL "https://api.example.com/base"

void expect_verdict(enum verdict got, enum verdict want)
{
	assert_string_equal(verdict_name(got), verdict_name(want));
}

void expect_whole_cloud(const struct provider *p)
{
	static const enum provider_op_kind needed[] = { OP_CHECK, OP_OFFERS, OP_CREATE, OP_DESCRIBE,
		OP_LIST, OP_MARK, OP_DESTROY, OP_BALANCE };

	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (!p->op[needed[i]].build)
			fail_msg("%s lacks operation %d", p->name, (int)needed[i]);
	for (int op = 0; op < OP_NR; op++)
		assert_int_equal(!p->op[op].build, !p->op[op].read);
	assert_true(http_url_ok(p->api_url));
	assert_true(str_starts(p->api_url, "https://"));
	assert_true(p->api_url[strlen(p->api_url) - 1] != '/');
	assert_true(*p->token_env && *p->token_where);
	assert_true(p->create_timeout >= 10 * SECOND && p->create_timeout <= 10 * MINUTE);
	/* Without a name at create only one may be under way. */
	assert_true(p->caps & (CAP_MARK_AT_CREATE | CAP_SINGLE_FLIGHT));
	assert_true(!(p->caps & CAP_BILL_BY_MACHINE) || p->op[OP_BILL].build);
}

void world_open(struct world *w, const struct provider *p)
{
	static char token[] = WORLD_TOKEN;

	memset(w, 0, sizeof(*w));
	w->p = p;
	str_copy(w->account.name, "acc");
	str_copy(w->account.provider, p->name);
	str_copy(w->account.api_url, API_URL);
	w->account.token.value = token;
	w->args.account = &w->account;
}

void world_forget(struct world *w)
{
	http_request_free(&w->req);
	op_reply_free(&w->r);
	memset(&w->cursor, 0, sizeof(w->cursor));
}

void world_close(struct world *w)
{
	world_forget(w);
}

char *world_fixture(const struct world *w, const char *name)
{
	struct buf b = BUF(1024 * 1024);
	char path[256], block[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "tests/fixtures/%s/%s", w->p->name, name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("cannot read %s", path);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_append(&b, block, n);
	fclose(f);
	while (b.len && b.data[b.len - 1] == '\n')
		b.data[--b.len] = '\0';
	return buf_take(&b);
}

/* ---- requests ---- */

void world_build(struct world *w, enum provider_op_kind op)
{
	http_request_free(&w->req);
	w->p->op[op].build(&w->args, &w->cursor, &w->req, &w->r);
}

void world_asks(struct world *w, enum provider_op_kind op, const char *method, const char *tail)
{
	world_build(w, op);
	assert_false(w->req.answered);
	assert_string_equal(w->req.method, method);
	assert_true(str_starts(w->req.url, API_URL));
	assert_string_equal(w->req.url + strlen(API_URL), tail);
	assert_string_equal(w->req.headers[0], "Authorization: Bearer " WORLD_TOKEN);
}

void world_asks_with(struct world *w, const char *json)
{
	struct err e;
	json_t *want = json_read(json, strlen(json), &e), *got;

	if (!want)
		fail_msg("the expectation is %s", e.msg);
	assert_non_null(w->req.body);
	assert_string_equal(w->req.headers[w->req.header_count - 1], "Content-Type: application/json");
	got = json_read(w->req.body, strlen(w->req.body), NULL);
	if (!json_equal(want, got))
		fail_msg("asked with %s\n  and not %s", w->req.body, json);
	json_decref(want);
	json_decref(got);
}

enum verdict world_answers_alone(struct world *w, enum provider_op_kind op)
{
	world_build(w, op);
	assert_true(w->req.answered);
	assert_null(w->req.url);
	return w->r.verdict;
}

/* ---- answers ---- */

static enum verdict hear(struct world *w, enum provider_op_kind op, const struct http_response *like, const char *bytes)
{
	char *body = xmalloc(like->len + 1);
	struct http_response res = *like;
	enum verdict v;

	memcpy(body, bytes, like->len);
	body[like->len] = '\0';
	res.body = body;
	v = w->p->op[op].read(&w->args, &w->cursor, &res, &w->r);
	free(body);
	assert_non_null(verdict_name(v));
	assert_true(memchr(w->r.message, '\0', sizeof(w->r.message)) != NULL);
	assert_true(str_is_utf8(w->r.message, strlen(w->r.message)));
	return v;
}

enum verdict world_hear(struct world *w, enum provider_op_kind op, int status, const char *type, const char *body)
{
	struct http_response res = { .outcome = HTTP_ANSWERED, .status = status, .len = strlen(body) };

	str_copy(res.content_type, type);
	return hear(w, op, &res, body);
}

enum verdict world_hear_file(struct world *w, enum provider_op_kind op, int status, const char *name)
{
	char *body = world_fixture(w, name);
	enum verdict v = world_hear(w, op, status, JSON, body);

	free(body);
	return v;
}

/* ---- answers that nobody should believe ---- */

/* Whatever was said: facts in the reply are well formed. */
static void check_facts(const struct world *w)
{
	for (size_t i = 0; i < w->r.offer_count; i++) {
		const struct offer *o = &w->r.offers[i];

		assert_true(*o->key && *o->gpu && o->spec && o->gpu_count > 0);
		assert_true(o->price_hour > 0 && o->price_hour <= 1000 * MONEY_MAX);
		assert_true(o->available >= -1 && o->gpu_memory_gb >= 0);
		assert_true(str_is_utf8(o->gpu, strlen(o->gpu)));
	}
	for (size_t i = 0; i < w->r.machine_count; i++) {
		const struct machine *m = &w->r.machines[i];

		assert_true(*m->id && memchr(m->id, '\0', sizeof(m->id)));
		assert_true(!*m->address == !m->port && m->port >= 0 && m->port <= 65535);
		assert_true(m->state != MACHINE_RUNNING || *m->address);
		assert_true(m->price_hour >= 0 && m->gpu_count >= 0);
		assert_true(strcspn(m->note, "\x1b\n\r") == strlen(m->note));
	}
	for (size_t i = 0; i < w->r.bill_count; i++)
		assert_true(*w->r.bills[i].id);
	for (size_t i = 0; i < w->r.storage_count; i++) {
		const struct storage *s = &w->r.storages[i];

		assert_true(memchr(s->id, '\0', sizeof(s->id)) && memchr(s->name, '\0', sizeof(s->name)));
		assert_true(*s->id || s->state != STORAGE_READY);
		assert_true(s->size_gb >= 0 && s->disk_gb >= 0 && s->gb_month >= 0);
	}
	assert_true(w->r.balance.available >= 0 && w->r.balance.hourly >= 0);
}

static void check_verdict(
    const struct world *w, enum provider_op_kind op, const struct http_response *res, enum verdict v,
    const struct op_cursor *before)
{
	bool success = res->outcome == HTTP_ANSWERED && res->status >= 200 && res->status <= 299;
	bool definite = res->outcome == HTTP_ANSWERED && res->status >= 400 && res->status <= 499 && res->status != 408;

	if (v == VERDICT_MORE)
		assert_true(memcmp(before, &w->cursor, sizeof(*before)) != 0);
	if (v == VERDICT_ABSENT)
		assert_true(res->status == 404 && (op == OP_DESCRIBE || op == OP_MARK || op == OP_DESTROY || op == OP_LOG || op == OP_KEY_DROP ||
						      op > OP_STORAGE));
	if (op == OP_VOLUME_MAKE || op == OP_SNAPSHOT_MAKE) {
		/* Some of their requests look and some make: what the call makes of it is test_call_makes.c's. */
		assert_true(v != VERDICT_OK || (success && (*w->r.id || *w->r.work)));
		assert_true(v == VERDICT_OK || !(*w->r.id || *w->r.work));
		return;
	}
	if (op != OP_CREATE) {
		assert_true(v != VERDICT_UNSURE);
		return;
	}
	if (v == VERDICT_OK)
		assert_true(success && *w->r.id);
	else if (!definite && res->outcome != HTTP_NOT_SENT)
		expect_verdict(v, VERDICT_UNSURE);
	if (v != VERDICT_OK)
		assert_string_equal(w->r.id, "");
}

static const char *const hostile[] = {
	"",
	" ",
	"null",
	"true",
	"0",
	"-1e999",
	"\"text\"",
	"[]",
	"[[]]",
	"{}",
	"{",
	"}",
	"<html><body><h1>502 Bad Gateway</h1></body></html>",
	"error code: 1010",
	"\xff\xfe\x00",
	"{\"id\":\"\xc3\x28\"}",
	"{\"id\":null}",
	"{\"id\":\"\"}",
	"{\"id\":-5}",
	"{\"id\":1e30}",
	"{\"id\":[{}]}",
	"{\"id\":\"\\u0000\"}",
	"{\"id\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}",
	"{\"id\":\"a\",\"id\":\"b\"}",
	"{\"detail\":null}",
	"{\"detail\":[]}",
	"{\"detail\":\"\\u001b[2J\\u202e\"}",
	"{\"detail\":\"x\",\"id\":\"pod1\"}",
	"{\"error\":{\"message\":5}}",
	"{\"errors\":[[[]]]}",
	"{\"errors\":[{\"message\":\"m\"}],\"data\":{\"myself\":null}}",
	"{\"id\":7,\"message\":\"m\"}",
	"{\"pods\":null}",
	"{\"pods\":{}}",
	"{\"pods\":[null]}",
	"{\"pods\":[1,2]}",
	"{\"pods\":[{}]}",
	"{\"pods\":[{\"id\":5}]}",
	"{\"pods\":[{\"id\":\"p\",\"name\":7,\"status\":[],\"ssh\":{\"direct\":\"x\"},\"gpu\":[],\"cost\":\"free\"}]}",
	"{\"pods\":[{\"id\":\"p\",\"status\":\"\\u001b[31mRUNNING\",\"ssh\":{\"direct\":{\"host\":\"-oProxyCommand=x\",\"port\":22}}}]}",
	"{\"pods\":[{\"id\":\"p\",\"status\":\"RUNNING\",\"ssh\":{\"direct\":{\"host\":\"h\",\"port\":65536}}}]}",
	"{\"pods\":[{\"id\":\"p\",\"status\":\"RUNNING\",\"cost\":-1,\"gpu\":{\"id\":\"\\t\",\"count\":-4}}]}",
	"{\"pods\":[],\"pagination\":{\"hasNextPage\":true}}",
	"{\"pods\":[],\"pagination\":{\"hasNextPage\":true,\"nextCursor\":\"\"}}",
	"{\"pods\":[],\"pagination\":{\"hasNextPage\":\"yes\",\"nextCursor\":\"n\"}}",
	"{\"pods\":[],\"pagination\":7}",
	"{\"gpus\":7}",
	"{\"gpus\":[null,[],7,{}]}",
	"{\"gpus\":[{\"id\":\"G\",\"secure\":true,\"maxCount\":{\"secure\":1e99},\"price\":{\"secure\":-3}}]}",
	"{\"gpus\":[{\"id\":\"G\",\"secure\":1,\"maxCount\":{\"secure\":8},\"price\":{\"secure\":1}}]}",
	"{\"gpus\":[{\"id\":\"\\u001b[2J\",\"secure\":true,\"maxCount\":{\"secure\":8},\"price\":{\"secure\":999999999}}]}",
	"{\"gpus\":[{\"id\":\"G\",\"secure\":true,\"maxCount\":{\"secure\":8},\"price\":{\"secure\":1},\"availability\":7,"
	"\"dataCenters\":[null,{},{\"id\":[]},{\"id\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}]}]}",
	"{\"records\":[{}]}",
	"{\"records\":[{\"podId\":\"p\",\"totalAmount\":null}]}",
	"{\"records\":[{\"podId\":\"p\",\"totalAmount\":\"1e400\"}]}",
	"{\"records\":[{\"podId\":\"p\",\"totalAmount\":1,\"startTime\":7e300,\"endTime\":\"never\"}],\"metadata\":{\"recordCount\":2}}",
	"{\"data\":{\"myself\":{\"clientBalance\":\"NaN\"}}}",
	"{\"data\":{\"myself\":{\"clientBalance\":1,\"currentSpendPerHr\":-1,\"id\":[]}}}",
	"{\"droplets\":null}",
	"{\"droplets\":[null]}",
	"{\"droplets\":[{\"id\":0}]}",
	"{\"droplets\":[{\"id\":9e99}]}",
	"{\"droplets\":[{\"id\":1,\"status\":\"active\",\"networks\":{\"v4\":[{\"type\":\"public\",\"ip_address\":\"1.2.3.4;reboot\"}]}}]}",
	"{\"droplets\":[{\"id\":1,\"status\":\"active\",\"networks\":{\"v4\":{\"type\":\"public\"}}}],\"meta\":{\"total\":2}}",
	"{\"droplets\":[{\"id\":1,\"gpu_info\":{\"count\":-1,\"model\":\"\\n\"},\"size\":{\"price_hourly\":-1}}]}",
	"{\"droplets\":[],\"links\":{\"pages\":{\"next\":7}}}",
	"{\"droplets\":[],\"links\":{\"pages\":{\"next\":\"https://evil.example/?page=0\"}}}",
	"{\"droplets\":[],\"links\":{\"pages\":{\"next\":\"?page=99999999999999999999\"}}}",
	"{\"droplets\":[],\"links\":{\"pages\":{\"next\":\"&page=2\"}}}",
	"{\"droplet\":{\"id\":\"x\"}}",
	"{\"droplet\":{\"id\":-1}}",
	"{\"droplet\":[]}",
	"{\"droplets\":[{\"id\":1}],\"links\":{\"actions\":[]}}",
	"{\"ssh_key\":{\"id\":\"-\"}}",
	"{\"sizes\":[{\"slug\":\"g\",\"available\":true,\"regions\":[null,7,\"\"],\"price_hourly\":1,\"gpu_info\":{\"count\":1,\"model\":\"m\"}}]}",
	"{\"sizes\":[{\"slug\":\"g\",\"available\":true,\"regions\":{\"a\":1},\"price_hourly\":1,\"gpu_info\":{\"count\":1,\"model\":\"m\"}}]}",
	"{\"sizes\":[{\"slug\":\"g\",\"available\":true,\"regions\":[\"a\"],\"price_hourly\":0,\"gpu_info\":{\"count\":99999999999,\"model\":\"m\"}}]}",
	"{\"sizes\":[{\"slug\":\"g\",\"available\":true,\"regions\":[\"a\"],\"price_hourly\":1,\"gpu_info\":{\"count\":3,\"model\":\"\\u0007\","
	"\"vram\":{\"amount\":-8}}}]}",
	"{\"account\":{\"uuid\":\"\"}}",
	"{\"account\":{\"uuid\":\"u\",\"droplet_limit\":\"many\",\"team\":7}}",
	"{\"month_to_date_balance\":\"--1\"}",
	"{\"month_to_date_balance\":\"1e400\"}",
	"{\"invoices\":[null,{},{\"invoice_uuid\":\"../../../account\"}]}",
	"{\"invoices\":[],\"invoice_preview\":{\"invoice_uuid\":\"aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa\",\"invoice_period\":7}}",
	"{\"invoice_items\":[{\"resource_id\":\"1\",\"product\":\"Droplets\"}]}",
	"{\"invoice_items\":[{\"resource_id\":\"1\",\"product\":\"Droplets\",\"amount\":\"x\"}]}",
	"{\"volumes\":null}",
	"{\"volumes\":[null]}",
	"{\"volumes\":[{\"id\":\"\\u001b[2J\"}]}",
	"{\"volumes\":[{\"id\":\"../../droplets/1\"}]}",
	"{\"volumes\":[{\"id\":\"v1\",\"name\":7,\"size_gigabytes\":-5,\"region\":[],\"droplet_ids\":{\"0\":1}}]}",
	"{\"volumes\":[{\"id\":7,\"machine_id\":-1,\"disk_space\":1e99,\"storage_total_cost\":-1,\"label\":[],\"instances\":7,\"start_date\":1e300}]}",
	"{\"volumes\":[{\"id\":7,\"machine_id\":1e30,\"disk_space\":\"NaN\",\"storage_cost\":1e300,\"label\":\"\\u202e\",\"instances\":[null]}]}",
	"{\"volumes\":[],\"meta\":{\"total\":3}}",
	"{\"volumes\":[],\"links\":{\"pages\":{\"next\":\"?page=1\"}}}",
	"{\"volume\":{\"id\":\"\"}}",
	"{\"volume\":{\"id\":\"1\",\"droplet_ids\":[\"x\"]}}",
	"{\"volume\":{\"id\":\"1\",\"droplet_ids\":[99999999999999999999]}}",
	"{\"snapshots\":[{\"id\":\"1\",\"size_gigabytes\":-1,\"min_disk_size\":1e99,\"regions\":{\"0\":7},\"resource_id\":[]}]}",
	"{\"snapshots\":[{\"id\":\"1\",\"size_gigabytes\":1e400}]}",
	"{\"snapshots\":[{\"id\":\"\",\"name\":\"wanted\",\"resource_id\":\"1\"}]}",
	"{\"snapshots\":{\"id\":\"1\"}}",
	"{\"snapshot\":{\"id\":[\"1\"]}}",
	"{\"action\":{\"id\":1,\"status\":7}}",
	"{\"action\":{\"id\":2,\"status\":\"completed\"}}",
	"{\"action\":{\"id\":\"-1\",\"status\":\"errored\"}}",
	"{\"id\":\"conflict\",\"message\":\"already\"}",
	"{\"networkVolumes\":null}",
	"{\"networkVolumes\":[null]}",
	"{\"networkVolumes\":[{\"id\":\"\\n\",\"size\":-1}]}",
	"{\"networkVolumes\":[{\"id\":\"a/../b\",\"name\":[],\"size\":1e99,\"dataCenter\":7}]}",
	"{\"networkVolumes\":[],\"pagination\":{\"hasNextPage\":true}}",
	"{\"offers\":[{\"id\":1,\"machine_id\":\"1\",\"disk_space\":-1,\"storage_cost\":-1}]}",
	"{\"offers\":[{\"id\":0,\"machine_id\":1,\"disk_space\":1e6,\"storage_cost\":0}]}",
	"{\"success\":true,\"volume_name\":\"V.-1\"}",
	"{\"success\":true,\"volume_name\":\"V.99999999999999999999\"}",
	"{\"success\":true,\"volume_name\":[]}",
};

static char *deep(void)
{
	struct buf b = BUF(1024 * 1024);

	buf_puts(&b, "{\"pods\":");
	for (int i = 0; i < 100000; i++)
		buf_putc(&b, '[');
	return buf_take(&b);
}

static void hear_one(struct world *w, const char *body)
{
	static const int statuses[] = { -1, 0, 100, 200, 201, 202, 204, 301, 308, 400, 401, 402, 403, 404, 408, 409, 410, 413, 418, 422,
		423, 429, 500, 502, 503, 599, 600, 999 };
	static const char *const types[] = { "", JSON, PROBLEM "; charset=utf-8", "text/html" };
	struct http_response res = { .len = strlen(body) };
	struct op_cursor before;

	str_copy(res.trouble, "connection reset");
	for (size_t i = 0; i < ARRAY_LEN(statuses) * ARRAY_LEN(types) * 3; i++) {
		res.status = statuses[i / ARRAY_LEN(types) / 3];
		res.outcome = (enum http_outcome)(i % 3);
		str_copy(res.content_type, types[i / 3 % ARRAY_LEN(types)]);
		for (enum provider_op_kind op = 0; op < OP_NR; op++) {
			for (int step = 0; w->p->op[op].read && step < 3; step++) {
				world_forget(w);
				w->cursor.step = step;
				if (step == 1)
					str_copy(w->cursor.token, "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaab");
				before = w->cursor;
				check_verdict(w, op, &res, hear(w, op, &res, body), &before);
				check_facts(w);
				if (step > 0 && op == OP_CREATE)
					break;
			}
		}
	}
}

void world_hears_hostile_answers(struct world *w)
{
	static const struct storage some = { .id = "1", .name = "wanted", .region = "tor1", .host = "1", .source = "1", .size_gb = 10 };
	char *nested = deep();

	w->args.id = w->args.machine = w->args.work = "1";
	w->args.storage = &some;
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++)
		hear_one(w, hostile[i]);
	hear_one(w, nested);
	free(nested);
}

static void expect_no_facts(const struct world *w)
{
	assert_int_equal(w->r.offer_count + w->r.machine_count + w->r.bill_count + w->r.storage_count, 0);
	assert_false(w->r.balance.known || w->r.balance.hourly_known);
	assert_string_equal(w->r.id, "");
	assert_string_equal(w->r.work, "");
	assert_string_equal(w->r.key_id, "");
	assert_string_equal(w->r.account_id, "");
}

void world_hears_cut_answers(struct world *w, enum provider_op_kind op, int status, const char *name, enum verdict v)
{
	char *body = world_fixture(w, name);
	struct op_cursor start = w->cursor;

	for (size_t n = strlen(body); n-- > 0;) {
		world_forget(w);
		w->cursor = start;
		body[n] = '\0';
		expect_verdict(world_hear(w, op, status, JSON, body), v);
		expect_no_facts(w);
		assert_memory_equal(&w->cursor, &start, sizeof(start));
	}
	free(body);
}

static void mutate(struct rng *rng, char *s, size_t n)
{
	static const char junk[] = "\"{}[],:0-9eE.\\\x01\xff<n";

	for (uint64_t times = 1 + rng_below(rng, 4); times--;) {
		size_t at = rng_below(rng, n), from = rng_below(rng, n), len = rng_below(rng, n / 8 + 1);

		switch (rng_below(rng, 3)) {
		case 0: s[at] = junk[rng_below(rng, sizeof(junk) - 1)]; break;
		case 1: s[at] = (char)rng_u64(rng); break;
		default:
			if (at + len <= n && from + len <= n)
				memmove(s + at, s + from, len);
		}
	}
}

void world_hears_mutations(struct world *w, enum provider_op_kind op, int status, const char *name)
{
	char *body = world_fixture(w, name), *copy = xstrdup(body);
	struct http_response res = { .outcome = HTTP_ANSWERED, .status = status, .len = strlen(body) };
	struct op_cursor start = w->cursor;
	struct rng rng;

	rng_seed(&rng, 11);
	str_copy(res.content_type, JSON);
	for (int i = 0; i < 1500; i++) {
		memcpy(copy, body, res.len);
		mutate(&rng, copy, res.len);
		world_forget(w);
		w->cursor = start;
		check_verdict(w, op, &res, hear(w, op, &res, copy), &start);
		check_facts(w);
	}
	free(copy);
	free(body);
}

/* ---- whole calls against a model ---- */

#define HOST "http://127.0.0.1:1"

void life_begins(struct life *l, const struct provider *p, const struct cloud_model *m, const char *prefix)
{
	memset(l, 0, sizeof(*l));
	l->p = p;
	rng_seed(&l->rng, 3);
	drive_open(&l->d, m, NULL, NULL);
	str_copy(l->account.name, "sim");
	snprintf(l->account.api_url, sizeof(l->account.api_url), "%s%s", HOST, prefix);
	l->account.token.value = (char *)m->token;
}

void life_ends(struct life *l)
{
	call_free(l->c);
	http_request_free(&l->last);
	drive_close(&l->d);
}

static void transfer(struct life *l, const struct http_request *req)
{
	struct http_response res = { .outcome = HTTP_ANSWERED };

	assert_true(str_starts(req->headers[0], "Authorization: "));
	assert_true(str_starts(req->url, HOST));
	http_request_free(&l->last);
	l->last = (struct http_request){ .method = req->method, .url = xstrdup(req->url), .body = xstrdup(req->body) };
	l->d.auth = req->headers[0] + strlen("Authorization: ");
	res.status = drive(&l->d, req->method, req->url + strlen(HOST), req->body);
	if (l->d.r.cut != SIM_CUT_NONE) {
		res.outcome = HTTP_BROKEN;
		str_copy(res.trouble, "connection reset");
	}
	str_copy(res.content_type, l->d.r.type);
	drive_header(&l->d, "Retry-After", res.retry_after, sizeof(res.retry_after));
	res.body = buf_str(&l->d.r.body);
	res.len = l->d.r.body.len;
	drive_pass(&l->d, l->d.r.delay);
	call_answer(l->c, l->d.now, &res);
}

struct op_reply *perform(struct life *l, enum provider_op_kind op, const struct op_args *given)
{
	const struct http_request *req;
	struct op_args args = *given;
	instant wake;

	args.account = &l->account;
	call_free(l->c);
	l->c = call_new(l->p, op, &args, &l->limits, &l->rng);
	for (;;) {
		switch (call_next(l->c, l->d.now, &req, &wake)) {
		case CALL_SEND: transfer(l, req); break;
		case CALL_WAIT: drive_pass(&l->d, wake - l->d.now); break;
		case CALL_DONE: return call_reply(l->c);
		}
	}
}

struct offer life_offer(struct life *l, const char *gpu, int count)
{
	struct op_args args = { .gpu_count = count };
	struct op_reply *r;
	struct offer o = { 0 };

	str_copy(args.gpu, gpu);
	r = perform(l, OP_OFFERS, &args);
	expect_verdict(r->verdict, VERDICT_OK);
	for (size_t i = 0; i < r->offer_count; i++) {
		if (!r->offers[i].available)
			continue;
		o = r->offers[i];
		r->offers[i].spec = NULL;
		return o;
	}
	fail_msg("no %s:%d on offer", gpu, count);
	return o;
}

void life_has_trouble(struct life *l, const struct trouble *t, const char *gpu)
{
	struct op_args args = { .mark = MARK, .public_key = DRIVE_KEY };
	struct offer o = life_offer(l, gpu, 1);
	char key[ID_MAX], id[ID_MAX];
	struct op_reply *r;

	r = perform(l, OP_KEY, &args);
	expect_verdict(r->verdict, VERDICT_OK);
	str_copy(key, r->key_id);
	args.key_id = key;
	args.offer = &o;
	r = perform(l, OP_CREATE, &args);
	expect_verdict(r->verdict, VERDICT_OK);
	str_copy(id, r->id);
	args.id = id;
	drive_pass(&l->d, 5 * MINUTE);
	drive_fault(&l->d, t->fault);
	r = perform(l, t->op, &args);
	if (r->verdict != t->v)
		fail_msg("%s: %s (%s)", t->fault, verdict_name(r->verdict), r->message);
	if (t->op == OP_CREATE)
		assert_int_equal(call_requests_sent(l->c), 1);
	free(o.spec);
}

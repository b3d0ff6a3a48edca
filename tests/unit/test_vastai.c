/* The vast.ai adapter: what it sends, what it makes of answers good, bad and hostile, and that it gets along with the model. */
#include "base/gpu.h"
#include "base/str.h"
#include "cloud_drive.h"
#include "providers/call.h"

#include <setjmp.h>
#include <cmocka.h>

#define MARK   "gf1-abc234-aaaaaaaaaaaaa-abcdef-abcdefgh"
#define KEY    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOurs fleet"
#define API    "http://127.0.0.1:1/vast"
#define SPEC   "{\"ask\":\"44302087\",\"disk\":100,\"arch\":\"nvidia\"}"
#define NOW    ((instant)1761010000 * SECOND)

extern const struct provider provider_vastai;

static struct account account;
static struct offer offer;
static struct op_args args;
static const struct storage storage = { .id = "7", .name = "gf1-a", .host = "88888", .size_gb = 10 };

static void fresh(void)
{
	memset(&account, 0, sizeof(account));
	str_copy(account.name, "vast");
	str_copy(account.provider, "vastai");
	str_copy(account.api_url, API);
	account.token.value = (char *)(uintptr_t)"s3cret-token-of-the-account";
	memset(&offer, 0, sizeof(offer));
	offer.spec = (char *)(uintptr_t)SPEC;
	offer.gpu_count = 1;
	args = (struct op_args){ .account = &account, .offer = &offer, .mark = MARK, .public_key = KEY, .key_id = "11",
		.id = "12345678", .from = NOW - DAY, .until = NOW, .storage = &storage };
}

static char *load(const char *name, size_t *n)
{
	char path[128];
	struct buf b = BUF(1 << 20);
	char part[4096];
	size_t got;
	FILE *f;

	snprintf(path, sizeof(path), "tests/fixtures/vastai/%s", name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("cannot open %s; run from the top of the tree", path);
	while ((got = fread(part, 1, sizeof(part), f)) > 0)
		buf_append(&b, part, got);
	fclose(f);
	*n = b.len;
	return buf_take(&b);
}

static struct http_response answered(int status, const char *body, size_t n)
{
	return (struct http_response){ .outcome = HTTP_ANSWERED, .status = status, .body = body, .len = n,
		.content_type = "application/json" };
}

static enum verdict read_body(enum provider_op_kind op, struct op_cursor *c, int status, const char *body, struct op_reply *r)
{
	struct http_response res = answered(status, body, strlen(body));

	return provider_vastai.op[op].read(&args, c, &res, r);
}

/* One answer to a fresh operation. */
static enum verdict read_once(enum provider_op_kind op, int status, const char *body, struct op_reply *r)
{
	struct op_cursor c = { 0 };

	*r = (struct op_reply){ 0 };
	return read_body(op, &c, status, body, r);
}

static enum verdict read_file(enum provider_op_kind op, int status, const char *name, struct op_reply *r)
{
	size_t n;
	char *text = load(name, &n);
	enum verdict v = read_once(op, status, text, r);

	free(text);
	return v;
}

static json_t *built(enum provider_op_kind op, const struct op_cursor *c, struct http_request *req)
{
	static const struct op_cursor first;
	struct op_reply r = { 0 };
	json_t *body;

	*req = (struct http_request){ 0 };
	provider_vastai.op[op].build(&args, c ? c : &first, req, &r);
	body = req->body ? json_read(req->body, strlen(req->body), NULL) : NULL;
	op_reply_free(&r);
	return body;
}

/* ---- what is sent ---- */

static void test_requests(void **state)
{
	static const struct {
		enum provider_op_kind op;
		int step;
		const char *method, *url;
	} want[] = {
		{ OP_CHECK, 0, "GET", API "/api/v0/users/current/" },
		{ OP_BALANCE, 0, "GET", API "/api/v0/users/current/" },
		{ OP_OFFERS, 0, "POST", API "/api/v0/bundles/" },
		{ OP_KEY, 0, "GET", API "/api/v0/ssh/" },
		{ OP_KEY, 1, "POST", API "/api/v0/ssh/" },
		{ OP_CREATE, 0, "PUT", API "/api/v0/asks/44302087/" },
		{ OP_DESCRIBE, 0, "GET", API "/api/v0/instances/12345678/" },
		{ OP_LIST, 0, "GET", API "/api/v1/instances/?limit=25&order_by=%5B%7B%22col%22%3A%22id%22%2C%22dir%22%3A%22asc%22%7D%5D" },
		{ OP_MARK, 0, "PUT", API "/api/v0/instances/12345678/" },
		{ OP_DESTROY, 0, "DELETE", API "/api/v0/instances/12345678/" },
	};
	struct http_request req;
	bool authorised;

	(void)state;
	fresh();
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		struct op_cursor c = { .step = want[i].step };

		json_decref(built(want[i].op, &c, &req));
		assert_string_equal(req.method, want[i].method);
		assert_string_equal(req.url, want[i].url);
		authorised = false;
		for (int h = 0; h < req.header_count; h++)
			authorised = authorised || !strcmp(req.headers[h], "Authorization: Bearer s3cret-token-of-the-account");
		assert_true(authorised);
		assert_null(strstr(req.url, "s3cret"));
		assert_true(!req.body || !strstr(req.body, "s3cret"));
		assert_int_equal(!req.body, !strcmp(req.method, "GET"));
		http_request_free(&req);
	}
	account.api_url[0] = '\0';
	json_decref(built(OP_CHECK, NULL, &req));
	assert_string_equal(req.url, "https://console.vast.ai/api/v0/users/current/");
	http_request_free(&req);

	fresh();
	args.id = "1/../2?x#y";
	json_decref(built(OP_DESTROY, NULL, &req));
	assert_string_equal(req.url, API "/api/v0/instances/1%2F..%2F2%3Fx%23y/");
	assert_string_equal(req.body, "{}");
	http_request_free(&req);
}

static void test_create_body(void **state)
{
	struct http_request req;
	json_t *j;

	(void)state;
	fresh();
	j = built(OP_CREATE, NULL, &req);
	assert_string_equal(json_str(j, "label", ""), MARK);
	assert_string_equal(json_str(j, "runtype", ""), "ssh_direct");
	assert_string_equal(json_str(j, "image", ""), provider_vastai.image_nvidia);
	assert_int_equal(json_int(j, "disk", 0), 100);
	assert_true(json_bool(j, "cancel_unavail", false));
	assert_non_null(strstr(json_str(j, "onstart", ""), "touch ~/.no_auto_tmux"));
	assert_non_null(strstr(json_str(j, "onstart", ""), ">> /etc/environment"));
	assert_non_null(strstr(json_str(j, "onstart", ""), "ssh-keygen -lf"));
	assert_true(strlen(json_str(j, "onstart", "")) <= 4096);
	assert_null(json_path(j, "price")); /* would make it interruptible */
	assert_true(req.timeout == 0 || req.timeout >= 60 * SECOND);
	assert_true(provider_vastai.create_timeout >= 60 * SECOND);
	json_decref(j);
	http_request_free(&req);

	offer.spec = (char *)(uintptr_t)"{\"ask\":7,\"disk\":60,\"arch\":\"amd\",\"bid\":0.17}";
	offer.spot = true;
	j = built(OP_CREATE, NULL, &req);
	assert_string_equal(req.url, API "/api/v0/asks/7/");
	assert_string_equal(json_str(j, "image", ""), provider_vastai.image_amd);
	assert_int_equal(json_int(j, "disk", 0), 60);
	assert_true(json_num(j, "price", 0) > 0.1699 && json_num(j, "price", 0) < 0.1701);
	json_decref(j);
	http_request_free(&req);

	str_copy(account.image, "our/image:1");
	account.disk_gb = 70; /* the offer was priced with its own disk */
	j = built(OP_CREATE, NULL, &req);
	assert_string_equal(json_str(j, "image", ""), "our/image:1");
	assert_int_equal(json_int(j, "disk", 0), 60);
	json_decref(j);
	http_request_free(&req);
	args.image = "asked/for:2";
	args.disk_gb = 300;
	j = built(OP_CREATE, NULL, &req);
	assert_string_equal(json_str(j, "image", ""), "asked/for:2");
	assert_int_equal(json_int(j, "disk", 0), 300);
	json_decref(j);
	http_request_free(&req);
}

/* Without an ask, a mark, or a bid for a spot offer, nothing leaves the house. */
static void test_create_refuses_to_guess(void **state)
{
	static const char *const specs[] = { NULL, "", "{", "[]", "{}", "{\"ask\":0}", "{\"ask\":\"x\"}", "{\"ask\":-1}" };
	struct op_cursor c = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs) + 3; i++) {
		struct http_request req = { 0 };
		struct op_reply r = { 0 };

		fresh();
		if (i < ARRAY_LEN(specs))
			offer.spec = (char *)(uintptr_t)specs[i];
		else if (i == ARRAY_LEN(specs))
			args.mark = "";
		else if (i == ARRAY_LEN(specs) + 1)
			args.offer = NULL;
		else
			offer.spot = true; /* the spec has no bid: would rent on demand */
		provider_vastai.op[OP_CREATE].build(&args, &c, &req, &r);
		assert_true(req.answered);
		assert_null(req.url);
		assert_int_equal(r.verdict, VERDICT_REFUSED);
		http_request_free(&req);
		op_reply_free(&r);
	}
}

static void test_search_body(void **state)
{
	struct op_cursor c = { 0 };
	struct http_request req;
	json_t *j;

	(void)state;
	fresh();
	str_copy(args.gpu, "A100");
	args.gpu_count = 8;
	args.disk_gb = 250;
	account.min_reliability_ppm = 970000;
	c.number = 1500000;
	j = built(OP_OFFERS, &c, &req);
	assert_string_equal(json_str(j, "gpu_name.in.0", ""), "A100");
	assert_string_equal(json_str(j, "gpu_name.in.1", ""), "A100 SXM4");
	assert_int_equal(json_int(j, "num_gpus.eq", 0), 8);
	assert_int_equal(json_int(j, "disk_space.gte", 0), 250);
	assert_int_equal(json_int(j, "allocated_storage", 0), 250);
	assert_true(json_num(j, "reliability.gte", 0) == 0.97);
	assert_true(json_num(j, "dph_total.gte", 0) == 1.5);
	assert_true(json_bool(j, "verified.eq", false) && json_bool(j, "rentable.eq", false));
	assert_false(json_bool(j, "rented.eq", true));
	assert_string_equal(json_str(j, "type", ""), "ondemand");
	assert_string_equal(json_str(j, "order.0.0", ""), "dph_total");
	assert_string_equal(json_str(j, "order.0.1", ""), "asc");
	assert_int_equal(json_int(j, "limit", 0), 64);
	json_decref(j);
	http_request_free(&req);

	str_copy(args.gpu, "MI210");
	args.spot = true;
	c.number = 0;
	j = built(OP_OFFERS, &c, &req);
	assert_null(json_path(j, "gpu_name"));
	assert_null(json_path(j, "dph_total"));
	assert_string_equal(json_str(j, "gpu_arch.eq", ""), "amd");
	assert_string_equal(json_str(j, "type", ""), "bid");
	json_decref(j);
	http_request_free(&req);

	str_copy(args.gpu, "not\xffutf8");
	json_decref(built(OP_OFFERS, &c, &req));
	assert_non_null(req.body);
	http_request_free(&req);
}

/* Every spelling that is asked for leads back to the GPU that was wanted, given the memory that such a card reports. */
static void test_spellings_lead_back(void **state)
{
	size_t n;
	const struct gpu *all = gpu_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct http_request req;
		json_t *j;
		const json_t *names, *name;
		size_t k;

		if (all[i].vendor != GPU_VENDOR_NVIDIA)
			continue;
		fresh();
		str_copy(args.gpu, all[i].name);
		j = built(OP_OFFERS, NULL, &req);
		names = json_path(j, "gpu_name.in");
		assert_true(json_array_size(names) > 0);
		json_array_foreach(names, k, name) {
			char body[512];
			struct op_reply r;

			snprintf(body, sizeof(body), "{\"offers\":[{\"id\":5,\"gpu_name\":\"%s\",\"gpu_ram\":%d,\"num_gpus\":1,"
				 "\"dph_total\":1,\"disk_space\":500,\"reliability\":0.99}]}", json_string_value(name),
				 all[i].memory_gb * 1024 * 98 / 100);
			assert_int_equal(read_once(OP_OFFERS, 200, body, &r), VERDICT_OK);
			if (r.offer_count != 1)
				fail_msg("\"%s\" does not lead back to %s", json_string_value(name), all[i].name);
			assert_string_equal(r.offers[0].gpu, all[i].name);
			assert_int_equal(r.offers[0].gpu_memory_gb, all[i].memory_gb);
			op_reply_free(&r);
		}
		json_decref(j);
		http_request_free(&req);
	}
}

/* ---- offers ---- */

static void test_offers(void **state)
{
	static const struct {
		const char *key, *gpu, *region;
		int count, memory, cpus, ram, reliability;
		money price;
	} want[] = {
		{ "ask-44302087/host-88888", "H100", "US", 1, 80, 8, 64, 990900, 2420834 },
		{ "ask-44302090/host-88889", "A100 40GB", "SE", 2, 40, 16, 64, 980000, 1250000 },
		{ "ask-44302091/host-88890", "A100", "", 1, 80, 0, 0, 1000000, 1120000 },
		{ "ask-44302092/host-88891", "MI210", "IS", 4, 64, 0, 0, 970000, 3120000 },
		{ "ask-44302093/host-88892", "MI300X", "IS", 8, 192, 0, 0, 970000, 16100000 },
		{ "ask-44302094/host-88893", "Imaginary RTX 9999", "AT", 1, 24, 0, 0, 970000, 210000 },
	};
	struct op_reply r;

	(void)state;
	fresh();
	assert_int_equal(read_file(OP_OFFERS, 200, "offers.json", &r), VERDICT_MORE); /* the next search of three */
	assert_int_equal(r.offer_count, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		const struct offer *o = &r.offers[i];

		assert_string_equal(o->key, want[i].key);
		assert_string_equal(o->gpu, want[i].gpu);
		assert_string_equal(o->region, want[i].region);
		assert_int_equal(o->gpu_count, want[i].count);
		assert_int_equal(o->gpu_memory_gb, want[i].memory);
		assert_int_equal(o->cpus, want[i].cpus);
		assert_int_equal(o->ram_gb, want[i].ram);
		assert_int_equal(o->reliability_ppm, want[i].reliability);
		assert_in_range(o->price_hour, want[i].price, want[i].price + 20000); /* our disk may cost a cent more */
		assert_true(o->marketplace);
		assert_false(o->spot);
		assert_int_equal(o->available, 1);
		assert_int_equal(o->disk_gb, 100);
		assert_non_null(o->spec);
		assert_null(strstr(o->spec, "bid"));
	}
	assert_int_equal(r.offers[0].stays, 135390 * MINUTE); /* 8123456.7 s: when its host takes it back */
	op_reply_free(&r);
}

static void test_offer_becomes_create(void **state)
{
	struct op_reply r;
	struct http_request req;
	json_t *j;

	(void)state;
	fresh();
	args.spot = true;
	assert_int_equal(read_file(OP_OFFERS, 200, "offers.json", &r), VERDICT_MORE);
	assert_true(r.offers[0].spot);
	assert_int_equal(r.offers[0].price_hour, 1250000 + 20834); /* the bid, and 100 GB at $0.15 a month */
	args.offer = &r.offers[0];
	j = built(OP_CREATE, NULL, &req);
	assert_true(json_num(j, "price", 0) == 1.25);
	assert_string_equal(req.url, API "/api/v0/asks/44302087/");
	json_decref(j);
	http_request_free(&req);
	args.offer = &r.offers[3];
	j = built(OP_CREATE, NULL, &req);
	assert_string_equal(json_str(j, "image", ""), provider_vastai.image_amd);
	json_decref(j);
	http_request_free(&req);
	op_reply_free(&r);
}

static void test_offers_are_checked_again(void **state)
{
	struct op_reply r;

	(void)state;
	fresh();
	assert_int_equal(read_file(OP_OFFERS, 200, "offers-unwanted.json", &r), VERDICT_MORE);
	for (size_t i = 0; i < r.offer_count; i++)
		fail_msg("%s was taken", r.offers[i].key);
	op_reply_free(&r);

	str_copy(args.gpu, "A100");
	assert_int_equal(read_file(OP_OFFERS, 200, "offers.json", &r), VERDICT_OK);
	assert_int_equal(r.offer_count, 1); /* not the 40 GB card of the same name */
	assert_string_equal(r.offers[0].key, "ask-44302091/host-88890");
	op_reply_free(&r);
	args.gpu_count = 2;
	assert_int_equal(read_file(OP_OFFERS, 200, "offers.json", &r), VERDICT_OK);
	assert_int_equal(r.offer_count, 0);
	op_reply_free(&r);

	fresh();
	account.region_count = 2;
	str_copy(account.regions[0], "is");
	str_copy(account.regions[1], "SE");
	assert_int_equal(read_file(OP_OFFERS, 200, "offers.json", &r), VERDICT_MORE);
	assert_int_equal(r.offer_count, 3);
	op_reply_free(&r);
	account.region_count = 0;
	account.min_reliability_ppm = 985000;
	assert_int_equal(read_file(OP_OFFERS, 200, "offers.json", &r), VERDICT_MORE);
	assert_int_equal(r.offer_count, 2);
	op_reply_free(&r);
	account.min_reliability_ppm = 0;
	args.disk_gb = 600;
	assert_int_equal(read_file(OP_OFFERS, 200, "offers.json", &r), VERDICT_MORE);
	assert_int_equal(r.offer_count, 4);
	op_reply_free(&r);
}

/* How fast the line, and how new the driver: at least 500 Mbit/s unless the account says another figure (§4). CUDA is NVIDIA's. */
static void test_line_and_driver(void **state)
{
	static const char rows[] = "{\"offers\":["
	    "{\"id\":1,\"machine_id\":71,\"gpu_name\":\"H100 SXM\",\"gpu_arch\":\"nvidia\",\"num_gpus\":1,\"dph_total\":1,\"disk_space\":400,"
	    "\"reliability\":0.99,\"inet_down\":499,\"cuda_max_good\":12.8},"
	    "{\"id\":2,\"machine_id\":72,\"gpu_name\":\"H100 SXM\",\"gpu_arch\":\"nvidia\",\"num_gpus\":1,\"dph_total\":1,\"disk_space\":400,"
	    "\"reliability\":0.99,\"inet_down\":500,\"cuda_max_good\":12.2},"
	    "{\"id\":3,\"machine_id\":73,\"gpu_name\":\"InstinctMI210\",\"gpu_arch\":\"amd\",\"num_gpus\":1,\"dph_total\":1,\"disk_space\":400,"
	    "\"reliability\":0.99,\"inet_down\":900,\"cuda_max_good\":0}]}";
	static const struct {
		int down;
		const char *cuda, *hosts;
	} cases[] = { { 0, "", "72 73" }, { 100, "", "71 72 73" }, { 100, "12.4", "71 73" }, { 0, "12.4", "73" } };
	struct http_response res = answered(200, rows, sizeof(rows) - 1);
	struct op_cursor c = { 0 };
	struct http_request req;
	json_t *j;

	(void)state;
	fresh();
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct op_reply r = { 0 };
		char hosts[64] = "";

		account.min_inet_down = cases[k].down;
		str_copy(account.min_cuda, cases[k].cuda);
		memset(&c, 0, sizeof(c));
		provider_vastai.op[OP_OFFERS].read(&args, &c, &res, &r);
		for (size_t i = 0; i < r.offer_count; i++)
			snprintf(hosts + strlen(hosts), sizeof(hosts) - strlen(hosts), "%s%s", i ? " " : "", r.offers[i].host);
		assert_string_equal(hosts, cases[k].hosts);
		op_reply_free(&r);
	}
	memset(&c, 0, sizeof(c));
	str_copy(args.gpu, "H100");
	j = built(OP_OFFERS, &c, &req);
	assert_int_equal(json_int(j, "inet_down.gte", 0), 500);
	assert_true(json_num(j, "cuda_max_good.gte", 0) == 12.4);
	json_decref(j);
	http_request_free(&req);
	str_copy(args.gpu, "MI210");
	j = built(OP_OFFERS, &c, &req);
	assert_null(json_path(j, "cuda_max_good"));
	json_decref(j);
	http_request_free(&req);
}

static char *market(int rows, double price, double step)
{
	struct buf b = BUF(1 << 20);

	buf_puts(&b, "{\"offers\":[");
	for (int i = 0; i < rows; i++)
		buf_printf(&b, "%s{\"id\":%d,\"gpu_name\":\"RTX 4090\",\"num_gpus\":1,\"dph_total\":%.7f,\"disk_space\":500,"
			   "\"reliability\":0.99}", i ? "," : "", 1000 + i, price + i * step);
	buf_puts(&b, "]}");
	return buf_take(&b);
}

/* Pages by price: each begins where the last ended, always further on, and there is an end. */
static void test_search_pages(void **state)
{
	struct op_cursor c = { 0 };
	struct op_reply r = { 0 };
	char *body;
	int pages = 0;

	(void)state;
	fresh();
	str_copy(args.gpu, "RTX 4090");
	body = market(64, 0.25, 0.01);
	assert_int_equal(read_body(OP_OFFERS, &c, 200, body, &r), VERDICT_MORE);
	assert_int_equal(r.offer_count, 64);
	assert_in_range(c.number, 879990, 880000);
	assert_int_equal(c.page, 1);
	/* A server that does not filter shows the same page again: that is the end, not a circle. */
	c.number = 900000;
	assert_int_equal(read_body(OP_OFFERS, &c, 200, body, &r), VERDICT_OK);
	free(body);
	op_reply_free(&r);

	c = (struct op_cursor){ 0 };
	body = market(63, 0.25, 0.01);
	assert_int_equal(read_body(OP_OFFERS, &c, 200, body, &r), VERDICT_OK);
	free(body);
	op_reply_free(&r);

	/* 64 offers at one price are stepped over. */
	c = (struct op_cursor){ 0 };
	body = market(64, 0.25, 0);
	for (money before = -1; read_body(OP_OFFERS, &c, 200, body, &r) == VERDICT_MORE; before = c.number) {
		assert_true(c.number > before);
		assert_true(++pages < 10);
	}
	assert_true(pages >= 2);
	assert_true(c.number > 250000);
	free(body);
	op_reply_free(&r);
}

/* ---- instances ---- */

static void test_describe(void **state)
{
	struct op_reply r;
	const struct machine *m;

	(void)state;
	fresh();
	assert_int_equal(read_file(OP_DESCRIBE, 200, "instance.json", &r), VERDICT_OK);
	assert_int_equal(r.machine_count, 1);
	m = &r.machines[0];
	assert_string_equal(m->id, "12345678");
	assert_string_equal(m->mark, MARK);
	assert_int_equal(m->state, MACHINE_RUNNING);
	assert_string_equal(m->address, "203.0.113.42");
	assert_int_equal(m->port, 20544);
	assert_string_equal(m->user, "");
	assert_string_equal(m->gpu, "H100");
	assert_int_equal(m->gpu_count, 1);
	assert_int_equal(m->price_hour, 2418900);
	assert_true(m->created == (instant)1761008618 * SECOND + 250 * MSEC);
	assert_null(strchr(m->note, '\n'));
	op_reply_free(&r);

	account.ssh_port = 2222;
	assert_int_equal(read_file(OP_DESCRIBE, 200, "instance.json", &r), VERDICT_OK);
	assert_int_equal(r.machines[0].port, 2222);
	op_reply_free(&r);
	account.ssh_port = 0;

	assert_int_equal(read_file(OP_DESCRIBE, 200, "instance-gone.json", &r), VERDICT_ABSENT);
	assert_int_equal(r.machine_count, 0);
	assert_int_equal(read_file(OP_DESCRIBE, 404, "error-no-instance.json", &r), VERDICT_ABSENT);
	assert_int_equal(read_file(OP_DESCRIBE, 404, "error-auth.json", &r), VERDICT_DENIED);
	args.id = "999"; /* somebody else's answer */
	assert_int_equal(read_file(OP_DESCRIBE, 200, "instance.json", &r), VERDICT_RETRY);
	assert_int_equal(r.machine_count, 0);
	args.id = "5";
	assert_int_equal(read_once(OP_DESCRIBE, 200, "{\"instances\":[{\"id\":5,\"actual_status\":null}]}", &r), VERDICT_OK);
	op_reply_free(&r);
}

static void test_states(void **state)
{
	static const struct {
		const char *row;
		enum machine_state want;
	} rows[] = {
		{ "\"actual_status\":null", MACHINE_STARTING },
		{ "\"actual_status\":\"created\"", MACHINE_STARTING },
		{ "\"actual_status\":\"loading\"", MACHINE_STARTING },
		{ "\"actual_status\":\"rebooting\"", MACHINE_STARTING },
		{ "\"actual_status\":\"running\"", MACHINE_RUNNING },
		{ "\"actual_status\":\"running\",\"intended_status\":\"stopped\"", MACHINE_STOPPED },
		{ "\"actual_status\":null,\"intended_status\":\"running\",\"cur_state\":\"stopped\"", MACHINE_STARTING },
		{ "\"actual_status\":\"exited\",\"cur_state\":\"stopped\",\"intended_status\":\"stopped\",\"next_state\":\"stopped\"",
		  MACHINE_STOPPED },
		{ "\"actual_status\":\"stopped\"", MACHINE_STOPPED },
		{ "\"actual_status\":\"frozen\"", MACHINE_STOPPED },
		{ "\"actual_status\":\"exited\"", MACHINE_ENDED },
		{ "\"actual_status\":\"offline\"", MACHINE_UNKNOWN },
		{ "\"actual_status\":\"unknown\"", MACHINE_UNKNOWN },
		{ "\"actual_status\":\"hibernating\"", MACHINE_UNKNOWN },
		{ "\"actual_status\":7", MACHINE_UNKNOWN },
		{ "\"label\":null", MACHINE_UNKNOWN },
		{ "\"actual_status\":\"created\",\"status_msg\":\"Error: OCI runtime create failed: x\"", MACHINE_ENDED },
		{ "\"actual_status\":\"loading\",\"status_msg\":\"manifest unknown\"", MACHINE_ENDED },
		{ "\"actual_status\":\"loading\",\"status_msg\":\"pull access denied for x\"", MACHINE_ENDED },
		{ "\"actual_status\":\"loading\",\"status_msg\":\"unauthorized: login\"", MACHINE_ENDED },
		{ "\"actual_status\":\"running\",\"status_msg\":\"OCI runtime create failed\"", MACHINE_RUNNING },
	};
	struct op_reply r;
	char body[512];

	(void)state;
	fresh();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(body, sizeof(body), "{\"instances\":{\"id\":12345678,%s}}", rows[i].row);
		assert_int_equal(read_once(OP_DESCRIBE, 200, body, &r), VERDICT_OK);
		if (r.machines[0].state != rows[i].want)
			fail_msg("%s: state %d, expected %d", rows[i].row, r.machines[0].state, rows[i].want);
		op_reply_free(&r);
	}
}

static void test_addresses(void **state)
{
	static const struct {
		const char *row, *address;
		int port;
	} rows[] = {
		{ "\"actual_status\":\"running\",\"public_ipaddr\":\" 192.0.2.1\\n\",\"ports\":{\"22/tcp\":[{\"HostPort\":\"40022\"}]}", "192.0.2.1",
		  40022 },
		{ "\"actual_status\":\"running\",\"public_ipaddr\":\"192.0.2.1\",\"ports\":{\"22/tcp\":[{\"HostPort\":40022}]}", "192.0.2.1", 40022 },
		{ "\"actual_status\":\"running\",\"ports\":{},\"ssh_host\":\"ssh5.vast.ai\",\"ssh_port\":15678", "ssh5.vast.ai", 15678 },
		{ "\"actual_status\":\"running\",\"ports\":null,\"public_ipaddr\":null,\"ssh_host\":\"ssh5.vast.ai\",\"ssh_port\":\"15678\"",
		  "ssh5.vast.ai", 15678 },
		{ "\"actual_status\":\"loading\",\"ssh_host\":\"ssh5.vast.ai\",\"ssh_port\":15678", "", 0 },
		{ "\"actual_status\":\"running\",\"public_ipaddr\":\"192.0.2.1\",\"ports\":{\"22/tcp\":[{\"HostPort\":\"0\"}]}", "", 0 },
		{ "\"actual_status\":\"running\",\"public_ipaddr\":\"192.0.2.1\",\"ports\":{\"22/tcp\":[{\"HostPort\":\"99999\"}]}", "", 0 },
		{ "\"actual_status\":\"running\",\"public_ipaddr\":\"192.0.2.1\",\"ports\":{\"22/tcp\":[]}", "", 0 },
		{ "\"actual_status\":\"running\",\"public_ipaddr\":\"-oProxyCommand=x\",\"ports\":{\"22/tcp\":[{\"HostPort\":\"22\"}]}", "", 0 },
		{ "\"actual_status\":\"running\",\"public_ipaddr\":\"a;rm\",\"ports\":{\"22/tcp\":[{\"HostPort\":\"22\"}]}", "", 0 },
		{ "\"actual_status\":\"running\",\"public_ipaddr\":7,\"ports\":[1],\"ssh_host\":{},\"ssh_port\":-1", "", 0 },
		{ "\"actual_status\":\"running\",\"ssh_port\":22,\"ssh_host\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
		  "", 0 },
	};
	struct op_reply r;
	char body[512];

	(void)state;
	fresh();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(body, sizeof(body), "{\"instances\":{\"id\":12345678,%s}}", rows[i].row);
		assert_int_equal(read_once(OP_DESCRIBE, 200, body, &r), VERDICT_OK);
		if (strcmp(r.machines[0].address, rows[i].address) || r.machines[0].port != rows[i].port)
			fail_msg("%s: '%s' port %d", rows[i].row, r.machines[0].address, r.machines[0].port);
		op_reply_free(&r);
	}
}

static void test_list(void **state)
{
	struct op_reply r;

	(void)state;
	fresh();
	assert_int_equal(read_file(OP_LIST, 200, "list.json", &r), VERDICT_OK);
	assert_int_equal(r.machine_count, 2);
	assert_string_equal(r.machines[0].mark, MARK);
	assert_string_equal(r.machines[1].id, "12345680");
	assert_string_equal(r.machines[1].mark, "");
	assert_string_equal(r.machines[1].gpu, "MI210");
	assert_int_equal(r.machines[1].state, MACHINE_STARTING);
	op_reply_free(&r);
	assert_int_equal(read_once(OP_LIST, 200, "{\"success\":true,\"instances\":[],\"next_token\":null}", &r), VERDICT_OK);
	assert_int_equal(r.machine_count, 0);
}

/* Anything that is not certainly a complete listing is none: an empty list is believed only when it is said to be one. */
static void test_list_is_never_empty_by_mistake(void **state)
{
	static const struct {
		int status;
		const char *body;
	} bad[] = {
		{ 410, "{\"success\":false,\"error\":\"deprecated_endpoint\",\"msg\":\"use v1\"}" },
		{ 410, "" },
		{ 200, "" },
		{ 200, "{}" },
		{ 200, "[]" },
		{ 200, "null" },
		{ 200, "{\"success\":true}" },
		{ 200, "{\"success\":false,\"instances\":[]}" },
		{ 200, "{\"instances\":null}" },
		{ 200, "{\"instances\":{}}" },
		{ 200, "{\"instances\":[],\"total_instances\":3}" },
		{ 200, "{\"instances\":[],\"instances_found\":3}" },
		{ 200, "{\"instances\":[{\"id\":1},{\"id\":1}],\"total_instances\":2}" },
		{ 200, "{\"instances\":[{\"label\":\"no id\"}]}" },
		{ 200, "{\"instances\":[{\"id\":0}]}" },
		{ 200, "{\"instances\":[null]}" },
		{ 200, "{\"instances\":[],\"next_token\":7}" },
		{ 200, "{\"instances\":[],\"next_token\":{}}" },
		{ 200, "<html>hello</html>" },
		{ 404, "{\"success\":false,\"error\":\"not_found\",\"msg\":\"no instances\"}" },
		{ 404, "{\"success\":false,\"error\":\"no_such_instance\"}" },
		{ 429, "API requests too frequent" },
		{ 500, "{\"instances\":[]}" },
		{ 502, "<html>" },
		{ 301, "" },
	};
	char text[1024];
	struct op_reply r;

	(void)state;
	fresh();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (read_once(OP_LIST, bad[i].status, bad[i].body, &r) != VERDICT_RETRY)
			fail_msg("%d %s: verdict %d", bad[i].status, bad[i].body, r.verdict);
		op_reply_free(&r);
	}
	assert_int_equal(read_file(OP_LIST, 404, "error-auth.json", &r), VERDICT_DENIED);
	assert_int_equal(read_file(OP_LIST, 410, "error-deprecated.json", &r), VERDICT_RETRY);
	/* A token too long to keep. */
	snprintf(text, sizeof(text), "{\"instances\":[],\"next_token\":\"%0600d\"}", 0);
	assert_int_equal(read_once(OP_LIST, 200, text, &r), VERDICT_RETRY);
}

static void test_list_pages(void **state)
{
	struct op_cursor c = { 0 };
	struct op_reply r = { 0 };
	struct http_request req;

	(void)state;
	fresh();
	assert_int_equal(read_body(OP_LIST, &c, 200,
		"{\"instances\":[{\"id\":1},{\"id\":2}],\"total_instances\":3,\"next_token\":\"a+b/c=\"}", &r), VERDICT_MORE);
	json_decref(built(OP_LIST, &c, &req));
	assert_non_null(strstr(req.url, "&after_token=a%2Bb%2Fc%3D"));
	http_request_free(&req);
	/* The same token again, or another total: void. */
	assert_int_equal(read_body(OP_LIST, &c, 200, "{\"instances\":[],\"total_instances\":3,\"next_token\":\"a+b/c=\"}", &r),
		VERDICT_RETRY);
	assert_int_equal(read_body(OP_LIST, &c, 200, "{\"instances\":[],\"total_instances\":2,\"next_token\":null}", &r), VERDICT_RETRY);
	assert_int_equal(read_body(OP_LIST, &c, 200, "{\"instances\":[{\"id\":3}],\"total_instances\":3,\"next_token\":null}", &r),
		VERDICT_OK);
	assert_int_equal(r.machine_count, 3);
	op_reply_free(&r);
}

/* ---- create ---- */

static void test_create_answers(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum verdict want;
		const char *id;
		bool destroy;
	} rows[] = {
		{ 200, "{\"success\":true,\"new_contract\":12}", VERDICT_OK, "12", false },
		{ 200, "{\"success\":true,\"new_contract\":12,\"msg\":\"Started.\"}", VERDICT_OK, "12", false },
		{ 201, "{\"new_contract\":\"12\"}", VERDICT_OK, "12", false },
		{ 200, "{\"success\":false,\"new_contract\":12}", VERDICT_OK, "12", true },
		{ 200, "{\"error\":\"no\",\"new_contract\":12}", VERDICT_OK, "12", true },
		{ 400, "{\"success\":false,\"error\":\"invalid_price\",\"new_contract\":12}", VERDICT_OK, "12", true },
		{ 404, "{\"success\":true,\"new_contract\":12}", VERDICT_OK, "12", true },
		{ 410, "{\"error\":\"no_such_ask\",\"new_contract\":12}", VERDICT_OK, "12", true },
		{ 429, "{\"new_contract\":12}", VERDICT_OK, "12", true },
		{ 200, "{\"success\":true}", VERDICT_UNSURE, "", false },
		{ 200, "{\"success\":false,\"error\":\"no_such_ask\"}", VERDICT_UNSURE, "", false },
		{ 200, "{\"success\":true,\"new_contract\":null}", VERDICT_UNSURE, "", false },
		{ 200, "{\"success\":true,\"new_contract\":0}", VERDICT_UNSURE, "", false },
		{ 200, "{\"success\":true,\"new_contract\":-4}", VERDICT_UNSURE, "", false },
		{ 200, "{\"success\":true,\"new_contract\":12", VERDICT_UNSURE, "", false },
		{ 200, "", VERDICT_UNSURE, "", false },
		{ 200, "<html>", VERDICT_UNSURE, "", false },
		{ 404, "{\"success\":false,\"error\":\"auth_error\",\"msg\":\"Invalid user key\"}", VERDICT_DENIED, "", false },
		{ 401, "{\"msg\":\"Unauthorized\"}", VERDICT_DENIED, "", false },
		{ 403, "{\"error\":\"auth_error\",\"msg\":\"This action requires login.\"}", VERDICT_DENIED, "", false },
		{ 403, "{\"error\":\"invalid_args\",\"msg\":\"error 403/3586: Offer 1 is not your own.\"}", VERDICT_REFUSED, "", false },
		{ 404, "{\"error\":\"no_such_ask\",\"msg\":\"gone\"}", VERDICT_NO_CAPACITY, "", false },
		{ 404, "{\"error\":\"invalid_args\",\"msg\":\"error 404/3603: no_such_ask Instance type\"}", VERDICT_NO_CAPACITY, "", false },
		{ 400, "{\"error\":\"invalid_args\",\"msg\":\"error 400/3603: no_such_ask\"}", VERDICT_NO_CAPACITY, "", false },
		{ 410, "{\"error\":\"no_such_ask\"}", VERDICT_NO_CAPACITY, "", false },
		{ 400, "{\"error\":\"invalid_price\",\"msg\":\"too low\"}", VERDICT_NO_CAPACITY, "", false },
		{ 400, "{\"error\":\"insufficient_credit\"}", VERDICT_LIMIT, "", false },
		{ 400, "{\"error\":\"invalid_args\",\"msg\":\"Your account: insufficient_credit\"}", VERDICT_LIMIT, "", false },
		{ 400, "{\"msg\":\"error 400/1: spend_rate_limit\"}", VERDICT_LIMIT, "", false },
		{ 400, "{\"error\":\"missing_billing\"}", VERDICT_LIMIT, "", false },
		{ 400, "{\"error\":\"invalid_args\",\"msg\":\"image\"}", VERDICT_REFUSED, "", false },
		{ 400, "{\"error\":\"no_ssh_key_for_vm\"}", VERDICT_REFUSED, "", false },
		{ 429, "API requests too frequent: endpoint threshold=4.5", VERDICT_RETRY, "", false },
		{ 429, "{\"detail\":\"API requests too frequent endpoint threshold=4.5\",\"retry_after\":7}", VERDICT_RETRY, "", false },
		{ 429, "<html>slow down</html>", VERDICT_UNSURE, "", false },
		{ 400, "", VERDICT_UNSURE, "", false },
		{ 400, "<html>bad gateway</html>", VERDICT_UNSURE, "", false },
		{ 400, "{}", VERDICT_UNSURE, "", false },
		{ 404, "Not Found", VERDICT_UNSURE, "", false },
		{ 404, "{\"detail\":\"Not Found\"}", VERDICT_UNSURE, "", false },
		{ 409, "{\"error\":\"busy\"}", VERDICT_UNSURE, "", false },
		{ 408, "{\"error\":\"timeout\"}", VERDICT_UNSURE, "", false },
		{ 500, "{\"error\":\"no_such_ask\"}", VERDICT_UNSURE, "", false },
		{ 502, "", VERDICT_UNSURE, "", false },
		{ 301, "", VERDICT_UNSURE, "", false },
		{ 100, "", VERDICT_UNSURE, "", false },
	};
	struct op_reply r;

	(void)state;
	fresh();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum verdict v = read_once(OP_CREATE, rows[i].status, rows[i].body, &r);

		if (v != rows[i].want || r.verdict != v || strcmp(r.id, rows[i].id) || r.destroy_now != rows[i].destroy)
			fail_msg("%d %s: verdict %d, id '%s', destroy %d", rows[i].status, rows[i].body, v, r.id, r.destroy_now);
		if (v != VERDICT_OK || r.destroy_now)
			assert_true(*r.message);
		op_reply_free(&r);
	}
	read_once(OP_CREATE, 429, "{\"detail\":\"API requests too frequent\",\"retry_after\":7}", &r);
	assert_true(r.retry_after == 7 * SECOND);
}

/* The same through the machine that all creates go through: sent once, and the id of a failed one is not lost. */
static void test_create_through_call(void **state)
{
	static const char *const files[] = { "create.json", "create-failed-with-contract.json", "error-no-ask.json" };
	static const int statuses[] = { 200, 400, 404 };
	static const char *const ids[] = { "12345678", "12345679", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct call_limits limits = { 0 };
		const struct http_request *req;
		struct http_response res;
		struct rng rng;
		struct call *c;
		instant wake;
		size_t n;
		char *body = load(files[i], &n);

		fresh();
		rng_seed(&rng, 1);
		c = call_new(&provider_vastai, OP_CREATE, &args, &limits, &rng);
		assert_int_equal(call_next(c, NOW, &req, &wake), CALL_SEND);
		res = answered(statuses[i], body, n);
		call_answer(c, NOW + SECOND, &res);
		assert_int_equal(call_next(c, NOW + SECOND, &req, &wake), CALL_DONE);
		assert_int_equal(call_reply(c)->verdict, i < 2 ? VERDICT_OK : VERDICT_NO_CAPACITY);
		assert_string_equal(call_reply(c)->id, ids[i]);
		assert_int_equal(call_reply(c)->destroy_now, i == 1);
		assert_int_equal(call_requests_sent(c), 1);
		call_free(c);
		free(body);
	}
}

/* ---- destroy, mark ---- */

static void test_destroy_and_mark_answers(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum verdict want;
	} rows[] = {
		{ 200, "{\"success\":true}", VERDICT_OK },
		{ 200, "{\"success\":true,\"msg\":\"Instance destroyed successfully\"}", VERDICT_OK },
		{ 200, "{\"success\":false,\"error\":\"no_such_instance\"}", VERDICT_ABSENT },
		{ 200, "{\"success\":false,\"error\":\"auth_error\"}", VERDICT_DENIED },
		{ 200, "{\"success\":false}", VERDICT_RETRY },
		{ 200, "{\"success\":\"true\"}", VERDICT_RETRY },
		{ 200, "{}", VERDICT_RETRY },
		{ 200, "", VERDICT_RETRY },
		{ 200, "null", VERDICT_RETRY },
		{ 200, "<html>", VERDICT_RETRY },
		{ 404, "{\"success\":false,\"error\":\"no_such_instance\"}", VERDICT_ABSENT },
		{ 404, "{\"success\":false,\"error\":\"not_found\",\"msg\":\"Instance not found\"}", VERDICT_ABSENT },
		{ 404, "{\"success\":false,\"error\":\"invalid_id\"}", VERDICT_ABSENT },
		{ 404, "{\"success\":false,\"error\":\"auth_error\",\"msg\":\"Invalid user key\"}", VERDICT_DENIED },
		{ 404, "{\"success\":false,\"msg\":\"auth_error\"}", VERDICT_DENIED },
		{ 404, "{\"success\":false,\"error\":\"something_else\"}", VERDICT_RETRY },
		{ 404, "{\"detail\":\"Not Found\"}", VERDICT_RETRY },
		{ 404, "Not Found", VERDICT_RETRY },
		{ 404, "", VERDICT_RETRY },
		{ 401, "", VERDICT_DENIED },
		{ 403, "{\"error\":\"auth_error\"}", VERDICT_DENIED },
		{ 403, "<html>blocked</html>", VERDICT_RETRY },
		{ 400, "{\"error\":\"invalid_args\",\"msg\":\"invalid instance_id\"}", VERDICT_REFUSED },
		{ 429, "API requests too frequent", VERDICT_RETRY },
		{ 409, "{\"error\":\"busy\"}", VERDICT_RETRY },
		{ 500, "{\"error\":\"no_such_instance\"}", VERDICT_RETRY },
		{ 503, "", VERDICT_RETRY },
		{ 302, "", VERDICT_RETRY },
	};
	struct op_reply r;

	(void)state;
	fresh();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (read_once(OP_DESTROY, rows[i].status, rows[i].body, &r) != rows[i].want)
			fail_msg("destroy: %d %s: verdict %d", rows[i].status, rows[i].body, r.verdict);
		if (read_once(OP_MARK, rows[i].status, rows[i].body, &r) != rows[i].want)
			fail_msg("mark: %d %s: verdict %d", rows[i].status, rows[i].body, r.verdict);
	}
}

/* ---- keys, account, money ---- */

static void test_keys(void **state)
{
	struct op_cursor c = { 0 };
	struct op_reply r;
	struct http_request req;
	json_t *j;

	(void)state;
	fresh();
	assert_int_equal(read_file(OP_KEY, 200, "keys.json", &r), VERDICT_OK);
	assert_string_equal(r.key_id, "11"); /* 10 is deleted */
	assert_int_equal(read_once(OP_KEY, 200, "{\"ssh_keys\":[{\"id\":3,\"key\":\"" KEY "\"}]}", &r), VERDICT_OK);
	assert_string_equal(r.key_id, "3");
	assert_int_equal(read_once(OP_KEY, 200, "[{\"id\":3,\"key\":\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOursAndMore x\"}]", &r),
		VERDICT_MORE);
	assert_int_equal(read_once(OP_KEY, 200, "[{\"id\":3,\"key\":\"ssh-ed25519\"},{\"id\":4,\"key\":\"\"},7,null]", &r), VERDICT_MORE);
	assert_int_equal(read_once(OP_KEY, 200, "[]", &r), VERDICT_MORE);
	assert_int_equal(read_once(OP_KEY, 200, "{}", &r), VERDICT_RETRY);
	assert_int_equal(read_once(OP_KEY, 200, "", &r), VERDICT_RETRY);
	assert_int_equal(read_file(OP_KEY, 404, "error-auth.json", &r), VERDICT_DENIED);
	assert_int_equal(read_once(OP_KEY, 404, "<html>", &r), VERDICT_RETRY);
	assert_int_equal(read_once(OP_KEY, 500, "[]", &r), VERDICT_RETRY);
	r = (struct op_reply){ 0 };
	assert_int_equal(read_body(OP_KEY, &c, 404, "{\"error\":\"not_found\",\"msg\":\"No ssh keys found\"}", &r), VERDICT_MORE);
	assert_int_equal(c.step, 1);
	j = built(OP_KEY, &c, &req);
	assert_string_equal(json_str(j, "ssh_key", ""), KEY);
	json_decref(j);
	http_request_free(&req);
	assert_int_equal(read_body(OP_KEY, &c, 400, "{\"error\":\"no_ssh_key\"}", &r), VERDICT_REFUSED);
	assert_int_equal(read_body(OP_KEY, &c, 200, "{\"success\":false}", &r), VERDICT_RETRY);
	assert_int_equal(read_body(OP_KEY, &c, 200, "{}", &r), VERDICT_RETRY);
	assert_int_equal(read_body(OP_KEY, &c, 200, "{\"success\":true,\"key\":{\"id\":123}}", &r), VERDICT_OK);
	assert_string_equal(r.key_id, "123");
}

static void test_account(void **state)
{
	struct op_reply r;

	(void)state;
	fresh();
	assert_int_equal(read_file(OP_CHECK, 200, "user.json", &r), VERDICT_OK);
	assert_string_equal(r.account_id, "123456");
	assert_non_null(strstr(r.message, "$25.00"));
	assert_int_equal(read_file(OP_BALANCE, 200, "user.json", &r), VERDICT_OK);
	assert_true(r.balance.known);
	assert_false(r.balance.hourly_known);
	assert_int_equal(r.balance.available, 25 * USD);
	assert_int_equal(r.balance.machines, -1);
	assert_int_equal(read_once(OP_BALANCE, 200, "{\"id\":1,\"balance\":\"3.5\"}", &r), VERDICT_OK);
	assert_int_equal(r.balance.available, 3500000);
	assert_int_equal(read_once(OP_BALANCE, 200, "{\"id\":1,\"credit\":-2.5,\"balance\":9}", &r), VERDICT_OK);
	assert_int_equal(r.balance.available, 0);
	assert_int_equal(read_once(OP_BALANCE, 200, "{\"id\":1,\"credit\":\"much\"}", &r), VERDICT_RETRY);
	assert_int_equal(read_once(OP_BALANCE, 200, "{\"credit\":5}", &r), VERDICT_RETRY);
	assert_int_equal(read_once(OP_CHECK, 200, "{\"id\":1}", &r), VERDICT_OK);
	assert_int_equal(read_once(OP_CHECK, 200, "{\"success\":false,\"error\":\"auth_error\"}", &r), VERDICT_DENIED);
	assert_int_equal(read_file(OP_CHECK, 404, "error-auth.json", &r), VERDICT_DENIED);
	assert_int_equal(read_file(OP_CHECK, 401, "error-auth.json", &r), VERDICT_DENIED);
	assert_int_equal(read_once(OP_CHECK, 404, "{\"error\":\"not_found\"}", &r), VERDICT_RETRY);
	assert_int_equal(read_once(OP_CHECK, 200, "[]", &r), VERDICT_RETRY);
}

static void test_bill(void **state)
{
	struct op_cursor c = { 0 };
	struct http_request req;
	struct op_reply r;

	(void)state;
	fresh();
	json_decref(built(OP_BILL, NULL, &req)); /* whole days round what was asked for */
	assert_string_equal(req.url, API "/api/v0/charges/?limit=500&select_filters=%7B%22day%22%3A%7B%22gte%22%3A1760918400%2C"
					 "%22lte%22%3A1761091199%7D%2C%22type%22%3A%7B%22in%22%3A%5B%22instance%22%5D%7D%7D");
	http_request_free(&req);

	assert_int_equal(read_file(OP_BILL, 200, "charges.json", &r), VERDICT_OK);
	assert_int_equal(r.bill_count, 1);
	assert_string_equal(r.bills[0].id, "12345678");
	assert_int_equal(r.bills[0].amount, 38421000);
	assert_true(r.bills[0].from == (instant)1730419200 * SECOND);
	assert_true(r.bills[0].until == (instant)1730678400 * SECOND);
	op_reply_free(&r);
	args.id = NULL;
	assert_int_equal(read_file(OP_BILL, 200, "charges.json", &r), VERDICT_OK);
	assert_int_equal(r.bill_count, 2);
	assert_int_equal(r.bills[1].amount, -500000); /* a refund */
	op_reply_free(&r);

	fresh(); /* by label where the source is not an instance */
	assert_int_equal(read_once(OP_BILL, 200, "{\"results\":[{\"type\":\"instance\",\"source\":null,\"amount\":1,"
		"\"metadata\":{\"label\":\"" MARK "\"}}]}", &r), VERDICT_OK);
	assert_int_equal(r.bill_count, 1);
	assert_string_equal(r.bills[0].id, "12345678");
	op_reply_free(&r);
	assert_int_equal(read_once(OP_BILL, 200, "{\"results\":[{\"type\":\"instance\",\"source\":\"x\",\"amount\":1}]}", &r), VERDICT_RETRY);
	assert_int_equal(read_once(OP_BILL, 200, "{\"results\":[{\"source\":\"instance-5\",\"amount\":\"?\"}]}", &r), VERDICT_RETRY);
	assert_int_equal(read_once(OP_BILL, 200, "{\"results\":[{\"source\":\"instance-5\"}]}", &r), VERDICT_RETRY);
	assert_int_equal(read_once(OP_BILL, 200, "{\"success\":false,\"results\":[]}", &r), VERDICT_RETRY);
	assert_int_equal(read_once(OP_BILL, 200, "{\"results\":{}}", &r), VERDICT_RETRY);
	assert_int_equal(read_once(OP_BILL, 400, "{\"success\":false,\"msg\":\"Must provide both 'day' gte and lte\"}", &r), VERDICT_REFUSED);
	r = (struct op_reply){ 0 };
	assert_int_equal(read_body(OP_BILL, &c, 200, "{\"results\":[],\"next_token\":\"t1\"}", &r), VERDICT_MORE);
	json_decref(built(OP_BILL, &c, &req));
	assert_non_null(strstr(req.url, "&after_token=t1"));
	http_request_free(&req);
	assert_int_equal(read_body(OP_BILL, &c, 200, "{\"results\":[],\"next_token\":\"t1\"}", &r), VERDICT_RETRY);
	assert_int_equal(read_body(OP_BILL, &c, 200, "{\"results\":[],\"next_token\":null}", &r), VERDICT_OK);
}

/* ---- hostile ---- */

static const char *const files[] = { "user.json", "offers.json", "offers-unwanted.json", "keys.json", "key-created.json",
	"create.json", "create-failed-with-contract.json", "instance.json", "instance-gone.json", "list.json",
	"error-deprecated.json", "error-auth.json", "error-no-instance.json", "error-no-ask.json", "charges.json" };

/* No reader crashes, leaves its message unterminated, or puts what a terminal would obey into it. */
static void survive(int status, const char *body, size_t n)
{
	char *copy = malloc(n + 1);

	memcpy(copy, body, n);
	copy[n] = '\0';
	for (int op = 0; op < OP_NR; op++) {
		for (int step = 0; step < 3 && provider_vastai.op[op].read; step++) {
			struct op_cursor c = { .step = step };
			struct op_reply r = { 0 };
			struct http_response res = answered(status, copy, n);
			enum verdict v = provider_vastai.op[op].read(&args, &c, &res, &r);

			assert_in_range(v, VERDICT_OK, VERDICT_ABSENT);
			assert_true(strnlen(r.message, sizeof(r.message)) < sizeof(r.message));
			for (const char *p = r.message; *p; p++)
				assert_true((unsigned char)*p >= 0x20);
			assert_null(strstr(r.message, "s3cret"));
			op_reply_free(&r);
		}
	}
	free(copy);
}

static void test_cut_anywhere(void **state)
{
	(void)state;
	fresh();
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		size_t n;
		char *body = load(files[i], &n);

		for (size_t cut = 0; cut <= n; cut++)
			survive(200, body, cut);
		free(body);
	}
}

static void test_cut_listing_is_no_listing(void **state)
{
	size_t n;
	char *body = load("list.json", &n);

	(void)state;
	fresh();
	for (size_t cut = 0; cut + 2 < n; cut++) {
		struct op_cursor c = { 0 };
		struct op_reply r = { 0 };
		struct http_response res;

		res = answered(200, body, cut);
		if (provider_vastai.op[OP_LIST].read(&args, &c, &res, &r) == VERDICT_OK)
			fail_msg("cut at %zu of %zu and believed", cut, n);
		op_reply_free(&r);
	}
	free(body);
}

static void test_hostile_bodies(void **state)
{
	static const char *const bodies[] = {
		"", " ", "\xff\xfe", "null", "true", "0", "\"\"", "[]", "{}", "[[[[[[[[[[", "{\"a\":{\"a\":{\"a\":",
		"<html><body>502 Bad Gateway</body></html>", "API requests too frequent", "{\"success\":1}", "{\"success\":null}",
		"{\"error\":{},\"msg\":[],\"detail\":7}", "{\"error\":\"\\u001b]52;c;QUJD\\u0007\",\"msg\":\"\\u202e\\u0000x\"}",
		"{\"msg\":\"\x1b[31mred\"}", "{\"instances\":\"x\",\"offers\":\"x\",\"results\":\"x\"}",
		"{\"instances\":[[]],\"offers\":[[]],\"results\":[[]]}",
		"{\"instances\":{\"id\":12345678,\"gpu_name\":\"\\ud83d\\ude00\",\"num_gpus\":1e99,\"gpu_ram\":1e308,\"ports\":{\"22/tcp\":{}}}}",
		"{\"instances\":{\"id\":12345678.5}}", "{\"instances\":{\"id\":1e400}}", "{\"id\":9223372036854775807,\"credit\":1e308}",
		"{\"id\":9223372036854775808}", "{\"id\":-1,\"credit\":-1e308}", "{\"new_contract\":1e18}", "{\"new_contract\":[1]}",
		"{\"next_token\":\"\",\"instances\":[],\"results\":[]}", "{\"retry_after\":1e300}", "{\"retry_after\":-5}",
		"{\"a\":1,\"a\":2}", "{\"offers\":[{\"id\":1,\"gpu_name\":\"x\",\"num_gpus\":1,\"dph_total\":1,\"disk_space\":1e308,\"reliability\":1e308,"
		"\"cpu_ram\":1e308,\"cpu_cores\":1e-308,\"cpu_cores_effective\":1e-308,\"storage_cost\":1e9,\"min_bid\":1e9,\"geolocation\":\",,,,\"}]}",
		"{\"results\":[{\"source\":\"instance-99999999999999999999\",\"amount\":1e308,\"start\":1e308,\"end\":-1}]}",
	};
	static const int statuses[] = { 0, 100, 200, 204, 301, 400, 401, 402, 403, 404, 408, 409, 410, 418, 422, 429, 500, 503, 599,
		-1, 99999 };
	char deep[2001];

	(void)state;
	for (int spot = 0; spot < 2; spot++) {
		fresh();
		args.spot = spot;
		for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
			for (size_t s = 0; s < ARRAY_LEN(statuses); s++)
				survive(statuses[s], bodies[i], strlen(bodies[i]));
	}
	memset(deep, '[', sizeof(deep) - 1);
	survive(200, deep, sizeof(deep) - 1);
	survive(200, "{\"a\"\0:1}", 8);
}

/* Bytes changed at random in good answers. */
static void test_changed_bytes(void **state)
{
	struct rng rng;

	(void)state;
	fresh();
	rng_seed(&rng, 42);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		size_t n;
		char *body = load(files[i], &n);

		for (int round = 0; round < 100; round++) {
			size_t at = (size_t)rng_below(&rng, n);
			char was = body[at];

			body[at] = round % 2 ? (char)rng_below(&rng, 256) : "\"{}[]0-9,:n"[rng_below(&rng, 11)];
			survive(round % 3 ? 200 : 404, body, n);
			if (round % 7)
				body[at] = was;
		}
		free(body);
	}
}

static void test_transport_trouble(void **state)
{
	static const enum http_outcome outcomes[] = { HTTP_NOT_SENT, HTTP_BROKEN };

	(void)state;
	fresh();
	for (int op = 0; op < OP_NR; op++)
		for (size_t i = 0; i < ARRAY_LEN(outcomes) && provider_vastai.op[op].read; i++) {
			struct http_response res = { .outcome = outcomes[i], .trouble = "connection reset" };
			struct op_cursor c = { 0 };
			struct op_reply r = { 0 };
			enum verdict v = provider_vastai.op[op].read(&args, &c, &res, &r);

			assert_int_equal(v, op == OP_CREATE && outcomes[i] == HTTP_BROKEN ? VERDICT_UNSURE : VERDICT_RETRY);
			op_reply_free(&r);
		}
}

/* ---- against the model of the cloud ---- */

static struct op_reply *ask(struct drive *d, struct call **call, enum provider_op_kind op)
{
	static struct call_limits limits;
	static struct rng rng;
	const struct http_request *req;
	struct http_response res;
	enum call_step step;
	instant wake;

	if (*call)
		call_free(*call);
	drive_pass(d, MINUTE);
	memset(&limits, 0, sizeof(limits));
	rng_seed(&rng, 3);
	*call = call_new(&provider_vastai, op, &args, &limits, &rng);
	while ((step = call_next(*call, d->now, &req, &wake)) != CALL_DONE) {
		int status;

		if (step == CALL_WAIT) {
			drive_pass(d, wake - d->now);
			continue;
		}
		assert_true(str_starts(req->url, API));
		status = drive(d, req->method, req->url + strlen(API), req->body);
		res = answered(status, buf_str(&d->r.body), d->r.body.len);
		call_answer(*call, d->now, &res);
	}
	return call_reply(*call);
}

static void begin(struct drive *d)
{
	static char bearer[256];
	struct sim_timing t;

	sim_timing_quick(&t);
	drive_open(d, &cloud_vastai, &t, NULL);
	snprintf(bearer, sizeof(bearer), "Bearer %s", cloud_vastai.token);
	d->auth = bearer;
	fresh();
	args.public_key = DRIVE_KEY;
}

static void test_life_of_an_instance(void **state)
{
	struct drive d;
	struct call *c = NULL;
	struct op_reply *r;
	struct offer chosen;
	char id[ID_MAX];

	(void)state;
	begin(&d);
	r = ask(&d, &c, OP_CHECK);
	assert_int_equal(r->verdict, VERDICT_OK);
	assert_string_equal(r->account_id, "123456");
	str_copy(args.gpu, "MI210");
	args.gpu_count = 1;
	r = ask(&d, &c, OP_OFFERS);
	assert_int_equal(r->verdict, VERDICT_OK);
	assert_true(r->offer_count >= 1);
	chosen = r->offers[0];
	assert_string_equal(chosen.gpu, "MI210");
	chosen.spec = xstrdup(r->offers[0].spec);
	args.offer = &chosen;
	assert_int_equal(ask(&d, &c, OP_KEY)->verdict, VERDICT_OK);
	assert_int_equal(ask(&d, &c, OP_KEY)->verdict, VERDICT_OK); /* found, not added again */
	assert_int_equal(json_array_size(d.cloud->keys), 1);
	r = ask(&d, &c, OP_CREATE);
	assert_int_equal(r->verdict, VERDICT_OK);
	assert_false(r->destroy_now);
	str_copy(id, r->id);
	args.id = id;
	assert_int_equal(ask(&d, &c, OP_CREATE)->verdict, VERDICT_NO_CAPACITY); /* an ask is rented once */
	drive_pass(&d, HOUR);
	r = ask(&d, &c, OP_DESCRIBE);
	assert_int_equal(r->verdict, VERDICT_OK);
	assert_int_equal(r->machines[0].state, MACHINE_RUNNING);
	assert_string_equal(r->machines[0].mark, MARK);
	assert_true(r->machines[0].port > 0 && *r->machines[0].address);
	/* What the offer promised is what the instance costs. */
	assert_in_range(chosen.price_hour, r->machines[0].price_hour, r->machines[0].price_hour + 10);
	r = ask(&d, &c, OP_LIST);
	assert_int_equal(r->verdict, VERDICT_OK);
	assert_int_equal(r->machine_count, 1);
	args.mark = "gf1-other";
	assert_int_equal(ask(&d, &c, OP_MARK)->verdict, VERDICT_OK);
	assert_string_equal(ask(&d, &c, OP_DESCRIBE)->machines[0].mark, "gf1-other");
	assert_int_equal(ask(&d, &c, OP_DESTROY)->verdict, VERDICT_OK);
	drive_pass(&d, HOUR);
	assert_int_equal(ask(&d, &c, OP_DESTROY)->verdict, VERDICT_ABSENT);
	assert_int_equal(ask(&d, &c, OP_DESCRIBE)->verdict, VERDICT_ABSENT);
	r = ask(&d, &c, OP_LIST);
	assert_int_equal(r->verdict, VERDICT_OK);
	assert_int_equal(r->machine_count, 0);
	args.from = DRIVE_START;
	args.until = d.now;
	r = ask(&d, &c, OP_BILL);
	assert_int_equal(r->verdict, VERDICT_OK);
	assert_int_equal(r->bill_count, 1);
	assert_in_range(r->bills[0].amount, chosen.price_hour * 8 / 10, chosen.price_hour * 12 / 10); /* an hour or so */
	r = ask(&d, &c, OP_BALANCE);
	assert_true(r->balance.known && r->balance.available < 100 * USD);
	d.auth = "Bearer wrong";
	assert_int_equal(ask(&d, &c, OP_LIST)->verdict, VERDICT_DENIED);
	assert_int_equal(ask(&d, &c, OP_DESTROY)->verdict, VERDICT_DENIED);
	call_free(c);
	free(chosen.spec);
	drive_close(&d);
}

/* More offers than one search shows: all are found, none twice, and nothing that is not as asked, filters or none. */
static void test_market_of_the_model(void **state)
{
	struct drive d;
	struct call *c = NULL;
	struct op_reply *r;

	(void)state;
	begin(&d);
	str_copy(args.gpu, "RTX 4090");
	args.gpu_count = 1;
	r = ask(&d, &c, OP_OFFERS);
	assert_int_equal(r->verdict, VERDICT_OK);
	assert_int_equal(r->offer_count, 80);
	drive_fault(&d, "ignore_filters");
	r = ask(&d, &c, OP_OFFERS);
	assert_int_equal(r->verdict, VERDICT_OK);
	for (size_t i = 0; i < r->offer_count; i++) {
		assert_int_equal(r->offers[i].gpu_count, 1);
		assert_true(r->offers[i].reliability_ppm >= 950000);
	}
	drive_close(&d);
	begin(&d);
	r = ask(&d, &c, OP_OFFERS);
	assert_int_equal(r->verdict, VERDICT_OK);
	bool amd = false, large = false, small = false;

	for (size_t i = 0; i < r->offer_count; i++) {
		amd = amd || !strcmp(r->offers[i].gpu, "MI210");
		large = large || !strcmp(r->offers[i].gpu, "H200");
		small = small || !strcmp(r->offers[i].gpu, "RTX 4090");
	}
	assert_true(amd && large && small);
	call_free(c);
	drive_close(&d);
}

static void test_spot_in_the_model(void **state)
{
	struct drive d;
	struct call *c = NULL;
	struct op_reply *r;
	struct offer chosen;

	(void)state;
	begin(&d);
	args.spot = true;
	str_copy(args.gpu, "H100");
	r = ask(&d, &c, OP_OFFERS);
	assert_int_equal(r->verdict, VERDICT_OK);
	assert_true(r->offer_count > 0);
	chosen = r->offers[0];
	chosen.spec = xstrdup(r->offers[0].spec);
	args.offer = &chosen;
	r = ask(&d, &c, OP_CREATE);
	assert_int_equal(r->verdict, VERDICT_OK);
	assert_false(r->destroy_now);
	assert_true(json_bool(d.cloud->machines[0]->extra, "bid", false));
	call_free(c);
	free(chosen.spec);
	drive_close(&d);
}

/* §2.14: asked for, then fetched from where vast.ai put it, without our token. */
static void test_log_tells_the_host_keys(void **state)
{
	static const char place[] = "{\"success\":true,\"result_url\":\"https://s3.amazonaws.com/vast.ai/instance_logs/ab.log\"}";
	static const char log[] = "Debug: entrypoint\nSSH host keys:\n256 SHA256:HmIxk+UMm5oEShasvw/pCI7ZGycMhfY4sDzhs9kAZWI root@C.1 (ED25519)\n"
				  "work\n256 SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA root@C.1 (ED25519)\n";
	struct op_cursor c = { 0 };
	struct op_reply r = { 0 };
	struct http_request req;
	json_t *body;

	(void)state;
	fresh();
	body = built(OP_LOG, &c, &req);
	assert_string_equal(req.method, "PUT");
	assert_string_equal(req.url, API "/api/v0/instances/request_logs/12345678");
	assert_string_equal(json_str(body, "tail", ""), "5000");
	json_decref(body);
	http_request_free(&req);
	assert_int_equal(read_body(OP_LOG, &c, 200, "{\"success\":true}", &r), VERDICT_RETRY);
	assert_int_equal(read_body(OP_LOG, &c, 200, place, &r), VERDICT_MORE);
	json_decref(built(OP_LOG, &c, &req));
	assert_string_equal(req.method, "GET");
	assert_string_equal(req.url, "https://s3.amazonaws.com/vast.ai/instance_logs/ab.log");
	assert_int_equal(req.header_count, 0);
	http_request_free(&req);
	assert_int_equal(read_body(OP_LOG, &c, 404, "<Error/>", &r), VERDICT_RETRY);
	assert_true(r.retry_after > 0);
	assert_int_equal(read_body(OP_LOG, &c, 200, "nothing yet\n", &r), VERDICT_OK);
	assert_string_equal(r.host_keys, "");
	assert_string_equal(r.log, "nothing yet\n");
	assert_int_equal(read_body(OP_LOG, &c, 200, log, &r), VERDICT_OK);
	assert_string_equal(r.host_keys, "SHA256:HmIxk+UMm5oEShasvw/pCI7ZGycMhfY4sDzhs9kAZWI\n");
	op_reply_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_log_tells_the_host_keys),
		cmocka_unit_test(test_create_body),
		cmocka_unit_test(test_create_refuses_to_guess),
		cmocka_unit_test(test_search_body),
		cmocka_unit_test(test_spellings_lead_back),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_offer_becomes_create),
		cmocka_unit_test(test_offers_are_checked_again),
		cmocka_unit_test(test_line_and_driver),
		cmocka_unit_test(test_search_pages),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_is_never_empty_by_mistake),
		cmocka_unit_test(test_list_pages),
		cmocka_unit_test(test_create_answers),
		cmocka_unit_test(test_create_through_call),
		cmocka_unit_test(test_destroy_and_mark_answers),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_bill),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_cut_listing_is_no_listing),
		cmocka_unit_test(test_hostile_bodies),
		cmocka_unit_test(test_changed_bytes),
		cmocka_unit_test(test_transport_trouble),
		cmocka_unit_test(test_life_of_an_instance),
		cmocka_unit_test(test_market_of_the_model),
		cmocka_unit_test(test_spot_in_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

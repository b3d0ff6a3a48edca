#include "replies.h"
#include "base/log.h"
#include "base/str.h"

#define API_URL "https://api.example.com/base"
#define USED    3 /* of the facts of a kind that are used in requests */

static struct account account = { .name = "acc", .api_url = API_URL, .graphql_url = API_URL "/graphql", .team = "acme",
	.token = { (char *)(uintptr_t)REPLIES_TOKEN } };
static struct offer an_offer = { .key = "offer", .gpu = "H100", .gpu_count = 1, .price_hour = 2 * USD, .region = "tor1", .disk_gb = 100,
	.available = 1, .spec = (char *)(uintptr_t)"{\"size\":\"gpu-h100x1-80gb\",\"region\":\"tor1\"}" };

static struct storage a_storage = { .kind = STORAGE_VOLUME, .id = "506f78a4", .name = "gf1-abc234-aaaaaaaaaaaaa-zzzzzz-mmmmmmmm", .region = "tor1",
	.host = "4242", .size_gb = 500, .source = "12345678" };

/* What is being played: reads get no data of ours. */
static const struct provider *real;
static enum provider_op_kind playing;
static bool finished; /* call.c had its look at the facts */
static int last_status;
static char wrong[512];

/* The first one counts. */
static void __attribute__((format(printf, 1, 2))) complain(const char *fmt, ...)
{
	va_list ap;

	if (*wrong)
		return;
	va_start(ap, fmt);
	vsnprintf(wrong, sizeof(wrong), fmt, ap);
	va_end(ap);
}

const struct provider *const *replies_providers(void)
{
	static const struct provider *clouds[16];
	const struct provider *const *all = provider_all();

	log_hide(REPLIES_TOKEN); /* as secret_set() does */
	for (size_t n = 0; *all && n + 1 < ARRAY_LEN(clouds); all++)
		if (!((*all)->caps & CAP_LOCAL))
			clouds[n++] = *all;
	return clouds;
}

static struct op_args arguments(void)
{
	str_copy(account.provider, real->name);
	return (struct op_args){ .account = &account, .offer = &an_offer, .mark = "gf1-abc234-aaaaaaaaaaaaa-zzzzzz-mmmmmmmm",
		.public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5sP2cPRkvWUuXB4gtYgkDGSh2xGn1zPbRduRyeVGzP site", .key_id = "512189",
		.id = strcmp(real->name, "hotaisle") ? "12345678" : "3d4cfb6e-9a55-4b6f-8f55-5f1f30a9d1c2", .disk_gb = 100,
		.storage = &a_storage, .machine = "12345678", .work = "36804636",
		.from = (instant)1795132800 * SECOND, .until = (instant)1795219200 * SECOND };
}

/* ---- what may stand in a fact ---- */

static void check_text(const char *what, const char *s, size_t size)
{
	size_t n = strnlen(s, size);

	if (n == size) {
		complain("%s has no end", what);
		return;
	}
	if (!str_is_utf8(s, n))
		complain("%s is not UTF-8: %s", what, s);
	for (size_t i = 0; i < n; i++)
		if (finished && ((unsigned char)s[i] < 0x20 || s[i] == 0x7f))
			complain("%s holds a control character", what);
}
#define CHECK_TEXT(array) check_text(#array, (array), sizeof(array))

static void check_offer(const struct offer *o)
{
	CHECK_TEXT(o->key);
	CHECK_TEXT(o->gpu);
	CHECK_TEXT(o->region);
	if (!finished)
		return; /* call.c leaves out what is none */
	if (!*o->key || !*o->gpu || o->gpu_count <= 0 || o->gpu_count > 1024)
		complain("an offer of %d x '%s', called '%s'", o->gpu_count, o->gpu, o->key);
	if (o->price_hour <= 0 || o->minimum_charge < 0)
		complain("an offer for %lld, at least %lld", (long long)o->price_hour, (long long)o->minimum_charge);
	if (o->available < -1 || o->cpus < 0 || o->ram_gb < 0 || o->disk_gb < 0 || o->gpu_memory_gb < 0)
		complain("an offer with a size below nothing");
	if (o->reliability_ppm < 0 || o->reliability_ppm > 1000000)
		complain("a reliability of %d ppm", o->reliability_ppm);
}

static void check_machine(const struct machine *m)
{
	CHECK_TEXT(m->id);
	CHECK_TEXT(m->mark);
	CHECK_TEXT(m->address);
	CHECK_TEXT(m->user);
	CHECK_TEXT(m->gpu);
	CHECK_TEXT(m->note);
	if (*m->address == '-' || *m->user == '-' || strpbrk(m->address, " ;&|$`'\""))
		complain("an address that a command line would obey: %s@%s", m->user, m->address);
	if (m->port < 0 || m->port > 65535 || m->gpu_count < 0 || m->price_hour < 0)
		complain("a machine with port %d, %d GPUs, for %lld", m->port, m->gpu_count, (long long)m->price_hour);
}

static void check_bill(const struct bill_line *b)
{
	CHECK_TEXT(b->id);
	CHECK_TEXT(b->mark);
	if (!*b->id && !*b->mark)
		complain("a charge of nothing that has a name");
}

static void check_storage(const struct storage *s)
{
	CHECK_TEXT(s->id);
	CHECK_TEXT(s->name);
	CHECK_TEXT(s->region);
	CHECK_TEXT(s->host);
	CHECK_TEXT(s->source);
	CHECK_TEXT(s->machine);
	if (finished && (s->size_gb < 0 || s->disk_gb < 0 || s->gb_month < 0))
		complain("storage of %d GB (%d) for %lld", s->size_gb, s->disk_gb, (long long)s->gb_month);
}

static void check_reply(const struct op_reply *r)
{
	CHECK_TEXT(r->message);
	CHECK_TEXT(r->id);
	CHECK_TEXT(r->work);
	CHECK_TEXT(r->key_id);
	CHECK_TEXT(r->account_id);
	if (strstr(r->message, REPLIES_TOKEN))
		complain("the message holds the token");
	if (memchr(r->host_keys, '\0', sizeof(r->host_keys)) == NULL)
		complain("host keys without an end");
	if (r->log && (strlen(r->log) > LOG_MAX || strstr(r->log, REPLIES_TOKEN)))
		complain("a log that is too long or holds the token");
	if (r->price_hour < 0)
		complain("a price of %lld", (long long)r->price_hour);
	if (r->balance.known && r->balance.available < 0)
		complain("a balance of %lld", (long long)r->balance.available);
	for (size_t i = 0; i < r->offer_count; i++)
		check_offer(&r->offers[i]);
	for (size_t i = 0; i < r->machine_count; i++)
		check_machine(&r->machines[i]);
	for (size_t i = 0; i < r->bill_count; i++)
		check_bill(&r->bills[i]);
	for (size_t i = 0; i < r->storage_count; i++)
		check_storage(&r->storages[i]);
}

/* ---- one read, with an eye on it ---- */

/* Those that change nothing and must know what they say. */
static bool is_read(enum provider_op_kind op)
{
	static const bool reads[OP_NR] = { [OP_CHECK] = true, [OP_OFFERS] = true, [OP_DESCRIBE] = true, [OP_LIST] = true, [OP_BALANCE] = true,
		[OP_BILL] = true, [OP_LOG] = true, [OP_STORAGE] = true, [OP_SNAPSHOT_LOOK] = true, [OP_STORAGE_BILL] = true };

	return reads[op];
}

static bool is_json(const struct http_response *res)
{
	json_t *j = json_read(res->body, res->len, NULL);

	json_decref(j);
	return j != NULL;
}

/* Facts come out of whole documents only. */
static void check_belief(const struct http_response *res, const struct op_reply *r, enum verdict v, bool facts)
{
	bool success = res->outcome == HTTP_ANSWERED && res->status >= 200 && res->status <= 299;

	if (v > VERDICT_ABSENT || !verdict_name(v))
		complain("a verdict of %d", (int)v);
	last_status = res->status;
	if (v == VERDICT_OK && !success && is_read(playing))
		complain("%s after status %d", verdict_name(v), res->status);
	if ((v == VERDICT_OK || v == VERDICT_MORE) && success && facts && !is_json(res))
		complain("facts from a body that is no document: %.60s", res->body);
	if (playing == OP_CREATE && v == VERDICT_OK && !*r->id)
		complain("a create that made nothing with a name");
	if (playing == OP_CREATE && v == VERDICT_MORE)
		complain("a create that asks twice");
}

static size_t fact_count(const struct op_reply *r)
{
	return r->offer_count + r->machine_count + r->bill_count + r->storage_count;
}

static enum verdict watched_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	size_t before = fact_count(r);
	enum verdict v = real->op[playing].read(a, c, res, r);

	check_text("the cursor", c->token, sizeof(c->token));
	check_belief(res, r, v, playing == OP_LIST || playing == OP_STORAGE || fact_count(r) > before);
	check_reply(r);
	return v;
}

/* The body in a buffer of just its size, so that a sanitizer sees who reads past its end. */
static struct http_response exact(const struct http_response *like)
{
	struct http_response res = *like;
	char *body = xmalloc(like->len + 1);

	if (like->len)
		memcpy(body, like->body, like->len);
	body[like->len] = '\0';
	res.body = body;
	return res;
}

const char *replies_read(const struct provider *p, enum provider_op_kind op, int step, const struct http_response *answer)
{
	struct http_response res = exact(answer);
	struct op_cursor c = { .step = step, .token = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaab" };
	struct op_reply r = { 0 };
	struct op_args args;

	real = p;
	playing = op;
	finished = false;
	wrong[0] = '\0';
	args = arguments();
	if (p->op[op].read)
		watched_read(&args, &c, &res, &r);
	op_reply_free(&r);
	free((char *)(uintptr_t)res.body);
	return wrong;
}

bool replies_believed(const struct provider *p, enum provider_op_kind op, const struct http_response *answer)
{
	struct op_cursor c = { 0 };
	struct op_reply r = { 0 };
	struct op_args args;
	enum verdict v;

	real = p;
	args = arguments();
	v = p->op[op].read ? p->op[op].read(&args, &c, answer, &r) : VERDICT_RETRY;
	op_reply_free(&r);
	return v == VERDICT_OK || v == VERDICT_MORE;
}

/* ---- requests ---- */

/* The token goes to the configured address only, and nothing that was said becomes another path or another header. */
static void check_request(const struct http_request *req)
{
	bool ours = str_starts(req->url, API_URL "/") || !strcmp(req->url, API_URL) || str_starts(req->url, API_URL "?");

	if (!req->method || !str_starts(req->url, "https://"))
		complain("a request to %s", req->url);
	for (const char *s = req->url; *s; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			complain("an address with other characters than an address has");
	if (strstr(req->url, "/../"))
		complain("the address %s", req->url);
	for (int i = 0; i < req->header_count; i++) {
		if (strpbrk(req->headers[i], "\r\n"))
			complain("a header of two lines");
		if (!ours && strstr(req->headers[i], REPLIES_TOKEN))
			complain("the token goes to %s", req->url);
	}
	if (req->body && !is_json(&(struct http_response){ .body = req->body, .len = strlen(req->body) }))
		complain("a body that is no document: %.80s", req->body);
}

static void try_build(enum provider_op_kind op, const struct op_args *args)
{
	struct op_cursor c = { 0 };
	struct http_request req = { 0 };
	struct op_reply r = { 0 };

	if (!real->op[op].build)
		return;
	real->op[op].build(args, &c, &req, &r);
	if (!req.answered && !req.url)
		complain("operation %d builds no request", (int)op);
	else if (!req.answered)
		check_request(&req);
	http_request_free(&req);
	op_reply_free(&r);
}

/* What was learned goes into what is asked next. */
static void use_facts(const struct op_reply *r)
{
	struct op_args args = arguments();

	for (size_t i = 0; i < r->offer_count && i < USED; i++) {
		args.offer = &r->offers[i];
		try_build(OP_CREATE, &args);
	}
	args.offer = &an_offer;
	if (*r->key_id) {
		args.key_id = r->key_id;
		try_build(OP_CREATE, &args);
	}
	for (size_t i = 0; i < r->machine_count + (*r->id != '\0') && i < USED; i++) {
		args.id = i < r->machine_count ? r->machines[i].id : r->id;
		for (int op = 0; op < OP_NR; op++)
			if (op != OP_CREATE)
				try_build((enum provider_op_kind)op, &args);
	}
	args = arguments();
	for (size_t i = 0; i < r->storage_count && i < USED; i++) {
		args.storage = &r->storages[i];
		try_build(OP_VOLUME_DROP, &args);
		try_build(OP_VOLUME_ATTACH, &args);
		try_build(OP_VOLUME_DETACH, &args);
		try_build(OP_SNAPSHOT_DROP, &args);
	}
}

/* ---- a whole operation ---- */

static void check_end(const struct op_reply *r, int sent)
{
	finished = true;
	check_reply(r);
	if (r->verdict == VERDICT_MORE)
		complain("an operation that ends in the middle");
	if (r->verdict != VERDICT_OK && fact_count(r))
		complain("facts of an operation that failed (%s)", verdict_name(r->verdict));
	if (r->verdict != VERDICT_OK && !*r->message)
		complain("%s without a word", verdict_name(r->verdict));
	if (r->verdict == VERDICT_UNSURE && is_read(playing))
		complain("a read that is unsure");
	if (playing == OP_CREATE && sent > 1)
		complain("a create that was sent %d times", sent);
	if (op_makes(playing) && r->verdict == VERDICT_OK && !*r->id && !(playing == OP_SNAPSHOT_MAKE && *r->work))
		complain("what made something without an id is believed");
	/* An id that came with a refusal is deleted at once. */
	if (playing == OP_CREATE && r->verdict == VERDICT_OK && last_status / 100 != 2 && !(last_status / 100 == 4 && r->destroy_now))
		complain("a create is believed after status %d", last_status);
	for (size_t i = 0; i < r->machine_count; i++)
		for (size_t k = i + 1; k < r->machine_count && k < i + 20; k++)
			if (!strcmp(r->machines[i].id, r->machines[k].id))
				complain("the machine %s is there twice", r->machines[i].id);
	use_facts(r);
}

const char *replies_play(const struct provider *p, enum provider_op_kind op, const struct http_response *answers, size_t count)
{
	static const struct http_response broken = { .outcome = HTTP_BROKEN, .trouble = "connection reset", .body = "" };
	struct provider watched = *p;
	struct call_limits limits = { 0 };
	const struct http_request *req;
	struct op_args args;
	struct rng rng;
	struct call *c;
	instant now = (instant)1795132800 * SECOND, wake = 0;
	enum call_step step;
	size_t k = 0;

	real = p;
	playing = op;
	finished = false;
	wrong[0] = '\0';
	args = arguments();
	rng_seed(&rng, 7);
	if (p->op[op].read)
		watched.op[op].read = watched_read;
	c = call_new(&watched, op, &args, &limits, &rng);
	while ((step = call_next(c, now, &req, &wake)) != CALL_DONE && !*wrong) {
		struct http_response res;

		now = step == CALL_WAIT ? wake : now + SECOND / 10;
		if (step == CALL_WAIT)
			continue;
		check_request(req);
		res = exact(k < count ? &answers[k] : &broken);
		k++;
		call_answer(c, now, &res);
		free((char *)(uintptr_t)res.body);
	}
	if (step == CALL_DONE)
		check_end(call_reply(c), call_requests_sent(c));
	call_free(c);
	return wrong;
}

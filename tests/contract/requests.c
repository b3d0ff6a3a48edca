/*
 * What the adapters ask for, and what they make of an answer, as lines of JSON for contract.py.
 *
 *	requests         every request that they can write: provider, operation, place in it and variation of the arguments
 *	requests read    standard input: {provider, op, step, token, id, status, type, body}, one answer a line; standard output: what
 *	                 the adapter made of each, and the request that would come next
 *
 * A new operation needs its name here; a new provider a subject, a new step of an operation a place, a new argument a variation in
 * arguments.c. What is missing ends the program or is missed by contract.py.
 */
#include "tests/contract/arguments.h"

#include "base/str.h"

static const char *const op_names[OP_NR] = {
	[OP_CHECK] = "check",
	[OP_OFFERS] = "offers",
	[OP_KEY] = "key",
	[OP_CREATE] = "create",
	[OP_DESCRIBE] = "describe",
	[OP_LIST] = "list",
	[OP_MARK] = "mark",
	[OP_DESTROY] = "destroy",
	[OP_BALANCE] = "balance",
	[OP_BILL] = "bill",
	[OP_KEY_DROP] = "key_drop",
	[OP_LOG] = "log",
	[OP_STORAGE] = "storage",
	[OP_VOLUME_MAKE] = "volume_make",
	[OP_VOLUME_DROP] = "volume_drop",
	[OP_VOLUME_ATTACH] = "volume_attach",
	[OP_VOLUME_DETACH] = "volume_detach",
	[OP_SNAPSHOT_MAKE] = "snapshot_make",
	[OP_SNAPSHOT_LOOK] = "snapshot_look",
	[OP_SNAPSHOT_DROP] = "snapshot_drop",
	[OP_STORAGE_BILL] = "storage_bill",
};

/* ---- lines ---- */

static void print(json_t *j)
{
	char *text = json_text(j);

	puts(text);
	free(text);
	json_decref(j);
}

static json_t *request_json(const struct http_request *req)
{
	json_t *j = json_object(), *headers = json_array();

	json_put_bool(j, "answered", req->answered);
	json_put_str(j, "method", req->method);
	json_put_str(j, "url", req->url);
	json_put_str(j, "body", req->body);
	for (int i = 0; i < req->header_count; i++)
		json_array_append_new(headers, json_string(req->headers[i]));
	json_put(j, "headers", headers);
	return j;
}

static json_t *place_json(const struct world *w, enum provider_op_kind op, const struct op_cursor *c)
{
	json_t *j = json_object();

	json_put_str(j, "provider", w->p->name);
	json_put_str(j, "op", op_names[op]);
	json_put_int(j, "step", c->step);
	json_put_int(j, "page", c->page);
	return j;
}

static void print_request(const struct world *w, enum provider_op_kind op, const char *variation, const struct op_cursor *c)
{
	struct http_request req = { 0 };
	struct op_reply r = { 0 };
	json_t *j = place_json(w, op, c);

	json_put_str(j, "variation", variation);
	w->p->op[op].build(&w->args, c, &req, &r);
	json_put(j, "request", request_json(&req));
	json_put_str(j, "message", r.message);
	http_request_free(&req);
	op_reply_free(&r);
	print(j);
}

static void at_each_place(const struct world *w, enum provider_op_kind op, const char *variation)
{
	static const struct op_cursor start;

	print_request(w, op, variation, &start);
	for (size_t i = 0; i < contract_place_count; i++)
		if (contract_places[i].op == op && !strcmp(contract_places[i].provider, w->p->name))
			print_request(w, op, variation, &contract_places[i].cursor);
}

/* ---- creates: of each offer that the adapter reads from an answer of its provider ---- */

static char *read_fixture(const char *name)
{
	struct buf b = BUF(1024 * 1024);
	char path[256], block[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "tests/fixtures/%s", name);
	f = fopen(path, "r");
	if (!f)
		BUG("cannot read %s", path);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_append(&b, block, n);
	fclose(f);
	return buf_take(&b);
}

static void of_each_offer(struct world *w, const char *variation)
{
	char *body = read_fixture(w->s->offers);
	struct http_response res = {
		.outcome = HTTP_ANSWERED, .status = 200, .content_type = "application/json", .body = body, .len = strlen(body)
	};
	struct op_cursor c = { 0 };
	struct op_reply r = { 0 };

	w->p->op[OP_OFFERS].read(&w->args, &c, &res, &r);
	if (!r.offer_count && !w->args.spot && !w->account.community) {
		fprintf(stderr, "requests: %s reads no offer from %s (%s)\n", w->p->title, w->s->offers, variation);
		exit(1);
	}
	for (size_t i = 0; i < r.offer_count; i++) {
		w->args.offer = &r.offers[i];
		/* A volume and a snapshot that can be used there. */
		str_copy(w->volume.region, r.offers[i].region);
		str_copy(w->volume.host, r.offers[i].host);
		str_copy(w->snapshot.region, r.offers[i].region);
		print_request(w, OP_CREATE, variation, &(struct op_cursor){ 0 });
	}
	op_reply_free(&r);
	free(body);
}

static void print_operation(const struct provider *p, enum provider_op_kind op)
{
	struct world w;

	for (size_t i = 0; i <= contract_variation_count; i++) {
		const struct variation *v = i ? &contract_variations[i - 1] : NULL;

		if (v && v->op != op)
			continue;
		world_begin(&w, p, op);
		if (v)
			v->apply(&w);
		if (op == OP_CREATE)
			of_each_offer(&w, v ? v->name : "plain");
		else
			at_each_place(&w, op, v ? v->name : "plain");
	}
}

/* What each offers, so that a pair without a request is missed. */
static void print_table(const struct provider *p)
{
	json_t *j = json_object(), *ops = json_array();

	for (enum provider_op_kind op = 0; op < OP_NR; op++) {
		if (!op_names[op]) {
			fprintf(stderr, "requests: operation %d has no name in tests/contract/requests.c\n", (int)op);
			exit(1);
		}
		if (p->op[op].build)
			json_array_append_new(ops, json_string(op_names[op]));
	}
	json_put_str(j, "provider", p->name);
	json_put(j, "offers", ops);
	print(j);
}

/* A machine's own last request (remote/watchdog.sh), which the table only describes. */
static void print_give_back(const struct provider *p)
{
	static const struct op_cursor start;
	struct http_request req = { 0 };
	struct world w;
	json_t *j;

	if (!p->give_back)
		return;
	world_begin(&w, p, OP_DESTROY);
	http_request_url(&req, "DELETE", "%s%s%s%s", p->api_url, p->give_back, w.s->id, p->give_back_tail);
	http_request_header(&req, "Authorization: Bearer token");
	j = place_json(&w, OP_DESTROY, &start);
	json_put_str(j, "variation", "by the machine itself");
	json_put(j, "request", request_json(&req));
	http_request_free(&req);
	print(j);
}

static void print_requests(void)
{
	for (const struct provider *const *p = provider_all(); *p; p++) {
		if ((*p)->caps & CAP_LOCAL) /* nothing is sent there */
			continue;
		print_table(*p);
		print_give_back(*p);
		for (enum provider_op_kind op = 0; op < OP_NR; op++)
			if ((*p)->op[op].build)
				print_operation(*p, op);
	}
}

/* ---- answers ---- */

static void put_facts(json_t *j, const struct op_reply *r)
{
	json_t *machines = json_array(), *offers = json_array(), *bills = json_array(), *storages = json_array();

	for (size_t i = 0; i < r->machine_count; i++)
		json_array_append_new(
		    machines, json_pack("{ss ss ss si si sI}", "id", r->machines[i].id, "mark", r->machines[i].mark, "address",
				  r->machines[i].address, "state", (int)r->machines[i].state, "gpus", r->machines[i].gpu_count,
				  "price", (json_int_t)r->machines[i].price_hour));
	for (size_t i = 0; i < r->offer_count; i++)
		json_array_append_new(offers, json_pack("{ss ss si sI}", "key", r->offers[i].key, "gpu", r->offers[i].gpu, "gpus",
		    r->offers[i].gpu_count, "price", (json_int_t)r->offers[i].price_hour));
	for (size_t i = 0; i < r->bill_count; i++)
		json_array_append_new(bills, json_pack("{ss sI}", "id", r->bills[i].id, "amount", (json_int_t)r->bills[i].amount));
	for (size_t i = 0; i < r->storage_count; i++)
		json_array_append_new(
		    storages, json_pack("{ss ss ss si si}", "id", r->storages[i].id, "name", r->storages[i].name, "region",
				  r->storages[i].region, "size", r->storages[i].size_gb, "kind", (int)r->storages[i].kind));
	json_put(j, "machines", machines);
	json_put(j, "offers", offers);
	json_put(j, "bills", bills);
	json_put(j, "storages", storages);
	json_put_str(j, "id", r->id);
	json_put_str(j, "work", r->work);
	json_put_str(j, "key_id", r->key_id);
	json_put_str(j, "account", r->account_id);
	json_put_bool(j, "balance_known", r->balance.known);
	json_put_int(j, "available", r->balance.available);
	json_put_int(j, "hourly", r->balance.hourly);
	json_put_str(j, "log", r->log);
}

static enum provider_op_kind op_named(const char *name)
{
	for (enum provider_op_kind op = 0; op < OP_NR; op++)
		if (op_names[op] && !strcmp(op_names[op], name))
			return op;
	BUG("no operation '%s'", name);
}

/* What the answer is about, where it is not the subject's: the storage of the example. */
static void set_storage(const json_t *line, struct world *w)
{
	str_copy(w->storage.name, json_str(line, "name", w->storage.name));
	str_copy(w->storage.source, json_str(line, "source", w->storage.source));
	str_copy(w->storage.region, json_str(line, "region", w->storage.region));
	str_copy(w->storage.host, json_str(line, "host", w->storage.host));
	w->storage.size_gb = (int)json_int(line, "size", w->storage.size_gb);
	w->storage.of_volume = json_bool(line, "of_volume", w->storage.of_volume);
	w->args.work = json_str(line, "work", w->args.work);
}

static void read_one(const json_t *line)
{
	const struct provider *p = provider_find(json_str(line, "provider", ""));
	enum provider_op_kind op = op_named(json_str(line, "op", ""));
	struct http_response res = {
		.outcome = HTTP_ANSWERED, .status = (int)json_int(line, "status", 0), .body = json_str(line, "body", "")
	};
	struct op_cursor c = { .step = (int)json_int(line, "step", 0) };
	struct op_reply r = { 0 };
	enum verdict v;
	struct world w;
	json_t *j;

	world_begin(&w, p, op);
	str_copy(c.token, json_str(line, "token", ""));
	str_copy(res.content_type, json_str(line, "type", ""));
	res.len = strlen(res.body);
	w.args.id = json_str(line, "id", w.s->id);
	set_storage(line, &w);
	/* A second step may stand on what the first one found. */
	if (c.step && op == OP_DESCRIBE)
		str_copy(op_reply_add_machine(&r)->id, w.args.id);
	v = p->op[op].read(&w.args, &c, &res, &r);
	j = place_json(&w, op, &c);
	json_put_str(j, "verdict", verdict_name(v));
	json_put_str(j, "message", r.message);
	put_facts(j, &r);
	if (v == VERDICT_MORE) {
		struct http_request next = { 0 };

		p->op[op].build(&w.args, &c, &next, &r);
		json_put(j, "next", request_json(&next));
		http_request_free(&next);
	}
	op_reply_free(&r);
	print(j);
}

static int read_answers(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, stdin)) > 0) {
		struct err e;
		json_t *j = json_read(line, (size_t)n, &e);

		if (!j) {
			fprintf(stderr, "requests: %s\n", e.msg);
			free(line);
			return 1;
		}
		read_one(j);
		json_decref(j);
	}
	free(line);
	return 0;
}

int main(int argc, char **argv)
{
	json_init();
	if (argc == 2 && !strcmp(argv[1], "read"))
		return read_answers();
	print_requests();
	return 0;
}

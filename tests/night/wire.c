/*
 * HTTP without sockets. A task is one provider operation of the daemon, as in daemon/execute_provider.c; a packet is one request
 * on its way to a cloud model and its answer on the way back. Packets outlive the process that sent them: a request that has
 * left arrives, whoever died meanwhile.
 */
#include "base/str.h"
#include "daemon/operation.h"
#include "night.h"

#define ANSWER_TIME (30 * SECOND) /* of a request that names none (providers/provider.h) */

struct packet;

struct task {
	struct list link;
	struct process *p;
	const struct account *account;
	int at; /* of the account */
	enum provider_op_kind op;
	struct action action;
	struct call *call;
	struct operation_room room;
	instant began;
	bool waits; /* for the key */
	struct tick tick;
	struct packet *packet;
};

struct packet {
	struct list link;
	struct tick tick;
	struct task *task; /* NULL: nobody waits any more */
	int cloud;
	enum provider_op_kind op;
	int64_t instance_id;
	struct http_request req; /* own copy */
	instant deadline;
	int arrivals;      /* how often it will still arrive */
	bool replayed;
	bool silent, cut;  /* the answer never comes, or the connection breaks instead */
	bool garbage, proxy_504, crossed;
	struct http_response res;
	struct buf body;
};

static void task_step(struct sim_night *n, struct task *t);

/* ---- tasks ---- */

static void task_free(struct sim_night *n, struct task *t)
{
	night_not(n, &t->tick);
	if (t->packet)
		t->packet->task = NULL;
	list_remove(&t->link);
	operation_room_free(&t->room);
	call_free(t->call);
	free(t);
}

static void task_fire(struct sim_night *n, struct tick *tick)
{
	task_step(n, CONTAINER_OF(tick, struct task, tick));
}

static void begin(struct sim_night *n, struct task *t, enum provider_op_kind op)
{
	struct op_args args;

	t->op = op;
	operation_args(&args, &t->room, &t->p->model, t->account, &t->action, NIGHT_KEY, t->p->keys[t->at]);
	t->call = call_new(provider_find(t->account->provider), op, &args, &t->p->limits[t->at], &t->p->rng);
	t->began = n->now;
	night_at(n, &t->tick, n->now, task_fire);
}

static bool key_under_way(const struct process *p, const struct account *a)
{
	list_for_each(l, &p->tasks) {
		const struct task *t = CONTAINER_OF(l, struct task, link);

		if (t->account == a && t->op == OP_KEY && t->call)
			return true;
	}
	return false;
}

void wire_action(struct sim_night *n, const struct action *a)
{
	struct process *p = n->p;
	const struct account *account = operation_account(&n->config, &p->model, a);
	enum provider_op_kind op = operation_kind(&p->model, a);
	struct task *t;

	if (!account)
		return;
	if (op == OP_CREATE && model_instance(&p->model, a->id)->stop_requested) {
		struct fact f = { .kind = FACT_CREATED, .id = a->id, .verdict = VERDICT_RETRY, .text = "",
			.message = "stopped before it was sent" };

		process_fact(n, &f);
		return;
	}
	t = xcalloc(1, sizeof(*t));
	t->p = p;
	t->account = account;
	t->at = (int)(account - n->accounts);
	if (op == OP_KEY_DROP) {
		free(p->keys[t->at]);
		p->keys[t->at] = NULL;
	}
	t->action = *a;
	list_append(&p->tasks, &t->link);
	t->op = op;
	if (!operation_needs_key(account, op, p->keys[t->at]))
		begin(n, t, op);
	else if (key_under_way(p, account))
		t->waits = true;
	else
		begin(n, t, OP_KEY);
}

static void report(struct sim_night *n, struct task *t, struct op_reply *r)
{
	struct fact f;

	night_note(n, "%s: %s %lld: %s %s (%zu machines, %zu offers)", t->account->name, action_name(t->action.kind),
	    (long long)t->action.id, verdict_name(r->verdict), r->message, r->machine_count, r->offer_count);
	operation_fact(&f, &t->p->model, t->account, &t->action, t->began, r);
	process_fact(n, &f);
	operation_fact_free(&f);
}

static void release_waiting(struct sim_night *n, struct process *p, const struct account *a, struct op_reply *r)
{
	list_for_each_safe(l, &p->tasks) {
		struct task *t = CONTAINER_OF(l, struct task, link);

		if (t->account != a || !t->waits)
			continue;
		t->waits = false;
		if (r->verdict == VERDICT_OK) {
			begin(n, t, OP_CREATE);
		} else {
			report(n, t, r);
			task_free(n, t);
		}
	}
}

static void task_done(struct sim_night *n, struct task *t)
{
	struct op_reply *r = call_reply(t->call);
	struct fact f;

	if (t->op == OP_KEY) {
		if (r->verdict == VERDICT_OK) {
			free(t->p->keys[t->at]);
			t->p->keys[t->at] = xstrdup(r->key_id);
			operation_key_fact(&f, t->account, 0, r);
			process_fact(n, &f);
			release_waiting(n, t->p, t->account, r);
			call_free(t->call);
			t->call = NULL;
			begin(n, t, OP_CREATE);
			return;
		}
		if (r->verdict == VERDICT_UNSURE)
			r->verdict = VERDICT_RETRY;
		release_waiting(n, t->p, t->account, r);
	}
	report(n, t, r);
	task_free(n, t);
}

/* ---- packets ---- */

static void packet_free(struct sim_night *n, struct packet *k)
{
	night_not(n, &k->tick);
	list_remove(&k->link);
	http_request_free(&k->req);
	buf_free(&k->body);
	free(k);
}

static void packet_back(struct sim_night *n, struct tick *tick)
{
	struct packet *k = CONTAINER_OF(tick, struct packet, tick);
	struct task *t = k->task;

	if (t) {
		t->packet = NULL;
		k->res.body = buf_str(&k->body);
		k->res.len = k->res.outcome == HTTP_ANSWERED ? k->body.len : 0;
		if (!night_point(n, "answer")) {
			call_answer(t->call, n->now, &k->res);
			task_step(n, t);
		}
	}
	packet_free(n, k);
}

static void broken(struct packet *k, enum http_outcome outcome, const char *why)
{
	k->res.outcome = outcome;
	str_copy(k->res.trouble, why);
}

static void get_header(const struct sim_response *r, const char *name, char *out, size_t size)
{
	const char *s = buf_str(&r->headers);
	size_t k = strlen(name);

	out[0] = '\0';
	for (; *s; s += strcspn(s, "\n"), s += *s == '\n')
		if (str_istarts(s, name) && s[k] == ':')
			str_copy_n(out, strcspn(s, "\n") - k - 1 < size ? strcspn(s, "\n") - k - 1 : size, s + k + 2);
}

/* The cloud hears the request; what it says is kept for the way back. Returns how long it thinks. */
static duration ask_cloud(struct sim_night *n, struct packet *k, struct sim_response *out)
{
	struct cloud *c = n->clouds[k->cloud];
	struct sim_header headers[HTTP_HEADERS_MAX + 1];
	char names[HTTP_HEADERS_MAX][64], path[2048], *query;
	struct sim_request q = { .method = k->req.method, .headers = headers, .body = k->req.body,
		.len = k->req.body ? strlen(k->req.body) : 0 };
	size_t before = c->machine_count;

	str_copy(path, strchr(k->req.url + 7, '/') + strlen(c->model->prefix));
	query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	q.path = path;
	q.query = query;
	for (int h = 0; h < k->req.header_count; h++) {
		str_copy_n(names[h], strcspn(k->req.headers[h], ":") + 1, k->req.headers[h]);
		headers[q.header_count++] = (struct sim_header){ names[h], k->req.headers[h] + strlen(names[h]) + 2 };
	}
	headers[q.header_count++] = (struct sim_header){ "User-Agent", "gpufleetd/1" }; /* http.c adds it */
	n->requests++;
	cloud_tick(c, n->now);
	judge_foreign(n, k->cloud, false);
	trouble_count_modes(n, k->cloud);
	cloud_handle(c, n->now, &q, out);
	judge_answered(n, k->cloud, out->status);
	judge_foreign(n, k->cloud, strcmp(q.method, "GET") != 0);
	night_note(n, "%s: %s %s -> %d%s", c->model->name, q.method, path, out->status, out->cut ? " cut" : "");
	judge_made(n, k->cloud, before, k->op == OP_CREATE ? k->instance_id : 0, k->replayed);
	return out->delay;
}

static void keep_answer(struct packet *k, const struct sim_response *out)
{
	buf_reset(&k->body);
	buf_append(&k->body, buf_str(&out->body), out->body.len);
	k->res.outcome = HTTP_ANSWERED;
	k->res.status = out->status;
	str_copy(k->res.content_type, out->type);
	get_header(out, "Retry-After", k->res.retry_after, sizeof(k->res.retry_after));
	get_header(out, "RateLimit-Remaining", k->res.rate_remaining, sizeof(k->res.rate_remaining));
	get_header(out, "RateLimit-Reset", k->res.rate_reset, sizeof(k->res.rate_reset));
	if (k->proxy_504) {
		buf_reset(&k->body);
		buf_puts(&k->body, "<html><body><h1>504 Gateway Time-out</h1></body></html>");
		str_copy(k->res.content_type, "text/html");
		k->res.status = 504;
	} else if (k->garbage && k->body.len) {
		for (size_t at = 0; at < k->body.len; at += 7)
			k->body.data[at] ^= 0x15;
	}
}

static void packet_arrives(struct sim_night *n, struct tick *tick)
{
	struct packet *k = CONTAINER_OF(tick, struct packet, tick);
	struct sim_response out;
	instant back;

	sim_response_init(&out);
	back = n->now + ask_cloud(n, k, &out) + night_random(&n->wire_rng, 5 * MSEC, 150 * MSEC);
	if (k->crossed)
		back += night_random(&n->wire_rng, SECOND, 20 * SECOND);
	keep_answer(k, &out);
	if (--k->arrivals > 0) {
		night_at(n, &k->tick, n->now + night_random(&n->wire_rng, 10 * MSEC, 3 * SECOND), packet_arrives);
		sim_response_free(&out);
		return;
	}
	if (k->cut || out.cut == SIM_CUT_BEFORE || out.cut == SIM_CUT_MID)
		broken(k, HTTP_BROKEN, "connection reset");
	if (k->silent || out.cut == SIM_CUT_HANG || back > k->deadline) {
		broken(k, HTTP_BROKEN, "timed out");
		back = k->deadline;
	}
	sim_response_free(&out);
	night_at(n, &k->tick, back, packet_back);
	night_point(n, "request arrived");
}

static void copy_request(struct http_request *to, const struct http_request *from)
{
	*to = (struct http_request){ .method = from->method, .url = xstrdup(from->url), .header_count = from->header_count,
		.body = xstrdup(from->body), .timeout = from->timeout };
	for (int h = 0; h < from->header_count; h++)
		to->headers[h] = xstrdup(from->headers[h]);
}

static void proxy_says(struct packet *k, int status, const char *type, const char *body, const char *retry_after)
{
	k->res.outcome = HTTP_ANSWERED;
	k->res.status = status;
	str_copy(k->res.content_type, type);
	str_copy(k->res.retry_after, retry_after);
	buf_puts(&k->body, body);
}

/* What the network does to this request. True: it never arrives, and comes back as it is after *wait. */
static bool fate(struct sim_night *n, struct packet *k, duration *wait)
{
	*wait = night_random(&n->wire_rng, 5 * MSEC, 80 * MSEC);
	if (trouble_strikes(n, TROUBLE_REFUSED, k->cloud)) {
		broken(k, HTTP_NOT_SENT, "connection refused");
	} else if (trouble_strikes(n, TROUBLE_LOST_REQUEST, k->cloud)) {
		broken(k, HTTP_BROKEN, "connection reset");
	} else if (trouble_strikes(n, TROUBLE_SILENT_BEFORE, k->cloud)) {
		broken(k, HTTP_BROKEN, "timed out");
		*wait = k->deadline - n->now;
	} else if (trouble_strikes(n, TROUBLE_PROXY_500, k->cloud)) {
		proxy_says(k, 500, "text/html", "<html>Internal Server Error</html>", "");
	} else if (trouble_strikes(n, TROUBLE_PROXY_429, k->cloud)) {
		proxy_says(k, 429, "text/plain", "slow down", rng_below(&n->wire_rng, 2) ? "20" : "");
	} else {
		k->cut = trouble_strikes(n, TROUBLE_LOST_ANSWER, k->cloud);
		k->silent = trouble_strikes(n, TROUBLE_SILENT_AFTER, k->cloud);
		k->proxy_504 = trouble_strikes(n, TROUBLE_PROXY_504_AFTER, k->cloud);
		k->garbage = trouble_strikes(n, TROUBLE_GARBAGE, k->cloud);
		k->crossed = trouble_strikes(n, TROUBLE_CROSSED, k->cloud);
		if (k->op == OP_CREATE ? trouble_strikes(n, TROUBLE_REPLAYED_CREATE, k->cloud) :
					 trouble_strikes(n, TROUBLE_REPLAYED, k->cloud))
			k->replayed = (k->arrivals = 2) > 1;
		return false;
	}
	return true;
}

static void packet_send(struct sim_night *n, struct task *t, const struct http_request *req)
{
	struct packet *k = xcalloc(1, sizeof(*k));
	duration wait;

	k->task = t;
	k->cloud = n->cloud_of[t->at];
	k->op = t->op;
	k->instance_id = t->action.kind == ACTION_CREATE ? t->action.id : 0;
	copy_request(&k->req, req);
	k->deadline = n->now + (req->timeout ? req->timeout : ANSWER_TIME);
	k->arrivals = 1;
	k->body.max = 64u << 20;
	list_append(&n->packets, &k->link);
	t->packet = k;
	judge_sent(n, &t->action, t->op);
	if (fate(n, k, &wait))
		night_at(n, &k->tick, n->now + wait, packet_back);
	else
		night_at(n, &k->tick, n->now + wait, packet_arrives);
}

static void task_step(struct sim_night *n, struct task *t)
{
	const struct http_request *req;
	instant wake = 0;

	switch (call_next(t->call, n->now, &req, &wake)) {
	case CALL_SEND:
		if (night_point(n, "send"))
			break;
		call_reply(t->call)->sent_at = process_now(n); /* by the daemon's clock; the call is given the world's */
		packet_send(n, t, req);
		break;
	case CALL_WAIT: night_at(n, &t->tick, wake, task_fire); break;
	case CALL_DONE: task_done(n, t); break;
	}
}

void wire_forget(struct sim_night *n, struct process *p)
{
	list_for_each_safe(l, &p->tasks)
		task_free(n, CONTAINER_OF(l, struct task, link));
}

void wire_close(struct sim_night *n)
{
	list_for_each_safe(l, &n->packets)
		packet_free(n, CONTAINER_OF(l, struct packet, link));
}

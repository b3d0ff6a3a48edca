/*
 * One provider operation: the pure call machine (providers/call.h) driven over HTTP, its reply turned into a fact.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "execute_private.h"
#include "derived_key.h"
#include "operation.h"

struct task {
	struct list link;
	struct execute *x;
	const struct account *account;
	enum provider_op_kind op;
	struct action action; /* for the fact; unused with `done` */
	execute_reply_fn *done;
	void *arg;
	int64_t fleet_id; /* whose key pair it is about; 0: the site's */
	int64_t slot;     /* … at its account */
	struct call *call;
	struct http_transfer *transfer;
	struct operation_room room;
	uv_timer_t timer;
	instant began;
	struct ssh_key *host_key;  /* a create whose machine gets its host key from us; owned */
	struct buf host_private;   /* … as text; wiped */
	bool waits; /* for the key that another create is registering */
	bool finished;
};

static void task_step(struct task *t);

static void task_gone(uv_handle_t *h)
{
	struct task *t = h->data;

	operation_room_free(&t->room);
	call_free(t->call);
	ssh_key_free(t->host_key);
	if (t->host_private.data)
		explicit_bzero(t->host_private.data, t->host_private.cap);
	buf_free(&t->host_private);
	free(t);
}

static void task_end(struct task *t)
{
	if (t->finished)
		return;
	t->finished = true;
	list_remove(&t->link);
	if (t->transfer)
		http_cancel(t->transfer);
	t->transfer = NULL;
	uv_close((uv_handle_t *)&t->timer, task_gone);
}

/* ---- replies become facts ---- */

static struct call_limits *account_limits(struct execute *x, const struct account *a)
{
	return &x->limits[a - engine_config(x->en)->accounts];
}

/* The key pair of fleet `id` (0: the site's) at an account. */
static int64_t slot_of(const struct execute *x, const struct account *a, int64_t id)
{
	return id * (CONFIG_ACCOUNTS_MAX + 1) + (a - engine_config(x->en)->accounts) + 1;
}

static void report(struct task *t, struct op_reply *r)
{
	struct fact f;

	if (r->verdict != VERDICT_OK && t->op != OP_DESCRIBE && t->op != OP_DESTROY)
		log_warn("%s: %s: %s: %s", t->account->name, action_name(t->action.kind), verdict_name(r->verdict), r->message);
	operation_fact(&f, engine_model(t->x->en), t->account, &t->action, t->began, r);
	engine_fact(t->x->en, &f);
	operation_fact_free(&f);
}

/* ---- the key comes before the first create ---- */

static void begin(struct task *t, enum provider_op_kind op);

static void keep_key(struct task *t, const struct op_reply *r)
{
	struct fact f;

	free(map_get(&t->x->keys, t->slot));
	map_set(&t->x->keys, t->slot, xstrdup(*r->key_id ? r->key_id : ""));
	operation_key_fact(&f, t->account, t->fleet_id, r);
	engine_fact(t->x->en, &f);
}

/* The next create registers it again. */
static void forget_key(struct execute *x, int64_t slot)
{
	free(map_get(&x->keys, slot));
	map_remove(&x->keys, slot);
}

static bool key_under_way(const struct execute *x, int64_t slot)
{
	list_for_each(n, &x->tasks) {
		const struct task *t = CONTAINER_OF(n, struct task, link);

		if (t->slot == slot && t->op == OP_KEY && !t->done && t->call)
			return true;
	}
	return false;
}

/* A hundred creates ask for one key once: what became of it holds for all that wait for it. */
static void release_waiting(struct execute *x, int64_t slot, struct op_reply *r)
{
	list_for_each_safe(n, &x->tasks) {
		struct task *t = CONTAINER_OF(n, struct task, link);

		if (t->slot != slot || !t->waits)
			continue;
		t->waits = false;
		if (r->verdict == VERDICT_OK) {
			begin(t, OP_CREATE);
		} else {
			report(t, r);
			task_end(t);
		}
	}
}

static void task_done(struct task *t)
{
	struct op_reply *r = call_reply(t->call);
	struct engine_span span = engine_enter("provider answer");

	if (t->op == OP_KEY && !t->done) {
		if (r->verdict == VERDICT_OK) {
			keep_key(t, r);
			release_waiting(t->x, t->slot, r);
			call_free(t->call);
			t->call = NULL;
			begin(t, OP_CREATE);
			engine_leave(span);
			return;
		}
		/* Nothing was made: only the key was refused. */
		if (r->verdict == VERDICT_UNSURE)
			r->verdict = VERDICT_RETRY;
		release_waiting(t->x, t->slot, r);
	}
	if (t->done)
		t->done(t->arg, t->account, r);
	else
		report(t, r);
	engine_leave(span);
	task_end(t);
}

static void on_timer(uv_timer_t *timer)
{
	task_step(timer->data);
}

static void count_answer(struct task *t, const struct http_response *res)
{
	enum request_outcome o = res->outcome != HTTP_ANSWERED ? REQUEST_UNANSWERED : res->status >= 200 && res->status < 300 ? REQUEST_OK :
	    res->status == 429 ? REQUEST_LIMITED : res->status >= 400 && res->status < 500 ? REQUEST_REFUSED : REQUEST_FAILED;

	t->x->requests[t->account - engine_config(t->x->en)->accounts].count[o]++;
}

static void on_answer(void *arg, const struct http_response *res)
{
	struct task *t = arg;

	t->transfer = NULL;
	count_answer(t, res);
	call_answer(t->call, clock_steady(), res);
	task_step(t);
}

static void task_step(struct task *t)
{
	const struct http_request *req;
	instant wake = 0, now = clock_steady();

	switch (call_next(t->call, now, &req, &wake)) {
	case CALL_SEND: t->transfer = http_send(t->x->http, req, call_makes(t->call), on_answer, t); break;
	case CALL_WAIT:
		uv_timer_start(&t->timer, on_timer, wake > now ? (uint64_t)((wake - now + MSEC - 1) / MSEC) : 0, 0);
		break;
	case CALL_DONE: task_done(t); break;
	}
}

static void give_host_key(struct task *t, struct op_args *args)
{
	const struct instance *i = model_instance(engine_model(t->x->en), t->action.id);

	t->host_private = (struct buf)BUF(4096);
	t->host_key = i ? derived_host_key(engine_model(t->x->en), i, HOSTKEY_FIRST) : NULL;
	if (!t->host_key || ssh_key_openssh(t->host_key, &t->host_private) < 0)
		return;
	args->host_private = buf_str(&t->host_private);
	args->host_public = ssh_key_public(t->host_key);
}

static void begin(struct task *t, enum provider_op_kind op)
{
	struct op_args args;

	t->op = op;
	operation_args(&args, &t->room, engine_model(t->x->en), t->account, &t->action,
	    ssh_key_public(login_key(t->x, t->fleet_id)), map_get(&t->x->keys, t->slot));
	if (op == OP_CREATE && provider_find(t->account->provider)->caps & CAP_HOST_KEY)
		give_host_key(t, &args);
	t->call = call_new(provider_find(t->account->provider), op, &args, account_limits(t->x, t->account), &t->x->rng);
	t->began = clock_steady();
	/* From the loop, never from inside the caller: a static host answers without a request. */
	uv_timer_start(&t->timer, on_timer, 0, 0);
}

static struct task *task_new(struct execute *x, const struct account *a)
{
	struct task *t = xcalloc(1, sizeof(*t));

	t->x = x;
	t->account = a;
	list_append(&x->tasks, &t->link);
	uv_timer_init(engine_loop(x->en), &t->timer);
	t->timer.data = t;
	return t;
}

void provider_action(struct execute *x, const struct action *a)
{
	const struct account *account = operation_account(engine_config(x->en), engine_model(x->en), a);
	enum provider_op_kind op = operation_kind(engine_model(x->en), a);
	struct task *t;

	if (!account || x->closing)
		return; /* a restart decides anew */
	if (op == OP_CREATE && model_instance(engine_model(x->en), a->id)->stop_requested) {
		struct fact f = { .kind = FACT_CREATED, .id = a->id, .verdict = VERDICT_RETRY, .text = "",
			.message = "stopped before it was sent" };

		engine_fact(x->en, &f);
		return;
	}
	if (op == OP_DESTROY)
		console_ask(x, account, model_instance(engine_model(x->en), a->id));
	t = task_new(x, account);
	t->action = *a;
	t->op = op;
	t->fleet_id = operation_key_fleet(engine_model(x->en), a);
	t->slot = slot_of(x, account, t->fleet_id);
	if (op == OP_KEY_DROP)
		forget_key(x, t->slot);
	if (!operation_needs_key(account, op, map_get(&x->keys, t->slot)))
		begin(t, op);
	else if (key_under_way(x, t->slot))
		t->waits = true;
	else
		begin(t, OP_KEY);
}

void execute_operation(struct execute *x, const struct account *a, enum provider_op_kind op, const struct op_args *args,
    execute_reply_fn *done, void *arg)
{
	struct task *t = task_new(x, a);
	struct op_args full = *args;

	full.account = a;
	full.public_key = ssh_key_public(x->key);
	t->op = op;
	t->done = done;
	t->arg = arg;
	t->call = call_new(provider_find(a->provider), op, &full, account_limits(x, a), &x->rng);
	uv_timer_start(&t->timer, on_timer, 0, 0);
}

void provider_close(struct execute *x)
{
	list_for_each_safe(n, &x->tasks)
		task_end(CONTAINER_OF(n, struct task, link));
}

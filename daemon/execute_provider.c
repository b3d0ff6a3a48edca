/*
 * One provider operation: the pure call machine (providers/call.h) driven over HTTP, its reply turned into a fact.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "execute_private.h"

struct task {
	struct list link;
	struct execute *x;
	const struct account *account;
	enum provider_op_kind op;
	struct action action; /* for the fact; unused with `done` */
	execute_reply_fn *done;
	void *arg;
	struct call *call;
	struct http_transfer *transfer;
	struct offer offer;
	uv_timer_t timer;
	instant began;
	bool finished;
};

static void task_step(struct task *t);

static void task_gone(uv_handle_t *h)
{
	struct task *t = h->data;

	free(t->offer.spec);
	call_free(t->call);
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

static const char *key_id(struct execute *x, const struct account *a)
{
	return map_get(&x->keys, a - engine_config(x->en)->accounts + 1);
}

static money bill_total(const struct op_reply *r, const char *id)
{
	money sum = 0;

	for (size_t k = 0; k < r->bill_count; k++)
		if (!strcmp(r->bills[k].id, id))
			sum = money_add(sum, r->bills[k].amount);
	return sum;
}

static void report(struct task *t, struct op_reply *r)
{
	static const enum fact_kind kinds[] = { [ACTION_OFFERS] = FACT_OFFERS, [ACTION_LIST] = FACT_LISTED,
		[ACTION_BALANCE] = FACT_BALANCE, [ACTION_CREATE] = FACT_CREATED, [ACTION_DESCRIBE] = FACT_DESCRIBED,
		[ACTION_MARK] = FACT_MARKED, [ACTION_DESTROY] = FACT_DESTROYED, [ACTION_BILL] = FACT_BILLED };
	const struct instance *i = model_instance(engine_model(t->x->en), t->action.id);
	struct fact f = { .kind = kinds[t->action.kind], .id = t->action.id, .account = t->account->name, .verdict = r->verdict,
		.message = r->message, .text = r->id, .flag = r->destroy_now, .price = r->price_hour, .retry_after = r->retry_after,
		.began = t->began, .machines = r->machines, .machine_count = r->machine_count, .balance = &r->balance,
		.gpu = t->action.gpu, .gpu_count = t->action.gpu_count };

	if (r->verdict != VERDICT_OK && t->op != OP_DESCRIBE && t->op != OP_DESTROY)
		log_warn("%s: %s: %s: %s", t->account->name, action_name(t->action.kind), verdict_name(r->verdict), r->message);
	if (t->action.kind == ACTION_OFFERS) {
		f.offers = r->offers;
		f.offer_count = r->offer_count;
		r->offers = NULL;
		r->offer_count = 0;
	} else if (t->action.kind == ACTION_BILL && i) {
		f.price = bill_total(r, i->provider_id);
	}
	engine_fact(t->x->en, &f);
	for (size_t k = 0; k < f.offer_count; k++)
		free(f.offers[k].spec);
	free(f.offers);
}

/* ---- the key comes before the first create ---- */

static void begin(struct task *t, enum provider_op_kind op);

static void keep_key(struct task *t, const struct op_reply *r)
{
	int64_t at = t->account - engine_config(t->x->en)->accounts + 1;

	free(map_get(&t->x->keys, at));
	map_set(&t->x->keys, at, xstrdup(*r->key_id ? r->key_id : ""));
}

static void task_done(struct task *t)
{
	struct op_reply *r = call_reply(t->call);
	struct engine_span span = engine_enter("provider answer");

	if (t->op == OP_KEY && !t->done) {
		if (r->verdict == VERDICT_OK) {
			keep_key(t, r);
			call_free(t->call);
			t->call = NULL;
			begin(t, OP_CREATE);
			engine_leave(span);
			return;
		}
		/* Nothing was made: only the key was refused. */
		if (r->verdict == VERDICT_UNSURE)
			r->verdict = VERDICT_RETRY;
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

static void on_answer(void *arg, const struct http_response *res)
{
	struct task *t = arg;

	t->transfer = NULL;
	call_answer(t->call, clock_wall(), res);
	task_step(t);
}

static void task_step(struct task *t)
{
	const struct http_request *req;
	instant wake = 0, now = clock_wall();

	switch (call_next(t->call, now, &req, &wake)) {
	case CALL_SEND: t->transfer = http_send(t->x->http, req, t->op == OP_CREATE, on_answer, t); break;
	case CALL_WAIT:
		uv_timer_start(&t->timer, on_timer, wake > now ? (uint64_t)((wake - now + MSEC - 1) / MSEC) : 0, 0);
		break;
	case CALL_DONE: task_done(t); break;
	}
}

static void set_offer(struct task *t, const struct instance *i)
{
	free(t->offer.spec);
	memset(&t->offer, 0, sizeof(t->offer));
	str_copy(t->offer.account, i->account);
	str_copy(t->offer.provider, i->provider);
	str_copy(t->offer.key, i->offer_key);
	t->offer.spec = xstrdup(i->offer_spec);
	str_copy(t->offer.gpu, i->gpu);
	t->offer.gpu_count = i->gpu_count;
	str_copy(t->offer.region, i->region);
	t->offer.price_hour = i->price_hour;
	t->offer.minimum_charge = i->minimum_charge;
	t->offer.spot = i->spot;
	t->offer.marketplace = i->marketplace;
}

static void begin(struct task *t, enum provider_op_kind op)
{
	const struct config *c = engine_config(t->x->en);
	struct model *m = engine_model(t->x->en);
	const struct instance *i = model_instance(m, t->action.id);
	const struct fleet *f = i ? model_fleet(m, i->fleet_id) : NULL;
	const struct provider *p = provider_find(t->account->provider);
	struct op_args args = { .account = t->account, .gpu_count = t->action.gpu_count };

	t->op = op;
	str_copy(args.gpu, t->action.gpu);
	args.public_key = ssh_key_public(t->x->key);
	if (t->action.kind == ACTION_OFFERS || t->action.kind == ACTION_LIST || t->action.kind == ACTION_BALANCE) {
		/* about the account */
	} else if (i) {
		args.id = i->provider_id;
		args.mark = t->action.kind == ACTION_MARK && *i->new_mark ? i->new_mark : i->mark;
		args.from = i->planned;
		args.until = i->gone ? i->gone + HOUR : 0;
		args.spot = i->spot;
		set_offer(t, i);
		args.offer = &t->offer;
		args.key_id = key_id(t->x, t->account);
		args.image = f && *f->image ? f->image : NULL;
		args.disk_gb = f && f->disk_gb ? f->disk_gb : t->account->disk_gb;
	}
	t->call = call_new(p, op, &args, &t->x->limits[t->account - c->accounts], &t->x->rng);
	t->began = clock_wall();
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

static const struct account *account_for(struct execute *x, const struct action *a)
{
	struct model *m = engine_model(x->en);
	const struct instance *i;

	if (a->kind == ACTION_OFFERS || a->kind == ACTION_LIST || a->kind == ACTION_BALANCE)
		return config_account(engine_config(x->en), m->accounts[a->id - 1]->facts.name);
	i = model_instance(m, a->id);
	return i ? config_account(engine_config(x->en), i->account) : NULL;
}

void provider_action(struct execute *x, const struct action *a)
{
	static const enum provider_op_kind ops[] = { [ACTION_OFFERS] = OP_OFFERS, [ACTION_LIST] = OP_LIST, [ACTION_BALANCE] = OP_BALANCE,
		[ACTION_CREATE] = OP_CREATE, [ACTION_DESCRIBE] = OP_DESCRIBE, [ACTION_MARK] = OP_MARK, [ACTION_DESTROY] = OP_DESTROY,
		[ACTION_BILL] = OP_BILL };
	const struct account *account = account_for(x, a);
	const struct provider *p = account ? provider_find(account->provider) : NULL;
	enum provider_op_kind op = ops[a->kind];
	struct task *t;

	if (!account || x->closing)
		return; /* a restart decides anew */
	if (op == OP_CREATE && model_instance(engine_model(x->en), a->id)->stop_requested) {
		struct fact f = { .kind = FACT_CREATED, .id = a->id, .verdict = VERDICT_RETRY, .text = "",
			.message = "stopped before it was sent" };

		engine_fact(x->en, &f);
		return;
	}
	t = task_new(x, account);
	t->action = *a;
	begin(t, op == OP_CREATE && p->op[OP_KEY].build && !key_id(x, account) ? OP_KEY : op);
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
	t->call = call_new(provider_find(a->provider), op, &full, &x->limits[a - engine_config(x->en)->accounts], &x->rng);
	uv_timer_start(&t->timer, on_timer, 0, 0);
}

void provider_close(struct execute *x)
{
	list_for_each_safe(n, &x->tasks)
		task_end(CONTAINER_OF(n, struct task, link));
}

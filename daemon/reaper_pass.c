/*
 * One pass of the reaper: each account goes through its steps on its own, all of them side by side on one loop.
 *
 *	check - list - (count) - decide - for each that is due: look - delete
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/version.h"
#include "providers/call.h"
#include "providers/http.h"
#include "reaper.h"

#define CLOCK_TOLERANCE (2 * MINUTE) /* an answer's date is whole seconds, and answers take their time */

struct pass {
	uv_loop_t loop;
	struct http *http;
	struct rng rng;
	const struct reap_options *o;
	size_t busy; /* accounts under way */
};

struct watch {
	struct pass *pass;
	struct reap_account *a;
	const struct provider *p;
	enum provider_op_kind op;
	struct call_limits limits;
	struct call *call;
	uv_timer_t timer;
	char account_id[ID_MAX];
	bool dated;          /* clock_off is known */
	struct reap_place place;
	char why[TEXT_MAX];  /* what place.why points to */
	size_t at;           /* the item in work */
};

static void step(struct watch *w);

/* ---- driving one operation ---- */

static void on_timer(uv_timer_t *t)
{
	step(t->data);
}

static void ask(struct watch *w, enum provider_op_kind op, const char *id)
{
	struct op_args args = { .account = w->a->account, .id = id };

	call_free(w->call);
	w->op = op;
	w->call = call_new(w->p, op, &args, &w->limits, &w->pass->rng);
	uv_timer_start(&w->timer, on_timer, 0, 0);
}

static void on_answer(void *arg, const struct http_response *res)
{
	struct watch *w = arg;
	instant now = clock_wall(), theirs;

	if (res->outcome == HTTP_ANSWERED && instant_parse_http(res->date, &theirs)) {
		w->a->clock_off = now - theirs;
		w->dated = true;
	}
	call_answer(w->call, now, res);
	step(w);
}

/* The earlier of both clocks: a machine is overdue only when neither doubts it. */
static instant careful_now(const struct watch *w)
{
	return clock_wall() - (w->dated && w->a->clock_off > CLOCK_TOLERANCE ? w->a->clock_off : 0);
}

/* ---- the steps ---- */

static void on_closed(uv_handle_t *h)
{
	struct watch *w = h->data;
	struct pass *pass = w->pass;

	call_free(w->call);
	free(w);
	if (--pass->busy == 0)
		http_close(pass->http);
}

static void finish(struct watch *w)
{
	uv_close((uv_handle_t *)&w->timer, on_closed);
}

static void next_delete(struct watch *w)
{
	struct reap_account *a = w->a;

	while (w->at < a->count && !a->items[w->at].act)
		w->at++;
	if (w->at < a->count)
		ask(w, OP_DESCRIBE, a->items[w->at].machine->id);
	else
		finish(w);
}

static void checked(struct watch *w, const struct op_reply *r)
{
	if (r->verdict == VERDICT_OK)
		str_copy(w->account_id, r->account_id);
	else
		snprintf(w->a->note, sizeof(w->a->note), "who the token belongs to could not be asked: %.180s", r->message);
	ask(w, OP_LIST, NULL);
}

/* May anything be deleted here, and may machines without a name count as ours? */
static void set_place(struct watch *w)
{
	struct reap_account *a = w->a;
	struct reap_memory *m = &a->memory;
	const struct reap_options *o = w->pass->o;
	bool other = *m->account_id && *w->account_id && strcmp(m->account_id, w->account_id) != 0;

	w->place.site = o->site;
	w->place.provider = a->account->provider;
	if (o->arm) {
		m->armed = true;
		if (*w->account_id)
			str_copy(m->account_id, w->account_id);
	} else if (other) {
		w->place.read_only = true;
		snprintf(w->why, sizeof(w->why), "the token is for '%.60s', it was armed for '%.60s'; if that is right, run once with --delete",
		    w->account_id, m->account_id);
		str_copy(a->trouble, w->why);
	}
	/* Whose account it is must be known where a machine without a name is taken for ours. */
	w->place.exclusive = a->account->exclusive && (!w->p->op[OP_CHECK].build || (*w->account_id && (o->arm || !other)));
	if (!w->place.read_only && (o->dry_run || !m->armed)) {
		w->place.read_only = true;
		str_copy(w->why, o->dry_run ? "dry run" : "not armed: nothing was ever deleted here; run once with --delete");
	}
	w->place.why = w->why;
}

static void say_what_was_found(struct watch *w)
{
	struct reap_account *a = w->a;
	char off[24];

	if (a->tally.forged)
		snprintf(a->trouble, sizeof(a->trouble),
		    "%d machine%s with the name of this site but not from its key: is it the right site.key? nothing of them is touched",
		    a->tally.forged, a->tally.forged == 1 ? "" : "s");
	else if (!*a->trouble && a->tally.held_by_limit) {
		a->full = true;
		snprintf(a->trouble, sizeof(a->trouble), "%d more are overdue: the next pass takes them, or --limit", a->tally.held_by_limit);
	}
	if (!w->dated || (a->clock_off <= CLOCK_TOLERANCE && a->clock_off >= -CLOCK_TOLERANCE))
		return;
	duration_format(a->clock_off < 0 ? -a->clock_off : a->clock_off, off);
	snprintf(a->note, sizeof(a->note), "our clock is %s %s the provider's; a deadline counts when it is over by both", off,
	    a->clock_off < 0 ? "behind" : "ahead of");
}

static void decide(struct watch *w, const struct balance *balance)
{
	struct reap_account *a = w->a;
	instant now = careful_now(w);

	a->listed = true;
	a->believed = reap_believable(&a->memory, a->count, balance, a->trouble);
	set_place(w);
	a->items = xcalloc(a->count ? a->count : 1, sizeof(*a->items));
	if (a->believed || a->count)
		reap_decide(&a->memory, a->machines, a->count, &w->place, &w->pass->o->rules, now, a->items, &a->tally);
	if (a->believed) {
		a->memory.believed = now;
		a->memory.machines = (int)a->count;
	}
	say_what_was_found(w);
	next_delete(w);
}

static void listed(struct watch *w, struct op_reply *r)
{
	struct reap_account *a = w->a;

	if (r->verdict != VERDICT_OK) {
		snprintf(a->trouble, sizeof(a->trouble), "cannot be listed (%s): %.200s", verdict_name(r->verdict), r->message);
		finish(w);
		return;
	}
	a->machines = r->machines;
	a->count = r->machine_count;
	r->machines = NULL;
	r->machine_count = 0;
	if (w->p->caps & CAP_COUNTS)
		ask(w, OP_BALANCE, NULL);
	else
		decide(w, NULL);
}

static void counted(struct watch *w, const struct op_reply *r)
{
	struct balance b = r->balance;

	decide(w, r->verdict == VERDICT_OK ? &b : NULL);
}

static void looked(struct watch *w, const struct op_reply *r)
{
	struct reap_item *i = &w->a->items[w->at];

	if (r->verdict == VERDICT_OK && r->machine_count) {
		if (r->machines[0].over)
			i->gone = true;
		else if (reap_confirm(i, &r->machines[0], &w->place, &w->pass->o->rules, careful_now(w))) {
			ask(w, OP_DESTROY, i->machine->id);
			return;
		}
	} else if (r->verdict == VERDICT_ABSENT) {
		i->gone = true; /* if the next listing shows it again, the next pass does too */
	} else {
		snprintf(i->trouble, sizeof(i->trouble), "could not be looked at: %.200s", r->message);
		w->a->failed++;
	}
	w->at++;
	next_delete(w);
}

static void destroyed(struct watch *w, const struct op_reply *r)
{
	struct reap_item *i = &w->a->items[w->at++];

	if (r->verdict == VERDICT_OK) {
		i->deleted = true;
		w->a->deleted++;
		reap_remember_delete(&w->a->memory, i->machine->id, clock_wall());
	} else if (r->verdict == VERDICT_ABSENT) {
		i->gone = true;
	} else {
		snprintf(i->trouble, sizeof(i->trouble), "the delete was not taken (%s): %.200s", verdict_name(r->verdict), r->message);
		w->a->failed++;
	}
	next_delete(w);
}

static void done(struct watch *w)
{
	struct op_reply *r = call_reply(w->call);

	switch ((int)w->op) {
	case OP_CHECK: checked(w, r); break;
	case OP_LIST: listed(w, r); break;
	case OP_BALANCE: counted(w, r); break;
	case OP_DESCRIBE: looked(w, r); break;
	case OP_DESTROY: destroyed(w, r); break;
	default: BUG("the reaper asks no operation %d", (int)w->op);
	}
}

static void step(struct watch *w)
{
	const struct http_request *req;
	instant wake = 0, now = clock_wall();

	switch (call_next(w->call, now, &req, &wake)) {
	case CALL_SEND: http_send(w->pass->http, req, false, on_answer, w); break;
	case CALL_WAIT:
		uv_timer_start(&w->timer, on_timer, wake > now ? (uint64_t)((wake - now + MSEC - 1) / MSEC) : 0, 0);
		break;
	case CALL_DONE: done(w); break;
	}
}

static void begin(struct pass *pass, struct reap_account *a)
{
	const struct provider *p = provider_find(a->account->provider);
	struct watch *w;

	if (!p)
		BUG("account '%s' has unknown provider '%s'", a->account->name, a->account->provider);
	a->title = p->title;
	a->local = p->caps & CAP_LOCAL;
	if (a->local)
		return;
	if (!a->account->token.value) {
		snprintf(a->trouble, sizeof(a->trouble), "%.250s", a->token_trouble ? a->token_trouble : "there is no token");
		return;
	}
	w = xcalloc(1, sizeof(*w));
	w->pass = pass;
	w->a = a;
	w->p = p;
	uv_timer_init(&pass->loop, &w->timer);
	w->timer.data = w;
	pass->busy++;
	ask(w, p->op[OP_CHECK].build ? OP_CHECK : OP_LIST, NULL);
}

void reaper_pass(struct reap_account *accounts, size_t count, const struct reap_options *o)
{
	struct pass pass = { .o = o };
	struct err e;

	http_global_init();
	uv_loop_init(&pass.loop);
	rng_kernel(&pass.rng);
	if (http_open(&pass.http, &pass.loop, "gpufleet-reaper/" GPUFLEET_VERSION, &e) < 0) {
		for (size_t k = 0; k < count; k++)
			str_copy(accounts[k].trouble, e.msg);
	} else {
		for (size_t k = 0; k < count; k++)
			begin(&pass, &accounts[k]);
		if (!pass.busy)
			http_close(pass.http);
		uv_run(&pass.loop, UV_RUN_DEFAULT);
	}
	uv_loop_close(&pass.loop);
	http_global_cleanup();
}

void reap_account_free(struct reap_account *a)
{
	free(a->machines);
	free(a->items);
	reap_memory_free(&a->memory);
}

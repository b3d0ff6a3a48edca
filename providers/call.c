#include "providers/call_priv.h"
#include "base/mutant.h"

#include "base/str.h"

#define TRIES_MAX    3 /* of one request */
#define PAGES_MAX    200
#define BACKOFF_BASE (SECOND / 2)
#define BACKOFF_CAP  (30 * SECOND)
#define CALL_TIME    (5 * MINUTE)

enum state { IDLE, SENT, DONE };

struct call {
	const struct provider *p;
	enum provider_op_kind kind;
	struct op_args args;
	struct offer offer;
	struct storage volume, snapshot, storage;
	char *text[8]; /* what args points to */
	struct pace pace;
	struct rng *rng;

	enum state state;
	instant deadline, wake;
	int sent, retries, tries, pages; /* tries: of this request */
	bool built;
	bool made;  /* a request that makes has left */
	bool doubt; /* … and its answer was no verdict yet: what it made is being looked for */
	struct http_request req;
	struct op_cursor cursor;
	struct op_cursor *seen; /* cursors of earlier pages */
	struct op_reply reply;
};

static bool is_read(enum provider_op_kind kind)
{
	static const bool reads[OP_NR] = { [OP_CHECK] = true,
		[OP_OFFERS] = true,
		[OP_DESCRIBE] = true,
		[OP_LIST] = true,
		[OP_BALANCE] = true,
		[OP_BILL] = true,
		[OP_LOG] = true,
		[OP_STORAGE] = true,
		[OP_STORAGE_BILL] = true,
		[OP_SNAPSHOT_LOOK] = true };

	return reads[kind];
}

bool op_makes(enum provider_op_kind op)
{
	return op == OP_CREATE || op == OP_VOLUME_MAKE || op == OP_SNAPSHOT_MAKE;
}

/* A create is one request; the others may look before and after the one that makes. */
bool call_makes(const struct call *c)
{
	bool looks = c->kind != OP_CREATE && (c->req.looks || !strcmp(c->req.method, "GET"));

	return op_makes(c->kind) && !looks;
}

/* ---- life ---- */

static char *keep(struct call *c, size_t slot, const char *s)
{
	return c->text[slot] = xstrdup(s);
}

static const struct storage *keep_storage(struct storage *room, const struct storage *given)
{
	if (given)
		*room = *given;
	return given ? room : NULL;
}

struct call *call_new(const struct provider *p, enum provider_op_kind op,
    const struct op_args *args, struct call_limits *limits, struct rng *rng)
{
	struct call *c = xcalloc(1, sizeof(*c));

	c->p = p;
	c->kind = op;
	c->pace = (struct pace){ limits, p->paced_with[op] ? p->paced_with[op] : op, p->rate[op] };
	if (args->account && args->account->rate_factor > 1)
		c->pace.rule.every /= args->account->rate_factor;
	c->rng = rng;
	c->args = *args;
	c->args.mark = keep(c, 0, args->mark);
	c->args.public_key = keep(c, 1, args->public_key);
	c->args.key_id = keep(c, 2, args->key_id);
	c->args.id = keep(c, 3, args->id);
	c->args.image = keep(c, 4, args->image);
	c->args.volume_path = keep(c, 5, args->volume_path);
	c->args.machine = keep(c, 6, args->machine);
	c->args.work = keep(c, 7, args->work);
	c->args.volume = keep_storage(&c->volume, args->volume);
	c->args.snapshot = keep_storage(&c->snapshot, args->snapshot);
	c->args.storage = keep_storage(&c->storage, args->storage);
	if (args->offer) {
		c->offer = *args->offer;
		c->offer.spec = xstrdup(args->offer->spec);
		c->args.offer = &c->offer;
	}
	return c;
}

void call_free(struct call *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < ARRAY_LEN(c->text); i++)
		free(c->text[i]);
	free(c->offer.spec);
	free(c->seen);
	http_request_free(&c->req);
	op_reply_free(&c->reply);
	free(c);
}

struct op_reply *call_reply(struct call *c)
{
	return &c->reply;
}

int call_requests_sent(const struct call *c)
{
	return c->sent;
}

/* ---- the end ---- */

static void finish(struct call *c, enum verdict v)
{
	static const char *const words[] = { [VERDICT_REFUSED] = "refused",
		[VERDICT_NO_CAPACITY] = "nothing left",
		[VERDICT_LIMIT] = "over a limit",
		[VERDICT_RETRY] = "passing trouble",
		[VERDICT_UNSURE] = "no clear answer",
		[VERDICT_DENIED] = "credentials not accepted",
		[VERDICT_ABSENT] = "no such machine" };
	struct op_reply *r = &c->reply;

	if (v == VERDICT_MORE)
		v = VERDICT_RETRY;
	if (c->doubt && v != VERDICT_OK)
		v = VERDICT_UNSURE;
	r->verdict = v;
	if (v == VERDICT_OK)
		facts_check(c->p, c->args.account, c->kind, r);
	if (r->verdict != VERDICT_OK) {
		/* Half a list is worse than none. */
		facts_drop(r, &(struct facts){ 0 });
		if (!*r->message)
			op_fail(r, r->verdict, "%s: %s", c->p->title, words[r->verdict]);
	}
	c->state = DONE;
}

/* ---- sending ---- */

/*
 * How many times in a row we failed decides how far apart the tries are; chance keeps many callers
 * apart.
 */
static duration backoff(struct call *c)
{
	duration most = BACKOFF_BASE << (c->tries < 7 ? c->tries : 7);

	return (duration)rng_below(c->rng, (uint64_t)instant_min(most, BACKOFF_CAP)) + MSEC;
}

static bool prepare(struct call *c)
{
	const struct provider_op *op = &c->p->op[c->kind];

	if (c->built)
		return true;
	if (!op->build) {
		finish(c,
		    op_fail(&c->reply, VERDICT_REFUSED, "%s has no such operation", c->p->title));
		return false;
	}
	op->build(&c->args, &c->cursor, &c->req, &c->reply);
	if (c->req.answered) {
		finish(c, c->reply.verdict);
		return false;
	}
	if (!c->req.url || !c->req.method || !op->read)
		BUG("%s: operation %d built no request", c->p->name, (int)c->kind);
	if (c->made && call_makes(c))
		BUG("%s: operation %d would make a second time", c->p->name, (int)c->kind);
	if (call_makes(c) && !c->req.timeout)
		c->req.timeout = c->p->create_timeout;
	c->built = true;
	return true;
}

static enum call_step wait_until(struct call *c, instant now, instant at, instant *wake)
{
	if (at > c->deadline) {
		if (!c->reply.retry_after)
			c->reply.retry_after = instant_min(at - now, RETRY_AFTER_CAP);
		if (!*c->reply.message)
			op_fail(&c->reply, VERDICT_RETRY, "%s asks us to wait", c->p->title);
		finish(c, VERDICT_RETRY);
		return CALL_DONE;
	}
	*wake = at;
	return CALL_WAIT;
}

enum call_step call_next(
    struct call *c, instant now, const struct http_request **req, instant *wake)
{
	instant at;

	if (c->state == SENT)
		BUG("call_next while a request is out");
	if (c->state == DONE)
		return CALL_DONE;
	/* A wall clock that was set back must not make a short wait a long one. */
	if (!c->deadline || c->deadline > now + CALL_TIME) {
		c->deadline = now + CALL_TIME;
		c->wake = 0;
	}
	if (now >= c->deadline) {
		if (!*c->reply.message)
			op_fail(&c->reply, VERDICT_RETRY, "%s took too long", c->p->title);
		finish(c, VERDICT_RETRY);
		return CALL_DONE;
	}
	if (c->wake > now)
		return wait_until(c, now, c->wake, wake);
	if (!prepare(c))
		return CALL_DONE;
	at = MUTANT("no_pace", pace_permitted(&c->pace, now), now);
	/* Who looks before he deletes does not wait long for a Retry-After: he deletes, which nothing holds back. */
	if (c->kind == OP_DESCRIBE && c->pace.limits->blocked_until > now + BACKOFF_CAP)
		c->deadline = now;
	if (at > now)
		return wait_until(c, now, at, wake);
	pace_spend(&c->pace);
	c->sent++;
	c->tries++;
	c->made = c->made || call_makes(c);
	c->reply.sent_at = now;
	c->state = SENT;
	*req = &c->req;
	return CALL_SEND;
}

/* ---- answers ---- */

/* One more try of the same request, if anything is left to try with. */
static void again(struct call *c, instant now)
{
	bool looks = c->req.looks || !strcmp(c->req.method, "GET");
	bool repeatable = is_read(c->kind) || MUTANT("create_tried_again", false, c->kind == OP_CREATE) || (looks && !call_makes(c));
	instant at = now + c->reply.retry_after + backoff(c);

	/*
	 * Two retries, and one more for every ten requests: a long list may stumble more often than
	 * a short one.
	 */
	if (!repeatable || c->tries >= TRIES_MAX || c->retries >= TRIES_MAX - 1 + c->sent / 10 ||
	    at > c->deadline) {
		finish(c, VERDICT_RETRY);
		return;
	}
	c->retries++;
	c->wake = at;
	c->state = IDLE;
}

static void transport_failed(struct call *c, instant now, const struct http_response *res)
{
	bool unsent = res->outcome == HTTP_NOT_SENT;

	op_fail(&c->reply, VERDICT_RETRY, "%s: %s", c->p->title,
	    *res->trouble ? res->trouble : "no answer");
	if (call_makes(c) && !MUTANT("create_tried_again", false, true))
		finish(c, unsent || MUTANT("broken_is_not_sent", false, true) ? VERDICT_RETRY : VERDICT_UNSURE);
	else
		again(c, now);
}

static bool same_place(
    enum provider_op_kind kind, const struct op_cursor *a, const struct op_cursor *b)
{
	bool same = a->step == b->step && a->number == b->number && !strcmp(a->token, b->token);

	return same && (a->page == b->page || ((kind == OP_LIST || kind == OP_STORAGE) && *a->token));
}

static void next_page(struct call *c, const struct op_cursor *old)
{
	c->seen = xreallocarray(c->seen, (size_t)c->pages + 1, sizeof(*c->seen));
	c->seen[c->pages++] = *old;
	for (int i = 0; i < c->pages; i++) {
		if (same_place(c->kind, &c->seen[i], &c->cursor)) {
			finish(c, op_fail(&c->reply, VERDICT_RETRY, "%s sent the same page twice",
				      c->p->title));
			return;
		}
	}
	if (c->pages >= PAGES_MAX) {
		finish(c, op_fail(&c->reply, VERDICT_RETRY, "%s sent more than %d pages",
			      c->p->title, PAGES_MAX));
		return;
	}
	c->tries = 0;
	c->built = false;
	http_request_free(&c->req);
	c->state = IDLE;
	c->wake = 0;
}

void call_answer(struct call *c, instant now, const struct http_response *res)
{
	struct op_cursor old = c->cursor;
	struct op_reply *r = &c->reply;
	struct facts before = facts_count(r);
	enum verdict v;

	if (c->state != SENT)
		BUG("an answer nobody waits for");
	r->message[0] = '\0';
	r->retry_after = 0;
	if (res->outcome != HTTP_ANSWERED) {
		transport_failed(c, now, res);
		return;
	}
	v = c->p->op[c->kind].read(&c->args, &c->cursor, res, r);
	/* Never followed: a token goes to no address but the configured one. */
	if (res->status >= 300 && res->status <= 399)
		op_fail(r, v, "HTTP %d: the API of %s has moved to another address; set 'api_url' of the account '%s'", res->status, c->p->title,
		    c->args.account ? c->args.account->name : "");
	r->retry_after = pace_heed(&c->pace, now, res, r->retry_after);
	if (call_makes(c)) {
		v = facts_judge_made(c->p, c->kind, r, res->status, v);
		c->doubt = v == VERDICT_MORE;
		if (c->doubt)
			next_page(c, &old);
		else
			finish(c, v);
		return;
	}
	/* "Too fast" says nothing about the machine or the account. */
	if (res->status == 429 || (is_read(c->kind) && v == VERDICT_UNSURE))
		v = VERDICT_RETRY;
	if (v == VERDICT_RETRY) {
		facts_drop(r, &before);
		c->cursor = old;
		again(c, now);
	} else if (v == VERDICT_MORE) {
		next_page(c, &old);
	} else {
		finish(c, v);
	}
}

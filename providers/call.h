/*
 * One operation at one provider as a pure machine: build → send → read → next page → verdict.
 *
 *	struct call *c = call_new(provider, OP_LIST, &args);
 *	switch (call_next(c, now, &req, &wake)) {
 *	case CALL_SEND:  hand req to http (the call keeps it), later call_answer(c, now, &response), then call_next again
 *	case CALL_WAIT:  call_next again at `wake`
 *	case CALL_DONE:  call_reply(c) holds the verdict and the facts
 *	}
 *
 * What is decided here once for all providers (reliability §2.7, §2.13): retries of reads (≤ 3 tries, full jitter, base 0.5 s,
 * cap 30 s), Retry-After in seconds or as a date (capped at 15 min), page caps (200) and repeated cursors (list void → RETRY),
 * merging of duplicate ids, total deadline (5 min for a listing), token buckets per (account, operation). OP_CREATE is sent
 * at most once in the life of a call, whatever happens: a transport failure after bytes left is UNSURE, before it RETRY;
 * any 5xx, 408, 3xx, unknown status or unreadable 2xx is UNSURE. OP_DESTROY and OP_MARK are sent once per call; the core repeats them.
 * No clock and no I/O; randomness comes from the rng given.
 */
#ifndef GPUFLEET_CALL_H
#define GPUFLEET_CALL_H

#include "base/rng.h"
#include "providers/provider.h"

struct call;

/* Token buckets of one account, shared by its calls. Zero-initialised; owned by the caller, outlives the calls. */
struct call_limits {
	struct { duration tokens_us; instant at; duration every; } bucket[OP_NR];
	instant blocked_until; /* a 429's Retry-After holds back every operation but destroy */
};

enum call_step { CALL_SEND, CALL_WAIT, CALL_DONE };

/* Copies what args points to (offer, strings), but not the account. `limits` and `rng` outlive the call. */
struct call *call_new(const struct provider *p, enum provider_op_kind op, const struct op_args *args,
    struct call_limits *limits, struct rng *rng);
void call_free(struct call *c);
/* *req belongs to the call and stays valid until call_answer() or call_free(). */
enum call_step call_next(struct call *c, instant now, const struct http_request **req, instant *wake);
void call_answer(struct call *c, instant now, const struct http_response *res);
/* After CALL_DONE; owned by the call, facts may be taken out (set pointer NULL, count 0). */
struct op_reply *call_reply(struct call *c);
int call_requests_sent(const struct call *c);

#endif

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
 * What is decided here once for all providers (reliability §2.5, §2.7, §2.13):
 *   - reads are tried up to three times, full jitter, base 0.5 s, cap 30 s; so is a GET, or a search, inside an operation that
 *     changes something. Before a try again the facts and the cursor are put back to where the request began;
 *   - what makes a thing that bills (op_makes) is sent at most once in the life of a call, whatever happens: a transport failure
 *     after bytes left is UNSURE, before it RETRY; any 5xx, 408, 3xx, unknown status, 2xx without an id or unreadable 2xx is
 *     UNSURE. Where its answer leads to a look at what is there now, everything but OK is UNSURE from then on;
 *   - every other changing request is sent once per call; trouble is RETRY and the core repeats them;
 *   - Retry-After in seconds or as a date, capped at 15 min, holds back all calls of the account but destroy; a describe that would
 *     have to wait long for it ends at once, as it may stand before a destroy. A 429 without one makes the operation's spacing grow
 *     by half, to two minutes at most, that of destroy to 15 s; success lets it shrink;
 *   - at most 200 pages; a cursor that comes again voids the operation (RETRY); five minutes in all, then RETRY;
 *   - duplicate ids are merged, facts of a failed operation dropped, unusable offers (no price, no GPU, a key that cannot be printed)
 *     left out; an id that is missing or is not one printable word voids a listing of machines or storage, and leaves what makes
 *     UNSURE; control characters in the names that others gave become '?'. account and provider of offers are filled here;
 *   - token buckets per (account, operation).
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

/* Does this operation make something that bills: a machine, a volume, a snapshot? */
bool op_makes(enum provider_op_kind op);

/* Copies what args points to (offer, storage, strings), but not the account and the host key. `limits` and `rng` outlive the call. */
struct call *call_new(const struct provider *p, enum provider_op_kind op, const struct op_args *args,
    struct call_limits *limits, struct rng *rng);
void call_free(struct call *c);
/* *req belongs to the call and stays valid until call_answer() or call_free(). */
enum call_step call_next(struct call *c, instant now, const struct http_request **req, instant *wake);
void call_answer(struct call *c, instant now, const struct http_response *res);
/* May the request that call_next() gave make something that bills? Then it leaves on a fresh connection (reliability §2.5). */
bool call_makes(const struct call *c);
/* After CALL_DONE; owned by the call, facts may be taken out (set pointer NULL, count 0). */
struct op_reply *call_reply(struct call *c);
int call_requests_sent(const struct call *c);

#endif

/*
 * Somebody else than the daemon at a cloud: people with accounts of their own there, and the reaper. Whole operations through the
 * real adapters, one after the other, while virtual time goes on; no network faults, only those of the cloud itself.
 */
#ifndef GPUFLEET_NIGHT_VISITOR_H
#define GPUFLEET_NIGHT_VISITOR_H

#include "night.h"

struct visitor {
	struct sim_night *n;
	int account;
	struct call_limits limits;
	struct rng rng;
};

/* The reply is call_reply()'s; the caller frees the call. */
struct call *visit(struct visitor *v, enum provider_op_kind op, struct op_args *args);

#endif

/*
 * One adapter under test: its operations one request at a time against given answers (struct world), the answers nobody should
 * believe, and whole calls against the model of its cloud in virtual time (struct life).
 */
#ifndef GPUFLEET_TEST_ADAPTER_WORLD_H
#define GPUFLEET_TEST_ADAPTER_WORLD_H

#include "cloud_drive.h"
#include "providers/call.h"

#define MARK         "gf1-abc234-aaaaaaaaaaaaa-zzzzzz-mmmmmmmm"
#define JSON         "application/json"
#define PROBLEM      "application/problem+json"
#define WORLD_TOKEN  "secret-token"

struct world {
	const struct provider *p;
	struct account account;
	struct op_args args; /* args.account is this account */
	struct op_cursor cursor;
	struct http_request req;
	struct op_reply r;
};

void world_open(struct world *w, const struct provider *p);
void world_close(struct world *w);
void world_forget(struct world *w); /* request, reply and cursor; the arguments stay */

/* A file of tests/fixtures/<provider>/, without its last newline. Caller frees. */
char *world_fixture(const struct world *w, const char *name);

/* Writes the request that the arguments and the cursor ask for. */
void world_build(struct world *w, enum provider_op_kind op);
/* Builds, and checks method, URL behind the account's api_url, and authentication. */
void world_asks(struct world *w, enum provider_op_kind op, const char *method, const char *tail);
/* The body of the last request is this JSON, keys in any order. */
void world_asks_with(struct world *w, const char *json);
/* The adapter answers by itself; returns the verdict. */
enum verdict world_answers_alone(struct world *w, enum provider_op_kind op);

/* One answer: read into a buffer of just its size, so that reading past its end is seen. */
enum verdict world_hear(struct world *w, enum provider_op_kind op, int status, const char *type, const char *body);
enum verdict world_hear_file(struct world *w, enum provider_op_kind op, int status, const char *name);

/* It has the operations and the facts without which the core cannot rent there. */
void expect_whole_cloud(const struct provider *p);
void expect_verdict(enum verdict got, enum verdict want);

/* Each operation hears every hostile body with every status and type: no crash, and nothing believed that must not be. */
void world_hears_hostile_answers(struct world *w);
/* Each cut of a good answer with this status is `v`, and no facts. */
void world_hears_cut_answers(struct world *w, enum provider_op_kind op, int status, const char *name, enum verdict v);
/* Bytes changed, moved and doubled by chance: what is taken for a fact is well formed. */
void world_hears_mutations(struct world *w, enum provider_op_kind op, int status, const char *name);

/* ---- whole calls against a model ---- */

struct life {
	const struct provider *p;
	struct drive d;
	struct call_limits limits;
	struct rng rng;
	struct call *c;
	struct account account;
	struct http_request last; /* method, url and body of the last request that was sent */
};

/* `prefix` is what the account's api_url has behind its host: "/v2" or "". */
void life_begins(struct life *l, const struct provider *p, const struct cloud_model *m, const char *prefix);
void life_ends(struct life *l);
/* The reply is the call's, valid until the next one. */
struct op_reply *perform(struct life *l, enum provider_op_kind op, const struct op_args *args);
/* The first offer of this GPU and count; the spec is the caller's. */
struct offer life_offer(struct life *l, const char *gpu, int count);

/* A create under one fault of the model, which is then `v`; the call is sent once. */
struct trouble {
	const char *fault;
	enum provider_op_kind op;
	enum verdict v;
};
void life_has_trouble(struct life *l, const struct trouble *t, const char *gpu);

#endif

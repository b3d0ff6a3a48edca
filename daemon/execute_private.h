/* Between execute.c, execute_provider.c and execute_remote.c only. */
#ifndef GPUFLEET_EXECUTE_PRIVATE_H
#define GPUFLEET_EXECUTE_PRIVATE_H

#include "base/rng.h"
#include "execute.h"
#include "providers/call.h"
#include "providers/http.h"

struct kept_secret {
	struct list link;
	char run_key[16], name[NAME_MAX_];
	struct secret value;
};

struct execute {
	struct engine *en;
	struct http *http;
	struct ssh_pool *pool;
	struct ssh_key *key;
	struct rng rng;
	struct call_limits *limits; /* one per configured account, by its index */
	struct execute_requests *requests; /* the same */
	struct list tasks;          /* provider operations under way */
	struct list conns;          /* connections to instances */
	struct list ops;            /* remote operations under way */
	struct map conn_by_instance;
	struct list secrets;
	struct map odd_keys;        /* instances that did not take the host key that they were given; the pointer is not used */
	struct map consoles;        /* instance → who asks for its console, or the execute itself: it was asked for */
	struct map proofs;          /* instance → struct proof (execute_proof.c) */
	struct map login_keys;      /* fleet with a key pair of its own → struct ssh_key */
	struct map keys;            /* a login key at an account (execute_provider.c: slot_of) → char *: key id that OP_KEY answered */
	int work;                   /* jobs in the thread pool */
	bool closing;
};

/* What lets us in on the machines of that fleet: 0, or a fleet without a key of its own: the site's. */
const struct ssh_key *login_key(struct execute *x, int64_t fleet_id);
void provider_action(struct execute *x, const struct action *a);
void provider_close(struct execute *x);
void remote_action(struct execute *x, const struct action *a);
void remote_close(struct execute *x);
void execute_database(const struct execute *x, char *out, size_t size); /* its path, for the thread pool */
void trial_action(struct execute *x, const struct action *a);
void judge_action(struct execute *x, const struct action *a);
void notify_action(struct execute *x, const struct action *a);
void count_action(struct execute *x, const struct action *a);
void console_ask(struct execute *x, const struct account *a, const struct instance *i);
void consoles_free(struct execute *x);
void proof_forget(struct execute *x, int64_t instance_id);
void proofs_free(struct execute *x);
const char *kept_secret_find(const struct execute *x, const char *run_key, const char *name);
void kept_secrets_drop(struct execute *x, const char *run_key);

#endif

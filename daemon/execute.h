/*
 * An action becomes a call into an adapter; its completion becomes a fact. Nothing here decides anything.
 *
 * execute_provider.c drives providers/call.h over providers/http.h; execute_remote.c drives remote/job.h over remote/ssh.h.
 */
#ifndef GPUFLEET_EXECUTE_H
#define GPUFLEET_EXECUTE_H

#include "engine.h"
#include "providers/provider.h"

struct execute;

int execute_open(struct execute **out, struct engine *en, struct ssh_key *key, struct err *e);
void execute_close(struct execute *x); /* cancels everything; handles close as the loop runs on */
void execute_free(struct execute *x);

void execute_action(struct execute *x, const struct action *a);

/* One operation on demand, for the API (offers, check, balance). `done` gets the reply (owned by the call) later, from the loop. */
typedef void execute_reply_fn(void *arg, const struct account *a, struct op_reply *reply);
void execute_operation(struct execute *x, const struct account *a, enum provider_op_kind op, const struct op_args *args,
    execute_reply_fn *done, void *arg);

/*
 * May this token (NULL: none) read this model of the hub? False: it is not a name of the hub, nothing is asked. Else `done` later,
 * with the refusal, or NULL: it may, or nobody could say.
 */
typedef void execute_hub_fn(void *arg, const struct err *refusal);
bool execute_hub(struct execute *x, const char *model, const char *token, execute_hub_fn *done, void *arg);

/*
 * A command on an instance over the daemon's connection (API exec and authorize). Returns -1 when the instance cannot take one
 * now. The callbacks are those of ssh_exec(); after execute_exec_cancel() none is called.
 */
struct execute_exec;
int execute_exec(struct execute *x, const struct instance *i, const struct ssh_command *c, struct execute_exec **out, struct err *e);
void execute_exec_cancel(struct execute_exec *ex);

/* Files of a run on this host: state_dir/runs/<key>/{payload.tar,stdout,stderr,results/}. Writes at most size bytes. */
void execute_run_path(const struct engine *en, const char *key, const char *name, char *out, size_t size);
/* … and the console of a machine that failed, by instance: console.log. */
void execute_console_path(const struct engine *en, int64_t instance_id, const char *name, char *out, size_t size);
/* Values for secrets that came with a request: kept in memory only, wiped when the run ends. */
void execute_keep_secret(struct execute *x, const char *run_key, const char *name, const char *value);

/* Requests to the providers since the start, by what came of them; one for each account of the configuration. */
enum request_outcome { REQUEST_OK, REQUEST_LIMITED /* 429 */, REQUEST_REFUSED, REQUEST_FAILED, REQUEST_UNANSWERED, REQUEST_OUTCOMES };
struct execute_requests { int64_t count[REQUEST_OUTCOMES]; };
const struct execute_requests *execute_requests(const struct execute *x);

int execute_ssh_connections(const struct execute *x);
int execute_http_in_flight(const struct execute *x);

#endif

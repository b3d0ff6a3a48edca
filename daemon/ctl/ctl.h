/*
 * What every command of gpufleetctl has at hand.
 *
 * A command's run() returns the exit status of the program, or -1 with one sentence in *e; main prints it once and turns its
 * code into the exit status. Data goes to standard output; questions, progress and messages to standard error.
 */
#ifndef GPUFLEET_CTL_H
#define GPUFLEET_CTL_H

#include "base/json.h"
#include "ctl/args.h"
#include "ctl/client.h"
#include "ctl/term.h"

#define EXIT_INTERRUPTED 130 /* as the shell says for SIGINT */

struct ctl {
	struct args args;
	const char *socket_option, *config_option, *url_option; /* --socket, --config and --url, NULL: not given */
	bool local;                                /* this host's daemon is meant, whatever $GPUFLEET_URL says */
	bool json;                                 /* --json */
	struct client *client;                     /* by ctl_connect() */
	json_t *problem;                           /* the last problem document of the daemon, or NULL */
};

/* All commands, ended by NULL. */
extern const struct command *const ctl_commands[];
const struct command *command_find(const char *name); /* by name or alias, or NULL */

/* The whole program: parse, run, print what went wrong. Returns the exit status. */
int ctl_main(int argc, char **argv);

/* Find the daemon and start it when it may be started on demand (never one elsewhere); at once when already done. */
int ctl_connect(struct ctl *c, struct err *e);

/*
 * One request, connecting first. `path` begins with '/'. *answer (may be NULL) becomes the caller's. A problem document becomes
 * *e and stays in c->problem. POST carries `key` as Idempotency-Key and, having one, is sent again when the connection broke.
 */
int ctl_get(struct ctl *c, const char *path, json_t **answer, struct err *e);
int ctl_post(struct ctl *c, const char *path, const json_t *body, const char *key, json_t **answer, struct err *e);
int ctl_delete(struct ctl *c, const char *path, json_t **answer, struct err *e);

/* A path under /v1 with its words percent-encoded: each %s is encoded, the rest is copied. Caller frees. */
char *ctl_path(const char *fmt, ...);
/* 32 hexadecimal digits that nobody has used before. */
void ctl_new_key(char out[33]);

/* Print a document to standard output: indented on a terminal, one line elsewhere. */
void ctl_print_json(const json_t *j);
/* A line, made safe, in a style; and the plain one on standard error. */
void ctl_print(FILE *to, enum style style, const char *fmt, ...) PRINTF_LIKE(3, 4);
void ctl_say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Exit status for the cause that ended a fleet or run: unplaceable 4, money 3 … */
int ctl_cause_exit(const char *cause);
enum err_code ctl_cause_code(const char *cause);

/* "run-12", "12" → 12; -1 with a sentence otherwise. */
int ctl_run_id(const char *text, int64_t *id, struct err *e);
/* "perf/2" → name and instance slot (0 when there is none). */
int ctl_fleet_slot(const char *text, char *name, size_t size, int64_t *slot, struct err *e);
/* POST /v1/fleets/NAME/`verb` about the instance `target` means; `body` is taken. `label` becomes "NAME/SLOT". */
int ctl_post_instance(struct ctl *c, const char *target, const char *verb, json_t *body, char label[96], json_t **answer, struct err *e);

#endif

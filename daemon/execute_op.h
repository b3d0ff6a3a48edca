/*
 * One action on one machine: commands in sequence on the instance's connection, perhaps with work of the thread pool between
 * them. It ends with exactly one fact. Shared by execute_remote.c (the loop around it), execute_push.c and execute_collect.c.
 */
#ifndef GPUFLEET_EXECUTE_OP_H
#define GPUFLEET_EXECUTE_OP_H

#include "execute_private.h"
#include "remote/job.h"
#include "remote/pieces.h"
#include "remote/result.h"

#define RESULTS_MAX ((size_t)64 * 1024 * 1024)

struct conn {
	struct list link;
	struct execute *x;
	int64_t instance_id;
	struct ssh *ssh;
	char host_key[512];
	enum trust trust;         /* what a first contact is worth */
	bool ours;                /* … because we gave the machine its host key */
	enum ssh_outcome failure; /* why it did not open */
	bool dead;
	int users; /* commands under way */
};

/* What a contact does, in this order; the last two only where they are needed. */
enum connect_step { CONNECT_PROBE, CONNECT_LEASE, CONNECT_VOLUME, CONNECT_REKEY };

struct op {
	struct list link;
	struct execute *x;
	struct action action;
	struct conn *conn;
	char key[16];       /* of the run, for run actions */
	char payload[16];   /* … of the run whose payload it has: rank 0's of a gang */
	int step;           /* CONNECT: enum connect_step; others count */
	struct job_probe probe; /* CONNECT: what the first step found */
	duration leased;        /* CONNECT: what the second gave */
	enum watchdog watchdog; /* … and what the machine could do with it */
	struct buf out, err;
	uv_work_t work;
	void (*work_done)(struct op *op);
	bool working;       /* the thread pool has it */
	enum ssh_outcome outcome; /* COLLECT: of the command whose output is being looked at */
	int64_t bytes;      /* collected */
	char message[TEXT_MAX];
	char reader[64];    /* COLLECT: of the run's recipe */
	struct results results;
	struct pieces pieces; /* PUSH */
};

/* ---- execute_remote.c ---- */

void op_exec(struct op *op, const struct instance *i, const char *command, const void *input, size_t n, const char *file);
void op_step(struct op *op); /* the next command, by op->step */
/* One fact ends the op. `refused`: trying again will not help. */
void op_end(struct op *op, enum ssh_outcome contact, bool refused, enum cause cause, const char *message);
/* The machine answers; whether it could be given a lease as well is in `armed`. */
void op_connected(struct op *op, const char *host_key, enum trust trust, enum watchdog armed);
/* `work` in the thread pool, then `done` in the loop; unless the daemon ends meanwhile. */
void op_work(struct op *op, void (*work)(uv_work_t *w), void (*done)(struct op *op));

/* ---- execute_proof.c ---- */

bool proof_relayed(const struct instance *i); /* is its address a relay of its provider's? */
/* Before the first contact: should its log be asked first? */
bool proof_wanted(struct execute *x, const struct instance *i);
void proof_ask(struct op *op, const struct instance *i); /* then op_step() again, or a fact */
void proof_expect(struct conn *c, struct ssh_target *t, const struct instance *i); /* what a first contact must show */
/* Did it show the key of its user data, which others can read there? Then it gets another one. */
bool proof_rekey_wanted(const struct op *op, const char *shown);
void proof_rekey_command(const struct op *op, const struct instance *i, struct buf *cmd, struct buf *input);
void proof_rekeyed(struct op *op, const char *shown, const char *complaint); /* complaint NULL: it has it */

/* ---- execute_push.c ---- */

void push_step(struct op *op, const struct run *r, const struct instance *i);
void push_answered(struct op *op); /* status 0 */
void push_forget(struct op *op);   /* it ends */

/* ---- execute_collect.c ---- */

void collect_step(struct op *op, const struct run *r, const struct instance *i);
void collect_answered(struct op *op, enum ssh_outcome outcome, const char *message); /* whole, or as far as it came */

#endif

/*
 * Runs of several instances (gang.c), for those outside of the core who push, show and store them.
 */
#ifndef GPUFLEET_CORE_GANG_H
#define GPUFLEET_CORE_GANG_H

#include "core/model.h"

#define GANG_MOST 100 /* ranks of one run */
#define GANG_PORT "29500" /* where rank 0 is to be found by the others: torchrun's own */

/* Rank 0's run: what people see, and whose params, spec and payload are everybody's. `r` itself where there is one instance. */
struct run *gang_leader(const struct model *m, const struct run *r);
struct run *gang_rank(const struct model *m, const struct run *r, int rank); /* NULL: none of that rank is in memory */
/* The key of a rank, from rank 0's of 13 characters: another directory on this host. */
void gang_key(char out[16], const char *key, int rank);
/* How the ranks reach that one: its private address when all have one, else its public one; alone: "127.0.0.1". "": not assigned. */
const char *gang_address(const struct model *m, const struct run *r, int rank);
bool gang_is_private(const struct model *m, const struct run *r);
/* Could a run of so many instances ever begin on this fleet? */
bool gang_admits(const struct model *m, const struct fleet *f, int ranks, struct err *e);

#endif

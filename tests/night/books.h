/*
 * The books of a night: budgets and the ledger, judged at every commit and proved at the end (reliability §2.2 I3, I5).
 */
#ifndef GPUFLEET_NIGHT_BOOKS_H
#define GPUFLEET_NIGHT_BOOKS_H

#include "night.h"

/* ACTION_COUNT: asked of a copy of the database, as the daemon asks the database. */
void books_count(struct sim_night *n, const struct action *a);
/* These postings are durable: is every hard budget kept? */
void books_posted(struct sim_night *n, const struct posting *postings, size_t count);
/* The ledger proves itself, every table of a report adds up, and what providers are owed is what their models bill. */
void books_prove(struct sim_night *n, bool settled);
void books_close(struct sim_night *n);

#endif

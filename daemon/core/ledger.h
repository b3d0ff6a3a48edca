/*
 * The ledger: every movement of money is one row that debits one account and credits another, written once and never changed
 * (reliability §2.12). What is due is derived from the instances that changed, at the one place where batches are made, so that no
 * commit holds a change of an instance without its money.
 *
 *	HOLD   held ← free            the worst case of an instance, as it is reserved, raised and given back
 *	USE    cost ← provider:NAME   what our clock and the provider's rule say of a stretch of its time: one posting for each part of
 *	       (or loss)              its life, run, price and day (UTC); the last one what minimum charge and rounding add
 *	BILL   adjust ← provider:NAME what the provider's own record says beyond that, when it is final, and when it changes later
 *
 * (subject, number) is a posting's key: nothing can be booked twice. A negative amount goes the other way.
 */
#ifndef GPUFLEET_LEDGER_H
#define GPUFLEET_LEDGER_H

#include "core/model.h"

/* Book what changed since the last call: whatever is in the next commit. Before each batch (daemon/wheel.c). */
void ledger_post(struct model *m);
/* An instance costs another price from now on: its time so far is booked at the old one. */
void ledger_price(struct model *m, struct instance *i, money price_hour);
/* When an instance's time has to be booked although nothing changes: at midnight. FOREVER: it is not metered. */
instant ledger_due(const struct instance *i);
/* Of a live instance: what is reserved for it and not booked yet. */
money ledger_held(const struct instance *i);

/*
 * Volumes and snapshots: HOLD, USE and BILL like machines, with the one part "storage", booked by the day (UTC). Months are of 730
 * hours. Their bill is booked in steps (storage_bill.c), each on the time since the step before.
 */
money storage_hold(const struct extra *x);        /* what it costs until keep_until, what is booked included */
money ledger_storage_held(const struct extra *x); /* … what is not booked yet */
instant ledger_storage_due(const struct extra *x);
/* It costs another price from now on: its time so far is booked at the old one. */
void ledger_storage_price(struct model *m, struct extra *x, money price_month);
/* Its bill is final up to then: what that says beyond the meter, and is not booked yet. */
void ledger_storage_bill(struct model *m, struct extra *x, instant until);

#endif

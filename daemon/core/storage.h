/*
 * Volumes and snapshots (struct extra): made, found again, kept until somebody said, deleted; and orders of machines that name them.
 *
 * Each is named by a person, once per kind, and carries a mark of its own at the provider (mark.h). Its money is held until the day
 * up to which it is kept, and booked by the day (part "storage" of the ledger). The reaper never deletes it.
 */
#ifndef GPUFLEET_STORAGE_H
#define GPUFLEET_STORAGE_H

#include "core/action.h"
#include "core/fact.h"

#define STORAGE_KEEP (30 * DAY)  /* when nobody says how long */
#define STORAGE_MOST (366 * DAY) /* nothing is kept for longer without being asked for again */

bool storage_kind_of(const struct extra *x); /* a volume or snapshot, and not a key */
/* The machine that has this volume, or may have it: ordered and not GONE. NULL: none. */
const struct instance *storage_user(const struct model *m, const struct extra *x);

/* May a fleet be opened that names a volume, a snapshot? ERR_USAGE, ERR_CONFLICT. */
int storage_order_ok(const struct model *m, const struct fleet *f, struct err *e);
/* Is its volume still with a machine of another fleet, which is on its way out? Then nothing is ordered yet. */
bool storage_waits(const struct model *m, const struct fleet *f);
/* Can the offer's machine have what the fleet names? */
bool storage_fits(const struct model *m, const struct fleet *f, const struct offer *o, char why[TEXT_MAX]);

#endif

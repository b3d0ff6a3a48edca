/* Volumes and snapshots as the API shows them. */
#ifndef GPUFLEET_VIEW_STORAGE_H
#define GPUFLEET_VIEW_STORAGE_H

#include "base/json.h"
#include "core/model.h"

/*
 * {id, kind, name, state, account, provider, region, host, provider_id, provider_name, size_gb, disk_gb, gpu, owner, budget, price_month,
 * metered, held, created, keep_until, used_by, moving, mounted,
 * of, reason}
 *
 * used_by   a volume: the fleet whose machine has it, or may have it; null: none
 * moving    it is on its way to a machine that runs, or off one; mounted: runs find it there
 * of        a snapshot: of which machine or volume, as its provider calls it
 * metered   by our clock up to now
 */
json_t *view_storage(const struct model *m, const struct extra *x, instant now);

#endif

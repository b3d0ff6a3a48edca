/*
 * Campaigns and their nights as the JSON of the API, while they are in memory; what is over is read from the database
 * (db/history.h) in the same words.
 */
#ifndef GPUFLEET_VIEW_NIGHTS_H
#define GPUFLEET_VIEW_NIGHTS_H

#include "base/json.h"
#include "core/model.h"

/* {name, owner, state, definition, recipe, cells, schedule…, next, night: the one that runs, or null} */
json_t *view_campaign(const struct model *m, const struct campaign *c, instant now);
json_t *view_night(const struct model *m, const struct night *n, instant now);
json_t *view_trial(const struct model *m, const struct trial *t);
/* Firings after `from`: [{tick, begins, local}…]; empty without a schedule. */
json_t *view_firings(const struct plan *p, instant from, int count);
json_t *view_plan(const struct plan *p);

#endif

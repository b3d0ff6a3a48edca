/*
 * What people see: objects of the model as the JSON of daemon/api.md. Pure: reads the model, asks for nothing else.
 */
#ifndef GPUFLEET_VIEW_H
#define GPUFLEET_VIEW_H

#include "base/json.h"
#include "core/model.h"

json_t *view_offer(const struct model *m, const struct offer *o);
json_t *view_instance(const struct model *m, const struct instance *i, instant now);
json_t *view_fleet(const struct model *m, const struct fleet *f, instant now);
json_t *view_run(const struct model *m, const struct run *r);
json_t *view_event(const struct model *m, const struct event *e);
json_t *view_account(const struct account_state *a, const char *token_where);
/* {"fleets":[…],"totals":{…},"accounts":[those with trouble]}; `all`: closed ones too. Newest last. `brief`: each fleet as a line of a list,
 * without its machines and runs, but with how many are ready and where they are: what 1000 machines are in would be a megabyte. */
json_t *view_status(const struct model *m, bool all, bool brief, instant now);
/* One word or two: placing, booting, ready, busy, closing, closed. */
const char *view_phase(const struct fleet *f);

#endif

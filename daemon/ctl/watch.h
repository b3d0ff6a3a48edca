/*
 * Waiting for fleets: asks the daemon about once a second, shows progress, and comes back when there is something to say.
 */
#ifndef GPUFLEET_CTL_WATCH_H
#define GPUFLEET_CTL_WATCH_H

#include "ctl/ctl.h"
#include "ctl/progress.h"

/* The fleet inside {"fleet": …}, the caller's. */
int ctl_get_fleet(struct ctl *c, const char *name, json_t **fleet, struct err *e);

enum watch_end { WATCH_READY, WATCH_ENDED, WATCH_INTERRUPTED, WATCH_TIMEOUT };

struct watch {
	struct progress progress;
	struct seen *seen; /* what was said about each instance */
	size_t seen_count;
	duration lost_since; /* the daemon is out of reach, as while it restarts; 0: it answers */
};

void watch_begin(struct watch *w);
void watch_free(struct watch *w);
/* Tell what changed, and draw. `head`: what stands in front of the first line; NULL: the fleet's own. */
void watch_show(struct watch *w, const json_t *fleet, const char *head);
/* Was the failure one that a restart of the daemon explains, and is it younger than a minute? Then 0 and the text is drawn. */
int watch_excuse(struct watch *w, struct err *e);

/* Until all instances are ready, the fleet ends, Ctrl-C, or `limit` (0: none). *fleet: the last picture, the caller's. */
int watch_ready(struct ctl *c, struct watch *w, const char *name, duration limit, json_t **fleet, enum watch_end *end,
    struct err *e);
/* Until the provider has taken every delete and shows no instance any more. */
int watch_down(struct ctl *c, struct watch *w, const char *name, duration limit, json_t **fleet, enum watch_end *end,
    struct err *e);

bool watch_is_ready(const json_t *fleet);
bool watch_is_down(const json_t *fleet);

#endif

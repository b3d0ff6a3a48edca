/* What `volumes`, `snapshots` and `prepare` share. */
#ifndef GPUFLEET_CTL_STORAGE_H
#define GPUFLEET_CTL_STORAGE_H

#include "ctl/ctl.h"

/* One by name: the object inside {"volume": …} or {"snapshot": …}, the caller's. `kind` is "volume" or "snapshot". */
int storage_get(struct ctl *c, const char *kind, const char *name, json_t **object, struct err *e);
/*
 * Until it is there (0), or came to nothing (-1 with the reason); *object: the last picture, the caller's. EXIT_INTERRUPTED: Ctrl-C; it
 * goes on in the daemon.
 */
int storage_wait(struct ctl *c, const char *kind, int64_t id, json_t **object, struct err *e);
/* Until it has come to the machine it was on its way to, or has left it. */
int storage_wait_moved(struct ctl *c, int64_t id, bool attached, json_t **object, struct err *e);
/* Until the provider has it no more. */
int storage_wait_gone(struct ctl *c, const char *kind, int64_t id, struct err *e);

#endif

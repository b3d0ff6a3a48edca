/*
 * Where things are when nobody says: configuration, state and socket. Root's daemon lives in /etc, /var/lib
 * and /run; anybody else's below the XDG directories. gpufleetctl uses the same answers to find the daemon.
 */
#ifndef GPUFLEET_PATHS_H
#define GPUFLEET_PATHS_H

#include "base/buf.h"
#include "base/err.h"

#define PATHS_SYSTEM_CONFIG "/etc/gpufleet/gpufleetd.yaml"
#define PATHS_SYSTEM_STATE  "/var/lib/gpufleet"
#define PATHS_SYSTEM_SOCKET "/run/gpufleet/gpufleetd.sock"

/* The n-th place (from 0) where a configuration is looked for, most particular first; NULL behind the last.
 * Caller frees. $GPUFLEET_CONFIG is *named* (it must exist), the others need not. */
char *paths_config(int n, bool *named);
/* Default state directory; -1 when there is no home directory. */
int paths_state_dir(char *out, size_t size, struct err *e);
/* Default socket: /run/gpufleet for root, $XDG_RUNTIME_DIR/gpufleet, else inside state_dir. */
int paths_socket(char *out, size_t size, const char *state_dir, struct err *e);
/* A Unix socket address holds 107 bytes of path. */
int paths_check_socket(const char *path, struct err *e);

#endif

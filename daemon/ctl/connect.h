/*
 * Where the daemon is and, when it is this user's own and does not run, how it is started.
 */
#ifndef GPUFLEET_CTL_CONNECT_H
#define GPUFLEET_CTL_CONNECT_H

#include "base/err.h"

#define CONNECT_PATH_MAX 512

struct where {
	char socket[CONNECT_PATH_MAX];
	char config[CONNECT_PATH_MAX]; /* configuration file that was found; "": none */
	char state_dir[CONNECT_PATH_MAX];
	bool startable; /* a daemon started by this user would listen there */
};

/*
 * --socket, $GPUFLEET_SOCKET, `socket` in the configuration (architecture §14: --config, $GPUFLEET_CONFIG, the user's, the
 * system's), its state_dir, the defaults of config/paths.h. Somebody without a configuration of their own is sent to the
 * system's daemon when that one is there.
 */
int connect_where(struct where *w, const char *socket_option, const char *config_option, struct err *e);

/* 0: something listens; else the errno of connect(). */
int connect_probe(const char *socket);

/* Start gpufleetd in the background and wait until it is ready. -1: *e is what it said. */
int connect_start(const struct where *w, struct err *e);
/* Probe and, where that helps, start. */
int connect_ensure(const struct where *w, struct err *e);

/* The gpufleetd that would be started: next to this program, else in PATH. Caller frees; NULL: none. */
char *connect_daemon(void);

#endif

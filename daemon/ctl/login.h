/*
 * The way from this host to a machine with the system's own ssh and scp: our public keys are put there over the daemon's
 * connection, and the host key that was pinned is the only one that is accepted.
 */
#ifndef GPUFLEET_CTL_LOGIN_H
#define GPUFLEET_CTL_LOGIN_H

#include "ctl/ctl.h"

#define LOGIN_ARGS_MAX 64

struct login {
	json_t *where; /* {"address","port","user","host_key"} */
	char *known;   /* a known_hosts file with the one key */
};

/* `target`: "FLEET" or "FLEET/I". */
int login_open(struct ctl *c, const char *target, struct login *l, struct err *e);
void login_free(struct login *l);
/* Options that ssh and scp understand alike, without the port; at most LOGIN_ARGS_MAX. The words are never freed: an exec follows. */
size_t login_options(const struct login *l, char **argv);

#endif

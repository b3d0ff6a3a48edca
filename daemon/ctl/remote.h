/*
 * A daemon elsewhere: --url or $GPUFLEET_URL, and the token that opens it. Nothing is started there, and no token is ever typed.
 */
#ifndef GPUFLEET_CTL_REMOTE_H
#define GPUFLEET_CTL_REMOTE_H

#include "ctl/ctl.h"

/* The address of the daemon elsewhere, as given; NULL: the daemon is found by its socket. --socket and --config beat $GPUFLEET_URL. */
const char *remote_url(const struct ctl *c);
/* Check the address and find the token: in $GPUFLEET_TOKEN_FILE, in $GPUFLEET_TOKEN, in ~/.config/gpufleet/token. */
int remote_client(const char *url, struct client **out, struct err *e);
/* Is the daemon on another machine for all we know? An address of this one may be a tunnel's. */
bool remote_is_elsewhere(const struct ctl *c);
/* ~/.config/gpufleet/token. Caller frees; NULL: no home directory. */
char *remote_token_file(void);

#endif

/*
 * Who is let in over TCP (reliability A6, A7): what a request's headers have to say before anything else of it is looked at. Pure.
 *
 * A browser on this machine can be made to send requests here by any page, and a name of that page's can be made to mean this address.
 * So the Host must be one that we know, an Origin must be one of them, and what the browser says of the page's site must not be foreign.
 */
#ifndef GPUFLEET_GUARD_H
#define GPUFLEET_GUARD_H

#include "config/config.h"

/* Is it the address of `listen`, localhost with its port, or one of listen_names? */
bool guard_host(const struct config *c, const char *host);
/* http or https at such a host. */
bool guard_origin(const struct config *c, const char *origin);
/* Sec-Fetch-Site, NULL: not sent. Another port of this host is another site. */
bool guard_fetch(const char *site);

/*
 * Whose token stands in an Authorization header (NULL: there is none)? NULL: nobody's. Every token is compared, whatever was sent and
 * whichever fits, so that the time says nothing.
 */
const struct config_token *guard_token(const struct config *c, const char *authorization);

#endif

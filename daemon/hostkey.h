/*
 * The host key of a machine that takes it from its user data at first boot (reliability §5.2 B4: trust "preset"): known before
 * anything was connected, so that nobody can stand in between at first contact.
 *
 * It is derived from the site's key and the order, and stored nowhere: after a crash between the order and its answer, and after
 * a restart, the same keys are expected. What runs on the machine can read the user data, so that its first key is good for the
 * first contact only: the machine is given another one then, over the connection that the first one proved.
 */
#ifndef GPUFLEET_HOSTKEY_H
#define GPUFLEET_HOSTKEY_H

#include "core/model.h"
#include "remote/ssh_key.h"

enum hostkey {
	HOSTKEY_FIRST,   /* of its user data */
	HOSTKEY_LASTING, /* which it is given at first contact */
};

/* The caller frees it; NULL: libcrypto cannot. */
struct ssh_key *hostkey_of(const struct model *m, const struct instance *i, enum hostkey which);

#endif

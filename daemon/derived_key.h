/*
 * SSH keys that are derived from the site's secret and what they are for, and stored nowhere: after a crash between an order and
 * its answer, and after a restart, the same keys are expected.
 */
#ifndef GPUFLEET_DERIVED_KEY_H
#define GPUFLEET_DERIVED_KEY_H

#include "core/model.h"
#include "remote/ssh_key.h"

/*
 * The host key of a machine that takes it from its user data at first boot (reliability §5.2 B4: trust "preset"): known before
 * anything was connected, so that nobody can stand in between at first contact. What runs on the machine can read the user data,
 * so that its first key is good for the first contact only: the machine is given another one then, over the connection that the
 * first one proved.
 */
enum hostkey {
	HOSTKEY_FIRST,   /* of its user data */
	HOSTKEY_LASTING, /* which it is given at first contact */
};
/* The caller frees it; NULL: libcrypto cannot. */
struct ssh_key *derived_host_key(const struct model *m, const struct instance *i, enum hostkey which);

/* What lets us in on the machines of a fleet with a key pair of its own (struct fleet: own_key); as above. */
struct ssh_key *derived_fleet_key(const struct model *m, const struct fleet *f);

#endif

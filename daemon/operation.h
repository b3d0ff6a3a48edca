/*
 * Between the core's words and the adapters': an action and the model make the arguments of a provider operation, its reply
 * makes the fact that answers the action. No I/O and no loop; the daemon and the simulator use it alike.
 */
#ifndef GPUFLEET_OPERATION_H
#define GPUFLEET_OPERATION_H

#include "config/config.h"
#include "core/core.h"
#include "providers/provider.h"

/* What the core must know of an account's provider. */
void operation_account_facts(const struct config *c, const struct account *a, struct account_facts *out);

/* The account an action is for; NULL: it is not configured (a restart decides anew). */
const struct account *operation_account(const struct config *c, const struct model *m, const struct action *a);
/* For the actions that ask a provider (ACTION_OFFERS … ACTION_STORAGE_LOOK). */
enum provider_op_kind operation_kind(const struct model *m, const struct action *a);

#define OPERATION_VOLUMES "/root/volumes/" /* where a container sees a volume; elsewhere remote/job-volume.sh mounts it */

/* What arguments point to and the model does not have in that form. Zeroed at first; operation_room_free(). */
struct operation_room {
	struct offer offer;
	struct storage volume, snapshot, storage;
	char volume_path[NAME_MAX_ + 32];
};
void operation_room_free(struct operation_room *room);

/*
 * Arguments of an action, as call_new() takes them. They point into the model, the account and the room; call_new() copies them.
 * `public_key` and `key_id` (NULL: none yet) are passed on.
 */
void operation_args(struct op_args *out, struct operation_room *room, const struct model *m, const struct account *account,
    const struct action *a, const char *public_key, const char *key_id);

/* Whose key pair the action is about: of the fleet with this id, or (0) the site's. */
int64_t operation_key_fleet(const struct model *m, const struct action *a);

/* That key has to be at the provider before the first create with it there. */
bool operation_needs_key(const struct account *account, enum provider_op_kind op, const char *key_id);

/* OP_KEY has answered OK: our key is there. */
void operation_key_fact(struct fact *f, const struct account *account, int64_t fleet_id, const struct op_reply *reply);

/* The fact behind a reply; `began` is when the first request left. It points into the reply, and takes the offers out of it:
 * operation_fact_free() when core_apply() has returned. */
void operation_fact(struct fact *f, const struct model *m, const struct account *account, const struct action *a, instant began,
    struct op_reply *reply);
void operation_fact_free(struct fact *f);

#endif

/*
 * Volumes and snapshots in the models: what keeps data, and costs money, beside machines.
 *
 * A store belongs to the account. Deleting a machine ends its uses of stores and nothing else of them. A use has a beginning and
 * an end in virtual time, both of which may lie ahead: an attach takes a while, and a volume is free only some time after its
 * machine was deleted. The models decide who may use what; a front that has real directories asks cloud_store_used() what a
 * machine sees. As elsewhere: no I/O, no clock, and chance is asked only where a fault is switched on.
 */
#ifndef GPUFLEET_SIM_CLOUD_STORAGE_H
#define GPUFLEET_SIM_CLOUD_STORAGE_H

#include "cloud.h"

enum sim_store_kind {
	SIM_VOLUME,
	SIM_DISK_SNAPSHOT,   /* of a machine's own disk */
	SIM_VOLUME_SNAPSHOT, /* of a volume */
};

const char *sim_store_kind_name(enum sim_store_kind kind); /* "volume", "disk_snapshot", "volume_snapshot" */

struct sim_use {
	struct sim_machine *machine;
	char path[512];   /* where a container sees it, absolute; "": as a block device */
	instant from, to; /* to == 0: until somebody ends it */
};

struct sim_store {
	struct cloud *cloud;
	enum sim_store_kind kind;
	int64_t serial;     /* 1, 2, … within the cloud, whatever the kind */
	char id[64];        /* the provider's id, as text */
	char name[256];     /* what the customer called it */
	char place[64];     /* data center, region, or the place of its machine */
	int64_t machine_id; /* vast.ai: the host's machine that it lies in; 0 elsewhere */
	int64_t gb;         /* a volume: its size; a snapshot: the least disk or volume that can start from it */
	int64_t used_mb;    /* what a snapshot of it holds. The models know no files: this is invented, and always the same */
	instant created, visible, ready; /* ready: a snapshot's action is over */
	instant deleted;                 /* 0: not */
	char format[8];                  /* a volume's file system when it was made: "ext4"; "": none */

	struct sim_machine *machine;    /* a snapshot of whose disk; NULL */
	const struct sim_store *source; /* a snapshot: of which volume; a volume: from which snapshot; NULL: it began empty */
	struct sim_use *uses;           /* all there ever were, oldest first */
	size_t use_count;

	struct sim_meter *meters;
	size_t meter_count;
	money least; /* what it costs at least */

	json_t *extra; /* the model's own fields */
	void *front;   /* the front's own data */
};

/* It lasts until cloud_free(). The caller fills in the rest and calls cloud_store_rate(). Applies the fault storage_late. */
struct sim_store *cloud_store_new(struct cloud *c, enum sim_store_kind kind, const char *name, const char *place);
struct sim_store *cloud_store_find(const struct cloud *c, const char *id); /* newest with this id, deleted or not; or NULL */
bool cloud_store_shown(const struct cloud *c, const struct sim_store *s);  /* by lists and reads */
void cloud_store_delete(struct cloud *c, struct sim_store *s);
/* From now on (a snapshot: from when it is ready) it costs `per` for each `unit`. */
void cloud_store_rate(struct cloud *c, struct sim_store *s, money per, duration unit);
money cloud_store_cost(const struct sim_store *s, instant at); /* all of it until `at` */
bool cloud_store_billing(const struct cloud *c, const struct sim_store *s);
money cloud_stores_total(const struct cloud *c, instant at);

struct sim_use *cloud_store_attach(struct sim_store *s, struct sim_machine *m, const char *path, instant from);
void cloud_store_detach(struct sim_store *s, const struct sim_machine *m, instant at);
void cloud_store_release(struct cloud *c, const struct sim_machine *m); /* the machine is deleted: its uses end some time from now */
bool cloud_store_busy(const struct cloud *c, const struct sim_store *s); /* used now, or spoken for */
/* The use that is going on now: by this machine (NULL: by any). NULL: none. */
const struct sim_use *cloud_store_used(const struct cloud *c, const struct sim_store *s, const struct sim_machine *m);
int cloud_store_count_of(const struct cloud *c, const struct sim_machine *m); /* stores that this machine uses or will use */

/* Faults around requests about storage, as cloud_create_refused() and its like are for machines. True: answered already. */
bool cloud_store_refused(struct cloud *c, struct sim_response *r);
void cloud_store_answered(struct cloud *c, struct sim_response *r);
bool cloud_store_list_refused(struct cloud *c, struct sim_response *r);
bool cloud_store_delete_refused(struct cloud *c, struct sim_response *r);

/* For cloud.c. */
void cloud_stores_free(struct cloud *c);
instant cloud_stores_next(const struct cloud *c); /* FOREVER: nothing will happen by itself */

#endif

/*
 * Actions: what should be done in the world, decided by core_decide(), executed only after the commit that holds their intent.
 * The executor reads the object's row when it acts; each action answers later as the fact named here.
 */
#ifndef GPUFLEET_ACTION_H
#define GPUFLEET_ACTION_H

#include "core/model.h"

enum action_kind {
	ACTION_OFFERS,   /* account → FACT_OFFERS */
	ACTION_LIST,     /* account → FACT_LISTED */
	ACTION_BALANCE,  /* account → FACT_BALANCE */
	ACTION_CHARGES,  /* account: all that it was charged lately → FACT_CHARGES */
	ACTION_CREATE,   /* instance → FACT_CREATED; spends */
	ACTION_DESCRIBE, /* instance → FACT_DESCRIBED */
	ACTION_MARK,     /* instance: set new_mark, else mark → FACT_MARKED */
	ACTION_DESTROY,  /* instance → FACT_DESTROYED */
	ACTION_BILL,     /* instance → FACT_BILLED */
	ACTION_END_EXTRA, /* extra: delete it → FACT_EXTRA_ENDED */
	ACTION_STORAGE,   /* account: its volumes and snapshots → FACT_STORAGE */
	ACTION_STORAGE_MAKE, /* extra → FACT_STORAGE_MADE; spends */
	ACTION_VOLUME_ATTACH, /* extra, to the machine that is to have it → FACT_VOLUME_MOVED */
	ACTION_VOLUME_DETACH, /* … from it → FACT_VOLUME_MOVED */
	ACTION_STORAGE_LOOK, /* extra: is it finished? → FACT_STORAGE_LOOKED */
	ACTION_STORAGE_BILL, /* extra: what it was charged up to bill_due, or in all → FACT_STORAGE_BILLED */
	ACTION_CONNECT,  /* instance: connect if need be, probe → FACT_CONNECTED */
	ACTION_DISCONNECT, /* instance: close its connection → no fact */
	ACTION_CLEAN,    /* instance of a static account → FACT_CLEANED */
	ACTION_RELEASE,  /* instance: its volume is written and unmounted, before the machine goes → FACT_RELEASED */
	ACTION_PUSH,     /* run → FACT_RUN_PUSHED */
	ACTION_START,    /* run → FACT_RUN_STARTED */
	ACTION_GO,       /* run, set up like every other of its gang: its script begins → FACT_RUN_RELEASED */
	ACTION_POLL,     /* run → FACT_RUN_STATUS */
	ACTION_STOP,     /* run → FACT_RUN_STOPPED */
	ACTION_COLLECT,  /* run → FACT_RUN_COLLECTED */
	ACTION_SUBMIT,   /* trial: make its run → FACT_RUN_SUBMIT or FACT_TRIAL_REFUSED */
	ACTION_JUDGE,    /* night: compare its figures with those of earlier nights → FACT_NIGHT_JUDGED */
	ACTION_NOTIFY,   /* notice → FACT_NOTIFIED */
	ACTION_COUNT,    /* budget: what the ledger has of it before counted_to → FACT_COUNTED */
	ACTIONS
};
const char *action_name(enum action_kind k);

struct action {
	enum action_kind kind;
	int64_t id; /* instance, run, or account (object id) */
	char gpu[GPU_MAX]; /* ACTION_OFFERS: for what a fleet wants; prices depend on all of it */
	int gpu_count, disk_gb;
	bool spot;
};

/* True for what may cost money or may not be repeated: held back while the store cannot commit (architecture §6). */
bool action_spends(enum action_kind k);

struct actions {
	struct action *items;
	size_t count, cap;
};
void actions_add(struct actions *a, enum action_kind kind, int64_t id);
void actions_free(struct actions *a);

#endif

/*
 * Facts: everything that happens to the model. A fact carries its time; core_apply() folds it in. Strings and arrays belong to
 * whoever made the fact and must live until core_apply() returns, except where it says "taken".
 */
#ifndef GPUFLEET_FACT_H
#define GPUFLEET_FACT_H

#include "core/model.h"

enum fact_kind {
	/* from people: error and id are answered in the fact */
	FACT_FLEET_OPEN,   /* fleet: wanted fields set; its env is copied → id */
	FACT_FLEET_CLOSE,  /* id; cause */
	FACT_FLEET_EXTEND, /* id; span: new lifetime from READY */
	FACT_FLEET_TOUCH,  /* id: somebody is using it (exec, ssh): not idle */
	FACT_RESOLVE,      /* id: an instance in doubt; text: the provider's id of its machine, "" it does not exist → id of its fleet */
	FACT_TRUST,        /* id: an instance; text: its host key's fingerprint, which was compared if it is pinned already → id of its fleet */
	FACT_RUN_SUBMIT,   /* run: wanted fields set (params, env, spec taken); fleet_id or trial_id set → id */
	FACT_RUN_CANCEL,   /* id */
	FACT_RUN_WATCH,    /* id; flag: somebody follows the output */
	FACT_CAMPAIGN_APPLY,  /* text: the file → id */
	FACT_CAMPAIGN_PAUSE,  /* id; flag: pause, else go on */
	FACT_CAMPAIGN_DELETE, /* id */
	FACT_CAMPAIGN_RUN,    /* id; flag: poc → id of the night */
	FACT_NIGHT_STOP,      /* id: a night */
	FACT_BUDGET_SET,      /* budget: wanted fields set; flag: end the newest fleets until the rest fits → id */
	FACT_BUDGET_DELETE,   /* id */
	FACT_STORAGE_WANT,    /* extra: wanted fields set → id */
	FACT_STORAGE_DROP,    /* id: an extra */
	FACT_STORAGE_KEEP,    /* id: an extra; span: from now on */
	FACT_VOLUME_MOVE,     /* id: a volume; count: the instance that is to have it; flag: attach, else take it off that one */
	/* from providers */
	FACT_OFFERS,       /* account, verdict, offers (taken), gpu, gpu_count as asked; flag: for spot; count: GB of disk, 0 unsaid */
	FACT_LISTED,       /* account, verdict, machines; began: when the first request left */
	FACT_BALANCE,      /* account, verdict, balance */
	FACT_CHARGES,      /* account, verdict, machines: id, mark and (price_hour) what was charged for it since `began` */
	FACT_CHECKED,      /* account, verdict, text */
	FACT_CREATED,      /* id: instance; verdict, text = provider id when OK, price, flag = destroy now, message */
	FACT_DESCRIBED,    /* id: instance; verdict, machines[0] */
	FACT_MARKED,       /* id: instance; verdict, message */
	FACT_DESTROYED,    /* id: instance; verdict, message */
	FACT_BILLED,       /* id: instance; verdict, price = amount */
	FACT_KEY,          /* account; id: the fleet whose key it is, 0 the site's; text = the provider's id of it: it is there now */
	FACT_EXTRA_ENDED,  /* id: extra; verdict, message */
	FACT_STORAGE,      /* account, verdict, storages; began: when the first request left */
	FACT_STORAGE_MADE, /* id: extra; verdict, text = provider id, work, message */
	FACT_VOLUME_MOVED,   /* id: extra; flag: it was attached, else detached; verdict, message */
	FACT_STORAGE_LOOKED, /* id: extra; verdict, storages[0] */
	FACT_STORAGE_BILLED, /* id: extra; verdict, price = amount, count = lines of the record: 0, it knows nothing of it yet */
	/* from machines */
	FACT_CONNECTED,    /* id: instance; contact, text = host key, probe; flag: it answers and lacks what it was ordered with (message) */
	FACT_CLEANED,      /* id: instance (static host returned); contact */
	FACT_RELEASED,     /* id: instance; contact */
	FACT_RUN_PUSHED,   /* id: run; contact, flag = refused for good (message), cause */
	FACT_RUN_STARTED,  /* id: run; contact, message */
	FACT_RUN_RELEASED, /* id: run; contact */
	FACT_RUN_STATUS,   /* id: run; contact, status */
	FACT_RUN_STOPPED,  /* id: run; contact */
	FACT_RUN_COLLECTED,/* id: run; contact, count = bytes, message */
	/* from the shell */
	FACT_TRIAL_REFUSED,   /* id: a trial that cannot be submitted; cause, message */
	FACT_NIGHT_JUDGED,    /* id: a night; text: trials to measure once more, "12,15"; else count: series << 32 | worse ones */
	FACT_COUNTED,         /* id: a budget; verdict; text: what was booked before posting `count`, by days (days_write()) */
	FACT_NOTIFIED,        /* id: a notice; flag: it was taken; message: why not */
	FACT_RESTARTED,    /* after loading: what was in flight is unsure; flag: the database is older than what was done with it */
	FACT_SHUTDOWN,     /* nothing new is started any more */
};

/* What the first command on a machine found (remote/job.h has the adapter's own form). */
struct fact_probe {
	char boot_id[40];
	char gpu[GPU_MAX];
	int gpu_count; /* 0: no tool, cannot be verified */
	bool docker;
	bool in_use;   /* a foreign login session, or the GPU is busy */
	enum watchdog watchdog;
	enum trust trust; /* of a first contact */
	duration leased; /* how long the lease lasts that it was given */
};

enum fact_job { FACT_JOB_NONE, FACT_JOB_SETUP, FACT_JOB_READY, FACT_JOB_RUNNING, FACT_JOB_DONE, FACT_JOB_VANISHED };
struct fact_status {
	enum fact_job job;
	int exit_status; /* -1 unknown */
	char signal[16];
	bool timed_out, setup_failed;
	bool stopped; /* somebody told it to: we, or the machine's watchdog */
	char progress[TEXT_MAX];
	int64_t out_size, err_size; /* stored so far */
	bool more;                  /* there is more output to fetch at once */
};

struct fact {
	enum fact_kind kind;
	instant time;
	const char *actor; /* NULL: "daemon" */
	const char *owner; /* CAMPAIGN_APPLY: whose it becomes; NULL: the actor's */
	int64_t id;
	const char *account;
	enum verdict verdict;
	enum ssh_outcome contact;
	enum cause cause;
	const char *text, *message;
	bool flag;
	int64_t count;
	duration span, retry_after;
	money price;
	instant began; /* when the question was asked; FACT_CREATED: when the order left, 0: it did not */
	const struct fleet *fleet;
	const struct run *run;
	const struct budget *budget;
	const struct extra *extra;
	const struct storage *storages;
	size_t storage_count;
	const char *work;
	struct offer *offers;
	size_t offer_count;
	const struct machine *machines;
	size_t machine_count;
	const struct balance *balance;
	const struct fact_probe *probe;
	const struct fact_status *status;
	const char *gpu;
	int gpu_count;

	/* answered by core_apply() */
	struct err error; /* code ERR_NONE: taken */
	int64_t answer_id;
};

#endif

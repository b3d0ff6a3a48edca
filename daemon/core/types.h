/*
 * The words that the core and the adapters share: plain structs, no pointers into anybody's state.
 * This is the only header of core/ that providers/, remote/ and config/ may include (architecture §3).
 */
#ifndef GPUFLEET_TYPES_H
#define GPUFLEET_TYPES_H

#include "base/instant.h"
#include "base/money.h"
#include "base/secret.h"

#define ID_MAX      64  /* a provider's id, a mark */
#define NAME_MAX_   64  /* a name that a person gave: fleet, owner, label */
#define GPU_MAX     32  /* canonical GPU name: "MI300X", "H100", or the provider's raw name */
#define ACCOUNT_MAX 32  /* the name of an account in the configuration: "runpod" */
#define REGION_MAX  32
#define HOST_MAX    32
#define TEXT_MAX    256 /* one sentence */
#define ADDRESS_MAX 64

/* One host of a `static` account (architecture §4). */
struct static_host {
	char name[NAME_MAX_];
	char address[ADDRESS_MAX];
	char user[32];
	int port; /* default 22 */
	char gpu[GPU_MAX];
	int gpu_count;
	money price_hour; /* for the whole host; default 0 */
	bool system_ssh;  /* reached by the system's ssh instead of libssh2 */
	char ssh_config[256]; /* … with this configuration file; "": none */
	char host_key[512];   /* "ssh-ed25519 AAAA…"; "": the one of the first contact */
};

/*
 * One account at one provider, as configured. Owned by the configuration, constant while the daemon runs.
 * Zero or "" means: the adapter's own default.
 */
struct account {
	char name[ACCOUNT_MAX];     /* unique; the default is the provider's name */
	char provider[ACCOUNT_MAX]; /* "hotaisle" "runpod" "digitalocean" "vastai" "static" */
	char api_url[TEXT_MAX];     /* no trailing slash */
	char graphql_url[TEXT_MAX]; /* RunPod's balance */
	struct secret token;        /* not set for static */
	char team[NAME_MAX_];       /* Hot Aisle's team handle */
	bool exclusive;             /* every machine in the account is ours (reliability §2.6) */
	char regions[8][REGION_MAX];
	int region_count; /* 0: any */
	char image[TEXT_MAX];
	char user[32]; /* remote login */
	int ssh_port;  /* 0: what the provider says, else its default */
	int disk_gb;
	int max_instances;        /* at most so many machines of ours at once; 0: no limit of this kind */
	int traffic_gb;           /* vast.ai: held for each machine, since traffic is charged there */
	money max_hourly;         /* … that cost at most this much an hour together; 0: no limit of this kind */
	int rate_factor;          /* this account may ask so many times more than published; 0: once */
	bool community;           /* RunPod community cloud too */
	int min_reliability_ppm;  /* vast.ai; 950000 = 0.95 */
	int min_inet_down;        /* vast.ai, Mbit/s; 0: the adapter's own */
	char min_cuda[8];         /* vast.ai, of NVIDIA hosts: "12.4"; "": any */
	char avoid_hosts[64][HOST_MAX]; /* machine ids of a marketplace where nothing is rented */
	int avoid_host_count;
	struct static_host *hosts; /* owned by the configuration */
	int host_count;
};

/* Something that can be rented now: N GPUs in one machine. Copyable; `spec` is owned by whoever holds the offer. */
struct offer {
	char account[ACCOUNT_MAX];
	char provider[ACCOUNT_MAX];
	char key[128];     /* stable text that names the offer within the account: "gpu-mi300x8-1536gb/tor1" */
	char *spec;        /* JSON the adapter wants back at create, or NULL; opaque to everyone else */
	char gpu[GPU_MAX]; /* canonical (base/gpu.h) */
	int gpu_count;
	int gpu_memory_gb; /* per GPU; 0 unknown */
	char region[REGION_MAX];
	char host[HOST_MAX]; /* the machine behind it, where a marketplace names it (vast.ai: machine_id); "" otherwise */
	int cpus, ram_gb, disk_gb; /* 0 unknown */
	money price_hour;          /* per instance-hour, all GPUs, disk included where it is charged apart; > 0 */
	money in_gb, out_gb;       /* beside that: each GB that the machine receives, and sends; 0: traffic is included */
	money minimum_charge;      /* at least this much is billed once created */
	int available;             /* how many now; -1: the provider does not say, 0: sold out (listed for display only) */
	bool spot;
	bool marketplace; /* the host belongs to a third party who can read the machine */
	int reliability_ppm; /* 0: not known */
	duration stays;      /* its host takes it back after this (vast.ai §2.2: a rental cannot outlive that); 0: no end is known */
};

enum machine_state {
	MACHINE_UNKNOWN,  /* a state string we do not know: still billing (reliability §2.7) */
	MACHINE_STARTING, /* accepted, booting, pulling an image */
	MACHINE_RUNNING,  /* up as far as the provider can tell; SSH is probed apart */
	MACHINE_STOPPED,  /* halted, maybe billing */
	MACHINE_ENDED,    /* the provider says it will never come back: failed, terminated; it may still bill, see `over` */
};

/* A machine as a provider lists or describes it. */
struct machine {
	char id[ID_MAX];
	char mark[ID_MAX]; /* the name, label or description that we may have set; "" when none */
	enum machine_state state;
	bool over;                 /* ENDED, and the provider's word that it bills no more: as good as not listed */
	char address[ADDRESS_MAX]; /* "" until known */
	char private_address[ADDRESS_MAX]; /* in the network of its account and region; "": none is told */
	int port;                  /* SSH; 0 until known */
	char user[32];             /* "" : the account's */
	char gpu[GPU_MAX];         /* "" when the provider does not say */
	int gpu_count;             /* 0 unknown */
	money price_hour;          /* 0 unknown */
	instant created;           /* 0 unknown */
	char note[TEXT_MAX];       /* the provider's own words on its state, untrusted */
};

/* What keeps data beside machines. */
enum storage_kind { STORAGE_VOLUME, STORAGE_SNAPSHOT };
enum storage_state { STORAGE_MAKING, STORAGE_READY, STORAGE_FAILED };

/* A volume or a snapshot: as a provider lists it, or as it is wanted. */
struct storage {
	enum storage_kind kind;
	enum storage_state state;
	char id[ID_MAX];
	char name[ID_MAX];       /* what it is called there: our mark (core/mark.h), or anybody's word */
	char region[REGION_MAX]; /* where it can be used */
	char host[HOST_MAX];     /* it lies inside this machine of a marketplace, and can be used only there; "": anywhere in its region */
	int size_gb;             /* what is paid for, rounded up */
	int disk_gb;             /* a snapshot: the least disk of a machine, or size of a volume, that starts from it; 0: any will do */
	char source[ID_MAX];     /* a snapshot: of which machine or volume; a volume that is wanted: from which snapshot; "": none, empty */
	bool of_volume;          /* a snapshot: of a volume, not of a machine's disk */
	char machine[ID_MAX];    /* a volume: which machine has it; "": none, or the provider does not say */
	money gb_month;          /* what the provider says that a GB costs a month, of 730 hours; 0: by the table in provider.h */
	instant created;         /* 0 unknown */
};

/* Money at a provider. */
struct balance {
	money available;  /* what is left to spend; see `known` */
	money hourly;     /* what everything in the account burns per hour now */
	int machines;     /* how many machines the provider counts; -1: it does not say */
	bool known, hourly_known; /* which of the figures the provider gave; owed money is available = 0 */
};

/* One charge in the provider's own record. Several lines for one thing are added up. */
struct bill_line {
	char id[ID_MAX]; /* the provider's id of the machine, volume or snapshot */
	char mark[ID_MAX]; /* its name, where the record has it; "" */
	money amount;
	instant from, until; /* 0 unknown */
};

/* How a provider charges; facts from the sheets, used for holds and metering (architecture §8). */
enum meter_start { METER_FROM_CREATE, METER_FROM_RUNNING };
struct billing_rule {
	duration quantum; /* time is rounded up to a multiple of this */
	duration minimum; /* at least this long is charged */
	enum meter_start start;
	duration settle_delay; /* the bill is complete this long after the end (fact sheets; a floor for asking) */
	bool bills_stopped;
	bool storage_by_month; /* the record of storage is cut at the ends of months only; else at those of days too */
};

/*
 * What storage costs beside machines: so much for each GB and month, less from some size on, and never less than the minimum. By the
 * time that it exists, used or not.
 */
struct storage_rule {
	money gb_month;
	int64_t above_gb;     /* beyond so many GB … */
	money above_gb_month; /* … each costs this; above_gb 0: all the same */
	duration month;       /* how long "a month" is */
	money minimum;
};

/* How an operation at a provider ended, as far as the core cares (providers/provider.h says who decides it). */
enum verdict {
	VERDICT_OK,          /* done; the reply holds the facts */
	VERDICT_MORE,        /* read only: build again, the cursor has moved */
	VERDICT_REFUSED,     /* nothing was made and never will be by this request */
	VERDICT_NO_CAPACITY, /* nothing was made: sold out, try another offer */
	VERDICT_LIMIT,       /* nothing was made: quota, balance, account limit */
	VERDICT_RETRY,       /* nothing was made: rate limit or passing trouble; see retry_after */
	VERDICT_UNSURE,      /* something may exist */
	VERDICT_DENIED,      /* credentials; changes nothing about what exists */
	VERDICT_ABSENT,      /* the provider says there is no such machine (a claim, not proof) */
};
const char *verdict_name(enum verdict v); /* "no_capacity" */

/* A script that ends with this status says: not my fault, this machine is not fit; its last progress line says why. */
#define STATUS_BAD_MACHINE 79

/* How a try to reach a machine by SSH ended. */
enum ssh_outcome {
	SSH_OK,
	SSH_UNREACHABLE, /* refused, timed out, no banner: try again later */
	SSH_HOST_KEY,    /* the key is not the pinned one: nothing was sent */
	SSH_AUTH,        /* the server does not take our key */
	SSH_LOST,        /* was connected, is not any more */
	SSH_REFUSED,     /* protocol: no common algorithms, channel refused */
};
const char *ssh_outcome_name(enum ssh_outcome o);

/* How we know that a machine's host key is its own (reliability §5.2 B4). */
enum trust {
	TRUST_TOFU,   /* seen at first contact: whoever stood in between then is not noticed */
	TRUST_OOB,    /* read through the provider's API, or compared by a person who read it elsewhere */
	TRUST_PRESET, /* known before anything was connected: we put it there, or its owner wrote it into our configuration */
	TRUST_NR
};
const char *trust_name(enum trust t);      /* "tofu" */
enum trust trust_from_name(const char *s); /* TRUST_NR: none of them */

/* What the machine's own watchdog does when nobody renews its lease (reliability §2.10). */
enum watchdog {
	WATCHDOG_NONE,    /* there is none, or nobody knows yet */
	WATCHDOG_STOPS,   /* ends the work and destroys the secrets; the machine goes on billing */
	WATCHDOG_DELETES, /* and then the machine deletes itself */
	WATCHDOG_NR
};
const char *watchdog_name(enum watchdog w); /* "stops" */
enum watchdog watchdog_from_name(const char *s); /* WATCHDOG_NR: none of them */

#endif

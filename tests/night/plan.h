/*
 * What a night holds, drawn from its seed before it begins: who asks for what and when, and which faults happen. Every item
 * carries its own chance, so that one can be left out (shrink.c) and the others stay what they were.
 */
#ifndef GPUFLEET_NIGHT_PLAN_H
#define GPUFLEET_NIGHT_PLAN_H

#include "tests/sim/cloud.h"

#define PLAN_MAX 400

/* Faults that are not switches of a cloud model: the network, SSH, machines, the disk and the process. */
enum trouble {
	/* the network between us and a cloud, for the span of the item, with its chance in per cent */
	TROUBLE_REFUSED,        /* no byte leaves */
	TROUBLE_LOST_REQUEST,   /* cut before it arrives */
	TROUBLE_LOST_ANSWER,    /* arrives, the answer is cut */
	TROUBLE_SILENT_BEFORE,  /* does not arrive; time runs out */
	TROUBLE_SILENT_AFTER,   /* arrives; time runs out */
	TROUBLE_PROXY_500,      /* something between us answers 500; it did not arrive */
	TROUBLE_PROXY_504_AFTER,/* it arrived, and something between us answers 504 */
	TROUBLE_PROXY_429,      /* 429 with a Retry-After, did not arrive */
	TROUBLE_GARBAGE,        /* the answer is turned into rubbish */
	TROUBLE_CROSSED,        /* the answer takes so long that the next request overtakes it */
	TROUBLE_REPLAYED,       /* arrives twice; the second answer comes back (never a create: see TROUBLE_REPLAYED_CREATE) */
	TROUBLE_REPLAYED_CREATE,
	/* SSH */
	TROUBLE_SSH_REFUSED,
	TROUBLE_SSH_AUTH,
	TROUBLE_SSH_CUT_BEFORE, /* the connection ends before the command ran */
	TROUBLE_SSH_CUT_AFTER,  /* the command ran, its answer is lost */
	TROUBLE_SSH_SLOW,
	/* a machine by chance, once */
	TROUBLE_HOST_DIES,
	TROUBLE_VANISHES,
	TROUBLE_STOPPED,
	TROUBLE_REBOOTS,
	TROUBLE_NEW_HOST_KEY,
	/* this host */
	TROUBLE_DISK_FULL,
	TROUBLE_DISK_ERROR,
	TROUBLE_DISK_SLOW,
	TROUBLE_KILLED,         /* kill -9 between two steps, or inside the next commits */
	TROUBLE_POWER_LOST,
	TROUBLE_RESTARTED,      /* SIGTERM: last commit, then a new process */
	TROUBLE_DRAWN,          /* the ones behind it come on top, so that older seeds stay what they were */
	TROUBLE_CLOCK_SET = TROUBLE_DRAWN, /* the host's clock, by an hour, a day, to 1970, to 2100, and back again (L12) */
	TROUBLE_CLOCK_DRIFTS,   /* … off by less than what is called a jump: followed slowly */
	TROUBLE_UNFIT,          /* a script finds that its machine is not fit (STATUS_BAD_MACHINE) */
	TROUBLE_DISK_LOCKED,    /* somebody's sqlite3 shell holds the database (L07) */
	TROUBLE_NR
};
extern const char *const trouble_names[TROUBLE_NR];

enum item_kind {
	ITEM_UP,       /* somebody opens a fleet */
	ITEM_RUN,      /* … submits a run to one */
	ITEM_DOWN,
	ITEM_EXTEND,
	ITEM_CANCEL,   /* … the run of an earlier item */
	ITEM_NONSENSE, /* … asks for what cannot be */
	ITEM_SWITCH,   /* a fault switch of a cloud */
	ITEM_TROUBLE,
};

struct item {
	enum item_kind kind;
	bool off;
	instant at; /* behind the beginning of the night */
	duration span;
	int cloud;    /* index into cloud_models; -1: every one */
	int what;     /* enum sim_fault, enum trouble; people: the number of an earlier item */
	int count;    /* switches: how often, -1: for the span */
	int seconds;  /* parameter of a switch; -1: its default */
	int per_cent; /* chance of a network or SSH trouble to hit */
	uint64_t luck;
};

struct sim_plan {
	uint64_t seed;
	bool faults;
	unsigned clouds;       /* bit per cloud model that has an account */
	bool shared_hotaisle;  /* not exclusive: other people's machines are there too */
	bool crowd;            /* fleets of 25 for many hours, and a cloud that has them (crowd.h) */
	bool season;           /* sixty nights of a campaign (season.c), or two months of everything (months.c) */
	bool months;
	bool slow_bills;       /* bills as late as the fact sheets say */
	duration work, chaos;  /* people ask until `work`, faults end at `chaos` */
	struct item items[PLAN_MAX];
	int count;
};

void plan_make(struct sim_plan *p, uint64_t seed, bool faults);
/* One line about an item, for the trace. */
void item_format(const struct item *i, char *out, size_t size);

#endif

/*
 * What a campaign does with a night, ready for use: made from its file by whoever can read files and recipes (daemon/compile.h),
 * and constant from then on. The text stays the truth; a plan is made of it again after each start.
 */
#ifndef GPUFLEET_PLAN_H
#define GPUFLEET_PLAN_H

#include "core/schedule.h"
#include "core/types.h"

/* One combination of the matrix; it is measured `runs` times. */
struct plan_cell {
	char gpu[GPU_MAX];
	int gpu_count;
	int instances; /* that work together; 1: it is alone */
	char accounts[TEXT_MAX], region[REGION_MAX]; /* "": any */
	char *params; /* owned; JSON object, as a run takes them with `set` */
	char title[TEXT_MAX]; /* "MI300X:1 CONCURRENCY=8", "2 x MI300X:8" */
};

#define PLAN_NOTIFY_MAX 8

/* What happened in a night, as bits. */
enum news { NEWS_FAILED = 1, NEWS_REGRESSION = 2, NEWS_BUDGET = 4, NEWS_LEAK = 8, NEWS_SUMMARY = 16, NEWS_MISSED = 32 };

struct plan {
	char name[NAME_MAX_], owner[NAME_MAX_], recipe[NAME_MAX_];
	char budget[NAME_MAX_]; /* that its fleets name; "" */
	struct schedule schedule;
	struct zone *zone;       /* owned */
	bool scheduled;          /* else only when somebody says so */
	bool queue;              /* a night that is due while one runs waits for it; else it is skipped */
	int finish_by;           /* minutes behind local midnight; -1: any time */
	struct plan_cell *cells; /* owned */
	size_t cell_count;
	int runs;                /* of each cell */
	char image[TEXT_MAX];    /* that its machines start from; "" */
	int disk_gb;             /* of each machine; 0: any */
	bool knows_poc;          /* its recipe has a parameter POC */
	money max_price, per_night, accept_minimum;
	duration run_limit;      /* setup and run of one cell, the longest that they may take */
	duration per_run;        /* … of the run alone, where the campaign says so; 0: the recipe's */
	char secrets[TEXT_MAX];  /* names, comma-separated: beside those of the recipe */
	int parallel;            /* fleets at a time */
	duration retry_no_capacity;
	int retry_lost, retry_failed;
	duration keep_for;       /* a machine whose run failed */
	size_t baseline;         /* nights */
	int warn_ppm, alert_ppm;
	struct {
		char webhook[NAME_MAX_];
		unsigned news; /* which of them it wants to hear of */
	} notify[PLAN_NOTIFY_MAX];
	int notify_count;
};

/* "failed,regression", in the order of the bits. */
void news_format(unsigned news, char out[64]);
unsigned news_parse(const char *words); /* one word or several with commas; what is unknown is left out */

void plan_free(struct plan *p);
/* The first instant after `begun` at which a night of it must be over; 0: none. */
instant plan_finish(const struct plan *p, instant begun);
/* Do two cells take machines of the same kind, so that one may follow the other on one of them? */
bool plan_same_machine(const struct plan_cell *a, const struct plan_cell *b);

#endif

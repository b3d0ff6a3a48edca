/*
 * A campaign file (architecture §11): when to measure what on which GPUs, within which limits, and whom to tell.
 *
 *	campaign: llama70b-nightly
 *	schedule: "0 2 * * *"
 *	timezone: America/Toronto
 *	recipe: vllm-serve                 or preset: mi300x-digitalocean, and what is to be different
 *	with: { model: meta-llama/Llama-3.3-70B-Instruct }
 *	matrix: { gpu: ["MI300X:1", "H100:2"], concurrency: [1, 8, 32] }
 *	exclude: [ { gpu: "H100:2", concurrency: 32 } ]
 *	include: [ { gpu: "H200:1", concurrency: 1 } ]
 *	override: [ { when: { gpu: "H100:2" }, with: { tensor_parallel: 2 } } ]
 *
 * The same rules as for the configuration: unknown keys, wrong types and duplicates are mistakes with file, line and column, and
 * the nearest key. A preset (config/preset.h) is the beginning of what its own keys say: a key of the file takes the place of the
 * preset's, a parameter the place of that one parameter. The matrix is multiplied out here, the first axis slowest; what a recipe's
 * parameters may be is checked by whoever has the recipe (recipe_bind_params).
 */
#ifndef GPUFLEET_CAMPAIGN_H
#define GPUFLEET_CAMPAIGN_H

#include "base/gpu.h"
#include "base/json.h"
#include "base/money.h"
#include "core/schedule.h"
#include "core/types.h"

#define CAMPAIGN_AXES_MAX      8
#define CAMPAIGN_CELLS_MAX     1000
#define CAMPAIGN_PROVIDERS_MAX 8
#define CAMPAIGN_SECRETS_MAX   16
#define CAMPAIGN_NOTIFY_MAX    8
#define CAMPAIGN_EVENTS_MAX    8

/* One run of a night. */
struct cell {
	char gpu[GPU_MAX]; /* canonical where the catalogue knows it */
	int gpu_count;
	int instances; /* that work together; 0: as many as the recipe needs */
	char provider[ACCOUNT_MAX], region[REGION_MAX]; /* "": any of the campaign's */
	json_t *params; /* owned; parameter of the recipe → text, `with` and overrides included */
};

struct notify {
	char webhook[NAME_MAX_]; /* as the configuration calls it */
	char events[CAMPAIGN_EVENTS_MAX][16]; /* failed regression budget leak summary missed */
	int event_count;
};

struct campaign_file {
	char name[NAME_MAX_], owner[NAME_MAX_], budget[NAME_MAX_], description[TEXT_MAX];
	char cron[128], timezone[64];
	struct schedule schedule; /* of them; cron "": only `campaign run` */
	bool queue;             /* overlap: queue; else a night that is due while one runs is skipped */
	int finish_by;          /* minutes behind local midnight; -1: any time */
	char preset[NAME_MAX_]; /* "": none */
	char recipe[NAME_MAX_];
	int instances;          /* of cells that say nothing else; 0: as many as the recipe needs */
	char image[256];        /* that its machines start from; "" (in the file: none): the account's */
	int disk_gb;            /* of each machine; 0: any */
	struct cell *cells;     /* owned, in the order of the night */
	size_t cell_count;
	int repeats;            /* runs of each cell */
	char providers[CAMPAIGN_PROVIDERS_MAX][ACCOUNT_MAX];
	int provider_count;     /* 0: all */
	money max_price;        /* per GPU-hour; 0: none */
	money per_night;        /* 0: none */
	duration per_run;       /* 0: the recipe's own limit */
	int parallel_fleets;
	char secrets[CAMPAIGN_SECRETS_MAX][64];
	int secret_count;
	duration retry_no_capacity;
	int retry_machine_lost, retry_failed;
	duration keep_for;      /* of a machine whose run failed; 0: given back at once */
	int baseline;           /* nights that make one */
	int warn_ppm, alert_ppm; /* a change of this size */
	struct notify notify[CAMPAIGN_NOTIFY_MAX];
	int notify_count;
};

/* -1: *e says the first mistake and *report (may be NULL) all of them; *c is then empty. */
int campaign_read(struct campaign_file *c, const char *file, const char *text, size_t n, struct buf *report, struct err *e);
void campaign_free(struct campaign_file *c);

#endif

/*
 * recipe.yaml: what a workload needs, its parameters and its scripts (architecture §10, gpufleet-recipe(5)).
 *
 *	name: matmul
 *	description: FP16 matrix multiplication, TFLOPS per GPU
 *	needs: { gpu_memory_gb: 16, vendor: any, disk_gb: 20, docker: false }
 *	parameters:
 *	  SIZE:  { type: int, default: 8192, help: edge of the square matrices }
 *	  DTYPE: { type: choice, values: [fp16, bf16], default: fp16 }
 *	secrets: [HF_TOKEN]
 *	include: [shell.sh, gpu.sh]
 *	setup: setup.sh
 *	run: run.sh
 *	prepare: prepare.sh
 *	timeouts: { setup: 20m, run: 30m }
 *	usual: 5m
 *	usual_memory_gb: 100
 *	reader: gpufleet-jsonl
 *	judge: { matmul_median: none }
 *
 * The same rules as for the configuration: unknown keys, wrong types and duplicates are mistakes with file,
 * line and column.
 */
#ifndef GPUFLEET_RECIPE_H
#define GPUFLEET_RECIPE_H

#include "base/gpu.h"
#include "base/instant.h"
#include "base/json.h"

#define RECIPE_PARAMS_MAX  64
#define RECIPE_VALUES_MAX  64
#define RECIPE_SECRETS_MAX 16
#define RECIPE_INCLUDES_MAX 32
#define RECIPE_JUDGE_MAX   32
#define RECIPE_VALUE_MAX   4096 /* bytes of one parameter's value */

enum recipe_type { RECIPE_TEXT, RECIPE_INT, RECIPE_NUMBER, RECIPE_BOOL, RECIPE_DURATION, RECIPE_CHOICE };
const char *recipe_type_name(enum recipe_type t); /* "text" "int" "number" "bool" "duration" "choice" */

struct recipe_param {
	char name[64]; /* the variable the scripts see: [A-Z_][A-Z0-9_]* */
	enum recipe_type type;
	char *fallback; /* checked and in canonical form; NULL: must be given */
	char *help;     /* "" when the recipe says nothing */
	char **values;  /* what it may be; NULL: anything of its type */
	size_t value_count;
};

struct recipe {
	char name[64];
	char description[256];
	struct {
		int gpu_memory_gb, disk_gb; /* per GPU; of the machine; 0: no matter */
		enum gpu_vendor vendor;     /* GPU_VENDOR_UNKNOWN: any; GPU_VENDOR_CPU: a host without a GPU */
		bool docker;                /* docker must work on the machine */
		int instances;              /* at least so many at a time; 0: one is enough */
	} needs;
	struct recipe_param *params; /* in the order of the file */
	size_t param_count;
	char secrets[RECIPE_SECRETS_MAX][64];
	int secret_count;
	char include[RECIPE_INCLUDES_MAX][64]; /* shipped files that come with it, as common/NAME in the payload */
	int include_count;
	char setup[128], run[128]; /* paths in the payload; setup "": none */
	char prepare[128];         /* what `gpufleetctl prepare` runs instead of run, behind setup; "": nothing */
	char serve[128];           /* the same for `gpufleetctl serve`: it says where it serves, and stays until it is ended */
	char directory[64];        /* where in the payload a tree of the caller's is put (`run NAME DIRECTORY`); "": it takes none */
	char model[64];                  /* the parameter that names a model of the hub; "": none */
	bool qualify;    /* gpu-check says first whether the machine is fit; if not, another one is ordered */
	bool setup_once; /* what setup does stays on the machine, outside of the payload: a second run there skips it */
	duration setup_timeout, run_timeout;
	duration usual;  /* how long both together take as a rule, with the defaults; 0: it depends on what is run */
	int usual_memory_gb; /* of all GPUs of a machine, that the defaults take; 0: what it needs at least is enough */
	char reader[64]; /* how results are read; "": they are only kept */
	struct {
		char metric[64], better[8]; /* "higher", "lower"; "none": it is not judged */
	} judge[RECIPE_JUDGE_MAX]; /* figures of which the unit does not say, or says wrongly, which way they are better */
	int judge_count;
};

/*
 * Read recipe.yaml from memory. `readers` (NULL-terminated, or NULL: any) are the readers that exist. -1:
 * *e says the first mistake and *report (may be NULL) all of them; *r is then empty.
 */
int recipe_read(struct recipe *r, const char *file, const char *text, size_t n, const char *const *readers,
    struct buf *report, struct err *e);
void recipe_free(struct recipe *r);

/*
 * What somebody set ({"SIZE": "4096"}; values may be JSON strings, numbers or booleans; names in any case,
 * '-' for '_') together with the defaults: *out becomes an object of every parameter with a value, in the
 * recipe's order, as canonical strings. `set` may be NULL. The caller owns *out.
 */
int recipe_bind_params(const struct recipe *r, const json_t *set, json_t **out, struct err *e);

#endif

/*
 * A preset (gpufleet-recipe(5)): a documented stack under a name, as the options of `gpufleetctl run` that it stands for.
 *
 *	preset: mi300x-digitalocean
 *	description: Llama-3.3-70B on one MI300X, the published nine scenarios
 *	recipe: vllm-serve
 *	gpu: "MI300X:1"
 *	providers: [digitalocean]
 *	image: gpu-amd-base
 *	for: 4h
 *	with: { model: unsloth/Llama-3.3-70B-Instruct, max_model_len: 8192 }
 *
 * The same rules as for the configuration: unknown keys, wrong types and duplicates are mistakes with file, line and column. Whether
 * the recipe has these parameters is said by whoever has the recipe.
 */
#ifndef GPUFLEET_PRESET_H
#define GPUFLEET_PRESET_H

#include "base/buf.h"
#include "base/err.h"

struct preset_option {
	const char *name; /* of run, without the hyphens: "gpu" "provider" "set" … */
	char *value;      /* as it would be typed; of "set": NAME=VALUE, NAME as the file has it */
};

struct preset {
	char name[64], description[256], recipe[64];
	struct preset_option *options; /* owned, in a fixed order; "provider", "secret" and "set" may occur more than once */
	size_t count;
};

#define PRESET_DIR "config/presets/" /* among the embedded files */

/* -1: *e says the first mistake and *report (may be NULL) all of them; *p is then empty. */
int preset_read(struct preset *p, const char *file, const char *text, size_t n, struct buf *report, struct err *e);
/* One that is part of gpufleet, by its name, or (with a '/') a file. */
int preset_find(struct preset *p, const char *name, struct err *e);
void preset_free(struct preset *p);

#endif

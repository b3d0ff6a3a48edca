/*
 * What somebody wants to have run: from the words of POST /v1/runs, or of a night, to a row and the files that go to the machine.
 *
 *	struct wish *w = wish_new();
 *	if (wish_build(w, en, "alice", body, e) < 0 || wish_write(w, en, e) < 0) …
 *	fact.run = &w->run; … w->run.params = w->run.spec = NULL;         the fact takes them
 *	wish_free(w);
 */
#ifndef GPUFLEET_WISH_H
#define GPUFLEET_WISH_H

#include "base/json.h"
#include "config/recipe.h"
#include "engine.h"

#define RECIPE_DIR "remote/recipes/" /* among the embedded files */

struct payload;

struct wish {
	struct run run;
	struct payload *payload; /* owned */
	struct recipe recipe;
	bool has_recipe;
	struct fleet fleet; /* of `gpu` */
};

struct wish *wish_new(void);
void wish_free(struct wish *w);

/*
 * With `prepare` (true) the recipe's prepare script takes the place of run; one without leaves what its setup leaves. With `serve` (true)
 * its serve script does, without a limit of time; with `setup_only` (true) nothing runs behind its setup. A payload beside a recipe is the
 * tree that the recipe's `directory` asks for.
 * recipe, payload, instances, title, set, args, secrets, timeout, qualify, trust_first_use of `in`; ERR_USAGE says what is wrong. Secrets are
 * looked for among those that `user` may use; a null in `secrets` names one that must be configured.
 */
int wish_build(struct wish *w, struct engine *en, const char *user, const json_t *in, struct err *e);
/* How many instances it is to have; ERR_USAGE: its recipe wants more. wish_build() takes `instances` of `in`, unless that is "all". */
int wish_instances(struct wish *w, int n, struct err *e);
/* Can its recipe work on such a GPU? */
int wish_fits(const struct wish *w, const char *gpu, struct err *e);
/* The payload onto disk, before anybody hears of the run. */
int wish_write(const struct wish *w, struct engine *en, struct err *e);

/* A shipped recipe's own file read; ERR_USAGE: there is none of that name. */
int wish_recipe(struct recipe *out, const char *name, struct err *e);

#endif

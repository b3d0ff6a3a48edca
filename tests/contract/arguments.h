/*
 * What operations are asked with: a subject for each provider, its account and machine, and every variation of the arguments.
 */
#ifndef GPUFLEET_CONTRACT_ARGUMENTS_H
#define GPUFLEET_CONTRACT_ARGUMENTS_H

#include "providers/provider.h"

struct subject {
	const char *provider, *id, *key_id, *region;
	const char *offers; /* an answer in tests/fixtures: what is created is what it offers */
	const char *volume, *snapshot, *work;
};

/* The arguments of one operation; `args` points into the rest. */
struct world {
	const struct provider *p;
	const struct subject *s;
	struct account account;
	struct storage storage, volume, snapshot;
	struct op_args args;
};

/* Where an operation of several requests can stand beyond its beginning. */
struct place {
	const char *provider;
	enum provider_op_kind op;
	struct op_cursor cursor;
};

struct variation {
	enum provider_op_kind op;
	const char *name;
	void (*apply)(struct world *w);
};

extern const struct place contract_places[];
extern const size_t contract_place_count;
extern const struct variation contract_variations[];
extern const size_t contract_variation_count;

/* Everything that `op` may need, plainly. Ends the program where the provider has no subject. */
void world_begin(struct world *w, const struct provider *p, enum provider_op_kind op);

#endif

/* The parts of the Hot Aisle model: the account, the machines (providers/hotaisle.md). */
#ifndef GPUFLEET_SIM_CLOUD_HOTAISLE_H
#define GPUFLEET_SIM_CLOUD_HOTAISLE_H

#include "cloud.h"

struct aisle_type {
	json_t *specs; /* what the API shows and a create must send back */
	const char *kind, *gpu;
	int count, stock;
	money price;
	duration minimum;
};

struct aisle {
	struct aisle_type *types;
	size_t count;
	int max_vms, max_servers;
};

void aisle_error(struct cloud *c, struct sim_response *r, enum sim_error e);
const char *aisle_state(const struct cloud *c, const struct sim_machine *m);
void aisle_released(struct cloud *c, struct sim_machine *m);
/* kind: "vm" or "bare_metal" */
void aisle_list(struct cloud *c, const char *kind, struct sim_response *r);
void aisle_available(struct cloud *c, const char *kind, struct sim_response *r);
void aisle_create(
    struct cloud *c, const struct sim_request *q, const char *kind, struct sim_response *r);
void aisle_machine(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);

#endif

/* The parts of the vast.ai model: offers and create, instances, volumes, charges (providers/vastai.md). */
#ifndef GPUFLEET_SIM_CLOUD_VASTAI_H
#define GPUFLEET_SIM_CLOUD_VASTAI_H

#include "cloud_storage.h"

/* One slice of one host: an ask that can be rented once. */
struct vast_ask {
	int64_t id, machine_id, host_id;
	const char *name, *gpu; /* "H100 SXM", and the name in cloud_gpu.c */
	int gpus, disk_gb;
	money price, min_bid; /* per hour, all GPUs */
	money storage;        /* per GB and month of 720 hours */
	int64_t volume_gb;    /* how much of its machine is for volumes; 0: none */
	money volume_price;   /* the same for these */
	money up, down;       /* traffic, per GB */
	double reliability, inet_down;
	int ports;
	bool verified, rented, datacenter;
	const char *place;
	instant ends;
};

enum vast_endpoint {
	VAST_CREATE,
	VAST_DESTROY,
	VAST_SHOW,
	VAST_LIST,
	VAST_MANAGE,
	VAST_SSH,
	VAST_CHARGES,
	VAST_BID,
	VAST_VOLUMES,
	VAST_SEARCH,
	VAST_OTHER,
	VAST_ENDPOINTS
};

struct vast {
	struct vast_ask *asks;
	size_t count, cap;
	instant last[VAST_ENDPOINTS]; /* the latest answered request */
	instant searches[10];
};

void vast_error(struct sim_response *r, int status, const char *error, const char *msg);
void vast_asks_open(struct cloud *c);
void vast_search(struct cloud *c, const json_t *query, struct sim_response *r);
/* Answers with those of `all` (stolen) that the query wants, in its order, 64 at most. */
void vast_offers(struct cloud *c, const json_t *query, json_t *all, struct sim_response *r);
void vast_create(
    struct cloud *c, const struct sim_request *q, const char *ask, struct sim_response *r);
void vast_list(struct cloud *c, const struct sim_request *q, struct sim_response *r);
void vast_instance(
    struct cloud *c, const struct sim_request *q, const char *id, struct sim_response *r);
void vast_charges(struct cloud *c, const struct sim_request *q, struct sim_response *r);
/* What the storage service answers for a log: no authentication, as it is not vast.ai. */
void vast_stored_log(struct cloud *c, const struct sim_request *q, const char *name, struct sim_response *r);
json_t *vast_view(const struct cloud *c, const struct sim_machine *m);
const char *vast_status(const struct cloud *c, const struct sim_machine *m); /* NULL: null */
void vast_stop(struct cloud *c, struct sim_machine *m);
/* One filter object ({"gte": 1}) against a value; false for operators nobody knows. */
bool vast_filter(const json_t *ops, const json_t *value);

/* cloud_vastai_storage.c */
void vast_volumes(struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);
/* Is there such a volume for an instance at this ask as its body names? False: answered. */
bool vast_volume_fits(struct cloud *c, const json_t *body, const struct vast_ask *a, struct sim_response *r);
void vast_volume_take(struct cloud *c, struct sim_machine *m, const struct vast_ask *a);
json_t *vast_volume_info(const struct cloud *c, const struct sim_machine *m);

#endif

/* The parts of the RunPod model: pods, network volumes, catalog, bills (providers/runpod.md). */
#ifndef GPUFLEET_SIM_CLOUD_RUNPOD_H
#define GPUFLEET_SIM_CLOUD_RUNPOD_H

#include "cloud_storage.h"

struct runpod_site {
	const char *id;
	int stock; /* GPUs */
};

struct runpod_type {
	const json_t *row;
	const char *id, *gpu;
	money secure, community; /* per GPU and hour; 0: not sold there */
	int max_secure, max_community;
	struct runpod_site *sites;
	size_t site_count;
};

struct runpod {
	struct runpod_type *types;
	size_t count;
	int64_t window[3], used[3]; /* rate limit: which minute, hour, day, and requests in it */
};

/* The time that a question about bills is about, snapped outwards to its buckets. */
struct runpod_span {
	instant from, to;
	duration bucket;
	const char *name; /* "hour", "day", … */
};

void runpod_problem(
    struct cloud *c, struct sim_response *r, int status, const char *title, const char *detail);
void runpod_invalid(struct cloud *c, struct sim_response *r,
    const char *error); /* 422 with one entry in errors[] */
/* No other keys than these, which end with NULL. False: answered. */
bool runpod_only_keys(struct cloud *c, struct sim_response *r, const json_t *o, const char *where, const char *const *allowed);
void runpod_open(struct cloud *c);
void runpod_close(struct cloud *c);
void runpod_pods(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);
void runpod_create(struct cloud *c, const struct sim_request *q, struct sim_response *r);
json_t *runpod_view(const struct cloud *c, const struct sim_machine *m);
const char *runpod_state(const struct cloud *c, const struct sim_machine *m);
void runpod_stop(struct cloud *c, struct sim_machine *m);
void runpod_storage(
    struct cloud *c, struct sim_machine *m); /* disk meters for the state the pod is in */
void runpod_catalog(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);
void runpod_billing(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);
bool runpod_span_read(struct cloud *c, const struct sim_request *q, struct sim_response *r, struct runpod_span *s);
void runpod_graphql(struct cloud *c, const struct sim_request *q, struct sim_response *r);
struct runpod_type *runpod_type_find(const struct cloud *c, const char *id);
/* A data center with so many free GPUs among `wanted` (NULL or empty: any), or NULL. */
struct runpod_site *runpod_place(struct runpod_type *t, int count, const json_t *wanted);

/* cloud_runpod_storage.c */
void runpod_volumes(struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);
struct sim_store *runpod_volume_of(const struct cloud *c, const json_t *body); /* that a pod's body mounts; NULL: none */
/* Of mounts.network of a pod's body: its shape; whether there is such a volume for it; whether a change asks for no other. False:
 * answered. */
bool runpod_mount_valid(struct cloud *c, struct sim_response *r, const json_t *body);
bool runpod_mount_fits(struct cloud *c, struct sim_response *r, const json_t *body);
bool runpod_mount_kept(struct cloud *c, struct sim_response *r, const json_t *mounts, const json_t *now);
void runpod_mount(struct cloud *c, struct sim_machine *m);
void runpod_volumes_cost(const struct cloud *c, instant from, instant to, money *standard, money *high);
void runpod_volumes_billing(struct cloud *c, const struct sim_request *q, struct sim_response *r);

#endif

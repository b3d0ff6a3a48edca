/* The parts of the DigitalOcean model: droplets, the catalog and account, money (providers/digitalocean.md). */
#ifndef GPUFLEET_SIM_CLOUD_DIGITALOCEAN_H
#define GPUFLEET_SIM_CLOUD_DIGITALOCEAN_H

#include "cloud.h"

struct ocean_size {
	const json_t *row;
	const char *slug, *gpu; /* gpu "": a CPU size */
	int gpus;
	money price;
};

struct ocean_action {
	int64_t id, droplet;
	char type[24];
	instant started, ends;
	bool errs;
};

struct ocean {
	struct ocean_size *sizes;
	size_t count;
	struct ocean_action *actions;
	size_t action_count;
	json_t *tags;   /* names made by POST /v2/tags */
	instant *calls; /* recent requests, for the limits */
	size_t call_count, call_cap;
	instant key_lists[10];
	int droplet_limit, gpu_limit;
	duration minimum; /* least billed time */
};

void ocean_error(struct sim_response *r, int status, const char *id, const char *message);
void ocean_absent(struct sim_response *r);
/* One page of `all` (stolen) under `key`, with links on the production host. */
void ocean_page(struct cloud *c, const struct sim_request *q, const char *path, const char *key,
    json_t *all, struct sim_response *r);
struct ocean_size *ocean_size_find(const struct cloud *c, const char *slug);
int ocean_stock(const struct ocean_size *s, const char *region); /* -1: not sold there */
json_t *ocean_size_view(const struct ocean_size *s);
json_t *ocean_region_view(const struct cloud *c, const char *slug); /* NULL: unknown */
json_t *ocean_image(
    const struct cloud *c, const json_t *wanted); /* borrowed; slug or id. NULL: unknown */
json_t *ocean_image_view(const json_t *image);
json_t *ocean_key_find(
    const struct cloud *c, const json_t *wanted); /* id or fingerprint. Borrowed */
struct ocean_action *ocean_action_new(
    struct cloud *c, const struct sim_machine *m, const char *type, duration length);
json_t *ocean_action_view(const struct cloud *c, const struct ocean_action *a);

void ocean_droplets(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);
void ocean_account(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);
void ocean_catalog(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);
void ocean_money(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);
money ocean_cost(const struct cloud *c, const struct sim_machine *m, instant at);
const char *ocean_state(const struct cloud *c, const struct sim_machine *m);
void ocean_tags(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);

#endif

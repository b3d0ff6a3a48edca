/* The parts of the DigitalOcean model: droplets, volumes, snapshots, the catalog and account, money (providers/digitalocean.md). */
#ifndef GPUFLEET_SIM_CLOUD_DIGITALOCEAN_H
#define GPUFLEET_SIM_CLOUD_DIGITALOCEAN_H

#include "cloud_storage.h"

struct ocean_size {
	const json_t *row;
	const char *slug, *gpu; /* gpu "": a CPU size */
	int gpus;
	money price;
};

#define OCEAN_VOLUMES_MAX 15 /* of one droplet */

struct ocean_action {
	int64_t id;
	const struct sim_machine *droplet; /* whose event it is: no other may start on it before this one ends. NULL: nobody's */
	const struct sim_store *store;     /* a volume, or the image that is transferred; NULL: about the droplet itself */
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
	int64_t images;   /* snapshots of droplets that there ever were: their ids count up */
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
/* `m` may be NULL. The pointer is good until the next action. */
struct ocean_action *ocean_action_new(struct cloud *c, const struct sim_machine *m, const char *type, duration length);
json_t *ocean_action_view(const struct cloud *c, const struct ocean_action *a);
void ocean_action_one(struct cloud *c, const char *id, struct sim_response *r);
void ocean_action_list(struct cloud *c, const struct sim_request *q, const char *path, const struct sim_machine *m,
    const struct sim_store *s, struct sim_response *r); /* of a droplet, or of a volume or image */
bool ocean_pending(const struct cloud *c, const struct sim_machine *m, const char *type); /* an event runs; type NULL: any */
void ocean_refuse(struct sim_response *r, const char *message);                           /* 422 */
bool ocean_has_tag(const struct cloud *c, const struct sim_machine *m, const char *tag);
bool ocean_tags_valid(const json_t *tags);
json_t *ocean_tags_of(const json_t *body); /* a copy; [] when there are none */

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

/* cloud_digitalocean_storage.c: volumes */
void ocean_volumes(struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);
/* May a new droplet have the volumes that its body names? False: answered. */
bool ocean_volumes_free(struct cloud *c, const json_t *body, int copies, struct sim_response *r);
void ocean_volumes_take(struct cloud *c, const json_t *body, struct sim_machine *m);
json_t *ocean_volume_ids(const struct cloud *c, const struct sim_machine *m);

/* cloud_digitalocean_images.c: snapshots of droplets and volumes, and images, which the former are too */
void ocean_snapshots(struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);
void ocean_images(struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r);
void ocean_snapshot_volume(struct cloud *c, const struct sim_request *q, struct sim_store *volume, struct sim_response *r);
void ocean_snapshot_list(struct cloud *c, const struct sim_request *q, const char *path, enum sim_store_kind kind, const char *of,
    struct sim_response *r);
void ocean_snapshot_delete(struct cloud *c, struct sim_store *s, struct sim_response *r);
json_t *ocean_snapshot_view(const struct cloud *c, const struct sim_store *s);
/* The snapshot of `m` that the action makes, unless it errs. */
void ocean_snapshot_droplet(struct cloud *c, struct sim_machine *m, const char *name, struct ocean_action *a);
struct sim_store *ocean_snapshot_find(const struct cloud *c, const json_t *image); /* a droplet's, by its integer; or NULL */
bool ocean_snapshot_in(const struct cloud *c, const struct sim_store *s, const char *region);
json_t *ocean_snapshot_image(const struct cloud *c, const struct sim_store *s); /* as an image */
json_t *ocean_snapshot_ids(const struct cloud *c, const struct sim_machine *m);

#endif

/*
 * Inside the DigitalOcean adapter only: what its files share. digitalocean.c says what is particular about DigitalOcean.
 *
 *	digitalocean.c           the table; account, SSH keys
 *	digitalocean_offers.c    sizes in regions
 *	digitalocean_droplets.c  droplets, from create to destroy
 *	digitalocean_storage.c   volumes, and the list of all storage
 *	digitalocean_snapshots.c snapshots of droplets and volumes
 *	digitalocean_money.c     balance and invoices
 *	digitalocean_wire.c      requests, pages, what an error says
 */
#ifndef GPUFLEET_DIGITALOCEAN_H
#define GPUFLEET_DIGITALOCEAN_H

#include "providers/provider.h"

#define DIGITALOCEAN_API_URL   "https://api.digitalocean.com"
#define DIGITALOCEAN_SSH_PORT  22
#define DIGITALOCEAN_IMAGE_AMD "gpu-amd-base"
#define DIGITALOCEAN_IMAGE     "gpu-h100x1-base" /* any single NVIDIA GPU, whatever its name says (§11) */
/* One tag for all that is ours, so that a second listing can find it; the mark is in the name, and no other tags are left behind. */
#define DIGITALOCEAN_TAG       "gpufleet"
#define DIGITALOCEAN_IMAGE_X8  "gpu-h100x8-base" /* with the fabric manager that links NVIDIA GPUs */

/* ---- requests; `path` is what stands behind "/v2/" ---- */

void digitalocean_request(const struct op_args *a, struct http_request *req, const char *method, const char *path);
/* GET of the page that the cursor is at, 200 items each. */
void digitalocean_request_page(
    const struct op_args *a, const struct op_cursor *c, struct http_request *req, const char *path);
/* The answer is in the reply already; nothing is sent. */
void digitalocean_refuse(struct http_request *req, struct op_reply *r, const char *why);

/* ---- answers ---- */

bool digitalocean_is_success(const struct http_response *res);
bool digitalocean_is_pending(const struct http_response *res, const struct op_reply *r); /* refused while another event runs (§5.4) */
/*
 * What an answer other than success means. `doubt` is the verdict where nothing is certain: UNSURE for a create, RETRY
 * elsewhere.
 */
enum verdict digitalocean_failed(const struct http_response *res, enum verdict doubt, struct op_reply *r);
/* As digitalocean_failed, and 404 from the API itself is ABSENT. */
enum verdict digitalocean_failed_or_absent(const struct http_response *res, struct op_reply *r);
/* The object in a successful answer, or NULL with the reply filled. Caller decrefs. */
json_t *digitalocean_body_of(const struct http_response *res, enum verdict doubt, struct op_reply *r);
/* RETRY: "DigitalOcean's answer has no usable …". */
enum verdict digitalocean_unreadable(struct op_reply *r, const char *what);
/* MORE: the cursor is at the next page. OK: this was the last. RETRY: the link cannot be followed, or leads backwards. */
enum verdict digitalocean_next_page(const json_t *j, struct op_cursor *c, struct op_reply *r);
/*
 * The same for a list that must be whole: it holds as many of `what` ("droplets") as it says that there are, and says the same on
 * every page (reliability §2.7). `number` counts what was shown, `token` holds the total; the cursor starts zeroed but for its step.
 */
enum verdict digitalocean_end_of_page(
    const json_t *j, size_t shown, const char *what, struct op_cursor *c, struct op_reply *r);

/* ---- facts ---- */

/* Ids are positive integers; a text of digits is as good. Writes "" and returns false when there is none. */
bool digitalocean_read_id(const json_t *j, const char *path, char out[ID_MAX]);
int digitalocean_whole(const json_t *j, const char *path); /* a positive count; 0: none */
/* Ids of storage: a UUID, or an integer as number or text (§6). Writes "" and returns false when there is none. */
bool digitalocean_read_storage_id(const json_t *j, const char *path, char out[ID_MAX]);
bool digitalocean_read_snapshot(const struct account *a, const json_t *snapshot, struct storage *s); /* false: without an id */

/* ---- operations ---- */

#define DIGITALOCEAN_BUILD(name)                                                                                       \
	void digitalocean_##name##_build(                                                                              \
	    const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
#define DIGITALOCEAN_READ(name)                                                                                        \
	enum verdict digitalocean_##name##_read(                                                                       \
	    const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)

DIGITALOCEAN_BUILD(offers);
DIGITALOCEAN_READ(offers);
DIGITALOCEAN_BUILD(create);
DIGITALOCEAN_READ(create);
DIGITALOCEAN_BUILD(describe);
DIGITALOCEAN_READ(describe);
DIGITALOCEAN_BUILD(list);
DIGITALOCEAN_READ(list);
DIGITALOCEAN_BUILD(mark);
DIGITALOCEAN_BUILD(destroy);
DIGITALOCEAN_READ(change); /* of mark and destroy, and of what drops storage */
DIGITALOCEAN_BUILD(storage);
DIGITALOCEAN_READ(storage);
DIGITALOCEAN_BUILD(volume_make);
DIGITALOCEAN_READ(volume_make);
DIGITALOCEAN_BUILD(volume_drop);
DIGITALOCEAN_BUILD(volume_attach);
DIGITALOCEAN_READ(volume_attach);
DIGITALOCEAN_BUILD(volume_detach);
DIGITALOCEAN_READ(volume_detach);
DIGITALOCEAN_BUILD(snapshot_make);
DIGITALOCEAN_READ(snapshot_make);
DIGITALOCEAN_BUILD(snapshot_look);
DIGITALOCEAN_READ(snapshot_look);
DIGITALOCEAN_BUILD(snapshot_drop);
DIGITALOCEAN_BUILD(balance);
DIGITALOCEAN_READ(balance);
DIGITALOCEAN_BUILD(bill);
DIGITALOCEAN_READ(bill);
DIGITALOCEAN_READ(storage_bill); /* asked for like the bill of a machine */

#endif

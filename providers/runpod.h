/*
 * Inside the RunPod adapter only: what its files share. runpod.c says what is particular about RunPod.
 *
 *	runpod.c         the table; account, balance, charges
 *	runpod_offers.c  the catalogue of GPUs
 *	runpod_pods.c    pods, from create to destroy
 *	runpod_storage.c network volumes
 *	runpod_wire.c    requests, pages, what an error says, prices of disks, names of GPUs
 */
#ifndef GPUFLEET_RUNPOD_H
#define GPUFLEET_RUNPOD_H

#include "providers/provider.h"

#define RUNPOD_API_URL   "https://api.runpod.io/v2"
#define RUNPOD_IMAGE_AMD "runpod/base:1.0.2-rocm644-ubuntu2404-py312-pytorch271"
#define RUNPOD_IMAGE     "runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404"

/* Container disk when nobody says: room for a model of 70 billion parameters in FP8 and its tools. */
#define RUNPOD_DISK_GB 150

/*
 * Container disk costs $0.10 per GB-month on top of the GPU (§8). A month of 720 hours reserves a little too much, never too
 * little.
 */
#define RUNPOD_DISK_MONTH  (10 * CENT)
#define RUNPOD_MONTH_HOURS 720

/* ---- requests ---- */

const char *runpod_base_url(const struct op_args *a);
void runpod_add_headers(const struct op_args *a, struct http_request *req);
/* The answer is in the reply already; nothing is sent. */
void runpod_answer(struct http_request *req, struct op_reply *r, enum verdict v);
/* The same, REFUSED with a sentence. */
void runpod_refuse(struct http_request *req, struct op_reply *r, const char *why);
/* GET of the page that the cursor is at; `path` is what stands behind the base URL. */
void runpod_request_page(const struct op_args *a, const struct op_cursor *c, struct http_request *req, const char *path);

/* ---- answers ---- */

bool runpod_is_success(const struct http_response *res);
/*
 * What an answer other than success means. `doubt` is the verdict where nothing is certain: UNSURE for a create, RETRY
 * elsewhere.
 */
enum verdict runpod_failed(const struct http_response *res, enum verdict doubt, struct op_reply *r);
/* As runpod_failed, and 404 from the API itself is ABSENT. */
enum verdict runpod_failed_or_absent(const struct http_response *res, struct op_reply *r);
/* The object in a successful answer, or NULL with the reply filled. Caller decrefs. */
json_t *runpod_body_of(const struct http_response *res, enum verdict doubt, struct op_reply *r);
/* RunPod's sentence in an error body; "" when it has none. */
void runpod_own_words(const json_t *j, char out[TEXT_MAX]);
/* RETRY: "RunPod's answer has no usable …". */
enum verdict runpod_unreadable(struct op_reply *r, const char *what);
enum verdict runpod_refusal_kind(const char *text); /* which no a 400 to a create is: REFUSED, NO_CAPACITY or LIMIT */
/* MORE: the cursor is at the next page. OK: this was the last. RETRY: more is promised and not said where. */
enum verdict runpod_next_page(const json_t *j, struct op_cursor *c, struct op_reply *r);

/* ---- facts ---- */

/* Data centers are written in upper case: lower case misbehaves (§3.2). */
void runpod_data_center(const char *region, char out[REGION_MAX]);
int runpod_disk_of(const struct op_args *a);   /* the disk that offers are priced with and pods get */
money runpod_disk_price(int64_t gb);           /* per hour */
/* The canonical name of a GPU type; `name` may be "". */
void runpod_name_gpu(const char *id, const char *name, char out[GPU_MAX]);

/* ---- operations ---- */

#define RUNPOD_BUILD(name) \
	void runpod_##name##_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
#define RUNPOD_READ(name) \
	enum verdict runpod_##name##_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, \
	    struct op_reply *r)

RUNPOD_BUILD(offers);
RUNPOD_READ(offers);
RUNPOD_BUILD(create);
RUNPOD_READ(create);
RUNPOD_BUILD(describe);
RUNPOD_READ(describe);
RUNPOD_BUILD(list);
RUNPOD_READ(list);
RUNPOD_BUILD(mark);
RUNPOD_READ(mark);
RUNPOD_BUILD(destroy);
RUNPOD_READ(destroy);
RUNPOD_BUILD(storage);
RUNPOD_READ(storage);
RUNPOD_BUILD(volume_make);
RUNPOD_READ(volume_make);
RUNPOD_BUILD(volume_drop);
RUNPOD_READ(volume_drop);
RUNPOD_BUILD(log);
RUNPOD_READ(log);

#endif

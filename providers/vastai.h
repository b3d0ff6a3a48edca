/*
 * Inside the vast.ai adapter only: what its files share. vastai.c says what is particular about vast.ai.
 *
 *	vastai.c           the table; account, SSH keys, charges
 *	vastai_offers.c    searching the market
 *	vastai_instance.c  instances, from create to destroy
 *	vastai_storage.c   volumes
 *	vastai_wire.c      requests, what an error says, names of GPUs
 */
#ifndef GPUFLEET_VASTAI_H
#define GPUFLEET_VASTAI_H

#include "providers/provider.h"

#define VASTAI_API_URL  "https://console.vast.ai"
#define VASTAI_VOLUME_MOST (30 * CENT) /* a GB and month of 720 hours: twice the example of §2.2; dearer volumes are not rented */
#define VASTAI_DISK_GB  100 /* when nobody says; fixed for the life of an instance */
#define VASTAI_DISK_MIN 8

/* ---- requests ---- */

const char *vastai_base_url(const struct op_args *a);
void vastai_add_headers(const struct op_args *a, struct http_request *req);
/* {"field": {"op": value}}, as all filters are written. Steals `value`. */
void vastai_put_filter(json_t *o, const char *field, const char *op, json_t *value);
/* "&name=" and the JSON text, percent-encoded. Steals `value`. */
void vastai_put_query(struct buf *b, const char *name, json_t *value);
void vastai_put_token(struct buf *b, const struct op_cursor *c); /* where the next page begins */

/* ---- answers ---- */

/* What an error body complains of. NONE: vast.ai did not write it. */
enum vastai_complaint {
	VASTAI_NONE,
	VASTAI_OTHER,
	VASTAI_AUTH,
	VASTAI_NO_INSTANCE,
	VASTAI_NO_VOLUME,
	VASTAI_NO_ASK,
	VASTAI_MONEY,
};
enum vastai_complaint vastai_complaint_of(const json_t *j);
const char *vastai_text_of(const json_t *j); /* the sentence of an error body; "" when there is none */
/* "HTTP 400: invalid_args: …" for a person. */
void vastai_own_words(const json_t *j, const struct http_response *res, char out[TEXT_MAX]);
bool vastai_is_success(const struct http_response *res);
void vastai_read_haste(const json_t *j, struct op_reply *r); /* → retry_after */

/* The verdict on an answer that is not what was asked for; for all operations but create. Fills verdict and message. */
enum verdict vastai_failed(const struct http_response *res, const json_t *j, struct op_reply *r);
/* The object in a successful answer, or NULL with the reply filled. */
json_t *vastai_body_of(const struct http_response *res, struct op_reply *r);
/* As vastai_body_of, where no instance was asked for: never ABSENT. */
json_t *vastai_listing_of(const struct http_response *res, struct op_reply *r);
/* The verdict on an answer that says no to a request that makes: UNSURE but where vast.ai says a definite one. */
enum verdict vastai_refusal_of(const struct http_response *res, const json_t *j);
/* MORE: the cursor is at the next page. OK: this was the last. RETRY: more is promised and not said where. */
enum verdict vastai_next_page(const json_t *j, struct op_cursor *c, struct op_reply *r);
/* RETRY: "vast.ai's answer has no usable …". */
enum verdict vastai_unreadable(struct op_reply *r, const char *what);

/* ---- facts ---- */

/* Ids are numbers; a text of digits is as good. Writes "" and returns false when there is none. */
bool vastai_read_id(const json_t *j, const char *path, char out[ID_MAX]);
void vastai_read_region(const json_t *row, char out[REGION_MAX]); /* "Texas, US" → "US"; "" when it is not said */
int vastai_disk_of(const struct op_args *a); /* the disk that an offer is priced with */
/* The canonical name and memory per GPU, as sold, of an offer or instance; *gb is 0 when unknown. */
void vastai_name_gpu(const json_t *row, char out[GPU_MAX], int *gb);

/* ---- operations ---- */

#define VASTAI_BUILD(name) \
	void vastai_##name##_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
#define VASTAI_READ(name) \
	enum verdict vastai_##name##_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, \
	    struct op_reply *r)

VASTAI_BUILD(offers);
VASTAI_READ(offers);
VASTAI_BUILD(create);
VASTAI_READ(create);
VASTAI_BUILD(describe);
VASTAI_READ(describe);
VASTAI_BUILD(list);
VASTAI_READ(list);
VASTAI_BUILD(mark);
VASTAI_READ(mark);
VASTAI_BUILD(destroy);
VASTAI_READ(destroy);
VASTAI_BUILD(storage);
VASTAI_READ(storage);
VASTAI_BUILD(volume_make);
VASTAI_READ(volume_make);
VASTAI_BUILD(volume_drop);
VASTAI_READ(volume_drop);
VASTAI_BUILD(log);
VASTAI_READ(log);

#endif

/*
 * Inside the Hot Aisle adapter only: what its files share. hotaisle.c says what is particular about Hot Aisle.
 *
 *	hotaisle.c           the table; who we are, balance
 *	hotaisle_offers.c    what is for sale
 *	hotaisle_key.c       our SSH key, put there and taken away
 *	hotaisle_machines.c  virtual machines, from create to destroy
 *	hotaisle_wire.c      requests, and what an error says
 */
#ifndef GPUFLEET_HOTAISLE_H
#define GPUFLEET_HOTAISLE_H

#include "providers/provider.h"

#define HOTAISLE_REGION       "us-michigan-1" /* the API knows no regions; there is one site (§1) */
#define HOTAISLE_CREATE_TIME  (300 * SECOND)  /* §1: create and delete block */
#define HOTAISLE_DESTROY_TIME (300 * SECOND)

/* ---- requests: false or an answer in the reply means that nothing is sent ---- */

void hotaisle_answer(struct http_request *req, struct op_reply *r, const char *why);
void hotaisle_authenticate(const struct op_args *a, struct http_request *req);
bool hotaisle_team_ok(const struct op_args *a, struct http_request *req, struct op_reply *r);
/* The URL of one machine, or of something of the team, with `tail` behind it. */
bool hotaisle_machine_url(const struct op_args *a, struct http_request *req, struct op_reply *r, const char *method, const char *tail);
bool hotaisle_team_url(const struct op_args *a, struct http_request *req, struct op_reply *r, const char *method, const char *tail);

/* ---- answers ---- */

bool hotaisle_is_success(const struct http_response *res);
bool hotaisle_is_plain_text(const struct http_response *res); /* the provider itself speaks, nobody in between */
enum verdict hotaisle_fail(const struct http_response *res, struct op_reply *r, enum verdict v, const char *more);
/* What an answer other than success means; `machine`: a 404 says that the machine is absent. */
enum verdict hotaisle_failed(const struct http_response *res, struct op_reply *r, bool machine);
/* The JSON of a successful answer, or NULL with the reply filled. The caller gives it back. */
json_t *hotaisle_body_of(const struct http_response *res, struct op_reply *r, enum verdict otherwise);
/* Both for a read: OK with *j, which the caller gives back, or the verdict. */
enum verdict hotaisle_json(const struct http_response *res, struct op_reply *r, bool machine, json_t **j);
bool hotaisle_cents(const json_t *j, const char *key, money *out);
bool hotaisle_gpus_of(const json_t *specs, char name[GPU_MAX], int *count);

/* ---- operations ---- */

void hotaisle_offers_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r);
enum verdict hotaisle_offers_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r);
void hotaisle_key_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r);
enum verdict hotaisle_key_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r);
void hotaisle_key_drop_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r);
enum verdict hotaisle_key_drop_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r);
void hotaisle_list_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r);
enum verdict hotaisle_list_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r);
void hotaisle_describe_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r);
enum verdict hotaisle_describe_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r);
void hotaisle_create_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r);
enum verdict hotaisle_create_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r);
void hotaisle_mark_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r);
void hotaisle_destroy_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r);
enum verdict hotaisle_changed_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r);

#endif

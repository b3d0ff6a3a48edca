/*
 * JSON through jansson, with ceilings before parsing and getters that never trust the sender.
 *
 * Getters take an object (NULL and other types allowed) and a key. They return the fallback when the key is absent or has
 * the wrong type; *_path variants walk dots: "networks.v4.0.ip_address" (numbers index arrays).
 */
#ifndef GPUFLEET_JSON_H
#define GPUFLEET_JSON_H

#include "err.h"
#include "money.h"

#include <jansson.h>

#define JSON_BYTES_MAX (8u * 1024 * 1024) /* reliability §2.7 */
#define JSON_DEPTH_MAX 32

/* First of all in a program: memory that is refused ends it with one sentence, here as everywhere else (mem.h). */
void json_init(void);

/* Parse text from outside: size, depth, UTF-8, duplicate keys and trailing bytes are checked. NULL with *e: "line 3, column 7: …" */
json_t *json_read(const char *text, size_t n, struct err *e);
/* Compact text, keys in insertion order. Caller frees. */
char *json_text(const json_t *j);

const json_t *json_path(const json_t *j, const char *path);
const char *json_str(const json_t *j, const char *path, const char *fallback);
int64_t json_int(const json_t *j, const char *path, int64_t fallback); /* integers, integral reals, decimal strings */
double json_num(const json_t *j, const char *path, double fallback);   /* numbers or decimal strings; finite */
bool json_bool(const json_t *j, const char *path, bool fallback);
/* Dollars as a number or a decimal string. False: absent, negative, NaN or absurd; *out untouched. */
bool json_money(const json_t *j, const char *path, money *out);
/* As json_money, and negative amounts too: credits, refunds, a balance that is owed. */
bool json_money_signed(const json_t *j, const char *path, money *out);
bool json_time(const json_t *j, const char *path, instant *out); /* RFC 3339 string, or epoch seconds as a number */

/* Setters for building: own what they are given; a NULL string becomes null. */
void json_put_str(json_t *o, const char *key, const char *value);
void json_put_int(json_t *o, const char *key, int64_t value);
void json_put_bool(json_t *o, const char *key, bool value);
void json_put_money(json_t *o, const char *key, money value); /* decimal dollars as a JSON number with ≤ 6 decimals */
void json_put_time(json_t *o, const char *key, instant value); /* RFC 3339 with milliseconds, or null for 0 */
void json_put(json_t *o, const char *key, json_t *value);      /* steals the reference */

#endif

/*
 * Values of the API's documents as people read them. Each returns a small string by value, for use within one expression:
 *
 *	table_cell(&t, STYLE_PLAIN, "%s", show_money(fleet, "hourly").s);
 *
 * What is absent or null is "". Nothing here is made safe: table cells and ctl_say() do that.
 */
#ifndef GPUFLEET_CTL_SHOW_H
#define GPUFLEET_CTL_SHOW_H

#include "base/json.h"
#include "ctl/table.h"

struct word {
	char s[128];
};

struct word show_money(const json_t *j, const char *path);
struct word show_rate(const json_t *j, const char *path);  /* "$1.99/h" */
struct word show_ago(const json_t *j, const char *path);   /* "3m 10s ago" */
struct word show_left(const json_t *j, const char *path);  /* "2h 05m", "over" */
struct word show_when(const json_t *j, const char *path);  /* "2026-11-20 02:00:00Z" */
struct word show_seconds(const json_t *j, const char *path); /* a number of seconds: "1h 30m" */
struct word show_between(const json_t *j, const char *from, const char *to); /* until now when `to` is null */
struct word show_gpu(const json_t *j);                     /* gpu and gpu_count: "MI300X:8" */
struct word show_count(const json_t *j, const char *path); /* "" for 0 and absent */
struct word show_bytes(const json_t *j, const char *path); /* "1.2 MB" */
struct word show_number(const json_t *value);              /* at most 6 significant digits behind whole numbers */
struct word show_labels(const json_t *labels);             /* "k=v,k=v" from an object or a string */

const char *show_instance_state(const json_t *instance); /* "booting" for BOOTING … */
enum style show_fleet_style(const json_t *fleet);
enum style show_instance_style(const json_t *instance);
enum style show_run_style(const json_t *run);
struct word show_run_state(const json_t *run); /* "running", "ok", "failed (exit 3)" */

/* The table of a fleet's instances, as `status FLEET` and `up` print it. */
void show_instances(const json_t *fleet, FILE *to);
void show_offers(const json_t *offers, FILE *to);

#endif

/*
 * Driving one cloud model in virtual time: a request in, status and parsed body out.
 */
#ifndef GPUFLEET_TEST_CLOUD_DRIVE_H
#define GPUFLEET_TEST_CLOUD_DRIVE_H

#include "tests/sim/cloud.h"

#define DRIVE_START ((instant)1795132800 * SECOND) /* 2026-11-20T00:00:00Z */
#define DRIVE_KEY                                                                                  \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5sP2cPRkvWUuXB4gtYgkDGSh2xGn1zPbRduRyeVGzP drive"

struct drive {
	struct cloud *cloud;
	instant now;
	const char *auth;  /* "Bearer …"; NULL: no header */
	const char *agent; /* User-Agent; NULL: no header */
	struct sim_response r;
	json_t *j; /* body of the last answer, NULL when it is not JSON */
};

/* `timing` NULL: the quick preset. `inventory` NULL: built in. */
void drive_open(struct drive *d, const struct cloud_model *m, const struct sim_timing *timing,
    const char *inventory);
void drive_close(struct drive *d);
/* Asks now; `uri` may hold a query. Returns the status, 0 when the connection was cut or never answered. */
int drive(struct drive *d, const char *method, const char *uri, const char *body);
void drive_pass(struct drive *d, duration t); /* time passes, in small steps at every event */
const char *drive_str(const struct drive *d, const char *path);
int64_t drive_int(const struct drive *d, const char *path);
void drive_fault(struct drive *d, const char *text); /* "create_500_after=1" */
const char *drive_header(
    const struct drive *d, const char *name, char *out, size_t size); /* "" when absent */

#endif

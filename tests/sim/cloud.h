/*
 * Models of the four clouds: a pure function (state, virtual time, HTTP request) → HTTP response.
 *
 * A model keeps inventory, machines, their life cycle, the billing meter (the judge of cost: what this file says a machine
 * cost is what it cost), a log of requests, and fault switches. It does no I/O and reads no clock; chance comes from a
 * seeded generator. Two fronts use it: gpufleet-sim serves it over HTTP and gives each machine a real sshd; a deterministic
 * simulator calls it in virtual time. The models are written from the provider fact sheets and OpenAPI documents, never from
 * our adapters, so that the two can disagree.
 *
 *	struct cloud *c = cloud_new(&cloud_runpod, &options);
 *	cloud_handle(c, now, &request, &response);      time never goes back
 *	cloud_tick(c, now);                             what happens by itself until `now`
 *	instant t = cloud_next_event(c);                when something happens by itself next; FOREVER: nothing will
 *
 * Everything named cloud*.c here is pure and links without the HTTP front.
 */
#ifndef GPUFLEET_SIM_CLOUD_H
#define GPUFLEET_SIM_CLOUD_H

#include "base/instant.h"
#include "base/json.h"
#include "base/money.h"
#include "base/rng.h"
#include "base/str.h"

/* ---- requests and answers -------------------------------------------------------------------------------------------- */

struct sim_header {
	const char *name, *value;
};

struct sim_request {
	const char *method;
	const char *path;  /* as sent (percent-encoded), behind the cloud's prefix: "/v2/pods" */
	const char *query; /* as sent, behind '?', or NULL */
	const struct sim_header *headers;
	size_t header_count;
	const char *body; /* may be NULL */
	size_t len;
};

enum sim_cut {
	SIM_CUT_NONE,
	SIM_CUT_BEFORE, /* connection closed before any byte of the answer */
	SIM_CUT_MID,    /* status, headers and half of the body, then closed */
	SIM_CUT_HANG,   /* accepted and never answered */
	SIM_CUT_OPEN,   /* a stream: the whole body, and the connection stays open for more */
};

struct sim_response {
	int status;
	char type[64];      /* content type; "" when there is no body */
	struct buf headers; /* "Name: value\n" lines */
	struct buf body;
	duration delay; /* virtual time between the request and the answer */
	enum sim_cut cut;
};

void sim_response_init(struct sim_response *r);
void sim_response_free(struct sim_response *r);

const char *sim_header(const struct sim_request *q, const char *name); /* NULL when absent */
/* A decoded query parameter into out (NUL-terminated, "" when absent). True when the parameter is there. */
bool sim_query(const struct sim_request *q, const char *name, char *out, size_t size);
#define SIM_QUERY(q, name, array) sim_query((q), (name), (array), sizeof(array))

/* The path cut at slashes and percent-decoded: "/user/ssh_keys/" → {"user", "ssh_keys"}, slash at the end. */
struct sim_path {
	char text[1024];
	const char *part[12];
	int n;
	bool slash; /* ended in '/' */
};

void sim_path_parse(struct sim_path *p, const char *path);
/* Does the path look like `pattern` ("user/ssh_keys/?", '?' is any one part)? The number of parts must agree. */
bool sim_path_is(const struct sim_path *p, const char *pattern);

json_t *sim_body(const struct sim_request *q); /* parsed body, or NULL: not JSON. Caller decrefs */
void sim_answer_text(struct sim_response *r, int status, const char *text);
void sim_answer_json(struct sim_response *r, int status, json_t *j); /* steals j */
void sim_answer_empty(struct sim_response *r, int status);
void sim_add_header(struct sim_response *r, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* ---- GPUs ------------------------------------------------------------------------------------------------------------ */

struct sim_gpu {
	const char *name;    /* "MI300X": the name used in inventories and by the control API */
	const char *vendor;  /* "amd" or "nvidia" */
	const char *product; /* what the vendor's tools call it */
	const char *arch;    /* gfx942, or the compute capability "9.0" */
	int memory_mib;      /* per GPU, as the vendor's tools report it */
	int watts;           /* power limit */
	int units;           /* compute units (AMD) */
	const char *device;  /* PCI device id */
};

const struct sim_gpu *sim_gpu_find(const char *name); /* NULL when unknown */
const struct sim_gpu *sim_gpu_other(const struct sim_gpu *g); /* another model of the same vendor; NULL for NULL */

/* ---- faults ---------------------------------------------------------------------------------------------------------- */

/* Every switch, for every cloud; those a cloud does not know are refused when set. See cloud_fault.c for what each does. */
enum sim_fault {
	FAULT_RATE_LIMIT,
	FAULT_AUTH_REVOKED,
	FAULT_TRUNCATE_BODY,
	FAULT_CUT_BODY,
	FAULT_CUT_BEFORE,
	FAULT_GARBAGE_BODY,
	FAULT_CDN_502,
	FAULT_SLOW,
	FAULT_HANG,
	FAULT_REDIRECT,
	FAULT_CREATE_500_BEFORE,
	FAULT_CREATE_500_AFTER,
	FAULT_CREATE_CUT_BEFORE,
	FAULT_CREATE_CUT_AFTER,
	FAULT_CREATE_HANG_BEFORE,
	FAULT_CREATE_HANG_AFTER,
	FAULT_CREATE_TRUNCATED,
	FAULT_CREATE_NO_ID,
	FAULT_CREATE_NO_CAPACITY,
	FAULT_CREATE_NO_MONEY,
	FAULT_CREATE_QUOTA,
	FAULT_CREATE_DENIED,
	FAULT_CREATE_TWICE,
	FAULT_CREATE_DEARER,
	FAULT_CREATE_LATE,
	FAULT_CREATE_ASYNC_FAIL,
	FAULT_CREATE_SUCCESS_FALSE_WITH_ID,
	FAULT_WRONG_GPU_COUNT,
	FAULT_LIST_500,
	FAULT_LIST_STALE,
	FAULT_LIST_EMPTY,
	FAULT_LIST_DROPS_ONE,
	FAULT_LIST_REPEATS,
	FAULT_LIST_LOOP,
	FAULT_DELETE_500,
	FAULT_DELETE_IGNORED,
	FAULT_DELETE_LAG,
	FAULT_DELETE_404,
	FAULT_DELETE_BUSY,
	FAULT_DELETE_UNDONE,
	FAULT_READ_404,
	FAULT_BOOT_NEVER,
	FAULT_SSH_NEVER,
	FAULT_HOST_DIES,
	FAULT_STATE_UNKNOWN,
	FAULT_LOSE_FIRST_PATCH,
	FAULT_LIMIT_403,
	FAULT_CREATE_201,
	FAULT_NO_DEPLOYMENT_ID,
	FAULT_HIDE_SOLD_OUT,
	FAULT_SPEC_STATES,
	FAULT_NO_PAGING,
	FAULT_ERROR_BODY,
	FAULT_AUTH_401,
	FAULT_RATE_JSON,
	FAULT_GONE_410,
	FAULT_GONE_400,
	FAULT_IGNORE_FILTERS,
	FAULT_IMAGE_FAILS,
	FAULT_BID_LOST,
	FAULT_NIGHTS, /* those before are what nights draw from (tests/night); the others are asked for by name */
	FAULT_STORAGE_500_BEFORE = FAULT_NIGHTS,
	FAULT_STORAGE_500_AFTER,
	FAULT_STORAGE_HANG_AFTER,
	FAULT_STORAGE_LATE,
	FAULT_STORAGE_LIST_500,
	FAULT_STORAGE_DELETE_500,
	FAULT_SNAPSHOT_ERRS,
	FAULT_ATTACH_ERRS,
	FAULT_VOLUME_BUSY_409,
	FAULT_TRAFFIC,
	FAULT_NR
};

struct sim_fault_info {
	const char *name;  /* "create_500_after" */
	const char *cloud; /* NULL: every cloud */
	int seconds;       /* default of the parameter; 0: takes none */
	const char *help;
};

extern const struct sim_fault_info sim_faults[FAULT_NR];

/* ---- machines -------------------------------------------------------------------------------------------------------- */

/* A stretch of time billed at one rate. `unit` is the time that `per` pays for (an hour, or 720 hours for disk prices). */
struct sim_meter {
	const char *part; /* "gpu" or "disk" */
	money per;
	duration unit;
	instant from, to; /* to == 0: still running */
};

struct sim_machine {
	struct cloud *cloud;
	int64_t serial;  /* 1, 2, … within the cloud */
	char id[64];     /* the provider's id */
	char name[1025]; /* the name, description or label that the customer set; "" when none */
	char host[64];   /* Hot Aisle: the recycled VM name; others: data center or region */
	char kind[24];   /* Hot Aisle: "vm" or "bare_metal"; RunPod: "SECURE"…; others "" */
	const struct sim_gpu *gpu; /* NULL: a machine without GPUs */
	int count;                 /* GPUs asked and paid for */
	int delivered;             /* GPUs that are really there (fault wrong_gpu_count) */
	const struct sim_gpu *inside; /* and what they really are: gpu, but for that fault with a parameter */
	money price;               /* per hour, whole machine, as quoted at create */
	char address[48];
	int port;

	instant created, visible, running, ssh; /* ssh: when sshd answers; FOREVER: never */
	instant dies;                           /* host_dies: sshd ends here; 0: never */
	instant deleted;                        /* delete accepted: billing has stopped; 0: not */
	instant gone;                           /* no longer shown by the API; 0: not */
	bool stopped;                           /* powered off, EXITED, stopped */
	bool failed;    /* never became a machine (DigitalOcean's errored create) */
	bool killed;    /* its sshd was killed through the control API */
	bool drivers;   /* the image has the drivers of this GPU */
	bool odd_state; /* fault state_unknown */

	struct sim_meter *meters;
	size_t meter_count;

	struct buf log;  /* what the container wrote since it booted */
	struct buf keys; /* authorized_keys lines fixed at create or attached later */
	json_t *env;     /* the container's environment: name → value */
	json_t *ask;     /* the create body, for what the API echoes */
	json_t *extra;   /* the model's own fields */
	size_t offer;    /* index in the model's inventory */
	const struct sim_store *disk; /* the snapshot that its disk began as; NULL: an image */
	void *front;     /* the front's own data */
};

/* ---- a cloud --------------------------------------------------------------------------------------------------------- */

struct sim_timing {
	duration create;  /* Hot Aisle: a create blocks this long */
	duration boot;    /* create → running, ± a quarter by chance */
	duration ssh;     /* running → sshd answers */
	duration address; /* running → the address shows (DigitalOcean, vast.ai) */
	duration visible; /* create → shown by lists and reads (RunPod, vast.ai) */
	duration tags;    /* DigitalOcean: create → tags show */
	duration
	    destroy; /* delete accepted → no longer shown; Hot Aisle: the delete blocks this long */
	duration bill; /* use → shown in bills and balances */
	duration attach;   /* DigitalOcean: a volume's attach, detach or resize */
	duration snapshot; /* DigitalOcean: a droplet's snapshot, or its transfer to another region */
	duration release;  /* machine deleted → its volumes are free */
	int pace; /* per cent of the published minimum intervals and of the shortest windows; 0: no rate limits */
};

void sim_timing_quick(struct sim_timing *t); /* seconds: for demonstrations and tests */
void sim_timing_real(struct sim_timing *t, const char *cloud); /* what the fact sheets report */

struct cloud_options {
	uint64_t seed;
	instant start; /* virtual time at the beginning */
	struct sim_timing timing;
	const json_t *inventory; /* this cloud's section, or NULL: built in. Copied */
	const char *login_user;  /* what RunPod names as the SSH user; NULL: root */
	int ssh_port; /* of every machine; 0: 22, or a port by chance where the provider maps ports */
	int index;    /* which 127.(60 + index).y.z the addresses come from */
};

struct sim_log {
	int64_t number; /* 1, 2, … */
	instant time;
	char method[8], path[512], query[512];
	int status; /* 0: cut or never answered */
};

struct cloud;
struct sim_store;

enum sim_error {
	SIM_E_SERVER,
	SIM_E_AUTH,
	SIM_E_RATE,
	SIM_E_CAPACITY,
	SIM_E_MONEY,
	SIM_E_QUOTA,
	SIM_E_DENIED,
	SIM_E_BUSY,
	SIM_E_ABSENT,
};

struct cloud_model {
	const char *name;
	const char *prefix; /* where gpufleet-sim serves it: "/hotaisle/api" */
	const char *token;  /* the one valid key */
	const char
	    *inventory; /* JSON text: the built-in inventory, and the documentation of its form */
	void (*open)(struct cloud *c);
	void (*handle)(struct cloud *c, const struct sim_request *q, struct sim_response *r);
	void (*error)(struct cloud *c, struct sim_response *r,
	    enum sim_error e); /* in the provider's shape */
	money (*cost)(const struct cloud *c, const struct sim_machine *m,
	    instant at); /* all of it until `at` */
	void (*keys)(struct cloud *c, const struct sim_machine *m,
	    struct buf *out); /* authorized_keys, now */
	const char *(*state)(
	    const struct cloud *c, const struct sim_machine *m);  /* the provider's word for it */
	void (*released)(struct cloud *c, struct sim_machine *m); /* deleted: give its stock back */
	void (*stop)(struct cloud *c,
	    struct sim_machine *m);     /* stopped by the provider; NULL: powered off, bills on */
	void (*reprice)(struct cloud *c, int percent); /* what it asks for machines from now on, of what it asks now */
	void (*tick)(struct cloud *c);  /* or NULL */
	void (*close)(struct cloud *c); /* or NULL */
};

extern const struct cloud_model cloud_hotaisle, cloud_runpod, cloud_digitalocean, cloud_vastai;
extern const struct cloud_model *const cloud_models[4];

/* The built-in inventories, JSON text (cloud_inventory.c). */
extern const char hotaisle_inventory[], runpod_inventory[], ocean_inventory[], vast_inventory[];

struct cloud {
	const struct cloud_model *model;
	struct cloud_options options;
	struct rng rng;
	instant now;
	json_t *inventory;             /* own copy */
	struct sim_machine **machines; /* all there ever were, oldest first */
	size_t machine_count;
	struct sim_store **stores; /* volumes and snapshots (cloud_storage.h): all there ever were, oldest first */
	size_t store_count;
	json_t *keys;     /* account SSH keys, in the model's own form */
	int keys_changed; /* counts up with every change of any key */
	int64_t next_id;
	money deposit;            /* prepaid at the start; the balance is this minus all cost */
	int fault_left[FAULT_NR]; /* -1: until switched off */
	int fault_seconds[FAULT_NR];
	int64_t fault_fired[FAULT_NR];
	struct sim_log *log;
	size_t log_count, log_cap;
	int64_t requests;
	void *own; /* the model's */
};

struct cloud *cloud_new(const struct cloud_model *model, const struct cloud_options *o);
void cloud_free(struct cloud *c);
void cloud_handle(
    struct cloud *c, instant now, const struct sim_request *q, struct sim_response *r);
void cloud_tick(struct cloud *c, instant now);
instant cloud_next_event(const struct cloud *c);

/* A switch by name. count: how often it fires, -1 until switched off, 0 off. seconds < 0: the default. */
int cloud_set_fault(struct cloud *c, const char *name, int count, int seconds, struct err *e);
/* "runpod:create_500_after=1@30" without the cloud's part: "create_500_after[=count][@seconds]"; no count: until switched off. */
int cloud_set_fault_text(struct cloud *c, const char *text, struct err *e);

struct sim_machine *cloud_find(
    const struct cloud *c, const char *id); /* newest with this id, or NULL */
money cloud_cost(const struct cloud *c, const struct sim_machine *m); /* until now */
bool cloud_billing(
    const struct cloud *c, const struct sim_machine *m); /* does it cost money now? */
bool cloud_alive(
    const struct cloud *c, const struct sim_machine *m); /* should its sshd answer now? */
/* How many logged requests agree; NULL or "" matches all; path is a shell pattern ('*' crosses slashes). */
int64_t cloud_count_requests(const struct cloud *c, const char *method, const char *path);
/*
 * What may happen to a machine without anybody asking: "host" (its sshd ends, the API says nothing), "vanish" (gone, the
 * bill stops), "stop" (interrupted, outbid, powered off), "reboot" (all that ran there ends, it comes back). False: unknown.
 */
bool cloud_happen(struct cloud *c, struct sim_machine *m, const char *what);

/* ---- for the models -------------------------------------------------------------------------------------------------- */

bool cloud_fault(struct cloud *c, enum sim_fault f);          /* armed? uses one up */
bool cloud_fault_on(const struct cloud *c, enum sim_fault f); /* armed? uses nothing up */
duration cloud_fault_time(const struct cloud *c, enum sim_fault f);

/* Before a machine is made: true when a fault has answered the create. */
bool cloud_create_refused(struct cloud *c, struct sim_response *r);
/* A new machine; the caller fills id, name and meters. Applies the faults of the life cycle. gpu NULL: none. */
struct sim_machine *cloud_machine_new(
    struct cloud *c, const char *gpu, int count, money price, const json_t *ask);
/* Behind the answer to a create: faults that spoil it. */
void cloud_create_answered(struct cloud *c, struct sim_response *r);

bool cloud_list_refused(
    struct cloud *c, struct sim_response *r); /* true when a fault has answered the listing */
/* The machines a listing shows, oldest first, list faults applied. Caller frees. NULL with *n = 0: none. */
struct sim_machine **cloud_listing(struct cloud *c, size_t *n);
bool cloud_shown(
    const struct cloud *c, const struct sim_machine *m); /* by a read of this one machine */
/* A request about one machine, which may be NULL: is it known there? */
bool cloud_answers_for(
    struct cloud *c, const struct sim_machine *m, const struct sim_request *q);
/* A delete of a machine that is shown: false when a fault has answered instead. */
bool cloud_delete(struct cloud *c, struct sim_machine *m, struct sim_response *r);
void cloud_end(
    struct cloud *c, struct sim_machine *m); /* stop all meters, give stock back, deleted = now */

void cloud_meter_start(
    struct cloud *c, struct sim_machine *m, const char *part, money per, duration unit);
void cloud_meter_stop(struct cloud *c, struct sim_machine *m, const char *part); /* NULL: all */
void cloud_power(struct cloud *c, struct sim_machine *m, bool on); /* stopped, or booting anew */
/* Cost of one part (NULL: all) until `at`, charged by started `quantum`, each meter rounded to the micro-dollar. */
money cloud_metered(const struct sim_machine *m, const char *part, instant at, duration quantum);
money sim_metered(const struct sim_meter *meters, size_t n, const char *part, instant at, duration quantum);
money cloud_total(const struct cloud *c, instant at); /* of all machines, volumes and snapshots */
int cloud_random_port(struct cloud *c);
/* A line of an authorized_keys file: fills type, base64 and comment. False: not a key. */
bool cloud_key_parse(const char *line, char type[64], char base64[2048], char comment[256]);

#endif

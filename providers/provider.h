/*
 * The adapter contract: a provider is one `const struct provider` of facts and pure functions. Adapters do no I/O, read no
 * clock, keep no state and decide nothing; call.c drives them and http.c moves the bytes (architecture §4).
 *
 * Each operation is a pair:
 *   build  writes the next HTTP request from the arguments and the cursor left by the previous page or step;
 *   read   turns status, headers and body into facts in the reply, a next request (VERDICT_MORE), or a classified failure.
 *
 * What each slot may assume and must do:
 *   build  - args fields named for the operation below are set; others are NULL or 0;
 *          - must fill method, url (absolute, beginning with account->api_url), headers with authentication, body; a URL that
 *            the provider named gets no authentication; what came from outside goes into a path only percent-encoded;
 *          - may answer without a request by filling the reply and setting req->answered (static hosts).
 *   read   - gets any bytes at all: empty, HTML, truncated, 8 MiB; must never crash nor believe what it cannot parse;
 *          - a body that should be complete and is not is RETRY for reads and UNSURE for what makes things that bill;
 *          - REFUSED, DENIED, LIMIT, NO_CAPACITY and ABSENT are the provider's own word: a status alone, from whoever stands in
 *            between, is RETRY, and UNSURE for what makes;
 *          - a listing is complete or no listing; a state that is not known is MACHINE_UNKNOWN, never gone;
 *          - messages in the reply are the provider's own sentence, shortened; no secrets.
 * Tries, pages, timing, rate limits, duplicates and facts that cannot be are call.c's, the same for all.
 *
 * To add a provider, read tests/unit/fake_provider.c, which is a whole one in 200 lines, then write
 *   - the facts, with where they are from: everything else cites their sections;
 *   - providers/<name>.c: the pairs, and at its bottom the table. The core needs CHECK, OFFERS, CREATE, DESCRIBE, LIST, MARK, DESTROY
 *     and BALANCE, and either CAP_MARK_AT_CREATE or CAP_SINGLE_FLIGHT; any other pair may be NULL, and any other fact 0;
 *   - its line in registry.c, its name in CLOUDS of config/options.c and what `gpufleetctl init` asks in daemon/ctl/cmd_init.c;
 *   - fixtures in tests/fixtures/<name>/ and tests/unit/test_<name>.c on adapter_world.h: each answer of the facts, each cut and
 *     each mutation of it, and the hostile ones;
 *   - a subject in tests/contract/arguments.c and the provider's own OpenAPI document, if it has one, in contract.py;
 *   - a model of its cloud in tests/sim/, written from the facts and not from the adapter, so that the two can disagree;
 *   - its column in the README, which test_capabilities prints, and a line in tests/contract/quirks.txt for each warning.
 * Nothing else in the core, the daemon or the commands knows a provider by its name.
 */
#ifndef GPUFLEET_PROVIDER_H
#define GPUFLEET_PROVIDER_H

#include "base/json.h"
#include "core/types.h"
#include "providers/bootlog.h"

enum provider_op_kind {
	OP_CHECK,    /* are the credentials good, which account is it      → account_id, message (limits, in words) */
	OP_OFFERS,   /* what can be rented                                 args gpu, gpu_count ("" and 0: everything), disk_gb, spot → offers */
	OP_KEY,      /* make sure our public key is known to the account   args public_key → key_id (may be "") */
	OP_CREATE,   /* rent one machine; exactly one request, ever        args offer, mark, public_key, key_id, image, disk_gb → id, price_hour */
	OP_DESCRIBE, /* one machine                                        args id → machines[0]; gone is ABSENT */
	OP_LIST,     /* every machine of the account, ours or not          → machines; OK only when the listing is complete */
	OP_MARK,     /* set our mark (rename)                              args id, mark → (read back with OP_DESCRIBE) */
	OP_DESTROY,  /* end it for ever; OK: taken, ABSENT: not there      args id */
	OP_BALANCE,  /* → balance */
	OP_BILL,     /* charges of one machine, or all when id is NULL     args id, mark, from, until → bills */
	OP_KEY_DROP, /* take it away again                                 args public_key; ABSENT: was not there */
	OP_LOG,      /* the machine's own log                              args id → log, host_keys */
	/*
	 * Storage: args storage says which one, by the id that the provider listed, or what is wanted. The two that make are as
	 * careful as OP_CREATE: one request that makes, ever, and UNSURE unless the answer is definite; OP_STORAGE finds by its name
	 * what an UNSURE one has made.
	 */
	OP_STORAGE,       /* every volume and snapshot of the account        → storages; OK only when complete */
	OP_VOLUME_MAKE,   /* args storage: name, region, size_gb, host, source → id: the one that is there, where names are unique */
	OP_VOLUME_DROP,   /* with its data; RETRY while a machine has it, ABSENT: not there */
	OP_VOLUME_ATTACH, /* args machine; OK: taken (OP_STORAGE tells when it is so), or so already; RETRY: another has it; ABSENT: no volume */
	OP_VOLUME_DETACH, /* args machine; OK: taken, or that machine has it no more; ABSENT: no volume */
	OP_SNAPSHOT_MAKE, /* args storage: name, source, of_volume           → id where it is known, else work */
	/*
	 * args storage: name, source, of_volume; work, or NULL to look by name alone → storages[0]: READY with id, size, disk and region,
	 * MAKING and FAILED without. ABSENT: no such work, or without work nothing of that name, yet or any more.
	 */
	OP_SNAPSHOT_LOOK,
	OP_SNAPSHOT_DROP, /* ABSENT: not there */
	/*
	 * args storage: id; from, until → bills: what it was charged for its time in between. One that is there is asked for up to the end
	 * of a day, or of a month (billing_rule.storage_by_month), so that the record need not be cut elsewhere. No lines: no record yet.
	 */
	OP_STORAGE_BILL,
	OP_NR
};

enum provider_cap {
	CAP_MARK_AT_CREATE = 1 << 0, /* the mark is set atomically by create */
	CAP_SINGLE_FLIGHT = 1 << 1,  /* one create at a time per account, found by list difference (Hot Aisle) */
	CAP_LOCAL = 1 << 2,          /* no provider behind it: hosts the user has */
	CAP_BILL_BY_MACHINE = 1 << 3,/* OP_BILL tells charges per machine; otherwise only the balance moves */
	CAP_COUNTS = 1 << 4,         /* OP_BALANCE counts live machines */
	CAP_SPOT = 1 << 5,
	CAP_PREPAID = 1 << 8,        /* paid in advance: at a balance of zero machines are cut off */
	CAP_HOST_KEY = 1 << 7, /* a machine takes its SSH host key from us at create */
	CAP_CONTAINER = 1 << 6,      /* instances are containers: no docker inside, maybe no systemd, no bash */
	CAP_VOLUME_SHARED = 1 << 9,  /* several machines may have a volume at the same time */
};

#define HTTP_HEADERS_MAX 12

/* A request as a value. Strings are owned; freed by http_request_free(). */
struct http_request {
	const char *method;    /* literal: "GET" */
	char *url;
	char *headers[HTTP_HEADERS_MAX]; /* "Name: value"; includes authentication */
	int header_count;
	char *body;            /* NULL: none */
	duration timeout;      /* whole request; 0: 30 s */
	bool answered;         /* build filled the reply itself; nothing is sent */
	bool looks;            /* changes nothing although it is no GET: a search. In an operation that makes all others may make (call.h) */
	bool open;             /* the answer is a stream without an end: what has come by the timeout is all of it */
};
void http_request_free(struct http_request *r);
/* Both take printf formats; the result is owned by the request. */
void http_request_url(struct http_request *r, const char *method, const char *fmt, ...) PRINTF_LIKE(3, 4);
void http_request_header(struct http_request *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void http_request_json(struct http_request *r, json_t *body); /* steals body; sets Content-Type */

enum http_outcome {
	HTTP_ANSWERED,  /* a status line and a whole body arrived */
	HTTP_NOT_SENT,  /* certainly no byte of the request left: refused, DNS, TLS */
	HTTP_BROKEN,    /* bytes left and no whole answer came: reset, timeout, cut body */
};

struct http_response {
	enum http_outcome outcome;
	char trouble[TEXT_MAX]; /* what went wrong, when not ANSWERED */
	int status;
	const char *body; /* NUL-terminated, valid during read() */
	size_t len;
	char content_type[64];
	char retry_after[64];   /* as sent; "" when absent */
	char rate_remaining[64], rate_reset[64]; /* the provider's rate headers, raw, when present */
	char date[40];          /* the provider's clock, an HTTP date; "" when absent */
};

/* Arguments of an operation; which are set is said at the enum above. All pointers outlive the call. */
struct op_args {
	const struct account *account;
	const struct offer *offer;
	const char *mark;
	const char *public_key; /* "ssh-ed25519 AAAA… comment" */
	const char *key_id;
	const char *id;
	const char *host_private, *host_public; /* CAP_HOST_KEY: OpenSSH text and "ssh-ed25519 AAAA…"; NULL: the machine makes its own */
	const char *image; /* NULL: account's, then the adapter's default */
	int disk_gb;
	const struct storage *volume;   /* create: the machine has it from the beginning; NULL: none. Its id, region and host count */
	const char *volume_path;        /* … and, in a container, sees it there: absolute */
	const struct storage *snapshot; /* create: it starts from this instead of an image; NULL. Its id, region, disk_gb and of_volume count */
	const struct storage *storage;  /* see the enum */
	const char *machine;            /* the provider's id of the machine that a volume goes to, or leaves */
	const char *work;               /* op_reply.work of OP_SNAPSHOT_MAKE; NULL or "": not known */
	char gpu[GPU_MAX];
	int gpu_count;
	bool spot;
	instant from, until;
};

/*
 * Where a many-request operation stands; zeroed at its beginning, changed only by the adapter's read. A cursor that comes a
 * second time voids the operation; in OP_LIST a step, token and number that come again do, whatever the page.
 */
struct op_cursor {
	int step, page;
	char token[512];
	int64_t number; /* free for the adapter */
};

#define LOG_MAX      (256u * 1024)
#define OP_ITEMS_MAX 100000 /* of a kind in one reply, over all pages */

/* The facts. Arrays grow over pages and are owned by the reply; op_reply_free() frees them. */
struct op_reply {
	enum verdict verdict;
	char message[TEXT_MAX];
	duration retry_after; /* 0: the provider did not say */
	struct offer *offers;
	size_t offer_count;
	struct machine *machines;
	size_t machine_count;
	struct bill_line *bills;
	size_t bill_count;
	struct storage *storages;
	size_t storage_count;
	struct balance balance;
	char id[ID_MAX];         /* create: the provider's id */
	char work[ID_MAX];       /* a snapshot that takes a while and has no id yet: what OP_SNAPSHOT_LOOK asks for */
	char key_id[ID_MAX];
	char account_id[ID_MAX]; /* check: who we are there */
	money price_hour;        /* create: what the answer says; 0 unknown */
	instant sent_at;         /* when its last request left, set by call.c; 0: none did */
	bool destroy_now;        /* create: an id came with a failure; record it and delete it (vast.ai §2.4) */
	bool overflow;           /* more than OP_ITEMS_MAX items came: call.c voids the reply */
	char *log;               /* its last lines, at most LOG_MAX; owned; NULL: none */
	char host_keys[PRINTS_MAX]; /* what it said of them when it booted, "SHA256:…" one per line; "": nothing that can be believed */
};
void op_reply_free(struct op_reply *r);
struct offer *op_reply_add_offer(struct op_reply *r);     /* zeroed; valid until the next add */
struct machine *op_reply_add_machine(struct op_reply *r); /* merges nothing: call.c merges duplicates by id */
struct bill_line *op_reply_add_bill(struct op_reply *r);
struct storage *op_reply_add_storage(struct op_reply *r);
void op_reply_log(struct op_reply *r, const char *text, size_t n); /* keeps its end */
/* Set verdict and message together; returns the verdict so that read can return it. */
enum verdict op_fail(struct op_reply *r, enum verdict v, const char *fmt, ...) PRINTF_LIKE(3, 4);

struct provider_op {
	void (*build)(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r);
	enum verdict (*read)(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r);
};

/* Token buckets, one per operation: at most `burst` at once, refilled one per `every`. 0: no limit known. */
struct rate_rule {
	duration every;
	int burst;
};

struct provider {
	const char *name;         /* "runpod": configuration key, part of the mark's MAC */
	const char *title;        /* "RunPod" */
	const char *api_url;      /* default */
	const char *token_env;    /* "RUNPOD_API_KEY" (architecture §14); NULL: no token is needed */
	const char *token_where;  /* where a person gets the token and which permissions it needs, one sentence */
	const char *user;         /* remote login */
	int ssh_port;             /* when the provider does not say; 0: it always says */
	const char *image_amd, *image_nvidia; /* default image per vendor; NULL: no choice */
	int disk_gb;              /* default container or boot disk; 0: no choice */
	unsigned caps;            /* enum provider_cap */
	duration create_timeout;  /* one request */
	duration boot_allowance;  /* create to SSH, worst ordinary case */
	duration teardown_allowance;
	struct billing_rule billing;
	const struct storage_rule *volume, *snapshot; /* NULL: it sells none, or at each host's own price */
	money volume_most; /* at each host's own price: the most that a GB and month of 730 hours may cost, or no volume is made there */
	/*
	 * A machine's own disk, where it is charged apart from its GPUs: while it runs, which the price by the hour of offers and machines
	 * includes already, and while it is stopped. NULL: a part of the machine, or at each host's own price.
	 */
	const struct storage_rule *disk, *disk_stopped;
	bool traffic;       /* it charges by the GB, what each offer says; our meter cannot see how many */
	const char *volume_device; /* the volume's block device on a machine: this and its name; NULL: mounted at op_args.volume_path */
	/* How a machine ends itself with a key of its own; NULL: it has none. Below api_url: give_back, its id, give_back_tail. */
	const char *give_back, *give_back_tail;
	const char *own_id, *own_key; /* variables in the environment of the machine */
	const char *relay; /* addresses that end so are not the machine's but the provider's, who reads along: no secret goes there; NULL: none */
	struct rate_rule rate[OP_NR];
	enum provider_op_kind paced_with[OP_NR]; /* an operation of the same endpoint: they share its bucket; 0: a bucket of its own */
	struct provider_op op[OP_NR]; /* a NULL pair: not offered */
};

/* registry.c */
const struct provider *provider_find(const char *name); /* NULL: unknown */
const struct provider *const *provider_all(void);       /* NULL-terminated */

#endif

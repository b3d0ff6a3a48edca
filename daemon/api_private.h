/* Between the files of the API only: a request's life, answers now and later, streams. */
#ifndef GPUFLEET_API_PRIVATE_H
#define GPUFLEET_API_PRIVATE_H

#include "api.h"
#include "base/json.h"
#include "db/history.h"
#include "execute.h"
#include "view.h"

#include <microhttpd.h>

#define BODY_MAX     (1024u * 1024)
#define RUN_BODY_MAX (64u * 1024 * 1024)
#define STREAM_MAX   (1024u * 1024) /* a reader that is this far behind is let go */

enum role { ROLE_NOBODY, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN };

/* One HTTP server on our loop. */
struct listener {
	struct api *api;
	struct MHD_Daemon *mhd; /* NULL: there is none */
	uv_poll_t poll;
	uv_timer_t timer;
	bool tcp;
	/* of TCP (api_tcp.c) */
	struct list peers;          /* its connections */
	uv_timer_t watch, penance;  /* for the slow ones; for those who showed no good token */
	int64_t refused;            /* since the start: a foreign host or site, or no good token */
	int64_t attempts;           /* of these without a good token, since a line in the log said so … */
	duration attempts_logged;   /* … then */
};

struct api {
	struct engine *en;
	struct listener local, remote;
	uv_timer_t ping;
	instant started;
	char socket_path[512], db_path[600], version[32];
	struct list requests, askings;
	struct list remembered; /* answers by Idempotency-Key */
	int remembered_count;
	void (*shutdown)(void *arg);
	void *shutdown_arg;
	bool stop_asked, closing;
};

struct request {
	struct list link;
	struct api *api;
	struct listener *listener;
	struct MHD_Connection *mc;
	char method[8], path[1200];
	char arg[2][1024];  /* what the stars of the pattern stood for */
	struct buf body;
	bool too_big;
	uid_t uid;
	gid_t gid;
	char user[NAME_MAX_];  /* whose things are theirs */
	char actor[NAME_MAX_]; /* who stands in the events: the user, or "token:NAME" */
	enum role role;
	json_t *in;         /* the body, parsed; an object or NULL */
	/* answer */
	bool answered, suspended, queued;
	duration held_until; /* the answer waits; 0: it does not */
	int status;
	char *text;
	size_t text_len;
	const char *type;
	/* stream */
	bool streaming, ended;
	struct buf out;
	void (*pump)(struct request *r);                            /* something may have happened: put more */
	void (*event)(struct request *r, const struct event *e);
	void (*gone)(struct request *r);                            /* free `state` */
	void *state;
	struct hold *hold;
};

/* A pointer to a request that may be gone when the answer comes. */
struct hold {
	struct request *r; /* NULL: gone */
};
struct hold *request_hold(struct request *r);
struct request *hold_take(struct hold *h); /* frees the hold; NULL when the request is gone */

/* Answer once; `body` is stolen. */
void request_json(struct request *r, int status, json_t *body);
void request_error(struct request *r, const struct err *e);
/* As request_error with further members of the problem; `more` is stolen. */
void request_problem(struct request *r, const struct err *e, json_t *more);
void request_bytes(struct request *r, const char *type, char *data, size_t n); /* data is taken; type must outlive the request */
void request_stream(struct request *r); /* NDJSON from now on */
void stream_put(struct request *r, json_t *line); /* stolen */
void stream_end(struct request *r);

/*
 * Between the files that carry requests: api.c answers, api_routes.c finds the handler, api_again.c knows what was answered before,
 * api_tcp.c lets in who comes by TCP.
 */
void request_answer(struct request *r, int status, const char *type, char *text, size_t n); /* text is taken */
void request_resume(struct request *r);
struct route;
const struct route *request_route(struct request *r); /* NULL: there is none for this caller, and that has been answered */
void request_dispatch(struct request *r);
bool request_again(struct request *r);    /* the same was asked before, or something else under its key: that has been answered */
void request_remember(struct request *r); /* what is about to be sent */
void again_free(struct api *a);
/* A listening Unix socket, or -1; `groups`: everybody may knock. */
int api_listen(const char *path, bool groups, struct err *e);
/* The same for "127.0.0.1:8470". */
int api_listen_tcp(const char *listen_at, struct err *e);

/* The server is there; it is no more. */
void tcp_open(struct listener *l);
void tcp_close(struct listener *l);
/* A connection begins or ends (MHD_OPTION_NOTIFY_CONNECTION). */
void tcp_connection(void *cls, struct MHD_Connection *mc, void **context, enum MHD_ConnectionNotificationCode what);
/* Headers are here: says who calls, or answers. */
void tcp_admit(struct request *r);
/* A part of the body is here; all of it; the answer was sent. */
void tcp_body(struct request *r, size_t n);
void tcp_whole(struct request *r);
void tcp_over(struct request *r);

/* Query parameters. */
const char *query(const struct request *r, const char *key, const char *fallback);
int64_t query_int(const struct request *r, const char *key, int64_t fallback);
bool query_bool(const struct request *r, const char *key);

/* A time, 0 when it is not said; false: what is said is none, and that has been answered. */
bool query_time(struct request *r, const char *key, instant *out);

/* The body's keys are all among `known` (NULL-terminated); answers 400 and returns false otherwise. */
bool check_keys(struct request *r, const char *const *known);
/* May this caller change what `owner` owns? Answers 403 and returns false otherwise. */
bool may_touch(struct request *r, const char *owner);

/* A question about the past, asked in the thread pool with its own connection; answered with what `ask` makes. */
typedef int ask_fn(struct history *h, void *arg, json_t **out, struct err *e);
void request_history(struct request *r, ask_fn *ask, void *arg /* freed with free() */);

/* The same, and with the answer `then` goes on instead; then_arg is freed with free() behind it; an error has been answered already. */
typedef void history_then_fn(struct request *r, json_t *out, void *arg);
void request_history_then(struct request *r, ask_fn *ask, void *arg, history_then_fn *then, void *then_arg);

/* The number of the run in the path ("7", "run-7"); 0: it is none. */
int64_t run_in_path(const struct request *r);
/* Asks for {"run":…}; arg: its number, an int64_t. */
int ask_run(struct history *h, void *arg, json_t **out, struct err *e);

/* The second net: has a program elsewhere been heard of that ends machines when this one cannot? False: no account needs it. */
struct heartbeat;
bool api_reaper(struct request *r, struct heartbeat *h);

/* Fleet by the name or number in the path; NULL: not in memory (nothing answered yet). */
struct fleet *fleet_named(struct request *r, const char *name);
/* Answers 404 and returns true when f is NULL. */
bool no_fleet(struct request *r, const struct fleet *f);

/* Fill a fleet's wish from a body (POST /v1/fleets, /v1/plans, /v1/runs); -1: e. */
int fleet_from_body(struct request *r, const json_t *in, struct fleet *f, struct err *e);
/* Parts of it, for GET /v1/offers. */
int fleet_read_accounts(struct request *r, const json_t *list, struct fleet *f, struct err *e);
int fleet_read_gpu(struct request *r, const char *text, struct fleet *f, struct err *e);
/*
 * Ask all allowed providers for offers, then `then(r, f, market, arg)`; r is still there. Whoever has not answered within poll.offers
 * is not waited for: `market` knows who did.
 */
struct market;
typedef void planned_fn(struct request *r, struct fleet *f, const struct market *market, void *arg);
/* [{"account","state":"fresh"|"stale"|"failed"|"waiting","ok","message","age","offers"}…] of the accounts that f allows. */
json_t *market_accounts(const struct market *market, struct engine *en, const struct fleet *f);
bool market_answered(const struct market *market, const struct config *c, const char *account); /* with its offers, in time */
void market_close(struct api *a); /* nobody is told any more */
void fleet_market(struct request *r, const struct fleet *f, planned_fn *then, void *arg);
/* Is there an offer the fleet can take, with its money? Else answers the problem with alternatives and returns false. */
bool fleet_placeable(struct request *r, struct fleet *f, const struct market *market);
/* Choose a name when there is none. */
void fleet_name_free(struct api *a, struct fleet *f);

/* handlers */
void get_status(struct request *r);
void get_fleets(struct request *r);
void get_fleet(struct request *r);
void get_offers(struct request *r);
void post_plans(struct request *r);
void post_fleets(struct request *r);
void fleet_change(struct request *r, struct fact *fact); /* and the fleet as it is then, once that is on disk */
void delete_fleet(struct request *r);
void post_extend(struct request *r);
void post_resolve(struct request *r);
void post_trust(struct request *r);
void post_authorize(struct request *r);
void post_exec(struct request *r);
void get_cost(struct request *r);
void get_cost_report(struct request *r);
void get_cost_focus(struct request *r);
void get_forecast(struct request *r);
void get_what_if(struct request *r);
void get_ledger(struct request *r);
void get_volumes(struct request *r);
void get_volume(struct request *r);
void post_volumes(struct request *r);
void post_volume_keep(struct request *r);
void post_volume_attach(struct request *r);
void post_volume_detach(struct request *r);
void delete_volume(struct request *r);
void get_snapshots(struct request *r);
void get_snapshot(struct request *r);
void post_snapshots(struct request *r);
void post_snapshot_keep(struct request *r);
void delete_snapshot(struct request *r);
void get_budgets(struct request *r);
void get_budget(struct request *r);
void post_budgets(struct request *r);
void delete_budget(struct request *r);
void post_runs(struct request *r);
void get_runs(struct request *r);
void get_run(struct request *r);
void delete_run(struct request *r);
void get_logs(struct request *r);
void get_results(struct request *r);
void get_file(struct request *r);
void get_report(struct request *r);
void get_compare(struct request *r);
void get_imports(struct request *r);
void post_imports(struct request *r);
void delete_import(struct request *r);
void get_console(struct request *r);
void post_campaigns(struct request *r);
void get_campaigns(struct request *r);
void get_campaign(struct request *r);
void post_campaign_pause(struct request *r);
void post_campaign_run(struct request *r);
void post_campaign_stop(struct request *r);
void delete_campaign(struct request *r);
void get_nights(struct request *r);
void get_night(struct request *r);
void get_next(struct request *r);
void get_night_report(struct request *r);
void get_events(struct request *r);
void get_why(struct request *r);
void get_providers(struct request *r);
void post_check(struct request *r);
void get_recipes(struct request *r);
void get_doctor(struct request *r);
void get_audit(struct request *r);
void get_openapi(struct request *r);
void get_metrics(struct request *r);

/* api_report.c: what a benchmark is made from (bench_read()), of a run ("7", "run-7") or an import. */
int report_source(const struct engine *en, struct history *h, const char *ref, json_t **out, struct err *e);

/* api_output.c: a line of an output stream: `text` where it is UTF-8 without NUL, else `base64`. */
json_t *output_line(const char *stream, const char *data, size_t n);

#endif

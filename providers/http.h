/*
 * HTTP by libcurl's multi interface on the libuv loop: moves bytes, enforces ceilings, decides nothing (libraries.md §3).
 * TLS is always verified, redirects are never followed, proxies are ignored unless configured; plain http:// only to loopback.
 * What makes a thing that bills (call_makes) goes out on a fresh connection that is not reused (reliability §2.4.6), and a second
 * copy of it is held back even if curl should want one. Response bodies end at 8 MiB. Before an answer begins only the request's
 * timeout counts, afterwards silence of half of it (at most 20 s) ends the transfer too; an `open` one is over after a second of it.
 * The program must ignore SIGPIPE.
 */
#ifndef GPUFLEET_HTTP_H
#define GPUFLEET_HTTP_H

#include "providers/provider.h"

#include <uv.h>

struct http;
struct http_transfer;

/* The response and what it points to are valid only during the callback. Called later from the loop, never from inside http_send. */
typedef void http_done_fn(void *arg, const struct http_response *res);

int http_open(struct http **out, uv_loop_t *loop, const char *user_agent, struct err *e);
/* `fresh`: own connection, HTTP/1.1, not reused. The request is copied. Never fails: trouble arrives in the callback. */
struct http_transfer *http_send(struct http *h, const struct http_request *req, bool fresh, http_done_fn *done, void *arg);
/* Ends a transfer; its callback is not called any more. */
void http_cancel(struct http_transfer *t);
int http_in_flight(const struct http *h);
/* Cancels what is in flight and closes handles; the loop must run once more for the close callbacks before http is freed inside. */
void http_close(struct http *h);
/* Is the URL acceptable as an API base: https, or http to a loopback address? */
bool http_url_ok(const char *url);
const char *http_library_version(void);
/* Once per process, before any thread and behind the last transfer. */
void http_global_init(void);
void http_global_cleanup(void);

#endif

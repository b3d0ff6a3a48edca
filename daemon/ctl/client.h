/*
 * HTTP to the daemon over its Unix socket, or to one elsewhere (daemon/api.md), by libcurl. Blocking; a stream hands out one JSON object per line.
 *
 * A Ctrl-C that term_catch() holds back ends a stream at the next look (about 0.2 s); calls are short and run to their end.
 */
#ifndef GPUFLEET_CTL_CLIENT_H
#define GPUFLEET_CTL_CLIENT_H

#include "base/json.h"

#define CLIENT_BODY_MAX  ((size_t)64 * 1024 * 1024) /* api.md: bodies up to 64 MiB */
#define CLIENT_LINE_MAX  ((size_t)4 * 1024 * 1024)  /* one line of a stream */

struct client;

struct client *client_new(const char *socket);
/*
 * A daemon at an https:// address (http:// to this machine), which takes the token; no slash at the end. `token_where` says where the
 * token came from, for people. ca_file: certificates to trust in place of the system's; NULL or "": the system's.
 */
struct client *client_new_url(const char *url, const char *token, const char *token_where, const char *ca_file);
void client_free(struct client *c);

struct request {
	const char *method; /* "GET" "POST" "DELETE" */
	const char *path;   /* "/v1/status" */
	const json_t *body; /* or NULL */
	const char *key;    /* Idempotency-Key, or NULL */
	bool quiet_is_dead; /* a stream with pings: 60 s without a byte mean that the connection is lost */
};

/* *answer: the document. -1: *e, and *problem (may be NULL) the problem document when there was one; both the caller's. */
int client_call(struct client *c, const struct request *r, json_t **answer, json_t **problem, struct err *e);

/* Called for each line; anything but 0 ends the stream, and client_stream returns it. */
typedef int client_line_fn(void *arg, const json_t *line);
enum { CLIENT_ENDED = 0, CLIENT_INTERRUPTED = -2 };
/* CLIENT_ENDED when the daemon closed the stream, CLIENT_INTERRUPTED after Ctrl-C, what `line` said, or -1 with *e. */
int client_stream(struct client *c, const struct request *r, client_line_fn *line, void *arg, json_t **problem, struct err *e);

/* Copy a raw body to a file descriptor. */
int client_download(struct client *c, const char *path, int fd, json_t **problem, struct err *e);

#endif

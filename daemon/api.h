/*
 * The HTTP API of daemon/api.md over a Unix socket, by libmicrohttpd on our loop (libraries.md §4). Who calls is what the kernel
 * says (SO_PEERCRED); what they may do follows from it and from nothing in the request.
 */
#ifndef GPUFLEET_API_H
#define GPUFLEET_API_H

#include "engine.h"

struct api;

struct api_options {
	const char *socket_path, *db_path, *version;
};

int api_open(struct api **out, struct engine *en, const struct api_options *o, struct err *e);
/* Answers what waits, ends streams, removes the socket. The loop must run until its handles are closed, then api_free(). */
void api_close(struct api *a);
void api_free(struct api *a);
/* POST /v1/shutdown calls this. */
void api_on_shutdown(struct api *a, void (*cb)(void *arg), void *arg);

#endif

/*
 * Errors: a code for the program and one sentence for the person, with context wrapped in front on the way up.
 *
 * A function that can fail returns 0 or -1 and takes a `struct err *` as its last argument. It fills the error once,
 * where most is known; callers add context with err_wrap() and pass -1 on. Printed once, at the top. A NULL `struct err *`
 * is allowed everywhere and drops the text. Sentences begin in lower case and have no full stop; they name the place
 * (file, line, key, provider) and the remedy.
 */
#ifndef GPUFLEET_ERR_H
#define GPUFLEET_ERR_H

#include "mem.h"

enum err_code {
	ERR_NONE = 0,
	ERR_FAILED,      /* general failure                    exit 1, HTTP 500 */
	ERR_USAGE,       /* bad input from a person            exit 2, HTTP 400 */
	ERR_REFUSED,     /* budget, permission, policy         exit 3, HTTP 403 */
	ERR_CAPACITY,    /* nobody sells it now                exit 4, HTTP 409 */
	ERR_UNREACHABLE, /* daemon or provider out of reach    exit 5, HTTP 503 */
	ERR_TIMEOUT,     /* took too long                      exit 6, HTTP 504 */
	ERR_NOT_FOUND,   /* no such object                     exit 2, HTTP 404 */
	ERR_CONFLICT,    /* somebody else's, or wrong state    exit 3, HTTP 409 */
};

struct err {
	enum err_code code;
	char msg[512]; /* one sentence, always terminated; cut with "..." when too long */
};

/* Fill *e; returns -1 so that it can be returned directly. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* As err_set, with ": strerror(errno)" behind it. */
int err_errno(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Put "context: " in front of what *e says; the code stays. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Process exit code (architecture §13) and HTTP status for a code; the name used in problem documents ("usage"…). */
int err_exit_code(enum err_code code);
int err_http_status(enum err_code code);
const char *err_name(enum err_code code);
enum err_code err_from_name(const char *name);

#endif

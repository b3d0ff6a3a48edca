/*
 * A daemon for gpufleetctl's tests: a thread that answers HTTP on a Unix socket from a script of rows, and a way to run the whole
 * program against it, with pipes or on a terminal of its own.
 *
 *	static const struct mock_row rows[] = { { "GET", "/v1/status", .body = "{\"fleets\":[]}" }, { 0 } };
 *	struct mock *m = mock_start(rows);
 *	struct ran r = mock_run(m, "status", NULL);
 *	assert_int_equal(r.status, 0);
 *	ran_free(&r);
 *	mock_stop(m);
 */
#ifndef GPUFLEET_CTL_MOCK_H
#define GPUFLEET_CTL_MOCK_H

#include <stdbool.h>

struct mock_row {
	const char *method, *path; /* the target must begin with it */
	const char *wants;         /* the body must hold this; NULL: anything */
	int status;                /* 0: 200; below 0: the connection is closed without an answer */
	const char *body;
	int times;     /* this row answers so often, then the next that fits; 0: for ever */
	bool stream;   /* chunked, one chunk a line */
	int hold_ms;   /* a stream stays open this long */
};

struct mock;

struct mock *mock_start(const struct mock_row *rows);
/* The same over TCP: the program finds it by GPUFLEET_URL. A request with MOCK_TOKEN has "bearer " in front of its body in the log. */
struct mock *mock_start_tcp(const struct mock_row *rows);
#define MOCK_TOKEN "gft_mock_0123456789abcdef0123"
const char *mock_url(const struct mock *m);
const char *mock_socket(const struct mock *m);
const char *mock_dir(const struct mock *m); /* the program's HOME, removed at the end */
/* All requests so far, "METHOD target body\n" each. Valid until the next call. */
const char *mock_log(struct mock *m);
int mock_count(struct mock *m, const char *text); /* occurrences in the log */
void mock_stop(struct mock *m);

struct ran {
	int status; /* exit status, 128 + n for a signal */
	char *out, *err;
};

/* argv[1]…, ended by NULL. m may be NULL: no daemon. */
struct ran mock_run(struct mock *m, ...);
/* On a terminal: whenever the screen shows `expect` (behind what was matched before), `send` is typed. All screen text in .out. */
struct typed {
	const char *expect, *send;
};
struct ran mock_run_tty(struct mock *m, const struct typed *typed, ...);
void ran_free(struct ran *r);

#endif

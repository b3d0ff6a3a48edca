/*
 * Output of remote scripts on its way to our standard output and error, and a run's log as a stream that survives a restart of
 * the daemon.
 *
 * Into a file or pipe the bytes go as they are. On a terminal only colours, tabs, new lines and carriage returns keep their
 * meaning; whatever else could move the cursor or talk to the terminal becomes a visible escape.
 */
#ifndef GPUFLEET_CTL_OUTPUT_H
#define GPUFLEET_CTL_OUTPUT_H

#include "ctl/ctl.h"

#define OUTPUT_PENDING 64

struct output_filter {
	char pending[OUTPUT_PENDING]; /* an escape sequence or character that is not complete yet */
	size_t pending_len;
};

/* Append to `out` what may reach a terminal. Keeps the incomplete end of `text` for the next call. */
void output_filter(struct output_filter *f, struct buf *out, const char *text, size_t n, bool colors);

struct output {
	struct output_filter filter[2];
	const char *prefix; /* in front of each line; NULL: none */
	bool last_newline; /* the cursor stands at the beginning of a line */
};

void output_init(struct output *o);
/* stream: "stdout" or "stderr". */
void output_write(struct output *o, const char *stream, const char *text, size_t n);
/* A line of an output stream of the API, its `text` or `base64`; NULL: only count. Returns the number of its bytes. */
size_t output_line(struct output *o, const char *stream, const json_t *line);

struct tail {
	int64_t run;
	bool follow, lines; /* lines: print the stream's JSON lines instead of the text */
	struct output output;
	int64_t at[2];   /* next byte of stdout and stderr */
	json_t *end;     /* the run as it ended (null when the daemon does not hold it any more); NULL: not yet */
	bool got_any;
};

void tail_init(struct tail *t, int64_t run);
void tail_free(struct tail *t);
/* Read to the end. 0, CLIENT_INTERRUPTED after Ctrl-C (call again to go on), or -1. */
int tail_read(struct ctl *c, struct tail *t, struct err *e);

#endif

/*
 * Progress on standard error: on a terminal a few lines drawn again in place (at most ten times a second), elsewhere a plain line
 * whenever something has changed.
 */
#ifndef GPUFLEET_CTL_PROGRESS_H
#define GPUFLEET_CTL_PROGRESS_H

#include "base/instant.h"

struct progress {
	bool live;
	int drawn;      /* lines on the screen */
	duration began; /* clock_boot() */
	duration last;
};

void progress_begin(struct progress *p);
/* The present picture, lines with '\n'; only on a terminal. Cut to its size. */
void progress_draw(struct progress *p, const char *text);
/* A line that stays. */
void progress_note(struct progress *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
void progress_clear(struct progress *p); /* take the picture away: before a question and at the end */
duration progress_elapsed(const struct progress *p);

#endif

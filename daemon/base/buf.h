/*
 * A growable byte buffer with a ceiling given at creation, so that no remote party can make the process grow.
 *
 *	struct buf b = BUF(64 * 1024);
 *	buf_printf(&b, "hello %s", name);
 *	if (b.overflow) ...            sticky: what did not fit was dropped whole, never cut inside one append
 *	buf_free(&b);
 *
 * `data` is NULL or NUL-terminated behind `len`; buf_str() never returns NULL.
 */
#ifndef GPUFLEET_BUF_H
#define GPUFLEET_BUF_H

#include "mem.h"

struct buf {
	char *data;
	size_t len, cap, max; /* max: bytes allowed, terminator not counted */
	bool overflow;
};

#define BUF(ceiling) { .max = (ceiling) }

bool buf_append(struct buf *b, const void *data, size_t n); /* false: would pass the ceiling; nothing added */
bool buf_puts(struct buf *b, const char *s);
bool buf_putc(struct buf *b, char c);
bool buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_consume(struct buf *b, size_t n); /* drop the first n bytes */
void buf_reset(struct buf *b);             /* empty, memory and ceiling stay, overflow cleared */
char *buf_take(struct buf *b);             /* the string, now the caller's; the buffer is empty again. Never NULL */
const char *buf_str(const struct buf *b);  /* "" when empty */
void buf_free(struct buf *b);

#endif

/*
 * Memory that cannot run out quietly: each function returns memory or ends the process with one sentence.
 * State is on disk and a restart is the normal path, so dying is the honest answer to an empty heap.
 */
#ifndef GPUFLEET_MEM_H
#define GPUFLEET_MEM_H

#include "banned.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define PRINTF_LIKE(fmt, args)          __attribute__((format(printf, fmt, args)))
#define MUST_CHECK                      __attribute__((warn_unused_result))

/* A broken assumption of ours: says where and aborts. Never for input of any kind. */
#define BUG(...) mem_bug(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void mem_bug(const char *file, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* For libraries that say only "no" where nothing but memory can be missing. The documented sentence, then the end. */
_Noreturn void mem_exhausted(const char *who);

void *xmalloc(size_t n);
void *xcalloc(size_t count, size_t n); /* zeroed; overflow of count * n ends the process */
void *xrealloc(void *p, size_t n);
void *xreallocarray(void *p, size_t count, size_t n);
char *xstrdup(const char *s);            /* NULL gives NULL */
char *xstrndup(const char *s, size_t n); /* at most n bytes, always terminated */
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif

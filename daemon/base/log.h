/*
 * The log: one line per event on standard error, "2026-11-20T02:00:00.123Z info text". Secrets registered here are replaced
 * by *** wherever they stand, control bytes are escaped. Safe from any thread. Never fails: a full disk loses lines, not money.
 */
#ifndef GPUFLEET_LOG_H
#define GPUFLEET_LOG_H

#include "mem.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level least);
bool log_level_from_name(const char *name, enum log_level *out);
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

/* From now on `value` (≥ 6 bytes) is hidden, also in its base64 form. Copies; thread-safe; duplicates are fine. */
void log_hide(const char *value);
/* Replace every hidden value inside s[0..n) by '*' of the same length, in place. For stored remote output and error bodies. */
void log_redact(char *s, size_t n);

#endif

#include "log.h"
#include "clock.h"
#include "str.h"

#include <pthread.h>
#include <unistd.h>

#define LINE_MAX_ 8192

static enum log_level threshold = LOG_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char **hidden; /* the longest first */
static size_t hidden_count;

static const char *const names[] = { "debug", "info", "warn", "error", NULL };

void log_set_level(enum log_level least)
{
	threshold = least;
}

bool log_level_from_name(const char *name, enum log_level *out)
{
	for (size_t i = 0; names[i]; i++)
		if (!strcmp(name, names[i])) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

static void hide_one(const char *value)
{
	size_t at;

	for (size_t i = 0; i < hidden_count; i++)
		if (!strcmp(hidden[i], value))
			return;
	hidden = xreallocarray(hidden, hidden_count + 1, sizeof(*hidden));
	/* The longest first, so that a secret which begins with another one is hidden whole. */
	for (at = hidden_count++; at && strlen(hidden[at - 1]) < strlen(value); at--)
		hidden[at] = hidden[at - 1];
	hidden[at] = xstrdup(value);
}

void log_hide(const char *value)
{
	char *b64;

	if (strlen(value) < 6)
		return;
	b64 = str_base64(value, strlen(value));
	pthread_mutex_lock(&lock);
	hide_one(value);
	hide_one(b64);
	pthread_mutex_unlock(&lock);
	free(b64);
}

void log_redact(char *s, size_t n)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < hidden_count; i++) {
		size_t len = strlen(hidden[i]);

		for (char *at = s; (at = memmem(at, n - (size_t)(at - s), hidden[i], len)); at += len)
			memset(at, '*', len);
	}
	pthread_mutex_unlock(&lock);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	struct buf line = BUF(4 * LINE_MAX_ + 64); /* every byte may become an escape of four */
	char *text, when[32];
	va_list ap;
	int n;
	ssize_t written;

	if (level < threshold)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	log_redact(text, (size_t)n); /* before the cut, which could leave the beginning of a secret */
	if (n > LINE_MAX_)
		n = LINE_MAX_;
	instant_format(clock_wall(), true, when);
	buf_printf(&line, "%s %s ", when, names[level]);
	str_safe(&line, text, (size_t)n, false);
	buf_putc(&line, '\n');
	written = write(STDERR_FILENO, line.data, line.len);
	(void)written;
	buf_free(&line);
	free(text);
}

#include "err.h"

#include <errno.h>

static const struct {
	const char *name;
	int exit_code, http;
} codes[] = {
	[ERR_NONE] = { "none", 0, 200 },
	[ERR_FAILED] = { "failed", 1, 500 },
	[ERR_USAGE] = { "usage", 2, 400 },
	[ERR_REFUSED] = { "refused", 3, 403 },
	[ERR_CAPACITY] = { "no_capacity", 4, 409 },
	[ERR_UNREACHABLE] = { "unreachable", 5, 503 },
	[ERR_TIMEOUT] = { "timeout", 6, 504 },
	[ERR_NOT_FOUND] = { "not_found", 2, 404 },
	[ERR_CONFLICT] = { "conflict", 3, 409 },
};

static void cut(char *s, size_t size, int wanted)
{
	if (wanted >= 0 && (size_t)wanted >= size)
		memcpy(s + size - 4, "...", 4);
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -1;
	e->code = code;
	va_start(ap, fmt);
	cut(e->msg, sizeof(e->msg), vsnprintf(e->msg, sizeof(e->msg), fmt, ap));
	va_end(ap);
	return -1;
}

int err_errno(struct err *e, enum err_code code, const char *fmt, ...)
{
	int saved = errno;
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(e, code, "%s: %s", text, strerror(saved));
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char old[sizeof(e->msg)], text[256];
	va_list ap;

	if (!e)
		return -1;
	memcpy(old, e->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(e, e->code, "%s: %s", text, old);
}

int err_exit_code(enum err_code code)
{
	return codes[code].exit_code;
}

int err_http_status(enum err_code code)
{
	return codes[code].http;
}

const char *err_name(enum err_code code)
{
	return codes[code].name;
}

enum err_code err_from_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (!strcmp(codes[i].name, name))
			return (enum err_code)i;
	return ERR_FAILED;
}

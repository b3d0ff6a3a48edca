#include "embed.h"

#include <string.h>

const struct embedded *embed_find(const char *name)
{
	for (const struct embedded *f = embedded_files; f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

const struct embedded *embed_next(const char *prefix, const struct embedded *after)
{
	const struct embedded *f = after ? after + 1 : embedded_files;

	for (; f->name; f++)
		if (!strncmp(f->name, prefix, strlen(prefix)))
			return f;
	return NULL;
}

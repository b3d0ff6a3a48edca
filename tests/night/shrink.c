#include "shrink.h"
#include "base/str.h"
#include "runner.h"

/* "at 4m 42s: I2: slot 0 …" → "I2"; without a number the first words. */
static void kind_of(const char *violation, char *out, size_t size)
{
	const char *s = strstr(violation, ": ");

	s = s ? s + 2 : violation;
	str_copy_n(out, strcspn(s, ":0123456789") + 2 < size ? strcspn(s, ":0123456789") + 2 : size, s);
}

static bool still_wrong(const struct sim_plan *p, const struct night_options *o, const char *kind, char *violation, size_t size)
{
	char text[1024], now[64];

	runner_night(p, o, NULL, text, sizeof(text));
	if (!*text)
		return false;
	kind_of(text, now, sizeof(now));
	if (strcmp(now, kind) != 0)
		return false;
	str_copy_n(violation, size, text);
	return true;
}

bool shrink(struct sim_plan *p, const struct night_options *given, char *violation, size_t size)
{
	struct night_options o = *given;
	bool smaller = true;
	char kind[64];

	o.trace = o.digest = false;
	runner_night(p, &o, NULL, violation, size);
	if (!*violation)
		return false;
	kind_of(violation, kind, sizeof(kind));
	while (smaller) {
		smaller = false;
		for (int k = p->count - 1; k >= 0; k--) {
			if (p->items[k].off)
				continue;
			p->items[k].off = true;
			if (still_wrong(p, &o, kind, violation, size))
				smaller = true;
			else
				p->items[k].off = false;
		}
	}
	return true;
}

void shrink_print(const struct sim_plan *p)
{
	char text[256];

	printf("  over");
	for (int k = 0; k < CLOUDS; k++)
		if (p->clouds & 1u << k)
			printf(" %s", cloud_models[k]->name);
	printf(", this is enough:\n");
	for (int k = 0; k < p->count; k++) {
		if (p->items[k].off)
			continue;
		item_format(&p->items[k], text, sizeof(text));
		printf("  item %d: %s\n", k, text);
	}
}

#include "ctl/preset.h"
#include "config/preset.h"
#include "base/str.h"

#include <ctype.h>

/* Parameters are called alike in any case, with '-' for '_', up to the '='. */
static bool same_parameter(const char *a, const char *b)
{
	for (; *a && *b && *a != '=' && *b != '='; a++, b++)
		if (tolower((unsigned char)(*a == '-' ? '_' : *a)) != tolower((unsigned char)(*b == '-' ? '_' : *b)))
			return false;
	return *a == '=' && *b == '=';
}

static bool is_set(const struct args *a, const char *pair)
{
	const char *given;

	for (size_t n = 0; (given = args_nth(a, "set", n)); n++)
		if (same_parameter(given, pair))
			return true;
	return false;
}

/* Does the preset say it: for this place, and not against a person? `typed` is how many values were on the command line. */
static bool applies(const struct args *a, size_t typed, const struct preset_option *o)
{
	if (!strcmp(o->name, "set"))
		return !is_set(a, o->value);
	if (!strcmp(o->name, "secret"))
		return true;
	for (size_t k = 0; k < typed; k++)
		if (!strcmp(a->values[k].opt->name, o->name))
			return false;
	return !args_knows(a, "on") || !args_has(a, "on");
}

static int add_all(struct args *a, const struct preset *p, struct err *e)
{
	const size_t typed = a->count;

	for (size_t k = 0; k < p->count; k++)
		if (applies(a, typed, &p->options[k]) && args_add(a, p->options[k].name, p->options[k].value, e) < 0)
			return -1;
	if (!a->word_count)
		args_add_word(a, p->recipe);
	return 0;
}

int preset_apply(struct args *a, struct err *e)
{
	struct preset p;
	int rc = 0;

	if (args_has(a, "preset")) {
		if (preset_find(&p, args_text(a, "preset"), e) < 0)
			return -1;
		rc = add_all(a, &p, e);
		preset_free(&p);
	}
	if (rc == 0 && !a->word_count)
		return err_set(e, ERR_USAGE, "what? name a recipe, a directory or a script, or a preset: --preset NAME");
	return rc;
}

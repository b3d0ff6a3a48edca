#include "ctl/help.h"
#include "base/str.h"
#include "ctl/ctl.h"

#include <ctype.h>

/* Text for roff: one sentence a line, characters that roff would change written out. */
static void roff(FILE *to, const char *text)
{
	bool start = true;

	for (; *text; text++) {
		if (start && (*text == '.' || *text == '\''))
			fputs("\\&", to);
		start = *text == '\n';
		if (*text == '\\')
			fputs("\\e", to);
		else if (*text == '~')
			fputs("\\(ti", to);
		else if (*text == '-' && (text[1] == '-' || start))
			fputs("\\-", to);
		else if (text[0] == '.' && text[1] == ' ' && isupper((unsigned char)text[2])) {
			fputs(".\n", to);
			text++;
			start = true;
		} else {
			fputc(*text, to);
		}
	}
}

static void sentence(FILE *to, const char *text)
{
	fputc(toupper((unsigned char)*text), to);
	roff(to, text + 1);
	fputs(text[strlen(text) - 1] == '.' ? "\n" : ".\n", to);
}

static void option(FILE *to, const struct opt *o)
{
	fputs(".It ", to);
	if (o->letter)
		fprintf(to, "Fl %c , ", o->letter);
	fputs("Fl \\-", to);
	for (const char *s = o->name; *s; s++)
		fprintf(to, *s == '-' ? "\\-" : "%c", *s);
	if (o->arg) {
		fputs(" Ar ", to);
		for (const char *s = o->arg; *s; s++)
			fputc(tolower((unsigned char)*s), to);
	}
	fputc('\n', to);
	if (o->words) { /* the help begins with a word that is typed as it stands */
		roff(to, o->help);
		fputs(".\n", to);
	} else {
		sentence(to, o->help);
	}
	if (o->many)
		fputs("May be given more than once.\n", to);
}

static void options(FILE *to, const struct opt *opts, size_t count)
{
	if (!count)
		return;
	fputs(".Bl -tag -width Ds\n", to);
	for (size_t i = 0; i < count; i++)
		option(to, &opts[i]);
	fputs(".El\n", to);
}

static void command(FILE *to, const struct command *c)
{
	fprintf(to, ".Ss %s\n.Bd -literal\n", c->name);
	roff(to, "gpufleetctl ");
	roff(to, c->name);
	fputs(*c->synopsis ? " " : "", to);
	roff(to, c->synopsis);
	fputs("\n.Ed\n.Pp\n", to);
	sentence(to, c->summary);
	if (c->details)
		sentence(to, c->details);
	if (c->alias)
		fprintf(to, "Also called\n.Cm %s .\n", c->alias);
	options(to, c->opts, c->opt_count);
}

void help_mdoc(FILE *to)
{
	fputs(".Sh OPTIONS\nEvery command takes these, and they may also stand in front of the command:\n", to);
	options(to, global_opts, global_opt_count);
	fputs(".Sh COMMANDS\n", to);
	for (size_t i = 0; ctl_commands[i]; i++)
		command(to, ctl_commands[i]);
}

#include "ctl/help.h"
#include "base/str.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "ctl/term.h"

#define NAME_WIDTH 12
#define OPT_WIDTH  26

/* Words from column `at` on, broken at the width of the terminal; the cursor stands at column `from`. */
static void flow(FILE *to, const char *text, int from, int at)
{
	int width = term_width(to), column = from;
	char *copy = xstrdup(text), *rest = copy, *word;

	width = width && width < 110 ? width : 110;
	if (from > at) {
		fputc('\n', to);
		column = 0;
	}
	fprintf(to, "%*s", at - column, "");
	column = at;
	while ((word = str_split(&rest, " "))) {
		if (column > at && column + 1 + text_width(word) > width) {
			fprintf(to, "\n%*s", at, "");
			column = at;
		}
		column += fprintf(to, "%s%s", column > at ? " " : "", word);
	}
	fputc('\n', to);
	free(copy);
}

void help_all(FILE *to)
{
	const char *group = "";

	fprintf(to, "%susage:%s gpufleetctl [--socket PATH | --url URL] [--config FILE] [--json] [--no-color] COMMAND ...\n",
	    term_style(to, STYLE_BOLD), term_style(to, STYLE_PLAIN));
	for (size_t i = 0; ctl_commands[i]; i++) {
		if (strcmp(group, ctl_commands[i]->group) != 0) {
			group = ctl_commands[i]->group;
			fprintf(to, "\n%s%s%s\n", term_style(to, STYLE_BOLD), group, term_style(to, STYLE_PLAIN));
		}
		flow(to, ctl_commands[i]->summary, fprintf(to, "  %s", ctl_commands[i]->name), NAME_WIDTH + 2);
	}
	fprintf(to, "\ngpufleetctl COMMAND --help explains one of them.\n");
}

static void show_opt(FILE *to, const struct opt *o)
{
	int n = o->letter ? fprintf(to, "  -%c, ", o->letter) : fprintf(to, "      ");

	n += fprintf(to, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
	n += fprintf(to, "%s", o->many ? " ..." : "");
	flow(to, o->help, n + 1 > OPT_WIDTH ? OPT_WIDTH + 1 : n, OPT_WIDTH);
}

static void show_opts(FILE *to, const char *title, const struct opt *opts, size_t count)
{
	if (!count)
		return;
	fprintf(to, "\n%s%s%s\n", term_style(to, STYLE_BOLD), title, term_style(to, STYLE_PLAIN));
	for (size_t i = 0; i < count; i++)
		show_opt(to, &opts[i]);
}

void help_command(FILE *to, const struct command *c)
{
	const char *line = c->details;

	fprintf(to, "%susage:%s gpufleetctl %s%s%s\n\n", term_style(to, STYLE_BOLD), term_style(to, STYLE_PLAIN), c->name,
	    *c->synopsis ? " " : "", c->synopsis);
	fprintf(to, "%s.\n", c->summary);
	while (line && *line) {
		size_t n = strcspn(line, "\n");
		char *part = xstrndup(line, n);

		flow(to, part, 0, 0);
		free(part);
		line += line[n] ? n + 1 : n;
	}
	if (c->alias)
		fprintf(to, "Also called '%s'.\n", c->alias);
	show_opts(to, "Options", c->opts, c->opt_count);
	show_opts(to, "Everywhere", global_opts, global_opt_count);
}

/*
 * Writes what is generated from the option tables: the commented sample, the options of the manual page,
 * the list of keys.
 *
 *	print-options sample > config/gpufleetd.yaml
 *	print-options man                               the part between the marks of man/gpufleetd.yaml.5
 *	print-options keys
 */
#include "config/option.h"
#include "base/str.h"

#include <ctype.h>

#define COLUMNS 100

static const char *const clouds[] = { "hotaisle", "runpod", "digitalocean", "vastai", NULL };

/* Which accounts know an option, in words. */
static const char *only_words(const struct option *o)
{
	return strchr(o->only, ',') ? "all but static" : o->only;
}

/* ---- the sample ---- */

/* Prose begins with "# " and is never indented, so that it cannot be taken for an option. */
static void comment(const char *text)
{
	size_t column = 0;
	char *copy = xstrdup(text), *rest = copy, *word;

	while ((word = str_split(&rest, " "))) {
		if (column && column + 1 + strlen(word) > COLUMNS) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)printf("%s%s", column ? " " : "# ", word);
	}
	putchar('\n');
	free(copy);
}

static const char *shown(const struct option *o)
{
	return o->fallback ? o->fallback : o->sample;
}

static void sample_value(const char *indent, const char *key, const struct option *o, const char *value)
{
	struct buf text = BUF(4096);

	if (o->type == OPTION_LIST)
		buf_puts(&text, value);
	else
		option_yaml(&text, value);
	printf("#%s%s: %s\n", indent, key, buf_str(&text));
	buf_free(&text);
}

static void describe(const struct option *o)
{
	char *text;

	if (o->fallback || !o->unset)
		text = xstrdup(o->help);
	else if (!strcmp(o->unset, "required"))
		text = xasprintf("%s Required.", o->help);
	else
		text = xasprintf("%s Default: %s.", o->help, o->unset);
	comment(text);
	free(text);
}

/* The options of a nested map come before the example that shows them. */
static void describe_table(const struct option_table *t, const char *prefix)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct option *o = &t->rows[i];
		char *head = o->only ? xasprintf("%s%s (%s):", prefix, o->key, only_words(o))
				     : xasprintf("%s%s:", prefix, o->key);

		puts("#");
		comment(head);
		describe(o);
		free(head);
	}
}

static void sample_account(const char *name, const char *type)
{
	bool namesake = !strcmp(name, type);

	printf("#  %s:\n", name);
	for (size_t i = 0; i < account_options.count; i++) {
		const struct option *o = &account_options.rows[i];
		char *token = xasprintf("/etc/gpufleet/%s.token", name);
		bool own = !strcmp(o->key, "token_file") || (o->only && !strcmp(o->only, type));

		/* The account with a name of its own shows what all clouds know; the others what they
		 * alone know. */
		if (o->type != OPTION_TREE && (namesake ? own : !o->only || strchr(o->only, ',')))
			sample_value("    ", o->key, o, !strcmp(o->key, "token_file") ? token : shown(o));
		free(token);
	}
}

static void sample_providers(void)
{
	describe_table(&account_options, "");
	describe_table(&host_options, "hosts, ");
	puts("#providers:");
	for (size_t i = 0; clouds[i]; i++)
		sample_account(clouds[i], clouds[i]);
	sample_account("runpod-2", "runpod");
	puts("#  static:\n#    hosts:");
	for (size_t i = 0; i < host_options.count; i++)
		sample_value(i ? "        " : "      - ", host_options.rows[i].key, &host_options.rows[i],
		    host_options.rows[i].sample ? host_options.rows[i].sample : shown(&host_options.rows[i]));
}

static void sample_secrets(void)
{
	describe_table(&secret_options, "");
	puts("#secrets:\n#  HF_TOKEN:");
	for (size_t i = 0; i < secret_options.count; i++)
		sample_value("    ", secret_options.rows[i].key, &secret_options.rows[i],
		    shown(&secret_options.rows[i]));
}

/* One with its address in the open, one with it in a file: never both. */
static void sample_webhooks(void)
{
	describe_table(&webhook_options, "");
	puts("#webhooks:\n#  ops:");
	for (size_t i = 0; i < webhook_options.count; i++)
		if (strcmp(webhook_options.rows[i].key, "url_file") != 0)
			sample_value("    ", webhook_options.rows[i].key, &webhook_options.rows[i], shown(&webhook_options.rows[i]));
	puts("#  chat:\n#    url_file: /etc/gpufleet/slack.url\n#    template: slack");
}

static void sample_tokens(void)
{
	describe_table(&token_options, "");
	puts("#tokens:\n#  ci:");
	for (size_t i = 0; i < token_options.count; i++)
		sample_value("    ", token_options.rows[i].key, &token_options.rows[i], shown(&token_options.rows[i]));
}

static void print_sample(void)
{
	char section[32] = "";

	puts(
	    "# Configuration of gpufleetd(8); see gpufleetd.yaml(5). Generated from the option table by `make docs`.\n#\n"
	    "# The daemon looks in --config, $GPUFLEET_CONFIG, ~/.config/gpufleet/gpufleetd.yaml and /etc/gpufleet/gpufleetd.yaml.\n"
	    "# Every option is optional. Lines like \"#key: value\" and \"#  key: value\" show options with their defaults, or an example\n"
	    "# where there is no default; remove the # to set one, and the # of the line that opens its section.\n"
	    "# `gpufleetd --print-config` shows what is in force.");
	for (size_t i = 0; i < config_options.count; i++) {
		const struct option *o = &config_options.rows[i];
		const char *dot = strchr(o->key, '.');

		if (dot && (strncmp(section, o->key, (size_t)(dot - o->key)) || section[dot - o->key])) {
			snprintf(section, sizeof(section), "%.*s", (int)(dot - o->key), o->key);
			printf("\n#%s:\n", section);
		} else if (!dot) {
			putchar('\n');
		}
		describe(o);
		if (!strcmp(o->key, "providers"))
			sample_providers();
		else if (!strcmp(o->key, "secrets"))
			sample_secrets();
		else if (!strcmp(o->key, "webhooks"))
			sample_webhooks();
		else if (!strcmp(o->key, "tokens"))
			sample_tokens();
		else
			sample_value(dot ? "  " : "", dot ? dot + 1 : o->key, o, shown(o));
	}
}

/* ---- the manual ---- */

/* Text for roff: one sentence a line, characters that roff would change written out. */
static void roff(const char *text)
{
	bool start = true;

	for (; *text; text++) {
		if (start && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		start = false;
		if (*text == '~')
			fputs("\\(ti", stdout);
		else if (*text == '\\')
			fputs("\\e", stdout);
		else if (text[0] == '-' && text[1] == '-')
			fputs("\\-", stdout);
		else if (text[0] == '.' && text[1] == ' ' && isupper((unsigned char)text[2])) {
			fputs(".\n", stdout);
			text++;
			start = true;
		} else
			putchar(*text);
	}
	putchar('\n');
}

static void man_option(const struct option *o)
{
	printf(".It Cm %s : Ar ", o->key);
	roff(o->type == OPTION_BOOL ? "true | false" : option_type_words(o->type));
	roff(o->help);
	if (o->words) {
		fputs("One of", stdout);
		for (size_t i = 0; o->words[i]; i++)
			printf("\n.Cm %s%s", o->words[i], o->words[i + 1] ? " ," : " .");
		putchar('\n');
	}
	if (o->only)
		printf("For %s%s.\n", only_words(o), strchr(o->only, ',') ? "" : " accounts");
	if (o->type == OPTION_TREE)
		printf("See\n.Sx %s .\n", !strcmp(o->key, "providers") ? "ACCOUNTS"
					  : !strcmp(o->key, "secrets") ? "SECRETS"
					  : !strcmp(o->key, "webhooks") ? "WEBHOOKS"
					  : !strcmp(o->key, "tokens") ? "TOKENS"
									: "HOSTS");
	if (o->fallback)
		printf("Default:\n.Cm %s .\n", o->fallback);
	else if (o->unset && !strcmp(o->unset, "required"))
		puts("Required.");
	else if (o->unset) {
		char *text = xasprintf("Default: %s.", o->unset);

		roff(text);
		free(text);
	}
}

static void man_table(const struct option_table *t)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < t->count; i++)
		man_option(&t->rows[i]);
	puts(".El");
}

static void print_man(void)
{
	puts(
	    ".Sh OPTIONS\nA dot stands for nesting:\n.Cm poll.boot\nis the key\n.Cm boot\nin the map\n.Cm poll .");
	man_table(&config_options);
	puts(
	    ".Sh ACCOUNTS\nBelow\n.Cm providers ,\neach key is the name of an account and each value a map of:");
	man_table(&account_options);
	puts(".Sh HOSTS\nEach item of\n.Cm hosts\nin a static account is a map of:");
	man_table(&host_options);
	puts(
	    ".Sh SECRETS\nBelow\n.Cm secrets ,\neach key is the name of a variable and each value a map of:");
	man_table(&secret_options);
	puts(
	    ".Sh WEBHOOKS\nBelow\n.Cm webhooks ,\neach key is a name that campaign files use\n.Pq Xr gpufleet-campaign 5\nand each value a map of:");
	man_table(&webhook_options);
	puts(".Sh TOKENS\nBelow\n.Cm tokens ,\neach key is a name for the holder of a token and each value a map of:");
	man_table(&token_options);
}

static void print_keys(void)
{
	const struct option_table *const tables[] = { &config_options, &account_options, &host_options,
		&secret_options, &webhook_options, &token_options };

	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (size_t j = 0; j < tables[i]->count; j++)
			puts(tables[i]->rows[j].key);
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (!strcmp(what, "sample"))
		print_sample();
	else if (!strcmp(what, "man"))
		print_man();
	else if (!strcmp(what, "keys"))
		print_keys();
	else {
		fputs("usage: print-options sample|man|keys\n", stderr);
		return 2;
	}
	return 0;
}

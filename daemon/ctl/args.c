#include "ctl/args.h"
#include "base/str.h"

#include <getopt.h>

#define LONG_BASE   256
#define OPTS_MAX    64
#define DAYS_MAX    365
#define LETTERS_MAX (2 * OPTS_MAX + 4)

const struct opt global_opts[] = {
	{ "socket", 0, ARG_FILE, "PATH", "the daemon's Unix socket (also GPUFLEET_SOCKET)", NULL, 0, 0, false },
	{ "url", 0, ARG_TEXT, "URL", "a daemon elsewhere: https://..., or http:// to this machine (also GPUFLEET_URL)", NULL, 0, 0, false },
	{ "config", 0, ARG_FILE, "FILE", "configuration that names the socket (also GPUFLEET_CONFIG)", NULL, 0, 0,
	    false },
	{ "json", 0, ARG_FLAG, NULL, "print the API's document instead of a table; streams print one object a line",
	    NULL, 0, 0, false },
	{ "no-color", 0, ARG_FLAG, NULL, "no colours (also NO_COLOR)", NULL, 0, 0, false },
	{ "help", 'h', ARG_FLAG, NULL, "explain the command", NULL, 0, 0, false },
};
const size_t global_opt_count = ARRAY_LEN(global_opts);

static const struct opt version_opt = { "version", 'V', ARG_FLAG, NULL, "print the version", NULL, 0, 0, false };

/* The options that are in force for one call of getopt_long, in one array. */
struct set {
	const struct opt *opt[OPTS_MAX];
	size_t count;
	struct option longs[OPTS_MAX + 1];
	char letters[LETTERS_MAX];
};

static void set_add(struct set *s, const struct opt *o)
{
	size_t at = strlen(s->letters);

	if (s->count == OPTS_MAX)
		BUG("more than %d options", OPTS_MAX);
	s->longs[s->count] = (struct option){ o->name, o->kind != ARG_FLAG, NULL, LONG_BASE + (int)s->count };
	s->opt[s->count++] = o;
	if (!o->letter)
		return;
	s->letters[at] = o->letter;
	s->letters[at + 1] = o->kind == ARG_FLAG ? '\0' : ':';
	s->letters[at + 2] = '\0';
}

static void set_init(struct set *s, const char *mode, const struct command *command)
{
	memset(s, 0, sizeof(*s));
	str_copy(s->letters, mode);
	for (size_t i = 0; command && i < command->opt_count; i++)
		set_add(s, &command->opts[i]);
	for (size_t i = 0; i < global_opt_count; i++)
		set_add(s, &global_opts[i]);
	if (!command)
		set_add(s, &version_opt);
}

static const struct opt *set_find(const struct set *s, int code)
{
	if (code >= LONG_BASE && (size_t)(code - LONG_BASE) < s->count)
		return s->opt[code - LONG_BASE];
	for (size_t i = 0; i < s->count; i++)
		if (s->opt[i]->letter && s->opt[i]->letter == code)
			return s->opt[i];
	return NULL;
}

/* ---- values ---- */

int args_duration(const char *what, const char *text, int64_t min, int64_t max, int64_t *out, struct err *e)
{
	char least[24], most[24];

	if (!max) {
		min = SECOND;
		max = DAYS_MAX * DAY;
	}
	if (!str_to_duration(text, out))
		return err_set(e, ERR_USAGE, "%s wants a duration like 90s, 15m, 4h or 2d, not '%.64s'", what, text);
	if (*out >= min && *out <= max)
		return 0;
	duration_format(min, least);
	duration_format(max, most);
	return err_set(e, ERR_USAGE, "%s wants a duration from %s to %s, not '%.64s'", what, least, most, text);
}

static int read_word(const struct opt *o, const char *text, struct err *e)
{
	struct buf list = BUF(512);
	const char *near = str_nearest(text, o->words);

	for (size_t i = 0; o->words[i]; i++) {
		if (!strcmp(o->words[i], text)) {
			buf_free(&list);
			return 0;
		}
		buf_printf(&list, "%s%s", i ? ", " : "", o->words[i]);
	}
	if (near)
		err_set(e, ERR_USAGE, "--%s is one of %s, not '%.64s' (did you mean '%s'?)", o->name, buf_str(&list),
		    text, near);
	else
		err_set(e, ERR_USAGE, "--%s is one of %s, not '%.64s'", o->name, buf_str(&list), text);
	buf_free(&list);
	return -1;
}

static int read_value(struct arg_value *v, struct err *e)
{
	const struct opt *o = v->opt;
	const char *text = v->text;
	char what[40];

	snprintf(what, sizeof(what), "--%s", o->name);
	switch (o->kind) {
	case ARG_FLAG: return 0;
	case ARG_TEXT:
	case ARG_FILE:
		return *text ? 0 : err_set(e, ERR_USAGE, "%s wants a value, not an empty word", what);
	case ARG_NAME:
		if (str_is_name(text, o->max ? (size_t)o->max : 63))
			return 0;
		return err_set(e, ERR_USAGE,
		    "%s wants at most %d letters, digits and . _ -, beginning with a letter or digit, not '%.64s'", what,
		    o->max ? (int)o->max : 63, text);
	case ARG_WORD: return read_word(o, text, e);
	case ARG_COUNT:
		if (str_to_i64(text, o->min, o->max, &v->number))
			return 0;
		return err_set(e, ERR_USAGE, "%s wants a whole number from %lld to %lld, not '%.64s'", what,
		    (long long)o->min, (long long)o->max, text);
	case ARG_DURATION: return args_duration(what, text, o->min, o->max, &v->number, e);
	case ARG_MONEY:
		if (money_parse(text, &v->number) && v->number > 0)
			return 0;
		return err_set(e, ERR_USAGE, "%s wants an amount in dollars above 0, like 12.50, not '%.64s'", what,
		    text);
	case ARG_PAIR:
		if (strchr(text, '=') && *text != '=')
			return 0;
		return err_set(e, ERR_USAGE, "%s wants NAME=VALUE, not '%.64s'", what, text);
	}
	BUG("kind %d of --%s", (int)o->kind, o->name);
}

static int take_value(struct args *a, const struct opt *o, const char *text, struct err *e)
{
	struct arg_value v = { .opt = o, .text = text };

	if (read_value(&v, e) < 0)
		return -1;
	if (!o->many && o->kind != ARG_FLAG)
		for (size_t i = 0; i < a->count; i++)
			if (a->values[i].opt == o)
				return err_set(e, ERR_USAGE, "--%s is given twice", o->name);
	a->values = xreallocarray(a->values, a->count + 1, sizeof(*a->values));
	a->values[a->count++] = v;
	return 0;
}

/* ---- mistakes ---- */

static int unknown_option(const struct set *s, const char *command, const char *word, int letter, struct err *e)
{
	const char *names[OPTS_MAX + 1] = { NULL }, *near = NULL;
	char name[64];

	if (letter)
		return err_set(e, ERR_USAGE, "unknown option -%c; see: gpufleetctl %s --help", letter, command);
	str_copy(name, word + 2);
	name[strcspn(name, "=")] = '\0';
	for (size_t i = 0; i < s->count; i++) {
		names[i] = s->opt[i]->name;
		if (!near && *name && str_starts(s->opt[i]->name, name))
			near = s->opt[i]->name; /* an ambiguous beginning */
	}
	if (!near)
		near = str_nearest(name, names);
	if (near)
		return err_set(e, ERR_USAGE, "unknown option --%s (did you mean --%s?)", name, near);
	return err_set(e, ERR_USAGE, "unknown option --%s; see: gpufleetctl %s --help", name, command);
}

static int wrong_option(const struct set *s, int code, const char *command, char **argv, struct err *e)
{
	const struct opt *o = optopt ? set_find(s, optopt) : NULL;

	if (code == ':' && o)
		return err_set(e, ERR_USAGE, "--%s wants a value: --%s %s", o->name, o->name, o->arg);
	if (o)
		return err_set(e, ERR_USAGE, "--%s takes no value", o->name);
	return unknown_option(s, command, argv[optind - 1], optopt < LONG_BASE ? optopt : 0, e);
}

/* ---- parsing ---- */

static int check_operands(const struct args *a, struct err *e)
{
	const struct command *c = a->command;

	if (args_has(a, "help"))
		return 0;
	if (a->word_count < (size_t)c->min)
		return err_set(e, ERR_USAGE, "usage: gpufleetctl %s %s", c->name, c->synopsis);
	if (c->max >= 0 && a->word_count > (size_t)c->max)
		return err_set(e, ERR_USAGE, "'%.64s' is one word too many; usage: gpufleetctl %s %s",
		    a->words[c->max], c->name, c->synopsis);
	if (a->rest_count && !c->rest)
		return err_set(e, ERR_USAGE, "'%s' takes nothing behind --", c->name);
	return 0;
}

int args_parse(struct args *a, const struct command *command, int argc, char **argv, struct err *e)
{
	struct set s;
	int code;

	*a = (struct args){ .command = command };
	set_init(&s, "-:", command);
	opterr = 0;
	optind = 0; /* glibc: start anew */
	while ((code = getopt_long(argc, argv, s.letters, s.longs, NULL)) != -1) {
		if (code == 1) {
			a->words = xreallocarray(a->words, a->word_count + 1, sizeof(*a->words));
			a->words[a->word_count++] = optarg;
		} else if (code == '?' || code == ':') {
			wrong_option(&s, code, command->name, argv, e);
			goto fail;
		} else if (take_value(a, set_find(&s, code), optarg, e) < 0) {
			goto fail;
		}
	}
	a->rest = argv + optind;
	a->rest_count = (size_t)(argc - optind);
	if (check_operands(a, e) == 0)
		return 0;
fail:
	args_free(a);
	return -1;
}

int args_parse_global(struct args *a, int argc, char **argv, int *next, struct err *e)
{
	struct set s;
	int code;

	*a = (struct args){ 0 };
	set_init(&s, "+:", NULL);
	opterr = 0;
	optind = 0;
	while ((code = getopt_long(argc, argv, s.letters, s.longs, NULL)) != -1) {
		if (code == '?' || code == ':')
			wrong_option(&s, code, "help", argv, e);
		if (code == '?' || code == ':' || take_value(a, set_find(&s, code), optarg, e) < 0) {
			args_free(a);
			return -1;
		}
	}
	*next = optind;
	return 0;
}

void args_free(struct args *a)
{
	for (size_t i = 0; i < a->added_count; i++)
		free(a->added[i]);
	free(a->added);
	free(a->values);
	free(a->words);
	*a = (struct args){ 0 };
}

/* ---- adding ---- */

static const char *keep(struct args *a, const char *text)
{
	a->added = xreallocarray(a->added, a->added_count + 1, sizeof(*a->added));
	a->added[a->added_count] = xstrdup(text);
	return a->added[a->added_count++];
}

int args_add(struct args *a, const char *name, const char *text, struct err *e)
{
	for (size_t i = 0; i < a->command->opt_count; i++)
		if (!strcmp(a->command->opts[i].name, name))
			return take_value(a, &a->command->opts[i], keep(a, text), e);
	BUG("the table of '%s' has no --%s", a->command->name, name);
}

void args_add_word(struct args *a, const char *word)
{
	a->words = xreallocarray(a->words, a->word_count + 1, sizeof(*a->words));
	a->words[a->word_count++] = keep(a, word);
}

/* ---- looking ---- */

bool args_knows(const struct args *a, const char *name)
{
	for (size_t i = 0; a->command && i < a->command->opt_count; i++)
		if (!strcmp(a->command->opts[i].name, name))
			return true;
	for (size_t i = 0; i < global_opt_count; i++)
		if (!strcmp(global_opts[i].name, name))
			return true;
	return false;
}

static void must_be_known(const struct args *a, const char *name)
{
	if (a->command && !args_knows(a, name))
		BUG("the table of '%s' has no --%s", a->command->name, name);
}

static const struct arg_value *last(const struct args *a, const char *name)
{
	must_be_known(a, name);
	for (size_t i = a->count; i-- > 0;)
		if (!strcmp(a->values[i].opt->name, name))
			return &a->values[i];
	return NULL;
}

bool args_has(const struct args *a, const char *name)
{
	return last(a, name) != NULL;
}

const char *args_text(const struct args *a, const char *name)
{
	const struct arg_value *v = last(a, name);

	return v ? v->text : NULL;
}

bool args_number(const struct args *a, const char *name, int64_t *out)
{
	const struct arg_value *v = last(a, name);

	if (v)
		*out = v->number;
	return v != NULL;
}

const char *args_nth(const struct args *a, const char *name, size_t n)
{
	must_be_known(a, name);
	for (size_t i = 0; i < a->count; i++)
		if (!strcmp(a->values[i].opt->name, name) && n-- == 0)
			return a->values[i].text;
	return NULL;
}

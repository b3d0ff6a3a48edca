/*
 * Commands and options as data. One table per command is the parser, the --help text, the completion and what the
 * manual page is compared with.
 *
 *	struct args a;
 *	if (args_parse(&a, &command_up, argc, argv, &e) < 0) ...         argv[0] is the command's name
 *	if (args_has(&a, "yes")) ...
 *	args_free(&a);
 *
 * Values are checked while parsing: one sentence with ERR_USAGE names the option, what it wants and what it got.
 * Asking for an option that the command's table lacks is a bug and aborts.
 */
#ifndef GPUFLEET_CTL_ARGS_H
#define GPUFLEET_CTL_ARGS_H

#include "base/err.h"
#include "base/instant.h"
#include "base/money.h"

enum arg_kind {
	ARG_FLAG,
	ARG_TEXT,
	ARG_NAME,     /* str_is_name, at most `max` bytes (0: 63) */
	ARG_WORD,     /* one of `words` */
	ARG_FILE,     /* a path; completed as one */
	ARG_COUNT,    /* whole number, min..max */
	ARG_DURATION, /* 4h; microseconds, min..max (0: 1 s .. 365 days) */
	ARG_MONEY,    /* dollars, above 0; micro-dollars */
	ARG_PAIR,     /* KEY=VALUE */
};

struct opt {
	const char *name; /* without the hyphens */
	char letter;      /* 0: none */
	enum arg_kind kind;
	const char *arg; /* what the help calls the value: "DURATION"; NULL for a flag */
	const char *help;
	const char *const *words; /* ARG_WORD, and completion of ARG_TEXT */
	int64_t min, max;         /* ARG_COUNT; ARG_DURATION with max > 0; ARG_NAME: max */
	bool many;                /* may be given more than once */
};

struct ctl;

struct command {
	const char *name, *alias; /* alias may be NULL */
	const char *group;        /* heading in the list of commands */
	const char *synopsis;     /* operands, as the help shows them: "FLEET[/I] [-- COMMAND ...]" */
	const char *summary;      /* one line, no full stop */
	const char *details;      /* further lines of --help, or NULL */
	int min, max;             /* operands before "--"; max -1: any number */
	const char *operand;      /* what they are, for completion: "fleet" "run" "recipe" "gpu" "command" "file" */
	bool rest;                /* takes words behind "--" */
	bool remote_status;       /* returns a status from the machine; own failures are 120 + code */
	const struct opt *opts;
	size_t opt_count;
	int (*run)(struct ctl *c, struct err *e); /* exit status, or -1 with *e */
};

struct args {
	const struct command *command;
	struct arg_value {
		const struct opt *opt;
		const char *text; /* as given; points into argv, or is one of `added` */
		int64_t number;   /* ARG_COUNT, ARG_DURATION, ARG_MONEY */
	} *values;
	size_t count;
	const char **words; /* operands */
	size_t word_count;
	char **added; /* texts of args_add and args_add_word, owned */
	size_t added_count;
	char **rest; /* behind "--", NULL-terminated; points into argv */
	size_t rest_count;
};

/* Options that every command takes. */
extern const struct opt global_opts[];
extern const size_t global_opt_count;

int args_parse(struct args *a, const struct command *command, int argc, char **argv, struct err *e);
/* Global options up to the command's word; *next is its index in argv (argc: none). */
int args_parse_global(struct args *a, int argc, char **argv, int *next, struct err *e);
void args_free(struct args *a);
/* One more value of an option, or operand, as though it had been typed: checked in the same way, and copied. */
int args_add(struct args *a, const char *name, const char *text, struct err *e);
void args_add_word(struct args *a, const char *word);

bool args_knows(const struct args *a, const char *name); /* is it in the command's table? */
bool args_has(const struct args *a, const char *name);
const char *args_text(const struct args *a, const char *name); /* the last one given, or NULL */
/* False: not given; *out untouched. */
bool args_number(const struct args *a, const char *name, int64_t *out);
/* The n-th value of a repeatable option, from 0; NULL behind the last. */
const char *args_nth(const struct args *a, const char *name, size_t n);

/* "4h" as ARG_DURATION checks it; `what` stands in the sentence ("--for"). */
int args_duration(const char *what, const char *text, int64_t min, int64_t max, int64_t *out, struct err *e);

#endif

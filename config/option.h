/*
 * Options as rows of a table: one row is the parser, the default, a line of `gpufleetd --print-config`, a
 * paragraph of the commented sample and of gpufleetd.yaml(5). `make lint` compares them.
 *
 * A table describes the members of one struct; keys with a dot ("poll.boot") stand in a nested map in the
 * file. Defaults are text and go through the same parser as the file.
 */
#ifndef GPUFLEET_OPTION_H
#define GPUFLEET_OPTION_H

#include "base/buf.h"
#include "base/err.h"

enum option_type {
	OPTION_TEXT, /* char array; printable, one line */
	OPTION_NAME, /* char array; letters, digits, . _ -, beginning with a letter or digit */
	OPTION_WORD, /* char array; the same and : / @ + for addresses, users, handles; never begins with - */
	OPTION_PATH, /* char array; absolute, "~/" is the home directory */
	OPTION_URL,  /* char array; https, or http to this machine; no slash at the end */
	OPTION_LISTEN,   /* char array; loopback address and port, or empty */
	OPTION_CHOICE,   /* char array; one of `words` */
	OPTION_INT,      /* int, min … max */
	OPTION_BOOL,     /* bool */
	OPTION_DURATION, /* duration, min … max */
	OPTION_MONEY,    /* money, in dollars */
	OPTION_RATIO,    /* int, parts per million, written as a fraction 0 … 1 */
	OPTION_LIST,     /* array of char arrays and an int count; one word or a list of words */
	OPTION_TREE,     /* nested maps that the reader handles itself; here for the documentation */
};

struct option {
	const char *key;
	enum option_type type;
	size_t offset, size;      /* of the member; OPTION_LIST: of one element */
	size_t count_offset;      /* OPTION_LIST */
	int64_t min, max;         /* INT, DURATION: limits; LIST: max elements */
	const char *const *words; /* CHOICE: NULL-terminated */
	const char *only;     /* NULL: always; else comma-separated provider types that know this option */
	const char *fallback; /* default as text; NULL: empty, zero, off */
	const char
	    *unset; /* what happens when it is not set, for the documentation; NULL: the default says it */
	const char *sample; /* value shown in documentation when there is no default */
	const char *help;   /* one or two sentences */
};

struct option_table {
	const char *what; /* "the configuration", "account", for messages */
	const struct option *rows;
	size_t count;
};

/* The tables, in options.c. Their targets are private to config/ except the first (struct config). */
extern const struct option_table config_options;  /* gpufleetd.yaml */
extern const struct option_table account_options; /* below providers.NAME */
extern const struct option_table host_options;    /* one of providers.static.hosts */
extern const struct option_table secret_options;  /* below secrets.NAME */
extern const struct option_table webhook_options; /* below webhooks.NAME */
extern const struct option_table token_options;   /* below tokens.NAME */

/* Put text into the member of *target. The error says what is wanted instead and begins with the key in
 * quotes. */
int option_set(const struct option *o, void *target, const char *text, struct err *e);
/* OPTION_LIST: one more element. */
int option_append(const struct option *o, void *target, const char *text, struct err *e);
void option_defaults(const struct option_table *t, void *target);
/* The member as text that option_set() reads back; OPTION_LIST: as a YAML list. */
void option_text(const struct option *o, const void *target, struct buf *out);
bool option_is_default(const struct option *o, const void *target);
/* `text` as a YAML scalar, in quotes where it needs them. */
void option_yaml(struct buf *out, const char *text);
const struct option *option_find(const struct option_table *t, const char *key);
const char *option_type_words(enum option_type t); /* "duration" */
bool option_allowed(const struct option *o, const char *provider);

#endif

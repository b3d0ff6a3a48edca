/*
 * YAML text becomes a tree of nodes that know where they stand, and mistakes are collected with file, line
 * and column.
 *
 *	struct parse *p = parse_text("gpufleetd.yaml", text, n);
 *	const struct node *root = parse_root(p);      NULL: empty document, or the syntax is wrong
 *	parse_error(p, root, "no such thing");
 *	if (parse_failed(p, e)) fputs(parse_report(p), stderr);
 *	parse_free(p);
 *
 * A deliberately small YAML: maps, lists, scalars, one document. Anchors, aliases, tags, merge keys,
 * directives and further documents are refused, so nothing is expanded. Scalars stay text until a schema
 * gives them a type (`NO` and `0123` are strings where a string is wanted). Duplicate keys are mistakes. At
 * most 1 MiB of text, 16 levels and 20 reported mistakes. The only file that knows libyaml (libraries.md
 * §5).
 */
#ifndef GPUFLEET_PARSE_H
#define GPUFLEET_PARSE_H

#include "base/buf.h"
#include "base/err.h"

#define PARSE_BYTES_MAX  ((size_t)1024 * 1024)
#define PARSE_DEPTH_MAX  16
#define PARSE_ERRORS_MAX 20

enum node_kind { NODE_TEXT, NODE_MAP, NODE_LIST };

struct node {
	enum node_kind kind;
	int line, column; /* where the value begins, from 1; columns count characters */
	char *key;        /* in a map: the key, and where it stands */
	int key_line, key_column;
	char *text;         /* NODE_TEXT */
	bool quoted;        /* NODE_TEXT: in quotes or a block, so an empty one is meant */
	struct node *child; /* NODE_MAP, NODE_LIST */
	size_t count, cap;
};

struct parse;

/* Both copy what they are given. parse_text never fails: mistakes are in the parse. parse_file: NULL with
 * *e when the file cannot be read or is not safe to believe: it must be a regular file, not a link, ours or
 * root's, not writable by others. */
struct parse *parse_text(const char *name, const char *text, size_t n);
struct parse *parse_file(const char *path, struct err *e);
void parse_free(struct parse *p);

const struct node *parse_root(const struct parse *p);
/* A value by key, or NULL. `map` may be NULL or no map. */
const struct node *node_get(const struct node *map, const char *key);
/* An empty value as in "providers:": fine where a map or list is wanted. */
bool node_empty(const struct node *n);

/* Record a mistake at the value, or at its key; NULL: at the first line. One sentence, no full stop. */
void parse_error(struct parse *p, const struct node *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
void parse_error_key(struct parse *p, const struct node *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* From now on reports quote no line of the file (it may hold a secret). */
void parse_hide_source(struct parse *p);

/* -1 with *e when there were mistakes: the first in words, and how many more. */
int parse_failed(const struct parse *p, struct err *e);
/* All mistakes, each "file:line:col: sentence" with the line and a caret below; "" when there are none. */
const char *parse_report(const struct parse *p);
int parse_error_count(const struct parse *p);

#endif

/*
 * Tables that fit the terminal. Every cell is made safe (base/str.h) when it is set, and measured in columns, not bytes.
 *
 *	static const struct column columns[] = { { "NAME", LEFT, 12, 0 }, { "$/H", RIGHT, 0, 0 } };
 *	struct table t;
 *	table_init(&t, columns, ARRAY_LEN(columns));
 *	table_row(&t);
 *	table_cell(&t, STYLE_PLAIN, "%s", name);
 *	table_cell(&t, STYLE_GREEN, "%s", price);
 *	table_print(&t, stdout, term_width(stdout));
 *	table_free(&t);
 */
#ifndef GPUFLEET_CTL_TABLE_H
#define GPUFLEET_CTL_TABLE_H

#include "ctl/term.h"

enum align { LEFT, RIGHT };

struct column {
	const char *title;
	enum align align;
	int least; /* may be cut down to this many columns; 0: never cut */
	int drop;  /* left out when there is no room, the largest first; 0: never */
};

struct table {
	const struct column *columns;
	size_t column_count;
	struct table_cell {
		char *text;
		enum style style;
	} *cells;
	size_t row_count, filled; /* filled: cells of the last row */
};

void table_init(struct table *t, const struct column *columns, size_t count);
void table_row(struct table *t);
/* The next cell of the last row. NULL or "" fmt results are empty cells; a column empty in all rows is not shown. */
void table_cell(struct table *t, enum style style, const char *fmt, ...) PRINTF_LIKE(3, 4);
void table_print(const struct table *t, FILE *to, int width); /* width 0: never cut */
void table_csv(const struct table *t, FILE *to);              /* RFC 4180, lower-case titles */
void table_markdown(const struct table *t, FILE *to);
void table_free(struct table *t);

/* Columns that text takes on a terminal, and a copy cut to `width` with an ellipsis. */
int text_width(const char *s);
void text_fit(struct buf *out, const char *s, int width);

#endif

/*
 * One report, two languages: Markdown and HTML. Whoever writes a page says what it is made of; this knows how each is written, and
 * escapes text from outside.
 */
#ifndef GPUFLEET_MARKUP_H
#define GPUFLEET_MARKUP_H

#include "base/buf.h"

struct markup {
	struct buf *out;
	bool html;
};
void markup_text(struct markup *m, const char *text); /* escaped, in a line or a cell */
void markup_heading(struct markup *m, const char *text);
void markup_line(struct markup *m, const char *fmt, ...) PRINTF_LIKE(2, 3);
void markup_list(struct markup *m);
void markup_item(struct markup *m, const char *text);
void markup_list_end(struct markup *m);
void markup_table(struct markup *m, const char *const *columns, size_t count);
void markup_row(struct markup *m);
void markup_cell(struct markup *m, const char *fmt, ...) PRINTF_LIKE(2, 3); /* "" is "N/A" */
void markup_row_end(struct markup *m);
void markup_table_end(struct markup *m);

void html_head(struct buf *out, const char *title); /* up to <body>; style inside, nothing from elsewhere */
void html_tail(struct buf *out);

/* A bar chart as SVG: one group per label, one bar per series; NAN: no bar. */
struct chart {
	const char *title, *unit;
	const char *const *labels;
	size_t label_count;
	const char *const *series;
	size_t series_count;
	const double *values; /* [label][series] */
	bool stacked;         /* the bars of a label stand on each other */
};
void html_bars(struct buf *out, const struct chart *c);

#endif

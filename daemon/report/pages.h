/*
 * Reports for people: Markdown in the section order of benchmarks §7.4, and one self-contained HTML file with charts. Text from
 * outside is escaped; units are GiB, tok/s and dollars; what is not known is "N/A".
 */
#ifndef GPUFLEET_PAGES_H
#define GPUFLEET_PAGES_H

#include "report/bench.h"

void page_markdown(const struct bench *b, struct buf *out);
void page_html(const struct bench *b, struct buf *out);

/* Parts that comparisons share. */
void markdown_text(struct buf *out, const char *text); /* in a table cell or a line */
void html_text(struct buf *out, const char *text);
void html_head(struct buf *out, const char *title);    /* up to <body>; style inside, nothing from elsewhere */
void html_tail(struct buf *out);

/* A bar chart as SVG: one group per label, one bar per series; NAN: no bar. */
struct chart {
	const char *title, *unit;
	const char *const *labels;
	size_t label_count;
	const char *const *series;
	size_t series_count;
	const double *values; /* [label][series] */
};
void html_bars(struct buf *out, const struct chart *c);

#endif

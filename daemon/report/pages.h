/*
 * Reports for people: Markdown in the section order of benchmarks §7.4, and one self-contained HTML file with charts. Units are
 * GiB, tok/s and dollars; what is not known is "N/A".
 */
#ifndef GPUFLEET_PAGES_H
#define GPUFLEET_PAGES_H

#include "report/bench.h"

void page_markdown(const struct bench *b, struct buf *out);
void page_html(const struct bench *b, struct buf *out);

#endif

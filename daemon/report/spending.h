/*
 * What was spent, as a page: Markdown, or one HTML file with charts that needs nothing from elsewhere. The source is what
 * history_cost() answers for `spending_tables` with efficiency, and since, until, made (times), filter.
 */
#ifndef GPUFLEET_SPENDING_H
#define GPUFLEET_SPENDING_H

#include "base/json.h"

extern const char *const spending_tables[]; /* what to ask for; NULL-terminated */

void spending_markdown(const json_t *doc, struct buf *out);
void spending_html(const json_t *doc, struct buf *out);

#endif

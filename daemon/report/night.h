/*
 * The report of a night and of its campaign: what was measured, against the nights before, what it cost and where the money went,
 * how the providers did. Pure: from what the database says to a document, from that to Markdown or one self-contained HTML file.
 */
#ifndef GPUFLEET_NIGHT_REPORT_H
#define GPUFLEET_NIGHT_REPORT_H

#include "base/json.h"

/*
 * source: {campaign, night (history_night()), nights (history_nights()), findings (history_findings() up to this night), machines
 * (history_machines() of those)}. Whoever has the manifests adds stack_changes: [{before, now: runs, differences (compare_manifests())}].
 * The document: {campaign, night, findings, trials, cost: {parts, machines}, providers, series: [{…, history, steps}], nights}.
 */
json_t *night_report(const json_t *source);
void night_markdown(const json_t *doc, struct buf *out);
void night_html(const json_t *doc, struct buf *out);

/* What a webhook is told of a night: {text, events, campaign, night: {number, outcome, ok, count, metered, …}, worse, failed}. */
json_t *night_message(const char *campaign, const json_t *night, const char *news);

/* What a finding is about: "128x2048 at 8", "matmul dtype=fp16 gpu=0"; and on what: "MI300X:8 hotaisle", "2 x MI300X:8 hotaisle". */
void night_row(const json_t *finding, char *out, size_t size);
void night_machine(const json_t *finding, char *out, size_t size);

/* Who is to blame for a trial that was not ok, by the name of its cause: "provider", "machine", "script", "limit", "person", "gpufleet". */
const char *blame_of(const char *cause);

#endif

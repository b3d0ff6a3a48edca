/*
 * Any bytes as what a machine left, and as a file that somebody imports: never a crash, no figure that is not finite, and every
 * report of it can be written. The first byte chooses which file it is.
 */
#include "base/str.h"
#include "import.h"
#include "remote/result.h"
#include "report/compare.h"
#include "report/pages.h"
#include "report/published.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What the API would make of rows. */
static json_t *source_of(const struct results *r)
{
	json_t *rows = json_array(), *source = json_object();

	for (size_t k = 0; k < r->count; k++) {
		const struct result_metric *m = &r->rows[k];
		json_t *row = json_object(), *labels = json_read(m->labels, strlen(m->labels), NULL);

		if (m->number && !isfinite(m->value))
			BUG("a figure is not finite");
		if (!labels)
			BUG("labels are not JSON");
		json_put_str(row, "metric", m->metric);
		if (m->number)
			json_put(row, "value", json_real(m->value));
		else
			json_put(row, "text", json_stringn_nocheck(m->text, strlen(m->text)));
		json_put(row, "labels", labels);
		json_array_append_new(rows, row);
	}
	json_put(source, "results", rows);
	return source;
}

static void write_all(const json_t *source)
{
	struct buf out = BUF(1u << 20);
	struct bench all[2];
	json_t *doc;

	bench_read(&all[0], source);
	bench_read(&all[1], source);
	published_json(&all[0], &out);
	published_csv(&all[0], true, &out);
	page_markdown(&all[0], &out);
	page_html(&all[0], &out);
	doc = compare_json(all, 2, &(struct compare_options){ 1.5 });
	compare_markdown(doc, &out);
	compare_html(doc, &out);
	compare_csv(doc, &out);
	json_decref(doc);
	buf_free(&out);
	bench_free(&all[0]);
	bench_free(&all[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char plan[] = "{\"scenario\":\"128x2048\",\"input\":128,\"output\":2048,"
				   "\"concurrency\":1,\"repeat\":1,\"file\":\"a\",\"status\":\"ran\"}\n";
	static const char marks[] = "{\"t\":1,\"event\":\"begin\",\"scenario\":\"128x2048\",\"concurrency\":1,\"repeat\":1}\n";
	static const char *const names[] = { "a.json", "a.out", "scenarios.jsonl", "server.log", "telemetry.jsonl", "telemetry.csv", "marks.jsonl",
		"results.jsonl", "import" };
	char *text;
	size_t which;
	struct results r = { 0 };
	json_t *source;

	if (!n)
		return 0;
	which = data[0] % ARRAY_LEN(names);
	text = xmalloc(n);
	memcpy(text, data + 1, n - 1);
	text[n - 1] = '\0';
	if (!strcmp(names[which], "import")) {
		json_t *list = json_pack("[{ss ss}]", "name", "fuzz", "text", str_is_utf8(text, n - 1) ? text : "");
		char note[256];

		source = import_read(list, "", note, &(struct err){ 0 });
		json_decref(list);
	} else {
		const struct result_file files[] = { { names[which], text, n - 1 }, { "scenarios.jsonl", plan, sizeof(plan) - 1 },
			{ "marks.jsonl", marks, sizeof(marks) - 1 } };

		result_read(result_reader_find(which == 7 ? "gpufleet-jsonl" : "vllm-bench"), files, which == 7 ? 1 : ARRAY_LEN(files), &r);
		source = source_of(&r);
		results_free(&r);
	}
	if (source)
		write_all(source);
	json_decref(source);
	free(text);
	return 0;
}

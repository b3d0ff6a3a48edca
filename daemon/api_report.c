/*
 * Results as people look at them: reports of a run in every format, and comparisons. Made in the thread pool; what they show is
 * in daemon/report/.
 */
#include "api_private.h"
#include "base/str.h"
#include "collect.h"
#include "report/compare.h"
#include "report/manifest.h"
#include "report/pages.h"
#include "report/published.h"

#include <fcntl.h>

#define PAGE_MAX     (16u * 1024 * 1024)
#define MANIFEST_MAX (4u * 1024 * 1024)

/* ---- what a report is made from ---- */

static void put_manifest(const struct engine *en, const json_t *run, json_t *source)
{
	struct buf text = BUF(MANIFEST_MAX);
	char path[1024];
	struct err e;
	json_t *m;

	execute_run_path(en, json_str(run, "key", "none"), "results/manifest.json", path, sizeof(path));
	m = collect_file(AT_FDCWD, path, &text) ? manifest_read(buf_str(&text), text.len, &e) : NULL;
	if (m)
		json_put(source, "manifest", m);
	buf_free(&text);
}

/* "12", "run-12": a run; anything else is the name of an import. */
int report_source(const struct engine *en, struct history *h, const char *ref, json_t **out, struct err *e)
{
	json_t *run, *results, *judge = NULL, *import;
	int64_t id;

	if (!str_to_i64(str_starts(ref, "run-") ? ref + 4 : ref, 1, INT64_MAX, &id)) {
		if (history_import(h, ref, &import, e) < 0)
			return -1;
		*out = json_incref(json_object_get(import, "source"));
		json_decref(import);
		return 0;
	}
	if (history_run(h, id, &run, e) < 0)
		return -1;
	if (history_judge(h, id, &judge, e) < 0 || history_results(h, id, &results, e) < 0) {
		json_decref(judge);
		json_decref(run);
		return -1;
	}
	*out = json_object();
	json_put(*out, "run", run);
	json_put(*out, "judge", judge);
	json_put(*out, "results", json_incref(json_object_get(results, "results")));
	put_manifest(en, run, *out);
	json_decref(results);
	return 0;
}

/* ---- one run ---- */

struct report_query {
	const struct engine *en;
	char refs[COMPARE_MAX][NAME_MAX_];
	size_t count;
	char format[16];
	struct compare_options options;
};

static void text_answer(json_t **out, const char *type, struct buf *text)
{
	*out = json_object();
	json_put_str(*out, "type", type);
	json_put_str(*out, "text", buf_str(text));
	buf_free(text);
}

static int ask_report(struct history *h, void *arg, json_t **out, struct err *e)
{
	const struct report_query *q = arg;
	struct buf text = BUF(PAGE_MAX);
	json_t *source;
	struct bench b;

	if (report_source(q->en, h, q->refs[0], &source, e) < 0)
		return -1;
	bench_read(&b, source);
	if (!strcmp(q->format, "json")) {
		*out = json_object();
		json_put(*out, "bench", bench_json(&b));
		if (!b.cell_count && json_object_get(source, "import"))
			json_put(*out, "results", json_incref(json_object_get(source, "results"))); /* a run has them in its own answer */
		json_put(*out, "manifest", b.manifest ? json_incref(b.manifest) : json_null());
	} else if (!b.cell_count) {
		err_set(e, ERR_NOT_FOUND, "%s has no benchmark results", b.name);
	} else if (!strcmp(q->format, "nvidia-json")) {
		published_json(&b, &text);
		text_answer(out, "application/json", &text);
	} else if (!strcmp(q->format, "nvidia-csv") || !strcmp(q->format, "extended-csv")) {
		published_csv(&b, *q->format == 'e', &text);
		text_answer(out, "text/csv; charset=utf-8", &text);
	} else if (!strcmp(q->format, "md")) {
		page_markdown(&b, &text);
		text_answer(out, "text/markdown; charset=utf-8", &text);
	} else {
		page_html(&b, &text);
		text_answer(out, "text/html; charset=utf-8", &text);
	}
	bench_free(&b);
	json_decref(source);
	return *out ? 0 : -1;
}

static void send_text(struct request *r, json_t *out, void *arg)
{
	static const char *const types[] = { "application/json", "text/csv; charset=utf-8", "text/markdown; charset=utf-8",
		"text/html; charset=utf-8" };
	const char *text = json_str(out, "text", NULL), *type = json_str(out, "type", "");

	(void)arg;
	if (!text) {
		request_json(r, 200, json_incref(out));
		return;
	}
	for (size_t k = 0; k < ARRAY_LEN(types); k++)
		if (!strcmp(types[k], type))
			request_bytes(r, types[k], xstrdup(text), strlen(text));
}

static bool query_format(struct request *r, const char *const *formats, struct report_query *q)
{
	const char *format = query(r, "format", "json");
	struct err e;

	for (; *formats; formats++)
		if (!strcmp(*formats, format))
			return str_copy(q->format, format);
	err_set(&e, ERR_USAGE, "there is no format '%.30s'", format);
	request_error(r, &e);
	return false;
}

void get_report(struct request *r)
{
	static const char *const formats[] = { "json", "nvidia-json", "nvidia-csv", "extended-csv", "md", "html", NULL };
	struct report_query *q = xcalloc(1, sizeof(*q));

	q->en = r->api->en;
	q->count = 1;
	str_copy(q->refs[0], r->arg[0]);
	if (query_format(r, formats, q))
		request_history_then(r, ask_report, q, send_text, NULL);
	else
		free(q);
}

/* ---- comparisons ---- */

static int ask_compare(struct history *h, void *arg, json_t **out, struct err *e)
{
	const struct report_query *q = arg;
	struct bench all[COMPARE_MAX];
	struct buf text = BUF(PAGE_MAX);
	json_t *source, *doc;
	size_t n = 0;

	for (; n < q->count && report_source(q->en, h, q->refs[n], &source, e) == 0; n++) {
		bench_read(&all[n], source);
		json_decref(source);
	}
	if (n == q->count) {
		doc = compare_json(all, n, &q->options);
		if (!strcmp(q->format, "json")) {
			*out = json_incref(doc);
		} else if (!strcmp(q->format, "csv")) {
			compare_csv(doc, &text);
			text_answer(out, "text/csv; charset=utf-8", &text);
		} else if (!strcmp(q->format, "md")) {
			compare_markdown(doc, &text);
			text_answer(out, "text/markdown; charset=utf-8", &text);
		} else {
			compare_html(doc, &text);
			text_answer(out, "text/html; charset=utf-8", &text);
		}
		json_decref(doc);
	}
	while (n > 0)
		bench_free(&all[--n]);
	return *out ? 0 : -1;
}

static int compare_query(struct request *r, struct report_query *q, struct err *e)
{
	const char *wanted = query(r, "adopt_if", "");
	char list[1024], *rest = list, *one;

	if (!str_copy(list, query(r, "runs", "")))
		return err_set(e, ERR_USAGE, "'runs' is too long");
	while ((one = str_split(&rest, ","))) {
		if (!*one || strlen(one) >= sizeof(q->refs[0]))
			return err_set(e, ERR_USAGE, "'runs' wants numbers of runs and names of imports, with commas between");
		if (q->count == COMPARE_MAX)
			return err_set(e, ERR_USAGE, "at most %d can be compared at once", COMPARE_MAX);
		str_copy(q->refs[q->count++], one);
	}
	if (q->count < 2)
		return err_set(e, ERR_USAGE, "a comparison wants at least two");
	if (*wanted && (!str_to_double(wanted, &q->options.adopt_if) || q->options.adopt_if <= 0 || q->options.adopt_if > 1e6))
		return err_set(e, ERR_USAGE, "'adopt_if' wants a factor like 2.0");
	return 0;
}

void get_compare(struct request *r)
{
	static const char *const formats[] = { "json", "csv", "md", "html", NULL };
	struct report_query *q = xcalloc(1, sizeof(*q));
	struct err e;

	q->en = r->api->en;
	if (compare_query(r, q, &e) < 0) {
		request_error(r, &e);
		free(q);
	} else if (query_format(r, formats, q)) {
		request_history_then(r, ask_compare, q, send_text, NULL);
	} else {
		free(q);
	}
}

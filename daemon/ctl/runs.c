#include "ctl/runs.h"
#include "base/str.h"
#include "ctl/show.h"

int ctl_get_run(struct ctl *c, int64_t id, json_t **run, struct err *e)
{
	char path[64];
	json_t *answer;

	snprintf(path, sizeof(path), "/v1/runs/%lld", (long long)id);
	*run = NULL;
	if (ctl_get(c, path, &answer, e) < 0)
		return -1;
	*run = json_incref((json_t *)(uintptr_t)json_path(answer, "run"));
	json_decref(answer);
	return *run ? 0 : err_set(e, ERR_FAILED, "the daemon's answer holds no run");
}

int ctl_get_results(struct ctl *c, int64_t id, json_t **answer, struct err *e)
{
	char path[64];

	snprintf(path, sizeof(path), "/v1/runs/%lld/results", (long long)id);
	return ctl_get(c, path, answer, e);
}

int ctl_run_exit(const json_t *run, struct err *e)
{
	const char *outcome = json_str(run, "outcome", ""), *cause = json_str(run, "cause", "");
	const char *reason = json_str(run, "reason", "");
	int64_t id = json_int(run, "id", 0), status = json_int(run, "exit_status", -1);
	enum err_code code;

	if (!strcmp(outcome, "ok"))
		return 0;
	if (!strcmp(outcome, "failed") && status > 0 && status < 256 && (!*cause || !strcmp(cause, "failed")))
		return (int)status;
	code = !strcmp(outcome, "timed_out") ? ERR_TIMEOUT : ctl_cause_code(cause);
	err_set(e, code, "run %lld %s%s%s", (long long)id,
	    !strcmp(outcome, "timed_out")   ? "took longer than its limit"
	    : !strcmp(outcome, "cancelled") ? "was cancelled"
	    : !strcmp(outcome, "lost")      ? "lost its machine"
					    : "failed",
	    *reason ? ": " : "", reason);
	return 120 + err_exit_code(code);
}

static void results_table(struct table *t, const json_t *list)
{
	static const struct column columns[] = {
		{ "METRIC", LEFT, 12, 0 },
		{ "VALUE", RIGHT, 12, 0 },
		{ "UNIT", LEFT, 0, 2 },
		{ "LABELS", LEFT, 12, 1 },
	};
	const json_t *r;
	size_t n;

	table_init(t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, n, r) {
		const char *unit = json_str(r, "unit", "");

		table_row(t);
		table_cell(t, STYLE_PLAIN, "%s", json_str(r, "metric", ""));
		if (json_is_number(json_path(r, "value")))
			table_cell(t, STYLE_BOLD, "%s", show_number(json_path(r, "value")).s);
		else
			table_cell(t, STYLE_PLAIN, "%s", json_str(r, "text", ""));
		table_cell(t, STYLE_PLAIN, "%s", !strcmp(unit, "1") ? "" : unit);
		table_cell(t, STYLE_PLAIN, "%s", show_labels(json_path(r, "labels")).s);
	}
}

void ctl_print_results(const json_t *answer, enum results_format format, FILE *to)
{
	struct table t;

	if (format == RESULTS_JSON) {
		ctl_print_json(answer);
		return;
	}
	results_table(&t, json_path(answer, "results"));
	if (format == RESULTS_CSV)
		table_csv(&t, to);
	else if (format == RESULTS_MD)
		table_markdown(&t, to);
	else if (t.row_count)
		table_print(&t, to, term_width(to));
	table_free(&t);
}

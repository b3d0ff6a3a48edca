/*
 * A night is judged: its figures are read from the database in the thread pool, compared with those of the nights before, and
 * stored. What looks worse is measured once more first.
 */
#include "base/log.h"
#include "base/str.h"
#include "db/history.h"
#include "execute_private.h"
#include "report/verdicts.h"

#include <math.h>

struct judging {
	uv_work_t work;
	struct execute *x;
	int64_t night_id, campaign_id, number;
	bool may_repeat;
	bool poc; /* its figures are told, compared with nothing, and no night is compared with them */
	int worse; /* warnings and regressions */
	struct series_rules rules;
	char db[1024];
	json_t *findings; /* NULL: see error */
	struct err error;
};

static json_t *source_of(struct history *h, int64_t run, struct err *e)
{
	json_t *o = json_object(), *row = NULL, *results = NULL, *judge = NULL;

	if (history_run(h, run, &row, e) < 0 || history_judge(h, run, &judge, e) < 0 || history_results(h, run, &results, e) < 0) {
		json_decref(row);
		json_decref(judge);
		json_decref(o);
		return NULL;
	}
	json_put(o, "run", row);
	json_put(o, "judge", judge);
	json_put(o, "results", json_incref(json_object_get(results, "results")));
	json_decref(results);
	return o;
}

static json_t *figures_of(struct history *h, int64_t night_id, struct err *e)
{
	json_t *trials, *trial, *source, *figures = json_array();
	size_t k;

	if (history_trials(h, night_id, &trials, e) < 0) {
		json_decref(figures);
		return NULL;
	}
	json_array_foreach(trials, k, trial) {
		if (strcmp(json_str(trial, "outcome", ""), "ok") != 0 || !json_int(trial, "run", 0))
			continue;
		source = source_of(h, json_int(trial, "run", 0), e);
		if (source)
			verdicts_figures(figures, source, trial);
		json_decref(source);
	}
	json_decref(trials);
	return figures;
}

static void on_work(uv_work_t *w)
{
	struct judging *j = w->data;
	json_t *figures = NULL, *earlier = NULL;
	struct history *h;

	if (history_open(&h, j->db, &j->error) < 0)
		return;
	figures = figures_of(h, j->night_id, &j->error);
	if (figures && j->poc) {
		earlier = json_array();
		j->findings = verdicts_judge(figures, earlier, &j->rules);
	} else if (figures && history_findings(h, j->campaign_id, j->number - SERIES_NIGHTS_MAX, j->number - 1, &earlier, &j->error) == 0)
		j->findings = verdicts_judge(figures, earlier, &j->rules);
	json_decref(figures);
	json_decref(earlier);
	history_close(h);
}

static char *text_of(const json_t *j)
{
	return j && !json_is_null(j) ? json_text(j) : NULL;
}

static double number_or_nan(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static void put_row(struct store_batch *b, int64_t night_id, bool poc, int seq, const json_t *f)
{
	struct finding_row row = { .night_id = night_id, .seq = seq, .run_id = json_int(f, "run", 0),
		.concurrency = (int)json_int(f, "concurrency", 0), .gpu_count = (int)json_int(f, "gpu_count", 0),
		.instances = (int)json_int(f, "instances", 1), .nights = (int)json_int(f, "nights", 0),
		.lower_is_better = json_bool(f, "lower_is_better", false),
		.median = number_or_nan(f, "median"), .baseline = number_or_nan(f, "baseline"), .worse = number_or_nan(f, "worse"),
		.z = number_or_nan(f, "z"), .p = number_or_nan(f, "p"), .p_holm = number_or_nan(f, "p_holm") };

	snprintf(row.series, sizeof(row.series), "%s%.240s", poc ? "poc|" : "", json_str(f, "series", ""));
	str_copy(row.kind, json_str(f, "kind", ""));
	str_copy(row.scenario, json_str(f, "scenario", ""));
	str_copy(row.gpu, json_str(f, "gpu", ""));
	str_copy(row.provider, json_str(f, "provider", ""));
	str_copy(row.stack_id, json_str(f, "stack_id", ""));
	str_copy(row.metric, json_str(f, "metric", ""));
	str_copy(row.unit, json_str(f, "unit", ""));
	row.measured = text_of(json_object_get(f, "measured"));
	row.first = text_of(json_object_get(f, "first"));
	store_batch_finding(b, &row);
	free(row.measured);
	free(row.first);
}

static void tell(struct judging *j, const char *again, const char *message)
{
	struct fact f = { .kind = FACT_NIGHT_JUDGED, .id = j->night_id, .text = again, .message = message,
		.count = (int64_t)json_array_size(j->findings) << 32 | j->worse };

	if (!j->x->closing)
		engine_fact(j->x->en, &f);
	j->x->work--;
	json_decref(j->findings);
	free(j);
}

static void stored(void *arg, const struct err *error)
{
	struct judging *j = arg;
	char text[TEXT_MAX];

	if (error) {
		log_error("the findings of night %lld are not stored: %s", (long long)j->night_id, error->msg);
		tell(j, "", "its findings could not be stored");
		return;
	}
	snprintf(text, sizeof(text), "%zu series, %d worse", json_array_size(j->findings), j->worse);
	tell(j, "", text);
}

/* "12,15": the trials whose figures look worse. */
static bool worse_trials(const json_t *findings, struct buf *out)
{
	int64_t said[256];
	const json_t *f;
	size_t k, n = 0;

	json_array_foreach(findings, k, f) {
		int64_t id = json_int(f, "trial", 0);
		bool known = !verdict_is_worse(f) || json_bool(f, "again", false) || n == ARRAY_LEN(said);

		for (size_t i = 0; i < n; i++)
			known |= said[i] == id;
		if (known)
			continue;
		said[n++] = id;
		buf_printf(out, "%s%lld", out->len ? "," : "", (long long)id);
	}
	return out->len > 0;
}

static void on_done(uv_work_t *w, int status)
{
	struct judging *j = w->data;
	struct buf again = BUF(4096);
	struct store_batch *b;
	const json_t *f;
	size_t k;

	(void)status;
	if (!j->findings) {
		log_error("night %lld cannot be judged: %s", (long long)j->night_id, j->error.msg);
		tell(j, "", "its figures could not be read");
	} else if (j->may_repeat && worse_trials(j->findings, &again)) {
		tell(j, buf_str(&again), "");
	} else if (j->x->closing || !json_array_size(j->findings)) {
		tell(j, "", "nothing to compare");
	} else {
		b = store_batch_new();
		json_array_foreach(j->findings, k, f) {
			j->worse += !strcmp(json_str(f, "kind", ""), "warning") || !strcmp(json_str(f, "kind", ""), "regression");
			put_row(b, j->night_id, j->poc, (int)k, f);
		}
		store_commit(engine_store(j->x->en), b, stored, j);
	}
	buf_free(&again);
}

void judge_action(struct execute *x, const struct action *a)
{
	const struct night *n = model_night(engine_model(x->en), a->id);
	struct judging *j;

	if (!n || x->closing)
		return;
	j = xcalloc(1, sizeof(*j));
	j->x = x;
	j->night_id = a->id;
	j->campaign_id = n->campaign_id;
	j->number = n->number;
	j->rules = series_rules;
	j->poc = n->poc;
	j->may_repeat = !n->repeated && !n->stop_requested && !n->poc;
	if (n->plan) {
		j->rules.baseline = n->plan->baseline;
		j->rules.warn = n->plan->warn_ppm / 1e6;
		j->rules.alert = n->plan->alert_ppm / 1e6;
	}
	execute_database(x, j->db, sizeof(j->db));
	j->work.data = j;
	x->work++;
	if (!n->plan) {
		tell(j, "", "its definition cannot be used");
		return;
	}
	uv_queue_work(engine_loop(x->en), &j->work, on_work, on_done);
}

#include "report/night.h"
#include "base/instant.h"
#include "base/str.h"
#include "core/model.h"
#include "report/verdicts.h"

const char *blame_of(const char *cause)
{
	switch ((int)cause_from_name(cause)) {
	case CAUSE_UNPLACEABLE: case CAUSE_NO_CAPACITY: case CAUSE_LIMIT: case CAUSE_DENIED: case CAUSE_BOOT_TIMEOUT:
	case CAUSE_BOOT_FAILED: case CAUSE_NOT_SENT: case CAUSE_ABSENT: case CAUSE_PREEMPTED: return "provider";
	case CAUSE_LOST: case CAUSE_BAD_MACHINE: case CAUSE_WRONG_MACHINE: case CAUSE_SSH_TIMEOUT: case CAUSE_SSH_AUTH:
	case CAUSE_HOST_KEY: return "machine";
	case CAUSE_FAILED: case CAUSE_TIMED_OUT: return "script";
	case CAUSE_MONEY: case CAUSE_EXPIRED: case CAUSE_IDLE: return "limit";
	case CAUSE_RELEASED: case CAUSE_CANCELLED: return "person";
	default: return "gpufleet";
	}
}

static instant time_of(const json_t *o, const char *key)
{
	instant t;

	return json_time(o, key, &t) ? t : 0;
}

void night_row(const json_t *f, char *out, size_t size)
{
	int concurrency = (int)json_int(f, "concurrency", 0);
	const char *scenario = json_str(f, "scenario", "");

	if (concurrency)
		snprintf(out, size, "%.60s at %d", scenario, concurrency);
	else
		snprintf(out, size, "%.40s%s%.80s", json_str(f, "metric", ""), *scenario ? " " : "", scenario);
}

void night_machine(const json_t *f, char *out, size_t size)
{
	char several[24] = "";

	if (json_int(f, "instances", 1) > 1)
		snprintf(several, sizeof(several), "%lld x ", (long long)json_int(f, "instances", 1));
	snprintf(out, size, "%s%.30s:%d %.20s", several, json_str(f, "gpu", ""), (int)json_int(f, "gpu_count", 0), json_str(f, "provider", ""));
}

/* ---- cost by part ---- */

/* What the ledger has of a machine: micro-dollars by part. */
static void add_parts(const json_t *machine, money sums[PARTS])
{
	const json_t *parts = json_object_get(machine, "parts");

	for (enum part p = 0; p < PARTS; p++)
		sums[p] = money_add(sums[p], json_int(parts, part_name(p), 0));
}

static json_t *parts_json(const money parts[PARTS])
{
	json_t *o = json_object();

	for (enum part p = 0; p < PARTS; p++)
		if (parts[p])
			json_put_money(o, part_name(p), parts[p]);
	return o;
}

static json_t *cost_json(const json_t *machines)
{
	json_t *o = json_object(), *list = json_array(), *row;
	money sums[PARTS] = { 0 }, total = 0, metered;
	const json_t *m;
	size_t k;

	json_array_foreach(machines, k, m) {
		money parts[PARTS] = { 0 };

		if (!json_money(m, "metered", &metered))
			metered = 0;
		add_parts(m, parts);
		add_parts(m, sums);
		total += metered;
		row = json_deep_copy(m);
		json_put(row, "parts", parts_json(parts));
		json_array_append_new(list, row);
	}
	json_put_money(o, "total", total);
	json_put(o, "parts", parts_json(sums));
	json_put(o, "machines", list);
	return o;
}

/* ---- providers ---- */

struct provider_sum {
	const char *name;
	int machines, ready;
	double seconds[200]; /* order to SSH */
	int times;
};

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return a < b ? -1 : a > b;
}

static json_t *providers_json(const json_t *machines)
{
	struct provider_sum all[32] = { 0 };
	json_t *out = json_array();
	const json_t *m;
	size_t k, n = 0, at;

	json_array_foreach(machines, k, m) {
		const char *name = json_str(m, "provider", "");
		instant ready = time_of(m, "ready"), planned = time_of(m, "planned");

		for (at = 0; at < n && strcmp(all[at].name, name) != 0; at++)
			;
		if (at == ARRAY_LEN(all))
			continue;
		n = at == n ? n + 1 : n;
		all[at].name = name;
		all[at].machines++;
		all[at].ready += ready > 0;
		if (ready && all[at].times < (int)ARRAY_LEN(all[at].seconds))
			all[at].seconds[all[at].times++] = (double)(ready - planned) / (double)SECOND;
	}
	for (at = 0; at < n; at++) {
		json_t *o = json_object();
		int times = all[at].times;

		qsort(all[at].seconds, (size_t)times, sizeof(double), by_value);
		json_put_str(o, "provider", all[at].name);
		json_put_int(o, "machines", all[at].machines);
		json_put_int(o, "ready", all[at].ready);
		json_put(o, "time_to_ssh", !times ? json_null() : json_real(times % 2 ? all[at].seconds[times / 2] :
		    (all[at].seconds[times / 2 - 1] + all[at].seconds[times / 2]) / 2));
		json_array_append_new(out, o);
	}
	return out;
}

/* ---- series ---- */

static json_t *of_series(const json_t *findings, const char *series)
{
	json_t *out = json_array();
	const json_t *f;
	size_t k;

	json_array_foreach(findings, k, f)
		if (!strcmp(json_str(f, "series", ""), series))
			json_array_append_new(out, json_deep_copy(f));
	return out;
}

static bool same_but_stack(const json_t *a, const json_t *b)
{
	static const char *const keys[] = { "scenario", "gpu", "provider", "metric" };

	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		if (strcmp(json_str(a, keys[k], ""), json_str(b, keys[k], "")) != 0)
			return false;
	return json_int(a, "concurrency", 0) == json_int(b, "concurrency", 0) && json_int(a, "gpu_count", 0) == json_int(b, "gpu_count", 0) &&
	       json_int(a, "instances", 1) == json_int(b, "instances", 1) && strcmp(json_str(a, "stack_id", ""), json_str(b, "stack_id", "")) != 0;
}

/* The run of the last night of the series that this one takes the place of, since its stack is another; 0: there is none. */
static int64_t run_before(const json_t *findings, const json_t *f)
{
	int64_t run = 0;
	const json_t *old;
	size_t k;

	json_array_foreach(findings, k, old)
		if (same_but_stack(old, f) && json_int(old, "night", 0) < json_int(f, "night", 0))
			run = json_int(old, "run", 0);
	return run;
}

static json_t *series_json(const json_t *findings, const json_t *tonight)
{
	json_t *out = json_array(), *row, *past;
	const json_t *f;
	size_t k;

	json_array_foreach(tonight, k, f) {
		past = of_series(findings, json_str(f, "series", ""));
		row = json_deep_copy(f);
		json_put(row, "steps", verdicts_steps(past));
		json_put(row, "history", past);
		if (json_array_size(past) == 1 && run_before(findings, f))
			json_put_int(row, "run_of_old_stack", run_before(findings, f));
		json_array_append_new(out, row);
	}
	return out;
}

/* ---- the document ---- */

static json_t *trials_json(const json_t *trials)
{
	json_t *out = json_deep_copy(trials), *t;
	size_t k;

	json_array_foreach(out, k, t) {
		bool ok = !strcmp(json_str(t, "outcome", ""), "ok"), ended = !strcmp(json_str(t, "state", ""), "DONE") ||
			!strcmp(json_str(t, "state", ""), "GIVEN_UP");

		json_put_str(t, "blame", ok || !ended ? "" : blame_of(json_str(t, "cause", "")));
	}
	return out;
}

json_t *night_report(const json_t *source)
{
	json_t *o = json_object(), *night = json_deep_copy(json_object_get(source, "night"));
	json_t *machines = json_incref(json_object_get(night, "machines")), *trials = json_incref(json_object_get(night, "trials")),
	       *tonight = json_incref(json_object_get(night, "findings"));

	json_object_del(night, "machines");
	json_object_del(night, "findings");
	json_put_int(night, "count", (int64_t)json_array_size(trials));
	json_put(night, "trials", trials_json(trials));
	json_put_str(o, "campaign", json_str(source, "campaign", ""));
	json_put(o, "night", night);
	json_put(o, "cost", cost_json(machines));
	json_put(o, "providers", providers_json(json_object_get(source, "machines")));
	json_put(o, "series", series_json(json_object_get(source, "findings"), tonight));
	json_put(o, "nights", json_deep_copy(json_object_get(source, "nights")));
	json_decref(machines);
	json_decref(trials);
	json_decref(tonight);
	return o;
}

/* ---- a message ---- */

static json_t *worse_of(const json_t *findings, struct buf *text)
{
	json_t *out = json_array();
	const json_t *f;
	char name[160], machine[80];
	size_t k;

	json_array_foreach(findings, k, f) {
		const char *kind = json_str(f, "kind", "");

		if (strcmp(kind, "warning") != 0 && strcmp(kind, "regression") != 0)
			continue;
		json_array_append_new(out, json_deep_copy(f));
		night_row(f, name, sizeof(name));
		night_machine(f, machine, sizeof(machine));
		buf_printf(text, "\n%s: %s on %s: %.5g %.16s, %.1f %% worse than the median of %d nights", kind, name, machine,
		    json_num(f, "median", 0), json_str(f, "unit", ""), 100 * json_num(f, "worse", 0), (int)json_int(f, "nights", 0));
	}
	return out;
}

static json_t *failed_of(const json_t *trials, struct buf *text, int *ok)
{
	json_t *all = trials_json(trials), *out = json_array(), *t;
	size_t k;

	*ok = 0;
	json_array_foreach(all, k, t) {
		*ok += !strcmp(json_str(t, "outcome", ""), "ok");
		if (!*json_str(t, "blame", ""))
			continue;
		json_array_append_new(out, json_pack("{ss ss ss ss}", "title", json_str(t, "title", ""), "blame", json_str(t, "blame", ""), "cause",
		    json_str(t, "cause", ""), "reason", json_str(t, "reason", "")));
		buf_printf(text, "\nnot measured: %.80s (%s: %.150s%s%.30s)", json_str(t, "title", ""), json_str(t, "blame", ""),
		    json_str(t, "reason", ""), *json_str(t, "class", "") ? ", " : "", json_str(t, "class", ""));
	}
	json_decref(all);
	return out;
}

json_t *night_message(const char *campaign, const json_t *night, const char *news)
{
	static const char *const kept[] = { "number", "outcome", "reason", "begun", "ended", "metered", "billed", "poc", "definition" };
	struct buf more = BUF(32768), text = BUF(65536);
	json_t *o = json_object(), *n = json_object(), *events = json_array(), *trials = json_object_get(night, "trials");
	const char *outcome = json_str(night, "outcome", "");
	char copy[64], *rest = copy, *one, cost[32];
	money metered = 0;
	int ok;

	json_money(night, "metered", &metered);
	money_format(metered, cost);
	json_put(o, "worse", worse_of(json_object_get(night, "findings"), &more));
	json_put(o, "failed", failed_of(trials, &more, &ok));
	if (!strcmp(outcome, "missed"))
		buf_printf(&text, "%.60s, night %lld was missed: %.200s", campaign, (long long)json_int(night, "number", 0), json_str(night, "reason", ""));
	else
		buf_printf(&text, "%.60s, night %lld is %s: %d of %d runs ok, %s%s%.200s", campaign, (long long)json_int(night, "number", 0), outcome, ok,
		    (int)json_array_size(trials), cost, *json_str(night, "reason", "") ? "; " : "", json_str(night, "reason", ""));
	buf_puts(&text, buf_str(&more));
	for (size_t k = 0; k < ARRAY_LEN(kept); k++)
		if (json_object_get(night, kept[k]))
			json_put(n, kept[k], json_incref(json_object_get(night, kept[k])));
	json_put_int(n, "ok", ok);
	json_put_int(n, "count", (int64_t)json_array_size(trials));
	str_copy(copy, news);
	while ((one = str_split(&rest, ",")))
		json_array_append_new(events, json_string(one));
	json_put_str(o, "text", buf_str(&text));
	json_put(o, "events", events);
	json_put_str(o, "campaign", campaign);
	json_put(o, "night", n);
	buf_free(&more);
	buf_free(&text);
	return o;
}

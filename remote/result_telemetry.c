#include "remote/result_telemetry.h"
#include "base/str.h"
#include "remote/result_vllm_run.h"

#include <math.h>

#define WINDOWS_MAX (2 * RESULT_SPANS_MAX)

/* Times are of marks.jsonl, or of the reader's own documents. */
struct window {
	char labels[TEXT_MAX]; /* "{}": the run as a whole */
	double begin, end, each;
	/* sums over ticks; a tick is all GPUs at one time */
	double last, watts, seconds, energy, watts_max, memory_max, busy, heat_max;
	size_t ticks, busy_ticks, throttled;
};

/* One tick: all GPUs at once. NAN: no GPU said it. */
struct tick {
	double t, watts, memory_max, busy, heat_max;
	int busy_count;
	bool throttled;
};

static double sum(double a, double b)
{
	return isnan(a) ? b : isnan(b) ? a : a + b;
}

static double most(double a, double b)
{
	return isnan(a) ? b : isnan(b) ? a : fmax(a, b);
}

/* A leaf is {"value":42,"unit":"W"}, a bare number, a string with digits, or "N/A". */
static double leaf(const json_t *gpu, const char *path)
{
	const json_t *v = json_path(gpu, path);
	double d = NAN;
	char head[32];

	if (json_is_object(v))
		v = json_object_get(v, "value");
	if (json_is_number(v))
		return json_number_value(v);
	if (json_is_string(v)) {
		snprintf(head, sizeof(head), "%.*s", (int)strspn(json_string_value(v), "0123456789."), json_string_value(v));
		if (!str_to_double(head, &d))
			d = NAN;
	}
	return d;
}

static void add_gpu(struct tick *t, double watts, double memory, double busy, double heat, bool throttled)
{
	t->watts = sum(t->watts, watts);
	t->memory_max = most(t->memory_max, memory);
	t->heat_max = most(t->heat_max, heat);
	t->throttled |= throttled;
	if (!isnan(busy)) {
		t->busy = sum(t->busy, busy);
		t->busy_count++;
	}
}

static const struct tick no_tick = { 0, NAN, NAN, NAN, NAN, 0, false };

static bool amd_tick(const json_t *line, struct tick *t)
{
	const json_t *d = json_object_get(line, "d"), *gpu;
	const char *throttle;
	size_t k;

	*t = no_tick;
	t->t = json_num(line, "t", 0);
	if (json_is_object(d))
		d = json_object_get(d, "gpu_data");
	json_array_foreach(d, k, gpu) {
		double heat = leaf(gpu, "temperature.hotspot");

		throttle = json_str(gpu, "power.throttle_status", "UNTHROTTLED");
		add_gpu(t, leaf(gpu, "power.socket_power"), leaf(gpu, "mem_usage.used_vram"), leaf(gpu, "usage.gfx_activity"),
		    isnan(heat) ? leaf(gpu, "temperature.edge") : heat, !strcmp(throttle, "THROTTLED"));
	}
	return t->t > 0 && json_array_size(d);
}

/* "1770187260.25,0,81000,97,650.1,64,Not Active": false when it is no sample. */
static bool nvidia_gpu(char *line, struct tick *t)
{
	char *rest = line, *cell;
	double v[7] = { NAN, NAN, NAN, NAN, NAN, NAN, NAN };
	bool throttled = false;
	size_t k = 0;

	for (; (cell = str_split(&rest, ",")) && k < ARRAY_LEN(v); k++) {
		while (*cell == ' ')
			cell++;
		if (k == 6)
			throttled = !strcmp(cell, "Active");
		else if (!str_to_double(cell, &v[k]))
			v[k] = NAN;
	}
	if (k < 6 || isnan(v[0]))
		return false;
	t->t = v[0];
	add_gpu(t, v[4], v[2], v[3], v[5], throttled);
	return true;
}

static void count_tick(struct window *windows, size_t count, const struct tick *t)
{
	for (size_t k = 0; k < count; k++) {
		struct window *w = &windows[k];
		double span = w->ticks && t->t > w->last ? t->t - w->last : 0;

		if (t->t < w->begin || t->t > w->end)
			continue;
		if (!isnan(t->watts)) {
			w->energy += t->watts * span;
			w->watts += t->watts * span;
			w->seconds += span;
			w->watts_max = fmax(w->watts_max, t->watts);
		}
		w->memory_max = isnan(t->memory_max) ? w->memory_max : fmax(w->memory_max, t->memory_max);
		w->heat_max = isnan(t->heat_max) ? w->heat_max : fmax(w->heat_max, t->heat_max);
		if (t->busy_count) {
			w->busy += t->busy / t->busy_count;
			w->busy_ticks++;
		}
		w->throttled += t->throttled;
		w->last = t->t;
		w->ticks++;
	}
}

/* The next line of [*at, n) as a copy; NULL at the end. */
static char *next_line(const struct result_file *f, size_t *at)
{
	const char *nl;
	size_t len;
	char *line;

	if (*at >= f->n)
		return NULL;
	nl = memchr(f->text + *at, '\n', f->n - *at);
	len = nl ? (size_t)(nl - f->text) - *at : f->n - *at;
	line = xstrndup(f->text + *at, len);
	*at += len + 1;
	return line;
}

/* Labels of a mark: those of a repeat, or whatever else it names. */
static void mark_labels(const json_t *mark, char labels[TEXT_MAX])
{
	struct result_cell c = { .concurrency = (int)json_int(mark, "concurrency", 0), .repeat = (int)json_int(mark, "repeat", 0),
		.input = (int)json_int(mark, "input", 0), .output = (int)json_int(mark, "output", 0) };
	json_t *o;
	char *text;

	if (*json_str(mark, "scenario", "")) {
		str_copy(c.scenario, json_str(mark, "scenario", ""));
		result_cell_labels(&c, labels);
		return;
	}
	o = json_copy((json_t *)(uintptr_t)mark);
	json_object_del(o, "t");
	json_object_del(o, "event");
	text = json_text(o);
	if (!str_copy_n(labels, TEXT_MAX, text))
		str_copy_n(labels, TEXT_MAX, "{}");
	free(text);
	json_decref(o);
}

static bool is_whole(const struct window *w)
{
	return !strcmp(w->labels, "{}");
}

static size_t read_marks(const struct result_file *f, struct window *windows)
{
	size_t count = 0, at = 0, k;
	char *line;

	for (; (line = next_line(f, &at)); free(line)) {
		json_t *j = json_read(line, strlen(line), NULL);
		struct window w = { .begin = json_num(j, "t", 0), .end = INFINITY };
		bool begins = !strcmp(json_str(j, "event", ""), "begin");

		if (!json_is_object(j)) {
			json_decref(j);
			continue;
		}
		mark_labels(j, w.labels);
		for (k = count; k-- > 0;)
			if (!strcmp(windows[k].labels, w.labels))
				break;
		if (!begins && k != (size_t)-1 && isinf(windows[k].end))
			windows[k].end = w.begin;
		else if (begins && k != (size_t)-1 && !is_whole(&w))
			windows[k] = w; /* it was tried again: the last try counts */
		else if (begins && count < WINDOWS_MAX)
			windows[count++] = w;
		json_decref(j);
	}
	return count;
}

/* When it ended, where its document only says when it began: with the next one, or with the stretch of the run that it is in. */
static double end_of(const struct result_span *s, const struct window *marks, size_t count, const struct results *r)
{
	double end = INFINITY;

	for (size_t k = 0; k < r->span_count; k++)
		if (r->spans[k].begin > s->begin)
			end = fmin(end, r->spans[k].begin);
	for (size_t k = 0; k < count; k++)
		if (marks[k].end >= s->begin)
			end = fmin(end, marks[k].end);
	return isinf(end) ? 0 : end;
}

static size_t add_spans(const struct results *r, struct window *windows, size_t count)
{
	size_t marks = count;

	for (size_t k = 0; k < r->span_count && count < WINDOWS_MAX; k++) {
		const struct result_span *s = &r->spans[k];
		struct window w = { .begin = s->begin, .end = s->end, .each = s->each };

		str_copy(w.labels, s->labels);
		if (w.end <= 0) {
			w.end = end_of(s, windows, marks, r);
			w.begin += 1; /* the second in which it began is not all its own */
		}
		if (w.end > w.begin)
			windows[count++] = w;
	}
	return count;
}

static void read_samples(const struct result_file *amd, const struct result_file *nvidia, struct window *windows, size_t count)
{
	struct tick t = no_tick, one;
	size_t at = 0;
	char *line;

	for (; amd && (line = next_line(amd, &at)); free(line)) {
		/* A warning may precede the document (benchmarks §4.2). */
		json_t *j = json_read(line, strlen(line), NULL);

		if (j && amd_tick(j, &one))
			count_tick(windows, count, &one);
		json_decref(j);
	}
	for (at = 0; nvidia && (line = next_line(nvidia, &at)); free(line)) {
		one = no_tick;
		if (!nvidia_gpu(line, &one))
			continue;
		if (t.t != one.t) {
			if (t.t > 0)
				count_tick(windows, count, &t);
			t = one;
		} else {
			add_gpu(&t, one.watts, one.memory_max, one.busy, one.heat_max, one.throttled);
		}
	}
	if (t.t > 0)
		count_tick(windows, count, &t);
}

/* Stretches with the same labels are one. */
static void join(struct window *windows, size_t count)
{
	for (size_t k = 0; k < count; k++)
		for (size_t i = k + 1; windows[k].ticks && i < count; i++) {
			struct window *a = &windows[k], *b = &windows[i];

			if (!b->ticks || strcmp(a->labels, b->labels) != 0)
				continue;
			a->watts += b->watts;
			a->seconds += b->seconds;
			a->energy += b->energy;
			a->watts_max = fmax(a->watts_max, b->watts_max);
			a->memory_max = fmax(a->memory_max, b->memory_max);
			a->heat_max = fmax(a->heat_max, b->heat_max);
			a->busy += b->busy;
			a->busy_ticks += b->busy_ticks;
			a->throttled += b->throttled;
			b->ticks = 0;
		}
}

static void put(struct results *out, const char *metric, double value, const char *unit, const char *labels)
{
	for (size_t k = 0; k < out->count; k++)
		if (!strcmp(out->rows[k].metric, metric) && !strcmp(out->rows[k].labels, labels))
			return;
	results_number(out, metric, value, unit, labels);
}

static void window_rows(const struct window *w, struct results *out)
{
	if (w->seconds > 0) {
		put(out, "power_mean", w->watts / w->seconds, "W", w->labels);
		put(out, "energy", w->each > 0 ? w->watts / w->seconds * w->each : w->energy, "J", w->labels);
	}
	if (w->watts_max > 0)
		put(out, "power_max", w->watts_max, "W", w->labels);
	if (w->memory_max > 0)
		put(out, "memory_used_max", w->memory_max, "MiB", w->labels);
	if (w->busy_ticks)
		put(out, "gpu_busy_mean", w->busy / (double)w->busy_ticks, "%", w->labels);
	if (w->heat_max > 0)
		put(out, "temperature_max", w->heat_max, "C", w->labels);
	if (w->throttled)
		put(out, "throttled", (double)w->throttled, "1", w->labels);
}

bool telemetry_wants(const char *file)
{
	return !strcmp(file, "telemetry.jsonl") || !strcmp(file, "telemetry.csv") || !strcmp(file, "marks.jsonl");
}

void telemetry_rows(const struct result_file *files, size_t count, struct results *out)
{
	const struct result_file *marks = result_file_find(files, count, "marks.jsonl");
	const struct result_file *amd = result_file_find(files, count, "telemetry.jsonl");
	const struct result_file *nvidia = result_file_find(files, count, "telemetry.csv");
	struct window *windows;
	bool nearer = false;
	size_t n;

	if (!amd && !nvidia)
		return;
	windows = xcalloc(WINDOWS_MAX, sizeof(*windows));
	n = add_spans(out, windows, marks ? read_marks(marks, windows) : 0);
	read_samples(amd, nvidia, windows, n);
	join(windows, n);
	for (size_t k = 0; k < n; k++)
		nearer |= windows[k].ticks && !is_whole(&windows[k]);
	for (size_t k = 0; k < n; k++)
		if (windows[k].ticks && !(nearer && is_whole(&windows[k])))
			window_rows(&windows[k], out);
	free(windows);
}

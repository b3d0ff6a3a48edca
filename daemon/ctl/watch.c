#include "ctl/watch.h"
#include "base/clock.h"
#include "base/str.h"
#include "ctl/show.h"
#include "ctl/term.h"

#define PERIOD_FIRST (300 * MSEC)
#define PERIOD_LAST  SECOND
#define EXCUSE       MINUTE
#define ROWS_MAX     12 /* instances drawn one by one */

struct seen {
	int64_t id;
	char state[32];
};

int ctl_get_fleet(struct ctl *c, const char *name, json_t **fleet, struct err *e)
{
	char *path = ctl_path("/v1/fleets/%s", name);
	json_t *answer;
	int rc = ctl_get(c, path, &answer, e);

	free(path);
	*fleet = NULL;
	if (rc < 0)
		return -1;
	*fleet = json_incref((json_t *)(uintptr_t)json_path(answer, "fleet"));
	json_decref(answer);
	return *fleet ? 0 : err_set(e, ERR_FAILED, "the daemon's answer holds no fleet");
}

static bool is(const json_t *j, const char *state)
{
	return !strcmp(json_str(j, "state", ""), state);
}

static int64_t count_ready(const json_t *fleet)
{
	const json_t *i;
	int64_t ready = 0;
	size_t n;

	json_array_foreach(json_path(fleet, "instances"), n, i)
		ready += is(i, "READY") || is(i, "BUSY");
	return ready;
}

bool watch_is_ready(const json_t *fleet)
{
	return is(fleet, "OPEN") && count_ready(fleet) >= json_int(fleet, "instances_wanted", 1);
}

bool watch_is_down(const json_t *fleet)
{
	const json_t *i;
	size_t n;

	if (is(fleet, "CLOSED"))
		return true;
	if (!is(fleet, "CLOSING"))
		return false;
	json_array_foreach(json_path(fleet, "instances"), n, i)
		if (!is(i, "GONE") && !(json_bool(i, "accepted", false) && !json_bool(i, "shown", true)))
			return false;
	return true;
}

/* ---- what is shown ---- */

void watch_begin(struct watch *w)
{
	*w = (struct watch){ 0 };
	progress_begin(&w->progress);
}

void watch_free(struct watch *w)
{
	progress_clear(&w->progress);
	free(w->seen);
	*w = (struct watch){ 0 };
}

/* True when the state is new; remembers it. */
static bool changed(struct watch *w, const json_t *i)
{
	int64_t id = json_int(i, "id", 0);
	const char *state = show_instance_state(i);
	size_t n = 0;

	while (n < w->seen_count && w->seen[n].id != id)
		n++;
	if (n == w->seen_count) {
		w->seen = xreallocarray(w->seen, n + 1, sizeof(*w->seen));
		w->seen[w->seen_count++] = (struct seen){ .id = id };
	}
	if (!strcmp(w->seen[n].state, state))
		return false;
	str_copy(w->seen[n].state, state);
	return true;
}

/* Elsewhere than on a terminal every change is a line; on one only what would otherwise vanish: an attempt that failed. */
static void tell(struct watch *w, const json_t *fleet, const json_t *i)
{
	const char *reason = json_str(i, "reason", ""), *cause = json_str(i, "cause", "");
	bool failed = (is(i, "GONE") || is(i, "DELETING")) && is(fleet, "OPEN") && *cause;

	if (!changed(w, i) || (w->progress.live && !failed))
		return;
	progress_note(&w->progress, "%s/%lld: %s at %s%s%s%s%s", json_str(fleet, "name", "?"), (long long)json_int(i, "slot", 0),
	    show_instance_state(i), json_str(i, "account", "?"), *json_str(i, "region", "") ? " " : "", json_str(i, "region", ""),
	    *cause ? ": " : "", *reason ? reason : cause);
}

static void draw_rows(struct buf *out, const json_t *fleet)
{
	const json_t *i;
	size_t n, rows = 0, more = 0;

	json_array_foreach(json_path(fleet, "instances"), n, i) {
		if (is(i, "GONE"))
			continue;
		if (rows++ >= ROWS_MAX) {
			more++;
			continue;
		}
		buf_printf(out, "  %lld  %-14s  %s %s %s\n", (long long)json_int(i, "slot", 0), show_instance_state(i),
		    json_str(i, "account", ""), show_gpu(i).s, json_str(i, "region", ""));
	}
	if (more)
		buf_printf(out, "  and %zu more\n", more);
}

void watch_show(struct watch *w, const json_t *fleet, const char *head)
{
	struct buf text = BUF(65536), safe = BUF(65536 * 6);
	char elapsed[24];
	const json_t *i;
	size_t n;

	json_array_foreach(json_path(fleet, "instances"), n, i)
		tell(w, fleet, i);
	if (w->progress.live) {
		duration_format(progress_elapsed(&w->progress) / SECOND * SECOND, elapsed);
		buf_printf(&text, "%s: ", json_str(fleet, "name", "?"));
		if (head)
			buf_printf(&text, "%s", head);
		else
			buf_printf(&text, "%s, %lld of %lld ready", json_str(fleet, "phase", "?"), (long long)count_ready(fleet),
			    (long long)json_int(fleet, "instances_wanted", 1));
		buf_printf(&text, "  %s  %s so far\n", elapsed, show_money(fleet, "metered").s);
		draw_rows(&text, fleet);
		str_safe(&safe, buf_str(&text), text.len, true);
		progress_draw(&w->progress, buf_str(&safe));
	}
	buf_free(&text);
	buf_free(&safe);
}

int watch_excuse(struct watch *w, struct err *e)
{
	if (e->code != ERR_UNREACHABLE)
		return -1;
	if (!w->lost_since) {
		w->lost_since = clock_boot();
		progress_note(&w->progress, "the daemon does not answer; waiting for it");
	}
	return clock_boot() - w->lost_since < EXCUSE ? 0 : -1;
}

/* ---- waiting ---- */

static int wait_for(struct ctl *c, struct watch *w, const char *name, duration limit, bool up, json_t **fleet,
    enum watch_end *end, struct err *e)
{
	duration period = PERIOD_FIRST;
	json_t *now;

	for (*fleet = NULL;; period = period * 5 / 4 < PERIOD_LAST ? period * 5 / 4 : PERIOD_LAST) {
		if (ctl_get_fleet(c, name, &now, e) == 0) {
			json_decref(*fleet);
			*fleet = now;
			w->lost_since = 0;
			watch_show(w, now, up ? NULL : "giving back");
			*end = up ? WATCH_READY : WATCH_ENDED;
			if (up ? watch_is_ready(now) : watch_is_down(now))
				return 0;
			*end = WATCH_ENDED;
			if (up && !is(now, "OPEN"))
				return 0;
		} else if (watch_excuse(w, e) < 0) {
			return -1;
		}
		*end = WATCH_TIMEOUT;
		if (limit && progress_elapsed(&w->progress) >= limit)
			return 0;
		*end = WATCH_INTERRUPTED;
		if (term_sleep(period))
			return 0;
	}
}

int watch_ready(struct ctl *c, struct watch *w, const char *name, duration limit, json_t **fleet, enum watch_end *end,
    struct err *e)
{
	return wait_for(c, w, name, limit, true, fleet, end, e);
}

int watch_down(struct ctl *c, struct watch *w, const char *name, duration limit, json_t **fleet, enum watch_end *end,
    struct err *e)
{
	return wait_for(c, w, name, limit, false, fleet, end, e);
}

#include "ctl/show.h"
#include "base/clock.h"
#include "base/str.h"

#include <math.h>

struct word show_money(const json_t *j, const char *path)
{
	struct word w = { "" };
	char text[32];
	money m;

	if (json_money_signed(j, path, &m)) {
		money_format(m, text);
		str_copy(w.s, text);
	}
	return w;
}

struct word show_rate(const json_t *j, const char *path)
{
	struct word w = show_money(j, path), rate = { "" };

	if (*w.s)
		snprintf(rate.s, sizeof(rate.s), "%.64s/h", w.s);
	return rate;
}

static struct word span(duration d)
{
	struct word w;
	char text[24];

	duration_format(d, text);
	str_copy(w.s, text);
	return w;
}

struct word show_ago(const json_t *j, const char *path)
{
	struct word w = { "" };
	instant t;

	if (json_time(j, path, &t) && t)
		snprintf(w.s, sizeof(w.s), "%.64s ago", span(clock_wall() - t).s);
	return w;
}

struct word show_left(const json_t *j, const char *path)
{
	struct word w = { "" };
	instant t, now = clock_wall();

	if (!json_time(j, path, &t) || !t)
		return w;
	if (t <= now)
		str_copy(w.s, "over");
	else
		w = span(t - now);
	return w;
}

struct word show_when(const json_t *j, const char *path)
{
	struct word w = { "" };
	char text[32], *sep;
	instant t;

	if (!json_time(j, path, &t) || !t)
		return w;
	instant_format(t, false, text);
	str_copy(w.s, text);
	sep = strchr(w.s, 'T');
	if (sep)
		*sep = ' ';
	return w;
}

struct word show_seconds(const json_t *j, const char *path)
{
	double n = json_num(j, path, -1);

	return n < 0 || n > 1e12 ? (struct word){ "" } : span((duration)(n * 1e6));
}

struct word show_between(const json_t *j, const char *from, const char *to)
{
	instant a, b;

	if (!json_time(j, from, &a) || !a)
		return (struct word){ "" };
	if (!json_time(j, to, &b) || !b)
		b = clock_wall();
	return span(b - a);
}

struct word show_gpu(const json_t *j)
{
	struct word w;

	snprintf(w.s, sizeof(w.s), "%.64s:%lld", json_str(j, "gpu", "?"), (long long)json_int(j, "gpu_count", 1));
	return w;
}

struct word show_count(const json_t *j, const char *path)
{
	struct word w = { "" };
	int64_t n = json_int(j, path, 0);

	if (n)
		snprintf(w.s, sizeof(w.s), "%lld", (long long)n);
	return w;
}

struct word show_bytes(const json_t *j, const char *path)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	struct word w = { "" };
	double n = json_num(j, path, -1);
	size_t u = 0;

	if (n < 0)
		return w;
	for (; n >= 999.5 && u + 1 < ARRAY_LEN(units); u++)
		n /= 1000;
	snprintf(w.s, sizeof(w.s), u && n < 9.95 ? "%.1f %s" : "%.0f %s", n, units[u]);
	return w;
}

struct word show_number(const json_t *value)
{
	struct word w = { "" };
	double n = json_number_value(value);

	if (json_is_integer(value))
		snprintf(w.s, sizeof(w.s), "%lld", (long long)json_integer_value(value));
	else if (json_is_number(value))
		snprintf(w.s, sizeof(w.s), fabs(n) >= 1e6 ? "%.0f" : "%.6g", n);
	return w;
}

struct word show_labels(const json_t *labels)
{
	struct word w = { "" };
	struct buf b = BUF(sizeof(w.s) - 1);
	const char *key;
	json_t *value;

	if (json_is_string(labels))
		buf_puts(&b, json_string_value(labels));
	json_object_foreach((json_t *)(uintptr_t)labels, key, value)
		buf_printf(&b, "%s%s=%s", b.len ? "," : "", key, json_is_string(value) ? json_string_value(value) : show_number(value).s);
	str_copy(w.s, buf_str(&b));
	buf_free(&b);
	return w;
}

/* ---- states ---- */

const char *show_instance_state(const json_t *i)
{
	static const char *const words[][2] = {
		{ "PLANNED", "planned" },
		{ "DISPATCHING", "ordering" },
		{ "AMBIGUOUS", "in doubt" },
		{ "BOOTING", "booting" },
		{ "CONNECTING", "connecting" },
		{ "READY", "ready" },
		{ "BUSY", "busy" },
		{ "DRAINING", "saving results" },
		{ "DELETING", "deleting" },
		{ "GONE", "gone" },
	};
	const char *state = json_str(i, "state", "");

	if (!strcmp(state, "DELETING") && json_bool(i, "accepted", false))
		return json_bool(i, "shown", true) ? "delete taken" : "proving it gone";
	for (size_t k = 0; k < ARRAY_LEN(words); k++)
		if (!strcmp(words[k][0], state))
			return words[k][1];
	return state;
}

enum style show_instance_style(const json_t *i)
{
	const char *state = json_str(i, "state", "");

	if (!strcmp(state, "READY") || !strcmp(state, "BUSY"))
		return STYLE_GREEN;
	if (!strcmp(state, "AMBIGUOUS"))
		return STYLE_RED;
	if (!strcmp(state, "GONE") || !strcmp(state, "DELETING"))
		return STYLE_DIM;
	return STYLE_YELLOW;
}

enum style show_fleet_style(const json_t *f)
{
	const char *phase = json_str(f, "phase", "");

	if (strcmp(json_str(f, "state", ""), "OPEN") != 0)
		return STYLE_DIM;
	return !strcmp(phase, "ready") || !strcmp(phase, "busy") ? STYLE_GREEN : STYLE_YELLOW;
}

enum style show_run_style(const json_t *r)
{
	const char *outcome = json_str(r, "outcome", "");

	if (strcmp(json_str(r, "state", ""), "DONE") != 0)
		return STYLE_YELLOW;
	return !strcmp(outcome, "ok") ? STYLE_GREEN : STYLE_RED;
}

struct word show_run_state(const json_t *r)
{
	const char *state = json_str(r, "state", "?"), *outcome = json_str(r, "outcome", ""), *signal;
	struct word w;

	if (strcmp(state, "DONE") != 0) {
		snprintf(w.s, sizeof(w.s), "%.32s", state);
		for (char *s = w.s; *s; s++)
			*s = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
		return w;
	}
	signal = json_str(r, "signal", "");
	if (strcmp(outcome, "failed") != 0)
		snprintf(w.s, sizeof(w.s), "%.32s", *outcome ? outcome : "done");
	else if (*signal)
		snprintf(w.s, sizeof(w.s), "failed (%.16s)", signal);
	else if (json_int(r, "exit_status", -1) >= 0)
		snprintf(w.s, sizeof(w.s), "failed (exit %lld)", (long long)json_int(r, "exit_status", -1));
	else
		snprintf(w.s, sizeof(w.s), "failed (%.32s)", json_str(r, "cause", "?"));
	for (char *s = w.s; *s; s++)
		*s = *s == '_' ? ' ' : *s;
	return w;
}

/* ---- tables ---- */

void show_instances(const json_t *fleet, FILE *to)
{
	static const struct column columns[] = {
		{ "INSTANCE", LEFT, 0, 0 },
		{ "STATE", LEFT, 0, 0 },
		{ "ACCOUNT", LEFT, 8, 3 },
		{ "GPU", LEFT, 0, 4 },
		{ "REGION", LEFT, 6, 5 },
		{ "ADDRESS", LEFT, 0, 6 },
		{ "$/H", RIGHT, 0, 2 },
		{ "COST", RIGHT, 0, 0 },
		{ "WHY", LEFT, 16, 0 },
	};
	struct table t;
	const json_t *i;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(json_path(fleet, "instances"), n, i) {
		const char *address = json_str(i, "address", "");
		bool billed = json_bool(i, "settled", false);

		table_row(&t);
		table_cell(&t, STYLE_PLAIN, "%s/%lld", json_str(fleet, "name", "?"), (long long)json_int(i, "slot", 0));
		table_cell(&t, show_instance_style(i), "%s", show_instance_state(i));
		table_cell(&t, STYLE_PLAIN, "%s%s", json_str(i, "account", ""), json_bool(i, "spot", false) ? " (spot)" : "");
		table_cell(&t, STYLE_PLAIN, "%s", show_gpu(i).s);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(i, "region", ""));
		table_cell(&t, STYLE_PLAIN, "%s", address);
		table_cell(&t, STYLE_PLAIN, "%s", show_money(i, "price_hour").s);
		table_cell(&t, STYLE_PLAIN, "%s", show_money(i, billed ? "billed" : "metered").s);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(i, "reason", json_str(i, "cause", "")));
	}
	if (t.row_count)
		table_print(&t, to, term_width(to));
	table_free(&t);
}

static void offer_notes(const json_t *o, struct word *w)
{
	struct buf b = BUF(sizeof(w->s) - 1);
	money minimum = 0;
	double reliability = json_num(o, "reliability", 0);
	char text[32];

	if (json_bool(o, "spot", false))
		buf_puts(&b, "spot, ");
	if (json_bool(o, "marketplace", false))
		buf_puts(&b, "marketplace host, ");
	if (reliability > 0)
		buf_printf(&b, "reliability %.1f %%, ", reliability * 100);
	if (json_money(o, "minimum_charge", &minimum) && minimum >= USD) {
		money_format(minimum, text);
		buf_printf(&b, "at least %s, ", text);
	}
	if (json_int(o, "available", -1) == 0)
		buf_puts(&b, "sold out, ");
	snprintf(w->s, sizeof(w->s), "%.*s", b.len > 2 ? (int)b.len - 2 : 0, buf_str(&b));
	buf_free(&b);
}

void show_offers(const json_t *offers, FILE *to)
{
	static const struct column columns[] = {
		{ "GPU", LEFT, 0, 0 },
		{ "ACCOUNT", LEFT, 8, 0 },
		{ "REGION", LEFT, 6, 4 },
		{ "$/GPU-H", RIGHT, 0, 0 },
		{ "$/H", RIGHT, 0, 0 },
		{ "LEFT", RIGHT, 0, 5 },
		{ "GPU GB", RIGHT, 0, 6 },
		{ "CPUS", RIGHT, 0, 7 },
		{ "RAM GB", RIGHT, 0, 8 },
		{ "DISK GB", RIGHT, 0, 9 },
		{ "NOTES", LEFT, 12, 3 },
	};
	struct table t;
	struct word notes;
	const json_t *o;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(offers, n, o) {
		enum style style = json_int(o, "available", -1) == 0 ? STYLE_DIM : STYLE_PLAIN;

		offer_notes(o, &notes);
		table_row(&t);
		table_cell(&t, style, "%s", show_gpu(o).s);
		table_cell(&t, style, "%s", json_str(o, "account", ""));
		table_cell(&t, style, "%s", json_str(o, "region", ""));
		table_cell(&t, style, "%s", show_money(o, "price_gpu_hour").s);
		table_cell(&t, style, "%s", show_money(o, "price_hour").s);
		table_cell(&t, style, "%s", json_int(o, "available", -1) > 0 ? show_count(o, "available").s : "");
		table_cell(&t, style, "%s", show_count(o, "gpu_memory_gb").s);
		table_cell(&t, style, "%s", show_count(o, "cpus").s);
		table_cell(&t, style, "%s", show_count(o, "ram_gb").s);
		table_cell(&t, style, "%s", show_count(o, "disk_gb").s);
		table_cell(&t, style, "%s", notes.s);
	}
	table_print(&t, to, term_width(to));
	table_free(&t);
}

#include "ctl/night.h"
#include "base/clock.h"
#include "base/str.h"
#include "ctl/progress.h"
#include "ctl/show.h"

#define PERIOD    (2 * SECOND)
#define EXCUSE    (2 * MINUTE) /* the daemon may be restarting */
#define LINES_MAX 2000

/* ---- following ---- */

struct told {
	int64_t id;
	char state[16];
};

/* True when it is news. */
static bool is_news(struct told **told, size_t *count, int64_t id, const char *state)
{
	size_t n = 0;

	while (n < *count && (*told)[n].id != id)
		n++;
	if (n == *count) {
		*told = xreallocarray(*told, n + 1, sizeof(**told));
		(*told)[(*count)++] = (struct told){ .id = id };
	}
	if (!strcmp((*told)[n].state, state))
		return false;
	str_copy((*told)[n].state, state);
	return true;
}

static const char *trial_words(const json_t *t)
{
	const char *state = json_str(t, "state", ""), *outcome = json_str(t, "outcome", "");

	if (!strcmp(state, "DONE"))
		return !strcmp(outcome, "ok") ? "ok" : *outcome ? outcome : "ended";
	return !strcmp(state, "RUNNING") ? "running" : !strcmp(state, "GIVEN_UP") ? "given up" : "waits";
}

static void tell(struct progress *p, struct told **told, size_t *count, const json_t *night)
{
	const json_t *trials = json_path(night, "trials"), *t;
	size_t k;

	json_array_foreach(trials, k, t) {
		const char *words = trial_words(t), *reason = json_str(t, "reason", "");
		bool bad = strcmp(words, "ok") && strcmp(words, "running") && strcmp(words, "waits");

		if (!is_news(told, count, json_int(t, "id", 0), words) || (!strcmp(words, "waits") && !*reason))
			continue;
		progress_note(p, "%s%s: %s%s%s", json_str(t, "title", ""), json_bool(t, "again", false) ? " (once more)" : "", words,
		    *json_str(t, "fleet", "") && !strcmp(words, "running") ? " on " : "",
		    !strcmp(words, "running") ? json_str(t, "fleet", "") : "");
		if (bad && *reason)
			progress_note(p, "  %s", reason);
	}
}

/* The night, running or over; NULL with *e. */
static json_t *get_night(struct ctl *c, const char *campaign, int64_t number, bool *over, struct err *e)
{
	char *path = ctl_path("/v1/campaigns/%s", campaign), *past = NULL;
	json_t *answer = NULL, *night = NULL;

	if (ctl_get(c, path, &answer, e) == 0 && json_int(answer, "campaign.night.number", 0) == number) {
		night = json_incref((json_t *)(uintptr_t)json_path(answer, "campaign.night"));
		*over = false;
	} else if (answer) {
		past = xasprintf("%s/nights/%lld", path, (long long)number);
		if (ctl_get(c, past, &night, e) == 0)
			*over = true;
	}
	json_decref(answer);
	free(path);
	free(past);
	return night;
}

static void print_worse(const json_t *f)
{
	long long concurrency = json_int(f, "concurrency", 0), instances = json_int(f, "instances", 1);
	const char *scenario = json_str(f, "scenario", "");
	char name[192], several[24] = "";

	if (concurrency)
		snprintf(name, sizeof(name), "%.80s at %lld", scenario, concurrency);
	else
		snprintf(name, sizeof(name), "%.64s%s%.80s", json_str(f, "metric", ""), *scenario ? " " : "", scenario);
	if (instances > 1)
		snprintf(several, sizeof(several), "%lld x ", instances);
	ctl_print(stdout, STYLE_RED, "%s: %s on %s%s %s: %.5g %s, %.1f %% worse than the median of %lld nights", json_str(f, "kind", ""), name,
	    several, show_gpu(f).s, json_str(f, "provider", ""), json_num(f, "median", 0), json_str(f, "unit", ""), 100 * json_num(f, "worse", 0),
	    (long long)json_int(f, "nights", 0));
}

static int conclude(struct ctl *c, const char *campaign, const json_t *night)
{
	const char *outcome = json_str(night, "outcome", "");
	const json_t *findings = json_path(night, "findings"), *f;
	size_t k;

	if (c->json) {
		ctl_print_json(night);
	} else {
		ctl_print(stdout, !strcmp(outcome, "complete") ? STYLE_GREEN : STYLE_RED, "night %lld of '%s' is %s: %lld of %lld runs ok, %s%s%s",
		    (long long)json_int(night, "number", 0), campaign, outcome, (long long)json_int(night, "ok", 0),
		    (long long)json_array_size(json_path(night, "trials")), show_money(night, "metered").s, *json_str(night, "reason", "") ? "; " : "",
		    json_str(night, "reason", ""));
		json_array_foreach(findings, k, f)
			if (!strcmp(json_str(f, "kind", ""), "regression") || !strcmp(json_str(f, "kind", ""), "warning"))
				print_worse(f);
		ctl_print(stdout, STYLE_DIM, "report: gpufleetctl campaign report %s --night %lld -o report.html", campaign,
		    (long long)json_int(night, "number", 0));
	}
	return strcmp(outcome, "complete") ? 1 : 0;
}

int night_follow(struct ctl *c, const char *campaign, int64_t number, struct err *e)
{
	struct progress p;
	struct told *told = NULL;
	size_t count = 0;
	json_t *night = NULL;
	instant lost = 0;
	bool over = false;
	int rc = 0;

	progress_begin(&p);
	progress_note(&p, "night %lld of '%s' has begun; Ctrl-C leaves it running", (long long)number, campaign);
	for (;;) {
		json_decref(night);
		night = get_night(c, campaign, number, &over, e);
		if (!night && e->code == ERR_UNREACHABLE && (!lost || clock_boot() - lost < EXCUSE)) {
			lost = lost ? lost : clock_boot();
		} else if (!night) {
			rc = -1;
			break;
		} else {
			lost = 0;
			tell(&p, &told, &count, night);
			if (over && !strcmp(json_str(night, "state", ""), "DONE"))
				break;
		}
		if (term_sleep(PERIOD)) {
			rc = EXIT_INTERRUPTED;
			break;
		}
	}
	progress_clear(&p);
	if (rc == EXIT_INTERRUPTED)
		ctl_say("it goes on without you; see: gpufleetctl campaign show %s", campaign);
	else if (rc == 0)
		rc = conclude(c, campaign, night);
	free(told);
	json_decref(night);
	return rc;
}

/* ---- tables ---- */

void night_print(const json_t *night)
{
	static const struct column columns[] = { { "RUN OF THE NIGHT", LEFT, 16, 0 }, { "STATE", LEFT, 0, 0 }, { "FLEET", LEFT, 8, 1 },
		{ "RUN", RIGHT, 0, 2 }, { "WHAT", LEFT, 10, 0 } };
	const json_t *t;
	struct table table;
	size_t k;

	ctl_print(stdout, STYLE_BOLD, "night %lld, begun %s, %s: %lld of %lld ended, %s", (long long)json_int(night, "number", 0),
	    json_str(night, "begun", ""), json_str(night, "state", ""), (long long)json_int(night, "trials_ended", 0),
	    (long long)json_int(night, "count", 0), show_money(night, "metered").s);
	table_init(&table, columns, ARRAY_LEN(columns));
	json_array_foreach(json_path(night, "trials"), k, t) {
		const char *words = trial_words(t);

		table_row(&table);
		table_cell(&table, STYLE_PLAIN, "%s%s", json_str(t, "title", ""), json_bool(t, "again", false) ? " (once more)" : "");
		table_cell(&table, !strcmp(words, "ok") ? STYLE_GREEN : !strcmp(words, "running") || !strcmp(words, "waits") ? STYLE_PLAIN : STYLE_RED,
		    "%s", words);
		table_cell(&table, STYLE_PLAIN, "%s", json_str(t, "fleet", ""));
		table_cell(&table, STYLE_PLAIN, "%s", show_count(t, "run").s);
		table_cell(&table, STYLE_PLAIN, "%s", *json_str(t, "progress", "") ? json_str(t, "progress", "") :
		    strcmp(words, "ok") ? json_str(t, "reason", "") : "");
	}
	table_print(&table, stdout, term_width(stdout));
	table_free(&table);
}

void night_print_list(const json_t *nights)
{
	static const struct column columns[] = { { "NIGHT", RIGHT, 0, 0 }, { "BEGUN", LEFT, 0, 0 }, { "OUTCOME", LEFT, 0, 0 }, { "OK", RIGHT, 0, 0 },
		{ "WORSE", RIGHT, 0, 1 }, { "COST", RIGHT, 0, 0 }, { "BILLED", RIGHT, 0, 3 }, { "DEF", RIGHT, 0, 4 }, { "WHY", LEFT, 10, 2 } };
	const json_t *n;
	struct table t;
	size_t k;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(nights, k, n) {
		const char *outcome = json_str(n, "outcome", "");

		table_row(&t);
		table_cell(&t, STYLE_BOLD, "%lld", (long long)json_int(n, "number", 0));
		table_cell(&t, STYLE_PLAIN, "%s", show_when(n, "begun").s);
		table_cell(&t, !strcmp(outcome, "complete") ? STYLE_GREEN : *outcome ? STYLE_RED : STYLE_PLAIN, "%s%s", *outcome ? outcome : "running",
		    json_bool(n, "poc", false) ? " (poc)" : "");
		table_cell(&t, STYLE_PLAIN, "%lld of %lld", (long long)json_int(n, "ok", 0), (long long)json_int(n, "trials", 0));
		table_cell(&t, STYLE_RED, "%s", show_count(n, "worse").s);
		table_cell(&t, STYLE_PLAIN, "%s", show_money(n, "metered").s);
		table_cell(&t, STYLE_PLAIN, "%s", show_money(n, "billed").s);
		table_cell(&t, STYLE_PLAIN, "%lld", (long long)json_int(n, "definition", 0));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(n, "reason", ""));
	}
	if (t.row_count)
		table_print(&t, stdout, term_width(stdout));
	else
		ctl_say("there was no night yet");
	table_free(&t);
}

/* ---- what changes ---- */

static size_t split(char *text, char **lines)
{
	size_t n = 0;
	char *rest = text, *line;

	while (n < LINES_MAX && (line = str_split(&rest, "\n")))
		lines[n++] = line;
	return n;
}

/* The longest common subsequence by the textbook: files of people are short. */
void night_print_changes(const char *before, const char *after)
{
	char *a_text = xstrdup(before), *b_text = xstrdup(after);
	char **a = xcalloc(LINES_MAX, sizeof(*a)), **b = xcalloc(LINES_MAX, sizeof(*b));
	size_t na = split(a_text, a), nb = split(b_text, b), i = 0, j = 0, width = nb + 1;
	uint16_t *common = xcalloc((na + 1) * width, sizeof(*common));

	for (size_t x = na; x-- > 0;)
		for (size_t y = nb; y-- > 0;) {
			uint16_t down = common[(x + 1) * width + y], right = common[x * width + y + 1];

			common[x * width + y] = !strcmp(a[x], b[y]) ? (uint16_t)(common[(x + 1) * width + y + 1] + 1) : down > right ? down : right;
		}
	while (i < na || j < nb) {
		if (i < na && j < nb && !strcmp(a[i], b[j])) {
			i++;
			j++;
		} else if (i < na && (j == nb || common[(i + 1) * width + j] >= common[i * width + j + 1])) {
			ctl_print(stdout, STYLE_RED, "- %s", a[i++]);
		} else {
			ctl_print(stdout, STYLE_GREEN, "+ %s", b[j++]);
		}
	}
	free(common);
	free(a);
	free(b);
	free(a_text);
	free(b_text);
}

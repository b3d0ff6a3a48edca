#include "ctl/cmd.h"
#include "base/clock.h"
#include "base/str.h"
#include "ctl/show.h"

#define PATIENCE MINUTE

static void show_event(const json_t *v)
{
	const char *from = json_str(v, "from", ""), *to = json_str(v, "to", ""), *cause = json_str(v, "cause", "");
	const char *text = json_str(v, "text", ""), *fleet = json_str(v, "fleet", ""), *actor = json_str(v, "actor", "");
	struct buf line = BUF(4096);

	buf_printf(&line, "%s  %-8s %-6lld", show_when(v, "time").s, json_str(v, "kind", "?"), (long long)json_int(v, "id", 0));
	if (*fleet)
		buf_printf(&line, " %s:", fleet);
	buf_printf(&line, " %s", json_str(v, "event", "?"));
	if (*from || *to)
		buf_printf(&line, " %s%s%s", from, strcmp(from, to) != 0 ? " -> " : "", strcmp(from, to) != 0 ? to : "");
	if (*cause)
		buf_printf(&line, " [%s]", cause);
	if (*text)
		buf_printf(&line, " %s", text);
	if (*actor && strcmp(actor, "daemon") != 0)
		buf_printf(&line, " (%s)", actor);
	ctl_print(stdout, STYLE_PLAIN, "%s", buf_str(&line));
	buf_free(&line);
}

static void show_events(const json_t *list)
{
	const json_t *v;
	size_t n;

	json_array_foreach(list, n, v)
		show_event(v);
}

/* ---- follow ---- */

struct follow {
	struct ctl *c;
	int64_t seq; /* the last one seen; -1: none */
	bool got_any;
};

static int take_line(void *arg, const json_t *line)
{
	struct follow *f = arg;

	int64_t seq = json_int(line, "seq", -1);

	f->got_any = true;
	if (json_path(line, "ping") || (seq >= 0 && seq <= f->seq))
		return 0;
	f->seq = seq;
	if (f->c->json)
		ctl_print_json(line);
	else
		show_event(line);
	fflush(stdout);
	return 0;
}

static void build_path(const struct args *a, bool follow, int64_t after, struct buf *path)
{
	int64_t n;

	buf_reset(path);
	buf_printf(path, "/v1/events?limit=%lld", args_number(a, "limit", &n) ? (long long)n : 50LL);
	if (follow)
		buf_puts(path, "&follow=1");
	if (after >= 0)
		buf_printf(path, "&after=%lld", (long long)after);
	if (a->word_count) {
		buf_puts(path, "&fleet=");
		str_percent_encode(path, a->words[0]);
	}
	if (args_number(a, "run", &n))
		buf_printf(path, "&run=%lld", (long long)n);
}

/* What happened before the stream begins. */
static int catch_up(struct follow *f, struct err *e)
{
	struct buf path = BUF(1024);
	const json_t *v;
	json_t *answer;
	size_t n;
	int rc;

	build_path(&f->c->args, false, f->seq, &path);
	rc = ctl_get(f->c, buf_str(&path), &answer, e);
	buf_free(&path);
	if (rc < 0)
		return e->code == ERR_UNREACHABLE && f->seq >= 0 ? 0 : -1;
	json_array_foreach(json_path(answer, "events"), n, v)
		take_line(f, v);
	json_decref(answer);
	return 0;
}

/* Over restarts of the daemon: it goes on behind the last event that was seen. */
static int follow(struct ctl *c, int64_t after, struct err *e)
{
	struct follow f = { .c = c, .seq = after };
	struct buf path = BUF(1024);
	duration lost_since = 0;
	int rc;

	do {
		struct request r = { .method = "GET", .quiet_is_dead = true };

		rc = catch_up(&f, e);
		if (rc < 0)
			break;
		build_path(&c->args, true, f.seq, &path);
		r.path = buf_str(&path);
		f.got_any = false;
		rc = client_stream(c->client, &r, take_line, &f, &c->problem, e);
		if (rc < 0 && e->code != ERR_UNREACHABLE && e->code != ERR_TIMEOUT)
			break;
		if (f.got_any || !lost_since)
			lost_since = clock_boot();
		term_sleep(SECOND);
	} while (clock_boot() - lost_since < PATIENCE);
	buf_free(&path);
	return rc < 0 ? -1 : err_set(e, ERR_UNREACHABLE, "the daemon ends the stream again and again");
}

static int run_events(struct ctl *c, struct err *e)
{
	struct buf path = BUF(1024);
	int64_t after = -1;
	json_t *answer;
	int rc;

	if (args_has(&c->args, "follow"))
		return follow(c, args_number(&c->args, "after", &after) ? after : -1, e);
	args_number(&c->args, "after", &after);
	build_path(&c->args, false, after, &path);
	rc = ctl_get(c, buf_str(&path), &answer, e);
	buf_free(&path);
	if (rc < 0)
		return -1;
	if (c->json)
		ctl_print_json(answer);
	else
		show_events(json_path(answer, "events"));
	json_decref(answer);
	return 0;
}

/* ---- why ---- */

static void show_attempts(const json_t *list)
{
	static const struct column columns[] = {
		{ "TIME", LEFT, 0, 4 },
		{ "ACCOUNT", LEFT, 8, 0 },
		{ "OFFER", LEFT, 8, 3 },
		{ "REGION", LEFT, 6, 5 },
		{ "$/H", RIGHT, 0, 2 },
		{ "OUTCOME", LEFT, 8, 0 },
		{ "WHY", LEFT, 16, 0 },
	};
	struct table t;
	const json_t *a;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, n, a) {
		const char *text = json_str(a, "text", "");

		table_row(&t);
		table_cell(&t, STYLE_PLAIN, "%s", show_when(a, "time").s);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(a, "account", ""));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(a, "offer", ""));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(a, "region", ""));
		table_cell(&t, STYLE_PLAIN, "%s", show_money(a, "price_hour").s);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(a, "outcome", ""));
		table_cell(&t, STYLE_PLAIN, "%s", *text ? text : json_str(a, "cause", ""));
	}
	if (t.row_count) {
		puts("\nattempts");
		table_print(&t, stdout, term_width(stdout));
	}
	table_free(&t);
}

static int run_why(struct ctl *c, struct err *e)
{
	char subject[96], *path;
	json_t *answer;
	int64_t id;
	int rc;

	if (ctl_run_id(c->args.words[0], &id, NULL) == 0)
		snprintf(subject, sizeof(subject), "run-%lld", (long long)id);
	else if (!str_copy(subject, c->args.words[0]) || !str_is_name(subject, 63))
		return err_set(e, ERR_USAGE, "'%.64s' is neither a run nor the name of a fleet", c->args.words[0]);
	path = ctl_path("/v1/why/%s", subject);
	rc = ctl_get(c, path, &answer, e);
	free(path);
	if (rc < 0)
		return -1;
	if (c->json) {
		ctl_print_json(answer);
	} else {
		ctl_print(stdout, STYLE_BOLD, "%s", json_str(answer, "summary", "nothing is known about it"));
		show_attempts(json_path(answer, "attempts"));
		if (json_array_size(json_path(answer, "events")))
			puts("\nevents");
		show_events(json_path(answer, "events"));
	}
	json_decref(answer);
	return 0;
}

static const struct opt opts[] = {
	{ "follow", 'f', ARG_FLAG, NULL, "show new ones as they happen", NULL, 0, 0, false },
	{ "run", 0, ARG_COUNT, "RUN", "only those of this run", NULL, 1, INT64_MAX, false },
	{ "limit", 'l', ARG_COUNT, "N", "the newest N; 50 when not given", NULL, 1, 10000, false },
	{ "after", 0, ARG_COUNT, "SEQ", "those behind this sequence number", NULL, 0, INT64_MAX, false },
};

const struct command command_events = {
	.name = "events",
	.group = "Money and history",
	.synopsis = "[FLEET] [options]",
	.summary = "what happened, from the audit log",
	.max = 1,
	.operand = "fleet",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_events,
};

const struct command command_why = {
	.name = "why",
	.group = "Money and history",
	.synopsis = "FLEET|RUN",
	.summary = "why something is as it is: what was tried, what came of it",
	.min = 1,
	.max = 1,
	.operand = "fleet",
	.run = run_why,
};

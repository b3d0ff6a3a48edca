#include "config/campaign.h"
#include "base/str.h"
#include "config/cells.h"
#include "config/preset.h"

/* ---- the plain keys, as tables ---- */

struct campaign_entry {
	struct campaign_file c;
	char overlap[8], finish_by[8], warn[16], alert[16];
	char on_failure[16];
	char blackouts[SCHEDULE_BLACKOUTS_MAX][24];
	struct cell base; /* what the preset and the file say of every cell */
};

#define ENTRY        ((struct campaign_entry *)0)
#define MEMBER(m)    .offset = offsetof(struct campaign_entry, m), .size = sizeof(ENTRY->m)
#define ARRAY(m, n)  .offset = offsetof(struct campaign_entry, m), .size = sizeof(ENTRY->m[0]), \
		     .count_offset = offsetof(struct campaign_entry, n), .max = (int64_t)ARRAY_LEN(ENTRY->m)

static const char *const overlap_words[] = { "skip", "queue", NULL };
static const char *const event_words[] = { "failed", "regression", "budget", "leak", "summary", "missed", NULL };

/* clang-format off */
static const struct option campaign_rows[] = {
	{ "campaign", OPTION_NAME, MEMBER(c.name) },
	{ "description", OPTION_TEXT, MEMBER(c.description) },
	{ "owner", OPTION_NAME, MEMBER(c.owner) },
	{ "budget", OPTION_NAME, MEMBER(c.budget) },
	{ "schedule", OPTION_TEXT, MEMBER(c.cron) },
	{ "timezone", OPTION_WORD, MEMBER(c.timezone), .fallback = "UTC" },
	{ "jitter", OPTION_DURATION, MEMBER(c.schedule.jitter), .min = 0, .max = 6 * HOUR },
	{ "overlap", OPTION_CHOICE, MEMBER(overlap), .words = overlap_words, .fallback = "skip" },
	{ "catch_up", OPTION_DURATION, MEMBER(c.schedule.catch_up), .min = 0, .max = 6 * HOUR, .fallback = "3h" },
	{ "blackout", OPTION_LIST, ARRAY(blackouts, c.schedule.blackout_count) },
	{ "finish_by", OPTION_TEXT, MEMBER(finish_by) },
	{ "preset", OPTION_NAME, MEMBER(c.preset) },
	{ "recipe", OPTION_NAME, MEMBER(c.recipe) },
	{ "instances", OPTION_INT, MEMBER(c.instances), .min = 1, .max = CELL_INSTANCES_MAX },
	{ "image", OPTION_WORD, MEMBER(c.image) },
	{ "disk", OPTION_INT, MEMBER(c.disk_gb), .min = 1, .max = 100000 },
	{ .key = "with", .type = OPTION_TREE },
	{ .key = "matrix", .type = OPTION_TREE },
	{ .key = "include", .type = OPTION_TREE },
	{ .key = "exclude", .type = OPTION_TREE },
	{ .key = "override", .type = OPTION_TREE },
	{ "repeats", OPTION_INT, MEMBER(c.repeats), .min = 1, .max = 1000, .fallback = "1" },
	{ "providers", OPTION_LIST, ARRAY(c.providers, c.provider_count) },
	{ "max_price", OPTION_MONEY, MEMBER(c.max_price) },
	{ "limits.per_night", OPTION_MONEY, MEMBER(c.per_night) },
	{ "limits.per_run", OPTION_DURATION, MEMBER(c.per_run), .min = SECOND, .max = 30 * DAY },
	{ "limits.parallel_fleets", OPTION_INT, MEMBER(c.parallel_fleets), .min = 1, .max = 100, .fallback = "1" },
	{ "secrets", OPTION_LIST, ARRAY(c.secrets, c.secret_count) },
	{ "retry.no_capacity", OPTION_DURATION, MEMBER(c.retry_no_capacity), .min = 0, .max = DAY },
	{ "retry.machine_lost", OPTION_INT, MEMBER(c.retry_machine_lost), .min = 0, .max = 10, .fallback = "1" },
	{ "retry.failed", OPTION_INT, MEMBER(c.retry_failed), .min = 0, .max = 10, .fallback = "0" },
	{ .key = "on_failure", .type = OPTION_TREE },
	{ "compare.baseline", OPTION_INT, MEMBER(c.baseline), .min = 7, .max = 365, .fallback = "14" },
	{ "compare.warn", OPTION_TEXT, MEMBER(warn), .fallback = "3%" },
	{ "compare.alert", OPTION_TEXT, MEMBER(alert), .fallback = "5%" },
	{ .key = "notify", .type = OPTION_TREE },
};
static const struct option_table campaign_options = { .what = "a campaign", .rows = campaign_rows, .count = ARRAY_LEN(campaign_rows) };

#undef MEMBER
#undef ARRAY
#define NOTE ((struct notify *)0)
static const struct option notify_rows[] = {
	{ "webhook", OPTION_NAME, .offset = offsetof(struct notify, webhook), .size = sizeof(NOTE->webhook) },
	{ "on", OPTION_LIST, .offset = offsetof(struct notify, events), .size = sizeof(NOTE->events[0]),
	  .count_offset = offsetof(struct notify, event_count), .max = CAMPAIGN_EVENTS_MAX },
};
static const struct option_table notify_options = { .what = "a notification", .rows = notify_rows, .count = ARRAY_LEN(notify_rows) };
/* clang-format on */

/* ---- values of their own kinds ---- */

static void read_schedule(struct parse *p, const struct node *root, struct campaign_file *c)
{
	struct cron *cron = &c->schedule.cron;
	struct zone *z;
	struct err e;

	if (*c->cron && cron_parse(cron, c->cron, &e) < 0)
		parse_error(p, node_get(root, "schedule"), "%s", e.msg);
	z = zone_load(c->timezone, &e);
	if (!z)
		parse_error(p, node_get(root, "timezone"), "%s", e.msg);
	else if (cron->minutes && cron_next(cron, z, (instant)1795132800 * SECOND) == FOREVER)
		parse_error(p, node_get(root, "schedule"), "there is no such day: '%s' never comes", c->cron);
	zone_free(z);
}

/* "07:00" → 420 */
static bool clock_time(const char *text, int *minutes)
{
	int64_t h, m;
	char hour[3] = { 0 };

	if (strlen(text) != 5 || text[2] != ':')
		return false;
	memcpy(hour, text, 2);
	if (!str_to_i64(hour, 0, 23, &h) || !str_to_i64(text + 3, 0, 59, &m))
		return false;
	*minutes = (int)(h * 60 + m);
	return true;
}

/* "2026-12-25", or "2026-12-24..2027-01-02" */
static bool days_of(const char *text, int64_t out[2])
{
	char copy[32], *parts[2] = { copy, copy }, *dots;
	instant t;

	str_copy(copy, text);
	dots = strstr(copy, "..");
	if (dots) {
		*dots = '\0';
		parts[1] = dots + 2;
	}
	for (int k = 0; k < 2; k++) {
		char full[48];

		snprintf(full, sizeof(full), "%.20sT00:00:00Z", parts[k]);
		if (strlen(parts[k]) != 10 || !instant_parse(full, &t))
			return false;
		out[k] = t / DAY;
	}
	return out[1] >= out[0];
}

/* "3%" or "0.03" → 30000 */
static bool percent(const char *text, int *ppm)
{
	char copy[16];
	size_t n = strlen(text);
	double v;

	str_copy(copy, text);
	if (n && n < sizeof(copy) && copy[n - 1] == '%')
		copy[n - 1] = '\0';
	if (!str_to_double(copy, &v) || !(v > 0))
		return false;
	v = text[n - 1] == '%' ? v / 100 : v;
	*ppm = (int)(v * 1e6 + 0.5);
	return v < 1 && *ppm > 0;
}

static void read_numbers(struct parse *p, const struct node *root, struct campaign_entry *e)
{
	const struct node *list = node_get(root, "blackout"), *compare = node_get(root, "compare");
	struct campaign_file *c = &e->c;

	c->queue = !strcmp(e->overlap, "queue");
	c->finish_by = -1;
	if (*e->finish_by && !clock_time(e->finish_by, &c->finish_by))
		parse_error(p, node_get(root, "finish_by"), "'finish_by' wants a time of day like 07:00, not '%s'", e->finish_by);
	for (int k = 0; k < c->schedule.blackout_count; k++)
		if (!days_of(e->blackouts[k], c->schedule.blackout[k]))
			parse_error(p, list && list->kind == NODE_LIST ? &list->child[k] : list,
			    "'blackout' wants a day like 2026-12-25, or 2026-12-24..2027-01-02, not '%s'", e->blackouts[k]);
	if (!percent(e->warn, &c->warn_ppm))
		parse_error(p, node_get(compare, "warn"), "'warn' wants a share like 3%%, not '%s'", e->warn);
	if (!percent(e->alert, &c->alert_ppm))
		parse_error(p, node_get(compare, "alert"), "'alert' wants a share like 5%%, not '%s'", e->alert);
	else if (c->alert_ppm < c->warn_ppm)
		parse_error(p, node_get(compare, "alert"), "'alert' (%s) is less than 'warn' (%s)", e->alert, e->warn);
	for (int k = 0; k < c->secret_count; k++)
		if (!bind_is_variable(c->secrets[k]))
			parse_error(p, node_get(root, "secrets"), "secret '%s' is not called like a variable: capital letters, digits and _",
			    c->secrets[k]);
}

/* destroy, or { keep_for: 30m } */
static void read_on_failure(struct parse *p, const struct node *n, struct campaign_file *c)
{
	const struct node *keep = node_get(n, "keep_for");

	if (!n || node_empty(n) || (n->kind == NODE_TEXT && !strcmp(n->text, "destroy")))
		return;
	if (n->kind != NODE_MAP || n->count != 1 || !keep || keep->kind != NODE_TEXT)
		parse_error(p, n, "'on_failure' wants destroy, or { keep_for: 30m }");
	else if (!str_to_duration(keep->text, &c->keep_for) || c->keep_for < MINUTE || c->keep_for > 7 * DAY)
		parse_error(p, keep, "'keep_for' wants 1m to 7d, not '%s'", keep->text);
}

static void read_notify(struct parse *p, const struct node *list, struct campaign_file *c)
{
	if (!list || !bind_wants_list(p, list))
		return;
	for (size_t k = 0; k < list->count; k++) {
		const struct node *n = &list->child[k];
		struct notify one = { 0 };

		if (k == CAMPAIGN_NOTIFY_MAX) {
			parse_error(p, n, "more than %d notifications", CAMPAIGN_NOTIFY_MAX);
			return;
		}
		if (n->kind != NODE_MAP) {
			parse_error(p, n, "a notification is a map like { webhook: ops, on: [failed, regression] }");
			continue;
		}
		bind_table(p, n, &notify_options, NULL, &one);
		if (!*one.webhook)
			parse_error(p, n, "this notification has no 'webhook'");
		if (!one.event_count)
			parse_error(p, n, "this notification has no 'on'");
		for (int i = 0; i < one.event_count; i++) {
			const char *near;
			size_t w = 0;

			while (event_words[w] && strcmp(event_words[w], one.events[i]) != 0)
				w++;
			near = event_words[w] ? NULL : str_nearest(one.events[i], event_words);
			if (!event_words[w])
				parse_error(p, node_get(n, "on"), near ? "there is no event '%s' (did you mean '%s'?)" :
				    "there is no event '%s'; there are failed, regression, budget, leak, summary and missed", one.events[i], near);
		}
		c->notify[c->notify_count++] = one;
	}
}

/* ---- a preset ---- */

/* One option of `run`, where the file itself says nothing of it. What it says of the life of one machine bounds one run. */
static void take_option(const struct node *root, const struct preset_option *o, struct campaign_entry *e)
{
	const struct node *limits = node_get(root, "limits");
	char *value = strchr(o->value, '='), name[64];
	struct campaign_file *c = &e->c;

	if (!strcmp(o->name, "set") && value) {
		*value = '\0';
		if (cell_parameter(o->value, name))
			json_put_str(e->base.params, name, value + 1);
		*value = '=';
	} else if (!strcmp(o->name, "gpu")) {
		cell_put_gpu(&e->base, o->value);
	} else if (!strcmp(o->name, "region")) {
		str_copy(e->base.region, o->value);
	} else if (!strcmp(o->name, "provider") && !node_get(root, "providers") && c->provider_count < CAMPAIGN_PROVIDERS_MAX) {
		str_copy(c->providers[c->provider_count++], o->value);
	} else if (!strcmp(o->name, "secret") && !node_get(root, "secrets") && c->secret_count < CAMPAIGN_SECRETS_MAX) {
		str_copy(c->secrets[c->secret_count++], o->value);
	} else if (!strcmp(o->name, "image") && !node_get(root, "image")) {
		str_copy(c->image, o->value);
	} else if (!strcmp(o->name, "disk") && !node_get(root, "disk")) {
		int64_t n = 0;

		str_to_i64(o->value, 1, 100000, &n);
		c->disk_gb = (int)n;
	} else if (!strcmp(o->name, "for") && !node_get(limits, "per_run")) {
		str_to_duration(o->value, &c->per_run);
	} else if (!strcmp(o->name, "max-price") && !node_get(root, "max_price")) {
		money_parse(o->value, &c->max_price);
	}
}

static void read_preset(struct parse *p, const struct node *root, struct campaign_entry *e)
{
	const struct node *n = node_get(root, "preset");
	struct preset preset;
	struct err err = { 0 };

	if (!*e->c.preset)
		return;
	if (preset_find(&preset, e->c.preset, &err) < 0) {
		parse_error(p, n, "%s", err.msg);
		return;
	}
	if (!node_get(root, "recipe"))
		str_copy(e->c.recipe, preset.recipe);
	for (size_t k = 0; k < preset.count; k++)
		take_option(root, &preset.options[k], e);
	preset_free(&preset);
}

/* What every cell begins with. */
static void read_base(struct parse *p, const struct node *root, struct campaign_entry *e)
{
	const struct node *with = node_get(root, "with");

	e->base.params = json_object();
	read_preset(p, root, e);
	if (!strcmp(e->c.image, "none")) /* not the preset's */
		*e->c.image = '\0';
	e->base.instances = e->c.instances;
	if (with && !bind_wants_map(p, with))
		return;
	if (with && cell_place(with))
		parse_error(p, with, "'gpu', 'instances', 'provider' and 'region' belong into 'matrix'; 'with' has parameters of the recipe");
	else
		cell_put_map(p, &e->base, with);
}

/* ---- the whole ---- */

static void read_whole(struct parse *p, const struct node *root, struct campaign_entry *e)
{
	int mistakes;

	bind_table(p, root, &campaign_options, NULL, e);
	if (root->kind != NODE_MAP)
		return;
	if (!node_get(root, "campaign"))
		parse_error(p, root, "the campaign has no name: say 'campaign: NAME'");
	if (!node_get(root, "recipe") && !node_get(root, "preset"))
		parse_error(p, root, "the campaign has no 'recipe'");
	for (const char *name = e->c.name; *name; name++)
		e->c.schedule.salt = (e->c.schedule.salt ^ (uint8_t)*name) * 0x100000001b3u; /* campaigns of one hour do not begin together */
	read_schedule(p, root, &e->c);
	read_numbers(p, root, e);
	read_on_failure(p, node_get(root, "on_failure"), &e->c);
	read_notify(p, node_get(root, "notify"), &e->c);
	mistakes = parse_error_count(p);
	read_base(p, root, e);
	if (parse_error_count(p) == mistakes)
		cells_read(p, root, &e->base, &e->c);
}

int campaign_read(struct campaign_file *c, const char *file, const char *text, size_t n, struct buf *report, struct err *e)
{
	struct campaign_entry *entry = xcalloc(1, sizeof(*entry));
	struct parse *p = parse_text(file, text, n);
	const struct node *root = parse_root(p);
	int rc;

	option_defaults(&campaign_options, entry);
	if (root)
		read_whole(p, root, entry);
	else if (!parse_error_count(p))
		parse_error(p, NULL, "the campaign is empty");
	*c = entry->c;
	cell_free(&entry->base);
	free(entry);
	rc = parse_failed(p, e);
	if (rc < 0) {
		if (report)
			buf_puts(report, parse_report(p));
		campaign_free(c);
	}
	parse_free(p);
	return rc;
}

void campaign_free(struct campaign_file *c)
{
	for (size_t k = 0; k < c->cell_count; k++)
		cell_free(&c->cells[k]);
	free(c->cells);
	*c = (struct campaign_file){ 0 };
}

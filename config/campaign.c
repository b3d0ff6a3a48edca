#include "config/campaign.h"
#include "base/str.h"
#include "config/preset.h"
#include "config/private.h"

#define INSTANCES_MOST 100

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
	{ "instances", OPTION_INT, MEMBER(c.instances), .min = 1, .max = INSTANCES_MOST },
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

static const struct option override_rows[] = { { .key = "when", .type = OPTION_TREE }, { .key = "with", .type = OPTION_TREE } };
static const struct option_table override_options = { .what = "an override", .rows = override_rows, .count = 2 };
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

/* ---- the matrix ---- */

/* A parameter as the recipe calls it: "max-model_len" is MAX_MODEL_LEN. */
static bool parameter_name(const char *key, char out[64])
{
	size_t n = strlen(key);

	if (!n || n >= 64)
		return false;
	for (size_t k = 0; k <= n; k++)
		out[k] = (char)(key[k] == '-' ? '_' : key[k] >= 'a' && key[k] <= 'z' ? key[k] - 'a' + 'A' : key[k]);
	return bind_is_variable(out);
}

static bool put_gpu(struct cell *c, const char *text)
{
	if (!gpu_spec_parse(text, c->gpu, sizeof(c->gpu), &c->gpu_count))
		return false;
	c->gpu_count = c->gpu_count ? c->gpu_count : 1;
	return true;
}

/* gpu, instances, provider and region say where; every other key is a parameter. */
static const struct node *place_in(const struct node *map)
{
	static const char *const keys[] = { "gpu", "instances", "provider", "region" };
	const struct node *found = NULL;

	for (size_t k = 0; k < ARRAY_LEN(keys) && !found; k++)
		found = node_get(map, keys[k]);
	return found;
}

static bool put_value(struct parse *p, struct cell *c, const struct node *key, const struct node *value)
{
	char name[64];

	if (value->kind != NODE_TEXT) {
		parse_error(p, value, "'%.40s' wants one value", key->key);
		return false;
	}
	if (!strcmp(key->key, "gpu")) {
		if (put_gpu(c, value->text))
			return true;
		parse_error(p, value, "'gpu' wants a model and a number like MI300X:8, not '%.64s'", value->text);
		return false;
	}
	if (!strcmp(key->key, "instances")) {
		int64_t n;

		if (!str_to_i64(value->text, 1, INSTANCES_MOST, &n)) {
			parse_error(p, value, "'instances' wants a number from 1 to %d, not '%.64s'", INSTANCES_MOST, value->text);
			return false;
		}
		c->instances = (int)n;
		return true;
	}
	if (!strcmp(key->key, "provider") || !strcmp(key->key, "region")) {
		bool provider = *key->key == 'p';

		if (!str_is_name(value->text, provider ? sizeof(c->provider) - 1 : sizeof(c->region) - 1)) {
			parse_error(p, value, "'%.64s' cannot be a %s", value->text, key->key);
			return false;
		}
		if (provider)
			str_copy(c->provider, value->text);
		else
			str_copy(c->region, value->text);
		return true;
	}
	if (!parameter_name(key->key, name)) {
		parse_error_key(p, key, "'%.40s' cannot be a parameter of a recipe", key->key);
		return false;
	}
	json_put_str(c->params, name, value->text);
	return true;
}

static bool put_map(struct parse *p, struct cell *c, const struct node *map)
{
	bool ok = true;

	for (size_t k = 0; map && map->kind == NODE_MAP && k < map->count; k++)
		ok &= put_value(p, c, &map->child[k], &map->child[k]);
	return ok;
}

static void cell_free(struct cell *c)
{
	json_decref(c->params);
}

/* Does the cell have every value of this map? */
static bool cell_is(const struct cell *c, const struct cell *like, const struct node *map)
{
	if ((*like->gpu && (strcmp(c->gpu, like->gpu) != 0 || c->gpu_count != like->gpu_count)) ||
	    (like->instances && c->instances != like->instances) ||
	    (*like->provider && strcmp(c->provider, like->provider) != 0) || (*like->region && strcmp(c->region, like->region) != 0))
		return false;
	for (size_t k = 0; k < map->count; k++) {
		char name[64];

		if (parameter_name(map->child[k].key, name) && json_object_get(like->params, name) &&
		    strcmp(json_str(c->params, name, ""), json_str(like->params, name, "")) != 0)
			return false;
	}
	return true;
}

static bool same_cell(const struct cell *a, const struct cell *b)
{
	return !strcmp(a->gpu, b->gpu) && a->gpu_count == b->gpu_count && a->instances == b->instances &&
	       !strcmp(a->provider, b->provider) && !strcmp(a->region, b->region) && json_equal(a->params, b->params);
}

/* Takes the cell over. */
static void add_cell(struct parse *p, const struct node *at, struct campaign_file *c, struct cell *cell)
{
	for (size_t k = 0; k < c->cell_count; k++)
		if (same_cell(&c->cells[k], cell)) {
			cell_free(cell); /* once is enough */
			return;
		}
	if (c->cell_count == CAMPAIGN_CELLS_MAX) {
		parse_error_key(p, at, "the matrix has more than %d cells", CAMPAIGN_CELLS_MAX);
		cell_free(cell);
		return;
	}
	c->cells = xreallocarray(c->cells, c->cell_count + 1, sizeof(*c->cells));
	c->cells[c->cell_count++] = *cell;
}

static const struct node *axis_value(const struct node *axis, size_t k)
{
	return axis->kind == NODE_LIST ? &axis->child[k] : axis;
}

static size_t axis_length(const struct node *axis)
{
	return axis->kind == NODE_LIST ? axis->count : 1;
}

/* False: a mistake in an axis. */
static bool check_axes(struct parse *p, const struct node *matrix)
{
	size_t cells = 1;

	if (matrix->count > CAMPAIGN_AXES_MAX) {
		parse_error_key(p, matrix, "the matrix has more than %d axes", CAMPAIGN_AXES_MAX);
		return false;
	}
	for (size_t k = 0; k < matrix->count; k++) {
		const struct node *axis = &matrix->child[k];

		if (axis->kind == NODE_MAP || (axis->kind == NODE_LIST && !axis->count) || node_empty(axis)) {
			parse_error(p, axis, "'%.40s' wants a value or a list of values", axis->key);
			return false;
		}
		cells *= axis_length(axis);
		if (cells > CAMPAIGN_CELLS_MAX) {
			parse_error_key(p, matrix, "the matrix has more than %d cells", CAMPAIGN_CELLS_MAX);
			return false;
		}
	}
	return true;
}

static struct cell copy_of(const struct cell *base)
{
	struct cell c = *base;

	c.params = json_deep_copy(base->params);
	return c;
}

static void add_copy(struct parse *p, const struct node *at, struct campaign_file *c, const struct cell *base)
{
	struct cell cell = copy_of(base);

	add_cell(p, at, c, &cell);
}

static void multiply(struct parse *p, const struct node *matrix, const struct cell *base, struct campaign_file *c)
{
	size_t at[CAMPAIGN_AXES_MAX] = { 0 }, k;

	if (!check_axes(p, matrix))
		return;
	do {
		struct cell cell = copy_of(base);
		bool ok = true;

		for (k = 0; k < matrix->count && ok; k++)
			ok = put_value(p, &cell, &matrix->child[k], axis_value(&matrix->child[k], at[k]));
		if (!ok) {
			cell_free(&cell); /* said once: the other cells have the same mistake */
			return;
		}
		add_cell(p, matrix, c, &cell);
		for (k = matrix->count; k-- > 0;) {
			if (++at[k] < axis_length(&matrix->child[k]))
				break;
			at[k] = 0;
		}
	} while (k != SIZE_MAX);
}

static bool wants_maps(struct parse *p, const struct node *list, const char *like)
{
	if (!list || !bind_wants_list(p, list))
		return false;
	for (size_t k = 0; k < list->count; k++)
		if (list->child[k].kind != NODE_MAP || !list->child[k].count) {
			parse_error(p, &list->child[k], "'%s' wants a list of maps like %s", list->key, like);
			return false;
		}
	return true;
}

static void exclude(struct parse *p, const struct node *list, struct campaign_file *c)
{
	if (!wants_maps(p, list, "{ gpu: \"H100:2\", concurrency: 32 }"))
		return;
	for (size_t k = 0; k < list->count; k++) {
		struct cell like = { .params = json_object() };
		size_t kept = 0;

		if (put_map(p, &like, &list->child[k])) {
			for (size_t i = 0; i < c->cell_count; i++)
				if (cell_is(&c->cells[i], &like, &list->child[k]))
					cell_free(&c->cells[i]);
				else
					c->cells[kept++] = c->cells[i];
			if (kept == c->cell_count)
				parse_error(p, &list->child[k], "this 'exclude' fits no cell of the matrix");
			c->cell_count = kept;
		}
		cell_free(&like);
	}
}

static void include(struct parse *p, const struct node *list, const struct cell *base, struct campaign_file *c)
{
	if (!wants_maps(p, list, "{ gpu: \"H200:1\", concurrency: 1 }"))
		return;
	for (size_t k = 0; k < list->count; k++) {
		struct cell cell = copy_of(base);

		if (put_map(p, &cell, &list->child[k]))
			add_cell(p, list, c, &cell);
		else
			cell_free(&cell);
	}
}

static void override(struct parse *p, const struct node *list, struct campaign_file *c)
{
	if (!wants_maps(p, list, "{ when: { gpu: \"H100:2\" }, with: { tensor_parallel: 2 } }"))
		return;
	for (size_t k = 0; k < list->count; k++) {
		const struct node *n = &list->child[k], *when = node_get(n, "when"), *with = node_get(n, "with");
		struct cell like = { .params = json_object() };
		struct campaign_entry unused;
		bool hit = false;

		bind_table(p, n, &override_options, NULL, &unused);
		if (!when || when->kind != NODE_MAP || !with || with->kind != NODE_MAP)
			parse_error(p, n, "an override wants maps 'when' and 'with'");
		else if (place_in(with))
			parse_error(p, with, "an override changes parameters of the recipe; where a cell runs is the matrix's");
		else if (put_map(p, &like, when)) {
			for (size_t i = 0; i < c->cell_count; i++)
				if (cell_is(&c->cells[i], &like, when)) {
					put_map(p, &c->cells[i], with);
					hit = true;
				}
			if (!hit)
				parse_error(p, when, "this override fits no cell of the matrix");
		}
		cell_free(&like);
	}
}

static void read_matrix(struct parse *p, const struct node *root, const struct cell *base, struct campaign_file *c)
{
	const struct node *matrix = node_get(root, "matrix"), *more = node_get(root, "include");
	bool many = matrix && matrix->kind == NODE_MAP && matrix->count;
	int mistakes = parse_error_count(p);

	if (matrix && !bind_wants_map(p, matrix))
		return;
	if (many)
		multiply(p, matrix, base, c);
	else if (*base->gpu && !more)
		add_copy(p, root, c, base);
	/* What follows from a mistake in the matrix is not worth saying. */
	if (parse_error_count(p) > mistakes)
		return;
	exclude(p, node_get(root, "exclude"), c);
	include(p, more, base, c);
	override(p, node_get(root, "override"), c);
	for (size_t k = 0; k < c->cell_count && parse_error_count(p) == mistakes; k++)
		if (!*c->cells[k].gpu)
			parse_error(p, matrix ? matrix : more, "which GPU? 'matrix' wants an axis like gpu: [\"MI300X:1\", \"H100:2\"]");
	if (!c->cell_count && parse_error_count(p) == mistakes)
		parse_error(p, matrix ? matrix : root, matrix ? "nothing is left of the matrix" : "the campaign has no 'matrix'");
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
		if (parameter_name(o->value, name))
			json_put_str(e->base.params, name, value + 1);
		*value = '=';
	} else if (!strcmp(o->name, "gpu")) {
		put_gpu(&e->base, o->value);
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
	if (with && place_in(with))
		parse_error(p, with, "'gpu', 'instances', 'provider' and 'region' belong into 'matrix'; 'with' has parameters of the recipe");
	else
		put_map(p, &e->base, with);
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
		read_matrix(p, root, &e->base, &e->c);
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

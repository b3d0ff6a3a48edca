#include "config/cells.h"
#include "base/str.h"

static const struct option override_rows[] = { { .key = "when", .type = OPTION_TREE }, { .key = "with", .type = OPTION_TREE } };
static const struct option_table override_options = { .what = "an override", .rows = override_rows, .count = 2 };

bool cell_parameter(const char *key, char out[64])
{
	size_t n = strlen(key);

	if (!n || n >= 64)
		return false;
	for (size_t k = 0; k <= n; k++)
		out[k] = (char)(key[k] == '-' ? '_' : key[k] >= 'a' && key[k] <= 'z' ? key[k] - 'a' + 'A' : key[k]);
	return bind_is_variable(out);
}

bool cell_put_gpu(struct cell *c, const char *text)
{
	if (!gpu_spec_parse(text, c->gpu, sizeof(c->gpu), &c->gpu_count))
		return false;
	c->gpu_count = c->gpu_count ? c->gpu_count : 1;
	return true;
}

const struct node *cell_place(const struct node *map)
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
		if (cell_put_gpu(c, value->text))
			return true;
		parse_error(p, value, "'gpu' wants a model and a number like MI300X:8, not '%.64s'", value->text);
		return false;
	}
	if (!strcmp(key->key, "instances")) {
		int64_t n;

		if (!str_to_i64(value->text, 1, CELL_INSTANCES_MAX, &n)) {
			parse_error(p, value, "'instances' wants a number from 1 to %d, not '%.64s'", CELL_INSTANCES_MAX, value->text);
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
	if (!cell_parameter(key->key, name)) {
		parse_error_key(p, key, "'%.40s' cannot be a parameter of a recipe", key->key);
		return false;
	}
	json_put_str(c->params, name, value->text);
	return true;
}

bool cell_put_map(struct parse *p, struct cell *c, const struct node *map)
{
	bool ok = true;

	for (size_t k = 0; map && map->kind == NODE_MAP && k < map->count; k++)
		ok &= put_value(p, c, &map->child[k], &map->child[k]);
	return ok;
}

void cell_free(struct cell *c)
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

		if (cell_parameter(map->child[k].key, name) && json_object_get(like->params, name) &&
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

		if (cell_put_map(p, &like, &list->child[k])) {
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

		if (cell_put_map(p, &cell, &list->child[k]))
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
		char nothing; /* trees are read below */
		bool hit = false;

		bind_table(p, n, &override_options, NULL, &nothing);
		if (!when || when->kind != NODE_MAP || !with || with->kind != NODE_MAP)
			parse_error(p, n, "an override wants maps 'when' and 'with'");
		else if (cell_place(with))
			parse_error(p, with, "an override changes parameters of the recipe; where a cell runs is the matrix's");
		else if (cell_put_map(p, &like, when)) {
			for (size_t i = 0; i < c->cell_count; i++)
				if (cell_is(&c->cells[i], &like, when)) {
					cell_put_map(p, &c->cells[i], with);
					hit = true;
				}
			if (!hit)
				parse_error(p, when, "this override fits no cell of the matrix");
		}
		cell_free(&like);
	}
}

void cells_read(struct parse *p, const struct node *root, const struct cell *base, struct campaign_file *c)
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

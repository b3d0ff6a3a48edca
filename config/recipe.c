#include "config/recipe.h"
#include "config/private.h"
#include "base/str.h"

#include <ctype.h>

#define DEFAULT_SETUP_TIMEOUT "30m"
#define DEFAULT_RUN_TIMEOUT   "2h"

static const char *const type_names[] = { "text", "int", "number", "bool", "duration", "choice", NULL };
static const char *const judge_words[] = { "higher", "lower", "none", NULL };
static const char *const vendor_names[] = { "any", "amd", "nvidia", "cpu", NULL };

/* The values of recipe.yaml that are plain options. */
struct recipe_entry {
	struct recipe r;
	char vendor[16];
};

/* clang-format off */
#define ENTRY           ((struct recipe_entry *)0)
#define MEMBER(m)       .offset = offsetof(struct recipe_entry, m), .size = sizeof(ENTRY->m)
#define ARRAY(m, n)     .offset = offsetof(struct recipe_entry, m), .size = sizeof(ENTRY->m[0]), \
			.count_offset = offsetof(struct recipe_entry, n), .max = (int64_t)ARRAY_LEN(ENTRY->m)

static const struct option recipe_rows[] = {
	{ "name", OPTION_NAME, MEMBER(r.name) },
	{ "description", OPTION_TEXT, MEMBER(r.description) },
	{ "needs.gpu_memory_gb", OPTION_INT, MEMBER(r.needs.gpu_memory_gb), .min = 0, .max = 100000 },
	{ "needs.vendor", OPTION_CHOICE, MEMBER(vendor), .words = vendor_names, .fallback = "any" },
	{ "needs.disk_gb", OPTION_INT, MEMBER(r.needs.disk_gb), .min = 0, .max = 1000000 },
	{ "needs.docker", OPTION_BOOL, MEMBER(r.needs.docker) },
	{ "needs.instances", OPTION_INT, MEMBER(r.needs.instances), .min = 1, .max = 100 },
	{ .key = "parameters", .type = OPTION_TREE },
	{ "secrets", OPTION_LIST, ARRAY(r.secrets, r.secret_count) },
	{ "include", OPTION_LIST, ARRAY(r.include, r.include_count) },
	{ "model", OPTION_WORD, MEMBER(r.model) },
	{ "qualify", OPTION_BOOL, MEMBER(r.qualify) },
	{ "setup", OPTION_WORD, MEMBER(r.setup) },
	{ "setup_once", OPTION_BOOL, MEMBER(r.setup_once) },
	{ "run", OPTION_WORD, MEMBER(r.run) },
	{ "prepare", OPTION_WORD, MEMBER(r.prepare) },
	{ "serve", OPTION_WORD, MEMBER(r.serve) },
	{ "directory", OPTION_NAME, MEMBER(r.directory) },
	{ "timeouts.setup", OPTION_DURATION, MEMBER(r.setup_timeout), .min = SECOND, .max = 30 * DAY,
	  .fallback = DEFAULT_SETUP_TIMEOUT },
	{ "timeouts.run", OPTION_DURATION, MEMBER(r.run_timeout), .min = SECOND, .max = 30 * DAY,
	  .fallback = DEFAULT_RUN_TIMEOUT },
	{ "usual", OPTION_DURATION, MEMBER(r.usual), .min = SECOND, .max = 30 * DAY },
	{ "usual_memory_gb", OPTION_INT, MEMBER(r.usual_memory_gb), .min = 1, .max = 65536 },
	{ "reader", OPTION_NAME, MEMBER(r.reader) },
	{ .key = "judge", .type = OPTION_TREE },
};
static const struct option_table recipe_options = {
	.what = "a recipe", .rows = recipe_rows, .count = ARRAY_LEN(recipe_rows)
};

/* Below parameters.NAME; `default` and `values` are read by hand because their type is in `type`. */
struct param_entry {
	char type[16];
	char help[256];
};
static const struct option param_rows[] = {
	{ "type", OPTION_CHOICE, .offset = offsetof(struct param_entry, type),
	  .size = sizeof(((struct param_entry *)0)->type),
	  .words = type_names, .fallback = "text" },
	{ .key = "default", .type = OPTION_TREE },
	{ "help", OPTION_TEXT, .offset = offsetof(struct param_entry, help),
	  .size = sizeof(((struct param_entry *)0)->help) },
	{ .key = "values", .type = OPTION_TREE },
};
static const struct option_table param_options = {
	.what = "a parameter", .rows = param_rows, .count = ARRAY_LEN(param_rows)
};
/* clang-format on */

const char *recipe_type_name(enum recipe_type t)
{
	return type_names[t];
}

/* ---- values ---- */

static int want(struct err *e, const struct recipe_param *p, const char *what, const char *text)
{
	return err_set(e, ERR_USAGE, "parameter '%s' wants %s, not '%.80s'", p->name, what, text);
}

static int canonical_choice(const struct recipe_param *p, const char *text, char **out, struct err *e)
{
	struct buf list = BUF(16 * 1024);

	for (size_t i = 0; i < p->value_count; i++) {
		if (!strcmp(p->values[i], text)) {
			*out = xstrdup(text);
			buf_free(&list);
			return 0;
		}
		buf_printf(&list, "%s%s", i ? ", " : "", p->values[i]);
	}
	err_set(
	    e, ERR_USAGE, "parameter '%s' wants one of %.200s, not '%.80s'", p->name, buf_str(&list), text);
	buf_free(&list);
	return -1;
}

/* Check `text` against the parameter's type and write it in one form: integers without signs of style,
 * true or false. */
static int canonical(const struct recipe_param *p, const char *text, char **out, struct err *e)
{
	int64_t n;
	double d;

	if (strlen(text) > RECIPE_VALUE_MAX)
		return err_set(
		    e, ERR_USAGE, "parameter '%s' has more than %d bytes", p->name, RECIPE_VALUE_MAX);
	if (!str_is_utf8(text, strlen(text)))
		return err_set(e, ERR_USAGE, "parameter '%s' is not valid UTF-8", p->name);
	switch (p->type) {
	case RECIPE_INT:
		if (!str_to_i64(text, INT64_MIN, INT64_MAX, &n))
			return want(e, p, "a whole number", text);
		*out = xasprintf("%lld", (long long)n);
		break;
	case RECIPE_NUMBER:
		if (!str_to_double(text, &d))
			return want(e, p, "a number", text);
		*out = xstrdup(text);
		break;
	case RECIPE_BOOL:
		if (!str_ieq(text, "true") && !str_ieq(text, "false") && strcmp(text, "1") &&
		    strcmp(text, "0"))
			return want(e, p, "true or false", text);
		*out = xstrdup(str_ieq(text, "true") || *text == '1' ? "true" : "false");
		break;
	case RECIPE_DURATION:
		if (!str_to_duration(text, &n))
			return want(e, p, "a duration like 90s, 15m or 4h", text);
		*out = xasprintf("%lld", (long long)(n / SECOND));
		break;
	case RECIPE_TEXT:
	case RECIPE_CHOICE: *out = xstrdup(text); break;
	}
	return 0;
}

static int check_value(const struct recipe_param *p, const char *text, char **out, struct err *e)
{
	char *value, *chosen;
	int rc;

	if (canonical(p, text, &value, e) < 0)
		return -1;
	if (!p->value_count) {
		*out = value;
		return 0;
	}
	rc = canonical_choice(p, value, &chosen, e);
	free(value);
	if (rc == 0)
		*out = chosen;
	return rc;
}

/* ---- reading ---- */

/* Names that a script's environment needs for itself. */
static bool is_taken(const char *name)
{
	static const char *const taken[] = { "PATH", "HOME", "USER", "SHELL", "IFS", "ENV", "PWD", "TMPDIR",
		"LANG", NULL };

	for (size_t i = 0; taken[i]; i++)
		if (!strcmp(taken[i], name))
			return true;
	return str_starts(name, "GPUFLEET_") || str_starts(name, "LD_");
}

static void read_values(struct parse *p, const struct node *n, struct recipe_param *param)
{
	struct err e = { 0 };

	if (!n || !bind_wants_list(p, n) || n->kind != NODE_LIST)
		return;
	if (n->count > RECIPE_VALUES_MAX) {
		parse_error_key(p, n, "more than %d values", RECIPE_VALUES_MAX);
		return;
	}
	for (size_t i = 0; i < n->count; i++) {
		char *value;

		if (n->child[i].kind != NODE_TEXT) {
			parse_error(p, &n->child[i], "'values' wants a list of words");
		} else if (canonical(param, n->child[i].text, &value, &e) < 0) {
			parse_error(p, &n->child[i], "%s", e.msg);
		} else {
			param->values =
			    xreallocarray(param->values, param->value_count + 1, sizeof(*param->values));
			param->values[param->value_count++] = value;
		}
	}
}

static void read_default(struct parse *p, const struct node *n, struct recipe_param *param)
{
	struct err e = { 0 };

	if (!n || node_empty(n))
		return;
	if (n->kind != NODE_TEXT)
		parse_error(p, n, "'default' wants one value");
	else if (check_value(param, n->text, &param->fallback, &e) < 0)
		parse_error(p, n, "%s", e.msg);
}

static enum recipe_type type_from_name(const char *name)
{
	for (size_t i = 0; type_names[i]; i++)
		if (!strcmp(type_names[i], name))
			return (enum recipe_type)i;
	return RECIPE_TEXT;
}

static void read_param(struct parse *p, const struct node *n, struct recipe *r)
{
	struct param_entry entry = { 0 };
	struct recipe_param *param;

	if (strlen(n->key) >= sizeof(param->name) || !bind_is_variable(n->key)) {
		parse_error_key(p, n, "a parameter is called like a variable: capital letters, digits and _");
		return;
	}
	if (is_taken(n->key)) {
		parse_error_key(
		    p, n, "'%s' cannot be a parameter, a script needs this variable for itself", n->key);
		return;
	}
	option_defaults(&param_options, &entry);
	bind_table(p, n, &param_options, NULL, &entry);
	r->params = xreallocarray(r->params, r->param_count + 1, sizeof(*r->params));
	param = &r->params[r->param_count++];
	memset(param, 0, sizeof(*param));
	str_copy(param->name, n->key);
	param->type = type_from_name(entry.type);
	param->help = xstrdup(entry.help);
	read_values(p, node_get(n, "values"), param);
	if (param->type == RECIPE_CHOICE && !param->value_count && !node_get(n, "values"))
		parse_error_key(p, n, "parameter '%s' is a choice and has no 'values'", param->name);
	read_default(p, node_get(n, "default"), param);
}

/* judge: { perplexity: lower } */
static void read_judge(struct parse *p, const struct node *n, struct recipe *r)
{
	if (!n || !bind_wants_map(p, n) || n->kind != NODE_MAP)
		return;
	if (n->count > RECIPE_JUDGE_MAX) {
		parse_error_key(p, n, "more than %d figures to judge", RECIPE_JUDGE_MAX);
		return;
	}
	for (size_t i = 0; i < n->count; i++) {
		const struct node *one = &n->child[i];
		size_t w = 0;

		while (one->kind == NODE_TEXT && judge_words[w] && strcmp(judge_words[w], one->text) != 0)
			w++;
		if (one->kind != NODE_TEXT || !judge_words[w])
			parse_error(p, one, "'judge' wants higher, lower or none for '%.60s'", one->key);
		else if (!str_copy(r->judge[r->judge_count].metric, one->key) || !*one->key)
			parse_error_key(p, one, "'%.60s…' is too long for the name of a figure", one->key);
		else
			str_copy(r->judge[r->judge_count++].better, judge_words[w]);
	}
}

/* A script must be a path inside the payload. */
static void check_script(struct parse *p, const struct node *root, const char *key, const char *path)
{
	if (*path &&
	    (*path == '/' || str_starts(path, "../") || strstr(path, "/../") || !strcmp(path, "..") ||
		(strlen(path) > 2 && !strcmp(path + strlen(path) - 3, "/.."))))
		parse_error(p, node_get(root, key),
		    "'%s' wants a file of the recipe's own directory, not '%s'", key, path);
}

static void check_whole(
    struct parse *p, const struct node *root, const struct recipe *r, const char *const *readers)
{
	const char *near;
	bool known = !*r->reader || !readers;

	if (!node_get(root, "name"))
		parse_error(p, root, "the recipe has no 'name'");
	if (!node_get(root, "run"))
		parse_error(p, root, "the recipe has no 'run' (the script that does the work)");
	check_script(p, root, "setup", r->setup);
	check_script(p, root, "prepare", r->prepare);
	check_script(p, root, "serve", r->serve);
	check_script(p, root, "run", r->run);
	for (int i = 0; i < r->secret_count; i++)
		if (!bind_is_variable(r->secrets[i]))
			parse_error(p, node_get(root, "secrets"),
			    "secret '%s' is not called like a variable: capital letters, digits "
			    "and _",
			    r->secrets[i]);
	for (size_t i = 0; !known && readers[i]; i++)
		known = !strcmp(readers[i], r->reader);
	if (known)
		return;
	near = str_nearest(r->reader, readers);
	if (near)
		parse_error(
		    p, node_get(root, "reader"), "unknown reader '%s' (did you mean '%s'?)", r->reader, near);
	else
		parse_error(p, node_get(root, "reader"), "unknown reader '%s'", r->reader);
}

static void read_whole(struct parse *p, const struct node *root, struct recipe *r, const char *const *readers)
{
	const struct node *params = node_get(root, "parameters");
	struct recipe_entry entry = { 0 };

	option_defaults(&recipe_options, &entry);
	bind_table(p, root, &recipe_options, NULL, &entry);
	*r = entry.r;
	if (!strcmp(entry.vendor, "amd"))
		r->needs.vendor = GPU_VENDOR_AMD;
	if (!strcmp(entry.vendor, "nvidia"))
		r->needs.vendor = GPU_VENDOR_NVIDIA;
	if (!strcmp(entry.vendor, "cpu"))
		r->needs.vendor = GPU_VENDOR_CPU;
	if (root->kind != NODE_MAP)
		return;
	check_whole(p, root, r, readers);
	read_judge(p, node_get(root, "judge"), r);
	if (!params || !bind_wants_map(p, params))
		return;
	if (params->count > RECIPE_PARAMS_MAX)
		parse_error_key(p, params, "more than %d parameters", RECIPE_PARAMS_MAX);
	for (size_t i = 0; i < params->count && i < RECIPE_PARAMS_MAX; i++)
		read_param(p, &params->child[i], r);
	for (size_t i = 0; *r->model && i <= r->param_count; i++)
		if (i == r->param_count)
			parse_error(p, node_get(root, "model"), "'model' wants the name of a parameter, not '%s'", r->model);
		else if (!strcmp(r->params[i].name, r->model))
			break;
}

int recipe_read(struct recipe *r, const char *file, const char *text, size_t n, const char *const *readers,
    struct buf *report, struct err *e)
{
	struct parse *p = parse_text(file, text, n);
	const struct node *root = parse_root(p);
	int rc;

	memset(r, 0, sizeof(*r));
	if (root)
		read_whole(p, root, r, readers);
	else if (!parse_error_count(p))
		parse_error(p, NULL, "the recipe is empty");
	rc = parse_failed(p, e);
	if (rc < 0) {
		if (report)
			buf_puts(report, parse_report(p));
		recipe_free(r);
	}
	parse_free(p);
	return rc;
}

void recipe_free(struct recipe *r)
{
	for (size_t i = 0; i < r->param_count; i++) {
		for (size_t j = 0; j < r->params[i].value_count; j++)
			free(r->params[i].values[j]);
		free(r->params[i].values);
		free(r->params[i].fallback);
		free(r->params[i].help);
	}
	free(r->params);
	memset(r, 0, sizeof(*r));
}

/* ---- binding ---- */

static bool same_name(const char *param, const char *typed)
{
	for (; *param && *typed; param++, typed++)
		if (*param != (*typed == '-' ? '_' : toupper((unsigned char)*typed)))
			return false;
	return !*param && !*typed;
}

static int unknown_param(const struct recipe *r, const char *name, struct err *e)
{
	const char *words[RECIPE_PARAMS_MAX + 1] = { NULL }, *near;

	for (size_t i = 0; i < r->param_count; i++)
		words[i] = r->params[i].name;
	near = str_nearest(name, words);
	if (near)
		return err_set(e, ERR_USAGE, "recipe '%s' has no parameter '%.64s' (did you mean '%s'?)",
		    r->name, name, near);
	return err_set(e, ERR_USAGE, "recipe '%s' has no parameter '%.64s'", r->name, name);
}

/* A JSON value as the text a person would have typed; NULL: an object, a list or null. Caller frees. */
static char *json_as_text(const json_t *v)
{
	if (json_is_string(v))
		return strlen(json_string_value(v)) == json_string_length(v) ? xstrdup(json_string_value(v))
									     : NULL;
	if (json_is_boolean(v))
		return xstrdup(json_is_true(v) ? "true" : "false");
	if (json_is_integer(v))
		return xasprintf("%lld", (long long)json_integer_value(v));
	return json_is_real(v) ? xasprintf("%.17g", json_real_value(v)) : NULL;
}

static int bind_one(const struct recipe_param *p, const json_t *given, json_t *out, struct err *e)
{
	char *text, *value;
	int rc;

	if (!given && !p->fallback)
		return err_set(e, ERR_USAGE, "parameter '%s' has no default and must be set: --set %s=…%s%s",
		    p->name, p->name, *p->help ? ", " : "", p->help);
	if (!given) {
		json_put_str(out, p->name, p->fallback);
		return 0;
	}
	text = json_as_text(given);
	if (!text)
		return err_set(e, ERR_USAGE, "parameter '%s' wants one value", p->name);
	rc = check_value(p, text, &value, e);
	free(text);
	if (rc < 0)
		return -1;
	json_put_str(out, p->name, value);
	free(value);
	return 0;
}

static int match_names(const struct recipe *r, const json_t *set, const json_t **given, struct err *e)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)set, name, value) {
		size_t i = 0;

		while (i < r->param_count && !same_name(r->params[i].name, name))
			i++;
		if (i == r->param_count)
			return unknown_param(r, name, e);
		if (given[i])
			return err_set(e, ERR_USAGE, "parameter '%s' is set twice", r->params[i].name);
		given[i] = value;
	}
	return 0;
}

int recipe_bind_params(const struct recipe *r, const json_t *set, json_t **out, struct err *e)
{
	const json_t *given[RECIPE_PARAMS_MAX] = { NULL };
	json_t *bound;

	if (set && !json_is_object(set))
		return err_set(e, ERR_USAGE, "parameters want names and values");
	if (match_names(r, set, given, e) < 0)
		return -1;
	bound = json_object();
	for (size_t i = 0; i < r->param_count; i++)
		if (bind_one(&r->params[i], given[i], bound, e) < 0) {
			json_decref(bound);
			return -1;
		}
	*out = bound;
	return 0;
}

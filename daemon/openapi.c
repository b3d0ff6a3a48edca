#include "openapi.h"
#include "base/embed.h"
#include "base/str.h"
#include "config/parse.h"

#define SOURCES   "daemon/api/"
#define SCHEMAS   "#/components/schemas/"
#define PARAMETER "#/components/parameters/"
#define PROBLEM   "#/components/responses/problem"

/* ---- values ---- */

static json_t *scalar(const struct node *n)
{
	int64_t i;
	double x;

	if (n->quoted)
		return json_string(n->text);
	if (!strcmp(n->text, "true") || !strcmp(n->text, "false"))
		return json_boolean(*n->text == 't');
	if (node_empty(n))
		return json_null();
	if (str_to_i64(n->text, INT64_MIN, INT64_MAX, &i))
		return json_integer(i);
	return str_to_double(n->text, &x) ? json_real(x) : json_string(n->text);
}

static json_t *plain(const struct node *n)
{
	json_t *out;

	if (n->kind == NODE_TEXT)
		return scalar(n);
	out = n->kind == NODE_MAP ? json_object() : json_array();
	for (size_t k = 0; k < n->count; k++)
		if (n->kind == NODE_MAP)
			json_put(out, n->child[k].key, plain(&n->child[k]));
		else
			json_array_append_new(out, plain(&n->child[k]));
	return out;
}

static json_t *ref(const char *to, const char *name)
{
	char *target = xasprintf("%s%s", to, name);
	json_t *o = json_object();

	json_put_str(o, "$ref", target);
	free(target);
	return o;
}

/* ---- schemas ---- */

static json_t *or_null(json_t *schema)
{
	const char *type = json_str(schema, "type", NULL);

	if (!type)
		return json_pack("{s:[o, {s:s}]}", "anyOf", schema, "type", "null");
	json_object_set_new(schema, "type", json_pack("[s, s]", type, "null"));
	return schema;
}

/* "Fleet[]" and such, in place. */
static json_t *type_word(char *word)
{
	size_t n = strlen(word);

	if (n > 2 && !strcmp(word + n - 2, "[]")) {
		word[n - 2] = '\0';
		return json_pack("{s:s, s:o}", "type", "array", "items", type_word(word));
	}
	if (n > 1 && word[n - 1] == '?') {
		word[n - 1] = '\0';
		return or_null(type_word(word));
	}
	return *word >= 'A' && *word <= 'Z' ? ref(SCHEMAS, word) : json_pack("{s:s}", "type", word);
}

static json_t *words(const char *text)
{
	char *copy = xstrdup(text), *more = strchr(copy, ',');
	json_t *o;

	if (more)
		*more++ = '\0';
	o = type_word(copy);
	if (more)
		json_put_str(o, "description", more + strspn(more, " "));
	free(copy);
	return o;
}

static json_t *schema(const struct node *n);

/* The name of a property; *required: it has no "?" at its end. Freed by the caller. */
static char *property_name(const char *key, bool *required)
{
	size_t n = strlen(key);

	*required = key[n - 1] != '?';
	return xstrndup(key, *required ? n : n - 1);
}

/* `description` of a status is not one of the properties of what it answers with. */
static json_t *object_of(const struct node *properties, const char *except)
{
	json_t *all = json_object(), *needed = json_array(), *o = json_pack("{s:s, s:o}", "type", "object", "properties", all);

	for (size_t k = 0; k < properties->count; k++) {
		const struct node *p = &properties->child[k];
		bool required;
		char *name;

		if (except && !strcmp(p->key, except))
			continue;
		name = property_name(p->key, &required);
		if (required)
			json_array_append_new(needed, json_string(name));
		json_put(all, name, schema(p));
		free(name);
	}
	if (json_array_size(needed))
		json_put(o, "required", needed);
	else
		json_decref(needed);
	return o;
}

static json_t *schemas(const struct node *list)
{
	json_t *out = json_array();

	for (size_t k = 0; k < list->count; k++)
		json_array_append_new(out, schema(&list->child[k]));
	return out;
}

static json_t *schema(const struct node *n)
{
	static const char *const lists[] = { "allOf", "anyOf", "oneOf" };
	json_t *o;

	if (n->kind != NODE_MAP)
		return n->kind == NODE_TEXT ? words(n->text) : plain(n);
	o = json_object();
	for (size_t k = 0; k < n->count; k++) {
		const struct node *v = &n->child[k];
		bool several = false;

		for (size_t i = 0; i < ARRAY_LEN(lists); i++)
			several |= !strcmp(lists[i], v->key);
		if (!strcmp(v->key, "properties")) {
			json_t *object = object_of(v, NULL);

			json_object_update(o, object);
			json_decref(object);
		} else if (several) {
			json_put(o, v->key, schemas(v));
		} else if (!strcmp(v->key, "items") || !strcmp(v->key, "additionalProperties")) {
			json_put(o, v->key, schema(v));
		} else {
			json_put(o, v->key, plain(v));
		}
	}
	return o;
}

/* ---- operations ---- */

static json_t *parameter(const char *name, const char *in, bool required, const struct node *n)
{
	json_t *s = schema(n), *o = json_object();
	json_t *words = json_incref(json_object_get(s, "description"));

	json_object_del(s, "description");
	json_put_str(o, "name", name);
	json_put_str(o, "in", in);
	json_put_bool(o, "required", required);
	if (words)
		json_put(o, "description", words);
	json_put(o, "schema", s);
	return o;
}

static void put_parameters(json_t *operation, const char *method, const char *path, const struct node *query)
{
	json_t *list = json_array();
	const char *open = path;

	while ((open = strchr(open, '{'))) {
		char *name = xstrndup(open + 1, strcspn(open + 1, "}"));

		json_array_append_new(list, ref(PARAMETER, name));
		free(name);
		open++;
	}
	for (size_t k = 0; query && k < query->count; k++) {
		bool required;
		char *name = property_name(query->child[k].key, &required);

		json_array_append_new(list, parameter(name, "query", required, &query->child[k]));
		free(name);
	}
	if (!strcmp(method, "post"))
		json_array_append_new(list, ref(PARAMETER, "idempotency_key"));
	json_put(operation, "parameters", list);
}

static json_t *body(const struct node *n)
{
	json_t *s = schema(n);
	/* One that is all optional may be left out altogether. */
	bool required = json_object_get(s, "required") || !json_object_get(s, "properties");

	return json_pack("{s:b, s:{s:{s:o}}}", "required", required, "content", "application/json", "schema", s);
}

static bool has_media(const struct node *n)
{
	for (size_t k = 0; n->kind == NODE_MAP && k < n->count; k++)
		if (strchr(n->child[k].key, '/'))
			return true;
	return false;
}

static json_t *response(const struct node *n)
{
	static const struct {
		const char *status, *words;
	} usual[] = { { "200", "What was asked for." }, { "201", "It is made, and on the disk." }, { "202", "It is on the disk, and is being done." } };
	const struct node *said = node_get(n, "description");
	json_t *o = json_object(), *content = json_object();

	if (said)
		json_put_str(o, "description", said->text);
	for (size_t k = 0; !said && k < ARRAY_LEN(usual); k++)
		if (!strcmp(usual[k].status, n->key))
			json_put_str(o, "description", usual[k].words);
	if (!has_media(n))
		json_put(content, "application/json", json_pack("{s:o}", "schema", n->kind == NODE_MAP ? object_of(n, "description") : schema(n)));
	for (size_t k = 0; has_media(n) && k < n->count; k++)
		if (&n->child[k] != said)
			json_put(content, n->child[k].key, json_pack("{s:o}", "schema", schema(&n->child[k])));
	json_put(o, "content", content);
	return o;
}

static json_t *operation(const struct node *n, const char *path, const struct node *tag)
{
	json_t *o = json_object(), *responses = json_object();

	if (tag)
		json_put(o, "tags", json_pack("[s]", tag->text));
	put_parameters(o, n->key, path, node_get(n, "query"));
	for (size_t k = 0; k < n->count; k++) {
		const struct node *v = &n->child[k];

		if (!strcmp(v->key, "role"))
			json_put_str(o, "x-gpufleet-role", v->text);
		else if (!strcmp(v->key, "body"))
			json_put(o, "requestBody", body(v));
		else if (*v->key >= '1' && *v->key <= '5')
			json_put(responses, v->key, response(v));
		else if (strcmp(v->key, "query") != 0)
			json_put(o, v->key, plain(v));
	}
	json_put(responses, "default", ref(PROBLEM, ""));
	json_put(o, "responses", responses);
	return o;
}

/* ---- files ---- */

static void add_paths(json_t *paths, const struct node *root)
{
	const struct node *all = node_get(root, "paths");

	for (size_t k = 0; all && k < all->count; k++) {
		const struct node *path = &all->child[k];
		json_t *item = json_object();

		for (size_t m = 0; m < path->count; m++)
			json_put(item, path->child[m].key, operation(&path->child[m], path->key, node_get(root, "tag")));
		json_put(paths, path->key, item);
	}
}

static void add_schemas(json_t *out, const struct node *all)
{
	for (size_t k = 0; all && k < all->count; k++)
		json_put(out, all->child[k].key, schema(&all->child[k]));
}

/* `parameters` of the head: those of paths by their names, and whole ones. */
static void add_parameters(json_t *out, const struct node *all)
{
	for (size_t k = 0; all && k < all->count; k++) {
		const struct node *p = &all->child[k];

		json_put(out, p->key, node_get(p, "in") ? plain(p) : parameter(p->key, "path", true, p));
	}
}

static void add_head(json_t *doc, json_t *components, const struct node *root, const char *version)
{
	static const char *const as_it_is[] = { "openapi", "info", "servers", "security" }, *const shared[] = { "responses", "securitySchemes" };

	for (size_t k = 0; k < ARRAY_LEN(as_it_is); k++)
		if (node_get(root, as_it_is[k]))
			json_put(doc, as_it_is[k], plain(node_get(root, as_it_is[k])));
	if (json_object_get(doc, "info"))
		json_put_str(json_object_get(doc, "info"), "version", version);
	add_parameters(json_object_get(components, "parameters"), node_get(root, "parameters"));
	for (size_t k = 0; k < ARRAY_LEN(shared); k++)
		if (node_get(root, shared[k]))
			json_put(components, shared[k], plain(node_get(root, shared[k])));
}

static void add_file(json_t *doc, json_t *components, const struct node *root)
{
	const struct node *tag = node_get(root, "tag"), *said = node_get(root, "description");

	if (tag && said)
		json_array_append_new(json_object_get(doc, "tags"), json_pack("{s:s, s:s}", "name", tag->text, "description", said->text));
	add_paths(json_object_get(doc, "paths"), root);
	add_schemas(json_object_get(components, "schemas"), node_get(root, "schemas"));
}

json_t *openapi_document(const char *version, struct err *e)
{
	json_t *components = json_pack("{s:{}, s:{}, s:{}}", "parameters", "responses", "schemas");
	json_t *doc = json_object(), *out = json_object();
	int failed = 0;

	json_put(doc, "tags", json_array());
	json_put(doc, "paths", json_object());
	json_put(doc, "components", components);
	for (const struct embedded *f = NULL; failed == 0 && (f = embed_next(SOURCES, f));) {
		struct parse *p = parse_text(f->name, f->data, f->size);

		failed = parse_failed(p, e);
		if (failed == 0 && node_get(parse_root(p), "openapi"))
			add_head(out, components, parse_root(p), version);
		if (failed == 0)
			add_file(doc, components, parse_root(p));
		parse_free(p);
	}
	json_object_update(out, doc);
	json_decref(doc);
	if (failed == 0)
		return out;
	json_decref(out);
	return NULL;
}

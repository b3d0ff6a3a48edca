/*
 * What the API's OpenAPI document (daemon/openapi.h) says of routes and of the keys of bodies, a line each, for tests/lint/openapi.sh.
 *
 *	print-openapi routes       as in daemon/api_routes.c, with one star for what is in braces: GET /v1/fleets ROLE_VIEWER
 *	print-openapi bodies       the keys of each body, in the order of the alphabet
 *	print-openapi queries      the names of what may stand behind a path
 *	print-openapi index        the table in daemon/api.md
 *	print-openapi              the document
 */
#include "openapi.h"
#include "base/str.h"

#include <ctype.h>

static const json_t *resolve(const json_t *doc, const json_t *schema)
{
	const char *ref = json_str(schema, "$ref", NULL), *name = ref ? strrchr(ref, '/') : NULL;

	return name ? json_object_get(json_path(doc, "components.schemas"), name + 1) : schema;
}

static void add_keys(const json_t *doc, const json_t *schema, json_t *keys)
{
	const json_t *part;
	const char *key;
	json_t *v;
	size_t k;

	schema = resolve(doc, schema);
	json_object_foreach(json_object_get(schema, "properties"), key, v)
		json_object_set_new(keys, key, json_true());
	json_array_foreach(json_object_get(schema, "allOf"), k, part)
		add_keys(doc, part, keys);
}

static int by_name(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static void print_body(const json_t *doc, const json_t *operation)
{
	const json_t *content = json_path(operation, "requestBody.content"), *media = json_object_get(content, "application/json");
	json_t *keys = json_object(), *v;
	const char *names[100] = { NULL }, *key;
	size_t n = 0;

	add_keys(doc, json_object_get(media, "schema"), keys);
	json_object_foreach(keys, key, v)
		if (n < ARRAY_LEN(names))
			names[n++] = key;
	qsort(names, n, sizeof(*names), by_name);
	for (size_t k = 0; k < n; k++)
		printf("%s%s", k ? " " : "", names[k]);
	if (n)
		putchar('\n');
	json_decref(keys);
}

static void print_route(const char *method, const char *path, const json_t *operation)
{
	for (const char *s = method; *s; s++)
		putchar(toupper((unsigned char)*s));
	putchar(' ');
	for (const char *s = path; *s; s++)
		if (*s == '{')
			putchar('*'), s += strcspn(s, "}");
		else
			putchar(*s);
	printf(" ROLE_");
	for (const char *s = json_str(operation, "x-gpufleet-role", "?"); *s; s++)
		putchar(toupper((unsigned char)*s));
	putchar('\n');
}

static void print_queries(const json_t *operation)
{
	const json_t *p;
	size_t k;

	json_array_foreach(json_object_get(operation, "parameters"), k, p)
		if (!strcmp(json_str(p, "in", ""), "query"))
			puts(json_str(p, "name", ""));
}

/* "GET /v1/offers?gpu&count", with what may be asked for behind the path. */
static void print_row(const char *method, const char *path, const json_t *operation)
{
	const json_t *p;
	char between = '?';
	size_t k;

	printf("| `");
	for (const char *s = method; *s; s++)
		putchar(toupper((unsigned char)*s));
	printf(" %s", path);
	json_array_foreach(json_object_get(operation, "parameters"), k, p)
		if (!strcmp(json_str(p, "in", ""), "query")) {
			printf("%c%s", between, json_str(p, "name", ""));
			between = '&';
		}
	printf("` | %s | %s |\n", json_str(operation, "x-gpufleet-role", ""), json_str(operation, "summary", ""));
}

static void print_section(const json_t *doc, const json_t *tag)
{
	const char *path, *method;
	json_t *item, *operation;

	printf("\n**%s**: %s\n\n| route | role | |\n| --- | --- | --- |\n", json_str(tag, "name", ""), json_str(tag, "description", ""));
	json_object_foreach(json_object_get(doc, "paths"), path, item)
		json_object_foreach(item, method, operation)
			if (!strcmp(json_str(operation, "tags.0", ""), json_str(tag, "name", "")))
				print_row(method, path, operation);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *path, *method;
	json_t *doc, *item, *operation, *tag;
	struct err e;
	size_t k;

	json_init();
	doc = openapi_document("lint", &e);
	if (!doc) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	if (!*what) {
		char *text = json_text(doc);

		puts(text);
		free(text);
	}
	json_object_foreach(json_object_get(doc, "paths"), path, item)
		json_object_foreach(item, method, operation)
			if (!strcmp(what, "routes"))
				print_route(method, path, operation);
			else if (!strcmp(what, "bodies"))
				print_body(doc, operation);
			else if (!strcmp(what, "queries"))
				print_queries(operation);
	json_array_foreach(json_object_get(doc, "tags"), k, tag)
		if (!strcmp(what, "index"))
			print_section(doc, tag);
	json_decref(doc);
	return 0;
}

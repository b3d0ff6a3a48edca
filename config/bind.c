#include "config/private.h"
#include "base/str.h"

#include <ctype.h>

#define WORDS_MAX 64

struct binding {
	struct parse *p;
	const struct option_table *t;
	const char *provider;
	void *target;
};

static const char *kind_words(const struct node *n)
{
	return n->kind == NODE_MAP ? "a map" : n->kind == NODE_LIST ? "a list" : n->text;
}

bool bind_wants_map(struct parse *p, const struct node *n)
{
	if (!n || n->kind == NODE_MAP || node_empty(n))
		return true;
	parse_error(p, n, "'%.64s' wants a map of keys and values, not '%.64s'",
	    n->key ? n->key : "this document", kind_words(n));
	return false;
}

bool bind_wants_list(struct parse *p, const struct node *n)
{
	if (!n || n->kind == NODE_LIST || node_empty(n))
		return true;
	parse_error(p, n, "'%.64s' wants a list, not '%.64s'", n->key, kind_words(n));
	return false;
}

/* The part of a row's key at the level `prefix` ("poll."): its length, 0 when the row is elsewhere. */
static size_t word_at(const struct option *o, const char *prefix, const char **word)
{
	if (!str_starts(o->key, prefix))
		return 0;
	*word = o->key + strlen(prefix);
	return strcspn(*word, ".");
}

static void unknown_key(const struct binding *b, const struct node *n, const char *prefix)
{
	static const char *const secretive[] = { "token", "secret", "password", "key", NULL };
	const char *words[WORDS_MAX + 1] = { NULL }, *near, *word;
	size_t count = 0, len;

	for (size_t i = 0; i < b->t->count && count < WORDS_MAX; i++) {
		len = word_at(&b->t->rows[i], prefix, &word);
		if (len && (!b->provider || option_allowed(&b->t->rows[i], b->provider)))
			words[count++] = xstrndup(word, len);
	}
	/* Somebody may have written the secret itself: it must not reach a log through a quoted line. */
	for (size_t i = 0; secretive[i]; i++)
		if (str_icontains(n->key, secretive[i]))
			parse_hide_source(b->p);
	near = b->provider && !strcmp(n->key, "token") ? "token_file" : str_nearest(n->key, words);
	if (near)
		parse_error_key(b->p, n, "unknown key '%.64s' (did you mean '%s'?)", n->key, near);
	else
		parse_error_key(b->p, n, "unknown key '%.64s' in %s%s%.*s", n->key, b->t->what,
		    *prefix ? ", " : "", (int)(*prefix ? strlen(prefix) - 1 : 0), prefix);
	for (size_t i = 0; i < count; i++)
		free((char *)(uintptr_t)words[i]);
}

static void bind_list(const struct binding *b, const struct option *o, const struct node *n)
{
	struct err e = { 0 };

	for (size_t i = 0; i < n->count; i++) {
		const struct node *item = &n->child[i];

		if (item->kind != NODE_TEXT)
			parse_error(b->p, item, "'%s' wants a list of words, and this is %s", o->key,
			    kind_words(item));
		else if (option_append(o, b->target, item->text, &e) < 0)
			parse_error(b->p, item, "%s", e.msg);
	}
}

static void bind_value(const struct binding *b, const struct option *o, const struct node *n)
{
	struct err e = { 0 };

	if (b->provider && !option_allowed(o, b->provider))
		parse_error_key(b->p, n, "'%s' is an option of %s accounts, and this one is %s", o->key,
		    o->only, b->provider);
	else if (o->type == OPTION_TREE)
		return;
	else if (o->type == OPTION_LIST && n->kind == NODE_LIST)
		bind_list(b, o, n);
	else if (n->kind != NODE_TEXT)
		parse_error(b->p, n, "'%s' wants one value (%s), not %s", o->key, option_type_words(o->type),
		    kind_words(n));
	else if (node_empty(n))
		parse_error_key(b->p, n, "'%s' has no value", o->key);
	else if (option_set(o, b->target, n->text, &e) < 0)
		parse_error(b->p, n, "%s", e.msg);
}

static void bind_level(const struct binding *b, const struct node *map, const char *prefix)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct node *n = &map->child[i];
		char *key = xasprintf("%s%s", prefix, n->key), *inner = xasprintf("%s.", key);
		const struct option *o = option_find(b->t, key);
		bool section = false;

		for (size_t j = 0; j < b->t->count && !o; j++)
			section |= str_starts(b->t->rows[j].key, inner);
		if (strchr(n->key, '.'))
			unknown_key(b, n, prefix);
		else if (o)
			bind_value(b, o, n);
		else if (!section)
			unknown_key(b, n, prefix);
		else if (bind_wants_map(b->p, n) && n->kind == NODE_MAP)
			bind_level(b, n, inner);
		free(inner);
		free(key);
	}
}

void bind_table(
    struct parse *p, const struct node *map, const struct option_table *t, const char *provider, void *target)
{
	struct binding b = { .p = p, .t = t, .provider = provider, .target = target };

	if (bind_wants_map(p, map) && map && map->kind == NODE_MAP)
		bind_level(&b, map, "");
}

bool bind_is_variable(const char *s)
{
	if (!isupper((unsigned char)*s) && *s != '_')
		return false;
	for (; *s; s++)
		if (!isupper((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '_')
			return false;
	return true;
}

#include "config/preset.h"
#include "base/embed.h"
#include "base/str.h"
#include "config/private.h"

#define LIST_MAX    16
#define PRESETS_MAX 64

struct preset_entry {
	char name[64], description[256], recipe[64], gpu[GPU_MAX + 8], region[REGION_MAX], image[256];
	char providers[LIST_MAX][ACCOUNT_MAX], secrets[LIST_MAX][64];
	int provider_count, secret_count, disk_gb;
	duration lifetime;
	money max_price;
};

/* clang-format off */
#define ENTRY       ((struct preset_entry *)0)
#define MEMBER(m)   .offset = offsetof(struct preset_entry, m), .size = sizeof(ENTRY->m)
#define LIST(m, n)  .offset = offsetof(struct preset_entry, m), .size = sizeof(ENTRY->m[0]), \
		    .count_offset = offsetof(struct preset_entry, n), .max = LIST_MAX

static const struct option preset_rows[] = {
	{ "preset", OPTION_NAME, MEMBER(name) },
	{ "description", OPTION_TEXT, MEMBER(description) },
	{ "recipe", OPTION_NAME, MEMBER(recipe) },
	{ "gpu", OPTION_WORD, MEMBER(gpu) },
	{ "providers", OPTION_LIST, LIST(providers, provider_count) },
	{ "region", OPTION_WORD, MEMBER(region) },
	{ "image", OPTION_WORD, MEMBER(image) },
	{ "disk", OPTION_INT, MEMBER(disk_gb), .min = 1, .max = 100000 },
	{ "for", OPTION_DURATION, MEMBER(lifetime), .min = MINUTE, .max = 365 * DAY },
	{ "max_price", OPTION_MONEY, MEMBER(max_price) },
	{ "secrets", OPTION_LIST, LIST(secrets, secret_count) },
	{ .key = "with", .type = OPTION_TREE },
};
/* clang-format on */
static const struct option_table preset_options = { .what = "a preset", .rows = preset_rows, .count = ARRAY_LEN(preset_rows) };

/* ---- what it stands for ---- */

/* Takes the value. */
static void add(struct preset *p, const char *option, char *value)
{
	p->options = xreallocarray(p->options, p->count + 1, sizeof(*p->options));
	p->options[p->count++] = (struct preset_option){ option, value };
}

static void add_text(struct preset *p, const char *option, const char *value)
{
	if (*value)
		add(p, option, xstrdup(value));
}

static void add_parameters(struct preset *out, struct parse *p, const struct node *with)
{
	if (!with || !bind_wants_map(p, with))
		return;
	for (size_t k = 0; k < with->count; k++) {
		const struct node *n = &with->child[k];

		if (n->kind == NODE_TEXT)
			add(out, "set", xasprintf("%s=%s", n->key, n->text));
		else
			parse_error(p, n, "parameter '%.64s' wants one value", n->key);
	}
}

static void read_whole(struct parse *p, const struct node *root, struct preset *out)
{
	struct preset_entry e = { 0 };

	option_defaults(&preset_options, &e);
	bind_table(p, root, &preset_options, NULL, &e);
	if (root->kind != NODE_MAP)
		return;
	if (!node_get(root, "preset"))
		parse_error(p, root, "the preset has no name: say 'preset: NAME'");
	if (!node_get(root, "recipe"))
		parse_error(p, root, "the preset has no 'recipe'");
	str_copy(out->name, e.name);
	str_copy(out->description, e.description);
	str_copy(out->recipe, e.recipe);
	add_text(out, "gpu", e.gpu);
	for (int k = 0; k < e.provider_count; k++)
		add_text(out, "provider", e.providers[k]);
	add_text(out, "region", e.region);
	add_text(out, "image", e.image);
	if (e.disk_gb)
		add(out, "disk", xasprintf("%d", e.disk_gb));
	if (e.lifetime)
		add(out, "for", xasprintf("%llds", (long long)(e.lifetime / SECOND)));
	if (e.max_price)
		add(out, "max-price", xasprintf("%lld.%06lld", (long long)(e.max_price / 1000000), (long long)(e.max_price % 1000000)));
	for (int k = 0; k < e.secret_count; k++)
		add_text(out, "secret", e.secrets[k]);
	add_parameters(out, p, node_get(root, "with"));
}

static int read_parsed(struct preset *out, struct parse *p, struct buf *report, struct err *e)
{
	const struct node *root = parse_root(p);
	int rc;

	*out = (struct preset){ 0 };
	if (root)
		read_whole(p, root, out);
	else if (!parse_error_count(p))
		parse_error(p, NULL, "the preset is empty");
	rc = parse_failed(p, e);
	if (rc < 0) {
		if (report)
			buf_puts(report, parse_report(p));
		preset_free(out);
	}
	parse_free(p);
	return rc;
}

int preset_read(struct preset *p, const char *file, const char *text, size_t n, struct buf *report, struct err *e)
{
	return read_parsed(p, parse_text(file, text, n), report, e);
}

void preset_free(struct preset *p)
{
	for (size_t k = 0; k < p->count; k++)
		free(p->options[k].value);
	free(p->options);
	*p = (struct preset){ 0 };
}

/* ---- by name ---- */

static int unknown(const char *name, struct err *e)
{
	char names[PRESETS_MAX][64];
	const char *words[PRESETS_MAX + 1] = { NULL }, *near;
	size_t n = 0;

	for (const struct embedded *f = NULL; (f = embed_next(PRESET_DIR, f)) && n < PRESETS_MAX; n++) {
		snprintf(names[n], sizeof(names[n]), "%.*s", (int)strcspn(f->name + strlen(PRESET_DIR), "."), f->name + strlen(PRESET_DIR));
		words[n] = names[n];
	}
	near = str_nearest(name, words);
	if (near)
		return err_set(e, ERR_USAGE, "there is no preset '%.60s'; did you mean %s?", name, near);
	return err_set(e, ERR_USAGE, "there is no preset '%.60s'; see: gpufleetctl presets", name);
}

int preset_find(struct preset *p, const char *name, struct err *e)
{
	const struct embedded *f;
	struct parse *parsed;
	char path[128];

	if (strchr(name, '/')) {
		parsed = parse_file(name, e);
		return parsed ? read_parsed(p, parsed, NULL, e) : -1;
	}
	snprintf(path, sizeof(path), PRESET_DIR "%.64s.yaml", name);
	f = embed_find(path);
	return f ? preset_read(p, f->name, f->data, f->size, NULL, e) : unknown(name, e);
}

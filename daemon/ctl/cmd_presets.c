#include "ctl/cmd.h"
#include "base/embed.h"
#include "base/str.h"
#include "config/preset.h"
#include "ctl/show.h"

/* All values of an option: "hotaisle, digitalocean". */
static struct word values_of(const struct preset *p, const char *option)
{
	struct buf b = BUF(sizeof(struct word));
	struct word w;

	for (size_t k = 0; k < p->count; k++)
		if (!strcmp(p->options[k].name, option))
			buf_printf(&b, "%s%s", b.len ? ", " : "", p->options[k].value);
	str_copy(w.s, buf_str(&b));
	buf_free(&b);
	return w;
}

static json_t *preset_json(const struct preset *p)
{
	json_t *o = json_object(), *options = json_array();

	json_put_str(o, "name", p->name);
	json_put_str(o, "description", p->description);
	json_put_str(o, "recipe", p->recipe);
	for (size_t k = 0; k < p->count; k++) {
		json_t *one = json_object();

		json_put_str(one, "option", p->options[k].name);
		json_put_str(one, "value", p->options[k].value);
		json_array_append_new(options, one);
	}
	json_put(o, "options", options);
	return o;
}

/* All of them: they are part of this program, and no daemon is asked. */
static int list(bool as_json, struct err *e)
{
	static const struct column columns[] = {
		{ "PRESET", LEFT, 8, 0 },
		{ "RECIPE", LEFT, 8, 0 },
		{ "GPU", LEFT, 8, 0 },
		{ "PROVIDER", LEFT, 8, 0 },
		{ "WHAT IT REPRODUCES", LEFT, 16, 0 },
	};
	json_t *o = json_object(), *all = json_array();
	struct table t;
	int rc = 0;

	table_init(&t, columns, ARRAY_LEN(columns));
	for (const struct embedded *f = NULL; rc == 0 && (f = embed_next(PRESET_DIR, f));) {
		struct preset p;

		rc = preset_read(&p, f->name, f->data, f->size, NULL, e);
		if (rc < 0)
			break;
		table_row(&t);
		table_cell(&t, STYLE_BOLD, "%s", p.name);
		table_cell(&t, STYLE_PLAIN, "%s", p.recipe);
		table_cell(&t, STYLE_PLAIN, "%s", values_of(&p, "gpu").s);
		table_cell(&t, STYLE_PLAIN, "%s", values_of(&p, "provider").s);
		table_cell(&t, STYLE_PLAIN, "%s", p.description);
		json_array_append_new(all, preset_json(&p));
		preset_free(&p);
	}
	json_put(o, "presets", all);
	if (rc == 0 && as_json)
		ctl_print_json(o);
	else if (rc == 0)
		table_print(&t, stdout, term_width(stdout));
	table_free(&t);
	json_decref(o);
	return rc;
}

static int run_presets(struct ctl *c, struct err *e)
{
	const struct embedded *f;
	struct preset p;
	char path[128];
	json_t *o;

	if (!c->args.word_count)
		return list(c->json, e);
	if (preset_find(&p, c->args.words[0], e) < 0)
		return -1;
	snprintf(path, sizeof(path), PRESET_DIR "%.64s.yaml", c->args.words[0]);
	f = embed_find(path);
	if (!c->json && f) {
		fputs(f->data, stdout);
	} else {
		o = preset_json(&p);
		ctl_print_json(o);
		json_decref(o);
	}
	preset_free(&p);
	return 0;
}

const struct command command_presets = {
	.name = "presets",
	.group = "Work",
	.synopsis = "[PRESET]",
	.summary = "documented stacks for run --preset: recipe, GPU, provider, image and parameters",
	.details = "With a name its file as it is, comments included. A copy of one's own is taken by its path: run --preset ./mine.yaml.",
	.max = 1,
	.run = run_presets,
};

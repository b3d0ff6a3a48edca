/* Shipped recipes and presets as they are: each reads, names what exists, and a preset sets what its recipe takes. Then mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/embed.h"
#include "base/gpu.h"
#include "base/str.h"
#include "config/preset.h"
#include "config/recipe.h"
#include "remote/result.h"

#define RECIPES "remote/recipes/"

static void read_recipe(struct recipe *r, const char *name)
{
	char path[160];
	const struct embedded *f;
	struct buf report = BUF(65536);
	struct err e;

	snprintf(path, sizeof(path), RECIPES "%s/recipe.yaml", name);
	f = embed_find(path);
	if (!f)
		fail_msg("there is no %s", path);
	if (recipe_read(r, path, f->data, f->size, result_reader_names(), &report, &e) < 0)
		fail_msg("%s", buf_str(&report));
	assert_string_equal(r->name, name);
	buf_free(&report);
}

/* A script lies in the recipe's directory, or comes from common because it is included. */
static void has_script(const struct recipe *r, const char *script)
{
	char path[320];
	bool included = !str_starts(script, "common/");

	if (!*script)
		return;
	for (int k = 0; k < r->include_count; k++)
		included |= str_starts(script, "common/") && !strcmp(r->include[k], script + 7);
	snprintf(path, sizeof(path), RECIPES "%s%s%s", included && str_starts(script, "common/") ? "" : r->name,
	    str_starts(script, "common/") ? "" : "/", script);
	if (!included || !embed_find(path))
		fail_msg("%s: there is no %s", r->name, script);
}

/* What a script reads with ". ./common/NAME" must be in `include`. */
static void includes_what_it_reads(const struct recipe *r, const struct embedded *f)
{
	for (const char *at = f->data; (at = strstr(at, "\n. ./common/")); at++) {
		const char *name = at + strlen("\n. ./common/");
		size_t n = strcspn(name, "\n");
		bool found = false;

		for (int k = 0; k < r->include_count; k++)
			found |= strlen(r->include[k]) == n && !strncmp(r->include[k], name, n);
		if (!found)
			fail_msg("%s reads common/%.*s, which %s does not include", f->name, (int)n, name, r->name);
	}
}

static void shipped_recipes(void **state)
{
	int count = 0;

	(void)state;
	for (const struct embedded *f = NULL; (f = embed_next(RECIPES, f));) {
		char name[64], path[160];
		struct recipe r;

		if (!strstr(f->name, "/recipe.yaml"))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(f->name + strlen(RECIPES), "/"), f->name + strlen(RECIPES));
		read_recipe(&r, name);
		count++;
		assert_true(*r.description != '\0');
		for (size_t k = 0; k < r.param_count; k++)
			if (!*r.params[k].help)
				fail_msg("%s: %s has no help", r.name, r.params[k].name);
		for (int k = 0; k < r.include_count; k++) {
			snprintf(path, sizeof(path), RECIPES "common/%s", r.include[k]);
			if (!embed_find(path))
				fail_msg("%s includes %s, which does not exist", r.name, r.include[k]);
		}
		has_script(&r, r.run);
		has_script(&r, r.setup);
		has_script(&r, r.prepare);
		snprintf(path, sizeof(path), RECIPES "%s/", name);
		for (const struct embedded *s = NULL; (s = embed_next(path, s));)
			includes_what_it_reads(&r, s);
		recipe_free(&r);
	}
	assert_true(count >= 7);
}

static void add_set(json_t *set, const char *pair)
{
	char *name = xstrndup(pair, strcspn(pair, "="));

	json_put_str(set, name, strchr(pair, '=') + 1);
	free(name);
}

/* Would its recipe take it, and does somebody sell such a GPU? */
static void works(const struct preset *p)
{
	static const char *const providers[] = { "hotaisle", "runpod", "digitalocean", "vastai", "static" };
	json_t *set = json_object(), *bound = NULL;
	bool gpu = false, known;
	struct recipe r;
	struct err e;

	read_recipe(&r, p->recipe);
	for (size_t k = 0; k < p->count; k++) {
		const struct preset_option *o = &p->options[k];
		char name[64];
		int count;

		if (!strcmp(o->name, "set"))
			add_set(set, o->value);
		if (!strcmp(o->name, "gpu")) {
			gpu = true;
			if (!gpu_spec_parse(o->value, name, sizeof(name), &count) || !gpu_find(name) || count < 1)
				fail_msg("%s: '%s' is no GPU", p->name, o->value);
		}
		known = strcmp(o->name, "provider") != 0;
		for (size_t i = 0; i < ARRAY_LEN(providers); i++)
			known |= !strcmp(providers[i], o->value);
		if (!known)
			fail_msg("%s: there is no provider '%s'", p->name, o->value);
	}
	if (!gpu)
		fail_msg("%s names no GPU", p->name);
	if (recipe_bind_params(&r, set, &bound, &e) < 0)
		fail_msg("%s: %s", p->name, e.msg);
	json_decref(bound);
	json_decref(set);
	recipe_free(&r);
}

static void shipped_presets(void **state)
{
	int count = 0;

	(void)state;
	for (const struct embedded *f = NULL; (f = embed_next(PRESET_DIR, f)); count++) {
		struct buf report = BUF(65536);
		char path[160];
		struct preset p;
		struct err e;

		if (preset_read(&p, f->name, f->data, f->size, &report, &e) < 0)
			fail_msg("%s", buf_str(&report));
		snprintf(path, sizeof(path), PRESET_DIR "%s.yaml", p.name);
		assert_string_equal(f->name, path);
		assert_true(*p.description != '\0');
		if (!strstr(f->data, "(benchmarks §"))
			fail_msg("%s does not say where its facts are from", f->name);
		works(&p);
		preset_free(&p);
		buf_free(&report);
	}
	assert_true(count >= 5);
}

static void reads_everything(void **state)
{
	static const char text[] =
	    "preset: x\ndescription: y z\nrecipe: vllm-serve\ngpu: \"MI300X:8\"\nproviders: [hotaisle, runpod]\nregion: us\nimage: a/b:c\n"
	    "disk: 200\nfor: 4h\nmax_price: 2.5\nsecrets: HF_TOKEN\nwith: { model: a/b, concurrency: 1 8 }\n";
	static const struct preset_option want[] = {
		{ "gpu", (char *)"MI300X:8" }, { "provider", (char *)"hotaisle" }, { "provider", (char *)"runpod" }, { "region", (char *)"us" },
		{ "image", (char *)"a/b:c" }, { "disk", (char *)"200" }, { "for", (char *)"14400s" }, { "max-price", (char *)"2.500000" },
		{ "secret", (char *)"HF_TOKEN" }, { "set", (char *)"model=a/b" }, { "set", (char *)"concurrency=1 8" },
	};
	struct preset p;

	(void)state;
	assert_int_equal(preset_read(&p, "p.yaml", text, sizeof(text) - 1, NULL, NULL), 0);
	assert_string_equal(p.name, "x");
	assert_string_equal(p.recipe, "vllm-serve");
	assert_int_equal(p.count, ARRAY_LEN(want));
	for (size_t k = 0; k < p.count; k++) {
		assert_string_equal(p.options[k].name, want[k].name);
		assert_string_equal(p.options[k].value, want[k].value);
	}
	preset_free(&p);
	preset_free(&p);
}

static void mistakes(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "p.yaml:1:1: the preset is empty" },
		{ "gpu: a\n", "p.yaml:1:1: the preset has no name: say 'preset: NAME'" },
		{ "preset: x\nrecipe: y\nprovider: [runpod]\n", "p.yaml:3:1: unknown key 'provider' (did you mean 'providers'?)" },
		{ "preset: x\nrecipe: y\nfor: soon\n", "p.yaml:3:6: 'for' wants a duration" },
		{ "preset: x\nrecipe: y\nwith: { model: [a] }\n", "p.yaml:3:16: parameter 'model' wants one value" },
		{ "preset: x\nrecipe: y\nwith: a\n", "p.yaml:3:7: 'with' wants a map" },
		{ "preset: x\nrecipe: y\ngpu: a\ngpu: b\n", "p.yaml:4:1: " },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct buf report = BUF(65536);
		struct err e = { 0 };
		struct preset p;

		assert_int_equal(preset_read(&p, "p.yaml", cases[k].text, strlen(cases[k].text), &report, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		assert_null(p.options);
		if (!strstr(buf_str(&report), cases[k].want))
			fail_msg("no '%s' in:\n%s", cases[k].want, buf_str(&report));
		buf_free(&report);
	}
}

static void by_name(void **state)
{
	struct err e = { 0 };
	struct preset p;

	(void)state;
	assert_int_equal(preset_find(&p, "h200-runpod", &e), 0);
	assert_string_equal(p.recipe, "vllm-serve");
	preset_free(&p);
	assert_int_equal(preset_find(&p, "h200-runpd", &e), -1);
	assert_non_null(strstr(e.msg, "did you mean h200-runpod?"));
	assert_int_equal(preset_find(&p, "./no-such-file", &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped_recipes),
		cmocka_unit_test(shipped_presets),
		cmocka_unit_test(reads_everything),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

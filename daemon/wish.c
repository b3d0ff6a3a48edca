#include "wish.h"
#include "base/crypto.h"
#include "base/embed.h"
#include "base/rng.h"
#include "base/str.h"
#include "core/gang.h"
#include "execute.h"
#include "remote/archive.h"
#include "remote/job.h"
#include "remote/result.h"
#include "variables.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX   2000
#define TIMEOUT_MAX (30 * DAY)

/* ---- the payload ---- */

struct payload {
	struct archive_file files[FILES_MAX];
	void *owned[2 * FILES_MAX]; /* what must be freed with it: content, names */
	size_t count, owned_count;
};

struct wish *wish_new(void)
{
	struct wish *w = xcalloc(1, sizeof(*w));

	w->payload = xcalloc(1, sizeof(*w->payload));
	return w;
}

void wish_free(struct wish *w)
{
	for (size_t k = 0; k < w->payload->owned_count; k++)
		free(w->payload->owned[k]);
	free(w->payload);
	if (w->has_recipe)
		recipe_free(&w->recipe);
	free(w->run.params);
	free(w->run.env);
	free(w->run.spec);
	free(w);
}

static int add_file(struct payload *p, const char *name, const void *data, size_t n, bool executable, void *owned, struct err *e)
{
	if (p->count == FILES_MAX)
		return err_set(e, ERR_USAGE, "a payload has at most %d files", FILES_MAX);
	p->files[p->count++] = (struct archive_file){ name, data, n, executable };
	if (owned)
		p->owned[p->owned_count++] = owned;
	return 0;
}

static int shipped_recipe(struct wish *w, const char *name, struct err *e)
{
	char prefix[128];
	const struct embedded *f = NULL;
	const char *names[65] = { NULL }, *near;
	size_t n = 0;

	snprintf(prefix, sizeof(prefix), RECIPE_DIR "%.64s/", name);
	if (str_is_name(name, 64) && strcmp(name, "common") != 0)
		while ((f = embed_next(prefix, f)))
			if (add_file(w->payload, f->name + strlen(prefix), f->data, f->size, strstr(f->name, ".sh") != NULL, NULL, e) < 0)
				return -1;
	if (w->payload->count)
		return 0;
	for (f = NULL; (f = embed_next(RECIPE_DIR, f)) && n + 1 < ARRAY_LEN(names);)
		if (strstr(f->name, "/recipe.yaml"))
			names[n++] = xstrndup(f->name + strlen(RECIPE_DIR), strcspn(f->name + strlen(RECIPE_DIR), "/"));
	near = str_nearest(name, names);
	err_set(e, ERR_USAGE, near ? "there is no recipe '%.60s'; did you mean %s?" : "there is no recipe '%.60s'; see: gpufleetctl recipes",
	    name, near);
	while (n)
		free((char *)(uintptr_t)names[--n]);
	return -1;
}

/* `below`: the directory of the payload that they come into; "": its own. */
static int payload_files(struct wish *w, const char *below, const json_t *list, struct err *e)
{
	const json_t *v;
	size_t k;

	json_array_foreach(list, k, v) {
		const char *name = json_str(v, "name", ""), *text = json_str(v, "text", NULL), *b64 = json_str(v, "base64", NULL);
		char *inside = NULL;
		uint8_t *data = NULL;
		size_t n = text ? strlen(text) : 0;

		if (!*name || *name == '/' || strstr(name, "..") || strlen(name) > 200)
			return err_set(e, ERR_USAGE, "payload file '%.60s': names are relative and have no '..'", name);
		if (!text) {
			data = b64 ? crypto_base64_decode(b64, &n) : NULL;
			if (!data)
				return err_set(e, ERR_USAGE, "payload file '%.60s' has neither text nor valid base64", name);
		}
		if (*below)
			inside = xasprintf("%s/%s", below, name);
		if (add_file(w->payload, inside ? inside : name, data ? (void *)data : (const void *)text, n, json_bool(v, "executable", false), data,
			e) < 0) {
			free(data);
			free(inside);
			return -1;
		}
		if (inside)
			w->payload->owned[w->payload->owned_count++] = inside;
	}
	return json_array_size(list) ? 0 : err_set(e, ERR_USAGE, "the payload has no files");
}

static const struct archive_file *find_file(const struct payload *p, const char *name)
{
	for (size_t k = 0; k < p->count; k++)
		if (!strcmp(p->files[k].name, name))
			return &p->files[k];
	return NULL;
}

/* Arguments reach the script through a file of ours that execs it with them, quoted. */
static int add_arguments(struct wish *w, const json_t *args, char run[128], struct err *e)
{
	const struct archive_file *script = find_file(w->payload, run);
	struct buf b = BUF(1u << 20);
	const json_t *v;
	size_t k;

	if (!json_array_size(args))
		return 0;
	buf_puts(&b, "#!/bin/sh\nexec ");
	if (!script || !script->executable)
		buf_puts(&b, "sh ");
	buf_puts(&b, "./");
	str_shell_quote(&b, run);
	json_array_foreach(args, k, v) {
		buf_putc(&b, ' ');
		str_shell_quote(&b, json_string_value(v) ? json_string_value(v) : "");
	}
	buf_putc(&b, '\n');
	str_copy_n(run, 128, "gpufleet-arguments.sh");
	{
		size_t n = b.len;
		char *text = buf_take(&b);

		if (add_file(w->payload, "gpufleet-arguments.sh", text, n, true, text, e) < 0) {
			free(text);
			return -1;
		}
	}
	return 0;
}

static int read_recipe(struct wish *w, struct err *e)
{
	const struct archive_file *f = find_file(w->payload, "recipe.yaml");
	struct buf report = BUF(65536);
	int r;

	if (!f)
		return 0;
	r = recipe_read(&w->recipe, "recipe.yaml", f->data, f->size, result_reader_names(), &report, e);
	buf_free(&report);
	w->has_recipe = r == 0;
	return r;
}

/*
 * What recipes have in common lies in one place of the source tree, and comes with those that name it. A file of the same name in
 * somebody's own directory is taken instead.
 */
static int add_included(struct wish *w, struct err *e)
{
	char path[160];

	for (int k = 0; w->has_recipe && k < w->recipe.include_count; k++) {
		const struct embedded *f;

		snprintf(path, sizeof(path), RECIPE_DIR "common/%.64s", w->recipe.include[k]);
		f = embed_find(path);
		if (!f)
			return err_set(e, ERR_USAGE, "recipe.yaml: there is no '%.60s' to include", w->recipe.include[k]);
		if (!find_file(w->payload, f->name + strlen(RECIPE_DIR)) &&
		    add_file(w->payload, f->name + strlen(RECIPE_DIR), f->data, f->size, true, NULL, e) < 0)
			return -1;
	}
	return 0;
}

static int bind_params(struct wish *w, const json_t *in, struct err *e)
{
	const json_t *set = json_object_get(in, "set");
	json_t *params = NULL;

	if (w->has_recipe) {
		if (recipe_bind_params(&w->recipe, set, &params, e) < 0)
			return -1;
	} else {
		const char *key;
		json_t *v;

		params = json_object();
		json_object_foreach((json_t *)(uintptr_t)set, key, v) {
			if (!job_name_ok(key) || !json_is_string(v)) {
				json_decref(params);
				return err_set(e, ERR_USAGE, "--set %.40s: a script takes variables in capitals, like SIZE=4096", key);
			}
			json_put_str(params, key, json_string_value(v));
		}
	}
	w->run.params = json_text(params);
	json_decref(params);
	return 0;
}

static int check_secrets(struct wish *w, const struct config *c, const char *user, const json_t *in, struct err *e)
{
	json_t *given = json_object_get(in, "secrets"), *v;
	struct buf names = BUF(sizeof(w->run.secrets) - 1);
	struct secret value = { NULL };
	const char *name;
	int result = 0;

	json_object_foreach(given, name, v)
		if (result == 0 && !job_name_ok(name))
			result = err_set(e, ERR_USAGE, "'%.40s' cannot be the name of a secret", name);
		else
			buf_printf(&names, "%s%s", names.len ? "," : "", name);
	for (int k = 0; k < w->recipe.secret_count && w->has_recipe; k++)
		if (!json_object_get(given, w->recipe.secrets[k]))
			buf_printf(&names, "%s%s", names.len ? "," : "", w->recipe.secrets[k]);
	str_copy(w->run.secrets, buf_str(&names));
	buf_free(&names);
	if (result == 0) {
		char copy[TEXT_MAX], *rest = copy, *one;

		str_copy(copy, w->run.secrets);
		while (result == 0 && (one = str_split(&rest, ","))) {
			if (!*one || json_is_string(json_object_get(given, one)))
				continue;
			if (config_secret_read(c, one, user, &value, e) < 0)
				result = err_set(e, ERR_USAGE, "it needs the secret %.40s: give it with --secret %.40s from your environment, or "
							       "have it configured under 'secrets'", one, one);
			secret_wipe(&value);
		}
	}
	return result;
}

int wish_fits(const struct wish *w, const char *gpu, struct err *e)
{
	const struct gpu *g = gpu_find(gpu);

	if (!w->has_recipe || !g)
		return 0;
	if (w->recipe.needs.vendor == GPU_VENDOR_CPU && g->vendor != GPU_VENDOR_CPU)
		return err_set(e, ERR_USAGE, "%s runs on a host without a GPU, declared by its CPU (gpu: \"EPYC:2\"); %s is a GPU", w->recipe.name, g->name);
	if (w->recipe.needs.gpu_memory_gb && g->vendor == GPU_VENDOR_CPU)
		return err_set(e, ERR_USAGE, "%s needs a GPU; %s is a CPU", w->recipe.name, g->name);
	if (w->recipe.needs.vendor != GPU_VENDOR_UNKNOWN && w->recipe.needs.vendor != g->vendor)
		return err_set(e, ERR_USAGE, "%s needs a GPU of %s; %s is of %s", w->recipe.name, gpu_vendor_name(w->recipe.needs.vendor), g->name,
		    gpu_vendor_name(g->vendor));
	if (w->recipe.needs.gpu_memory_gb > g->memory_gb)
		return err_set(e, ERR_USAGE, "%s needs %d GB of GPU memory; %s has %d", w->recipe.name, w->recipe.needs.gpu_memory_gb, g->name,
		    g->memory_gb);
	return 0;
}

/* The shipped gpu-check as one more file of the payload; the supervisor runs it where the machine has not passed it yet. */
#define QUALIFY "gpufleet-qualify.sh"
static int add_qualification(struct wish *w, const json_t *in, json_t *spec, struct err *e)
{
	const struct embedded *f = embed_find(RECIPE_DIR "gpu-check/run.sh");

	if (!json_bool(in, "qualify", w->has_recipe && w->recipe.qualify))
		return 0;
	json_put_str(spec, "qualify", QUALIFY);
	return add_file(w->payload, QUALIFY, f->data, f->size, true, NULL, e);
}

/* What is run: files of the caller's, a shipped recipe, or one with a tree of the caller's inside. */
static int collect_files(struct wish *w, const char *recipe, const json_t *payload, struct err *e)
{
	const json_t *files = json_object_get(payload, "files");

	if (!payload && !*recipe)
		return err_set(e, ERR_USAGE, "say what to run: 'recipe' or 'payload'");
	if (!*recipe)
		return payload_files(w, "", files, e) < 0 ? -1 : read_recipe(w, e);
	if (shipped_recipe(w, recipe, e) < 0 || read_recipe(w, e) < 0)
		return -1;
	if (!payload)
		return 0;
	if (!*w->recipe.directory)
		return err_set(e, ERR_USAGE, "recipe '%.60s' takes no directory; see: gpufleetctl recipes show %.60s", recipe, recipe);
	return payload_files(w, w->recipe.directory, files, e);
}

/* Nothing is measured: the machine is left as its setup leaves it. */
static int setup_only(struct wish *w, char run[128], const char *setup, struct err *e)
{
	static const char nothing[] = "#!/bin/sh\nexit 0\n";

	if (!*setup)
		return err_set(e, ERR_USAGE, "there is nothing to set up: it has no 'setup' in recipe.yaml");
	str_copy_n(run, 128, "gpufleet-prepared.sh");
	return add_file(w->payload, "gpufleet-prepared.sh", nothing, sizeof(nothing) - 1, true, NULL, e);
}

/* The script that takes the place of run, where the recipe has one for what is asked. */
static int other_script(struct wish *w, const json_t *in, char run[128], const char *setup, struct err *e)
{
	bool prepare = json_bool(in, "prepare", false), serve = json_bool(in, "serve", false), setup_alone = json_bool(in, "setup_only", false);
	const char *script = !w->has_recipe ? "" : prepare ? w->recipe.prepare : serve ? w->recipe.serve : "";

	if (prepare + serve + setup_alone > 1)
		return err_set(e, ERR_USAGE, "'prepare', 'serve' or 'setup_only', one of them");
	if (serve && !*script)
		return err_set(e, ERR_USAGE, "it has no script that serves: 'serve' in its recipe.yaml names one");
	if (*script)
		str_copy_n(run, 128, script);
	return (prepare && !*script) || setup_alone ? setup_only(w, run, setup, e) : 0;
}

/* A server has no limit of its own, it ends with its machine. */
static duration time_limit(const struct wish *w, const json_t *in)
{
	double timeout = json_num(in, "timeout", 0);

	if (timeout > 0)
		return (duration)(timeout * (double)SECOND);
	return w->has_recipe && !json_bool(in, "serve", false) ? w->recipe.run_timeout : 0;
}

/* "all" is known when its fleet is: until then it is left to the caller. */
static int read_instances(struct wish *w, const json_t *in, struct err *e)
{
	int least = w->has_recipe && w->recipe.needs.instances ? w->recipe.needs.instances : 1;
	const json_t *v = json_object_get(in, "instances");
	int64_t n = json_int(in, "instances", least);

	if (!strcmp(json_str(in, "instances", ""), "all") || json_bool(in, "prepare", false) || json_bool(in, "setup_only", false))
		return 0; /* a machine is prepared by itself, whatever works on it later */
	if ((v && !json_is_null(v) && !json_is_integer(v)) || n < 1 || n > GANG_MOST)
		return err_set(e, ERR_USAGE, "'instances' must be a whole number from 1 to %d, or \"all\" on a fleet that is up", GANG_MOST);
	return wish_instances(w, (int)n, e);
}

int wish_instances(struct wish *w, int n, struct err *e)
{
	if (w->has_recipe && n < w->recipe.needs.instances)
		return err_set(e, ERR_USAGE, "%s works on %d instances at least; say --instances %d", w->recipe.name, w->recipe.needs.instances,
		    w->recipe.needs.instances);
	if (n > GANG_MOST)
		return err_set(e, ERR_USAGE, "a run has at most %d instances", GANG_MOST);
	w->run.ranks = n > 1 ? n : 0;
	return 0;
}

/* Which way its figures are better stands with the run: a later version of the recipe changes nothing about it. */
static void add_judge(const struct wish *w, json_t *spec)
{
	json_t *judge = json_object();

	for (int k = 0; k < w->recipe.judge_count; k++)
		json_put_str(judge, w->recipe.judge[k].metric, w->recipe.judge[k].better);
	json_put(spec, "judge", judge);
}

int wish_build(struct wish *w, struct engine *en, const char *user, const json_t *in, struct err *e)
{
	struct rng rng;
	const json_t *payload = json_object_get(in, "payload");
	const char *recipe = json_str(in, "recipe", "");
	char run[128], setup[128] = "";
	bool measures = !json_bool(in, "prepare", false) && !json_bool(in, "serve", false) && !json_bool(in, "setup_only", false);
	double timeout = json_num(in, "timeout", 0);
	uint8_t random[8];
	json_t *spec;
	int result;

	if (collect_files(w, recipe, payload, e) < 0 || add_included(w, e) < 0 || read_instances(w, in, e) < 0)
		return -1;
	str_copy(run, w->has_recipe ? w->recipe.run : json_str(payload, "run", "run.sh"));
	str_copy(setup, w->has_recipe ? w->recipe.setup : json_str(payload, "setup", ""));
	if (other_script(w, in, run, setup, e) < 0)
		return -1;
	if (!find_file(w->payload, run) || (*setup && !find_file(w->payload, setup)))
		return err_set(e, ERR_USAGE, "the payload has no file '%s'", find_file(w->payload, run) ? setup : run);
	if (add_arguments(w, json_object_get(in, "args"), run, e) < 0 || bind_params(w, in, e) < 0 || check_secrets(w, engine_config(en), user, in, e) < 0 ||
	    variables_read(json_object_get(in, "env"), &w->run.env, e) < 0)
		return -1;
	if (timeout < 0 || timeout > (double)(TIMEOUT_MAX / SECOND))
		return err_set(e, ERR_USAGE, "'timeout' must be from a second to 30 days");
	w->run.setup_timeout = w->has_recipe ? w->recipe.setup_timeout : 0;
	w->run.run_timeout = time_limit(w, in);
	rng_kernel(&rng); /* not the model's: a trace must be able to draw the same numbers again */
	rng_fill(&rng, random, sizeof(random));
	str_base32(random, sizeof(random), w->run.key);
	str_copy(w->run.recipe, *recipe ? recipe : w->has_recipe ? w->recipe.name : "script");
	str_copy(w->run.title, json_str(in, "title", w->run.recipe));
	str_copy(w->run.owner, user);
	spec = json_object();
	json_put_str(spec, "run", run);
	json_put_str(spec, "setup", setup);
	if (w->has_recipe && w->recipe.setup_once)
		json_put_bool(spec, "setup_once", true);
	if (json_bool(in, "trust_first_use", false))
		json_put_bool(spec, "trust_first_use", true);
	if (w->has_recipe && measures && w->recipe.judge_count)
		add_judge(w, spec);
	result = add_qualification(w, in, spec, e);
	json_put_str(spec, "reader", w->has_recipe && measures ? w->recipe.reader : "gpufleet-jsonl");
	w->run.spec = json_text(spec);
	json_decref(spec);
	return result;
}

int wish_write(const struct wish *w, struct engine *en, struct err *e)
{
	struct buf tar = BUF(256u * 1024 * 1024);
	char path[1024];
	int fd = -1, result = -1;

	for (int rank = 0; rank == 0 || rank < w->run.ranks; rank++) {
		char key[16];

		gang_key(key, w->run.key, rank);
		execute_run_path(en, key, "", path, sizeof(path));
		if (mkdir(path, 0700) < 0) {
			err_errno(e, ERR_FAILED, "cannot make '%s'", path);
			goto out;
		}
	}
	if (archive_pack(&tar, w->payload->files, w->payload->count, e) < 0)
		goto out;
	execute_run_path(en, w->run.key, "payload.tar", path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, tar.data, tar.len) != (ssize_t)tar.len || fsync(fd) < 0)
		err_errno(e, ERR_FAILED, "cannot store the files of the run in '%s'", path);
	else
		result = 0;
out:
	if (fd >= 0)
		close(fd);
	buf_free(&tar);
	return result;
}

int wish_recipe(struct recipe *out, const char *name, struct err *e)
{
	struct wish *w = wish_new();
	int r = shipped_recipe(w, name, e);

	if (r == 0)
		r = read_recipe(w, e);
	if (r == 0 && !w->has_recipe)
		r = err_set(e, ERR_USAGE, "recipe '%.60s' has no recipe.yaml", name);
	if (r == 0) {
		*out = w->recipe;
		w->has_recipe = false;
	}
	wish_free(w);
	return r;
}

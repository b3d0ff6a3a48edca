/*
 * Runs: submit, look, cancel. Their output is in api_output.c.
 */
#include "api_private.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/embed.h"
#include "base/log.h"
#include "base/str.h"
#include "config/recipe.h"
#include "core/place.h"
#include "remote/archive.h"
#include "remote/job.h"
#include "remote/result.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX  2000

static const char *const run_keys[] = { "recipe", "payload", "title", "set", "args", "fleet", "secrets", "timeout", "qualify",
	"trust_first_use", "keep_on_failure", "gpu", "count", "instances", "name", "for", "idle", "max_cost", "max_price", "providers",
	"region", "spot", "image", "disk", "owner", "labels", "retry_for", "accept_minimum", "offer", NULL };

/* ---- the payload ---- */

struct payload {
	struct archive_file files[FILES_MAX];
	void *owned[FILES_MAX]; /* what must be freed with it */
	size_t count;
};

struct wish {
	struct run run;
	struct payload payload;
	struct recipe recipe;
	bool has_recipe;
	struct fleet fleet; /* of `gpu` */
};

static void wish_free(struct wish *w)
{
	for (size_t k = 0; k < w->payload.count; k++)
		free(w->payload.owned[k]);
	if (w->has_recipe)
		recipe_free(&w->recipe);
	free(w->run.params);
	free(w->run.spec);
	free(w);
}

static int add_file(struct payload *p, const char *name, const void *data, size_t n, bool executable, void *owned, struct err *e)
{
	if (p->count == FILES_MAX)
		return err_set(e, ERR_USAGE, "a payload has at most %d files", FILES_MAX);
	p->files[p->count] = (struct archive_file){ name, data, n, executable };
	p->owned[p->count++] = owned;
	return 0;
}

static int shipped_recipe(struct wish *w, const char *name, struct err *e)
{
	char prefix[128];
	const struct embedded *f = NULL;
	const char *names[65] = { NULL }, *near;
	size_t n = 0;

	snprintf(prefix, sizeof(prefix), RECIPE_DIR "%.64s/", name);
	if (str_is_name(name, 64))
		while ((f = embed_next(prefix, f)))
			if (add_file(&w->payload, f->name + strlen(prefix), f->data, f->size, strstr(f->name, ".sh") != NULL, NULL, e) < 0)
				return -1;
	if (w->payload.count)
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

static int payload_files(struct wish *w, const json_t *list, struct err *e)
{
	const json_t *v;
	size_t k;

	json_array_foreach(list, k, v) {
		const char *name = json_str(v, "name", ""), *text = json_str(v, "text", NULL), *b64 = json_str(v, "base64", NULL);
		uint8_t *data = NULL;
		size_t n = text ? strlen(text) : 0;

		if (!*name || *name == '/' || strstr(name, "..") || strlen(name) > 200)
			return err_set(e, ERR_USAGE, "payload file '%.60s': names are relative and have no '..'", name);
		if (!text) {
			data = b64 ? crypto_base64_decode(b64, &n) : NULL;
			if (!data)
				return err_set(e, ERR_USAGE, "payload file '%.60s' has neither text nor valid base64", name);
		}
		if (add_file(&w->payload, name, data ? (void *)data : (const void *)text, n, json_bool(v, "executable", false), data, e) < 0) {
			free(data);
			return -1;
		}
	}
	return w->payload.count ? 0 : err_set(e, ERR_USAGE, "the payload has no files");
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
	const struct archive_file *script = find_file(&w->payload, run);
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

		if (add_file(&w->payload, "gpufleet-arguments.sh", text, n, true, text, e) < 0) {
			free(text);
			return -1;
		}
	}
	return 0;
}

static int read_recipe(struct wish *w, struct err *e)
{
	const struct archive_file *f = find_file(&w->payload, "recipe.yaml");
	struct buf report = BUF(65536);
	int r;

	if (!f)
		return 0;
	r = recipe_read(&w->recipe, "recipe.yaml", f->data, f->size, result_reader_names(), &report, e);
	buf_free(&report);
	w->has_recipe = r == 0;
	return r;
}

static int bind_params(struct request *r, struct wish *w, struct err *e)
{
	const json_t *set = json_object_get(r->in, "set");
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

static int check_secrets(struct request *r, struct wish *w, struct err *e)
{
	const struct config *c = engine_config(r->api->en);
	json_t *given = json_object_get(r->in, "secrets"), *v;
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
			if (config_secret_read(c, one, r->user, &value, e) < 0)
				result = err_set(e, ERR_USAGE, "it needs the secret %.40s: give it with --secret %.40s from your environment, or "
							       "have it configured under 'secrets'", one, one);
			secret_wipe(&value);
		}
	}
	return result;
}

static int check_needs(const struct wish *w, const char *gpu, struct err *e)
{
	const struct gpu *g = gpu_find(gpu);

	if (!w->has_recipe || !g)
		return 0;
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
static int add_qualification(struct request *r, struct wish *w, json_t *spec, struct err *e)
{
	const struct embedded *f = embed_find(RECIPE_DIR "gpu-check/run.sh");

	if (!json_bool(r->in, "qualify", w->has_recipe && w->recipe.qualify))
		return 0;
	json_put_str(spec, "qualify", QUALIFY);
	return add_file(&w->payload, QUALIFY, f->data, f->size, true, NULL, e);
}

static int build_wish(struct request *r, struct wish *w, struct err *e)
{
	struct rng rng;
	const json_t *payload = json_object_get(r->in, "payload");
	const char *recipe = json_str(r->in, "recipe", "");
	char run[128], setup[128] = "";
	double timeout = json_num(r->in, "timeout", 0);
	uint8_t random[8];
	json_t *spec;
	int result;

	if ((*recipe != '\0') == (payload != NULL))
		return err_set(e, ERR_USAGE, "say what to run: 'recipe' or 'payload', one of them");
	if (payload ? payload_files(w, json_object_get(payload, "files"), e) < 0 : shipped_recipe(w, recipe, e) < 0)
		return -1;
	if (read_recipe(w, e) < 0)
		return -1;
	str_copy(run, w->has_recipe ? w->recipe.run : json_str(payload, "run", "run.sh"));
	str_copy(setup, w->has_recipe ? w->recipe.setup : json_str(payload, "setup", ""));
	if (!find_file(&w->payload, run) || (*setup && !find_file(&w->payload, setup)))
		return err_set(e, ERR_USAGE, "the payload has no file '%s'", find_file(&w->payload, run) ? setup : run);
	if (add_arguments(w, json_object_get(r->in, "args"), run, e) < 0 || bind_params(r, w, e) < 0 || check_secrets(r, w, e) < 0)
		return -1;
	if (timeout < 0 || timeout > 30.0 * 86400)
		return err_set(e, ERR_USAGE, "'timeout' must be from a second to 30 days");
	w->run.setup_timeout = w->has_recipe ? w->recipe.setup_timeout : 0;
	w->run.run_timeout = timeout > 0 ? (duration)(timeout * (double)SECOND) : w->has_recipe ? w->recipe.run_timeout : 0;
	rng_kernel(&rng); /* not the model's: a trace must be able to draw the same numbers again */
	rng_fill(&rng, random, sizeof(random));
	str_base32(random, sizeof(random), w->run.key);
	str_copy(w->run.recipe, *recipe ? recipe : w->has_recipe ? w->recipe.name : "script");
	str_copy(w->run.title, json_str(r->in, "title", w->run.recipe));
	str_copy(w->run.owner, r->user);
	spec = json_object();
	json_put_str(spec, "run", run);
	json_put_str(spec, "setup", setup);
	if (w->has_recipe && w->recipe.setup_once)
		json_put_bool(spec, "setup_once", true);
	if (json_bool(r->in, "trust_first_use", false))
		json_put_bool(spec, "trust_first_use", true);
	result = add_qualification(r, w, spec, e);
	json_put_str(spec, "reader", w->has_recipe ? w->recipe.reader : "gpufleet-jsonl");
	w->run.spec = json_text(spec);
	json_decref(spec);
	return result;
}

/* On disk before anybody hears of the run. */
static int write_payload(struct request *r, const struct wish *w, struct err *e)
{
	struct buf tar = BUF(256u * 1024 * 1024);
	char path[1024];
	int fd = -1, result = -1;

	execute_run_path(r->api->en, w->run.key, "", path, sizeof(path));
	if (mkdir(path, 0700) < 0) {
		err_errno(e, ERR_FAILED, "cannot make '%s'", path);
		goto out;
	}
	if (archive_pack(&tar, w->payload.files, w->payload.count, e) < 0)
		goto out;
	execute_run_path(r->api->en, w->run.key, "payload.tar", path, sizeof(path));
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

static void run_durable(void *arg, int64_t id, const struct err *error)
{
	struct hold *h = arg;
	struct api *a = h->r ? h->r->api : NULL;
	struct request *r = hold_take(h);
	struct run *run = a ? model_run(engine_model(a->en), id) : NULL;
	struct fleet *f = run ? model_fleet(engine_model(a->en), run->fleet_id) : NULL;
	json_t *o;

	(void)error;
	if (!r || !run || !f)
		return;
	o = json_object();
	json_put(o, "run", view_run(engine_model(a->en), run));
	json_put(o, "fleet", view_fleet(engine_model(a->en), f, clock_steady()));
	request_json(r, strcmp(r->method, "POST") ? 202 : 201, o);
}

static void keep_secrets(struct request *r, const struct wish *w)
{
	json_t *v;
	const char *name;

	json_object_foreach(json_object_get(r->in, "secrets"), name, v)
		if (json_is_string(v))
			execute_keep_secret(engine_execute(r->api->en), w->run.key, name, json_string_value(v));
}

static void submit(struct request *r, struct wish *w, struct fleet *f)
{
	struct fact fact = { .kind = FACT_RUN_SUBMIT, .actor = r->user, .run = &w->run };
	struct err e;
	struct hold *h;

	w->run.fleet_id = f->object.id;
	if (write_payload(r, w, &e) < 0) {
		request_error(r, &e);
		return;
	}
	keep_secrets(r, w);
	h = request_hold(r);
	if (engine_request(r->api->en, &fact, run_durable, h) < 0) {
		hold_take(h);
		request_error(r, &fact.error);
	}
	w->run.params = w->run.spec = NULL; /* taken by the fact, accepted or not */
}

static void wish_gone(struct request *r)
{
	if (r->state)
		wish_free(r->state);
}

static void place_and_submit(struct request *r, struct fleet *f, void *arg)
{
	struct wish *w = arg;
	struct fact fact = { .kind = FACT_FLEET_OPEN, .actor = r->user, .fleet = f };

	if (!fleet_placeable(r, f))
		return;
	fleet_name_free(r->api, f);
	if (engine_request(r->api->en, &fact, NULL, NULL) < 0)
		request_error(r, &fact.error);
	else
		submit(r, w, model_fleet(engine_model(r->api->en), fact.answer_id));
}

/* Where it is to run: the body has been read, nothing has been bought. */
static void find_place(struct request *r)
{
	struct wish *w = r->state;
	const char *name = json_str(r->in, "fleet", "");
	struct fleet *f = *name ? fleet_named(r, name) : NULL;
	struct err e;

	if (*name && !f) {
		err_set(&e, ERR_NOT_FOUND, "there is no fleet '%.60s'; see: gpufleetctl status", name);
		request_error(r, &e);
	} else if (f) {
		if (!may_touch(r, f->owner))
			return;
		if (check_needs(w, f->gpu, &e) < 0)
			request_error(r, &e);
		else
			submit(r, w, f);
	} else if (fleet_from_body(r, r->in, &w->fleet, &e) < 0 || check_needs(w, w->fleet.gpu, &e) < 0) {
		request_error(r, &e);
	} else {
		w->fleet.instances = 1;
		w->fleet.for_run = true;
		fleet_market(r, &w->fleet, place_and_submit, w);
	}
}

static void model_known(void *arg, const struct err *refusal)
{
	struct request *r = hold_take(arg);

	if (r && refusal)
		request_error(r, refusal);
	else if (r)
		find_place(r);
}

/* False: there is nothing to ask, go on. */
static bool ask_for_model(struct request *r, const struct wish *w)
{
	json_t *params = *w->recipe.model && w->has_recipe ? json_read(w->run.params, strlen(w->run.params), NULL) : NULL;
	const char *model = json_str(params, w->recipe.model, ""), *token = json_str(r->in, "secrets.HF_TOKEN", NULL);
	struct secret configured = { NULL };
	struct hold *h;
	struct err e;
	bool asked;

	if (!token && strstr(w->run.secrets, "HF_TOKEN") &&
	    config_secret_read(engine_config(r->api->en), "HF_TOKEN", r->user, &configured, &e) == 0)
		token = configured.value;
	h = request_hold(r);
	asked = params && execute_hub(engine_execute(r->api->en), model, token, model_known, h);
	if (!asked)
		hold_take(h);
	secret_wipe(&configured);
	json_decref(params);
	return asked;
}

void post_runs(struct request *r)
{
	struct wish *w = xcalloc(1, sizeof(*w));
	const char *name = json_str(r->in, "fleet", "");
	struct err e;

	r->state = w;
	r->gone = wish_gone;
	if (!check_keys(r, run_keys))
		return;
	if ((*name != '\0') == (json_object_get(r->in, "gpu") != NULL)) {
		err_set(&e, ERR_USAGE, "say where to run: 'fleet' or 'gpu', one of them");
		request_error(r, &e);
	} else if (build_wish(r, w, &e) < 0) {
		request_error(r, &e);
	} else if (!ask_for_model(r, w)) {
		find_place(r);
	}
}

/* ---- looking ---- */

int64_t run_in_path(const struct request *r)
{
	const char *text = r->arg[0];
	int64_t id;

	if (str_starts(text, "run-"))
		text += 4;
	return str_to_i64(text, 1, INT64_MAX, &id) ? id : 0;
}

static struct run *live_run(struct request *r)
{
	return model_run(engine_model(r->api->en), run_in_path(r));
}

int ask_run(struct history *h, void *arg, json_t **out, struct err *e)
{
	json_t *run;

	if (history_run(h, *(int64_t *)arg, &run, e) < 0)
		return -1;
	*out = json_object();
	json_put(*out, "run", run);
	return 0;
}

static void *id_arg(int64_t id)
{
	int64_t *p = xmalloc(sizeof(*p));

	*p = id;
	return p;
}

void get_run(struct request *r)
{
	struct run *run = live_run(r);
	json_t *o;

	if (!run) {
		request_history(r, ask_run, id_arg(run_in_path(r)));
		return;
	}
	o = json_object();
	json_put(o, "run", view_run(engine_model(r->api->en), run));
	request_json(r, 200, o);
}

void delete_run(struct request *r)
{
	struct run *run = live_run(r);
	struct fact fact = { .kind = FACT_RUN_CANCEL, .actor = r->user };
	struct hold *h;

	if (!run) {
		request_history(r, ask_run, id_arg(run_in_path(r))); /* ended long ago: cancelling it again changes nothing */
		return;
	}
	if (!may_touch(r, run->owner))
		return;
	fact.id = run->object.id;
	h = request_hold(r);
	if (engine_request(r->api->en, &fact, run_durable, h) < 0) {
		hold_take(h);
		request_error(r, &fact.error);
	}
}

struct runs_query {
	int64_t fleet_id;
	int limit;
};

static int ask_runs(struct history *h, void *arg, json_t **out, struct err *e)
{
	const struct runs_query *q = arg;

	return history_runs(h, q->fleet_id, q->limit, out, e);
}

void get_runs(struct request *r)
{
	struct runs_query *q = xcalloc(1, sizeof(*q));
	const char *name = query(r, "fleet", "");
	const struct fleet *f = *name ? fleet_named(r, name) : NULL;

	q->fleet_id = f ? f->object.id : *name ? -1 : 0;
	q->limit = (int)query_int(r, "limit", 50);
	request_history(r, ask_runs, q);
}

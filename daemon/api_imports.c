/*
 * Published or older results that are read in from files, so that runs can be compared with them.
 */
#include "api_private.h"
#include "base/str.h"
#include "db/store.h"
#include "import.h"

static const char *const import_keys[] = { "name", "files", "reader", "title", "price_hour", "gpu", "gpu_count", "model", "precision", "server",
	"framework", "weights_gib", "max_model_len", NULL };

static json_t *read_import(const json_t *in, char note[256], struct err *e)
{
	const json_t *files = json_object_get(in, "files");
	json_t *source, *import, *v;
	const char *key;

	if (!json_array_size(files))
		return err_set(e, ERR_USAGE, "there are no files to read"), NULL;
	source = import_read(files, json_str(in, "reader", ""), note, e);
	if (!source)
		return NULL;
	/* What is said with the command goes before what the file says. */
	import = json_object_get(source, "import");
	json_object_foreach((json_t *)(uintptr_t)in, key, v)
		if (strcmp(key, "files") != 0 && strcmp(key, "reader") != 0)
			json_object_set(import, key, v);
	return source;
}

static void import_durable(void *arg, const struct err *error)
{
	struct hold *h = arg;
	struct request *r = hold_take(h);
	json_t *o;

	if (!r)
		return;
	if (error) {
		request_error(r, error);
		return;
	}
	o = json_object();
	json_put_str(o, "import", json_str(r->in, "name", r->arg[0]));
	if (*json_str(r->in, "note", ""))
		json_put_str(o, "note", json_str(r->in, "note", ""));
	request_json(r, strcmp(r->method, "DELETE") ? 201 : 200, o);
}

static void save_import(struct request *r, const char *name, char *source)
{
	struct import_row row = { .created = engine_now(r->api->en), .source = source };
	struct store_batch *b = store_batch_new();

	str_copy(row.name, name);
	str_copy(row.owner, r->user);
	store_batch_import(b, &row);
	store_commit(engine_store(r->api->en), b, import_durable, request_hold(r));
	free(source);
}

struct import_wish {
	char name[NAME_MAX_];
	json_t *source; /* NULL: it is to be deleted */
};

static int ask_owner(struct history *h, void *arg, json_t **out, struct err *e)
{
	const struct import_wish *w = arg;
	struct err none = { 0 };

	if (history_import(h, w->name, out, &none) == 0)
		return 0;
	if (none.code != ERR_NOT_FOUND || !w->source) {
		*e = none;
		return -1;
	}
	*out = json_object();
	return 0;
}

static void wish_gone(struct request *r)
{
	json_decref(r->state);
}

/* An import may be replaced and deleted by who made it. */
static void save_when_allowed(struct request *r, json_t *found, void *arg)
{
	json_t *source = r->state;

	(void)arg;
	if (json_str(found, "owner", NULL) && !may_touch(r, json_str(found, "owner", "")))
		return;
	save_import(r, json_str(r->in, "name", r->arg[0]), source ? json_text(source) : NULL);
}

static void ask_and_save(struct request *r, const char *name, json_t *source)
{
	struct import_wish *w = xcalloc(1, sizeof(*w));

	str_copy(w->name, name);
	w->source = source;
	r->state = source;
	r->gone = source ? wish_gone : NULL;
	request_history_then(r, ask_owner, w, save_when_allowed, NULL);
}

void post_imports(struct request *r)
{
	const char *name = json_str(r->in, "name", "");
	char note[256] = "";
	json_t *source;
	int64_t number;
	struct err e;

	if (!check_keys(r, import_keys))
		return;
	if (!str_is_name(name, NAME_MAX_ - 1) || str_to_i64(name, 0, INT64_MAX, &number) || str_starts(name, "run-")) {
		err_set(&e, ERR_USAGE, "'name' wants letters, digits, '.', '_' and '-', and is neither a number nor begins with run-");
		request_error(r, &e);
		return;
	}
	source = read_import(r->in, note, &e);
	if (source && *note)
		json_put_str(r->in, "note", note);
	if (source)
		ask_and_save(r, name, source);
	else
		request_error(r, &e);
}

static int ask_imports(struct history *h, void *arg, json_t **out, struct err *e)
{
	(void)arg;
	return history_imports(h, out, e);
}

void get_imports(struct request *r)
{
	request_history(r, ask_imports, NULL);
}

void delete_import(struct request *r)
{
	ask_and_save(r, r->arg[0], NULL);
}

#include "ctl/storage.h"
#include "base/str.h"
#include "ctl/progress.h"
#include "ctl/show.h"
#include "ctl/watch.h"

int storage_get(struct ctl *c, const char *kind, const char *name, json_t **object, struct err *e)
{
	json_t *answer;
	char *path;
	int rc;

	path = !strcmp(kind, "volume") ? ctl_path("/v1/volumes/%s", name) : ctl_path("/v1/snapshots/%s", name);
	rc = ctl_get(c, path, &answer, e);
	free(path);
	if (rc < 0)
		return -1;
	*object = json_incref(json_object_get(answer, kind));
	json_decref(answer);
	return 0;
}

static bool is_under_way(const json_t *o)
{
	const char *state = json_str(o, "state", "");

	return strcmp(state, "LIVE") != 0 && strcmp(state, "GONE") != 0;
}

static void draw(struct watch *w, const json_t *o, char last[16])
{
	const char *state = json_str(o, "state", "");
	char text[256], took[24];

	duration_format(progress_elapsed(&w->progress) / SECOND * SECOND, took);
	snprintf(text, sizeof(text), "%s %s: %s, %s", json_str(o, "kind", ""), json_str(o, "name", ""), state, took);
	if (w->progress.live)
		progress_draw(&w->progress, text);
	else if (strcmp(last, state) != 0)
		progress_note(&w->progress, "%s", text);
	snprintf(last, 16, "%s", state);
}

/* Asked for until `done` says that it is enough. */
static int watch_until(struct ctl *c, const char *kind, int64_t id, bool (*done)(const json_t *o), json_t **object, struct err *e)
{
	char name[24], last[16] = "";
	struct watch w;
	json_t *o = NULL;
	int rc = 1;

	snprintf(name, sizeof(name), "%lld", (long long)id);
	watch_begin(&w);
	term_catch(true);
	while (rc == 1) {
		if (storage_get(c, kind, name, &o, e) == 0) {
			w.lost_since = 0;
			draw(&w, o, last);
			rc = done(o) ? 0 : 1;
			if (rc == 1)
				json_decref(o);
		} else if (watch_excuse(&w, e) < 0) {
			rc = -1;
		}
		if (rc == 1 && term_sleep(SECOND / 2))
			rc = EXIT_INTERRUPTED;
	}
	term_catch(false);
	progress_clear(&w.progress);
	watch_free(&w);
	*object = rc == 0 ? o : NULL;
	return rc;
}

static bool is_there(const json_t *o)
{
	return !is_under_way(o);
}

static bool is_gone(const json_t *o)
{
	return !strcmp(json_str(o, "state", ""), "GONE");
}

int storage_wait(struct ctl *c, const char *kind, int64_t id, json_t **object, struct err *e)
{
	int rc = watch_until(c, kind, id, is_there, object, e);

	if (rc == 0 && is_gone(*object)) {
		const char *reason = json_str(*object, "reason", "");

		rc = err_set(e, ERR_FAILED, "%s '%s' could not be made: %s", kind, json_str(*object, "name", ""), *reason ? reason : "no reason given");
		json_decref(*object);
		*object = NULL;
	}
	return rc;
}

static bool is_attached(const json_t *o)
{
	return !json_bool(o, "moving", false) && (!*json_str(o, "used_by", "") || json_bool(o, "mounted", true));
}

static bool is_at_rest(const json_t *o)
{
	return !json_bool(o, "moving", false);
}

int storage_wait_moved(struct ctl *c, int64_t id, bool attached, json_t **object, struct err *e)
{
	int rc = watch_until(c, "volume", id, attached ? is_attached : is_at_rest, object, e);

	if (rc == 0 && (*json_str(*object, "used_by", "") != '\0') != attached) {
		const char *reason = json_str(*object, "reason", "");

		rc = err_set(e, ERR_FAILED, "volume '%s' was not %s: %s", json_str(*object, "name", ""), attached ? "attached" : "detached",
		    *reason ? reason : "no reason given");
		json_decref(*object);
		*object = NULL;
	}
	return rc;
}

int storage_wait_gone(struct ctl *c, const char *kind, int64_t id, struct err *e)
{
	json_t *object;
	int rc = watch_until(c, kind, id, is_gone, &object, e);

	json_decref(object);
	return rc;
}

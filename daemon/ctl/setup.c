#include "ctl/setup.h"
#include "base/str.h"
#include "ctl/payload.h"
#include "ctl/run.h"
#include "ctl/runs.h"
#include "ctl/show.h"
#include "ctl/term.h"

#define SAID_MAX 256

static bool has_recipe(const json_t *body)
{
	const json_t *file;
	size_t k;

	if (*json_str(body, "recipe", ""))
		return true;
	json_array_foreach(json_path(body, "payload.files"), k, file)
		if (!strcmp(json_str(file, "name", ""), "recipe.yaml"))
			return true;
	return false;
}

int setup_read(struct ctl *c, const char *what, const json_t *order, struct setup *s, struct err *e)
{
	json_t *one;
	int rc;

	if (!what)
		return 0;
	s->body = json_object();
	if (payload_body(what, s->body, e) < 0)
		return -1;
	if (has_recipe(s->body))
		json_put_bool(s->body, "setup_only", true);
	/* Each instance has a run of its own. */
	one = json_copy((json_t *)(uintptr_t)order);
	json_object_del(one, "instances");
	rc = run_check(c, s->body, one, e);
	json_decref(one);
	return rc;
}

int setup_submit(struct ctl *c, struct setup *s, const json_t *fleet, struct err *e)
{
	const char *name = json_str(fleet, "name", "?");
	size_t wanted = (size_t)json_int(fleet, "instances_wanted", 1);

	if (!s->body)
		return 0;
	s->runs = xcalloc(wanted, sizeof(*s->runs));
	json_put_str(s->body, "fleet", name);
	for (size_t slot = 0; slot < wanted; slot++) {
		struct err problem = { 0 };
		json_t *answer = NULL;
		char key[33];
		int rc;

		ctl_new_key(key);
		json_put_int(s->body, "instance", (int64_t)slot);
		rc = ctl_post(c, "/v1/runs", s->body, key, &answer, &problem);
		s->runs[slot] = json_int(answer, "run.id", 0);
		json_decref(answer);
		if (rc < 0)
			return err_set(e, problem.code, "%s/%zu is not set up: %.300s\nthe fleet stays up; give it back: gpufleetctl down %s", name, slot,
			    problem.msg, name);
		s->count++;
	}
	return 0;
}

/* 1: it has ended; 0: not yet */
static int look(struct ctl *c, struct watch *w, int64_t id, char said[SAID_MAX], const char *label, json_t **run, struct err *e)
{
	const char *says;

	if (ctl_get_run(c, id, run, e) < 0)
		return watch_excuse(w, e);
	w->lost_since = 0;
	says = json_str(*run, "progress", "");
	if (*says && strcmp(says, said) != 0)
		progress_note(&w->progress, "%s: %s", label, says);
	str_copy_n(said, SAID_MAX, says);
	return !strcmp(json_str(*run, "state", ""), "DONE");
}

static int wait_one(struct ctl *c, struct watch *w, int64_t id, const char *label, const char *fleet, struct err *e)
{
	char said[SAID_MAX] = "", text[256];
	json_t *run = NULL;
	int rc;

	while ((rc = look(c, w, id, said, label, &run, e)) == 0) {
		snprintf(text, sizeof(text), "%.80s: setup %.120s", label, run ? show_run_state(run).s : "");
		progress_draw(&w->progress, text);
		json_decref(run);
		run = NULL;
		if (term_sleep(SECOND / 2))
			return -2;
	}
	progress_clear(&w->progress);
	if (rc > 0 && strcmp(json_str(run, "outcome", ""), "ok") != 0) {
		rc = err_set(e, ERR_FAILED, "the setup of %s: %s%s%.200s; what it wrote: gpufleetctl logs %lld\nthe fleet stays up; give it back: "
		    "gpufleetctl down %s", label, show_run_state(run).s, *json_str(run, "reason", "") ? ", " : "", json_str(run, "reason", ""),
		    (long long)id, fleet);
	} else if (rc > 0) {
		progress_note(&w->progress, "%s is set up", label);
		rc = 0;
	}
	json_decref(run);
	return rc;
}

int setup_wait(struct ctl *c, struct watch *w, const struct setup *s, const char *fleet, struct err *e)
{
	char label[96];
	int rc = 0;

	for (size_t slot = 0; rc == 0 && slot < s->count; slot++) {
		snprintf(label, sizeof(label), "%.63s/%zu", fleet, slot);
		rc = wait_one(c, w, s->runs[slot], label, fleet, e);
	}
	return rc;
}

void setup_free(struct setup *s)
{
	json_decref(s->body);
	free(s->runs);
	*s = (struct setup){ NULL };
}

#include "artifacts.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "execute.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_MS (60 * 1000)
#define EVERY_MS (60 * 60 * 1000)

struct artifacts {
	struct engine *en;
	duration keep;
	uv_timer_t timer;
	uv_work_t work;
	bool busy, closing;
	/* of the sweep under way */
	char dir[1024];
	instant before;
	char **live;
	size_t live_count;
	int removed;
	struct err error;
};

/* ---- sweeping ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)at;
	return type == FTW_DP || type == FTW_DNR ? rmdir(path) : unlink(path);
}

int artifacts_remove(const char *path)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* When anything in it changed last, two levels deep: output is appended to files, results are unpacked into a directory. */
static instant last_change(int runs, const char *key)
{
	static const char *const names[] = { "", "payload.tar", "stdout", "stderr", "results" };
	char path[128];
	instant last = 0;
	struct stat st;

	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		snprintf(path, sizeof(path), "%.60s/%s", key, names[k]);
		if (fstatat(runs, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
			last = instant_max(last, (instant)st.st_mtim.tv_sec * SECOND);
	}
	return last;
}

static bool is_live(const char *key, const char *const *live, size_t count)
{
	for (size_t k = 0; k < count; k++)
		if (!strcmp(live[k], key))
			return true;
	return false;
}

int artifacts_sweep(const char *runs, instant before, const char *const *live, size_t live_count, struct err *e)
{
	DIR *d = opendir(runs);
	struct dirent *de;
	char path[1200];
	instant last;
	int removed = 0;

	if (!d)
		return err_errno(e, ERR_FAILED, "cannot read '%s'", runs);
	while ((de = readdir(d))) {
		/* Keys are of letters and digits: anything else is not ours to delete. */
		if (!de->d_name[0] || strspn(de->d_name, "abcdefghijklmnopqrstuvwxyz234567") != strlen(de->d_name) ||
		    is_live(de->d_name, live, live_count))
			continue;
		last = last_change(dirfd(d), de->d_name);
		if (!last || last >= before)
			continue;
		snprintf(path, sizeof(path), "%s/%s", runs, de->d_name);
		if (artifacts_remove(path) == 0)
			removed++;
		else
			log_warn("the files of an old run cannot be deleted: '%s'", path);
	}
	closedir(d);
	return removed;
}

/* ---- the timer ---- */

static void sweep_work(uv_work_t *w)
{
	struct artifacts *a = CONTAINER_OF(w, struct artifacts, work);

	a->removed = artifacts_sweep(a->dir, a->before, (const char *const *)a->live, a->live_count, &a->error);
}

static void maybe_free(struct artifacts *a)
{
	if (!a->busy && a->closing)
		free(a);
}

static void on_closed(uv_handle_t *h)
{
	struct artifacts *a = h->data;

	a->closing = true;
	maybe_free(a);
}

static void sweep_done(uv_work_t *w, int status)
{
	struct artifacts *a = CONTAINER_OF(w, struct artifacts, work);

	(void)status;
	if (a->removed < 0)
		log_warn("old files of runs: %s", a->error.msg);
	else if (a->removed)
		log_info("the files of %d runs that ended long ago were deleted", a->removed);
	for (size_t k = 0; k < a->live_count; k++)
		free(a->live[k]);
	free(a->live);
	a->live = NULL;
	a->live_count = 0;
	a->busy = false;
	maybe_free(a);
}

static void on_timer(uv_timer_t *t)
{
	struct artifacts *a = t->data;
	const struct model *m = engine_model(a->en);
	const struct run *r;
	size_t at = 0;

	if (a->busy)
		return;
	execute_run_path(a->en, "", "", a->dir, sizeof(a->dir));
	a->before = clock_steady() - a->keep; /* a clock that somebody set forward deletes nothing */
	a->live = xcalloc(m->runs.count + 1, sizeof(*a->live));
	while ((r = model_each(&m->runs, &at)))
		if (r->state != RUN_DONE)
			a->live[a->live_count++] = xstrdup(r->key);
	a->busy = true;
	uv_queue_work(engine_loop(a->en), &a->work, sweep_work, sweep_done);
}

void artifacts_open(struct artifacts **out, struct engine *en, duration keep)
{
	struct artifacts *a;

	*out = NULL;
	if (!keep)
		return;
	a = *out = xcalloc(1, sizeof(*a));
	a->en = en;
	a->keep = keep;
	uv_timer_init(engine_loop(en), &a->timer);
	a->timer.data = a;
	uv_timer_start(&a->timer, on_timer, FIRST_MS, EVERY_MS);
}

void artifacts_close(struct artifacts *a)
{
	if (!a)
		return;
	uv_timer_stop(&a->timer);
	uv_close((uv_handle_t *)&a->timer, on_closed);
}

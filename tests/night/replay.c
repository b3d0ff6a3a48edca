#include "tests/night/replay.h"
#include "base/str.h"
#include "daemon/compile.h"
#include "daemon/site.h"
#include "daemon/trace.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES_MAX ((size_t)1 << 30)

struct player {
	char dir[40];
	struct rng rng;
	struct model model;
	struct store *store;
	struct trace *trace;
	struct wheel wheel;
	struct actions done;  /* handed out now and not yet found in the trace */
	struct actions then;  /* found in the trace and not yet handed out now */
	struct replayed *out;
};

static void differs(struct player *p, int64_t line, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void differs(struct player *p, int64_t line, const char *fmt, ...)
{
	va_list ap;

	if (p->out->different)
		return;
	p->out->different = line;
	va_start(ap, fmt);
	vsnprintf(p->out->difference, sizeof(p->out->difference), fmt, ap);
	va_end(ap);
}

static void act(void *arg, const struct action *a)
{
	struct player *p = arg;

	p->out->actions++;
	actions_add(&p->done, a->kind, a->id);
}

/* Both lists in step: what is in both goes from both. */
static void compare(struct player *p, int64_t line, bool all)
{
	size_t n = 0, k;

	while (n < p->done.count && n < p->then.count) {
		const struct action *a = &p->done.items[n], *b = &p->then.items[n];

		if (a->kind != b->kind || a->id != b->id)
			differs(p, line, "then: %s of %lld; now: %s of %lld", action_name(b->kind), (long long)b->id,
			    action_name(a->kind), (long long)a->id);
		n++;
	}
	if (all && n < p->done.count)
		differs(p, line, "now also: %s of %lld", action_name(p->done.items[n].kind), (long long)p->done.items[n].id);
	if (all && n < p->then.count)
		differs(p, line, "then also: %s of %lld", action_name(p->then.items[n].kind), (long long)p->then.items[n].id);
	for (k = n; k < p->done.count; k++)
		p->done.items[k - n] = p->done.items[k];
	p->done.count -= n;
	for (k = n; k < p->then.count; k++)
		p->then.items[k - n] = p->then.items[k];
	p->then.count -= n;
}

static void fact(struct player *p, struct trace_line *l)
{
	struct fact *f = &l->fact;

	l->applied = true;
	p->out->facts++;
	wheel_fact(&p->wheel, f);
	if ((f->error.code != ERR_NONE) != l->refused)
		differs(p, l->number, "fact %d was %s then", (int)f->kind, l->refused ? "refused" : "taken");
	else if (!l->refused && l->answer != f->answer_id)
		differs(p, l->number, "it became %lld then and %lld now", (long long)l->answer, (long long)f->answer_id);
}

static int play(struct player *p, struct err *e)
{
	struct trace_line l;

	do {
		if (trace_next(p->trace, &l, e) < 0) {
			trace_line_free(&l);
			return -1;
		}
		switch (l.what) {
		case TRACE_FACT: fact(p, &l); break;
		case TRACE_TURN:
			compare(p, l.number, true);
			p->out->turns++;
			wheel_turn(&p->wheel, l.at);
			break;
		case TRACE_STORED:
			if (!l.ok)
				return err_set(e, ERR_FAILED, "line %lld: the disk failed there, which cannot be replayed", (long long)l.number);
			store_deliver(p->store);
			break;
		case TRACE_ACT: actions_add(&p->then, l.act.kind, l.act.id); break;
		case TRACE_END: break;
		}
		compare(p, l.number, false);
		trace_line_free(&l);
	} while (l.what != TRACE_END && !p->out->different);
	return 0;
}

/* The database is played on, so on a copy. */
static int copy_file(const char *from, const char *to, struct err *e)
{
	mode_t old = umask(077);
	FILE *in = fopen(from, "re"), *out = in ? fopen(to, "we") : NULL;
	char chunk[65536];
	size_t n, total = 0;
	int r = 0;

	umask(old);
	if (!out)
		r = err_errno(e, ERR_USAGE, "cannot copy '%s'", from);
	while (r == 0 && (n = fread(chunk, 1, sizeof(chunk), in)) > 0)
		if ((total += n) > COPY_BYTES_MAX || fwrite(chunk, 1, n, out) != n)
			r = err_set(e, ERR_FAILED, "cannot copy '%s' to '%s'", from, to);
	if (in)
		fclose(in);
	if (out && fclose(out) != 0 && r == 0)
		r = err_errno(e, ERR_FAILED, "cannot write '%s'", to);
	return r;
}

static int begin(struct player *p, const char *dir, const char *state_dir, struct err *e)
{
	char from[512], to[64];
	struct site site;
	instant since;

	snprintf(from, sizeof(from), "%s/before.db", dir);
	snprintf(to, sizeof(to), "%s/gpufleet.db", p->dir);
	if (site_load(&site, state_dir, false, e) < 0)
		return -1;
	memcpy(p->model.mark_key, site.key, sizeof(p->model.mark_key));
	site_wipe(&site);
	if (trace_open(&p->trace, dir, &p->model, &since, e) < 0 || copy_file(from, to, e) < 0 ||
	    store_open(&p->store, &(struct store_options){ .path = to }, e) < 0 || store_load(p->store, &p->model, since, e) < 0)
		return -1;
	wheel_init(&p->wheel, &(struct wheel_options){ .store = p->store, .model = &p->model, .act = act, .arg = p });
	return 0;
}

static void end(struct player *p)
{
	static const char *const files[] = { "gpufleet.db", "gpufleet.db-wal", "gpufleet.db-shm" };
	char path[64];

	store_close(p->store);
	trace_close(p->trace);
	model_free(&p->model);
	actions_free(&p->done);
	actions_free(&p->then);
	for (size_t k = 0; k < ARRAY_LEN(files); k++) {
		snprintf(path, sizeof(path), "%s/%s", p->dir, files[k]);
		unlink(path);
	}
	rmdir(p->dir);
}

int replay(const char *dir, const char *state_dir, struct replayed *out, struct err *e)
{
	struct player p = { .dir = "/tmp/gpufleet-replay-XXXXXX", .out = out };
	int r;

	memset(out, 0, sizeof(*out));
	if (!mkdtemp(p.dir))
		return err_errno(e, ERR_FAILED, "cannot make a directory below /tmp");
	rng_seed(&p.rng, 0);
	model_init(&p.model, &p.rng);
	p.model.compile = compile_for_model; /* without the configuration: its limits are not in a trace */
	r = begin(&p, dir, state_dir, e);
	if (r == 0) {
		r = play(&p, e);
		store_flush(p.store);
		wheel_free(&p.wheel);
	}
	end(&p);
	return r;
}

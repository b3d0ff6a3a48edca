#include "trace.h"
#include "base/log.h"
#include "base/str.h"
#include "base/version.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_ (16u << 20) /* a listing of some thousand machines is a few MiB */

struct trace {
	FILE *file;
	char *path;
	json_t *pending; /* a fact that the core has not answered yet */
	char *line;      /* reading */
	size_t cap;
	int64_t number;
};

/* ---- the first line ---- */

/* Durations and counts of the policy in the order of their declaration: a trace is read by the version that wrote it. */
static json_t *bytes_json(const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *b = p;
	char *hex = xmalloc(2 * n + 1);
	json_t *j;

	for (size_t k = 0; k < n; k++) {
		hex[2 * k] = digits[b[k] >> 4];
		hex[2 * k + 1] = digits[b[k] & 15];
	}
	hex[2 * n] = '\0';
	j = json_string(hex);
	free(hex);
	return j;
}

static bool bytes_read(void *p, size_t n, const char *hex)
{
	unsigned char *b = p;

	if (!hex || strlen(hex) != 2 * n)
		return false;
	for (size_t k = 0; k < n; k++) {
		unsigned byte;

		if (sscanf(hex + 2 * k, "%2x", &byte) != 1)
			return false;
		b[k] = (unsigned char)byte;
	}
	return true;
}

static json_t *head_json(const struct model *m, uint64_t seed, instant since)
{
	json_t *o = json_object(), *accounts = json_array();

	json_put_int(o, "trace", 1);
	json_put_str(o, "version", GPUFLEET_VERSION);
	json_put_str(o, "site", m->site);
	json_put(o, "seed", bytes_json(&seed, sizeof(seed)));
	json_put_int(o, "since", since);
	json_put(o, "policy", bytes_json(&m->policy, sizeof(m->policy)));
	for (size_t k = 0; k < m->account_count; k++)
		json_array_append_new(accounts, bytes_json(&m->accounts[k]->facts, sizeof(m->accounts[k]->facts)));
	json_put(o, "accounts", accounts);
	return o;
}

static int head_read(struct model *m, const json_t *head, instant *since, struct err *e)
{
	const json_t *accounts = json_path(head, "accounts"), *item;
	struct account_facts facts;
	uint64_t seed;
	size_t k;

	if (json_int(head, "trace", 0) != 1 || strcmp(json_str(head, "version", ""), GPUFLEET_VERSION) != 0)
		return err_set(e, ERR_FAILED, "not a trace of gpufleet " GPUFLEET_VERSION " (%.40s)", json_str(head, "version", "no version"));
	if (!bytes_read(&seed, sizeof(seed), json_str(head, "seed", NULL)) ||
	    !bytes_read(&m->policy, sizeof(m->policy), json_str(head, "policy", NULL)))
		return err_set(e, ERR_FAILED, "its first line is damaged, or another build wrote it");
	str_copy(m->site, json_str(head, "site", ""));
	*since = json_int(head, "since", 0);
	json_array_foreach(accounts, k, item) {
		if (!bytes_read(&facts, sizeof(facts), json_string_value(item)))
			return err_set(e, ERR_FAILED, "account %zu of its first line is damaged", k + 1);
		model_add_account(m, &facts)->configured = true;
	}
	rng_seed(m->rng, seed);
	return 0;
}

/* ---- writing ---- */

/* A trace that cannot be written ends; the daemon goes on. */
static void put(struct trace *t, json_t *line)
{
	char *text = json_text(line);

	if (t->file && (fprintf(t->file, "%s\n", text) < 0 || fflush(t->file) != 0)) {
		log_error("the trace '%s' ends here: %s", t->path, strerror(errno));
		fclose(t->file);
		t->file = NULL;
	}
	free(text);
	json_decref(line);
}

static json_t *line_at(instant at)
{
	json_t *o = json_object();

	json_put_int(o, "at", at);
	return o;
}

static int open_new(struct trace *t, struct err *e)
{
	int fd = open(t->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(e, ERR_USAGE, "cannot make the trace '%s'", t->path);
	t->file = fdopen(fd, "w");
	return 0;
}

int trace_create(struct trace **out, const char *dir, struct store *s, struct model *m, instant since, struct err *e)
{
	struct trace *t = xcalloc(1, sizeof(*t));
	char *copy = xasprintf("%s/before.db", dir);
	uint64_t seed = rng_u64(m->rng);
	int r;

	t->path = xasprintf("%s/facts.jsonl", dir);
	r = mkdir(dir, 0700) < 0 && errno != EEXIST ? err_errno(e, ERR_USAGE, "cannot make the directory '%s'", dir) : 0;
	if (r == 0)
		r = open_new(t, e);
	if (r == 0)
		r = store_copy(s, copy, e);
	free(copy);
	if (r < 0) {
		trace_close(t);
		return -1;
	}
	rng_seed(m->rng, seed);
	put(t, head_json(m, seed, since));
	*out = t;
	return 0;
}

void trace_fact(struct trace *t, const struct fact *f)
{
	if (!t)
		return;
	json_decref(t->pending);
	t->pending = trace_fact_json(f);
}

void trace_answer(struct trace *t, const struct fact *f)
{
	json_t *o;

	if (!t)
		return;
	o = line_at(f->time);
	json_put(o, "fact", t->pending);
	t->pending = NULL;
	if (f->error.code)
		json_put_str(o, "refused", f->error.msg);
	else if (f->answer_id)
		json_put_int(o, "answer", f->answer_id);
	put(t, o);
}

void trace_turn(struct trace *t, instant now)
{
	json_t *o;

	if (!t)
		return;
	o = line_at(now);
	json_put_bool(o, "turn", true);
	put(t, o);
}

void trace_stored(struct trace *t, instant now, bool ok)
{
	json_t *o;

	if (!t)
		return;
	o = line_at(now);
	json_put_bool(o, "stored", ok);
	put(t, o);
}

void trace_act(struct trace *t, instant now, const struct action *a)
{
	json_t *o;

	if (!t)
		return;
	o = line_at(now);
	json_put_str(o, "act", action_name(a->kind));
	json_put_int(o, "id", a->id);
	put(t, o);
}

void trace_close(struct trace *t)
{
	if (!t)
		return;
	if (t->file)
		fclose(t->file);
	json_decref(t->pending);
	free(t->line);
	free(t->path);
	free(t);
}

/* ---- reading ---- */

/* 0: the end. */
static int read_json(struct trace *t, json_t **out, struct err *e)
{
	ssize_t n = getline(&t->line, &t->cap, t->file);

	*out = NULL;
	if (n < 0)
		return 0;
	t->number++;
	if ((size_t)n > LINE_MAX_)
		return err_set(e, ERR_FAILED, "'%s' line %lld is too long", t->path, (long long)t->number);
	*out = json_read(t->line, (size_t)n, e);
	return *out ? 1 : err_wrap(e, "'%s' line %lld", t->path, (long long)t->number);
}

int trace_open(struct trace **out, const char *dir, struct model *m, instant *since, struct err *e)
{
	struct trace *t = xcalloc(1, sizeof(*t));
	json_t *head = NULL;
	int r;

	t->path = xasprintf("%s/facts.jsonl", dir);
	t->file = fopen(t->path, "re");
	if (!t->file) {
		err_errno(e, ERR_USAGE, "cannot read the trace '%s'", t->path);
		trace_close(t);
		return -1;
	}
	r = read_json(t, &head, e);
	if (r == 0)
		r = err_set(e, ERR_FAILED, "it is empty");
	if (r > 0)
		r = head_read(m, head, since, e);
	json_decref(head);
	if (r < 0) {
		err_wrap(e, "trace '%s'", t->path);
		trace_close(t);
		return -1;
	}
	*out = t;
	return 0;
}

static int action_from_name(const char *s)
{
	for (int k = 0; k < ACTIONS; k++)
		if (!strcmp(action_name((enum action_kind)k), s))
			return k;
	return -1;
}

static int line_read(struct trace_line *line, const json_t *j, struct err *e)
{
	const char *act = json_str(j, "act", NULL);
	int kind;

	line->at = json_int(j, "at", 0);
	if (json_path(j, "fact")) {
		line->what = TRACE_FACT;
		line->answer = json_int(j, "answer", 0);
		line->refused = json_path(j, "refused") != NULL;
		return trace_fact_read(&line->fact, json_path(j, "fact"), e);
	}
	if (act) {
		kind = action_from_name(act);
		line->what = TRACE_ACT;
		line->act = (struct action){ .kind = (enum action_kind)kind, .id = json_int(j, "id", 0) };
		return kind < 0 ? err_set(e, ERR_FAILED, "no such action: %.40s", act) : 0;
	}
	line->what = json_path(j, "turn") ? TRACE_TURN : TRACE_STORED;
	line->ok = json_bool(j, "stored", false);
	return 0;
}

int trace_next(struct trace *t, struct trace_line *line, struct err *e)
{
	json_t *j;
	int r = read_json(t, &j, e);

	memset(line, 0, sizeof(*line));
	line->number = t->number;
	if (r <= 0)
		return r;
	r = line_read(line, j, e);
	json_decref(j);
	return r < 0 ? err_wrap(e, "'%s' line %lld", t->path, (long long)t->number) : 0;
}

void trace_line_free(struct trace_line *line)
{
	if (line->what == TRACE_FACT)
		trace_fact_free(&line->fact, line->applied);
}

#include "remote/result_vllm_run.h"
#include "base/str.h"
#include "remote/result_vllm.h"
#include "remote/result_vllm_log.h"

void result_cell_labels(const struct result_cell *c, char labels[TEXT_MAX])
{
	json_t *o = json_object();
	char *text;

	json_put_str(o, "scenario", c->scenario);
	if (c->input)
		json_put_int(o, "input", c->input);
	if (c->output)
		json_put_int(o, "output", c->output);
	if (c->concurrency)
		json_put_int(o, "concurrency", c->concurrency);
	if (c->repeat)
		json_put_int(o, "repeat", c->repeat);
	if (*c->reason)
		json_put_str(o, "reason", c->reason);
	if (*c->detail)
		json_put_str(o, "detail", c->detail);
	text = json_text(o);
	json_decref(o);
	if (!str_copy_n(labels, TEXT_MAX, text)) { /* the detail is what may be long */
		struct result_cell shorter = *c;

		shorter.detail[0] = '\0';
		free(text);
		result_cell_labels(&shorter, labels);
		return;
	}
	free(text);
}

static void safe_text(char *dst, size_t size, const char *src)
{
	struct buf b = BUF(size - 1);

	str_safe(&b, src, strnlen(src, size - 1), false);
	/* Escapes are longer than what they stand for: what does not fit whole is left out. */
	str_copy_n(dst, size, buf_str(&b));
	buf_free(&b);
}

static int small(const json_t *line, const char *key)
{
	int64_t v = json_int(line, key, 0);

	return v > 0 && v < 100000000 ? (int)v : 0;
}

static bool read_planned(const json_t *line, struct result_planned *p)
{
	memset(p, 0, sizeof(*p));
	p->cell.input = small(line, "input");
	p->cell.output = small(line, "output");
	p->cell.concurrency = small(line, "concurrency");
	p->cell.repeat = small(line, "repeat");
	safe_text(p->cell.scenario, sizeof(p->cell.scenario), json_str(line, "scenario", ""));
	safe_text(p->cell.reason, sizeof(p->cell.reason), json_str(line, "reason", ""));
	safe_text(p->cell.detail, sizeof(p->cell.detail), json_str(line, "detail", ""));
	str_copy(p->file, json_str(line, "file", ""));
	str_copy(p->status, json_str(line, "status", ""));
	return *p->cell.scenario && (!strcmp(p->status, "ran") || !strcmp(p->status, "skipped") || !strcmp(p->status, "failed"));
}

static bool same_cell(const struct result_cell *a, const struct result_cell *b)
{
	return !strcmp(a->scenario, b->scenario) && a->concurrency == b->concurrency && a->repeat == b->repeat;
}

size_t result_plan(const struct result_file *f, struct result_planned *all, struct results *out)
{
	size_t count = 0;

	for (size_t at = 0; at < f->n;) {
		const char *nl = memchr(f->text + at, '\n', f->n - at);
		size_t len = nl ? (size_t)(nl - f->text) - at : f->n - at, k = 0;
		json_t *line = len ? json_read(f->text + at, len, NULL) : NULL;
		struct result_planned p;

		if (line && read_planned(line, &p)) {
			while (k < count && !same_cell(&all[k].cell, &p.cell))
				k++;
			if (k < RESULT_CELLS_MAX) {
				all[k] = p;
				count = k == count ? count + 1 : count;
			}
		} else if (len) {
			out->bad++;
		}
		json_decref(line);
		at += len + 1;
	}
	return count;
}

void result_status(const struct result_cell *c, const char *status, const char *reason, const char *detail, struct results *out)
{
	struct result_cell said = *c;
	char labels[TEXT_MAX];

	str_copy(said.reason, reason);
	safe_text(said.detail, sizeof(said.detail), detail);
	result_cell_labels(&said, labels);
	results_text(out, "status", status, labels);
}

/* The document of a repeat, or what was printed in its place; NULL with a sentence. */
static json_t *find_document(const struct result_file *files, size_t count, const char *name, struct err *e)
{
	char path[160];
	const struct result_file *f;
	json_t *doc = NULL;

	snprintf(path, sizeof(path), "%s.json", name);
	f = result_file_find(files, count, path);
	if (f)
		doc = vllm_document(f->text, f->n, NULL, e);
	else
		err_set(e, ERR_FAILED, "there is no %s", path);
	if (doc)
		return doc;
	snprintf(path, sizeof(path), "%s.out", name);
	f = result_file_find(files, count, path);
	return f ? vllm_printed(f->text, f->n) : NULL;
}

/* Why a cell has no document: what its own command printed is nearer than the log of a server, `cause`. NULL: nobody says. */
static const char *cause_of(const struct result_file *files, size_t count, const struct result_planned *p, const char *cause)
{
	const struct result_file *f;
	const char *own;
	char path[160];

	snprintf(path, sizeof(path), "%s.out", p->file);
	f = result_file_find(files, count, path);
	own = f ? vllm_log_reason(f->text, f->n) : NULL;
	return own ? own : cause;
}

/* `cause`: what the server's log says of its end, or NULL. */
static void read_cell(const struct result_file *files, size_t count, const struct result_planned *p, const char *cause, struct results *out)
{
	struct vllm_asked asked = { p->cell.input, p->cell.output, p->cell.concurrency };
	struct result_cell plain = p->cell;
	struct vllm_verdict v;
	char labels[TEXT_MAX];
	struct err e = { 0 };
	json_t *doc;

	if (strcmp(p->status, "ran") != 0) {
		if (str_starts(p->cell.reason, "server_"))
			cause = cause_of(files, count, p, cause);
		else
			cause = NULL;
		result_status(&p->cell, p->status, cause ? cause : p->cell.reason, p->cell.detail, out);
		return;
	}
	doc = find_document(files, count, p->file, &e);
	if (!doc) {
		result_status(&p->cell, "failed", "parse_error", e.msg, out);
		return;
	}
	plain.reason[0] = plain.detail[0] = '\0';
	result_cell_labels(&plain, labels);
	v = vllm_rows(doc, &asked, labels, out);
	/* The recipe asked the server itself why nothing came: that is nearer to the cause. */
	if (!strcmp(v.status, "failed") && *p->cell.reason)
		result_status(&p->cell, v.status, p->cell.reason, p->cell.detail, out);
	else
		result_status(&p->cell, v.status, v.reason, v.detail, out);
	json_decref(doc);
}

/* What a document that nobody planned is called: as its metadata says, else as its file; the ends of long names differ. */
static void loose_name(const json_t *doc, const char *file, struct result_cell *c)
{
	size_t n = strlen(file), size = sizeof(c->scenario) - 1;

	safe_text(c->scenario, sizeof(c->scenario), json_str(doc, "scenario", ""));
	if (!*c->scenario)
		safe_text(c->scenario, sizeof(c->scenario), n > size ? file + n - size : file);
	sscanf(c->scenario, "%8dx%8d", &c->input, &c->output);
}

static void loose_rows(const json_t *doc, const char *file, int *repeat, struct results *out)
{
	struct result_cell c = { .repeat = ++*repeat };
	struct vllm_verdict v;
	char labels[TEXT_MAX];

	/* --metadata is merged at the top level, as strings (benchmarks §1.1). */
	loose_name(doc, file, &c);
	c.concurrency = small(doc, "max_concurrency");
	c.repeat = small(doc, "repeat") ? small(doc, "repeat") : *repeat;
	result_cell_labels(&c, labels);
	v = vllm_rows(doc, &(struct vllm_asked){ 0 }, labels, out);
	result_status(&c, v.status, v.reason, v.detail, out);
}

/* Files that nobody planned: an imported directory, a script of one's own. */
static void read_loose(const struct result_file *f, int *repeat, struct results *out)
{
	for (size_t at = 0, used; at < f->n; at += used ? used : 1) {
		struct err e;
		json_t *doc = vllm_document(f->text + at, f->n - at, &used, &e);

		if (doc && vllm_kind_of(doc) != VLLM_NONE)
			loose_rows(doc, f->name, repeat, out);
		json_decref(doc);
	}
}

/* Where there is no document at all, what was printed. */
static void read_loose_printed(const struct result_file *f, int *repeat, struct results *out)
{
	json_t *doc = vllm_printed(f->text, f->n);

	if (doc)
		loose_rows(doc, f->name, repeat, out);
	json_decref(doc);
}

static bool is_log(const char *file)
{
	return !strcmp(file, "server.log") || !strcmp(file, "scenarios.jsonl");
}

static void read_unplanned(const struct result_file *files, size_t count, struct results *out)
{
	int repeat = 0;

	for (size_t k = 0; k < count; k++)
		if (!is_log(files[k].name))
			read_loose(&files[k], &repeat, out);
	for (size_t k = 0, documents = (size_t)repeat; !documents && k < count; k++)
		if (!is_log(files[k].name))
			read_loose_printed(&files[k], &repeat, out);
}

static bool owns(const struct result_file *f)
{
	bool is = false;
	json_t *doc;

	if (is_log(f->name))
		return false;
	for (size_t at = 0, used; !is && at < f->n; at += used ? used : 1) {
		doc = vllm_document(f->text + at, f->n - at, &used, &(struct err){ 0 });
		is = doc && vllm_kind_of(doc) != VLLM_NONE;
		json_decref(doc);
	}
	if (!is) {
		doc = vllm_printed(f->text, f->n);
		is = doc != NULL;
		json_decref(doc);
	}
	return is;
}

static bool has_tail(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n > t && !strcmp(name + n - t, tail);
}

static bool wants(const char *file)
{
	/* *.pytorch.json is a second, different spelling of a document (benchmarks §1.1). */
	return !has_tail(file, ".pytorch.json") && strcmp(file, "manifest.json") != 0 &&
	       (has_tail(file, ".json") || has_tail(file, ".out") || !strcmp(file, "scenarios.jsonl") || !strcmp(file, "server.log"));
}

static void read_files(const struct result_file *files, size_t count, struct results *out)
{
	const struct result_file *plan = result_file_find(files, count, "scenarios.jsonl");
	const struct result_file *log = result_file_find(files, count, "server.log");
	struct result_planned *all = xcalloc(RESULT_CELLS_MAX, sizeof(*all));
	size_t cells = plan ? result_plan(plan, all, out) : 0;
	const char *cause = log ? vllm_log_reason(log->text, log->n) : NULL;

	for (size_t k = 0; k < cells; k++)
		read_cell(files, count, &all[k], cause, out);
	if (!plan)
		read_unplanned(files, count, out);
	free(all);
	if (log)
		vllm_log_rows(log->text, log->n, out);
	if (out->bad)
		snprintf(out->message, sizeof(out->message), "%zu lines of scenarios.jsonl were not understood", out->bad);
}

const struct result_reader result_vllm_run = { "vllm-bench", wants, owns, read_files };

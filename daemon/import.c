#include "import.h"
#include "base/str.h"
#include "remote/result_vllm.h"
#include "report/published.h"

#define PUBLISHED "benchmark_nvidia_format"

void import_readers(char out[256])
{
	struct buf b = BUF(255);

	for (const char *const *name = result_reader_names(); *name; name++)
		buf_printf(&b, "%s%s", b.len ? ", " : "", *name);
	buf_printf(&b, " and %s", PUBLISHED);
	str_copy_n(out, 256, buf_str(&b));
	buf_free(&b);
}

static struct result_file file_of(const json_t *f)
{
	const char *text = json_str(f, "text", "");

	return (struct result_file){ json_str(f, "name", "file"), text, strlen(text) };
}

/* What a name alone says: part of a run's directory, and a document of nobody. */
static bool is_beside(const char *name)
{
	static const char *const names[] = { "manifest.json", "scenarios.jsonl", "server.log", "telemetry.jsonl", "telemetry.csv", "marks.jsonl" };

	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		if (!strcmp(name, names[k]))
			return true;
	return false;
}

static bool is_planned(const json_t *files)
{
	const json_t *f;
	size_t k;

	json_array_foreach(files, k, f)
		if (!strcmp(json_str(f, "name", ""), "scenarios.jsonl"))
			return true;
	return false;
}

/* Why the files are nobody's. */
static int refuse(const json_t *files, struct err *e)
{
	struct result_file f = file_of(json_array_get(files, 0));
	const char *at = f.text + strspn(f.text, " \t\r\n\xef\xbb\xbf");
	struct err bad = { 0 };
	char readers[256];
	json_t *doc = NULL;

	import_readers(readers);
	if (json_array_size(files) > 1)
		return err_set(e, ERR_USAGE, "%.60s and %zu other files hold no document of any reader; the readers are %s", f.name,
		    json_array_size(files) - 1, readers);
	if (!*at)
		return err_set(e, ERR_USAGE, "%.60s is empty; the readers are %s", f.name, readers);
	if (*at == '{')
		doc = vllm_document(at, strlen(at), NULL, &bad);
	json_decref(doc);
	if (bad.code)
		return err_set(e, ERR_USAGE, "%.60s is not whole JSON (%.100s); the readers are %s", f.name, bad.msg, readers);
	return err_set(e, ERR_USAGE, "%.60s is no document of any reader; the readers are %s", f.name, readers);
}

/* The one reader whose documents these are; NULL with *e. */
static const struct result_reader *find_reader(const json_t *files, struct err *e)
{
	const struct result_reader *found = NULL, *said = NULL;
	const char *first = "";
	const json_t *f;
	size_t k;

	json_array_foreach(files, k, f) {
		struct result_file file = file_of(f);
		const struct result_reader *r = is_beside(file.name) ? NULL : result_reader_of(&file);

		/* Another reader's run may say more in it. */
		if (r && !strcmp(file.name, "results.jsonl") && !strcmp(r->name, "gpufleet-jsonl")) {
			said = r;
			continue;
		}
		if (r && found && r != found) {
			err_set(e, ERR_USAGE, "%.60s is for the reader %s and %.60s for %s: import them apart, or name a reader (--reader)", first, found->name,
			    file.name, r->name);
			return NULL;
		}
		if (r && !found) {
			found = r;
			first = file.name;
		}
	}
	if (found || said)
		return found ? found : said;
	/* A run that measured nothing has its plan, in which all of them say why. */
	if (is_planned(files))
		return result_reader_find("vllm-bench");
	refuse(files, e);
	return NULL;
}

/* What the documents say of themselves, as an import says it. */
static void put_facts(const struct results *r, json_t *import)
{
	static const char *const facts[][2] = { { "model", "model" }, { "model_type", "model" }, { "gpu_info", "gpu" } };

	for (size_t i = 0; i < ARRAY_LEN(facts); i++)
		for (size_t k = 0; k < r->count; k++)
			if (!strcmp(r->rows[k].metric, facts[i][0]) && !r->rows[k].number && *r->rows[k].text && !strcmp(r->rows[k].labels, "{}") &&
			    !strchr(r->rows[k].text, ',') && !json_object_get(import, facts[i][1]))
				json_put_str(import, facts[i][1], r->rows[k].text);
}

static json_t *rows_of(const struct results *r)
{
	json_t *rows = json_array();

	for (size_t k = 0; k < r->count; k++) {
		const struct result_metric *m = &r->rows[k];
		json_t *row = json_object();

		json_put_str(row, "metric", m->metric);
		json_put_str(row, "unit", m->unit);
		if (m->number)
			json_put(row, "value", json_real(m->value));
		else
			json_put_str(row, "text", m->text);
		json_put(row, "labels", json_read(m->labels, strlen(m->labels), NULL));
		json_array_append_new(rows, row);
	}
	return rows;
}

/* By a reader that runs have, as it would read a run's directory; a document of its own may be called anything. */
static json_t *read_with(const struct result_reader *reader, const json_t *files, bool named, char note[256], struct err *e)
{
	struct result_file *list = xcalloc(json_array_size(files) + 1, sizeof(*list));
	struct results r = { 0 };
	json_t *out = NULL, *import;
	const json_t *f;
	size_t k, n = 0;

	json_array_foreach(files, k, f) {
		struct result_file file = file_of(f);

		if (result_wants(reader, file.name) || (!is_beside(file.name) && (named || reader->owns(&file))))
			list[n++] = file;
	}
	result_read(reader, list, n, &r);
	if (r.count) {
		out = json_object();
		json_put(out, "import", import = json_object());
		json_put(out, "results", rows_of(&r));
		put_facts(&r, import);
		str_copy_n(note, 256, r.message);
	} else if (named) {
		err_set(e, ERR_USAGE, "the reader %s finds no figure in %.60s%s%s%.100s", reader->name, json_str(json_array_get(files, 0), "name", "file"),
		    json_array_size(files) > 1 ? " and the other files" : "", *r.message ? ": " : "", r.message);
	} else {
		refuse(files, e);
	}
	results_free(&r);
	free(list);
	return out;
}

static json_t *read_published(const json_t *files, struct err *e)
{
	struct result_file f = file_of(json_array_get(files, 0));

	if (json_array_size(files) == 1)
		return published_read(f.name, f.text, f.n, e);
	err_set(e, ERR_USAGE, "a %s file is imported by itself, not %zu files together", PUBLISHED, json_array_size(files));
	return NULL;
}

json_t *import_read(const json_t *files, const char *reader, char note[256], struct err *e)
{
	const struct result_reader *r = NULL;
	char readers[256];
	const json_t *f;
	size_t k;

	*note = '\0';
	if (!strcmp(reader, PUBLISHED))
		return read_published(files, e);
	if (*reader) {
		r = result_reader_find(reader);
		if (!r) {
			import_readers(readers);
			err_set(e, ERR_USAGE, "there is no reader '%.40s'; there are %s", reader, readers);
			return NULL;
		}
		return read_with(r, files, true, note, e);
	}
	json_array_foreach(files, k, f) {
		struct result_file file = file_of(f);

		if (published_owns(file.text, file.n))
			return read_published(files, e);
	}
	r = find_reader(files, e);
	return r ? read_with(r, files, false, note, e) : NULL;
}

/* results import, imports and forget: published or older results, so that runs can be compared with them. */
#include "base/str.h"
#include "ctl/bench.h"
#include "ctl/runs.h"
#include "ctl/show.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILES_MAX 2000
#define BYTES_MAX ((size_t)48 * 1024 * 1024)

static int add_file(json_t *files, const char *path, size_t *bytes, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct buf text = BUF(BYTES_MAX - *bytes);
	const char *slash = strrchr(path, '/');
	char chunk[65536];
	ssize_t n = 0;
	json_t *file;
	bool fits = true;
	int rc = -1;

	while (fd >= 0 && fits && (n = read(fd, chunk, sizeof(chunk))) > 0)
		fits = buf_append(&text, chunk, (size_t)n);
	if (fd < 0 || n < 0)
		err_errno(e, ERR_USAGE, "cannot read '%s'", path);
	else if (!fits)
		err_set(e, ERR_USAGE, "'%s' takes the files beyond %zu MiB", path, BYTES_MAX >> 20);
	else if (!str_is_utf8(buf_str(&text), text.len) || memchr(buf_str(&text), 0, text.len))
		err_set(e, ERR_USAGE, "'%s' is not text", path);
	else
		rc = 0;
	if (rc == 0) {
		file = json_object();
		json_put_str(file, "name", slash ? slash + 1 : path);
		json_put_str(file, "text", buf_str(&text));
		json_array_append_new(files, file);
		*bytes += text.len;
	}
	if (fd >= 0)
		close(fd);
	buf_free(&text);
	return rc;
}

static void put_option(const struct args *a, json_t *body, const char *option, const char *key)
{
	if (args_has(a, option))
		json_put_str(body, key, args_text(a, option));
}

static int number_option(const struct args *a, json_t *body, const char *option, const char *key, struct err *e)
{
	double v;

	if (!args_has(a, option))
		return 0;
	if (!str_to_double(args_text(a, option), &v) || v <= 0 || v > 1e9)
		return err_set(e, ERR_USAGE, "--%s wants a number above 0, not '%.40s'", option, args_text(a, option));
	json_put(body, key, json_real(v));
	return 0;
}

/* "MI300X:8" */
static void gpu_option(const struct args *a, json_t *body)
{
	const char *text = args_has(a, "gpu") ? args_text(a, "gpu") : NULL, *colon = text ? strrchr(text, ':') : NULL;
	int64_t count = 1;
	char *name;

	if (!text)
		return;
	name = colon && str_to_i64(colon + 1, 1, 10000, &count) ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
	json_put_str(body, "gpu", name);
	json_put_int(body, "gpu_count", count);
	free(name);
}

static int import_body(const struct args *a, json_t *body, struct err *e)
{
	json_t *files = json_array();
	size_t bytes = 0;

	json_put(body, "files", files);
	if (a->word_count < 2)
		return err_set(e, ERR_USAGE, "which files? gpufleetctl results import FILE... --name NAME");
	if (!args_has(a, "name"))
		return err_set(e, ERR_USAGE, "what is it to be called? say --name NAME");
	if (a->word_count - 1 > FILES_MAX)
		return err_set(e, ERR_USAGE, "more than %d files", FILES_MAX);
	json_put_str(body, "name", args_text(a, "name"));
	put_option(a, body, "reader", "reader");
	put_option(a, body, "title", "title");
	put_option(a, body, "model", "model");
	put_option(a, body, "precision", "precision");
	put_option(a, body, "server", "server");
	gpu_option(a, body);
	if (number_option(a, body, "price", "price_hour", e) < 0 || number_option(a, body, "weights", "weights_gib", e) < 0)
		return -1;
	for (size_t k = 1; k < a->word_count; k++)
		if (add_file(files, a->words[k], &bytes, e) < 0)
			return -1;
	return 0;
}

/* Figures that belong to no scenario are shown one by one. */
void results_print_import(const json_t *report)
{
	if (json_array_size(json_object_get(report, "results")))
		ctl_print_results(report, RESULTS_TABLE, stdout);
	else
		bench_print(json_object_get(report, "bench"), stdout);
}

/* What was understood is shown at once: a comparison with something misread is worse than none. */
int results_import(struct ctl *c, struct err *e)
{
	json_t *body = json_object(), *answer = NULL, *doc = NULL;
	char key[33], *path;
	int rc = import_body(&c->args, body, e);

	ctl_new_key(key);
	if (rc == 0)
		rc = ctl_post(c, "/v1/imports", body, key, &answer, e);
	if (rc == 0) {
		path = ctl_path("/v1/runs/%s/report", args_text(&c->args, "name"));
		rc = ctl_get(c, path, &doc, e);
		free(path);
	}
	if (rc == 0 && *json_str(answer, "note", ""))
		ctl_say("%s", json_str(answer, "note", ""));
	if (rc == 0 && c->json) {
		ctl_print_json(doc);
	} else if (rc == 0) {
		results_print_import(doc);
		ctl_say("compare with it: gpufleetctl compare %s RUN", args_text(&c->args, "name"));
	}
	json_decref(doc);
	json_decref(answer);
	json_decref(body);
	return rc;
}

int results_imports(struct ctl *c, struct err *e)
{
	static const struct column columns[] = { { "NAME", LEFT, 8, 0 }, { "OWNER", LEFT, 0, 1 }, { "SINCE", LEFT, 0, 0 } };
	struct table t;
	const json_t *row;
	json_t *answer;
	size_t k;

	if (ctl_get(c, "/v1/imports", &answer, e) < 0)
		return -1;
	if (c->json) {
		ctl_print_json(answer);
	} else {
		table_init(&t, columns, ARRAY_LEN(columns));
		json_array_foreach(json_object_get(answer, "imports"), k, row) {
			table_row(&t);
			table_cell(&t, STYLE_PLAIN, "%s", json_str(row, "name", ""));
			table_cell(&t, STYLE_PLAIN, "%s", json_str(row, "owner", ""));
			table_cell(&t, STYLE_PLAIN, "%s", show_when(row, "created").s);
		}
		if (t.row_count)
			table_print(&t, stdout, term_width(stdout));
		else
			ctl_say("nothing was imported");
		table_free(&t);
	}
	json_decref(answer);
	return 0;
}

int results_forget(struct ctl *c, struct err *e)
{
	char *path;
	int rc;

	if (c->args.word_count != 2)
		return err_set(e, ERR_USAGE, "which import? gpufleetctl results forget NAME");
	path = ctl_path("/v1/imports/%s", c->args.words[1]);
	rc = ctl_delete(c, path, NULL, e);
	free(path);
	return rc;
}

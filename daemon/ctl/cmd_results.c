#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/bench.h"
#include "ctl/runs.h"
#include "ctl/show.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const format_words[] = { "table", "json", "csv", "md", "html", "nvidia-json", "nvidia-csv", "extended-csv", NULL };

/* Names come from the machine: nothing outside `dir` may be named. */
static bool is_harmless(const char *name)
{
	const char *part = name;

	if (!*name || *name == '/' || strlen(name) > 1000)
		return false;
	for (const unsigned char *s = (const unsigned char *)name; *s; s++)
		if (*s < 0x20 || *s == 0x7f)
			return false;
	for (;;) {
		size_t n = strcspn(part, "/");

		if (!n || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (!part[n])
			return true;
		part += n + 1;
	}
}

/* Open dir/name for writing, making directories on the way, following no link below dir. */
static int open_below(const char *dir, const char *name, struct err *e)
{
	int at = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC), next;
	char *copy = xstrdup(name), *rest = copy, *part;

	while (at >= 0 && (part = str_split(&rest, "/"))) {
		if (!rest) {
			next = openat(at, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
		} else {
			next = mkdirat(at, part, 0755) < 0 && errno != EEXIST ? -1 : 0;
			if (next == 0)
				next = openat(at, part, O_DIRECTORY | O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		}
		close(at);
		at = next;
		if (!rest)
			break;
	}
	free(copy);
	if (at < 0)
		err_errno(e, ERR_FAILED, "cannot write '%s/%s'", dir, name);
	return at;
}

static int save_file(struct ctl *c, int64_t id, const char *dir, const char *name, struct err *e)
{
	struct buf path = BUF(8192);
	int fd, rc;

	if (!is_harmless(name)) {
		ctl_say("a file with a harmful name was left out: %s", name);
		return 0;
	}
	fd = open_below(dir, name, e);
	if (fd < 0)
		return -1;
	buf_printf(&path, "/v1/runs/%lld/files/", (long long)id);
	/* The slashes of the name stay slashes. */
	for (const char *s = name; *s; s += strcspn(s, "/")) {
		char *part;

		if (*s == '/') {
			buf_putc(&path, '/');
			s++;
		}
		part = xstrndup(s, strcspn(s, "/"));
		str_percent_encode(&path, part);
		free(part);
	}
	rc = client_download(c->client, buf_str(&path), fd, &c->problem, e);
	if (close(fd) < 0 && rc == 0)
		rc = err_errno(e, ERR_FAILED, "cannot write '%s/%s'", dir, name);
	if (rc < 0)
		err_wrap(e, "%s", name);
	buf_free(&path);
	return rc;
}

static int save_all(struct ctl *c, int64_t id, const json_t *files, const char *dir, struct err *e)
{
	const json_t *f;
	size_t n;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_errno(e, ERR_USAGE, "cannot make the directory '%s'", dir);
	json_array_foreach(files, n, f)
		if (save_file(c, id, dir, json_str(f, "name", ""), e) < 0)
			return -1;
	ctl_say("%zu files in %s", json_array_size(files), dir);
	return 0;
}

static void say_files(const json_t *files)
{
	const json_t *f;
	size_t n;

	json_array_foreach(files, n, f)
		ctl_print(stdout, STYLE_DIM, "file  %s  %s", json_str(f, "name", ""), show_bytes(f, "bytes").s);
}

/* What run and imports have in common: a benchmark in a published format. */
static int print_report(struct ctl *c, const char *ref, const char *format, struct err *e)
{
	char *path = ctl_path("/v1/runs/%s/report?format=%s", ref, format);
	int rc = bench_copy(c, path, e);

	free(path);
	return rc;
}

static int get_bench(struct ctl *c, const char *ref, json_t **doc, struct err *e)
{
	char *path = ctl_path("/v1/runs/%s/report", ref);
	int rc = ctl_get(c, path, doc, e);

	free(path);
	return rc;
}

static bool has_cells(const json_t *report)
{
	return json_array_size(json_path(report, "bench.cells")) > 0;
}

/* An import has no run, no files and no rows: only its benchmark. */
static int show_import(struct ctl *c, const char *name, const char *format, struct err *e)
{
	bool json = c->json || !strcmp(format, "json");
	json_t *report;

	if (!json && strcmp(format, "table") != 0)
		return print_report(c, name, !strcmp(format, "csv") ? "extended-csv" : format, e);
	if (get_bench(c, name, &report, e) < 0)
		return -1;
	if (json)
		ctl_print_json(report);
	else
		results_print_import(report);
	json_decref(report);
	return 0;
}

static int show_run(struct ctl *c, int64_t id, const char *format, struct err *e)
{
	bool table = !c->json && !strcmp(format, "table"), md = !strcmp(format, "md");
	json_t *answer, *report = NULL;
	int rc = 0;

	if (ctl_get_results(c, id, &answer, e) < 0 || get_bench(c, c->args.words[0], &report, e) < 0)
		rc = -1;
	if (rc == 0 && table)
		ctl_print(stdout, show_run_style(json_path(answer, "run")), "run %lld: %s  %s", (long long)id,
		    show_run_state(json_path(answer, "run")).s, json_str(answer, "run.title", ""));
	if (rc == 0 && table && has_cells(report))
		bench_print(json_object_get(report, "bench"), stdout);
	else if (rc == 0 && md && has_cells(report))
		rc = print_report(c, c->args.words[0], "md", e);
	else if (rc == 0 && (c->json || !strcmp(format, "json"))) {
		if (has_cells(report))
			json_object_set(answer, "bench", json_object_get(report, "bench"));
		ctl_print_results(answer, RESULTS_JSON, stdout);
	} else if (rc == 0)
		ctl_print_results(answer, table ? RESULTS_TABLE : md ? RESULTS_MD : RESULTS_CSV, stdout);
	if (rc == 0 && args_has(&c->args, "save"))
		rc = save_all(c, id, json_path(answer, "files"), args_text(&c->args, "save"), e);
	else if (rc == 0 && table)
		say_files(json_path(answer, "files"));
	json_decref(report);
	json_decref(answer);
	return rc;
}

static int run_results(struct ctl *c, struct err *e)
{
	const char *word = c->args.words[0], *format = args_has(&c->args, "format") ? args_text(&c->args, "format") : "table";
	int64_t id;

	if (!strcmp(word, "import"))
		return results_import(c, e);
	if (!strcmp(word, "forget"))
		return results_forget(c, e);
	if (c->args.word_count > 1)
		return err_set(e, ERR_USAGE, "one run at a time; to see several together: gpufleetctl compare");
	if (!strcmp(word, "imports"))
		return results_imports(c, e);
	if (ctl_run_id(word, &id, &(struct err){ 0 }) < 0) {
		char name[64];

		return bench_reference(word, name, sizeof(name), e) < 0 ? -1 : show_import(c, name, format, e);
	}
	if (str_starts(format, "nvidia-") || !strcmp(format, "extended-csv") || !strcmp(format, "html"))
		return print_report(c, word, format, e);
	return show_run(c, id, format, e);
}

static const struct opt opts[] = {
	{ "format", 'f', ARG_WORD, "FORMAT", "table, json, csv, md, html, nvidia-json, nvidia-csv or extended-csv", format_words, 0, 0, false },
	{ "save", 'o', ARG_FILE, "DIRECTORY", "write the collected files there", NULL, 0, 0, false },
	{ "name", 0, ARG_NAME, "NAME", "import: what it is called", NULL, 0, 0, false },
	{ "reader", 0, ARG_NAME, "READER", "import: how the files are read, where their content does not say it", NULL, 0, 0, false },
	{ "title", 0, ARG_TEXT, "TEXT", "import: what it is", NULL, 0, 0, false },
	{ "price", 0, ARG_TEXT, "DOLLARS", "import: what the whole instance cost per hour", NULL, 0, 0, false },
	{ "gpu", 0, ARG_TEXT, "GPU[:N]", "import: what it ran on", NULL, 0, 0, false },
	{ "model", 0, ARG_TEXT, "MODEL", "import: what was served", NULL, 0, 0, false },
	{ "precision", 0, ARG_TEXT, "WORD", "import: FP8, BF16 ...", NULL, 0, 0, false },
	{ "server", 0, ARG_TEXT, "WORD", "import: where it ran", NULL, 0, 0, false },
	{ "weights", 0, ARG_TEXT, "GIB", "import: memory of the weights, per GPU", NULL, 0, 0, false },
};

const struct command command_results = {
	.name = "results",
	.group = "Work",
	.synopsis = "RUN|IMPORT [options] | import FILE ... --name NAME | imports | forget IMPORT",
	.summary = "what a run has measured, and the files it left; results from elsewhere",
	.details = "Benchmarks are shown by scenario and concurrency, with medians over their repeats. import reads what recipes do, in files of "
		   "any name: documents of vllm bench and what it prints (the reader vllm-bench), rows of llama-bench in any of its formats and what "
		   "llama-speculative prints (llama-bench), documents of AMD PACE (pace), lines of figures (gpufleet-jsonl), and one "
		   "benchmark_nvidia_format file in JSON or CSV. Whose a file is, its content says. compare takes imports by their names.",
	.min = 1,
	.max = -1,
	.operand = "run",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_results,
};

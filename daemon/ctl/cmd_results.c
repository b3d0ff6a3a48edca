#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/runs.h"
#include "ctl/show.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const format_words[] = { "table", "json", "csv", "md", NULL };

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

static enum results_format choose_format(const struct ctl *c)
{
	const char *word = args_text(&c->args, "format");

	for (int i = 0; word && format_words[i]; i++)
		if (!strcmp(format_words[i], word))
			return (enum results_format)i;
	return c->json ? RESULTS_JSON : RESULTS_TABLE;
}

static int run_results(struct ctl *c, struct err *e)
{
	enum results_format format = choose_format(c);
	const json_t *files;
	json_t *answer;
	int64_t id;
	int rc = 0;

	if (ctl_run_id(c->args.words[0], &id, e) < 0 || ctl_get_results(c, id, &answer, e) < 0)
		return -1;
	files = json_path(answer, "files");
	if (format == RESULTS_TABLE)
		ctl_print(stdout, show_run_style(json_path(answer, "run")), "run %lld: %s  %s", (long long)id,
		    show_run_state(json_path(answer, "run")).s, json_str(answer, "run.title", ""));
	ctl_print_results(answer, format, stdout);
	if (args_has(&c->args, "save"))
		rc = save_all(c, id, files, args_text(&c->args, "save"), e);
	else if (format == RESULTS_TABLE)
		say_files(files);
	json_decref(answer);
	return rc;
}

static const struct opt opts[] = {
	{ "format", 'o', ARG_WORD, "FORMAT", "table, json, csv or md", format_words, 0, 0, false },
	{ "save", 0, ARG_FILE, "DIRECTORY", "write the collected files there", NULL, 0, 0, false },
};

const struct command command_results = {
	.name = "results",
	.group = "Work",
	.synopsis = "RUN [options]",
	.summary = "what a run has measured, and the files it left",
	.min = 1,
	.max = 1,
	.operand = "run",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_results,
};

#include "collect.h"
#include "base/str.h"
#include "report/manifest.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOTAL_MAX (64u * 1024 * 1024) /* bytes that a reader is given together */

struct files {
	struct result_file items[RESULT_FILES_MAX];
	size_t count, bytes;
};

bool collect_file(int at, const char *name, struct buf *out)
{
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char chunk[65536];
	struct stat st;
	ssize_t n = 0;
	bool fits = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	while (fits && (n = read(fd, chunk, sizeof(chunk))) > 0)
		fits = buf_append(out, chunk, (size_t)n);
	if (fd >= 0)
		close(fd);
	return fits && n == 0;
}

/* By name, so that a reader finds the same in the same order wherever it reads. */
static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct result_file *)a)->name, ((const struct result_file *)b)->name);
}

static void take(struct files *f, int at, const char *name)
{
	struct buf text = BUF(RESULT_FILE_MAX);

	if (!collect_file(at, name, &text) || f->bytes + text.len > TOTAL_MAX) {
		buf_free(&text);
		return;
	}
	f->bytes += text.len;
	f->items[f->count++] = (struct result_file){ xstrdup(name), NULL, text.len };
	f->items[f->count - 1].text = buf_take(&text);
}

/* The manifest stays as it was written; its digest is a figure like the others. */
static void read_manifest(int at, struct results *out)
{
	struct buf text = BUF(RESULT_FILE_MAX);
	struct err e = { 0 };
	json_t *m;
	char id[65];

	if (!collect_file(at, "manifest.json", &text)) {
		buf_free(&text);
		return;
	}
	m = manifest_read(buf_str(&text), text.len, &e);
	if (m) {
		manifest_stack_id(m, id);
		results_text(out, "stack_id", id, "{}");
	} else {
		snprintf(out->message, sizeof(out->message), "manifest.json: %.200s", e.msg);
	}
	json_decref(m);
	buf_free(&text);
}

void collect_read(const char *dir, const char *reader, struct results *out)
{
	const struct result_reader *r = result_reader_find(reader);
	struct files *f = xcalloc(1, sizeof(*f));
	DIR *d = opendir(dir);
	struct dirent *de;

	memset(out, 0, sizeof(*out));
	while (r && d && (de = readdir(d)) && f->count < RESULT_FILES_MAX)
		if (result_wants(r, de->d_name))
			take(f, dirfd(d), de->d_name);
	qsort(f->items, f->count, sizeof(f->items[0]), by_name);
	if (r)
		result_read(r, f->items, f->count, out);
	if (d) {
		read_manifest(dirfd(d), out);
		closedir(d);
	}
	for (size_t k = 0; k < f->count; k++) {
		free((char *)(uintptr_t)f->items[k].name);
		free((char *)(uintptr_t)f->items[k].text);
	}
	free(f);
}

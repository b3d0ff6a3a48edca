#include "ctl/payload.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 16

struct pack {
	json_t *files;
	size_t bytes, count;
};

/* ---- one file ---- */

static int read_fd(int fd, const char *path, size_t room, struct buf *out, struct err *e)
{
	char chunk[65536];
	ssize_t n;

	out->max = room;
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_USAGE, "cannot read '%s'", path);
		if (!buf_append(out, chunk, (size_t)n))
			return err_set(e, ERR_USAGE, "'%s' takes the files to send beyond %zu MiB; fetch large files on the machine",
			    path, PAYLOAD_BYTES_MAX / (1024 * 1024));
	}
	return 0;
}

static void put_content(json_t *file, const struct buf *b)
{
	char *text;

	if (str_is_utf8(buf_str(b), b->len) && !memchr(buf_str(b), '\0', b->len)) {
		json_put_str(file, "text", buf_str(b));
		return;
	}
	text = str_base64(b->data, b->len);
	json_put_str(file, "base64", text);
	free(text);
}

static int add_file(struct pack *p, const char *path, const char *name, bool executable, struct err *e)
{
	struct buf content = BUF(0);
	struct stat st;
	json_t *file;
	int fd, rc;

	if (p->count == PAYLOAD_FILES_MAX)
		return err_set(e, ERR_USAGE, "more than %d files to send", PAYLOAD_FILES_MAX);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		err_errno(e, ERR_USAGE, "cannot read '%s'", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	rc = read_fd(fd, path, PAYLOAD_BYTES_MAX - p->bytes, &content, e);
	close(fd);
	if (rc == 0) {
		file = json_object();
		json_put_str(file, "name", name);
		put_content(file, &content);
		if (executable || (st.st_mode & 0111))
			json_put_bool(file, "executable", true);
		json_array_append_new(p->files, file);
		p->bytes += content.len;
		p->count++;
	}
	buf_free(&content);
	return rc;
}

/* ---- a directory ---- */

static int pack_dir(struct pack *p, const char *dir, const char *prefix, int depth, struct err *e);

static int pack_entry(struct pack *p, const char *dir, const char *prefix, const char *entry, int depth, struct err *e)
{
	char *path = xasprintf("%s/%s", dir, entry), *name = xasprintf("%s%s", prefix, entry), *below;
	struct stat st;
	int rc;

	if (lstat(path, &st) < 0) {
		rc = err_errno(e, ERR_USAGE, "cannot examine '%s'", path);
	} else if (!str_is_utf8(entry, strlen(entry))) {
		rc = err_set(e, ERR_USAGE, "the name of '%s' is not UTF-8", path);
	} else if (S_ISDIR(st.st_mode)) {
		below = xasprintf("%s/", name);
		rc = pack_dir(p, path, below, depth + 1, e);
		free(below);
	} else if (S_ISREG(st.st_mode)) {
		rc = add_file(p, path, name, false, e);
	} else {
		rc = err_set(e, ERR_USAGE, "'%s' is %s; only regular files are sent", path,
		    S_ISLNK(st.st_mode) ? "a symbolic link" : "no regular file");
	}
	free(path);
	free(name);
	return rc;
}

static int pack_dir(struct pack *p, const char *dir, const char *prefix, int depth, struct err *e)
{
	struct dirent **entries;
	int n, rc = 0;

	if (depth > DEPTH_MAX)
		return err_set(e, ERR_USAGE, "'%s' lies deeper than %d directories", dir, DEPTH_MAX);
	n = scandir(dir, &entries, NULL, alphasort);
	if (n < 0)
		return err_errno(e, ERR_USAGE, "cannot read directory '%s'", dir);
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;

		if (rc == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, ".git") != 0)
			rc = pack_entry(p, dir, prefix, name, depth, e);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

static bool holds(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	struct stat st;
	bool there = stat(path, &st) == 0 && S_ISREG(st.st_mode);

	free(path);
	return there;
}

static bool is_workload(const char *dir)
{
	return holds(dir, "recipe.yaml") || holds(dir, "run.sh");
}

/* ---- deciding ---- */

/* The last part of a path, without slashes behind it. Caller frees. */
static char *base_name(const char *path)
{
	size_t n = strlen(path), from;

	while (n > 1 && path[n - 1] == '/')
		n--;
	for (from = n; from > 0 && path[from - 1] != '/'; from--)
		;
	return xstrndup(path + from, n - from);
}

/* `run` NULL: recipe.yaml says what to run. */
static void put_payload(json_t *body, json_t *files, const char *title, const char *run, const char *setup)
{
	json_t *payload = json_object();

	json_object_set(payload, "files", files);
	if (run)
		json_put_str(payload, "run", run);
	if (setup)
		json_put_str(payload, "setup", setup);
	json_put(body, "payload", payload);
	json_put_str(body, "title", title);
}

static int send_dir(const char *dir, json_t *body, struct err *e)
{
	struct pack p = { .files = json_array() };
	char *title = base_name(dir), *full = NULL;
	int rc;

	if (!strcmp(title, ".") || !strcmp(title, "..") || !strcmp(title, "/")) {
		full = realpath(dir, NULL);
		free(title);
		title = base_name(full ? full : "payload");
		free(full);
	}
	rc = pack_dir(&p, dir, "", 0, e);
	if (rc == 0 && holds(dir, "recipe.yaml"))
		put_payload(body, p.files, title, NULL, NULL);
	else if (rc == 0)
		put_payload(body, p.files, title, "run.sh", holds(dir, "setup.sh") ? "setup.sh" : NULL);
	json_decref(p.files);
	free(title);
	return rc;
}

static int send_script(const char *path, json_t *body, struct err *e)
{
	struct pack p = { .files = json_array() };
	char *name = base_name(path);
	int rc = add_file(&p, path, name, true, e);

	if (rc == 0)
		put_payload(body, p.files, name, name, NULL);
	json_decref(p.files);
	free(name);
	return rc;
}

int payload_body(const char *what, json_t *body, struct err *e)
{
	struct stat st;
	bool there = stat(what, &st) == 0, path = strchr(what, '/') != NULL;

	if (!there && path)
		return err_errno(e, ERR_USAGE, "cannot read '%s'", what);
	if (there && S_ISREG(st.st_mode))
		return send_script(what, body, e);
	if (there && S_ISDIR(st.st_mode) && is_workload(what))
		return send_dir(what, body, e);
	if (there && path)
		return err_set(e, ERR_USAGE, "'%s' holds neither recipe.yaml nor run.sh", what);
	if (!str_is_name(what, 63))
		return err_set(e, ERR_USAGE, "'%.64s' is neither a file nor a directory nor the name of a recipe", what);
	json_put_str(body, "recipe", what);
	return 0;
}

int payload_directory(const char *dir, json_t *body, struct err *e)
{
	struct pack p = { .files = json_array() };
	json_t *payload;
	struct stat st;
	int rc = 0;

	if (!json_path(body, "recipe"))
		rc = err_set(e, ERR_USAGE, "'%.64s' has no place: what stands in front of it is sent whole, and is no recipe of gpufleet's", dir);
	else if (stat(dir, &st) < 0)
		rc = err_errno(e, ERR_USAGE, "cannot read '%s'", dir);
	else if (!S_ISDIR(st.st_mode))
		rc = err_set(e, ERR_USAGE, "'%s' is no directory", dir);
	else
		rc = pack_dir(&p, dir, "", 0, e);
	if (rc == 0 && !p.count)
		rc = err_set(e, ERR_USAGE, "the directory '%s' is empty", dir);
	if (rc == 0) {
		payload = json_object();
		json_object_set(payload, "files", p.files);
		json_put(body, "payload", payload);
	}
	json_decref(p.files);
	return rc;
}

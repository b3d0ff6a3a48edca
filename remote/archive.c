#include "archive.h"

#include "base/str.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN_MAX 1024
#define DEPTH_MAX    32

/* Is it a plain relative path? "a/b.txt": yes. "/a", "a/../b", "", "a//b", control bytes: no. "./" in front is the caller's to drop. */
static bool plain_name(const char *name)
{
	size_t n = strnlen(name, NAME_LEN_MAX + 1), part;
	int depth = 0;

	if (!n || n > NAME_LEN_MAX || !str_is_utf8(name, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	for (const char *p = name;; p += part + 1) {
		part = strcspn(p, "/");
		if (!part || part > 255 || (part == 1 && p[0] == '.') ||
		    (part == 2 && p[0] == '.' && p[1] == '.') || ++depth > DEPTH_MAX)
			return false;
		if (!p[part])
			return true;
	}
}

/* ---- packing ---- */

static la_ssize_t append(struct archive *a, void *arg, const void *data, size_t n)
{
	if (buf_append(arg, data, n))
		return (la_ssize_t)n;
	archive_set_error(a, ENOSPC, "too large");
	return -1;
}

static struct archive *pack_begin(struct buf *out)
{
	struct archive *a = archive_write_new();

	if (!a)
		BUG("libarchive cannot be used");
	/* GNU's format takes names as the bytes they are, in any locale, and every tar reads it. No padding beyond the two closing
	 * blocks. */
	archive_write_set_format_gnutar(a);
	archive_write_set_bytes_per_block(a, 10240);
	archive_write_set_bytes_in_last_block(a, 512);
	archive_write_open(a, out, NULL, append, NULL);
	return a;
}

static int pack_one(struct archive *a, const struct archive_file *f, struct err *e)
{
	struct archive_entry *entry;
	int rc;

	if (!plain_name(f->name))
		return err_set(e, ERR_USAGE,
		    "'%.100s' cannot be packed: a file needs a relative name without '..' and control bytes",
		    f->name);
	entry = archive_entry_new();
	archive_entry_set_pathname(entry, f->name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, f->executable ? 0755 : 0644);
	archive_entry_set_size(entry, (la_int64_t)f->size);
	archive_entry_set_mtime(entry, 0, 0);
	rc = archive_write_header(a, entry) == ARCHIVE_OK &&
		     archive_write_data(a, f->data, f->size) == (la_ssize_t)f->size
		 ? 0
		 : -1;
	archive_entry_free(entry);
	return rc ? err_set(e, ERR_USAGE, "cannot pack '%.100s': %s", f->name,
			archive_error_string(a) ? archive_error_string(a) : "?")
		  : 0;
}

static int pack_end(struct archive *a, struct buf *out, int rc, struct err *e)
{
	if (archive_write_close(a) != ARCHIVE_OK && !rc)
		rc =
		    err_set(e, ERR_USAGE, "cannot finish the archive: %s", archive_error_string(a));
	archive_write_free(a);
	if (out->overflow)
		rc = err_set(
		    e, ERR_USAGE, "the files are more than the limit of %zu bytes", out->max);
	return rc;
}

int archive_pack(struct buf *out, const struct archive_file *files, size_t count, struct err *e)
{
	struct archive *a = pack_begin(out);
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++)
		rc = pack_one(a, &files[i], e);
	return pack_end(a, out, rc, e);
}

/* ---- packing a directory ---- */

struct walk {
	struct archive *a;
	struct buf *out;
	struct err *e;
};

static int read_all(int fd, size_t size, struct buf *b)
{
	char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || b->len + (size_t)n > size || !buf_append(b, chunk, (size_t)n))
			return -1;
	}
	return b->len == size ? 0 : -1;
}

static int pack_disk_file(struct walk *w, int dir, const char *base, const char *name)
{
	int fd = openat(dir, base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), rc;
	struct stat st;
	struct buf data = BUF(w->out->max);

	if (fd < 0)
		return err_errno(w->e, ERR_USAGE, "cannot read '%s'", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(w->e, ERR_USAGE, "'%s' is not a regular file", name);
	}
	if ((uint64_t)st.st_size > w->out->max)
		rc = err_set(w->e, ERR_USAGE, "'%s' is larger than the limit of %zu bytes", name,
		    w->out->max);
	else if (read_all(fd, (size_t)st.st_size, &data) < 0)
		rc = err_set(w->e, ERR_USAGE, "'%s' changed while it was read", name);
	else
		rc = pack_one(w->a,
		    &(struct archive_file){ .name = name,
			.data = buf_str(&data),
			.size = data.len,
			.executable = st.st_mode & 0100 },
		    w->e);
	buf_free(&data);
	close(fd);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, sorted: the same tree gives the same archive. Takes over fd. */
static char **names_in(int fd, size_t *count)
{
	DIR *d = fdopendir(fd);
	char **names = NULL;
	struct dirent *entry;

	*count = 0;
	if (!d) {
		close(fd);
		return NULL;
	}
	while ((entry = readdir(d))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		names = xreallocarray(names, *count + 1, sizeof(*names));
		names[(*count)++] = xstrdup(entry->d_name);
	}
	closedir(d);
	if (*count)
		qsort(names, *count, sizeof(*names), by_name);
	return names;
}

static int pack_tree(struct walk *w, int dir, const char *prefix, int depth);

static int pack_entry(struct walk *w, int dir, const char *base, const char *name, int depth)
{
	struct stat st;
	int sub, rc;

	if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(w->e, ERR_USAGE, "cannot read '%s'", name);
	if (S_ISLNK(st.st_mode))
		return err_set(w->e, ERR_USAGE,
		    "'%s' is a symbolic link; replace it by the file itself", name);
	if (!S_ISDIR(st.st_mode))
		return pack_disk_file(w, dir, base, name);
	if (depth >= DEPTH_MAX)
		return err_set(w->e, ERR_USAGE, "'%s' is nested too deeply", name);
	sub = openat(dir, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0)
		return err_errno(w->e, ERR_USAGE, "cannot read directory '%s'", name);
	rc = pack_tree(w, sub, name, depth + 1);
	close(sub);
	return rc;
}

static int pack_tree(struct walk *w, int dir, const char *prefix, int depth)
{
	size_t count;
	char **names = names_in(fcntl(dir, F_DUPFD_CLOEXEC, 3), &count), *name;
	int rc = 0;

	for (size_t i = 0; i < count; i++) {
		name = *prefix ? xasprintf("%s/%s", prefix, names[i]) : xstrdup(names[i]);
		if (!rc)
			rc = pack_entry(w, dir, names[i], name, depth);
		free(name);
		free(names[i]);
	}
	free(names);
	return rc;
}

int archive_pack_dir(struct buf *out, const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;
	struct walk w = { .out = out, .e = e };

	if (fd < 0)
		return err_errno(e, ERR_USAGE, "cannot read directory '%s'", dir);
	w.a = pack_begin(out);
	rc = pack_tree(&w, fd, "", 0);
	close(fd);
	return pack_end(w.a, out, rc, e);
}

/* ---- unpacking ---- */

struct unpack {
	struct archive *a;
	int root;
	size_t files, bytes; /* left */
	size_t skipped;
	struct err *e;
};

/* Open the directory that holds `name`, making what is missing; *base is its last part. -1: not possible (a link in the way). */
static int open_parent(int root, char *name, const char **base)
{
	int fd = fcntl(root, F_DUPFD_CLOEXEC, 3), next;
	char *slash;

	for (; fd >= 0 && (slash = strchr(name, '/')); name = slash + 1) {
		*slash = '\0';
		mkdirat(fd, name, 0700);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	*base = name;
	return fd;
}

/* Copy the entry's bytes; 0 done, 1 beyond the limit or broken (the file goes again), -1 our disk. */
static int copy_data(struct unpack *u, int fd, la_int64_t size, const char *name)
{
	const void *data;
	size_t n, left;
	la_int64_t at;
	ssize_t w;
	int rc;

	while ((rc = archive_read_data_block(u->a, &data, &n, &at)) == ARCHIVE_OK) {
		if (at < 0 || at > size || (la_int64_t)n > size - at)
			return 1;
		for (left = n; left; left -= (size_t)w) {
			/* pwrite: an entry with holes has gaps between its blocks. */
			w = pwrite(fd, (const char *)data + (n - left), left,
			    (off_t)(at + (la_int64_t)(n - left)));
			if (w < 0 && errno == EINTR)
				w = 0;
			else if (w < 0)
				return err_errno(u->e, ERR_FAILED, "cannot write '%s'", name);
		}
	}
	return rc == ARCHIVE_EOF && ftruncate(fd, (off_t)size) == 0 ? 0 : 1;
}

static int unpack_file(struct unpack *u, struct archive_entry *entry, char *name)
{
	la_int64_t size = archive_entry_size(entry);
	const char *base;
	int dir, fd, rc;

	if (!u->files || size < 0 || (uint64_t)size > u->bytes)
		return 1;
	u->files--;
	u->bytes -= (size_t)size; /* holes count: whoever reads the file reads them too */
	dir = open_parent(u->root, name, &base);
	if (dir < 0)
		return 1;
	/* What is there is from an earlier try that may have been cut, or a link: it goes, unfollowed. */
	unlinkat(dir, base, 0);
	fd = openat(dir, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno != EEXIST && errno != ENOENT && errno != ENAMETOOLONG) {
		rc = err_errno(u->e, ERR_FAILED, "cannot make '%s'", base);
	} else if (fd < 0) {
		rc = 1; /* a directory is in the way */
	} else {
		rc = copy_data(u, fd, size, base);
		close(fd);
		if (rc)
			unlinkat(dir, base, 0);
	}
	close(dir);
	return rc;
}

static int unpack_dir(struct unpack *u, char *name)
{
	const char *base;
	int dir;

	if (!u->files)
		return 1;
	u->files--; /* directories cost inodes too */
	dir = open_parent(u->root, name, &base);
	if (dir < 0)
		return 1;
	mkdirat(dir, base, 0700);
	close(dir);
	return 0;
}

/* 0 unpacked or nothing to do, 1 skipped, -1 error. */
static int unpack_entry(struct unpack *u, struct archive_entry *entry)
{
	const char *given = archive_entry_pathname(entry);
	char *name;
	size_t n;
	int rc = 1;

	if (!given)
		given = archive_entry_pathname_utf8(
		    entry); /* a pax name that this locale cannot spell */
	if (!given)
		return 1;
	while (given[0] == '.' && given[1] == '/')
		given += 2;
	if (!*given || !strcmp(given, "."))
		return 0; /* the top itself */
	name = xstrndup(given, NAME_LEN_MAX + 2);
	n = strlen(name);
	if (n > 1 && name[n - 1] == '/')
		name[n - 1] = '\0';
	if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) || !plain_name(name))
		rc = 1;
	else if (archive_entry_filetype(entry) == AE_IFREG)
		rc = unpack_file(u, entry, name);
	else if (archive_entry_filetype(entry) == AE_IFDIR)
		rc = unpack_dir(u, name);
	free(name);
	return rc;
}

static int unpack_all(struct unpack *u)
{
	struct archive_entry *entry;
	size_t entries = 0, most = u->files * 2 + 1000;
	int rc;

	while ((rc = archive_read_next_header(u->a, &entry)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		rc = unpack_entry(u, entry);
		if (rc < 0)
			return -1;
		u->skipped += rc == 1;
		if (++entries > most)
			return err_set(
			    u->e, ERR_FAILED, "the archive has more than %zu entries", most);
	}
	if (rc == ARCHIVE_EOF)
		return 0;
	return err_set(u->e, ERR_FAILED, "the archive is damaged: %s",
	    archive_error_string(u->a) ? archive_error_string(u->a) : "?");
}

int archive_unpack(const char *dir, const void *data, size_t n, const struct archive_limits *limits,
    size_t *skipped, struct err *e)
{
	struct unpack u = { .files = limits->files, .bytes = limits->bytes, .e = e };
	int rc;

	*skipped = 0;
	u.root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (u.root < 0)
		return err_errno(e, ERR_FAILED, "cannot open '%s'", dir);
	u.a = archive_read_new();
	if (!u.a)
		BUG("libarchive cannot be used");
	/* tar alone and no filter: a hostile machine gets to talk to one small reader. */
	archive_read_support_format_tar(u.a);
	if (archive_read_open_memory(u.a, data, n) != ARCHIVE_OK)
		rc = err_set(e, ERR_FAILED, "the archive cannot be read: %s",
		    archive_error_string(u.a) ? archive_error_string(u.a) : "?");
	else
		rc = unpack_all(&u);
	*skipped = u.skipped;
	archive_read_free(u.a);
	close(u.root);
	return rc;
}

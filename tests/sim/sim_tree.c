/*
 * Directory trees: removing one, copying one.
 */
#include "sim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void remove_at(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (unlinkat(dirfd(d), entry->d_name, 0))
			remove_at(dirfd(d), entry->d_name);
	}
	if (d)
		closedir(d);
	unlinkat(at, name, AT_REMOVEDIR);
}

void tree_remove(const char *path)
{
	remove_at(AT_FDCWD, path);
}

static int copy_file(int from_at, int to_at, const char *name, mode_t mode)
{
	int from = openat(from_at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int to = openat(to_at, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode & 0777);
	char part[65536];
	ssize_t n = -1;

	while (from >= 0 && to >= 0 && (n = read(from, part, sizeof(part))) > 0)
		if (write(to, part, (size_t)n) != n) {
			n = -1;
			break;
		}
	if (from >= 0)
		close(from);
	if (to >= 0 && close(to))
		n = -1;
	return n < 0 ? -1 : 0;
}

static int copy_link(int from_at, int to_at, const char *name, const char *mounts)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from_at, name, target, sizeof(target) - 1);

	if (n < 0)
		return -1;
	target[n] = '\0';
	if (*mounts && str_starts(target, mounts))
		return mkdirat(to_at, name, 0755) && errno != EEXIST ? -1 : 0;
	unlinkat(to_at, name, 0);
	return symlinkat(target, to_at, name);
}

static int copy_dir(int from, int to, const char *mounts);

/* Sockets, pipes and what has vanished meanwhile are left out. */
static int copy_entry(int from, int to, const char *name, const char *mounts)
{
	struct stat st;
	int below, copy, rc;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -1;
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, name, st.st_mode);
	if (S_ISLNK(st.st_mode))
		return copy_link(from, to, name, mounts);
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (mkdirat(to, name, st.st_mode & 0777) && errno != EEXIST)
		return -1;
	below = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	copy = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	rc = below < 0 || copy < 0 ? -1 : copy_dir(below, copy, mounts);
	if (below >= 0)
		close(below);
	if (copy >= 0)
		close(copy);
	return rc;
}

static int copy_dir(int from, int to, const char *mounts)
{
	int own = dup(from), rc = 0;
	DIR *d = own < 0 ? NULL : fdopendir(own);
	struct dirent *entry;

	while (d && !rc && (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			rc = copy_entry(from, to, entry->d_name, mounts);
	if (!d)
		return -1;
	closedir(d);
	return rc;
}

int tree_copy(const char *from, const char *to, const char *mounts, struct err *e)
{
	int source = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC), copy = -1, rc = 0;

	if (source < 0 && errno == ENOENT)
		return 0;
	if (source >= 0 && (!mkdir(to, 0700) || errno == EEXIST))
		copy = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy < 0 || copy_dir(source, copy, mounts))
		rc = err_errno(e, ERR_FAILED, "cannot copy %s to %s", from, to);
	if (source >= 0)
		close(source);
	if (copy >= 0)
		close(copy);
	return rc;
}

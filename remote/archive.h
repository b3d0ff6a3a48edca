/*
 * Tar streams through libarchive: pack a payload, unpack results that an untrusted machine sent.
 */
#ifndef GPUFLEET_ARCHIVE_H
#define GPUFLEET_ARCHIVE_H

#include "base/buf.h"
#include "base/err.h"

struct archive_file {
	const char *name; /* relative, no "..", no leading '/' */
	const void *data;
	size_t size;
	bool executable;
};
/* Deterministic: sorted as given, mtime 0, mode 0644/0755. */
int archive_pack(struct buf *out, const struct archive_file *files, size_t count, struct err *e);
/* A directory tree on disk (client side): regular files only, symbolic links refused by name; paths relative to dir. */
int archive_pack_dir(struct buf *out, const char *dir, struct err *e);

struct archive_limits {
	size_t files, bytes;
};
/*
 * Unpack into the existing directory `dir`: regular files and directories only; absolute names, "..", links, devices, names with
 * control bytes and anything beyond the limits are skipped and counted in *skipped. Files are created 0600, never followed
 * through links (openat, O_NOFOLLOW); a file that is there already is replaced, so a collection can be repeated.
 */
int archive_unpack(const char *dir, const void *data, size_t n, const struct archive_limits *limits,
    size_t *skipped, struct err *e);

#endif

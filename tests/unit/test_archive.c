/* Archives: what we pack every tar can read, what we unpack stays where it belongs. */
#include "remote/archive.h"

#include "base/str.h"
#include "sshd.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static const struct archive_limits roomy = { .files = 1000, .bytes = 1 << 24 };

static int setup(void **state)
{
	(void)state;
	temp_dir(dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	remove_dir(dir);
	return 0;
}

static char *in_dir(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(in_dir(name), mode);
}

static void assert_file(const char *name, const char *text)
{
	char got[256] = "";
	struct stat st;
	FILE *f = fopen(in_dir(name), "r");

	assert_non_null(f);
	got[fread(got, 1, sizeof(got) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(got, text);
	assert_int_equal(lstat(in_dir(name), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
}

static bool exists(const char *name)
{
	struct stat st;

	return lstat(in_dir(name), &st) == 0;
}

static void packed_files_come_back(void **state)
{
	static const struct archive_file files[] = { { "run.sh", "#!/bin/sh\n", 10, true },
		{ "a/b/c.txt", "deep", 4, false }, { "empty", NULL, 0, false },
		{ "sp ace 'quote' \xc3\xa9", "x", 1, false } };
	char long_name[300];
	struct archive_file more = { long_name, "long", 4, false };
	struct buf one = BUF(1 << 20), two = BUF(1 << 20);
	size_t skipped;
	struct err e;
	int fd;

	(void)state;
	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	long_name[150] = '/';
	assert_int_equal(archive_pack(&one, files, ARRAY_LEN(files), &e), 0);
	assert_int_equal(archive_pack(&two, files, ARRAY_LEN(files), &e), 0);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
	assert_int_equal(archive_unpack(dir, one.data, one.len, &roomy, &skipped, &e), 0);
	assert_int_equal(skipped, 0);
	assert_file("run.sh", "#!/bin/sh\n");
	assert_file("a/b/c.txt", "deep");
	assert_file("empty", "");
	assert_file("sp ace 'quote' \xc3\xa9", "x");
	/* The system's tar agrees. */
	buf_reset(&two);
	assert_int_equal(archive_pack(&two, &more, 1, &e), 0);
	fd = open(in_dir("t.tar"), O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, two.data, two.len), two.len);
	close(fd);
	mkdir(in_dir("out"), 0700);
	assert_int_equal(run_program((const char *const[]){
			     "/bin/tar", "-xof", in_dir("t.tar"), "-C", dir, NULL }),
	    0);
	assert_true(exists(long_name));
	buf_free(&one);
	buf_free(&two);
}

static void names_that_are_not_packed(void **state)
{
	static const char *const bad[] = { "", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/",
		"nl\n", "\xff", "." };
	struct buf out = BUF(1 << 20);
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
		    archive_pack(&out, &(struct archive_file){ bad[i], "x", 1, false }, 1, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		buf_reset(&out);
	}
	buf_free(&out);
}

static void packing_has_a_ceiling(void **state)
{
	struct buf out = BUF(5000);
	char *big = xcalloc(1, 8000);
	struct err e;

	(void)state;
	assert_int_equal(
	    archive_pack(&out, &(struct archive_file){ "big", big, 8000, false }, 1, &e), -1);
	assert_non_null(strstr(e.msg, "limit of 5000 bytes"));
	buf_free(&out);
	free(big);
}

static void directories_are_packed_sorted(void **state)
{
	struct buf out = BUF(1 << 20);
	size_t skipped;
	struct err e;

	(void)state;
	mkdir(in_dir("src"), 0700);
	mkdir(in_dir("src/sub"), 0700);
	mkdir(in_dir("dst"), 0700);
	put("src/z.sh", "z", 0755);
	put("src/a", "a", 0644);
	put("src/sub/m", "m", 0600);
	assert_int_equal(archive_pack_dir(&out, in_dir("src"), &e), 0);
	assert_string_equal(out.data, "a");
	assert_string_equal(out.data + 1024, "sub/m");
	assert_string_equal(out.data + 2048, "z.sh");
	assert_string_equal(out.data + 100, "0000644");
	assert_string_equal(out.data + 2048 + 100, "0000755");
	assert_int_equal(archive_unpack(in_dir("dst"), out.data, out.len, &roomy, &skipped, &e), 0);
	assert_file("dst/sub/m", "m");
	buf_reset(&out);
	assert_int_equal(symlink("/etc/passwd", in_dir("src/sub/link")), 0);
	assert_int_equal(archive_pack_dir(&out, in_dir("src"), &e), -1);
	assert_non_null(strstr(e.msg, "'sub/link' is a symbolic link"));
	unlink(in_dir("src/sub/link"));
	buf_reset(&out);
	assert_int_equal(mkfifo(in_dir("src/pipe"), 0600), 0);
	assert_int_equal(archive_pack_dir(&out, in_dir("src"), &e), -1);
	assert_int_equal(archive_pack_dir(&out, in_dir("no-such"), &e), -1);
	buf_free(&out);
}

/* ---- hostile archives ---- */

static la_ssize_t append(struct archive *a, void *arg, const void *data, size_t n)
{
	(void)a;
	buf_append(arg, data, n);
	return (la_ssize_t)n;
}

static struct archive *hostile_begin(struct buf *out)
{
	struct archive *a = archive_write_new();

	archive_write_set_format_gnutar(a);
	archive_write_open(a, out, NULL, append, NULL);
	return a;
}

static void hostile_add(struct archive *a, const char *name, unsigned type, const char *link,
    bool hard, const char *text)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_perm(e, 06777);
	if (link && hard)
		archive_entry_set_hardlink(e, link);
	else
		archive_entry_set_filetype(e, type);
	if (link && !hard)
		archive_entry_set_symlink(e, link);
	archive_entry_set_size(e, text ? (la_int64_t)strlen(text) : 0);
	archive_write_header(a, e);
	if (text)
		archive_write_data(a, text, strlen(text));
	archive_entry_free(e);
}

static void hostile_end(struct archive *a)
{
	archive_write_close(a);
	archive_write_free(a);
}

static void nothing_leaves_the_directory(void **state)
{
	struct buf out = BUF(1 << 20);
	struct archive *a = hostile_begin(&out);
	struct archive_limits limits = roomy;
	char path[300];
	size_t skipped;
	struct err e;

	(void)state;
	put("outside", "old", 0600);
	mkdir(in_dir("in"), 0700);
	hostile_add(a, "ok", AE_IFREG, NULL, false, "fine");
	hostile_add(a, "../outside", AE_IFREG, NULL, false, "new");
	hostile_add(a, "x/../../outside", AE_IFREG, NULL, false, "new");
	snprintf(path, sizeof(path), "%s/outside", dir);
	hostile_add(a, path, AE_IFREG, NULL, false, "new");
	hostile_add(a, "link", AE_IFLNK, "..", false, NULL);
	hostile_add(a, "link/outside", AE_IFREG, NULL, false, "new");
	hostile_add(a, "hard", AE_IFREG, "../outside", true, NULL);
	hostile_add(a, "fifo", AE_IFIFO, NULL, false, NULL);
	hostile_add(a, "device", AE_IFCHR, NULL, false, NULL);
	hostile_add(a, "esc\033[31m", AE_IFREG, NULL, false, "x");
	hostile_add(a, "ok", AE_IFREG, NULL, false, "again");
	hostile_add(a, "ok/below", AE_IFREG, NULL, false, "a file is no directory");
	hostile_add(a, "last", AE_IFREG, NULL, false, "still here");
	hostile_end(a);
	assert_int_equal(archive_unpack(in_dir("in"), out.data, out.len, &limits, &skipped, &e), 0);
	assert_file("outside", "old");
	assert_file("in/ok", "again"); /* the last one counts, as in any tar */
	assert_file("in/last", "still here");
	assert_file(
	    "in/link/outside", "new"); /* the link was skipped, so this is an ordinary directory */
	assert_false(exists("in/hard") || exists("in/fifo") || exists("in/device") ||
		     exists("in/esc\033[31m"));
	assert_int_equal(skipped, 9);
	/* A link that is there already is not followed either. */
	assert_int_equal(symlink("..", in_dir("in/trap")), 0);
	buf_reset(&out);
	a = hostile_begin(&out);
	hostile_add(a, "trap/outside", AE_IFREG, NULL, false, "new");
	hostile_add(a, "trap", AE_IFREG, NULL, false, "new");
	hostile_end(a);
	assert_int_equal(archive_unpack(in_dir("in"), out.data, out.len, &limits, &skipped, &e), 0);
	assert_int_equal(skipped, 1);
	assert_file("outside", "old");
	assert_file("in/trap", "new");
	buf_free(&out);
}

static void limits_hold(void **state)
{
	struct archive_limits few = { .files = 3, .bytes = 1 << 20 },
			      small = { .files = 100, .bytes = 10 };
	struct buf out = BUF(1 << 24);
	struct archive *a = hostile_begin(&out);
	char name[32];
	size_t skipped;
	struct err e;

	(void)state;
	for (int i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		hostile_add(a, name, AE_IFREG, NULL, false, "1234");
	}
	hostile_end(a);
	mkdir(in_dir("few"), 0700);
	mkdir(in_dir("small"), 0700);
	assert_int_equal(archive_unpack(in_dir("few"), out.data, out.len, &few, &skipped, &e),
	    -1); /* absurd: given up */
	assert_true(exists("few/f2") && !exists("few/f3"));
	assert_int_equal(
	    archive_unpack(in_dir("small"), out.data, out.len, &roomy, &skipped, &e), 0);
	assert_int_equal(skipped, 500);
	buf_reset(&out);
	a = hostile_begin(&out);
	hostile_add(a, "a", AE_IFREG, NULL, false, "12345678");
	hostile_add(a, "b", AE_IFREG, NULL, false, "12345678");
	hostile_add(a, "c", AE_IFREG, NULL, false, "12");
	hostile_end(a);
	assert_int_equal(archive_unpack(in_dir("few"), out.data, out.len, &small, &skipped, &e), 0);
	assert_int_equal(skipped, 1);
	assert_true(exists("few/a") && !exists("few/b") && exists("few/c"));
	buf_free(&out);
}

static void damaged_archives(void **state)
{
	struct buf out = BUF(1 << 20);
	char *big = xcalloc(1, 3000);
	size_t skipped;
	struct err e;

	(void)state;
	memset(big, 'b', 2999);
	assert_int_equal(archive_pack(&out,
			     (const struct archive_file[]){
				 { "a", "1", 1, false }, { "big", big, 3000, false } },
			     2, &e),
	    0);
	/* Cut within the second file: the first is there, half a file is not. */
	assert_int_equal(archive_unpack(dir, out.data, 2500, &roomy, &skipped, &e), -1);
	assert_file("a", "1");
	assert_false(exists("big"));
	assert_int_equal(
	    archive_unpack(dir, "this is no archive at all", 25, &roomy, &skipped, &e), -1);
	for (size_t i = 0; i < out.len; i += 7) { /* anything may come out, nothing may break */
		out.data[i] = (char)~out.data[i];
		archive_unpack(dir, out.data, out.len, &roomy, &skipped, &e);
		out.data[i] = (char)~out.data[i];
	}
	buf_free(&out);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(packed_files_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(names_that_are_not_packed, setup, teardown),
		cmocka_unit_test_setup_teardown(packing_has_a_ceiling, setup, teardown),
		cmocka_unit_test_setup_teardown(directories_are_packed_sorted, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_leaves_the_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_archives, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

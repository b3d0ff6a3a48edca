/* A payload in pieces: what changes and what does not, what is asked for and what is packed. */
#include "remote/pieces.h"
#include "base/str.h"
#include "remote/archive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define FILES 200

static char names[FILES][16];
static char texts[FILES][900];
static char big[3 * 1024 * 1024 + 77];

static void tree(struct archive_file *files)
{
	for (int k = 0; k < FILES; k++) {
		snprintf(names[k], sizeof(names[k]), "f%03d.py", k);
		memset(texts[k], 'a' + k % 26, sizeof(texts[k]));
		texts[k][0] = (char)('0' + k % 10);
		texts[k][1] = (char)('0' + k / 10 % 10);
		files[k] = (struct archive_file){ .name = names[k], .data = texts[k], .size = 100 + (size_t)k * 4 };
	}
	for (size_t k = 0; k < sizeof(big); k++)
		big[k] = (char)(k * 2654435761u >> 13);
	files[FILES] = (struct archive_file){ .name = "model.bin", .data = big, .size = sizeof(big) };
}

static void cut(struct pieces *p, struct buf *tar, const struct archive_file *files, size_t count)
{
	struct err e;
	size_t at = 0;

	*tar = (struct buf)BUF(64u << 20);
	assert_int_equal(archive_pack(tar, files, count, &e), 0);
	pieces_cut(p, tar->data, tar->len);
	for (size_t k = 0; k < p->count; k++) { /* one behind the other, nothing left out */
		assert_int_equal(p->items[k].at, at);
		assert_in_range(p->items[k].size, 1, 1024 * 1024);
		assert_int_equal(strlen(p->items[k].name), 64);
		at += p->items[k].size;
	}
	assert_int_equal(at, tar->len);
}

static bool holds(const struct pieces *p, const char *name)
{
	for (size_t k = 0; k < p->count; k++)
		if (!strcmp(p->items[k].name, name))
			return true;
	return false;
}

static size_t bytes_new(const struct pieces *now, const struct pieces *before)
{
	size_t n = 0;

	for (size_t k = 0; k < now->count; k++)
		n += holds(before, now->items[k].name) ? 0 : now->items[k].size;
	return n;
}

static void a_change_touches_its_own_piece(void **state)
{
	struct archive_file files[FILES + 2];
	struct pieces before, now;
	struct buf a, b;

	(void)state;
	tree(files);
	cut(&before, &a, files, FILES + 1);
	assert_in_range(before.count, 6, 60);
	/* Another size of a file in the middle moves everything behind it in the tar, and changes one piece. */
	files[100].size += 700;
	cut(&now, &b, files, FILES + 1);
	assert_in_range(bytes_new(&now, &before), 1, 64 * 1024);
	pieces_free(&now);
	buf_free(&b);
	/* A new file in front. */
	memmove(files + 1, files, sizeof(files) - sizeof(*files));
	files[0] = (struct archive_file){ .name = "a-new-one", .data = "x", .size = 1 };
	cut(&now, &b, files, FILES + 2);
	assert_in_range(bytes_new(&now, &before), 1, 80 * 1024);
	pieces_free(&now);
	pieces_free(&before);
	buf_free(&a);
	buf_free(&b);
}

static void what_is_asked_for_is_packed_once(void **state)
{
	char dir[] = "/tmp/gf-pieces-XXXXXX", path[200];
	struct archive_file files[] = { { "one", big, 1 << 20, false }, { "two", big, 1 << 20, false }, { "three", "x", 1, false } };
	struct pieces p;
	struct buf tar, out = BUF(64u << 20), ask = BUF(4096);
	struct err e;
	size_t skipped;

	(void)state;
	tree((struct archive_file[FILES + 1]){ { NULL, NULL, 0, false } });
	cut(&p, &tar, files, 3);
	buf_printf(&ask, "%s\n\n%s\n", p.items[0].name, p.items[p.count - 1].name);
	assert_true(pieces_want(&p, ask.data, ask.len));
	assert_int_equal(pieces_pack(&p, tar.data, &out, &e), 0);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(archive_unpack(dir, out.data, out.len, &(struct archive_limits){ 10, 8u << 20 }, &skipped, &e), 0);
	snprintf(path, sizeof(path), "%s/%s", dir, p.items[0].name);
	assert_int_equal(access(path, R_OK), 0);
	unlink(path);
	snprintf(path, sizeof(path), "%s/%s", dir, p.items[p.count - 1].name);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0); /* nothing else came */
	assert_false(pieces_want(&p, "../../etc/passwd\n", 17));
	assert_true(pieces_want(&p, "all\n", 4));
	for (size_t k = 0; k < p.count; k++)
		assert_true(p.items[k].wanted);
	pieces_free(&p);
	buf_free(&tar);
	buf_free(&out);
	buf_free(&ask);
}

/* Whatever the bytes are: all of them, in order. */
static void anything_can_be_cut(void **state)
{
	struct pieces p;
	char header[512] = { 0 };

	(void)state;
	pieces_cut(&p, "short", 5);
	assert_int_equal(p.count, 1);
	pieces_free(&p);
	memcpy(header + 257, "ustar", 5);
	memcpy(header + 124, "77777777777", 11); /* says that it is larger than there is */
	pieces_cut(&p, header, sizeof(header));
	assert_int_equal(p.count, 1);
	assert_int_equal(p.items[0].size, 512);
	pieces_free(&p);
	pieces_cut(&p, NULL, 0);
	assert_int_equal(p.count, 0);
	pieces_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_touches_its_own_piece),
		cmocka_unit_test(what_is_asked_for_is_packed_once),
		cmocka_unit_test(anything_can_be_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

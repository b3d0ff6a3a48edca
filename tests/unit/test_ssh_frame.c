/* The marks around a command's output, however the bytes are cut on their way; and the wrapper in real shells. */
#include "remote/ssh_priv.h"

#include "shells.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char nonce[] = "0123456789abcdef";

struct got {
	struct buf data, noise;
};

static void on_data(void *arg, const char *s, size_t n)
{
	assert_true(n > 0);
	buf_append(&((struct got *)arg)->data, s, n);
}

static void on_noise(void *arg, const char *s, size_t n)
{
	assert_true(n > 0);
	buf_append(&((struct got *)arg)->noise, s, n);
}

static void expect(const char *stream, size_t n, size_t cut1, size_t cut2, const char *noise,
    const char *data, size_t data_n, bool ended, int status)
{
	struct got g = { BUF(4096), BUF(4096) };
	struct frame f;
	size_t at[4] = { 0, cut1, cut2, n };

	frame_init(&f);
	for (int i = 0; i < 3; i++) {
		char *piece =
		    xmalloc(at[i + 1] - at[i] + 1); /* its own memory: reading past it shows */

		memcpy(piece, stream + at[i], at[i + 1] - at[i]);
		frame_feed(&f, nonce, piece, at[i + 1] - at[i], on_data, on_noise, &g);
		free(piece);
	}
	if (g.data.len != data_n || memcmp(buf_str(&g.data), data, data_n) ||
	    strcmp(buf_str(&g.noise), noise))
		fail_msg("cut at %zu and %zu: noise '%s' data '%s'", cut1, cut2, buf_str(&g.noise),
		    buf_str(&g.data));
	assert_int_equal(f.phase == FRAME_ENDED, ended);
	if (ended)
		assert_int_equal(f.status, status);
	frame_free(&f);
	buf_free(&g.data);
	buf_free(&g.noise);
}

static void every_cut(const char *stream, size_t n, const char *noise, const char *data,
    size_t data_n, bool ended, int status)
{
	for (size_t i = 0; i <= n; i++)
		for (size_t j = i; j <= n; j++)
			expect(stream, n, i, j, noise, data, data_n, ended, status);
}

#define EVERY(stream, noise, data, ended, status)                                                  \
	every_cut(stream, sizeof(stream) - 1, noise, data, sizeof(data) - 1, ended, status)

static void cuts_do_not_matter(void **state)
{
	(void)state;
	EVERY("hi\036gf0123456789abcdef+\nout\036gf0123456789abcdef=7\nrest", "hi", "out", true, 7);
	EVERY("\036gf0123456789abcdef+\n\036gf0123456789abcdef=255\n", "", "", true, 255);
	EVERY("\036gf0123456789abcdef+\na\036\036gf\036gf0123456789abcdef=0\n", "", "a\036\036gf",
	    true, 0);
	EVERY(
	    "\036gf0123456789abcdef+\nbin\0ary\036gf0123456789abcdef=0\n", "", "bin\0ary", true, 0);
}

static void what_is_no_mark_is_data(void **state)
{
	(void)state;
	/* Another nonce, another sign, no digits, too many, too large, no line end. */
	EVERY("\036gf0123456789abcdef+\n\036gf0123456789abcdeX=0\n", "",
	    "\036gf0123456789abcdeX=0\n", false, 0);
	EVERY("\036gf0123456789abcdef+\n\036gf0123456789abcdef+\n.", "",
	    "\036gf0123456789abcdef+\n.", false, 0);
	EVERY("\036gf0123456789abcdef+\n\036gf0123456789abcdef=\n.", "",
	    "\036gf0123456789abcdef=\n.", false, 0);
	EVERY("\036gf0123456789abcdef+\n\036gf0123456789abcdef=1234\n", "",
	    "\036gf0123456789abcdef=1234\n", false, 0);
	EVERY("\036gf0123456789abcdef+\n\036gf0123456789abcdef=999\n.", "",
	    "\036gf0123456789abcdef=999\n.", false, 0);
	EVERY("\036gf0123456789abcdef+\n\036gf0123456789abcdef=1x\n.", "",
	    "\036gf0123456789abcdef=1x\n.", false, 0);
	/* Before the first mark everything is noise, also a trailer. */
	EVERY("\036gf0123456789abcdef=0\nx", "\036gf0123456789abcdef=0\nx", "", false, 0);
	/* The beginning of a mark at the end is kept back. */
	EVERY("\036gf0123456789abcdef+\nx\036gf0123456789abcdef=0", "", "x", false, 0);
}

static void nonces_differ(void **state)
{
	char a[NONCE_LEN + 1], b[NONCE_LEN + 1];

	(void)state;
	frame_make_nonce(a);
	frame_make_nonce(b);
	assert_int_equal(strlen(a), NONCE_LEN);
	assert_string_not_equal(a, b);
}

static void shells_print_the_marks(void **state)
{
	struct buf line = BUF(65536);
	struct outcome o;
	struct place p;
	size_t count;
	const struct shell *list = shells(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		place_make(&p, &list[i]);
		buf_reset(&line);
		frame_wrap(&line, nonce, "cat; printf '%s\\n' 'a'\\''b\\c' \"$HOME\" >&2; exit 9");
		place_run(&p, buf_str(&line), "in", 2, &o);
		assert_int_equal(o.status, 9);
		assert_string_equal(
		    buf_str(&o.out), "\036gf0123456789abcdef+\nin\036gf0123456789abcdef=9\n");
		assert_true(str_starts(buf_str(&o.err), "\036gf0123456789abcdef+\na'b\\c\n/tmp/"));
		assert_non_null(strstr(buf_str(&o.err), "\036gf0123456789abcdef=9\n"));
		outcome_free(&o);
		place_remove(&p);
	}
	buf_free(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_do_not_matter),
		cmocka_unit_test(what_is_no_mark_is_data),
		cmocka_unit_test(nonces_differ),
		cmocka_unit_test(shells_print_the_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

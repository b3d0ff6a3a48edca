#include "ssh_priv.h"

#include "base/rng.h"

/*
 * A mark is RS "gf" nonce '+' '\n' where output begins and RS "gf" nonce '=' status '\n' where it ends; RS is the byte 0x1e.
 * The nonce is new for each command, so nothing that a command prints by itself looks like a mark.
 */
#define RS         '\036'
#define PREFIX_LEN (3 + NONCE_LEN) /* RS g f nonce */
#define MARK_MAX   (PREFIX_LEN + 1 + 3 + 1)

/*
 * $0 is the nonce, $1 the command. It runs in a shell of its own, so that a syntax error, an exec or a redirection in it
 * cannot keep the trailer from being printed. No quote and no newline in here: some login shells are not POSIX shells.
 */
static const char wrapper[] =
    "printf \"\\036gf%s+\\n\" \"$0\";printf \"\\036gf%s+\\n\" \"$0\" >&2;"
    "sh -c \"$1\";s=$?;"
    "printf \"\\036gf%s=%d\\n\" \"$0\" $s;printf \"\\036gf%s=%d\\n\" \"$0\" $s >&2;exit $s";

void frame_make_nonce(char nonce[NONCE_LEN + 1])
{
	struct rng r;
	uint8_t bytes[NONCE_LEN / 2];

	rng_kernel(&r);
	rng_fill(&r, bytes, sizeof(bytes));
	str_hex(bytes, sizeof(bytes), nonce);
}

/* Single quotes with every quote and backslash outside of them: fish reads backslashes inside as escapes, POSIX does not. */
static void quote(struct buf *out, const char *s)
{
	buf_putc(out, '\'');
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			buf_printf(out, "'\\%c'", *s);
		else
			buf_putc(out, *s);
	}
	buf_putc(out, '\'');
}

void frame_wrap(struct buf *out, const char *nonce, const char *command)
{
	buf_puts(out, "exec sh -c ");
	quote(out, wrapper);
	buf_printf(out, " %s ", nonce);
	quote(out, command);
}

void frame_init(struct frame *f)
{
	*f = (struct frame){ .pending = BUF(MARK_MAX) };
}

void frame_free(struct frame *f)
{
	buf_free(&f->pending);
}

/* Is the text at s a mark? Its length, 0: certainly not, -1: more bytes are needed to tell. */
static int mark_at(const char *s, size_t n, const char *nonce, char sign, int *status)
{
	char want[PREFIX_LEN + 2];
	size_t i, digits = 0;
	int value = 0;

	snprintf(want, sizeof(want), "%cgf%s%c", RS, nonce, sign);
	for (i = 0; i < PREFIX_LEN + 1; i++) {
		if (i == n)
			return -1;
		if (s[i] != want[i])
			return 0;
	}
	for (; i < n && s[i] >= '0' && s[i] <= '9' && digits < 3; i++, digits++)
		value = value * 10 + (s[i] - '0');
	if (i == n)
		return -1;
	if (s[i] != '\n' || (digits > 0) != (sign == '=') || value > 255)
		return 0;
	*status = value;
	return (int)i + 1;
}

static void pass(const char *s, size_t n, frame_sink *to, void *arg)
{
	if (n && to)
		to(arg, s, n);
}

/* Consume one stretch of s[*at..n); false when more bytes are needed or nothing more matters. */
static bool advance(struct frame *f, const char *nonce, const char *s, size_t n, size_t *at,
    frame_sink *sink, void *arg)
{
	const char *rs = memchr(s + *at, RS, n - *at);
	size_t plain = (rs ? (size_t)(rs - s) : n) - *at;
	int len;

	pass(s + *at, plain, sink, arg);
	*at += plain;
	if (!rs)
		return false;
	len = mark_at(rs, n - *at, nonce, f->phase == FRAME_BEFORE ? '+' : '=', &f->status);
	if (len < 0)
		return false;
	if (!len) {
		pass(rs, 1, sink, arg);
		*at += 1;
		return true;
	}
	*at += (size_t)len;
	f->phase = f->phase == FRAME_BEFORE ? FRAME_DATA : FRAME_ENDED;
	return f->phase != FRAME_ENDED;
}

void frame_feed(struct frame *f, const char *nonce, const char *bytes, size_t n, frame_sink *data,
    frame_sink *noise, void *arg)
{
	struct buf joined = f->pending; /* what was left over stands in front, if anything */
	size_t at = 0;

	if (f->phase == FRAME_ENDED)
		return;
	f->pending = (struct buf)BUF(MARK_MAX);
	if (joined.len) {
		joined.max = joined.len + n;
		buf_append(&joined, bytes, n);
		bytes = joined.data;
		n = joined.len;
	}
	while (at < n &&
	       advance(f, nonce, bytes, n, &at, f->phase == FRAME_BEFORE ? noise : data, arg))
		;
	if (f->phase != FRAME_ENDED)
		buf_append(&f->pending, bytes + at, n - at);
	buf_free(&joined);
}

#include "ctl/output.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/str.h"

#include <ctype.h>

#define PATIENCE MINUTE
#define TEXT_MAX_ (16 * CLIENT_LINE_MAX)

/* ---- the filter ---- */

/* Length of the colour sequence at s ("\033[1;31m"); 0: it is something else; -1: it may become one. */
static long color_sequence(const char *s, size_t n)
{
	size_t i = 2;

	if (n < 2)
		return -1;
	if (s[1] != '[')
		return 0;
	while (i < n && i < OUTPUT_PENDING - 1 && (isdigit((unsigned char)s[i]) || s[i] == ';' || s[i] == ':'))
		i++;
	if (i == n && i < OUTPUT_PENDING - 1)
		return -1;
	return i < n && s[i] == 'm' ? (long)i + 1 : 0;
}

/* Bytes of the UTF-8 character that begins at s, as its first byte says. */
static size_t utf8_length(unsigned char first)
{
	return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static void filter_all(struct output_filter *f, struct buf *out, const char *s, size_t n, bool colors)
{
	size_t step;

	for (; n; s += step, n -= step) {
		long sequence = *s == '\033' ? color_sequence(s, n) : 0;

		step = *s == '\033' ? 1 : utf8_length((unsigned char)*s);
		if (sequence < 0 || (step > n && n < OUTPUT_PENDING)) {
			memcpy(f->pending, s, n);
			f->pending_len = n;
			return;
		}
		if (sequence > 0) {
			step = (size_t)sequence;
			if (colors)
				buf_append(out, s, step);
		} else if (*s == '\r') {
			buf_putc(out, '\r');
		} else {
			str_safe(out, s, step, true);
		}
	}
}

void output_filter(struct output_filter *f, struct buf *out, const char *text, size_t n, bool colors)
{
	struct buf joined = BUF(CLIENT_LINE_MAX + OUTPUT_PENDING);

	if (!f->pending_len) {
		filter_all(f, out, text, n, colors);
		return;
	}
	buf_append(&joined, f->pending, f->pending_len);
	buf_append(&joined, text, n);
	f->pending_len = 0;
	filter_all(f, out, buf_str(&joined), joined.len, colors);
	buf_free(&joined);
}

/* ---- writing ---- */

void output_init(struct output *o)
{
	*o = (struct output){ .last_newline = true };
}

static void put_prefixed(const struct output *o, FILE *to, const char *text, size_t n)
{
	bool begins = o->last_newline;

	for (size_t k = 0; k < n; k++) {
		if (begins)
			fputs(o->prefix, to);
		fputc(text[k], to);
		begins = text[k] == '\n';
	}
}

void output_write(struct output *o, const char *stream, const char *text, size_t n)
{
	int which = !strcmp(stream, "stderr");
	FILE *to = which ? stderr : stdout;
	struct buf out = BUF(TEXT_MAX_);

	if (!n)
		return;
	if (which ? term_is_err() : term_is_out()) {
		output_filter(&o->filter[which], &out, text, n, *term_style(to, STYLE_BOLD));
		text = buf_str(&out);
		n = out.len;
	}
	if (o->prefix)
		put_prefixed(o, to, text, n);
	else if (n)
		fwrite(text, 1, n, to);
	if (n)
		o->last_newline = text[n - 1] == '\n';
	fflush(to);
	buf_free(&out);
}

size_t output_line(struct output *o, const char *stream, const json_t *line)
{
	const char *text = json_str(line, "text", ""), *coded = json_str(line, "base64", NULL);
	size_t n = json_string_length(json_path(line, "text"));
	uint8_t *bytes = coded ? crypto_base64_decode(coded, &n) : NULL;

	if (coded && !bytes)
		n = 0;
	if (o)
		output_write(o, stream, bytes ? (const char *)bytes : text, n);
	free(bytes);
	return n;
}

/* ---- a run's log ---- */

void tail_init(struct tail *t, int64_t run)
{
	*t = (struct tail){ .run = run, .follow = true };
	output_init(&t->output);
}

void tail_free(struct tail *t)
{
	json_decref(t->end);
	t->end = NULL;
}

static int take_line(void *arg, const json_t *line)
{
	struct tail *t = arg;
	const char *stream = json_str(line, "stream", NULL);
	int which = stream && !strcmp(stream, "stderr");
	const json_t *end = json_object_get(line, "end");

	t->got_any = true;
	if (json_path(line, "ping"))
		return 0;
	if (t->lines)
		ctl_print_json(line);
	if (stream) {
		size_t n = output_line(t->lines ? NULL : &t->output, stream, line);

		t->at[which] = json_int(line, "next", json_int(line, "offset", t->at[which]) + (int64_t)n);
	}
	if (end) {
		json_decref(t->end);
		t->end = json_deep_copy(end);
	}
	return 0;
}

int tail_read(struct ctl *c, struct tail *t, struct err *e)
{
	duration lost_since = 0;
	int rc;

	for (;;) {
		char path[160];
		const struct request r = { .method = "GET", .path = path, .quiet_is_dead = t->follow };

		snprintf(path, sizeof(path), "/v1/runs/%lld/logs?stdout=%lld&stderr=%lld&follow=%d", (long long)t->run,
		    (long long)t->at[0], (long long)t->at[1], t->follow);
		if (ctl_connect(c, e) < 0)
			return -1;
		json_decref(c->problem);
		c->problem = NULL;
		t->got_any = false;
		*e = (struct err){ 0 };
		rc = client_stream(c->client, &r, take_line, t, &c->problem, e);
		if (rc == CLIENT_INTERRUPTED || t->end || (rc == 0 && !t->follow))
			return rc == CLIENT_INTERRUPTED ? rc : 0;
		if (rc < 0 && e->code != ERR_UNREACHABLE && e->code != ERR_TIMEOUT)
			return -1;
		/* The daemon restarts, or ended the stream without an end: the run goes on, so do we. */
		if (t->got_any || !lost_since)
			lost_since = clock_boot();
		if (clock_boot() - lost_since > PATIENCE)
			return rc < 0 ? -1 : err_set(e, ERR_UNREACHABLE, "the daemon ends the log before the run has ended");
		if (term_sleep(SECOND))
			return CLIENT_INTERRUPTED;
	}
}

#include "ctl/progress.h"
#include "base/clock.h"
#include "base/str.h"
#include "ctl/table.h"
#include "ctl/term.h"

#define REDRAW (100 * MSEC)

void progress_begin(struct progress *p)
{
	const char *term = getenv("TERM");

	*p = (struct progress){ .began = clock_boot() };
	p->live = term_is_err() && term && *term && strcmp(term, "dumb") != 0;
}

duration progress_elapsed(const struct progress *p)
{
	return clock_boot() - p->began;
}

void progress_clear(struct progress *p)
{
	if (p->drawn)
		fprintf(stderr, "\033[%dA\r\033[J", p->drawn);
	p->drawn = 0;
	p->last = 0;
	fflush(stderr);
}

void progress_draw(struct progress *p, const char *text)
{
	int width = term_width(stderr), height = term_height(stderr);
	duration now = clock_boot();
	struct buf out = BUF(1024 * 1024);

	if (!p->live || (p->last && now - p->last < REDRAW))
		return;
	if (p->drawn)
		buf_printf(&out, "\033[%dA\r\033[J", p->drawn);
	p->drawn = 0;
	for (const char *s = text; *s && p->drawn < height - 2;) {
		size_t n = strcspn(s, "\n");
		char *line = xstrndup(s, n);

		text_fit(&out, line, width - 1);
		buf_putc(&out, '\n');
		p->drawn++;
		free(line);
		s += s[n] ? n + 1 : n;
	}
	fputs(buf_str(&out), stderr);
	fflush(stderr);
	buf_free(&out);
	p->last = now;
}

void progress_note(struct progress *p, const char *fmt, ...)
{
	struct buf safe = BUF(16384);
	char text[2048], elapsed[24];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	progress_clear(p);
	str_safe(&safe, text, strlen(text), false);
	duration_format(progress_elapsed(p) / SECOND * SECOND, elapsed);
	fprintf(stderr, "%s%8s%s  %s\n", term_style(stderr, STYLE_DIM), elapsed, term_style(stderr, STYLE_PLAIN), buf_str(&safe));
	buf_free(&safe);
}

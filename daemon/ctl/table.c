#include "ctl/table.h"
#include "base/str.h"

#include <ctype.h>
#include <wchar.h>

#define CELL_MAX    4096
#define COLUMNS_MAX 32
#define GAP         2

/* ---- widths ---- */

/* The character at s: bytes it takes, and its columns in *columns. Broken bytes count one each. */
static size_t character(const char *s, int *columns)
{
	mbstate_t state = { 0 };
	wchar_t wc;
	size_t n = mbrtowc(&wc, s, strlen(s), &state);

	*columns = 1;
	if (n == (size_t)-1 || n == (size_t)-2 || n == 0)
		return 1;
	*columns = wcwidth(wc);
	if (*columns < 0)
		*columns = 1;
	return n;
}

int text_width(const char *s)
{
	int total = 0, columns;

	for (; *s; total += columns)
		s += character(s, &columns);
	return total;
}

void text_fit(struct buf *out, const char *s, int width)
{
	int used = 0, columns;
	size_t n;

	if (width <= 0)
		return;
	if (text_width(s) <= width) {
		buf_puts(out, s);
		return;
	}
	for (; *s; s += n) {
		n = character(s, &columns);
		if (used + columns > width - 1)
			break;
		buf_append(out, s, n);
		used += columns;
	}
	buf_puts(out, "…");
}

/* ---- filling ---- */

void table_init(struct table *t, const struct column *columns, size_t count)
{
	if (count > COLUMNS_MAX)
		BUG("%zu columns", count);
	*t = (struct table){ .columns = columns, .column_count = count };
}

void table_row(struct table *t)
{
	t->row_count++;
	t->filled = 0;
	t->cells = xreallocarray(t->cells, t->row_count * t->column_count, sizeof(*t->cells));
	memset(&t->cells[(t->row_count - 1) * t->column_count], 0, t->column_count * sizeof(*t->cells));
}

void table_cell(struct table *t, enum style style, const char *fmt, ...)
{
	struct table_cell *cell = &t->cells[(t->row_count - 1) * t->column_count + t->filled];
	struct buf safe = BUF(CELL_MAX * 6);
	char text[CELL_MAX];
	va_list ap;

	if (!t->row_count || t->filled == t->column_count)
		BUG("a cell too many");
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	str_safe(&safe, text, strlen(text), false);
	cell->text = buf_take(&safe);
	cell->style = style;
	t->filled++;
}

void table_free(struct table *t)
{
	for (size_t i = 0; i < t->row_count * t->column_count; i++)
		free(t->cells[i].text);
	free(t->cells);
	*t = (struct table){ 0 };
}

static const char *cell_text(const struct table *t, size_t row, size_t column)
{
	const char *s = t->cells[row * t->column_count + column].text;

	return s ? s : "";
}

/* ---- fitting ---- */

struct layout {
	int width[COLUMNS_MAX]; /* 0: not shown */
};

static int natural(const struct table *t, size_t column)
{
	int most = 0, w;

	for (size_t r = 0; r < t->row_count; r++) {
		w = text_width(cell_text(t, r, column));
		most = w > most ? w : most;
	}
	w = text_width(t->columns[column].title);
	return !most ? 0 : w > most ? w : most;
}

static int total(const struct table *t, const struct layout *l)
{
	int sum = 0;

	for (size_t i = 0; i < t->column_count; i++)
		sum += l->width[i] ? l->width[i] + GAP : 0;
	return sum ? sum - GAP : 0;
}

/* Make the widest column that may shrink one narrower; false: none is left. */
static bool shrink(const struct table *t, struct layout *l)
{
	size_t best = t->column_count;

	for (size_t i = 0; i < t->column_count; i++)
		if (t->columns[i].least && l->width[i] > t->columns[i].least &&
		    (best == t->column_count || l->width[i] > l->width[best]))
			best = i;
	if (best == t->column_count)
		return false;
	l->width[best]--;
	return true;
}

static bool drop(const struct table *t, struct layout *l)
{
	size_t best = t->column_count;

	for (size_t i = 0; i < t->column_count; i++)
		if (l->width[i] && t->columns[i].drop &&
		    (best == t->column_count || t->columns[i].drop > t->columns[best].drop))
			best = i;
	if (best == t->column_count)
		return false;
	l->width[best] = 0;
	return true;
}

/* The least that the shown columns can take. */
static int floor_width(const struct table *t, const struct layout *l)
{
	struct layout least = *l;

	for (size_t i = 0; i < t->column_count; i++)
		if (least.width[i] && t->columns[i].least && least.width[i] > t->columns[i].least)
			least.width[i] = t->columns[i].least;
	return total(t, &least);
}

static void fit(const struct table *t, struct layout *l, int width)
{
	for (size_t i = 0; i < t->column_count; i++)
		l->width[i] = natural(t, i);
	if (!width)
		return;
	while (floor_width(t, l) > width && drop(t, l))
		;
	while (total(t, l) > width && shrink(t, l))
		;
}

/* ---- printing ---- */

static void print_cell(const struct column *c, const char *text, enum style style, int width, bool last, FILE *to)
{
	struct buf cut = BUF(CELL_MAX * 6);
	int pad;

	text_fit(&cut, text, width);
	pad = width - text_width(buf_str(&cut));
	if (c->align == RIGHT)
		fprintf(to, "%*s", pad, "");
	if (style != STYLE_PLAIN)
		fputs(term_style(to, style), to);
	fputs(buf_str(&cut), to);
	if (style != STYLE_PLAIN)
		fputs(term_style(to, STYLE_PLAIN), to);
	if (!last)
		fprintf(to, "%*s", (c->align == LEFT ? pad : 0) + GAP, "");
	buf_free(&cut);
}

/* row -1: titles */
static void print_row(const struct table *t, const struct layout *l, long row, FILE *to)
{
	size_t last = 0;

	/* Nothing, not even space, behind the last cell that says something. */
	for (size_t i = 0; i < t->column_count; i++)
		last = l->width[i] && (row < 0 || *cell_text(t, (size_t)row, i)) ? i : last;
	for (size_t i = 0; i <= last; i++) {
		if (!l->width[i])
			continue;
		if (row < 0)
			print_cell(&t->columns[i], t->columns[i].title, STYLE_DIM, l->width[i], i == last, to);
		else
			print_cell(&t->columns[i], cell_text(t, (size_t)row, i),
			    t->cells[(size_t)row * t->column_count + i].style, l->width[i], i == last, to);
	}
	fputc('\n', to);
}

void table_print(const struct table *t, FILE *to, int width)
{
	struct layout l;

	fit(t, &l, width);
	for (long row = -1; row < (long)t->row_count; row++)
		print_row(t, &l, row, to);
}

void table_csv(const struct table *t, FILE *to)
{
	struct buf line = BUF(1u << 20);

	for (size_t i = 0; i < t->column_count; i++) {
		fputs(i ? "," : "", to);
		for (const char *s = t->columns[i].title; *s; s++)
			fputc(*s == ' ' ? '_' : tolower((unsigned char)*s), to);
	}
	fputs("\r\n", to);
	for (size_t r = 0; r < t->row_count; r++) {
		buf_reset(&line);
		for (size_t i = 0; i < t->column_count; i++) {
			buf_puts(&line, i ? "," : "");
			str_csv(&line, cell_text(t, r, i));
		}
		fprintf(to, "%s\r\n", buf_str(&line));
	}
	buf_free(&line);
}

static void markdown_cell(const char *s, FILE *to)
{
	fputs(" ", to);
	for (; *s; s++) {
		if (strchr("|\\`*_<>[]", *s))
			fputc('\\', to);
		fputc(*s, to);
	}
	fputs(" |", to);
}

void table_markdown(const struct table *t, FILE *to)
{
	fputc('|', to);
	for (size_t i = 0; i < t->column_count; i++)
		markdown_cell(t->columns[i].title, to);
	fputs("\n|", to);
	for (size_t i = 0; i < t->column_count; i++)
		fputs(t->columns[i].align == RIGHT ? " ---: |" : " --- |", to);
	fputc('\n', to);
	for (size_t r = 0; r < t->row_count; r++) {
		fputc('|', to);
		for (size_t i = 0; i < t->column_count; i++)
			markdown_cell(cell_text(t, r, i), to);
		fputc('\n', to);
	}
}

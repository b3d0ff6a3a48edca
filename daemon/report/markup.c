#include "report/markup.h"
#include "base/str.h"

#include <math.h>

static void markdown_text(struct buf *out, const char *text)
{
	struct buf safe = BUF(4096);

	str_safe(&safe, text, strnlen(text, 2000), false);
	for (const char *s = buf_str(&safe); *s; s++)
		if (*s == '<' || *s == '&') /* Markdown lets HTML through */
			buf_puts(out, *s == '<' ? "&lt;" : "&amp;");
		else
			buf_printf(out, strchr("|*_`>[]#\\", *s) ? "\\%c" : "%c", *s);
	buf_free(&safe);
}

static void html_text(struct buf *out, const char *text)
{
	struct buf safe = BUF(4096);

	str_safe(&safe, text, strnlen(text, 2000), false);
	for (const char *s = buf_str(&safe); *s; s++)
		switch (*s) {
		case '&': buf_puts(out, "&amp;"); break;
		case '<': buf_puts(out, "&lt;"); break;
		case '>': buf_puts(out, "&gt;"); break;
		case '"': buf_puts(out, "&quot;"); break;
		case '\'': buf_puts(out, "&#39;"); break;
		default: buf_putc(out, *s);
		}
	buf_free(&safe);
}

void markup_text(struct markup *m, const char *text)
{
	(m->html ? html_text : markdown_text)(m->out, text);
}

void markup_heading(struct markup *p, const char *text)
{
	buf_printf(p->out, p->html ? "<h2>%s</h2>\n" : "\n## %s\n\n", text);
}

void markup_line(struct markup *p, const char *fmt, ...)
{
	char line[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	buf_puts(p->out, p->html ? "<p>" : "");
	markup_text(p, line);
	buf_puts(p->out, p->html ? "</p>\n" : "\n\n");
}

void markup_list(struct markup *p)
{
	buf_puts(p->out, p->html ? "<ul>\n" : "");
}

void markup_list_end(struct markup *p)
{
	buf_puts(p->out, p->html ? "</ul>\n" : "\n");
}

void markup_item(struct markup *p, const char *text)
{
	buf_puts(p->out, p->html ? "<li>" : "- ");
	markup_text(p, text);
	buf_puts(p->out, p->html ? "</li>\n" : "\n");
}

void markup_table(struct markup *p, const char *const *columns, size_t count)
{
	buf_puts(p->out, p->html ? "<table><tr>" : "|");
	for (size_t k = 0; k < count; k++) {
		buf_puts(p->out, p->html ? "<th>" : " ");
		markup_text(p, columns[k]); /* in comparisons they are names from outside */
		buf_puts(p->out, p->html ? "</th>" : " |");
	}
	buf_puts(p->out, p->html ? "</tr>\n" : "\n|");
	for (size_t k = 0; !p->html && k < count; k++)
		buf_puts(p->out, "---|");
	if (!p->html)
		buf_putc(p->out, '\n');
}

void markup_row(struct markup *p)
{
	buf_puts(p->out, p->html ? "<tr>" : "|");
}

void markup_cell(struct markup *p, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_puts(p->out, p->html ? "<td>" : " ");
	markup_text(p, *text ? text : "N/A");
	buf_puts(p->out, p->html ? "</td>" : " |");
}

void markup_row_end(struct markup *p)
{
	buf_puts(p->out, p->html ? "</tr>\n" : "\n");
}

void markup_table_end(struct markup *p)
{
	buf_puts(p->out, p->html ? "</table>\n" : "\n");
}

static const char *const colours[] = { "#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f" };

#define CHART_WIDTH  900.0
#define CHART_HEIGHT 260.0
#define CHART_LEFT   60.0
#define CHART_TOP    30.0

/* The highest bar, or the highest pile of them. */
static double chart_most(const struct chart *c)
{
	double most = 0;

	for (size_t l = 0; l < c->label_count; l++) {
		double pile = 0;

		for (size_t s = 0; s < c->series_count; s++) {
			double v = c->values[l * c->series_count + s];

			if (isnan(v))
				continue;
			pile = c->stacked ? pile + v : fmax(pile, v);
		}
		most = fmax(most, pile);
	}
	return most;
}

static void chart_group(struct buf *out, const struct chart *c, size_t label, double x, double width, double most)
{
	double bar = c->stacked ? width : width / (double)c->series_count, base = CHART_TOP + CHART_HEIGHT;

	for (size_t s = 0; s < c->series_count; s++) {
		double v = c->values[label * c->series_count + s], h = isnan(v) ? 0 : CHART_HEIGHT * v / most;

		if (isnan(v) || (c->stacked && v <= 0))
			continue;
		buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"><title>", c->stacked ? x : x + bar * (double)s,
		    base - h, bar * 0.92, h, colours[s % ARRAY_LEN(colours)]);
		if (c->stacked) {
			html_text(out, c->labels[label]);
			buf_puts(out, " ");
			html_text(out, c->series[s]);
			buf_puts(out, ": ");
		}
		buf_printf(out, "%.5g %s</title></rect>\n", v, c->unit);
		base -= c->stacked ? h : 0;
	}
}

static void chart_legend(struct buf *out, const struct chart *c)
{
	for (size_t s = 0; s < c->series_count; s++) {
		double x = CHART_LEFT + (CHART_WIDTH - CHART_LEFT) / (double)c->series_count * (double)s;

		buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"10\" height=\"10\" fill=\"%s\"/><text x=\"%.1f\" y=\"%.1f\">", x,
		    CHART_TOP + CHART_HEIGHT + 28, colours[s % ARRAY_LEN(colours)], x + 14, CHART_TOP + CHART_HEIGHT + 37);
		html_text(out, c->series[s]);
		buf_puts(out, "</text>\n");
	}
}

void html_bars(struct buf *out, const struct chart *c)
{
	double most = chart_most(c), group = (CHART_WIDTH - CHART_LEFT) / (double)(c->label_count ? c->label_count : 1);
	size_t every = 1 + (size_t)(c->label_count / 12); /* as many labels as can be read */

	if (most <= 0)
		return;
	buf_printf(out, "<figure><svg viewBox=\"0 0 %.0f %.0f\" role=\"img\"><title>", CHART_WIDTH, CHART_HEIGHT + 46 + CHART_TOP);
	html_text(out, c->title);
	buf_puts(out, "</title>\n");
	for (int k = 0; k <= 4; k++) {
		double y = CHART_TOP + CHART_HEIGHT - CHART_HEIGHT * k / 4;

		buf_printf(out, "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\" class=\"grid\"/><text x=\"%.0f\" y=\"%.1f\" "
				"text-anchor=\"end\">%.4g</text>\n", CHART_LEFT, CHART_WIDTH, y, y, CHART_LEFT - 6, y + 4, most * k / 4);
	}
	for (size_t l = 0; l < c->label_count; l++) {
		double x = CHART_LEFT + group * (double)l + group * 0.1;

		chart_group(out, c, l, x, group * 0.8, most);
		if (c->stacked && l % every)
			continue;
		buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", x + group * 0.4, CHART_TOP + CHART_HEIGHT + 18);
		html_text(out, c->labels[l]);
		buf_puts(out, "</text>\n");
	}
	chart_legend(out, c);
	buf_puts(out, "</svg><figcaption>");
	html_text(out, c->title);
	buf_puts(out, "</figcaption></figure>\n");
}

void html_head(struct buf *out, const char *title)
{
	buf_puts(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
		      "content=\"width=device-width,initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
		      "'none'; style-src 'unsafe-inline'\"><title>");
	html_text(out, title);
	buf_puts(out, "</title><style>\nbody{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2rem auto;padding:0 1rem;"
		      "color:#111;background:#fff}\ntable{border-collapse:collapse;margin:.8rem 0;font-size:14px}\n"
		      "td,th{border:1px solid #ccc;padding:.25rem .6rem;text-align:left}\nth{background:#f3f4f6}\n"
		      "pre{overflow:auto;background:#f3f4f6;padding:.8rem;font-size:12px}\nfigure{margin:1rem 0}\n"
		      "figure{overflow-x:auto}svg{width:100%;height:auto}@media(max-width:640px){svg{min-width:620px}}\n"
		      "table{display:block;overflow-x:auto;max-width:100%}\n"
		      ".bar{display:block;height:.8em;min-width:1px;background:#2563eb}td:has(.bar){min-width:8rem}\n"
		      "@media print{body{max-width:none;margin:0;font-size:11px}table{display:table}tr,figure{break-inside:avoid}}\n"
		      "svg text{font-size:11px;fill:currentColor}\n.grid{stroke:#9995}\n"
		      "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}th,pre{background:#262626}td,th{border-color:#444}}\n"
		      "</style></head><body><h1>");
	html_text(out, title);
	buf_puts(out, "</h1>\n");
}

void html_tail(struct buf *out)
{
	buf_puts(out, "</body></html>\n");
}


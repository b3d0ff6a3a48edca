#include "config/parse.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#define EXCERPT_MAX 160 /* characters of a source line that are quoted */

struct parse {
	char *name;
	char *text;
	size_t size;
	struct node *root;
	struct buf report;
	struct err first;
	int errors;
	bool hide_source;
};

/* ---- reporting ---- */

/* The text of line `line`, without its end; *n its length. */
static const char *source_line(const struct parse *p, int line, size_t *n)
{
	const char *s = p->text, *end = p->text + p->size, *stop;

	for (; line > 1 && s < end; line--) {
		stop = memchr(s, '\n', (size_t)(end - s));
		s = stop ? stop + 1 : end;
	}
	stop = memchr(s, '\n', (size_t)(end - s));
	*n = (size_t)((stop ? stop : end) - s);
	if (*n && s[*n - 1] == '\r')
		--*n;
	return s;
}

static void quote_line(struct parse *p, int line, int column)
{
	size_t n, i = 0;
	const char *s = source_line(p, line, &n);

	if (!n || n > EXCERPT_MAX || p->hide_source)
		return;
	buf_printf(&p->report, "%5d | ", line);
	str_safe(&p->report, s, n, true);
	buf_puts(&p->report, "\n      | ");
	for (int col = 1; col < column && i < n; col++) {
		buf_putc(&p->report, s[i] == '\t' ? '\t' : ' ');
		for (i++; i < n && ((unsigned char)s[i] & 0xc0) == 0x80; i++)
			continue;
	}
	buf_puts(&p->report, "^\n");
}

static void report(struct parse *p, int line, int column, const char *text)
{
	if (++p->errors > PARSE_ERRORS_MAX)
		return;
	if (p->errors == 1)
		err_set(&p->first, ERR_USAGE, "%s:%d:%d: %s", p->name, line, column, text);
	buf_printf(&p->report, "%s:%d:%d: %s\n", p->name, line, column, text);
	quote_line(p, line, column);
	if (p->errors == PARSE_ERRORS_MAX)
		buf_printf(&p->report, "%s: further mistakes are not shown\n", p->name);
}

static void report_va(struct parse *p, int line, int column, const char *fmt, va_list ap) PRINTF_LIKE(4, 0);
static void report_va(struct parse *p, int line, int column, const char *fmt, va_list ap)
{
	struct buf safe = BUF(2048);
	char text[1024];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n < 0)
		return;
	str_safe(&safe, text, strlen(text), false);
	report(p, line, column, buf_str(&safe));
	buf_free(&safe);
}

static void fail_at(struct parse *p, int line, int column, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void fail_at(struct parse *p, int line, int column, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_va(p, line, column, fmt, ap);
	va_end(ap);
}

void parse_error(struct parse *p, const struct node *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_va(p, at ? at->line : 1, at ? at->column : 1, fmt, ap);
	va_end(ap);
}

void parse_error_key(struct parse *p, const struct node *at, const char *fmt, ...)
{
	bool has_key = at && at->key;
	va_list ap;

	va_start(ap, fmt);
	if (has_key)
		report_va(p, at->key_line, at->key_column, fmt, ap);
	else
		report_va(p, at ? at->line : 1, at ? at->column : 1, fmt, ap);
	va_end(ap);
}

void parse_hide_source(struct parse *p)
{
	p->hide_source = true;
}

int parse_failed(const struct parse *p, struct err *e)
{
	if (!p->errors)
		return 0;
	if (p->errors == 1)
		return err_set(e, ERR_USAGE, "%s", p->first.msg);
	return err_set(e, ERR_USAGE, "%.440s (and %d more)", p->first.msg, p->errors - 1);
}

const char *parse_report(const struct parse *p)
{
	return buf_str(&p->report);
}

int parse_error_count(const struct parse *p)
{
	return p->errors;
}

/* ---- nodes ---- */

static void node_finish(struct node *n)
{
	for (size_t i = 0; i < n->count; i++)
		node_finish(&n->child[i]);
	free(n->child);
	free(n->key);
	free(n->text);
}

const struct node *parse_root(const struct parse *p)
{
	return p->root;
}

const struct node *node_get(const struct node *map, const char *key)
{
	if (map && map->kind == NODE_MAP)
		for (size_t i = 0; i < map->count; i++)
			if (!strcmp(map->child[i].key, key))
				return &map->child[i];
	return NULL;
}

bool node_empty(const struct node *n)
{
	return n->kind == NODE_TEXT && !n->quoted &&
	       (!*n->text || !strcmp(n->text, "~") || !strcmp(n->text, "null"));
}

static struct node *node_add(struct node *parent)
{
	if (parent->count == parent->cap) {
		parent->cap = parent->cap ? 2 * parent->cap : 8;
		parent->child = xreallocarray(parent->child, parent->cap, sizeof(*parent->child));
	}
	memset(&parent->child[parent->count], 0, sizeof(*parent->child));
	return &parent->child[parent->count++];
}

/* ---- building the tree from libyaml's events ---- */

/*
 * One level of nesting. The node of a level is addressed by its parent's array and an index, because an
 * array moves when it grows; only the last child of each open level is ever open itself, so a pointer to it
 * stays valid until the next node_add.
 */
struct builder {
	struct parse *p;
	yaml_parser_t yaml;
	struct node *open[PARSE_DEPTH_MAX + 1]; /* [0] holds the root as its only child */
	int depth;
	char *key; /* seen in the present map, its value still to come */
	int key_line, key_column;
};

static int line_of(yaml_mark_t m)
{
	return (int)m.line + 1;
}

static int column_of(yaml_mark_t m)
{
	return (int)m.column + 1;
}

/* What no document of ours may use; true when reported. */
static bool refuse(
    struct builder *b, const yaml_event_t *ev, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	const char *what = anchor ? "anchors ('&name')" : tag ? "tags ('!name')" : NULL;

	if (ev->type == YAML_ALIAS_EVENT)
		what = "aliases ('*name')";
	if (!what)
		return false;
	fail_at(b->p, line_of(ev->start_mark), column_of(ev->start_mark),
	    "%s are not accepted here; write the value itself", what);
	return true;
}

static int take_key(struct builder *b, const yaml_event_t *ev)
{
	const char *key = (const char *)ev->data.scalar.value;
	const struct node *same;
	bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	b->key_line = line_of(ev->start_mark);
	b->key_column = column_of(ev->start_mark);
	if (plain && !strcmp(key, "<<")) {
		fail_at(b->p, b->key_line, b->key_column,
		    "merge keys ('<<') are not accepted here; write the keys themselves");
		return -1;
	}
	if (!*key) {
		fail_at(b->p, b->key_line, b->key_column, "a key is missing before ':'");
		return -1;
	}
	same = node_get(b->open[b->depth], key);
	if (same)
		fail_at(b->p, b->key_line, b->key_column,
		    "'%.64s' stands here twice; the first is in line %d", key, same->key_line);
	b->key = xstrdup(key);
	return 0;
}

/* Add the node of a value to the open level; NULL when the level is a map that waits for a key. */
static struct node *add_value(struct builder *b, const yaml_event_t *ev, enum node_kind kind)
{
	struct node *parent = b->open[b->depth], *n;

	if (parent->kind == NODE_MAP && !b->key) {
		fail_at(b->p, line_of(ev->start_mark), column_of(ev->start_mark),
		    "a key must be one word, not a map or a list");
		return NULL;
	}
	n = node_add(parent);
	n->kind = kind;
	n->line = line_of(ev->start_mark);
	n->column = column_of(ev->start_mark);
	n->key = b->key;
	n->key_line = b->key_line;
	n->key_column = b->key_column;
	b->key = NULL;
	return n;
}

static int take_scalar(struct builder *b, const yaml_event_t *ev)
{
	struct node *n;

	if (refuse(b, ev, ev->data.scalar.anchor, ev->data.scalar.tag))
		return -1;
	if (b->open[b->depth]->kind == NODE_MAP && !b->key)
		return take_key(b, ev);
	n = add_value(b, ev, NODE_TEXT);
	n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	n->text = xstrndup((const char *)ev->data.scalar.value, ev->data.scalar.length);
	return 0;
}

static int take_start(struct builder *b, const yaml_event_t *ev, enum node_kind kind,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct node *n;

	if (refuse(b, ev, anchor, tag))
		return -1;
	if (b->depth == PARSE_DEPTH_MAX) {
		fail_at(b->p, line_of(ev->start_mark), column_of(ev->start_mark),
		    "nested deeper than %d levels", PARSE_DEPTH_MAX);
		return -1;
	}
	n = add_value(b, ev, kind);
	if (!n)
		return -1;
	b->open[++b->depth] = n;
	return 0;
}

static int take_document(struct builder *b, const yaml_event_t *ev, int *documents)
{
	int line = line_of(ev->start_mark), column = column_of(ev->start_mark);

	if (++*documents > 1) {
		fail_at(b->p, line, column, "only one document may stand in a file; remove the second '---'");
		return -1;
	}
	if (ev->data.document_start.version_directive ||
	    ev->data.document_start.tag_directives.start != ev->data.document_start.tag_directives.end) {
		fail_at(b->p, line, column, "directives ('%%') are not accepted here");
		return -1;
	}
	return 0;
}

static int take_event(struct builder *b, const yaml_event_t *ev, int *documents)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT: return take_document(b, ev, documents);
	case YAML_ALIAS_EVENT: return refuse(b, ev, NULL, NULL) ? -1 : 0;
	case YAML_SCALAR_EVENT: return take_scalar(b, ev);
	case YAML_SEQUENCE_START_EVENT:
		return take_start(
		    b, ev, NODE_LIST, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return take_start(b, ev, NODE_MAP, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: b->depth--; return 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT: return 0;
	}
	return 0;
}

static void syntax_error(struct builder *b)
{
	const yaml_parser_t *y = &b->yaml;
	int line = line_of(y->problem_mark), column = column_of(y->problem_mark);
	size_t n, indent;
	const char *s = source_line(b->p, line, &n);

	for (indent = 0; indent < n && s[indent] == ' '; indent++)
		continue;
	if (indent < n && s[indent] == '\t') {
		fail_at(b->p, line, (int)indent + 1, "a tab stands in the indentation; YAML wants spaces");
		return;
	}
	if (y->context && y->context_mark.line != y->problem_mark.line)
		fail_at(b->p, line, column, "%s (%s that began in line %d)",
		    y->problem ? y->problem : "not YAML", y->context, line_of(y->context_mark));
	else
		fail_at(b->p, line, column, "%s", y->problem ? y->problem : "not YAML");
}

static void build(struct parse *p)
{
	struct node top = { .kind = NODE_LIST };
	struct builder b = { .p = p, .open = { &top } };
	int documents = 0;
	bool more = true;

	if (!yaml_parser_initialize(&b.yaml))
		BUG("no memory for the YAML reader");
	yaml_parser_set_encoding(&b.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.yaml, (const unsigned char *)p->text, p->size);
	while (more) {
		yaml_event_t ev;

		if (!yaml_parser_parse(&b.yaml, &ev)) {
			syntax_error(&b);
			break;
		}
		more = ev.type != YAML_STREAM_END_EVENT && take_event(&b, &ev, &documents) == 0;
		yaml_event_delete(&ev);
	}
	yaml_parser_delete(&b.yaml);
	free(b.key);
	if (!more && top.count == 1 && b.depth == 0 && !(p->errors && documents > 1)) {
		p->root = top.child;
		if (!node_empty(p->root))
			return;
		p->root = NULL; /* a document of comments only */
	}
	node_finish(&top);
}

/* Bytes that no text file should hold, found before libyaml, which tells no line for them. */
static bool bytes_ok(struct parse *p)
{
	const unsigned char *s = (const unsigned char *)p->text;
	int line = 1, column = 1;

	for (size_t i = 0; i < p->size; i++) {
		if (s[i] == '\n') {
			line++;
			column = 1;
			continue;
		}
		if ((s[i] < 0x20 && s[i] != '\t' && s[i] != '\r') || s[i] == 0x7f) {
			fail_at(p, line, column, "control character 0x%02x; this is not a text file", s[i]);
			return false;
		}
		if ((s[i] & 0xc0) != 0x80)
			column++;
	}
	if (str_is_utf8(p->text, p->size))
		return true;
	/* Which line: the first that is not valid by itself. */
	for (line = 1;; line++) {
		size_t n;
		const char *at = source_line(p, line, &n);

		if (!str_is_utf8(at, n) || at + n >= p->text + p->size)
			break;
	}
	fail_at(p, line, 1, "this line is not valid UTF-8");
	return false;
}

struct parse *parse_text(const char *name, const char *text, size_t n)
{
	struct parse *p = xcalloc(1, sizeof(*p));

	p->name = xstrdup(name);
	p->report = (struct buf)BUF(64 * 1024);
	p->text = xstrndup("", 0);
	if (n > PARSE_BYTES_MAX) {
		fail_at(p, 1, 1, "larger than %zu KiB", PARSE_BYTES_MAX / 1024);
		return p;
	}
	/* A byte order mark, as some editors write it; libyaml skips it only when it guesses the encoding. */
	if (n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		n -= 3;
	}
	free(p->text);
	p->text = xmalloc(n + 1);
	memcpy(p->text, text, n);
	p->text[n] = '\0';
	p->size = n;
	if (bytes_ok(p))
		build(p);
	return p;
}

static int check_safe(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(e, ERR_FAILED, "cannot examine '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_USAGE, "'%s' is not a regular file", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(e, ERR_USAGE, "'%s' belongs to another user (uid %u); run: chown %u '%s'",
		    path, (unsigned)st.st_uid, (unsigned)geteuid(), path);
	if (st.st_mode & 022)
		return err_set(e, ERR_USAGE,
		    "'%s' can be written by others (mode %04o); run: chmod go-w '%s'", path,
		    (unsigned)(st.st_mode & 07777), path);
	return 0;
}

struct parse *parse_file(const char *path, struct err *e)
{
	struct buf text = BUF(PARSE_BYTES_MAX + 1);
	struct parse *p;
	char piece[16384];
	ssize_t got;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && errno == ELOOP) {
		err_set(e, ERR_USAGE, "'%s' is a symbolic link; name the file itself", path);
		return NULL;
	}
	if (fd < 0) {
		err_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_USAGE, "cannot read '%s'", path);
		return NULL;
	}
	if (check_safe(fd, path, e) < 0) {
		close(fd);
		return NULL;
	}
	while ((got = read(fd, piece, sizeof(piece))) > 0 && text.len <= PARSE_BYTES_MAX)
		buf_append(
		    &text, piece, (size_t)got < text.max - text.len ? (size_t)got : text.max - text.len);
	if (got < 0)
		err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	close(fd);
	p = got < 0 ? NULL : parse_text(path, buf_str(&text), text.len);
	buf_free(&text);
	return p;
}

void parse_free(struct parse *p)
{
	if (!p)
		return;
	if (p->root) {
		node_finish(p->root);
		free(p->root);
	}
	explicit_bzero(p->text, p->size);
	free(p->text);
	free(p->name);
	buf_free(&p->report);
	free(p);
}

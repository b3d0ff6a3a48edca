#include "config/parse.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct parse *read_text(const char *text)
{
	return parse_text("f.yaml", text, strlen(text));
}

/* The whole report for a text is exactly this. */
static void expect_report(const char *text, size_t n, const char *want)
{
	struct parse *p = parse_text("f.yaml", text, n);

	assert_string_equal(parse_report(p), want);
	parse_free(p);
}
#define REPORT(text, want) expect_report(text, sizeof(text) - 1, want)

static void tree(void **state)
{
	struct parse *p = read_text("a: 1\nb:\n  - x\n  - 'y z'\n  - {c: [NO, 0123]}\nd:\n");
	const struct node *root = parse_root(p), *b, *c;

	(void)state;
	assert_non_null(root);
	assert_int_equal(parse_failed(p, NULL), 0);
	assert_int_equal(root->kind, NODE_MAP);
	assert_int_equal(root->count, 3);
	assert_string_equal(node_get(root, "a")->text, "1");
	b = node_get(root, "b");
	assert_int_equal(b->kind, NODE_LIST);
	assert_int_equal(b->count, 3);
	assert_string_equal(b->child[1].text, "y z");
	assert_true(b->child[1].quoted);
	assert_int_equal(b->child[1].line, 4);
	assert_int_equal(b->child[1].column, 5);
	c = node_get(&b->child[2], "c");
	assert_string_equal(c->child[0].text, "NO");
	assert_string_equal(c->child[1].text, "0123");
	assert_int_equal(c->key_line, 5);
	assert_int_equal(c->key_column, 6);
	assert_true(node_empty(node_get(root, "d")));
	assert_null(node_get(root, "e"));
	assert_null(node_get(NULL, "e"));
	parse_free(p);
}

static void many_children(void **state)
{
	struct buf text = BUF(PARSE_BYTES_MAX);
	struct parse *p;
	char key[16];

	(void)state;
	for (int i = 0; i < 500; i++)
		buf_printf(&text, "k%d:\n  - [a, b]\n  - {x: %d}\n", i, i);
	p = parse_text("f.yaml", text.data, text.len);
	assert_int_equal(parse_error_count(p), 0);
	assert_int_equal(parse_root(p)->count, 500);
	for (int i = 0; i < 500; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(node_get(parse_root(p), key)->count, 2);
	}
	parse_free(p);
	buf_free(&text);
}

static void empty_documents(void **state)
{
	static const char *const texts[] = { "", "\n", "# a comment\n", "---\n", "--- # x\n...\n", "~\n",
		"\xef\xbb\xbf# mark\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct parse *p = read_text(texts[i]);

		assert_null(parse_root(p));
		assert_int_equal(parse_error_count(p), 0);
		assert_string_equal(parse_report(p), "");
		parse_free(p);
	}
}

static void mark_of_byte_order(void **state)
{
	struct parse *p = read_text("\xef\xbb\xbf"
				    "a: 1\r\nb: 2\r\n");

	(void)state;
	assert_int_equal(parse_error_count(p), 0);
	assert_string_equal(node_get(parse_root(p), "a")->text, "1");
	assert_string_equal(node_get(parse_root(p), "b")->text, "2");
	assert_int_equal(node_get(parse_root(p), "b")->key_line, 2);
	parse_free(p);
}

static void syntax(void **state)
{
	(void)state;
	REPORT("a: 1\nb: 2: 3\n", "f.yaml:2:5: mapping values are not allowed in this context\n"
				  "    2 | b: 2: 3\n      |     ^\n");
	REPORT("a: 1\r\nb: 2: 3\r\n", "f.yaml:2:5: mapping values are not allowed in this context\n"
				      "    2 | b: 2: 3\n      |     ^\n");
	REPORT("a:\n\tb: 1\n",
	    "f.yaml:2:1: a tab stands in the indentation; YAML wants spaces\n    2 | \tb: 1\n      | ^\n");
	REPORT("a:\n  b: 1\n \tc: 1\n", "f.yaml:3:2: a tab stands in the indentation; YAML wants spaces\n"
					"    3 |  \tc: 1\n      |  ^\n");
	REPORT("a: [1, 2\nb: 3\n",
	    "f.yaml:2:2: did not find expected ',' or ']' (while parsing a flow sequence that began in "
	    "line 1)\n    2 | b: 3\n      |  ^\n");
}

static void refused(void **state)
{
	(void)state;
	REPORT("a: &x 1\nb: *x\n",
	    "f.yaml:1:4: anchors ('&name') are not accepted here; write the value itself\n"
	    "    1 | a: &x 1\n      |    ^\n");
	REPORT("a: &x [1]\n", "f.yaml:1:4: anchors ('&name') are not accepted here; write the value itself\n"
			      "    1 | a: &x [1]\n      |    ^\n");
	REPORT("a: !!str 1\n", "f.yaml:1:4: tags ('!name') are not accepted here; write the value itself\n"
			       "    1 | a: !!str 1\n      |    ^\n");
	REPORT("b: *x\n", "f.yaml:1:4: aliases ('*name') are not accepted here; write the value itself\n"
			  "    1 | b: *x\n      |    ^\n");
	REPORT("a: {<<: b}\n",
	    "f.yaml:1:5: merge keys ('<<') are not accepted here; write the keys themselves\n"
	    "    1 | a: {<<: b}\n      |     ^\n");
	REPORT("a: 1\n---\nb: 2\n",
	    "f.yaml:2:1: only one document may stand in a file; remove the second '---'\n"
	    "    2 | ---\n      | ^\n");
	REPORT("%YAML 1.1\n---\na: 1\n",
	    "f.yaml:1:1: directives ('%') are not accepted here\n    1 | %YAML 1.1\n      | ^\n");
	REPORT("? [a, b]\n: 1\n",
	    "f.yaml:1:3: a key must be one word, not a map or a list\n    1 | ? [a, b]\n      |   ^\n");
	REPORT("? {a: b}\n: 1\n",
	    "f.yaml:1:3: a key must be one word, not a map or a list\n    1 | ? {a: b}\n      |   ^\n");
	REPORT("'': 1\n", "f.yaml:1:1: a key is missing before ':'\n    1 | '': 1\n      | ^\n");
}

static void alias_bomb(void **state)
{
	struct buf text = BUF(8192);

	(void)state;
	buf_puts(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 60; i++)
		buf_printf(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
		    i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	expect_report(text.data, text.len,
	    "f.yaml:1:5: anchors ('&name') are not accepted here; write the value itself\n"
	    "    1 | a0: &a0 [x,x,x,x,x,x,x,x,x]\n      |     ^\n");
	buf_free(&text);
}

static void duplicates(void **state)
{
	struct parse *p = read_text("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n");
	struct err e = { 0 };

	(void)state;
	assert_int_equal(parse_failed(p, &e), -1);
	assert_string_equal(e.msg, "f.yaml:4:3: 'c' stands here twice; the first is in line 3 (and 1 more)");
	assert_int_equal(e.code, ERR_USAGE);
	assert_string_equal(parse_report(p),
	    "f.yaml:4:3: 'c' stands here twice; the first is in line 3\n    4 |   c: 2\n      |   ^\n"
	    "f.yaml:5:1: 'a' stands here twice; the first is in line 1\n    5 | a: 3\n      | ^\n");
	assert_non_null(parse_root(p));
	parse_free(p);
}

static void bytes(void **state)
{
	(void)state;
	REPORT("a: 1\nb: x\0y\n",
	    "f.yaml:2:5: control character 0x00; this is not a text file\n    2 | b: x\\x00y\n      |     ^\n");
	REPORT("a: \x1b[31m\n",
	    "f.yaml:1:4: control character 0x1b; this is not a text file\n    1 | a: \\x1b[31m\n      |    ^\n");
	REPORT("a: 1\nb: \xff\xfe\n",
	    "f.yaml:2:1: this line is not valid UTF-8\n    2 | b: \\xff\\xfe\n      | ^\n");
	REPORT("\xc3\xa9: \xe2\x82\xac: 1\n", "f.yaml:1:5: mapping values are not allowed in this context\n"
					      "    1 | \xc3\xa9: \xe2\x82\xac: 1\n      |     ^\n");
	/* Text that would turn a terminal's line around is shown as what it is. */
	REPORT("a: \xe2\x80\xae: 1\n", "f.yaml:1:5: mapping values are not allowed in this context\n"
				       "    1 | a: \\u202e: 1\n      |     ^\n");
}

static void depth(void **state)
{
	struct buf text = BUF(PARSE_BYTES_MAX);
	struct parse *p;
	struct err e;

	(void)state;
	for (int i = 0; i < PARSE_DEPTH_MAX; i++)
		buf_putc(&text, '[');
	for (int i = 0; i < PARSE_DEPTH_MAX; i++)
		buf_putc(&text, ']');
	p = parse_text("f.yaml", text.data, text.len);
	assert_int_equal(parse_error_count(p), 0);
	parse_free(p);
	buf_reset(&text);
	while (text.len < PARSE_BYTES_MAX)
		buf_putc(&text, '[');
	p = parse_text("f.yaml", text.data, text.len);
	assert_int_equal(parse_failed(p, &e), -1);
	assert_string_equal(e.msg, "f.yaml:1:17: nested deeper than 16 levels");
	assert_null(parse_root(p));
	parse_free(p);
	buf_free(&text);
}

static void size(void **state)
{
	char *text = xmalloc(PARSE_BYTES_MAX + 1);
	struct parse *p;
	struct err e;

	(void)state;
	memset(text, '#', PARSE_BYTES_MAX + 1);
	p = parse_text("f.yaml", text, PARSE_BYTES_MAX);
	assert_int_equal(parse_error_count(p), 0);
	parse_free(p);
	p = parse_text("f.yaml", text, PARSE_BYTES_MAX + 1);
	assert_int_equal(parse_failed(p, &e), -1);
	assert_string_equal(e.msg, "f.yaml:1:1: larger than 1024 KiB");
	parse_free(p);
	free(text);
}

static void at_most_twenty(void **state)
{
	struct parse *p = read_text("a: 1\n");
	const char *report;
	int lines = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		parse_error(p, node_get(parse_root(p), "a"), "number %d", i);
	report = parse_report(p);
	for (const char *s = report; (s = strstr(s, ": number ")); s++)
		lines++;
	assert_int_equal(lines, PARSE_ERRORS_MAX);
	assert_int_equal(parse_error_count(p), 1000);
	assert_non_null(strstr(report, "f.yaml: further mistakes are not shown\n"));
	assert_null(strstr(report, "number 20"));
	parse_free(p);
}

static void hidden_source(void **state)
{
	struct parse *p = read_text("token: sesame\n");

	(void)state;
	parse_hide_source(p);
	parse_error_key(p, node_get(parse_root(p), "token"), "no");
	assert_string_equal(parse_report(p), "f.yaml:1:1: no\n");
	parse_free(p);
}

/* ---- files ---- */

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/gpufleet-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static char *make_file(const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void file_error(const char *path, enum err_code code, const char *want)
{
	struct err e = { 0 };

	assert_null(parse_file(path, &e));
	assert_int_equal(e.code, code);
	assert_string_equal(e.msg, want);
}

static void files(void **state)
{
	char *good = make_file("good", "a: 1\n", 0644), *open_ = make_file("open", "a: 1\n", 0664),
	     *link = xasprintf("%s/link", dir);
	char *fifo = xasprintf("%s/fifo", dir), *want;
	struct parse *p;

	(void)state;
	p = parse_file(good, NULL);
	assert_non_null(p);
	assert_string_equal(node_get(parse_root(p), "a")->text, "1");
	parse_free(p);

	want = xasprintf("'%s' can be written by others (mode 0664); run: chmod go-w '%s'", open_, open_);
	file_error(open_, ERR_USAGE, want);
	free(want);
	assert_int_equal(symlink(good, link), 0);
	want = xasprintf("'%s' is a symbolic link; name the file itself", link);
	file_error(link, ERR_USAGE, want);
	free(want);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	want = xasprintf("'%s' is not a regular file", fifo);
	file_error(fifo, ERR_USAGE, want);
	free(want);
	want = xasprintf("'%s' is not a regular file", dir);
	file_error(dir, ERR_USAGE, want);
	free(want);

	unlink(good);
	want = xasprintf("cannot read '%s': No such file or directory", good);
	file_error(good, ERR_NOT_FOUND, want);
	free(want);
	unlink(open_);
	unlink(link);
	unlink(fifo);
	free(good);
	free(open_);
	free(link);
	free(fifo);
}

static void large_file(void **state)
{
	char *text = xmalloc(PARSE_BYTES_MAX + 100), *path;
	struct parse *p;
	struct err e;

	(void)state;
	memset(text, '#', PARSE_BYTES_MAX + 99);
	text[PARSE_BYTES_MAX + 99] = '\0';
	path = make_file("large", text, 0600);
	p = parse_file(path, NULL);
	assert_int_equal(parse_failed(p, &e), -1);
	assert_non_null(strstr(e.msg, ":1:1: larger than 1024 KiB"));
	parse_free(p);
	unlink(path);
	free(path);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree),
		cmocka_unit_test(many_children),
		cmocka_unit_test(empty_documents),
		cmocka_unit_test(mark_of_byte_order),
		cmocka_unit_test(syntax),
		cmocka_unit_test(refused),
		cmocka_unit_test(alias_bomb),
		cmocka_unit_test(duplicates),
		cmocka_unit_test(bytes),
		cmocka_unit_test(depth),
		cmocka_unit_test(size),
		cmocka_unit_test(at_most_twenty),
		cmocka_unit_test(hidden_source),
		cmocka_unit_test(files),
		cmocka_unit_test(large_file),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

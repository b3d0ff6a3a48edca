/* Options and operands of gpufleetctl: what is accepted, and the one sentence for what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "ctl/cmd.h"
#include "ctl/help.h"

#define WORDS_MAX 24

/* Parse a line of words separated by spaces. The words stay valid until the next call. */
static int parse(struct args *a, const char *line, struct err *e)
{
	static char copy[512];
	char *argv[WORDS_MAX] = { NULL }, *rest = copy, *word;
	static char *kept[WORDS_MAX];
	int argc = 0;

	str_copy(copy, line);
	while ((word = str_split(&rest, " ")) && argc + 1 < WORDS_MAX)
		argv[argc++] = word;
	memcpy(kept, argv, sizeof(argv));
	*e = (struct err){ 0 };
	return args_parse(a, command_find(kept[0]), argc, kept, e);
}

static void test_values(void **state)
{
	struct args a;
	struct err e;
	int64_t n;

	(void)state;
	assert_int_equal(parse(&a, "up MI300X:8 --for 4h --max-cost $12.50 -c 8 --provider runpod -p vastai --label a=b=c -y", &e), 0);
	assert_string_equal(a.words[0], "MI300X:8");
	assert_true(args_number(&a, "for", &n));
	assert_int_equal(n, 4 * HOUR);
	assert_true(args_number(&a, "max-cost", &n));
	assert_int_equal(n, 12500000);
	assert_true(args_number(&a, "count", &n));
	assert_int_equal(n, 8);
	assert_string_equal(args_nth(&a, "provider", 1), "vastai");
	assert_null(args_nth(&a, "provider", 2));
	assert_string_equal(args_text(&a, "label"), "a=b=c");
	assert_true(args_has(&a, "yes"));
	assert_false(args_has(&a, "detach"));
	assert_false(args_number(&a, "idle", &n));
	args_free(&a);
	assert_int_equal(parse(&a, "up MI300X --idle 0", &e), 0);
	assert_true(args_number(&a, "idle", &n));
	assert_int_equal(n, 0);
	args_free(&a);
}

static void test_rest(void **state)
{
	struct args a;
	struct err e;

	(void)state;
	assert_int_equal(parse(&a, "exec perf/1 -- ls -la --all", &e), 0);
	assert_int_equal(a.word_count, 1);
	assert_int_equal(a.rest_count, 3);
	assert_string_equal(a.rest[1], "-la");
	args_free(&a);
	assert_int_equal(parse(&a, "run --on perf matmul -- --size 4", &e), 0);
	assert_string_equal(a.words[0], "matmul");
	assert_string_equal(a.rest[0], "--size");
	args_free(&a);
}

static const struct {
	const char *line, *says;
} mistakes[] = {
	{ "up MI300X --count 0", "--count wants a whole number from 1 to 64, not '0'" },
	{ "up MI300X --count -1", "--count wants a whole number from 1 to 64, not '-1'" },
	{ "up MI300X --count 1000000000", "--count wants a whole number from 1 to 64, not '1000000000'" },
	{ "up MI300X --count 2x", "--count wants a whole number from 1 to 64, not '2x'" },
	{ "up MI300X --instances 0", "--instances wants a whole number" },
	{ "up MI300X --for 0", "--for wants a duration from 1m 00s to" },
	{ "up MI300X --for -4h", "--for wants a duration like" },
	{ "up MI300X --for 4hours", "--for wants a duration like" },
	{ "up MI300X --for 999999999999d", "--for wants a duration" },
	{ "up MI300X --for 400d", "--for wants a duration from 1m 00s to" },
	{ "up MI300X --max-cost x", "--max-cost wants an amount in dollars above 0" },
	{ "up MI300X --max-cost 0", "--max-cost wants an amount" },
	{ "up MI300X --max-cost -5", "--max-cost wants an amount" },
	{ "up MI300X --max-cost nan", "--max-cost wants an amount" },
	{ "up MI300X --max-price 1e99", "--max-price wants an amount" },
	{ "up MI300X --name -x", "--name wants at most 40 letters" },
	{ "up MI300X --label x", "--label wants NAME=VALUE" },
	{ "up MI300X --label =x", "--label wants NAME=VALUE" },
	{ "up MI300X --coutn 2", "unknown option --coutn (did you mean --count?)" },
	{ "up MI300X --m 2", "unknown option --m (did you mean --" },
	{ "up MI300X -Z", "unknown option -Z; see: gpufleetctl up --help" },
	{ "up MI300X --yes=1", "--yes takes no value" },
	{ "up MI300X --count", "--count wants a value: --count N" },
	{ "up MI300X --for 1h --for 2h", "--for is given twice" },
	{ "up", "usage: gpufleetctl up GPU[:N] [options]" },
	{ "up MI300X H100", "'H100' is one word too many" },
	{ "up MI300X -- x", "'up' takes nothing behind --" },
	{ "cost --format tabel", "(did you mean 'table'?)" },
	{ "cost --format zzz", "--format is one of table, csv" },
};

static void test_mistakes(void **state)
{
	struct args a;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
		if (parse(&a, mistakes[i].line, &e) == 0)
			fail_msg("'%s' is accepted", mistakes[i].line);
		if (!strstr(e.msg, mistakes[i].says))
			fail_msg("'%s' says: %s", mistakes[i].line, e.msg);
		assert_int_equal(e.code, ERR_USAGE);
		assert_null(strchr(e.msg, '\n'));
	}
}

/* The tables themselves: what the parser and the help rely on. */
static void test_tables(void **state)
{
	(void)state;
	for (size_t i = 0; ctl_commands[i]; i++) {
		const struct command *c = ctl_commands[i];

		assert_ptr_equal(command_find(c->name), c);
		assert_true(c->summary && *c->summary && c->summary[strlen(c->summary) - 1] != '.');
		assert_non_null(c->group);
		assert_non_null(c->run);
		for (size_t k = 0; k < c->opt_count; k++) {
			const struct opt *o = &c->opts[k];

			assert_true(o->help && *o->help);
			assert_int_equal(o->arg == NULL, o->kind == ARG_FLAG);
			assert_int_equal(o->kind == ARG_WORD, o->kind == ARG_WORD && o->words);
			if (o->kind == ARG_COUNT && o->max <= o->min)
				fail_msg("%s --%s has no range", c->name, o->name);
			for (size_t m = 0; m < k; m++) {
				assert_string_not_equal(c->opts[m].name, o->name);
				if (o->letter && c->opts[m].letter == o->letter)
					fail_msg("%s has two options -%c", c->name, o->letter);
			}
			for (size_t m = 0; m < global_opt_count; m++)
				assert_string_not_equal(global_opts[m].name, o->name);
		}
	}
	assert_ptr_equal(command_find("ps"), &command_status);
	assert_null(command_find("nonsense"));
}

static void test_words(void **state)
{
	struct err e = { 0 };
	char name[80];
	int64_t n;

	(void)state;
	assert_int_equal(ctl_run_id("12", &n, &e), 0);
	assert_int_equal(n, 12);
	assert_int_equal(ctl_run_id("run-7", &n, &e), 0);
	assert_int_equal(n, 7);
	assert_int_equal(ctl_run_id("perf", &n, &e), -1);
	assert_int_equal(ctl_run_id("0", &n, &e), -1);
	assert_int_equal(ctl_run_id("-3", &n, &e), -1);
	assert_int_equal(ctl_fleet_slot("perf/2", name, sizeof(name), &n, &e), 0);
	assert_string_equal(name, "perf");
	assert_int_equal(n, 2);
	assert_int_equal(ctl_fleet_slot("perf", name, sizeof(name), &n, &e), 0);
	assert_int_equal(n, 0);
	assert_int_equal(ctl_fleet_slot("perf/x", name, sizeof(name), &n, &e), -1);
	assert_int_equal(ctl_fleet_slot("perf/-1", name, sizeof(name), &n, &e), -1);
	assert_int_equal(ctl_fleet_slot("/1", name, sizeof(name), &n, &e), -1);
	assert_int_equal(ctl_fleet_slot("-oProxyCommand=x", name, sizeof(name), &n, &e), -1);
}

static void test_path(void **state)
{
	char *path = ctl_path("/v1/fleets/%s/exec?x=%s", "a/b?c", "ü");

	(void)state;
	assert_string_equal(path, "/v1/fleets/a%2Fb%3Fc/exec?x=%C3%BC");
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

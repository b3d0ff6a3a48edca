#include "config/recipe.h"
#include "base/str.h"

#include <setjmp.h>

#include <cmocka.h>

static const char *const readers[] = { "vllm-bench-serve", "llama-bench", "pace", "gpufleet-jsonl", NULL };

static const char whole[] =
    "name: vllm-serve\ndescription: throughput and latency of a served model\n"
    "needs: { gpu_memory_gb: 80, vendor: amd, disk_gb: 300, docker: true }\n"
    "parameters:\n"
    "  MODEL: { help: \"model on the hub\" }\n"
    "  QUANT: { type: choice, values: [none, fp8], default: none }\n"
    "  CONCURRENCY: { type: int, values: [1, 8, 032], default: 08 }\n"
    "  RATE: { type: number, default: 0.5 }\n"
    "  EAGER: { type: bool, default: FALSE }\n"
    "  WARM_UP: { type: duration, default: 2m }\n"
    "secrets: [HF_TOKEN]\ninclude: [shell.sh, gpu.sh]\nsetup: setup.sh\nrun: bin/run.sh\n"
    "serve: bin/serve.sh\ndirectory: source\nusual: 90m\nusual_memory_gb: 100\ntimeouts: { setup: 20m, run: 3h }\nreader: vllm-bench-serve\n"
    "judge: { perplexity: lower, score: higher, load_time: none }\n";

static void read_ok(struct recipe *r, const char *text)
{
	struct buf report = BUF(65536);
	struct err e;

	if (recipe_read(r, "recipe.yaml", text, strlen(text), readers, &report, &e) < 0)
		fail_msg("%s", buf_str(&report));
	buf_free(&report);
}

/* The sentences of all mistakes, without source lines, are exactly these. */
static void read_bad(const char *text, const char *want)
{
	struct buf report = BUF(65536), sentences = BUF(65536);
	char *rest, *line;
	struct recipe r;
	struct err e = { 0 };

	assert_int_equal(recipe_read(&r, "r.yaml", text, strlen(text), readers, &report, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	rest = report.data;
	while ((line = str_split(&rest, "\n")))
		if (str_starts(line, "r.yaml"))
			buf_printf(&sentences, "%s\n", line);
	assert_string_equal(buf_str(&sentences), want);
	assert_null(r.params);
	buf_free(&report);
	buf_free(&sentences);
}

static void reads_everything(void **state)
{
	struct recipe r;

	(void)state;
	read_ok(&r, whole);
	assert_string_equal(r.name, "vllm-serve");
	assert_string_equal(r.description, "throughput and latency of a served model");
	assert_int_equal(r.needs.gpu_memory_gb, 80);
	assert_int_equal(r.needs.disk_gb, 300);
	assert_int_equal(r.needs.vendor, GPU_VENDOR_AMD);
	assert_true(r.needs.docker);
	assert_int_equal(r.param_count, 6);
	assert_string_equal(r.params[0].name, "MODEL");
	assert_int_equal(r.params[0].type, RECIPE_TEXT);
	assert_null(r.params[0].fallback);
	assert_string_equal(r.params[0].help, "model on the hub");
	assert_int_equal(r.params[1].type, RECIPE_CHOICE);
	assert_int_equal(r.params[1].value_count, 2);
	assert_string_equal(r.params[1].values[1], "fp8");
	assert_string_equal(r.params[2].values[2], "32");
	assert_string_equal(r.params[2].fallback, "8");
	assert_string_equal(r.params[3].fallback, "0.5");
	assert_string_equal(r.params[4].fallback, "false");
	assert_string_equal(r.params[5].fallback, "120");
	assert_int_equal(r.secret_count, 1);
	assert_string_equal(r.secrets[0], "HF_TOKEN");
	assert_int_equal(r.include_count, 2);
	assert_string_equal(r.include[1], "gpu.sh");
	assert_string_equal(r.setup, "setup.sh");
	assert_string_equal(r.run, "bin/run.sh");
	assert_string_equal(r.serve, "bin/serve.sh");
	assert_string_equal(r.directory, "source");
	assert_int_equal(r.usual, 90 * MINUTE);
	assert_int_equal(r.usual_memory_gb, 100);
	assert_int_equal(r.setup_timeout, 20 * MINUTE);
	assert_int_equal(r.run_timeout, 3 * HOUR);
	assert_string_equal(r.reader, "vllm-bench-serve");
	assert_int_equal(r.judge_count, 3);
	assert_string_equal(r.judge[0].metric, "perplexity");
	assert_string_equal(r.judge[0].better, "lower");
	assert_string_equal(r.judge[2].better, "none");
	recipe_free(&r);
	recipe_free(&r);
}

static void least(void **state)
{
	struct recipe r;

	(void)state;
	read_ok(&r, "name: x\nrun: run.sh\n");
	assert_int_equal(r.param_count, 0);
	assert_int_equal(r.needs.vendor, GPU_VENDOR_UNKNOWN);
	assert_false(r.needs.docker);
	assert_int_equal(r.setup_timeout, 30 * MINUTE);
	assert_int_equal(r.run_timeout, 2 * HOUR);
	assert_string_equal(r.setup, "");
	assert_string_equal(r.reader, "");
	recipe_free(&r);
	read_ok(&r, "name: x\nrun: run.sh\nneeds: { vendor: cpu }\n");
	assert_int_equal(r.needs.vendor, GPU_VENDOR_CPU);
	recipe_free(&r);
}

static void mistakes(void **state)
{
	(void)state;
	read_bad("", "r.yaml:1:1: the recipe is empty\n");
	read_bad("x\n", "r.yaml:1:1: 'this document' wants a map of keys and values, not 'x'\n");
	read_bad("description: y\n",
	    "r.yaml:1:1: the recipe has no 'name'\nr.yaml:1:1: the recipe has no 'run' (the script that does the work)\n");
	read_bad("name: a b\nrun: ../../etc/passwd\nsetup: /bin/sh\n",
	    "r.yaml:1:7: 'name' wants a name of at most 63 letters, digits and . _ -, not 'a b'\n"
	    "r.yaml:3:8: 'setup' wants a file of the recipe's own directory, not '/bin/sh'\n"
	    "r.yaml:2:6: 'run' wants a file of the recipe's own directory, not '../../etc/passwd'\n");
	read_bad("name: x\nrun: a/../../b\n",
	    "r.yaml:2:6: 'run' wants a file of the recipe's own directory, not 'a/../../b'\n");
	read_bad("name: x\nrun: a/..\n",
	    "r.yaml:2:6: 'run' wants a file of the recipe's own directory, not 'a/..'\n");
	read_bad("name: x\nrun: 'run.sh; rm -rf /'\n",
	    "r.yaml:2:6: 'run' wants one word of letters, digits and . _ - : / @ +, not 'run.sh; rm -rf /'\n");
	read_bad("name: x\nrun: r\nneed: {docker: true}\n",
	    "r.yaml:3:1: unknown key 'need' (did you mean 'needs'?)\n");
	read_bad("name: x\nrun: r\nneeds: {vendor: intel, docker: 2, disk_gb: -1, gpu_memory: 3}\n",
	    "r.yaml:3:17: 'needs.vendor' wants one of any, amd, nvidia, cpu, not 'intel'\n"
	    "r.yaml:3:32: 'needs.docker' wants true or false, not '2'\n"
	    "r.yaml:3:44: 'needs.disk_gb' wants a number from 0 to 1000000, not -1\n"
	    "r.yaml:3:48: unknown key 'gpu_memory' (did you mean 'gpu_memory_gb'?)\n");
	read_bad("name: x\nrun: r\nreader: vllm-bench-serv\n",
	    "r.yaml:3:9: unknown reader 'vllm-bench-serv' (did you mean 'vllm-bench-serve'?)\n");
	read_bad("name: x\nrun: r\nreader: csv\n", "r.yaml:3:9: unknown reader 'csv'\n");
	read_bad("name: x\nrun: r\njudge: { perplexity: less, score: [1] }\n",
	    "r.yaml:3:22: 'judge' wants higher, lower or none for 'perplexity'\n"
	    "r.yaml:3:35: 'judge' wants higher, lower or none for 'score'\n");
	read_bad("name: x\nrun: r\njudge: perplexity\n", "r.yaml:3:8: 'judge' wants a map of keys and values, not 'perplexity'\n");
	read_bad("name: x\nrun: r\nsecrets: [hf-token]\n",
	    "r.yaml:3:10: secret 'hf-token' is not called like a variable: capital letters, digits and _\n");
	read_bad("name: x\nrun: r\ntimeouts: {run: 0, setup: forever}\n",
	    "r.yaml:3:17: 'timeouts.run' wants a duration from 1s to 30d, not '0'\n"
	    "r.yaml:3:27: 'timeouts.setup' wants a duration like 90s, 15m, 4h or 1h30m, not 'forever'\n");
}

static void parameter_mistakes(void **state)
{
	(void)state;
	read_bad("name: x\nrun: r\nparameters: [A]\n",
	    "r.yaml:3:13: 'parameters' wants a map of keys and values, not 'a list'\n");
	read_bad(
	    "name: x\nrun: r\nparameters:\n  model: {}\n  PATH: {}\n  GPUFLEET_X: {}\n  LD_PRELOAD: {}\n  1A: {}\n  A: 5\n",
	    "r.yaml:4:3: a parameter is called like a variable: capital letters, digits and _\n"
	    "r.yaml:5:3: 'PATH' cannot be a parameter, a script needs this variable for itself\n"
	    "r.yaml:6:3: 'GPUFLEET_X' cannot be a parameter, a script needs this variable for itself\n"
	    "r.yaml:7:3: 'LD_PRELOAD' cannot be a parameter, a script needs this variable for itself\n"
	    "r.yaml:8:3: a parameter is called like a variable: capital letters, digits and _\n"
	    "r.yaml:9:6: 'A' wants a map of keys and values, not '5'\n");
	read_bad(
	    "name: x\nrun: r\nparameters:\n  A: {type: integer}\n  B: {type: int, default: x}\n  C: {type: choice}\n"
	    "  D: {type: choice, values: [a, b], default: c}\n  E: {type: int, values: [1, two]}\n  F: {default: [1]}\n  G: {values: 3}\n"
	    "  H: {defalt: 3}\n  I: {type: bool, default: maybe}\n  J: {type: number, default: 1.2.3}\n  K: {type: duration, default: 5 min}\n",
	    "r.yaml:4:13: 'type' wants one of text, int, number, bool, duration, choice, not 'integer'\n"
	    "r.yaml:5:27: parameter 'B' wants a whole number, not 'x'\n"
	    "r.yaml:6:3: parameter 'C' is a choice and has no 'values'\n"
	    "r.yaml:7:46: parameter 'D' wants one of a, b, not 'c'\n"
	    "r.yaml:8:30: parameter 'E' wants a whole number, not 'two'\n"
	    "r.yaml:9:16: 'default' wants one value\n"
	    "r.yaml:10:15: 'values' wants a list, not '3'\n"
	    "r.yaml:11:7: unknown key 'defalt' (did you mean 'default'?)\n"
	    "r.yaml:12:28: parameter 'I' wants true or false, not 'maybe'\n"
	    "r.yaml:13:30: parameter 'J' wants a number, not '1.2.3'\n"
	    "r.yaml:14:32: parameter 'K' wants a duration like 90s, 15m or 4h, not '5 min'\n");
}

static void too_many(void **state)
{
	struct buf text = BUF(65536);

	(void)state;
	buf_puts(&text, "name: x\nrun: r\nparameters:\n");
	for (int i = 0; i < RECIPE_PARAMS_MAX + 1; i++)
		buf_printf(&text, "  P%d: {}\n", i);
	read_bad(buf_str(&text), "r.yaml:3:1: more than 64 parameters\n");
	buf_free(&text);
}

/* ---- binding ---- */

static void bind(const char *set, const char *want)
{
	json_t *given = set ? json_loads(set, 0, NULL) : NULL, *out;
	struct recipe r;
	struct err e = { 0 };
	char *text;

	read_ok(&r, whole);
	assert_true(!set || given);
	if (recipe_bind_params(&r, given, &out, &e) < 0) {
		assert_string_equal(e.msg, want);
		assert_int_equal(e.code, ERR_USAGE);
	} else {
		text = json_text(out);
		assert_string_equal(text, want);
		free(text);
		json_decref(out);
	}
	json_decref(given);
	recipe_free(&r);
}

static void binding(void **state)
{
	(void)state;
	bind("{\"MODEL\":\"m\"}",
	    "{\"MODEL\":\"m\",\"QUANT\":\"none\",\"CONCURRENCY\":\"8\",\"RATE\":\"0.5\",\"EAGER\":\"false\",\"WARM_UP\":\"120\"}");
	bind(
	    "{\"warm-up\":\"1h\",\"model\":\"a b; $(x)\",\"eager\":true,\"rate\":2.5,\"concurrency\":32,\"quant\":\"fp8\"}",
	    "{\"MODEL\":\"a b; $(x)\",\"QUANT\":\"fp8\",\"CONCURRENCY\":\"32\",\"RATE\":\"2.5\",\"EAGER\":\"true\",\"WARM_UP\":\"3600\"}");
	bind(NULL, "parameter 'MODEL' has no default and must be set: --set MODEL=…, model on the hub");
	bind("{}", "parameter 'MODEL' has no default and must be set: --set MODEL=…, model on the hub");
	bind("[]", "parameters want names and values");
	bind("{\"MODLE\":\"m\"}", "recipe 'vllm-serve' has no parameter 'MODLE' (did you mean 'MODEL'?)");
	bind("{\"zzzzzzzz\":\"m\"}", "recipe 'vllm-serve' has no parameter 'zzzzzzzz'");
	bind("{\"MODEL\":\"m\",\"model\":\"n\"}", "parameter 'MODEL' is set twice");
	bind("{\"MODEL\":null}", "parameter 'MODEL' wants one value");
	bind("{\"MODEL\":[\"a\"]}", "parameter 'MODEL' wants one value");
	bind("{\"MODEL\":\"m\",\"QUANT\":\"int4\"}", "parameter 'QUANT' wants one of none, fp8, not 'int4'");
	bind("{\"MODEL\":\"m\",\"CONCURRENCY\":\"7\"}",
	    "parameter 'CONCURRENCY' wants one of 1, 8, 32, not '7'");
	bind("{\"MODEL\":\"m\",\"CONCURRENCY\":\"1; reboot\"}",
	    "parameter 'CONCURRENCY' wants a whole number, not '1; reboot'");
	bind("{\"MODEL\":\"m\",\"EAGER\":\"si\"}", "parameter 'EAGER' wants true or false, not 'si'");
}

static void long_values(void **state)
{
	char *value = xmalloc(RECIPE_VALUE_MAX + 2);
	struct recipe r;
	struct err e;
	json_t *set, *out;

	(void)state;
	memset(value, 'x', RECIPE_VALUE_MAX + 1);
	value[RECIPE_VALUE_MAX + 1] = '\0';
	read_ok(&r, whole);
	set = json_pack("{s:s}", "MODEL", value);
	assert_int_equal(recipe_bind_params(&r, set, &out, &e), -1);
	assert_string_equal(e.msg, "parameter 'MODEL' has more than 4096 bytes");
	json_decref(set);
	value[RECIPE_VALUE_MAX] = '\0';
	set = json_pack("{s:s}", "MODEL", value);
	assert_int_equal(recipe_bind_params(&r, set, &out, &e), 0);
	json_decref(out);
	json_decref(set);
	recipe_free(&r);
	free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_everything),
		cmocka_unit_test(least),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(parameter_mistakes),
		cmocka_unit_test(too_many),
		cmocka_unit_test(binding),
		cmocka_unit_test(long_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

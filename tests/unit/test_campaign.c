/* Campaign files: what a good one means, and what is said of fifty bad ones. */
#include "config/campaign.h"
#include "base/str.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void read_good(struct campaign_file *c, const char *text)
{
	struct buf report = BUF(65536);
	struct err e;

	if (campaign_read(c, "c.yaml", text, strlen(text), &report, &e) < 0)
		fail_msg("%s\n%s", e.msg, buf_str(&report));
	assert_string_equal(buf_str(&report), "");
	buf_free(&report);
}

/* "MI300X:1 CONCURRENCY=1 MODEL=m" of each cell, a line each. */
static char *cells(const struct campaign_file *c)
{
	struct buf b = BUF(65536);

	for (size_t k = 0; k < c->cell_count; k++) {
		const struct cell *x = &c->cells[k];
		const char *name;
		json_t *v;

		if (x->instances)
			buf_printf(&b, "%d x ", x->instances);
		buf_printf(&b, "%s:%d%s%s", x->gpu, x->gpu_count, *x->provider ? "@" : "", x->provider);
		json_object_foreach(x->params, name, v)
			buf_printf(&b, " %s=%s", name, json_string_value(v));
		buf_putc(&b, '\n');
	}
	return buf_take(&b);
}

static void expect_cells(const struct campaign_file *c, const char *want)
{
	char *got = cells(c);

	assert_string_equal(got, want);
	free(got);
}

static void everything(void **state)
{
	struct campaign_file c;

	(void)state;
	read_good(&c,
	    "campaign: llama70b-nightly\n"
	    "description: the founding comparison\n"
	    "owner: perf-team\n"
	    "budget: gpu-bench\n"
	    "schedule: \"0 2 * * mon-fri\"\n"
	    "timezone: America/Toronto\n"
	    "jitter: 5m\n"
	    "overlap: queue\n"
	    "catch_up: 2h\n"
	    "blackout: [2026-12-25, 2026-12-31..2027-01-01]\n"
	    "finish_by: \"07:30\"\n"
	    "recipe: vllm-serve\n"
	    "with: { model: meta-llama/Llama-3.3-70B-Instruct, quantization: fp8 }\n"
	    "matrix:\n  gpu: [\"MI300X:1\", \"H100:2\"]\n  concurrency: [1, 8]\n"
	    "exclude: [ { gpu: \"H100:2\", concurrency: 8 } ]\n"
	    "include: [ { gpu: \"mi300x:8\", provider: hotaisle, concurrency: 32 } ]\n"
	    "override: [ { when: { gpu: \"H100:2\" }, with: { tensor-parallel: 2, quantization: \"\" } } ]\n"
	    "repeats: 5\n"
	    "providers: [hotaisle, runpod]\n"
	    "max_price: 4.00\n"
	    "limits: { per_night: 60.00, per_run: 2h, parallel_fleets: 3 }\n"
	    "secrets: [HF_TOKEN]\n"
	    "retry: { no_capacity: 45m, machine_lost: 2, failed: 1 }\n"
	    "on_failure: { keep_for: 30m }\n"
	    "compare: { baseline: 21, warn: 2.5%, alert: 0.04 }\n"
	    "notify: [ { webhook: ops, on: [failed, regression] }, { webhook: boss, on: summary } ]\n");
	assert_string_equal(c.name, "llama70b-nightly");
	assert_string_equal(c.timezone, "America/Toronto");
	assert_true(c.queue);
	assert_int_equal(c.schedule.jitter, 5 * MINUTE);
	assert_int_equal(c.schedule.catch_up, 2 * HOUR);
	assert_int_equal(c.schedule.blackout_count, 2);
	assert_int_equal(c.schedule.blackout[0][0], instant_days(2026, 12, 25));
	assert_int_equal(c.schedule.blackout[0][1], instant_days(2026, 12, 25));
	assert_int_equal(c.schedule.blackout[1][1], instant_days(2027, 1, 1));
	assert_int_equal(c.finish_by, 7 * 60 + 30);
	assert_int_equal(c.per_night, 60 * USD);
	assert_int_equal(c.per_run, 2 * HOUR);
	assert_int_equal(c.parallel_fleets, 3);
	assert_int_equal(c.retry_no_capacity, 45 * MINUTE);
	assert_int_equal(c.retry_machine_lost, 2);
	assert_int_equal(c.retry_failed, 1);
	assert_int_equal(c.keep_for, 30 * MINUTE);
	assert_int_equal(c.baseline, 21);
	assert_int_equal(c.warn_ppm, 25000);
	assert_int_equal(c.alert_ppm, 40000);
	assert_int_equal(c.notify_count, 2);
	assert_string_equal(c.notify[1].events[0], "summary");
	expect_cells(&c,
	    "MI300X:1 MODEL=meta-llama/Llama-3.3-70B-Instruct QUANTIZATION=fp8 CONCURRENCY=1\n"
	    "MI300X:1 MODEL=meta-llama/Llama-3.3-70B-Instruct QUANTIZATION=fp8 CONCURRENCY=8\n"
	    "H100:2 MODEL=meta-llama/Llama-3.3-70B-Instruct QUANTIZATION= CONCURRENCY=1 TENSOR_PARALLEL=2\n"
	    "MI300X:8@hotaisle MODEL=meta-llama/Llama-3.3-70B-Instruct QUANTIZATION=fp8 CONCURRENCY=32\n");
	campaign_free(&c);
}

static void the_least_that_is_enough(void **state)
{
	struct campaign_file c;

	(void)state;
	read_good(&c, "campaign: once\nrecipe: gpu-check\nmatrix: { gpu: MI300X }\n");
	assert_string_equal(c.timezone, "UTC");
	assert_string_equal(c.cron, ""); /* only when somebody says `run` */
	assert_int_equal(c.finish_by, -1);
	assert_int_equal(c.repeats, 1);
	assert_int_equal(c.baseline, 14);
	assert_int_equal(c.warn_ppm, 30000);
	assert_int_equal(c.keep_for, 0);
	expect_cells(&c, "MI300X:1\n");
	campaign_free(&c);
	/* The same cell twice is one cell; without a matrix what is included is all. */
	read_good(&c, "campaign: once\nrecipe: gpu-check\nmatrix: { gpu: [mi300x, \"MI300X:1\"], size: 1 }\ninclude: [ { gpu: H100, size: 1 } ]\n");
	expect_cells(&c, "MI300X:1 SIZE=1\nH100:1 SIZE=1\n");
	campaign_free(&c);
	read_good(&c, "campaign: once\nrecipe: gpu-check\ninclude: [ { gpu: H100, size: 1 } ]\n");
	expect_cells(&c, "H100:1 SIZE=1\n");
	campaign_free(&c);
}

/* A preset is the beginning; what the file says takes its place, key by key and parameter by parameter. */
static void a_preset_and_what_is_different(void **state)
{
	struct campaign_file c;

	(void)state;
	read_good(&c, "campaign: c\npreset: mi210-vastai\n");
	assert_string_equal(c.recipe, "matmul");
	assert_string_equal(c.image, "rocm/pytorch:rocm6.0_ubuntu22.04_py3.10_pytorch_2.1.1");
	assert_int_equal(c.disk_gb, 60);
	assert_int_equal(c.per_run, HOUR);
	assert_int_equal(c.provider_count, 1);
	assert_string_equal(c.providers[0], "vastai");
	expect_cells(&c, "MI210:1 SIZE=8192 DTYPES=fp16 WARMUP=10 ITERATIONS=100 LEAST=120\n");
	campaign_free(&c);
	read_good(&c,
	    "campaign: c\npreset: mi210-vastai\nproviders: [hotaisle, digitalocean]\nimage: mine:1\ndisk: 100\nlimits: { per_run: 20m }\n"
	    "with: { least: 0 }\nmatrix: { gpu: [\"MI300X:1\", MI210], size: [4096, 8192] }\ninclude: [ { region: us-1, dtypes: bf16 } ]\n");
	assert_string_equal(c.image, "mine:1");
	assert_int_equal(c.disk_gb, 100);
	assert_int_equal(c.per_run, 20 * MINUTE);
	assert_int_equal(c.provider_count, 2);
	assert_string_equal(c.providers[0], "hotaisle");
	expect_cells(&c,
	    "MI300X:1 SIZE=4096 DTYPES=fp16 WARMUP=10 ITERATIONS=100 LEAST=0\n"
	    "MI300X:1 SIZE=8192 DTYPES=fp16 WARMUP=10 ITERATIONS=100 LEAST=0\n"
	    "MI210:1 SIZE=4096 DTYPES=fp16 WARMUP=10 ITERATIONS=100 LEAST=0\n"
	    "MI210:1 SIZE=8192 DTYPES=fp16 WARMUP=10 ITERATIONS=100 LEAST=0\n"
	    "MI210:1 SIZE=8192 DTYPES=bf16 WARMUP=10 ITERATIONS=100 LEAST=0\n");
	assert_string_equal(c.cells[4].region, "us-1");
	campaign_free(&c);
	/* An axis over a parameter leaves the GPU to the preset; an image that is not wanted is left away. */
	read_good(&c, "campaign: c\npreset: h100x2-runpod\nrecipe: vllm-latency\nimage: none\nmatrix: { batch: [1, 8] }\nsecrets: []\n");
	assert_string_equal(c.recipe, "vllm-latency");
	assert_string_equal(c.image, "");
	assert_int_equal(c.cell_count, 2);
	assert_string_equal(c.cells[1].gpu, "H100");
	assert_int_equal(c.cells[1].gpu_count, 2);
	assert_string_equal(json_str(c.cells[1].params, "BATCH", ""), "8");
	assert_string_equal(json_str(c.cells[1].params, "CONCURRENCY", ""), "1 4 8 16 32 64"); /* whether it has that is its own to say */
	campaign_free(&c);
}

static void cells_of_several_machines(void **state)
{
	struct campaign_file c;

	(void)state;
	read_good(&c, "campaign: c\nrecipe: r\ninstances: 2\nmatrix: { gpu: \"MI300X:8\" }\n");
	expect_cells(&c, "2 x MI300X:8\n");
	campaign_free(&c);
	read_good(&c, "campaign: c\nrecipe: r\ninstances: 2\nmatrix: { gpu: \"MI300X:8\", instances: [1, 4] }\n"
		      "include: [ { gpu: H100 }, { gpu: H100, instances: 3 } ]\nexclude: [ { instances: 1 } ]\n"
		      "override: [ { when: { instances: 4 }, with: { a: 1 } } ]\n");
	expect_cells(&c, "4 x MI300X:8 A=1\n2 x H100:1\n3 x H100:1\n");
	campaign_free(&c);
	/* One machine and two are not the same cell. */
	read_good(&c, "campaign: c\nrecipe: r\nmatrix: { gpu: H100, instances: [1, 2, 2] }\n");
	expect_cells(&c, "1 x H100:1\n2 x H100:1\n");
	campaign_free(&c);
}

#define HEAD "campaign: c\nrecipe: r\n"
#define GOOD HEAD "matrix: { gpu: MI300X }\n"

static void fifty_mistakes(void **state)
{
	static const struct { const char *text, *says; } cases[] = {
		/* the document */
		{ "", "the campaign is empty" },
		{ "- a\n- b\n", "c.yaml:1:1: " },
		{ "campaign: [c\n", "c.yaml:" },
		{ "recipe: r\nmatrix: { gpu: H100 }\n", "the campaign has no name: say 'campaign: NAME'" },
		{ "campaign: c\nmatrix: { gpu: H100 }\n", "the campaign has no 'recipe'" },
		{ HEAD, "the campaign has no 'matrix'" },
		{ GOOD "campaign: d\n", "c.yaml:4:1: " },
		{ GOOD "shedule: \"0 2 * * *\"\n", "c.yaml:4:1: unknown key 'shedule' (did you mean 'schedule'?)" },
		{ GOOD "limits: { per_nigth: 3 }\n", "unknown key 'per_nigth'" },
		{ GOOD "limits: 60\n", "c.yaml:4:9: " },
		{ "campaign: \"two words\"\nrecipe: r\nmatrix: { gpu: H100 }\n", "c.yaml:1:11: 'campaign' wants" },
		{ "campaign: &a c\nrecipe: r\n", "c.yaml:1" },
		/* the schedule */
		{ GOOD "schedule: \"0 2 * *\"\n", "c.yaml:4:11: a schedule has five fields" },
		{ GOOD "schedule: \"0 25 * * *\"\n", "c.yaml:4:11: '25' is no hour: it is 0 to 23" },
		{ GOOD "schedule: \"0 2 30 2 *\"\n", "there is no such day: '0 2 30 2 *' never comes" },
		{ GOOD "schedule: \"@noon\"\n", "there are @hourly" },
		{ GOOD "schedule: 2am\n", "this one has 1" },
		{ GOOD "timezone: America/Torono\n", "c.yaml:4:11: there is no time zone 'America/Torono'" },
		{ GOOD "timezone: ../../etc/passwd\n", "c.yaml:4:11: " },
		{ GOOD "jitter: 7h\n", "c.yaml:4:9: 'jitter' wants" },
		{ GOOD "overlap: wait\n", "c.yaml:4:10: 'overlap' wants one of skip, queue, not 'wait'" },
		{ GOOD "catch_up: -1h\n", "c.yaml:4:11: 'catch_up' wants" },
		{ GOOD "catch_up: 9h\n", "c.yaml:4:11: 'catch_up' wants" },
		{ GOOD "finish_by: 7:00\n", "c.yaml:4:12: 'finish_by' wants a time of day like 07:00, not '7:00'" },
		{ GOOD "finish_by: \"24:00\"\n", "'finish_by' wants a time of day" },
		{ GOOD "blackout: [2026-12-25, 2026-02-30]\n", "c.yaml:4:24: 'blackout' wants a day like 2026-12-25" },
		{ GOOD "blackout: 2027-01-02..2026-12-24\n", "'blackout' wants a day" },
		/* the matrix */
		{ HEAD "matrix: { gpu: \"MI300X:0\" }\n", "c.yaml:3:16: 'gpu' wants a model and a number like MI300X:8, not 'MI300X:0'" },
		{ HEAD "matrix: { gpu: [] }\n", "'gpu' wants a value or a list of values" },
		{ HEAD "matrix: { concurrency: [1, 8] }\n", "which GPU? 'matrix' wants an axis like gpu" },
		{ HEAD "matrix: [1]\n", "c.yaml:3:9: 'matrix' wants a map" },
		{ HEAD "matrix: { gpu: H100, sizes: { a: 1 } }\n", "'sizes' wants a value or a list of values" },
		{ HEAD "matrix: { gpu: H100, \"a b\": 1 }\n", "'a b' cannot be a parameter of a recipe" },
		{ HEAD "matrix: { gpu: H100, size: [[1]] }\n", "'size' wants one value" },
		{ HEAD "with: { gpu: H100 }\nmatrix: { gpu: H100 }\n", "'gpu', 'instances', 'provider' and 'region' belong into 'matrix'" },
		{ HEAD "with: 3\nmatrix: { gpu: H100 }\n", "c.yaml:3:7: 'with' wants a map" },
		{ HEAD "matrix: { gpu: H100, provider: \"two words\" }\n", "'two words' cannot be a provider" },
		{ GOOD "exclude: [ { gpu: H100 } ]\n", "c.yaml:4:12: this 'exclude' fits no cell of the matrix" },
		{ GOOD "exclude: [ { gpu: MI300X } ]\n", "nothing is left of the matrix" },
		{ GOOD "exclude: { gpu: MI300X }\n", "c.yaml:4:10: 'exclude' wants a list" },
		{ GOOD "exclude: [ MI300X ]\n", "'exclude' wants a list of maps" },
		{ GOOD "include: [ { size: 1 } ]\n", "which GPU?" },
		{ GOOD "override: [ { when: { gpu: H100 }, with: { a: 1 } } ]\n", "this override fits no cell of the matrix" },
		{ GOOD "override: [ { when: { gpu: MI300X } } ]\n", "an override wants maps 'when' and 'with'" },
		{ GOOD "override: [ { when: { gpu: MI300X }, wiht: { a: 1 } } ]\n", "unknown key 'wiht' (did you mean 'with'?)" },
		{ GOOD "override: [ { when: { gpu: MI300X }, with: { gpu: H100 } } ]\n", "where a cell runs is the matrix's" },
		/* presets and instances */
		{ "campaign: c\npreset: mi210-vastia\n", "c.yaml:2:9: there is no preset 'mi210-vastia'; did you mean mi210-vastai?" },
		{ "campaign: c\npreset: /etc/passwd\n", "c.yaml:2:9: 'preset' wants" },
		{ "campaign: c\npreset: ./mine.yaml\n", "c.yaml:2:9: 'preset' wants" },
		{ "campaign: c\npreset: [a]\n", "c.yaml:2:9: " },
		{ "campaign: c\npreset: mi210-vastai\npreset: mi210-vastai\n", "c.yaml:3:1: " },
		{ "campaign: c\npreset: mi210-vastai\nmatrix: { gpu: \"MI210:0\" }\n", "c.yaml:3:16: 'gpu' wants a model" },
		{ "campaign: c\npreset: mi210-vastai\nexclude: [ { gpu: H100 } ]\n", "c.yaml:3:12: this 'exclude' fits no cell" },
		{ "campaign: c\npreset: mi210-vastai\nwith: { region: x }\n", "c.yaml:3:7: 'gpu', 'instances', 'provider' and 'region' belong" },
		{ GOOD "instances: 0\n", "c.yaml:4:12: 'instances' wants a number from 1 to 100" },
		{ GOOD "instances: all\n", "c.yaml:4:12: 'instances' wants" },
		{ HEAD "matrix: { gpu: H100, instances: [1, 101] }\n", "c.yaml:3:37: 'instances' wants a number from 1 to 100, not '101'" },
		{ HEAD "matrix: { gpu: H100, instances: many }\n", "c.yaml:3:33: 'instances' wants a number from 1 to 100, not 'many'" },
		{ HEAD "with: { instances: 2 }\nmatrix: { gpu: H100 }\n", "c.yaml:3:7: 'gpu', 'instances', 'provider' and 'region' belong" },
		{ GOOD "override: [ { when: { gpu: MI300X }, with: { instances: 2 } } ]\n", "where a cell runs is the matrix's" },
		{ GOOD "disk: 0\n", "c.yaml:4:7: 'disk' wants a number from 1 to 100000" },
		{ GOOD "image: two words\n", "c.yaml:4:8: 'image' wants" },
		/* limits, retries, what follows */
		{ GOOD "repeats: 0\n", "c.yaml:4:10: 'repeats' wants" },
		{ GOOD "max_price: cheap\n", "c.yaml:4:12: 'max_price' wants" },
		{ GOOD "max_price: -1\n", "'max_price' wants" },
		{ GOOD "limits: { parallel_fleets: 1000 }\n", "'limits.parallel_fleets' wants a number from 1 to 100" },
		{ GOOD "secrets: [hf-token]\n", "secret 'hf-token' is not called like a variable" },
		{ GOOD "retry: { failed: 99 }\n", "'retry.failed' wants a number from 0 to 10" },
		{ GOOD "on_failure: keep\n", "c.yaml:4:13: 'on_failure' wants destroy, or { keep_for: 30m }" },
		{ GOOD "on_failure: { keep_for: 30d }\n", "'keep_for' wants 1m to 7d, not '30d'" },
		{ GOOD "compare: { baseline: 3 }\n", "'compare.baseline' wants a number from 7 to 365" },
		{ GOOD "compare: { warn: a lot }\n", "'warn' wants a share like 3%, not 'a lot'" },
		{ GOOD "compare: { warn: 6%, alert: 5% }\n", "'alert' (5%) is less than 'warn' (6%)" },
		{ GOOD "notify: { webhook: ops }\n", "c.yaml:4:9: 'notify' wants a list" },
		{ GOOD "notify: [ ops ]\n", "a notification is a map like { webhook: ops, on: [failed, regression] }" },
		{ GOOD "notify: [ { on: failed } ]\n", "this notification has no 'webhook'" },
		{ GOOD "notify: [ { webhook: ops } ]\n", "this notification has no 'on'" },
		{ GOOD "notify: [ { webhook: ops, on: [fialed] } ]\n", "there is no event 'fialed' (did you mean 'failed'?)" },
	};

	int wrong = 0;

	(void)state;
	assert_true(ARRAY_LEN(cases) >= 50);
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct buf report = BUF(65536);
		struct campaign_file c;
		struct err e;

		if (campaign_read(&c, "c.yaml", cases[k].text, strlen(cases[k].text), &report, &e) == 0) {
			print_error("taken:\n%s", cases[k].text);
			wrong++;
		} else if (!strstr(buf_str(&report), cases[k].says)) {
			print_error("%ssays:   %swanted: %s\n\n", cases[k].text, buf_str(&report), cases[k].says);
			wrong++;
		}
		assert_int_equal(c.cell_count, 0);
		buf_free(&report);
	}
	assert_int_equal(wrong, 0);
}

/* Two axes of forty are more than a thousand cells: said before anything is made. */
static void too_large(void **state)
{
	struct buf b = BUF(65536);
	struct campaign_file c;
	struct err e;

	(void)state;
	buf_puts(&b, HEAD "matrix:\n  gpu: H100\n");
	for (int axis = 0; axis < 2; axis++) {
		buf_printf(&b, "  a%d: [0", axis);
		for (int k = 1; k < 40; k++)
			buf_printf(&b, ", %d", k);
		buf_puts(&b, "]\n");
	}
	assert_int_equal(campaign_read(&c, "c.yaml", buf_str(&b), b.len, NULL, &e), -1);
	assert_non_null(strstr(e.msg, "the matrix has more than 1000 cells"));
	buf_free(&b);
}

/* What is shipped is a campaign, each of another recipe or stack. */
static void shipped_ones(void **state)
{
	glob_t all;

	(void)state;
	assert_int_equal(glob("config/campaigns/*.yaml", 0, NULL, &all), 0);
	assert_true(all.gl_pathc >= 5);
	for (size_t k = 0; k < all.gl_pathc; k++) {
		struct buf text = BUF(65536), report = BUF(65536);
		struct campaign_file c;
		char part[4096];
		struct err e;
		FILE *f = fopen(all.gl_pathv[k], "re");
		size_t n;

		assert_non_null(f);
		while ((n = fread(part, 1, sizeof(part), f)) > 0)
			buf_append(&text, part, n);
		fclose(f);
		if (campaign_read(&c, all.gl_pathv[k], buf_str(&text), text.len, &report, &e) < 0)
			fail_msg("%s", buf_str(&report));
		assert_true(c.cell_count > 0 && *c.cron);
		campaign_free(&c);
		buf_free(&text);
		buf_free(&report);
	}
	globfree(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything),
		cmocka_unit_test(the_least_that_is_enough),
		cmocka_unit_test(a_preset_and_what_is_different),
		cmocka_unit_test(cells_of_several_machines),
		cmocka_unit_test(fifty_mistakes),
		cmocka_unit_test(too_large),
		cmocka_unit_test(shipped_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Commands that carry hostile words unharmed, and answers from machines that lie. */
#include "remote/job.h"

#include "base/str.h"
#include "shells.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ---- words that reach a shell ---- */

static const char *const corpus[] = {
	";$(rm -rf ~)",
	"`touch /tmp/owned`",
	"'",
	"''",
	"'\\''",
	"\"",
	"\\",
	"\\\\'",
	"a\nb",
	"\n",
	"\r\n",
	"-n",
	"--",
	"*",
	"?",
	"[a-z]",
	"~",
	"$HOME",
	"${IFS}",
	"!x!!",
	"#",
	"a#b",
	"& echo &",
	"| cat",
	">x",
	"<x",
	"(",
	")",
	"{",
	"}",
	"=",
	"%s%n%d",
	"\t tab ",
	" ",
	"",
	"\xe2\x80\xaertl",
	"\xf0\x9f\x98\x80",
	"\xff\xfe\x80",
	"\x01\x02\x7f\x1e",
	"\x81\x82\x83\x84\x85\x86\x87\x88",
	"export X=1",
	"#gpufleet-end",
	"\n#gpufleet-env\n",
	"\036gf0123456789abcdef=0\n",
};

static void words_survive_every_shell(void **state)
{
	struct job_var vars[ARRAY_LEN(corpus) + 2];
	char names[ARRAY_LEN(corpus) + 2][16], *long_value = xmalloc(10241);
	struct buf cmd = BUF(65536), input = BUF(1 << 20), show = BUF(65536), want = BUF(1 << 20);
	size_t count, n = 0;
	const struct shell *list = shells(&count);
	struct outcome o;
	struct place p;

	(void)state;
	memset(long_value, '\'', 10240);
	long_value[10240] = '\0';
	for (size_t i = 0; i <= ARRAY_LEN(corpus); i++, n++) {
		snprintf(names[n], sizeof(names[n]), "V%zu", i);
		vars[n] =
		    (struct job_var){ names[n], i < ARRAY_LEN(corpus) ? corpus[i] : long_value };
		buf_printf(&show, "printf '<%%s>' \"$V%zu\"\n", i);
		buf_printf(&want, "<%s>", vars[n].value);
	}
	vars[n] = (struct job_var){ "X;touch $HOME/owned", "1" };
	job_env_command(&cmd, &input, "words", vars, n + 1);
	buf_puts(&show, "ls $HOME >&2\n");
	for (size_t i = 0; i < count; i++) {
		place_make(&p, &list[i]);
		place_run(&p, buf_str(&cmd), input.data, input.len, &o);
		assert_int_equal(o.status, 0);
		outcome_free(&o);
		buf_reset(&cmd);
		buf_puts(&cmd, ". $HOME/.gpufleet/runs/words/env\n");
		buf_puts(&cmd, buf_str(&show));
		place_run(&p, buf_str(&cmd), NULL, 0, &o);
		if (o.out.len != want.len || memcmp(o.out.data, want.data, want.len))
			fail_msg("%s: %s", list[i].name, buf_str(&o.out));
		assert_string_equal(buf_str(&o.err), "");
		outcome_free(&o);
		place_remove(&p);
		buf_reset(&cmd);
		buf_reset(&input);
		job_env_command(&cmd, &input, "words", vars, n + 1);
	}
	buf_free(&cmd);
	buf_free(&input);
	buf_free(&show);
	buf_free(&want);
	free(long_value);
}

/* A script's name with everything in it is still a name. */
static void script_names_are_data(void **state)
{
	struct buf cmd = BUF(65536);
	struct outcome o;
	struct place p;
	size_t count;

	(void)state;
	place_make(&p, &shells(&count)[0]);
	place_run(&p,
	    "mkdir -p $HOME/.gpufleet/runs/names/payload; cd $HOME/.gpufleet/runs/names; touch supervisor.sh; echo x >status",
	    NULL, 0, &o);
	outcome_free(&o);
	for (size_t i = 0; i < ARRAY_LEN(corpus); i++) {
		buf_reset(&cmd);
		job_start_command(
		    &cmd, "names", &(struct job_start){ .setup = corpus[i], .run = corpus[i] });
		buf_puts(&cmd, "printf '%s%s' \"$setup\" \"$run\" >&2\n");
		place_run(&p, buf_str(&cmd), NULL, 0, &o);
		buf_reset(&cmd);
		buf_printf(&cmd, "%s%s", corpus[i], corpus[i]);
		assert_int_equal(o.err.len, cmd.len);
		assert_memory_equal(buf_str(&o.err), buf_str(&cmd), cmd.len);
		outcome_free(&o);
		place_run(&p, "cd $HOME; rm -rf .gpufleet/runs/names/started; ls", NULL, 0, &o);
		assert_string_equal(buf_str(&o.out), "");
		outcome_free(&o);
	}
	buf_free(&cmd);
	place_remove(&p);
}

static void keys_and_names(void **state)
{
	static const char *const good[] = { "a", "0", "r12ab", "abcdefghijklmnopqrstuvwxyz012345" };
	static const char *const bad[] = { "", "A", "a-b", "a b", "a/b", "..", "a\n",
		"abcdefghijklmnopqrstuvwxyz0123456" };
	static const char *const names[] = { "A", "_", "MODEL", "HF_TOKEN", "X9" };
	static const char *const no_names[] = { "", "9X", "a", "A-B", "A B", "A=B", "A;B", "PATH",
		"IFS", "HOME", "GPUFLEET_RUN", "LD_PRELOAD", "ENV" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(job_key_ok(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(job_key_ok(bad[i]));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_true(job_name_ok(names[i]));
	for (size_t i = 0; i < ARRAY_LEN(no_names); i++)
		assert_false(job_name_ok(no_names[i]));
	assert_true(job_env_name_ok("http_proxy") && job_env_name_ok("_x9") && job_env_name_ok("MODEL"));
	for (size_t i = 0; i < ARRAY_LEN(no_names); i++)
		assert_int_equal(job_env_name_ok(no_names[i]), !strcmp(no_names[i], "a"));
	assert_false(job_env_name_ok("GPUFLEET_GPU"));
}

/* Logins and load, as each tool tells them. */
static void who_uses_it_is_read(void **state)
{
	static const struct {
		const char *text;
		int logins, busy;
	} rows[] = {
		{ "gf-probe 1\nboot_id=x\n", 0, -1 },
		{ "gf-probe 1\nlogins=2\nbegin busy-nvidia\n0\n17\n3\nend\n", 2, 17 },
		{ "gf-probe 1\nlogins=  0\nbegin busy-amd\ngpu,gfx_activity,umc_activity,mm_activity\n0,4,9,N/A\n1,N/A,0,N/A\nend\n", 0, 4 },
		{ "gf-probe 1\nbegin busy-rocm\nGPU[0]\t\t: GPU use (%): 7\nGPU[1]\t\t: GPU use (%): 0\nend\n", 0, 7 },
		{ "gf-probe 1\nlogins=-3\nbegin busy-nvidia\n[N/A]\n250\nend\n", 0, -1 },
	};
	struct job_probe p;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(job_probe_read(&p, rows[i].text, strlen(rows[i].text), &e), 0);
		assert_int_equal(p.logins, rows[i].logins);
		assert_int_equal(p.gpu_busy, rows[i].busy);
	}
}

static void commands_fit_into_a_packet(void **state)
{
	struct buf cmd = BUF(20000), input = BUF(1 << 20); /* 30,000 when quoted */

	(void)state;
	job_probe_command(&cmd, NULL);
	assert_false(cmd.overflow);
	buf_reset(&cmd);
	job_start_command(&cmd, "k", &(struct job_start){ .setup = "setup.sh", .run = "run.sh" });
	assert_false(cmd.overflow);
	buf_reset(&cmd);
	job_clean_all_command(&cmd);
	assert_false(cmd.overflow);
	assert_null(strstr(buf_str(&cmd), "\n#"));
	buf_free(&cmd);
	buf_free(&input);
}

/* ---- answers about a run ---- */

struct answer {
	struct job_status s;
	const char *out, *err;
	size_t out_n, err_n;
	struct err e;
};

/* The answer lies at the end of memory that belongs to us, so that reading past it shows. */
static int read_answer(struct answer *a, const char *text, size_t n)
{
	static char *copy;

	free(copy);
	copy = xmalloc(n + !n);
	memcpy(copy, text, n);
	return job_poll_read(&a->s, copy, n, &a->out, &a->out_n, &a->err, &a->err_n, &a->e);
}

#define HEAD(gate, alive, out_n, err_n)                                                            \
	"gf-poll 1 gate=" gate " alive=" alive " out_size=100 err_size=50 out_n=" out_n            \
	" err_n=" err_n " boot_now=b-1\n"
#define STATUS(state)                                                                              \
	"state=" state                                                                             \
	" exit=3 signal= timed_out=0 stopped=0 setup_failed=0 oom=0 started=1700000000 ended=1700000060 boot=b-1\n"

static void answers_are_read(void **state)
{
	static const char text[] = HEAD("1", "1", "3", "2") STATUS("done") "50% of it\nabcde";
	struct answer a;

	(void)state;
	assert_int_equal(read_answer(&a, text, sizeof(text) - 1), 0);
	assert_int_equal(a.s.state, JOB_DONE);
	assert_true(a.s.exit_known);
	assert_int_equal(a.s.exit_status, 3);
	assert_int_equal(a.s.ended - a.s.started, MINUTE);
	assert_string_equal(a.s.boot_id, "b-1");
	assert_string_equal(a.s.progress, "50% of it");
	assert_int_equal(a.s.out_size, 100);
	assert_int_equal(a.out_n, 3);
	assert_memory_equal(a.out, "abc", 3);
	assert_memory_equal(a.err, "de", 2);
}

static void states_are_judged(void **state)
{
	static const struct {
		const char *text;
		enum job_state want;
		bool exit_known, rebooted;
	} cases[] = {
		{ HEAD("0", "0", "0", "0") "\n\n", JOB_NONE, false, false },
		{ HEAD("1", "1", "0", "0") "\n\n", JOB_SETUP, false, false },
		{ HEAD("1", "0", "0", "0") "\n\n", JOB_VANISHED, false, false },
		{ HEAD("1", "1", "0", "0") STATUS("setup") "\n", JOB_SETUP, false, false },
		{ HEAD("1", "1", "0", "0") STATUS("running") "\n", JOB_RUNNING, false, false },
		{ HEAD("1", "0", "0", "0") STATUS("running") "\n", JOB_VANISHED, false, false },
		{ HEAD("1", "0", "0", "0") STATUS("done") "\n", JOB_DONE, true, false },
		{ HEAD("1", "0", "0", "0") "state=running exit= boot=b-0\n\n", JOB_VANISHED, false,
		    true },
		{ HEAD("1", "0", "0", "0") "state=done exit= signal=KILL boot=b-1\n\n", JOB_DONE,
		    false, false },
		{ HEAD("1", "0", "0", "0") "state=done exit=256 boot=b-1\n\n", JOB_DONE, false,
		    false },
		{ HEAD("1", "1", "0", "0") "state=\033[2J exit=0 signal=\033[2J\n\n", JOB_SETUP,
		    false, false },
	};
	struct answer a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (read_answer(&a, cases[i].text, strlen(cases[i].text)) < 0)
			fail_msg("case %zu: %s", i, a.e.msg);
		if (a.s.state != cases[i].want || a.s.exit_known != cases[i].exit_known ||
		    a.s.rebooted != cases[i].rebooted)
			fail_msg("case %zu: state %d exit_known %d rebooted %d", i, a.s.state,
			    a.s.exit_known, a.s.rebooted);
		assert_null(strchr(a.s.signal, '\033'));
	}
}

static void hostile_answers_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"gf-poll",
		"gf-poll 2 gate=1\n\n\n",
		"hello\n",
		HEAD("1", "1", "3", "2"),
		HEAD("1", "1", "3", "2") "\n",
		HEAD("1", "1", "3", "2") "\n\nabcd",
		HEAD("1", "1", "3", "2") "\n\nabcdef",
		HEAD("1", "1", "-3", "2") "\n\n",
		HEAD("1", "1", "99999999999999999999", "2") "\n\n",
		HEAD("1", "1", "2147483647", "2147483647") "\n\nx",
		HEAD("1", "1", "x", "2") "\n\n",
		HEAD("1", "1", "", "2") "\n\n",
	};
	char *huge = xmalloc(100000);
	struct answer a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (read_answer(&a, bad[i], strlen(bad[i])) == 0)
			fail_msg("case %zu was read", i);
	memset(huge, 'a', 100000);
	assert_int_equal(read_answer(&a, huge, 100000), -1);
	memset(huge, 0, 100000);
	assert_int_equal(read_answer(&a, huge, 100000), -1);
	free(huge);
}

static void progress_is_made_printable(void **state)
{
	struct buf text = BUF(65536);
	struct answer a;

	(void)state;
	buf_puts(&text, HEAD("1", "1", "0", "0") "\n\033]52;c;x\007\xe2\x80\xae\xff\n");
	assert_int_equal(read_answer(&a, text.data, text.len), 0);
	assert_string_equal(a.s.progress, "\\x1b]52;c;x\\x07\\u202e\\xff");
	buf_reset(&text);
	buf_puts(&text, HEAD("1", "1", "0", "0") "\n");
	for (int i = 0; i < 240; i++)
		buf_putc(&text, '\033');
	buf_putc(&text, '\n');
	assert_int_equal(read_answer(&a, text.data, text.len), 0);
	assert_true(strlen(a.s.progress) < TEXT_MAX);
	buf_free(&text);
}

static void complaints(void **state)
{
	char out[TEXT_MAX], *huge = xmalloc(5000);

	(void)state;
	job_complaint(out, "noise\ngpufleet: the disk is full\n", 32);
	assert_string_equal(out, "the disk is full");
	job_complaint(out, "", 0);
	assert_string_equal(out, "");
	job_complaint(out, "\n\n", 2);
	assert_string_equal(out, "");
	job_complaint(out, "sh: \033[1mtar\033[0m: not found", 26);
	assert_string_equal(out, "sh: \\x1b[1mtar\\x1b[0m: not found");
	memset(huge, 1, 5000);
	job_complaint(out, huge, 5000);
	assert_true(strlen(out) < TEXT_MAX);
	free(huge);
}

/* ---- what is this machine ---- */

static void probe(struct job_probe *p, const char *text)
{
	char *copy = xstrndup(text, strlen(text));
	struct err e;

	if (job_probe_read(p, copy, strlen(copy), &e) < 0)
		fail_msg("%s", e.msg);
	free(copy);
}

#define FACTS "gf-probe 1\nboot_id=b-1\nroot=0\nhome=/root\nos=Ubuntu 22.04.4 LTS\ndisk=1048576\n"

static void probes_are_read(void **state)
{
	struct job_probe p;

	(void)state;
	probe(&p, FACTS
	    "docker=1\npci=nvidia\ndriver_loaded=nvidia\nbegin nvidia-smi\n"
	    "0, NVIDIA H100 80GB HBM3, 81559, 570.124.06\n1, NVIDIA H100 80GB HBM3, 81559, 570.124.06\n\nend\nbegin kfd\nend\n");
	assert_string_equal(p.gpu, "H100");
	assert_int_equal(p.gpu_count, 2);
	assert_int_equal(p.gpu_memory_gb, 80);
	assert_string_equal(p.vendor_tool, "nvidia-smi");
	assert_string_equal(p.driver, "570.124.06");
	assert_true(p.docker && p.root && !p.driver_missing);
	assert_int_equal(p.disk_free_mb, 1024);
	assert_string_equal(p.boot_id, "b-1");
	assert_string_equal(p.home, "/root");
	assert_string_equal(p.os, "Ubuntu 22.04.4 LTS");
}

static const char amd_static[] =
    "{\"gpu\":0,\"asic\":{\"market_name\":\"AMD Instinct MI300X\",\"vendor_name\":\"Advanced Micro Devices Inc. [AMD/ATI]\"},"
    "\"vram\":{\"type\":\"HBM3\",\"size\":{\"value\":196592,\"unit\":\"MB\"}},\"driver\":{\"name\":\"amdgpu\",\"version\":\"6.10.5\"}}";

static void amd_formats(void **state)
{
	static const char *const shapes[] = { "[%s,%s]", "{\"gpu_data\":[%s,%s]}",
		"WARNING: not in group render\n[%s,\n%s]\nbye\n" };
	struct buf text = BUF(65536);
	struct job_probe p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		char body[4096];

		const char *second = strchr(shapes[i], '%') + 2;

		snprintf(body, sizeof(body), "%.*s%s%.*s%s%s", (int)(second - 2 - shapes[i]),
		    shapes[i], amd_static, (int)(strchr(second, '%') - second), second, amd_static,
		    strchr(second, '%') + 2);
		buf_reset(&text);
		buf_printf(&text, FACTS "driver_loaded=amd\nbegin amd-smi\n%s\nend\n", body);
		probe(&p, buf_str(&text));
		assert_string_equal(p.gpu, "MI300X");
		assert_int_equal(p.gpu_count, 2);
		assert_int_equal(p.gpu_memory_gb, 192);
		assert_string_equal(p.vendor_tool, "amd-smi");
		assert_string_equal(p.driver, "6.10.5");
	}
	buf_reset(&text);
	buf_puts(&text, FACTS
	    "begin amd-smi\n[{\"gpu\":0,\"asic\":{\"market_name\":\"N/A\"},\"vram\":\"N/A\",\"driver\":\"N/A\"}]\nend\n");
	probe(&p, buf_str(&text));
	assert_int_equal(p.gpu_count, 1);
	assert_int_equal(p.gpu_memory_gb, 0);
	buf_free(&text);
}

static void rocm_and_kfd(void **state)
{
	struct job_probe p;

	(void)state;
	probe(&p, FACTS
	    "begin amd-smi\nERROR: no library\nend\nbegin rocm-smi\n"
	    "{\"card0\":{\"VRAM Total Memory (B)\":\"206141652992\",\"Card series\":\"AMD Instinct MI300X\"},"
	    "\"card1\":{\"VRAM Total Memory (B)\":\"206141652992\",\"Card Series\":\"AMD Instinct MI300X\"},"
	    "\"system\":{\"Driver version\":\"6.10.5\"}}\nend\n");
	assert_string_equal(p.gpu, "MI300X");
	assert_int_equal(p.gpu_count, 2);
	assert_int_equal(p.gpu_memory_gb, 192);
	assert_string_equal(p.vendor_tool, "rocm-smi");
	assert_string_equal(p.driver, "6.10.5");
	probe(&p, FACTS
	    "driver_loaded=amd\nbegin rocm-smi\nWARNING: No JSON data to report\nend\nbegin kfd\n90402 206141652992\n90402 206141652992\nend\n");
	assert_string_equal(p.gpu, "MI300X");
	assert_int_equal(p.gpu_count, 2);
	assert_string_equal(p.vendor_tool, "");
	probe(&p, FACTS "begin kfd\n90010 1\n110501 0\nend\n");
	assert_string_equal(p.gpu, "gfx90a");
	assert_int_equal(p.gpu_count, 1);
}

static void machines_without(void **state)
{
	struct job_probe p;
	struct err e;

	(void)state;
	probe(&p, FACTS "begin kfd\nend\n");
	assert_string_equal(p.gpu, "");
	assert_int_equal(p.gpu_count, 0);
	assert_false(p.driver_missing || p.docker);
	probe(&p, FACTS
	    "pci=nvidia\nbegin nvidia-smi\nNVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\nend\n");
	assert_true(p.driver_missing);
	probe(&p, "gf-probe 1\nroot=1000\ndisk=\n");
	assert_false(p.root);
	assert_int_equal(p.disk_free_mb, -1);
	assert_int_equal(job_probe_read(&p, "", 0, &e), -1);
	assert_int_equal(job_probe_read(&p, "gf-probe", 8, &e), -1);
	assert_int_equal(job_probe_read(&p, "bash: sh: not found\n", 20, &e), -1);
}

static void hostile_probes(void **state)
{
	static const char *const texts[] = {
		FACTS "begin nvidia-smi\n",
		FACTS "begin nvidia-smi\nend",
		FACTS "begin \nend\n",
		FACTS "begin nvidia-smi\n,,,,\n0,,,\n-1, x, y, z\nend\n",
		FACTS "begin amd-smi\n[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]\nend\n",
		FACTS "begin amd-smi\n{\"gpu_data\":7}\nend\n",
		FACTS "begin amd-smi\n][\nend\n",
		FACTS "begin rocm-smi\n[1,2]\nend\n",
		FACTS "begin rocm-smi\n{\"card0\":[],\"card1\":{\"Card Series\":4}}\nend\n",
		FACTS "begin kfd\n-1 -1\n99999999999 1\n90402 nan\n90402\n 1\nend\n",
		FACTS "os=\033]0;x\007\nboot_id=\xff\n=\n==\n",
	};
	struct buf text = BUF(1 << 20);
	struct job_probe p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		probe(&p, texts[i]);
		assert_null(strchr(p.os, '\033'));
		assert_null(strchr(p.gpu, '\n'));
	}
	buf_puts(&text, FACTS "begin nvidia-smi\n");
	for (int i = 0; i < 20000; i++)
		buf_printf(&text, "%d, NVIDIA H100, 81559, 1\n", i % 4096);
	buf_puts(&text, "end\n");
	assert_int_equal(job_probe_read(&p, text.data, text.len, &e), 0);
	assert_true(p.gpu_count <= 4096);
	for (size_t n = 0; n < text.len; n += 1 + n / 3)
		job_probe_read(&p, text.data, n, &e);
	buf_free(&text);
}

/* The real script on this machine, and on one whose tools say something. */
static void the_script_answers(void **state)
{
	static const char tool[] = "#!/bin/sh\nprintf '0, NVIDIA H200, 143771, 570.1\\n'\n";
	struct buf cmd = BUF(65536), put = BUF(4096);
	struct job_probe p;
	struct outcome o;
	struct place place;
	struct err e;
	size_t count;

	(void)state;
	place_make(&place, &shells(&count)[0]);
	job_probe_command(&cmd, NULL);
	place_run(&place, buf_str(&cmd), NULL, 0, &o);
	assert_int_equal(o.status, 0);
	assert_string_equal(buf_str(&o.err), "");
	assert_int_equal(job_probe_read(&p, buf_str(&o.out), o.out.len, &e), 0);
	assert_int_equal(strlen(p.boot_id), 36);
	assert_true(p.disk_free_mb > 0);
	assert_true(str_starts(p.home, place.dir));
	outcome_free(&o);
	buf_printf(
	    &put, "cat >%s/bin/nvidia-smi; chmod 755 %s/bin/nvidia-smi", place.dir, place.dir);
	place_run(&place, buf_str(&put), tool, sizeof(tool) - 1, &o);
	outcome_free(&o);
	place_run(&place, buf_str(&cmd), NULL, 0, &o);
	assert_int_equal(job_probe_read(&p, buf_str(&o.out), o.out.len, &e), 0);
	assert_string_equal(p.gpu, "H200");
	assert_int_equal(p.gpu_memory_gb, 141);
	outcome_free(&o);
	place_remove(&place);
	buf_free(&cmd);
	buf_free(&put);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_survive_every_shell),
		cmocka_unit_test(script_names_are_data),
		cmocka_unit_test(keys_and_names),
		cmocka_unit_test(who_uses_it_is_read),
		cmocka_unit_test(commands_fit_into_a_packet),
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(states_are_judged),
		cmocka_unit_test(hostile_answers_are_refused),
		cmocka_unit_test(progress_is_made_printable),
		cmocka_unit_test(complaints),
		cmocka_unit_test(probes_are_read),
		cmocka_unit_test(amd_formats),
		cmocka_unit_test(rocm_and_kfd),
		cmocka_unit_test(machines_without),
		cmocka_unit_test(hostile_probes),
		cmocka_unit_test(the_script_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

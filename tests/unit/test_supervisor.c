/* A run as a machine lives it: the real commands and the real supervisor, in every shell there is. */
#include "remote/job.h"

#include "base/str.h"
#include "remote/archive.h"
#include "shells.h"
#include "sshd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct place here;
/* Keys of this process alone: the shells run at the same time on one machine, beside other people's test runs perhaps, and
 * a stop or a clean-up finds its processes by the key. One key at a time. */
static const char *keyed(const char *key)
{
	static char text[33];

	snprintf(text, sizeof(text), "t%d%s", (int)getpid(), key);
	return text;
}

/* ---- helpers ---- */

static void sleep_ms(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static void expect(const struct outcome *o, int status)
{
	if (o->status != status)
		fail_msg("%s: status %d instead of %d: %s%s", here.shell->name, o->status, status,
		    buf_str(&o->out), buf_str(&o->err));
}

/* Run one of our commands; its standard output must be `out` when that is given. */
static void command(struct buf *cmd, struct buf *input, int status, const char *out)
{
	struct outcome o;

	assert_false(cmd->overflow);
	place_run(&here, buf_str(cmd), input ? input->data : NULL, input ? input->len : 0, &o);
	expect(&o, status);
	if (out)
		assert_string_equal(buf_str(&o.out), out);
	outcome_free(&o);
	buf_free(cmd);
	if (input)
		buf_free(input);
}

static void tar_file(struct buf *out, const char *name, const char *text, bool executable)
{
	char header[512] = { 0 };
	unsigned sum = 0;
	size_t n = strlen(text);

	snprintf(header, 100, "%s", name);
	snprintf(header + 100, 8, "%07o", executable ? 0755u : 0644u);
	snprintf(header + 108, 8, "%07o", 0u);
	snprintf(header + 116, 8, "%07o", 0u);
	snprintf(header + 124, 12, "%011o", (unsigned)n);
	snprintf(header + 136, 12, "%011o", 0u);
	memset(header + 148, ' ', 8);
	header[156] = '0';
	memcpy(header + 257,
	    "ustar\0"
	    "00",
	    8);
	for (size_t i = 0; i < sizeof(header); i++)
		sum += (unsigned char)header[i];
	snprintf(header + 148, 8, "%06o", sum);
	buf_append(out, header, sizeof(header));
	buf_append(out, text, n);
	memset(header, 0, sizeof(header));
	buf_append(out, header, (512 - n % 512) % 512);
}

static void push(const char *key, const char *setup, const char *run, bool executable)
{
	struct buf cmd = BUF(30000), tar = BUF(1 << 20);
	char end[1024] = { 0 };

	if (setup)
		tar_file(&tar, "setup.sh", setup, executable);
	tar_file(&tar, "run.sh", run, executable);
	buf_append(&tar, end, sizeof(end));
	job_push_command(&cmd, keyed(key), tar.len);
	command(&cmd, &tar, 0, "");
}

static void put_env(const char *key, const struct job_var *vars, size_t count)
{
	struct buf cmd = BUF(30000), input = BUF(1 << 20);

	job_env_command(&cmd, &input, keyed(key), vars, count);
	command(&cmd, &input, 0, "");
}

static void put_secrets(const char *key, const struct job_var *vars, size_t count)
{
	struct buf cmd = BUF(30000), input = BUF(1 << 20);

	job_secrets_command(&cmd, &input, keyed(key), vars, count);
	command(&cmd, &input, 0, "");
}

static void start(
    const char *key, bool setup, duration setup_timeout, duration run_timeout, const char *answer)
{
	struct buf cmd = BUF(30000);

	job_start_command(&cmd, keyed(key),
	    &(struct job_start){ .setup = setup ? "setup.sh" : NULL,
		.run = "run.sh",
		.setup_timeout = setup_timeout,
		.run_timeout = run_timeout });
	command(&cmd, NULL, 0, answer);
}

struct poll {
	struct job_status s;
	struct outcome o;
	const char *out, *err;
	size_t out_n, err_n;
};

static void poll_from(
    const char *key, struct poll *p, int64_t out_from, int64_t err_from, int64_t max)
{
	struct buf cmd = BUF(30000);
	struct err e;

	job_poll_command(&cmd, keyed(key), out_from, err_from, max);
	place_run(&here, buf_str(&cmd), NULL, 0, &p->o);
	expect(&p->o, 0);
	assert_string_equal(buf_str(&p->o.err), "");
	if (job_poll_read(&p->s, buf_str(&p->o.out), p->o.out.len, &p->out, &p->out_n, &p->err,
		&p->err_n, &e) < 0)
		fail_msg("%s: %s: %s", here.shell->name, e.msg, buf_str(&p->o.out));
	buf_free(&cmd);
}

static void poll_once(const char *key, struct poll *p)
{
	poll_from(key, p, 0, 0, 65536);
}

/* A wait ends when it must: what it waits for comes at once, but on a machine that is busy with other things much later. */
#define PATIENCE 90 /* seconds */

static time_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void await(const char *key, enum job_state state, struct poll *p)
{
	for (time_t end = seconds() + PATIENCE; seconds() < end; sleep_ms(50)) {
		poll_once(key, p);
		if (p->s.state == state)
			return;
		outcome_free(&p->o);
	}
	fail_msg("%s: state stays %d", here.shell->name, p->s.state);
}

static bool has(const char *text, size_t n, const char *needle)
{
	return memmem(text, n, needle, strlen(needle)) != NULL;
}

static void await_output(const char *key, const char *text)
{
	struct poll p;
	bool found;

	for (time_t end = seconds() + PATIENCE; seconds() < end; sleep_ms(30)) {
		poll_once(key, &p);
		found = has(p.out, p.out_n, text);
		outcome_free(&p.o);
		if (found)
			return;
	}
	fail_msg("%s: no '%s'", here.shell->name, text);
}

static void stop(const char *key, duration grace)
{
	struct buf cmd = BUF(30000);

	job_stop_command(&cmd, keyed(key), grace);
	command(&cmd, NULL, 0, "");
}

static void clean(const char *key)
{
	struct buf cmd = BUF(30000);

	job_clean_command(&cmd, keyed(key));
	command(&cmd, NULL, 0, "");
}

static bool exists(const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", here.dir, name);
	return lstat(path, &st) == 0;
}

static bool run_exists(const char *key, const char *file)
{
	char path[128];

	snprintf(path, sizeof(path), "home/.gpufleet/runs/%s%s", keyed(key), file);
	return exists(path);
}

static bool secret_exists(const char *key)
{
	char path[128];

	snprintf(path, sizeof(path), "shm/gf-%s", keyed(key));
	return exists(path);
}

static size_t read_proc(const char *pid, const char *file, char *out, size_t size)
{
	char path[300];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, out, size);
	if (fd >= 0)
		close(fd);
	return n > 0 ? (size_t)n : 0;
}

/* How many processes of this place have that argument. */
static int alive(const char *argument)
{
	char home[128], text[65536];
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	int count = 0;
	size_t n;

	snprintf(home, sizeof(home), "HOME=%s/home", here.dir);
	while ((entry = readdir(proc))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		n = read_proc(entry->d_name, "environ", text, sizeof(text));
		if (!has(text, n, home))
			continue;
		n = read_proc(entry->d_name, "cmdline", text, sizeof(text));
		count += has(text, n, argument);
	}
	closedir(proc);
	return count;
}

static void await_alive(const char *argument, int count)
{
	for (time_t end = seconds() + PATIENCE; alive(argument) != count && seconds() < end;)
		sleep_ms(30);
	assert_int_equal(alive(argument), count);
}

/* ---- what is tried in every shell ---- */

static void whole_life(void **state)
{
	static const struct job_var vars[] = { { "MODEL",
						   "a'b \"c\" $(id) `id` \\ \n #gpufleet-env\n*" },
		{ "EMPTY", "" }, { "PATH", "/nowhere" }, { "x;y", "z" },
		{ "BYTES", "\xff\xfe\x01\x7f\x81\x88\xc3\xa9\r\t" },
		/* what the supervisor calls its own is free for everybody else */
		{ "home", "h" }, { "key", "k" }, { "secrets", "s" }, { "state", "t" }, { "results", "r" }, { "setsid", "" }, { "first", "f" } };
	static const struct job_var secrets[] = { { "HF_TOKEN", "hf_s3cr3t'$" } };
	struct poll p;
	struct outcome o;

	(void)state;
	push("life1", "echo in setup; echo \"phase $GPUFLEET_PHASE\"; touch made\n",
	    "#!/bin/sh\nset -e\necho \"run $GPUFLEET_RUN $GPUFLEET_PHASE $PWD\"\ntest -f made\nprintf '<%s>\\n' \"$MODEL\" \"$EMPTY\" \"$BYTES\"\n"
	    "echo \"small $home$key$secrets$state$results$setsid$first\"\n"
	    "echo \"token $HF_TOKEN\"\necho oops >&2\necho 'gpufleet: progress 1/2 warming'\necho 'gpufleet: progress 2/2 done \033[31m'\n"
	    "echo hello >\"$GPUFLEET_RESULTS/r.txt\"\nmkdir \"$GPUFLEET_RESULTS/sub\"\nexit 0\n",
	    true);
	poll_once("life1", &p);
	assert_int_equal(p.s.state, JOB_NONE);
	outcome_free(&p.o);
	put_env("life1", vars, ARRAY_LEN(vars));
	put_secrets("life1", secrets, 1);
	assert_true(secret_exists("life1"));
	start("life1", true, MINUTE, MINUTE, "started\n");
	start("life1", true, MINUTE, MINUTE, "attached\n");
	await("life1", JOB_DONE, &p);
	if (!p.s.exit_known || p.s.exit_status)
		fail_msg("%s: exit %d: %.*s%.*s", here.shell->name, p.s.exit_status, (int)p.out_n,
		    p.out, (int)p.err_n, p.err);
	assert_string_equal(p.s.signal, "");
	assert_false(p.s.timed_out || p.s.stopped || p.s.setup_failed || p.s.rebooted);
	assert_true(p.s.started > 0 && p.s.ended >= p.s.started);
	assert_true(str_starts(p.out, "in setup\nphase setup\nrun "));
	assert_true(has(p.out, p.out_n, "life1 running /"));
	assert_true(has(p.out, p.out_n,
	    "<a'b \"c\" $(id) `id` \\ \n #gpufleet-env\n*>\n<>\n<\xff\xfe\x01\x7f\x81\x88\xc3\xa9\r\t>\n"));
	assert_true(has(p.out, p.out_n, "small hkstrf\n"));
	assert_true(has(p.out, p.out_n, "token hf_s3cr3t'$\n"));
	assert_true(has(p.err, p.err_n, "oops\n"));
	assert_string_equal(p.s.progress, "2/2 done \\x1b[31m");
	outcome_free(&p.o);
	assert_false(secret_exists("life1"));
	place_run(&here,
	    "grep -r s3cr3t $HOME/.gpufleet/runs/*life1/env $HOME/.gpufleet/runs/*life1/status",
	    NULL, 0, &o);
	expect(&o, 1);
	outcome_free(&o);
	poll_from("life1", &p, 3, 2, 5);
	assert_int_equal(p.out_n, 5);
	assert_memory_equal(p.out, "setup", 5);
	assert_int_equal(p.err_n, 3);
	assert_memory_equal(p.err, "ps\n", 3);
	outcome_free(&p.o);
	poll_from("life1", &p, 1 << 20, 1 << 20, 5);
	assert_int_equal(p.out_n + p.err_n, 0);
	outcome_free(&p.o);
	start("life1", true, MINUTE, MINUTE, "attached\n");
	push("life1", NULL, "exit 1\n", true); /* no effect any more */
	clean("life1");
	assert_false(run_exists("life1", ""));
	clean("life1");
	poll_once("life1", &p);
	assert_int_equal(p.s.state, JOB_NONE);
	outcome_free(&p.o);
}

static void run_to_end(
    const char *key, const char *setup, const char *run, bool executable, struct poll *p)
{
	push(key, setup, run, executable);
	put_env(key, NULL, 0);
	start(key, setup != NULL, 0, 0, "started\n");
	await(key, JOB_DONE, p);
}

static void endings(void **state)
{
	static const struct {
		const char *setup, *run;
		bool executable;
		int status;
		const char *signal;
		bool setup_failed;
		const char *err;
	} cases[] = {
		{ NULL, "exit 77\n", false, 77, "", false, "" },
		{ NULL, "#!/bin/sh\nkill -9 $$\n", true, 137, "KILL", false, "" },
		{ NULL, "#!/bin/sh\nkill -SEGV $$\n", false, 139, "SEGV", false, "" },
		{ "exit 3\n", "exit 0\n", false, 3, "", true, "" },
		{ NULL, "#!/no/such/interpreter\n", true, 127, "", false, "" },
		{ NULL, "#!/bin/sh\r\nexit 0\r\n", true, 126, "", false, "Windows line ends" },
		{ NULL, "exit 0\r\n", false, 126, "", false, "Windows line ends" },
		{ NULL, "exit 5", true, 5, "", false, "" },
		{ NULL,
		    "#!/bin/sh\n(trap 'exit 0' INT; kill -INT $(cut -d' ' -f4 /proc/self/stat); sleep 2; exit 1)\n",
		    true, 0, "", false, "" },
	};
	char key[16];
	struct poll p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		/* Resetting ignored signals takes an env that knows how; bash with job control needs none. */
		if (i == ARRAY_LEN(cases) - 1 && here.shell->applets)
			continue;
		snprintf(key, sizeof(key), "end%zu", i);
		run_to_end(key, cases[i].setup, cases[i].run, cases[i].executable, &p);
		if (!p.s.exit_known || p.s.exit_status != cases[i].status ||
		    strcmp(p.s.signal, cases[i].signal) ||
		    p.s.setup_failed != cases[i].setup_failed || !has(p.err, p.err_n, cases[i].err))
			fail_msg("%s: case %zu: exit %d signal '%s' setup_failed %d: %.*s",
			    here.shell->name, i, p.s.exit_status, p.s.signal, p.s.setup_failed,
			    (int)p.err_n, p.err);
		outcome_free(&p.o);
		clean(key);
	}
}

static void time_outs(void **state)
{
	struct poll p;

	(void)state;
	push("time1", NULL, "echo begun\nsleep 41.5\necho not reached\n", false);
	put_env("time1", NULL, 0);
	start("time1", false, 0, 3 * SECOND, "started\n");
	await("time1", JOB_DONE, &p);
	assert_true(p.s.timed_out);
	assert_string_equal(p.s.signal, "TERM");
	assert_true(has(p.out, p.out_n, "begun") && !has(p.out, p.out_n, "not reached"));
	outcome_free(&p.o);
	await_alive("41.5", 0);
	clean("time1");
	/* A time-out that does not come leaves no clock behind. */
	push("time2", NULL, "exit 0\n", false);
	put_env("time2", NULL, 0);
	start("time2", false, 0, 4242 * SECOND, "started\n");
	await("time2", JOB_DONE, &p);
	assert_false(p.s.timed_out);
	outcome_free(&p.o);
	await_alive("4242", 0);
	clean("time2");
}

/* Stopped: children in the background, in sessions of their own, deaf to TERM; and a key that is the beginning of another. */
static void stops(void **state)
{
	struct poll p;

	(void)state;
	push("stop1", NULL,
	    "nohup sleep 77.1 >/dev/null 2>&1 &\n(trap '' TERM; while :; do sleep 77.2; done) &\n"
	    "if command -v setsid >/dev/null; then setsid sleep 77.3 & fi\necho ready\nwait\nsleep 77.4\n",
	    false);
	put_env("stop1", NULL, 0);
	push("stop12", NULL, "echo ready; sleep 77.9\n", false);
	put_env("stop12", NULL, 0);
	start("stop1", false, 0, 0, "started\n");
	start("stop12", false, 0, 0, "started\n");
	await_output("stop1", "ready");
	await_output("stop12", "ready");
	await_alive("77.1", 1);
	await_alive("77.9", 1);
	stop("stop1", SECOND);
	if (!here.shell->bare)
		stop("stop1", SECOND);
	await("stop1", JOB_DONE, &p);
	assert_true(p.s.stopped);
	assert_true(p.s.exit_known);
	outcome_free(&p.o);
	assert_int_equal(alive("77.1") + alive("77.2") + alive("77.3") + alive("77.4"), 0);
	poll_once("stop12", &p);
	assert_int_equal(p.s.state, JOB_RUNNING);
	outcome_free(&p.o);
	clean("stop12");
	assert_int_equal(alive("77.9"), 0);
	clean("stop1");
	/* Before the start: then there is none. */
	push("stop3", NULL, "touch $HOME/ran\n", false);
	put_env("stop3", NULL, 0);
	stop("stop3", SECOND);
	start("stop3", false, 0, 0, "attached\n");
	await("stop3", JOB_DONE, &p);
	assert_true(p.s.stopped && !p.s.exit_known);
	outcome_free(&p.o);
	assert_false(exists("home/ran"));
	clean("stop3");
	stop("neverseen", SECOND);
}

/* Asked to stop while the script is just being started: between fork and exec a process carries neither mark nor session. */
static void stops_at_once(void **state)
{
	char key[16];
	struct poll p;

	(void)state;
	for (int k = 0; k < 12; k++) {
		snprintf(key, sizeof(key), "once%d", k);
		push(key, NULL, "exec sleep 76.5\n", false);
		put_env(key, NULL, 0);
		start(key, false, 0, 0, "started\n");
		if (k % 2)
			sleep_ms(3 * k);
		stop(key, 0);
		await(key, JOB_DONE, &p);
		assert_true(p.s.stopped);
		outcome_free(&p.o);
		assert_int_equal(alive("76.5"), 0);
		clean(key);
	}
	/* The same without being asked: cleaned up at once. */
	for (int k = 0; k < 6; k++) {
		snprintf(key, sizeof(key), "gone%d", k);
		push(key, NULL, "exec sleep 76.6\n", false);
		put_env(key, NULL, 0);
		start(key, false, 0, 0, "started\n");
		clean(key);
		assert_int_equal(alive("76.6"), 0);
	}
}

/* A process that has washed its environment stays in the script's group, or in the run's control group where there are any. */
static void stops_what_carries_no_mark(void **state)
{
	bool groups = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 && access("/sys/fs/cgroup", W_OK) == 0;
	struct poll p;

	(void)state;
	/* dash gives a script a group of its own only by setsid; without both, and without control groups, nothing can find it. */
	if (here.shell->bare && strstr(here.shell->sh, "dash") && !groups)
		return;
	push("bare1", NULL,
	    "env -i HOME=\"$HOME\" sleep 75.1 &\n"
	    "[ -z \"$GROUPS_TOO\" ] || env -i HOME=\"$HOME\" setsid sleep 75.2 &\n"
	    "echo ready\nsleep 75.3\n", false);
	put_env("bare1", &(struct job_var){ "GROUPS_TOO", groups ? "1" : "" }, 1);
	start("bare1", false, 0, 0, "started\n");
	await_output("bare1", "ready");
	await_alive("75.1", 1);
	stop("bare1", SECOND);
	await("bare1", JOB_DONE, &p);
	outcome_free(&p.o);
	assert_int_equal(alive("75.1") + alive("75.2") + alive("75.3"), 0);
	clean("bare1");
}

/* A disk is not filled with output: who writes more than is allowed is ended, and told why. */
static void floods(void **state)
{
	struct poll p;
	struct buf cmd = BUF(65536);

	(void)state;
	push("flood1", NULL, "i=0\nwhile [ $i -lt 3000 ]; do\n"
	    "\techo \"$i: a line of the many that nobody will ever read, a hundred bytes long or so, again and again and again\"\n"
	    "\ti=$((i + 1))\ndone\nsleep 74.5\n", false);
	put_env("flood1", NULL, 0);
	job_start_command(&cmd, keyed("flood1"), &(struct job_start){ .run = "run.sh", .output_max = 200000 });
	command(&cmd, NULL, 0, "started\n");
	await("flood1", JOB_DONE, &p);
	assert_false(p.s.stopped || p.s.timed_out);
	assert_true(!p.s.exit_known || p.s.exit_status != 0);
	assert_true(has(p.err, p.err_n, "ended, as it wrote more than 200000 bytes of output"));
	outcome_free(&p.o);
	assert_int_equal(alive("74.5"), 0);
	clean("flood1");
}

/* The supervisor is killed with everything in its group: gone, and what it left is ended on request, secrets included. */
static void vanishes(void **state)
{
	static const struct job_var secrets[] = { { "HF_TOKEN", "hf_s3cr3t" } };
	struct outcome o;
	struct poll p;

	(void)state;
	push("gone1", NULL, "echo ready\nsleep 78.1\n", false);
	put_env("gone1", NULL, 0);
	put_secrets("gone1", secrets, 1);
	start("gone1", false, 0, 0, "started\n");
	await_output("gone1", "ready");
	await_alive("78.1", 1);
	place_run(&here, "set -- $(cat $HOME/.gpufleet/runs/*gone1/started/pid); kill -9 $1", NULL,
	    0, &o);
	expect(&o, 0);
	outcome_free(&o);
	await("gone1", JOB_VANISHED, &p);
	assert_false(p.s.exit_known || p.s.rebooted);
	outcome_free(&p.o);
	start("gone1", false, 0, 0, "attached\n");
	stop("gone1", 0);
	await_alive("78.1", 0);
	for (time_t end = seconds() + PATIENCE; secret_exists("gone1") && seconds() < end;)
		sleep_ms(50);
	assert_false(secret_exists("gone1"));
	/* After a reboot the same process number means nothing. */
	place_run(&here, "sed -i 's/boot=.*/boot=another-boot/' $HOME/.gpufleet/runs/*gone1/status",
	    NULL, 0, &o);
	outcome_free(&o);
	poll_once("gone1", &p);
	assert_int_equal(p.s.state, JOB_VANISHED);
	assert_true(p.s.rebooted);
	outcome_free(&p.o);
	clean("gone1");
}

/* A run of `once` with this setup, parameter and run id: what it left in $HOME/setups.log is counted by the caller. */
static void run_once(const char *key, const char *setup, const char *parameter, const char *id, int exit_status)
{
	const struct job_var vars[] = { { "SIZE", parameter }, { "GPUFLEET_RUN_ID", id } };
	struct buf cmd = BUF(30000);
	struct poll p;

	push(key, setup, "exit 0\n", false);
	put_env(key, vars, 2);
	job_start_command(&cmd, keyed(key), &(struct job_start){ .setup = "setup.sh", .run = "run.sh", .setup_once = true });
	command(&cmd, NULL, 0, "started\n");
	await(key, JOB_DONE, &p);
	assert_int_equal(p.s.exit_status, exit_status);
	outcome_free(&p.o);
	clean(key);
}

/* Setup by content: the same files and parameters once, others again, a failed one again. */
static void sets_up_once(void **state)
{
	static const char setup[] = "echo $SIZE >>$HOME/setups.log\n";
	struct outcome o;

	(void)state;
	run_once("setup1", setup, "1", "11", 0);
	run_once("setup2", setup, "1", "12", 0);
	run_once("setup3", setup, "2", "13", 0);
	run_once("setup4", "echo other >>$HOME/setups.log\n", "1", "14", 0);
	run_once("setup5", setup, "1", "15", 0);
	run_once("setup6", "echo fails >>$HOME/setups.log; exit 3\n", "1", "16", 3);
	run_once("setup7", "echo fails >>$HOME/setups.log; exit 3\n", "1", "17", 3);
	place_run(&here, "cat $HOME/setups.log; rm $HOME/setups.log", NULL, 0, &o);
	assert_string_equal(buf_str(&o.out), "1\n2\nother\nfails\nfails\n");
	outcome_free(&o);
}

static void go(const char *key, int status)
{
	struct buf cmd = BUF(30000);
	struct outcome o;

	job_go_command(&cmd, keyed(key));
	place_run(&here, buf_str(&cmd), NULL, 0, &o);
	expect(&o, status);
	outcome_free(&o);
	buf_free(&cmd);
}

static void start_gated(const char *key, const char *setup)
{
	const struct job_var vars[] = { { "GPUFLEET_ADDRESSES", "10.0.0.1\n10.0.0.2" }, { "GPUFLEET_GPU_COUNT", "8" } };
	struct buf cmd = BUF(30000);

	push(key, setup, "cat $GPUFLEET_HOSTFILE; echo went\n", false);
	put_env(key, vars, 2);
	job_start_command(&cmd, keyed(key), &(struct job_start){ .setup = "setup.sh", .run = "run.sh", .gate = true });
	command(&cmd, NULL, 0, "started\n");
}

/* One of several instances: set up, it waits until it is told to go, once or twice; stopped before, its script never begins. */
static void waits_to_be_told(void **state)
{
	struct poll p;

	(void)state;
	start_gated("gate1", "exit 0\n");
	await("gate1", JOB_READY, &p);
	outcome_free(&p.o);
	sleep_ms(500);
	poll_once("gate1", &p);
	assert_int_equal(p.s.state, JOB_READY);
	assert_int_equal(p.s.out_size, 0);
	outcome_free(&p.o);
	go("gate1", 0);
	go("gate1", 0);
	await("gate1", JOB_DONE, &p);
	assert_int_equal(p.s.exit_status, 0);
	assert_true(has(p.out, p.out_n, "10.0.0.1 slots=8\n10.0.0.2 slots=8\nwent\n"));
	outcome_free(&p.o);
	clean("gate1");

	start_gated("gate2", "exit 0\n");
	await("gate2", JOB_READY, &p);
	outcome_free(&p.o);
	stop("gate2", SECOND);
	await("gate2", JOB_DONE, &p);
	assert_true(p.s.stopped);
	assert_int_equal(p.s.out_size, 0);
	outcome_free(&p.o);
	clean("gate2");
	go("gate2", JOB_FAILED); /* there is nothing to begin any more */

	start_gated("gate3", "exit 5\n");
	await("gate3", JOB_DONE, &p);
	assert_true(p.s.setup_failed && p.s.exit_status == 5);
	outcome_free(&p.o);
	clean("gate3");
}

/* The machine is looked at before the first run since it booted; unfit ends the run before its setup, and is asked again. */
static void qualifies_first(void **state)
{
	static const struct { const char *check; int status; const char *out; } runs[] = {
		{ "echo checked; echo 'gpufleet: progress too hot'; exit 79\n", 79, "checked\ngpufleet: progress too hot\n" },
		{ "echo checked; touch $GPUFLEET_RESULTS/figures; exit 0\n", 0, "checked\nwork\n" },
		{ "echo checked; exit 79\n", 0, "work\n" },
	};
	struct buf cmd = BUF(30000), tar = BUF(1 << 20);
	char key[16], end[1024] = { 0 };
	struct poll p;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(runs); k++) {
		snprintf(key, sizeof(key), "fit%zu", k);
		tar_file(&tar, "check.sh", runs[k].check, true);
		tar_file(&tar, "run.sh", "echo work\n", false);
		buf_append(&tar, end, sizeof(end));
		job_push_command(&cmd, keyed(key), tar.len);
		command(&cmd, &tar, 0, "");
		put_env(key, NULL, 0);
		job_start_command(&cmd, keyed(key), &(struct job_start){ .qualify = "check.sh", .run = "run.sh" });
		command(&cmd, NULL, 0, "started\n");
		await(key, JOB_DONE, &p);
		assert_int_equal(p.s.exit_status, runs[k].status);
		assert_int_equal(p.s.setup_failed, runs[k].status != 0);
		assert_int_equal(p.out_n, strlen(runs[k].out));
		assert_memory_equal(p.out, runs[k].out, p.out_n);
		assert_int_equal(run_exists(key, "/results/qualify/figures"), k == 1);
		outcome_free(&p.o);
		clean(key);
	}
}

/* Eight at once: one starts it. */
static void starts_once(void **state)
{
	struct buf cmd = BUF(30000), all = BUF(30000);
	struct outcome o;
	struct poll p;
	size_t started = 0, attached = 0;

	(void)state;
	push("once1", NULL, "echo x >>$HOME/count\n", false);
	put_env("once1", NULL, 0);
	job_start_command(&cmd, keyed("once1"), &(struct job_start){ .run = "run.sh" });
	buf_puts(&all, "for i in 1 2 3 4 5 6 7 8; do sh -c ");
	str_shell_quote(&all, buf_str(&cmd));
	buf_puts(&all, " & done; wait");
	place_run(&here, buf_str(&all), NULL, 0, &o);
	for (const char *s = buf_str(&o.out); *s; s += strcspn(s, "\n") + 1) {
		started += str_starts(s, "started\n");
		attached += str_starts(s, "attached\n");
	}
	if (started != 1 || attached != 7)
		fail_msg("%s: started %zu, attached %zu of 7: %s%s", here.shell->name, started, attached, buf_str(&o.out), buf_str(&o.err));
	outcome_free(&o);
	await("once1", JOB_DONE, &p);
	outcome_free(&p.o);
	place_run(&here, "cat $HOME/count; rm $HOME/count", NULL, 0, &o);
	assert_string_equal(buf_str(&o.out), "x\n");
	outcome_free(&o);
	clean("once1");
	buf_free(&cmd);
	buf_free(&all);
}

/* ---- once is enough ---- */

static void dash_only(void)
{
	size_t count;

	place_make(&here, &shells(&count)[0]);
}

static void incomplete_pushes_change_nothing(void **state)
{
	struct buf cmd = BUF(30000), half = BUF(65536), input = BUF(1 << 20);
	char text[TEXT_MAX];
	struct outcome o;

	(void)state;
	dash_only();
	push("half1", NULL, "echo first\n", false);
	tar_file(&half, "run.sh", "echo second\n", false);
	job_push_command(&cmd, keyed("half1"), half.len + 1024);
	place_run(&here, buf_str(&cmd), half.data, half.len, &o);
	expect(&o, JOB_FAILED);
	job_complaint(text, buf_str(&o.err), o.err.len);
	assert_string_equal(text, "the payload arrived incomplete");
	outcome_free(&o);
	place_run(&here,
	    "cat $HOME/.gpufleet/runs/*half1/payload/run.sh; ls $HOME/.gpufleet/runs/*half1", NULL,
	    0, &o);
	assert_string_equal(buf_str(&o.out), "echo first\npayload\n");
	outcome_free(&o);
	buf_reset(&cmd);
	job_env_command(&cmd, &input, keyed("half1"), NULL, 0);
	place_run(&here, buf_str(&cmd), input.data, input.len - 20, &o);
	expect(&o, JOB_FAILED);
	outcome_free(&o);
	assert_false(run_exists("half1", "/env"));
	buf_reset(&cmd);
	job_start_command(&cmd, keyed("half1"), &(struct job_start){ .run = "run.sh" });
	place_run(&here, buf_str(&cmd), NULL, 0, &o);
	expect(&o, JOB_FAILED);
	outcome_free(&o);
	assert_false(run_exists("half1", "/started"));
	buf_free(&cmd);
	buf_free(&half);
	buf_free(&input);
	place_remove(&here);
}

/* A push in pieces: asked for, cut in the middle, asked for again, complete; and a second run that needs one piece. */
static void pieces_are_sent_once(void **state)
{
	static char data[3 << 20];
	struct buf cmd = BUF(30000), input = BUF(1 << 20), tar = BUF(8 << 20), part = BUF(8 << 20);
	struct archive_file files[] = { { "data.bin", data, sizeof(data), false }, { "run.sh", "wc -c <data.bin\n", 16, false } };
	struct pieces p;
	struct outcome o;
	struct poll poll;
	struct err e;

	(void)state;
	dash_only();
	for (size_t k = 0; k < sizeof(data); k++)
		data[k] = (char)(k * 2654435761u >> 11);
	assert_int_equal(archive_pack(&tar, files, 2, &e), 0);
	pieces_cut(&p, tar.data, tar.len);
	for (int try = 0; try < 2; try++) {
		buf_reset(&cmd);
		buf_reset(&input);
		job_want_command(&cmd, &input, keyed("piece1"), &p);
		place_run(&here, buf_str(&cmd), input.data, input.len, &o);
		expect(&o, 0);
		for (size_t k = 0; k < p.count; k++)
			p.items[k].wanted = false;
		assert_true(pieces_want(&p, buf_str(&o.out), o.out.len));
		assert_int_equal(p.items[0].wanted, try == 0); /* the first one came whole */
		assert_true(p.items[p.count - 1].wanted);
		outcome_free(&o);
		buf_reset(&part);
		assert_int_equal(pieces_pack(&p, tar.data, &part, &e), 0);
		buf_reset(&cmd);
		job_fill_command(&cmd, keyed("piece1"), tar.len);
		place_run(&here, buf_str(&cmd), part.data, try == 0 ? part.len / 2 : part.len, &o);
		expect(&o, try == 0 ? JOB_AGAIN : 0);
		outcome_free(&o);
		assert_int_equal(run_exists("piece1", "/payload"), try == 1);
	}
	put_env("piece1", NULL, 0);
	start("piece1", false, 0, 0, "started\n");
	await("piece1", JOB_DONE, &poll);
	assert_int_equal(poll.s.exit_status, 0);
	assert_non_null(strstr(poll.out, "3145728"));
	outcome_free(&poll.o);
	clean("piece1");
	/* The next run has another script and the same data. */
	files[1].data = "exit 12         ";
	buf_reset(&tar);
	assert_int_equal(archive_pack(&tar, files, 2, &e), 0);
	pieces_free(&p);
	pieces_cut(&p, tar.data, tar.len);
	buf_reset(&cmd);
	buf_reset(&input);
	job_want_command(&cmd, &input, keyed("piece2"), &p);
	place_run(&here, buf_str(&cmd), input.data, input.len, &o);
	expect(&o, 0);
	assert_int_equal(o.out.len, 65); /* one piece */
	outcome_free(&o);
	pieces_free(&p);
	buf_free(&cmd);
	buf_free(&input);
	buf_free(&tar);
	buf_free(&part);
	place_remove(&here);
}

static void results_are_collected(void **state)
{
	struct buf cmd = BUF(30000);
	struct outcome o, again;
	struct job_tar t, u;
	int64_t head, rest;
	struct poll p;

	(void)state;
	dash_only();
	run_to_end("coll1", NULL, "head -c 300000 /dev/zero >$GPUFLEET_RESULTS/big\n", false, &p);
	outcome_free(&p.o);
	job_collect_command(&cmd, keyed("coll1"), 1 << 20, 0);
	place_run(&here, buf_str(&cmd), NULL, 0, &o);
	expect(&o, 0);
	head = job_collect_read(&t, buf_str(&o.out), o.out.len);
	assert_true(head > 0);
	assert_true(t.size > 300000);
	assert_int_equal(o.out.len, head + t.size);
	assert_int_equal(strlen(t.sha256), 64);
	/* Once more from the middle: the same tar, though its files were changed meanwhile. */
	place_run(&here, "echo more >>$HOME/.gpufleet/runs/*coll1/results/big", NULL, 0, &again);
	outcome_free(&again);
	buf_reset(&cmd);
	job_collect_command(&cmd, keyed("coll1"), 1 << 20, 200000);
	place_run(&here, buf_str(&cmd), NULL, 0, &again);
	expect(&again, 0);
	rest = job_collect_read(&u, buf_str(&again.out), again.out.len);
	assert_int_equal(u.from, 200000);
	assert_int_equal(u.size, t.size);
	assert_string_equal(u.sha256, t.sha256);
	assert_int_equal(again.out.len, rest + t.size - 200000);
	assert_memory_equal(again.out.data + rest, o.out.data + head + 200000, again.out.len - (size_t)rest);
	outcome_free(&again);
	outcome_free(&o);
	/* No room for the tar: it is made as it is sent, without a sum. */
	buf_reset(&cmd);
	buf_puts(&cmd, "cd $HOME/.gpufleet/runs/*coll1 && rm results.tar && mkdir results.tar\n");
	place_run(&here, buf_str(&cmd), NULL, 0, &o);
	expect(&o, 0);
	outcome_free(&o);
	buf_reset(&cmd);
	job_collect_command(&cmd, keyed("coll1"), 1 << 20, 0);
	place_run(&here, buf_str(&cmd), NULL, 0, &o);
	expect(&o, 0);
	assert_true(job_collect_read(&t, buf_str(&o.out), o.out.len) > 0);
	assert_true(o.out.len > 300000);
	outcome_free(&o);
	buf_reset(&cmd);
	job_collect_command(&cmd, keyed("coll1"), 100000, 0);
	place_run(&here, buf_str(&cmd), NULL, 0, &o);
	expect(&o, JOB_FAILED);
	assert_int_equal(o.out.len, 0);
	outcome_free(&o);
	buf_free(&cmd);
	place_remove(&here);
}

static void secrets_need_a_place_of_our_own(void **state)
{
	static const struct job_var secrets[] = { { "HF_TOKEN", "hf_s3cr3t" } };
	struct buf cmd = BUF(30000), input = BUF(65536);
	struct outcome o;

	(void)state;
	dash_only();
	put_secrets("sec1", secrets, 1);
	place_run(&here,
	    "ls -ld $GPUFLEET_SECRET_DIR/gf-*sec1 $GPUFLEET_SECRET_DIR/gf-*sec1/env | cut -c 1-10",
	    NULL, 0, &o);
	assert_string_equal(buf_str(&o.out), "drwx------\n-rw-------\n");
	outcome_free(&o);
	buf_printf(&cmd, "mkdir $HOME/elsewhere; ln -s $HOME/elsewhere $GPUFLEET_SECRET_DIR/gf-%s", keyed("sec2"));
	command(&cmd, NULL, 0, "");
	job_secrets_command(&cmd, &input, keyed("sec2"), secrets, 1);
	place_run(&here, buf_str(&cmd), input.data, input.len, &o);
	expect(&o, JOB_FAILED);
	assert_false(has(buf_str(&o.err), o.err.len, "s3cr3t"));
	assert_false(exists("home/elsewhere/env"));
	outcome_free(&o);
	buf_free(&cmd);
	buf_free(&input);
	place_remove(&here);
}

static void a_host_is_returned(void **state)
{
	static const struct job_var secrets[] = { { "HF_TOKEN", "hf_s3cr3t" } };
	struct buf cmd = BUF(30000), input = BUF(65536);
	struct outcome o;

	(void)state;
	dash_only();
	place_run(&here,
	    "mkdir -m 700 $HOME/.ssh; printf 'ssh-rsa AAAA owner' >$HOME/.ssh/authorized_keys",
	    NULL, 0, &o);
	outcome_free(&o);
	for (int i = 0; i < 2; i++) {
		job_authorize_command(
		    &cmd, &input, "ssh-ed25519 AAAAC3 me@laptop\nssh-rsa second line");
		command(&cmd, &input, 0, "");
	}
	job_authorize_command(&cmd, &input, "ssh-rsa AAAA owner"); /* was there before us */
	command(&cmd, &input, 0, "");
	place_run(&here, "cat $HOME/.ssh/authorized_keys", NULL, 0, &o);
	assert_string_equal(buf_str(&o.out), "ssh-rsa AAAA owner\nssh-ed25519 AAAAC3 me@laptop\n");
	outcome_free(&o);
	push("ret1", NULL, "echo ready; sleep 79.1\n", false);
	put_env("ret1", NULL, 0);
	put_secrets("ret1", secrets, 1);
	start("ret1", false, 0, 0, "started\n");
	await_output("ret1", "ready");
	push("ret2", NULL, "true\n", false);
	job_clean_all_command(&cmd);
	command(&cmd, NULL, 0, "");
	assert_int_equal(alive("79.1"), 0);
	assert_false(secret_exists("ret1"));
	assert_false(exists("home/.gpufleet"));
	place_run(&here, "cat $HOME/.ssh/authorized_keys", NULL, 0, &o);
	assert_string_equal(buf_str(&o.out), "ssh-rsa AAAA owner\n");
	outcome_free(&o);
	job_clean_all_command(&cmd);
	command(&cmd, NULL, 0, "");
	place_remove(&here);
}

static void no_home_is_a_clear_error(void **state)
{
	struct buf cmd = BUF(30000), text = BUF(30000);
	char complaint[TEXT_MAX];
	struct outcome o;

	(void)state;
	dash_only();
	buf_puts(&text, "HOME=/nowhere\n");
	job_push_command(&cmd, keyed("nohome"), 0);
	buf_puts(&text, buf_str(&cmd));
	place_run(&here, buf_str(&text), NULL, 0, &o);
	expect(&o, JOB_FAILED);
	job_complaint(complaint, buf_str(&o.err), o.err.len);
	assert_string_equal(complaint, "this login has no home directory");
	outcome_free(&o);
	/* A home that cannot be written, also not by root: a file stands where the directory should. */
	buf_reset(&text);
	buf_puts(&text, "touch \"$HOME/.gpufleet\"\n");
	buf_puts(&text, buf_str(&cmd));
	place_run(&here, buf_str(&text), NULL, 0, &o);
	expect(&o, JOB_FAILED);
	job_complaint(complaint, buf_str(&o.err), o.err.len);
	assert_true(str_starts(complaint, "cannot make the directory"));
	outcome_free(&o);
	buf_free(&cmd);
	buf_free(&text);
	place_remove(&here);
}

/* ---- all shells at the same time: most of it is waiting ---- */

static int in_shell(const struct shell *s)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_life),
		cmocka_unit_test(endings),
		cmocka_unit_test(time_outs),
		cmocka_unit_test(stops),
		cmocka_unit_test(stops_at_once),
		cmocka_unit_test(stops_what_carries_no_mark),
		cmocka_unit_test(floods),
		cmocka_unit_test(vanishes),
		cmocka_unit_test(starts_once),
		cmocka_unit_test(sets_up_once),
		cmocka_unit_test(waits_to_be_told),
		cmocka_unit_test(qualifies_first),
	};
	int failed;

	place_make(&here, s);
	failed = cmocka_run_group_tests_name(s->name, tests, NULL, NULL);
	place_remove(&here);
	return failed;
}

static int in_every_shell(void)
{
	size_t count;
	const struct shell *list = shells(&count);
	pid_t pid[8];
	int fd[8], status, failed = 0;
	char chunk[4096];
	ssize_t n;

	fflush(NULL);
	for (size_t i = 0; i < count; i++) {
		fd[i] = memfd_create("log", MFD_CLOEXEC);
		pid[i] = fork();
		if (pid[i])
			continue;
		dup2(fd[i], 1);
		dup2(fd[i], 2);
		status = in_shell(&list[i]);
		fflush(NULL);
		_exit(status);
	}
	for (size_t i = 0; i < count; i++) {
		while (waitpid(pid[i], &status, 0) < 0 && errno == EINTR)
			;
		failed += status != 0;
		lseek(fd[i], 0, SEEK_SET);
		while ((n = read(fd[i], chunk, sizeof(chunk))) > 0)
			fwrite(chunk, 1, (size_t)n, stdout);
		close(fd[i]);
	}
	return failed;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(incomplete_pushes_change_nothing),
		cmocka_unit_test(pieces_are_sent_once),
		cmocka_unit_test(results_are_collected),
		cmocka_unit_test(secrets_need_a_place_of_our_own),
		cmocka_unit_test(a_host_is_returned),
		cmocka_unit_test(no_home_is_a_clear_error),
	};
	int failed;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	failed = in_every_shell();
	return failed + cmocka_run_group_tests_name("dash, once", tests, NULL, NULL);
}

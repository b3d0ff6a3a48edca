/* SSH against real OpenSSH servers on loopback, and against things that only pretend to be one. */
#include "remote/ssh.h"

#include "base/log.h"
#include "base/str.h"
#include "sshd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static bool by_system; /* the same tests again, through the system's ssh */
static uv_loop_t loop;
static struct ssh_key *key, *other_key;
static struct ssh_pool *pool;
static struct sshd server;
static char dir[64];

/* ---- waiting ---- */

static bool late;

static void on_late(uv_timer_t *t)
{
	(void)t;
	late = true;
}

/* The guard ticks: a turn of the loop that has done its work in a timer would otherwise sleep until something else happens. */
static void until(const bool *flag)
{
	uv_timer_t guard;
	uint64_t end = uv_now(&loop) + 60000; /* a stall, not a slow machine */

	uv_timer_init(&loop, &guard);
	uv_timer_start(&guard, on_late, 10, 10);
	while (!*flag && uv_now(&loop) < end)
		uv_run(&loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&guard, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	assert_true(*flag);
}

static void linger(unsigned ms)
{
	uv_timer_t t;

	late = false;
	uv_timer_init(&loop, &t);
	uv_timer_start(&t, on_late, ms, 0);
	while (!late)
		uv_run(&loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&t, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
}

struct conn {
	struct ssh *ssh;
	bool opened, lost;
	enum ssh_outcome outcome;
	char message[TEXT_MAX], host_key[512];
	int calls;
	bool close_at_once;
};

static void on_open(void *arg, enum ssh_outcome outcome, const char *message, const char *host_key)
{
	struct conn *c = arg;

	c->opened = true;
	c->calls++;
	c->outcome = outcome;
	str_copy(c->message, message);
	str_copy(c->host_key, host_key);
	if (c->close_at_once) {
		ssh_close(c->ssh);
		c->ssh = NULL;
	}
}

static void on_lost(void *arg, const char *message)
{
	struct conn *c = arg;

	c->lost = true;
	str_copy(c->message, message);
}

static struct ssh_target target_of(const struct sshd *d)
{
	struct ssh_target t = { .port = d->port, .system = by_system };

	str_copy(t.address, d->address);
	str_copy(t.user, d->user);
	str_copy(t.host_key, d->host_key);
	return t;
}

static void begin(struct conn *c, const struct ssh_target *t)
{
	*c = (struct conn){ 0 };
	c->ssh = ssh_open(pool, t, on_open, c);
	ssh_on_lost(c->ssh, on_lost, c);
	assert_false(c->opened);
}

static void dial(struct conn *c, const struct ssh_target *t)
{
	begin(c, t);
	until(&c->opened);
	assert_int_equal(c->calls, 1);
}

static void dial_server(struct conn *c)
{
	struct ssh_target t = target_of(&server);

	dial(c, &t);
	if (c->outcome != SSH_OK)
		fail_msg("%s", c->message);
}

struct run {
	bool done, first;
	int calls;
	struct ssh_exit x;
	struct buf out, err;
	struct conn *close_on_output;
};

static void on_output(void *arg, enum ssh_stream stream, const char *data, size_t n)
{
	struct run *r = arg;

	r->first = true;
	assert_true(n > 0);
	assert_false(r->done);
	buf_append(stream == SSH_STDOUT ? &r->out : &r->err, data, n);
	if (r->close_on_output) {
		ssh_close(r->close_on_output->ssh);
		r->close_on_output->ssh = NULL;
	}
}

static void on_done(void *arg, const struct ssh_exit *x)
{
	struct run *r = arg;

	r->x = *x;
	r->done = true;
	r->calls++;
}

static void run_init(struct run *r)
{
	*r = (struct run){ .out = BUF(64u * 1024 * 1024), .err = BUF(64u * 1024 * 1024) };
}

static void run_free(struct run *r)
{
	buf_free(&r->out);
	buf_free(&r->err);
}

static void launch(struct conn *c, struct run *r, struct ssh_command cmd)
{
	run_init(r);
	cmd.output = on_output;
	cmd.done = on_done;
	cmd.arg = r;
	ssh_exec(c->ssh, &cmd);
	assert_false(r->done);
}

static void finish(struct run *r)
{
	until(&r->done);
	assert_int_equal(r->calls, 1);
}

static void run(struct conn *c, struct run *r, const char *command)
{
	launch(c, r, (struct ssh_command){ .command = command });
	finish(r);
}

/* ---- fixtures ---- */

static struct ssh_limits quick(void)
{
	struct ssh_limits l = ssh_default_limits;

	l.connect = l.handshake = l.auth = 700 * MSEC;
	return l;
}

static int group_setup(void **state)
{
	char path[128];
	struct err e;

	(void)state;
	temp_dir(dir);
	uv_loop_init(&loop);
	snprintf(path, sizeof(path), "%s/key", dir);
	assert_int_equal(ssh_key_load(&key, path, "test", &e), 0);
	snprintf(path, sizeof(path), "%s/other", dir);
	assert_int_equal(ssh_key_load(&other_key, path, "other", &e), 0);
	sshd_start(&server, "127.0.0.21", ssh_key_public(key), "ed25519",
	    "MaxStartups 200\nMaxSessions 10");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	sshd_stop(&server);
	remove_dir(dir);
	ssh_key_free(key);
	ssh_key_free(other_key);
	assert_int_equal(uv_loop_close(&loop), 0);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	pool = ssh_pool_new(&loop, key);
	return 0;
}

/* Nothing may be left in the loop: no handle, no request. */
static int teardown(void **state)
{
	(void)state;
	ssh_pool_close(pool);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_alive(&loop) ? -1 : 0;
}

/* ---- connecting ---- */

static void connects_and_reports_the_key(void **state)
{
	struct ssh_target t = target_of(&server);
	struct conn c;

	(void)state;
	t.host_key[0] = '\0';
	dial(&c, &t);
	assert_int_equal(c.outcome, SSH_OK);
	assert_string_equal(c.host_key, server.host_key);
	assert_int_equal(ssh_pool_open_count(pool), 1);
	ssh_close(c.ssh);
	assert_int_equal(ssh_pool_open_count(pool), 0);
}

static void connects_by_name(void **state)
{
	struct sshd d;
	struct ssh_target t;
	struct conn c;

	(void)state;
	sshd_start(&d, "127.0.0.1", ssh_key_public(key), "ed25519", NULL);
	t = target_of(&d);
	str_copy(t.address, "localhost"); /* ::1 first on most machines: refused, then 127.0.0.1 */
	dial(&c, &t);
	assert_int_equal(c.outcome, SSH_OK);
	ssh_close(c.ssh);
	str_copy(t.address, "no-such-host.invalid");
	begin(&c, &t);
	ssh_close(c.ssh); /* while the name is looked up */
	sshd_stop(&d);
}

static size_t log_count(const struct sshd *d, const char *needle)
{
	char path[128], line[4096];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/log", d->dir);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, needle) != NULL;
	fclose(f);
	return n;
}

static void wrong_host_key_gets_no_login(void **state)
{
	struct sshd d;
	struct ssh_target t;
	struct conn c;

	(void)state;
	sshd_start(&d, "127.0.0.22", ssh_key_public(key), "ed25519", "LogLevel DEBUG2");
	t = target_of(&d);
	str_copy(t.host_key, server.host_key);
	dial(&c, &t);
	assert_int_equal(c.outcome, SSH_HOST_KEY);
	assert_string_equal(c.host_key, by_system ? "" : d.host_key);
	ssh_close(c.ssh);
	linger(100);
	assert_int_equal(log_count(&d, "userauth-request"), 0);
	str_copy(t.host_key, d.host_key);
	dial(&c, &t);
	assert_int_equal(c.outcome, SSH_OK);
	ssh_close(c.ssh);
	linger(100);
	assert_true(log_count(&d, "userauth-request") > 0);
	sshd_stop(&d);
}

static void wrong_type_is_a_wrong_key(void **state)
{
	struct sshd d;
	struct ssh_target t;
	struct conn c;

	(void)state;
	sshd_start(&d, "127.0.0.22", ssh_key_public(key), "ecdsa", NULL);
	t = target_of(&d);
	dial(&c, &t);
	assert_int_equal(c.outcome, SSH_OK);
	assert_true(str_starts(c.host_key, "ecdsa-sha2-nistp256 "));
	ssh_close(c.ssh);
	str_copy(t.host_key, server.host_key);
	dial(&c, &t);
	assert_int_equal(c.outcome, SSH_HOST_KEY);
	ssh_close(c.ssh);
	sshd_stop(&d);
}

/* A server with both types: the pinned one is asked for, whatever we like better. */
static void pinned_type_is_asked_for(void **state)
{
	struct sshd ecdsa, both;
	struct ssh_target t;
	struct conn c;
	char settings[128];

	(void)state;
	sshd_start(&ecdsa, "127.0.0.22", ssh_key_public(key), "ecdsa", NULL);
	snprintf(settings, sizeof(settings), "HostKey %s/host", ecdsa.dir);
	sshd_start(&both, "127.0.0.23", ssh_key_public(key), "ed25519", settings);
	t = target_of(&both);
	dial(&c, &t);
	assert_int_equal(c.outcome, SSH_OK);
	ssh_close(c.ssh);
	snprintf(t.host_key, sizeof(t.host_key), "%.480s some comment", ecdsa.host_key);
	dial(&c, &t);
	assert_int_equal(c.outcome, SSH_OK);
	assert_string_equal(c.host_key, ecdsa.host_key);
	ssh_close(c.ssh);
	t.host_key[0] = '\0';
	dial(&c, &t);
	assert_string_equal(c.host_key, both.host_key);
	ssh_close(c.ssh);
	sshd_stop(&both);
	sshd_stop(&ecdsa);
}

static void weak_servers_are_refused(void **state)
{
	static const char *const weak[] = {
		"KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1",
		"Ciphers aes256-cbc,aes128-cbc",
		"MACs hmac-sha1",
	};
	struct sshd d;
	struct ssh_target t;
	struct conn c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(weak); i++) {
		sshd_start(&d, "127.0.0.24", ssh_key_public(key), "ed25519", weak[i]);
		t = target_of(&d);
		dial(&c, &t);
		assert_int_equal(c.outcome, SSH_REFUSED);
		ssh_close(c.ssh);
		sshd_stop(&d);
	}
	sshd_start(
	    &d, "127.0.0.24", ssh_key_public(key), "rsa", "HostKeyAlgorithms ssh-rsa,rsa-sha2-512");
	t = target_of(&d);
	t.host_key[0] = '\0';
	dial(&c, &t);
	assert_int_equal(c.outcome, SSH_REFUSED);
	assert_non_null(strstr(c.message, "host key"));
	ssh_close(c.ssh);
	sshd_stop(&d);
}

static void unknown_key_is_not_let_in(void **state)
{
	struct sshd d;
	struct ssh_target t;
	struct conn c;
	struct run r;

	(void)state;
	sshd_start(&d, "127.0.0.22", ssh_key_public(other_key), "ed25519", NULL);
	t = target_of(&d);
	begin(&c, &t);
	launch(&c, &r, (struct ssh_command){ .command = "true" }); /* queued before it is open */
	until(&c.opened);
	assert_int_equal(c.outcome, SSH_AUTH);
	finish(&r);
	assert_int_equal(r.x.outcome, SSH_LOST);
	run_free(&r);
	ssh_close(c.ssh);
	sshd_stop(&d);
}

/* ---- peers that are no servers ---- */

static int listen_on(const char *address, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	inet_pton(AF_INET, address, &a.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static void silent_and_closed_ports(void **state)
{
	struct ssh_limits l = quick();
	struct ssh_target t = { .address = "127.0.0.25", .user = "root" };
	struct conn silent, closed;
	int fd;

	(void)state;
	ssh_pool_set_limits(pool, &l);
	t.port = free_port(t.address);
	dial(&closed, &t);
	assert_int_equal(closed.outcome, SSH_UNREACHABLE);
	assert_non_null(strstr(closed.message, "refused"));
	ssh_close(closed.ssh);
	fd = listen_on(t.address, t.port);
	dial(&silent, &t);
	assert_int_equal(silent.outcome, SSH_UNREACHABLE);
	assert_non_null(strstr(silent.message, "timed out"));
	ssh_close(silent.ssh);
	close(fd);
}

struct talker {
	int listener, fd;
	uv_poll_t poll;
	const char *says;
	size_t n;
	bool forever, hang_up;
	size_t said;
};

static void on_talk(uv_poll_t *h, int status, int events)
{
	struct talker *t = h->data;
	ssize_t n;

	(void)status;
	(void)events;
	do {
		n = send(t->fd, t->says, t->n, MSG_NOSIGNAL | MSG_DONTWAIT);
		t->said += n > 0 ? (size_t)n : 0;
	} while (n > 0 && t->forever);
	if (!t->forever || (n < 0 && errno != EAGAIN))
		uv_poll_stop(h);
	if (t->hang_up)
		shutdown(t->fd, SHUT_WR);
}

/* Connect to somebody who says that and nothing else. */
static enum ssh_outcome talk(
    const char *says, size_t n, bool forever, bool hang_up, char message[TEXT_MAX], size_t *said)
{
	struct ssh_target target = { .address = "127.0.0.26", .user = "root" };
	struct talker t = {
		.says = says, .n = n, .forever = forever, .hang_up = hang_up, .fd = -1
	};
	struct conn c;

	target.port = free_port(target.address);
	t.listener = listen_on(target.address, target.port);
	begin(&c, &target);
	while (t.fd < 0) {
		uv_run(&loop, UV_RUN_NOWAIT);
		t.fd = accept4(t.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	}
	uv_poll_init(&loop, &t.poll, t.fd);
	t.poll.data = &t;
	uv_poll_start(&t.poll, UV_WRITABLE, on_talk);
	until(&c.opened);
	uv_close((uv_handle_t *)&t.poll, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	close(t.fd);
	close(t.listener);
	ssh_close(c.ssh);
	uv_run(&loop, UV_RUN_NOWAIT);
	str_copy_n(message, TEXT_MAX, c.message);
	if (said)
		*said = t.said;
	return c.outcome;
}

static void liars(void **state)
{
	struct ssh_limits l = quick();
	char message[TEXT_MAX], binary[4096];
	size_t said;

	(void)state;
	ssh_pool_set_limits(pool, &l);
	assert_int_equal(talk("HTTP/1.1 400 Bad Request\r\n\r\n", 28, false, true, message, NULL),
	    SSH_UNREACHABLE);
	assert_int_equal(talk("SSH-2.0-x\r\n", 11, false, true, message, NULL), SSH_UNREACHABLE);
	assert_int_equal(talk("SSH-2.0-x\r\n", 11, false, false, message, NULL), SSH_UNREACHABLE);
	assert_int_equal(talk("", 0, false, true, message, NULL), SSH_UNREACHABLE);
	/* A banner without end is cut off, soon and in little memory. */
	assert_int_equal(
	    talk("Welcome to the machine\r\n", 24, true, false, message, &said), SSH_UNREACHABLE);
	assert_non_null(strstr(message, "too much data"));
	memset(binary, 0xff, sizeof(binary));
	memcpy(binary, "SSH-2.0-x\r\n", 11);
	assert_int_not_equal(talk(binary, sizeof(binary), true, false, message, &said), SSH_OK);
	/* An enormous packet length. */
	memcpy(binary, "SSH-2.0-x\r\n\x7f\xff\xff\xff\x04\x14", 17);
	assert_int_not_equal(talk(binary, sizeof(binary), false, false, message, NULL), SSH_OK);
}

/* ---- commands ---- */

static void exit_statuses(void **state)
{
	static const struct {
		const char *command;
		int status;
		const char *signal;
	} cases[] = {
		{ "true", 0, "" },
		{ "exit 1", 1, "" },
		{ "exit 77", 77, "" },
		{ "exit 255", 255, "" },
		{ "kill -9 $$", 137, "KILL" },
		{ "kill -TERM $$", 143, "TERM" },
		{ "no-such-program-here 2>/dev/null", 127, "" },
		{ "exec false", 1, "" },
		{ "exec >&- 2>&-; exit 5", 5, "" },
		{ "if", 2, "" },
		{ "(sleep 30 &) ; exit 3", 3, "" },
		{ "", 0, "" },
	};
	struct conn c;
	struct run r;

	(void)state;
	dial_server(&c);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		run(&c, &r, cases[i].command);
		if (r.x.outcome != SSH_OK || r.x.status != cases[i].status ||
		    strcmp(r.x.signal, cases[i].signal))
			fail_msg("'%s': outcome %d status %d signal '%s' (%s)", cases[i].command,
			    r.x.outcome, r.x.status, r.x.signal, r.x.message);
		run_free(&r);
	}
	ssh_close(c.ssh);
}

static void killed_wrapper_is_a_signal(void **state)
{
	struct conn c;
	struct run r;

	(void)state;
	dial_server(&c);
	run(&c, &r, "kill -9 $PPID");
	assert_int_equal(r.x.outcome, SSH_OK);
	assert_string_equal(r.x.signal, "KILL");
	run_free(&r);
	run(&c, &r, "echo alive");
	assert_string_equal(buf_str(&r.out), "alive\n");
	run_free(&r);
	ssh_close(c.ssh);
}

static void output_is_exact(void **state)
{
	struct conn c;
	struct run r;

	(void)state;
	dial_server(&c);
	run(&c, &r, "echo out; echo err >&2; printf 'no newline'; printf '\\036gf\\036\\000x' >&2");
	assert_int_equal(r.x.outcome, SSH_OK);
	assert_string_equal(buf_str(&r.out), "out\nno newline");
	assert_int_equal(r.err.len, 4 + 6);
	assert_memory_equal(r.err.data, "err\n\036gf\036\0x", 10);
	run_free(&r);
	/* Both streams at once, more than their common window: nobody waits for the other. */
	launch(&c, &r,
	    (struct ssh_command){
		.command =
		    "head -c 3000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait; exit 9",
		.max_output = 8000000 });
	finish(&r);
	assert_int_equal(r.x.status, 9);
	assert_int_equal(r.out.len, 3000000);
	assert_int_equal(r.err.len, 3000000);
	run_free(&r);
	run(&c, &r, "i=0; while [ $i -lt 2000 ]; do echo o$i; echo e$i >&2; i=$((i + 1)); done");
	assert_int_equal(r.out.len, r.err.len);
	assert_non_null(strstr(buf_str(&r.out), "\no1999\n"));
	run_free(&r);
	ssh_close(c.ssh);
}

static void quoting_survives_login_shells(void **state)
{
	struct conn c;
	struct run r;

	(void)state;
	dial_server(&c);
	run(&c, &r,
	    "printf '%s|' \"a'b\" '\"' '\\' '$HOME' '`id`' '!' '%s' \"\\\\n\" 'two\nlines' '*'");
	assert_string_equal(buf_str(&r.out), "a'b|\"|\\|$HOME|`id`|!|%s|\\n|two\nlines|*|");
	run_free(&r);
	ssh_close(c.ssh);
}

static void input_arrives(void **state)
{
	char *big = xmalloc(1000003), path[128];
	struct conn c;
	struct run r;
	int fd;

	(void)state;
	for (size_t i = 0; i < 1000003; i++)
		big[i] = (char)(i * 7 + i / 251);
	dial_server(&c);
	launch(&c, &r,
	    (struct ssh_command){
		.command = "cat", .input = big, .input_len = 1000003, .max_output = 2000000 });
	finish(&r);
	assert_int_equal(r.x.outcome, SSH_OK);
	assert_int_equal(r.out.len, 1000003);
	assert_memory_equal(r.out.data, big, 1000003);
	run_free(&r);
	launch(&c, &r, (struct ssh_command){ .command = "wc -c", .input = "x", .input_len = 1 });
	finish(&r);
	assert_string_equal(buf_str(&r.out), "1\n");
	run_free(&r);
	/* A command that does not read is not waited for. */
	launch(&c, &r,
	    (struct ssh_command){ .command = "exit 4", .input = big, .input_len = 1000003 });
	finish(&r);
	assert_int_equal(r.x.status, 4);
	run_free(&r);
	run(&c, &r, "cat; echo end");
	assert_string_equal(buf_str(&r.out), "end\n");
	run_free(&r);
	snprintf(path, sizeof(path), "%s/big", dir);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	for (int i = 0; i < 20; i++)
		assert_int_equal(write(fd, big, 1000003), 1000003);
	close(fd);
	launch(&c, &r, (struct ssh_command){ .command = "cksum", .input_file = path });
	finish(&r);
	assert_int_equal(r.x.outcome, SSH_OK);
	assert_non_null(strstr(buf_str(&r.out), " 20000060\n"));
	run_free(&r);
	launch(&c, &r, (struct ssh_command){ .command = "cat", .input_file = "/no/such/file" });
	finish(&r);
	assert_int_equal(r.x.outcome, SSH_REFUSED);
	assert_non_null(strstr(r.x.message, "/no/such/file"));
	run_free(&r);
	launch(&c, &r, (struct ssh_command){ .command = "cat", .input_file = "/tmp" });
	finish(&r);
	assert_int_equal(r.x.outcome, SSH_REFUSED);
	run_free(&r);
	run(&c, &r, "echo alive");
	assert_string_equal(buf_str(&r.out), "alive\n");
	run_free(&r);
	ssh_close(c.ssh);
	free(big);
}

static void rekeying_changes_nothing(void **state)
{
	char *big = xcalloc(1, 3000000);
	struct sshd d;
	struct ssh_target t;
	struct conn c;
	struct run r;

	(void)state;
	sshd_start(&d, "127.0.0.22", ssh_key_public(key), "ed25519", "RekeyLimit 256K");
	t = target_of(&d);
	dial(&c, &t);
	assert_int_equal(c.outcome, SSH_OK);
	launch(&c, &r,
	    (struct ssh_command){
		.command = "cat", .input = big, .input_len = 3000000, .max_output = 4000000 });
	finish(&r);
	assert_int_equal(r.x.outcome, SSH_OK);
	assert_int_equal(r.out.len, 3000000);
	run_free(&r);
	ssh_close(c.ssh);
	sshd_stop(&d);
	free(big);
}

static void output_has_a_ceiling(void **state)
{
	struct conn c;
	struct run r;

	(void)state;
	dial_server(&c);
	launch(&c, &r, (struct ssh_command){ .command = "yes", .max_output = 100000 });
	finish(&r);
	assert_int_equal(r.x.outcome, SSH_REFUSED);
	assert_true(r.x.cut);
	assert_true(r.out.len >= 100000 && r.out.len < 4u * 1024 * 1024);
	run_free(&r);
	run(&c, &r, "echo alive");
	assert_int_equal(r.x.outcome, SSH_OK);
	assert_string_equal(buf_str(&r.out), "alive\n");
	run_free(&r);
	ssh_close(c.ssh);
}

static void commands_queue_in_order(void **state)
{
	struct run r[5];
	struct conn c;
	char text[64];
	struct ssh_target t = target_of(&server);

	(void)state;
	begin(&c, &t);
	for (int i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "echo %d; exit %d", i, i);
		launch(&c, &r[i], (struct ssh_command){ .command = text });
	}
	for (int i = 0; i < 5; i++) {
		finish(&r[i]);
		assert_int_equal(r[i].x.status, i);
		assert_int_equal(r[i].out.data[0], '0' + i);
		run_free(&r[i]);
	}
	ssh_close(c.ssh);
}

static void long_commands(void **state)
{
	char *text = xmalloc(40001);
	struct conn c;
	struct run r;

	(void)state;
	dial_server(&c);
	memset(text, 'x', 40000);
	text[40000] = '\0';
	run(&c, &r, text);
	assert_int_equal(r.x.outcome, SSH_REFUSED);
	run_free(&r);
	memset(text, ':', 1);
	text[1] = ' ';
	text[29000] = '\0';
	run(&c, &r, text);
	assert_int_equal(r.x.outcome, SSH_OK);
	run_free(&r);
	ssh_close(c.ssh);
	free(text);
}

static void noise_is_dropped_and_no_shell_is_refused(void **state)
{
	struct sshd d;
	struct ssh_target t;
	struct conn c;
	struct run r;

	(void)state;
	sshd_start(&d, "127.0.0.22", ssh_key_public(key), "ed25519",
	    "ForceCommand echo 'Welcome, you are user 17'; eval \"$SSH_ORIGINAL_COMMAND\"");
	t = target_of(&d);
	dial(&c, &t);
	run(&c, &r, "echo hello; exit 6");
	assert_int_equal(r.x.outcome, SSH_OK);
	assert_int_equal(r.x.status, 6);
	assert_string_equal(buf_str(&r.out), "hello\n");
	run_free(&r);
	ssh_close(c.ssh);
	sshd_stop(&d);
	sshd_start(&d, "127.0.0.22", ssh_key_public(key), "ed25519",
	    "ForceCommand echo 'This account is not available'; exit 0");
	t = target_of(&d);
	dial(&c, &t);
	run(&c, &r, "echo hello");
	assert_int_equal(r.x.outcome, SSH_REFUSED);
	assert_non_null(strstr(r.x.message, "This account"));
	assert_int_equal(r.out.len, 0);
	run_free(&r);
	ssh_close(c.ssh);
	sshd_stop(&d);
}

static void sessions_may_be_refused(void **state)
{
	struct sshd d;
	struct ssh_target t;
	struct conn c;
	struct run r;

	(void)state;
	sshd_start(&d, "127.0.0.22", ssh_key_public(key), "ed25519", "MaxSessions 0");
	t = target_of(&d);
	dial(&c, &t);
	assert_int_equal(c.outcome, SSH_OK);
	run(&c, &r, "true");
	assert_int_equal(r.x.outcome, SSH_REFUSED);
	run_free(&r);
	ssh_close(c.ssh);
	sshd_stop(&d);
}

/* ---- endings ---- */

/* The pid of the sshd process that serves this connection. */
static pid_t serving(struct conn *c)
{
	struct run r;
	int64_t pid;

	run(c, &r, "cut -d' ' -f4 /proc/$PPID/stat | tr -d '\\n'");
	assert_true(str_to_i64(buf_str(&r.out), 2, 1 << 30, &pid));
	run_free(&r);
	return (pid_t)pid;
}

static void cut_is_not_success(void **state)
{
	struct conn c;
	struct run r, queued;
	pid_t pid;

	(void)state;
	dial_server(&c);
	pid = serving(&c);
	launch(&c, &r, (struct ssh_command){ .command = "echo begun; sleep 5" });
	launch(&c, &queued, (struct ssh_command){ .command = "true" });
	until(&r.first);
	kill(pid, SIGKILL);
	finish(&r);
	finish(&queued);
	assert_int_equal(r.x.outcome, SSH_LOST);
	assert_int_equal(queued.x.outcome, SSH_LOST);
	run_free(&r);
	run_free(&queued);
	run(&c, &r, "true"); /* on a dead connection */
	assert_int_equal(r.x.outcome, SSH_LOST);
	run_free(&r);
	ssh_close(c.ssh);
}

static void idle_loss_is_noticed(void **state)
{
	struct conn c;

	(void)state;
	dial_server(&c);
	kill(serving(&c), SIGKILL);
	until(&c.lost);
	assert_int_equal(c.calls, 1);
	ssh_close(c.ssh);
}

/* The server asks for signs of life while nothing runs here; the next command answers and goes on. */
static void unread_requests_wait(void **state)
{
	struct sshd d;
	struct ssh_target t;
	struct conn c;
	struct run r;

	(void)state;
	sshd_start(&d, "127.0.0.22", ssh_key_public(key), "ed25519",
	    "ClientAliveInterval 1\nClientAliveCountMax 5");
	t = target_of(&d);
	dial(&c, &t);
	linger(1300);
	run(&c, &r, "echo alive");
	assert_string_equal(buf_str(&r.out), "alive\n");
	run_free(&r);
	ssh_close(c.ssh);
	sshd_stop(&d);
}

/* Quiet but alive: keepalives are answered (libssh2 sends them two seconds apart at most). */
static void keepalives_tell_quiet_from_dead(void **state)
{
	struct ssh_limits l = ssh_default_limits;
	struct conn c;
	struct run r;

	(void)state;
	l.keepalive = 300 * MSEC;
	l.silence = 2600 * MSEC;
	ssh_pool_set_limits(pool, &l);
	dial_server(&c);
	run(&c, &r, "sleep 3; exit 8");
	assert_int_equal(r.x.outcome, SSH_OK);
	assert_int_equal(r.x.status, 8);
	run_free(&r);
	ssh_close(c.ssh);
}

static void stopped_server_is_dead(void **state)
{
	struct ssh_limits l = ssh_default_limits;
	struct conn c;
	struct run r;
	pid_t pid;

	(void)state;
	l.silence = 500 * MSEC;
	ssh_pool_set_limits(pool, &l);
	dial_server(&c);
	pid = serving(&c);
	launch(&c, &r, (struct ssh_command){ .command = "echo begun; sleep 5" });
	until(&r.first);
	kill(pid, SIGSTOP);
	finish(&r);
	assert_int_equal(r.x.outcome, SSH_LOST);
	assert_non_null(strstr(r.x.message, "silent"));
	run_free(&r);
	ssh_close(c.ssh);
	kill(pid, SIGCONT);
}

static void limits_end_commands(void **state)
{
	struct conn c;
	struct run r;

	(void)state;
	dial_server(&c);
	launch(&c, &r, (struct ssh_command){ .command = "sleep 20", .idle_limit = 300 * MSEC });
	finish(&r);
	assert_int_equal(r.x.outcome, SSH_LOST);
	run_free(&r);
	ssh_close(c.ssh);
	dial_server(&c);
	launch(&c, &r,
	    (struct ssh_command){ .command = "while :; do echo x; sleep 0.05; done",
		.idle_limit = SECOND,
		.total_limit = 400 * MSEC });
	finish(&r);
	assert_int_equal(r.x.outcome, SSH_LOST);
	assert_true(r.out.len > 0);
	run_free(&r);
	ssh_close(c.ssh);
}

static void stopped_mid_upload(void **state)
{
	struct ssh_limits l = ssh_default_limits;
	size_t n = 30u * 1024 * 1024;
	char *big = xcalloc(1, n);
	struct conn c;
	struct run r;
	pid_t pid;

	(void)state;
	l.keepalive = 200 * MSEC;
	l.silence = 700 * MSEC;
	ssh_pool_set_limits(pool, &l);
	dial_server(&c);
	pid = serving(&c);
	launch(&c, &r,
	    (struct ssh_command){
		.command = "echo go; cat >/dev/null", .input = big, .input_len = n });
	until(&r.first);
	kill(pid, SIGSTOP);
	finish(&r);
	assert_int_equal(r.x.outcome, SSH_LOST);
	run_free(&r);
	ssh_close(c.ssh);
	kill(pid, SIGCONT);
	free(big);
}

/* Closed after every possible number of turns of the loop, with a command under way: nothing is called, nothing is left. */
static void closed_at_any_moment(void **state)
{
	struct ssh_target t = target_of(&server);
	char *big = xcalloc(1, 300000);
	struct conn c;
	struct run r;

	(void)state;
	for (int turns = 0; turns < 70; turns += turns < 24 ? 1 : 6) {
		begin(&c, &t);
		launch(&c, &r,
		    (struct ssh_command){ .command = "cat", .input = big, .input_len = 300000 });
		for (int i = 0; i < turns && !r.done; i++)
			uv_run(&loop, UV_RUN_ONCE);
		c.calls = r.calls = 0;
		ssh_close(c.ssh);
		linger(1);
		assert_int_equal(c.calls + r.calls, 0);
		run_free(&r);
	}
	assert_int_equal(ssh_pool_open_count(pool), 0);
	free(big);
}

static void closed_from_callbacks(void **state)
{
	struct ssh_target t = target_of(&server);
	struct conn c;
	struct run r, queued;

	(void)state;
	begin(&c, &t);
	c.close_at_once = true;
	until(&c.opened);
	linger(20);
	dial_server(&c);
	launch(&c, &r, (struct ssh_command){ .command = "echo one; sleep 0.2; echo two" });
	launch(&c, &queued, (struct ssh_command){ .command = "true" });
	r.close_on_output = &c;
	until(&r.first);
	linger(400);
	assert_string_equal(buf_str(&r.out), "one\n");
	assert_false(r.done || queued.done);
	run_free(&r);
	run_free(&queued);
}

/* ---- a line that breaks ---- */

/* Between a connection and the server: passes `limit` bytes from the server and then hangs up, or flips a bit and goes on. */
struct proxy {
	int listener, client, server;
	uv_poll_t accept, up, down;
	const struct sshd *to;
	size_t passed, limit;
	bool flip, accepted;
};

static void proxy_end(struct proxy *p)
{
	if (!p->accepted)
		return;
	p->accepted = false;
	uv_close((uv_handle_t *)&p->up, NULL);
	uv_close((uv_handle_t *)&p->down, NULL);
	close(p->client);
	close(p->server);
}

static void proxy_move(struct proxy *p, int from, int to, bool downward)
{
	char chunk[16384];
	size_t most = sizeof(chunk);
	ssize_t n;

	if (downward && p->limit - p->passed < most)
		most = p->limit - p->passed;
	n = most ? recv(from, chunk, most, 0) : 0;
	if (n < 0)
		return;
	if (downward) {
		p->passed += (size_t)n;
		if (n > 0 && p->flip && p->passed == p->limit) {
			chunk[n - 1] ^= 1;
			p->limit = SIZE_MAX;
		}
	}
	if (n == 0 || send(to, chunk, (size_t)n, MSG_NOSIGNAL) != n)
		proxy_end(p);
}

static void proxy_up(uv_poll_t *h, int status, int events)
{
	struct proxy *p = h->data;

	(void)status;
	(void)events;
	proxy_move(p, p->client, p->server, false);
}

static void proxy_down(uv_poll_t *h, int status, int events)
{
	struct proxy *p = h->data;

	(void)status;
	(void)events;
	proxy_move(p, p->server, p->client, true);
}

static void proxy_accept(uv_poll_t *h, int status, int events)
{
	struct proxy *p = h->data;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)p->to->port) };

	(void)status;
	(void)events;
	inet_pton(AF_INET, p->to->address, &a.sin_addr);
	p->client = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	p->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(p->server, (struct sockaddr *)&a, sizeof(a)), 0);
	p->accepted = true;
	uv_poll_init(&loop, &p->up, p->client);
	uv_poll_init(&loop, &p->down, p->server);
	p->up.data = p->down.data = p;
	uv_poll_start(&p->up, UV_READABLE, proxy_up);
	uv_poll_start(&p->down, UV_READABLE, proxy_down);
	uv_poll_stop(h);
}

/* Connect and run a command through it; which outcome the caller sees in the end. */
static enum ssh_outcome through_proxy(size_t limit, bool flip)
{
	struct ssh_target t = target_of(&server);
	struct proxy p = { .to = &server, .limit = limit, .flip = flip };
	enum ssh_outcome outcome;
	struct conn c;
	struct run r;

	str_copy(t.address, "127.0.0.27");
	t.port = free_port(t.address);
	p.listener = listen_on(t.address, t.port);
	uv_poll_init(&loop, &p.accept, p.listener);
	p.accept.data = &p;
	uv_poll_start(&p.accept, UV_READABLE, proxy_accept);
	begin(&c, &t);
	launch(&c, &r, (struct ssh_command){ .command = "head -c 20000 /dev/zero" });
	finish(&r);
	assert_true(c.opened);
	outcome = c.outcome == SSH_OK ? r.x.outcome : c.outcome;
	if (r.x.outcome == SSH_OK)
		assert_int_equal(r.out.len, 20000);
	run_free(&r);
	ssh_close(c.ssh);
	proxy_end(&p);
	uv_close((uv_handle_t *)&p.accept, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	close(p.listener);
	return outcome;
}

/* Whatever arrives before the end: never success unless everything came, never a key that is taken for another, no leak. */
static void cut_after_any_byte(void **state)
{
	struct ssh_limits l = quick();
	enum ssh_outcome o;
	size_t limit;

	(void)state;
	ssh_pool_set_limits(pool, &l);
	assert_int_equal(through_proxy(SIZE_MAX, false), SSH_OK);
	for (limit = 0; limit < 20000; limit += limit < 3000 ? 137 : 4999) {
		o = through_proxy(limit, false);
		if (o != SSH_UNREACHABLE && o != SSH_LOST)
			fail_msg("cut after %zu: %s", limit, ssh_outcome_name(o));
	}
}

static void flipped_bits_are_noticed(void **state)
{
	struct ssh_limits l = quick();
	enum ssh_outcome o;

	(void)state;
	ssh_pool_set_limits(pool, &l);
	for (size_t limit = 1700; limit < 20000; limit += limit < 3000 ? 197 : 4999) {
		o = through_proxy(limit, true);
		if (o == SSH_OK || o == SSH_AUTH)
			fail_msg("bit flipped at %zu: %s", limit, ssh_outcome_name(o));
	}
}

/* ---- many ---- */

/* Enough input that the server's window matters. */
static void fifty_at_once(struct sshd *d)
{
	struct ssh_target t = target_of(d);
	char *input = xcalloc(1, 100000);
	struct conn c[50];
	struct run r[50];

	for (int i = 0; i < 50; i++) {
		begin(&c[i], &t);
		launch(&c[i], &r[i],
		    (struct ssh_command){
			.command = "wc -c", .input = input, .input_len = 100000 });
	}
	assert_int_equal(ssh_pool_open_count(pool), 50);
	for (int i = 0; i < 50; i++) {
		finish(&r[i]);
		if (r[i].x.outcome != SSH_OK)
			fail_msg("%d: %s", i, r[i].x.message);
		assert_string_equal(buf_str(&r[i].out), "100000\n");
		run_free(&r[i]);
		ssh_close(c[i].ssh);
	}
	free(input);
}

static void many_connections(void **state)
{
	struct ssh_limits l = ssh_default_limits;

	(void)state;
	l.handshakes_per_endpoint = 50;
	ssh_pool_set_limits(pool, &l);
	fifty_at_once(&server);
}

/* The server drops whoever is the eleventh to shake hands: the cap keeps nearly everybody from being that, a retry the rest. */
static void admission_keeps_below_max_startups(void **state)
{
	struct sshd d;

	(void)state;
	sshd_start(&d, "127.0.0.22", ssh_key_public(key), "ed25519", "MaxStartups 10:100:10");
	fifty_at_once(&d);
	sshd_stop(&d);
}

/* What the system's ssh is there for: a host that has an RSA key only, behind a host through which one has to jump. */
static void rsa_hosts_and_jump_hosts(void **state)
{
	struct sshd rsa, door;
	struct ssh_target t;
	struct conn c;
	struct run r;
	char text[2048], known[128];
	FILE *f;

	(void)state;
	sshd_start(&rsa, "127.0.0.23", ssh_key_public(key), "rsa", NULL);
	sshd_start(&door, "127.0.0.24", ssh_key_public(key), "ed25519", "AllowTcpForwarding yes\n");
	t = target_of(&rsa);
	t.host_key[0] = '\0';
	dial(&c, &t);
	if (c.outcome != SSH_OK)
		fail_msg("%s", c.message);
	assert_true(str_starts(c.host_key, "ssh-rsa AAAA"));
	ssh_close(c.ssh);
	/* The way through the door is in a configuration file, as a person would write it. */
	snprintf(t.config, sizeof(t.config), "%s/jump.conf", dir);
	snprintf(known, sizeof(known), "%s/jump.known", dir);
	f = fopen(known, "we");
	fprintf(f, "[%s]:%d %s\n", door.address, door.port, door.host_key);
	fclose(f);
	snprintf(text, sizeof(text),
	    "Host door\n\tHostName %s\n\tPort %d\n\tUser %s\n\tIdentityFile %s/openssh\n\tUserKnownHostsFile %s\n"
	    "Host %s\n\tProxyJump door\n", door.address, door.port, door.user, dir, known, rsa.address);
	f = fopen(t.config, "we");
	fputs(text, f);
	fclose(f);
	{
		struct buf pem = BUF(4096);

		assert_int_equal(ssh_key_openssh(key, &pem), 0);
		snprintf(text, sizeof(text), "%s/openssh", dir);
		f = fopen(text, "we");
		fwrite(pem.data, 1, pem.len, f);
		fclose(f);
		chmod(text, 0600);
		buf_free(&pem);
	}
	dial(&c, &t);
	if (c.outcome != SSH_OK)
		fail_msg("%s", c.message);
	run(&c, &r, "set -- $SSH_CONNECTION; echo $1");
	assert_int_equal(r.x.status, 0);
	assert_string_not_equal(buf_str(&r.out), "");
	run_free(&r);
	ssh_close(c.ssh);
	snprintf(t.config, sizeof(t.config), "%s/not-there", dir);
	dial(&c, &t);
	assert_int_equal(c.outcome, SSH_REFUSED);
	ssh_close(c.ssh);
	sshd_stop(&door);
	sshd_stop(&rsa);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(connects_and_reports_the_key),
		T(connects_by_name),
		T(wrong_host_key_gets_no_login),
		T(wrong_type_is_a_wrong_key),
		T(pinned_type_is_asked_for),
		T(weak_servers_are_refused),
		T(unknown_key_is_not_let_in),
		T(silent_and_closed_ports),
		T(liars),
		T(exit_statuses),
		T(killed_wrapper_is_a_signal),
		T(output_is_exact),
		T(quoting_survives_login_shells),
		T(input_arrives),
		T(rekeying_changes_nothing),
		T(output_has_a_ceiling),
		T(commands_queue_in_order),
		T(long_commands),
		T(noise_is_dropped_and_no_shell_is_refused),
		T(sessions_may_be_refused),
		T(cut_is_not_success),
		T(idle_loss_is_noticed),
		T(unread_requests_wait),
		T(keepalives_tell_quiet_from_dead),
		T(stopped_server_is_dead),
		T(limits_end_commands),
		T(stopped_mid_upload),
		T(closed_at_any_moment),
		T(closed_from_callbacks),
		T(cut_after_any_byte),
		T(flipped_bits_are_noticed),
		T(many_connections),
		T(admission_keeps_below_max_startups),
	};

	/*
	 * What looks at libssh2's own view of a packet or of a phase is left out; so are a shell ended by a signal, which ssh calls 255
	 * like a lost connection, and a server that falls silent, which takes it a minute.
	 */
	const struct CMUnitTest again[] = {
		T(connects_and_reports_the_key),
		T(connects_by_name),
		T(wrong_host_key_gets_no_login),
		T(wrong_type_is_a_wrong_key),
		T(unknown_key_is_not_let_in),
		T(exit_statuses),
		T(output_is_exact),
		T(quoting_survives_login_shells),
		T(input_arrives),
		T(rekeying_changes_nothing),
		T(output_has_a_ceiling),
		T(commands_queue_in_order),
		T(long_commands),
		T(cut_is_not_success),
		T(idle_loss_is_noticed),
		T(limits_end_commands),
		T(closed_at_any_moment),
		T(closed_from_callbacks),
		T(many_connections),
		T(rsa_hosts_and_jump_hosts),
	};
	int failed;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_ERROR);
	failed = cmocka_run_group_tests(tests, group_setup, group_teardown);
	by_system = true;
	return failed + cmocka_run_group_tests_name("by the system's ssh", again, group_setup, group_teardown);
}

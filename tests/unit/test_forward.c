#include "ctl/forward.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void ports_are_read(void **state)
{
	static const char *const bad[] = { "", ":", "0", "65536", "80:", ":80", "80:0", "1:2:3", "-1", "8000/tcp", "+80", " 80", "80 ", "8000:65536", "a:b" };
	struct forward_port p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(forward_parse("8000", &p, &e), 0);
	assert_true(p.local == 8000 && p.remote == 8000);
	assert_int_equal(forward_parse("9000:80", &p, &e), 0);
	assert_true(p.local == 9000 && p.remote == 80);
	for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
		e = (struct err){ 0 };
		assert_int_equal(forward_parse(bad[k], &p, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		assert_non_null(strstr(e.msg, "9000:8000"));
	}
}

/* Somebody listens: the next port is taken, and nothing beyond the last. */
static void taken_ports_are_passed(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port, next;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	port = ntohs(a.sin_port);
	next = forward_free_port(port);
	assert_true(next == 0 ? port > 65000 : next > port && next < port + 100);
	close(fd);
	assert_int_equal(forward_free_port(port), port);
	assert_int_equal(forward_free_port(65536), 0);
}

/* Both ends are loopback, options stand in front of the address, and a port that cannot be had ends it. */
static void words_of_ssh(void **state)
{
	static const struct forward_port ports[] = { { 8000, 8000 }, { 9000, 80 } };
	struct login l = { .known = xstrdup("/k") };
	struct buf line = BUF(16384);
	char **argv;

	(void)state;
	setenv("HOME", "/nowhere", 1);
	l.where = json_object();
	json_put_str(l.where, "address", "192.0.2.7");
	json_put_str(l.where, "user", "root");
	json_put_int(l.where, "port", 2222);
	argv = forward_argv(&l, ports, ARRAY_LEN(ports));
	for (size_t k = 0; argv[k]; k++)
		buf_printf(&line, "%s ", argv[k]);
	assert_true(str_starts(buf_str(&line), "ssh "));
	assert_non_null(strstr(buf_str(&line), "-o StrictHostKeyChecking=yes "));
	assert_non_null(strstr(buf_str(&line), "-o ExitOnForwardFailure=yes "));
	assert_non_null(strstr(buf_str(&line), "-N -L 127.0.0.1:8000:127.0.0.1:8000 -L 127.0.0.1:9000:127.0.0.1:80 -p 2222 -l root -- 192.0.2.7 "));
	for (size_t k = 0; argv[k]; k++)
		free(argv[k]);
	free(argv);
	buf_free(&line);
	login_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_read),
		cmocka_unit_test(taken_ports_are_passed),
		cmocka_unit_test(words_of_ssh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

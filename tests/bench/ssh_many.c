/*
 * For bench_ssh.sh: what the daemon does with many machines at once. Reads lines "ADDRESS PORT" from standard input; on each, sends
 * FILE to a command that stores it, counts it and sends it back; every byte that comes back is compared.
 *
 *	ssh_many KEY                      makes the key when it is missing and prints its public half
 *	ssh_many KEY USER FILE <targets
 */
#include "base/log.h"
#include "base/str.h"
#include "remote/ssh.h"

#include <stdio.h>

#define TARGETS_MAX 2000
static const char command[] = "f=$(mktemp) && cat >\"$f\" && cat \"$f\" && rm -f \"$f\"";

struct file {
	char *data;
	size_t n;
};

static struct target {
	struct ssh *ssh;
	size_t got;
	bool good, ended;
} targets[TARGETS_MAX];
static struct file file;
static size_t count, left;

static void output(void *arg, enum ssh_stream stream, const char *data, size_t n)
{
	struct target *t = arg;

	if (stream != SSH_STDOUT)
		return;
	t->good = t->good && t->got + n <= file.n && !memcmp(file.data + t->got, data, n);
	t->got += n;
}

static void end(struct target *t, const char *trouble)
{
	if (trouble) {
		fprintf(stderr, "ssh_many: %s\n", trouble);
		t->good = false;
	}
	t->ended = true;
	ssh_close(t->ssh);
	left--;
}

static void done(void *arg, const struct ssh_exit *x)
{
	struct target *t = arg;

	if (x->outcome != SSH_OK || x->status)
		end(t, *x->message ? x->message : "the command failed");
	else
		end(t, t->got == file.n ? NULL : "not all of it came back");
}

static void opened(void *arg, enum ssh_outcome outcome, const char *message, const char *host_key)
{
	struct target *t = arg;

	(void)host_key;
	if (outcome != SSH_OK) {
		end(t, message);
		return;
	}
	ssh_exec(t->ssh, &(struct ssh_command){ .command = command, .input = file.data, .input_len = file.n, .max_output = 64u << 20,
	    .output = output, .done = done, .arg = t });
}

static void read_file(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f || fseek(f, 0, SEEK_END) < 0) {
		perror(path);
		exit(1);
	}
	file.n = (size_t)ftell(f);
	rewind(f);
	file.data = xmalloc(file.n + 1);
	if (fread(file.data, 1, file.n, f) != file.n)
		exit(1);
	fclose(f);
}

int main(int argc, char **argv)
{
	struct ssh_key *key = NULL;
	struct ssh_pool *pool;
	uv_loop_t loop;
	struct err e;
	char address[64];
	int port;
	size_t good = 0;

	if ((argc != 2 && argc != 4) || ssh_key_load(&key, argv[1], "bench", &e) < 0) {
		fprintf(stderr, "ssh_many: %s\n", argc == 2 || argc == 4 ? e.msg : "usage: ssh_many KEY [USER FILE <targets]");
		return 2;
	}
	if (argc == 2) {
		puts(ssh_key_public(key));
		ssh_key_free(key);
		return 0;
	}
	read_file(argv[3]);
	uv_loop_init(&loop);
	pool = ssh_pool_new(&loop, key);
	while (count < TARGETS_MAX && scanf("%63s %d", address, &port) == 2) {
		struct ssh_target where = { .port = port };
		struct target *t = &targets[count++];

		str_copy(where.address, address);
		str_copy(where.user, argv[2]);
		t->good = true;
		left++;
		t->ssh = ssh_open(pool, &where, opened, t);
	}
	while (left && uv_run(&loop, UV_RUN_ONCE))
		;
	ssh_pool_close(pool);
	uv_run(&loop, UV_RUN_DEFAULT);
	for (size_t k = 0; k < count; k++)
		good += targets[k].good;
	printf("%zu of %zu\n", good, count);
	ssh_key_free(key);
	free(file.data);
	return good == count ? 0 : 1;
}

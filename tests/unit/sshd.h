/*
 * A real OpenSSH server for tests: unprivileged settings, on a loopback address and a free port, in a directory of its own,
 * letting in whoever runs the test with one key. Ended and removed by sshd_stop().
 */
#ifndef GPUFLEET_TEST_SSHD_H
#define GPUFLEET_TEST_SSHD_H

#include <stdbool.h>
#include <sys/types.h>

struct sshd {
	pid_t pid;
	int port;
	char address[64];
	char dir[64];
	char host_key[512]; /* "ssh-ed25519 AAAA…" */
	char user[32];
};

/* `authorized`: one public key line; `settings`: further lines for sshd_config or NULL. host_key_type: "ed25519", "ecdsa", "rsa". */
void sshd_start(struct sshd *d, const char *address, const char *authorized,
    const char *host_key_type, const char *settings);
void sshd_stop(struct sshd *d);
/* Run a program with these arguments (NULL-terminated) and wait; its exit status. */
int run_program(const char *const argv[]);
/* A free port on that address. */
int free_port(const char *address);
/* mkdtemp("/tmp/gf-test-XXXXXX") into out, and rm -rf of such a directory. */
void temp_dir(char out[64]);
void remove_dir(const char *dir);

#endif

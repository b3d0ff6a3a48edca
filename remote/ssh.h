/*
 * SSH on the libuv loop by libssh2, never blocking: connect, check the host key, authenticate, run commands with standard
 * input and output. The scripted use of SSH hides behind this header; the simulator links another implementation of it.
 *
 * A connection runs one command at a time; more are queued in order. Everything answers later through a callback, never from
 * inside the function that was given it. After ssh_close() no callback of that connection is called any more.
 *
 * Admission (libraries.md §2): at most 128 sessions in handshake in all, 8 per (address, port); the rest wait.
 * Method preferences as reliability §5.2 B2. Phase time-outs: tcp 10 s, banner and kex 20 s, auth 20 s; a command may be given
 * an idle limit and a total limit. Keepalive every 15 s, dead after 60 s of silence while a command runs.
 */
#ifndef GPUFLEET_SSH_H
#define GPUFLEET_SSH_H

#include "base/instant.h"
#include "core/types.h"
#include "remote/ssh_key.h"

#include <uv.h>

struct ssh_pool;
struct ssh;

struct ssh_target {
	char address[ADDRESS_MAX];
	int port;
	char user[32];
	char host_key[512]; /* pinned "ssh-ed25519 AAAA…"; "": first contact, any key is taken and reported */
};

enum ssh_outcome {
	SSH_OK,
	SSH_UNREACHABLE,  /* refused, timed out, no banner: try again later */
	SSH_HOST_KEY,     /* the key is not the pinned one: nothing was sent */
	SSH_AUTH,         /* the server does not take our key */
	SSH_LOST,         /* was connected, is not any more */
	SSH_REFUSED,      /* protocol: no common algorithms, channel refused */
};
const char *ssh_outcome_name(enum ssh_outcome o);

struct ssh_pool *ssh_pool_new(uv_loop_t *loop, const struct ssh_key *key);
void ssh_pool_close(struct ssh_pool *p); /* closes every connection; freed after the loop has run its close callbacks */
int ssh_pool_open_count(const struct ssh_pool *p);

/* Called once: connected (host_key is what the server showed) or not. After a failure the connection is dead; close it. */
typedef void ssh_open_fn(void *arg, enum ssh_outcome outcome, const char *message, const char *host_key);
struct ssh *ssh_open(struct ssh_pool *p, const struct ssh_target *t, ssh_open_fn *done, void *arg);
/* When an established connection dies while no command runs. Optional. */
void ssh_on_lost(struct ssh *s, void (*lost)(void *arg, const char *message), void *arg);
void ssh_close(struct ssh *s); /* NULL is fine */

enum ssh_stream { SSH_STDOUT, SSH_STDERR };

struct ssh_exit {
	enum ssh_outcome outcome; /* SSH_OK: the command ended and its status is known */
	int status;               /* 0..255; meaningful only with SSH_OK and no signal */
	char signal[16];          /* "KILL", or "" */
	bool cut;                 /* more than `max_output` bytes came; the rest was dropped and the channel closed */
	char message[TEXT_MAX];
};

/*
 * How a command's exit status is known for certain: the command is wrapped so that its own trailer with $? ends standard
 * error (libssh2 1.10 reports 0 when a connection is cut, libraries.md §2.3.3). The wrapper is inside ssh_exec; callers see neither.
 */
struct ssh_command {
	const char *command;     /* for a POSIX sh; copied */
	const void *input;       /* bytes for standard input; copied; NULL: empty */
	size_t input_len;
	char *input_file;        /* instead of `input`: a local file streamed to standard input (copied name); NULL: none */
	size_t max_output;       /* bytes of both streams together; 0: 1 MiB */
	duration idle_limit;     /* no byte either way for this long: SSH_LOST; 0: 60 s */
	duration total_limit;    /* 0: none */
	void (*output)(void *arg, enum ssh_stream stream, const char *data, size_t n); /* may be NULL */
	void (*done)(void *arg, const struct ssh_exit *x);
	void *arg;
};
void ssh_exec(struct ssh *s, const struct ssh_command *c);

#endif

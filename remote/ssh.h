/*
 * SSH on the libuv loop by libssh2, never blocking: connect, check the host key, authenticate, run commands with standard
 * input and output. The scripted use of SSH hides behind this header; the simulator links another implementation of it.
 *
 *	pool = ssh_pool_new(loop, key);
 *	s = ssh_open(pool, &target, opened, me);        opened(me, SSH_OK, "", "ssh-ed25519 AAAA…")
 *	ssh_exec(s, &(struct ssh_command){ .command = "uname", .output = text, .done = ended, .arg = me });
 *	ssh_close(s);
 *
 * A connection runs one command at a time; more are queued in order, also before it is open. Everything answers later through
 * a callback, never from inside the function that was given it. Any function may be called from any callback. After
 * ssh_close() no callback of that connection is called any more, also not for commands that were queued or running.
 *
 * Admission (libraries.md §2): at most 128 sessions in handshake in all, 8 per (address, port); the rest wait.
 * Method preferences as reliability §5.2 B2. Phase time-outs: tcp 10 s, banner and kex 20 s, auth 20 s; a command may be given
 * an idle limit and a total limit. Keepalive every 15 s, dead after 60 s of silence while a command runs.
 * What a server can make us hold is bounded: 256 KiB read before it has let us in, 8 MiB of memory per connection.
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
	char address[ADDRESS_MAX]; /* IPv4, IPv6 or a host name */
	int port;                  /* 0: 22 */
	char user[32];
	char host_key
	    [512]; /* pinned "ssh-ed25519 AAAA…"; "": first contact, any key is taken and reported */
	char prints[512]; /* without host_key: what the first contact must show one of, "SHA256:…" one per line; "": anything */
	const struct ssh_key *key; /* to log in with; the caller's, outlives the connection; NULL: the pool's. Not with `system` */
	bool system;      /* through the system's ssh: RSA-only hosts, jump hosts, hardware keys (ssh_spawn.c) */
	char config[256]; /* system: a configuration file for it, ssh_config(5); "": none */
};

/*
 * What enum ssh_outcome (core/types.h) means here, beyond its own comments:
 *	SSH_UNREACHABLE   also: dropped before login (a busy server, MaxStartups)
 *	SSH_REFUSED       also: a command that cannot be run as asked (too long, unreadable input file, too much output)
 */

/* Time-outs and caps; the defaults are what the head of this file says. */
struct ssh_limits {
	duration connect, handshake, auth, channel; /* channel: open, exec accepted, close */
	duration keepalive, silence;
	int handshakes, handshakes_per_endpoint;
};
extern const struct ssh_limits ssh_default_limits;

struct ssh_pool *ssh_pool_new(uv_loop_t *loop,
    const struct ssh_key *key); /* key stays the caller's and must outlive the pool */
void ssh_pool_set_limits(struct ssh_pool *p, const struct ssh_limits *l);
void ssh_pool_close(struct ssh_pool
	*p); /* closes every connection; freed after the loop has run its close callbacks */
int ssh_pool_open_count(const struct ssh_pool *p);

/* Called once: connected (host_key is what the server showed) or not. After a failure the connection is dead; close it.
 * With SSH_HOST_KEY host_key is the key that was shown instead of the pinned one (by the system's ssh: ""); with other failures it
 * may be "". */
typedef void ssh_open_fn(
    void *arg, enum ssh_outcome outcome, const char *message, const char *host_key);
struct ssh *ssh_open(struct ssh_pool *p, const struct ssh_target *t, ssh_open_fn *done, void *arg);
/* When an established connection dies while no command runs. Optional. */
void ssh_on_lost(struct ssh *s, void (*lost)(void *arg, const char *message), void *arg);
void ssh_close(struct ssh *s); /* NULL is fine */

enum ssh_stream { SSH_STDOUT, SSH_STDERR };

struct ssh_exit {
	enum ssh_outcome outcome; /* SSH_OK: the command ended and its status is known */
	int status;      /* 0..255 with SSH_OK; 128 + n as shells say when a signal ended it */
	char signal[16]; /* "KILL", or ""; "exit 137" cannot be told from it */
	/* More than `max_output` bytes came: the rest was dropped and the channel closed; the outcome is SSH_REFUSED. */
	bool cut;
	char message[TEXT_MAX]; /* "" with SSH_OK */
};

/*
 * How a command's exit status is known for certain: the command is wrapped so that its own trailer with $? ends both streams
 * (libssh2 1.10 reports 0 when a connection is cut, libraries.md §2.3.3). What a login shell prints before the command begins
 * is dropped. The wrapper is inside ssh_exec; callers see neither. The command ends when it ends, not when processes that it
 * left in the background close its output.
 *
 * A command that runs when its connection dies is reported SSH_LOST: whether it took effect is unknown. SSH_LOST by a limit
 * below closes the connection. The connection is usable after SSH_OK and SSH_REFUSED.
 */
#define SSH_COMMAND_MAX 30000 /* bytes of a command after quoting: it travels in one packet */

struct ssh_command {
	const char *command; /* for a POSIX sh; copied */
	const void *input;   /* bytes for standard input; copied, wiped afterwards; NULL: empty */
	size_t input_len;
	/* Instead of `input`: a local file streamed to standard input (the name is copied); NULL: none. */
	const char *input_file;
	size_t max_output;    /* bytes of both streams together; 0: 1 MiB */
	duration idle_limit;  /* no byte either way for this long: SSH_LOST; 0: 60 s */
	duration total_limit; /* 0: none */
	/* Either may be NULL. */
	void (*output)(void *arg, enum ssh_stream stream, const char *data, size_t n);
	void (*done)(void *arg, const struct ssh_exit *x);
	void *arg;
};
void ssh_exec(struct ssh *s, const struct ssh_command *c);

#endif

/*
 * Inside of ssh*.c. One struct per connection; the steps below work on it, one machine drives them.
 *
 *	ssh.c          open, drive, time out, end: one connection and the loop
 *	ssh_pool.c     all connections: who may shake hands now, who is driven next
 *	ssh_connect.c  steps from name to login
 *	ssh_channel.c  steps of one command
 *	ssh_session.c  libssh2: memory and socket under it, preferences, host key, signature
 *	ssh_spawn.c    the same steps through the system's ssh
 *	ssh_frame.c    the wrapper around a command and the search for its marks (pure)
 */
#ifndef GPUFLEET_SSH_PRIV_H
#define GPUFLEET_SSH_PRIV_H

#include "base/list.h"
#include "base/str.h"
#include "remote/ssh.h"

#include <libssh2.h>

/* ---- ssh_frame.c ---- */

#define NONCE_LEN 16

/* One output stream of a wrapped command: noise, mark, data, trailer, rest. */
struct frame {
	enum { FRAME_BEFORE, FRAME_DATA, FRAME_ENDED } phase;
	int status;         /* from the trailer */
	struct buf pending; /* bytes that may be the beginning of a mark */
};

typedef void frame_sink(void *arg, const char *data, size_t n);

void frame_make_nonce(char nonce[NONCE_LEN + 1]);
/* The command line for the login shell. */
void frame_wrap(struct buf *out, const char *nonce, const char *command);
void frame_init(struct frame *f);
/* What is data goes to `data`, what came before the mark to `noise`. Neither is called with n == 0. */
void frame_feed(struct frame *f, const char *nonce, const char *bytes, size_t n, frame_sink *data,
    frame_sink *noise, void *arg);
void frame_free(struct frame *f);

/* ---- a command ---- */

struct command {
	struct list link;
	char *line; /* wrapped */
	char nonce[NONCE_LEN + 1];
	bool too_long;
	char *input; /* owned; wiped */
	size_t input_len, input_at;
	char *input_file;
	int fd;      /* input_file while it runs; -1 */
	char *chunk; /* what was read from fd and not accepted yet: chunk[input_at..input_len) */
	bool input_ended; /* nothing more to write; end of file still to be sent */
	bool eof_sent;
	bool retried; /* exec was refused once (libssh2 issue 671) */
	size_t max_output, received;
	duration idle_limit, total_limit;
	uint64_t began, moved; /* loop time in ms: start, last byte of input or output */
	struct frame frame[2];
	char noise[160]; /* beginning of what came instead of the first mark */
	size_t noise_len;
	struct ssh_exit exit;
	void (*output)(void *arg, enum ssh_stream stream, const char *data, size_t n);
	void (*done)(void *arg, const struct ssh_exit *x);
	void *arg;
};

void command_free(struct command *c);

/* ---- a connection ---- */

enum state {
	ST_WAITING,   /* for admission */
	ST_RESOLVING, /* name → addresses, in the thread pool */
	ST_PAUSED,    /* the server was too busy to say hello: try the same address again soon */
	ST_CONNECTING,
	ST_HANDSHAKE, /* banner, key exchange */
	ST_AUTH,
	ST_IDLE,
	ST_OPENING,  /* channel */
	ST_STARTING, /* exec request */
	ST_RUNNING,
	ST_ENDING,  /* channel ended without our trailer: close it and ask how */
	ST_CLOSING, /* result reported, channel still to be closed */
	ST_DEAD,
};

/* A step that failed has made the connection ST_DEAD and answers STEP_WAIT. */
enum step { STEP_NEXT, STEP_WAIT };

/* libssh2 wants a call that could not be sent whole to be repeated before any other (libraries.md §2.3.1). */
enum call { CALL_ANY, CALL_STDOUT, CALL_STDERR, CALL_WRITE, CALL_EOF };

struct endpoint {
	struct list link;
	char address[ADDRESS_MAX];
	int port;
	int users, handshakes;
};

/* Heap objects of their own because libuv gives them back later than the connection may want to go on. */
struct poller {
	uv_poll_t handle;
	struct ssh *ssh; /* NULL: the connection does not care any more */
};

struct resolver {
	uv_getaddrinfo_t request;
	struct ssh *ssh;
};

struct ssh {
	struct ssh_pool *pool;
	struct list link;     /* pool->all */
	struct list waiting;  /* pool->waiting while ST_WAITING */
	struct list runnable; /* pool->runnable: to be driven from the loop */
	struct endpoint *endpoint;
	struct ssh_target target;
	ssh_open_fn *opened;
	void *opened_arg;
	void (*lost)(void *arg, const char *message);
	void *lost_arg;

	enum state state;
	int busy;       /* how often we were dropped before the banner */
	duration pause; /* length of ST_PAUSED */
	bool admitted;  /* counts against the handshake caps */
	bool reported;  /* opened() was called */
	bool closed;    /* by ssh_close(): nothing may be called or touched any more */
	uv_timer_t timer;
	uint64_t phase_began;
	char host_key[512];
	char message[TEXT_MAX]; /* why it is ST_DEAD */

	struct resolver *resolver;
	struct addrinfo *addresses, *address; /* owned list, the one being tried */
	int fd;
	struct poller *poller;
	int events; /* armed */

	LIBSSH2_SESSION *session;
	struct list blocks; /* memory that libssh2 holds */
	size_t block_bytes;
	void *sign_key;
	bool io_dead;      /* refuse all I/O: the session is being freed */
	bool io_ended;     /* the peer closed, or the socket failed */
	char goodbye[128]; /* the peer's own words when it disconnected, printable */
	size_t read_total, read_turn;
	uint64_t last_read, last_keepalive;
	LIBSSH2_CHANNEL *channel;
	enum call pending;
	bool unread;     /* the other side said something while idle: look only for its end */
	bool more_input; /* stopped writing only to be fair to others */

	struct list commands; /* waiting, in order */
	struct command *current;

	struct spawned *spawned; /* owned; NULL: libssh2 */
};

struct ssh_pool {
	uv_loop_t *loop;
	const struct ssh_key *key;
	struct ssh_limits limits;
	uv_timer_t kick;
	bool closing;
	int refs; /* connections not yet given back by the loop, and the kick timer */
	int open, handshakes;
	struct list all, waiting, runnable;
	struct list endpoints[256];
	char spawn_dir[48]; /* of ssh_spawn.c; "" until it is needed */
	int spawn_count;
	char scratch[32 * 1024]; /* reads land here; never kept across a callback */
};

/* ssh_pool.c */
void ssh_kick(struct ssh *s);          /* drive it from the loop, soon */
void ssh_pool_enter(struct ssh *s);    /* a new connection: waits for admission */
void ssh_pool_shook(struct ssh *s);    /* its handshake is over, well or badly; off the lists, safe to repeat */
void ssh_pool_leave(struct ssh *s);    /* closed: it takes part in nothing any more */
void ssh_pool_put(struct ssh_pool *p); /* the loop gave back one of its handles */

/* ssh.c */
void ssh_drive(struct ssh *s);
void ssh_set_state(struct ssh *s, enum state to);
void ssh_logged_in(struct ssh *s);
/* End the connection and tell whoever waits. Always answers STEP_WAIT. */
enum step ssh_fail(struct ssh *s, enum ssh_outcome outcome, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool ssh_watch(struct ssh *s, int fd); /* a poll handle for a new socket */
void ssh_unwatch(struct ssh *s);       /* and its end; closes the socket */
uint64_t ssh_now(const struct ssh *s); /* loop time in ms */

/* ssh_connect.c */
enum step ssh_step_resolve(struct ssh *s);
enum step ssh_step_connect(struct ssh *s);
enum step ssh_step_handshake(struct ssh *s);
enum step ssh_step_auth(struct ssh *s);
void ssh_resolve_stop(struct ssh *s);
enum step ssh_next_address(struct ssh *s, const char *why); /* give up on this one */

/* ssh_channel.c */
enum step ssh_step_idle(struct ssh *s);
enum step ssh_step_open(struct ssh *s);
enum step ssh_step_start(struct ssh *s);
enum step ssh_step_run(struct ssh *s);
enum step ssh_step_end(struct ssh *s);
enum step ssh_step_close(struct ssh *s);
void ssh_keepalive(struct ssh *s);
/* Output of the running command; false: the connection was closed meanwhile. */
bool ssh_command_feed(struct ssh *s, enum ssh_stream stream, const char *data, size_t n);
void ssh_command_finish(struct ssh *s, int status); /* reports it */
void ssh_command_cut(struct ssh *s);                /* … as too much output */
/* Report the running command; the connection may be closed when this returns. */
void ssh_command_done(struct ssh *s, enum ssh_outcome outcome, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* ssh_spawn.c */
void ssh_spawn_open(struct ssh *s);
enum step ssh_spawn_step(struct ssh *s);
void ssh_spawn_stop(struct ssh *s);
void ssh_spawn_quiet(struct ssh *s); /* nothing was heard for a while: does it move? */
void ssh_spawn_forget(struct ssh_pool *p); /* its files */

/* ssh_session.c */
bool ssh_session_start(struct ssh *s); /* false: no memory or a library without our methods */
void ssh_session_stop(struct ssh *s, bool politely);
bool ssh_session_host_key(struct ssh *s);        /* fills s->host_key */
bool ssh_same_key(const char *a, const char *b); /* type and base64 equal, comments ignored */
const char *ssh_session_error(struct ssh *s, char out[TEXT_MAX]);
LIBSSH2_USERAUTH_PUBLICKEY_SIGN_FUNC(ssh_session_sign);

#endif

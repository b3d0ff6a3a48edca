/*
 * From a name to a login:
 *
 *	WAITING ─admitted─→ RESOLVING ─→ CONNECTING ─────→ HANDSHAKE ─host key checked─→ AUTH ─→ IDLE
 *	                                  │   ↑   ↑            │
 *	                      next address└───┘   └─ PAUSED ←──┘ dropped before the banner (MaxStartups), three times at most
 *
 * The machine rests in each of them; every one has a limit (struct ssh_limits). Until the host key is checked nothing of ours
 * leaves but version, key exchange and the name of the login service.
 */
#include "ssh_priv.h"

#include "base/rng.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* ---- names ---- */

static void resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct resolver *r = CONTAINER_OF(request, struct resolver, request);
	struct ssh *s = r->ssh;

	free(r);
	if (!s) {
		uv_freeaddrinfo(list);
		return;
	}
	s->resolver = NULL;
	if (status < 0 || !list) {
		uv_freeaddrinfo(list);
		ssh_fail(s, SSH_UNREACHABLE, "cannot find the address of '%s': %s",
		    s->target.address, status < 0 ? uv_strerror(status) : "no answer");
		return;
	}
	s->addresses = s->address = list;
	ssh_set_state(s, ST_CONNECTING);
	ssh_kick(s);
}

static void hints_for(struct addrinfo *h, int flags)
{
	*h = (struct addrinfo){ .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | flags };
}

enum step ssh_step_resolve(struct ssh *s)
{
	struct addrinfo hints;
	char port[16];
	int rc;

	snprintf(port, sizeof(port), "%d", s->target.port);
	hints_for(&hints, AI_NUMERICHOST);
	if (!getaddrinfo(s->target.address, port, &hints, &s->addresses)) {
		s->address = s->addresses;
		ssh_set_state(s, ST_CONNECTING);
		return STEP_NEXT;
	}
	s->addresses = NULL;
	hints_for(&hints, 0);
	s->resolver = xcalloc(1, sizeof(*s->resolver));
	s->resolver->ssh = s;
	rc = uv_getaddrinfo(
	    s->pool->loop, &s->resolver->request, resolved, s->target.address, port, &hints);
	if (rc < 0) {
		free(s->resolver);
		s->resolver = NULL;
		return ssh_fail(s, SSH_UNREACHABLE, "cannot look up '%s': %s", s->target.address,
		    uv_strerror(rc));
	}
	return STEP_WAIT;
}

void ssh_resolve_stop(struct ssh *s)
{
	if (s->resolver) {
		s->resolver->ssh = NULL; /* freed in its callback, which comes in any case */
		uv_cancel((uv_req_t *)&s->resolver->request);
		s->resolver = NULL;
	}
	if (s->addresses)
		freeaddrinfo(s->addresses);
	s->addresses = s->address = NULL;
}

/* ---- tcp ---- */

enum step ssh_next_address(struct ssh *s, const char *why)
{
	ssh_unwatch(s);
	s->address = s->address->ai_next;
	if (!s->address)
		return ssh_fail(s, SSH_UNREACHABLE, "cannot connect to %s port %d: %s",
		    s->target.address, s->target.port, why);
	s->phase_began = ssh_now(s);
	return STEP_NEXT;
}

static void set_options(int fd)
{
	int on = 1;
	unsigned dead_ms = 60 * 1000;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
}

/* Begin with the current address; afterwards the socket is watched. */
static enum step dial(struct ssh *s)
{
	int fd = socket(s->address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return ssh_next_address(s, strerror(errno));
	set_options(fd);
	if (!ssh_watch(s, fd))
		return ssh_next_address(s, "cannot watch the socket");
	if (connect(fd, s->address->ai_addr, s->address->ai_addrlen) < 0 && errno != EINPROGRESS)
		return ssh_next_address(s, strerror(errno));
	return STEP_WAIT;
}

enum step ssh_step_connect(struct ssh *s)
{
	int error = 0;
	socklen_t len = sizeof(error);
	struct sockaddr_storage peer;
	socklen_t peer_len = sizeof(peer);

	if (s->fd < 0)
		return dial(s);
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error)
		return ssh_next_address(s, strerror(error));
	if (getpeername(s->fd, (struct sockaddr *)&peer, &peer_len) < 0)
		return STEP_WAIT; /* woken too early */
	ssh_set_state(s, ST_HANDSHAKE);
	if (!ssh_session_start(s))
		return ssh_fail(s, SSH_REFUSED, "this libssh2 (%s) lacks the methods we insist on",
		    libssh2_version(0));
	return STEP_NEXT;
}

/* ---- ssh ---- */

/* A connection that was cut may be better next time; one whose partner speaks another language will not. */
static enum ssh_outcome blame(const struct ssh *s, int rc)
{
	if (rc == LIBSSH2_ERROR_KEX_FAILURE)
		return SSH_REFUSED;
	if (s->io_ended || rc == LIBSSH2_ERROR_SOCKET_NONE || rc == LIBSSH2_ERROR_BANNER_RECV ||
	    rc == LIBSSH2_ERROR_SOCKET_SEND || rc == LIBSSH2_ERROR_SOCKET_RECV ||
	    rc == LIBSSH2_ERROR_SOCKET_DISCONNECT)
		return SSH_UNREACHABLE;
	return SSH_REFUSED;
}

/*
 * A server with too many logins under way hangs up before it says "SSH-…". The admission caps make that rare, other clients
 * do not; a short pause with jitter is what it takes.
 */
static bool too_busy(struct ssh *s)
{
	const char *banner = libssh2_session_banner_get(s->session);

	return s->io_ended && s->busy < 3 && s->read_total < 256 &&
	       (!banner || strncmp(banner, "SSH-", 4));
}

static enum step pause_and_retry(struct ssh *s)
{
	struct rng r;

	rng_kernel(&r);
	s->busy++;
	s->pause = 100 * MSEC * s->busy + (duration)rng_below(&r, 200) * MSEC;
	ssh_session_stop(s, false);
	ssh_unwatch(s);
	s->io_dead = s->io_ended = false;
	s->goodbye[0] = '\0';
	s->read_total = 0;
	ssh_set_state(s, ST_PAUSED);
	return STEP_NEXT;
}

static enum step handshake_failed(struct ssh *s, int rc)
{
	char why[TEXT_MAX];

	if (too_busy(s))
		return pause_and_retry(s);

	if (rc == LIBSSH2_ERROR_KEX_FAILURE)
		return ssh_fail(s, SSH_REFUSED,
		    "%s port %d offers no key exchange, host key (ed25519 or ecdsa), cipher and mac that we accept",
		    s->target.address, s->target.port);
	return ssh_fail(s, blame(s, rc), "no ssh session with %s port %d: %s", s->target.address,
	    s->target.port, ssh_session_error(s, why));
}

enum step ssh_step_handshake(struct ssh *s)
{
	int rc = libssh2_session_handshake(s->session, s->fd);

	if (rc == LIBSSH2_ERROR_EAGAIN)
		return STEP_WAIT;
	if (rc)
		return handshake_failed(s, rc);
	if (!ssh_session_host_key(s))
		return ssh_fail(s, SSH_REFUSED, "%s port %d shows a host key that cannot be read",
		    s->target.address, s->target.port);
	if (s->target.host_key[0] && !ssh_same_key(s->target.host_key, s->host_key))
		return ssh_fail(s, SSH_HOST_KEY,
		    "%s port %d shows another host key than before; nothing was sent to it",
		    s->target.address, s->target.port);
	if (!s->target.host_key[0] && s->target.prints[0] && !ssh_key_printed(s->host_key, s->target.prints))
		return ssh_fail(s, SSH_HOST_KEY,
		    "%s port %d shows a host key that is not the machine's; nothing was sent to it",
		    s->target.address, s->target.port);
	ssh_set_state(s, ST_AUTH);
	return STEP_NEXT;
}

enum step ssh_step_auth(struct ssh *s)
{
	char why[TEXT_MAX];
	size_t len;
	const uint8_t *blob = ssh_key_blob(s->target.key, &len);
	int rc = libssh2_userauth_publickey(
	    s->session, s->target.user, blob, len, ssh_session_sign, &s->sign_key);

	if (rc == LIBSSH2_ERROR_EAGAIN)
		return STEP_WAIT;
	if ((rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED ||
		rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED) &&
	    !s->io_ended)
		return ssh_fail(s, SSH_AUTH,
		    "%s port %d does not let user '%s' in with %s key", s->target.address,
		    s->target.port, s->target.user, s->target.key == s->pool->key ? "the site" : "the fleet's own");
	if (rc)
		return ssh_fail(s, blame(s, rc), "login at %s port %d ended: %s", s->target.address,
		    s->target.port, ssh_session_error(s, why));
	ssh_set_state(s, ST_IDLE);
	ssh_logged_in(s);
	return STEP_WAIT; /* it kicks itself when there is a command */
}

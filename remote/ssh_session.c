/*
 * libssh2 under control: its memory has a ceiling per connection and is taken back whole, its socket can be cut off so that
 * freeing a session never waits, and it reads no more than a fair share per turn of the loop.
 */
#include "ssh_priv.h"

#include <errno.h>
#include <sys/socket.h>

#define MEMORY_MAX     ((size_t)8 * 1024 * 1024)
#define UNTRUSTED_READ ((size_t)256 * 1024) /* all of a handshake and login is some 5 KiB */
#define TURN_READ      ((size_t)512 * 1024)
#define SLACK          64 /* libssh2 1.10 reads a few bytes behind short packets in places */

struct block {
	struct list link;
	size_t size;
	_Alignas(max_align_t) char data[];
};

static LIBSSH2_ALLOC_FUNC(session_alloc)
{
	struct ssh *s = *abstract;
	struct block *b;

	if (count > MEMORY_MAX || s->block_bytes + count > MEMORY_MAX)
		return NULL;
	b = xcalloc(1, sizeof(*b) + count + SLACK);
	b->size = count;
	list_append(&s->blocks, &b->link);
	s->block_bytes += count;
	return b->data;
}

/* Everything may have been a key or a password somewhere. */
static void block_free(struct ssh *s, struct block *b)
{
	list_remove(&b->link);
	s->block_bytes -= b->size;
	explicit_bzero(b->data, b->size);
	free(b);
}

static LIBSSH2_FREE_FUNC(session_free)
{
	if (ptr)
		block_free(*abstract, CONTAINER_OF(ptr, struct block, data));
}

static LIBSSH2_REALLOC_FUNC(session_realloc)
{
	void *fresh = session_alloc(count, abstract);
	size_t old;

	if (!fresh || !ptr)
		return fresh;
	old = CONTAINER_OF(ptr, struct block, data)->size;
	memcpy(fresh, ptr, old < count ? old : count);
	session_free(ptr, abstract);
	return fresh;
}

static LIBSSH2_RECV_FUNC(session_recv)
{
	struct ssh *s = *abstract;
	ssize_t n;

	if (s->io_dead)
		return -ECONNRESET;
	if (s->read_turn >= TURN_READ)
		return -EAGAIN;
	if (s->state < ST_IDLE && s->read_total >= UNTRUSTED_READ) {
		s->io_ended = true;
		str_copy(s->goodbye, "too much data before login");
		return -EMSGSIZE;
	}
	n = recv(socket, buffer, length, flags);
	if (n < 0) {
		n = -errno;
		if (n == -EINTR || n == -EWOULDBLOCK)
			n = -EAGAIN;
	}
	if (n > 0) {
		s->read_total += (size_t)n;
		s->read_turn += (size_t)n;
		s->last_read = ssh_now(s);
	} else if (n != -EAGAIN) {
		s->io_ended = true;
	}
	return n;
}

static LIBSSH2_SEND_FUNC(session_send)
{
	struct ssh *s = *abstract;
	ssize_t n;

	if (s->io_dead)
		return -EPIPE;
	n = send(socket, buffer, length, flags | MSG_NOSIGNAL);
	if (n < 0) {
		n = -errno;
		if (n == -EINTR || n == -EWOULDBLOCK)
			n = -EAGAIN;
		if (n != -EAGAIN)
			s->io_ended = true;
	}
	return n;
}

static LIBSSH2_DISCONNECT_FUNC(session_disconnected)
{
	struct ssh *s = *abstract;
	struct buf safe = BUF(sizeof(s->goodbye) - 1);

	(void)session;
	(void)reason;
	(void)language;
	(void)language_len;
	s->io_ended = true;
	if (message_len > 0) {
		str_safe(&safe, message, message_len > 100 ? 100 : (size_t)message_len, false);
		str_copy(s->goodbye, buf_str(&safe));
	}
	buf_free(&safe);
}

/* A function pointer as the data pointer that libssh2_session_callback_set() takes. */
static void set_callback(LIBSSH2_SESSION *session, int which, void (*fn)(void))
{
	void *p;

	_Static_assert(sizeof(p) == sizeof(fn), "function pointers travel as data pointers");
	memcpy(&p, &fn, sizeof(p));
	libssh2_session_callback_set(session, which, p);
}

/* The pinned type first: libssh2 asks for one type only, the first that both sides have. */
static void host_key_types(struct buf *out, const char *pinned)
{
	static const char *const types[] = { "ssh-ed25519", "ecdsa-sha2-nistp256",
		"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521" };
	size_t len = strcspn(pinned, " ");

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < ARRAY_LEN(types); i++)
			if ((strlen(types[i]) == len && !strncmp(types[i], pinned, len)) ==
			    (pass == 0))
				buf_printf(out, "%s%s", out->len ? "," : "", types[i]);
}

/* Reliability §5.2 B2: nothing with CBC, SHA-1, MD5 or RSA of the old kind is offered. */
static bool set_methods(struct ssh *s)
{
	static const struct {
		int type;
		const char *names;
	} methods[] = {
		{ LIBSSH2_METHOD_KEX,
		    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256" },
		{ LIBSSH2_METHOD_CRYPT_CS, "aes256-ctr,aes128-ctr" },
		{ LIBSSH2_METHOD_CRYPT_SC, "aes256-ctr,aes128-ctr" },
		{ LIBSSH2_METHOD_MAC_CS, "hmac-sha2-256,hmac-sha2-512" },
		{ LIBSSH2_METHOD_MAC_SC, "hmac-sha2-256,hmac-sha2-512" },
		{ LIBSSH2_METHOD_COMP_CS, "none" },
		{ LIBSSH2_METHOD_COMP_SC, "none" },
	};
	struct buf types = BUF(256);
	bool ok = true;

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		ok = ok &&
		     !libssh2_session_method_pref(s->session, methods[i].type, methods[i].names);
	host_key_types(&types, s->target.host_key);
	ok =
	    ok && !libssh2_session_method_pref(s->session, LIBSSH2_METHOD_HOSTKEY, buf_str(&types));
	buf_free(&types);
	return ok;
}

bool ssh_session_start(struct ssh *s)
{
	s->session = libssh2_session_init_ex(session_alloc, session_free, session_realloc, s);
	if (!s->session)
		return false;
	libssh2_session_set_blocking(s->session, 0);
	set_callback(s->session, LIBSSH2_CALLBACK_RECV, (void (*)(void))session_recv);
	set_callback(s->session, LIBSSH2_CALLBACK_SEND, (void (*)(void))session_send);
	set_callback(s->session, LIBSSH2_CALLBACK_DISCONNECT, (void (*)(void))session_disconnected);
	libssh2_keepalive_config(s->session, 1, 1); /* when to send is decided in ssh_keepalive() */
	return set_methods(s);
}

/*
 * With the socket cut off no function of the library can answer EAGAIN, so this never waits. What libssh2 forgets (it does
 * when a key exchange is interrupted) is taken back from the list of blocks.
 */
void ssh_session_stop(struct ssh *s, bool politely)
{
	int tries = 0;

	if (!s->session)
		return;
	if (politely && s->pending == CALL_ANY && !s->io_ended)
		libssh2_session_disconnect(s->session, "done");
	s->io_dead = true;
	while (libssh2_session_free(s->session) == LIBSSH2_ERROR_EAGAIN)
		if (++tries > 100)
			break;
	s->session = NULL;
	s->channel = NULL;
	list_for_each_safe (n, &s->blocks)
		block_free(s, CONTAINER_OF(n, struct block, link));
}

bool ssh_session_host_key(struct ssh *s)
{
	size_t len, type_len;
	int type;
	const char *blob = libssh2_session_hostkey(s->session, &len, &type);
	const uint8_t *b = (const uint8_t *)blob;
	char *text;
	int n;

	if (!blob || len < 5)
		return false;
	type_len = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
	if (!type_len || type_len > 32 || type_len > len - 4)
		return false;
	text = str_base64(blob, len);
	n = snprintf(s->host_key, sizeof(s->host_key), "%.*s %s", (int)type_len, blob + 4, text);
	free(text);
	return n > 0 && (size_t)n < sizeof(s->host_key);
}

bool ssh_same_key(const char *a, const char *b)
{
	size_t la = strcspn(a, " "), lb;

	la += a[la] ? 1 + strcspn(a + la + 1, " \t\r\n") : 0;
	lb = strcspn(b, " ");
	lb += b[lb] ? 1 + strcspn(b + lb + 1, " \t\r\n") : 0;
	return la && la == lb && !memcmp(a, b, la);
}

const char *ssh_session_error(struct ssh *s, char out[TEXT_MAX])
{
	char *text = NULL;
	int code = libssh2_session_last_error(s->session, &text, NULL, 0);

	if (s->goodbye[0])
		snprintf(out, TEXT_MAX, "%s", s->goodbye);
	else if (s->io_ended)
		snprintf(out, TEXT_MAX, "connection closed by the other side");
	else
		snprintf(out, TEXT_MAX, "%s (%d)", text && *text ? text : "protocol error", code);
	return out;
}

LIBSSH2_USERAUTH_PUBLICKEY_SIGN_FUNC(ssh_session_sign)
{
	const struct ssh_key *key = *abstract;

	*sig = session_alloc(64, libssh2_session_abstract(session));
	if (!*sig)
		return -1;
	*sig_len = 64;
	if (ssh_key_sign(key, data, data_len, *sig) < 0) {
		session_free(*sig, libssh2_session_abstract(session));
		return -1;
	}
	return 0;
}

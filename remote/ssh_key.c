#include "ssh_key.h"

#include "base/crypto.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define TYPE     "ssh-ed25519"
#define RAW_LEN  32
#define BLOB_LEN (4 + (sizeof(TYPE) - 1) + 4 + RAW_LEN)

struct ssh_key {
	EVP_PKEY *pkey;
	uint8_t blob[BLOB_LEN];
	char *public_line;
};

static uint8_t *put_string(uint8_t *to, const void *data, uint32_t n)
{
	to[0] = (uint8_t)(n >> 24);
	to[1] = (uint8_t)(n >> 16);
	to[2] = (uint8_t)(n >> 8);
	to[3] = (uint8_t)n;
	memcpy(to + 4, data, n);
	return to + 4 + n;
}

/* Build what the network needs from the private key, once. A comment is one printable word list: it ends in authorized_keys. */
static int describe(struct ssh_key *k, const char *comment)
{
	uint8_t raw[RAW_LEN];
	size_t n = sizeof(raw);
	char *text;
	struct buf safe = BUF(256);

	if (EVP_PKEY_get_raw_public_key(k->pkey, raw, &n) != 1 || n != RAW_LEN)
		return -1;
	put_string(put_string(k->blob, TYPE, sizeof(TYPE) - 1), raw, RAW_LEN);
	text = str_base64(k->blob, BLOB_LEN);
	str_safe(&safe, comment, strlen(comment), false);
	k->public_line = xasprintf("%s %s%s%s", TYPE, text, safe.len ? " " : "", buf_str(&safe));
	free(text);
	buf_free(&safe);
	return 0;
}

/* Never ask a terminal: a daemon has none, and an encrypted key cannot be used here. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int read_key(struct ssh_key *k, const char *path, struct err *e)
{
	struct secret text = { NULL };
	BIO *bio;

	if (secret_read_file(&text, path, e) < 0)
		return err_wrap(e, "site key");
	bio = BIO_new_mem_buf(text.value, -1);
	k->pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	secret_wipe(&text);
	if (!k->pkey || EVP_PKEY_get_base_id(k->pkey) != EVP_PKEY_ED25519)
		return err_set(e, ERR_USAGE,
		    "site key '%s' is not an unencrypted ed25519 key in PKCS#8 PEM; move it away and a new one is made",
		    path);
	return 0;
}

static char *make_pem(struct err *e)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *bio = BIO_new(BIO_s_secmem());
	char *data, *pem = NULL;
	long n;

	if (pkey && bio &&
	    PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1) {
		n = BIO_get_mem_data(bio, &data);
		pem = xstrndup(data, (size_t)n);
	} else {
		err_set(e, ERR_FAILED, "libcrypto cannot make an ed25519 key");
	}
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return pem;
}

static int write_all(int fd, const char *data, size_t n)
{
	ssize_t w;

	while (n) {
		w = write(fd, data, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		data += w;
		n -= (size_t)w;
	}
	return 0;
}

static void sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = !slash          ? xstrdup(".")
		    : slash == path ? xstrdup("/")
				    : xstrndup(path, (size_t)(slash - path));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(dir);
}

/* link() and not rename(): when two daemons start at once the second takes the first one's key instead of replacing it. */
static int write_key(const char *path, const char *pem, struct err *e)
{
	char *temp = xasprintf("%s.%ld.new", path, (long)getpid());
	int fd, rc = -1;

	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		err_errno(e, ERR_FAILED, "cannot make site key '%s'", path);
		goto out;
	}
	if (write_all(fd, pem, strlen(pem)) < 0 || fsync(fd) < 0) {
		err_errno(e, ERR_FAILED, "cannot write site key '%s'", path);
		goto out;
	}
	if (link(temp, path) < 0 && errno != EEXIST) {
		err_errno(e, ERR_FAILED, "cannot put site key '%s' in place", path);
		goto out;
	}
	sync_directory(path);
	rc = 0;
out:
	if (fd >= 0)
		close(fd);
	unlink(temp);
	free(temp);
	return rc;
}

static int make_file(const char *path, struct err *e)
{
	char *pem = make_pem(e);
	int rc;

	if (!pem)
		return -1;
	rc = write_key(path, pem, e);
	explicit_bzero(pem, strlen(pem));
	free(pem);
	return rc;
}

int ssh_key_load(struct ssh_key **out, const char *path, const char *comment, struct err *e)
{
	struct ssh_key *k;
	struct stat st;

	*out = NULL;
	if (lstat(path, &st) < 0 && errno == ENOENT && make_file(path, e) < 0)
		return -1;
	k = xcalloc(1, sizeof(*k));
	if (read_key(k, path, e) < 0) {
		ssh_key_free(k);
		return -1;
	}
	if (describe(k, comment ? comment : "") < 0) {
		ssh_key_free(k);
		return err_set(e, ERR_FAILED, "libcrypto cannot use site key '%s'", path);
	}
	*out = k;
	return 0;
}

struct ssh_key *ssh_key_from_seed(const uint8_t seed[32], const char *comment)
{
	struct ssh_key *k = xcalloc(1, sizeof(*k));

	k->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	if (k->pkey && describe(k, comment) == 0)
		return k;
	ssh_key_free(k);
	return NULL;
}

const char *ssh_key_public(const struct ssh_key *k)
{
	return k->public_line;
}

const uint8_t *ssh_key_blob(const struct ssh_key *k, size_t *len)
{
	*len = BLOB_LEN;
	return k->blob;
}

int ssh_key_sign(const struct ssh_key *k, const void *data, size_t n, uint8_t out[64])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = 64;
	int rc = -1;

	if (ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
	    EVP_DigestSign(ctx, out, &len, data, n) == 1 && len == 64)
		rc = 0;
	EVP_MD_CTX_free(ctx);
	return rc;
}

/* openssh-key-v1, unencrypted: OpenSSH before 9.6 reads no ed25519 key in PKCS#8 (PROTOCOL.key). */
int ssh_key_openssh(const struct ssh_key *k, struct buf *out)
{
	static const uint8_t head[] = "openssh-key-v1\0\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1";
	uint8_t raw[64], all[512], inner[256] = { 0 }, *p = inner + 8, *q = all;
	size_t n = 32, m = 32;
	char *text;

	if (EVP_PKEY_get_raw_private_key(k->pkey, raw, &n) != 1 || EVP_PKEY_get_raw_public_key(k->pkey, raw + 32, &m) != 1)
		return -1;
	p = put_string(put_string(p, TYPE, sizeof(TYPE) - 1), raw + 32, 32);
	p = put_string(put_string(p, raw, 64), "gpufleet", 8);
	for (uint8_t pad = 1; (p - inner) % 8; pad++)
		*p++ = pad;
	memcpy(q, head, sizeof(head) - 1);
	q = put_string(q + sizeof(head) - 1, k->blob, BLOB_LEN);
	q = put_string(q, inner, (uint32_t)(p - inner));
	text = str_base64(all, (size_t)(q - all));
	buf_printf(out, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	for (size_t at = 0; at < strlen(text); at += 70)
		buf_printf(out, "%.70s\n", text + at);
	buf_printf(out, "-----END OPENSSH PRIVATE KEY-----\n");
	explicit_bzero(text, strlen(text));
	free(text);
	explicit_bzero(raw, sizeof(raw));
	explicit_bzero(inner, sizeof(inner));
	explicit_bzero(all, sizeof(all));
	return out->overflow ? -1 : 0;
}

bool ssh_key_print(const char *public_line, char out[SSH_PRINT_MAX])
{
	const char *base64 = strchr(public_line, ' ');
	char *text = base64 ? xstrndup(base64 + 1, strcspn(base64 + 1, " \t\r\n")) : NULL;
	uint8_t *blob, digest[SHA256_LEN];
	size_t n = 0;

	blob = text ? crypto_base64_decode(text, &n) : NULL;
	free(text);
	*out = '\0';
	if (!blob)
		return false;
	crypto_sha256(blob, n, digest);
	free(blob);
	text = str_base64(digest, sizeof(digest));
	snprintf(out, SSH_PRINT_MAX, "SHA256:%.43s", text);
	free(text);
	return true;
}

bool ssh_key_printed(const char *public_line, const char *prints)
{
	char print[SSH_PRINT_MAX];

	if (!ssh_key_print(public_line, print))
		return false;
	for (const char *p = prints; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strlen(print) == strcspn(p, "\n") && !strncmp(p, print, strlen(print)))
			return true;
	return false;
}

void ssh_key_free(struct ssh_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k->public_line);
	free(k);
}

bool ssh_print_valid(const char *text)
{
	return !strncmp(text, "SHA256:", 7) && strlen(text) == SSH_PRINT_MAX - 1 &&
	       strspn(text + 7, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == 43;
}

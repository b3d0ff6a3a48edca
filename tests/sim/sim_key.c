/*
 * Host keys without a child process: fifty machines may start at once.
 */
#include "sim.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

#define ED25519_BLOB 51 /* bytes: the type and the key, each behind its length */

static void put_u32(struct buf *b, uint32_t v)
{
	unsigned char raw[4] = { (unsigned char)(v >> 24), (unsigned char)(v >> 16),
		(unsigned char)(v >> 8), (unsigned char)v };

	buf_append(b, raw, 4);
}

static void put_string(struct buf *b, const void *data, size_t n)
{
	put_u32(b, (uint32_t)n);
	buf_append(b, data, n);
}

/* The private part: two equal check words, the key, a comment, and padding 1, 2, 3 … to eight bytes. */
static void private_part(struct buf *b, const unsigned char pub[32], const unsigned char priv[32])
{
	unsigned char both[64];

	memcpy(both, priv, 32);
	memcpy(both + 32, pub, 32);
	put_u32(b, 0x51e7f1e7);
	put_u32(b, 0x51e7f1e7);
	put_string(b, "ssh-ed25519", 11);
	put_string(b, pub, 32);
	put_string(b, both, sizeof(both));
	put_string(b, "gpufleet-sim", 12);
	for (char pad = 1; b->len % 8; pad++)
		buf_putc(b, pad);
}

static int write_new(const char *path, mode_t mode, const char *text, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	size_t n = strlen(text);

	if (fd < 0 || write(fd, text, n) != (ssize_t)n) {
		if (fd >= 0)
			close(fd);
		return err_errno(e, ERR_FAILED, "cannot write %s", path);
	}
	close(fd);
	return 0;
}

static void key_text(
    const unsigned char pub[32], const unsigned char priv[32], struct buf *file, struct buf *line)
{
	struct buf blob = BUF(256), inner = BUF(512), all = BUF(1024);
	char *text;

	put_string(&blob, "ssh-ed25519", 11);
	put_string(&blob, pub, 32);
	private_part(&inner, pub, priv);
	buf_append(&all, "openssh-key-v1", 15);
	put_string(&all, "none", 4);
	put_string(&all, "none", 4);
	put_string(&all, "", 0);
	put_u32(&all, 1);
	put_string(&all, blob.data, blob.len);
	put_string(&all, inner.data, inner.len);
	text = str_base64(all.data, all.len);
	buf_puts(file, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	for (size_t i = 0; i < strlen(text); i += 70)
		buf_printf(file, "%.70s\n", text + i);
	buf_puts(file, "-----END OPENSSH PRIVATE KEY-----\n");
	free(text);
	text = str_base64(blob.data, blob.len);
	buf_printf(line, "ssh-ed25519 %s gpufleet-sim\n", text);
	free(text);
	buf_free(&blob);
	buf_free(&inner);
	buf_free(&all);
}

int key_create(const char *path, struct err *e)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	unsigned char pub[32], priv[32];
	size_t n = sizeof(pub), k = sizeof(priv);
	struct buf file = BUF(4096), line = BUF(1024);
	char pub_path[PATH_MAX];
	int rc;

	if (!key || !EVP_PKEY_get_raw_public_key(key, pub, &n) ||
	    !EVP_PKEY_get_raw_private_key(key, priv, &k)) {
		EVP_PKEY_free(key);
		return err_set(e, ERR_FAILED, "libcrypto made no ed25519 key");
	}
	EVP_PKEY_free(key);
	key_text(pub, priv, &file, &line);
	snprintf(pub_path, sizeof(pub_path), "%s.pub", path);
	rc = write_new(path, 0600, buf_str(&file), e);
	if (!rc)
		rc = write_new(pub_path, 0644, buf_str(&line), e);
	buf_free(&file);
	buf_free(&line);
	return rc;
}

bool key_print(const char *path, char out[64])
{
	char pub_path[PATH_MAX], line[512] = "", *base64 = line;
	unsigned char blob[256], digest[EVP_MAX_MD_SIZE];
	FILE *f;
	int len;
	char *text;

	snprintf(pub_path, sizeof(pub_path), "%s.pub", path);
	f = fopen(pub_path, "re");
	if (!f || !fgets(line, sizeof(line), f) || !str_starts(line, "ssh-ed25519 ")) {
		if (f)
			fclose(f);
		return false;
	}
	fclose(f);
	base64 += strlen("ssh-ed25519 ");
	base64[strcspn(base64, " \n")] = '\0';
	len = EVP_DecodeBlock(blob, (const unsigned char *)base64, (int)strlen(base64));
	if (len < ED25519_BLOB || EVP_Digest(blob, ED25519_BLOB, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	text = str_base64(digest, 32);
	snprintf(out, 64, "SHA256:%.43s", text);
	free(text);
	return true;
}

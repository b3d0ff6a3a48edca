#include "site.h"
#include "base/rng.h"
#include "base/secret.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool from_hex(const char *s, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned v;

		if (strspn(s + 2 * i, "0123456789abcdef") < 2 || sscanf(s + 2 * i, "%2x", &v) != 1)
			return false;
		out[i] = (uint8_t)v;
	}
	return !s[2 * n];
}

static int parse(struct site *s, const char *text, const char *path, struct err *e)
{
	if (strlen(text) != 7 + 2 * MARK_KEY_LEN || text[6] != ' ' || !from_hex(text + 7, s->key, MARK_KEY_LEN))
		return err_set(e, ERR_FAILED, "'%s' is damaged; restore it from its backup (without it our machines cannot be told "
					      "from other people's)", path);
	memcpy(s->id, text, 6);
	s->id[6] = '\0';
	return 0;
}

static int create(const char *path, struct err *e)
{
	struct rng rng;
	uint8_t key[MARK_KEY_LEN], id[4];
	char hex[2 * MARK_KEY_LEN + 1], name[8], temp[600], line[96];
	int fd, n;
	bool ok;

	rng_kernel(&rng);
	rng_fill(&rng, key, sizeof(key));
	rng_fill(&rng, id, sizeof(id));
	str_hex(key, sizeof(key), hex);
	str_base32(id, sizeof(id), name);
	n = snprintf(line, sizeof(line), "%.6s %s\n", name, hex);
	snprintf(temp, sizeof(temp), "%s.new", path);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot make '%s'", temp);
	ok = write(fd, line, (size_t)n) == n && fsync(fd) == 0;
	close(fd);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(line, sizeof(line));
	explicit_bzero(hex, sizeof(hex));
	if (!ok || rename(temp, path) < 0)
		return err_errno(e, ERR_FAILED, "cannot write '%s'", path);
	return 0;
}

int site_read(struct site *s, const char *path, struct err *e)
{
	struct secret text = { NULL };
	int r;

	if (secret_read_file(&text, path, e) < 0)
		return -1;
	r = parse(s, text.value, path, e);
	secret_wipe(&text);
	return r;
}

int site_load(struct site *s, const char *state_dir, bool may_create, struct err *e)
{
	char path[580];

	snprintf(path, sizeof(path), "%s/site.key", state_dir);
	if (access(path, F_OK) < 0 && errno == ENOENT) {
		if (!may_create)
			return err_set(e, ERR_FAILED, "'%s' is missing although the database has been used; restore it from its backup "
						      "(without it our machines cannot be told from other people's)", path);
		if (create(path, e) < 0)
			return -1;
	}
	return site_read(s, path, e);
}

void site_wipe(struct site *s)
{
	explicit_bzero(s, sizeof(*s));
}

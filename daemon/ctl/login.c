#include "ctl/login.h"
#include "base/crypto.h"
#include "base/str.h"
#include "ctl/keys.h"
#include "ctl/remote.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int authorize(struct ctl *c, const char *name, int64_t slot, json_t **answer, struct err *e)
{
	json_t *keys = keys_collect(e), *body;
	char *path;
	int rc;

	if (!keys)
		return -1;
	body = json_object();
	json_put(body, "public_keys", keys);
	json_put_int(body, "instance", slot);
	path = ctl_path("/v1/fleets/%s/authorize", name);
	rc = ctl_post(c, path, body, NULL, answer, e);
	free(path);
	json_decref(body);
	return rc;
}

/* What becomes part of a command line and of known_hosts: nothing that ssh could take for an option or a pattern. */
static int check_where(const json_t *where, bool elsewhere, struct err *e)
{
	const char *address = json_str(where, "address", ""), *user = json_str(where, "user", "");
	const char *key = json_str(where, "host_key", "");
	int64_t port = json_int(where, "port", 0);

	for (const char *s = address; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:_%", *s))
			return err_set(e, ERR_FAILED, "the daemon names an impossible address");
	if (!*address || *address == '-')
		return err_set(e, ERR_FAILED, "the machine has no address yet");
	if (elsewhere && (str_starts(address, "127.") || !strcmp(address, "::1") || !strcmp(address, "localhost")))
		return err_set(e, ERR_UNREACHABLE, "'%s' is an address on the daemon's own host; log in from there, or use: gpufleetctl exec",
		    address);
	if (!str_is_name(user, 63) || port < 1 || port > 65535)
		return err_set(e, ERR_FAILED, "the daemon names no user and port for '%s'", address);
	if (!keys_is_public(key))
		return err_set(e, ERR_FAILED, "the daemon knows no host key of '%s', so nothing could be trusted", address);
	return 0;
}

/* Where small files that can be made again are kept, made when missing. Caller frees. */
static char *cache_dir(void)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *base = xdg && *xdg == '/' ? xstrdup(xdg) : xasprintf("%s/.cache", home && *home == '/' ? home : "/nowhere");
	char *own = xasprintf("%s/gpufleet", base), *dir = xasprintf("%s/hosts", own);

	mkdir(base, 0700);
	mkdir(own, 0700);
	mkdir(dir, 0700);
	free(base);
	free(own);
	return dir;
}

/*
 * known_hosts with the one key. The file is named by its content, so it is never wrong and never in the way: ssh may read it
 * whenever it likes and nobody has to remove it behind a program that we became.
 */
static int write_known_hosts(const json_t *where, char **path, struct err *e)
{
	char *dir = cache_dir(), *fresh = xasprintf("%s/.new-XXXXXX", dir), hex[17];
	/* With HostKeyAlias the name does not depend on how address and port are written. */
	char *line = xasprintf("gpufleet %s\n", json_str(where, "host_key", ""));
	uint8_t digest[SHA256_LEN];
	ssize_t n = (ssize_t)strlen(line);
	int fd = mkostemp(fresh, O_CLOEXEC), rc = 0;

	crypto_sha256(line, strlen(line), digest);
	str_hex(digest, 8, hex);
	*path = xasprintf("%s/%s", dir, hex);
	if (fd < 0 || write(fd, line, (size_t)n) != n || rename(fresh, *path) < 0)
		rc = err_errno(e, ERR_FAILED, "cannot write the host key to '%s'", dir);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && rc < 0)
		unlink(fresh);
	free(line);
	free(fresh);
	free(dir);
	return rc;
}

/* A path as an ssh option wants it: in quotes, % and $ not meant. */
static char *ssh_path(const char *path)
{
	struct buf b = BUF(4096);

	for (; *path; path++) {
		if (*path == '%')
			buf_putc(&b, '%');
		buf_putc(&b, *path);
	}
	return buf_take(&b);
}

size_t login_options(const struct login *l, char **argv)
{
	json_t *identities = keys_private_files(), *path;
	size_t n = 0, k;

	argv[n++] = xstrdup("-o");
	argv[n++] = xasprintf("UserKnownHostsFile=\"%s\"", ssh_path(l->known));
	argv[n++] = xstrdup("-o");
	argv[n++] = xstrdup("GlobalKnownHostsFile=/dev/null");
	argv[n++] = xstrdup("-o");
	argv[n++] = xstrdup("StrictHostKeyChecking=yes");
	argv[n++] = xstrdup("-o");
	argv[n++] = xstrdup("HostKeyAlias=gpufleet");
	argv[n++] = xstrdup("-o");
	argv[n++] = xstrdup("UpdateHostKeys=no");
	argv[n++] = xstrdup("-o");
	argv[n++] = xstrdup("CheckHostIP=no");
	json_array_foreach(identities, k, path) {
		if (n + 2 > LOGIN_ARGS_MAX)
			break;
		argv[n++] = xstrdup("-i");
		argv[n++] = xstrdup(json_string_value(path));
	}
	json_decref(identities);
	return n;
}

int login_open(struct ctl *c, const char *target, struct login *l, struct err *e)
{
	char name[80];
	int64_t slot;

	memset(l, 0, sizeof(*l));
	if (ctl_fleet_slot(target, name, sizeof(name), &slot, e) < 0 || authorize(c, name, slot, &l->where, e) < 0 ||
	    check_where(l->where, remote_is_elsewhere(c), e) < 0 || write_known_hosts(l->where, &l->known, e) < 0) {
		login_free(l);
		return -1;
	}
	return 0;
}

void login_free(struct login *l)
{
	json_decref(l->where);
	free(l->known);
	memset(l, 0, sizeof(*l));
}

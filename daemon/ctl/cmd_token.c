/* token: made here, in a file that nobody else can read; what leaves this machine is its digest. */
#include "base/secret.h"
#include "base/str.h"
#include "config/bearer.h"
#include "ctl/cmd.h"
#include "ctl/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory of the file that nobody named; others must be there. */
static void make_directory(const char *file)
{
	char *dir = xstrdup(file), *slash = strrchr(dir, '/');

	*slash = '\0';
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		mkdir(dir, 0700);
		*slash = '/';
	}
	mkdir(dir, 0700);
	free(dir);
}

static int make_token(const char *file, struct err *e)
{
	char token[BEARER_LEN + 2];
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), rc = 0;
	ssize_t n;

	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot make '%s'", file);
	bearer_new(token);
	str_copy_n(token + BEARER_LEN, 2, "\n");
	n = write(fd, token, BEARER_LEN + 1);
	if (n != (ssize_t)BEARER_LEN + 1 || fchmod(fd, 0600) < 0 || fsync(fd) < 0) {
		rc = err_errno(e, ERR_FAILED, "cannot write '%s'", file);
		unlink(file);
	}
	explicit_bzero(token, sizeof(token));
	close(fd);
	return rc;
}

static void show(const struct ctl *c, const char *file, const char *digest, bool made)
{
	json_t *o;

	if (c->json) {
		o = json_object();
		json_put_str(o, "file", file);
		json_put_str(o, "digest", digest);
		json_put_bool(o, "made", made);
		ctl_print_json(o);
		json_decref(o);
		return;
	}
	ctl_say(made ? "Wrote a token to %s. This is its digest, for a file of mode 0600 on the daemon's host:"
		     : "There is a token in %s already. This is its digest:", file);
	ctl_print(stdout, STYLE_PLAIN, "%s", digest);
	if (made)
		ctl_say("and in gpufleetd.yaml there:  tokens: { NAME: { role: operator, file: /etc/gpufleet/NAME.digest } }");
}

static int run_token(struct ctl *c, struct err *e)
{
	char *file = c->args.word_count ? xstrdup(c->args.words[0]) : remote_token_file(), digest[80];
	uint8_t bytes[SHA256_LEN];
	bool made;
	int rc;

	if (!file)
		return err_set(e, ERR_USAGE, "HOME is not set; name a file");
	made = access(file, F_OK) < 0 && errno == ENOENT;
	if (made && !c->args.word_count)
		make_directory(file);
	rc = made ? make_token(file, e) : 0;
	if (rc == 0)
		rc = bearer_read_file(file, bytes, e);
	if (rc == 0) {
		bearer_digest_text(bytes, digest);
		show(c, file, digest, made);
	}
	free(file);
	return rc;
}

const struct command command_token = {
	.name = "token",
	.group = "Setup and trouble",
	.synopsis = "[FILE]",
	.summary = "make a token for a daemon elsewhere (--url), and print its digest for that daemon",
	.details = "Without FILE it is ~/.config/gpufleet/token, where --url finds it. A token that is there stays, and its digest is printed. "
		   "The token is never shown, and need not leave this machine: the daemon keeps the digest.",
	.max = 1,
	.operand = "file",
	.run = run_token,
};

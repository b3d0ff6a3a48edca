#include "ctl/cmd.h"
#include "base/crypto.h"
#include "base/str.h"
#include "ctl/keys.h"
#include "ctl/output.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SSH_ARGS 24

/* ---- ssh ---- */

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
static int check_where(const json_t *where, struct err *e)
{
	const char *address = json_str(where, "address", ""), *user = json_str(where, "user", "");
	const char *key = json_str(where, "host_key", "");
	int64_t port = json_int(where, "port", 0);

	for (const char *s = address; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:_%", *s))
			return err_set(e, ERR_FAILED, "the daemon names an impossible address");
	if (!*address || *address == '-')
		return err_set(e, ERR_FAILED, "the machine has no address yet");
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

/* argv for ssh: options, destination, the command's words. Everything is freed by the exec or at exit. */
static char **build_argv(const struct ctl *c, const json_t *where, const char *known)
{
	size_t words = c->args.word_count - 1 + c->args.rest_count, n = 0;
	json_t *identities = keys_private_files(), *path;
	size_t k;
	char **argv = xcalloc(SSH_ARGS + 2 * KEYS_MAX + words, sizeof(*argv));

	argv[n++] = xstrdup("ssh");
	argv[n++] = xstrdup("-o");
	argv[n++] = xasprintf("UserKnownHostsFile=\"%s\"", ssh_path(known));
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
	argv[n++] = xstrdup("-p");
	argv[n++] = xasprintf("%lld", (long long)json_int(where, "port", 22));
	json_array_foreach(identities, k, path) {
		argv[n++] = xstrdup("-i");
		argv[n++] = xstrdup(json_string_value(path));
	}
	json_decref(identities);
	argv[n++] = xstrdup("-l");
	argv[n++] = xstrdup(json_str(where, "user", ""));
	argv[n++] = xstrdup("--");
	argv[n++] = xstrdup(json_str(where, "address", ""));
	for (size_t i = 1; i < c->args.word_count; i++)
		argv[n++] = xstrdup(c->args.words[i]);
	for (size_t i = 0; i < c->args.rest_count; i++)
		argv[n++] = c->args.rest[i];
	return argv;
}

static int run_ssh(struct ctl *c, struct err *e)
{
	char name[80], *known;
	json_t *where;
	int64_t slot;

	if (ctl_fleet_slot(c->args.words[0], name, sizeof(name), &slot, e) < 0 || authorize(c, name, slot, &where, e) < 0)
		return -1;
	if (check_where(where, e) < 0)
		return -1;
	if (c->json) {
		ctl_print_json(where);
		json_decref(where);
		return 0;
	}
	if (write_known_hosts(where, &known, e) < 0)
		return -1;
	execvp("ssh", build_argv(c, where, known));
	return err_errno(e, ERR_FAILED, "cannot run 'ssh'");
}

/* ---- exec ---- */

struct exec {
	struct ctl *c;
	struct output output;
	int64_t exit;
	struct err error;
	bool ended;
};

static int take_line(void *arg, const json_t *line)
{
	struct exec *x = arg;
	const char *stream = json_str(line, "stream", NULL), *error = json_str(line, "error", NULL);

	if (x->c->json)
		ctl_print_json(line);
	else if (stream)
		output_write(&x->output, stream, json_str(line, "text", ""), json_string_length(json_path(line, "text")));
	if (error)
		err_set(&x->error, err_from_name(json_str(line, "code", "failed")), "%s", error);
	if (json_path(line, "exit")) {
		x->exit = json_int(line, "exit", 1);
		x->ended = true;
	}
	return 0;
}

/* ssh joins its words with spaces and lets the remote shell read them; one word is a command line, more are quoted. */
static char *join(const struct args *a)
{
	size_t words = a->word_count - 1 + a->rest_count;
	struct buf b = BUF(1024 * 1024);

	for (size_t i = 0; i < words; i++) {
		const char *word = i < a->word_count - 1 ? a->words[i + 1] : a->rest[i - (a->word_count - 1)];

		if (i)
			buf_putc(&b, ' ');
		if (words == 1)
			buf_puts(&b, word);
		else
			str_shell_quote(&b, word);
	}
	return buf_take(&b);
}

static int run_exec(struct ctl *c, struct err *e)
{
	struct exec x = { .c = c };
	char name[80], *path, *command;
	struct request r = { .method = "POST" };
	json_t *body;
	int64_t slot;
	int rc;

	if (ctl_fleet_slot(c->args.words[0], name, sizeof(name), &slot, e) < 0)
		return -1;
	if (c->args.word_count + c->args.rest_count < 2)
		return err_set(e, ERR_USAGE, "which command? usage: gpufleetctl exec %s", c->args.command->synopsis);
	if (ctl_connect(c, e) < 0)
		return -1;
	command = join(&c->args);
	body = json_object();
	json_put_str(body, "command", command);
	json_put_int(body, "instance", slot);
	path = ctl_path("/v1/fleets/%s/exec", name);
	r.path = path;
	r.body = body;
	output_init(&x.output);
	rc = client_stream(c->client, &r, take_line, &x, &c->problem, e);
	free(path);
	free(command);
	json_decref(body);
	if (rc == 0 && x.error.code) {
		*e = x.error;
		return -1;
	}
	if (rc == 0 && !x.ended)
		return err_set(e, ERR_FAILED, "the connection to the machine ended before the command did");
	return rc == 0 ? (int)(x.exit & 255) : rc;
}

const struct command command_ssh = {
	.name = "ssh",
	.group = "Machines",
	.synopsis = "FLEET[/I] [-- COMMAND ...]",
	.summary = "log in to a machine, with your own key and the host key that was pinned",
	.details = "Puts your public keys on the machine and becomes the system's ssh. I is the number of the instance, from 0.\n"
		   "With --json only says where the machine is. Own failures are 120 + the code.",
	.min = 1,
	.max = -1,
	.operand = "fleet",
	.rest = true,
	.remote_status = true,
	.run = run_ssh,
};

const struct command command_exec = {
	.name = "exec",
	.group = "Machines",
	.synopsis = "FLEET[/I] -- COMMAND ...",
	.summary = "run a command on a machine through the daemon; no key of yours is needed",
	.details = "One word is a command line for the remote shell; several words are passed as they are. Returns the command's exit "
		   "status; own failures are 120 + the code.",
	.min = 1,
	.max = -1,
	.operand = "fleet",
	.rest = true,
	.remote_status = true,
	.run = run_exec,
};

/* ssh and cp: become the system's own program, with the pinned host key. */
#include "base/str.h"
#include "ctl/cmd.h"
#include "ctl/login.h"

#include <unistd.h>

/* ---- ssh ---- */

static char **ssh_argv(const struct ctl *c, const struct login *l)
{
	size_t words = c->args.word_count - 1 + c->args.rest_count, n = 0;
	char **argv = xcalloc(LOGIN_ARGS_MAX + 8 + words, sizeof(*argv));

	argv[n++] = xstrdup("ssh");
	n += login_options(l, argv + n);
	argv[n++] = xstrdup("-p");
	argv[n++] = xasprintf("%lld", (long long)json_int(l->where, "port", 22));
	argv[n++] = xstrdup("-l");
	argv[n++] = xstrdup(json_str(l->where, "user", ""));
	argv[n++] = xstrdup("--");
	argv[n++] = xstrdup(json_str(l->where, "address", ""));
	for (size_t i = 1; i < c->args.word_count; i++)
		argv[n++] = xstrdup(c->args.words[i]);
	for (size_t i = 0; i < c->args.rest_count; i++)
		argv[n++] = c->args.rest[i];
	return argv;
}

static int run_ssh(struct ctl *c, struct err *e)
{
	struct login l;

	if (login_open(c, c->args.words[0], &l, e) < 0)
		return -1;
	if (c->json) {
		ctl_print_json(l.where);
		login_free(&l);
		return 0;
	}
	execvp("ssh", ssh_argv(c, &l));
	return err_errno(e, ERR_FAILED, "cannot run 'ssh'");
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

/* ---- cp ---- */

/* "FLEET/0:path": where the machine's name ends; NULL: it is a path of this host. "./a:b" and "/a:b" are paths, as with scp. */
static const char *machine_end(const char *word)
{
	const char *colon = strchr(word, ':');
	char name[80];
	int64_t slot;
	char *target;
	bool is;

	if (!colon || colon == word || *word == '/' || *word == '.')
		return NULL;
	target = xstrndup(word, (size_t)(colon - word));
	is = ctl_fleet_slot(target, name, sizeof(name), &slot, &(struct err){ 0 }) == 0;
	free(target);
	return is ? colon : NULL;
}

/* The one machine that is named, on one side only. */
static int which_machine(const struct args *a, char **target, struct err *e)
{
	bool from = false, to = machine_end(a->words[a->word_count - 1]) != NULL;

	*target = NULL;
	for (size_t i = 0; i < a->word_count; i++) {
		const char *end = machine_end(a->words[i]);
		char *name;

		if (!end)
			continue;
		from |= i + 1 < a->word_count;
		name = xstrndup(a->words[i], (size_t)(end - a->words[i]));
		if (*target && strcmp(*target, name) != 0) {
			free(name);
			return err_set(e, ERR_USAGE, "from one machine to another: by way of this host, in two commands");
		}
		free(*target);
		*target = name;
	}
	if (from == to)
		return err_set(e, ERR_USAGE, "%s", to ? "both sides are on a machine" : "neither side is on a machine: write FLEET:PATH or FLEET/I:PATH");
	return 0;
}

static char **scp_argv(const struct ctl *c, const struct login *l)
{
	const char *address = json_str(l->where, "address", "");
	bool brackets = strchr(address, ':') != NULL;
	char **argv = xcalloc(LOGIN_ARGS_MAX + 8 + c->args.word_count, sizeof(*argv));
	size_t n = 0;

	argv[n++] = xstrdup("scp");
	argv[n++] = xstrdup("-pr");
	n += login_options(l, argv + n);
	argv[n++] = xstrdup("-P");
	argv[n++] = xasprintf("%lld", (long long)json_int(l->where, "port", 22));
	argv[n++] = xstrdup("--");
	for (size_t i = 0; i < c->args.word_count; i++) {
		const char *word = c->args.words[i], *end = machine_end(word);

		if (end)
			argv[n++] = xasprintf("%s@%s%s%s:%s", json_str(l->where, "user", ""), brackets ? "[" : "", address, brackets ? "]" : "", end + 1);
		else
			argv[n++] = *word == '-' || (strchr(word, ':') && *word != '/' && *word != '.') ? xasprintf("./%s", word) : xstrdup(word);
	}
	return argv;
}

static int run_cp(struct ctl *c, struct err *e)
{
	struct login l;
	char *target;

	if (which_machine(&c->args, &target, e) < 0 || login_open(c, target, &l, e) < 0)
		return -1;
	free(target);
	execvp("scp", scp_argv(c, &l));
	return err_errno(e, ERR_FAILED, "cannot run 'scp'");
}

const struct command command_cp = {
	.name = "cp",
	.group = "Machines",
	.synopsis = "SOURCE ... DESTINATION",
	.summary = "copy files and directories to or from a machine: FLEET[/I]:PATH",
	.details = "Becomes the system's scp with the pinned host key; directories are copied whole, times are kept. A path without a leading "
		   "slash begins in the home directory there.",
	.min = 2,
	.max = -1,
	.operand = "file",
	.run = run_cp,
};

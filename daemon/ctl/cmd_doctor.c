#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/connect.h"
#include "ctl/keys.h"
#include "ctl/remote.h"
#include "ctl/show.h"
#include "ctl/spawn.h"

#include <unistd.h>

static void add(json_t *checks, const char *name, int ok, const char *text, const char *remedy)
{
	json_t *check = json_object();

	json_put_str(check, "name", name);
	json_put(check, "ok", ok < 0 ? json_null() : json_boolean(ok));
	json_put_str(check, "text", text);
	json_put_str(check, "remedy", remedy);
	json_array_append_new(checks, check);
}

/* What the daemon cannot see: this user's side. */
static void check_here(struct ctl *c, json_t *checks)
{
	char program[] = "ssh", version[] = "-V";
	char *argv[] = { program, version, NULL };
	struct buf said = BUF(4096);
	struct err e = { 0 };
	struct where w;
	json_t *keys;

	if (remote_url(c))
		add(checks, "daemon elsewhere", 1, remote_url(c), NULL);
	else if (connect_where(&w, c->socket_option, c->config_option, &e) < 0)
		add(checks, "configuration", 0, e.msg, "name another file with --config");
	else
		add(checks, "configuration", 1, *w.config ? w.config : "no file: defaults, tokens from the environment", NULL);
	if (spawn_wait(argv, NULL, &said, &e) == 0)
		add(checks, "ssh", 1, buf_str(&said), NULL);
	else
		add(checks, "ssh", 0, "the program 'ssh' cannot be run, so 'gpufleetctl ssh' does not work",
		    "install an OpenSSH client");
	buf_free(&said);
	keys = keys_collect(&e);
	if (keys)
		add(checks, "ssh keys", 1, "you have a key to log in with", NULL);
	else
		add(checks, "ssh keys", 0, "you have no SSH key, so 'gpufleetctl ssh' does not work", "ssh-keygen -t ed25519");
	json_decref(keys);
}

static void show_check(const json_t *check)
{
	const json_t *ok = json_path(check, "ok");
	enum style style = json_is_true(ok) ? STYLE_GREEN : json_is_false(ok) ? STYLE_RED : STYLE_YELLOW;
	const char *remedy = json_str(check, "remedy", "");
	char *text = xstrdup(json_str(check, "text", ""));
	size_t n = strlen(text);

	while (n && text[n - 1] == '\n')
		text[--n] = '\0';
	printf("%s%-4s%s ", term_style(stdout, style),
	    json_is_true(ok)    ? "ok"
	    : json_is_false(ok) ? "BAD"
				: "?",
	    term_style(stdout, STYLE_PLAIN));
	ctl_print(stdout, STYLE_PLAIN, "%s: %s", json_str(check, "name", "?"), text);
	if (*remedy && !json_is_true(ok))
		ctl_print(stdout, STYLE_PLAIN, "     %s", remedy);
	free(text);
}

static int run_doctor(struct ctl *c, struct err *e)
{
	json_t *document = json_object(), *checks = json_array(), *answer = NULL;
	struct err why = { 0 };
	const json_t *check;
	size_t n, bad = 0;

	check_here(c, checks);
	if (ctl_get(c, "/v1/doctor", &answer, &why) == 0)
		add(checks, "daemon", 1, "it answers", NULL);
	else
		add(checks, "daemon", 0, why.msg, why.code == ERR_UNREACHABLE ? "see what 'gpufleetd' says in the foreground" : NULL);
	json_array_extend(checks, (json_t *)(uintptr_t)json_path(answer, "checks"));
	json_object_set(document, "checks", checks);
	json_object_set(document, "loop", (json_t *)(uintptr_t)json_path(answer, "loop"));
	json_object_set(document, "versions", (json_t *)(uintptr_t)json_path(answer, "versions"));
	json_array_foreach(checks, n, check) {
		bad += json_is_false(json_path(check, "ok"));
		if (!c->json)
			show_check(check);
	}
	if (c->json)
		ctl_print_json(document);
	json_decref(answer);
	json_decref(checks);
	json_decref(document);
	if (why.code == ERR_UNREACHABLE) {
		*e = why;
		return -1;
	}
	return bad ? 1 : 0;
}

const struct command command_doctor = {
	.name = "doctor",
	.group = "Setup and trouble",
	.synopsis = "",
	.summary = "is everything in order, here and in the daemon; what to do where it is not",
	.run = run_doctor,
};

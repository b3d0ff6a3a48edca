#include "ctl/ctl.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/version.h"
#include "ctl/connect.h"
#include "ctl/help.h"
#include "ctl/remote.h"
#include "ctl/term.h"

#include <signal.h>

/* ---- requests ---- */

int ctl_connect(struct ctl *c, struct err *e)
{
	const char *url = remote_url(c);
	struct where w;

	if (c->client)
		return 0;
	if (c->url_option && c->socket_option)
		return err_set(e, ERR_USAGE, "--socket and --url name two daemons; give one of them");
	if (url)
		return remote_client(url, &c->client, e);
	if (connect_where(&w, c->socket_option, c->config_option, e) < 0 || connect_ensure(&w, e) < 0)
		return -1;
	c->client = client_new(w.socket);
	return 0;
}

static int call(struct ctl *c, const struct request *r, json_t **answer, struct err *e)
{
	if (answer)
		*answer = NULL;
	if (ctl_connect(c, e) < 0)
		return -1;
	json_decref(c->problem);
	c->problem = NULL;
	return client_call(c->client, r, answer, &c->problem, e);
}

int ctl_get(struct ctl *c, const char *path, json_t **answer, struct err *e)
{
	return call(c, &(struct request){ .method = "GET", .path = path }, answer, e);
}

int ctl_post(struct ctl *c, const char *path, const json_t *body, const char *key, json_t **answer, struct err *e)
{
	return call(c, &(struct request){ .method = "POST", .path = path, .body = body, .key = key }, answer, e);
}

int ctl_delete(struct ctl *c, const char *path, json_t **answer, struct err *e)
{
	return call(c, &(struct request){ .method = "DELETE", .path = path }, answer, e);
}

char *ctl_path(const char *fmt, ...)
{
	struct buf b = BUF(64 * 1024);
	va_list ap;

	va_start(ap, fmt);
	for (; *fmt; fmt++) {
		if (fmt[0] == '%' && fmt[1] == 's') {
			str_percent_encode(&b, va_arg(ap, const char *));
			fmt++;
		} else {
			buf_putc(&b, *fmt);
		}
	}
	va_end(ap);
	return buf_take(&b);
}

void ctl_new_key(char out[33])
{
	uint8_t bytes[16];
	struct rng r;

	rng_kernel(&r);
	rng_fill(&r, bytes, sizeof(bytes));
	str_hex(bytes, sizeof(bytes), out);
}

/* ---- words ---- */

void ctl_print_json(const json_t *j)
{
	json_dumpf(j, stdout, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15) | (term_is_out() ? JSON_INDENT(2) : JSON_COMPACT));
	fputc('\n', stdout);
	fflush(stdout);
}

static void print_line(FILE *to, enum style style, const char *fmt, va_list ap)
{
	struct buf safe = BUF(128 * 1024);
	char text[16384];

	vsnprintf(text, sizeof(text), fmt, ap);
	str_safe(&safe, text, strlen(text), true);
	if (style == STYLE_PLAIN)
		fprintf(to, "%s\n", buf_str(&safe));
	else
		fprintf(to, "%s%s%s\n", term_style(to, style), buf_str(&safe), term_style(to, STYLE_PLAIN));
	buf_free(&safe);
}

void ctl_print(FILE *to, enum style style, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(to, style, fmt, ap);
	va_end(ap);
}

void ctl_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(stderr, STYLE_PLAIN, fmt, ap);
	va_end(ap);
}

enum err_code ctl_cause_code(const char *cause)
{
	static const struct {
		const char *cause;
		enum err_code code;
	} rows[] = {
		{ "unplaceable", ERR_CAPACITY },
		{ "no_capacity", ERR_CAPACITY },
		{ "money", ERR_REFUSED },
		{ "refused", ERR_REFUSED },
		{ "limit", ERR_REFUSED },
		{ "denied", ERR_REFUSED },
		{ "secret", ERR_REFUSED },
		{ "expired", ERR_TIMEOUT },
		{ "timed_out", ERR_TIMEOUT },
		{ "boot_timeout", ERR_TIMEOUT },
		{ "ssh_timeout", ERR_TIMEOUT },
	};

	for (size_t i = 0; cause && i < ARRAY_LEN(rows); i++)
		if (!strcmp(rows[i].cause, cause))
			return rows[i].code;
	return ERR_FAILED;
}

int ctl_cause_exit(const char *cause)
{
	return err_exit_code(ctl_cause_code(cause));
}

int ctl_run_id(const char *text, int64_t *id, struct err *e)
{
	const char *digits = str_starts(text, "run-") ? text + 4 : text;

	if (str_to_i64(digits, 1, INT64_MAX, id))
		return 0;
	return err_set(e, ERR_USAGE, "'%.64s' is no run; runs have numbers, see: gpufleetctl runs", text);
}

int ctl_fleet_slot(const char *text, char *name, size_t size, int64_t *slot, struct err *e)
{
	const char *slash = strchr(text, '/');

	*slot = 0;
	if (slash && !str_to_i64(slash + 1, 0, 100000, slot))
		return err_set(e, ERR_USAGE, "'%.64s': behind the / stands the number of an instance, from 0", text);
	if (!str_copy_n(name, size, text))
		return err_set(e, ERR_USAGE, "'%.64s…' is no name of a fleet", text);
	name[strcspn(name, "/")] = '\0';
	if (!str_is_name(name, 63))
		return err_set(e, ERR_USAGE, "'%.64s' is no name of a fleet; see: gpufleetctl status", text);
	return 0;
}

int ctl_post_instance(struct ctl *c, const char *target, const char *verb, json_t *body, char label[96], json_t **answer, struct err *e)
{
	char *path, key[33], name[64];
	int64_t slot;
	int rc = ctl_fleet_slot(target, name, sizeof(name), &slot, e);

	if (rc == 0) {
		snprintf(label, 96, "%s/%lld", name, (long long)slot);
		json_put_int(body, "instance", slot);
		ctl_new_key(key);
		path = ctl_path("/v1/fleets/%s/%s", name, verb);
		rc = ctl_post(c, path, body, key, answer, e);
		free(path);
	}
	json_decref(body);
	return rc;
}

/* ---- the program ---- */

const struct command *command_find(const char *name)
{
	for (size_t i = 0; ctl_commands[i]; i++)
		if (!strcmp(ctl_commands[i]->name, name) || (ctl_commands[i]->alias && !strcmp(ctl_commands[i]->alias, name)))
			return ctl_commands[i];
	return NULL;
}

static int unknown_command(const char *word, struct err *e)
{
	const char *names[128] = { NULL }, *near;
	size_t n = 0;

	for (size_t i = 0; ctl_commands[i] && n + 3 < ARRAY_LEN(names); i++) {
		names[n++] = ctl_commands[i]->name;
		if (ctl_commands[i]->alias)
			names[n++] = ctl_commands[i]->alias;
	}
	near = str_nearest(word, names);
	if (near)
		return err_set(e, ERR_USAGE, "unknown command '%.64s' (did you mean '%s'?)", word, near);
	return err_set(e, ERR_USAGE, "unknown command '%.64s'; see: gpufleetctl help", word);
}

static int fail(struct ctl *c, const struct err *e)
{
	const struct command *command = c->args.command;
	int code = err_exit_code(e->code);
	struct buf safe = BUF(8192);
	json_t *j;

	if (c->json && c->problem) {
		ctl_print_json(c->problem);
	} else if (c->json) {
		j = json_object();
		json_put_str(j, "code", err_name(e->code));
		json_put_str(j, "detail", e->msg);
		ctl_print_json(j);
		json_decref(j);
	}
	str_safe(&safe, e->msg, strlen(e->msg), true);
	fprintf(stderr, "%sgpufleetctl:%s %s\n", term_style(stderr, STYLE_RED), term_style(stderr, STYLE_PLAIN),
	    buf_str(&safe));
	buf_free(&safe);
	return command && command->remote_status ? 120 + code : code;
}

static void take_globals(struct ctl *c, const struct args *a)
{
	if (args_has(a, "socket"))
		c->socket_option = args_text(a, "socket");
	if (args_has(a, "config"))
		c->config_option = args_text(a, "config");
	if (args_has(a, "url"))
		c->url_option = args_text(a, "url");
	c->json |= args_has(a, "json");
}

static bool given(const struct args *a, const char *name)
{
	for (size_t i = 0; i < a->count; i++)
		if (!strcmp(a->values[i].opt->name, name))
			return true;
	return false;
}

static int run_command(struct ctl *c, const struct command *command, int argc, char **argv, bool no_color, struct err *e)
{
	struct args a;
	int rc;

	c->args.command = command; /* so that mistakes in options get the right exit status */
	if (args_parse(&a, command, argc, argv, e) < 0)
		return -1;
	c->args = a;
	take_globals(c, &c->args);
	term_init(no_color || args_has(&c->args, "no-color"));
	if (args_has(&c->args, "help")) {
		help_command(stdout, command);
		return 0;
	}
	rc = command->run(c, e);
	return rc;
}

static int version_only(void)
{
	printf("gpufleetctl %s\n", GPUFLEET_VERSION);
	return 0;
}

static int dispatch(struct ctl *c, int argc, char **argv, struct err *e)
{
	const struct command *command;
	struct args globals;
	bool no_color, help;
	int next, rc;

	if (args_parse_global(&globals, argc, argv, &next, e) < 0)
		return -1;
	take_globals(c, &globals);
	no_color = args_has(&globals, "no-color");
	help = args_has(&globals, "help");
	rc = given(&globals, "version") ? version_only() : -2;
	args_free(&globals);
	if (rc >= 0)
		return rc;
	term_init(no_color);
	if (help || next == argc) {
		help_all(help ? stdout : stderr);
		return help ? 0 : 2;
	}
	command = command_find(argv[next]);
	if (!command)
		return unknown_command(argv[next], e);
	return run_command(c, command, argc - next, argv + next, no_color, e);
}

int ctl_main(int argc, char **argv)
{
	struct ctl c = { 0 };
	struct err e = { 0 };
	int rc;

	/* A reader that went away (head, less) ends the program as it ends others. */
	signal(SIGPIPE, SIG_DFL);
	term_init(false);
	rc = dispatch(&c, argc, argv, &e);
	if (rc < 0)
		rc = fail(&c, &e);
	if (fflush(stdout) < 0 && rc == 0) {
		perror("gpufleetctl: standard output");
		rc = 1;
	}
	client_free(c.client);
	json_decref(c.problem);
	args_free(&c.args);
	return rc;
}

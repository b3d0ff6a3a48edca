/* exec: a command over the daemon's connection, on one machine or on all of a fleet. */
#include "base/str.h"
#include "ctl/cmd.h"
#include "ctl/many.h"
#include "ctl/output.h"
#include "ctl/watch.h"

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
		output_line(&x->output, stream, line);
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

/* Each instance by this program itself, side by side, its lines behind its name. */
static int exec_on_all(struct ctl *c, struct err *e)
{
	json_t *fleet, *i;
	struct many m = { .words = NULL };
	size_t k;
	int rc;

	if (ctl_get_fleet(c, c->args.words[0], &fleet, e) < 0)
		return -1;
	json_array_foreach(json_object_get(fleet, "instances"), k, i) {
		const char *state = json_str(i, "state", "");

		if (!strcmp(state, "READY") || !strcmp(state, "BUSY"))
			many_add(&m, "%s/%lld", json_str(fleet, "name", "?"), (long long)json_int(i, "slot", 0));
	}
	json_decref(fleet);
	if (!m.count)
		return err_set(e, ERR_CONFLICT, "no machine of '%.60s' is ready", c->args.words[0]);
	rc = many_run(&m, c, e);
	many_free(&m);
	return rc;
}

static int run_exec(struct ctl *c, struct err *e)
{
	struct exec x = { .c = c };
	char name[80], *path, *command;
	struct request r = { .method = "POST" };
	json_t *body;
	int64_t slot;
	int rc;

	if (args_has(&c->args, "all"))
		return exec_on_all(c, e);
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

static const struct opt opts[] = {
	{ "all", 'a', ARG_FLAG, NULL, "on all machines of the fleet that are ready, each line behind its machine's name", NULL, 0, 0, false },
};

const struct command command_exec = {
	.name = "exec",
	.group = "Machines",
	.synopsis = "FLEET[/I] [--all] -- COMMAND ...",
	.summary = "run a command on a machine, or on all of a fleet, through the daemon; no key of yours is needed",
	.details = "One word is a command line for the remote shell; several words are passed as they are. Returns the command's exit "
		   "status, with --all the highest; own failures are 120 + the code.",
	.min = 1,
	.max = -1,
	.operand = "fleet",
	.rest = true,
	.remote_status = true,
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_exec,
};

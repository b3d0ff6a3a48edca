/*
 * Commands of people on machines: exec, and the keys of theirs that let them in. Their word on machines, where only they can know.
 */
#include "api_private.h"
#include "base/log.h"
#include "base/str.h"
#include "remote/job.h"
#include "remote/ssh.h"

/* NULL: there is none that is not GONE. */
static struct instance *newest(const struct fleet *f, int64_t slot)
{
	struct instance *best = NULL;

	list_for_each(n, &f->instance_list) {
		struct instance *i = INSTANCE_OF(n);

		if (i->slot == slot && i->state != INSTANCE_GONE)
			best = i;
	}
	return best;
}

static struct instance *instance_for(struct request *r, struct fleet *f)
{
	int64_t slot = json_int(r->in, "instance", 0);
	struct instance *best = newest(f, slot);
	struct err e;

	if (!best || (best->state != INSTANCE_READY && best->state != INSTANCE_BUSY)) {
		err_set(&e, best ? ERR_CONFLICT : ERR_NOT_FOUND,
		    best ? "%s/%lld is %s, not READY yet" : "fleet '%s' has no instance %lld now", f->name, (long long)slot,
		    best ? instance_fsm.state_names[best->state] : "");
		request_error(r, &e);
		return NULL;
	}
	return best;
}

static void touch(struct request *r, const struct fleet *f)
{
	struct fact fact = { .kind = FACT_FLEET_TOUCH, .id = f->object.id, .actor = r->actor };

	engine_fact(r->api->en, &fact);
}

struct command {
	struct request *r;
	struct execute_exec *ex;
	int64_t instance_id;
	int keys_left;
};

static void exec_gone(struct request *r)
{
	struct command *c = r->state;

	if (c && c->ex)
		execute_exec_cancel(c->ex);
	free(c);
}

static void exec_output(void *arg, enum ssh_stream stream, const char *data, size_t n)
{
	struct command *c = arg;

	stream_put(c->r, output_line(stream == SSH_STDOUT ? "stdout" : "stderr", data, n));
}

static void exec_done(void *arg, const struct ssh_exit *x)
{
	struct command *c = arg;
	json_t *o = json_object();

	c->ex = NULL;
	if (x->outcome == SSH_OK) {
		json_put_int(o, "exit", x->status);
	} else {
		json_put_str(o, "error", x->message);
		json_put_str(o, "code", x->outcome == SSH_LOST ? "failed" : "unreachable");
	}
	stream_put(c->r, o);
	stream_end(c->r);
}

void post_exec(struct request *r)
{
	static const char *const keys[] = { "command", "instance", NULL };
	struct fleet *f = fleet_named(r, r->arg[0]);
	const char *command = json_str(r->in, "command", "");
	struct instance *i;
	struct command *c;
	struct err e;

	if (no_fleet(r, f) || !may_touch(r, f->owner) || !check_keys(r, keys) || !(i = instance_for(r, f)))
		return;
	if (!*command || strlen(command) > SSH_COMMAND_MAX / 2) {
		err_set(&e, ERR_USAGE, *command ? "the command is too long; put it into a script and use: gpufleetctl run" : "'command' is missing");
		request_error(r, &e);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->r = r;
	r->state = c;
	r->gone = exec_gone;
	if (execute_exec(engine_execute(r->api->en), i, &(struct ssh_command){ .command = command, .max_output = 1u << 30,
	    .idle_limit = DAY, .output = exec_output, .done = exec_done, .arg = c }, &c->ex, &e) < 0) {
		request_error(r, &e);
		return;
	}
	touch(r, f);
	request_stream(r);
}

static void authorized(void *arg, const struct ssh_exit *x)
{
	struct command *c = arg;
	struct request *r = c->r;
	const struct instance *i = model_instance(engine_model(r->api->en), c->instance_id);
	const struct account *a = i ? config_account(engine_config(r->api->en), i->account) : NULL;
	json_t *o;
	struct err e;

	c->ex = NULL;
	if (x->outcome != SSH_OK || x->status || !i || !a) {
		err_set(&e, ERR_UNREACHABLE, "your key could not be put on the machine: %s",
		    *x->message ? x->message : "it refused to store it");
		request_error(r, &e);
		return;
	}
	o = json_object();
	json_put_str(o, "address", i->address);
	json_put_int(o, "port", i->port);
	json_put_str(o, "user", *i->user ? i->user : *a->user ? a->user : provider_find(i->provider)->user);
	json_put_str(o, "host_key", i->host_key);
	request_json(r, 200, o);
}

void post_authorize(struct request *r)
{
	static const char *const keys[] = { "public_keys", "instance", NULL };
	struct fleet *f = fleet_named(r, r->arg[0]);
	const json_t *list = json_object_get(r->in, "public_keys"), *v;
	struct buf cmd = BUF(SSH_COMMAND_MAX), input = BUF(65536);
	struct instance *i;
	struct command *c;
	struct err e;
	size_t k;

	if (no_fleet(r, f) || !may_touch(r, f->owner) || !check_keys(r, keys) || !(i = instance_for(r, f)))
		return;
	/* One command adds them all: the text of each goes to its standard input, a line each. */
	json_array_foreach(list, k, v) {
		const char *line = json_string_value(v);

		if (!line || strpbrk(line, "\r\n") || !(str_starts(line, "ssh-") || str_starts(line, "ecdsa-") || str_starts(line, "sk-")))
			continue;
		buf_reset(&cmd);
		job_authorize_command(&cmd, &input, line);
	}
	c = xcalloc(1, sizeof(*c));
	c->r = r;
	c->instance_id = i->object.id;
	r->state = c;
	r->gone = exec_gone;
	if (!cmd.len) {
		err_set(&e, ERR_USAGE, "'public_keys' has no OpenSSH public key");
		request_error(r, &e);
	} else if (execute_exec(engine_execute(r->api->en), i, &(struct ssh_command){ .command = buf_str(&cmd), .input = buf_str(&input),
		       .input_len = input.len, .done = authorized, .arg = c }, &c->ex, &e) < 0) {
		request_error(r, &e);
	} else {
		touch(r, f);
	}
	buf_free(&cmd);
	buf_free(&input);
}

/* ---- the word of a person ---- */

/* The newest order of this slot that is in doubt, or the newest of all: the core says why that will not do. */
static const struct instance *in_doubt(const struct fleet *f, int64_t slot)
{
	const struct instance *found = NULL;

	list_for_each(n, &f->instance_list)
		if (INSTANCE_OF(n)->slot == slot && (!found || found->state != INSTANCE_AMBIGUOUS))
			found = INSTANCE_OF(n);
	return found;
}

void post_resolve(struct request *r)
{
	static const char *const keys[] = { "instance", "machine", NULL };
	struct fleet *f = fleet_named(r, r->arg[0]);
	const json_t *machine = json_object_get(r->in, "machine");
	struct fact fact = { .kind = FACT_RESOLVE, .actor = r->actor, .text = "" };
	const struct instance *i;
	struct err e;

	if (no_fleet(r, f) || !may_touch(r, f->owner) || !check_keys(r, keys))
		return;
	i = in_doubt(f, json_int(r->in, "instance", 0));
	if (json_is_string(machine))
		fact.text = json_string_value(machine);
	if (!i)
		err_set(&e, ERR_NOT_FOUND, "fleet '%s' has no instance %lld", f->name, (long long)json_int(r->in, "instance", 0));
	else if (!json_is_null(machine) && (!*fact.text || strlen(fact.text) >= ID_MAX || !str_is_utf8(fact.text, strlen(fact.text))))
		err_set(&e, ERR_USAGE, "'machine' is the provider's id of the machine, or null when there is none");
	else {
		fact.id = i->object.id;
		fleet_change(r, &fact);
		return;
	}
	request_error(r, &e);
}

/* The host key of a machine, as somebody read it on its console: compared with what is pinned, or awaited at first contact. */
void post_trust(struct request *r)
{
	static const char *const keys[] = { "instance", "fingerprint", NULL };
	struct fleet *f = fleet_named(r, r->arg[0]);
	const char *said = json_str(r->in, "fingerprint", "");
	struct fact fact = { .kind = FACT_TRUST, .actor = r->actor, .text = said };
	char seen[SSH_PRINT_MAX];
	const struct instance *i;
	struct err e;

	if (no_fleet(r, f) || !check_keys(r, keys))
		return;
	i = newest(f, json_int(r->in, "instance", 0));
	if (!i) {
		err_set(&e, ERR_NOT_FOUND, "fleet '%s' has no instance %lld now", f->name, (long long)json_int(r->in, "instance", 0));
	} else if (!ssh_print_valid(said)) {
		err_set(&e, ERR_USAGE, "'fingerprint' is \"SHA256:\" and 43 characters, as ssh-keygen -lf shows it");
	} else if (!*i->host_key && provider_find(i->provider)->caps & CAP_HOST_KEY) {
		err_set(&e, ERR_CONFLICT, "the machine gets its host key from us; there is nothing to say of it before it has shown another one");
	} else if (*i->host_key && ssh_key_print(i->host_key, seen) && strcmp(seen, said) != 0) {
		log_warn("%s/%d: %s says its host key is %s; it shows %s", f->name, i->slot, r->actor, said, seen);
		err_set(&e, ERR_CONFLICT, "the machine shows %s. If what you typed is what its console shows, somebody stands in between: "
		    "gpufleetctl down %s", seen, f->name);
	} else {
		fact.id = i->object.id;
		fleet_change(r, &fact);
		return;
	}
	request_error(r, &e);
}

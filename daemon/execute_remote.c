/*
 * Work on machines: one kept connection per instance, remote commands (remote/job.h) over it, their answers turned into facts.
 *
 * What takes several commands has a file of its own: execute_push.c, execute_collect.c.
 */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "core/gang.h"
#include "execute_op.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_BYTES     (128 * 1024)          /* of each stream, per round trip */
#define WARN_BEFORE    (5 * MINUTE)
#define GPU_IDLE_PERCENT 5 /* below it a GPU counts as idle (architecture §5) */
#define STREAM_MAX     (1024LL * 1024 * 1024) /* output of one run kept on this host */

static void conn_free(struct conn *c)
{
	ssh_close(c->ssh);
	list_remove(&c->link);
	if (map_get(&c->x->conn_by_instance, c->instance_id) == c)
		map_remove(&c->x->conn_by_instance, c->instance_id);
	free(c);
}

/* A dead connection is forgotten at once, so that the next command opens a new one; freed when its commands have answered. */
static void conn_die(struct conn *c)
{
	c->dead = true;
	if (map_get(&c->x->conn_by_instance, c->instance_id) == c)
		map_remove(&c->x->conn_by_instance, c->instance_id);
	if (!c->users)
		conn_free(c);
}

static void on_open(void *arg, enum ssh_outcome outcome, const char *message, const char *host_key)
{
	struct conn *c = arg;

	if (outcome == SSH_OK) {
		str_copy(c->host_key, host_key);
		return;
	}
	log_debug("instance %lld: SSH: %s", (long long)c->instance_id, message);
	c->failure = outcome;
	if (outcome == SSH_HOST_KEY && c->ours) {
		/* An image without cloud-init, say: what is seen next is worth a first contact, and no more. */
		log_warn("instance %lld did not take the host key that it was given; it is trusted at first use only", (long long)c->instance_id);
		map_set(&c->x->odd_keys, c->instance_id, c->x);
		c->failure = SSH_UNREACHABLE;
	}
	conn_die(c);
}

static void on_lost(void *arg, const char *message)
{
	struct conn *c = arg;

	log_info("instance %lld: SSH connection lost: %s", (long long)c->instance_id, message);
	conn_die(c);
}

/* What people say of a host of their own. */
static void as_configured(struct conn *c, struct ssh_target *t, const struct instance *i, const struct account *a)
{
	for (int k = 0; a && k < a->host_count; k++) {
		const struct static_host *h = &a->hosts[k];

		if (strcmp(h->name, i->offer_key) != 0)
			continue;
		t->system = h->system_ssh;
		str_copy(t->config, h->ssh_config);
		if (!*t->host_key && *h->host_key) {
			str_copy(t->host_key, h->host_key);
			c->trust = TRUST_PRESET;
		}
	}
}

static struct conn *conn_new(struct execute *x, const struct instance *i)
{
	const struct account *a = config_account(engine_config(x->en), i->account);
	struct ssh_target t = { .port = i->port, .key = login_key(x, i->fleet_id) };
	struct conn *c = xcalloc(1, sizeof(*c));

	c->x = x;
	c->instance_id = i->object.id;
	str_copy(t.address, i->address);
	str_copy(t.user, *i->user ? i->user : a && *a->user ? a->user : provider_find(i->provider)->user);
	str_copy(t.host_key, i->host_key);
	as_configured(c, &t, i, a);
	if (!*t.host_key)
		proof_expect(c, &t, i);
	list_append(&x->conns, &c->link);
	c->ssh = ssh_open(x->pool, &t, on_open, c);
	ssh_on_lost(c->ssh, on_lost, c);
	return c;
}

static struct conn *conn_get(struct execute *x, const struct instance *i)
{
	struct conn *c = map_get(&x->conn_by_instance, i->object.id);

	if (!c) {
		c = conn_new(x, i);
		map_set(&x->conn_by_instance, c->instance_id, c);
	}
	return c;
}

static struct op *op_new(struct execute *x, const struct action *a)
{
	struct op *op = xcalloc(1, sizeof(*op));

	op->x = x;
	op->action = *a;
	op->out.max = a->kind == ACTION_COLLECT ? RESULTS_MAX + 1024 * 1024 : 2 * POLL_BYTES + JOB_OUTPUT_MAX;
	op->err.max = JOB_OUTPUT_MAX;
	list_append(&x->ops, &op->link);
	return op;
}

static void op_free(struct op *op)
{
	push_forget(op);
	list_remove(&op->link);
	buf_free(&op->out);
	buf_free(&op->err);
	results_free(&op->results);
	free(op);
}

/* ---- facts ---- */

static enum fact_kind fact_kind_of(enum action_kind k)
{
	static const enum fact_kind kinds[] = { [ACTION_CONNECT] = FACT_CONNECTED, [ACTION_CLEAN] = FACT_CLEANED, [ACTION_RELEASE] = FACT_RELEASED,
		[ACTION_PUSH] = FACT_RUN_PUSHED, [ACTION_START] = FACT_RUN_STARTED,
		[ACTION_GO] = FACT_RUN_RELEASED, [ACTION_POLL] = FACT_RUN_STATUS,
		[ACTION_STOP] = FACT_RUN_STOPPED, [ACTION_COLLECT] = FACT_RUN_COLLECTED };

	return kinds[k];
}

void op_end(struct op *op, enum ssh_outcome contact, bool refused, enum cause cause, const char *message)
{
	struct fact f = { .kind = fact_kind_of(op->action.kind), .id = op->action.id, .contact = contact, .flag = refused,
		.cause = cause, .message = message, .count = op->bytes };

	engine_fact(op->x->en, &f);
	op_free(op);
}

/* The machine answers; whether it could be given a lease as well is in `armed`. */
void op_connected(struct op *op, const char *host_key, enum trust trust, enum watchdog armed)
{
	const struct job_probe *p = &op->probe;
	struct fact_probe probe = { .gpu_count = p->gpu_count, .docker = p->docker, .watchdog = armed, .leased = op->leased,
		.in_use = p->logins > 0 || p->gpu_busy >= GPU_IDLE_PERCENT };
	struct fact f = { .kind = FACT_CONNECTED, .id = op->action.id, .contact = SSH_OK, .text = host_key, .message = "",
		.probe = &probe };

	probe.trust = trust;
	str_copy(probe.boot_id, p->boot_id);
	str_copy(probe.gpu, p->gpu);
	engine_fact(op->x->en, &f);
	op_free(op);
}

/* ---- output of a run, stored by offset ---- */

static int64_t store_output(struct op *op, const char *name, int64_t at, const char *data, size_t n)
{
	char path[1024];
	char *copy;
	int fd;
	ssize_t put = 0;

	if (!n || at + (int64_t)n > STREAM_MAX)
		return at + (int64_t)n; /* beyond the cap it is counted, not kept */
	execute_run_path(op->x->en, op->key, name, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		log_error("cannot write '%s': %s", path, strerror(errno));
		return at;
	}
	copy = xmalloc(n);
	memcpy(copy, data, n);
	log_redact(copy, n);
	put = pwrite(fd, copy, n, at);
	free(copy);
	close(fd);
	return at + (put > 0 ? put : 0);
}

static void poll_answered(struct op *op)
{
	struct run *r = model_run(engine_model(op->x->en), op->action.id);
	struct job_status s;
	struct fact_status st = { .exit_status = -1 };
	struct fact f = { .kind = FACT_RUN_STATUS, .id = op->action.id, .contact = SSH_OK, .status = &st };
	const char *out, *err;
	size_t out_n, err_n;
	struct err e = { 0 };
	static const enum fact_job jobs[] = { [JOB_NONE] = FACT_JOB_NONE, [JOB_SETUP] = FACT_JOB_SETUP,
		[JOB_READY] = FACT_JOB_READY, [JOB_RUNNING] = FACT_JOB_RUNNING, [JOB_DONE] = FACT_JOB_DONE, [JOB_VANISHED] = FACT_JOB_VANISHED };

	if (!r || job_poll_read(&s, buf_str(&op->out), op->out.len, &out, &out_n, &err, &err_n, &e) < 0) {
		log_warn("run %lld: %s", (long long)op->action.id, e.msg);
		op_end(op, SSH_REFUSED, false, CAUSE_NONE, e.msg);
		return;
	}
	st.job = jobs[s.state];
	st.exit_status = s.exit_known ? s.exit_status : -1;
	str_copy(st.signal, s.oom ? "KILL (out of memory)" : s.signal);
	st.timed_out = s.timed_out;
	st.setup_failed = s.setup_failed;
	st.stopped = s.stopped;
	str_copy(st.progress, s.progress);
	st.out_size = store_output(op, "stdout", r->out_size, out, out_n);
	st.err_size = store_output(op, "stderr", r->err_size, err, err_n);
	st.more = (st.out_size < r->out_base + s.out_size || st.err_size < r->err_base + s.err_size) && (out_n || err_n);
	engine_fact(op->x->en, &f);
	engine_output_grew(op->x->en, op->action.id);
	op_free(op);
}

/* ---- the thread pool ---- */

static void work_done(uv_work_t *w, int status)
{
	struct op *op = CONTAINER_OF(w, struct op, work);
	struct engine_span span = engine_enter("files of a run");

	(void)status;
	op->x->work--;
	op->working = false;
	if (op->x->closing)
		op_free(op);
	else
		op->work_done(op);
	engine_leave(span);
}

void op_work(struct op *op, void (*work)(uv_work_t *w), void (*done)(struct op *op))
{
	op->x->work++;
	op->working = true;
	op->work_done = done;
	uv_queue_work(engine_loop(op->x->en), &op->work, work, work_done);
}

/* ---- commands ---- */

static void on_output(void *arg, enum ssh_stream stream, const char *data, size_t n)
{
	struct op *op = arg;

	buf_append(stream == SSH_STDOUT ? &op->out : &op->err, data, n);
}

/* The machine answered, with a status that is not 0: for a push, a start or an unmounting, once more will not help. */
static void said_no(struct op *op, int status)
{
	enum action_kind k = op->action.kind;
	bool for_good = (k == ACTION_PUSH || k == ACTION_START || k == ACTION_RELEASE) && status != JOB_AGAIN;
	bool done = k == ACTION_COLLECT || k == ACTION_CLEAN || k == ACTION_RELEASE;
	char complaint[TEXT_MAX];

	job_complaint(complaint, buf_str(&op->err), op->err.len);
	if (!*complaint)
		snprintf(complaint, sizeof(complaint), "the machine answered with status %d", status);
	op_end(op, done ? SSH_OK : SSH_REFUSED, for_good, CAUSE_NONE, complaint);
}

/* ---- a contact, step by step ---- */

/* The volume that the machine has and that is not where runs look for it, as far as is known. */
static const struct extra *volume_wanted(const struct op *op)
{
	const struct model *m = engine_model(op->x->en);
	const struct instance *i = model_instance(m, op->action.id);

	return i && !i->mounted ? model_extra(m, i->volume_id) : NULL;
}

static void volume_command(const struct extra *x, bool release, struct buf *cmd)
{
	const char *prefix = provider_find(x->provider)->volume_device;
	char device[TEXT_MAX] = "";

	if (prefix)
		snprintf(device, sizeof(device), "%s%s", prefix, x->mark);
	job_volume_command(cmd, x->name, device, release);
}

static void next_step(struct op *op, const char *host_key, enum trust trust, bool ours)
{
	if (op->step < CONNECT_VOLUME && volume_wanted(op))
		op->step = CONNECT_VOLUME;
	else if (ours && proof_rekey_wanted(op, host_key))
		op->step = CONNECT_REKEY;
	else {
		op_connected(op, host_key, trust, op->watchdog);
		return;
	}
	op_step(op);
}

static void connect_answered(struct op *op, int status, const char *host_key, enum trust trust, bool ours)
{
	char complaint[TEXT_MAX];
	struct err e = { 0 };

	job_complaint(complaint, buf_str(&op->err), op->err.len);
	switch ((enum connect_step)op->step) {
	case CONNECT_PROBE:
		if (status || job_probe_read(&op->probe, buf_str(&op->out), op->out.len, &e) < 0) {
			op_end(op, SSH_REFUSED, false, CAUSE_NONE, *complaint ? complaint : e.msg);
			break;
		}
		op->step = CONNECT_LEASE;
		op_step(op);
		break;
	case CONNECT_LEASE:
		if (status)
			log_info("instance %lld: no watchdog: %s", (long long)op->action.id, complaint);
		op->watchdog = status ? WATCHDOG_NONE : job_lease_read(buf_str(&op->out), op->out.len);
		next_step(op, host_key, trust, ours);
		break;
	case CONNECT_VOLUME:
		if (status)
			op_end(op, SSH_OK, true, CAUSE_NONE, complaint);
		else
			next_step(op, host_key, trust, ours);
		break;
	case CONNECT_REKEY: proof_rekeyed(op, host_key, status ? complaint : NULL); break;
	}
}

static void on_done(void *arg, const struct ssh_exit *x)
{
	struct op *op = arg;
	struct conn *c = op->conn;
	enum ssh_outcome outcome = x->outcome == SSH_OK ? SSH_OK : c->failure ? c->failure : x->outcome;
	char host_key[512];
	enum trust trust = c->trust;
	bool ours = c->ours;
	struct engine_span span = engine_enter("ssh answer");

	str_copy(host_key, c->host_key);
	op->conn = NULL;
	c->users--;
	if (outcome == SSH_LOST || c->dead)
		conn_die(c);
	if (outcome != SSH_OK && op->action.kind == ACTION_COLLECT && op->out.len && !x->cut) {
		collect_answered(op, outcome, x->message);
	} else if (outcome != SSH_OK) {
		op_end(op, outcome, x->cut, CAUSE_NONE, x->message);
	} else if (op->action.kind == ACTION_CONNECT) {
		connect_answered(op, x->status, host_key, trust, ours);
	} else if (x->status != 0 && op->action.kind != ACTION_STOP) {
		said_no(op, x->status);
	} else if (op->action.kind == ACTION_POLL) {
		poll_answered(op);
	} else if (op->action.kind == ACTION_COLLECT) {
		collect_answered(op, SSH_OK, "");
	} else if (op->action.kind == ACTION_PUSH) {
		push_answered(op);
	} else {
		char word[TEXT_MAX];
		struct buf safe = BUF(sizeof(word));

		str_safe(&safe, buf_str(&op->out), strcspn(buf_str(&op->out), "\n"), false);
		str_copy(word, buf_str(&safe));
		buf_free(&safe);
		op_end(op, SSH_OK, false, CAUSE_NONE, word);
	}
	engine_leave(span);
}

void op_exec(struct op *op, const struct instance *i, const char *command, const void *input, size_t n, const char *file)
{
	struct conn *c = conn_get(op->x, i);

	op->conn = c;
	c->users++;
	buf_reset(&op->out);
	buf_reset(&op->err);
	ssh_exec(c->ssh, &(struct ssh_command){ .command = command, .input = input, .input_len = n, .input_file = file,
	    .max_output = op->out.max + op->err.max, .output = on_output, .done = on_done, .arg = op,
	    .idle_limit = op->action.kind == ACTION_PUSH || op->action.kind == ACTION_COLLECT ? 2 * MINUTE : 30 * SECOND });
}

static void start_command(const struct model *m, struct buf *cmd, const struct run *r)
{
	const char *text = gang_leader(m, r)->spec;
	json_t *spec = text ? json_read(text, strlen(text), NULL) : NULL;
	const char *setup = json_str(spec, "setup", ""), *qualify = json_str(spec, "qualify", "");
	struct job_start s = { .qualify = *qualify ? qualify : NULL, .setup = *setup ? setup : NULL,
		.run = json_str(spec, "run", "run.sh"), .setup_timeout = r->setup_timeout, .run_timeout = r->run_timeout,
		.setup_once = json_bool(spec, "setup_once", false), .gate = r->ranks > 1 };

	job_start_command(cmd, r->key, &s);
	json_decref(spec);
}

/* What people on the machine are told when its time is nearly up (architecture §5); NULL: it is not. */
static const char *end_is_near(const struct op *op, const struct instance *i, char warning[TEXT_MAX])
{
	const struct fleet *f = model_fleet(engine_model(op->x->en), i->fleet_id);
	char end[32];

	if (!f || !f->expires || f->expires - engine_now(op->x->en) > WARN_BEFORE)
		return NULL;
	instant_format(f->expires, false, end);
	snprintf(warning, TEXT_MAX, "gpufleet: this machine is given back at %s; to keep it: gpufleetctl extend %s --for TIME", end, f->name);
	return warning;
}

/* Armed before any work is pushed: READY comes with its answer. */
static void lease_command(struct op *op, const struct instance *i, struct buf *cmd, struct buf *input)
{
	const struct account *a = config_account(engine_config(op->x->en), i->account);
	const struct provider *p = provider_find(i->provider);
	struct job_lease l = { .id_name = p->own_id, .key_name = p->own_key };

	op->leased = lease_span(engine_model(op->x->en), i, engine_now(op->x->en));
	l.left = op->leased;
	if (a && p->give_back) {
		snprintf(l.url_head, sizeof(l.url_head), "%s%s", *a->api_url ? a->api_url : p->api_url, p->give_back);
		str_copy(l.url_tail, p->give_back_tail);
	}
	job_lease_command(cmd, input, &l);
}

void op_step(struct op *op)
{
	struct model *m = engine_model(op->x->en);
	const struct run *r = model_run(m, op->action.id);
	const struct instance *i = model_instance(m, r ? r->instance_id : op->action.id);
	struct buf cmd = BUF(SSH_COMMAND_MAX), input = BUF(64 * 1024);
	char warning[TEXT_MAX];

	if (!i || !*i->address || (op->action.kind >= ACTION_PUSH && !r)) {
		op_end(op, SSH_UNREACHABLE, false, CAUSE_NONE, "no address");
		return;
	}
	if (r) {
		str_copy(op->key, r->key);
		str_copy(op->payload, gang_leader(m, r)->key);
	}
	switch ((int)op->action.kind) {
	case ACTION_CONNECT:
		if (op->step == CONNECT_PROBE && proof_wanted(op->x, i)) {
			proof_ask(op, i);
			return;
		}
		if (op->step == CONNECT_PROBE)
			job_probe_command(&cmd, end_is_near(op, i, warning));
		else if (op->step == CONNECT_LEASE)
			lease_command(op, i, &cmd, &input);
		else if (op->step == CONNECT_VOLUME)
			volume_command(model_extra(m, i->volume_id), false, &cmd);
		else
			proof_rekey_command(op, i, &cmd, &input);
		break;
	case ACTION_CLEAN: job_clean_all_command(&cmd); break;
	case ACTION_RELEASE: volume_command(model_extra(m, i->volume_id), true, &cmd); break;
	case ACTION_PUSH: push_step(op, r, i); return;
	case ACTION_COLLECT: collect_step(op, r, i); return;
	case ACTION_START: start_command(m, &cmd, r); break;
	case ACTION_GO: job_go_command(&cmd, r->key); break;
	case ACTION_POLL: job_poll_command(&cmd, r->key, r->out_size - r->out_base, r->err_size - r->err_base, POLL_BYTES); break;
	case ACTION_STOP: job_stop_command(&cmd, r->key, 10 * SECOND); break;
	default: BUG("action %s is not for a machine", action_name(op->action.kind));
	}
	op_exec(op, i, buf_str(&cmd), input.len ? buf_str(&input) : NULL, input.len, NULL);
	if (input.data)
		explicit_bzero(input.data, input.cap);
	buf_free(&cmd);
	buf_free(&input);
}

void remote_action(struct execute *x, const struct action *a)
{
	struct conn *c;

	if (x->closing)
		return;
	if (a->kind == ACTION_DISCONNECT) {
		proof_forget(x, a->id);
		c = map_get(&x->conn_by_instance, a->id);
		if (c && !c->users)
			conn_free(c);
		return;
	}
	op_step(op_new(x, a));
}

/* ---- commands of people ---- */

struct execute_exec {
	struct execute *x;
	struct conn *conn;
	struct ssh_command c; /* the caller's callbacks; NULL after cancel */
};

static void exec_output(void *arg, enum ssh_stream stream, const char *data, size_t n)
{
	struct execute_exec *ex = arg;

	if (ex->c.output)
		ex->c.output(ex->c.arg, stream, data, n);
}

static void exec_done(void *arg, const struct ssh_exit *x)
{
	struct execute_exec *ex = arg;
	struct conn *c = ex->conn;
	struct ssh_exit copy = *x;

	if (x->outcome != SSH_OK && c->failure)
		copy.outcome = c->failure;
	c->users--;
	if (copy.outcome == SSH_LOST || c->dead)
		conn_die(c);
	if (ex->c.done)
		ex->c.done(ex->c.arg, &copy);
	free(ex);
}

int execute_exec(struct execute *x, const struct instance *i, const struct ssh_command *c, struct execute_exec **out, struct err *e)
{
	struct execute_exec *ex;
	struct ssh_command mine = *c;
	struct conn *conn;

	*out = NULL;
	if (x->closing || (i->state != INSTANCE_READY && i->state != INSTANCE_BUSY))
		return err_set(e, ERR_CONFLICT, "the instance is %s, not READY", instance_fsm.state_names[i->state]);
	ex = xcalloc(1, sizeof(*ex));
	ex->x = x;
	ex->c = *c;
	/* A connection of its own: a long command must not hold up the polling of a run. */
	conn = conn_new(x, i);
	conn->users = 1;
	conn->dead = true; /* freed when its one command has ended */
	ex->conn = conn;
	mine.output = exec_output;
	mine.done = exec_done;
	mine.arg = ex;
	ssh_exec(conn->ssh, &mine);
	*out = ex;
	return 0;
}

void execute_exec_cancel(struct execute_exec *ex)
{
	struct conn *c = ex->conn;

	c->users = 0;
	conn_free(c); /* ends the command; its callbacks are not called any more */
	free(ex);
}

void remote_close(struct execute *x)
{
	list_for_each_safe(n, &x->conns)
		conn_free(CONTAINER_OF(n, struct conn, link));
	/* Their callbacks are not called any more; what the thread pool has in hand is freed when it gives that back. */
	list_for_each_safe(n, &x->ops) {
		struct op *op = CONTAINER_OF(n, struct op, link);

		if (!op->working)
			op_free(op);
	}
}

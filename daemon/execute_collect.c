/*
 * What a run left in results/ comes back as one tar. As far as it came it is kept beside the run, so that a connection that is cut
 * costs only the rest; it is unpacked when it is whole and its SHA-256 is what the machine said. Then the recipe's reader looks.
 */
#include "artifacts.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/str.h"
#include "collect.h"
#include "execute_op.h"
#include "remote/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART "results.part"

/* ---- in the thread pool ---- */

/* What there is of the tar; with `more` put behind its first `from` bytes. False: in op->message. */
static bool whole_part(struct op *op, int64_t from, const char *more, size_t n, struct buf *out)
{
	char path[1024];
	int fd;
	bool ok;

	execute_run_path(op->x->en, op->key, PART, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	ok = fd >= 0 && ftruncate(fd, from) == 0 && pwrite(fd, more, n, from) == (ssize_t)n;
	if (!ok)
		snprintf(op->message, sizeof(op->message), "cannot keep '%.180s': %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok && collect_file(AT_FDCWD, path, out);
}

static void forget_part(struct op *op)
{
	char path[1024];

	execute_run_path(op->x->en, op->key, PART, path, sizeof(path));
	unlink(path);
}

static bool same_sum(const struct buf *tar, const char *sha256)
{
	uint8_t sum[SHA256_LEN];
	char text[2 * SHA256_LEN + 1];

	crypto_sha256(tar->data, tar->len, sum);
	str_hex(sum, sizeof(sum), text);
	return !strcmp(text, sha256);
}

/* Beside the place where they are looked for, and put there when they are all here: nobody reads half a file. */
static void unpack(struct op *op, const void *tar, size_t n)
{
	struct archive_limits limits = { 10000, RESULTS_MAX };
	struct err e = { 0 };
	char dir[1024], fresh[1024];
	size_t skipped = 0;

	execute_run_path(op->x->en, op->key, "results", dir, sizeof(dir));
	execute_run_path(op->x->en, op->key, "results.new", fresh, sizeof(fresh));
	artifacts_remove(fresh);
	if (mkdir(fresh, 0700) < 0) {
		snprintf(op->message, sizeof(op->message), "cannot make '%.150s': %s", fresh, strerror(errno));
		return;
	}
	if (archive_unpack(fresh, tar, n, &limits, &skipped, &e) < 0)
		snprintf(op->message, sizeof(op->message), "results: %.200s", e.msg);
	else if (skipped)
		snprintf(op->message, sizeof(op->message), "%zu entries of results were not taken", skipped);
	artifacts_remove(dir); /* from a collection that was not noted before the daemon ended */
	if (rename(fresh, dir) < 0)
		snprintf(op->message, sizeof(op->message), "cannot put '%.150s' in place: %s", dir, strerror(errno));
	collect_read(dir, op->reader, &op->results);
	if (*op->results.message)
		str_copy(op->message, op->results.message);
}

/* Leaves op->outcome SSH_OK when the results are here, or cannot be had in any better way. */
static void collect_work(uv_work_t *w)
{
	struct op *op = CONTAINER_OF(w, struct op, work);
	struct buf tar = BUF(RESULTS_MAX + (1u << 20));
	struct job_tar t;
	int64_t head = job_collect_read(&t, buf_str(&op->out), op->out.len);
	const char *data = buf_str(&op->out) + (head > 0 ? head : 0);
	size_t n = op->out.len - (size_t)(head > 0 ? head : 0);

	if (head < 0) {
		if (op->outcome == SSH_OK)
			str_copy(op->message, "the machine's answer with the results cannot be read");
	} else if (!strcmp(t.sha256, "none")) {
		if (op->outcome == SSH_OK)
			unpack(op, data, n);
	} else if (whole_part(op, t.from, data, n, &tar)) {
		bool all = (int64_t)tar.len >= t.size;

		if (all && same_sum(&tar, t.sha256)) {
			op->outcome = SSH_OK;
			op->bytes = (int64_t)tar.len;
			unpack(op, tar.data, tar.len);
			forget_part(op);
		} else if (op->outcome == SSH_OK || all) {
			op->outcome = SSH_LOST; /* not what was sent: once more from the beginning */
			str_copy(op->message, "the results arrived damaged");
			forget_part(op);
		}
	}
	buf_free(&tar);
}

/* ---- in the loop ---- */

static void read_by(struct op *op)
{
	const struct run *r = model_run(engine_model(op->x->en), op->action.id);
	json_t *spec = r && r->spec ? json_read(r->spec, strlen(r->spec), NULL) : NULL;

	str_copy(op->reader, json_str(spec, "reader", ""));
	json_decref(spec);
}

/* What the run left on the machine is not needed any more; nobody waits for this. */
static void clean(struct op *op)
{
	const struct run *r = model_run(engine_model(op->x->en), op->action.id);
	const struct instance *i = r ? model_instance(engine_model(op->x->en), r->instance_id) : NULL;
	struct conn *c = i ? map_get(&op->x->conn_by_instance, i->object.id) : NULL;
	struct buf cmd = BUF(SSH_COMMAND_MAX);

	if (c && !op->x->closing) {
		job_clean_command(&cmd, op->key);
		ssh_exec(c->ssh, &(struct ssh_command){ .command = buf_str(&cmd) });
	}
	buf_free(&cmd);
}

static void collect_done(struct op *op)
{
	struct result_row *rows;

	if (op->outcome != SSH_OK) {
		op_end(op, op->outcome, false, CAUSE_NONE, op->message);
		return;
	}
	rows = xcalloc(op->results.count, sizeof(*rows));
	for (size_t k = 0; k < op->results.count; k++) {
		const struct result_metric *m = &op->results.rows[k];

		rows[k] = (struct result_row){ .run_id = op->action.id, .number = m->number, .value = m->value, .seq = (int)k };
		str_copy(rows[k].metric, m->metric);
		str_copy(rows[k].unit, m->unit);
		str_copy(rows[k].text, m->text);
		str_copy(rows[k].labels, m->labels);
	}
	engine_results(op->x->en, rows, op->results.count);
	free(rows);
	clean(op);
	kept_secrets_drop(op->x, op->key);
	op_end(op, SSH_OK, false, CAUSE_NONE, op->message);
}

void collect_step(struct op *op, const struct run *r, const struct instance *i)
{
	struct buf cmd = BUF(SSH_COMMAND_MAX);
	char path[1024];
	struct stat st;

	execute_run_path(op->x->en, r->key, PART, path, sizeof(path));
	job_collect_command(&cmd, r->key, (int64_t)RESULTS_MAX, stat(path, &st) == 0 ? st.st_size : 0);
	op_exec(op, i, buf_str(&cmd), NULL, 0, NULL);
	buf_free(&cmd);
}

void collect_answered(struct op *op, enum ssh_outcome outcome, const char *message)
{
	op->outcome = outcome;
	op->bytes = (int64_t)op->out.len;
	str_copy(op->message, message);
	read_by(op);
	op_work(op, collect_work, collect_done);
}

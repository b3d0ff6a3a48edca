/*
 * A run's files, parameters and secrets, onto its machine. Small payloads go whole; of big ones only the pieces that the machine
 * does not have (remote/pieces.h): what an earlier run left there, or a push that was cut.
 */
#include "base/gpu.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "collect.h"
#include "core/gang.h"
#include "execute_op.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHOLE_MOST  ((off_t)256 * 1024) /* below it asking costs more than sending */
#define PAYLOAD_MAX ((size_t)256 * 1024 * 1024)

enum { PUSH_FILES, PUSH_CUT, PUSH_WANT, PUSH_PACK, PUSH_FILL, PUSH_ENV, PUSH_SECRETS, PUSH_OVER };

/* ---- in the thread pool ---- */

static void read_payload(struct op *op, struct buf *out)
{
	char path[1024];

	execute_run_path(op->x->en, op->payload, "payload.tar", path, sizeof(path));
	if (!collect_file(AT_FDCWD, path, out))
		snprintf(op->message, sizeof(op->message), "cannot read '%.180s'", path);
}

static void cut_work(uv_work_t *w)
{
	struct op *op = CONTAINER_OF(w, struct op, work);
	struct buf tar = BUF(PAYLOAD_MAX);

	read_payload(op, &tar);
	if (!*op->message)
		pieces_cut(&op->pieces, tar.data, tar.len);
	buf_free(&tar);
}

/* The missing pieces beside the payload: they are streamed from there. */
static void pack_work(uv_work_t *w)
{
	struct op *op = CONTAINER_OF(w, struct op, work);
	struct buf tar = BUF(PAYLOAD_MAX), part = BUF(PAYLOAD_MAX + PAYLOAD_MAX / 4);
	struct err e = { 0 };
	char path[1024];
	int fd = -1;

	read_payload(op, &tar);
	execute_run_path(op->x->en, op->key, "payload.part", path, sizeof(path));
	if (!*op->message && pieces_pack(&op->pieces, tar.data, &part, &e) < 0)
		str_copy(op->message, e.msg);
	if (!*op->message) {
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0 || write(fd, part.data, part.len) != (ssize_t)part.len)
			snprintf(op->message, sizeof(op->message), "cannot write '%.180s': %s", path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	buf_free(&part);
	buf_free(&tar);
}

static void next(struct op *op)
{
	if (*op->message) {
		op_end(op, SSH_OK, true, CAUSE_PUSH_FAILED, op->message);
		return;
	}
	op->step++;
	op_step(op);
}

/* ---- parameters and secrets ---- */

struct vars {
	struct job_var *items; /* owned; names and values are not */
	size_t count, cap;
};

/* What the variables of a run of several instances point into. */
struct places {
	char rank[16], ranks[16];
	const char *own, *first;
	struct buf addresses; /* one a line */
};

static void add_var(struct vars *v, const char *name, const char *value)
{
	if (v->count == v->cap) {
		v->cap = v->cap ? 2 * v->cap : 32;
		v->items = xreallocarray(v->items, v->cap, sizeof(*v->items));
	}
	v->items[v->count++] = (struct job_var){ name, value };
}

/* The members of an object, as the row has it (NULL: none). Returns what must be freed when the variables have been written. */
static json_t *add_object(struct vars *v, const char *text)
{
	json_t *object = text ? json_read(text, strlen(text), NULL) : NULL, *value;
	const char *name;

	json_object_foreach(object, name, value)
		if (json_is_string(value))
			add_var(v, name, json_string_value(value));
	return object;
}

/* Where the instances of a run are to each other. */
static void find_places(const struct model *m, const struct run *r, struct places *p)
{
	int ranks = r->ranks > 1 ? r->ranks : 1;

	*p = (struct places){ .addresses = BUF((size_t)GANG_MOST * ADDRESS_MAX) };
	for (int rank = 0; rank < ranks; rank++)
		buf_printf(&p->addresses, "%s%s", rank ? "\n" : "", gang_address(m, r, rank));
	snprintf(p->rank, sizeof(p->rank), "%d", r->rank);
	snprintf(p->ranks, sizeof(p->ranks), "%d", ranks);
	p->own = gang_address(m, r, r->rank);
	p->first = gang_address(m, r, 0);
}

static void add_places(struct vars *v, const struct places *p)
{
	add_var(v, "GPUFLEET_RANK", p->rank);
	add_var(v, "GPUFLEET_INSTANCES", p->ranks);
	add_var(v, "GPUFLEET_ADDRESSES", buf_str(&p->addresses));
	add_var(v, "GPUFLEET_ADDRESS", p->own);
	add_var(v, "GPUFLEET_FIRST_ADDRESS", p->first);
}

/* The same under the names that torchrun, and users of SkyPilot, look for. Whoever sets one of them means it. */
static void add_foreign_names(struct vars *v, const struct places *p, const char *gpus)
{
	add_var(v, "NODE_RANK", p->rank);
	add_var(v, "NNODES", p->ranks);
	add_var(v, "MASTER_ADDR", p->first);
	add_var(v, "MASTER_PORT", GANG_PORT);
	add_var(v, "SKYPILOT_NODE_RANK", p->rank);
	add_var(v, "SKYPILOT_NUM_NODES", p->ranks);
	add_var(v, "SKYPILOT_NODE_IPS", buf_str(&p->addresses));
	add_var(v, "SKYPILOT_NUM_GPUS_PER_NODE", gpus);
}

static void push_env(struct op *op, const struct run *r, const struct instance *i, struct buf *cmd, struct buf *input)
{
	const struct model *m = engine_model(op->x->en);
	const struct run *first = gang_leader(m, r);
	const struct fleet *f = model_fleet(m, r->fleet_id);
	const struct extra *volume = model_extra(m, i->volume_id);
	struct vars vars = { .count = 0 };
	struct places places;
	json_t *owned[3];
	char count[16], id[24], price[32], peak[32];

	snprintf(count, sizeof(count), "%d", i->gpu_count);
	snprintf(id, sizeof(id), "%lld", (long long)first->object.id);
	find_places(m, r, &places);
	if (r->ranks > 1)
		add_foreign_names(&vars, &places, count);
	/* Of two with one name the later one holds: a parameter of the recipe is what `--set` says. */
	owned[0] = add_object(&vars, f ? f->env : NULL);
	owned[1] = add_object(&vars, first->env);
	owned[2] = add_object(&vars, first->params);
	add_var(&vars, "GPUFLEET_GPU", i->gpu);
	add_var(&vars, "GPUFLEET_GPU_COUNT", count);
	snprintf(peak, sizeof(peak), "%.1f", gpu_peak_tflops(i->gpu));
	add_var(&vars, "GPUFLEET_GPU_TFLOPS", peak);
	add_var(&vars, "GPUFLEET_PROVIDER", i->provider);
	add_var(&vars, "GPUFLEET_REGION", i->region);
	snprintf(price, sizeof(price), "%lld.%06lld", (long long)(i->price_hour / USD), (long long)(i->price_hour % USD));
	add_var(&vars, "GPUFLEET_PRICE_HOUR", price);
	add_var(&vars, "GPUFLEET_INSTANCE_ID", i->provider_id);
	add_var(&vars, "GPUFLEET_INSTANCE_TYPE", i->offer_key);
	if (volume)
		add_var(&vars, "GPUFLEET_VOLUME", volume->name); /* the machine knows where its home is */
	add_var(&vars, "GPUFLEET_FLEET", f ? f->name : "");
	add_var(&vars, "GPUFLEET_RUN_ID", id);
	add_var(&vars, "GPUFLEET_RECIPE", r->recipe);
	add_places(&vars, &places);
	job_env_command(cmd, input, r->key, vars.items, vars.count);
	for (size_t k = 0; k < ARRAY_LEN(owned); k++)
		json_decref(owned[k]);
	free(vars.items);
	buf_free(&places.addresses);
}

/* Did whoever asked for this run accept a host key that was only seen? */
static bool trusts_first_use(const struct op *op, const struct run *r)
{
	const char *text = gang_leader(engine_model(op->x->en), r)->spec;
	json_t *spec = text ? json_read(text, strlen(text), NULL) : NULL;
	bool yes = json_bool(spec, "trust_first_use", false);

	json_decref(spec);
	return yes;
}

/* 1: there are secrets, command written; 0: none; -1: one is not known, sentence in why. */
static int push_secrets(struct op *op, const struct run *r, const struct instance *i, struct buf *cmd, struct buf *input,
    char why[TEXT_MAX])
{
	bool proven = !strcmp(engine_config(op->x->en)->secrets_min_trust, "proven");
	struct secret read[16] = { { NULL } };
	char names[TEXT_MAX], *rest = names, *name;
	struct vars vars = { .count = 0 };
	struct err e = { 0 };
	int result = 0;

	if (*r->secrets && proof_relayed(i)) {
		snprintf(why, TEXT_MAX, "its secrets are not sent: %.60s is a relay of the provider, which could read them; a machine with "
		    "a port of its own can have them", i->address);
		return -1;
	}
	if (*r->secrets && proven && i->trust == TRUST_TOFU && !trusts_first_use(op, r)) {
		snprintf(why, TEXT_MAX, "its secrets are not sent: the host key of the machine was only seen at first contact, and "
		    "secrets_min_trust is 'proven'; run --trust-first-use sends them all the same");
		return -1;
	}
	str_copy(names, r->secrets);
	while ((name = str_split(&rest, ",")) && vars.count < ARRAY_LEN(read)) {
		const char *value = *name ? kept_secret_find(op->x, op->payload, name) : NULL;

		if (!*name)
			continue;
		if (!value && config_secret_read(engine_config(op->x->en), name, r->owner, &read[vars.count], &e) == 0)
			value = read[vars.count].value;
		if (!value) {
			snprintf(why, TEXT_MAX, "secret %.40s is not known any more (it was given with the command and lost with the "
						"daemon): %.120s", name, e.msg);
			result = -1;
			break;
		}
		add_var(&vars, name, value);
		result = 1;
	}
	if (result == 1)
		job_secrets_command(cmd, input, r->key, vars.items, vars.count);
	for (size_t k = 0; k < ARRAY_LEN(read); k++)
		secret_wipe(&read[k]);
	free(vars.items);
	return result;
}

/* ---- the steps ---- */

/* Whole, or in pieces? */
static void push_files(struct op *op, const struct run *r, const struct instance *i)
{
	struct buf cmd = BUF(SSH_COMMAND_MAX);
	char path[1024], why[TEXT_MAX];
	struct stat st;

	execute_run_path(op->x->en, op->payload, "payload.tar", path, sizeof(path));
	if (stat(path, &st) < 0) {
		snprintf(why, sizeof(why), "the files of the run are missing on this host: %s", strerror(errno));
		op_end(op, SSH_OK, true, CAUSE_PUSH_FAILED, why);
	} else if (st.st_size <= WHOLE_MOST) {
		op->step = PUSH_FILL;
		job_push_command(&cmd, r->key, (size_t)st.st_size);
		op_exec(op, i, buf_str(&cmd), NULL, 0, path);
	} else {
		op->step = PUSH_CUT;
		op_work(op, cut_work, next);
	}
	buf_free(&cmd);
}

static void push_pieces(struct op *op, const struct run *r, const struct instance *i)
{
	struct buf cmd = BUF(SSH_COMMAND_MAX), input = BUF(16u << 20);
	const struct piece *last = &op->pieces.items[op->pieces.count - 1];
	char path[1024];

	if (op->step == PUSH_WANT) {
		job_want_command(&cmd, &input, r->key, &op->pieces);
		op_exec(op, i, buf_str(&cmd), buf_str(&input), input.len, NULL);
	} else {
		execute_run_path(op->x->en, r->key, "payload.part", path, sizeof(path));
		job_fill_command(&cmd, r->key, last->at + last->size);
		op_exec(op, i, buf_str(&cmd), NULL, 0, path);
	}
	buf_free(&input);
	buf_free(&cmd);
}

static void push_settings(struct op *op, const struct run *r, const struct instance *i)
{
	struct buf cmd = BUF(SSH_COMMAND_MAX), input = BUF(1u << 20);
	char why[TEXT_MAX];
	int secrets = 1;

	if (op->step == PUSH_ENV)
		push_env(op, r, i, &cmd, &input);
	else
		secrets = push_secrets(op, r, i, &cmd, &input, why);
	if (secrets > 0)
		op_exec(op, i, buf_str(&cmd), buf_str(&input), input.len, NULL);
	else if (secrets < 0)
		op_end(op, SSH_OK, true, CAUSE_SECRET, why);
	else
		op_end(op, SSH_OK, false, CAUSE_NONE, "pushed");
	if (input.data)
		explicit_bzero(input.data, input.cap);
	buf_free(&input);
	buf_free(&cmd);
}

void push_step(struct op *op, const struct run *r, const struct instance *i)
{
	switch (op->step) {
	case PUSH_FILES: push_files(op, r, i); break;
	case PUSH_WANT:
	case PUSH_FILL: push_pieces(op, r, i); break;
	case PUSH_PACK: op_work(op, pack_work, next); break;
	case PUSH_ENV:
	case PUSH_SECRETS: push_settings(op, r, i); break;
	default: op_end(op, SSH_OK, false, CAUSE_NONE, "pushed"); break;
	}
}

void push_answered(struct op *op)
{
	if (op->step == PUSH_WANT && !pieces_want(&op->pieces, buf_str(&op->out), op->out.len))
		str_copy(op->message, "the machine asked for files that the run does not have");
	next(op);
}

void push_forget(struct op *op)
{
	char path[1024];

	if (!op->pieces.count)
		return;
	execute_run_path(op->x->en, op->key, "payload.part", path, sizeof(path));
	unlink(path);
	pieces_free(&op->pieces);
}

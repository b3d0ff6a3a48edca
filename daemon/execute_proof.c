/*
 * The host key of a machine before its first contact: read in the log of its boot, through the provider's API (trust "oob"), or
 * given to it by us at create (trust "preset") and changed at the first contact.
 */
#include "base/log.h"
#include "base/str.h"
#include "execute_op.h"
#include "derived_key.h"
#include "remote/ssh_key.h"

#define PATIENCE (90 * SECOND) /* until a log that does not name them is no reason to wait any longer */

/* What is known of an instance's host keys; kept until the daemon ends. */
struct proof {
	instant since;
	bool given_up;
	char prints[PRINTS_MAX];
};

static struct proof *proof_of(struct execute *x, int64_t instance_id)
{
	struct proof *p = map_get(&x->proofs, instance_id);

	if (!p) {
		p = xcalloc(1, sizeof(*p));
		p->since = engine_now(x->en);
		map_set(&x->proofs, instance_id, p);
	}
	return p;
}

bool proof_relayed(const struct instance *i)
{
	const char *relay = provider_find(i->provider)->relay;
	size_t n = strlen(i->address), tail = relay ? strlen(relay) : 0;

	return relay && n >= tail && str_ieq(i->address + n - tail, relay);
}

bool proof_wanted(struct execute *x, const struct instance *i)
{
	const struct proof *p;

	if (*i->host_key || *i->host_print || !provider_find(i->provider)->op[OP_LOG].build || proof_relayed(i))
		return false;
	p = proof_of(x, i->object.id);
	return !*p->prints && !p->given_up;
}

static const char *prints_of(struct execute *x, int64_t instance_id)
{
	const struct proof *p = map_get(&x->proofs, instance_id);

	return p ? p->prints : "";
}

static void on_log(void *arg, const struct account *a, struct op_reply *r)
{
	struct op *op = arg;
	struct proof *p = proof_of(op->x, op->action.id);

	(void)a;
	if (r->verdict == VERDICT_OK && !*r->host_keys)
		op_fail(r, VERDICT_RETRY, "its log does not begin with its host keys");
	if (r->verdict == VERDICT_OK) {
		str_copy(p->prints, r->host_keys);
	} else if (engine_now(op->x->en) - p->since < PATIENCE) {
		log_debug("instance %lld: its host keys: %s", (long long)op->action.id, r->message);
		op_end(op, SSH_UNREACHABLE, false, CAUSE_NONE, r->message);
		return;
	} else {
		log_warn("instance %lld: %s; it is trusted at first use only", (long long)op->action.id, r->message);
		p->given_up = true;
	}
	op_step(op);
}

void proof_ask(struct op *op, const struct instance *i)
{
	const struct account *a = config_account(engine_config(op->x->en), i->account);
	struct op_args args = { .id = i->provider_id };

	if (a)
		execute_operation(op->x, a, OP_LOG, &args, on_log, op);
	else
		op_end(op, SSH_UNREACHABLE, false, CAUSE_NONE, "its account is not configured any more");
}

/* The key of its user data, or the one that we gave it since, should the daemon have ended between that and its fact. */
static void expect_host_key(struct conn *c, struct ssh_target *t, const struct instance *i)
{
	static const enum hostkey which[] = { HOSTKEY_FIRST, HOSTKEY_LASTING };
	char print[SSH_PRINT_MAX];
	size_t n = 0;

	for (size_t k = 0; k < ARRAY_LEN(which); k++) {
		struct ssh_key *key = derived_host_key(engine_model(c->x->en), i, which[k]);

		if (key && ssh_key_print(ssh_key_public(key), print))
			n += (size_t)snprintf(t->prints + n, sizeof(t->prints) - n, "%s\n", print);
		ssh_key_free(key);
	}
	c->trust = TRUST_PRESET;
	c->ours = true;
}

/* What is known of its host key before anything was ever connected. */
void proof_expect(struct conn *c, struct ssh_target *t, const struct instance *i)
{
	if (*i->host_print) {
		str_copy(t->prints, i->host_print);
		c->trust = TRUST_OOB;
	} else if (provider_find(i->provider)->caps & CAP_HOST_KEY) {
		if (!map_get(&c->x->odd_keys, c->instance_id))
			expect_host_key(c, t, i);
	} else if (*prints_of(c->x, c->instance_id)) {
		str_copy(t->prints, prints_of(c->x, c->instance_id));
		c->trust = TRUST_OOB;
	}
}

/* ---- a droplet's lasting host key ---- */

/* It showed the key of its user data, which whoever works on it can read there (reliability §5.2 B4). */
bool proof_rekey_wanted(const struct op *op, const char *shown)
{
	const struct model *m = engine_model(op->x->en);
	const struct instance *i = model_instance(m, op->action.id);
	struct ssh_key *first = i && !*i->host_key ? derived_host_key(m, i, HOSTKEY_FIRST) : NULL;
	char print[SSH_PRINT_MAX];
	bool wanted = first && ssh_key_print(ssh_key_public(first), print) && ssh_key_printed(shown, print);

	ssh_key_free(first);
	return wanted;
}

void proof_rekey_command(const struct op *op, const struct instance *i, struct buf *cmd, struct buf *input)
{
	struct ssh_key *k = derived_host_key(engine_model(op->x->en), i, HOSTKEY_LASTING);

	job_rekey_command(cmd);
	if (k)
		ssh_key_openssh(k, input);
	job_input_end(input);
	ssh_key_free(k);
}

/* complaint NULL: it shows its new key from now on. */
void proof_rekeyed(struct op *op, const char *shown, const char *complaint)
{
	const struct model *m = engine_model(op->x->en);
	const struct instance *i = model_instance(m, op->action.id);
	struct ssh_key *k = i && !complaint ? derived_host_key(m, i, HOSTKEY_LASTING) : NULL;

	if (complaint)
		log_warn("instance %lld keeps the host key of its user data: %s", (long long)op->action.id, complaint);
	op_connected(op, k ? ssh_key_public(k) : shown, TRUST_PRESET, op->watchdog);
	ssh_key_free(k);
}

/* ---- memory ---- */

void proof_forget(struct execute *x, int64_t instance_id)
{
	free(map_get(&x->proofs, instance_id));
	map_remove(&x->proofs, instance_id);
}

void proofs_free(struct execute *x)
{
	size_t at = 0;
	struct proof *p;

	while ((p = model_each(&x->proofs, &at)))
		free(p);
	map_free(&x->proofs);
}

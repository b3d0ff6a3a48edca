#include "base/str.h"
#include "derived_key.h"
#include "execute_private.h"

int execute_open(struct execute **out, struct engine *en, struct ssh_key *key, struct err *e)
{
	struct execute *x = xcalloc(1, sizeof(*x));

	x->en = en;
	x->key = key;
	rng_kernel(&x->rng);
	list_init(&x->tasks);
	list_init(&x->conns);
	list_init(&x->ops);
	list_init(&x->secrets);
	x->limits = xcalloc(engine_config(en)->account_count + 1, sizeof(*x->limits));
	x->requests = xcalloc(engine_config(en)->account_count + 1, sizeof(*x->requests));
	if (http_open(&x->http, engine_loop(en), "gpufleetd/1", e) < 0) {
		free(x->limits);
		free(x->requests);
		free(x);
		return -1;
	}
	x->pool = ssh_pool_new(engine_loop(en), key);
	*out = x;
	return 0;
}

static void secret_free(struct kept_secret *s)
{
	list_remove(&s->link);
	secret_wipe(&s->value);
	free(s);
}

void execute_close(struct execute *x)
{
	x->closing = true;
	provider_close(x);
	remote_close(x);
	http_close(x->http);
	ssh_pool_close(x->pool);
}

void execute_free(struct execute *x)
{
	size_t at = 0;
	char *id;
	struct ssh_key *k;

	if (!x)
		return;
	list_for_each_safe(n, &x->secrets)
		secret_free(CONTAINER_OF(n, struct kept_secret, link));
	while ((id = model_each(&x->keys, &at)))
		free(id);
	map_free(&x->keys);
	for (at = 0; (k = model_each(&x->login_keys, &at));)
		ssh_key_free(k);
	map_free(&x->login_keys);
	map_free(&x->odd_keys);
	proofs_free(x);
	consoles_free(x);
	map_free(&x->conn_by_instance);
	free(x->requests);
	free(x->limits);
	free(x);
}

const struct ssh_key *login_key(struct execute *x, int64_t fleet_id)
{
	const struct fleet *f = model_fleet(engine_model(x->en), fleet_id);
	struct ssh_key *k = map_get(&x->login_keys, fleet_id);

	if (!f || !f->own_key)
		return x->key;
	if (!k) {
		k = derived_fleet_key(engine_model(x->en), f);
		if (!k)
			BUG("libcrypto makes no key");
		map_set(&x->login_keys, fleet_id, k);
	}
	return k;
}

void execute_action(struct execute *x, const struct action *a)
{
	switch (a->kind) {
	case ACTION_OFFERS:
	case ACTION_LIST:
	case ACTION_BALANCE:
	case ACTION_CHARGES:
	case ACTION_CREATE:
	case ACTION_DESCRIBE:
	case ACTION_MARK:
	case ACTION_DESTROY:
	case ACTION_BILL:
	case ACTION_STORAGE:
	case ACTION_STORAGE_MAKE:
	case ACTION_VOLUME_ATTACH:
	case ACTION_VOLUME_DETACH:
	case ACTION_STORAGE_LOOK:
	case ACTION_STORAGE_BILL:
	case ACTION_END_EXTRA: provider_action(x, a); break;
	case ACTION_CONNECT:
	case ACTION_DISCONNECT:
	case ACTION_CLEAN:
	case ACTION_RELEASE:
	case ACTION_PUSH:
	case ACTION_START:
	case ACTION_GO:
	case ACTION_POLL:
	case ACTION_STOP:
	case ACTION_COLLECT: remote_action(x, a); break;
	case ACTION_SUBMIT: trial_action(x, a); break;
	case ACTION_JUDGE: judge_action(x, a); break;
	case ACTION_NOTIFY: notify_action(x, a); break;
	case ACTION_COUNT: count_action(x, a); break;
	case ACTIONS: break;
	}
}

void execute_database(const struct execute *x, char *out, size_t size)
{
	snprintf(out, size, "%s/gpufleet.db", engine_config(x->en)->state_dir);
}

void execute_run_path(const struct engine *en, const char *key, const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/runs/%s%s%s", engine_config(en)->state_dir, key, *name ? "/" : "", name);
}

void execute_keep_secret(struct execute *x, const char *run_key, const char *name, const char *value)
{
	struct kept_secret *s = xcalloc(1, sizeof(*s));

	str_copy(s->run_key, run_key);
	str_copy(s->name, name);
	secret_set(&s->value, value);
	list_append(&x->secrets, &s->link);
}

const char *kept_secret_find(const struct execute *x, const char *run_key, const char *name)
{
	list_for_each(n, &x->secrets) {
		const struct kept_secret *s = CONTAINER_OF(n, struct kept_secret, link);

		if (!strcmp(s->run_key, run_key) && !strcmp(s->name, name))
			return s->value.value;
	}
	return NULL;
}

void kept_secrets_drop(struct execute *x, const char *run_key)
{
	list_for_each_safe(n, &x->secrets) {
		struct kept_secret *s = CONTAINER_OF(n, struct kept_secret, link);

		if (!strcmp(s->run_key, run_key))
			secret_free(s);
	}
}

const struct execute_requests *execute_requests(const struct execute *x)
{
	return x->requests;
}

int execute_ssh_connections(const struct execute *x)
{
	return ssh_pool_open_count(x->pool);
}

int execute_http_in_flight(const struct execute *x)
{
	return http_in_flight(x->http);
}

#include "config/private.h"
#include "base/str.h"

#include <unistd.h>

struct config_tokens {
	struct {
		const char *variable;
		struct secret value;
	} * taken;
	size_t count;
	const char *dir; /* not owned */
};

struct config_tokens *tokens_take(const struct config_provider *providers, const char *dir)
{
	struct config_tokens *t = xcalloc(1, sizeof(*t));

	t->dir = dir;
	for (const struct config_provider *p = providers; p->name; p++) {
		char *value = p->token_env ? getenv(p->token_env) : NULL;

		if (!value)
			continue;
		t->taken = xreallocarray(t->taken, t->count + 1, sizeof(*t->taken));
		memset(&t->taken[t->count], 0, sizeof(*t->taken));
		t->taken[t->count].variable = p->token_env;
		if (*value)
			secret_set(&t->taken[t->count].value, value);
		t->count++;
		/* /proc/PID/environ shows the memory that the kernel filled, so unsetenv alone leaves the
		 * token readable there. */
		explicit_bzero(value, strlen(value));
		unsetenv(p->token_env);
	}
	return t;
}

void tokens_free(struct config_tokens *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		secret_wipe(&t->taken[i].value);
	free(t->taken);
	free(t);
}

static const char *variable_value(const struct config_tokens *t, const struct config_provider *p)
{
	for (size_t i = 0; i < t->count && p->token_env; i++)
		if (!strcmp(t->taken[i].variable, p->token_env))
			return t->taken[i].value.value;
	return NULL;
}

/* The token of an account in a directory of tokens when it is there; NULL otherwise. Caller frees. */
static char *token_in(const char *dir, const char *account)
{
	char *path;

	if (!dir)
		return NULL;
	path = xasprintf("%s/%s.token", dir, account);
	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* The same as a systemd credential. */
static char *credential(const char *account)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	return dir && *dir == '/' ? token_in(dir, account) : NULL;
}

bool tokens_offer(const struct config_tokens *t, const struct config_provider *provider)
{
	char *path;

	if (!provider->token_env)
		return false;
	path = token_in(t->dir, provider->name);
	if (!path)
		path = credential(provider->name);
	if (path) {
		free(path);
		return true;
	}
	return variable_value(t, provider) != NULL;
}

static int from_file(
    const char *path, const char *what, struct account *a, struct account_source *s, struct err *e)
{
	if (secret_read_file(&a->token, path, e) < 0)
		return -1;
	snprintf(s->where, sizeof(s->where), "%s %.200s", what, path);
	return 0;
}

/* Takes over the path. */
static int from_credential(char *path, struct account *a, struct account_source *s, struct err *e)
{
	int rc = from_file(path, "credential", a, s, e);

	free(path);
	return rc;
}

int tokens_find(const struct config_tokens *t, const struct config_provider *provider, struct account *a,
    struct account_source *s, struct err *e)
{
	const char *value = variable_value(t, provider);
	bool namesake = !strcmp(a->name, provider->name);
	char *path;

	if (!provider->token_env)
		return 0;
	path = token_in(t->dir, a->name);
	if (path)
		return from_credential(path, a, s, e);
	if (*s->token_file)
		return from_file(s->token_file, "file", a, s, e);
	path = credential(a->name);
	if (path)
		return from_credential(path, a, s, e);
	/* One variable is one account: two accounts with one token would take each other's machines for
	 * strays. */
	if (namesake && value) {
		secret_set(&a->token, value);
		str_copy(s->where, provider->token_env);
		return 0;
	}
	if (!namesake)
		return err_set(e, ERR_USAGE,
		    "account '%s' has no token: give 'token_file', or a systemd credential '%s.token'",
		    a->name, a->name);
	return err_set(e, ERR_USAGE,
	    "account '%s' has no token: give 'token_file', a systemd credential '%s.token', or %s in the "
	    "environment",
	    a->name, a->name, provider->token_env);
}

#include "config/bearer.h"
#include "config/config.h"
#include "config/paths.h"
#include "config/private.h"
#include "base/gpu.h"
#include "base/str.h"

#include <unistd.h>

/* While a file becomes a configuration. */
struct loading {
	struct config *c;
	const struct config_request *r;
	struct parse *p;
	struct config_tokens *tokens;
};

/* ---- accounts ---- */

static const struct config_provider *find_provider(const struct loading *l, const char *type)
{
	for (const struct config_provider *p = l->r->providers; p->name; p++)
		if (!strcmp(p->name, type))
			return p;
	return NULL;
}

static void unknown_provider(const struct loading *l, const struct node *n, const char *type, bool by_name)
{
	const char *words[CONFIG_ACCOUNTS_MAX + 1] = { NULL }, *near;
	struct buf list = BUF(1024);
	size_t count = 0;

	for (const struct config_provider *p = l->r->providers; p->name && count < CONFIG_ACCOUNTS_MAX; p++) {
		words[count++] = p->name;
		buf_printf(&list, "%s%s", count > 1 ? ", " : "", p->name);
	}
	near = str_nearest(type, words);
	if (near)
		parse_error_key(l->p, n, "unknown provider '%.64s' (did you mean '%s'?)", type, near);
	else if (by_name)
		parse_error_key(l->p, n,
		    "'%.64s' is no provider (%s); an account with a name of its own needs 'type'", type,
		    buf_str(&list));
	else
		parse_error_key(l->p, n, "unknown provider '%.64s'; it is one of %s", type, buf_str(&list));
	buf_free(&list);
}

static struct account *add_account(struct config *c, struct account_source **s)
{
	c->accounts = xreallocarray(c->accounts, c->account_count + 1, sizeof(*c->accounts));
	c->sources = xreallocarray(c->sources, c->account_count + 1, sizeof(*c->sources));
	memset(&c->accounts[c->account_count], 0, sizeof(*c->accounts));
	memset(&c->sources[c->account_count], 0, sizeof(*c->sources));
	*s = &c->sources[c->account_count];
	return &c->accounts[c->account_count++];
}

static bool host_complete(struct loading *l, const struct node *n, const struct host_entry *h)
{
	const char *missing = NULL;

	if (!*h->gpu)
		missing = "gpu";
	if (!*h->host.address)
		missing = "address";
	if (!*h->host.name)
		missing = "name";
	if (missing && n->kind == NODE_MAP && !node_get(n, missing))
		parse_error(l->p, n, "this host has no '%s'", missing);
	return !missing;
}

static void read_host(struct loading *l, const struct node *n, struct account *a)
{
	struct host_entry h = { 0 };

	option_defaults(&host_options, &h);
	if (n->kind != NODE_MAP) {
		parse_error(
		    l->p, n, "a host is a map like { name: lab1, address: 10.0.0.7, gpu: \"R9700:2\" }");
		return;
	}
	bind_table(l->p, n, &host_options, NULL, &h);
	if (!host_complete(l, n, &h))
		return;
	if (!gpu_spec_parse(h.gpu, h.host.gpu, sizeof(h.host.gpu), &h.host.gpu_count))
		parse_error(l->p, node_get(n, "gpu"),
		    "'gpu' wants a model and a number like R9700:2, not '%.64s'", h.gpu);
	if (!h.host.gpu_count)
		h.host.gpu_count = 1;
	if (!*h.host.user)
		str_copy(h.host.user, a->user);
	if (*h.host.host_key && !strchr(h.host.host_key, ' '))
		parse_error(l->p, node_get(n, "host_key"), "'host_key' wants a kind and a key like \"ssh-ed25519 AAAA...\"");
	h.host.system_ssh |= *h.host.ssh_config != '\0';
	for (int i = 0; i < a->host_count; i++)
		if (!strcmp(a->hosts[i].name, h.host.name))
			parse_error(l->p, node_get(n, "name"), "two hosts are called '%s'", h.host.name);
	a->hosts = xreallocarray(a->hosts, (size_t)a->host_count + 1, sizeof(*a->hosts));
	a->hosts[a->host_count++] = h.host;
}

static void read_hosts(struct loading *l, const struct node *hosts, struct account *a)
{
	if (!hosts || !bind_wants_list(l->p, hosts))
		return;
	if (hosts->count > CONFIG_HOSTS_MAX)
		parse_error_key(l->p, hosts, "more than %d hosts", CONFIG_HOSTS_MAX);
	for (size_t i = 0; i < hosts->count && i < CONFIG_HOSTS_MAX; i++)
		read_host(l, &hosts->child[i], a);
}

static void find_token(struct loading *l, const struct node *n, const struct config_provider *p,
    struct account *a, struct account_source *s)
{
	struct err e = { 0 };
	const struct node *file = node_get(n, "token_file");

	if (l->r->no_tokens)
		return;
	if (tokens_find(l->tokens, p, a, s, &e) == 0)
		return;
	if (l->r->lenient) {
		str_copy(s->where, e.msg);
		return;
	}
	if (file)
		parse_error(l->p, file, "%s", e.msg);
	else
		parse_error_key(l->p, n, "%s", e.msg);
}

/* Two accounts with one token would take each other's machines for strays. */
static void refuse_twin(struct loading *l, const struct node *n, const struct account *a)
{
	for (const struct account *other = l->c->accounts; other < a; other++)
		if (a->token.value && other->token.value && !strcmp(other->provider, a->provider) && !strcmp(other->api_url, a->api_url) &&
		    !strcmp(other->team, a->team) && secret_equal(other->token.value, a->token.value))
			parse_error_key(l->p, n, "'%s' has the token of '%s': they are one account; say it once", a->name, other->name);
}

static void read_account(struct loading *l, const struct node *n)
{
	const struct node *type = node_get(n, "type");
	const char *provider = type && type->kind == NODE_TEXT && *type->text ? type->text : n->key;
	const struct config_provider *p = find_provider(l, provider);
	struct account_entry entry = { 0 };
	struct account_source *s;
	struct account *a;
	double version;

	if (!str_is_name(n->key, ACCOUNT_MAX - 1)) {
		parse_error_key(l->p, n, "the name of an account is at most %d letters, digits and . _ -",
		    ACCOUNT_MAX - 1);
		return;
	}
	if (!p) {
		unknown_provider(l, type ? type : n, provider, !type);
		return;
	}
	option_defaults(&account_options, &entry);
	bind_table(l->p, n, &account_options, p->name, &entry);
	a = add_account(l->c, &s);
	*a = entry.account;
	if (*a->min_cuda && (!str_to_double(a->min_cuda, &version) || version < 1 || version > 100))
		parse_error(l->p, node_get(n, "min_cuda"), "'min_cuda' wants a version like 12.4, not '%s'", a->min_cuda);
	str_copy(a->name, n->key);
	str_copy(a->provider, p->name);
	str_copy(s->token_file, entry.token_file);
	read_hosts(l, node_get(n, "hosts"), a);
	find_token(l, n, p, a, s);
	refuse_twin(l, n, a);
}

/* Without a `providers` key: what has a token is meant. */
static void accounts_from_tokens(struct loading *l)
{
	for (const struct config_provider *p = l->r->providers; p->name; p++) {
		struct account_entry entry = { 0 };
		struct account_source *s;
		struct account *a;
		struct err e = { 0 };

		if (l->r->no_tokens || !tokens_offer(l->tokens, p))
			continue;
		option_defaults(&account_options, &entry);
		a = add_account(l->c, &s);
		*a = entry.account;
		str_copy(a->name, p->name);
		str_copy(a->provider, p->name);
		if (tokens_find(l->tokens, p, a, s, &e) < 0)
			parse_error(l->p, NULL, "%s", e.msg);
	}
}

static void read_accounts(struct loading *l, const struct node *providers)
{
	if (!providers) {
		accounts_from_tokens(l);
		return;
	}
	if (!bind_wants_map(l->p, providers))
		return;
	if (providers->count > CONFIG_ACCOUNTS_MAX)
		parse_error_key(l->p, providers, "more than %d accounts", CONFIG_ACCOUNTS_MAX);
	for (size_t i = 0; i < providers->count && i < CONFIG_ACCOUNTS_MAX; i++)
		read_account(l, &providers->child[i]);
}

/* ---- secrets ---- */

static void read_secret(struct loading *l, const struct node *n)
{
	struct config_secret s = { 0 };
	struct secret value = { 0 };
	struct err e = { 0 };

	if (strlen(n->key) >= sizeof(s.name) || !bind_is_variable(n->key)) {
		parse_error_key(l->p, n, "a secret is called like a variable: capital letters, digits and _");
		return;
	}
	str_copy(s.name, n->key);
	bind_table(l->p, n, &secret_options, NULL, &s);
	if (!*s.file && !node_get(n, "file"))
		parse_error_key(l->p, n, "secret '%s' has no 'file'", s.name);
	else if (*s.file && !l->r->no_tokens && !l->r->lenient && secret_read_file(&value, s.file, &e) < 0)
		parse_error(l->p, node_get(n, "file"), "%s", e.msg);
	secret_wipe(&value);
	l->c->secrets = xreallocarray(l->c->secrets, l->c->secret_count + 1, sizeof(s));
	l->c->secrets[l->c->secret_count++] = s;
}

static void read_secrets(struct loading *l, const struct node *secrets)
{
	if (!secrets || !bind_wants_map(l->p, secrets))
		return;
	if (secrets->count > CONFIG_SECRETS_MAX)
		parse_error_key(l->p, secrets, "more than %d secrets", CONFIG_SECRETS_MAX);
	for (size_t i = 0; i < secrets->count && i < CONFIG_SECRETS_MAX; i++)
		read_secret(l, &secrets->child[i]);
}

/* ---- webhooks ---- */

static void check_closed(struct loading *l, const struct node *n, const char *key, const char *file)
{
	struct secret value = { 0 };
	struct err e = { 0 };

	if (*file && !l->r->no_tokens && !l->r->lenient && secret_read_file(&value, file, &e) < 0)
		parse_error(l->p, node_get(n, key), "%s", e.msg);
	secret_wipe(&value);
}

static void read_webhook(struct loading *l, const struct node *n)
{
	struct config_webhook w = { 0 };

	if (!str_is_name(n->key, sizeof(w.name) - 1)) {
		parse_error_key(l->p, n, "a webhook's name wants letters, digits, '.', '_' and '-'");
		return;
	}
	option_defaults(&webhook_options, &w);
	str_copy(w.name, n->key);
	bind_table(l->p, n, &webhook_options, NULL, &w);
	if ((*w.url != '\0') == (*w.url_file != '\0') && !(node_get(n, "url") && !*w.url))
		parse_error_key(l->p, n, "webhook '%s' wants 'url' or 'url_file', one of them", w.name);
	check_closed(l, n, "url_file", w.url_file);
	check_closed(l, n, "secret_file", w.secret_file);
	l->c->webhooks = xreallocarray(l->c->webhooks, l->c->webhook_count + 1, sizeof(w));
	l->c->webhooks[l->c->webhook_count++] = w;
}

static void read_webhooks(struct loading *l, const struct node *webhooks)
{
	if (!webhooks || !bind_wants_map(l->p, webhooks))
		return;
	if (webhooks->count > CONFIG_SECRETS_MAX)
		parse_error_key(l->p, webhooks, "more than %d webhooks", CONFIG_SECRETS_MAX);
	for (size_t i = 0; i < webhooks->count && i < CONFIG_SECRETS_MAX; i++)
		read_webhook(l, &webhooks->child[i]);
}

/* ---- tokens ---- */

/* One token under two names would be one person with two roles. */
static void refuse_same_token(struct loading *l, const struct node *n, const struct config_token *t)
{
	for (size_t i = 0; i < l->c->token_count && t->known; i++)
		if (l->c->tokens[i].known && crypto_equal(l->c->tokens[i].digest, t->digest, SHA256_LEN))
			parse_error_key(l->p, n, "'%s' is the token of '%s': say it once", t->name, l->c->tokens[i].name);
}

static void read_token(struct loading *l, const struct node *n)
{
	struct config_token t = { 0 };
	struct err e = { 0 };

	if (!str_is_name(n->key, sizeof(t.name) - 1)) {
		parse_error_key(l->p, n, "the name of a token is at most %zu letters, digits and . _ -", sizeof(t.name) - 1);
		return;
	}
	option_defaults(&token_options, &t);
	str_copy(t.name, n->key);
	bind_table(l->p, n, &token_options, NULL, &t);
	if (!*t.file && !node_get(n, "file"))
		parse_error_key(l->p, n, "token '%s' has no 'file'", t.name);
	else if (*t.file && !l->r->no_tokens && !l->r->lenient) {
		t.known = bearer_read_file(t.file, t.digest, &e) == 0;
		if (!t.known)
			parse_error(l->p, node_get(n, "file"), "%s", e.msg);
	}
	refuse_same_token(l, n, &t);
	l->c->tokens = xreallocarray(l->c->tokens, l->c->token_count + 1, sizeof(t));
	l->c->tokens[l->c->token_count++] = t;
}

static void read_tokens(struct loading *l, const struct node *tokens)
{
	if (!tokens || !bind_wants_map(l->p, tokens))
		return;
	if (tokens->count > CONFIG_TOKENS_MAX)
		parse_error_key(l->p, tokens, "more than %d tokens", CONFIG_TOKENS_MAX);
	for (size_t i = 0; i < tokens->count && i < CONFIG_TOKENS_MAX; i++)
		read_token(l, &tokens->child[i]);
}

/* ---- the whole ---- */

static void fill_paths(struct loading *l, const struct node *root)
{
	struct config *c = l->c;
	struct err e = { 0 };

	if (!*c->state_dir && !node_get(root, "state_dir") &&
	    paths_state_dir(c->state_dir, sizeof(c->state_dir), &e) < 0)
		parse_error(l->p, NULL, "%s", e.msg);
	if (!*c->socket && !node_get(root, "socket") &&
	    paths_socket(c->socket, sizeof(c->socket), c->state_dir, &e) < 0)
		parse_error(l->p, NULL, "%s", e.msg);
	if (paths_check_socket(c->socket, &e) < 0)
		parse_error(l->p, node_get(root, "socket"), "%s", e.msg);
}

/* Takes over p. */
static int load(
    struct config *c, const struct config_request *r, struct parse *p, struct buf *report, struct err *e)
{
	struct loading l = { .c = c, .r = r, .p = p };
	const struct node *root = parse_root(p);
	int rc;

	l.tokens = tokens_take(r->providers, r->token_dir);
	if (parse_error_count(p) == 0 || root) {
		option_defaults(&config_options, c);
		bind_table(p, root, &config_options, NULL, c);
		if (!root || root->kind == NODE_MAP) {
			read_accounts(&l, node_get(root, "providers"));
			read_secrets(&l, node_get(root, "secrets"));
			read_webhooks(&l, node_get(root, "webhooks"));
			read_tokens(&l, node_get(root, "tokens"));
			fill_paths(&l, root);
		}
	}
	rc = parse_failed(p, e);
	if (rc < 0 && report)
		buf_puts(report, parse_report(p));
	if (rc < 0)
		config_free(c);
	tokens_free(l.tokens);
	parse_free(p);
	return rc;
}

int config_load_text(struct config *c, const struct config_request *r, const char *name, const char *text,
    size_t n, struct buf *report, struct err *e)
{
	memset(c, 0, sizeof(*c));
	str_copy(c->file, name);
	return load(c, r, parse_text(name, text, n), report, e);
}

/* The first file that is there; *p stays NULL when none is. */
static int search(const char *named, struct parse **p, char **path, struct err *e)
{
	bool must = true;

	*p = NULL;
	if (named) {
		*path = xstrdup(named);
		*p = parse_file(named, e);
		return *p ? 0 : -1;
	}
	for (int i = 0; (*path = paths_config(i, &must)); i++) {
		struct err found = { 0 };

		*p = parse_file(*path, &found);
		if (*p)
			return 0;
		if (must)
			found.code = found.code == ERR_NOT_FOUND ? ERR_USAGE : found.code;
		if (found.code != ERR_NOT_FOUND)
			return err_set(
			    e, found.code, "%s%s", found.msg, must ? " (named by GPUFLEET_CONFIG)" : "");
		free(*path);
	}
	return 0;
}

int config_load(struct config *c, const struct config_request *r, struct buf *report, struct err *e)
{
	struct parse *p;
	char *path = NULL;
	int rc;

	memset(c, 0, sizeof(*c));
	rc = search(r->path, &p, &path, e);
	if (rc < 0 && report)
		buf_printf(report, "%s\n", e ? e->msg : "no configuration");
	if (rc == 0 && p)
		str_copy(c->file, path);
	if (rc == 0)
		rc = load(c, r, p ? p : parse_text("defaults", "", 0), report, e);
	free(path);
	return rc;
}

void config_free(struct config *c)
{
	for (size_t i = 0; i < c->account_count; i++) {
		secret_wipe(&c->accounts[i].token);
		free(c->accounts[i].hosts);
	}
	free(c->accounts);
	free(c->sources);
	free(c->secrets);
	free(c->webhooks);
	free(c->tokens);
	memset(c, 0, sizeof(*c));
}

const struct account *config_account(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->account_count; i++)
		if (!strcmp(c->accounts[i].name, name))
			return &c->accounts[i];
	return NULL;
}

const struct config_webhook *config_webhook(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->webhook_count; i++)
		if (!strcmp(c->webhooks[i].name, name))
			return &c->webhooks[i];
	return NULL;
}

const struct config_secret *config_secret(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->secret_count; i++)
		if (!strcmp(c->secrets[i].name, name))
			return &c->secrets[i];
	return NULL;
}

int config_secret_read(
    const struct config *c, const char *name, const char *owner, struct secret *out, struct err *e)
{
	const struct config_secret *s = config_secret(c, name);
	bool may = s && s->owner_count == 0;

	if (!s)
		return err_set(e, ERR_NOT_FOUND,
		    "secret '%.64s' is not in the configuration; add it below 'secrets', or give it with "
		    "--secret",
		    name);
	for (int i = 0; i < s->owner_count; i++)
		may |= !strcmp(s->owners[i], owner);
	if (!may)
		return err_set(e, ERR_REFUSED, "secret '%.64s' is not for runs of '%.64s'", name, owner);
	return secret_read_file(out, s->file, e);
}

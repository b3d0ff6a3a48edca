#include "ctl/cmd.h"
#include "base/gpu.h"
#include "base/str.h"
#include "ctl/connect.h"
#include "ctl/init.h"
#include "ctl/spawn.h"
#include "ctl/term.h"

#include <unistd.h>

const struct init_provider init_providers[] = {
	{ "hotaisle", "Hot Aisle", "HOTAISLE_TOKEN", "make a token at admin.hotaisle.app, or with: ssh admin.hotaisle.app" },
	{ "runpod", "RunPod", "RUNPOD_API_KEY", "make an API key in the console under Settings, API Keys" },
	{ "digitalocean", "DigitalOcean", "DIGITALOCEAN_TOKEN", "make a token in the control panel under API, Tokens" },
	{ "vastai", "Vast.ai", "VAST_API_KEY", "the API key is in the console under Keys" },
	{ "static", "your own hosts", NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};

static const char *const provider_words[] = { "hotaisle", "runpod", "digitalocean", "vastai", "static", NULL };

const struct init_provider *init_provider_find(const char *name)
{
	for (const struct init_provider *p = init_providers; p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

const struct init_provider *init_provider_guess(const char *word)
{
	const struct init_provider *found = NULL;
	size_t n = strlen(word);

	for (const struct init_provider *p = init_providers; p->name; p++) {
		if (!strcasecmp(p->name, word) || !strcasecmp(p->title, word))
			return p;
		if (n < 2 || (strncasecmp(p->name, word, n) && strncasecmp(p->title, word, n)))
			continue;
		if (found)
			return NULL;
		found = p;
	}
	return found;
}

struct init_account *init_account(struct init *i, const struct init_provider *p)
{
	for (size_t k = 0; k < i->account_count; k++)
		if (i->accounts[k].provider == p)
			return &i->accounts[k];
	i->accounts = xreallocarray(i->accounts, i->account_count + 1, sizeof(*i->accounts));
	i->accounts[i->account_count] = (struct init_account){ .provider = p };
	return &i->accounts[i->account_count++];
}

void init_free(struct init *i)
{
	for (size_t k = 0; k < i->account_count; k++)
		free(i->accounts[k].hosts);
	free(i->accounts);
	*i = (struct init){ 0 };
}

/* ---- options ---- */

/* One KEY=VALUE of --host. */
static int host_key(struct init_host *h, const char *key, const char *value, struct err *e)
{
	static const char *const keys[] = { "name", "address", "user", "gpu", "port", "price", NULL };
	const char *near = str_nearest(key, keys);
	char name[64];
	money price;
	int count;
	bool ok;

	if (!strcmp(key, "name"))
		ok = str_is_name(value, 63) && str_copy(h->name, value);
	else if (!strcmp(key, "address"))
		ok = *value && *value != '-' && str_copy(h->address, value);
	else if (!strcmp(key, "user"))
		ok = str_is_name(value, 31) && str_copy(h->user, value);
	else if (!strcmp(key, "gpu"))
		ok = gpu_spec_parse(value, name, sizeof(name), &count) && str_copy(h->gpu, value);
	else if (!strcmp(key, "port"))
		ok = str_to_i64(value, 1, 65535, &h->port);
	else if (!strcmp(key, "price"))
		ok = money_parse(value, &price) && price >= 0 && str_copy(h->price, value);
	else
		return err_set(e, ERR_USAGE, "--host knows name, address, gpu, user, port and price, not '%.32s'%s%s%s", key,
		    near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
	return ok ? 0 : err_set(e, ERR_USAGE, "--host: '%.64s' is no %s", value, key);
}

int init_host_add(struct init_account *a, const char *spec, struct err *e)
{
	char *copy = xstrdup(spec), *rest = copy, *part;
	struct init_host h = { 0 };
	int rc = 0;

	while (rc == 0 && (part = str_split(&rest, ","))) {
		char *equals = strchr(part, '=');

		if (!equals) {
			rc = err_set(e, ERR_USAGE, "--host wants name=NAME,address=ADDRESS,gpu=GPU:N[,user=U][,port=P][,price=USD]");
			break;
		}
		*equals = '\0';
		rc = host_key(&h, part, equals + 1, e);
	}
	free(copy);
	if (rc < 0)
		return -1;
	if (!*h.name || !*h.address || !*h.gpu)
		return err_set(e, ERR_USAGE, "--host needs at least name=, address= and gpu=");
	a->hosts = xreallocarray(a->hosts, a->host_count + 1, sizeof(*a->hosts));
	a->hosts[a->host_count++] = h;
	return 0;
}

/* Options in the order in which they stand: all but --host belong to the --provider before them. */
static int take_option(struct init *i, struct init_account **last, const struct arg_value *v, struct err *e)
{
	const char *name = v->opt->name;

	if (!strcmp(name, "provider")) {
		*last = init_account(i, init_provider_find(v->text));
		return 0;
	}
	if (!strcmp(name, "host"))
		return init_host_add(init_account(i, init_provider_find("static")), v->text, e);
	if (!v->opt->many)
		return 0;
	if (!*last)
		return err_set(e, ERR_USAGE, "--%s stands behind the --provider it belongs to", name);
	if (!(*last)->provider->token_env)
		return err_set(e, ERR_USAGE, "hosts of your own need no --%s", name);
	if (!strcmp(name, "exclusive")) {
		(*last)->exclusive = true;
		return 0;
	}
	if (!strcmp(name, "team"))
		return str_copy((*last)->team, v->text) ? 0 : err_set(e, ERR_USAGE, "the handle of the team is too long");
	if (!strcmp(name, "api-url"))
		return str_copy((*last)->api_url, v->text) ? 0 : err_set(e, ERR_USAGE, "the address of the API is too long");
	return init_check_token(v->text, (*last)->token_file, e);
}

static int take_options(struct init *i, const struct args *a, struct err *e)
{
	struct init_account *last = NULL;

	for (size_t k = 0; k < a->count; k++)
		if (take_option(i, &last, &a->values[k], e) < 0)
			return -1;
	for (size_t k = 0; k < i->account_count; k++) {
		const struct init_account *account = &i->accounts[k];
		const char *env = account->provider->token_env;

		if (env && !*account->token_file && !getenv(env))
			return err_set(e, ERR_USAGE, "%s needs --token-file, or %s in the environment", account->provider->name, env);
		if (!env && !account->host_count)
			return err_set(e, ERR_USAGE, "static needs at least one --host");
	}
	return 0;
}

/* ---- the whole ---- */

static int may_overwrite(const struct ctl *c, const struct init *i, struct err *e)
{
	char *question;
	bool yes;

	if (access(i->file, F_OK) < 0 || args_has(&c->args, "force"))
		return 0;
	if (!term_can_ask())
		return err_set(e, ERR_USAGE, "'%s' is there already; --force replaces it", i->file);
	question = xasprintf("%s is there already; replace it?", i->file);
	yes = term_confirm(question);
	free(question);
	return yes ? 0 : err_set(e, ERR_FAILED, "nothing was written");
}

/* Is the file right in the eyes of the daemon? Without a gpufleetd here that shows later. */
static int check_file(const struct init *i, struct err *e)
{
	char check[] = "--check-config", config[] = "--config", *file = xstrdup(i->file), *daemon = connect_daemon();
	char *argv[] = { daemon, check, config, file, NULL };
	struct buf said = BUF(65536);
	int rc = 0;

	if (daemon)
		rc = spawn_wait(argv, NULL, &said, e);
	if (rc > 0) {
		fputs(buf_str(&said), stderr);
		rc = err_set(e, ERR_USAGE, "the daemon does not accept '%s'", i->file);
	}
	buf_free(&said);
	free(daemon);
	free(file);
	return rc;
}

/* Ask the providers whether the tokens are good, through a daemon started on the new file. */
static int check_tokens(struct ctl *c, const struct init *i, struct err *e)
{
	struct where w;
	const json_t *p;
	json_t *answer;
	size_t n, bad = 0;

	if (connect_where(&w, c->socket_option, i->file, e) < 0)
		return -1;
	if (connect_probe(w.socket) == 0) {
		ctl_say("A daemon runs already; end and start it so that it reads the new file, then: gpufleetctl providers --check");
		return 0;
	}
	c->config_option = i->file;
	ctl_say("Starting the daemon and asking the providers ...");
	if (ctl_post(c, "/v1/check", NULL, NULL, &answer, e) < 0)
		return -1;
	json_array_foreach(json_path(answer, "providers"), n, p)
		bad += !json_is_true(json_path(p, "ok"));
	if (c->json)
		ctl_print_json(answer);
	else
		providers_print(json_path(answer, "providers"), stdout);
	json_decref(answer);
	return bad ? err_set(e, ERR_FAILED, "not every provider took its token; run init again, or mend the token file") : 0;
}

static int finish(struct ctl *c, const struct init *i, struct err *e)
{
	if (init_write(i, e) < 0)
		return -1;
	ctl_say("Wrote %s.", i->file);
	if (check_file(i, e) < 0)
		return -1;
	if (!args_has(&c->args, "no-check") && check_tokens(c, i, e) < 0)
		return -1;
	ctl_say("\nWhat is for rent:   gpufleetctl offers\nRent something:     gpufleetctl up MI300X");
	return 0;
}

static int run_init(struct ctl *c, struct err *e)
{
	bool options = args_has(&c->args, "provider") || args_has(&c->args, "host");
	const char *config = c->config_option;
	struct init i = { 0 };
	int rc;

	if (c->url_option)
		return err_set(e, ERR_USAGE, "init writes the configuration of a daemon on this machine; leave out --url");
	c->local = true;
	rc = init_place(&i, config, e);
	if (rc == 0)
		rc = may_overwrite(c, &i, e);
	if (rc == 0 && options)
		rc = take_options(&i, &c->args, e);
	else if (rc == 0 && !term_can_ask())
		rc = err_set(e, ERR_USAGE, "no terminal to ask questions on; name what you have: init --provider NAME --token-file FILE ...");
	else if (rc == 0)
		rc = init_ask(&i, e);
	if (rc == 0)
		rc = finish(c, &i, e);
	c->config_option = config;
	init_free(&i);
	return rc;
}

static const struct opt opts[] = {
	{ "provider", 'p', ARG_WORD, "PROVIDER", "hotaisle, runpod, digitalocean, vastai or static", provider_words, 0, 0, true },
	{ "token-file", 0, ARG_FILE, "FILE", "file with the API token of the --provider before it, mode 0600", NULL, 0, 0, true },
	{ "team", 0, ARG_NAME, "HANDLE", "team of the --provider before it (Hot Aisle)", NULL, 0, 0, true },
	{ "exclusive", 0, ARG_FLAG, NULL, "nobody else uses the account of the --provider before it", NULL, 0, 0, true },
	{ "api-url", 0, ARG_TEXT, "URL", "address of its API, when it is not the provider's own (a simulator)", NULL, 0, 0, true },
	{ "host", 0, ARG_TEXT, "SPEC", "a host of your own: name=lab1,address=10.0.0.7,gpu=R9700:2[,user=U][,port=P][,price=USD]", NULL,
	    0, 0, true },
	{ "force", 0, ARG_FLAG, NULL, "replace a configuration that is there", NULL, 0, 0, false },
	{ "no-check", 0, ARG_FLAG, NULL, "do not start the daemon to ask the providers", NULL, 0, 0, false },
};

const struct command command_init = {
	.name = "init",
	.group = "To begin with",
	.synopsis = "[options]",
	.summary = "write a configuration: providers, tokens, hosts of your own",
	.details = "Without options it asks. Tokens are never shown and are kept in files next to the configuration that only you can read.\n"
		   "A token may also stay in the daemon's environment: HOTAISLE_TOKEN, RUNPOD_API_KEY, DIGITALOCEAN_TOKEN, VAST_API_KEY.",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_init,
};

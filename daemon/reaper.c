/*
 * gpufleet-reaper: one pass over the accounts, then the end. A timer starts it again (gpufleet-reaper(8)).
 */
#include "reaper.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/str.h"
#include "base/version.h"
#include "providers/http.h"
#include "providers/provider.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>


struct options {
	const char *config, *key, *tokens, *state, *heartbeat;
	const char *only[CONFIG_ACCOUNTS_MAX];
	int only_count;
	int64_t limit;
	duration grace;
	bool arm, disarm, dry_run, json;
	int loud;
};

static void usage(FILE *to)
{
	fputs("usage: gpufleet-reaper [--config FILE] [--key FILE] [--tokens DIR] [--state FILE] [--heartbeat FILE]\n"
	      "                       [--account NAME]... [--delete | --dry-run | --disarm] [--limit N] [--grace TIME]\n"
	      "                       [--json] [-v | -q]\n"
	      "       gpufleet-reaper --help | --version\n\n"
	      "Deletes machines of this site that are still there behind the deadline in their name, without the daemon and its database.\n"
	      "Other machines, other sites' machines and storage are never touched.\n\n"
	      "  --config FILE     configuration of gpufleetd(8); looked for in the same places when not given\n"
	      "  --key FILE        the site's key; else site.key in the state directory\n"
	      "  --tokens DIR      ACCOUNT.token in it comes before the tokens of the configuration\n"
	      "  --state FILE      what passes remember; else reaper.state in the state directory\n"
	      "  --heartbeat FILE  written after each pass, read by `gpufleetctl doctor`; else reaper.heartbeat in the state directory\n"
	      "  --account NAME    only this account; may be given more than once\n"
	      "  --delete          allow deletions at these accounts, now and in all later passes; before that each pass is a dry run\n"
	      "  --dry-run         delete nothing in this pass\n"
	      "  --disarm          forbid deletions again, and end\n"
	      "  --limit N         at most so many deletions per account and pass (20); 0: no limit\n"
	      "  --grace TIME      how long behind the deadline the daemon still has its turn (10m)\n"
	      "  --json            write one document instead of lines\n"
	      "  -v, --verbose     a line for each machine\n"
	      "  -q, --quiet       only what needs a person\n\n"
	      "Exit status: 0 all is well, 1 something could not be watched or deleted, 2 usage or configuration,\n"
	      "3 machines are overdue but deletions were never allowed with --delete.\n",
	    to);
}

static int fail(const struct err *e)
{
	fprintf(stderr, "gpufleet-reaper: %s\n", e->msg);
	return e->code == ERR_USAGE ? REAP_USAGE : REAP_TROUBLE;
}

static int wrong(const char *what, const char *value)
{
	fprintf(stderr, "gpufleet-reaper: %s, not '%.60s'\n", what, value);
	return REAP_USAGE;
}

/* -1: go on; else the exit status. */
static int read_options(struct options *o, int argc, char **argv)
{
	static const struct option table[] = { { "config", required_argument, NULL, 'c' }, { "key", required_argument, NULL, 'k' },
		{ "tokens", required_argument, NULL, 't' }, { "state", required_argument, NULL, 's' },
		{ "heartbeat", required_argument, NULL, 'b' }, { "account", required_argument, NULL, 'a' },
		{ "delete", no_argument, NULL, 'D' }, { "dry-run", no_argument, NULL, 'n' }, { "disarm", no_argument, NULL, 'd' },
		{ "limit", required_argument, NULL, 'l' }, { "grace", required_argument, NULL, 'g' }, { "json", no_argument, NULL, 'j' },
		{ "verbose", no_argument, NULL, 'v' }, { "quiet", no_argument, NULL, 'q' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 } };
	int opt;

	while ((opt = getopt_long(argc, argv, "hvq", table, NULL)) != -1) {
		switch (opt) {
		case 'c': o->config = optarg; break;
		case 'k': o->key = optarg; break;
		case 't': o->tokens = optarg; break;
		case 's': o->state = optarg; break;
		case 'b': o->heartbeat = optarg; break;
		case 'a':
			if (o->only_count == CONFIG_ACCOUNTS_MAX)
				return wrong("that are too many --account", optarg);
			o->only[o->only_count++] = optarg;
			break;
		case 'D': o->arm = true; break;
		case 'n': o->dry_run = true; break;
		case 'd': o->disarm = true; break;
		case 'l':
			if (!str_to_i64(optarg, 0, 100000, &o->limit))
				return wrong("--limit wants a number from 0 to 100000", optarg);
			break;
		case 'g':
			if (!str_to_duration(optarg, &o->grace) || o->grace < 0 || o->grace > DAY)
				return wrong("--grace wants a duration like 10m, at most a day", optarg);
			break;
		case 'j': o->json = true; break;
		case 'v': o->loud = 2; break;
		case 'q': o->loud = 0; break;
		case 'h': usage(stdout); return REAP_WELL;
		case 'V': puts("gpufleet-reaper " GPUFLEET_VERSION); return REAP_WELL;
		default: usage(stderr); return REAP_USAGE;
		}
	}
	if (optind < argc)
		return wrong("nothing but options is wanted", argv[optind]);
	if (o->arm + o->dry_run + o->disarm > 1)
		return wrong("one of --delete, --dry-run and --disarm is enough", "all");
	return -1;
}

static int load_config(struct config *c, const struct options *o, struct err *e)
{
	struct config_provider types[16] = { { NULL, NULL } };
	struct buf report = BUF(64 * 1024);
	size_t n = 0;
	int r;

	for (const struct provider *const *p = provider_all(); *p && n + 1 < ARRAY_LEN(types); p++)
		types[n++] = (struct config_provider){ (*p)->name, (*p)->token_env };
	r = config_load(c, &(struct config_request){ .path = o->config, .providers = types, .lenient = true, .token_dir = o->tokens },
	    &report, e);
	if (r < 0 && report.len)
		fputs(buf_str(&report), stderr);
	buf_free(&report);
	for (size_t k = 0; r == 0 && k < c->account_count; k++) {
		const struct provider *p = provider_find(c->accounts[k].provider);

		if (!*c->accounts[k].api_url && p->api_url)
			str_copy(c->accounts[k].api_url, p->api_url);
		if (*c->accounts[k].api_url && !http_url_ok(c->accounts[k].api_url))
			r = err_set(e, ERR_USAGE, "account '%s': api_url must begin with https:// (http:// only for loopback addresses)",
			    c->accounts[k].name);
	}
	return r;
}

static bool wanted(const struct options *o, const char *account)
{
	bool named = !o->only_count;

	for (int k = 0; k < o->only_count; k++)
		named |= !strcmp(o->only[k], account);
	return named;
}

/* The accounts of this pass, their memory taken out of the state. */
static size_t choose(struct reap_account *out, const struct config *c, const struct options *o, struct reap_state *state)
{
	size_t n = 0;

	for (size_t k = 0; k < c->account_count; k++) {
		if (!wanted(o, c->accounts[k].name))
			continue;
		out[n].account = &c->accounts[k];
		out[n].token_trouble = c->accounts[k].token.value ? NULL : c->sources[k].where;
		reap_state_take(state, c->accounts[k].name, &out[n].memory);
		n++;
	}
	return n;
}

static int check_names(const struct config *c, const struct options *o, struct err *e)
{
	for (int k = 0; k < o->only_count; k++)
		if (!config_account(c, o->only[k]))
			return err_set(e, ERR_USAGE, "there is no account '%.60s' in the configuration", o->only[k]);
	if (!c->account_count)
		return err_set(e, ERR_USAGE, "no account is configured and no token is there: nothing can be watched");
	return 0;
}

static void disarm(struct reap_account *accounts, size_t count)
{
	for (size_t k = 0; k < count; k++) {
		accounts[k].memory.armed = false;
		if (accounts[k].memory.account_id[0])
			accounts[k].memory.account_id[0] = '\0';
	}
}

/* Files last: what was done is told even when it cannot be written down. */
static int keep(struct reap_state *state, struct reap_account *accounts, size_t count, const struct options *o,
    const struct reap_options *r, const char *state_path, const char *heartbeat, struct err *e)
{
	json_t *doc = reap_document(accounts, count, r, clock_wall(), false);
	char *text = json_text(doc);
	int rc = 0;

	for (size_t k = 0; k < count; k++)
		reap_state_put(state, &accounts[k].memory);
	if (reap_state_save(state, state_path, e) < 0 || (!o->disarm && reap_write(heartbeat, text, e) < 0))
		rc = -1;
	free(text);
	json_decref(doc);
	return rc;
}

static void tell(const struct reap_account *accounts, size_t count, const struct options *o, const struct reap_options *r)
{
	json_t *doc;
	char *text;

	if (!o->json) {
		reap_print(accounts, count, o->loud, clock_wall());
		return;
	}
	doc = reap_document(accounts, count, r, clock_wall(), true);
	text = json_text(doc);
	puts(text);
	free(text);
	json_decref(doc);
}

static void place_of(char *out, size_t size, const char *named, const struct config *c, const char *file)
{
	if (named)
		str_copy_n(out, size, named);
	else
		snprintf(out, size, "%s/%s", c->state_dir, file);
}

int main(int argc, char **argv)
{
	static struct reap_account accounts[CONFIG_ACCOUNTS_MAX];
	static struct config c; /* what fails early ends with the process and frees nothing */
	struct options o = { .limit = REAP_LIMIT, .grace = REAP_GRACE, .loud = 1 };
	char key[CONFIG_PATH_MAX + 16], state_path[CONFIG_PATH_MAX], heartbeat[CONFIG_PATH_MAX];
	struct site site;
	struct reap_state state;
	struct reap_options r;
	struct err e = { 0 };
	int status = read_options(&o, argc, argv);
	size_t count;

	if (status >= 0)
		return status;
	crypto_init();
	json_init();
	prctl(PR_SET_DUMPABLE, 0);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	if (load_config(&c, &o, &e) < 0 || check_names(&c, &o, &e) < 0)
		return fail(&e);
	if (mkdir(c.state_dir, 0700) < 0 && errno != EEXIST && !(o.state && o.heartbeat && o.key)) {
		err_errno(&e, ERR_FAILED, "cannot make the state directory '%s'; name places with --key, --state and --heartbeat", c.state_dir);
		return fail(&e);
	}
	place_of(key, sizeof(key), o.key, &c, "site.key");
	place_of(state_path, sizeof(state_path), o.state, &c, "reaper.state");
	place_of(heartbeat, sizeof(heartbeat), o.heartbeat, &c, "reaper.heartbeat");
	if (site_read(&site, key, &e) < 0 || reap_state_lock(state_path, &e) < 0)
		return fail(&e);
	if (clock_wall() < CLOCK_BORN) {
		fputs("gpufleet-reaper: the clock of this host is not set; deadlines cannot be judged\n", stderr);
		return REAP_TROUBLE;
	}
	status = reap_state_load(&state, state_path, &e) < 0 ? fail(&e) : REAP_WELL;
	r = (struct reap_options){ .site = &site, .rules = { .grace = o.grace, .limit = (int)o.limit }, .arm = o.arm, .dry_run = o.dry_run };
	count = choose(accounts, &c, &o, &state);
	if (o.disarm) {
		disarm(accounts, count);
	} else {
		reaper_pass(accounts, count, &r);
		tell(accounts, count, &o, &r);
		if (status == REAP_WELL)
			status = (int)reap_exit_code(accounts, count);
	}
	if (keep(&state, accounts, count, &o, &r, state_path, heartbeat, &e) < 0)
		status = fail(&e);
	for (size_t k = 0; k < count; k++)
		reap_account_free(&accounts[k]);
	reap_state_free(&state);
	site_wipe(&site);
	config_free(&c);
	return status;
}

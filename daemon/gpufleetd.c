/*
 * gpufleetd: options, configuration, store, engine, API, loop.
 */
#include "api.h"
#include "artifacts.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/version.h"
#include "engine.h"
#include "generation.h"
#include "hostclock.h"
#include "providers/http.h"
#include "providers/provider.h"
#include "service.h"
#include "site.h"

#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct daemon {
	uv_loop_t loop;
	struct config config;
	struct site site;
	struct generation generation;
	struct ssh_key *key;
	struct store *store;
	struct engine *engine;
	struct api *api;
	struct artifacts *artifacts;
	uv_signal_t term, intr;
	uv_timer_t watchdog;
	bool stopping;
	const char *trace;
};

static void stop(struct daemon *d)
{
	if (d->stopping)
		return;
	d->stopping = true;
	log_info("stopping; machines and runs go on until their deadlines");
	service_notify("STOPPING=1");
	api_close(d->api);
	artifacts_close(d->artifacts);
	engine_close(d->engine);
	uv_close((uv_handle_t *)&d->term, NULL);
	uv_close((uv_handle_t *)&d->intr, NULL);
	uv_close((uv_handle_t *)&d->watchdog, NULL);
}

static void on_signal(uv_signal_t *s, int number)
{
	(void)number;
	stop(s->data);
}

static void on_shutdown(void *arg)
{
	stop(arg);
}

static void on_watchdog(uv_timer_t *t)
{
	(void)t;
	service_notify("WATCHDOG=1");
}

static int load_config(struct config *c, const char *path, bool no_tokens, struct err *e)
{
	struct config_provider types[16] = { { NULL, NULL } };
	struct buf report = BUF(64 * 1024);
	size_t n = 0;
	int r;

	for (const struct provider *const *p = provider_all(); *p && n + 1 < ARRAY_LEN(types); p++)
		types[n++] = (struct config_provider){ (*p)->name, (*p)->token_env };
	r = config_load(c, &(struct config_request){ .path = path, .providers = types, .no_tokens = no_tokens }, &report, e);
	if (r < 0 && report.len)
		fputs(buf_str(&report), stderr);
	buf_free(&report);
	return r;
}

/* What the configuration leaves empty comes from the provider's table. */
static int fill_accounts(struct config *c, struct err *e)
{
	for (size_t k = 0; k < c->account_count; k++) {
		struct account *a = &c->accounts[k];
		const struct provider *p = provider_find(a->provider);

		if (!*a->api_url && p->api_url)
			str_copy(a->api_url, p->api_url);
		if (*a->api_url && !http_url_ok(a->api_url))
			return err_set(e, ERR_USAGE, "account '%s': api_url must begin with https:// (http:// only for loopback addresses)",
			    a->name);
	}
	return 0;
}

/* For the authorized_keys of hosts that people already have; at a cloud we register it ourselves. */
static void publish_key(const char *dir, const struct ssh_key *key)
{
	char path[600];
	FILE *f;

	snprintf(path, sizeof(path), "%s/ssh.key.pub", dir);
	f = fopen(path, "we");
	if (!f || fprintf(f, "%s\n", ssh_key_public(key)) < 0)
		log_warn("cannot write '%s'", path);
	if (f)
		fclose(f);
}

static int open_files(struct daemon *d, struct err *e)
{
	const char *dir = d->config.state_dir;
	char path[600];
	struct stat st;
	char *site = NULL;
	int r = -1;

	if (service_lock(dir, e) < 0 || hostclock_open(dir, e) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/ssh.key", dir);
	if (ssh_key_load(&d->key, path, "gpufleet", e) < 0)
		return -1;
	publish_key(dir, d->key);
	snprintf(path, sizeof(path), "%s/gpufleet.db", dir);
	if (site_load(&d->site, dir, stat(path, &st) < 0, e) < 0 || generation_load(&d->generation, dir, e) < 0)
		return -1;
	if (store_open(&d->store, &(struct store_options){ .path = path, .threaded = true, .wake = engine_store_wake,
	    .wake_arg = &d->engine }, e) < 0)
		return -1;
	if (store_meta_get(d->store, "site", &site, e) < 0)
		return -1;
	if (!site)
		r = store_meta_set(d->store, "site", d->site.id, e);
	else if (strcmp(site, d->site.id) != 0)
		err_set(e, ERR_FAILED, "the database belongs to site '%.8s', site.key to '%s'; restore the one that fits", site, d->site.id);
	else
		r = 0;
	free(site);
	return r;
}

static int open_all(struct daemon *d, struct err *e)
{
	struct engine *engine;
	char db[600];

	if (fill_accounts(&d->config, e) < 0 || open_files(d, e) < 0)
		return -1;
	if (engine_open(&engine, &(struct engine_options){ .loop = &d->loop, .config = &d->config, .store = d->store, .key = d->key,
	    .site = d->site.id, .mark_key = d->site.key, .trace = d->trace, .generation = &d->generation }, e) < 0)
		return -1;
	__atomic_store_n(&d->engine, engine, __ATOMIC_RELEASE);
	snprintf(db, sizeof(db), "%s/gpufleet.db", d->config.state_dir);
	if (api_open(&d->api, d->engine, &(struct api_options){ .socket_path = d->config.socket, .db_path = db,
	    .version = GPUFLEET_VERSION }, e) < 0)
		return -1;
	api_on_shutdown(d->api, on_shutdown, d);
	return 0;
}

static void start_handles(struct daemon *d)
{
	uint64_t ms = service_watchdog_ms();

	uv_signal_init(&d->loop, &d->term);
	uv_signal_init(&d->loop, &d->intr);
	uv_timer_init(&d->loop, &d->watchdog);
	d->term.data = d->intr.data = d;
	uv_signal_start(&d->term, on_signal, SIGTERM);
	uv_signal_start(&d->intr, on_signal, SIGINT);
	if (ms)
		uv_timer_start(&d->watchdog, on_watchdog, ms, ms);
}

static void close_all(struct daemon *d)
{
	if (d->store)
		store_close(d->store);
	api_free(d->api);
	engine_free(d->engine);
	ssh_key_free(d->key);
	site_wipe(&d->site);
	config_free(&d->config);
}

static void usage(FILE *to)
{
	fputs("usage: gpufleetd [--config FILE] [--background] [--trace DIR]\n"
	      "       gpufleetd --print-config | --check-config [--config FILE]\n"
	      "       gpufleetd --help | --version\n\n"
	      "Rents GPU machines, runs work on them, and gives them back. People talk to it with gpufleetctl(1).\n\n"
	      "  --config FILE    configuration; else $GPUFLEET_CONFIG, ~/.config/gpufleet/gpufleetd.yaml, /etc/gpufleet/gpufleetd.yaml\n"
	      "  --background     return when ready to serve; log to gpufleetd.log in the state directory\n"
	      "  --trace DIR      record every fact and decision there, for replay; no secrets, but names and prices\n"
	      "  --print-config   write the configuration in force and end\n"
	      "  --check-config   read the configuration with its token files, say what is wrong, and end\n",
	    to);
}

enum mode { MODE_RUN, MODE_PRINT, MODE_CHECK };

struct options {
	const char *config;
	const char *trace;
	enum mode mode;
	bool background;
};

/* -1: go on; else the exit status. */
static int read_options(struct options *o, int argc, char **argv)
{
	static const struct option table[] = { { "config", required_argument, NULL, 'c' }, { "background", no_argument, NULL, 'b' },
		{ "trace", required_argument, NULL, 't' },
		{ "print-config", no_argument, NULL, 'p' }, { "check-config", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	int opt;

	while ((opt = getopt_long(argc, argv, "h", table, NULL)) != -1) {
		switch (opt) {
		case 'c': o->config = optarg; break;
		case 'b': o->background = true; break;
		case 't': o->trace = optarg; break;
		case 'p': o->mode = MODE_PRINT; break;
		case 'k': o->mode = MODE_CHECK; break;
		case 'h': usage(stdout); return 0;
		case 'v': puts("gpufleetd " GPUFLEET_VERSION); return 0;
		default: usage(stderr); return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "gpufleetd: unexpected argument '%s'\n", argv[optind]);
		return 2;
	}
	return -1;
}

static int fail(const struct err *e)
{
	fprintf(stderr, "gpufleetd: %s\n", e->msg);
	return e->code == ERR_USAGE ? 2 : 1;
}

int main(int argc, char **argv)
{
	static struct daemon d;
	struct options o = { .mode = MODE_RUN };
	struct err e = { 0 };
	enum log_level level;
	int status = read_options(&o, argc, argv);

	if (status >= 0)
		return status;
	crypto_init();
	json_init();
	prctl(PR_SET_DUMPABLE, 0);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	if (load_config(&d.config, o.config, o.mode == MODE_PRINT, &e) < 0)
		return fail(&e);
	if (o.mode == MODE_PRINT) {
		struct buf text = BUF(1u << 20);

		config_print(&d.config, &text);
		fputs(buf_str(&text), stdout);
		buf_free(&text);
	}
	if (o.mode != MODE_RUN) {
		config_free(&d.config);
		return 0;
	}
	if (log_level_from_name(d.config.log, &level))
		log_set_level(level);
	if (o.background && service_background(d.config.state_dir, &e) < 0)
		return fail(&e);
	d.trace = o.trace;
	http_global_init();
	uv_loop_init(&d.loop);
	if (open_all(&d, &e) < 0)
		return fail(&e); /* the process ends: nothing was started that outlives it */
	start_handles(&d);
	artifacts_open(&d.artifacts, d.engine, d.config.keep.artifacts);
	log_info("gpufleetd %s, site %s, %zu account%s, listening on %s%s%s", GPUFLEET_VERSION, d.site.id, d.config.account_count,
	    d.config.account_count == 1 ? "" : "s", d.config.socket, *d.config.listen ? " and " : "", d.config.listen);
	service_ready();
	uv_run(&d.loop, UV_RUN_DEFAULT);
	close_all(&d);
	uv_loop_close(&d.loop);
	http_global_cleanup();
	log_info("stopped");
	return 0;
}

#include "config/bearer.h"
#include "config/config.h"
#include "config/option.h"
#include "config/paths.h"
#include "base/str.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct config_provider providers[] = {
	{ "hotaisle", "HOTAISLE_TOKEN" },
	{ "runpod", "RUNPOD_API_KEY" },
	{ "digitalocean", "DIGITALOCEAN_TOKEN" },
	{ "vastai", "VAST_API_KEY" },
	{ "static", NULL },
	{ NULL, NULL },
};
static const struct config_request request = { .providers = providers };

/* ---- a directory, files in it, and a clean environment ---- */

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/gpufleet-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static int clean_environment(void **state)
{
	static const char *const names[] = { "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR",
		"GPUFLEET_CONFIG", "CREDENTIALS_DIRECTORY", "HOTAISLE_TOKEN", "RUNPOD_API_KEY",
		"DIGITALOCEAN_TOKEN", "VAST_API_KEY" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	return setenv("HOME", dir, 1);
}

static char *make_file(const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void drop_file(char *path)
{
	unlink(path);
	free(path);
}

/* `@/` in the text of a configuration stands for the directory. */
static char *with_dir(const char *text)
{
	struct buf b = BUF(2 * 1024 * 1024);

	for (; *text; text++)
		if (text[0] == '@' && text[1] == '/')
			buf_puts(&b, dir);
		else
			buf_putc(&b, *text);
	return buf_take(&b);
}

static void load_ok(struct config *c, const char *text)
{
	char *t = with_dir(text);
	struct buf report = BUF(65536);
	struct err e = { 0 };

	if (config_load_text(c, &request, "f.yaml", t, strlen(t), &report, &e) < 0)
		fail_msg("%s", buf_str(&report));
	assert_string_equal(buf_str(&report), "");
	buf_free(&report);
	free(t);
}

/* Each mistake's sentence, one a line, without source lines, is exactly `want`. */
static void load_bad(const char *text, const char *want)
{
	char *t = with_dir(text), *w = with_dir(want), *rest, *line;
	struct buf report = BUF(65536), sentences = BUF(65536);
	struct config c;
	struct err e = { 0 };

	assert_int_equal(config_load_text(&c, &request, "f.yaml", t, strlen(t), &report, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	rest = report.data;
	while ((line = str_split(&rest, "\n")))
		if (str_starts(line, "f.yaml"))
			buf_printf(&sentences, "%s\n", line);
	assert_string_equal(buf_str(&sentences), w);
	assert_int_equal(c.account_count, 0);
	assert_null(c.accounts);
	buf_free(&report);
	buf_free(&sentences);
	free(t);
	free(w);
}

/* ---- defaults and paths ---- */

static void defaults(void **state)
{
	struct config c;

	(void)state;
	load_ok(&c, "");
	assert_int_equal(c.defaults.lifetime, 4 * HOUR);
	assert_int_equal(c.defaults.idle, 15 * MINUTE);
	assert_int_equal(c.defaults.boot, 0);
	assert_int_equal(c.defaults.max_price, 0);
	assert_int_equal(c.defaults.max_cost, 100 * USD);
	assert_int_equal(c.defaults.accept_minimum, 20 * USD);
	assert_int_equal(c.poll.boot, 5 * SECOND);
	assert_int_equal(c.poll.steady, 30 * SECOND);
	assert_int_equal(c.poll.sweep, 120 * SECOND);
	assert_int_equal(c.poll.run, 5 * SECOND);
	assert_int_equal(c.poll.run_watched, SECOND);
	assert_int_equal(c.proof.settle, 10 * MINUTE);
	assert_int_equal(c.proof.settle_hotaisle, 20 * MINUTE);
	assert_int_equal(c.proof.absence_listings, 5);
	assert_int_equal(c.proof.absence_spacing, 30 * SECOND);
	assert_int_equal(c.proof.gone_listings, 2);
	assert_int_equal(c.proof.gone_spacing, 60 * SECOND);
	assert_int_equal(c.proof.late_watch, 24 * HOUR);
	assert_int_equal(c.proof.orphan_grace, 10 * MINUTE);
	assert_int_equal(c.proof.bill_poll, 5 * MINUTE);
	assert_int_equal(c.proof.bill_watch, 35 * DAY);
	assert_int_equal(c.proof.contact_lost, 10 * MINUTE);
	assert_int_equal(c.proof.lease, 15 * MINUTE);
	assert_string_equal(c.log, "info");
	assert_string_equal(c.listen, "");
	assert_string_equal(c.roles.admin_group, "");
	assert_int_equal(c.account_count, 0);
	assert_int_equal(c.secret_count, 0);
	config_free(&c);
}

static void expect_paths(const char *state_dir, const char *socket)
{
	struct config c;
	char *s = with_dir(state_dir), *k = with_dir(socket);

	load_ok(&c, "");
	assert_string_equal(c.state_dir, s);
	assert_string_equal(c.socket, k);
	config_free(&c);
	free(s);
	free(k);
}

static void default_paths(void **state)
{
	uid_t uid = geteuid();

	(void)state;
	if (uid == 0) {
		expect_paths("/var/lib/gpufleet", "/run/gpufleet/gpufleetd.sock");
		assert_int_equal(seteuid(65534), 0);
	}
	expect_paths("@/.local/state/gpufleet", "@/.local/state/gpufleet/gpufleetd.sock");
	setenv("XDG_STATE_HOME", "/s", 1);
	expect_paths("/s/gpufleet", "/s/gpufleet/gpufleetd.sock");
	setenv("XDG_STATE_HOME", "relative", 1);
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	expect_paths("@/.local/state/gpufleet", "/run/user/7/gpufleet/gpufleetd.sock");
	unsetenv("HOME");
	load_bad("",
	    "f.yaml:1:1: neither HOME nor XDG_STATE_HOME names a directory; set 'state_dir' in the configuration\n");
	if (uid == 0)
		assert_int_equal(seteuid(0), 0);
}

static void paths_in_file(void **state)
{
	struct config c;
	char *home = with_dir("@/state");

	(void)state;
	load_ok(&c, "state_dir: ~/state\nsocket: /tmp/x.sock\nlisten: \"[::1]:80\"\n");
	assert_string_equal(c.state_dir, home);
	assert_string_equal(c.socket, "/tmp/x.sock");
	assert_string_equal(c.listen, "[::1]:80");
	config_free(&c);
	free(home);
	load_bad("state_dir: state\nsocket: ./x\n",
	    "f.yaml:1:12: 'state_dir' wants an absolute path (or one that begins with ~/), not 'state'\n"
	    "f.yaml:2:9: 'socket' wants an absolute path (or one that begins with ~/), not './x'\n");
	load_bad(
	    "socket: /12345678901234567890123456789012345678901234567890/12345678901234567890123456789012345678901234567890/x.sock\n",
	    "f.yaml:1:9: the socket path '/12345678901234567890123456789012345678901234567890/12345678…' has 109 bytes and the kernel "
	    "takes 107; set 'socket' to a shorter one\n");
}

/* ---- mistakes ---- */

static void mistakes(void **state)
{
	(void)state;
	load_bad("pol: {boot: 5s}\n", "f.yaml:1:1: unknown key 'pol' (did you mean 'poll'?)\n");
	load_bad("poll: {bot: 5s}\n", "f.yaml:1:8: unknown key 'bot' (did you mean 'boot'?)\n");
	load_bad("poll: {zzzzz: 5s}\n", "f.yaml:1:8: unknown key 'zzzzz' in the configuration, poll\n");
	load_bad("wonderful: 1\n", "f.yaml:1:1: unknown key 'wonderful' in the configuration\n");
	load_bad("poll.boot: 5s\n", "f.yaml:1:1: unknown key 'poll.boot' in the configuration\n");
	load_bad("poll: 5s\n", "f.yaml:1:7: 'poll' wants a map of keys and values, not '5s'\n");
	load_bad("poll: [5s]\n", "f.yaml:1:7: 'poll' wants a map of keys and values, not 'a list'\n");
	load_bad("[1]\n", "f.yaml:1:1: 'this document' wants a map of keys and values, not 'a list'\n");
	load_bad("log: {a: b}\n", "f.yaml:1:6: 'log' wants one value (word), not a map\n");
	load_bad("log:\n", "f.yaml:1:1: 'log' has no value\n");
	load_bad(
	    "log: warning\n", "f.yaml:1:6: 'log' wants one of debug, info, warn, error, not 'warning'\n");
	load_bad("log: Warn\n", "f.yaml:1:6: 'log' cannot be 'Warn' (did you mean 'warn'?)\n");
	load_bad("defaults:\n  for: soon\n  idle: -5\n  max_price: free\n  max_cost: 1e3\n",
	    "f.yaml:2:8: 'defaults.for' wants a duration like 90s, 15m, 4h or 1h30m, not 'soon'\n"
	    "f.yaml:3:9: 'defaults.idle' wants a duration like 90s, 15m, 4h or 1h30m, not '-5'\n"
	    "f.yaml:4:14: 'defaults.max_price' wants dollars like 12 or 3.50, not 'free'\n"
	    "f.yaml:5:13: 'defaults.max_cost' wants dollars like 12 or 3.50, not '1e3'\n");
	load_bad("defaults: {for: 1s}\n",
	    "f.yaml:1:17: 'defaults.for' wants a duration from 1m to 90d, not '1s'\n");
	load_bad("proof: {gone_listings: 1, settle: 0, absence_listings: two}\n",
	    "f.yaml:1:24: 'proof.gone_listings' wants a number from 2 to 1000, not 1\n"
	    "f.yaml:1:35: 'proof.settle' wants a duration from 1s to 1d, not '0'\n"
	    "f.yaml:1:56: 'proof.absence_listings' wants a whole number, not 'two'\n");
	load_bad("roles: {admin_group: \"a b\"}\n",
	    "f.yaml:1:22: 'roles.admin_group' wants a name of at most 31 letters, digits and . _ -, not 'a b'\n");
}

static void listening(void **state)
{
	static const char *const bad[] = { "0.0.0.0:80", "10.0.0.1:80", "127.0.0.1", "127.0.0.1:0",
		"127.0.0.1:65536", ":80", "80", "example.com:80", "127.0.0.1.evil.com:80", "[::]:80",
		"127.1:80" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char *text = xasprintf("listen: '%s'\n", bad[i]);
		char *want = xasprintf(
		    "f.yaml:1:9: 'listen' wants a loopback address and a port like 127.0.0.1:8470, not '%s'; for "
		    "other machines put a reverse proxy with TLS in front\n",
		    bad[i]);

		load_bad(text, want);
		free(text);
		free(want);
	}
}

static void urls(void **state)
{
	static const char *const bad[] = { "http://api.example.com", "ftp://127.0.0.1", "https://",
		"http://127.0.0.1@evil.com", "http://localhost.evil.com", "https://user@host/",
		"http://127.0.0.1:80@evil.com/", "api.example.com", "https://a b", "https://x/?key=1" };
	static const struct {
		const char *text, *want;
	} good[] = {
		{ "https://api.example.com/v2/", "https://api.example.com/v2" },
		{ "http://127.0.0.1:8471", "http://127.0.0.1:8471" },
		{ "http://localhost/x//", "http://localhost/x" },
		{ "http://[::1]:9/", "http://[::1]:9" },
		{ "http://127.9.8.7", "http://127.9.8.7" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char *text = xasprintf("providers: {runpod: {api_url: '%s'}}\n", bad[i]), *want;

		want = xasprintf(
		    "f.yaml:1:31: 'api_url' wants an https:// URL (http:// only to this machine), not '%s'\n"
		    "f.yaml:1:13: account 'runpod' has no token: give 'token_file', a systemd credential 'runpod.token', or "
		    "RUNPOD_API_KEY in the environment\n",
		    bad[i]);
		load_bad(text, want);
		free(text);
		free(want);
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		char *text = xasprintf("providers: {runpod: {api_url: '%s'}}\n", good[i].text);
		struct config c;

		setenv("RUNPOD_API_KEY", "rp-secret", 1);
		load_ok(&c, text);
		assert_string_equal(c.accounts[0].api_url, good[i].want);
		config_free(&c);
		free(text);
	}
}

/* ---- accounts ---- */

static void accounts(void **state)
{
	char *hot = make_file("hot", "  hot-token\n", 0600), *rp = make_file("rp", "rp-token", 0400);
	struct config c;
	const struct account *a;

	(void)state;
	load_ok(&c,
	    "providers:\n"
	    "  hotaisle: { team: acme, exclusive: true, token_file: @/hot, api_url: 'https://h.example/api' }\n"
	    "  work:\n    type: runpod\n    token_file: @/rp\n    community: yes\n    region: EU-RO-1\n    disk: 200\n"
	    "    graphql_url: https://h.example/graphql\n    image: rocm/pytorch:latest\n    user: bench\n    ssh_port: 2222\n"
	    "  vast2: { type: vastai, token_file: @/rp, min_reliability: 0.985, region: [US, CA] }\n");
	assert_int_equal(c.account_count, 3);
	a = &c.accounts[0];
	assert_string_equal(a->name, "hotaisle");
	assert_string_equal(a->provider, "hotaisle");
	assert_string_equal(a->team, "acme");
	assert_true(a->exclusive);
	assert_string_equal(a->token.value, "hot-token");
	assert_string_equal(a->api_url, "https://h.example/api");
	a = config_account(&c, "work");
	assert_ptr_equal(a, &c.accounts[1]);
	assert_string_equal(a->provider, "runpod");
	assert_string_equal(a->token.value, "rp-token");
	assert_true(a->community);
	assert_false(a->exclusive);
	assert_int_equal(a->region_count, 1);
	assert_string_equal(a->regions[0], "EU-RO-1");
	assert_int_equal(a->disk_gb, 200);
	assert_string_equal(a->graphql_url, "https://h.example/graphql");
	assert_string_equal(a->image, "rocm/pytorch:latest");
	assert_string_equal(a->user, "bench");
	assert_int_equal(a->ssh_port, 2222);
	a = config_account(&c, "vast2");
	assert_int_equal(a->min_reliability_ppm, 985000);
	assert_int_equal(a->region_count, 2);
	assert_string_equal(a->regions[1], "CA");
	assert_null(config_account(&c, "runpod"));
	config_free(&c);
	drop_file(hot);
	drop_file(rp);
}

static void account_mistakes(void **state)
{
	char *t = make_file("t", "secret-token", 0600);

	(void)state;
	load_bad("providers: {runpot: {token_file: @/t}}\n",
	    "f.yaml:1:13: unknown provider 'runpot' (did you mean 'runpod'?)\n");
	load_bad("providers: {lab: {token_file: @/t}}\n",
	    "f.yaml:1:13: 'lab' is no provider (hotaisle, runpod, digitalocean, vastai, "
	    "static); an account with a name of its own needs 'type'\n");
	load_bad("providers: {lab: {type: aws}}\n",
	    "f.yaml:1:19: unknown provider 'aws'; it is one of hotaisle, runpod, digitalocean, vastai, static\n");
	load_bad("providers: {'a b': {type: runpod}}\n",
	    "f.yaml:1:13: the name of an account is at most 31 letters, digits and . _ -\n");
	load_bad("providers: {runpod: {token_file: @/t, team: x}}\n",
	    "f.yaml:1:63: 'team' is an option of hotaisle accounts, and this one is runpod\n");
	load_bad("providers: {runpod: {token_file: @/t, exclusive: maybe}}\n",
	    "f.yaml:1:74: 'exclusive' wants true or false, not 'maybe'\n");
	load_bad("providers: {runpod: {token_file: @/t, region: [[x]]}}\n",
	    "f.yaml:1:72: 'region' wants a list of words, and this is a list\n");
	load_bad("providers: {runpod: {token_file: @/t, region: [a,b,c,d,e,f,g,h,i]}}\n",
	    "f.yaml:1:88: 'region' holds more than 8 values\n");
	load_bad("providers: {runpod: {token_file: @/t, user: -oProxyCommand=x}}\n",
	    "f.yaml:1:69: 'user' wants one word of letters, digits and . _ - : / @ +, not '-oProxyCommand=x'\n");
	load_bad("providers: {vastai: {token_file: @/t, min_cuda: new}}\n",
	    "f.yaml:1:73: 'min_cuda' wants a version like 12.4, not 'new'\n");
	load_bad("providers: {vastai: {token_file: @/t, min_reliability: 95}}\n",
	    "f.yaml:1:80: 'min_reliability' wants a fraction from 0 to 1, not '95'\n");
	load_bad("providers: [runpod]\n",
	    "f.yaml:1:12: 'providers' wants a map of keys and values, not 'a list'\n");
	load_bad("providers: {runpod: yes}\n",
	    "f.yaml:1:21: 'runpod' wants a map of keys and values, not 'yes'\n"
	    "f.yaml:1:13: account 'runpod' has no token: give 'token_file', a systemd credential 'runpod.token', or RUNPOD_API_KEY in "
	    "the environment\n");
	drop_file(t);
}

static void token_in_the_file(void **state)
{
	static const char text[] = "providers:\n  runpod:\n    token: rpa_SESAME\n";
	struct buf report = BUF(65536);
	struct config c;
	struct err e;

	(void)state;
	setenv("RUNPOD_API_KEY", "rp-secret", 1);
	assert_int_equal(config_load_text(&c, &request, "f.yaml", text, strlen(text), &report, &e), -1);
	assert_string_equal(
	    buf_str(&report), "f.yaml:3:5: unknown key 'token' (did you mean 'token_file'?)\n");
	assert_null(strstr(e.msg, "SESAME"));
	buf_free(&report);
}

static void token_files(void **state)
{
	char *open_ = make_file("open", "secret-token", 0644), *empty = make_file("empty", " \n", 0600);

	(void)state;
	load_bad("providers: {runpod: {token_file: @/open}}\n",
	    "f.yaml:1:34: '@/open' can be read by others (mode 0644); run: chmod 600 '@/open'\n");
	load_bad(
	    "providers: {runpod: {token_file: @/empty}}\n", "f.yaml:1:34: secret file '@/empty' is empty\n");
	load_bad("providers: {runpod: {token_file: @/none}}\n",
	    "f.yaml:1:34: cannot read secret file '@/none': No such file or directory\n");
	drop_file(open_);
	drop_file(empty);
}

/* The AMD Developer Cloud beside DigitalOcean, and a second team: each has its own token, address and limits. */
static void accounts_of_one_provider(void **state)
{
	char *one = make_file("one", "token-one", 0600), *two = make_file("two", "token-two", 0600);
	struct config c;

	(void)state;
	load_ok(&c, "providers:\n"
		    "  digitalocean: { token_file: @/one, max_instances: 4 }\n"
		    "  amd-cloud: { type: digitalocean, token_file: @/two, api_url: 'https://api-amd.example', max_hourly: 20, region: atl1 }\n"
		    "  hotaisle: { token_file: @/one, team: a }\n"
		    "  hot-b: { type: hotaisle, token_file: @/one, team: b }\n");
	assert_int_equal(c.account_count, 4);
	assert_string_equal(c.accounts[1].provider, "digitalocean");
	assert_string_equal(c.accounts[1].api_url, "https://api-amd.example");
	assert_string_equal(c.accounts[1].token.value, "token-two");
	assert_true(c.accounts[0].max_instances == 4 && !c.accounts[0].max_hourly);
	assert_true(!c.accounts[1].max_instances && c.accounts[1].max_hourly == 20 * USD);
	config_free(&c);
	load_bad("providers:\n  secure: { type: runpod, token_file: @/one }\n  cheap: { type: runpod, token_file: @/one, community: true }\n",
	    "f.yaml:3:3: 'cheap' has the token of 'secure': they are one account; say it once\n");
	drop_file(one);
	drop_file(two);
}

static void token_sources(void **state)
{
	char *cred = make_file("work.token", "from-credential\n", 0400),
	     *file = make_file("t", "from-file", 0600);
	char *value;
	struct config c;

	(void)state;
	setenv("RUNPOD_API_KEY", "from-variable", 1);
	setenv("VAST_API_KEY", "not-wanted", 1);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	value = getenv("RUNPOD_API_KEY");
	load_ok(&c, "providers: {runpod: {}, work: {type: runpod}, rack: {type: vastai, token_file: @/t}}\n");
	assert_int_equal(c.account_count, 3);
	assert_string_equal(c.accounts[0].token.value, "from-variable");
	assert_string_equal(c.sources[0].where, "RUNPOD_API_KEY");
	assert_string_equal(c.accounts[1].token.value, "from-credential");
	assert_non_null(strstr(c.sources[1].where, "/work.token"));
	assert_string_equal(c.accounts[2].token.value, "from-file");
	assert_null(getenv("RUNPOD_API_KEY"));
	assert_null(getenv("VAST_API_KEY"));
	assert_int_equal(value[0], 0); /* what /proc/PID/environ would show */
	config_free(&c);
	drop_file(cred);
	drop_file(file);

	/* A variable belongs to the account that is called like its provider, and to no other. */
	setenv("RUNPOD_API_KEY", "from-variable", 1);
	load_bad("providers: {work: {type: runpod}}\n",
	    "f.yaml:1:13: account 'work' has no token: give 'token_file', or a systemd credential 'work.token'\n");
	assert_null(getenv("RUNPOD_API_KEY"));
}

static void accounts_without_providers(void **state)
{
	char *cred = make_file("vastai.token", "from-credential\n", 0400);
	struct config c;

	(void)state;
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	setenv("HOTAISLE_TOKEN", "hot-variable", 1);
	setenv("RUNPOD_API_KEY", "", 1);
	load_ok(&c, "log: debug\n");
	assert_int_equal(c.account_count, 2);
	assert_string_equal(c.accounts[0].name, "hotaisle");
	assert_string_equal(c.accounts[0].token.value, "hot-variable");
	assert_false(c.accounts[0].exclusive);
	assert_string_equal(c.accounts[1].provider, "vastai");
	assert_string_equal(c.accounts[1].token.value, "from-credential");
	config_free(&c);
	setenv("HOTAISLE_TOKEN", "hot-variable", 1);
	load_ok(&c, "providers:\n"); /* said to be none */
	assert_int_equal(c.account_count, 0);
	assert_null(getenv("HOTAISLE_TOKEN"));
	config_free(&c);
	drop_file(cred);
}

static void hosts(void **state)
{
	struct config c;
	const struct account *a;

	(void)state;
	load_ok(&c, "providers:\n  static:\n    user: bench\n    hosts:\n"
		    "      - { name: lab1, address: 10.0.0.7, gpu: \"R9700:2\", price_per_hour: 0.35 }\n"
		    "      - { name: lab2, address: fe80::1, user: root, port: 2222, gpu: MI300X }\n");
	a = &c.accounts[0];
	assert_int_equal(a->host_count, 2);
	assert_string_equal(a->hosts[0].name, "lab1");
	assert_string_equal(a->hosts[0].address, "10.0.0.7");
	assert_string_equal(a->hosts[0].user, "bench");
	assert_string_equal(a->hosts[0].gpu, "R9700");
	assert_int_equal(a->hosts[0].gpu_count, 2);
	assert_int_equal(a->hosts[0].price_hour, 35 * CENT);
	assert_int_equal(a->hosts[0].port, 22);
	assert_string_equal(a->hosts[1].user, "root");
	assert_int_equal(a->hosts[1].port, 2222);
	assert_int_equal(a->hosts[1].gpu_count, 1);
	assert_int_equal(a->hosts[1].price_hour, 0);
	config_free(&c);

	load_bad(
	    "providers:\n  static:\n    hosts:\n      - { name: lab1, address: 10.0.0.7 }\n      - { name: a, gpu: MI300X }\n"
	    "      - lab3\n      - { name: b, address: x, gpu: \"MI300X:0\" }\n      - { name: b c, address: '-x', gpu: MI300X, prt: 1 }\n",
	    "f.yaml:4:9: this host has no 'gpu'\n"
	    "f.yaml:5:9: this host has no 'address'\n"
	    "f.yaml:6:9: a host is a map like { name: lab1, address: 10.0.0.7, gpu: \"R9700:2\" }\n"
	    "f.yaml:7:37: 'gpu' wants a model and a number like R9700:2, not 'MI300X:0'\n"
	    "f.yaml:8:17: 'name' wants a name of at most 63 letters, digits and . _ -, not 'b c'\n"
	    "f.yaml:8:31: 'address' wants one word of letters, digits and . _ - : / @ +, not '-x'\n"
	    "f.yaml:8:50: unknown key 'prt' (did you mean 'port'?)\n");
	load_bad(
	    "providers: {static: {hosts: [{name: a, address: x, gpu: H100}, {name: a, address: y, gpu: H100}]}}\n",
	    "f.yaml:1:71: two hosts are called 'a'\n");
	load_bad(
	    "providers: {static: {hosts: {name: a}}}\n", "f.yaml:1:29: 'hosts' wants a list, not 'a map'\n");
	load_bad("providers: {static: {token_file: /x}}\n",
	    "f.yaml:1:22: 'token_file' is an option of hotaisle,runpod,digitalocean,vastai accounts, and this one is static\n");
}

/* ---- secrets ---- */

static void secrets(void **state)
{
	char *hf = make_file("hf", "hf_secret\n", 0600);
	struct secret value = { 0 };
	struct config c;
	struct err e;

	(void)state;
	load_ok(&c,
	    "secrets: { HF_TOKEN: { file: @/hf, owners: [perf, web] }, OPEN: { file: @/hf, owners: [] }, ONE: {file: @/hf, owners: x} }\n");
	assert_int_equal(c.secret_count, 3);
	assert_int_equal(config_secret(&c, "HF_TOKEN")->owner_count, 2);
	assert_int_equal(config_secret(&c, "ONE")->owner_count, 1);
	assert_int_equal(config_secret_read(&c, "HF_TOKEN", "web", &value, &e), 0);
	assert_string_equal(value.value, "hf_secret");
	secret_wipe(&value);
	assert_int_equal(config_secret_read(&c, "HF_TOKEN", "eve", &value, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_string_equal(e.msg, "secret 'HF_TOKEN' is not for runs of 'eve'");
	assert_int_equal(config_secret_read(&c, "OPEN", "eve", &value, &e), 0);
	secret_wipe(&value);
	assert_int_equal(config_secret_read(&c, "NONE", "eve", &value, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	config_free(&c);

	load_bad("secrets: {hf: {file: @/hf}}\n",
	    "f.yaml:1:11: a secret is called like a variable: capital letters, digits and _\n");
	load_bad("secrets: {HF: {}}\n", "f.yaml:1:11: secret 'HF' has no 'file'\n");
	load_bad("secrets: {HF: {file: @/none}}\n",
	    "f.yaml:1:22: cannot read secret file '@/none': No such file or directory\n");
	load_bad("secrets: {HF: {value: hf_SESAME}}\n",
	    "f.yaml:1:16: unknown key 'value' in a secret\nf.yaml:1:11: secret 'HF' has no 'file'\n");
	drop_file(hf);
}

/* ---- tokens of the API ---- */

#define DIGEST_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* of "abc" */

static void tokens(void **state)
{
	char *t = make_file("t", "  gft_0123456789abcdef0123\n", 0600), *d = make_file("d", "sha256:" DIGEST_ABC "\n", 0600);
	char *open_to_all = make_file("o", "gft_0123456789abcdef0123", 0640), *weak = make_file("w", "short", 0600);
	char *bare = make_file("b", DIGEST_ABC, 0600), *cut = make_file("c", "sha256:ba78", 0600), *odd = make_file("x", "gft_0123456789 0123456789", 0600);
	char *upper = make_file("u", "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", 0600);
	struct config_request r = request;
	uint8_t digest[SHA256_LEN];
	struct config c;
	struct err e;

	(void)state;
	load_ok(&c, "tokens:\n  ci: { file: @/t }\n  ops: { role: admin, file: @/d, owner: ana }\n");
	assert_int_equal(c.token_count, 2);
	assert_string_equal(c.tokens[0].name, "ci");
	assert_string_equal(c.tokens[0].role, "viewer"); /* what nobody said is the least */
	assert_string_equal(c.tokens[0].owner, "");
	assert_true(c.tokens[0].known && c.tokens[1].known);
	crypto_sha256("gft_0123456789abcdef0123", 24, digest);
	assert_memory_equal(c.tokens[0].digest, digest, SHA256_LEN);
	crypto_sha256("abc", 3, digest);
	assert_memory_equal(c.tokens[1].digest, digest, SHA256_LEN);
	config_free(&c);

	load_bad("tokens: {ci: {role: viewer}}\n", "f.yaml:1:10: token 'ci' has no 'file'\n");
	load_bad("tokens: {ci: {role: root, file: @/t}}\n", "f.yaml:1:21: 'role' wants one of viewer, operator, admin, not 'root'\n");
	load_bad("tokens: {'a:b': {file: @/t}}\n", "f.yaml:1:10: the name of a token is at most 39 letters, digits and . _ -\n");
	load_bad("tokens: {ci: {token: gft_SESAME}}\n", "f.yaml:1:15: unknown key 'token' in a token\nf.yaml:1:10: token 'ci' has no 'file'\n");
	load_bad("tokens: {ci: {file: @/none}}\n", "f.yaml:1:21: cannot read secret file '@/none': No such file or directory\n");
	load_bad("tokens: {ci: {file: @/o}}\n", "f.yaml:1:21: '@/o' can be read by others (mode 0640); run: chmod 600 '@/o'\n");
	load_bad("tokens: {ci: {file: @/w}}\n",
	    "f.yaml:1:21: '@/w': a token is 24 to 512 characters; make one with: gpufleetctl token\n");
	load_bad("tokens: {ci: {file: @/x}}\n",
	    "f.yaml:1:21: '@/x': a token is letters, digits and - . _ ~ + / =; make one with: gpufleetctl token\n");
	load_bad("tokens: {ci: {file: @/c}}\n", "f.yaml:1:21: '@/c': behind 'sha256:' stand 64 hexadecimal digits\n");
	load_bad("tokens: {ci: {file: @/b}}\n", "f.yaml:1:21: '@/b': 64 hexadecimal digits may be a token or its digest: write "
	    "'sha256:' in front of a digest, or make a token with: gpufleetctl token\n");
	load_bad("tokens: {a: {file: @/d},\n  b: {file: @/u}}\n", "f.yaml:2:3: 'b' is the token of 'a': say it once\n");

	r.no_tokens = true;
	assert_int_equal(config_load_text(&c, &r, "f.yaml", "tokens: {a: {file: /none}, b: {file: /none}}", 44, NULL, &e), 0);
	assert_int_equal(c.token_count, 2);
	assert_false(c.tokens[0].known);
	config_free(&c);
	drop_file(t);
	drop_file(d);
	drop_file(open_to_all);
	drop_file(weak);
	drop_file(bare);
	drop_file(cut);
	drop_file(odd);
	drop_file(upper);
}

static void bearers(void **state)
{
	char one[BEARER_LEN + 1], two[BEARER_LEN + 1], text[80];
	uint8_t digest[SHA256_LEN], again[SHA256_LEN];
	struct err e;

	(void)state;
	bearer_new(one);
	bearer_new(two);
	assert_int_equal(strlen(one), BEARER_LEN);
	assert_true(str_starts(one, "gft_"));
	assert_string_not_equal(one, two);
	assert_int_equal(bearer_check(one, &e), 0);
	bearer_digest(one, digest);
	bearer_digest_text(digest, text);
	assert_int_equal(strlen(text), 71);
	assert_int_equal(bearer_parse(text, again, &e), 0); /* what is printed for the daemon is what it reads */
	assert_true(crypto_equal(digest, again, SHA256_LEN));
	assert_int_equal(bearer_parse(one, again, &e), 0);
	assert_true(crypto_equal(digest, again, SHA256_LEN));
	again[SHA256_LEN - 1] ^= 1;
	assert_false(crypto_equal(digest, again, SHA256_LEN));
}

/* ---- files ---- */

static void search_order(void **state)
{
	char *user = xasprintf("%s/.config/gpufleet/gpufleetd.yaml", dir),
	     *sub = xasprintf("%s/.config", dir);
	char *subsub = xasprintf("%s/.config/gpufleet", dir),
	     *named = make_file("named.yaml", "log: warn\n", 0600), *file, *want;
	struct config_request r = request;
	struct config c;
	struct err e;
	bool must;

	(void)state;
	assert_int_equal(mkdir(sub, 0700) | mkdir(subsub, 0700), 0);
	file = make_file(".config/gpufleet/gpufleetd.yaml", "log: error\n", 0600);
	assert_int_equal(config_load(&c, &r, NULL, &e), 0);
	assert_string_equal(c.log, "error");
	assert_string_equal(c.file, user);
	config_free(&c);

	setenv("GPUFLEET_CONFIG", named, 1);
	assert_int_equal(config_load(&c, &r, NULL, &e), 0);
	assert_string_equal(c.log, "warn");
	config_free(&c);

	r.path = user;
	assert_int_equal(config_load(&c, &r, NULL, &e), 0);
	assert_string_equal(c.log, "error");
	config_free(&c);
	r.path = NULL;

	setenv("GPUFLEET_CONFIG", "/nonexistent.yaml", 1);
	assert_int_equal(config_load(&c, &r, NULL, &e), -1);
	assert_string_equal(
	    e.msg, "cannot read '/nonexistent.yaml': No such file or directory (named by GPUFLEET_CONFIG)");
	r.path = "/nonexistent2.yaml";
	assert_int_equal(config_load(&c, &r, NULL, &e), -1);
	assert_string_equal(e.msg, "cannot read '/nonexistent2.yaml': No such file or directory");
	r.path = NULL;
	unsetenv("GPUFLEET_CONFIG");

	assert_int_equal(chmod(user, 0666), 0);
	want = xasprintf("'%s' can be written by others (mode 0666); run: chmod go-w '%s'", user, user);
	assert_int_equal(config_load(&c, &r, NULL, &e), -1);
	assert_string_equal(e.msg, want);
	free(want);

	setenv("XDG_CONFIG_HOME", "/xdg", 1);
	free(file);
	file = paths_config(0, &must);
	assert_string_equal(file, "/xdg/gpufleet/gpufleetd.yaml");
	assert_false(must);
	free(file);
	file = paths_config(1, &must);
	assert_string_equal(file, "/etc/gpufleet/gpufleetd.yaml");
	assert_null(paths_config(2, &must));
	unlink(user);
	rmdir(subsub);
	rmdir(sub);
	drop_file(named);
	free(file);
	free(user);
	free(sub);
	free(subsub);
}

static void error_tells_how_many(void **state)
{
	static const char text[] = "a1: 1\nb2: 2\nc3: 3\n";
	struct config c;
	struct err e;

	(void)state;
	assert_int_equal(config_load_text(&c, &request, "f.yaml", text, strlen(text), NULL, &e), -1);
	assert_string_equal(e.msg, "f.yaml:1:1: unknown key 'a1' in the configuration (and 2 more)");
}

/* ---- printing ---- */

static const char everything[] =
    "state_dir: /var/x\nsocket: /run/x.sock\nlisten: 127.0.0.1:8470\nlog: debug\n"
    "keep: { artifacts: 30d }\n"
    "defaults: { for: 90m, idle: 0, boot: 20m, max_price: 4.5, max_cost: 0, accept_minimum: 1.000001 }\n"
    "poll: { boot: 1s, steady: 2s, sweep: 3s, run: 4s, run_watched: 5s }\n"
    "roles: { admin_group: adm, operator_group: ops, viewer_group: eyes }\n"
    "proof: { settle: 2s, settle_hotaisle: 3s, absence_listings: 3, absence_spacing: 1s, gone_listings: 3, gone_spacing: 2s,\n"
    "  late_watch: 1m, orphan_grace: 5s, bill_poll: 2s, bill_watch: 90, contact_lost: 7s }\n"
    "providers:\n"
    "  hotaisle: { team: acme, exclusive: true, token_file: @/t, api_url: 'http://127.0.0.1:1/api' }\n"
    "  work: { type: runpod, token_file: @/t, community: true, region: [EU-RO-1, US], disk: 5, user: me, ssh_port: 22,\n"
    "    max_instances: 12, max_hourly: 30.5,\n"
    "    image: 'a/b:c', graphql_url: 'http://127.0.0.1:1/g' }\n"
    "  vastai: { token_file: @/t, min_reliability: 0.5, min_inet_down: 900, min_cuda: 12.4, avoid_hosts: [\"7\", \"88888\"] }\n"
    "  static:\n    hosts:\n      - { name: a, address: '::1', gpu: 'RTX 4090:8', price_per_hour: 1.25, port: 23, user: u }\n"
    "      - { name: b, address: h, gpu: H100 }\n"
    "secrets: { HF: { file: @/t, owners: [a, b] }, WB: { file: @/t } }\n"
    "webhooks: { ops: { url: 'https://h.example/x', secret_file: @/t }, chat: { url_file: @/t, template: slack } }\n"
    "listen_names: [gpufleet.example.org, 'gpufleet.example.org:8443']\n"
    "tokens: { ci: { role: operator, file: @/t, owner: ana }, eyes: { file: @/d } }\n";

static void print_round_trip(void **state)
{
	char *t = make_file("t", "the-token-itself-and-more", 0600);
	char *d = make_file("d", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n", 0600);
	struct buf first = BUF(65536), second = BUF(65536);
	struct config c;

	(void)state;
	load_ok(&c, everything);
	config_print(&c, &first);
	config_free(&c);
	load_ok(&c, buf_str(&first));
	config_print(&c, &second);
	assert_string_equal(buf_str(&first), buf_str(&second));
	assert_null(strstr(buf_str(&first), "the-token-itself"));
	assert_int_equal(c.defaults.lifetime, 90 * MINUTE);
	assert_int_equal(c.defaults.accept_minimum, USD + 1);
	assert_int_equal(c.accounts[1].region_count, 2);
	assert_int_equal(c.accounts[1].max_instances, 12);
	assert_int_equal(c.accounts[1].max_hourly, 30 * USD + USD / 2);
	assert_int_equal(c.accounts[2].min_reliability_ppm, 500000);
	assert_int_equal(c.accounts[2].min_inet_down, 900);
	assert_string_equal(c.accounts[2].min_cuda, "12.4");
	assert_string_equal(c.accounts[2].avoid_hosts[1], "88888");
	assert_string_equal(c.accounts[3].hosts[0].gpu, "RTX 4090");
	assert_int_equal(c.accounts[3].hosts[0].gpu_count, 8);
	assert_int_equal(c.secrets[0].owner_count, 2);
	assert_string_equal(c.webhooks[0].template, "json");
	assert_string_equal(c.webhooks[1].template, "slack");
	assert_int_equal(c.proof.bill_watch, 90 * SECOND);
	assert_string_equal(c.listen_names[1], "gpufleet.example.org:8443");
	assert_string_equal(c.tokens[0].owner, "ana");
	assert_string_equal(c.tokens[1].role, "viewer");
	config_free(&c);
	buf_free(&first);
	buf_free(&second);
	drop_file(t);
	drop_file(d);
}

/* Every option of the configuration is in what was printed: none can be forgotten in a table or in the
 * printing. */
static void print_is_complete(void **state)
{
	char *t = make_file("t", "the-token-itself-and-more", 0600);
	char *d = make_file("d", "sha256:" DIGEST_ABC, 0600);
	struct buf out = BUF(65536);
	struct config c;

	(void)state;
	load_ok(&c, everything);
	config_print(&c, &out);
	for (size_t i = 0; i < config_options.count; i++) {
		const char *key = config_options.rows[i].key, *dot = strchr(key, '.');
		char *line = xasprintf("\n%s%s:", dot ? "  " : "", dot ? dot + 1 : key);

		if (!strstr(buf_str(&out), line))
			fail_msg("'%s' is not printed", key);
		free(line);
	}
	for (size_t i = 0; i < account_options.count; i++) {
		char *line = xasprintf("\n    %s:", account_options.rows[i].key);

		if (!strstr(buf_str(&out), line))
			fail_msg("'%s' is not printed", account_options.rows[i].key);
		free(line);
	}
	for (size_t i = 0; i < token_options.count; i++) {
		char *line = xasprintf("\n    %s: ", token_options.rows[i].key);

		if (!strstr(strstr(buf_str(&out), "\ntokens:"), line))
			fail_msg("'%s' is not printed", token_options.rows[i].key);
		free(line);
	}
	config_free(&c);
	buf_free(&out);
	drop_file(t);
	drop_file(d);
}

static void print_defaults(void **state)
{
	struct buf out = BUF(65536);
	struct config c;

	(void)state;
	load_ok(&c, "state_dir: /s\nsocket: /k\n");
	config_print(&c, &out);
	assert_true(str_starts(buf_str(&out),
	    "# read from f.yaml\nstate_dir: /s\nsocket: /k\nlog: info\nhub_url: https://huggingface.co\non_orphan: delete\n"
    "secrets_min_trust: tofu\non_lost: finish_until_deadline\n"
	    "keep:\n  artifacts: 365d\ndefaults:\n  for: 4h\n"
	    "  idle: 15m\n  max_cost: 100.00\n  accept_minimum: 20.00\npoll:\n  boot: 5s\n  steady: 30s\n  sweep: 2m\n"));
	config_free(&c);
	buf_free(&out);
}

static void no_tokens(void **state)
{
	static const char text[] =
	    "providers: {runpod: {token_file: /nonexistent}}\nsecrets: {HF: {file: /nonexistent}}\n";
	struct config_request r = { .providers = providers, .no_tokens = true };
	struct config c;
	struct err e;

	(void)state;
	assert_int_equal(config_load_text(&c, &r, "f.yaml", text, strlen(text), NULL, &e), 0);
	assert_int_equal(c.account_count, 1);
	assert_null(c.accounts[0].token.value);
	config_free(&c);
}

/* The shipped sample says what the defaults are, and still reads when every line of it is taken. */
static void sample(void **state)
{
	struct buf all = BUF(65536), fresh = BUF(65536), now = BUF(65536);
	char text[65536], *rest = text, *line;
	struct config_request r = { .providers = providers, .no_tokens = true };
	struct config c, d;
	struct err e;
	FILE *f = fopen("config/gpufleetd.yaml", "r");
	size_t n;

	(void)state;
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	assert_int_equal(config_load_text(&c, &r, "sample", text, n, NULL, &e), 0);
	assert_int_equal(config_load_text(&d, &r, "sample", "", 0, NULL, &e), 0);
	config_print(&c, &now);
	config_print(&d, &fresh);
	assert_string_equal(buf_str(&now), buf_str(&fresh));
	config_free(&c);
	while ((line = str_split(&rest, "\n")))
		buf_printf(
		    &all, "%s\n", line[0] == '#' && (line[1] != ' ' || line[2] == ' ') ? line + 1 : line);
	if (config_load_text(&c, &r, "sample", buf_str(&all), all.len, &now, &e) < 0)
		fail_msg("%s", buf_str(&now));
	assert_int_equal(c.account_count, 6);
	assert_int_equal(c.secret_count, 1);
	assert_int_equal(c.token_count, 1);
	config_free(&c);
	config_free(&d);
	buf_free(&all);
	buf_free(&fresh);
	buf_free(&now);
}

#define TEST(f) cmocka_unit_test_setup(f, clean_environment)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults),
		TEST(default_paths),
		TEST(paths_in_file),
		TEST(mistakes),
		TEST(listening),
		TEST(urls),
		TEST(accounts),
		TEST(account_mistakes),
		TEST(token_in_the_file),
		TEST(token_files),
		TEST(accounts_of_one_provider),
		TEST(token_sources),
		TEST(accounts_without_providers),
		TEST(hosts),
		TEST(secrets),
		TEST(tokens),
		TEST(bearers),
		TEST(search_order),
		TEST(error_tells_how_many),
		TEST(print_round_trip),
		TEST(print_is_complete),
		TEST(print_defaults),
		TEST(no_tokens),
		TEST(sample),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

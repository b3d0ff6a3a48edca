#include "ctl/init.h"
#include "base/secret.h"
#include "base/str.h"
#include "config/option.h"
#include "config/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- places ---- */

/* mkdir -p, closed to others; what is there stays as it is. */
static int make_directories(const char *path, struct err *e)
{
	char *copy = xstrdup(path);

	for (char *s = copy + 1; *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		mkdir(copy, 0700);
		*s = '/';
	}
	free(copy);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(e, ERR_FAILED, "cannot make the directory '%s'", path);
	return 0;
}

int init_place(struct init *i, const char *config_option, struct err *e)
{
	bool named;
	char *found = config_option ? xstrdup(config_option) : paths_config(0, &named), *slash;
	bool fits, system = found && !config_option && !strcmp(found, PATHS_SYSTEM_CONFIG);

	if (!found || (system && geteuid() != 0)) {
		free(found);
		return err_set(e, ERR_USAGE, "there is no home directory to write to; name a file with --config");
	}
	if (*found == '/') {
		fits = str_copy(i->file, found);
	} else {
		char *here = getcwd(NULL, 0), *full = xasprintf("%s/%s", here ? here : "", found);

		fits = str_copy(i->file, full);
		free(full);
		free(here);
	}
	free(found);
	str_copy(i->directory, i->file);
	slash = strrchr(i->directory, '/');
	slash[slash == i->directory] = '\0';
	return fits ? 0 : err_set(e, ERR_USAGE, "the path of the configuration is too long");
}

/* A whole file or none, readable by its owner alone. */
static int write_file(const char *path, const char *text, size_t n, struct err *e)
{
	char *fresh = xasprintf("%s.XXXXXX", path);
	int fd = mkostemp(fresh, O_CLOEXEC), rc = 0;

	if (fd < 0 || write(fd, text, n) != (ssize_t)n || fsync(fd) < 0 || fchmod(fd, 0600) < 0 || rename(fresh, path) < 0)
		rc = err_errno(e, ERR_FAILED, "cannot write '%s'", path);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && rc < 0)
		unlink(fresh);
	free(fresh);
	return rc;
}

/* ---- tokens ---- */

int init_write_token(const struct init *i, const char *name, const char *token, char path[INIT_PATH_MAX], struct err *e)
{
	struct buf line = BUF(65536);
	int rc;

	for (const unsigned char *s = (const unsigned char *)token; *s; s++)
		if (*s <= ' ' || *s >= 0x7f)
			return err_set(e, ERR_USAGE, "the token of %s holds a space or another character that no token has", name);
	if ((size_t)snprintf(path, INIT_PATH_MAX, "%s/%s.token", i->directory, name) >= INIT_PATH_MAX)
		return err_set(e, ERR_USAGE, "the path of the token file is too long");
	buf_printf(&line, "%s\n", token);
	rc = make_directories(i->directory, e);
	if (rc == 0)
		rc = write_file(path, buf_str(&line), line.len, e);
	explicit_bzero(line.data, line.cap);
	buf_free(&line);
	return rc;
}

int init_check_token(const char *given, char path[INIT_PATH_MAX], struct err *e)
{
	const char *home = getenv("HOME");
	char *wanted = given[0] == '~' && given[1] == '/' && home ? xasprintf("%s%s", home, given + 1) : xstrdup(given);
	char *full = realpath(wanted, NULL);
	struct secret s = { 0 };
	int rc = 0;

	if (!full)
		rc = err_errno(e, ERR_USAGE, "cannot read '%s'", wanted);
	else if (!str_copy_n(path, INIT_PATH_MAX, full))
		rc = err_set(e, ERR_USAGE, "the path of the token file is too long");
	else
		rc = secret_read_file(&s, path, e);
	secret_wipe(&s);
	free(wanted);
	free(full);
	return rc;
}

/* ---- the configuration ---- */

static void put(struct buf *out, const char *indent, const char *key, const char *value)
{
	if (!*value)
		return;
	buf_printf(out, "%s%s: ", indent, key);
	option_yaml(out, value);
	buf_putc(out, '\n');
}

static void put_host(struct buf *out, const struct init_host *h)
{
	char port[24] = "";

	if (h->port)
		snprintf(port, sizeof(port), "%lld", (long long)h->port);
	put(out, "      - ", "name", h->name);
	put(out, "        ", "address", h->address);
	put(out, "        ", "user", h->user);
	put(out, "        ", "port", port);
	put(out, "        ", "gpu", h->gpu);
	put(out, "        ", "price_per_hour", h->price);
}

/* RunPod has two addresses, side by side. */
static void put_urls(struct buf *out, const struct init_account *a)
{
	size_t n = strlen(a->api_url);
	char *graphql;

	put(out, "    ", "api_url", a->api_url);
	if (strcmp(a->provider->name, "runpod") != 0 || n < 3 || strcmp(a->api_url + n - 3, "/v2") != 0)
		return;
	graphql = xasprintf("%.*s/graphql", (int)n - 3, a->api_url);
	put(out, "    ", "graphql_url", graphql);
	free(graphql);
}

void init_yaml(const struct init *i, struct buf *out)
{
	buf_puts(out, "# Configuration of gpufleetd(8), written by: gpufleetctl init\n"
		      "# What else can be set, and the defaults: gpufleetd.yaml(5)\n\nproviders:\n");
	for (size_t k = 0; k < i->account_count; k++) {
		const struct init_account *a = &i->accounts[k];

		buf_printf(out, "  %s:\n", a->provider->name);
		put(out, "    ", "token_file", a->token_file);
		put(out, "    ", "team", a->team);
		put(out, "    ", "exclusive", a->exclusive ? "true" : "");
		put_urls(out, a);
		if (a->provider->token_env && !*a->token_file)
			buf_printf(out, "    # token: %s in the environment of the daemon\n", a->provider->token_env);
		if (a->host_count)
			buf_puts(out, "    hosts:\n");
		for (size_t h = 0; h < a->host_count; h++)
			put_host(out, &a->hosts[h]);
	}
	buf_puts(out, "\ndefaults:\n  for: 4h    # how long a fleet lives when up says no --for\n"
		      "  idle: 15m  # given back when nobody uses it for this long\n");
}

int init_write(const struct init *i, struct err *e)
{
	struct buf text = BUF(1024 * 1024);
	int rc = make_directories(i->directory, e);

	init_yaml(i, &text);
	if (rc == 0)
		rc = write_file(i->file, buf_str(&text), text.len, e);
	buf_free(&text);
	return rc;
}

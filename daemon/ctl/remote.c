#include "ctl/remote.h"
#include "base/secret.h"
#include "base/str.h"
#include "config/bearer.h"
#include "config/option.h"

#include <unistd.h>

#define URL_MAX 512

const char *remote_url(const struct ctl *c)
{
	const char *env = getenv("GPUFLEET_URL");

	if (c->local)
		return NULL;
	if (c->url_option)
		return c->url_option;
	return env && *env && !c->socket_option && !c->config_option ? env : NULL;
}

bool remote_is_elsewhere(const struct ctl *c)
{
	const char *url = remote_url(c);

	/* http:// is taken for this machine only. */
	return url && str_starts(url, "https://") && !str_starts(url, "https://localhost") && !str_starts(url, "https://127.") &&
	       !str_starts(url, "https://[::1]");
}

char *remote_token_file(void)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (xdg && *xdg == '/')
		return xasprintf("%s/gpufleet/token", xdg);
	return home && *home == '/' ? xasprintf("%s/.config/gpufleet/token", home) : NULL;
}

static int check_token(const struct secret *token, const char *where, struct err *e)
{
	if (str_starts(token->value, "sha256:"))
		return err_set(e, ERR_USAGE, "%s holds a digest, which is what the daemon keeps; the token itself is needed", where);
	if (bearer_check(token->value, e) < 0)
		return err_wrap(e, "%s", where);
	return 0;
}

/* `where` is for people: they must know which of the three it was. */
static int find_token(const char *url, struct secret *token, char **where, struct err *e)
{
	const char *named = getenv("GPUFLEET_TOKEN_FILE"), *value = getenv("GPUFLEET_TOKEN");
	char *file = named && *named ? xstrdup(named) : value && *value ? NULL : remote_token_file();
	int rc = 0;

	if (file && (access(file, F_OK) == 0 || (named && *named))) {
		*where = xasprintf("'%s'", file);
		rc = secret_read_file(token, file, e);
	} else if (!file && value && *value) {
		*where = xstrdup("GPUFLEET_TOKEN");
		secret_set(token, value);
	} else {
		rc = err_set(e, ERR_USAGE, "the daemon at '%.200s' wants a token: name its file in GPUFLEET_TOKEN_FILE, or make one with: "
					   "gpufleetctl token", url);
	}
	free(file);
	return rc < 0 ? -1 : check_token(token, *where, e);
}

int remote_client(const char *url, struct client **out, struct err *e)
{
	static const struct option row = { .key = "--url", .type = OPTION_URL, .size = URL_MAX };
	struct secret token = { NULL };
	char base[URL_MAX], *where = NULL;
	int rc = -1;

	if (option_set(&row, base, url, e) == 0 && find_token(base, &token, &where, e) == 0) {
		*out = client_new_url(base, token.value, where, getenv("GPUFLEET_CA_FILE"));
		rc = 0;
	}
	secret_wipe(&token);
	free(where);
	return rc;
}

#include "guard.h"
#include "base/str.h"
#include "config/bearer.h"

static const char *port_of(const struct config *c)
{
	return strrchr(c->listen, ':');
}

/* `host` is NAME with the port that is listened on; the usual one of HTTP may be left out. */
static bool is_here(const struct config *c, const char *name, const char *host)
{
	const char *port = port_of(c);
	char full[TEXT_MAX];

	snprintf(full, sizeof(full), "%.200s%s", name, port);
	return str_ieq(full, host) || (!strcmp(port, ":80") && str_ieq(name, host));
}

bool guard_host(const struct config *c, const char *host)
{
	char address[TEXT_MAX];

	if (!*c->listen || !host)
		return false;
	str_copy(address, c->listen);
	address[port_of(c) - c->listen] = '\0';
	if (is_here(c, address, host) || is_here(c, "localhost", host) || (!strcmp(address, "localhost") && is_here(c, "127.0.0.1", host)))
		return true;
	for (int k = 0; k < c->listen_name_count; k++)
		if (str_ieq(c->listen_names[k], host))
			return true;
	return false;
}

bool guard_origin(const struct config *c, const char *origin)
{
	if (str_starts(origin, "http://"))
		return guard_host(c, origin + 7);
	return str_starts(origin, "https://") && guard_host(c, origin + 8);
}

bool guard_fetch(const char *site)
{
	return !site || !strcmp(site, "same-origin") || !strcmp(site, "none");
}

/* What stands behind "Bearer"; NULL: no such thing. */
static const char *bearer_of(const char *authorization)
{
	const char *token = authorization;

	if (!token || !str_istarts(token, "bearer "))
		return NULL;
	token += 7;
	token += strspn(token, " ");
	return *token && strlen(token) <= BEARER_MAX ? token : NULL;
}

const struct config_token *guard_token(const struct config *c, const char *authorization)
{
	const char *token = bearer_of(authorization);
	const struct config_token *found = NULL;
	uint8_t digest[SHA256_LEN];

	bearer_digest(token ? token : "", digest);
	for (size_t k = 0; k < c->token_count; k++) {
		bool same = crypto_equal(c->tokens[k].digest, digest, SHA256_LEN);

		if (same && c->tokens[k].known && token)
			found = &c->tokens[k];
	}
	return found;
}

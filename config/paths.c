#include "config/paths.h"
#include "base/str.h"

#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "gpufleetd.sock"

/* A variable that holds an absolute path, as the XDG specification wants it; NULL otherwise. */
static const char *directory(const char *variable)
{
	const char *s = getenv(variable);

	return s && *s == '/' ? s : NULL;
}

static char *user_config(void)
{
	const char *xdg = directory("XDG_CONFIG_HOME"), *home = directory("HOME");

	if (xdg)
		return xasprintf("%s/gpufleet/gpufleetd.yaml", xdg);
	return home ? xasprintf("%s/.config/gpufleet/gpufleetd.yaml", home) : NULL;
}

char *paths_config(int n, bool *named)
{
	const char *env = getenv("GPUFLEET_CONFIG");
	char *place[3];
	int count = 0;

	if (env && *env)
		place[count++] = xstrdup(env);
	place[count] = user_config();
	if (place[count])
		count++;
	place[count++] = xstrdup(PATHS_SYSTEM_CONFIG);
	*named = n == 0 && env && *env;
	for (int i = 0; i < count; i++)
		if (i != n)
			free(place[i]);
	return n < count ? place[n] : NULL;
}

static int fits(char *out, size_t size, const char *path, struct err *e)
{
	if (str_copy_n(out, size, path))
		return 0;
	return err_set(e, ERR_USAGE, "the path '%.100s…' is longer than %zu bytes", path, size - 1);
}

int paths_state_dir(char *out, size_t size, struct err *e)
{
	const char *xdg = directory("XDG_STATE_HOME"), *home = directory("HOME");
	char *path;
	int rc;

	if (geteuid() == 0)
		return fits(out, size, PATHS_SYSTEM_STATE, e);
	if (!xdg && !home)
		return err_set(e, ERR_USAGE,
		    "neither HOME nor XDG_STATE_HOME names a directory; set 'state_dir' in the configuration");
	path = xdg ? xasprintf("%s/gpufleet", xdg) : xasprintf("%s/.local/state/gpufleet", home);
	rc = fits(out, size, path, e);
	free(path);
	return rc;
}

int paths_socket(char *out, size_t size, const char *state_dir, struct err *e)
{
	const char *runtime = directory("XDG_RUNTIME_DIR");
	char *path;
	int rc;

	if (geteuid() == 0)
		return fits(out, size, PATHS_SYSTEM_SOCKET, e);
	path = runtime ? xasprintf("%s/gpufleet/" SOCKET_NAME, runtime)
		       : xasprintf("%s/" SOCKET_NAME, state_dir);
	rc = fits(out, size, path, e);
	free(path);
	return rc;
}

int paths_check_socket(const char *path, struct err *e)
{
	const size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (strlen(path) <= max)
		return 0;
	return err_set(e, ERR_USAGE,
	    "the socket path '%.60s…' has %zu bytes and the kernel takes %zu; set 'socket' to a shorter one",
	    path, strlen(path), max);
}

#include "variables.h"
#include "base/str.h"
#include "remote/job.h"

/* What tokens begin with, and the least that makes one: whoever writes one here means --secret. */
static bool looks_secret(const char *value)
{
	static const char *const prefixes[] = { "hf_", "sk-", "ghp_", "github_pat_", "glpat-", "dop_v1_", "rpa_", "nvapi-", "xoxb-" };

	for (size_t k = 0; k < ARRAY_LEN(prefixes); k++)
		if (str_starts(value, prefixes[k]) && strlen(value) >= 16 && !strpbrk(value, " \t\n/"))
			return true;
	return false;
}

static int check(const char *name, const json_t *value, struct err *e)
{
	if (str_starts(name, "GPUFLEET_"))
		return err_set(e, ERR_USAGE, "--env %.60s: names that begin with GPUFLEET_ are the daemon's own", name);
	if (!job_env_name_ok(name))
		return err_set(e, ERR_USAGE,
		    "--env %.60s: a variable is called [A-Za-z_][A-Za-z0-9_]*, at most 128 characters, and none of the shell's own "
		    "like PATH or HOME; set those in the script", name);
	if (!json_is_string(value))
		return err_set(e, ERR_USAGE, "--env %.60s: its value must be text", name);
	if (looks_secret(json_string_value(value)))
		return err_set(e, ERR_USAGE,
		    "--env %.60s: its value looks like a token, and variables are shown in status and logs; put it into your environment "
		    "and say --secret %.60s", name, name);
	return 0;
}

int variables_read(const json_t *in, char **out, struct err *e)
{
	const char *name;
	size_t bytes = 0;
	json_t *v;

	*out = NULL;
	if (!in || json_is_null(in))
		return 0;
	if (!json_is_object(in))
		return err_set(e, ERR_USAGE, "'env' must be an object of names and values");
	if (json_object_size(in) > VARIABLES_MAX)
		return err_set(e, ERR_USAGE, "%zu variables are too many: at most %d can be given with --env; put the others into a file of the payload",
		    json_object_size(in), VARIABLES_MAX);
	json_object_foreach((json_t *)(uintptr_t)in, name, v) {
		if (check(name, v, e) < 0)
			return -1;
		bytes += strlen(name) + strlen(json_string_value(v));
	}
	if (bytes > VARIABLES_BYTES_MAX)
		return err_set(e, ERR_USAGE, "the variables of --env have %zu bytes; at most %d are taken; put the long ones into a file of the payload",
		    bytes, VARIABLES_BYTES_MAX);
	if (json_object_size(in))
		*out = json_text(in);
	return 0;
}

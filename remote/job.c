#include "job.h"

#include "base/embed.h"
#include "base/str.h"

#include <ctype.h>

/* ---- words that reach a shell ---- */

bool job_key_ok(const char *key)
{
	size_t n = strnlen(key, 33);

	return n > 0 && n <= 32 && strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789") == n;
}

/* Variables that decide how the shell and the loader behave, or that belong to the supervisor. */
static bool reserved(const char *name)
{
	static const char *const names[] = { "BASH_ENV", "BASHOPTS", "CDPATH", "ENV", "EUID",
		"GPUFLEET_BOOT_ID", "GPUFLEET_HOSTFILE", "GPUFLEET_PAYLOAD", "GPUFLEET_PHASE", "GPUFLEET_RESULTS",
		"GPUFLEET_RUN", "GPUFLEET_SECRET_DIR", "HOME", "IFS", "LC_ALL", "OPTIND", "PATH",
		"PPID", "PS1", "PS2", "PS4", "PWD", "SHELL", "SHELLOPTS", "UID" };

	if (str_starts(name, "LD_"))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

bool job_name_ok(const char *name)
{
	size_t n = strnlen(name, 65);

	if (!n || n > 64 || isdigit((unsigned char)name[0]) || reserved(name))
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == n;
}

bool job_env_name_ok(const char *name)
{
	size_t n = strnlen(name, 129);

	if (!n || n > 128 || isdigit((unsigned char)name[0]) || reserved(name) || str_starts(name, "GPUFLEET_"))
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

/* ---- command text ---- */

/* A script of ours without its comments: they are for those who read the source. */
static void put_script(struct buf *out, const char *name)
{
	const struct embedded *f = embed_find(name);
	const char *line, *end, *text;

	if (!f)
		BUG("'%s' is not part of this program", name);
	for (line = f->data; *line; line = end) {
		end = strchr(line, '\n');
		end = end ? end + 1 : line + strlen(line);
		text = line + strspn(line, "\t ");
		if (*text != '#' && *text != '\n')
			buf_append(out, text, (size_t)(end - text));
	}
}

static void put_number(struct buf *out, const char *name, int64_t value)
{
	buf_printf(out, "%s=%lld\n", name, (long long)value);
}

/* Rounded up: a time-out that is asked for is never none. */
static int64_t whole_seconds(duration d)
{
	return d <= 0 ? 0 : d / SECOND + (d % SECOND != 0);
}

static void put_text(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s=", name);
	str_shell_quote(out, value);
	buf_putc(out, '\n');
}

static void begin(struct buf *out, const char *key)
{
	if (!job_key_ok(key))
		BUG("a run key that could be shell text");
	put_text(out, "key", key);
}

void job_input_end(struct buf *input)
{
	buf_puts(input, "#gpufleet-end\n");
}

static void put_command(struct buf *out, const char *script)
{
	put_script(out, "remote/job-common.sh");
	put_script(out, script);
}

void job_probe_command(struct buf *out, const char *warning)
{
	put_text(out, "warning", warning ? warning : "");
	put_script(out, "remote/probe.sh");
}

void job_lease_command(struct buf *out, struct buf *input, const struct job_lease *l)
{
	put_text(out, "key", "none");
	put_number(out, "seconds", whole_seconds(l->left));
	put_text(out, "url_head", l->url_head);
	put_text(out, "url_tail", l->url_tail);
	put_text(out, "id_name", l->id_name ? l->id_name : "");
	put_text(out, "key_name", l->key_name ? l->key_name : "");
	put_command(out, "remote/job-lease.sh");
	put_script(input, "remote/watchdog.sh");
	job_input_end(input);
}

void job_volume_command(struct buf *out, const char *name, const char *device, bool release)
{
	put_text(out, "key", "none");
	put_text(out, "action", release ? "release" : "mount");
	put_text(out, "name", name);
	put_text(out, "device", device);
	put_command(out, "remote/job-volume.sh");
}

void job_rekey_command(struct buf *out)
{
	put_text(out, "key", "none");
	put_command(out, "remote/job-rekey.sh");
}

enum watchdog job_lease_read(const char *text, size_t n)
{
	static const char *const words[] = { [WATCHDOG_STOPS] = "stops\n", [WATCHDOG_DELETES] = "deletes\n" };

	for (size_t k = WATCHDOG_STOPS; k < ARRAY_LEN(words); k++)
		if (n == strlen(words[k]) && !memcmp(text, words[k], n))
			return (enum watchdog)k;
	return WATCHDOG_NONE;
}

/* One of the commands around a payload whose tar has `size` bytes. */
static void put_payload_command(struct buf *out, size_t size, const char *script)
{
	put_number(out, "size", (int64_t)size);
	put_script(out, "remote/job-common.sh");
	put_script(out, "remote/job-payload.sh");
	put_script(out, script);
}

void job_push_command(struct buf *out, const char *key, size_t size)
{
	begin(out, key);
	put_payload_command(out, size, "remote/job-push.sh");
}

void job_want_command(struct buf *out, struct buf *input, const char *key, const struct pieces *pieces)
{
	begin(out, key);
	put_payload_command(out, 0, "remote/job-want.sh");
	for (size_t k = 0; k < pieces->count; k++)
		buf_printf(input, "%s\n", pieces->items[k].name);
	job_input_end(input);
}

void job_fill_command(struct buf *out, const char *key, size_t size)
{
	begin(out, key);
	put_payload_command(out, size, "remote/job-fill.sh");
}

static void put_variables(struct buf *input, const struct job_var *vars, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!job_name_ok(vars[i].name) && !job_env_name_ok(vars[i].name))
			continue;
		buf_printf(input, "export %s=", vars[i].name);
		str_shell_quote(input, vars[i].value);
		buf_putc(input, '\n');
	}
	job_input_end(input);
}

void job_env_command(
    struct buf *out, struct buf *input, const char *key, const struct job_var *vars, size_t count)
{
	begin(out, key);
	put_command(out, "remote/job-env.sh");
	put_script(input, "remote/supervisor.sh");
	buf_puts(input, "#gpufleet-env\n");
	put_variables(input, vars, count);
}

void job_secrets_command(
    struct buf *out, struct buf *input, const char *key, const struct job_var *vars, size_t count)
{
	begin(out, key);
	put_command(out, "remote/job-secrets.sh");
	put_variables(input, vars, count);
}

void job_start_command(struct buf *out, const char *key, const struct job_start *s)
{
	begin(out, key);
	put_text(out, "qualify", s->qualify ? s->qualify : "");
	put_text(out, "setup", s->setup ? s->setup : "");
	put_text(out, "run", s->run);
	put_number(out, "setup_seconds", whole_seconds(s->setup_timeout));
	put_number(out, "run_seconds", whole_seconds(s->run_timeout));
	put_number(out, "once", s->setup_once);
	put_number(out, "gate", s->gate);
	put_number(out, "output_max", s->output_max ? s->output_max : JOB_STREAM_MAX);
	put_command(out, "remote/job-start.sh");
}

void job_go_command(struct buf *out, const char *key)
{
	begin(out, key);
	put_command(out, "remote/job-go.sh");
}

void job_poll_command(
    struct buf *out, const char *key, int64_t out_from, int64_t err_from, int64_t max)
{
	begin(out, key);
	put_number(out, "out_from", out_from);
	put_number(out, "err_from", err_from);
	put_number(out, "max", max);
	put_command(out, "remote/job-poll.sh");
}

void job_stop_command(struct buf *out, const char *key, duration grace)
{
	begin(out, key);
	put_number(out, "grace", whole_seconds(grace));
	put_command(out, "remote/job-stop.sh");
}

void job_collect_command(struct buf *out, const char *key, int64_t max_bytes, int64_t from)
{
	begin(out, key);
	put_number(out, "max", max_bytes);
	put_number(out, "from", from);
	put_command(out, "remote/job-collect.sh");
}

void job_clean_command(struct buf *out, const char *key)
{
	begin(out, key);
	put_command(out, "remote/job-clean.sh");
	buf_puts(out, "clean\n");
}

void job_clean_all_command(struct buf *out)
{
	buf_puts(out, "key=none\n");
	put_command(out, "remote/job-clean.sh");
	put_script(out, "remote/job-clean-all.sh");
}

void job_authorize_command(struct buf *out, struct buf *input, const char *public_key_line)
{
	size_t n = strcspn(public_key_line, "\r\n");

	buf_puts(out, "key=none\n");
	put_command(out, "remote/job-authorize.sh");
	buf_append(input, public_key_line, n);
	buf_putc(input, '\n');
}

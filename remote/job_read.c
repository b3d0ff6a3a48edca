/*
 * Reading what a machine says about a run. Everything here was written by somebody we do not trust: bounded, checked, printable.
 */
#include "job.h"

#include "base/str.h"

#define LINE_MAX_ 4096

void job_complaint(char out[TEXT_MAX], const char *text, size_t n)
{
	struct buf safe = BUF(TEXT_MAX - 1);
	size_t end = n, from;

	while (end && (text[end - 1] == '\n' || text[end - 1] == '\r'))
		end--;
	for (from = end; from && text[from - 1] != '\n'; from--)
		;
	if (end - from > 60 * 4)
		end = from + 60 * 4;
	if (end - from > 10 && !memcmp(text + from, "gpufleet: ", 10))
		from += 10;
	str_safe(&safe, text + from, end - from, false);
	str_copy_n(out, TEXT_MAX, buf_str(&safe));
	buf_free(&safe);
}

/* The value of `name=` in a line of space-separated fields; false: no such field, or too long. */
static bool field(const char *line, const char *name, char *out, size_t size)
{
	size_t len = strlen(name), n;

	for (const char *p = line; *p; p += *p == ' ') {
		n = strcspn(p, " ");
		if (n > len && !strncmp(p, name, len) && p[len] == '=') {
			if (n - len - 1 >= size)
				return false;
			memcpy(out, p + len + 1, n - len - 1);
			out[n - len - 1] = '\0';
			return true;
		}
		p += n;
	}
	return false;
}

static bool number(const char *line, const char *name, int64_t max, int64_t *out)
{
	char text[24];

	return field(line, name, text, sizeof(text)) && str_to_i64(text, 0, max, out);
}

static bool flag(const char *line, const char *name)
{
	int64_t v;

	return number(line, name, 1, &v) && v;
}

/* A word of harmless characters, or "". */
static void word(const char *line, const char *name, char *out, size_t size)
{
	if (!field(line, name, out, size) ||
	    strspn(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-+") !=
		strlen(out))
		out[0] = '\0';
}

/* Cut one line off text[*at..n); false when there is none or it is too long. */
static bool take_line(const char *text, size_t n, size_t *at, char line[LINE_MAX_])
{
	const char *nl = *at < n ? memchr(text + *at, '\n', n - *at) : NULL;
	size_t len;

	if (!nl)
		return false;
	len = (size_t)(nl - text) - *at;
	if (len >= LINE_MAX_)
		return false;
	memcpy(line, text + *at, len);
	line[len] = '\0';
	*at += len + 1;
	return true;
}

static instant clock_value(const char *line, const char *name)
{
	int64_t seconds;

	return number(line, name, 253402300799, &seconds) ? seconds * SECOND : 0;
}

static void read_status_line(struct job_status *s, const char *line, char started_boot[40])
{
	char state[16];
	int64_t code;

	if (!field(line, "state", state, sizeof(state)))
		return;
	if (!strcmp(state, "setup"))
		s->state = JOB_SETUP;
	else if (!strcmp(state, "ready"))
		s->state = JOB_READY;
	else if (!strcmp(state, "running"))
		s->state = JOB_RUNNING;
	else if (!strcmp(state, "done"))
		s->state = JOB_DONE;
	s->exit_known = s->state == JOB_DONE && number(line, "exit", 255, &code);
	if (s->exit_known)
		s->exit_status = (int)code;
	word(line, "signal", s->signal, sizeof(s->signal));
	s->timed_out = flag(line, "timed_out");
	s->stopped = flag(line, "stopped");
	s->setup_failed = flag(line, "setup_failed");
	s->oom = flag(line, "oom");
	s->started = clock_value(line, "started");
	s->ended = clock_value(line, "ended");
	word(line, "boot", started_boot, 40);
}

/* What the supervisor wrote last, against whether it is still there. */
static void judge(struct job_status *s, bool gate, bool alive, const char *started_boot)
{
	s->rebooted = started_boot[0] && s->boot_id[0] && strcmp(started_boot, s->boot_id) != 0;
	if (!gate)
		s->state = JOB_NONE;
	else if (s->state != JOB_DONE && !alive)
		s->state = JOB_VANISHED;
	else if (s->state == JOB_NONE)
		s->state = JOB_SETUP; /* alive and before its first word */
}

int job_poll_read(struct job_status *s, const char *text, size_t n, const char **out, size_t *out_n,
    const char **err_, size_t *err_n, struct err *e)
{
	char line[LINE_MAX_], started_boot[40] = "";
	struct buf safe = BUF(TEXT_MAX - 1);
	size_t at = 0;
	int64_t want_out, want_err;
	bool gate, alive;

	*s = (struct job_status){ .state = JOB_NONE };
	*out = *err_ = text;
	*out_n = *err_n = 0;
	if (!take_line(text, n, &at, line) || !str_starts(line, "gf-poll 1 ") ||
	    !number(line, "out_n", INT32_MAX, &want_out) ||
	    !number(line, "err_n", INT32_MAX, &want_err) ||
	    !number(line, "out_size", INT64_MAX, &s->out_size) ||
	    !number(line, "err_size", INT64_MAX, &s->err_size))
		return err_set(e, ERR_FAILED, "the machine's answer about the run cannot be read");
	gate = flag(line, "gate");
	alive = flag(line, "alive");
	word(line, "boot_now", s->boot_id, sizeof(s->boot_id));
	if (!take_line(text, n, &at, line))
		return err_set(
		    e, ERR_FAILED, "the machine's answer about the run has no status line");
	read_status_line(s, line, started_boot);
	if (!take_line(text, n, &at, line))
		return err_set(
		    e, ERR_FAILED, "the machine's answer about the run has no progress line");
	str_safe(&safe, line, strlen(line) > 60 ? strnlen(line, 240) : strlen(line), false);
	str_copy(s->progress, buf_str(&safe));
	buf_free(&safe);
	if ((size_t)want_out + (size_t)want_err != n - at)
		return err_set(e, ERR_FAILED,
		    "the machine's answer about the run was cut: %zu bytes of output instead of %lld",
		    n - at, (long long)(want_out + want_err));
	*out = text + at;
	*out_n = (size_t)want_out;
	*err_ = text + at + want_out;
	*err_n = (size_t)want_err;
	judge(s, gate, alive, started_boot);
	return 0;
}

int64_t job_collect_read(struct job_tar *t, const char *text, size_t n)
{
	char line[LINE_MAX_];
	size_t at = 0;

	*t = (struct job_tar){ 0 };
	if (!take_line(text, n, &at, line) || !str_starts(line, "gf-collect 1 ") || !number(line, "size", INT64_MAX, &t->size) ||
	    !number(line, "from", INT64_MAX, &t->from))
		return -1;
	word(line, "sha256", t->sha256, sizeof(t->sha256));
	return *t->sha256 ? (int64_t)at : -1;
}

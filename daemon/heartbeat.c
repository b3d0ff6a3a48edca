#include "heartbeat.h"
#include "base/json.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64u * 1024)
#define SET_UP   "set it up with: man gpufleet-reaper"
#define LOOK     "run gpufleet-reaper by hand and read what it says"
#define ARM      "run gpufleet-reaper once with --delete"

static json_t *read_file(const char *path, bool *missing)
{
	char *text = xmalloc(FILE_MAX + 1);
	json_t *j = NULL;
	struct stat st;
	size_t n = 0;
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	*missing = fd < 0 && errno == ENOENT;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		while (n <= FILE_MAX && (got = read(fd, text + n, FILE_MAX + 1 - n)) > 0)
			n += (size_t)got;
		if (n && n <= FILE_MAX)
			j = json_read(text, n, NULL);
	}
	if (fd >= 0)
		close(fd);
	free(text);
	return j;
}

static void say(struct heartbeat *h, int ok, const char *remedy, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void say(struct heartbeat *h, int ok, const char *remedy, const char *fmt, ...)
{
	struct buf safe = BUF(4096);
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	str_safe(&safe, text, strlen(text), false); /* the file may come from another host */
	str_copy(h->text, buf_str(&safe));
	buf_free(&safe);
	h->ok = ok;
	h->remedy = remedy;
}

/* The account's part of the document, or NULL. */
static const json_t *account_in(const json_t *j, const char *name)
{
	const json_t *a;
	size_t k;

	json_array_foreach(json_path(j, "accounts"), k, a)
		if (!strcmp(json_str(a, "account", ""), name))
			return a;
	return NULL;
}

static bool accounts_well(struct heartbeat *h, const json_t *j, const char *const *accounts, size_t count)
{
	for (size_t k = 0; k < count; k++) {
		const json_t *a = account_in(j, accounts[k]);

		if (!a)
			say(h, 0, LOOK, "the reaper does not watch account '%s'", accounts[k]);
		else if (!json_bool(a, "ok", false))
			say(h, 0, LOOK, "the reaper has trouble with '%s': %s", accounts[k], json_str(a, "trouble", "it does not say why"));
		else if (!json_bool(a, "armed", false))
			say(h, 0, ARM, "the reaper watches '%s' but may not delete anything there", accounts[k]);
		else
			continue;
		return false;
	}
	return true;
}

void heartbeat_read(struct heartbeat *out, const char *state_dir, const char *site, const char *const *accounts, size_t count,
    instant now)
{
	char path[600], ago[24];
	bool missing;
	json_t *j;

	memset(out, 0, sizeof(*out));
	snprintf(path, sizeof(path), "%s/reaper.heartbeat", state_dir);
	j = read_file(path, &missing);
	if (missing) {
		say(out, -1, SET_UP, "no second program watches the deadlines: if this host dies, machines bill until somebody looks");
		return;
	}
	if (!j || !json_time(j, "time", &out->time)) {
		say(out, 0, LOOK, "'%s' cannot be read", path);
	} else if (strcmp(json_str(j, "site", ""), site) != 0) {
		say(out, 0, LOOK, "the reaper works for site '%s', not for this one", json_str(j, "site", ""));
	} else if (now - out->time > HEARTBEAT_FRESH) {
		duration_format(now - out->time, ago);
		say(out, 0, LOOK, "the reaper last ran %s ago, on %s", ago, json_str(j, "host", "?"));
	} else if (accounts_well(out, j, accounts, count)) {
		duration_format(now > out->time ? now - out->time : 0, ago);
		say(out, 1, "", "ran %s ago on %s, watches %zu account%s", ago, json_str(j, "host", "?"), count, count == 1 ? "" : "s");
	}
	json_decref(j);
}

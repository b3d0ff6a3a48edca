/*
 * What one pass leaves for the next: which accounts are armed, when a machine without a name was first seen, which deletes were
 * taken. Small enough to be written as a whole, by rename.
 */
#include "base/str.h"
#include "reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_MAX (4u * 1024 * 1024)

int reap_write(const char *path, const char *text, struct err *e)
{
	char temp[CONFIG_PATH_MAX + 8];
	size_t n = strlen(text);
	bool ok;
	int fd;

	snprintf(temp, sizeof(temp), "%.*s.new", CONFIG_PATH_MAX - 1, path);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot make '%s'", temp);
	ok = write(fd, text, n) == (ssize_t)n && fsync(fd) == 0;
	if (close(fd) < 0 || !ok || rename(temp, path) < 0)
		return err_errno(e, ERR_FAILED, "cannot write '%s'", path);
	return 0;
}

int reap_state_lock(const char *path, struct err *e)
{
	char lock[CONFIG_PATH_MAX + 8];
	int fd;

	snprintf(lock, sizeof(lock), "%.*s.lock", CONFIG_PATH_MAX - 1, path);
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot open '%s'; name another place with --state", lock);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		return err_set(e, ERR_CONFLICT, "another pass is under way with '%s'", path);
	}
	return 0; /* the descriptor stays open: it is the lock */
}

/* The text of a file, or NULL: *missing says whether it is just not there. */
static char *read_text(const char *path, size_t *n, bool *missing, struct err *e)
{
	char *text = xmalloc(STATE_MAX + 1);
	struct stat st;
	ssize_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	*missing = fd < 0 && errno == ENOENT;
	*n = 0;
	if (fd < 0)
		err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 022))
		err_set(e, ERR_FAILED, "'%s' can be changed by others; nothing in it is believed", path);
	else
		while (*n <= STATE_MAX && (got = read(fd, text + *n, STATE_MAX + 1 - *n)) > 0)
			*n += (size_t)got;
	if (fd >= 0)
		close(fd);
	if (*n && *n <= STATE_MAX && got >= 0)
		return text;
	if (fd >= 0 && (!e || !*e->msg))
		err_set(e, ERR_FAILED, "'%s' is empty, too long or cannot be read", path);
	free(text);
	return NULL;
}

static void read_account(const json_t *j, struct reap_memory *m)
{
	const json_t *s;
	size_t k;

	str_copy(m->account, json_str(j, "account", ""));
	m->armed = json_bool(j, "armed", false);
	str_copy(m->account_id, json_str(j, "account_id", ""));
	json_time(j, "believed", &m->believed);
	m->machines = (int)json_int(j, "machines", 0);
	m->empty = (int)json_int(j, "empty", 0);
	m->seen_count = json_array_size(json_path(j, "seen"));
	m->seen = xcalloc(m->seen_count ? m->seen_count : 1, sizeof(*m->seen));
	json_array_foreach(json_path(j, "seen"), k, s) {
		str_copy(m->seen[k].id, json_str(s, "id", ""));
		json_time(s, "first", &m->seen[k].first);
		json_time(s, "deleted", &m->seen[k].deleted);
		m->seen[k].deletes = (int)json_int(s, "deletes", 0);
	}
}

int reap_state_load(struct reap_state *s, const char *path, struct err *e)
{
	struct err why = { 0 };
	bool missing;
	size_t n, k;
	char *text = read_text(path, &n, &missing, &why);
	const json_t *row;
	json_t *j;

	memset(s, 0, sizeof(*s));
	if (missing)
		return 0;
	if (!text)
		return err_set(e, why.code, "%s", why.msg);
	j = json_read(text, n, &why);
	free(text);
	if (!j || json_int(j, "version", 0) != 1) {
		json_decref(j);
		return err_set(e, ERR_FAILED, "'%s' is damaged (%.100s): nothing is armed any more and no machine was seen before; run once "
					      "with --delete", path, *why.msg ? why.msg : "no version 1");
	}
	s->count = json_array_size(json_path(j, "accounts"));
	s->accounts = xcalloc(s->count ? s->count : 1, sizeof(*s->accounts));
	json_array_foreach(json_path(j, "accounts"), k, row)
		read_account(row, &s->accounts[k]);
	json_decref(j);
	return 0;
}

static json_t *account_json(const struct reap_memory *m)
{
	json_t *o = json_object(), *list = json_array(), *s;

	json_put_str(o, "account", m->account);
	json_put_bool(o, "armed", m->armed);
	json_put_str(o, "account_id", m->account_id);
	json_put_time(o, "believed", m->believed);
	json_put_int(o, "machines", m->machines);
	json_put_int(o, "empty", m->empty);
	for (size_t k = 0; k < m->seen_count; k++) {
		s = json_object();
		json_put_str(s, "id", m->seen[k].id);
		json_put_time(s, "first", m->seen[k].first);
		json_put_time(s, "deleted", m->seen[k].deleted);
		json_put_int(s, "deletes", m->seen[k].deletes);
		json_array_append_new(list, s);
	}
	json_put(o, "seen", list);
	return o;
}

int reap_state_save(const struct reap_state *s, const char *path, struct err *e)
{
	json_t *o = json_object(), *list = json_array();
	char *text;
	int r;

	json_put_int(o, "version", 1);
	for (size_t k = 0; k < s->count; k++)
		json_array_append_new(list, account_json(&s->accounts[k]));
	json_put(o, "accounts", list);
	text = json_text(o);
	r = reap_write(path, text, e);
	free(text);
	json_decref(o);
	return r;
}

void reap_state_free(struct reap_state *s)
{
	for (size_t k = 0; k < s->count; k++)
		reap_memory_free(&s->accounts[k]);
	free(s->accounts);
	memset(s, 0, sizeof(*s));
}

void reap_state_take(struct reap_state *s, const char *account, struct reap_memory *out)
{
	memset(out, 0, sizeof(*out));
	str_copy(out->account, account);
	for (size_t k = 0; k < s->count; k++) {
		if (strcmp(s->accounts[k].account, account) != 0)
			continue;
		*out = s->accounts[k];
		s->accounts[k] = s->accounts[--s->count];
		return;
	}
}

void reap_state_put(struct reap_state *s, struct reap_memory *m)
{
	s->accounts = xreallocarray(s->accounts, s->count + 1, sizeof(*s->accounts));
	s->accounts[s->count++] = *m;
	memset(m, 0, sizeof(*m));
}

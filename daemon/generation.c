#include "generation.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void path_of(char *out, size_t size, const char *state_dir)
{
	snprintf(out, size, "%s/site.generation", state_dir);
}

int generation_load(struct generation *g, const char *state_dir, struct err *e)
{
	char path[600], text[64], *rest = text, *number;
	ssize_t n;
	int fd;

	*g = (struct generation){ .number = 1 };
	path_of(path, sizeof(path), state_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	number = str_split(&rest, " ");
	if (!number || !rest || !str_to_i64(number, 1, INT64_MAX - 1, &g->number) || !str_to_i64(rest, 0, INT64_MAX, &g->events))
		return err_set(e, ERR_FAILED, "'%s' is damaged; remove it if the database is the newest one there is", path);
	return 0;
}

bool generation_rolled_back(struct generation *g, int64_t events)
{
	if (events >= g->events)
		return false;
	g->number++;
	g->events = events;
	return true;
}

static int save(const struct generation *g, const char *state_dir, struct err *e)
{
	char path[600], temp[608], line[64];
	int fd, n = snprintf(line, sizeof(line), "%lld %lld\n", (long long)g->number, (long long)g->events);
	bool ok;

	path_of(path, sizeof(path), state_dir);
	snprintf(temp, sizeof(temp), "%s.new", path);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot make '%s'", temp);
	/* Not synced: after a power loss an older note is found, which says less and nothing wrong. */
	ok = write(fd, line, (size_t)n) == n;
	if (close(fd) < 0 || !ok || rename(temp, path) < 0)
		return err_errno(e, ERR_FAILED, "cannot write '%s'", path);
	return 0;
}

void generation_note(struct generation *g, const char *state_dir, int64_t events)
{
	struct err e = { 0 };

	if (events <= g->events)
		return;
	g->events = events;
	if (save(g, state_dir, &e) < 0)
		log_warn("%s", e.msg);
}

/*
 * What a machine that failed wrote to its console, where the provider keeps that: asked for beside its first delete, which never
 * waits for it, and kept with the files of runs (and as long as they).
 */
#include "base/log.h"
#include "base/str.h"
#include "execute_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct asking {
	struct execute *x;
	int64_t instance_id;
};

/* A directory like a run's, by a name that no run has: keys of runs are shorter. */
void execute_console_path(const struct engine *en, int64_t instance_id, const char *name, char *out, size_t size)
{
	uint8_t id[8];
	char text[16], key[32];

	for (int k = 0; k < 8; k++)
		id[k] = (uint8_t)(instance_id >> (56 - 8 * k));
	str_base32(id, sizeof(id), text);
	snprintf(key, sizeof(key), "console%s", text);
	execute_run_path(en, key, name, out, size);
}

static void keep(struct execute *x, int64_t instance_id, const char *text)
{
	char path[1024], part[1100];
	size_t n = strlen(text);
	char *copy = xstrdup(text);
	int fd;

	execute_console_path(x->en, instance_id, "", path, sizeof(path));
	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		log_warn("cannot make '%s': %s", path, strerror(errno));
		free(copy);
		return;
	}
	log_redact(copy, n);
	execute_console_path(x->en, instance_id, "console.log", path, sizeof(path));
	snprintf(part, sizeof(part), "%s.part", path);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || write(fd, copy, n) != (ssize_t)n || rename(part, path) < 0)
		log_warn("the console of instance %lld cannot be kept in '%s': %s", (long long)instance_id, path, strerror(errno));
	else
		log_info("the console of instance %lld is kept: gpufleetctl logs --console %lld", (long long)instance_id, (long long)instance_id);
	if (fd >= 0)
		close(fd);
	free(copy);
}

static void on_log(void *arg, const struct account *a, struct op_reply *r)
{
	struct asking *q = arg;

	(void)a;
	if (r->verdict == VERDICT_OK && r->log && *r->log)
		keep(q->x, q->instance_id, r->log);
	map_remove(&q->x->consoles, q->instance_id);
	map_set(&q->x->consoles, q->instance_id, q->x); /* once is enough */
	free(q);
}

/* Did it end because something was wrong with it? */
static bool went_wrong(enum cause c)
{
	return c == CAUSE_BOOT_TIMEOUT || c == CAUSE_BOOT_FAILED || c == CAUSE_SSH_TIMEOUT || c == CAUSE_SSH_AUTH || c == CAUSE_HOST_KEY ||
	       c == CAUSE_WRONG_MACHINE || c == CAUSE_LOST || c == CAUSE_BAD_MACHINE;
}

void console_ask(struct execute *x, const struct account *a, const struct instance *i)
{
	struct op_args args = { .id = i->provider_id };
	struct asking *q;

	if (!went_wrong(i->cause) || !*i->provider_id || map_get(&x->consoles, i->object.id) || !provider_find(a->provider)->op[OP_LOG].build)
		return;
	q = xcalloc(1, sizeof(*q));
	q->x = x;
	q->instance_id = i->object.id;
	map_set(&x->consoles, i->object.id, q);
	execute_operation(x, a, OP_LOG, &args, on_log, q);
}

void consoles_free(struct execute *x)
{
	size_t at = 0;
	void *q;

	while ((q = model_each(&x->consoles, &at)))
		if (q != x)
			free(q);
	map_free(&x->consoles);
}

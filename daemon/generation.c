#include "generation.h"
#include "base/log.h"
#include "base/str.h"
#include "state_file.h"

#define NAME "site.generation"

int generation_load(struct generation *g, const char *state_dir, struct err *e)
{
	char line[STATE_FILE_MAX], *rest = line, *number;

	int there = state_file_read(state_dir, NAME, line, e);

	*g = (struct generation){ .number = 1 };
	if (there <= 0)
		return there;
	number = str_split(&rest, " ");
	if (!number || !rest || !str_to_i64(number, 1, INT64_MAX - 1, &g->number) || !str_to_i64(rest, 0, INT64_MAX, &g->events))
		return err_set(e, ERR_FAILED, "'%s/" NAME "' is damaged; remove it if the database is the newest one there is", state_dir);
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

void generation_note(struct generation *g, const char *state_dir, int64_t events)
{
	char line[STATE_FILE_MAX];
	struct err e = { 0 };

	if (events <= g->events)
		return;
	g->events = events;
	snprintf(line, sizeof(line), "%lld %lld", (long long)g->number, (long long)g->events);
	if (state_file_write(state_dir, NAME, line, &e) < 0)
		log_warn("%s", e.msg);
}

#include "crash.h"
#include "base/clock.h"
#include "base/str.h"
#include "parallel.h"
#include "runner.h"

enum kind { KIND_KILL, KIND_POWER, KIND_FULL, KIND_ERROR, KIND_BROKEN_FOR_LONG, KIND_PAIR, KIND_PAIR_POWER, KIND_NR };
static const char *const kind_names[KIND_NR] = { "kill", "power", "full", "error", "broken", "pair", "pair-power" };

/* Which cases a kind has in a scenario: from `first` on, so many. */
struct piece {
	int scenario;
	enum kind kind;
	int64_t first, count;
	int64_t points; /* of the scenario when nobody dies */
	bool exhaustive;
};

struct sweep {
	struct scenario scenarios[SCENARIOS_MAX];
	int scenario_count;
	struct piece parts[SCENARIOS_MAX * KIND_NR];
	int part_count;
	int64_t count;
};

struct death {
	int scenario;
	enum kind kind;
	int64_t first, second;
};

static void live(const struct sweep *s, const struct death *d, bool trace, struct crash *out, char *why, size_t size)
{
	struct night_options o = { .trace = trace };
	struct crash *c = &o.crash;
	struct sim_night *n = xmalloc(sizeof(*n));

	switch (d->kind) {
	case KIND_KILL:
	case KIND_PAIR:
	case KIND_PAIR_POWER:
		c->at[0] = d->first;
		c->at[1] = d->second;
		c->how = d->kind == KIND_PAIR_POWER ? DISK_POWER_LOST : DISK_KILLED;
		break;
	case KIND_POWER:
		c->at[0] = d->first;
		c->how = DISK_POWER_LOST;
		c->fine = true;
		break;
	case KIND_FULL:
	case KIND_ERROR:
	case KIND_BROKEN_FOR_LONG:
		c->fail_from = d->first;
		c->fail_count = d->kind == KIND_BROKEN_FOR_LONG ? 40 : 1;
		c->fail_code = d->kind == KIND_FULL ? 13 : 10; /* SQLITE_FULL, SQLITE_IOERR */
		break;
	case KIND_NR: break;
	}
	night_open(n, &s->scenarios[d->scenario].plan, &o);
	night_live(n);
	str_copy_n(why, size, n->violation);
	if (out)
		*out = n->o.crash;
	night_close(n);
	free(n);
}

static void part_add(struct sweep *s, int scenario, enum kind kind, int64_t points, int64_t count, bool exhaustive)
{
	s->parts[s->part_count++] = (struct piece){ scenario, kind, s->count, count, points, exhaustive };
	s->count += count;
}

/* How many points a scenario has decides how many cases there are. */
static bool measure(struct sweep *s, int scenario)
{
	struct death nobody = { scenario, KIND_KILL, 0, 0 }, fine = { scenario, KIND_POWER, 0, 0 };
	struct crash coarse, every;
	char why[1024];

	live(s, &nobody, false, &coarse, why, sizeof(why));
	if (*why) {
		printf("%s: goes wrong when nobody dies: %s\n", s->scenarios[scenario].name, why);
		return false;
	}
	live(s, &fine, false, &every, why, sizeof(why));
	part_add(s, scenario, KIND_KILL, coarse.points, coarse.points, true);
	part_add(s, scenario, KIND_POWER, every.points, every.points, true);
	part_add(s, scenario, KIND_FULL, every.calls, every.calls, true);
	part_add(s, scenario, KIND_ERROR, every.calls, every.calls, true);
	part_add(s, scenario, KIND_BROKEN_FOR_LONG, every.calls, every.calls / 8, false);
	if (scenario == 0)
		part_add(s, scenario, KIND_PAIR, coarse.points, coarse.points * coarse.points, true);
	else
		part_add(s, scenario, KIND_PAIR, coarse.points, 150, false);
	part_add(s, scenario, KIND_PAIR_POWER, coarse.points, 100, false);
	return true;
}

static void find(const struct sweep *s, int64_t index, struct death *d)
{
	const struct piece *p = &s->parts[0];
	struct rng r;

	while (index >= p->first + p->count)
		p++;
	index -= p->first;
	*d = (struct death){ p->scenario, p->kind, index + 1, 0 };
	rng_seed(&r, (uint64_t)index);
	if (p->kind == KIND_BROKEN_FOR_LONG) {
		d->first = index * 8 + 1;
	} else if (p->kind >= KIND_PAIR && p->exhaustive) {
		d->first = index / p->points + 1;
		d->second = d->first + 1 + index % p->points;
	} else if (p->kind >= KIND_PAIR) {
		d->first = 1 + (int64_t)rng_below(&r, (uint64_t)p->points);
		d->second = d->first + 1 + (int64_t)rng_below(&r, (uint64_t)p->points / 2 + 10);
	}
}

static bool one(void *arg, int64_t index, char *why, size_t size)
{
	struct death d;

	find(arg, index, &d);
	live(arg, &d, false, NULL, why, size);
	return !*why;
}

static void name(void *arg, int64_t index, char *out, size_t size)
{
	struct death d;

	find(arg, index, &d);
	snprintf(out, size, "%d:%s:%lld:%lld (%s)", d.scenario, kind_names[d.kind], (long long)d.first, (long long)d.second,
	    ((struct sweep *)arg)->scenarios[d.scenario].name);
}

int crash_sweep(int jobs)
{
	struct sweep *s = xcalloc(1, sizeof(*s));
	int64_t failed = 0, counts[KIND_NR] = { 0 };
	instant began = clock_boot();

	s->scenario_count = scenarios_make(s->scenarios);
	for (int k = 0; k < s->scenario_count; k++)
		failed += !measure(s, k);
	for (int k = 0; k < s->part_count; k++)
		counts[s->parts[k].kind] += s->parts[k].count;
	printf("%d scenarios; the short one has %lld points\n", s->scenario_count, (long long)s->parts[0].points);
	for (int k = 0; k < KIND_NR; k++)
		printf("  %-10s %8lld cases\n", kind_names[k], (long long)counts[k]);
	failed += parallel_cases(jobs, s->count, one, name, s, 10);
	printf("%lld deaths and broken disks, %lld violations, in %.1f s\n", (long long)s->count, (long long)failed,
	    (double)(clock_boot() - began) / SECOND);
	free(s);
	return failed ? 1 : 0;
}

int crash_again(const char *text)
{
	struct sweep *s = xcalloc(1, sizeof(*s));
	char copy[256], *rest = copy, *word, why[1024];
	struct death d = { .kind = KIND_NR };
	int64_t scenario = -1;

	str_copy(copy, text);
	s->scenario_count = scenarios_make(s->scenarios);
	word = str_split(&rest, ":");
	if (!str_to_i64(word, 0, s->scenario_count - 1, &scenario) || !(word = str_split(&rest, ":")))
		BUG("'%s' is not scenario:kind:first:second", text);
	for (int k = 0; k < KIND_NR; k++)
		if (!strcmp(kind_names[k], word))
			d.kind = (enum kind)k;
	d.scenario = (int)scenario;
	if (d.kind == KIND_NR || !(word = str_split(&rest, ":")) || !str_to_i64(word, 0, INT64_MAX, &d.first) ||
	    !(word = str_split(&rest, ":")) || !str_to_i64(word, 0, INT64_MAX, &d.second))
		BUG("'%s' is not scenario:kind:first:second", text);
	live(s, &d, true, NULL, why, sizeof(why));
	printf("%s: %s\n", text, *why ? why : "nothing was wrong");
	free(s);
	return *why ? 1 : 0;
}

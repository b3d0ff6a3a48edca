#include "plan.h"

#define DRAWN_MAX 96 /* items of a night that is drawn */

const char *const trouble_names[TROUBLE_NR] = { "net_refused", "net_lost_request", "net_lost_answer", "net_silent_before",
	"net_silent_after", "net_proxy_500", "net_proxy_504_after", "net_proxy_429", "net_garbage", "net_crossed", "net_replayed",
	"net_replayed_create", "ssh_refused", "ssh_auth", "ssh_cut_before", "ssh_cut_after", "ssh_slow", "machine_host_dies",
	"machine_vanishes", "machine_stopped", "machine_reboots", "machine_new_host_key", "disk_full", "disk_error", "disk_slow",
	"process_killed", "process_power_lost", "process_restarted", "clock_set", "clock_drifts", "machine_unfit", "disk_locked" };

static struct item *add(struct sim_plan *p, struct rng *r, enum item_kind kind, instant at)
{
	struct item *i;

	if (p->count == DRAWN_MAX)
		return NULL;
	i = &p->items[p->count++];
	*i = (struct item){ .kind = kind, .at = at, .cloud = -1, .seconds = -1, .luck = rng_u64(r) };
	return i;
}

static int a_cloud(const struct sim_plan *p, struct rng *r)
{
	int k;

	do
		k = (int)rng_below(r, 4);
	while (!(p->clouds & 1u << k));
	return k;
}

static duration between(struct rng *r, duration least, duration most)
{
	return least + (duration)rng_below(r, (uint64_t)(most - least) + 1);
}

/* An earlier item of this kind; -1: none. */
static int earlier(const struct sim_plan *p, struct rng *r, enum item_kind kind)
{
	int found = -1, n = 0;

	for (int k = 0; k < p->count; k++)
		if (p->items[k].kind == kind && !rng_below(r, (uint64_t)++n))
			found = k;
	return found;
}

static void add_people(struct sim_plan *p, struct rng *r)
{
	int ups = 2 + (int)rng_below(r, 4), others = (int)rng_below(r, 10);

	for (int k = 0; k < ups; k++)
		add(p, r, ITEM_UP, between(r, 0, p->work / 2));
	for (int k = 0; k < others; k++) {
		static const enum item_kind kinds[] = { ITEM_RUN, ITEM_RUN, ITEM_RUN, ITEM_DOWN, ITEM_EXTEND, ITEM_CANCEL, ITEM_NONSENSE };
		enum item_kind kind = kinds[rng_below(r, ARRAY_LEN(kinds))];
		int on = earlier(p, r, kind == ITEM_CANCEL ? ITEM_RUN : ITEM_UP);
		struct item *i;

		if (on < 0)
			continue;
		i = add(p, r, kind, p->items[on].at + between(r, SECOND / 10, p->work / 2));
		i->what = on;
	}
}

static void add_switch(struct sim_plan *p, struct rng *r)
{
	int cloud = a_cloud(p, r), fault;
	const struct sim_fault_info *info;
	struct item *i;

	/* What goes wrong around creates and deletes is the heart of the matter, and both are rare. */
	do {
		static const struct { int from, to; } ranges[] = { { FAULT_CREATE_500_BEFORE, FAULT_LIST_500 },
			{ FAULT_CREATE_500_BEFORE, FAULT_LIST_500 }, { FAULT_DELETE_500, FAULT_LOSE_FIRST_PATCH },
			{ FAULT_LOSE_FIRST_PATCH, FAULT_NIGHTS }, { 0, FAULT_NIGHTS } };
		uint64_t k = rng_below(r, ARRAY_LEN(ranges));

		fault = ranges[k].from + (int)rng_below(r, (uint64_t)(ranges[k].to - ranges[k].from));
		info = &sim_faults[fault];
	} while (info->cloud && strcmp(info->cloud, cloud_models[cloud]->name) != 0);
	i = add(p, r, ITEM_SWITCH, between(r, 0, p->chaos * 3 / 4));
	if (!i)
		return;
	i->cloud = cloud;
	i->what = fault;
	/* A way to say "too many" needs somebody who says it. */
	if (fault == FAULT_LIMIT_403 && add(p, r, ITEM_SWITCH, i->at / 4)) {
		p->items[p->count - 1] = (struct item){ .kind = ITEM_SWITCH, .at = i->at / 4, .cloud = cloud, .what = FAULT_CREATE_QUOTA,
			.count = 3, .seconds = -1, .span = p->chaos };
		i->at /= 4;
		i->count = -1;
		i->span = p->chaos;
		return;
	}
	i->count = rng_below(r, 4) ? 1 + (int)rng_below(r, 3) : -1;
	i->span = between(r, MINUTE, 20 * MINUTE);
	if (i->count > 0) {
		i->at /= 3;
		i->span = p->chaos;
	}
	/* Rare by themselves: what only shows when something else happens is there all the time. Nothing is drawn here. */
	if (fault == FAULT_LOSE_FIRST_PATCH) {
		i->count = -1;
		i->span = p->chaos;
	} else if (fault == FAULT_CREATE_QUOTA && cloud_models[cloud] == &cloud_hotaisle && i->luck & 1 && p->count < DRAWN_MAX) {
		p->items[p->count++] = (struct item){ .kind = ITEM_SWITCH, .at = i->at, .cloud = cloud, .what = FAULT_LIMIT_403,
			.count = -1, .seconds = -1, .span = p->chaos };
	}
	if (info->seconds && rng_below(r, 2))
		i->seconds = 1 + (int)rng_below(r, 400);
}

/* One of `count` kinds of trouble from `first` on. */
static void add_trouble(struct sim_plan *p, struct rng *r, enum trouble first, int count)
{
	struct item *i = add(p, r, ITEM_TROUBLE, between(r, 0, p->chaos * 3 / 4));

	if (!i)
		return;
	i->what = (int)first + (int)rng_below(r, (uint64_t)count);
	i->cloud = rng_below(r, 3) ? a_cloud(p, r) : -1;
	i->span = between(r, 10 * SECOND, 15 * MINUTE);
	i->per_cent = rng_below(r, 3) ? 5 + (int)rng_below(r, 40) : 100;
	i->count = 1 + (int)rng_below(r, 60);
	/* Machines live only while somebody wants them: strike when they do. */
	if (i->what >= TROUBLE_HOST_DIES && i->what <= TROUBLE_NEW_HOST_KEY)
		i->at = between(r, 2 * MINUTE, p->work);
	/* Work begins seldom: this one waits for it. */
	if (i->what == TROUBLE_UNFIT) {
		i->at = 0;
		i->span = p->chaos;
	}
}

void plan_make(struct sim_plan *p, uint64_t seed, bool faults)
{
	struct rng r;
	int n;

	memset(p, 0, sizeof(*p));
	rng_seed(&r, seed * 2 + 1);
	p->seed = seed;
	p->faults = faults;
	p->clouds = 1u << rng_below(&r, 4) | 1u << rng_below(&r, 4) | (rng_below(&r, 3) ? 0 : 1u << rng_below(&r, 4)) |
		    (rng_below(&r, 6) ? 0 : 15u);
	p->work = between(&r, 10 * MINUTE, 60 * MINUTE);
	p->chaos = p->work + between(&r, 0, 20 * MINUTE);
	p->slow_bills = !rng_below(&r, 20);
	p->shared_hotaisle = !faults && !rng_below(&r, 2);
	add_people(p, &r);
	if (!faults)
		return;
	for (n = (int)rng_below(&r, 10); n > 0; n--)
		add_switch(p, &r);
	for (n = (int)rng_below(&r, 7); n > 0; n--)
		add_trouble(p, &r, 0, TROUBLE_DRAWN);
	if (!rng_below(&r, 4))
		add_trouble(p, &r, TROUBLE_DRAWN, TROUBLE_NR - TROUBLE_DRAWN);
}

static const char *const kind_names[] = { "up", "run", "down", "extend", "cancel", "nonsense", "switch", "trouble" };

void item_format(const struct item *i, char *out, size_t size)
{
	const char *cloud = i->cloud >= 0 ? cloud_models[i->cloud]->name : "all clouds";
	char at[24], span[24];

	duration_format(i->at, at);
	duration_format(i->span, span);
	if (i->kind == ITEM_SWITCH)
		snprintf(out, size, "at %s %s: %s, %d times, parameter %d s, for %s", at, cloud, sim_faults[i->what].name, i->count,
		    i->seconds, span);
	else if (i->kind == ITEM_TROUBLE)
		snprintf(out, size, "at %s %s: %s, %d %%, count %d, for %s", at, cloud, trouble_names[i->what], i->per_cent, i->count,
		    span);
	else if (i->kind == ITEM_UP)
		snprintf(out, size, "at %s a person says up", at);
	else
		snprintf(out, size, "at %s a person says %s, about item %d", at, kind_names[i->kind], i->what);
}

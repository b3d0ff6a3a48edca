#include "base/str.h"
#include "crash.h"

static struct sim_plan *begin(struct scenario *list, int *count, const char *name, int cloud)
{
	struct scenario *s = &list[(*count)++];

	memset(s, 0, sizeof(*s));
	s->name = name;
	s->plan.seed = 7000 + (uint64_t)*count;
	s->plan.faults = true;
	s->plan.clouds = 1u << cloud;
	s->plan.work = 8 * MINUTE;
	s->plan.chaos = 9 * MINUTE;
	return &s->plan;
}

static struct item *add(struct sim_plan *p, enum item_kind kind, instant at, int what)
{
	struct item *i = &p->items[p->count++];

	*i = (struct item){ .kind = kind, .at = at, .what = what, .cloud = -1, .seconds = -1, .luck = (uint64_t)p->count * 77, .count = 1,
		.per_cent = 100, .span = 30 * MINUTE };
	return i;
}

/* A fleet whose wish is written down (people.c): what the clouds of this scenario sell. */
static void up(struct sim_plan *p, instant at, int instances)
{
	static const int wishes[CLOUDS] = { 0, 10, 7, 7 }; /* MI300X, A100, L40S, L40S */
	int cloud = 0;

	while (!(p->clouds & 1u << cloud))
		cloud++;
	add(p, ITEM_UP, at, 0)->count = 1000 + wishes[cloud] * 10 + instances;
}

static void with_switch(struct sim_plan *p, int cloud, enum sim_fault f, int seconds)
{
	struct item *i = add(p, ITEM_SWITCH, 5 * SECOND, (int)f);

	i->cloud = cloud;
	i->seconds = seconds;
}

int scenarios_make(struct scenario *list)
{
	static const struct { const char *name; enum sim_fault fault; int cloud, seconds; } faults[] = {
		{ "answer lost at hotaisle", FAULT_CREATE_CUT_AFTER, 0, -1 }, { "answer lost at runpod", FAULT_CREATE_CUT_AFTER, 1, -1 },
		{ "answer lost at digitalocean", FAULT_CREATE_500_AFTER, 2, -1 }, { "answer lost at vastai", FAULT_CREATE_HANG_AFTER, 3, -1 },
		{ "twins at hotaisle", FAULT_CREATE_TWICE, 0, -1 }, { "twins at runpod", FAULT_CREATE_TWICE, 1, -1 },
		{ "late at runpod", FAULT_CREATE_LATE, 1, 300 }, { "sold out at vastai", FAULT_CREATE_NO_CAPACITY, 3, -1 },
		{ "never boots at digitalocean", FAULT_BOOT_NEVER, 2, -1 }, { "wrong machine at runpod", FAULT_WRONG_GPU_COUNT, 1, -1 },
		{ "dearer at vastai", FAULT_CREATE_DEARER, 3, -1 }, { "first name lost at hotaisle", FAULT_LOSE_FIRST_PATCH, 0, -1 },
		{ "delete ignored at digitalocean", FAULT_DELETE_IGNORED, 2, -1 }, { "delete says 404 at runpod", FAULT_DELETE_404, 1, -1 },
		{ "delete busy at vastai", FAULT_DELETE_BUSY, 3, -1 }, { "asynchronous failure at digitalocean", FAULT_CREATE_ASYNC_FAIL, 2, -1 },
		{ "success false at vastai", FAULT_CREATE_SUCCESS_FALSE_WITH_ID, 3, -1 }, { "empty listing at runpod", FAULT_LIST_EMPTY, 1, -1 },
	};
	static const char *const lives[CLOUDS] = { "a life at hotaisle", "a life at runpod", "a life at digitalocean", "a life at vastai" };
	struct sim_plan *p;
	int n = 0;

	/* The short one: ordered and given up at once. */
	p = begin(list, &n, "up and down", 1);
	up(p, SECOND, 1);
	add(p, ITEM_DOWN, 100 * SECOND, 0);
	p->work = p->chaos = 2 * MINUTE;
	for (int k = 0; k < CLOUDS; k++) {
		p = begin(list, &n, lives[k], k);
		up(p, SECOND, 1);
		add(p, ITEM_RUN, 4 * SECOND, 0);
		add(p, ITEM_EXTEND, 6 * MINUTE, 0);
		add(p, ITEM_DOWN, 8 * MINUTE, 0);
	}
	p = begin(list, &n, "three at once, a run cancelled", 1);
	up(p, SECOND, 3);
	add(p, ITEM_RUN, 4 * SECOND, 0);
	add(p, ITEM_RUN, 5 * SECOND, 0);
	add(p, ITEM_CANCEL, 4 * MINUTE, 1);
	p = begin(list, &n, "two clouds, a machine vanishes", 1);
	p->clouds |= 1u << 2;
	up(p, SECOND, 2);
	add(p, ITEM_RUN, 4 * SECOND, 0);
	add(p, ITEM_TROUBLE, 4 * MINUTE, TROUBLE_VANISHES);
	for (size_t k = 0; k < ARRAY_LEN(faults); k++) {
		p = begin(list, &n, faults[k].name, faults[k].cloud);
		up(p, 10 * SECOND, 1);
		with_switch(p, faults[k].cloud, faults[k].fault, faults[k].seconds);
		add(p, ITEM_DOWN, 6 * MINUTE, 0);
	}
	return n;
}

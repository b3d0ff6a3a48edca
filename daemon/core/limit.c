#include "core/limit.h"

#include <limits.h>

struct held {
	int machines;
	money hourly;
};

static struct held held_by(const struct account_state *a)
{
	struct held h = { 0 };

	list_for_each(n, &a->instance_list) {
		const struct instance *i = CONTAINER_OF(n, struct instance, account_link);

		if (i->state == INSTANCE_GONE)
			continue;
		h.machines++;
		h.hourly = money_add(h.hourly, i->price_hour);
	}
	return h;
}

int limit_room(const struct account_state *a, const struct offer *o, char why[TEXT_MAX])
{
	struct held h = { 0 };
	char now[32], more[32], most[32];
	int64_t room = INT_MAX, affordable;

	if (!a->facts.max_instances && !a->facts.max_hourly)
		return INT_MAX;
	h = held_by(a);
	if (a->facts.max_instances && h.machines >= a->facts.max_instances) {
		snprintf(why, TEXT_MAX, "%s has %d machine%s, and max_instances of the account is %d", a->facts.name, h.machines,
		    h.machines == 1 ? "" : "s", a->facts.max_instances);
		return 0;
	}
	if (a->facts.max_instances)
		room = a->facts.max_instances - h.machines;
	if (!a->facts.max_hourly || !o->price_hour)
		return (int)room;
	affordable = a->facts.max_hourly > h.hourly ? (a->facts.max_hourly - h.hourly) / o->price_hour : 0;
	if (!affordable) {
		money_format(h.hourly, now);
		money_format(o->price_hour, more);
		money_format(a->facts.max_hourly, most);
		snprintf(why, TEXT_MAX, "the machines at %s cost %s/h; %s/h more is above max_hourly of the account, %s", a->facts.name, now, more,
		    most);
	}
	return (int)(affordable < room ? affordable : room);
}

bool limit_admits(const struct model *m, const struct offer *const *list, size_t count, int wanted, char why[TEXT_MAX])
{
	char first[TEXT_MAX] = "", one[TEXT_MAX];
	int64_t room = 0;

	for (size_t k = 0; k < count; k++) {
		bool seen = false;
		int here;

		/* The cheapest of an account stands first and says how many it has room for. */
		for (size_t j = 0; j < k && !seen; j++)
			seen = !strcmp(list[j]->account, list[k]->account);
		if (seen)
			continue;
		one[0] = '\0';
		here = limit_room(model_account(m, list[k]->account), list[k], one);
		room += here;
		if (!*first)
			snprintf(first, sizeof(first), "%s", one);
	}
	if (room >= wanted)
		return true;
	if (room)
		snprintf(why, TEXT_MAX, "%d machines are wanted; max_instances and max_hourly of the accounts leave room for %lld", wanted,
		    (long long)room);
	else
		snprintf(why, TEXT_MAX, "%s", first);
	return false;
}

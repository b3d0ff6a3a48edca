/*
 * Faults begin, strike and end. A switch of a cloud model is set there; the rest is asked for where it would strike.
 */
#include "base/str.h"
#include "night.h"

static bool matches(const struct item *i, enum trouble t, int cloud)
{
	return i->kind == ITEM_TROUBLE && i->what == (int)t && (i->cloud < 0 || cloud < 0 || i->cloud == cloud);
}

bool trouble_active(const struct sim_night *n, enum trouble t)
{
	for (int k = 0; k < n->plan.count; k++)
		if (n->active[k] && matches(&n->plan.items[k], t, -1))
			return true;
	return false;
}

bool trouble_strikes(struct sim_night *n, enum trouble t, int cloud)
{
	for (int k = 0; k < n->plan.count; k++) {
		const struct item *i = &n->plan.items[k];

		if (!n->active[k] || !matches(i, t, cloud) || (int)rng_below(&n->wire_rng, 100) >= i->per_cent)
			continue;
		n->trouble_fired[t]++;
		return true;
	}
	return false;
}

instant trouble_wall(struct sim_night *n)
{
	static const instant set[] = { HOUR, -HOUR, DAY, -DAY };

	for (int k = 0; k < n->plan.count; k++) {
		const struct item *i = &n->plan.items[k];
		duration off = (instant)(i->luck % (2 * CLOCK_JUMP)) - CLOCK_JUMP;

		if (!n->active[k] || i->kind != ITEM_TROUBLE || (i->what != TROUBLE_CLOCK_SET && i->what != TROUBLE_CLOCK_DRIFTS))
			continue;
		n->trouble_fired[i->what]++;
		if (i->what == TROUBLE_CLOCK_DRIFTS)
			return n->now + off * 9 / 10;
		switch (i->luck % 6) {
		case 4: return n->now - NIGHT_START;
		case 5: return n->now - NIGHT_START + (instant)4102444800 * SECOND;
		default: return n->now + set[i->luck % 6];
		}
	}
	return n->now;
}

/* Switches that only change how a cloud speaks use nothing up: what was asked while they were on counts. */
void trouble_count_modes(struct sim_night *n, int cloud)
{
	static const enum sim_fault modes[] = { FAULT_CREATE_201, FAULT_NO_DEPLOYMENT_ID, FAULT_HIDE_SOLD_OUT, FAULT_SPEC_STATES,
		FAULT_NO_PAGING, FAULT_ERROR_BODY, FAULT_AUTH_401, FAULT_RATE_JSON, FAULT_GONE_410, FAULT_GONE_400, FAULT_IGNORE_FILTERS };

	for (size_t k = 0; k < ARRAY_LEN(modes); k++)
		n->clouds[cloud]->fault_fired[modes[k]] += cloud_fault_on(n->clouds[cloud], modes[k]);
}

static void item_end(struct sim_night *n, struct tick *t)
{
	int k = (int)(t - n->ticks);
	const struct item *i = &n->plan.items[k];

	n->active[k] = false;
	if (i->kind == ITEM_SWITCH)
		cloud_set_fault(n->clouds[i->cloud], sim_faults[i->what].name, 0, -1, NULL);
}

/* One of our machines that lives now. */
static struct box *some_box(struct sim_night *n, const struct item *i)
{
	struct box *found = NULL;
	uint64_t luck = i->luck;
	size_t count = 0;

	for (size_t k = 0; k < n->box_count; k++) {
		struct box *b = n->boxes[k];

		if (b->foreign || b->m->deleted || b->m->stopped || (i->cloud >= 0 && b->cloud != i->cloud))
			continue;
		if (!(luck++ % ++count))
			found = b;
	}
	return found;
}

static void strike_machine(struct sim_night *n, const struct item *i)
{
	static const char *const how[] = { [TROUBLE_HOST_DIES] = "host", [TROUBLE_VANISHES] = "vanish", [TROUBLE_STOPPED] = "stop",
		[TROUBLE_REBOOTS] = "reboot" };
	struct box *b = some_box(n, i);

	if (!b)
		return;
	n->trouble_fired[i->what]++;
	night_note(n, "%s %s: %s", b->m->cloud->model->name, b->m->id, trouble_names[i->what]);
	cloud_tick(b->m->cloud, n->now);
	if (i->what == TROUBLE_NEW_HOST_KEY)
		b->keyed++;
	else
		cloud_happen(b->m->cloud, b->m, how[i->what]);
}

static void strike_process(struct sim_night *n, const struct item *i)
{
	if (!n->p)
		return;
	n->trouble_fired[i->what]++;
	if (i->what == TROUBLE_RESTARTED) {
		process_shutdown(n);
		return;
	}
	n->kill_how = i->what == TROUBLE_KILLED ? DISK_KILLED : DISK_POWER_LOST;
	n->kill_in = i->count;
	night_note(n, "the process ends %d points from here", n->kill_in);
}

void item_begin(struct sim_night *n, int index)
{
	const struct item *i = &n->plan.items[index];
	char text[256];
	struct err e = { 0 };

	item_format(i, text, sizeof(text));
	night_note(n, "item %d: %s", index, text);
	if (i->kind < ITEM_SWITCH) {
		person_asks(n, index);
		return;
	}
	if (i->kind == ITEM_TROUBLE && i->what >= TROUBLE_HOST_DIES && i->what <= TROUBLE_NEW_HOST_KEY) {
		strike_machine(n, i);
		return;
	}
	if (i->kind == ITEM_TROUBLE && i->what >= TROUBLE_KILLED && i->what < TROUBLE_DRAWN) {
		strike_process(n, i);
		return;
	}
	if (i->kind == ITEM_SWITCH && cloud_set_fault(n->clouds[i->cloud], sim_faults[i->what].name, i->count, i->seconds, &e) < 0)
		BUG("%s", e.msg);
	n->active[index] = true;
	night_at(n, &n->ticks[index], n->now + i->span, item_end);
}

void trouble_over(struct sim_night *n)
{
	for (int k = 0; k < n->plan.count; k++) {
		if (n->active[k])
			night_not(n, &n->ticks[k]);
		n->active[k] = false;
	}
	for (int k = 0; k < CLOUDS; k++)
		for (int f = 0; f < FAULT_NR && n->clouds[k]; f++)
			n->clouds[k]->fault_left[f] = 0;
	n->kill_in = 0;
}

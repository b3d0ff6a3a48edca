#include "crowd.h"
#include "base/str.h"

#define ENOUGH 400 /* of each machine, everywhere */

const struct limit limits[CLOUDS] = {
	{ hotaisle_inventory, 0, 0, 0 },
	{ runpod_inventory, 8, 60, 3000 },
	{ ocean_inventory, 7, 250, 5000 },
	{ vast_inventory, 8, 60, 3600 }, /* a listing a second; the other endpoints are asked less */
};

/* Enough of everything, and nobody's limit but ours. */
static void enlarge(json_t *v)
{
	const char *key;
	json_t *part;
	size_t k;

	json_object_foreach(v, key, part) {
		bool much = !strcmp(key, "balance") || strstr(key, "limit") || str_starts(key, "maximum");

		if (json_is_integer(part) && (much || !strcmp(key, "stock") || !strcmp(key, "many")))
			json_integer_set(part, much ? 10000000 : ENOUGH);
		else if (!strcmp(key, "stock"))
			json_object_foreach(part, key, v)
				json_integer_set(v, ENOUGH);
		else
			enlarge(part);
	}
	json_array_foreach(v, k, part)
		enlarge(part);
}

int crowd_up(struct sim_plan *p, int cloud, instant at)
{
	p->items[p->count] = (struct item){ .kind = ITEM_UP, .at = at, .cloud = cloud, .count = 1000 + limits[cloud].wish * 10 };
	return p->count++;
}

void crowd_live(struct crowd *c, const struct sim_plan *p)
{
	struct night_options o = { .trace = false };

	for (int k = 0; k < CLOUDS; k++) {
		c->inventory[k] = json_read(limits[k].inventory, strlen(limits[k].inventory), NULL);
		enlarge(c->inventory[k]);
		o.inventory[k] = c->inventory[k];
	}
	night_open(&c->night, p, &o);
	night_live(&c->night);
}

void crowd_close(struct crowd *c)
{
	night_close(&c->night);
	for (int k = 0; k < CLOUDS; k++)
		json_decref(c->inventory[k]);
}

int crowd_born(const struct sim_night *n, int cloud)
{
	int born = 0;

	for (size_t b = 0; b < n->box_count; b++)
		born += !n->boxes[b]->foreign && n->boxes[b]->cloud == cloud;
	return born;
}

int crowd_refused(const struct cloud *c)
{
	int n = 0;

	for (size_t k = 0; k < c->log_count; k++)
		n += c->log[k].status == 429;
	return n;
}

#include "rate.h"
#include "base/str.h"
#include "night.h"

#define MACHINES 100
#define STEADY   (3 * HOUR) /* Hot Aisle takes one order at a time */
#define OUTAGE   (5 * HOUR)
#define BACK     (OUTAGE + 2 * HOUR)
#define END      (8 * HOUR)
#define SHARE    20 /* per cent of what is published that a quiet hour may take */

/* What the sheets publish; 0: nothing. */
static const struct limit {
	const char *inventory;
	int wish; /* of people.c */
	int minute, hour;
} limits[CLOUDS] = {
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
			json_integer_set(part, much ? 10000000 : 2 * MACHINES);
		else if (!strcmp(key, "stock"))
			json_object_foreach(part, key, v)
				json_integer_set(v, 2 * MACHINES);
		else
			enlarge(part);
	}
	json_array_foreach(v, k, part)
		enlarge(part);
}

static int count(const struct cloud *c, instant from, instant until)
{
	int n = 0;

	for (size_t k = 0; k < c->log_count; k++)
		n += c->log[k].time >= NIGHT_START + from && c->log[k].time < NIGHT_START + until;
	return n;
}

/* The most in any sixty seconds. */
static int busiest(const struct cloud *c, instant from, instant until)
{
	int most = 0;
	size_t first = 0;

	for (size_t k = 0; k < c->log_count; k++) {
		if (c->log[k].time < NIGHT_START + from || c->log[k].time >= NIGHT_START + until)
			continue;
		while (c->log[first].time < NIGHT_START + from || c->log[first].time <= c->log[k].time - MINUTE)
			first++;
		if ((int)(k - first) + 1 > most)
			most = (int)(k - first) + 1;
	}
	return most;
}

static int too_often(const struct cloud *c)
{
	int n = 0;

	for (size_t k = 0; k < c->log_count; k++)
		n += c->log[k].status == 429;
	return n;
}

static bool judge(const struct sim_night *n, int k)
{
	const struct cloud *c = n->clouds[k];
	const struct limit *l = &limits[k];
	int hour = count(c, STEADY, STEADY + HOUR), quiet = busiest(c, STEADY, OUTAGE), early = busiest(c, 0, STEADY),
	    back = busiest(c, BACK, END), refused = too_often(c), born = 0;
	bool good = !*n->violation && !refused;

	for (size_t b = 0; b < n->box_count; b++)
		born += !n->boxes[b]->foreign;
	good &= born == MACHINES;
	if (l->hour)
		good &= hour * 100 <= l->hour * SHARE && quiet <= l->minute && early <= l->minute && back <= l->minute;
	printf("%-13s %3d machines: %4d requests in a quiet hour", c->model->name, born, hour);
	if (l->hour)
		printf(" (%.1f %% of %d)", hour * 100.0 / l->hour, l->hour);
	printf("; in the busiest minute %d, while they were ordered %d, after the outage %d", quiet, early, back);
	if (l->minute)
		printf(" (of %d)", l->minute);
	printf("; told \"too often\" %d times%s\n", refused, good ? "" : "   NOT AS PROMISED");
	if (*n->violation)
		printf("              %s\n", n->violation);
	return good;
}

int rate_measure(void)
{
	bool good = true;

	for (int k = 0; k < CLOUDS; k++) {
		struct sim_plan p = { .seed = 4711, .clouds = 1u << k, .crowd = true, .faults = true, .work = 10 * HOUR, .chaos = BACK };
		struct night_options o = { .inventory = json_read(limits[k].inventory, strlen(limits[k].inventory), NULL) };
		struct sim_night *n = xmalloc(sizeof(*n));

		enlarge((json_t *)(uintptr_t)o.inventory);
		for (int f = 0; f < MACHINES / 25; f++)
			p.items[p.count++] = (struct item){ .kind = ITEM_UP, .at = SECOND, .cloud = -1, .count = 1000 + limits[k].wish * 10 };
		p.items[p.count++] = (struct item){ .kind = ITEM_TROUBLE, .at = OUTAGE, .span = BACK - OUTAGE, .what = TROUBLE_REFUSED,
			.cloud = k, .per_cent = 100 };
		night_open(n, &p, &o);
		night_live(n);
		good &= judge(n, k);
		night_close(n);
		free(n);
		json_decref((json_t *)(uintptr_t)o.inventory);
	}
	return good ? 0 : 1;
}

#include "rate.h"
#include "base/str.h"
#include "burst.h"
#include "crowd.h"

#define OUTAGE   (5 * HOUR)
#define BACK     (OUTAGE + 2 * HOUR)
#define SHARE    20 /* per cent of what is published that a quiet hour may take */

/* When to look: orders are under way until `steady`, and nothing changes for `quiet` behind it. */
struct look {
	int machines[CLOUDS];
	instant steady;
	duration quiet;
	instant back, end; /* behind the outage; 0: none */
};

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

static bool judge(const struct sim_night *n, int k, const struct look *look)
{
	const struct cloud *c = n->clouds[k];
	const struct limit *l = &limits[k];
	int hour = (int)(count(c, look->steady, look->steady + look->quiet) * HOUR / look->quiet),
	    quiet = busiest(c, look->steady, look->steady + look->quiet), early = busiest(c, 0, look->steady),
	    back = look->end ? busiest(c, look->back, look->end) : 0, refused = crowd_refused(c), born = crowd_born(n, k);
	bool good = !*n->violation && !refused && born == look->machines[k];

	if (l->hour)
		good &= hour * 100 <= l->hour * SHARE && quiet <= l->minute && early <= l->minute && back <= l->minute;
	printf("%-13s %3d machines: %4d requests in a quiet hour", c->model->name, born, hour);
	if (l->hour)
		printf(" (%.1f %% of %d)", hour * 100.0 / l->hour, l->hour);
	printf("; in the busiest minute %d, while they were ordered %d", quiet, early);
	if (look->end)
		printf(", after the outage %d", back);
	if (l->minute)
		printf(" (of %d)", l->minute);
	printf("; told \"too often\" %d times%s\n", refused, good ? "" : "   NOT AS PROMISED");
	if (*n->violation)
		printf("              %s\n", n->violation);
	return good;
}

/* A hundred machines in one account, and an outage of two hours. */
static bool alone(int k)
{
	static const struct look look = { .machines = { 100, 100, 100, 100 }, .steady = 3 * HOUR, .quiet = HOUR, .back = BACK, .end = 8 * HOUR };
	struct sim_plan p = { .seed = 4711, .clouds = 1u << k, .crowd = true, .faults = true, .work = 10 * HOUR, .chaos = BACK };
	struct crowd c;
	bool good;

	for (int f = 0; f < look.machines[k] / CROWD; f++)
		crowd_up(&p, k, SECOND);
	p.items[p.count++] = (struct item){ .kind = ITEM_TROUBLE, .at = OUTAGE, .span = BACK - OUTAGE, .what = TROUBLE_REFUSED, .cloud = k,
		.per_cent = 100 };
	crowd_live(&c, &p);
	good = judge(&c.night, k, &look);
	crowd_close(&c);
	return good;
}

/* Two hundred at one moment; without faults, so that a single "too often" is a violation (judge_wire.c). */
static bool together(const struct look *look, duration work)
{
	struct sim_plan p = { .seed = 815, .crowd = true, .work = work };
	struct crowd c;
	bool good = true;

	for (int k = 0; k < CLOUDS; k++)
		for (int f = 0; f < look->machines[k] / CROWD; f++) {
			p.clouds |= 1u << k;
			crowd_up(&p, k, SECOND);
		}
	crowd_live(&c, &p);
	printf("Two hundred machines, from the order to the last delete:\n");
	for (int k = 0; k < CLOUDS; k++)
		if (look->machines[k])
			good &= judge(&c.night, k, look);
	crowd_close(&c);
	return good;
}

/* Hot Aisle publishes no limit and takes one order at a time: an hour of its own. */
int rate_short(void)
{
	static const struct look look = { .machines = { 0, 50, 75, 75 }, .steady = 12 * MINUTE, .quiet = 10 * MINUTE };
	bool good = together(&look, 24 * MINUTE);

	return burst_measure(true) && good ? 0 : 1;
}

int rate_measure(void)
{
	static const struct look look = { .machines = { 50, 50, 50, 50 }, .steady = 100 * MINUTE, .quiet = HOUR };
	bool good = together(&look, 170 * MINUTE);

	printf("A hundred machines in one account, and an outage of two hours:\n");
	for (int k = 0; k < CLOUDS; k++)
		good &= alone(k);
	return burst_measure(false) && good ? 0 : 1;
}

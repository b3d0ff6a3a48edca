#include "burst.h"
#include "base/str.h"
#include "crowd.h"

#include <stdlib.h>

#define SLACK MINUTE /* a delete that was refused is said again so soon, behind the others at the pace of the adapter's table */

static const struct burst {
	const char *what;
	duration span, wait; /* how long; Retry-After, 0: none */
	duration people;     /* behind its beginning: somebody says down, somebody says up */
} bursts[] = {
	{ "10m of 429s", 10 * MINUTE, 0, MINUTE },
	{ "1m of 429s, Retry-After 10m", MINUTE, 10 * MINUTE, 2 * MINUTE },
	{ "1m of 429s, Retry-After 15m, long ago", MINUTE, 15 * MINUTE, 11 * MINUTE },
	{ "10m of 429s, Retry-After 15m", 10 * MINUTE, 15 * MINUTE, MINUTE },
};

/* Until then all machines are there: Hot Aisle takes one order at a time. */
static instant beginning(int cloud)
{
	return cloud_models[cloud] == &cloud_hotaisle ? 100 * MINUTE : 15 * MINUTE;
}

/* What is to be compared of a night. */
struct seen {
	instant deleted[CROWD]; /* in the order of time, behind the moment when somebody said down */
	int deletes, born, refused, late_refused;
	duration first_create; /* behind the first 429 of the burst, or when somebody said up; FOREVER: none */
	char violation[200];
};

static bool is_create(const struct sim_log *l)
{
	return (!strcmp(l->method, "POST") && (strstr(l->path, "/virtual_machines") || str_starts(l->path, "/v2/droplets") || !strcmp(l->path, "/v2/pods") ||
						  !strcmp(l->path, "/pods"))) ||
	       (!strcmp(l->method, "PUT") && strstr(l->path, "/asks/"));
}

static int by_time(const void *a, const void *b)
{
	const instant *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void look(const struct sim_night *n, int cloud, const struct burst *b, struct seen *out)
{
	const struct cloud *c = n->clouds[cloud];
	instant begin = NIGHT_START + beginning(cloud), said = begin + b->people, told = 0;

	*out = (struct seen){ .first_create = FOREVER, .born = crowd_born(n, cloud), .refused = crowd_refused(c) };
	str_copy(out->violation, n->violation);
	for (size_t k = 0; k < n->box_count; k++) {
		const struct sim_machine *m = n->boxes[k]->m;

		if (n->boxes[k]->cloud == cloud && !n->boxes[k]->foreign && m->created < begin && m->deleted && out->deletes < CROWD)
			out->deleted[out->deletes++] = m->deleted - said;
	}
	qsort(out->deleted, (size_t)out->deletes, sizeof(*out->deleted), by_time);
	for (size_t k = 0; k < c->log_count; k++) {
		const struct sim_log *l = &c->log[k];

		if (l->time < begin)
			continue;
		if (l->status == 429 && !told)
			told = l->time;
		out->late_refused += l->status == 429 && l->time > told + b->span;
		if (is_create(l) && l->status != 429 && out->first_create == FOREVER)
			out->first_create = l->time - (told ? told : said);
	}
}

/* `hit`: with the burst. */
static void live(int cloud, const struct burst *b, bool hit, struct seen *out)
{
	instant begin = beginning(cloud);
	struct sim_plan p = { .seed = 77, .clouds = 1u << cloud, .crowd = true, .faults = hit, .work = begin + 30 * MINUTE,
		.chaos = begin + b->span + SECOND };
	struct crowd c;
	int first = crowd_up(&p, cloud, SECOND);

	if (hit)
		p.items[p.count++] = (struct item){ .kind = ITEM_SWITCH, .at = begin, .span = b->span, .cloud = cloud, .what = FAULT_RATE_LIMIT,
			.count = -1, .seconds = (int)(b->wait / SECOND) };
	p.items[p.count++] = (struct item){ .kind = ITEM_DOWN, .at = begin + b->people, .cloud = -1, .what = first };
	crowd_up(&p, cloud, begin + b->people);
	crowd_live(&c, &p);
	look(&c.night, cloud, b, out);
	crowd_close(&c);
}

static bool judge(int cloud, const struct burst *b, const struct seen *calm, const struct seen *hit)
{
	duration pace = provider_find(cloud_models[cloud]->name)->rate[OP_DESTROY].every, worst = 0,
		 excuse = b->span > b->people ? b->span - b->people + SLACK + CROWD * pace : 2 * SECOND;
	bool good = !*calm->violation && !*hit->violation && calm->deletes == CROWD && hit->deletes == CROWD && hit->born == 2 * CROWD &&
		    !calm->refused && hit->refused && !hit->late_refused;
	char late[24], created[24];

	for (int k = 0; k < hit->deletes && k < calm->deletes; k++)
		worst = hit->deleted[k] - calm->deleted[k] > worst ? hit->deleted[k] - calm->deleted[k] : worst;
	good &= worst <= excuse && hit->first_create >= b->wait;
	duration_format(worst, late);
	duration_format(hit->first_create, created);
	printf("%-13s %-38s %3d requests told so; %d deletes at most %s later, of %d machines the first was ordered %s behind the first 429%s\n",
	    cloud_models[cloud]->name, b->what, hit->refused, hit->deletes, late, hit->born - CROWD, created, good ? "" : "   NOT AS PROMISED");
	if (*hit->violation || *calm->violation)
		printf("              %s%s\n", hit->violation, calm->violation);
	return good;
}

bool burst_measure(bool quick)
{
	bool good = true;

	printf("Bursts of 429s while 25 machines are to be deleted and 25 others are ordered:\n");
	for (int k = 0; k < CLOUDS; k++) {
		for (size_t i = 0; i < ARRAY_LEN(bursts); i++) {
			struct seen calm, hit;

			if (quick && (cloud_models[k] != &cloud_vastai || i != 2))
				continue;
			live(k, &bursts[i], false, &calm);
			live(k, &bursts[i], true, &hit);
			good &= judge(k, &bursts[i], &calm, &hit);
		}
	}
	return good;
}

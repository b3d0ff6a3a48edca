/*
 * The watchdog on a simulated machine (remote/watchdog.sh): a lease that nobody renewed ends the work, and where the machine has a
 * key of its own it deletes itself through the provider's API, like everybody else and with no more rights than that key has.
 */
#include "base/str.h"
#include "night.h"
#include "providers/provider.h"

#define WORK_ENDS (70 * SECOND)
#define AGAIN     (30 * SECOND)

static const struct provider *provider_of(const struct box *b)
{
	return provider_find(b->m->cloud->model->name);
}

static void delete_itself(struct sim_night *n, struct box *b)
{
	const struct provider *p = provider_of(b);
	struct cloud *c = b->m->cloud;
	char path[256], key[256];
	struct sim_header headers[] = { { "Authorization", key }, { "User-Agent", "gpufleet-watchdog" } };
	struct sim_request q = { .method = "DELETE", .path = path, .headers = headers, .header_count = ARRAY_LEN(headers) };
	const char *base = strchr(p->api_url + strlen("https://"), '/');
	struct sim_response out;

	snprintf(path, sizeof(path), "%s%s%s%s", base ? base : "", p->give_back, json_str(b->m->env, p->own_id, "-"), p->give_back_tail);
	snprintf(key, sizeof(key), "Bearer %s", json_str(b->m->env, p->own_key, "-"));
	sim_response_init(&out);
	cloud_handle(c, n->now, &q, &out);
	night_note(n, "the watchdog of %s deletes it: %d", b->m->id, out.cut == SIM_CUT_NONE ? out.status : 0);
	sim_response_free(&out);
}

static void lease_over(struct sim_night *n, struct tick *t)
{
	struct box *b = CONTAINER_OF(t, struct box, watchdog);

	cloud_tick(b->m->cloud, n->now);
	if (!cloud_alive(b->m->cloud, b->m) || b->m->running != b->running || b->boots != b->watched_boot)
		return;
	if (!b->lapsed) {
		b->lapsed = n->now;
		for (int k = 0; k < b->job_count; k++)
			if (b->jobs[k].started && !b->jobs[k].stopped)
				b->jobs[k].stopped = n->now;
		night_note(n, "the lease of %s is over", b->m->id);
		night_at(n, t, n->now + WORK_ENDS, lease_over);
	} else if (provider_of(b)->give_back) {
		delete_itself(n, b);
		night_at(n, t, n->now + AGAIN, lease_over);
	}
}

enum watchdog watchdog_renew(struct sim_night *n, struct box *b, duration lease)
{
	b->lapsed = 0;
	b->watched_boot = b->boots;
	night_at(n, &b->watchdog, n->now + lease, lease_over);
	return provider_of(b)->give_back ? WATCHDOG_DELETES : WATCHDOG_STOPS;
}

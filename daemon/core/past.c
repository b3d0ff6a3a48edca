#include "core/past.h"

#define ROWS_MOST 256 /* of an account that are looked at, newest first: placement asks for each offer of a market */
#define MEMORY    DAY

/* What speaks against the machine, and for how long nobody is sent to the same one again. */
static duration rest_after(enum cause c)
{
	switch ((int)c) {
	case CAUSE_WRONG_MACHINE:
	case CAUSE_HOST_KEY:
	case CAUSE_BAD_MACHINE: return DAY;
	case CAUSE_BOOT_FAILED:
	case CAUSE_BOOT_TIMEOUT:
	case CAUSE_SSH_TIMEOUT:
	case CAUSE_SSH_AUTH:
	case CAUSE_LOST: return HOUR;
	case CAUSE_PREEMPTED: return 10 * MINUTE; /* somebody pays more there */
	default: return 0;
	}
}

/* An image of somebody's own may be to blame when nothing starts from it. */
static bool image_to_blame(const struct model *m, const struct instance *i)
{
	const struct fleet *f = model_fleet(m, i->fleet_id);

	return i->cause == CAUSE_BOOT_FAILED && f && *f->image;
}

static instant when_it_failed(const struct instance *i)
{
	return i->deleting_at ? i->deleting_at : i->planned;
}

void past_of_offer(const struct account_state *a, const struct offer *o, instant now, struct past *out)
{
	const struct list *n = a->instance_list.prev;
	bool newest = true;

	*out = (struct past){ 0 };
	for (int k = 0; n != &a->instance_list && k < ROWS_MOST; n = n->prev, k++) {
		const struct instance *i = CONTAINER_OF(n, struct instance, account_link);

		if (now - i->planned > MEMORY)
			break;
		if (strcmp(i->offer_key, o->key) != 0)
			continue;
		if (newest && i->cause == CAUSE_NO_CAPACITY)
			out->sold_out = i->gone ? i->gone : i->planned;
		newest = false;
		out->failed += rest_after(i->cause) > 0;
		out->ready += i->ready_at && !rest_after(i->cause);
	}
}

bool past_host_is_bad(const struct model *m, const struct offer *o, instant now, char why[TEXT_MAX])
{
	char ago[24];

	for (size_t k = 0; *o->host && k < m->account_count; k++) {
		const struct account_state *a = m->accounts[k];
		const struct list *n = a->instance_list.prev;

		if (strcmp(a->facts.provider, o->provider) != 0)
			continue;
		for (int row = 0; n != &a->instance_list && row < ROWS_MOST; n = n->prev, row++) {
			const struct instance *i = CONTAINER_OF(n, struct instance, account_link);

			if (strcmp(i->host, o->host) != 0 || now - when_it_failed(i) >= rest_after(i->cause) || image_to_blame(m, i))
				continue;
			duration_format((now - when_it_failed(i)) / MINUTE * MINUTE, ago);
			snprintf(why, TEXT_MAX, "is on host %s, where it went wrong %s ago: %s", o->host, ago, cause_words(i->cause));
			return true;
		}
	}
	return false;
}

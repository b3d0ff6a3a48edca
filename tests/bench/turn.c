/*
 * Turns of the engine's core: a fleet of ten is extended, and each of its machines takes its new name at the provider, with few
 * machines and with many. Work is to follow what changed, not how much exists.
 *
 *	turn FEW MANY
 */
#include "base/clock.h"
#include "base/str.h"
#include "core/core.h"
#include "core/internal.h"
#include "core/ledger.h"

#include <stdlib.h>

#define PER_FLEET 10
#define TURNS     20000
#define START     ((instant)1793491200 * SECOND) /* 2026-11-01 */

static const struct policy POLICY = { .poll_boot = 5 * SECOND, .poll_steady = 30 * SECOND, .poll_sweep = 2 * MINUTE, .settle = 10 * MINUTE,
	.settle_single_flight = 20 * MINUTE, .absence_listings = 5, .absence_spacing = 30 * SECOND, .gone_listings = 2, .gone_spacing = MINUTE,
	.late_watch = DAY, .orphan_grace = 10 * MINUTE, .bill_poll = 5 * MINUTE, .bill_watch = 35 * DAY, .contact_lost = 10 * MINUTE,
	.lease = 15 * MINUTE, .run_poll = 5 * SECOND, .run_poll_watched = SECOND };

static void fill(struct model *m, int machines)
{
	struct account_facts facts = { .title = "Cloud", .name = "cloud", .provider = "cloud", .mark_at_create = true, .bill_by_machine = true,
		.billing = { .quantum = SECOND, .start = METER_FROM_CREATE, .settle_delay = MINUTE }, .create_timeout = MINUTE,
		.boot_allowance = 10 * MINUTE, .teardown_allowance = 10 * MINUTE };
	int64_t id = 1;

	model_add_account(m, &facts)->configured = true;
	for (int n = 0; n < machines; n++) {
		struct fleet f = { .object.id = id, .gpu = "H100", .owner = "ann", .gpu_count = 1, .instances = PER_FLEET, .state = FLEET_OPEN,
			.created = START, .ready_at = START, .lifetime = 7 * DAY };
		struct instance i = { .fleet_id = id, .account = "cloud", .provider = "cloud", .gpu = "H100", .gpu_count = 1, .state = INSTANCE_READY,
			.price_hour = 2 * USD, .planned = START, .created = START, .meter_start = START, .ready_at = START, .deadline = START + 7 * DAY,
			.marked = true };

		if (n % PER_FLEET == 0) {
			snprintf(f.name, sizeof(f.name), "f%d", n);
			model_add_fleet(m, &f);
			id++;
		}
		i.fleet_id = id - 1 - n % PER_FLEET;
		i.slot = n % PER_FLEET;
		i.object.id = id++;
		i.last_contact = START + MINUTE;
		snprintf(i.provider_id, sizeof(i.provider_id), "m%lld", (long long)i.object.id);
		model_add_instance(m, &i);
	}
}

/* As the engine does it: what changed is written down, and forgotten here. */
static void commit(struct model *m)
{
	ledger_post(m);
	list_for_each_safe(n, &m->dirty) {
		CONTAINER_OF(n, struct object, dirty_link)->dirty = false;
		list_remove(n);
	}
	m->event_count = 0;
	m->posting_count = 0;
}

/* A fact, and the answers to what is done about it: machines take their new names. */
static int turns(struct model *m, instant now, struct fact *f)
{
	struct actions out = { NULL, 0, 0 };
	int n = 1;

	if (f) {
		f->time = now;
		core_apply(m, f);
	}
	core_decide(m, now, &out);
	commit(m);
	for (size_t k = 0; k < out.count; k++)
		if (out.items[k].kind == ACTION_MARK)
			n += turns(m, now, &(struct fact){ .kind = FACT_MARKED, .id = out.items[k].id, .verdict = VERDICT_OK });
	actions_free(&out);
	return n;
}

/* Microseconds of a turn. */
static double measure(int machines)
{
	int fleets = machines / PER_FLEET;
	instant now = START + MINUTE;
	duration began;
	struct model m;
	struct rng rng;
	int count = 0;

	rng_seed(&rng, 1);
	model_init(&m, &rng);
	str_copy(m.site, "abc234");
	m.policy = POLICY;
	m.now = now;
	fill(&m, machines);
	for (int k = 0; k < 10; k++)
		turns(&m, now, NULL);
	began = clock_boot();
	for (int k = 0; count < TURNS; k++) {
		struct fact f = { .kind = FACT_FLEET_EXTEND, .id = 1 + (int64_t)(k * 7 % fleets) * (PER_FLEET + 1), .span = 7 * DAY + (k + 1) * SECOND,
			.actor = "ann" };

		count += turns(&m, now += MSEC, &f);
		if (f.error.code) {
			fprintf(stderr, "turn: %s\n", f.error.msg);
			exit(1);
		}
	}
	began = clock_boot() - began;
	model_free(&m);
	return (double)began / count;
}

int main(int argc, char **argv)
{
	int64_t few, many;
	double a, b;

	if (argc != 3 || !str_to_i64(argv[1], PER_FLEET, 1000000, &few) || !str_to_i64(argv[2], PER_FLEET, 1000000, &many)) {
		fputs("usage: turn FEW MANY\n", stderr);
		return 2;
	}
	a = measure((int)few);
	b = measure((int)many);
	printf("one turn of the engine                              %.2f us with %lld machines, %.2f us with %lld: %.2f (wanted: at most 2)\n", b,
	    (long long)many, a, (long long)few, b / a);
	return 0;
}

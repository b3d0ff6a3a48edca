/*
 * Into the database of a daemon that is not running, N machines that are up: fleets of ten at DigitalOcean, ready for an hour, good for a week.
 *
 *	machines DATABASE N
 */
#include "base/clock.h"
#include "base/str.h"
#include "db/store.h"

#include <stdlib.h>

#define PER_FLEET 10

static void die(const struct err *e)
{
	fprintf(stderr, "machines: %s\n", e->msg);
	exit(1);
}

static void ignore(void *arg, const struct err *error)
{
	(void)arg;
	if (error)
		die(error);
}

static void add_fleet(struct store_batch *b, int64_t id, instant now)
{
	struct fleet f = { .object.id = id, .gpu_count = 1, .instances = PER_FLEET, .state = FLEET_OPEN, .created = now - 2 * HOUR,
		.ready_at = now - HOUR, .lifetime = 7 * DAY };

	snprintf(f.name, sizeof(f.name), "fleet-%lld", (long long)id);
	str_copy(f.owner, "ann");
	str_copy(f.gpu, "MI300X");
	store_batch_fleet(b, &f);
}

static void add_machine(struct store_batch *b, int64_t id, int64_t fleet, int slot, instant now)
{
	struct instance i = { .object.id = id, .fleet_id = fleet, .slot = slot, .gpu_count = 1, .state = INSTANCE_READY, .port = 1, .marked = true,
		.price_hour = 2 * USD, .planned = now - 2 * HOUR, .created = now - 2 * HOUR, .meter_start = now - 2 * HOUR, .ready_at = now - HOUR,
		.deadline = now + 7 * DAY, .hold = 400 * USD };

	str_copy(i.account, "digitalocean");
	str_copy(i.provider, "digitalocean");
	str_copy(i.gpu, "MI300X");
	str_copy(i.region, "tor1");
	str_copy(i.user, "root");
	snprintf(i.address, sizeof(i.address), "127.64.%d.%d", (int)(id >> 8 & 255), (int)(id & 255));
	snprintf(i.mark, sizeof(i.mark), "bench-%lld", (long long)id);
	snprintf(i.provider_id, sizeof(i.provider_id), "%lld", (long long)(400000000 + id));
	store_batch_instance(b, &i);
}

int main(int argc, char **argv)
{
	instant now = clock_wall();
	int64_t wanted, id = 1001; /* a daemon has been there before */
	struct store *s;
	struct err e;

	if (argc != 3 || !str_to_i64(argv[2], PER_FLEET, 1000000, &wanted)) {
		fputs("usage: machines DATABASE N\n", stderr);
		return 2;
	}
	if (store_open(&s, &(struct store_options){ .path = argv[1] }, &e) < 0)
		die(&e);
	for (int64_t n = 0; n < wanted; n += PER_FLEET) {
		struct store_batch *b = store_batch_new();
		int64_t fleet = id++;

		add_fleet(b, fleet, now);
		for (int slot = 0; slot < PER_FLEET; slot++)
			add_machine(b, id++, fleet, slot, now);
		store_commit(s, b, ignore, NULL);
		store_flush(s);
	}
	store_close(s);
	return 0;
}

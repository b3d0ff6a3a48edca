#include "core/schedule.h"

#define MISSED_MOST 1000

static bool blacked_out(const struct schedule *s, const struct zone *z, instant tick)
{
	int64_t day = (tick + zone_offset(z, tick)) / DAY;

	for (int k = 0; k < s->blackout_count; k++)
		if (day >= s->blackout[k][0] && day <= s->blackout[k][1])
			return true;
	return false;
}

/* By chance, but always the same: a restart must not draw again (splitmix64). */
static duration jitter_of(const struct schedule *s, instant tick)
{
	uint64_t x = s->salt ^ (uint64_t)(tick / SECOND) * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	x ^= x >> 31;
	return s->jitter > 0 ? (duration)(x % (uint64_t)(s->jitter / SECOND + 1)) * SECOND : 0;
}

struct firing schedule_next(const struct schedule *s, const struct zone *z, instant after)
{
	instant tick = after;

	do
		tick = cron_next(&s->cron, z, tick);
	while (tick != FOREVER && blacked_out(s, z, tick));
	return (struct firing){ tick, tick == FOREVER ? FOREVER : tick + jitter_of(s, tick) };
}

struct due schedule_due(const struct schedule *s, const struct zone *z, instant last, instant since, instant now)
{
	struct due d = { .last = instant_max(last, since) };
	struct firing f = schedule_next(s, z, d.last), next;

	/* A schedule of every minute that slept for a year is not counted to its end. */
	for (; f.begins <= now; f = next) {
		next = schedule_next(s, z, f.tick);
		if (next.begins <= now) {
			d.missed += d.missed < MISSED_MOST;
			if (d.missed == MISSED_MOST && next.tick < now - s->catch_up - s->jitter - DAY)
				next = schedule_next(s, z, now - s->catch_up - s->jitter - DAY);
		} else if (now - f.begins <= s->catch_up) {
			d.begin = true;
		} else {
			d.missed += d.missed < MISSED_MOST;
		}
		d.firing = f;
		d.last = f.tick;
	}
	d.wake = f.begins;
	return d;
}

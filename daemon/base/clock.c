#include "clock.h"
#include "mutant.h"

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) < 0)
		BUG("clock %d cannot be read", (int)id);
	return (int64_t)ts.tv_sec * SECOND + ts.tv_nsec / 1000;
}

instant clock_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

/* A correction is taken up at a fiftieth of the time that passes: no faster than adjtime, and never backwards. */
instant clock_steady_at(struct clock_steady *s, instant wall, duration boot)
{
	duration passed = boot - s->boot, off, most;

	if (!s->wall) {
		*s = (struct clock_steady){ .wall = wall, .boot = boot };
		return wall;
	}
	s->wall += passed > 0 ? passed : 0;
	s->boot = boot;
	off = wall - s->wall;
	if (off > CLOCK_JUMP || off < -CLOCK_JUMP) {
		s->jump = off;
		return MUTANT("clock_followed", s->wall, wall);
	}
	s->jump = 0;
	most = (passed > 0 ? passed : 0) / 50;
	s->wall += off > most ? most : off < -most ? -most : off;
	return s->wall;
}

/* The loop's thread asks; others ask clock_wall(). */
static struct clock_steady steady;

instant clock_steady(void)
{
	return clock_steady_at(&steady, clock_wall(), clock_boot());
}

void clock_continue(const struct clock_steady *s)
{
	steady = *s;
}

void clock_mark(struct clock_steady *out)
{
	clock_steady();
	*out = steady;
}

duration clock_jump(void)
{
	return steady.jump;
}

duration clock_boot(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

duration clock_thread_cpu(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

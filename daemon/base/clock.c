#include "clock.h"

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

duration clock_boot(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

duration clock_thread_cpu(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

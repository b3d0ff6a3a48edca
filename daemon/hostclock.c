#include "hostclock.h"
#include "base/log.h"
#include "base/str.h"
#include "state_file.h"

#include <fcntl.h>
#include <unistd.h>

#define NAME "clock"

int hostclock_decide(struct clock_steady *out, const struct hostclock *note, const struct hostclock *now, struct err *e)
{
	char says[32], was[32];

	if (*note->boot_id && !strcmp(note->boot_id, now->boot_id) && note->boot <= now->boot) {
		*out = (struct clock_steady){ .wall = note->wall, .boot = note->boot };
		return 0;
	}
	instant_format(now->wall, false, says);
	if (now->wall < CLOCK_BORN)
		return err_set(e, ERR_FAILED, "the clock of this host says %s, before gpufleet was made; set it", says);
	if (*note->boot_id && now->wall + CLOCK_JUMP < note->wall) {
		instant_format(note->wall, false, was);
		return err_set(e, ERR_FAILED, "the clock of this host says %s, but the daemon ran at %s; set it, or remove '" NAME
		    "' in the state directory if the other one was wrong", says, was);
	}
	*out = (struct clock_steady){ .wall = now->wall, .boot = now->boot };
	return 0;
}

static void this_boot(char out[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, 39);

	if (fd >= 0)
		close(fd);
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n ")] = '\0';
}

static int read_note(struct hostclock *note, const char *state_dir, struct err *e)
{
	char line[STATE_FILE_MAX], *rest = line, *id, *wall;
	int there = state_file_read(state_dir, NAME, line, e);

	*note = (struct hostclock){ 0 };
	if (there <= 0)
		return there;
	id = str_split(&rest, " ");
	wall = str_split(&rest, " ");
	if (!id || !*id || strlen(id) >= sizeof(note->boot_id) || !wall || !rest || !str_to_i64(wall, 1, INT64_MAX, &note->wall) ||
	    !str_to_i64(rest, 0, INT64_MAX, &note->boot))
		return err_set(e, ERR_FAILED, "'%s/" NAME "' is damaged; remove it if the clock of this host is right", state_dir);
	str_copy(note->boot_id, id);
	return 0;
}

int hostclock_open(const char *state_dir, struct err *e)
{
	struct hostclock note, now = { .wall = clock_wall(), .boot = clock_boot() };
	struct clock_steady s;
	char by[32];

	this_boot(now.boot_id);
	if (read_note(&note, state_dir, e) < 0 || hostclock_decide(&s, &note, &now, e) < 0)
		return -1;
	clock_continue(&s);
	clock_steady();
	duration_format(clock_jump() < 0 ? -clock_jump() : clock_jump(), by);
	if (clock_jump())
		log_warn("the clock of this host was set %s by %s since the daemon ran last; gpufleetctl doctor says what to do",
		    clock_jump() < 0 ? "back" : "forward", by);
	hostclock_note(state_dir);
	return 0;
}

void hostclock_note(const char *state_dir)
{
	char line[STATE_FILE_MAX], boot_id[40];
	struct clock_steady s;
	struct err e = { 0 };

	this_boot(boot_id);
	clock_mark(&s);
	snprintf(line, sizeof(line), "%s %lld %lld", boot_id, (long long)s.wall, (long long)s.boot);
	if (*boot_id && state_file_write(state_dir, NAME, line, &e) < 0)
		log_warn("%s", e.msg);
}

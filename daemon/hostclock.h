/*
 * One clock over all lives of the daemon (reliability §2.15, L12). base/clock.h goes on steadily within a process; this note lets
 * the next process, in the same boot of the host, go on where the last one was, so that a clock that was set wrong in between
 * ends nothing early and nothing late. After a reboot the host's clock is believed again, but not when it is behind the note.
 *
 * state_dir/clock: "BOOT_ID WALL BOOT", in microseconds; the wall clock as we say it, at that time since the boot. Removing the
 * file while the daemon is stopped makes the next start believe the host's clock, whatever it says.
 */
#ifndef GPUFLEET_HOSTCLOCK_H
#define GPUFLEET_HOSTCLOCK_H

#include "base/clock.h"
#include "base/err.h"

struct hostclock {
	char boot_id[40]; /* "": no note */
	instant wall;
	duration boot;
};

/* Before anything asks for the time. ERR_FAILED: this host's clock cannot be right. */
int hostclock_open(const char *state_dir, struct err *e);
/* Writes where the clock is now. Errors are logged: a full disk stops nobody. */
void hostclock_note(const char *state_dir);

/* The rule behind hostclock_open(), pure: what to go on from. `now` is this boot's id and both clocks as the host has them. */
int hostclock_decide(struct clock_steady *out, const struct hostclock *note, const struct hostclock *now, struct err *e);

#endif

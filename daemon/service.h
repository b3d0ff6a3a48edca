/*
 * What makes a process a good service: its directory and lock, readiness and watchdog for systemd, going to the background.
 */
#ifndef GPUFLEET_SERVICE_H
#define GPUFLEET_SERVICE_H

#include "base/err.h"

/* Make the state directory (0700) and what is below it, and take its lock for the life of the process. The second daemon on
 * one directory gets a sentence with the pid of the first. */
int service_lock(const char *state_dir, struct err *e);

/* Tell systemd (NOTIFY_SOCKET): "READY=1", "STOPPING=1", "WATCHDOG=1". Without systemd nothing happens. */
void service_notify(const char *state);
/* Half of WATCHDOG_USEC in milliseconds, or 0: no watchdog wanted. */
uint64_t service_watchdog_ms(void);

/*
 * Fork; the parent waits until the child calls service_ready() and exits 0, or relays the child's exit status (its error
 * stands on the terminal already). The child's later log goes to gpufleetd.log there. Returns in the child only.
 */
int service_background(const char *state_dir, struct err *e);
void service_ready(void);

#endif

/*
 * The host keys that a container printed into its log when it booted (reliability §5.2 B4, trust "oob"): the log is read through
 * the provider's API over TLS, so that whoever stands between us and the machine cannot change it.
 *
 * What runs on the machine later can print such lines too. Only the first block counts, and a log that may have lost its
 * beginning proves nothing.
 */
#ifndef GPUFLEET_BOOTLOG_H
#define GPUFLEET_BOOTLOG_H

#include <stdbool.h>
#include <stddef.h>

#define BOOTLOG_LINES 5000 /* as many as RunPod gives at most (providers/runpod.md §4.3); a log of so many may have been cut */
#define PRINTS_MAX    512

/* Shell for a start script: waits for the keys of sshd, then prints their fingerprints where the provider reads its log. */
#define BOOTLOG_PRINT_KEYS                                                                                     \
	"n=0; until [ -e /etc/ssh/ssh_host_ed25519_key.pub ] || [ $n -ge 60 ]; do n=$((n+1)); sleep 1; done; " \
	"echo 'SSH host keys:'; for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf \"$k\"; done"

struct bootlog {
	char prints[PRINTS_MAX]; /* "SHA256:…" one per line; "": none yet */
	int lines;
	enum { BOOTLOG_BEFORE, BOOTLOG_INSIDE, BOOTLOG_AFTER } at;
};

void bootlog_line(struct bootlog *b, const char *line, size_t n);
void bootlog_text(struct bootlog *b, const char *text, size_t n); /* a line for each '\n' */
/* May its prints be believed? */
bool bootlog_proves(const struct bootlog *b);

#endif

/*
 * Other programs, without a shell.
 */
#ifndef GPUFLEET_CTL_SPAWN_H
#define GPUFLEET_CTL_SPAWN_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Run a program and wait. argv[0] is looked for in PATH unless it holds a '/'. What it prints is collected (either may be NULL:
 * standard output is dropped, standard error is ours). Standard input is /dev/null. Returns the exit status, 128 + n for a
 * signal, or -1 with *e when it could not be started.
 */
int spawn_wait(char *const argv[], struct buf *out, struct buf *errors, struct err *e);

#endif

/*
 * Ports of this host that lead to ports of a machine's loopback, by the system's ssh -N -L. Both ends are loopback: nobody else on
 * either network can use them.
 */
#ifndef GPUFLEET_CTL_FORWARD_H
#define GPUFLEET_CTL_FORWARD_H

#include "ctl/login.h"

#include <sys/types.h>

#define FORWARD_PORTS_MAX 16

struct forward_port {
	int local, remote;
};

/* "8000": the same on both ends; "9000:8000": 9000 here. */
int forward_parse(const char *text, struct forward_port *p, struct err *e);
/* `wanted` or the next one behind it that nobody listens on here; 0: none of the next hundred. */
int forward_free_port(int wanted);
/* The words of ssh, ended by NULL; never freed: an exec follows. It ends when a port cannot be had, or a minute after the line broke. */
char **forward_argv(const struct login *l, const struct forward_port *ports, size_t count);
/* As a child that does not outlive us; its pid, or -1. */
pid_t forward_start(const struct login *l, const struct forward_port *port, struct err *e);

#endif

/*
 * The version of this tree, in one place: programs print it, the Makefile reads it.
 */
#ifndef GPUFLEET_VERSION_H
#define GPUFLEET_VERSION_H

#define GPUFLEET_VERSION "0.1.0"

#endif

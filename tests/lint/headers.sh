#!/bin/sh
# Each header compiles alone: it includes what it needs. CC and FLAGS come from the Makefile. What recipes have built on a machine is
# C++ of its own.
set -eu
failed=0
for h in $(find daemon providers remote db config tests -name '*.h' ! -path 'remote/recipes/*' | LC_ALL=C sort); do
	# shellcheck disable=SC2086 # FLAGS is a list
	${CC:-cc} ${FLAGS:--std=c11 -D_GNU_SOURCE -I. -Idaemon} -fsyntax-only -x c "$h" || failed=1
	grep -q '^#ifndef GPUFLEET_[A-Z0-9_]*_H$' "$h" || { echo "$h: no include guard GPUFLEET_..._H"; failed=1; }
done
guards=$(find daemon providers remote db config tests -name '*.h' -exec grep -hE '^#ifndef GPUFLEET_[A-Z0-9_]+_H$' {} + | sort | uniq -d)
[ -z "$guards" ] || { echo "include guards used twice: $guards"; failed=1; }
exit $failed

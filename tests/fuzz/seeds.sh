#!/bin/sh
# Inputs for fuzz_providers out of tests/fixtures: each file as the answer to each operation of its provider, whole and with
# itself once more behind it.
#
#	tests/fuzz/seeds.sh DIRECTORY
set -eu
dir=$1
mkdir -p "$dir"
# In the order of providers/registry.c, without the local ones; more operations than there are do no harm.
number=0
sed -n 's/^\t&provider_\([a-z]*\),.*/\1/p' providers/registry.c | grep -v '^static$' | while read -r provider; do
	for file in tests/fixtures/"$provider"/*; do
		[ "$(wc -c <"$file")" -lt 20000 ] || continue
		for op in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21; do
			{
				printf '%b\0\0\0' "\\0$(printf %03o "$number")\\0$(printf %03o "$op")"
				cat "$file"
				printf '\036\0\0'
				cat "$file"
			} >"$dir/$provider-$op-${file##*/}"
		done
	done
	number=$((number + 1))
done

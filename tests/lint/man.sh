#!/bin/sh
# Manual pages have no warnings, and a cross reference to a page of ours names one that exists.
set -eu
command -v mandoc >/dev/null || { echo "man: no mandoc here; install what is missing with: make deps" >&2; exit 1; }
failed=0
for page in man/*.[158]; do
	[ -f "$page" ] || continue
	mandoc -T lint -W warning "$page" || failed=1
	for ref in $(sed -n 's/^\.Xr \(gpufleet[a-z.-]*\) \([0-9]\).*/\1.\2/p' "$page"); do
		case " ${KNOWN_PAGES:-gpufleetctl.1 gpufleetd.8 gpufleet-reaper.8 gpufleetd.yaml.5 gpufleet-campaign.5 gpufleet-recipe.5} " in
		*" $ref "*) ;;
		*) echo "$page: refers to $ref, which is no page of ours"; failed=1 ;;
		esac
	done
done
# What the daemon's own summary names stands in its manual.
for option in $(sed -n '/static void usage/,/^}/s/.*"  \(--[a-z-]*\).*/\1/p' daemon/gpufleetd.c); do
	grep -q "^\.It Fl $(printf %s "$option" | sed 's/^-//; s/-/\\\\-/g')\( \|$\)" man/gpufleetd.8 || { echo "man/gpufleetd.8: $option is missing"; failed=1; }
done
exit $failed

#!/bin/sh
# Exposure of the systemd units, where systemd is there to compute it: at most 1.5 of 10.
set -eu
command -v systemd-analyze >/dev/null || exit 0
for unit in config/*.service; do
	systemd-analyze security --offline=yes --threshold=15 --no-pager "$unit" >/dev/null 2>&1 || {
		systemd-analyze security --offline=yes --no-pager "$unit" | grep -v '^✓' || :
		exit 1
	}
done

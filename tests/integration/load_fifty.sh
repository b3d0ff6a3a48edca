#!/usr/bin/env bash
# Fifty instances at once over the four clouds in one daemon: all ready, a script on each, all gone; the loop never held.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
"$BUILD/gpufleet-sim" --print-inventory | sed 's/"stock": *[0-9][0-9]*/"stock": 60/; s/\("[A-Z][A-Z]-[A-Z0-9-]*"\): *[0-9][0-9]*/\1: 600/; s/\("[a-z][a-z][a-z][0-9]"\): *[0-9][0-9]*/\1: 60/; s/"droplet_limit": *[0-9]*/"droplet_limit": 60/; s/"gpu_limit": *[0-9]*/"gpu_limit": 200/' >"$WORK/inventory.json"
start_sim --inventory "$WORK/inventory.json"
write_config
start_daemon || exit 1
printf '#!/bin/sh\necho "ran on $GPUFLEET_PROVIDER"; sleep 15\n' >"$WORK/mark.sh"

began=$(date +%s%3N)
lap() { # NAME: milliseconds since the last lap
	local now
	now=$(date +%s%3N)
	echo "# $1: $((now - began)) ms"
	began=$now
}
set -- hotaisle:6:MI300X runpod:24:MI300X digitalocean:16:MI300X vastai:4:H100
pids=
for one; do
	p=${one%%:*} rest=${one#*:}
	ctl up "${rest#*:}" --provider "$p" --instances "${rest%%:*}" --name "fifty-$p" --for 10m --max-cost 500 --yes >"$WORK/up.$p" 2>&1 &
	pids="$pids $!"
done
failed=0
for pid in $pids; do wait "$pid" || failed=$((failed + 1)); done
same 'four fleets of fifty instances are ready' $failed 0
lap 'fifty ready'
same 'fifty machines bill' "$(sim_billing)" 50
for one; do
	p=${one%%:*} rest=${one#*:}
	for _ in $(seq "${rest%%:*}"); do
		ctl run "$WORK/mark.sh" --on "fifty-$p" --detach >/dev/null 2>>"$WORK/runs.err" || cat "$WORK/runs.err"
	done
done
lap 'fifty scripts of 15 s taken'
check 'fifty scripts ran' wait_for 60 sh -c "'$BUILD/gpufleetctl' runs --limit 100 --json | tr '{' '\n' | grep -c '\"outcome\": *\"ok\"' | grep -qx 50"
lap 'and ended'
same 'on every instance one' "$(ctl runs --limit 100 --json | tr ',{' '\n\n' | grep '^"instance"' | sort -u | wc -l | tr -d ' ')" 50
ctl down --all --yes >"$WORK/down" 2>&1
same 'down ends with 0' $? 0
check 'all are gone' wait_for 60 nothing_bills
lap 'all gone'
ctl doctor --json >"$WORK/doctor" 2>/dev/null
check 'no callback held the loop for 10 ms' grep -q '"callbacks_over_10ms": *0' "$WORK/doctor"
grep -o '"worst_callback_ms": *[0-9.]*' "$WORK/doctor" | sed 's/^/# /'

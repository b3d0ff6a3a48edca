#!/usr/bin/env bash
# kill -9 of the daemon in each phase, and a restart: nothing doubled, nothing left, output complete.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
start_sim
write_config
start_daemon || exit 1
printf '#!/bin/sh\nfor i in 1 2 3 4 5 6; do echo "line $i"; sleep 0.5; done\necho "{\\"metric\\":\\"n\\",\\"value\\":6}" >"$GPUFLEET_RESULTS/results.jsonl"\n' >"$WORK/slow.sh"

state_of() { # PHASE: has a machine or run of the newest fleet reached it?
	ctl events --limit 40 --json | grep -q "\"to\": *\"$1\""
}
n=0
for phase in PLANNED DISPATCHING BOOTING PUSHING RUNNING COLLECTING DELETING; do
	n=$((n + 1))
	kill_daemon KILL
	rm -rf "$WORK/state"
	start_daemon || { not_ok "$phase: the daemon starts"; continue; }
	before=$(sim_creates runpod)
	ctl run "$WORK/slow.sh" --gpu MI300X:1 --provider runpod --name "kill-$n" --yes --detach >"$WORK/run.log" 2>&1
	wait_for 20 state_of "$phase" || not_ok "$phase: was reached" "$(cat "$WORK/run.log")"
	kill_daemon KILL
	start_daemon
	same "$phase: the daemon starts again" $? 0
	check "$phase: the run ends" wait_for 40 sh -c "'$BUILD/gpufleetctl' runs --json | grep -q '\"state\": *\"DONE\"'"
	ctl logs "$(ctl runs --json | tr ',{' '\n\n' | sed -n 's/^"id": *\([0-9]*\).*/\1/p' | head -n 1)" >"$WORK/log" 2>/dev/null
	same "$phase: its output is complete" "$(grep -c '^line' "$WORK/log")" 6
	check "$phase: nothing is left" wait_for 20 nothing_bills
	same "$phase: one create for one machine" $(($(sim_creates runpod) - before)) 1
done

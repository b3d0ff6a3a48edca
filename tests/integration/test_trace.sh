#!/usr/bin/env bash
# What a daemon recorded with --trace is lived through again by the simulator, action by action, also from a second life on.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT

begin() { # DIR
	rm -f "$WORK/state/gpufleetd.sock"
	"$BUILD/gpufleetd" --trace "$1" >>"$WORK/daemon.log" 2>&1 &
	wait_for 10 test -S "$WORK/state/gpufleetd.sock"
}

start_sim
write_config
begin "$WORK/trace1"
printf '#!/bin/sh\necho out; sleep 1; echo done\n' >"$WORK/work.sh"
check "a run on a machine of its own" ctl run "$WORK/work.sh" --gpu MI300X --provider digitalocean --for 30m --yes
sim_fault hotaisle create_cut_after
check "a create whose answer is lost" ctl up MI300X --provider hotaisle --name lost --for 30m --yes
kill_daemon KILL
begin "$WORK/trace2"
check "down in the second life" ctl down lost
wait_for 20 nothing_bills
kill_daemon TERM
for n in 1 2; do
	"$BUILD/gpufleet-night" --replay "$WORK/trace$n" --state "$WORK/state" >"$WORK/replay$n" 2>&1
	same "life $n replays" "$?" 0
	cat "$WORK/replay$n"
	check "life $n did something" grep -q '[1-9][0-9]* facts, [1-9][0-9]* turns, [1-9][0-9]* actions' "$WORK/replay$n"
done
# A fact that did not happen is seen.
mkdir "$WORK/trace3"
cp "$WORK/trace1/before.db" "$WORK/trace3"
grep -v '"offers"' "$WORK/trace1/facts.jsonl" >"$WORK/trace3/facts.jsonl"
"$BUILD/gpufleet-night" --replay "$WORK/trace3" --state "$WORK/state" >"$WORK/replay3" 2>&1
same "a trace without its offers is another story" "$?" 1
check "and the place is named" grep -q '^different at line [0-9]*: ' "$WORK/replay3"
same "traces are for their owner only" "$(find "$WORK/trace1" -perm /077 | wc -l)" 0
for p in hotaisle runpod digitalocean vastai; do
	check "$p: no token in a trace" sh -c "! grep -qr -F \"\$(cat '$WORK/sim/tokens/$p')\" '$WORK/trace1' '$WORK/trace2'"
done

#!/usr/bin/env bash
# kill -9 of the daemon in each phase, and a restart: nothing doubled, nothing left, output complete, cost equal to the bill.
# Each phase has clouds and a daemon of its own; all go side by side.
#
#	test_kill.sh [PHASE]
set -u
cd "$(dirname "$0")/../.." || exit 1

if [ $# -eq 0 ]; then
	out=$(mktemp -d "${TMPDIR:-/tmp}/gpufleet-kill-XXXXXX") || exit 1
	trap 'rm -rf "$out"' EXIT
	for phase in PLANNED DISPATCHING BOOTING PUSHING RUNNING UNWATCHED COLLECTING DELETING; do
		bash "$0" $phase >"$out/$phase" 2>&1 &
	done
	wait
	cat "$out"/*
	exit 0
fi

# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
trap 'exit 1' INT TERM
phase=$1 provider=runpod machines=1

start_sim "$([ "$phase" = BOOTING ] && echo --boot-delay=4 || echo --seed=1)"
write_config
start_daemon || { not_ok "$phase: the daemon starts" "$(cat "$WORK/daemon.err")"; exit 1; }

# Six lines in two seconds and one result; big files where a phase would be over before anybody could hit it.
mkdir "$WORK/job"
cat >"$WORK/job/run.sh" <<-'SCRIPT'
	#!/bin/sh
	for i in 1 2 3 4 5 6; do echo "line $i"; sleep 0.35; done
	echo '{"metric":"n","value":6}' >"$GPUFLEET_RESULTS/results.jsonl"
	[ ! -e collect-much ] || head -c 25000000 /dev/urandom >"$GPUFLEET_RESULTS/much"
SCRIPT
[ "$phase" != PUSHING ] || head -c 25000000 /dev/urandom >"$WORK/job/much"
[ "$phase" != COLLECTING ] || touch "$WORK/job/collect-much"

# The states that kind ($1) has been in, oldest first.
states() { ctl events --limit 200 --json | tr '{' '\n' | grep "\"kind\": *\"$1\"" | sed -n 's/.*"to": *"\([A-Z]*\)".*/\1/p'; }
reached() { states "$1" | grep -qx "$2"; }
in_state() { [ "$(states "$1" | tail -n 1)" = "$2" ]; }
created() { [ "$(sim_creates $provider)" = "$1" ]; }
run_done() { reached run DONE; }

case $phase in
PLANNED) # Hot Aisle takes no name at create: the second create waits until the first machine is known
	provider=hotaisle machines=2
	sim_fault $provider create_hang_after
	ctl up MI300X --provider $provider --name first --yes --detach >"$WORK/first.log" 2>&1
	wait_for 20 created 1 || not_ok "$phase: the first create was sent" "$(cat "$WORK/first.log")"
	;;
DISPATCHING) sim_fault $provider create_hang_after ;;
DELETING) sim_fault $provider delete_lag 1 3 ;;
esac
ctl run "$WORK/job" --gpu MI300X:1 --provider $provider --name killed --yes --detach >"$WORK/run.log" 2>&1
same "$phase: the run is taken" $? 0
case $phase in
PLANNED) wait_for 20 in_state instance PLANNED ;;
DISPATCHING) wait_for 20 created 1 && in_state instance DISPATCHING ;;
BOOTING | DELETING) wait_for 20 in_state instance $phase ;;
UNWATCHED) wait_for 20 in_state run RUNNING ;;
*) wait_for 20 in_state run $phase ;;
esac
same "$phase: it is reached" $? 0
kill_daemon KILL
[ $phase = UNWATCHED ] && sleep 3
start_daemon
same "$phase: the daemon starts again" $? 0

check "$phase: the run ends" wait_for 40 run_done
run=$(newest_run killed)
ctl logs "$run" >"$WORK/log" 2>&1
same "$phase: its output is complete, once" "$(tr '\n' ' ' <"$WORK/log")" 'line 1 line 2 line 3 line 4 line 5 line 6 '
ctl results "$run" --json >"$WORK/results" 2>&1
check "$phase: its result is here" grep -q '"value": *6' "$WORK/results"
[ $phase != COLLECTING ] || check "$phase: its big file is here" grep -q '"bytes": *25000000' "$WORK/results"
[ $phase != PLANNED ] || quiet ctl down first
check "$phase: nothing is left" wait_for 30 nothing_bills
same "$phase: one create for each machine" "$(sim_creates $provider)" $machines
check "$phase: every bill arrived" wait_for 60 settled
check "$phase: cost equals the bill" billed_right $provider
check "$phase: it is gone for the daemon too" wait_for 20 no_fleets

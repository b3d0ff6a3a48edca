#!/usr/bin/env bash
# kill -9 of the daemon inside every phase, once and again during recovery: nothing doubled, nothing left, a script started once,
# its output complete, the cost equal to the bill. Each phase is held open by the clouds or the machine until the kill has
# happened, and the database as it was left must say that it did. Each has clouds and a daemon of its own; all go side by side.
#
#	kill_phases.sh [PHASE once|twice]
set -u
cd "$(dirname "$0")/../.." || exit 1

phases='PLANNED DISPATCHING DISPATCHING-NOTHING AMBIGUOUS AMBIGUOUS-NOTHING BOOTING CONNECTING READY PUSHING SETUP RUNNING UNWATCHED
	COLLECTING DRAINING DELETING DELETING-UNANSWERED EXTENDING'
if [ $# -eq 0 ]; then
	out=$(mktemp -d "${TMPDIR:-/tmp}/gpufleet-kill-XXXXXX") || exit 1
	trap 'rm -rf "$out"' EXIT
	for phase in $phases; do
		for times in once twice; do echo "$phase $times"; done
	done | xargs -P "${KILL_JOBS:-8}" -L 1 sh -c 'bash "$0" "$2" "$3" >"$1/$2.$3" 2>&1 || echo "not ok $2, $3: the test itself ends well" >>"$1/$2.$3"' \
		"$0" "$out"
	cat "$out"/*
	exit 0
fi

# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
# shellcheck source=tests/integration/outside.sh
. tests/integration/outside.sh
trap stop_all EXIT
trap 'exit 1' INT TERM
phase=$1 times=$2 me="$1, $2"
provider=runpod next= creates=1 wanted=1 outcome=ok
hold=$WORK/hold
held="while [ -e '$hold' ]; do sleep 0.1; done"

# A tool of the machine waits first, for as long as the file is there. Only calls whose first argument begins with $3.
hold_tool() { # DIRECTORY TOOL [ARGUMENT]
	local real
	real=$(command -v "$2")
	[ ! -L "$1/$2" ] || real=$(readlink -f "$1/$2")
	rm -f "$1/$2"
	printf '#!/bin/sh\ncase "$1" in "%s"*) %s ;; esac\nexec %s "$@"\n' "${3-}" "$held" "$real" >"$1/$2"
	chmod 755 "$1/$2"
}
sent() { [ "$(sim_get "requests?cloud=$provider&method=$1&path=*" | sed -n 's/.*"count": *\([0-9]*\).*/\1/p' | head -n 1)" -ge "$2" ]; }
run_state() { ctl runs --json | grep -q "\"state\": *\"$1\""; }
instance_state() { ctl status --json | grep -q "\"state\": *\"$1\""; }

options='--seed=1'
case $phase in
BOOTING) options='--boot-delay=6' ;;
CONNECTING)
	mkdir "$WORK/standins"
	for tool in tests/sim/standins/*; do ln -s "$PWD/$tool" "$WORK/standins/"; done
	for tool in amd-smi rocm-smi; do hold_tool "$WORK/standins" $tool; done
	options="--standins=$WORK/standins"
	;;
esac
start_sim "$options"
write_config
start_daemon 2>"$WORK/daemon.err" || { not_ok "$me: the daemon starts" "$(cat "$WORK/daemon.err")"; exit 0; }

# Six lines, one result, and a mark outside the machine for every time that it is started.
mkdir "$WORK/job"
cat >"$WORK/job/recipe.yaml" <<-'YAML'
	name: killed
	description: six lines and one number
	setup: setup.sh
	run: run.sh
	timeouts: { setup: 2m, run: 2m }
	reader: gpufleet-jsonl
YAML
printf '#!/bin/sh\n[ "%s" != SETUP ] || %s\n' "$phase" "$held" >"$WORK/job/setup.sh"
cat >"$WORK/job/run.sh" <<SCRIPT
#!/bin/sh
echo started >>"$WORK/started"
[ "$phase" != DRAINING ] || trap '' TERM
for i in 1 2 3; do echo "line \$i"; done
case $phase in RUNNING | DRAINING) $held ;; UNWATCHED) sleep 2 ;; esac
for i in 4 5 6; do echo "line \$i"; sleep 0.1; done
echo '{"metric":"n","value":6}' >"\$GPUFLEET_RESULTS/results.jsonl"
SCRIPT
chmod 755 "$WORK/job/"*.sh

touch "$hold"
instance=- run=-
start_run() { ctl run "$WORK/job" --gpu MI300X:1 --provider $provider ${next:+--provider $next} --name killed --yes --detach >"$WORK/run.log" 2>&1; }
start_fleet() { ctl up MI300X:1 --provider $provider --name killed --for 30m --yes >"$WORK/run.log" 2>&1; }
machine_dir() { field "$(ids $provider | head -n 1)" dir; }

# Bring it to the phase and see it held there; the states that the database must have are in $instance and $run.
case $phase in
PLANNED) # Hot Aisle takes no name at create: the second create waits until the first machine is known
	provider=hotaisle creates=2 wanted=2
	sim_fault $provider create_hang_after
	ctl up MI300X --provider $provider --name first --yes --detach >"$WORK/first.log" 2>&1
	wait_for 20 sent POST 1
	start_run && wait_for 20 instance_state PLANNED
	instance=PLANNED run=QUEUED
	;;
DISPATCHING)
	sim_fault $provider create_hang_after
	start_run && wait_for 20 sent POST 1
	instance=DISPATCHING run=QUEUED
	;;
DISPATCHING-NOTHING) # when it is proved that there is nothing, the next offer is taken
	provider=runpod next=digitalocean
	sim_fault $provider create_hang_before
	start_run && wait_for 20 sent POST 1
	instance=DISPATCHING run=QUEUED
	;;
AMBIGUOUS)
	sim_fault $provider create_late 1 2
	sim_fault $provider create_500_after
	start_run && wait_for 20 instance_state AMBIGUOUS
	instance=AMBIGUOUS run=QUEUED
	;;
AMBIGUOUS-NOTHING)
	provider=runpod next=digitalocean
	sim_fault $provider create_500_before
	start_run && wait_for 20 instance_state AMBIGUOUS
	instance=AMBIGUOUS run=QUEUED
	;;
BOOTING | CONNECTING)
	start_run && wait_for 20 instance_state $phase
	instance=$phase run=QUEUED
	;;
READY)
	start_fleet
	instance=READY
	;;
PUSHING | COLLECTING)
	start_fleet
	hold_tool "$(machine_dir)/bin" tar "$([ $phase = PUSHING ] && echo -x || echo -c)"
	ctl run "$WORK/job" --on killed --detach >"$WORK/run.log" 2>&1
	wait_for 20 run_state $phase
	instance=BUSY run=$phase
	;;
SETUP | RUNNING)
	start_run && wait_for 20 run_state $phase
	instance=BUSY run=$phase
	;;
UNWATCHED)
	start_run && wait_for 20 run_state RUNNING
	instance=BUSY run=RUNNING
	;;
DRAINING)
	start_run && wait_for 20 run_state RUNNING && wait_for 20 test -s "$WORK/started"
	quiet ctl down killed --detach || quiet timeout 2 "$BUILD/gpufleetctl" down killed --yes
	wait_for 20 instance_state DRAINING
	instance=DRAINING run=STOPPING outcome=cancelled
	;;
DELETING)
	sim_fault $provider delete_lag 1 6
	start_run && wait_for 30 instance_state DELETING && wait_for 10 happened instance '"event": *"accepted"'
	instance=DELETING run=DONE
	;;
DELETING-UNANSWERED)
	start_fleet
	sim_fault $provider slow -1 6
	timeout 1 "$BUILD/gpufleetctl" down killed >/dev/null 2>&1
	wait_for 20 sent DELETE 1
	instance=DELETING
	;;
EXTENDING)
	start_fleet
	sim_fault $provider slow -1 6
	timeout 1 "$BUILD/gpufleetctl" extend killed --for 2h >/dev/null 2>&1
	wait_for 20 sent PATCH 1
	instance=READY
	;;
esac
kill_daemon KILL
copy_database
same "$me: killed inside" "$(stored "SELECT i.state FROM instances i JOIN fleets f ON f.id = i.fleet_id WHERE f.name = 'killed' ORDER BY i.id DESC LIMIT 1")" "$instance"
[ $run = - ] || same "$me: and the run" "$(stored 'SELECT state FROM runs ORDER BY id DESC LIMIT 1')" "$run"
if [ "$times" = twice ]; then
	# Once while it is coming up, wherever that hits, and once while it mends what it found, with the phase still held.
	"$BUILD/gpufleetd" >/dev/null 2>&1 &
	pid=$!
	sleep "0.0$((RANDOM % 7))"
	kill -KILL $pid
	wait $pid 2>/dev/null
	start_daemon 2>>"$WORK/daemon.err"
	sleep "0.$((RANDOM % 9))"
	kill_daemon KILL
fi
rm "$hold"
[ $phase = UNWATCHED ] && sleep 3
case $phase in *-UNANSWERED | EXTENDING) sim_fault $provider slow 0 ;; esac
start_daemon 2>>"$WORK/daemon.err"
same "$me: the daemon starts again" $? 0

if [ $run != - ]; then
	run_ended() { run_state DONE; }
	check "$me: the run ends" wait_for 60 run_ended
	id=$(newest_run)
	check "$me: as it should" sh -c "'$BUILD/gpufleetctl' runs --json | grep -q '\"outcome\": *\"$outcome\"'"
	same "$me: the script was started once" "$(grep -c . "$WORK/started")" 1
fi
if [ $run != - ] && [ $outcome = ok ]; then
	ctl logs "$id" >"$WORK/log" 2>&1
	same "$me: its output is complete, once" "$(tr '\n' ' ' <"$WORK/log")" 'line 1 line 2 line 3 line 4 line 5 line 6 '
	ctl results "$id" --json >"$WORK/results" 2>&1
	check "$me: its result is here" grep -q '"value": *6' "$WORK/results"
fi
case $phase in
READY)
	same "$me: the machine can be used" "$(ctl exec killed -- echo hello 2>/dev/null)" hello
	;;
EXTENDING) # the name at the provider is the truth, and the daemon must know it
	same "$me: the machine can be used" "$(ctl exec killed -- echo hello 2>/dev/null)" hello
	same_name() { ctl status --json | grep -q "\"name\": *\"$(field "$(ids $provider)" name)\""; }
	check "$me: its name is known" wait_for 20 same_name
	;;
esac
[ $phase != PLANNED ] || quiet ctl down first
case $phase in READY | EXTENDING | PUSHING | COLLECTING) quiet ctl down killed --yes ;; esac
check "$me: nothing is left" wait_for 40 nothing_bills
same "$me: creates that were sent" "$(sim_creates $provider)" $creates
[ -z "$next" ] || same "$me: creates that were sent to the next" "$(sim_creates $next)" 1
same "$me: machines that were made" "$(sim_get machines | tr '{' '\n' | grep -c '"cloud"')" $wanted
check "$me: every bill arrived" wait_for 60 settled
check "$me: cost equals the bill" billed_right "${next:-$provider}"
check "$me: it is gone for the daemon too" wait_for 20 no_fleets
check "$me: the audit adds up" wait_for 10 quiet ctl audit

#!/usr/bin/env bash
# One call of the C library fails in the daemon: an allocation, a write, a read, a sync, an open, a socket; one place after the
# other over a whole story (rent, run, pay, return). Promised (reliability §4): the daemon lives, or ends with the documented
# sentence; after a start on a healthy system nothing is left, nothing is doubled, the database is whole.
#
#	tests/torture/torture.sh [CLASS…]    PLACES=12: so many places per class, spread evenly; TIMES=1: so many calls fail there
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
places=${PLACES:-12} times=${TIMES:-1}
classes=${*:-memory write read sync open socket}
all=(memory write read sync open socket)
daemon=
failures=0
note() { case $1 in ok*) ;; *) failures=$((failures + 1)) ;; esac; echo "$@"; }

count_of() { # calls of a class in the last life of the daemon
	local k
	for k in "${!all[@]}"; do
		[ "${all[$k]}" = "$1" ] && od -An -t u8 -j $((8 * k)) -N 8 "$WORK/counts" | tr -d ' '
	done
}

begin_daemon() { # LOG [VARIABLE=VALUE…]
	local log=$1
	shift
	env "$@" "$BUILD/gpufleetd" >"$log" 2>&1 &
	daemon=$!
	wait_for 10 sh -c "! kill -0 $daemon 2>/dev/null || grep -q 'listening on' '$log'"
}

end_daemon() {
	kill -TERM "$daemon" 2>/dev/null
	wait_for 15 sh -c "! kill -0 $daemon 2>/dev/null" || { kill -KILL "$daemon"; note "not ok the daemon does not end on SIGTERM"; }
	wait "$daemon" 2>/dev/null
}

story() {
	CTL_LIMIT=25 ctl run "$WORK/work.sh" --gpu MI300X --provider digitalocean --for 20m --yes >"$WORK/run.log" 2>&1
}

verdict() { # NAME: what became of the daemon and of the world
	local name=$1 status=lives creates machines
	if ! kill -0 "$daemon" 2>/dev/null; then
		wait "$daemon"
		status=$?
		case $status in
		134) grep -q '^out of memory' "$WORK/daemon.log" || { note "not ok $name: aborted without the documented sentence"; tail -n 5 "$WORK/daemon.log"; } ;;
		1 | 2) grep -q '^gpufleetd: ' "$WORK/daemon.log" || { note "not ok $name: ended without a sentence"; tail -n 5 "$WORK/daemon.log"; } ;;
		*) note "not ok $name: the daemon ended with status $status"; tail -n 20 "$WORK/daemon.log" ;;
		esac
	fi
	end_daemon
	begin_daemon "$WORK/healthy.log"
	if ! ctl status >/dev/null 2>"$WORK/status.log"; then
		note "not ok $name: no start on a healthy system"
		cat "$WORK/healthy.log"
		return
	fi
	ctl down --all --yes >/dev/null 2>&1
	wait_for 30 nothing_bills || note "not ok $name: something still bills"
	wait_for 30 sh -c "'$BUILD/gpufleetctl' cost --json | grep -q '\"complete\": *true'" || note "not ok $name: the cost does not settle"
	creates=$(sim_creates digitalocean) machines=$(sim_get machines | tr '{' '\n' | grep -c '"cloud": *"digitalocean"')
	[ "$creates" = "$machines" ] || note "not ok $name: $creates creates, $machines machines"
	end_daemon
	[ "$(sqlite3 "$WORK/state/gpufleet.db" 'PRAGMA integrity_check')" = ok ] || note "not ok $name: the database is damaged"
	note "ok $name ($status)"
}

printf '#!/bin/sh\necho one\nsleep 1\necho two\n' >"$WORK/work.sh"
start_sim
write_config
export GPUFLEET_SOCKET="$WORK/state/./gpufleetd.sock" # named otherwise than configured: the client starts no daemon of its own
preload=$(dirname "$BUILD/x")/torture/failing.so
for class in $classes; do
	begin_daemon "$WORK/daemon.log" LD_PRELOAD="$preload" GPUFLEET_FAIL_COUNTS="$WORK/counts"
	story || note "not ok $class: the story without a fault"
	total=$(count_of "$class")
	verdict "$class: none of $total calls fails"
	rm -rf "$WORK/state"
	k=0
	while [ "$k" -lt "$places" ]; do
		at=$((1 + (total - 1) * k / places))
		begin_daemon "$WORK/daemon.log" LD_PRELOAD="$preload" GPUFLEET_FAIL_COUNTS="$WORK/counts" GPUFLEET_FAIL="$class:$at:0:$times"
		story
		verdict "$class: call $at of $total fails"
		rm -rf "$WORK/state"
		k=$((k + 1))
	done
done
[ "$failures" -eq 0 ]

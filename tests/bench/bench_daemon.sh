#!/usr/bin/env bash
# The daemon with many machines, and a run on one that is idle: each figure beside a floor or a smaller one of the same run
# (architecture §16). The many are in a database that was written for it, at an account whose provider nobody reaches, and where nobody
# answers SSH: what is measured is ours alone.
#
#	tests/bench/bench_daemon.sh      MANY=10000 ROUNDS=50
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
trap 'exit 1' INT TERM
many=${MANY:-10000} rounds=${ROUNDS:-50}

ms() { echo "$((($(date +%s%N) - $1) / 1000))" | awk '{ printf "%.1f", $1 / 1000 }'; }
# mean COMMAND…: milliseconds of a whole process
mean() {
	local k began
	began=$(date +%s%N)
	for ((k = 0; k < rounds; k++)); do "$@" >/dev/null 2>&1; done
	echo "$(($(date +%s%N) - began))" | awk -v n="$rounds" '{ printf "%.2f", $1 / n / 1e6 }'
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
answers() { curl -sf --max-time 5 -o /dev/null --unix-socket "$WORK/state/gpufleetd.sock" http://gpufleet/v1/version; }

begin() {
	"$BUILD/gpufleetd" >"$WORK/daemon.log" 2>&1 &
	DAEMON=$!
	wait_for 60 answers || { tail -n 3 "$WORK/daemon.log" >&2; exit 1; }
}
# with N: a daemon that has N machines; $restart is how long it took until it answered
with() {
	local began
	rm -rf "$WORK/state"
	mkdir "$WORK/state"
	chmod 700 "$WORK/state"
	echo token >"$WORK/token" && chmod 600 "$WORK/token"
	printf 'state_dir: %s\nsocket: %s\nproviders:\n  digitalocean: { token_file: %s, api_url: "http://127.0.0.1:1" }\n' \
		"$WORK/state" "$WORK/state/gpufleetd.sock" "$WORK/token" >"$GPUFLEET_CONFIG"
	begin # for its key
	kill -TERM "$DAEMON"
	wait "$DAEMON" 2>/dev/null
	"$BUILD/bench/machines" "$WORK/state/gpufleet.db" "$1" || exit 1
	began=$(date +%s%N)
	begin
	restart=$(ms "$began")
}
without() {
	kill -KILL "$DAEMON"
	wait "$DAEMON" 2>/dev/null
}

with 1000
status=$(mean "$BUILD/gpufleetctl" status) floor=$(mean "$BUILD/gpufleetctl" version)
echo "gpufleetctl status, 1000 machines, whole process    $status ms (wanted: at most 10); $(ratio "$status" "$floor") of gpufleetctl version ($floor ms)"
without
with "$many"
echo "start with $many machines until the first answer   $restart ms (wanted: at most 2000)"
sleep 2
echo "memory of the daemon with $many machines           $(awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$DAEMON/status") MiB (wanted: at most 150)"
without

"$BUILD/bench/turn" 100 "$many"

# ---- a run on a machine that is idle ----
rm -rf "$WORK/state"
start_sim
write_config
start_daemon
ctl up mi300x --name idle --for 30m --yes >/dev/null 2>&1 || exit 1
printf '#!/bin/sh\nexit 0\n' >"$WORK/nothing.sh"
for ((k = 0; k < 5; k++)); do ctl run "$WORK/nothing.sh" --on idle >/dev/null 2>&1; done
begun=$(ctl runs --json | python3 -c '
import datetime, json, statistics, sys
at = lambda r, key: datetime.datetime.fromisoformat(r[key].replace("Z", "+00:00")).timestamp()
print("%.0f" % (statistics.median(at(r, "started") - at(r, "created") for r in json.load(sys.stdin)["runs"]) * 1000))')
mkdir -p "$HOME/.ssh"
ssh-keygen -q -t ed25519 -N "" -f "$HOME/.ssh/id_ed25519"
ctl ssh idle -- true || exit 1
rounds=5
ssh=$(mean ctl ssh idle -- true)
echo "an idle machine, from submit to its script          $begun ms (wanted: at most 1000); a login with the system's ssh takes $ssh ms"

#!/usr/bin/env bash
# kill -9 of the daemon at random moments while people rent, run and give back at all four clouds: KILLS in all (200), in eight
# worlds side by side. Afterwards nothing bills, no create made two machines, no script was started twice, every cost equals its
# bill. SEED repeats the moments (not what meets them).
#
#	kill_random.sh [WORLD KILLS]
set -u
cd "$(dirname "$0")/../.." || exit 1
worlds=8

if [ $# -eq 0 ]; then
	out=$(mktemp -d "${TMPDIR:-/tmp}/gpufleet-kill-XXXXXX") || exit 1
	trap 'rm -rf "$out"' EXIT
	seq $worlds | xargs -P "${KILL_JOBS:-4}" -I WORLD sh -c 'bash "$0" WORLD "$2" >"$1/WORLD" 2>&1 || echo "not ok world WORLD: the test itself ends well" >>"$1/WORLD"' \
		"$0" "$out" $(((${KILLS:-200} + worlds - 1) / worlds))
	cat "$out"/*
	! grep -q '^not ok' "$out"/*
	exit
fi

# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
me="world $1" kills=$2
RANDOM=$((${SEED:-1} * 100 + $1))
worker=
trap '[ -z "$worker" ] || kill "$worker" 2>/dev/null; stop_all' EXIT
trap 'exit 1' INT TERM
clouds=(runpod digitalocean vastai hotaisle)
provider=${clouds[$(($1 % 4))]}
gpu=MI300X
[ $provider != vastai ] || gpu='RTX 4090'
start_sim "--seed=$1"
write_config
# Named otherwise than configured: a client starts no daemon of its own, the one that is killed is the only one.
export GPUFLEET_SOCKET="$WORK/state/./gpufleetd.sock"
start_daemon 2>"$WORK/daemon.err" || { not_ok "$me: the daemon starts" "$(cat "$WORK/daemon.err")"; exit 0; }

# A line outside of the machine for every start, by the run's own number.
printf '#!/bin/sh\necho "$GPUFLEET_RUN_ID" >>"%s"\necho begin\nsleep 1\necho end\n' "$WORK/started" >"$WORK/work.sh"
: >"$WORK/started"
(
	n=0
	while [ ! -e "$WORK/enough" ]; do
		n=$((n + 1))
		CTL_LIMIT=15 ctl run "$WORK/work.sh" --gpu "$gpu" --provider $provider --for 20m --yes
		CTL_LIMIT=10 ctl up "$gpu" --provider $provider --name "box$n" --for 20m --yes
		CTL_LIMIT=5 ctl down "box$n" --yes
	done
) >"$WORK/work.log" 2>&1 &
worker=$!
k=0
while [ $k -lt "$kills" ]; do
	sleep "$((RANDOM % 2)).$((RANDOM % 10))$((RANDOM % 10))"
	kill_daemon KILL
	rm -f "$WORK/state/gpufleetd.sock"
	start_daemon 2>>"$WORK/daemon.err" || { not_ok "$me: it starts after kill $k" "$(tail -n 2 "$WORK/daemon.err")"; break; }
	k=$((k + 1))
done
same "$me: kills" "$k" "$kills"
touch "$WORK/enough"
wait $worker
worker=
runs_over() { ! ctl runs --limit 500 --json | grep -qE '"state": *"(QUEUED|PUSHING|SETUP|RUNNING|STOPPING|COLLECTING)"'; }
check "$me: every run ends" wait_for 60 runs_over
quiet ctl down --all --yes
check "$me: nothing is left" wait_for 60 nothing_bills
check "$me: every bill arrived" wait_for 60 settled
made=$(sim_get machines | tr '{' '\n' | grep -c "\"cloud\": *\"$provider\"")
check "$me: there was work ($made machines, $(grep -c . "$WORK/started") starts)" test "$made" -gt 0
same "$me: each create made one machine" "$(sim_creates $provider)" "$made"
same "$me: no script was started twice" "$(sort "$WORK/started" | uniq -d | wc -l)" 0
check "$me: cost equals the bill" billed_right $provider "$made"
check "$me: the audit adds up" wait_for 20 quiet ctl audit

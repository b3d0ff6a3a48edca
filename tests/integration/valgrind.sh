#!/usr/bin/env bash
# The daemon's whole life under valgrind: two clouds and a static host's worth of calls, a run, its results, the end; then a second
# life that finds everything in the database, with operations in flight when it is told to stop. Errors and leaks are failures.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
export CTL_LIMIT=120

begin() { # NAME
	rm -f "$WORK/state/gpufleetd.sock"
	valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
		--num-callers=20 --log-file="$WORK/$1.valgrind" "$BUILD/gpufleetd" >"$WORK/$1.log" 2>&1 &
	daemon=$!
	wait_for 60 test -S "$WORK/state/gpufleetd.sock"
}

end() { # NAME
	kill -TERM "$daemon"
	wait "$daemon"
	same "$1: ends well" $? 0
	same "$1: no error and no leak" "$(cat "$WORK/$1.valgrind")" ""
	[ ! -s "$WORK/$1.valgrind" ] || head -n 60 "$WORK/$1.valgrind"
}

start_sim
write_config
printf '#!/bin/sh\necho out; echo "{\\"metric\\":\\"m\\",\\"value\\":1}" >"$GPUFLEET_RESULTS/results.jsonl"\n' >"$WORK/work.sh"
begin first
for p in digitalocean hotaisle; do
	check "$p: a run on a machine of its own" ctl run "$WORK/work.sh" --gpu MI300X --provider $p --for 30m --yes
done
check "a fleet" ctl up MI300X --provider digitalocean --name kept --for 30m --yes
check "a recipe on it" ctl run gpu-check --on kept
ctl exec kept -- true
for what in status runs events cost offers providers doctor; do ctl $what --json >/dev/null; done
ctl logs 999 >/dev/null 2>&1
end first
begin second
check "the fleet is known" ctl status kept
ctl run "$WORK/work.sh" --on kept --detach >/dev/null 2>&1
ctl up MI300X --provider hotaisle --name late --for 30m --yes --detach >/dev/null 2>&1
end second
begin third
check "down" ctl down --all --yes
check "nothing bills" wait_for 60 nothing_bills
end third

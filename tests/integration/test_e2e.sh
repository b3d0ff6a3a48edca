#!/usr/bin/env bash
# One life at each provider: rent, run, results, return, settled cost equal to the provider's bill in its own precision.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
start_sim
write_config
start_daemon || exit 1
mkdir -p "$HOME/.ssh"
ssh-keygen -q -t ed25519 -N '' -f "$HOME/.ssh/id_work"

printf '#!/bin/sh\necho "hello from $GPUFLEET_PROVIDER"\necho warning >&2\necho "{\\"metric\\":\\"answer\\",\\"value\\":42}" >"$GPUFLEET_RESULTS/results.jsonl"\n' >"$WORK/hello.sh"
for p in hotaisle runpod digitalocean vastai; do
	gpu=MI300X
	[ $p = vastai ] && gpu=H100
	ctl up $gpu --provider $p --name "e2e-$p" --for 30m --yes >"$WORK/up.$p" 2>&1
	same "$p: up ends with 0" $? 0
	ctl run "$WORK/hello.sh" --on "e2e-$p" >"$WORK/out.$p" 2>"$WORK/err.$p"
	same "$p: the run's status comes back" $? 0
	check "$p: its output came over" grep -q "hello from $p" "$WORK/out.$p"
	check "$p: its standard error came over" grep -q warning "$WORK/err.$p"
	id=$(ctl runs "e2e-$p" --json | tr ',{' '\n\n' | sed -n 's/^"id": *\([0-9]*\).*/\1/p' | head -n 1)
	check "$p: its result was read" sh -c "'$BUILD/gpufleetctl' results $id --json | grep -q '\"value\": *42'"
	same "$p: exec returns the remote status" "$(ctl exec "e2e-$p" -- 'echo x; exit 7' >/dev/null 2>&1; echo $?)" 7
	same "$p: ssh lets its owner in" "$(timeout 20 "$BUILD/gpufleetctl" ssh "e2e-$p" -- 'echo inside; exit 3' 2>/dev/null </dev/null; echo $?)" "inside
3"
	ctl down "e2e-$p" >/dev/null 2>&1
	same "$p: down ends with 0" $? 0
	same "$p: exactly one create was sent" "$(sim_creates $p)" 1
done
check "nothing bills any more" wait_for 20 nothing_bills
check "every bill arrived" wait_for 60 settled
# Bills are in the provider's precision: cents, or thousandths of a dollar.
billed=$(ctl cost --json | sed -n 's/.*"total": *{[^}]*"billed": *\([0-9.]*\).*/\1/p')
check "billed agrees with the simulators' meters" awk -v a="$billed" -v b="$(sim_total)" 'BEGIN { d = a * 1000000 - b; exit !(d < 16000 && d > -16000) }'
ctl doctor --json >"$WORK/doctor" 2>/dev/null
check "no callback held the loop for 10 ms" grep -q '"callbacks_over_10ms": *0' "$WORK/doctor"

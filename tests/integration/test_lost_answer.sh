#!/usr/bin/env bash
# The answer to a create is lost: the machine is found by its name and adopted, and there was one request.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
start_sim
write_config
start_daemon || exit 1
for fault in create_cut_after create_500_after; do
	for p in hotaisle runpod digitalocean vastai; do
		gpu=MI300X
		[ $p = vastai ] && gpu=H100
		before=$(sim_creates $p)
		sim_fault $p $fault
		ctl up $gpu --provider $p --name "lost-$p" --for 30m --yes >"$WORK/up.log" 2>&1
		same "$p, $fault: up ends with 0" $? 0
		same "$p, $fault: one create was sent" $(($(sim_creates $p) - before)) 1
		same "$p, $fault: one machine bills" "$(sim_billing)" 1
		check "$p, $fault: it was adopted" sh -c "'$BUILD/gpufleetctl' events lost-$p --json | grep -q '\"event\": *\"found\"'"
		ctl down "lost-$p" >/dev/null 2>&1
		check "$p, $fault: nothing is left" wait_for 20 nothing_bills
		wait_for 20 sh -c "! '$BUILD/gpufleetctl' status --json | grep -q 'lost-$p'"
	done
done

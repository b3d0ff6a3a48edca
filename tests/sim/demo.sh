#!/usr/bin/env bash
# The main job in three minutes: simulated clouds with real SSH servers, 8 MI300X rented, a benchmark run, paid, returned.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/sim/stage.sh
. tests/sim/stage.sh

step 'These clouds are simulated: four models of real APIs on this machine, each rented machine a real OpenSSH server. Nothing is bought.'
start_sim
write_config
start_daemon

step 'Who sells 8 MI300X in one instance?'
show offers mi300x --count 8

step 'Rent the cheapest.'
show up mi300x --count 8 --name demo --for 1h --max-cost 40 --yes

step 'Push a benchmark over SSH, run it, collect what it measured.'
show run gpu-check --on demo --set DISK_MB=64

step 'Give it back.'
show down demo
show status

step 'What did it cost? The provider sends its bill a moment later.'
wait_for 60 settled || { echo 'demo: the bill did not arrive' >&2; exit 1; }
show cost --by fleet

billed=$(ctl cost --json | sed -n 's/.*"total": *{[^}]*"billed": *\([0-9.]*\).*/\1/p' | awk '{ printf "%d", $1 * 1000000 + 0.5 }')
bill=$(sim_total)
left=$(sim_billing)
if [ "$billed" != "$bill" ] || [ "$left" != 0 ]; then
	echo "demo: settled $billed micro-dollars, the simulator billed $bill; machines left: $left" >&2
	exit 1
fi
step "Settled: $billed micro-dollars, exactly what the simulated provider billed. Nothing is left running."

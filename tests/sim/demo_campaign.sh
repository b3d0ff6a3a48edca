#!/usr/bin/env bash
# The founding campaign in simulated clouds with real SSH: nine scenarios on two targets, three repeats each, judged and told.
set -euo pipefail
cd "$(dirname "$0")/../.."
report=$PWD/demo-report.html
# shellcheck source=tests/sim/stage.sh
. tests/sim/stage.sh

step 'These clouds are simulated: four models of real APIs on this machine, each rented machine a real OpenSSH server. Nothing is bought.'
start_sim
write_config
start_daemon

step 'The campaign: Llama-3.3-70B, nine scenarios, one MI300X against two H100.'
cat >"$WORK/founding.yaml" <<'YAML'
campaign: founding
description: the nine scenarios of the founding reports
schedule: "0 2 * * *"
timezone: America/Toronto
recipe: vllm-serve
with: { prompts: 1, warmup: false }
matrix:
  gpu: ["MI300X:1", "H100:2"]
override:
  - { when: { gpu: "MI300X:1" }, with: { model: amd/Llama-3.3-70B-Instruct-FP8-KV } }
  - { when: { gpu: "H100:2" }, with: { model: nvidia/Llama-3.3-70B-Instruct-FP8 } }
repeats: 3
limits: { per_night: 30.00, per_run: 1h, parallel_fleets: 2 }
retry: { no_capacity: 10m, machine_lost: 2 }
YAML
cat "$WORK/founding.yaml"
show campaign apply "$WORK/founding.yaml"

step 'One night of it, now.'
show campaign run founding

step 'What came of it.'
show campaign report founding
show campaign report founding -o "$report"

wait_for 60 settled || { echo 'demo: the bill did not arrive' >&2; exit 1; }
left=$(sim_billing)
if [ "$left" != 0 ]; then
	echo "demo: machines left: $left" >&2
	exit 1
fi
show campaign history founding
step "The report as a page: ${report#"$PWD"/}. Nothing is left running."

#!/usr/bin/env bash
# Runs of several instances on two simulated machines: what each finds in its environment, that all begin together or none, that one
# rank's failure is the run's, and vLLM over Ray as shipped.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
trap 'exit 1' INT TERM

# says NAME STATUS TEXT COMMAND…
says() {
	local name=$1 status=$2 text=$3 got
	shift 3
	ctl "$@" >"$WORK/said.out" 2>"$WORK/said" </dev/null
	got=$?
	same "$name: exit status" $got "$status"
	check "$name: says so" grep -qi -- "$text" "$WORK/said.out" "$WORK/said"
}

start_sim
write_config
start_daemon

says 'containers cannot' 2 'mapped ports only' up mi300x --instances 2 --together --provider runpod --name no --for 10m --yes
says 'two machines' 0 'is ready' up mi300x --instances 2 --together --provider hotaisle --name pair --for 30m --yes
first=$(ctl status pair --json | tr ',{' '\n\n' | sed -n 's/^ *"address": *"\(.*\)".*/\1/p' | sed -n 1p)
second=$(ctl status pair --json | tr ',{' '\n\n' | sed -n 's/^ *"address": *"\(.*\)".*/\1/p' | sed -n 2p)

# ---- what each finds -----------------------------------------------------------------------------------------------------------

mkdir -p "$WORK/places"
cat >"$WORK/places/setup.sh" <<-'SH'
	#!/bin/sh
	# The last one to be set up takes its time; nobody may begin before.
	[ "$GPUFLEET_RANK" = 0 ] || sleep 1
	date +%s.%N >"$GPUFLEET_RESULTS/set-up"
SH
cat >"$WORK/places/run.sh" <<-'SH'
	#!/bin/sh
	date +%s.%N >>"$GPUFLEET_RESULTS/began"
	env | grep -e '^GPUFLEET_RANK=' -e '^GPUFLEET_INSTANCES=' -e '^GPUFLEET_FIRST' -e '^NODE_RANK=' -e '^NNODES=' -e '^MASTER_' \
		-e '^SKYPILOT_N[A-Z_]*=' -e '^GPUFLEET_GPU_COUNT=' >"$GPUFLEET_RESULTS/env"
	echo "$GPUFLEET_ADDRESSES" >"$GPUFLEET_RESULTS/addresses"
	cp "$GPUFLEET_HOSTFILE" "$GPUFLEET_RESULTS/hostfile"
	echo "rank $GPUFLEET_RANK is at $GPUFLEET_ADDRESS"
SH
printf 'name: places\nsetup: setup.sh\nrun: run.sh\n' >"$WORK/places/recipe.yaml"
# The daemon dies while one waits for the other: it goes on from its database, and each script runs once.
ctl run "$WORK/places" --on pair --instances all --detach >/dev/null 2>&1
run=$(newest_run)
waits() { ctl events --limit 500 --json | tr '{' '\n' | grep -c '"to": *"SETUP"' | grep -qx 2; }
check 'both are being set up' wait_for 10 waits
kill_daemon KILL
start_daemon
says 'a run of two, over a kill of the daemon' 0 '' wait "$run"
says 'rank 0' 0 "^rank 0 is at $first" logs "$run"
says 'the other rank' 0 "rank 1 is at $second" logs "$run" --rank 1
says 'all ranks' 0 "^\[1\] rank 1 is at $second" logs "$run" --rank all
same 'one run is listed' "$(ctl runs --json | grep -o '"id":' | wc -l)" 1
ctl results "$run" -o "$WORK/out" >/dev/null 2>&1
cat >"$WORK/wanted" <<-TEXT
	GPUFLEET_FIRST_ADDRESS=$first
	GPUFLEET_GPU_COUNT=1
	GPUFLEET_INSTANCES=2
	GPUFLEET_RANK=1
	MASTER_ADDR=$first
	MASTER_PORT=29500
	NNODES=2
	NODE_RANK=1
	SKYPILOT_NODE_IPS=$first
	SKYPILOT_NODE_RANK=1
	SKYPILOT_NUM_GPUS_PER_NODE=1
	SKYPILOT_NUM_NODES=2
TEXT
check 'rank 1 knows its place' sh -c "LC_ALL=C sort '$WORK/out/rank-1/env' | cmp - '$WORK/wanted'"
same 'all addresses, one a line' "$(cat "$WORK/out/addresses")" "$first
$second"
same 'the host file' "$(cat "$WORK/out/rank-1/hostfile")" "$first slots=1
$second slots=1"
same 'each began once' "$(cat "$WORK/out/began" "$WORK/out/rank-1/began" | wc -l)" 2
check 'nobody began before all were set up' sh -c "awk -v a=\"\$(cat '$WORK/out/began')\" -v b=\"\$(cat '$WORK/out/rank-1/set-up')\" 'BEGIN { exit !(b > 0 && a >= b) }'"

# ---- all or none ---------------------------------------------------------------------------------------------------------------

printf '#!/bin/sh\n[ "$GPUFLEET_RANK" = 0 ] || exit 4\n' >"$WORK/places/setup.sh"
printf '#!/bin/sh\necho began\n' >"$WORK/places/run.sh"
says 'one setup fails' 4 'rank 1: setup exited with 4' run "$WORK/places" --on pair --instances 2
run=$(newest_run)
same 'and none began' "$(ctl logs "$run" --rank all | grep -c began) of $(ctl results "$run" --json | grep -c '"exit_status": *4')" '0 of 1'

rm "$WORK/places/setup.sh"
printf 'name: places\nrun: run.sh\n' >"$WORK/places/recipe.yaml"
printf '#!/bin/sh\n[ "$GPUFLEET_RANK" = 0 ] || exit 3\necho waits\nsleep 600\n' >"$WORK/places/run.sh"
says 'one rank exits 3' 3 'rank 1: the script exited with 3' run "$WORK/places" --on pair --instances 2
check 'the other one was stopped' sh -c "'$BUILD/gpufleetctl' runs --json | tr '{' '\n' | grep -q '\"rank\": *0.*\"reason\": *\"rank 1: the script'"

# ---- vLLM over Ray -------------------------------------------------------------------------------------------------------------

says 'the recipe wants two' 122 'say --instances 2' run vllm-ray --gpu mi300x --yes
port=$((20000 + $$ * 2 % 20000)) # machines of other suites have the same addresses
for dir in "$WORK"/sim/machines/*; do echo takes_s=2.5 >"$dir/inference"; done
says 'vLLM over Ray' 0 '64x32' run vllm-ray --on pair --set MODEL=test/big --set NAP=1 --set SCENARIOS=64x32 --set CONCURRENCY=1 --set REPEATS=1 --set PROMPTS=2 \
	--set PORT=$port --set RAY_PORT=$((port + 1))
run=$(newest_run)
rm -rf "$WORK/out"
ctl results "$run" -o "$WORK/out" >/dev/null 2>&1
check 'pipeline over both machines' grep -q 'pipeline_parallel_size=2' "$WORK/out/server.log"
says 'the worker joined the head' 0 "joined $first:$((port + 1)) as $second" logs "$run" --rank 1
field() { # FILE PATH...
	python3 - "$@" <<-'PYTHON'
		import json, sys
		document, found = json.load(open(sys.argv[1])), []
		for path in sys.argv[2:]:
		    value = document
		    for key in path.split("."):
		        value = value[int(key)] if isinstance(value, list) and len(value) > int(key) else value.get(key) if isinstance(value, dict) else None
		    found.append("null" if value is None else "%g" % value if isinstance(value, float) else str(value))
		print(" ".join(found))
	PYTHON
}
same 'its manifest: of how many' "$(field "$WORK/out/manifest.json" instances ranks rank gpu_count cluster_gpu_count ray_version vllm_version)" \
	'2 2 0 1 2 2.48.0 0.11.2'
same 'and what ran' "$(field "$WORK/out/manifest.json" model_id gfx_arch launch_mode dtype engine_args.0 bench_args.2 env_floor_ok)" \
	'test/big gfx942 docker torch.bfloat16 serve serve True'
same 'all of it is there' "$(manifest_lacks "$WORK/out/manifest.json" gpu python vllm_version model_revision engine_args quantization kv_cache_dtype max_model_len)" ''
check 'no address is in it' sh -c "! grep -q '$first\|$second' '$WORK/out/manifest.json'"
ctl results "$run" --json >"$WORK/ray.json"
same 'its stack is known, and what GPUs of rank 0 did' "$(field "$WORK/ray.json" bench.cells.0.power_mean_w bench.cells.0.peak_memory_mib) $(field "$WORK/ray.json" bench.stack_id | wc -c)" \
	'154 283 65'
check 'samples of rank 1 are kept' grep -q socket_power "$WORK/out/rank-1/telemetry.jsonl"
says 'its weights can be there before' 0 'vllm-ray' prepare vllm-ray --gpu MI300X:1 --provider digitalocean --volume big --size 200 --set MODEL=test/big --yes
check 'on a volume' sh -c "'$BUILD/gpufleetctl' volumes | grep -q '^big '"

# ---- each by itself: up --setup, run --on FLEET/I --------------------------------------------------------------------------------

check 'the pair is given back' quiet ctl down pair
printf '#!/bin/sh\necho "gpufleet: progress installing"\nsleep 1\necho "$GPUFLEET_ADDRESS" >>"$HOME/set-up"\n' >"$WORK/setup.sh"
says 'what cannot be a setup buys nothing' 2 "no 'setup'" up mi300x --name no --for 20m --setup gpu-check --yes
says 'each machine is set up first' 0 'fresh/1 is set up' up mi300x --instances 2 --provider hotaisle --name fresh --for 20m --setup "$WORK/setup.sh" --yes
check 'and then it is ready' grep -q '^fresh is ready' "$WORK/said.out"
check 'its progress is told' grep -q 'fresh/[01]: installing' "$WORK/said"
same 'each once' "$(ctl exec fresh/0 -- sh -c 'wc -l <set-up') $(ctl exec fresh/1 -- sh -c 'wc -l <set-up')" '1 1'
printf '#!/bin/sh\ntouch "$HOME/here"\n' >"$WORK/here.sh"
says 'a run on one of them' 0 'ok in' run "$WORK/here.sh" --on fresh/1
check 'there it was' quiet ctl exec fresh/1 -- test -e here
check 'and nowhere else' quiet ctl exec fresh/0 -- test ! -e here
says 'one that is not there' 122 'numbered from 0 to 1' run "$WORK/here.sh" --on fresh/2
says 'a recipe can be set up' 0 'llama.cpp' up mi300x --provider digitalocean --name llama --for 20m --setup llama-bench --yes
says 'which a run of it finds' 0 'built already' run llama-bench --on llama --set prompt=64 --set answer=16 --set scenarios=16x16 --set repeats=1
printf '#!/bin/sh\necho "no such package" >&2\nexit 5\n' >"$WORK/setup.sh"
says 'a setup that fails' 1 'the setup of broken/0: failed (exit 5)' up mi300x --provider digitalocean --name broken --for 20m --setup "$WORK/setup.sh" --yes
check 'says where to look, and that it bills' sh -c "grep -q 'gpufleetctl logs [0-9]' '$WORK/said' && grep -q 'stays up.*gpufleetctl down broken' '$WORK/said'"
says 'and it does' 0 'ready' status broken

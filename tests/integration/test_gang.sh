#!/usr/bin/env bash
# Runs of several instances on two simulated machines: what each finds in its environment, that all begin together or none, that one
# rank's failure is the run's, vLLM over Ray as shipped, and nights of a campaign with it, over a kill of the daemon; a preset's night.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
trap 'exit 1' INT TERM

start_sim
write_config
start_daemon
tap || exit 1

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

# ---- nights --------------------------------------------------------------------------------------------------------------------

says 'the pair goes' 0 '' down pair --yes
nights() { # NAME: "outcome ok/trials" of its last night
	ctl campaign history "$1" --json | python3 -c '
import json, sys
n = json.load(sys.stdin)["nights"][0]
print(n["outcome"], "%d/%d" % (n["ok"], n["trials"]))'
}
over() { ctl campaign history "$1" --json | grep -q '"state": *"DONE"'; }
# What was measured, by what; whether every micro-dollar of the night is a machine's and a part's, and the runs' cost theirs.
night_of() {
	ctl campaign report "$1" --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
micro = lambda x: round(x * 1e6)
c, n = d["cost"], d["night"]
for s in sorted((s["scenario"], s["concurrency"], s["instances"], s["gpu"], s["metric"], len(s["measured"])) for s in d["series"]):
    print(*s)
print(len(c["machines"]), "machines", sum(micro(m["metered"]) for m in c["machines"]) == micro(c["total"]) == micro(n["metered"]),
    sum(map(micro, c["parts"].values())) == micro(c["total"]), all(sum(map(micro, m["parts"].values())) == micro(m["metered"]) for m in c["machines"]),
    0 < sum(micro(t["cost"]) for t in n["trials"]) <= micro(c["total"]))'
}

cat >"$WORK/pairs.yaml" <<-'YAML'
	campaign: pairs
	recipe: vllm-ray
	with: { model: test/big, nap: 1, scenarios: 64x32, concurrency: 1, prompts: 2, repeats: 2 }
	matrix: { gpu: "MI300X:1", seed: [1, 2] }
	providers: [hotaisle]
	limits: { per_night: 20, per_run: 10m }
YAML
sed 's/hotaisle/runpod/' "$WORK/pairs.yaml" >"$WORK/bad.yaml"
says 'containers cannot be a campaign either' 2 'cell 2 x MI300X:1.*mapped ports only' campaign check "$WORK/bad.yaml"
{ cat "$WORK/pairs.yaml"; echo 'instances: 1'; } >"$WORK/bad.yaml"
says 'nor can one machine' 2 'vllm-ray works on 2 instances at least; say instances: 2' campaign check "$WORK/bad.yaml"
says 'as many as the recipe needs' 0 '^  2 x MI300X:1 SEED=2' campaign check "$WORK/pairs.yaml"
says 'apply' 0 '2 x MI300X:1' campaign apply "$WORK/pairs.yaml"
says 'what a night costs an hour is the price of two' 0 '^2 x MI300X:1: \$5.98 an hour' campaign next pairs
ctl campaign run pairs --detach >/dev/null 2>&1
began() { ctl campaign show pairs --json | grep -q '"state": *"RUNNING"' && ctl events --limit 500 --json | tr '{' '\n' | grep -q '"to": *"SETUP"'; }
wait_for 60 began
kill_daemon KILL
start_daemon
check 'killed in the middle: the night is over' wait_for 200 over pairs
same 'and complete' "$(nights pairs)" 'complete 2/2'
same 'both cells on one pair of machines, each run on both, and the cost adds up' "$(night_of pairs)" '64x32 1 2 MI300X output_throughput 2
64x32 1 2 MI300X output_throughput 2
2 machines True True True True'
ctl campaign report pairs >"$WORK/said"
check 'its report says on how many' grep -q '^| What | 2 x MI300X:1 hotaisle |' "$WORK/said"

for file in matmul-weekly two-nodes llama70b-nightly eight-gpus; do
	says "$file, as shipped" 0 "^$file: " campaign check "config/campaigns/$file.yaml"
done

cat >"$WORK/stack.yaml" <<-'YAML'
	campaign: stack
	preset: mi300x-digitalocean
	with: { model: amd/Llama-3.3-70B-Instruct-FP8-KV, scenarios: 128x2048, prompts: 1, warmup: false, repeats: 2 }
	limits: { per_night: 20 }
YAML
says 'a preset as a campaign' 0 '1 cell of vllm-serve' campaign apply "$WORK/stack.yaml"
CTL_LIMIT=200 ctl campaign run stack >"$WORK/said" 2>&1
same 'its night' "$? $(nights stack)" '0 complete 1/1'
same 'is on the machine that the preset names' "$(night_of stack)" '128x2048 1 1 MI300X output_throughput 2
1 machines True True True True'
run=$(ctl runs --json | python3 -c 'import json, sys; print(next(r["id"] for r in json.load(sys.stdin)["runs"] if "stack night" in r["title"]))')
same 'with its parameters, but for those of the file' "$(ctl results "$run" --json | python3 -c '
import json, sys
p = json.load(sys.stdin)["run"]["params"]
print(p["IMAGE"], p["MAX_MODEL_LEN"], p["PRECISION"], p["REPEATS"], p["MODEL"])')" \
	'rocm/7.0:rocm7.0_ubuntu_22.04_vllm_0.10.1_instinct_20250915 8192 BF16 2 amd/Llama-3.3-70B-Instruct-FP8-KV'
check 'nothing bills' wait_for 20 nothing_bills
as_documented

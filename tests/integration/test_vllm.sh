#!/usr/bin/env bash
# vllm-serve end to end: on a simulated VM (docker) and in a simulated container (native), with exact figures, every failure class,
# and the command lines of several versions. The stand-in server speaks HTTP and the figures follow from what it answered.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
recipe=$WORK/recipe # as it is on a machine
mkdir "$recipe"
cp remote/recipes/vllm-serve/* "$recipe"
cp -r remote/recipes/common "$recipe"
standins=$PWD/tests/sim/standins
PORT=$((20000 + $$ % 20000))

# field FILE PATH: a value of a JSON document; "null" when it is not there
field() {
	python3 - "$1" "$2" <<-'PYTHON'
		import json, sys
		value = json.load(open(sys.argv[1]))
		for key in sys.argv[2].split("."):
		    value = value[int(key)] if isinstance(value, list) and len(value) > int(key) else value.get(key) if isinstance(value, dict) else None
		print("null" if value is None else "%.6f" % value if isinstance(value, float) else value)
	PYTHON
}

start_sim
write_config
start_daemon

# ---- the recipe by itself: what each fault becomes, and what each version is told ----------------------------------------------

by_hand=$WORK/by_hand
mkdir -p "$by_hand/bin" "$by_hand/home"
for tool in amd-smi rocm-smi vllm docker; do ln -s "$standins/$tool" "$by_hand/bin/$tool"; done
printf "count=1\nvendor=amd\nproduct='AMD Instinct MI300X'\narch=gfx942\nmemory_mib=196592\nwatts=750\nunits=304\ndevice=0x74a1\ndriver=6.10.5\nserial=2\n" \
	>"$by_hand/gpu"

# run_recipe NAME SHELL SETTING... [-- VARIABLE=VALUE...]: in $by_hand/NAME; settings are lines of the stand-in's file
run_recipe() {
	local name=$1 shell=$2
	shift 2
	mkdir -p "$by_hand/$name"
	: >"$by_hand/$name/inference"
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		echo "$1" >>"$by_hand/$name/inference"
		shift
	done
	[ $# -eq 0 ] || shift
	PORT=$((PORT + 1))
	(
		cd "$recipe" || exit 1
		# shellcheck disable=SC2086 # a shell with arguments
		env PATH="$by_hand/bin:/usr/bin:/bin" HOME="$by_hand/home" VLLM_STANDIN="$by_hand/$name/inference" GPUFLEET_RESULTS="$by_hand/$name" \
			GPUFLEET_RUN="t$name" MODEL=test/Llama-3.3-70B MODE=native SCENARIOS="64x32 32x64" CONCURRENCY=1 REPEATS=1 PROMPTS=2 \
			WARMUP=true SEED=1 MAX_MODEL_LEN=0 TENSOR_PARALLEL=0 UTILIZATION=0.90 PORT=$PORT START_LIMIT=6 CELL_LIMIT=6 TELEMETRY=false \
			NAP=1 POC=false "$@" $shell ./run.sh
	) >"$by_hand/$name.log" 2>&1
	echo $? >"$by_hand/$name.rc"
}

# judged NAME: the first cell's status and reason, as the daemon reads them
judged() {
	ctl results import "$by_hand/$1"/*.json "$by_hand/$1"/*.jsonl "$by_hand/$1"/*.log "$by_hand/$1"/*.out --name "$1" --json \
		>"$by_hand/$1.read" 2>"$by_hand/$1.err" || { cat "$by_hand/$1.err"; return; }
	echo "$(field "$by_hand/$1.read" bench.cells.0.status) $(field "$by_hand/$1.read" bench.cells.0.reason)"
}

shopt -s nullglob
# Each with its verdict behind the colon. All of them live side by side: most of their time is waiting.
faults=(oom:'failed oom' gpu_fault:'failed gpu_fault' gated:'failed model_access' disk_full:'failed disk_full'
	exit:'failed server_exited' never_ready:'failed server_start_timeout' dies_at=1:'failed oom' reset:'failed request_errors'
	stall:'failed timeout' refuse:'failed request_errors' context:'failed context_exceeded' early_stop:'suspect null' no_usage:'ok null'
	no_document:'ok null' cut_document:'ok null')
versions='0.9.1 0.10.1 0.11.2 0.13.0 0.14.0 0.25.1'
shells=(dash 'bash --posix' 'busybox sh')
pids=()
together() { # COMMAND...: at most eight at a time
	PORT=$((PORT + 1))
	"$@" &
	pids+=($!)
	[ ${#pids[@]} -lt 8 ] || { wait "${pids[0]}"; pids=("${pids[@]:1}"); }
}
for case in "${faults[@]}"; do
	fault=${case%%:*}
	together run_recipe "f${fault%%=*}" sh "fault=$fault"
done
for version in $versions; do together run_recipe "v$version" sh "version=$version"; done
for shell in "${shells[@]}"; do
	! command -v "${shell%% *}" >/dev/null || together run_recipe "s${shell%% *}" "$shell"
done
wait "${pids[@]}"
for case in "${faults[@]}"; do
	fault=${case%%:*}
	same "fault $fault" "$(judged "f${fault%%=*}")" "${case#*:}"
done
same "a run that measured nothing fails" "$(cat "$by_hand/foom.rc")" 1
check "and says why in one sentence" grep -q '^vllm-serve: the server did not come up: ' "$by_hand/foom.log"
same "a run that measured something ends well" "$(cat "$by_hand/fno_usage.rc")" 0
for version in $versions; do
	same "vLLM $version: its client takes the command line" "$(judged "v$version")" "ok null"
	# 32 tokens: 70 ms and 31 times 30 ms
	same "vLLM $version: tok/s" "$(field "$by_hand/v$version.read" bench.cells.0.output_throughput)" 32.000000
	same "vLLM $version: its version is recorded" "$(field "$by_hand/v$version.read" bench.framework)" "vLLM $version"
done
for shell in "${shells[@]}"; do
	! command -v "${shell%% *}" >/dev/null || same "in $shell" "$(judged "s${shell%% *}")" "ok null"
done
run_recipe bad sh -- SCENARIOS="128y2"
check "a scenario that is none is named" grep -q "'128y2' is neither a scenario" "$by_hand/bad.log"
run_recipe floor sh -- VLLM_ROCM_USE_AITER=0
check "the environment floor is set and recorded" sh -c "grep -q '\"env_floor_ok\":true' '$by_hand/floor/manifest.json' && grep -q '\"VLLM_ROCM_USE_AITER\":\"0\"' '$by_hand/floor/manifest.json' && grep -q '\"HIP_FORCE_DEV_KERNARG\":\"1\"' '$by_hand/floor/manifest.json'"
# An R9700's needs, against an environment that has the opposite: unset is not empty.
sed 's/gfx942/gfx1201/' "$by_hand/gpu" >"$by_hand/gpu.new" && cp "$by_hand/gpu" "$by_hand/gpu.old" && mv "$by_hand/gpu.new" "$by_hand/gpu"
for mode in native docker; do
	[ $mode = native ] || PATH=$by_hand/bin:$PATH docker pull image >/dev/null
	run_recipe "floor_$mode" sh -- MODE=$mode IMAGE=image PYTORCH_ALLOC_CONF= AMD_SERIALIZE_KERNEL=3
	check "$mode: what must be unset is unset, what must be set is set" sh -c "grep -q '\"AMD_SERIALIZE_KERNEL\":\"1\"' '$by_hand/floor_$mode/manifest.json' && ! grep -q '\"PYTORCH_ALLOC_CONF\":' '$by_hand/floor_$mode/manifest.json' && grep -q -- '--enforce-eager' '$by_hand/floor_$mode/manifest.json'"
done
# A wrapper that changes it back: found in the server's own environment, and nothing is measured.
mkdir "$by_hand/wrapped" && printf '#!/bin/sh\nexport AMD_SERIALIZE_KERNEL=3\nexec "%s" "$@"\n' "$by_hand/bin/vllm" >"$by_hand/wrapped/vllm" && chmod +x "$by_hand/wrapped/vllm"
run_recipe floor_broken sh -- PATH="$by_hand/wrapped:$by_hand/bin:/usr/bin:/bin"
same "an environment that was changed back" "$(judged floor_broken)" "failed env_floor"
check "and the variable is named" grep -q 'not as gfx1201 needs it: AMD_SERIALIZE_KERNEL' "$by_hand/floor_broken.log"
mv "$by_hand/gpu.old" "$by_hand/gpu"
run_recipe secret sh -- HF_TOKEN=hf_very_secret_thing
check "a secret's name is in the manifest, its value is not" sh -c "grep -q '\"HF_TOKEN\":\"<redacted>\"' '$by_hand/secret/manifest.json' && ! grep -rq hf_very_secret_thing '$by_hand/secret'"
same "no server is left" "$(pgrep -f "$by_hand/bin/vllm" | wc -l)" 0

for shell in dash "bash --posix"; do
	# shellcheck disable=SC2016 # for that shell
	same "limited, $shell: short jobs are never taken for late ones, late ones are ended" "$(cd "$recipe" && $shell -c '
		trap "exit 143" TERM
		. ./common/shell.sh
		n=0
		while [ $n -lt 300 ]; do
			limited 20 true || echo "status $?"
			n=$((n + 1))
		done
		limited 1 sleep 9
		echo $?
		limited 5 sh -c "exit 7"
		echo $?' 2>/dev/null | tr '\n' ' ')" "124 7 "
done

# ---- through the daemon --------------------------------------------------------------------------------------------------------

# bench RUN-NAME GPU PROVIDER ITL: a fleet whose machine's server has this speed, a run on it, its report in $WORK/NAME.json
bench() {
	local name=$1 gpu=$2 provider=$3 itl=$4 dir
	PORT=$((PORT + 1))
	ctl up "$gpu" --provider "$provider" --name "$name" --for 30m --yes >"$WORK/$name.up" 2>&1
	for dir in "$WORK"/sim/machines/*; do
		[ -e "$dir/inference" ] || echo "itl_ms=$itl" >"$dir/inference"
	done
	check "$name: the benchmark ends well" ctl run vllm-serve --on "$name" --set "model=test/Llama-3.3-70B" --set repeats=3 --set max_model_len=8192 \
		--set "scenarios=128x2048 2048x128 20000x2000" --set "concurrency=1 4" --set "port=$PORT" --set prompts=2 --title "$name"
	ctl runs --json >"$WORK/runs.json"
	id=$(field "$WORK/runs.json" runs.0.id)
	ctl results "$id" --json >"$WORK/$name.json"
}
bench amd MI300X:1 hotaisle 30
a=$id
bench nvidia H200:1 runpod 15
b=$id
# d0 + (n-1) d and n / (d0 + (n-1) d), in the server's time (benchmarks §10)
same "E2E of 2048 tokens" "$(field "$WORK/amd.json" bench.cells.0.e2e_p50_ms)" 61480.000000
same "TTFT" "$(field "$WORK/amd.json" bench.cells.0.ttft_p50_ms)" 70.000000
same "TPOT" "$(awk -v v="$(field "$WORK/amd.json" bench.cells.0.tpot_p50_ms)" 'BEGIN { printf "%.4f", v }')" 30.0000
same "tok/s at concurrency 1" "$(field "$WORK/amd.json" bench.cells.0.output_throughput)" "$(awk 'BEGIN { printf "%.6f", 2048 / 61.48 }')"
same "three repeats of each" "$(field "$WORK/amd.json" bench.cells.0.repeats)" 3
same "20000x2000 is recorded" "$(field "$WORK/amd.json" bench.cells.2.status) $(field "$WORK/amd.json" bench.cells.2.reason)" "skipped context_exceeded"
same "tok/s at concurrency 4" "$(field "$WORK/amd.json" bench.cells.3.output_throughput)" "$(awk 'BEGIN { printf "%.6f", 4 * 2048 / 61.48 }')"
same "dollars per million" "$(awk -v v="$(field "$WORK/amd.json" bench.cells.0.usd_per_million_output)" 'BEGIN { printf "%.3f", v }')" \
	"$(awk -v p="$(field "$WORK/amd.json" run.price_hour)" 'BEGIN { printf "%.3f", p / (2048 / 61.48 * 3600) * 1e6 }')"
same "weights from the log" "$(field "$WORK/amd.json" bench.weights_gib)" 67.700000
for x in "$a amd" "$b nvidia"; do ctl results "${x% *}" --save "$WORK/${x#* }" >/dev/null; done
same "on the VM it ran in docker" "$(field "$WORK/amd/manifest.json" launch_mode) $(field "$WORK/amd/manifest.json" image_digest | cut -d : -f 1)" \
	"docker rocm/vllm@sha256"
same "in the container natively" "$(field "$WORK/nvidia/manifest.json" launch_mode) $(field "$WORK/nvidia/manifest.json" image_digest)" "native null"
check "the manifest names machine and price" sh -c "grep -q '\"provider\":\"hotaisle\"' '$WORK/amd/manifest.json' && grep -q '\"price_per_hour_usd\":[1-9]' '$WORK/amd/manifest.json'"
check "documents are kept as they were" sh -c "python3 -c 'import json; json.load(open(\"$WORK/amd/s01_c1_r1.json\"))' && test -s '$WORK/amd/s01_c1_r1.out'"
check "samples of the GPUs" sh -c "test -s '$WORK/amd/telemetry.jsonl' && test -s '$WORK/nvidia/telemetry.csv'"
ctl compare "$a" "$b" --adopt-if 1.9x --json >"$WORK/compare.json"
same "the second is twice as fast" "$(awk -v v="$(field "$WORK/compare.json" rows.0.cells.1.ratio)" 'BEGIN { printf "%.2f", v }')" 2.00
same "three repeats a side: an interval of 90 %" "$(field "$WORK/compare.json" rows.0.cells.1.confidence)" 0.900000
same "a row that both could not run has no ratio" "$(field "$WORK/compare.json" rows.2.cells.1.ratio)" null
same "decision" "$(field "$WORK/compare.json" overall.1.verdict)" adopt
check "diff names what differs in the stacks" sh -c "'$BUILD/gpufleetctl' diff $a $b | grep -q '^gpu_model .*MI300X'"
same "nvidia-csv has the published header" "$(ctl results "$a" --format nvidia-csv | head -n 1)" \
	"Model,PP,TP,Input Length,Output Length,Throughput,GPU,Server,Precision,Framework"
check "and N/A for what failed" sh -c "'$BUILD/gpufleetctl' results $a --format nvidia-csv | grep -q ',20000,2000,N/A,1x MI300X,hotaisle,'"
check "nvidia-json" sh -c "'$BUILD/gpufleetctl' results $a --format nvidia-json | python3 -c 'import json, sys; assert json.load(sys.stdin)[\"benchmarks\"][0][\"throughput_tokens_per_sec\"] == 33.3'"
check "Markdown" sh -c "'$BUILD/gpufleetctl' results $a --format md | grep -q '^## Performance Characteristics'"
check "HTML with a chart, and nothing from elsewhere" sh -c "'$BUILD/gpufleetctl' results $a --format html >'$WORK/a.html' && grep -q '<svg' '$WORK/a.html' && ! grep -qE '(src|href)=' '$WORK/a.html'"
check "comparison as HTML" sh -c "'$BUILD/gpufleetctl' compare $a $b --format html | grep -q '<svg'"
check "the stack is known" sh -c "[ '$(field "$WORK/amd.json" bench.stack_id)' != null ] && [ '$(field "$WORK/amd.json" bench.stack_id)' != '$(field "$WORK/nvidia.json" bench.stack_id)' ]"

# ---- the network cut and the daemon killed in the middle: started once, nothing lost, the same figures ---------------------------

PORT=$((PORT + 1))
ctl run vllm-serve --on amd --set "model=test/Llama-3.3-70B" --set repeats=2 --set max_model_len=8192 --set "scenarios=128x2048 2048x128" \
	--set concurrency=1 --set "port=$PORT" --set prompts=2 --title cut --detach >"$WORK/o" 2>&1
id=$(newest_run)
reached() { ctl runs --json | tr '{' '\n' | grep "\"id\": *$id," | grep -q "$1"; }
check "cut: it runs" wait_for 30 reached '"state": *"RUNNING"'
cut_sessions
sleep 1
kill -9 "$(daemon_pid)"
sleep 1
start_daemon
sleep 2
cut_sessions
check "cut: it ends well" wait_for 90 reached '"outcome": *"ok"'
ctl logs "$id" >"$WORK/cut.out" 2>/dev/null
same "cut: started once, and every line is there once" "$(grep -c '^gpufleet: progress' "$WORK/cut.out")" \
	"$(grep '^gpufleet: progress' "$WORK/cut.out" | sort -u | wc -l)"
ctl results "$id" --json >"$WORK/cut.json"
same "cut: the figures are those of an undisturbed run" "$(field "$WORK/cut.json" bench.cells.0.e2e_p50_ms)" 61480.000000

# ---- a gated model: known before anything is rented ----------------------------------------------------------------------------

before=$(sim_creates digitalocean)
gated() { # TOKEN WANTED-WORDS: refused with them, nothing ordered
	HF_TOKEN=$1 ctl run vllm-serve --gpu MI300X:1 --provider digitalocean --for 30m --yes --set model=meta-llama/Llama-3.3-70B-Instruct ${1:+--secret HF_TOKEN} \
		>"$WORK/gated.out" 2>&1
	check "gated, ${1:-no token}: refused with a remedy" grep -q "$2" "$WORK/gated.out"
}
gated '' 'accept its terms on its page and give --secret HF_TOKEN'
gated hf_other 'the account of HF_TOKEN may not read meta-llama/'
gated hf_wrong 'HF_TOKEN is not valid'
same "nothing was ordered for them" "$(sim_creates digitalocean)" "$before"
PORT=$((PORT + 1))
check "with access it runs" env HF_TOKEN=hf_granted timeout 60 "$BUILD/gpufleetctl" run vllm-serve --gpu MI300X:1 --provider digitalocean --for 30m --yes \
	--set model=meta-llama/Llama-3.3-70B-Instruct --secret HF_TOKEN --set poc=true --set repeats=1 --set warmup=false --set "port=$PORT"
check "the token is nowhere in what was kept" sh -c "! grep -rq hf_granted '$WORK/state'"
check "all is given back" ctl down --all --yes
wait_for 20 nothing_bills
same "nothing bills" "$(sim_billing)" 0

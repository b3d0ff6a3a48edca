#!/usr/bin/env bash
# The recipes without a server: vllm-throughput, vllm-latency, hf-generate and quantize. Which commands they run on AMD and NVIDIA, in
# docker and natively; what becomes of faults; then all of them through the daemon, with exact figures; and the presets.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
standins=$PWD/tests/sim/standins
recipes=$PWD/remote/recipes

# fields FILE PATH...: values of a JSON document, "null" for what is not there
fields() {
	python3 - "$@" <<-'PYTHON'
		import json, sys
		document, found = json.load(open(sys.argv[1])), []
		for path in sys.argv[2:]:
		    value = document
		    for key in path.split("."):
		        value = value[int(key)] if isinstance(value, list) and len(value) > int(key) else value.get(key) if isinstance(value, dict) else None
		    found.append("null" if value is None else "%.4f" % value if isinstance(value, float) else str(value))
		print(" ".join(found))
	PYTHON
}

start_sim
write_config
printf '  static: { hosts: [ { name: lab, address: 192.0.2.1, user: root, gpu: "R9700:2" }, { name: epyc, address: 192.0.2.2, user: root, gpu: "EPYC:2" } ] }\n' >"$WORK/host"
sed -i "/^  vastai:/r $WORK/host" "$GPUFLEET_CONFIG"
start_daemon

# ---- which commands ------------------------------------------------------------------------------------------------------------

# machine NAME VENDOR: a directory whose tools say in `ran` how they were called, and then are the stand-ins
machine() {
	local m=$WORK/$1 tool
	mkdir -p "$m/bin" "$m/real" "$m/home"
	if [ "$2" = amd ]; then
		printf "count=2\nvendor=amd\nproduct='AMD Instinct MI300X'\narch=gfx942\nmemory_mib=196592\nwatts=750\nunits=304\ndevice=0x74a1\ndriver=6.10.5\nserial=2\n"
	else
		printf "count=2\nvendor=nvidia\nproduct='NVIDIA H100 80GB HBM3'\narch=9.0\nmemory_mib=81559\nwatts=700\nunits=132\ndevice=0x2330\ndriver=570.124.06\nserial=2\n"
	fi >"$m/gpu"
	printf 'torch\ntransformers\naccelerate\n' >"$m/packages"
	for tool in amd-smi nvidia-smi docker vllm python3; do
		case $2:$tool in amd:nvidia-smi | nvidia:amd-smi) continue ;; esac
		ln -s "$standins/$tool" "$m/real/$tool"
		printf '#!/bin/sh\n{ printf %%s %s; printf " %%s" "$@"; echo; } >>"$RAN"\nexec "%s/real/%s" "$@"\n' $tool "$m" $tool >"$m/bin/$tool"
		chmod +x "$m/bin/$tool"
	done
}

pids=()

# run_on MACHINE RECIPE CASE VARIABLE=VALUE...: what a machine does, in $WORK/MACHINE.CASE
run_on() {
	local m=$WORK/$1 recipe=$2 out=$WORK/$1.$3
	shift 3
	mkdir -p "$out/results"
	cp -r "$recipes/$recipe" "$out/payload"
	cp -r "$recipes/common" "$out/payload/common"
	(
		cd "$out/payload" || exit 1
		for script in "$(sed -n "s/^setup: //p" recipe.yaml)" run.sh; do
			env RAN="$out/calls" PATH="$m/bin:/usr/bin:/bin" HOME="$m/home" GPUFLEET_RESULTS="$out/results" GPUFLEET_RUN=t1 MODEL=org/m SCENARIOS=128x64 \
				REPEATS=1 PROMPTS=300 SEED=7 BATCH=8 ITERATIONS=5 WARMUP_ITERATIONS=2 WARMUP=true MAX_MODEL_LEN=4096 TENSOR_PARALLEL=0 \
				UTILIZATION=0.90 CELL_LIMIT=60 TELEMETRY=false DTYPE=auto ATTENTION=auto SCHEME=W4A16 METHOD=auto IGNORE=lm_head \
				DATASET=open_platypus SAMPLES=16 LENGTH=128 COMMAND='' NAME='' REPLACE=false RESULTS_MAX_MB=48 LLMCOMPRESSOR=0.10.0.2 \
				"$@" sh ./$script || exit
		done
	) >"$out/log" 2>&1
	echo $? >"$out/rc"
	sed -e "s,$WORK/,W/,g" "$out/calls" >"$out/ran"
}

# runs NAME MACHINE.CASE COMMAND: exactly this was run
runs() { check "$1" grep -qxF -e "$3" "$WORK/$2/ran"; }

all="vllm-throughput vllm-latency hf-generate quantize"
for m in amd nvidia; do machine $m $m; done
for recipe in $all; do
	for m in amd nvidia; do
		for mode in docker native; do run_on $m $recipe $recipe.$mode MODE=$mode NAME=in_$mode & pids+=($!); done
	done
	wait "${pids[@]}"
done
declare -A fields=([vllm-throughput]="vllm_version model_id model_revision engine_args quantization dtype kv_cache_dtype max_model_len"
	[hf-generate]="transformers_version model_id model_revision dtype" [quantize]="llmcompressor_version model_id model_revision quantization scheme")
fields[vllm-latency]=${fields[vllm-throughput]}
for recipe in $all; do
	for m in amd nvidia; do
		for mode in docker native; do
			same "$recipe on $m, $mode: ends well" "$(cat "$WORK/$m.$recipe.$mode/rc")" 0
			# shellcheck disable=SC2086 # words
			same "$recipe on $m, $mode: the whole manifest" "$(manifest_lacks "$WORK/$m.$recipe.$mode/results/manifest.json" gpu python ${fields[$recipe]})" ""
		done
	done
done
# shellcheck disable=SC2034 # read by their names
{
	floor_amd="HIP_FORCE_DEV_KERNARG=1 SAFETENSORS_FAST_GPU=1 VLLM_ROCM_USE_AITER=1 "
	devices_amd="--device /dev/kfd --device /dev/dri --group-add video --cap-add SYS_PTRACE --security-opt seccomp=unconfined"
	image_amd=rocm/vllm:rocm7.0.0_vllm_0.11.2_20251210
	floor_nvidia='' devices_nvidia="--gpus all" image_nvidia=vllm/vllm-openai:v0.11.2
}
for m in amd nvidia; do
	floor=floor_$m devices=devices_$m image=image_$m
	for recipe in $all; do
		runs "$recipe on $m: the container" $m.$recipe.docker "docker run -d --name $recipe-t1 --label gpufleet.run=t1 --network host --ipc=host --shm-size 32g ${!devices} -v W/$m/home/.cache/huggingface:/root/.cache/huggingface -v W/$m.$recipe.docker/results:/results -e HF_TOKEN -e HF_HOME=/root/.cache/huggingface --entrypoint sleep ${!image} infinity"
	done
	words="bench throughput --model org/m --no-enable-prefix-caching --tensor-parallel-size 2 --gpu-memory-utilization 0.90 --max-model-len 4096 --input-len 128 --output-len 64 --num-prompts 300 --seed 7 --output-json"
	runs "throughput on $m, docker" $m.vllm-throughput.docker "docker exec -i vllm-throughput-t1 env ${!floor}vllm $words /results/s01_c0_r1.json"
	runs "throughput on $m, natively" $m.vllm-throughput.native "vllm $words W/$m.vllm-throughput.native/results/s01_c0_r1.json"
	words="bench latency --model org/m --num-iters-warmup 2 --num-iters 5 --tensor-parallel-size 2 --gpu-memory-utilization 0.90 --max-model-len 4096 --input-len 128 --output-len 64 --batch-size 8 --output-json"
	runs "latency on $m, docker" $m.vllm-latency.docker "docker exec -i vllm-latency-t1 env ${!floor}vllm $words /results/s01_c8_r1.json"
	runs "latency on $m, natively" $m.vllm-latency.native "vllm $words W/$m.vllm-latency.native/results/s01_c8_r1.json"
	words="--model org/m --dtype auto --attention auto --warmup true --seed 7 --plan"
	runs "generate on $m, docker" $m.hf-generate.docker "docker exec -i hf-generate-t1 env ${!floor}python3 /results/generate.py $words /results/plan.txt --results /results/results.jsonl"
	at=W/$m.hf-generate.native/results
	runs "generate on $m, natively" $m.hf-generate.native "python3 $at/generate.py $words $at/plan.txt --results $at/results.jsonl"
	words="--model org/m --scheme W4A16 --method auto --dataset open_platypus --samples 16 --length 128 --ignore lm_head"
	runs "quantize on $m, docker: PyTorch stays as it is" $m.quantize.docker "docker exec -i quantize-t1 /opt/gpufleet-llmcompressor/bin/python3 -m pip install --quiet llmcompressor==0.10.0.2 torch==2.9.0"
	runs "quantize on $m, docker" $m.quantize.docker "docker exec -i quantize-t1 env ${!floor}/opt/gpufleet-llmcompressor/bin/python3 /results/quantize.py --output /results/model.part $words"
	same "natively in a directory of its own" "$("$WORK/$m/home/.cache/gpufleet/llmcompressor-0.10.0.2/bin/python3" -m pip freeze | tail -n 1)" llmcompressor==0.10.0.2
done
same "no container is left" "$(find "$WORK"/{amd,nvidia}/docker/containers -name '*t1')" ""

# ---- faults --------------------------------------------------------------------------------------------------------------------

# judged CASE: the first cell's status and reason, as the daemon reads them
judged() {
	ctl results import "$WORK/$1/results"/*.json* "$WORK/$1/results"/*.log "$WORK/$1/results"/*.out --name "$1" --json >"$WORK/$1/read" 2>"$WORK/$1/err" ||
		{ cat "$WORK/$1/err"; return; }
	fields "$WORK/$1/read" bench.cells.0.status bench.cells.0.reason
}
fault() { # MACHINE RECIPE FAULT WANTED VARIABLE=VALUE...
	local m=$1 recipe=$2 fault=$3 wanted=$4
	shift 4
	echo "fault=$fault" >"$WORK/$m/inference"
	run_on "$m" "$recipe" "$recipe.f$fault" MODE=docker "$@"
	rm "$WORK/$m/inference"
	same "$recipe, $fault" "$(judged "$m.$recipe.f$fault")" "$wanted"
}
shopt -s nullglob
fault amd vllm-throughput oom 'failed oom'
same "a run that measured nothing fails" "$(cat "$WORK/amd.vllm-throughput.foom/rc")" 1
fault amd vllm-latency stall 'failed timeout' CELL_LIMIT=1
same "and its container is a new one" "$(grep -c '^docker run -d' "$WORK/amd.vllm-latency.fstall/ran")" 2
run_on nvidia vllm-throughput toolong MODE=native SCENARIOS="5000x500 128x64"
same "too long a scenario is not run" "$(judged nvidia.toolong) $(grep -c 'input-len 5000' "$WORK/nvidia.toolong/ran")" "skipped context_exceeded 0"
run_on amd hf-generate gated MODE=native MODEL=meta-llama/x
check "a gated model: each cell says so" grep -q '"metric":"status","scenario":"128x64",.*"text":"failed","reason":"model_access"' "$WORK/amd.gated/results/results.jsonl"
run_on amd hf-generate early MODE=native SCENARIOS="128x64 40000x128 90000x9000" BATCH=4
same "too many tokens for the model" "$(grep -c '"text":"skipped","reason":"context_exceeded"' "$WORK/amd.early/results/results.jsonl")" 2
run_on amd quantize lost MODE=native RESULTS_MAX_MB=0 NAME=big
same "a model that fits nowhere fails the run" "$(cat "$WORK/amd.lost/rc") $(find "$WORK/amd.lost/results" -name model)" "1 "
check "which was said before, and is said after" sh -c "grep -q 'gpufleet: progress no volume' '$WORK/amd.lost/log' && grep -q 'it lies in .*/quantized/big until the machine goes' '$WORK/amd.lost/log'"
run_on amd quantize own MODE=native COMMAND="mkdir -p \"\$OUTPUT\" && echo \"\$MODEL\" >\"\$OUTPUT/weights\"" NAME=own
same "a script of one's own" "$(cat "$WORK/amd.own/rc") $(cat "$WORK/amd.own/results/model/weights")" "0 org/m"
run_on amd quantize again MODE=native NAME=big
check "nothing is overwritten" grep -q 'big is there already' "$WORK/amd.again/log"
# DigitalOcean's image for AMD has no docker; it is installed there, and on no host of one's own.
mkdir "$WORK/amd/later" && mv "$WORK/amd/bin/docker" "$WORK/amd/bin/vllm" "$WORK/amd/later"
printf '#!/bin/sh\necho "apt-get $*" >>"$RAN"\n[ "$2" != install ] || ln -s "%s/later/docker" "%s/bin/docker"\n' "$WORK/amd" "$WORK/amd" >"$WORK/amd/bin/apt-get"
printf '#!/bin/sh\nshift\ncase $1 in chmod) exit ;; esac\nexec "$@"\n' >"$WORK/amd/bin/sudo"
chmod +x "$WORK/amd/bin/apt-get" "$WORK/amd/bin/sudo"
if [ -z "$(PATH=/usr/bin:/bin command -v docker)" ]; then
	run_on amd vllm-throughput host GPUFLEET_PROVIDER=static
	same "a host of one's own is left as it is" "$(cat "$WORK/amd.host/rc") $(grep -c apt-get "$WORK/amd.host/ran")" "1 0"
	run_on amd vllm-throughput droplet GPUFLEET_PROVIDER=digitalocean
	runs "a droplet gets docker" amd.droplet "apt-get -q install -y docker.io"
fi

# ---- through the daemon --------------------------------------------------------------------------------------------------------

packages() { # the machines that are there get these, and a speed
	local dir
	for dir in "$WORK"/sim/machines/*; do
		printf 'torch\ntransformers\n' >"$dir/packages"
		echo itl_ms=20 >"$dir/inference"
	done
}
results() { ctl results "$(newest_run)" --json >"$WORK/$1.json"; }
row() { # RUN METRIC LABELS: its first value there
	python3 -c 'import json, sys
found = [r["value"] for r in json.load(open(sys.argv[1]))["results"] if r["metric"] == sys.argv[2] and sys.argv[3] in json.dumps(r["labels"])]
print("%g" % found[0] if found else "none")' "$WORK/$1.json" "$2" "$3"
}
check "a volume" ctl volumes create kept --size 100 --provider digitalocean --region atl1
check "a machine with it" ctl up MI300X:1 --provider digitalocean --region atl1 --volume kept --name amd --for 30m --yes
packages
check "throughput: ends well" ctl run vllm-throughput --on amd --set model=org/m --set "scenarios=128x64 2048x128" --set repeats=2 --set prompts=300
results throughput
# 300 prompts are two batches of at most 256, each 70 ms and 63 times 20 ms.
same "tok/s, all at once, and with the prompts" "$(fields "$WORK/throughput.json" bench.cells.0.output_throughput bench.cells.0.total_throughput)" \
	"$(awk 'BEGIN { printf "%.4f %.4f", 300 * 64 / (2 * 1.33), 300 * 192 / (2 * 1.33) }')"
same "no concurrency is claimed; two repeats; what really ran" "$(fields "$WORK/throughput.json" bench.cells.0.concurrency bench.cells.0.repeats \
	bench.framework bench.weights_gib)" "null 2 vLLM 0.11.2 67.7000"
check "latency: ends well" ctl run vllm-latency --on amd --set model=org/m --set scenarios=128x64 --set "batch=1 8" --set repeats=1
results latency
# The first batch is slow; the median is not.
same "tok/s of a batch of 8, which is its concurrency" "$(fields "$WORK/latency.json" bench.cells.1.output_throughput bench.cells.1.concurrency)" \
	"$(awk 'BEGIN { printf "%.4f 8", 8 * 64 / 1.33 }')"
for dir in "$WORK"/sim/machines/*; do echo takes_s=2.5 >>"$dir/inference"; done
check "Transformers: ends well" ctl run hf-generate --on amd --set model=org/m --set "scenarios=128x64 40000x128" --set repeats=2 --set batch=4
results generate
# Weights of 14.2 GiB are 14540.8 MiB, the cache of 4 times 192 tokens 76.8 MiB; PyTorch reserves pages of 2 MiB, and one more.
same "TTFT, TPOT, tok/s, memory; what the model cannot do" "$(fields "$WORK/generate.json" bench.cells.0.ttft_p50_ms bench.cells.0.tpot_p50_ms \
	bench.cells.0.output_throughput bench.cells.0.peak_memory_mib bench.cells.1.reason)" \
	"$(awk 'BEGIN { printf "70.0000 20.0000 %.4f %.4f context_exceeded", 4 * 64 / 1.33, 2 * (int((14540.8 + 76.8) / 2 + 0.999) + 1) }')"
same "what its GPU did in the first of them" "$(row generate power_mean '"repeat": 1') $(row generate temperature_max '"repeat": 1')" "154 45"
same "memory is what PyTorch says of itself" "$(grep -o '"metric": *"memory_used_max"' "$WORK/generate.json" | wc -l)" 2
check "its stack is known" test "$(fields "$WORK/generate.json" bench.stack_id)" != null
check "quantize: ends well" ctl run quantize --on amd --set model=org/m --set scheme=FP8_DYNAMIC
results quantize
same "what the GPU did meanwhile" "$(row quantize power_mean '{}') $(row quantize memory_used_max '{}')" "154 283"
same "the model is on the volume, whole" "$(ctl exec amd -- 'cd volumes/kept/quantized/m-FP8_DYNAMIC && sha256sum -c SHA256SUMS 2>&1 | grep -c OK')" 4
ctl results "$(newest_run)" --save "$WORK/saved" >/dev/null
same "its manifest is there and here" "$(ctl exec amd -- 'cat volumes/kept/quantized/m-FP8_DYNAMIC/manifest.json' | sha256sum)" "$(sha256sum <"$WORK/saved/manifest.json")"
same "what made it" "$(fields "$WORK/saved/manifest.json" scheme llmcompressor_version model_id)" \
	"FP8_DYNAMIC 0.10.0.2 org/m"
check "a model of the volume is measured" ctl run vllm-latency --on amd --set model=volume:quantized/m-FP8_DYNAMIC --set scenarios=128x64 --set repeats=1
check "one that is not there is named" sh -c "! '$BUILD/gpufleetctl' run vllm-latency --on amd --set model=volume:nothing 2>&1 | tee '$WORK/o' | grep -q measured; grep -q 'there is no directory .*/volumes/kept/nothing' '$WORK/o'"

mkdir "$WORK/mine" && printf 'name: mine\nrun: run.sh\ninclude: [shell.sh, nothere.sh]\n' >"$WORK/mine/recipe.yaml"
printf '#!/bin/sh\nme=mine\n. ./common/shell.sh\nsay "$(limited 5 echo shared)"\n' >"$WORK/mine/run.sh"
check "a shared file that does not exist" sh -c "'$BUILD/gpufleetctl' run '$WORK/mine' --on amd 2>&1 | grep -q \"there is no 'nothere.sh' to include\""
sed -i 's/, nothere.sh//' "$WORK/mine/recipe.yaml"
same "a recipe of one's own may share" "$(ctl run "$WORK/mine" --on amd 2>/dev/null)" "mine: shared"

# ---- presets -------------------------------------------------------------------------------------------------------------------

for file in config/presets/*.yaml; do
	name=$(basename "$file" .yaml)
	ctl run --preset "$name" --dry-run >"$WORK/o" 2>&1
	same "preset $name: somebody sells it" "$? $(grep -c 'tried in this order' "$WORK/o")" "0 1"
done
check "all is given back" ctl down --all --yes
wait_for 20 nothing_bills
same "nothing bills" "$(sim_billing)" 0

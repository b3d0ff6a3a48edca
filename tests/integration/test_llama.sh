#!/usr/bin/env bash
# llama-bench, perplexity and pace: the exact commands on AMD and NVIDIA, in docker and natively, and on a host without a GPU; faults with
# their reasons; then each end to end through the daemon, on a simulated VM and on a CPU-only host of one's own.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
SSHD_PID=
stop_host() {
	[ -z "$SSHD_PID" ] || kill "$SSHD_PID" 2>/dev/null
	[ -z "$SSHD_PID" ] || wait "$SSHD_PID" 2>/dev/null
}
trap 'stop_host; stop_all' EXIT
trap 'exit 1' INT TERM
standins=$PWD/tests/sim/standins

field() { # FILE PATH
	python3 - "$1" "$2" <<-'PYTHON'
		import json, sys
		value = json.load(open(sys.argv[1]))
		for key in sys.argv[2].split("."):
		    value = value[int(key)] if isinstance(value, list) and len(value) > int(key) else value.get(key) if isinstance(value, dict) else None
		print("null" if value is None else "%.4f" % value if isinstance(value, float) else value)
	PYTHON
}

# ---- the recipes by themselves -------------------------------------------------------------------------------------------------

hand=$WORK/hand
mkdir -p "$hand"
printf 'GGUF target' >"$hand/target-Q8_0.gguf"
printf 'GGUF draft' >"$hand/draft-Q8_0.gguf"
awk 'BEGIN { for (i = 0; i < 3000; i++) printf "word%d%s", i % 700, i % 20 == 19 ? "\n" : " " }' >"$hand/text.txt"

# machine NAME GPU TOOL...: bin/ of a machine whose docker and cmake write down how they are called
machine() {
	local dir=$hand/$1 gpu=$2 tool
	shift 2
	mkdir -p "$dir/bin" "$dir/home"
	case $gpu in
	amd) printf "count=1\nvendor=amd\nproduct='AMD Instinct MI300X'\narch=gfx942\nmemory_mib=196592\nwatts=750\nunits=304\ndevice=0x74a1\ndriver=6.10.5\nserial=2\n" ;;
	nvidia) printf "count=1\nvendor=nvidia\nproduct='NVIDIA H200'\narch=9.0\nmemory_mib=143771\nwatts=700\nunits=132\ndevice=0x2335\ndriver=570.124.06\nserial=3\n" ;;
	esac >"$dir/gpu"
	for tool in git hf "$@"; do
		case $tool in
		docker | cmake)
			printf '#!/bin/sh\necho "%s $*" >>"$STANDIN_RECORD"\nexec %s "$@"\n' "$tool" "$hand/$1-$tool" >"$dir/bin/$tool"
			mkdir -p "$dir/real"
			ln -s "$standins/$tool" "$dir/real/$tool"
			sed -i "s|^exec .* |exec $dir/real/$tool |" "$dir/bin/$tool"
			chmod 755 "$dir/bin/$tool"
			;;
		hipcc | nvcc) ln -s /bin/true "$dir/bin/$tool" ;;
		*) ln -s "$standins/$tool" "$dir/bin/$tool" ;;
		esac
	done
}

declare -A defaults=(
	[llama-bench]="DRAFT= DRAFT_MAX=16 PROMPT=512 ANSWER=128 SCENARIOS=128x128 DEPTHS=0 FLASH_ATTENTION=1 REPEATS=2 THREADS=0 SEED=7 BENCH_ARGS= REF=b6910 BACKEND=auto MODE=auto IMAGE= CELL_LIMIT=20"
	[perplexity]="BASELINE= LIMIT=2 CONTEXT=100 CHUNKS=20 THREADS=0 REF=b6910 BACKEND=auto MODE=auto IMAGE= CELL_LIMIT=20"
	[pace]="CONFIG=qwen7b_baseline MODEL= DRAFT= DRAFT_TOKENS=12 SCENARIOS=128x128 BATCH=1 REPEATS=2 RUNS=3 WARMUPS=1 CACHE=BMC QUALITY=true THREADS=4 NODE= REF=v1.1.0 CELL_LIMIT=20"
)

# by_hand RECIPE MACHINE NAME VARIABLE=VALUE...: setup and run; results in $hand/NAME, what was called in $hand/NAME.calls
by_hand() {
	local recipe=$1 machine=$hand/$2 name=$3 setup=setup.sh
	shift 3
	rm -rf "${hand:?}/$name" "$hand/$name.recipe"
	mkdir -p "$hand/$name"
	cp -r "remote/recipes/$recipe" "$hand/$name.recipe"
	cp -r remote/recipes/common "$hand/$name.recipe"
	: >"$hand/$name.calls"
	[ "$recipe" = pace ] || setup=common/llama-setup.sh
	(
		cd "$hand/$name.recipe" || exit 1
		# shellcheck disable=SC2086 # words
		set -- env ${defaults[$recipe]} PATH="$machine/bin:/usr/bin:/bin" HOME="$machine/home" STANDIN_RECORD="$hand/$name.calls" GPUFLEET_RUN="t$name" \
			GPUFLEET_RESULTS="$hand/$name" "$@"
		"$@" sh ./$setup && "$@" sh ./run.sh
	) >"$hand/$name.log" 2>&1
	echo $? >"$hand/$name.rc"
}

# called NAME: the commands, without what is asked before them and with places by their names
called() {
	grep -v 'docker \(info\|image\|inspect\|stop\|rm\|pull\)\|--help\| cat /opt/rocm' "$hand/$1.calls" |
		sed "s|$hand/[a-z]*/home/.cache/gpufleet/llama.cpp-b6910-[a-z0-9_-]*|BUILD|g; s|$hand/[a-z]*/home/.cache/gpufleet|STORE|g; s|$hand/[a-z]*/home/.cache/huggingface|MODELS|g
			s|$hand/$1|RESULTS|g; s|$hand|HAND|g; s|-j [0-9]*|-j N|"
}

machine amdvm amd amd-smi docker cmake
machine amdbox amd amd-smi hipcc cmake
machine nvvm nvidia nvidia-smi docker cmake
machine nvbox nvidia nvidia-smi nvcc cmake
machine cpubox none cmake
mkdir -p "$hand/cpubox/bin"
ln -s "$standins/python3-pace" "$hand/cpubox/bin/python3"

pids=()
for m in amdvm amdbox nvvm nvbox cpubox; do
	mode=native
	[ "${m%vm}" = "$m" ] || mode=docker
	by_hand llama-bench $m "b$m" MODE=$mode MODEL="$hand/target-Q8_0.gguf" DRAFT="$hand/draft-Q8_0.gguf" FLASH_ATTENTION="1 0" REPEATS=1 &
	pids+=($!)
done
wait "${pids[@]}"

container='--network host --ipc=host --shm-size 32g'
behind='-v MODELS:/root/.cache/huggingface -v RESULTS:/results -e HF_TOKEN -e HF_HOME=/root/.cache/huggingface -v STORE:STORE -v HAND:HAND --entrypoint sleep'
amd_words='-DGGML_HIP=ON -DGPU_TARGETS=gfx942 -DAMDGPU_TARGETS=gfx942'
nvidia_words='-DGGML_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=90'
# commands NAME DEVICES-AND-IMAGE CMAKE-WORDS LAYERS: what must have been called; in docker each of setup and run has a container
commands() {
	local exec=
	[ -z "$2" ] || exec="docker exec -i llama.cpp-t$1"
	started() { [ -z "$2" ] || echo "docker run -d --name $1 --label gpufleet.run=t${1#*-t} $container ${2%|*} $behind ${2#*|} infinity"; }
	started "llama.cpp-t$1" "$2"
	[ -z "$2" ] || echo "$exec sh -c command -v cmake >/dev/null || { apt-get update -qq && apt-get install -y -qq cmake build-essential; }"
	local configure='sh -c [ -z "$(command -v hipconfig)" ] || export HIPCXX="$(hipconfig -l)/clang" HIP_PATH="$(hipconfig -R)"; exec cmake "$@" cmake'
	local flags="-S BUILD/source -B BUILD/build -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DLLAMA_CURL=OFF $3"
	local build='cmake --build BUILD/build --config Release -j N --target llama-bench llama-speculative llama-perplexity'
	[ -z "$2" ] || echo "$exec $configure $flags"
	echo "cmake $flags"
	[ -z "$2" ] || echo "$exec $build"
	echo "$build"
	started "llama-bench-t$1" "$2"
	exec=${exec/llama.cpp-/llama-bench-}
	local fa
	for fa in 1 0; do
		[ -z "$2" ] || echo "$exec BUILD/build/bin/llama-bench -o jsonl -fa $fa -d 0 -m HAND/target-Q8_0.gguf -r 1 -ngl $4 -p 512 -n 128"
		echo "llama-bench -o jsonl -fa $fa -d 0 -m HAND/target-Q8_0.gguf -r 1 -ngl $4 -p 512 -n 128"
	done
	local draft="-m HAND/target-Q8_0.gguf -md HAND/draft-Q8_0.gguf -ngl $4 -ngld $4 -f STORE/prompt-128.txt -n 128 -c 464 --draft-max 16 --temp 0 --seed 7 --ignore-eos -fa on"
	[ -z "$2" ] || echo "$exec BUILD/build/bin/llama-speculative $draft"
	echo "llama-speculative $draft"
}
table() { # NAME DEVICES-AND-IMAGE CMAKE-WORDS LAYERS
	commands "$@" >"$hand/$1.wanted"
	called "$1" >"$hand/$1.got"
	if diff "$hand/$1.wanted" "$hand/$1.got" >"$hand/$1.diff"; then ok "commands: $1"; else not_ok "commands: $1" "$(head -n 6 "$hand/$1.diff")"; fi
}
table bamdvm '--device /dev/kfd --device /dev/dri --group-add video --cap-add SYS_PTRACE --security-opt seccomp=unconfined|rocm/dev-ubuntu-24.04:6.4.1-complete' "$amd_words" 99
table bnvvm '--gpus all|nvidia/cuda:12.8.1-devel-ubuntu24.04' "$nvidia_words" 99
table bamdbox '' "$amd_words" 99
table bnvbox '' "$nvidia_words" 99
table bcpubox '' -DGGML_NATIVE=ON 0
same 'what measured something ends well' "$(cat "$hand"/b*.rc | tr '\n' ' ')" '0 0 0 0 0 '
same 'the manifest says what was built and measured' \
	"$(field "$hand/bamdbox/manifest.json" framework) $(field "$hand/bamdbox/manifest.json" quantization) $(field "$hand/bamdbox/manifest.json" gfx_arch) $(field "$hand/bamdbox/manifest.json" model_sha256)" \
	"llama.cpp b6910 Q8_0 gfx942 $(sha256sum "$hand/target-Q8_0.gguf" | cut -c 1-64)"

for m in amdvm amdbox nvvm nvbox cpubox; do
	kind=gpu
	[ $m != cpubox ] || kind=cpu
	same "the whole manifest: $m" "$(manifest_lacks "$hand/b$m/manifest.json" $kind none framework llama_cpp_commit model_id model_sha256 quantization kv_cache_dtype draft_id engine_args)" ""
done
by_hand llama-bench amdbox oom MODEL="$hand/target-Q8_0.gguf" DEPTHS="0 4096" LLAMA_STANDIN=oom=4096 &
by_hand llama-bench nvbox nodraft MODEL="$hand/target-Q8_0.gguf" DRAFT="$hand/draft-Q8_0.gguf" PROMPT= ANSWER= LLAMA_STANDIN=no_draft &
by_hand llama-bench cpubox newer MODEL="$hand/target-Q8_0.gguf" FLASH_ATTENTION="0 1" LLAMA_STANDIN=newer &
by_hand llama-bench cpubox bad MODEL="$hand/target-Q8_0.gguf" SCENARIOS=128y2 &
by_hand llama-bench cpubox nomodel MODEL=nothing-of-the-sort &
by_hand perplexity amdbox ppass MODEL="$hand/target-Q8_0.gguf" DATASET="$hand/text.txt" BASELINE=5.45 LIMIT=20 &
by_hand perplexity nvvm pfail MODEL=some/models:target-Q2_K.gguf DATASET="$hand/text.txt" BASELINE="$hand/target-Q8_0.gguf" &
by_hand perplexity amdbox pdrift MODEL="$hand/target-Q8_0.gguf" DATASET="$hand/text.txt" LLAMA_STANDIN=drift &
by_hand perplexity cpubox pplain MODEL="$hand/target-Q8_0.gguf" DATASET="$hand/text.txt" CHUNKS=0 &
by_hand perplexity nvbox pother MODEL="$hand/target-Q8_0.gguf" DATASET=wikitext-2 &
by_hand perplexity amdvm pnamed MODEL="$hand/target-Q8_0.gguf" DATASET=wikitext-2 GPUFLEET_DATASETS="$standins/datasets" &
by_hand perplexity cpubox punknown MODEL="$hand/target-Q8_0.gguf" DATASET=wikitext-3 &
wait
check 'out of memory at a depth: the reason, and the rest was measured' sh -c "
	grep -q '\"scenario\":\"tg128@d4096\".*\"reason\":\"oom\"' '$hand/oom/scenarios.jsonl' && grep -q '\"n_gen\": 128' '$hand/oom/bench_fa1_d0.jsonl' && [ $(cat "$hand/oom.rc") = 0 ]"
check 'builds that want words for flash attention get them' grep -q -- '-fa on -d 0' "$hand/newer.calls"
same 'and measure both' "$(cat "$hand/newer.rc") $(cat "$hand/newer"/bench_fa[01]_d0.jsonl | wc -l)" '0 6'
check 'no draft model: nothing measured, and said why' sh -c "grep -q 'failed to load model' '$hand/nodraft.log' && [ $(cat "$hand/nodraft.rc") = 1 ]"
check 'a scenario that is none is named' grep -q "'128y2' is neither" "$hand/bad.log"
check 'a model that is none is named' grep -q "'nothing-of-the-sort' is no model for llama.cpp" "$hand/nomodel.log"
same 'perplexity within its limit' "$(cat "$hand/ppass.rc") $(grep -c '"quality","text":"pass"' "$hand/ppass/results.jsonl")" '0 1'
same 'perplexity beyond its limit fails' "$(cat "$hand/pfail.rc") $(grep -c '"quality","text":"fail"' "$hand/pfail/results.jsonl")" '1 1'
check 'and says by how much' grep -q 'is 29.8.* % worse than the baseline .*; 2 % are allowed' "$hand/pfail.log"
same 'two answers to one question' "$(cat "$hand/pdrift.rc") $(grep -c '"deterministic","text":"false"' "$hand/pdrift/results.jsonl")" '1 1'
same 'without a baseline nothing is judged' "$(cat "$hand/pplain.rc") $(grep -c '"quality"' "$hand/pplain/results.jsonl")" '0 0'
check 'all chunks when none are counted' grep -q '"metric":"chunks","value":30,' "$hand/pplain/results.jsonl"
check 'a text that is not the one it is called is refused' grep -q 'is not wikitext-2: its SHA-256 is 91a598b6.* and not 173c87a5' "$hand/pother.log"
same 'and not kept' "$(find "$hand/nvbox/home" -name 'wiki*') $(cat "$hand/pother.rc")" ' 1'
same 'a named text is fetched, checked and measured' \
	"$(cat "$hand/pnamed.rc") $(grep -c '"dataset_sha256","text":"91a598b6' "$hand/pnamed/results.jsonl") $(field "$hand/pnamed/manifest.json" dataset)" '0 1 wikitext-2'
check 'a name that is none is answered with those that are' grep -q "'wikitext-3' is neither the path of a text nor one of these: wikitext-2" "$hand/punknown.log"

by_hand pace cpubox apace
by_hand pace cpubox awrong CONFIG=llama8b_pard REPEATS=1 PACE_STANDIN=wrong &
by_hand pace cpubox agated CONFIG=deepseek32b_pard REPEATS=1 QUALITY=false PACE_STANDIN=gated &
by_hand pace cpubox acustom CONFIG=custom &
wait
same 'pace: measured, and its answers are right' "$(cat "$hand/apace.rc") $(grep -c '"quality","text":"pass"' "$hand/apace/results.jsonl") $(field "$hand/apace/s01_c1_r2.json" benchmark_results.0.metrics.output_tps)" '0 1 40.0000'
same 'pace: what ran' "$(field "$hand/apace/manifest.json" framework) $(field "$hand/apace/manifest.json" model_id) $(field "$hand/apace/manifest.json" draft_id) $(field "$hand/apace/manifest.json" env.OMP_WAIT_POLICY)" \
	'AMD PACE v1.1.0 Qwen/Qwen2.5-7B-Instruct null active'
same 'pace: the whole manifest' "$(manifest_lacks "$hand/apace/manifest.json" cpu python pace_commit model_id model_revision draft_id dtype kv_cache_type omp_num_threads numa_binding allocator)" ''
same 'perplexity: the whole manifest' "$(manifest_lacks "$hand/ppass/manifest.json" gpu none llama_cpp_commit model_id model_sha256 dataset_sha256)" ''
check 'pace: wrong answers are said' grep -q '"quality","text":"fail"' "$hand/awrong/results.jsonl"
check 'pace: each configuration has its models' grep -q 'amd/PARD-Llama-3.2-1B' "$hand/awrong/manifest.json"
check 'pace: a gated model has its reason' grep -q '"reason":"model_access"' "$hand/agated/scenarios.jsonl"
check 'pace: custom wants a model' grep -q "'custom' wants a MODEL" "$hand/acustom.log"

# ---- through the daemon --------------------------------------------------------------------------------------------------------

start_sim
write_config
host=$WORK/host
mkdir -p "$host/home" "$host/shm" "$host/bin"
for tool in git hf cmake; do ln -s "$standins/$tool" "$host/bin/$tool"; done
ln -s "$standins/python3-pace" "$host/bin/python3"
printf 'GGUF target' >"$host/home/target-Q8_0.gguf"
printf '#!/bin/sh\nexport HOME=%s/home GPUFLEET_SECRET_DIR=%s/shm PATH="%s/bin:/usr/bin:/bin"\ncd "$HOME" || exit 1\nexec /bin/sh -c "${SSH_ORIGINAL_COMMAND:-true}"\n' \
	"$host" "$host" "$host" >"$host/shell"
chmod 755 "$host/shell"
ssh-keygen -q -t ed25519 -N '' -f "$host/key"
: >"$host/authorized_keys"
for try in 1 2 3 4 5 6; do
	port=$((20000 + ($$ * 7 + try * 911) % 12000))
	printf '%s\n' 'ListenAddress 127.40.0.3' "Port $port" "HostKey $host/key" "AuthorizedKeysFile $host/authorized_keys" 'PidFile none' 'UsePAM no' \
		'StrictModes no' 'PasswordAuthentication no' 'KbdInteractiveAuthentication no' 'UseDNS no' "ForceCommand $host/shell" >"$host/config"
	/usr/sbin/sshd -D -e -f "$host/config" >"$host/log" 2>&1 &
	SSHD_PID=$!
	wait_for 3 grep -q 'Server listening' "$host/log" && kill -0 "$SSHD_PID" 2>/dev/null && break
	stop_host
done
sed -i "s|^providers:|providers:\n  static: { hosts: [ { name: rome, address: 127.40.0.3, user: $(id -un), port: $port, gpu: \"EPYC:2\", price_per_hour: 1.80 } ] }|" "$GPUFLEET_CONFIG"
start_daemon
cp "$WORK/state/ssh.key.pub" "$host/authorized_keys"

ctl run llama-bench --gpu MI300X:1 --provider hotaisle --for 30m --yes --set repeats=3 --set depths="0 4096" --env LLAMA_STANDIN=slow --title vm >"$WORK/vm.out" 2>&1 &
vm=$!
check 'a host without a GPU is offered by its CPU' sh -c "'$BUILD/gpufleetctl' offers epyc | grep -q 'EPYC:2'"
check 'it comes up' quiet ctl up epyc:2 --name cpu --for 30m --yes
check 'pace runs on it' quiet ctl run pace --on cpu --set config=qwen7b_pard --set threads=4 --title pace
pace=$(newest_run)
check 'llama-bench runs on it' quiet ctl run llama-bench --on cpu --set model="$host/home/target-Q8_0.gguf" --set repeats=3 --title llama
llama=$(newest_run)
ctl run vllm-serve --on cpu >"$WORK/refused" 2>&1
check 'what needs a GPU does not' grep -q 'vllm-serve needs .* GPU' "$WORK/refused"
ctl compare "$llama" "$pace" --adopt-if 2.0x --json >"$WORK/compare.json"
same 'one scenario in common' "$(field "$WORK/compare.json" overall.1.n)" 1
same 'adopted: faster, stable, and its answers are right' "$(field "$WORK/compare.json" overall.1.verdict)" adopt
check 'and the verdict says so' grep -q 'and its answers are right' "$WORK/compare.json"
ctl results "$llama" --json >"$WORK/llama.json"
same 'prompts alone are measured by all their tokens' "$(field "$WORK/llama.json" bench.cells.0.scenario) $(field "$WORK/llama.json" bench.cells.0.status) $(field "$WORK/llama.json" bench.cells.0.output_throughput) $(field "$WORK/llama.json" bench.cells.0.total_throughput)" \
	'pp512 ok null 400.0000'
same 'framework' "$(field "$WORK/llama.json" bench.framework)" 'llama.cpp 8da3c0e2'
wait $vm
same 'llama-bench on a VM ends well' $? 0
check 'its answers, and those behind 4096 tokens' sh -c "grep -q '^tg128 .*ok .*80.0' '$WORK/vm.out' && grep -q '^tg128@d4096 .*ok .*53.3' '$WORK/vm.out'"
ctl run perplexity --gpu MI300X:1 --provider hotaisle --for 30m --yes >"$WORK/named.out" 2>&1
same 'perplexity of the named text, without a word more' $? 0
check 'its figure, and what it is of' sh -c "grep -q '^perplexity  *5\.[0-9]' '$WORK/named.out' && grep -q '91a598b6' '$WORK/named.out'"
ctl runs --json >"$WORK/runs.json"
ctl results "$(python3 -c 'import json, sys; print([r["id"] for r in json.load(open(sys.argv[1]))["runs"] if r["title"] == "vm"][0])' "$WORK/runs.json")" --json >"$WORK/vm.json"
# What its GPU did in each test, by the test's own time; a repeat of tg128 takes 1.6 s.
same 'elsewhere: a directory of llama-bench is read as its own' \
	"$(ctl results import "$hand"/bamdbox/*.jsonl "$hand"/bamdbox/*.out "$hand"/bamdbox/*.err --name elsewhere --json >"$WORK/import.json" && field "$WORK/import.json" bench.cells.0.scenario) $(field "$WORK/import.json" bench.cells.1.output_throughput)" \
	'pp512 fa0 40.0000'
cp "$hand/apace/s01_c1_r1.json" "$WORK/speed"
same 'and a document of PACE under any name' "$(ctl results import "$WORK/speed" --name speed --json >"$WORK/import.json" && field "$WORK/import.json" bench.cells.0.output_throughput)" '40.0000'
printf '{"metric":"triad","value":4.2,"unit":"TB/s"}\n' >"$WORK/own"
check 'figures without a scenario are shown one by one' sh -c "'$BUILD/gpufleetctl' results import '$WORK/own' --name own 2>&1 | grep -q '^triad .*4.2  TB/s' && '$BUILD/gpufleetctl' results own | grep -q '^triad .*4.2'"
ctl results import "$WORK/own" --name own --reader pace >"$WORK/refused" 2>&1
check 'another reader finds nothing in them' grep -q 'the reader pace finds no figure in own' "$WORK/refused"
ctl results import "$hand/text.txt" --name own >"$WORK/refused" 2>&1
same 'what is no result is refused with the readers there are' "$(grep -c 'text.txt is no document of any reader; the readers are gpufleet-jsonl, vllm-bench, llama-bench, pace and benchmark_nvidia_format' "$WORK/refused")" 1
same 'samples of the GPU are those of the test' "$(field "$WORK/vm.json" bench.cells.1.scenario) $(field "$WORK/vm.json" bench.cells.1.power_mean_w) $(field "$WORK/vm.json" bench.cells.1.energy_j) $(field "$WORK/vm.json" bench.cells.1.peak_memory_mib)" \
	'tg128 154.0000 246.4000 283.0000'
same 'without a GPU there are none' "$(grep -c '"metric": *"\(power_mean\|memory_used_max\|throttled\)"' "$WORK/llama.json") $(cd "$hand/bcpubox" && echo telemetry*)" '0 telemetry*'
check 'a draft model: each repeat is marked' grep -q '"event":"end","scenario":"128x128","input":128,"output":128,"concurrency":1,"repeat":1}' "$hand/bnvbox/marks.jsonl"
same 'perplexity: one stretch for each command' "$(grep -c '"event":"begin"}' "$hand/ppass/marks.jsonl") $(grep -c '"event":"end"}' "$hand/ppass/marks.jsonl")" '2 2'
check 'perplexity: samples of the GPU' test -s "$hand/ppass/telemetry.jsonl"

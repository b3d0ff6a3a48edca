#!/usr/bin/env bash
# matmul and hip-kernel: the exact command lines on AMD and NVIDIA, natively and in docker; what each fault becomes; a tree of one's own
# and the shipped example through the daemon; serve and forward.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
standins=$PWD/tests/sim/standins

mkdir -p "$HOME/.ssh"
ssh-keygen -q -t ed25519 -N '' -f "$HOME/.ssh/id_ed25519"
port=$((20000 + $$ % 20000))
start_sim
write_config
start_daemon
ctl up MI300X:1 --provider hotaisle --name k --for 30m --yes >"$WORK/up" 2>&1 & # it boots while the recipes are looked at
up=$!

# ---- the recipes by themselves ------------------------------------------------------------------------------------------------------

hand=$WORK/hand
for r in matmul hip-kernel; do
	mkdir -p "$hand/$r"
	cp -r "remote/recipes/$r/." "$hand/$r"
	cp -r remote/recipes/common "$hand/$r"
done
# machine NAME VENDOR PRODUCT ARCH TOOL...
machine() {
	mkdir -p "$hand/$1/bin" "$hand/$1/home"
	printf "count=2\nvendor=%s\nproduct='%s'\narch=%s\nmemory_mib=65536\nwatts=300\nunits=104\ndevice=0x740f\ndriver=6.10.5\nserial=2\n" \
		"$2" "$3" "$4" >"$hand/$1/gpu"
	local at=$hand/$1/bin tool
	shift 4
	for tool; do ln -s "$standins/$tool" "$at/$tool"; done
}
machine mi210 amd 'AMD Instinct MI210' gfx90a amd-smi hipcc
machine h100 nvidia 'NVIDIA H100 80GB HBM3' 9.0 nvidia-smi nvcc
machine vm amd 'AMD Instinct MI300X' gfx942 amd-smi hipcc docker
machine bare amd 'AMD Instinct MI210' gfx90a amd-smi
# Neither a compiler nor PyTorch, whatever this host has.
mkdir "$hand/few"
for tool in awk cat chmod cp cut date df dirname env find grep head kill ls mkdir mktemp mv nproc printf rm sed sh sha256sum sleep sort tail tee tr uname; do
	ln -s "$(command -v "$tool" | grep / || echo "/usr/bin/$tool")" "$hand/few/$tool"
done

# alone RECIPE MACHINE NAME [VARIABLE=VALUE...] [-- ARGUMENT...]: output in $hand/NAME.log, results in $hand/NAME
alone() {
	local recipe=$1 machine=$2 name=$3 settings=()
	shift 3
	while [ $# -gt 0 ] && [ "$1" != -- ]; do settings+=("$1") && shift; done
	[ $# -eq 0 ] || shift
	mkdir -p "$hand/$name"
	(
		cd "$hand/$recipe" || exit 1
		env -i PATH="$hand/$machine/bin:$hand/few" HOME="$hand/$machine/home" COMPILER_LOG="$hand/$name/commands" GPUFLEET_RESULTS="$hand/$name" \
			GPUFLEET_RUN="t$name" MODE=auto IMAGE= SIZE=1024 DTYPES="fp16 bf16" WARMUP=1 ITERATIONS=10 REPEATS=3 WITH=blas PEAK=0 LEAST=0 \
			ARGUMENTS= FLAGS= VARIANT= BUILD= PROGRAM=kernel "${settings[@]}" sh ./run.sh "$@"
	) >"$hand/$name.log" 2>&1
	echo $? >"$hand/$name/rc"
}
# command_of NAME: the compiler's words, without the directory of the moment
command_of() { sed 's,[^ ]*/matmul\.[A-Za-z0-9]*/,,' "$hand/$1/commands" | head -n 1; }
# figure NAME METRIC [LABEL-TEXT]: the first such value
figure() { grep "\"metric\":\"$2\"" "$hand/$1/results.jsonl" | grep -- "${3:-}" | head -n 1 | sed 's/.*"value":\([-0-9.e+]*\).*/\1/'; }

alone matmul mi210 amd GPUFLEET_GPU_TFLOPS=181.0
same "MI210: the compiler's words" "$(command_of amd)" "hipcc -O3 --offload-arch=gfx90a -o gemm -DWITH_BLAS gemm.cpp -lrocblas"
# Half of 0.8 of the peak, as the stand-in makes it
same "MI210: TFLOPS" "$(figure amd matmul_median)" 72.40
same "MI210: share of the data sheet" "$(figure amd peak_share)" 40.00
same "both types, both GPUs, three times" "$(grep -c '"metric":"matmul"' "$hand/amd/results.jsonl")" 12
check "which library is said" grep -q '"with":"rocBLAS"' "$hand/amd/results.jsonl"
check "samples of the GPUs" grep -q '"socket_power"' "$hand/amd/telemetry.jsonl"
check "and when it was measured" sh -c "head -n 1 '$hand/amd/marks.jsonl' | grep -q '\"event\":\"begin\"}' && tail -n 1 '$hand/amd/marks.jsonl' | grep -q '\"event\":\"end\"}'"
same "the whole manifest" "$(manifest_lacks "$hand/amd/manifest.json" gpu none compiler)" ""
alone matmul h100 nvidia GPUFLEET_GPU_TFLOPS=989.4
same "H100: the compiler's words" "$(command_of nvidia)" "nvcc -O3 -arch=sm_90 -x cu -o gemm -DWITH_BLAS gemm.cpp -lcublas"
same "H100: share" "$(figure nvidia peak_share)" 40.00
alone matmul vm docker MODE=docker IMAGE=image
same "in docker: the same words for its GPU" "$(command_of docker)" "hipcc -O3 --offload-arch=gfx942 -o gemm -DWITH_BLAS gemm.cpp -lrocblas"
check "in docker: the manifest names the image" grep -q '"image":"image","image_digest":"image@sha256' "$hand/docker/manifest.json"
same "in docker: when it was measured, twice marked" "$(grep -c '"event"' "$hand/docker/marks.jsonl")" 2
same "in docker: no container is left" "$(ls "$hand/vm/docker/containers")" ""
check "a peak that nobody knows is no share" sh -c "! grep -q peak_share '$hand/docker/results.jsonl' && grep -q 'data sheet of' '$hand/docker.log'"
echo blas=no >"$hand/mi210/compiler"
alone matmul mi210 plain WITH=auto
check "without rocBLAS a plain kernel, and it is said" sh -c "grep -q '\"with\":\"plain tiled kernel\"' '$hand/plain/results.jsonl' && grep -q 'no rocblas here' '$hand/plain.log'"
alone matmul mi210 noblas
same "blas asked for and not there: an error" "$(cat "$hand/noblas/rc") $(test -s "$hand/noblas/results.jsonl" && echo figures)" "1 "
rm "$hand/mi210/compiler"
alone matmul mi210 least LEAST=120
check "fewer TFLOPS than wanted fail, named" grep -q 'GPU 0 reaches 72.40 TFLOPS with fp16, less than 120' "$hand/least.log"
echo torn=yes >"$hand/mi210/compiler"
alone matmul mi210 torn
same "a wrong product is no figure" "$(cat "$hand/torn/rc") $(test -s "$hand/torn/results.jsonl" && echo figures)" "1 "
rm "$hand/mi210/compiler"
alone matmul bare nothing WITH=auto
check "no compiler, no PyTorch, no docker: one sentence" grep -q '^matmul: this machine has no hipcc and no docker' "$hand/nothing.log"
# PyTorch where it is there: this python3 says what it would print.
cat >"$hand/bare/bin/python3" <<-'PYTHON'
	#!/bin/sh
	case $1 in
	gemm.py) shift && echo "$*" >>"$GPUFLEET_RESULTS/torch" && echo "$(echo "$1" | tr a-z A-Z) matmul: 138.21 TFLOPS (GPU 0, repeat 1, PyTorch 2.1.1)" ;;
	esac
PYTHON
chmod +x "$hand/bare/bin/python3"
alone matmul bare torch WITH=auto PEAK=181 DTYPES=fp16 SIZE=8192 WARMUP=10 ITERATIONS=100 REPEATS=1
same "PyTorch: what it is asked for" "$(cat "$hand/torch/torch")" "fp16 8192 10 100 1"
same "PyTorch: the whole manifest" "$(manifest_lacks "$hand/torch/manifest.json" gpu none python_version pip_freeze_sha256)" ""
same "PyTorch: the guide's line is 76 % of the peak" "$(figure torch peak_share)" 76.36

alone hip-kernel mi210 example REPEATS=2 -- -s 3072
same "the example: the compiler's words" "$(command_of example)" "hipcc -O3 --offload-arch=gfx90a -o kernel -I. cpu/lib_cpu.cpp hip/lib_hip.cpp main.cpp"
same "the example: the whole manifest" "$(manifest_lacks "$hand/example/manifest.json" gpu none compiler)" ""
same "the example: its line" "$(figure example fp32_matmul)" 6.7875
same "the example: milliseconds, twice" "$(grep -c '"metric":"elapsed_time_kernel".*"unit":"ms"' "$hand/example/results.jsonl")" 2
same "the example: when it ran, each time" "$(grep -c '"event":"\(begin\|end\)","repeat":[12]}' "$hand/example/marks.jsonl")" 4
alone hip-kernel h100 example_nvidia TELEMETRY=false -- -s 1024
same "without telemetry there is none" "$(cd "$hand/example_nvidia" && echo telemetry*)" "telemetry*"
same "the example on NVIDIA" "$(command_of example_nvidia)" "nvcc -O3 -arch=sm_90 -o kernel -I. cpu/lib_cpu.cpp cuda/lib_cuda.cu main.cpp"
alone hip-kernel vm example_docker MODE=docker IMAGE=image
same "the example in docker" "$(cat "$hand/example_docker/rc") $(command_of example_docker)" \
	"0 hipcc -O3 --offload-arch=gfx942 -o kernel -I. cpu/lib_cpu.cpp hip/lib_hip.cpp main.cpp"

# A tree with the same functions several times, and one with CUDA files only.
tree=$hand/hip-kernel/source
gpu4s() {
	rm -rf "$tree" && mkdir -p "$tree"/{hip,cuda,opencl,openmp,cpu}
	echo 'printf("Elapsed time kernel: %.10f miliseconds\n", x);' >"$tree/main.cpp"
	touch "$tree"/hip/lib_hip{,_opt,_lib}.cpp "$tree"/cuda/lib_cuda{,_opt}.cu "$tree"/opencl/lib_opencl.cpp "$tree"/openmp/lib_omp.cpp "$tree"/cpu/lib_cpu.cpp
}
gpu4s
alone hip-kernel mi210 naive FLAGS="-DFLOAT -DBLOCK_SIZE=16"
same "GPU4S: the plain implementation" "$(command_of naive)" \
	"hipcc -O3 --offload-arch=gfx90a -o kernel -I. cpu/lib_cpu.cpp hip/lib_hip.cpp main.cpp -DFLOAT -DBLOCK_SIZE=16"
check "GPU4S: its line is read" grep -q '"metric":"elapsed_time_kernel","value":[0-9.]*,"unit":"ms"' "$hand/naive/results.jsonl"
alone hip-kernel h100 opt VARIANT=opt
same "GPU4S: a variant, on NVIDIA" "$(command_of opt)" "nvcc -O3 -arch=sm_90 -o kernel -I. cpu/lib_cpu.cpp cuda/lib_cuda_opt.cu main.cpp"
alone hip-kernel mi210 novariant VARIANT=best
check "a variant that is not there is named" grep -q 'no file is called _best' "$hand/novariant.log"
rm -rf "$tree" && mkdir -p "$tree" && echo '__global__ void k() {} /* @error */' >"$tree/k.cu"
alone hip-kernel mi210 cudaonly
check "CUDA files on AMD want hipify-perl" grep -q 'hipify-perl, which translates them, is not here' "$hand/cudaonly.log"
alone hip-kernel h100 broken
same "what cannot be built: no figures, the compiler's words" "$(cat "$hand/broken/rc") $(grep -c "error: expected ';'" "$hand/broken.log")" "1 1"
# shellcheck disable=SC2016 # for the tree's own script
printf '#!/bin/sh\nprintf "#!/bin/sh\\necho triad: 1.5 TB/s on $GPU_ARCH by $COMPILER >&2; echo triad: 1.5 TB/s; echo note: 7 apples; exit \\$1\\n" >bench; chmod +x bench\n' >"$tree/build.sh"
alone hip-kernel mi210 own PROGRAM=bench REPEATS=1 -- 0
same "build.sh: its program's line, and no other" "$(grep -o '"metric":"[a-z]*","value":[0-9.]*' "$hand/own/results.jsonl")" '"metric":"triad","value":1.5'
check "build.sh finds the architecture" grep -q 'on gfx90a by hipcc' "$hand/own.log"
alone hip-kernel mi210 ends PROGRAM=bench -- 3
check "a program that fails" sh -c "[ \$(cat '$hand/ends/rc') = 1 ] && grep -q 'the program ended with status 3' '$hand/ends.log'"
for shell in dash 'bash --posix' 'busybox sh'; do
	command -v "${shell%% *}" >/dev/null || continue
	# shellcheck disable=SC2086 # a shell with arguments
	same "$shell reads all scripts" "$(for f in "$hand"/matmul/*.sh "$hand"/hip-kernel/*.sh; do $shell -n "$f" 2>&1; done)" ""
done

# ---- through the daemon ---------------------------------------------------------------------------------------------------------------

ctl recipes >"$WORK/recipes"
check "recipes: what matmul takes and costs now" grep -q '^matmul .* 5m 00s  *\$0\.0[0-9]* ' "$WORK/recipes"
ctl recipes show matmul --gpu MI300X:1 --json >"$WORK/one.json"
same "recipes show: price times usual time" "$(python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))["recipes"][0]
print(abs(r["cheapest"]["offer"]["price_hour"] * r["usual"] / 3600 - r["cheapest"]["cost"]) < 1e-5 and r["cheapest"]["offer"]["gpu"])' "$WORK/one.json")" MI300X
ctl recipes show vllm-serve --gpu H200 >"$WORK/shown"
check "recipes show: what it needs, and what else can be done with it" sh -c "grep -q 'needs  *16 GB per GPU' '$WORK/shown' && grep -q 'defaults  *100 GB of GPU memory' '$WORK/shown' && grep -q 'gpufleetctl serve vllm-serve' '$WORK/shown'"
ctl recipes show vllm-ray --json >"$WORK/ray.json"
same "recipes show: both machines, which reach each other" "$(python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))["recipes"][0]
o = r["cheapest"]["offer"]
print(abs(max(o["price_hour"] * r["usual"] / 3600, o["minimum_charge"]) * 2 - r["cheapest"]["cost"]) < 1e-5, o["container"], o["gpu_count"] * o["gpu_memory_gb"] >= 400)' "$WORK/ray.json")" 'True False True'
check "recipes show: a name that is none" sh -c "! '$BUILD/gpufleetctl' recipes show nothing 2>'$WORK/o' && grep -q \"no recipe is called 'nothing'\" '$WORK/o'"

wait $up
echo nap=2.5 >"$WORK/sim/machines/hotaisle-1/compiler"
check "matmul through the daemon" ctl run matmul --on k --set size=1024 --set repeats=1 --set dtypes=fp16 --set with=blas
ctl results "$(newest_run)" --json >"$WORK/m.json"
check "its share of the data sheet, which the daemon knows" grep -q '"metric":"peak_share","value":40' "$WORK/m.json"
telemetry() { # FILE: mean power, memory and throttling of the first labels that have some
	python3 -c 'import json, sys
rows = json.load(open(sys.argv[1]))["results"]
at = [r["labels"] for r in rows if r["metric"] == "power_mean"][:1]
here = {r["metric"]: r for r in rows if at and r["labels"] == at[0]}
energy = here.get("energy", {}).get("value", 0)
print(at[0] if at else "none", *("%g" % here[m]["value"] if m in here else "-" for m in ("power_mean", "power_max", "memory_used_max", "temperature_max", "throttled")),
      "energy" if 150 < energy < 1000 else energy)' "$1"
}
same "what its GPU did, of the whole run" "$(telemetry "$WORK/m.json")" "{} 154 154 283 45 - energy"
first=$(newest_run)
check "and once more" ctl run matmul --on k --set size=1024 --set repeats=3 --set dtypes=fp16 --set with=blas
ctl compare "$first" "$(newest_run)" >"$WORK/c" 2>&1
same "compare: a figure for each GPU, with its factor" "$(grep -c '^matmul dtype=fp16 size=1024 gpu=0 .*TFLOPS  *522.96  *522.96  *1.00x' "$WORK/c")" 1
same "its median is no figure of its own, and it is no throughput" "$(grep -c -e matmul_median -e 'in common' "$WORK/c")" 0
same "compare as CSV" "$(ctl compare "$first" "$(newest_run)" --format csv | grep -c '^matmul,.*,TFLOPS,higher,run [0-9]*,[13],522.96,0,1*,')" 2
# What a night judges of it: the repeats of each GPU and type, and not their median once more.
printf 'campaign: weekly\nrecipe: matmul\nwith: { size: 1024, dtypes: fp16, with: blas }\nmatrix: { gpu: "MI300X:1", provider: hotaisle }\nrepeats: 3\n' >"$WORK/weekly.yaml"
check "a night of matmul" sh -c "'$BUILD/gpufleetctl' campaign apply '$WORK/weekly.yaml' >/dev/null && timeout 120 '$BUILD/gpufleetctl' campaign run weekly >/dev/null 2>&1"
same "judges its repeats" "$(ctl campaign report weekly --json | python3 -c '
import json, sys
for s in json.load(sys.stdin)["series"]:
    print(s["metric"], s["scenario"], s["measured"], s["unit"], s["lower_is_better"], s["kind"])')" \
	'matmul dtype=fp16 size=1024 gpu=0 with=rocBLAS [522.96, 522.96, 522.96] TFLOPS False no_baseline'
check "and its report says so" sh -c "'$BUILD/gpufleetctl' campaign report weekly | grep -q '^| matmul dtype=fp16 size=1024 gpu=0 with=rocBLAS | 522.96 TFLOPS |'"
gpu4s
tree_there=$WORK/my-kernel && cp -r "$tree" "$tree_there"
check "a directory of one's own" ctl run hip-kernel "$tree_there" --on k --set flags=-DFLOAT -- -s 512
ctl logs "$(newest_run)" >"$WORK/k.log" 2>&1
check "is what was built" grep -q 'main.cpp -DFLOAT' "$WORK/k.log"
ctl results "$(newest_run)" --json >"$WORK/k.json"
same "what its GPU did, of each repeat" "$(telemetry "$WORK/k.json")" "{'repeat': 1} 154 154 283 45 - energy"
rm "$WORK/sim/machines/hotaisle-1/compiler"
check "gpu-check takes none" sh -c "! '$BUILD/gpufleetctl' run gpu-check '$tree_there' --on k 2>'$WORK/o' && grep -q \"recipe 'gpu-check' takes no directory\" '$WORK/o'"
check "gpu-check serves nothing" sh -c "! '$BUILD/gpufleetctl' serve gpu-check --on k 2>'$WORK/o' && grep -q 'it has no script that serves' '$WORK/o'"

# serve NAME [OPTION...]: in the background as $served, its address in $url
serve() {
	"$BUILD/gpufleetctl" serve test/Llama-3.3-70B --on k --env NAP=1 --set "port=$port" --no-qualify "${@:2}" >"$WORK/$1.url" 2>"$WORK/$1.err" &
	served=$!
	wait_for 30 sh -c "test -s '$WORK/$1.url' || ! kill -0 $served"
	url=$(cat "$WORK/$1.url")
	check "$1: an address that answers" wait_for 10 curl -sf --max-time 5 "$url/models"
	id=$(newest_run)
}
ask() { curl -sS --max-time 10 "$1/completions" -d '{"model":"test/Llama-3.3-70B","prompt":"a b","max_tokens":3}' 2>&1; }
echo fault=dies_at=4 >"$WORK/sim/machines/hotaisle-1/inference"
serve first
check "it is a port of this host's own" sh -c "echo '$url' | grep -qE '^http://127\.0\.0\.1:[0-9]+/v1\$' && ! echo '$url' | grep -q ':$port/'"
check "the model answers there" sh -c "echo '$(ask "$url")' | grep -q '\"completion_tokens\": 3'"
"$BUILD/gpufleetctl" forward k "$((port + 500)):$port" 2>"$WORK/forward.err" &
forward=$!
check "forward leads there, too" wait_for 10 curl -sf --max-time 5 "http://127.0.0.1:$((port + 500))/v1/models"
check "a port that is taken is said before anything begins" sh -c "! '$BUILD/gpufleetctl' forward k $((port + 500)):$port 2>'$WORK/o' && grep -q 'port $((port + 500)) of this host is taken' '$WORK/o'"
kill $forward
kill "$(pgrep -P "$served" ssh)"
check "a way that breaks is opened again" wait_for 10 curl -sf --max-time 5 "$url/models"
for _ in 1 2 3 4; do ask "$url" >/dev/null; done
wait_for 20 sh -c "! kill -0 $served"
wait $served
same "a server that dies: status 1" $? 1
check "and it is told why" sh -c "grep -q 'the server has ended: torch.OutOfMemoryError' '$WORK/first.err' && grep -q '^the server is gone: run $id failed (exit 1), ' '$WORK/first.err'"
same "its way is closed" "$(curl -s -o /dev/null -w '%{http_code}' "$url/models")" 000
rm "$WORK/sim/machines/hotaisle-1/inference"
serve idle --idle 6s
for _ in 1 2 3 4; do ask "$url" >/dev/null && sleep 2; done
check "a server that is asked now and then stays" kill -0 $served
wait_for 30 sh -c "! kill -0 $served"
wait $served
same "one that nobody asks ends well" $? 0
check "and says why" grep -q '^nothing was asked for 6 s: the server is ended$' "$WORK/idle.err"
"$BUILD/gpufleetctl" serve vllm-serve --on k --set "port=$port" >/dev/null 2>"$WORK/left.err" &
served=$!
wait_for 10 grep -q '^run [0-9]' "$WORK/left.err"
id=$(newest_run)
kill -TERM $served
wait $served
same "left alone: status 130" $? 130
check "and told how to come back" grep -q "gpufleetctl forward k 8000$" "$WORK/left.err"
ctl cancel "$id" >/dev/null
ended() { ctl runs --json | tr '{' '\n' | grep "\"id\": *$id," | grep -q '"state": *"DONE"'; }
check "cancelled, it ends" wait_for 30 ended
same "no server and no way is left" "$(pgrep -f "$WORK/sim/machines/.*/vllm|ssh -o UserKnownHostsFile=\"$WORK" | wc -l)" 0
check "all is given back" ctl down --all --yes
wait_for 20 nothing_bills
same "nothing bills" "$(sim_billing)" 0

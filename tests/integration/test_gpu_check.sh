#!/bin/sh
# The recipes gpu-check and script, in every shell there is, with the simulator's stand-ins for the GPU tools.
set -u
LC_ALL=C
export LC_ALL
unset GPUFLEET_GPU GPUFLEET_GPU_COUNT GPUFLEET_RESULTS DISK_MB BANDWIDTH COMMAND
top=$(cd "$(dirname "$0")/../.." && pwd)
recipe=$top/remote/recipes/gpu-check/run.sh
dir=$(mktemp -d "${TMPDIR:-/tmp}/gpucheck.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

# verdict NAME: ok when the command before it succeeded
verdict()
{
	if [ "$rc" = 0 ]; then
		echo "ok $1"
	else
		echo "not ok $1"
		sed 's/^/# /' "$dir/out"
	fi
}

# machine NAME PRODUCT ARCH MIB DRIVER SERIAL TOOL...: a directory with these tools
machine()
{
	m=$dir/$1
	mkdir -p "$m/bin" "$m/results" "$m/payload"
	printf "count=4\nvendor=%s\nproduct='%s'\narch=%s\nmemory_mib=%s\nwatts=700\nunits=304\ndevice=0x74a1\ndriver=%s\nserial=%s\n" \
		"${7-}" "$2" "$3" "$4" "$5" "$6" >"$m/gpu"
	shift 6
	for t in "$@"; do
		ln -s "$top/tests/sim/standins/$t" "$m/bin/$t"
	done
}

# check SHELL MACHINE: run the recipe there, output in $dir/out
check()
{
	(
		cd "$dir/$2/payload" || exit 1
		PATH=$dir/$2/bin:/usr/bin:/bin GPUFLEET_RESULTS=$dir/$2/results DISK_MB=${disk:-0} BANDWIDTH=${bandwidth:-false}
		export PATH GPUFLEET_RESULTS DISK_MB BANDWIDTH
		# shellcheck disable=SC2086
		exec $1 "$recipe"
	) >"$dir/out" 2>&1
}

has()
{
	grep -qxF "$2" "$dir/$1/results/results.jsonl" || { echo "no $2" >>"$dir/out"; false; }
}

machine amd 'AMD Instinct MI300X' gfx942 196592 6.10.5 2 amd-smi rocm-smi
machine wrapped 'AMD Instinct MI300X' gfx942 196592 6.10.5 3 amd-smi
machine rocm 'AMD Instinct MI300X' gfx942 196592 6.10.5 2 rocm-smi
machine nvidia 'NVIDIA H100 80GB HBM3' 9.0 81559 570.124.06 2 nvidia-smi
machine none x x 1 1 1

for sh in dash 'bash --posix' ${GPUFLEET_BUSYBOX:+"$GPUFLEET_BUSYBOX sh"}; do
	for m in amd wrapped rocm nvidia; do
		check "$sh" $m && has $m '{"metric":"gpu_count","value":4,"unit":"1"}' &&
			case $m in
			nvidia)
				has $m '{"metric":"gpu_memory","value":80,"unit":"GB"}' && has $m '{"metric":"driver","text":"570.124.06"}' &&
					has $m '{"metric":"gpu","text":"NVIDIA H100 80GB HBM3"}'
				;;
			*)
				has $m '{"metric":"gpu_memory","value":192,"unit":"GB"}' && has $m '{"metric":"driver","text":"6.10.5"}' &&
					has $m '{"metric":"gpu","text":"AMD Instinct MI300X"}' && has $m '{"metric":"gpu_power","value":616,"unit":"W"}'
				;;
			esac && grep -q '^gpufleet: progress 4/4' "$dir/out"
		rc=$?
		verdict "$sh: $m"
	done
done

export GPUFLEET_GPU GPUFLEET_GPU_COUNT
for case in nvidia:H100:4:0 nvidia:h100:4:0 nvidia:H100:3:79 nvidia:L4:4:79 'nvidia:H100 PCIe:4:79' amd:MI300X:4:0 amd:MI325X:4:79; do
	rest=${case#*:}
	GPUFLEET_GPU=${rest%%:*}
	rest=${rest#*:}
	GPUFLEET_GPU_COUNT=${rest%%:*}
	check dash "${case%%:*}"
	rc=$(($? != ${rest#*:}))
	[ "${rest#*:}" = 0 ] || [ "$(grep -c '^gpu-check: .*rented$' "$dir/out")" = 1 ] || rc=1
	verdict "rented $GPUFLEET_GPU:$GPUFLEET_GPU_COUNT, found ${case%%:*}"
done
unset GPUFLEET_GPU GPUFLEET_GPU_COUNT

# A GPU that says it is slowed down while it has nothing to do.
for m in amd wrapped nvidia; do
	echo 'throttled=2' >>"$dir/$m/gpu"
	check dash $m
	[ $? = 79 ] && grep -q '^gpu-check: GPU 2 is throttled before anything runs on it$' "$dir/out"
	rc=$?
	verdict "throttled: $m"
	echo 'throttled=' >>"$dir/$m/gpu"
done

# What PyTorch prints becomes figures with their units; the python here only says what it would.
cat >"$dir/amd/bin/python3" <<-'PYTHON'
	#!/bin/sh
	[ "$1" != -c ] || exit 0
	printf 'gpu_copy_in 55.1 GB/s\ngpu_copy_out 54.0 GB/s\ngpu_copy_inside 4100.5 GB/s\ngpu_matmul 612.3 TFLOPS\n'
PYTHON
chmod +x "$dir/amd/bin/python3"
bandwidth=true
check dash amd && has amd '{"metric":"gpu_matmul","value":612.3,"unit":"TFLOPS"}' && has amd '{"metric":"gpu_copy_inside","value":4100.5,"unit":"GB/s"}'
rc=$?
verdict 'matrix multiplication and copies'
rm "$dir/amd/bin/python3"
bandwidth=

check dash none
[ $? = 79 ] && grep -q '^gpu-check: no GPU answers' "$dir/out"
rc=$?
verdict 'no GPU is one sentence'

disk=8
check dash nvidia && grep -qE '"metric":"disk_write","value":[1-9][0-9]*,"unit":"MB/s"' "$dir/nvidia/results/results.jsonl" &&
	[ -z "$(ls "$dir/nvidia/payload")" ]
rc=$?
verdict 'the disk is measured and left as it was'

COMMAND='echo "a  b"; exit 7' sh "$top/remote/recipes/script/run.sh" >"$dir/out" 2>&1
[ $? = 7 ] && [ "$(cat "$dir/out")" = 'a  b' ]
rc=$?
verdict 'script runs a command'
sh "$top/remote/recipes/script/run.sh" >"$dir/out" 2>&1
[ $? = 2 ] && grep -q 'nothing to run' "$dir/out"
rc=$?
verdict 'script without a command says so'

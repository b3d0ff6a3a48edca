# What setup.sh and run.sh have in common: which GPU this is, how the server will run, which image. POSIX sh and awk only.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced
LC_ALL=C
PATH=$PATH:/opt/rocm/bin:/usr/local/cuda/bin:/usr/sbin:/sbin
export LC_ALL PATH

say()
{
	echo "vllm-serve: $*"
}

progress()
{
	echo "gpufleet: progress $*"
}

has()
{
	command -v "$1" >/dev/null 2>&1
}

# One line for JSON: quotes, backslashes and control characters are gone or escaped.
json_text()
{
	printf %s "$1" | tr '\000-\037' ' ' | sed 's/\\/\\\\/g; s/"/\\"/g'
}

# limited SECONDS COMMAND...: ended when it takes longer; 124 then. Not every machine has timeout(1).
limited()
{
	limited_seconds=$1
	limited_began=$(date +%s)
	shift
	"$@" &
	limited_job=$!
	# It looks each second whether the job is still there. Nobody has to end it: a signal right behind its birth could be lost.
	(
		i=0
		while [ "$i" -lt "$limited_seconds" ] && kill -0 "$limited_job" 2>/dev/null; do
			sleep 1
			i=$((i + 1))
		done
		kill -s TERM "$limited_job" 2>/dev/null && sleep 5 && kill -s KILL "$limited_job" 2>/dev/null
	) </dev/null >/dev/null 2>&1 &
	wait "$limited_job"
	limited_rc=$?
	case $limited_rc in
	143 | 137) [ "$(($(date +%s) - limited_began))" -lt "$limited_seconds" ] || limited_rc=124 ;;
	esac
	return $limited_rc
}

# ---- the GPU ----------------------------------------------------------------------------------------------------------------

# gfx942 from the kernel's own numbers: major*10000 + minor*100 + step, the step in hexadecimal.
kfd_arch()
{
	cat "${SYSFS_ROOT:-}"/sys/class/kfd/kfd/topology/nodes/*/properties 2>/dev/null | awk '
	$1 == "gfx_target_version" && $2 > 0 {
		printf "gfx%d%d%x\n", int($2 / 10000), int($2 / 100) % 100, $2 % 100
		exit
	}'
}

find_gpu()
{
	vendor= arch= gpu_count=0 gpu_name=
	if has nvidia-smi; then
		gpu_name=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1)
		gpu_count=$(nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null | grep -c '^[0-9]')
		arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d '. ')
		case $arch in
		*[!0-9]* | '') arch= ;;
		*) arch=sm_$arch ;;
		esac
		[ "$gpu_count" -eq 0 ] || vendor=nvidia
	fi
	if [ -z "$vendor" ] && has amd-smi; then
		amd=$(amd-smi static --asic --json 2>/dev/null)
		gpu_count=$(printf %s "$amd" | tr ',{' '\n\n' | grep -c '"gpu" *:')
		gpu_name=$(printf %s "$amd" | tr ',{' '\n\n' | sed -n 's/.*"market_name" *: *"\([^"]*\)".*/\1/p' | head -n 1)
		arch=$(printf %s "$amd" | tr ',{' '\n\n' | sed -n 's/.*"target_graphics_version" *: *"\([^":]*\).*/\1/p' | head -n 1)
		[ "$gpu_count" -eq 0 ] || vendor=amd
	fi
	if [ -z "$vendor" ] && has rocm-smi; then
		rocm=$(rocm-smi --showproductname --json 2>/dev/null)
		gpu_count=$(printf %s "$rocm" | tr ',{' '\n\n' | grep -c '"card[0-9]*" *:')
		gpu_name=$(printf %s "$rocm" | tr ',{' '\n\n' | sed -n 's/.*"Card [Ss]eries" *: *"\([^"]*\)".*/\1/p' | head -n 1)
		arch=$(printf %s "$rocm" | tr ',{' '\n\n' | sed -n 's/.*"GFX Version" *: *"\([^":]*\).*/\1/p' | head -n 1)
		[ "$gpu_count" -eq 0 ] || vendor=amd
	fi
	[ "$vendor" != amd ] || [ -n "$arch" ] || arch=$(kfd_arch)
	[ -n "$vendor" ]
}

# ---- docker or native -------------------------------------------------------------------------------------------------------

docker_works()
{
	has docker && limited 30 docker info </dev/null >/dev/null 2>&1
}

choose_mode()
{
	mode=${MODE:-auto}
	if [ "$mode" = auto ]; then
		mode=native
		! docker_works || mode=docker
	fi
	[ "$mode" != docker ] || docker_works || {
		echo "vllm-serve: docker does not work here; on RunPod and vast.ai rent the image itself (--image) and use --set mode=native" >&2
		return 1
	}
}

# Pinned by date or version (benchmarks §5); what really ran is recorded with its digest.
pinned_image()
{
	case $vendor:$arch in
	amd:gfx11* | amd:gfx12*) echo rocm/vllm-dev:rocm6.4.2_navi_ubuntu24.04_py3.12_pytorch_2.7_vllm_0.9.2 ;;
	amd:*) echo rocm/vllm:rocm7.0.0_vllm_0.11.2_20251210 ;;
	*) echo vllm/vllm-openai:v0.11.2 ;;
	esac
}

# A volume that the machine was ordered with keeps them for the next machine.
models=${MODELS:-${GPUFLEET_VOLUME:+$GPUFLEET_VOLUME/huggingface}}
models=${models:-$HOME/.cache/huggingface}
case $models in
/*) ;;
*) models=$HOME/$models ;;
esac

# Programs from HIP or CUDA source: the compiler, the GPU that it builds for, and a place that has both. Needs shell.sh;
# find_kernel_place and what follows it need gpu.sh, launch.sh and manifest.sh, too.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

# The compiler of a vendor's GPUs.
kernel_compiler()
{
	case $1 in
	amd) echo hipcc ;;
	*) echo nvcc ;;
	esac
}

# kernel_build VENDOR ARCH PROGRAM WORD...: for the GPU that is here and no other. nvcc takes no .cpp for GPU code unless it is told.
kernel_build()
{
	kernel_vendor=$1 kernel_arch=$2 kernel_program=$3
	shift 3
	if [ "$kernel_vendor" = amd ]; then
		set -- hipcc -O3 "--offload-arch=$kernel_arch" -o "$kernel_program" "$@"
	else
		case " $* " in
		*.cu\ *) set -- nvcc -O3 "-arch=$kernel_arch" -o "$kernel_program" "$@" ;;
		*) set -- nvcc -O3 "-arch=$kernel_arch" -x cu -o "$kernel_program" "$@" ;;
		esac
	fi
	say "$*"
	"$@"
}

# find_kernel_place COMMAND...: natively where the command says that all is there, else in docker. Sets $mode and $image.
find_kernel_place()
{
	find_gpu || {
		complain "no GPU answers (nvidia-smi, amd-smi and rocm-smi say nothing)"
		return 1
	}
	[ -n "$arch" ] || {
		complain "$gpu_name does not say its architecture; there is nothing to build for"
		return 1
	}
	mode=${MODE:-auto} image=
	if [ "$mode" = auto ]; then
		mode=native
		"$@" || ! docker_works || mode=docker
	fi
	if [ "$mode" = docker ]; then
		choose_mode || return 1
		image=${IMAGE:-$(pinned_image)}
	else
		"$@" || {
			complain "this machine has no $(kernel_compiler "$vendor") and no docker; rent an image with the development tools (--image)"
			return 1
		}
	fi
}

# The recipe's own directory and the results lie in the container where they lie here.
docker_mounts()
{
	printf '%s\n' "$PWD" "$GPUFLEET_RESULTS"
}

# A place to run things `inside` (launch.sh); kernel_leave takes it away.
kernel_enter()
{
	[ "$mode" = docker ] || return 0
	docker image inspect "$image" >/dev/null 2>&1 || pull_image || return 1
	container_start sleep infinity >/dev/null || {
		complain "docker cannot start a container of $image"
		return 1
	}
}

kernel_leave()
{
	[ "$mode" != docker ] || container_stop
}

# kernel_manifest PROGRAM: what ran, for stack_id; $work/bench_args holds the words that tell one measurement from another. Python's
# packages are part of it where Python measured, and nowhere else.
kernel_manifest()
{
	floor_missing=
	inside env >"$work/environment" 2>/dev/null
	manifest_begin
	manifest_host
	manifest_gpu
	if [ "$1" = python3 ]; then
		manifest_software
	else
		put_text compiler "$(inside "$(kernel_compiler "$vendor")" --version 2>/dev/null | grep -i 'version\|release' | head -n 1)"
		put_text image "$image"
		put_text image_digest "$([ "$mode" = docker ] && docker image inspect --format '{{index .RepoDigests 0}}' "$image" 2>/dev/null)"
		put_text launch_mode "$mode"
	fi
	manifest_end
}

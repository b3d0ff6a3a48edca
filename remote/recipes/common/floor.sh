# The environment that a platform needs (benchmarks §6), set before the server starts; a run without it is not valid.
# Unset is not empty: a variable that must be unset is unset, not set to nothing. What a person asks for in the parameter ENVIRONMENT is set,
# too, but not against the floor. Needs gpu.sh, and $work.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

floor_unset=
floor_set=
floor_args=

floor_of()
{
	case $1 in
	gfx1201)
		floor_unset="PYTORCH_ALLOC_CONF PYTORCH_HIP_ALLOC_CONF PYTORCH_CUDA_ALLOC_CONF"
		# 3 is what older guides say, and current PyTorch refuses it. The second device list hides a graphics unit in the CPU.
		visible=0
		[ "$gpu_count" -lt 2 ] || visible=0,1
		floor_set="VLLM_ROCM_USE_AITER=0 AMD_SERIALIZE_KERNEL=1 HIP_LAUNCH_BLOCKING=1 ROCR_VISIBLE_DEVICES=$visible"
		floor_args=--enforce-eager
		;;
	gfx942)
		floor_set="HIP_FORCE_DEV_KERNARG=1 SAFETENSORS_FAST_GPU=1 VLLM_ROCM_USE_AITER=${VLLM_ROCM_USE_AITER:-1}"
		;;
	esac
}

# Words for env(1) before the command, one per line: an image may have set what must be unset.
floor_words()
{
	for pair in ${ENVIRONMENT:-}; do
		printf '%s\n' "$pair"
	done
	for name in $floor_unset; do
		printf '%s\n' -u "$name"
	done
	for pair in $floor_set; do
		printf '%s\n' "$pair"
	done
}

# Names that are not as they must be in the environment of what runs ($work/environment, one variable a line), in $floor_missing: a
# wrapper around vllm, or the image's own start, may have changed them again.
floor_check()
{
	floor_missing=
	for name in $floor_unset; do
		! grep -q "^$name=" "$work/environment" || floor_missing="$floor_missing $name"
	done
	for pair in $floor_set; do
		grep -qxF "$pair" "$work/environment" || floor_missing="$floor_missing ${pair%%=*}"
	done
	[ -z "$floor_missing" ]
}

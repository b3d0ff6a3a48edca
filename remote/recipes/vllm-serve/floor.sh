# The environment that a platform needs (benchmarks §6), set before the server starts; a run without it is not valid.
# Unset is not empty: a variable that must be unset is unset, not set to nothing.
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

floor_apply()
{
	for name in $floor_unset; do
		unset "$name"
	done
	for pair in $floor_set; do
		export "${pair?}"
	done
}

# Names that are not as they must be, in $floor_missing; what the machine's own configuration did to them is seen here.
floor_check()
{
	floor_missing=
	for name in $floor_unset; do
		eval "there=\${$name+yes}"
		# shellcheck disable=SC2154 # set by eval
		[ -z "$there" ] || floor_missing="$floor_missing $name"
	done
	for pair in $floor_set; do
		eval "value=\${${pair%%=*}-}"
		# shellcheck disable=SC2154
		[ "$value" = "${pair#*=}" ] || floor_missing="$floor_missing ${pair%%=*}"
	done
	[ -z "$floor_missing" ]
}

# What setup.sh and run.sh have in common: how Ray and vLLM run here, and from which image.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced
LC_ALL=C
export LC_ALL

say()
{
	echo "vllm-ray: $*"
}

fail()
{
	echo "vllm-ray: $*" >&2
	exit 1
}

has()
{
	command -v "$1" >/dev/null 2>&1
}

choose_mode()
{
	mode=${MODE:-auto}
	if [ "$mode" = auto ]; then
		mode=native
		! docker info </dev/null >/dev/null 2>&1 || mode=docker
	fi
	image=
	[ "$mode" = native ] || image=${IMAGE:-$(pinned_image)}
}

nvidia()
{
	has nvidia-smi && nvidia-smi --query-gpu=name --format=csv,noheader >/dev/null 2>&1
}

# By date and version; both have Ray in them.
pinned_image()
{
	if nvidia; then
		echo vllm/vllm-openai:v0.11.2
	else
		echo rocm/vllm:rocm7.0.0_vllm_0.11.2_20251210
	fi
}

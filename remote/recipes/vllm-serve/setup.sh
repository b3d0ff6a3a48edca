#!/bin/sh
# The image, or the native vLLM, is there before the clock of the benchmark runs.
set -u
# shellcheck source=remote/recipes/vllm-serve/common.sh
. ./common.sh

find_gpu || {
	echo "vllm-serve: no GPU answers (nvidia-smi, amd-smi and rocm-smi say nothing)" >&2
	exit 1
}
choose_mode || exit 1
if [ "$mode" = native ]; then
	has vllm || {
		echo "vllm-serve: this machine has neither docker nor vllm; rent an image that has vllm (--image), or a VM" >&2
		exit 1
	}
	say "native: $(vllm --version 2>/dev/null | tail -n 1)"
	exit 0
fi
image=${IMAGE:-$(pinned_image)}
if docker image inspect "$image" >/dev/null 2>&1; then
	say "image $image is here already"
	exit 0
fi
say "pulling $image"
docker pull "$image" || {
	echo "vllm-serve: the image $image cannot be pulled" >&2
	exit 1
}

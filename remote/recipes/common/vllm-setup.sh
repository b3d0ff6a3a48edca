#!/bin/sh
# The image, or the native vLLM, is there before the clock of the benchmark runs.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=${GPUFLEET_RECIPE:-vllm}
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh

has vllm || get_docker || exit 1
find_place || exit 1
if [ "$mode" = docker ]; then
	pull_image
	exit
fi
has vllm || fail "this machine has neither docker nor vllm; rent an image that has vllm (--image), or a VM"
say "native: $(vllm --version 2>/dev/null | tail -n 1)"

#!/bin/sh
# On every instance: the image, or a native Ray and vLLM, is there before any of them begins.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=vllm-ray
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh

has ray || get_docker || exit 1
find_place || exit 1
if [ "$mode" = docker ]; then
	pull_image
	exit
fi
has vllm && has ray || fail "this machine has neither docker nor both of vllm and ray"
say "native: $(ray --version 2>/dev/null | tail -n 1)"

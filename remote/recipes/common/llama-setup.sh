#!/bin/sh
# llama.cpp is built before the clock of the benchmark runs. The same build serves all recipes with the same REF.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=llama.cpp
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh
# shellcheck source=remote/recipes/common/llama.sh
. ./common/llama.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/llama.XXXXXX") || exit 1
trap 'llama_end; rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP
! find_gpu || [ "${BACKEND:-auto}" = cpu ] || compiler_here || get_docker || exit 1
llama_place || exit 1
[ "$mode" = native ] || pull_image || exit 1
llama_begin && llama_build

#!/bin/sh
# The image is there; natively PyTorch and llm-compressor.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=quantize
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh
# shellcheck source=remote/recipes/common/python.sh
. ./common/python.sh

[ -n "$(package_version torch)" ] || get_docker || exit 1
find_place || exit 1
if [ "$mode" = docker ]; then
	pull_image
else
	python_with llmcompressor "$LLMCOMPRESSOR"
fi

#!/bin/sh
# On every instance: the image, or a native Ray and vLLM, is there before any of them begins.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
tools="ray vllm"
# shellcheck source=remote/recipes/common/vllm-setup.sh
. ./common/vllm-setup.sh

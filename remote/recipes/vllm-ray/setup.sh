#!/bin/sh
# On every instance: the image, or a native Ray and vLLM, is there before any of them begins.
set -u
# shellcheck source=remote/recipes/vllm-ray/common.sh
. ./common.sh

choose_mode
if [ "$mode" = native ]; then
	has vllm && has ray || fail "this machine has neither docker nor both of vllm and ray"
	say "native: $(ray --version 2>/dev/null | tail -n 1)"
elif docker image inspect "$image" >/dev/null 2>&1; then
	say "image $image is here already"
else
	say "pulling $image"
	docker pull "$image" || fail "the image $image cannot be pulled"
fi

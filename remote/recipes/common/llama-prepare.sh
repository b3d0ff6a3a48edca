#!/bin/sh
# The weights, and the text to measure with, are there, on the volume where there is one, before anybody pays for waiting: what
# `gpufleetctl prepare` runs behind setup.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=prepare
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh
# shellcheck source=remote/recipes/common/llama.sh
. ./common/llama.sh

for spec in "$MODEL" "${DRAFT:-}"; do
	[ -z "$spec" ] || model_file "$spec" || exit 1
done
if [ -n "${DATASET:-}" ]; then
	# shellcheck source=remote/recipes/common/dataset.sh
	. ./common/dataset.sh
	find_text "$DATASET" || exit 1
fi
sync
du -sk "$store/models" | awk '{ printf "{\"metric\":\"model_size\",\"value\":%.3f,\"unit\":\"GB\"}\n", $1 * 1024 / 1e9 }' >>"$GPUFLEET_RESULTS/results.jsonl"

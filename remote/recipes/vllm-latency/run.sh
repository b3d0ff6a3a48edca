#!/bin/sh
# One batch after the other, without a server: how long each takes (benchmarks §1.5). Reader: vllm-bench.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=vllm-latency
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh
# shellcheck source=remote/recipes/common/floor.sh
. ./common/floor.sh
# shellcheck source=remote/recipes/common/matrix.sh
. ./common/matrix.sh
# shellcheck source=remote/recipes/common/telemetry.sh
. ./common/telemetry.sh
# shellcheck source=remote/recipes/common/manifest.sh
. ./common/manifest.sh
# shellcheck source=remote/recipes/common/vllm.sh
. ./common/vllm.sh
# shellcheck source=remote/recipes/common/offline.sh
. ./common/offline.sh

# The batch is what reports show as concurrency.
cell_words()
{
	printf '%s\n' --input-len "$input" --output-len "$output" --batch-size "$streams_of"
}

level_text()
{
	printf ' in batches of %s' "$streams_of"
}

offline latency "$BATCH" --num-iters-warmup "$WARMUP_ITERATIONS" --num-iters "$ITERATIONS"

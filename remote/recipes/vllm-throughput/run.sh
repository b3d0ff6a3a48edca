#!/bin/sh
# All prompts at once, without a server: the most that the machine gives (benchmarks §1.4). Reader: vllm-bench.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=vllm-throughput
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

cell_words()
{
	printf '%s\n' --input-len "$input" --output-len "$output" --num-prompts "$PROMPTS" --seed "$((SEED + repeat - 1))"
}

level_text()
{
	:
}

# 0: no concurrency is asked for, the engine takes what it can.
offline throughput 0 --no-enable-prefix-caching

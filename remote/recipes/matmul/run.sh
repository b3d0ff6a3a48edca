#!/bin/sh
# Multiply on every GPU, each type several times; figures into results.jsonl with their share of what the data sheet promises.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=matmul
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh
# shellcheck source=remote/recipes/common/kernel.sh
. ./common/kernel.sh
# shellcheck source=remote/recipes/common/telemetry.sh
. ./common/telemetry.sh
# shellcheck source=remote/recipes/common/manifest.sh
. ./common/manifest.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/matmul.XXXXXX") || exit 1
mode=native
finish()
{
	telemetry_stop
	kernel_leave
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

can()
{
	sh ./measure.sh can "$vendor"
}

# Rows from the lines that were printed; medians and shares of each GPU at the end.
figures()
{
	awk -v size="$SIZE" -v peak="$peak" '
	function row(metric, value, unit, labels) {
		printf "{\"metric\":\"%s\",\"value\":%.2f,\"unit\":\"%s\",%s}\n", metric, value, unit, labels
	}
	/^(FP16|BF16) matmul: [0-9.]+ TFLOPS \(GPU [0-9]+, repeat [0-9]+, .*\)$/ {
		gpu = $6 + 0; repeat = $8 + 0; with = $0
		sub(/^[^(]*\(GPU [0-9]+, repeat [0-9]+, /, "", with); sub(/\)$/, "", with); gsub(/["\\]/, "", with)
		labels = sprintf("\"dtype\":\"%s\",\"size\":%d,\"gpu\":%d,\"with\":\"%s\"", tolower($1), size, gpu, with)
		row("matmul", $3, "TFLOPS", labels ",\"repeat\":" repeat)
		if (!(labels in n)) order[groups++] = labels
		value[labels, ++n[labels]] = $3 + 0
	}
	END {
		for (g = 0; g < groups; g++) {
			l = order[g]
			for (i = 2; i <= n[l]; i++)
				for (j = i; j > 1 && value[l, j - 1] > value[l, j]; j--) {
					t = value[l, j]; value[l, j] = value[l, j - 1]; value[l, j - 1] = t
				}
			m = int((n[l] + 1) / 2)
			median = n[l] % 2 ? value[l, m] : (value[l, m] + value[l, m + 1]) / 2
			row("matmul_median", median, "TFLOPS", l)
			if (peak > 0) row("peak_share", 100 * median / peak, "%", l)
		}
	}' "$GPUFLEET_RESULTS/matmul.log"
}

find_kernel_place can || exit 1
# By the GPU's data sheet; a GPU that nobody knows has figures and no share.
peak=$(awk -v own="${PEAK:-0}" -v known="${GPUFLEET_GPU_TFLOPS:-0}" 'BEGIN { print (own + 0 ? own : known) + 0 }')
say "$gpu_count x $gpu_name ($arch), $mode${image:+, image $image}"
kernel_enter || exit 1
printf '%s\n' "with=$WITH" "size=$SIZE" "warmup=$WARMUP" "iterations=$ITERATIONS" "dtypes=$DTYPES" >"$work/bench_args"
telemetry_start
# shellcheck disable=SC2086 # types are words
{
	inside env "GPUFLEET_RESULTS=$GPUFLEET_RESULTS" sh "$PWD/measure.sh" "$vendor" "$arch" "$WITH" "$SIZE" "$WARMUP" "$ITERATIONS" "$REPEATS" $DTYPES
	echo $? >"$work/rc"
} 2>&1 | tee "$GPUFLEET_RESULTS/matmul.log"
figures >"$GPUFLEET_RESULTS/results.jsonl"
program=kernel
! grep -q ', PyTorch [^,]*)$' "$GPUFLEET_RESULTS/matmul.log" || program=python3
kernel_manifest $program
[ -s "$GPUFLEET_RESULTS/results.jsonl" ] || fail "nothing was measured"
[ "$peak" != 0 ] || say "the data sheet of ${GPUFLEET_GPU:-this GPU} is not known: no share of its peak (--set peak=TFLOPS says it)"
slow=$(sed -n 's/^{"metric":"matmul_median","value":\([0-9.]*\),.*"dtype":"\([a-z0-9]*\)".*"gpu":\([0-9]*\),.*/\1 \2 \3/p' "$GPUFLEET_RESULTS/results.jsonl" |
	awk -v least="${LEAST:-0}" '$1 < least { printf "GPU %d reaches %s TFLOPS with %s, less than %s", $3, $1, $2, least; exit }')
[ -z "$slow" ] || fail "$slow"
exit "$(cat "$work/rc")"

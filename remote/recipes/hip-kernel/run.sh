#!/bin/sh
# Build and run the tree that came along, or the example; result lines become rows of results.jsonl.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=hip-kernel
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

work=$(mktemp -d "${TMPDIR:-/tmp}/hip-kernel.XXXXXX") || exit 1
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
	has "$(kernel_compiler "$vendor")"
}

# "Elapsed time kernel: 1.5 miliseconds" is elapsed_time_kernel, 1.5 ms. Lines of another form are only kept.
figures()
{
	awk '
	BEGIN {
		n = split("s sec second seconds ms msec millisecond milliseconds miliseconds us usec microsecond microseconds ns", w, " ")
		split("s s s s ms ms ms ms ms us us us us ns", u, " ")
		for (i = 1; i <= n; i++) unit[w[i]] = u[i]
		n = split("FLOPS GFLOPS TFLOPS PFLOPS GFLOP/s TFLOP/s GOPS TOPS B/s KB/s MB/s GB/s TB/s GiB/s tok/s B KB MB GB KiB MiB GiB W J Hz MHz GHz % x", w, " ")
		for (i = 1; i <= n; i++) unit[w[i]] = w[i]
	}
	/^gpufleet: repeat [0-9]+$/ { repeat = $3; next }
	/^[A-Za-z][A-Za-z0-9 _>()\/.-]*[:=] *[-+]?[0-9.]+([eE][-+]?[0-9]+)? +[A-Za-z%\/]+[ .]*$/ {
		at = match($0, /[:=] *[-+]?[0-9.]+([eE][-+]?[0-9]+)? +[A-Za-z%\/]+[ .]*$/)
		name = tolower(substr($0, 1, at - 1)); rest = substr($0, at + 1)
		gsub(/[^a-z0-9]+/, "_", name); gsub(/^_+|_+$/, "", name)
		split(rest, part, " "); sub(/\.$/, "", part[2])
		if (part[1] !~ /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$/ || !(part[2] in unit) || !repeat) next
		printf "{\"metric\":\"%s\",\"value\":%.10g,\"unit\":\"%s\",\"repeat\":%d}\n", substr(name, 1, 60), part[1], unit[part[2]], repeat
	}' "$GPUFLEET_RESULTS/output.log"
}

find_kernel_place can || exit 1
tree=$PWD/source
[ -d "$tree" ] || {
	tree=$PWD/example
	say "no directory was given: the example runs (gpufleetctl run hip-kernel DIRECTORY)"
}
# shellcheck disable=SC2086 # words
[ $# -gt 0 ] || set -- ${ARGUMENTS:-}
say "$gpu_count x $gpu_name ($arch), $mode${image:+, image $image}"
kernel_enter || exit 1
printf '%s\n' "arguments=$*" "flags=$FLAGS" "variant=$VARIANT" "build=$BUILD" \
	"source=$(cd "$tree" && find . -type f -exec cat {} + | sha256sum | cut -c 1-16)" >"$work/bench_args"
telemetry_start
{
	inside env "BUILD=$BUILD" "FLAGS=$FLAGS" "VARIANT=$VARIANT" "PROGRAM=$PROGRAM" "GPUFLEET_RESULTS=$GPUFLEET_RESULTS" \
		sh "$PWD/work.sh" "$vendor" "$arch" "$tree" "$REPEATS" "$@"
	echo $? >"$work/rc"
} 2>&1 | tee "$GPUFLEET_RESULTS/output.log"
figures >>"$GPUFLEET_RESULTS/results.jsonl"
kernel_manifest kernel
rc=$(cat "$work/rc")
[ "$rc" -eq 0 ] || exit "$rc"
[ -s "$GPUFLEET_RESULTS/results.jsonl" ] || fail "it ran and said no result: a line like 'FP16 matmul: 138.21 TFLOPS', or results.jsonl in \$GPUFLEET_RESULTS"

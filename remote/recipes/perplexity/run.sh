#!/bin/sh
# The slice through llama-perplexity, its beginning twice, the baseline, the verdict. Reader: gpufleet-jsonl.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=perplexity
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh
# shellcheck source=remote/recipes/common/telemetry.sh
. ./common/telemetry.sh
# shellcheck source=remote/recipes/common/manifest.sh
. ./common/manifest.sh
# shellcheck source=remote/recipes/common/llama.sh
. ./common/llama.sh
# shellcheck source=remote/recipes/common/dataset.sh
. ./common/dataset.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/perplexity.XXXXXX") || exit 1
trap 'telemetry_stop; llama_end; rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP
results=$GPUFLEET_RESULTS/results.jsonl
twice=2 # chunks

number()
{
	printf '{"metric":"%s","value":%s,"unit":"%s"}\n' "$1" "$2" "$3" >>"$results"
}

text()
{
	printf '{"metric":"%s","text":"%s"}\n' "$1" "$(json_text "$2")" >>"$results"
}

# measure FILE CHUNKS LOG: the last estimate is in the log
measure()
{
	{
		printf '%s\n' -m "$1" -f "$slice" -c "$CONTEXT" --chunks "$2" -ngl "$(gpu_layers)"
		[ "$THREADS" -eq 0 ] || printf '%s\n' -t "$THREADS"
		llama_flash llama-perplexity on
	} >"$work/bench_args"
	mark begin
	limited "$CELL_LIMIT" with_words "$work/bench_args" exec_inside "$llama/build/bin/llama-perplexity" >"$3" 2>&1 </dev/null
	rc=$?
	mark end
	[ "$rc" -ne 124 ] || fail "it took longer than $CELL_LIMIT s"
	estimate=$(sed -n 's/.*Final estimate: PPL = \([0-9.]*\) .*/\1/p' "$3" | tail -n 1)
	error=$(sed -n 's/.*Final estimate: PPL = [0-9.]* +\/- \([0-9.]*\).*/\1/p' "$3" | tail -n 1)
	[ -n "$estimate" ] || {
		text status failed
		text reason "$(llama_reason "$3")"
		fail "llama-perplexity gave no estimate ($(llama_reason "$3")): $(llama_complaint "$3")"
	}
}

# What it said behind the chunk with this number: "[2]5.1234,"
running()
{
	tr ',' '\n' <"$1" | sed -n "s/.*\[$2\]\([0-9.]*\).*/\1/p" | head -n 1
}

# $baseline from BASELINE, "" without one
find_baseline()
{
	baseline=
	case $BASELINE in
	'') return 0 ;;
	*:* | /*)
		model_file "$BASELINE" || exit 1
		progress "measuring the baseline"
		measure "$gguf" "$chunks" "$GPUFLEET_RESULTS/baseline.log"
		baseline=$estimate
		;;
	*[!0-9.]* | *.*.* | .) fail "the baseline '$BASELINE' is neither a perplexity nor a model" ;;
	*) baseline=$BASELINE ;;
	esac
	awk -v b="$baseline" 'BEGIN { exit !(b >= 1) }' || fail "the baseline $baseline is no perplexity: none is below 1"
}

llama_place || exit 1
chunks=$CHUNKS
[ "$chunks" -gt 0 ] || chunks=-1
mkdir -p "$store"
find_text "$DATASET" && model_file "$MODEL" || exit 1
model=$gguf
say "llama.cpp $REF for $vendor $arch, $mode${image:+, image $image}; $DATASET, $CHUNKS chunks of $CONTEXT tokens"
llama_begin && llama_build || exit 1
telemetry_start
find_baseline
progress "measuring $CHUNKS chunks of $CONTEXT tokens"
measure "$model" "$chunks" "$GPUFLEET_RESULTS/perplexity.log"
perplexity=$estimate spread=$error
[ "$chunks" -lt 0 ] || [ "$chunks" -ge "$twice" ] || twice=$chunks
progress "the first $twice chunks once more"
measure "$model" "$twice" "$GPUFLEET_RESULTS/again.log"
first=$(running "$GPUFLEET_RESULTS/perplexity.log" "$twice") again=$(running "$GPUFLEET_RESULTS/again.log" "$twice")
number perplexity "$perplexity" 1
[ -z "$spread" ] || number perplexity_error "$spread" 1
number chunks "$(tr ',' '\n' <"$GPUFLEET_RESULTS/perplexity.log" | grep -c '\[[0-9][0-9]*\][0-9]')" 1
number context "$CONTEXT" tokens
text dataset "$DATASET"
text dataset_sha256 "$slice_sha256"
verdict=
if [ -n "$baseline" ]; then
	number perplexity_baseline "$baseline" 1
	change=$(awk -v p="$perplexity" -v b="$baseline" 'BEGIN { printf "%.4f", (p / b - 1) * 100 }')
	number perplexity_change "$change" %
	number perplexity_limit "$LIMIT" %
	verdict=fail
	! awk -v c="$change" -v l="$LIMIT" 'BEGIN { exit !(c <= l) }' || verdict=pass
fi
deterministic=true
[ -n "$first" ] && [ "$first" = "$again" ] || deterministic=false
text deterministic "$deterministic"
[ "$deterministic" = true ] || verdict=fail
[ -z "$verdict" ] || text quality "$verdict"
progress "writing the manifest"
gguf=$model
manifest_begin
manifest_host
manifest_llama
put_text dataset "$DATASET"
put_text dataset_sha256 "$slice_sha256"
manifest_end
[ "$deterministic" = true ] ||
	fail "the same $twice chunks gave a perplexity of ${first:-nothing} and then of ${again:-nothing}: neither is to be believed"
say "perplexity $perplexity${spread:+ +/- $spread}${baseline:+, $change % against the baseline $baseline (limit $LIMIT %)}"
[ "$verdict" != fail ] || fail "perplexity $perplexity is $change % worse than the baseline $baseline; $LIMIT % are allowed"

#!/bin/sh
# One llama-bench for each depth with and without flash attention; then the scenarios with a draft model. Reader: llama-bench.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=llama-bench
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh
# shellcheck source=remote/recipes/common/matrix.sh
. ./common/matrix.sh
# shellcheck source=remote/recipes/common/telemetry.sh
. ./common/telemetry.sh
# shellcheck source=remote/recipes/common/manifest.sh
. ./common/manifest.sh
# shellcheck source=remote/recipes/common/llama.sh
. ./common/llama.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/llama-bench.XXXXXX") || exit 1
trap 'telemetry_stop; llama_end; rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP
measured=0
cells=0
streams_of=1

# Lines "name input output" of what llama-bench itself measures; "bad WORD" for what is none.
write_tests()
{
	pairs=$SCENARIOS
	[ -z "${DRAFT:-}" ] || pairs=
	printf '%s\n' "p $PROMPT" "n $ANSWER" "x $pairs" | awk '
	{
		for (i = 2; i <= NF; i++) {
			if ($1 == "x" && $i ~ /^[1-9][0-9]*x[1-9][0-9]*$/) { split($i, p, "x"); print $i, p[1], p[2] }
			else if ($1 == "p" && $i ~ /^[1-9][0-9]*$/) print "pp" $i, $i, 0
			else if ($1 == "n" && $i ~ /^[1-9][0-9]*$/) print "tg" $i, 0, $i
			else print "bad", $i
		}
	}' >"$work/tests"
	bad=$(sed -n 's/^bad //p' "$work/tests" | head -n 1)
	[ -z "$bad" ] || fail "'$bad' is neither a number of tokens nor a scenario like 128x128"
	for word in $DEPTHS $FLASH_ATTENTION; do
		case $word in
		*[!0-9]*) fail "'$word' is neither a depth nor 0 or 1 for flash attention" ;;
		esac
	done
	for word in $FLASH_ATTENTION; do
		[ "$word" -le 1 ] || fail "'$word' is neither 0 nor 1 for flash attention"
	done
}

# The words for the tests: -p 512,2048 -n 128 -pg 128,128. Without -p or -n it would measure its own.
test_words()
{
	awk '
	$3 == 0 { p = p (p == "" ? "" : ",") $2; next }
	$2 == 0 { n = n (n == "" ? "" : ",") $3; next }
	{ pairs = pairs "-pg\n" $2 "," $3 "\n" }
	END { printf "-p\n%s\n-n\n%s\n%s", p == "" ? 0 : p, n == "" ? 0 : n, pairs }' "$work/tests"
}

# bench FLASH DEPTH: every test that has no row in its output has failed, for one reason.
bench()
{
	file_of=bench_fa$1_d$2
	log=$GPUFLEET_RESULTS/$file_of.err
	{
		printf '%s\n' -m "$gguf" -r "$REPEATS" -ngl "$(gpu_layers)"
		[ "$THREADS" -eq 0 ] || printf '%s\n' -t "$THREADS"
		test_words
		# shellcheck disable=SC2086 # words
		[ -z "$BENCH_ARGS" ] || printf '%s\n' $BENCH_ARGS
	} >"$work/bench_args"
	mark begin # which test ran when, its rows say
	limited "$CELL_LIMIT" with_words "$work/bench_args" exec_inside "$llama/build/bin/llama-bench" -o jsonl -fa "$(bench_flash "$1")" -d "$2" \
		>"$GPUFLEET_RESULTS/$file_of.jsonl" 2>"$log" </dev/null
	rc=$?
	mark end
	reason=$(llama_reason "$log") detail=$(json_text "$(llama_complaint "$log")")
	[ "$rc" -ne 124 ] || reason=timeout detail="longer than $CELL_LIMIT s"
	while read -r name input output; do
		cells=$((cells + 1))
		if tr -d ' ' <"$GPUFLEET_RESULTS/$file_of.jsonl" | grep -q "\"n_prompt\":$input,\"n_gen\":$output,"; then
			measured=$((measured + 1))
			continue
		fi
		[ "$2" -eq 0 ] || name=$name@d$2
		[ "$1" -ne 0 ] || name="$name fa0"
		repeat=1
		record failed "$reason" "$detail"
		say "$name: $reason${detail:+: $detail}"
	done <"$work/tests"
}

# Words that become about as many tokens; how many they were, it says itself.
write_prompt()
{
	awk -v n="$1" 'BEGIN {
		split("the ship left early and came home late with all that the sea had given", word, " ")
		for (i = 0; i < n; i++) printf "%s%s", i ? " " : "", word[i % 15 + 1]
	}' >"$store/prompt-$1.txt"
}

# speculate INPUT OUTPUT REPEAT
speculate()
{
	name=$1x$2 input=$1 output=$2 repeat=$3
	file_of=draft_$name"_r$3"
	log=$GPUFLEET_RESULTS/$file_of.out
	cells=$((cells + 1))
	{
		printf '%s\n' -m "$gguf" -md "$draft" -ngl "$(gpu_layers)" -ngld "$(gpu_layers)" -f "$store/prompt-$1.txt" -n "$2" \
			-c "$(($1 * 2 + $2 + DRAFT_MAX + 64))" --draft-max "$DRAFT_MAX" --temp 0 --seed "$SEED" --ignore-eos
		[ "$THREADS" -eq 0 ] || printf '%s\n' -t "$THREADS"
		llama_flash llama-speculative "$flash"
	} >"$work/draft_args"
	mark begin "$name" "$input" "$output" "$streams_of" "$repeat"
	limited "$CELL_LIMIT" with_words "$work/draft_args" exec_inside "$llama/build/bin/llama-speculative" >"$log" 2>&1 </dev/null
	rc=$?
	mark end "$name" "$input" "$output" "$streams_of" "$repeat"
	if grep -q '^decoded .* tokens in ' "$log"; then
		measured=$((measured + 1))
		record ran
		return
	fi
	reason=$(llama_reason "$log") detail=$(json_text "$(llama_complaint "$log")")
	[ "$rc" -ne 124 ] || reason=timeout detail="longer than $CELL_LIMIT s"
	record failed "$reason" "$detail"
	say "$name with a draft model: $reason${detail:+: $detail}"
}

write_tests
llama_place || exit 1
model_file "$MODEL" || exit 1
model=$gguf draft=
[ -z "${DRAFT:-}" ] || { model_file "$DRAFT" && draft=$gguf; } || exit 1
gguf=$model
say "llama.cpp $REF for $vendor $arch, $mode${image:+, image $image}"
llama_begin && llama_build || exit 1
telemetry_start
for flash in $FLASH_ATTENTION; do
	for depth in $DEPTHS; do
		[ -s "$work/tests" ] || continue
		progress "depth $depth, flash attention $flash"
		bench "$flash" "$depth"
	done
done
[ -e "$work/bench_args" ] || : >"$work/bench_args"
flash=on
[ "${FLASH_ATTENTION%% *}" != 0 ] || flash=off
if [ -n "$draft" ]; then
	r=0
	while [ "$r" -lt "$REPEATS" ]; do
		r=$((r + 1))
		for pair in $SCENARIOS; do
			progress "$pair with a draft model, repeat $r of $REPEATS"
			write_prompt "${pair%x*}"
			speculate "${pair%x*}" "${pair#*x}" "$r"
		done
	done
	cp "$work/draft_args" "$work/engine_args"
fi
progress "writing the manifest"
manifest_begin
manifest_host
manifest_llama
put_text quantization "$(sed -n 's/.*"model_type": *"[^"]*[0-9]B \([^"]*\)".*/\1/p' "$GPUFLEET_RESULTS"/bench_*.jsonl 2>/dev/null | head -n 1)"
put_text kv_cache_dtype "$(sed -n 's/.*"type_k": *"\([^"]*\)".*/\1/p' "$GPUFLEET_RESULTS"/bench_*.jsonl 2>/dev/null | head -n 1)"
put_text draft_id "${DRAFT:-}"
[ -z "$draft" ] || put_text draft_sha256 "$(digest "$draft")"
manifest_end
say "$measured of $cells measured"
[ "$measured" -gt 0 ] || fail "nothing could be measured; see: gpufleetctl results"

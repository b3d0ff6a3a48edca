#!/bin/sh
# Quality first, then a process for each cell of the matrix. Reader: pace.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=pace
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh
# shellcheck source=remote/recipes/common/matrix.sh
. ./common/matrix.sh
# shellcheck source=remote/recipes/common/manifest.sh
. ./common/manifest.sh
# shellcheck source=remote/recipes/pace/place.sh
. ./place.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/pace.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP
measured=0

# The five configurations (benchmarks §3).
choose_models()
{
	case $CONFIG in
	qwen7b_*) MODEL=Qwen/Qwen2.5-7B-Instruct DRAFT=amd/PARD-Qwen2.5-0.5B ;;
	llama8b_*) MODEL=meta-llama/Llama-3.1-8B-Instruct DRAFT=amd/PARD-Llama-3.2-1B ;;
	deepseek32b_*) MODEL=deepseek-ai/DeepSeek-R1-Distill-Qwen-32B DRAFT=amd/PARD-DeepSeek-R1-Distill-Qwen-1.5B ;;
	*) [ -n "$MODEL" ] || fail "the configuration 'custom' wants a MODEL" ;;
	esac
	case $CONFIG in
	*_baseline) DRAFT= ;;
	esac
}

model_words()
{
	printf '"model_args":{"model_name":"%s","dtype":"bf16","llm_operators":{"Norm":"%s","QKVProjection":"TPP","Attention":"JIT",' "$(json_text "$MODEL")" "$1"
	printf '"OutProjection":"TPP","MLP":"TPP","LMHead":"TPP"},"spec_config":'
	if [ -n "$DRAFT" ]; then
		printf '{"model_name":"%s","num_speculated_tokens":%s}}' "$(json_text "$DRAFT")" "$DRAFT_TOKENS"
	else
		printf 'null}'
	fi
}

# TTFT and system metrics slow it down: they are off. PARD needs greedy decoding.
write_config()
{
	printf '{"frameworks":["pace"],%s,"use_real_data":true,' "$(model_words JIT)"
	printf '"generation_args":{"input_tokens":%s,"output_tokens":%s,"batch_size":%s,"kv_cache_type":"%s","do_sample":false,"manual_seed":0},' \
		"$input" "$output" "$streams_of" "$CACHE"
	printf '"warmup_runs":%s,"num_runs":%s,"verbose":true,"output_dir":"%s",' "$WARMUPS" "$RUNS" "$work/out"
	printf '"token_metrics":{"time_to_first_token":false,"time_per_tokens":false},"system_metrics":false}\n'
}

# pace_python SECONDS SCRIPT CONFIG: in the directory of the script, whose neighbours it imports
pace_python()
{
	(
		cd "$pace/source/benchmarks/llm/${2%/*}" || exit 1
		OMP_NUM_THREADS=$threads OMP_WAIT_POLICY=active HF_HOME=$models
		export OMP_NUM_THREADS OMP_WAIT_POLICY HF_HOME
		[ -z "$allocator" ] || export LD_PRELOAD="$allocator"
		# shellcheck disable=SC2086 # words
		limited "$1" $bind "$python" "${2##*/}" --config "$3"
	)
}

reason_of()
{
	if grep -qi 'gated repo\|GatedRepoError\|401 Client Error\|403 Client Error\|RepositoryNotFoundError' "$1"; then
		echo model_access
	elif grep -qi 'no space left on device' "$1"; then
		echo disk_full
	elif grep -qi "out of memory\|MemoryError\|can't allocate memory" "$1"; then
		echo oom
	else
		echo server_exited
	fi
}

last_error()
{
	grep -i 'error\|killed\|no space' "$1" 2>/dev/null | tail -n 1 | cut -c 1-110
}

# Greedy answers token by token against the reference, by PACE's own test.
check_quality()
{
	printf '{%s,"generation_args":{"kv_cache_type":"BMC","max_tokens":32,"batch_size":[1],"num_logprobs":5}}\n' "$(model_words NATIVE)" >"$work/quality.json"
	log=$GPUFLEET_RESULTS/quality.log
	pace_python "$CELL_LIMIT" correctness/test_correctness.py "$work/quality.json" >"$log" 2>&1
	rc=$?
	quality=fail
	if [ "$rc" -eq 0 ] && grep -q '\[PASS\]' "$log"; then
		quality=pass
	elif ! grep -q '\[FAIL\]' "$log"; then
		say "its answers could not be compared: $(last_error "$log")"
		return
	fi
	say "its answers: $quality"
	printf '{"metric":"quality","text":"%s"}\n' "$quality" >>"$GPUFLEET_RESULTS/results.jsonl"
}

measure()
{
	rm -rf "$work/out"
	mkdir "$work/out"
	write_config >"$work/config.json"
	log=$GPUFLEET_RESULTS/$file_of.log
	pace_python "$CELL_LIMIT" performance/benchmark_llm_offline.py "$work/config.json" >"$log" 2>&1
	rc=$?
	for document in "$work"/out/*_results.json; do
		[ -s "$document" ] || continue
		cp "$document" "$GPUFLEET_RESULTS/$file_of.json"
		measured=$((measured + 1))
		record ran
		return
	done
	reason=$(reason_of "$log") detail=$(json_text "$(last_error "$log")")
	[ "$rc" -ne 124 ] || reason=timeout detail="longer than $CELL_LIMIT s"
	record failed "$reason" "$detail"
	say "$name: $reason${detail:+: $detail}"
}

choose_models
choose_cores
write_plan "$BATCH"
printf '%s\n' "runs=$RUNS" "warmups=$WARMUPS" "draft_tokens=${DRAFT:+$DRAFT_TOKENS}" do_sample=false manual_seed=0 use_real_data=true >"$work/bench_args"
mkdir -p "$models"
[ -x "$python" ] || fail "AMD PACE $REF is not here: its setup has not run"
say "$MODEL${DRAFT:+ with $DRAFT}, $threads threads${bind:+, $bind}${allocator:+, tcmalloc}"
if [ "$QUALITY" = true ]; then
	progress "comparing its answers"
	check_quality
fi
began=$(date +%s)
at=0
while read -r cell <&3; do
	at=$((at + 1))
	# shellcheck disable=SC2086 # words
	take_cell $cell
	progress "scenario $at of $cells: $name, batch $streams_of, repeat $repeat of $REPEATS$(eta)"
	measure </dev/null
done 3<"$work/plan"
progress "writing the manifest"
manifest_begin
manifest_host
manifest_software transformers
put_text framework "AMD PACE $REF"
put_text pace_commit "$(first_line "$pace/commit")"
put_text config "$CONFIG"
manifest_model
put_text draft_id "$DRAFT"
put_text dtype bfloat16
put_text kv_cache_type "$CACHE"
put_number omp_num_threads "$threads"
put_text numa_binding "$bind"
put_text allocator "$allocator"
{ env; echo "OMP_NUM_THREADS=$threads"; echo OMP_WAIT_POLICY=active; } >"$work/environment"
floor_missing=
manifest_end
say "$measured of $cells measured"
[ "$measured" -gt 0 ] || fail "nothing could be measured; see: gpufleetctl results"

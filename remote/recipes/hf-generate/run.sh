#!/bin/sh
# The matrix through model.generate(), with the model loaded once. Reader: gpufleet-jsonl.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=hf-generate
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
# shellcheck source=remote/recipes/common/python.sh
. ./common/python.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/hf-generate.XXXXXX") || exit 1
results=$GPUFLEET_RESULTS/results.jsonl
log=$GPUFLEET_RESULTS/generate.log

finish()
{
	telemetry_stop
	[ "$mode" != docker ] || container_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

# Cells of the plan that nothing was said about, because Python ended before them: REASON DETAIL
fail_rest()
{
	while read -r cell; do
		# shellcheck disable=SC2086 # words
		take_cell $cell
		labels=$(printf '"scenario":"%s","input":%s,"output":%s,"concurrency":%s,"repeat":%s' "$name" "$input" "$output" "$streams_of" "$repeat")
		grep -qF "{\"metric\":\"status\",$labels," "$results" 2>/dev/null ||
			printf '{"metric":"status",%s,"text":"failed","reason":"%s","detail":"%s"}\n' "$labels" "$1" "$2" >>"$results"
	done <"$work/plan"
}

# Why Python ended, in the codes of benchmarks §7.5.
reason_of()
{
	if grep -qi 'gated repo\|GatedRepoError\|401 Client Error\|403 Client Error\|RepositoryNotFoundError' "$log"; then
		echo model_access
	elif grep -qi 'no space left on device' "$log"; then
		echo disk_full
	elif grep -qi 'out of memory' "$log"; then
		echo oom
	elif grep -qi 'memory access fault by gpu\|HSA_STATUS_ERROR' "$log"; then
		echo gpu_fault
	else
		echo server_exited
	fi
}

find_place || exit 1
write_plan "$BATCH"
rm -f "$plan" # how each cell went is said in results.jsonl, beside its figures
mkdir -p "$models"
floor_of "$arch"
say "$gpu_count x $gpu_name ($arch), $mode${image:+, image $image}"
if [ "$mode" = docker ]; then
	container_start sleep infinity >"$work/container" 2>"$work/docker.err" || {
		fail_rest server_exited "$(json_text "$(tail -n 1 "$work/docker.err" | cut -c 1-110)")"
		fail "the container did not start: $(tail -n 1 "$work/docker.err")"
	}
fi
python_with transformers "${TRANSFORMERS:-}" || {
	fail_rest server_exited "no Transformers here"
	exit 1
}
# The directory of the results is the one that both see.
cp "$work/plan" "$GPUFLEET_RESULTS/plan.txt"
cp generate.py "$GPUFLEET_RESULTS/generate.py"
{ floor_words; echo env; } >"$work/environment_words"
with_words "$work/environment_words" inside env >"$work/environment" 2>/dev/null
floor_check || {
	fail_rest env_floor "not as $arch needs it:$floor_missing"
	fail "the environment is not as $arch needs it:$floor_missing"
}
printf '%s\n' "$python" generate.py --model "$MODEL" --dtype "$DTYPE" --attention "$ATTENTION" --warmup "$WARMUP" >"$work/bench_args"
[ -z "${REVISION:-}" ] || printf '%s\n' --revision "$REVISION" >>"$work/bench_args"
at=$(inside_results)
{
	floor_words
	sed "s,^generate.py\$,$at/generate.py," "$work/bench_args"
	printf '%s\n' --seed "$SEED" --plan "$at/plan.txt" --results "$at/results.jsonl"
} >"$work/words"
telemetry_start
progress "loading $MODEL"
# What it says goes on here; what went wrong is looked for in the log.
{ with_words "$work/words" inside env 2>"$log" </dev/null; echo $? >"$work/rc"; } | sed -n '/^gpufleet: progress /p; /^hf-generate: /p'
rc=$(cat "$work/rc")
rm -f "$GPUFLEET_RESULTS/plan.txt" "$GPUFLEET_RESULTS/generate.py"
[ "$rc" -eq 0 ] || fail_rest "$(reason_of)" "$(json_text "$(complaint "$log")")"
progress "writing the manifest"
manifest_begin
manifest_host
manifest_gpu
manifest_software transformers accelerate
manifest_model
put_text dtype "$(sed -n 's/.*"metric":"dtype","text":"\([^"]*\)".*/\1/p' "$results" | tail -n 1)"
manifest_end
measured=$(grep -c '"metric":"status",.*"text":"ok"' "$results")
say "$measured of $cells measured"
[ "$measured" -gt 0 ] || fail "nothing could be measured: $(complaint "$log")"

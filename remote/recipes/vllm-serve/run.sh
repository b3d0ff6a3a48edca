#!/bin/sh
# Start the server, run the matrix, say how each part of it went in scenarios.jsonl. Reader: vllm-bench.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=vllm-serve
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
# shellcheck source=remote/recipes/vllm-serve/server.sh
. ./server.sh
# shellcheck source=remote/recipes/vllm-serve/client.sh
. ./client.sh

server_flag=--no-enable-prefix-caching # else a repeated prompt would be answered from memory
work=$(mktemp -d "${TMPDIR:-/tmp}/vllm-serve.XXXXXX") || exit 1
measured=0
max_model_len=
reason=
detail=

finish()
{
	telemetry_stop
	server_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

# ---- one cell ---------------------------------------------------------------------------------------------------------------

warm_up()
{
	key=$name.$streams_of
	[ "${WARMUP:-true}" = true ] && [ ! -e "$work/warm.$key" ] || return 0
	: >"$work/warm.$key"
	client_run warmup "$CELL_LIMIT" "$input" "$output" "$streams_of" "$streams_of" "$((SEED - 1))" warmup=1
	rm -f "$GPUFLEET_RESULTS/warmup.json" "$GPUFLEET_RESULTS/warmup.out"
}

succeeded()
{
	grep -q '"completed": *[1-9]' "$GPUFLEET_RESULTS/$file_of.json" 2>/dev/null
}

measure()
{
	warm_up
	mark begin "$name" "$input" "$output" "$streams_of" "$repeat"
	client_run "$file_of" "$CELL_LIMIT" "$input" "$output" "$streams_of" "$((PROMPTS * streams_of))" "$((SEED + repeat - 1))" \
		"scenario=$name" "repeat=$repeat" "run=${GPUFLEET_RUN_ID:-0}"
	rc=$?
	mark end "$name" "$input" "$output" "$streams_of" "$repeat"
	if succeeded; then
		measured=$((measured + 1))
		record ran
		return 0
	fi
	reason=request_errors detail=
	if ! server_lives; then
		server_said
		reason=server_exited detail=$(json_text "$(complaint "$server_log")")
	elif [ "$rc" -eq 124 ]; then
		reason=timeout detail="longer than $CELL_LIMIT s"
	elif [ -s "$GPUFLEET_RESULTS/$file_of.json" ]; then
		client_probe "$input" "$output"
	else
		reason=parse_error detail=$(json_text "$(tail -n 1 "$GPUFLEET_RESULTS/$file_of.out" 2>/dev/null | cut -c 1-110)")
		# What it printed may say all that the document would have.
		if grep -q 'Serving Benchmark Result' "$GPUFLEET_RESULTS/$file_of.out" 2>/dev/null; then
			record ran
			measured=$((measured + 1))
			return 0
		fi
	fi
	record failed "$reason" "$detail"
	[ "$reason" != server_exited ]
}

# ---- all of it --------------------------------------------------------------------------------------------------------------

find_place || exit 1
write_plan "$CONCURRENCY"
mkdir -p "$models"
floor_of "$arch"
say "$gpu_count x $gpu_name ($arch), $mode${image:+, image $image}"
progress "starting the server"
start || {
	record_rest 1 "$reason" "$detail"
	fail "the server did not come up: $reason${detail:+: $detail}"
}
server_environment >"$work/environment"
floor_check || {
	record_rest 1 env_floor "not as $arch needs it:$floor_missing"
	fail "the environment of the server is not as $arch needs it:$floor_missing"
}
max_model_len=$(get /v1/models | sed -n 's/.*"max_model_len" *: *\([0-9]*\).*/\1/p' | head -n 1)
say "server $(get /version | tr -d '{}"' | cut -c 1-60), max_model_len ${max_model_len:-unknown}"
bench_find serve || fail "this vLLM has no benchmark client (vllm bench serve)"
telemetry_start
began=$(date +%s)
restarts=0
at=0
while read -r cell <&3; do
	at=$((at + 1))
	# shellcheck disable=SC2086 # words
	take_cell $cell
	progress "scenario $at of $cells: $name at concurrency $streams_of, repeat $repeat of $REPEATS$(eta)"
	if [ -n "$max_model_len" ] && [ "$((input + output))" -gt "$max_model_len" ]; then
		record skipped context_exceeded "$((input + output)) tokens requested, max_model_len $max_model_len"
		continue
	fi
	measure && continue
	# The server is gone: a new one for what is left, twice at most.
	restarts=$((restarts + 1))
	server_stop
	reason=
	if [ "$restarts" -gt 2 ] || ! start; then
		record_rest "$((at + 1))" "${reason:-server_exited}" "$detail"
		break
	fi
done 3<"$work/plan"
progress "writing the manifest"
manifest_begin
manifest_host
manifest_gpu
manifest_software vllm
manifest_model
manifest_engine "$server_log"
manifest_end
say "$measured of $cells measured"
[ "$measured" -gt 0 ] || fail "nothing could be measured; see: gpufleetctl results"

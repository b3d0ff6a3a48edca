#!/bin/sh
# Rank 0: the head, the server, the measurements. The others: a node each, until the head is gone. Reader: vllm-bench.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=vllm-ray
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh
# shellcheck source=remote/recipes/common/floor.sh
. ./common/floor.sh
# shellcheck source=remote/recipes/common/vllm.sh
. ./common/vllm.sh
# shellcheck source=remote/recipes/common/matrix.sh
. ./common/matrix.sh
# shellcheck source=remote/recipes/common/telemetry.sh
. ./common/telemetry.sh
# shellcheck source=remote/recipes/common/manifest.sh
. ./common/manifest.sh
# shellcheck source=remote/recipes/vllm-ray/ray.sh
. ./ray.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/vllm-ray.XXXXXX") || exit 1
server_log=$GPUFLEET_RESULTS/server.log
server_pid=
measured=0
at=0

finish()
{
	telemetry_stop
	[ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null
	node_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

# Whether it went well is rank 0's to say.
work_as_node()
{
	say "joined $head as $GPUFLEET_ADDRESS"
	while node_lives; do sleep "$NAP"; done
	say "the cluster has ended"
}

await_cluster()
{
	wanted=$((GPUFLEET_INSTANCES * GPUFLEET_GPU_COUNT)) waited=0
	while gpus=$(cluster_gpus) && [ "${gpus:-0}" -lt "$wanted" ]; do
		node_lives || fail "Ray's head has ended: $(tail -n 1 "$ray_log")"
		[ "$waited" -lt "$JOIN_LIMIT" ] || fail "the cluster has ${gpus:-0} of $wanted GPUs after $waited s"
		progress "the cluster has ${gpus:-0} of $wanted GPUs"
		sleep "$NAP"
		waited=$((waited + NAP))
	done
	say "the cluster has $gpus GPUs on $GPUFLEET_INSTANCES instances"
}

answers()
{
	if has curl; then
		curl -sf --max-time 10 "http://127.0.0.1:$PORT/health"
	else
		inside python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=10)' "http://127.0.0.1:$PORT/health"
	fi >/dev/null 2>&1 </dev/null
}

# Nothing that is still to come can be measured: from cell $at + 1 on.
server_ended()
{
	detail=$(json_text "$(complaint "$server_log")")
	record_rest "$((at + 1))" server_exited "$detail"
	fail "the server ended: $detail"
}

serve()
{
	# Somebody else's server would answer for ours.
	last_port=$((PORT + 20))
	while answers && [ "$PORT" -lt "$last_port" ]; do PORT=$((PORT + 1)); done
	{
		printf '%s\n' serve "$MODEL" --host 127.0.0.1 --port "$PORT" --no-enable-prefix-caching \
			--distributed-executor-backend ray --pipeline-parallel-size "$GPUFLEET_INSTANCES"
		TENSOR_PARALLEL=$GPUFLEET_GPU_COUNT engine_words
		for word in $SERVE_ARGS; do printf '%s\n' "$word"; done
	} >"$work/engine_args"
	{
		floor_words
		printf '%s\n' "RAY_ADDRESS=$head" vllm
		cat "$work/engine_args"
	} >"$work/server"
	(with_words "$work/server" exec_inside env) >"$server_log" 2>&1 </dev/null &
	server_pid=$! waited=0
	until answers; do
		process_lives "$server_pid" || server_ended
		[ "$waited" -lt "$START_LIMIT" ] || {
			record_rest 1 server_start_timeout "not ready after $waited s"
			fail "the server is not ready after $waited s"
		}
		[ $((waited % 60)) -ge "$NAP" ] || progress "loading $MODEL: $((waited / 60)) min"
		sleep "$NAP"
		waited=$((waited + NAP))
	done
}

# One cell of the plan, with the client of the pinned version.
measure()
{
	set -- vllm bench serve --backend openai --base-url "http://127.0.0.1:$PORT" --endpoint /v1/completions --model "$MODEL" \
		--dataset-name random --random-range-ratio 0.0 --ignore-eos --temperature 0 --request-rate inf \
		--percentile-metrics ttft,tpot,itl,e2el --metric-percentiles 50,90,95,99 --disable-tqdm --save-result
	# What all runs have in common identifies the stack; what differs from one to the next does not.
	printf '%s\n' "$@" >"$work/bench_args"
	mark begin "$name" "$input" "$output" "$streams_of" "$repeat"
	inside "$@" --random-input-len "$input" --random-output-len "$output" --max-concurrency "$streams_of" \
		--num-prompts "$((PROMPTS * streams_of))" --seed "$((SEED + repeat - 1))" --result-dir "$(inside_results)" --result-filename "$file_of.json" \
		--metadata "scenario=$name" "repeat=$repeat" >"$GPUFLEET_RESULTS/$file_of.out" 2>&1 </dev/null
	mark end "$name" "$input" "$output" "$streams_of" "$repeat"
	if grep -q '"completed": *[1-9]' "$GPUFLEET_RESULTS/$file_of.json" 2>/dev/null; then
		measured=$((measured + 1))
		record ran
	elif process_lives "$server_pid"; then
		record failed request_errors "$(json_text "$(tail -n 1 "$GPUFLEET_RESULTS/$file_of.out" | cut -c 1-110)")"
	else
		record failed server_exited "$(json_text "$(complaint "$server_log")")"
		server_ended
	fi
}

measure_all()
{
	at=0 began=$(date +%s)
	while read -r cell <&3; do
		at=$((at + 1))
		# shellcheck disable=SC2086 # words
		take_cell $cell
		progress "scenario $at of $cells: $name at concurrency $streams_of, repeat $repeat of $REPEATS$(eta)"
		measure
	done 3<"$work/plan"
}

# Of rank 0's machine, with what is known of the others: how many there are.
write_manifest()
{
	progress "writing the manifest"
	max_model_len=$(sed -n 's/.*LLM engine (.*max_seq_len=\([0-9]*\).*/\1/p' "$server_log" | tail -n 1)
	manifest_begin
	manifest_host
	manifest_gpu
	put_number instances "$GPUFLEET_INSTANCES"
	put_number ranks "$GPUFLEET_INSTANCES" # one for each instance
	put_number rank "$GPUFLEET_RANK"
	put_number cluster_gpu_count "$gpus"
	manifest_software vllm
	put_text ray_version "$(inside ray --version 2>/dev/null </dev/null | sed -n 's/.*version *//p' | tail -n 1)"
	manifest_model
	manifest_engine "$server_log"
	manifest_end
}

find_place || exit 1
mkdir -p "$models"
floor_of "$arch"
say "rank $GPUFLEET_RANK: $gpu_count x $gpu_name ($arch), $mode${image:+, image $image}"
[ "$GPUFLEET_RANK" != 0 ] || write_plan "$CONCURRENCY"
join_cluster
{ floor_words; echo env; } >"$work/environment_words"
with_words "$work/environment_words" inside env >"$work/environment" 2>/dev/null
floor_check || {
	[ "$GPUFLEET_RANK" != 0 ] || record_rest 1 env_floor "not as $arch needs it:$floor_missing"
	fail "the environment is not as $arch needs it:$floor_missing"
}
telemetry_start
if [ "$GPUFLEET_RANK" != 0 ]; then
	work_as_node
	exit 0
fi
await_cluster
serve
measure_all
write_manifest
say "$measured of $cells measured"
[ "$measured" -gt 0 ] || fail "nothing could be measured; see: gpufleetctl results"

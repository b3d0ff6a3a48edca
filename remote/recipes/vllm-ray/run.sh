#!/bin/sh
# Rank 0: the head, the server, the measurements. The others: a node each, until the head is gone. Reader: vllm-bench.
set -u
# shellcheck source=remote/recipes/vllm-ray/common.sh
. ./common.sh
# shellcheck source=remote/recipes/vllm-ray/ray.sh
. ./ray.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/vllm-ray.XXXXXX") || exit 1
server_log=$GPUFLEET_RESULTS/server.log
server_pid=
models=${MODELS:-${GPUFLEET_VOLUME:+$GPUFLEET_VOLUME/huggingface}}
models=${models:-$HOME/.cache/huggingface}

finish()
{
	[ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null
	node_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

progress()
{
	echo "gpufleet: progress $*"
}

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
	fi >/dev/null 2>&1
}

serve()
{
	set -- env "RAY_ADDRESS=$head" vllm serve "$MODEL" --host 127.0.0.1 --port "$PORT" --distributed-executor-backend ray \
		--tensor-parallel-size "$GPUFLEET_GPU_COUNT" --pipeline-parallel-size "$GPUFLEET_INSTANCES" \
		--gpu-memory-utilization "$UTILIZATION" --no-enable-prefix-caching
	[ "$MAX_MODEL_LEN" -eq 0 ] || set -- "$@" --max-model-len "$MAX_MODEL_LEN"
	# shellcheck disable=SC2086 # words
	inside "$@" $SERVE_ARGS >"$server_log" 2>&1 </dev/null &
	server_pid=$! waited=0
	until answers; do
		process_lives "$server_pid" || fail "the server ended: $(grep -i error "$server_log" | tail -n 1)"
		[ "$waited" -lt "$START_LIMIT" ] || fail "the server is not ready after $waited s"
		[ $((waited % 60)) -ge "$NAP" ] || progress "loading $MODEL: $((waited / 60)) min"
		sleep "$NAP"
		waited=$((waited + NAP))
	done
}

# measure NUMBER SCENARIO CONCURRENCY REPEAT
measure()
{
	input=${2%x*} output=${2#*x}
	file=$(printf 's%02d_c%s_r%s' "$1" "$3" "$4")
	results=$GPUFLEET_RESULTS status=failed reason=request_errors
	[ "$mode" = native ] || results=/results
	progress "$2 at concurrency $3, repeat $4 of $REPEATS"
	inside vllm bench serve --backend openai --base-url "http://127.0.0.1:$PORT" --endpoint /v1/completions --model "$MODEL" \
		--dataset-name random --random-range-ratio 0.0 --random-input-len "$input" --random-output-len "$output" --ignore-eos \
		--temperature 0 --request-rate inf --max-concurrency "$3" --num-prompts "$((PROMPTS * $3))" --seed "$((SEED + $4 - 1))" \
		--percentile-metrics ttft,tpot,itl,e2el --metric-percentiles 50,90,95,99 --disable-tqdm \
		--save-result --result-dir "$results" --result-filename "$file.json" --metadata "scenario=$2" "repeat=$4" \
		>"$GPUFLEET_RESULTS/$file.out" 2>&1 </dev/null
	if grep -q '"completed": *[1-9]' "$GPUFLEET_RESULTS/$file.json" 2>/dev/null; then
		status=ran reason= measured=$((measured + 1))
	elif ! process_lives "$server_pid"; then
		reason=server_exited
	fi
	printf '{"scenario":"%s","input":%s,"output":%s,"concurrency":%s,"repeat":%s,"file":"%s","status":"%s","reason":"%s","detail":""}\n' \
		"$2" "$input" "$output" "$3" "$4" "$file" "$status" "$reason" >>"$GPUFLEET_RESULTS/scenarios.jsonl"
	[ "$reason" != server_exited ] || fail "the server ended: $(grep -i error "$server_log" | tail -n 1)"
}

measure_all()
{
	measured=0
	for repeat in $(awk -v n="$REPEATS" 'BEGIN { for (i = 1; i <= n; i++) print i }'); do
		number=0
		for scenario in $SCENARIOS; do
			number=$((number + 1))
			for concurrency in $CONCURRENCY; do
				measure "$number" "$scenario" "$concurrency" "$repeat"
			done
		done
	done
	[ "$measured" -gt 0 ] || fail "nothing could be measured"
	say "$measured measured"
}

choose_mode
for scenario in $SCENARIOS; do
	case $scenario in
	[1-9]*x[1-9]*) ;;
	*) fail "'$scenario' is no scenario like 1000x1000" ;;
	esac
done
join_cluster
if [ "$GPUFLEET_RANK" != 0 ]; then
	work_as_node
	exit 0
fi
await_cluster
serve
measure_all

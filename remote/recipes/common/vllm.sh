# vLLM's commands of any version, and what its log says of an end. Needs launch.sh and floor.sh.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

# bench_find serve|throughput|latency: $client is the command, $work/help what it knows. Up to 0.8 it was a script (benchmarks §1).
bench_find()
{
	client="vllm bench $1"
	# Grouped help from 0.11 on shows everything only when asked.
	inside vllm bench "$1" --help=all >"$work/help" 2>/dev/null || inside vllm bench "$1" --help >"$work/help" 2>/dev/null || {
		script=benchmark_$1.py
		[ "$1" != serve ] || script=benchmark_serving.py
		for script in "$script" "/app/vllm/benchmarks/$script"; do
			if inside python3 "$script" --help >"$work/help" 2>/dev/null; then
				client="python3 $script"
				return 0
			fi
		done
		return 1
	}
}

# Does the command that bench_find found know this flag?
knows()
{
	grep -q -e "$1" "$work/help"
}

# Words of the engine that servers and offline benchmarks share, one per line.
engine_words()
{
	tensor_parallel=${TENSOR_PARALLEL:-0}
	[ "$tensor_parallel" -ne 0 ] || tensor_parallel=$gpu_count
	printf '%s\n' --tensor-parallel-size "$tensor_parallel" --gpu-memory-utilization "$UTILIZATION"
	[ "${MAX_MODEL_LEN:-0}" -eq 0 ] || printf '%s\n' --max-model-len "$MAX_MODEL_LEN"
	[ -z "${QUANTIZATION:-}" ] || printf '%s\n' --quantization "$QUANTIZATION"
	[ -z "${REVISION:-}" ] || printf '%s\n' --revision "$REVISION"
	for word in $floor_args; do
		printf '%s\n' "$word"
	done
}

# complaint LOG: its last line that names an error, what a person would look for.
complaint()
{
	sed 's/\x1b\[[0-9;]*[A-Za-z]//g' "$1" 2>/dev/null | grep -v 'See root cause above' |
		grep -i 'error\|fault\|out of memory\|no space left\|cannot\|denied' | tail -n 1 | cut -c 1-120
}

# Samples of the GPUs while the benchmark runs (benchmarks §4.5): on for all repeats or for none, since asking costs a little.
# shellcheck shell=sh

telemetry_pid=

sample_amd()
{
	while :; do
		d=$(amd-smi metric -u -p -t -m --json 2>/dev/null | tr -d '\n' | sed 's/^[^[{]*//')
		printf '{"t":%s,"d":%s}\n' "$(date -u +%s.%N)" "${d:-null}"
		sleep "$telemetry_period"
	done
}

# An unknown field makes the whole call fail: older drivers do not know the reason of throttling.
sample_nvidia()
{
	fields=index,memory.used,utilization.gpu,power.draw,temperature.gpu
	throttle=,clocks_event_reasons.hw_slowdown
	nvidia-smi --query-gpu=$fields$throttle --format=csv,noheader,nounits >/dev/null 2>&1 || throttle=,clocks_throttle_reasons.hw_slowdown
	nvidia-smi --query-gpu=$fields$throttle --format=csv,noheader,nounits >/dev/null 2>&1 || throttle=
	while :; do
		t=$(date -u +%s.%N)
		nvidia-smi --query-gpu=$fields$throttle --format=csv,noheader,nounits 2>/dev/null | sed "s/^/$t,/"
		sleep "$telemetry_period"
	done
}

telemetry_start()
{
	[ "${TELEMETRY:-true}" = true ] || return 0
	telemetry_period=1
	[ "$gpu_count" -lt 4 ] || telemetry_period=2
	if [ "$vendor" = nvidia ]; then
		sample_nvidia >"$GPUFLEET_RESULTS/telemetry.csv" 2>/dev/null &
	elif has amd-smi; then
		sample_amd >"$GPUFLEET_RESULTS/telemetry.jsonl" 2>/dev/null &
	else
		return 0
	fi
	telemetry_pid=$!
}

telemetry_stop()
{
	[ -z "$telemetry_pid" ] || kill "$telemetry_pid" 2>/dev/null
}

# mark begin|end SCENARIO INPUT OUTPUT CONCURRENCY REPEAT
mark()
{
	printf '{"t":%s,"event":"%s","scenario":"%s","input":%s,"output":%s,"concurrency":%s,"repeat":%s}\n' "$(date -u +%s.%N)" "$@" \
		>>"$GPUFLEET_RESULTS/marks.jsonl"
}

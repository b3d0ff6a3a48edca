# Samples of the GPUs while something is measured (benchmarks §4.5): on for all repeats or for none, since asking costs a little.
# telemetry_start, then mark around each part, telemetry_stop at the end. Needs shell.sh and gpu.sh; mark needs neither, and may be
# used inside a container that sees $GPUFLEET_RESULTS. Without a GPU, or with TELEMETRY=false, there is nothing, and no figure is 0.
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
	case $vendor in
	nvidia)
		sample_nvidia >"$GPUFLEET_RESULTS/telemetry.csv" 2>/dev/null &
		;;
	amd)
		has amd-smi || return 0
		sample_amd >"$GPUFLEET_RESULTS/telemetry.jsonl" 2>/dev/null &
		;;
	*) return 0 ;; # "cpu": what a GPU beside it does is not what was measured
	esac
	telemetry_pid=$!
}

telemetry_stop()
{
	[ -z "$telemetry_pid" ] || kill "$telemetry_pid" 2>/dev/null
	telemetry_pid=
}

# mark begin|end SCENARIO INPUT OUTPUT CONCURRENCY REPEAT: a cell of a matrix
# mark begin|end REPEAT: of something that is done so often
# mark begin|end: of the run as a whole; it may have several stretches, such as one for each command
mark()
{
	{
		printf '{"t":%s,"event":"%s"' "$(date -u +%s.%N)" "$1"
		shift
		[ $# -ne 1 ] || printf ',"repeat":%s' "$1"
		[ $# -ne 5 ] || printf ',"scenario":"%s","input":%s,"output":%s,"concurrency":%s,"repeat":%s' "$@"
		echo '}'
	} >>"$GPUFLEET_RESULTS/marks.jsonl"
}

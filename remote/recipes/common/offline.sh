# An offline benchmark of vLLM (benchmarks §1.4, §1.5): one command for each cell of the matrix, which loads the model, measures and ends.
# The recipe says in cell_words what a cell is asked for, and calls offline. Needs all the others.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

work=$(mktemp -d "${TMPDIR:-/tmp}/$me.XXXXXX") || exit 1
engine_log=$GPUFLEET_RESULTS/server.log # where the reader looks for the engine's words
measured=0

finish()
{
	telemetry_stop
	[ "$mode" != docker ] || container_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

# Where the commands run, until finish. -1: $detail says why not.
place_start()
{
	[ "$mode" = docker ] || return 0
	container_start sleep infinity >"$work/container" 2>"$work/docker.err" || {
		detail=$(json_text "$(tail -n 1 "$work/docker.err" | cut -c 1-110)")
		return 1
	}
}

# One command for the cell at hand: its document in FILE.json, what it printed in FILE.out.
run_cell()
{
	out=$GPUFLEET_RESULTS/$file_of.out
	{
		floor_words
		# shellcheck disable=SC2086 # words
		printf '%s\n' $client
		cat "$work/bench_words" "$work/engine_args"
		cell_words
		printf '%s\n' --output-json "$(inside_results)/$file_of.json"
	} >"$work/cell_words"
	mark begin "$name" "$input" "$output" "$streams_of" "$repeat"
	limited "$CELL_LIMIT" with_words "$work/cell_words" exec_inside env >"$out" 2>&1 </dev/null
	rc=$?
	mark end "$name" "$input" "$output" "$streams_of" "$repeat"
	! grep -q 'LLM engine (' "$out" || cp "$out" "$engine_log"
}

measure()
{
	run_cell
	if [ -s "$GPUFLEET_RESULTS/$file_of.json" ]; then
		measured=$((measured + 1))
		record ran
		return 0
	fi
	detail=$(json_text "$(complaint "$out")")
	reason=server_exited
	[ "$rc" -ne 124 ] || reason=timeout detail="longer than $CELL_LIMIT s"
	record failed "$reason" "$detail"
	say "$name: $reason${detail:+: $detail}"
	# What runs in a container outlives the command that started it there.
	[ "$mode" != docker ] || [ "$rc" -ne 124 ] || { container_stop; place_start; }
	return 1
}

# Loading a large model takes minutes that are paid: what fails three times in a row will not go better.
measure_all()
{
	began=$(date +%s) at=0 failures=0
	while read -r cell <&3; do
		at=$((at + 1))
		# shellcheck disable=SC2086 # words
		take_cell $cell
		progress "measurement $at of $cells: $name$(level_text), repeat $repeat of $REPEATS$(eta)"
		if [ "${MAX_MODEL_LEN:-0}" -gt 0 ] && [ "$((input + output))" -gt "$MAX_MODEL_LEN" ]; then
			record skipped context_exceeded "$((input + output)) tokens requested, max_model_len $MAX_MODEL_LEN"
		elif measure; then
			failures=0
		else
			failures=$((failures + 1))
		fi
		[ "$failures" -lt 3 ] || {
			record_rest "$((at + 1))" "$reason" "three before it failed"
			break
		}
	done 3<"$work/plan"
}

# offline throughput|latency LEVELS BENCH-WORD...: the whole run; the words are those that all cells have in common.
offline()
{
	kind=$1 levels=$2
	shift 2
	find_place || exit 1
	write_plan "$levels"
	mkdir -p "$models"
	floor_of "$arch"
	say "$gpu_count x $gpu_name ($arch), $mode${image:+, image $image}"
	place_start || {
		record_rest 1 server_exited "$detail"
		fail "the container did not start: $detail"
	}
	{ floor_words; echo env; } >"$work/environment_words"
	with_words "$work/environment_words" inside env >"$work/environment" 2>/dev/null
	floor_check || {
		record_rest 1 env_floor "not as $arch needs it:$floor_missing"
		fail "the environment is not as $arch needs it:$floor_missing"
	}
	bench_find "$kind" || fail "this vLLM has no offline benchmark (vllm bench $kind)"
	{
		engine_words
		for word in ${ENGINE_ARGS:-}; do
			printf '%s\n' "$word"
		done
	} >"$work/engine_args"
	printf '%s\n' --model "$MODEL" "$@" >"$work/bench_words"
	# shellcheck disable=SC2086 # words
	{ printf '%s\n' $client; cat "$work/bench_words"; } >"$work/bench_args"
	telemetry_start
	measure_all
	progress "writing the manifest"
	max_model_len=$(sed -n 's/.*LLM engine (.*max_seq_len=\([0-9]*\).*/\1/p' "$engine_log" 2>/dev/null | tail -n 1)
	manifest_begin
	manifest_host
	manifest_gpu
	manifest_software vllm
	manifest_model
	manifest_engine "$engine_log"
	manifest_end
	say "$measured of $cells measured"
	[ "$measured" -gt 0 ] || fail "nothing could be measured; see: gpufleetctl results"
}

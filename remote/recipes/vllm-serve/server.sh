# The server: started, asked whether it is ready, watched for an early end, stopped. $mode says where it runs.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

server_log=$GPUFLEET_RESULTS/server.log
server_pid=
logs_pid=
container=vllm-$GPUFLEET_RUN

# inside COMMAND...: where vllm is. The results directory is /results there in docker, and itself natively.
inside()
{
	if [ "$mode" = docker ]; then
		docker exec -i "$container" "$@"
	else
		"$@"
	fi
}

# Words of the server's command line in $1... ; also kept for the manifest, one per line.
server_words()
{
	{ floor_words; echo vllm; } >"$work/server_words"
	set -- serve "$MODEL" --host 127.0.0.1 --port "$PORT" --tensor-parallel-size "$tensor_parallel" \
		--gpu-memory-utilization "$UTILIZATION" --no-enable-prefix-caching
	[ "${MAX_MODEL_LEN:-0}" -eq 0 ] || set -- "$@" --max-model-len "$MAX_MODEL_LEN"
	[ -z "${QUANTIZATION:-}" ] || set -- "$@" --quantization "$QUANTIZATION"
	[ -z "${REVISION:-}" ] || set -- "$@" --revision "$REVISION"
	# shellcheck disable=SC2086 # words
	set -- "$@" $floor_args ${SERVE_ARGS:-}
	printf '%s\n' "$@" >"$work/engine_args"
	cat "$work/engine_args" >>"$work/server_words"
}

docker_devices()
{
	if [ "$vendor" = amd ]; then
		echo "--device /dev/kfd --device /dev/dri --group-add video --cap-add SYS_PTRACE --security-opt seccomp=unconfined"
	else
		echo "--gpus all"
	fi
}

# In a subshell: becomes the command with the arguments of a file behind it, one per line, so that no word is taken apart.
with_words()
{
	while IFS= read -r word; do
		set -- "$@" "$word"
	done <"$work/server_words"
	exec "$@"
}

server_start()
{
	server_words
	if [ "$mode" = docker ]; then
		docker rm -f "$container" >/dev/null 2>&1
		# -e NAME without a value: secrets stay out of the process list. The label is how the supervisor finds it.
		# shellcheck disable=SC2046 # words
		(with_words docker run -d --name "$container" --label "gpufleet.run=$GPUFLEET_RUN" --network host --ipc=host --shm-size 32g \
			$(docker_devices) -v "$models:/root/.cache/huggingface" -v "$GPUFLEET_RESULTS:/results" -e HF_TOKEN -e HF_HOME=/root/.cache/huggingface \
			--entrypoint env "$image") >"$work/container" 2>"$work/docker.err" || {
			cat "$work/docker.err" >>"$server_log"
			return 1
		}
		docker logs -f "$container" >>"$server_log" 2>&1 &
		logs_pid=$!
	else
		(HF_HOME=$models; export HF_HOME; with_words env) >>"$server_log" 2>&1 </dev/null &
		server_pid=$!
	fi
}

server_lives()
{
	if [ "$mode" = docker ]; then
		[ "$(docker inspect --format '{{.State.Running}}' "$container" 2>/dev/null)" = true ]
	else
		# A child that ended and was not waited for still answers kill -0.
		case $(sed 's/.*) //' "/proc/$server_pid/stat" 2>/dev/null) in
		'' | Z*) return 1 ;;
		esac
	fi
}

# As its process has it, one variable a line. In docker it is the first process.
server_environment()
{
	if [ "$mode" = docker ]; then
		inside cat /proc/1/environ
	else
		cat "/proc/$server_pid/environ"
	fi 2>/dev/null | tr '\n\000' ' \n'
}

# get PATH: the body on standard output; fails unless the answer is 200.
get()
{
	if has curl; then
		curl -sf --max-time 10 "http://127.0.0.1:$PORT$1"
	elif has wget; then
		wget -q -T 10 -t 1 -O - "http://127.0.0.1:$PORT$1"
	else
		inside python3 -c 'import sys, urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1], timeout=10).read().decode())' "http://127.0.0.1:$PORT$1"
	fi 2>/dev/null
}

# Ready, or why not: "server_exited", "server_start_timeout" in $reason.
server_wait()
{
	waited=0
	while ! get /health >/dev/null; do
		server_lives || {
			reason=server_exited
			return 1
		}
		[ "$waited" -lt "$START_LIMIT" ] || {
			reason=server_start_timeout
			return 1
		}
		[ $((waited % 60)) -ne 0 ] || progress "loading $MODEL: $((waited / 60)) min"
		sleep "${NAP:-5}"
		waited=$((waited + ${NAP:-5}))
	done
	# Somebody else's server on this port would answer, too.
	server_lives || {
		reason=server_exited
		return 1
	}
}

# The last line of the log that names an error: what a person would look for.
server_complaint()
{
	sed 's/\x1b\[[0-9;]*[A-Za-z]//g' "$server_log" 2>/dev/null | grep -v 'See root cause above' | grep -i 'error\|fault\|out of memory\|no space left\|cannot\|denied' | tail -n 1 | cut -c 1-120
}

server_stop()
{
	if [ "$mode" = docker ]; then
		docker stop -t 20 "$container" >/dev/null 2>&1
		docker rm -f "$container" >/dev/null 2>&1
		[ -z "$logs_pid" ] || kill "$logs_pid" 2>/dev/null
	elif [ -n "$server_pid" ]; then
		kill -s TERM "$server_pid" 2>/dev/null
		n=0
		while server_lives && [ $n -lt 20 ]; do
			sleep 1
			n=$((n + 1))
		done
		kill -s KILL "$server_pid" 2>/dev/null
		wait "$server_pid" 2>/dev/null
		server_pid=
	fi
}

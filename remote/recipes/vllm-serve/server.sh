# The server: started, asked whether it is ready, watched for an early end, stopped. $mode says where it runs.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

server_log=$GPUFLEET_RESULTS/server.log
server_pid=
logs_pid=

# Words of the server's command line, one per line; those behind vllm are kept for the manifest, too.
server_words()
{
	{
		printf '%s\n' serve "$MODEL" --host 127.0.0.1 --port "$PORT"
		[ -z "${server_flag:-}" ] || printf '%s\n' "$server_flag"
		engine_words
		for word in ${SERVE_ARGS:-}; do
			printf '%s\n' "$word"
		done
	} >"$work/engine_args"
	{
		floor_words
		echo vllm
		cat "$work/engine_args"
	} >"$work/server_words"
}

server_start()
{
	server_words
	if [ "$mode" = docker ]; then
		with_words "$work/server_words" container_start env >"$work/container" 2>"$work/docker.err" || {
			cat "$work/docker.err" >>"$server_log"
			return 1
		}
		docker logs -f "$container" >>"$server_log" 2>&1 &
		logs_pid=$!
	else
		(with_words "$work/server_words" exec_inside env) >>"$server_log" 2>&1 </dev/null &
		server_pid=$!
	fi
}

server_lives()
{
	if [ "$mode" = docker ]; then
		container_lives
	else
		# A child that ended and was not waited for still answers kill -0.
		case $(sed 's/.*) //' "/proc/$server_pid/stat" 2>/dev/null) in
		'' | Z*) return 1 ;;
		esac
	fi
}

# What an ended server wrote last is in its log: docker hands it on behind the end, soon.
server_said()
{
	n=0
	while [ -n "$logs_pid" ] && [ $n -lt 5 ]; do
		case $(sed 's/.*) //' "/proc/$logs_pid/stat" 2>/dev/null) in
		'' | Z*) return ;;
		esac
		sleep 1
		n=$((n + 1))
	done
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

server_stop()
{
	if [ "$mode" = docker ]; then
		container_stop
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

# On the next port when something else has this one: a second run on the host, or somebody's own server.
start()
{
	last_port=$((PORT + 20))
	while :; do
		reason=
		while get /health >/dev/null && [ "$PORT" -lt "$last_port" ]; do PORT=$((PORT + 1)); done
		said=$(wc -c <"$server_log" 2>/dev/null || echo 0)
		server_start && server_wait
		rc=$?
		[ $rc -ne 0 ] && [ "$reason" = server_exited ] && [ "$PORT" -lt "$last_port" ] &&
			tail -c "+$((said + 1))" "$server_log" | grep -qi 'address already in use' || break
		PORT=$((PORT + 1))
	done
	if [ $rc -ne 0 ]; then
		reason=${reason:-server_exited}
		[ "$reason" != server_exited ] || server_said
		detail=$(json_text "$(complaint "$server_log")")
	fi
	return $rc
}

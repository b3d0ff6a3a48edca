# One node of the Ray cluster: a container, or natively a process. $mode says which.
# shellcheck shell=sh disable=SC2154 # mode, image and models are set where this is sourced

head=$GPUFLEET_FIRST_ADDRESS:$RAY_PORT
container=ray-$GPUFLEET_RUN
ray_log=$GPUFLEET_RESULTS/ray.log
node_pid=

# The network that carries its address; none does where the address is translated, and then the libraries choose.
interface()
{
	ip -o -4 addr show 2>/dev/null | awk -v address="$GPUFLEET_ADDRESS/" 'index($4, address) == 1 { print $2; exit }'
}

# What every process of the cluster must agree on. A worker that hears nothing of its head gives up after 20 s.
node_environment()
{
	printf '%s\n' "VLLM_HOST_IP=$GPUFLEET_ADDRESS" RAY_gcs_rpc_server_reconnect_timeout_s=20
	network=$(interface)
	[ -z "$network" ] || printf '%s\n' "NCCL_SOCKET_IFNAME=$network" "GLOO_SOCKET_IFNAME=$network"
}

node_words()
{
	printf '%s\n' start --block --node-ip-address "$GPUFLEET_ADDRESS" --num-gpus "$GPUFLEET_GPU_COUNT" --disable-usage-stats
	if [ "$GPUFLEET_RANK" = 0 ]; then
		printf '%s\n' --head --port "$RAY_PORT" --include-dashboard false
	else
		printf '%s\n' --address "$head"
	fi
}

docker_words()
{
	printf '%s\n' -d --name "$container" --label "gpufleet.run=$GPUFLEET_RUN" --network host --ipc=host --shm-size 32g \
		-v "$models:/root/.cache/huggingface" -v "$GPUFLEET_RESULTS:/results" -e HF_TOKEN -e HF_HOME=/root/.cache/huggingface
	if nvidia; then
		printf '%s\n' --gpus all
	else
		printf '%s\n' --device /dev/kfd --device /dev/dri --group-add video --cap-add SYS_PTRACE --security-opt seccomp=unconfined
	fi
	node_environment | sed 's/^/-e\n/'
	printf '%s\n' --entrypoint ray "$image"
}

# with_words COMMAND... <WORDS: becomes the command with the words behind it, one a line, so that none is taken apart.
with_words()
{
	while IFS= read -r word; do
		set -- "$@" "$word"
	done
	exec "$@" </dev/null
}

node_start()
{
	mkdir -p "$models"
	if [ "$mode" = docker ]; then
		docker rm -f "$container" >/dev/null 2>&1
		{ docker_words; node_words; } >"$work/words"
		(with_words docker run <"$work/words") >>"$ray_log" 2>&1 || return 1
		docker logs -f "$container" >>"$ray_log" 2>&1 &
	else
		{ echo "HF_HOME=$models"; node_environment; echo ray; node_words; } >"$work/words"
		(with_words env <"$work/words") >>"$ray_log" 2>&1 &
		node_pid=$!
	fi
}

# A child that ended and was not waited for still answers kill -0.
process_lives()
{
	case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
	'' | Z*) return 1 ;;
	esac
}

node_lives()
{
	if [ "$mode" = docker ]; then
		[ "$(docker inspect --format '{{.State.Running}}' "$container" 2>/dev/null)" = true ]
	else
		process_lives "$node_pid"
	fi
}

# It says so when it is part of a cluster: the head of its own, a worker of the head's.
node_joined()
{
	grep -q 'Ray runtime started' "$ray_log" 2>/dev/null
}

node_stop()
{
	if [ "$mode" = docker ]; then
		docker rm -f "$container" >/dev/null 2>&1
	elif [ -n "$node_pid" ]; then
		kill "$node_pid" 2>/dev/null
		wait "$node_pid" 2>/dev/null
	fi
}

# inside COMMAND...: where Ray and vLLM are.
inside()
{
	if [ "$mode" = docker ]; then
		docker exec "$container" "$@"
	else
		HF_HOME=$models "$@"
	fi
}

# All GPUs of the cluster, as "Usage: 0.0/16.0 GPU" says.
cluster_gpus()
{
	inside ray status --address "$head" 2>/dev/null | sed -n 's|^ *[0-9.]*/\([0-9]*\)[0-9.]* GPU.*|\1|p' | head -n 1
}

# A worker may be there before the head listens: it tries again, until $JOIN_LIMIT.
join_cluster()
{
	waited=0
	node_start
	until node_joined; do
		[ "$waited" -lt "$JOIN_LIMIT" ] || fail "no cluster at $head after $waited s: $(tail -n 1 "$ray_log")"
		sleep "$NAP"
		waited=$((waited + NAP))
		node_joined || node_lives || node_start
	done
}

# One node of the Ray cluster: a container, or natively a process. Needs launch.sh and floor.sh.
# shellcheck shell=sh disable=SC2154 # mode, container and models are launch.sh's

head=$GPUFLEET_FIRST_ADDRESS:$RAY_PORT
ray_log=$GPUFLEET_RESULTS/ray.log
node_pid=

# The network that carries its address; none does where the address is translated, and then the libraries choose.
interface()
{
	ip -o -4 addr show 2>/dev/null | awk -v address="$GPUFLEET_ADDRESS/" 'index($4, address) == 1 { print $2; exit }'
}

# The words of env(1) that start the node, one per line. A worker that hears nothing of its head gives up after 20 s.
node_words()
{
	floor_words
	printf '%s\n' "VLLM_HOST_IP=$GPUFLEET_ADDRESS" RAY_gcs_rpc_server_reconnect_timeout_s=20
	network=$(interface)
	[ -z "$network" ] || printf '%s\n' "NCCL_SOCKET_IFNAME=$network" "GLOO_SOCKET_IFNAME=$network"
	printf '%s\n' ray start --block --node-ip-address "$GPUFLEET_ADDRESS" --num-gpus "$GPUFLEET_GPU_COUNT" --disable-usage-stats
	if [ "$GPUFLEET_RANK" = 0 ]; then
		printf '%s\n' --head --port "$RAY_PORT" --include-dashboard false
	else
		printf '%s\n' --address "$head"
	fi
}

node_start()
{
	node_words >"$work/node"
	if [ "$mode" = docker ]; then
		with_words "$work/node" container_start env >>"$ray_log" 2>&1 || return 1
		docker logs -f "$container" >>"$ray_log" 2>&1 &
	else
		(HF_HOME=$models; export HF_HOME; with_words "$work/node" exec env) >>"$ray_log" 2>&1 </dev/null &
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
		container_lives
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
		container_stop
	elif [ -n "$node_pid" ]; then
		kill "$node_pid" 2>/dev/null
		wait "$node_pid" 2>/dev/null
	fi
}

# All GPUs of the cluster, as "Usage: 0.0/16.0 GPU" says.
cluster_gpus()
{
	inside ray status --address "$head" 2>/dev/null </dev/null | sed -n 's|^ *[0-9.]*/\([0-9]*\)[0-9.]* GPU.*|\1|p' | head -n 1
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

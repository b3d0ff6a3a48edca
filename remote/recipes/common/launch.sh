# Where a recipe's software runs: in a container where docker works (a VM), else natively (RunPod and vast.ai rent out the container
# itself, and there is no docker in it; benchmarks §5). Needs shell.sh and gpu.sh.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

mode=
container=$me-${GPUFLEET_RUN:-0}

# A volume that the machine was ordered with keeps them for the next machine.
models=${MODELS:-${GPUFLEET_VOLUME:+$GPUFLEET_VOLUME/huggingface}}
models=${models:-$HOME/.cache/huggingface}
case $models in
/*) ;;
*) models=$HOME/$models ;;
esac

# volume:quantized/NAME is a directory of the volume, wherever it is mounted.
case ${MODEL:-} in
volume:*) MODEL=${GPUFLEET_VOLUME:-/volume}/${MODEL#volume:} ;;
esac

docker_works()
{
	has docker && limited 30 docker info </dev/null >/dev/null 2>&1
}

# A rented VM without docker (DigitalOcean's gpu-amd-base) gets it; a host of one's own is left as it is, and in a container there is none.
get_docker()
{
	case ${MODE:-auto}:${GPUFLEET_PROVIDER:-} in
	native:*) return 0 ;;
	*:digitalocean | *:hotaisle) ;;
	*) return 0 ;;
	esac
	! has docker && has apt-get || return 0
	progress "installing docker"
	sudo=
	[ "$(id -u)" -eq 0 ] || sudo="sudo -n"
	# The first minutes of a VM belong to its own updates (benchmarks §5).
	! has cloud-init || cloud-init status --wait >/dev/null 2>&1
	# shellcheck disable=SC2086 # words
	$sudo apt-get -q update >/dev/null 2>&1 && $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q install -y docker.io >&2 || {
		complain "docker is not here and cannot be installed; take another image (--image), or one that has vLLM"
		return 1
	}
	# Membership in its group would count from the next login on; nobody else is on this machine.
	# shellcheck disable=SC2086 # words
	[ -z "$sudo" ] || $sudo chmod 666 /var/run/docker.sock
}

# $mode from the parameter MODE: docker or native.
choose_mode()
{
	mode=${MODE:-auto}
	if [ "$mode" = auto ]; then
		mode=native
		! docker_works || mode=docker
	fi
	[ "$mode" != docker ] || docker_works || {
		complain "docker does not work here; on RunPod and vast.ai rent the image itself (--image) and use --set mode=native"
		return 1
	}
}

# Pinned by date or version (benchmarks §5); what really ran is recorded with its digest. They have vLLM, PyTorch and Transformers.
pinned_image()
{
	case $vendor:$arch in
	amd:gfx11* | amd:gfx12*) echo rocm/vllm-dev:rocm6.4.2_navi_ubuntu24.04_py3.12_pytorch_2.7_vllm_0.9.2 ;;
	amd:*) echo rocm/vllm:rocm7.0.0_vllm_0.11.2_20251210 ;;
	*) echo vllm/vllm-openai:v0.11.2 ;;
	esac
}

# find_place: the GPU, $mode, and $image ("" natively); a sentence where there is no such place.
find_place()
{
	find_gpu || {
		complain "no GPU answers (nvidia-smi, amd-smi and rocm-smi say nothing)"
		return 1
	}
	choose_mode || return 1
	case ${MODEL:-} in
	/*)
		[ -d "$MODEL" ] || {
			complain "there is no directory $MODEL here${GPUFLEET_VOLUME:+, see the volume: $GPUFLEET_VOLUME}"
			return 1
		}
		;;
	esac
	image=
	[ "$mode" = native ] || image=${IMAGE:-$(pinned_image)}
}

# The image is there before the clock of the benchmark runs.
pull_image()
{
	if docker image inspect "$image" >/dev/null 2>&1; then
		say "image $image is here already"
		return 0
	fi
	say "pulling $image"
	docker pull "$image" || {
		complain "the image $image cannot be pulled"
		return 1
	}
}

docker_devices()
{
	if [ "$vendor" = amd ]; then
		echo "--device /dev/kfd --device /dev/dri --group-add video --cap-add SYS_PTRACE --security-opt seccomp=unconfined"
	else
		echo "--gpus all"
	fi
}

# Directories of the machine that the container sees under their own names, one per line: a model that is no name of the hub, the volume.
docker_mounts()
{
	case ${MODEL:-} in
	/*) printf '%s\n' "$MODEL" ;;
	esac
	[ -z "${GPUFLEET_VOLUME:-}" ] || printf '%s\n' "$GPUFLEET_VOLUME"
}

# container_start ENTRYPOINT WORD...: in the background, with the GPUs, the models and the results directory.
container_start()
{
	docker rm -f "$container" >/dev/null 2>&1
	entry=$1
	shift
	set -- --entrypoint "$entry" "$image" "$@"
	docker_mounts >"$work/mounts"
	while IFS= read -r directory; do
		set -- -v "$directory:$directory" "$@"
	done <"$work/mounts"
	# -e NAME without a value: secrets stay out of the process list. The label is how the supervisor finds it.
	# shellcheck disable=SC2046 # words
	docker run -d --name "$container" --label "gpufleet.run=${GPUFLEET_RUN:-0}" --network host --ipc=host --shm-size 32g \
		$(docker_devices) -v "$models:/root/.cache/huggingface" -v "$GPUFLEET_RESULTS:/results" -e HF_TOKEN \
		-e HF_HOME=/root/.cache/huggingface "$@"
}

container_lives()
{
	[ "$(docker inspect --format '{{.State.Running}}' "$container" 2>/dev/null)" = true ]
}

container_stop()
{
	docker stop -t 20 "$container" >/dev/null 2>&1
	docker rm -f "$container" >/dev/null 2>&1
}

# inside COMMAND...: where the software is.
inside()
{
	if [ "$mode" = docker ]; then
		docker exec -i "$container" "$@"
	else
		HF_HOME=$models "$@"
	fi
}

# The same in place of the shell that calls it: what limited() ends is then the command itself, not a shell around it.
exec_inside()
{
	if [ "$mode" = docker ]; then
		exec docker exec -i "$container" "$@"
	fi
	HF_HOME=$models
	export HF_HOME
	exec "$@"
}

# The results directory as the software sees it.
inside_results()
{
	if [ "$mode" = docker ]; then
		echo /results
	else
		echo "$GPUFLEET_RESULTS"
	fi
}

# with_words FILE COMMAND...: the command with the lines of a file behind its words, so that no word is taken apart.
with_words()
{
	words_file=$1
	shift
	while IFS= read -r word; do
		set -- "$@" "$word"
	done <"$words_file"
	"$@"
}

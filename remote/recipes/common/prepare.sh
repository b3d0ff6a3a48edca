#!/bin/sh
# The weights are there, on the volume where there is one, before anybody pays for waiting: what `gpufleetctl prepare` runs.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=prepare
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh

find_place || exit 1
mkdir -p "$models" || exit 1
case $MODEL in
/*)
	say "$MODEL is a directory of the machine; nothing to download"
	exit 0
	;;
esac
progress "downloading $MODEL to $models"
# The newer name of the tool first.
# shellcheck disable=SC2016 # for the inner shell
download='command -v hf >/dev/null 2>&1 && exec hf download "$@"; exec huggingface-cli download "$@"'
set -- "$MODEL"
[ -z "${REVISION:-}" ] || set -- "$@" --revision "$REVISION"
if [ "$mode" = docker ]; then
	docker run --rm --name "prepare-$GPUFLEET_RUN" --label "gpufleet.run=$GPUFLEET_RUN" --network host \
		-v "$models:/root/.cache/huggingface" -e HF_TOKEN -e HF_HOME=/root/.cache/huggingface \
		--entrypoint sh "$image" -c "$download" download "$@"
else
	HF_HOME=$models sh -c "$download" download "$@"
fi || fail "$MODEL could not be downloaded"
sync
du -sk "$models" | awk '{ printf "{\"metric\":\"model_size\",\"value\":%.3f,\"unit\":\"GB\"}\n", $1 * 1024 / 1e9 }' >>"$GPUFLEET_RESULTS/results.jsonl"

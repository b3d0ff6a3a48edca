#!/bin/sh
# The image, or the native vLLM, is there before the clock of the benchmark runs. A recipe that needs more programs than vllm says so in
# $tools, and reads this.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=${GPUFLEET_RECIPE:-vllm}
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh

tools=${tools:-vllm}
has_tools()
{
	for tool in $tools; do
		has "$tool" || return 1
	done
}

has_tools || get_docker || exit 1
find_place || exit 1
if [ "$mode" = docker ]; then
	pull_image
	exit
fi
has_tools || fail "this machine has neither docker nor all of: $tools; rent an image that has them (--image), or a VM"
for tool in $tools; do
	say "native: $("$tool" --version 2>/dev/null | tail -n 1)"
done

#!/bin/sh
# The image is there before anything is timed; natively there is nothing to do.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=hip-kernel
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh
# shellcheck source=remote/recipes/common/kernel.sh
. ./common/kernel.sh

can()
{
	has "$(kernel_compiler "$vendor")"
}

if find_gpu; then
	{ [ "${MODE:-auto}" != docker ] && can; } || get_docker || exit 1
fi
find_kernel_place can || exit 1
[ "$mode" = native ] || pull_image

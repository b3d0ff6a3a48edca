#!/bin/sh
# Runs where the software is, on the machine or in a container of it:
#
#	measure.sh can VENDOR                                                        is there anything to measure with?
#	measure.sh VENDOR ARCH WITH SIZE WARMUP ITERATIONS REPEATS DTYPE...          lines "FP16 matmul: 138.21 TFLOPS (GPU 0, repeat 1, …)"
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=matmul
cd "$(dirname "$0")" || exit 1
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/kernel.sh
. ./common/kernel.sh
# shellcheck source=remote/recipes/common/telemetry.sh
. ./common/telemetry.sh

has_torch()
{
	has python3 && limited 120 python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' </dev/null >/dev/null 2>&1
}

if [ "$1" = can ]; then
	has "$(kernel_compiler "$2")" || has_torch
	exit
fi
vendor=$1 arch=$2 with=$3 size=$4 warmup=$5 iterations=$6 repeats=$7
shift 7
work=$(mktemp -d "${TMPDIR:-/tmp}/matmul.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP

# The tuned library where it can be linked, else a kernel of our own.
build()
{
	case $vendor in
	amd) library=rocblas ;;
	*) library=cublas ;;
	esac
	has "$(kernel_compiler "$vendor")" || fail "there is no $(kernel_compiler "$vendor") here"
	if [ "$with" != plain ]; then
		kernel_build "$vendor" "$arch" "$work/gemm" -DWITH_BLAS gemm.cpp "-l$library" && return 0
		[ "$with" = auto ] || fail "it cannot be built with $library"
		say "no $library here: a plain tiled kernel multiplies, which says little about the GPU"
	fi
	kernel_build "$vendor" "$arch" "$work/gemm" gemm.cpp || fail "gemm.cpp cannot be built for $arch"
}

case $with in
auto)
	if has_torch; then
		with=torch
	else
		build
	fi
	;;
torch) has_torch || fail "there is no PyTorch that sees a GPU here" ;;
*) build ;;
esac
rc=0
mark begin
for dtype; do
	progress "$dtype, $size x $size, $iterations runs timed together, $repeats times"
	if [ "$with" = torch ]; then
		python3 gemm.py "$dtype" "$size" "$warmup" "$iterations" "$repeats"
	else
		"$work/gemm" "$dtype" "$size" "$warmup" "$iterations" "$repeats"
	fi || {
		complain "$dtype was not measured"
		rc=1
	}
done
mark end
exit $rc

#!/bin/sh
# Runs where the compiler is, on the machine or in a container of it: work.sh VENDOR ARCH TREE REPEATS ARGUMENT...
# BUILD, FLAGS, VARIANT and PROGRAM are in the environment. The tree itself is not written to.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=hip-kernel
here=$(cd "$(dirname "$0")" && pwd) || exit 1
cd "$here" || exit 1
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/kernel.sh
. ./common/kernel.sh
# shellcheck source=remote/recipes/common/telemetry.sh
. ./common/telemetry.sh

vendor=$1 arch=$2 tree=$3 repeats=$4
shift 4
build=$(mktemp -d "${TMPDIR:-/tmp}/hip-kernel.XXXXXX") || exit 1
trap 'rm -rf "$build"' EXIT
trap 'exit 143' TERM INT HUP

# Files of this vendor and this variant, one per line. What a file is for stands in the words of its path.
choose_files()
{
	find . -type f \( -name '*.cpp' -o -name '*.cc' -o -name '*.c' -o -name '*.cu' -o -name '*.hip' \) | LC_ALL=C sort |
		awk -v vendor="$vendor" -v variant="${VARIANT:-}" '
	BEGIN {
		n = split(vendor == "amd" ? "cuda opencl ocl openmp omp openacc" : "hip opencl ocl openmp omp openacc", w, " ")
		for (i = 1; i <= n; i++) other[w[i]] = 1
	}
	{
		path = $0; sub(/^\.\//, "", path)
		if (vendor == "amd" ? path ~ /\.cu$/ : path ~ /\.hip$/) next
		n = split(path, word, "[/_.-]")
		for (i = 1; i <= n; i++) if (word[i] in other) next
		# lib_hip.cpp, lib_hip_opt.cpp and lib_hip_lib.cpp are the same functions several times.
		stem = path; sub(/\.[^.]*$/, "", stem)
		kept[++count] = path; stem_of[count] = stem; there[stem] = 1
	}
	END {
		for (i = 1; i <= count; i++) {
			s = stem_of[i]; base = s
			if (sub(/_[^_\/]*$/, "", base) && base in there) {
				if (variant == "" || s != base "_" variant) continue
			} else if (variant != "" && (s "_" variant) in there) continue
			print kept[i]
		}
	}'
}

# CUDA files of a tree that has nothing for this vendor, translated in place.
translate()
{
	[ "$vendor" = amd ] && find . -name '*.cu' | grep -q . || return 1
	has hipify-perl || fail "the tree has CUDA files only, and hipify-perl, which translates them, is not here"
	say "CUDA files only: hipify-perl translates them"
	find . -name '*.cu' | while IFS= read -r file; do
		hipify-perl "$file" >"${file%.cu}.hip" || exit 1
		printf '%s\n' "${file#./}" | sed 's/cu$/hip/'
	done >files
}

build_files()
{
	choose_files >files
	grep -q . files || translate || fail "there is no HIP, CUDA or C++ file for a GPU of $vendor in the tree"
	[ -z "${VARIANT:-}" ] || grep -q "_$VARIANT\." files || fail "no file is called _$VARIANT"
	PROGRAM=kernel
	set --
	while IFS= read -r file; do
		set -- "$@" "$file"
	done <files
	# shellcheck disable=SC2086 # words
	kernel_build "$vendor" "$arch" kernel -I. "$@" ${FLAGS:-}
}

cp -R "$tree/." "$build" && cd "$build" || fail "the tree cannot be copied"
GPU_ARCH=$arch GPU_VENDOR=$vendor COMPILER=$(kernel_compiler "$vendor")
export GPU_ARCH GPU_VENDOR COMPILER
has "$COMPILER" || fail "there is no $COMPILER here"
progress "building for $arch"
if [ -n "${BUILD:-}" ]; then
	sh -c "$BUILD"
elif [ -f build.sh ]; then
	sh ./build.sh
else
	build_files
fi || fail "it could not be built for $arch"
[ -x "$PROGRAM" ] || fail "what was built is not called '$PROGRAM'; --set program=NAME says what to run"
repeat=1
while [ "$repeat" -le "$repeats" ]; do
	progress "run $repeat of $repeats"
	echo "gpufleet: repeat $repeat"
	mark begin "$repeat"
	"./$PROGRAM" "$@" || fail "the program ended with status $?"
	mark end "$repeat"
	repeat=$((repeat + 1))
done

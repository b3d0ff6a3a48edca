#!/bin/sh
# PACE is built from its pinned commit, in a Python environment of its own, before the clock of the benchmark runs.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=pace
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/pace/place.sh
. ./place.sh

works()
{
	"$python" -c 'from pace.llm import LLMModel' >/dev/null 2>&1
}

works && {
	say "AMD PACE $REF is built already"
	exit 0
}
for tool in git make g++ python3; do
	has "$tool" || fail "$tool is not installed here; AMD PACE is built from source (apt install git build-essential python3-venv)"
done
version=$(g++ -dumpversion | cut -d . -f 1)
[ "$version" -ge 12 ] || fail "AMD PACE needs gcc 12 or newer; this is $version"
python3 -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || fail "AMD PACE needs Python 3.10 to 3.13; this is $(python3 -V)"
grep -q avx512f /proc/cpuinfo || say "this CPU has no AVX-512: AMD PACE may be slow here, or fail"
progress "fetching AMD PACE $REF"
mkdir -p "$pace/source"
git -C "$pace/source" init -q && git -C "$pace/source" fetch -q --depth 1 https://github.com/amd/AMD-PACE "$REF" &&
	git -C "$pace/source" checkout -q FETCH_HEAD && git -C "$pace/source" rev-parse HEAD >"$pace/commit" ||
	fail "AMD PACE $REF could not be fetched from https://github.com/amd/AMD-PACE"
progress "building AMD PACE $REF"
python3 -m venv "$pace/venv" || fail "python3 -m venv does not work here; install it (python3-venv)"
cd "$pace/source" || exit 1
"$python" -m pip install --quiet -r requirements.txt && "$python" -m pip install --quiet -r benchmarks/llm/performance/requirements.txt &&
	"$python" -m pip install --quiet -r build_requirements.txt . || fail "AMD PACE $REF does not build here"
works || fail "AMD PACE $REF was built and cannot be imported"

# shellcheck shell=bash
# Where the demonstrations play: a directory that they remove, the helpers of the tests, and two ways to speak.
WORK=$PWD/.demo
if [ -e "$WORK" ]; then
	echo "demo: '$WORK' is there already; another demo runs, or remove it" >&2
	exit 1
fi
mkdir -p "$WORK"
export WORK
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
trap 'exit 1' INT TERM

step() { printf '\n\033[1m%s\033[0m\n' "$*" | { [ -t 1 ] && cat || sed 's/\x1b\[[0-9;]*m//g'; }; }
show() {
	printf '$ gpufleetctl %s\n' "$*"
	CTL_LIMIT=280 ctl "$@"
}

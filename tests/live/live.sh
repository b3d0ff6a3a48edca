#!/usr/bin/env bash
# The smallest real thing, with real money: the cheapest machine that one provider sells, SSH, and back. Never part of a check.
#
#	make live PROVIDER=vastai CAP=5        VAST_API_KEY in the environment
#
# PROVIDER  hotaisle, runpod, digitalocean or vastai
# CAP       dollars: the total of a budget that counts everything, and the --max-cost of the only fleet
# GPU       which model, MI300X or "RTX 4090:2"; the cheapest machine of all when not given
# API_URL   another address of the API (the simulator's, the AMD Developer Cloud's)
# OPTIONS   more of the account in gpufleetd.yaml's words: OPTIONS='team: acme, exclusive: true'
# SETTINGS  more of the whole configuration, a line of it
#
# A daemon of its own, with a state directory of its own, whose machines no other daemon takes for its own. Whatever happens, the
# machine is given back; when that could not be proved, the state directory stays and the last lines say what to do.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(cd "${BUILD:-build}" && pwd) || exit 1

refuse() {
	echo "live: $*" >&2
	exit 2
}
say() { printf '\n%s %s\n' "$(date +%H:%M:%S)" "$*"; }

case ${PROVIDER:-} in
hotaisle) variable=HOTAISLE_TOKEN ;;
runpod) variable=RUNPOD_API_KEY ;;
digitalocean) variable=DIGITALOCEAN_TOKEN ;;
vastai) variable=VAST_API_KEY ;;
*) refuse "say which: make live PROVIDER=hotaisle|runpod|digitalocean|vastai CAP=5" ;;
esac
[[ ${CAP:-} =~ ^[0-9]+(\.[0-9]{1,2})?$ ]] || refuse "say how many dollars it may cost at most: make live PROVIDER=$PROVIDER CAP=5"
[ -n "${!variable:-}" ] || refuse "$variable is not set; it holds the token of $PROVIDER"
[ -z "${CI:-}" ] || refuse "this buys something; it does not run in CI"
for program in gpufleetd gpufleetctl; do
	[ -x "$BUILD/$program" ] || refuse "$BUILD/$program is not built; run: make"
done

umask 077
work=$(mktemp -d "${TMPDIR:-/tmp}/gpufleet-live-XXXXXX")
export HOME="$work" XDG_STATE_HOME="$work" XDG_CONFIG_HOME="$work" XDG_RUNTIME_DIR="$work" GPUFLEET_CONFIG="$work/gpufleetd.yaml"
unset GPUFLEET_SOCKET SSH_AUTH_SOCK
token=${!variable}
unset HOTAISLE_TOKEN RUNPOD_API_KEY DIGITALOCEAN_TOKEN VAST_API_KEY
daemon=
bought=false

ctl() { timeout --foreground "${LIMIT:-1800}" "$BUILD/gpufleetctl" "$@"; }
show() {
	printf '\n$ gpufleetctl %s\n' "$*"
	ctl "$@"
}
# No machine, and our public key is not in the account any more.
nothing_left() { ! ctl status --json | grep -q '"instances_wanted"' && ! ctl audit | grep -q '^ssh key'; }

start() {
	printf '%s\n' "$token" >"$work/token"
	cat >"$GPUFLEET_CONFIG" <<-YAML
		state_dir: $work/state
		socket: $work/gpufleetd.sock
		providers:
		  $PROVIDER: { token_file: $work/token${API_URL:+, api_url: "$API_URL"}${OPTIONS:+, $OPTIONS} }
		defaults: { max_cost: $CAP }
		proof: { key_keep: 1s }
		${SETTINGS:-}
	YAML
	"$BUILD/gpufleetd" --check-config || return 1
	# In a session of its own: Ctrl-C is for us, and the daemon gives back what there is.
	setsid "$BUILD/gpufleetd" >"$work/daemon.log" 2>&1 &
	daemon=$!
	for _ in $(seq 100); do
		[ -S "$work/gpufleetd.sock" ] && ctl status >/dev/null 2>&1 && return 0
		kill -0 "$daemon" 2>/dev/null || break
		sleep 0.2
	done
	tail -n 5 "$work/daemon.log"
	return 1
}

# Runs once, whatever ended the script. The daemon ends only when nothing of ours is left, or when it was waited for long enough.
finish() {
	local rc=$? clean=true
	trap '' INT TERM HUP
	trap - EXIT
	if [ -n "$daemon" ] && $bought; then
		say 'Give everything back.'
		clean=false
		for _ in $(seq 60); do
			LIMIT=300 ctl down --all --yes >/dev/null 2>&1
			nothing_left && clean=true && break
			sleep 5
		done
		show cost --by fleet
		show audit || clean=false
	fi
	# Had it died, gpufleetctl has started another one.
	[ -z "$daemon" ] || { kill "$(head -n 1 "$work/state/lock" 2>/dev/null)" "$daemon" 2>/dev/null; wait "$daemon" 2>/dev/null; }
	if ! $clean; then
		rm -f "$work/token"
		echo >&2
		echo "live: A MACHINE MAY STILL BILL. Look at the console of $PROVIDER now; ours has a name that begins with gf1-." >&2
		echo "live: what is known of it: $work/state, $work/daemon.log" >&2
		exit 1
	fi
	if [ $rc -ne 0 ]; then
		echo "live: failed; the last lines of the daemon:" >&2
		tail -n 5 "$work/daemon.log" >&2
	fi
	rm -rf "$work"
	exit $rc
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# "GPU<tab>COUNT<tab>DOLLARS" of the cheapest machine that fits the cap: not spot, not sold out.
cheapest() {
	ctl offers --json | tr '{' '\n' | awk -v cap="$CAP" '
	function field(name) { return match($0, "\"" name "\": *[^,}]*") ? clean(substr($0, RSTART, RLENGTH)) : "" }
	function clean(s) { sub(/^"[a-z_]*": */, "", s); gsub(/"/, "", s); return s }
	/"price_hour"/ {
		if (field("available") == "0" || field("spot") == "true" || field("minimum_charge") + 0 > cap + 0) next
		price = field("price_hour") + 0
		if (!best || price < best) { best = price; row = field("gpu") "\t" field("gpu_count") "\t" best }
	}
	END { if (best) print row; else exit 1 }'
}

say "A daemon of its own: $PROVIDER${API_URL:+ at $API_URL}, at most \$$CAP."
start || exit 1
show providers --check || exit 1
show budget set live --cap "$CAP" --per total --all || exit 1

if [ -n "${GPU:-}" ]; then
	machine=$GPU
else
	say 'What is the cheapest machine?'
	row=$(cheapest) || { echo "live: $PROVIDER sells nothing now that fits into \$$CAP" >&2; exit 4; }
	IFS=$'\t' read -r gpu count price <<<"$row"
	machine=$gpu:$count
	echo "$machine for \$$price/h"
fi

began=$SECONDS
bought=true
show up "$machine" --name live --for 10m --max-cost "$CAP" --accept-minimum "$CAP" --yes || exit 1
say "Ready after $((SECONDS - began)) s. Is it what was sold?"
show exec live -- 'uname -srm; nvidia-smi -L 2>/dev/null || amd-smi list 2>/dev/null || rocm-smi 2>/dev/null || echo no GPU tool' || exit 1
say 'Down.'
show down live || exit 1
show why live | tail -n 15
say "Gone after $((SECONDS - began)) s in all."

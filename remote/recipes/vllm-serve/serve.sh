#!/bin/sh
# The server and nothing else, until the run is ended or nothing was asked for IDLE seconds: what `gpufleetctl serve` runs.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=vllm-serve
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh
# shellcheck source=remote/recipes/common/floor.sh
. ./common/floor.sh
# shellcheck source=remote/recipes/common/vllm.sh
. ./common/vllm.sh
# shellcheck source=remote/recipes/vllm-serve/server.sh
. ./server.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/vllm-serve.XXXXXX") || exit 1
reason=
detail=

finish()
{
	server_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

# A server that could not begin, or that ended by itself: why, as the last line that people see.
gone()
{
	tail -n 20 "$server_log" >&2
	progress "$1"
	fail "$1"
}

# How many requests were answered, and how many are running or wait; fails where the server does not say.
requests()
{
	get /metrics | awk '
		/^vllm:request_success_total/ { answered += $NF; known = 1 }
		/^vllm:num_requests_(running|waiting)/ { open += $NF }
		END { if (!known) exit 1; printf "%.0f %.0f\n", answered, open }'
}

# Was nothing asked for so long? What is not known counts as asked: a server is not ended by mistake.
is_idle()
{
	now=$(date +%s)
	seen=$(requests) || seen=
	case $seen in
	"$before") ;;
	*) since=$now ;;
	esac
	before=$seen
	case $seen in
	*' 0') [ $((now - since)) -ge "$IDLE" ] ;;
	*)
		since=$now
		return 1
		;;
	esac
}

find_place || exit 1
mkdir -p "$models"
floor_of "$arch"
say "$gpu_count x $gpu_name ($arch), $mode${image:+, image $image}"
progress "starting the server"
start || gone "the server did not come up: $reason${detail:+: $detail}"
server_environment >"$work/environment"
floor_check || gone "the environment of the server is not as $arch needs it:$floor_missing"
progress "serving http://127.0.0.1:$PORT/v1"
before=
since=$(date +%s)
# Each look is a line in the server's log.
pause=$((IDLE / 10))
[ "$pause" -le 30 ] || pause=30
looked=$since
while server_lives; do
	sleep "${NAP:-2}"
	[ "$IDLE" -gt 0 ] && [ $(($(date +%s) - looked)) -ge "$pause" ] || continue
	looked=$(date +%s)
	! is_idle || {
		progress "nothing was asked for $IDLE s: the server is ended"
		exit 0
	}
done
server_said
gone "the server has ended: $(complaint "$server_log")"

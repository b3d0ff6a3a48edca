# What every command of ours begins with. $key is set before it.

umask 077
LC_ALL=C
export LC_ALL

fail() {
	echo "gpufleet: $*" >&2
	exit 70
}

[ -n "${HOME:-}" ] && cd "$HOME" 2>/dev/null || fail "this login has no home directory"
runs=$HOME/.gpufleet/runs
dir=$runs/$key

make_dir() {
	mkdir -p "$1" 2>/dev/null || fail "cannot make the directory $1: no permission, read-only or full"
}

# Is the supervisor of run directory $1 alive? Sets pid.
alive() {
	pid=
	IFS=' ' read -r pid birth boot 2>/dev/null <"$1/started/pid" || return 1
	[ "$boot" = "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo unknown)" ] || return 1
	IFS= read -r stat_line 2>/dev/null <"/proc/$pid/stat" || return 1
	# shellcheck disable=SC2086
	set -- ${stat_line##*) }
	[ "${20}" = "$birth" ] && [ "$1" != Z ]
}

# Detached from this connection, in a session of its own where there is setsid.
detach() {
	if command -v setsid >/dev/null 2>&1; then
		setsid "$@" </dev/null >/dev/null 2>>"$dir/supervisor.log" &
	else
		nohup "$@" </dev/null >/dev/null 2>>"$dir/supervisor.log" &
	fi
}

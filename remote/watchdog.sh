# On the rented machine, one for all its runs: when nobody has renewed the lease in time, the work is ended, the secrets are
# destroyed, and a machine that has a key of its own gives itself back (reliability §2.10). POSIX sh; curl, wget or python3.
#
#	sh watchdog.sh watch    for ever, detached
#	sh watchdog.sh can      what it could do: "deletes" or "stops"
#
# In its directory, ~/.gpufleet/watchdog:
#	lease          "BOOT_ID END": END in seconds since boot, so that nobody's wall clock matters; written by whoever renews it
#	give-back      four lines, none: nothing to give back with. URL before the id, URL behind it, and the names of the
#	               variables that hold this machine's own id and key
#	started/pid    of the one that watches
#	log            what it did

umask 077
LC_ALL=C
export LC_ALL
here=$HOME/.gpufleet/watchdog
runs=$HOME/.gpufleet/runs
WARN_BEFORE=300 # seconds: people on terminals are told
WORK_ENDS=60    # seconds that the work has to end by itself

boot_id() {
	cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo unknown
}

uptime() {
	IFS=' .' read -r up rest </proc/uptime && echo "$up"
}

born() {
	IFS= read -r stat_line 2>/dev/null <"/proc/$1/stat" || return 1
	# The name in parentheses may hold anything; behind the last one everything is a number.
	# shellcheck disable=SC2086
	set -- ${stat_line##*) }
	[ "$1" != Z ] && echo "${20}"
}

has() {
	command -v "$1" >/dev/null 2>&1
}

note() {
	echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*" >>"$here/log"
}

# ---- giving back ------------------------------------------------------------------------------------------------------------

# The value of variable $1: ours, or that of the first process. Containers are given theirs there, and logins do not inherit it.
variable() {
	eval "value=\${$1-}"
	[ -n "$value" ] || value=$(tr '\000' '\n' 2>/dev/null </proc/1/environ | sed -n "s/^$1=//p" | head -n 1)
	echo "$value"
}

# Sets url and key, when this machine knows who it is and may end itself.
own_key() {
	head= tail= id_name= key_name=
	{ IFS= read -r head && IFS= read -r tail && IFS= read -r id_name && IFS= read -r key_name; } 2>/dev/null <"$here/give-back" || return 1
	[ -n "$head" ] && [ -n "$id_name" ] || return 1
	id=$(variable "$id_name")
	key=$(variable "$key_name")
	case $id in
	'' | *[!A-Za-z0-9_-]*) return 1 ;;
	esac
	[ -n "$key" ] && url=$head$id$tail
}

wget_deletes() {
	has wget && wget --help 2>/dev/null | grep -q -e --method
}

# The key goes by a file or the environment, never by an argument that everybody on the machine can read.
delete() {
	if has curl; then
		printf 'header = "Authorization: Bearer %s"\n' "$key" |
			curl -K - -sS -f -m 30 -X DELETE -A gpufleet-watchdog -o "$here/answer" "$url"
	elif wget_deletes; then
		printf 'header = Authorization: Bearer %s\n' "$key" >"$here/wgetrc"
		WGETRC=$here/wgetrc wget -q -T 30 -t 1 --method=DELETE -U gpufleet-watchdog -O "$here/answer" "$url"
		set -- $?
		rm -f "$here/wgetrc"
		return "$1"
	else
		GIVE_BACK_KEY=$key python3 -c 'import os, sys, urllib.request as u
u.urlopen(u.Request(sys.argv[1], method="DELETE", headers={"Authorization": "Bearer " + os.environ["GIVE_BACK_KEY"],
  "User-Agent": "gpufleet-watchdog"}), timeout=30)' "$url"
	fi
}

can() {
	if own_key && { has curl || wget_deletes || has python3; }; then echo deletes; else echo stops; fi
}

# ---- the end ----------------------------------------------------------------------------------------------------------------

# The supervisors of runs that go on: "PID KEY" each.
supervisors() {
	for dir in "$runs"/*; do
		IFS=' ' read -r pid birth boot 2>/dev/null <"$dir/started/pid" || continue
		[ "$boot" = "$(boot_id)" ] && [ "$(born "$pid")" = "$birth" ] && echo "$pid ${dir##*/}"
	done
}

end_work() {
	supervisors | while read -r pid name; do
		note "run $name is ended: nobody has renewed the lease"
		echo "$WORK_ENDS" >"$runs/$name/stop.new" && mv -f "$runs/$name/stop.new" "$runs/$name/stop"
		kill -s TERM "$pid"
	done
	tries=0
	while [ -n "$(supervisors)" ] && [ "$tries" -lt "$((WORK_ENDS + 10))" ]; do
		sleep 1
		tries=$((tries + 1))
	done
	supervisors | while read -r pid name; do
		kill -s KILL -- "-$pid" 2>/dev/null || kill -s KILL "$pid"
		sh "$runs/$name/supervisor.sh" sweep "$name" 0 </dev/null >/dev/null 2>&1
	done
}

shred_secrets() {
	for dir in "${GPUFLEET_SECRET_DIR:-/dev/shm}"/gf-*; do
		[ -d "$dir" ] && [ ! -L "$dir" ] || continue
		for file in "$dir"/*; do
			[ ! -f "$file" ] || [ -L "$file" ] || dd if=/dev/zero of="$file" bs="$(($(wc -c <"$file")))" count=1 conv=notrunc 2>/dev/null
		done
		rm -rf "$dir"
		note "secrets of ${dir##*/gf-} are destroyed"
	done
}

tell_people() {
	for tty in $(who 2>/dev/null | sed 's/^[^ ]* *\([^ ]*\).*/\1/'); do
		[ ! -w "/dev/$tty" ] || printf '\r\n%s\r\n' "$1" >"/dev/$tty"
	done
}

# ---- watching ---------------------------------------------------------------------------------------------------------------

# Seconds that the lease still lasts; a lease of before a reboot is over.
left() {
	IFS=' ' read -r boot end 2>/dev/null <"$here/lease" || exit 0 # our directory is gone: the machine went back to its owner
	[ "$boot" = "$(boot_id)" ] || end=0
	echo $((end - $(uptime)))
}

watch() {
	told= ended= again=5
	while :; do
		left=$(left)
		[ -n "$left" ] || exit 0
		if [ "$left" -gt 0 ]; then
			ended= again=5
			if [ "$left" -gt "$WARN_BEFORE" ]; then
				told=
			elif [ -z "$told" ]; then
				told=yes
				tell_people "gpufleet: nobody has renewed the lease of this machine; in $left seconds its work is ended"
			fi
			[ "$left" -lt 5 ] || left=5
			sleep "$left"
			continue
		fi
		if [ -z "$ended" ]; then
			ended=yes
			note 'the lease is over'
			end_work
			shred_secrets
			continue # perhaps somebody came back meanwhile
		fi
		if [ "$(can)" = deletes ] && own_key; then
			if delete 2>>"$here/log"; then note 'given back'; else note 'could not be given back; again soon'; fi
			again=$((again < 60 ? again * 2 : 60))
		fi
		sleep "$again"
	done
}

case ${1-} in
watch)
	mkdir -p "$here/started"
	echo "$$ $(born $$) $(boot_id)" >"$here/started/pid.new" && mv -f "$here/started/pid.new" "$here/started/pid"
	watch
	;;
can) can ;;
esac

# Runs on the rented machine, detached, one per run. POSIX sh: dash, busybox, bash --posix; needs neither setsid nor timeout.
#
#	sh supervisor.sh run   KEY SETUP RUN SETUP_SECONDS RUN_SECONDS OUTPUT_MAX ONCE QUALIFY GATE
#	                                          in the run's directory; SETUP, RUN and QUALIFY name files in payload/; a run that
#	                                          writes more than OUTPUT_MAX bytes of output is ended; ONCE=1: setup is skipped
#	                                          where the same was set up before; QUALIFY says first whether the machine is fit;
#	                                          GATE=1: RUN begins when the file "go" is there
#	sh supervisor.sh sweep KEY GRACE                                   end whatever is left of a run whose supervisor is gone
#
# It lives through the loss of the connection, runs setup and then run, ends them when their time is up or when it is asked to
# (TERM; the grace in seconds is in the file "stop"), ends what they left behind, removes the secrets, and says how it went in
# "status", one line, by rename. Only when that says "done" is the run over.

umask 077
LC_ALL=C
export LC_ALL

# ---- small things -----------------------------------------------------------------------------------------------------------

now() {
	date +%s
}

boot_id() {
	cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo unknown
}

# Ticks since boot at which process $1 began: with the boot id this names a process for ever.
born() {
	IFS= read -r stat_line 2>/dev/null <"/proc/$1/stat" || return 1
	# The name in parentheses may hold anything; behind the last one everything is a number.
	# shellcheck disable=SC2086
	set -- ${stat_line##*) }
	echo "${20}"
}

oom_kills() {
	oom_count=$(sed -n 's/^oom_kill //p' /sys/fs/cgroup/memory.events 2>/dev/null)
	[ -n "$oom_count" ] || oom_count=$(sed -n 's/^oom_kill //p' /proc/vmstat 2>/dev/null)
	echo "${oom_count:-0}"
}

# A short wait of 0.1 s, or $1; not every sleep knows fractions.
nap() {
	sleep "${1:-0.1}" 2>/dev/null || sleep 1
}

# ---- status -----------------------------------------------------------------------------------------------------------------

state=setup
exit_status=
exit_signal=
timed_out=0
stopped=0
setup_failed=0
oom=0
began=$(now)
ended=0
boot=$(boot_id)

write_status() {
	printf 'state=%s exit=%s signal=%s timed_out=%s stopped=%s setup_failed=%s oom=%s started=%s ended=%s boot=%s\n' \
		"$state" "$exit_status" "$exit_signal" "$timed_out" "$stopped" "$setup_failed" "$oom" "$began" "$ended" "$boot" \
		>status.new && mv -f status.new status
}

# ---- ending processes -------------------------------------------------------------------------------------------------------

# Where the machine lets us, each run has a control group of its own: nothing leaves that, whatever it does to its session and
# its environment.
group=/sys/fs/cgroup/gpufleet-$2

make_group() {
	[ -f /sys/fs/cgroup/cgroup.controllers ] && mkdir "$group" 2>/dev/null || [ -d "$group" ]
}

# Every process of the run: in its control group, or with the run's mark in its environment, wherever it hid itself. The first
# grep is one look at all of them, the second makes sure that key "ab" does not end the run "abc".
marked() {
	cat "$group/cgroup.procs" 2>/dev/null
	grep -l "GPUFLEET_RUN=$key" /proc/[0-9]*/environ 2>/dev/null | while IFS= read -r f; do
		if tr '\000' '\n' 2>/dev/null <"$f" | grep -qx "GPUFLEET_RUN=$key"; then
			f=${f#/proc/}
			echo "${f%/environ}"
		fi
	done
}

# Is child $1 of this shell alive?
runs() {
	IFS= read -r stat_line 2>/dev/null <"/proc/$1/stat" || return 1
	case ${stat_line##*) } in
	"Z $$ "*) return 1 ;;
	?" $$ "*) ;;
	*) return 1 ;;
	esac
}

# Between its fork and its exec the child has neither a session nor a mark: it is known by its number only.
child_runs() {
	[ -n "$child" ] && runs "$child"
}

anything_left() {
	child_runs || [ -n "$(marked)" ]
}

signal_all() {
	[ -z "$leader" ] || kill -s "$1" -- "-$leader" 2>/dev/null
	! child_runs || kill -s "$1" "$child" 2>/dev/null
	for p in $(marked); do
		kill -s "$1" "$p" 2>/dev/null
	done
}

# Containers are children of another daemon; a script labels its own with gpufleet.run=$GPUFLEET_RUN.
end_containers() {
	command -v docker >/dev/null 2>&1 || return 0
	(
		ids=$(docker ps -q --filter "label=gpufleet.run=$key")
		# shellcheck disable=SC2086
		[ -z "$ids" ] || docker kill $ids
	) </dev/null >/dev/null 2>&1 &
	docker_job=$!
	i=0
	while kill -0 "$docker_job" 2>/dev/null && [ "$i" -lt 100 ]; do
		nap
		i=$((i + 1))
	done
	kill -s KILL "$docker_job" 2>/dev/null
}

# TERM, up to $1 seconds, then KILL until two looks in a row find nothing: what is being forked while we look is seen by the
# second.
end_all() {
	signal_all TERM
	i=0
	while [ "$i" -lt "$(($1 * 10))" ] && anything_left; do
		nap
		i=$((i + 1))
	done
	i=0
	quiet=0
	while [ "$i" -lt 100 ] && [ "$quiet" -lt 2 ]; do
		signal_all KILL
		if anything_left; then quiet=0; else quiet=$((quiet + 1)); fi
		[ "$quiet" -eq 2 ] || nap
		i=$((i + 1))
	done
	end_containers
	rmdir "$group" 2>/dev/null
}

# ---- secrets ----------------------------------------------------------------------------------------------------------------

secrets=${GPUFLEET_SECRET_DIR:-/dev/shm}

remove_secrets() {
	d=$secrets/gf-$key
	[ -d "$d" ] && [ ! -L "$d" ] || return 0
	for f in "$d"/*; do
		if [ -f "$f" ] && [ ! -L "$f" ]; then
			n=$(wc -c <"$f")
			dd if=/dev/zero of="$f" bs="$((n + 1))" count=1 conv=notrunc 2>/dev/null
		fi
	done
	rm -rf "$d"
}

# ---- one script -------------------------------------------------------------------------------------------------------------

complain() {
	echo "gpufleet: $*" >&2
	exit 126
}

# People call their variables what they like, key and home too: from here on nothing is read that theirs could have replaced.
environment() {
	GPUFLEET_RUN=$key GPUFLEET_PHASE=$state GPUFLEET_PAYLOAD=$home/payload GPUFLEET_RESULTS=$results GPUFLEET_BOOT_ID=$boot
	GPUFLEET_HOSTFILE=$home/hostfile
	export PATH GPUFLEET_RUN GPUFLEET_PHASE GPUFLEET_PAYLOAD GPUFLEET_RESULTS GPUFLEET_BOOT_ID GPUFLEET_HOSTFILE
	set -- "$home/env" "$secrets/gf-$key/env"
	# shellcheck disable=SC1090
	[ ! -f "$1" ] || . "$1"
	[ -z "${GPUFLEET_VOLUME:-}" ] || export GPUFLEET_VOLUME="$HOME/volumes/$GPUFLEET_VOLUME"
	# shellcheck disable=SC1090
	[ ! -f "$2" ] || . "$2"
	set -- /opt/rocm/bin /usr/local/cuda/bin /usr/sbin /sbin
	while [ $# -gt 0 ]; do
		case :$PATH: in
		*:"$1":*) ;;
		*) [ ! -d "$1" ] || PATH=$PATH:$1 ;;
		esac
		shift
	done
	unset LC_ALL
	umask 022
}

# In the child: become the script. An executable file with a "#!" line (or a program) runs by itself, anything else by sh.
become() {
	! make_group || echo 0 2>/dev/null >"$group/cgroup.procs"
	cd "$home/payload" || complain "the run has no payload"
	[ -f "./$1" ] || complain "there is no file '$1' in the payload"
	first=
	IFS= read -r first <"./$1"
	case $first in
	*"$(printf '\r')") complain "'$1' has Windows line ends (CR LF); save it with Unix line ends (LF)" ;;
	'#!'* | "$(printf '\177ELF')"*)
		if [ -x "./$1" ]; then set -- "./$1"; else set -- sh "./$1"; fi
		;;
	*) set -- sh "./$1" ;;
	esac
	[ -z "$setsid" ] || set -- setsid "$@"
	# A shell starts its background children with INT and QUIT ignored; scripts expect them to work.
	if env --default-signal true >/dev/null 2>&1; then
		set -- env --default-signal "$@"
	fi
	environment
	exec "$@"
}

setsid=
if command -v setsid >/dev/null 2>&1; then
	setsid=1
fi

# In a helper: TERM ends it together with the sleep that it began. "$!" is set at once; a variable of ours would be a moment late.
ends_with_its_sleep() {
	before=$!
	trap '[ "$!" = "$before" ] || kill "$!" 2>/dev/null; exit 0' TERM
	trap - ALRM
}

# Ring after $1 seconds, unless this supervisor is no longer the one that asked.
alarm() {
	ends_with_its_sleep
	sleep "$1" &
	wait "$!" && [ "$(born "$$")" = "$birth" ] && kill -s ALRM "$$"
}

# Say so when the output outgrows what a run may leave on this disk.
watch_output() {
	between=1
	ends_with_its_sleep
	while [ "$(born "$$")" = "$birth" ]; do
		for f in stdout stderr; do
			[ "$(wc -c <"$home/$f")" -le "$output_max" ] || { kill -s USR1 "$$" && exit 0; }
		done
		sleep "$between" &
		wait "$!"
		[ "$between" -ge 8 ] || between=$((between * 2))
	done
}

# A helper that was born just now may miss a signal (a shell forgets what arrives before it has dropped its parent's traps): told
# again until it is gone.
helpers=

end_helpers() {
	i=0
	for helper in $helpers; do
		kill -s TERM "$helper" 2>/dev/null
	done
	for helper in $helpers; do
		while runs "$helper" && [ "$i" -lt 100 ]; do
			nap 0.01
			kill -s TERM "$helper" 2>/dev/null
			i=$((i + 1))
		done
	done
	helpers=
}

# run_script FILE SECONDS: true when it ended with 0 by itself; exit_status and exit_signal tell more.
run_script() {
	ooms=$(oom_kills)
	# Job control gives the child a process group where there is no setsid to give it a session; dash refuses without a
	# terminal, and then the mark in the environment is what strays are found by.
	[ -n "$setsid" ] || set -m 2>/dev/null
	become "$1" </dev/null >>"$home/stdout" 2>>"$home/stderr" &
	child=$! leader=$!
	[ -n "$setsid" ] || set +m 2>/dev/null
	if [ "$2" -gt 0 ]; then
		alarm "$2" </dev/null >/dev/null 2>&1 &
		helpers=$!
	fi
	watch_output </dev/null >/dev/null 2>&1 &
	helpers="$helpers $!"
	# A signal of ours ends the waiting but not the child: wait again.
	interrupted=1
	while [ "$interrupted" = 1 ]; do
		interrupted=0
		# Asked to stop in the moment in which the child had no number yet?
		[ "$stopped$timed_out" = 00 ] || ! child_runs || end_all 0
		wait "$child"
		exit_status=$?
	done
	child= # its number may be somebody else's from here on
	end_helpers
	exit_signal=
	if [ "$exit_status" -gt 128 ]; then
		exit_signal=$(kill -l "$((exit_status - 128))" 2>/dev/null)
		exit_signal=${exit_signal#SIG}
		case $exit_signal in
		*[!A-Z0-9+-]*) exit_signal= ;;
		esac
	fi
	[ "$exit_signal" != KILL ] || [ "$(oom_kills)" = "$ooms" ] || oom=1
	[ "$exit_status" -eq 0 ] && [ "$timed_out$stopped" = 00 ]
}

# ---- the run ----------------------------------------------------------------------------------------------------------------

on_alarm() {
	interrupted=1
	timed_out=1
	end_all 10
}

on_flood() {
	interrupted=1
	end_all 2
	echo "gpufleet: ended, as it wrote more than $output_max bytes of output" >>"$home/stderr"
}

on_stop() {
	interrupted=1
	stopped=1
	grace=$(cat "$home/stop" 2>/dev/null)
	case $grace in
	'' | *[!0-9]*) grace=10 ;;
	esac
	end_all "$grace"
}

finish() {
	end_all 2
	remove_secrets
	state='done'
	ended=$(now)
	rm -f reserve
	[ ! -d "$HOME/volumes" ] || sync # what a run wrote outlives its machine
	write_status
	# The last word should be there after a power cut. Old versions of sync take no file and do more than asked.
	sync status 2>/dev/null
	exit 0
}

# The payload and the parameters as a digest, without what differs from run to run; nothing where it cannot be said.
setup_id() {
	command -v sha256sum >/dev/null 2>&1 || return 0
	{
		echo "$1"
		(cd payload && find . -type f -exec sha256sum {} + | sort -k 2)
		grep -v '^export GPUFLEET_' env 2>/dev/null
	} | sha256sum | cut -c 1-40
}

# set_up FILE SECONDS ONCE: true when the machine is set up, by this run or, with ONCE, by one before.
set_up() {
	setup_done=
	[ "$3" != 1 ] || setup_done=$(setup_id "$1")
	[ -z "$setup_done" ] || setup_done=$home/../../setups/$setup_done
	if [ -n "$setup_done" ] && [ -f "$setup_done" ]; then
		echo "gpufleet: setup skipped: it was done on this machine at $(cat "$setup_done")" >>"$home/stdout"
		return 0
	fi
	run_script "$1" "$2" || return 1
	[ -z "$setup_done" ] || { mkdir -p "$home/../../setups" && date -u +%Y-%m-%dT%H:%M:%SZ >"$setup_done.$$" && mv -f "$setup_done.$$" "$setup_done"; } 2>/dev/null
	return 0
}

qualify_seconds=900

# qualify FILE: true when the machine is fit for work, as FILE found now or for an earlier run since the machine booted. Its
# results are kept apart from those of the run.
qualify() {
	fit=$home/../../fit
	[ "$(cat "$fit" 2>/dev/null)" != "$boot" ] || return 0
	results=$home/results/qualify
	mkdir -p "$results"
	run_script "$1" "$qualify_seconds" || return 1
	results=$home/results
	echo "$boot" >"$fit.$$" && mv -f "$fit.$$" "$fit"
}

# As MPI's programs read it: a line for each instance, with as many slots as it has GPUs.
write_hostfile() {
	(
		# shellcheck disable=SC1091
		[ ! -f env ] || . ./env
		for address in ${GPUFLEET_ADDRESSES:-}; do
			echo "$address slots=$GPUFLEET_GPU_COUNT"
		done
	) >hostfile
}

# One of several instances is set up: its script begins when all of them are.
await_go() {
	state=ready
	write_status
	while [ ! -f "$home/go" ] && [ "$stopped" = 0 ]; do
		nap 0.2
	done
}

run() {
	home=$(pwd)
	results=$home/results
	output_max=$5
	birth=$(born "$$")
	child= leader=
	trap on_alarm ALRM
	trap on_stop TERM
	trap on_flood USR1
	trap '' HUP
	printf '%s %s %s\n' "$$" "$birth" "$boot" >started/pid.new && mv -f started/pid.new started/pid
	mkdir -p results
	: >>stdout
	: >>stderr
	# Room for the last status on a disk that the script has filled.
	dd if=/dev/zero of=reserve bs=8192 count=2 2>/dev/null
	write_status
	write_hostfile
	if { [ -n "$7" ] && ! qualify "$7"; } || { [ -n "$1" ] && ! set_up "$1" "$3" "$6"; }; then
		setup_failed=1
		finish
	fi
	[ "$8" != 1 ] || [ "$stopped" = 1 ] || await_go
	[ "$stopped" = 0 ] || finish
	state=running
	write_status
	run_script "$2" "$4"
	finish
}

sweep() {
	child= leader=
	end_all "$1"
	remove_secrets
}

mode=$1
key=$2
shift 2
case $mode in
run) run "$@" ;;
sweep) sweep "$@" ;;
esac

# What the scripts of all recipes need. Whoever reads this has set $me, the name that its lines begin with. POSIX sh and awk only.
# shellcheck shell=sh
LC_ALL=C
PATH=$PATH:/opt/rocm/bin:/usr/local/cuda/bin:/usr/sbin:/sbin
export LC_ALL PATH

say()
{
	echo "$me: $*"
}

complain()
{
	echo "$me: $*" >&2
}

fail()
{
	complain "$*"
	exit 1
}

progress()
{
	echo "gpufleet: progress $*"
}

has()
{
	command -v "$1" >/dev/null 2>&1
}

# One line for JSON: quotes, backslashes and control characters are gone or escaped.
json_text()
{
	printf %s "$1" | tr '\000-\037' ' ' | sed 's/\\/\\\\/g; s/"/\\"/g'
}

# limited SECONDS COMMAND...: ended when it takes longer; 124 then. Not every machine has timeout(1).
limited()
{
	limited_seconds=$1
	limited_began=$(date +%s)
	shift
	"$@" &
	limited_job=$!
	# It looks each second whether the job is still there. Nobody has to end it: a signal right behind its birth could be lost.
	(
		i=0
		while [ "$i" -lt "$limited_seconds" ] && kill -0 "$limited_job" 2>/dev/null; do
			sleep 1
			i=$((i + 1))
		done
		kill -s TERM "$limited_job" 2>/dev/null && sleep 5 && kill -s KILL "$limited_job" 2>/dev/null
	) </dev/null >/dev/null 2>&1 &
	wait "$limited_job"
	limited_rc=$?
	case $limited_rc in
	143 | 137) [ "$(($(date +%s) - limited_began))" -lt "$limited_seconds" ] || limited_rc=124 ;;
	esac
	return $limited_rc
}

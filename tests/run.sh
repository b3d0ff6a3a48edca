#!/bin/sh
# Run test suites, print one line and the time for each, then everything's sum alone on the last line: "N passed, N failed".
#
#	tests/run.sh BUILD unit|integration...
#
# unit         each program BUILD/unit/test_*, built from tests/unit, counted by cmocka's closing lines
# integration  each tests/integration/test_*.sh, counted by its lines "ok ..." and "not ok ..."
#
# JOBS of a kind run at a time: one unit suite more than there are processors, and twice as many integration suites, as these mostly wait.
# Each has its own directory and ports. Those that take longest begin first, so that none of them is left over at the end.
#
# A suite that ends with an error, counts nothing, skips something or runs longer than LIMIT seconds has failed. An integration suite
# that lacks what no package can bring says so in a line "not run: why" and counts nothing; it is named below all others.
# WRAP is put in front of unit programs (valgrind). ONLY=text takes the suites whose name contains it.
set -u
LC_ALL=C.UTF-8
export LC_ALL
build=$1
shift
BUILD=$(cd "$build" && pwd) || exit 1
export BUILD
log=$BUILD/log
mkdir -p "$log"

now_ms()
{
	date +%s%3N
}

count_unit()
{
	awk '
	/^\[  PASSED  \] [0-9]+ test/ { p += $4 }
	/^\[  FAILED  \] [0-9]+ test/ { f += $4 }
	/^\[  SKIPPED \] [0-9]+ test/ { f += $4 }
	END { print p + 0, f + 0 }' "$1"
}

count_lines()
{
	awk '/^ok / { p++ } /^not ok / { f++ } END { print p + 0, f + 0 }' "$1"
}

# What a failed suite said, without the lines of what passed, which would push the cause out of sight.
words()
{
	if [ "$1" = unit ]; then
		grep -av -e '^\[ RUN      \]' -e '^\[       OK \]' "$2"
	else
		grep -a -A 6 '^not ok' "$2" || grep -av '^ok ' "$2"
	fi
}

# One suite: its line on standard output, its counts in NAME.result, its words in NAME.log.
suite()
{
	kind=$1 name=$2 limit=${LIMIT:-600}
	out=$log/$name.log
	began=$(now_ms)
	if [ "$kind" = unit ]; then
		# shellcheck disable=SC2086 # WRAP is a command with arguments
		timeout -k 10 "$limit" ${WRAP:-} "$BUILD/unit/$name" >"$out" 2>&1 </dev/null
	else
		timeout -k 10 "$limit" bash "tests/integration/$name.sh" >"$out" 2>&1 </dev/null
	fi
	rc=$?
	took=$(($(now_ms) - began))
	read -r p f <<-COUNTS
		$(if [ "$kind" = unit ]; then count_unit "$out"; else count_lines "$out"; fi)
	COUNTS
	why=
	if [ "$kind $rc $((p + f))" = 'integration 0 0' ] && grep -q '^not run: ' "$out"; then
		echo "0 0" >"$log/$name.result"
		printf '%-4s %-36s %s\n' - "$name" "$(grep '^not run: ' "$out")"
		return
	fi
	if [ $rc -eq 124 ]; then
		why=" (ended after $limit s)"
	elif [ $rc -ne 0 ]; then
		why=" (exit status $rc)"
	elif [ $((p + f)) -eq 0 ]; then
		why=" (ran no test)"
	fi
	[ -n "$why" ] && [ "$f" -eq 0 ] && f=1
	echo "$p $f" >"$log/$name.result"
	printf '%-4s %-36s %5d passed %4d failed %6d.%03d s%s\n' "$([ "$f" -eq 0 ] && echo ok || echo FAIL)" "$name" "$p" "$f" \
		$((took / 1000)) $((took % 1000)) "$why"
}

if [ "$1" = --suite ]; then
	suite "$2" "$3"
	exit 0
fi

long='test_vllm test_failures test_openapi test_campaign test_clouds test_recovery test_watchdog test_kill test_host_keys test_lost_answer test_ssh test_supervisor'
passed=0
failed=0
absent=
for kind in "$@"; do
	began_kind=$(now_ms)
	names=
	for source in $(for name in $long; do ls "tests/$kind/$name".* 2>/dev/null; done) "tests/$kind"/test_*; do
		name=${source##*/}
		name=${name%.*}
		case " $names " in *" $name "*) continue ;; esac
		case $source in "tests/$kind/$name.c" | "tests/$kind/$name.sh") ;; *) continue ;; esac
		[ -f "$source" ] || continue
		case $name in *"${ONLY:-}"*) names="$names $name" ;; esac
		rm -f "$log/$name.result"
	done
	jobs=$(($(nproc 2>/dev/null || echo 1) + 1))
	[ "$kind" = unit ] || jobs=$((2 * jobs))
	jobs=${JOBS:-$jobs}
	# shellcheck disable=SC2086 # names are words
	[ -z "$names" ] || printf '%s\n' $names | xargs -P "$jobs" -n 1 sh "$0" "$BUILD" --suite "$kind"
	for name in $names; do
		p=0 f=1
		[ -f "$log/$name.result" ] && read -r p f <"$log/$name.result"
		passed=$((passed + p))
		failed=$((failed + f))
		[ $((p + f)) -ne 0 ] || absent="$absent$name: $(sed -n 's/^not run: //p' "$log/$name.log")
"
		[ "$f" -eq 0 ] && continue
		echo "---- $log/$name.log"
		words "$kind" "$log/$name.log" | tail -n 40
		echo "----"
	done
	took=$(($(now_ms) - began_kind))
	printf '     %-36s %33d.%03d s\n' "all $kind suites" $((took / 1000)) $((took % 1000))
done
printf '%s' "$absent" | sed 's/^/not run: /'
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]

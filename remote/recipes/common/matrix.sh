# The matrix of a benchmark: scenarios at each concurrency, several times, and in scenarios.jsonl how each cell of it went, with its reason
# instead of a zero (benchmarks §7.1, §7.5). Needs shell.sh, and $work.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

plan=$GPUFLEET_RESULTS/scenarios.jsonl

# write_plan LEVELS: lines "number scenario input output concurrency repeat" from SCENARIOS and REPEATS, repeats outermost, the scenarios
# rotated by one at each repeat. A level of 0 is no concurrency at all: everything at once. All of it counts as not reached at first.
write_plan()
{
	levels=$1
	scenarios=$SCENARIOS
	if [ "${POC:-false}" = true ]; then
		scenarios=${SCENARIOS%% *}
	fi
	# shellcheck disable=SC2086 # words
	printf '%s\n' $scenarios | awk -v levels="$levels" -v repeats="$REPEATS" '
	BEGIN { n = 0 }
	/^[1-9][0-9]*x[1-9][0-9]*$/ { split($0, p, "x"); name[n] = $0; input[n] = p[1]; output[n] = p[2]; n++; next }
	{ print "bad " $0 }
	END {
		c = split(levels, level, " ")
		for (i = 1; i <= c; i++) if (level[i] !~ /^(0|[1-9][0-9]*)$/) print "bad " level[i]
		for (r = 1; r <= repeats; r++)
			for (l = 1; l <= c; l++)
				for (k = 0; k < n; k++) {
					s = (k + r - 1) % n
					print s + 1, name[s], input[s], output[s], level[l], r
				}
	}' >"$work/plan"
	bad=$(sed -n 's/^bad //p' "$work/plan" | head -n 1)
	[ -z "$bad" ] || fail "'$bad' is neither a scenario like 128x2048 nor a concurrency"
	[ -s "$work/plan" ] || fail "there is nothing to measure: scenarios, concurrency or repeats are empty"
	cells=$(awk 'END { print NR }' "$work/plan")
	record_rest 1 timeout "it was not reached"
}

# record STATUS REASON DETAIL, about the cell at hand
record()
{
	printf '{"scenario":"%s","input":%s,"output":%s,"concurrency":%s,"repeat":%s,"file":"%s","status":"%s","reason":"%s","detail":"%s"}\n' \
		"$name" "$input" "$output" "$streams_of" "$repeat" "$file_of" "$1" "${2:-}" "${3:-}" >>"$plan"
}

take_cell()
{
	number=$1 name=$2 input=$3 output=$4 streams_of=$5 repeat=$6
	file_of=$(printf 's%02d_c%s_r%s' "$number" "$streams_of" "$repeat")
}

# All cells that are still to come have one reason: from line $1 of the plan on.
record_rest()
{
	sed -n "$1,\$p" "$work/plan" >"$work/rest"
	while read -r cell; do
		# shellcheck disable=SC2086 # words
		take_cell $cell
		record failed "$2" "$3"
	done <"$work/rest"
}

# How long the rest will take, from $began and cell $at of $cells.
eta()
{
	awk -v began="$began" -v now="$(date +%s)" -v done="$((at - 1))" -v all="$cells" 'BEGIN {
		if (done < 1) exit
		left = (now - began) / done * (all - done) / 60
		if (left < 1) printf ", less than a minute left"; else printf ", about %d min left", left + 0.5
	}'
}

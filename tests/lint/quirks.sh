#!/bin/sh
# The index of the fact sheets' warnings (tests/contract/quirks.txt): each test that it names is there and is run, and, where the
# sheets lie beside the tree (or in SHEETS), each numbered warning has a line.
set -eu
index=tests/contract/quirks.txt
sheets=${SHEETS:-../shared/providers}
failed=0

grep -v -e '^#' -e '^$' "$index" | while read -r provider number suite test; do
	[ "$suite" != - ] || continue
	file=tests/unit/$suite.c
	# Defined, and named once more where the suite is put together.
	if [ ! -f "$file" ] || ! grep -q "^static void $test(void \*\*state)" "$file" || [ "$(grep -cw "$test" "$file")" -lt 2 ]; then
		echo "$index: $provider $number: $file runs no test '$test'"
	fi
done >"${TMPDIR:-/tmp}/quirks.$$"
if [ -s "${TMPDIR:-/tmp}/quirks.$$" ]; then
	cat "${TMPDIR:-/tmp}/quirks.$$"
	failed=1
fi
rm -f "${TMPDIR:-/tmp}/quirks.$$"

# The numbers in one section of a sheet: from the line that begins it to the next one like it. KIND: "list" 1. 2. at the beginning
# of lines, "run" 1. 2. anywhere, "points" lines "- ", which are counted.
numbers()
{
	awk -v provider="$1" -v prefix="$4" -v from="$3" -v kind="$5" '
	inside && /^(##|---)/ { exit }
	index($0, from) == 1 { inside = 1; if (kind != "run") next }
	!inside { next }
	kind == "list" && match($0, /^[0-9]+\. /) { print provider, prefix substr($0, 1, RLENGTH - 2) }
	kind == "points" && /^- / { n++; print provider, prefix n }
	kind == "run" {
		line = $0
		while (match(line, /(^|[ (])[0-9]+[.)] /)) {
			word = substr(line, RSTART, RLENGTH)
			gsub(/[^0-9]/, "", word)
			if (word == n + 1) { n++; print provider, prefix n }
			line = substr(line, RSTART + RLENGTH - 1)
		}
	}' "$sheets/$2"
}

if [ ! -d "$sheets" ]; then
	echo "quirks: no fact sheets in $sheets: not looked whether each warning of theirs has a line"
	exit $failed
fi
wanted=$(
	numbers digitalocean digitalocean.md '## 0. ' 0. list
	numbers digitalocean digitalocean.md '## 12. ' 12. run
	numbers runpod runpod.md '## 0. ' 0. list
	numbers runpod runpod.md '## 12. ' 12. list
	numbers vastai vastai.md '> **Four traps first.**' 0. run
	numbers vastai vastai.md 'Other quirks:' 4. points
	numbers vastai vastai.md '## 5. ' 5. list
	numbers hotaisle hotaisle.md '### 4.2 ' 4.2. list
	numbers hotaisle hotaisle.md '### 4.4 ' 4.4. points
	numbers hotaisle hotaisle.md '## 6. ' 6. list
	sed -n 's/^### \(4\.[135]\) .*/hotaisle \1/p' "$sheets/hotaisle.md"
)
[ "$(printf '%s\n' "$wanted" | wc -l)" -ge 80 ] || { echo "quirks: the sheets in $sheets look different: $(printf '%s\n' "$wanted" | wc -l) warnings found"; failed=1; }
missing=$(printf '%s\n' "$wanted" | while read -r provider number; do
	grep -qE "^$provider +$number( |\$)" "$index" || echo "$index: no line for $provider $number"
done)
[ -z "$missing" ] || { printf '%s\n' "$missing"; failed=1; }
exit $failed

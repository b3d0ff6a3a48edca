#!/bin/sh
# The commented sample and the manual page are what the option tables generate, and each key stands in both.
#
#	tests/lint/options.sh BUILD          compare
#	tests/lint/options.sh BUILD write    write them anew (`make docs`)
set -eu
print=$1/print-options
page=man/gpufleetd.yaml.5
sample=config/gpufleetd.yaml
[ -x "$print" ] || exit 0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$print" sample >"$tmp/sample"
"$print" man >"$tmp/options"
# The page with the part between the marks replaced.
awk -v part="$tmp/options" '
/^\.\\" options: begin/ { print; while ((getline line < part) > 0) print line; skip = 1; begun++ }
/^\.\\" options: end/   { skip = 0; ended++ }
!skip
END { if (begun != 1 || ended != 1) exit 1 }' "$page" >"$tmp/page" || { echo "$page: marks \"options: begin\" and \"options: end\" are missing"; exit 1; }

if [ "${2:-}" = write ]; then
	cmp -s "$tmp/sample" "$sample" || cp "$tmp/sample" "$sample"
	cmp -s "$tmp/page" "$page" || cp "$tmp/page" "$page"
	exit 0
fi

failed=0
cmp -s "$tmp/sample" "$sample" || { echo "$sample differs from the option table; run: make docs"; failed=1; }
cmp -s "$tmp/page" "$page" || { echo "$page differs from the option table; run: make docs"; failed=1; }
for key in $("$print" keys); do
	grep -q "^\.It Cm $key " "$page" || { echo "$page: option $key is missing"; failed=1; }
	grep -Eq "^# *(- )?${key##*.}:|^# (hosts, )?$key( \(.*\))?:$" "$sample" || { echo "$sample: option $key is missing"; failed=1; }
done
exit $failed

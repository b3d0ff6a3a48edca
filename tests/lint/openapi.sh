#!/bin/sh
# The API's document (daemon/api) and its code agree: each route of api_routes.c is in it with its role, and each of its operations is a
# route; the keys of its bodies are those that check_keys() lets through, and what may
# stand behind a path is what query() looks for; all that it refers to is there; daemon/api.md has its table.
#
#	tests/lint/openapi.sh BUILD          compare
#	tests/lint/openapi.sh BUILD write    write the table of daemon/api.md anew (`make docs`)
set -eu
LC_ALL=C
export LC_ALL
print=$1/print-openapi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

"$print" index >"$tmp/index"
awk -v part="$tmp/index" '
/^<!-- routes: begin/ { print; while ((getline line < part) > 0) print line; skip = 1; begun++ }
/^<!-- routes: end/   { skip = 0; ended++; print "" }
!skip
END { if (begun != 1 || ended != 1) exit 1 }' daemon/api.md >"$tmp/page" || { echo 'daemon/api.md: marks "routes: begin" and "routes: end" are missing'; exit 1; }
if [ "${2:-}" = write ]; then
	cmp -s "$tmp/page" daemon/api.md || cp "$tmp/page" daemon/api.md
	exit 0
fi
cmp -s "$tmp/page" daemon/api.md || { echo "daemon/api.md differs from daemon/api/*.yaml; run: make docs"; failed=1; }

# differ WHAT CODE DOCUMENT: two sorted files
differ()
{
	comm -23 "$2" "$3" | sed "s/^/daemon\/api lacks $1: /"
	comm -13 "$2" "$3" | sed "s/^/daemon\/api has $1 that the code lacks: /"
	cmp -s "$2" "$3" || failed=1
}

sed -n 's/^	{ "\([A-Z]*\)", "\([^"]*\)", \(ROLE_[A-Z]*\), .*/\1 \2 \3/p' daemon/api_routes.c | sed 's/\*\*/*/' | sort >"$tmp/routes"
"$print" routes | sort >"$tmp/documented"
differ 'the route' "$tmp/routes" "$tmp/documented"

# A table of keys is a `static const char *const NAME_keys[]` or `keys[]`, ended by NULL; one that is empty takes no body.
cat daemon/api_*.c | awk '
	/^\t?static const char \*const ([a-z]+_)?keys\[\] = \{/ { on = 1; text = "" }
	on { text = text $0 }
	on && /NULL \};/ {
		n = split(text, part, "\"")
		for (k = 2; k <= n; k += 2) print part[k] | "sort | tr \"\\n\" \" \" | sed \"s/ $//\""
		close("sort | tr \"\\n\" \" \" | sed \"s/ $//\"")
		if (n > 1) print ""
		on = 0
		fflush()
	}' | sort -u >"$tmp/keys"
"$print" bodies | sort -u >"$tmp/bodies"
differ 'a body of the keys' "$tmp/keys" "$tmp/bodies"
grep -ho 'query\(_int\|_bool\|_time\)\{0,1\}(r, "[a-z_]*"' daemon/api_*.c | sed 's/.*"\(.*\)"/\1/' | sort -u >"$tmp/asked"
"$print" queries | sort -u >"$tmp/queries"
differ 'what may be asked behind a path' "$tmp/asked" "$tmp/queries"
[ "$(wc -l <"$tmp/routes")" -ge 60 ] && [ "$(wc -l <"$tmp/keys")" -ge 15 ] || { echo "openapi: the tables of daemon/api_*.c look different"; failed=1; }

"$print" | tr ',{}' '\n\n\n' | sed -n 's/^"$ref":"#\/components\/\([a-z]*\)\/\(.*\)"$/\1 \2/p' | sort -u | while read -r section name; do
	"$print" | sed "s/.*\"components\":{//" | grep -q "\"$name\":{" || echo "daemon/api refers to $section/$name, which is not there"
done >"$tmp/lacking"
[ ! -s "$tmp/lacking" ] || { cat "$tmp/lacking"; failed=1; }
exit $failed

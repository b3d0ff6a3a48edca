#!/bin/sh
# Words and characters that do not belong in a finished tree: loose ends, paths of somebody's machine, trailing space,
# files without a newline at the end, lines beyond 160 columns, symbols that could be mistaken for others.
set -eu
failed=0
files=$(find Makefile README.md LICENSE daemon providers remote db config tests man .ci -type f ! -path '*/fixtures/*' 2>/dev/null |
	LC_ALL=C sort)

complain()
{
	[ -z "$1" ] || { printf '%s\n' "$1"; failed=1; }
}

for f in $files; do
	case $f in tests/lint/text.sh | LICENSE) continue ;; esac
	complain "$(grep -nHIE '\b(TODO|FIXME|XXX|HACK)\b|not (yet )?implemented|\bfor now\b|\bstub(bed)?\b' "$f" || :)"
	complain "$(grep -nHIE '(^|[^A-Za-z0-9_.~}-])/(home|work|farm|Users)/[a-z]' "$f" || :)"
	complain "$(grep -nHIE '[[:space:]]+$' "$f" | head -n 3 || :)"
	complain "$(grep -nHIP '[\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}\x{feff}]' "$f" || :)"
	[ -z "$(tail -c 1 "$f")" ] || complain "$f: no newline at the end"
	case $f in
	*.c | *.h) complain "$(expand "$f" | awk -v f="$f" 'length($0) > 160 { print f ":" NR ": " length($0) " columns" }')" ;;
	esac
done
exit $failed

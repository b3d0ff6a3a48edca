#!/bin/sh
# Every script of the tree goes through shellcheck and the syntax check of the shell that runs it.
# Left out: SC1007 (x= y=), SC2254 (a pattern in a variable), and what follows from sourced files that are only known when the script runs.
set -eu
command -v shellcheck >/dev/null || { echo "shell: no shellcheck here; install what is missing with: make deps" >&2; exit 1; }
failed=0
for f in $(find config daemon remote db tests man .ci -type f | LC_ALL=C sort); do
	case $f in
	*.sh | *.bash) ;;
	*) head -c 64 "$f" | head -n 1 | grep -aqE '^#!.*[/ ](ba)?sh( |$)' || continue ;;
	esac
	shell="sh"
	if head -n 1 "$f" | grep -q bash || [ "${f##*.}" = bash ]; then
		shell="bash"
	fi
	shellcheck -s $shell -S warning -e SC1007,SC1090,SC1091,SC2154,SC2254 "$f" || failed=1
	$shell -n "$f" || failed=1
done
exit $failed

#!/bin/sh
# The commands in the manual page and the completion scripts are what the command table of gpufleetctl generates.
#
#	tests/lint/ctl.sh BUILD          compare
#	tests/lint/ctl.sh BUILD write    write them anew (`make docs`)
set -eu
ctl=$1/gpufleetctl
page=man/gpufleetctl.1
[ -x "$ctl" ] || exit 0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$ctl" help --mdoc >"$tmp/commands"
# The page with the part between the marks replaced.
awk -v part="$tmp/commands" '
/^\.\\" commands: begin/ { print; while ((getline line < part) > 0) print line; skip = 1; begun++ }
/^\.\\" commands: end/   { skip = 0; ended++ }
!skip
END { if (begun != 1 || ended != 1) exit 1 }' "$page" >"$tmp/page" || { echo "$page: marks \"commands: begin\" and \"commands: end\" are missing"; exit 1; }
"$ctl" completion bash >"$tmp/gpufleetctl.bash"
"$ctl" completion zsh >"$tmp/_gpufleetctl"
"$ctl" completion fish >"$tmp/gpufleetctl.fish"

failed=0
for pair in "page $page" "gpufleetctl.bash config/completion/gpufleetctl.bash" "_gpufleetctl config/completion/_gpufleetctl" \
	"gpufleetctl.fish config/completion/gpufleetctl.fish"; do
	made=$tmp/${pair%% *}
	kept=${pair#* }
	cmp -s "$made" "$kept" && continue
	if [ "${2:-}" = write ]; then
		cp "$made" "$kept"
	else
		echo "$kept differs from the command table; run: make docs"
		failed=1
	fi
done
exit $failed

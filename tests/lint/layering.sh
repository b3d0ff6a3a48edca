#!/bin/sh
# Arrows between directories point down only, and each library is known to few files (architecture: "Layers").
#
#	base <- core <- { report, providers, remote, db, config } <- daemon/*.c        daemon/ctl stands on base, config and remote/archive
#
# Usage: tests/lint/layering.sh [ROOT]
set -eu
cd "${1:-.}"

find daemon providers remote db config -name '*.[ch]' | LC_ALL=C sort | while read -r file; do
	awk -v file="$file" '
	# Which layer a file belongs to.
	function layer_of(f) {
		if (f ~ /^daemon\/(base|core|ctl|report)\//) { split(f, part, "/"); return part[2] }
		if (f ~ /^daemon\//) return "daemon"
		split(f, part, "/")
		return part[1]
	}
	# What a layer may include, as a pattern over include paths.
	function allowed(layer) {
		if (layer == "base") return "^base/"
		if (layer == "core") return "^(base|core)/"
		if (layer == "report") return "^(base|core|report)/"
		if (layer == "providers") return "^(base/|core/types\\.h$|providers/)"
		if (layer == "remote") return "^(base/|core/(types|stats)\\.h$|remote/)"
		if (layer == "db") return "^(base/|core/(types|model)\\.h$|db/)"
		if (layer == "config") return "^(base/|core/(types|schedule)\\.h$|config/)"
		if (layer == "ctl") return "^(base/|ctl/|config/|remote/archive\\.h$)"
		return "^(base|core|report|providers|remote|db|config)/"
	}
	# Who may know a library; empty: anybody.
	function library(header) {
		if (header ~ /^uv(\.h|\/)/) return "^(daemon/[^/]*|providers/http\\.[ch]|remote/ssh[^/]*)$"
		if (header ~ /^curl\//) return "^(providers/http\\.c|daemon/ctl/[^/]*)$"
		if (header ~ /^libssh2/) return "^remote/"
		if (header ~ /^sqlite3/) return "^db/"
		if (header ~ /^jansson/) return "^daemon/base/json\\.h$"
		if (header ~ /^openssl\//) return "^(daemon/base/crypto\\.c|remote/ssh_key\\.c)$"
		if (header ~ /^yaml\.h/) return "^config/parse\\.c$"
		if (header ~ /^microhttpd/) return "^daemon/api[^/]*$"
		if (header ~ /^archive(_entry)?\.h/) return "^remote/archive\\.c$"
		return ""
	}
	function complain(why) { printf "%s:%d: %s\n", file, FNR, why; bad = 1 }
	BEGIN { layer = layer_of(file); may = allowed(layer) }
	/^[ \t]*#[ \t]*include[ \t]*"/ {
		split($0, part, "\"")
		path = part[2]
		if (path ~ /\.\.\//) complain("\"" path "\": name the file from the top of the tree, without ..")
		else if (path ~ /^build\//) complain("\"" path "\": generated files are not included")
		else if (path ~ /\// && path !~ may) complain("layer \"" layer "\" may not include \"" path "\"")
		if (file ~ /^daemon\/reaper[a-z_]*\.[ch]$/ && path ~ /^db\//) complain("the reaper works without the database")
	}
	/^[ \t]*#[ \t]*include[ \t]*</ {
		split($0, part, /[<>]/)
		who = library(part[2])
		if (who != "" && file !~ who) complain("<" part[2] "> is not for this file")
	}
	END { exit bad }' "$file" || echo "$file" >&3
done 3>"${TMPDIR:-/tmp}/layering.$$"
count=$(wc -l <"${TMPDIR:-/tmp}/layering.$$")
rm -f "${TMPDIR:-/tmp}/layering.$$"
[ "$count" -eq 0 ] || { echo "layering: $count files break the rules" >&2; exit 1; }

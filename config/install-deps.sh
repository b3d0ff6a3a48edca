#!/usr/bin/env bash
# Install the Debian packages that building and testing need and that are not there yet. As root, or through sudo.
set -euo pipefail

build=(gcc make pkg-config libc6-dev libuv1-dev libcurl4-openssl-dev libjansson-dev libssh2-1-dev libsqlite3-dev
	libmicrohttpd-dev libyaml-dev libssl-dev libarchive-dev)
run=(ca-certificates tzdata)
test=(libcmocka-dev openssh-server openssh-client sqlite3 curl wget python3 python3-yaml python3-jsonschema procps)
lint=(mandoc shellcheck)

[ -r /etc/os-release ] && . /etc/os-release
if ! command -v apt-get >/dev/null; then
	echo "install-deps: no apt-get here (${PRETTY_NAME:-unknown system}); install the equivalents of:" >&2
	echo "  ${build[*]} ${run[*]} ${test[*]} ${lint[*]}" >&2
	exit 1
fi

missing=()
for p in "${build[@]}" "${run[@]}" "${test[@]}" "${lint[@]}"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} -eq 0 ]; then
	echo "install-deps: everything is installed"
	exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "install-deps: run as root: apt-get install ${missing[*]}" >&2
		exit 1
	fi
	as_root=(sudo)
fi
echo "install-deps: installing ${missing[*]}"
env=(env DEBIAN_FRONTEND=noninteractive)
# Package lists may be as old as the image; fetch them only when something is to be installed.
"${as_root[@]}" "${env[@]}" apt-get -q update || echo "install-deps: package lists could not be fetched; trying with the old ones"
"${as_root[@]}" "${env[@]}" apt-get -q -y --no-install-recommends install "${missing[@]}"
echo "install-deps: done"

#!/usr/bin/env bash
# 100 KB to each of 200 sshd, stored there, counted, and brought back: the daemon's SSH beside what people use for that, in turns
# in one run. SHLVL keeps the login shell from reading files of its user. CPU is the client's, user and system. Figures are of loopback: they compare programs, not networks.
#
#	tests/bench/bench_ssh.sh      HOSTS=200 BYTES=100000 ROUNDS=3
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
hosts=${HOSTS:-200} bytes=${BYTES:-100000} rounds=${ROUNDS:-3} port=22022
work=$(mktemp -d "${TMPDIR:-/tmp}/gpufleet-bench-XXXXXX")
trap 'kill $(cat "$work"/pids/*.pid 2>/dev/null) 2>/dev/null; rm -rf "$work"' EXIT
mkdir -p "$work/pids" "$work/out"
ssh-keygen -q -t ed25519 -N '' -f "$work/host"
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
"$BUILD/bench/ssh_many" "$work/own" >"$work/authorized" && cat "$work/key.pub" >>"$work/authorized" || exit 1
head -c "$bytes" /dev/urandom | base64 -w 0 | head -c "$bytes" >"$work/file"
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
for n in $(seq "$hosts"); do
	address=127.70.$((n / 250)).$((n % 250 + 1))
	echo "$address $port" >>"$work/targets"
	echo "$address" >>"$work/hosts"
	printf 'ListenAddress %s\nPort %s\nHostKey %s\nAuthorizedKeysFile %s\nPidFile %s\nUsePAM no\nStrictModes no\nUseDNS no\nMaxStartups 200\nPasswordAuthentication no\nPermitRootLogin yes\nPrintMotd no\nPrintLastLog no\nSetEnv SHLVL=9\n' \
		"$address" $port "$work/host" "$work/authorized" "$work/pids/$n.pid" >"$work/sshd_config.$n"
	/usr/sbin/sshd -f "$work/sshd_config.$n" || exit 1
done
user=$(id -un)
printf '[%s]:%s %s\n' '*' $port "$(cut -d ' ' -f 1-2 "$work/host.pub")" >"$work/known"
options=(-o IdentityFile="$work/key" -o IdentitiesOnly=yes -o UserKnownHostsFile="$work/known" -o LogLevel=ERROR -o BatchMode=yes -p "$port" -l "$user")
# shellcheck disable=SC2089,SC2090 # for the shell there
command='f=$(mktemp) && cat >"$f" && cat "$f" && rm -f "$f"'
# shellcheck disable=SC2090
export work command
TIMEFORMAT='%R %U %S'

came_back() { # how many of the files in $work/out are as they were sent
	local f n=0
	for f in "$work"/out/*; do cmp -s -n "$bytes" "$f" "$work/file" && n=$((n + 1)); done
	echo "$n of $hosts"
}
gpufleet() { "$BUILD/bench/ssh_many" "$work/own" "$user" "$work/file" <"$work/targets"; }
xargs_ssh() {
	xargs -P 64 -I HOST sh -c 'exec ssh "$@" HOST "$command" <"$work/file" >"$work/out/HOST"' sh "${options[@]}" <"$work/hosts"
	came_back
}
pssh() {
	parallel-ssh -h "$work/hosts" -p 64 -t 100 -I -o "$work/out" -x "${options[*]}" "$command" <"$work/file" >/dev/null
	came_back
}
clush_() {
	clush -S -q -f 64 --hostfile "$work/hosts" -o "${options[*]}" --outdir "$work/out" "$command" <"$work/file" >/dev/null 2>&1
	came_back
}
programs=(gpufleet xargs_ssh)
! command -v parallel-ssh >/dev/null || programs+=(pssh)
! command -v clush >/dev/null || programs+=(clush_)
printf '%-10s %8s %8s   %s\n' program 'wall s' 'CPU s' 'came back whole'
for _ in $(seq "$rounds"); do
	for p in "${programs[@]}"; do
		rm -f "$work"/out/*
		{ time $p >"$work/said" 2>"$work/err"; } 2>"$work/time"
		read -r wall u s < <(tail -n 1 "$work/time")
		cpu=$(awk -v u="$u" -v s="$s" 'BEGIN { printf "%.3f", u + s }')
		printf '%-10s %8s %8s   %s\n' "$p" "$wall" "$cpu" "$(cat "$work/said")"
		[ ! -s "$work/err" ] || head -n 2 "$work/err"
		echo "$wall $cpu" >>"$work/times.$p"
	done
done
median_of() { awk -v c="$2" '{ print $c }' "$work/times.$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
best_wall= best_cpu=
for p in "${programs[@]:1}"; do
	w=$(median_of "$p" 1) c=$(median_of "$p" 2)
	best_wall=$(printf '%s\n%s\n' "$w" "$best_wall" | grep . | sort -n | head -n 1)
	best_cpu=$(printf '%s\n%s\n' "$c" "$best_cpu" | grep . | sort -n | head -n 1)
done
awk -v w="$(median_of gpufleet 1)" -v c="$(median_of gpufleet 2)" -v bw="$best_wall" -v bc="$best_cpu" -v n="$rounds" 'BEGIN {
	printf "medians of %d: wall %.2f s, %.2f of the best other (wanted: at most 0.80); CPU %.3f s, %.3f of the best other (wanted: at most 0.10)\n", n, w, w / bw, c, c / bc
	exit w / bw > 0.8 || c / bc > 0.1
}'

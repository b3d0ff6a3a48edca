#!/usr/bin/env bash
# A host that is there already: a real sshd with another HOME, a declared price; rented, used, given back, and still there.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
SSHD_PID=
stop_host() {
	[ -z "$SSHD_PID" ] || kill "$SSHD_PID" 2>/dev/null
	[ -z "$SSHD_PID" ] || wait "$SSHD_PID" 2>/dev/null
}
trap 'stop_host; stop_all' EXIT
trap 'exit 1' INT TERM

host=$WORK/host address=127.40.0.2 port=
mkdir -p "$host/home" "$host/shm" "$host/bin"
printf 'count=2\nvendor=amd\nproduct="AMD Instinct MI300X"\narch=gfx942\nmemory_mib=196592\nwatts=750\nunits=304\ndevice=0x74a1\ndriver=6.10.5\nserial=7\n' >"$host/gpu"
for tool in amd-smi rocm-smi who; do ln -s "$PWD/tests/sim/standins/$tool" "$host/bin/$tool"; done
printf '#!/bin/sh\nexport HOME=%s/home GPUFLEET_SECRET_DIR=%s/shm PATH="%s/bin:$PATH"\ncd "$HOME" || exit 1\nexec /bin/sh -c "${SSH_ORIGINAL_COMMAND:-true}"\n' \
	"$host" "$host" "$host" >"$host/shell"
chmod 755 "$host/shell"
ssh-keygen -q -t ed25519 -N '' -f "$host/key"
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd

# A free port: sshd says whether it got the one that was tried.
start_host() {
	local try
	for try in 1 2 3 4 5 6 7 8; do
		port=$((20000 + ($$ * 7 + try * 911 + RANDOM) % 12000))
		printf '%s\n' "ListenAddress $address" "Port $port" "HostKey $host/key" "AuthorizedKeysFile $host/authorized_keys" \
			'PidFile none' 'UsePAM no' 'StrictModes no' 'PasswordAuthentication no' 'KbdInteractiveAuthentication no' \
			'UseDNS no' "ForceCommand $host/shell" >"$host/config"
		/usr/sbin/sshd -D -e -f "$host/config" >"$host/log" 2>&1 &
		SSHD_PID=$!
		wait_for 5 grep -q 'Server listening' "$host/log" && kill -0 "$SSHD_PID" 2>/dev/null && return 0
		stop_host
	done
	return 1
}
: >"$host/authorized_keys"
start_host || { not_ok 'a host with sshd'; cat "$host/log"; exit 1; }

(
	umask 077
	cat >"$GPUFLEET_CONFIG" <<-YAML
		state_dir: $WORK/state
		socket: $WORK/state/gpufleetd.sock
		providers:
		  static:
		    hosts:
		      - { name: lab1, address: $address, user: $(id -un), port: $port, gpu: "MI300X:2", price_per_hour: 3.60 }
		poll: { boot: 1s, steady: 2s, sweep: 5s, run: 1s }
		proof: { gone_spacing: 1s, contact_lost: 6s, bill_poll: 1s }
	YAML
)
start_daemon || { not_ok 'the daemon starts'; exit 1; }
cp "$WORK/state/ssh.key.pub" "$host/authorized_keys" || not_ok "the daemon's public key is there to be authorised"

printf '#!/bin/sh\nset -e\necho "on $GPUFLEET_PROVIDER with $GPUFLEET_GPU_COUNT"\namd-smi list >/dev/null\npwd\nsleep 1\necho "{\\"metric\\":\\"answer\\",\\"value\\":42}" >"$GPUFLEET_RESULTS/results.jsonl"\n' >"$WORK/hello.sh"

says 'offer' 0 'lab1\|static' offers mi300x --count 2
says 'up' 0 "$address" up mi300x --count 2 --name rack --for 30m --yes
says 'run' 0 'on static with 2' run "$WORK/hello.sh" --on rack
check 'run: below its own HOME' grep -q "^$host/home/" "$WORK/said.out"
check 'run: its result came' grep -q 42 "$WORK/said"
says 'a host is taken once' 4 'nobody sells' up mi300x --count 2 --name other --yes
ctl exec rack -- 'exit 9' >/dev/null 2>&1
same 'exec returns the remote status' $? 9
printf '#!/bin/sh\nsleep 600 &\necho $! >"$HOME/pid"\nwait\n' >"$WORK/long.sh"
ctl run "$WORK/long.sh" --on rack --detach >/dev/null 2>&1
check 'a long script runs' wait_for 20 test -s "$host/home/pid"
says 'down' 0 'rack is down' down rack
check 'what ran there has ended' wait_for 10 sh -c "! kill -0 $(cat "$host/home/pid")"
check 'the host is left clean' sh -c "[ -z \"\$(find '$host/home/.gpufleet/runs' '$host/shm' -mindepth 1 2>/dev/null)\" ]"
check 'settled by our clock, as nobody sends a bill' wait_for 10 sh -c "'$BUILD/gpufleetctl' cost --json | grep -q '\"complete\": *true'"
# 3.60 dollars an hour are 1000 micro-dollars a second.
cost=$(ctl cost --json | sed -n 's/.*"total": *{[^}]*"billed": *\([0-9.]*\).*/\1/p' | awk '{ printf "%d", $1 * 1000000 }')
check 'it cost seconds of its declared price' test "${cost:-0}" -ge 1000 -a "${cost:-0}" -le 60000
says 'and it can be had again' 0 'is ready' up mi300x --count 2 --name again --for 5m --yes
says 'down again' 0 'again is down' down again

# Idle is no run, nobody logged in and no busy GPU: whoever has a terminal keeps the machine, and is told when its time is nearly up.
echo 'me       nowhere      2026-11-20 10:00 (10.0.0.9)' >"$host/logins"
says 'a machine with somebody on it' 0 'is ready' up mi300x --count 2 --name used --for 4m --idle 4s --yes
sleep 12
check 'is not idle' sh -c "'$BUILD/gpufleetctl' status used --json | grep -q '\"state\": *\"OPEN\"'"
check 'and its end was announced there' sh -c "ls '$host/home/.gpufleet/' | grep -q '^told-'"
rm "$host/logins"
check 'when he leaves it is given back' wait_for 20 sh -c "'$BUILD/gpufleetctl' events --json | grep -q 'idle for'"

# A host with nothing but an RSA key: refused by the built-in SSH, reached by the system's, with all that a run needs.
wait_for 20 no_fleets
kill_daemon
stop_host
SSHD_PID=
ssh-keygen -q -t rsa -b 2048 -N '' -f "$host/rsa"
sed -i "s|$host/key|$host/rsa|" "$host/config"
/usr/sbin/sshd -D -e -f "$host/config" >"$host/log" 2>&1 &
SSHD_PID=$!
wait_for 5 grep -q 'Server listening' "$host/log"
start_daemon
ctl up mi300x --count 2 --name rsa --for 5m --yes --detach >/dev/null 2>&1
sleep 5
check 'RSA only: not by the built-in SSH' sh -c "'$BUILD/gpufleetctl' status rsa --json | grep -q CONNECTING"
ctl down rsa --yes >/dev/null 2>&1
kill_daemon
sed -i 's/name: lab1,/name: lab1, system_ssh: true,/' "$GPUFLEET_CONFIG"
start_daemon
check 'RSA only: the host is free again' wait_for 20 no_fleets
says 'RSA only: up by the system'"'"'s ssh' 0 'is ready' up mi300x --count 2 --name rsa2 --for 10m --yes
says 'RSA only: run' 0 'on static with 2' run "$WORK/hello.sh" --on rsa2
check 'RSA only: its result came' grep -q 42 "$WORK/said"
ctl exec rsa2 -- 'cat; exit 9' </dev/null >/dev/null 2>&1
same 'RSA only: exec returns the remote status' $? 9
master=$(pgrep -P "$(daemon_pid)" -f ' -M -S ')
same 'RSA only: one connection for all of it' "$(echo "$master" | wc -w)" 1
kill -9 "$(daemon_pid)"
check 'RSA only: a killed daemon leaves no ssh behind' wait_for 10 sh -c "! kill -0 $master"
start_daemon
says 'RSA only: down' 0 'is down' down rsa2

# How well a host key must be known before secrets go there.
wait_for 20 no_fleets
printf 'test "$WORD" = s3cr3t && echo "it came"\n' >"$WORK/word.sh"
with_word() { WORD=s3cr3t timeout 60 "$BUILD/gpufleetctl" run "$WORK/word.sh" --gpu mi300x:2 --secret WORD --yes --for 5m "$@" >"$WORK/said.out" 2>"$WORK/said" </dev/null; }
trusted() { ctl events --json --limit 1000 >/dev/null; ctl status --all --json | tr ',{' '\n\n' | sed -n 's/^"trust": *"\([a-z]*\)".*/\1/p' | tail -n 1; }
kill_daemon 2>/dev/null
echo 'secrets_min_trust: proven' >>"$GPUFLEET_CONFIG"
start_daemon
with_word
same 'a secret, and a key seen once: exit status' $? 123
check 'a secret, and a key seen once: says what to do' grep -q "only seen at first contact.*--trust-first-use" "$WORK/said" "$WORK/said.out"
wait_for 20 no_fleets
with_word --trust-first-use
same 'accepted for this run' "$? $(grep -c 'it came' "$WORK/said.out")" '0 1'
wait_for 20 no_fleets
kill_daemon
sed -i "s|name: lab1,|name: lab1, host_key: \"$(cut -d ' ' -f 1,2 "$host/rsa.pub")\",|" "$GPUFLEET_CONFIG"
start_daemon
with_word
same 'a key that was known before: the secret goes there' "$? $(grep -c 'it came' "$WORK/said.out")" '0 1'
same 'and the machine says how it was known' "$(trusted)" preset
wait_for 20 no_fleets
kill_daemon
sed -i "s|host_key: \"ssh-rsa AAAA|host_key: \"ssh-rsa BBBB|" "$GPUFLEET_CONFIG"
start_daemon
with_word
same 'another key than the one that is known: nothing runs' "$(grep -c 'it came' "$WORK/said.out")" 0
check 'another key than the one that is known: said so' sh -c "'$BUILD/gpufleetctl' events --json --limit 500 | grep -q host_key"

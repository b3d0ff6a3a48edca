#!/usr/bin/env bash
# How the host key of a machine is known before anything is sent to it: a droplet has it from us, a container says it in the log of
# its boot. Where neither works out the machine is trusted at first contact and gets no secret; where another key is shown than
# the proven one, nothing is sent at all.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
start_sim --no-user-data
write_config
echo 'secrets_min_trust: proven' >>"$GPUFLEET_CONFIG"
start_daemon || { not_ok "the daemon starts"; exit 1; }
printf 'test "${WORD:-none}" = s3cr3t && echo "it came"\nexit 0\n' >"$WORK/word.sh"

check "it becomes ready" ctl up mi300x --provider digitalocean --name odd --yes
check "at the trust of a first contact" sh -c "'$BUILD/gpufleetctl' status odd --json | grep -q '\"trust\":\"tofu\"'"
check "and it is said why" grep -q 'did not take the host key that it was given' "$WORK/state/gpufleetd.log"
check "work is done on it" ctl run "$WORK/word.sh" --on odd
WORD=s3cr3t ctl run "$WORK/word.sh" --on odd --secret WORD >"$WORK/o" 2>"$WORK/e"
same "a secret does not go there" "$? $(grep -c 'it came' "$WORK/o")" "123 0"
kill -9 "$(daemon_pid)"
start_daemon
check "a restart keeps to the key that was seen" ctl exec odd -- true
check "all is given back" ctl down odd --yes
check "nothing bills" wait_for 20 nothing_bills

stop_world
start_sim
write_config
echo 'secrets_min_trust: proven' >>"$GPUFLEET_CONFIG"
start_daemon || { not_ok "the daemon starts again"; exit 1; }
reach_all() { for p in digitalocean runpod vastai; do ctl exec "on-$p" -- true || return 1; done; }
proven() { # PROVIDER GPU TRUST
	check "$1: it becomes ready" ctl up "$2" --provider "$1" --name "on-$1" --yes
	check "$1: its key was known before ($3)" sh -c "'$BUILD/gpufleetctl' status 'on-$1' --json | grep -q '\"trust\":\"$3\"'"
	WORD=s3cr3t ctl run "$WORK/word.sh" --on "on-$1" --secret WORD >"$WORK/o" 2>"$WORK/e"
	same "$1: a secret goes there" "$? $(grep -c 'it came' "$WORK/o")" "0 1"
}
proven digitalocean mi300x preset
proven runpod h100 oob
proven vastai h100 oob
droplet=$(echo "$WORK"/sim/machines/digitalocean-*)
check "the droplet's sshd was told of another key than that of its user data" grep -q 'Received SIGHUP' "$droplet/sshd.log"
shown=$(ctl status on-digitalocean --json | tr ',{' '\n\n' | sed -n 's/^"host_key": *"\(ssh-[^"]*\)".*/\1/p' | ssh-keygen -lf - | cut -d' ' -f2)
same "and that is the one that is pinned" "$shown" "$(ssh-keygen -lf "$droplet/host_key" | cut -d' ' -f2)"
kill -9 "$(daemon_pid)"
start_daemon
check "a restart reaches all three" reach_all
check "all is given back" ctl down --all --yes
check "nothing bills" wait_for 30 nothing_bills

stop_world
start_sim --impostor
write_config
start_daemon || { not_ok "the daemon starts a third time"; exit 1; }
ctl up h100 --provider runpod --name lured --yes --detach >"$WORK/o" 2>"$WORK/e"
check "an impostor in front of a container: the machine is given back" wait_for 30 happened instance 'not the one that the provider proves' lured
kept() { ls "$WORK"/state/runs/console*/console.log; }
check "and what it wrote to its console is kept" wait_for 10 kept
id=$(sed -n 's/.*the console of instance \([0-9]*\) is kept.*/\1/p' "$WORK/state/gpufleetd.log" | head -n 1)
check "for people to read" sh -c "'$BUILD/gpufleetctl' logs --console '$id' | grep -q 'start container'"
ctl logs --console 999999 >"$WORK/o" 2>"$WORK/e"
same "where there is none that is said" "$? $(grep -c 'no console of instance' "$WORK/e")" "2 1"
check "nobody logged in there" sh -c "! grep -q 'Accepted publickey' '$WORK'/sim/machines/runpod-*/sshd.log"
check "and nothing is left" ctl down --all --yes

stop_world
start_sim
write_config
echo 'secrets_min_trust: proven' >>"$GPUFLEET_CONFIG"
start_daemon || { not_ok "the daemon starts a fourth time"; exit 1; }
check "Hot Aisle proves no key" ctl up mi300x --provider hotaisle --name bare --yes
shown=$(ssh-keygen -lf "$(echo "$WORK"/sim/machines/hotaisle-*)/host_key" | cut -d' ' -f2)
ctl trust bare --fingerprint "SHA256:$(printf 'A%.0s' $(seq 43))" >"$WORK/o" 2>"$WORK/e"
same "another fingerprint than the machine's is refused, and its own is said" "$? $(grep -c "the machine shows $shown" "$WORK/e")" "3 1"
ctl trust bare --fingerprint "$shown-" >"$WORK/o" 2>"$WORK/e"
same "what is no fingerprint is a usage error" "$?" "2"
WORD=s3cr3t ctl run "$WORK/word.sh" --on bare --secret WORD >"$WORK/o" 2>"$WORK/e"
same "it gets no secret yet" "$? $(grep -c 'it came' "$WORK/o")" "123 0"
check "somebody who read its console says which it is" ctl trust bare --fingerprint "$shown"
same "that is told with who said it" "$(ctl events bare --json | tr '{' '\n' | grep 'its host key was compared' | grep -c "\"actor\": *\"$(id -un)\"")" 1
WORD=s3cr3t ctl run "$WORK/word.sh" --on bare --secret WORD >"$WORK/o" 2>"$WORK/e"
same "then it gets secrets" "$? $(grep -c 'it came' "$WORK/o")" "0 1"

site=$(cut -d' ' -f2 "$WORK/state/ssh.key.pub")
own() { # PROVIDER GPU
	check "$1: a fleet with a key of its own becomes ready" ctl up "$2" --provider "$1" --name "own-$1" --own-key --yes
	check "$1: work is done there" ctl run "$WORK/word.sh" --on "own-$1"
	same "$1: the site's key opens nothing there" "$(cat "$WORK/sim/machines/$1"-*/authorized_keys | grep -c "$site")" 0
}
keys_left() { sim_get "requests?cloud=$1&method=DELETE&path=*key*" | sed -n 's/.*"count": *\([0-9]*\).*/\1/p' | head -n 1; }
own digitalocean mi300x
own runpod h100
own vastai h100
kill -9 "$(daemon_pid)"
start_daemon
reach_own() { for p in digitalocean runpod vastai; do ctl exec "own-$p" -- true || return 1; done; }
check "a restart has the same keys" reach_own
check "all is given back" ctl down --all --yes
check "nothing bills" wait_for 30 nothing_bills
gone_key() { [ "$(keys_left "$1")" = 1 ]; }
check "its key is taken from DigitalOcean" wait_for 20 gone_key digitalocean

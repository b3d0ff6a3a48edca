#!/usr/bin/env bash
# A droplet whose image does not look at its user data does not take the host key that it was given: it is used all the same, at
# the trust of a first contact, and gets no secret where more is asked for.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
start_sim --no-user-data
write_config
echo 'secrets_min_trust: preset' >>"$GPUFLEET_CONFIG"
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

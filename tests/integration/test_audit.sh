#!/usr/bin/env bash
# gpufleetctl audit against the simulated clouds: it adds up while nothing is wrong, and names what is.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
start_sim
write_config
# Orphans stay for the whole test.
sed -i 's/orphan_grace: 5s/orphan_grace: 10m/' "$GPUFLEET_CONFIG"
start_daemon || exit 1
tap || exit 1

audit() { ctl audit >"$WORK/audit.log" 2>&1; }
says() { grep -q "$1" "$WORK/audit.log"; }
kinds() { # the kinds of findings, sorted, once each
	ctl audit --json | sed 's/"pending".*//; s/.*"findings"//' | grep -o '"kind": *"[a-z]*"' | sed 's/.*"\([a-z]*\)"$/\1/' | sort -u | tr '\n' ' '
}

audit
same "An empty world adds up" $? 0
check "An empty world: it says so" says '^everything adds up; \$0.00/h'

for p in hotaisle runpod digitalocean vastai; do
	case $p in vastai) gpu="RTX 4090" ;; digitalocean) gpu=L40S ;; *) gpu=MI300X ;; esac
	ctl up "$gpu" --provider $p --name "a-$p" --for 30m --yes >"$WORK/up.log" 2>&1 || cat "$WORK/up.log"
done
audit
same "Four machines add up" $? 0
check "Four machines: the orders" says '^4 orders: 4 open'
same "Four machines: each is listed with its fleet" "$(grep -c ' a-[a-z]* ' "$WORK/audit.log")" 4
check "Our keys at the providers are named" says '^ssh key *digitalocean '
check "Hot Aisle's own count is compared" sh -c "ctl() { '$BUILD/gpufleetctl' \"\$@\"; }; ctl audit --json | tr '{' '\n' | grep '\"account\": *\"hotaisle\"' | grep -q '\"counted\": *1'"

# ---- what is wrong is named ----

sim_fault vastai list_500 50
audit
same "An account that cannot be listed: exit status" $? 1
check "An account that cannot be listed is a finding" says '^WRONG: vastai: .*nothing is proved there'
sim_fault vastai list_500 0
sim_fault hotaisle list_empty 50
audit
same "A listing that is shorter than the provider's count: exit status" $? 1
check "A listing that is shorter than the provider's count is a finding" says '^WRONG: hotaisle: Hot Aisle counts 1 machine and lists 0'
sim_fault hotaisle list_empty 0
audit
same "It adds up again" $? 0

# Orphans: the database is lost, the key is not.
kill_daemon KILL
mkdir "$WORK/kept"
mv "$WORK/state/gpufleet.db"* "$WORK/kept"
start_daemon
orphans() { [ "$(ctl events --limit 100 --json | grep -o '"event": *"orphan"' | wc -l)" = 4 ]; }
check "A lost database: every machine is found again" wait_for 20 orphans
audit
check "A lost database: each has a row" says '^4 orders: 4 open'
kill_daemon TERM
rm -f "$WORK/state/gpufleet.db"*
mv "$WORK/kept"/* "$WORK/state/"
start_daemon
audit
same "With the database back it adds up" $? 0

# A row that claims an end that nobody saw.
kill_daemon TERM
sqlite3 "$WORK/state/gpufleet.db" "UPDATE instances SET state='GONE', gone=created, settled=created WHERE provider='runpod'"
start_daemon
case " $(kinds)" in *" unproved "*) ok "A row that is GONE without evidence is a finding" ;; *) not_ok "A row that is GONE without evidence is a finding" "$(kinds)" ;; esac

# ---- the end ----

ctl down --all --yes >"$WORK/down.log" 2>&1 || cat "$WORK/down.log"
check "Nothing is left" wait_for 40 nothing_bills
check "All orders have an end, but for the one that was tampered with" \
	wait_for 30 sh -c "sleep 1; '$BUILD/gpufleetctl' audit --json | grep -q '\"gone\": *4'"
same "The tampered row stays a finding" "$(kinds)" "unproved "
as_documented

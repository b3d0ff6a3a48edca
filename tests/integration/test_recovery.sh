#!/usr/bin/env bash
# The database is lost, or an older copy of it is put back: the site's key is enough to find the machines again.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
start_sim
write_config
config_says() { sed -i '/^on_orphan:/d' "$GPUFLEET_CONFIG" && echo "on_orphan: $1" >>"$GPUFLEET_CONFIG"; }
config_says adopt
start_daemon || exit 1
clouds="hotaisle runpod digitalocean vastai"
up() {
	local p gpu
	for p in $clouds; do
		case $p in vastai) gpu="RTX 4090" ;; digitalocean) gpu=L40S ;; *) gpu=MI300X ;; esac
		ctl up "$gpu" --provider $p --name "$1-$p" --for 30m --yes >"$WORK/up.log" 2>&1 || cat "$WORK/up.log"
	done
}
creates() { local p n=0; for p in $clouds; do n=$((n + $(sim_creates $p))); done; echo $n; }
ready() { [ "$(ctl status --json | grep -o '"state": *"READY"' | wc -l)" = "$1" ]; }
events() { ctl events --limit 200 --json | grep -o "\"event\": *\"$1\"" | wc -l; }
happened() { ctl events --limit 200 --json | grep -q "\"event\": *\"$1\""; }

# ---- lost: adopted ----

up first
same "Four machines are up" "$(sim_billing)" 4
kill_daemon KILL
rm -f "$WORK/state/gpufleet.db"*
before=$(creates)
start_daemon
check "Lost database: it is noticed" happened rolled_back
check "Lost database: all four are adopted and answer" wait_for 40 ready 4
same "Lost database: nothing was rented" "$(creates)" "$before"
same "Lost database: nothing was deleted" "$(sim_billing)" 4
fleet=$(ctl status --json | grep -o '"name": *"found-[0-9]*"' | head -n 1 | grep -o 'found-[0-9]*')
same "An adopted machine can be used" "$(ctl exec "$fleet" -- echo hello 2>/dev/null)" hello
check "The audit adds up" sh -c "'$BUILD/gpufleetctl' audit >/dev/null"
ctl down --all --yes >"$WORK/down.log" 2>&1 || cat "$WORK/down.log"
check "Adopted machines can be given back" wait_for 40 nothing_bills

# ---- an older copy: what happened since is found out ----

kill_daemon TERM
mkdir "$WORK/copy"
cp "$WORK/state/gpufleet.db"* "$WORK/copy"
start_daemon
same "An orderly restart is no rollback" "$(cut -d' ' -f1 "$WORK/state/site.generation")" 2
up second
same "Four more are up" "$(sim_billing)" 4
kill_daemon TERM
rm -f "$WORK/state/gpufleet.db"*
cp "$WORK/copy"/* "$WORK/state"
before=$(creates)
start_daemon >"$WORK/start.log" 2>&1
check "Older copy: it is noticed" grep -q "older copy" "$WORK/start.log"
check "Older copy: the four are found and answer" wait_for 40 ready 4
same "Older copy: nothing was rented twice" "$(creates)" "$before"
ctl down --all --yes >"$WORK/down.log" 2>&1 || cat "$WORK/down.log"
check "Nothing is left" wait_for 40 nothing_bills

# ---- lost: deleted by policy ----

up third
kill_daemon KILL
rm -f "$WORK/state/gpufleet.db"*
config_says delete
start_daemon
sleep 2
same "Policy to delete: not before the grace" "$(sim_billing)" 4
check "Policy to delete: after it all are" wait_for 40 nothing_bills
same "Policy to delete: each is an orphan" "$(events orphan)" 4

# ---- the key is lost: that is not the same ----

kill_daemon TERM
mv "$WORK/state/site.key" "$WORK/site.key"
start_daemon >"$WORK/start.log" 2>&1
same "Without its key the daemon does not start" $? 1
check "Without its key: it says what to restore" grep -q 'site.key.*restore it' "$WORK/start.log"
mv "$WORK/site.key" "$WORK/state/site.key"
start_daemon
check "With the key it does" sh -c "'$BUILD/gpufleetctl' status >/dev/null"

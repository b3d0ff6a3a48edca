#!/usr/bin/env bash
# The daemon is killed for ever with machines up in four clouds: gpufleet-reaper ends exactly what is ours and overdue, once.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
# shellcheck source=tests/integration/outside.sh
. tests/integration/outside.sh
trap stop_all EXIT
start_sim
write_config
start_daemon || exit 1

reap() { timeout 60 "$BUILD/gpufleet-reaper" "$@" >"$WORK/reap.log" 2>&1; }
says() { grep -q "$1" "$WORK/reap.log"; }

clouds="hotaisle runpod digitalocean vastai"
for p in $clouds; do
	case $p in vastai) gpu="RTX 4090" ;; digitalocean) gpu=H100 ;; *) gpu=MI300X ;; esac
	ctl up "$gpu" --provider $p --name "left-$p" --instances 5 --for 30m --yes --detach >"$WORK/up.log" 2>&1 || cat "$WORK/up.log"
done
for p in $clouds; do
	check "$p: five machines are up" wait_for 60 sh -c "'$BUILD/gpufleetctl' status left-$p --json | tr ',' '\n' | grep -c '\"state\": *\"READY\"' | grep -q 5"
done
# For ever: no second one takes over.
kill_daemon KILL
rm -f "$WORK/state/gpufleet.db"*
site=$(cut -d' ' -f1 "$WORK/state/site.key") key=$(cut -d' ' -f2 "$WORK/state/site.key")
other=$(printf '%064d' 7)

# 1 overdue by two hours, 2 overdue but within the grace, 3 another site's, 4 a colleague's or a look-alike, 5 as the daemon left it.
declare -A id
for p in $clouds; do
	n=0
	for i in $(ids $p); do
		n=$((n + 1))
		id[$p$n]=$i
	done
	same "$p: five machines bill" $n 5
	rename $p "${id[${p}1]}" "$(mark $p "$site" "$key" aaaaaaaaaaaaa -7200)"
	rename $p "${id[${p}2]}" "$(mark $p "$site" "$key" bbbbbbbbbbbbb -240)"
	rename $p "${id[${p}3]}" "$(mark $p othr77 "$key" ccccccccccccc -7200)"
	rename $p "${id[${p}4]}" "colleagues-box"
done
named() { [ "$(sim_get machines | tr '{' '\n' | grep -c "$1")" -ge "$2" ]; }
check "All clouds show the names" wait_for 20 named colleagues-box 4
check "All clouds show another site's name" wait_for 20 named gf1-othr77 4

# ---- first use: nothing is deleted ----

reap
same "First use: exit status says that overdue machines wait for --delete" $? 3
same "First use: nothing was deleted" "$(sim_billing)" 20
same "First use: no delete was sent" "$(sim_deletes runpod)$(sim_deletes vastai)$(sim_deletes digitalocean)$(sim_deletes hotaisle)" 0000
check "First use: it says what it would need" says 'run once with --delete'

# ---- a key that is not ours: everything is foreign ----

printf '%s %s\n' "$site" "$other" >"$WORK/wrong.key"
chmod 600 "$WORK/wrong.key"
reap --key "$WORK/wrong.key" --state "$WORK/wrong.state" --heartbeat "$WORK/wrong.heartbeat" --delete
same "Wrong key: exit status" $? 1
check "Wrong key: it says so" says 'is it the right site.key'
same "Wrong key: nothing was deleted" "$(sim_billing)" 20
chmod 644 "$WORK/wrong.key"
reap --key "$WORK/wrong.key" --state "$WORK/wrong.state" --heartbeat "$WORK/wrong.heartbeat"
same "A key that others can read is refused" $? 2

reap --account nosuch
same "An unknown account is a mistake of usage" $? 2

# ---- armed ----

reap --delete --limit 1
same "Armed: exit status" $? 0
for p in $clouds; do
	same "$p: what is ours and overdue was deleted" "$(field "${id[${p}1]}" billing)" false
	for n in 2 3 4 5; do
		same "$p: machine $n stays" "$(field "${id[$p$n]}" billing)" true
	done
	same "$p: one delete was sent" "$(sim_deletes $p)" 1
done
check "The heartbeat is written" grep -q '"ok":true' "$WORK/state/reaper.heartbeat"

# Again, with nothing said: it is armed, and there is nothing to do.
reap
same "A second pass: all is well" $? 0
same "A second pass deletes nothing" "$(sim_billing)" 16
same "A second pass sends no delete" "$(sim_deletes runpod)$(sim_deletes vastai)$(sim_deletes digitalocean)$(sim_deletes hotaisle)" 1111

# ---- providers that lie or fail ----

sim_fault runpod list_empty 20
reap
same "An empty listing after five machines: exit status" $? 1
check "An empty listing after five machines is not believed" says '^runpod: TROUBLE: the listing is empty'
check "The heartbeat tells of it" grep -q '"ok":false' "$WORK/state/reaper.heartbeat"
sim_fault runpod list_empty 0
sim_fault digitalocean list_500 50
reap
same "A provider that cannot list: exit status" $? 1
check "A provider that cannot list is named" says '^digitalocean: TROUBLE: cannot be listed'
sim_fault digitalocean list_500 0
reap
same "When they answer again, all is well" $? 0

# ---- the grace is over for the second machine; another is overdue, too: the limit holds ----

for p in $clouds; do
	rename $p "${id[${p}5]}" "$(mark $p "$site" "$key" ddddddddddddd -86400)"
done
wait_for 20 named ddddddddddddd 4
reap --grace 1m --dry-run
same "A dry run deletes nothing" "$(sim_billing)" 16
sim_fault vastai delete_500 1
reap --grace 1m --account vastai --limit 1
same "A delete that is not taken: exit status" $? 1
check "A delete that is not taken is told" says 'FAILED'
same "A delete that is not taken: the machine is still there" "$(sim_billing)" 16
reap --grace 1m --limit 1
same "Limit: exit status says that some are left" $? 1
same "Limit: one of two in each cloud" "$(sim_billing)" 12
reap --grace 1m --limit 1
same "Limit: the next pass takes the other" "$(sim_billing)" 8
for p in $clouds; do
	same "$p: another site's and a colleague's are left" "$(field "${id[${p}3]}" billing) $(field "${id[${p}4]}" billing)" "true true"
	same "$p: one delete for each, and one more where one was not taken" "$(sim_deletes $p)" "$([ $p = vastai ] && echo 4 || echo 3)"
done

# ---- disarmed, and with tokens of its own ----

reap --disarm
same "Disarm" $? 0
rename runpod "${id[runpod4]}" "$(mark runpod "$site" "$key" eeeeeeeeeeeee -86400)"
wait_for 20 named eeeeeeeeeeeee 1
reap
same "Disarmed: overdue, but nothing is deleted" "$? $(sim_billing)" "3 8"
mkdir "$WORK/tokens"
install -m 600 "$WORK/sim/tokens/runpod" "$WORK/tokens/runpod.token"
mv "$WORK/sim/tokens" "$WORK/sim/tokens.away"
reap --delete --tokens "$WORK/tokens"
same "Accounts without a token are named" $? 1
check "Accounts without a token are named in words" says '^hotaisle: TROUBLE: .*tokens/hotaisle'
same "A token of its own is enough" "$(field "${id[runpod4]}" billing)" false
mv "$WORK/sim/tokens.away" "$WORK/sim/tokens"

# ---- files ----

echo '{"broken' >"$WORK/state/reaper.state"
reap
same "A damaged state file is trouble" $? 1
check "A damaged state file is named" says 'reaper.state.*damaged'
reap
same "After it, the state is new and nothing is armed" $? 0
check "The document of --json is one object" sh -c "timeout 60 '$BUILD/gpufleet-reaper' --json | grep -c '^{\"time\".*\"accounts\":\\[' | grep -qx 1"
reap --version
same "--version" "$(cut -d' ' -f1 "$WORK/reap.log")" gpufleet-reaper
reap --delete --dry-run
same "Contradicting options are a mistake" $? 2

# ---- what the daemon makes of it ----

start_daemon
doctor() { ctl doctor --json | tr '{' '\n' | grep '"name": *"reaper"' | tr ',' '\n' | grep '"ok"'; }
reap --delete
check "doctor is content with the heartbeat" sh -c "echo '$(doctor)' | grep -q true"
reap --account vastai
check "doctor misses accounts that are not watched" sh -c "echo '$(doctor)' | grep -q false"
rm "$WORK/state/reaper.heartbeat"
check "doctor warns that there is no reaper" sh -c "echo '$(doctor)' | grep -q null"

# Another site's and two colleagues' are still there, and nothing but what this test renamed was ever deleted.
same "Seven machines are left alone" "$(sim_billing)" 7

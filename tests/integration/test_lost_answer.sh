#!/usr/bin/env bash
# The answer to a create is lost: the machine is found by its name and adopted, and there was one request.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
start_sim
write_config
start_daemon || exit 1
for fault in create_cut_after create_500_after; do
	for p in hotaisle runpod digitalocean vastai; do
		gpu=MI300X
		[ $p = vastai ] && gpu=H100
		before=$(sim_creates $p)
		sim_fault $p $fault
		ctl up $gpu --provider $p --name "lost-$p" --for 30m --yes >"$WORK/up.log" 2>&1
		same "$p, $fault: up ends with 0" $? 0
		same "$p, $fault: one create was sent" $(($(sim_creates $p) - before)) 1
		same "$p, $fault: one machine bills" "$(sim_billing)" 1
		check "$p, $fault: it was adopted" sh -c "'$BUILD/gpufleetctl' events lost-$p --json | grep -q '\"event\": *\"found\"'"
		ctl down "lost-$p" >/dev/null 2>&1
		check "$p, $fault: nothing is left" wait_for 20 nothing_bills
		wait_for 20 sh -c "! '$BUILD/gpufleetctl' status --json | grep -q 'lost-$p'"
	done
done

# ---- where others order too a person says what became of it
kill_daemon
sed -i 's/exclusive: true/exclusive: false/' "$GPUFLEET_CONFIG"
start_daemon
before=$(sim_creates hotaisle)
sim_fault hotaisle create_cut_after
ctl up MI300X --provider hotaisle --name doubt --for 30m --yes --detach >"$WORK/up.log" 2>&1
check "a shared account: the order stays in doubt" wait_for 20 sh -c "'$BUILD/gpufleetctl' status doubt --json | grep -q '\"in_doubt\":true'"
check "a shared account: status says what to do" sh -c "'$BUILD/gpufleetctl' status doubt | grep -q 'gpufleetctl resolve doubt/0 --machine ID'"
sleep 3
check "a shared account: and it stays so" sh -c "'$BUILD/gpufleetctl' status doubt --json | grep -q '\"in_doubt\":true'"
ctl resolve doubt >"$WORK/o" 2>&1
same "resolve without a word: usage" $? 2
ctl resolve doubt/7 --absent >"$WORK/o" 2>&1
same "resolve of what is not there: usage, too" $? 2
id=$(sim_get machines | tr '{' '\n' | sed -n '/"billing": *true/s/.*"id": *"\([^"]*\)".*/\1/p')
check "a shared account: a person says which one it is" ctl resolve doubt/0 --machine "$id"
check "a shared account: it is used" wait_for 30 sh -c "'$BUILD/gpufleetctl' status doubt --json | grep -q '\"state\":\"READY\"'"
same "a shared account: one create was sent" $(($(sim_creates hotaisle) - before)) 1
ctl resolve doubt --absent >"$WORK/o" 2>&1
check "what is not in doubt is not resolved" grep -q 'only an order in doubt' "$WORK/o"
ctl down doubt >/dev/null 2>&1
check "a shared account: nothing is left" wait_for 20 nothing_bills
sim_fault hotaisle create_cut_before
ctl up MI300X --provider hotaisle --name nothing --for 30m --yes --detach >"$WORK/up.log" 2>&1
check "a shared account: another one in doubt" wait_for 20 sh -c "'$BUILD/gpufleetctl' status nothing --json | grep -q '\"in_doubt\":true'"
check "a shared account: a person says that there is none" ctl resolve nothing --absent
check "a shared account: and it is ordered anew, or given up" wait_for 60 sh -c "! '$BUILD/gpufleetctl' status nothing --json | grep -q '\"in_doubt\":true'"
ctl down --all --yes >/dev/null 2>&1
check "a shared account: nothing is left in the end" wait_for 20 nothing_bills

#!/usr/bin/env bash
# What fails is reported with its cause, gives its machine back, and bad input changes nothing.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
start_sim
write_config
echo "on_lost: delete" >>"$GPUFLEET_CONFIG"
sed -i 's/run: 1s }/run: 1s, offers: 2s }/' "$GPUFLEET_CONFIG"
start_daemon || exit 1

# The same, of standard error alone: exit status and one sentence.
says() {
	local name=$1 status=$2 text=$3 got
	shift 3
	ctl "$@" >"$WORK/said.out" 2>"$WORK/said" </dev/null
	got=$?
	same "$name: exit status" $got "$status"
	check "$name: says so" grep -qi -- "$text" "$WORK/said"
}
quiet() { "$@" >/dev/null 2>&1; }
fleets() { ctl status --json | tr '{' '\n' | grep -c '"instances_wanted"' || true; }

# ---- bad input
says 'unknown GPU' 2 "did you mean MI300X" up mi300y --yes
says 'count 0' 2 count up mi300x --count 0 --yes
says 'count a million' 2 count up mi300x --count 1000000000 --yes
says 'money below the minimum' 3 'needs' up mi300x --max-cost 0.01 --yes
says 'no terminal and no yes' 2 'yes' up mi300x
says 'sixteen in one instance' 4 'instances 2 --count 8' up h200 --count 16 --yes
says 'unknown option' 2 'coun' up mi300x --coun 8
says 'unknown command' 2 'status' statsu
says 'unknown recipe' 122 'gpu-check' run gpu-chek --gpu mi300x --yes
says 'a token as --env' 2 '--secret HF_TOKEN' up mi300x --env HF_TOKEN=hf_0123456789abcdef --yes
says 'a name of the daemon as --env' 122 'GPUFLEET_' run "$0" --gpu mi300x --env GPUFLEET_RUN=1 --yes
says '--image at Hot Aisle' 4 'leave --image away' up mi300x --provider hotaisle --image ubuntu --yes
says 'secret nobody has' 122 'HF_TOKEN' run "$0" --gpu mi300x --secret HF_TOKEN --yes
same 'bad input: nothing was opened' "$(fleets)" 0
for spelling in mi300x MI300X 'AMD Instinct MI300X' h100 H100_SXM; do
	check "GPU written as '$spelling'" quiet ctl up "$spelling" --dry-run
done

# ---- a market in which one does not answer and another one refuses us
check 'offers: everybody answers' quiet ctl offers mi300x
sim_fault runpod hang -1
sim_fault digitalocean auth_revoked -1
says 'offers: nobody is waited for too long' 0 'runpod: no answer within 2 s; these are its offers of [0-9]* s ago' offers mi300x
check 'offers: the old ones are shown' grep -q ' runpod ' "$WORK/said.out"
check 'offers: the others are there' grep -q ' hotaisle ' "$WORK/said.out"
check 'offers: who refuses us is told' grep -q 'digitalocean: credentials refused' "$WORK/said"
curl -sS --no-buffer --unix-socket "$WORK/state/gpufleetd.sock" 'http://x/v1/offers?gpu=h200&stream=1' >"$WORK/stream"
same 'offers: one line for each account as it answers' "$(grep -c '^{"account"' "$WORK/stream")" 3
check 'offers: the last line has everything' sh -c "tail -n 1 '$WORK/stream' | grep -q '\"account\": *\"runpod\",\"state\": *\"waiting\"'"
sim_fault runpod hang 0
sim_fault digitalocean auth_revoked 0

# ---- runs that fail
printf 'echo before; exit 3\n' >"$WORK/exit3.sh"
printf 'echo working; sleep 60\n' >"$WORK/long.sh"
ctl run "$WORK/exit3.sh" --gpu MI300X:1 --provider runpod --name failed --yes >"$WORK/o" 2>"$WORK/e"
same 'a script that exits 3: its status comes back' $? 3
check 'a script that exits 3: why says so' sh -c "'$BUILD/gpufleetctl' why failed | grep -q 'exited with 3'"
check 'a script that exits 3: the machine went back' wait_for 20 nothing_bills
ctl run "$WORK/long.sh" --gpu MI300X:1 --provider runpod --name slow --timeout 2s --yes >"$WORK/o" 2>"$WORK/e"
same 'a script over its time: exit status' $? 126
check 'a script over its time: why says so' sh -c "'$BUILD/gpufleetctl' why slow | grep -q 'longer than its limit'"
check 'a script over its time: the machine went back' wait_for 20 nothing_bills
ctl run "$WORK/long.sh" --gpu MI300X:1 --provider runpod --name dies --yes --detach >"$WORK/o" 2>"$WORK/e"
wait_for 20 sh -c "'$BUILD/gpufleetctl' runs --json | grep -q RUNNING"
id=$(sim_get machines | tr '{' '\n' | grep '"billing": *true' | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p' | head -n 1)
curl -sS -X POST "http://127.0.0.1:$SIM_PORT/sim/kill-machine" -d "{\"id\":\"$id\"}" >/dev/null
check 'a machine that dies: the run is lost' wait_for 40 sh -c "'$BUILD/gpufleetctl' runs dies --json | grep -q '\"outcome\": *\"lost\"'"
check 'a machine that dies: it is given back' wait_for 20 nothing_bills

# ---- a spot machine is outbid: given back, and its run begins again on another one
printf 'echo "on $GPUFLEET_INSTANCE_ID"; sleep 2; echo done\n' >"$WORK/spot.sh"
ctl run "$WORK/spot.sh" --gpu H100:1 --provider vastai --spot --max-price 3 --name spot --yes --detach >"$WORK/o" 2>"$WORK/e"
run=$(newest_run)
wait_for 20 sh -c "'$BUILD/gpufleetctl' logs $run | grep -q '^on '"
id=$(sim_get machines | tr '{' '\n' | grep '"billing": *true' | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p' | head -n 1)
curl -sS -X POST "http://127.0.0.1:$SIM_PORT/sim/kill-machine" -d "{\"id\":\"$id\",\"how\":\"stop\"}" >/dev/null
check 'a spot machine is outbid: its cause' wait_for 20 sh -c "'$BUILD/gpufleetctl' events spot --json | grep -q '\"cause\": *\"preempted\"'"
check 'a spot machine is outbid: the run ends well' wait_for 60 sh -c "'$BUILD/gpufleetctl' runs spot --json | grep -q '\"outcome\": *\"ok\"'"
same 'a spot machine is outbid: it ran on two' "$(ctl logs "$run" 2>/dev/null | grep '^on ' | sort -u | wc -l)" 2
check 'a spot machine is outbid: why tells' sh -c "'$BUILD/gpufleetctl' why spot | grep -q 'begins again on another machine'"
check 'a spot machine is outbid: both went back' wait_for 20 nothing_bills

# ---- big files both ways, with the connections cut again and again
mkdir "$WORK/big"
head -c 6000000 /dev/urandom >"$WORK/big/data.bin"
cat >"$WORK/big/run.sh" <<'SCRIPT'
head -c 40000000 /dev/urandom >"$GPUFLEET_RESULTS/out.bin"
cat data.bin data.bin | sha256sum >"$GPUFLEET_RESULTS/sums"
sha256sum <"$GPUFLEET_RESULTS/out.bin" >>"$GPUFLEET_RESULTS/sums"
sleep 1
SCRIPT
ctl up mi300x --provider digitalocean --name big --yes >"$WORK/o" 2>"$WORK/e"
check 'a droplet has the host key that it was given' sh -c "'$BUILD/gpufleetctl' status big --json | grep -q '\"trust\":\"preset\"'"
(while sleep 1.3; do cut_sessions; done) &
cutter=$!
ctl run "$WORK/big" --on big --detach >"$WORK/o" 2>"$WORK/e"
run=$(newest_run)
check 'big files: the run ends well in spite of it' wait_for 90 sh -c "'$BUILD/gpufleetctl' runs --json | tr '{' '\n' | grep '\"id\": *$run,' | grep -q '\"outcome\": *\"ok\"'"
{ kill $cutter && wait $cutter; } 2>/dev/null
check 'big files: collected' wait_for 60 sh -c "'$BUILD/gpufleetctl' results $run -o '$WORK/got' >/dev/null 2>&1 && find '$WORK/got' -name sums | grep -q ."
same 'big files: what arrived is what was there' "$(find "$WORK/got" -name out.bin -exec sha256sum {} + | cut -c 1-64)" \
	"$(find "$WORK/got" -name sums -exec tail -n 1 {} + | cut -c 1-64)"
same 'big files: what was sent is what was read' "$(cat "$WORK/big/data.bin" "$WORK/big/data.bin" | sha256sum)" "$(find "$WORK/got" -name sums -exec head -n 1 {} +)"
echo '# changed' >>"$WORK/big/run.sh"
ctl run "$WORK/big" --on big >"$WORK/o" 2>"$WORK/e"
same 'big files: once more with another script' $? 0
store=$(find "$WORK/sim" -type d -name pieces)
same 'big files: only what changed was sent' "$(find "$store" -type f -cnewer "$WORK/big/run.sh" | wc -l)" 1
ctl down big --yes >"$WORK/o" 2>"$WORK/e"

# ---- a machine that is not fit: its GPU says that it is slowed down
printf 'echo "fit on $GPUFLEET_INSTANCE_ID"\n' >"$WORK/fit.sh"
ctl up mi300x --provider runpod --name fit --env GREETING=fleet --env key=small --yes >"$WORK/o" 2>"$WORK/e"
unfit=$(sim_get machines | tr '{' '\n' | sed -n '/"billing": *true/s/.*"id": *"\([^"]*\)".*/\1/p')
echo 'throttled=0' >>"$(sim_get machines | tr '{' '\n' | sed -n '/"billing": *true/s/.*"dir": *"\([^"]*\)".*/\1/p')/gpu"
ctl run "$WORK/fit.sh" --on fit --qualify >"$WORK/o" 2>"$WORK/e"
same 'an unfit machine: the run ends well' $? 0
check 'an unfit machine: what its check said stays in the output' grep -q 'gpufleet: progress GPU 0 is throttled' "$WORK/o"
check 'an unfit machine: the run goes on elsewhere' grep -q '^fit on ' "$WORK/o"
same 'an unfit machine: no work was done on it' "$(grep -c "fit on $unfit" "$WORK/o")" 0
check 'an unfit machine: why it went' happened instance 'not fit: GPU 0 is throttled'
check 'an unfit machine: its cause' sh -c "'$BUILD/gpufleetctl' why fit --json | grep -q bad_machine || '$BUILD/gpufleetctl' events fit --json | grep -q bad_machine"
printf 'echo "$GREETING $key"\n' >"$WORK/env.sh"
same '--env: the runs of a fleet see it' "$(ctl run "$WORK/env.sh" --on fit 2>/dev/null)" 'fleet small'
same '--env: a run has its own beside it' "$(ctl run "$WORK/env.sh" --on fit --env GREETING=run 2>/dev/null)" 'run small'
check '--env: status shows it' sh -c "'$BUILD/gpufleetctl' status fit --json | grep -q '\"GREETING\": *\"fleet\"'"
ctl exec fit -- 'head -c 300000 /dev/zero; printf "\377\376\000x\303"; sleep 0.3; printf "\251"' >"$WORK/bytes"
same 'exec: every byte arrives' "$(wc -c <"$WORK/bytes") $(tail -c 6 "$WORK/bytes" | od -An -tx1 | tr -d ' ')" '300006 fffe0078c3a9'
ctl run "$WORK/fit.sh" --on fit --qualify >"$WORK/o" 2>"$WORK/e"
same 'a fit machine is checked once' "$(grep -c 'gpufleet: progress' "$WORK/o")" 0
ctl down fit --yes >"$WORK/o" 2>"$WORK/e"
check 'an unfit machine: everything went back' wait_for 20 nothing_bills
check 'every bill arrived' wait_for 60 settled
check 'a failed run cost something' sh -c "'$BUILD/gpufleetctl' cost --json | grep -q '\"key\": *\"failed\"'"

# ---- a daemon that cannot start
kill_daemon TERM
refuses() { # NAME TEXT: the daemon ends with 2 and says TEXT
	"$BUILD/gpufleetd" --background >"$WORK/o" 2>"$WORK/e"
	same "$1: exit status" $? 2
	check "$1: says so" grep -q -- "$2" "$WORK/e"
}
cp "$GPUFLEET_CONFIG" "$WORK/good.yaml"
chmod 644 "$WORK/sim/tokens/runpod"
refuses 'token file open to all' 'chmod 600'
chmod 600 "$WORK/sim/tokens/runpod"
sed 's/^poll:/pol:/' "$WORK/good.yaml" >"$GPUFLEET_CONFIG"
refuses 'misspelt key' 'poll'
sed 's/poll: {/poll: [/' "$WORK/good.yaml" >"$GPUFLEET_CONFIG"
refuses 'broken YAML' ':[0-9]*:[0-9]*'
sed 's/token_file: [^,]*runpod,//' "$WORK/good.yaml" >"$GPUFLEET_CONFIG"
refuses 'no token' 'RUNPOD_API_KEY'

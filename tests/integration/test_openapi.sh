#!/usr/bin/env bash
# The whole API once, as people use it by gpufleetctl: each request and each answer is held against the OpenAPI document that the daemon
# serves. Every operation of the document must have been asked for, so that none drifts from what the daemon says.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
mkdir -p "$HOME/.ssh"
ssh-keygen -q -t ed25519 -N '' -f "$HOME/.ssh/id_ed25519"
start_sim --impostor # in front of containers
write_config
sed -i 's/exclusive: true/exclusive: false/' "$GPUFLEET_CONFIG"
start_daemon || { not_ok "the daemon starts"; exit 1; }
tap || exit 1
try() { # STATUS COMMAND…
	local wanted=$1 got
	shift
	ctl "$@" >"$WORK/o" 2>"$WORK/e" </dev/null
	got=$?
	[ $got = "$wanted" ] || not_ok "$*" "status $got, wanted $wanted: $(head -c 300 "$WORK/e")"
}
both() { # COMMAND…: as a table and as the document
	try 0 "$@"
	try 0 "$@" --json
}
get() { curl -sS --max-time 20 --unix-socket "$SOCK" -o "$WORK/body" "$@" || not_ok "$*"; }

# ---- looking
get http://gpufleet/metrics
get http://gpufleet/healthz
get http://gpufleet/v1/openapi.json
check "it is OpenAPI" grep -q '^{"openapi":"3.1' "$WORK/body"
for what in version providers recipes doctor status gpus 'offers mi300x' 'offers --all --spot' 'what-if --gpu MI300X:8 --hours 40 --volume 500'; do
	# shellcheck disable=SC2086 # words
	both $what
done
try 0 providers --check
try 0 up mi300x --provider digitalocean --dry-run
try 4 up mi300x:8 --instances 500 --provider hotaisle --dry-run
try 0 run vllm-serve --gpu MI300X:1 --set model=org/model --dry-run

# ---- a campaign, whose proof of concept goes on while the rest is done
printf 'campaign: small\nrecipe: vllm-serve\nwith: { model: org/model, scenarios: 128x128, prompts: 1, warmup: false }\nmatrix:\n  gpu: ["MI300X:1"]\nproviders: [digitalocean]\nrepeats: 2\nschedule: "0 2 * * *"\nlimits: { per_night: 8 }\n' >"$WORK/small.yaml"
sed 's/repeats/repeets/' "$WORK/small.yaml" >"$WORK/bad.yaml"
try 2 campaign check "$WORK/bad.yaml"
for what in "check $WORK/small.yaml" "apply $WORK/small.yaml" 'show small' list 'next small' 'pause small' 'resume small'; do
	# shellcheck disable=SC2086 # words
	both campaign $what
done
CTL_LIMIT=200 ctl campaign run small >"$WORK/night" 2>&1 &
night=$!

# ---- a machine
both budget set all --cap 500 --all --days 7
both budget list
both budget show all
try 0 volumes create models --size 100 --provider digitalocean --region tor1
try 0 up mi300x --provider digitalocean --name api --for 1h --label team=x --volume models --yes
both status api
both extend api --for 2h
try 0 exec api -- 'echo out; echo err >&2; printf "\\377\\000"'
try 0 ssh api -- true
shown=$(ctl status api --json | tr ',{' '\n\n' | sed -n 's/^"host_key": *"\(ssh-[^"]*\)".*/\1/p' | ssh-keygen -lf - | cut -d' ' -f2)
try 0 trust api --fingerprint "$shown"
try 0 volumes detach models
try 0 volumes attach models --to api
try 0 volumes detach models
# shellcheck disable=SC2016 # for the machine
printf 'echo out\necho err >&2\necho "{\\"metric\\":\\"m\\",\\"value\\":7}" >"$GPUFLEET_RESULTS/results.jsonl"\n' >"$WORK/work.sh"
try 0 run "$WORK/work.sh" --on api --title work --set SIZE=1
run=$(newest_run api)
try 0 run "$WORK/work.sh" --on api --detach
try 0 cancel "$(newest_run api)"
both runs
both logs "$run"
both results "$run"
try 0 results "$run" --save "$WORK/saved"
check "a run's files come over" grep -q '"metric"' "$WORK/saved/results.jsonl"
both volumes
both volumes show models
try 0 volumes keep models --for 60d
try 0 snapshots create models-1 --of-volume models
both snapshots
both snapshots show models-1
try 0 snapshots keep models-1 --for 60d
try 0 snapshots delete models-1 --yes
try 0 volumes delete models --yes

# ---- what goes wrong
sim_fault hotaisle create_cut_before
try 0 up MI300X --provider hotaisle --name doubt --for 30m --yes --detach
in_doubt() { ctl status doubt --json | grep -q '"in_doubt":true'; }
check "an order is in doubt" wait_for 30 in_doubt
try 0 resolve doubt --absent
try 0 up h100 --provider runpod --name lured --yes --detach
kept() { grep -q 'the console of instance .* is kept' "$WORK/state/gpufleetd.log"; }
check "a console is kept" wait_for 60 kept
try 0 logs --console "$(sed -n 's/.*the console of instance \([0-9]*\) is kept.*/\1/p' "$WORK/state/gpufleetd.log" | head -n 1)"
both why api
both why "run-$run"
both events
both events api --limit 20
quiet ctl audit # in a world like this there are findings
quiet ctl audit --json
both audit --ledger
try 0 down api
try 0 down lured
try 0 down doubt

# ---- what was measured
wait $night
same "the night is complete" "$(grep -c 'is complete: 1 of 1 runs ok' "$WORK/night")" 1
both campaign history small
get http://gpufleet/v1/campaigns/small/nights/1
for format in md html json; do try 0 campaign report small --format $format; done
bench=$(ctl runs --json | tr '{' '\n' | grep '"recipe": *"vllm-serve"' | sed -n 's/^"id": *\([0-9]*\).*/\1/p' | head -n 1)
for format in json csv md html nvidia-json nvidia-csv extended-csv; do try 0 results "$bench" --format $format; done
ctl results "$bench" --format nvidia-json >"$WORK/published.json"
both results import "$WORK/published.json" --name elsewhere --price 2.5
both results imports
try 0 results elsewhere --format md
for format in table json csv md html; do try 0 compare "$bench" elsewhere --format $format --adopt-if 1.1; done
try 0 results forget elsewhere
try 0 campaign run small --detach
both campaign show small
try 0 campaign stop small
in_nights() { ctl campaign history small --json | grep -q '"outcome": *"cancelled"'; }
check "a night that is stopped" wait_for 60 in_nights
try 0 campaign delete small

# ---- the end, and another day
try 0 down --all --yes
check "nothing bills" wait_for 60 nothing_bills
check "everything has settled" wait_for 120 settled
both cost
both cost --by owner,part --efficiency
for format in csv md report html focus; do try 0 cost --format $format; done
get 'http://gpufleet/v1/cost/report'
both forecast
try 0 budget delete all
kill_daemon TERM
sqlite3 "$WORK/state/gpufleet.db" "
	UPDATE fleets SET closed = closed - 1209600000000, created = created - 1209600000000;
	UPDATE instances SET gone = gone - 1209600000000, planned = planned - 1209600000000, settled = settled - 1209600000000;
	UPDATE runs SET done = done - 1209600000000, created = created - 1209600000000;"
start_daemon || not_ok "the daemon starts again"
get http://gpufleet/v1/fleets/api
both logs "$run"
both results "$run"
try 0 cancel "$run"
try 0 why api
get -X POST http://gpufleet/v1/shutdown
stopped() { ! curl -s --unix-socket "$WORK/state/gpufleetd.sock" http://gpufleet/healthz >/dev/null; }
check "it stops" wait_for 10 stopped
start_daemon || not_ok "the daemon starts a third time"
as_documented --all

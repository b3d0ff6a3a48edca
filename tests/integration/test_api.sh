#!/usr/bin/env bash
# The HTTP API as anybody may use it: most routes, what is refused and how, limits, repeats, streams; and the work
# of another day, which is read from the database.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
start_sim
write_config
start_daemon || { not_ok "the daemon starts"; exit 1; }
tap || exit 1

# ask METHOD PATH [BODY [CURL-OPTION…]]: sets status and type; the body is in $WORK/body
ask() {
	local method=$1 path=$2 body=${3-}
	shift 2
	[ $# -eq 0 ] || shift
	set -- "$@" -X "$method" -o "$WORK/body" -w '%{http_code} %{content_type}\n'
	[ -z "$body" ] || set -- "$@" -H 'Content-Type: application/json' --data-binary "$body"
	read -r status type < <(curl -sS --max-time 40 --unix-socket "$SOCK" "$@" "http://gpufleet$path" 2>"$WORK/curl" || echo 000)
}
# answers NAME STATUS TEXT METHOD PATH [BODY…]
answers() {
	local name=$1 wanted=$2 text=$3
	shift 3
	ask "$@"
	same "$name: status" "$status" "$wanted"
	check "$name: answer" grep -q -- "$text" "$WORK/body"
	case $wanted in 4*) check "$name: a problem" test "$type" = application/problem+json ;; esac
}
value() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" "$WORK/body" | head -n 1; }

# ---- reading
answers version 200 '"api":1' GET /v1/version
answers health 200 '^ok' GET /healthz
answers offers 200 '"price_gpu_hour"' GET '/v1/offers?gpu=mi300x&count=8'
answers plan 200 '"worst_case"' POST /v1/plans '{"gpu":"mi300x","count":8,"for":3600}'
answers status 200 '"totals"' GET /v1/status
answers cost 200 '"complete"' GET '/v1/cost?by=fleet'
answers 'cost in two ways' 200 '"by":"owner,part"' GET '/v1/cost?by=owner,part&filter=gpu=H100&efficiency=1'
answers 'cost in a way that is none' 400 'cannot group cost by' GET '/v1/cost?by=colour'
answers 'cost filtered by nonsense' 400 'a filter is WHAT=VALUE' GET '/v1/cost?by=fleet&filter=x'
answers report 200 '"tables"' GET /v1/cost/report
answers 'report as a page' 200 '<!doctype html>' GET '/v1/cost/report?format=html'
answers 'report in a format that is none' 400 'there is no format' GET '/v1/cost/report?format=pdf'
answers focus 200 'BilledCost' GET /v1/cost/focus
answers forecast 200 '"month_end"' GET '/v1/forecast?by=owner'
answers what-if 200 '"rows"' GET '/v1/what-if?gpu=MI300X&count=8&hours=40'
answers 'what-if for no time' 400 "'hours'" GET '/v1/what-if?gpu=MI300X&count=8'
answers ledger 200 '"ok":true' GET /v1/audit/ledger
answers budgets 200 '"budgets":\[\]' GET /v1/budgets
answers 'a budget' 200 '"state"' POST /v1/budgets '{"name":"b","cap":1000,"per":"week"}'
answers 'a budget by name' 200 '"cap":1000.0' GET /v1/budgets/b
answers 'a budget without a cap' 400 "'cap' is missing" POST /v1/budgets '{"name":"c"}'
answers 'a budget of an unknown kind' 400 "'scope' is" POST /v1/budgets '{"name":"c","cap":1,"scope":"moon"}'
answers 'a budget for nobody' 400 'says which' POST /v1/budgets '{"name":"c","cap":1,"scope":"owner"}'
answers 'a budget with a cap below nothing' 400 "'cap' is an amount" POST /v1/budgets '{"name":"c","cap":-1}'
answers 'a budget with a word too much' 400 "unknown key 'colour'" POST /v1/budgets '{"name":"c","cap":1,"colour":1}'
answers 'a budget that is not there' 404 'there is no budget' GET /v1/budgets/c
answers 'a budget deleted' 200 '"budget"' DELETE /v1/budgets/b
answers 'trust in what is not there' 404 'no fleet' POST /v1/fleets/none/trust '{"fingerprint":"x"}'
answers recipes 200 '"gpu-check"' GET /v1/recipes
answers providers 200 '"digitalocean"' GET /v1/providers
answers doctor 200 '"worst_callback_ms"' GET /v1/doctor
answers audit 200 '"intents"' GET /v1/audit

# ---- a life
same 'nothing was bought by asking' "$(sim_billing)" 0
answers 'open a fleet' 201 '"name":"api"' POST /v1/fleets '{"gpu":"MI300X","name":"api","for":1800,"providers":["digitalocean"]}' -H 'Idempotency-Key: k1'
answers 'the same again' 201 '"name":"api"' POST /v1/fleets '{"gpu":"MI300X","name":"api","for":1800,"providers":["digitalocean"]}' -H 'Idempotency-Key: k1'
answers 'the same key for something else' 409 'detail' POST /v1/fleets '{"gpu":"MI300X","name":"other","for":1800}' -H 'Idempotency-Key: k1'
answers 'the same name again' 409 "already open" POST /v1/fleets '{"gpu":"MI300X","name":"api","for":1800}'
ready() { ask GET /v1/fleets/api && grep -q '"phase":"ready"' "$WORK/body"; }
check 'it becomes ready' wait_for 30 ready
same 'one machine' "$(sim_creates digitalocean)" 1
answers 'extend' 202 '"fleet"' POST /v1/fleets/api/extend '{"for":3600}'
answers 'exec' 200 '"exit":5' POST /v1/fleets/api/exec '{"command":"echo hi; exit 5"}'
check 'exec: its output' grep -q '"text":"hi' "$WORK/body"
answers 'authorize' 200 '"host_key":"ssh-' POST /v1/fleets/api/authorize '{"public_keys":["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5sP2cPRkvWUuXB4gtYgkDGSh2xGn1zPbRduRyeVGzP me"]}'
answers 'run' 201 '"recipe":"script"' POST /v1/runs \
	'{"fleet":"api","title":"t","payload":{"run":"r.sh","files":[{"name":"r.sh","text":"echo line one\necho oops >&2\necho {\\\"metric\\\":\\\"m\\\",\\\"value\\\":7} >$GPUFLEET_RESULTS/results.jsonl\n"}]}}'
run=$(sed -n 's/.*"run":{"id":\([0-9]*\).*/\1/p' "$WORK/body")
answers 'logs, followed to the end' 200 '"end"' GET "/v1/runs/$run/logs?follow=1"
check 'logs: what it said' grep -q 'line one' "$WORK/body"
check 'logs: and on standard error' grep -q '"stderr".*oops' "$WORK/body"
answers 'logs from an offset' 200 '"offset":5' GET "/v1/runs/$run/logs?stdout=5"
answers 'the run' 200 '"outcome":"ok"' GET "/v1/runs/$run"
answers 'runs' 200 '"runs":\[{' GET '/v1/runs?fleet=api&limit=5'
answers 'results' 200 '"metric":"m"' GET "/v1/runs/$run/results"
answers 'a file' 200 '"metric"' GET "/v1/runs/$run/files/results.jsonl"
answers 'no file beside it' 404 'detail' GET "/v1/runs/$run/files/..%2F..%2F..%2Fsite.key"
answers 'cancel what has ended' 202 '"outcome":"ok"' DELETE "/v1/runs/$run"
answers 'events' 200 '"event":"reachable"' GET '/v1/events?fleet=api'
answers 'why' 200 '"attempts"' GET /v1/why/api
answers 'why a run' 200 '"summary"' GET "/v1/why/run-$run"
curl -sSN --max-time 4 --unix-socket "$SOCK" 'http://gpufleet/v1/events?follow=1' >"$WORK/stream" 2>/dev/null &
stream=$!
sleep 0.5
answers 'something happens' 202 '"fleet"' POST /v1/fleets/api/extend '{"for":3000}'
wait $stream
check 'a stream of events, left in the middle' grep -q '"event":"extend' "$WORK/stream"
answers 'which holds nobody up' 200 '"api":1' GET /v1/version

# ---- what is refused
answers 'no such route' 404 'detail' GET /v1/nothing
answers 'no such method' 400 'detail' PUT /v1/status
answers 'no such fleet' 404 "no fleet" GET /v1/fleets/nobody
answers 'no such run' 404 'detail' GET /v1/runs/999999
answers 'a key that nobody knows' 400 'instances' POST /v1/fleets '{"gpu":"MI300X","instancs":2}'
answers 'no JSON' 400 'detail' POST /v1/fleets '{"gpu":'
answers 'JSON that is too deep' 400 'detail' POST /v1/plans "$(printf '%0100d' 0 | tr 0 '[')"
answers 'a wrong type' 400 'count' POST /v1/plans '{"gpu":"MI300X","count":"many"}'
answers 'count 0' 400 'count' POST /v1/plans '{"gpu":"MI300X","count":0}'
answers 'an absurd count' 400 'count' POST /v1/plans '{"gpu":"MI300X","count":1000000000}'
answers 'an unknown grouping' 400 'owner' GET '/v1/cost?by=colour'
answers 'a name that is no name' 400 'name' POST /v1/fleets '{"gpu":"MI300X","name":"a;$(touch /tmp/x)"}'
answers 'a run that is only checked' 200 '"checked":true' POST /v1/runs '{"gpu":"MI300X","recipe":"vllm-serve","dry_run":true}'
answers 'and found wanting' 400 'CONCURRENCY' POST /v1/runs '{"gpu":"MI300X","recipe":"vllm-serve","set":{"concurency":"1"},"dry_run":true}'
answers 'a payload that climbs' 400 'detail' POST /v1/runs '{"fleet":"api","payload":{"run":"r.sh","files":[{"name":"../r.sh","text":"x"}]}}'
head -c 1500000 /dev/zero | tr '\0' 'x' >"$WORK/big"
ask POST /v1/plans "@$WORK/big"
same 'a body above its limit' "$status" 400
ask GET /v1/version '' -H "X-Long: $(head -c 40000 /dev/zero | tr '\0' 'x')"
check 'a header above its limit' test "$status" -ge 400
printf 'GARBAGE\r\n\r\n' | timeout 5 curl -s --max-time 3 --unix-socket "$SOCK" telnet://gpufleet >/dev/null 2>&1
answers 'garbage harms nobody' 200 '"api":1' GET /v1/version
same 'nothing of all this was bought' "$(sim_billing)" 1
socket=$WORK/state/gpufleetd.sock
same 'the socket is for its owner' "$(stat -c %a "$socket")" "$(stat -c %a "$socket" | grep -E '^6[06]0$')"

# ---- the end, and another day
answers 'close' 202 '"CLOSING"' DELETE /v1/fleets/api
answers 'close again' 202 '"state"' DELETE /v1/fleets/api
check 'nothing bills' wait_for 30 nothing_bills
check 'everything has settled' wait_for 60 settled
kill_daemon TERM
# Two weeks pass: what ended long ago is not loaded any more.
sqlite3 "$WORK/state/gpufleet.db" "
	UPDATE fleets SET closed = closed - 1209600000000, created = created - 1209600000000;
	UPDATE instances SET gone = gone - 1209600000000, planned = planned - 1209600000000, settled = settled - 1209600000000;
	UPDATE runs SET done = done - 1209600000000, created = created - 1209600000000;"
start_daemon || not_ok "the daemon starts again"
answers 'an old fleet' 200 '"CLOSED"' GET /v1/fleets/api
answers 'an old run' 200 '"outcome":"ok"' GET "/v1/runs/$run"
answers 'its logs' 200 'line one' GET "/v1/runs/$run/logs"
answers 'its results' 200 '"metric":"m"' GET "/v1/runs/$run/results"
answers 'its file' 200 '"metric"' GET "/v1/runs/$run/files/results.jsonl"
answers 'why it was so' 200 '"attempts"' GET /v1/why/api
as_documented
answers 'shutdown' 202 '' POST /v1/shutdown '{"drain":false}'
check 'it ends' wait_for 10 sh -c "! curl -s --unix-socket '$SOCK' http://gpufleet/healthz"

#!/usr/bin/env bash
# A campaign from its file to its report: checked, applied, changed, run on shared machines, judged, told; failures classified;
# a night killed in the middle ends with the same set of results.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
hooks() {
	printf 'k3y-of-the-hook\n' >"$WORK/hook.key"
	printf 'http://127.0.0.1:%s/secret-path\n' "$(cat "$WORK/hook.port")" >"$WORK/hook.url"
	chmod 600 "$WORK/hook.key" "$WORK/hook.url"
	printf 'webhooks:\n  ops: { url: "http://127.0.0.1:%s/ops", secret_file: %s }\n  chat: { url_file: %s, secret_file: %s, template: slack }\n' \
		"$(cat "$WORK/hook.port")" "$WORK/hook.key" "$WORK/hook.url" "$WORK/hook.key" >>"$GPUFLEET_CONFIG"
}
start_sim
write_config
# Whoever listens: takes nothing the first time, keeps what comes, checks the signature with a key of its own.
cat >"$WORK/listen.py" <<'PY'
import hashlib, hmac, http.server, json, sys
class Hook(http.server.BaseHTTPRequestHandler):
    seen = 0
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Hook.seen += 1
        t, v = (x.split("=", 1)[1] for x in self.headers["X-Gpufleet-Signature"].split(","))
        good = hmac.new(b"k3y-of-the-hook", t.encode() + b"." + body, hashlib.sha256).hexdigest() == v
        with open(sys.argv[1], "a") as f:
            print(self.headers["X-Gpufleet-Delivery"], "good" if good else "BAD", self.path, body.decode(), file=f)
        self.send_response(500 if Hook.seen == 1 else 200)
        self.end_headers()
    def log_message(self, *a): pass
s = http.server.HTTPServer(("127.0.0.1", 0), Hook)
print(s.server_port, flush=True)
s.serve_forever()
PY
python3 "$WORK/listen.py" "$WORK/heard" >"$WORK/hook.port" &
HOOK_PID=$!
trap 'kill "$HOOK_PID" 2>/dev/null; stop_all' EXIT
wait_for 10 test -s "$WORK/hook.port"

hooks
start_daemon || { not_ok "the daemon starts"; exit 1; }
tap || exit 1

campaign() { # NAME GPUS REST
	printf 'campaign: %s\nrecipe: vllm-serve\nwith: { model: amd/Llama-3.3-70B-Instruct-FP8-KV, scenarios: 128x2048 1000x1000, prompts: 1, warmup: false }\nmatrix:\n  gpu: [%s]\n  concurrency: ["1", "2"]\nrepeats: 2\n%s\n' \
		"$1" "$2" "${3:-}" >"$WORK/$1.yaml"
}
value() { tr ',{}' '\n\n\n' | sed -n "s/^ *\"$1\": *\"\{0,1\}\([^\"]*\)\"\{0,1\}$/\1/p" | head -n 1; }
figures() { # CAMPAIGN NIGHT: what was measured, in an order of its own
	ctl campaign report "$1" --night "$2" --json | python3 -c '
import json, sys
for s in sorted((s["scenario"], s["concurrency"], s["gpu"], len(s["measured"]), round(s["median"], 1)) for s in json.load(sys.stdin)["series"]):
    print(*s)'
}

# ---- the file ----
campaign small '"MI300X:1"' 'schedule: "0 2 * * *"
timezone: Europe/Berlin
limits: { per_night: 8, per_run: 10m }
notify: [ { webhook: ops, on: [summary, failed] }, { webhook: chat, on: failed } ]'
sed 's/repeats/repeets/; s/per_run/perrun/' "$WORK/small.yaml" >"$WORK/bad.yaml"
ctl campaign check "$WORK/bad.yaml" >"$WORK/o" 2>"$WORK/e"
same "check: a bad file is a usage error" "$?" 2
check "check: both mistakes, with their places and the nearest key" \
	sh -c "grep -q 'bad.yaml:[0-9]*:[0-9]*:.*repeets.*repeats' '$WORK/e' && grep -q 'perrun.*per_run' '$WORK/e'"
sed 's/prompts: 1/prompts: many/' "$WORK/small.yaml" >"$WORK/bad.yaml"
ctl campaign check "$WORK/bad.yaml" >"$WORK/o" 2>"$WORK/e"
check "check: a value that the recipe does not take names the cell" grep -q 'cell MI300X:1.*PROMPTS' "$WORK/e"
{ cat "$WORK/small.yaml"; echo 'budget: gpu-bench'; } >"$WORK/bad.yaml"
ctl campaign check "$WORK/bad.yaml" >"$WORK/o" 2>"$WORK/e"
same "check: a budget that is not there is refused" "$? $(grep -c "there is no budget 'gpu-bench'" "$WORK/e")" "2 1"
ctl campaign check "$WORK/small.yaml" >"$WORK/o" 2>"$WORK/e"
same "check: a good one" "$? $(grep -c 'MI300X:1 CONCURRENCY' "$WORK/o") $(grep -c 'T02:00:00+0[12]:00' "$WORK/o")" "0 2 5"
ctl campaign list 2>"$WORK/e" >"$WORK/o"
check "check applies nothing" grep -q 'there is no campaign' "$WORK/e"
check "apply" quiet ctl campaign apply "$WORK/small.yaml"
sed -i 's/per_night: 8/per_night: 9/' "$WORK/small.yaml"
ctl campaign apply "$WORK/small.yaml" >"$WORK/o"
check "apply again shows what changes" sh -c "grep -q '^- limits: { per_night: 8' '$WORK/o' && grep -q '^+ limits: { per_night: 9' '$WORK/o'"
same "and is the second definition" "$(ctl campaign show small --json | value definition)" 2
ctl campaign next small -n 3 >"$WORK/o"
same "next" "$(grep -c 'T02:00:00' "$WORK/o")" 3
check "and what a night can cost at today's prices" sh -c "grep -q 'MI300X:1: .[0-9.]* an hour with the cheapest offer' '$WORK/o' && grep -q 'each at most .9.00' '$WORK/o'"
check "pause" quiet ctl campaign pause small
check "list says so" sh -c "'$BUILD/gpufleetctl' campaign list | grep -q 'small.*paused'"
check "resume" quiet ctl campaign resume small

# ---- a night ----
CTL_LIMIT=150 ctl campaign run small >"$WORK/o" 2>"$WORK/e"
same "a night is complete" "$? $(grep -c "night 1 of 'small' is complete: 2 of 2 runs ok" "$WORK/o")" "0 1"
same "its two cells shared one machine" "$(sim_get machines | tr '{' '\n' | grep -c '"gpu": *"MI300X"')" 1
same "four series, two repeats each" "$(figures small 1 | awk '{ n++; r += $4 } END { print n, r }')" "4 8"
check "the report as Markdown" sh -c "'$BUILD/gpufleetctl' campaign report small | grep -q '^| 128x2048 at 2 |'"
check "and as a page" sh -c "'$BUILD/gpufleetctl' campaign report small -o '$WORK/r.html' && grep -q '<h2>Verdicts</h2>' '$WORK/r.html' && ! grep -q 'https*:' '$WORK/r.html'"
check "without a baseline it says so" sh -c "'$BUILD/gpufleetctl' campaign report small | grep -q '4 without a baseline'"
parts=$(ctl campaign report small --json | python3 -c '
import json, sys
c = json.load(sys.stdin)["cost"]
micro = lambda x: round(x * 1e6)
print("ok" if sum(map(micro, c["parts"].values())) == micro(c["total"]) and all(sum(map(micro, m["parts"].values())) == micro(m["metered"]) for m in c["machines"]) else c)')
same "the parts of the cost add up" "$parts" ok
check "cost --by campaign" sh -c "'$BUILD/gpufleetctl' cost --by campaign | grep -q '^small  *1 '"
check "nothing bills" wait_for 20 nothing_bills
CTL_LIMIT=60 ctl campaign run small --poc >"$WORK/o" 2>"$WORK/e"
same "a proof of concept is one run" "$(grep -c "night 2 of 'small' is complete: 1 of 1 runs ok" "$WORK/o")" 1

check "its report has its figures" sh -c "'$BUILD/gpufleetctl' campaign report small --night 2 | grep -q '^| 128x2048 at 1 | 3[0-9.]* tok/s |'"

# ---- failures ----
campaign broken '"MI300X:1"' 'on_failure: destroy'
sed -i 's/prompts: 1/prompts: 1, serve_args: "--no-such-flag"/; s/, "2"//' "$WORK/broken.yaml"
ctl campaign apply "$WORK/broken.yaml" >/dev/null
CTL_LIMIT=100 ctl campaign run broken >"$WORK/o" 2>"$WORK/e"
same "a server that does not start: the night failed" "$? $(grep -c "is failed: 0 of 1 runs ok" "$WORK/o")" "1 1"
ctl campaign report broken >"$WORK/o"
same "the script is to blame, the class says why, and what it cost" "$(grep -c '| script | failed: server.*exited | .* | .0.00[0-9]* |' "$WORK/o")" 1
campaign gaps '"MI300X:1", "B200:8"' 'limits: { parallel_fleets: 2 }
notify: [ { webhook: chat, on: failed } ]'
ctl campaign apply "$WORK/gaps.yaml" >/dev/null
sim_fault hotaisle create_no_capacity -1
sim_fault runpod create_no_capacity -1
sim_fault digitalocean create_no_capacity -1
sim_fault vastai create_no_capacity -1
# It waits for every provider in turn: five creates one behind the other, each with the 60 to 90 s that its answer may take, offers and
# balances with 30 s, and 5 s of proof for each answer that does not come in time. All of that is a second on an idle machine; the limit
# is for a night that hangs.
CTL_LIMIT=400 ctl campaign run gaps >"$WORK/o" 2>"$WORK/e"
same "nobody sells anything: the night failed" "$? $(grep -c "is failed: 0 of 4 runs ok" "$WORK/o")" "1 1"
ctl campaign report gaps >"$WORK/o"
same "the provider is to blame, and for eight of them the night's own limit" \
	"$(grep -c '| provider | unplaceable |' "$WORK/o") $(grep -c '| limit | money |' "$WORK/o")" "2 2"
for cloud in hotaisle runpod digitalocean vastai; do sim_fault $cloud create_no_capacity 0; done

check "a message that was not taken is sent again" wait_for 30 sh -c "[ \$(grep -c ' /ops ' '$WORK/heard') -ge 3 ]"
same "under the same id" "$(grep ' /ops ' "$WORK/heard" | head -n 2 | cut -d' ' -f1 | sort -u | wc -l)" 1
same "each is signed" "$(grep -c ' BAD ' "$WORK/heard")" 0
heard=$(grep ' /ops ' "$WORK/heard" | head -n 1 | cut -d' ' -f4- | python3 -c '
import json, sys
m = json.load(sys.stdin)
print(m["text"].split(",")[1].strip(), m["night"]["outcome"], m["night"]["ok"], ",".join(m["events"]), m["campaign"])')
same "the first tells of the night in words and in figures" "$heard" "night 1 is complete: 2 of 2 runs ok complete 2 summary small"
check "the chat hears of the failure, as one text" sh -c "grep ' /secret-path ' '$WORK/heard' | tail -n 1 | grep -q '{\"text\":\"gaps, night 1 is failed: 0 of 4 runs ok'"
same "and of nothing else" "$(grep -c ' /secret-path ' "$WORK/heard")" 1
check "its address is in no log" sh -c "! grep -q secret-path '$WORK/state/gpufleetd.log'"

# ---- killed in the middle ----
campaign killed '"MI300X:1", "H200:1"' 'limits: { parallel_fleets: 2 }
retry: { machine_lost: 3 }'
ctl campaign apply "$WORK/killed.yaml" >/dev/null
ctl campaign run killed --detach >/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
	sleep "$((RANDOM % 3)).$((RANDOM % 10))"
	kill -9 "$(daemon_pid)" 2>/dev/null
	start_daemon >/dev/null 2>&1
done
over() { ctl campaign history killed --json | grep -q '"outcome": *"[a-z]'; }
check "killed ten times: the night is over" wait_for 150 over
same "and complete" "$(ctl campaign history killed --json | value outcome)" complete
same "with each series once, no repeat more or less" "$(figures killed 1 | awk '{ n++; r += $4 } END { print n, r }')" "8 16"
check "nothing bills" wait_for 20 nothing_bills

# ---- the end ----
check "delete" quiet ctl campaign delete small
check "its nights stay" sh -c "'$BUILD/gpufleetctl' campaign history small | grep -q complete"
ctl campaign show small >"$WORK/o" 2>"$WORK/e"
same "show says where to look" "$? $(grep -c 'there is no campaign' "$WORK/e")" "2 1"
as_documented

#!/usr/bin/env bash
# A budget owner's evening: caps that hold, also over kill -9 and from several shells at once; books that prove themselves; reports
# that add up to the clouds' own bill; notices that arrive.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap 'kill $HOOK_PID 2>/dev/null; stop_all' EXIT
HOOK_PID=
start_sim
write_config

# Whoever listens to notices: one line for each that it got.
cat >"$WORK/hook.py" <<'P'
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        open(sys.argv[1], 'ab').write(body + b'\n')
        self.send_response(204); self.end_headers()
    def log_message(self, *a): pass
s = http.server.HTTPServer(('127.0.0.1', 0), H)
open(sys.argv[2], 'w').write(str(s.server_port))
s.serve_forever()
P
python3 "$WORK/hook.py" "$WORK/heard" "$WORK/port" &
HOOK_PID=$!
heard() { grep -c "$1" "$WORK/heard" 2>/dev/null; }
has_port() { [ -s "$WORK/port" ]; }
check "somebody listens" wait_for 10 has_port
printf 'webhooks:\n  team: { url: "http://127.0.0.1:%s/" }\n' "$(cat "$WORK/port")" >>"$GPUFLEET_CONFIG"
start_daemon || { not_ok "the daemon starts"; exit 1; }
tap || exit 1
value() { ctl "$@" --json | tr -d ' \n'; }
number() { sed -n "s/.*\"$1\":\(-\{0,1\}[0-9.e-]*\).*/\1/p" | head -n 1; }

same "there is no budget" "$(ctl budget list 2>&1 | grep -c 'there is no budget')" 1
ctl budget set team >"$WORK/o" 2>"$WORK/e"
same "a budget has a cap" "$? $(grep -c "'cap' is missing" "$WORK/e")" "2 1"
ctl budget set team --cap 12 --owner "$(id -un)" --all >"$WORK/o" 2>"$WORK/e"
same "and counts one thing" "$? $(grep -c 'counts one thing' "$WORK/e")" "2 1"
ctl budget set team --cap 12 --zone Mars/Olympus >"$WORK/o" 2>"$WORK/e"
same "by a zone that there is" "$?" 2
check "a budget is set" ctl budget set team --cap 12 --per month --owner "$(id -un)" --zone Europe/Berlin --notify team
check "and shown" sh -c "'$BUILD/gpufleetctl' budget show team | grep -q 'cap  *\$12.00 per month (Europe/Berlin)'"
ctl budget show nobody >"$WORK/o" 2>"$WORK/e"
same "one that is not there is said so" "$? $(grep -c "no budget 'nobody'" "$WORK/e")" "2 1"
ctl up mi300x --provider digitalocean --name big --for 8h --yes >"$WORK/o" 2>"$WORK/e"
same "what does not fit is refused with its arithmetic, and with what would fit" \
	"$? $(grep -c "budget 'team' has \$12.00 left of \$12.00 a month.*--for 4h 16m would fit" "$WORK/e")" "3 1"
same "and nothing was ordered" "$(sim_creates digitalocean)" 0

for k in 1 2 3 4 5 6; do
	ctl up mi300x --provider digitalocean --name "race$k" --for 2h --yes >"$WORK/o$k" 2>"$WORK/e$k" &
	pids="${pids:-} $!"
done
won=0
for p in $pids; do wait "$p" && won=$((won + 1)); done
same "of six at once one gets what is left" "$won" 1
left=$(value budget show team | number left)
check "and the cap holds" sh -c "awk 'BEGIN { exit !($left >= 0 && $left < 6) }'"
name=$(ctl status --json | tr '{' '\n' | sed -n 's/.*"name": *"\(race[0-9]\)".*"state": *"OPEN".*/\1/p' | head -n 1)
check "the fleet becomes ready" wait_for 60 sh -c "'$BUILD/gpufleetctl' status --json | grep -q '\"state\": *\"READY\"'"
printf '#!/bin/sh\nsleep 3\n' >"$WORK/work.sh"
printf '#!/bin/sh\nsleep 1\nexit 3\n' >"$WORK/fail.sh"
check "work is done" ctl run "$WORK/work.sh" --on "$name"
ctl run "$WORK/fail.sh" --on "$name" >/dev/null 2>&1
ctl extend "$name" --for 5h >"$WORK/o" 2>"$WORK/e"
same "an extension that no budget bears is refused" "$? $(grep -c "budget 'team' has" "$WORK/e")" "3 1"
kill -9 "$(daemon_pid)"
start_daemon || { not_ok "the daemon comes back"; exit 1; }
counted() { ctl budget show team | grep -qv counting; }
check "it is counted anew" wait_for 10 counted
ctl up mi300x --provider digitalocean --name more --for 2h --yes >"$WORK/o" 2>"$WORK/e"
same "and refuses as before" "$? $(grep -c "budget 'team' has" "$WORK/e")" "3 1"

check "a cap can be lowered" ctl budget set team --cap 3
same "what goes beyond it is said" "$(ctl budget list | grep -c 'over')" 1
check "with --drain what does not fit ends" ctl budget set team --cap 0.02 --drain
drained() { [ "$(ctl status --json | grep -c '"state": *"OPEN"')" = 0 ]; }
check "… it ended" wait_for 30 drained
check "for money" happened fleet "was lowered below what it held" "$name"
check "nothing bills" wait_for 60 nothing_bills
check "100 % is told to whom it concerns" wait_for 40 sh -c "grep -q '\"event\":\"budget\"' '$WORK/heard' && grep -q '\"news\":\"100%\"' '$WORK/heard'"
same "once" "$(heard '"news":"100%"')" 1
check "the old value stands in the log" sh -c "'$BUILD/gpufleetctl' events --limit 500 | grep -q 'budget.*\$3.00 a month.*it was \$12.00 a month'"

check "a named budget" ctl budget set nightly --cap 50 --named
ctl up h100 --provider runpod --name x --budget nigthly --yes >"$WORK/o" 2>"$WORK/e"
same "one that is not there cannot be named" "$? $(grep -c "no budget 'nigthly'" "$WORK/e")" "2 1"
check "the first one is deleted" ctl budget delete team
check "a run against the named one" ctl run "$WORK/work.sh" --gpu H100:1 --provider runpod --budget nightly --label team=x --yes
sim_fault vastai traffic -1 2000 # what a machine pulls, which our clock does not see
check "one at vast.ai" ctl run "$WORK/work.sh" --gpu H100:1 --provider vastai --yes
check "nothing bills again" wait_for 60 nothing_bills
check "everything is settled" wait_for 60 settled
total=$(value cost | sed 's/.*"total"://' | number billed)
for p in digitalocean runpod vastai; do check "$p: what the ledger owes is what its cloud bills" billed_right "$p" 2; done
check "the books prove themselves" ctl audit --ledger
sums() { # every row of every way of grouping adds up to the total
	for by in owner budget campaign fleet provider account gpu region recipe run part day week month label:team owner,part provider,day; do
		value cost --by "$by" | python3 -c '
import json, sys
d = json.load(sys.stdin)
for k in ("metered", "billed", "gap", "held"):
    rows = sum(round((r[k] or 0) * 1e6) for r in d["rows"])
    if rows != round((d["total"][k] or 0) * 1e6): sys.exit(1)
for r in d["rows"] + [d["total"]]: # the reasons of a gap add up to it
    if sum(round(g["gap"] * 1e6) for g in r.get("gaps", [])) != round(r["gap"] * 1e6): sys.exit(1)
sys.exit(0 if d["rows"] else 1)' || return 1
	done
}
check "every report adds up" sums
same "the report says why a bill is higher" "$(ctl cost --by provider --format csv | grep '^vastai' | cut -d, -f8)" traffic
same "by label" "$(ctl cost --by label:team --format csv | cut -d, -f1 | tr -d '\r' | tail -n +2 | sort | tr '\n' ' ')" "(none) x "
same "by budget" "$(ctl cost --by budget --format csv | cut -d, -f1 | tr -d '\r' | tail -n +2 | sort | tr '\n' ' ')" "(none) nightly "
check "what failed cost something" sh -c "'$BUILD/gpufleetctl' cost --by provider --efficiency | grep digitalocean | grep -q '\\$'"
same "only what is asked for" "$(ctl cost --by provider --filter recipe=script --filter provider=vastai --format csv | tail -n +2 | cut -d, -f1)" vastai
same "FOCUS has 43 columns" "$(ctl cost --format focus | head -n 1 | tr ',' '\n' | wc -l)" 43
ctl cost --format focus | python3 -c '
import csv, sys
print(round(sum(float(r["BilledCost"]) for r in csv.DictReader(sys.stdin)) * 1e6))' >"$WORK/o"
same "and adds up to what was billed" "$(cat "$WORK/o")" "$(awk "BEGIN { printf \"%.0f\", $total * 1e6 }")"
check "a page" ctl cost --output "$WORK/page.html"
same "that asks for nothing from elsewhere" "$(grep -cE '(src|href)=|url\(|@import|<script' "$WORK/page.html")" 0
check "with a chart and what was spent" sh -c "grep -q '<svg' '$WORK/page.html' && grep -q 'metered by our clock on' '$WORK/page.html'"
check "as Markdown too" sh -c "'$BUILD/gpufleetctl' cost --format report | grep -q '^## Providers'"
ctl forecast >"$WORK/o" 2>"$WORK/e"
same "a forecast says when it knows too little" "$? $(grep -c 'too few whole days' "$WORK/e")" "0 1"
ctl what-if --gpu MI300X:8 --hours 40 --volume 500 >"$WORK/o" 2>"$WORK/e"
same "what eight would cost for forty hours" "$? $(grep -c 'runpod.*\$6[0-9][0-9]\.' "$WORK/o")" "0 1"
ctl what-if --gpu H100:1 --hours 1 --traffic 1000 --json >"$WORK/o" 2>"$WORK/e"
check "and what traffic adds where it is charged" python3 -c 'import json, sys; r = {x["account"]: x["traffic"] for x in json.load(open(sys.argv[1]))["rows"]}; sys.exit(not (r["vastai"] > 0 and r["runpod"] == 0))' "$WORK/o"
ctl what-if --gpu MI300X:8 --hours many >"$WORK/o" 2>"$WORK/e"
same "hours are a number" "$? $(grep -c "'hours'" "$WORK/e")" "2 1"
ctl cost --by fleets >"$WORK/o" 2>"$WORK/e"
same "a mistake has its remedy" "$? $(grep -c "did you mean 'fleet'" "$WORK/e")" "2 1"
as_documented

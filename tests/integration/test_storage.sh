#!/usr/bin/env bash
# The founding workflow: the first run makes a volume, downloads the model to it and leaves a snapshot; later ones start from both.
# Then what people do with volumes, what a lost answer makes of one, and what it all costs.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
start_sim
write_config
start_daemon || { not_ok "the daemon starts"; exit 1; }
tap || exit 1
value() { ctl "$@" --json | tr -d ' \n'; }
word() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1; }
stored() { sim_get storage | tr '{' '\n' | grep -c "$1" || true; }
requests() { sim_get "requests?cloud=$1&method=$2&path=$3" | sed -n 's/.*"count": *\([0-9]*\).*/\1/p' | head -n 1; }

same "there is no volume" "$(ctl volumes 2>&1 | grep -c 'there is no volume')" 1
ctl volumes create models --size 500 >"$WORK/o" 2>"$WORK/e"
same "of several accounts one is to be named" "$? $(grep -c 'say which, with --provider' "$WORK/e")" "2 1"
ctl volumes create models --size 500 --provider digitalocean >"$WORK/o" 2>"$WORK/e"
same "and a region" "$? $(grep -c "'region' is missing" "$WORK/e")" "2 1"
ctl volumes create models --size 500 --provider hotaisle --region x >"$WORK/o" 2>"$WORK/e"
same "who has none is said so" "$? $(grep -c "'hotaisle' is no account that has volumes" "$WORK/e")" "2 1"
ctl up mi300x --provider digitalocean --volume models --yes >"$WORK/o" 2>"$WORK/e"
same "an order that names what is not there is refused" "$? $(grep -c "there is no volume 'models'" "$WORK/e")" "2 1"

# ---- prepare ----

ctl prepare vllm-serve --gpu MI300X:1 --provider digitalocean --volume models --set modle=x --yes >"$WORK/o" 2>"$WORK/e"
same "what is wrong is said before a volume is made" "$? $(grep -c "no parameter" "$WORK/e") $(wc -l <"$WORK/e") $(stored '"name": *"gf1v-')" "122 1 1 0"
ctl prepare vllm-serve --gpu MI300X:1 --provider runpod --volume models --snapshot-as base --yes >"$WORK/o" 2>"$WORK/e"
same "nor where nothing can be kept as it is to be" "$? $(grep -c "none of these accounts has snapshots" "$WORK/e") $(stored '"name": *"gf1v-')" "122 1 0"
# The cheapest machine is where there are no snapshots.
CTL_LIMIT=120 ctl prepare vllm-serve --gpu MI300X:1 --volume models --size 200 --snapshot-as base \
	--set model=org/model --yes >"$WORK/o" 2>"$WORK/e"
same "the first run prepares" "$?" 0
check "it says what it makes" grep -q 'a new volume first: models, 200 GB at digitalocean in ' "$WORK/e"
check "what it costs" grep -q 'volume models is there: 200 GB at digitalocean, \$20.00 a month' "$WORK/e"
check "and what comes next" grep -q 'from now on: gpufleetctl run vllm-serve --gpu MI300X:1 --volume models --snapshot base' "$WORK/e"
check "the machine is given back" wait_for 60 nothing_bills
same "a volume and a snapshot are left" "$(value volumes | word state) $(value snapshots | word state)" "LIVE LIVE"
same "one of each at the provider, under our names" "$(stored '"name": *"gf1v-') $(stored '"name": *"gf1s-')" "1 1"
cat >"$WORK/look.sh" <<'S'
#!/bin/sh
ls -d "$GPUFLEET_VOLUME/huggingface/hub/models--org--model" && ls "$HOME/.gpufleet/setups" | wc -l
S
CTL_LIMIT=120 ctl run "$WORK/look.sh" --gpu MI300X:1 --volume models --snapshot base --yes >"$WORK/o" 2>"$WORK/e"
same "a later run finds the model, and the machine set up" "$? $(grep -c 'models--org--model' "$WORK/o") $(tail -n 1 "$WORK/o" | tr -d ' ')" "0 1 1"
same "its file system was made once" "$(sim_get storage | grep -c '"lost": *true')" 0
check "its machine goes too" wait_for 60 nothing_bills

same "status says what it costs by the month" "$(ctl status | grep -c '^volumes and snapshots: \$2[0-9]\.[0-9]* a month')" 1

# ---- by hand ----

check "somebody is using it" ctl up mi300x --provider digitalocean --name user --for 1h --volume models --yes
ctl volumes delete models --yes >"$WORK/o" 2>"$WORK/e"
same "what is used is not deleted" "$? $(grep -c "in use by 'user'" "$WORK/e")" "3 1"
same "the table says by whom" "$(ctl volumes | grep -c 'models  *ready  *digitalocean .* user ')" 1
ctl up mi300x --provider digitalocean --volume models --yes >"$WORK/o" 2>"$WORK/e"
same "nor given to a second machine" "$? $(grep -c "volume 'models' is in use by 'user'" "$WORK/e")" "3 1"
ctl exec user -- sh -c 'echo kept >"$HOME/volumes/models/note"' >/dev/null 2>&1
kill -9 "$(daemon_pid)"
start_daemon || { not_ok "the daemon comes back"; exit 1; }
same "and knows its volumes" "$(value volumes | word state)" LIVE
check "it is taken off a machine that runs" ctl volumes detach models
same "and is not there any more" "$(ctl exec user -- ls volumes/models 2>/dev/null | wc -l)" 0
check "and comes back" ctl volumes attach models --to user
same "with what was on it" "$(ctl exec user -- cat volumes/models/note 2>/dev/null)" kept
ctl volumes attach models --to user >"$WORK/o" 2>"$WORK/e"
same "not twice" "$? $(grep -c "in use by 'user'" "$WORK/e")" "3 1"
check "down" ctl down user
check "a snapshot of the volume" ctl snapshots create models-1 --of-volume models
check "and a volume of that" ctl volumes create copy --from models-1 --keep 2d
ctl up mi300x --provider digitalocean --name copied --for 1h --volume copy --yes >/dev/null 2>&1
same "what was written is on it" "$(ctl exec copied -- cat volumes/copy/note 2>/dev/null)" kept
check "it goes" ctl down copied
check "kept for longer" sh -c "'$BUILD/gpufleetctl' volumes keep copy --for 60d | grep -q 'kept  *until '"
check "a volume is deleted" ctl volumes delete copy --yes
check "and a snapshot" ctl snapshots delete models-1 --yes
same "at the provider too" "$(stored '"state": *"deleted"')" 2

# ---- several machines, and answers that are lost ----

sim_fault runpod create_5xx_made 1 2>/dev/null
check "RunPod's data center has one" ctl volumes create shared --size 100 --provider runpod --region EU-RO-1
same "made once, whatever became of the answer" "$(requests runpod POST '*/network-volumes')" 1
check "two machines have it at the same time" ctl up mi300x --provider runpod --instances 2 --name pair --for 1h --volume shared --yes
ctl exec pair/0 -- sh -c 'echo hello >"$HOME/volumes/shared/x"' >/dev/null 2>&1
same "what one writes the other reads" "$(ctl exec pair/1 -- cat volumes/shared/x 2>/dev/null)" hello
check "down with them" ctl down pair

# ---- inside one machine of a marketplace ----

host=$(ctl offers h100:1 --provider vastai --json | python3 -c '
import json, sys
print(next(o["host"] for o in json.load(sys.stdin)["offers"] if o["gpu"] == "H100" and o["gpu_count"] == 1))')
ctl volumes create inside --size 300 --provider vastai >"$WORK/o" 2>"$WORK/e"
same "at vast.ai a machine is named" "$? $(grep -c "'region' is missing" "$WORK/e")" "2 1"
check "and the volume is made in it" ctl volumes create inside --size 300 --provider vastai --host "$host"
check "a machine of that host has it" ctl up h100:1 --provider vastai --name guest --for 1h --volume inside --yes
check "down with that too" ctl down guest

# ---- money ----

ctl budget set small --cap 2 --all >/dev/null
ctl volumes create dear --size 1000 --provider vastai --host "$host" >"$WORK/o" 2>"$WORK/e"
same "a price that no listing has told yet is the most that is taken" "$? $(grep -c "it needs \$300.00 until the day up to which it is kept; budget 'small' has" "$WORK/e")" "3 1"
ctl volumes create dear --size 1000 --provider digitalocean --region tor1 >"$WORK/o" 2>"$WORK/e"
same "a budget bears it or not" "$? $(grep -c "it needs \$98.63 until the day up to which it is kept; budget 'small' has" "$WORK/e")" "3 1"
check "what is left is deleted" sh -c "for v in models shared inside; do '$BUILD/gpufleetctl' volumes delete \$v --yes || exit 1; done; '$BUILD/gpufleetctl' snapshots delete base --yes"

check "all that lived is settled, storage too" wait_for 120 settled
check "the books prove themselves" ctl audit --ledger
for p in digitalocean runpod vastai; do
	same "$p: machines, volumes and snapshots cost what its record says, to the micro-dollar" "$(billed "$p")" "$(provider_bill "$p")"
done
ctl cost --by provider --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
for r in d["rows"] + [d["total"]]:
    micro = {k: round((r[k] or 0) * 1e6) for k in ("metered", "billed", "gap")}
    assert r["settled"] and micro["metered"] + micro["gap"] == micro["billed"], r
    assert sum(round(g["gap"] * 1e6) for g in r.get("gaps", [])) == micro["gap"], r
    assert all(g["reason"] and "metered" not in g for g in r.get("gaps", [])), r' >"$WORK/o" 2>&1
same "what was metered and the gap is the bill, and each gap has its reason" "$? $(tail -n 1 "$WORK/o")" "0 "
same "of what the meter and a record in cents differ the clock and rounding are the reason" "$(ctl cost --by part --format csv | grep '^storage,' | cut -d, -f8)" clock
ctl cost --format focus | python3 -c '
import csv, sys
rows = [r for r in csv.DictReader(sys.stdin) if r["ServiceCategory"] == "Storage"]
print(round(sum(float(r["BilledCost"]) for r in rows) * 1e6), "Adjustment" in {r["ChargeCategory"] for r in rows})' >"$WORK/o"
same "FOCUS has the same, as usage and adjustment" "$(cat "$WORK/o")" \
	"$(ctl cost --by fleet --json | python3 -c '
import json, sys
print(round(sum(r["billed"] * 1e6 for r in json.load(sys.stdin)["rows"] if r["key"].startswith(("volume ", "snapshot ")))), True)')"
ctl cost --by part --format csv >"$WORK/o"
check "storage is a part of what was spent" grep -q "^storage," "$WORK/o"
same "and of what a provider was paid" "$(ctl cost --by fleet --format csv | grep -c '^volume \|^snapshot ')" 6
same "nothing is left" "$(sim_get storage | tr '{' '\n' | grep -c '"state": *"\(free\|attached\)"')" 0
as_documented

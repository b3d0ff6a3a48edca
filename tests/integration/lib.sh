# shellcheck shell=bash
# Shared by the end-to-end tests and the demo: simulated clouds, a daemon of its own, and asserts counted by tests/run.sh.
# Everything lives below $WORK and listens on loopback; stop_all ends what was started, by pid.

BUILD=${BUILD:-build}
BUILD=$(cd "$BUILD" && pwd)
WORK=${WORK:-$(mktemp -d "${TMPDIR:-/tmp}/gpufleet-test-XXXXXX")}
export HOME="$WORK/home" XDG_STATE_HOME="$WORK/home/state" XDG_CONFIG_HOME="$WORK/home/config" XDG_RUNTIME_DIR="$WORK/home/run"
export GPUFLEET_CONFIG="$WORK/gpufleetd.yaml" NO_COLOR=1
unset HOTAISLE_TOKEN RUNPOD_API_KEY DIGITALOCEAN_TOKEN VAST_API_KEY GPUFLEET_URL GPUFLEET_TOKEN GPUFLEET_TOKEN_FILE GPUFLEET_CA_FILE
mkdir -p "$HOME"
SIM_PID=

ctl() { timeout "${CTL_LIMIT:-60}" "$BUILD/gpufleetctl" "$@"; }
ok() { echo "ok $1"; }
not_ok() { echo "not ok $1"; [ $# -lt 2 ] || echo "# $2"; }
# check NAME COMMAND…
check() {
	local name=$1
	shift
	if "$@"; then ok "$name"; else not_ok "$name" "$*"; fi
}
# same NAME GOT WANTED
quiet() { "$@" >/dev/null 2>&1; }
same() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got '$2', wanted '$3'"; fi; }
# says NAME STATUS TEXT COMMAND…: of gpufleetctl: its exit status, and this text on either stream
says() {
	local name=$1 status=$2 text=$3 got
	shift 3
	ctl "$@" >"$WORK/said.out" 2>"$WORK/said" </dev/null
	got=$?
	same "$name: exit status" $got "$status"
	check "$name: says so" grep -qi -- "$text" "$WORK/said.out" "$WORK/said"
}
# wait_for SECONDS COMMAND…
wait_for() {
	local n=$(($1 * 10))
	shift
	while [ $n -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
		n=$((n - 1))
	done
	return 1
}

sim_value() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" "$WORK/sim/sim.json" | head -n 1; }
sim_get() { curl -sS --max-time 10 "http://127.0.0.1:$SIM_PORT/sim/$1"; }
# sim_fault CLOUD FAULT [COUNT [SECONDS]]: COUNT times (-1: until 0 is said), with that parameter
sim_fault() {
	curl -sS --max-time 10 -X POST "http://127.0.0.1:$SIM_PORT/sim/faults" \
		-d "{\"cloud\":\"$1\",\"fault\":\"$2\",\"count\":${3:-1},\"seconds\":${4:--1}}" >/dev/null
}
sim_creates() { # how many create requests a cloud has seen
	local path
	case $1 in
	hotaisle) path='POST&path=*/virtual_machines/' ;;
	runpod) path='POST&path=*/v2/pods' ;;
	digitalocean) path='POST&path=*/v2/droplets' ;;
	*) path='PUT&path=*/asks/*' ;;
	esac
	sim_get "requests?cloud=$1&method=$path" | sed -n 's/.*"count": *\([0-9]*\).*/\1/p' | head -n 1
}
sim_billing() { sim_get machines | tr '{' '\n' | grep -c '"billing": *true' || true; }
sim_deletes() { sim_get "requests?cloud=$1&method=DELETE&path=*" | sed -n 's/.*"count": *\([0-9]*\).*/\1/p' | head -n 1; }
sim_total() { sim_get bill | sed -n 's/.*"total_micro": *\([0-9]*\).*/\1/p'; }
nothing_bills() { [ "$(sim_billing)" = 0 ]; }

start_sim() {
	mkdir -p "$WORK/sim"
	"$BUILD/gpufleet-sim" --dir "$WORK/sim" "$@" >"$WORK/sim.log" 2>&1 &
	SIM_PID=$!
	wait_for 20 test -s "$WORK/sim/sim.json" || { echo "not ok the simulated clouds start"; cat "$WORK/sim.log"; exit 1; }
	SIM_PORT=$(sim_value port)
}

# The configuration of a test: all four clouds at the simulator, waits of a second.
write_config() {
	local user port base
	user=$(sim_value ssh_user) port=$(sim_value ssh_port) base=http://127.0.0.1:$SIM_PORT
	(
		umask 077
		cat >"$GPUFLEET_CONFIG" <<-YAML
			state_dir: $WORK/state
			socket: $WORK/state/gpufleetd.sock
			hub_url: $base/hub
			providers:
			  hotaisle: { team: acme, exclusive: true, token_file: $WORK/sim/tokens/hotaisle, api_url: "$base/hotaisle/api", user: $user, rate_factor: 20 }
			  runpod: { token_file: $WORK/sim/tokens/runpod, api_url: "$base/runpod/v2", graphql_url: "$base/runpod/graphql", user: $user, rate_factor: 20 }
			  digitalocean: { token_file: $WORK/sim/tokens/digitalocean, api_url: "$base/digitalocean", user: $user, ssh_port: $port, rate_factor: 20 }
			  vastai: { token_file: $WORK/sim/tokens/vastai, api_url: "$base/vastai", user: $user, rate_factor: 8 }
			poll: { boot: 1s, steady: 2s, sweep: 5s, run: 1s }
			proof: { settle: 4s, settle_hotaisle: 4s, absence_listings: 3, absence_spacing: 1s, gone_listings: 2, gone_spacing: 1s, late_watch: 60s, orphan_grace: 5s, bill_poll: 3s, bill_watch: 600s, contact_lost: 6s }
		YAML
	)
}

# tap: from now on everybody's words to the daemon and its answers are kept, to be held against its OpenAPI document by as_documented.
tap() {
	TAP_PYTHON=
	for TAP_PYTHON in python3 /usr/bin/python3 ''; do "$TAP_PYTHON" -c 'import jsonschema, yaml' 2>/dev/null && break; done
	[ -n "$TAP_PYTHON" ] || { not_ok "python3 has jsonschema and yaml; make deps installs both"; return 1; }
	SOCK=$WORK/tap.sock
	export GPUFLEET_SOCKET=$SOCK
	"$TAP_PYTHON" -B tests/contract/tap.py "$SOCK" "$WORK/state/gpufleetd.sock" "$WORK/tap" >"$WORK/tap.log" 2>&1 &
	TAP_PID=$!
	wait_for 20 test -s "$WORK/tap.log" || not_ok "the tap listens" "$(cat "$WORK/tap.log")"
}
# as_documented [--all]: with a daemon that runs; --all: every operation has had a good answer
as_documented() {
	curl -sS --max-time 10 --unix-socket "$WORK/state/gpufleetd.sock" -o "$WORK/openapi.json" http://gpufleet/v1/openapi.json
	"$TAP_PYTHON" -B tests/contract/replies.py "$@" "$WORK/openapi.json" "$WORK/tap"
}
cut_sessions() { # every SSH connection to every machine ends, the servers stay
	local sshd
	for sshd in $(pgrep -f "$WORK/sim/machines/.*/sshd_config"); do pkill -KILL -P "$sshd"; done
}
start_daemon() { "$BUILD/gpufleetd" --background; }
daemon_pid() { head -n 1 "$WORK/state/lock" 2>/dev/null; }
kill_daemon() {
	local pid
	pid=$(daemon_pid)
	[ -n "$pid" ] && kill -"${1:-TERM}" "$pid" 2>/dev/null
	wait_for 10 sh -c "! kill -0 $pid" || true
}
# The database as it was when the daemon was killed, for stored.
copy_database() {
	rm -f "$WORK/killed.db"*
	local f
	for f in "$WORK/state/gpufleet.db"*; do cp "$f" "$WORK/killed.db${f##*gpufleet.db}"; done
}
stored() { sqlite3 "$WORK/killed.db" "$1"; }

# Fields of the manifest (benchmarks §6) that a recipe's must have, be they null; FILE gpu|cpu python|none FIELD...: those that it lacks
manifest_lacks() {
	python3 - "$@" <<-'PYTHON' || echo unreadable
		import json, sys
		path, gpu, python = sys.argv[1:4]
		wanted = """schema collected_at provider region instance_id instance_type price_per_hour_usd image image_digest os_release kernel cpu_model
		    cpu_count ram_bytes bench_args env env_floor_ok env_floor_missing numa_balancing thp cpu_governor launch_mode""".split() + sys.argv[4:]
		m = json.load(open(path))
		if gpu == "gpu":
		    wanted += "gpu_vendor gpu_model gpu_count gpu_memory_bytes driver_version".split()
		    wanted += ["gfx_arch", "rocm_version", "host_rocm_version"] if m.get("gpu_vendor") == "amd" else ["compute_cap", "driver_cuda_version", "gpu_power_limit_w", "ecc"]
		if python == "python":
		    wanted += "python_version torch_version torch_hip_version cuda_version pip_freeze_sha256".split()
		print(" ".join(["%s" % key for key in wanted if key not in m] + ["empty:" + key for key in m if m[key] == ""]))
	PYTHON
}

# Money is compared exactly, in micro-dollars.
sim_bill() { # CLOUD: what it has charged
	sim_get bill | sed 's/.*"clouds"//' | tr '{' '\n' | grep -A 1 "\"$1\": *\$" | sed -n 's/.*"cost_micro": *\([0-9]*\).*/\1/p' | tail -n 1
}
billed() { # PROVIDER: what the daemon has read of its bill
	ctl cost --by provider --json | tr '{' '\n' | grep "\"key\": *\"$1\"" | sed -n 's/.*"billed": *\([0-9.]*\).*/\1/p' |
		head -n 1 | awk '{ printf "%d", $1 * 1000000 + 0.5 }'
}
# RunPod bills micro-dollars; Hot Aisle's and DigitalOcean's records are in cents, vast.ai's in thousandths of a dollar.
billed_right() { # PROVIDER [MACHINES]: each machine's bill is rounded by itself
	local got want unit=0
	got=$(billed "$1") want=$(sim_bill "$1")
	case $1 in hotaisle | digitalocean) unit=10000 ;; vastai) unit=1000 ;; esac
	unit=$((unit * ${2:-1}))
	[ -n "$got" ] && [ -n "$want" ] && [ $(((got - want) * 2)) -le $unit ] && [ $(((want - got) * 2)) -le $unit ] && return 0
	echo "# $1: the daemon has read ${got:-nothing}, the simulator charged ${want:-nothing}"
	return 1
}
# What a cloud's own record says, asked for as a person would: the sum of its lines, which each cloud rounds in its way. Micro-dollars.
provider_bill() { # CLOUD
	python3 - "$1" "http://127.0.0.1:$SIM_PORT" "$WORK/sim/tokens/$1" <<'P'
import decimal, json, sys, time, urllib.parse, urllib.request
cloud, base, token = sys.argv[1:]
def get(path, **query):
    url = f"{base}/{cloud}/{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
    headers = {"Authorization": "Bearer " + open(token).read().strip(), "User-Agent": "test"}
    for _ in range(20):
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as r:
                return json.load(r, parse_float=decimal.Decimal)
        except urllib.error.HTTPError as e: # in its pace
            if e.code != 429: raise
            time.sleep(1)
if cloud == "digitalocean":
    j = get("v2/customers/my/invoices")
    lines = [i["amount"] for v in [j["invoice_preview"]] + j["invoices"]
             for i in get(f"v2/customers/my/invoices/{v['invoice_uuid']}", per_page=200)["invoice_items"]]
elif cloud == "runpod":
    lines = [get(f"v2/billing/{what}", bucketSize="day")["metadata"]["totals"]["totalAmount"] for what in ("pods", "network-volumes")]
else:
    now = int(time.time())
    lines = [r["amount"] for r in get("api/v0/charges/", limit=500, select_filters=json.dumps({"day": {"gte": now - 9 * 86400, "lte": now + 86400}}))["results"]]
print(int(sum(decimal.Decimal(x) for x in lines) * 1000000))
P
}
newest_run() { ctl runs "$@" --json | tr ',{' '\n\n' | sed -n 's/^"id": *\([0-9]*\).*/\1/p' | head -n 1; }
no_fleets() { ! ctl status --json | grep -q '"instances_wanted"'; }
# happened KIND TEXT [FLEET]: is there such an event? TEXT is looked for in its line
happened() { ctl events ${3:+"$3"} --limit 500 --json | tr '{' '\n' | grep "\"kind\": *\"$1\"" | grep -q -- "$2"; }
# The states that objects of a kind have been in, oldest first.
states() { ctl events --limit 500 --json | tr '{' '\n' | grep "\"kind\": *\"$1\"" | sed -n 's/.*"to": *"\([A-Z]*\)".*/\1/p'; }
in_state() { [ "$(states "$1" | tail -n 1)" = "$2" ]; }
settled() { ctl cost --json | grep -q '"complete": *true'; }
stop_world() { # the daemon and the clouds, with what they left
	kill_daemon TERM 2>/dev/null
	if [ -n "$SIM_PID" ]; then
		kill -TERM "$SIM_PID" 2>/dev/null
		wait "$SIM_PID" 2>/dev/null
	fi
	SIM_PID=
	rm -rf "$WORK/state" "$WORK/sim"
	return 0
}
stop_all() {
	[ -z "${TAP_PID:-}" ] || kill "$TAP_PID" 2>/dev/null
	stop_world
	rm -rf "$WORK"
}

#!/bin/sh
# gpufleet-sim from the outside: one machine at each cloud through its API, a login with the system's ssh, the vendor's tool,
# a detached job, deletion, the bill, and nothing left behind, however the simulator ends.
set -u
LC_ALL=C
export LC_ALL
BUILD=${BUILD:-build}
sim=$BUILD/gpufleet-sim
dir=$(mktemp -d "${TMPDIR:-/tmp}/simsmoke.XXXXXX") || exit 1
pid=

cleanup()
{
	[ -z "$pid" ] || kill "$pid" 2>/dev/null
	[ -z "$pid" ] || wait "$pid" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

ok()
{
	echo "ok $1"
}

bad()
{
	echo "not ok $1"
	[ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/# /'
}

# check NAME TEXT PATTERN: a case pattern
check()
{
	case $2 in
	$3) ok "$1" ;;
	*) bad "$1" "wanted $3, got: $2" ;;
	esac
}

# The value of a string or number key, first match, in one line of JSON.
value()
{
	grep -o "\"$1\": *\"\{0,1\}[^\",}]*" | head -n 1 | sed 's/^"[^"]*": *"\{0,1\}//'
}

start()
{
	"$sim" --dir "$dir/sim" "$@" >"$dir/out" 2>"$dir/err" &
	pid=$!
	i=0
	while [ ! -s "$dir/sim/sim.json" ] && [ $i -lt 100 ] && kill -0 "$pid" 2>/dev/null; do
		sleep 0.1
		i=$((i + 1))
	done
	[ -s "$dir/sim/sim.json" ] || { bad "simulator starts" "$(cat "$dir/err")"; exit 1; }
	port=$(value port <"$dir/sim/sim.json")
	base=http://127.0.0.1:$port
	token_hotaisle=$(sed -n '/"tokens"/,$p' "$dir/sim/sim.json" | value hotaisle)
	token_runpod=$(sed -n '/"tokens"/,$p' "$dir/sim/sim.json" | value runpod)
	token_digitalocean=$(sed -n '/"tokens"/,$p' "$dir/sim/sim.json" | value digitalocean)
	token_vastai=$(sed -n '/"tokens"/,$p' "$dir/sim/sim.json" | value vastai)
}

api()
{
	method=$1
	auth=$2
	path=$3
	shift 3
	curl -s -m 20 -X "$method" -H "Authorization: $auth" -H 'Content-Type: application/json' "$@" "$base$path"
}

control()
{
	curl -s -m 20 "$base/sim/$1"
}

# Processes of this run's machines: their mark in the environment, or an sshd with its configuration here.
left()
{
	{
		grep -lz "^GPUFLEET_SIM_MACHINE=$dir/" /proc/[0-9]*/environ
		grep -la "[s]shd.*$dir/" /proc/[0-9]*/cmdline
	} 2>/dev/null | wc -l
}

until_true()
{
	i=0
	while ! eval "$1"; do
		i=$((i + 1))
		[ $i -lt 150 ] || return 1
		sleep 0.1
	done
}

row()
{
	control machines | sed 's/},{/}\n{/g' | grep "\"id\":\"$1\""
}

on()
{
	id=$1
	shift
	line=$(row "$id")
	ssh -F none -i "$dir/key" -p "$(echo "$line" | value port)" -o BatchMode=yes -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile="$dir/known" -o GlobalKnownHostsFile=/dev/null -o LogLevel=ERROR -o IdentitiesOnly=yes \
		-o ConnectTimeout=10 "$(id -un)@$(echo "$line" | value address)" "$@"
}

ssh-keygen -q -t ed25519 -N '' -C smoke -f "$dir/key"
key=$(cat "$dir/key.pub")
start
check "one line when ready" "$(cat "$dir/out")" "gpufleet-sim: ready on http://127.0.0.1:$port,*"

# ---- keys and creates ----

check "hotaisle key" "$(api POST "Token $token_hotaisle" /hotaisle/api/user/ssh_keys/ -d "{\"authorized_key\":\"$key\"}")" \
	'*"fingerprint":"SHA256:*'
specs=$(api GET "Token $token_hotaisle" /hotaisle/api/teams/acme/virtual_machines/available/ |
	sed 's/^\[{[^{]*"Specs":\(.*\)/\1/; s/},{"Quantity".*//')
ha=$(api POST "Token $token_hotaisle" /hotaisle/api/teams/acme/virtual_machines/ -d "$specs" | value deployment_id)
check "hotaisle create" "$ha" '????????-????-4???-????-????????????'

rp=$(api POST "Bearer $token_runpod" /runpod/v2/pods -d '{"name":"smoke","image":"runpod/base:1.0.2-rocm644-ubuntu2204",
	"gpu":{"id":"AMD Instinct MI300X OAM","count":8},"disk":20,"ports":["22/tcp"],"env":{"PUBLIC_KEY":"'"$key"'"}}' | value id)
check "runpod create" "$rp" '??????????????'

do_key=$(api POST "Bearer $token_digitalocean" /digitalocean/v2/account/keys -d "{\"name\":\"smoke\",\"public_key\":\"$key\"}" | value id)
do=$(api POST "Bearer $token_digitalocean" /digitalocean/v2/droplets -d '{"name":"smoke","region":"nyc2","size":"gpu-h100x1-80gb",
	"image":"gpu-h100x1-base","ssh_keys":['"$do_key"'],"tags":["smoke"]}' | value id)
check "digitalocean create" "$do" '4485*'

api POST "Bearer $token_vastai" /vastai/api/v0/ssh/ -d "{\"ssh_key\":\"$key\"}" >/dev/null
ask=$(api POST "Bearer $token_vastai" /vastai/api/v0/bundles/ -d '{"gpu_name":{"eq":"InstinctMI210"},"num_gpus":{"eq":1},
	"rented":{"eq":false}}' | value id)
va=$(api PUT "Bearer $token_vastai" "/vastai/api/v0/asks/$ask/" -d '{"image":"rocm/pytorch:latest","label":"smoke","disk":50,
	"runtype":"ssh_direct","cancel_unavail":true}' | value new_contract)
check "vastai create" "$va" '1234*'

# ---- each machine is itself ----

for id in "$ha" "$rp" "$do" "$va"; do
	until_true "row '$id' | grep -q '\"sshd\":true'" || bad "sshd of $id" "$(row "$id")"
done
until_true "on '$ha' true 2>/dev/null"
check "hotaisle GPU" "$(on "$ha" 'amd-smi static --asic --json && command -v nvidia-smi')" '*AMD Instinct MI300X*gfx942*'
check "runpod GPUs" "$(on "$rp" 'rocm-smi --showproductname --json')" '*"card7"*'
check "runpod environment" "$(on "$rp" 'echo $RUNPOD_POD_ID')" "$rp"
check "digitalocean GPU" "$(on "$do" 'nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits')" \
	'NVIDIA H100 80GB HBM3, 81559'
check "vastai GPU" "$(on "$va" 'rocminfo | grep Marketing')" '*AMD Instinct MI210*'
check "own HOME" "$(on "$do" 'pwd; echo $HOME')" "$dir/sim/machines/digitalocean-1/home
$dir/sim/machines/digitalocean-1/home"
on "$ha" 'echo secret >"$GPUFLEET_SECRET_DIR/s" && touch ~/here'
check "homes are apart" "$(on "$va" 'ls ~; ls "$GPUFLEET_SECRET_DIR"')" ''
check "status of a command" "$(on "$do" 'exit 7' || echo $?)" 7
check "standard input" "$(echo hello | on "$do" 'cat')" hello
echo "put $dir/key.pub up.txt" | sftp -q -b - -F none -i "$dir/key" -P "$(row "$do" | value port)" -o StrictHostKeyChecking=no \
	-o UserKnownHostsFile="$dir/known" -o LogLevel=ERROR "$(id -un)@$(row "$do" | value address)" >/dev/null
check "sftp" "$(on "$do" 'cat up.txt')" "$key"
check "a stranger's key" "$(ssh-keygen -q -t ed25519 -N '' -f "$dir/other" && ssh -F none -i "$dir/other" -o IdentitiesOnly=yes \
	-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile="$dir/known" -o GlobalKnownHostsFile=/dev/null \
	-p "$(row "$do" | value port)" "$(id -un)@$(row "$do" | value address)" true 2>&1)" '*Permission denied*'

# ---- a detached job ends with its machine ----

on "$rp" 'setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $! >~/pid'
job=$(cat "$dir"/sim/machines/runpod-1/home/pid)
kill -0 "$job" 2>/dev/null && ok "job runs" || bad "job runs"
api DELETE "Bearer $token_runpod" "/runpod/v2/pods/$rp" >/dev/null
until_true "! kill -0 $job 2>/dev/null" && ok "job ended with its machine" || bad "job ended with its machine"
[ ! -e "$dir/sim/machines/runpod-1/home" ] && ok "disk wiped" || bad "disk wiped"
curl -s -X POST "$base/sim/kill-machine" -d "{\"id\":\"$va\"}" >/dev/null
until_true "! on '$va' true 2>/dev/null" && ok "host killed" || bad "host killed"
check "its cloud says running" "$(row "$va")" '*"state":"running"*"billing":true*'

host_key()
{
	line=$(row "$1")
	ssh-keyscan -t ed25519 -p "$(echo "$line" | value port)" "$(echo "$line" | value address)" 2>/dev/null
}
before=$(host_key "$do")
on "$do" 'setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $! >~/pid'
job=$(cat "$dir"/sim/machines/digitalocean-1/home/pid)
curl -s -X POST "$base/sim/kill-machine" -d "{\"id\":\"$do\",\"how\":\"rekey\"}" >/dev/null
until_true "! kill -0 $job 2>/dev/null" && ok "a reboot ends what ran" || bad "a reboot ends what ran"
until_true '[ -n "$(host_key "$do")" ]'
[ -n "$before" ] && [ "$before" != "$(host_key "$do")" ] && ok "another host key" || bad "another host key" "$before"

# ---- delete, bill, count ----

api DELETE "Token $token_hotaisle" "/hotaisle/api/teams/acme/virtual_machines/$ha/?force=true" >/dev/null
api DELETE "Bearer $token_digitalocean" "/digitalocean/v2/droplets/$do" >/dev/null
api DELETE "Bearer $token_vastai" "/vastai/api/v0/instances/$va/" -d '{}' >/dev/null
until_true "! control machines | grep -q '\"listed\":true'" && ok "all gone" || bad "all gone" "$(control machines)"
check "nothing bills" "$(control bill | grep -c '"billing":true')" 0
check "hotaisle minimum" "$(control bill | sed 's/},{/}\n{/g' | grep "$ha" | value cost_micro)" 49833
check "digitalocean minimum" "$(control bill | sed 's/},{/}\n{/g' | grep "\"$do\"" | value cost_micro)" 73500
check "one create each" "$(control 'requests?cloud=runpod&method=POST&path=/v2/pods' | value count)" 1
check "no process left" "$(left)" 0

# ---- faults on the wire ----

curl -s -X POST "$base/sim/faults" -d '{"cloud":"runpod","fault":"create_cut_after","count":1}' >/dev/null
api POST "Bearer $token_runpod" /runpod/v2/pods -d '{"name":"cut","image":"runpod/base:1","gpu":{"id":"NVIDIA L40S"},"disk":20}' \
	>"$dir/cut"
check "cut: no answer" "$? $(wc -c <"$dir/cut")" '52 0'
check "cut: made" "$(control machines | grep -c '"name":"cut"')" 1
curl -s -X POST "$base/sim/faults" -d '{"cloud":"runpod","fault":"cut_body","count":1}' >/dev/null
api GET "Bearer $token_runpod" /runpod/v2/pods >/dev/null
check "cut in the body" $? 18
check "unknown fault" "$(curl -s -X POST "$base/sim/faults" -d '{"cloud":"runpod","fault":"nonsense"}')" '*there is no fault*'
curl -s -X POST "$base/sim/advance" -d '{"seconds":3600}' >/dev/null
check "an hour later" "$(row "$(control machines | sed 's/},{/}\n{/g' | grep '"name":"cut"' | value id)" | value cost_micro)" '86????'

# ---- every end is an end ----

curl -s -X POST "$base/sim/stop" >/dev/null
wait "$pid"
check "stopped" $? 0
pid=
start --fault 'vastai:ssh_never' --fault '*:slow=1@0'
api POST "Bearer $token_vastai" /vastai/api/v0/ssh/ -d "{\"ssh_key\":\"$key\"}" >/dev/null
rp=$(api POST "Bearer $token_runpod" /runpod/v2/pods -d '{"name":"kill","image":"runpod/base:1","gpu":{"id":"NVIDIA L40S"},
	"disk":20,"ports":["22/tcp"],"env":{"PUBLIC_KEY":"'"$key"'"}}' | value id)
until_true "on '$rp' true 2>/dev/null"
on "$rp" 'setsid sleep 1000 >/dev/null 2>&1 </dev/null &'
[ "$(left)" -ge 2 ] && ok "marks are seen" || bad "marks are seen" "$(left)"
kill -9 "$pid"
wait "$pid" 2>/dev/null
pid=
until_true '[ "$(left)" = 0 ]' && ok "kill -9 leaves nothing" || bad "kill -9 leaves nothing" "$(left)"

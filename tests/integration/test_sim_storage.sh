#!/usr/bin/env bash
# Volumes and snapshots of gpufleet-sim, from the outside: a droplet's device from mkfs to detach, what a snapshot keeps, a container's
# path, and data that outlives the machines.
set -u
. "$(dirname "$0")/lib.sh"
trap stop_all EXIT

ocean() { # METHOD PATH [BODY]
	curl -s -m 20 -X "$1" -H "Authorization: Bearer $(cat "$WORK/sim/tokens/digitalocean")" "http://127.0.0.1:$SIM_PORT/digitalocean/v2/$2" \
		${3:+-d "$3"}
}
pods() {
	curl -s -m 20 -X "$1" -A test -H "Authorization: Bearer $(cat "$WORK/sim/tokens/runpod")" "http://127.0.0.1:$SIM_PORT/runpod/v2/$2" \
		${3:+-d "$3"}
}
value() { grep -o "\"$1\": *\"\{0,1\}[^\",}]*" | head -n 1 | sed 's/^"[^"]*": *"\{0,1\}//'; }
row() { sim_get machines | sed 's/},{/}\n{/g' | grep "\"id\":\"$1\""; }
kept() { sim_get storage | sed 's/},{"cloud/}\n{"cloud/g' | grep "\"id\":\"$1\""; }
on() { # ID COMMAND: what a login runs there, without the login
	SSH_ORIGINAL_COMMAND=$2 "$(row "$1" | value dir)/shell" 2>&1 </dev/null
}
serves() { row "$1" | grep -q '"sshd":true'; }
up() { wait_for 15 serves "$1"; }
logs_in() {
	local line
	line=$(row "$1")
	ssh -n -F none -i "$WORK/key" -p "$(value port <<<"$line")" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-o LogLevel=ERROR -o IdentitiesOnly=yes -o ConnectTimeout=10 "$(id -un)@$(value address <<<"$line")" true
}
droplet() { # NAME IMAGE [MORE]
	ocean POST droplets "{\"name\":\"$1\",\"region\":\"atl1\",\"size\":\"gpu-mi300x1-192gb\",\"image\":$2,\"ssh_keys\":[$key]${3:-}}" | value id
}
# act ID TYPE DROPLET: an action of a volume, to its end
act() {
	local action
	action=$(ocean POST "volumes/$1/actions" "{\"type\":\"$2\",\"droplet_id\":$3}" | value id)
	wait_for 10 finished "$action"
}
finished() { ocean GET "actions/$1" | grep -q '"status": *"completed"'; }
has() { on "$1" "[ -e \"\$GPUFLEET_DEVICES/scsi-0DO_Volume_$2\" ]"; }
lacks() { ! has "$@"; }

ssh-keygen -q -t ed25519 -N '' -f "$WORK/key"
start_sim --speed 5

# ---- a block device ----

key=$(ocean POST account/keys "{\"name\":\"k\",\"public_key\":\"$(cat "$WORK/key.pub")\"}" | value id)
volume=$(ocean POST volumes '{"name":"models","size_gigabytes":500,"region":"atl1"}' | value id)
first=$(droplet one '"gpu-amd-base"')
up "$first"
check "no device before it is attached" lacks "$first" models
act "$volume" attach "$first"
check "the device is there" wait_for 5 has "$first" models
d='d=$GPUFLEET_DEVICES/scsi-0DO_Volume_models;'
same "blkid: no file system" "$(on "$first" "$d"' blkid "$d"; echo $?')" 2
same "mount: none yet" "$(on "$first" "$d"' mkdir ~/v; mount "$d" ~/v >/dev/null 2>&1; echo $?')" 32
same "mkfs" "$(on "$first" "$d"' mkfs.ext4 -q -L gfmodels "$d"; blkid -o value -s TYPE "$d"; blkid -s LABEL "$d"' | sed 's/.*devices/devices/')" \
	"ext4
devices/scsi-0DO_Volume_models: LABEL=\"gfmodels\""
same "mount" "$(on "$first" "$d"' echo under >~/v/u; mountpoint -q ~/v; echo $?; mount -o discard,noatime "$d" ~/v && mountpoint -q ~/v && echo weights >~/v/w; ls ~/v')" \
	"32
w"
same "mounted: twice is refused, mkfs too" "$(on "$first" "$d"' mkdir ~/x; mount "$d" ~/x >/dev/null 2>&1; echo $?; mkfs.ext4 -q -F "$d" >/dev/null 2>&1; echo $?')" "32
1"
same "umount puts the directory back" "$(on "$first" 'umount ~/v; mountpoint -q ~/v; echo $?; ls ~/v; umount ~/v 2>/dev/null; echo $?')" "32
u
32"
on "$first" "mount LABEL=gfmodels ~/v" >/dev/null
same "by its label" "$(on "$first" 'cat ~/v/w')" weights

# ---- a snapshot: the disk, without what is mounted ----

on "$first" 'mkdir -p ~/setup && echo ready >~/setup/done && ln -s done ~/setup/link && chmod 700 ~/setup/done'
ocean POST "droplets/$first/actions" '{"type":"snapshot","name":"base"}' >/dev/null
image() { ocean GET 'snapshots?resource_type=droplet' | value id | grep .; }
wait_for 10 image
base=$(image)
on "$first" 'rm -rf ~/setup'
act "$volume" detach "$first"
check "the device has gone" wait_for 5 lacks "$first" models
same "what stays mounted fails" "$(on "$first" 'cat ~/v/w 2>/dev/null || echo gone')" gone
ocean DELETE "droplets/$first" >/dev/null
second=$(droplet two "$base" ",\"volumes\":[\"$volume\"]")
up "$second"
check "its own keys log in" wait_for 10 logs_in "$second"
same "its disk began as the snapshot" "$(on "$second" 'cat ~/setup/link; ls -l ~/setup/done | cut -c1-10; ls -A ~/v; cat .ssh/authorized_keys 2>/dev/null')" \
	"ready
-rwx------"
check "the volume is attached from the beginning" wait_for 5 has "$second" models
same "and what was in it is still" "$(on "$second" "$d"' mount "$d" ~/v && cat ~/v/w')" weights
curl -s -X POST "http://127.0.0.1:$SIM_PORT/sim/kill-machine" -d "{\"id\":\"$second\",\"how\":\"reboot\"}" >/dev/null
sleep 0.2
up "$second"
same "a reboot mounts nothing" "$(on "$second" 'mountpoint -q ~/v; echo $?')" 32
check "nothing lost so far" grep -q '"formatted":true,"lost":false' <<<"$(kept "$volume")"
on "$second" "$d"' mkfs.ext4 -q -F "$d" && mount "$d" ~/v' >/dev/null
same "mkfs over a file system loses it" "$(on "$second" 'ls ~/v')$(kept "$volume" | grep -o '"lost":[a-z]*')" '"lost":true'
ocean DELETE "droplets/$second" >/dev/null
check "a volume outlives its droplets" wait_for 10 sh -c "[ \$(curl -s 'http://127.0.0.1:$SIM_PORT/sim/storage?state=free' | grep -c models) = 1 ]"
ocean DELETE "volumes/$volume" >/dev/null
same "and is wiped when it is deleted" "$(ls "$WORK/sim/stores" | tr '\n' ' ')" 'digitalocean-2 '

# ---- a path in a container, and for two at once ----

volume=$(pods POST network-volumes '{"name":"models","size":100,"dataCenter":"EU-RO-1"}' | value id)
pod() {
	pods POST pods "{\"name\":\"$1\",\"image\":\"runpod/base:1\",\"gpu\":{\"id\":\"NVIDIA L40S\"},\"disk\":20,\"ports\":[\"22/tcp\"],
		\"env\":{\"PUBLIC_KEY\":\"$(cat "$WORK/key.pub")\"},\"mounts\":{\"network\":[{\"volumeId\":\"$volume\",\"path\":\"/root/volumes/models\"}]}}" |
		value id
}
first=$(pod one) second=$(pod two)
up "$first"
up "$second"
same "at the path of the create" "$(on "$first" 'mountpoint -q ~/volumes/models && echo shared >~/volumes/models/f; echo "${GPUFLEET_DEVICES-none}"')" none
same "two pods see the same" "$(on "$second" 'cat ~/volumes/models/f')" shared
pods DELETE "pods/$first" >/dev/null
pods DELETE "pods/$second" >/dev/null
check "the data stays" wait_for 5 test -s "$WORK/sim/stores/runpod-1/disk/f"
check "and bills, by the control interface" grep -q '"billing":true.*"cost_micro":[1-9]' <<<"$(sim_get 'storage?cloud=runpod')"

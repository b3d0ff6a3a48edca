#!/usr/bin/env bash
# The watchdog on the machine: armed before any work and renewed while the daemon lives. When the daemon is dead for longer than
# the lease, work ends, secrets are gone, and machines with a key of their own delete themselves; a daemon that comes back sees it.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
trap 'exit 1' INT TERM

start_sim
write_config
sed -i 's/contact_lost: 6s/contact_lost: 20s, lease: 8s/' "$GPUFLEET_CONFIG"
start_daemon || { not_ok 'the daemon starts'; exit 1; }

clouds='hotaisle runpod digitalocean vastai'
gpu_of() { case $1 in vastai) echo 'RTX 4090' ;; *) echo MI300X ;; esac; }
status_of() { ctl status "$1" --json | tr ',' '\n' | sed -n "s/.*\"$2\": *\"\{0,1\}\([^\"}]*\).*/\1/p" | tail -n 1; }
fact() { sim_get machines | tr '{' '\n' | grep "\"id\": *\"$1\"" | sed -n "s/.*\"$2\": *\"\{0,1\}\([^\",}]*\).*/\1/p"; }
billing() { [ "$(fact "$1" billing)" = true ]; }
deleted() { ! billing "$1"; }
up() { # NAME PROVIDER
	ctl up "$(gpu_of "$2")" --provider "$2" --name "$1" --for 30m --yes >"$WORK/$1.up" 2>&1
}
home_of() { echo "$WORK"/sim/machines/"$1"-*/home; } # of the only one in a cloud
watchdog_of() { cut -d ' ' -f 1 "$1/.gpufleet/watchdog/started/pid"; }
leased() { # HOME SECONDS: for so long at least
	local end up
	end=$(cut -d ' ' -f 2 "$1/.gpufleet/watchdog/lease") up=$(cut -d . -f 1 /proc/uptime)
	[ $((end - up)) -ge "$2" ]
}
lapse() { # HOME: as if nobody had renewed it
	echo "$(cat /proc/sys/kernel/random/boot_id) 1" >"$1/.gpufleet/watchdog/lease"
}

pids=
for p in $clouds; do
	up "$p" "$p" &
	pids="$pids $!"
done
# shellcheck disable=SC2086 # numbers
wait $pids
for p in $clouds; do
	check "$p: ready" grep -q 'is ready' "$WORK/$p.up"
	same "$p: armed before it was ready" "$(ctl events "$p" --json | tr '{' '\n' | sed -n 's/.*"event": *"\(watchdog\|reachable\)".*/\1/p' | tr '\n' ' ')" \
		'watchdog reachable '
	case $p in runpod | vastai) can=deletes words='deletes itself at' ;; *) can=stops words='its work ends at' ;; esac
	same "$p: what it can do" "$(status_of "$p" watchdog)" $can
	check "$p: status says so, with the worst case" sh -c "'$BUILD/gpufleetctl' status $p | grep -q '$words.* at most \\$'"
	eval "home_$p=\$(home_of $p) id_$p=\$(status_of $p provider_id)"
done

# A run whose time is longer than the lease is covered whole, so that a dead daemon costs no night.
printf '#!/bin/sh\ntrap "echo ended >$HOME/ended; exit 3" TERM\necho "$TOKEN_FOR_TEST" >/dev/null\necho running\nsleep 600 &\nwait\n' | sed "s/\$HOME/\\\\\$HOME/" >"$WORK/long.sh"
export TOKEN_FOR_TEST=swordfish
for p in $clouds; do
	ctl run "$WORK/long.sh" --on "$p" --secret TOKEN_FOR_TEST --timeout 20m --detach >"$WORK/$p.run" 2>&1
done
for p in $clouds; do
	eval "home=\$home_$p"
	check "$p: the run goes on" wait_for 30 sh -c "grep -qs running $home/.gpufleet/runs/*/stdout"
	check "$p: its lease covers the run" wait_for 10 leased "$home" 1190
	check "$p: its secret is there" quiet sh -c "ls $home/../shm/gf-*/env"
done

# Idle machines: one with everything, then such as have only wget, only python3, and nothing to ask the provider with.
python=$(python3 -c 'import sys; print(sys.executable)')
for tool in idle wget python3 none; do
	up $tool runpod
	check "$tool: ready" grep -q 'is ready' "$WORK/$tool.up"
	eval "id_$tool=\$(status_of $tool provider_id)"
	machine=$(dirname "$(grep -l "RUNPOD_POD_ID=.*$(status_of $tool provider_id)" "$WORK"/sim/machines/runpod-*/shell)")
	[ $tool != idle ] || idle_home=$machine/home
	[ $tool != idle ] || continue
	mkdir -p "$WORK/tools/$tool"
	ln -s /usr/bin/* /bin/* "$WORK/tools/$tool/" 2>/dev/null
	rm -f "$WORK/tools/$tool/curl" "$WORK/tools/$tool"/python3*
	rm -f "$machine/bin/python3"
	[ $tool = wget ] || rm -f "$WORK/tools/$tool/wget"
	[ $tool != python3 ] || ln -s "$python" "$WORK/tools/$tool/python3"
	sed -i "s|^export PATH=.*|export PATH=\"\$M/bin:$WORK/tools/$tool\"|" "$machine/shell"
	kill -9 "$(watchdog_of "$machine/home")"
done
can_do() { [ "$(status_of "$1" watchdog)" = "$2" ]; }
check 'with wget it can delete itself' wait_for 10 can_do wget deletes
check 'with python3 it can' wait_for 10 can_do python3 deletes
check 'with neither it cannot, and status says so' wait_for 10 can_do none stops
sleep 9 # longer than a lease
check 'while the daemon lives leases are renewed' billing "$id_idle"
# The workload kills the watchdog: the next contact starts another.
old=$(watchdog_of "$idle_home")
kill -9 "$old"
fresh() { [ "$(watchdog_of "$idle_home")" != "$old" ]; }
check 'a watchdog that was killed is replaced' wait_for 15 fresh

kill_daemon KILL
for tool in idle wget python3; do
	eval "id=\$id_$tool"
	check "$tool: the daemon is dead, it deletes itself" wait_for 40 deleted "$id"
done
check 'none: it goes on billing' billing "$id_none"
for p in $clouds; do
	eval "home=\$home_$p id=\$id_$p"
	check "$p: the one with a run goes on" sh -c "[ ! -e $home/ended ]"
	check "$p: and is paid" billing "$id"
	lapse "$home"
done
for p in $clouds; do
	eval "home=\$home_$p id=\$id_$p"
	case $p in
	runpod | vastai) check "$p: its lease over, it deletes itself" wait_for 40 deleted "$id" ;;
	*)
		check "$p: its lease over, the work is told to end" wait_for 40 test -e "$home/ended"
		check "$p: the secrets are destroyed" wait_for 10 sh -c "! ls -d $home/../shm/gf-* 2>/dev/null"
		check "$p: it cannot delete itself, and nobody pretends" billing "$id"
		;;
	esac
done

start_daemon || not_ok 'the daemon comes back'
run_lost() { ctl runs --json | tr '{' '\n' | grep '"outcome": *"lost"' | wc -l | grep -q '^4$'; }
check 'the runs are lost, not failed' wait_for 40 run_lost
check 'it says why where the machine is still there' wait_for 10 happened run 'nobody had renewed its lease'
quiet ctl down --all --yes
check 'in the end nothing bills' wait_for 60 nothing_bills
check 'every bill arrived' wait_for 60 settled
for p in $clouds; do check "$p: was paid what it asked for" billed_right "$p"; done

#!/usr/bin/env bash
# Clouds that misbehave, end to end: what reliability §3 promises for each fault, over HTTP and with real machines. Whatever
# happens, in the end nothing of ours costs money, and nothing that is not ours was touched. Each scenario has clouds and a
# daemon of its own; they go side by side.
#
#	test_clouds.sh              a few of them, as `make check` does
#	test_clouds.sh SCENARIO...  these; `make check-clouds` names all
set -u
cd "$(dirname "$0")/../.." || exit 1

if [ -z "${CLOUDS_OUT:-}" ]; then
	[ $# -gt 0 ] || set -- wrong_machine delete_lies create_oddities
	CLOUDS_OUT=$(mktemp -d "${TMPDIR:-/tmp}/gpufleet-clouds-XXXXXX") || exit 1
	export CLOUDS_OUT
	trap 'rm -rf "$CLOUDS_OUT"' EXIT
	printf '%s\n' "$@" | xargs -P "${CLOUD_JOBS:-3}" -L 1 sh -c \
		'bash "$0" "$1" >"$CLOUDS_OUT/$1" 2>&1 || echo "not ok $1: the test itself ends well" >>"$CLOUDS_OUT/$1"' "$0"
	cat "$CLOUDS_OUT"/*
	exit 0
fi

# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
# shellcheck source=tests/integration/outside.sh
. tests/integration/outside.sh
trap stop_all EXIT
trap 'exit 1' INT TERM
me=$1
clouds='hotaisle runpod digitalocean vastai'
gpu_of() { case $1 in vastai) echo 'RTX 4090' ;; *) echo MI300X ;; esac; }
begin() { start_daemon 2>"$WORK/daemon.err" || { not_ok "$me: the daemon starts" "$(cat "$WORK/daemon.err")"; exit 0; }; }
# up CLOUD NAME [OPTION…]: its exit status is in $status, its words in $WORK/NAME.up
up() {
	local p=$1 name=$2
	shift 2
	ctl up "$(gpu_of "$p")" --provider "$p" --name "$name" --for 30m --yes "$@" >"$WORK/$name.up" 2>&1
	status=$?
}
# One fleet in each cloud, at once; the exit statuses are in $WORK/CLOUD.status
up_all() {
	local p pids=
	for p in $clouds; do
		(up "$p" "$p"; echo $status >"$WORK/$p.status") &
		pids="$pids $!"
	done
	# shellcheck disable=SC2086 # numbers
	wait $pids
}
status_of() { cat "$WORK/$1.status"; }
machines() { sim_get machines | tr '{' '\n' | grep -c "\"cloud\": *\"$1\"" || true; } # that were ever made there
billing_in() { ids "$1" | grep -c . || true; }
# Requests other than reads about one machine.
touched() {
	local method n=0
	for method in DELETE PATCH PUT POST; do
		n=$((n + $(sim_get "requests?method=$method&path=*$1*" | sed -n 's/.*"count": *\([0-9]*\).*/\1/p' | head -n 1)))
	done
	echo $n
}
requests() { sim_get "requests?cloud=$1" | sed -n 's/.*"count": *\([0-9]*\).*/\1/p' | head -n 1; }
run_is() { ctl runs --json | grep -q "\"outcome\": *\"$1\""; }
# As billed_right, with the provider's rounding for each machine that was ever made there.
billed_near() {
	local got want unit=0
	got=$(billed "$1") want=$(sim_bill "$1")
	case $1 in hotaisle | digitalocean) unit=10000 ;; vastai) unit=2000 ;; esac
	unit=$((unit * $(machines "$1")))
	[ -n "$got" ] && [ -n "$want" ] && [ $((got - want)) -le $unit ] && [ $((want - got)) -le $unit ] && return 0
	echo "# $1: the daemon has read ${got:-nothing}, the simulator charged ${want:-nothing}"
	return 1
}
the_end() { # everything goes back, and every dollar is accounted for
	quiet ctl down --all --yes
	check "$me: in the end nothing bills" wait_for 60 nothing_bills
	check "$me: every bill arrived" wait_for 60 settled
	local p
	for p in $clouds; do [ "$(machines "$p")" = 0 ] || check "$me: $p was paid what it asked for" billed_near "$p"; done
	check "$me: the audit adds up" wait_for 20 quiet ctl audit
}
held() { ctl cost --json | sed -n 's/.*"total": *{[^}]*"held": *\([0-9.]*\).*/\1/p'; }
nothing_held() { [ "$(held)" = 0.0 ]; }

# H33: fewer GPUs than ordered, or others: found out before anything runs there, given back, booked; the next offer is taken.
wrong_machine() {
	local p
	start_sim
	write_config
	begin
	for p in $clouds; do sim_fault $p wrong_gpu_count 1 "$([ $p = runpod ] || [ $p = vastai ] && echo 1 || echo 0)"; done
	# Two offers are there in each of these; the first machine is wrong.
	ctl run gpu-check --gpu MI300X:1 --provider runpod --provider digitalocean --name next --yes >"$WORK/next" 2>&1
	status=$?
	check "$me: the first is given back" happened instance '"cause": *"wrong_machine"'
	check "$me: it says what came and what was ordered" happened instance 'ordered MI300X:1, got '
	sim_fault digitalocean wrong_gpu_count 0
	ctl run gpu-check --gpu MI300X:1 --provider runpod --provider digitalocean --name again --yes >"$WORK/again" 2>&1
	same "$me: then all is well" $? 0
	sim_fault hotaisle wrong_gpu_count -1 0
	sim_fault vastai wrong_gpu_count -1 1
	up vastai vastai
	check "$me: another model at vast.ai is not taken" test $status -ne 0
	up hotaisle hotaisle --count 4 --accept-minimum 50
	check "$me: one GPU for four at Hot Aisle is not taken" test $status -ne 0
	same "$me: no run was ever on a wrong machine" "$(ctl runs --json | grep -o '"state": *"DONE"' | grep -c .)" 2
	the_end
}

# H29: a machine that costs more than was offered is kept within the limits that were given, with its price known, else given back.
dearer() {
	local p
	start_sim
	write_config
	begin
	for p in $clouds; do sim_fault $p create_dearer 1; done
	up_all
	for p in $clouds; do
		same "$p: one that is dearer, no limit given" "$(status_of $p)" 0
	done
	# Hot Aisle and DigitalOcean tell the price of a size only, so there the bill is the first to know.
	for p in runpod vastai; do check "$p: its price is known" wait_for 20 happened instance '"event": *"price"' $p; done
	quiet ctl down --all --yes
	check "$me: they go back" wait_for 40 nothing_bills
	sim_fault runpod create_dearer -1
	up runpod tight --max-price 2.10
	check "$me: over --max-price it is not kept" test $status -ne 0
	check "$me: and says why" happened instance 'costs more than was offered' tight
	check "$me: it went back at once" wait_for 20 nothing_bills
	up runpod poor --max-cost 1.30 --for 20m
	check "$me: nor over --max-cost" test $status -ne 0
	the_end
}

# H35: two machines for one request: one is kept, the other is given back and booked as a loss.
twins() {
	local p
	start_sim
	write_config
	begin
	for p in $clouds; do sim_fault $p create_twice 1; done
	up_all
	one_each() { local p; for p in $clouds; do [ "$(billing_in "$p")" = 1 ] || return 1; done; }
	for p in $clouds; do
		same "$p: up ends with 0" "$(status_of $p)" 0
		same "$p: one create was sent" "$(sim_creates $p)" 1
	done
	check "$me: in each cloud one stays" wait_for 40 one_each
	for p in $clouds; do
		# vast.ai sells each offer once, and the model keeps to that
		[ "$(machines $p)" = 2 ] || [ $p = vastai ] || not_ok "$p: two were made" "$(machines $p)"
		[ "$(machines $p)" = 1 ] || check "$p: it is known for what it is" happened instance 'a second machine of one request\|without a name'
		same "$p: the one that stays can be used" "$(ctl exec $p -- echo hello 2>/dev/null)" hello
	done
	the_end
}

# H36: it shows up after its absence was proved. The next offer is in use by then; the late one is given back.
late() {
	local p
	start_sim
	write_config
	begin
	for p in runpod digitalocean vastai; do
		sim_fault $p create_late 1 14
		sim_fault $p create_500_after 1
	done
	clouds='runpod digitalocean vastai'
	up_all
	for p in $clouds; do
		check "$p: its absence was proved" happened instance '"event": *"absent"' $p
		check "$p: when it appears it is given back" wait_for 40 happened instance '"event": *"late"' $p
	done
	alone() { [ "$(machines runpod)$(billing_in runpod)" = 10 ]; }
	check "$me: the late one at RunPod is gone" wait_for 40 alone
	the_end
}

# H42, §2.9: what is not ours is never touched; ours that the database does not know is. A second site fills the clouds.
strangers() {
	local p n i site key others='' ours=''
	start_sim
	write_config
	sed "s,$WORK/state,$WORK/other,g" "$GPUFLEET_CONFIG" >"$WORK/other.yaml"
	chmod 600 "$WORK/other.yaml"
	begin # makes the site's key
	kill_daemon TERM
	GPUFLEET_CONFIG=$WORK/other.yaml "$BUILD/gpufleetd" --background 2>"$WORK/other.err" || not_ok "$me: a second site starts"
	for p in $clouds; do
		GPUFLEET_CONFIG=$WORK/other.yaml ctl up "$(gpu_of $p)" --provider $p --instances 4 --name "o-$p" --for 1h --yes >"$WORK/o.$p" 2>&1 || cat "$WORK/o.$p"
	done
	same "$me: the second site has four machines in each cloud" "$(sim_billing)" 16
	kill -KILL "$(head -n 1 "$WORK/other/lock")"
	site=$(cut -d' ' -f1 "$WORK/state/site.key") key=$(cut -d' ' -f2 "$WORK/state/site.key")
	for p in $clouds; do
		n=0
		for i in $(ids $p); do
			n=$((n + 1))
			case $n in
			1) ours="$ours $i"; rename $p "$i" "$(mark $p "$site" "$key" aaaaaaaaaaaaa 3600)" ;;
			2) others="$others $i"; rename $p "$i" colleagues-box ;;
			3) others="$others $i"; rename $p "$i" "gf1-$site-bbbbbbbbbbbbb-aabbcc-aaaaaaaa" ;;
			*) others="$others $i" ;; # the other site's own mark
			esac
		done
	done
	renamed() { [ "$(sim_get machines | tr '{' '\n' | grep -c '"name": *"colleagues-box"')$(sim_get machines | tr '{' '\n' | grep -c '"name": *"gf1-[a-z0-9]*-aaaaaaaaaaaaa')" = 44 ]; }
	check "$me: the clouds show the names" wait_for 20 renamed
	declare -A before
	for i in $others; do before[$i]=$(touched "$i"); done
	start_daemon 2>>"$WORK/daemon.err"
	up runpod mine
	same "$me: meanwhile we work" $status 0
	ours_gone() { [ "$(sim_billing)" = 13 ]; }
	check "$me: ours without a row are given back" wait_for 60 ours_gone
	for i in $ours; do same "$me: $i with our mark is gone" "$(field "$i" billing)" false; done
	same "$me: each was an orphan" "$(ctl events --limit 300 --json | grep -o '"event": *"orphan"' | grep -c .)" 4
	sleep 12 # two sweeps and the grace of orphans
	quiet ctl down --all --yes
	check "$me: what we rented goes back" wait_for 40 sh -c "curl -sS 'http://127.0.0.1:$SIM_PORT/sim/machines' | tr '{' '\n' | grep -c '\"billing\": *true' | grep -qx 12"
	for i in $others; do
		same "$me: $i, not ours, runs on" "$(field "$i" billing)" true
		same "$me: $i was not touched" "$(touched "$i")" "${before[$i]}"
	done
}

# H11, H12, H13: too many requests. Nothing is believed gone, nobody hammers, and afterwards work goes on.
storm() {
	local p before
	start_sim
	write_config
	begin
	up_all
	for p in $clouds; do same "$p: up" "$(status_of $p)" 0; done
	for p in $clouds; do sim_fault $p rate_limit -1; done
	before=$(requests runpod)-$(requests vastai)-$(requests digitalocean)-$(requests hotaisle)
	(CTL_LIMIT=90 ctl down --all --yes >"$WORK/down.log" 2>&1; echo $? >"$WORK/down.status") &
	sleep 12
	same "$me: a machine that cannot be deleted is not gone" "$(sim_billing)" 4
	same "$me: and not believed gone" "$(ctl events --limit 300 --json | grep -o '"to": *"GONE"' | grep -c .)" 0
	for p in $clouds; do
		n=$(($(requests $p) - $(echo "$before" | tr '-' '\n' | sed -n "$(case $p in runpod) echo 1 ;; vastai) echo 2 ;; digitalocean) echo 3 ;; *) echo 4 ;; esac)p")))
		check "$p: it is asked $n times in twelve seconds, not more" test $n -le 40
		check "$p: but it is asked" test $n -ge 1
	done
	for p in $clouds; do sim_fault $p rate_limit 0; done
	wait_for 60 test -s "$WORK/down.status"
	same "$me: when the storm is over, down ends with 0" "$(cat "$WORK/down.status")" 0
	the_end
}

# S02, S21: another host key than the one seen first: nothing is sent there, the run is lost, the machine goes back.
host_key() {
	local id logins
	start_sim
	write_config
	echo 'on_lost: delete' >>"$GPUFLEET_CONFIG"
	begin
	printf 'echo begun; sleep 300\n' >"$WORK/long.sh"
	ctl run "$WORK/long.sh" --gpu MI300X --provider digitalocean --name keyed --yes --detach >"$WORK/run.log" 2>&1
	check "$me: it runs" wait_for 40 in_state run RUNNING
	id=$(ids digitalocean)
	logins=$(field "$id" dir)/sshd.log
	sim_fault digitalocean delete_lag 1 20 # so that there is time to be lured
	happen "$id" rekey
	: >"$WORK/mark"
	check "$me: it is noticed" wait_for 60 happened instance '"cause": *"host_key"' keyed
	check "$me: the run is lost" wait_for 20 run_is lost
	check "$me: and the reason is told" sh -c "'$BUILD/gpufleetctl' why keyed | grep -qi 'host key'"
	# Behind the last line of its second beginning nobody logged in.
	same "$me: nobody logged in to the changed machine" "$(awk '/Server listening/ { n = 0 } /Accepted publickey/ { n++ } END { print n + 0 }' "$logins")" 0
	the_end
}

# H31, H15: nobody has any, everywhere: each offer is asked once, nothing is held, and the answer says so.
sold_out() {
	local p
	start_sim
	write_config
	begin
	for p in $clouds; do sim_fault $p create_no_capacity -1; done
	ctl up MI300X --name none --for 30m --yes >"$WORK/none.up" 2>&1
	same "$me: up says no capacity" $? 4
	check "$me: and why" grep -qi 'sold out\|capacity\|every offer' "$WORK/none.up"
	for p in $clouds; do check "$p: asked $(sim_creates $p) times, no loop" test "$(sim_creates $p)" -le 4; done
	check "$me: no money is held" wait_for 10 nothing_held
	for p in $clouds; do sim_fault $p create_no_capacity 0 && sim_fault $p create_no_money -1; done
	ctl up MI300X --name poor --for 30m --yes >"$WORK/poor.up" 2>&1
	check "$me: no balance: it is not rented" test $? -ne 0
	check "$me: no balance: said so" grep -qi 'balance\|quota\|credit\|funds\|money' "$WORK/poor.up"
	check "$me: nothing was made" test "$(sim_get machines | grep -c '"id"')" = 0
	the_end
}

# S09, U13: the machine is taken away in the middle of a run. The run is lost, never "ok"; the bill ends; nothing is deleted twice.
vanishes() {
	local p id
	start_sim
	write_config
	begin
	printf 'echo begun; sleep 300\n' >"$WORK/long.sh"
	for p in $clouds; do
		ctl run "$WORK/long.sh" --gpu "$(gpu_of $p)" --provider $p --name $p --yes --detach >"$WORK/run.log" 2>&1 || cat "$WORK/run.log"
	done
	four() { [ "$(ctl runs --json | grep -o "\"$1\": *\"$2\"" | grep -c .)" = 4 ]; }
	check "$me: four runs are going" wait_for 60 four state RUNNING
	for p in $clouds; do for id in $(ids $p); do happen "$id" vanish; done; done
	check "$me: all four are lost" wait_for 60 four outcome lost
	check "$me: and over for the daemon" wait_for 40 no_fleets
	the_end
}

# S01, S05: sshd ends, the provider shows the machine running: lost after a while where the configuration says so, deleted, paid.
dies_with_host() {
	local p
	start_sim
	write_config
	echo 'on_lost: delete' >>"$GPUFLEET_CONFIG"
	begin
	printf 'echo begun; sleep 300\n' >"$WORK/long.sh"
	clouds='runpod vastai'
	for p in $clouds; do
		sim_fault $p host_dies 1 4
		ctl run "$WORK/long.sh" --gpu "$(gpu_of $p)" --provider $p --name $p --yes --detach >"$WORK/run.log" 2>&1 || cat "$WORK/run.log"
	done
	two() { [ "$(ctl runs --json | grep -o "\"$1\": *\"$2\"" | grep -c .)" = 2 ]; }
	check "$me: both runs are lost" wait_for 60 two outcome lost
	check "$me: their machines go back" wait_for 40 nothing_bills
	the_end
}

# H14: the key is not valid any more: no creates, deletes go on, and doctor is loud.
revoked() {
	start_sim
	write_config
	begin
	clouds='digitalocean runpod'
	up_all
	sim_fault digitalocean auth_revoked -1
	(CTL_LIMIT=90 ctl down digitalocean --yes >"$WORK/down.log" 2>&1; echo $? >"$WORK/down.status") &
	sleep 8
	same "$me: it is not believed gone" "$(ctl events digitalocean --limit 300 --json | grep -o '"to": *"GONE"' | grep -c .)" 0
	ctl doctor >"$WORK/doctor" 2>&1
	check "$me: doctor ends with an error" test $? -ne 0
	check "$me: and names the account" grep -q digitalocean "$WORK/doctor"
	before=$(sim_creates digitalocean)
	up digitalocean other
	check "$me: nothing can be rented there" test $status -ne 0
	same "$me: and nothing was asked for" "$(sim_creates digitalocean)" "$before"
	same "$me: elsewhere work goes on" "$(ctl exec runpod -- echo hello 2>/dev/null)" hello
	sim_fault digitalocean auth_revoked 0
	wait_for 80 test -s "$WORK/down.status"
	same "$me: when the key is good again, down ends with 0" "$(cat "$WORK/down.status")" 0
	the_end
}

# H17, H18, H19, H20: deletes that are refused, ignored, or said to be done already. Gone is only what is seen to be gone.
delete_lies() {
	local p
	start_sim
	write_config
	begin
	up_all
	sim_fault hotaisle delete_500 2
	sim_fault runpod delete_404 1
	sim_fault digitalocean delete_ignored 1
	sim_fault vastai delete_busy 2
	CTL_LIMIT=120 ctl down --all --yes >"$WORK/down.log" 2>&1
	same "$me: down ends with 0" $? 0
	check "$me: nothing bills" nothing_bills
	for p in $clouds; do check "$p: $(sim_deletes $p) deletes, not more" test "$(sim_deletes $p)" -le 6; done
	sim_fault digitalocean list_repeats 5
	the_end
}

# H22, H25: listings that show nothing, or not all, during an incident: nobody is declared lost.
empty_listing() {
	local p
	start_sim
	write_config
	begin
	up_all
	for p in $clouds; do sim_fault $p list_empty -1; done
	sleep 12
	for p in $clouds; do sim_fault $p list_empty 0 && sim_fault $p list_500 -1; done
	sleep 6
	for p in $clouds; do sim_fault $p list_500 0 && sim_fault $p list_drops_one 6; done
	sleep 8
	same "$me: nothing was declared lost or gone" "$(ctl events --limit 500 --json | grep -o '"to": *"\(GONE\|DELETING\)"' | grep -c .)" 0
	for p in $clouds; do same "$p: its machine is still ours" "$(ctl exec $p -- echo hello 2>/dev/null)" hello; done
	same "$me: four machines were made" "$(sim_billing)" 4
	the_end
}

# H38: a state nobody documented is "still billing"; vast.ai: an image that fails, a bid that is lost; DigitalOcean: a create that errs later.
never_boots() {
	start_sim
	write_config
	begin
	sim_fault digitalocean create_async_fail 1
	sim_fault vastai image_fails 1
	sim_fault runpod state_unknown 1
	clouds='digitalocean vastai'
	up_all
	check "$me: DigitalOcean: the create that erred later is over" happened instance '"to": *"\(DELETING\|GONE\)"' digitalocean
	check "$me: vast.ai: the image that failed is given back" happened instance '"to": *"DELETING"' vastai
	clouds='hotaisle runpod digitalocean vastai'
	ctl up MI300X --provider runpod --name odd --for 30m --yes --detach >"$WORK/odd.up" 2>&1
	wait_for 20 sh -c "'$BUILD/gpufleetctl' status odd --json | grep -q '\"provider_id\": *\"[a-z0-9]'"
	sleep 4
	same "$me: RunPod: a state nobody knows is not taken for gone" "$(ctl events odd --json | grep -o '"to": *"GONE"' | grep -c .)" 0
	the_end
}

# H02: no TLS at the other end, or a certificate that nobody vouches for: no request, nothing insecure instead, and it is said.
no_tls() {
	local port
	start_sim
	write_config
	sed -i "s,http://127.0.0.1:$SIM_PORT/runpod/v2,https://127.0.0.1:$SIM_PORT/runpod/v2," "$GPUFLEET_CONFIG"
	port=$((21000 + ($$ * 13) % 9000))
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$WORK/tls.key" -out "$WORK/tls.crt" -days 1 \
		-subj /CN=127.0.0.1 -addext 'subjectAltName=IP:127.0.0.1' 2>/dev/null
	openssl s_server -accept "127.0.0.1:$port" -key "$WORK/tls.key" -cert "$WORK/tls.crt" -www >"$WORK/tls.log" 2>&1 &
	tls=$!
	sed -i "s,http://127.0.0.1:$SIM_PORT/digitalocean,https://127.0.0.1:$port," "$GPUFLEET_CONFIG"
	begin
	up runpod plain
	check "$me: plain HTTP behind https: not rented" test $status -ne 0
	same "$me: plain HTTP behind https: no request came through" "$(requests runpod)" 0
	up digitalocean self
	check "$me: a certificate nobody vouches for: not rented" test $status -ne 0
	ctl doctor >"$WORK/doctor" 2>&1
	check "$me: doctor says so" grep -qi 'certificate\|tls\|ssl' "$WORK/doctor"
	same "$me: no token went there" "$(grep -cF -f "$WORK/sim/tokens/digitalocean" "$WORK/tls.log")" 0
	up hotaisle fine
	same "$me: elsewhere all is well" $status 0
	kill -KILL $tls
	wait $tls 2>/dev/null
	quiet ctl down --all --yes
	check "$me: in the end nothing bills" wait_for 60 nothing_bills
}

# H05, H26, H27, H34: answers to creates that are cut, without an id, or say false with an id: one request, one machine or none.
create_oddities() {
	local p
	start_sim
	write_config
	begin
	sim_fault hotaisle create_truncated 1
	sim_fault runpod create_no_id 1
	sim_fault digitalocean garbage_body 0
	sim_fault digitalocean create_truncated 1
	sim_fault vastai create_success_false_with_id 1
	up_all
	for p in hotaisle runpod digitalocean; do
		same "$p: found by its name, up ends with 0" "$(status_of $p)" 0
		same "$p: one create" "$(sim_creates $p)" 1
		same "$p: one machine" "$(billing_in $p)" 1
	done
	no_more() { [ "$(billing_in vastai)" -le 1 ]; }
	check "vastai: what came with success false is given back" wait_for 20 no_more
	the_end
}

$me

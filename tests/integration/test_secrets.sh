#!/usr/bin/env bash
# Planted secrets: provider tokens, one of the configuration, one that came with the run. While everything runs with debug logs
# they are looked for, raw, in base64 and percent-encoded, wherever they must not be (reliability §5.3).
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
start_sim
write_config
configured='hf_Canary+1/configured' asked='sk-Canary+2/asked='
(
	umask 077
	printf '%s\n' "$configured" >"$WORK/hf.token"
	printf 'log: debug\nsecrets:\n  HF_TOKEN: { file: %s }\n' "$WORK/hf.token" >>"$GPUFLEET_CONFIG"
)
start_daemon || { not_ok "the daemon starts"; exit 1; }

# Every form of every secret, one per line.
for p in hotaisle runpod digitalocean vastai; do cat "$WORK/sim/tokens/$p"; echo; done | grep . >"$WORK/plain"
printf '%s\n%s\n' "$configured" "$asked" >>"$WORK/plain"
sed -n '/^-----BEGIN/,$p' "$WORK/state/ssh.key" | sed -n '4p' >>"$WORK/plain" # a line from the middle of the site's private key
while IFS= read -r s; do
	printf '%s\n' "$s"
	printf %s "$s" | base64 -w 0 | sed 's/=*$//'
	echo
	printf %s "$s" | sed 's/%/%25/g; s/+/%2B/g; s,/,%2F,g; s/=/%3D/g'
	echo
done <"$WORK/plain" | sort -u | awk 'length > 8' >"$WORK/canaries"
check "there is something to look for" test "$(wc -l <"$WORK/canaries")" -ge 12

clean_files() { # NAME FILE…
	local name=$1 found
	shift
	found=$(grep -alF -f "$WORK/canaries" "$@" 2>/dev/null)
	same "$name" "$found" ""
}
clean_processes() { # NAME: of every process whose command line is ours, except the simulator, which is the clouds
	local name=$1 pid found=
	for pid in $(grep -alE 'gpufleetd|gpufleetctl|supervisor.sh|GPUFLEET_RUN' /proc/[0-9]*/cmdline 2>/dev/null | sed 's,/proc/\([0-9]*\)/.*,\1,'); do
		grep -qaF -f "$WORK/canaries" "/proc/$pid/cmdline" 2>/dev/null && found="$found cmdline:$pid"
		case $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") in
		*gpufleetd*) grep -qaF -f "$WORK/canaries" "/proc/$pid/environ" 2>/dev/null && found="$found environ:$pid" ;;
		esac
	done
	same "$name" "$found" ""
}

# The script tells that it has them without saying them, stays while we look, and then lets them slip.
cat >"$WORK/needs.sh" <<SH
#!/bin/sh

printf %s "\$HF_TOKEN" | sha256sum | cut -c 1-16
printf %s "\$ASKED_KEY" | sha256sum | cut -c 1-16
echo waiting
i=0; while [ ! -e "$WORK/go" ] && [ \$i -lt 300 ]; do sleep 0.1; i=\$((i + 1)); done
SH
ASKED_KEY=$asked ctl run "$WORK/needs.sh" --gpu MI300X --provider digitalocean --for 30m --yes --secret HF_TOKEN --secret ASKED_KEY \
	>"$WORK/run.out" 2>"$WORK/run.err" &
client=$!
check "the run waits" wait_for 40 grep -q waiting "$WORK/run.out"
check "it has the configured secret" grep -q "$(printf %s "$configured" | sha256sum | cut -c 1-16)" "$WORK/run.out"
check "it has the one that came with it" grep -q "$(printf %s "$asked" | sha256sum | cut -c 1-16)" "$WORK/run.out"

find "$WORK/state" -type f ! -name ssh.key ! -name site.key >"$WORK/files"
mapfile -t files <"$WORK/files"
check "there are files of the daemon to look at" test "${#files[@]}" -ge 4
clean_files "no file of the daemon holds one (log, database, WAL, payload)" "${files[@]}"
clean_files "nothing that the client printed holds one" "$WORK/run.out" "$WORK/run.err"
clean_processes "no command line, and not the daemon's environment"
for what in 'status --json' 'runs --json' 'events --json' 'providers --json' 'doctor --json' 'cost --json' 'status mi300x-1 --json'; do
	# shellcheck disable=SC2086 # words
	ctl $what >>"$WORK/replies" 2>&1
done
check "the daemon answered" test "$(wc -c <"$WORK/replies")" -ge 500
clean_files "no reply of the API holds one" "$WORK/replies"
sim_get 'requests?full=1' >"$WORK/requests"
check "the clouds have seen requests" grep -q '"path"' "$WORK/requests"
clean_files "no request had one in its path or body" "$WORK/requests"
check "the machine has them for its owner only" sh -c "[ -z \"\$(find '$WORK/sim/machines' -path '*gf-*' -perm /077 2>/dev/null)\" ]"
touch "$WORK/go"
wait $client
same "the run ends well" $? 0
check "nothing bills" wait_for 30 nothing_bills
same "no secret is left where runs have them" "$(grep -rlF -f "$WORK/canaries" "$WORK/sim/machines" 2>/dev/null)" ""
clean_files "nor in the files of the daemon" "${files[@]}" "$WORK/state/gpufleetd.log"

# Slips: what a script prints of its secrets is stored and shown without them.
printf '#!/bin/sh\necho "my token is $HF_TOKEN, or $(printf %%s "$HF_TOKEN" | base64)"\necho "and $ASKED_KEY" >&2\n' >"$WORK/slip.sh"
ASKED_KEY=$asked ctl run "$WORK/slip.sh" --gpu MI300X --provider digitalocean --for 30m --yes --secret HF_TOKEN --secret ASKED_KEY \
	>"$WORK/slip.out" 2>"$WORK/slip.err"
check "a slip was shown" grep -q 'my token is' "$WORK/slip.out"
clean_files "without the secret" "$WORK/slip.out" "$WORK/slip.err"
mapfile -t files < <(find "$WORK/state/runs" -type f)
clean_files "and stored without it" "${files[@]}"

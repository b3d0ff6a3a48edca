#!/usr/bin/env bash
# The API over TCP: who is let in and who is not, what each role may do, slow and greedy clients, gpufleetctl from elsewhere, /metrics;
# and no token in an answer, the log, the database or a command line.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
PROXY_PID=
WATCH_PID=
trap 'for p in $PROXY_PID $WATCH_PID; do kill "$p" 2>/dev/null; done; stop_all' EXIT
umask 077
start_sim
write_config
cp "$GPUFLEET_CONFIG" "$WORK/plain.yaml"
SOCK=$WORK/state/gpufleetd.sock
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
PORT=$(free_port)
TLS=$(free_port)
URL=http://127.0.0.1:$PORT
MAIN_CONFIG=$GPUFLEET_CONFIG

# ---- tokens: made by gpufleetctl, which prints what the daemon keeps
mkdir "$WORK/tokens" "$WORK/digests"
for name in eyes op friend boss; do
	ctl token "$WORK/tokens/$name" >"$WORK/digests/$name" 2>"$WORK/said.$name"
done
# One for which the daemon has the token itself; and two that have one owner.
cp "$WORK/tokens/boss" "$WORK/digests/boss"
ctl token "$WORK/tokens/pair" >"$WORK/digests/pair" 2>/dev/null
token() { cat "$WORK/tokens/$1"; }
check 'a token is no digest' grep -q '^gft_' "$WORK/tokens/op"
check 'and a digest is no token' grep -qE '^sha256:[0-9a-f]{64}$' "$WORK/digests/op"
same 'its file is for its owner' "$(stat -c %a "$WORK/tokens/op")" 600
same 'it stays when it is there' "$(ctl token "$WORK/tokens/op" 2>/dev/null)" "$(cat "$WORK/digests/op")"
check 'it is not shown' sh -c "! grep -qF -f '$WORK/tokens/op' '$WORK/said.op' '$WORK/digests/op'"
cat >>"$GPUFLEET_CONFIG" <<-YAML
	listen: 127.0.0.1:$PORT
	listen_names: ["gpufleet.example.org", "localhost:$TLS"]
	tokens:
	  eyes: { file: $WORK/digests/eyes }
	  op: { role: operator, file: $WORK/digests/op }
	  friend: { role: operator, file: $WORK/digests/friend, owner: team }
	  pair: { role: operator, file: $WORK/digests/pair, owner: team }
	  boss: { role: admin, file: $WORK/digests/boss }
YAML

# ---- what the configuration refuses
# refused NAME TEXT YAML…
refused() {
	local name=$1 text=$2
	shift 2
	cp "$WORK/plain.yaml" "$WORK/bad.yaml"
	printf '%s\n' "$@" >>"$WORK/bad.yaml"
	"$BUILD/gpufleetd" --check-config --config "$WORK/bad.yaml" >"$WORK/bad.out" 2>&1
	same "$name: refused" $? 2
	check "$name: says why" grep -q -- "$text" "$WORK/bad.out"
}
for a in 0.0.0.0:8470 10.1.2.3:8470 '"[::]:8470"' example.org:8470 8470; do
	refused "listening on $a" 'reverse proxy with TLS in front' "listen: $a"
done
printf 'gft_0123456789abcdef0123456789\n' >"$WORK/loose"
chmod 644 "$WORK/loose"
refused 'a token that others can read' 'chmod 600' "tokens: { t: { file: $WORK/loose } }"
ln -s "$WORK/tokens/op" "$WORK/linked"
refused 'a link to a token' 'symbolic link' "tokens: { t: { file: $WORK/linked } }"
refused 'a role that is none' 'viewer, operator, admin' "tokens: { t: { role: root, file: $WORK/digests/op } }"
refused 'a token in the configuration' "unknown key 'token'" 'tokens: { t: { token: gft_canary0123456789abcdef } }'
check 'which is not repeated' sh -c "! grep -q canary '$WORK/bad.out'"
same 'the real one is fine' "$("$BUILD/gpufleetd" --check-config >/dev/null 2>&1; echo $?)" 0
"$BUILD/gpufleetd" --print-config >"$WORK/printed"
check 'it is printed without tokens' sh -c "grep -q 'listen: 127.0.0.1:$PORT' '$WORK/printed' && ! grep -q 'gft_\|sha256:' '$WORK/printed'"

# A port that somebody has.
python3 -c 'import socket, sys, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); print("up", flush=True); time.sleep(60)' "$PORT" >"$WORK/taken" &
taken=$!
wait_for 5 test -s "$WORK/taken"
same 'a port that is taken' "$("$BUILD/gpufleetd" --background 2>&1 | grep -c "cannot listen on '127.0.0.1:$PORT'")" 1
kill $taken
wait $taken 2>/dev/null

start_daemon || { not_ok 'the daemon starts'; exit 1; }

# ask TOKEN METHOD PATH [BODY [CURL-OPTION…]]: sets status, took; headers and body are in $WORK
ask() {
	local who=$1 method=$2 path=$3 body=${4-}
	shift 3
	[ $# -eq 0 ] || shift
	[ "$who" = - ] || set -- "$@" -H @"$WORK/auth.$who"
	[ -z "$body" ] || set -- "$@" -H 'Content-Type: application/json' --data-binary "$body"
	read -r status took < <(curl -sS --max-time 40 -X "$method" -D "$WORK/head" -o "$WORK/body" -w '%{http_code} %{time_total}\n' "$@" \
		"$URL$path" 2>"$WORK/curl" || echo 000 0)
	cat "$WORK/head" "$WORK/body" >>"$WORK/replies" 2>/dev/null
}
# Never in argv, here neither.
for t in "$WORK"/tokens/*; do printf 'Authorization: Bearer %s' "$(cat "$t")" >"$WORK/auth.${t##*/}"; done
printf 'Authorization: Bearer gft_00000000000000000000000000000000' >"$WORK/auth.wrong"
printf 'Authorization: Bearer %s' "$(sed 's/sha256://' "$WORK/digests/op")" >"$WORK/auth.digest"
printf 'Authorization: Basic %s' "$(token op)" >"$WORK/auth.basic"
printf 'Authorization: Bearer %sx' "$(token op)" >"$WORK/auth.longer"

# ---- role by verb: what is not there or not whole is 400 or 404 to whoever may ask, and 403 or 401 to everybody else
# shellcheck disable=SC2034 # read by their names, ${!who}
while read -r method path body none eyes op boss; do
	[ "$body" != . ] || body=
	for who in none eyes op boss; do
		name=$who
		[ $who != none ] || name=-
		ask "$name" "$method" "$path" "$body"
		same "$who: $method $path" "$status" "${!who}"
	done
done <<-'TABLE'
	GET /healthz . 200 200 200 200
	GET /v1/version . 401 200 200 200
	GET /v1/status . 401 200 200 200
	GET /metrics . 401 200 200 200
	GET /v1/events . 401 200 200 200
	GET /v1/runs/999 . 401 404 404 404
	GET /v1/nothing . 401 404 404 404
	POST /v1/plans {"gpu":1} 401 400 400 400
	POST /v1/fleets {} 401 403 400 400
	DELETE /v1/fleets/nobody . 401 403 404 404
	POST /v1/fleets/nobody/extend {} 401 403 404 404
	POST /v1/fleets/nobody/exec {} 401 403 404 404
	POST /v1/fleets/nobody/trust {} 401 403 403 404
	POST /v1/runs {} 401 403 400 400
	DELETE /v1/runs/999 . 401 403 404 404
	POST /v1/campaigns {} 401 403 400 400
	POST /v1/volumes {} 401 403 400 400
	DELETE /v1/volumes/none . 401 403 404 404
	POST /v1/check . 401 403 200 200
	POST /v1/budgets {} 401 403 403 400
	DELETE /v1/budgets/none . 401 403 403 404
	POST /v1/imports {} 401 403 400 400
TABLE
for who in none eyes op; do
	ask "$([ $who = none ] && echo - || echo $who)" POST /v1/shutdown '{}'
	check "$who: may not end the daemon" test "$status" = 401 -o "$status" = 403
done
# What changes something changes nothing by GET.
for path in /v1/fleets/nobody/extend /v1/fleets/nobody/exec /v1/fleets/nobody/trust /v1/fleets/nobody/resolve /v1/plans /v1/check /v1/shutdown \
	/v1/campaigns/x/run /v1/campaigns/x/stop /v1/volumes/x/attach; do
	ask boss GET $path
	check "GET $path does nothing" test "$status" = 400 -o "$status" = 404
done
check 'the daemon runs on' curl -sS --max-time 5 -o /dev/null --unix-socket "$SOCK" http://gpufleet/healthz

# ---- no token, or one that is none: the same words after the same time
for who in - wrong digest basic longer; do
	ask $who GET /v1/status
	same "token $who: status" "$status" 401
	check "token $who: says how" grep -qi '^WWW-Authenticate: Bearer' "$WORK/head"
	check "token $who: the connection ends" grep -qi '^Connection: close' "$WORK/head"
	check "token $who: waits" awk -v t="$took" 'BEGIN { exit !(t >= 0.29 && t < 3) }'
	grep -vi '^date:' "$WORK/head" | cat - "$WORK/body" >"$WORK/answer.$who"
	check "token $who: the same answer as without" cmp -s "$WORK/answer.-" "$WORK/answer.$who"
done
ask - POST /v1/runs "@$BUILD/gpufleetd"
same 'without a token no body is read' "$status" 401
ask op GET /v1/status '' -H "Authorization: Bearer gft_00000000000000000000000000000000"
same 'two tokens are none' "$status" 401
ask - GET "/v1/status?access_token=$(token op)"
same 'a token in the address is none' "$status" 401
sed -i "s/$(token op)/REMOVED/" "$WORK/replies"

# ---- what comes from elsewhere
# foreign NAME STATUS CURL-OPTION…
foreign() {
	local name=$1 wanted=$2
	shift 2
	ask op GET /v1/version '' "$@"
	same "$name" "$status" "$wanted"
}
foreign 'localhost' 200 -H "Host: localhost:$PORT"
foreign 'the name of the proxy' 200 -H 'Host: gpufleet.example.org'
foreign 'a foreign host' 403 -H 'Host: evil.example.org'
foreign 'a foreign host at our port' 403 -H "Host: evil.example.org:$PORT"
foreign 'our address without its port' 403 -H 'Host: 127.0.0.1'
foreign 'another port' 403 -H 'Host: 127.0.0.1:1'
cat >"$WORK/raw.py" <<'PY'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
s.sendall(sys.argv[2].encode().decode("unicode_escape").encode())
print(s.recv(4096).decode().split(" ")[1])
PY
raw() { python3 "$WORK/raw.py" "$PORT" "$1"; }
same 'one host' "$(raw "GET /healthz HTTP/1.1\\r\\nHost: 127.0.0.1:$PORT\\r\\n\\r\\n")" 200
same 'two hosts' "$(raw "GET /healthz HTTP/1.1\\r\\nHost: 127.0.0.1:$PORT\\r\\nhost: evil.example.org\\r\\n\\r\\n")" 403
same 'two hosts, ours last' "$(raw "GET /healthz HTTP/1.1\\r\\nHost: evil.example.org\\r\\nHost: 127.0.0.1:$PORT\\r\\n\\r\\n")" 403
same 'no host' "$(raw 'GET /healthz HTTP/1.0\r\n\r\n')" 403
same 'a host in the address' "$(raw "GET http://evil.example.org/healthz HTTP/1.1\\r\\nHost: evil.example.org\\r\\n\\r\\n")" 403
foreign 'our origin' 200 -H "Origin: http://127.0.0.1:$PORT"
foreign "the proxy's origin" 200 -H 'Origin: https://gpufleet.example.org'
foreign 'a foreign origin' 403 -H 'Origin: https://evil.example.org'
foreign 'no origin in particular' 403 -H 'Origin: null'
foreign 'another site' 403 -H 'Sec-Fetch-Site: cross-site'
foreign 'another port of this host' 403 -H 'Sec-Fetch-Site: same-site'
foreign 'the same site' 200 -H 'Sec-Fetch-Site: same-origin'
ask - GET /healthz '' -H 'Host: evil.example.org'
same 'not even the health is told there' "$status" 403
ask - OPTIONS /v1/fleets '' -H 'Origin: https://evil.example.org' -H 'Access-Control-Request-Method: POST'
same 'a preflight' "$status" 403
ask op POST /v1/fleets '{"gpu":"MI300X","name":"stolen","for":600}' -H 'Origin: https://evil.example.org'
same 'and nothing is bought by it' "$status $(sim_billing)" '403 0'
ask op GET /v1/status
for h in 'X-Content-Type-Options: nosniff' "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'" 'Cache-Control: no-store'; do
	check "header $h" grep -qiF "$h" "$WORK/head"
done
check 'nothing is shared with other sites' sh -c "! grep -qi '^access-control' '$WORK/replies'"

# ---- too slow, too many
cat >"$WORK/slow.py" <<'PY'
import socket, sys, time
def connect():
    return socket.create_connection(("127.0.0.1", int(sys.argv[2])), 1)
def cut_after(first, each):
    """Seconds until the other side ends a connection on which `first` and then one byte a second is sent."""
    s, began = connect(), time.time()
    s.sendall(first)
    print("connected", file=sys.stderr, flush=True)
    while time.time() - began < 40:
        try:
            s.sendall(each)
            if s.recv(4096) == b"":
                break
        except socket.timeout:
            continue
        except OSError:
            break
    return time.time() - began
if sys.argv[1] == "headers":
    print("%d" % cut_after(b"GET /healthz HTTP/1.1\r\nX-Slow: ", b"x"))
elif sys.argv[1] == "body":
    token = open(sys.argv[3]).read().strip()
    head = "POST /v1/plans HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nAuthorization: Bearer %s\r\nContent-Length: 100000\r\n\r\n" % (sys.argv[2], token)
    print("%d" % cut_after(head.encode(), b" "))
else:
    held = []
    for _ in range(300):
        try:
            held.append(connect())
        except OSError:
            break
    print(len(held), flush=True)
    time.sleep(5)
PY
python3 "$WORK/slow.py" headers "$PORT" >"$WORK/slow.headers" 2>"$WORK/slow.on1" &
slow1=$!
python3 "$WORK/slow.py" body "$PORT" "$WORK/tokens/op" >"$WORK/slow.body" 2>"$WORK/slow.on2" &
slow2=$!
# The crowd comes when both have their connections: it takes all that are left.
wait_for 10 grep -q connected "$WORK/slow.on1" && wait_for 10 grep -q connected "$WORK/slow.on2"
python3 "$WORK/slow.py" many "$PORT" >"$WORK/many" &
many=$!
wait_for 10 test -s "$WORK/many"
check 'hundreds of connections' test "$(cat "$WORK/many")" -ge 100
cpu() { awk '{ print $14 + $15 }' "/proc/$(daemon_pid)/stat"; }
before=$(cpu)
began=$(date +%s%3N)
for _ in 1 2 3 4 5; do curl -sS --max-time 5 --unix-socket "$SOCK" http://gpufleet/v1/version >>"$WORK/meanwhile" 2>&1; done
check 'the socket is served meanwhile' test "$(grep -o '"api":1' "$WORK/meanwhile" | wc -l)" = 5 -a $(($(date +%s%3N) - began)) -lt 3000
sleep 2
check 'and nothing spins' test $(($(cpu) - before)) -lt 120
wait $many
check 'TCP is served again behind them' wait_for 15 curl -sSf --max-time 2 "$URL/healthz"
wait $slow1 $slow2
check 'slow headers are cut' test "$(cat "$WORK/slow.headers")" -ge 5 -a "$(cat "$WORK/slow.headers")" -le 25
check 'a slow body is cut' test "$(cat "$WORK/slow.body")" -ge 5 -a "$(cat "$WORK/slow.body")" -le 25

# ---- gpufleetctl from elsewhere
cat "$WORK"/tokens/* >"$WORK/canaries"
(
	while :; do
		grep -laF -f "$WORK/canaries" /proc/[0-9]*/cmdline 2>/dev/null
		sleep 0.2
	done
) >"$WORK/cmdlines" &
WATCH_PID=$!
mkdir -p "$HOME/.ssh" "$WORK/afar"
ssh-keygen -q -t ed25519 -N '' -f "$HOME/.ssh/id_work"
# Without any configuration, state or socket of its own.
unset GPUFLEET_CONFIG
far() { HOME=$HOME XDG_CONFIG_HOME=$WORK/afar XDG_STATE_HOME=$WORK/afar GPUFLEET_URL=$URL GPUFLEET_TOKEN_FILE=$WORK/tokens/${as:-op} ctl "$@"; }
far up MI300X --provider digitalocean --name far --for 30m --yes >"$WORK/up" 2>&1
same 'up' $? 0
printf '#!/bin/sh\necho "hello from $GPUFLEET_PROVIDER"\necho "{\\"metric\\":\\"answer\\",\\"value\\":42}" >"$GPUFLEET_RESULTS/results.jsonl"\n' >"$WORK/hello.sh"
far run "$WORK/hello.sh" --on far >"$WORK/out" 2>&1
same 'run' $? 0
check 'its output comes over' grep -q 'hello from digitalocean' "$WORK/out"
id=$(far runs --json | tr ',{' '\n\n' | sed -n 's/^"id": *\([0-9]*\).*/\1/p' | head -n 1)
far results "$id" --json >"$WORK/results"
check 'its result' grep -q '"value": *42' "$WORK/results"
far results "$id" -o "$WORK/kept" >/dev/null 2>&1
check 'its files' grep -q '"answer"' "$WORK/kept/results.jsonl"
same 'exec' "$(far exec far -- 'echo there; exit 7' 2>/dev/null; echo $?)" "there
7"
same 'ssh' "$(far ssh far -- 'echo inside; exit 3' 2>/dev/null </dev/null; echo $?)" "inside
3"
check 'version says where' sh -c "GPUFLEET_URL='$URL' GPUFLEET_TOKEN_FILE='$WORK/tokens/eyes' '$BUILD/gpufleetctl' version | grep -q '$URL'"
far doctor >"$WORK/said" 2>&1
check 'doctor, too' grep -q "daemon elsewhere: $URL" "$WORK/said"
same 'names for the shell' "$(far help --names fleet)" far
far events far --json >"$WORK/events"
check 'the events name the token' grep -q '"actor": *"token:op"' "$WORK/events"
check 'whose fleet it is' sh -c "grep -q '\"owner\": *\"token:op\"' <<-X
	$(far status --json)
X"
as=friend far down far --yes >"$WORK/down" 2>&1
same "another operator's token may not end it" $? 3
as=eyes far extend far --for 1h >"$WORK/down" 2>&1
same "a viewer's may not extend it" $? 3
as=friend far up MI300X --provider runpod --name shared --for 30m --yes --detach >"$WORK/up" 2>&1
same 'a fleet of an owner with two tokens' $? 0
check 'it belongs to the owner' sh -c "grep -q '\"owner\": *\"team\"' <<-X
	$(far status --json)
X"
as=pair far down shared --yes >"$WORK/down" 2>&1
same 'the other token ends it' $? 0
far down far --yes >"$WORK/down" 2>&1
same 'down' $? 0
check 'nothing bills' wait_for 30 nothing_bills
# Two tokens with one Idempotency-Key are two callers.
ask op POST /v1/plans '{"gpu":"MI300X"}' -H 'Idempotency-Key: same'
ask eyes POST /v1/plans '{"gpu":"H100"}' -H 'Idempotency-Key: same'
same 'a key is of its token' "$status" 200

far --url "http://127.0.0.1:$(free_port)" status >"$WORK/nobody" 2>&1
same 'nobody there' $? 5
same 'and nobody is started' "$(find "$WORK/afar" -name '*.db' | wc -l)" 0
GPUFLEET_URL=$URL GPUFLEET_TOKEN_FILE=$WORK/loose ctl status >"$WORK/said" 2>&1
same 'a token that others can read is not sent' "$? $(grep -c 'chmod 600' "$WORK/said")" '2 1'
printf 'gft_00000000000000000000000000000000\n' >"$WORK/wrong"
GPUFLEET_URL=$URL GPUFLEET_TOKEN_FILE=$WORK/wrong ctl status >"$WORK/said" 2>&1
same 'a token that is not known' "$? $(grep -c 'does not know the token' "$WORK/said")" '3 1'
GPUFLEET_URL=$URL GPUFLEET_TOKEN_FILE=$WORK/digests/op ctl status >"$WORK/said" 2>&1
same 'a digest for a token' "$? $(grep -c 'holds a digest' "$WORK/said")" '2 1'

# ---- behind a proxy with TLS
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
	-keyout "$WORK/tls.key" -out "$WORK/tls.crt" 2>/dev/null
cat >"$WORK/proxy.py" <<'PY'
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
def copy(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    for s in (a, b):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
def serve(plain):
    try:
        near = context.wrap_socket(plain, server_side=True)
    except OSError:
        return
    far = socket.create_connection(("127.0.0.1", int(sys.argv[4])))
    threading.Thread(target=copy, args=(near, far), daemon=True).start()
    copy(far, near)
s = socket.create_server(("127.0.0.1", int(sys.argv[3])))
print("up", flush=True)
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
PY
python3 "$WORK/proxy.py" "$WORK/tls.crt" "$WORK/tls.key" "$TLS" "$PORT" >"$WORK/proxy.up" 2>/dev/null &
PROXY_PID=$!
wait_for 10 test -s "$WORK/proxy.up"
GPUFLEET_TOKEN_FILE=$WORK/tokens/eyes GPUFLEET_CA_FILE=$WORK/tls.crt ctl --url "https://localhost:$TLS" status >"$WORK/said" 2>&1
same 'over TLS' $? 0
GPUFLEET_TOKEN_FILE=$WORK/tokens/eyes ctl --url "https://localhost:$TLS" status >"$WORK/said" 2>&1
same 'a certificate that nobody vouches for' "$? $(grep -c 'does not prove who it is' "$WORK/said")" '5 1'
GPUFLEET_TOKEN_FILE=$WORK/tokens/eyes GPUFLEET_CA_FILE=$WORK/tls.crt ctl --url "https://127.0.0.1:$TLS" status >"$WORK/said" 2>&1
same 'a certificate of another name' $? 5

# ---- metrics
export GPUFLEET_CONFIG=$MAIN_CONFIG
cat >"$WORK/metrics.py" <<'PY'
import re, sys
family, kind, seen, families = None, None, set(), set()
series = re.compile(r'^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (-?[0-9.]+)$')
for line in open(sys.argv[1]):
    line = line[:-1]
    if line.startswith("# HELP "):
        family = line.split()[2]
        assert family not in families, line
        families.add(family)
        kind = None
    elif line.startswith("# TYPE "):
        assert line.split()[2] == family, line
        kind = line.split()[3]
        assert kind in ("gauge", "counter", "summary") and (kind == "counter") == family.endswith("_total"), line
    else:
        m = series.match(line)
        assert m and kind, line
        assert m[1] == family or (kind == "summary" and m[1] in (family + "_sum", family + "_count")), line
        assert (m[1], m[2]) not in seen, line
        seen.add((m[1], m[2]))
        assert kind != "counter" or float(m[3]) >= 0, line
        assert not re.search(r'"(far|shared|run-[0-9]+)"', line), line
print(len(seen))
PY
all_proved() { ask eyes GET /metrics && grep -q '^gpufleet_delete_unproved_seconds 0.000000' "$WORK/body"; }
check 'every delete is proved' wait_for 30 all_proved
ask eyes GET /metrics
same 'metrics' "$status" 200
check 'as Prometheus wants them' grep -qi '^content-type: text/plain; version=0.0.4' "$WORK/head"
check 'well formed' test "$(python3 "$WORK/metrics.py" "$WORK/body")" -gt 80
if command -v promtool >/dev/null; then
	check 'promtool has nothing to say' sh -c "promtool check metrics <'$WORK/body'"
else
	echo '# promtool is not installed: not run'
fi
for line in 'gpufleet_instances{provider="digitalocean",state="ready"} 0' 'gpufleet_database_degraded 0' \
	'gpufleet_account_up{account="digitalocean",provider="digitalocean"} 1'; do
	check "metrics: $line" grep -qF "$line" "$WORK/body"
done
check 'requests were counted' grep -qE 'gpufleet_provider_requests_total\{account="digitalocean",provider="digitalocean",outcome="ok"\} [1-9]' "$WORK/body"
check 'and what was booked' grep -qE 'gpufleet_booked_dollars_total\{account="digitalocean",provider="digitalocean"\} 0\.[0-9]*[1-9]' "$WORK/body"
check 'and what was refused' grep -qE 'gpufleet_api_refused_total [1-9][0-9]' "$WORK/body"
same 'on the socket by role' "$(curl -sS --unix-socket "$SOCK" http://gpufleet/metrics | grep -c '^gpufleet_build_info{version=')" 1
ctl up MI300X --provider digitalocean --name up --for 30m --yes >/dev/null 2>&1
ctl budget set b --cap 1000 --per month >/dev/null 2>&1
sleep 1
ask eyes GET /metrics
check 'a machine that is ready' grep -qF 'gpufleet_instances{provider="digitalocean",state="ready"} 1' "$WORK/body"
check 'what it costs an hour' grep -qE 'gpufleet_hourly_dollars\{provider="digitalocean"\} [1-9]' "$WORK/body"
held=$(curl -sS --unix-socket "$SOCK" http://gpufleet/v1/budgets/b | sed -n 's/.*"held":\([0-9.]*\).*/\1/p')
check 'a budget holds what it says it holds' awk -v a="$held" -v b="$(sed -n 's/^gpufleet_budget_held_dollars{budget="b"} //p' "$WORK/body")" \
	'BEGIN { exit !(a > 0 && a - b < 0.1 && b - a < 0.1) }'
ctl down up --yes >/dev/null 2>&1 &
down=$!
being_proved() { ask eyes GET /metrics && grep -qE '^gpufleet_delete_unproved_seconds ([1-9]|0\.0*[1-9])' "$WORK/body"; }
check 'a delete that is not proved shows its age' wait_for 10 being_proved
wait $down
check 'nothing bills in the end' wait_for 30 nothing_bills
curl -sS --unix-socket "$SOCK" http://gpufleet/v1/doctor >"$WORK/doctor"
check 'no callback held the loop for 10 ms' grep -q '"callbacks_over_10ms":0' "$WORK/doctor"

# ---- no token anywhere
kill "$WATCH_PID" 2>/dev/null
wait "$WATCH_PID" 2>/dev/null
WATCH_PID=
same 'no token on a command line' "$(wc -l <"$WORK/cmdlines")" 0
kill_daemon TERM
LOG=$WORK/state/gpufleetd.log
check 'attempts without a token stand in the log' grep -q 'over TCP from 127.0.0.1 port [0-9]*: no good token' "$LOG"
check 'few lines of many' test "$(grep -c 'over TCP from' "$LOG")" -le 40
same 'no token in the log, the database, the answers' "$(grep -raclF -f "$WORK/canaries" "$WORK/state" "$WORK/replies" | wc -l)" 0
sed 's/sha256://' "$WORK"/digests/eyes "$WORK"/digests/op "$WORK"/digests/friend >"$WORK/canaries.digest"
same 'no digest either' "$(grep -raclF -f "$WORK/canaries.digest" "$WORK/state" "$WORK/replies" | wc -l)" 0

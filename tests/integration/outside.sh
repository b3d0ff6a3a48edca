# shellcheck shell=bash
# What people with a browser, other programs and other sites do in the simulated clouds, past the daemon. Needs lib.sh.

base32_minutes() { # MINUTES: six digits of base 32
	local digits=abcdefghijklmnopqrstuvwxyz234567 n=$1 out=
	for _ in 1 2 3 4 5 6; do
		out=${digits:$((n % 32)):1}$out
		n=$((n / 32))
	done
	echo "$out"
}
# A name with a mark, made by other means than the program's own: mark PROVIDER SITE KEYHEX INTENT SECONDS-FROM-NOW
mark() {
	local body mac
	body=gf1-$2-$4-$(base32_minutes $((($(date +%s) + $5) / 60)))
	mac=$(printf '%s %s' "$1" "$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$3" -binary | head -c 5 | base32 | tr A-Z a-z)
	echo "$body-$mac"
}

api() { # CLOUD METHOD PATH BODY; again while the cloud says that it is too fast. The answer is in $WORK/api
	local word=Bearer status
	[ "$1" = hotaisle ] && word=Token
	for _ in 1 2 3 4 5 6 7 8; do
		status=$(curl -sS --max-time 10 -o "$WORK/api" -w '%{http_code}' -X "$2" -H "Authorization: $word $(cat "$WORK/sim/tokens/$1")" \
			-H 'Content-Type: application/json' -d "$4" "http://127.0.0.1:$SIM_PORT/$1$3")
		[ "$status" = 429 ] || return 0
		sleep 0.6
	done
}
rename() { # CLOUD ID NAME
	case $1 in
	hotaisle) api hotaisle PATCH "/api/teams/acme/virtual_machines/$2/" "{\"description\":\"$3\"}" ;;
	runpod) api runpod PATCH "/v2/pods/$2" "{\"name\":\"$3\"}" ;;
	digitalocean) api digitalocean POST "/v2/droplets/$2/actions" "{\"type\":\"rename\",\"name\":\"$3\"}" ;;
	vastai) api vastai PUT "/api/v0/instances/$2/" "{\"label\":\"$3\"}" ;;
	esac
}

# ids CLOUD: of what bills there, as the provider calls it
ids() { sim_get machines | tr '{' '\n' | grep "\"cloud\": *\"$1\"" | grep '"billing": *true' | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p'; }
field() { sim_get machines | tr '{' '\n' | grep "\"id\": *\"$1\"" | sed -n "s/.*\"$2\": *\"\{0,1\}\([^\",}]*\).*/\1/p"; }
happen() { # ID WHAT: host, vanish, stop, reboot, rekey
	curl -sS --max-time 10 -X POST "http://127.0.0.1:$SIM_PORT/sim/kill-machine" -d "{\"id\":\"$1\",\"how\":\"$2\"}" >/dev/null
}

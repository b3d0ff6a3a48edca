#!/usr/bin/env bash
# What an untrusted machine leaves for us: links, names, sizes, numbers. Bounded, said in one sentence, and nothing outside of
# the directory that was asked for. FLOOD=10G also lets a run write so much (make check-flood); without it, 40 MB.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
start_sim
write_config
start_daemon
ctl up MI300X --provider digitalocean --name box --for 40m --yes >"$WORK/up" 2>&1

# run_it NAME: a script on standard input, run there; its number is in $id
run_it() {
	local name=$1
	cat >"$WORK/$name.sh"
	CTL_LIMIT=${LIMIT:-100} ctl run "$WORK/$name.sh" --on box >"$WORK/$name.out" 2>"$WORK/$name.err"
	status=$?
	id=$(ctl runs --json | tr '{' '\n' | sed -n 's/.*"id": *\([0-9]*\),.*"title": *"'"$name"'.sh".*/\1/p' | head -n 1)
}
take() { # DIRECTORY: what `results -o` writes
	rm -rf "$1"
	ctl results "$id" -o "$1" >"$WORK/take.out" 2>"$WORK/take.err"
}

run_it links <<'SH'
#!/bin/sh
cd "$GPUFLEET_RESULTS" || exit 1
echo '{"metric":"kept","value":1}' >results.jsonl
echo fine >fine.txt
ln -s /etc/passwd passwd
ln -s ../../../../../../etc up
mkdir dir
ln -s /tmp dir/tmp
mkfifo pipe
ln fine.txt hard.txt
echo one >"$(printf 'new\nline')"
echo two >"$(printf 'red\033[31m')"
echo three >-rf
echo four >'; rm -rf $HOME'
mkdir -p deep/deep/deep && echo five >deep/deep/deep/five.txt
SH
same "links: the run is ok" "$status" 0
check "links: what is fine was read" sh -c "'$BUILD/gpufleetctl' results $id | grep -q '^kept '"
take "$WORK/links"
same "links: a file is here" "$(cat "$WORK/links/fine.txt")" fine
same "links: one in directories, too" "$(cat "$WORK/links/deep/deep/deep/five.txt")" five
same "links: no link, no pipe, nothing strange" "$(find "$WORK/links" ! -type f ! -type d | wc -l)" 0
check "links: nothing of /etc came" sh -c "! grep -rq '^root:' '$WORK/links' '$WORK/state/runs'"
same "links: no name with control characters" "$(find "$WORK/state/runs" "$WORK/links" -name '*[[:cntrl:]]*' | wc -l)" 0
check "links: it is said that something was left out" sh -c "'$BUILD/gpufleetctl' why run-$id | grep -q 'not taken'"
same "links: odd names that harm nobody are kept" "$(cat "$WORK/links/-rf")" three

run_it many <<'SH'
#!/bin/sh
cd "$GPUFLEET_RESULTS" || exit 1
echo '{"metric":"kept","value":2}' >results.jsonl
awk 'BEGIN { for (i = 0; i < 100000; i++) { f = "file" i; printf "" >f; close(f) } }'
SH
same "100,000 files: the run is ok" "$status" 0
check "100,000 files: bounded" sh -c "[ \$(find '$WORK/state/runs' -name 'file*' | wc -l) -le 10000 ]"
check "100,000 files: it is said" sh -c "'$BUILD/gpufleetctl' why run-$id | grep -q 'results'"
check "100,000 files: the daemon goes on" ctl status

run_it large <<'SH'
#!/bin/sh
cd "$GPUFLEET_RESULTS" || exit 1
echo '{"metric":"kept","value":3}' >results.jsonl
head -c 200000000 /dev/zero >large.bin
SH
check "200 MB of results: bounded" sh -c "[ \$(du -sk '$WORK/state/runs' | cut -f 1) -lt 150000 ]"
check "200 MB of results: it is said" sh -c "'$BUILD/gpufleetctl' why run-$id | grep -q 'results'"

FLOOD=${FLOOD:-40000000}
LIMIT=580 run_it flood <<SH
#!/bin/sh
head -c $FLOOD /dev/urandom
echo '{"metric":"kept","value":4}' >"\$GPUFLEET_RESULTS/results.jsonl"
SH
stored=$(stat -c %s "$WORK"/state/runs/*/stdout | sort -n | tail -n 1)
if [ "$FLOOD" = 40000000 ]; then
	same "40 MB of binary output: all of it is here" "$stored" 40000000
	same "40 MB of binary output: the run ends and is reported" "$status" 0
	check "40 MB of binary output: shown byte by byte" cmp "$WORK/flood.out" "$(find "$WORK"/state/runs -name stdout -size +30M | head -n 1)"
else
	check "a flood: not more than a gigabyte is kept" test "$stored" -le 1073741824
	check "a flood: the run was ended and says why" sh -c "grep -q 'more than .* bytes of output' '$WORK/flood.err' || '$BUILD/gpufleetctl' logs $id 2>&1 >/dev/null | grep -q 'more than .* bytes of output'"
fi
same "nothing of it is outside of the state directory" "$(find "$WORK" -maxdepth 1 -newer "$WORK/up" ! -name '*.sh' ! -name '*.out' ! -name '*.err' ! -name links ! -name state ! -name sim ! -name home ! -name '*.log' -type f | grep -c .)" 0
check "down" ctl down box

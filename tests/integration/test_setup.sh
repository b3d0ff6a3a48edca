#!/usr/bin/env bash
# up --setup: each machine of a fleet is set up, by a script or as a recipe wants it, before it is said to be ready; run --on FLEET/I.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh
trap stop_all EXIT
trap 'exit 1' INT TERM

start_sim
write_config
start_daemon

printf '#!/bin/sh\necho "gpufleet: progress installing"\nsleep 1\necho "$GPUFLEET_ADDRESS" >>"$HOME/set-up"\n' >"$WORK/setup.sh"
says 'what cannot be a setup buys nothing' 2 "no 'setup'" up mi300x --name no --for 20m --setup gpu-check --yes
says 'each machine is set up first' 0 'fresh/1 is set up' up mi300x --instances 2 --provider hotaisle --name fresh --for 20m --setup "$WORK/setup.sh" --yes
check 'and then it is ready' grep -q '^fresh is ready' "$WORK/said.out"
check 'its progress is told' grep -q 'fresh/[01]: installing' "$WORK/said"
same 'each once' "$(ctl exec fresh/0 -- sh -c 'wc -l <set-up') $(ctl exec fresh/1 -- sh -c 'wc -l <set-up')" '1 1'
printf '#!/bin/sh\ntouch "$HOME/here"\n' >"$WORK/here.sh"
says 'a run on one of them' 0 'ok in' run "$WORK/here.sh" --on fresh/1
check 'there it was' quiet ctl exec fresh/1 -- test -e here
check 'and nowhere else' quiet ctl exec fresh/0 -- test ! -e here
says 'one that is not there' 122 'numbered from 0 to 1' run "$WORK/here.sh" --on fresh/2
says 'a recipe can be set up' 0 'llama.cpp' up mi300x --provider digitalocean --name llama --for 20m --setup llama-bench --yes
says 'which a run of it finds' 0 'built already' run llama-bench --on llama --set prompt=64 --set answer=16 --set scenarios=16x16 --set repeats=1
printf '#!/bin/sh\necho "no such package" >&2\nexit 5\n' >"$WORK/setup.sh"
says 'a setup that fails' 1 'the setup of broken/0: failed (exit 5)' up mi300x --provider digitalocean --name broken --for 20m --setup "$WORK/setup.sh" --yes
check 'says where to look, and that it bills' sh -c "grep -q 'gpufleetctl logs [0-9]' '$WORK/said' && grep -q 'stays up.*gpufleetctl down broken' '$WORK/said'"
says 'and it does' 0 'ready' status broken

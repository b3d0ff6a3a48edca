# Where PACE lies, and which cores it gets.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

store=${GPUFLEET_VOLUME:-$HOME/.cache}/gpufleet
pace=$store/pace-$REF
python=$pace/venv/bin/python3
mode=native

# Cores, not hardware threads, of the host or of node $1.
physical_cores()
{
	lscpu -p=CORE,SOCKET,NODE 2>/dev/null | awk -F , -v node="$1" '
	!/^#/ && (node == "" || $3 == node) && !(($1, $2) in seen) { seen[$1, $2] = 1; n++ }
	END { print n ? n : 0 }'
}

# The environment floor of PACE (benchmarks §6), and words for the command: $threads, $allocator, $bind.
choose_cores()
{
	threads=$THREADS
	[ "$threads" -gt 0 ] || threads=$(physical_cores "$NODE")
	[ "$threads" -gt 0 ] || threads=$(nproc)
	bind=
	if [ -n "$NODE" ]; then
		has numactl || fail "numactl is not installed here, and NODE wants it"
		bind="numactl --cpunodebind=$NODE --membind=$NODE"
	fi
	allocator=
	for library in /usr/lib/x86_64-linux-gnu/libtcmalloc*.so.4 /usr/lib64/libtcmalloc*.so.4; do
		[ ! -e "$library" ] || allocator=$library
	done
}

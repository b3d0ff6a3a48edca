# Everything of one run: processes first, then secrets, then files.

clean() {
	if alive "$dir"; then
		kill -s KILL -- "-$pid" 2>/dev/null || kill -s KILL "$pid"
	fi
	[ ! -f "$dir/supervisor.sh" ] || sh "$dir/supervisor.sh" sweep "$key" 0 </dev/null >/dev/null 2>&1
	rm -rf "${GPUFLEET_SECRET_DIR:-/dev/shm}/gf-$key"
	rm -rf "$dir" 2>/dev/null
	[ ! -d "$dir" ] || fail "cannot remove $dir"
}

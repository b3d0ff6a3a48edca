# Renew the lease of this machine by $seconds and see that its watchdog lives. Standard input: watchdog.sh and the line
# "#gpufleet-end". Prints what the watchdog could do when the lease is over: "deletes" or "stops".

dir=$HOME/.gpufleet/watchdog
make_dir "$dir/started"
part=$dir/new.$$
trap 'rm -f "$part"' EXIT
cat >"$part" || fail "cannot store the watchdog in $dir: is the disk full?"
[ "$(tail -n 1 "$part")" = "#gpufleet-end" ] || fail "the watchdog arrived incomplete"
# One of another version gives way.
if ! cmp -s "$part" "$dir/watchdog.sh"; then
	! alive "$dir" || kill -s KILL "$pid"
	mv -f "$part" "$dir/watchdog.sh" || fail "cannot store the watchdog in $dir"
	rm -f "$dir/started/pid"
fi
printf '%s\n' "$url_head" "$url_tail" "$id_name" "$key_name" >"$dir/give-back.new" && mv -f "$dir/give-back.new" "$dir/give-back" || fail "cannot write in $dir"
IFS=' .' read -r up rest </proc/uptime || fail "this machine does not say how long it is up"
boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo unknown)
echo "$boot $((up + seconds))" >"$dir/lease.new" && mv -f "$dir/lease.new" "$dir/lease" || fail "cannot write in $dir"
if ! alive "$dir"; then
	rm -f "$dir/started/pid"
	detach sh "$dir/watchdog.sh" watch
	tries=0
	while [ ! -s "$dir/started/pid" ] && [ "$tries" -lt 50 ]; do
		sleep 0.1 2>/dev/null || sleep 1
		tries=$((tries + 1))
	done
	alive "$dir" || fail "the watchdog does not run: $(tail -n 1 "$dir/supervisor.log" 2>/dev/null)"
fi
sh "$dir/watchdog.sh" can

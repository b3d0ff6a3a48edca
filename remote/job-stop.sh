# TERM to everything of the run, KILL after $grace seconds. Does not wait for it.

[ -d "$dir" ] || exit 0
echo "$grace" >"$dir/stop.new" && mv -f "$dir/stop.new" "$dir/stop"
if mkdir "$dir/started" 2>/dev/null; then
	# Stopped before it began: the gate is shut now.
	t=$(date +%s)
	echo "state=done exit= signal= timed_out=0 stopped=1 setup_failed=0 oom=0 started=$t ended=$t boot=$(cat /proc/sys/kernel/random/boot_id)" \
		>"$dir/status.new" && mv -f "$dir/status.new" "$dir/status"
elif alive "$dir"; then
	kill -s TERM "$pid"
elif [ -f "$dir/supervisor.sh" ]; then
	detach sh "$dir/supervisor.sh" sweep "$key" "$grace"
fi
exit 0

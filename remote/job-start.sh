# Start at most once: whoever makes the directory "started" starts the run, everybody else attaches.

cd "$dir" 2>/dev/null || fail "the run has no directory on this machine"
[ -f supervisor.sh ] && [ -d payload ] || fail "the run was not pushed completely"
said=attached
if mkdir started 2>/dev/null; then
	said=started
	detach sh ./supervisor.sh run "$key" "$setup" "$run" "$setup_seconds" "$run_seconds" "$output_max" "$once" "$qualify" "$gate"
elif [ ! -d started ]; then
	fail "cannot write in $dir: no permission, read-only or full"
fi
# Not before it can be found and asked to stop.
until=$(($(date +%s) + 20))
while [ ! -s started/pid ] && [ ! -s status ] && [ "$(date +%s)" -lt "$until" ]; do
	sleep 0.1 2>/dev/null || sleep 1
done
[ -s started/pid ] || [ -s status ] || fail "the supervisor did not begin: $(tail -n 1 supervisor.log 2>/dev/null)"
echo "$said"

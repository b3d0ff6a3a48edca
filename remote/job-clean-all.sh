# A host goes back to its owner: every run of ours, the watchdog, every key that we let in.

for dir in "$runs"/*; do
	key=${dir##*/}
	case $key in
	'*' | *[!a-z0-9]*) ;;
	*) clean ;;
	esac
done
! alive "$HOME/.gpufleet/watchdog" || kill -s KILL "$pid"
ours=$HOME/.gpufleet/authorized
keys=$HOME/.ssh/authorized_keys
if [ -s "$ours" ] && [ -f "$keys" ]; then
	# cat and not mv: the file keeps its owner and mode, and may be a link.
	grep -vxF -f "$ours" "$keys" >"$keys.gf$$"
	[ "$?" -le 1 ] && cat "$keys.gf$$" >"$keys"
	rm -f "$keys.gf$$"
fi
rm -rf "$HOME/.gpufleet" 2>/dev/null
[ ! -d "$HOME/.gpufleet" ] || fail "cannot remove $HOME/.gpufleet"

# Standard input: one public key line, let in once and remembered, so that a host that goes back can forget it.

IFS= read -r line
[ -n "$line" ] || fail "no key was given"
make_dir "$HOME/.ssh"
make_dir "$HOME/.gpufleet"
keys=$HOME/.ssh/authorized_keys
if ! grep -qxF -e "$line" "$keys" 2>/dev/null; then
	printf '%s\n' "$line" >>"$HOME/.gpufleet/authorized" || fail "cannot write in $HOME/.gpufleet"
	# A last line without its end would swallow ours.
	[ ! -s "$keys" ] || [ -z "$(tail -c 1 "$keys")" ] || echo >>"$keys"
	printf '%s\n' "$line" >>"$keys" || fail "cannot write $keys"
fi

# results/ as a tar on standard output, from byte $from on; in front of it one line: its size and SHA-256, which stay what they are
# when the connection is cut and the rest is asked for. Where there is no room for the tar it is made as it is sent.

[ -d "$dir" ] || fail "the run has no directory on this machine"
make_dir "$dir/results"
used=$(du -sk "$dir/results" | cut -f 1)
[ "$((used * 1024))" -le "$max" ] || fail "the results are $((used / 1024)) MB, more than the limit of $((max / 1048576)) MB"
tar=$dir/results.tar
if [ ! -f "$tar" ] && command -v sha256sum >/dev/null 2>&1; then
	tar -cf "$tar.$$" -C "$dir/results" . 2>/dev/null
	# 1: a file changed while it was read; what was read is still good.
	if [ "$?" -le 1 ]; then mv -f "$tar.$$" "$tar"; else rm -f "$tar.$$"; fi
fi
if [ -f "$tar" ]; then
	echo "gf-collect 1 size=$(($(wc -c <"$tar"))) sha256=$(sha256sum <"$tar" | cut -c 1-64) from=$from"
	tail -c "+$((from + 1))" "$tar"
else
	echo "gf-collect 1 size=0 sha256=none from=0"
	tar -cf - -C "$dir/results" .
	[ "$?" -le 1 ] || fail "cannot read the results"
fi

# A tar of results/ on standard output.

[ -d "$dir" ] || fail "the run has no directory on this machine"
make_dir "$dir/results"
used=$(du -sk "$dir/results" | cut -f 1)
[ "$((used * 1024))" -le "$max" ] || fail "the results are $((used / 1024)) MB, more than the limit of $((max / 1048576)) MB"
tar -cf - -C "$dir/results" .
# 1: a file changed while it was read; what was read is still good.
[ "$?" -le 1 ] || fail "cannot read the results"

# Every instance of the run is set up: the script may begin on this one.

[ -d "$dir/started" ] || fail "the run was not started on this machine"
: >"$dir/go" || fail "cannot write in $dir: is the disk full?"
echo going

# Standard input: a tar of $size bytes.

if [ -d "$dir/started" ]; then
	cat >/dev/null
	exit 0
fi
make_dir "$dir"
trap 'rm -rf "$part" "$fresh"' EXIT
cat >"$part" || fail "cannot store the payload in $dir: is the disk full?"
take_payload

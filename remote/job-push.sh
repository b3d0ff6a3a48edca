# Standard input: a tar of $size bytes. The payload appears whole or not at all, and never changes under a run that has begun.

if [ -d "$dir/started" ]; then
	cat >/dev/null
	exit 0
fi
make_dir "$dir"
part=$dir/payload.tar.$$
fresh=$dir/payload.$$
trap 'rm -rf "$part" "$fresh"' EXIT
cat >"$part" || fail "cannot store the payload in $dir: is the disk full?"
[ "$(wc -c <"$part")" -eq "$size" ] || fail "the payload arrived incomplete"
command -v tar >/dev/null 2>&1 || fail "this machine has no tar"
mkdir "$fresh" && tar -xof "$part" -C "$fresh" || fail "cannot unpack the payload in $dir: is the disk full?"
rm -rf "$dir/payload" && mv "$fresh" "$dir/payload" || fail "cannot put the payload in place"

# The payload appears whole or not at all, and never changes under a run that has begun. $size: of its tar.

# shellcheck disable=SC2034 # used by job-want.sh and job-fill.sh, which follow this text
store=$HOME/.gpufleet/pieces
part=$dir/payload.tar.$$
fresh=$dir/payload.$$

# take_payload: $part becomes payload/.
take_payload() {
	[ "$(wc -c <"$part")" -eq "$size" ] || fail "the payload arrived incomplete"
	command -v tar >/dev/null 2>&1 || fail "this machine has no tar"
	mkdir "$fresh" && tar -xof "$part" -C "$fresh" || fail "cannot unpack the payload in $dir: is the disk full?"
	rm -rf "$dir/payload" && mv "$fresh" "$dir/payload" || fail "cannot put the payload in place"
}

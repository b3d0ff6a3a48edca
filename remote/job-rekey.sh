# Standard input: the private host key that sshd is to show from now on, and the line "#gpufleet-end". The one it has came with
# the user data, which anybody on this machine can read for as long as it lives.

umask 077
PATH=$PATH:/usr/sbin:/sbin
export PATH
file=
for f in $(sshd -T 2>/dev/null | sed -n 's/^hostkey //p') /etc/ssh/ssh_host_ed25519_key; do
	case $(ssh-keygen -lf "$f" 2>/dev/null) in
	*"(ED25519)") file=$f && break ;;
	esac
done
[ -n "$file" ] || fail "found no ed25519 host key of sshd"
new=$file.gpufleet
trap 'rm -f "$new" "$new.pub"' EXIT
cat >"$new" || fail "cannot write $new"
[ "$(tail -n 1 "$new")" = "#gpufleet-end" ] || fail "the host key arrived incomplete"
sed -i '$d' "$new" && ssh-keygen -y -f "$new" >"$new.pub" || fail "the host key cannot be read"
chmod 644 "$new.pub"
mv -f "$new.pub" "$file.pub" && mv -f "$new" "$file" || fail "cannot replace $file"
for how in "systemctl reload ssh" "systemctl reload sshd" "service ssh reload" "service sshd reload"; do
	$how >/dev/null 2>&1 && echo rekeyed && exit 0
done
fail "sshd was not told of its new host key"

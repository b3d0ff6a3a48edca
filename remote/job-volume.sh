# $action=mount: make volume $name usable at ~/volumes/$name. $device is its block device; a file system is made on it only where
# blkid says for certain that there is none. Empty: the provider has put the volume there already.
# $action=release: write everything to it and take it off again.

where=$HOME/volumes/$name
PATH=$PATH:/usr/sbin:/sbin
export PATH
root=
[ "$(id -u)" = 0 ] || [ -n "${GPUFLEET_DEVICES:-}" ] || root="sudo -n"

if [ "$action" = release ]; then
	sync
	[ -n "$device" ] || exit 0
	mountpoint -q "$where" || exit 0
	$root umount "$where" 2>/dev/null || fail "volume $name is in use on the machine and could not be unmounted"
	exit 0
fi
if [ -z "$device" ]; then
	[ -d "$where" ] || fail "the provider has not put volume $name at $where"
	exit 0
fi
device=${GPUFLEET_DEVICES:-${device%/*}}/${device##*/}
tries=0
while [ ! -e "$device" ]; do
	tries=$((tries + 1))
	[ "$tries" -le 60 ] || fail "the device of volume $name did not appear: $device"
	sleep 1
done
make_dir "$where"
! mountpoint -q "$where" || exit 0
# 0: something is on it; 2: certainly nothing; anything else is a doubt, and data may be behind it.
$root blkid -p "$device" >/dev/null 2>&1
case $? in
0) ;;
2) $root mkfs.ext4 -q "$device" >/dev/null 2>&1 || fail "no file system could be made on volume $name ($device)" ;;
*) fail "blkid cannot tell what is on volume $name ($device); nothing was changed" ;;
esac
$root mount "$device" "$where" 2>/dev/null || fail "volume $name ($device) could not be mounted at $where"

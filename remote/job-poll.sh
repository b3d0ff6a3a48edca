# One line of facts, the status line, the progress line, then $max bytes at most of each output from the given offsets.

size_of() {
	if [ -f "$1" ]; then echo "$(($(wc -c <"$1")))"; else echo 0; fi
}

# how many bytes of a file of size $1 to show from $2
part_of() {
	n=$(($1 - $2))
	[ "$n" -gt 0 ] || n=0
	[ "$n" -lt "$max" ] || n=$max
	echo "$n"
}

show() {
	[ "$3" -eq 0 ] || tail -c "+$(($2 + 1))" "$1" | head -c "$3"
}

gate=0
[ ! -d "$dir/started" ] || gate=1
# First whether it lives, then what it says: a supervisor that ends in between has left its last word.
lives=0
! alive "$dir" || lives=1
status=$(cat "$dir/status" 2>/dev/null)
out_size=$(size_of "$dir/stdout")
err_size=$(size_of "$dir/stderr")
out_n=$(part_of "$out_size" "$out_from")
err_n=$(part_of "$err_size" "$err_from")
progress=
[ "$out_size" -eq 0 ] ||
	progress=$(tail -c 65536 "$dir/stdout" | tr -d '\000' | sed -n 's/^gpufleet: progress //p' | tail -n 1 | cut -b 1-240)
printf 'gf-poll 1 gate=%s alive=%s out_size=%s err_size=%s out_n=%s err_n=%s boot_now=%s\n%s\n%s\n' "$gate" "$lives" \
	"$out_size" "$err_size" "$out_n" "$err_n" "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo unknown)" "$status" "$progress"
show "$dir/stdout" "$out_from" "$out_n"
show "$dir/stderr" "$err_from" "$err_n"

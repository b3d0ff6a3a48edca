# Standard input: the supervisor, a line "#gpufleet-env", variables, a line "#gpufleet-end".

make_dir "$dir"
part=$dir/env.$$
trap 'rm -f "$part" "$part.s" "$part.e"' EXIT
cat >"$part" || fail "cannot store the run's files in $dir: is the disk full?"
[ "$(tail -n 1 "$part")" = "#gpufleet-end" ] || fail "the run's files arrived incomplete"
sed '/^#gpufleet-env$/,$d' "$part" >"$part.s" && sed '1,/^#gpufleet-env$/d' "$part" >"$part.e" &&
	mv -f "$part.s" "$dir/supervisor.sh" && mv -f "$part.e" "$dir/env" || fail "cannot store the run's files in $dir: is the disk full?"

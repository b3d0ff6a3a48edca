#!/bin/sh
# Quantise, and keep what came of it: on the volume, else among the results. Reader: gpufleet-jsonl.
# shellcheck disable=SC2034 # what is set here is read by what is sourced
set -u
me=quantize
# shellcheck source=remote/recipes/common/shell.sh
. ./common/shell.sh
# shellcheck source=remote/recipes/common/gpu.sh
. ./common/gpu.sh
# shellcheck source=remote/recipes/common/launch.sh
. ./common/launch.sh
# shellcheck source=remote/recipes/common/floor.sh
. ./common/floor.sh
# shellcheck source=remote/recipes/common/telemetry.sh
. ./common/telemetry.sh
# shellcheck source=remote/recipes/common/manifest.sh
. ./common/manifest.sh
# shellcheck source=remote/recipes/common/vllm.sh
. ./common/vllm.sh
# shellcheck source=remote/recipes/common/python.sh
. ./common/python.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/quantize.XXXXXX") || exit 1
log=$GPUFLEET_RESULTS/quantize.log
name=${NAME:-$(printf %s "${MODEL##*/}-$SCHEME" | tr -c 'A-Za-z0-9._-' -)}
part=

finish()
{
	telemetry_stop
	[ "$mode" != docker ] || container_stop
	[ -z "$part" ] || rm -rf "$part"
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

case $name in
*/* | .* | '') fail "NAME is a plain name, not '$name'" ;;
esac

# $kept is where the model will lie. On the volume it lasts; elsewhere it goes with the machine, and people hear of it before the work.
if [ -n "${GPUFLEET_VOLUME:-}" ]; then
	kept=$GPUFLEET_VOLUME/quantized/$name
else
	kept=$HOME/quantized/$name
	complain "warning: no volume (--volume NAME): a model of more than $RESULTS_MAX_MB MB will be lost with the machine"
	progress "no volume: a model of more than $RESULTS_MAX_MB MB will be lost with the machine"
fi
[ ! -e "$kept" ] || [ "$REPLACE" = true ] || fail "$kept is there already; name another one (--set name=...) or say --set replace=true"
mkdir -p "${kept%/*}" || fail "$kept cannot be made"

size_gb()
{
	du -sk "$1" 2>/dev/null | awk '{ printf "%.6f", $1 * 1024 / 1e9 }'
}

figure()
{
	printf '{"metric":"%s","value":%s,"unit":"%s"}\n' "$1" "$2" "$3" >>"$GPUFLEET_RESULTS/results.jsonl"
}

find_place || exit 1
mkdir -p "$models"
floor_of "$arch"
say "$gpu_count x $gpu_name ($arch), $mode${image:+, image $image}"
# In a container the new model is written where both see it: on the volume, or below the results until it is known how large it is.
part=$kept.part
[ "$mode" != docker ] || [ -n "${GPUFLEET_VOLUME:-}" ] || part=$GPUFLEET_RESULTS/model.part
rm -rf "$part"
inside_part=$part
if [ "$mode" = docker ]; then
	case $part in
	"$GPUFLEET_RESULTS"/*) inside_part=/results/${part##*/} ;;
	esac
	container_start sleep infinity >"$work/container" 2>"$work/docker.err" || fail "the container did not start: $(tail -n 1 "$work/docker.err")"
fi
python_with llmcompressor "$LLMCOMPRESSOR" || exit 1
{ floor_words; echo env; } >"$work/environment_words"
with_words "$work/environment_words" inside env >"$work/environment" 2>/dev/null
floor_check || fail "the environment is not as $arch needs it:$floor_missing"

# The words of what runs: the recipe's own script, or the person's.
if [ -n "$COMMAND" ]; then
	printf '%s\n' sh -c "$COMMAND" >"$work/bench_args"
	{ floor_words; printf '%s\n' "MODEL=$MODEL" "OUTPUT=$inside_part" "PYTHON=$python"; cat "$work/bench_args"; } >"$work/words"
else
	cp quantize.py "$GPUFLEET_RESULTS/quantize.py"
	printf '%s\n' --model "$MODEL" --scheme "$SCHEME" --method "$METHOD" --dataset "$DATASET" --samples "$SAMPLES" --length "$LENGTH" >"$work/bench_args"
	[ -z "${REVISION:-}" ] || printf '%s\n' --revision "$REVISION" >>"$work/bench_args"
	{ echo --ignore; for word in $IGNORE; do echo "$word"; done; } >>"$work/bench_args"
	{
		floor_words
		printf '%s\n' "$python" "$(inside_results)/quantize.py" --output "$inside_part"
		cat "$work/bench_args"
	} >"$work/words"
fi
began=$(date +%s)
telemetry_start
mark begin
progress "quantising $MODEL to $SCHEME"
{ with_words "$work/words" inside env 2>"$log" </dev/null; echo $? >"$work/rc"; } | tee "$work/said"
mark end
telemetry_stop
cat "$work/said" >>"$log"
rc=$(cat "$work/rc")
[ "$rc" -eq 0 ] || fail "the script ended with status $rc: $(complaint "$log")"
[ -n "$(find "$part" -type f 2>/dev/null | head -n 1)" ] || fail "the script left nothing in its directory (OUTPUT)"
figure duration "$(($(date +%s) - began))" s
figure quantized_size "$(size_gb "$part")" GB

progress "writing the manifest"
manifest_begin
manifest_host
manifest_gpu
manifest_software llmcompressor compressed-tensors transformers
manifest_model
put_text quantization "$SCHEME"
put_text scheme "$SCHEME"
put_text method "$METHOD"
manifest_end
rm -f "$GPUFLEET_RESULTS/quantize.py"
cp "$manifest" "$part/manifest.json"
(cd "$part" && find . -type f ! -name SHA256SUMS | LC_ALL=C sort | while IFS= read -r file; do sha256sum "$file"; done >SHA256SUMS)
cp "$part/SHA256SUMS" "$GPUFLEET_RESULTS/SHA256SUMS"

# A whole directory takes its name at once: what is there under it was finished.
rm -rf "$kept"
mv "$part" "$kept" || fail "$kept cannot be written"
part=
sync
if [ -n "${GPUFLEET_VOLUME:-}" ]; then
	say "kept on the volume; serve it with --set model=volume:quantized/$name"
elif [ "$(du -sk "$kept" | cut -f 1)" -le "$((RESULTS_MAX_MB * 1024))" ]; then
	mv "$kept" "$GPUFLEET_RESULTS/model" && say "the model is among the results, in model/"
else
	fail "the model has $(size_gb "$kept") GB, more than the $RESULTS_MAX_MB MB that come with the results; it lies in $kept until the machine goes"
fi

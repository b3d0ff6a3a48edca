#!/bin/sh
# Look at the GPUs through whichever tool there is, compare with what was rented, measure what needs no compiler.
# A table on standard output, one JSON object per line in results.jsonl; when something is wrong, one sentence and status 79: this
# machine is not fit, take another.
set -u
LC_ALL=C
PATH=$PATH:/opt/rocm/bin:/usr/local/cuda/bin:/usr/sbin:/sbin
export LC_ALL PATH

results=${GPUFLEET_RESULTS:-.}/results.jsonl
work=$(mktemp -d "${TMPDIR:-/tmp}/gpu-check.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM
: >"$results"

progress()
{
	echo "gpufleet: progress $*"
}

wrong()
{
	echo "gpu-check: $*" >&2
	progress "$*"
	exit 79
}

number()
{
	case $2 in
	'' | - | *[!0-9.]* | *.*.*) ;;
	*) printf '{"metric":"%s","value":%s,"unit":"%s"}\n' "$1" "$2" "$3" >>"$results" ;;
	esac
}

text()
{
	printf '{"metric":"%s","text":"%s"}\n' "$1" "$(printf %s "$2" | tr -d '\000-\037"\\')" >>"$results"
}

has()
{
	command -v "$1" >/dev/null 2>&1
}

# limited SECONDS COMMAND...: tools hang when a driver does.
limited()
{
	seconds=$1
	shift
	"$@" &
	job=$!
	# It ends by itself when the job is gone: a signal right behind its birth could be lost.
	(
		i=0
		while [ "$i" -lt "$seconds" ] && kill -0 "$job" 2>/dev/null; do
			sleep 1
			i=$((i + 1))
		done
		kill -s KILL "$job"
	) </dev/null >/dev/null 2>&1 &
	wait "$job"
	return $?
}

# ---- the tools, each into lines "index|name|MiB|MiB used|% busy|W|C|driver", "-" where nothing is said ---------------------

from_nvidia()
{
	limited 60 nvidia-smi --query-gpu=index,name,memory.total,memory.used,utilization.gpu,power.draw,temperature.gpu,driver_version \
		--format=csv,noheader,nounits </dev/null >"$work/raw" 2>"$work/err" || return 1
	awk -F ', *' '
	$1 ~ /^[0-9]+$/ && NF >= 8 {
		for (i = 3; i <= 7; i++) if ($i !~ /^[0-9.]+$/) $i = "-"
		printf "%s|%s|%s|%s|%s|%s|%s|%s\n", $1, $2, $3, $4, $5, $6, $7, $8
	}' "$work/raw"
}

# JSON without a JSON reader: one token per line, the last key that opened an object says what a "value" belongs to.
tokens()
{
	tr '{}[],\n\t' '\n\n\n\n\n  ' | sed 's/^ *//; s/ *$//'
}

from_amd()
{
	limited 60 amd-smi static --asic --vram --driver --json </dev/null 2>"$work/err" | tokens >"$work/static"
	limited 60 amd-smi metric -u -p -t -m --json </dev/null 2>/dev/null | tokens >"$work/metric"
	cat "$work/static" "$work/metric" | awk '
	function clean(s) { sub(/^[^:]*: */, "", s); gsub(/^"|"$/, "", s); return s }
	function keep(what, v) { if (v ~ /^[0-9.]+$/) fact[g, what] = v }
	/^"gpu" *:/ { g = clean($0) + 0; if (!(g in seen)) { seen[g] = 1; order[n++] = g } context = "gpu"; next }
	!n { next }
	/^"[^"]*" *:$/ { context = $0; gsub(/[": ]/, "", context); next }
	/^"market_name" *:/ { fact[g, "name"] = clean($0); next }
	/^"driver" *:/ { context = "driver"; next }
	/^"version" *:/ { if (context == "driver") fact[g, "driver"] = clean($0); next }
	/^"value" *:/ {
		v = clean($0)
		if (context == "size") keep("mib", v)
		if (context == "used_vram") keep("used", v)
		if (context == "gfx_activity") keep("busy", v)
		if (context == "socket_power") keep("watt", v)
		if (context == "hotspot") keep("celsius", v)
		if (context == "edge" && !((g, "celsius") in fact)) keep("celsius", v)
		next
	}
	# Older releases say the number itself, with or without its unit.
	/^"(size|used_vram|gfx_activity|socket_power|hotspot)" *:/ {
		key = $0; sub(/" *:.*/, "", key); sub(/"/, "", key)
		v = clean($0); sub(/ .*/, "", v)
		if (key == "size") keep("mib", v)
		if (key == "used_vram") keep("used", v)
		if (key == "gfx_activity") keep("busy", v)
		if (key == "socket_power") keep("watt", v)
		if (key == "hotspot") keep("celsius", v)
	}
	function say(what) { return ((order[i], what) in fact) ? fact[order[i], what] : "-" }
	END {
		for (i = 0; i < n; i++)
			printf "%s|%s|%s|%s|%s|%s|%s|%s\n", order[i], say("name"), say("mib"), say("used"), say("busy"), say("watt"), say("celsius"), say("driver")
	}'
}

from_rocm()
{
	limited 60 rocm-smi --showproductname --showuse --showmeminfo vram --showpower --showtemp --showdriverversion --json \
		</dev/null 2>"$work/err" | tokens | awk '
	function value(s) { sub(/^"[^"]*" *: */, "", s); gsub(/^"|"$/, "", s); return s }
	/^"card[0-9]+" *:/ { g = $0; gsub(/[^0-9]/, "", g); order[n++] = g; next }
	/^"system" *:/ { g = "system"; next }
	tolower($0) ~ /^"driver version"/ { driver = value($0); next }
	{ key = tolower($0); v = value($0) }
	key ~ /^"card series"/ { name[g] = v }
	key ~ /^"card model"/ && !(g in name) { name[g] = v }
	key ~ /^"vram total memory/ { mib[g] = v / 1048576 }
	key ~ /^"vram total used memory/ { used[g] = v / 1048576 }
	key ~ /^"gpu use/ { busy[g] = v }
	key ~ /graphics package power/ && v ~ /^[0-9.]+$/ { watt[g] = v }
	key ~ /^"temperature \(sensor junction/ { celsius[g] = v }
	function say(a) { return (order[i] in a) && a[order[i]] != "" && a[order[i]] != "N/A" ? a[order[i]] : "-" }
	END {
		for (i = 0; i < n; i++)
			printf "%s|%s|%s|%s|%s|%s|%s|%s\n", order[i], say(name), say(mib), say(used), say(busy), say(watt), say(celsius), driver == "" ? "-" : driver
	}'
}

find_gpus()
{
	for tool in nvidia-smi amd-smi rocm-smi; do
		has "$tool" || continue
		case $tool in
		nvidia-smi) from_nvidia ;;
		amd-smi) from_amd ;;
		rocm-smi) from_rocm ;;
		esac >"$work/gpus"
		[ ! -s "$work/gpus" ] || return 0
		said=$(cat "$work/err" "$work/raw" 2>/dev/null | tr -d '\000' | sed '/^ *$/d' | head -n 1)
		[ -z "$said" ] || complaint="$tool: $said"
	done
	tool=
	return 1
}

# ---- what was rented --------------------------------------------------------------------------------------------------------

words()
{
	printf ' %s ' "$1" | tr 'A-Z_/[]()-' 'a-z       ' | tr -s ' '
}

# "H100" is "NVIDIA H100 80GB HBM3"; "L4" is not "NVIDIA L40S".
same_gpu()
{
	want=$(words "$1")
	got=$(words "$2")
	case $got in
	*"$want"*) return 0 ;;
	esac
	want=$(printf %s "$want" | tr -d ' ')
	got=$(printf %s "$got" | tr -d ' ')
	case ${#want}:$got in
	[1-4]:*) return 1 ;;
	*"$want"*) return 0 ;;
	esac
	return 1
}

check_rented()
{
	if [ -n "${GPUFLEET_GPU_COUNT:-}" ] && [ "$count" -ne "$GPUFLEET_GPU_COUNT" ]; then
		wrong "this machine shows $count GPUs, $GPUFLEET_GPU_COUNT were rented"
	fi
	[ -n "${GPUFLEET_GPU:-}" ] || return 0
	while IFS='|' read -r index name _; do
		same_gpu "$GPUFLEET_GPU" "$name" || wrong "GPU $index is a '$name', '$GPUFLEET_GPU' was rented"
	done <"$work/gpus"
}

# ---- measuring --------------------------------------------------------------------------------------------------------------

measure_disk()
{
	mb=${DISK_MB:-256}
	case $mb in
	'' | 0 | *[!0-9]*) return 0 ;;
	esac
	free=$(df -Pk . | awk 'END { print int($4 / 1024) }')
	if [ "$free" -lt "$((mb * 2))" ]; then
		echo "disk: only $free MB free, not measured"
		return 0
	fi
	# In the working directory: /tmp may be memory.
	dd if=/dev/zero of=gpu-check.disk bs=1048576 count="$mb" conv=fsync 2>"$work/dd"
	rm -f gpu-check.disk
	speed=$(awk -v mb="$mb" '/copied/ { sub(/.*copied, */, ""); if ($1 + 0 > 0) printf "%.0f", mb * 1.048576 / $1 }' "$work/dd")
	echo "disk: ${speed:--} MB/s writing $mb MB, $free MB free"
	number disk_write "$speed" MB/s
	number disk_free "$free" MB
}

with_torch()
{
	cat >"$work/copy.py" <<-'PYTHON'
		import sys, time
		import torch
		if not torch.cuda.is_available():
		    sys.exit(3)
		size = 256 << 20
		device = torch.empty(size, dtype=torch.uint8, device="cuda")
		other = torch.empty_like(device)
		host = torch.empty(size, dtype=torch.uint8).pin_memory()
		def speed(copy, count):
		    copy()
		    torch.cuda.synchronize()
		    best = 0.0
		    for _ in range(5):
		        begun = time.perf_counter()
		        for _ in range(count):
		            copy()
		        torch.cuda.synchronize()
		        best = max(best, size * count / (time.perf_counter() - begun) / 1e9)
		    return best
		print("gpu_copy_in %.1f GB/s" % speed(lambda: device.copy_(host, non_blocking=True), 4))
		print("gpu_copy_out %.1f GB/s" % speed(lambda: host.copy_(device, non_blocking=True), 4))
		# Each byte is read and written.
		print("gpu_copy_inside %.1f GB/s" % (2 * speed(lambda: other.copy_(device), 50)))
		del device, other, host
		# The smallest of all GPUs: one bad one makes a bad machine.
		edge, worst = 8192, None
		for gpu in range(torch.cuda.device_count()):
		    a = torch.randn(edge, edge, dtype=torch.float16, device="cuda:%d" % gpu)
		    b = torch.randn(edge, edge, dtype=torch.float16, device="cuda:%d" % gpu)
		    for _ in range(10):
		        a @ b
		    torch.cuda.synchronize(gpu)
		    begun = time.perf_counter()
		    for _ in range(50):
		        a @ b
		    torch.cuda.synchronize(gpu)
		    tflops = 2.0 * edge ** 3 * 50 / (time.perf_counter() - begun) / 1e12
		    worst = tflops if worst is None else min(worst, tflops)
		print("gpu_matmul %.1f TFLOPS" % worst)
	PYTHON
	limited 180 python3 "$work/copy.py" </dev/null 2>"$work/err"
}

with_nvbandwidth()
{
	for test in host_to_device_memcpy_ce device_to_host_memcpy_ce; do
		limited 120 nvbandwidth -t "$test" </dev/null 2>/dev/null |
			awk -v test="$test" '$1 == "0" && NF == 2 && $2 ~ /^[0-9.]+$/ { print (test ~ /^host/ ? "gpu_copy_in " : "gpu_copy_out ") $2 " GB/s"; exit }'
	done
}

measure_copies()
{
	[ "${BANDWIDTH:-true}" = true ] || return 0
	: >"$work/copies"
	if has python3 && python3 -c 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") is None)' 2>/dev/null; then
		with_torch >"$work/copies"
	elif has nvbandwidth; then
		with_nvbandwidth >"$work/copies"
	fi
	while read -r metric speed unit; do
		echo "$metric: $speed $unit"
		number "$metric" "$speed" "$unit"
	done <"$work/copies"
	[ -s "$work/copies" ] || echo "copies to and from the GPU: neither PyTorch nor nvbandwidth works here, not measured"
}

# A GPU that is slowed down while it has nothing to do is too hot, or gets too little power.
check_throttling()
{
	throttled=
	case $tool in
	nvidia-smi)
		throttled=$(limited 60 nvidia-smi --query-gpu=clocks_event_reasons.hw_slowdown --format=csv,noheader </dev/null 2>/dev/null |
			awk '$1 == "Active" { printf "%s ", NR - 1 }')
		;;
	amd-smi)
		throttled=$(tr ',' '\n' <"$work/metric" | awk -F: '/^"gpu" *:/ { g = $2 + 0 } /"throttle_status" *:/ && $2 ~ /"THROTTLED"/ { printf "%s ", g }')
		;;
	esac
	[ -z "$throttled" ] || wrong "GPU ${throttled% } is throttled before anything runs on it"
}

# ---- all of it --------------------------------------------------------------------------------------------------------------

complaint=
progress "1/4 looking for GPUs"
has awk || wrong "this machine has no awk"
find_gpus || wrong "no GPU answers${complaint:+ ($complaint)}"
count=$(awk 'END { print NR }' "$work/gpus")
awk -F '|' 'BEGIN { printf "%-4s %-32s %9s %9s %6s %7s %6s  %s\n", "GPU", "NAME", "MEMORY", "USED", "BUSY", "POWER", "TEMP", "DRIVER" }
	function with(v, unit, format) { return v == "-" ? "-" : sprintf(format "%s", v, unit) }
	{ printf "%-4s %-32.32s %9s %9s %6s %7s %6s  %s\n", $1, $2, with($3 == "-" ? "-" : $3 / 1024, " GB", "%.0f"),
		with($4 == "-" ? "-" : $4 / 1024, " GB", "%.1f"), with($5, " %", "%.0f"), with($6, " W", "%.0f"), with($7, " C", "%.0f"), $8 }' "$work/gpus"
number gpu_count "$count" 1
# Memory of the smallest, temperature of the hottest, power of all.
awk -F '|' '
	$3 != "-" && (least == "" || $3 < least) { least = $3 }
	$4 != "-" { used += $4; some_used = 1 }
	$5 != "-" && $5 + 0 > busy { busy = $5 + 0 }
	$6 != "-" { watt += $6; some_watt = 1 }
	$7 != "-" && $7 + 0 > hot { hot = $7 + 0 }
	END {
		if (least != "") printf "gpu_memory %.0f GB\n", least / 1024
		if (some_used) printf "gpu_memory_used %.1f GB\n", used / 1024
		printf "gpu_busy %.0f %%\n", busy
		if (some_watt) printf "gpu_power %.0f W\n", watt
		if (hot) printf "gpu_temperature %.0f C\n", hot
	}' "$work/gpus" | while read -r metric value unit; do
	number "$metric" "$value" "$unit"
done
IFS='|' read -r _ gpu _ _ _ _ _ driver <"$work/gpus"
text gpu "$gpu"
text driver "$driver"
text tool "$tool"
text kernel "$(uname -sr)"
progress "2/4 comparing with what was rented"
check_rented
check_throttling
progress "3/4 measuring the disk"
measure_disk
progress "4/4 measuring copies"
measure_copies
progress "done: $count x $gpu"

# The reproducibility manifest (benchmarks §6): what ran, as it says itself, not as it was asked for. Unknown is null, never "".
# manifest_begin, the parts that apply, manifest_end. Needs launch.sh and floor.sh; $work/environment is that of what was measured.
# shellcheck shell=sh

manifest_begin()
{
	manifest=$GPUFLEET_RESULTS/manifest.json
	printf '{"schema":"gpufleet-manifest-1"' >"$manifest.new"
}

put_text()
{
	if [ -n "$2" ]; then
		printf ',"%s":"%s"' "$1" "$(json_text "$2")" >>"$manifest.new"
	else
		printf ',"%s":null' "$1" >>"$manifest.new"
	fi
}

put_number()
{
	case $2 in
	'' | *[!0-9.]* | *.*.* | .) printf ',"%s":null' "$1" >>"$manifest.new" ;;
	*) printf ',"%s":%s' "$1" "$2" >>"$manifest.new" ;;
	esac
}

# put_list NAME FILE: one element per line
put_list()
{
	printf ',"%s":[' "$1" >>"$manifest.new"
	comma=
	while IFS= read -r element; do
		printf '%s"%s"' "$comma" "$(json_text "$element")" >>"$manifest.new"
		comma=,
	done <"$2"
	printf ']' >>"$manifest.new"
}

# The whole environment of the server; values of what looks like a secret are not kept, their names are. Where the instances of this run
# are is no part of the stack.
put_env()
{
	printf ',"env":{' >>"$manifest.new"
	awk '
	function json(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); gsub(/[\001-\037]/, " ", s); return s }
	/^[A-Za-z_][A-Za-z0-9_]*=/ {
		name = $0; sub(/=.*/, "", name)
		value = $0; sub(/^[^=]*=/, "", value)
		if (name ~ /^(GPUFLEET_|SKYPILOT_NODE_IPS$|MASTER_ADDR$|_$|PWD$|OLDPWD$|SHLVL$|HOSTNAME$|TMPDIR$|HOME$)/) next
		if (name ~ /TOKEN|KEY|SECRET|PASSWORD|CREDENTIAL/ || name ~ /^(AWS_|SSH_)/) value = "<redacted>"
		printf "%s\"%s\":\"%s\"", n++ ? "," : "", name, json(value)
	}' "$work/environment" >>"$manifest.new"
	printf '}' >>"$manifest.new"
}

first_line()
{
	head -n 1 "$1" 2>/dev/null | tr -d '\000'
}

manifest_host()
{
	put_text collected_at "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
	put_text provider "${GPUFLEET_PROVIDER:-}"
	put_text region "${GPUFLEET_REGION:-}"
	put_text instance_id "${GPUFLEET_INSTANCE_ID:-}"
	put_text instance_type "${GPUFLEET_INSTANCE_TYPE:-}"
	put_number price_per_hour_usd "${GPUFLEET_PRICE_HOUR:-}"
	put_text os_release "$(sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release 2>/dev/null)"
	put_text kernel "$(uname -r)"
	put_text cpu_model "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)"
	put_number cpu_count "$(nproc 2>/dev/null || grep -c '^processor' /proc/cpuinfo)"
	put_number ram_bytes "$(awk '/^MemTotal:/ { printf "%.0f", $2 * 1024 }' /proc/meminfo)"
	put_text numa_balancing "$(first_line /proc/sys/kernel/numa_balancing)"
	put_text thp "$(sed -n 's/.*\[\(.*\)\].*/\1/p' /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null)"
	put_text cpu_governor "$(first_line /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor)"
}

manifest_gpu()
{
	put_text gpu_vendor "$vendor"
	put_text gpu_model "$gpu_name"
	put_number gpu_count "$gpu_count"
	if [ "$vendor" = nvidia ]; then
		put_text compute_cap "${arch#sm_}"
		put_text driver_version "$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1)"
		put_number gpu_memory_bytes "$(nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits 2>/dev/null | awk 'NR == 1 && $1 > 0 { printf "%.0f", $1 * 1048576 }')"
		put_number gpu_power_limit_w "$(nvidia-smi --query-gpu=power.limit --format=csv,noheader,nounits 2>/dev/null | head -n 1 | tr -d ' ')"
		put_text ecc "$(nvidia-smi --query-gpu=ecc.mode.current --format=csv,noheader 2>/dev/null | head -n 1 | sed '/N\/A\|Not Supported/d')"
		put_text driver_cuda_version "$(nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: *\([0-9.]*\).*/\1/p' | head -n 1)"
	else
		put_text gfx_arch "$arch"
		driver=$(first_line "${SYSFS_ROOT:-}/sys/module/amdgpu/version")
		[ -n "$driver" ] || driver=$(amd-smi static --driver --json 2>/dev/null | tr ',{' '\n\n' | sed -n 's/.*"version" *: *"\([^"]*\)".*/\1/p' | head -n 1)
		put_text driver_version "${driver:-$(uname -r)}"
		put_text rocm_version "$(inside cat /opt/rocm/.info/version 2>/dev/null | head -n 1)"
		put_text host_rocm_version "$(first_line /opt/rocm/.info/version)"
		put_number gpu_memory_bytes "$(amd-smi static --vram --json 2>/dev/null | tr ',{}' '\n\n\n' | awk -F: '/"size"/ { size = 1 } size && /"value"/ { printf "%.0f", $2 * 1048576; exit }')"
	fi
}

# manifest_software PACKAGE...: versions of PyTorch and these, from the packages' own data: importing vllm prints to standard output.
manifest_software()
{
	versions=$(inside "${python:-python3}" -c '
import importlib.metadata as m, json, sys
def version(name):
    try:
        return m.version(name)
    except Exception:
        return None
try:
    import torch
    t = {"torch_version": torch.__version__, "torch_hip_version": torch.version.hip, "cuda_version": torch.version.cuda}
except Exception:
    t = {"torch_version": version("torch"), "torch_hip_version": None, "cuda_version": None}
for name in sys.argv[1:]:
    t[name.replace("-", "_") + "_version"] = version(name)
print(json.dumps(t))' "$@" 2>/dev/null | tail -n 1)
	case $versions in
	'{'*'}')
		inner=$(printf %s "$versions" | sed 's/^{//; s/}$//; s/, "vllm_version": null//')
		printf ',%s' "$inner" >>"$manifest.new"
		;;
	esac
	case " $* $versions" in
	*'"vllm_version": "'*) ;;
	*' vllm '*) put_text vllm_version "$(inside vllm --version 2>/dev/null | tail -n 1)" ;;
	esac
	put_text python_version "$(inside "${python:-python3}" -V 2>/dev/null | tail -n 1)"
	inside "${python:-python3}" -m pip freeze --all >"$GPUFLEET_RESULTS/pip-freeze.txt" 2>/dev/null
	[ -s "$GPUFLEET_RESULTS/pip-freeze.txt" ] || rm -f "$GPUFLEET_RESULTS/pip-freeze.txt"
	put_text pip_freeze_sha256 "$(LC_ALL=C sort "$GPUFLEET_RESULTS/pip-freeze.txt" 2>/dev/null | sha256sum 2>/dev/null | sed 's/ .*//; /^e3b0c44298fc/d')"
	put_text image "$([ "$mode" = docker ] && echo "$image")"
	put_text image_digest "$([ "$mode" = docker ] && docker image inspect --format '{{index .RepoDigests 0}}' "$image" 2>/dev/null)"
	put_text launch_mode "$mode"
}

# The commit of a downloaded model is the name of a directory of the cache.
model_revision()
{
	for snapshot in "$models/hub/models--$(printf %s "$MODEL" | sed 's,/,--,g')"/snapshots/*; do
		[ -d "$snapshot" ] && printf '%s\n' "${snapshot##*/}" && return 0
	done
}

manifest_model()
{
	put_text model_id "$MODEL"
	put_text model_revision "${REVISION:-$(model_revision)}"
}

# manifest_engine LOG: effective values, from the engine's own line in it.
manifest_engine()
{
	put_number max_model_len "$max_model_len"
	for field in quantization dtype kv_cache_dtype; do
		put_text $field "$(sed -n "s/.*LLM engine (.*[ ,]$field=\([^,)]*\).*/\1/p" "$1" 2>/dev/null | tail -n 1)"
	done
}

manifest_end()
{
	[ ! -f "$work/engine_args" ] || put_list engine_args "$work/engine_args"
	[ ! -f "$work/bench_args" ] || put_list bench_args "$work/bench_args"
	if [ -z "$floor_missing" ]; then
		printf ',"env_floor_ok":true,"env_floor_missing":[]' >>"$manifest.new"
	else
		# shellcheck disable=SC2086 # words
		printf '%s\n' $floor_missing >"$work/missing"
		printf ',"env_floor_ok":false' >>"$manifest.new"
		put_list env_floor_missing "$work/missing"
	fi
	put_env
	printf '}\n' >>"$manifest.new"
	mv -f "$manifest.new" "$manifest"
}

# Which GPUs this machine has: find_gpu sets $vendor (amd, nvidia), $arch (gfx942, sm_90), $gpu_count and $gpu_name.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

# gfx942 from the kernel's own numbers: major*10000 + minor*100 + step, the step in hexadecimal.
kfd_arch()
{
	cat "${SYSFS_ROOT:-}"/sys/class/kfd/kfd/topology/nodes/*/properties 2>/dev/null | awk '
	$1 == "gfx_target_version" && $2 > 0 {
		printf "gfx%d%d%x\n", int($2 / 10000), int($2 / 100) % 100, $2 % 100
		exit
	}'
}

find_gpu()
{
	vendor= arch= gpu_count=0 gpu_name=
	if has nvidia-smi; then
		gpu_name=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1)
		gpu_count=$(nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null | grep -c '^[0-9]')
		arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d '. ')
		case $arch in
		*[!0-9]* | '') arch= ;;
		*) arch=sm_$arch ;;
		esac
		[ "$gpu_count" -eq 0 ] || vendor=nvidia
	fi
	if [ -z "$vendor" ] && has amd-smi; then
		amd=$(amd-smi static --asic --json 2>/dev/null)
		gpu_count=$(printf %s "$amd" | tr ',{' '\n\n' | grep -c '"gpu" *:')
		gpu_name=$(printf %s "$amd" | tr ',{' '\n\n' | sed -n 's/.*"market_name" *: *"\([^"]*\)".*/\1/p' | head -n 1)
		arch=$(printf %s "$amd" | tr ',{' '\n\n' | sed -n 's/.*"target_graphics_version" *: *"\([^":]*\).*/\1/p' | head -n 1)
		[ "$gpu_count" -eq 0 ] || vendor=amd
	fi
	if [ -z "$vendor" ] && has rocm-smi; then
		rocm=$(rocm-smi --showproductname --json 2>/dev/null)
		gpu_count=$(printf %s "$rocm" | tr ',{' '\n\n' | grep -c '"card[0-9]*" *:')
		gpu_name=$(printf %s "$rocm" | tr ',{' '\n\n' | sed -n 's/.*"Card [Ss]eries" *: *"\([^"]*\)".*/\1/p' | head -n 1)
		arch=$(printf %s "$rocm" | tr ',{' '\n\n' | sed -n 's/.*"GFX Version" *: *"\([^":]*\).*/\1/p' | head -n 1)
		[ "$gpu_count" -eq 0 ] || vendor=amd
	fi
	[ "$vendor" != amd ] || [ -n "$arch" ] || arch=$(kfd_arch)
	[ -n "$vendor" ]
}

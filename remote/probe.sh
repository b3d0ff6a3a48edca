# What is this machine? Facts as key=value lines, then what the GPU tools say, raw, between "begin" and "end" lines.
# Reading is done in job_probe.c, so that this stays small. Nothing here needs root or takes more than a few seconds.

umask 077
LC_ALL=C
PATH=$PATH:/opt/rocm/bin:/usr/local/cuda/bin:/usr/sbin:/sbin
export LC_ALL PATH

# limited SECONDS COMMAND...: tools hang when a driver does.
limited() {
	seconds=$1
	shift
	"$@" &
	job=$!
	(
		i=0
		while [ "$i" -lt "$((seconds * 5))" ] && kill -0 "$job" 2>/dev/null; do
			sleep 0.2 2>/dev/null || sleep 1
			i=$((i + 1))
		done
		kill -s KILL "$job" 2>/dev/null
	) </dev/null >/dev/null 2>&1 &
	wait "$job"
}

has() {
	command -v "$1" >/dev/null 2>&1
}

section() {
	echo "begin $1"
	shift
	limited 20 "$@" </dev/null 2>/dev/null | head -c 49152
	echo
	echo end
}

echo 'gf-probe 1'
echo "boot_id=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
echo "root=$(id -u)"
echo "home=${HOME:-}"
echo "os=$(sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release 2>/dev/null | head -n 1)"
echo "disk=$(df -Pk "${HOME:-/}" 2>/dev/null | tail -n 1 | sed 's/^[^ ]* *[0-9]* *[0-9]* *\([0-9]*\).*/\1/')"
if has docker && limited 5 docker info </dev/null >/dev/null 2>&1; then
	echo docker=1
fi

# Is somebody using it? People have terminals, our own logins have none.
echo "logins=$(who 2>/dev/null | wc -l)"
# They are told once when its time is nearly up.
if [ -n "${warning:-}" ]; then
	told=$HOME/.gpufleet/told-$(printf %s "$warning" | cksum | tr -dc 0-9)
	if [ ! -e "$told" ]; then
		mkdir -p "$HOME/.gpufleet" && : >"$told"
		for tty in $(who 2>/dev/null | sed 's/^[^ ]* *\([^ ]*\).*/\1/'); do
			[ ! -w "/dev/$tty" ] || printf '\r\n%s\r\n' "$warning" >"/dev/$tty"
		done
	fi
fi

# Hardware by PCI class: display, 3D, processing accelerator.
for d in /sys/bus/pci/devices/*; do
	case $(cat "$d/class" 2>/dev/null) in
	0x0300* | 0x0302* | 0x1200*)
		case $(cat "$d/vendor" 2>/dev/null) in
		0x10de) echo pci=nvidia ;;
		0x1002) echo pci=amd ;;
		esac
		;;
	esac
done
if [ -e /proc/driver/nvidia/version ] || [ -e /dev/nvidiactl ]; then
	echo driver_loaded=nvidia
fi
if [ -e /dev/kfd ]; then
	echo driver_loaded=amd
fi

if has nvidia-smi; then
	section nvidia-smi nvidia-smi --query-gpu=index,name,memory.total,driver_version --format=csv,noheader,nounits
fi
if has amd-smi; then
	section amd-smi amd-smi static --asic --vram --driver --json
fi
if has rocm-smi; then
	section rocm-smi rocm-smi --showproductname --showmeminfo vram --showdriverversion --json
fi
if has nvidia-smi; then
	section busy-nvidia nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits
elif has amd-smi; then
	section busy-amd amd-smi metric --usage --csv
elif has rocm-smi; then
	section busy-rocm rocm-smi --showuse
fi
# The AMD driver without any tool.
echo 'begin kfd'
for n in /sys/class/kfd/kfd/topology/nodes/*; do
	version=$(sed -n 's/^gfx_target_version //p' "$n/properties" 2>/dev/null)
	[ "${version:-0}" != 0 ] || continue
	bytes=$(cat "$n"/mem_banks/*/properties 2>/dev/null | sed -n 's/^size_in_bytes //p' | sort -n | tail -n 1)
	echo "$version ${bytes:-0}"
done
echo end

# A Python with PyTorch and one package more, where the software runs. Needs launch.sh.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

python=python3

# package_version NAME: as $python has it; "" when it has not
package_version()
{
	inside "$python" -c 'import importlib.metadata as m, sys; print(m.version(sys.argv[1]))' "$1" 2>/dev/null
}

# python_with PACKAGE VERSION: $python has it afterwards. A VERSION of "" takes the one that is there. What must be installed goes into a
# directory of its own, and PyTorch stays as it is: pip by itself would put the build for CUDA in the place of ROCm's (benchmarks §5).
python_with()
{
	torch=$(package_version torch)
	[ -n "$torch" ] || {
		complain "no python3 with PyTorch here; rent an image that has it (--image), or a VM with docker"
		return 1
	}
	venv=/opt/gpufleet-$1
	[ "$mode" = docker ] || venv=$HOME/.cache/gpufleet/$1${2:+-$2}
	for python in python3 "$venv/bin/python3"; do
		have=$(package_version "$1")
		if [ -n "$have" ] && { [ -z "$2" ] || [ "$have" = "$2" ]; }; then
			say "$1 $have, PyTorch $torch"
			return 0
		fi
	done
	progress "installing $1 $2"
	inside python3 -m venv --system-site-packages "$venv" >&2 || {
		complain "python3 -m venv does not work here; install it (python3-venv), or rent an image that has $1"
		return 1
	}
	python=$venv/bin/python3
	inside "$python" -m pip install --quiet "$1${2:+==$2}" "torch==$torch" >&2 || {
		complain "$1 $2 cannot be installed beside PyTorch $torch; name another version, or rent an image that has it"
		return 1
	}
	say "$1 $(package_version "$1"), PyTorch $torch"
}

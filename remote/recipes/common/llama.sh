# llama.cpp, built on the machine from a pinned commit for its GPU, or for its CPU where it has none; and the models that it reads (benchmarks §2).
# Needs shell.sh, gpu.sh and launch.sh. What is built and downloaded stays, on the volume where there is one.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

store=${GPUFLEET_VOLUME:-$HOME/.cache}/gpufleet
llama_url=https://github.com/ggml-org/llama.cpp

# In the container everything has the name that it has here; each directory once.
docker_mounts()
{
	for named in "$store/" "${MODEL:-}" "${DRAFT:-}" "${BASELINE:-}" "${DATASET:-}" "${GPUFLEET_VOLUME:-}/"; do
		case $named in
		/?*) printf '%s\n' "${named%/*}" ;;
		esac
	done | sort -u
}

# Images with the compilers, pinned by version.
compiler_image()
{
	case $vendor in
	amd) echo rocm/dev-ubuntu-24.04:6.4.1-complete ;;
	*) echo nvidia/cuda:12.8.1-devel-ubuntu24.04 ;;
	esac
}

compiler_here()
{
	compiler=c++
	[ "$vendor" != amd ] || compiler=hipcc
	[ "$vendor" != nvidia ] || compiler=nvcc
	has "$compiler" && has cmake
}

# $vendor ("cpu": none), $arch, $mode, $image and $llama, the directory of this build. A compiler that is here is used as it is.
llama_place()
{
	find_gpu || [ "${BACKEND:-auto}" != gpu ] || {
		complain "no GPU answers (nvidia-smi, amd-smi and rocm-smi say nothing)"
		return 1
	}
	if [ -z "$vendor" ] || [ "${BACKEND:-auto}" = cpu ]; then
		vendor=cpu arch=$(uname -m) gpu_count=0 gpu_name=
	fi
	mode=${MODE:-auto}
	if [ "$vendor" = cpu ] || { [ "$mode" = auto ] && compiler_here; }; then
		mode=native
	else
		choose_mode || return 1
	fi
	image=
	[ "$mode" = native ] || image=${IMAGE:-$(compiler_image)}
	[ "$mode" = docker ] || compiler_here || {
		complain "cmake and $compiler are not both here, to build llama.cpp; rent an image that has them (--image), or a VM with docker"
		return 1
	}
	llama=$store/llama.cpp-$REF-$vendor-$arch-$mode
}

# Where the commands run, until llama_end.
llama_begin()
{
	mkdir -p "$store"
	[ "$mode" = docker ] || return 0
	container_start sleep infinity >"$work/container" 2>"$work/docker.err" || {
		complain "the container did not start: $(tail -n 1 "$work/docker.err")"
		return 1
	}
}

llama_end()
{
	[ "$mode" != docker ] || container_stop
}

llama_source()
{
	if [ ! -e "$llama/source/commit" ]; then
		progress "fetching llama.cpp $REF"
		rm -rf "$llama/source"
		mkdir -p "$llama/source"
		# Tags and whole commits alike, without the history.
		git -C "$llama/source" init -q && git -C "$llama/source" fetch -q --depth 1 "$llama_url" "$REF" &&
			git -C "$llama/source" checkout -q FETCH_HEAD && git -C "$llama/source" rev-parse HEAD >"$work/commit" || {
			complain "llama.cpp $REF could not be fetched from $llama_url"
			return 1
		}
		mv "$work/commit" "$llama/source/commit"
	fi
}

# How cmake is told about the GPU, one word per line. One name of the targets is older ROCm's, the other newer's.
backend_words()
{
	case $vendor in
	amd) printf '%s\n' -DGGML_HIP=ON "-DGPU_TARGETS=$arch" "-DAMDGPU_TARGETS=$arch" ;;
	nvidia) printf '%s\n' -DGGML_CUDA=ON "-DCMAKE_CUDA_ARCHITECTURES=${arch#sm_}" ;;
	*) printf '%s\n' -DGGML_NATIVE=ON ;;
	esac
}

llama_build()
{
	[ ! -e "$llama/built" ] || {
		say "llama.cpp $REF is built already"
		return 0
	}
	has git || {
		complain "git is not installed here"
		return 1
	}
	llama_source || return 1
	progress "building llama.cpp $REF for $vendor $arch"
	# Images for compiling have no cmake.
	[ "$mode" = native ] || inside sh -c 'command -v cmake >/dev/null || { apt-get update -qq && apt-get install -y -qq cmake build-essential; }' >&2 || {
		complain "cmake could not be installed in $image"
		return 1
	}
	backend_words >"$work/backend"
	# shellcheck disable=SC2016 # for the inner shell
	configure='[ -z "$(command -v hipconfig)" ] || export HIPCXX="$(hipconfig -l)/clang" HIP_PATH="$(hipconfig -R)"; exec cmake "$@"'
	with_words "$work/backend" inside sh -c "$configure" cmake -S "$llama/source" -B "$llama/build" -DCMAKE_BUILD_TYPE=Release \
		-DBUILD_SHARED_LIBS=OFF -DLLAMA_CURL=OFF >&2 &&
		inside cmake --build "$llama/build" --config Release -j "$(nproc)" --target llama-bench llama-speculative llama-perplexity >&2 || {
		complain "llama.cpp $REF does not build here for $vendor $arch"
		return 1
	}
	: >"$llama/built"
}

# ---- files of the hub -------------------------------------------------------------------------------------------------------

# hub_file REPOSITORY FILE REVISION DIRECTORY [datasets]: into the directory, once. The token reaches curl through its standard input.
hub_file()
{
	[ ! -e "$4/$2" ] || return 0
	progress "downloading $2"
	mkdir -p "$4"
	kind=model
	[ -z "${5:-}" ] || kind=dataset
	if has hf; then
		hf download "$1" "$2" --revision "$3" --repo-type "$kind" --local-dir "$4" >&2
	else
		hub_header | curl -sSfL -K - -o "$4/$2.part" "${HF_ENDPOINT:-https://huggingface.co}/${5:+$5/}$1/resolve/$3/$2" &&
			mv "$4/$2.part" "$4/$2"
	fi && [ -e "$4/$2" ] || {
		complain "$2 of $1 could not be downloaded${HF_TOKEN:+ with this HF_TOKEN}"
		return 1
	}
}

hub_header()
{
	[ -z "${HF_TOKEN:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$HF_TOKEN"
}

# model_file ORG/REPOSITORY:FILE, volume:PATH or /PATH: $gguf is where it lies
model_file()
{
	case $1 in
	/*) gguf=$1 ;;
	volume:*) gguf=${GPUFLEET_VOLUME:-/volume}/${1#volume:} ;;
	*/*:*.gguf)
		gguf=$store/models/$(printf %s "${1%%:*}" | sed 's,/,--,g')/${1#*:}
		hub_file "${1%%:*}" "${1#*:}" main "${gguf%/"${1#*:}"}" || return 1
		;;
	*)
		complain "'$1' is no model for llama.cpp: ORGANISATION/REPOSITORY:FILE.gguf, or a path on the machine"
		return 1
		;;
	esac
	[ -e "$gguf" ] || {
		complain "there is no file $gguf here"
		return 1
	}
}

# digest FILE: its SHA-256, kept beside it, since models are large
digest()
{
	[ -e "$1.sha256" ] || sha256sum "$1" 2>/dev/null | sed 's/ .*//' >"$work/digest"
	[ ! -s "$work/digest" ] || mv "$work/digest" "$1.sha256" 2>/dev/null
	cat "$1.sha256" "$work/digest" 2>/dev/null | head -n 1
}

# ---- running it -------------------------------------------------------------------------------------------------------------

# Layers on the GPU: all of them, or none where there is no GPU.
gpu_layers()
{
	if [ "$vendor" = cpu ]; then echo 0; else echo 99; fi
}

# llama_flash PROGRAM on|off: words for flash attention. It took no value before autumn 2025.
llama_flash()
{
	if inside "$llama/build/bin/$1" --help 2>&1 | grep -q -e '--flash-attn.*on|off'; then
		printf '%s\n' -fa "$2"
	elif [ "$2" = on ]; then
		printf '%s\n' -fa
	fi
}

# bench_flash 0|1: the same for llama-bench, which took numbers until mid-2026.
bench_flash()
{
	if inside "$llama/build/bin/llama-bench" --help 2>&1 | grep -q -e '--flash-attn <on|off'; then
		if [ "$1" -eq 1 ]; then echo on; else echo off; fi
	else
		echo "$1"
	fi
}

# llama_reason LOG: why a program of llama.cpp ended, in the codes of benchmarks §7.5
llama_reason()
{
	if grep -qi 'out of memory\|failed to allocate\|unable to allocate' "$1"; then
		echo oom
	elif grep -qi 'memory access fault by gpu\|illegal memory access\|HSA_STATUS_ERROR' "$1"; then
		echo gpu_fault
	elif grep -qi 'no space left on device' "$1"; then
		echo disk_full
	else
		echo server_exited
	fi
}

llama_complaint()
{
	grep -i 'error\|failed\|fault\|out of memory\|unable' "$1" 2>/dev/null | tail -n 1 | cut -c 1-110
}

# The part of the manifest that all of llama.cpp's recipes have; $gguf is the model.
manifest_llama()
{
	[ "$vendor" = cpu ] || manifest_gpu
	put_text framework "llama.cpp $REF"
	put_text llama_cpp_commit "$(first_line "$llama/source/commit")"
	put_text launch_mode "$mode"
	put_text image "$image"
	put_text image_digest "$([ "$mode" = docker ] && docker image inspect --format '{{index .RepoDigests 0}}' "$image" 2>/dev/null)"
	put_text model_id "$MODEL"
	put_text model_sha256 "$(digest "$gguf")"
	env >"$work/environment"
	floor_missing=
}

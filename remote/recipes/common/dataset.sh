# A text to measure with: one of the table `datasets`, fetched once and checked by its SHA-256, or a file on the machine.
# Needs shell.sh and llama.sh.
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

# A machine without the internet has a table of its own, of what its mirror of the hub serves.
dataset_table=${GPUFLEET_DATASETS:-./common/datasets}

unpack()
{
	if has unzip; then
		unzip -p "$1" "$2"
	else
		python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' "$1" "$2"
	fi
}

# fetch_text NAME REPOSITORY FILE REVISION MEMBER SHA256, as the table has them: $slice and $slice_sha256
fetch_text()
{
	slice=$store/datasets/$6/text
	if [ ! -e "$slice" ]; then
		hub_file "$2" "$3" "$4" "$store/datasets/$6" datasets || return 1
		if [ "$5" = - ]; then
			cp "$store/datasets/$6/$3" "$slice.part"
		else
			unpack "$store/datasets/$6/$3" "$5" >"$slice.part"
		fi || {
			complain "$3 cannot be unpacked: neither unzip nor python3 finds $5 in it"
			rm -rf "$store/datasets/$6"
			return 1
		}
		slice_sha256=$(sha256sum "$slice.part" | sed 's/ .*//')
		[ "$slice_sha256" = "$6" ] || {
			complain "what was downloaded is not $1: its SHA-256 is $slice_sha256 and not $6"
			rm -rf "$store/datasets/$6"
			return 1
		}
		mv "$slice.part" "$slice" && rm -f "$store/datasets/$6/$3"
	fi
	slice_sha256=$6
}

# find_text NAME|/PATH: $slice is where it lies, $slice_sha256 what it is
find_text()
{
	case $1 in
	/*)
		slice=$1
		[ -r "$slice" ] || {
			complain "there is no text $slice here"
			return 1
		}
		slice_sha256=$(sha256sum "$slice" | sed 's/ .*//')
		return 0
		;;
	esac
	[ -r "$dataset_table" ] || {
		complain "there is no table $dataset_table here, which GPUFLEET_DATASETS names"
		return 1
	}
	row=$(awk -v name="$1" '$1 == name && NF == 6 { print; exit }' "$dataset_table")
	[ -n "$row" ] || {
		complain "'$1' is neither the path of a text nor one of these: $(awk '!/^#/ && NF == 6 { printf "%s%s", n++ ? ", " : "", $1 }' "$dataset_table")"
		return 1
	}
	# shellcheck disable=SC2086 # words
	fetch_text $row
}

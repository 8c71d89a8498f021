#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Memory of every filter is constant in the number of samples: its peak at 100,000 is that at 1,000, give or take 4 MiB
# (of which 2 are the table that finds returning keys, filled page by page).
. "${0%/*}/lib.sh"

case $EM_BIN in
*-san/bin) skip 'memory at 1,000 and 100,000 samples' 'sanitizers keep what is freed'; finish ;;
esac
[ -x /usr/bin/time ] || { skip 'memory at 1,000 and 100,000 samples' 'no /usr/bin/time here to read the peak'; finish; }

# peak OUTPUT COMMAND...: the peak resident memory of the command, in KiB
peak() {
	out=$1; shift
	/usr/bin/time -f %M -o peak.txt "$@" >"$out" && tail -n 1 peak.txt
}
# check_constant NAME "COMMAND..." FEW MANY [OUT-FEW OUT-MANY]: the last operand is FEW, then MANY
check_constant() {
	# shellcheck disable=SC2086 # the command is words
	a=$(peak "${5-/dev/null}" $2 "$3") && b=$(peak "${6-/dev/null}" $2 "$4") && [ $((b - a)) -le 4096 ] &&
		ok "$1: $a KiB at 1,000, $b KiB at 100,000" || not_ok "$1" "peaks ${a-?} and ${b-?} KiB"
}
key() { emcat -j "$1" | sed -n "$2"'s/.*"key":"\([^"]*\)".*/\1/p'; }
support() { # SECOND-KEY: a class of the first chip, a class of this one
	printf '{"classes":[{"name":"a","chips":["%s"]},{"name":"b","chips":["%s"]}]}\n' "$(key few.tar 1)" "$1"
}

emchip -s 320 "$DATA/demo.tif" >picture.tar
emchip -s 4 --stride 10 picture.tar >few.tar  # 32 x 32 chips
emchip -s 4 --stride 1 picture.tar >many.tar  # 317 x 317 chips
check_is 'as many samples as said' '1024 100489' "$(emcat -j few.tar | wc -l) $(emcat -j many.tar | wc -l)"

a=$(peak /dev/null emchip -s 4 --stride 10 picture.tar) && b=$(peak /dev/null emchip -s 4 --stride 1 picture.tar) &&
	[ $((b - a)) -le 4096 ] && ok "emchip: $a KiB for 1,024 chips, $b KiB for 100,489" ||
	not_ok emchip "peaks ${a-?} and ${b-?} KiB"
check_constant emcat 'emcat -t 2' few.tar many.tar
check_constant 'emcat -j' 'emcat -j' few.tar many.tar
check_constant emembed 'emembed -e pixels --drop tif -t 2' few.tar many.tar few-e.tar many-e.tar

support "$(key few.tar '$')" >near.json
emclassify -q -S near.json --save p.json few-e.tar >/dev/null
check_constant 'emclassify with prototypes' 'emclassify -q -S p.json' few-e.tar many-e.tar few-c.tar many-c.tar
check_constant 'emplot abundance' 'emplot abundance' few-c.tar many-c.tar
support "$(key many.tar '$')" >far.json # known only when all samples have been seen: they wait on the disk
a=$(peak /dev/null emclassify -q -S near.json few-e.tar) && b=$(peak /dev/null emclassify -q -S far.json many-e.tar) &&
	[ $((b - a)) -le 4096 ] && ok "emclassify, support in the last sample: $a KiB at 1,000, $b KiB at 100,000" ||
	not_ok 'emclassify, support in the last sample' "peaks ${a-?} and ${b-?} KiB"
finish

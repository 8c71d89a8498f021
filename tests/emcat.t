#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emcat's own options, and what every tool shares: help, version, completion.
# (stream.t has the stream, codec.t the formats.)
. "${0%/*}/lib.sh"

key() { sed 's/.*"key":"\([^"]*\)".*/\1/'; }
axis() { printf '{"name":"%s","size":%s,"scale":%s,"offset":0,"units":"%s"}' "$@"; }
digest=$(sha256sum "$DATA/gray8.png" | cut -d' ' -f1)
version=$(emcat -V | sed -n '1s/.* //p')
record='{"em":1,"key":"gray8","image":{"shape":[13,21],"dtype":"uint8"},'
record=$record'"axes":['$(axis y 13 1 ''),$(axis x 21 1 '')'],'
record=$record'"source":{"file":"gray8.png","bytes":271,"sha256":"'$digest'"},'
record=$record'"provenance":[{"tool":"emcat","version":"'$version'","argv":[]}]}'
check_is 'a record, to the letter' "$record" "$(emcat -j "$DATA/gray8.png")"
check_is 'frames of a stack' 'stack3-u8/f000000 stack3-u8/f000001 stack3-u8/f000002' \
	"$(emcat -j "$DATA/stack3-u8.tif" | key | paste -sd' ' -)"
check_is 'and their number in the source' 2 \
	"$(emcat -j "$DATA/stack3-u8.tif" | tail -n 1 | sed 's/.*"frame":\([0-9]*\).*/\1/')"

axes() { sed 's/.*"axes":\(\[[^]]*\]\).*/\1/'; }
check_is '--pixel-size for both' \
	"[$(axis y 13 0.02 nm),$(axis x 21 0.02 nm)]" \
	"$(emcat --pixel-size 0.02nm -j "$DATA/gray8.png" | axes)"
check_is '--pixel-size, width first' \
	"[$(axis y 13 500 nm),$(axis x 21 0.2 nm)]" \
	"$(emcat --pixel-size 2Ax0.5um -j "$DATA/gray8.png" | axes)"
emcat "$DATA/gray8.png" | tar -xOf - gray8.json | sed 's/"scale":1/"scale":0/g' >gray8.json
cp "$DATA/gray8.png" .; tar -cf flat.tar gray8.png gray8.json
check_is '--pixel-size where a scale was 0' "[$(axis y 13 2 nm),$(axis x 21 2 nm)]" \
	"$(emcat --pixel-size 2nm -j flat.tar | axes)"
emcat -t 1 --label='film, old' --pixel-size=2nm -o x.tar "$DATA/gray8.png"
check_is 'options go into the provenance, the way of running does not' \
	'"argv":["--label","film, old","--pixel-size","2nm"]' \
	"$(emcat -j --no-provenance x.tar | grep -o '"argv":[^}]*')"
check_is '--label' '"label":"film, old"' "$(emcat -j x.tar | grep -o '"label":"[^"]*"')"
check_fails '--pixel-size in pixels' 2 'give a unit' 'emcat --pixel-size 3 x.tar'
check_fails '--pixel-size that is none' 2 'cannot read "nm"' 'emcat --pixel-size nm x.tar'
check_fails 'no image to calibrate' 1 'sample cube-f4: |sample cube-f4/' \
	'emcat "$DATA/cube-f4.npy" -o c.tar && emcat --drop tif c.tar | emcat --pixel-size 1nm'

mkdir -p a.b/c; cp "$DATA/gray8.png" a.b/c/my.image.v2.png
check_is 'a key has no dots' 'my_image_v2' "$(emcat -j a.b/c/my.image.v2.png | key)"
check_is '--keep-path' 'a.b/c/my_image_v2' "$(emcat --keep-path -j ./a.b/c/my.image.v2.png | key)"
check_is 'a picture on standard input' 'stdin' "$(emcat -j <"$DATA/gray8.png" | key)"
check_is 'and through a pipe' 'stdin' "$(cat "$DATA/gray8.png" | emcat -j | key)"

for tool in emcat emchip emembed emclassify emplot; do
	check_is "$tool: --help begins with its usage" "Usage: $tool" "$($tool --help | sed -n '1s/ \[.*//p')"
	check "$tool: --help has an example" "$tool --help | grep -A1 '^Example:' | grep -q $tool"
	check "$tool: --version tells the libraries" "$tool --version | grep -q 'libarchive-[0-9]'"
	check "$tool: bash completion is bash" \
		"$tool --completion bash >c.bash && bash -n c.bash && grep -q -- --threads c.bash"
	for shell in zsh fish; do
		if have $shell; then
			check "$tool: $shell completion is $shell" \
				"$tool --completion $shell >c.$shell && $shell -n c.$shell"
		else check "$tool: $shell completion" "$tool --completion $shell | grep -q -- threads"; fi
	done
	check_fails "$tool: a shell that is none" 2 'choose one of: bash zsh fish' "$tool --completion tcsh"
done

if have script && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
	emcat "$DATA/gray8.png" >one.tar
	for command in 'emcat one.tar' 'emplot image one.tar'; do
		script -qec "$command" /dev/null </dev/null >tty.txt 2>&1
		check "no binary on a terminal: $command" "grep -q 'will not write binary to a terminal' tty.txt"
	done
	script -qec 'emcat -j' /dev/null </dev/null >tty.txt 2>&1
	check 'nothing is waited for on a terminal' "grep -q 'nothing to read: name a file' tty.txt"
else skip 'no binary on a terminal' 'no terminal to be had here'; fi
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The stream between processes: its faults, its neighbours, its ends.  (tests/unit/test_stream.c has the rest.)
. "${0%/*}/lib.sh"

emcat --no-provenance "$DATA/gray8.png" "$DATA/gray16.png" "$DATA/strips-i16.tif" >three.tar
check 'three pictures become a stream' '[ -s three.tar ]'

# ---- faults ----
size=$(wc -c <three.tar)
cuts=0 seen=0 at=0
while [ "$at" -lt "$size" ]; do
	cuts=$((cuts + 1))
	head -c "$at" three.tar | emcat >out.tar 2>err.txt
	[ $? -eq 1 ] && [ "$(wc -l <err.txt)" -eq 1 ] && ! emcat -j out.tar >lines 2>err2.txt && seen=$((seen + 1))
	at=$((at + 512))
done
check_is "cut at each of $cuts block boundaries: exit 1, one line, and what came out is seen to be cut" "$cuts" "$seen"

check_fails 'empty standard input' 1 'emcat: standard input: empty input' 'emcat </dev/null'
check_fails 'end mark missing' 1 'truncated stream: the end mark is missing' \
	"head -c $((size - 1024)) three.tar | emcat"
check_fails 'one of two end blocks' 1 'end mark is missing' "head -c $((size - 512)) three.tar | emcat"
check_fails 'a file that is not there' 1 'emcat: none\.tif: cannot open: No such file' 'emcat none.tif'
check_fails 'a folder' 1 'cannot read: Is a directory' 'emcat .'
check_fails 'no such option' 2 "unknown option '-Z'; see emcat --help" 'emcat -Z'
check_fails 'no such long option' 2 "option '--zzz' is unknown" 'emcat --zzz'
check_fails 'option without its argument' 2 "option '-o' needs an argument" 'emcat -o'
check_fails 'threads must be a number' 2 'expected a whole number, 1 or more' 'emcat -t 0 three.tar'
check_fails 'rubbish' 1 'unknown format; known are emstream' "printf 'rubbish, really' | emcat"
check_fails 'full disk' 1 'emcat: cannot write.*No space left on device' 'emcat three.tar >/dev/full'
check_fails 'full disk, JSON' 1 'cannot write.*No space left on device' 'emcat -j three.tar >/dev/full'
check_fails 'full disk, help' 1 'cannot write standard output: No space left' 'emcat --help >/dev/full'
check_fails 'full disk, -o' 1 'cannot write.*No space left' 'emcat -o /dev/full three.tar'
check_fails 'no such folder for -o' 1 "cannot create 'none/out.tar': No such file" 'emcat -o none/out.tar three.tar'
check_fails '--drop json' 2 'cannot do without its record' 'emcat --drop json three.tar'

# Files on disk joined by tar: what the rules forbid.
mkdir s; cp "$DATA/gray8.png" s/a.png; cp "$DATA/gray8.png" s/b.png
echo '{}' >s/a.json; echo '{"x":1.10}' >s/b.json
tar --hard-dereference -cf dup.tar -C s a.png a.json a.png
check_fails 'duplicate member' 1 "sample a: member '.png' comes twice" 'emcat dup.tar'
tar -cf back.tar -C s a.json b.json b.png a.png
check_fails 'a key that returns' 1 "key 'a' comes twice" 'emcat back.tar'
tar -cf norec.tar -C s a.png b.json
check_fails 'a sample without record' 1 'sample a: has no record' 'emcat norec.tar'
bad_json() { printf '%s' "$2" >s/a.json; tar -cf bad.tar -C s a.json; check_fails "$1" 1 "$3" 'emcat bad.tar'; }
bad_json 'record of invalid UTF-8' "$(printf '{"a":"\377"}')" 'sample a: JSON is not valid UTF-8'
bad_json 'record with NaN' '{"a":NaN}' 'sample a: not JSON'
bad_json 'record of depth 10,000' "$(printf '%10000s' '' | tr ' ' '[')" 'sample a: not JSON: nested too deeply'
bad_json 'record that is a list' '[1]' 'sample a: record is not a JSON object'
bad_json 'record of a newer major version' '{"em":2}' 'emstream version 2'
{ printf '{"a":"'; head -c 100000000 /dev/zero | tr '\0' x; printf '"}'; } >s/a.json
tar -cf bad.tar -C s a.json
check_fails 'record of 100 MB' 1 'record of 100000008 bytes; 16777216 are the limit' 'emcat bad.tar'
echo '{}' >s/a.json
ln -s a.json s/link.json && tar -cf bad.tar -C s link.json
check_fails 'symbolic link' 1 'not a regular file' 'emcat bad.tar'
check_fails 'two files of one name' 1 "key 'gray8' comes twice.*--keep-path" 'emcat "$DATA/gray8.png" "$DATA/gray8.png"'

# A pipe whose reader goes away: as any Unix tool, by SIGPIPE and without a word, ignored or not.
i=0; while [ $i -lt 40 ]; do mkdir -p many/$i; cp "$DATA/demo.tif" many/$i/; i=$((i + 1)); done
sh -c 'emcat --keep-path many/*/demo.tif 2>err; echo $? >status' | head -c 1 >/dev/null
check_is 'EPIPE with SIGPIPE: dies by it' "141 0" "$(cat status) $(wc -c <err)"
sh -c 'trap "" PIPE; emcat --keep-path many/*/demo.tif 2>err; echo $? >status' | head -c 1 >/dev/null
check_is 'EPIPE with SIGPIPE ignored: the same' "141 0" "$(cat status) $(wc -c <err)"

# A file that is cut while it is read.  The pipe holds 64 KiB, so most of the 8 MB are still to come at the cut.
{ printf '\223NUMPY\001\000\166\000'
	printf '%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (32, 512, 512), }"
	head -c 8388608 /dev/zero; } >movie.npy
{ emcat movie.npy 2>err; echo $? >status; } | { head -c 1000 >/dev/null; : >movie.npy; cat >/dev/null; }
check_is 'a file cut while it is read: a message, exit 1' "1 emcat: an input file shrank while it was read" \
	"$(cat status) $(sed 's/;.*//' err)"
{ echo 'a line'; cat "$DATA/gray8.png"; } >lined
check_is 'standard input from where the shell left it' "$(sha256sum <"$DATA/gray8.png" | cut -d' ' -f1)" \
	"$({ read -r _; emcat -j; } <lined | sed 's/.*sha256":"//;s/".*//')"

# ---- outputs appear whole or not at all ----
echo precious >keep.tar
head -c 3000 three.tar >cut.tar
emcat cut.tar -o keep.tar 2>/dev/null
check_is 'a failed run leaves the old file alone' precious "$(cat keep.tar)"
check_is 'and no temporary one' '' "$(find . -name 'keep.tar.*')"
emcat --no-provenance three.tar -o keep.tar
check_same 'a good run replaces it; a stream passes unchanged' three.tar keep.tar
ln -s keep.tar link.tar && emcat --no-provenance three.tar -o link.tar
check 'a symbolic link stays one' '[ -L link.tar ]'
mkfifo fifo; (sleep 5 | emcat -o partial.tar "$DATA/demo.tif" fifo 2>/dev/null) & # never ends by itself
check 'nothing half-written is there under the name' '[ ! -e partial.tar ]'
exec 3>fifo; sleep 0.3; kill %1 2>/dev/null; exec 3>&-; wait 2>/dev/null

# ---- the same bytes ----
emcat -t 1 many/*/demo.tif --keep-path >t1.tar; emcat -t 2 many/*/demo.tif --keep-path >t2.tar
check_same 'one thread and two write the same bytes' t1.tar t2.tar
for z in gzip xz zstd; do
	if have $z; then
		$z -c three.tar >three.$z; emcat --no-provenance three.$z >z.tar
		check_same "$z input" three.tar z.tar
	else skip "$z input" "no $z here"; fi
done
head -c 2000 three.gzip | emcat >/dev/null 2>err.txt
check_is 'a cut gzip is seen' 1 $?
cp "$DATA/gray8.png" p1.png; cp "$DATA/gray8.png" p2.png
emcat --no-provenance p1.png >p1.tar; emcat --no-provenance p2.png >p2.tar; cat p1.tar p2.tar >both.tar
check_is 'joined archives are one stream' 'p1 p2' \
	"$(emcat -j both.tar | sed 's/.*"key":"\([^"]*\)".*/\1/' | paste -sd' ' -)"
emcat --no-provenance <p1.tar >p1b.tar
check_same 'standard input' p1.tar p1b.tar

# ---- unknown things pass; --drop thins ----
cp three.tar x.tar; printf 'opaque' >s/b.my.bin; rm -f s/link.json
tar --sort=name --owner=0 --group=0 -cf named.tar -C s b.json b.my.bin b.png 2>/dev/null &&
	check_is 'tar --sort=name from files on disk is accepted' '{"em":1,"key":"b","x":1.10}' \
		"$(emcat -j --no-provenance named.tar)"
emcat --no-provenance named.tar | tar -xf - -C . && check_is 'an unknown member passes' opaque "$(cat b.my.bin)"
check_is '--drop takes a member out' '1' "$(emcat --drop tif three.tar | tar -tf - | grep -c '^gray8\.')"
echo '{"error":{"tool":"x","text":"y"}}' >s/e.json; tar -cf e.tar -C s e.json
check_is 'a sample marked as failed passes by' '{"tool":"x","text":"y"}' \
	"$(emcat -j e.tar | sed 's/.*"error"://;s/}}$/}/')"

# ---- -k ----
check_exit '-k: three of four, exit 3' 3 \
	'emcat -k "$DATA/gray8.png" "$DATA/cut.png" none.png "$DATA/gray16.png" >k.tar 2>err.txt'
check_is '-k: two marked' 2 "$(emcat -j k.tar | grep -c '"error":{"tool":"emcat"')"

printf 'no picture' >"$(printf 'caf\351.tif')"
check_exit '-k: a name that is not UTF-8 makes a stream that can be read' 0 'emcat -k caf*.tif | emcat -j >k.json'
check 'and says why' 'grep -q "\"key\":\"caf_\".*unknown format" k.json'

# ---- neighbours ----
check_is 'GNU tar lists our stream' 'gray8.tif gray8.json gray16.tif gray16.json strips-i16.tif strips-i16.json' \
	"$(tar -tf three.tar | paste -sd' ' -)"
check_is 'JSON Lines by tar alone' 3 "$(tar -xOf three.tar --wildcards '*.json' | grep -c '^{"em":1,.*}$')"
if have bsdtar; then
	mkdir bsd && bsdtar -xf three.tar -C bsd
	check_is 'bsdtar extracts our stream' 6 "$(find bsd -type f | wc -l)"
else skip 'bsdtar extracts our stream' 'no bsdtar here'; fi
if have jq; then
	check_is 'jq reads the records' '16 gray16' \
		"$(emcat -j three.tar | jq -r 'select(.image.dtype=="uint16") | "16 \(.key)"')"
else skip 'jq reads the records' 'no jq here'; fi
if have_numpy; then
	emcat "$DATA/cube-f4.npy" "$DATA/demo.tif" | emembed -e pixels >npy.tar
	check 'numpy reads the .npy members' '"$PYTHON" -c "
import tarfile, json, io, numpy
t = tarfile.open(\"npy.tar\")
r = json.load(t.extractfile(\"demo.json\"))
e = numpy.load(io.BytesIO(t.extractfile(\"demo.embedding.npy\").read()))
assert r[\"em\"] == 1 and e.dtype == \"<f4\" and e.shape == (r[\"embedding\"][\"dim\"],), e.shape"'
else skip 'numpy reads the .npy members' 'no python3 with numpy here'; fi
finish

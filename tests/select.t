#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emcat: which frames, which data set, which part of a picture.
. "${0%/*}/lib.sh"

keys() { emcat -j --no-provenance "$@" | sed 's/.*"key":"\([^"]*\)".*/\1/' | paste -sd' ' -; }
stack=$DATA/stack3-u8.tif

check_is 'frames from one on' 'stack3-u8/f000001 stack3-u8/f000002' "$(keys --frames 1: "$stack")"
check_is 'every second frame' 'stack3-u8/f000000 stack3-u8/f000002' "$(keys --frames ::2 "$stack")"
check_is 'the last frame' 'stack3-u8/f000002' "$(keys --frames -1 "$stack")"
check_is 'a range past the end' '' "$(keys --frames 7: "$stack")"
check_is 'frames of each data set' 'pair/d00 pair/d01' "$(keys --frames 0 "$DATA/pair.npz")"
check_fails 'no range' 2 "'1:2:0' is no range" 'emcat --frames 1:2:0 "$stack"'
emcat -o s.tar "$stack" "$DATA/gray8.png"
check_is 'samples of a stream' 'stack3-u8/f000001 gray8' "$(keys --frames 1::2 s.tar)"
check_fails 'the end of a stream is not known' 2 'cannot count from its end' 'emcat --frames -1: s.tar'
check_is 'the pixels of a frame that was chosen' "$(emcat "$stack" | tar -xO stack3-u8/f000002.tif | sha256sum)" \
	"$(emcat --frames 2 "$stack" | tar -xO stack3-u8/f000002.tif | sha256sum)"

check_is 'a data set by number' 'pair/d01' "$(keys --signal 1 "$DATA/pair.npz")"
check_is 'and as in the key' 'pair/d01' "$(keys --signal d01 "$DATA/pair.npz")"
name=$(emcat -j --signal 1 "$DATA/pair.npz" | sed 's/.*"signal":"\([^"]*\)".*/\1/')
check_is 'and by name' 'pair/d01' "$(keys --signal "$name" "$DATA/pair.npz")"
check_fails 'a data set that is not there' 2 "no data set 'x' in the file; it has 0 \(.*\), 1 \($name\)" \
	'emcat --signal x "$DATA/pair.npz"'
check_fails 'a stream has no data sets' 2 'no data sets to choose from' 'emcat --signal 0 s.tar'

# pixel FILE ROW COLUMN DTYPE: of an image of one sample, from the end of its only strip
record() { emcat -j --no-provenance "$@"; }
gray=$DATA/gray8.png
check_is 'a region: shape' '[4,6]' "$(record --roi 6x4+3+2 "$gray" | sed 's/.*"shape":\(\[[^]]*\]\).*/\1/')"
check_is 'a region: where it lies' '"offset":2 "offset":3' \
	"$(record --roi 6x4+3+2 "$gray" | grep -o '"offset":[0-9.]*' | paste -sd' ' -)"
check_is 'no corner is the first' "$(record --roi 6x4 "$gray")" \
	"$(record --roi 6x4+0+0 "$gray")"
for roi in 22x1 1x14 1x1+21+0 1x1+0+13 2x1+20+0; do
	check_fails "a region outside: $roi" 1 "sample gray8: --roi .* leaves the picture of 21 x 13" \
		"emcat --roi $roi '$gray'"
done
for roi in 0x1 1 1x 1x1+2 ax1 1x1+1+1+1 1x99999999999; do
	check_fails "no region: $roi" 2 'give WIDTHxHEIGHT' "emcat --roi $roi '$gray'"
done
check_is 'sums of counts are wide enough' '[6,10] uint16' \
	"$(record --bin 2 "$gray" | sed 's/.*"shape":\(\[[^]]*\]\),"dtype":"\([a-z0-9]*\)".*/\1 \2/')"
check_is 'a block is as wide as it says, and its place the middle' '"scale":4,"offset":1.5 "scale":3,"offset":1' \
	"$(record --bin 3x4 "$gray" | grep -o '"scale":[^,]*,"offset":[0-9.]*' | paste -sd' ' -)"
check_fails 'a block larger than the picture' 1 'blocks of 14 do not fit' 'emcat --bin 1x14 "$gray"'
for bin in 0 0x2 2x a 1x2x3 -1; do
	check_fails "no block: $bin" 2 'give N or WIDTHxHEIGHT' "emcat --bin=$bin '$gray'"
done
check_fails 'spectra are needed' 1 'no energy axis' 'emcat --energy-bin 2 "$gray"'

if have_numpy; then
	cat >sums.py <<-'EOF'
	import io, sys, tarfile
	import numpy as np
	def image(f, shape, dtype):
	    t = tarfile.open(f); m = [m for m in t if m.name.endswith(".tif")][0]
	    n = int(np.prod(shape)) * np.dtype(dtype).itemsize
	    return np.frombuffer(t.extractfile(m).read()[-n:], dtype).reshape(shape)
	a = image("a.tar", (13, 21), "u1").astype(int)
	b = image("b.tar", (5, 6), "<u2").astype(int)
	part = a[2:12, 1:19]
	print((part.reshape(5, 2, 6, 3).sum((1, 3)) == b).all())
	EOF
	emcat -o a.tar "$gray"; emcat --roi 18x10+1+2 --bin 3x2 -o b.tar "$gray"
	check_is 'region and sums, beside numpy' True "$("$PYTHON" sums.py)"
else skip 'region and sums, beside numpy' 'no python3 with numpy'; fi

stage='"to_stage":{"um_per_px":[[0.5,0.25],[0,0.5]],"centre_px":[10,6]}'
emcat "$gray" | tar -xO gray8.json | sed "s/}\$/,$stage}/" >gray8.json
cp "$gray" .; tar -cf staged.tar gray8.png gray8.json
check_is 'a pixel stays where it was on the specimen' \
	'"to_stage":{"um_per_px":[[1.5,0.5],[0,1]],"centre_px":[2.66666667,1.75]}' \
	"$(record --roi 18x10+1+2 --bin 3x2 staged.tar | grep -o '"to_stage":{[^}]*}')"

check_is 'small files have their digest' 1 "$(record "$gray" | grep -c '"sha256":"[0-9a-f]\{64\}"')"

# 3 frames of 25 MB: only the header is really there, the pixels are a hole of zeros
printf '\223NUMPY\001\000\166\000%-117s\n' \
	"{'descr': '|u1', 'fortran_order': False, 'shape': (3, 5000, 5000), }" >big.npy
truncate -s 75000128 big.npy
check_is 'large files have none, so that the first frame comes at once' '0 3' \
	"$(record big.npy | grep -c sha256) $(record big.npy | grep -c '"bytes":75000128')"
check_is 'unless --digest' "$(sha256sum big.npy | cut -d' ' -f1)" \
	"$(record --digest --frames 1 big.npy | sed 's/.*"sha256":"\([0-9a-f]*\)".*/\1/')"
mkfifo pipe; cat big.npy >pipe &
check_is 'a long file through a pipe' 'pipe/f000002 [5000,5000]' \
	"$(record --frames 2 pipe | sed 's/.*"key":"\([^"]*\)".*"shape":\(\[[^]]*\]\).*/\1 \2/')"
cat big.npy | env TMPDIR="$T/none" emcat --frames 2 2>error.txt >/dev/null
check_is 'and where there is no room for it' "1 emcat: standard input: cannot make a temporary file in $T/none" \
	"$? $(sed 's/none: .*/none/' error.txt)"

cp "$gray" twin.png; emcat --roi 4x4 twin.png | tar -xO twin.tif >twin.tif
check_fails 'two files of one key' 1 "key 'twin' comes twice: .* a run each" 'emcat twin.png twin.tif "$stack"'
emcat -k -j twin.png twin.tif "$stack" >k.json 2>k.txt
check_is '-k: the second is left out, aloud' '3 4 1' "$? $(wc -l <k.json) $(grep -c 'twin.*comes twice' k.txt)"
finish

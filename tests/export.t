#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emcat -O: files for other programs, and the way back.  What each format holds is tested beside its writer.
. "${0%/*}/lib.sh"

formats=$(emcat -O none "$DATA/gray8.png" 2>&1 | sed 's/.*stream, //; s/; .*//; s/,//g')
stack=$DATA/stack3-u8.tif
record() { emcat -j --no-provenance "$@"; }
image() { record "$@" | sed 's/.*"image":\({[^}]*}\),"axes":\(\[[^]]*\]\).*/\1\2/'; }
value() { emcat "$1" | tar -xO --wildcards "$2" | tail -c "$3" | sha256sum; }

check_is 'what can be written' 'emd hspy mrc msa npy tiff' "$(printf '%s\n' $formats | sort | paste -sd' ' -)"

# A calibrated picture of 16-bit counts comes back as it went, by every format that holds pictures.
emcat --pixel-size 0.25x0.5nm -o p.tar "$DATA/tiles-u16.tif"
for f in $formats; do
	case $f in msa) continue ;; esac
	check "$f: a picture is written" "emcat -O $f -o picture.$f p.tar"
	check_is "$f: its pixels" "$(value p.tar '*.tif' 1428)" "$(value picture.$f '*.tif' 1428)"
	case $f in
	npy) ;; # has no place for a calibration
	*) check_is "$f: its shape, type and axes" "$(image p.tar)" "$(image picture.$f)" ;;
	esac
	check "$f: on standard output" "emcat -O $f p.tar | cmp - picture.$f"
	check "$f: frames of a stack" "emcat -O $f -o stack.$f '$stack'"
	check_is "$f: come back as frames" 'f000000 f000001 f000002' \
		"$(record stack.$f | sed 's/.*"key":"stack\/\([^"]*\)".*/\1/' | paste -sd' ' -)"
done

check 'the name tells the format' 'emcat -o a.mrc p.tar && cmp a.mrc picture.mrc'
check 'a stream whatever the name' 'emcat -O stream -o b.mrc p.tar && cmp b.mrc p.tar || tar -tf b.mrc >/dev/null'
check_fails 'a format that is only read' 2 'cannot write jpeg' 'emcat -o a.jpg p.tar'
check_fails 'an unknown format' 2 'cannot write that; known are stream, ' 'emcat -O bmp -o a.bmp p.tar'
check_fails 'a folder without a format' 2 'a folder takes files' 'emcat -o out/ p.tar'
check_fails 'records and files' 2 'choose one' 'emcat -j -o a.tif p.tar'
check_fails 'two sizes in one file' 1 'sample gray8: it has another shape or type' \
	'emcat -o two.tif p.tar "$DATA/gray8.png"'
cp "$DATA/tiles-u16.tif" bare.tif
check_fails 'two calibrations in one file' 1 'sample bare: it has another calibration' 'emcat -o two.tif p.tar bare.tif'
check 'neither left a file' '! ls two.* >/dev/null 2>&1'
check_fails 'nothing to write' 1 'there was nothing to write' 'emcat --frames 9: -o none.tif "$stack"'
check_fails 'into a device' 2 'is no regular file' 'emcat -O tiff -o /dev/null p.tar'
check_fails 'a folder that cannot be made' 1 'cannot make the folder' 'emcat -O tiff -o /dev/null/x/ p.tar'
if [ -c /dev/full ]; then
	check_fails 'a full disk' 1 'cannot write' 'emcat -O tiff p.tar >/dev/full'
fi

emcat -O tiff -o out/ "$stack" "$DATA/gray8.png" "$DATA/pair.npz"
check_is 'a folder: one file a data set, a movie in one' 'gray8.tif pair pair/d00.tif pair/d01.tif stack3-u8.tif' \
	"$(cd out && find . | sed 's/^\.\/*//' | sort | paste -sd' ' - | sed 's/^ //')"
check_is 'and they hold what they should' "$(value "$DATA/gray8.png" '*.tif' 273)" "$(value out/gray8.tif '*.tif' 273)"
emcat --frames 0:2 -o a.tar "$stack"
emcat a.tar | tar -x
mkdir m; for f in 0 1; do for n in a b; do
	mkdir -p m/$n; sed "s,\"key\":\"stack3-u8/,\"key\":\"$n/," stack3-u8/f00000$f.json >m/$n/f00000$f.json
	cp stack3-u8/f00000$f.tif m/$n/
done; done
(cd m && tar -cf ../mixed.tar a/f000000.* b/f000000.* a/f000001.* b/f000001.*)
check_fails 'data sets that are mixed lose nothing in silence' 1 'sample a/f000001: others came between' \
	'emcat -O tiff -o mixed/ mixed.tar'
cp "$DATA/cut.png" .
emcat -k -O tiff -o kept/ "$DATA/gray8.png" cut.png 2>/dev/null
check_is '-k: the others are written' "3 gray8.tif" "$? $(ls kept)"
check '-k: and what is not, is told' \
	'emcat -k -O tiff -o kept/ "$DATA/gray8.png" cut.png 2>&1 | grep -q "sample cut is not written: "'
emcat -t 1 -O tiff -o some/ "$DATA/gray8.png" "$DATA/gray16.png" cut.png 2>/dev/null
check_is 'what was complete before an error stays' 'gray16.tif gray8.tif' "$(ls some | paste -sd' ' -)"

if have_numpy; then
	"$PYTHON" -c 'import numpy as np; np.save("spectrum.npy", np.arange(100, dtype="f4") ** 2)'
	emcat -O npy -o back.npy spectrum.npy
	check_is 'a spectrum as NPY' True \
		"$("$PYTHON" -c 'import numpy as np; print((np.load("back.npy") == np.arange(100.) ** 2).all())')"
	emcat -O npy -o frames.npy "$stack"
	check_is 'frames as one array' '(3, 13, 21) uint8' \
		"$("$PYTHON" -c 'import numpy as np; a = np.load("frames.npy"); print(a.shape, a.dtype)')"
	check_fails 'a spectrum is no TIFF' 2 'sample spectrum: .*TIFF' 'emcat -o s.tif spectrum.npy'
	emcat spectrum.npy | tar -xO spectrum.json | sed 's/"name":"x"/"name":"energy"/' >spectrum.json
	sed 's/"offset":0/"offset":100/; s/:"spectrum"/:"later"/' spectrum.json >later.json
	cp spectrum.npy later.spectrum.npy
	cp spectrum.npy spectrum.spectrum.npy
	tar -cf spectra.tar spectrum.spectrum.npy spectrum.json later.spectrum.npy later.json
	check_fails 'spectra that begin at other energies' 1 'sample later: it has another calibration' \
		'emcat -o spectra.npy spectra.tar'
else skip 'NPY beside numpy' 'no python3 with numpy'; fi
finish

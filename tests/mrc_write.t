#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# MRC files that emcat writes, read by itself and by HyperSpy.
. "${0%/*}/lib.sh"

emcat -O mrc -o stack.mrc "$DATA/stack3-u8.tif"
check_is 'a stack is one file of as many sections' "$(emcat "$DATA/stack3-u8.tif" | tar t | grep -c tif)" \
	"$(emcat -j stack.mrc | wc -l | tr -d ' ')"
emcat --pixel-size 0.5nm -O mrc -o scaled.mrc "$DATA/gray8.png"
check_is 'the size of a pixel comes back' 0.5 "$(emcat -j scaled.mrc | jq '.axes[1].scale')"

if ! /usr/bin/python3 -c 'import hyperspy.api' 2>/dev/null
then skip 'HyperSpy reads the same pixels' 'no HyperSpy for /usr/bin/python3'
else
	# Only pixels: 1.7.3 gets the scale wrong by 100, and knows no mode 6.
	for kind in deflate-be-f32 strips-i16; do
		emcat -O mrc -o $kind.mrc "$DATA/$kind.tif"
		emcat "$DATA/$kind.tif" | tar -xOf - $kind.tif >$kind.tif
	done
	cat >compare.py <<'END'
import numpy as np
import hyperspy.api as hs
for kind, dtype in ("deflate-be-f32", np.float32), ("strips-i16", np.int16):
    theirs = hs.load(kind + ".mrc").data
    # The stream's TIFF is one plain strip at the end of the file.
    ours = np.frombuffer(open(kind + ".tif", "rb").read()[-theirs.nbytes:], dtype)
    assert theirs.dtype == dtype and theirs.size == 21 * 34 and theirs.shape[-1] == 34, theirs.shape
    assert (ours == theirs.ravel()).all()
END
	check 'HyperSpy reads the same pixels' '/usr/bin/python3 compare.py'
fi
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Data items of Nion Swift that an instrument wrote: the pixels are those that numpy finds in them.
. "${0%/*}/lib.sh"

# The stream's TIFF ends with its pixels.
cat >same.py <<'END'
import io, sys, tarfile, zipfile
import numpy as np

want = np.load(io.BytesIO(zipfile.ZipFile(sys.argv[1]).read("data.npy")))
with tarfile.open("one.tar") as tar:
    tif = next(tar.extractfile(m).read() for m in tar if m.name.endswith(".tif"))
got = np.frombuffer(tif[-want.nbytes:], want.dtype).reshape(want.shape)
print(np.array_equal(got, want), want.shape, want.dtype)
END

if ! have_numpy; then skip 'real data items' 'no python3 with numpy'
elif ! have_real 25_ndata_tilt_fftspots/06; then skip 'real data items' "none in $REAL"
else
	for f in "$REAL"/25_ndata_tilt_fftspots/06/*/*.ndata; do
		check "${f##*/} is read" "emcat '$f' >one.tar"
		check_is "${f##*/}: every value is the one in its array" 'True (520, 696) float32' \
			"$("$PYTHON" same.py "$f" 2>&1)"
	done
fi
finish

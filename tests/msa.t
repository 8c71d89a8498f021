#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What we write as EMSA/MAS and NPY is what HyperSpy and numpy find there, and the other way round.
. "${0%/*}/lib.sh"

echo '#FORMAT      : EMSA/MAS Spectral Data File
#DATE        : 09-FEB-2016
#TIME        : 18:50
#TITLE       : low loss
#DATATYPE    : Y
#XPERCHAN    : 0.183238268
#OFFSET      : -17.6359857
#XUNITS      : eV
#BEAMKV   -kV: 200
#COLLANGLE-mR: 30.5
#SPECTRUM    :
0.1, 770521.25, -3, 16777215, 1e-5
#ENDOFDATA   :' >in.msa
check 'a spectrum is written' 'emcat -O msa -o out.msa in.msa'
check_fails 'an image is not' 2 'one spectrum' "emcat -O msa -o image.msa '$DATA/gray8.png'"
check_fails 'nor are two spectra in one file' 2 'o DIR/' 'cp in.msa again.msa; emcat -O msa -o two.msa in.msa again.msa'
check 'two spectra are two files' "mkdir two; cp in.msa other.msa; emcat -O msa -o two/ in.msa other.msa &&
	cmp two/in.msa out.msa && cmp two/other.msa out.msa"
seq 100 200 | awk '{print $1 / 2 "\t" $1 * $1}' >bare.msa
check 'two columns called .msa are in eV' "emcat -j bare.msa | \
	grep -F '{\"name\":\"energy\",\"size\":101,\"scale\":0.5,\"offset\":50,\"units\":\"eV\"}'"
echo 'not a spectrum' >>bare.msa
check_fails 'unless something else follows' 1 'bare.msa' 'emcat bare.msa'

if ! have_numpy; then skip 'NPY beside numpy' 'no python3 with numpy'
else
	check 'arrays are written' "emcat -O npy -o one.npy '$DATA/gray16.png' &&
		emcat -O npy -o three.npy '$DATA/stack3-u8.tif' && emcat -O npy -o line.npy in.msa"
	check_is 'numpy finds the shapes and means' '(13, 21) uint16 15600.0|(3, 13, 21) uint8 70.4188|(5,) float32' \
		"$("$PYTHON" -c "import numpy as np
a, b, c = (np.load(n + '.npy') for n in ('one', 'three', 'line'))
print(a.shape, a.dtype, a.mean(), end='|')
print(b.shape, b.dtype, '%.4f' % b.mean(), end='|')
print(c.shape, c.dtype)")"
	check 'what numpy wrote and what we write are the same bytes but for the blanks of the header' \
		"$PYTHON -c \"import numpy as np; np.save('theirs.npy', np.load('one.npy'))\"; tail -c 546 one.npy >a &&
		tail -c 546 theirs.npy >b && cmp a b"
fi

if ! /usr/bin/python3 -c 'import hyperspy.api' 2>/dev/null
then skip 'MSA beside HyperSpy' 'no python3-hyperspy'
else
	cat >peer.py <<'END'
import sys
import numpy as np
import hyperspy.api as hs

s = hs.load("out.msa")
axis = s.axes_manager[0]
instrument = s.metadata.Acquisition_instrument.TEM
print(s.data.astype("f4").tolist() == np.array([0.1, 770521.25, -3, 16777215, 1e-5], "f4").tolist(),
      axis.scale, axis.offset, axis.units, s.metadata.General.title, s.metadata.General.date, s.metadata.General.time,
      instrument.beam_energy, instrument.Detector.EELS.collection_angle)
hs.signals.Signal1D(np.arange(7) * 0.25, axes=[{"size": 7, "scale": 0.1, "offset": 283.5, "units": "eV"}]).save(
    "theirs.msa")
END
	check_is 'HyperSpy finds our values, axis and metadata' \
		'True 0.183238268 -17.6359857 eV low loss 2016-02-09 18:50:00 200.0 30.5' \
		"$(/usr/bin/python3 peer.py 2>&1 | tail -n 1)"
	check 'we find what HyperSpy wrote' "emcat -O npy -o theirs.npy theirs.msa &&
		emcat -j theirs.msa >theirs.json &&
		grep -q '\"size\":7,\"scale\":0.1,\"offset\":283.5,\"units\":\"eV\"' theirs.json &&
		/usr/bin/python3 -c \"import numpy as np; assert (np.load('theirs.npy') == np.arange(7) * 0.25).all()\""
fi
finish

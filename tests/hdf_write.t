#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# HyperSpy's files and Berkeley's EMD that emcat writes, read by itself, by h5py and by HyperSpy.
. "${0%/*}/lib.sh"

# samples FILE: each sample's pixels, and what its record has of its axes
samples() { emcat "$1" | tar -xOf - --exclude '*.json' | sha256sum; emcat -j "$1" | jq -c .axes; }

for format in hspy emd; do
	for name in stack3-u8.tif deflate-be-f32.tif strips-i16.tif be-f8.npy cube-f4.npy scan.ser; do
		check "$format: $name is written" 'emcat -O $format -o out.$format "$DATA/$name"'
		check_is "$format: $name comes back" "$(samples "$DATA/$name")" "$(samples out.$format)"
	done
	emcat --pixel-size 0.02nm -O $format -o scaled.$format "$DATA/stack3-u8.tif"
	check_is "$format: the size of a pixel comes back" '[0.02,0.02,"nm"]' \
		"$(emcat -j scaled.$format | jq -cs '.[2].axes | [.[0].scale, .[1].scale, .[1].units]')"
	emcat -O $format "$DATA/strips-i16.tif" >piped.$format
	emcat -O $format -o named.$format "$DATA/strips-i16.tif"
	check_same "$format: through a pipe it is the same file" piped.$format named.$format
	check_fails "$format: pictures of two sizes are no stack" 1 'another shape or type' \
		'emcat -O $format -o two.$format "$DATA/stack3-u8.tif" "$DATA/gray16.png"'
	check "$format: and leave no file" '! [ -e two.$format ] && [ -z "$(find . -name "two.*")" ]'
	check_fails "$format: a full disk is told, and leaves no file" 1 'cannot write|File too large' \
		'(trap "" XFSZ; ulimit -f 1; emcat -O $format -o full.$format "$DATA/gray16.png")'
	check "$format: not even a part of it" '[ -z "$(find . -name "full.*")" ]'
done

if ! /usr/bin/python3 -c 'import h5py' 2>/dev/null
then skip 'h5py reads every type' 'no h5py for /usr/bin/python3'
else
	cat >every_type.py <<'END'
import subprocess
import h5py
import numpy as np
for dtype in "u1 i1 u2 i2 u4 i4 u8 i8 f4 f8 c8 c16".split():
    # Of four dimensions: the stream has no pictures of every type.
    a = (np.arange(24).reshape(1, 2, 3, 4) * 5 - 7 * (dtype[0] != "u")).astype(dtype)
    if dtype[0] == "c":
        a = a * (1 - 2j)
    np.save("a.npy", a.astype(dtype))
    for form, path in ("hspy", "/Experiments/__unnamed__/data"), ("emd", "/data/__unnamed__/data"):
        subprocess.run(["emcat", "-O", form, "-o", "a." + form, "a.npy"], check=True)
        with h5py.File("a." + form, "r") as f:
            got = f[path][()]
            assert got.dtype == np.dtype(dtype) and (got == a).all(), (form, dtype, got)
            f.visititems(lambda name, node: dict(node.attrs) and None)
END
	check 'h5py reads every type' '/usr/bin/python3 every_type.py'
fi

if ! /usr/bin/python3 -c 'import hyperspy.api' 2>/dev/null
then skip 'HyperSpy reads them' 'no HyperSpy for /usr/bin/python3'
else
	emcat --pixel-size 0.02nm "$DATA/stack3-u8.tif" >stream.tar
	for format in hspy emd; do emcat -O $format -o stack.$format stream.tar; done
	cat >spectra.py <<'END'
import numpy as np
import hyperspy.api as hs
s = hs.signals.EELSSpectrum(np.arange(2 * 3 * 50, dtype="f4").reshape(2, 3, 50))
s.axes_manager[2].offset, s.axes_manager[2].scale, s.axes_manager[2].units = 100.1, 0.3, "eV"
for k in 0, 1:
    s.axes_manager[k].scale, s.axes_manager[k].units = 0.7, "nm"
s.metadata.General.title = "Fe \u00b5/L"
s.metadata.General.date, s.metadata.General.time = "2020-01-02", "03:04:05"
s.set_microscope_parameters(beam_energy=200, convergence_angle=10, collection_angle=20)
s.metadata.set_item("Acquisition_instrument.TEM.Stage.x", 0.125)
s.save("theirs.hspy")
END
	cat >compare.py <<'END'
import subprocess
import numpy as np
import hyperspy.api as hs
s = hs.load("stack.hspy")
assert s.axes_manager.navigation_shape == (3,) and s.data.dtype == np.uint8, s
assert [(a.name, a.scale, a.units) for a in s.axes_manager.signal_axes] == [("x", 0.02, "nm"), ("y", 0.02, "nm")]
e = hs.load("stack.emd")
# It takes EMD's first dimension for the fastest.
assert np.array_equal(e.data.T, s.data)
assert [(a.name, a.units) for a in e.axes_manager._axes] == [("x", "nm"), ("y", "nm"), ("t", "")], e.axes_manager._axes
subprocess.run(["emcat", "-O", "hspy", "-o", "ours.hspy", "theirs.hspy"], check=True)
theirs, ours = hs.load("theirs.hspy"), hs.load("ours.hspy")
assert type(ours) is type(theirs) and ours.data.dtype == theirs.data.dtype and (ours.data == theirs.data).all()
for a, b in zip(ours.axes_manager._axes, theirs.axes_manager._axes):
    assert (a.navigate, a.size, a.units) == (b.navigate, b.size, b.units), (a, b)
    assert abs(a.scale - b.scale) < 1e-8 and abs(a.offset - b.offset) < 1e-6, (a, b)
a, b = ours.metadata.as_dictionary(), theirs.metadata.as_dictionary()
for m in a, b:
    del m["General"]["FileIO"], m["Signal"]
    m.pop("_HyperSpy", None)
assert a == b, (a, b)
END
	check 'HyperSpy reads them, and has its own back' '/usr/bin/python3 spectra.py && /usr/bin/python3 compare.py'
fi
finish

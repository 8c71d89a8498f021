#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# TIFF out, as other programs see it: tifffile finds the series that ImageJ would, HyperSpy the axes.
. "${0%/*}/lib.sh"

if ! have_numpy; then skip 'TIFF for others' 'no python3 with numpy'; finish; fi
has() { "$PYTHON" -c "import $1" 2>/dev/null; }

emcat --pixel-size 0.25x0.5nm -O tiff -o px.tif "$DATA/tiles-u16.tif"
emcat -O tiff -o stack.tif "$DATA/series-dm.tif"
emcat -O tiff -o hyper.tif "$DATA/hyperstack.tif"

if has tifffile; then
	cat >facts.py <<'END'
import sys, tifffile
with tifffile.TiffFile(sys.argv[1]) as t:
    m, page = t.imagej_metadata, t.pages[0]
    x, y = page.tags[282].value, page.tags[283].value
    print(t.series[0].kind, t.series[0].axes, t.asarray().dtype, "%.9g" % t.asarray().astype("f8").mean(),
          "%.9g %.9g" % (y[1] / y[0], x[1] / x[0]), m["unit"], *[m[k] for k in sys.argv[2:]])
END
	facts() { "$PYTHON" facts.py "$@" 2>&1; }
	check_is 'tifffile: a picture' 'imagej YX uint16 4602.5 0.5 0.25 nm' "$(facts px.tif)"
	check_is 'tifffile: a series' 'imagej TYX float32 38.9602273 500 250 nm 2 2.5' \
		"$(facts stack.tif frames finterval)"
	check_is 'tifffile: a hyperstack' 'imagej TZYX uint16 1891.60317 0.25 0.25 nm 2 2 2 0.5' \
		"$(facts hyper.tif frames slices spacing finterval)"
else
	skip 'tifffile' 'not there'
fi

if has hyperspy.api; then
	cat >axes.py <<'END'
import sys, logging
logging.disable(logging.CRITICAL)
import hyperspy.api as hs
s = hs.load(sys.argv[1])
print(*["%d %.9g %s" % (a.size, a.scale, a.units) for a in s.axes_manager._axes], "%.9g" % s.data.astype("f8").mean())
END
	check_is 'HyperSpy: a picture' '21 0.5 nm 34 0.25 nm 4602.5' "$("$PYTHON" axes.py px.tif 2>&1 | tail -1)"
else
	skip 'HyperSpy' 'not there'
fi
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emplot's figures of series: curves, spectra with their spots, contact sheets.
. "${0%/*}/lib.sh"

have_numpy || { echo "Bail out! python3 with numpy is needed: run scripts/install-deps"; exit 1; }
png() { "$PYTHON" "$TOP/tests/png.py" "$@"; }
svg_says() { "$PYTHON" -c 'import sys, xml.dom.minidom as d
print(d.parse(sys.argv[1]).getElementsByTagName("desc")[0].firstChild.data)' "$1"; }
words() { pdftotext -layout "$1" - | sed 's/  */ /g'; } # runs of blanks as one

# ---- curve: series.tar has 5 samples at 0, 1, 2, 3, 4 s; a gap at the third

cat >series.py <<'END'
import io, json, tarfile

def series(path, records):
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for i, r in enumerate(records):
            data = json.dumps({"em": 1, "key": "s/%03d" % i, **r}).encode() + b"\n"
            info = tarfile.TarInfo("s/%03d.json" % i)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))

def crystal(t, film, u=None, **more):
    return {"crystal": {"time_s": t, "phases": {"film": {"fraction": film, "fraction_u": u},
                                                "bulk": {"fraction": 1.5}}, **more}}

v, u = [0.5, 1, None, 1.5, 1], [0.1, 0.2, None, 0.1, 0.4]
series("series.tar", [crystal(t, v[t], u[t], drift_px=[t, -t], drift_px_u=[0.5, 0.5]) for t in range(5)])
series("minutes.tar", [crystal(100 * t, v[t]) for t in range(5)])
series("broken.tar", [crystal(t, 1.03) if t != 2 else {"error": {"tool": "x", "text": "y"}} for t in range(5)])
series("late.tar", [{}, {}] + [crystal(t, 1) for t in range(5)])
series("dots.tar", [{"crystal": {"phases": {"a.b": {"fraction": i}, "": {"fraction": 1}, "x=y": {"fraction": 2},
                                            "c.": {"fraction": 3}, "plain": 7}}} for i in range(3)])
series("single.tar", [{"a": {"v": 7, "v_u": 1}}])
series("huge.tar", [{"a": {"v": 10.0 ** (60 * i), "w": -1e300, "n": None, "t": "text", "o": {}}} for i in range(6)])
END
"$PYTHON" series.py

data() { "$PYTHON" "$TOP/tests/plane.py" "$@"; }

film='-y crystal.phases.film.fraction'
emplot curve $film --y-range 0,2 -o film.png series.tar
# the plane ends at 4.06: 1.5 percent beyond the last time
check_is 'points and the lines between them' '0072b2 0072b2 0072b2 0072b2 0072b2 0072b2' \
	"$(data film.png 0 4.06 0 2 0 0.5 1 1 3 1.5 4 1 0.5 0.75 3.5 1.25)"
check_is 'a gap has neither line nor band' 'ffffff ffffff ffffff ffffff' \
	"$(data film.png 0 4.06 0 2 1.5 1.13 2 1.13 2 1.26 2.5 1.38)"
check_is 'the band: one standard uncertainty' 'c7e0ee c7e0ee ffffff ffffff c7e0ee ffffff' \
	"$(data film.png 0 4.06 0 2 0.5 0.88 0.5 0.62 0.5 0.92 0.5 0.58 3.95 1.34 3.95 1.43)"
emplot curve --band 0 $film --y-range 0,2 -o bare.png series.tar
check_is '--band 0: none' 'ffffff ffffff 0072b2' "$(data bare.png 0 4.06 0 2 0.5 0.88 0.5 0.62 0.5 0.75)"
emplot curve --band 2 $film --y-range 0,2 -o twice.png series.tar
check_is '--band 2' 'c7e0ee ffffff' "$(data twice.png 0 4.06 0 2 0.5 1.03 0.5 1.07)"
emplot curve --band 0 $film --y-range 0.81,1.21 -o cut.png series.tar
check_is '--y-range cuts what lies beyond' '0072b2 0072b2 ffffff' \
	"$(data cut.png 0 4.06 0.81 1.21 1 1 0.8 0.9 3 1.27)"
emplot curve $film --x crystal.drift_px.1 --y-range 0,2 -o back.png series.tar
check_is '--x, by index, with values that go down' '0072b2 0072b2' "$(data back.png -4.06 0.06 0 2 -1 1 -3 1.5)"
emplot curve -y a.v --y-range 0,10 -o single.png single.tar
check_is 'one sample: a point with a bar' '0072b2 8cbfdc 8cbfdc ffffff' \
	"$(data single.png 0.95 1.05 0 10 1 7 1 7.8 1 6.2 1 8.2)"
emplot curve --band 0 $film --y-range 0,2.1 -o broken.png broken.tar
check_is 'no line over a sample that failed' '0072b2 ffffff ffffff 0072b2' \
	"$(data broken.png 0 4.06 0 2.1 0.5 1.03 1.5 1.03 2.5 1.03 3.5 1.03)"

emplot curve -o default.svg series.tar
check_is 'default: the fractions of all phases' 'film: 0.5 to 1.5; bulk: 1.5 to 1.5' "$(svg_says default.svg)"
emplot curve -o late.svg late.tar
check_is 'phases that come late' 'film: 1 to 1; bulk: 1.5 to 1.5' "$(svg_says late.svg)"
emplot curve -o dots.svg dots.tar
check_is 'names of phases with dots, and such as are no path' 'a.b fraction: 0 to 2' \
	"$(svg_says dots.svg | sed 's/^b /a.b /')"
emplot curve -y crystal.drift_px.0,crystal.drift_px.1=across -y crystal.time_s -o drift.svg series.tar
check_is 'list, names, units where they differ' 'drift[0] (px): 0 to 4; across: -4 to 0; time (s): 0 to 4' \
	"$(svg_says drift.svg)"
emplot curve -y a.v -o huge.svg huge.tar
check_is 'what is beyond 1e100 is no value' 'v: 1 to 1e+60' "$(svg_says huge.svg)"
check_is 'a quantity without values beside another: a warning' 'emplot: a.n has no value in any sample' \
	"$(emplot curve -y a.v,a.n -o x.png huge.tar 2>&1)"
for f in png svg pdf; do
	emplot curve --format $f <series.tar >once
	emplot curve --format $f -t 1 series.tar >again
	check_same "$f: same bytes" once again
done

check_fails 'no such member' 1 'no sample.s record has crystal.phases.fim.fraction' \
	'emplot curve -y crystal.phases.film.fraction,crystal.phases.fim.fraction series.tar'
check_fails 'an index beyond the end' 1 'crystal.drift_px.2' 'emplot curve -y crystal.drift_px.2 series.tar'
check_fails 'a text' 1 'sample s/000: a.t is no number' 'emplot curve -y a.t huge.tar'
check_fails 'an object' 1 'a.o is no number' 'emplot curve -y a.o huge.tar'
check_fails 'a list' 1 'crystal.drift_px is no number' 'emplot curve -y crystal.drift_px series.tar'
check_fails 'all null' 1 'nothing to draw: a.n has no value' 'emplot curve -y a.n huge.tar'
check_fails 'all beyond' 1 'nothing to draw: a.w has no value' 'emplot curve -y a.w huge.tar'
check_fails 'no x' 1 'no sample.s record has a number a.x' 'emplot curve -y a.v --x a.x huge.tar'
check_fails 'nothing by default' 1 'no sample has fractions of phases' 'emplot curve huge.tar'
check_fails 'no path' 2 "'a..v' is no path" 'emplot curve -y a..v huge.tar'
check_fails 'an empty path' 2 "'' is no path" 'emplot curve -y a.v, huge.tar'
check_fails 'no path of x' 2 "'.a' is no path" 'emplot curve -y a.v --x .a huge.tar'
check_fails 'too many' 2 'more than 21' 'emplot curve -y a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a huge.tar'
check_fails 'bands below nothing' 2 'bands of -1' 'emplot curve --band -1 series.tar'
check_fails 'range the wrong way' 2 'y-range 2,1' 'emplot curve --y-range 2,1 series.tar'
check_fails 'range without end' 2 'cannot be drawn' 'emplot curve --y-range 0,inf series.tar'
check_fails 'range of one' 2 'give two numbers' 'emplot curve --y-range 7 series.tar'

# ---- bragg: waves of (1/16, 1/8) and (-1/8, 3/16) cycles per pixel over a frame of 64 x 128

cat >waves.py <<'END'
import numpy as np
y, x = np.mgrid[:64, :128]
np.save("wave.npy", (1e6 * np.cos(2 * np.pi * (y / 16 + x / 8))).astype(np.float32))
both = 100 + np.cos(2 * np.pi * (y / 16 + x / 8)) + np.cos(2 * np.pi * (-y / 8 + 3 * x / 16))
both[:3] = np.nan
np.save("both.npy", both.astype(np.float32))
np.save("nothing.npy", np.full((4, 4), np.nan, np.float32))
np.save("equal.npy", np.full((4, 4), 7, np.uint16))
np.save("one.npy", np.full((1, 1), 7, np.int32))
np.save("strip.npy", np.zeros((1, 5000), np.uint8))
np.save("large.npy", np.float32(3e38) * np.eye(9, dtype=np.float32))
np.save("complex.npy", np.arange(99).reshape(9, 11).astype(np.complex64))
END
# spots.py STREAM RECORD: the stream again, with the member "bragg" in each record.
cat >spots.py <<'END'
import io, json, sys, tarfile
with tarfile.open(sys.argv[1]) as src, tarfile.open("spots.tar", "w", format=tarfile.USTAR_FORMAT) as dst:
    for m in src:
        data = src.extractfile(m).read()
        if m.name.endswith(".json"):
            data = json.dumps({**json.loads(data), "bragg": json.loads(sys.argv[2])}).encode()
            m.size = len(data)
        dst.addfile(m, io.BytesIO(data))
END
"$PYTHON" waves.py
# 64 x 128 frequencies on 640 x 640 px: 10 x 5 px each.  (1/16, 1/8) is (4, 16) from (32, 64); text and gap 12 and 10 px
emplot bragg --percentile 99.7,99.95 --title '' -o wave.png wave.npy
check_is 'a wave is a pair of spots, and dark elsewhere' '660 ffffff ffffff 000000 000000' \
	"$(png wave.png 375 412 295 252 375 252 100 100 | cut -d' ' -f1,3-)"
emcat --pixel-size 0.1nm both.npy -o both.tar
"$PYTHON" spots.py both.tar '{"phases":[{"name":"film","spots":[{"y":0.0625,"x":0.125,"d_nm":0.71554},{"y":0.6,"x":0},
	{"y":1}, 7, {"y":0,"x":0}]},{"name":"bulk","spots":[{"y":-0.125,"x":0.1875,"d_nm":0.44376}]}]}'
# at 1280 px all is twice as large: gap 19, circles of 18 px and lines of nearly 3; blue and orange, lighter
emplot bragg --title '' --width 1280 -o both.png spots.tar
check_is 'circles about both spots of each pair' '59a3cd 59a3cd efc159 efc159' \
	"$(png both.png 749 841 589 521 509 921 829 441 | cut -d' ' -f3-)"
check_is 'and the spots in them, in spite of NaN' 'ffffff ffffff' "$(png both.png 749 824 509 904 | cut -d' ' -f3-)"
# 1.3 of 0.2253 is 0.2930: 19 of 64 and 38 of 128 to either side, 39 x 77 frequencies on 1280 px
emplot bragg --title '' --width 1280 --crop -o crop.png spots.tar
check_is '--crop: the same spots farther out' 'ffffff ffffff efc159' \
	"$(png crop.png 790 932 396 1058 396 1076 | cut -d' ' -f3-)"
emplot bragg -o both.svg spots.tar
check_is 'what is no spot is passed by' \
	'power spectrum of 64 x 128 pixels; film: 1 pairs of spots; bulk: 1 pairs of spots' "$(svg_says both.svg)"
for record in '{}' 7 null '{"phases":{}}' '{"phases":[1,{"spots":"x"},{"name":9,"spots":[[0.1,0.1]]}]}'; do
	"$PYTHON" spots.py both.tar "$record"
	check "a record of $record" 'emplot bragg -o odd.png spots.tar && png odd.png'
done
for f in nothing equal one strip large complex; do
	check "$f has a spectrum" "emplot bragg -o $f.png $f.npy && png $f.png"
done
check_fails 'no image' 1 'sample s/000' 'emplot bragg series.tar'
check_fails 'a key that is not there' 1 'no sample has the key' 'emplot bragg --key nowhere wave.npy'
check_is 'more than one: a warning' 'emplot: wave is drawn; 1 more sample is not: choose with --key or --nth' \
	"$(emplot bragg -o x.png wave.npy both.npy 2>&1)"

# ---- frames

cat >movie.py <<'END'
import io, json, os, tarfile
import numpy as np
os.mkdir("movie")
for i in range(101):
    np.save("movie/m%03d.npy" % i, np.full((20, 32), i, np.uint8))
for n, v in ("wide", np.full((16, 32), 40.0)), ("high", np.full((32, 16), 80.0)):
    v[:8] = np.nan
    np.save(n + ".npy", v.astype(np.float32))

def add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))

axes = [{"name": n, "size": s, "scale": 0.5, "offset": 0, "units": "nm"} for n, s in (("y", 80), ("x", 160))]
with tarfile.open("maps.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
    for i in range(4):
        if i != 2:
            npy = io.BytesIO()
            np.save(npy, np.full((10, 20), i, np.float32))
            add(tar, "m/%d.order.npy" % i, npy.getvalue())
        add(tar, "m/%d.json" % i, json.dumps({
            "em": 1, "key": "m/%d" % i, "axes": axes, "image": {"shape": [80, 160], "dtype": "uint8"},
            "crystal": {"time_s": 200 * i, "phases": {"film": {"fraction": 0.9 - i / 10},
                                                      "bulk": {"fraction": None}}}}).encode())
END
"$PYTHON" movie.py
emplot frames --percentile 0,100 --at 1,51 --at 101 -o three.png movie/*.npy
# pictures of 320 x 200, text 18 and gap 14 px
check_is '--at: black, grey and white in a row' '000000 808080 ffffff' \
	"$(png three.png 60 100 60 430 60 760 | cut -d' ' -f3-)"
emplot frames -o twelve.svg movie/*.npy
check_is 'twelve of 101, first and last among them' \
	'm000 m008 m020 m028 m036 m044 m056 m064 m072 m084 m092 m100' \
	"$(svg_says twelve.svg | grep -o 'm[01][0-9][0-9]' | paste -sd' ' -)"
emplot frames --percentile 0,100 -o few.svg movie/m00[0-4].npy
check_is 'all of five' '5 pictures, colours from 0 to 4: m000; m001; m002; m003; m004' "$(svg_says few.svg)"
emplot frames --percentile 0,100 --colormap viridis -o shapes.png wide.npy high.npy
# 320 x 160 and 160 x 320 side by side, in places of 320 x 320
check_is 'shapes of their own, common colours, NaN' 'd9d9d9 440154 ffffff d9d9d9 fde725 ffffff' \
	"$(png shapes.png 30 200 130 200 300 200 30 360 130 360 130 600 | cut -d' ' -f3-)"
emplot frames --array order --percentile 0,100 -o maps.svg maps.tar 2>maps.err
check_is '--array, with times and fractions' \
	'3 pictures, colours from 0 to 3: 0.0 min, film 0.90; 3.3 min, film 0.80; 10.0 min, film 0.60' \
	"$(svg_says maps.svg)"
check_is 'samples without one: a warning' 'emplot: 1 sample is without this array' "$(sed 's/ left out//' maps.err)"
emcat movie/m00[0-2].npy | LC_ALL=C sed 's/"key":"m001","image":/"key":"m001","error":/' >failed.tar
check_is '--at: a sample that failed' 'emplot: sample 2 is left out: an earlier tool failed on it' \
	"$(emplot frames --at 1,2,2,3 -o x.png failed.tar 2>&1)"
check_fails '--at: nothing but failed ones' 1 'failed on every sample that --at names' 'emplot frames --at 2 failed.tar'
check_fails '--at: there is no such sample' 1 'no sample 6: the stream holds 5' \
	'emplot frames --at 2,6 movie/m00[0-4].npy'
check_fails '--at: without the array' 1 'sample m/2: no member' 'emplot frames --at 3 --array order maps.tar'
check_fails '--at: no number' 2 'give numbers of samples' 'emplot frames --at 1,x maps.tar'
check_fails '--at: 0' 2 'give numbers of samples' 'emplot frames --at 0 maps.tar'
check_fails 'no such array' 1 'no sample holds the array disorder: the first has order$' \
	'emplot frames --array disorder maps.tar'
check_fails 'no images' 1 'no sample holds an image' 'emplot frames maps.tar'

# ---- what the pages say, read by poppler

if have pdftotext; then
	emplot curve -o minutes.pdf minutes.tar
	words minutes.pdf >curve.txt
	for w in 'time (min)' film bulk '0 1 2 3 4 5 6' 1.4 0.6; do
		check "curves say: $w" "grep -qF '$w' curve.txt"
	done
	emplot frames --array order -q -o maps.pdf maps.tar
	check_is 'the scale bar of a map is that of the frame' '20 nm' "$(words maps.pdf | grep -o '[0-9]* nm')"
	emplot image --array order -q -o map.pdf maps.tar
	check_is 'of a single one too' '20 nm' "$(words map.pdf | grep -o '[0-9]* nm')"
	LC_ALL=C sed 's/"nm"/""  /g' maps.tar >pixels.tar
	emplot frames --array order -q -o maps.pdf pixels.tar
	check_is 'and in its pixels where it has no units' '50 px' "$(words maps.pdf | grep -o '[0-9]* px')"
	"$PYTHON" spots.py both.tar '{"phases":[{"name":"film","spots":[{"y":0.0625,"x":0.125,"d_nm":0.71554}]},
		{"name":"bulk","spots":[{"y":-0.125,"x":0.1875}]}]}'
	emplot bragg --crop -o both.pdf spots.tar
	check_is 'spacings, or frequencies; the scale bar; names' '0.225 px⁻¹ 0.716 nm 1 nm⁻¹ bulk film' \
		"$(words both.pdf | grep -oE '[0-9.]+ nm(⁻¹)?|0.[0-9]+ px⁻¹|film|bulk' | sort | paste -sd' ' -)"
	cat >ring.py <<'END'
import json, math, sys
n = int(sys.argv[1])
print(json.dumps({"phases": [{"name": "ring", "spots": [{"y": 0.3 * math.sin(a), "x": 0.3 * math.cos(a)}
    for a in ((i + 0.5) / n * math.pi - math.pi / 2 for i in range(n))]}]}))
END
	# How many labels there are, and how many pairs of them overlap.
	cat >apart.py <<'END'
import re
boxes = [tuple(float(v) for v in m[:4]) for m in re.findall(
    r'xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(0\.300)<', open("ring.html").read())]
high = 0.7 * (boxes[0][3] - boxes[0][1])  # poppler's boxes have room for accents
print(len(boxes), sum(a[0] < b[2] and b[0] < a[2] and abs(a[1] - b[1]) < high
                      for i, a in enumerate(boxes) for b in boxes[:i]))
END
	for n in 7 14 300; do
		"$PYTHON" spots.py both.tar "$("$PYTHON" ring.py $n)"
		emplot bragg -o ring.pdf spots.tar
		pdftotext -bbox ring.pdf ring.html
		"$PYTHON" apart.py
	done >apart
	check_is 'few spots in a ring have a label each' '7 0' "$(head -n 1 apart)"
	check_is 'many do not, and no label lies over another' '0 0' "$(sed 1d apart | cut -d' ' -f2 | paste -sd' ' -)"
else
	skip 'what PDFs say' 'no pdftotext'
fi

finish

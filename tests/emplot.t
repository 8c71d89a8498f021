#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emplot: whole figures, read back by other programs; what it says when there is nothing to draw.
. "${0%/*}/lib.sh"

have_numpy || { echo "Bail out! python3 with numpy is needed: run scripts/install-deps"; exit 1; }

# ---- inputs: chips of 20 px out of a picture of 100 x 140 px; class a in the upper half, b below, one unknown

cat >make.py <<'END'
import io, json, sys, tarfile
import numpy as np

def add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))

def chips(path, pictures, axes=True, without=None, **changes):
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for p in pictures:
            for r in range(5):
                for c in range(7):
                    key = "%s/r%03dc%03d" % (p, r, c)
                    label = "unknown" if (r, c) == (4, 6) else "a <1>" if r < 2 else "b&b"
                    j = {"em": 1, "key": key, "chip": {"row": r, "col": c, "box": [20 * r, 20 * c, 20, 20],
                                                       "grid": [5, 7], "image": [100, 140]},
                         "class": {"label": label, "p": 1.0, "scores": {"a <1>": 0, "b&b": 0, "nobody": 0}}}
                    if axes:
                        j["axes"] = [{"name": n, "size": 20, "scale": 0.5, "offset": 0, "units": "nm"} for n in "yx"]
                    j.update(changes)
                    j.pop(without, None)
                    add(tar, key + ".json", json.dumps(j).encode() + b"\n")

chips("records.tar", ["pic"])
chips("two.tar", ["pic", "deep/er", "third"], axes=False)
chips("odd-place.tar", ["pic"], chip={"row": 0})
chips("no-place.tar", ["pic"], without="chip")
chips("unclassified.tar", ["pic"], without="class")
chips("failed.tar", ["pic"], error={"tool": "emchip", "text": "x"})
# A micrograph whose left half is 0, right half 200: black and white
m = np.zeros((100, 140), np.uint8)
m[:, 70:] = 200
np.save("halves.npy", m)
np.save("small.npy", m[:50])
f = np.arange(600, dtype=np.float32).reshape(20, 30)
np.save("ramp.npy", f)
f[5:10, 5:10] = np.nan
f[0, 0] = np.inf
np.save("holes.npy", f)
np.save("nothing.npy", np.full((4, 4), np.nan, np.float32))
np.save("equal.npy", np.full((4, 4), 7, np.uint16))
np.save("one.npy", np.full((1, 1), 7, np.int32))
np.save("strip.npy", np.zeros((1, 5000), np.uint8))
np.save("line.npy", np.arange(10.0))
for t in ("int8", "uint16", "int32", "uint64", "float64", "complex64"):
    np.save(t + ".npy", np.arange(100).reshape(10, 10).astype(t))
END
"$PYTHON" make.py || exit 1

png() { "$PYTHON" "$TOP/tests/png.py" "$@"; }

# ---- classmap

# 100 x 140 px are drawn five times as large, as 500 x 700.  Text is 13 px high and the gap 10: the picture begins 35 px
# down and 10 px to the right.  The classes a and b have the first two colours of Okabe and Ito, 0072b2 and e69f00.
emplot classmap -o plain.png records.tar
check_is 'size; a and b on a plain ground; outlines; the page' '545 76adcc e5c376 0072b2 e69f00 ffffff' \
	"$(png plain.png 145 130 435 130 35 10 534 300 5 5 | cut -d' ' -f1,3-)"
emplot classmap -i halves.npy -o over.png records.tar
check_is '--image: the tint follows its black and white; unknown is striped grey' \
	'545 002235 80b9d9 453000 f3cf80' "$(png over.png 145 130 145 530 435 130 435 530 | cut -d' ' -f1,3-)"
emplot classmap --alpha 0 -i halves.npy -o bare.png records.tar
check_is '--alpha 0: the micrograph itself' '545 000000 ffffff' \
	"$(png bare.png 145 130 145 530 | cut -d' ' -f1,3-)"
check_is 'probability is opacity' '545 b0ccdb' "$(sed 's/"p": 1.0/"p": 0.5/' records.tar >half.tar
	emplot classmap half.tar >half.png; png half.png 145 130 | cut -d' ' -f1,3-)"
emplot classmap --title '' --legend none --width 280 -o alone.png records.tar
check_is 'without title and legend, at 280 px: picture and gaps only' '220 300' "$(png alone.png)"
emplot classmap --title '' --legend none --width 70 -o small.png records.tar
check_is 'smaller than life' '70 90' "$(png small.png)"
printf '{"classes":[{"name":"a <1>","color":"#ff0000"}]}' >colors.json
emplot classmap -c colors.json --alpha 1 -i halves.npy -o red.png records.tar
check_is '--colors; other classes keep off them' 'ff0000 0072b2' "$(png red.png 145 530 435 530 | cut -d' ' -f3-)"

# The chips' own pixels: cut by emchip, so that mosaic and micrograph must give the same figure.  A class by column.
emchip -s 20 halves.npy -o cut.tar
cat >classify.py <<'END'
import io, json, sys, tarfile
with tarfile.open("cut.tar") as src, tarfile.open("classified.tar", "w", format=tarfile.USTAR_FORMAT) as dst:
    for m in src:
        data = src.extractfile(m).read()
        if m.name.endswith(".json"):
            j = json.loads(data)
            j["class"] = {"label": "left" if j["chip"]["col"] < 3 else "right", "p": 0.8}
            data = json.dumps(j).encode() + b"\n"
            m.size = len(data)
        dst.addfile(m, io.BytesIO(data))
END
"$PYTHON" classify.py
emplot classmap -o mosaic.png classified.tar
emplot classmap -i halves.npy -o micrograph.png classified.tar
check_same 'mosaic of the chips = micrograph' mosaic.png micrograph.png
emcat --drop tif classified.tar | emplot classmap -i halves.npy >dropped.png
check_same 'so it is without the pixels in the stream' dropped.png micrograph.png

emplot classmap -o map.svg records.tar
svg_says() { "$PYTHON" -c 'import sys, xml.dom.minidom as d
print(d.parse(sys.argv[1]).getElementsByTagName("desc")[0].firstChild.data)' "$1"; }
check_is 'SVG is well-formed and names classes, counts and shares' \
	'a <1>: 14 chips, 40.0 %; b&b: 20 chips, 57.1 %; nobody: 0 chips, 0.0 %; unknown: 1 chips, 2.9 %' \
	"$(svg_says map.svg | sed 's/ of the area//g; s/class //g')"
emplot classmap two.tar -o two.png 2>two.err
for f in png svg pdf; do
	emplot classmap -o "again.$f" records.tar
	emplot classmap --format $f <records.tar >"plain.2.$f"
	sleep 1.1
	emplot classmap -t 1 --format $f -o third records.tar
	check_same "$f: same bytes from a file and a pipe" "again.$f" "plain.2.$f"
	check_same "$f: same bytes a second later" "again.$f" third
done

check_is 'several pictures: the first, and a warning' \
	'emplot: pic is drawn; 2 more pictures are left out (third): choose with --picture' \
	"$(cat two.err)"
check_is '--picture: none' '' "$(emplot classmap -p deep/er -o er.png two.tar 2>&1)"

# ---- abundance: bars of 640 px; the longest, b's, is all of that, a's 14/20

emplot abundance -o bars.png records.tar
check_is 'height: 4 bars and the axis' 267 "$(png bars.png | cut -d' ' -f1)"
emplot abundance -o bars.svg two.tar
check_is 'all pictures are counted' \
	'a <1>: 42 chips, 40.0 %; b&b: 60 chips, 57.1 %; nobody: 0 chips, 0.0 %; unknown: 3 chips, 2.9 %' \
	"$(svg_says bars.svg | sed 's/class //g')"
cat >bars.py <<'END'
# The lengths of the bars in pixels: runs of the class colours in the middle rows of the bars
import subprocess, sys
import numpy as np
exec(open(sys.argv[2]).read().rsplit("places = ", 1)[0])
for c in (0, 114, 178), (230, 159, 0):
    print((rgb == np.array(c, np.uint8)).all(axis=2).sum(axis=1).max())
END
check_is 'lengths of the bars' '448 640' "$("$PYTHON" bars.py bars.png "$TOP/tests/png.py" | paste -sd' ' -)"

# ---- image

emplot image --title '' -o ramp.png ramp.npy
# 20 x 30 px are drawn 22 times as large.  0..599, percentiles 2.995 and 596.005: pixel (10, 15) holds 315
check_is 'grey of a value' '460 868686 000000 ffffff' "$(png ramp.png 240 345 20 20 449 660 | cut -d' ' -f1,3-)"
emplot image --title '' --percentile 0,100 --colormap viridis -o holes.png holes.npy
check_is 'not a number, infinite, the greatest' '460 d9d9d9 d9d9d9 fde725' \
	"$(png holes.png 170 170 20 20 449 660 | cut -d' ' -f1,3-)"
for f in nothing equal one strip int8 uint16 int32 uint64 float64 complex64; do
	check "$f is drawn" "emplot image -o $f.png $f.npy && png $f.png"
done
check_is 'all-equal is mid-grey' 7f7f7f "$(png equal.png 300 300 | cut -d' ' -f3)"
check_is 'nothing but NaN' d55e00 "$(png nothing.png 300 300 | cut -d' ' -f3)"
emplot image -n 2 --title '' -o second.png ramp.npy holes.npy
emplot image --title '' -o holes2.png holes.npy
emplot image --key holes --title '' -o key.png ramp.npy holes.npy
check_same '-n' second.png holes2.png
check_same '--key' key.png holes2.png
check_is 'more than one sample: a warning' 'emplot: ramp is drawn; 1 more sample is not: choose with --key or --nth' \
	"$(emplot image -o x.png ramp.npy holes.npy 2>&1)"
check_is '-q: none' '' "$(emplot image -q -o x.png ramp.npy holes.npy 2>&1)"
emcat ramp.npy | emembed -e pixels -o embedded.tar
check_fails '--array that has one dimension' 1 'sample ramp: an array of 1 dimension' \
	'emplot image --array embedding embedded.tar'

# ---- PDF, read by poppler

words() { pdftotext -layout "$1" - | sed 's/  */ /g'; } # runs of blanks as one
if have pdftotext; then
	emplot classmap -o map.pdf records.tar
	check_is 'PDF: one page, 180 mm wide' '1 510' \
		"$(pdfinfo map.pdf | awk '/^Pages/ {p = $2} /^Page size/ {printf "%d %.0f\n", p, $3}')"
	words map.pdf >map.txt
	for w in pic 'class chips area' 'a <1> 14 40.0 %' 'b&b 20 57.1 %' 'nobody 0 0.0 %' 'unknown 1 2.9 %' \
		probability '10 nm'; do
		check "class map says: $w" "grep -qF '$w' map.txt"
	done
	emplot classmap -p deep/er -o er.pdf two.tar
	check_is 'title and scale bar of a picture without calibration' 'deep/er 20 px' \
		"$(words er.pdf | grep -oE 'deep/er|20 px' | paste -sd' ' -)"
	emplot abundance -o bars.pdf records.tar
	check_is 'counts and shares at the bars' '14 (40.0 %) 20 (57.1 %) 0 (0.0 %) 1 (2.9 %)' \
		"$(words bars.pdf | grep -oE '[0-9]+ \([0-9.]+ %\)' | paste -sd' ' -)"
	emplot abundance -m area -p pic -o area.pdf two.tar
	check_is '-m area' '40.0 % 57.1 % 0.0 % 2.9 %' "$(words area.pdf | grep -oE '[0-9.]+ %' | paste -sd' ' -)"
	emplot image --percentile 0,100 -o holes.pdf holes.npy
	check_is 'colour bar' '500 400 300 200 100 NaN' "$(words holes.pdf | grep -oE '[1-5]00|NaN' | paste -sd' ' -)"
	emcat --pixel-size 0.02nm "$DATA/demo.tif" | emplot image -o demo.pdf
	check_is 'scale bar of a calibrated picture' '2 nm' "$(words demo.pdf | grep -o '[0-9]* nm')"
else
	skip 'what PDFs say' 'no pdftotext'
fi

# ---- faults

: >empty
tar -cf none.tar -T /dev/null
check_fails 'no kind' 2 'the kind of figure comes first: abundance, bragg, classmap, curve, frames, image' 'emplot'
check_fails 'unknown kind' 2 "no kind of figure is called 'pie': abundance" 'emplot pie records.tar'
check_fails 'a file where the kind should be' 2 "'records.tar'" 'emplot records.tar'
check_fails 'name without format' 2 'give --format' 'emplot classmap -o map records.tar'
check_fails 'unknown format' 2 'format' 'emplot classmap --format gif records.tar'
check_fails 'percentiles the wrong way' 2 '99,1' 'emplot image --percentile 99,1 ramp.npy'
check_fails 'percentiles that are none' 2 'give two numbers' 'emplot image --percentile 5 ramp.npy'
check_fails 'opacity' 2 'not within 0..1' 'emplot classmap --alpha 2 records.tar'
check_fails 'too wide' 2 'at most' 'emplot image --width 40000 ramp.npy'
check_fails 'too high for its width' 2 'too big to draw|cannot be drawn' 'emplot image --width 32000 one.npy'
check_fails 'key and number' 2 'not both' 'emplot image --key ramp -n 1 ramp.npy'
for kind in classmap abundance image bragg curve frames; do
	check_fails "$kind: empty stream" 1 'the stream is empty' "emplot $kind none.tar"
	check_fails "$kind: no input" 1 'empty' "emplot $kind <empty"
	check_fails "$kind: no such file" 1 'gone' "emplot $kind gone.tar"
	check_fails "$kind: all samples failed" 1 'earlier tool failed' "emplot $kind failed.tar"
done
emcat ramp.npy holes.npy -o images.tar
check_fails 'classmap: cut stream' 1 'broken stream' 'head -c 20000 records.tar | emplot classmap'
check_fails 'abundance: cut stream' 1 'broken stream' 'head -c 20000 records.tar | emplot abundance'
check_fails 'image: cut stream, though the image itself is whole' 1 'broken stream' \
	'head -c 5000 images.tar | emplot image'
check_fails 'classmap: nothing classified' 1 'run emchip, emembed and emclassify' 'emplot classmap unclassified.tar'
check_fails 'abundance: nothing classified' 1 'run emchip, emembed and emclassify' 'emplot abundance unclassified.tar'
check_fails 'a micrograph is no class map' 1 'no sample is classified' 'emplot classmap "$DATA/demo.tif"'
check_fails 'no place' 1 'sample pic/r000c000: .*no "chip"' 'emplot classmap no-place.tar'
check_is 'abundance needs no place' 0 "$(emplot abundance no-place.tar >/dev/null; echo $?)"
check_fails 'broken place' 1 'sample pic/r000c000: "chip" lacks' 'emplot classmap odd-place.tar'
check_fails 'records without an image' 1 'sample pic/r000c000' 'emplot image records.tar'
check_fails 'picture that is not there' 1 'no chip of the picture nowhere' 'emplot classmap -p nowhere records.tar'
check_fails 'key that is not there' 1 'no sample has the key nowhere' 'emplot image --key nowhere ramp.npy'
check_fails 'number that is not there' 1 'no sample 3: the stream holds 2' 'emplot image -n 3 ramp.npy holes.npy'
check_fails 'array that is not there' 1 'sample ramp' 'emplot image --array x ramp.npy'
check_fails '--image missing' 1 'image gone.tif' 'emplot classmap -i gone.tif records.tar'
check_fails '--image of another size' 1 '50 x 140 px, but the chips were cut from 100 x 140' \
	'emplot classmap -i small.npy records.tar'
check_fails '--image that is none' 1 'line.npy' 'emplot classmap -i line.npy records.tar'
check_fails '--colors missing' 1 'gone.json' 'emplot classmap -c gone.json records.tar'
check_fails '--colors without classes' 1 'no "classes"' 'echo {} >no.json; emplot abundance -c no.json records.tar'
check 'a failure leaves no file' '! emplot classmap -o none.png unclassified.tar && ! [ -e none.png ]'
check_exit '/dev/full' 1 'emplot image ramp.npy >/dev/full'

finish

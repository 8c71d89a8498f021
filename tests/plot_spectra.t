#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emplot's figures of spectra: spectrum, profile, map.
. "${0%/*}/lib.sh"

have_numpy || { echo "Bail out! python3 with numpy is needed: run scripts/install-deps"; exit 1; }
data() { "$PYTHON" "$TOP/tests/plane.py" "$@"; }
svg_says() { "$PYTHON" -c 'import sys, xml.dom.minidom as d
print(d.parse(sys.argv[1]).getElementsByTagName("desc")[0].firstChild.data)' "$1"; }

# spectra.tar: a line of two spectra, 20 and 60 counts up to 500 eV, 60 and 100 beyond; an edge there with a background
# of 40 counts (80 in both together); profiles and maps of two edges.
cat >spectra.py <<'END'
import io, json, math, sys, tarfile
import numpy as np

def stream(path, samples):
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, arrays, record in samples:
            members = []
            for name, a in arrays.items():
                f = io.BytesIO()
                np.save(f, a)
                members.append((key + "." + name + ".npy", f.getvalue()))
            members.append((key + ".json", json.dumps({"em": 1, "key": key, **record}).encode() + b"\n"))
            for name, data in members:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))

e = 400 + np.arange(201)
line = np.stack([np.where(e < 500, 20, 60), np.where(e < 500, 60, 100)]).astype("f4")
axes = [{"name": "x", "size": 2, "scale": 0.5, "offset": 0, "units": "nm"},
        {"name": "energy", "size": 201, "scale": 1, "offset": 400, "units": "eV"}]
x = np.linspace(0, 10, 21)
step = lambda b, a, at, w: [b + (a - b) * (1 + math.erf((v - at) / (math.sqrt(2) * w))) / 2 for v in x]
profile = lambda b, a, at, w: {"distance_nm": list(x), "counts": step(b, a, at, w), "counts_u": [a / 10] * 21,
                               "step_nm": at, "step_nm_u": 0.1, "width_nm": w, "width_nm_u": 0.2,
                               "before": b, "after": a}
edges = {"X-L23": {"onset_ev": 500, "fit_ev": [420, 480], "signal_ev": [500, 560], "amplitude": 80, "exponent": 0,
                   "profile": profile(0, 400, 5, 1)},
         "Y-K": {"onset_ev": 550, "profile": profile(0, 10, 7, 0.5)}}
up = np.arange(12.).reshape(3, 4).astype("f4")
stream("spectra.tar", [("a/line", {"data": line, "up": up, "down": 11 - up, "up-u": up, "cube": np.zeros((2, 2, 2))},
                        {"axes": axes, "eels": {"edges": edges}}),
                       ("a/flat", {"spectrum": np.full(201, 7, "f4"), "none": np.full((2, 2), np.nan)},
                        {"axes": axes[1:]})])
maps = [("a/cube", {"data": np.ones((3, 4, 5)), "up": up, "down": 11 - up, "up-u": up, "components": np.ones((2, 5)),
                    "list": x}, {"axes": [axes[0], axes[0], axes[1]]}),
        ("a/line", {"data": np.ones((24, 5)), "fall": np.arange(24.)[::-1], "fall-u": np.ones(24),
                    "components": np.ones((2, 5))}, {"axes": axes}),
        ("a/picture", {"up": up, "list": x}, {})]
stream("maps.tar", maps)
stream("band.tar", [("a", {"f": line[0], "f-low": line[0] - 10, "f-high": line[0] + 15, "g": line[0],
                           "g-low": line, "g-high": line, "rows": line}, {"axes": axes[1:]}),
                    ("b", {"spectrum": line[0], "rows": line}, {"axes": axes[1:]})])
stream("onsets.tar", [("a", {"data": np.ones((3, 4, 5)), "onset": 459 + up / 10, "flat": 832 + 0 * up},
                       {"axes": [axes[0], axes[0], axes[1]]})])
stream("one.tar", [("one", {"data": line[:1]}, {"axes": axes, "eels": {"edges": {"X-L23": edges["X-L23"]}}})])
stream("odd.tar", [("odd", {"spectrum": np.full(201, np.nan)}, {"axes": axes[1:], "eels": {"edges": {"Q": 3,
                    "R": {"profile": {"distance_nm": [], "counts": []}}, "S": {"profile": 7}}}})])
END
"$PYTHON" spectra.py

# ---- spectrum

emplot spectrum --y-range 0,100 -o mean.png spectra.tar 2>note
check_is 'the mean of the spectra' '282828 282828 ffffff' "$(data mean.png 400 600 0 100 410 40 570 80 570 50)"
check_is 'the fit window, the signal window, and what is in neither' 'e4e4e4 d1e5f1 ffffff' \
	"$(data mean.png 400 600 0 100 450 10 530 30 490 10)"
check_is 'the background over fit and signal, not beyond' 'e69f00 e69f00 e5e5e5' \
	"$(data mean.png 400 600 0 100 450 40 530 40 570 40)"
check_is 'a warning about what is not drawn' \
	'emplot: a/line is drawn; 1 more sample is not: choose with --key or --nth' "$(cat note)"
emplot spectrum --range 565,585 --y-range 0,100 -o zoom.png spectra.tar -q
check_is '--range' '282828 ffffff' "$(data zoom.png 565 585 0 100 567 80 584 50)"
emplot spectrum -o line.svg -n 1 spectra.tar
check_is 'what it says' '201 channels from 400 to 600 eV, mean of 2 spectra; edges: X-L23, Y-K' "$(svg_says line.svg)"
emplot spectrum --key a/flat -o flat.svg spectra.tar
check_is '--key' '201 channels from 400 to 600 eV' "$(svg_says flat.svg)"
emplot spectrum --array f --y-range 0,100 -n 1 -o band.png band.tar
check_is 'the interval of an array' 'ffffff a6cee4 282828 a6cee4 ffffff' \
	"$(data band.png 400 600 0 100 450 5 450 15 450 20 450 30 450 37)"
emplot spectrum --array f -n 1 -o band.svg band.tar
check_is 'and that it has one' '201 channels from 400 to 600 eV, with an interval' "$(svg_says band.svg)"
check_fails 'an interval of another shape' 1 'g-low has another shape than g' 'emplot spectrum --array g -n 1 band.tar'
emplot spectrum --array rows -n 2 -o rows.svg band.tar
check_is 'rows of an array: energies, as the spectrum has' '201 channels from 400 to 600 eV, mean of 2 spectra' \
	"$(svg_says rows.svg)"
check_fails '--range beyond' 1 'nothing of the spectrum \(400 to 600 eV\)' \
	'emplot spectrum -n 1 --range 700,800 spectra.tar'
check_fails 'no numbers' 1 'no channel that would be shown has a number' 'emplot spectrum odd.tar'
check_fails 'no such array' 1 'sample a/line' 'emplot spectrum -n 1 --array x spectra.tar'
check_fails 'no such key' 1 'no sample has the key b' 'emplot spectrum --key b spectra.tar'

# ---- profile: its own counts where it stands alone, else shares of the largest

emplot profile --y-range 0,500 --range 0,10 -o one.png one.tar
check_is 'points, bars of one standard uncertainty, the step' '0072b2 8cbfdc ffffff 0072b2' \
	"$(data one.png 0 10 0 500 8 399.5 8 435 8.25 435 5.25 239.5)"
emplot profile --band 0 --y-range 0,500 --range 0,10 -o bare.png one.tar
check_is '--band 0' 'ffffff' "$(data bare.png 0 10 0 500 8 435)"
emplot profile --y-range 0,1.25 --range 0,10 -o two.png spectra.tar -q
check_is 'two: each of its largest' '0072b2 e69f00 e69f00' "$(data two.png 0 10 0 1.25 8.25 0.9994 7.25 0.691 9.25 1)"
emplot profile -q -o two.svg spectra.tar
check_is 'what it says' \
	'X-L23: step at 5 ± 0.1 nm, width 1 ± 0.2 nm; Y-K: step at 7 ± 0.1 nm, width 0.5 ± 0.2 nm' "$(svg_says two.svg)"
check_fails 'no profile in any sample' 1 'no sample.s record has a profile' 'emplot profile odd.tar'
check_fails 'no profile in this one' 1 'sample a/flat: its record has no profile' 'emplot profile -n 2 spectra.tar'

# ---- map

emplot map -q -o maps.svg maps.tar
check_is 'all maps but uncertainties and arrays that are none' '2 maps: up, 0.055 to 10.9; down, 0.055 to 10.9' \
	"$(svg_says maps.svg)"
emplot map -n 1 --percentile 0,100 --array up-u,up -o two.svg spectra.tar
check_is '--array: these' '2 maps: up-u, 0 to 11; up, 0 to 11' "$(svg_says two.svg)"
emplot map --percentile 0,100 -o onsets.svg onsets.tar
check_is 'numbers that hardly differ' '2 maps: onset, 459 to 460.1; flat, 832 to 832' "$(svg_says onsets.svg)"
emplot map -n 2 -o none.svg spectra.tar
check_is 'a map without a value' '1 maps: none, no value' "$(svg_says none.svg)"
emplot map -q -n 3 -o picture.svg maps.tar
check_is 'maps of what has no spectra' '1 maps: up, 0.055 to 10.9' "$(svg_says picture.svg)"
emplot map -q --key a/line --percentile 0,100 --width 480 -o strip.png maps.tar
emplot map -q --key a/line --percentile 0,100 -o strip.svg maps.tar
check_is 'a map of a line' '1 maps: fall, 0 to 23 over 12 nm' "$(svg_says strip.svg)"
at() { "$PYTHON" "$TOP/tests/png.py" strip.png "$@" | cut -d ' ' -f 3-; }
check_is 'is a strip: its first, second and last value, 2 of 24 places high' \
	'ffffff f4f4f4 000000 f4f4f4 f4f4f4' "$(at 50 20 50 40 50 480 37 40 70 40)"
check_fails 'no maps' 1 'sample odd: no maps' 'emplot map odd.tar'
check_fails 'a cube is none' 1 'sample a/line' 'emplot map -n 1 --array cube spectra.tar'

for f in png svg pdf; do
	for kind in spectrum profile map; do
		from=spectra.tar
		[ $kind != map ] || from=maps.tar
		emplot $kind -q --format $f $from >once
		emplot $kind -q --format $f -t 1 $from >again
		check "$kind, $f: same bytes" 'test -s once && cmp once again'
	done
done

finish

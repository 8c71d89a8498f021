#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Files that instruments wrote, beside what a trusted reader says of them: GOLDEN.jsonl has of each data set the shape,
# type, mean, extremes, first and last value, and the axes (as RosettaSciIO gives them).  A format joins by its
# extensions.
. "${0%/*}/lib.sh"
EXTENSIONS='dm3 dm4 ser mrc map'

cat >golden.py <<'EOF'
"""golden.py FOLDER EXT...: a line for each file of GOLDEN.jsonl with such an extension, 'ok FILE' or 'not FILE: why'"""
import io, json, os, subprocess, sys, tarfile
import numpy as np

REAL, EXTENSIONS = sys.argv[1], tuple("." + e for e in sys.argv[2:])

# ---- what we give: the data sets of a file, planes of a stack put together again ----

def pixels(members, key, record):
    """The array of a sample: .tif is one uncompressed strip at the end of the member."""
    if key + ".tif" in members:
        image = record["image"]
        dtype = np.dtype(image["dtype"]).newbyteorder("<")
        n = int(np.prod(image["shape"])) * dtype.itemsize
        return np.frombuffer(members[key + ".tif"][-n:], dtype).reshape(image["shape"])
    name = [m for m in members if m.startswith(key + ".") and m.endswith(".npy")]
    return np.load(io.BytesIO(members[name[0]]))

def ours(path):
    out = subprocess.run(["emcat", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if out.returncode:
        raise ValueError(out.stderr.decode().strip() or "exit %d" % out.returncode)
    with tarfile.open(fileobj=io.BytesIO(out.stdout)) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar}
    sets = {}
    for name, text in members.items():
        if not name.endswith(".json"):
            continue
        record = json.loads(text)
        parts = record["key"].split("/")
        which = parts[1] if len(parts) > 1 and parts[1][0] == "d" else "d00"
        sets.setdefault(which, []).append((record["key"], record))
    for which in sorted(sets):
        samples = sorted(sets[which], key=lambda s: s[0])
        first = samples[0][1]
        arrays = [pixels(members, key, record) for key, record in samples]
        if "stack" not in first:
            yield arrays[0], first["axes"]
            continue
        shape = [axis["size"] for axis in first["stack"]]
        yield np.stack(arrays).reshape(shape + list(arrays[0].shape)), first["stack"] + first["axes"]

# ---- what is meant to differ, each with its reason: from the golden signal to what we should give ----

def energy_last(g, file):
    """DigitalMicrograph stores a spectrum image one energy after the other; RosettaSciIO leaves it so.  Spectra are
    what is asked for: we put their axis last, as HyperSpy does."""
    spectral = g["axes"][0]["units"] in ("eV", "keV", "meV") or "CL_spectrum-SI" in file
    if len(g["shape"]) != 3 or not spectral:
        return None
    return dict(g, shape=g["shape"][1:] + g["shape"][:1], axes=g["axes"][1:] + g["axes"][:1], spectra=True)

def lone_spectrum(g, file):
    """[E,1] is a spectrum, not an image one pixel high; HyperSpy drops the axis too."""
    if len(g["shape"]) != 2 or g["shape"][0] != 1 or g["shape"][1] < 100:
        return None
    return dict(g, shape=g["shape"][1:], axes=g["axes"][1:])

def spectra_keep_type(g, file):
    """A line of spectra is a .npy member, no picture, and keeps its type."""
    if len(g["shape"]) != 2 or not (g["axes"][1]["units"] == "eV" or "CL_spectrum-SI" in file):
        return None
    return dict(g, spectra=True)

def no_bool(g, file):
    """There is no bool among the types of the stream: 0 and 1 in a byte."""
    return dict(g, dtype="uint8") if g["dtype"] == "bool" else None

def grey(g, file):
    """Colour becomes grey; RosettaSciIO gives a record of R, G, B, A, of which it has no mean."""
    return dict(g, dtype="uint8") if "'R'" in g["dtype"] else None

def packed_odd(g, file):
    """The half plane of a transform 5 pixels wide: RosettaSciIO makes 4 columns of it and loses one of them, and its
    modulus has another mean.  Dimensions of the file say 5 x 5."""
    if "packed_complex8" not in file:
        return None
    g = dict(g, shape=[5, 5], axes=[g["axes"][0], dict(g["axes"][1], size=5)])
    g.pop("mean_abs")
    return g

def image_type(g, file):
    """An image member holds u8, u16, i16, i32, f32: others are widened (see emcat(1)); complex becomes its modulus."""
    wider = {"int8": "int16", "uint32": "int32", "float64": "float32", "complex64": "float32", "complex128": "float32"}
    if len(g["shape"]) < 2 or g.get("spectra") or g["dtype"] not in wider:
        return None
    return dict(g, dtype=wider[g["dtype"]])

def micro(g, file):
    """um is spelled with the micro sign."""
    if not any(a["units"] == "um" for a in g["axes"]):
        return None
    return dict(g, axes=[dict(a, units="\u00b5m") if a["units"] == "um" else a for a in g["axes"]])

def ser_metres(g, file):
    """RosettaSciIO turns the scale of a SER into nanometres but leaves the offset in metres; and its nanometres of a
    diffraction pattern are 1/m, 1e9 times: pixels of 1e15 nm are what tells (without the EMI nothing else does)."""
    if not file.endswith(".ser") or not any(a["units"] == "nm" for a in g["axes"]):
        return None
    def turn(a):
        if a["units"] == "nm" and abs(a["scale"]) > 1e12:
            return dict(a, scale=a["scale"] * 1e-18, offset=a["offset"] * 1e-9, units="1/nm")
        return dict(a, offset=a["offset"] * 1e9) if a["units"] == "nm" else a
    return dict(g, axes=[turn(a) for a in g["axes"]])

def ser_element(g, file):
    """The offset of the rows of a scan is that of the element that the calibration names, here the one past the last
    (as the positions in the tags confirm); RosettaSciIO takes it for that of the first."""
    if not file.endswith(".ser") or not any(a["scale"] < 0 for a in g["axes"]):
        return None
    return dict(g, axes=[dict(a, offset=a["offset"] - a["size"] * a["scale"]) if a["scale"] < 0 else a
                         for a in g["axes"]])

def ser_one_metre(g, file):
    """A scan whose points are a whole metre apart is one that nobody calibrated."""
    if not file.endswith(".ser") or g["axes"][0]["scale"] != 1e9:
        return None
    return dict(g, axes=[dict(g["axes"][0], scale=1, offset=0, units="")] + g["axes"][1:])

def ser_scan(g, file):
    """The spectra of a scan of two dimensions are a .npy member, too, and keep their type."""
    return dict(g, spectra=True) if len(g["shape"]) == 3 and g["axes"][2]["units"] == "eV" else None

def mrc_cell(g, file):
    """A cell below zero is how Direct Electron says that nobody calibrated, not a pixel of -1 nm."""
    if not file.endswith(".mrc") or not any(a["scale"] < 0 for a in g["axes"]):
        return None
    return dict(g, axes=[dict(a, scale=1, units="") if a["scale"] < 0 else a for a in g["axes"]])

def mrc_side_car(g, file):
    """Only a text file beside it says that a movie is a scan of 4 x 8 patterns: we read one file, of 32 frames."""
    if not file.endswith(".mrc") or len(g["shape"]) != 4:
        return None
    z = dict(name="z", size=g["shape"][0] * g["shape"][1], scale=1, offset=0, units="")
    return dict(g, shape=[z["size"]] + g["shape"][2:], axes=[z] + [dict(a, units="") for a in g["axes"][2:]])

def mrc_sections(g, file):
    """RosettaSciIO gives sections a distance without a unit.  Those of a volume (a map) are in nm; pictures in a pile,
    whose space group is 0, have none."""
    if not file.endswith((".mrc", ".map")) or len(g["shape"]) != 3 or g["axes"][0]["scale"] == 1:
        return None
    z = dict(g["axes"][0], units="nm") if file.endswith(".map") else dict(g["axes"][0], scale=1)
    return dict(g, axes=[z] + g["axes"][1:])

def half(g, file):
    """There is no half float among the types of the stream."""
    return dict(g, dtype="float32") if g["dtype"] == "float16" else None

def no_unit(g, file):
    """No unit is an empty text, not null."""
    if all(a["units"] is not None for a in g["axes"]):
        return None
    return dict(g, axes=[dict(a, units=a["units"] or "") for a in g["axes"]])

DIFFERENCES = [ser_metres, ser_element, ser_one_metre, ser_scan, mrc_cell, mrc_side_car,
               mrc_sections, half, no_unit,
               energy_last, lone_spectrum, spectra_keep_type, no_bool, grey, packed_odd, image_type, micro]

# ---- comparing ----

def near(a, b):
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b))

def compare(a, axes, g):
    if list(a.shape) != g["shape"]:
        yield "shape %s, not %s" % (list(a.shape), g["shape"])
        return
    if a.dtype.name != g["dtype"]:
        yield "type %s, not %s" % (a.dtype.name, g["dtype"])
    wide = np.abs(a) if "mean_abs" in g else a
    wide = wide.astype("float64")
    for name, value in (("mean", wide.mean()), ("mean_abs", wide.mean()), ("min", wide.min()), ("max", wide.max()),
                        ("first", wide.flat[0]), ("last", wide.flat[-1])):
        if name in g and not near(float(value), g[name]):
            yield "%s %.9g, not %.9g" % (name, value, g[name])
    for i, (mine, theirs) in enumerate(zip(axes, g["axes"])):
        for name in ("scale", "offset"):
            if not near(mine[name], theirs[name]):
                yield "axis %d: %s %.9g, not %.9g" % (i, name, mine[name], theirs[name])
        if mine["size"] != theirs["size"] or mine["units"] != theirs["units"]:
            yield "axis %d: %s, not %s" % (i, mine, theirs)
    if len(axes) != len(g["axes"]):
        yield "%d axes" % len(axes)

def check(golden, used):
    mine = list(ours(os.path.join(REAL, golden["file"])))
    if len(mine) != len(golden["signals"]):
        yield "%d data sets, not %d" % (len(mine), len(golden["signals"]))
    for i, ((a, axes), g) in enumerate(zip(mine, golden["signals"])):
        for difference in DIFFERENCES:
            changed = difference(g, golden["file"])
            if changed:
                used.add(difference)
                g = changed
        for what in compare(a, axes, g):
            yield "data set %d: %s" % (i, what)

used, files = set(), 0
for line in open(os.path.join(REAL, "GOLDEN.jsonl")):
    golden = json.loads(line)
    if not golden["file"].lower().endswith(EXTENSIONS):
        continue
    files += 1
    try:
        wrong = list(check(golden, used))
    except Exception as e:
        wrong = [str(e)]
    print("not %s: %s" % (golden["file"], "; ".join(wrong)) if wrong else "ok %s" % golden["file"])
for difference in DIFFERENCES:
    if difference not in used:
        print("not difference %s: no file needs it: remove it" % difference.__name__)
if not files:
    print("not any file")
EOF

if ! have_numpy; then skip 'golden values' 'no python3 with numpy'
elif ! have_real GOLDEN.jsonl; then skip 'golden values' "no GOLDEN.jsonl in $REAL"
else
	# shellcheck disable=SC2086
	"$PYTHON" golden.py "$REAL" $EXTENSIONS >result.txt 2>error.txt
	check_is 'the comparison ran to its end' '0 ' "$? $(cat error.txt)"
	while read -r verdict name; do
		if [ "$verdict" = ok ]; then ok "$name"; else not_ok "${name%%:*}" "${name#*: }"; fi
	done <result.txt
fi
finish

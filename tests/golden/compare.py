# SPDX-License-Identifier: GPL-3.0-or-later
"""compare.py FOLDER: a line for each file of GOLDEN.jsonl of a format that has its file here, 'ok FILE' or 'not FILE: why'"""
import glob, io, json, os, runpy, subprocess, sys, tarfile
import numpy as np

REAL = sys.argv[1]
FORMATS = [runpy.run_path(f) for f in sorted(glob.glob(os.path.join(os.path.dirname(__file__), "*.py")))
           if os.path.basename(f) != "compare.py"]

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

# ---- what is meant to differ in every format ----

def no_unit(g, file):
    """No unit is an empty text, not null."""
    if all(a["units"] is not None for a in g["axes"]):
        return None
    return dict(g, axes=[dict(a, units=a["units"] or "") for a in g["axes"]])


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


def image_type(g, file):
    """An image member holds u8, u16, i16, i32, f32: others are widened (see emcat(1)); complex becomes its modulus."""
    wider = {"int8": "int16", "uint32": "int32", "float64": "float32", "complex64": "float32", "complex128": "float32"}
    if len(g["shape"]) < 2 or g.get("spectra") or g["dtype"] not in wider:
        return None
    return dict(g, dtype=wider[g["dtype"]])


def lengths_in_nm(g, file):
    """Lengths are in nm and their reciprocals in 1/nm, whatever the file has: one unit for all that follows."""
    metres = {"pm": 1e-12, "m": 1, "mm": 1e-3, "um": 1e-6, "\u00b5m": 1e-6, "A": 1e-10, "\u00c5": 1e-10}
    factors = {u: (m / 1e-9, "nm") for u, m in metres.items()}
    factors.update({"1/" + u: (1e-9 / m, "1/nm") for u, m in metres.items()})
    if not any(a["units"] in factors for a in g["axes"]):
        return None
    def turn(a):
        f, units = factors.get(a["units"], (1, a["units"]))
        return dict(a, scale=a["scale"] * f, offset=a["offset"] * f, units=units)
    return dict(g, axes=[turn(a) for a in g["axes"]])

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

def check(golden, form, used):
    """`form`: the names of the format's file: EXTENSIONS, DIFFERENCES and, where data sets are left out or of another
    order, signals(golden)."""
    mine = list(ours(os.path.join(REAL, golden["file"])))
    signals = form.get("signals", lambda golden: golden["signals"])(golden)
    if len(mine) != len(signals):
        yield "%d data sets, not %d" % (len(mine), len(signals))
    for i, ((a, axes), g) in enumerate(zip(mine, signals)):
        for difference in [no_unit] + form["DIFFERENCES"] + [lone_spectrum, spectra_keep_type, image_type, lengths_in_nm]:
            changed = difference(g, golden["file"])
            if changed:
                used.add(difference)
                g = changed
        for what in compare(a, axes, g):
            yield "data set %d: %s" % (i, what)

used, files = {no_unit, lone_spectrum, spectra_keep_type, image_type, lengths_in_nm}, 0
for line in open(os.path.join(REAL, "GOLDEN.jsonl")):
    golden = json.loads(line)
    for form in FORMATS:
        if not golden["file"].lower().endswith(tuple("." + e for e in form["EXTENSIONS"])):
            continue
        files += 1
        try:
            wrong = list(check(golden, form, used))
        except Exception as e:
            wrong = [str(e)]
        print("not %s: %s" % (golden["file"], "; ".join(wrong)) if wrong else "ok %s" % golden["file"])
for form in FORMATS:
    for difference in form["DIFFERENCES"]:
        if difference not in used:
            print("not difference %s: no file needs it: remove it" % difference.__name__)
if not files:
    print("not any file")

# SPDX-License-Identifier: GPL-3.0-or-later
"""MRC and CCP4: what is meant to differ from RosettaSciIO, each with its reason: from the golden signal to what we should give."""

EXTENSIONS = ["mrc", "map"]


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


DIFFERENCES = [mrc_cell, mrc_side_car, mrc_sections, half]

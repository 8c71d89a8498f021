# SPDX-License-Identifier: GPL-3.0-or-later
"""TIFF: what is meant to differ from RosettaSciIO, each with its reason: from the golden signal to what we should give."""

EXTENSIONS = ["tif", "tiff"]


def signals(golden):
    """JPEG within TIFF, which the reference reader could not decode: a colour copy first, for which nothing tells the
    pixel size, and the picture.  Its pixels are tested against libtiff's in tests/unit, its calibration (block SIS0 of
    the second page) there too."""
    if "error" not in golden:
        return golden["signals"]
    axes = [dict(name=name, size=size, scale=1, offset=0, units="") for name, size in (("y", 101), ("x", 112))]
    return [dict(shape=[101, 112], dtype="uint8", axes=axes)]


def fields_of_view(g, file):
    """The field's width belongs to the width: RosettaSciIO gives the height of this camera's pixels to the width."""
    if not file.endswith("FEI-Helios-navcam.tif"):
        return None
    y, x = g["axes"]
    return dict(g, axes=[dict(y, scale=x["scale"]), dict(x, scale=y["scale"])])


def depth_has_the_unit(g, file):
    """ImageJ's spacing is in the unit of the pixels; RosettaSciIO leaves it without one."""
    z, x = g["axes"][0], g["axes"][-1]
    if z["name"] != "depth" or z["scale"] == 1 or not x["units"]:
        return None
    return dict(g, axes=[dict(z, units=x["units"])] + g["axes"][1:])


def reciprocal(g, file):
    """Without blanks: 1/nm."""
    if not any(a["units"] == "1 / nm" for a in g["axes"]):
        return None
    return dict(g, axes=[dict(a, units="1/nm") for a in g["axes"]])


def grey(g, file):
    """Colour becomes grey; RosettaSciIO gives a record of R, G, B, of which it has no mean."""
    return dict(g, dtype="uint8") if "'R'" in g["dtype"] else None


DIFFERENCES = [fields_of_view, depth_has_the_unit, reciprocal, grey]

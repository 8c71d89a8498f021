# SPDX-License-Identifier: GPL-3.0-or-later
"""TIA's data files, and its descriptions of them: what is meant to differ from RosettaSciIO, each with its reason: from the golden signal to what we should give."""

EXTENSIONS = ["ser", "emi"]


def ser_metres(g, file):
    """RosettaSciIO turns the scale of a SER into nanometres but leaves the offset in metres."""
    if not any(a["units"] == "nm" and abs(a["scale"]) < 1e9 for a in g["axes"]):
        return None
    return dict(g, axes=[dict(a, offset=a["offset"] * 1e9) if a["units"] == "nm" and abs(a["scale"]) < 1e9 else a
                         for a in g["axes"]])


def ser_reciprocal(g, file):
    """The offset of a pattern is 1/m in RosettaSciIO; where it does not look at the EMI, its nanometres are, 1e9
    times: pixels of 1e15 nm are what tells."""
    def turn(a):
        if a["units"] == "nm" and abs(a["scale"]) > 1e12:
            return dict(a, scale=a["scale"] * 1e-18, offset=a["offset"] * 1e-9, units="1/nm")
        return dict(a, offset=a["offset"] * 1e-9, units="1/nm") if a["units"] == "1 / nm" else a
    axes = [turn(a) for a in g["axes"]]
    return dict(g, axes=axes) if axes != g["axes"] else None


def ser_element(g, file):
    """The offset of the rows of a scan is that of the element that the calibration names, here the one past the last
    (as the positions in the tags confirm); RosettaSciIO takes it for that of the first."""
    if not any(a["scale"] < 0 for a in g["axes"]):
        return None
    return dict(g, axes=[dict(a, offset=a["offset"] - a["size"] * a["scale"]) if a["scale"] < 0 else a
                         for a in g["axes"]])


def ser_one_metre(g, file):
    """A scan whose points are a whole metre apart is one that nobody calibrated."""
    if g["axes"][0]["scale"] != 1e9:
        return None
    return dict(g, axes=[dict(g["axes"][0], scale=1, offset=0, units="")] + g["axes"][1:])


def ser_scan(g, file):
    """The spectra of a scan of two dimensions are a .npy member, too, and keep their type."""
    return dict(g, spectra=True) if len(g["shape"]) == 3 and g["axes"][2]["units"] == "eV" else None


DIFFERENCES = [ser_metres, ser_reciprocal, ser_element, ser_one_metre, ser_scan]

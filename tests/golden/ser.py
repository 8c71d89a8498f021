# SPDX-License-Identifier: GPL-3.0-or-later
"""TIA's data files: what is meant to differ from RosettaSciIO, each with its reason: from the golden signal to what we should give."""

EXTENSIONS = ["ser"]


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


DIFFERENCES = [ser_metres, ser_element, ser_one_metre, ser_scan]

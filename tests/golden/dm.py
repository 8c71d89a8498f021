# SPDX-License-Identifier: GPL-3.0-or-later
"""DigitalMicrograph: what is meant to differ from RosettaSciIO, each with its reason: from the golden signal to what we should give."""

EXTENSIONS = ["dm3", "dm4"]


def energy_last(g, file):
    """DigitalMicrograph stores a spectrum image one energy after the other; RosettaSciIO leaves it so.  Spectra are
    what is asked for: we put their axis last, as HyperSpy does."""
    spectral = g["axes"][0]["units"] in ("eV", "keV", "meV") or "CL_spectrum-SI" in file
    if len(g["shape"]) != 3 or not spectral:
        return None
    return dict(g, shape=g["shape"][1:] + g["shape"][:1], axes=g["axes"][1:] + g["axes"][:1], spectra=True)


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


DIFFERENCES = [energy_last, no_bool, grey, packed_odd]
